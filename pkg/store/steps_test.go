package store

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sealingSteps are all steps of sealing and compaction, in their order.
var sealingSteps = []string{
	"heads frozen", "committed", "chunks written", "sealed", "merged",
	"compacted file half written", "compacted file synced", "reading from memory", "old file closed", "renamed", "compacted",
}

// everyStep drives a store through every step and calls f in the middle of each,
// with the rows that are committed by then.
func everyStep(t *testing.T, s *Store, f func(step string, committed map[int64]float64)) {
	t.Helper()
	committed := map[int64]float64{}
	seen := map[string]bool{}
	n := 0
	add := func(rows int) map[int64]float64 {
		added := map[int64]float64{}
		for range rows {
			at := start.Add(time.Duration(n) * time.Minute)
			record(t, s, "a", at, Sample{"x", float64(n)})
			added[at.UnixMilli()] = float64(n)
			n++
		}
		return added
	}
	pending := map[int64]float64{}
	s.step = func(step string) {
		if step == "written" && len(pending) > 0 { // its commit is in the file
			for at, v := range pending {
				committed[at] = v
			}
		}
		if step == "committed" {
			for at, v := range pending {
				committed[at] = v
			}
			clear(pending)
		}
		seen[step] = true
		f(step, committed)
	}
	for range mergeChunks {
		for at, v := range add(3) {
			pending[at] = v
		}
		check(t, s.Seal())
	}
	s.writing.Lock()
	err := s.compact()
	s.writing.Unlock()
	check(t, err)
	s.step = nil
	for _, step := range sealingSteps {
		if !seen[step] {
			t.Errorf("the step %q was not taken", step)
		}
	}
}

// In the middle of every step of sealing and compaction, also while a disk syncs, a
// reader gets every row and a recorder records: nothing of the store's is held that
// either needs. Were it otherwise, this test would stand still.
func TestReadersAndRecordersWaitForNoStep(t *testing.T) {
	s := open(t, t.TempDir())
	recorded := map[int64]float64{}
	n := 0
	everyStep(t, s, func(step string, committed map[int64]float64) {
		done := make(chan error, 1)
		go func() {
			batch := &Batch{}
			at := start.Add(-time.Duration(n+1) * time.Minute).UnixMilli()
			batch.Add("b", at, Sample{"x", float64(n)})
			err := s.Record(batch)
			recorded[at] = float64(n)
			n++
			s.Status()
			s.Document("none")
			done <- err
		}()
		select {
		case err := <-done:
			check(t, err)
		case <-time.After(time.Minute):
			t.Fatalf("recording waits in the step %q", step)
		}
		if diff := cmp.Diff(recorded, content(t, s, "b")["x"]); diff != "" {
			t.Fatalf("in the step %q (-want +got)\n%s", step, diff)
		}
		got := content(t, s, "a")["x"]
		for at, v := range committed {
			if got[at] != v {
				t.Fatalf("in the step %q the row of %d is %v, want %v", step, at, got[at], v)
			}
		}
	})
	check(t, s.Seal())
	if diff := cmp.Diff(recorded, content(t, s, "b")["x"]); diff != "" {
		t.Errorf("what was recorded meanwhile (-want +got)\n%s", diff)
	}
}

// Nor does anybody wait for the disk while the status asks it for the file's size.
func TestNobodyWaitsForTheStatus(t *testing.T) {
	s := open(t, t.TempDir())
	asked, answered := make(chan struct{}), make(chan struct{})
	statFile = func(path string) (os.FileInfo, error) {
		close(asked)
		<-answered
		return os.Stat(path)
	}
	defer func() { statFile = os.Stat }()
	status, done := make(chan Status, 1), make(chan error, 1)
	go func() { status <- s.Status() }()
	<-asked
	go func() {
		batch := &Batch{}
		batch.Add("a", start.UnixMilli(), Sample{"x", 1})
		done <- s.Record(batch)
	}()
	select {
	case err := <-done:
		check(t, err)
	case <-time.After(time.Minute):
		t.Error("recording waits for the status")
	}
	close(answered)
	if (<-status).FileBytes != int64(fileSize(t, s.options.Dir)) {
		t.Error("the status has another size than the file")
	}
}

// A process that dies in the middle of any step leaves a folder that holds every
// commit, whole, without damage and without the step's remains.
func TestACrashInEveryStepLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	crashes := 0
	everyStep(t, s, func(step string, committed map[int64]float64) {
		crashes++
		left := t.TempDir()
		entries, err := os.ReadDir(dir)
		check(t, err)
		for _, entry := range entries {
			if entry.Name() == "lock" {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(left, entry.Name()), content, 0o600))
		}
		after := open(t, left)
		defer func() { check(t, after.Close()) }()
		got := content(t, after, "a")["x"]
		if len(got) < len(committed) || len(got) > len(committed)+3 {
			t.Fatalf("after a crash in the step %q there are %d rows, want %d", step, len(got), len(committed))
		}
		for at, v := range committed {
			if got[at] != v {
				t.Fatalf("after a crash in the step %q the row of %d is %v, want %v", step, at, got[at], v)
			}
		}
		if status := after.Status(); len(status.Damage) > 0 {
			t.Fatalf("after a crash in the step %q there is damage: %q", step, status.Damage)
		}
		entries, err = os.ReadDir(left)
		check(t, err)
		for _, entry := range entries {
			if !slices.Contains([]string{FileName, ownerFile, "lock"}, entry.Name()) {
				t.Errorf("after a crash in the step %q %s is left", step, entry.Name())
			}
		}
	})
	if crashes < 30 {
		t.Errorf("only %d crashes", crashes)
	}
}

// When the new file cannot be put in place or opened, readers go on, nothing is
// taken for written that is not, and it mends itself.
func TestACompactionThatFailsHalfwayMendsItself(t *testing.T) {
	for _, at := range []string{"old file closed", "renamed"} {
		dir := t.TempDir()
		s := open(t, dir)
		for n := range 5 {
			record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", float64(n)})
		}
		check(t, s.Seal())
		path, away := filepath.Join(dir, FileName), filepath.Join(dir, "away")
		s.step = func(step string) {
			if step == at { // the file is not to be opened for a while
				check(t, os.Rename(path, away))
				check(t, os.Mkdir(path, 0o700))
				check(t, os.WriteFile(filepath.Join(path, "x"), nil, 0o600))
			}
		}
		s.writing.Lock()
		err := s.compact()
		s.writing.Unlock()
		if err == nil {
			t.Fatalf("%s: the compaction went well", at)
		}
		record(t, s, "a", start.Add(time.Hour), Sample{"x", 9})
		if err := s.Flush(); err == nil || s.Status().CommitError == "" {
			t.Fatalf("%s: a commit went well without a file", at)
		}
		if got := len(content(t, s, "a")["x"]); got != 6 {
			t.Errorf("%s: %d samples are read meanwhile, want 6", at, got)
		}
		check(t, os.RemoveAll(path))
		check(t, os.Rename(away, path))
		check(t, s.Flush())
		check(t, s.Close())
		if got := len(content(t, open(t, dir), "a")["x"]); got != 6 {
			t.Errorf("%s: %d samples after it was mended, want 6", at, got)
		}
	}
}

// A query that takes for ever stops neither collection nor another query.
func TestALongQueryStopsNothing(t *testing.T) {
	s := open(t, t.TempDir())
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Seal())
	record(t, s, "a", start.Add(time.Minute), Sample{"x", 2})
	inside, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		_, err := s.Read(t.Context(), Range{Group: "a", To: start.AddDate(1, 0, 0).UnixMilli(), Columns: func(Column) bool {
			if first {
				first = false
				close(inside)
				<-goOn
			}
			return true
		}})
		done <- err
	}()
	<-inside
	record(t, s, "a", start.Add(2*time.Minute), Sample{"x", 3})
	check(t, s.Flush())
	check(t, s.RollUp(t.Context()))
	check(t, s.Seal())
	s.writing.Lock()
	err := s.compact()
	s.writing.Unlock()
	check(t, err)
	if got := len(content(t, s, "a")["x"]); got != 3 {
		t.Errorf("%d samples, want 3", got)
	}
	close(goOn)
	check(t, <-done)
}

// Reading and recording while everything else goes on at once: the race detector
// watches, and each read holds what had been recorded before it.
func TestReadingWhileEverythingElseGoesOn(t *testing.T) {
	s := open(t, t.TempDir())
	random := rand.New(rand.NewPCG(4, 4))
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			err := s.Seal()
			if err == nil {
				s.writing.Lock()
				err = s.compact()
				s.writing.Unlock()
			}
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	want := map[int64]float64{}
	for n := range 150 {
		at := start.Add(time.Duration(random.IntN(40*24)) * time.Hour)
		record(t, s, "a", at, Sample{"x", float64(n)})
		want[at.UnixMilli()] = float64(n)
		if diff := cmp.Diff(want, content(t, s, "a")["x"]); diff != "" {
			t.Fatalf("after %d rows (-want +got)\n%s", n, diff)
		}
	}
	close(stop)
	check(t, <-stopped)
}

// Two processes on one folder: the second is told who holds it and changes nothing,
// and takes over when the first is gone, however it went.
func TestASecondProcessIsKeptOutAndTakesOver(t *testing.T) {
	dir := t.TempDir()
	command, _ := writer(t.Context(), t, dir)
	command.Stdout = nil
	said, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	if !bufio.NewScanner(said).Scan() {
		t.Fatal("the writer said nothing")
	}
	for range 20 {
		_, err := Open(Options{Dir: dir})
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Owner.PID != command.Process.Pid || !strings.Contains(err.Error(), fmt.Sprint(command.Process.Pid)) {
			t.Fatalf("opening answers %v, want that process %d holds it", err, command.Process.Pid)
		}
	}
	check(t, command.Process.Kill())
	_ = command.Wait()
	if count := verify(t, dir); count == 0 {
		t.Error("nothing of the first process is there")
	}
}

// A late row costs a read what its own time costs, and not the whole of what it overlaps.
func TestALateRowMakesNoReadDear(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, 1, 30)
	allocated := func() (bytes uint64) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		result, err := s.Read(t.Context(), Range{
			Group: "reputation/node-0", Columns: func(c Column) bool { return c == scoreColumns[0][0] },
			From: start.UnixMilli(), To: start.AddDate(0, 0, 30).UnixMilli(), Step: 24 * 3600e3, Aggregate: Min,
		})
		runtime.ReadMemStats(&after)
		check(t, err)
		if len(result.Values) != 1 || result.Values[0][3] != result.Values[0][3] {
			t.Fatalf("it answers %v", result.Values)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated()
	without := allocated()
	record(t, s, "reputation/node-0", start.AddDate(0, 0, 5).Add(time.Minute), Sample{scoreColumns[0][0], 7})
	record(t, s, "reputation/node-0", start.AddDate(0, 0, 15), Sample{scoreColumns[0][0], 9})
	check(t, s.Seal())
	allocated()
	if with := allocated(); with > 4*without+16<<10 {
		t.Errorf("a read allocates %d bytes, and %d with two late rows", without, with)
	}
	result, err := s.Read(t.Context(), Range{Group: "reputation/node-0", Columns: func(c Column) bool { return c == scoreColumns[0][0] },
		From: start.UnixMilli(), To: start.AddDate(0, 0, 30).UnixMilli(), Step: 24 * 3600e3, Aggregate: Min})
	check(t, err)
	if result.Values[0][5] != 7 || result.Values[0][15] != 9 {
		t.Errorf("the late rows' days are %v and %v", result.Values[0][5], result.Values[0][15])
	}
}
