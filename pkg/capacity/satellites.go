package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// paidDay is what a satellite stored on one UTC day, on the average, by its own count: what it
// pays for.
type paidDay struct {
	Start time.Time `json:"start"`
	Bytes float64   `json:"bytes"`
	Hours float64   `json:"hours"` // that were counted
}

// paid is what a node's satellites said that they store.
type paid struct {
	At         time.Time       `json:"at"` // when a satellite last said something new
	Satellites []paidSatellite `json:"satellites"`
}

type paidSatellite struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`   // when it last said something new
	Days []paidDay `json:"days"` // ascending
}

// maxPaidDays bounds what is kept of single days beside the series.
const maxPaidDays = 62

// last is the newest day; ok is false where there is none.
func (s paidSatellite) last() (paidDay, bool) {
	if len(s.Days) == 0 {
		return paidDay{}, false
	}
	return s.Days[len(s.Days)-1], true
}

// average is that of the month of the newest day, up to that day.
func (s paidSatellite) average() (bytes float64, days int) {
	last, _ := s.last()
	hours := 0.0
	for _, d := range s.Days {
		if d.Start.Year() == last.Start.Year() && d.Start.Month() == last.Start.Month() {
			bytes += d.Bytes * d.Hours
			hours += d.Hours
			days++
		}
	}
	if hours == 0 {
		return math.NaN(), 0
	}
	return bytes / hours, days
}

// lateDays is after which time a satellite that has not counted is late.
const lateDays = 3 * day

// pays says whether a satellite pays for what it counted last. One that was left, or that has
// disqualified the node, counts nothing any more: it has no day in this month.
func (s paidSatellite) pays(at time.Time) bool {
	last, ok := s.last()
	at = at.UTC()
	return ok && (last.Start.Year() == at.Year() && last.Start.Month() == at.Month() || at.Sub(last.Start) <= lateDays)
}

// late names the satellites that count late, and says which of them pay for nothing any more; "":
// none. At is when the node was last heard.
func (p paid) late(at, now time.Time) string {
	var late []string
	for _, s := range p.Satellites {
		last, ok := s.last()
		if !ok || now.Sub(last.Start) <= lateDays {
			continue
		}
		text := fmt.Sprintf("%s last counted %s", storagenode.SatelliteName(s.ID), last.Start.Format(time.DateOnly))
		if !s.pays(at) {
			text += " and is not among what is paid for"
		}
		late = append(late, text)
	}
	return strings.Join(late, ", ")
}

// paidDays are the days that a satellite has counted. A zero among others is a day that it did
// not count. Versions before v1.70 say byte-hours only, of a day that is not over without saying
// of how many hours: that one is left out until it is.
func paidDays(days []storagenode.StorageDay, now time.Time) []paidDay {
	var all []paidDay
	nonzero := false
	for _, d := range days {
		start := d.IntervalStart.UTC().Truncate(day)
		p := paidDay{Start: start, Bytes: d.AtRestTotalBytes, Hours: d.IntervalInHours}
		inHours := p.Bytes == 0 && d.AtRestTotal > 0
		if !(p.Hours > 0) {
			if inHours && now.Before(start.Add(day)) {
				continue
			}
			p.Hours = day.Hours()
		}
		if inHours {
			p.Bytes = d.AtRestTotal / p.Hours
		}
		if start.IsZero() || start.After(now) || p.Bytes < 0 || math.IsNaN(p.Bytes) || math.IsInf(p.Bytes, 0) {
			continue
		}
		nonzero = nonzero || p.Bytes > 0
		all = append(all, p)
	}
	if nonzero {
		all = slices.DeleteFunc(all, func(p paidDay) bool { return p.Bytes == 0 })
	}
	slices.SortStableFunc(all, func(a, b paidDay) int { return a.Start.Compare(b.Start) })
	return all
}

// learn takes up days, and answers those that are new or were counted anew.
func (s *paidSatellite) learn(days []paidDay) (news []paidDay) {
	for _, d := range days {
		at, known := slices.BinarySearchFunc(s.Days, d, func(a, b paidDay) int { return a.Start.Compare(b.Start) })
		switch {
		case !known:
			s.Days = slices.Insert(s.Days, at, d)
		case s.Days[at].Bytes == d.Bytes && s.Days[at].Hours == d.Hours:
			continue
		default:
			s.Days[at] = d
		}
		news = append(news, d)
	}
	s.Days = s.Days[max(0, len(s.Days)-maxPaidDays):]
	return news
}

func (p *paid) satellite(id string) *paidSatellite {
	for i := range p.Satellites {
		if p.Satellites[i].ID == id {
			return &p.Satellites[i]
		}
	}
	p.Satellites = append(p.Satellites, paidSatellite{ID: id})
	return &p.Satellites[len(p.Satellites)-1]
}

func paidColumnOf(id string) store.Column  { return store.NewColumn(paidColumn, satelliteLabel, id) }
func hoursColumnOf(id string) store.Column { return store.NewColumn(hoursColumn, satelliteLabel, id) }

// recordSatellites stores what is new of what the satellites say that they store.
func recordSatellites(node concern.Node, poll concern.Poll, from *store.Store, into *store.Batch) error {
	if poll.Scores == nil {
		return nil
	}
	known := readPaid(from, node)
	rows := map[int64][]store.Sample{}
	for _, scores := range poll.Scores.Satellites {
		if scores.ID == "" || len(scores.Storage) == 0 {
			continue // what it said before stays
		}
		satellite := known.satellite(scores.ID)
		for _, d := range satellite.learn(paidDays(scores.Storage, poll.At)) {
			at := d.Start.UnixMilli()
			rows[at] = append(rows[at], store.Sample{Column: paidColumnOf(scores.ID), Value: d.Bytes}, store.Sample{Column: hoursColumnOf(scores.ID), Value: d.Hours})
			satellite.At, known.At = poll.At.UTC(), poll.At.UTC()
		}
	}
	if len(rows) == 0 {
		return nil
	}
	for at, samples := range rows {
		into.Add(node.StoredAs(storedName), at, samples...)
	}
	return putDocument(into, node.StoredAs(storedName), known)
}

// readPaid is what the satellites said. What cannot be read is said again with the next poll.
func readPaid(from *store.Store, node concern.Node) paid {
	var p paid
	if _, err := readDocument(from, node.StoredAs(storedName), &p); err != nil {
		return paid{}
	}
	return p
}
