package upkeep_test

import (
	"fmt"
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
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/upkeep"
)

// sender is one node that settles orders, and its log.
type sender struct {
	t     testing.TB
	dir   string
	store *store.Store
	node  concern.Watched
	lines []string
	words func(before time.Duration, satellite string, failed bool) []string // of one attempt
}

func newSender(t testing.TB) *sender {
	s := &sender{t: t, dir: t.TempDir(), words: today}
	s.node = concern.Watched{Node: nodeNamed("Alpha"), State: concern.Connected, Evidence: concern.Evidence{HasLog: true, Level: storagenode.Info, Since: now.Add(-100 * time.Hour)}}
	s.open()
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

func (s *sender) open() {
	opened, err := store.Open(store.Options{Dir: s.dir, FlushInterval: -1, Now: func() time.Time { return now }})
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = opened
}

func failure(before time.Duration, logger, key, satellite string) string {
	return fmt.Sprintf("%s\tERROR\t%s\tfailed to settle orders for satellite\t{%q: %q, \"error\": \"order: unable to connect to the satellite: rpc: tcp connector failed: i/o timeout\"}",
		now.Add(-before).Format(time.RFC3339), logger, key, satellite)
}

// What an attempt writes. That it is over is written in any case, and before its failure.
func today(before time.Duration, satellite string, failed bool) []string {
	lines := []string{line(before, "orders", "finished", fmt.Sprintf(`"satellite_id": %q, "count": 12`, satellite))}
	if failed {
		lines = append(lines, failure(before, "orders", "satellite_id", satellite))
	}
	return lines
}

// late is a failure that is written some seconds after the end.
func late(before time.Duration, satellite string, failed bool) []string {
	lines := today(before, satellite, false)
	if failed {
		lines = append(lines, failure(before-5*time.Second, "orders", "satellite_id", satellite))
	}
	return lines
}

func before1146(before time.Duration, satellite string, failed bool) []string {
	lines := []string{line(before, "orders", "finished", fmt.Sprintf(`"satelliteID": %q, "count": 12`, satellite))}
	if failed {
		lines = append(lines, failure(before, "orders", "satellite ID", satellite))
	}
	return lines
}

func before1113(before time.Duration, satellite string, failed bool) []string {
	lines := []string{line(before, "orders."+satellite, "finished", `"Process": "storagenode", "count": 12`)}
	if failed {
		lines = append(lines, failure(before, "orders."+satellite, "satellite ID", satellite))
	}
	return lines
}

func before199(before time.Duration, satellite string, failed bool) []string {
	lines := []string{line(before, "orders."+satellite, "finished", `"process": "storagenode"`)}
	if failed {
		lines = append(lines, failure(before, "orders."+satellite, "satellite ID", satellite))
	}
	return lines
}

// onlyErrors is a log of level ERROR.
func onlyErrors(before time.Duration, satellite string, failed bool) []string {
	if !failed {
		return nil
	}
	return []string{failure(before, "orders", "satellite_id", satellite)}
}

// settles are attempts each hour from one time before now to another, both included.
func (s *sender) settles(from, to time.Duration, satellite string) {
	s.tries(from, to, satellite, false)
}

func (s *sender) fails(from, to time.Duration, satellite string) { s.tries(from, to, satellite, true) }

func (s *sender) tries(from, to time.Duration, satellite string, failed bool) {
	for before := from; before >= to; before -= time.Hour {
		s.lines = append(s.lines, s.words(before, satellite, failed)...)
	}
}

// otherLine is any line, the newest.
func (s *sender) otherLine(before time.Duration) {
	s.lines = append(s.lines, line(before, "collector", "expired pieces collection started", ""))
}

// listen hears the lines, flushed after so many.
func (s *sender) listen(every int) {
	s.t.Helper()
	hear(s.t, s.store, s.node.Node, every, s.lines...)
	for _, l := range s.lines {
		at, err := time.Parse(time.RFC3339, l[:strings.IndexByte(l, '\t')])
		if err != nil {
			s.t.Fatal(err)
		}
		if at.After(s.node.Evidence.Last[concern.AnyLine]) {
			s.node.Evidence.Last[concern.AnyLine] = at
		}
	}
}

func (s *sender) verdict() conditions.Verdict {
	s.t.Helper()
	verdict, err := upkeep.Concern{}.Judge(s.t.Context(), conditions.Case{Nodes: []concern.Watched{s.node}, Store: s.store, Settings: settings.Default(), Now: now})
	if err != nil {
		s.t.Fatal(err)
	}
	return verdict
}

func inWords(verdict conditions.Verdict) string {
	var all []string
	for _, f := range verdict.Findings {
		all = append(all, f.Severity.String()+" "+storagenode.SatelliteName(f.Satellite))
	}
	for _, u := range verdict.Unseen {
		text := "not watched"
		if u.Gone {
			text = "gone"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestOrdersFailing(t *testing.T) {
	const hour = time.Hour
	cases := []struct {
		name    string
		happens func(s *sender)
		want    string
		says    []string
	}{
		{"settled each hour", func(s *sender) { s.settles(48*hour, 0, us1); s.settles(48*hour, 0, eu1) }, "", nil},
		{"failing for 24 hours", func(s *sender) {
			s.settles(30*hour, 25*hour, us1)
			s.fails(24*hour, 0, us1)
			s.settles(30*hour, 0, eu1)
		}, "warning us1", []string{
			"Node Alpha has not settled its orders with us1 for 25 hours, since the last that succeeded at 2026-11-21 22:30 UTC (threshold: 24 hours); it failed 25 times. " +
				"Last error: order: unable to connect to the satellite: rpc: tcp connector failed: i/o timeout. Orders expire",
		}},
		{"settled just less than 24 hours ago", func(s *sender) {
			s.settles(30*hour-time.Second, 24*hour-time.Second, us1)
			s.fails(23*hour-time.Second, 0, us1)
		}, "", nil},
		{"settled 24 hours ago", func(s *sender) { s.settles(30*hour, 24*hour, us1); s.fails(23*hour, 0, us1) }, "warning us1", nil},
		{"settled just less than 40 hours ago", func(s *sender) {
			s.settles(41*hour-time.Second, 40*hour-time.Second, us1)
			s.fails(39*hour-time.Second, 0, us1)
		}, "warning us1", nil},
		{"settled 40 hours ago, failing for 20", func(s *sender) { s.settles(41*hour, 40*hour, us1); s.fails(20*hour, 0, us1) }, "critical us1", []string{"for 40 hours, since the last that succeeded at"}},
		{"settled 40 hours ago, and nothing failed", func(s *sender) { s.settles(41*hour, 40*hour, us1); s.otherLine(0) }, "", nil},
		{"failing for just less than 24 hours", func(s *sender) { s.fails(24*hour-time.Second, 0, us1) }, "", nil},
		{"failing for just less than 40 hours", func(s *sender) { s.fails(40*hour-time.Second, 0, us1) }, "warning us1", []string{"No settlement before is known."}},
		{"failing for 40 hours", func(s *sender) { s.fails(40*hour, 0, us1) }, "critical us1", []string{"for 40 hours", "threshold: 40 hours"}},
		{"two satellites", func(s *sender) { s.fails(41*hour, 0, us1); s.fails(25*hour, 0, eu1) }, "critical us1, warning eu1", nil},
		{"failed, and settled at last", func(s *sender) {
			s.fails(41*hour, hour, us1)
			s.settles(0, 0, us1)
			s.node.Evidence.Last[concern.AnyLine] = now.Add(6 * time.Second)
		}, "", nil},
		{"an attempt that is just over says nothing yet", func(s *sender) { s.fails(41*hour, hour, us1); s.settles(0, 0, us1) }, "critical us1", nil},
		{"an attempt that was over a minute ago", func(s *sender) { s.fails(41*hour, hour, us1); s.settles(61*time.Second, 61*time.Second, us1) }, "", nil},
		{"settled once in between", func(s *sender) {
			s.fails(41*hour, 24*hour, us1)
			s.settles(23*hour, 23*hour, us1)
			s.fails(22*hour, 0, us1)
		}, "", nil},
		{"settled once in between, and failed for long since", func(s *sender) {
			s.fails(60*hour, 27*hour, us1)
			s.settles(26*hour, 26*hour, us1)
			s.fails(25*hour, 0, us1)
		},
			"warning us1", []string{"26 times", "for 26 hours, since the last that succeeded at 2026-11-21 21:30 UTC"}},
		{"one window settled and another failed in one second", func(s *sender) {
			s.fails(41*hour, 24*hour, us1)
			s.settles(23*hour, 23*hour, us1)
			s.fails(23*hour, 0, us1)
		}, "", nil},
		{"failed twice in 25 hours", func(s *sender) { s.fails(25*hour, 25*hour, us1); s.fails(hour, hour, us1) }, "", nil},
		{"failed three times in 25 hours", func(s *sender) { s.fails(25*hour, 25*hour, us1); s.fails(2*hour, hour, us1) }, "warning us1", nil},
		{"no failure any more for 6 hours", func(s *sender) { s.fails(41*hour, 6*hour, us1); s.otherLine(0) }, "critical us1", nil},
		{"no failure any more for more than 6 hours", func(s *sender) { s.fails(41*hour, 6*hour+time.Second, us1); s.otherLine(0) }, "", nil},
		{"no line any more for 7 hours", func(s *sender) { s.fails(41*hour, 7*hour, us1) }, "critical us1", nil},
		{"nobody knows of which satellite", func(s *sender) {
			for before := 41 * hour; before >= 0; before -= hour {
				s.lines = append(s.lines, fmt.Sprintf("%s\tERROR\torders\tfailed to settle orders for satellite\t{\"error\": \"x\"}", now.Add(-before).Format(time.RFC3339)))
			}
		}, "", nil},
		{"another that finishes is not the orders", func(s *sender) {
			s.words = onlyErrors
			s.fails(41*hour, 0, us1)
			s.lines = append(s.lines, line(time.Minute, "gracefulexit:chore", "finished", `"satellite_id": "`+us1+`"`))
			s.otherLine(0)
		}, "critical us1", nil},
		{"heard twice", func(s *sender) {
			s.settles(50*hour, 50*hour, us1)
			s.fails(49*hour, 0, us1)
			s.lines = append(s.lines, s.lines...)
		}, "critical us1", []string{"50 times", "2026-11-20 21:30 UTC"}},
		{"older failures that are read later", func(s *sender) {
			s.settles(2*time.Minute, 2*time.Minute, us1)
			s.words = onlyErrors
			s.fails(41*hour, hour, us1)
		}, "", nil},
		{"failing for 5 hours, where the node's own settings take 5 for too long", func(s *sender) {
			s.node.Thresholds.OrdersWarning = 5 * hour
			s.fails(5*hour, 0, us1)
		}, "warning us1", []string{"threshold: 5 hours"}},
		{"failing for 25 hours, where the node's own settings take 25 as critical", func(s *sender) {
			s.node.Thresholds.OrdersCritical = 25 * hour
			s.fails(25*hour, 0, us1)
		}, "critical us1", nil},
		{"a log of errors", func(s *sender) {
			s.words = onlyErrors
			s.node.Evidence.Level = storagenode.Error
			s.fails(25*hour, 0, us1)
		}, "warning us1", nil},
		{"no log", func(s *sender) { s.fails(41*hour, 0, us1); s.node.Evidence = concern.Evidence{} }, "gone", []string{"no log here"}},
		{"a log that is removed while nothing collects", func(s *sender) { s.node.State, s.node.Evidence = concern.Stopped, concern.Evidence{} }, "not watched", []string{"collecting is stopped"}},
		{"a log without a line", func(*sender) {}, "not watched", []string{"no line"}},
		{"a log of fatal lines", func(s *sender) { s.otherLine(0); s.node.Evidence.Level = storagenode.Fatal }, "not watched", []string{"no line below FATAL"}},
		{"a log that cannot be read", func(s *sender) { s.fails(41*hour, 0, us1); s.node.LogTrouble = "permission denied" }, "not watched", []string{"permission denied"}},
		{"a log that is behind", func(s *sender) { s.fails(41*hour, hour, us1); s.node.LogBehind = 4<<10 + 1 }, "not watched", []string{"still being read"}},
	}
	told := make([]string, len(cases))
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			for _, every := range []int{1, 3, 1000} {
				t.Run(fmt.Sprint(c.name, " flushed after ", every), func(t *testing.T) {
					t.Parallel()
					s := newSender(t)
					c.happens(s)
					seen := s.node.Evidence
					s.listen(every)
					if !seen.HasLog || !seen.Last[concern.AnyLine].IsZero() {
						s.node.Evidence = seen
					}
					if len(s.lines) == 0 {
						s.node.Evidence.Since = time.Time{}
					}
					verdict := s.verdict()
					if every == 1 {
						told[i] = conditionstest.Whole(c.name, verdict)
					}
					if got := inWords(verdict); got != c.want {
						t.Errorf("got %q, want %q: %+v", got, c.want, verdict)
					}
					text := ""
					for _, f := range verdict.Findings {
						text += f.Message
						if f.Code != "orders_failing" || f.History != "history-of-Alpha" || f.Unit != "s" || f.Value < f.Threshold || strings.Contains(f.Message, "..") {
							t.Errorf("%+v", f)
						}
					}
					for _, u := range verdict.Unseen {
						text += u.Why
					}
					for _, part := range c.says {
						if !strings.Contains(text, part) {
							t.Errorf("%q does not say %q", text, part)
						}
					}
					if err := s.store.Close(); err != nil {
						t.Fatal(err)
					}
					s.open()
					if diff := cmp.Diff(verdict, s.verdict()); diff != "" {
						t.Errorf("after opening the store anew: %s", diff)
					}
				})
			}
		}
	})
	conditionstest.Golden(t, filepath.Join("testdata", "conditions.golden"), strings.Join(told, ""))
}

// Every version names the satellite, in a field or in the logger.
func TestOrdersInTheWordsOfEveryVersion(t *testing.T) {
	for name, words := range map[string]func(time.Duration, string, bool) []string{
		"since v1.146": today, "a failure 5 seconds after the end": late, "before v1.146": before1146, "before v1.113": before1113, "before v1.99": before199, "of level ERROR": onlyErrors,
	} {
		s := newSender(t)
		s.words = words
		s.fails(60*time.Hour, 31*time.Hour, us1)
		s.settles(30*time.Hour, 30*time.Hour, us1)
		s.fails(29*time.Hour, 0, us1)
		s.settles(60*time.Hour, 0, eu1)
		s.listen(5)
		verdict := s.verdict()
		want, since := "warning us1", now.Add(-30*time.Hour)
		if name == "of level ERROR" {
			want, since = "critical us1", now.Add(-60*time.Hour) // that it was settled once cannot be seen
		}
		if got := inWords(verdict); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
			continue
		}
		if got := verdict.Findings[0].Since; !got.Equal(since) {
			t.Errorf("%s: since %s, want %s", name, got, since)
		}
	}
}

// What a log of garbage can make of the document is bounded.
func TestOrdersOfManySatellites(t *testing.T) {
	s := newSender(t)
	for i := range 1000 {
		s.lines = append(s.lines, failure(time.Hour, "orders", "satellite_id", fmt.Sprintf("satellite%d", i))+strings.Repeat(" ", i))
	}
	s.listen(1000)
	document, ok := s.store.Document(s.node.StoredAs("orders"))
	if !ok || len(document) > 64*600 {
		t.Errorf("%d bytes, %v", len(document), ok)
	}
}

func TestConditionsAreDefined(t *testing.T) {
	for _, problem := range conditions.Check((upkeep.Concern{}).Conditions()) {
		t.Error(problem)
	}
}
