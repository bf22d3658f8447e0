package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// openDir makes the test binary one that opens a store on a full disk, and says what it has.
const openDir = "STORE_TEST_OPEN_DIR"

func openOnFullDisk(dir string) error {
	if err := limitFileSize(0); err != nil {
		return err
	}
	s, err := Open(Options{Dir: dir, FlushInterval: -1, Now: func() time.Time { return start.AddDate(1, 0, 0) }})
	if err != nil {
		return err
	}
	document, _ := s.Document("count")
	fmt.Printf("%s %q\n", document, s.Status().Damage)
	return s.Close()
}

// A disk that is full keeps no store closed, also not where it tore the last commit.
func TestAStoreOpensOnAFullDisk(t *testing.T) {
	if !canLimitFileSize {
		t.Skip("this system cannot limit a file's size for a test")
	}
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 10 {
		batch := &Batch{}
		batch.Put("count", fmt.Append(nil, n))
		check(t, s.Record(batch))
		check(t, s.Flush())
	}
	check(t, s.Close())
	for _, test := range []struct {
		cut  int
		want string
	}{{0, "9 []\n"}, {7, "8 [\""}} {
		check(t, os.Truncate(filepath.Join(dir, FileName), int64(fileSize(t, dir)-test.cut)))
		command, said := writer(t.Context(), t, "", openDir+"="+dir)
		failure := &bytes.Buffer{}
		command.Stderr = failure
		if err := command.Run(); err != nil || !strings.HasPrefix(said.String(), test.want) {
			t.Errorf("cut by %d: it says %q %q (%v), want %q", test.cut, said, failure, err, test.want)
		}
		if owner, err := os.ReadFile(filepath.Join(dir, ownerFile)); err == nil {
			t.Errorf("an owner is named: %s", owner)
		}
	}
	if s := open(t, dir); len(s.Status().Damage) > 0 {
		t.Errorf("what was cut off is damaged again: %q", s.Status().Damage)
	}
}

func TestWhatACrashLeftUnfinishedGoes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{ownerFile + ".new-123", FileName + ".new-1", FileName + ".corrupt-1.new-2"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
	}
	open(t, dir)
	left, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
	check(t, err)
	if len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

// What upkeep cannot do is told once, and not tried again with every tick.
func TestWhatUpkeepCannotDoIsToldOnce(t *testing.T) {
	for name, fails := range map[string]func(use string, chunk bool) bool{
		"sync":               func(use string, _ bool) bool { return strings.HasPrefix(use, "sync") },
		"write of the chunk": func(use string, chunk bool) bool { return use == "write" && chunk },
	} {
		t.Run(name, func(t *testing.T) {
			var tries, ticks atomic.Int64
			told := make(chan string, 1000)
			s, err := Open(Options{Dir: t.TempDir(), Limits: Limits{FlushInterval: time.Hour}, Report: func(message string) { told <- message }})
			check(t, err)
			s.writing.Lock()
			chunk := false
			s.step = func(step string) { chunk = step == "committed" || chunk && step == "written" }
			s.disk = func(use string) error {
				was := chunk
				chunk = chunk && use != "write"
				if fails(use, was) {
					tries.Add(1)
					return syscall.ENOSPC
				}
				return nil
			}
			s.writing.Unlock()
			s.SetLimits(Limits{FlushInterval: time.Millisecond, SealInterval: time.Nanosecond})
			eventually(t, "there were many ticks", func() bool {
				record(t, s, "a", time.Now(), Sample{"x", float64(ticks.Add(1))})
				return s.Status().Commits > 200 || ticks.Load() > 5000
			})
			if n := tries.Load(); n == 0 || n > 10 {
				t.Errorf("it is tried %d times", n)
			}
			if len(told) == 0 || len(told) > 3 {
				t.Errorf("there are %d messages, the first is %q", len(told), <-told)
			}
			if now := s.Status().UpkeepErrors; len(now) == 0 || !strings.Contains(now[0], syscall.ENOSPC.Error()) {
				t.Errorf("the status says %q", now)
			}
			s.writing.Lock()
			s.disk, s.step = nil, nil
			s.writing.Unlock()
			eventually(t, "the status says that it went well", func() bool { return len(s.Status().UpkeepErrors) == 0 })
			check(t, s.Close())
		})
	}
}
