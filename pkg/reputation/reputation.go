// Package reputation is the concern of a node's standing with its satellites:
// scores, disqualification, suspension, vetting, and how much is left of each
// budget before a satellite acts.
//
// It knows what the scores mean and how they are stored and shown. It does not
// know how they are fetched, nor when.
package reputation

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// name is the concern's part of the keys in the store.
const name = "reputation"

// Concern is the reputation concern; it has no state of its own.
type Concern struct {
	Now func() time.Time // nil: time.Now
}

// Standing is a node's latest known standing with one satellite. Scores are
// percent.
type Standing struct {
	SatelliteID       string    `json:"satelliteId"`
	Timestamp         time.Time `json:"timestamp"` // when the node last said so
	HeardAt           time.Time `json:"heardAt"`   // when its log last did; zero: never
	Audit             float64   `json:"audit"`
	Suspension        float64   `json:"suspension"`
	Online            float64   `json:"online"`
	DisqualifiedAt    time.Time `json:"disqualifiedAt"`
	SuspendedAt       time.Time `json:"suspendedAt"`
	OfflineSuspended  bool      `json:"offlineSuspended"`
	JoinedAt          time.Time `json:"joinedAt"`
	VettedAt          time.Time `json:"vettedAt"`
	VettingProgress   float64   `json:"vettingProgress"`
	OnlineRecoversAt  time.Time `json:"onlineRecoversAt"`            // zero: above already, or not to be said
	OfflineUnreadable bool      `json:"offlineUnreadable,omitempty"` // whether it is offline-suspended could not be read
	VettingUnreadable bool      `json:"vettingUnreadable,omitempty"` // how far it is vetted could not be read
	// Falls are those of the audit score in the last day, the newest last.
	Falls []Fall `json:"falls,omitempty"`
	// OnlineWindow is how much of the audits of this half day, or of the last one, it
	// answered; nil: there was none, or it could not be read.
	OnlineWindow *float64 `json:"onlineWindow,omitempty"`
	// What only the log says; 0 where it did not.
	TotalAudits      int64 `json:"totalAudits,omitempty"`
	SuccessfulAudits int64 `json:"successfulAudits,omitempty"`
	// Unscored are the failed audits that the log shows and the score cannot know yet.
	Unscored int `json:"-"`
}

// Fall says that the audit score was lower than when it was last known.
type Fall struct {
	Since time.Time `json:"since"` // when it was known as From
	At    time.Time `json:"at"`    // when it was known as To
	From  float64   `json:"from"`
	To    float64   `json:"to"`
}

// fallsKept is how long falls are remembered, and fallsMost how many.
const (
	fallsKept = 24 * time.Hour
	fallsMost = 24
)

// noteFall compares the audit score with the one before.
func (s *Standing) noteFall(before Standing) {
	s.Falls = slices.DeleteFunc(slices.Clone(before.Falls), func(f Fall) bool { return s.Timestamp.Sub(f.At) > fallsKept })
	if s.Audit < before.Audit-scoreRounding {
		since := before.Timestamp
		if heard := before.HeardAt; !heard.IsZero() && since.Sub(heard) > scoreDelay && since.Sub(heard) < fallsKept {
			// The node has repeated it since then, because its satellite gave it no other.
			since = heard
		}
		s.Falls = append(s.Falls, Fall{Since: since, At: s.Timestamp, From: before.Audit, To: s.Audit})
	}
	s.Falls = s.Falls[max(0, len(s.Falls)-fallsMost):]
}

// Latest is a node's standing with every satellite that it ever contacted.
type Latest struct {
	First     time.Time     `json:"first"` // when scores first came
	At        time.Time     `json:"at"`    // of the last poll that gave scores
	Heard     time.Time     `json:"heard"` // of the newest line with scores
	Interval  time.Duration `json:"interval"`
	Standings []Standing    `json:"standings"`
}

// newest is when the node last said anything of its scores.
func (l Latest) newest() time.Time {
	if l.Heard.After(l.At) {
		return l.Heard
	}
	return l.At
}

// Disqualified says whether the satellite has disqualified the node.
func (s Standing) Disqualified() bool { return !s.DisqualifiedAt.IsZero() }

// Suspended says whether the satellite has suspended the node for unknown audit
// errors.
func (s Standing) Suspended() bool { return !s.SuspendedAt.IsZero() }

// FailedAuditsLeft is how many more audits in a row the node can fail until it is
// disqualified; 0 when it is.
func (s Standing) FailedAuditsLeft() float64 {
	if s.Disqualified() {
		return 0
	}
	return failedAuditsLeft(s.Audit * math.Pow(storagenode.AuditLambda, float64(s.Unscored)))
}

// DowntimeLeft is about how long, in seconds, the node can be offline until it is
// suspended for it; 0 when it is suspended or disqualified.
func (s Standing) DowntimeLeft() float64 {
	if s.Disqualified() || s.OfflineSuspended {
		return 0
	}
	return downtimeLeft(s.Online)
}

// offlineFlag is whether it is offline-suspended: 1, 0, or NaN if it cannot be told.
func (s Standing) offlineFlag() float64 {
	if s.OfflineUnreadable {
		return math.NaN()
	}
	return flag(s.OfflineSuspended)
}

// vettedFlag is whether it is vetted: 1, 0, or NaN if it cannot be told.
func (s Standing) vettedFlag() float64 {
	if s.VettingUnreadable {
		return math.NaN()
	}
	return flag(!s.VettedAt.IsZero())
}

// vettingPercent is how far it is vetted, or NaN if it cannot be told.
func (s Standing) vettingPercent() float64 {
	if s.VettingUnreadable {
		return math.NaN()
	}
	return s.VettingProgress
}

func failedAuditsLeft(auditPercent float64) float64 {
	return float64(storagenode.FailedAuditsLeft(auditPercent / 100))
}

func downtimeLeft(onlinePercent float64) float64 {
	return storagenode.DowntimeLeft(onlinePercent / 100).Seconds()
}

// Health is how the worst of the three scores stands, in percent: 100 is a full
// score everywhere, below 87.5 one of them is to be watched, below 50 one is in
// danger, 0 is at or past the limit of a satellite. So it changes colour where the
// scores do.
func (s Standing) Health() float64 {
	if s.Disqualified() || s.Suspended() || s.OfflineSuspended {
		return 0
	}
	return min(
		healthOf(s.Audit, 100*storagenode.AuditDisqualification, auditDanger, auditWatch),
		healthOf(s.Suspension, 100*storagenode.SuspensionLimit, suspensionDanger, suspensionWatch),
		healthOf(s.Online, 100*storagenode.OnlineLimit, onlineDanger, onlineWatch),
	)
}

// healthOf scales a score: linear between its limits, each of which has the same
// health whichever score it is.
func healthOf(percent, limit, danger, watch float64) float64 {
	between := func(from, to, low, high float64) float64 { return low + (high-low)*(percent-from)/(to-from) }
	switch {
	case !(percent > limit):
		return 0
	case percent < danger:
		return between(limit, danger, 0, healthDanger)
	case percent < watch:
		return between(danger, watch, healthDanger, healthWatch)
	}
	return min(between(watch, 100, healthWatch, 100), 100)
}

// Health is the worst health over the satellites that the node's operator has not
// muted; ok is false when nothing is known of any.
func (l Latest) Health(muted func(satelliteID string) bool) (percent float64, ok bool) {
	worst := math.Inf(1)
	for _, s := range l.Standings {
		if !muted(s.SatelliteID) {
			worst = min(worst, s.Health())
		}
	}
	return worst, !math.IsInf(worst, 1)
}

// Muted says whether the operator does not want to hear of a satellite, named by
// its id or its short name.
func Muted(node concern.Node, satelliteID string) bool {
	_, byID := node.MutedSatellites[satelliteID]
	_, byName := node.MutedSatellites[storagenode.SatelliteName(satelliteID)]
	return byID || byName
}

// Read is a node's latest standing; ok is false when it never gave any.
func Read(from *store.Store, node concern.Node) (latest Latest, ok bool, err error) {
	document, ok := from.Document(node.StoredAs(name))
	if !ok {
		return Latest{}, false, nil
	}
	if err := json.Unmarshal(document, &latest); err != nil {
		return Latest{}, false, fmt.Errorf("read the stored reputation of %s: %w", node.Name, err)
	}
	return latest, true, nil
}

// ReadNow is a node's latest standing as of now, in which the failed audits count that no score
// knows yet; ok is false when it never gave one.
func ReadNow(from *store.Store, node concern.Node, now time.Time) (latest Latest, ok bool, err error) {
	if latest, ok, err = Read(from, node); !ok || err != nil {
		return latest, ok, err
	}
	audits, err := ReadAudits(from, node)
	if err != nil {
		return Latest{}, false, err
	}
	latest.count(audits, now)
	return latest, true, nil
}

// count takes account of the failed audits that no score knows yet.
func (l Latest) count(audits Audits, now time.Time) {
	for i, s := range l.Standings {
		l.Standings[i].Unscored = audits.unscored(s, now)
	}
}
