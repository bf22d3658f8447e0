package traffic

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
)

func (c *counted) sorted() []group { return slices.SortedFunc(maps.Keys(c.groups), compareGroups) }

// series answers values over time, one wide frame.
func (a *answer) series(ctx context.Context) (data.Frames, error) {
	c, err := a.read(ctx, a.step())
	if err != nil {
		return nil, err
	}
	several := len(a.metrics) > 1 || len(a.metrics) > 0 && a.sizes
	var series []frames.Series
	for _, g := range c.sorted() {
		s := c.groups[g]
		add := func(m metric, labels data.Labels, title string) {
			values := make([]float64, len(c.times))
			for i := range values {
				values[i] = math.NaN()
				if s.seen[m.needs][i] {
					values[i] = m.value(s.counts[i], c.seconds[i])
				}
			}
			config := m.config()
			config.DisplayNameFromDS = title
			series = append(series, frames.Series{Name: m.name, Labels: labels, Config: config, Values: values})
		}
		for _, m := range a.metrics {
			title := g.title(a.groupBy)
			if several {
				title += " " + m.title
			}
			add(m, g.labels(a.groupBy), title)
		}
		for class := range sizeClasses {
			if !a.sizes {
				break
			}
			m := sizeShare(class)
			labels := g.labels(a.groupBy)
			labels[sizeLabel] = m.title
			add(m, labels, g.title(a.groupBy)+" "+m.title)
		}
	}
	return data.Frames{frames.Wide(name, c.times, series)}, nil
}

// whole is a group over the whole range.
type whole struct {
	group
	counts  [starts + 1]counts // where transfers, and their starts, could be seen
	seconds [starts + 1]float64
}

// value is a metric over the range; NaN where nothing could be seen.
func (w *whole) value(m metric) float64 {
	if w.seconds[m.needs] == 0 {
		return math.NaN()
	}
	return m.value(w.counts[m.needs], w.seconds[m.needs])
}

// wholes are the groups, each added up over the parts of the range that could be seen.
func (a *answer) wholes(ctx context.Context) ([]*whole, error) {
	c, err := a.read(ctx, a.wholeStep())
	if err != nil {
		return nil, err
	}
	var all []*whole
	for _, g := range c.sorted() {
		w := &whole{group: g}
		s := c.groups[g]
		for v := range s.seen {
			for i, seen := range s.seen[v] {
				if seen {
					w.counts[v].add(s.counts[i])
					w.seconds[v] += c.seconds[i]
				}
			}
		}
		all = append(all, w)
	}
	return all, nil
}

// instants answers each metric over the whole range, one frame a metric.
func (a *answer) instants(ctx context.Context) (data.Frames, error) {
	all, err := a.wholes(ctx)
	if err != nil {
		return nil, err
	}
	var result data.Frames
	for _, m := range a.metrics {
		frame := frames.NewLong(name, m.name, m.config(), a.groupBy...)
		for _, w := range all {
			if v := w.value(m); v == v {
				frame.Add(v, w.dimensions(a.groupBy)...)
			}
		}
		result = append(result, frame.Frame())
	}
	if a.sizes {
		frame := frames.NewLong(name, sizeSharePercent, percentConfig(), append(slices.Clone(a.groupBy), sizeLabel)...)
		for _, w := range all {
			for class := range sizeClasses {
				m := sizeShare(class)
				if v := w.value(m); v == v {
					frame.Add(v, append(w.dimensions(a.groupBy), m.title)...)
				}
			}
		}
		result = append(result, frame.Frame())
	}
	return result, nil
}

func (g group) dimensions(by []string) []string {
	values := make([]string, len(by))
	for i, label := range by {
		values[i] = g.label(label)
	}
	return values
}

// table answers one row a group over the whole range, the busiest first.
func (a *answer) table(ctx context.Context) (data.Frames, error) {
	all, err := a.wholes(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(w *whole) bool { return w.seconds[transfers] == 0 && w.seconds[starts] == 0 })
	slices.SortStableFunc(all, func(x, y *whole) int {
		return cmp.Compare(y.counts[transfers].operations, x.counts[transfers].operations)
	})
	var fields []*data.Field
	for _, label := range a.groupBy {
		column := label
		if label == byNode {
			column = "node_name"
		}
		fields = append(fields, frames.Column(column, nil, frames.Each(all, func(w *whole) string { return w.label(label) })))
	}
	number := func(column string, m metric) {
		fields = append(fields, frames.Column(column, m.config(), frames.Each(all, func(w *whole) *float64 {
			if v := w.value(m); v == v {
				return &v
			}
			return nil
		})))
	}
	for _, m := range a.metrics {
		number(m.name, m)
	}
	for class := range sizeClasses {
		if a.sizes {
			m := sizeShare(class)
			number(m.name+" "+m.title, m)
		}
	}
	return data.Frames{frames.Table(name, fields...)}, nil
}

var _ concern.Listener = Concern{}
