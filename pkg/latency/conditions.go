package latency

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// codeHigh is the code of the condition.
const codeHigh = "latency_high"

// Over how many of the transfers it is judged whether the slowest hundredth is too slow. What
// is too slow the settings say; it is counted when it happens, by what they say then.
const (
	judgedTime  = 15 * time.Minute
	judgedLeast = 20
	judgedPart  = 0.99
	// slowLeast is how many must be that slow: of fewer than a hundred transfers the
	// slowest hundredth is a single one, and one that was slow says nothing of a node.
	slowLeast = 3
)

// Conditions are what this concern raises.
func (Concern) Conditions() []conditions.Definition {
	return []conditions.Definition{{
		Code: codeHigh, Group: "performance", Severities: []conditions.Severity{conditions.Info, conditions.Warning},
		Title:  "Slow Transfers on {node}",
		When:   "the 99th percentile of the successful transfers of 15 minutes, 20 at least, is 5 s or more: info; 10 s: warning; at least 3 of them took that long (needs starts of transfers in the log, or the debug port; one that is asked less often than every 10 minutes is judged over one and a half times that)",
		Clears: "below again, or fewer than 20 transfers in that time",
		Do:     "Look at slow_operations, and at what else loads the disk: filewalkers, garbage collection, compactions, a rebuild, an SMR disk. Slow nodes lose races for downloads and, in the end, fail audits.",
	}}
}

// judgedPort is over how long a debug port is judged: there is an answer in it, even where that is
// rarer than every 15 minutes.
func judgedPort(interval time.Duration) time.Duration { return max(judgedTime, interval+interval/2) }

// Judge looks at the last 15 minutes of every node. A node that never said how long its
// transfers take is not judged, and not missed: few need it.
func (Concern) Judge(ctx context.Context, c conditions.Case) (conditions.Verdict, error) {
	var verdict conditions.Verdict
	for _, node := range c.Nodes {
		if err := judge(ctx, c, node, &verdict); err != nil {
			return verdict, err
		}
	}
	return verdict, nil
}

func judge(ctx context.Context, c conditions.Case, node concern.Watched, into *conditions.Verdict) error {
	interval := c.Settings.Poll.Shortest()
	if why := lost(node, c.Store, interval, c.Now); why != "" {
		into.Unseen = append(into.Unseen, conditions.Unseen{Code: codeHigh, History: node.History, Why: why})
		return nil
	}
	portTime := judgedTime
	if node.Debug != "" {
		portTime = judgedPort(interval)
	}
	// These numbers are read often, and tell of nearly every node that all is well. Those of the
	// log are exact: a part of the transfers took longer than a limit, or did not.
	result, err := c.Store.Read(ctx, store.Range{Group: node.StoredAs(name), From: c.Now.Add(-portTime).UnixMilli(), To: c.Now.UnixMilli()})
	if err != nil {
		return err
	}
	all := map[string]*numbers{loggedColumn: {}, polledColumn: {}} // of the debug port's time
	logged := &numbers{}
	for i, column := range result.Columns {
		source := column.Label(sourceLabel)
		if all[source] == nil {
			continue
		}
		for j, v := range result.Values[i] {
			all[source].addColumn(column, v)
			if source == loggedColumn && result.Times[j] >= c.Now.Add(-judgedTime).UnixMilli() {
				logged.addColumn(column, v)
			}
		}
	}
	source, n, span := loggedColumn, logged, judgedTime
	if !logTells(all[loggedColumn].count, all[polledColumn].count) {
		source, n, span = polledColumn, all[polledColumn], portTime
	}
	if n.count < judgedLeast || !n.reaches(n.slow) {
		return nil
	}
	limit, severity := node.Thresholds.LatencyInfo, conditions.Info
	if n.reaches(n.verySlow) {
		limit, severity = node.Thresholds.LatencyWarning, conditions.Warning
	}
	p99, err := recent(ctx, c, node, source, span)
	if err != nil {
		return err
	}
	p99 = max(p99, limit.Seconds()) // a bucket's middle can lie below
	estimated := ""
	if source == polledColumn {
		estimated = ", as is estimated from its debug port"
	}
	into.Findings = append(into.Findings, conditions.Finding{
		Code: codeHigh, History: node.History, Severity: severity,
		Title: "Slow Transfers on " + node.Name,
		Message: fmt.Sprintf("The slowest hundredth of %d successful transfers in %s took %.1f seconds or longer%s (threshold: %.4g s). Check the load and the health of the disk.",
			n.count, lasting(span), p99, estimated, limit.Seconds()),
		Value: p99, Threshold: limit.Seconds(), Unit: "s",
	})
	return nil
}

// addColumn adds a stored value of a column.
func (n *numbers) addColumn(column store.Column, v float64) {
	if v != v {
		return
	}
	switch column.Metric() {
	case countColumn:
		n.count += int64(v)
	case slowColumn:
		n.slow += int64(v)
	case verySlowColumn:
		n.verySlow += int64(v)
	}
}

// reaches says whether the percentile is among so many of the slowest.
func (n *numbers) reaches(slowest int64) bool {
	rank := int64(math.Ceil(judgedPart * float64(n.count)))
	return slowest >= slowLeast && slowest > n.count-rank
}

// recent is the percentile of the last time, so long.
func recent(ctx context.Context, c conditions.Case, node concern.Watched, source string, span time.Duration) (float64, error) {
	result, err := c.Store.Histograms(ctx, store.Range{
		Group: node.StoredAs(name), From: c.Now.Add(-span).UnixMilli(), To: c.Now.UnixMilli(),
		Columns: func(column store.Column) bool { return column.Metric() == source },
	}, func(store.Column) store.Column { return "" })
	if err != nil {
		return 0, err
	}
	all := &store.Histogram{}
	for _, values := range result.Values {
		for _, h := range values {
			if h != nil {
				all.Merge(h)
			}
		}
	}
	return all.Quantile(judgedPart) * unit.Seconds(), nil
}

// lost is why durations that could be seen once cannot be seen now, or "".
func lost(node concern.Watched, from *store.Store, interval time.Duration, now time.Time) string {
	why, mend := node.Evidence.Blind(concern.StartLines, now)
	switch {
	case why == "":
		return ""
	case node.Debug != "":
		if why := silent(node, from, interval, now); why != "" {
			return why
		}
		return ""
	case node.Evidence.Last[concern.StartLines].IsZero():
		return "" // never
	}
	return why + "; " + mend
}

// silent is why a debug port that is configured gives nothing, or "".
func silent(node concern.Watched, from *store.Store, interval time.Duration, now time.Time) string {
	at := readPolled(from, node.Node).At
	if now.Sub(at) <= max(3*interval, judgedTime) {
		return ""
	}
	since := "has not answered yet"
	if !at.IsZero() {
		since = "has not answered since " + clock(at)
	}
	return fmt.Sprintf("the debug port %s %s; check debug.addr in the node's config.yaml, and that the node's API answers", node.Debug, since)
}

var _ conditions.Judge = Concern{}
