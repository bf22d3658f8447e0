//go:build unix

package tasks

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// The nodes of the test. All stand still: what is wrong with them does not change by itself.
const (
	suspendedNode = "Suspended" // until the test lets it recover
	warnedNode    = "Warned"    // has failed audits, of which its settings say that they are no more than a warning
	mendedNode    = "Mended"    // has them, too, and is in maintenance
	byHandNode    = "By-Hand"   // of the data source that is made by hand
)

// failedFor is for how long audits failed, at two or so a minute, before the test began.
const failedFor = 10 * time.Minute

// standing simulates a node up to now.
func standing(t *testing.T, seed uint64, name string, trouble simnode.Scenario, from, to time.Duration) (node *simnode.Node, log string) {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	rate := 8.0
	if trouble == simnode.FailingAudits {
		rate = 240
	}
	node, err := simnode.New(simnode.Options{
		Seed: seed, Name: name, Scenario: trouble, Start: now.Add(-26 * time.Hour), JoinedAge: 400 * 24 * time.Hour,
		TroubleAt: now.Add(-from), TroubleEnds: now.Add(-to), Rate: 60, AuditRate: rate,
		Updates: []simnode.VersionChange{}, Outages: []simnode.Outage{},
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := node.AdvanceTo(now, file); err != nil {
		t.Fatal(err)
	}
	return node, file.Name()
}

// withFailedAudits is the spec of a node some of whose audits have just failed.
func withFailedAudits(t *testing.T, seed uint64, name string) string {
	t.Helper()
	node, log := standing(t, seed, name, simnode.FailingAudits, failedFor, 0)
	failed := int64(0)
	for _, satellite := range node.Truth().Satellites {
		failed += satellite.FailedAudits
	}
	if failed < 4 || failed > 35 {
		t.Fatalf("%d audits of %s failed: this is no test with less than 4, nor where they disqualify the node", failed, name)
	}
	server := httptest.NewServer(node.Handler())
	t.Cleanup(server.Close)
	return name + ":" + log + ":" + server.URL
}

// recovering is a node that is suspended until it is told to recover.
type recovering struct {
	spec    string
	handler atomic.Pointer[http.Handler]
	well    http.Handler
}

func newRecovering(t *testing.T) *recovering {
	t.Helper()
	lowest := func(node *simnode.Node) float64 {
		low := 1.0
		for _, satellite := range node.Truth().Satellites {
			low = min(low, satellite.NodeScores.Suspension)
		}
		return low
	}
	troubled, _ := standing(t, 1, suspendedNode, simnode.UnknownErrors, 20*time.Hour, 0)
	recovered, _ := standing(t, 1, suspendedNode, simnode.UnknownErrors, 25*time.Hour, 20*time.Hour)
	if troubled.ID() != recovered.ID() || lowest(troubled) > 0.6 || lowest(recovered) < 0.96 {
		t.Fatalf("the node with the suspension score %v does not become one with %v", lowest(troubled), lowest(recovered))
	}
	r := &recovering{well: recovered.Handler()}
	ill := troubled.Handler()
	r.handler.Store(&ill)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		(*r.handler.Load()).ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.spec = suspendedNode + "::" + server.URL
	return r
}

func (r *recovering) recover() { r.handler.Store(&r.well) }
