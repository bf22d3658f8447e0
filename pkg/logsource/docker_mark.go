package logsource

import (
	"slices"
	"time"
)

// dockerMark is how far the log of one container was read. Docker gives a log from a
// time on, so the mark is a time and how many of the lines from then on were read. That
// is exact where lines are in another order than their times, too: two streams of a
// container write beside each other. So the time lies a little before the last line's.
type dockerMark struct {
	last  time.Time // the latest time of a line
	equal int       // how many lines have just this time

	from   time.Time      // where reading would begin again
	count  int            // how many lines from then on were read
	recent []linesOfStamp // the lines of count, by their times

	setBack time.Time // the latest time from before the daemon's clock was set back
}

type linesOfStamp struct {
	stamp time.Time
	lines int
}

// disorder is how much earlier than a line before it a line may be stamped.
const disorder = 2 * time.Second

// clockStep is how far the times of a log must lie in the future for its daemon's clock
// to have been set back.
const clockStep = time.Minute

func markOf(p DockerPosition) *dockerMark {
	m := &dockerMark{last: p.Last, equal: p.Equal, from: p.From, count: p.Count, setBack: p.SetBack}
	if m.from.IsZero() {
		m.from, m.count = p.Last, p.Equal
	}
	return m
}

func (m *dockerMark) position(container string) DockerPosition {
	return DockerPosition{Container: container, Last: m.last, Equal: m.equal, From: m.from, Count: m.count, SetBack: m.setBack}
}

// read counts a line.
func (m *dockerMark) read(stamp time.Time) {
	switch {
	case stamp.After(m.last):
		m.last, m.equal = stamp, 1
	case stamp.Equal(m.last):
		m.equal++
	}
	if stamp.Before(m.from) {
		return
	}
	m.count++
	at := len(m.recent)
	for at > 0 && m.recent[at-1].stamp.After(stamp) {
		at--
	}
	if at > 0 && m.recent[at-1].stamp.Equal(stamp) {
		m.recent[at-1].lines++
		return
	}
	m.recent = slices.Insert(m.recent, at, linesOfStamp{stamp, 1})
}

// advance lets the mark follow the lines. The unfinished line's first part has to be read
// again after it.
func (m *dockerMark) advance(unfinished time.Time) {
	from := m.last.Add(-disorder)
	if !unfinished.IsZero() && unfinished.Before(from) {
		from = unfinished
	}
	if !from.After(m.from) {
		return
	}
	m.from = from
	passed := 0
	for passed < len(m.recent) && m.recent[passed].stamp.Before(from) {
		m.count -= m.recent[passed].lines
		passed++
	}
	m.recent = slices.Delete(m.recent, 0, passed)
	if from.After(m.setBack) {
		m.setBack = time.Time{}
	}
}

// dockerResume tells the lines that were read before from those that were not, while a
// log is read from its mark on.
type dockerResume struct {
	mark *dockerMark // how far the log is read now
	old  dockerMark  // how far it was
	left int         // how many lines are to come again
}

// resume begins at a mark, which stays as it is until all lines that it counts have
// come again. The daemon's clock may show an earlier time than the mark.
func resume(m *dockerMark, daemons time.Time) *dockerResume {
	old := *m
	if !daemons.IsZero() && old.from.After(daemons.Add(clockStep)) {
		daemons = daemons.Add(-time.Second) // it is known to the second
		old = dockerMark{last: daemons, from: daemons, setBack: old.last}
	}
	return &dockerResume{
		mark: &dockerMark{last: old.last, from: old.from, setBack: old.setBack},
		old:  old, left: old.count,
	}
}

// take says whether a line is new.
func (r *dockerResume) take(stamp, daemons time.Time) bool {
	if stamp.Before(r.old.from) {
		return false // before what was asked for
	}
	if !r.mark.setBack.IsZero() && !stamp.After(r.mark.setBack) && stamp.After(daemons.Add(disorder)) {
		return false // of the future, so from before the clock was set back
	}
	fresh := r.left == 0 || stamp.After(r.old.last)
	if fresh {
		r.left = 0
	} else {
		r.left--
	}
	r.mark.read(stamp)
	return fresh
}

// done says that nothing is left that was read before.
func (r *dockerResume) done() bool { return r.left == 0 }
