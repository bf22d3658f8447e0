package fleet

import (
	"hash/fnv"
	"time"
)

// schedule says when one kind of poll is due: at once, then at the node's own
// offset in each interval, and sooner again while it fails.
type schedule struct {
	interval time.Duration
	offset   time.Duration
	next     time.Time // zero: at once
	retry    time.Duration
}

func newSchedule(interval time.Duration, key string) *schedule {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return &schedule{interval: interval, offset: time.Duration(h.Sum64() % uint64(min(interval/2, maxOffset))), retry: firstRetry}
}

// due says whether it is time. A next time further away than the interval is of
// before the clock was set back.
func (s *schedule) due(now time.Time) bool {
	return !now.Before(s.next) || s.next.Sub(now) > s.interval
}

func (s *schedule) done(now time.Time, ok bool) {
	regular := now.Truncate(s.interval).Add(s.offset)
	if !regular.After(now) {
		regular = regular.Add(s.interval)
	}
	if ok {
		s.next, s.retry = regular, firstRetry
		return
	}
	s.next = now.Add(s.retry)
	if s.retry = min(2*s.retry, s.interval); regular.Before(s.next) {
		s.next = regular
	}
}
