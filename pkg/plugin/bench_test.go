package plugin_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	host := startPlain(b)
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

// startPlain starts the plugin as it is delivered: without the race detector.
func startPlain(b *testing.B) *pluginhost.Host {
	b.Helper()
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
	return host
}

// BenchmarkIdleLogs is what a fleet of 100 nodes costs whose logs are followed and silent, and
// which have no API.
func BenchmarkIdleLogs(b *testing.B) {
	host := startPlain(b)
	dir := b.TempDir()
	var configured []string
	for n := range 100 {
		path := filepath.Join(dir, fmt.Sprintf("node-%d.log", n))
		appendTo(b, path, startLine(time.Now()))
		configured = append(configured, fmt.Sprintf(`{"name":"node-%d","log":%q,"api":"http://127.0.0.1:1"}`, n, path))
	}
	source := pluginhost.DataSource{Updated: time.Now(), JSONData: []byte(`{"nodes":[` + strings.Join(configured, ",") + `],"pollIntervals":{"statusSeconds":86400,"scoresSeconds":86400,"payoutsSeconds":86400}}`)}
	following := func() bool {
		answer, err := host.QueryData(b.Context(), &backend.QueryDataRequest{
			PluginContext: source.Context(), Queries: []backend.DataQuery{pluginhost.Query("A", []byte(`{"queryType":"nodes"}`), time.Now(), time.Hour, 1)},
		})
		if err != nil {
			b.Fatal(err)
		}
		return !slices.ContainsFunc(rows(answer.Responses["A"].Frames[0]), func(row map[string]any) bool { return row["log_state"] != "following" })
	}
	if !holdsWithin(patience, following) {
		b.Fatal("not every log is followed")
	}
	for b.Loop() {
		began, before := time.Now(), processTime(b, host.Pid())
		time.Sleep(fleetTime) // this is what is measured
		b.ReportMetric(100*(processTime(b, host.Pid())-before).Seconds()/time.Since(began).Seconds(), "%-of-a-core")
		b.ReportMetric(residentMemory(b, host.Pid()), "resident-MiB")
	}
}

// BenchmarkLineToAnswer is how long an appended line takes until a query's answer has it, and
// until it comes in a live stream.
func BenchmarkLineToAnswer(b *testing.B) {
	host := startPlain(b)
	path := filepath.Join(b.TempDir(), "node.log")
	appendTo(b, path, startLine(time.Now()))
	source := pluginhost.DataSource{Updated: time.Now(), JSONData: fmt.Appendf(nil, `{"nodes":[{"name":"A","log":%q,"api":"http://127.0.0.1:1"}]}`, path)}
	counted := func() float64 {
		answer, err := host.QueryData(b.Context(), &backend.QueryDataRequest{
			PluginContext: source.Context(),
			Queries:       []backend.DataQuery{pluginhost.Query("A", []byte(`{"queryType":"traffic","metrics":["operations"],"groupBy":["total"],"format":"table"}`), time.Now(), 2*time.Hour, 1)},
		})
		if err != nil {
			b.Fatal(err)
		}
		for _, row := range rows(answer.Responses["A"].Frames[0]) {
			return row["operations"].(float64)
		}
		return 0
	}
	appendTo(b, path, uploadLine(time.Now(), 0))
	if !holdsWithin(patience, func() bool { return counted() == 1 }) {
		b.Fatal("the log is not followed")
	}
	came := make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = host.RunStream(ctx, &backend.RunStreamRequest{PluginContext: source.Context(), Path: "log/a"}, func(*backend.StreamPacket) error {
			came <- time.Now()
			return nil
		})
	}()
	defer func() { cancel(); <-ended }()
	// The stream begins some time after it was asked for.
	var streamed, answered []float64
	total := 1.0
	for b.Loop() {
		appended := time.Now()
		appendTo(b, path, uploadLine(appended, int64(total)))
		total++
		if !holdsWithin(patience, func() bool { return counted() == total }) {
			b.Fatal("a line was not counted")
		}
		answered = append(answered, time.Since(appended).Seconds())
		select {
		case at := <-came:
			streamed = append(streamed, at.Sub(appended).Seconds())
		default: // the stream had not begun
		}
	}
	b.ReportMetric(1000*median(answered), "ms-to-answer")
	b.ReportMetric(1000*median(streamed), "ms-to-stream")
}

func median(all []float64) float64 {
	slices.Sort(all)
	if len(all) == 0 {
		return math.NaN()
	}
	return all[len(all)/2]
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
