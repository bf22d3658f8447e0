package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/tidwall/buntdb"
)

// Aggregate says what becomes of several values in one step.
type Aggregate int

// The aggregates of a read with a step.
const (
	Last Aggregate = iota
	Min
	Max
	Sum
	Mean
)

// maxPoints bounds the points of one column in one answer.
const maxPoints = 1 << 20

// Range is what a read asks of one group. Of an additive family, Sum is served by every
// tier whose steps fit into the asked one; the other aggregates only look at rows as they
// were recorded.
type Range struct {
	Group     string
	Columns   func(Column) bool // nil: all
	From, To  int64             // milliseconds UTC, both inclusive
	Step      int64             // milliseconds; 0: every row as it was recorded
	Aggregate Aggregate         // for Step > 0
}

// Result holds columns over shared, ascending times. A missing value is NaN. With
// a step, times are the starts of steps aligned to the step; a time is there even
// when no column has a value.
type Result struct {
	Times   []int64
	Columns []Column
	Values  [][]float64
}

// begin is the start of the first step of the range, or an error if it is none.
func (r Range) begin() (int64, error) {
	if r.Step < 0 || r.From > r.To {
		return 0, fmt.Errorf("read %s: the range from %d to %d with step %d is not a range", r.Group, r.From, r.To, r.Step)
	}
	if r.Step == 0 {
		return r.From, nil
	}
	from := floorTo(r.From, r.Step)
	if (r.To-from)/r.Step >= maxPoints {
		return 0, fmt.Errorf("read %s: a step of %d ms gives more than %d points: ask for a longer step", r.Group, r.Step, maxPoints)
	}
	return from, nil
}

// Read answers a range. It ends with the context's error when that is done.
func (s *Store) Read(ctx context.Context, r Range) (*Result, error) {
	return retried(func() (*Result, error) { return s.read(ctx, r) })
}

func (s *Store) read(ctx context.Context, r Range) (*Result, error) {
	from, err := r.begin()
	if err != nil {
		return nil, err
	}
	segments := []segment{{group: r.Group, from: from, to: r.To + 1}}
	switch policy := s.policy(r.Group); {
	case policy.Additive && r.Aggregate == Sum:
		segments = s.segments(r, from, func(step int64) bool { return r.Step > 0 && r.Step%step == 0 })
	case !policy.Additive && slices.Contains(policy.Aggregates, r.Aggregate):
		segments = s.segments(r, from, func(step int64) bool { return 2*step <= r.Step || r.Step > 0 && r.Step%step == 0 })
	}
	if r.Step == 0 {
		return s.readRows(ctx, r, segments)
	}
	return s.readSteps(ctx, r, segments)
}

// readRows answers every row of the segments.
func (s *Store) readRows(ctx context.Context, r Range, segments []segment) (*Result, error) {
	head := &groupHead{additive: s.policy(r.Group).Additive}
	for _, part := range segments {
		parts, err := s.parts(ctx, part)
		if err != nil {
			return nil, err
		}
		if err := mergeParts(ctx, head, parts, part, r, true); err != nil {
			return nil, err
		}
	}
	rows := head.between(r.From, r.To+1)
	return &Result{Times: rows.times, Columns: rows.columns, Values: rows.values}, nil
}

// readSteps aggregates the rows of the segments into steps.
func (s *Store) readSteps(ctx context.Context, r Range, segments []segment) (*Result, error) {
	steps := newSteps(floorTo(r.From, r.Step), r)
	for _, segment := range segments {
		parts, err := s.parts(ctx, segment)
		if err != nil {
			return nil, err
		}
		additive := s.policy(segment.group).Additive
		if additive && r.Aggregate == Sum {
			for _, p := range parts {
				if err := steps.add(ctx, p, segment); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := s.addInOrder(ctx, steps, parts, segment, r, additive); err != nil {
			return nil, err
		}
	}
	return steps.result(), nil
}

// addInOrder adds parts in order of time, because steps take their last value. A row in
// several parts counts once, with its latest values, or added up: where parts overlap, and
// only there, they are merged.
func (s *Store) addInOrder(ctx context.Context, steps *steps, parts []part, segment segment, r Range, additive bool) error {
	for _, span := range spans(parts, segment) {
		if len(span.parts) == 1 {
			if err := steps.add(ctx, span.parts[0], span.segment); err != nil {
				return err
			}
			continue
		}
		head := &groupHead{additive: additive}
		if err := mergeParts(ctx, head, span.parts, span.segment, r, false); err != nil {
			return err
		}
		if merged := head.between(span.from, span.to); len(merged.times) > 0 {
			if err := steps.add(ctx, part{table: merged}, span.segment); err != nil {
				return err
			}
		}
	}
	return nil
}

// span is a time with the parts that have rows around it, oldest commits first.
type span struct {
	segment
	parts []part
}

// spans cuts a segment where parts begin and end.
func spans(parts []part, of segment) (all []span) {
	cuts := make([]int64, 0, 2*len(parts))
	for _, p := range parts {
		cuts = append(cuts, max(firstTime(p), of.from), min(lastTime(p)+1, of.to))
	}
	slices.Sort(cuts)
	for i := 1; i < len(cuts); i++ {
		if cuts[i-1] >= cuts[i] {
			continue
		}
		s := span{segment: of}
		s.from, s.to = cuts[i-1], cuts[i]
		for _, p := range parts {
			if firstTime(p) < s.to && lastTime(p) >= s.from {
				s.parts = append(s.parts, p)
			}
		}
		if len(s.parts) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// parts is what memory and chunks hold of a segment, oldest commits first. Of counts
// that add up, each row is in one of them only.
func (s *Store) parts(ctx context.Context, of segment) ([]part, error) {
	for {
		// Memory first: what is sealed in between is then in both, never in neither.
		recent, visible, err := s.recent(of.group, of.from, of.to-1)
		if err != nil {
			return nil, err
		}
		chunks, err := s.chunks(ctx, of.group, of.from, of.to-1)
		if err != nil {
			return nil, err
		}
		parts := make([]part, 0, len(chunks)+len(recent))
		again := false
		for _, c := range chunks {
			if c.additive && c.to > visible {
				// Sealed since memory was read, and perhaps merged with what was there before.
				again = again || c.from <= visible
				continue
			}
			parts = append(parts, part{chunk: c.chunk})
		}
		if err := s.stillWhole(of); err != nil {
			return nil, err
		}
		if !again {
			return append(parts, recent...), nil
		}
	}
}

// name is a stored column's name for the reader, if the read wants it.
func (s segment) name(stored Column, r Range) (Column, bool) {
	name := stored
	if s.rolledUp {
		base, ok := baseColumn(stored, r.Aggregate)
		if !ok {
			return "", false
		}
		name = base
	}
	return name, r.Columns == nil || r.Columns(name)
}

func floorTo(t, step int64) int64 {
	f := t / step * step
	if f > t {
		f -= step
	}
	return f
}

// part is rows of a group from one place: a sealed chunk, or a table from memory.
type part struct {
	chunk *chunk
	table *table
}

func (p part) times() []int64 {
	if p.chunk != nil {
		return p.chunk.grid.times()
	}
	return p.table.times
}

func (p part) grid() grid {
	if p.chunk != nil {
		return p.chunk.grid
	}
	return gridOf(p.table.times)
}

func (p part) columns() []Column {
	if p.chunk != nil {
		return p.chunk.columns
	}
	return p.table.columns
}

// runs calls f with runs of equal values of one column.
func (p part) runs(column int, f func(from, to int, value float64)) error {
	if p.chunk != nil {
		d := &decoder{b: p.chunk.data[column]}
		d.runs(p.chunk.grid.n, f)
		return d.err
	}
	for i, v := range p.table.values[column] {
		f(i, i+1, v)
	}
	return nil
}

// recent is what memory holds of a group, and up to which sequence chunks hold the rest.
func (s *Store) recent(group string, from, to int64) (parts []part, visible uint64, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, 0, ErrClosed
	}
	for _, heads := range []map[string]*groupHead{s.sealing, s.heads} {
		if head := heads[group]; head != nil {
			if t := head.between(from, to+1); len(t.times) > 0 {
				parts = append(parts, part{table: t})
			}
		}
	}
	return parts, s.visible, nil
}

// firstTime is the time of the group's first row from a time on, by its chunks and
// what is in memory; ok is false where there is none.
func (s *Store) firstTime(ctx context.Context, group string, from int64) (first int64, ok bool, err error) {
	parts, err := s.parts(ctx, segment{group: group, from: from, to: forever})
	for _, p := range parts {
		times := p.times()
		if at := p.grid().search(from); at < len(times) && (!ok || times[at] < first) {
			first, ok = times[at], true
		}
	}
	return first, ok, err
}

// Holds says whether there is any row of a group.
func (s *Store) Holds(group string) bool {
	_, ok := s.firstKept(group)
	return ok
}

// firstKept is a time (milliseconds UTC) before which the group has no row; ok is
// false where it has none at all.
func (s *Store) firstKept(group string) (first int64, ok bool) {
	first = forever
	s.mu.RLock()
	for _, heads := range []map[string]*groupHead{s.sealing, s.heads} {
		if head := heads[group]; head != nil && len(head.rows) > 0 {
			first, ok = min(first, head.rows[0].time), true
		}
	}
	s.mu.RUnlock()
	prefix := chunkPrefix(group)
	_ = s.view(func(tx *buntdb.Tx) error { // a closed store has no row
		return tx.AscendRange("", prefix, prefix+"~", func(key, _ string) bool {
			if in, isChunk := chunkPlace(key); isChunk {
				first, ok = min(first, in.window), true
			}
			return !ok
		})
	})
	return first, ok
}

// groups is every group as recorded, in memory or in chunks.
func (s *Store) groups() ([]string, error) {
	found := map[string]bool{}
	s.mu.RLock()
	for _, heads := range []map[string]*groupHead{s.sealing, s.heads} {
		for group := range heads {
			found[rollupBase(group)] = true
		}
	}
	s.mu.RUnlock()
	err := s.view(func(tx *buntdb.Tx) error {
		return tx.AscendRange("", "c:", "c;", func(key, _ string) bool {
			if in, ok := chunkPlace(key); ok {
				found[rollupBase(in.group)] = true
			}
			return true
		})
	})
	return slices.Sorted(maps.Keys(found)), err
}

// chunks is the group's chunks that touch the range, oldest commits first.
func (s *Store) chunks(ctx context.Context, group string, from, to int64) ([]placedChunk, error) {
	var found []placedChunk
	var values []string
	// A string from BuntDB stays valid after the transaction, so decoding waits.
	err := s.view(func(tx *buntdb.Tx) error {
		prefix := chunkPrefix(group)
		return tx.AscendRange("", prefix, prefix+"~", func(key, value string) bool {
			if in, ok := chunkPlace(key); ok && in.group == group && in.window <= to && in.end() > from {
				found, values = append(found, placedChunk{place: in, key: key}), append(values, value)
			}
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if found[i].chunk, err = s.decoded(found[i].key, value); err != nil {
			return nil, fmt.Errorf("read %s: %w", group, err)
		}
	}
	found = slices.DeleteFunc(withoutContained(found), func(c placedChunk) bool {
		return c.grid.n == 0 || c.grid.first() > to || c.grid.last() < from
	})
	sort.SliceStable(found, func(i, j int) bool { return found[i].to < found[j].to })
	return found, nil
}

func lastTime(p part) int64 {
	if p.chunk != nil {
		return p.chunk.grid.last()
	}
	return p.table.times[len(p.table.times)-1]
}

// No part is without rows.
func firstTime(p part) int64 {
	if p.chunk != nil {
		return p.chunk.grid.first()
	}
	return p.table.times[0]
}

// mergeParts puts the parts' rows of a segment into a head, of the columns that a read
// wants, under the names that it knows them by or those that they are stored under. Later
// parts win.
func mergeParts(ctx context.Context, head *groupHead, parts []part, segment segment, r Range, named bool) error {
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := p.grid()
		begin, end := rows.search(segment.from), rows.search(segment.to)
		if begin == end {
			continue
		}
		times := rows.between(begin, end)
		for i, stored := range p.columns() {
			name, ok := segment.name(stored, r)
			if !ok {
				continue
			}
			if !named {
				name = stored
			}
			column := head.numbers.number(name)
			err := p.runs(i, func(first, last int, value float64) {
				if value != value {
					return
				}
				for j := max(first, begin); j < min(last, end); j++ {
					head.set(times[j-begin], column, value)
				}
			})
			if err != nil {
				return fmt.Errorf("read %s: %w", segment.group, err)
			}
		}
	}
	return nil
}
