package latency

import (
	"context"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// tier is in which steps durations are kept, and for how long.
type tier struct {
	group string
	step  time.Duration
	keep  time.Duration
}

func tiers(r settings.Retention) []tier {
	return []tier{
		{name, time.Minute, concern.Kept(r.Minutes)}, {name, hour, concern.Kept(r.TenMinutes)},
		{later, quarterDay, concern.Kept(r.Sizes)}, {later, fourDays, concern.Kept(r.Hours)},
	}
}

// serving is the tier that serves a range which begins so long ago: the coarsest that is
// fine enough, because reading it costs least.
func serving(r settings.Retention, age, step time.Duration) tier {
	all := tiers(r)
	at := slices.IndexFunc(all, func(t tier) bool { return t.keep >= age })
	if at < 0 {
		return all[len(all)-1]
	}
	for i := at + 1; i < len(all); i++ {
		if all[i].step <= step && all[i].keep >= age {
			at = i
		}
	}
	return all[at]
}

// durations are what is known of each step of a range, by group.
type durations struct {
	times  []int64 // where the steps begin, milliseconds UTC
	groups map[group][]*store.Histogram
	seen   map[string]*seenDurations // by node

	step       time.Duration
	begin, end time.Time // of the steps, which may be before and behind the range
	coarser    bool      // whether the steps are longer than they were asked for
}

// seenDurations say how well the durations of a node are known.
type seenDurations struct {
	logged, polled  bool
	file            bool // whether the node's log is a file
	coarse, dropped float64
	count           float64 // of the log
	hidden          bool    // whether the debug port may have what is asked for, and does not tell it apart
}

// read reads the selected transfers of all nodes in steps.
func (a *answer) read(ctx context.Context, step time.Duration) (*durations, error) {
	from := serving(a.request.Settings.Retention, a.request.Now.Sub(a.request.From), step)
	asked := step
	step = max((step+from.step-1)/from.step*from.step, from.step)
	length := step.Milliseconds()
	// The last step is read to its end. One that begins where the range ends is none of it.
	last := max(a.request.To.UnixMilli()-1, a.request.From.UnixMilli())
	r := store.Range{
		From: floorDiv(a.request.From.UnixMilli(), length) * length,
		To:   floorDiv(last, length)*length + length - 1,
		Step: length,
	}
	d := &durations{
		groups: map[group][]*store.Histogram{}, seen: map[string]*seenDurations{},
		step: step, begin: time.UnixMilli(r.From), end: time.UnixMilli(r.To + 1), coarser: from.step > asked,
	}
	if d.end.After(a.request.Now) {
		d.end = a.request.Now
	}
	for at := r.From; at <= r.To; at += length {
		d.times = append(d.times, at)
	}
	for _, node := range a.request.Watched {
		r.Group = node.StoredAs(from.group)
		if err := a.readNode(ctx, d, node, r); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// both are the durations of one group and node, by source.
type both struct{ logged, polled []*store.Histogram }

func (a *answer) readNode(ctx context.Context, d *durations, node concern.Watched, r store.Range) error {
	seen := &seenDurations{file: node.Log.Kind == settings.LogFile}
	d.seen[node.Name] = seen
	r.Columns = func(column store.Column) bool {
		if a.selects(column) {
			return true
		}
		seen.hidden = seen.hidden || a.hides(column)
		return false
	}
	names := map[store.Column]store.Column{}
	result, err := a.request.Store.Histograms(ctx, r, func(column store.Column) store.Column {
		into, ok := names[column]
		if !ok {
			g := a.grouped(node.Name, column.Label(satelliteLabel), column.Label(actionLabel))
			into = newColumn(column.Metric(), g.satellite, g.action)
			names[column] = into
		}
		return into
	})
	if err != nil {
		return err
	}
	groups := map[group]*both{}
	for i, column := range result.Columns {
		g := a.grouped(node.Name, column.Label(satelliteLabel), column.Label(actionLabel))
		of := groups[g]
		if of == nil {
			of = &both{}
			groups[g] = of
		}
		if column.Metric() == loggedColumn {
			of.logged = result.Values[i]
		} else {
			of.polled = result.Values[i]
		}
	}
	fromLog := sources(groups, len(d.times))
	for g, of := range groups {
		into := d.groups[g]
		if into == nil {
			into = make([]*store.Histogram, len(d.times))
			d.groups[g] = into
		}
		for i := range into {
			values := of.polled
			if fromLog[i] {
				values = of.logged
			}
			if values == nil || values[i] == nil {
				continue
			}
			seen.logged, seen.polled = seen.logged || fromLog[i], seen.polled || !fromLog[i]
			if into[i] == nil {
				into[i] = values[i] // it is nobody else's
			} else {
				into[i].Merge(values[i])
			}
		}
	}
	return a.readNumbers(ctx, seen, r)
}

// logTells says whether the log is the better source: it tells more, but where it has
// little of what the debug port counted, the node does not write starts, or not all the
// time.
func logTells(logged, polled int64) bool { return logged > 0 && 2*logged >= polled }

// sources says for each step whether the log is taken.
func sources(groups map[group]*both, n int) []bool {
	logged, polled := make([]int64, n), make([]int64, n)
	for _, of := range groups {
		for i := range n {
			if of.logged != nil && of.logged[i] != nil {
				logged[i] += int64(of.logged[i].Count())
			}
			if of.polled != nil && of.polled[i] != nil {
				polled[i] += int64(of.polled[i].Count())
			}
		}
	}
	fromLog := make([]bool, n)
	for i := range n {
		fromLog[i] = logTells(logged[i], polled[i])
	}
	return fromLog
}

// readNumbers reads how well a node's durations are known, whichever are selected.
func (a *answer) readNumbers(ctx context.Context, seen *seenDurations, r store.Range) error {
	r.Aggregate = store.Sum
	logged, polled := sourceColumn(countColumn, loggedColumn), sourceColumn(countColumn, polledColumn)
	r.Columns = func(column store.Column) bool {
		return column == coarseColumn || column == droppedColumn || column == logged || column == polled
	}
	result, err := a.request.Store.Read(ctx, r)
	if err != nil {
		return err
	}
	told := 0.0 // by the debug port
	for i, column := range result.Columns {
		sum := 0.0
		for _, v := range result.Values[i] {
			if v == v {
				sum += v
			}
		}
		switch column {
		case coarseColumn:
			seen.coarse = sum
		case droppedColumn:
			seen.dropped = sum
		case polled:
			told = sum
		default:
			seen.count = sum
		}
	}
	seen.hidden = seen.hidden && !logTells(int64(seen.count), int64(told))
	return nil
}

// selects says whether the query asks for a histogram's satellite and action.
func (a *answer) selects(column store.Column) bool {
	satellite := column.Label(satelliteLabel)
	if satellite == "" && len(a.request.Query.Satellites) > 0 {
		return a.satellites.Matches(allSatellites) // the debug port does not tell them apart
	}
	return a.wantsSatellite(satellite) && a.actions.Matches(column.Label(actionLabel))
}

// hides says whether a histogram that is not selected may have transfers that are, because the
// debug port does not tell them apart.
func (a *answer) hides(column store.Column) bool {
	satellite, action := column.Label(satelliteLabel), column.Label(actionLabel)
	return column.Metric() == polledColumn && (satellite == "" || a.wantsSatellite(satellite)) &&
		(a.actions.Matches(action) || action == actionNames[storagenode.Put] && a.actions.Matches(actionNames[storagenode.PutRepair]))
}
