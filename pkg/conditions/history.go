package conditions

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// shortestStep is how often conditions are judged.
const shortestStep = time.Minute

// history answers how grave each condition was over time: a step function, of each step the
// gravest. Series are those that were raised at some time in the range; where the query names
// conditions also those that were not watched.
func (a answer) history(ctx context.Context) (data.Frames, error) {
	to := a.To
	if a.Now.Before(to) {
		to = a.Now
	}
	if to.Before(a.From) {
		return data.Frames{frames.NoData(name, data.FrameTypeTimeSeriesWide)}, nil
	}
	grid := a.grid(a.From, to)
	var series []frames.Series
	for _, node := range a.nodes {
		own, err := a.nodeHistory(ctx, node, grid, to)
		if err != nil {
			return nil, err
		}
		series = append(series, own...)
	}
	return data.Frames{frames.Wide(name, grid, series)}, nil
}

// grid is the starts of the steps of a range.
func (a answer) grid(from, to time.Time) []int64 {
	step := max(a.Step, shortestStep)
	if points := a.MaxPoints; points > 0 {
		step = max(step, a.To.Sub(a.From)/time.Duration(max(points-2, 1)))
	}
	width := ((step + time.Second - 1) / time.Second * time.Second).Milliseconds()
	first := from.UnixMilli() - from.UnixMilli()%width
	var grid []int64
	for t := first; t <= to.UnixMilli(); t += width {
		grid = append(grid, t)
	}
	return grid
}

// track is what is stored of one column: its value from a time on.
type track struct {
	times  []int64
	values []float64
}

// during calls f with each value that a track has in a time, the one that it begins with
// included, or initial where nothing is stored before.
func (t track) during(from, to int64, initial float64, f func(float64)) {
	next, _ := slices.BinarySearch(t.times, from+1)
	if next > 0 {
		initial = t.values[next-1]
	}
	f(initial)
	for ; next < len(t.times) && t.times[next] < to; next++ {
		f(t.values[next])
	}
}

func (a answer) nodeHistory(ctx context.Context, node concern.Watched, grid []int64, to time.Time) ([]frames.Series, error) {
	record, judged, err := Recall(a.Store, node.History)
	if err != nil || !judged {
		return nil, err
	}
	severities, watched, err := a.tracks(ctx, node, record, to)
	if err != nil {
		return nil, err
	}
	places := make([]place, 0, len(severities))
	for p := range severities {
		places = append(places, p)
	}
	if len(a.Query.Kinds) > 0 {
		for code := range watched {
			if _, ok := severities[place{code, ""}]; !ok {
				places = append(places, place{code, ""})
			}
		}
	}
	slices.SortFunc(places, place.compare)
	began := record.Began.UnixMilli()
	var series []frames.Series
	for _, p := range places {
		if _, ok := a.table.definition(p.code); !ok || !a.kinds.Matches(p.code) || !a.wantsSatellite(p.satellite) {
			continue
		}
		values, told := stepsOf(severities[p], watched[p.code], grid, began, to.UnixMilli())
		if told || len(a.Query.Kinds) > 0 {
			series = append(series, a.seriesOf(node, p, values))
		}
	}
	return series, nil
}

func (a answer) seriesOf(node concern.Watched, p place, values []float64) frames.Series {
	config := severityConfig()
	satellite := satelliteName(p.satellite)
	config.DisplayNameFromDS = strings.Join(strings.Fields(node.Name+" "+satellite+" "+p.code), " ")
	return frames.Series{
		Name: severityColumn, Config: config, Values: values,
		Labels: data.Labels{"node": node.Name, "satellite": satellite, "condition": p.code},
	}
}

// stepsOf is the worst severity of each step; told says whether it was ever raised.
func stepsOf(severity, watched track, grid []int64, began, to int64) (values []float64, told bool) {
	values = make([]float64, len(grid))
	for i, from := range grid {
		end := to + 1
		if i+1 < len(grid) {
			end = grid[i+1]
		}
		values[i] = math.NaN()
		if end <= began {
			continue // it was not judged yet
		}
		worst := float64(OK)
		severity.during(from, end, float64(OK), func(v float64) { worst = max(worst, v) })
		if worst > float64(OK) {
			told = true
		} else {
			watched.during(from, end, 1, func(v float64) {
				if v == 0 {
					worst = float64(NotWatched)
				}
			})
		}
		values[i] = worst
	}
	return values, told
}

// tracks are what is stored of a node, up to a time.
func (a answer) tracks(ctx context.Context, node concern.Watched, record Record, to time.Time) (severities map[place]track, watched map[string]track, err error) {
	result, err := a.Store.Read(ctx, store.Range{Group: documentOf(node.History), From: 0, To: to.UnixMilli()})
	if err != nil {
		return nil, nil, err
	}
	severities, watched = map[place]track{}, map[string]track{}
	for i, column := range result.Columns {
		var t track
		for j, v := range result.Values[i] {
			if v == v {
				t.times, t.values = append(t.times, result.Times[j]), append(t.values, v)
			}
		}
		code := column.Label(labelCode)
		switch column.Metric() {
		case severityColumn:
			severities[place{code, column.Label(labelSatellite)}] = t
		case watchedColumn:
			watched[code] = t
		}
	}
	// What was raised before the history that is kept is raised all the same.
	for _, state := range record.States {
		if _, ok := severities[state.place()]; !ok && state.Severity > OK {
			severities[state.place()] = track{[]int64{state.RaisedAt.UnixMilli()}, []float64{float64(state.Severity)}}
		}
	}
	return severities, watched, nil
}

// note is one annotation.
type note struct {
	Change
	node string
	from time.Time
	to   *time.Time // nil: it has no end, or none yet
}

// annotations answers each change in the range as Grafana's annotations: from when a condition
// was raised until it cleared, and a point where it became worse or better.
func (a answer) annotations(ctx context.Context) (data.Frames, error) {
	if a.To.Before(a.From) {
		return data.Frames{frames.NoData(name, data.FrameTypeTable)}, nil
	}
	events, err := a.Store.Events(ctx, a.From.UnixMilli(), a.To.UnixMilli(), EventKind)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, node := range a.nodes {
		names[node.History] = node.Name
	}
	type key struct {
		history string
		place
	}
	var notes []note
	open := map[key]int{} // the note of each that is raised
	for _, event := range events {
		change := changeOf(event)
		node, selected := names[change.History]
		if !selected || !a.kinds.Matches(change.Code) || !a.wantsSatellite(change.Satellite) {
			continue
		}
		at := key{change.History, change.place()}
		if change.Kind != Cleared {
			if change.Kind == Raised {
				open[at] = len(notes)
			}
			notes = append(notes, note{Change: change, node: node, from: change.Time})
			continue
		}
		if i, ok := open[at]; ok {
			notes[i].to = &change.Time
			delete(open, at)
			continue
		}
		from := change.RaisedAt
		if from.IsZero() || from.After(change.Time) {
			from = change.Time
		}
		notes = append(notes, note{Change: change, node: node, from: from, to: &change.Time})
	}
	slices.SortStableFunc(notes, func(x, y note) int { return x.from.Compare(y.from) })
	text := func(name string, of func(note) string) *data.Field {
		return frames.Column(name, nil, frames.Each(notes, of))
	}
	return data.Frames{frames.Table(name,
		frames.Column("time", nil, frames.Each(notes, func(n note) time.Time { return n.from })),
		frames.Column("timeEnd", nil, frames.Each(notes, func(n note) *time.Time { return n.to })),
		text("title", note.title),
		text("text", func(n note) string { return n.Message }),
		text("tags", note.tags),
	)}, nil
}

func (n note) title() string {
	words := []string{n.Title}
	if n.node != "" {
		words = append(words, n.node)
	}
	if n.Kind == Worse || n.Kind == Better {
		words = append(words, string(n.Kind)+": "+n.Severity.String())
	}
	return strings.Join(words, ": ")
}

// tags are separated by commas, as Grafana reads them.
func (n note) tags() string {
	severity := n.Severity
	if n.Kind == Cleared {
		severity = n.Before
	}
	var tags []string
	for _, tag := range []string{severity.String(), n.Code, n.node, n.SatelliteName()} {
		if tag = strings.Join(strings.FieldsFunc(tag, func(r rune) bool { return r == ',' }), " "); tag != "" {
			tags = append(tags, tag)
		}
	}
	return strings.Join(tags, ",")
}
