package fleet

import (
	"fmt"
	"testing"
	"time"
)

func TestScheduleIsAtOnceThenAligned(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 3, 20, 0, time.UTC)
	for _, interval := range []time.Duration{30 * time.Second, 5 * time.Minute, time.Hour, 24 * time.Hour} {
		for _, key := range []string{"a", "b", "cellar-3"} {
			t.Run(fmt.Sprint(interval, key), func(t *testing.T) {
				s := newSchedule(interval, key)
				if !s.due(start) {
					t.Fatal("the first poll is not at once")
				}
				if s.offset < 0 || s.offset >= interval || s.offset >= maxOffset {
					t.Fatalf("offset %v", s.offset)
				}
				if again := newSchedule(interval, key); again.offset != s.offset {
					t.Errorf("another offset each time: %v, %v", s.offset, again.offset)
				}
				now, last := start, time.Time{}
				for range 5 {
					s.done(now.Add(2*time.Second), true)
					if s.due(now.Add(2 * time.Second)) {
						t.Fatal("due at once again")
					}
					if at := s.next.Sub(s.next.Truncate(interval)); at != s.offset {
						t.Errorf("polled at %v in the interval, want %v", at, s.offset)
					}
					if !last.IsZero() && s.next.Sub(last) != interval {
						t.Errorf("%v after the last poll", s.next.Sub(last))
					}
					last, now = s.next, s.next
				}
			})
		}
	}
}

func TestSchedulesOfSeveralNodesAreSpread(t *testing.T) {
	offsets := map[time.Duration]bool{}
	for i := range 20 {
		offsets[newSchedule(5*time.Minute, fmt.Sprintf("node-%d", i)).offset.Truncate(time.Second)] = true
	}
	if len(offsets) < 10 {
		t.Errorf("20 nodes are polled in %d different seconds", len(offsets))
	}
}

// While it fails it is tried sooner, each time half as soon, and no more often than
// once an interval in the end. What goes well then is regular again.
func TestScheduleBacksOff(t *testing.T) {
	interval := 5 * time.Minute
	s := newSchedule(interval, "a")
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(s.offset)
	begin := now
	want := firstRetry
	var polls int
	for now.Before(begin.Add(24 * time.Hour)) {
		s.done(now, false)
		pause := s.next.Sub(now)
		switch regular := s.next.Sub(s.next.Truncate(interval)) == s.offset; {
		case pause <= 0 || pause > interval:
			t.Fatalf("pause %v", pause)
		case !regular && pause != want:
			t.Fatalf("pause %v, want %v", pause, want)
		}
		want = min(2*want, interval)
		now = s.next
		polls++
	}
	if regular := int(24 * time.Hour / interval); polls > regular+16 || polls < regular {
		t.Errorf("%d polls in a day of failures, regularly %d", polls, regular)
	}
	s.done(now, true)
	s.done(s.next, false)
	if pause := s.retry; pause != 2*firstRetry {
		t.Errorf("the backoff goes on at %v after a success", pause)
	}
}

func TestScheduleSurvivesClocksThatAreSet(t *testing.T) {
	interval := 5 * time.Minute
	now := time.Date(2026, 11, 22, 10, 3, 20, 0, time.UTC)
	for _, ok := range []bool{true, false} {
		s := newSchedule(interval, "a")
		s.done(now, ok)
		for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 50 * 365 * 24 * time.Hour} {
			if !s.due(now.Add(-back)) {
				t.Errorf("ok %v: a clock set back by %v stops the polls for %v", ok, back, s.next.Sub(now.Add(-back)))
			}
		}
		if ok && s.due(now.Add(-time.Second)) {
			t.Error("a second back is no reason to poll")
		}
		if !s.due(now.Add(1000 * time.Hour)) {
			t.Error("not due after a clock was set forward")
		}
	}
}
