package plugin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/pluginhost"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
)

// fleetTime is how long the fleet is watched.
const fleetTime = time.Minute

// BenchmarkRunningFleet is what a fleet of 10 healthy nodes costs the plugin's
// process while nobody asks. It is polled every 30 s, ten times as often as by
// default, so that a minute says enough: this is an upper bound.
func BenchmarkRunningFleet(b *testing.B) {
	if _, err := os.ReadFile("/proc/self/stat"); err != nil {
		b.Skip("this system has no /proc")
	}
	executable := filepath.Join(b.TempDir(), "gpx_storagenode_monitor")
	if out, err := exec.Command("go", "build", "-o", executable, "..").CombinedOutput(); err != nil {
		b.Fatalf("build the plugin: %v\n%s", err, out)
	}
	host, err := pluginhost.Start(context.Background(), pluginhost.Options{Executable: executable, DataDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(host.Kill)
	var requests atomic.Int64
	var configured []string
	for n := range 10 {
		configured = append(configured, fmt.Sprintf(`{"name":"node-%d","api":%q}`, n, healthyNode(b, &requests)))
	}
	source := pluginhost.DataSource{Updated: time.Now(), JSONData: []byte(`{"nodes":[` + strings.Join(configured, ",") + `],"pollIntervals":{"statusSeconds":30,"scoresSeconds":30,"payoutsSeconds":300}}`)}
	if _, err := host.CheckHealth(context.Background(), &backend.CheckHealthRequest{PluginContext: source.Context()}); err != nil {
		b.Fatal(err)
	}
	// The first polls all come at once: they are over when every node has been asked for all it is asked for.
	if !holdsWithin(patience, func() bool { return requests.Load() >= 10*requestsOfARound }) {
		b.Fatalf("only %d requests of the first polls", requests.Load())
	}
	for b.Loop() {
		began, before, asked := time.Now(), processTime(b, host.Pid()), requests.Load()
		time.Sleep(fleetTime) // this is what is measured
		b.ReportMetric(100*(processTime(b, host.Pid())-before).Seconds()/time.Since(began).Seconds(), "%-of-a-core")
		if polled := requests.Load() - asked; polled < 10*2*2 {
			b.Fatalf("only %d requests reached the nodes", polled)
		}
		b.ReportMetric(float64(requests.Load()-asked), "requests")
		b.ReportMetric(residentMemory(b, host.Pid()), "resident-MiB")
	}
}

// requestsOfARound are status, satellites, two satellites, notifications and payout.
const requestsOfARound = 6

// healthyNode serves a recorded healthy node and counts the requests to it.
func healthyNode(b *testing.B, requests *atomic.Int64) string {
	b.Helper()
	for _, s := range replay.States() {
		if s.Name == "02-healthy" {
			node := replay.Handler(s.FS)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				node.ServeHTTP(w, r)
			}))
			b.Cleanup(server.Close)
			return server.URL
		}
	}
	b.Fatal("there is no recording of a healthy node")
	return ""
}

// processTime is the CPU time that a process has used.
func processTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	ticks := 0
	for _, field := range strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func residentMemory(b *testing.B, pid int) float64 {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "RssAnon:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
