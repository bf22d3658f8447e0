package latency

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// The query types.
const (
	latencyType = "latency"
	slowType    = "slow_operations"
)

// The formats that only durations have.
const (
	// Heatmap is a frame of rows, each of the durations up to its label le and above the
	// row before.
	Heatmap concern.Format = "heatmap"
	// Histogram is a frame of buckets over the whole range.
	Histogram concern.Format = "histogram"
)

// By what transfers may be grouped. Total is alone, and merges all.
const (
	byNode      = "node"
	bySatellite = "satellite"
	byAction    = "action"
	byNothing   = "total"
)

// allSatellites is the satellite of what the debug port says, which does not tell them
// apart.
const allSatellites = "all"

// Types are the query types of this concern.
func (Concern) Types() []concern.Type {
	return []concern.Type{
		{
			Name:    latencyType,
			Formats: []concern.Format{concern.TimeSeries, concern.Instant, concern.Table, Heatmap, Histogram},
			Metrics: metricNames(),
			GroupBy: []string{byNode, bySatellite, byAction, byNothing},
			Filters: []concern.Filter{concern.Actions},
		},
		{Name: slowType, Formats: []concern.Format{concern.Table}, Filters: []concern.Filter{concern.Actions, concern.Outcomes}},
	}
}

// Answer answers a query for latency or slow operations.
func (Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	if request.Query.QueryType == slowType {
		return answerSlow(request)
	}
	a, err := newAnswer(request)
	if err != nil {
		return nil, err
	}
	var result data.Frames
	var d *durations
	step := a.step()
	switch request.Query.Format {
	case concern.TimeSeries, Heatmap:
	default:
		step = a.wholeStep()
	}
	if d, err = a.read(ctx, step); err != nil {
		return nil, err
	}
	switch request.Query.Format {
	case concern.TimeSeries:
		result = data.Frames{a.series(d)}
	case Heatmap:
		result = data.Frames{a.heatmap(d)}
	case Histogram:
		result = data.Frames{a.histogram(d)}
	case concern.Instant:
		result = a.instants(d)
	default:
		result = data.Frames{a.table(d)}
	}
	result[0].AppendNotices(a.notices(d)...)
	for _, frame := range result {
		frame.Meta.Custom = map[string]any{"resolution": d.resolution()}
	}
	return result, nil
}

type answer struct {
	request    concern.Request
	satellites concern.Selector
	actions    concern.Selector
	groupBy    []string
	metrics    []metric
}

// thresholds are those of the node where there is one, else of the data source: what answers of
// many nodes is one field.
func thresholds(request concern.Request) settings.Thresholds {
	if len(request.Watched) == 1 {
		return request.Watched[0].Thresholds
	}
	return request.Settings.Thresholds
}

func newAnswer(request concern.Request) (*answer, error) {
	query := request.Query
	a := &answer{request: request, groupBy: []string{byAction, byNode}}
	var err error
	if a.satellites, err = concern.NewSelector(query.Satellites); err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	if a.actions, err = newSelection("actions", query.Actions, actionNames[:]); err != nil {
		return nil, err
	}
	if len(query.GroupBy) > 0 {
		a.groupBy = slices.Compact(slices.Sorted(slices.Values(query.GroupBy)))
	}
	if slices.Contains(a.groupBy, byNothing) {
		if len(a.groupBy) > 1 {
			return nil, fmt.Errorf("groupBy %q merges everything, so nothing can stand beside it", byNothing)
		}
		a.groupBy = nil
	}
	if query.Format == Heatmap {
		if len(query.GroupBy) > 0 && len(a.groupBy) > 0 {
			return nil, fmt.Errorf("a heat map shows one group: say groupBy %q, and select nodes, satellites and actions instead", byNothing)
		}
		a.groupBy = nil
	}
	for _, m := range metrics {
		if query.WantsMetric(m.name) {
			a.metrics = append(a.metrics, m)
		}
	}
	if len(a.metrics) == 0 {
		return nil, errors.New("no metric is left to answer")
	}
	return a, nil
}

// newSelection is what a query's list selects of a few known names.
func newSelection(list string, entries, known []string) (concern.Selector, error) {
	selector, err := concern.NewSelector(entries)
	if err != nil {
		return selector, fmt.Errorf("%s: %w", list, err)
	}
	for _, entry := range selector.Names() {
		if !slices.Contains(known, entry) {
			return selector, fmt.Errorf("unknown entry %q in %s; allowed are %s", entry, list, strings.Join(known, ", "))
		}
	}
	return selector, nil
}

// wantsSatellite says whether a satellite is selected.
func (a *answer) wantsSatellite(id string) bool {
	return a.satellites.Matches(id, storagenode.SatelliteName(id))
}

// step is that of time series: long enough for the panel.
func (a *answer) step() time.Duration {
	step := a.request.Step
	if points := a.request.MaxPoints; points > 0 {
		// Steps are aligned, so that both ends of the range can cut one.
		step = max(step, a.request.To.Sub(a.request.From)/time.Duration(max(points-2, 1)))
	}
	return step
}

// wholeStep is the step in which a range is merged: as fine as is kept where the range is
// short, coarse where nobody sees the difference.
func (a *answer) wholeStep() time.Duration {
	switch length := a.request.To.Sub(a.request.From); {
	case length > 60*day:
		return fourDays
	case length > 7*day:
		return quarterDay
	case length > 12*hour:
		return hour
	}
	return time.Minute
}

// group is what a series or a row is of; what it is not grouped by is empty.
type group struct {
	node, satellite, action string
}

func (g group) label(label string) string {
	switch label {
	case byNode:
		return g.node
	case bySatellite:
		return storagenode.SatelliteName(g.satellite)
	default:
		return g.action
	}
}

func (g group) labels(by []string) data.Labels {
	labels := data.Labels{}
	for _, label := range by {
		labels[label] = g.label(label)
	}
	return labels
}

func (g group) dimensions(by []string) []string {
	values := make([]string, len(by))
	for i, label := range by {
		values[i] = g.label(label)
	}
	return values
}

// title is the group's name for people.
func (g group) title(by []string) string {
	if len(by) == 0 {
		return "all nodes"
	}
	var parts []string
	for _, label := range []string{byNode, bySatellite, byAction} {
		if slices.Contains(by, label) && g.label(label) != "" {
			parts = append(parts, g.label(label))
		}
	}
	return strings.Join(parts, " ")
}

// grouped is the group that a transfer belongs to.
func (a *answer) grouped(node, satellite, action string) group {
	var g group
	for _, label := range a.groupBy {
		switch label {
		case byNode:
			g.node = node
		case bySatellite:
			if g.satellite = satellite; satellite == "" {
				g.satellite = allSatellites
			}
		case byAction:
			g.action = action
		}
	}
	return g
}

func compareGroups(a, b group) int {
	for _, pair := range [][2]string{{a.node, b.node}, {a.satellite, b.satellite}, {a.action, b.action}} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}
