package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestFleetTableComposesTheOthers(t *testing.T) {
	good := newNode(t, healthy(t, idX))
	risk := newNode(t, degraded(t, idY))
	bad := newNode(t, replay.FaultHTML())
	retired := at("old", newNode(t, replay.FaultHTML()))
	retired.Retired = true
	f := configure(t, newRegistry(t, "", nil), seldom(at("good", good), retired, at("risk", risk), at("bad", bad)))
	hasAudit(t, f, "good", healthyAudit)
	hasAudit(t, f, "risk", degradedAudit)
	hasState(t, f, "bad", concern.Unreachable)

	nodes := ask(t, f, `{"queryType":"nodes"}`)[0]
	scores := ask(t, f, `{"queryType":"reputation","format":"table"}`)[0]
	var table *data.Frame
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		table = ask(t, f, `{"queryType":"fleet"}`)[0]
		if cell(table, "status", 2) == "warning" { // all are judged: none has a log
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the third row is %s, %s: %s", cell(table, "node_name", 2), cell(table, "status", 2), cell(table, "problem", 2))
		}
	}
	if len(table.Fields) == 0 || table.Rows() != 4 || table.Meta.Type != data.FrameTypeTable {
		t.Fatalf("%+v", table)
	}
	rowOf := func(table *data.Frame, node string) int {
		for i := range table.Rows() {
			if cell(table, "node_name", i) == node {
				return i
			}
		}
		t.Fatalf("no row of %s", node)
		return 0
	}
	// What another query says is the same here.
	for _, node := range []string{"good", "risk", "bad", "old"} {
		for _, column := range []string{"state", "version", "health_percent", "disk_free_bytes", "estimated_payout_usd", "last_error"} {
			if got, want := cell(table, column, rowOf(table, node)), cell(nodes, column, rowOf(nodes, node)); got != want {
				t.Errorf("%s of %s is %s, and %s in the nodes' table", column, node, got, want)
			}
		}
	}
	for _, column := range []string{"failed_audits_left", "downtime_left_seconds"} {
		if got, want := cell(table, column, rowOf(table, "risk")), cell(scores, column, rowOf(scores, "risk")); got != want {
			t.Errorf("%s of risk is %s, and %s in its reputation", column, got, want)
		}
		if got := cell(table, column, rowOf(table, "bad")); got != "null" {
			t.Errorf("%s of bad is %s", column, got)
		}
	}
	if got := cell(table, "worst_score", rowOf(table, "risk")); !strings.Contains(got, " %, ") {
		t.Errorf("worst score %s", got)
	}
	if got := cell(table, "problems", 0); got == "0" || cell(table, "problem", 0) == "" {
		t.Errorf("%s problems: %s", got, cell(table, "problem", 0))
	}
	// Without a log nothing of this is known, and it is not 0.
	for _, column := range []string{"download_success_percent", "ingress_bytes"} {
		if got := cell(table, column, rowOf(table, "good")); got != "null" {
			t.Errorf("%s of a node without a log is %s", column, got)
		}
	}
	if got := cell(table, "status", rowOf(table, "old")); got != "retired" {
		t.Errorf("old is %s", got)
	}
	if got := cell(table, "not_watched", rowOf(table, "good")); got == "" {
		t.Error("it is not said what is not watched without a log")
	}
	// Of equal severity, who cannot be reached comes first, and then who stands worse.
	var order []string
	for i := range table.Rows() {
		order = append(order, cell(table, "node_name", i))
	}
	if diff := cmp.Diff([]string{"bad", "risk", "good", "old"}, order); diff != "" {
		t.Error(diff)
	}
	if one := ask(t, f, `{"queryType":"fleet","nodes":["good"]}`)[0]; one.Rows() != 1 || cell(one, "node_name", 0) != "good" {
		t.Errorf("%d rows", one.Rows())
	}
}

// Before anything came, it is said since when it is waited for.
func TestOverviewOfNothingYet(t *testing.T) {
	f := configure(t, newRegistry(t, "", nil), seldom(at("bad", newNode(t, replay.FaultHTML()))))
	hasState(t, f, "bad", concern.Unreachable)
	overview := ask(t, f, `{"queryType":"overview"}`)[0]
	if got := cell(overview, "failed_audits_left_of", 0); !strings.HasPrefix(got, "collecting since ") || !strings.HasSuffix(got, " UTC, no scores yet") {
		t.Errorf("failed audits left of %q", got)
	}
	if got := cell(overview, "nodes_text", 0); got != "0 of 1 up, missing: bad" {
		t.Errorf("nodes: %q", got)
	}
}

func TestOverview(t *testing.T) {
	risk := newNode(t, degraded(t, idY))
	bad := newNode(t, replay.FaultHTML())
	f := configure(t, newRegistry(t, "", nil), seldom(at("good", newNode(t, healthy(t, idX))), at("risk", risk), at("bad", bad)))
	hasAudit(t, f, "good", healthyAudit)
	hasAudit(t, f, "risk", degradedAudit)
	hasState(t, f, "bad", concern.Unreachable)
	worst := ask(t, f, `{"queryType":"reputation","nodes":["risk"],"format":"table"}`)[0]
	overview := ask(t, f, `{"queryType":"overview"}`)[0]
	if overview.Rows() != 1 {
		t.Fatalf("%d rows", overview.Rows())
	}
	for column, want := range map[string]string{
		"nodes_severity":        "3",
		"nodes_text":            "2 of 3 up, missing: bad",
		"failed_audits_left":    cell(worst, "failed_audits_left", 0),
		"failed_audits_left_of": "risk (" + cell(worst, "satellite", 0) + ")",
		"watch_severity":        "2",
		"watch_text":            "Not polled: bad (never)",
	} {
		if got := cell(overview, column, 0); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	one := ask(t, f, `{"queryType":"overview","nodes":["good"]}`)[0]
	for column, want := range map[string]string{
		"nodes_severity": "0", "nodes_text": "good is up", "watch_severity": "0", "failed_audits_left": "41",
	} {
		if got := cell(one, column, 0); got != want {
			t.Errorf("%s of one node is %q, want %q", column, got, want)
		}
	}
	if got := cell(one, "watch_text", 0); !strings.HasPrefix(got, "Oldest poll ") || !strings.HasSuffix(got, " s ago. No log is given") {
		t.Errorf("the watch of one node: %q", got)
	}
}

// What is not polled any more is said, and the scores have their age.
func TestOverviewOfWhatIsOld(t *testing.T) {
	n := newNode(t, healthy(t, idX))
	c := &clock{}
	f := configure(t, newRegistry(t, "", c.now), seldom(at("A", n)))
	hasAudit(t, f, "A", healthyAudit)
	n.serve(replay.FaultStatus(500))
	c.advance(72 * time.Hour)
	overview := ask(t, f, `{"queryType":"overview"}`)[0]
	// What was well is not known to be.
	if got := cell(overview, "failed_audits_left_of", 0); !strings.HasPrefix(got, "only of old: A (") || !strings.HasSuffix(got, "), 3 d ago") {
		t.Errorf("scores of %q", got)
	}
	if got := cell(overview, "failed_audits_left", 0); got != "null" {
		t.Errorf("%s failed audits left, of 3 days ago", got)
	}
	if got := cell(overview, "watch_severity", 0) + cell(overview, "watch_text", 0); got != "2Not polled: A (3 d ago)" {
		t.Errorf("the watch: %q", got)
	}
	for query, columns := range map[string][]string{
		`{"queryType":"fleet"}`:                       {"health_percent", "failed_audits_left", "downtime_left_seconds"},
		`{"queryType":"reputation","format":"table"}`: {"audit_score_percent", "suspension_score_percent", "online_score_percent", "failed_audits_left", "downtime_left_seconds"},
	} {
		table := ask(t, f, query)[0]
		for _, column := range columns {
			if got := cell(table, column, 0); got != "null" {
				t.Errorf("%s of 3 days ago is %s in %s", column, got, query)
			}
		}
	}
}

// What was at risk when it was last seen is a reason to worry, however long ago.
func TestOverviewOfOldTrouble(t *testing.T) {
	n := newNode(t, degraded(t, idY))
	c := &clock{}
	f := configure(t, newRegistry(t, "", c.now), seldom(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)
	before := cell(ask(t, f, `{"queryType":"overview"}`)[0], "failed_audits_left", 0)
	n.serve(replay.FaultStatus(500))
	c.advance(72 * time.Hour)
	overview := ask(t, f, `{"queryType":"overview"}`)[0]
	if got := cell(overview, "failed_audits_left", 0); got != before || before == "null" {
		t.Errorf("%s failed audits left, and %s before", got, before)
	}
	for _, query := range []string{`{"queryType":"fleet"}`, `{"queryType":"reputation","format":"table"}`} {
		if got := cell(ask(t, f, query)[0], "failed_audits_left", 0); got != before {
			t.Errorf("%s failed audits left in %s, and %s before", got, query, before)
		}
	}
	if got := cell(overview, "failed_audits_left_of", 0); !strings.HasPrefix(got, "A (") || !strings.HasSuffix(got, "), 3 d ago") {
		t.Errorf("scores of %q", got)
	}
}

// One node that is not polled hides no log that is not read.
func TestTheWatchNamesAllThatIsWrong(t *testing.T) {
	dead := newNode(t, replay.FaultStatus(500))
	deaf := newNode(t, healthy(t, idX))
	missing := at("deaf", deaf)
	missing.Log = settings.Source{Kind: settings.LogFile, Path: "/no/such.log"}
	f := configure(t, newRegistry(t, "", nil), seldom(at("dead", dead), missing))
	hasAudit(t, f, "deaf", healthyAudit)
	becomes(t, "the watch", func() (string, bool) {
		got := cell(ask(t, f, `{"queryType":"overview"}`)[0], "watch_text", 0)
		return got, got == "Not polled: dead (never). Log not read: deaf"
	})
}

func TestOverviewWithoutNodes(t *testing.T) {
	empty, err := newRegistry(t, "", nil).Configure(key, seldom(), settings.Report{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	overview := ask(t, empty, `{"queryType":"overview"}`)[0]
	for _, field := range overview.Fields {
		got[field.Name] = cell(overview, field.Name, 0)
	}
	want := map[string]string{
		"nodes_severity": "-1", "nodes_text": "No node is configured", "watch_severity": "-1", "watch_text": "Nothing to watch",
		"failed_audits_left": "null", "failed_audits_left_of": "no scores yet", "downtime_left_seconds": "null", "downtime_left_of": "no scores yet",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if table := ask(t, empty, `{"queryType":"fleet"}`)[0]; len(table.Fields) != 0 || table.Meta.Type != data.FrameTypeTable {
		t.Errorf("%+v", table)
	}
}
