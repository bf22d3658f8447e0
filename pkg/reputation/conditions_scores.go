package reputation

import (
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// What is judged of the scores with one satellite, and of what they were.

// threshold is a limit as the messages have it.
func threshold(percent float64) string { return fmt.Sprintf("(threshold: %.1f%%)", percent) }

// original is a condition of the original program, in its words: a score is below a limit.
type original struct {
	code     string
	severity conditions.Severity
	limit    float64
	title    string
	score    string
	advice   string
}

// below raises it where the finding's value, a score, is below the limit.
func (j *judging) below(f conditions.Finding, o original) {
	if !(f.Value < o.limit) {
		return
	}
	f.Code, f.Severity, f.Threshold, f.Title = o.code, o.severity, o.limit, o.title
	f.Message = fmt.Sprintf("%s score is %.2f%% %s. %s", o.score, f.Value, threshold(o.limit), o.advice)
	j.find(f)
}

func (j *judging) auditScore(s Standing, satellite string, limits settings.Thresholds) error {
	score := s.Audit
	finding := conditions.Finding{Satellite: s.SatelliteID, Value: score, Unit: "percent"}
	left := ""
	if score > 100*storagenode.AuditDisqualification {
		// A limit of the operator's own, in time: this may stand in the place of audit_risk.
		left = " " + j.budget(s) + " The satellite disqualifies at 96%, at once and for ever."
	}
	j.below(finding, original{codeAuditCritical, conditions.Critical, limits.AuditCritical, "Critical Audit Score on " + satellite, "Audit", "Risk of disqualification. Check disk health immediately." + left})
	j.below(finding, original{codeAuditWarning, conditions.Warning, limits.AuditWarning, "Low Audit Score on " + satellite, "Audit", "Monitor closely and check for issues." + left})
	f := finding
	f.Code = codeAuditRisk
	if score > limits.AuditRiskCritical && score >= max(limits.AuditRiskFalling, limits.AuditRiskWarning) {
		return nil // as nearly always: the past need not be read
	}
	past, err := j.past(auditScore, s.SatelliteID, 8*24*time.Hour)
	if err != nil {
		return err
	}
	switch {
	case score <= limits.AuditRiskCritical:
		f.Severity, f.Threshold = conditions.Critical, limits.AuditRiskCritical
	case score < limits.AuditRiskFalling && past.lower(score, 24*time.Hour):
		f.Severity, f.Threshold = conditions.Critical, limits.AuditRiskFalling
	case score < limits.AuditRiskWarning && past.lower(score, 7*24*time.Hour):
		f.Severity, f.Threshold = conditions.Warning, limits.AuditRiskWarning
	case past.knows(7 * 24 * time.Hour):
		return nil
	case score < limits.AuditRiskFalling: // it has fallen some time, perhaps just now
		f.Severity, f.Threshold = conditions.Warning, limits.AuditRiskFalling
	case score < limits.AuditRiskWarning:
		j.unseenAt(s.SatelliteID, fmt.Sprintf("the audit score on %s is %.2f%%, and what it was 7 days ago is not known yet: whether it falls cannot be told", satellite, score), codeAuditRisk)
		return nil
	default:
		return nil
	}
	f.Title = "Audit Score at Risk on " + satellite
	f.Message = fmt.Sprintf("Audit score is %.2f%% %s. %s The satellite disqualifies at 96%%, at once and for ever. Check the disk, its file system and its cables.",
		score, threshold(f.Threshold), j.budget(s))
	j.find(f)
	return nil
}

// budget says how many failed audits are left, and for how long at the last hour's rate.
func (j *judging) budget(s Standing) string {
	left, rate := int(s.FailedAuditsLeft()), len(j.audits.failedSince(s.SatelliteID, j.c.Now.Add(-time.Hour)))
	switch {
	case left == 0:
		return "No failed audit is left: the satellite disqualifies the node now, if it has not yet."
	case rate == 0:
		return fmt.Sprintf("%s left until disqualification.", plural(left, "failed audit"))
	}
	return fmt.Sprintf("%s left until disqualification, about %.1f hours at the last hour's rate.", plural(left, "failed audit"), float64(left)/float64(rate))
}

func (j *judging) suspensionScore(s Standing, satellite string, limits settings.Thresholds) {
	score := s.Suspension
	finding := conditions.Finding{Satellite: s.SatelliteID, Value: score, Unit: "percent"}
	j.below(finding, original{codeSuspensionCritical, conditions.Critical, limits.SuspensionCritical, "Critical Suspension Score on " + satellite, "Suspension", "Node may be suspended soon. Improve upload performance."})
	f := finding
	f.Code = codeSuspensionRisk
	switch {
	case score < limits.SuspensionRiskCritical:
		f.Severity, f.Threshold = conditions.Critical, limits.SuspensionRiskCritical
	case score < limits.SuspensionRiskWarning:
		f.Severity, f.Threshold = conditions.Warning, limits.SuspensionRiskWarning
	default:
		return
	}
	f.Title = "Suspension Score at Risk on " + satellite
	until := "At 60% it suspends the node, which is now."
	if left := unknownLeft(score / 100); left > 0 {
		until = fmt.Sprintf("At 60%% it suspends the node, after about %s.", plural(left, "more error"))
	}
	f.Message = fmt.Sprintf("Suspension score is %.2f%% %s: audits ended with errors that the satellite does not know. %s Look for errors of audits in the node's log, at the disk and at permissions.",
		score, threshold(f.Threshold), until)
	j.find(f)
}

// unknownLeft is how many unknown errors in a row suspend a node with this score (0..1).
func unknownLeft(score float64) int {
	left := 0
	for ; score > storagenode.SuspensionLimit; left++ {
		score *= 0.95
	}
	return left
}

func (j *judging) onlineScore(s Standing, satellite string, limits settings.Thresholds) error {
	score := s.Online
	finding := conditions.Finding{Satellite: s.SatelliteID, Value: score, Unit: "percent"}
	j.below(finding, original{codeOnlineWarning, conditions.Warning, limits.OnlineWarning, "Low Online Score on " + satellite, "Online", "Check network connectivity and uptime."})
	left := storagenode.DowntimeLeft(score / 100)
	low := score < limits.OnlineRiskCritical
	if !low {
		if left >= limits.DowntimeLeft {
			return nil
		}
		past, err := j.past(onlineScore, s.SatelliteID, 8*24*time.Hour)
		if err != nil || !past.lower(score, 24*time.Hour) {
			return err
		}
	}
	f := finding
	f.Code, f.Severity, f.Threshold = codeOnlineRisk, conditions.Critical, limits.OnlineRiskCritical
	if !low {
		f.Threshold = 100 * (storagenode.OnlineLimit + limits.DowntimeLeft.Seconds()/storagenode.TrackingPeriod.Seconds())
	}
	f.Title = "Offline Suspension Near on " + satellite
	recovers := "It recovers as offline days leave the last 30."
	if s.OnlineRecoversAt.After(j.c.Now) {
		recovers = fmt.Sprintf("It is above 95%% again on %s if the node stays online.", s.OnlineRecoversAt.UTC().Format("2006-01-02"))
	}
	suspends := span(left) + " of downtime left until the satellite suspends the node for being offline."
	if young := s.JoinedAt.Add(storagenode.TrackingPeriod); !s.JoinedAt.IsZero() && young.After(j.c.Now) {
		suspends += fmt.Sprintf(" It does not do so before %s, 30 days after the node joined.", young.UTC().Format("2006-01-02"))
	}
	f.Message = fmt.Sprintf("Online score is %.2f%% %s: %s %s Check power, network and port forwarding.",
		score, threshold(f.Threshold), suspends, recovers)
	j.find(f)
	return nil
}

// past is what a score with one satellite was.
type past struct {
	times  []int64
	values []float64
	now    time.Time
}

// past reads what was stored of a satellite for so long, hour by hour.
func (j *judging) past(metric, satellite string, reach time.Duration) (past, error) {
	wanted := store.NewColumn(metric, satelliteLabel, satellite)
	result, err := j.c.Store.Read(j.ctx, store.Range{
		Group: j.node.StoredAs(name), Columns: func(c store.Column) bool { return c == wanted },
		From: j.c.Now.Add(-reach).UnixMilli(), To: j.c.Now.UnixMilli(), Step: time.Hour.Milliseconds(), Aggregate: store.Last,
	})
	if err != nil || len(result.Columns) == 0 {
		return past{}, err
	}
	return past{times: result.Times, values: result.Values[0], now: j.c.Now}, nil
}

// at is what it was so long ago, or NaN.
func (p past) at(ago time.Duration) float64 {
	then := math.NaN()
	for i, v := range p.values {
		if p.times[i] > p.now.Add(-ago).UnixMilli() {
			break
		}
		if v == v {
			then = v
		}
	}
	return then
}

// knows says whether something is known from so long ago or before.
func (p past) knows(ago time.Duration) bool { return !math.IsNaN(p.at(ago)) }

// lower says whether a score is lower than it was so long ago. Where nothing that old is known,
// the oldest that is counts.
func (p past) lower(score float64, ago time.Duration) bool {
	then := p.at(ago)
	for i := 0; then != then && i < len(p.values); i++ {
		then = p.values[i]
	}
	return score < then-scoreRounding
}

// scoreRounding is by how much a score must differ to be another one, in percent.
const scoreRounding = 1e-6
