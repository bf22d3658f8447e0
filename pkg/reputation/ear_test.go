package reputation_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// logged is a line with scores, as a node writes it.
func logged(at time.Time, satellite string, total, successful int, audit, suspension, online float64) string {
	return fmt.Sprintf("%s\tWARN\treputation:service\tnode scores worsened\t"+
		`{"process": "storagenode", "satellite_id": %q, "total_audits": %d, "successful_audits": %d, "audit_score": %v, "online_score": %v, "suspension_score": %v, "audit_score_delta": -0.001}`,
		at.UTC().Format(time.RFC3339), satellite, total, successful, audit, online, suspension)
}

// hear is what the fleet does with the lines of a log.
func hear(t *testing.T, into *store.Store, node concern.Node, lines ...string) {
	t.Helper()
	ear, parser := reputation.Concern{}.Listen(node, into), storagenode.NewParser()
	for _, line := range lines {
		event, err := parser.Parse([]byte(line))
		if err != nil || event == nil {
			t.Fatalf("%s: %v", line, err)
		}
		ear.Hear(event)
	}
	batch := &store.Batch{}
	if err := ear.Flush(batch); err != nil {
		t.Fatal(err)
	}
	if err := into.Record(batch); err != nil {
		t.Fatal(err)
	}
}

func standingOf(t *testing.T, latest reputation.Latest, satellite string) reputation.Standing {
	t.Helper()
	for _, s := range latest.Standings {
		if s.SatelliteID == satellite {
			return s
		}
	}
	t.Fatalf("nothing is known of %s", satellite)
	return reputation.Standing{}
}

func TestScoresOfTheLogAreKnownWithoutAnAPI(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node,
		logged(polled.Add(-10*time.Minute), us1, 200, 200, 1, 1, 1),
		logged(polled.Add(-5*time.Minute), us1, 210, 209, 0.999, 0.95, 0.9),
		logged(polled.Add(-4*time.Minute), eu1, 3, 3, 1, 1, 0.5),
	)
	latest := latestOf(t, s, node)
	got := standingOf(t, latest, us1)
	want := reputation.Standing{
		SatelliteID: us1, Timestamp: polled.Add(-5 * time.Minute), HeardAt: polled.Add(-5 * time.Minute),
		Audit: 99.9, Suspension: 95, Online: 90, VettingUnreadable: true, TotalAudits: 210, SuccessfulAudits: 209,
		Falls: []reputation.Fall{{Since: polled.Add(-10 * time.Minute), At: polled.Add(-5 * time.Minute), From: 100, To: 99.9}},
	}
	if diff := cmp.Diff(want, got, close1e9); diff != "" {
		t.Error(diff)
	}
	if eu := standingOf(t, latest, eu1); !eu.OfflineUnreadable || eu.OfflineSuspended {
		t.Errorf("whether it is suspended for being offline cannot be told, but: %+v", eu)
	}
	samples := samplesOf(t, s, node)
	at := polled.Add(-5 * time.Minute).UnixMilli()
	wantSamples := map[string]float64{
		"audit_score_percent us1": 99.9, "suspension_score_percent us1": 95, "online_score_percent us1": 90,
		"total_audits us1": 210, "successful_audits us1": 209,
		"health_percent": 50 + 37.5*20/25,
	}
	if diff := cmp.Diff(wantSamples, samples[at], close1e9); diff != "" {
		t.Error(diff)
	}
	// No notice: scores are renewed every four hours.
	request := asking(s, concern.Instant, node)
	request.Now = polled.Add(4 * time.Hour)
	if texts := notices(answered(t, request)); len(texts) > 0 {
		t.Error(texts)
	}
	request.Now = polled.Add(9 * time.Hour)
	if texts := notices(answered(t, request)); len(texts) != 1 || !strings.Contains(texts[0], "the scores are 9 h old") {
		t.Error(texts)
	}
}

// Whatever order lines and polls come in, the newer of them stands.
func TestTheNewerOfLogAndAPIStands(t *testing.T) {
	joined := polled.Add(-2000 * time.Hour)
	poll := func(at time.Time, audit float64) func(*testing.T, *store.Store, concern.Node) {
		return func(t *testing.T, s *store.Store, node concern.Node) {
			record(t, s, node, at, scores(scored(us1, audit, 1, 1, joined)))
		}
	}
	line := func(at time.Time, audit float64) func(*testing.T, *store.Store, concern.Node) {
		return func(t *testing.T, s *store.Store, node concern.Node) {
			hear(t, s, node, logged(at, us1, 300, 299, audit, 1, 1))
		}
	}
	type steps = []func(*testing.T, *store.Store, concern.Node)
	for _, c := range []struct {
		name  string
		steps steps
		audit float64
	}{
		{"a line after a poll", steps{poll(polled.Add(-time.Hour), 1), line(polled, 0.99)}, 99},
		{"a poll after a line", steps{line(polled.Add(-time.Hour), 0.99), poll(polled, 0.98)}, 98},
		{"an old line, read late", steps{poll(polled, 0.99), line(polled.Add(-time.Hour), 1)}, 99},
		{"two lines, the older one read later", steps{line(polled, 0.99), line(polled.Add(-time.Minute), 1)}, 99},
		{"a poll that began before the line", steps{line(polled.Add(-20*time.Second), 0.99), poll(polled, 1)}, 99},
		{"a line in the second of a poll", steps{poll(polled.Add(500*time.Millisecond), 1), line(polled, 0.99)}, 99},
		{"a line long before two polls", steps{line(polled.Add(-time.Minute), 0.99), poll(polled, 1), poll(polled.Add(5*time.Minute), 0.985)}, 98.5},
		{"a line of a clock that is ahead", steps{line(polled.Add(30*time.Minute), 0.99), poll(polled, 1)}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			for _, step := range c.steps {
				step(t, s, node)
			}
			got := standingOf(t, latestOf(t, s, node), us1)
			if math.Abs(got.Audit-c.audit) > 1e-9 {
				t.Errorf("audit score %v, want %v", got.Audit, c.audit)
			}
			if got.TotalAudits != 300 {
				t.Errorf("%d audits", got.TotalAudits)
			}
		})
	}
}

// Every line of the recorded log of a node that was disqualified gives its scores, and
// the last one of each satellite stands.
func TestScoresOfARecordedLog(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "storagenode", "testdata", "logs", "runB-node7.info.console.log"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, "\tnode scores ") {
			lines = append(lines, line)
		}
	}
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, lines...)
	lowest := 100.0
	for _, standing := range latestOf(t, s, node).Standings {
		lowest = min(lowest, standing.Audit)
		if standing.TotalAudits == 0 {
			t.Errorf("%s: no audits", standing.SatelliteID)
		}
	}
	if len(lines) == 0 || lowest > 96 {
		t.Errorf("%d lines; the lowest audit score is %v", len(lines), lowest)
	}
}
