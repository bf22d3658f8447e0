package fleet

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The whole of what is told where the store or a log stands in the way of collecting, on both sides of each limit.
func TestNotCollecting(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var told strings.Builder
	tell := func(name string, findings []conditions.Finding) {
		fmt.Fprintf(&told, "# %s\n", name)
		if len(findings) == 0 {
			told.WriteString("nothing\n")
		}
		for _, f := range findings {
			whose := f.History
			if whose == conditions.Monitor {
				whose = "the monitor"
			}
			fmt.Fprintf(&told, "%s, %s, of %s: %s (%.10g of %.10g %s)\n  %s\n", f.Code, f.Severity, whose, f.Title, f.Value, f.Threshold, f.Unit, f.Message)
		}
	}

	opened, err := store.Open(store.Options{FlushInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	const denied = "/var/log/alpha.log: permission denied"
	for _, c := range []struct {
		name    string
		trouble string        // why its log cannot be read
		since   time.Duration // for how long; 0: it never could
		behind  int64
		started time.Duration // the plugin, so long ago
	}{
		{"a log that is followed", "", time.Hour, 0, 2 * time.Hour},
		{"a log that cannot be read for 10 minutes", denied, 10 * time.Minute, 0, time.Hour},
		{"a log that cannot be read for more than 10 minutes", denied, 10*time.Minute + time.Second, 0, time.Hour},
		{"a log that cannot be read for a day, of which the plugin knows for 10 minutes", denied, 24 * time.Hour, 0, 10 * time.Minute},
		{"a log that cannot be read for a day, of which the plugin knows for an hour", denied, 24 * time.Hour, 0, time.Hour},
		{"a log that was not looked for yet", "the log is not followed yet", 0, 0, time.Hour},
		{"a log that is 256 MiB behind", "", time.Hour, 256 << 20, 2 * time.Hour},
		{"a log that is more than 256 MiB behind", "", time.Hour, 256<<20 + 1, 2 * time.Hour},
		{"a log that is 2 GiB behind", "", 10*time.Minute + time.Second, 2 << 30, 2 * time.Hour},
		{"a log that is 2 GiB behind for 10 minutes", "", 10 * time.Minute, 2 << 30, 2 * time.Hour},
		{"a log that cannot be read on and is 2 GiB behind", denied, time.Hour, 2 << 30, 2 * time.Hour},
	} {
		node := concern.Watched{
			Node:       concern.Node{Node: settings.Node{Name: "Alpha"}, History: "Alpha"},
			LogTrouble: c.trouble, LogBehind: c.behind,
		}
		if c.since > 0 {
			node.LogSince = now.Add(-c.since)
		}
		verdict, err := collecting{}.Judge(t.Context(), conditions.Case{Nodes: []concern.Watched{node}, Store: opened, Now: now, Started: now.Add(-c.started)})
		if err != nil || len(verdict.Unseen) > 0 {
			t.Errorf("%s: %v, not watched: %+v", c.name, err, verdict.Unseen)
		}
		tell(c.name, verdict.Findings)
	}

	for _, c := range []struct {
		name   string
		status store.Status
	}{
		{"a store that takes everything", store.Status{PendingRows: 7}},
		{"a store that cannot be written", store.Status{
			PendingRows: 1234, CommitError: "the store /var/lib/storagenode-monitor/store.db cannot be written: no space left on device",
		}},
	} {
		var findings []conditions.Finding
		if f, ok := unwritable(c.status); ok {
			findings = append(findings, f)
		}
		tell(c.name, findings)
	}

	conditionstest.Golden(t, filepath.Join("testdata", "not_collecting.golden"), told.String())
}

// A log that goes with its node is not told of beside the node, nor before; one that stays away
// while the node is there is.
func TestALogThatGoesWithItsNode(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	opened, err := store.Open(store.Options{FlushInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const hour = time.Hour
	for _, c := range []struct {
		name   string
		change func(*concern.Watched)
		why    string // it is not watched; "": it is raised
	}{
		{"the node answers", func(*concern.Watched) {}, ""},
		{"the node answers late", func(w *concern.Watched) { w.State = concern.Slow }, ""},
		{"the node does not answer", func(w *concern.Watched) { w.State, w.Trouble = concern.Unreachable, "connection refused" }, "does not answer either"},
		{"the node is looked for again", func(w *concern.Watched) {
			w.State, w.Trouble, w.API, w.Endpoint = concern.Connecting, "no API answers", "", ""
		}, "does not answer either"},
		{"the node was not asked since", func(w *concern.Watched) { w.LogSince, w.Answered = ago(30*time.Minute), ago(31*time.Minute) }, "has not answered since"},
		{"the node is asked so seldom that nobody waits for it", func(w *concern.Watched) { w.Answered = ago(2 * hour) }, ""},
		{"the node answers again for 10 minutes", func(w *concern.Watched) { w.Facts.Back = ago(10 * time.Minute) }, "a moment longer"},
		{"the node answers again for more than 10 minutes", func(w *concern.Watched) { w.Facts.Back = ago(10*time.Minute + time.Second) }, ""},
		{"the node was started 10 minutes ago", func(w *concern.Watched) { w.Facts.StartedAt = ago(10 * time.Minute) }, "a moment longer"},
		{"the node's clock is ahead", func(w *concern.Watched) { w.Facts.StartedAt = ago(-hour) }, ""},
		{"the node has no API", func(w *concern.Watched) {
			w.State, w.Trouble, w.API, w.Endpoint, w.Answered = concern.Connecting, "no API answers", "", "", time.Time{}
		}, ""},
		{"the node's API may not be asked", func(w *concern.Watched) { w.State, w.API = concern.Connecting, "http://10.0.0.2:14002" }, ""},
	} {
		node := concern.Watched{
			Node:  concern.Node{Node: settings.Node{Name: "Alpha", API: "http://127.0.0.1:14002"}, History: "Alpha"},
			State: concern.Connected, StateSince: ago(24 * hour), Answered: ago(time.Minute), Endpoint: "http://127.0.0.1:14002",
			LogTrouble: "10.0.0.1:9999: connection refused", LogSince: ago(hour),
			Facts: concern.Facts{StartedAt: ago(24 * hour)},
		}
		c.change(&node)
		verdict, err := collecting{}.Judge(t.Context(), conditions.Case{Nodes: []concern.Watched{node}, Store: opened, Now: now, Started: ago(24 * hour)})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.why == "" && (len(verdict.Findings) != 1 || len(verdict.Unseen) != 0):
			t.Errorf("%s: want it raised, got %+v", c.name, verdict)
		case c.why != "" && (len(verdict.Findings) != 0 || len(verdict.Unseen) != 1 || !strings.Contains(verdict.Unseen[0].Why, c.why)):
			t.Errorf("%s: want it not watched because it %s, got %+v", c.name, c.why, verdict)
		}
	}
}
