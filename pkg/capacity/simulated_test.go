package capacity_test

import (
	"io"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// simulated is a node that is asked over HTTP each hour, as a fleet asks it.
func (s *scene) simulated(options simnode.Options) (node *simnode.Node, until func(time.Time)) {
	s.t.Helper()
	options.Seed, options.Start, options.JoinedAge, options.Level = 7, s.now, 90*day, "error"
	node, err := simnode.New(options)
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewServer(node.Handler())
	s.t.Cleanup(server.Close)
	client, err := storagenode.NewClient(server.URL, server.Client())
	if err != nil {
		s.t.Fatal(err)
	}
	return node, func(end time.Time) {
		s.t.Helper()
		for s.now.Before(end) {
			s.now = s.now.Add(time.Hour)
			if err := node.AdvanceTo(s.now, io.Discard); err != nil {
				s.t.Fatal(err)
			}
			if !node.Up() {
				continue // it restarts
			}
			status, err := client.Status(s.t.Context())
			if err != nil {
				s.t.Fatal(err)
			}
			scores, err := client.Scores(s.t.Context(), status)
			if err != nil {
				s.t.Fatal(err)
			}
			s.record("A", concern.Poll{Status: &status, Scores: &scores})
		}
	}
}

// Nodes of all shapes of the API say the same of their disks, and it is the truth.
func TestSimulatedNodesOfAllVersions(t *testing.T) {
	for _, version := range []string{"1.69.2", "1.142.7", "1.162.3"} {
		t.Run(version, func(t *testing.T) {
			s := newScene(t)
			node, until := s.simulated(simnode.Options{Version: version, Updates: []simnode.VersionChange{}, Rate: 20})
			until(noon.Add(3 * day))
			truth := node.Truth().Disk
			got := instantsOf(t, s.answer(s.asking("capacity", concern.Instant, []string{"used_bytes", "free_bytes", "trash_bytes", "allocated_bytes"}, "A")))
			for metric, want := range map[string]int64{"used_bytes": truth.Used, "free_bytes": truth.Free, "trash_bytes": truth.Trash, "allocated_bytes": truth.Allocated} {
				if got[metric+"{node=A}"] != float64(want) {
					t.Errorf("%s: %f, want %d", metric, got[metric+"{node=A}"], want)
				}
			}
			got = instantsOf(t, s.answer(s.asking("storage_breakdown", concern.Instant, []string{"paid_bytes", "stored_bytes"}, "A")))
			paid, stored := got["paid_bytes{node=A}"], got["stored_bytes{node=A}"]
			if !(paid > 0.5*stored && paid <= 1.02*stored) {
				t.Errorf("%f of %f are paid for", paid, stored)
			}
		})
	}
}

// A disk that fills is full when the forecast said so.
func TestASimulatedDiskIsFullWhenForetold(t *testing.T) {
	s := newScene(t)
	node, until := s.simulated(simnode.Options{Scenario: simnode.FillingDisk, TroubleAt: noon, Rate: 60, Disk: 10e9, DiskUsed: 1e9})
	until(noon.Add(3 * day))
	metrics := []string{"days_until_full", "days_until_full_lower", "days_until_full_upper"}
	got := instantsOf(t, s.answer(s.asking("capacity", concern.Instant, metrics, "A")))
	days, asked := got["days_until_full{node=A}"], s.now
	t.Logf("%v", got)
	if !(days > 0) {
		t.Fatal(notices(s.answer(s.asking("capacity", concern.Instant, metrics, "A"))))
	}
	for limit := asked.Add(time.Duration(3 * days * float64(day))); s.now.Before(limit) && node.Truth().Disk.Free > 120e6; {
		until(s.now.Add(6 * time.Hour))
	}
	took := s.now.Sub(asked).Hours() / 24
	if math.Abs(took-days) > max(1, 0.2*days) {
		t.Errorf("full after %.1f days, foretold %.1f", took, days)
	}
}
