package simnode_test

import (
	"math"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

var testStart = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

func TestFortyOneStraightFailuresDisqualify(t *testing.T) {
	j := simnode.NewJudge(testStart.AddDate(-1, 0, 0), true)
	for n := 1; n <= 41; n++ {
		if left, want := j.FailuresLeft(), 42-n; left != want {
			t.Fatalf("before failure %d: %d failures left, want %d", n, left, want)
		}
		j.Audit("failed", testStart.Add(time.Duration(n)*time.Minute))
		if got, want := j.Scores().Audit, math.Pow(0.999, float64(n)); math.Abs(got-want) > 1e-12 {
			t.Fatalf("after %d failures the score is %v, want 0.999^n = %v", n, got, want)
		}
		if disqualified, _, _, _ := j.State(); disqualified != (n == 41) {
			t.Fatalf("after %d failures disqualified is %v", n, disqualified)
		}
	}
	// measured at a real satellite
	if got, want := j.Scores().Audit, 0.959809440525076; got != want {
		t.Errorf("the score at the end is %v, the recorded one %v", got, want)
	}
	for range 10_000 {
		j.Audit("passed", testStart.Add(time.Hour))
	}
	if disqualified, _, _, _ := j.State(); !disqualified {
		t.Error("good audits have lifted a disqualification, which is for ever")
	}
}

func TestUnknownErrorsSuspendAndRecover(t *testing.T) {
	for _, c := range []struct {
		name string
		full bool
		need int
	}{{"from full", true, 10}, {"brand-new", false, 1}} {
		j := simnode.NewJudge(testStart.AddDate(-1, 0, 0), c.full)
		for n := 1; n <= c.need; n++ {
			if _, suspended, _, _ := j.State(); suspended {
				t.Fatalf("%s: suspended after %d unknown errors, want %d", c.name, n-1, c.need)
			}
			j.Audit("unknown", testStart.Add(time.Duration(n)*time.Minute))
		}
		if _, suspended, _, _ := j.State(); !suspended {
			t.Errorf("%s: not suspended after %d unknown errors", c.name, c.need)
		}
		if j.Scores().Audit != 1 {
			t.Errorf("%s: unknown errors moved the audit score to %v", c.name, j.Scores().Audit)
		}
		for range 5 {
			j.Audit("passed", testStart.Add(time.Hour))
		}
		if _, suspended, _, _ := j.State(); suspended || j.Scores().Suspension <= 0.6 {
			t.Errorf("%s: good audits did not lift the suspension (score %v)", c.name, j.Scores().Suspension)
		}
	}
}

// offlineFor audits once an hour, on line with a share of the audits.
func offlineFor(j *simnode.Judge, from time.Time, hours int, online func(hour int) bool) time.Time {
	for h := range hours {
		outcome := "offline"
		if online(h) {
			outcome = "passed"
		}
		j.Audit(outcome, from.Add(time.Duration(h)*time.Hour))
	}
	return from.Add(time.Duration(hours) * time.Hour)
}

func TestOfflineSuspensionNeedsThirtyFullDays(t *testing.T) {
	j := simnode.NewJudge(testStart, false)
	never := func(int) bool { return false }
	now := testStart
	for now.Before(testStart.Add(30 * 24 * time.Hour)) {
		now = offlineFor(j, now, 12, never)
		if _, _, offline, _ := j.State(); offline {
			t.Fatalf("suspended after %v, before the tracking period is full", now.Sub(testStart))
		}
	}
	if got := j.Scores().Online; got != 0 {
		t.Fatalf("the online score is %v after 30 days away, want 0", got)
	}
	now = offlineFor(j, now, 13, never)
	if _, _, offline, _ := j.State(); !offline {
		t.Fatal("not suspended after 30 full days")
	}
	// 60 % of the windows good again lift it
	always := func(int) bool { return true }
	for days := 1; ; days++ {
		now = offlineFor(j, now, 24, always)
		if _, _, offline, _ := j.State(); !offline {
			if days < 17 || days > 19 {
				t.Errorf("lifted after %d days on line, want 18 (60 %% of 30)", days)
			}
			break
		}
		if days > 30 {
			t.Fatal("never lifted")
		}
	}
}

func TestOnlineScoreExcludesTheRunningWindow(t *testing.T) {
	j := simnode.NewJudge(testStart, false)
	offlineFor(j, testStart, 12, func(int) bool { return true })
	j.Audit("offline", testStart.Add(12*time.Hour))
	if got := j.Scores().Online; got != 1 {
		t.Errorf("one offline audit in the running window made the score %v, want 1", got)
	}
	j.Audit("passed", testStart.Add(24*time.Hour))
	if got := j.Scores().Online; got != 0.5 {
		t.Errorf("with that window over the score is %v, want 0.5", got)
	}
}

func TestVettingNeedsAuditsAndAge(t *testing.T) {
	j := simnode.NewJudge(testStart, false)
	for n := range 200 {
		j.Audit("passed", testStart.Add(time.Duration(n)*time.Hour))
	}
	if _, _, _, vetted := j.State(); vetted {
		t.Error("vetted after 200 audits but 200 hours")
	}
	j.Audit("passed", testStart.Add(504*time.Hour))
	if _, _, _, vetted := j.State(); !vetted {
		t.Error("not vetted with 201 audits and 504 hours")
	}
	young := simnode.NewJudge(testStart, false)
	for n := range 99 {
		young.Audit("passed", testStart.Add(504*time.Hour+time.Duration(n)*time.Minute))
		if _, _, _, vetted := young.State(); vetted {
			t.Fatalf("vetted with %d audits", n+1)
		}
	}
	young.Audit("offline", testStart.Add(600*time.Hour)) // any audit counts
	if _, _, _, vetted := young.State(); !vetted {
		t.Error("not vetted with the hundredth audit")
	}
}

func TestHeldRateByAge(t *testing.T) {
	joined := time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)
	for months, want := range []int64{75, 75, 75, 50, 50, 50, 25, 25, 25, 0, 0} {
		month := time.Date(2026, time.Month(1+months), 1, 0, 0, 0, 0, time.UTC)
		if got := simnode.HeldRate(joined, month); got != want {
			t.Errorf("month %d: %d %% held, want %d", months, got, want)
		}
	}
	if got := simnode.HeldRate(joined, time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)); got != 0 {
		t.Errorf("%d %% held before the node joined", got)
	}
}

func TestOfflineReviewLastsThirtySevenDays(t *testing.T) {
	const step = 12 * time.Hour
	j := simnode.NewJudge(testStart, false)
	at, suspended := testStart, time.Time{}
	for ; suspended.IsZero(); at = at.Add(step) {
		if j.UnderReview() {
			t.Fatal("a review without a suspension")
		}
		j.Audit("offline", at)
		if _, _, offline, _ := j.State(); offline {
			suspended = at
		}
	}
	if !j.UnderReview() {
		t.Fatal("a suspension without a review")
	}
	// 7 days of grace, then 30 days: on line again all that time
	end := suspended.Add((7 + 30) * 24 * time.Hour)
	for ; !at.After(end); at = at.Add(step) {
		j.Audit("passed", at)
		if !j.UnderReview() {
			t.Fatalf("the review is over %v after the suspension", at.Sub(suspended))
		}
	}
	if _, _, offline, _ := j.State(); offline {
		t.Error("still suspended after 37 days on line")
	}
	j.Audit("passed", end.Add(1))
	if j.UnderReview() {
		t.Error("the review goes on after 37 days")
	}
}

func TestOfflineReviewEndsOnlyWithAGoodScore(t *testing.T) {
	const step = 12 * time.Hour
	j := simnode.NewJudge(testStart, false)
	at := testStart
	for ; at.Before(testStart.Add(80 * 24 * time.Hour)); at = at.Add(step) {
		j.Audit("offline", at)
	}
	if _, _, offline, _ := j.State(); !offline || !j.UnderReview() {
		t.Fatal("away for 80 days: neither suspended nor under review")
	}
	for days := 0; ; at = at.Add(step) {
		j.Audit("passed", at)
		_, _, offline, _ := j.State()
		if offline == !j.UnderReview() {
			t.Fatalf("suspended %v, under review %v", offline, j.UnderReview())
		}
		if !offline {
			break
		}
		if days++; days > 60 {
			t.Fatal("never lifted")
		}
	}
}
