package presence

import (
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const transferLines = concern.TransferLines

const (
	// beginHold is how long after the plugin's start a log may be silent or unreadable.
	beginHold = 10 * time.Minute
	// unreadFor is how long a log may not be readable: a forwarder comes back.
	unreadFor = 30 * time.Minute
	// firstLine is how long a log may take for its first line, and levelShown how long it
	// takes until the levels in it are all that it has.
	firstLine  = time.Hour
	levelShown = time.Hour
	// noTransfers is how long no transfer may be in the log where the node says that it has
	// some. It notes them with up to an hour's delay.
	noTransfers      = 4 * time.Hour
	transfersDelay   = 2 * time.Hour
	transfersPresent = 1 << 20 // bytes

	silentGaps = 3

	skewPeriod = time.Hour
	skewSlots  = 6 // of the 12 of an hour have to have lines
	skewStarts = 2
)

// notWatched is a finding about what cannot be seen. seen is how many of the two, transfers
// and failed audits, can.
func (s *subject) notWatched(seen int, message string) *conditions.Finding {
	return &conditions.Finding{
		Severity: conditions.Warning, Value: float64(seen), Threshold: 2, Unit: "short",
		Message: fmt.Sprintf("Node %s is not fully watched (%d of 2 can be seen: transfers, failed audits): %s", s.Name, seen, message),
	}
}

// judgeBlind is of what cannot be seen.
func (s *subject) judgeBlind(b *bench) (*conditions.Finding, string) {
	const lost = "Lost pieces, failed and slow audits and traffic are not watched; scores tell of them hours later."
	e := &s.Evidence
	line := s.lastLine()
	began := latest(b.Started, s.Since)
	alive := s.Answers() && s.unpolled() == "" && s.polled.LastPinged.After(latest(began, line))
	switch {
	case !s.hasLog():
		return s.notWatched(0, "it has no log here. "+lost+" Give its log in the data source's settings: a file, docker://container, or the host:port of a log forwarder."), ""
	case s.WrongPair != "":
		return nil, "log and API are of different nodes"
	case s.LogTrouble != "":
		if s.reach.failing {
			return nil, "the log cannot be read, and the node does not answer"
		}
		if unread := s.now.Sub(latest(line, began)); unread < unreadFor {
			return nil, "the log cannot be read since less than " + lasting(unreadFor) + ": " + s.LogTrouble
		}
		return s.notWatched(0, "its log cannot be read: "+sentence(s.LogTrouble)+" "+lost+" The check of the log under Save & test says what to do."), ""
	case s.behind():
		return nil, "the log is still being read"
	case line.IsZero():
		if s.now.Sub(began) < firstLine {
			return nil, "the log has no line yet"
		}
		if s.HasAPI() && !alive {
			return nil, "the log has no line yet, and the node was in no contact"
		}
		return s.notWatched(0, fmt.Sprintf("its log %s has had no line for %s. %s See whether the node writes to this log, and set log.level: info in its config.yaml and restart the node.", s.Log, lasting(s.now.Sub(began)), lost)), ""
	case s.now.Sub(line) > concern.EvidencePeriod:
		if silent, _ := s.judgeSilence(b); silent != nil {
			return nil, "the log is silent" // which says it already
		}
		if !alive {
			return nil, "the log has had no line since " + moment(line)
		}
		return s.notWatched(0, fmt.Sprintf("its log %s has had no line since %s, though the node was in contact at %s. %s See whether the node writes to another file since a rotation.", s.Log, moment(line), moment(s.polled.LastPinged), lost)), ""
	case e.Level > storagenode.Info:
		return s.judgeLevel(lost)
	}
	return s.judgeTransfers(lost)
}

// judgeLevel is of a log that has only grave lines.
func (s *subject) judgeLevel(lost string) (*conditions.Finding, string) {
	e := &s.Evidence
	if s.now.Sub(e.Since) < levelShown {
		return nil, fmt.Sprintf("the log has no line below %s yet", e.Level)
	}
	const mend = " Set log.level: info in the node's config.yaml and restart the node."
	if e.Level > storagenode.Error {
		return s.notWatched(0, fmt.Sprintf("its log has no line below %s. %s%s", e.Level, lost, mend)), ""
	}
	return s.notWatched(1, fmt.Sprintf("its log has no line below %s. Traffic, slow audits and log times are not watched.%s", e.Level, mend)), ""
}

// judgeTransfers is of a log that has lines, but none of transfers.
func (s *subject) judgeTransfers(lost string) (*conditions.Finding, string) {
	e := &s.Evidence
	from := latest(e.Last[transferLines], e.Since)
	without := s.now.Sub(from)
	if without < noTransfers {
		return nil, ""
	}
	mend := " Remove log.custom-level from the node's config.yaml, or the piecestore in it, and restart the node."
	if line := s.lastLine(); s.now.Sub(line) > levelShown {
		mend = fmt.Sprintf(" The log itself has stopped: its last line is of %s. See whether the node writes to another file since a rotation, and whether the disk of the log is full.", moment(line))
	}
	if why := s.unpolled(); why == "" {
		moved := s.polled.transferredSince(from.Add(transfersDelay))
		if moved < transfersPresent {
			return nil, "" // there is nothing to be seen
		}
		return s.notWatched(0, fmt.Sprintf("its log has had no transfer for %s, but the node transferred %d MB since. %s%s", lasting(without), moved/1e6, lost, mend)), ""
	}
	if without < concern.EvidencePeriod {
		return nil, ""
	}
	if failed, _ := s.failedSince(from); failed != nil {
		return nil, "no transfer is in the log, and satellites do not answer the node"
	}
	return s.notWatched(0, fmt.Sprintf("its log has had no transfer for %s. %s%s", lasting(without), lost, mend)), ""
}

// judgeSilence is of a log that has stopped while its node goes on.
func (s *subject) judgeSilence(b *bench) (*conditions.Finding, string) {
	if why := s.unreadLog(); why != "" {
		return nil, why
	}
	if why := s.unpolled(); why != "" {
		return nil, "whether the node goes on while its log is silent its API would tell: " + why
	}
	if !s.Answers() {
		return nil, "whether the node goes on while its log is silent its API would tell, which does not answer now"
	}
	line := s.lastLine()
	if line.IsZero() || s.heard.LastInfo.IsZero() || line.Sub(s.heard.LastInfo) > concern.EvidencePeriod {
		return nil, "the log has no line of INFO, so that silence says nothing: set log.level: info in the node's config.yaml and restart the node"
	}
	gap := s.heard.longestGap()
	limit := max(s.Thresholds.LogSilent, silentGaps*gap)
	silent := s.now.Sub(line)
	if silent <= limit {
		return nil, ""
	}
	if s.now.Sub(b.Started) < beginHold || !s.settled() {
		return nil, fmt.Sprintf("the log has been silent for %s, but the node or the watch over it began just now", lasting(silent))
	}
	if s.polled.LastPinged.Sub(line) < time.Minute {
		return nil, ""
	}
	usual := ""
	if limit > s.Thresholds.LogSilent {
		usual = fmt.Sprintf(", 3 times its longest pause of 7 days, %s", lasting(gap))
	}
	return &conditions.Finding{
		Severity: conditions.Warning, Value: silent.Seconds(), Threshold: limit.Seconds(), Unit: "s", Since: line,
		Message: fmt.Sprintf("The log of node %s has had no line for %s, since %s (threshold: %s%s), though the node was in contact at %s. Failed audits are not seen meanwhile. "+
			"See whether the node writes to another file since a rotation (use copytruncate), and whether the disk of the log is full.",
			s.Name, lasting(silent), moment(line), lasting(limit), usual, moment(s.polled.LastPinged)),
	}, ""
}

// judgeClock is of a clock that is not right.
func (s *subject) judgeClock(*bench) (*conditions.Finding, string) {
	if n := len(s.heard.Checks); n >= skewStarts && s.heard.Checks[n-1].Skewed && s.heard.Checks[n-2].Skewed {
		bad := 0
		for i := n - 1; i >= 0 && s.heard.Checks[i].Skewed; i-- {
			bad++
		}
		first := s.heard.Checks[n-bad].At
		return &conditions.Finding{
			Severity: conditions.Warning, Value: float64(bad), Threshold: skewStarts, Unit: "short", Since: first,
			Message: fmt.Sprintf("Node %s found its clock out of sync with its satellites at its last %d starts, since %s (threshold: %d). Satellites refuse orders of the wrong time. "+
				"Switch on time synchronisation (NTP) on its machine and restart the node.", s.Name, bad, moment(first), skewStarts),
		}, ""
	}
	late, spanned, seen := s.skew()
	if !seen {
		return nil, "no line of the log was read just when it was written, within the last hour"
	}
	if late.Abs() <= s.Thresholds.ClockSkew {
		return nil, ""
	}
	if !spanned {
		return nil, fmt.Sprintf("the times in the log are at least %s off, for less than %s", lasting(late.Abs()), lasting(skewPeriod))
	}
	direction := "behind"
	if late < 0 {
		direction = "ahead of"
	}
	return &conditions.Finding{
		Severity: conditions.Warning, Value: late.Abs().Seconds(), Threshold: s.Thresholds.ClockSkew.Seconds(), Unit: "s",
		Message: fmt.Sprintf("The times in the log of node %s have been at least %s %s this machine's clock for %s (threshold: %s). "+
			"Switch on time synchronisation (NTP) on its machine, and look at this machine's clock, too; a log that is passed on late shows the same.",
			s.Name, lasting(late.Abs()), direction, lasting(skewPeriod), lasting(s.Thresholds.ClockSkew)),
	}, ""
}

// skew is by how much the log was late, at the least, in every part of the last hour: 0 where
// the parts disagree. spanned says that there were enough of them, seen that there was any.
func (s *subject) skew() (late time.Duration, spanned, seen bool) {
	to := slotOf(s.now)
	from := to - int64(skewPeriod/slotLength)
	least, most := math.Inf(1), math.Inf(-1)
	count := 0
	first := to
	for _, slot := range s.heard.Skews {
		if slot.Slot < from || slot.Slot > to {
			continue
		}
		count++
		first = min(first, slot.Slot)
		least, most = min(least, slot.Least), max(most, slot.Least)
	}
	switch {
	case count == 0:
		return 0, false, false
	case least > 0:
		late = seconds(least)
	case most < 0:
		late = seconds(most)
	}
	return late, count >= skewSlots && first <= from+1, true
}
