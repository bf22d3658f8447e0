package pluginhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/pluginhost"
)

var samplePlugin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sampleplugin")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "gpx_sample")
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", file, "./testdata/sampleplugin").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the sample plugin: %w\n%s", err, out)
	}
	return file, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if file, err := samplePlugin(); err == nil {
		_ = os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

func start(t *testing.T, opts pluginhost.Options) *pluginhost.Host {
	t.Helper()
	executable, err := samplePlugin()
	if err != nil {
		t.Fatal(err)
	}
	opts.Executable = executable
	host, err := pluginhost.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Kill)
	return host
}

func TestQueryDataCarriesQuerySettingsAndErrors(t *testing.T) {
	host := start(t, pluginhost.Options{})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	source := pluginhost.DataSource{JSONData: []byte(`{"nodes":[]}`)}
	answer, err := host.QueryData(t.Context(), &backend.QueryDataRequest{
		PluginContext: source.Context(),
		Queries: []backend.DataQuery{
			pluginhost.Query("A", []byte(`{"queryType":"nodes"}`), now, time.Hour, 100),
			pluginhost.Query("B", []byte(`{"queryType":"bad"}`), now, time.Hour, 100),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	frame := answer.Responses["A"].Frames[0]
	got := fmt.Sprint(frame.Fields[0].At(0), frame.Fields[1].At(0), frame.Fields[2].At(0))
	if want := fmt.Sprint(now.UnixMilli(), `{"queryType":"nodes"}`, `{"nodes":[]}`); got != want {
		t.Errorf("the plugin saw %s, want %s", got, want)
	}
	if bad := answer.Responses["B"]; bad.Error == nil || !strings.Contains(bad.Error.Error(), "no such query type") || bad.Status != 400 {
		t.Errorf("refused query came back as status %d, error %v", bad.Status, bad.Error)
	}
}

func TestHealthResourceAndMetrics(t *testing.T) {
	host := start(t, pluginhost.Options{DataDir: "/somewhere", Env: []string{"EXTRA=1"}})
	source := pluginhost.DataSource{Name: "my nodes", Role: "Viewer"}

	health, err := host.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: source.Context()})
	if err != nil || health.Status != backend.HealthStatusOk || health.Message != "my nodes" || string(health.JSONDetails) != `{"a":1}` {
		t.Errorf("health = %+v, %v", health, err)
	}

	t.Setenv("MUST_NOT_REACH_THE_PLUGIN", "1")
	answer, err := host.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: source.Context(), Path: "env", Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	var environment []string
	if err := json.Unmarshal(answer.Body, &environment); err != nil {
		t.Fatalf("the parts were not joined: %v in %s", err, answer.Body)
	}
	seen := strings.Join(environment, "\n")
	if answer.Status != 200 || answer.Headers["Role"][0] != "Viewer" {
		t.Errorf("status %d, headers %v", answer.Status, answer.Headers)
	}
	if !strings.Contains(seen, "GF_PLUGIN_DATA_DIR=/somewhere") || !strings.Contains(seen, "EXTRA=1") || strings.Contains(seen, "HOME=") {
		t.Errorf("the plugin's environment is\n%s", seen)
	}

	metrics, err := host.CollectMetrics(t.Context(), &backend.CollectMetricsRequest{})
	if err != nil || !bytes.Contains(metrics.PrometheusMetrics, []byte("go_goroutines")) {
		t.Errorf("metrics: %v, %.80s", err, metrics.PrometheusMetrics)
	}
}

func TestRequestWithoutUser(t *testing.T) {
	host := start(t, pluginhost.Options{})
	source := pluginhost.DataSource{Role: pluginhost.NoUser, OrgID: 2}
	if got := source.Context().Namespace; got != "org-2" {
		t.Errorf("namespace %q", got)
	}
	answer, err := host.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: source.Context(), Path: "env", Method: "GET"})
	if err != nil || answer.Headers["Role"][0] != "none" {
		t.Errorf("headers %v, error %v; want no user", answer.Headers, err)
	}
}

func TestStreams(t *testing.T) {
	host := start(t, pluginhost.Options{})
	source := pluginhost.DataSource{}.Context()
	for path, want := range map[string]backend.SubscribeStreamStatus{
		"count": backend.SubscribeStreamStatusOK, "other": backend.SubscribeStreamStatusNotFound,
	} {
		answer, err := host.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{PluginContext: source, Path: path})
		if err != nil || answer.Status != want {
			t.Errorf("subscribe to %s: %+v, %v", path, answer, err)
		}
	}
	var got []string
	enough := errors.New("enough")
	err := host.RunStream(t.Context(), &backend.RunStreamRequest{PluginContext: source, Path: "count"}, func(p *backend.StreamPacket) error {
		if got = append(got, string(p.Data)); len(got) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || fmt.Sprint(got) != `[{"n":1} {"n":2}]` {
		t.Errorf("stream gave %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = host.RunStream(ctx, &backend.RunStreamRequest{PluginContext: source, Path: "count"}, func(*backend.StreamPacket) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled stream ended with %v", err)
	}
}

func TestKillIsCleanAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	host := start(t, pluginhost.Options{})
	pid := host.Pid()
	if host.Exited() || !alive(pid) {
		t.Fatal("the plugin does not run")
	}
	host.Kill()
	if !host.Exited() || !host.EndedCleanly() || alive(pid) {
		t.Errorf("after Kill: exited %v, cleanly %v, process alive %v", host.Exited(), host.EndedCleanly(), alive(pid))
	}
	expectEmpty(t, os.Getenv("TMPDIR"))
	host.Kill() // twice does no harm
}

func TestTempFolderWithALongPath(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 20))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	host := start(t, pluginhost.Options{})
	if _, err := host.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: pluginhost.DataSource{}.Context()}); err != nil {
		t.Error(err)
	}
	expectEmpty(t, long)
}

func TestCrashKillsAtOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	host := start(t, pluginhost.Options{})
	pid := host.Pid()
	if err := host.Crash(); err != nil {
		t.Fatal(err)
	}
	if !host.Exited() || host.EndedCleanly() || alive(pid) {
		t.Errorf("after Crash: exited %v, cleanly %v, process alive %v", host.Exited(), host.EndedCleanly(), alive(pid))
	}
	expectEmpty(t, os.Getenv("TMPDIR"))
	if _, err := host.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: pluginhost.DataSource{}.Context()}); err == nil {
		t.Error("a crashed plugin still answers")
	}
}

func TestStartFailures(t *testing.T) {
	executable, err := samplePlugin()
	if err != nil {
		t.Fatal(err)
	}
	notAPlugin := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(notAPlugin, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("TMPDIR", t.TempDir())
	for name, c := range map[string]struct {
		ctx  context.Context
		opts pluginhost.Options
		want string
	}{
		"missing":        {t.Context(), pluginhost.Options{Executable: "no/such/gpx_plugin"}, "go tool mage build"},
		"folder":         {t.Context(), pluginhost.Options{Executable: t.TempDir()}, "is a folder"},
		"not executable": {t.Context(), pluginhost.Options{Executable: notAPlugin}, "notes.txt"},
		"refuses":        {t.Context(), pluginhost.Options{Executable: executable, Env: []string{"SAMPLE_REFUSES=1"}}, "the sample refuses to start"},
		"cancelled":      {cancelled, pluginhost.Options{Executable: executable}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			host, err := pluginhost.Start(c.ctx, c.opts)
			if err == nil {
				host.Kill()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
	expectEmpty(t, os.Getenv("TMPDIR"))
}

func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	return err == nil && process.Signal(syscall.Signal(0)) == nil
}

func expectEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("left behind in the temp folder: %s", entry.Name())
	}
}
