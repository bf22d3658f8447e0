package plugin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/pluginhost"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func TestABackupIsForAdmins(t *testing.T) {
	server, _ := recorded(t, "03-degraded-audit-unknownsuspended", "node4")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	g.awaitState(map[string]string{"A": "connected"})
	backup := func(role string) *backend.CallResourceResponse {
		source := g.source
		source.Role = role
		response, err := g.host.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: source.Context(), Path: "backup", URL: "backup", Method: http.MethodGet})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	for _, role := range []string{"Viewer", "Editor", pluginhost.NoUser} {
		if got := backup(role); got.Status != http.StatusForbidden || !strings.Contains(string(got.Body), "admin") {
			t.Errorf("%s: it answers %d: %.80q", role, got.Status, got.Body)
		}
	}
	got := backup("Admin")
	if got.Status != http.StatusOK || !strings.Contains(strings.Join(got.Headers["Content-Disposition"], ""), "attachment") {
		t.Fatalf("it answers %d with %v: %.80q", got.Status, got.Headers, got.Body)
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(file, got.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	contents, err := store.ReadContents(file)
	if err != nil || contents.Damaged > 0 || len(contents.Bad) > 0 || contents.Commits+contents.Chunks == 0 {
		t.Errorf("the backup holds %+v, %v", contents, err)
	}
	dir := t.TempDir()
	if _, err := store.Restore(file, dir, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestMetricsTellOfTheStore(t *testing.T) {
	server, _ := recorded(t, "03-degraded-audit-unknownsuspended", "node4")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	g.awaitState(map[string]string{"A": "connected"})
	metrics := func() map[string]float64 {
		answer, err := g.host.CollectMetrics(t.Context(), &backend.CollectMetricsRequest{PluginContext: g.source.Context()})
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, m := range regexp.MustCompile(`(?m)^storagenode_monitor_store_(\w+)\{datasource="storagenodes",org="1"\} (\S+)$`).FindAllStringSubmatch(string(answer.PrometheusMetrics), -1) {
			v, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			values[m[1]] = v
		}
		return values
	}
	var values map[string]float64
	eventually(t, "rows are committed", func() bool {
		values = metrics()
		return values["commit_duration_seconds_count"] > 0 && values["recorded_samples_total"] > 0
	})
	if values["open"] != 1 || values["file_bytes"] == 0 || values["memory_limit_bytes"] != 512<<20 || values["commit_duration_seconds_sum"] <= 0 || values["recorded_rows_total"] == 0 {
		t.Errorf("the metrics are %v", values)
	}
	for _, name := range []string{"refused_rows_total", "unwritten_rows_total", "pending_rows", "chunks", "shed_chunks_total", "memory_bytes", "replayed_commits", "corruptions", "compaction_duration_seconds_count"} {
		if _, ok := values[name]; !ok {
			t.Errorf("there is no metric %s", name)
		}
	}
	if err := g.host.Crash(); err != nil {
		t.Fatal(err)
	}
	g.start()
	eventually(t, "commits are read back after a crash", func() bool { return metrics()["replayed_commits"] > 0 })
}
