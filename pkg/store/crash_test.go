package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// writerDir makes the test binary a writer that runs until it is killed.
const writerDir = "STORE_TEST_WRITER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(openDir); dir != "" {
		if err := openOnFullDisk(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(writerDir); dir != "" {
		if err := writeUntilKilled(dir, os.Getenv(writerLimit)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeUntilKilled counts: commit n holds row n of two groups, a histogram of the
// first n values, event n, and the document "count" with n. After each commit it says n on its output.
func writeUntilKilled(dir, limit string) error {
	if limit != "" {
		bytes, err := strconv.ParseUint(limit, 10, 64)
		if err != nil {
			return err
		}
		if err := limitFileSize(bytes); err != nil {
			return err
		}
	}
	s, err := Open(Options{Dir: dir, FlushInterval: -1, Now: func() time.Time { return start.AddDate(1, 0, 0) }})
	if err != nil {
		return err
	}
	n := uint64(0)
	if document, ok := s.Document("count"); ok {
		n = binary.BigEndian.Uint64(document) + 1
	}
	failures := 0
	for ; ; n++ {
		batch := &Batch{}
		at := start.Add(time.Duration(n) * time.Minute).UnixMilli()
		batch.Add("a", at, Sample{"x", float64(n)})
		batch.Add("b", at, Sample{"y", float64(n) / 3})
		batch.AddHistograms("a", at, HistogramSample{"x", observed(float64(n), float64(n)/2)})
		batch.AppendEvent(Event{Time: at, Kind: "step", Labels: map[string]string{"n": strconv.FormatUint(n, 10)}})
		batch.Put("count", binary.BigEndian.AppendUint64(nil, n))
		if err := s.Record(batch); err != nil {
			return err
		}
		err := s.Flush()
		if err == nil && n%7 == 6 {
			err = s.Seal()
		}
		if err == nil && n%50 == 49 {
			s.writing.Lock()
			err = s.compact()
			s.writing.Unlock()
		}
		if err != nil {
			if failures++; limit == "" || failures > 20 {
				return err
			}
			continue // it is committed with what comes later, or not at all
		}
		fmt.Println(n)
	}
}

// verify opens the folder and checks that rows, the other group's rows and the
// document tell of the same commits, without a gap. It answers how many.
func verify(t *testing.T, dir string) uint64 {
	t.Helper()
	s := open(t, dir)
	defer func() { check(t, s.Close()) }()
	document, ok := s.Document("count")
	if !ok {
		if got := content(t, s, "a"); len(got) > 0 {
			t.Fatalf("there is no count, and %d columns", len(got))
		}
		return 0
	}
	count := binary.BigEndian.Uint64(document) + 1
	a, b := content(t, s, "a")["x"], content(t, s, "b")["y"]
	if uint64(len(a)) != count || uint64(len(b)) != count {
		t.Fatalf("the document says %d commits, the groups have %d and %d rows", count, len(a), len(b))
	}
	for n := range count {
		at := start.Add(time.Duration(n) * time.Minute).UnixMilli()
		if a[at] != float64(n) || b[at] != float64(n)/3 {
			t.Fatalf("row %d has %v and %v", n, a[at], b[at])
		}
	}
	verifyKinds(t, s, count)
	if status := s.Status(); len(status.Damage) > 0 && !onlyTorn(status.Damage) {
		t.Fatalf("after a kill there is damage: %q", status.Damage)
	}
	return count
}

// verifyKinds checks that histograms and events tell of the same commits.
func verifyKinds(t *testing.T, s *Store, count uint64) {
	t.Helper()
	end := start.AddDate(1, 0, 0).UnixMilli()
	histograms, err := s.Histograms(t.Context(), Range{Group: "a", To: end}, nil)
	check(t, err)
	events, err := s.Events(t.Context(), 0, end, "step")
	check(t, err)
	if uint64(len(histograms.Times)) != count || uint64(len(events)) != count {
		t.Fatalf("of %d commits there are %d histograms and %d events", count, len(histograms.Times), len(events))
	}
	for n := range count {
		h := histograms.Values[0][n]
		if h.Count() != 2 || h.Sum != float64(n)*1.5 || events[n].Labels["n"] != strconv.FormatUint(n, 10) {
			t.Fatalf("commit %d has %+v and %+v", n, h, events[n])
		}
	}
}

// onlyTorn says whether the damage is a command that the kill cut short.
func onlyTorn(damage []string) bool {
	return len(damage) == 1 && strings.Contains(damage[0], "could not be read")
}

// sayings are a writer's output, to be read once it has ended.
type sayings struct {
	text  bytes.Buffer
	once  sync.Once
	first chan struct{} // closed with the first commit that was said
}

func (s *sayings) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.first) })
	return s.text.Write(p)
}

func (s *sayings) String() string { return s.text.String() }

func writer(ctx context.Context, t *testing.T, dir string, environment ...string) (*exec.Cmd, *sayings) {
	t.Helper()
	executable, err := os.Executable()
	check(t, err)
	command := exec.CommandContext(ctx, executable)
	command.Env = append(os.Environ(), append(environment, writerDir+"="+dir)...)
	said := &sayings{first: make(chan struct{})}
	command.Stdout, command.Stderr = said, os.Stderr
	return command, said
}

// lastSaid is the number of commits that the writer said were done.
func lastSaid(said *sayings) uint64 {
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	last, err := strconv.ParseUint(lines[len(lines)-1], 10, 64)
	if err != nil {
		return 0
	}
	return last + 1
}

// Every other kill may hit the writer's opening, the rest hit it at work, however
// long its machine takes to start it.
func TestKilledAtRandomMomentsNothingCommittedIsLost(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 10
	}
	random := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	for kill := range kills {
		command, said := writer(t.Context(), t, dir)
		check(t, command.Start())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		if kill%2 == 1 {
			select {
			case <-said.first:
			case err := <-ended:
				t.Fatalf("the writer ended before its first commit: %v", err)
			}
		}
		timer := time.AfterFunc(time.Duration(random.IntN(60))*time.Millisecond, func() { _ = command.Process.Kill() })
		err := <-ended
		timer.Stop()
		if command.ProcessState.ExitCode() == 1 {
			t.Fatalf("the writer failed: %v", err)
		}
		done := lastSaid(said)
		if count := verify(t, dir); count < done {
			t.Fatalf("the writer said %d commits were done, %d are there", done, count)
		}
	}
	if count := verify(t, dir); count < uint64(kills/2) {
		t.Errorf("only %d commits over %d kills: the writer hardly ran", count, kills)
	}
}

func TestAFileCutAnywhereInItsLastCommitsOpens(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	commit := func(n int) {
		batch := &Batch{}
		batch.Add("a", start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"x", float64(n)})
		batch.Add("b", start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"y", float64(n) / 3})
		batch.AddHistograms("a", start.Add(time.Duration(n)*time.Minute).UnixMilli(), HistogramSample{"x", observed(float64(n), float64(n)/2)})
		batch.AppendEvent(Event{Time: start.Add(time.Duration(n) * time.Minute).UnixMilli(), Kind: "step", Labels: map[string]string{"n": strconv.Itoa(n)}})
		batch.Put("count", binary.BigEndian.AppendUint64(nil, uint64(n)))
		check(t, s.Record(batch))
		check(t, s.Flush())
	}
	for n := range 4 {
		commit(n)
	}
	check(t, s.Seal())
	before := fileSize(t, dir)
	for n := 4; n < 7; n++ {
		commit(n)
	}
	whole, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	ends := 0
	for cut := before; cut <= len(whole); cut++ {
		folder := t.TempDir()
		check(t, os.WriteFile(filepath.Join(folder, FileName), whole[:cut], 0o600))
		want := 4 + bytes.Count(whole[before:cut], []byte("w:"))
		if count := verify(t, folder); count > uint64(want) || count+1 < uint64(want) || count < 4 {
			t.Fatalf("cut at %d of %d: %d commits, of %d begun", cut, len(whole), count, want)
		} else if count == 7 {
			ends++
		}
	}
	if ends == 0 {
		t.Error("the whole file does not hold all commits")
	}
}

func fileSize(t *testing.T, dir string) int {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, FileName))
	check(t, err)
	return int(info.Size())
}

// Whatever happens to bytes inside values, the store opens, keeps what was not
// hit, answers no value that was never written, and says what is lost.
func TestDamagedPagesAndBytesNeverPassForData(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	valid := map[int64]float64{}
	for n := range 600 {
		at := start.Add(time.Duration(n) * time.Minute)
		value := float64(n) * 1.1
		valid[at.UnixMilli()] = value
		record(t, s, "a", at, Sample{"x", value})
		check(t, s.Flush())
		if n == 300 {
			check(t, s.Seal())
		}
	}
	check(t, s.Close())
	whole, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	random := rand.New(rand.NewPCG(5, 6))
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	lost := 0
	for round := range rounds {
		harmed := bytes.Clone(whole)
		at := random.IntN(len(harmed))
		if round%2 == 0 {
			harmed[at] ^= byte(1 << random.IntN(8))
		} else {
			clear(harmed[at/4096*4096 : min(len(harmed), at/4096*4096+4096)])
		}
		folder := t.TempDir()
		check(t, os.WriteFile(filepath.Join(folder, FileName), harmed, 0o600))
		first, last := at, at
		if round%2 == 1 {
			first, last = at/4096*4096, min(len(harmed), at/4096*4096+4096)-1
		}
		s := open(t, folder)
		got := content(t, s, "a")
		if missing, most := len(valid)-len(got["x"]), costOf(t, whole, first, last, 301, 600); missing > most {
			t.Fatalf("round %d: damage from %d to %d took %d samples, want at most %d", round, first, last, missing, most)
		}
		for column, samples := range got {
			for at, value := range samples {
				if column != "x" || valid[at] != value {
					t.Fatalf("round %d: at %d stands %s=%v, which nobody wrote", round, at, column, value)
				}
			}
		}
		status := s.Status()
		if len(got["x"]) < len(valid) {
			lost++
			if len(status.Damage) == 0 || len(status.CorruptCopies) == 0 {
				t.Fatalf("round %d: %d samples are lost and nothing was said", round, len(valid)-len(got["x"]))
			}
		}
		record(t, s, "a", start.Add(-time.Hour), Sample{"x", 1})
		check(t, s.Close())
		if again := open(t, folder).Status(); len(again.Damage) > 0 {
			t.Fatalf("round %d: after the repair there is damage: %q", round, again.Damage)
		}
	}
	if lost == 0 {
		t.Error("no round hit anything: the test shows nothing")
	}
}

// costOf is how many rows damage to a part of a file may take, of which the first ones are
// sealed: those, if it hits their chunk, and those of the commits from the first that it hits.
func costOf(t *testing.T, file []byte, first, last int, sealed, rows uint64) (most int) {
	t.Helper()
	hit := rows + 1 // the first commit
	for at := 0; at < len(file); {
		n, arguments, ok := parseCommand(file[at:])
		if !ok {
			t.Fatalf("at %d is no command", at)
		}
		key := string(arguments[1])
		if at <= last && at+n > first && arguments[2] != nil {
			if sequence, err := strconv.ParseUint(strings.TrimPrefix(key, "w:"), 16, 64); err == nil && sequence > sealed {
				hit = min(hit, sequence)
			}
			if strings.HasPrefix(key, "c:") {
				most += int(sealed)
			}
		}
		at += n
	}
	return most + int(rows+1-hit)
}

// A disk that is full in the middle of a commit or of a compaction loses what
// could not be written, and never what was.
func TestAFullDiskLosesNothingThatWasCommitted(t *testing.T) {
	if !canLimitFileSize {
		t.Skip("this system cannot limit a file's size for a test")
	}
	tried := 0
	for limit := 1500; limit < 12000; limit += 777 {
		dir := t.TempDir()
		command, said := writer(t.Context(), t, dir, writerLimit+"="+strconv.Itoa(limit))
		command.Stderr = nil
		if err := command.Run(); err == nil {
			t.Fatalf("with %d bytes the writer met no full disk", limit)
		}
		done := lastSaid(said)
		if count := verify(t, dir); count < done {
			t.Fatalf("with %d bytes the writer said %d commits were done, %d are there", limit, done, count)
		}
		if done > 0 {
			tried++
		}
	}
	if tried < 5 {
		t.Errorf("only %d limits let anything be committed", tried)
	}
}
