package storagenode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// parallelSatellites bounds how many of a node's satellites are asked for at
// once: a busy node takes long for each, and should not be kept busier.
const parallelSatellites = 4

// Scores is what a node knows of its standing with every satellite.
type Scores struct {
	Satellites []SatelliteScores
	// NotificationsRead says that the node's notifications were seen, so that
	// OfflineNotified false means that there is none.
	NotificationsRead bool
	// Errors are the requests that failed; what the others gave is in Satellites.
	Errors []error
}

// SatelliteScores is a node's standing with one satellite.
type SatelliteScores struct {
	ID   string // empty where only the address is known, which means never contacted
	Name string
	URL  string // host:port, empty where the node did not say it
	// Contacted says that the scores are there. They are not where the node was
	// never in contact with the satellite, or (see Err) nothing could be read.
	Contacted bool
	// Audit, Suspension and Online are 0..1, and mean nothing without Contacted.
	Audit, Suspension, Online float64
	DisqualifiedAt            time.Time
	SuspendedAt               time.Time // for unknown audit errors
	VettedAt                  time.Time
	JoinedAt                  time.Time // zero: never contacted, or not known (Err)
	OfflineNotified           bool
	History                   AuditHistory
	Prices                    PriceModel
	// Storage is what the satellite says that it stored, on the days of this month that it has
	// counted; none where its own answer is missing.
	Storage []StorageDay
	// Err is why this satellite's own answer is missing. With Contacted the scores
	// are from the summary over all satellites, without join date and history.
	Err error
}

// Scores asks for the standing with every satellite of the status and joins the
// answers. The satellite's own answer is the truth; where it fails, the summary's
// entry with the same address takes its place and the failure is in Errors. It
// fails as a whole only where the node gave no answer at all.
func (c *Client) Scores(ctx context.Context, status Status) (Scores, error) {
	var scores Scores
	summary, err := c.Satellites(ctx)
	if err != nil {
		var failed *APIError
		if errors.As(err, &failed) && !failed.reachedNode() {
			return Scores{}, err
		}
		scores.Errors = append(scores.Errors, err)
	}

	details := make([]SatelliteDetail, len(status.Satellites))
	failures := make([]error, len(status.Satellites))
	var notifications []Notification
	var notificationsErr error
	slots := make(chan struct{}, parallelSatellites)
	var asking sync.WaitGroup
	for i, satellite := range status.Satellites {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			defer recovered(&failures[i])
			details[i], failures[i] = c.Satellite(ctx, satellite.ID)
		})
	}
	asking.Go(func() {
		defer recovered(&notificationsErr)
		notifications, notificationsErr = c.Notifications(ctx)
	})
	asking.Wait()

	notified := make(map[string]bool)
	for _, notification := range notifications {
		if notification.Type == NotifiedOffline {
			notified[notification.SatelliteID()] = true
		}
	}
	byAddress := auditsByAddress(summary.Audits)
	for i, satellite := range status.Satellites {
		joined := joinScores(satellite, details[i], failures[i], byAddress[satellite.URL])
		joined.OfflineNotified = notified[satellite.ID]
		scores.Satellites = append(scores.Satellites, joined)
		if failures[i] != nil {
			scores.Errors = append(scores.Errors, failures[i])
		}
	}
	scores.Satellites = append(scores.Satellites, neverContacted(summary.Audits, status.Satellites)...)
	if notificationsErr != nil {
		scores.Errors = append(scores.Errors, notificationsErr)
	}
	scores.NotificationsRead = notificationsErr == nil
	return scores, nil
}

// recovered turns a panic into an error: in a goroutine of its own it would else
// end the whole process.
func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("reading an answer failed, which is an error of this plugin: %v", cause)
	}
}

// auditsByAddress finds the summary's entries by address. Two entries with one
// address cannot be told apart, so neither is used.
func auditsByAddress(audits []SatelliteAudits) map[string]*SatelliteAudits {
	found := make(map[string]*SatelliteAudits, len(audits))
	for i := range audits {
		address := audits[i].SatelliteName
		if _, twice := found[address]; twice {
			found[address] = nil
			continue
		}
		found[address] = &audits[i]
	}
	return found
}

// joinScores makes one satellite's standing of its answers. fallback is its entry
// in the summary, or nil.
func joinScores(satellite SatelliteRef, detail SatelliteDetail, failure error, fallback *SatelliteAudits) SatelliteScores {
	joined := SatelliteScores{
		ID: satellite.ID, Name: SatelliteName(satellite.ID), URL: satellite.URL,
		DisqualifiedAt: satellite.Disqualified, SuspendedAt: satellite.Suspended, VettedAt: satellite.VettedAt,
		Err: failure,
	}
	audits := fallback
	if failure == nil {
		joined.JoinedAt = detail.JoinedAt
		joined.History = detail.AuditHistory
		joined.Prices = detail.PriceModel
		joined.Storage = detail.StorageDaily
		if joined.VettedAt.IsZero() {
			joined.VettedAt = detail.VettedAt
		}
		if detail.JoinedAt.IsZero() {
			return joined
		}
		if detail.Audits != nil && detail.Audits.Complete {
			audits = detail.Audits
		}
	} else if audits != nil && audits.allZero() {
		// Without the join date this is how a satellite never contacted looks.
		audits = nil
	}
	if audits != nil && audits.Complete {
		joined.Contacted = true
		joined.Audit, joined.Suspension, joined.Online = audits.AuditScore, audits.SuspensionScore, audits.OnlineScore
	}
	return joined
}

// neverContacted are the satellites that the summary lists and the status does
// not: the node trusts them, and was never in contact with them.
func neverContacted(audits []SatelliteAudits, contacted []SatelliteRef) []SatelliteScores {
	known := make(map[string]bool, len(contacted))
	for _, satellite := range contacted {
		known[satellite.URL] = true
	}
	var missing []SatelliteScores
	for _, entry := range audits {
		if entry.SatelliteName == "" || known[entry.SatelliteName] {
			continue
		}
		known[entry.SatelliteName] = true
		missing = append(missing, SatelliteScores{
			Name: satelliteNameOf("", entry.SatelliteName), URL: entry.SatelliteName,
		})
	}
	return missing
}
