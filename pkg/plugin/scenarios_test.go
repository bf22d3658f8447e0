package plugin_test

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// These tests let simulated nodes live through their troubles in fast time and
// compare, at each step, what the compiled plugin says with what happened.

const day = 24 * time.Hour

// simulated is a node whose model time the test moves.
type simulated struct {
	*simnode.Node
	scenario simnode.Scenario
	log      *os.File
	troubled bool // the scenario's trouble has begun
	// known is what the plugin must say of each satellite: what the node last said.
	known  map[string]standing
	moving sync.RWMutex // held while the model moves
}

func simulate(t *testing.T, options simnode.Options) *simulated {
	t.Helper()
	n, err := simnode.New(options)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "node.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return &simulated{Node: n, scenario: options.Scenario, log: log, known: map[string]standing{}}
}

// answers says whether the node's API answers as a node's now.
func (s *simulated) answers() bool {
	return s.Up() && !(s.troubled && s.scenario == simnode.HTMLInsteadOfJSON)
}

// atRest is the node's API, which answers when the model does not move: what it said on the
// way would be of no step of the test.
func (s *simulated) atRest() http.Handler {
	handler := s.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.moving.RLock()
		defer s.moving.RUnlock()
		handler.ServeHTTP(w, r)
	})
}

// advance moves the model and notes what the node says now.
func (s *simulated) advance(t *testing.T, to, trouble time.Time) simnode.Truth {
	t.Helper()
	s.moving.Lock()
	defer s.moving.Unlock()
	if err := s.AdvanceTo(to, s.log); err != nil {
		t.Fatal(err)
	}
	s.troubled = !to.Before(trouble)
	truth := s.Truth()
	if !s.answers() {
		return truth
	}
	for _, satellite := range truth.Satellites {
		if satellite.NodeKnows {
			s.known[satellite.ID] = expected(satellite)
		}
	}
	return truth
}

// expected works out the standing from what the node knows, by the satellites'
// rules and not by the plugin's formulas.
func expected(satellite simnode.SatelliteTruth) standing {
	scores := satellite.NodeScores
	s := standing{
		Audit: 100 * scores.Audit, Suspension: 100 * scores.Suspension, Online: 100 * scores.Online,
		Disqualified: satellite.DisqualifiedAt != nil && !satellite.DisqualifiedAt.After(satellite.NodeAsked),
		Suspended:    scores.Suspension <= 0.6,
	}
	if s.Disqualified {
		return s
	}
	s.OfflineSuspended = scores.Online < 0.6
	for score := scores.Audit; score > 0.96; score *= 0.999 {
		s.AuditsLeft++
	}
	s.DowntimeLeft = math.Max(0, math.Round((scores.Online-0.6)*30*86400))
	return s
}

// standings are the reputation table's, by node and satellite.
func (g *grafana) standings() map[string]map[string]standing {
	all := map[string]map[string]standing{}
	for _, row := range rows(g.frames(`{"queryType":"reputation","format":"table"}`)[0]) {
		name := row["node_name"].(string)
		if all[name] == nil {
			all[name] = map[string]standing{}
		}
		all[name][row["satellite_id"].(string)] = standing{
			Audit: row["audit_score_percent"].(float64), Suspension: row["suspension_score_percent"].(float64), Online: row["online_score_percent"].(float64),
			AuditsLeft: row["failed_audits_left"].(float64), DowntimeLeft: row["downtime_left_seconds"].(float64),
			Disqualified: row["is_disqualified"].(bool), Suspended: row["is_suspended"].(bool), OfflineSuspended: row["is_offline_suspended"].(bool),
		}
	}
	return all
}

func TestEveryScenarioStepByStep(t *testing.T) {
	start := time.Now().Add(-45 * day).Truncate(time.Hour)
	trouble := start.Add(day)
	g := newGrafana(t)
	nodesOf := map[string]*simulated{}
	var all []node
	for i, scenario := range simnode.Scenarios() {
		if scenario == simnode.SlowAPI {
			continue // it has a test of its own: slowness is of the wall clock
		}
		s := simulate(t, simnode.Options{
			Seed: uint64(i + 1), Name: string(scenario), Scenario: scenario,
			Start: start, TroubleAt: trouble, JoinedAge: 400 * day, Rate: 10,
		})
		server, _ := counting(t, s.atRest())
		nodesOf[string(scenario)] = s
		log := s.log.Name()
		if scenario == simnode.Restarting {
			log = "" // it would tell of scores after the last answer of the API
		}
		all = append(all, node{Name: string(scenario), Log: log, API: server.URL})
	}

	steps := []time.Duration{-6 * time.Hour, 0, 6 * time.Hour, 10 * time.Hour, 14 * time.Hour, 18 * time.Hour, 22 * time.Hour, 30 * time.Hour, 3 * day, 8 * day, 14 * day, 20 * day, 30 * day, 42 * day}
	seen := map[string]map[string]bool{}
	for i, step := range steps {
		states := map[string]string{}
		want := map[string]map[string]standing{}
		for name, s := range nodesOf {
			s.advance(t, trouble.Add(step), trouble)
			states[name] = "unreachable"
			if s.answers() {
				states[name] = "connected"
			}
			if len(s.known) > 0 {
				want[name] = s.known
			}
			for _, known := range s.known {
				note(seen, name, known)
			}
		}
		settings := nodes(all...)
		// A changed interval makes the plugin ask every node at once.
		settings["pollIntervals"] = map[string]any{"scoresSeconds": 300 + i}
		g.configure(settings)
		g.awaitState(states)
		var got map[string]map[string]standing
		agrees := func() bool {
			got = g.standings()
			return cmp.Equal(want, got, approximately)
		}
		if !holdsWithin(patience/4, agrees) {
			t.Fatalf("%s after the trouble began (-want +got)\n%s", step, cmp.Diff(want, got, approximately))
		}
		for name, s := range nodesOf {
			worst := 100.0
			for _, known := range s.known {
				worst = min(worst, known.health())
			}
			health := instants(t, g.frames(fmt.Sprintf(`{"queryType":"reputation","format":"instant","nodes":[%q],"metrics":["health_percent"]}`, name)))
			if diff := cmp.Diff(map[string]float64{"": worst}, health, approximately); diff != "" {
				t.Errorf("%s, %s: health (-want +got)\n%s", name, step, diff)
			}
		}
	}

	// The troubles really came, and only where they belong.
	for name, want := range map[string][]string{
		"failing-audits": {"audits left", "disqualified"},
		"audit-timeouts": {"audits left"},
		"unknown-errors": {"suspended"},
		"flaky-uplink":   {"downtime left", "offline suspended"},
		"healthy":        {}, "filling-disk": {}, "silenced-log": {},
	} {
		for _, sign := range want {
			if !seen[name][sign] {
				t.Errorf("%s: there was never %q, only %v", name, sign, seen[name])
			}
		}
		if len(want) == 0 && (seen[name]["disqualified"] || seen[name]["suspended"] || seen[name]["offline suspended"]) {
			t.Errorf("%s: it came to %v", name, seen[name])
		}
	}
	table := g.awaitState(map[string]string{
		"healthy": "connected", "failing-audits": "connected", "audit-timeouts": "connected", "unknown-errors": "connected",
		"flaky-uplink": "connected", "filling-disk": "connected", "silenced-log": "connected",
		"restarting": state(nodesOf["restarting"]), "dead": "unreachable", "html-instead-of-json": "unreachable",
	})
	if text := column(table, "html-instead-of-json", "last_error").(string); !strings.Contains(text, "web page") {
		t.Errorf("html-instead-of-json: its last error is %q", text)
	}
	// What a log does not show is said, and only of the log that does not show it.
	checks := checkHealth(t, g, backend.HealthStatusError)
	for name := range nodesOf {
		blind := slices.ContainsFunc(checks[name], func(c check) bool {
			return c.Check == "log_transfers" && c.Status == "warning" && strings.Contains(c.Mend, "custom-level")
		})
		if blind != (name == string(simnode.SilencedLog)) {
			t.Errorf("%s: that its log shows no transfers is said: %v", name, blind)
		}
	}
	full := nodesOf["filling-disk"].Truth().Disk
	if got := column(table, "filling-disk", "disk_free_bytes"); got != float64(full.Free) {
		t.Errorf("filling-disk: %v bytes are free, want %d", got, full.Free)
	}
}

func state(s *simulated) string {
	if s.answers() {
		return "connected"
	}
	return "unreachable"
}

// note remembers which signs of trouble a node showed.
func note(seen map[string]map[string]bool, name string, s standing) {
	if seen[name] == nil {
		seen[name] = map[string]bool{}
	}
	for sign, shown := range map[string]bool{
		"audits left":       s.AuditsLeft > 0 && s.AuditsLeft < 36,
		"downtime left":     s.DowntimeLeft > 0 && s.DowntimeLeft < 10*86400,
		"disqualified":      s.Disqualified,
		"suspended":         s.Suspended,
		"offline suspended": s.OfflineSuspended,
	} {
		if shown {
			seen[name][sign] = true
		}
	}
}

// health is how the worst score stands: the corners are the satellite's limit, the two
// limits of the colours, and a full score.
func (s standing) health() float64 {
	if s.Disqualified || s.Suspended || s.OfflineSuspended {
		return 0
	}
	worst := 100.0
	for _, score := range []struct {
		percent float64
		corners [4]float64
	}{
		{s.Audit, [4]float64{96, 98, 99.5, 100}},
		{s.Suspension, [4]float64{60, 80, 95, 100}},
		{s.Online, [4]float64{60, 70, 95, 100}},
	} {
		heights := [4]float64{0, 50, 87.5, 100}
		health := 0.0
		for i := range 3 {
			part := (score.percent - score.corners[i]) / (score.corners[i+1] - score.corners[i])
			health += math.Max(0, math.Min(part, 1)) * (heights[i+1] - heights[i])
		}
		worst = math.Min(worst, health)
	}
	return worst
}

func TestANewNodeIsNotSuspendedForItsFirstMonth(t *testing.T) {
	start := time.Now().Add(-20 * day).Truncate(time.Hour)
	s := simulate(t, simnode.Options{Seed: 7, Name: "new", Scenario: simnode.FlakyUplink, FaultShare: 0.7, Start: start, TroubleAt: start.Add(time.Hour), Rate: 10, AuditRate: 40})
	server, _ := counting(t, s.Handler())
	for step := 19 * day; ; step += time.Hour {
		s.advance(t, start.Add(step), start)
		if s.Up() {
			break
		}
	}
	g := newGrafana(t)
	g.configure(nodes(node{Name: "new", API: server.URL}))
	g.awaitState(map[string]string{"new": "connected"})
	low := false
	eventually(t, "scores of the new node", func() bool { return len(g.standings()["new"]) > 0 })
	for id, got := range g.standings()["new"] {
		low = low || got.Online < 60
		if got.OfflineSuspended {
			t.Errorf("%s: an online score of %.1f %% suspends a node of 19 days", id, got.Online)
		}
	}
	if !low {
		t.Errorf("no online score fell below 60 %%: %+v", s.known)
	}
}

func TestASlowNodeIsSlowAndNotDead(t *testing.T) {
	start := time.Now().Add(-2 * day).Truncate(time.Hour)
	s := simulate(t, simnode.Options{Seed: 3, Name: "slow", Scenario: simnode.SlowAPI, Start: start, TroubleAt: start.Add(time.Hour), JoinedAge: 400 * day, Rate: 10, APIDelay: 1500 * time.Millisecond})
	s.advance(t, start.Add(day), start)
	server, _ := counting(t, s.Handler())
	g := newGrafana(t)
	settings := nodes(node{Name: "slow", API: server.URL})
	settings["interactiveTimeoutSeconds"] = 1
	g.configure(settings)
	g.awaitState(map[string]string{"slow": "slow"})
	eventually(t, "the slow node's scores", func() bool { return cmp.Equal(s.known, g.standings()["slow"], approximately) })
	if got := column(rows(g.frames(`{"queryType":"nodes"}`)[0]), "slow", "state"); got != "slow" {
		t.Errorf("after its answer the node is %v", got)
	}
}
