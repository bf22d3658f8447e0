package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// filledStore makes a store of known contents in a folder.
func filledStore(t *testing.T, folder string) {
	t.Helper()
	now := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	policy := store.Policy{Keep: 30 * 24 * time.Hour, Rollups: []store.Rollup{{Step: time.Hour, Keep: 400 * 24 * time.Hour}, {Step: 24 * time.Hour, Keep: 400 * 24 * time.Hour}}, Aggregates: []store.Aggregate{store.Min}}
	s, err := store.Open(store.Options{Dir: folder, FlushInterval: -1, Now: func() time.Time { return now }, Limits: store.Limits{Policies: map[string]store.Policy{"reputation": policy}}})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(from, to int) {
		batch := &store.Batch{}
		for n := from; n < to; n++ {
			at := now.Add(time.Duration(n-2000) * 5 * time.Minute)
			batch.Add("reputation/n", at.UnixMilli(), store.Sample{Column: "audit_score_percent", Value: 100}, store.Sample{Column: "online_score_percent", Value: float64(99 + n%2)})
		}
		batch.AppendEvent(store.Event{Time: now.UnixMilli(), Kind: "restart"})
		batch.Put("facts", []byte("{}"))
		if err := s.Record(batch); err != nil {
			t.Fatal(err)
		}
	}
	fill(0, 1990)
	for _, step := range []func() error{func() error { return s.RollUp(t.Context()) }, s.Seal, func() error { fill(1990, 2000); return nil }, s.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStoreCheckSaysWhatAFileHolds(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "org1-mine")
	filledStore(t, folder)
	file := filepath.Join(folder, store.FileName)
	for _, path := range []string{dir, folder, file} {
		code, out, errOut := command(t, "store", "check", path)
		if code != 0 || errOut != "" {
			t.Errorf("%s ends with %d and says %q", path, code, errOut)
		}
		golden(t, "store-check", strings.ReplaceAll(out, dir, "<folder>"))
	}

	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[bytes.Index(content, []byte("c:reputation/n:"))+80] ^= 1
	if err := os.WriteFile(file, append(content, "torn"...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := command(t, "store", "check", dir)
	if code != 1 {
		t.Errorf("a damaged file ends with %d", code)
	}
	for _, want := range []string{"4 bytes cannot be read", `the value of "c:reputation/n:`, "→"} {
		if !strings.Contains(out, want) {
			t.Errorf("the check of a damaged file does not say %q:\n%s", want, out)
		}
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]struct {
		content   []byte
		says, not string
	}{
		"an empty download":       {nil, "take it again", "neither"},
		"a download cut short":    {whole[:bytes.Index(whole, []byte("m:format"))], "take it again", "neither"},
		"what is no store's file": {[]byte("<html>not found"), "neither a backup nor a store's file", "the plugin"},
	} {
		if err := os.WriteFile(file, broken.content, 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, _ := command(t, "store", "check", file)
		if code != 1 || !strings.Contains(out, broken.says) || strings.Contains(out, broken.not) {
			t.Errorf("%s ends with %d and says\n%s", name, code, out)
		}
	}
	if code, _, errOut := command(t, "store", "check", t.TempDir()); code != 1 || !strings.Contains(errOut, "holds no store.db") {
		t.Errorf("an empty folder ends with %d and says %q", code, errOut)
	}
}

func TestRestorePutsABackupInPlace(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	filledStore(t, from)
	backup := filepath.Join(from, store.FileName)
	code, out, errOut := command(t, "restore", backup, "--data-dir", dir)
	if code != 2 || !strings.Contains(errOut, "--datasource-uid") {
		t.Errorf("without a UID it ends with %d, prints %q and says %q", code, out, errOut)
	}
	code, out, errOut = command(t, "restore", backup, "--data-dir", dir, "--datasource-uid", "mine")
	if code != 0 || errOut != "" || !strings.Contains(out, "data source mine") || strings.Contains(out, "kept") {
		t.Errorf("it ends with %d, prints %q and says %q", code, out, errOut)
	}
	if code, out, _ = command(t, "store", "check", dir); code != 0 || !strings.Contains(out, "no damage") {
		t.Errorf("what was restored is checked with %d:\n%s", code, out)
	}
	code, out, _ = command(t, "restore", backup, "--data-dir", dir, "--datasource-uid", "mine")
	if code != 0 || !strings.Contains(out, ".before-restore-") {
		t.Errorf("the second time it ends with %d and prints %q", code, out)
	}

	held, err := store.Open(store.Options{Dir: fleet.StoreFolder(dir, fleet.Key{Org: 1, UID: "mine"})})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if code, _, errOut = command(t, "restore", backup, "--data-dir", dir, "--datasource-uid", "mine"); code != 1 || !strings.Contains(errOut, "held by process") || !strings.Contains(errOut, "stop it first") {
		t.Errorf("a store in use ends with %d and says %q", code, errOut)
	}
	if err := os.WriteFile(backup, []byte("no store"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut = command(t, "restore", backup, "--data-dir", dir, "--datasource-uid", "mine"); code != 1 || !strings.Contains(errOut, "not a whole backup") {
		t.Errorf("what is no backup ends with %d and says %q", code, errOut)
	}
}
