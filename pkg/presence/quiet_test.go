package presence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// quietly lets time go by and looks each minute, later each five: nobody is to be woken.
func (s *scene) quietly(d time.Duration) {
	s.t.Helper()
	look := func() {
		for _, f := range s.verdict().Findings {
			if f.Severity >= conditions.Warning {
				s.t.Fatalf("at %s: %s %s: %s", s.now.Format(time.TimeOnly), severityNames[f.Severity], f.Code, f.Message)
			}
		}
	}
	look()
	began := s.now
	for until := s.now.Add(d); s.now.Before(until); {
		step := time.Minute
		if s.now.Sub(began) >= time.Hour {
			step = 5 * time.Minute
		}
		s.pass(min(step, until.Sub(s.now)))
		look()
	}
}

// What every operator has now and then wakes nobody, neither while it lasts nor after it.
func TestQuiet(t *testing.T) {
	for _, c := range []struct {
		name    string
		nodes   []string
		happens func(*scene)
	}{
		{"a normal day", nil, func(s *scene) { s.quietly(26 * hour) }},
		{"a restart", nil, func(s *scene) {
			first(s).say(signal)
			first(s).down()
			s.quietly(minute)
			first(s).up()
			s.quietly(4 * hour)
		}},
		{"an update of 10 minutes", nil, func(s *scene) {
			first(s).say(signal)
			first(s).down()
			s.quietly(10 * minute)
			first(s).status.Version = "1.163.1"
			first(s).up()
			s.quietly(4 * hour)
		}},
		{"an update of a node without a log", nil, func(s *scene) {
			first(s).Log = settings.Source{}
			first(s).down()
			s.pass(10 * minute)
			first(s).status.StartedAt = s.now
			first(s).api = true
			first(s).poll()
			if got := s.told(s.judge()); got != "" && got != "blind warning" {
				s.t.Error(got)
			}
		}},
		{"a start whose API takes 25 minutes", nil, func(s *scene) {
			first(s).say(signal)
			first(s).down()
			s.quietly(3 * minute)
			first(s).log = true
			first(s).say("INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}")
			first(s).log = false
			s.quietly(25 * minute)
			first(s).up()
			s.quietly(hour)
		}},
		{"down for 15 minutes", nil, func(s *scene) {
			first(s).down()
			s.quietly(15 * minute)
			first(s).up()
			s.quietly(4 * hour)
		}},
		{"a whole machine down for 15 minutes", two, func(s *scene) {
			s.sameHost()
			s.down()
			s.quietly(15 * minute)
			for _, a := range s.nodes {
				a.up()
			}
			s.quietly(4 * hour)
		}},
		{"a restart of Grafana", two, func(s *scene) {
			s.restart()
			s.quietly(2 * hour)
		}},
		{"Grafana is away for a night", two, func(s *scene) {
			s.now = s.now.Add(9 * hour)
			s.restart()
			// The log is read before the API is asked.
			for _, a := range s.nodes {
				a.say("INFO\t" + transfer)
			}
			s.quietly(2 * hour)
		}},
		{"Grafana is away for a night, and the node restarted meanwhile", nil, func(s *scene) {
			s.now = s.now.Add(9 * hour)
			s.restart()
			a := first(s)
			a.status.StartedAt, a.status.LastPinged, a.pinged = s.now.Add(-minute), time.Time{}, false
			a.poll()
			s.quietly(20 * minute)
			a.pinged = true
			s.quietly(2 * hour)
		}},
		{"Grafana is away for a night, and the API answers before the log does", nil, func(s *scene) {
			s.now = s.now.Add(9 * hour)
			s.restart()
			a := first(s)
			a.log = false
			a.poll()
			s.quietly(5 * minute)
			a.log = true
			s.quietly(2 * hour)
		}},
		{"a laptop that slept", two, func(s *scene) {
			s.now = s.now.Add(8 * hour)
			s.quietly(2 * hour)
		}},
		{"a laptop that slept, and its network comes back late", two, func(s *scene) {
			s.now = s.now.Add(8 * hour)
			s.down()
			s.quietly(15 * minute)
			for _, a := range s.nodes {
				a.api, a.log = true, true
			}
			s.quietly(2 * hour)
		}},
		{"a laptop that slept with its node, which was not pinged yet", nil, func(s *scene) {
			s.now = s.now.Add(8 * hour)
			a := first(s)
			a.pinged = false
			a.pingFails(us1, eu1, ap1)
			s.quietly(10 * minute)
			a.pinged = true
			s.quietly(2 * hour)
		}},
		{"a rotation of the log", nil, func(s *scene) {
			first(s).log = false
			s.quietly(20 * minute)
			first(s).log = true
			s.quietly(2 * hour)
		}},
		{"a node with little to say", nil, func(s *scene) {
			a := first(s)
			a.log = false
			for range 20 {
				s.quietly(25 * minute)
				a.say("INFO\t" + transfer)
			}
		}},
		{"a satellite's maintenance", two, func(s *scene) {
			for range 12 {
				for _, a := range s.nodes {
					a.pingFails(eu1)
				}
				s.quietly(30 * minute)
			}
			s.quietly(2 * hour)
		}},
		{"satellites that do not answer for 2 hours while customers do", nil, func(s *scene) {
			for range 4 {
				first(s).pingFails(us1, eu1, ap1)
				s.quietly(30 * minute)
			}
		}},
		{"a forwarder away for 20 minutes", nil, func(s *scene) {
			first(s).log, first(s).LogTrouble = false, "10.0.0.1:9999: connection refused"
			s.quietly(20 * minute)
			first(s).log = true
			s.quietly(hour)
		}},
		{"two restarts", nil, func(s *scene) {
			for range 2 {
				first(s).up()
				s.quietly(5 * minute)
			}
			s.quietly(hour)
		}},
		{"a crash with a restart by its supervisor", nil, func(s *scene) {
			first(s).dies()
			s.quietly(2 * minute)
			first(s).up()
			s.quietly(2 * hour)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.happens(newScene(t, c.nodes...))
		})
	}
}

// A first start has nothing to compare with, and says so.
func TestFirstMinutesAreQuiet(t *testing.T) {
	s := newbornScene(t, "Alpha", "Beta")
	for _, a := range s.nodes {
		a.State, a.LogTrouble = concern.Connecting, "the log is not followed yet"
	}
	verdict := s.judge()
	if got := s.told(verdict); got != "" {
		t.Errorf("raised %q", got)
	}
	for _, code := range []string{"node_unreachable", "host_unreachable", "node_stopped", "no_contact", "satellite_down", "api_slow", "quic", "version_outdated", "blind", "log_silent", "clock_skew"} {
		if unseen(verdict, code) == "" {
			t.Errorf("%s is called well although nothing is known", code)
		}
	}
	s.quietly(3 * hour)
	for _, u := range s.verdict().Unseen {
		t.Errorf("after three hours: %+v", u)
	}
}

// What is raised stays raised over a restart of the plugin, once its first answers are there.
func TestRestartOfThePlugin(t *testing.T) {
	s := newScene(t)
	a := first(s)
	a.down()
	since := a.StateSince
	s.pass(2 * hour)
	s.restart()
	if why := unseen(s.judge(), "node_unreachable"); !strings.Contains(why, "not been asked yet") {
		t.Errorf("before the first answer: %q", why)
	}
	a.down()
	if why := unseen(s.judge(), "node_unreachable"); !strings.Contains(why, "since the watch began") {
		t.Errorf("after the first request: %q", why)
	}
	s.pass(20*minute - second)
	if got := s.told(s.judge()); got != "" {
		t.Errorf("after just less than 20 minutes: %q", got)
	}
	s.pass(second)
	if got := s.told(s.judge()); got != "node_unreachable warning" {
		t.Errorf("after 20 minutes: %q", got)
	}
	a.StateSince = since // where the fleet keeps it
	if got := s.told(s.judge()); got != "node_unreachable critical" {
		t.Errorf("raised %q", got)
	}

	// A log that was silent before is waited for.
	s = newScene(t)
	a = first(s)
	a.log = false
	s.pass(29 * minute)
	s.restart()
	a.LogTrouble = ""
	s.pass(9 * minute)
	if verdict := s.judge(); s.told(verdict) != "" || !strings.Contains(unseen(verdict, "log_silent"), "began just now") {
		t.Errorf("raised %q", s.told(verdict))
	}
	s.pass(minute)
	if got := s.told(s.judge()); got != "log_silent warning" {
		t.Errorf("raised %q", got)
	}

	s = newScene(t)
	a = first(s)
	a.dies()
	s.pass(20 * minute)
	s.restart()
	if got := s.told(s.judge()); got != "node_stopped critical" {
		t.Errorf("raised %q", got)
	}
}

// Lines that are being read late raise nothing that is over.
func TestLinesThatAreReadLate(t *testing.T) {
	s := newScene(t)
	a := first(s)
	a.log = false
	s.pass(minute)
	a.api = false
	s.now = s.now.Add(2 * hour)
	s.restart()
	a.LogTrouble, a.LogBehind = "", 10<<20
	a.sayAt(s.now.Add(-hour), "FATAL\tUnrecoverable error\t{\"error\": \"disk full\"}", false)
	verdict := s.judge()
	if got := s.told(verdict); got != "" || !strings.Contains(unseen(verdict, "node_stopped"), "still being read") {
		t.Errorf("raised %q, not watched because %q", got, unseen(verdict, "node_stopped"))
	}
	a.LogBehind = 0
	if got := s.told(s.judge()); got != "node_stopped critical" {
		t.Errorf("raised %q", got)
	}
	a.sayAt(s.now.Add(-55*minute), "INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}", false)
	if got := s.told(s.judge()); got != "" {
		t.Errorf("raised %q", got)
	}
}
