package presence

import (
	"fmt"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

const (
	// orderlyStop is how long after a signal a FATAL line belongs to the stop. Those of the
	// process that comes next do not, however soon it dies.
	orderlyStop = 2 * time.Minute
	// aliveAfter is how long after a FATAL line an answer or a transfer shows that the node
	// did not end with it, and after the first words of a process that it is not the node's.
	aliveAfter = time.Minute
	// recently is for how long a start counts more than whether the log can be read.
	recently = 24 * time.Hour

	// loopClears is at least as long as the starts of a loop are apart.
	loopClears = time.Hour
	// sameStart is how far what a poll and what the log say of one start are apart.
	sameStart = 15 * time.Minute

	// refusedFor is how long a line about the version counts: the node looks at it each
	// quarter of an hour.
	refusedFor = time.Hour
)

// judgeStopped is of a node that ended itself and was not started again.
func (s *subject) judgeStopped(b *bench) (*conditions.Finding, string) {
	death, mended, ends := s.lastDeath()
	switch {
	case death.Count == 0:
		return nil, s.unreadLog()
	case s.behind():
		return nil, s.unreadLog()
	case !ends && s.now.Sub(death.Last) < recently:
		return nil, ""
	case !ends:
		return nil, s.unreadLog()
	}
	end := s.now
	if !mended.IsZero() {
		if s.reach.why != "" && s.HasAPI() {
			return nil, s.reach.why
		}
		// It started again. Whether it runs, its API says; without, the start has to do.
		if s.Answers() || !s.reach.failing || s.now.Sub(mended) >= startHold {
			if s.now.Sub(mended) < recently {
				return nil, "" // it is well, though the log may not be readable since
			}
			return nil, s.unreadLog()
		}
		end = mended
	}
	limit := s.Thresholds.NodeStopped
	if end.Sub(death.First) < limit {
		return nil, ""
	}
	again := ""
	if death.Count > 1 {
		again = fmt.Sprintf(" (%d times, the last at %s)", death.Count, moment(death.Last))
	}
	state := "and has not started since"
	if !mended.IsZero() {
		state = fmt.Sprintf("and started at %s, but its API does not answer", moment(mended))
	}
	down := s.now.Sub(death.First)
	return &conditions.Finding{
		Severity: conditions.Critical, Value: down.Seconds(), Threshold: limit.Seconds(), Unit: "s", Since: death.First,
		Message: fmt.Sprintf("Node %s stopped itself %s ago, at %s%s, %s (threshold: %s). Its last words: %s Mend that and start the node. "+
			"Downtime lowers the online score; after 30 days without contact satellites disqualify a node.",
			s.Name, lasting(down), moment(death.First), again, state, lasting(limit), sentence(death.Reason)),
	}, ""
}

// lastDeath is the last row of FATAL lines that ended the node, and when it was started
// again; zero: not yet. They end nothing where the node lives on, or was told to stop.
func (s *subject) lastDeath() (d death, mended time.Time, ends bool) {
	if len(s.heard.Deaths) == 0 {
		return death{}, time.Time{}, false
	}
	d = s.heard.Deaths[len(s.heard.Deaths)-1]
	starts := append(slices.Clone(s.heard.Starts), s.polled.StartedAt, s.Facts.StartedAt)
	slices.SortFunc(starts, time.Time.Compare)
	for _, start := range starts {
		if start.After(d.Last) {
			mended = start
			break
		}
	}
	began := append(starts, s.heard.Begun...)
	ordered := slices.ContainsFunc(s.heard.Stops, func(stop time.Time) bool {
		again := slices.ContainsFunc(began, func(start time.Time) bool { return !start.Before(stop) && !start.After(d.Last) })
		return !d.First.Before(stop) && d.Last.Sub(stop) < orderlyStop && !again
	})
	// A process that answers later, or whose log has transfers later, did not end.
	alive := mended.IsZero() && (s.Answered.After(d.Last.Add(aliveAfter)) || s.Evidence.Last[transferLines].After(d.Last.Add(aliveAfter)))
	return d, mended, !ordered && !alive
}

// judgeRestartLoop is of a node that starts again and again.
func (s *subject) judgeRestartLoop(*bench) (*conditions.Finding, string) {
	starts, loopStarts, loopWithin := s.starts(), s.Thresholds.RestartLoopStarts, s.Thresholds.RestartLoop
	final := last(starts)
	if len(starts) < loopStarts || s.now.Sub(final) >= loopClears {
		return nil, s.unseenStarts()
	}
	// The starts of the hour before the last one: the loop is among them.
	looped := false
	recent := 0
	for i := range starts {
		if final.Sub(starts[i]) < loopClears {
			recent++
		}
		if i+loopStarts <= len(starts) && starts[i+loopStarts-1].Sub(starts[i]) <= loopWithin && s.now.Sub(starts[i+loopStarts-1]) < loopClears {
			looped = true
		}
	}
	if !looped {
		return nil, ""
	}
	why := ""
	if n := len(s.heard.Deaths); n > 0 && final.Sub(s.heard.Deaths[n-1].Last).Abs() < loopClears {
		why = "Its last words before: " + sentence(s.heard.Deaths[n-1].Reason) + " "
	}
	first := starts[len(starts)-recent]
	return &conditions.Finding{
		Severity: conditions.Critical, Value: float64(recent), Threshold: float64(loopStarts), Unit: "short", Since: first, Last: final,
		Message: fmt.Sprintf("Node %s started %d times from %s to %s (threshold: %d starts in %s). %sLook at the end of the log before each start, and at the memory that the machine has left.",
			s.Name, recent, moment(first), moment(final), loopStarts, lasting(loopWithin), why),
	}, ""
}

// starts are the node's, from the log where that shows them, else as polls noticed them.
func (s *subject) starts() []time.Time {
	logged := s.heard.attempts(s.now)
	if len(logged) > 0 && !last(s.polled.Starts).After(last(logged).Add(sameStart)) {
		return logged
	}
	return s.polled.Starts
}

func (s *subject) unseenStarts() string {
	if s.hasLog() || s.HasAPI() {
		return ""
	}
	return whyNoAPI
}

// judgeVersion is of a version that is too old.
func (s *subject) judgeVersion(b *bench) (*conditions.Finding, string) {
	running, known := parseVersion(s.polled.version())
	why := s.unpolled()
	if why == "" && !known {
		why = "the node does not say which version it is"
	}
	if why != "" {
		if s.heard.Refused.After(last(s.heard.Starts)) && s.now.Sub(s.heard.Refused) < refusedFor {
			return s.belowMinimum("", "", 1), ""
		}
		return nil, why
	}
	// A node that may not ask for the minimum, or never could, is not called unwatched for
	// ever: what the other nodes run tells as much.
	minimum, asked := parseVersion(s.polled.Minimum)
	if asked && (!s.polled.UpToDate || running.olderThan(minimum)) {
		behind := 0
		if minimum[0] == running[0] {
			behind = minimum[1] - running[1]
		}
		return s.belowMinimum(running.String(), minimum.String(), max(behind, 1)), ""
	}
	mate, since := b.newer(s, running)
	limit := s.Thresholds.VersionBehind
	if mate == nil || s.now.Sub(since) < limit {
		return nil, ""
	}
	return &conditions.Finding{
		Severity: conditions.Info, Value: s.now.Sub(since).Seconds(), Threshold: limit.Seconds(), Unit: "s", Since: since,
		Message: fmt.Sprintf("Node %s runs version %s. Other nodes have run a newer one for %s (threshold: %s): %s runs %s. See why this node's updater does not update it.",
			s.Name, running, lasting(s.now.Sub(since)), lasting(limit), mate.Name, mate.polled.version()),
	}, ""
}

// belowMinimum is of a version that satellites do not take any more; the versions are "" where
// only the log says so.
func (s *subject) belowMinimum(running, minimum string, behind int) *conditions.Finding {
	what := "says in its log that its version is not allowed any more"
	if running != "" {
		what = fmt.Sprintf("runs version %s, below the minimum %s that satellites ask for (%s behind, threshold: 0)", running, minimum, counted(behind, "release"))
	}
	return &conditions.Finding{
		Severity: conditions.Critical, Value: float64(behind), Threshold: 0, Unit: "short",
		Message: fmt.Sprintf("Node %s %s. Satellites give it no new data, and it may stop itself. Update it now, and see why its updater did not.", s.Name, what),
	}
}

// newer finds another node with a newer version, and since when one has run anything newer.
func (b *bench) newer(than *subject, running version) (mate *subject, since time.Time) {
	newestVersion := running
	for _, s := range b.nodes {
		if s == than || s.Retired {
			continue
		}
		current, ok := parseVersion(s.polled.version())
		if !ok || !running.olderThan(current) {
			continue
		}
		if newestVersion.olderThan(current) {
			mate, newestVersion = s, current
		}
		// From the last back to where it ran nothing newer.
		for i := len(s.polled.Versions) - 1; i >= 0; i-- {
			ran, _ := parseVersion(s.polled.Versions[i].Version)
			if !running.olderThan(ran) {
				break
			}
			if began := s.polled.Versions[i].Since; since.IsZero() || began.Before(since) {
				since = began
			}
		}
	}
	return mate, since
}
