package latency_test

import (
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func judged(t testing.TB, s *store.Store, node concern.Watched) conditions.Verdict {
	t.Helper()
	verdict, err := latency.Concern{}.Judge(t.Context(), conditions.Case{Nodes: []concern.Watched{node}, Store: s, Settings: settings.Default(), Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

func TestSlowTransfersAreRaised(t *testing.T) {
	second := time.Second
	for name, c := range map[string]struct {
		fast, slow int
		took       time.Duration
		before     time.Duration
		want       conditions.Severity
	}{
		"all is well":                          {1000, 0, 0, time.Minute, conditions.OK},
		"one of a hundred, and no more":        {99, 1, 20 * second, time.Minute, conditions.OK},
		"one of ninety-nine, and no more":      {98, 1, 20 * second, time.Minute, conditions.OK},
		"three of three hundred":               {297, 3, 20 * second, time.Minute, conditions.OK},
		"three of two hundred and ninety-nine": {296, 3, 20 * second, time.Minute, conditions.Warning},
		"the slowest of twenty-one":            {20, 1, 20 * second, time.Minute, conditions.OK},
		"two of twenty-one":                    {19, 2, 20 * second, time.Minute, conditions.OK},
		"just at 5 s":                          {97, 3, 5 * second, time.Minute, conditions.Info},
		"just below 5 s":                       {97, 3, 4999 * time.Millisecond, time.Minute, conditions.OK},
		"just below 10 s":                      {97, 3, 9999 * time.Millisecond, time.Minute, conditions.Info},
		"just at 10 s":                         {97, 3, 10 * second, time.Minute, conditions.Warning},
		"too few to tell":                      {16, 3, 20 * second, time.Minute, conditions.OK},
		"just enough":                          {17, 3, 20 * second, time.Minute, conditions.Warning},
		"that was before the 15 minutes":       {98, 20, 20 * second, 17 * time.Minute, conditions.OK},
	} {
		t.Run(name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			var all []transfer
			for i := range c.fast + c.slow {
				x := get(c.before+time.Duration(i)*time.Millisecond, 100*time.Millisecond)
				if i >= c.fast {
					x.took = c.took
				}
				x.piece = string(rune('A'+i%26)) + string(rune('A'+i/26))
				all = append(all, x)
			}
			hear(t, s, node, 50, eventsOf(all...)...)
			verdict := judged(t, s, concern.Watched{Node: node, Evidence: seeing()})
			got := conditions.OK
			for _, f := range verdict.Findings {
				got = f.Severity
				if f.Code != "latency_high" || f.History != node.History || f.Value < f.Threshold || !strings.Contains(f.Title, "A") || f.Message == "" {
					t.Errorf("%+v", f)
				}
			}
			if got != c.want || len(verdict.Findings) > 1 || len(verdict.Unseen) > 0 {
				t.Errorf("%v, want %v; %+v", got, c.want, verdict)
			}
		})
	}
}

// A node's own thresholds decide from then on.
func TestThresholdsOfTheNodesOwn(t *testing.T) {
	for took, want := range map[time.Duration]conditions.Severity{
		1900 * time.Millisecond: conditions.OK, 2 * time.Second: conditions.Info, 2900 * time.Millisecond: conditions.Info, 3 * time.Second: conditions.Warning,
	} {
		s, node := newStore(t), nodeNamed("A")
		node.Thresholds.LatencyInfo, node.Thresholds.LatencyWarning = 2*time.Second, 3*time.Second
		var all []transfer
		for i := range 20 {
			x := get(time.Minute+time.Duration(i)*time.Millisecond, took)
			x.piece = string(rune('A' + i))
			all = append(all, x)
		}
		hear(t, s, node, 50, eventsOf(all...)...)
		verdict := judged(t, s, concern.Watched{Node: node, Evidence: seeing()})
		got := conditions.OK
		for _, f := range verdict.Findings {
			got = f.Severity
		}
		if got != want {
			t.Errorf("%s: %v, want %v; %+v", took, got, want, verdict)
		}
	}
}

// What the operator reads.
func TestWhatSlowTransfersSay(t *testing.T) {
	for took, want := range map[time.Duration]string{
		5 * time.Second:  "info: Slow Transfers on A: The slowest hundredth of 20 successful transfers in 15 minutes took 5.0 seconds or longer (threshold: 5 s). Check the load and the health of the disk.",
		10 * time.Second: "warning: Slow Transfers on A: The slowest hundredth of 20 successful transfers in 15 minutes took 10.0 seconds or longer (threshold: 10 s). Check the load and the health of the disk.",
	} {
		s, node := newStore(t), nodeNamed("A")
		var all []transfer
		for i := range 20 {
			x := get(time.Minute+time.Duration(i)*time.Millisecond, took)
			x.piece = string(rune('A' + i))
			all = append(all, x)
		}
		hear(t, s, node, 50, eventsOf(all...)...)
		got := ""
		for _, f := range judged(t, s, concern.Watched{Node: node, Evidence: seeing()}).Findings {
			got += f.Severity.String() + ": " + f.Title + ": " + f.Message
		}
		if got != want {
			t.Errorf("%s: %q, want %q", took, got, want)
		}
	}
}

// The debug port's figures are judged as the log's are.
func TestSlowTransfersOfTheDebugPort(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	old := noon.Add(-240 * time.Hour)
	first, next := said(1000, 500*time.Second, 60*time.Second), said(2000, 1300*time.Second, 60*time.Second)
	next.Sample.P99, next.Sample.Max = 12*time.Second, 20*time.Second
	poll(t, s, node, 10*time.Minute, old, first)
	poll(t, s, node, 5*time.Minute, old, next)
	watched := concern.Watched{Node: node, Evidence: blind()}
	watched.Debug = "http://localhost:5999"
	verdict := judged(t, s, watched)
	if len(verdict.Findings) != 1 || verdict.Findings[0].Severity != conditions.Warning || len(verdict.Unseen) > 0 {
		t.Fatalf("%+v", verdict)
	}
	if got, says := verdict.Findings[0].Message, "of 1000 successful transfers in 15 minutes took 19.3 seconds or longer, as is estimated from its debug port (threshold: 10 s)"; !strings.Contains(got, says) {
		t.Errorf("%q, want %q", got, says)
	}
}

// A transfer just below a limit is below it.
func TestTheDebugPortJustAtALimit(t *testing.T) {
	for took, want := range map[time.Duration]int{4900 * time.Millisecond: 0, 5 * time.Second: 1} {
		s, node := newStore(t), nodeNamed("A")
		figures := said(100, 100*took, took)
		figures.Sample = storagenode.DurationSample{Min: took, P10: took, P50: took, P90: took, P99: took, Max: took}
		poll(t, s, node, 5*time.Minute, noon.Add(-time.Hour), figures)
		watched := concern.Watched{Node: node, Evidence: blind()}
		watched.Debug = "http://localhost:5999"
		if verdict := judged(t, s, watched); len(verdict.Findings) != want {
			t.Errorf("%s: %+v", took, verdict)
		}
	}
}

// A node that never told its durations is not judged, and not missed; one that did is.
func TestWhatIsNotWatched(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*concern.Watched)
		says   string
	}{
		"it tells them": {func(*concern.Watched) {}, ""},
		"it never did":  {func(w *concern.Watched) { w.Evidence = blind() }, ""},
		"not any more": {func(w *concern.Watched) {
			w.Evidence = blind()
			w.Evidence.Last[concern.StartLines] = noon.Add(-48 * time.Hour)
		}, "does not say when a transfer begins"},
		"a silent debug port": {func(w *concern.Watched) { w.Evidence, w.Debug = blind(), "http://localhost:5999" }, "has not answered yet"},
	} {
		t.Run(name, func(t *testing.T) {
			watched := concern.Watched{Node: nodeNamed("A"), Evidence: seeing()}
			c.change(&watched)
			verdict := judged(t, newStore(t), watched)
			if len(verdict.Findings) > 0 || (len(verdict.Unseen) > 0) != (c.says != "") {
				t.Fatalf("%+v", verdict)
			}
			for _, u := range verdict.Unseen {
				if !strings.Contains(u.Why, c.says) || u.Code != "latency_high" {
					t.Errorf("%+v", u)
				}
			}
		})
	}
}

func TestConditionsAreWhole(t *testing.T) {
	for _, problem := range conditions.Check((latency.Concern{}).Conditions()) {
		t.Error(problem)
	}
}
