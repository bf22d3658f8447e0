package logsource

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// nodeWriter writes numbered lines as fast as it can, in writes of one line up to many, as
// a node does: with O_APPEND, to whatever it opened.
type nodeWriter struct {
	t    *testing.T
	path string

	mu      sync.Mutex // held for each write, and by rotations that want it to pause
	file    *os.File
	written int
	limit   int // so that a slow rotation does not get ever more to do
	end     bool
	ended   chan struct{}
}

func startWriter(t *testing.T, path string) *nodeWriter {
	t.Helper()
	w := &nodeWriter{t: t, path: path, limit: linesARound, ended: make(chan struct{})}
	w.reopen()
	go w.run()
	return w
}

// linesARound is how many lines are written between two rotations, at most.
const linesARound = 4_000

// goOn lets the writer write as much again.
func (w *nodeWriter) goOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = w.written + linesARound
}

// reopen is the restart of a node.
func (w *nodeWriter) reopen() {
	if w.file != nil {
		_ = w.file.Close()
	}
	file, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.file = file
}

func (w *nodeWriter) run() {
	defer close(w.ended)
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for {
		w.mu.Lock()
		if w.end {
			w.mu.Unlock()
			return
		}
		if w.written >= w.limit {
			w.mu.Unlock()
			time.Sleep(time.Millisecond)
			continue
		}
		b.Reset()
		for range 1 + random.IntN(300) {
			fmt.Fprintf(&b, "%d %s\n", w.written, strings.Repeat("x", random.IntN(300)))
			w.written++
		}
		text := b.String()
		if cut := random.IntN(len(text)); random.IntN(4) == 0 { // in two halves
			_, _ = io.WriteString(w.file, text[:cut])
			text = text[cut:]
		}
		if _, err := io.WriteString(w.file, text); err != nil {
			w.t.Error(err)
		}
		w.mu.Unlock()
		time.Sleep(time.Duration(random.IntN(200)) * time.Microsecond)
	}
}

func (w *nodeWriter) stop() int {
	w.mu.Lock()
	w.end = true
	w.mu.Unlock()
	<-w.ended
	_ = w.file.Close()
	return w.written
}

// shift renames log.1 to log.2 and so on.
func shift(t *testing.T, log, ending string) {
	t.Helper()
	last := 1
	for ; ; last++ {
		if _, err := os.Stat(fmt.Sprintf("%s.%d%s", log, last, ending)); err != nil {
			break
		}
	}
	for ; last > 1; last-- {
		must(t, os.Rename(fmt.Sprintf("%s.%d%s", log, last-1, ending), fmt.Sprintf("%s.%d%s", log, last, ending)))
	}
}

// tally counts how often each numbered line came.
type tally struct {
	mu    sync.Mutex
	seen  []uint8
	count int
	bad   []string
}

func (c *tally) hear(lines []byte) {
	scanner := bufio.NewScanner(strings.NewReader(string(lines)))
	c.mu.Lock()
	defer c.mu.Unlock()
	for scanner.Scan() {
		number, _, _ := strings.Cut(scanner.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n > 1e8 {
			c.bad = append(c.bad, scanner.Text())
			continue
		}
		for len(c.seen) <= n {
			c.seen = append(c.seen, make([]uint8, n+1)...)
		}
		c.seen[n]++
		c.count++
	}
}

func (c *tally) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// missing are how many of the lines did not come; what came more than once is an error.
func (c *tally) missing(t *testing.T, written int) int {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bad) > 0 {
		t.Errorf("%d odd lines, the first %q", len(c.bad), c.bad[0])
	}
	missing, twice := 0, 0
	first := -1
	for n := range written {
		switch {
		case n >= len(c.seen) || c.seen[n] == 0:
			if missing++; first < 0 {
				first = n
			}
		case c.seen[n] > 1:
			twice++
		}
	}
	if twice > 0 {
		t.Errorf("%d of %d lines came more than once", twice, written)
	}
	if missing > 0 {
		t.Logf("%d of %d lines are missing, the first is %d", missing, written, first)
	}
	return missing
}

// Whatever rotates a log under a node that writes at full speed, and whenever the follower
// is ended and begun again: every line comes once.
func TestRotationUnderLoad(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 8
	}
	cases := []struct {
		name   string
		rotate func(t *testing.T, w *nodeWriter) (lost int)
	}{
		{"rename, and the node is restarted", func(t *testing.T, w *nodeWriter) int {
			shift(t, w.path, "")
			must(t, os.Rename(w.path, w.path+".1"))
			w.mu.Lock()
			w.reopen()
			w.mu.Unlock()
			return 0
		}},
		{"rename and create, and the node is restarted later", func(t *testing.T, w *nodeWriter) int {
			shift(t, w.path, "")
			must(t, os.Rename(w.path, w.path+".1"))
			create(t, w.path, "")
			time.Sleep(5 * time.Millisecond)
			w.mu.Lock()
			w.reopen()
			w.mu.Unlock()
			return 0
		}},
		{"copytruncate while the node pauses", func(t *testing.T, w *nodeWriter) int {
			shift(t, w.path, "")
			w.mu.Lock()
			defer w.mu.Unlock()
			must(t, copyInPieces(w.path, w.path+".1"))
			must(t, os.Truncate(w.path, 0))
			return 0
		}},
		{"copytruncate", func(t *testing.T, w *nodeWriter) int {
			shift(t, w.path, "")
			// What is written after the copy's last byte, and before the truncation, is gone.
			w.mu.Lock()
			before := w.written
			w.mu.Unlock()
			must(t, copyInPieces(w.path, w.path+".1"))
			must(t, os.Truncate(w.path, 0))
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.written - before
		}},
		{"copytruncate and compress", func(t *testing.T, w *nodeWriter) int {
			shift(t, w.path, ".gz")
			w.mu.Lock()
			must(t, copyInPieces(w.path, w.path+".1"))
			must(t, os.Truncate(w.path, 0))
			w.mu.Unlock()
			compress(t, w.path+".1", w.path+".1.gz~")
			must(t, os.Rename(w.path+".1.gz~", w.path+".1.gz"))
			must(t, os.Remove(w.path+".1"))
			return 0
		}},
		{"with a date, and the node is restarted", func(t *testing.T, w *nodeWriter) int {
			w.mu.Lock()
			defer w.mu.Unlock()
			must(t, os.Rename(w.path, fmt.Sprintf("%s-%d", w.path, time.Now().UnixNano())))
			w.reopen()
			return 0
		}},
		{"a link is switched", func(t *testing.T, w *nodeWriter) int {
			name := fmt.Sprintf("%s-%d", w.path, time.Now().UnixNano())
			create(t, name, "")
			must(t, os.Symlink(filepath.Base(name), w.path+"~"))
			w.mu.Lock()
			defer w.mu.Unlock()
			must(t, os.Rename(w.path+"~", w.path))
			w.reopen()
			return 0
		}},
	}
	for _, c := range cases {
		for _, restarts := range []bool{false, true} {
			name := c.name
			if restarts {
				name += ", restarts"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				watcher := NewWatcher()
				defer func() { _ = watcher.Close() }()
				log := logIn(t)
				if c.name == "a link is switched" {
					create(t, log+"-20260101", "")
					must(t, os.Symlink(filepath.Base(log+"-20260101"), log))
				}
				var c2 tally
				begin := func(resume Positions) *following {
					return follow(t, log, resume, func(o *Options, _ *pace) {
						o.Watcher = watcher
						keep := o.Deliver
						o.Deliver = func(b Block, p Positions) error {
							c2.hear(b.Lines)
							b.Lines = nil
							return keep(b, p)
						}
					})
				}
				g := begin(Positions{})
				g.until("a look", func() bool {
					return g.f.Status().State != "" && g.f.Status().Trouble != "" || g.f.Status().State == Following
				})
				w := startWriter(t, log)
				// Before the first line is kept somewhere, a restart is a first start.
				g.until("lines", func() bool { return c2.total() > 0 })
				lost := 0
				random := rand.New(rand.NewPCG(3, 4))
				for range rounds {
					time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
					w.goOn()
					lost += c.rotate(t, w)
					if restarts && random.IntN(3) == 0 {
						g = begin(g.stop())
					}
				}
				written := w.stop()
				for end := time.Now().Add(20 * time.Second); c2.total() < written && time.Now().Before(end); {
					if lost > 0 && c2.total() >= written-lost && g.f.Status().Behind == 0 {
						time.Sleep(300 * time.Millisecond) // nothing tells that no more comes
						break
					}
					time.Sleep(time.Millisecond)
				}
				g.stop()
				missing := c2.missing(t, written)
				if missing > lost {
					t.Errorf("%d of %d lines are missing, at most %d were lost by the rotation", missing, written, lost)
				}
				t.Logf("%d lines, %d missing of at most %d", written, missing, lost)
			})
		}
	}
}

// copyInPieces copies as logrotate does.
func copyInPieces(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	_, err = io.CopyBuffer(struct{ io.Writer }{target}, struct{ io.Reader }{source}, make([]byte, 16<<10))
	return err
}
