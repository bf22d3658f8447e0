package reputation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// How long what happened is told.
const (
	failureLasts = 24 * time.Hour
	slowLasts    = 6 * time.Hour
	lossLasts    = 7 * 24 * time.Hour
	slowCritical = 2 // slow audits in an hour
)

// satellites are those of a node's audits, each once.
func satellites[T any](all []T, of func(T) string) []string {
	var names []string
	seen := map[string]bool{}
	for _, one := range all {
		if name := of(one); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// failures judges the audits that failed.
func (j *judging) failures() {
	for _, id := range satellites(j.audits.Failed, func(a Audit) string { return a.Satellite }) {
		failed := onePerPiece(j.audits.failedSince(id, j.c.Now.Add(-failureLasts)))
		if len(failed) == 0 {
			continue
		}
		last, satellite := failed[len(failed)-1], storagenode.SatelliteName(id)
		critical := j.node.Thresholds.AuditsFailedCritical
		severity, limit := conditions.Warning, 0
		if j.worstHour(failed) >= critical {
			severity, limit = conditions.Critical, critical
		}
		left := "The score is not known: how many are left until disqualification cannot be told."
		if standing := j.latest.standing(id); standing != nil {
			if standing.Disqualified() {
				continue // nothing more is to be lost there
			}
			left = j.budget(*standing)
		}
		j.find(conditions.Finding{
			Code: codeAuditFailed, Satellite: id, Severity: severity, Title: "Failed Audit on " + satellite,
			Message: fmt.Sprintf("%s of %s failed on node %s in the last 24 hours, the last at %s: %s of piece %s: %s. %s Check the disk and the file system; never delete or move pieces.",
				plural(len(failed), "audit"), satellite, j.node.Name, clock(last.last()), last.Action, last.Piece, last.Reason, left),
			Value: float64(len(failed)), Threshold: float64(limit), Unit: "short", Since: firstOf(failed), Last: last.last(),
		})
	}
}

// onePerPiece leaves of the audits of one piece the last.
func onePerPiece(failed []Audit) []Audit {
	last := map[string]int{}
	for i, f := range failed {
		last[f.Piece] = i
	}
	var one []Audit
	for i, f := range failed {
		if last[f.Piece] == i {
			one = append(one, f)
		}
	}
	return one
}

// firstOf is when the first of some audits went wrong.
func firstOf(all []Audit) time.Time {
	return slices.MinFunc(all, func(a, b Audit) int { return a.At.Compare(b.At) }).At
}

// worstHour is the most that came within one hour. What was once critical stays so until it
// clears.
func (j *judging) worstHour(all []Audit) int {
	most := 0
	for i := range all {
		n := 0
		for _, other := range all {
			if after := other.At.Sub(all[i].At); after >= 0 && after < time.Hour {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// losses judges what the node reported as lost.
func (j *judging) losses() {
	for _, id := range satellites(j.audits.Lost, func(l Loss) string { return l.Satellite }) {
		var pieces int64
		var first, last Loss
		for _, loss := range j.audits.Lost {
			if loss.Satellite != id || j.c.Now.Sub(loss.At) >= lossLasts {
				continue
			}
			if pieces == 0 {
				first = loss
			}
			pieces += loss.Pieces
			last = loss
		}
		if pieces == 0 {
			continue
		}
		satellite := storagenode.SatelliteName(id)
		share := fmt.Sprintf("%d of them ", last.Pieces)
		switch pieces {
		case 1:
			share = ""
		case last.Pieces:
			share = "all of them "
		}
		j.find(conditions.Finding{
			Code: codeLostPieces, Satellite: id, Severity: conditions.Critical, Title: "Pieces Lost, Reported to " + satellite,
			Message: fmt.Sprintf("Node %s reported %s to %s in the last 7 days, %son %s. Lost pieces fail their audits: check the disk and the file system.",
				j.node.Name, plural(int(pieces), "lost piece"), satellite, share, last.At.UTC().Format("2006-01-02")),
			Value: float64(pieces), Unit: "short", Since: first.At, Last: last.At,
		})
	}
}

// fellSilently judges falls of the audit score that no failed audit in the log explains.
func (j *judging) fellSilently(s Standing, satellite string) error {
	for i := len(s.Falls) - 1; i >= 0; i-- {
		fall := s.Falls[i]
		from := fall.Since.Add(-scoreDelay - countDelay)
		if j.c.Now.Sub(fall.At) >= fallsKept || !j.node.Evidence.HasLog || j.audits.countedBetween(s.SatelliteID, from, fall.At) > 0 {
			continue
		}
		unseen, err := j.unseenPart(from, fall.At)
		if err != nil {
			return err
		}
		if unseen != "" {
			j.unseenAt(s.SatelliteID, fmt.Sprintf("the audit score on %s fell from %.2f%% to %.2f%% by %s, but the log %s: whether it has a failed audit for that cannot be told",
				satellite, fall.From, fall.To, clock(fall.At), unseen), codeFellSilently)
			continue
		}
		j.find(conditions.Finding{
			Code: codeFellSilently, Satellite: s.SatelliteID, Severity: conditions.Critical, Title: "Audit Score Fell Without a Failure in the Log on " + satellite,
			Message: fmt.Sprintf("The audit score of node %s on %s fell from %.2f%% to %.2f%%, and its log has no failed audit. The satellite timed out or got wrong data. %s Check latency and load of the disk, SMART and the file system.",
				j.node.Name, satellite, fall.From, fall.To, j.budget(s)),
			Value: fall.To, Threshold: fall.From, Unit: "percent", Since: fall.At, Last: fall.At,
		})
		return nil
	}
	return nil
}

// longestPause is how long a log may have no transfer while audits are seen in it. A node has
// some every minute; one that has less is not judged by the silence of its log.
const longestPause = time.Hour

// unseenPart is which part of a time the log does not show audits of, or "".
func (j *judging) unseenPart(from, to time.Time) (string, error) {
	if newest := j.node.Evidence.Last[concern.AnyLine]; newest.Before(to) {
		return fmt.Sprintf("is read up to %s only", clock(newest)), nil
	}
	result, err := j.c.Store.Read(j.ctx, store.Range{
		Group: j.node.StoredAs(auditsName), From: from.Truncate(auditSlot).UnixMilli(), To: to.UnixMilli(),
		Columns: func(c store.Column) bool { return c == transfersSeen },
	})
	if err != nil {
		return "", err
	}
	var slots []time.Time
	if len(result.Columns) > 0 {
		for i, v := range result.Values[0] {
			if v > 0 {
				slots = append(slots, time.UnixMilli(result.Times[i]))
			}
		}
	}
	seen := from // up to here
	for _, begins := range append(slots, to) {
		if begins.Sub(seen) >= longestPause {
			return fmt.Sprintf("had no transfer from %s to %s", clock(seen), clock(begins)), nil
		}
		seen = begins.Add(auditSlot)
	}
	return "", nil
}

// slow judges audits that take too long, or where the log does not say when they begin, a share
// of canceled ones that is far above the usual.
func (j *judging) slow(blind, mend string) error {
	now := j.c.Now
	if startsWhy, _ := j.node.Evidence.Blind(concern.StartLines, now); startsWhy == "" {
		j.slowOnes()
		return nil
	}
	if blind != "" {
		j.unseenInLog(blind+"; "+mend, codeAuditSlow)
	}
	j.slowOnes() // those from before the level was changed, and those whose line has a duration
	return j.canceledOften()
}

// canceledOften judges the hours that ended in the last 6 hours: whether so many audits were
// canceled that the satellites may be giving up.
func (j *judging) canceledOften() error {
	now, limits := j.c.Now, j.node.Thresholds
	recent, err := j.audited(now.Add(-slowLasts-time.Hour), now)
	if err != nil || !slices.ContainsFunc(recent.times, func(at int64) bool { return recent.hour(at).often(limits) }) {
		return err // as nearly always: the week need not be read
	}
	week, err := j.audited(now.Add(-7*24*time.Hour-slowLasts), now)
	if err != nil {
		return err
	}
	slots := recent.times
	for i := len(slots) - 1; i >= 0; i-- {
		ends := time.UnixMilli(slots[i]).Add(auditSlot)
		hour := week.hour(slots[i])
		if !hour.often(limits) || now.Sub(ends) >= slowLasts {
			continue
		}
		usual := week.between(ends.Add(-7*24*time.Hour).UnixMilli(), ends.Add(-time.Hour).UnixMilli())
		if usual.ended < float64(limits.AuditsCanceledLeast) {
			j.unseen("many audits are canceled, but how many usually are is not known yet; log.level: debug would show which are slow", codeAuditSlow)
			return nil
		}
		if hour.share() < limits.AuditsCanceledTimes*usual.share() {
			continue
		}
		if ends.After(now) {
			ends = now
		}
		j.find(conditions.Finding{
			Code: codeAuditSlow, Severity: conditions.Warning, Title: "Audits Are Canceled on " + j.node.Name,
			Message: fmt.Sprintf("%.0f of %.0f audits of node %s were canceled in the hour until %s (%.0f%%, usually %.0f%%): the satellites may be giving up on slow answers. Check the load and the health of the disk; log.level: debug would show which are slow.",
				hour.canceled, hour.ended, j.node.Name, clock(ends), 100*hour.share(), 100*usual.share()),
			Value: 100 * hour.share(), Threshold: limits.AuditsCanceled, Unit: "percent",
			Since: time.UnixMilli(slots[i]).UTC(), Last: time.UnixMilli(slots[i]).UTC(),
		})
		return nil
	}
	return nil
}

// auditCounts are the audits that ended, by slot.
type auditCounts struct {
	times           []int64
	ended, canceled []float64
}

// counted are the audits of a time.
type counted struct{ ended, canceled float64 }

func (c counted) share() float64 {
	if c.ended == 0 {
		return 0
	}
	return c.canceled / c.ended
}

// often says whether there were enough of them, and many were canceled.
func (c counted) often(limits settings.Thresholds) bool {
	return c.ended >= float64(limits.AuditsCanceledLeast) && 100*c.share() >= limits.AuditsCanceled
}

// hour is the hour that a slot ends.
func (a auditCounts) hour(slot int64) counted {
	end := slot + auditSlot.Milliseconds()
	return a.between(end-time.Hour.Milliseconds(), end)
}

// between are the slots that begin in a time.
func (a auditCounts) between(from, to int64) (c counted) {
	for i, at := range a.times {
		if at >= from && at < to {
			c.ended += a.ended[i]
			c.canceled += a.canceled[i]
		}
	}
	return c
}

// readToItsEnd is how much of a log, in bytes, may be unread while it says what is so now: some
// lines are always under way.
const readToItsEnd = 64 << 10

// onTheWay is how long a line may take from the node to here, through a forwarder.
const onTheWay = time.Minute

// unfinished are the audits that should have ended by now, of a log that says nothing more: the
// ear waits for another line. A process that is gone has none under way, so its API must have
// answered since; and the node's clock may be off as far as nobody is told of it.
func (j *judging) unfinished() []Audit {
	if j.node.LogTrouble != "" || j.node.LogBehind > readToItsEnd {
		return nil
	}
	var found []Audit
	for _, open := range j.audits.Open {
		late := open.At.Add(unfinishedAfter)
		patience := late.Add(j.node.Thresholds.ClockSkew + onTheWay)
		if open.Told || j.c.Now.Before(patience) || j.c.Now.Sub(open.At) > 24*time.Hour || j.node.Answered.Before(patience) {
			continue
		}
		found = append(found, Audit{At: late, Satellite: open.Satellite, Action: open.Action, Piece: open.Piece, Seconds: unfinishedAfter.Seconds(), Open: true})
	}
	return found
}

// slowOnes judges the audits that are known to be slow.
func (j *judging) slowOnes() {
	var recent []Audit
	for _, slow := range append(j.unfinished(), j.audits.Slow...) {
		if j.c.Now.Sub(slow.At) < slowLasts {
			recent = append(recent, slow)
		}
	}
	slices.SortStableFunc(recent, func(a, b Audit) int { return a.At.Compare(b.At) })
	for _, id := range satellites(recent, func(a Audit) string { return a.Satellite }) {
		var own []Audit
		for _, slow := range recent {
			if slow.Satellite == id {
				own = append(own, slow)
			}
		}
		last, satellite := own[len(own)-1], storagenode.SatelliteName(id)
		severity := conditions.Warning
		if j.worstHour(own) >= slowCritical {
			severity = conditions.Critical
		}
		took := fmt.Sprintf("took %.0f seconds", last.Seconds)
		if last.Open {
			took = "had no end after 2 minutes"
		}
		j.find(conditions.Finding{
			Code: codeAuditSlow, Satellite: id, Severity: severity, Title: "Slow Audit on " + satellite,
			Message: fmt.Sprintf("%s of %s in the last 6 hours on node %s: the last, a %s of piece %s, %s. After some minutes the satellite gives up, asks again up to three times, and then it is a failure. Check the load and the health of the disk.",
				plural(len(own), "slow audit"), satellite, j.node.Name, last.Action, last.Piece, took),
			Value: last.Seconds, Threshold: j.node.Thresholds.AuditSlow.Seconds(), Unit: "s", Since: own[0].At, Last: last.At,
		})
	}
}

// audited counts the audits that ended, and that were canceled, in a time.
func (j *judging) audited(from, to time.Time) (auditCounts, error) {
	result, err := j.c.Store.Read(j.ctx, store.Range{
		Group: j.node.StoredAs(auditsName), From: from.Truncate(auditSlot).UnixMilli(), To: to.UnixMilli(),
		Columns: func(c store.Column) bool { return c == endedAudits || c == canceledAudits },
	})
	if err != nil {
		return auditCounts{}, err
	}
	counts := auditCounts{times: result.Times, ended: make([]float64, len(result.Times)), canceled: make([]float64, len(result.Times))}
	for i, column := range result.Columns {
		into := counts.ended
		if column == canceledAudits {
			into = counts.canceled
		}
		for row, v := range result.Values[i] {
			if v == v {
				into[row] = v
			}
		}
	}
	return counts, nil
}

// Testify tells of the scores and of the audits of a time.
func (Concern) Testify(ctx context.Context, c conditions.Case, node concern.Node, satellite string, from, to time.Time) ([]conditions.Exhibit, error) {
	scores := conditions.Exhibit{Title: "Scores"}
	result, err := c.Store.Read(ctx, store.Range{
		Group: node.StoredAs(name), From: from.UnixMilli(), To: to.UnixMilli(), Step: (6 * time.Hour).Milliseconds(), Aggregate: store.Min,
		Columns: func(column store.Column) bool { return column.Label(satelliteLabel) == satellite },
	})
	if err != nil {
		return nil, err
	}
	for i, at := range result.Times {
		line := time.UnixMilli(at).UTC().Format("2006-01-02 15:04 UTC")
		told := false
		for _, metric := range []string{auditScore, suspensionScore, onlineScore} {
			for c, column := range result.Columns {
				if v := result.Values[c][i]; column.Metric() == metric && v == v {
					line += fmt.Sprintf("  %s %.2f%%", map[string]string{auditScore: "audit", suspensionScore: "suspension", onlineScore: "online"}[metric], v)
					told = true
				}
			}
		}
		if told {
			scores.Lines = append(scores.Lines, line)
		}
	}
	audits, err := ReadAudits(c.Store, node)
	if err != nil {
		return nil, err
	}
	failed := conditions.Exhibit{Title: "Failed audits"}
	for _, f := range audits.failedSince(satellite, from) {
		at := f.At
		if !at.After(from) {
			at = f.Again
		}
		if !at.After(to) {
			failed.Lines = append(failed.Lines, fmt.Sprintf("%s  %s  %s  %s", clock(at), f.Action, f.Piece, f.Reason))
		}
	}
	slow := conditions.Exhibit{Title: "Slow audits"}
	for _, s := range audits.Slow {
		if s.Satellite == satellite && s.At.After(from) && !s.At.After(to) {
			slow.Lines = append(slow.Lines, fmt.Sprintf("%s  %s  %s  %.0f s", clock(s.At), s.Action, s.Piece, s.Seconds))
		}
	}
	return []conditions.Exhibit{scores, failed, slow}, nil
}
