package capacity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The query type of what the satellites say, and its metrics.
const (
	satelliteType     = "satellite_storage"
	paidMetric        = "paid_bytes"
	paidAverageMetric = "paid_average_bytes"
)

// By what the answers may be grouped. Total is alone, and adds all up.
const (
	byNode      = "node"
	bySatellite = "satellite"
	byTotal     = "total"
)

func paidConfig(metric string) *data.FieldConfig {
	description := "what the satellite stored on the average of the day, by its own count: what it pays for"
	if metric == paidAverageMetric {
		description = "the average of the month so far, by the satellite's count"
	}
	config := &data.FieldConfig{Unit: bytesUnit, Description: description}
	return config.SetDecimals(2).SetMin(0)
}

type satelliteAnswer struct {
	request    concern.Request
	satellites concern.Selector
	groupBy    []string
	nodes      []paidNode
}

type paidNode struct {
	concern.Watched
	paid      paid
	lastHeard time.Time
}

// groupsOf reads a query's groupBy. Total stands alone and is none.
func groupsOf(groupBy, standard []string) ([]string, error) {
	if len(groupBy) == 0 {
		return standard, nil
	}
	groups := slices.Compact(slices.Sorted(slices.Values(groupBy)))
	if slices.Contains(groups, byTotal) {
		if len(groups) > 1 {
			return nil, fmt.Errorf("groupBy %q adds everything up, so nothing can stand beside it", byTotal)
		}
		return nil, nil
	}
	return groups, nil
}

func answerSatellites(ctx context.Context, request concern.Request) (data.Frames, error) {
	a := satelliteAnswer{request: request}
	var err error
	if a.satellites, err = concern.NewSelector(request.Query.Satellites); err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	if a.groupBy, err = groupsOf(request.Query.GroupBy, []string{byNode, bySatellite}); err != nil {
		return nil, err
	}
	for _, node := range request.Watched {
		known := readPaid(request.Store, node.Node)
		known.Satellites = slices.DeleteFunc(known.Satellites, func(s paidSatellite) bool {
			return len(s.Days) == 0 || !a.wants(s.ID)
		})
		slices.SortStableFunc(known.Satellites, func(x, y paidSatellite) int {
			return strings.Compare(storagenode.SatelliteName(x.ID), storagenode.SatelliteName(y.ID))
		})
		lastHeard := request.Now
		if !node.Retired {
			lastHeard = read(request.Store, node.Node).lastHeard(request.Now)
		}
		a.nodes = append(a.nodes, paidNode{node, known, lastHeard})
	}
	var result data.Frames
	switch request.Query.Format {
	case concern.TimeSeries:
		result, err = a.series(ctx)
	case concern.Instant:
		result = a.instants()
	default:
		result = a.table()
	}
	if err != nil {
		return nil, err
	}
	if notices := a.notices(); len(notices) > 0 {
		result[0].AppendNotices(notices...)
	}
	return result, nil
}

func (a satelliteAnswer) wants(id string) bool {
	return a.satellites.Matches(id, storagenode.SatelliteName(id))
}

// of is the group of a node and a satellite: what it is not grouped by is empty.
func (a satelliteAnswer) of(node, satelliteID string) [2]string {
	var group [2]string
	for _, label := range a.groupBy {
		if label == byNode {
			group[0] = node
		} else {
			group[1] = storagenode.SatelliteName(satelliteID)
		}
	}
	return group
}

func (a satelliteAnswer) labels(group [2]string) data.Labels {
	labels := data.Labels{}
	for _, label := range a.groupBy {
		labels[label] = group[labelAt(label)]
	}
	return labels
}

func labelAt(label string) int {
	if label == byNode {
		return 0
	}
	return 1
}

func titleOf(group [2]string) string {
	title := strings.TrimSpace(group[0] + " " + group[1])
	if title == "" {
		return "all nodes"
	}
	return title
}

func compareGroups(a, b [2]string) int {
	return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
}

// step is that of days: whole ones, as many as the panel can draw.
func (a satelliteAnswer) step() time.Duration {
	step := max(a.request.Step, day)
	if points := a.request.MaxPoints; points > 0 {
		step = max(step, a.request.To.Sub(a.request.From)/time.Duration(max(points-2, 1)))
	}
	return (step + day - 1) / day * day
}

// series answers days. A day that a satellite has not counted, and that lies between two that
// it has, counts in a sum as the one before: the bytes were there.
func (a satelliteAnswer) series(ctx context.Context) (data.Frames, error) {
	var times []int64
	groups := map[[2]string][]float64{}
	averages := map[[2]string][]float64{}
	for _, node := range a.nodes {
		result, err := a.request.Store.Read(ctx, store.Range{
			Group: node.StoredAs(storedName), Columns: func(c store.Column) bool { return c.Metric() == paidColumn && a.wants(c.Label(satelliteLabel)) },
			From: a.request.From.UnixMilli(), To: a.request.To.UnixMilli(), Step: a.step().Milliseconds(), Aggregate: store.Mean,
		})
		if err != nil {
			return nil, err
		}
		times = result.Times
		for i, column := range result.Columns {
			id := column.Label(satelliteLabel)
			group := a.of(node.Name, id)
			if a.request.Query.WantsMetric(paidMetric) {
				values := result.Values[i]
				if len(a.groupBy) < 2 {
					values = bridged(values)
				}
				groups[group] = added(groups[group], values)
			}
			if a.request.Query.WantsMetric(paidAverageMetric) {
				months, err := a.monthAverages(ctx, node, id, times)
				if err != nil {
					return nil, err
				}
				averages[group] = added(averages[group], months)
			}
		}
	}
	several := a.request.Query.WantsMetric(paidMetric) && a.request.Query.WantsMetric(paidAverageMetric)
	var series []frames.Series
	for metric, of := range map[string]map[[2]string][]float64{paidMetric: groups, paidAverageMetric: averages} {
		for group, values := range of {
			config := paidConfig(metric)
			config.DisplayNameFromDS = titleOf(group)
			if several {
				config.DisplayNameFromDS += map[string]string{paidMetric: " paid", paidAverageMetric: " paid, month's average"}[metric]
			}
			series = append(series, frames.Series{Name: metric, Labels: a.labels(group), Config: config, Values: values})
		}
	}
	return data.Frames{frames.Wide(satelliteType, times, series)}, nil
}

// monthAverages is the average of the month up to the end of each step: of its hours, so that a day
// that is not over, or of which only a part was counted, weighs less.
func (a satelliteAnswer) monthAverages(ctx context.Context, node paidNode, id string, times []int64) ([]float64, error) {
	values := make([]float64, len(times))
	for i := range values {
		values[i] = math.NaN()
	}
	if len(times) == 0 {
		return values, nil
	}
	paid, hours := paidColumnOf(id), hoursColumnOf(id)
	first := time.UnixMilli(times[0]).UTC()
	end := time.UnixMilli(times[len(times)-1]).Add(a.step() - time.Millisecond)
	result, err := a.request.Store.Read(ctx, store.Range{
		Group: node.StoredAs(storedName), Columns: func(c store.Column) bool { return c == paid || c == hours },
		From: time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, time.UTC).UnixMilli(), To: end.UnixMilli(),
	})
	if err != nil {
		return nil, err
	}
	of := func(c store.Column, i int) float64 {
		if at := slices.Index(result.Columns, c); at >= 0 {
			return result.Values[at][i]
		}
		return math.NaN()
	}
	next, sum, counted := 0, 0.0, 0.0
	month := time.Month(0)
	for i, begin := range times {
		until := begin + a.step().Milliseconds()
		seen := false
		for ; next < len(result.Times) && result.Times[next] < until; next++ {
			v, weight := of(paid, next), of(hours, next)
			if v != v {
				continue
			}
			if weight != weight {
				weight = day.Hours() // stored before hours were
			}
			if m := time.UnixMilli(result.Times[next]).UTC().Month(); m != month {
				month, sum, counted = m, 0, 0
			}
			sum, counted, seen = sum+v*weight, counted+weight, true
		}
		if seen {
			values[i] = sum / counted
		}
	}
	return values, nil
}

// bridged fills the gaps between two values with the one before.
func bridged(values []float64) []float64 {
	filled := slices.Clone(values)
	last, at := math.NaN(), -1
	for i, v := range filled {
		if v != v {
			continue
		}
		for j := at + 1; at >= 0 && j < i; j++ {
			filled[j] = last
		}
		last, at = v, i
	}
	return filled
}

// added adds values up; what is missing on one side counts nothing.
func added(sum, values []float64) []float64 {
	if sum == nil {
		return slices.Clone(values)
	}
	for i, v := range values {
		switch {
		case v != v:
		case sum[i] != sum[i]:
			sum[i] = v
		default:
			sum[i] += v
		}
	}
	return sum
}

// instants answers what is known last, whatever the range is. In a sum, a satellite counts as long as
// it pays.
func (a satelliteAnswer) instants() data.Frames {
	var result data.Frames
	for _, metric := range []string{paidMetric, paidAverageMetric} {
		if !a.request.Query.WantsMetric(metric) {
			continue
		}
		sums := map[[2]string]float64{}
		var order [][2]string
		for _, node := range a.nodes {
			for _, s := range node.paid.Satellites {
				last, _ := s.last()
				v := last.Bytes
				if metric == paidAverageMetric {
					v, _ = s.average()
				}
				if len(a.groupBy) < 2 && !s.pays(node.lastHeard) {
					v = 0
				}
				group := a.of(node.Name, s.ID)
				if _, known := sums[group]; !known {
					order = append(order, group)
				}
				sums[group] += v
			}
		}
		slices.SortFunc(order, compareGroups)
		frame := frames.NewLong(satelliteType, metric, paidConfig(metric), a.groupBy...)
		for _, group := range order {
			dimensions := make([]string, len(a.groupBy))
			for i, label := range a.groupBy {
				dimensions[i] = group[labelAt(label)]
			}
			frame.Add(sums[group], dimensions...)
		}
		result = append(result, frame.Frame())
	}
	return result
}

// table answers one row a node and satellite.
func (a satelliteAnswer) table() data.Frames {
	type row struct {
		node string
		paidSatellite
		last    paidDay
		average float64
		days    int
	}
	var rows []row
	for _, node := range a.nodes {
		for _, s := range node.paid.Satellites {
			r := row{node: node.Name, paidSatellite: s}
			r.last, _ = s.last()
			r.average, r.days = s.average()
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int { return cmp.Compare(y.last.Bytes, x.last.Bytes) })
	return data.Frames{frames.Table(satelliteType,
		frames.Column("node_name", nil, frames.Each(rows, func(r row) string { return r.node })),
		frames.Column("satellite_id", nil, frames.Each(rows, func(r row) string { return r.ID })),
		frames.Column("satellite", nil, frames.Each(rows, func(r row) string { return storagenode.SatelliteName(r.ID) })),
		frames.Column(paidMetric, paidConfig(paidMetric), frames.Each(rows, func(r row) float64 { return r.last.Bytes })),
		frames.Column(paidAverageMetric, paidConfig(paidAverageMetric), frames.Each(rows, func(r row) float64 { return r.average })),
		frames.Column("day", nil, frames.Each(rows, func(r row) time.Time { return r.last.Start })),
		frames.Column("days_counted", nil, frames.Each(rows, func(r row) int64 { return int64(r.days) })),
		frames.Column("timestamp", nil, frames.Each(rows, func(r row) time.Time { return r.At })),
	)}
}

// notices name the nodes of which no satellite has said anything, and satellites that count late.
func (a satelliteAnswer) notices() []data.Notice {
	var notices []data.Notice
	for _, node := range a.nodes {
		if node.Retired {
			continue
		}
		if len(node.paid.Satellites) == 0 {
			text, severity := fmt.Sprintf("%s: no satellite has said yet what it stores: it does so a day after the first upload, and at the beginning of a month", node.Name), data.NoticeSeverityInfo
			if node.Trouble != "" {
				text, severity = fmt.Sprintf("%s: no satellite's storage is known: %s", node.Name, node.Trouble), data.NoticeSeverityWarning
			}
			notices = append(notices, data.Notice{Severity: severity, Text: text})
			continue
		}
		if late := node.paid.late(node.lastHeard, a.request.Now); late != "" {
			notices = append(notices, data.Notice{Severity: data.NoticeSeverityInfo, Text: node.Name + ": " + late})
		}
	}
	return notices
}
