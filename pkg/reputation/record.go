package reputation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
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
	latest := Latest{At: poll.At, Interval: poll.Interval}
	var samples []store.Sample
	for _, scores := range poll.Scores.Satellites {
		before := previous.standing(scores.ID)
		if !scores.Contacted {
			// Scores that could not be read are not gone.
			if scores.Err != nil && before != nil {
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
	}
	if health, ok := latest.Health(func(id string) bool { return Muted(node, id) }); ok {
		samples = append(samples, store.Sample{Column: store.NewColumn(healthPercent), Value: health})
	}
	document, err := json.Marshal(latest)
	if err != nil {
		return fmt.Errorf("write the reputation of %s: %w", node.Name, err)
	}
	into.Put(node.Document(name), document)
	if len(samples) > 0 {
		into.Add(node.Group(name), poll.Slot.UnixMilli(), samples...)
	}
	return nil
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
	if s.JoinedAt.IsZero() && before != nil {
		s.JoinedAt = before.JoinedAt // the satellite's own answer failed; it does not change
	}
	s.OfflineSuspended = storagenode.OfflineSuspended(scores.Online, s.JoinedAt, now, scores.OfflineNotified)
	if !s.OfflineSuspended && !notificationsRead && scores.Online < storagenode.OnlineLimit {
		s.OfflineUnreadable = true
		s.OfflineSuspended = before != nil && before.OfflineSuspended
	}
	// All audits of a node's first 30 days are in the history; later the number is
	// a lower bound, and the node either is vetted or has a reason not to be.
	known := len(scores.History.Windows) > 0
	s.VettingProgress = storagenode.VettingProgress(scores.History.OnlineAudits(), known, s.JoinedAt, s.VettedAt, now)
	if scores.Online <= onlineTarget {
		if at, ok := storagenode.OnlineRecoversAt(scores.History, now, onlineTarget); ok {
			s.OnlineRecoversAt = at
		}
	}
	return s
}

func (s Standing) samples() []store.Sample {
	samples := []store.Sample{
		sample(auditScore, s.SatelliteID, s.Audit),
		sample(suspensionScore, s.SatelliteID, s.Suspension),
		sample(onlineScore, s.SatelliteID, s.Online),
		sample(disqualified, s.SatelliteID, flag(s.Disqualified())),
		sample(suspended, s.SatelliteID, flag(s.Suspended())),
		sample(vetted, s.SatelliteID, flag(!s.VettedAt.IsZero())),
		sample(vettingProgress, s.SatelliteID, s.VettingProgress),
	}
	if !s.OfflineUnreadable {
		samples = append(samples, sample(offlineSuspended, s.SatelliteID, flag(s.OfflineSuspended)))
	}
	return samples
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
