package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/buntdb"
)

// watchSyncs notes what each fsync of a test is of, and what the file held then.
func watchSyncs(t *testing.T, told func(name string, content []byte)) {
	t.Helper()
	before := syncFile
	t.Cleanup(func() { syncFile = before })
	syncFile = func(f *os.File) error {
		content, err := os.ReadFile(f.Name())
		if err != nil {
			return err
		}
		told(filepath.Base(f.Name()), content)
		return before(f)
	}
}

// A commit, a sealing, a compaction and a file that is put in the place of another are on
// the disk when they are said to be, whole.
func TestEverythingThatIsDoneIsSynced(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var names []string
	var last []byte
	watchSyncs(t, func(name string, content []byte) {
		if strings.Contains(name, ".new-") {
			name = "new"
		}
		names, last = append(names, name), content
	})
	synced := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s (-want +got)\n%s", what, diff)
		}
		names = nil
		file, err := os.ReadFile(filepath.Join(dir, FileName))
		check(t, err)
		if string(last) != string(file) {
			t.Errorf("%s: the fsync was of %d bytes, the file has %d", what, len(last), len(file))
		}
	}
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Flush())
	check(t, s.syncWritten())
	synced("a commit", FileName)
	check(t, s.syncWritten())
	synced("nothing")
	check(t, s.Seal())
	synced("a sealing", FileName, FileName, FileName) // chunks, the mark, the dropping
	s.writing.Lock()
	err := s.compact()
	s.writing.Unlock()
	check(t, err)
	synced("a compaction", "new")
	check(t, s.Close())

	check(t, ReplaceFile(filepath.Join(dir, FileName), []byte("text")))
	synced("a file in the place of another", "new")
}

// After an fsync that failed, the next one proves nothing: everything is written anew.
func TestAfterAFailedSyncAllIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Flush())
	failing := true
	s.disk = func(use string) error {
		if failing && strings.HasPrefix(use, "sync") {
			return syscall.EIO
		}
		return nil
	}
	if s.syncWritten() == nil {
		t.Fatal("a disk that fails says that all is well")
	}
	if s.syncWritten() == nil || s.Status().Compactions > 0 {
		t.Fatal("a disk that still fails says that all is well")
	}
	failing = false
	// What the system dropped is what the former file has no more.
	check(t, os.Truncate(filepath.Join(dir, FileName), 0))
	check(t, s.syncWritten())
	if s.Status().Compactions != 1 {
		t.Errorf("%d compactions", s.Status().Compactions)
	}
	if got := content(t, open(t, crash(t, dir)), "a")["x"]; len(got) != 1 {
		t.Errorf("%d rows are on the disk", len(got))
	}
	record(t, s, "a", start.Add(time.Minute), Sample{"x", 1})
	check(t, s.Flush())
	check(t, s.syncWritten())
	if s.Status().Compactions != 1 {
		t.Error("it is written anew once more")
	}
}

// BuntDB's own shrinking renames without an fsync, and its own fsync blocks readers.
func TestBuntDBNeitherShrinksNorSyncs(t *testing.T) {
	s := open(t, t.TempDir())
	for range 2 {
		var config buntdb.Config
		check(t, s.db.ReadConfig(&config))
		if !config.AutoShrinkDisabled || config.SyncPolicy != buntdb.Never {
			t.Errorf("%+v", config)
		}
		s.writing.Lock()
		err := s.compact()
		s.writing.Unlock()
		check(t, err)
	}
}

// A late row that moved a roll-up's position back while it was made is not passed over.
func TestARollUpThatWasOvertakenIsNotRecorded(t *testing.T) {
	now := start
	s := clockStore(t, t.TempDir(), &now)
	hour := time.Hour.Milliseconds()
	batch := &Batch{}
	putRolledUpTo(batch, "scores/n", time.Hour, 5*hour)
	check(t, s.recordInternal(batch))
	made := &Batch{}
	made.Add("scores/n@3600", 7*hour, Sample{"x", 1})
	putRolledUpTo(made, "scores/n", time.Hour, 8*hour)
	if moved, err := s.recordRollup(made, "scores/n@3600", 7*hour); moved || err != nil {
		t.Errorf("it moved: %v, %v", moved, err)
	}
	if at := s.rolledUpTo("scores/n", time.Hour); at != 5*hour {
		t.Errorf("it is rolled up to %d", at)
	}
	if moved, err := s.recordRollup(made, "scores/n@3600", 5*hour); !moved || err != nil {
		t.Errorf("it did not move: %v, %v", moved, err)
	}
}

// asked is a context that is done when it was asked often enough.
type asked struct {
	context.Context
	left, times *int
}

func (a asked) Err() error {
	*a.times++
	if *a.left--; *a.left < 0 {
		return context.Canceled
	}
	return nil
}

// A read that is cancelled at any moment ends, and there is one with each chunk.
func TestAReadEndsAtTheNextChunk(t *testing.T) {
	s := open(t, "")
	const chunks = mergeChunks - 1
	for n := range chunks {
		record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", 1})
		check(t, s.Seal())
	}
	record(t, s, "a", start, Sample{"x", 2}) // so that something has to be merged
	for name, r := range map[string]Range{"rows": {}, "steps": {Step: 60_000, Aggregate: Last}} {
		r.Group, r.From, r.To = "a", start.UnixMilli(), start.Add(time.Hour).UnixMilli()
		times := 0
		for n := 0; ; n++ {
			left := n
			times = 0
			result, err := s.Read(asked{t.Context(), &left, &times}, r)
			if err == nil {
				if len(result.Columns) != 1 {
					t.Errorf("%s: it answers %+v", name, result)
				}
				break
			}
			if err != context.Canceled || times != n+1 {
				t.Fatalf("%s: cancelled when it asked for the %d. time, it asks %d times and answers %v", name, n+1, times, err)
			}
		}
		if times < 2*chunks {
			t.Errorf("%s: it asks %d times for %d chunks, want once for each that it decodes and each that it takes", name, times, chunks)
		}
	}
}

// Chunks that are merged or gone do not stay in memory.
func TestASealingEmptiesTheCache(t *testing.T) {
	s := open(t, "")
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Seal())
	if content(t, s, "a"); len(s.cache.chunks) != 1 {
		t.Fatalf("%d chunks are kept", len(s.cache.chunks))
	}
	check(t, s.Seal())
	if len(s.cache.chunks) > 0 {
		t.Errorf("%d chunks are kept", len(s.cache.chunks))
	}
}
