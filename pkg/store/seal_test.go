package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// An error in the plugin at any step of a sealing loses nothing and counts nothing twice.
func TestAPanicInASealingLosesNothing(t *testing.T) {
	for _, at := range []string{"heads frozen", "committed", "written", "chunks written", "marked as sealed", "sealed", "merged"} {
		dir := t.TempDir()
		now := start
		s := countingStore(t, dir, &now)
		model, steps := counts{}, 0
		for n := range mergeChunks - 1 {
			count(t, s, model, now.Add(-time.Duration(n)*time.Minute), 1)
			check(t, s.Seal())
		}
		count(t, s, model, now.Add(-time.Hour), 1)
		check(t, s.Flush())
		count(t, s, model, now.Add(-time.Minute), 1)
		s.step = func(step string) {
			if step == at {
				steps++
				s.step = nil
				count(t, s, model, now.Add(-3*time.Minute), 1)
				panic("an error")
			}
		}
		func() {
			defer func() { _ = recover() }()
			_ = s.Seal()
		}()
		if steps == 0 {
			t.Fatalf("%s: there is no such step", at)
		}
		wholeTiers(t, s, model, now, "after a panic at "+at)
		check(t, s.Flush())
		after := countingStore(t, crash(t, dir), &now)
		wholeTiers(t, after, model, now, "killed after a panic at "+at)
		count(t, s, model, now.Add(-2*time.Minute), 1)
		check(t, s.Seal())
		wholeTiers(t, s, model, now, "sealed after a panic at "+at)
		check(t, s.Close())
		wholeTiers(t, countingStore(t, dir, &now), model, now, "opened after a panic at "+at)
	}
}

// An error in the plugin does not end the store's upkeep.
func TestTheUpkeepGoesOnAfterAPanic(t *testing.T) {
	told := make(chan string, 100)
	s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{FlushInterval: time.Hour}, Report: func(message string) { told <- message }})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	panics := 3
	s.writing.Lock()
	s.step = func(step string) {
		if panics > 0 && step == "written" {
			panics--
			panic("an error")
		}
	}
	s.writing.Unlock()
	record(t, s, "a", time.Now(), Sample{"x", 1})
	s.SetLimits(Limits{FlushInterval: time.Millisecond, SealInterval: time.Nanosecond})
	eventually(t, "it is sealed", func() bool { return s.Status().Chunks > 0 })
	if len(told) != 3 {
		t.Errorf("%d messages", len(told))
	}
}

// commands are the commands of a file's part: their ends and their keys.
func commands(t *testing.T, file []byte) (ends []int, keys []string) {
	t.Helper()
	for at := 0; at < len(file); {
		n, arguments, ok := parseCommand(file[at:])
		if !ok {
			t.Fatalf("at %d of %d is no command", at, len(file))
		}
		at += n
		ends, keys = append(ends, at), append(keys, string(arguments[1]))
	}
	return ends, keys
}

// unsynced answers what a sealing writes between two fsyncs: for each time that it waits
// for the disk, the file up to the fsync before and what came since.
func unsynced(t *testing.T, dir string, s *Store) (synced, since [][]byte) {
	t.Helper()
	at := fileSize(t, dir)
	s.step = func(step string) {
		if step != "written" {
			return
		}
		file, err := os.ReadFile(filepath.Join(dir, FileName))
		check(t, err)
		synced, since = append(synced, file[:at]), append(since, file[at:])
		at = len(file)
	}
	check(t, s.Seal())
	s.step = nil
	return synced, since
}

// A power cut keeps any part of what was not fsynced: whichever pages are lost, a commit
// counts whole or not at all, and what is deleted stays so.
func TestAPowerCutInASealingLeavesNoHalfCommit(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	add := func(n int) {
		batch := &Batch{}
		at := start.Add(time.Duration(n) * time.Minute).UnixMilli()
		batch.Add("a", at, Sample{"x", float64(n)})
		batch.Add("b", at, Sample{"x", float64(n)})
		batch.Put("count", fmt.Append(nil, n))
		batch.Put(fmt.Sprintf("only %d", n), []byte("there"))
		if n > 0 {
			batch.Delete(fmt.Sprintf("only %d", n-1))
		}
		check(t, s.Record(batch))
	}
	for n := range 3 {
		add(n)
		check(t, s.Flush())
	}
	check(t, s.syncWritten())
	add(3) // the sealing commits it
	synced, since := unsynced(t, dir, s)
	tried := 0
	for i := range since {
		ends, keys := commands(t, since[i])
		for mask := range 1 << len(ends) {
			tried++
			harmed, begin := bytes.Clone(synced[i]), 0
			var lost []string
			for j, end := range ends {
				if mask>>j&1 == 1 {
					lost = append(lost, keys[j])
					harmed = append(harmed, make([]byte, end-begin)...)
				} else {
					harmed = append(harmed, since[i][begin:end]...)
				}
				begin = end
			}
			after := openFile(t, harmed)
			rows := len(content(t, after, "a")["x"])
			document, _ := after.Document("count")
			if others := len(content(t, after, "b")["x"]); rows < 3 || others != rows || string(document) != fmt.Sprint(rows-1) {
				t.Fatalf("wait %d lost %q: %d rows of a, %d of b, the document says %s; damage %q", i, lost, rows, others, document, after.Status().Damage)
			}
			for n := range 4 {
				if _, there := after.Document(fmt.Sprintf("only %d", n)); there != (n == rows-1) {
					t.Fatalf("wait %d lost %q: of %d commits the document of number %d is there: %v", i, lost, rows, n, there)
				}
			}
			check(t, after.Close())
		}
	}
	if tried < 30 {
		t.Errorf("only %d power cuts", tried)
	}
}

// What the disk must know before what comes next may be written: the order in which a
// sealing, a merging and a dropping write and wait.
func TestASealingWaitsForTheDiskBetweenItsSteps(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	for range mergeChunks - 1 {
		count(t, s, model, now.Add(-5*24*time.Hour), 1)
		check(t, s.Seal())
	}
	count(t, s, model, now.Add(-5*24*time.Hour), 1)
	now = now.Add(15 * 24 * time.Hour) // ten minutes go
	count(t, s, model, now.Add(-time.Minute), 1)
	var uses []string
	s.disk = func(use string) error {
		uses = append(uses, use)
		return nil
	}
	s.step = func(step string) {
		if step != "written" {
			uses = append(uses, "("+step+")")
		}
	}
	check(t, s.Seal())
	s.disk, s.step = nil, nil
	want := []string{
		"(heads frozen)", "write", "(committed)", "sync", "write", "sync", "(chunks written)",
		"write", "sync", "(marked as sealed)", "write", "sync", "(sealed)",
	}
	if len(uses) < len(want) || cmp.Diff(want, uses[:len(want)]) != "" {
		t.Fatalf("a sealing does %q, want %q first", uses, want)
	}
	rest := uses[len(want):]
	merging := []string{"write", "sync", "(merged)", "write", "sync"}
	for len(rest) >= len(merging) && cmp.Diff(merging, rest[:len(merging)]) == "" {
		rest = rest[len(merging):]
		want = nil
	}
	if want != nil {
		t.Errorf("after the sealing it does %q, want %q", rest, merging)
	}
	if diff := cmp.Diff([]string{"write", "sync", "(given up)", "write", "sync"}, rest); diff != "" {
		t.Errorf("dropping what is past its time (-want +got)\n%s", diff)
	}
}

// transactions answers what is written to a file while f runs, transaction by transaction.
func transactions(t *testing.T, dir string, s *Store, f func()) (all [][]byte) {
	t.Helper()
	at := fileSize(t, dir)
	written := func() {
		if file := fileOf(t, dir); len(file) > at {
			all, at = append(all, file[at:]), len(file)
		}
	}
	s.disk = func(use string) error {
		if use == "write" {
			written()
		}
		return nil
	}
	f()
	s.disk = nil
	written()
	return all
}

// Readers wait while a transaction is made and written: whatever a sealing has to write and
// to drop, none of its transactions is large.
func TestASealingIsManySmallTransactions(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := clockStore(t, dir, &now)
	for n := range 2 * transactionKeys {
		batch := &Batch{}
		batch.Add(fmt.Sprintf("scores/%d", n), now.UnixMilli(), Sample{"x", float64(n)})
		if n < 100 {
			batch.Put(fmt.Sprintf("document/%d", n), make([]byte, 8<<10))
		}
		check(t, s.Record(batch))
		check(t, s.Flush())
	}
	all := transactions(t, dir, s, func() { check(t, s.Seal()) })
	now = now.AddDate(0, 0, 60) // all chunks are past their time, once a roll-up has them
	check(t, s.RollUp(t.Context()))
	for range 2 { // a clock that leapt is believed the second time
		all = append(all, transactions(t, dir, s, func() { check(t, s.Seal()) })...)
	}
	sets, deletions := 0, 0
	for _, transaction := range all {
		ends, keys := commands(t, transaction)
		if keys[0] == commitKey(s.sequence) {
			continue // a commit is one key whatever it holds
		}
		if most := transactionBytes + 10<<10; len(keys) > transactionKeys || len(transaction) > most {
			t.Errorf("a transaction has %d changes and %d bytes, from %s on", len(keys), len(transaction), keys[0])
		}
		for i, end := range ends {
			begin := 0
			if i > 0 {
				begin = ends[i-1]
			}
			if bytes.HasPrefix(transaction[begin:end], []byte(deleteCommand)) {
				deletions++
			} else {
				sets++
			}
		}
	}
	if sets < 2*transactionKeys+200 || deletions < 4*transactionKeys {
		t.Errorf("the sealings made %d keys and dropped %d", sets, deletions)
	}
}

// A sealing of several transactions that fails after some of them leaves each row either in a
// chunk or in memory, for readers of any moment, for the next sealing and after a crash.
func TestASealingThatIsCutShortLosesNothing(t *testing.T) {
	const groups = transactionKeys
	for failing := 1; ; failing++ {
		dir := t.TempDir()
		now := start
		s := countingStore(t, dir, &now)
		model := counts{}
		for n := range 3 {
			count(t, s, model, now.Add(-time.Duration(n)*3*time.Hour), 1)
		}
		others := &Batch{}
		for n := range groups {
			others.Add(fmt.Sprintf("traffic/other-%d", n), now.UnixMilli(), Sample{"uploads", 1})
			others.Put(fmt.Sprintf("document/%d", n), []byte("there"))
		}
		check(t, s.Record(others))
		check(t, s.Flush())
		whole := func(s *Store, when string) {
			t.Helper()
			when = fmt.Sprintf("transaction %d failed: %s", failing, when)
			wholeTiers(t, s, model, now, when)
			for n := range groups {
				r := Range{Group: fmt.Sprintf("traffic/other-%d", n), From: now.Add(-time.Hour).UnixMilli(), To: now.UnixMilli(), Step: 60_000, Aggregate: Sum}
				result, err := s.Read(t.Context(), r)
				check(t, err)
				if len(result.Columns) != 1 || result.Values[0][60] != 1 {
					t.Fatalf("%s: %s is %v", when, r.Group, result.Values)
				}
			}
		}
		uses := 0
		s.disk = func(use string) error {
			if use == "write" {
				if uses++; uses == failing {
					return fmt.Errorf("transaction %d: %w", uses, syscall.ENOSPC)
				}
			}
			return nil
		}
		err := s.Seal()
		s.disk = nil
		if err == nil {
			if failing < 5 {
				t.Errorf("a sealing is %d transactions", failing-1)
			}
			return
		}
		whole(s, "read at once")
		after := countingStore(t, crash(t, dir), &now)
		whole(after, "killed")
		for _, s := range []*Store{s, after} {
			s.step = func(step string) { whole(s, "sealed again, "+step) }
			check(t, s.Seal())
			s.step = nil
			record(t, s, "a", now, Sample{"x", 1}) // so that there is something to seal
			check(t, s.Seal())
			whole(s, "sealed")
			check(t, s.Close())
		}
		whole(countingStore(t, dir, &now), "opened")
	}
}
