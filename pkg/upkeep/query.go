package upkeep

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

type answer struct {
	request    concern.Request
	satellites concern.Selector
	nodes      []watched
}

type watched struct {
	concern.Watched
	state state
}

func (a answer) wantsSatellite(id string) bool {
	return a.satellites.Matches(id, storagenode.SatelliteName(id))
}

// What is going on with a compaction, a walk or a migration.
const (
	running     = "running"
	finished    = "finished"
	failed      = "failed"
	interrupted = "interrupted"
	queued      = "queued"
	migrating   = "migrating"
)

// of is what is going on, in a row of any table.
type of struct {
	node, satellite, state string
}

// compactions are one row each: those that run, and those that were under way in the
// range, the newest first.
func (a answer) compactions() *data.Frame {
	type row struct {
		of
		compaction
	}
	var rows []row
	for _, node := range a.nodes {
		for _, c := range node.state.Compactions {
			state := finished
			switch {
			case c.Failed:
				state = failed
			case c.Interrupted:
				state = interrupted
			case c.Finished.IsZero():
				state = running
			}
			inRange := !c.Started.After(a.request.To) && (state == running || !c.last().Before(a.request.From))
			if inRange && a.wantsSatellite(c.Satellite) {
				rows = append(rows, row{of{node.Name, c.Satellite, state}, c})
			}
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(flag(y.state == running), flag(x.state == running)), y.Started.Compare(x.Started))
	})
	over := func(r row) bool { return r.state == finished || r.state == failed }
	return frames.Table(compactionsType, append(columns(rows, func(r row) of { return r.of }),
		frames.Column("store", nil, frames.Each(rows, func(r row) string { return r.Store })),
		moment("started_at", rows, func(r row) time.Time { return r.Started }),
		moment("finished_at", rows, func(r row) time.Time { return r.Finished }),
		number("running_seconds", "s", rows, func(r row) (float64, bool) {
			return max(a.request.Now.Sub(r.Started).Seconds(), 0), r.state == running
		}),
		number("duration_seconds", "s", rows, func(r row) (float64, bool) { return r.Duration.Seconds(), over(r) }),
		number("reclaimed_bytes", "decbytes", rows, func(r row) (float64, bool) { return float64(r.Reclaimed), over(r) }),
		number("rewritten_bytes", "decbytes", rows, func(r row) (float64, bool) { return float64(r.Rewritten), over(r) }),
		// As the node's own: what was freed for each byte that was written for it.
		number("reclaim_ratio", "short", rows, func(r row) (float64, bool) {
			return float64(r.Reclaimed) / float64(r.Rewritten), r.Rewritten > 0
		}),
	)...)
}

func (c compaction) last() time.Time {
	if c.Finished.IsZero() {
		return c.Started
	}
	return c.Finished
}

// filewalkers are one row a satellite and filewalker, as they are now.
func (a answer) filewalkers() *data.Frame {
	type row struct {
		of
		walk
		restarted time.Time
	}
	var rows []row
	for _, node := range a.nodes {
		restarted := node.restarted()
		for _, w := range node.state.Walks {
			state := finished
			switch {
			case w.running(restarted):
				state = running
			case w.Failed.After(w.Finished):
				state = failed
			case w.Started.After(w.Finished):
				state = interrupted
			}
			if a.wantsSatellite(w.Satellite) {
				rows = append(rows, row{of{node.Name, w.Satellite, state}, w, restarted})
			}
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(x.node, y.node), cmp.Compare(storagenode.SatelliteName(x.of.satellite), storagenode.SatelliteName(y.of.satellite)), cmp.Compare(x.Walker, y.Walker))
	})
	return frames.Table(filewalkersType, append(columns(rows, func(r row) of { return r.of }),
		frames.Column("walker", nil, frames.Each(rows, func(r row) string { return r.Walker })),
		moment("last_started", rows, func(r row) time.Time { return r.Started }),
		moment("last_finished", rows, func(r row) time.Time { return r.Finished }),
		number("age_seconds", "s", rows, func(r row) (float64, bool) {
			return max(a.request.Now.Sub(r.Finished).Seconds(), 0), !r.Finished.IsZero()
		}),
		number("running_seconds", "s", rows, func(r row) (float64, bool) {
			return max(a.request.Now.Sub(r.Started).Seconds(), 0), r.state == running
		}),
		number("duration_seconds", "s", rows, func(r row) (float64, bool) { return r.Duration.Seconds(), !r.Finished.IsZero() }),
		moment("last_failed", rows, func(r row) time.Time { return r.Failed }),
		moment("node_started", rows, func(r row) time.Time { return r.restarted }),
		// Null where nobody knows when the node was restarted.
		frames.Column("finished_since_restart", nil, frames.Each(rows, func(r row) *bool {
			if r.restarted.IsZero() {
				return nil
			}
			since := !r.Finished.Before(r.restarted)
			return &since
		})),
	)...)
}

// restarted is when the node was last started, by its log or its API.
func (w watched) restarted() time.Time {
	if started := w.Facts.StartedAt; started.After(w.state.Restarted.Add(clockSlack)) {
		return started
	}
	return w.state.Restarted
}

// clockSlack is how much later the API can say that the node started than its log does,
// about the same start.
const clockSlack = time.Minute

// migration is one row a satellite that has pieces to migrate, or had.
func (a answer) migration(ctx context.Context) (*data.Frame, error) {
	type row struct {
		of
		migration
		migrated
	}
	var rows []row
	for _, node := range a.nodes {
		moved, err := a.moved(ctx, node)
		if err != nil {
			return nil, err
		}
		left, all := 0, moved[""]
		var each migrated
		for _, m := range node.state.Migrations {
			if m.Queued.IsZero() && m.Moved.IsZero() && m.Finished.IsZero() {
				continue // only its pieces were counted
			}
			state := queued
			switch {
			case m.Finished.After(m.Moved) && !m.Finished.Before(m.Queued):
				state = finished
			case a.request.Now.Sub(m.Moved) < time.Hour:
				state = migrating
			}
			if state != finished {
				left++
			}
			each.add(moved[m.Satellite])
			if a.wantsSatellite(m.Satellite) {
				rows = append(rows, row{of{node.Name, m.Satellite, state}, m, moved[m.Satellite]})
			}
		}
		for i := range rows {
			if rows[i].node == node.Name {
				rows[i].satellitesLeft = left
			}
		}
		// The satellites' own counts need DEBUG lines; of all together INFO tells.
		if all.pieces > each.pieces && a.wantsSatellite("") {
			all.satellitesLeft = left
			state := queued
			if left == 0 {
				state = finished
			} else if a.request.Now.Sub(node.state.MigratedAt) < time.Hour {
				state = migrating
			}
			rows = append(rows, row{of{node.Name, "", state}, migration{Moved: node.state.MigratedAt}, all})
		}
	}
	known := func(r row) bool { return !r.FoundAt.IsZero() && r.state != finished }
	piecesLeft := func(r row) float64 { return max(float64(r.PiecesFound)-r.piecesSince, 0) }
	return frames.Table(migrationType, append(columns(rows, func(r row) of { return r.of }),
		moment("queued_at", rows, func(r row) time.Time { return r.Queued }),
		moment("last_moved", rows, func(r row) time.Time { return r.Moved }),
		moment("finished_at", rows, func(r row) time.Time { return r.migration.Finished }),
		number("pieces_per_day", "short", rows, func(r row) (float64, bool) { return r.pieces, r.seen }),
		number("bytes_per_day", "decbytes", rows, func(r row) (float64, bool) { return r.bytes, r.seen }),
		number("pieces_left", "short", rows, func(r row) (float64, bool) { return piecesLeft(r), known(r) }),
		number("bytes_left", "decbytes", rows, func(r row) (float64, bool) {
			return max(float64(r.BytesFound)-r.bytesSince, 0), known(r)
		}),
		number("time_to_go_seconds", "s", rows, func(r row) (float64, bool) {
			return piecesLeft(r) / r.pieces * 24 * 3600, known(r) && r.pieces > 0
		}),
		frames.Column("satellites_left", nil, frames.Each(rows, func(r row) int64 { return int64(r.satellitesLeft) })),
	)...), nil
}

// migrated is what was moved of a satellite's pieces.
type migrated struct {
	pieces, bytes           float64 // in the day before the range's end
	seen                    bool
	piecesSince, bytesSince float64 // since its pieces were last counted, to an hour
	satellitesLeft          int
}

func (m *migrated) add(other migrated) {
	m.pieces += other.pieces
	m.bytes += other.bytes
}

// moved is what was moved, by satellite.
func (a answer) moved(ctx context.Context, node watched) (map[string]migrated, error) {
	to := a.request.To
	if to.After(a.request.Now) {
		to = a.request.Now
	}
	day := to.Add(-24 * time.Hour)
	from, found := day, map[string]int64{}
	for _, m := range node.state.Migrations {
		if !m.FoundAt.IsZero() && !m.Moved.IsZero() {
			found[m.Satellite] = m.FoundAt.Truncate(time.Hour).UnixMilli()
			if m.FoundAt.Before(from) {
				from = m.FoundAt.Truncate(time.Hour)
			}
		}
	}
	result, err := a.request.Store.Read(ctx, store.Range{Group: node.StoredAs(migrationName), From: from.UnixMilli(), To: to.UnixMilli()})
	if err != nil {
		return nil, err
	}
	all := map[string]migrated{}
	for i, column := range result.Columns {
		satellite := column.Label(satelliteLabel)
		m := all[satellite]
		since, counted := found[satellite]
		for j, v := range result.Values[i] {
			if v != v {
				continue
			}
			isPieces, lastDay := column.Metric() == piecesColumn, result.Times[j] > day.UnixMilli()
			add := func(counts bool, sum *float64) {
				if counts {
					*sum += v
				}
			}
			add(lastDay && isPieces, &m.pieces)
			add(lastDay && !isPieces, &m.bytes)
			add(counted && result.Times[j] >= since && isPieces, &m.piecesSince)
			add(counted && result.Times[j] >= since && !isPieces, &m.bytesSince)
			m.seen = m.seen || lastDay
		}
		all[satellite] = m
	}
	return all, nil
}

// columns are those that every table begins with.
func columns[R any](rows []R, whose func(R) of) []*data.Field {
	text := func(column string, value func(of) string) *data.Field {
		return frames.Column(column, nil, frames.Each(rows, func(r R) string { return value(whose(r)) }))
	}
	return []*data.Field{
		text("node_name", func(o of) string { return o.node }),
		text("satellite", func(o of) string { return storagenode.SatelliteName(o.satellite) }),
		text("state", func(o of) string { return o.state }),
	}
}

func moment[R any](column string, rows []R, at func(R) time.Time) *data.Field {
	return frames.Column(column, nil, frames.Each(rows, func(r R) *time.Time { return frames.Optional(at(r)) }))
}

// number is a column that is null where its value is not known.
func number[R any](column, unit string, rows []R, value func(R) (float64, bool)) *data.Field {
	return frames.Column(column, &data.FieldConfig{Unit: unit}, frames.Each(rows, func(r R) *float64 {
		if v, ok := value(r); ok {
			return &v
		}
		return nil
	}))
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

// notices say which nodes' logs do not tell of their upkeep.
func (a answer) notices() []data.Notice {
	var notices []data.Notice
	for _, node := range a.nodes {
		if node.Retired {
			continue // it is not expected to say anything
		}
		kind := concern.CompactionLines
		if a.request.Query.QueryType != compactionsType {
			kind = concern.AnyLine
		}
		why, mend := node.Evidence.Blind(kind, a.request.Now)
		if why == "" && node.Evidence.Level > storagenode.Info {
			why, mend = fmt.Sprintf("the log has no line below %s", node.Evidence.Level), "set log.level: info in the node's config.yaml and restart the node"
		}
		if why == "" {
			continue
		}
		text := fmt.Sprintf("%s: no %s: %s", node.Name, a.request.Query.QueryType, why)
		if node.LogTrouble != "" {
			text += ": " + node.LogTrouble
		}
		notices = append(notices, data.Notice{Severity: data.NoticeSeverityWarning, Text: text + "; " + mend})
	}
	return notices
}
