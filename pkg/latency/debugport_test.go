package latency_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// port keeps what a node's debug port keeps of the durations of its downloads, as monkit does:
// of all of them the count, the sum and the longest; and 64, each of which stays until a later
// one takes its place by chance.
type port struct {
	random    *rand.Rand
	count     int64
	sum, most time.Duration
	kept      []time.Duration
}

func (p *port) observe(took time.Duration) {
	const values, window = 64, 1024
	p.count++
	p.sum, p.most = p.sum+took, max(p.most, took)
	if len(p.kept) < values {
		p.kept = append(p.kept, took)
	} else if at := p.random.Int64N(min(p.count, window)); at < values {
		p.kept[at] = took
	}
}

func (p *port) figures() storagenode.DurationFigures {
	sorted := slices.Sorted(slices.Values(p.kept))
	quantile := func(q float64) time.Duration {
		at := q * float64(len(sorted)-1)
		low := int(at)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + time.Duration((at-float64(low))*float64(sorted[high]-sorted[low]))
	}
	return storagenode.DurationFigures{
		Action: storagenode.Get, Count: p.count, Sum: p.sum, Max: p.most,
		Sample: storagenode.DurationSample{
			Min: quantile(0), P10: quantile(0.1), P50: quantile(0.5), P90: quantile(0.9), P99: quantile(0.99), Max: quantile(1),
		},
	}
}

// tooSlow says of all the transfers of the judged time whether their slowest hundredth is.
func tooSlow(all []time.Duration) bool {
	slow := 0
	for _, took := range all {
		if took >= settings.Default().Thresholds.LatencyInfo {
			slow++
		}
	}
	return slow >= 3 && slow > len(all)-int(math.Ceil(0.99*float64(len(all))))
}

// Half a day of a debug port, some of whose transfers take very long, is judged nearly as the
// transfers themselves are. Above all, a single slow one, which stays among the 64 for a
// thousand more, raises nothing for all that time.
func TestTheDebugPortIsJudgedAsItsTransfersAre(t *testing.T) {
	const polls, before, interval = 144, 100, 5 * time.Minute
	for _, c := range []struct {
		perPoll        int
		typical, width float64       // seconds of half of the transfers, and by how much others differ
		part           float64       // of the transfers
		took           time.Duration // by that part
	}{
		{100, 0.2, 1, 0, 0}, {500, 0.2, 1.2, 0, 0},
		{100, 0.2, 1, 0.001, 30 * time.Second}, {100, 0.2, 1, 0.002, 30 * time.Second}, {100, 0.2, 1, 0.005, 30 * time.Second},
		{20, 0.2, 1, 0.002, 30 * time.Second}, {500, 0.2, 1, 0.002, 30 * time.Second}, {500, 0.2, 1, 0.002, 8 * time.Second},
		{100, 0.2, 1, 0.02, 30 * time.Second}, {500, 0.2, 1, 0.02, 8 * time.Second}, {500, 0.05, 0.5, 0.03, 10 * time.Second},
		{20, 1, 1, 0, 0}, {100, 1, 1, 0, 0}, {500, 0.7, 1, 0, 0},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			p, s, node := &port{random: random}, newStore(t), nodeNamed("A")
			watched := concern.Watched{Node: node, Evidence: blind()}
			watched.Debug = "http://localhost:5999"
			var took []time.Duration
			wrongly, missed, rightly := 0, 0, 0
			for i := -before; i < polls; i++ {
				for range c.perPoll {
					took = append(took, time.Duration(c.typical*math.Exp(c.width*random.NormFloat64())*float64(time.Second)))
					if random.Float64() < c.part {
						took[len(took)-1] = c.took
					}
					p.observe(took[len(took)-1])
				}
				if i < 0 {
					continue
				}
				ago := time.Duration(polls-i) * interval
				poll(t, s, node, ago, noon.AddDate(-1, 0, 0), p.figures())
				if i < 3 {
					continue
				}
				verdict, err := latency.Concern{}.Judge(t.Context(), conditions.Case{
					Nodes: []concern.Watched{watched}, Store: s, Settings: settings.Default(), Now: noon.Add(time.Second - ago),
				})
				if err != nil {
					t.Fatal(err)
				}
				switch raised := len(verdict.Findings) > 0; {
				case raised && tooSlow(took[len(took)-3*c.perPoll:]):
					rightly++
				case raised:
					wrongly++
				case tooSlow(took[len(took)-3*c.perPoll:]):
					missed++
				}
			}
			if wrongly > 8 || missed > 2*rightly+8 {
				t.Errorf("of %d times raised wrongly %d, rightly %d, missed %d", polls, wrongly, rightly, missed)
			}
			request := asking(s, concern.Instant, nil, node)
			request.From = noon.Add(-polls*interval + interval) // the first poll only begins to count
			got := instantsOf(t, answered(t, request))
			var seconds []float64
			for _, d := range took[len(took)-(polls-1)*c.perPoll:] {
				seconds = append(seconds, d.Seconds())
			}
			for metric, q := range map[string]float64{"p50_seconds": 0.5, "p90_seconds": 0.9, "p95_seconds": 0.95, "p99_seconds": 0.99} {
				if v, want := got[metric+"{action=GET, node=A}"], exact(seconds, q); v < want/1.5 || v > want*1.5 {
					t.Errorf("%s is %.2f, exactly %.2f", metric, v, want)
				}
			}
		})
	}
}
