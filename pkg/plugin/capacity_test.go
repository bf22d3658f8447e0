package plugin_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// disks are what is known of the disks, by node; what is not known is left out.
func (g *grafana) disks() map[string]map[string]float64 {
	g.t.Helper()
	all := map[string]map[string]float64{}
	for _, row := range rows(g.frames(`{"queryType":"capacity","format":"table","metrics":["used_bytes","trash_bytes","free_bytes","allocated_bytes","reclaimable_bytes"]}`)[0]) {
		disk := map[string]float64{}
		for name, value := range row {
			if number, ok := value.(float64); ok {
				disk[name] = number
			}
		}
		all[row["node_name"].(string)] = disk
	}
	return all
}

// The API's diskSpace means something else since v1.143: what is answered means the same, and
// is the truth. Without an API, the log tells what is free.
func TestDisksOfAllVersionsOverGRPC(t *testing.T) {
	g := newGrafana(t)
	start := time.Now().Add(-3 * time.Hour)
	var all []node
	want := map[string]map[string]float64{}
	for i, version := range []string{"1.69.2", "1.142.7", "1.143.2", "1.162.3"} {
		s := simulate(t, simnode.Options{
			Seed: uint64(i + 1), Version: version, Updates: []simnode.VersionChange{}, Start: start, JoinedAge: 90 * day, Rate: 20, Level: "error",
		})
		s.advance(t, start.Add(2*time.Hour), start.Add(day))
		server, _ := counting(t, s.atRest())
		all = append(all, node{Name: version, API: server.URL})
		disk := s.Truth().Disk
		want[version] = map[string]float64{
			"used_bytes": float64(disk.Used), "trash_bytes": float64(disk.Trash), "free_bytes": float64(disk.Free), "allocated_bytes": float64(disk.Allocated),
		}
		if i >= 2 {
			want[version]["reclaimable_bytes"] = float64(disk.Reclaimable)
		}
	}
	log := filepath.Join(t.TempDir(), "node.log")
	appendTo(t, log, startLine(time.Now().Add(-time.Minute)))
	const free = 1_234_567_890_123
	appendTo(t, log, fmt.Sprintf("%s\tDEBUG\tpiecestore\tupload started\t{\"process\": \"storagenode\", \"piece_id\": \"PIECE1\", \"satellite_id\": \"%s\", \"action\": \"PUT\", \"remote_address\": \"[2001:db8::1]:4711\", \"available_space\": %d}\n",
		time.Now().Add(-30*time.Second).UTC().Format(time.RFC3339), us1, int64(free)))
	all = append(all, node{Name: "log alone", Log: log, API: "http://127.0.0.1:1"})
	want["log alone"] = map[string]float64{"free_bytes": free}

	g.configure(nodes(all...))
	var got map[string]map[string]float64
	if !holdsWithin(patience, func() bool { got = g.disks(); return cmp.Equal(want, got) }) {
		t.Error(cmp.Diff(want, got))
	}
}
