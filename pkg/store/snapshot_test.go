package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestABackupIsWhatWasRecorded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 20 {
		record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", float64(n)}, Sample{"y", 1})
		if n == 10 {
			check(t, s.Seal())
		}
	}
	batch := &Batch{}
	batch.Put("greeting", []byte("hello"))
	check(t, s.Record(batch))
	want := content(t, s, "a")
	var copied bytes.Buffer
	check(t, s.Backup(&copied))
	record(t, s, "a", start.Add(time.Hour), Sample{"x", 99}) // after the backup

	backup := filepath.Join(t.TempDir(), "backup.db")
	check(t, os.WriteFile(backup, copied.Bytes(), 0o600))
	contents, err := ReadContents(backup)
	check(t, err)
	if contents.Format != currentFormat || contents.Documents != 1 || contents.Commits != 1 || contents.Chunks != 1 || contents.Series != 2 || contents.Damaged != 0 || len(contents.Bad) != 0 {
		t.Errorf("the backup holds %+v", contents)
	}
	if tier := contents.Tiers[0]; tier.Family != "a" || tier.Samples != 22 || !tier.First.Equal(start) || !tier.Last.Equal(start.Add(10*time.Minute)) {
		t.Errorf("its tier is %+v", tier)
	}

	if _, err := Restore(backup, dir, start); err == nil || !strings.Contains(err.Error(), "held by process") {
		t.Errorf("restoring into a folder in use answers %v", err)
	}
	check(t, s.Close())
	kept, err := Restore(backup, dir, start)
	check(t, err)
	s = open(t, dir)
	if diff := cmp.Diff(want, content(t, s, "a")); diff != "" {
		t.Errorf("restored (-want +got)\n%s", diff)
	}
	if document, _ := s.Document("greeting"); string(document) != "hello" {
		t.Errorf("the restored document is %q", document)
	}
	before, err := ReadContents(kept)
	if err != nil || before.Commits+before.Chunks == 0 {
		t.Errorf("what was there is kept as %q: %+v, %v", kept, before, err)
	}
	if _, err := Restore(backup, filepath.Join(t.TempDir(), "new"), start); err != nil {
		t.Errorf("restoring into a new folder: %v", err)
	}
}

func TestADamagedBackupIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Seal())
	var copied bytes.Buffer
	check(t, s.Backup(&copied))
	backup := filepath.Join(t.TempDir(), "backup.db")
	for name, test := range map[string]struct {
		harm func([]byte) []byte
		says string
	}{
		"broken off between two values": {func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte(setCommand))] }, "the download broke off"},
		"broken off in the first value": {func(b []byte) []byte { return b[:20] }, "the download broke off"},
		"broken off at once":            {func(b []byte) []byte { return b[:3] }, "the download broke off"},
		"cut":                           {func(b []byte) []byte { return b[:len(b)-5] }, "the download broke off"},
		"flipped":                       {func(b []byte) []byte { b[bytes.Index(b, []byte("c:a:"))+50] ^= 4; return b }, "1 values are damaged"},
		"empty":                         {func([]byte) []byte { return nil }, "the download broke off"},
		"foreign":                       {func([]byte) []byte { return []byte("not a store") }, "neither a backup nor a store's file"},
		"newer": {func(b []byte) []byte {
			return bytes.Replace(b, []byte(withChecksum(formatKey, currentFormat)), []byte(withChecksum(formatKey, "8")), 1)
		}, "newer version"},
	} {
		check(t, os.WriteFile(backup, test.harm(bytes.Clone(copied.Bytes())), 0o600))
		before, err := os.ReadFile(filepath.Join(dir, FileName))
		check(t, err)
		_, err = Restore(backup, t.TempDir(), start)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
		var newer *NewerFormatError
		if errors.As(err, &newer) != (name == "newer") {
			t.Errorf("%s: %v", name, err)
		}
		after, err := os.ReadFile(filepath.Join(dir, FileName))
		check(t, err)
		if !bytes.Equal(before, after) {
			t.Errorf("%s: the store was changed", name)
		}
	}
}

func TestTheMemoryLimitShedsTheOldestRowsLoudly(t *testing.T) {
	now := start
	var told []string
	s := open(t, t.TempDir(), func(o *Options) {
		o.Limits, o.Now = Limits{Policies: tiered, MemoryLimit: 900 << 10}, func() time.Time { return now }
		o.Report = func(message string) { told = append(told, message) }
	})
	walk := newScoreWalk(1)
	for n := range 29 * 288 {
		now = start.Add(time.Duration(n) * pollStep)
		row := walk.poll(n)
		for i := range row {
			row[i].Value += float64(n%97) / 7 // moves too often to be small
		}
		record(t, s, "scores/n", now, row...)
		if n%288 == 287 {
			check(t, s.RollUp(t.Context()))
			check(t, s.Seal())
		}
	}
	status := s.Status()
	if status.Shed == 0 || status.MemoryBytes > status.MemoryLimit || len(told) == 0 || !strings.Contains(told[0], "memory limit") {
		t.Fatalf("the status is %+v, told %q", status, told)
	}
	result, err := s.Read(t.Context(), Range{Group: "scores/n", From: start.UnixMilli(), To: now.UnixMilli(), Step: time.Hour.Milliseconds(), Aggregate: Min})
	check(t, err)
	missing := 0
	for _, v := range result.Values[0] {
		if v != v {
			missing++
		}
	}
	fine := values(t, s, start, start.AddDate(0, 0, 2), pollStep, Min)
	if len(fine) != 49 {
		t.Errorf("where rows were shed a fine step has %d values of two days, want the hours", len(fine))
	}
	if missing > 5 { // the hours that were not over when their rows went
		t.Errorf("%d of %d hours are missing: roll-ups went with the rows", missing, len(result.Times))
	}
}

// What an opening would not read back is no whole backup.
func TestAMissingCommitIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 5 {
		record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", float64(n)})
		check(t, s.Flush())
	}
	check(t, s.Close())
	file := fileOf(t, dir)
	at, _ := setOf(t, file, commitKey(2))
	n, _, _ := parseCommand(file[at:])
	path := filepath.Join(t.TempDir(), "backup.db")
	check(t, os.WriteFile(path, append(bytes.Clone(file[:at]), file[at+n:]...), 0o600))
	contents, err := ReadContents(path)
	check(t, err)
	if diff := cmp.Diff([]string{commitKey(2)}, contents.Bad); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := Restore(path, t.TempDir(), start); err == nil {
		t.Error("it is restored")
	}
	// A commit under another's number.
	check(t, os.WriteFile(path, bytes.Replace(file, []byte(commitKey(5)), []byte(commitKey(6)), 1), 0o600))
	if contents, err = ReadContents(path); err != nil || len(contents.Bad) != 1 {
		t.Errorf("a commit with another's key: %q, %v", contents.Bad, err)
	}
}
