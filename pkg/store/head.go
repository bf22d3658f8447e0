package store

import (
	"sort"
)

// groupHead holds the rows of one group that no chunk contains yet.
type groupHead struct {
	index   map[Column]int
	columns []Column
	rows    []row // ascending by time
}

func newGroupHead() *groupHead { return &groupHead{index: map[Column]int{}} }

func (h *groupHead) columnIndex(c Column) int {
	n, ok := h.index[c]
	if !ok {
		n = len(h.columns)
		h.index[c] = n
		h.columns = append(h.columns, c)
	}
	return n
}

func (h *groupHead) set(time int64, column int, value float64) {
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
	}
	r := &h.rows[i]
	for len(r.values) <= column {
		r.values = append(r.values, missing)
	}
	r.values[column] = value
}

func (h *groupHead) add(r batchRow) {
	for _, s := range r.samples {
		h.set(r.time, h.columnIndex(s.Column), s.Value)
	}
}

// between is the rows with from ≤ time < to, as a table of its own.
func (h *groupHead) between(from, to int64) *table {
	first := sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= from })
	last := sort.Search(len(h.rows), func(i int) bool { return h.rows[i].time >= to })
	rows := h.rows[first:last]
	t := &table{times: make([]int64, len(rows))}
	used := make([]bool, len(h.columns))
	for i, r := range rows {
		t.times[i] = r.time
		for c, v := range r.values {
			if v == v {
				used[c] = true
			}
		}
	}
	for c, name := range h.columns {
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
