//go:build !windows

package logsource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFilePermissionLostAndGivenBack(t *testing.T) {
	if !asNobody(t) {
		return
	}
	folder := filepath.Join(t.TempDir(), "logs")
	must(t, os.Mkdir(folder, 0o700))
	defer func() { _ = os.Chmod(folder, 0o700) }()
	log := filepath.Join(folder, "node.log")
	create(t, log, "before\n")
	must(t, os.Chmod(log, 0o200))
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	g := follow(t, log, Positions{}, func(o *Options, _ *pace) { o.Watcher = watcher })
	forbidden := func() bool {
		s := g.f.Status()
		return s.State == Waiting && strings.Contains(s.Trouble, "may not be read by this process") && strings.Contains(s.Mend, "setfacl")
	}
	g.until("forbidden", forbidden)
	must(t, os.Chmod(log, 0o600))
	g.atRest()
	add(t, log, "one\n")
	g.sees("one\n")
	// What is open is read on; what comes in its place cannot be.
	must(t, os.Chmod(log, 0o200))
	add(t, log, "two\n")
	g.sees("one\ntwo\n")
	must(t, os.Rename(log, log+".1"))
	create(t, log+"~", "three\n")
	must(t, os.Chmod(log+"~", 0))
	must(t, os.Rename(log+"~", log))
	g.until("forbidden", forbidden)
	must(t, os.Chmod(log, 0o600))
	g.sees("one\ntwo\nthree\n")
	g.atRest()
	// The folder is closed.
	must(t, os.Chmod(folder, 0))
	g.until("trouble", func() bool { s := g.f.Status(); return strings.Contains(s.Trouble, "the folder "+folder) })
	must(t, os.Chmod(folder, 0o700))
	add(t, log, "four\n")
	g.sees("one\ntwo\nthree\nfour\n")
	g.until("no trouble", func() bool { return g.f.Status().Trouble == "" })
}

func TestFileThatIsNone(t *testing.T) {
	log := logIn(t)
	must(t, os.Mkdir(log, 0o700))
	g := follow(t, log, Positions{}, nil)
	g.until("a folder", func() bool { return strings.Contains(g.f.Status().Trouble, "is a folder") })
	must(t, os.Remove(log))
	must(t, syscall.Mkfifo(log, 0o600))
	g.until("a pipe", func() bool { return strings.Contains(g.f.Status().Trouble, "is not a regular file") })
	must(t, os.Remove(log))
	create(t, log, "one\n")
	g.sees("one\n")
}

func TestFileIsStillWrittenAfterItsRotation(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	node, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	g := follow(t, log, Positions{}, func(_ *Options, p *pace) { p.letGo = 300 * time.Millisecond })
	g.atRest()
	must(t, os.Rename(log, log+".1"))
	create(t, log, "")
	want := ""
	// write writes until there is a notice.
	write := func(severity Severity, says string) {
		t.Helper()
		g.until(says, func() bool {
			line := fmt.Sprintf("%d\n", len(want))
			_, err := node.WriteString(line)
			must(t, err)
			want += line
			g.sees(want)
			notices := g.f.Status().Notices
			return len(notices) == 1 && notices[0].Severity == severity && strings.Contains(notices[0].Text, says) && notices[0].Mend != ""
		})
	}
	write(Warning, "still writes to "+log+".1")
	must(t, os.Rename(log+".1", log+".2"))
	write(Warning, "still writes to "+log+".2")
	must(t, os.Remove(log+".2"))
	write(Critical, log+" was deleted and the node still writes to it")
	// It is restarted, and the old file is let go.
	add(t, log, "new\n")
	want += "new\n"
	g.sees(want)
	g.until("no notice", func() bool { return len(g.f.Status().Notices) == 0 })
	must(t, node.Close())
	g.until("the file is let go", func() bool { return openFiles(t, filepath.Dir(log)) == 1 })
	// One that kept its name is found again when it grows.
	resume := g.stop()
	add(t, log+".1", "late\n")
	g = follow(t, log, resume, nil)
	g.sees("late\n")
}

// The last line of a file that ended without a newline comes when the file is finished,
// and once.
func TestLastLineWithoutNewline(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	g := follow(t, log, Positions{}, func(_ *Options, p *pace) { p.finish = 50 * time.Millisecond })
	g.atRest()
	add(t, log, "one\nhalf")
	g.sees("one\n")
	must(t, os.Rename(log, log+".1"))
	create(t, log, "two\n")
	g.until("the half line", func() bool { return strings.Contains(g.got(), "half") })
	resume := g.stop()
	if got := g.got(); got != "one\ntwo\nhalf" && got != "one\nhalftwo\n" {
		t.Errorf("got %q", got)
	}
	compress(t, log+".1", log+".1.gz")
	must(t, os.Remove(log+".1"))
	g = follow(t, log, resume, nil)
	g.atRest()
	add(t, log, "three\n")
	g.sees("three\n")
}

// stepper is a follower of a file that a test moves on step by step, with a clock of its own.
type stepper struct {
	t   *testing.T
	f   *fileFollower
	now time.Time
	got strings.Builder
}

func step(t *testing.T, log string) *stepper {
	t.Helper()
	s := &stepper{t: t, now: time.Now()}
	f, err := New(Options{
		Source:  Source{Path: log},
		Now:     func() time.Time { return s.now },
		Deliver: func(b Block, _ Positions) error { s.got.Write(b.Lines); return nil },
	})
	must(t, err)
	s.f = newFileFollower(f)
	t.Cleanup(s.f.close)
	s.sees("")
	return s
}

// sees looks until nothing more comes, and compares all that came.
func (s *stepper) sees(want string) {
	s.t.Helper()
	for more := true; more; {
		var err error
		_, more, err = s.f.round(s.t.Context())
		must(s.t, err)
	}
	if got := s.got.String(); got != want {
		s.t.Fatalf("got %q, want %q", got, want)
	}
}

// A file that was cut to a part of itself goes on from there, once it is clear that it is
// not a copy that is being written.
func TestFileIsShortened(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	s := step(t, log)
	add(t, log, "one\ntwo\n")
	s.sees("one\ntwo\n")
	// A copy of it, put back bit by bit, is nothing new.
	create(t, log, "bef")
	s.sees("one\ntwo\n")
	s.now = s.now.Add(defaultPace.finish / 2)
	add(t, log, "ore\none\n")
	s.sees("one\ntwo\n")
	s.now = s.now.Add(defaultPace.finish * 3 / 4)
	s.sees("one\ntwo\n")
	add(t, log, "two\nthree\n")
	s.sees("one\ntwo\nthree\n")
	// What stays short was cut.
	must(t, os.Truncate(log, int64(len("before\none\n"))))
	s.sees("one\ntwo\nthree\n")
	s.now = s.now.Add(defaultPace.finish * 2)
	s.sees("one\ntwo\nthree\n")
	add(t, log, "four\n")
	s.sees("one\ntwo\nthree\nfour\n")
}

// openFiles counts the files in a folder that this process holds open.
func openFiles(t *testing.T, folder string) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	n := 0
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		if strings.HasPrefix(target, folder+"/") {
			n++
		}
	}
	return n
}

func TestNoDescriptorLeaks(t *testing.T) {
	log := logIn(t)
	folder := filepath.Dir(log)
	create(t, log, "before\n")
	watcher := NewWatcher()
	g := follow(t, log, Positions{}, func(o *Options, p *pace) {
		o.Watcher = watcher
		p.letGo, p.finish = 50*time.Millisecond, 10*time.Millisecond
	})
	g.atRest()
	want := ""
	for i := range 60 {
		line := fmt.Sprintf("line %d\n", i)
		switch i % 4 {
		case 0:
			must(t, os.Rename(log, log+fmt.Sprintf(".%d", 100+i)))
		case 1:
			duplicate(t, log, log+fmt.Sprintf(".%d", 100+i))
			must(t, os.Truncate(log, 0))
		case 2:
			must(t, os.Remove(log))
		case 3:
			compress(t, log, log+fmt.Sprintf(".%d.gz", 100+i))
			must(t, os.Truncate(log, 0))
		}
		add(t, log, line)
		want += line
		g.sees(want)
		if n := openFiles(t, folder); n > maxTails+2 {
			t.Fatalf("%d files are open", n)
		}
	}
	g.until("only the log is open", func() bool { return openFiles(t, folder) == 1 })
	g.stop()
	if n := openFiles(t, folder); n != 0 {
		t.Errorf("%d files are open after the end", n)
	}
	must(t, watcher.Close())
}
