package reputation

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The codes of the conditions.
const (
	codeDisqualified       = "disqualified"
	codeSuspended          = "suspended"
	codeAuditCritical      = "audit_critical"
	codeAuditWarning       = "audit_warning"
	codeSuspensionCritical = "suspension_critical"
	codeOnlineWarning      = "online_warning"

	codeAuditFailed       = "audit_failed"
	codeAuditSlow         = "audit_slow"
	codeFellSilently      = "audit_score_fell_silently"
	codeAuditRisk         = "audit_risk"
	codeSuspensionRisk    = "suspension_risk"
	codeOnlineRisk        = "online_risk"
	codeVettingStuck      = "vetting_stuck"
	codeLostPieces        = "lost_pieces"
	groupEnd, groupAudits = "reputation", "audits"
	groupScores           = "scores"
)

// The scores that several conditions are about.
const (
	aboutAudit      = "audit"
	aboutSuspension = "suspension"
	aboutOnline     = "online"
)

var (
	onlyInfo          = []conditions.Severity{conditions.Info}
	onlyWarning       = []conditions.Severity{conditions.Warning}
	onlyCritical      = []conditions.Severity{conditions.Critical}
	warningOrCritical = []conditions.Severity{conditions.Warning, conditions.Critical}
)

// Conditions are what this concern raises. Of those about one score the gravest is raised; of
// equally grave ones the one that is raised already stays, or else the first is.
func (Concern) Conditions() []conditions.Definition {
	return []conditions.Definition{
		{
			Code: codeDisqualified, Group: groupEnd, Severities: []conditions.Severity{conditions.Info, conditions.Critical}, AtOnce: true,
			Title: "Node Disqualified on {satellite}",
			When:  "the satellite has disqualified the node (info where that was before the plugin first saw it)", Clears: "never; mute the satellite or retire the node",
			Do: "Nothing brings the node back to this satellite. Read the post-mortem for what led to it, before it happens with the next satellite, and mute the satellite.",
		},
		{
			Code: codeSuspended, Group: groupEnd, Severities: onlyCritical, AtOnce: true,
			Title: "Node Suspended on {satellite}",
			When:  "the satellite has suspended the node, for unknown audit errors or for being offline", Clears: "when it is lifted",
			Do: "For unknown errors: look for errors of audits in the node's log, at the disk and at permissions. For being offline: keep the node online; it has 7 days to come back and is reviewed for 30.",
		},
		{
			Code: codeAuditCritical, Group: groupScores, Score: aboutAudit, Severities: onlyCritical,
			Title: "Critical Audit Score on {satellite}", When: "audit score below 70 % (the satellite disqualifies at 96 %)", Clears: "above again",
			Do: "Check the disk and the file system at once.",
		},
		{
			Code: codeAuditRisk, Group: groupScores, Score: aboutAudit, Severities: warningOrCritical,
			Title: "Audit Score at Risk on {satellite}",
			When:  "audit score below 99.5 % and lower than 7 days ago: warning; below 98 % and falling, or 97 % or less: critical", Clears: "above again",
			Do: "Look for failed audits in the node's log, check the disk (SMART), its file system and its cables. At 96 % the node is disqualified for ever: stop it rather than let it fail.",
		},
		{
			Code: codeAuditWarning, Group: groupScores, Score: aboutAudit, Severities: onlyWarning,
			Title: "Low Audit Score on {satellite}", When: "audit score below 85 % (the satellite disqualifies at 96 %)", Clears: "above again",
			Do: "Check the disk and the file system at once.",
		},
		{
			Code: codeSuspensionCritical, Group: groupScores, Score: aboutSuspension, Severities: onlyCritical,
			Title: "Critical Suspension Score on {satellite}", When: "suspension score below 60 %, where the satellite suspends", Clears: "above again",
			Do: "Look for errors of audits in the node's log, at the disk and at permissions.",
		},
		{
			Code: codeSuspensionRisk, Group: groupScores, Score: aboutSuspension, Severities: warningOrCritical,
			Title: "Suspension Score at Risk on {satellite}", When: "suspension score below 95 %: warning; below 80 %: critical", Clears: "above again",
			Do: "Audits end with errors that the satellite does not know. Look for them in the node's log; at 60 % the node is suspended.",
		},
		{
			Code: codeOnlineRisk, Group: groupAudits, Score: aboutOnline, Severities: onlyCritical,
			Title: "Offline Suspension Near on {satellite}", When: "online score below 70 %, or less than 3 days of downtime left and falling", Clears: "above again",
			Do: "Keep the node online: check power, network, port forwarding and dynamic DNS. The score recovers as offline days leave the last 30.",
		},
		{
			Code: codeOnlineWarning, Group: groupAudits, Score: aboutOnline, Severities: onlyWarning,
			Title: "Low Online Score on {satellite}", When: "online score below 95 %", Clears: "above again",
			Do: "Find out why the node was offline. The score recovers as offline days leave the last 30.",
		},
		{
			Code: codeFellSilently, Group: groupAudits, Severities: onlyCritical,
			Title: "Audit Score Fell Without a Failure in the Log on {satellite}",
			When:  "the audit score fell and the log has no failed audit for it", Clears: "24 hours after the fall",
			Do: "The satellite timed out or got wrong data: check latency and load of the disk, SMART and the file system.", Event: true,
		},
		{
			Code: codeVettingStuck, Group: groupAudits, Severities: onlyInfo,
			Title: "Vetting Takes Long on {satellite}", When: "audits and age are reached and the node is not vetted for 14 days", Clears: "vetted",
			Do: "Nothing to do at the node; ask in the forum if it lasts.",
		},
		{
			Code: codeAuditFailed, Group: "failures", Severities: warningOrCritical, AtOnce: true, Event: true,
			Title: "Failed Audit on {satellite}", When: "an audit or a repair's download failed with an error of the node; critical from 3 in an hour", Clears: "24 hours after the last",
			Do: "Find the piece's error in the node's log. Check the disk (SMART), the file system and free memory; never delete or move pieces.",
		},
		{
			Code: codeAuditSlow, Group: "failures", Severities: warningOrCritical, AtOnce: true, Event: true,
			Title: "Slow Audit on {satellite}", When: "an audit took more than 60 s or had no end after 2 min (needs DEBUG); or many more audits than usual are canceled; critical from 2 in an hour", Clears: "6 hours after the last",
			Do: "The satellite gives up after some minutes, and asks again up to three times. Check the load and the health of the disk, SMR disks and swapping above all.",
		},
		{
			Code: codeLostPieces, Group: "failures", Severities: onlyCritical, AtOnce: true, Event: true,
			Title: "Pieces Lost, Reported to {satellite}", When: "the node reports lost pieces to the satellite", Clears: "7 days after the last",
			Do: "The node has noticed that pieces are gone. Check the disk and the file system; pieces that are lost fail their audits.",
		},
	}
}

// Judge looks at the standing of every node with every satellite, and at its audits.
func (Concern) Judge(ctx context.Context, c conditions.Case) (conditions.Verdict, error) {
	var verdict conditions.Verdict
	for _, node := range c.Nodes {
		latest, known, err := Read(c.Store, node.Node)
		if err != nil {
			return verdict, err
		}
		audits, err := ReadAudits(c.Store, node.Node)
		if err != nil {
			return verdict, err
		}
		j := judging{ctx: ctx, c: c, node: node, latest: latest, audits: audits, into: &verdict}
		if err := j.all(known); err != nil {
			return verdict, err
		}
	}
	return verdict, nil
}

// judging is one node's judgement.
type judging struct {
	ctx    context.Context
	c      conditions.Case
	node   concern.Watched
	latest Latest
	audits Audits
	into   *conditions.Verdict
}

var (
	scoreCodes = []string{
		codeDisqualified, codeSuspended, codeAuditCritical, codeAuditWarning, codeSuspensionCritical, codeOnlineWarning,
		codeAuditRisk, codeSuspensionRisk, codeOnlineRisk, codeVettingStuck,
	}
	// staleScores is after which time without any word the scores are not watched any more.
	staleScores = 8 * time.Hour
)

func (j *judging) all(known bool) error {
	now := j.c.Now
	if old := now.Sub(j.latest.newest()); !known || len(j.latest.Standings) == 0 || old > max(staleScores, 3*j.latest.Interval) {
		why := "collecting since " + clock(j.node.Since) + ", scores follow at the next poll"
		switch {
		case known && len(j.latest.Standings) > 0:
			why = "no scores since " + clock(j.latest.newest())
		case known:
			why = "no satellite has contacted this node yet, so that there are no scores"
		case j.node.Trouble != "" || j.node.Since.IsZero():
			why = "no satellite's scores are known yet"
		}
		if j.node.Trouble != "" {
			why += ": " + j.node.Trouble
		}
		j.unseen(why, scoreCodes...)
	}
	if why := j.onlyInTheAPI(); why != "" {
		j.unseen(why, codeDisqualified, codeSuspended, codeVettingStuck)
	}
	auditsWhy, auditsMend := j.node.Evidence.Blind(concern.AuditLines, now)
	if auditsWhy != "" {
		j.unseenInLog(auditsWhy+"; "+auditsMend, codeFellSilently)
		if !j.seesErrors() {
			j.unseenInLog(auditsWhy+"; "+auditsMend, codeAuditFailed)
		}
	}
	if why, mend := j.node.Evidence.Blind(concern.AnyLine, now); why != "" {
		j.unseenInLog(why+"; "+mend, codeLostPieces)
	} else if j.node.Evidence.Level > storagenode.Info {
		j.unseen(fmt.Sprintf("the log has no line below %s; set log.level: info", j.node.Evidence.Level), codeLostPieces)
	}
	for _, s := range j.latest.Standings {
		if Muted(j.node.Node, s.SatelliteID) {
			continue
		}
		if err := j.standing(s); err != nil {
			return err
		}
	}
	j.failures()
	j.losses()
	return j.slow(auditsWhy, auditsMend)
}

// seesErrors says whether a failed audit would be seen though none that succeeded is: its line
// is an ERROR, which a log has that is set to show only the grave ones.
func (j *judging) seesErrors() bool {
	e := j.node.Evidence
	return e.HasLog && e.Sees(concern.AnyLine, j.c.Now) && e.Level > storagenode.Info && e.Level <= storagenode.Error
}

// onlyInTheAPI is why what no line of the log says cannot be judged, or "".
func (j *judging) onlyInTheAPI() string {
	why := ""
	switch last := j.latest.At; {
	case last.IsZero():
		why = "the node's API has not told its standing yet: only that says whether a satellite has acted"
	case j.c.Now.Sub(last) > max(staleScores, 3*j.latest.Interval):
		why = "the node's API has not told its standing since " + clock(last)
	default:
		return ""
	}
	if j.node.Trouble != "" {
		why += ": " + j.node.Trouble
	}
	return why
}

func (j *judging) unseen(why string, codes ...string) {
	for _, code := range codes {
		j.into.Unseen = append(j.into.Unseen, conditions.Unseen{Code: code, History: j.node.History, Why: why})
	}
}

// unseenAt is of what cannot be judged at one satellite.
func (j *judging) unseenAt(satelliteID, why string, codes ...string) {
	for _, code := range codes {
		j.into.Unseen = append(j.into.Unseen, conditions.Unseen{Code: code, History: j.node.History, Satellite: satelliteID, Why: why})
	}
}

// unseenInLog is of what only a log tells: where none is given any more it cannot be. What
// happened before is found as long as it would be with a log.
func (j *judging) unseenInLog(why string, codes ...string) {
	for _, code := range codes {
		j.into.Unseen = append(j.into.Unseen, conditions.Unseen{Code: code, History: j.node.History, Why: why, Gone: !j.node.Evidence.HasLog})
	}
}

func (j *judging) find(f conditions.Finding) {
	f.History = j.node.History
	j.into.Findings = append(j.into.Findings, f)
}

// standing judges the scores with one satellite.
func (j *judging) standing(s Standing) error {
	satellite := storagenode.SatelliteName(s.SatelliteID)
	limits := j.node.Thresholds
	if s.Disqualified() {
		severity := conditions.Critical
		if s.DisqualifiedAt.Before(j.latest.First) {
			severity = conditions.Info
		}
		j.find(conditions.Finding{
			Code: codeDisqualified, Satellite: s.SatelliteID, Severity: severity,
			Title:   "Node Disqualified on " + satellite,
			Message: fmt.Sprintf("Node %s has been DISQUALIFIED on %s. This is permanent and cannot be reversed.", j.node.Name, satellite),
			Value:   1, Threshold: 0, Unit: "short", Since: s.DisqualifiedAt,
		})
		return nil // nothing more is to be saved with this satellite
	}
	if s.Suspended() || s.OfflineSuspended {
		j.find(conditions.Finding{
			Code: codeSuspended, Satellite: s.SatelliteID, Severity: conditions.Critical,
			Title:   "Node Suspended on " + satellite,
			Message: fmt.Sprintf("Node %s is currently SUSPENDED on %s. Improve performance immediately to avoid disqualification.", j.node.Name, satellite),
			Value:   1, Threshold: 0, Unit: "short", Since: s.SuspendedAt,
		})
	}
	if s.OfflineUnreadable && !s.Suspended() {
		j.unseenAt(s.SatelliteID, "whether "+satellite+" has suspended the node for being offline could not be read", codeSuspended)
	}
	if err := j.auditScore(s, satellite, limits); err != nil {
		return err
	}
	j.fellSilently(s, satellite)
	if !s.Suspended() {
		j.suspensionScore(s, satellite, limits)
	}
	if err := j.vetting(s, satellite); err != nil || s.OfflineSuspended {
		return err
	}
	return j.onlineScore(s, satellite, limits)
}

// threshold is a limit as the messages have it.
func threshold(percent float64) string { return fmt.Sprintf("(threshold: %.1f%%)", percent) }

func (j *judging) auditScore(s Standing, satellite string, limits settings.Thresholds) error {
	score := s.Audit
	finding := conditions.Finding{Satellite: s.SatelliteID, Value: score, Unit: "percent"}
	if score < limits.AuditCritical {
		f := finding
		f.Code, f.Severity, f.Threshold = codeAuditCritical, conditions.Critical, limits.AuditCritical
		f.Title = "Critical Audit Score on " + satellite
		f.Message = fmt.Sprintf("Audit score is %.2f%% %s. Risk of disqualification. Check disk health immediately.", score, threshold(limits.AuditCritical))
		j.find(f)
	}
	if score < limits.AuditWarning {
		f := finding
		f.Code, f.Severity, f.Threshold = codeAuditWarning, conditions.Warning, limits.AuditWarning
		f.Title = "Low Audit Score on " + satellite
		f.Message = fmt.Sprintf("Audit score is %.2f%% %s. Monitor closely and check for issues.", score, threshold(limits.AuditWarning))
		j.find(f)
	}
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
	left, rate := j.failuresLeft(s), len(j.audits.failedSince(s.SatelliteID, j.c.Now.Add(-time.Hour)))
	switch {
	case left == 0:
		return "No failed audit is left: the satellite disqualifies the node now, if it has not yet."
	case rate == 0:
		return fmt.Sprintf("%s left until disqualification.", plural(left, "failed audit"))
	}
	return fmt.Sprintf("%s left until disqualification, about %.1f hours at the last hour's rate.", plural(left, "failed audit"), float64(left)/float64(rate))
}

// failuresLeft counts, beside the score, the failures that the log shows and the score cannot
// know yet: it comes every 4 hours.
func (j *judging) failuresLeft(s Standing) int {
	since := s.HeardAt
	if s.Timestamp.Sub(since) > 3*scoreDelay {
		since = s.Timestamp.Add(-scoreDelay) // the log does not tell the scores, or not any more
	}
	unknown := j.audits.countedBetween(s.SatelliteID, since, j.c.Now.Add(maxAhead))
	return storagenode.FailedAuditsLeft(s.Audit / 100 * math.Pow(storagenode.AuditLambda, float64(unknown)))
}

// scoreDelay is how old a score can be when the node says it.
const scoreDelay = 4*time.Hour + 5*time.Minute

func (j *judging) suspensionScore(s Standing, satellite string, limits settings.Thresholds) {
	score := s.Suspension
	finding := conditions.Finding{Satellite: s.SatelliteID, Value: score, Unit: "percent"}
	if score < limits.SuspensionCritical {
		f := finding
		f.Code, f.Severity, f.Threshold = codeSuspensionCritical, conditions.Critical, limits.SuspensionCritical
		f.Title = "Critical Suspension Score on " + satellite
		f.Message = fmt.Sprintf("Suspension score is %.2f%% %s. Node may be suspended soon. Improve upload performance.", score, threshold(limits.SuspensionCritical))
		j.find(f)
	}
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
	if score < limits.OnlineWarning {
		f := finding
		f.Code, f.Severity, f.Threshold = codeOnlineWarning, conditions.Warning, limits.OnlineWarning
		f.Title = "Low Online Score on " + satellite
		f.Message = fmt.Sprintf("Online score is %.2f%% %s. Check network connectivity and uptime.", score, threshold(limits.OnlineWarning))
		j.find(f)
	}
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

// vettingPatience is for how long vetting may take once audits and age are reached.
const vettingPatience = 14 * 24 * time.Hour

func (j *judging) vetting(s Standing, satellite string) error {
	age := j.c.Now.Sub(s.JoinedAt)
	if !s.VettedAt.IsZero() || s.JoinedAt.IsZero() || s.VettingUnreadable || age < storagenode.VettingAge+vettingPatience {
		return nil
	}
	if s.TotalAudits == 0 {
		j.unseenAt(s.SatelliteID, "how many audits the node has had with "+satellite+" only its log says", codeVettingStuck)
		return nil
	}
	if s.TotalAudits < storagenode.VettingAudits {
		return nil
	}
	past, err := j.past(totalAudits, s.SatelliteID, vettingPatience+3*24*time.Hour)
	if err != nil || !(past.at(vettingPatience) >= storagenode.VettingAudits) {
		return err // it has had enough of them for less, or nobody knows
	}
	j.find(conditions.Finding{
		Code: codeVettingStuck, Satellite: s.SatelliteID, Severity: conditions.Info, Title: "Vetting Takes Long on " + satellite,
		Message: fmt.Sprintf("Node %s has %d audits and is %d days with %s, and is still not vetted. There is nothing to do at the node; ask in the forum if it lasts.", j.node.Name, s.TotalAudits, int(age.Hours()/24), satellite),
		Value:   float64(s.TotalAudits), Threshold: storagenode.VettingAudits, Unit: "short",
	})
	return nil
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// span is a time for people, in days and hours.
func span(d time.Duration) string {
	hours := int(d.Round(time.Hour) / time.Hour)
	switch {
	case hours < 1:
		return "less than an hour"
	case hours < 24:
		return "about " + plural(hours, "hour")
	case hours%24 == 0:
		return "about " + plural(hours/24, "day")
	}
	return "about " + plural(hours/24, "day") + " " + plural(hours%24, "hour")
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
