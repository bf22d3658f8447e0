package presence_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/presence"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestConditions(t *testing.T) {
	told := make([]string, len(chapters))
	t.Run("chapters", func(t *testing.T) {
		for i, c := range chapters {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				begin := newScene
				if c.newborn {
					begin = newbornScene
				}
				s := begin(t, c.nodes...)
				c.happens(s)
				verdict := s.judge()
				if got := s.told(verdict); got != c.want {
					t.Errorf("raised %q, want %q", got, c.want)
				}
				if code, part := c.unseen[0], c.unseen[1]; code != "" && !strings.Contains(unseen(verdict, code), part) {
					t.Errorf("%s is not judged because %q, want something with %q", code, unseen(verdict, code), part)
				}
				onceEach(t, verdict)
				told[i] = whole(c.name, verdict)
			})
		}
	})
	conditionstest.Golden(t, filepath.Join("testdata", "conditions.golden"), strings.Join(told, ""))
}

// whole is all that a verdict raises, as the golden file has it.
func whole(name string, verdict conditions.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", name)
	if len(verdict.Findings) == 0 {
		b.WriteString("nothing\n")
	}
	for _, f := range verdict.Findings {
		fmt.Fprintf(&b, "%s, %s: %s (%s of %s %s)\n  %s\n", f.Code, severityNames[f.Severity], f.Title,
			strconv.FormatFloat(f.Value, 'f', -1, 64), strconv.FormatFloat(f.Threshold, 'f', -1, 64), f.Unit, f.Message)
	}
	return b.String()
}

// onceEach says whether each condition of each node is either found, or not watched with a
// reason, or well: never two of these.
func onceEach(t *testing.T, verdict conditions.Verdict) {
	t.Helper()
	seen := map[string]string{}
	once := func(code, history, satellite, what string) {
		key := code + " of " + history + " " + satellite
		if before, twice := seen[key]; twice {
			t.Errorf("%s is %s and %s", key, before, what)
		}
		seen[key] = what
	}
	for _, f := range verdict.Findings {
		once(f.Code, f.History, f.Satellite, "found")
		if f.Message == "" || f.Title == "" || f.Unit == "" || f.Value != f.Value || strings.Contains(f.Message, "  ") || strings.Contains(f.Message, "..") {
			t.Errorf("%+v", f)
		}
	}
	for _, u := range verdict.Unseen {
		once(u.Code, u.History, "", "not watched")
		if u.Why == "" {
			t.Errorf("%s is not watched without a reason", u.Code)
		}
	}
}

// A node's own thresholds decide, and not those that are preset.
func TestThresholdsOfTheNodesOwn(t *testing.T) {
	for _, c := range []struct {
		name    string
		nodes   []string
		own     func(*settings.Thresholds)
		happens func(s *scene)
		preset  string // what is raised by the preset ones
		want    string
	}{
		{"stopped for 9 minutes", nil, func(own *settings.Thresholds) { own.NodeStopped = 9 * minute }, func(s *scene) { first(s).dies(); s.pass(9 * minute) },
			"", "node_stopped critical"},
		{"2 starts", nil, func(own *settings.Thresholds) { own.RestartLoopStarts = 2 }, func(s *scene) { s.restarts(0, minute) },
			"", "restart_loop critical"},
		{"3 starts in 20 minutes", nil, func(own *settings.Thresholds) { own.RestartLoop = 20 * minute }, func(s *scene) { s.restarts(0, 10*minute, 10*minute) },
			"", "restart_loop critical"},
		{"the API fails for 9 minutes", nil, func(own *settings.Thresholds) { own.APISlowInfo = 10 * minute }, func(s *scene) { first(s).apiDown(); s.pass(9 * minute) },
			"api_slow info", ""},
		{"the API fails for an hour", nil, func(own *settings.Thresholds) { own.APISlowWarning = hour }, func(s *scene) { first(s).apiDown(); s.pass(hour) },
			"api_slow info", "api_slow warning"},
		{"QUIC misconfigured for 12 hours", nil, func(own *settings.Thresholds) { own.QUICBroken = 12 * hour }, func(s *scene) { s.quic(12 * hour) },
			"", "quic info"},
		{"older than another for 10 days", []string{"Alpha", "Beta"}, func(own *settings.Thresholds) { own.VersionBehind = 10 * day }, func(s *scene) { s.mateUpdates(10 * day) },
			"", "Alpha version_outdated info"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for own, want := range map[bool]string{false: c.preset, true: c.want} {
				s := newScene(t, c.nodes...)
				if own {
					for _, a := range s.nodes {
						c.own(&a.Thresholds)
					}
				}
				c.happens(s)
				if got := s.told(s.judge()); got != want {
					t.Errorf("with thresholds of its own (%t), raised %q, want %q", own, got, want)
				}
			}
		})
	}
}

// What is raised is in the table, with its severity, and every condition can be.
func TestDefinitions(t *testing.T) {
	raised := map[string]bool{}
	byCode := map[string]conditions.Definition{}
	inGroup := map[string]int{}
	for _, d := range (presence.Concern{}).Conditions() {
		if d.Title == "" || d.When == "" || d.Clears == "" || d.Do == "" || len(d.Severities) == 0 {
			t.Errorf("%s is not described", d.Code)
		}
		byCode[d.Code] = d
		inGroup[d.Group]++
	}
	for group, n := range inGroup {
		if n > 5 {
			t.Errorf("%d conditions are in group %s: Grafana matches labels pairwise", n, group)
		}
	}
	for _, c := range chapters {
		for _, text := range strings.Split(c.want, ", ") {
			for code, d := range byCode {
				for _, severity := range d.Severities {
					if strings.Contains(text, code+" "+severityNames[severity]) {
						raised[code+" "+severityNames[severity]] = true
					}
				}
			}
		}
	}
	for code, d := range byCode {
		for _, severity := range d.Severities {
			if !raised[code+" "+severityNames[severity]] {
				t.Errorf("nothing raises %s as %s", code, severityNames[severity])
			}
		}
	}
}

// What is only about a log cannot be where there is none any more, and clears. An API that is
// removed takes nothing with it: it may be found again.
func TestWhatCannotBeAnyMore(t *testing.T) {
	s := newScene(t)
	a := first(s)
	a.say("ERROR\tpreflight:localtime\tsystem clock is out of sync with satellite\t{}")
	a.up()
	a.say("ERROR\tpreflight:localtime\tsystem clock is out of sync with satellite\t{}")
	a.dies()
	s.pass(2 * hour)
	gone := func(verdict conditions.Verdict) string {
		var codes []string
		for _, u := range verdict.Unseen {
			if u.Gone {
				codes = append(codes, u.Code)
			}
		}
		slices.Sort(codes)
		return strings.Join(codes, ", ")
	}
	verdict := s.judge()
	if told := s.told(verdict); !strings.Contains(told, "node_stopped critical") || gone(verdict) != "" {
		t.Errorf("raised %q, gone %q", told, gone(verdict))
	}
	api := a.Watched
	a.withoutAPI()
	a.Answered = time.Time{}
	verdict = s.judge()
	if told := s.told(verdict); !strings.Contains(told, "node_stopped critical") || gone(verdict) != "" {
		t.Errorf("without an API: raised %q, gone %q", told, gone(verdict))
	}
	a.Watched = api
	a.withoutLog()
	verdict = s.judge()
	if told := s.told(verdict); strings.Contains(told, "node_stopped") || gone(verdict) != "clock_skew, log_silent, node_stopped, satellite_down" {
		t.Errorf("without a log: raised %q, gone %q", told, gone(verdict))
	}
	onceEach(t, verdict)
}

// What cannot be reached is said with the histories of its nodes, and what needs a node is
// marked, so that it is not raised beside that.
func TestWhatIsAwayIsCovered(t *testing.T) {
	s := newScene(t, "Alpha", "Beta", "Gamma", "Delta")
	s.sameHost()
	s.nodes[2].Endpoint = "http://10.0.0.8:14002"
	s.nodes[3].Retired = true
	s.down()
	s.pass(20 * minute)
	got := map[string][]string{}
	for _, f := range s.judge().Findings {
		got[f.Code+" of "+f.History] = f.Covers
	}
	want := map[string][]string{
		"host_unreachable of history-of-Alpha": {"history-of-Alpha", "history-of-Beta"},
		"node_unreachable of history-of-Gamma": {"history-of-Gamma"},
		"node_unreachable of history-of-Delta": {"history-of-Delta"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var needing []string
	for _, d := range (presence.Concern{}).Conditions() {
		if d.NeedsNode {
			needing = append(needing, d.Code)
		}
	}
	slices.Sort(needing)
	if diff := cmp.Diff([]string{"api_slow", "clock_skew", "log_silent", "no_contact", "quic", "satellite_down", "version_outdated"}, needing); diff != "" {
		t.Error(diff)
	}
}

func (s *scene) down() {
	for _, a := range s.nodes {
		a.down()
	}
}

func (s *scene) sameHost() {
	for i, a := range s.nodes {
		a.Endpoint = "http://10.0.0.7:1400" + strconv.Itoa(i+2)
	}
}

// noContact lets pings fail until the last poll finds the contact to be of so long ago.
func (s *scene) noContact(d time.Duration) {
	a := first(s)
	a.pinged = false
	a.status.LastPinged = s.now.Add(-5 * minute)
	a.poll()
	s.pass(10 * minute)
	a.pingFails(us1, eu1, ap1)
	s.pass(d - 15*minute)
}

// pings fail for some nodes, the last one a minute ago.
func (s *scene) pings(nodes ...*actor) {
	for range 2 {
		for _, a := range nodes {
			a.pingFails(eu1)
		}
		s.pass(minute)
	}
}

func (s *scene) restarts(pauses ...time.Duration) {
	for _, pause := range pauses {
		s.pass(pause)
		first(s).up()
	}
}

// begins lets a process start each minute that does not get any further.
func (s *scene) begins(process string, times int) {
	first(s).down()
	for range times {
		s.pass(2 * minute)
		first(s).begins(process)
	}
}

// signalAndDeath is a FATAL line so long after the node was told to stop.
func (s *scene) signalAndDeath(pause time.Duration) {
	first(s).say(signal)
	s.pass(pause)
	first(s).dies()
}

func (s *scene) mateUpdates(d time.Duration) {
	s.nodes[1].status.Version = "1.163.1"
	s.pass(5 * minute)
	s.leap(d)
}

// leap lets a long time go by.
func (s *scene) leap(d time.Duration) {
	s.advance(d-30*minute, 2*hour)
	s.pass(30 * minute)
}

// quic is misconfigured at all polls of a time.
func (s *scene) quic(d time.Duration) {
	first(s).status.QUICStatus = "Misconfigured"
	s.pass(5 * minute)
	s.pass(d)
}

// levelFrom is a scene whose log never had a lower level.
func (s *scene) levelFrom(level string, d time.Duration) {
	a := first(s)
	a.level, a.line = level, "contact:service\tsomething\t{}"
	a.say(level + "\tcontact:service\tsomething\t{}")
	s.pass(d)
}

// customLevel hides the transfers, which go on.
func (s *scene) customLevel(d time.Duration) {
	a := first(s)
	a.line = "bandwidth\tPersisting bandwidth usage cache to db\t{}"
	for until := s.now.Add(d); s.now.Before(until); {
		a.status.Bandwidth.Used += 1 << 20
		s.pass(min(minute, until.Sub(s.now)))
	}
}

func (s *scene) customLevelWithoutAPI(d time.Duration) {
	first(s).apiDown()
	s.customLevel(d)
	if d < day {
		// Only what is of the log is looked at.
		first(s).State, first(s).Trouble = concern.Connecting, ""
	}
}

func (s *scene) logTrouble(d time.Duration) {
	first(s).log = false
	first(s).LogTrouble = "10.0.0.1:9999: connection refused"
	s.pass(d)
}

func (s *scene) neverALine(d time.Duration) {
	first(s).log = false
	s.pass(d)
}

func (s *scene) silentAfterPause(d time.Duration) {
	first(s).log = false
	s.pass(40 * minute)
	first(s).log = true
	s.pass(hour)
	first(s).log = false
	s.pass(d)
}

func (s *scene) checks(skewed ...bool) {
	for _, bad := range skewed {
		first(s).say("INFO\tpreflight:localtime\tstart checking local system clock with trusted satellites' system clock.\t{}")
		if bad {
			first(s).say("ERROR\tpreflight:localtime\tsystem clock is out of sync with satellite\t{\"satellite_id\": \"" + us1 + "\"}")
		} else {
			first(s).say("INFO\tpreflight:localtime\tlocal system clock is in sync with trusted satellites' system clock.\t{}")
		}
		s.restarts(0)
		s.pass(31 * minute)
	}
}
