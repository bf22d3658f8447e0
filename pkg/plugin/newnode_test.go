package plugin_test

import (
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// A node whose log has no older lines is judged as soon as there is anything to judge it by.
func TestANodeWithAYoungLogIsWatchedAtOnce(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	sim, err := simnode.New(simnode.Options{
		Seed: 9, Start: now.Add(-2 * day), LogFrom: now.Add(-2 * time.Minute), JoinedAge: 90 * day, Rate: 3000, AuditRate: 60,
		Outages: []simnode.Outage{}, Updates: []simnode.VersionChange{},
	})
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "node.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	if err := sim.AdvanceTo(now, log); err != nil {
		t.Fatal(err)
	}
	if size, err := log.Seek(0, io.SeekEnd); err != nil || size == 0 {
		t.Fatalf("the log has %d bytes, %v", size, err)
	}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", Log: log.Name(), API: server.URL}))
	text := ""
	watched := holdsWithin(patience, func() bool {
		if err := sim.AdvanceTo(time.Now(), log); err != nil {
			t.Fatal(err)
		}
		verdict := rows(g.frames(`{"queryType":"verdict"}`)[0])[0]
		text = verdict["text"].(string)
		return verdict["severity"].(float64) == 0
	})
	if !watched {
		t.Errorf("the verdict is %q: %v", text, rows(g.frames(`{"queryType":"conditions","format":"table"}`)[0]))
	}
}
