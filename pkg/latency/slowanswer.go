package latency

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// maxSlowRows is how many rows a table of slow operations has at most.
const maxSlowRows = 500

func moment(at int64) time.Time { return time.UnixMilli(at).UTC() }

// formatSeconds is a number of seconds in as few digits as tell buckets apart.
func formatSeconds(seconds float64) string { return strconv.FormatFloat(seconds, 'g', 4, 64) }

// answerSlow is one row a slow transfer, the slowest first.
func answerSlow(request concern.Request) (data.Frames, error) {
	query := request.Query
	satellites, err := concern.NewSelector(query.Satellites)
	if err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	actions, err := newSelection("actions", query.Actions, actionNames[:])
	if err != nil {
		return nil, err
	}
	var outcomeNames []string
	for outcome := storagenode.OutcomeSuccess; outcome.String() != ""; outcome++ {
		outcomeNames = append(outcomeNames, outcome.String())
	}
	outcomes, err := newSelection("outcomes", query.Outcomes, outcomeNames)
	if err != nil {
		return nil, err
	}
	type row struct {
		node string
		slowOperation
	}
	var rows []row
	full := false
	from := request.From
	if kept := request.Now.Add(-slowFor); from.Before(kept) {
		from = kept
	}
	length := quarterDay.Milliseconds()
	for _, node := range request.Watched {
		for window := floorDiv(from.UnixMilli(), length) * length; window <= request.To.UnixMilli(); window += length {
			all, err := readSlow(request.Store, node.Node, window)
			if err != nil {
				return nil, err
			}
			full = full || len(all) >= slowKept
			for _, o := range all {
				if !o.At.Before(request.From) && !o.At.After(request.To) && actions.Matches(o.Action) && outcomes.Matches(o.Outcome) &&
					satellites.Matches(o.Satellite, storagenode.SatelliteName(o.Satellite)) {
					rows = append(rows, row{node.Name, o})
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return cmp.Or(compareSlow(x.slowOperation, y.slowOperation), strings.Compare(x.node, y.node))
	})
	more := len(rows) - maxSlowRows
	rows = rows[:min(len(rows), maxSlowRows)]
	text := func(column string, of func(row) string) *data.Field {
		return frames.Column(column, nil, frames.Each(rows, of))
	}
	frame := frames.Table(slowType,
		frames.Column("time", nil, frames.Each(rows, func(r row) time.Time { return r.At })),
		text("node_name", func(r row) string { return r.node }),
		text("satellite", func(r row) string { return storagenode.SatelliteName(r.Satellite) }),
		text("action", func(r row) string { return r.Action }),
		text("outcome", func(r row) string { return r.Outcome }),
		frames.Column("size_bytes", &data.FieldConfig{Unit: "decbytes"}, frames.Each(rows, func(r row) *int64 {
			if r.Size < 0 {
				return nil
			}
			return &r.Size
		})),
		frames.Column("duration_seconds", slowConfig(thresholds(request)), frames.Each(rows, func(r row) float64 { return r.Took.Seconds() })),
		text("piece_id", func(r row) string { return r.Piece }),
		frames.Column("whole_seconds", nil, frames.Each(rows, func(r row) bool { return !r.Fine })),
	)
	say := func(severity data.NoticeSeverity, format string, args ...any) {
		frame.AppendNotices(data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
	if more > 0 {
		say(data.NoticeSeverityWarning, "only the slowest %d of %d transfers are shown", maxSlowRows, maxSlowRows+more)
	}
	if full {
		say(data.NoticeSeverityInfo, "of each quarter of a day, the %d slowest transfers of a node are kept", slowKept)
	}
	if request.From.Before(from) {
		say(data.NoticeSeverityInfo, "slow transfers are kept for %.0f days", slowFor.Hours()/24)
	}
	for _, node := range request.Watched {
		why, mend := node.Evidence.Blind(concern.StartLines, request.Now)
		if why == "" || node.Retired {
			continue
		}
		if node.LogTrouble != "" {
			why += ": " + node.LogTrouble
		}
		if node.Debug != "" {
			mend += "; the debug port does not tell single transfers"
		}
		say(data.NoticeSeverityWarning, "%s: no slow transfers: %s; %s", node.Name, why, mend)
	}
	return data.Frames{frame}, nil
}
