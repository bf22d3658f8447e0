package latency

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func nodeOf(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name, Thresholds: settings.Default().Thresholds}, History: "history-of-" + name}
}

// A cell counts as the store's own histogram does.
func TestACellCountsAsTheStoreDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	c := &cell{}
	for range 3 { // a cell is used again
		want := &store.Histogram{}
		for i := range 2000 {
			took := time.Duration(math.Exp(random.NormFloat64()*3) * float64(50*time.Millisecond))
			switch i {
			case 7:
				took = 0
			case 8:
				took = 100 * time.Microsecond // just at a bound
			case 9:
				took = longest
			}
			took = min(max(took, 0), longest)
			if took > 0 && took < time.Microsecond {
				took = time.Microsecond
			}
			c.observe(took)
			want.Observe(float64(took) / float64(unit))
		}
		want.Sum = math.Round(want.Sum)
		if diff := cmp.Diff(want, c.take()); diff != "" {
			t.Fatal(diff)
		}
	}
	if c.count != 0 || c.sum != 0 || c.zeros != 0 || c.buckets != [lastBucket - firstBucket + 1]uint32{} {
		t.Error("a cell is not empty after it was taken")
	}
	c.observe(time.Nanosecond)
	c.observe(100 * longest)
	if h := c.take(); h.Buckets[0].Index != firstBucket || h.Buckets[1].Index != lastBucket {
		t.Errorf("%+v", h.Buckets)
	}
}

// The buckets of a picture hold what the store's do, in order and without gaps.
func TestBucketsOfAPicture(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		h := &store.Histogram{Zeros: uint64(random.IntN(2))}
		for range random.IntN(300) {
			h.Observe(math.Exp(random.NormFloat64() * random.Float64() * 6))
		}
		b, ok := bucketsOf([]*store.Histogram{nil, h})
		if ok != (h.Count() > 0) {
			t.Fatal("no buckets")
		}
		if !ok {
			continue
		}
		if b.count() > maxBuckets+1 {
			t.Fatalf("%d buckets", b.count())
		}
		sum, at := 0.0, 0
		b.each(h, func(bucket int, count float64) {
			if bucket < at || bucket >= b.count() {
				t.Fatalf("bucket %d of %d", bucket, b.count())
			}
			at = bucket
			sum += count
		})
		if sum != float64(h.Count()) {
			t.Fatalf("%v of %d", sum, h.Count())
		}
		for _, bucket := range h.Buckets {
			i := -1
			b.each(&store.Histogram{Buckets: []store.Bucket{bucket}}, func(n int, _ float64) { i = n })
			if end := store.UpperBound(bucket.Index) * unit.Seconds(); end > b.end(i)*(1+1e-9) || i > 0 && end <= b.end(i-1)*(1-1e-9) {
				t.Fatalf("what ends at %v is in the bucket from %v to %v", end, b.end(i-1), b.end(i))
			}
		}
	}
}
