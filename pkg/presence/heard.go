package presence

import (
	"cmp"
	"slices"
	"time"
)

// How much of the log is kept. A restart every minute for an hour goes in.
const (
	keptLogStarts = 64
	keptDeaths    = 24
	keptSpells    = 48
	keptChecks    = 8
	keptReason    = 240 // bytes of an error's text
	keptKnown     = 16  // satellites
)

const (
	// spellPause ends a row of failed pings. A node pings each hour, and the pauses between
	// the attempts of an hour grow up to half of it.
	spellPause = 75 * time.Minute
	// deathPause ends a row of deaths without a start between them.
	deathPause = time.Hour
	// sameWords is how far the first words of a node and of its updater are apart, which
	// start together in a container and which old versions do not tell apart.
	sameWords = 10 * time.Second
	// checkPause is how far the lines of one start's check of the clock are apart at most.
	checkPause = time.Minute
)

// heard is what a node's log said that conditions need. Lines may come in any order: nothing
// of it depends on it, but which first words transfers forget, of which only the newest count.
type heard struct {
	Last       time.Time   `json:"last,omitzero"` // the newest line, to five minutes
	LastInfo   time.Time   `json:"lastInfo,omitzero"`
	Slots      slots       `json:"slots"`
	Starts     []time.Time `json:"starts,omitempty"`
	Begun      []time.Time `json:"begun,omitempty"`   // first words: a start may take long, or never come
	Stops      []time.Time `json:"stops,omitempty"`   // by a signal
	Updates    []time.Time `json:"updates,omitempty"` // the updater started the service again
	Deaths     []death     `json:"deaths,omitempty"`
	Checks     []check     `json:"checks,omitempty"` // of the clock, at starts
	Pings      []spell     `json:"pings,omitempty"`
	Satellites []string    `json:"satellites,omitempty"` // those that were named
	// Refused is when the node last said that its version is too old, and what it said.
	Refused time.Time  `json:"refused,omitzero"`
	Skews   []skewSlot `json:"skews,omitempty"`
}

// death is a row of FATAL lines with no start between them.
type death struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Count  int       `json:"count"`
	Reason string    `json:"reason"`
}

// spell is a row of failed pings of one satellite.
type spell struct {
	Satellite string    `json:"satellite"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Count     int       `json:"count"`
	GivenUp   int       `json:"givenUp,omitempty"` // cycles
	Reason    string    `json:"reason,omitempty"`
	Back      time.Time `json:"back,omitzero"` // when the satellite was heard of again
}

// check is one look of the node at its clock.
type check struct {
	At     time.Time `json:"at"`
	Skewed bool      `json:"skewed"`
}

// died takes a FATAL line.
func (h *heard) died(at time.Time, reason string) {
	at = at.UTC()
	for i := range h.Deaths {
		d := &h.Deaths[i]
		if at.Before(d.First.Add(-deathPause)) || at.After(d.Last.Add(deathPause)) || h.startedBetween(d.First, d.Last, at) {
			continue
		}
		if !at.Before(d.Last) {
			d.Reason = reason
		}
		d.First, d.Last, d.Count = earliest(d.First, at), latest(d.Last, at), d.Count+1
		return
	}
	place, _ := slices.BinarySearchFunc(h.Deaths, at, func(d death, at time.Time) int { return d.First.Compare(at) })
	h.Deaths = newest(slices.Insert(h.Deaths, place, death{First: at, Last: at, Count: 1, Reason: reason}), keptDeaths)
}

// startedBetween says whether there was a start between a row of deaths and a time.
func (h *heard) startedBetween(first, last, at time.Time) bool {
	from, to := earliest(last, at), latest(first, at)
	return slices.ContainsFunc(h.Starts, func(start time.Time) bool { return start.After(from) && start.Before(to) })
}

// goesOn takes a line that only a node writes that has started. What began before without
// having started was another command with the node's configuration, which writes to its log.
// It says whether that is news.
func (h *heard) goesOn(at time.Time) (news bool) {
	started := last(h.Starts)
	if !last(h.Begun).After(started) {
		return false
	}
	kept := slices.DeleteFunc(slices.Clone(h.Begun), func(begun time.Time) bool {
		return begun.After(started) && at.Sub(begun) >= aliveAfter
	})
	news = len(kept) < len(h.Begun)
	h.Begun = kept
	return news
}

// attempts are the starts of the node, also those that did not come to their end. What began
// just now may be another command yet.
func (h *heard) attempts(now time.Time) []time.Time {
	var all []time.Time
	started := last(h.Starts)
	for _, begun := range h.Begun {
		if begun.Sub(last(all)) > sameWords && (!begun.After(started) || now.Sub(begun) >= aliveAfter) {
			all = append(all, begun)
		}
	}
	before := time.Time{}
	for _, start := range h.Starts {
		began := slices.ContainsFunc(h.Begun, func(begun time.Time) bool { return begun.After(before) && !begun.After(start) })
		if !began {
			all = append(all, start)
		}
		before = start
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// pingFailed takes a failed ping, or the end of a cycle of them.
func (h *heard) pingFailed(satellite string, at time.Time, reason string, givenUp bool) {
	at = at.UTC()
	count, cycles := 1, 0
	if givenUp {
		count, cycles = 0, 1
	}
	for i := range h.Pings {
		s := &h.Pings[i]
		if s.Satellite != satellite || at.Before(s.From.Add(-spellPause)) || at.After(s.To.Add(spellPause)) {
			continue
		}
		if !s.Back.IsZero() && at.After(s.Back) {
			continue
		}
		if reason != "" && !at.Before(s.To) {
			s.Reason = reason
		}
		s.From, s.To = earliest(s.From, at), latest(s.To, at)
		s.Count, s.GivenUp = s.Count+count, s.GivenUp+cycles
		return
	}
	place, _ := slices.BinarySearchFunc(h.Pings, at, func(s spell, at time.Time) int { return s.From.Compare(at) })
	h.Pings = newest(slices.Insert(h.Pings, place, spell{Satellite: satellite, From: at, To: at, Count: count, GivenUp: cycles, Reason: reason}), keptSpells)
}

// reached takes a line that shows that a satellite and the node talk to each other. It says
// whether that is news.
func (h *heard) reached(satellite string, at time.Time) (news bool) {
	for i := range h.Pings {
		s := &h.Pings[i]
		if s.Satellite == satellite && s.Back.IsZero() && at.After(s.To) {
			s.Back, news = at.UTC(), true
		}
	}
	return news
}

// waits says whether a satellite was not heard of since its last failed ping.
func (h *heard) waits(satellite string) bool {
	return slices.ContainsFunc(h.Pings, func(s spell) bool { return s.Satellite == satellite && s.Back.IsZero() })
}

// checked takes a line of a check of the clock. One satellite that is out of step makes the
// check a bad one.
func (h *heard) checked(at time.Time, skewed bool) {
	at = at.UTC()
	for i := range h.Checks {
		c := &h.Checks[i]
		if at.Sub(c.At).Abs() <= checkPause {
			c.Skewed = c.Skewed || skewed
			return
		}
	}
	h.Checks = append(h.Checks, check{at, skewed})
	slices.SortFunc(h.Checks, func(a, b check) int { return a.At.Compare(b.At) })
	h.Checks = newest(h.Checks, keptChecks)
}

// knows notes a satellite; it says whether that is news.
func (h *heard) knows(satellite string) (news bool) {
	if satellite == "" || len(h.Satellites) >= keptKnown || slices.Contains(h.Satellites, satellite) {
		return false
	}
	h.Satellites = append(h.Satellites, satellite)
	return true
}

const (
	slotLength = 5 * time.Minute
	slotCount  = int64(7 * 24 * time.Hour / slotLength)
)

func slotOf(t time.Time) int64 { return t.Unix() / int64(slotLength/time.Second) }

// slots says in which five minutes of the last week there was a line.
type slots struct {
	Newest int64  `json:"newest"`
	Bits   []byte `json:"bits"` // slot modulo slotCount
}

// mark notes a line; it says whether that is news.
func (s *slots) mark(slot int64) (news bool) {
	if len(s.Bits) != int(slotCount+7)/8 {
		*s = slots{Newest: slot, Bits: make([]byte, (slotCount+7)/8)}
	}
	if slot <= s.Newest-slotCount {
		return false
	}
	for ; s.Newest < slot; s.Newest++ {
		if slot-s.Newest > slotCount {
			s.Newest = slot - slotCount
		}
		at := (s.Newest + 1) % slotCount
		s.Bits[at/8] &^= 1 << (at % 8)
	}
	at := slot % slotCount
	news = s.Bits[at/8]&(1<<(at%8)) == 0
	s.Bits[at/8] |= 1 << (at % 8)
	return news
}

func (s *slots) has(slot int64) bool {
	if len(s.Bits) == 0 || slot > s.Newest || slot <= s.Newest-slotCount {
		return false
	}
	at := slot % slotCount
	return s.Bits[at/8]&(1<<(at%8)) != 0
}

// longestGap is the longest time of the last week without a line, to five minutes. What a
// start ended is none: the node did not run.
func (h *heard) longestGap() time.Duration {
	ended := make(map[int64]bool, 2*len(h.Starts)) // by a start, which is noted a little later
	for _, start := range h.Starts {
		ended[slotOf(start)], ended[slotOf(start)-1] = true, true
	}
	longest, previous := int64(0), int64(0)
	for slot := h.Slots.Newest - slotCount + 1; slot <= h.Slots.Newest; slot++ {
		if !h.Slots.has(slot) {
			continue
		}
		if previous != 0 && !ended[slot] {
			longest = max(longest, slot-previous)
		}
		previous = slot
	}
	return time.Duration(longest) * slotLength
}

// keptSkews is a little more than an hour.
const keptSkews = 14

// skewSlot is how late the most punctual line of five minutes came, in seconds: a line may
// wait before it is read, so that the least is the nearest to how far the clocks are apart.
type skewSlot struct {
	Slot  int64   `json:"slot"`
	Least float64 `json:"least"`
}

// late takes how late a line was read, and says whether it is the first of its slot.
func (h *heard) late(read time.Time, late time.Duration) (first bool) {
	slot, seconds := slotOf(read), late.Seconds()
	at, found := slices.BinarySearchFunc(h.Skews, slot, func(s skewSlot, slot int64) int { return cmp.Compare(s.Slot, slot) })
	if found {
		h.Skews[at].Least = min(h.Skews[at].Least, seconds)
		return false
	}
	h.Skews = newest(slices.Insert(h.Skews, at, skewSlot{slot, seconds}), keptSkews)
	return true
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
