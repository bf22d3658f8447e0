package logsource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// quick is a pace for tests.
var quick = pace{
	settle:    time.Millisecond,
	fast:      10 * time.Millisecond,
	slow:      20 * time.Millisecond,
	survey:    100 * time.Millisecond,
	finish:    time.Hour, // where a test does not want otherwise, no half line is finished
	still:     30 * time.Millisecond,
	letGo:     time.Hour,
	staleGzip: 0,
}

// following is a follower that runs in a test, and what it delivered.
type following struct {
	t      *testing.T
	f      *Follower
	cancel context.CancelFunc
	ended  chan error

	mu        sync.Mutex
	text      strings.Builder
	lines     int
	live      int // lines that came live
	prompt    int // lines that came as the file system told of them
	blocks    int
	largest   int
	positions Positions
}

// follow starts a follower; change sets what a test wants otherwise.
func follow(t *testing.T, path string, resume Positions, change func(*Options, *pace)) *following {
	t.Helper()
	g := &following{t: t, ended: make(chan error, 1)}
	o := Options{
		Source: Source{Kind: FileSource, Path: path},
		Resume: resume,
		Deliver: func(b Block, p Positions) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.text.Write(b.Lines)
			n := strings.Count(string(b.Lines), "\n")
			g.lines += n
			if b.Live {
				g.live += n
			}
			if b.Prompt {
				g.prompt += n
			}
			g.blocks++
			g.largest = max(g.largest, len(b.Lines))
			g.positions = p
			return nil
		},
	}
	p := quick
	if change != nil {
		change(&o, &p)
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.pace = p
	g.f = f
	g.positions = resume
	ctx, cancel := context.WithCancel(t.Context())
	g.cancel = cancel
	go func() { g.ended <- f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-g.ended; g.ended <- nil })
	return g
}

// stop ends the follower and gives its last positions.
func (g *following) stop() Positions {
	g.t.Helper()
	g.cancel()
	if err := <-g.ended; !errors.Is(err, context.Canceled) {
		g.t.Fatalf("it ended with %v", err)
	}
	g.ended <- nil
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.positions
}

func (g *following) got() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}

// until waits for something.
func (g *following) until(what string, is func() bool) {
	g.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			got := g.got()
			if len(got) > 200 {
				got = got[:100] + " … " + got[len(got)-100:]
			}
			g.t.Fatalf("never: %s; got %q, status %+v, positions %+v", what, got, g.f.Status(), g.positions)
		}
		time.Sleep(time.Millisecond)
	}
}

// sees waits until exactly this was delivered.
func (g *following) sees(want string) {
	g.t.Helper()
	g.until(fmt.Sprintf("%.100q", want), func() bool { return len(g.got()) >= len(want) })
	if got := g.got(); got != want {
		g.t.Fatalf("got %.200q, want %.200q", got, want)
	}
}

// atRest waits until the follower has nothing to do.
func (g *following) atRest() {
	g.t.Helper()
	g.until("following", func() bool { s := g.f.Status(); return s.State == Following && s.Behind == 0 })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func add(t *testing.T, path, content string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	must(t, err)
	_, err = file.WriteString(content)
	must(t, errors.Join(err, file.Close()))
}

func duplicate(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	must(t, err)
	create(t, to, string(content))
}

func logIn(t *testing.T) string {
	return filepath.Join(t.TempDir(), "node.log")
}

func TestFileIsFollowed(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\nha")
	g := follow(t, log, Positions{}, nil)
	g.atRest()
	add(t, log, "lf\none\n")
	g.sees("half\none\n")
	add(t, log, "two\nthr")
	g.sees("half\none\ntwo\n")
	add(t, log, "ee\n")
	g.sees("half\none\ntwo\nthree\n")
	g.mu.Lock()
	if g.live != 4 {
		t.Errorf("%d lines came live", g.live)
	}
	g.mu.Unlock()
	add(t, log, "un")
	resume := g.stop()
	add(t, log, "finished\nfour\n")
	g = follow(t, log, resume, nil)
	g.sees("unfinished\nfour\n")
}

func TestFileThatIsNotThereYet(t *testing.T) {
	log := filepath.Join(t.TempDir(), "not", "yet", "node.log")
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	g := follow(t, log, Positions{}, func(o *Options, _ *pace) { o.Watcher = watcher })
	g.until("waiting", func() bool {
		s := g.f.Status()
		return s.State == Waiting && strings.Contains(s.Trouble, "does not exist") && s.Mend != ""
	})
	must(t, os.MkdirAll(filepath.Dir(log), 0o755))
	create(t, log, "one\n")
	g.sees("one\n")
	g.atRest()
	if s := g.f.Status(); s.Trouble != "" {
		t.Errorf("trouble %q", s.Trouble)
	}
}

func TestFileIsRotated(t *testing.T) {
	cases := []struct {
		name string
		do   func(t *testing.T, log string)
		want string
	}{
		{"rename and create", func(t *testing.T, log string) {
			add(t, log, "two\n")
			must(t, os.Rename(log, log+".1"))
			create(t, log, "three\n")
		}, "one\ntwo\nthree\n"},
		{"rename, and the old one is written on", func(t *testing.T, log string) {
			must(t, os.Rename(log, log+".1"))
			add(t, log+".1", "two\n")
		}, "one\ntwo\n"},
		{"renamed twice between two looks", func(t *testing.T, log string) {
			add(t, log, "two\n")
			must(t, os.Rename(log, log+".1"))
			create(t, log, "three\n")
			must(t, os.Rename(log+".1", log+".2"))
			must(t, os.Rename(log, log+".1"))
			create(t, log, "four\n")
		}, "one\ntwo\nthree\nfour\n"},
		{"copied and truncated", func(t *testing.T, log string) {
			add(t, log, "two\n")
			duplicate(t, log, log+".1")
			must(t, os.Truncate(log, 0))
			add(t, log, "three\n")
		}, "one\ntwo\nthree\n"},
		{"truncated", func(t *testing.T, log string) {
			must(t, os.Truncate(log, 0))
			add(t, log, "two\n")
		}, "one\ntwo\n"},
		{"replaced by a shorter one", func(t *testing.T, log string) {
			create(t, log+".new", "2\n")
			must(t, os.Rename(log+".new", log))
		}, "one\n2\n"},
		{"replaced by a longer one", func(t *testing.T, log string) {
			create(t, log+".new", "another that is longer\nthree\n")
			must(t, os.Rename(log+".new", log))
		}, "one\nanother that is longer\nthree\n"},
		{"overwritten by a longer one", func(t *testing.T, log string) {
			create(t, log, "another that is longer\nthree\n")
		}, "one\nanother that is longer\nthree\n"},
		{"replaced by a longer version of itself", func(t *testing.T, log string) {
			create(t, log+".new", "zero\none\ntwo\n")
			must(t, os.Rename(log+".new", log))
		}, "one\ntwo\n"},
		{"deleted and made again", func(t *testing.T, log string) {
			must(t, os.Remove(log))
			create(t, log, "two\n")
		}, "one\ntwo\n"},
		{"its folder is deleted and made again", func(t *testing.T, log string) {
			must(t, os.RemoveAll(filepath.Dir(log)))
			must(t, os.MkdirAll(filepath.Dir(log), 0o755))
			create(t, log, "two\n")
		}, "one\ntwo\n"},
		{"its folder is moved and made again", func(t *testing.T, log string) {
			must(t, os.Rename(filepath.Dir(log), filepath.Dir(log)+"-old"))
			must(t, os.MkdirAll(filepath.Dir(log), 0o755))
			create(t, log, "two\n")
		}, "one\ntwo\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			watcher := NewWatcher()
			defer func() { _ = watcher.Close() }()
			log := filepath.Join(t.TempDir(), "logs", "node.log")
			must(t, os.MkdirAll(filepath.Dir(log), 0o755))
			create(t, log, "zero\n")
			g := follow(t, log, Positions{}, func(o *Options, _ *pace) { o.Watcher = watcher })
			g.atRest()
			add(t, log, "one\n")
			g.sees("one\n")
			c.do(t, log)
			g.sees(c.want)
			// Nothing comes twice, neither now nor after a restart.
			g.until("rest", func() bool { s := g.f.Status(); return s.State != CatchingUp && s.Behind == 0 })
			resume := g.stop()
			if got := g.got(); got != c.want {
				t.Errorf("got %q", got)
			}
			g = follow(t, log, resume, nil)
			g.until("a look", func() bool { return g.f.Status().State != Waiting || strings.Contains(c.name, "written on") })
			g.until("rest", func() bool { return g.f.Status().State != CatchingUp })
			add(t, log, "last\n")
			g.sees("last\n")
		})
	}
}

// After downtime nothing is lost of what any kind of rotation left.
func TestFileIsRotatedWhileNobodyFollows(t *testing.T) {
	cases := []struct {
		name string
		do   func(t *testing.T, log string)
		want []string
	}{
		{"grown", func(t *testing.T, log string) { add(t, log, "two\n") }, []string{"two"}},
		{"renamed", func(t *testing.T, log string) {
			add(t, log, "two\n")
			must(t, os.Rename(log, log+".1"))
			create(t, log, "three\n")
		}, []string{"two", "three"}},
		{"renamed twice, once compressed", func(t *testing.T, log string) {
			add(t, log, "two\n")
			compress(t, log, log+".2.gz")
			must(t, os.Remove(log))
			create(t, log+".1", "three\n")
			create(t, log, "four\n")
		}, []string{"two", "three", "four"}},
		{"with dates", func(t *testing.T, log string) {
			add(t, log, "two\n")
			compress(t, log, log+"-20261120.gz")
			must(t, os.Remove(log))
			create(t, log+"-20261121", "three\n")
			create(t, strings.TrimSuffix(log, ".log")+"-20261122.log", "four\n")
			create(t, log, "five\n")
		}, []string{"two", "three", "four", "five"}},
		{"copied and truncated", func(t *testing.T, log string) {
			add(t, log, "two\n")
			duplicate(t, log, log+".1")
			create(t, log, "three\n")
		}, []string{"two", "three"}},
		{"copied, and the copy compressed too", func(t *testing.T, log string) {
			add(t, log, "two\n")
			duplicate(t, log, log+".1")
			compress(t, log, log+".1.gz")
			create(t, log, "three\n")
		}, []string{"two", "three"}},
		{"moved to another file system", func(t *testing.T, log string) {
			add(t, log, "two\n")
			duplicate(t, log, log+"~")
			must(t, os.Rename(log+"~", log))
		}, []string{"two"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := logIn(t)
			create(t, log, "zero\n")
			g := follow(t, log, Positions{}, nil)
			g.atRest()
			add(t, log, "one\n")
			g.sees("one\n")
			resume := g.stop()
			c.do(t, log)
			g = follow(t, log, resume, nil)
			want := strings.Join(c.want, "\n") + "\n"
			g.until("as much", func() bool { return len(g.got()) >= len(want) })
			g.atRest()
			g.stop()
			got := strings.Fields(g.got())
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLongLinesAreCutAndCounted(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	g := follow(t, log, Positions{}, nil)
	g.atRest()
	long := strings.Repeat("x", 300<<10)
	add(t, log, "one\n"+long)
	g.sees("one\n")
	resume := g.stop() // within the line
	g = follow(t, log, resume, nil)
	g.until("a look", func() bool { return g.f.Status().State == Following })
	add(t, log, long)
	add(t, log, "\ntwo\n"+long+"\n")
	g.sees(long[:maxLine] + "\ntwo\n" + long[:maxLine] + "\n")
	if n := g.f.Status().LongLines; n != 2 {
		t.Errorf("%d long lines", n)
	}
}

// At the pace that users have, a line comes soon after it was written.
func TestLineComesSoon(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	g := follow(t, log, Positions{}, func(o *Options, p *pace) { o.Watcher, *p = watcher, defaultPace })
	g.atRest()
	var took []time.Duration
	want := ""
	for i := range 25 {
		line := fmt.Sprintf("%d\n", i)
		want += line
		begun := time.Now()
		add(t, log, line)
		g.sees(want)
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 200*time.Millisecond {
		t.Errorf("the median is %s", median)
	}
	t.Logf("median %s, longest %s", took[len(took)/2], took[len(took)-1])
}

// When a line came is known where the file system tells of it, and not where it is found at
// the next look: a second later is no arrival.
func TestLinesThatArePrompt(t *testing.T) {
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	for name, c := range map[string]struct {
		watcher *Watcher
		fast    time.Duration
		want    int
	}{
		"told":       {watcher, time.Hour, 2},
		"looked for": {nil, 10 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			log := logIn(t)
			create(t, log, "before\n")
			g := follow(t, log, Positions{}, func(o *Options, p *pace) { o.Watcher, p.fast, p.slow = c.watcher, c.fast, c.fast })
			g.atRest()
			add(t, log, "one\n")
			g.sees("one\n")
			add(t, log, "two\n")
			g.sees("one\ntwo\n")
			g.stop()
			if g.live != 2 || g.prompt != c.want {
				t.Errorf("%d lines came live, and %d promptly, want %d", g.live, g.prompt, c.want)
			}
		})
	}
}

func TestDeliverThatFailsEndsTheFollower(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	full := errors.New("the disk is full")
	f, err := New(Options{Source: Source{Path: log}, Backfill: -1, Deliver: func(Block, Positions) error { return full }})
	must(t, err)
	if err := f.Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	fine := func(Block, Positions) error { return nil }
	for says, o := range map[string]Options{
		"deliver":     {Source: Source{Path: "x"}},
		"a path":      {Deliver: fine},
		"host:port":   {Source: Source{Kind: TCPSource}, Deliver: fine},
		"container":   {Source: Source{Kind: DockerSource}, Deliver: fine},
		"of kind 200": {Source: Source{Kind: 200}, Deliver: fine},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
