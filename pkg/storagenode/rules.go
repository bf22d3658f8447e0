package storagenode

import (
	"math"
	"slices"
	"time"
)

// What the satellites decide by (release defaults).
const (
	// AuditDisqualification is the audit score (0..1) at which a node is
	// disqualified, at once and for ever.
	AuditDisqualification = 0.96
	// AuditLambda is what one failed audit leaves of the audit score.
	AuditLambda = 0.999
	// SuspensionLimit is the suspension score (0..1, unknown audit errors) at
	// which a node is suspended; it is lifted above it.
	SuspensionLimit = 0.6
	// OnlineLimit is the online score (0..1) below which a node is suspended for
	// being offline.
	OnlineLimit = 0.6
	// TrackingPeriod is what the online score is a mean over; a node younger
	// than that is not suspended for being offline.
	TrackingPeriod = 30 * 24 * time.Hour
	// AuditWindow is the length of one window of the online score.
	AuditWindow = 12 * time.Hour
	// SilenceDisqualification is how long a node may be without contact before
	// it is disqualified.
	SilenceDisqualification = 30 * 24 * time.Hour
	// OfflineGrace and OfflineReview are how long an offline suspension may last
	// and how long the node is then watched.
	OfflineGrace  = 7 * 24 * time.Hour
	OfflineReview = 30 * 24 * time.Hour
	// VettingAudits and VettingAge are what a node needs to be vetted.
	VettingAudits = 100
	VettingAge    = 504 * time.Hour
)

// FailedAuditsLeft is how many failed audits in a row would disqualify a node
// with this audit score (0..1): 41 from a full score, 0 where the score is
// already at or below the limit. The last of them is the one that does it. A
// score that is no number leaves 0.
func FailedAuditsLeft(auditScore float64) int {
	if !(auditScore > AuditDisqualification) {
		return 0
	}
	score := min(auditScore, 1)
	after := func(failures int) float64 { return score * math.Pow(AuditLambda, float64(failures)) }
	failures := int(math.Ceil(math.Log(AuditDisqualification/score) / math.Log(AuditLambda)))
	// The logarithms may be off by the last bit on an exact boundary, where one
	// failure more or less is the difference between alive and disqualified.
	for failures > 1 && after(failures-1) <= AuditDisqualification {
		failures--
	}
	for failures < 1 || after(failures) > AuditDisqualification {
		failures++
	}
	return failures
}

// DowntimeLeft is about how long a node with this online score (0..1) can be
// offline before it is suspended for it: 12 days from a full score, 0 at or
// below the limit, and for a score that is no number.
func DowntimeLeft(onlineScore float64) time.Duration {
	if !(onlineScore > OnlineLimit) {
		return 0
	}
	left := (min(onlineScore, 1) - OnlineLimit) * TrackingPeriod.Seconds()
	return time.Duration(math.Round(left)) * time.Second
}

// OfflineSuspended says whether a satellite has suspended the node for being
// offline. The node's API does not say it: it is so while the online score (0..1)
// is below the limit and the node either was notified of it or joined the
// satellite longer ago than the tracking period. A score that is no number and a
// join date that is not known prove nothing.
func OfflineSuspended(onlineScore float64, joinedAt, now time.Time, notified bool) bool {
	if !(onlineScore < OnlineLimit) {
		return false
	}
	return notified || (!joinedAt.IsZero() && now.Sub(joinedAt) > TrackingPeriod)
}

// VettingProgress is how far a node is on the way to be vetted by a satellite,
// in percent: the lesser of its audits and its age, each as a part of what is
// required. Without a known number of audits (known false) it is the age alone,
// which is the most that it can be. 100 means vetted, and only that: until the
// satellite has said so it stays below.
func VettingProgress(totalAudits int64, known bool, joinedAt, vettedAt, now time.Time) float64 {
	const mostUnvetted = 99
	if !vettedAt.IsZero() {
		return 100
	}
	if joinedAt.IsZero() {
		return 0
	}
	progress := now.Sub(joinedAt).Hours() / VettingAge.Hours()
	if known {
		progress = min(progress, float64(totalAudits)/VettingAudits)
	}
	return min(max(100*progress, 0), mostUnvetted)
}

// OnlineScore is the online score (0..1) that follows from the windows: the mean
// of their online parts, the last window excluded, as the satellite computes it.
// A single window counts as fully online. Without windows there is none.
func (h AuditHistory) OnlineScore() (score float64, ok bool) {
	if len(h.Windows) == 0 {
		return 0, false
	}
	return onlineMean(h.Windows[:len(h.Windows)-1]), true
}

// OnlineAudits is how many audits the node answered in the windows: a lower
// bound of all it ever passed, and all of them in its first 30 days.
func (h AuditHistory) OnlineAudits() int64 {
	var audits int64
	for _, window := range h.Windows {
		audits += int64(window.OnlineCount)
	}
	return audits
}

// OnlineRecoversAt is when the online score will first exceed target (0..1) if
// the node stays online from now on: now, where it already does. Old windows
// leave the tracking period one after the other, and a fully online one comes in
// at each window's end. It is an estimate: a satellite that audits the node less
// often than once a window recovers it later. Without a history, or with a target
// that no score exceeds, there is no answer.
func OnlineRecoversAt(history AuditHistory, now time.Time, target float64) (time.Time, bool) {
	score, ok := history.OnlineScore()
	if !ok || !(target < 1) {
		return time.Time{}, false
	}
	if score > target {
		return now, true
	}
	windows := slices.Clone(history.Windows)
	slices.SortStableFunc(windows, func(a, b AuditWindowCount) int { return a.Start.Compare(b.Start) })

	// The running window takes part once the next one opens. Where it has no
	// audits yet the node's first one will open it, fully online.
	running := now.Truncate(AuditWindow)
	if last := windows[len(windows)-1]; last.Start.Before(running) {
		windows = append(windows, AuditWindowCount{Start: running, TotalCount: 1, OnlineCount: 1})
	}
	for opens := running.Add(AuditWindow); ; opens = opens.Add(AuditWindow) {
		earliest := opens.Add(-TrackingPeriod)
		kept := windows[:0:0]
		for _, window := range windows {
			if !window.Start.Before(earliest) && window.Start.Before(opens) {
				kept = append(kept, window)
			}
		}
		if onlineMean(kept) > target {
			return opens, true
		}
		if opens.Sub(now) > TrackingPeriod+2*AuditWindow {
			return time.Time{}, false
		}
		windows = append(kept, AuditWindowCount{Start: opens, TotalCount: 1, OnlineCount: 1})
	}
}

// onlineMean is the mean online part of the windows. A window without audits
// says nothing and is left out; no window at all is a full score.
func onlineMean(windows []AuditWindowCount) float64 {
	var sum float64
	var counted int
	for _, window := range windows {
		if window.TotalCount <= 0 {
			continue
		}
		online := min(max(window.OnlineCount, 0), window.TotalCount)
		sum += float64(online) / float64(window.TotalCount)
		counted++
	}
	if counted == 0 {
		return 1
	}
	return sum / float64(counted)
}
