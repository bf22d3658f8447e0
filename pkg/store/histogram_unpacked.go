package store

import "math"

// histogramUnpacker reads what a histogramPacker wrote.
type histogramUnpacker struct {
	bitReader
	histogramContext
	memory  *histogramMemory
	buckets []Bucket // memory for those to come, so that not each histogram needs its own
}

// histogramMemory is for histograms that are given up together, for others to be read there.
// The zero value is ready to use.
type histogramMemory struct {
	histograms slabs[Histogram]
	buckets    slabs[Bucket]
}

func (m *histogramMemory) giveUp() {
	m.histograms.taken, m.buckets.taken = 0, 0
}

// slabs are pieces of memory of which the first ones are taken.
type slabs[T any] struct {
	all   [][]T
	taken int
}

// take is a slab of n at least. What it held before is still there.
func (s *slabs[T]) take(n int) []T {
	if s.taken == len(s.all) {
		s.all = append(s.all, nil)
	}
	if cap(s.all[s.taken]) < n {
		s.all[s.taken] = make([]T, n)
	}
	s.taken++
	return s.all[s.taken-1]
}

// histogramColumn calls f with each histogram of a column of n rows. They are its own until
// the memory is given up.
func (d *decoder) histogramColumn(n int, memory *histogramMemory, f func(row int, h *Histogram)) {
	present := d.uvarint()
	if d.err != nil || present > uint64(n) {
		d.fail()
		return
	}
	u := histogramUnpacker{bitReader: bitReader{b: d.b}, memory: memory}
	d.b = nil
	histograms := memory.histograms.take(int(present))[:present]
	row := uint64(0)
	for i := range histograms {
		skipped := u.gamma()
		h := &histograms[i]
		if u.histogram(h); u.failed || skipped >= uint64(n)-row {
			d.fail()
			return
		}
		row += skipped
		f(int(row), h)
		row++
	}
	if u.left() >= 8 {
		d.fail()
	}
}

func (u *histogramUnpacker) histogram(h *Histogram) {
	*h = Histogram{}
	if u.take(1) != 0 {
		h.Zeros = u.gamma() + 1
	}
	form := int(u.take(formBits))
	length := u.length[form] + unzigzag(u.gamma())
	// Each of what is counted takes a bit at least.
	if length < 0 || length > int64(u.left()) {
		u.fail()
		return
	}
	u.length[form] = length
	first := int64(u.first)
	if length > 0 {
		first += unzigzag(u.gamma())
	}
	if first < math.MinInt32 || first > math.MaxInt32 || length > 0 && form != formPairs && form != formValues && first+length-1 > math.MaxInt32 {
		u.fail()
		return
	}
	u.first = int32(first)
	if cap(u.buckets)-len(u.buckets) < int(length) {
		u.buckets = u.memory.buckets.take(max(int(length), min(u.left()/4, 4096)))[:0]
	}
	begin := len(u.buckets)
	switch {
	case length == 0:
	case form == formPairs:
		u.pairs(first, length)
	case form == formValues:
		u.values(first, length, begin)
	default:
		u.counts(first, length, form == formDifferences)
	}
	h.Buckets = u.buckets[begin:len(u.buckets):len(u.buckets)]
	if begin == len(u.buckets) {
		h.Buckets = nil
	}
	h.Sum = u.sum(h)
}

func (u *histogramUnpacker) pairs(index, length int64) {
	for i := range length {
		if i > 0 {
			index += int64(min(u.gamma(), 1<<33)) + 1
		}
		if index > math.MaxInt32 {
			u.fail()
		}
		if u.failed {
			return
		}
		u.buckets = append(u.buckets, Bucket{Index: int32(index), Count: u.gamma() + 1})
	}
}

// values reads single values; the histogram's buckets begin at begin.
func (u *histogramUnpacker) values(index, length int64, begin int) {
	parameter := u.parameter()
	for range length {
		gap := u.rice(parameter)
		if gap > math.MaxInt32 || index+int64(gap) > math.MaxInt32 {
			u.fail()
		}
		if u.failed {
			return
		}
		index += int64(gap)
		if gap == 0 && len(u.buckets) > begin {
			u.buckets[len(u.buckets)-1].Count++
			continue
		}
		u.buckets = append(u.buckets, Bucket{Index: int32(index), Count: 1})
	}
}

func (u *histogramUnpacker) counts(index, length int64, differences bool) {
	parameter := u.parameter()
	previous := uint64(0)
	for i := range length {
		count := uint64(0)
		switch {
		case !differences:
			count = u.rice(parameter)
		case i == 0:
			count = u.gamma() + 1
		default:
			count = previous + uint64(unzigzag(u.rice(parameter)))
		}
		if u.failed {
			return
		}
		if previous = count; count > 0 {
			u.buckets = append(u.buckets, Bucket{Index: int32(index + i), Count: count})
		}
	}
}

func (u *histogramUnpacker) parameter() int {
	parameter := u.gamma()
	if parameter > 63 {
		u.fail()
		return 0
	}
	return int(parameter)
}

func (u *histogramUnpacker) sum(h *Histogram) float64 {
	if u.take(1) == 0 {
		return math.Float64frombits(u.take(64))
	}
	expected, usual := expectedSum(h.Buckets)
	width := int64(usual) + unzigzag(u.gamma())
	if width < 0 || width > 64 {
		u.fail()
		return 0
	}
	off := uint64(0)
	if width > 0 {
		off = 1<<(width-1) | u.take(int(width)-1)
	}
	return float64(expected + unzigzag(off))
}
