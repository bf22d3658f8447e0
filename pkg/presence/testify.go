package presence

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// told is a line of what happened, with its time.
type told struct {
	at   time.Time
	text string
}

// Testify tells of the restarts and deaths of a node in a time, and of the pings of a
// satellite ("": of all) that failed.
func (Concern) Testify(_ context.Context, c conditions.Case, node concern.Node, satellite string, from, to time.Time) ([]conditions.Exhibit, error) {
	h := readHeard(c.Store, node)
	p, polls := readPolled(c.Store, node)
	within := func(first, last time.Time) bool { return !last.Before(from) && !first.After(to) }
	var life, pings []told
	note := func(times []time.Time, text string) {
		for _, at := range times {
			if within(at, at) {
				life = append(life, told{at, text})
			}
		}
	}
	if len(h.Starts) > 0 {
		note(h.Starts, "the node started")
	} else {
		note(p.Starts, "the node started")
	}
	note(h.Stops, "the node was told to stop")
	note(h.Updates, "the updater started the node's service again")
	for _, d := range h.Deaths {
		if !within(d.First, d.Last) {
			continue
		}
		text := "the node stopped itself: " + sentence(d.Reason)
		if d.Count > 1 {
			text += fmt.Sprintf(" (%d times until %s)", d.Count, moment(d.Last))
		}
		life = append(life, told{d.First, text})
	}
	for _, v := range p.Versions {
		if within(v.Since, v.Since) {
			life = append(life, told{v.Since, "version " + v.Version + " was seen for the first time"})
		}
	}
	for _, s := range h.Pings {
		if !within(s.From, s.To) || satellite != "" && s.Satellite != satellite {
			continue
		}
		text := fmt.Sprintf("%s of %s failed until %s", counted(s.Count, "ping"), storagenode.SatelliteName(s.Satellite), moment(s.To))
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		pings = append(pings, told{s.From, text})
	}
	exhibits := []conditions.Exhibit{
		{Title: "Starts and stops", Lines: inOrder(life, "no start and no stop is known of this time")},
		{Title: "Failed pings", Lines: inOrder(pings, "no failed ping is known of this time")},
	}
	if polls {
		contact := "no satellite had reached the node"
		if !p.LastPinged.IsZero() {
			contact = "the node was last reached at " + moment(p.LastPinged)
		}
		exhibits[1].Lines = append(exhibits[1].Lines, fmt.Sprintf("%s  at the last poll: %s", moment(p.At), contact))
	}
	return exhibits, nil
}

func inOrder(all []told, none string) []string {
	if len(all) == 0 {
		return []string{none}
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.at.Compare(b.at) })
	lines := make([]string, len(all))
	for i, t := range all {
		lines[i] = moment(t.at) + "  " + t.text
	}
	return lines
}
