package reputation

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The half days that the online score is made of. A satellite tells those of 30 days
// at every poll, so they are a family of their own, at their own times: what was there
// before the plugin was is seen at once, and a poll that was missed costs none.
const (
	// windowsName begins the name of the group that they are stored in.
	windowsName   = "online_windows"
	onlineWindows = "online_windows_percent"
)

// windows is how much of the audits of a half day the node answered.
var windows = metric{
	name: onlineWindows, title: "half days online", column: onlineWindows, worst: store.Min,
	latest: func(s Standing) float64 {
		if s.OnlineWindow == nil {
			return math.NaN()
		}
		return *s.OnlineWindow
	},
	config: func(settings.Thresholds) *data.FieldConfig {
		config := percentConfig(0, frames.Thresholds("red", frames.From(100*storagenode.OnlineLimit, "orange"), frames.From(onlineWatch, "yellow"), frames.From(100, "green")))
		config.Mappings = data.ValueMappings{data.SpecialValueMapper{
			Match:  data.SpecialValueNull,
			Result: data.ValueMappingResult{Text: "no audit known", Color: "#808080"},
		}}
		return config
	},
}

// onlinePercent is how much of a window's audits the node answered; ok is false where
// there was none, which says nothing.
func onlinePercent(w storagenode.AuditWindowCount) (percent float64, ok bool) {
	if w.TotalCount <= 0 || w.Start.IsZero() {
		return 0, false
	}
	return 100 * float64(min(max(w.OnlineCount, 0), w.TotalCount)) / float64(w.TotalCount), true
}

// newestWindow is the newest window's part, if it is that of now or the one before: an
// older one says nothing of how the node is.
func newestWindow(history storagenode.AuditHistory, now time.Time) *float64 {
	for i := len(history.Windows) - 1; i >= 0; i-- {
		w := history.Windows[i]
		if now.Sub(w.Start) >= 2*storagenode.AuditWindow {
			break
		}
		if percent, ok := onlinePercent(w); ok {
			return &percent
		}
	}
	return nil
}

// recordWindows adds the windows that are not stored as they are now said: the running
// one changes, and those before it only where something was missed.
func recordWindows(node concern.Node, scores []storagenode.SatelliteScores, from *store.Store, into *store.Batch) error {
	group := node.StoredAs(windowsName)
	said := map[int64][]store.Sample{}
	for _, s := range scores {
		if !s.Contacted || s.Err != nil {
			continue
		}
		for _, w := range s.History.Windows {
			if percent, ok := onlinePercent(w); ok && from.Takes(group, w.Start.UnixMilli()) {
				said[w.Start.UnixMilli()] = append(said[w.Start.UnixMilli()], sample(onlineWindows, s.ID, percent))
			}
		}
	}
	if len(said) == 0 {
		return nil
	}
	times := make([]int64, 0, len(said))
	for at := range said {
		times = append(times, at)
	}
	slices.Sort(times)
	stored, err := from.Read(context.Background(), store.Range{Group: group, From: times[0], To: times[len(times)-1]})
	if err != nil {
		return err
	}
	numbers := make(map[store.Column]int, len(stored.Columns))
	for i, column := range stored.Columns {
		numbers[column] = i
	}
	for _, at := range times {
		row, known := slices.BinarySearch(stored.Times, at)
		news := slices.DeleteFunc(said[at], func(s store.Sample) bool {
			column, ok := numbers[s.Column]
			return known && ok && stored.Values[column][row] == s.Value
		})
		if len(news) > 0 {
			into.Add(group, at, news...)
		}
	}
	return nil
}

func (m metric) isOfWindows() bool { return m.column == onlineWindows }

// windowStep is the step of an answer that has windows alone: whole windows.
func windowStep(step time.Duration) time.Duration {
	window := storagenode.AuditWindow
	return max(window, (step + window - 1).Truncate(window))
}

// readWindows reads a node's windows onto the grid of an answer. On one finer than the
// windows each holds for as long as it is long. times nil makes the grid.
func (a answer) readWindows(ctx context.Context, node concern.Watched, times []int64, step time.Duration) (*store.Result, error) {
	window := storagenode.AuditWindow.Milliseconds()
	read := a.windowRange(node, a.request.From)
	read.Step, read.Aggregate = max(step.Milliseconds(), window), store.Min
	result, err := a.request.Store.Read(ctx, read)
	if err != nil || times == nil || step.Milliseconds() >= window {
		return result, err
	}
	held := &store.Result{Times: times, Columns: result.Columns}
	for _, values := range result.Values {
		spread := make([]float64, len(times))
		for i, at := range times {
			spread[i] = math.NaN()
			if j, ok := slices.BinarySearch(result.Times, at-at%window); ok {
				spread[i] = values[j]
			}
		}
		held.Values = append(held.Values, spread)
	}
	return held, nil
}

// lastWindow is each satellite's newest window before the end of a range that lies in the
// past, under the rules of newestWindow.
func (a answer) lastWindow(ctx context.Context, node concern.Watched) (*store.Result, error) {
	result, err := a.request.Store.Read(ctx, a.windowRange(node, a.request.To.Add(-2*storagenode.AuditWindow+time.Millisecond)))
	if err != nil {
		return nil, err
	}
	return lastRow(result), nil
}

func (a answer) windowRange(node concern.Watched, from time.Time) store.Range {
	return store.Range{
		Group:   node.StoredAs(windowsName),
		Columns: func(c store.Column) bool { return a.wantsSatellite(c.Label(satelliteLabel)) },
		From:    from.UnixMilli(), To: a.request.To.UnixMilli(),
	}
}
