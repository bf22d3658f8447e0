package presence_test

import (
	"strings"
	"testing"
)

// What is held back, or cannot be told, is not over; and what one node says hides nothing.
func TestWhatIsHeldBackIsNotOver(t *testing.T) {
	for _, c := range []struct {
		name       string
		nodes      []string
		happens    func(*scene)
		want       string
		code, says string
	}{
		{"a start while the API fails", nil, func(s *scene) {
			first(s).apiDown()
			s.pass(10 * minute)
			first(s).say("INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}")
			s.pass(10 * minute)
		}, "", "api_slow", "its API has not answered since"},
		{"QUIC while nothing reaches the node", nil, func(s *scene) {
			s.quic(day)
			first(s).pinged = false
			s.pass(2*hour + 5*minute)
		}, "", "quic", "no satellite has reached the node"},
		{"a start in the future", nil, func(s *scene) {
			first(s).status.StartedAt = s.now.Add(day)
			first(s).poll()
			first(s).down()
			s.pass(20 * minute)
		}, "node_unreachable warning", "", ""},
		{"a satellite that the first node mutes", []string{"Alpha", "Beta", "Gamma"}, func(s *scene) {
			first(s).MutedSatellites = map[string]string{"eu1": "left"}
			s.pings(s.nodes...)
		}, "Beta satellite_down info eu1", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, c.nodes...)
			c.happens(s)
			verdict := s.verdict()
			if got := s.told(verdict); got != c.want {
				t.Errorf("raised %q, want %q", got, c.want)
			}
			if c.code != "" && !strings.Contains(unseen(verdict, c.code), c.says) {
				t.Errorf("%s is unseen because %q", c.code, unseen(verdict, c.code))
			}
		})
	}
}

// A log that has stopped is not one whose level hides the transfers.
func TestAStoppedLogIsNotACustomLevel(t *testing.T) {
	s := newScene(t)
	first(s).log = false
	for range 8 * 60 {
		first(s).status.Bandwidth.Used += 1 << 20
		s.pass(minute)
	}
	for _, f := range s.verdict().Findings {
		if f.Code == "blind" && (strings.Contains(f.Message, "custom-level") || !strings.Contains(f.Message, "has stopped")) {
			t.Error(f.Message)
		}
	}
	if !strings.Contains(s.told(s.verdict()), "blind") {
		t.Error("not raised")
	}
}
