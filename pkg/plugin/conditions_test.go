package plugin_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// These tests ask the compiled plugin what is wrong, as alert rules and dashboards do.

// told is one condition that is raised, with all that an alert says of it.
type told struct {
	Severity       string
	Value          float64
	Threshold      string
	Title, Message string
}

// conditions are those that are raised, by "node condition satellite". The three formats of
// the answer must agree.
func (g *grafana) conditions() map[string]told {
	g.t.Helper()
	words := map[float64]string{1: "info", 2: "warning", 3: "critical"}
	key := func(row map[string]any, node string) string {
		return strings.TrimSpace(fmt.Sprint(row[node], " ", row["condition"], " ", row["satellite"]))
	}
	var texts, table map[string]told
	ask := func() bool {
		texts, table = map[string]told{}, map[string]told{}
		severities := map[string]float64{}
		for _, row := range rows(g.frames(`{"queryType":"conditions","format":"severity"}`)[0]) {
			severities[key(row, "node")] = row["severity"].(float64)
		}
		for _, row := range rows(g.frames(`{"queryType":"conditions","format":"text"}`)[0]) {
			k := key(row, "node")
			if word := words[severities[k]]; word != "" {
				texts[k] = told{word, row["value"].(float64), row["threshold"].(string), row["title"].(string), row["message"].(string)}
			}
		}
		for _, row := range rows(g.frames(`{"queryType":"conditions","format":"table"}`)[0]) {
			if row["severity_number"].(float64) <= 0 {
				continue
			}
			k := key(row, "node_name")
			one := told{Severity: row["severity"].(string), Threshold: texts[k].Threshold, Title: row["title"].(string), Message: row["message"].(string)}
			if value, ok := row["value"].(*float64); ok && value != nil {
				one.Value = *value
			} else if value, ok := row["value"].(float64); ok {
				one.Value = value
			}
			table[k] = one
		}
		return cmp.Equal(texts, table)
	}
	// Something may change between two questions.
	if !holdsWithin(patience, ask) {
		g.t.Fatalf("the formats disagree (-text +table)\n%s", cmp.Diff(texts, table))
	}
	return texts
}

// severities are how grave what is raised is, by "node condition satellite".
func (g *grafana) severities() map[string]string {
	g.t.Helper()
	all := map[string]string{}
	for k, one := range g.conditions() {
		all[k] = one.Severity
	}
	return all
}

// watched says of a node's conditions which of them are watched.
func (g *grafana) watched(node, condition string) bool {
	g.t.Helper()
	for _, row := range rows(g.frames(fmt.Sprintf(`{"queryType":"conditions","format":"severity","nodes":[%q],"kinds":[%q]}`, node, condition))[0]) {
		if row["satellite"] == "" {
			return row["severity"].(float64) >= 0
		}
	}
	g.t.Fatalf("%s has no row of %s", node, condition)
	return false
}

// awaitConditions waits until exactly these are raised.
func (g *grafana) awaitConditions(want map[string]string) {
	g.t.Helper()
	var got map[string]string
	if !holdsWithin(patience, func() bool { got = g.severities(); return cmp.Equal(want, got) }) {
		g.t.Errorf("conditions (-want +got)\n%s", cmp.Diff(want, got))
	}
}

// What is raised of each recorded node: none of them has a log here.
func TestConditionsOfEveryRecordedState(t *testing.T) {
	t.Parallel()
	g := newGrafana(t)
	recordings := map[string][2]string{
		"healthy":            {"02-healthy", "node0"},
		"healthy too":        {"02-healthy", "node1"},
		"unknown-suspended":  {"03-degraded-audit-unknownsuspended", "node2"},
		"audits failed":      {"03-degraded-audit-unknownsuspended", "node4"},
		"disqualified":       {"04-disqualified", "node3"},
		"over-used disk":     {"05-overused-disk", "node4"},
		"stray-disqualified": {"06-offline-stray-dq", "node5"},
		"offline-suspended":  {"10-offline-suspended", "node6"},
		"never contacted":    {"13-never-contacted-satellites", "node7"},
	}
	var all []node
	states := map[string]string{}
	want := map[string]told{}
	for name, recording := range recordings {
		server, _ := recorded(t, recording[0], recording[1])
		all = append(all, node{Name: name, API: server.URL})
		states[name] = "connected"
		want[name+" blind"] = told{"warning", 0, "2", "Node Not Fully Watched", "Node " + name +
			" is not fully watched (0 of 2 can be seen: transfers, failed audits): it has no log here. Lost pieces, failed and slow audits and traffic are not watched; scores tell of them hours later. Give its log in the data source's settings: a file, docker://container, or the host:port of a log forwarder."}
	}
	suspended := func(node, satellite string) {
		want[node+" suspended "+satellite] = told{"critical", 1, "", "Node Suspended on " + satellite, "Node " + node + " is currently SUSPENDED on " + satellite + ". Improve performance immediately to avoid disqualification."}
	}
	disqualified := func(node, satellite string) { // before it was watched: nobody is woken
		want[node+" disqualified "+satellite] = told{"info", 1, "", "Node Disqualified on " + satellite, "Node " + node + " has been DISQUALIFIED on " + satellite + ". This is permanent and cannot be reversed."}
	}
	suspended("unknown-suspended", sat0Name)
	suspended("offline-suspended", sat0Name)
	suspended("offline-suspended", sat1Name)
	disqualified("disqualified", sat0Name)
	disqualified("stray-disqualified", sat0Name)
	disqualified("stray-disqualified", sat1Name)
	want["over-used disk disk_usage_critical"] = told{"info", 308.07936, "95%", "Critical Disk Usage on over-used disk",
		"Disk usage is 308.1% (threshold: 95.0%): 61.6 MB of 20.0 MB are used, 0 B are free. Once it is full the node takes no uploads, and is paid for what it stores."}
	// "audits failed" and "over-used disk" stand at 97.2 %, which is above 97 %, but no score of
	// theirs was known before: whether they fall, nobody knows.
	atRisk := func(severity, threshold string) {
		for name, score := range map[string]float64{"audits failed": 97.22331871641523, "over-used disk": 97.23633742935571} {
			want[name+" audit_risk "+sat0Name] = told{severity, score, strings.TrimSuffix(threshold, ".0") + "%", "Audit Score at Risk on " + sat0Name,
				fmt.Sprintf("Audit score is %.2f%% (threshold: %s%%). 13 failed audits left until disqualification. The satellite disqualifies at 96%%, at once and for ever. Check the disk, its file system and its cables.", score, threshold)}
		}
	}
	atRisk("warning", "98.0")

	g.configure(nodes(all...))
	g.awaitState(states)
	var got map[string]told
	if !holdsWithin(patience, func() bool { got = g.conditions(); return cmp.Equal(want, got, approximately) }) {
		t.Errorf("conditions (-want +got)\n%s", cmp.Diff(want, got, approximately))
	}
	for name, seen := range map[string]bool{"disqualified": true, "audit_risk": true, "audit_failed": false, "audit_slow": false, "lost_pieces": false, "node_unreachable": true} {
		if g.watched("healthy", name) != seen {
			t.Errorf("without a log %s is watched: %v", name, !seen)
		}
	}
	if g.watched("never contacted", "audit_risk") {
		t.Error("without a score audit_risk is watched")
	}

	// The operator's own thresholds change it, with the numbers in the text.
	settings := nodes(all...)
	settings["thresholds"] = map[string]any{"auditRiskCritical": 97.5}
	g.configure(settings)
	atRisk("critical", "97.5")
	if !holdsWithin(patience, func() bool { got = g.conditions(); return cmp.Equal(want, got, approximately) }) {
		t.Errorf("with another threshold (-want +got)\n%s", cmp.Diff(want, got, approximately))
	}
}

// What is raised of each simulated node whose trouble is some hours old when the plugin is
// installed: the log is read first, then the API answers.
func TestConditionsOfEveryScenario(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	g := newGrafana(t)
	var open atomic.Bool
	type simulation struct {
		trouble time.Duration // so long ago
		ended   time.Duration // its log, so long ago
		level   string
		want    map[string]string
	}
	all := []node{}
	want, states, ends := map[string]string{}, map[string]string{}, map[string]time.Time{}
	for i, c := range []struct {
		scenario simnode.Scenario
		simulation
	}{
		{simnode.Healthy, simulation{}},
		{simnode.FailingAudits, simulation{trouble: 8 * time.Hour, want: map[string]string{"audit_failed us1": "critical", "lost_pieces us1": "critical", "audit_risk us1": "warning"}}},
		{simnode.AuditTimeouts, simulation{trouble: 26 * time.Hour, level: "debug", want: map[string]string{"audit_slow us1": "critical", "audit_score_fell_silently us1": "critical", "audit_risk us1": "warning"}}},
		{simnode.UnknownErrors, simulation{trouble: 8 * time.Hour, want: map[string]string{"audit_failed us1": "critical", "suspended us1": "critical"}}},
		{simnode.FlakyUplink, simulation{trouble: 60 * time.Hour, want: map[string]string{}}},
		{simnode.FillingDisk, simulation{trouble: 60 * time.Hour, want: map[string]string{"disk_usage_high": "info"}}},
		{simnode.Restarting, simulation{trouble: 40 * time.Minute, want: map[string]string{"restart_loop": "critical"}}},
		// Whether it has any transfers to show, only its API tells, some hours later.
		{simnode.SilencedLog, simulation{trouble: 30 * time.Hour}},
		{simnode.Dead, simulation{trouble: 3 * time.Hour, want: map[string]string{"node_unreachable": "warning"}}},
		{simnode.SlowAPI, simulation{trouble: 3 * time.Hour}},
		// While its log moved, only its API would be slow.
		{simnode.HTMLInsteadOfJSON, simulation{trouble: 3 * time.Hour, ended: 10 * time.Minute, want: map[string]string{"node_unreachable": "warning"}}},
	} {
		name := string(c.scenario)
		s := simulate(t, simnode.Options{
			Seed: uint64(i + 40), Name: name, Scenario: c.scenario, Start: now.Add(-4 * day), TroubleAt: now.Add(-c.trouble),
			JoinedAge: 400 * day, Rate: 30, Level: c.level, APIDelay: 300 * time.Millisecond, Updates: []simnode.VersionChange{}, Outages: []simnode.Outage{},
		})
		s.advance(t, now.Add(-c.ended), now.Add(-c.trouble))
		for s.scenario == simnode.Restarting && !s.Up() { // between two starts
			now = now.Add(time.Second)
			s.advance(t, now, now.Add(-c.trouble))
		}
		handler := s.Handler()
		server, _ := counting(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !open.Load() {
				panic(http.ErrAbortHandler)
			}
			handler.ServeHTTP(w, r)
		}))
		all = append(all, node{Name: name, Log: s.log.Name(), API: server.URL})
		ends[name] = s.Truth().Log.Last.Truncate(time.Second)
		for condition, severity := range c.want {
			want[name+" "+condition] = severity
		}
		states[name] = "connected"
		if !s.answers() {
			states[name] = "unreachable"
		}
	}
	settings := nodes(all...)
	settings["backfillHours"] = -1
	// A score in which the log came first stands for five minutes beside what the API then says.
	settings["alerts"] = map[string]any{"flappingMinutes": 0}
	// A node is unreachable after a minute: a test cannot wait for twenty.
	settings["thresholds"] = map[string]any{"unreachableWarningMinutes": 1, "unreachableCriticalMinutes": 600}
	g.configure(settings)
	for _, n := range all {
		g.awaitFollowing(n.Name)
	}
	eventually(t, "the logs are read to their ends", func() bool {
		for _, row := range rows(g.frames(`{"queryType":"nodes"}`)[0]) {
			last, ok := row["log_last_line"].(time.Time)
			if !ok || last.Before(ends[row["node_name"].(string)]) {
				return false
			}
		}
		return true
	})
	open.Store(true)
	settings["pollIntervals"] = map[string]any{"scoresSeconds": 301} // asks every node at once
	g.configure(settings)
	g.awaitState(states)
	// It takes a minute until the dead one is unreachable.
	var got map[string]string
	if !holdsWithin(3*patience, func() bool { got = g.severities(); return cmp.Equal(want, got) }) {
		t.Errorf("conditions (-want +got)\n%s", cmp.Diff(want, got))
		for k, one := range g.conditions() {
			t.Logf("%s: %+v", k, one)
		}
	}
	// What cannot be seen is not well.
	for _, condition := range []string{"audit_failed", "audit_score_fell_silently"} {
		for _, n := range all {
			if hidden := n.Name == string(simnode.SilencedLog); g.watched(n.Name, condition) == hidden {
				t.Errorf("%s: that %s is not watched: %v", n.Name, condition, !hidden)
			}
		}
	}
}

// A failed audit is in the answer at once, and each one after it takes one off the budget,
// hours before the node hears of a score.
func TestFailingAuditsAreToldWithinSeconds(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	trouble := now.Add(10 * time.Second)
	s := simulate(t, simnode.Options{
		Seed: 12, Name: "A", Scenario: simnode.FailingAudits, Start: now.Add(-2 * day), TroubleAt: trouble, JoinedAge: 400 * day, Rate: 10, AuditRate: 1800,
		Updates: []simnode.VersionChange{}, Outages: []simnode.Outage{},
	})
	s.advance(t, now, trouble)
	server, _ := counting(t, s.Handler())
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", Log: s.log.Name(), API: server.URL}))
	g.awaitState(map[string]string{"A": "connected"})
	g.awaitFollowing("A")
	g.awaitConditions(map[string]string{})

	counts := regexp.MustCompile(`(\d+) failed audits? left until`)
	const key = "A audit_failed us1"
	var slowest time.Duration
	failed := int64(0)
	for deadline := time.Now().Add(2 * patience); failed < 12; {
		if time.Now().After(deadline) {
			t.Fatalf("only %d audits failed", failed)
		}
		at := time.Now()
		truth := s.advance(t, at, trouble).Satellites[0]
		if truth.FailedAudits == failed {
			if failed == 0 && len(g.severities()) > 0 {
				t.Fatalf("no audit failed, but %v", g.conditions())
			}
			time.Sleep(50 * time.Millisecond) // the node lives by our clock
			continue
		}
		failed = truth.FailedAudits
		severity := "warning"
		if failed >= 3 {
			severity = "critical"
		}
		var got told
		right := func() bool {
			got = g.conditions()[key]
			left := counts.FindStringSubmatch(got.Message)
			return left != nil && left[1] == fmt.Sprint(truth.FailuresLeft) && got.Value == float64(failed) && got.Severity == severity
		}
		if !holdsWithin(patience, right) {
			t.Fatalf("%d audits failed and %d are left, but within %s there was only %+v", failed, truth.FailuresLeft, patience, got)
		}
		// The tiles and tables say what the message says.
		for _, query := range []string{
			`{"queryType":"overview"}`, `{"queryType":"fleet"}`,
			`{"queryType":"reputation","format":"table","satellites":["us1"]}`,
			`{"queryType":"reputation","format":"instant","metrics":["failed_audits_left"],"satellites":["us1"]}`,
		} {
			if row := rows(g.frames(query)[0])[0]; row["failed_audits_left"] != float64(truth.FailuresLeft) {
				t.Errorf("%d failed audits are left, but %s says %v", truth.FailuresLeft, query, row["failed_audits_left"])
			}
		}
		slowest = max(slowest, time.Since(at))
	}
	t.Logf("the slowest of %d was in the answer after %s", failed, slowest)
	if diff := cmp.Diff(map[string]string{key: "critical"}, g.severities()); diff != "" {
		t.Error(diff)
	}
	// A restart of the plugin in the middle changes nothing.
	before := g.conditions()[key]
	g.host.Kill()
	g.start()
	if diff := cmp.Diff(before.Title+before.Severity, g.conditions()[key].Title+g.conditions()[key].Severity); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
}
