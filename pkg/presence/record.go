package presence

import (
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// How much of the polls is kept.
const (
	keptStarts   = 16
	keptVersions = 8
	keptTraffic  = 26 // one an hour
	// brokenWatch is a pause between two answers after which watching begins anew: the
	// plugin or its machine was off, or the node was.
	brokenWatch = 15 * time.Minute
)

// polled is what a node's polls said that conditions need.
type polled struct {
	At       time.Time     `json:"at"` // of the last poll
	Interval time.Duration `json:"interval"`
	// Since is the first of the polls that came without a long pause up to the last one.
	Since      time.Time `json:"since"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	LastPinged time.Time `json:"lastPinged,omitzero"` // the last that was known: a restart forgets it
	// Starts are those that polls noticed, where it was running before.
	Starts   []time.Time    `json:"starts,omitempty"`
	Versions []versionSince `json:"versions,omitempty"` // in the order in which they came
	Minimum  string         `json:"minimum,omitempty"`  // the version that is allowed at least, the last that was known
	UpToDate bool           `json:"upToDate"`
	// QUICSince is the first poll of an unbroken row of those that found it misconfigured.
	QUICSince time.Time `json:"quicSince,omitzero"`
	QUICPolls int       `json:"quicPolls,omitempty"`
	// Satellites are those that work with the node, Left those that disqualified it.
	Satellites []string      `json:"satellites,omitempty"`
	Left       []string      `json:"left,omitempty"`
	Traffic    []trafficMark `json:"traffic,omitempty"`
}

// versionSince is when a version was first seen running.
type versionSince struct {
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
}

// trafficMark is how much the node said to have transferred in the month, once an hour and
// at the last poll.
type trafficMark struct {
	At   time.Time `json:"at"`
	Used int64     `json:"used"`
}

// Record keeps what conditions need of a poll.
func (Concern) Record(node concern.Node, poll concern.Poll, from *store.Store, into *store.Batch) error {
	if poll.Status == nil {
		return nil
	}
	p, ok := readPolled(from, node)
	p.note(*poll.Status, poll.At, poll.Interval, ok)
	return putDocument(into, node.StoredAs(polledName), p)
}

func (p *polled) note(status storagenode.Status, at time.Time, interval time.Duration, known bool) {
	if !known || at.Sub(p.At) > max(brokenWatch, 3*interval) || at.Before(p.At) {
		p.Since = at
	}
	p.At, p.Interval = at, interval
	if !status.StartedAt.IsZero() && !status.StartedAt.Equal(p.StartedAt) {
		if !p.StartedAt.IsZero() {
			p.Starts = insertTime(p.Starts, status.StartedAt, keptStarts)
		}
		p.StartedAt = status.StartedAt
	}
	if !status.LastPinged.IsZero() {
		p.LastPinged = status.LastPinged
	}
	p.noteVersion(status, at)
	switch status.QUICStatus {
	case "Misconfigured":
		if p.QUICSince.IsZero() {
			p.QUICSince = at
		}
		p.QUICPolls++
	case "Refreshing": // it is neither, for a moment
	default:
		p.QUICSince, p.QUICPolls = time.Time{}, 0
	}
	p.Satellites, p.Left = nil, nil
	for _, satellite := range status.Satellites {
		if satellite.Disqualified.IsZero() {
			p.Satellites = append(p.Satellites, satellite.ID)
		} else {
			p.Left = append(p.Left, satellite.ID)
		}
	}
	// The last mark is that of the last poll: it stays when it is an hour from the one before.
	if n := len(p.Traffic); n > 1 && p.Traffic[n-1].At.Sub(p.Traffic[n-2].At) < time.Hour {
		p.Traffic = p.Traffic[:n-1]
	}
	p.Traffic = newest(append(p.Traffic, trafficMark{at, int64(status.Bandwidth.Used)}), keptTraffic)
}

func (p *polled) noteVersion(status storagenode.Status, at time.Time) {
	// A minimum that cannot be asked for now is still one: it never falls.
	_, asked := parseVersion(status.AllowedVersion)
	if asked {
		p.Minimum = status.AllowedVersion
	}
	p.UpToDate = status.UpToDate || !asked
	if _, ok := parseVersion(status.Version); !ok {
		return
	}
	if n := len(p.Versions); n == 0 || p.Versions[n-1].Version != status.Version {
		p.Versions = newest(append(p.Versions, versionSince{status.Version, at}), keptVersions)
	}
}

// version is what runs now; "" is not known.
func (p *polled) version() string {
	if len(p.Versions) == 0 {
		return ""
	}
	return p.Versions[len(p.Versions)-1].Version
}

// transferredSince is how many bytes the node says to have transferred since a time: at
// least, for the marks are an hour apart and a new month begins at nothing.
func (p *polled) transferredSince(from time.Time) int64 {
	sum := int64(0)
	for i := 1; i < len(p.Traffic); i++ {
		if p.Traffic[i-1].At.After(from) {
			sum += max(0, p.Traffic[i].Used-p.Traffic[i-1].Used)
		}
	}
	return sum
}

// insertTime puts a time into its place, once, and keeps the newest.
func insertTime(times []time.Time, t time.Time, keep int) []time.Time {
	at, found := slices.BinarySearchFunc(times, t, time.Time.Compare)
	if found {
		return times
	}
	return newest(slices.Insert(times, at, t.UTC()), keep)
}

func newest[T any](list []T, keep int) []T {
	if excess := len(list) - keep; excess > 0 {
		return slices.Delete(list, 0, excess)
	}
	return list
}

func last(times []time.Time) time.Time {
	if len(times) == 0 {
		return time.Time{}
	}
	return times[len(times)-1]
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
