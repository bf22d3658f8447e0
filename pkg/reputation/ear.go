package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The audits that a satellite counted, which only the log says.
const (
	totalAudits      = "total_audits"
	successfulAudits = "successful_audits"
)

// settleTime is for how long a line counts more than a poll, whichever of them seems to be
// the newer one: a poll's answers can be from before it ended.
const settleTime = 2 * time.Minute

// maxHeard bounds the satellites that one flush of a log of garbage can bring.
const maxHeard = 64

// ear hears the scores that a node writes into its log as soon as it is told them: up to
// a poll's interval before the API is asked, and without any API.
type ear struct {
	node  concern.Node
	from  *store.Store
	heard []heard
}

// heard is one line with scores.
type heard struct {
	at time.Time
	storagenode.LoggedScores
}

// Listen gives an ear for one node's scores and audits.
func (c Concern) Listen(node concern.Node, from *store.Store) concern.Ear {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return &ears{now: now, scores: ear{node: node, from: from}, audits: newAuditEar(node, from)}
}

// ears hear together.
type ears struct {
	now    func() time.Time
	until  time.Time // lines up to here were found to be no later than our clock allows
	scores ear
	audits *auditEar
}

// maxAhead is how far a line's time may be ahead of our clock to be believed. One line of a
// clock that is years ahead would else be the newest for years.
const maxAhead = 24 * time.Hour

// Hear takes one line.
func (e *ears) Hear(event *storagenode.Event) {
	at := event.Time
	if at.After(e.until) {
		now := e.now()
		if limit := now.Add(maxAhead); at.After(limit) {
			at = now // what it says counts, its time does not
		} else if e.until = at.Add(time.Minute); e.until.After(limit) {
			e.until = limit
		}
	}
	e.scores.hear(event, at)
	e.audits.hear(event, at)
}

// Flush stores what was heard.
func (e *ears) Flush(into *store.Batch) error {
	return errors.Join(e.scores.Flush(into), e.audits.Flush(into))
}

// hear takes a line with scores.
func (e *ear) hear(event *storagenode.Event, at time.Time) {
	if event.Kind != storagenode.ScoresUpdated && event.Kind != storagenode.ScoresWorsened {
		return
	}
	scores, ok := event.Scores()
	if !ok {
		return
	}
	scores.Satellite = strings.Clone(scores.Satellite)
	e.heard = append(e.heard, heard{at, scores})
}

// Flush stores what was heard as a poll's scores are: samples, each at its line's time,
// and the latest standing, where the line is the newest that is known of the satellite.
func (e *ear) Flush(into *store.Batch) error {
	if len(e.heard) == 0 {
		return nil
	}
	all := e.heard
	e.heard = nil
	latest, _, err := Read(e.from, e.node)
	if err != nil {
		latest = Latest{} // as Record does: the samples are what counts
	}
	slices.SortStableFunc(all, func(a, b heard) int { return a.at.Compare(b.at) })
	news := false
	for _, h := range all {
		standing := latest.standing(h.Satellite)
		switch {
		case standing == nil && len(latest.Standings) >= maxHeard:
			continue
		case standing == nil:
			latest.Standings = append(latest.Standings, Standing{
				SatelliteID: h.Satellite, VettingUnreadable: true,
			})
			standing = &latest.Standings[len(latest.Standings)-1]
		case h.at.Before(standing.HeardAt) || h.at.Before(standing.Timestamp.Add(-settleTime)):
			// A line from before: history, but not the latest.
			into.Add(e.node.StoredAs(name), h.at.UnixMilli(), h.samples()...)
			news = h.count(standing) || news
			continue
		}
		h.renew(standing)
		if h.at.After(latest.Heard) {
			latest.Heard = h.at
		}
		news = true
		samples := h.samples()
		if health, ok := latest.Health(func(id string) bool { return Muted(e.node, id) }); ok {
			samples = append(samples, store.Sample{Column: store.NewColumn(healthPercent), Value: health})
		}
		into.Add(e.node.StoredAs(name), h.at.UnixMilli(), samples...)
	}
	if !news {
		return nil
	}
	document, err := json.Marshal(latest)
	if err != nil {
		return fmt.Errorf("write the reputation of %s: %w", e.node.Name, err)
	}
	into.Put(e.node.StoredAs(name), document)
	return nil
}

// renew puts the line's scores into the standing. What the line does not say stays.
func (h heard) renew(s *Standing) {
	before, known := *s, !s.Timestamp.IsZero()
	h.count(s)
	if h.at.After(s.Timestamp) {
		s.Timestamp = h.at
	}
	s.Audit, s.Suspension, s.Online = 100*h.Audit, 100*h.Suspension, 100*h.Online
	if known {
		s.noteFall(before)
	}
	switch {
	case h.Online >= storagenode.OnlineLimit:
		s.OfflineSuspended, s.OfflineUnreadable = false, false
	case !s.OfflineSuspended:
		// Only the API says whether the satellite has acted, or since when the node is
		// with it.
		s.OfflineSuspended = storagenode.OfflineSuspended(h.Online, s.JoinedAt, h.at, false)
		s.OfflineUnreadable = !s.OfflineSuspended
	}
	if s.VettedAt.IsZero() && !s.JoinedAt.IsZero() && h.TotalAudits >= 0 {
		s.VettingProgress = storagenode.VettingProgress(h.TotalAudits, true, s.JoinedAt, s.VettedAt, h.at)
		s.VettingUnreadable = false
	}
	if h.Online > onlineTarget {
		s.OnlineRecoversAt = time.Time{}
	}
}

// count puts the line's audits into the standing if no newer line was heard: the API does
// not say them.
func (h heard) count(s *Standing) bool {
	if h.at.Before(s.HeardAt) {
		return false
	}
	s.HeardAt = h.at
	s.TotalAudits, s.SuccessfulAudits = max(h.TotalAudits, 0), max(h.SuccessfulAudits, 0)
	return true
}

// samples are what the line says.
func (h heard) samples() []store.Sample {
	samples := []store.Sample{
		sample(auditScore, h.Satellite, 100*h.Audit),
		sample(suspensionScore, h.Satellite, 100*h.Suspension),
		sample(onlineScore, h.Satellite, 100*h.Online),
	}
	if h.TotalAudits >= 0 {
		samples = append(samples, sample(totalAudits, h.Satellite, float64(h.TotalAudits)))
	}
	if h.SuccessfulAudits >= 0 {
		samples = append(samples, sample(successfulAudits, h.Satellite, float64(h.SuccessfulAudits)))
	}
	return samples
}

// keepHeard takes over what only the log says, and its scores where the poll's answers
// can be from before the line: else the scores would go back, and forth with the next
// poll.
func (s *Standing) keepHeard(before *Standing, polled time.Time) {
	if before == nil {
		return
	}
	s.TotalAudits, s.SuccessfulAudits, s.HeardAt = before.TotalAudits, before.SuccessfulAudits, before.HeardAt
	if s.TotalAudits > 0 && s.VettedAt.IsZero() && !s.JoinedAt.IsZero() {
		// The API's history of audits is a lower bound.
		s.VettingProgress = max(s.VettingProgress, storagenode.VettingProgress(s.TotalAudits, true, s.JoinedAt, s.VettedAt, polled))
	}
	if before.HeardAt.IsZero() || polled.Sub(before.HeardAt).Abs() > settleTime {
		return
	}
	s.Audit, s.Suspension, s.Online = before.Audit, before.Suspension, before.Online
	if s.Online >= 100*storagenode.OnlineLimit {
		s.OfflineSuspended, s.OfflineUnreadable = false, false
	}
}
