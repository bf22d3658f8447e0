package fleet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestKeeperWritesWhatChanged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, keptFile)
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	one, two := settings.Default(), settings.Default()
	two.APIPort = 15002
	k := newKeeper(dir)
	cases := []struct {
		name     string
		settings settings.Settings
		now      time.Time
		writes   bool
	}{
		{"the first", one, start, true},
		{"again", one, start.Add(time.Minute), false},
		{"other settings", two, start.Add(2 * time.Minute), true},
		{"within the hour", two, start.Add(61 * time.Minute), false},
		{"an hour later", two, start.Add(63 * time.Minute), true},
		{"after the clock was set back", two, start.Add(-24 * time.Hour), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_ = os.Remove(file)
			k.changed() // also where it did not: then nothing is written
			if err := k.asked(Key{Org: 1, UID: "x"}, c.settings, c.now); err != nil {
				t.Fatal(err)
			}
			if !k.lastAsked().Equal(c.now) {
				t.Errorf("last asked %v", k.lastAsked())
			}
			kept, err := readKept(file)
			if (err == nil) != c.writes {
				t.Fatalf("written %v, %v", err == nil, err)
			}
			if c.writes && !kept.Asked.Equal(c.now) {
				t.Errorf("asked %v", kept.Asked)
			}
		})
	}
}

// A disk that hangs while one question writes does not stop the others.
func TestKeeperDoesNotWaitForAWriter(t *testing.T) {
	k := newKeeper(t.TempDir())
	now := time.Now()
	k.writing.Lock() // as in a write that does not end
	if err := k.asked(Key{}, settings.Default(), now); err != nil || !k.lastAsked().Equal(now) {
		t.Errorf("%v, last asked %v", err, k.lastAsked())
	}
	k.writing.Unlock()
	if err := k.asked(Key{}, settings.Default(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := readKept(filepath.Join(k.dir, keptFile)); err != nil {
		t.Error(err)
	}
}
