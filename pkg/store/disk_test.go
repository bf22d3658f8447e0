package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// diskUses are all uses of the disk after the opening.
var diskUses = []string{"write", "sync", "create new file", "write new file", "sync new file", "rename", "sync folder", "open"}

// A disk that is full, or fails otherwise, at any one moment, once or for a while: what was
// committed is there after a crash, and once the disk is well again nothing is lost and
// nothing counts twice.
func TestADiskThatFailsAtAnyMomentLosesNothing(t *testing.T) {
	var mu sync.Mutex
	used, moments := map[string]bool{}, 0
	t.Run("moments", func(t *testing.T) {
		const runners = 4 // which wait for the disk rather than for each other
		for runner := range runners {
			t.Run(fmt.Sprint(runner), func(t *testing.T) {
				t.Parallel()
				for moment := runner; ; moment += runners {
					lasting := 1 + 3*(moment/runners%2)
					failed := failingDisk(t, moment, lasting, func(use string) {
						mu.Lock()
						defer mu.Unlock()
						used[use] = true
						moments = max(moments, moment)
					})
					if !failed {
						return
					}
				}
			})
		}
	})
	if moments < 50 {
		t.Errorf("only %d moments", moments)
	}
	for _, use := range diskUses {
		if !used[use] {
			t.Errorf("the disk never failed to %s", use)
		}
	}
}

// failingDisk works on a disk that fails from a use of it on, so many times. It says
// whether the disk was used that often.
func failingDisk(t *testing.T, moment, lasting int, told func(use string)) (failed bool) {
	t.Helper()
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	recorded, committed := counts{}, counts{}
	n, uses := 0, 0
	s.disk = func(use string) error {
		uses++
		if at := uses - 1; at < moment || at >= moment+lasting {
			return nil
		}
		failed = true
		told(use)
		return fmt.Errorf("%s: %w", use, syscall.ENOSPC)
	}
	when := func() string { return fmt.Sprintf("from use %d on, %d times, after %d rows", moment, lasting, n) }
	afterwards := func(crashed bool) {
		t.Helper()
		if diff := cmp.Diff(recorded.in(time.Hour, now.AddDate(0, 0, -50)), summed(t, s, now.AddDate(0, 0, -50), now, time.Hour)); diff != "" {
			t.Fatalf("%s: what is read meanwhile (-want +got)\n%s", when(), diff)
		}
		if !crashed {
			return
		}
		left := t.TempDir()
		entries, err := os.ReadDir(dir)
		check(t, err)
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), FileName) {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(left, entry.Name()), content, 0o600))
		}
		after := countingStore(t, left, &now)
		got := summed(t, after, now.AddDate(0, 0, -50), now, time.Minute)
		// What is not known to be committed may be.
		if diff := cmp.Diff(committed, got); diff != "" && cmp.Diff(recorded, got) != "" {
			t.Fatalf("%s: after a crash (-want +got)\n%s", when(), diff)
		}
		if damage := after.Status().Damage; len(damage) > 0 {
			t.Fatalf("%s: after a crash there is damage: %q", when(), damage)
		}
		check(t, after.Close())
	}
	// Only what minutes are kept of, so that they can be compared.
	at := now.Add(-30 * time.Hour).Truncate(time.Hour)
	work := func() {
		for range mergeChunks + 1 {
			count(t, s, recorded, at, 1)
			count(t, s, recorded, at.Add(time.Duration(n)*time.Minute), 1)
			n++
			wasFailed := failed
			if s.Flush() == nil {
				committed = recorded.in(time.Millisecond, time.Time{})
			}
			_ = s.Seal() // it may fail
			if s.Status().PendingRows == 0 {
				committed = recorded.in(time.Millisecond, time.Time{})
			}
			afterwards(failed && !wasFailed || n%4 == 0)
		}
		s.writing.Lock()
		err := s.compact()
		s.writing.Unlock()
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		afterwards(true)
	}
	work()
	s.disk = nil
	check(t, s.Flush())
	committed = recorded.in(time.Millisecond, time.Time{})
	afterwards(true)
	check(t, s.Seal())
	afterwards(true)
	work()
	check(t, s.Close())
	s = countingStore(t, dir, &now)
	afterwards(true)
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, entry := range entries {
		if strings.Contains(entry.Name(), ".new-") {
			t.Errorf("%s: %s is left", when(), entry.Name())
		}
	}
	check(t, s.Close())
	return failed
}
