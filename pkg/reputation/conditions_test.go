package reputation_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// bench is a node whose scores and audits are judged, a clock, and a store that is closed
// and opened whenever something is judged: what is found must not depend on what a process
// remembers.
type bench struct {
	t      *testing.T
	dir    string
	now    time.Time
	store  *store.Store
	node   concern.Watched
	parser *storagenode.Parser
	ear    concern.Ear
	joined time.Time
	vetted bool
}

const day = 24 * time.Hour

// noon is when a test's trouble is judged, if it does not let time go by.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// newBench is a well node that has been watched for a month, and whose log has had transfers all
// the time.
func newBench(t *testing.T) *bench {
	b := newQuietBench(t)
	b.transfers(noon.Add(-8*day), noon)
	return b
}

// newQuietBench is one whose log has had no transfer yet.
func newQuietBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), now: noon, joined: noon.Add(-400 * day), vetted: true}
	b.node = concern.Watched{
		Node:  concern.Node{Node: settings.Node{Name: "Alpha", Thresholds: settings.Default().Thresholds}, History: "history-of-Alpha"},
		Since: noon.Add(-30 * day), State: concern.Connected, StateSince: noon.Add(-30 * day),
		Evidence: concern.Evidence{HasLog: true, Level: storagenode.Info, Since: noon.Add(-30 * day)},
	}
	b.open()
	t.Cleanup(func() { _ = b.store.Close() })
	return b
}

// transfers lets the log have had transfers in a time.
func (b *bench) transfers(from, to time.Time) {
	b.t.Helper()
	ear := b.ear
	b.ear = reputation.Concern{Now: func() time.Time { return b.now }}.Listen(b.node.Node, b.store) // the other's log is at another time
	for at := from; at.Before(to); at = at.Add(10 * time.Minute) {
		b.hear(at, "INFO\tpiecestore\tdownloaded"+transfer("P", us1, "GET", ""))
	}
	b.flush()
	b.ear = ear
}

func (b *bench) open() {
	b.t.Helper()
	opened, err := store.Open(store.Options{Dir: b.dir, FlushInterval: -1, Now: func() time.Time { return b.now }, Limits: store.Limits{Policies: (reputation.Concern{}).Policies(settings.Default().Retention)}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.store, b.parser = opened, storagenode.NewParser()
	b.ear = reputation.Concern{Now: func() time.Time { return b.now }}.Listen(b.node.Node, opened)
}

func (b *bench) reopen() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// standing is what a poll says of one satellite, in percent.
type percents struct{ audit, suspension, online float64 }

// poll is an answer of the node's API.
func (b *bench) poll(satellite string, p percents, change ...func(*storagenode.SatelliteScores)) {
	b.t.Helper()
	s := scored(satellite, p.audit/100, p.suspension/100, p.online/100, b.joined)
	if !b.vetted {
		s.VettedAt = time.Time{}
	}
	for _, c := range change {
		c(&s)
	}
	record(b.t, b.store, b.node.Node, b.now, scores(s))
}

// earlier lets a poll have been so long ago.
func (b *bench) earlier(ago time.Duration, satellite string, p percents) {
	b.t.Helper()
	now := b.now
	b.now = now.Add(-ago)
	b.poll(satellite, p)
	b.now = now
}

// say is a line that was written now: level, logger, message and fields.
func (b *bench) say(text string) { b.t.Helper(); b.sayAt(b.now, text) }

func (b *bench) sayAt(at time.Time, text string) {
	b.t.Helper()
	b.hear(at, text)
	b.flush()
}

func (b *bench) hear(at time.Time, text string) {
	b.t.Helper()
	event, err := b.parser.Parse([]byte(at.UTC().Format(time.RFC3339) + "\t" + text))
	if err != nil || event == nil {
		b.t.Fatalf("%s: %v", text, err)
	}
	b.ear.Hear(event)
}

func (b *bench) flush() {
	b.t.Helper()
	batch := &store.Batch{}
	if err := b.ear.Flush(batch); err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.Record(batch); err != nil {
		b.t.Fatal(err)
	}
}

// theCase is what is judged. The log's evidence is of now where a test did not say otherwise.
func (b *bench) theCase() conditions.Case {
	node := b.node
	for _, kind := range []concern.LineKind{concern.AnyLine, concern.TransferLines, concern.AuditLines, concern.ScoreLines} {
		if node.Evidence.HasLog && !node.Evidence.Since.IsZero() && node.Evidence.Last[kind].IsZero() {
			node.Evidence.Last[kind] = b.now
		}
	}
	return conditions.Case{Nodes: []concern.Watched{node}, Store: b.store, Settings: settings.Default(), Now: b.now, Started: noon.Add(-30 * day)}
}

func (b *bench) verdict() conditions.Verdict {
	b.t.Helper()
	verdict, err := reputation.Concern{}.Judge(b.t.Context(), b.theCase())
	if err != nil {
		b.t.Fatal(err)
	}
	return verdict
}

// judge answers the verdict, which must be the same after the store was opened anew.
func (b *bench) judge() conditions.Verdict {
	b.t.Helper()
	verdict := b.verdict()
	b.reopen()
	if diff := cmp.Diff(verdict, b.verdict()); diff != "" {
		b.t.Errorf("after opening the store anew: %s", diff)
	}
	return verdict
}

// raised is what the engine makes of a verdict, by code and satellite.
func (b *bench) raised() map[string]conditions.State {
	b.t.Helper()
	engine := conditions.NewEngine([]conditions.Judge{reputation.Concern{}}, conditions.Options{})
	if err := engine.Evaluate(b.t.Context(), b.theCase()); err != nil {
		b.t.Fatal(err)
	}
	record, _, err := conditions.Recall(b.store, b.node.History)
	if err != nil {
		b.t.Fatal(err)
	}
	states := map[string]conditions.State{}
	for _, state := range record.States {
		if state.Severity > conditions.OK {
			states[state.Code+" "+state.Satellite] = state
		}
	}
	return states
}

// told is what is raised, in short: "audit_failed critical us1".
func (b *bench) told() string {
	b.t.Helper()
	var all []string
	for _, s := range b.raised() {
		text := s.Code + " " + s.Severity.String()
		if s.Satellite != "" {
			text += " " + storagenode.SatelliteName(s.Satellite)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// expect judges, and compares what is raised.
func (b *bench) expect(want string) {
	b.t.Helper()
	b.judge()
	if got := b.told(); got != want {
		b.t.Errorf("at %s: got %q, want %q", b.now.Format("Jan 2 15:04:05"), got, want)
	}
}

// after lets time go by.
func (b *bench) after(d time.Duration) *bench { b.now = b.now.Add(d); return b }

func finding(t *testing.T, v conditions.Verdict, code string) conditions.Finding {
	t.Helper()
	for _, f := range v.Findings {
		if f.Code == code {
			return f
		}
	}
	t.Fatalf("%s was not found: %+v", code, v.Findings)
	return conditions.Finding{}
}

func unseen(v conditions.Verdict, code string) string {
	for _, u := range v.Unseen {
		if u.Code == code {
			return u.Why
		}
	}
	return ""
}

// full is a score without any trouble.
var full = percents{100, 100, 100}

// scoreCases are scores on both sides of every threshold.
var scoreCases = []struct {
	name    string
	happens func(*bench)
}{
	{"all is well", func(b *bench) { b.poll(us1, full) }},

	// audit_risk, audit_warning, audit_critical
	{"audit 99.50, a week ago 100", func(b *bench) { b.earlier(7*day, us1, full); b.poll(us1, percents{99.5, 100, 100}) }},
	{"audit 99.49, a week ago 100", func(b *bench) { b.earlier(7*day, us1, full); b.poll(us1, percents{99.49, 100, 100}) }},
	{"audit 99.49, a week ago 99.49", func(b *bench) {
		b.earlier(7*day, us1, percents{99.49, 100, 100})
		b.earlier(3*day, us1, percents{99.3, 100, 100})
		b.poll(us1, percents{99.49, 100, 100})
	}},
	{"audit 99.49, a week ago 99.40", func(b *bench) {
		b.earlier(7*day, us1, percents{99.4, 100, 100})
		b.poll(us1, percents{99.49, 100, 100})
	}},
	{"audit 99.49, known for a day only", func(b *bench) { b.earlier(day, us1, full); b.poll(us1, percents{99.49, 100, 100}) }},
	{"audit 99.49, never known before", func(b *bench) { b.poll(us1, percents{99.49, 100, 100}) }},
	{"audit 98.00 and falling", func(b *bench) {
		b.earlier(7*day, us1, full)
		b.earlier(day, us1, percents{98.5, 100, 100})
		b.poll(us1, percents{98, 100, 100})
	}},
	{"audit 97.99 and falling", func(b *bench) {
		b.earlier(7*day, us1, full)
		b.earlier(day, us1, percents{98.5, 100, 100})
		b.poll(us1, percents{97.99, 100, 100})
	}},
	{"audit 97.99 and not falling any more", func(b *bench) {
		b.earlier(7*day, us1, full)
		b.earlier(day, us1, percents{97.9, 100, 100})
		b.poll(us1, percents{97.99, 100, 100})
	}},
	{"audit 97.01 and rising for long", func(b *bench) {
		b.earlier(7*day, us1, percents{96.6, 100, 100})
		b.poll(us1, percents{97.01, 100, 100})
	}},
	{"audit 97.00 and rising for long", func(b *bench) {
		b.earlier(7*day, us1, percents{96.6, 100, 100})
		b.poll(us1, percents{97, 100, 100})
	}},
	{"audit 96.10, 2 left", func(b *bench) { b.earlier(7*day, us1, full); b.poll(us1, percents{96.1, 100, 100}) }},
	{"audit 96.00, none left", func(b *bench) { b.poll(us1, percents{96, 100, 100}) }},
	{"audit 85.00", func(b *bench) { b.poll(us1, percents{85, 100, 100}) }},
	{"audit 84.99", func(b *bench) { b.poll(us1, percents{84.99, 100, 100}) }},
	{"audit 70.00", func(b *bench) { b.poll(us1, percents{70, 100, 100}) }},
	{"audit 68.50", func(b *bench) { b.poll(us1, percents{68.5, 100, 100}) }},

	// suspension_risk, suspension_critical
	{"suspension 95.00", func(b *bench) { b.poll(us1, percents{100, 95, 100}) }},
	{"suspension 94.99", func(b *bench) { b.poll(us1, percents{100, 94.99, 100}) }},
	{"suspension 80.00", func(b *bench) { b.poll(us1, percents{100, 80, 100}) }},
	{"suspension 79.99", func(b *bench) { b.poll(us1, percents{100, 79.99, 100}) }},
	{"suspension 60.00", func(b *bench) { b.poll(us1, percents{100, 60, 100}) }},
	{"suspension 59.99, not suspended yet", func(b *bench) { b.poll(us1, percents{100, 59.99, 100}) }},
	{"suspension 59.99, suspended", func(b *bench) {
		b.poll(us1, percents{100, 59.99, 100}, func(s *storagenode.SatelliteScores) { s.SuspendedAt = noon.Add(-time.Hour) })
	}},

	// online_warning, online_risk
	{"online 95.00", func(b *bench) { b.poll(us1, percents{100, 100, 95}) }},
	{"online 94.99", func(b *bench) { b.poll(us1, percents{100, 100, 94.99}) }},
	{"online 70.00, 3 days left, falling", func(b *bench) {
		b.earlier(day, us1, percents{100, 100, 72})
		b.poll(us1, percents{100, 100, 70})
	}},
	{"online 69.99", func(b *bench) { b.poll(us1, percents{100, 100, 69.99}) }},
	{"online 60.00 of an old node", func(b *bench) { b.poll(us1, percents{100, 100, 60}) }},
	{"online 59.99 of an old node", func(b *bench) { b.poll(us1, percents{100, 100, 59.99}) }},
	{"online 59.99 of a node of 20 days", func(b *bench) { b.joined = noon.Add(-20 * day); b.poll(us1, percents{100, 100, 59.99}) }},
	{"online 69.99 with a history that recovers", func(b *bench) {
		b.poll(us1, percents{100, 100, 69.99}, func(s *storagenode.SatelliteScores) { s.History = offlineDays(noon, 18, 9) })
	}},

	// A node's own thresholds.
	{"own thresholds: audit 99.80, warning 99.90, critical 99.00", func(b *bench) {
		b.node.Thresholds.AuditWarning, b.node.Thresholds.AuditCritical = 99.9, 99
		b.poll(us1, percents{99.8, 100, 100})
	}},
	{"own thresholds: audit 98.99, warning 99.90, critical 99.00", func(b *bench) {
		b.node.Thresholds.AuditWarning, b.node.Thresholds.AuditCritical = 99.9, 99
		b.poll(us1, percents{98.99, 100, 100})
	}},
	{"own thresholds: audit risk warning 99.90, falling 99.00, critical 98.50: 98.50", func(b *bench) {
		t := &b.node.Thresholds
		t.AuditRiskWarning, t.AuditRiskFalling, t.AuditRiskCritical = 99.9, 99, 98.5
		b.poll(us1, percents{98.5, 100, 100})
	}},
	{"own thresholds: suspension risk warning 90: 94.99", func(b *bench) {
		b.node.Thresholds.SuspensionRiskWarning = 90
		b.poll(us1, percents{100, 94.99, 100})
	}},
	{"own thresholds: audit warning 99.8, critical 98.5, above what the satellite disqualifies at: 98.40", func(b *bench) {
		b.node.Thresholds.AuditWarning, b.node.Thresholds.AuditCritical = 99.8, 98.5
		b.earlier(7*day, us1, full)
		b.earlier(day, us1, percents{98.6, 100, 100})
		b.poll(us1, percents{98.4, 100, 100})
	}},
	{"own thresholds: audit critical 98.5: 96.50 and falling", func(b *bench) {
		b.node.Thresholds.AuditWarning, b.node.Thresholds.AuditCritical = 98.5, 98.5
		b.earlier(7*day, us1, full)
		b.earlier(day, us1, percents{97, 100, 100})
		b.poll(us1, percents{96.5, 100, 100})
	}},
	{"own thresholds: audit critical 98.5: 96.00", func(b *bench) {
		b.node.Thresholds.AuditWarning, b.node.Thresholds.AuditCritical = 98.5, 98.5
		b.poll(us1, percents{96, 100, 100})
	}},
	{"own thresholds: suspension risk warning 90, critical 85: 84.99", func(b *bench) {
		b.node.Thresholds.SuspensionRiskWarning, b.node.Thresholds.SuspensionRiskCritical = 90, 85
		b.poll(us1, percents{100, 84.99, 100})
	}},
	{"own thresholds: online warning 90: 94.99", func(b *bench) {
		b.node.Thresholds.OnlineWarning = 90
		b.poll(us1, percents{100, 100, 94.99})
	}},
	{"own thresholds: 6 days of downtime left, falling: 79.99", func(b *bench) {
		b.node.Thresholds.DowntimeLeft = 6 * day
		b.earlier(day, us1, percents{100, 100, 81})
		b.poll(us1, percents{100, 100, 79.99})
	}},
	{"own thresholds: 6 days of downtime left, rising: 79.99", func(b *bench) {
		b.node.Thresholds.DowntimeLeft = 6 * day
		b.earlier(day, us1, percents{100, 100, 78})
		b.poll(us1, percents{100, 100, 79.99})
	}},

	// disqualified
	{"disqualified while it was watched", func(b *bench) {
		b.earlier(7*day, us1, full)
		b.poll(us1, percents{95.98, 100, 100}, func(s *storagenode.SatelliteScores) { s.DisqualifiedAt = noon.Add(-time.Hour) })
	}},
	{"disqualified before it was watched", func(b *bench) {
		b.poll(us1, percents{95.98, 100, 100}, func(s *storagenode.SatelliteScores) { s.DisqualifiedAt = noon.Add(-time.Hour) })
	}},
	{"all at once", func(b *bench) { b.poll(us1, percents{50, 50, 65}) }},
}

// offlineDays is a history of 30 days, a part of which the node was not there for, the latest
// so many days ago.
func offlineDays(now time.Time, ended, days int) storagenode.AuditHistory {
	var h storagenode.AuditHistory
	for at := now.Truncate(12 * time.Hour).Add(-30 * day); !at.After(now); at = at.Add(12 * time.Hour) {
		w := storagenode.AuditWindowCount{Start: at, TotalCount: 10, OnlineCount: 10}
		if ago := int(now.Sub(at) / day); ago >= ended && ago < ended+days {
			w.OnlineCount = 0
		}
		h.Windows = append(h.Windows, w)
	}
	return h
}

// goldenOf is all that is found, in words, and what the engine leaves out of it.
func goldenOf(b *bench) string {
	verdict := b.judge()
	raised := b.raised()
	var lines []string
	for _, f := range verdict.Findings {
		left := ""
		if _, ok := raised[f.Code+" "+f.Satellite]; !ok {
			left = " (left out)"
		}
		lines = append(lines, fmt.Sprintf("%s %s%s: %s\n%.10g %s, threshold %.10g\n%s\n", f.Code, f.Severity, left, f.Title, f.Value, f.Unit, f.Threshold, f.Message))
	}
	if len(lines) == 0 {
		return "nothing\n"
	}
	return strings.Join(lines, "")
}

func TestTheTableOfScores(t *testing.T) {
	var got strings.Builder
	for _, c := range scoreCases {
		b := newBench(t)
		c.happens(b)
		fmt.Fprintf(&got, "== %s\n%s\n", c.name, goldenOf(b))
	}
	conditionstest.Golden(t, "testdata/scores.golden", got.String())
}

// What was raised first stays where another one about the same score is as grave.
func TestOneConditionForOneScore(t *testing.T) {
	b := newBench(t)
	b.node.Evidence = concern.Evidence{}
	b.poll(us1, percents{96.5, 100, 100})
	b.expect("audit_risk critical us1")
	b.after(time.Hour).poll(us1, percents{69, 100, 100})
	b.expect("audit_risk critical us1")
	fresh := newBench(t)
	fresh.poll(us1, percents{69, 100, 100})
	fresh.expect("audit_critical critical us1")
}

// The original's six, word for word.
func TestTheOriginalsMessages(t *testing.T) {
	for _, c := range []struct {
		code, title, message string
		severity             conditions.Severity
		scores               percents
		change               func(*storagenode.SatelliteScores)
	}{
		{"disqualified", "Node Disqualified on us1", "Node Alpha has been DISQUALIFIED on us1. This is permanent and cannot be reversed.", conditions.Critical,
			full, func(s *storagenode.SatelliteScores) { s.DisqualifiedAt = noon }},
		{"suspended", "Node Suspended on us1", "Node Alpha is currently SUSPENDED on us1. Improve performance immediately to avoid disqualification.", conditions.Critical,
			full, func(s *storagenode.SatelliteScores) { s.SuspendedAt = noon }},
		{"suspended", "Node Suspended on us1", "Node Alpha is currently SUSPENDED on us1. Improve performance immediately to avoid disqualification.", conditions.Critical,
			percents{100, 100, 59}, nil},
		{"audit_critical", "Critical Audit Score on us1", "Audit score is 68.50% (threshold: 70.0%). Risk of disqualification. Check disk health immediately.", conditions.Critical, percents{68.5, 100, 100}, nil},
		{"audit_warning", "Low Audit Score on us1", "Audit score is 84.25% (threshold: 85.0%). Monitor closely and check for issues.", conditions.Warning, percents{84.25, 100, 100}, nil},
		{"suspension_critical", "Critical Suspension Score on us1", "Suspension score is 54.18% (threshold: 60.0%). Node may be suspended soon. Improve upload performance.", conditions.Critical, percents{100, 54.18, 100}, nil},
		{"online_warning", "Low Online Score on us1", "Online score is 93.75% (threshold: 95.0%). Check network connectivity and uptime.", conditions.Warning, percents{100, 100, 93.75}, nil},
	} {
		b := newBench(t)
		b.earlier(time.Hour, us1, full)
		change := c.change
		if change == nil {
			change = func(*storagenode.SatelliteScores) {}
		}
		b.poll(us1, c.scores, change)
		got := finding(t, b.judge(), c.code)
		want := conditions.Finding{Code: c.code, Severity: c.severity, Title: c.title, Message: c.message, History: "history-of-Alpha", Satellite: us1}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(conditions.Finding{}, "Value", "Threshold", "Unit", "Since")); diff != "" {
			t.Errorf("%s: %s", c.code, diff)
		}
	}
}

// An operator may set the original's limits above what the satellite disqualifies at. Whichever
// condition then is told, it says how many failures are left.
func TestTheFailuresLeftAreInEveryMessage(t *testing.T) {
	b := newBench(t)
	b.node.Thresholds.AuditWarning, b.node.Thresholds.AuditCritical = 98.5, 98.5
	b.earlier(7*day, us1, full)
	b.earlier(day, us1, percents{97, 100, 100})
	b.poll(us1, percents{96.5, 100, 100})
	told := 0
	for _, state := range b.raised() {
		if strings.HasPrefix(state.Code, "audit_") && state.Code != "audit_score_fell_silently" {
			told++
			if !strings.Contains(state.Message, "6 failed audits left until disqualification.") {
				t.Errorf("%s: %s", state.Code, state.Message)
			}
		}
	}
	if told != 1 {
		t.Errorf("%d conditions tell of the audit score", told)
	}
}

// At a first look nobody knows whether a score falls: it is not judged well for that.
func TestAuditRiskAtAFirstLook(t *testing.T) {
	look := func(audit float64, before func(*bench)) (string, []conditions.Unseen) {
		b := newBench(t)
		before(b)
		b.poll(us1, percents{audit, 100, 100})
		return b.told(), b.judge().Unseen
	}
	never := func(*bench) {}
	for _, c := range []struct {
		name   string
		audit  float64
		before func(*bench)
		want   string
		unseen bool
	}{
		{"above", 99.5, never, "", false},
		{"below 99.5", 99.49, never, "", true},
		{"at 98", 98, never, "", true},
		{"below 98", 97.99, never, "audit_risk warning us1", false},
		{"at 97", 97, never, "audit_risk critical us1", false},
		{"for a day, the same", 99.4, func(b *bench) { b.earlier(day, us1, percents{99.4, 100, 100}) }, "", true},
		{"for a day, and fallen", 99.4, func(b *bench) { b.earlier(day, us1, percents{99.45, 100, 100}) }, "audit_risk warning us1, audit_score_fell_silently critical us1", false},
		{"for 6 days below 98, rising", 97.9, func(b *bench) { b.earlier(6*day, us1, percents{97.5, 100, 100}) }, "audit_risk warning us1", false},
		{"for a week below 98, rising", 97.9, func(b *bench) { b.earlier(7*day, us1, percents{97.5, 100, 100}) }, "", false},
		{"for a week, the same", 99.4, func(b *bench) { b.earlier(7*day, us1, percents{99.4, 100, 100}) }, "", false},
	} {
		told, missed := look(c.audit, c.before)
		if told != c.want {
			t.Errorf("%s: %q, want %q", c.name, told, c.want)
		}
		if !c.unseen {
			if len(missed) > 0 {
				t.Errorf("%s: %+v", c.name, missed)
			}
			continue
		}
		if len(missed) != 1 || missed[0].Code != "audit_risk" || missed[0].Satellite != us1 || !strings.Contains(missed[0].Why, "what it was 7 days ago is not known yet") {
			t.Errorf("%s: %+v", c.name, missed)
		}
	}
}

// Where the evidence is missing nothing is judged well.
func TestWhatIsNotSeenIsNotWell(t *testing.T) {
	scoreCodes := []string{"disqualified", "suspended", "audit_critical", "audit_warning", "suspension_critical", "online_warning", "audit_risk", "suspension_risk", "online_risk", "vetting_stuck"}
	fromAPI := []string{"disqualified", "suspended", "vetting_stuck"}
	audits := []string{"audit_failed", "audit_score_fell_silently", "audit_slow"}
	line := func(b *bench) { b.say(logged(b.now, us1, 10, 10, 1, 1, 1)[len("2026-11-20T12:00:00Z\t"):]) }
	for _, c := range []struct {
		name    string
		happens func(*bench)
		unseen  []string
		why     string // of the first of them
	}{
		{"nothing was ever said", func(b *bench) { b.node.Since = time.Time{} }, scoreCodes, "no satellite's scores are known yet"},
		{"nothing was said yet", func(b *bench) { b.node.Since = b.now }, scoreCodes, "collecting since 2026-11-20 12:00 UTC, scores follow at the next poll"},
		{"no satellite yet", func(b *bench) { record(b.t, b.store, b.node.Node, b.now, scores()) }, scoreCodes, "no satellite has contacted this node yet"},
		{"nothing was ever said, and why", func(b *bench) { b.node.Trouble = "connection refused" }, scoreCodes, "connection refused"},
		{"polls", func(b *bench) { b.poll(us1, full) }, nil, ""},
		{"a poll of just less than 8 hours ago", func(b *bench) { b.poll(us1, full); b.after(8 * time.Hour) }, nil, ""},
		{"a poll of 8 hours ago", func(b *bench) { b.poll(us1, full); b.after(8*time.Hour + time.Second) }, scoreCodes, "no scores since 2026-11-20 12:00 UTC"},
		{"only lines", line, fromAPI, "only that says whether a satellite has acted"},
		{"lines, and a poll of long ago", func(b *bench) { b.poll(us1, full); b.after(9 * time.Hour); line(b) }, fromAPI, "since 2026-11-20 12:00 UTC"},
		{"a poll whose notifications could not be read", func(b *bench) {
			b.joined = noon.Add(-10 * day)
			s := scored(us1, 1, 1, 0.5, b.joined)
			all := scores(s)
			all.NotificationsRead = false
			record(b.t, b.store, b.node.Node, b.now, all)
		}, []string{"suspended"}, "could not be read"},
		{"no log", func(b *bench) { b.poll(us1, full); b.node.Evidence = concern.Evidence{} },
			append([]string{"lost_pieces"}, audits...), "no log here; give the node's log"},
		{"a log without a line", func(b *bench) { b.poll(us1, full); b.node.Evidence = concern.Evidence{HasLog: true} },
			append([]string{"lost_pieces"}, audits...), "no line"},
		{"a log of errors", func(b *bench) {
			b.poll(us1, full)
			b.node.Evidence.Level = storagenode.Error
			for _, kind := range []concern.LineKind{concern.TransferLines, concern.AuditLines} {
				b.node.Evidence.Last[kind] = noon.Add(-30 * day)
			}
		}, []string{"lost_pieces", "audit_score_fell_silently", "audit_slow"}, "no line below ERROR; set log.level: info"}, // failed audits are errors
		{"a log of fatal errors", func(b *bench) {
			b.poll(us1, full)
			b.node.Evidence.Level = storagenode.Fatal
			for _, kind := range []concern.LineKind{concern.TransferLines, concern.AuditLines} {
				b.node.Evidence.Last[kind] = noon.Add(-30 * day)
			}
		}, append([]string{"lost_pieces"}, audits...), "no line below FATAL; set log.level: info"},
		{"a log of errors that has ended", func(b *bench) {
			b.poll(us1, full)
			b.node.Evidence.Level = storagenode.Error
			for kind := range b.node.Evidence.Last {
				b.node.Evidence.Last[kind] = noon.Add(-30 * day)
			}
		}, append([]string{"lost_pieces"}, audits...), "no line since"},
		{"log.custom-level", func(b *bench) {
			b.poll(us1, full)
			for _, kind := range []concern.LineKind{concern.TransferLines, concern.AuditLines} {
				b.node.Evidence.Last[kind] = noon.Add(-30 * day)
			}
		}, audits, "remove log.custom-level"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.happens(b)
			v := b.judge()
			var got []string
			for _, u := range v.Unseen {
				if !slices.Contains(got, u.Code) {
					got = append(got, u.Code)
				}
				// Only what needs a log that is not configured cannot be any more.
				if c.name == "a poll whose notifications could not be read" && u.Satellite != us1 {
					t.Errorf("of which satellite? %+v", u)
				}
				if u.History != "history-of-Alpha" || u.Why == "" || u.Gone == b.node.Evidence.HasLog {
					t.Errorf("%+v", u)
				}
			}
			want := slices.Clone(c.unseen)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if len(c.unseen) > 0 && !strings.Contains(unseen(v, c.unseen[0]), c.why) {
				t.Errorf("why: %q", unseen(v, c.unseen[0]))
			}
		})
	}
}

// blinding raises "blind" as presence does: of transfers and failed audits so many can be seen.
type blinding struct{ seen float64 }

func (blinding) Conditions() []conditions.Definition {
	return []conditions.Definition{{Code: conditions.Blind, Group: "x", Severities: []conditions.Severity{conditions.Warning}, Title: "x", When: "x", Clears: "x", Do: "x"}}
}

func (b blinding) Judge(_ context.Context, c conditions.Case) (conditions.Verdict, error) {
	return conditions.Verdict{Findings: []conditions.Finding{{Code: conditions.Blind, History: c.Nodes[0].History, Severity: conditions.Warning, Value: b.seen}}}, nil
}

// What a log would tell is not well while the log is not read, or is known to hide it. Of a start,
// or a forwarder that comes back, nothing is made: what it misses is a moment.
func TestWhatALogWouldTellNow(t *testing.T) {
	all := []string{"audit_failed", "audit_score_fell_silently", "audit_slow", "lost_pieces"}
	lastLine := func(b *bench, ago time.Duration) { b.node.Evidence.Last[concern.AnyLine] = b.now.Add(-ago) }
	blind := func(b *bench, seen float64, without time.Duration) {
		b.node.Evidence.Last[concern.TransferLines], b.node.Evidence.Last[concern.AuditLines] = b.now.Add(-without), b.now.Add(-without)
		engine := conditions.NewEngine([]conditions.Judge{blinding{seen}}, conditions.Options{})
		if err := engine.Evaluate(b.t.Context(), b.theCase()); err != nil {
			b.t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		happens func(*bench)
		unseen  []string
		why     string
	}{
		{"a forwarder that has been away for 6 hours", func(b *bench) { b.node.LogTrouble = "connection refused"; lastLine(b, 6*time.Hour) }, all, "the log cannot be read: connection refused"},
		{"a forwarder that has been away for a minute", func(b *bench) { b.node.LogTrouble = "connection refused"; lastLine(b, time.Minute) }, nil, ""},
		{"a start of the plugin", func(b *bench) { b.node.LogTrouble = "the log is not followed yet"; lastLine(b, 2*time.Minute) }, nil, ""},
		{"a log that cannot be read, and never was", func(b *bench) {
			b.node.Evidence = concern.Evidence{HasLog: true}
			b.node.LogTrouble = "permission denied"
		}, all, "the log cannot be read: permission denied"},
		{"a log of which 10 hours are not read yet", func(b *bench) { b.node.LogBehind = 5 << 30; lastLine(b, 10*time.Hour) }, all, "the log is still being read"},
		{"a log of which a minute is not read yet", func(b *bench) { b.node.LogBehind = 5 << 20; lastLine(b, time.Minute) }, nil, ""},
		{"a line that is not written to its end", func(b *bench) { b.node.LogBehind = 100; lastLine(b, time.Hour) }, nil, ""},
		{"transfers that are hidden for 5 hours", func(b *bench) { blind(b, 0, 5*time.Hour) },
			[]string{"audit_failed", "audit_score_fell_silently", "audit_slow"}, "no transfer since 2026-11-20 07:00 UTC, though the node has some"},
		{"no log, which is told as well", func(b *bench) { blind(b, 0, 5*time.Hour); b.node.Evidence = concern.Evidence{} }, all, "no log here"},
		{"a log that has errors only", func(b *bench) { blind(b, 1, 5*time.Hour) }, nil, ""},
		{"no transfers for 5 hours, at a node that may have none", func(b *bench) {
			b.node.Evidence.Last[concern.TransferLines] = b.now.Add(-5 * time.Hour)
		}, nil, ""},
		{"transfers that are seen again", func(b *bench) { blind(b, 0, 5*time.Hour); b.node.Evidence.Last[concern.TransferLines] = b.now }, nil, ""},
	} {
		for level, starts := range map[string]bool{"info": false, "debug": true} {
			b := newBench(t)
			b.poll(us1, full)
			c.happens(b)
			if starts && !b.node.Evidence.Since.IsZero() {
				b.node.Evidence.Level, b.node.Evidence.Last[concern.StartLines] = storagenode.Debug, b.now.Add(-10*time.Hour)
			}
			v := b.judge()
			var got []string
			for _, u := range v.Unseen {
				if !slices.Contains(got, u.Code) {
					got = append(got, u.Code)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.unseen, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s, %s: %s", c.name, level, diff)
			}
			for _, code := range c.unseen {
				if !strings.Contains(unseen(v, code), c.why) {
					t.Errorf("%s, %s: %s: why: %q", c.name, level, code, unseen(v, code))
				}
			}
		}
	}
}

// What failed stays told while the log cannot be read, and no longer than else.
func TestAFailureStaysWhileTheLogIsNotRead(t *testing.T) {
	b := newBench(t)
	b.poll(us1, full)
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	b.node.Evidence.Last[concern.AnyLine] = b.now
	b.node.LogTrouble = "connection refused"
	b.after(day-time.Second).poll(us1, full)
	b.expect("audit_failed warning us1")
	b.after(time.Second)
	b.expect("")
}

// A satellite that the operator does not want to hear of says nothing, and hides nothing.
func TestAMutedSatelliteIsNotJudged(t *testing.T) {
	b := newBench(t)
	b.node.MutedSatellites = map[string]string{"us1": "left it"}
	b.poll(us1, percents{50, 50, 50})
	b.expect("")
}
