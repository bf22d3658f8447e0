package plugin_test

import (
	"io"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/dataplane/sdata/timeseries"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// The half days of a node that was away for some of them, over gRPC: they are there with
// the first poll, those before the plugin was included, and make the score that is shown.
func TestHalfDaysOverGRPC(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	sim, err := simnode.New(simnode.Options{
		Seed: 3, Start: now.Add(-35 * day), JoinedAge: 90 * day, Rate: 20, AuditRate: 12, Scenario: simnode.FlakyUplink,
		TroubleAt: now.Add(-20 * day), TroubleEnds: now.Add(-16 * day), Outages: []simnode.Outage{}, Updates: []simnode.VersionChange{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.AdvanceTo(now, io.Discard); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", API: server.URL}))
	eventually(t, "scores", func() bool { return len(g.standings()["A"]) > 0 })

	score := instants(t, g.frames(`{"queryType":"reputation","format":"instant","satellites":["us1"],"metrics":["online_score_percent"]}`))["us1"]
	response := g.askOver(`{"queryType":"reputation","satellites":["us1"],"metrics":["online_windows_percent"]}`, 31*day, 1000)
	if response.Error != nil {
		t.Fatal(response.Error)
	}
	reader, err := timeseries.CollectionReaderFromFrames(response.Frames)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := reader.GetCollection(false)
	if err != nil || collection.Warning != nil || len(collection.Refs) != 1 {
		t.Fatalf("%d series, %v, %v", len(collection.Refs), collection.Warning, err)
	}
	var known []float64
	away := 0
	for i := range collection.Refs[0].ValueField.Len() {
		at, v, err := collection.Refs[0].NullableFloat64Point(i)
		if err != nil {
			t.Fatal(err)
		}
		if !at.Equal(at.Truncate(storagenode.AuditWindow)) {
			t.Errorf("a half day begins at %s", at)
		}
		if v != nil {
			known = append(known, *v)
			if *v < 100 {
				away++
			}
		}
	}
	if len(known) < 55 || away < 3 || away > 12 {
		t.Fatalf("%d half days are known, and the node was away in %d", len(known), away)
	}
	sum := 0.0
	for _, v := range known[:len(known)-1] {
		sum += v
	}
	if mean := sum / float64(len(known)-1); math.Abs(mean-score) > 1e-6 {
		t.Errorf("the half days make %v %%, the online score is %v %%", mean, score)
	}
}
