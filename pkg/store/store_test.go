package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tidwall/buntdb"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, change ...func(*Options)) *Store {
	t.Helper()
	options := Options{Dir: dir, FlushInterval: -1, Now: func() time.Time { return start.AddDate(1, 0, 0) }}
	for _, f := range change {
		f(&options)
	}
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.patience = 0 // tests move clocks by days
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// crash copies the folder as a dying process leaves it, and opens the copy.
func crash(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	content, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, FileName), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

func record(t *testing.T, s *Store, group string, at time.Time, samples ...Sample) {
	t.Helper()
	batch := &Batch{}
	batch.Add(group, at.UnixMilli(), samples...)
	if err := s.Record(batch); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content is every row of a group: column → time → value.
func content(t *testing.T, s *Store, group string) map[Column]map[int64]float64 {
	t.Helper()
	result, err := s.Read(context.Background(), Range{Group: group, From: 0, To: start.AddDate(1, 0, 0).UnixMilli()})
	check(t, err)
	all := map[Column]map[int64]float64{}
	for c, name := range result.Columns {
		for i, v := range result.Values[c] {
			if v == v {
				if all[name] == nil {
					all[name] = map[int64]float64{}
				}
				all[name][result.Times[i]] = v
			}
		}
	}
	return all
}

func TestColumnNamesItsMetricAndLabels(t *testing.T) {
	c := NewColumn("audit_score_percent", "satellite", "us1", "action", "")
	if c.Metric() != "audit_score_percent" || c.Label("satellite") != "us1" || c.Label("action") != "" || c.Label("node") != "" {
		t.Errorf("%q reads as %q, %q, %q", c, c.Metric(), c.Label("satellite"), c.Label("action"))
	}
	if c := NewColumn("health_percent"); c.Metric() != "health_percent" || c.Label("satellite") != "" {
		t.Errorf("%q reads as %q", c, c.Metric())
	}
}

func TestRowsAreThereAtOnceAndAfterEveryKindOfEnd(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, "a", start, Sample{"x", 1}, Sample{"y", 2.5})
	record(t, s, "a", start.Add(time.Minute), Sample{"x", 3})
	record(t, s, "b", start, Sample{"x", 0})
	record(t, s, "a", start, Sample{"x", 4}) // replaces x, leaves y
	want := map[Column]map[int64]float64{
		"x": {start.UnixMilli(): 4, start.Add(time.Minute).UnixMilli(): 3},
		"y": {start.UnixMilli(): 2.5},
	}
	step := func(name string, s *Store) {
		t.Helper()
		if diff := cmp.Diff(want, content(t, s, "a")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	step("before any commit", s)
	check(t, s.Flush())
	step("committed", s)
	step("committed, then killed", open(t, crash(t, dir)))
	check(t, s.Seal())
	step("sealed", s)
	step("sealed, then killed", open(t, crash(t, dir)))
	check(t, s.Close())
	step("closed and opened", open(t, dir))
}

func TestWhatWasNotCommittedIsLostWholeByAKill(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Flush())
	batch := &Batch{}
	batch.Add("a", start.Add(time.Minute).UnixMilli(), Sample{"x", 2})
	batch.Put("position", []byte("2"))
	check(t, s.Record(batch))
	after := open(t, crash(t, dir))
	if got := len(content(t, after, "a")["x"]); got != 1 {
		t.Errorf("%d samples, want only the committed one", got)
	}
	if _, ok := after.Document("position"); ok {
		t.Error("the position of the lost batch is there")
	}
}

func TestDocumentsSurviveAndCanBeDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(key, value string) {
		batch := &Batch{}
		if value == "" {
			batch.Delete(key)
		} else {
			batch.Put(key, []byte(value))
		}
		check(t, s.Record(batch))
	}
	put("node/a", "1")
	put("node/b", "1")
	check(t, s.Seal())
	put("node/a", "2")
	put("node/b", "")
	put("other", "3")
	for name, s := range map[string]*Store{"pending": s, "committed": func() *Store { check(t, s.Flush()); return open(t, crash(t, dir)) }(), "sealed": func() *Store { check(t, s.Seal()); return open(t, crash(t, dir)) }()} {
		got := map[string]string{}
		s.Documents("", func(key string, value []byte) { got[key] = string(value) })
		if diff := cmp.Diff(map[string]string{"node/a": "2", "other": "3"}, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		prefixed := 0
		s.Documents("node/", func(string, []byte) { prefixed++ })
		if prefixed != 1 {
			t.Errorf("%s: %d documents begin with node/, want 1", name, prefixed)
		}
	}
}

// A power cut between or within the two transactions of a sealing leaves some of
// the chunks and all commits, or all chunks and some of the commits.
func TestSealingCutAtEveryCommandCountsEachCommitOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 5 {
		batch := &Batch{}
		for _, group := range []string{"a", "b", "c"} {
			batch.Add(group, start.Add(time.Duration(i)*window/2).UnixMilli(), Sample{"x", float64(i)})
		}
		batch.Put("count", []byte(fmt.Sprint(i)))
		check(t, s.Record(batch))
		check(t, s.Flush())
	}
	want := content(t, s, "b")
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	check(t, s.Seal())
	whole, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	cuts := 0
	for at := len(before); at < len(whole); {
		n, _, ok := parseCommand(whole[at:])
		if !ok {
			t.Fatalf("the sealed file has no command at %d", at)
		}
		for _, cut := range []int{at, at + n/2, at + n} {
			cuts++
			folder := t.TempDir()
			check(t, os.WriteFile(filepath.Join(folder, FileName), whole[:cut], 0o600))
			after := open(t, folder)
			for _, group := range []string{"a", "b", "c"} {
				if diff := cmp.Diff(want, content(t, after, group)); diff != "" {
					t.Fatalf("cut at %d of %d, group %s: (-want +got)\n%s", cut, len(whole), group, diff)
				}
			}
			if count, _ := after.Document("count"); string(count) != "4" {
				t.Fatalf("cut at %d: document is %q, want 4", cut, count)
			}
			// And it goes on: a new commit is neither lost nor takes an old one's place.
			record(t, after, "a", start.Add(-time.Hour), Sample{"x", 9})
			check(t, after.Seal())
			check(t, after.Close())
			if got := len(content(t, open(t, folder), "a")["x"]); got != 6 {
				t.Fatalf("cut at %d: %d samples after going on, want 6", cut, got)
			}
		}
		at += n
	}
	if cuts < 30 {
		t.Fatalf("only %d cuts tried", cuts)
	}
}

func TestDamageCostsWhatItHitAndIsKeptAside(t *testing.T) {
	build := func(t *testing.T) []byte {
		dir := t.TempDir()
		s := open(t, dir)
		for i := range 4 {
			record(t, s, "sealed", start.Add(time.Duration(i)*time.Minute), Sample{"x", float64(i)})
		}
		check(t, s.Seal())
		for i := range 6 {
			record(t, s, "a", start.Add(time.Duration(i)*time.Minute), Sample{"x", float64(i)})
			check(t, s.Flush())
		}
		check(t, s.Close())
		b, err := os.ReadFile(filepath.Join(dir, FileName))
		check(t, err)
		return b
	}
	commit := func(b []byte, n uint64) int { return bytes.Index(b, []byte(commitKey(n))) + len(commitKey(n)) + 10 }
	tests := map[string]struct {
		harm   func(b []byte) []byte
		sealed int // samples left in each group
		recent int
	}{
		"a torn tail":        {func(b []byte) []byte { return b[:len(b)-7] }, 4, 5},
		"garbage at the end": {func(b []byte) []byte { return append(b, "garbage\xff\x00"...) }, 4, 6},
		"zeroes at the end":  {func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, 4, 6},
		"a zero hole between commands": {func(b []byte) []byte {
			i := bytes.LastIndex(b[:commit(b, 5)], []byte(setCommand))
			return append(b[:i:i], append(make([]byte, 512), b[i:]...)...)
		}, 4, 6},
		"a flipped byte in a commit": {func(b []byte) []byte { b[commit(b, 4)+12] ^= 0x40; return b }, 4, 2},
		"a flipped byte in the last": {func(b []byte) []byte { b[commit(b, 7)+12] ^= 0x40; return b }, 4, 5},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			harmed := test.harm(build(t))
			check(t, os.WriteFile(filepath.Join(dir, FileName), harmed, 0o600))
			var told []string
			s := open(t, dir, func(o *Options) { o.Report = func(message string) { told = append(told, message) } })
			if got := len(content(t, s, "sealed")["x"]); got != test.sealed {
				t.Errorf("%d sealed samples left, want %d", got, test.sealed)
			}
			if got := len(content(t, s, "a")["x"]); got != test.recent {
				t.Errorf("%d recent samples left, want %d", got, test.recent)
			}
			status := s.Status()
			if len(status.Damage) == 0 || len(told) == 0 || len(status.CorruptCopies) == 0 {
				t.Fatalf("the damage was not reported: %+v, told %q", status, told)
			}
			kept, err := os.ReadFile(status.CorruptCopies[0])
			check(t, err)
			if !bytes.Equal(kept, harmed) {
				t.Error("the file kept aside is not the damaged one")
			}
			record(t, s, "a", start.Add(time.Hour), Sample{"x", 9})
			check(t, s.Close())
			if again := open(t, dir).Status(); len(again.Damage) > 0 {
				t.Errorf("the repaired file is damaged again: %q", again.Damage)
			}
		})
	}
}

func TestTheSecondOwnerWaits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(Options{Dir: dir})
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Owner.PID != os.Getpid() || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("a second opening answered %v, want a LockedError that names process %d", err, os.Getpid())
	}
	check(t, s.Close())
	open(t, dir)
}

func TestANewerFormatIsLeftWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	check(t, s.update(true, func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(formatKey, withChecksum(formatKey, "8"), nil)
		return err
	}))
	check(t, s.Close())
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	_, err = Open(Options{Dir: dir})
	var newer *NewerFormatError
	if !errors.As(err, &newer) || newer.Format != "8" {
		t.Fatalf("opening answered %v, want a NewerFormatError", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

func TestStepsAggregate(t *testing.T) {
	s := open(t, "")
	for i, v := range []float64{5, 3, 4, math.NaN(), 8, 9} {
		record(t, s, "a", start.Add(time.Duration(i)*time.Minute), Sample{"x", v})
		if i == 2 {
			check(t, s.Seal())
		}
	}
	minute := time.Minute.Milliseconds()
	for aggregate, want := range map[Aggregate][]float64{
		Last: {3, 4, 9, math.NaN()},
		Min:  {3, 4, 8, math.NaN()},
		Max:  {5, 4, 9, math.NaN()},
		Sum:  {8, 4, 17, math.NaN()},
		Mean: {4, 4, 8.5, math.NaN()},
	} {
		got, err := s.Read(context.Background(), Range{Group: "a", From: start.UnixMilli() + 1, To: start.UnixMilli() + 6*minute, Step: 2 * minute, Aggregate: aggregate})
		check(t, err)
		if diff := cmp.Diff([][]float64{want}, got.Values, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("aggregate %d: (-want +got)\n%s", aggregate, diff)
		}
		if got.Times[0] != start.UnixMilli() || got.Times[1]-got.Times[0] != 2*minute {
			t.Errorf("the steps begin at %d and %d, want the aligned start and two minutes on", got.Times[0], got.Times[1])
		}
	}
}

func TestACancelledReadEnds(t *testing.T) {
	s := open(t, "")
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Seal())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Read(ctx, Range{Group: "a", To: start.AddDate(1, 0, 0).UnixMilli()}); !errors.Is(err, context.Canceled) {
		t.Errorf("it answered %v", err)
	}
}

func TestAFailedCommitLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, "a", start, Sample{"x", 1})
	db := s.db
	s.mu.Lock()
	s.db = nil // what BuntDB answers on a full disk is an error of Update
	s.mu.Unlock()
	if err := s.Flush(); err == nil {
		t.Fatal("the commit went well without a database")
	}
	if err := s.Seal(); err == nil || s.Status().CommitError == "" {
		t.Fatal("the sealing went well without a database")
	}
	record(t, s, "a", start.Add(time.Minute), Sample{"x", 2})
	s.mu.Lock()
	s.db = db
	s.mu.Unlock()
	check(t, s.Flush())
	if status := s.Status(); status.CommitError != "" || status.PendingRows != 0 {
		t.Errorf("after the disk is well again the status is %+v", status)
	}
	if got := len(content(t, open(t, crash(t, dir)), "a")["x"]); got != 2 {
		t.Errorf("%d samples, want both", got)
	}
}

func TestMergingAndCompactionKeepEverySample(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 3 * mergeChunks {
		for j := range 10 {
			record(t, s, "a", start.Add(time.Duration(i*10+j)*time.Minute), Sample{"x", float64(i*10 + j)})
		}
		check(t, s.Seal())
	}
	chunks := 0
	check(t, s.view(func(tx *buntdb.Tx) error {
		return tx.AscendKeys("c:*", func(string, string) bool { chunks++; return true })
	}))
	if chunks >= mergeChunks {
		t.Errorf("%d chunks are left unmerged", chunks)
	}
	before, err := os.Stat(filepath.Join(dir, FileName))
	check(t, err)
	s.writing.Lock()
	err = s.compact()
	s.writing.Unlock()
	check(t, err)
	after, err := os.Stat(filepath.Join(dir, FileName))
	check(t, err)
	if after.Size() >= before.Size() {
		t.Errorf("compaction made %d bytes of %d", after.Size(), before.Size())
	}
	record(t, s, "a", start.Add(-time.Minute), Sample{"x", -1})
	check(t, s.Close())
	if got := len(content(t, open(t, dir), "a")["x"]); got != 3*mergeChunks*10+1 {
		t.Errorf("%d samples, want %d", got, 3*mergeChunks*10+1)
	}
}

func TestRetentionDropsWholeChunks(t *testing.T) {
	now := start
	s := open(t, t.TempDir(), func(o *Options) { o.Limits.Retention = 30 * 24 * time.Hour; o.Now = func() time.Time { return now } })
	record(t, s, "a", start, Sample{"x", 1})
	now = start.AddDate(0, 0, 50)
	record(t, s, "a", now, Sample{"x", 2})
	check(t, s.Seal())
	now = start.AddDate(0, 0, 55)
	record(t, s, "a", now, Sample{"x", 3})
	check(t, s.Seal())
	if diff := cmp.Diff(map[Column]map[int64]float64{"x": {start.AddDate(0, 0, 50).UnixMilli(): 2, now.UnixMilli(): 3}}, content(t, s, "a")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// NaN stands for "nothing said": who records it says nothing, and what was said stays.
func TestValuesThatAreNoNumbersAreRefused(t *testing.T) {
	dir := t.TempDir()
	now := start
	var told []string
	s := open(t, dir, func(o *Options) {
		o.Limits.Policies, o.Now = counted, func() time.Time { return now }
		o.Report = func(message string) { told = append(told, message) }
	})
	hour := now.Truncate(time.Hour)
	record(t, s, "traffic/n", hour, Sample{"uploads", 5})
	record(t, s, "scores/n", hour, Sample{"x", 5}, Sample{"y", math.Inf(1)})
	mixed := []Sample{{"uploads", math.NaN()}, {"downloads", 1}, {"uploads", math.Inf(1)}, {"uploads", math.Inf(-1)}}
	record(t, s, "traffic/n", hour, mixed...)
	record(t, s, "scores/n", hour, Sample{"x", math.NaN()})
	if mixed[1].Column != "downloads" {
		t.Error("the caller's samples were changed")
	}
	for _, when := range []string{"recorded", "sealed", "opened"} {
		counts := summed(t, s, hour, now, time.Hour)
		if diff := cmp.Diff(map[Column]float64{"uploads": 5, "downloads": 1}, map[Column]float64{"uploads": counts["uploads"][hour.UnixMilli()], "downloads": counts["downloads"][hour.UnixMilli()]}); diff != "" {
			t.Errorf("%s: counts (-want +got)\n%s", when, diff)
		}
		if diff := cmp.Diff(map[Column]map[int64]float64{"x": {hour.UnixMilli(): 5}, "y": {hour.UnixMilli(): math.Inf(1)}}, content(t, s, "scores/n")); diff != "" {
			t.Errorf("%s: scores (-want +got)\n%s", when, diff)
		}
		switch when {
		case "recorded":
			check(t, s.Seal())
			if status := s.Status(); status.RefusedSamples != 4 || status.RecordedSamples != 4 || len(told) != 1 {
				t.Errorf("%d values are refused and %d recorded, told %q", status.RefusedSamples, status.RecordedSamples, told)
			}
		case "sealed":
			check(t, s.Close())
			s = countingStore(t, dir, &now)
		}
	}
}
