package upkeep

import (
	"context"
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const codeOrdersFailing = "orders_failing"

const (
	// leastFailures is how often it must have failed: it is tried each hour.
	leastFailures = 3
	// nothingOwed is after which time without another failure, while the log goes on, all is
	// settled: as long as there are orders, an attempt is made each hour, and fails or not.
	nothingOwed = 6 * time.Hour
	// attemptOver is after which time without another line an attempt that ended has not failed.
	attemptOver = time.Minute
)

// Conditions are what this concern raises.
func (Concern) Conditions() []conditions.Definition {
	return []conditions.Definition{{
		Code: codeOrdersFailing, Group: "traffic", Severities: []conditions.Severity{conditions.Warning, conditions.Critical}, NeedsNode: true,
		Title:  "Orders Not Settled with {satellite}",
		When:   "the last settlement of orders with the satellite is 24 hours old, and attempts since failed, 3 at least; critical after 40 hours; where no settlement is known, it counts from the first failure",
		Clears: "settled, or no failure for 6 hours while the log goes on",
		Do:     "Orders expire after a day or two, and their traffic is then not paid. Read the error, check the way to the satellite (firewall, DNS), the node's clock, and the disk with the orders folder.",
	}}
}

// Judge looks at the settlements of every node.
func (Concern) Judge(ctx context.Context, c conditions.Case) (conditions.Verdict, error) {
	var verdict conditions.Verdict
	for _, node := range c.Nodes {
		if err := ctx.Err(); err != nil {
			return conditions.Verdict{}, err
		}
		if why := unread(node, c.Now); why != "" {
			verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: codeOrdersFailing, History: node.History, Why: why, Gone: !node.Evidence.HasLog && node.State != concern.Stopped})
			continue
		}
		for _, s := range readOrders(c.Store, node.Node) {
			if f, ok := s.judge(node, c.Now); ok {
				verdict.Findings = append(verdict.Findings, f)
			}
		}
	}
	return verdict, nil
}

// unread is why nothing can be said of orders now, or "".
func unread(node concern.Watched, now time.Time) string {
	e := &node.Evidence
	why, mend := e.Blind(concern.AnyLine, now)
	late := node.Unread(now)
	switch {
	case node.State == concern.Stopped:
		return "this node is not watched: collecting is stopped"
	case why != "":
		return why + "; " + mend
	case late != "":
		return late
	case e.Level > storagenode.Error:
		return fmt.Sprintf("the log has no line below %s; set log.level: info in the node's config.yaml and restart the node", e.Level)
	}
	return ""
}

func (s *settling) judge(node concern.Watched, now time.Time) (f conditions.Finding, ok bool) {
	heard := node.Evidence.Last[concern.AnyLine]
	settled := s.Settled
	if s.Ended.After(settled) && (heard.Sub(s.Ended) > sameAttempt || now.Sub(s.Ended) > attemptOver) {
		settled = s.Ended
	}
	// What was not paid since the last settlement gets old, not what failed first.
	since, how := s.Since, "the first failure"
	if !settled.IsZero() && settled.Before(since) {
		since, how = settled, "the last that succeeded"
	}
	lasted, limits := now.Sub(since), node.Thresholds
	if !s.Failed.After(settled) || s.Failures < leastFailures || heard.Sub(s.Failed) > nothingOwed || lasted < limits.OrdersWarning {
		return f, false
	}
	satellite := storagenode.SatelliteName(s.Satellite)
	f = conditions.Finding{
		Code: codeOrdersFailing, History: node.History, Satellite: s.Satellite, Severity: conditions.Warning,
		Title: "Orders Not Settled with " + satellite,
		Value: lasted.Seconds(), Threshold: limits.OrdersWarning.Seconds(), Unit: "s", Since: since,
	}
	if lasted >= limits.OrdersCritical {
		f.Severity, f.Threshold = conditions.Critical, limits.OrdersCritical.Seconds()
	}
	before := ""
	if settled.IsZero() {
		before = " No settlement before is known."
	}
	reason := ""
	if s.Reason != "" {
		reason = " Last error: " + s.Reason + "."
	}
	f.Message = fmt.Sprintf("Node %s has not settled its orders with %s for %d hours, since %s at %s (threshold: %.4g hours); it failed %d times.%s%s "+
		"Orders expire after a day or two, and their traffic is then not paid. Check the way to the satellite, the node's clock and the disk with the orders folder.",
		node.Name, satellite, int(lasted.Hours()), how, since.UTC().Format("2006-01-02 15:04 UTC"), time.Duration(f.Threshold*float64(time.Second)).Hours(), s.Failures, before, reason)
	return f, true
}

var _ conditions.Judge = Concern{}
