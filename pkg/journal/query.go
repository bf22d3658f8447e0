package journal

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// maxEvents is how many events an answer holds: the newest ones.
const maxEvents = 2000

// happened is an event as it is shown.
type happened struct {
	kind
	node, satelliteID string
	at, until         time.Time // until is zero but for hourly kinds
	text              string
}

func answerEvents(ctx context.Context, request concern.Request) (*data.Frame, error) {
	satellites, err := concern.NewSelector(request.Query.Satellites)
	if err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	kinds, err := concern.NewSelector(request.Query.Kinds)
	if err != nil {
		return nil, fmt.Errorf("kinds: %w", err)
	}
	for _, name := range kinds.Names() {
		if _, ok := kindsByName[name]; !ok {
			return nil, fmt.Errorf("unknown kind of events %q; allowed are %s", name, strings.Join(slices.Sorted(maps.Keys(kindsByName)), ", "))
		}
	}
	nodes := map[string]concern.Watched{}
	for _, node := range request.Watched {
		nodes[node.History] = node
	}
	// The event of an hour stands at its beginning.
	stored, err := request.Store.Events(ctx, request.From.Truncate(time.Hour).UnixMilli(), request.To.UnixMilli(), "")
	if err != nil {
		return nil, err
	}
	counts := hourCounts{}
	var all []happened
	for _, event := range stored {
		k, ok := kindsByName[event.Kind]
		node, watched := nodes[event.Labels[nodeLabel]]
		satellite := event.Labels[satelliteLabel]
		if !ok || !watched || !kinds.Matches(event.Kind) || !satellites.Matches(satellite, storagenode.SatelliteName(satellite)) {
			continue
		}
		h := happened{kind: k, node: node.Name, satelliteID: satellite, at: time.UnixMilli(event.Time).UTC(), text: event.Text}
		if severity := event.Labels[severityLabel]; severity != "" {
			h.severity = severity
		}
		if k.hourly {
			h.until = h.at.Add(time.Hour)
			if h.until.After(request.Now) && h.at.Before(request.Now) {
				h.until = request.Now.UTC()
			}
			count, err := counts.of(ctx, request, node, event)
			if err != nil {
				return nil, err
			}
			if count > 1 {
				h.text = fmt.Sprintf("%s (%.0f times in this hour)", h.text, count)
			}
		}
		if h.at.Before(request.From) && !h.until.After(request.From) {
			continue
		}
		all = append(all, h)
	}
	cutOff := len(all) - maxEvents
	if cutOff > 0 {
		all = all[cutOff:]
	}
	slices.SortStableFunc(all, func(a, b happened) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.node, b.node)) })
	frame := annotations(all)
	if request.Query.Format != concern.Annotations {
		slices.Reverse(all)
		frame = table(all)
	}
	if cutOff > 0 {
		frame.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf("only the newest %d of %d events are shown: ask for a shorter time, or for some kinds only", maxEvents, maxEvents+cutOff)})
	}
	return frame, nil
}

// table is one row an event, the newest first.
func table(all []happened) *data.Frame {
	text := func(column string, of func(happened) string) *data.Field {
		return frames.Column(column, nil, frames.Each(all, of))
	}
	return frames.Table(eventsType,
		frames.Column("time", nil, frames.Each(all, func(h happened) time.Time { return h.at })),
		text("node_name", func(h happened) string { return h.node }),
		text("satellite", func(h happened) string { return storagenode.SatelliteName(h.satelliteID) }),
		text("kind", func(h happened) string { return h.name }),
		text("severity", func(h happened) string { return h.severity }),
		text("text", func(h happened) string { return h.text }),
	)
}

// annotations are the events as Grafana's annotations have them, the oldest first.
func annotations(all []happened) *data.Frame {
	return frames.Table(eventsType,
		frames.Column("time", nil, frames.Each(all, func(h happened) time.Time { return h.at })),
		frames.Column("timeEnd", nil, frames.Each(all, func(h happened) *time.Time { return frames.Optional(h.until) })),
		frames.Column("title", nil, frames.Each(all, func(h happened) string { return h.node + ": " + h.title })),
		frames.Column("text", nil, frames.Each(all, func(h happened) string { return h.text })),
		frames.Column("tags", nil, frames.Each(all, func(h happened) string {
			tags := []string{h.name, h.severity, h.node}
			if h.satelliteID != "" {
				tags = append(tags, storagenode.SatelliteName(h.satelliteID))
			}
			return strings.Join(tags, ",")
		})),
	)
}

// hourCounts are how often events happened in an hour, read once a node.
type hourCounts map[string]map[hourly]float64

func (c hourCounts) of(ctx context.Context, request concern.Request, node concern.Watched, event store.Event) (float64, error) {
	counts, ok := c[node.History]
	if !ok {
		result, err := request.Store.Read(ctx, store.Range{
			Group: node.StoredAs(name), From: request.From.Truncate(time.Hour).UnixMilli(), To: request.To.UnixMilli(),
		})
		if err != nil {
			return 0, err
		}
		counts = map[hourly]float64{}
		for i, column := range result.Columns {
			for j, v := range result.Values[i] {
				if v == v {
					counts[hourly{result.Times[j], column.Label("kind"), column.Label(satelliteLabel)}] += v
				}
			}
		}
		c[node.History] = counts
	}
	return counts[hourly{event.Time, event.Kind, event.Labels[satelliteLabel]}], nil
}

// seenError is an error with how often it came in the range.
type seenError struct {
	known
	node  string
	count float64
}

func answerErrors(ctx context.Context, request concern.Request) (*data.Frame, error) {
	var all []seenError
	for _, node := range request.Watched {
		counts, last, err := countErrors(ctx, request, node)
		if err != nil {
			return nil, err
		}
		other := seenError{node: node.Name, known: known{Message: "other messages, too many to be told apart"}}
		byKey := map[string]known{}
		for _, k := range readErrors(request.Store, node.Node) {
			byKey[k.Key] = k
		}
		for key, count := range counts {
			k, ok := byKey[key]
			if !ok {
				other.count += count
				if last[key].After(other.Last) {
					other.Last = last[key]
				}
				continue
			}
			if last[key].After(k.Last) {
				k.Last = last[key] // it is written now and then only
			}
			all = append(all, seenError{k, node.Name, count})
		}
		if other.count > 0 {
			all = append(all, other)
		}
	}
	slices.SortFunc(all, func(a, b seenError) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.node, b.node), cmp.Compare(a.Message, b.Message))
	})
	text := func(column string, of func(seenError) string) *data.Field {
		return frames.Column(column, nil, frames.Each(all, of))
	}
	moment := func(column string, of func(seenError) time.Time) *data.Field {
		return frames.Column(column, nil, frames.Each(all, func(e seenError) *time.Time { return frames.Optional(of(e)) }))
	}
	count := &data.FieldConfig{Unit: "short"}
	return frames.Table(errorsType,
		text("node_name", func(e seenError) string { return e.node }),
		text("level", func(e seenError) string { return e.Level }),
		text("message", func(e seenError) string { return e.Message }),
		frames.Column("count", count.SetDecimals(0).SetMin(0), frames.Each(all, func(e seenError) float64 { return e.count })),
		moment("first_seen", func(e seenError) time.Time { return e.First }),
		moment("last_seen", func(e seenError) time.Time { return e.Last }),
		text("example", func(e seenError) string { return e.Example }),
	), nil
}

// countErrors is how often each error of a node came in the range, and in which step last.
func countErrors(ctx context.Context, request concern.Request, node concern.Watched) (counts map[string]float64, last map[string]time.Time, err error) {
	step, retention := time.Hour, request.Settings.Retention
	switch age, length := request.Now.Sub(request.From), request.To.Sub(request.From); {
	case age <= concern.Kept(retention.Minutes) && length <= 24*time.Hour:
		step = time.Minute
	case age <= concern.Kept(retention.TenMinutes):
		step = tenMinutes
	}
	result, err := request.Store.Read(ctx, store.Range{
		Group: node.StoredAs(errorsName), From: request.From.UnixMilli(), To: request.To.UnixMilli(),
		Step: step.Milliseconds(), Aggregate: store.Sum,
	})
	if err != nil {
		return nil, nil, err
	}
	counts, last = map[string]float64{}, map[string]time.Time{}
	for i, column := range result.Columns {
		key := column.Label(errorLabel)
		for j, v := range result.Values[i] {
			if v == v && v > 0 {
				counts[key] += v
				last[key] = time.UnixMilli(result.Times[j]).UTC()
			}
		}
	}
	return counts, last, nil
}

// notices say which nodes' logs cannot be seen well enough, and what would change that.
func notices(request concern.Request) []data.Notice {
	var notices []data.Notice
	for _, node := range request.Watched {
		if node.Retired {
			continue // it is not expected to say anything
		}
		why, mend := node.Evidence.Blind(concern.AnyLine, request.Now)
		hidden := "events and errors"
		if least := leastLevel(request.Query.QueryType); why == "" && node.Evidence.Level > least {
			why = fmt.Sprintf("the log has no line below %s", node.Evidence.Level)
			mend = "set log.level: info in the node's config.yaml and restart the node"
			hidden = "those of lower levels"
		}
		if why == "" {
			continue
		}
		text := fmt.Sprintf("%s: no %s: %s", node.Name, hidden, why)
		if node.LogTrouble != "" {
			text += ": " + node.LogTrouble
		}
		notices = append(notices, data.Notice{Severity: data.NoticeSeverityWarning, Text: text + "; " + mend})
	}
	return notices
}

// leastLevel is the level that a log must have for an answer to be whole.
func leastLevel(queryType string) storagenode.Level {
	if queryType == errorsType {
		return storagenode.Warn
	}
	return storagenode.Info
}
