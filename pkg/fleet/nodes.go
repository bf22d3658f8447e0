package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// nodesType is the one query type that the fleet answers itself: what it knows of
// the nodes as nodes.
var nodesType = concern.Type{Name: "nodes", Formats: []concern.Format{concern.Table}}

// nodesTable answers one row a node, those in trouble first.
func (f *Fleet) nodesTable(request concern.Request) (data.Frames, error) {
	byName := map[string]Status{}
	for _, status := range f.Statuses() {
		byName[status.Name] = status
	}
	type row struct {
		concern.Watched
		Status
		health *float64
		log    logColumns
	}
	rows := make([]row, 0, len(request.Watched))
	for _, node := range request.Watched {
		r := row{Watched: node, Status: byName[node.Name], log: f.logColumns(node)}
		latest, _, err := reputation.Read(request.Store, node.Node)
		if err != nil {
			return nil, err
		}
		if percent, ok := latest.Health(func(id string) bool { return reputation.Muted(node.Node, id) }); ok {
			r.health = &percent
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return trouble[a.Status.State] - trouble[b.Status.State] })
	text := func(name string, of func(row) string) *data.Field {
		return frames.Column(name, nil, frames.Each(rows, of))
	}
	moment := func(name string, of func(row) time.Time) *data.Field {
		return frames.Column(name, nil, frames.Each(rows, func(r row) *time.Time { return frames.Optional(of(r)) }))
	}
	size := func(name string, of func(concern.Facts) int64) *data.Field {
		config := &data.FieldConfig{Unit: "decbytes"}
		return frames.Column(name, config, frames.Each(rows, func(r row) *float64 {
			if !r.Status.Facts.DiskKnown {
				return nil
			}
			v := float64(of(r.Status.Facts))
			return &v
		}))
	}
	table := frames.Table(nodesType.Name,
		text("node_name", func(r row) string { return r.Watched.Name }),
		frames.Column("state", stateConfig, frames.Each(rows, func(r row) string { return string(r.Status.State) })),
		moment("state_since", func(r row) time.Time { return r.Status.Since }),
		moment("last_success", func(r row) time.Time { return r.LastSuccess }),
		text("last_error", func(r row) string { return r.LastError }),
		text("node_id", func(r row) string { return r.Status.Facts.NodeID }),
		text("version", func(r row) string { return r.Status.Facts.Version }),
		frames.Column("up_to_date", nil, frames.Each(rows, func(r row) *bool {
			if r.Status.Facts.Version == "" {
				return nil
			}
			return &r.Status.Facts.UpToDate
		})),
		moment("started_at", func(r row) time.Time { return r.Status.Facts.StartedAt }),
		moment("last_pinged", func(r row) time.Time { return r.Status.Facts.LastPinged }),
		text("quic_status", func(r row) string { return r.Status.Facts.QUICStatus }),
		size("disk_used_bytes", func(f concern.Facts) int64 { return f.DiskUsed }),
		size("disk_free_bytes", func(f concern.Facts) int64 { return f.DiskFree }),
		size("disk_trash_bytes", func(f concern.Facts) int64 { return f.DiskTrash }),
		size("disk_allocated_bytes", func(f concern.Facts) int64 { return f.DiskAllocated }),
		frames.Column("estimated_payout_usd", (&data.FieldConfig{Unit: "currencyUSD"}).SetDecimals(2), frames.Each(rows, func(r row) *float64 {
			if r.Status.Facts.EstimatedCents == nil {
				return nil
			}
			usd := *r.Status.Facts.EstimatedCents / 100
			return &usd
		})),
		frames.Column("health_percent", reputation.HealthConfig(), frames.Each(rows, func(r row) *float64 { return r.health })),
		text("api", func(r row) string { return r.Status.Endpoint }),
		text("log", func(r row) string { return r.Log.String() }),
		text("log_state", func(r row) string { return r.log.state }),
		frames.Column("log_progress_percent", &data.FieldConfig{Unit: "percent"}, frames.Each(rows, func(r row) *float64 { return r.log.progress })),
		frames.Column("log_behind_bytes", &data.FieldConfig{Unit: "decbytes"}, frames.Each(rows, func(r row) *float64 { return r.log.behind })),
		moment("log_last_line", func(r row) time.Time { return r.Evidence.Last[concern.AnyLine] }),
		text("log_trouble", func(r row) string { return r.LogTrouble }),
		text("not_watched", func(r row) string { return r.log.notWatched }),
	)
	for _, r := range rows {
		if old := request.Now.Sub(r.LastSuccess); !r.LastSuccess.IsZero() && old > 2*request.Settings.Poll.Status {
			table.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf("%s: what is shown of it is of %s", r.Watched.Name, r.LastSuccess.UTC().Format("2006-01-02 15:04 UTC"))})
		}
	}
	return data.Frames{table}, nil
}

// logColumns are what the table of nodes says of a log.
type logColumns struct {
	state            string
	progress, behind *float64
	notWatched       string
}

func (f *Fleet) logColumns(node concern.Watched) logColumns {
	if node.Log.Kind == settings.NoLog {
		return logColumns{state: "none", notWatched: blindList(node.Evidence, f.now())}
	}
	f.mu.Lock()
	w := f.workers[node.Name]
	f.mu.Unlock()
	if w == nil {
		return logColumns{state: string(logsource.Waiting)}
	}
	w.mu.Lock()
	l := w.listening
	w.mu.Unlock()
	if l == nil {
		return logColumns{state: string(logsource.Waiting), notWatched: blindList(node.Evidence, f.now())}
	}
	status, evidence := l.state(f.now())
	behind := float64(status.Behind)
	columns := logColumns{state: string(status.State), behind: &behind, notWatched: blindList(evidence, f.now())}
	if status.BackfillTotal > 0 {
		percent := 100 * float64(status.BackfillDone) / float64(status.BackfillTotal)
		columns.progress = &percent
	}
	return columns
}

// trouble orders the states, the worst first.
var trouble = map[concern.State]int{concern.Unreachable: 0, concern.Slow: 1, concern.Connecting: 2, concern.Stopped: 3, concern.Connected: 4}

// stateConfig colours the states: only what answers is green.
var stateConfig = &data.FieldConfig{Mappings: data.ValueMappings{data.ValueMapper{
	string(concern.Connected):   {Color: "green", Index: 0},
	string(concern.Slow):        {Color: "orange", Index: 1},
	string(concern.Connecting):  {Color: "blue", Index: 2},
	string(concern.Unreachable): {Color: "red", Index: 3},
}}}
