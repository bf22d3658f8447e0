package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/pluginhost"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
)

// These tests drive the compiled plugin as Grafana does: over gRPC, with the race
// detector in it, against HTTP servers that replay recorded nodes.

const (
	sat0 = "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF"
	sat1 = "1ds2WEsr2Frv8AFcPkdHfCdUjDrnGpb6y4rpADpX32TXzxg57k"
	// The names of unknown satellites are the first 12 characters of their ids.
	sat0Name, sat1Name = "1xTwTPLWfiqf", "1ds2WEsr2Frv"
)

// patience bounds every wait: a busy machine needs long, a well one milliseconds.
const patience = 60 * time.Second

// compiled builds the plugin once for all tests.
var compiled = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gpx-test")
	if err != nil {
		return "", err
	}
	executable := filepath.Join(dir, "gpx_storagenode_monitor")
	if runtime.GOOS == "windows" {
		executable += ".exe"
	}
	out, err := exec.Command("go", "build", "-race", "-o", executable, "..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the plugin: %w\n%s", err, out)
	}
	return executable, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if executable, err := compiled(); err == nil {
		_ = os.RemoveAll(filepath.Dir(executable))
	}
	os.Exit(code)
}

// log keeps what the plugin wrote, for the message of a failed test.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// grafana is a Grafana with one data source, as far as the plugin can tell.
type grafana struct {
	t      *testing.T
	dir    string
	host   *pluginhost.Host
	log    *log
	source pluginhost.DataSource
}

func newGrafana(t *testing.T) *grafana {
	t.Helper()
	g := &grafana{t: t, dir: t.TempDir(), log: &log{}}
	g.start()
	t.Cleanup(func() {
		g.host.Kill()
		if text := g.log.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
			t.Errorf("the plugin raced or panicked:\n%s", text)
		}
		if t.Failed() {
			t.Logf("the plugin's log:\n%s", g.log)
		}
	})
	return g
}

func (g *grafana) start() {
	g.t.Helper()
	executable, err := compiled()
	if err != nil {
		g.t.Fatal(err)
	}
	g.host, err = pluginhost.Start(g.t.Context(), pluginhost.Options{Executable: executable, DataDir: g.dir, Stderr: g.log})
	if err != nil {
		g.t.Fatal(err)
	}
}

// configure saves settings, as a person or a provisioning file does.
func (g *grafana) configure(settings map[string]any) {
	g.t.Helper()
	encoded, err := json.Marshal(settings)
	if err != nil {
		g.t.Fatal(err)
	}
	g.source.JSONData = encoded
	g.source.Updated = g.source.Updated.Add(time.Second)
	if g.source.Updated.Before(time.Unix(1, 0)) {
		g.source.Updated = time.Now()
	}
}

type node struct {
	Name string `json:"name"`
	Log  string `json:"log,omitempty"`
	API  string `json:"api,omitempty"`
}

func nodes(all ...node) map[string]any { return map[string]any{"nodes": all} }

// ask sends one query over the last hour.
func (g *grafana) ask(query string) backend.DataResponse { return g.askOver(query, time.Hour, 500) }

func (g *grafana) askOver(query string, span time.Duration, points int64) backend.DataResponse {
	g.t.Helper()
	answer, err := g.host.QueryData(g.t.Context(), &backend.QueryDataRequest{
		PluginContext: g.source.Context(),
		Queries:       []backend.DataQuery{pluginhost.Query("A", json.RawMessage(query), time.Now(), span, points)},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return answer.Responses["A"]
}

// frames asks a query that must be answered.
func (g *grafana) frames(query string) data.Frames {
	g.t.Helper()
	response := g.ask(query)
	if response.Error != nil {
		g.t.Fatalf("%s: %v", query, response.Error)
	}
	if len(response.Frames) == 0 {
		g.t.Fatalf("%s: no frame", query)
	}
	for _, frame := range response.Frames {
		if frame.Meta == nil || frame.Meta.Type == "" || frame.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
			g.t.Fatalf("%s: a frame without type and version: %+v", query, frame.Meta)
		}
		if frame.Meta.ExecutedQueryString == "" {
			g.t.Errorf("%s: a frame without the executed query", query)
		}
	}
	return response.Frames
}

// rows are a table's rows by column name.
func rows(frame *data.Frame) []map[string]any {
	all := make([]map[string]any, frame.Rows())
	for i := range all {
		all[i] = map[string]any{}
		for _, field := range frame.Fields {
			value, ok := field.ConcreteAt(i)
			if !ok {
				value = nil
			}
			all[i][field.Name] = value
		}
	}
	return all
}

// eventually polls a condition until it holds; it fails the test when it does not.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !holdsWithin(patience, holds) {
		t.Fatalf("not within %s: %s", patience, what)
	}
}

// holdsWithin polls a condition.
func holdsWithin(limit time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(limit); ; {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(20 * time.Millisecond) // between two looks at the condition
	}
}

// awaitState waits until the status table shows every node in its state.
func (g *grafana) awaitState(want map[string]string) []map[string]any {
	g.t.Helper()
	var table []map[string]any
	eventually(g.t, fmt.Sprintf("states %v", want), func() bool {
		table = rows(g.frames(`{"queryType":"nodes"}`)[0])
		got := map[string]string{}
		for _, row := range table {
			got[row["node_name"].(string)] = row["state"].(string)
		}
		return cmp.Equal(want, got)
	})
	return table
}

// recorded serves the recording of a node and counts the requests to it.
func recorded(t *testing.T, state, name string) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	for _, s := range replay.States() {
		if s.Name == state && (name == "" || s.Node == name) {
			return counting(t, replay.Handler(s.FS))
		}
	}
	t.Fatalf("there is no recording %s %s", state, name)
	return nil, nil
}

func counting(t *testing.T, handler http.Handler) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler.ServeHTTP(w, r)
	}))
	// A stalled answer would else hold the server's end.
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server, &requests
}

// standing is what the reputation of one satellite must be.
type standing struct {
	Audit, Suspension, Online                 float64
	AuditsLeft                                float64
	DowntimeLeft                              float64
	Disqualified, Suspended, OfflineSuspended bool
}

const (
	fullAudits   = 41.0
	fullDowntime = 12 * 24 * 3600.0
)

func TestEveryRecordedStateOverGRPC(t *testing.T) {
	well := standing{Audit: 100, Suspension: 100, Online: 100, AuditsLeft: fullAudits, DowntimeLeft: fullDowntime}
	tests := map[string]struct {
		state, node string
		want        map[string]standing
		health      float64
	}{
		"healthy": {"02-healthy", "node0", map[string]standing{sat0: well, sat1: well}, 100},
		"unknown-suspended": {"03-degraded-audit-unknownsuspended", "node2", map[string]standing{
			sat0: {Audit: 100, Suspension: 54.17746465001458, Online: 100, AuditsLeft: fullAudits, DowntimeLeft: fullDowntime, Suspended: true},
			sat1: well,
		}, 0},
		"audits failed": {"03-degraded-audit-unknownsuspended", "node4", map[string]standing{
			sat0: {Audit: 97.22331871641523, Suspension: 100, Online: 100, AuditsLeft: 13, DowntimeLeft: fullDowntime},
			sat1: well,
		}, 100 * (97.22331871641523 - 96) / 4},
		"disqualified": {"04-disqualified", "node3", map[string]standing{
			sat0: {Audit: 95.9809440525076, Suspension: 100, Online: 100, Disqualified: true},
			sat1: well,
		}, 0},
		"over-used disk": {"05-overused-disk", "node4", map[string]standing{
			sat0: {Audit: 97.23633742935571, Suspension: 100, Online: 100, AuditsLeft: 13, DowntimeLeft: fullDowntime},
			sat1: well,
		}, 100 * (97.23633742935571 - 96) / 4},
		"offline-suspended": {"10-offline-suspended", "node6", map[string]standing{
			sat0: {Audit: 100, Suspension: 100, AuditsLeft: fullAudits, OfflineSuspended: true},
			sat1: {Audit: 100, Suspension: 100, AuditsLeft: fullAudits, OfflineSuspended: true},
		}, 0},
	}
	g := newGrafana(t)
	var all []node
	states := map[string]string{}
	for name, test := range tests {
		server, _ := recorded(t, test.state, test.node)
		all = append(all, node{Name: name, API: server.URL})
		states[name] = "connected"
	}
	stray, _ := recorded(t, "06-offline-stray-dq", "node5")
	silent, _ := recorded(t, "13-never-contacted-satellites", "node7")
	all = append(all, node{Name: "stray-disqualified", API: stray.URL}, node{Name: "never contacted", API: silent.URL})
	states["stray-disqualified"], states["never contacted"] = "connected", "connected"
	g.configure(nodes(all...))
	status := g.awaitState(states)

	table := g.standings()
	for name, test := range tests {
		if diff := cmp.Diff(test.want, table[name], approximately); diff != "" {
			t.Errorf("%s: table (-want +got)\n%s", name, diff)
		}
		instant := instants(t, g.frames(fmt.Sprintf(`{"queryType":"reputation","format":"instant","nodes":[%q],"metrics":["failed_audits_left"]}`, name)))
		if diff := cmp.Diff(map[string]float64{sat0Name: test.want[sat0].AuditsLeft, sat1Name: test.want[sat1].AuditsLeft}, instant); diff != "" {
			t.Errorf("%s: instant (-want +got)\n%s", name, diff)
		}
		health := instants(t, g.frames(fmt.Sprintf(`{"queryType":"reputation","format":"instant","nodes":[%q],"metrics":["health_percent"]}`, name)))
		if diff := cmp.Diff(map[string]float64{"": test.health}, health, approximately); diff != "" {
			t.Errorf("%s: health (-want +got)\n%s", name, diff)
		}
		for metric, value := range map[string]float64{"audit_score_percent": test.want[sat0].Audit, "downtime_left_seconds": test.want[sat0].DowntimeLeft, "disqualified": number(test.want[sat0].Disqualified), "offline_suspended": number(test.want[sat0].OfflineSuspended)} {
			series := lastOfSeries(t, g.frames(fmt.Sprintf(`{"queryType":"reputation","nodes":[%q],"satellites":[%q],"metrics":[%q]}`, name, sat0Name, metric)))
			if diff := cmp.Diff(map[string]float64{fmt.Sprintf("%s node=%s satellite=%s", metric, name, sat0Name): value}, series, approximately); diff != "" {
				t.Errorf("%s: series of %s (-want +got)\n%s", name, metric, diff)
			}
		}
	}

	// Disqualified by every satellite for 30 days' silence: full scores do not make it well.
	if len(table["stray-disqualified"]) != 2 {
		t.Errorf("stray-disqualified has %d satellites", len(table["stray-disqualified"]))
	}
	for id, got := range table["stray-disqualified"] {
		if !got.Disqualified || got.AuditsLeft != 0 || got.DowntimeLeft != 0 {
			t.Errorf("stray-disqualified on %s: %+v", id, got)
		}
	}

	// A satellite that was never contacted gives no data and no alarm.
	for _, query := range []string{
		`{"queryType":"reputation","nodes":["never contacted"]}`,
		`{"queryType":"reputation","nodes":["never contacted"],"format":"instant"}`,
		`{"queryType":"reputation","nodes":["never contacted"],"format":"table"}`,
	} {
		frames := g.frames(query)
		for _, frame := range frames {
			if len(frame.Fields) != 0 {
				t.Errorf("%s: it answers %d rows of data", query, frame.Rows())
			}
		}
		if notices := frames[0].Meta.Notices; len(notices) != 1 || !strings.Contains(notices[0].Text, "no satellite has contacted") {
			t.Errorf("%s: its notices are %+v", query, notices)
		}
	}

	for _, row := range status {
		if row["node_name"] == "over-used disk" {
			want := map[string]any{"disk_used_bytes": 61615872.0, "disk_free_bytes": 0.0, "disk_trash_bytes": 17865472.0, "disk_allocated_bytes": 20000000.0, "version": "1.162.3", "up_to_date": true}
			for column, value := range want {
				if row[column] != value {
					t.Errorf("over-used disk: %s is %v, want %v", column, row[column], value)
				}
			}
		}
	}
	checkHealth(t, g, backend.HealthStatusOk)
	checkResource(t, g, tests["disqualified"].want[sat0])
}

// approximately compares scores: the node writes 0..1, the product percent.
var approximately = cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })

func number(set bool) float64 {
	if set {
		return 1
	}
	return 0
}

// instants reads a numeric answer through the data-plane library.
func instants(t *testing.T, frames data.Frames) map[string]float64 {
	t.Helper()
	reader, err := numeric.CollectionReaderFromFrames(frames)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := reader.GetCollection(false)
	if err != nil {
		t.Fatal(err)
	}
	if collection.Warning != nil {
		t.Errorf("the numeric frames are read with a warning: %v", collection.Warning)
	}
	values := map[string]float64{}
	for _, ref := range collection.Refs {
		value, _, err := ref.NullableFloat64Value()
		if err != nil {
			t.Fatal(err)
		}
		values[ref.GetLabels()["satellite"]] = *value
	}
	return values
}

// lastOfSeries reads a time series answer through the data-plane library.
func lastOfSeries(t *testing.T, frames data.Frames) map[string]float64 {
	t.Helper()
	reader, err := timeseries.CollectionReaderFromFrames(frames)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := reader.GetCollection(false)
	if err != nil {
		t.Fatal(err)
	}
	if collection.Warning != nil {
		t.Errorf("the time series are read with a warning: %v", collection.Warning)
	}
	last := map[string]float64{}
	for _, ref := range collection.Refs {
		size, err := ref.Len()
		if err != nil {
			t.Fatal(err)
		}
		labels := ref.GetLabels()
		name := fmt.Sprintf("%s node=%s satellite=%s", ref.GetMetricName(), labels["node"], labels["satellite"])
		for i := range size {
			_, value, err := ref.NullableFloat64Point(i)
			if err != nil {
				t.Fatal(err)
			}
			if value != nil {
				last[name] = *value
			}
		}
	}
	return last
}

type check struct{ Node, Check, Status, Message, Mend string }

func checkHealth(t *testing.T, g *grafana, want backend.HealthStatus) map[string][]check {
	t.Helper()
	began := time.Now()
	result, err := g.host.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: g.source.Context()})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the health check took %s", took)
	}
	if result.Status != want {
		t.Errorf("health is %s, want %s: %s", result.Status, want, result.Message)
	}
	var details struct{ Checks []check }
	if err := json.Unmarshal(result.JSONDetails, &details); err != nil {
		t.Fatal(err)
	}
	byNode := map[string][]check{}
	for _, c := range details.Checks {
		if (c.Status == "warning" || c.Status == "error") && c.Mend == "" {
			t.Errorf("a check does not say what to do: %+v", c)
		}
		byNode[c.Node] = append(byNode[c.Node], c)
	}
	return byNode
}

func checkResource(t *testing.T, g *grafana, want standing) {
	t.Helper()
	var message struct {
		Type string
		Data []map[string]any
	}
	get(t, g, "reputation?view=disqualified&view=healthy", http.StatusOK, &message)
	if message.Type != "reputation_data" || len(message.Data) != 4 {
		t.Fatalf("two nodes' reputation has type %q and %d records", message.Type, len(message.Data))
	}
	found := false
	for _, record := range message.Data {
		if record["node_name"] != "disqualified" || record["satellite"] != sat0 {
			continue
		}
		found = true
		delete(record, "timestamp")
		for key, value := range map[string]any{
			"satellite_name": sat0Name, "suspension_score": want.Suspension, "online_score": want.Online,
			"is_disqualified": true, "is_suspended": false, "failed_audits_left": 0.0,
		} {
			if record[key] != value {
				t.Errorf("the resource's %s is %v, want %v", key, record[key], value)
			}
		}
	}
	if !found {
		t.Error("the resource does not know the disqualified satellite")
	}
	get(t, g, "reputation?view=Aggregate", http.StatusOK, &message)
	if len(message.Data) != 14 {
		t.Errorf("Aggregate has %d records, want those of all nodes with scores, 14", len(message.Data))
	}
	get(t, g, "reputation?view=nobody", http.StatusNotFound, nil)
}

func get(t *testing.T, g *grafana, path string, status int, into any) {
	t.Helper()
	route, _, _ := strings.Cut(path, "?")
	response, err := g.host.CallResource(t.Context(), &backend.CallResourceRequest{PluginContext: g.source.Context(), Path: route, URL: path, Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if response.Status != status {
		t.Fatalf("%s answers %d: %s", path, response.Status, response.Body)
	}
	if into != nil {
		if err := json.Unmarshal(response.Body, into); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAfterAKillItCollectsWithoutARequest(t *testing.T) {
	server, requests := recorded(t, "03-degraded-audit-unknownsuspended", "node4")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	g.awaitState(map[string]string{"A": "connected"})
	before := lastOfSeries(t, g.frames(`{"queryType":"reputation","metrics":["audit_score_percent"]}`))
	awaitCommit(t, g)
	if err := g.host.Crash(); err != nil {
		t.Fatal(err)
	}
	asked := requests.Load()
	g.start()
	eventually(t, "requests to the node after the restart, though nobody asked the plugin", func() bool { return requests.Load() > asked })

	// With the node gone, what is answered can only be history.
	server.CloseClientConnections()
	server.Close()
	if err := g.host.Crash(); err != nil {
		t.Fatal(err)
	}
	g.start()
	g.awaitState(map[string]string{"A": "unreachable"})
	after := lastOfSeries(t, g.frames(`{"queryType":"reputation","metrics":["audit_score_percent"]}`))
	if diff := cmp.Diff(before, after); diff != "" || len(before) != 2 {
		t.Errorf("the history changed over the kill (-before +after)\n%s", diff)
	}
	status := rows(g.frames(`{"queryType":"nodes"}`)[0])[0]
	if status["version"] != "1.162.3" || !strings.Contains(status["last_error"].(string), "refused") {
		t.Errorf("the status after the restart is %v", status)
	}
}

// awaitCommit waits until the store's file has grown beyond its empty form.
func awaitCommit(t *testing.T, g *grafana) {
	t.Helper()
	eventually(t, "the first commit", func() bool {
		files, _ := filepath.Glob(filepath.Join(g.dir, "*", "store.db"))
		for _, file := range files {
			if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), "reputation/") {
				return true
			}
		}
		return false
	})
}

func TestACleanStopLosesNothing(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	g.awaitState(map[string]string{"A": "connected"})
	before := lastOfSeries(t, g.frames(`{"queryType":"reputation"}`))
	g.host.Kill()
	server.Close()
	g.start()
	after := lastOfSeries(t, g.frames(`{"queryType":"reputation"}`))
	if diff := cmp.Diff(before, after); diff != "" || len(before) != 21 {
		t.Errorf("of %d series, after the stop (-before +after)\n%s", len(before), diff)
	}
}

func TestChangedSettingsDoNotInterruptOtherNodes(t *testing.T) {
	kept, keptRequests := recorded(t, "02-healthy", "node0")
	moved, _ := recorded(t, "02-healthy", "node1")
	movedTo, _ := recorded(t, "02-healthy", "node1")
	added, _ := recorded(t, "04-disqualified", "node3")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "kept", API: kept.URL}, node{Name: "moved", API: moved.URL}))
	first := g.awaitState(map[string]string{"kept": "connected", "moved": "connected"})
	asked := keptRequests.Load()
	since := column(first, "kept", "state_since")
	history := lastOfSeries(t, g.frames(`{"queryType":"reputation"}`))

	old := g.source
	g.configure(nodes(node{Name: "kept", API: kept.URL}, node{Name: "moved", API: movedTo.URL}, node{Name: "added", API: added.URL}))
	second := g.awaitState(map[string]string{"kept": "connected", "moved": "connected", "added": "connected"})
	if keptRequests.Load() != asked || column(second, "kept", "state_since") != since {
		t.Errorf("the unchanged node was asked %d times more, its state is since %v, was %v", keptRequests.Load()-asked, column(second, "kept", "state_since"), since)
	}
	now := lastOfSeries(t, g.frames(`{"queryType":"reputation"}`))
	for series, value := range history {
		if now[series] != value {
			t.Errorf("%s was %v and is %v", series, value, now[series])
		}
	}
	// The old instance is disposed of 5 s after the change: nothing may end with it.
	disposed := time.Now().Add(6 * time.Second)
	eventually(t, "the old instance's end", func() bool { return time.Now().After(disposed) })
	g.awaitState(map[string]string{"kept": "connected", "moved": "connected", "added": "connected"})
	if strings.Contains(g.log.String(), `"@level":"error"`) {
		t.Errorf("errors were logged:\n%s", g.log)
	}
	// For some seconds after a change, Grafana's cache can give the old settings.
	stale := *g
	stale.source = old
	before := keptRequests.Load()
	stale.awaitState(map[string]string{"kept": "connected", "moved": "connected", "added": "connected"})
	if keptRequests.Load() != before {
		t.Error("old settings from a cache interrupted a node")
	}
	removed := nodes(node{Name: "kept", API: kept.URL})
	g.configure(removed)
	g.awaitState(map[string]string{"kept": "connected"})
	if response := g.ask(`{"queryType":"reputation","nodes":["moved"]}`); response.Error == nil || !strings.Contains(response.Error.Error(), "kept") {
		t.Errorf("a query for a removed node answers %v, want an error that names the nodes", response.Error)
	}
}

func column(table []map[string]any, node, name string) any {
	for _, row := range table {
		if row["node_name"] == node {
			return row[name]
		}
	}
	return nil
}

func TestTheSecondProcessWaitsForTheStore(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	first := newGrafana(t)
	first.configure(nodes(node{Name: "A", API: server.URL}))
	first.awaitState(map[string]string{"A": "connected"})

	second := newGrafana(t)
	second.host.Kill()
	second.dir, second.source = first.dir, first.source
	second.start()
	response := second.ask(`{"queryType":"reputation"}`)
	if response.Error == nil || !strings.Contains(response.Error.Error(), fmt.Sprint(first.host.Pid())) {
		t.Fatalf("with the store held by process %d the second answers %v", first.host.Pid(), response.Error)
	}
	found := false
	for _, c := range checkHealth(t, second, backend.HealthStatusError)[""] {
		found = found || c.Check == "store" && c.Status == "error" && strings.Contains(c.Message, "held by process")
	}
	if !found {
		t.Error("the second process's health does not name the holder")
	}
	first.host.Kill()
	eventually(t, "the second process takes over", func() bool { return second.ask(`{"queryType":"reputation"}`).Error == nil })
	second.awaitState(map[string]string{"A": "connected"})
}

func TestBadNodesDoNotHarmTheOthers(t *testing.T) {
	well, _ := recorded(t, "02-healthy", "node0")
	faults := map[string]struct {
		handler http.Handler
		says    string
	}{
		"html":     {replay.FaultHTML(), "web page"},
		"500":      {replay.FaultStatus(500), "500"},
		"garbage":  {replay.FaultGarbage(), ""},
		"huge":     {replay.FaultHuge(100 << 20), "8 MiB"},
		"redirect": {replay.FaultRedirectLoop(), "redirect"},
	}
	g := newGrafana(t)
	all := []node{{Name: "well", API: well.URL}}
	states := map[string]string{"well": "connected"}
	for name, fault := range faults {
		server, _ := counting(t, fault.handler)
		all = append(all, node{Name: name, API: server.URL})
		states[name] = "unreachable"
	}
	untrusted := httptest.NewTLSServer(replay.FaultHTML())
	t.Cleanup(untrusted.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	stalled, _ := counting(t, replay.FaultStalledBody())
	all = append(all, node{Name: "certificate", API: untrusted.URL}, node{Name: "refused", API: closed.URL}, node{Name: "stalled", API: stalled.URL})
	states["certificate"], states["refused"], states["stalled"] = "unreachable", "unreachable", "slow"
	settings := nodes(all...)
	settings["interactiveTimeoutSeconds"], settings["backgroundTimeoutSeconds"] = 1, 600
	g.configure(settings)
	table := g.awaitState(states)
	says := map[string]string{"certificate": "certificate", "refused": "refused"}
	for name, fault := range faults {
		says[name] = fault.says
	}
	for name, text := range says {
		if got := column(table, name, "last_error").(string); !strings.Contains(got, text) || got == "" {
			t.Errorf("%s: its last error is %q, want one with %q", name, got, text)
		}
	}
	if got := instants(t, g.frames(`{"queryType":"reputation","format":"instant","nodes":["well"],"metrics":["audit_score_percent"]}`)); got[sat0Name] != 100 {
		t.Errorf("the well node's scores are %v", got)
	}
	checks := checkHealth(t, g, backend.HealthStatusError)
	for name := range states {
		bad := ""
		for _, c := range checks[name] {
			if c.Check == "api" && c.Status == "error" {
				bad = c.Message
				if c.Mend == "" {
					t.Errorf("%s: its check says %q and not what to do", name, c.Message)
				}
			}
		}
		if (bad == "") != (name == "well") {
			t.Errorf("%s: its health check says %q", name, bad)
		}
	}
}

func TestWrongSettingsAreReportedAndTheRestRuns(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	g := newGrafana(t)
	g.configure(map[string]any{
		"nodes": []any{
			node{Name: "well", API: server.URL},
			node{Name: "", API: server.URL},
			"no-source",
			"Bad:/var/log/x.log:ftp://host",
			"well:/var/log/x.log",
			node{Name: "no file", Log: "/nowhere/node.log", API: server.URL},
		},
		"apiPort":       70000,
		"pollIntervals": map[string]any{"statusSeconds": 1},
		"noSuchSetting": true,
	})
	g.awaitState(map[string]string{"well": "connected", "no file": "connected"})
	checks := checkHealth(t, g, backend.HealthStatusError)
	var settings []string
	for _, c := range checks[""] {
		if c.Check == "settings" {
			settings = append(settings, c.Status+" "+c.Message)
			if c.Status == "error" && c.Mend == "" {
				t.Errorf("no mend for %q", c.Message)
			}
		}
	}
	text := strings.Join(settings, "\n")
	for _, want := range []string{"name", "no-source", "ftp", "well", "apiPort", "statusSeconds", "noSuchSetting"} {
		if !strings.Contains(text, want) {
			t.Errorf("health does not report %q:\n%s", want, text)
		}
	}
	found := false
	for _, c := range checks["no file"] {
		found = found || c.Check == "log_path" && c.Status == "error" && strings.Contains(c.Message, "/nowhere/node.log does not exist")
	}
	if !found {
		t.Errorf("health does not say that the log is missing: %+v", checks["no file"])
	}
	notices := g.frames(`{"queryType":"reputation"}`)[0].Meta.Notices
	if len(notices) == 0 || notices[len(notices)-1].Severity != data.NoticeSeverityError {
		t.Errorf("a query does not say that settings are wrong: %+v", notices)
	}
}

func TestWrongQueriesNameWhatIsAllowed(t *testing.T) {
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: "http://127.0.0.1:1"}))
	for query, wants := range map[string][]string{
		`{}`:                      {"queryType", "reputation", "nodes"},
		`{"queryType":"weather"}`: {"weather", "reputation", "nodes"},
		`{"queryType":"reputation","metrics":["x"]}`:    {`"x"`, "audit_score_percent"},
		`{"queryType":"reputation","format":"pie"}`:     {"pie", "timeseries", "instant", "table"},
		`{"queryType":"reputation","nodes":["B"]}`:      {`"B"`, "A"},
		`{"queryType":"reputation","node":"A"}`:         {`"node"`, `"nodes"`},
		`{"queryType":"nodes","metrics":["version"]}`:   {"version"},
		`{"queryType":"reputation","nodes":["/[/"]}`:    {"regular expression"},
		`{"queryType":"reputation","nodes":"A"}`:        {"nodes"},
		`{"queryType":"reputation","groupBy":["node"]}`: {"groupBy"},
	} {
		response := g.ask(query)
		if response.Error == nil || response.Status != backend.StatusBadRequest {
			t.Errorf("%s: status %d, error %v", query, response.Status, response.Error)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(response.Error.Error(), want) {
				t.Errorf("%s: %q does not name %s", query, response.Error, want)
			}
		}
	}
}

func TestEditorsResources(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "My Node", API: server.URL}))
	g.awaitState(map[string]string{"My Node": "connected"})
	var list []map[string]string
	get(t, g, "nodes", http.StatusOK, &list)
	if diff := cmp.Diff([]map[string]string{{"name": "My Node", "key": "my-node", "state": "connected"}}, list); diff != "" {
		t.Errorf("nodes (-want +got)\n%s", diff)
	}
	var satellites []map[string]string
	get(t, g, "satellites?node=My+Node", http.StatusOK, &satellites)
	if diff := cmp.Diff([]map[string]string{{"id": sat1, "name": sat1Name}, {"id": sat0, "name": sat0Name}}, satellites); diff != "" {
		t.Errorf("satellites (-want +got)\n%s", diff)
	}
	response, err := g.host.CallResource(context.Background(), &backend.CallResourceRequest{PluginContext: g.source.Context(), Path: "parse-specs", URL: "parse-specs", Method: http.MethodPost,
		Body: []byte(`{"specs":"A:/var/log/a.log\nB:nothing\nMy Node:/x.log","existing":["My Node"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Nodes    []node
		Problems []struct {
			Line  int
			Field string
			Mend  string
		}
	}
	if err := json.Unmarshal(response.Body, &parsed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]node{{Name: "A", Log: "/var/log/a.log"}}, parsed.Nodes); diff != "" {
		t.Errorf("parsed nodes (-want +got)\n%s", diff)
	}
	if len(parsed.Problems) != 2 || parsed.Problems[0].Line != 2 || parsed.Problems[1].Line != 3 || parsed.Problems[0].Mend == "" {
		t.Errorf("problems are %+v, want those of lines 2 and 3", parsed.Problems)
	}
}

// A node that answers never must not keep the person waiting who pressed Save & test.
func TestHealthAnswersWhateverANodeDoes(t *testing.T) {
	stalled, _ := counting(t, replay.FaultStalledBody())
	g := newGrafana(t)
	settings := nodes(node{Name: "stalled", API: stalled.URL})
	settings["interactiveTimeoutSeconds"] = 60
	g.configure(settings)
	checkHealth(t, g, backend.HealthStatusError) // it measures the time
}

// What was recorded just before Grafana ends the plugin is there afterwards: the
// stores are closed at the end, and do not only happen to be flushed before.
func TestTheEndCommitsAndGivesTheStoreFree(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	eventually(t, "scores", func() bool { return len(g.standings()["A"]) > 0 })
	g.host.Kill()
	if !g.host.EndedCleanly() || !strings.Contains(g.log.String(), "every store is free") {
		t.Error("the plugin did not close its stores at the end")
	}
	content, err := os.ReadFile(filepath.Join(g.dir, "org1-storagenodes", "store.db"))
	if err != nil || !strings.Contains(string(content), "audit_score_percent") {
		t.Errorf("the store after the end holds no scores: %v, %d bytes", err, len(content))
	}
}

func TestAnAlertRuleReadsOneMetric(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	g.awaitState(map[string]string{"A": "connected"})
	for query, refused := range map[string]bool{
		`{"queryType":"reputation","format":"instant","metrics":["audit_score_percent"]}`:                        false,
		`{"queryType":"reputation","format":"instant","metrics":["audit_score_percent","online_score_percent"]}`: true,
		`{"queryType":"reputation","format":"instant"}`:                                                          true,
		`{"queryType":"reputation"}`: false,
	} {
		answer, err := g.host.QueryData(t.Context(), &backend.QueryDataRequest{
			PluginContext: g.source.Context(),
			Headers:       map[string]string{"FromAlert": "true"},
			Queries:       []backend.DataQuery{pluginhost.Query("A", json.RawMessage(query), time.Now(), time.Hour, 100)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.Responses["A"].Error; (got != nil) != refused {
			t.Errorf("%s: an alert rule gets the error %v", query, got)
		}
	}
}
