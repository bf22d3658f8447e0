package store

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// What goes, goes by a clock that may be wrong, and does not come back. So a clock that
// leaps ahead, by its own former time or while nothing ran, is not believed until it has
// gone on for a while: nothing goes before that, and somebody may set it right.
const (
	longestLeap   = 24 * time.Hour
	clockPatience = 24 * time.Hour // of the process's own time
	clockKey      = "m:clock"
)

// retentionClock is the time by which history may go.
type retentionClock struct {
	believed int64 // milliseconds UTC
	patience time.Duration
	leapt    time.Time // when a leap was first seen, of which believed knows nothing yet
	told     bool
}

// retentionTime is the time by which history goes: the clock's, or what it was before it
// leapt ahead.
func (s *Store) retentionTime() time.Time {
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.clock
	switch ahead := time.Duration(now.UnixMilli()-c.believed) * time.Millisecond; {
	case ahead <= longestLeap: // or it was set back
	case c.leapt.IsZero():
		c.leapt = time.Now()
		fallthrough
	case time.Since(c.leapt) < c.patience:
		return time.UnixMilli(c.believed).UTC()
	}
	c.believed, c.leapt, c.told = now.UnixMilli(), time.Time{}, false
	return now
}

// clockText is up to where the clock is believed, as it is kept with a sealing.
func (s *Store) clockText() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return strconv.FormatInt(s.clock.believed, 10)
}

// startClock begins with the time that the store knows, or else with its newest row.
func (s *Store) startClock(kept string, newest int64) {
	now := s.options.Now().UnixMilli()
	s.clock = retentionClock{believed: now, patience: clockPatience}
	if known, err := strconv.ParseInt(kept, 10, 64); err == nil && known > 0 {
		newest = known
	}
	if newest > 0 {
		s.clock.believed = min(now, newest)
	}
}

// tellLeap says that nothing goes for now.
func (s *Store) tellLeap(withheld int) {
	s.mu.Lock()
	leapt, patience := s.clock.leapt, s.clock.patience
	due := !leapt.IsZero() && withheld > 0 && !s.clock.told
	s.clock.told = s.clock.told || due
	believed := s.clock.believed
	s.mu.Unlock()
	if due {
		s.options.Report(fmt.Sprintf("the clock says %s, the store was last used at %s: if that is wrong, set it right; the history that is past its time by this clock goes in %s, not before",
			moment(s.options.Now().UnixMilli()), moment(believed), patience-time.Since(leapt).Round(time.Minute)))
	}
}

// timeIn is the time that a document holds, 0 for none.
func timeIn(document []byte) int64 {
	if len(document) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(document))
}
