package latency_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// said is what the debug port says: of downloads.
func said(count int64, sum, highest time.Duration) storagenode.DurationFigures {
	ms := time.Millisecond
	return storagenode.DurationFigures{
		Action: storagenode.Get, Count: count, Sum: sum, Max: highest,
		Sample: storagenode.DurationSample{Min: 10 * ms, P10: 20 * ms, P50: 100 * ms, P90: 400 * ms, P99: 2000 * ms, Max: 3000 * ms},
	}
}

func poll(t testing.TB, s *store.Store, node concern.Node, before time.Duration, started time.Time, figures ...storagenode.DurationFigures) {
	t.Helper()
	polledEvery(t, s, node, settings.Default().Poll.Scores, before, started, figures...)
}

func polledEvery(t testing.TB, s *store.Store, node concern.Node, interval, before time.Duration, started time.Time, figures ...storagenode.DurationFigures) {
	t.Helper()
	batch := &store.Batch{}
	p := concern.Poll{At: noon.Add(-before), Interval: interval, Debug: &storagenode.DebugMetrics{Durations: figures}, Status: &storagenode.Status{StartedAt: started}}
	if err := (latency.Concern{}).Record(node, p, s, batch); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(batch); err != nil {
		t.Fatal(err)
	}
}

func TestTheDebugPort(t *testing.T) {
	old, second := noon.Add(-240*time.Hour), time.Second
	type step struct {
		before  time.Duration
		started time.Time
		figures storagenode.DurationFigures
	}
	for name, c := range map[string]struct {
		steps []step
		count float64
		mean  float64
	}{
		"the difference counts":               {[]step{{10 * time.Minute, old, said(1000, 500*second, 60*second)}, {5 * time.Minute, old, said(1200, 540*second, 60*second)}}, 200, 0.2},
		"one answer says nothing":             {[]step{{5 * time.Minute, old, said(1000, 500*second, 60*second)}}, 0, 0},
		"but for a process that just began":   {[]step{{5 * time.Minute, noon.Add(-time.Hour), said(100, 30*second, 60*second)}}, 100, 0.3},
		"nothing came":                        {[]step{{10 * time.Minute, old, said(1000, 500*second, 60*second)}, {5 * time.Minute, old, said(1000, 500*second, 60*second)}}, 0, 0},
		"a restart in between":                {[]step{{10 * time.Minute, old, said(1000, 500*second, 60*second)}, {5 * time.Minute, noon.Add(-7 * time.Minute), said(50, 10*second, 4*second)}}, 50, 0.2},
		"a restart that the API does not say": {[]step{{10 * time.Minute, old, said(1000, 500*second, 60*second)}, {5 * time.Minute, old, said(50, 10*second, 4*second)}}, 50, 0.2},
		"a long pause":                        {[]step{{10 * time.Hour, old, said(1000, 500*second, 60*second)}, {5 * time.Minute, old, said(9000, 900*second, 60*second)}}, 0, 0},
		"very many":                           {[]step{{10 * time.Minute, old, said(0, 0, 0)}, {5 * time.Minute, old, said(123_457, 24691400*time.Millisecond, 60*second)}}, 123_457, 0.2},
	} {
		t.Run(name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			for _, step := range c.steps {
				poll(t, s, node, step.before, step.started, step.figures)
			}
			request := asking(s, concern.Instant, []string{"count", "mean_seconds"}, node)
			request.From = noon.Add(-9 * time.Minute)
			request.Watched[0].Evidence, request.Watched[0].Debug = blind(), "http://localhost:5999"
			frames := answered(t, request)
			got := instantsOf(t, frames)
			want := map[string]float64{"count{action=GET, node=A}": c.count, "mean_seconds{action=GET, node=A}": c.mean}
			if c.count == 0 {
				want = map[string]float64{}
			} else if texts := strings.Join(notices(frames), "\n"); !strings.HasPrefix(texts, "info: A: from the debug port: counts and means are exact, percentiles are estimated") {
				t.Errorf("notices %q", texts)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-4 })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// However rarely a debug port is asked: what it says counts, slow transfers are raised and stay
// so from one answer to the next, and a time in which it was not asked says so.
func TestADebugPortThatIsAskedRarely(t *testing.T) {
	for _, interval := range []time.Duration{10 * time.Minute, 30 * time.Minute, 3 * time.Hour, 12 * time.Hour} {
		t.Run(interval.String(), func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			watched := concern.Watched{Node: node, Evidence: blind()}
			watched.Debug = "http://localhost:5999"
			loaded := settings.Default()
			loaded.Poll = settings.PollIntervals{Status: interval, Scores: interval, Payouts: interval}
			count, judgedTimes := int64(0), 0
			for before := 24 * time.Hour; before > 0; before -= interval {
				figures := said(1000+count, time.Duration(1000+count)*20*time.Second, 40*time.Second)
				figures.Sample = storagenode.DurationSample{Min: 10 * time.Second, P10: 12 * time.Second, P50: 20 * time.Second, P90: 30 * time.Second, P99: 38 * time.Second, Max: 40 * time.Second}
				polledEvery(t, s, node, interval, before, noon.AddDate(-1, 0, 0), figures)
				if count += 100; count == 100 {
					continue // the first only begins to count
				}
				for after := time.Duration(0); after < min(interval, before); after += time.Minute {
					verdict, err := latency.Concern{}.Judge(t.Context(), conditions.Case{
						Nodes: []concern.Watched{watched}, Store: s, Settings: loaded, Now: noon.Add(after - before),
					})
					if err != nil || len(verdict.Findings) != 1 || len(verdict.Unseen) > 0 {
						t.Fatalf("%v after the poll %v before noon: %+v, %v", after, before, verdict, err)
					}
					judgedTimes++
				}
			}
			if judgedTimes < 12*60 {
				t.Errorf("judged %d times", judgedTimes)
			}
			request := asking(s, concern.Instant, []string{"count"}, node)
			request.From, request.Watched[0], request.Settings = noon.Add(-24*time.Hour), watched, loaded
			if got := instantsOf(t, answered(t, request))["count{action=GET, node=A}"]; got != float64(count-100) {
				t.Errorf("%v transfers, want %v", got, count-100)
			}
			request.From = noon.Add(-interval / 2)
			frames := answered(t, request)
			if got, says := strings.Join(notices(frames), "\n"), "warning: A: no latency: the debug port was last asked at 20"; len(instantsOf(t, frames)) > 0 || !strings.HasPrefix(got, says) {
				t.Errorf("notices %q, want %q", got, says)
			}
		})
	}
}

// The node's sample gives the percentiles of nine tenths, and what is left of the sum those of
// the rest. What is the slowest ever is among them.
func TestPercentilesOfTheDebugPort(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	old := noon.Add(-240 * time.Hour)
	poll(t, s, node, 10*time.Minute, old, said(1000, 500*time.Second, 60*time.Second))
	poll(t, s, node, 5*time.Minute, old, said(2000, 737*time.Second, 70*time.Second))
	got := instantsOf(t, answered(t, asking(s, concern.Instant, nil, node)))
	for metric, want := range map[string]float64{"count": 1000, "mean_seconds": 0.237, "p50_seconds": 0.1, "p90_seconds": 0.4, "p99_seconds": 0.86, "max_seconds": 70} {
		if v := got[metric+"{action=GET, node=A}"]; math.Abs(v-want) > bound*want {
			t.Errorf("%s is %v, want %v", metric, v, want)
		}
	}
}

// Where the log tells the same, it counts, and nothing twice; where it tells next to
// nothing of it, the debug port does.
func TestLogAndDebugPort(t *testing.T) {
	old := noon.Add(-240 * time.Hour)
	for logged, want := range map[int]float64{0: 100, 10: 100, 90: 90, 110: 110} {
		s, node := newStore(t), nodeNamed("A")
		poll(t, s, node, 15*time.Minute, old, said(1000, 500*time.Second, 60*time.Second))
		poll(t, s, node, 5*time.Minute, old, said(1100, 520*time.Second, 60*time.Second))
		var all []transfer
		for i := range logged {
			x := get(6*time.Minute+time.Duration(i)*time.Millisecond, 200*time.Millisecond)
			x.piece = string(rune('A' + i))
			all = append(all, x)
		}
		hear(t, s, node, 1000, eventsOf(all...)...)
		request := asking(s, concern.TimeSeries, []string{"count"}, node)
		request.Step = 10 * time.Minute
		if got := seriesOf(t, answered(t, request))["count{action=GET, node=A}"][10]; got != want {
			t.Errorf("%d in the log: %v, want %v", logged, got, want)
		}
	}
}

// Where a query asks for what the debug port does not tell apart, that is said, and not that
// there was nothing; but where the log tells it, there was nothing.
func TestWhatTheDebugPortDoesNotTellApart(t *testing.T) {
	const apart = "the debug port tells neither satellites apart nor repairs among uploads"
	for name, c := range map[string]struct {
		change func(*concern.Query)
		logged bool
		want   string
	}{
		"one satellite":                 {func(q *concern.Query) { q.Satellites = []string{"us1"} }, false, apart},
		"repairs among uploads":         {func(q *concern.Query) { q.Actions = []string{"PUT_REPAIR"} }, false, apart},
		"audits, of which it knows":     {func(q *concern.Query) { q.Actions = []string{"GET_AUDIT"} }, false, "no such transfer succeeded in this time"},
		"one satellite, with audits":    {func(q *concern.Query) { q.Satellites, q.Actions = []string{"us1"}, []string{"GET_AUDIT"} }, false, "no such transfer succeeded in this time"},
		"one satellite, and a log too":  {func(q *concern.Query) { q.Satellites = []string{"eu1"} }, true, "no such transfer succeeded in this time"},
		"all satellites, by a variable": {func(q *concern.Query) { q.Satellites = []string{"$__all"} }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			put := said(100, 20*time.Second, time.Second)
			put.Action = storagenode.Put
			poll(t, s, node, 5*time.Minute, noon.Add(-time.Hour), said(100, 20*time.Second, time.Second), put)
			request := asking(s, concern.Table, []string{"count"}, node)
			request.Watched[0].Evidence, request.Watched[0].Debug = blind(), "http://localhost:5999"
			if c.logged {
				var all []transfer
				for i := range 200 {
					x := get(6*time.Minute+time.Duration(i)*time.Millisecond, 200*time.Millisecond)
					x.piece = string(rune('A' + i))
					all = append(all, x)
				}
				hear(t, s, node, 1000, eventsOf(all...)...)
				request.Watched[0].Evidence = seeing()
			}
			request.Query.GroupBy = []string{"node"}
			c.change(&request.Query)
			frames := answered(t, request)
			because := frames[0].Fields[len(frames[0].Fields)-1]
			if got := because.At(0); because.Name != "no_latency_because" || got != c.want {
				t.Errorf("%v, want %q", got, c.want)
			}
			if told := strings.Contains(strings.Join(notices(frames), "\n"), "warning: A: no latency: "+apart); told != (c.want == apart) {
				t.Errorf("notices %q", notices(frames))
			}
		})
	}
}

// The debug port does not say whose a transfer is.
func TestSatellitesOfTheDebugPort(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	poll(t, s, node, 5*time.Minute, noon.Add(-time.Hour), said(100, 20*time.Second, time.Second))
	request := asking(s, concern.Instant, []string{"count"}, node)
	request.Query.GroupBy = []string{"satellite"}
	if diff := cmp.Diff(map[string]float64{"count{satellite=all}": 100}, instantsOf(t, answered(t, request))); diff != "" {
		t.Error(diff)
	}
	request.Query.Satellites = []string{"us1"}
	if got := instantsOf(t, answered(t, request)); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
