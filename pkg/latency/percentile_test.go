package latency_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// bound is by how much a percentile may be off.
const bound = 0.05

// someTransfers are many transfers within an hour, whose durations are distributed in a
// way of several kinds.
func someTransfers(n int, seed uint64) []transfer {
	random := rand.New(rand.NewPCG(seed, 1))
	all := make([]transfer, n)
	for i := range all {
		took := 0.0
		switch random.IntN(10) {
		case 0: // a disk that sleeps
			took = 3 + 20*random.Float64()
		case 1, 2: // in the cache
			took = 0.002 * (1 + random.Float64())
		default:
			took = 0.3 * math.Exp(random.NormFloat64())
		}
		x := get(time.Duration(1+random.IntN(3000))*time.Second+time.Duration(random.IntN(1e9)), time.Duration(took*1e9))
		x.satellite = []string{us1, eu1}[random.IntN(2)]
		x.action = []storagenode.Action{storagenode.Get, storagenode.Put, storagenode.GetAudit}[random.IntN(3)]
		x.piece = string(rune('A'+i%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i/676))
		all[i] = x
	}
	return all
}

// exact is the nearest-rank percentile.
func exact(took []float64, q float64) float64 {
	slices.Sort(took)
	return took[max(0, int(math.Ceil(q*float64(len(took))))-1)]
}

// The percentiles of many transfers are within the bound of the exact ones, over the whole
// and in each group; means and counts are exact. It does not matter how the lines were
// flushed, nor to which of two nodes they came.
func TestPercentilesAgainstExactOnes(t *testing.T) {
	for seed := range uint64(3) {
		all := someTransfers(4000, seed)
		events := eventsOf(all...)
		for name, groupBy := range map[string][]string{"total": {"total"}, "by satellite and action": {"satellite", "action"}} {
			want := map[string][]float64{}
			for _, x := range all {
				key := "{}"
				if len(groupBy) == 2 {
					key = "{action=" + x.action.String() + ", satellite=" + storagenode.SatelliteName(x.satellite) + "}"
				}
				want[key] = append(want[key], x.took.Seconds())
			}
			var before map[string]float64
			for _, every := range []int{1, 37, 100_000} {
				s := newStore(t)
				a, b := nodeNamed("A"), nodeNamed("B")
				if every == 37 {
					// Whose line it is, its piece decides: else no pair would be whole.
					var ofA, ofB []storagenode.Event
					for _, e := range events {
						if e.Piece[0]%2 == 0 {
							ofA = append(ofA, e)
						} else {
							ofB = append(ofB, e)
						}
					}
					hear(t, s, a, every, ofA...)
					hear(t, s, b, every, ofB...)
				} else {
					hear(t, s, a, every, events...)
				}
				request := asking(s, concern.Instant, nil, a, b)
				request.From = noon.Add(-time.Hour)
				request.Query.GroupBy = groupBy
				got := instantsOf(t, answered(t, request))
				for key, took := range want {
					if n := got["count"+key]; n != float64(len(took)) {
						t.Errorf("%s, flushed every %d: count%s is %v, want %d", name, every, key, n, len(took))
					}
					sum := 0.0
					for _, s := range took {
						sum += s
					}
					if mean := got["mean_seconds"+key]; math.Abs(mean-sum/float64(len(took))) > 0.0005 {
						t.Errorf("mean%s is %v, want %v", key, mean, sum/float64(len(took)))
					}
					for metric, q := range map[string]float64{"p50_seconds": 0.5, "p90_seconds": 0.9, "p95_seconds": 0.95, "p99_seconds": 0.99, "max_seconds": 1} {
						if v, e := got[metric+key], exact(took, q); !(math.Abs(v-e) <= bound*e) {
							t.Errorf("%s, flushed every %d: %s%s is %v, exactly %v", name, every, metric, key, v, e)
						}
					}
				}
				if before == nil {
					before = got
				}
				// Means are made of sums that are rounded once a flush.
				if diff := cmp.Diff(before, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 0.0005 })); diff != "" {
					t.Errorf("%s, flushed every %d: %s", name, every, diff)
				}
			}
		}
	}
}
