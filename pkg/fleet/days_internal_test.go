package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

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
		w.Since, w.State, w.StateSince, w.Trouble, w.LogTrouble = d.now, concern.Connecting, d.now, "", "the log is not followed yet"
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

// listen reads what the node wrote since the last time, as if it had been read at once.
func (n *dweller) listen(d *days) {
	d.t.Helper()
	n.log.Reset()
	if err := n.AdvanceTo(d.now, &n.log); err != nil {
		d.t.Fatal(err)
	}
	n.watched.LogTrouble = ""
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
	if n.Up() {
		status, err = n.client.Status(d.t.Context())
	}
	if err != nil {
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
	d := newDays(t,
		simnode.Options{Name: "Info", Seed: 20},
		simnode.Options{Name: "Debug", Seed: 21, Level: "debug", Encoding: simnode.JSON},
	)
	step := 2 * time.Minute
	if underRace { // which makes it ten times slower
		step = 10 * time.Minute
	}
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

// told are the conditions that were raised, and how grave they ever were.
func (d *days) told() map[string]conditions.Severity {
	told := map[string]conditions.Severity{}
	for _, c := range d.changes {
		if c.Severity > conditions.OK {
			told[c.Code] = max(told[c.Code], c.Severity)
		}
	}
	return told
}

func TestEXPLORE(t *testing.T) {
	for _, s := range simnode.Scenarios() {
		for _, level := range []string{"info", "debug"} {
			d := troubled(t, s, func(o *simnode.Options) { o.Level = level })
			d.until(firstDay.Add(4*aDay), time.Minute)
			for _, c := range d.changes {
				t.Logf("%s %s %s: %s", s, level, c.Time.Sub(firstDay), c.Line())
			}
		}
	}
}
