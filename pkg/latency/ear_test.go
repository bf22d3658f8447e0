package latency_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"
)

// noon is now, in the tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newStore(t testing.TB) *store.Store { return newStoreAt(t, func() time.Time { return noon }) }

func newStoreAt(t testing.TB, now func() time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{
		FlushInterval: -1, Now: now,
		Limits: store.Limits{Policies: latency.Concern{}.Policies(settings.Default().Retention)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func nodeNamed(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name, Thresholds: settings.Default().Thresholds}, History: "history-of-" + name}
}

// transfer is one that began and ended.
type transfer struct {
	before       time.Duration // noon, when its end was written
	took         time.Duration
	satellite    string
	action       storagenode.Action
	outcome      storagenode.Outcome
	piece, peer  string
	size         int64
	live         bool          // its lines were read as they were written
	said         time.Duration // that its last line says it took
	startMissing bool
}

func get(before, took time.Duration) transfer {
	return transfer{before: before, took: took, satellite: us1, action: storagenode.Get, outcome: storagenode.OutcomeSuccess, piece: "PIECE", peer: "192.0.2.7:5000", size: 2048, live: true}
}

// lines are a transfer's lines as logs have them since v1.83: in whole seconds.
func (x transfer) lines() (start, end storagenode.Event) {
	kinds := [2]storagenode.Kind{storagenode.DownloadStarted, storagenode.DownloadEnded}
	if x.action == storagenode.Put || x.action == storagenode.PutRepair {
		kinds = [2]storagenode.Kind{storagenode.UploadStarted, storagenode.UploadEnded}
	}
	line := func(kind storagenode.Kind, at time.Time) storagenode.Event {
		e := storagenode.Event{
			Line: storagenode.Line{Time: at.Truncate(time.Second), Level: storagenode.Info}, Kind: kind,
			Satellite: x.satellite, Action: x.action, Piece: []byte(x.piece), Peer: []byte(x.peer), Size: -1, Offset: -1, Free: -1,
		}
		if x.live {
			e.Arrived = at
		}
		return e
	}
	ended := noon.Add(-x.before)
	start, end = line(kinds[0], ended.Add(-x.took)), line(kinds[1], ended)
	end.Outcome, end.Size, end.Duration = x.outcome, x.size, x.said
	return start, end
}

// eventsOf are the lines of transfers, in the order in which they were written.
func eventsOf(all ...transfer) []storagenode.Event {
	type timed struct {
		at time.Time
		storagenode.Event
	}
	var lines []timed
	for _, x := range all {
		start, end := x.lines()
		if !x.startMissing {
			lines = append(lines, timed{noon.Add(-x.before - x.took), start})
		}
		lines = append(lines, timed{noon.Add(-x.before), end})
	}
	slices.SortStableFunc(lines, func(a, b timed) int { return a.at.Compare(b.at) })
	events := make([]storagenode.Event, len(lines))
	for i := range lines {
		events[i] = lines[i].Event
	}
	return events
}

// hear gives lines to an ear, with a flush after each of those many.
func hear(t testing.TB, into *store.Store, node concern.Node, flushEvery int, events ...storagenode.Event) {
	t.Helper()
	ear := latency.Concern{Now: func() time.Time { return noon }}.Listen(node, into)
	for i := range events {
		event := events[i]
		ear.Hear(&event)
		if (i+1)%flushEvery == 0 || i == len(events)-1 {
			flush(t, into, ear)
		}
	}
}

func flush(t testing.TB, into *store.Store, ear concern.Ear) {
	t.Helper()
	batch := &store.Batch{}
	if err := ear.Flush(batch); err != nil {
		t.Fatal(err)
	}
	if err := into.Record(batch); err != nil {
		t.Fatal(err)
	}
}

// heard is what was stored of the last days: how many there are, and their sum in seconds.
type heard struct {
	Count uint64
	Sum   float64
	Whole float64 // those of whole seconds
}

func stored(t testing.TB, s *store.Store, group string) heard {
	t.Helper()
	var all heard
	r := store.Range{Group: group, From: noon.Add(-40 * time.Hour).UnixMilli(), To: noon.UnixMilli()}
	histograms, err := s.Histograms(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range histograms.Values {
		for _, h := range values {
			if h != nil {
				all.Count += h.Count()
				all.Sum += h.Sum
			}
		}
	}
	all.Sum = math.Round(all.Sum) / 10000 // it is counted in tenths of milliseconds
	numbers, err := s.Read(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range numbers.Columns {
		for _, v := range numbers.Values[i] {
			if v == v && column.Metric() == "coarse" {
				all.Whole += v
			}
		}
	}
	return all
}

func TestWhatIsHeardOfTransfers(t *testing.T) {
	const second = time.Second
	with := func(x transfer, change func(*transfer)) transfer {
		change(&x)
		return x
	}
	late := func(before, took time.Duration) transfer {
		return with(get(before, took), func(x *transfer) { x.live = false })
	}
	twin := func(x transfer) storagenode.Event {
		_, end := x.lines()
		end.Kind, end.Outcome = storagenode.TransferTwin, storagenode.NoOutcome
		return end
	}
	restart := storagenode.Event{Kind: storagenode.NodeStart, Line: storagenode.Line{Time: noon.Add(-90 * second)}}
	between := func(x transfer, event storagenode.Event) []storagenode.Event {
		start, end := x.lines()
		return []storagenode.Event{start, event, end}
	}
	early := func(x transfer, by time.Duration) []storagenode.Event {
		start, end := x.lines()
		end.Arrived = end.Arrived.Add(by)
		return []storagenode.Event{start, end}
	}
	for name, c := range map[string]struct {
		events []storagenode.Event
		want   heard
	}{
		"live lines are as fine as they came":    {eventsOf(get(60*second+250*time.Millisecond, 1234*time.Millisecond)), heard{1, 1.234, 0}},
		"late lines are of whole seconds":        {eventsOf(late(60*second, 1600*time.Millisecond)), heard{1, 2, 1}},
		"late and within a second":               {eventsOf(late(60*second, 10*time.Millisecond+0)), heard{1, 1, 1}},
		"an arrival that cannot be":              {early(get(60*second, 3*second), 1500*time.Millisecond), heard{1, 3, 1}},
		"an arrival that differs a little":       {early(get(60*second, 3*second), 700*time.Millisecond), heard{1, 3.7, 0}},
		"an end that came before its start":      {early(get(60*second, 0), -700*time.Millisecond), heard{1, 0, 0}},
		"the line's own duration counts":         {eventsOf(with(late(60*second, 3*second), func(x *transfer) { x.said = 2718 * time.Millisecond })), heard{1, 2.718, 0}},
		"also without a start":                   {eventsOf(with(late(60*second, 3*second), func(x *transfer) { x.said, x.startMissing = 2718*time.Millisecond, true })), heard{1, 2.718, 0}},
		"an end without a start":                 {eventsOf(with(get(60*second, second), func(x *transfer) { x.startMissing = true })), heard{}},
		"a start from before the node's restart": {between(get(60*second, 40*second), restart), heard{}},
		"a start whose end a twin tells":         {between(get(60*second, 40*second), twin(get(70*second, 0))), heard{}},
		"only successes":                         {eventsOf(with(get(60*second, second), func(x *transfer) { x.outcome = storagenode.OutcomeCanceled }), with(get(50*second, second), func(x *transfer) { x.outcome = storagenode.OutcomeFailed })), heard{}},
		"what takes more than an hour":           {eventsOf(get(60*second, 61*time.Minute)), heard{}},
		// The second begins while the first is under way, and ends after it.
		"a piece for two peers at once": {eventsOf(
			get(60*second, 5*second), with(get(58*second, 4*second), func(x *transfer) { x.peer = "192.0.2.8:5000" }),
		), heard{2, 9, 0}},
		"for two satellites": {eventsOf(
			get(60*second, 5*second), with(get(58*second, 4*second), func(x *transfer) { x.satellite = eu1 }),
		), heard{2, 9, 0}},
		"for two actions": {eventsOf(
			get(60*second, 5*second), with(get(58*second, 4*second), func(x *transfer) { x.action = storagenode.GetAudit }),
		), heard{2, 9, 0}},
		// Of two lines that a log does not tell apart the sum is right, whichever is whose.
		"lines that do not say the peer": {eventsOf(
			with(get(60*second, 5*second), func(x *transfer) { x.peer = "" }), with(get(58*second, 4*second), func(x *transfer) { x.peer = "" }),
		), heard{2, 9, 0}},
		"the same peer again, without an end": {append(eventsOf(get(60*second, 50*second))[:1], eventsOf(get(60*second, 2*second))...), heard{1, 2, 0}},
		"no piece":                            {eventsOf(with(get(60*second, second), func(x *transfer) { x.piece = "" })), heard{}},
		"two audits of the same second":       {eventsOf(with(get(60*second, 0), func(x *transfer) { x.action = storagenode.GetAudit })), heard{1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, every := range []int{1, 1000} {
				s, node := newStore(t), nodeNamed("A")
				hear(t, s, node, every, c.events...)
				for _, group := range []string{"latency", "latency@3600", "latency-later"} {
					base, step, _ := cutStep(group)
					if diff := cmp.Diff(c.want, stored(t, s, node.StoredAs(base)+step)); diff != "" {
						t.Errorf("%s, flushed every %d: %s", group, every, diff)
					}
				}
			}
		})
	}
}

func cutStep(group string) (base, step string, ok bool) {
	for i := range group {
		if group[i] == '@' {
			return group[:i], group[i:], true
		}
	}
	return group, "", false
}

// Logs before v1.83 have milliseconds: their lines need no arrival.
func TestMillisecondsOfAnOldLog(t *testing.T) {
	start, end := get(time.Minute, 0).lines()
	start.Time, end.Time = noon.Add(-61*time.Second-7*time.Millisecond), noon.Add(-60*time.Second)
	start.Arrived, end.Arrived = noon, noon
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 1, start, end)
	if diff := cmp.Diff(heard{1, 1.007, 0}, stored(t, s, node.StoredAs("latency"))); diff != "" {
		t.Error(diff)
	}
}

// A log of garbage takes no more memory than a bound, and nothing of it is lost.
func TestManySatellites(t *testing.T) {
	var all []transfer
	for i := range 200 {
		x := get(time.Minute, time.Second)
		x.satellite = us1[:20] + string(rune('A'+i%26)) + string(rune('A'+i/26))
		all = append(all, x)
	}
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 1000, eventsOf(all...)...)
	result, err := s.Histograms(t.Context(), store.Range{Group: node.StoredAs("latency"), To: noon.UnixMilli()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := stored(t, s, node.StoredAs("latency")); got.Count != 200 || len(result.Columns) != 64 {
		t.Errorf("%+v in %d columns", got, len(result.Columns))
	}
}
