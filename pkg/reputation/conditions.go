package reputation

import (
	"context"
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
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
			When:  "the audit score fell and the log, which was seen all that time, has no failed audit for it", Clears: "24 hours after the fall",
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
		latest.count(audits, c.Now)
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
	if why := j.node.Unread(now); why != "" && j.node.Quiet(now) {
		// A start, or a forwarder that comes back, misses a moment only: that is not worth a word.
		j.unseenInLog(why, codeAuditFailed, codeAuditSlow, codeFellSilently, codeLostPieces)
	}
	auditsWhy, auditsMend := j.node.Evidence.Blind(concern.AuditLines, now)
	if auditsWhy != "" {
		j.unseenInLog(auditsWhy+"; "+auditsMend, codeFellSilently)
		if !j.seesErrors() {
			j.unseenInLog(auditsWhy+"; "+auditsMend, codeAuditFailed)
		}
	} else if hidden, err := j.hidden(); err != nil {
		return err
	} else if hidden != "" {
		j.unseenInLog(hidden, codeAuditFailed, codeAuditSlow, codeFellSilently)
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

// hidden is why audits are not seen though their lines were within a day, or "". That a node has
// transfers of which its log says nothing is found elsewhere, and told as "blind".
func (j *judging) hidden() (string, error) {
	last := j.node.Evidence.Last[concern.TransferLines]
	if j.c.Now.Sub(last) < longestPause {
		return "", nil // as nearly always: what is told need not be read
	}
	record, _, err := conditions.Recall(j.c.Store, j.node.History)
	if err != nil {
		return "", err
	}
	for _, state := range record.States {
		if state.Code == conditions.Blind && state.Severity > conditions.OK && state.Value == 0 {
			return fmt.Sprintf("the log has had no transfer since %s, though the node has some; the condition %s says what to change", clock(last), conditions.Blind), nil
		}
	}
	return "", nil
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
	if err := j.fellSilently(s, satellite); err != nil {
		return err
	}
	if !s.Suspended() {
		j.suspensionScore(s, satellite, limits)
	}
	if err := j.vetting(s, satellite); err != nil || s.OfflineSuspended {
		return err
	}
	return j.onlineScore(s, satellite, limits)
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
		Message: fmt.Sprintf("Node %s has had %d audits and has been with %s for %d days, and is still not vetted. There is nothing to do at the node; ask in the forum if it lasts.", j.node.Name, s.TotalAudits, satellite, int(age.Hours()/24)),
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
