package store

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A sum is what merging one after the other comes to, and changes nothing that was added.
func TestSumsAreMergedHistograms(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	sum := &histogramSum{}
	for range 300 {
		var want *Histogram
		spread := 12 * random.Float64() // so that some are too far apart for places
		for range random.IntN(5) {
			h := &Histogram{}
			for range random.IntN(30) {
				h.Observe(math.Round(1000*math.Exp(spread*random.NormFloat64())) - float64(random.IntN(2)))
			}
			before := h.Clone()
			if sum.add(h); want == nil {
				want = &Histogram{}
			}
			want.Merge(h)
			defer func() {
				if diff := cmp.Diff(before, h); diff != "" {
					t.Errorf("adding changed what was added: %s", diff)
				}
			}()
		}
		// What is taken is the taker's.
		got := sum.take()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		if got != nil {
			got.Observe(5)
		}
	}
	if sum.take() != nil {
		t.Error("a sum of nothing is something")
	}
}
