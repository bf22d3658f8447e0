package capacity_test

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// judged is what is found and what is not watched at a node, in short lines.
func (s *scene) judged(change ...func(*conditions.Case)) (found []conditions.Finding, unseen map[string]string) {
	s.t.Helper()
	c := conditions.Case{Nodes: []concern.Watched{s.watched("A")}, Store: s.store, Settings: s.settings, Now: s.now}
	for _, f := range change {
		f(&c)
	}
	verdict, err := s.concern().Judge(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	unseen = map[string]string{}
	for _, u := range verdict.Unseen {
		unseen[u.Code] = u.Why
	}
	return verdict.Findings, unseen
}

func codes(found []conditions.Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Code+" "+f.Severity.String())
	}
	return strings.Join(all, ", ")
}

// Both sides of each limit.
func TestConditions(t *testing.T) {
	flat := func(d storagenode.DiskSpace) func(float64) storagenode.DiskSpace {
		return func(float64) storagenode.DiskSpace { return d }
	}
	gbs := func(allocated, used, free float64) storagenode.DiskSpace {
		return storagenode.NewDiskSpace(int64(allocated*1e9), int64(used*1e9), int64(free*1e9), 0, 0, 0)
	}
	const week = 8 * day
	const normal, both = "disk_usage_high info", "disk_usage_critical info, disk_usage_high info"
	cases := []struct {
		name string
		span time.Duration
		of   func(float64) storagenode.DiskSpace
		want string
	}{
		{"79.9 % used", week, flat(gbs(1000, 799, 201)), ""},
		{"80 % used", week, flat(gbs(1000, 800, 200)), normal},
		{"94.9 % used", week, flat(gbs(1000, 949, 51)), normal},
		{"95 % used", week, flat(gbs(1000, 950, 50)), both},
		{"full", week, flat(gbs(1000, 1000, 0)), both},
		{"full in 31 days", week, growing(1000, 690, 10), ""},
		{"full in 30 days", week, growing(1000, 700, 10), "disk_full_within_month info"},
		{"full in 8 days", week, growing(1000, 600, 50), "disk_full_within_month info"},
		{"full in 7 days", week, growing(1000, 650, 50), "disk_full_within_week info, disk_full_within_month info"},
		// Less than 5 GB, or 1 %, on the disk, and much more allocated.
		{"5 GB of 400 on the disk", week, flat(gbs(400, 300, 5)), ""},
		{"4.9 GB of 400 on the disk", week, flat(gbs(400, 300, 4.9)), "disk_out_of_space critical"},
		{"1 % of 10 TB on the disk", week, flat(gbs(10000, 7000, 100)), ""},
		{"0.9 % of 10 TB on the disk", week, flat(gbs(10000, 7000, 99)), "disk_out_of_space critical"},
		{"as much left as is allocated", week, flat(gbs(10000, 9950, 50)), both},
		// What a hashstore sets aside is missing as well, but then the disk is not at its end, or the
		// node says that it is over.
		{"15 GB of 1 TB set aside, and a little free", week, flat(gbs(1000, 984, 1)), both},
		{"150 GB of 10 TB set aside, and a little free", week, flat(gbs(10000, 9849, 1)), both},
		{"30 GB of 1 TB set aside, and over", week, flat(storagenode.NewDiskSpace(tb, 970*gb, 0, 0, 0, gb/2)), both},
		{"nothing free, 15 GB of 1 TB left", week, flat(gbs(1000, 985, 0)), both + ", disk_out_of_space critical"},
		{"nothing free, 150 GB of 10 TB left", week, flat(gbs(10000, 9850, 0)), both + ", disk_out_of_space critical"},
		{"nothing free, 75 GB of 4 TB left", week, flat(gbs(4000, 3925, 0)), both + ", disk_out_of_space critical"},
		{"nothing free, 9 GB of 500 left", week, flat(gbs(500, 491, 0)), both + ", disk_out_of_space critical"},
		{"nothing free, and next to nothing left", week, flat(gbs(500, 499.5, 0)), both},
		// Over-used for a day.
		{"over-used for 23 hours", 23 * time.Hour, flat(gbs(1000, 1002, 0)), both},
		{"over-used for 24 hours", 24 * time.Hour, flat(gbs(1000, 1002, 0)), both + ", disk_overused warning"},
		{"over-used by next to nothing", 48 * time.Hour, flat(gbs(1000, 1000.9, 0)), both},
		{"over-used, but not in between", 48 * time.Hour, func(age float64) storagenode.DiskSpace {
			if age > 0.9 && age < 1.1 {
				return gbs(1000, 999, 1)
			}
			return gbs(1000, 1002, 0)
		}, both},
		// Trash for eight days.
		{"20 % of trash for nine days", 9 * day, flat(disk(10000, 400, 100, 0)), ""},
		{"21 % of trash for nine days", 9 * day, flat(disk(10000, 790, 210, 0)), "disk_trash warning"},
		{"21 % of trash for seven days", 7 * day, flat(disk(10000, 790, 210, 0)), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.polls("A", c.span, time.Hour, c.of)
			found, unseen := s.judged()
			if got := codes(found); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if len(unseen) > 0 {
				t.Errorf("not watched: %v", unseen)
			}
		})
	}
	// A node's own thresholds decide, and not those that are preset.
	for _, c := range []struct {
		name string
		own  func(*settings.Thresholds)
		span time.Duration
		of   func(age float64) storagenode.DiskSpace
		want string
	}{
		{"9.9 GB of 400 on the disk", func(own *settings.Thresholds) { own.DiskFreeGB = 10 }, week, flat(gbs(400, 300, 9.9)), "disk_out_of_space critical"},
		{"1.9 % of 10 TB on the disk", func(own *settings.Thresholds) { own.DiskFreePercent = 2 }, week, flat(gbs(10000, 7000, 190)), "disk_out_of_space critical"},
		{"over-used for 2 hours", func(own *settings.Thresholds) {
			own.DiskOverused = 2 * time.Hour
			own.DiskWarning, own.DiskCritical = 100.3, 100.3
		}, 2 * time.Hour, flat(gbs(1000, 1002, 0)), "disk_overused warning"},
		{"11 % of trash", func(own *settings.Thresholds) { own.DiskTrash = 10 }, 9 * day, flat(disk(10000, 445, 55, 0)), "disk_trash warning"},
		{"21 % of trash for 2 days", func(own *settings.Thresholds) { own.DiskTrashFor = 2 * day }, 2 * day, flat(disk(10000, 790, 210, 0)), "disk_trash warning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.own = c.own
			s.polls("A", c.span, time.Hour, c.of)
			found, _ := s.judged()
			if got := codes(found); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// That nobody polled for a while ends nothing that was so before and is so after: over-used bytes and
// trash do not go and come back. What was not so before begins after it.
func TestAnOutageDoesNotEndWhatLasts(t *testing.T) {
	overused, much, little := disk(1000, 1002, 0, 0), disk(1000, 500, 200, 0), disk(1000, 600, 100, 0)
	for _, c := range []struct {
		name          string
		before, after storagenode.DiskSpace
		lasting       time.Duration
		want          string
	}{
		{"over-used", overused, overused, 12 * time.Hour, "disk_usage_critical info, disk_usage_high info, disk_overused warning"},
		{"much trash", much, much, 20 * day, "disk_trash warning"},
		{"much trash, emptied meanwhile", much, little, 20 * day, ""},
		{"much trash only after it", little, much, 20 * day, ""},
	} {
		s := newScene(t)
		s.polls("A", c.lasting, time.Hour, func(float64) storagenode.DiskSpace { return c.before })
		s.now = s.now.Add(13 * time.Hour)
		s.poll("A", c.after)
		if found, _ := s.judged(); codes(found) != c.want {
			t.Errorf("%s: found %q, want %q", c.name, codes(found), c.want)
		}
	}
}

// A node that is full is what an operator wants, and its ups and downs hide nothing: that it is full
// is told as its usage.
func TestAFullNodeIsWatched(t *testing.T) {
	for name, of := range map[string]func(age float64) storagenode.DiskSpace{
		"a little free, more or less": func(age float64) storagenode.DiskSpace {
			hour := int64(math.Round(age * 24))
			return disk(10000, 10000-hour*7%11, 0, 0)
		},
		"collected each week": func(age float64) storagenode.DiskSpace {
			since := math.Mod(30-age, 7) // days since the last collection
			return disk(10000, min(10000, 9970+int64(20*since)), 0, 0)
		},
	} {
		for _, problem := range []bool{false, true} {
			s := newScene(t)
			s.settings.Alerts.FullDiskIsAProblem = problem
			hours := 0
			end := s.now
			for s.now = end.Add(-20 * day); !s.now.After(end); s.now = s.now.Add(time.Hour) {
				s.poll("A", of(end.Sub(s.now).Hours()/24))
				if found, unseen := s.judged(); len(unseen) > 0 {
					hours++
				} else if !strings.HasPrefix(codes(found), "disk_usage_critical") {
					t.Fatalf("%s: found %q", name, codes(found))
				}
			}
			if hours > 0 {
				t.Errorf("%s, a problem %t: not watched for %d of %d hours", name, problem, hours, 20*24)
			}
		}
	}
}

// What the operator reads, and the severities where a full disk is a problem.
func TestConditionsInFull(t *testing.T) {
	var b strings.Builder
	for _, c := range []struct {
		name string
		of   func(float64) storagenode.DiskSpace
	}{
		{"nearly full", growing(1000, 960, 10)},
		{"filling", growing(1000, 820, 10)},
		{"a disk that is too small", func(float64) storagenode.DiskSpace { return storagenode.NewDiskSpace(4*tb, 3*tb, 2*gb, 0, 0, 0) }},
		{"over-used", func(float64) storagenode.DiskSpace { return disk(1000, 1100, 0, 0) }},
		{"trash", func(float64) storagenode.DiskSpace { return disk(1000, 400, 300, 0) }},
	} {
		s := newScene(t)
		s.settings.Alerts.FullDiskIsAProblem = true
		s.polls("A", 9*day, time.Hour, c.of)
		found, unseen := s.judged()
		fmt.Fprintf(&b, "# %s\n", c.name)
		for _, f := range found {
			fmt.Fprintf(&b, "%s, %s\n%s\n%s\n%.4g of %.4g %s", f.Code, f.Severity, f.Title, f.Message, f.Value, f.Threshold, f.Unit)
			if !f.Since.IsZero() {
				fmt.Fprintf(&b, " since %s", f.Since.Format(time.RFC3339))
			}
			b.WriteString("\n\n")
		}
		if len(unseen) > 0 {
			t.Errorf("%s: not watched: %v", c.name, unseen)
		}
	}
	conditionstest.Golden(t, filepath.Join("testdata", "conditions.golden"), b.String())
}

// The node's own limits count.
func TestConditionsGoByTheNodesLimits(t *testing.T) {
	s := newScene(t)
	s.poll("A", disk(1000, 700, 0, 0))
	found, _ := s.judged(func(c *conditions.Case) {
		c.Nodes[0].Thresholds.DiskWarning, c.Nodes[0].Thresholds.DiskCritical = 60, 70
	})
	if got := codes(found); got != "disk_usage_critical info, disk_usage_high info" {
		t.Errorf("found %q", got)
	}
}

// What cannot be seen is neither found nor well.
func TestConditionsNotWatched(t *testing.T) {
	all := []string{"disk_full_within_month", "disk_full_within_week", "disk_out_of_space", "disk_overused", "disk_trash", "disk_usage_critical", "disk_usage_high"}
	forecasts := all[:2]
	keys := func(unseen map[string]string) []string {
		var codes []string
		for code := range unseen {
			codes = append(codes, code)
		}
		slices.Sort(codes)
		return codes
	}
	check := func(s *scene, name string, want []string, says string, change ...func(*conditions.Case)) {
		s.t.Helper()
		found, unseen := s.judged(change...)
		if diff := cmp.Diff(want, keys(unseen)); diff != "" {
			s.t.Errorf("%s: %s", name, diff)
		}
		for code, why := range unseen {
			if !strings.Contains(why, says) {
				s.t.Errorf("%s: %s: %q", name, code, why)
			}
		}
		if len(want) == len(all) && len(found) > 0 {
			s.t.Errorf("%s: found %q", name, codes(found))
		}
	}
	s := newScene(t)
	check(s, "nothing said", all, "has not said yet how full the disk is: connection refused", func(c *conditions.Case) { c.Nodes[0].Trouble = "connection refused" })

	s.polls("A", 5*time.Hour, 10*time.Minute, growing(1000, 900, 10))
	check(s, "five hours", nil, "")
	s.settings.Alerts.FullDiskIsAProblem = true
	check(s, "five hours, where it matters", forecasts, "cannot be told: a forecast needs 12 values over 6 hours")

	s = newScene(t)
	s.polls("A", 4*day, 12*time.Hour, growing(1000, 900, 10))
	check(s, "polled twice a day", forecasts, "a forecast needs 12 values over 6 hours, and there are 9 over 4 days")

	s = newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 900, 10))
	s.now = s.now.Add(2 * time.Hour)
	check(s, "silent for two hours", nil, "")
	s.now = s.now.Add(time.Minute)
	check(s, "silent for longer", all, "has not said how full the disk is since 2026-11-20 12:00 UTC")

	// With a log alone the forecast is judged, and the rest is not.
	s = newScene(t)
	end := s.now
	for s.now = end.Add(-8 * day); !s.now.After(end); s.now = s.now.Add(30 * time.Minute) {
		s.upload("A", int64(100e9+10e9*end.Sub(s.now).Hours()/24))
		s.flush("A")
	}
	s.now = end
	check(s, "a log alone", all[2:], "the node's API has not said yet how full the disk is")
	if found, _ := s.judged(); codes(found) != "disk_full_within_month info" {
		t.Errorf("found %q", codes(found))
	}
	s.now = s.now.Add(12*time.Hour + time.Minute)
	check(s, "a log that is silent", all, "the node's API has not said yet how full the disk is")
}

// An old node's API does not know the disk, but its log does.
func TestOutOfSpaceFromTheLog(t *testing.T) {
	s := newScene(t)
	s.poll("A", diskOf(t, `{"used":3000000000000,"available":4000000000000,"trash":0,"overused":0}`))
	if found, _ := s.judged(); len(found) > 0 {
		t.Errorf("found %q", codes(found))
	}
	s.upload("A", 2*gb)
	s.flush("A")
	if found, _ := s.judged(); codes(found) != "disk_out_of_space critical" {
		t.Errorf("found %q", codes(found))
	}
	// Later it is about another time.
	s.now = s.now.Add(time.Hour)
	s.poll("A", diskOf(t, `{"used":3000000000000,"available":4000000000000,"trash":0,"overused":0}`))
	if found, _ := s.judged(); len(found) > 0 {
		t.Errorf("found %q", codes(found))
	}
}

// At its start a node lowers what is allocated to what the disk has. Nothing is missing then, and
// the log says so.
func TestOutOfSpaceAfterAStart(t *testing.T) {
	const line = "WARN\tpiecestore:monitor\tDisk space is less than requested. Allocated space is\t{\"bytes\": 3998000000000}"
	s := newScene(t)
	started := s.now.Add(-2 * day)
	poll := func() string {
		t.Helper()
		s.record("A", concern.Poll{Status: &storagenode.Status{DiskSpace: storagenode.NewDiskSpace(3998*gb, 3995*gb, 3*gb, 0, 0, 0), StartedAt: started}})
		found, unseen := s.judged()
		if len(unseen) > 0 {
			t.Errorf("not watched: %v", unseen)
		}
		return codes(found)
	}
	const full, out = "disk_usage_critical info, disk_usage_high info", "disk_usage_critical info, disk_usage_high info, disk_out_of_space critical"
	if got := poll(); got != full {
		t.Errorf("found %q of a node that is as full as is allocated", got)
	}
	now := s.now
	s.now = started.Add(-time.Second) // it looks at the disk before it knows when it started
	s.line("A", line)
	s.flush("A")
	s.now = now
	if got := poll(); got != out {
		t.Errorf("found %q of a node with a disk that is too small", got)
	}
	if free := instantsOf(t, s.answer(s.asking("capacity", concern.Instant, []string{"free_bytes"}, "A")))["free_bytes{node=A}"]; free != float64(3*gb) {
		t.Errorf("%f are free", free)
	}
	started = s.now.Add(-time.Hour)
	if got := poll(); got != full {
		t.Errorf("found %q after a start without that", got)
	}
}

// What is set aside for compactions a node counts as over-used, though it is not used.
func TestOverusedWithWhatIsSetAside(t *testing.T) {
	s := newScene(t)
	s.polls("A", 2*day, time.Hour, func(float64) storagenode.DiskSpace { return storagenode.NewDiskSpace(tb, 995*gb, 0, 0, 0, 10*gb) })
	found, _ := s.judged()
	const want = "The node uses 10.0 GB more than the 1.0 TB that are allocated, with what it sets aside for compactions, since 2026-11-18 12:00 UTC."
	if last := found[len(found)-1]; last.Code != "disk_overused" || !strings.HasPrefix(last.Message, want) {
		t.Errorf("%s: %s", last.Code, last.Message)
	}
}
