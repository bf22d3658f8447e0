package store

import (
	"encoding/binary"
	"math"
	"sort"
)

// Histogram counts values in exponential buckets, eight to every doubling: what is
// read out of it is at most 4.4 % off, and adding two up loses nothing. Values that
// are not above zero share one bucket. The zero value is empty and ready to use.
type Histogram struct {
	Sum     float64
	Zeros   uint64   // values that are not above zero
	Buckets []Bucket // ascending by index, none empty
}

// Bucket counts the values above UpperBound(Index-1) and up to UpperBound(Index).
type Bucket struct {
	Index int32
	Count uint64
}

const bucketsPerDoubling = 8

// UpperBound is the highest value of a bucket.
func UpperBound(index int32) float64 { return math.Exp2(float64(index) / bucketsPerDoubling) }

// Observe counts a value. One that is no number is left out.
func (h *Histogram) Observe(v float64) {
	switch {
	case v != v || math.IsInf(v, 0):
		return
	case v <= 0:
		h.Zeros++
	default:
		h.add(Bucket{Index: int32(math.Ceil(math.Log2(v) * bucketsPerDoubling)), Count: 1})
	}
	h.Sum += v
}

func (h *Histogram) add(b Bucket) {
	i := sort.Search(len(h.Buckets), func(i int) bool { return h.Buckets[i].Index >= b.Index })
	if i == len(h.Buckets) || h.Buckets[i].Index != b.Index {
		h.Buckets = append(h.Buckets, Bucket{})
		copy(h.Buckets[i+1:], h.Buckets[i:])
		h.Buckets[i] = Bucket{Index: b.Index}
	}
	h.Buckets[i].Count += b.Count
}

// Merge adds everything that another histogram counted.
func (h *Histogram) Merge(other *Histogram) {
	h.Sum += other.Sum
	h.Zeros += other.Zeros
	if len(h.Buckets) == 0 {
		h.Buckets = append(h.Buckets, other.Buckets...)
		return
	}
	// Both are sorted. How many are new says how long the result is; it is then made from
	// its end on, in place, and nothing that is still needed is in the way.
	added, i := 0, 0
	for _, b := range other.Buckets {
		for i < len(h.Buckets) && h.Buckets[i].Index < b.Index {
			i++
		}
		if i == len(h.Buckets) || h.Buckets[i].Index != b.Index {
			added++
		}
	}
	i = len(h.Buckets) - 1
	h.Buckets = append(h.Buckets, other.Buckets[:added]...)
	to := len(h.Buckets) - 1
	for j := len(other.Buckets) - 1; j >= 0; to-- {
		switch b := other.Buckets[j]; {
		case i >= 0 && h.Buckets[i].Index > b.Index:
			h.Buckets[to] = h.Buckets[i]
			i--
		case i >= 0 && h.Buckets[i].Index == b.Index:
			b.Count += h.Buckets[i].Count
			h.Buckets[to] = b
			i--
			j--
		default:
			h.Buckets[to] = b
			j--
		}
	}
}

// Clone is a copy that shares nothing with the histogram.
func (h *Histogram) Clone() *Histogram {
	return &Histogram{Sum: h.Sum, Zeros: h.Zeros, Buckets: append([]Bucket(nil), h.Buckets...)}
}

// Count is how many values were counted.
func (h *Histogram) Count() uint64 {
	n := h.Zeros
	for _, b := range h.Buckets {
		n += b.Count
	}
	return n
}

// Quantile is the value below which a part (0 to 1) of all values lies, at most
// 4.4 % off; NaN when nothing was counted.
func (h *Histogram) Quantile(q float64) float64 {
	n := h.Count()
	if n == 0 || q != q {
		return math.NaN()
	}
	rank := max(1, uint64(math.Ceil(min(max(q, 0), 1)*float64(n))))
	if rank <= h.Zeros {
		return 0
	}
	seen := h.Zeros
	for _, b := range h.Buckets {
		if seen += b.Count; seen >= rank {
			// As far from the bucket's lower bound as from its upper one, relatively.
			low, high := UpperBound(b.Index-1), UpperBound(b.Index)
			return 2 * low * high / (low + high)
		}
	}
	return math.NaN()
}

// HistogramSample is the histogram of one column at one time.
type HistogramSample struct {
	Column    Column
	Histogram *Histogram
}

// A histogram of a commit is written as: the number of buckets with two flags, the values not
// above zero if there are any, each bucket's distance from the one before and its
// count, the sum as a whole number where it is one.
const (
	histogramZeros = 1 << iota
	histogramWholeSum
	histogramFlags = iota
)

func appendHistogram(b []byte, h *Histogram) []byte {
	head := uint64(len(h.Buckets)) << histogramFlags
	whole := h.Sum == math.Trunc(h.Sum) && math.Abs(h.Sum) <= maxWhole && (h.Sum != 0 || !math.Signbit(h.Sum))
	if h.Zeros > 0 {
		head |= histogramZeros
	}
	if whole {
		head |= histogramWholeSum
	}
	b = binary.AppendUvarint(b, head)
	if h.Zeros > 0 {
		b = binary.AppendUvarint(b, h.Zeros)
	}
	previous := int64(0)
	for i, bucket := range h.Buckets {
		if i == 0 {
			b = binary.AppendVarint(b, int64(bucket.Index))
		} else {
			b = binary.AppendUvarint(b, uint64(int64(bucket.Index)-previous-1))
		}
		previous = int64(bucket.Index)
		b = binary.AppendUvarint(b, bucket.Count)
	}
	if whole {
		return binary.AppendVarint(b, int64(h.Sum))
	}
	return appendFloat(b, h.Sum)
}

func (d *decoder) histogram() *Histogram {
	head := d.uvarint()
	n := head >> histogramFlags
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	h := &Histogram{}
	if head&histogramZeros != 0 {
		h.Zeros = d.uvarint()
	}
	if n > 0 {
		h.Buckets = make([]Bucket, 0, n)
	}
	index := int64(0)
	for i := uint64(0); i < n && d.err == nil; i++ {
		if i == 0 {
			index = d.varint()
		} else {
			gap := d.shortUvarint()
			if gap > math.MaxInt32 {
				d.fail()
				break
			}
			index += int64(gap) + 1
		}
		count := d.shortUvarint()
		if index < math.MinInt32 || index > math.MaxInt32 || count == 0 {
			d.fail()
			break
		}
		h.Buckets = append(h.Buckets, Bucket{Index: int32(index), Count: count})
	}
	if head&histogramWholeSum != 0 {
		h.Sum = float64(d.varint())
	} else {
		h.Sum = d.float()
	}
	if d.err != nil {
		return nil
	}
	return h
}

// shortUvarint is uvarint for numbers that nearly always are one byte.
func (d *decoder) shortUvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	return d.uvarint()
}

// formerHistogramColumn reads a column of histograms of chunks before version 5: how many rows
// have none, a histogram, and so on, up to the last one.
func (d *decoder) formerHistogramColumn(n int, f func(row int, h *Histogram)) {
	row := 0
	for len(d.b) > 0 && d.err == nil {
		skipped := d.uvarint()
		h := d.histogram()
		if d.err != nil || skipped >= uint64(n-row) {
			d.fail()
			return
		}
		row += int(skipped)
		f(row, h)
		row++
	}
}
