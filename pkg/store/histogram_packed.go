package store

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A packed column of histograms is written as how many there are, and then as bits: of each
// how many rows before it have none, what it has besides buckets, where its first bucket is,
// its buckets in the form that is the shortest, and by how much the sum differs from what the
// buckets let expect.
//
// Where a histogram begins and how long it is says the one before it about: so these are
// differences. The rest of a histogram needs no other.
const (
	// The gap from the bucket of each single value to that of the next, in Rice's code. It is
	// for few values.
	formValues = iota
	// The count of each bucket from the first to the last, in Rice's code.
	formCounts
	// The first count, and the difference of each other one from that of the bucket below, in
	// Rice's code. It is for many values.
	formDifferences
	// The gap to each bucket and its count. It is for whatever the others are not for, and for
	// no bucket at all.
	formPairs

	forms    = iota
	formBits = 2
)

// widestSpan bounds the buckets of forms that write each of a span.
const widestSpan = 1 << 12

// histogramPacker writes histograms of one column.
type histogramPacker struct {
	bitWriter
	histogramContext
}

// histogramContext is what of the histograms before the next one is needed.
type histogramContext struct {
	first  int32
	length [forms]int64 // of the last one in each form
}

// appendHistogramColumn writes a column of histograms; nil where a row has none.
func appendHistogramColumn(b []byte, values []*Histogram) []byte {
	present := 0
	for _, h := range values {
		if h != nil {
			present++
		}
	}
	p := histogramPacker{bitWriter: bitWriter{b: binary.AppendUvarint(b, uint64(present))}}
	skipped := uint64(0)
	for _, h := range values {
		if h == nil {
			skipped++
			continue
		}
		p.gamma(skipped)
		p.histogram(h)
		skipped = 0
	}
	return p.bytes()
}

func (p *histogramPacker) flag(set bool) {
	if set {
		p.put(1, 1)
	} else {
		p.put(0, 1)
	}
}

func (p *histogramPacker) histogram(h *Histogram) {
	p.flag(h.Zeros > 0)
	if h.Zeros > 0 {
		p.gamma(h.Zeros - 1)
	}
	form, parameter := shortestForm(h.Buckets)
	p.put(uint64(form), formBits)
	length := int64(len(h.Buckets))
	if form != formPairs {
		length = int64(h.Buckets[len(h.Buckets)-1].Index) - int64(h.Buckets[0].Index) + 1
	}
	if form == formValues {
		length = int64(h.Count() - h.Zeros)
	}
	p.gamma(zigzag(length - p.length[form]))
	p.length[form] = length
	if len(h.Buckets) > 0 {
		first := h.Buckets[0].Index
		p.gamma(zigzag(int64(first) - int64(p.first)))
		p.first = first
	}
	if form == formPairs {
		p.pairs(h.Buckets)
	} else {
		p.gamma(uint64(parameter))
		if form == formDifferences {
			p.gamma(h.Buckets[0].Count - 1)
		}
		each(h.Buckets, form, func(number uint64) { p.rice(number, parameter) })
	}
	p.sum(h)
}

func (p *histogramPacker) pairs(buckets []Bucket) {
	for i, b := range buckets {
		if i > 0 {
			p.gamma(uint64(int64(b.Index) - int64(buckets[i-1].Index) - 1))
		}
		p.gamma(b.Count - 1)
	}
}

// each calls f with the numbers of a form that is in Rice's code.
func each(buckets []Bucket, form int, f func(number uint64)) {
	if form == formValues {
		for i, b := range buckets {
			gap := uint64(0)
			if i > 0 {
				gap = uint64(b.Index - buckets[i-1].Index)
			}
			f(gap)
			for range b.Count - 1 {
				f(0)
			}
		}
		return
	}
	previous := buckets[0].Count
	index := int64(buckets[0].Index) // which may pass the highest one
	if form == formDifferences {
		index++
	}
	for _, b := range buckets {
		for ; index <= int64(b.Index); index++ {
			count := uint64(0)
			if index == int64(b.Index) {
				count = b.Count
			}
			if form == formDifferences {
				f(zigzag(int64(count - previous)))
			} else {
				f(count)
			}
			previous = count
		}
	}
}

// shortestForm is the form in which buckets take the fewest bits, and the parameter of its
// code.
func shortestForm(buckets []Bucket) (form, parameter int) {
	n := len(buckets)
	if n == 0 {
		return formPairs, 0
	}
	span := int64(buckets[n-1].Index) - int64(buckets[0].Index) + 1
	cost, values, most := 0, uint64(0), uint64(0)
	for i, b := range buckets {
		if i > 0 {
			cost += gammaBits(uint64(int64(b.Index) - int64(buckets[i-1].Index) - 1))
		}
		cost += gammaBits(b.Count - 1)
		values = min(values+b.Count, math.MaxInt64)
		most = max(most, b.Count)
	}
	form = formPairs
	if span > widestSpan || most > math.MaxInt64 {
		return form, 0
	}
	candidates := [...]int{formValues, formCounts, formDifferences}
	from := 0
	if values > 4*uint64(span) {
		from = 1 // single values take more than counts
	}
	for _, candidate := range candidates[from:] {
		k, of := riceOf(buckets, candidate)
		of += gammaBits(uint64(k))
		if candidate == formDifferences {
			of += gammaBits(buckets[0].Count - 1)
		}
		if of < cost {
			form, parameter, cost = candidate, k, of
		}
	}
	return form, parameter
}

// riceOf is the parameter with which the numbers of a form take the fewest bits, and how many
// these are.
func riceOf(buckets []Bucket, form int) (parameter, cost int) {
	total, n := uint64(0), uint64(0)
	each(buckets, form, func(number uint64) {
		total = min(total+min(number, math.MaxInt64), math.MaxInt64)
		n++
	})
	middle := bits.Len64(total / max(n, 1))
	var costs [4]int
	lowest := max(0, middle-2)
	each(buckets, form, func(number uint64) {
		for i := range costs {
			k := lowest + i
			costs[i] = min(costs[i]+int(min(number>>k, math.MaxInt32))+1+k, math.MaxInt32)
		}
	})
	parameter, cost = lowest, costs[0]
	for i, of := range costs {
		if of < cost {
			parameter, cost = lowest+i, of
		}
	}
	return parameter, cost
}

// The sum is a whole number nearly always: it is then written as what it is more than the
// buckets let expect, with its width as what that differs from the usual one.
func (p *histogramPacker) sum(h *Histogram) {
	whole := h.Sum == math.Trunc(h.Sum) && math.Abs(h.Sum) <= maxWhole && (h.Sum != 0 || !math.Signbit(h.Sum))
	p.flag(whole)
	if !whole {
		p.put(math.Float64bits(h.Sum), 64)
		return
	}
	expected, usual := expectedSum(h.Buckets)
	off := zigzag(int64(h.Sum) - expected)
	width := bits.Len64(off)
	p.gamma(zigzag(int64(width - usual)))
	p.put(off, max(0, width-1)) // its highest bit is known
}

// expectedSum is the sum of as many values in the middle of each bucket, and how wide the
// difference of a true sum from that usually is. They are the same on every machine: each
// step is rounded by itself.
func expectedSum(buckets []Bucket) (sum int64, usual int) {
	total, values := 0.0, uint64(0)
	for _, b := range buckets {
		total += float64(float64(b.Count) * middle(b.Index))
		values += b.Count
	}
	if !(total < maxWhole) {
		return 0, 64
	}
	// A value is off by some thirtieth, and those of many values cancel each other out.
	return int64(total), max(0, bits.Len64(uint64(total))-4-bits.Len64(values)/2)
}

// middles are 2^((j-0.5)/8): the middle of a bucket between two whole powers of two.
var middles = [bucketsPerDoubling]float64{
	0.9576032806985737, 1.0442737824274138, 1.1387886347566916, 1.241857812073484,
	1.3542555469368927, 1.4768261459394993, 1.6104903319492543, 1.7562521603732995,
}

// nearMiddles are those of the buckets that are used most, from nearMiddle on.
const nearMiddle = -64

var nearMiddles = func() (near [512]float64) {
	for i := range near {
		near[i] = farMiddle(int32(i) + nearMiddle)
	}
	return near
}()

func middle(index int32) float64 {
	if near := int(index) - nearMiddle; near >= 0 && near < len(nearMiddles) {
		return nearMiddles[near]
	}
	return farMiddle(index)
}

func farMiddle(index int32) float64 {
	return math.Ldexp(middles[index&(bucketsPerDoubling-1)], int(index>>3))
}
