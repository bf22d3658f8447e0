package store

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// bucketed is a histogram with these counts from a bucket on, with a sum that fits.
func bucketed(first int32, counts ...uint64) *Histogram {
	h := &Histogram{}
	for i, n := range counts {
		if n > 0 {
			h.Buckets = append(h.Buckets, Bucket{Index: first + int32(i), Count: n})
		}
	}
	sum, _ := expectedSum(h.Buckets)
	h.Sum = float64(sum)
	return h
}

func unpacked(t *testing.T, b []byte, rows int) []*Histogram {
	t.Helper()
	values := make([]*Histogram, rows)
	d := &decoder{b: b}
	d.histogramColumn(rows, &histogramMemory{}, func(row int, h *Histogram) { values[row] = h })
	check(t, d.err)
	return values
}

func TestEachHistogramIsPackedInTheShortestForm(t *testing.T) {
	spread := make([]uint64, 100)
	for i := range spread {
		spread[i] = uint64(100_000 + 17*i)
	}
	for _, test := range []struct {
		name string
		of   *Histogram
		form int
		bits int // at most, with all that belongs to it
	}{
		{"nothing", &Histogram{}, formPairs, 16},
		{"one value", bucketed(80, 1), formPairs, 40},
		{"a few values", bucketed(80, 1, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 1), formValues, 64},
		{"some in each bucket", bucketed(80, 1, 5, 0, 4, 1, 6, 0, 4, 2, 0, 5, 1), formCounts, 88},
		{"many in each bucket", bucketed(0, spread...), formDifferences, 100*7 + 110},
		{"two far apart", bucketed(-200, append(append([]uint64{90_000}, make([]uint64, 3000)...), 1)...), formPairs, 120},
		{"at the upper end", bucketed(math.MaxInt32-3, 5, 1, 6, 5), formCounts, 120},
		{"at the lower end", bucketed(math.MinInt32, 5, 1, 6, 5), formCounts, 120},
		{"wider than all others", &Histogram{Buckets: []Bucket{{math.MinInt32, 3}, {math.MaxInt32, math.MaxUint64}}}, formPairs, 420},
	} {
		if form, _ := shortestForm(test.of.Buckets); form != test.form {
			t.Errorf("%s: form %d, want %d", test.name, form, test.form)
		}
		packed := appendHistogramColumn(nil, []*Histogram{test.of})
		if 8*len(packed) > test.bits {
			t.Errorf("%s takes %d bits, want at most %d", test.name, 8*len(packed), test.bits)
		}
		if diff := cmp.Diff([]*Histogram{test.of}, unpacked(t, packed, 1), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}

// Whatever the columns hold, they come back as they were.
func TestPackedHistogramsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 3))
	for range 300 {
		values := make([]*Histogram, 1+random.IntN(40))
		scale, spread, most := math.Exp2(float64(random.IntN(80)-20)), 4*random.Float64(), 1+random.IntN(1<<random.IntN(14))
		for i := range values {
			if random.IntN(4) == 0 {
				continue
			}
			h := &Histogram{}
			for range random.IntN(most) {
				v := scale * math.Exp(spread*random.NormFloat64())
				if random.IntN(2) == 0 {
					v = math.Round(v)
				}
				h.Observe(v)
			}
			switch random.IntN(12) {
			case 0:
				h.Sum = math.Copysign(0, -1)
			case 1:
				h.Sum = math.Inf(1)
			case 2:
				h.Sum = -math.Round(h.Sum)
			case 3:
				h.Sum = maxWhole
			case 4:
				for j := range h.Buckets {
					h.Buckets[j].Count = random.Uint64()>>random.IntN(64) | 1
				}
			}
			values[i] = h
		}
		if diff := cmp.Diff(values, unpacked(t, appendHistogramColumn(nil, values), len(values)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
}

// The sum that buckets let expect is a matter of the file's format: it must be the same on
// every machine and in every version.
func TestExpectedSumsStayTheSame(t *testing.T) {
	for _, test := range []struct {
		of    *Histogram
		sum   int64
		usual int
	}{
		{&Histogram{}, 0, 0},
		{bucketed(80, 1), 980, 6},
		{bucketed(100, 3, 5, 0, 1<<20), 7_543_092_478, 19},
		{bucketed(-30, 1<<40), 78_256_959_093, 13},
		{bucketed(500, 1), 0, 64},
	} {
		sum, usual := expectedSum(test.of.Buckets)
		if sum != test.sum || usual != test.usual {
			t.Errorf("%+v: %d and %d, want %d and %d", test.of.Buckets, sum, usual, test.sum, test.usual)
		}
	}
}

// What is not as it was written is an error, and takes no memory beyond that of the bytes.
func TestDamagedPackedHistogramsAreRefused(t *testing.T) {
	whole := appendHistogramColumn(nil, []*Histogram{observed(1, 2, 3, 400), nil, bucketed(80, 3, 4, 6, 4, 5, 7, 3, 4, 2, 3, 5, 4), bucketed(-200, append(append([]uint64{90_000}, make([]uint64, 3000)...), 1)...)})
	for n := range len(whole) - 1 {
		d := &decoder{b: whole[:n]}
		d.histogramColumn(4, &histogramMemory{}, func(int, *Histogram) {})
		if d.err == nil {
			t.Errorf("the first %d bytes of %d are taken for whole", n, len(whole))
		}
	}
	for name, of := range map[string]struct {
		b    []byte
		rows int
	}{
		"more histograms than rows": {whole, 2},
		"bytes behind the last":     {append(append([]byte{}, whole...), 0), 4},
		"ones":                      {[]byte{4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 4},
		"zeroes":                    {append([]byte{4}, make([]byte, 100)...), 4},
	} {
		d := &decoder{b: of.b}
		if d.histogramColumn(of.rows, &histogramMemory{}, func(int, *Histogram) {}); d.err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
