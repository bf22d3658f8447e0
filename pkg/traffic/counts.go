package traffic

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// counted is what was counted in each step of a range, by group.
type counted struct {
	times   []int64 // where the steps begin, milliseconds UTC
	seconds []float64
	groups  map[group]*steps
}

// steps are the counts of one group.
type steps struct {
	counts []counts
	seen   [starts + 1][]bool // where transfers, and their starts, could be seen
}

// read counts the selected transfers of all nodes in steps.
func (a *answer) read(ctx context.Context, step time.Duration) (*counted, error) {
	c := &counted{groups: map[group]*steps{}}
	length := step.Milliseconds()
	from := floorDiv(a.request.From.UnixMilli(), length) * length
	// The last step is read to its end: only the clock may cut it short.
	to := floorDiv(a.request.To.UnixMilli(), length)*length + length - 1
	now := a.request.Now.UnixMilli()
	for at := from; at <= to; at += length {
		c.times = append(c.times, at)
		c.seconds = append(c.seconds, seconds(at, step, now))
	}
	for _, node := range a.request.Watched {
		if err := a.readNode(ctx, c, node, step, from, to); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// shortestSeconds keeps a rate from leaping at the beginning of a step.
const shortestSeconds = 10

// seconds is how long a step is: the one that is not over yet, as long as it lasts.
func seconds(at int64, step time.Duration, now int64) float64 {
	if past := time.Duration(now-at) * time.Millisecond; past >= 0 && past < step {
		return max(past.Seconds(), shortestSeconds)
	}
	return step.Seconds()
}

func (a *answer) readNode(ctx context.Context, c *counted, node concern.Watched, step time.Duration, from, to int64) error {
	seen, err := a.visible(ctx, node, step, from, to, len(c.times))
	if err != nil {
		return err
	}
	if !slices.Contains(seen[transfers], true) && !slices.Contains(seen[starts], true) {
		return nil // not a zero: nothing at all
	}
	touched := map[*steps]bool{}
	of := func(g group) *steps {
		s := c.groups[g]
		if s == nil {
			s = &steps{counts: make([]counts, len(c.times))}
			for v := range s.seen {
				s.seen[v] = make([]bool, len(c.times))
			}
			c.groups[g] = s
		}
		if !touched[s] {
			touched[s] = true
			for v := range s.seen {
				for i, is := range seen[v] {
					s.seen[v][i] = s.seen[v][i] || is
				}
			}
		}
		return s
	}
	for _, g := range a.certain(node.Name) {
		of(g)
	}
	if len(a.metrics) > 0 {
		result, err := a.request.Store.Read(ctx, store.Range{
			Group: node.StoredAs(name), From: from, To: to, Step: step.Milliseconds(), Aggregate: store.Sum,
			Columns: func(column store.Column) bool {
				switch column.Metric() {
				case operationsColumn, bytesColumn:
					return a.selects(column)
				case busyColumn: // which no outcome has
					return !a.by(byOutcome) && a.selects(column)
				}
				return false
			},
		})
		if err != nil {
			return err
		}
		for i, column := range result.Columns {
			a.count(of, node.Name, column, result.Values[i])
		}
	}
	if a.sizes {
		result, err := a.request.Store.Read(ctx, store.Range{
			Group: node.StoredAs(sizes), From: from, To: to, Step: step.Milliseconds(), Aggregate: store.Sum,
			Columns: func(column store.Column) bool {
				return a.selects(column) && a.outcomes.Matches(column.Label(outcomeLabel))
			},
		})
		if err != nil {
			return err
		}
		for i, column := range result.Columns {
			class := slices.IndexFunc(sizeClasses[:], func(class sizeClass) bool { return class.stored == column.Label(sizeLabel) })
			if class < 0 {
				continue
			}
			counts := of(a.groupOf(node.Name, column)).counts
			for j, v := range result.Values[i] {
				if v == v {
					counts[j].sizes[class] += v
				}
			}
		}
	}
	return nil
}

// selects says whether the query asks for a column's satellite and action.
func (a *answer) selects(column store.Column) bool {
	return a.wantsSatellite(column.Label(satelliteLabel)) && a.actions.Matches(column.Label(actionLabel))
}

func (a *answer) groupOf(node string, column store.Column) group {
	return a.grouped(node, column.Label(satelliteLabel), column.Label(actionLabel), column.Label(outcomeLabel))
}

// count adds a stored column to its group.
func (a *answer) count(of func(group) *steps, node string, column store.Column, values []float64) {
	outcome := column.Label(outcomeLabel)
	selected := a.outcomes.Matches(outcome)
	metric := column.Metric()
	if !selected && metric != busyColumn && (metric != operationsColumn || a.by(byOutcome)) {
		return
	}
	counts := of(a.groupOf(node, column)).counts
	// A canceled audit is none that failed: the satellite has what it needs, or asks again.
	neither := outcome == outcomeNames[storagenode.OutcomeCanceled] && column.Label(actionLabel) == actionNames[storagenode.GetAudit]
	for i, v := range values {
		if v != v {
			continue
		}
		switch metric {
		case bytesColumn:
			counts[i].bytes += v
		case busyColumn:
			counts[i].busy += v
		default:
			if selected {
				counts[i].operations += v
			}
			if !neither {
				counts[i].ended += v
			}
			if outcome == success {
				counts[i].succeeded += v
			}
		}
	}
}

// certain are the groups that a node that can be seen has even if nothing happened: those
// whose every label the query itself names.
func (a *answer) certain(node string) []group {
	if a.by(bySatellite) {
		return nil
	}
	actions, outcomes := []string{""}, []string{""}
	if a.by(byAction) {
		actions = a.actions.Names()
	}
	if a.by(byOutcome) {
		outcomes = a.outcomes.Names()
	}
	var groups []group
	for _, action := range actions {
		for _, outcome := range outcomes {
			groups = append(groups, a.grouped(node, "", action, outcome))
		}
	}
	return groups
}

// visible says in which steps transfers, and that they begin, could be seen in a node's
// log. A step without any line was not seen at all. One with lines but without transfers
// was seen if the log had a transfer within a day before; or within a day after, unless
// the node was restarted in between, maybe with another log level.
func (a *answer) visible(ctx context.Context, node concern.Watched, step time.Duration, from, to int64, n int) (seen [starts + 1][]bool, err error) {
	margin := int64(math.Ceil(float64(concern.EvidencePeriod)/float64(step))) * step.Milliseconds()
	wantsStarts := slices.ContainsFunc(a.metrics, func(m metric) bool { return m.needs == starts })
	result, err := a.request.Store.Read(ctx, store.Range{
		Group: node.StoredAs(name), From: max(from-margin, 0), To: to + margin, Step: step.Milliseconds(), Aggregate: store.Sum,
		Columns: func(column store.Column) bool {
			switch column.Metric() {
			case linesColumn, transferLinesColumn, restartsColumn:
				return true
			case startedColumn:
				return wantsStarts
			}
			return false
		},
	})
	if err != nil {
		return seen, err
	}
	had := map[string][]bool{} // metric to steps
	for i, column := range result.Columns {
		all := had[column.Metric()]
		if all == nil {
			all = make([]bool, len(result.Times))
			had[column.Metric()] = all
		}
		for j, v := range result.Values[i] {
			all[j] = all[j] || v > 0
		}
	}
	before, _ := slices.BinarySearch(result.Times, from)
	for v, metric := range map[visibility]string{transfers: transferLinesColumn, starts: startedColumn} {
		all := proven(had[linesColumn], had[metric], had[restartsColumn], len(result.Times), int(margin/step.Milliseconds()))
		seen[v] = all[before : before+n]
	}
	return seen, nil
}

// proven says of which steps it is proven that a kind of lines could be seen.
func proven(lines, kind, restarts []bool, n, reach int) []bool {
	seen := make([]bool, n)
	if lines == nil || kind == nil {
		return seen
	}
	last := -reach - 1
	for i := range n {
		if kind[i] {
			last = i
		}
		seen[i] = lines[i] && i-last <= reach
	}
	next := n + reach
	for i := n - 1; i >= 0; i-- {
		if kind[i] {
			next = i
		}
		seen[i] = seen[i] || lines[i] && next-i <= reach
		if restarts != nil && restarts[i] {
			next = n + reach
		}
	}
	return seen
}
