package store

import (
	"context"
	"fmt"
)

// HistogramResult holds columns of histograms over shared, ascending times, as
// Result does for numbers. A missing one is nil.
type HistogramResult struct {
	Times   []int64
	Columns []Column
	Values  [][]*Histogram
}

// Histograms answers a range of a group's columns of histograms; its Aggregate does
// not matter. With a step, the histograms of each step are merged into one, read
// from roll-ups where their steps fit into the asked one, so that every value counts
// exactly once. into gives the column that a column is merged into, nil keeps them
// apart.
func (s *Store) Histograms(ctx context.Context, r Range, into func(Column) Column) (*HistogramResult, error) {
	from, err := r.begin()
	if err != nil {
		return nil, err
	}
	return retried(func() (*HistogramResult, error) {
		segments := s.segments(r, from, func(step int64) bool { return r.Step > 0 && r.Step%step == 0 })
		return s.readHistograms(ctx, r, segments, into)
	})
}

func (s *Store) readHistograms(ctx context.Context, r Range, segments []segment, into func(Column) Column) (*HistogramResult, error) {
	merged, memory := &groupHead{}, &histogramMemory{}
	for _, segment := range segments {
		parts, err := s.parts(ctx, segment)
		if err != nil {
			return nil, err
		}
		// A row in several parts counts once, with its latest values; or it adds up, and then one
		// part is in memory at a time.
		additive := s.policy(segment.group).Additive
		rows := &groupHead{additive: additive}
		for _, p := range parts {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := p.histogramsInto(rows, memory, segment, r); err != nil {
				return nil, fmt.Errorf("read %s: %w", segment.group, err)
			}
			if additive {
				merged.mergeSteps(rows, r.Step, into)
				rows = &groupHead{additive: true}
				memory.giveUp()
			}
		}
		merged.mergeSteps(rows, r.Step, into)
		memory.giveUp()
	}
	if r.Step == 0 {
		t := merged.between(r.From, r.To+1)
		return &HistogramResult{Times: t.times, Columns: t.histogramColumns, Values: t.histograms}, nil
	}
	from := floorTo(r.From, r.Step)
	result := &HistogramResult{Columns: merged.histograms.columns, Times: make([]int64, (r.To-from)/r.Step+1)}
	for i := range result.Times {
		result.Times[i] = from + int64(i)*r.Step
	}
	for range result.Columns {
		result.Values = append(result.Values, make([]*Histogram, len(result.Times)))
	}
	for _, row := range merged.rows {
		for c, h := range row.histograms {
			result.Values[c][(row.time-from)/r.Step] = h
		}
	}
	return result, nil
}

// mergeSteps merges the histograms of each step of other rows into those that the head has
// there. The head owns all of its histograms then.
func (h *groupHead) mergeSteps(rows *groupHead, step int64, into func(Column) Column) {
	targets := make([]int, len(rows.histograms.columns))
	for c, name := range rows.histograms.columns {
		if into != nil {
			name = into(name)
		}
		targets[c] = h.histograms.number(name)
	}
	sums := make([]histogramSum, len(h.histograms.columns))
	for i, row := range rows.rows {
		at := row.time
		if step > 0 {
			at = floorTo(at, step)
		}
		for c, value := range row.histograms {
			if value != nil {
				sums[targets[c]].add(value)
			}
		}
		if i+1 < len(rows.rows) && step > 0 && floorTo(rows.rows[i+1].time, step) == at {
			continue
		}
		for target := range sums {
			if value := sums[target].take(); value != nil {
				h.mergeHistogram(at, target, value)
			}
		}
	}
}

// mergeHistogram adds a histogram, which the head owns from then on, to what it has there.
func (h *groupHead) mergeHistogram(time int64, column int, value *Histogram) {
	if r := h.row(time); column < len(r.histograms) && r.histograms[column] != nil {
		r.histograms[column].Merge(value)
		return
	}
	h.setHistogram(time, column, value)
}

func (p part) histogramsInto(rows *groupHead, memory *histogramMemory, segment segment, r Range) error {
	columns, times := p.histogramColumns(), p.times()
	for i, name := range columns {
		if r.Columns != nil && !r.Columns(name) {
			continue
		}
		column := rows.histograms.number(name)
		err := p.histograms(i, memory, func(row int, h *Histogram) {
			if times[row] >= segment.from && times[row] < segment.to {
				rows.setHistogram(times[row], column, h)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p part) histogramColumns() []Column {
	if p.chunk != nil {
		return p.chunk.histogramColumns
	}
	return p.table.histogramColumns
}

// histograms calls f with each histogram of one column. Those of a chunk are in the memory.
func (p part) histograms(column int, memory *histogramMemory, f func(row int, h *Histogram)) error {
	if p.chunk != nil {
		return p.chunk.eachHistogram(column, memory, f)
	}
	for i, h := range p.table.histograms[column] {
		if h != nil {
			f(i, h)
		}
	}
	return nil
}

func (p part) events() ([]Event, error) {
	if p.chunk != nil {
		return p.chunk.events()
	}
	return p.table.events, nil
}
