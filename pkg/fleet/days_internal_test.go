package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/presence"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// These tests let simulated nodes live for weeks and look at their conditions all the time:
// the fleet's parts with a clock of their own, without its goroutines, its timers and the
// network. What they leave out, the tests of the compiled plugin have.

// days is a plugin that watches nodes by the tests' clock.
type days struct {
	t        testing.TB
	dir      string
	now      time.Time
	started  time.Time // of the plugin
	settings settings.Settings
	store    *store.Store
	engine   *conditions.Engine
	watching []concern.Concern
	nodes    []*dweller
	changes  []conditions.Change
}

// dweller is a simulated node as the plugin sees it.
type dweller struct {
	*simnode.Node
	options  simnode.Options
	watched  concern.Watched
	client   *storagenode.Client
	parser   *storagenode.Parser
	ears     []concern.Ear
	evidence *evidence
	away     bool      // its machine cannot be reached
	asked    time.Time // for its status
	scored   time.Time // for its scores
	log      bytes.Buffer
}

const aDay = 24 * time.Hour

// scoresEvery is less often than a plugin asks for scores, which is half of the work here. They
// are new every four hours.
const scoresEvery = time.Hour

// firstDay is when every simulation begins.
var firstDay = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

func newDays(t testing.TB, all ...simnode.Options) *days {
	t.Helper()
	d := &days{t: t, dir: t.TempDir(), now: firstDay, settings: settings.Default()}
	clock := func() time.Time { return d.now }
	for _, c := range watching {
		switch c.(type) {
		case presence.Concern:
			c = presence.Concern{Now: clock}
		case reputation.Concern:
			c = reputation.Concern{Now: clock}
		}
		d.watching = append(d.watching, c)
	}
	for i, options := range all {
		options.Start = firstDay
		if options.JoinedAge == 0 {
			options.JoinedAge = 400 * aDay
		}
		if options.Rate == 0 {
			options.Rate = 60
		}
		n, err := simnode.New(options)
		if err != nil {
			t.Fatal(err)
		}
		a := &dweller{Node: n, options: options}
		endpoint := fmt.Sprintf("http://10.0.0.%d:14002", i+1)
		a.client, err = storagenode.NewClient(endpoint, &http.Client{Transport: directly{n.Handler()}})
		if err != nil {
			t.Fatal(err)
		}
		a.watched = concern.Watched{
			Node: concern.Node{Node: settings.Node{
				Name: n.Name(), Key: strings.ToLower(n.Name()), API: endpoint, Thresholds: d.settings.Thresholds,
				Log: settings.Source{Kind: settings.LogTCP, Address: fmt.Sprintf("10.0.0.%d:9999", i+1)},
			}, History: "h-" + n.Name()},
			Endpoint: endpoint,
		}
		d.settings.Nodes = append(d.settings.Nodes, a.watched.Node.Node)
		d.nodes = append(d.nodes, a)
	}
	d.open()
	t.Cleanup(func() { _ = d.store.Close() })
	return d
}

// directly asks a handler without a network. One that breaks off is a refused connection.
type directly struct{ handler http.Handler }

func (d directly) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			answer, err = nil, errors.New("connection refused")
		}
	}()
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	answer = w.Result()
	answer.Request = r
	return answer, nil
}

// open is a start of the plugin.
func (d *days) open() {
	d.t.Helper()
	opened, err := store.Open(store.Options{Dir: d.dir, FlushInterval: -1, Now: func() time.Time { return d.now }, Limits: limits(d.settings)})
	if err != nil {
		d.t.Fatal(err)
	}
	d.store, d.started = opened, d.now
	all := []conditions.Judge{collecting{}}
	for _, c := range d.watching {
		if judge, ok := c.(conditions.Judge); ok {
			all = append(all, judge)
		}
	}
	d.engine = conditions.NewEngine(all, conditions.Options{
		Log:    func(c conditions.Change) { d.changes = append(d.changes, c) },
		Report: func(err error) { d.t.Error(err) },
	})
	for _, n := range d.nodes {
		n.parser, n.evidence, n.ears = storagenode.NewParser(), newEvidence(opened, n.watched.History), nil
		for _, c := range d.watching {
			if listener, ok := c.(concern.Listener); ok {
				n.ears = append(n.ears, listener.Listen(n.watched.Node, opened))
			}
		}
		n.ears = append(n.ears, n.evidence)
		w := &n.watched
		w.Since, w.State, w.StateSince, w.Trouble = d.now, concern.Connecting, d.now, ""
		w.LogTrouble, w.LogSince = "the log is not followed yet", time.Time{}
		w.Facts = readFacts(opened, w.History)
		w.Answered = w.Facts.At
		n.asked, n.scored = time.Time{}, time.Time{}
	}
}

// restart is an end of the plugin and a start of it.
func (d *days) restart() {
	d.t.Helper()
	if err := d.store.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.open()
}

// record does what the fleet does with a batch of news.
func (d *days) record(fill func(*store.Batch) error) {
	d.t.Helper()
	batch := &store.Batch{}
	if err := fill(batch); err != nil {
		d.t.Fatal(err)
	}
	if err := d.store.Record(batch); err != nil {
		d.t.Fatal(err)
	}
}

// until lets time go by, and looks at each step.
func (d *days) until(then time.Time, step time.Duration) {
	d.t.Helper()
	for d.now.Before(then) {
		d.now = d.now.Add(min(step, then.Sub(d.now)))
		for _, n := range d.nodes {
			n.listen(d)
			if d.now.Sub(n.asked) >= d.settings.Poll.Status || n.watched.State == concern.Unreachable {
				n.poll(d)
			}
		}
		d.judge()
	}
}

func (d *days) judge() {
	d.t.Helper()
	c := conditions.Case{Store: d.store, Settings: d.settings, Now: d.now, Started: d.started}
	for _, n := range d.nodes {
		w := n.watched
		w.Evidence = n.evidence.known.evidence(d.now)
		c.Nodes = append(c.Nodes, w)
	}
	if err := d.engine.Evaluate(d.t.Context(), c); err != nil {
		d.t.Fatal(err)
	}
}

// reached says whether anything of the node can be: its API, and the log forwarder beside it.
func (n *dweller) reached() bool { return n.Up() && !n.away }

// forwarded lets the log forwarder come and go with the node.
func (n *dweller) forwarded(d *days) {
	w, trouble := &n.watched, ""
	if !n.reached() {
		trouble = w.Log.Address + ": connection refused"
	}
	if w.LogSince.IsZero() || (trouble == "") != (w.LogTrouble == "") {
		w.LogSince = d.now
	}
	w.LogTrouble = trouble
}

// listen reads what the node wrote since the last time, as if it had been read at once. What
// a forwarder cannot send is lost.
func (n *dweller) listen(d *days) {
	d.t.Helper()
	n.log.Reset()
	if err := n.AdvanceTo(d.now, &n.log); err != nil {
		d.t.Fatal(err)
	}
	n.forwarded(d)
	if n.away {
		return
	}
	heard := false
	for line := range bytes.Lines(n.log.Bytes()) {
		event, err := n.parser.Parse(line)
		if err != nil {
			d.t.Fatalf("%s: %v", line, err)
		}
		if event == nil {
			continue
		}
		event.Read = event.Time.Add(200 * time.Millisecond)
		n.watched.LogRead = event.Read
		for _, ear := range n.ears {
			ear.Hear(event)
		}
		heard = true
	}
	if !heard {
		return
	}
	d.record(func(batch *store.Batch) error {
		var err error
		for _, ear := range n.ears {
			err = errors.Join(err, ear.Flush(batch))
		}
		return err
	})
}

// poll asks the node's API.
func (n *dweller) poll(d *days) {
	d.t.Helper()
	w := &n.watched
	set := func(state concern.State, trouble string) {
		if w.State != state {
			w.State, w.StateSince = state, d.now
		}
		w.Trouble = trouble
	}
	var status storagenode.Status
	err := errors.New("connection refused")
	if n.reached() {
		status, err = n.client.Status(d.t.Context())
	}
	if err != nil {
		if w.Facts.Unreachable.IsZero() {
			w.Facts.Unreachable = d.now
		}
		set(concern.Unreachable, err.Error())
		return
	}
	poll := concern.Poll{At: d.now, Slot: d.now.Truncate(d.settings.Poll.Scores), Interval: d.settings.Poll.Scores, Status: &status}
	if d.now.Sub(n.scored) >= scoresEvery {
		scores, err := n.client.Scores(d.t.Context(), status)
		if err != nil || len(scores.Errors) > 0 {
			d.t.Fatal(err, scores.Errors)
		}
		poll.Scores, n.scored = &scores, d.now
	}
	n.asked, w.Answered = d.now, d.now
	set(concern.Connected, "")
	learnFacts(&w.Facts, status, d.now)
	d.record(func(batch *store.Batch) error {
		err := putFacts(w.Facts, batch, w.History)
		for _, c := range d.watching {
			err = errors.Join(err, c.Record(w.Node, poll, d.store, batch))
		}
		return err
	})
}

// warnings are the changes that woke somebody.
func (d *days) warnings() []conditions.Change {
	return slices.DeleteFunc(slices.Clone(d.changes), func(c conditions.Change) bool { return c.Severity < conditions.Warning })
}

// first is when a condition was first so grave, after the simulation's begin; false: never.
func (d *days) first(code string, severity conditions.Severity) (after time.Duration, ok bool) {
	for _, c := range d.changes {
		if c.Code == code && c.Severity >= severity {
			return c.Time.Sub(firstDay), true
		}
	}
	return 0, false
}

// Thirty days with what every node has: lost races, clients that hang up, restarts, an update,
// garbage collection, a satellite's maintenance, and restarts of the plugin. Nobody is woken.
func TestThirtyHealthyDaysWakeNobody(t *testing.T) {
	all := []simnode.Options{
		{Name: "Debug", Seed: 21, Level: "debug", Encoding: simnode.JSON},
		{Name: "Info", Seed: 20},
	}
	step := 2 * time.Minute
	if underRace { // which makes it ten times slower
		all, step = all[:1], 20*time.Minute
	}
	d := newDays(t, all...)
	for day := range 30 {
		d.until(firstDay.Add(time.Duration(day)*aDay+time.Duration(day)*37*time.Minute), step)
		if day%9 == 1 {
			d.restart()
		}
	}
	d.until(firstDay.Add(30*aDay), step)
	for _, c := range d.warnings() {
		t.Errorf("%s: %s", c.Time.Sub(firstDay), c.Line())
	}
	for _, n := range d.nodes {
		truth := n.Truth()
		if truth.Stops < 2 || truth.Updates != 1 || truth.GarbageCollections == 0 || truth.PingsFailed == 0 || len(truth.Compactions) == 0 || truth.TrashRounds == 0 {
			t.Errorf("%s had %d restarts, %d updates, %d garbage collections, %d compactions, %d failed pings and emptied the trash %d times: too little to be quiet about",
				truth.Name, truth.Stops, truth.Updates, truth.GarbageCollections, len(truth.Compactions), truth.PingsFailed, truth.TrashRounds)
		}
	}
}

// A machine that is away for a quarter of an hour wakes nobody, though the forwarders of its
// nodes' logs go with it, and one that stays away is told of once: at a node that is not in
// maintenance, where nobody would hear of it.
func TestAMachineThatIsAwayIsToldOfOnce(t *testing.T) {
	var all []simnode.Options
	for i, name := range []string{"Alpha", "Beta", "Gamma"} {
		all = append(all, simnode.Options{Name: name, Seed: uint64(30 + i), Outages: []simnode.Outage{}, Updates: []simnode.VersionChange{}})
	}
	d := newDays(t, all...)
	for i, n := range d.nodes {
		n.watched.API = fmt.Sprintf("http://10.0.0.7:1400%d", i)
		n.watched.Endpoint = n.watched.API
	}
	machine := func(away bool, lasts time.Duration) {
		for _, n := range d.nodes {
			n.away = away
		}
		d.until(d.now.Add(lasts), time.Minute)
	}
	d.until(firstDay.Add(3*time.Hour), 5*time.Minute)
	machine(true, 15*time.Minute)
	// A forwarder takes a minute to be connected again.
	for _, n := range d.nodes {
		n.away = false
		n.poll(d)
	}
	d.judge()
	machine(false, time.Hour)
	if woken := d.warnings(); len(woken) > 0 {
		t.Fatalf("%s: %s", woken[0].Time.Sub(firstDay), woken[0].Line())
	}
	d.nodes[0].watched.MaintenanceUntil = d.now.Add(aDay)
	machine(true, 2*time.Hour)
	woken := d.warnings()
	if len(woken) != 1 || woken[0].Code != "host_unreachable" || woken[0].Node != "Beta" || woken[0].Maintenance {
		for _, c := range woken {
			t.Errorf("%s: %s", c.Time.Sub(firstDay), c.Line())
		}
		t.Error("want one: host_unreachable at Beta, which is not in maintenance")
	}
}

// troubled is a life with one node whose trouble begins after a day.
func troubled(t *testing.T, scenario simnode.Scenario, change ...func(*simnode.Options)) *days {
	t.Helper()
	options := simnode.Options{Name: "Alpha", Seed: 5, Scenario: scenario, TroubleAt: firstDay.Add(aDay), Outages: []simnode.Outage{}, Updates: []simnode.VersionChange{}}
	for _, c := range change {
		c(&options)
	}
	d := newDays(t, options)
	d.until(firstDay.Add(aDay-time.Hour), 10*time.Minute)
	if woken := d.warnings(); len(woken) > 0 {
		t.Fatalf("before its trouble: %s", woken[0].Line())
	}
	return d
}

// told are the conditions that woke somebody, and how grave they ever were.
func (d *days) told() map[string]conditions.Severity {
	told := map[string]conditions.Severity{}
	for _, c := range d.changes {
		if c.Severity >= conditions.Warning {
			told[c.Code] = max(told[c.Code], c.Severity)
		}
	}
	return told
}

// raisedAt is the first time at which a condition was raised, after the trouble began.
func (d *days) raisedAt(t *testing.T, code string, severity conditions.Severity) time.Duration {
	t.Helper()
	after, ok := d.first(code, severity)
	if !ok {
		t.Fatalf("%s was never %s", code, severity)
	}
	return after - aDay
}

// Each trouble raises what it should, in time, and nothing else.
func TestTroubleIsToldInTime(t *testing.T) {
	const (
		info, warning, critical = conditions.Info, conditions.Warning, conditions.Critical
		minute                  = time.Minute
	)
	type moment struct {
		code     string
		severity conditions.Severity
		// from and to are after the trouble began.
		from, to time.Duration
	}
	for _, c := range []struct {
		scenario simnode.Scenario
		change   func(*simnode.Options)
		lasts    time.Duration // it is watched for
		step     time.Duration
		moments  []moment
		told     map[string]conditions.Severity // all that wakes somebody
	}{
		{scenario: simnode.Healthy, lasts: 12 * time.Hour, step: 5 * minute},
		{scenario: simnode.FillingDisk, lasts: 12 * time.Hour, step: 5 * minute},
		{scenario: simnode.SlowAPI, change: func(o *simnode.Options) { o.APIDelay = time.Nanosecond }, lasts: time.Hour, step: 5 * minute},
		{
			scenario: simnode.Dead, lasts: 26 * time.Hour, step: minute,
			moments: []moment{{"node_unreachable", warning, 20 * minute, 21 * minute}, {"node_unreachable", critical, 60 * minute, 61 * minute}},
			told:    map[string]conditions.Severity{"node_unreachable": critical},
		},
		{
			scenario: simnode.HTMLInsteadOfJSON, lasts: 7 * time.Hour, step: minute,
			moments: []moment{{"api_slow", info, 5 * minute, 11 * minute}, {"api_slow", warning, 6 * time.Hour, 6*time.Hour + 6*minute}},
			told:    map[string]conditions.Severity{"api_slow": warning},
		},
		{
			scenario: simnode.SilencedLog, lasts: 6 * time.Hour, step: 5 * minute,
			moments: []moment{{"blind", warning, 3 * time.Hour, 5 * time.Hour}},
			told:    map[string]conditions.Severity{"blind": warning},
		},
		{
			scenario: simnode.Restarting, lasts: 3 * time.Hour, step: minute,
			moments: []moment{{"restart_loop", critical, 8 * minute, 15 * minute}},
			told:    map[string]conditions.Severity{"restart_loop": critical},
		},
		{
			scenario: simnode.UnknownErrors, lasts: 6 * time.Hour, step: minute,
			moments: []moment{
				{"audit_failed", warning, 0, 30 * minute}, {"audit_failed", critical, 0, time.Hour},
				{"suspension_risk", critical, 0, 4*time.Hour + 30*minute}, {"suspended", critical, 0, 5*time.Hour + 30*minute},
			},
			told: map[string]conditions.Severity{"audit_failed": critical, "suspension_risk": critical, "suspended": critical},
		},
		{
			scenario: simnode.AuditTimeouts, change: func(o *simnode.Options) { o.Level = "debug" }, lasts: 45 * time.Hour, step: 5 * minute,
			moments: []moment{
				{"audit_slow", critical, 2 * minute, 30 * minute}, {"audit_score_fell_silently", critical, 18 * time.Hour, 24 * time.Hour},
				{"audit_risk", critical, 18 * time.Hour, 30 * time.Hour}, {"disqualified", critical, 30 * time.Hour, 42 * time.Hour},
			},
			told: map[string]conditions.Severity{"audit_slow": critical, "audit_score_fell_silently": critical, "audit_risk": critical, "disqualified": critical, "latency_high": warning},
		},
		{
			scenario: simnode.AuditTimeouts, lasts: 30 * time.Hour, step: 10 * minute,
			moments: []moment{{"audit_score_fell_silently", critical, 18 * time.Hour, 24 * time.Hour}},
			told:    map[string]conditions.Severity{"audit_score_fell_silently": critical, "audit_risk": critical},
		},
		{
			scenario: simnode.FlakyUplink, lasts: 6 * aDay, step: 15 * minute,
			moments: []moment{{"online_warning", warning, 12 * time.Hour, 5 * aDay}, {"no_contact", warning, 3 * time.Hour, 3 * aDay}},
			told:    map[string]conditions.Severity{"online_warning": warning, "no_contact": warning},
		},
	} {
		name := string(c.scenario)
		if c.change != nil {
			name += " changed"
		}
		t.Run(name, func(t *testing.T) {
			d := troubled(t, c.scenario, func(o *simnode.Options) {
				if c.change != nil {
					c.change(o)
				}
			})
			d.until(firstDay.Add(aDay+c.lasts), c.step)
			for _, m := range c.moments {
				if at := d.raisedAt(t, m.code, m.severity); at < m.from || at > m.to {
					t.Errorf("%s was %s after %s, want from %s to %s", m.code, m.severity, at, m.from, m.to)
				}
			}
			if diff := cmp.Diff(c.told, d.told(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
				for _, change := range d.changes {
					t.Logf("%s: %s", change.Time.Sub(firstDay)-aDay, change.Line())
				}
			}
		})
	}
}

// A failed audit is told in the minute of its line, and the budget that is told is the
// satellite's own, long before the node hears of a score.
func TestFailingAuditsAreToldAtOnceWithTheRightBudget(t *testing.T) {
	var failedFirst time.Time
	d := troubled(t, simnode.FailingAudits, func(o *simnode.Options) {
		o.Observe = func(e simnode.Event) {
			if e.Kind == simnode.EventAudit && e.Outcome == "failed" && failedFirst.IsZero() {
				failedFirst = e.At
			}
		}
	})
	counts := regexp.MustCompile(`(\d+) failed audits? left until`)
	node := d.nodes[0]
	steps := 0
	for until := firstDay.Add(3 * aDay); d.now.Before(until); {
		d.until(d.now.Add(time.Minute), time.Minute)
		truth := node.Truth().Satellites[0]
		if truth.DisqualifiedAt != nil {
			break
		}
		record, _, err := conditions.Recall(d.store, node.watched.History)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(record.States, func(s conditions.State) bool { return s.Code == "audit_failed" && s.Severity > conditions.OK })
		if truth.FailedAudits == 0 {
			if at >= 0 {
				t.Fatalf("%s: no audit failed, but %s", d.now, record.States[at].Message)
			}
			continue
		}
		if at < 0 {
			t.Fatalf("%s: %d audits failed, and it is not told", d.now, truth.FailedAudits)
		}
		told := counts.FindStringSubmatch(record.States[at].Message)
		if told == nil || told[1] != fmt.Sprint(truth.FailuresLeft) {
			t.Fatalf("%s: %d are left after %d failed audits, but: %s", d.now, truth.FailuresLeft, truth.FailedAudits, record.States[at].Message)
		}
		steps++
	}
	after, _ := d.first("audit_failed", conditions.Warning)
	if told := firstDay.Add(after); failedFirst.IsZero() || told.Sub(failedFirst) > time.Minute {
		t.Errorf("the first audit failed at %s, which was told at %s", failedFirst, told)
	}
	if truth := node.Truth().Satellites[0]; truth.DisqualifiedAt == nil || truth.FailedAudits < 41 || steps < 100 {
		t.Errorf("after %d steps with a failed audit there were %d of them, disqualified: %v", steps, truth.FailedAudits, truth.DisqualifiedAt)
	}
	d.until(d.now.Add(5*time.Hour+scoresEvery), 10*time.Minute)
	want := map[string]conditions.Severity{"audit_failed": conditions.Critical, "audit_risk": conditions.Critical, "lost_pieces": conditions.Critical, "disqualified": conditions.Critical}
	if diff := cmp.Diff(want, d.told()); diff != "" {
		t.Error(diff)
	}
}
