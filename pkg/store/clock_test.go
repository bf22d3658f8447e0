package store

import (
	"strings"
	"testing"
	"time"
)

// leaping is a store whose clock leaps, with a day's patience.
func leaping(t *testing.T, dir string, now *time.Time, told *[]string) *Store {
	t.Helper()
	s := open(t, dir, func(o *Options) {
		o.Limits.Policies = map[string]Policy{"scores": tiered["scores"], "traffic": counted["traffic"]}
		o.Now = func() time.Time { return *now }
		o.Report = func(message string) { *told = append(*told, message) }
	})
	s.clock.patience = clockPatience
	return s
}

// A clock that is ahead for a while, or while the store was closed, costs no history.
func TestAClockThatLeapsCostsNoHistory(t *testing.T) {
	for name, leap := range map[string]time.Duration{"two years": 2 * 365 * 24 * time.Hour, "40 days": 40 * 24 * time.Hour} {
		for _, closed := range []bool{false, true} {
			now, told, dir := start, []string(nil), t.TempDir()
			s := leaping(t, dir, &now, &told)
			model := counts{}
			poll := func() {
				record(t, s, "scores/n", now, Sample{"x", 1})
				if n := s.Status().RefusedRows; n > 0 {
					t.Fatalf("%s ahead, closed %v: %d rows are refused", name, closed, n)
				}
			}
			sealed := func() {
				check(t, s.RollUp(t.Context()))
				check(t, s.Seal())
			}
			for range 20 * 24 {
				now = now.Add(time.Hour)
				poll()
				count(t, s, model, now, 1)
				if now.Hour() == 0 {
					sealed()
				}
			}
			right := now
			leapt := func() {
				if closed {
					check(t, s.Close())
					s = leaping(t, dir, &now, &told)
				}
			}
			now = right.Add(leap)
			leapt()
			poll()
			count(t, s, counts{}, now, 1)
			// What is heard with the right time meanwhile counts, too.
			count(t, s, model, right.Add(time.Minute), 1)
			sealed()
			leapt()
			sealed()
			if len(told) == 0 || !strings.Contains(told[0], "the clock says") {
				t.Errorf("%s ahead, closed %v: it says %q", name, closed, told)
			}
			now = right
			leapt()
			for range 5 {
				now = now.Add(time.Hour)
				poll()
				count(t, s, model, now, 1)
			}
			sealed()
			wholeTiers(t, s, model, now, name+" ahead")
			if got := values(t, s, start.Add(time.Hour), now, time.Hour, Min); len(got) != 20*24+5 {
				t.Errorf("%s ahead, closed %v: %d hours of %d are left", name, closed, len(got), 20*24+5)
			}
			check(t, s.Close())
		}
	}
}

// A clock that has gone on for long enough is believed.
func TestAClockThatGoesOnIsBelieved(t *testing.T) {
	now, told := start, []string(nil)
	s := leaping(t, t.TempDir(), &now, &told)
	record(t, s, "a", now, Sample{"x", 1})
	check(t, s.Seal())
	now = now.AddDate(2, 0, 0)
	check(t, s.Seal())
	record(t, s, "a", now, Sample{"x", 2})
	if got := content(t, s, "a")["x"]; len(got) != 1 { // up to a year after the start
		t.Fatalf("%d rows are left", len(got))
	}
	s.clock.leapt = time.Now().Add(-clockPatience)
	check(t, s.Seal())
	if got := content(t, s, "a")["x"]; len(got) != 0 {
		t.Errorf("%d rows are left of what is past its time", len(got))
	}
	if len(told) != 1 {
		t.Errorf("it says %q", told)
	}
}
