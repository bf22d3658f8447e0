package store

import (
	"slices"
	"sort"
)

// groupHead holds the rows of one group that no chunk contains yet.
type groupHead struct {
	additive   bool // whether values of one time and column add up
	numbers    columnSet
	histograms columnSet
	rows       []row // ascending by time
	bytes      int64 // that the rows take, about
}

// What rows take in memory beside their values, about.
const (
	rowBytes       = 128
	histogramBytes = 72
	bucketBytes    = 16
	eventBytes     = 96
	labelBytes     = 96
)

// columnSet numbers the columns of one kind.
type columnSet struct {
	index   map[Column]int
	columns []Column
}

func (s *columnSet) number(c Column) int {
	n, ok := s.index[c]
	if !ok {
		if s.index == nil {
			s.index = map[Column]int{}
		}
		n = len(s.columns)
		s.index[c] = n
		s.columns = append(s.columns, c)
	}
	return n
}

// row is the row of a time, made if it is not there.
func (h *groupHead) row(time int64) *row {
	n := len(h.rows)
	// Rows come in order of time nearly always.
	i := n
	if n > 0 && time <= h.rows[n-1].time {
		i = sort.Search(n, func(i int) bool { return h.rows[i].time >= time })
	}
	if i == n || h.rows[i].time != time {
		h.rows = append(h.rows, row{})
		copy(h.rows[i+1:], h.rows[i:])
		h.rows[i] = row{time: time}
		h.bytes += rowBytes
	}
	return &h.rows[i]
}

func (h *groupHead) set(time int64, column int, value float64) {
	r := h.row(time)
	for len(r.values) <= column {
		r.values = append(r.values, missing)
		h.bytes += 8
	}
	if old := r.values[column]; h.additive && old == old {
		value += old
	}
	r.values[column] = value
}

func (h *groupHead) setHistogram(time int64, column int, value *Histogram) {
	r := h.row(time)
	for len(r.histograms) <= column {
		r.histograms = append(r.histograms, nil)
		h.bytes += 8
	}
	if old := r.histograms[column]; h.additive && old != nil {
		// Readers may have the old one.
		sum := old.Clone()
		sum.Merge(value)
		value = sum
	}
	r.histograms[column] = value
	h.bytes += histogramBytes + bucketBytes*int64(len(value.Buckets))
}

func (h *groupHead) addEvent(e Event) {
	r := h.row(e.Time)
	if !slices.ContainsFunc(r.events, e.equal) {
		r.events = append(r.events, e)
		h.bytes += e.bytes()
	}
}

func (h *groupHead) add(r batchRow) {
	for _, s := range r.samples {
		h.set(r.time, h.numbers.number(s.Column), s.Value)
	}
	for _, s := range r.histograms {
		h.setHistogram(r.time, h.histograms.number(s.Column), s.Histogram)
	}
	for _, e := range r.events {
		h.addEvent(e)
	}
}

// addHead puts the rows of another head over those that are there, or adds them up.
func (h *groupHead) addHead(newer *groupHead) {
	for _, r := range newer.rows {
		for c, v := range r.values {
			if v == v {
				h.set(r.time, h.numbers.number(newer.numbers.columns[c]), v)
			}
		}
		for c, v := range r.histograms {
			if v != nil {
				h.setHistogram(r.time, h.histograms.number(newer.histograms.columns[c]), v)
			}
		}
		for _, e := range r.events {
			h.addEvent(e)
		}
	}
}

// drop takes the rows with from ≤ time < to out.
func (h *groupHead) drop(from, to int64) {
	first, n := sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= from }), h.count(from, to)
	if n == 0 {
		return
	}
	h.bytes -= h.bytes * int64(n) / int64(len(h.rows))
	h.rows = append(h.rows[:first], h.rows[first+n:]...)
}

// count is how many rows there are with from ≤ time < to.
func (h *groupHead) count(from, to int64) int {
	first := sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= from })
	return sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= to }) - first
}

// between is the rows with from ≤ time < to, as a table of its own.
func (h *groupHead) between(from, to int64) *table {
	first := sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= from })
	last := sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= to })
	rows := h.rows[first:last]
	t := &table{times: make([]int64, len(rows))}
	used := make([]bool, len(h.numbers.columns))
	usedHistograms := make([]bool, len(h.histograms.columns))
	for i, r := range rows {
		t.times[i] = r.time
		for c, v := range r.values {
			if v == v {
				used[c] = true
			}
		}
		for c, v := range r.histograms {
			usedHistograms[c] = usedHistograms[c] || v != nil
		}
		t.events = append(t.events, r.events...)
	}
	for c, name := range h.histograms.columns {
		if !usedHistograms[c] {
			continue
		}
		values := make([]*Histogram, len(rows))
		for i, r := range rows {
			if c < len(r.histograms) {
				values[i] = r.histograms[c]
			}
		}
		t.histogramColumns = append(t.histogramColumns, name)
		t.histograms = append(t.histograms, values)
	}
	for c, name := range h.numbers.columns {
		if !used[c] {
			continue
		}
		values := make([]float64, len(rows))
		for i, r := range rows {
			if c < len(r.values) {
				values[i] = r.values[c]
			} else {
				values[i] = missing
			}
		}
		t.columns = append(t.columns, name)
		t.values = append(t.values, values)
	}
	return t
}
