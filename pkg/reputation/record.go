package reputation

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The stored metrics, one column each per satellite. The budgets follow from the
// scores and are computed when they are asked for.
const (
	auditScore       = "audit_score_percent"
	suspensionScore  = "suspension_score_percent"
	onlineScore      = "online_score_percent"
	disqualified     = "disqualified"
	suspended        = "suspended"
	offlineSuspended = "offline_suspended"
	vetted           = "vetted"
	vettingProgress  = "vetting_progress_percent"
	healthPercent    = "health_percent" // per node, without a satellite
)

// Policies say how long reputation is kept: polls, then hours and days, for their
// worst and last values.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	return map[string]store.Policy{
		name: {
			Keep:       retention.Raw,
			Rollups:    []store.Rollup{{Step: time.Hour, Keep: retention.Rollup}, {Step: 24 * time.Hour, Keep: retention.Rollup}},
			Aggregates: []store.Aggregate{store.Min, store.Max, store.Last},
		},
		windowsName: {Keep: retention.Rollup},
		auditsName:  {Keep: auditsKept, Additive: true},
	}
}

const satelliteLabel = "satellite"

// onlineTarget is the online score above which the original is content.
const onlineTarget = 0.95

// Record stores the scores of a poll: a sample a metric and satellite, and the
// latest standing as a document. A satellite that was never contacted gives
// nothing; what a failed request left out stays as it was last known.
func (Concern) Record(node concern.Node, poll concern.Poll, from *store.Store, into *store.Batch) error {
	if poll.Scores == nil {
		return nil
	}
	previous, _, err := Read(from, node)
	if err != nil {
		// A document that cannot be read is replaced; the samples are what counts.
		previous = Latest{}
	}
	latest := Latest{First: previous.First, At: poll.At, Heard: previous.Heard, Interval: poll.Interval}
	if latest.First.IsZero() {
		latest.First = poll.At
	}
	var samples []store.Sample
	read := false
	for _, scores := range poll.Scores.Satellites {
		before := previous.standing(scores.ID)
		if !scores.Contacted {
			// Scores that could not be read are not gone; a satellite that was never
			// contacted has none, and no join date.
			if before != nil && (scores.Err != nil || !scores.JoinedAt.IsZero()) {
				standing := *before
				standing.DisqualifiedAt, standing.SuspendedAt = scores.DisqualifiedAt, scores.SuspendedAt
				latest.Standings = append(latest.Standings, standing)
				samples = append(samples,
					sample(disqualified, scores.ID, flag(standing.Disqualified())),
					sample(suspended, scores.ID, flag(standing.Suspended())))
			}
			continue
		}
		standing := standingOf(scores, before, poll.Scores.NotificationsRead, poll.At)
		latest.Standings = append(latest.Standings, standing)
		samples = append(samples, standing.samples()...)
		read = true
	}
	// Without a single score that was read, health would be that of an earlier time.
	if health, ok := latest.Health(func(id string) bool { return Muted(node, id) }); ok && read {
		samples = append(samples, store.Sample{Column: store.NewColumn(healthPercent), Value: health})
	}
	document, err := json.Marshal(latest)
	if err != nil {
		return fmt.Errorf("write the reputation of %s: %w", node.Name, err)
	}
	into.Put(node.StoredAs(name), document)
	if len(samples) > 0 {
		into.Add(node.StoredAs(name), poll.Slot.UnixMilli(), samples...)
	}
	return recordWindows(node, poll.Scores.Satellites, from, into)
}

func (l Latest) standing(satelliteID string) *Standing {
	for i := range l.Standings {
		if l.Standings[i].SatelliteID == satelliteID {
			return &l.Standings[i]
		}
	}
	return nil
}

func standingOf(scores storagenode.SatelliteScores, before *Standing, notificationsRead bool, now time.Time) Standing {
	s := Standing{
		SatelliteID:    scores.ID,
		Timestamp:      now,
		Audit:          100 * scores.Audit,
		Suspension:     100 * scores.Suspension,
		Online:         100 * scores.Online,
		DisqualifiedAt: scores.DisqualifiedAt,
		SuspendedAt:    scores.SuspendedAt,
		JoinedAt:       scores.JoinedAt,
		VettedAt:       scores.VettedAt,
	}
	switch {
	case scores.Err == nil:
		// All audits of a node's first 30 days are in the history; later the number is
		// a lower bound, and the node either is vetted or has a reason not to be.
		known := len(scores.History.Windows) > 0
		s.VettingProgress = storagenode.VettingProgress(scores.History.OnlineAudits(), known, s.JoinedAt, s.VettedAt, now)
	case before != nil:
		s.keepFrom(*before)
	default:
		s.VettingUnreadable = true
	}
	if !s.VettedAt.IsZero() {
		s.VettingProgress, s.VettingUnreadable = 100, false
	}
	s.OfflineSuspended = storagenode.OfflineSuspended(scores.Online, s.JoinedAt, now, scores.OfflineNotified)
	if !s.OfflineSuspended && scores.Online < storagenode.OnlineLimit && (!notificationsRead || s.JoinedAt.IsZero()) {
		// A suspension lasts as long as the score is below the limit.
		s.OfflineSuspended = before != nil && before.OfflineSuspended
		s.OfflineUnreadable = !s.OfflineSuspended
	}
	s.OnlineWindow = newestWindow(scores.History, now)
	if scores.Online <= onlineTarget {
		if at, ok := storagenode.OnlineRecoversAt(scores.History, now, onlineTarget); ok {
			s.OnlineRecoversAt = at
		}
	}
	s.keepHeard(before, now)
	if before != nil {
		s.noteFall(*before)
	}
	return s
}

// keepFrom takes over what only the satellite's own answer says, which did not come.
func (s *Standing) keepFrom(before Standing) {
	s.JoinedAt = before.JoinedAt
	if s.VettedAt.IsZero() {
		s.VettedAt = before.VettedAt
	}
	s.VettingProgress, s.VettingUnreadable = before.VettingProgress, before.VettingUnreadable
}

// samples are what is known of the standing.
func (s Standing) samples() []store.Sample {
	all := []store.Sample{
		sample(auditScore, s.SatelliteID, s.Audit),
		sample(suspensionScore, s.SatelliteID, s.Suspension),
		sample(onlineScore, s.SatelliteID, s.Online),
		sample(disqualified, s.SatelliteID, flag(s.Disqualified())),
		sample(suspended, s.SatelliteID, flag(s.Suspended())),
		sample(offlineSuspended, s.SatelliteID, s.offlineFlag()),
		sample(vetted, s.SatelliteID, s.vettedFlag()),
		sample(vettingProgress, s.SatelliteID, s.vettingPercent()),
	}
	return slices.DeleteFunc(all, func(s store.Sample) bool { return s.Value != s.Value })
}

func sample(metric, satelliteID string, value float64) store.Sample {
	return store.Sample{Column: store.NewColumn(metric, satelliteLabel, satelliteID), Value: value}
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
