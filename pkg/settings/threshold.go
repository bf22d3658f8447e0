package settings

import (
	"fmt"
	"math"
	"time"
)

// Thresholds are the limits at which something counts as a warning or as
// critical. Scores are in percent, and below its limit a score is bad; a
// duration is how long something may last.
type Thresholds struct {
	AuditWarning       float64
	AuditCritical      float64
	SuspensionCritical float64
	OnlineWarning      float64

	// The risk limits are those of the conditions: they come before a
	// satellite acts. AuditRiskFalling holds only while the score falls.
	AuditRiskWarning       float64
	AuditRiskFalling       float64
	AuditRiskCritical      float64
	SuspensionRiskWarning  float64
	SuspensionRiskCritical float64
	OnlineRiskCritical     float64
	// DowntimeLeft is how little downtime before a suspension is critical.
	DowntimeLeft time.Duration

	// AuditSlow is how long an audit may take.
	AuditSlow time.Duration
	// AuditsFailedCritical is how many failed audits in an hour are critical.
	AuditsFailedCritical int
	// AuditsCanceled is which share of an hour's audits may be canceled, in
	// percent, where there are AuditsCanceledLeast of them and it is not less
	// than AuditsCanceledTimes as many as usual.
	AuditsCanceled      float64
	AuditsCanceledTimes float64
	AuditsCanceledLeast int

	// Unreachable is for how long the node has not answered, NoContact for how
	// long its satellites have not reached it.
	UnreachableWarning  time.Duration
	UnreachableCritical time.Duration
	NoContactWarning    time.Duration
	NoContactCritical   time.Duration

	// NodeStopped is how long a node that ended itself may be away.
	NodeStopped time.Duration
	// RestartLoopStarts within RestartLoop are one too many.
	RestartLoopStarts int
	RestartLoop       time.Duration

	APISlowInfo    time.Duration // its API may fail while the node runs
	APISlowWarning time.Duration
	QUICBroken     time.Duration // QUIC may be misconfigured
	VersionBehind  time.Duration // another node may run a newer version

	LogSilent time.Duration // the log may go without a line
	NoTraffic time.Duration // the node may go without a piece
	ClockSkew time.Duration // between the node's machine and this one

	// UploadRejected is which share of an hour's uploads may be rejected, in
	// percent, where more than UploadRejectedLeast are. UploadRejectedWarning is
	// the share that is too much for hours.
	UploadRejected        float64
	UploadRejectedWarning float64
	UploadRejectedLeast   int

	// Orders are for how long those of a satellite may not be settled.
	OrdersWarning  time.Duration
	OrdersCritical time.Duration

	// Latency is how long the slowest hundredth of the transfers may take.
	LatencyInfo    time.Duration
	LatencyWarning time.Duration

	DiskWarning  float64 // percent of the allocated space
	DiskCritical float64
	// DiskFree is how little may be free on the disk: so much, or DiskFreePercent
	// of what is allocated if that is more.
	DiskFreeGB      float64
	DiskFreePercent float64
	DiskOverused    time.Duration // more may be used than is allocated
	// DiskTrash is which share of what is used may be trash, in percent, for
	// DiskTrashFor.
	DiskTrash    float64
	DiskTrashFor time.Duration
}

// threshold is what is known about one of the Thresholds.
type threshold struct {
	key                     string
	lowest, highest, preset float64
	// notAbove is the key of the threshold that this one must not pass.
	notAbove string
	// One of these says where the value is kept; a duration is counted in unit.
	number   func(*Thresholds) *float64
	count    func(*Thresholds) *int
	duration func(*Thresholds) *time.Duration
	unit     time.Duration
}

const day = 24 * time.Hour

// thresholds are all there are, in the order in which they are written.
var thresholds = []threshold{
	percent("auditWarning", 85, "", func(t *Thresholds) *float64 { return &t.AuditWarning }),
	percent("auditCritical", 70, "auditWarning", func(t *Thresholds) *float64 { return &t.AuditCritical }),
	percent("suspensionCritical", 60, "", func(t *Thresholds) *float64 { return &t.SuspensionCritical }),
	percent("onlineWarning", 95, "", func(t *Thresholds) *float64 { return &t.OnlineWarning }),
	percent("auditRiskWarning", 99.5, "", func(t *Thresholds) *float64 { return &t.AuditRiskWarning }),
	percent("auditRiskFalling", 98, "auditRiskWarning", func(t *Thresholds) *float64 { return &t.AuditRiskFalling }),
	percent("auditRiskCritical", 97, "auditRiskFalling", func(t *Thresholds) *float64 { return &t.AuditRiskCritical }),
	percent("suspensionRiskWarning", 95, "", func(t *Thresholds) *float64 { return &t.SuspensionRiskWarning }),
	percent("suspensionRiskCritical", 80, "suspensionRiskWarning", func(t *Thresholds) *float64 { return &t.SuspensionRiskCritical }),
	percent("onlineRiskCritical", 70, "", func(t *Thresholds) *float64 { return &t.OnlineRiskCritical }),
	lasting("downtimeLeftDays", day, 0, 30, 3, "", func(t *Thresholds) *time.Duration { return &t.DowntimeLeft }),
	lasting("auditSlowSeconds", time.Second, 5, 600, 60, "", func(t *Thresholds) *time.Duration { return &t.AuditSlow }),
	counted("auditsFailedCritical", 1, 100, 3, func(t *Thresholds) *int { return &t.AuditsFailedCritical }),
	percent("auditsCanceledPercent", 30, "", func(t *Thresholds) *float64 { return &t.AuditsCanceled }),
	number("auditsCanceledTimes", 1, 100, 3, func(t *Thresholds) *float64 { return &t.AuditsCanceledTimes }),
	counted("auditsCanceledLeast", 1, 10000, 20, func(t *Thresholds) *int { return &t.AuditsCanceledLeast }),
	lasting("unreachableWarningMinutes", time.Minute, 1, 10080, 20, "unreachableCriticalMinutes", func(t *Thresholds) *time.Duration { return &t.UnreachableWarning }),
	lasting("unreachableCriticalMinutes", time.Minute, 1, 10080, 60, "", func(t *Thresholds) *time.Duration { return &t.UnreachableCritical }),
	lasting("noContactWarningHours", time.Hour, 0.25, 720, 3, "noContactCriticalHours", func(t *Thresholds) *time.Duration { return &t.NoContactWarning }),
	lasting("noContactCriticalHours", time.Hour, 0.25, 720, 12, "", func(t *Thresholds) *time.Duration { return &t.NoContactCritical }),
	lasting("nodeStoppedMinutes", time.Minute, 1, 10080, 10, "", func(t *Thresholds) *time.Duration { return &t.NodeStopped }),
	counted("restartLoopStarts", 2, 15, 3, func(t *Thresholds) *int { return &t.RestartLoopStarts }),
	lasting("restartLoopMinutes", time.Minute, 1, 60, 15, "", func(t *Thresholds) *time.Duration { return &t.RestartLoop }),
	lasting("apiSlowInfoMinutes", time.Minute, 1, 10080, 5, "apiSlowWarningMinutes", func(t *Thresholds) *time.Duration { return &t.APISlowInfo }),
	lasting("apiSlowWarningMinutes", time.Minute, 1, 10080, 360, "", func(t *Thresholds) *time.Duration { return &t.APISlowWarning }),
	lasting("quicHours", time.Hour, 1, 720, 24, "", func(t *Thresholds) *time.Duration { return &t.QUICBroken }),
	lasting("versionBehindDays", day, 1, 365, 30, "", func(t *Thresholds) *time.Duration { return &t.VersionBehind }),
	lasting("logSilentMinutes", time.Minute, 1, 10080, 30, "", func(t *Thresholds) *time.Duration { return &t.LogSilent }),
	lasting("noTrafficHours", time.Hour, 0.25, 720, 2, "", func(t *Thresholds) *time.Duration { return &t.NoTraffic }),
	percent("uploadRejectedPercent", 10, "", func(t *Thresholds) *float64 { return &t.UploadRejected }),
	percent("uploadRejectedWarningPercent", 50, "", func(t *Thresholds) *float64 { return &t.UploadRejectedWarning }),
	counted("uploadRejectedLeast", 0, 1000000, 100, func(t *Thresholds) *int { return &t.UploadRejectedLeast }),
	lasting("ordersWarningHours", time.Hour, 1, 240, 24, "ordersCriticalHours", func(t *Thresholds) *time.Duration { return &t.OrdersWarning }),
	lasting("ordersCriticalHours", time.Hour, 1, 240, 40, "", func(t *Thresholds) *time.Duration { return &t.OrdersCritical }),
	lasting("latencyInfoSeconds", time.Second, 1, 600, 5, "latencyWarningSeconds", func(t *Thresholds) *time.Duration { return &t.LatencyInfo }),
	lasting("latencyWarningSeconds", time.Second, 1, 600, 10, "", func(t *Thresholds) *time.Duration { return &t.LatencyWarning }),
	lasting("clockSkewSeconds", time.Second, 1, 3600, 10, "", func(t *Thresholds) *time.Duration { return &t.ClockSkew }),
	percent("diskWarningPercent", 80, "diskCriticalPercent", func(t *Thresholds) *float64 { return &t.DiskWarning }),
	percent("diskCriticalPercent", 95, "", func(t *Thresholds) *float64 { return &t.DiskCritical }),
	number("diskFreeGB", 0, 1000, 5, func(t *Thresholds) *float64 { return &t.DiskFreeGB }),
	percent("diskFreePercent", 1, "", func(t *Thresholds) *float64 { return &t.DiskFreePercent }),
	lasting("diskOverusedHours", time.Hour, 1, 720, 24, "", func(t *Thresholds) *time.Duration { return &t.DiskOverused }),
	percent("diskTrashPercent", 20, "", func(t *Thresholds) *float64 { return &t.DiskTrash }),
	lasting("diskTrashDays", day, 1, 90, 8, "", func(t *Thresholds) *time.Duration { return &t.DiskTrashFor }),
}

func percent(key string, preset float64, notAbove string, of func(*Thresholds) *float64) threshold {
	return threshold{key: key, lowest: 0, highest: 100, preset: preset, notAbove: notAbove, number: of}
}

func number(key string, lowest, highest, preset float64, of func(*Thresholds) *float64) threshold {
	return threshold{key: key, lowest: lowest, highest: highest, preset: preset, number: of}
}

func counted(key string, lowest, highest, preset float64, of func(*Thresholds) *int) threshold {
	return threshold{key: key, lowest: lowest, highest: highest, preset: preset, count: of}
}

func lasting(key string, unit time.Duration, lowest, highest, preset float64, notAbove string, of func(*Thresholds) *time.Duration) threshold {
	return threshold{key: key, lowest: lowest, highest: highest, preset: preset, notAbove: notAbove, duration: of, unit: unit}
}

// get gives the threshold as the number that stands under its key.
func (t threshold) get(from Thresholds) float64 {
	switch {
	case t.duration != nil:
		return float64(*t.duration(&from)) / float64(t.unit)
	case t.count != nil:
		return float64(*t.count(&from))
	default:
		return *t.number(&from)
	}
}

// set keeps a number that is within the bounds. A duration is kept in whole
// seconds, so that a part of a day that no binary number hits comes back as the
// same duration.
func (t threshold) set(in *Thresholds, value float64) {
	switch {
	case t.duration != nil:
		*t.duration(in) = seconds(int(math.Round(value * t.unit.Seconds())))
	case t.count != nil:
		*t.count(in) = int(value)
	default:
		*t.number(in) = value
	}
}

func defaultThresholds() Thresholds {
	var defaults Thresholds
	for _, t := range thresholds {
		t.set(&defaults, t.preset)
	}
	return defaults
}

func thresholdOf(key string) threshold {
	for _, t := range thresholds {
		if t.key == key {
			return t
		}
	}
	panic("settings: there is no threshold " + key)
}

// thresholds merges what the object has under "thresholds" into those that hold
// without it.
func (o *object) thresholds(inherited Thresholds, inheritedName string) Thresholds {
	given, ok := o.object("thresholds")
	if !ok {
		return inherited
	}
	merged := inherited
	for _, t := range thresholds {
		t.set(&merged, given.number(t.key, t.lowest, t.highest, t.get(inherited), inheritedName, t.count != nil))
	}
	given.warnOfOthers()
	// What stands in for one pair may pass the next, so that all are looked at
	// again; those that are inherited pass each other nowhere.
	for settled := false; !settled; {
		settled = true
		for _, t := range thresholds {
			if t.notAbove == "" {
				continue
			}
			other := thresholdOf(t.notAbove)
			if t.get(merged) <= other.get(merged) {
				continue
			}
			given.refuse(t.key,
				fmt.Sprintf("%v is above %s, which is %v", t.get(merged), other.key, other.get(merged)),
				fmt.Sprintf("write both so that %s is not above %s; until then %s %v and %v hold",
					t.key, other.key, inheritedName, t.get(inherited), other.get(inherited)))
			t.set(&merged, t.get(inherited))
			other.set(&merged, other.get(inherited))
			settled = false
		}
	}
	return merged
}
