package store

import (
	"context"
	"fmt"
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

// Range is what a read asks of one group.
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

// Read answers a range. It ends with the context's error when that is done.
func (s *Store) Read(ctx context.Context, r Range) (*Result, error) {
	if r.Step < 0 || r.From > r.To {
		return nil, fmt.Errorf("read %s: the range from %d to %d with step %d is not a range", r.Group, r.From, r.To, r.Step)
	}
	from := r.From
	if r.Step > 0 {
		from = floorTo(r.From, r.Step)
		if (r.To-from)/r.Step >= maxPoints {
			return nil, fmt.Errorf("read %s: a step of %d ms gives more than %d points: ask for a longer step", r.Group, r.Step, maxPoints)
		}
	}
	// Memory first: what is sealed in between is then in both, never in neither.
	recent, err := s.recent(r.Group, from, r.To)
	if err != nil {
		return nil, err
	}
	chunks, err := s.chunks(ctx, r.Group, from, r.To)
	if err != nil {
		return nil, err
	}
	parts := append(chunks, recent...)
	if r.Step == 0 || overlapping(parts) {
		merged, err := mergeParts(ctx, parts, r)
		if err != nil {
			return nil, err
		}
		if r.Step == 0 {
			return &Result{Times: merged.times, Columns: merged.columns, Values: merged.values}, nil
		}
		parts = []part{{table: merged}}
	}
	// Steps take their last value, so parts come in order of time.
	sort.SliceStable(parts, func(i, j int) bool { return firstTime(parts[i]) < firstTime(parts[j]) })
	steps := newSteps(from, r)
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := steps.add(p); err != nil {
			return nil, err
		}
	}
	return steps.result(), nil
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
		return p.chunk.times
	}
	return p.table.times
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
		d.runs(len(p.chunk.times), f)
		return d.err
	}
	for i, v := range p.table.values[column] {
		f(i, i+1, v)
	}
	return nil
}

func (s *Store) recent(group string, from, to int64) ([]part, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	var parts []part
	for _, heads := range []map[string]*groupHead{s.sealing, s.heads} {
		if head := heads[group]; head != nil {
			if t := head.between(from, to+1); len(t.times) > 0 {
				parts = append(parts, part{table: t})
			}
		}
	}
	return parts, nil
}

// chunks is the group's chunks that touch the range, oldest commits first.
func (s *Store) chunks(ctx context.Context, group string, from, to int64) ([]part, error) {
	var values []string
	// A string from BuntDB stays valid after the transaction, so decoding waits.
	err := s.view(func(tx *buntdb.Tx) error {
		first := chunkPrefix(group) + fmt.Sprintf("%013d", max(windowOf(from), 0))
		last := chunkPrefix(group) + fmt.Sprintf("%013d:~", max(windowOf(to), 0))
		return tx.AscendRange("", first, last, func(_, value string) bool {
			values = append(values, value)
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	parts := make([]part, 0, len(values))
	for _, value := range values {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := decodeChunk(value)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", group, err)
		}
		if n := len(c.times); n > 0 && c.times[0] <= to && c.times[n-1] >= from {
			parts = append(parts, part{chunk: c})
		}
	}
	sort.SliceStable(parts, func(i, j int) bool { return parts[i].chunk.to < parts[j].chunk.to })
	return parts, nil
}

func firstTime(p part) int64 {
	if times := p.times(); len(times) > 0 {
		return times[0]
	}
	return 0
}

// overlapping says whether any two parts share a time, so that one might replace
// values of the other.
func overlapping(parts []part) bool {
	order := append([]part{}, parts...)
	sort.Slice(order, func(i, j int) bool { return firstTime(order[i]) < firstTime(order[j]) })
	for i := 1; i < len(order); i++ {
		before := order[i-1].times()
		if order[i].times()[0] <= before[len(before)-1] {
			return true
		}
	}
	return false
}

// mergeParts makes one table of the parts' rows in the range. Later parts win.
func mergeParts(ctx context.Context, parts []part, r Range) (*table, error) {
	head := newGroupHead()
	from := r.From
	if r.Step > 0 {
		from = floorTo(r.From, r.Step)
	}
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		times := p.times()
		for i, name := range p.columns() {
			if r.Columns != nil && !r.Columns(name) {
				continue
			}
			column := head.columnIndex(name)
			err := p.runs(i, func(first, last int, value float64) {
				if value != value {
					return
				}
				for j := first; j < last; j++ {
					if times[j] >= from && times[j] <= r.To {
						head.set(times[j], column, value)
					}
				}
			})
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", r.Group, err)
			}
		}
	}
	return head.between(from, r.To+1), nil
}

// steps aggregates parts into steps as they are decoded.
type steps struct {
	r       Range
	from    int64
	count   int
	index   map[Column]int
	columns []Column
	values  [][]float64
	counts  [][]float64 // for Mean only
}

func newSteps(from int64, r Range) *steps {
	return &steps{r: r, from: from, count: int((r.To-from)/r.Step) + 1, index: map[Column]int{}}
}

func (s *steps) column(name Column) int {
	n, ok := s.index[name]
	if !ok {
		n = len(s.columns)
		s.index[name] = n
		s.columns = append(s.columns, name)
		values := make([]float64, s.count)
		for i := range values {
			values[i] = missing
		}
		s.values = append(s.values, values)
		if s.r.Aggregate == Mean {
			s.counts = append(s.counts, make([]float64, s.count))
		}
	}
	return n
}

func (s *steps) add(p part) error {
	times := p.times()
	first := sort.Search(len(times), func(i int) bool { return times[i] >= s.from })
	last := sort.Search(len(times), func(i int) bool { return times[i] > s.r.To })
	step := make([]int32, len(times))
	for i := first; i < last; i++ {
		step[i] = int32((times[i] - s.from) / s.r.Step)
	}
	for i, name := range p.columns() {
		if s.r.Columns != nil && !s.r.Columns(name) {
			continue
		}
		n := s.column(name)
		values := s.values[n]
		err := p.runs(i, func(from, to int, v float64) {
			if v != v {
				return
			}
			for j := max(from, first); j < min(to, last); j++ {
				at := step[j]
				old := values[at]
				switch {
				case s.r.Aggregate == Mean:
					s.counts[n][at]++
					if old != old {
						old = 0
					}
					values[at] = old + v
				case old != old, s.r.Aggregate == Last,
					s.r.Aggregate == Min && v < old, s.r.Aggregate == Max && v > old:
					values[at] = v
				case s.r.Aggregate == Sum:
					values[at] = old + v
				}
			}
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", s.r.Group, err)
		}
	}
	return nil
}

func (s *steps) result() *Result {
	result := &Result{Times: make([]int64, s.count), Columns: s.columns, Values: s.values}
	for i := range result.Times {
		result.Times[i] = s.from + int64(i)*s.r.Step
	}
	for n, counts := range s.counts {
		for i, count := range counts {
			if count > 0 {
				result.Values[n][i] /= count
			}
		}
	}
	return result
}
