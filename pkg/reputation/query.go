package reputation

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Types are the query types of this concern.
func (Concern) Types() []concern.Type {
	return []concern.Type{{
		Name:    name,
		Formats: []concern.Format{concern.TimeSeries, concern.Instant, concern.Table},
		Metrics: metricNames(),
	}}
}

// Answer answers a reputation query. Time series are the worst value of each step;
// instants and the table are the latest known.
func (Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	satellites, err := concern.NewSelector(request.Query.Satellites)
	if err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	a := answer{request: request, satellites: satellites}
	if err := a.readLatest(); err != nil {
		return nil, err
	}
	var result data.Frames
	switch request.Query.Format {
	case concern.TimeSeries:
		result, err = a.series(ctx)
	case concern.Instant:
		result, err = a.instants(ctx)
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

type answer struct {
	request    concern.Request
	satellites concern.Selector
	nodes      []known
}

func (a answer) wantsSatellite(id string) bool {
	return a.satellites.Matches(id, storagenode.SatelliteName(id))
}

// wanted are the metrics per satellite that the query asks for.
func (a answer) wanted() []metric {
	var wanted []metric
	for _, m := range metrics {
		if a.request.Query.WantsMetric(m.name) {
			wanted = append(wanted, m)
		}
	}
	return wanted
}

func (a answer) wantsHealth() bool { return a.request.Query.WantsMetric(health.name) }

// series answers values over time, one wide frame.
func (a answer) series(ctx context.Context) (data.Frames, error) {
	wanted := a.wanted()
	if a.wantsHealth() {
		wanted = append(wanted, health)
	}
	step := a.step()
	withWindows := slices.ContainsFunc(wanted, metric.isOfWindows)
	if withWindows && len(wanted) == 1 {
		step = windowStep(step)
	}
	named := len(wanted) > 1
	var times []int64
	var series []frames.Series
	for _, node := range a.request.Watched {
		results := map[store.Aggregate]*store.Result{}
		for _, aggregate := range []store.Aggregate{store.Min, store.Max} {
			columns := a.columns(wanted, aggregate)
			if len(columns) == 0 {
				continue
			}
			result, err := a.request.Store.Read(ctx, store.Range{
				Group: node.StoredAs(name),
				Columns: func(c store.Column) bool {
					id := c.Label(satelliteLabel)
					return columns[c.Metric()] && (id == "" || a.wantsSatellite(id))
				},
				From: a.request.From.UnixMilli(), To: a.request.To.UnixMilli(),
				Step: step.Milliseconds(), Aggregate: aggregate,
			})
			if err != nil {
				return nil, err
			}
			results[aggregate] = result
			times = result.Times
		}
		ofWindows := map[store.Aggregate]*store.Result{}
		if withWindows {
			result, err := a.readWindows(ctx, node, times, step)
			if err != nil {
				return nil, err
			}
			ofWindows[windows.worst] = result
			times = result.Times
		}
		for _, m := range wanted {
			from := results
			if m.isOfWindows() {
				from = ofWindows
			}
			series = append(series, m.series(node, from, named)...)
		}
	}
	return data.Frames{frames.Wide(name, times, series)}, nil
}

// step is at least the interval of the polls, so that a line has no gaps where
// none are, and long enough for the panel.
func (a answer) step() time.Duration {
	step := max(a.request.Step, a.request.Settings.Poll.Scores)
	if points := a.request.MaxPoints; points > 0 {
		// Steps are aligned, so that both ends of the range can cut one.
		step = max(step, a.request.To.Sub(a.request.From)/time.Duration(max(points-2, 1)))
	}
	return (step + time.Second - 1).Truncate(time.Second)
}

// columns are the stored metrics that are read with this aggregate.
func (a answer) columns(wanted []metric, aggregate store.Aggregate) map[string]bool {
	columns := map[string]bool{}
	for _, m := range wanted {
		if m.isOfWindows() {
			continue
		}
		if m.worst == aggregate {
			columns[m.column] = true
		}
		if m.over != "" && aggregate == store.Max {
			columns[m.over] = true
		}
	}
	return columns
}

// series are the metric's series of one node.
func (m metric) series(node concern.Watched, results map[store.Aggregate]*store.Result, named bool) []frames.Series {
	result := results[m.worst]
	if result == nil {
		return nil
	}
	var series []frames.Series
	for i, column := range result.Columns {
		if column.Metric() != m.column {
			continue
		}
		id := column.Label(satelliteLabel)
		values := result.Values[i]
		if m.of != nil || m.over != "" { // another metric may be made of the same column
			values = slices.Clone(values)
		}
		if m.of != nil {
			for j, v := range values {
				if v == v {
					values[j] = m.of(v)
				}
			}
		}
		if m.over != "" {
			zeroWhere(values, results[store.Max], store.NewColumn(m.over, satelliteLabel, id))
		}
		labels := data.Labels{"node": node.Name}
		if id != "" {
			labels["satellite"] = storagenode.SatelliteName(id)
		}
		series = append(series, frames.Series{Name: m.name, Labels: labels, Config: m.named(node, id, named), Values: values})
	}
	return series
}

// zeroWhere sets values to 0 where the other column is 1.
func zeroWhere(values []float64, result *store.Result, column store.Column) {
	at := slices.Index(result.Columns, column)
	if at < 0 {
		return
	}
	for i, set := range result.Values[at] {
		if set == 1 && values[i] == values[i] {
			values[i] = 0
		}
	}
}

// named is the metric's field config with the name of one series.
func (m metric) named(node concern.Watched, satelliteID string, withMetric bool) *data.FieldConfig {
	config := m.config(node.Thresholds)
	parts := []string{node.Name}
	if satelliteID != "" {
		parts = append(parts, storagenode.SatelliteName(satelliteID))
	}
	if withMetric {
		parts = append(parts, m.title)
	}
	config.DisplayNameFromDS = strings.Join(parts, " ")
	return config
}

// instants answers the latest value of each metric, node and satellite, one frame
// a metric. For a range that ends in the past it is the latest of that range.
func (a answer) instants(ctx context.Context) (data.Frames, error) {
	if a.inThePast() {
		return a.pastInstants(ctx)
	}
	var result data.Frames
	for _, m := range a.wanted() {
		frame := a.newInstant(m)
		for _, node := range a.nodes {
			for _, s := range node.standings {
				if v := m.latest(s); v == v {
					frame.Add(v, node.Name, storagenode.SatelliteName(s.SatelliteID))
				}
			}
		}
		result = append(result, frame.Frame())
	}
	if a.wantsHealth() {
		frame := a.newInstant(health)
		for _, node := range a.nodes {
			if percent, ok := node.latest.Health(func(id string) bool { return Muted(node.Node, id) }); ok {
				frame.Add(percent, node.Name)
			}
		}
		result = append(result, frame.Frame())
	}
	return result, nil
}

func (a answer) newInstant(m metric) *frames.Long {
	columns := []string{"node", "satellite"}
	if m.name == health.name {
		columns = columns[:1]
	}
	return frames.NewLong(name, m.name, m.config(a.thresholds()), columns...)
}

// thresholds are those of the node where there is one, else of the data source: a
// frame of many nodes has one field.
func (a answer) thresholds() settings.Thresholds {
	if len(a.request.Watched) == 1 {
		return a.request.Watched[0].Thresholds
	}
	return a.request.Settings.Thresholds
}

// known is a node with its latest standing, and the part of it that the query
// selects. A node that never gave any has none.
type known struct {
	concern.Watched
	latest    Latest
	ever      bool // whether it gave any
	standings []Standing
}

// readLatest reads the latest standing of every selected node, once an answer.
func (a *answer) readLatest() error {
	for _, node := range a.request.Watched {
		latest, ever, err := ReadNow(a.request.Store, node.Node, a.request.Now)
		if err != nil {
			return err
		}
		k := known{Watched: node, latest: latest, ever: ever}
		for _, s := range latest.Standings {
			if a.wantsSatellite(s.SatelliteID) {
				k.standings = append(k.standings, s)
			}
		}
		sort.SliceStable(k.standings, func(i, j int) bool {
			return storagenode.SatelliteName(k.standings[i].SatelliteID) < storagenode.SatelliteName(k.standings[j].SatelliteID)
		})
		a.nodes = append(a.nodes, k)
	}
	return nil
}

// StaleAfter is how old scores are that say nothing of now, where they are asked for so often. Without
// an API they come every four hours.
func StaleAfter(every time.Duration) time.Duration { return max(2*every, 5*time.Hour) }

// table answers one row a node and satellite, the worst first. What was well long ago is left out: nobody
// knows whether it still is.
func (a answer) table() data.Frames {
	type row struct {
		node string
		Standing
	}
	var rows []row
	for _, node := range a.nodes {
		for _, s := range node.standings {
			rows = append(rows, row{node.Name, s})
		}
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Health() < rows[j].Health() })
	thresholds := a.thresholds()
	byName := map[string]metric{}
	for _, m := range metrics {
		byName[m.name] = m
	}
	text := func(name string, of func(row) string) *data.Field {
		return frames.Column(name, nil, frames.Each(rows, of))
	}
	number := func(m metric) *data.Field {
		return frames.Column(m.name, m.config(thresholds), frames.Each(rows, func(r row) *float64 {
			v := m.latest(r.Standing)
			if v != v || a.request.Now.Sub(r.Timestamp) > StaleAfter(a.request.Settings.Poll.Scores) && Content(m.name, v, thresholds) {
				return nil
			}
			return &v
		}))
	}
	// yes is a column of flags, null where it cannot be told.
	yes := func(name, of string) *data.Field {
		return frames.Column(name, nil, frames.Each(rows, func(r row) *bool {
			v := byName[of].latest(r.Standing)
			if v != v {
				return nil
			}
			set := v == 1
			return &set
		}))
	}
	moment := func(name string, of func(row) time.Time) *data.Field {
		return frames.Column(name, nil, frames.Each(rows, func(r row) *time.Time { return frames.Optional(of(r)) }))
	}
	return data.Frames{frames.Table(name,
		text("node_name", func(r row) string { return r.node }),
		text("satellite_id", func(r row) string { return r.SatelliteID }),
		text("satellite", func(r row) string { return storagenode.SatelliteName(r.SatelliteID) }),
		number(byName[auditScore]),
		number(byName[suspensionScore]),
		number(byName[onlineScore]),
		number(byName[failedAuditsLeftMetric]),
		number(byName[downtimeLeftMetric]),
		moment("online_recovers_at", func(r row) time.Time { return r.OnlineRecoversAt }),
		yes("is_disqualified", disqualified),
		yes("is_suspended", suspended),
		yes("is_offline_suspended", offlineSuspended),
		yes("vetted", vetted),
		number(byName[vettingProgress]),
		moment("joined_at", func(r row) time.Time { return r.JoinedAt }),
		moment("timestamp", func(r row) time.Time { return r.Timestamp }),
	)}
}

// scoresRenewed is how often a node asks its satellites for its scores, and some minutes.
const scoresRenewed = 4*time.Hour + 10*time.Minute

// notices say what the answer does not show: nodes without data, and data that
// is older than two polls.
func (a answer) notices() []data.Notice {
	var notices []data.Notice
	for _, node := range a.nodes {
		if node.Retired {
			continue // it is not expected to say anything
		}
		latest := node.latest
		text, severity := "", data.NoticeSeverityWarning
		said, every := latest.At, max(latest.Interval, a.request.Settings.Poll.Scores)
		if said.IsZero() { // without an API they come when the satellites renew them
			said, every = latest.Heard, scoresRenewed
		}
		old := a.request.Now.Sub(said)
		switch {
		case len(latest.Standings) == 0 && node.Trouble != "":
			text = fmt.Sprintf("%s: no scores yet: %s", node.Name, node.Trouble)
		case !node.ever:
			text = fmt.Sprintf("%s: collecting since %s, scores follow at the next poll", node.Name, node.Since.UTC().Format("15:04 UTC"))
			severity = data.NoticeSeverityInfo
		case old.Abs() > 2*every:
			text = fmt.Sprintf("%s: the scores are %s old", node.Name, age(old))
			if old < 0 {
				text = fmt.Sprintf("%s: the scores are of %s, later than now: the clock was set back", node.Name, said.UTC().Format("2006-01-02 15:04 UTC"))
			}
			if node.Trouble != "" {
				text += ": " + node.Trouble
			}
		case len(latest.Standings) == 0:
			text = fmt.Sprintf("%s: no satellite has contacted this node yet", node.Name)
			severity = data.NoticeSeverityInfo
		default:
			text = unreadable(node.Name, latest, a.request.Now)
		}
		if text != "" {
			notices = append(notices, data.Notice{Severity: severity, Text: text})
		}
	}
	return notices
}

// unreadable names the satellites whose scores did not come with the last poll.
func unreadable(node string, latest Latest, now time.Time) string {
	var old []string
	for _, s := range latest.Standings {
		if s.Timestamp.Before(latest.At) {
			old = append(old, fmt.Sprintf("%s (%s old)", storagenode.SatelliteName(s.SatelliteID), age(now.Sub(s.Timestamp))))
		}
	}
	if len(old) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: the node did not answer for %s", node, strings.Join(old, ", "))
}

// age is a duration for people: the two largest units at most.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
