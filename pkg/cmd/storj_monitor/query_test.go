package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"
)

// stopped is when it is in tests that need to know.
var stopped = time.Date(2026, 11, 10, 0, 2, 30, 0, time.UTC)

func stopClock(t *testing.T) {
	t.Helper()
	before := clock
	clock = func() time.Time { return stopped }
	t.Cleanup(func() { clock = before })
}

// keptNode makes a data source of one node in a data folder, as a plugin leaves it: 24
// hours of polls up to 2026-11-10 00:00, one of which is missing, with a score that
// falls by a hundredth at each, and with dips of the online score.
func keptNode(t *testing.T, dir, uid, node string) {
	t.Helper()
	key := fleet.Key{Org: 1, UID: uid}
	folder := fleet.StoreFolder(dir, key)
	s, err := store.Open(store.Options{Dir: folder, FlushInterval: -1, Now: func() time.Time { return stopped }})
	if err != nil {
		t.Fatal(err)
	}
	history := strings.ToLower(node)
	batch := &store.Batch{}
	const polls = 288
	for n := range polls + 1 {
		if n == polls-5 {
			continue // the node did not answer
		}
		at := stopped.Truncate(5 * time.Minute).Add(time.Duration(n-polls) * 5 * time.Minute)
		online := 100.0
		if n%9 == 0 {
			online = 94.5
		}
		batch.Add("reputation/"+history, at.UnixMilli(),
			store.Sample{Column: store.NewColumn("audit_score_percent", "satellite", us1), Value: 100 - float64(n)/128},
			store.Sample{Column: store.NewColumn("online_score_percent", "satellite", us1), Value: online},
			store.Sample{Column: store.NewColumn("audit_score_percent", "satellite", eu1), Value: 100})
	}
	standing := func(id string, audit float64) map[string]any {
		return map[string]any{
			"satelliteId": id, "timestamp": stopped.Add(-time.Hour), "audit": audit, "suspension": 100, "online": 94.5,
			"joinedAt": stopped.AddDate(-1, 0, 0), "vettedAt": stopped.AddDate(0, -11, 0), "vettingProgress": 100,
		}
	}
	document, err := json.Marshal(map[string]any{
		"at": stopped.Add(-time.Hour), "interval": 5 * time.Minute,
		"standings": []any{standing(us1, 97.75), standing(eu1, 100)},
	})
	if err != nil {
		t.Fatal(err)
	}
	batch.Put("reputation/"+history, document)
	for _, step := range []func() error{func() error { return s.Record(batch) }, s.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := json.Marshal(map[string]any{
		"org": key.Org, "uid": key.UID, "asked": stopped,
		"settings": map[string]any{"nodes": []any{map[string]any{"name": node, "key": history, "api": "http://localhost:14002"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "fleet.json"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestQueryAnswersFromAStoreAsGrafanaGetsIt(t *testing.T) {
	stopClock(t)
	dir := t.TempDir()
	keptNode(t, dir, "mine", "Attic")
	for name, arguments := range map[string][]string{
		"query-hour":           {`{"queryType":"reputation","metrics":["audit_score_percent"]}`}, // by default, as its end is now
		"query-hour-5-points":  {`{"queryType":"reputation","metrics":["audit_score_percent"]}`, "--from", "now-1h", "--to", "now", "--max-data-points", "5"},
		"query-night":          {`{"queryType":"reputation","metrics":["audit_score_percent","online_score_percent"],"satellites":["us1"]}`, "--from", "2026-11-09T02:00:00Z", "--to", "2026-11-09T03:00:00Z"},
		"query-night-8-points": {`{"queryType":"reputation","metrics":["audit_score_percent","online_score_percent"],"satellites":["us1"]}`, "--from", "2026-11-09T00:00:00Z", "--to", "2026-11-09T06:00:00Z", "--max-data-points", "8"},
		"query-kept-table":     {`{"queryType":"reputation","format":"table"}`, "--table"},
	} {
		code, out, errOut := command(t, append([]string{"query", "--data-dir", dir}, arguments...)...)
		if code != 0 || errOut != "" {
			t.Errorf("%s: it ends with %d and says %q", name, code, errOut)
		}
		golden(t, name, out)
	}
}

// Which of several data sources is meant is for a person to say.
func TestQueryAsksForTheStore(t *testing.T) {
	stopClock(t)
	dir := t.TempDir()
	keptNode(t, dir, "one", "Attic")
	keptNode(t, dir, "two", "Cellar")
	ask := []string{"query", `{"queryType":"nodes"}`, "--table", "--data-dir", dir}
	code, out, errOut := command(t, ask...)
	if code != 2 || out != "" || !strings.Contains(errOut, "choose one of one, two with --datasource-uid") {
		t.Errorf("two data sources end with %d, print %q and say %q", code, out, errOut)
	}
	for uid, nodes := range map[string][2]string{"one": {"Attic", "Cellar"}, "two": {"Cellar", "Attic"}} {
		code, out, errOut = command(t, append(ask, "--datasource-uid", uid)...)
		if code != 0 || !strings.Contains(out, nodes[0]) || strings.Contains(out, nodes[1]) {
			t.Errorf("%s: it ends with %d, says %q and prints\n%s", uid, code, errOut, out)
		}
	}
	if code, _, errOut = command(t, append(ask, "--datasource-uid", "three")...); code != 2 || !strings.Contains(errOut, "holds no data source three; it holds one, two") {
		t.Errorf("a third data source ends with %d and says %q", code, errOut)
	}
}

func TestWithoutADataDirItIsTheUsersOwn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux names the folder in a variable")
	}
	stopClock(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, test := range map[string]struct{ variable, dir string }{
		"XDG_DATA_HOME": {filepath.Join(home, "data"), filepath.Join(home, "data", "storj_monitor")},
		"the home":      {"", filepath.Join(home, ".local", "share", "storj_monitor")},
	} {
		t.Setenv("XDG_DATA_HOME", test.variable)
		keptNode(t, test.dir, "mine", "Attic")
		code, out, errOut := command(t, "query", `{"queryType":"nodes"}`, "--table")
		if code != 0 || !strings.Contains(out, "Attic") {
			t.Errorf("%s: it ends with %d, says %q and prints\n%s", name, code, errOut, out)
		}
		if err := os.RemoveAll(test.dir); err != nil {
			t.Fatal(err)
		}
	}
}
