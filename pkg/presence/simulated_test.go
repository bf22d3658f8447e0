package presence_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// simulate watches a simulated node and answers what was raised, and for how long after its
// trouble began it was raised first.
func simulate(t *testing.T, options simnode.Options, length time.Duration) map[string]time.Duration {
	t.Helper()
	s := newbornScene(t)
	a := first(s)
	options.Seed, options.Start, options.JoinedAge, options.Rate = 7, s.now, 90*day, 20
	if options.TroubleAt.IsZero() {
		options.TroubleAt = s.now.Add(day)
	}
	node, err := simnode.New(options)
	if err != nil {
		t.Fatal(err)
	}
	a.Answered = s.now.Add(-time.Hour)
	raised := map[string]time.Duration{}
	var log bytes.Buffer
	for end := s.now.Add(length); s.now.Before(end); {
		s.now = s.now.Add(time.Minute)
		log.Reset()
		if err := node.AdvanceTo(s.now, &log); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(log.Bytes()) {
			a.hear(line, func(at time.Time) time.Time { return at.Add(300 * time.Millisecond) })
		}
		a.flush()
		if s.now.Sub(a.Answered) >= 5*time.Minute {
			a.ask(node)
		}
		if s.now.Minute()%5 != 0 {
			continue
		}
		for _, f := range s.verdict().Findings {
			key := f.Code + " " + severityNames[f.Severity]
			if _, ok := raised[key]; !ok {
				raised[key] = s.now.Sub(options.TroubleAt)
				t.Logf("%s: %s: %s", s.now.Format(time.DateTime), key, f.Message)
			}
		}
	}
	return raised
}

// ask asks a simulated node for its status.
func (a *actor) ask(node *simnode.Node) {
	a.scene.t.Helper()
	trouble := "connection refused"
	if node.Up() {
		answer := httptest.NewRecorder()
		node.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/api/sno/", nil))
		a.status = storagenode.Status{}
		if strings.HasPrefix(answer.Header().Get("Content-Type"), "application/json") {
			if err := json.Unmarshal(answer.Body.Bytes(), &a.status); err != nil {
				a.scene.t.Fatal(err)
			}
			a.answer()
			return
		}
		trouble = "the answer is not JSON"
	}
	if a.State != concern.Unreachable {
		a.State, a.StateSince, a.Trouble = concern.Unreachable, a.scene.now, trouble
	}
}

// What simulated nodes go through raises what it should, and nothing else; a healthy one for a
// month, with its restarts, its update and a satellite's maintenance, raises nothing that
// anybody is told of.
func TestSimulatedNodes(t *testing.T) {
	for _, c := range []struct {
		name    string
		options simnode.Options
		length  time.Duration
		want    []string
		// soonest and latest are when the first of them is raised, after the trouble began.
		soonest, latest time.Duration
	}{
		{"healthy", simnode.Options{}, 32 * day, []string{"satellite_down info"}, 0, 40 * day},
		{"healthy at debug", simnode.Options{Level: "debug"}, 3 * day, nil, 0, 0},
		{"an old version", simnode.Options{Version: "1.70.2", AllowedVersion: "1.60.1"}, 3 * day, nil, 0, 0},
		{"failing audits", simnode.Options{Scenario: simnode.FailingAudits}, 3 * day, nil, 0, 0},
		{"audit time-outs", simnode.Options{Scenario: simnode.AuditTimeouts}, 3 * day, nil, 0, 0},
		{"unknown errors", simnode.Options{Scenario: simnode.UnknownErrors}, 3 * day, nil, 0, 0},
		{"a filling disk", simnode.Options{Scenario: simnode.FillingDisk}, 3 * day, nil, 0, 0},
		{"a flaky uplink", simnode.Options{Scenario: simnode.FlakyUplink}, 4 * day, []string{"no_contact warning"}, 3 * hour, 2 * day},
		{"restarting", simnode.Options{Scenario: simnode.Restarting}, 2 * day, []string{"restart_loop critical"}, 8 * minute, 30 * minute},
		{"a silenced log", simnode.Options{Scenario: simnode.SilencedLog}, 3 * day, []string{"blind warning"}, 4 * hour, 8 * hour},
		{"dead", simnode.Options{Scenario: simnode.Dead}, 2 * day, []string{"node_unreachable critical", "node_unreachable warning"}, 20 * minute, 30 * minute},
		{"a slow API", simnode.Options{Scenario: simnode.SlowAPI, APIDelay: 1}, 3 * day, nil, 0, 0},
		{"a web page", simnode.Options{Scenario: simnode.HTMLInsteadOfJSON}, 2 * day, []string{"api_slow info", "api_slow warning"}, 5 * minute, 20 * minute},
		{"QUIC", simnode.Options{QUICStatus: "Misconfigured", TroubleAt: noon.Add(-25 * hour)}, 3 * day, []string{"quic info"}, day, day + hour},
		{"below the minimum", simnode.Options{AllowedVersion: "1.170.1", TroubleAt: noon.Add(-25 * hour)}, day, []string{"version_outdated critical"}, 0, 10 * minute},
		{"a log of errors", simnode.Options{Level: "error", TroubleAt: noon.Add(-25 * hour)}, 2 * day, []string{"blind warning"}, hour, 26 * hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && c.length > 4*day {
				t.Skip("a long one")
			}
			raised := simulate(t, c.options, c.length)
			got := slices.Sorted(maps.Keys(raised))
			if !slices.Equal(got, c.want) {
				t.Errorf("raised %q, want %q", got, c.want)
			}
			soonest := 400 * day
			for _, after := range raised {
				soonest = min(soonest, after)
			}
			if len(c.want) > 0 && (soonest < c.soonest || soonest > c.latest) {
				t.Errorf("raised %s after the trouble began, want it after %s to %s", soonest, c.soonest, c.latest)
			}
		})
	}
}
