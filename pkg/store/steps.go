package store

import (
	"context"
	"fmt"
	"math"
)

// steps aggregates parts into steps as they are decoded.
type steps struct {
	r       Range
	from    int64
	count   int
	index   map[Column]int
	columns []Column
	values  [][]float64
	counts  [][]float64  // for Mean only
	groups  []rowsOfStep // of the part that is just added
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

// rowsOfStep are rows of a part that lie in one step, from first on up to the next's.
type rowsOfStep struct{ first, step int }

// grouped finds which rows of a part lie in which steps, so that a run of equal values
// is looked at once a step and not once a row.
func (s *steps) grouped(rows grid, first, last int) []rowsOfStep {
	groups := s.groups[:0]
	end := int64(math.MinInt64) // of the step that is grouped now
	for _, run := range rows.runs {
		for i := max(run.row, first); i < min(run.row+run.n, last); {
			t := run.at(i)
			if t >= end {
				at := (t - s.from) / s.r.Step
				groups = append(groups, rowsOfStep{i, int(at)})
				end = s.from + (at+1)*s.r.Step
			}
			if run.step == 0 {
				break // its rows are all of one time
			}
			i += int((end - t + run.step - 1) / run.step)
		}
	}
	s.groups = groups
	return groups
}

func (s *steps) add(ctx context.Context, p part, segment segment) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rows := p.grid()
	first, last := rows.search(segment.from), rows.search(segment.to)
	groups := s.grouped(rows, first, last)
	for i, stored := range p.columns() {
		name, ok := segment.name(stored, s.r)
		if !ok {
			continue
		}
		n := s.column(name)
		g := 0 // runs come in order, and so do groups
		err := p.runs(i, func(from, to int, v float64) {
			from, to = max(from, first), min(to, last)
			if v != v || from >= to {
				return
			}
			for g+1 < len(groups) && groups[g+1].first <= from {
				g++
			}
			for h := g; h < len(groups) && groups[h].first < to; h++ {
				end := to
				if h+1 < len(groups) {
					end = min(to, groups[h+1].first)
				}
				s.put(n, groups[h].step, v, end-max(from, groups[h].first))
			}
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", segment.group, err)
		}
	}
	return nil
}

// put aggregates a value of a column, which so many rows of a step have.
func (s *steps) put(column, step int, v float64, rows int) {
	value := &s.values[column][step]
	old := *value
	switch s.r.Aggregate {
	case Mean:
		s.counts[column][step] += float64(rows)
		fallthrough
	case Sum:
		if old != old {
			old = 0
		}
		*value = old + v*float64(rows)
	case Min:
		if old != old || v < old {
			*value = v
		}
	case Max:
		if old != old || v > old {
			*value = v
		}
	default:
		*value = v
	}
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
