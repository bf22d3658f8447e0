package traffic

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The codes of the conditions.
const (
	codeNoTraffic      = "no_traffic"
	codeUploadRejected = "upload_rejected"
)

const (
	// usualOperations is how many operations make a time of the day one with traffic.
	usualOperations = 30
	// usualDays is on how many days before there must have been that many.
	usualDays = 7

	// rejectedHours are looked at for what is more than an hour's trouble.
	rejectedHours = 6
)

// Conditions are what this concern raises.
func (Concern) Conditions() []conditions.Definition {
	return []conditions.Definition{
		{
			Code: codeNoTraffic, Group: name, Severities: []conditions.Severity{conditions.Warning}, NeedsNode: true,
			Title: "No Traffic",
			When:  "no transfer ended for 2 hours, though each of the 7 days before had 30 downloads, repairs and audits or more at this time of the day; that only uploads stay away is nothing: a full node has none", Clears: "traffic",
			Do: "Check the port forwarding (TCP and UDP), the firewall, and that contact.external-address is the address under which the node is reached; then the node's log.",
		},
		{
			Code: codeUploadRejected, Group: name, Severities: []conditions.Severity{conditions.Info, conditions.Warning}, NeedsNode: true,
			Title: "Uploads Rejected",
			When:  "more than 10 % and more than 100 of the uploads of 1 hour were rejected because there were too many at once; warning when it was more than 50 % in each of 6 hours", Clears: "below",
			Do: "The disk does not keep up, or storage2.max-concurrent-requests in the node's config.yaml is low: look at the load of the disk, and raise the limit only where the disk has time.",
		},
	}
}

// Judge looks at the traffic of every node. Of a node with traffic it reads the tens of minutes
// of one hour, and nothing else.
func (Concern) Judge(ctx context.Context, c conditions.Case) (conditions.Verdict, error) {
	var verdict conditions.Verdict
	for _, node := range c.Nodes {
		if node.Retired {
			continue
		}
		j := judging{ctx: ctx, c: c, node: node, into: &verdict}
		if why, gone := j.unread(); why != "" {
			for _, code := range []string{codeNoTraffic, codeUploadRejected} {
				verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: code, History: node.History, Why: why, Gone: gone})
			}
			continue
		}
		if err := j.noTraffic(); err != nil {
			return conditions.Verdict{}, err
		}
		if err := j.rejected(); err != nil {
			return conditions.Verdict{}, err
		}
	}
	return verdict, nil
}

// judging is one node's judgement.
type judging struct {
	ctx  context.Context
	c    conditions.Case
	node concern.Watched
	into *conditions.Verdict
}

func (j *judging) unseen(code, why string) {
	j.into.Unseen = append(j.into.Unseen, conditions.Unseen{Code: code, History: j.node.History, Why: why})
}

func (j *judging) find(f conditions.Finding) {
	f.History = j.node.History
	j.into.Findings = append(j.into.Findings, f)
}

// unread is why nothing can be said of transfers now, or ""; gone says that there is no log any
// more that could tell of them.
func (j *judging) unread() (why string, gone bool) {
	e, now := &j.node.Evidence, j.c.Now
	missing, mend := e.Blind(concern.AnyLine, now)
	unread := j.node.Unread(now)
	switch {
	case j.node.State == concern.Stopped:
		return "this node is not watched: collecting is stopped", false
	case missing != "":
		return missing + "; " + mend, !e.HasLog
	case unread != "":
		return unread, false
	case e.Level > storagenode.Info:
		return fmt.Sprintf("the log has no line below %s; set log.level: info in the node's config.yaml and restart the node", e.Level), false
	case e.Last[concern.TransferLines].IsZero():
		why, mend := e.Blind(concern.TransferLines, now)
		return why + "; " + mend, false
	}
	return "", false
}

// noTraffic judges whether traffic stays away that is there at other days.
func (j *judging) noTraffic() error {
	e, now, limit := &j.node.Evidence, j.c.Now, j.node.Thresholds.NoTraffic
	last := e.Last[concern.TransferLines]
	quiet := now.Sub(last)
	if quiet < limit {
		return nil // as nearly always: nothing need be read
	}
	const restarted = "the node was started again since its last transfer: with another log level it may hide them"
	if j.node.Facts.StartedAt.After(last) {
		j.unseen(codeNoTraffic, restarted)
		return nil
	}
	since, err := j.since(last)
	if err != nil {
		return err
	}
	switch {
	case since.restarted:
		j.unseen(codeNoTraffic, restarted)
		return nil
	case !since.covered:
		j.unseen(codeNoTraffic, "the log has no transfer since "+clock(last)+", and has not enough other lines since to say that it was seen all that time")
		return nil
	}
	usual, err := j.usual(last)
	if err != nil {
		return err
	}
	if usual.fewest < usualOperations {
		if usual.unknown {
			j.unseen(codeNoTraffic, "there was no transfer for "+lasting(quiet)+", but how much there usually is at this time is not known: that takes 7 days")
		}
		return nil
	}
	j.find(conditions.Finding{
		Code: codeNoTraffic, Severity: conditions.Warning, Title: "No Traffic",
		Message: fmt.Sprintf("Node %s has had no upload, download or audit for %s, since %s (threshold: %s), though each of the 7 days before had %.0f downloads, repairs and audits or more from %s to %s UTC. "+
			"Check the port forwarding, the firewall and the node's external address; after 30 days without contact satellites disqualify a node.",
			j.node.Name, lasting(quiet), clock(last), lasting(limit), usual.fewest, usual.from.Format("15:04"), usual.to.Format("15:04")),
		Value: quiet.Seconds(), Threshold: limit.Seconds(), Unit: "s", Since: last,
	})
	return nil
}

// quietTime is what the log had since its last transfer.
type quietTime struct {
	restarted bool // the node was, maybe with another log level
	covered   bool // there are other lines in both halves of the time
}

func (j *judging) since(last time.Time) (q quietTime, err error) {
	quiet := j.c.Now.Sub(last)
	step := time.Minute // of a tier that reaches back so far
	switch {
	case quiet > 7*24*time.Hour:
		step = time.Hour
	case quiet > 24*time.Hour:
		step = tenMinutes
	}
	result, err := j.c.Store.Read(j.ctx, store.Range{
		Group: j.node.StoredAs(name), From: last.UnixMilli(), To: j.c.Now.UnixMilli(), Step: step.Milliseconds(), Aggregate: store.Sum,
		Columns: func(column store.Column) bool { return column == linesColumn || column == restartsColumn },
	})
	if err != nil {
		return q, err
	}
	var halves [2]bool
	for i, column := range result.Columns {
		for at, v := range result.Values[i] {
			switch {
			case !(v > 0):
			case column == restartsColumn:
				q.restarted = true
			case at > 0: // the first step has the line of the transfer itself
				halves[2*at/len(result.Times)] = true
			}
		}
	}
	q.covered = halves[0] && halves[1]
	return q, nil
}

// usualTraffic is what there was on the days before at the times of the day that passed since
// the last transfer.
type usualTraffic struct {
	fewest   float64 // on the day that had fewest, at the time that has most
	from, to time.Time
	unknown  bool // at some time, because the log was not seen then
}

// usual counts downloads, repairs and audits in each part, as long as the threshold, of the
// first day without a transfer: so what is raised stays until there is one again, also at a
// time of the day that has little. Uploads do not count: they end with the free space.
func (j *judging) usual(last time.Time) (u usualTraffic, err error) {
	const slot, day = int64(tenMinutes / time.Millisecond), int(24 * time.Hour / tenMinutes)
	span := int((min(j.node.Thresholds.NoTraffic, 24*time.Hour) + tenMinutes - 1) / tenMinutes)
	begin := floorDiv(last.UnixMilli(), slot)
	from := begin - int64(usualDays*day)
	result, err := j.c.Store.Read(j.ctx, store.Range{
		Group: j.node.StoredAs(name), From: from * slot, To: begin*slot - 1, Step: slot, Aggregate: store.Sum,
		Columns: func(column store.Column) bool {
			return column == linesColumn || column.Metric() == operationsColumn && isEgress(column.Label(actionLabel))
		},
	})
	if err != nil {
		return u, err
	}
	// Of all before a slot.
	operations, lines := make([]float64, usualDays*day+1), make([]float64, usualDays*day+1)
	for i, column := range result.Columns {
		into := operations
		if column == linesColumn {
			into = lines
		}
		for at, v := range result.Values[i] {
			if v == v {
				into[at+1] += v
			}
		}
	}
	for i := range usualDays * day {
		operations[i+1] += operations[i]
		lines[i+1] += lines[i]
	}
	passed := int(floorDiv(j.c.Now.UnixMilli(), slot) - begin)
	for first := 0; first <= max(0, min(passed, day)-span); first++ {
		fewest, unknown := math.Inf(1), false
		for ago := range usualDays {
			at := ago*day + first
			n := operations[at+span] - operations[at]
			if n < usualOperations && lines[at+span] == lines[at] {
				unknown = true
				continue
			}
			fewest = min(fewest, n)
		}
		switch {
		case unknown:
			u.unknown = u.unknown || fewest >= usualOperations
		case fewest > u.fewest:
			u.fewest = fewest
			u.from = time.UnixMilli((begin + int64(first)) * slot).UTC()
			u.to = u.from.Add(time.Duration(span) * tenMinutes)
		}
	}
	return u, nil
}

// isEgress says whether an action takes pieces from the node.
func isEgress(action string) bool {
	switch action {
	case actionNames[storagenode.Get], actionNames[storagenode.GetAudit], actionNames[storagenode.GetRepair]:
		return true
	}
	return false
}

// isIngress says whether an action brings pieces to the node.
func isIngress(action string) bool {
	return action == actionNames[storagenode.Put] || action == actionNames[storagenode.PutRepair]
}

// uploads are those of a time.
type uploads struct{ ended, rejected float64 }

// share is how many were rejected, in percent.
func (u uploads) share() float64 {
	if u.ended == 0 {
		return 0
	}
	return 100 * u.rejected / u.ended
}

// rejected judges whether the node refuses uploads because it has too many.
func (j *judging) rejected() error {
	e, now, limit := &j.node.Evidence, j.c.Now, j.node.Thresholds.UploadRejected
	nothing := float64(j.node.Thresholds.UploadRejectedLeast)
	if why, mend := e.Blind(concern.TransferLines, now); why != "" {
		j.unseen(codeUploadRejected, why+"; "+mend)
		return nil
	}
	begins := now.Add(-time.Hour)
	switch {
	case e.Last[concern.AnyLine].Before(begins):
		j.unseen(codeUploadRejected, "the log has had no line since "+clock(e.Last[concern.AnyLine]))
		return nil
	case e.Last[concern.TransferLines].Before(begins):
		return nil
	}
	// The tens of minutes that the hour lies in are a little more than the hour.
	rough, err := j.uploads(begins, tenMinutes, int(time.Hour/tenMinutes)+1)
	if err != nil {
		return err
	}
	all := 0.0
	for _, u := range rough {
		all += u.rejected
	}
	if all <= nothing {
		return nil // as nearly always
	}
	begins = now.Truncate(time.Minute).Add(-(rejectedHours*time.Hour - time.Minute)) // and the running minute
	minutes, err := j.uploads(begins, time.Minute, rejectedHours*60)
	if err != nil {
		return err
	}
	var hours [rejectedHours]uploads
	for i, u := range minutes {
		hours[i/60].ended += u.ended
		hours[i/60].rejected += u.rejected
	}
	newest := hours[rejectedHours-1]
	if newest.rejected <= nothing || newest.share() <= limit {
		return nil
	}
	f := conditions.Finding{
		Code: codeUploadRejected, Severity: conditions.Info, Title: "Uploads Rejected",
		Value: newest.share(), Threshold: limit, Unit: "percent",
	}
	lasts := "in the last hour"
	if much := max(j.node.Thresholds.UploadRejectedWarning, limit); least(hours[:]) > much {
		f.Severity, f.Threshold, f.Since = conditions.Warning, much, begins
		lasts = fmt.Sprintf("in the last hour, and no less than %.2f%% in each of the last %d hours", least(hours[:]), rejectedHours)
	}
	f.Message = fmt.Sprintf("Node %s rejected %.0f of %.0f uploads because it had too many at once: %.2f%% %s (threshold: %.1f%%). "+
		"Look at the load of the disk, and at storage2.max-concurrent-requests in the node's config.yaml.",
		j.node.Name, newest.rejected, newest.ended, newest.share(), lasts, f.Threshold)
	j.find(f)
	return nil
}

// least is the smallest share of these hours.
func least(hours []uploads) float64 {
	share := math.Inf(1)
	for _, h := range hours {
		share = min(share, h.share())
	}
	return share
}

// uploads are those of so many steps from the one on that a time is in.
func (j *judging) uploads(from time.Time, step time.Duration, n int) ([]uploads, error) {
	first := from.Truncate(step).UnixMilli()
	result, err := j.c.Store.Read(j.ctx, store.Range{
		Group: j.node.StoredAs(name), From: first, To: first + int64(n)*step.Milliseconds() - 1, Step: step.Milliseconds(), Aggregate: store.Sum,
		Columns: func(column store.Column) bool {
			return column.Metric() == operationsColumn && isIngress(column.Label(actionLabel))
		},
	})
	if err != nil {
		return nil, err
	}
	all := make([]uploads, n)
	for i, column := range result.Columns {
		rejected := column.Label(outcomeLabel) == outcomeNames[storagenode.OutcomeRejected]
		for at, v := range result.Values[i] {
			if v == v {
				all[at].ended += v
				if rejected {
					all[at].rejected += v
				}
			}
		}
	}
	return all, nil
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// lasting is a time for people, in its two largest units.
func lasting(d time.Duration) string {
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return inUnits(days, "day", hours, "hour")
	case hours > 0:
		return inUnits(hours, "hour", minutes, "minute")
	}
	return inUnits(minutes, "minute", 0, "")
}

func inUnits(n int, unit string, rest int, smaller string) string {
	one := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	if rest == 0 {
		return one(n, unit)
	}
	return one(n, unit) + " " + one(rest, smaller)
}

var _ conditions.Judge = Concern{}
