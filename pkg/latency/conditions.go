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
		When:   "the 99th percentile of the successful transfers of 15 minutes, 20 at least, is 5 s or more: info; 10 s: warning; and 3 of them took that long (needs starts of transfers in the log, or the debug port)",
		Clears: "below again, or fewer than 20 transfers in 15 minutes",
		Do:     "Look at slow_operations, and at what else loads the disk: filewalkers, garbage collection, compactions, a rebuild, an SMR disk. Slow nodes lose races for downloads and, in the end, fail audits.",
	}}
}

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
	if why := lost(node, c.Store, c.Settings.Poll.Status, c.Now); why != "" {
		into.Unseen = append(into.Unseen, conditions.Unseen{Code: codeHigh, History: node.History, Why: why})
		return nil
	}
	// These numbers are read often, and tell of nearly every node that all is well. They are
	// exact: a part of the transfers took longer than a limit, or did not.
	result, err := c.Store.Read(ctx, store.Range{Group: node.StoredAs(name), From: c.Now.Add(-judgedTime).UnixMilli(), To: c.Now.UnixMilli()})
	if err != nil {
		return err
	}
	bySource := map[string]*numbers{loggedColumn: {}, polledColumn: {}}
	for i, column := range result.Columns {
		n := bySource[column.Label(sourceLabel)]
		if n == nil {
			continue
		}
		for _, v := range result.Values[i] {
			if v != v {
				continue
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
	}
	source := loggedColumn
	if !logTells(bySource[loggedColumn].count, bySource[polledColumn].count) {
		source = polledColumn
	}
	n := bySource[source]
	if n.count < judgedLeast || !n.reaches(n.slow) {
		return nil
	}
	limit, severity := node.Thresholds.LatencyInfo, conditions.Info
	if n.reaches(n.verySlow) {
		limit, severity = node.Thresholds.LatencyWarning, conditions.Warning
	}
	p99, err := recent(ctx, c, node, source)
	if err != nil {
		return err
	}
	p99 = max(p99, limit.Seconds()) // a bucket's middle can lie below
	into.Findings = append(into.Findings, conditions.Finding{
		Code: codeHigh, History: node.History, Severity: severity,
		Title: "Slow Transfers on " + node.Name,
		Message: fmt.Sprintf("The slowest hundredth of %d successful transfers in 15 minutes took %.1f seconds or longer (threshold: %.4g s). Check the load and the health of the disk.",
			n.count, p99, limit.Seconds()),
		Value: p99, Threshold: limit.Seconds(), Unit: "s",
	})
	return nil
}

// reaches says whether the percentile is among so many of the slowest.
func (n *numbers) reaches(slowest int64) bool {
	rank := int64(math.Ceil(judgedPart * float64(n.count)))
	return slowest >= slowLeast && slowest > n.count-rank
}

// recent is the percentile of the judged time.
func recent(ctx context.Context, c conditions.Case, node concern.Watched, source string) (float64, error) {
	result, err := c.Store.Histograms(ctx, store.Range{
		Group: node.StoredAs(name), From: c.Now.Add(-judgedTime).UnixMilli(), To: c.Now.UnixMilli(),
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
		since = "has not answered since " + at.UTC().Format("2006-01-02 15:04 UTC")
	}
	return fmt.Sprintf("the debug port %s %s; check debug.addr in the node's config.yaml, and that the node's API answers", node.Debug, since)
}

var _ conditions.Judge = Concern{}
