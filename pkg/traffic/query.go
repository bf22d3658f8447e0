package traffic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// By what transfers may be grouped. Total is alone, and adds all up.
const (
	byNode      = "node"
	bySatellite = "satellite"
	byAction    = "action"
	byOutcome   = "outcome"
	byNothing   = "total"
)

// Types are the query types of this concern.
func (Concern) Types() []concern.Type {
	return []concern.Type{{
		Name:    name,
		Formats: []concern.Format{concern.TimeSeries, concern.Instant, concern.Table},
		Metrics: metricNames(),
		GroupBy: []string{byNode, bySatellite, byAction, byOutcome, byNothing},
		Filters: []concern.Filter{concern.Actions, concern.Outcomes},
	}}
}

// Answer answers a traffic query. Time series are of each step, instants and the table
// of the whole range.
func (Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	a, err := newAnswer(request)
	if err != nil {
		return nil, err
	}
	var result data.Frames
	switch request.Query.Format {
	case concern.TimeSeries:
		result, err = a.series(ctx)
	case concern.Instant:
		result, err = a.instants(ctx)
	default:
		result, err = a.table(ctx)
	}
	if err != nil {
		return nil, err
	}
	if notices := a.notices(); len(notices) > 0 {
		result[0].AppendNotices(notices...)
	}
	return result, nil
}

type answer struct {
	request    concern.Request
	satellites concern.Selector
	actions    selection
	outcomes   selection
	groupBy    []string
	metrics    []metric
	sizes      bool // whether the shares of the sizes are asked for
}

func newAnswer(request concern.Request) (*answer, error) {
	query := request.Query
	a := &answer{request: request, groupBy: []string{byNode, byAction}}
	var err error
	if a.satellites, err = concern.NewSelector(query.Satellites); err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	if a.actions, err = newSelection("actions", query.Actions, actionNames[:]); err != nil {
		return nil, err
	}
	if a.outcomes, err = newSelection("outcomes", query.Outcomes, outcomeNames[1:]); err != nil {
		return nil, err
	}
	if len(query.GroupBy) > 0 {
		a.groupBy = slices.Compact(slices.Sorted(slices.Values(query.GroupBy)))
	}
	if slices.Contains(a.groupBy, byNothing) {
		if len(a.groupBy) > 1 {
			return nil, fmt.Errorf("groupBy %q adds everything up, so nothing can stand beside it", byNothing)
		}
		a.groupBy = nil
	}
	named := len(query.Metrics) > 0
	for _, m := range metrics {
		switch {
		case !query.WantsMetric(m.name):
		case m.ofOutcomes && a.by(byOutcome) && named:
			return nil, fmt.Errorf("%s is made of all outcomes, so it cannot be grouped by %s", m.name, byOutcome)
		case m.ofOutcomes && a.by(byOutcome):
		default:
			a.metrics = append(a.metrics, m)
		}
	}
	a.sizes = query.WantsMetric(sizeSharePercent)
	if len(a.metrics) == 0 && !a.sizes {
		return nil, errors.New("no metric is left to answer")
	}
	return a, nil
}

func (a *answer) by(label string) bool { return slices.Contains(a.groupBy, label) }

// wantsSatellite says whether a satellite is selected. Refused uploads are of none: they
// are there where all satellites are.
func (a *answer) wantsSatellite(id string) bool {
	return a.satellites.Matches(id, storagenode.SatelliteName(id))
}

// selection is what a query's list selects of a few known names.
type selection struct {
	concern.Selector
}

func newSelection(list string, entries, known []string) (selection, error) {
	selector, err := concern.NewSelector(entries)
	if err != nil {
		return selection{}, fmt.Errorf("%s: %w", list, err)
	}
	for _, entry := range selector.Names() {
		if !slices.Contains(known, entry) {
			return selection{}, fmt.Errorf("unknown entry %q in %s; allowed are %s", entry, list, strings.Join(known, ", "))
		}
	}
	return selection{selector}, nil
}

// step is that of the time series: whole minutes, long enough for the panel, and for
// the counts that are kept at the range's beginning.
func (a *answer) step() time.Duration {
	step := a.request.Step
	if points := a.request.MaxPoints; points > 0 {
		// Steps are aligned, so that both ends of the range can cut one.
		step = max(step, a.request.To.Sub(a.request.From)/time.Duration(max(points-2, 1)))
	}
	return a.aligned(step, a.finest())
}

// finest is the shortest time that one stored count stands for at the range's beginning.
func (a *answer) finest() time.Duration {
	retention := a.request.Settings.Retention
	age := a.request.Now.Sub(a.request.From)
	switch {
	case age <= concern.Kept(retention.Minutes):
		return time.Minute
	case age <= concern.Kept(retention.TenMinutes):
		return tenMinutes
	}
	return time.Hour
}

// aligned is a step that whole counts fill: of a count that lies in two steps nobody
// knows which part belongs where.
func (a *answer) aligned(step, finest time.Duration) time.Duration {
	unit := time.Minute
	switch {
	case step >= time.Hour || finest >= time.Hour:
		unit = time.Hour
	case step >= tenMinutes || finest >= tenMinutes:
		unit = tenMinutes
	}
	return max((step+unit-1)/unit*unit, unit)
}

// wholeStep is the step in which a range is added up: as fine as is kept where the range
// is short, coarse where nobody sees the difference.
func (a *answer) wholeStep() time.Duration {
	length := a.request.To.Sub(a.request.From)
	switch {
	case length > 14*24*time.Hour:
		return a.aligned(time.Hour, a.finest())
	case length > 24*time.Hour:
		return a.aligned(tenMinutes, a.finest())
	}
	return a.aligned(time.Minute, a.finest())
}

// group is what a series or a row is of; what it is not grouped by is empty.
type group struct {
	node, satellite, action, outcome string
}

func (g group) labels(by []string) data.Labels {
	labels := data.Labels{}
	for _, label := range by {
		labels[label] = g.label(label)
	}
	return labels
}

func (g group) label(label string) string {
	switch label {
	case byNode:
		return g.node
	case bySatellite:
		return storagenode.SatelliteName(g.satellite)
	case byAction:
		return g.action
	default:
		return g.outcome
	}
}

// title is the group's name for people.
func (g group) title(by []string) string {
	if len(by) == 0 {
		return "all nodes"
	}
	var parts []string
	for _, label := range []string{byNode, bySatellite, byAction, byOutcome} {
		if slices.Contains(by, label) && g.label(label) != "" {
			parts = append(parts, g.label(label))
		}
	}
	return strings.Join(parts, " ")
}

// grouped is the group that a transfer belongs to.
func (a *answer) grouped(node, satellite, action, outcome string) group {
	var g group
	for _, label := range a.groupBy {
		switch label {
		case byNode:
			g.node = node
		case bySatellite:
			g.satellite = satellite
		case byAction:
			g.action = action
		case byOutcome:
			g.outcome = outcome
		}
	}
	return g
}

func compareGroups(a, b group) int {
	for _, pair := range [][2]string{{a.node, b.node}, {a.satellite, b.satellite}, {a.action, b.action}, {a.outcome, b.outcome}} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

// notices say which nodes cannot be seen, and what would change that.
func (a *answer) notices() []data.Notice {
	kinds := []concern.LineKind{concern.TransferLines}
	if slices.ContainsFunc(a.metrics, func(m metric) bool { return m.needs == starts }) {
		kinds = append(kinds, concern.StartLines)
	}
	var notices []data.Notice
	for _, node := range a.request.Watched {
		if node.Retired {
			continue // it is not expected to say anything
		}
		for _, kind := range kinds {
			why, mend := node.Evidence.Blind(kind, a.request.Now)
			if why == "" {
				continue
			}
			text := fmt.Sprintf("%s: no %s: %s", node.Name, missingWithout[kind], why)
			if node.LogTrouble != "" {
				text += ": " + node.LogTrouble
			}
			severity := data.NoticeSeverityWarning
			if kind == concern.StartLines {
				severity = data.NoticeSeverityInfo // a node need not write them
			}
			notices = append(notices, data.Notice{Severity: severity, Text: text + "; " + mend})
			break
		}
	}
	return notices
}

// missingWithout is what cannot be answered without a kind of lines.
var missingWithout = map[concern.LineKind]string{
	concern.TransferLines: "traffic",
	concern.StartLines:    "concurrent transfers",
}
