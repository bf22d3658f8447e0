package fleet

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func TestCheckClock(t *testing.T) {
	asked := time.Date(2026, 11, 22, 10, 0, 0, 400e6, time.UTC)
	answered := asked.Add(300 * time.Millisecond)
	slow := asked.Add(20 * time.Second) // an answer that took long
	cases := []struct {
		name     string
		theirs   time.Time
		answered time.Time
		verdict  Verdict // "": no check at all
		says     string
	}{
		{"not said", time.Time{}, answered, "", ""},
		{"the same second", asked.Truncate(time.Second), answered, OK, "agrees"},
		{"9 s ahead", answered.Add(9 * time.Second), answered, OK, "agrees"},
		{"11 s ahead", answered.Add(11 * time.Second), answered, Warning, "11s ahead of this machine's"},
		{"10 s behind", asked.Add(-10 * time.Second), answered, OK, "agrees"},
		{"12 s behind", asked.Add(-12 * time.Second), answered, Warning, "11s behind this machine's"},
		{"hours behind", asked.Add(-5 * time.Hour), answered, Warning, "behind this machine's"},
		{"anywhere during a slow answer", asked.Add(10 * time.Second), slow, OK, "agrees"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			checks := checkClock(c.theirs, asked, c.answered)
			if c.verdict == "" {
				if len(checks) != 0 {
					t.Errorf("%+v", checks)
				}
				return
			}
			if len(checks) != 1 || checks[0].Name != "clock" || checks[0].Verdict != c.verdict || !strings.Contains(checks[0].Message, c.says) {
				t.Fatalf("%+v", checks)
			}
			if (checks[0].Mend != "") != (c.verdict == Warning) {
				t.Errorf("mend %q", checks[0].Mend)
			}
		})
	}
}

func TestInTime(t *testing.T) {
	otherwise := func(why string) string { return "otherwise: " + why }
	if got := inTime(t.Context(), func() string { return "fine" }, otherwise); got != "fine" {
		t.Error(got)
	}
	if got := inTime(t.Context(), func() string { panic("boom") }, otherwise); got != "otherwise: an error in the plugin: boom" {
		t.Error(got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	hang := make(chan struct{})
	defer close(hang)
	if got := inTime(ended, func() string { <-hang; return "late" }, otherwise); got != "otherwise: no answer in the time of this check" {
		t.Error(got)
	}
	// What ends with its context may still say why.
	if got := inTime(ended, func() string { <-ended.Done(); return "why" }, otherwise); got != "why" {
		t.Error(got)
	}
}

func TestExpectedFailuresAreExcused(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	failing := Check{Node: "A", Name: "api", Verdict: Failure, Message: "refused", Mend: "start it"}
	cases := []struct {
		name    string
		check   Check
		node    settings.Node
		verdict Verdict
		message string
	}{
		{"a running node", failing, settings.Node{}, Failure, "refused"},
		{"retired", failing, settings.Node{Retired: true}, Info, "retired; refused"},
		{"in maintenance", failing, settings.Node{MaintenanceUntil: now.Add(time.Hour)}, Info, "in maintenance until 2026-11-22 11:00 UTC; refused"},
		{"maintenance is over", failing, settings.Node{MaintenanceUntil: now.Add(-time.Hour)}, Failure, "refused"},
		{"a warning", Check{Verdict: Warning, Message: "old"}, settings.Node{Retired: true}, Info, "retired; old"},
		{"nothing to excuse", Check{Verdict: OK, Message: "fine"}, settings.Node{Retired: true}, OK, "fine"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.check.excusedBy(c.node, now); got.Verdict != c.verdict || got.Message != c.message {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTroubles(t *testing.T) {
	cases := []struct {
		troubles troubles
		want     string
	}{
		{troubles{}, ""},
		{troubles{scores: "s", payouts: "p"}, "s; p"},
		{troubles{payouts: "p", record: "r"}, "p; r"},
		{troubles{status: "down", scores: "s", payouts: "p"}, "down"},
	}
	for _, c := range cases {
		if got := c.troubles.String(); got != c.want {
			t.Errorf("%+v: %q", c.troubles, got)
		}
	}
}

func TestHealthSaysWhatTheStoreDropsAndCannotDo(t *testing.T) {
	for name, test := range map[string]struct {
		status store.Status
		want   []string // words of each warning
	}{
		"far from the limit":    {store.Status{MemoryBytes: 79 << 20, MemoryLimit: 100 << 20}, nil},
		"without a limit":       {store.Status{MemoryBytes: 79 << 20}, nil},
		"near the limit":        {store.Status{MemoryBytes: 80 << 20, MemoryLimit: 100 << 20}, []string{"takes 80 of the 100 MiB"}},
		"blocks were dropped":   {store.Status{MemoryBytes: 70 << 20, MemoryLimit: 100 << 20, Shed: 3}, []string{"3 of its oldest blocks of values as polled"}},
		"spared ones went too":  {store.Status{MemoryBytes: 70 << 20, MemoryLimit: 100 << 20, Shed: 3, ShedSpared: 4}, []string{"3 of its oldest blocks of values as polled", "4 of its oldest blocks of events, hours and days"}},
		"only spared ones":      {store.Status{MemoryBytes: 99 << 20, MemoryLimit: 100 << 20, ShedSpared: 4}, []string{"that history is gone"}},
		"a wrong clock":         {store.Status{RefusedRows: 5}, []string{"5 rows of polls and logs were refused since the start, because their times"}},
		"rows of what was shed": {store.Status{LateRows: 6}, []string{"6 rows of polls and logs were refused since the start, because the values of their time had been dropped"}},
		"a disk that was full":  {store.Status{UnwrittenRows: 7}, []string{"7 rows were refused"}},
		"a disk that fails":     {store.Status{UpkeepErrors: []string{"not safely on its disk"}}, []string{"not safely on its disk"}},
	} {
		checks := slices.Concat(checkUpkeep(test.status), checkLimits(test.status))
		if len(checks) != len(test.want) {
			t.Errorf("%s: %+v", name, checks)
			continue
		}
		for i, check := range checks {
			if check.Verdict != Warning || !strings.Contains(check.Message, test.want[i]) || check.Mend == "" {
				t.Errorf("%s: %+v", name, check)
			}
		}
	}
}
