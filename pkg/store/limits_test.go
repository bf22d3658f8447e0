package store

import (
	"testing"
	"time"
)

// eventually waits until something is so, or fails.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never happened that ", what)
		}
	}
}

func TestLimitsChangeWhileTheStoreIsOpen(t *testing.T) {
	now := time.Now()
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{FlushInterval: time.Hour}})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	refused := func(at time.Time) bool {
		before := s.Status().RefusedRows
		batch := &Batch{}
		batch.AppendEvent(Event{Time: at.UnixMilli(), Kind: "restart"})
		batch.Add("a", at.UnixMilli(), Sample{"x", 1})
		check(t, s.Record(batch))
		switch s.Status().RefusedRows - before {
		case 0:
			return false
		case 2:
			return true
		}
		t.Fatal("of a row and an event of the same time one is refused")
		return false
	}
	for _, c := range []struct {
		limits  Limits
		at      time.Time
		refused bool
	}{
		{Limits{}, now.Add(58 * time.Minute), false},
		{Limits{}, now.Add(61 * time.Minute), true},
		{Limits{MaxFuture: 2 * time.Minute}, now.Add(3 * time.Minute), true},
		{Limits{MaxFuture: 5 * time.Hour}, now.Add(4 * time.Hour), false},
		{Limits{}, now.AddDate(0, 0, -399), false},
		{Limits{}, now.AddDate(0, 0, -401), true},
		{Limits{Retention: 500 * 24 * time.Hour, EventRetention: 500 * 24 * time.Hour}, now.AddDate(0, 0, -401), false},
		{Limits{MaxPast: 24 * time.Hour}, now.AddDate(0, 0, -2), true},
		{Limits{MaxPast: 24 * time.Hour}, now.Add(-time.Hour), false},
	} {
		s.SetLimits(c.limits)
		if got := refused(c.at); got != c.refused {
			t.Errorf("%+v: what is of %v from now is refused: %v", c.limits, c.at.Sub(now), got)
		}
		if s.Takes("a", c.at.UnixMilli()) == c.refused {
			t.Errorf("%+v: Takes says otherwise of %v from now", c.limits, c.at.Sub(now))
		}
	}

	// Nothing was committed within the hour; then the intervals become short.
	s.SetLimits(Limits{FlushInterval: time.Hour, Retention: 500 * 24 * time.Hour})
	if commits := s.Status().Commits; commits > 12 {
		t.Errorf("%d commits", commits)
	}
	record(t, s, "a", now, Sample{"x", 1})
	s.SetLimits(Limits{FlushInterval: time.Millisecond, SealInterval: time.Nanosecond})
	eventually(t, "it is committed", func() bool { return s.Status().PendingRows == 0 })
	eventually(t, "it is sealed", func() bool { return s.Status().Chunks > 0 })

	// Events have a retention of their own.
	s.SetLimits(Limits{EventRetention: 24 * time.Hour})
	events, err := s.Events(t.Context(), 0, forever, "")
	check(t, err)
	for _, e := range events {
		if e.Time < now.AddDate(0, 0, -1).UnixMilli() {
			t.Errorf("an event of %v is answered", time.UnixMilli(e.Time))
		}
	}
}
