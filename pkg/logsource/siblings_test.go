package logsource

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIsRotated(t *testing.T) {
	cases := []struct {
		base, name string
		want       bool
	}{
		{"node.log", "node.log.1", true},
		{"node.log", "node.log.12.gz", true},
		{"node.log", "node.log.gz", true},
		{"node.log", "node.log.old", true},
		{"node.log", "node.log-20261122", true},
		{"node.log", "node.log-20261122.gz", true},
		{"node.log", "node.log.2026-11-22T10:00:00Z", true},
		{"node.log", "node.log-1795374000", true},
		{"node.log", "node-20261122.log", true},
		{"node.log", "node-2026-11-22T10-00-00.000.log.gz", true},
		{"node", "node.1", true},
		{"node", "node-20261122", true},
		{"node.log", "node.log", false},
		{"node.log", "node.log.", false},
		{"node.log", "node.log.bz2", false},
		{"node.log", "node.log.1.zst", false},
		{"node.log", "node.log~", false},
		{"node.log", "node.log-2", false},
		{"node.log", "node2.log", false},
		{"node.log", "node-2.log", false},
		{"node.log", "node.2.log", false},
		{"node.log", "node-2.log.1", false},
		{"node.log", "node.log.swp", false},
		{"node", "node-2", false},
		{"node", "node.log", false},
		{".log", "1.log", false},
		{"", "1", false},
	}
	for _, c := range cases {
		if got := isRotated(c.base, c.name); got != c.want {
			t.Errorf("%s of %s: %v", c.name, c.base, got)
		}
	}
}

func TestCandidatesAreOldestFirst(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "node.log")
	for name, age := range map[string]time.Duration{
		"node.log": 0, "node.log.1": time.Hour, "node.log.2": 2 * time.Hour, "node.log.3.gz": 3 * time.Hour,
		"node.log.10.gz": 3 * time.Hour, "node.log-20261122": time.Minute, "node-2.log": time.Hour,
	} {
		create(t, filepath.Join(folder, name), name)
		setModified(t, filepath.Join(folder, name), noon.Add(-age))
	}
	var got []string
	for _, c := range candidates([]string{log, log}) {
		got = append(got, filepath.Base(c.path))
	}
	want := []string{"node.log.10.gz", "node.log.3.gz", "node.log.2", "node.log.1", "node.log-20261122"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
