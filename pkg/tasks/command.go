package tasks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// sign of life: a command that has said nothing for this long is reported to be still running.
const quietFor = 15 * time.Second

// command is a tool to run. Its output goes to the operator while it runs.
type command struct {
	out  io.Writer
	name string // what to call it while it is quiet; default: the first two words
	dir  string
	env  []string
	// keep receives a copy of the output.
	keep *bytes.Buffer
	// compiles says that the tool is `go … -v`, whose list of packages is counted rather than shown.
	compiles bool
}

// run runs a tool until it ends, or stops it and what it started when the context ends.
func (c command) run(ctx context.Context, tool string, args ...string) error {
	if c.out == nil {
		c.out = os.Stdout
	}
	if c.name == "" {
		c.name = strings.Join(append([]string{tool}, args[:min(1, len(args))]...), " ")
	}
	executable, err := exec.LookPath(tool)
	if err != nil {
		return fmt.Errorf("%s is not installed: %w", tool, err)
	}
	cmd := exec.CommandContext(ctx, executable, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	ownGroup(cmd)
	cmd.Cancel = func() error { return terminateGroup(cmd) }
	cmd.WaitDelay = 5 * time.Second // then killed, and its pipes closed

	heart := newHeartbeat(c.out, c.name, c.compiles)
	defer heart.stop()
	var out io.Writer = heart
	if c.keep != nil {
		out = io.MultiWriter(heart, c.keep)
	}
	cmd.Stdout, cmd.Stderr = out, out // one writer: os/exec then uses one pipe, and lines keep their order
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: interrupted", c.name)
		}
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// packageLine is a line of `go build -v`: the path of the package that is compiled next.
var packageLine = regexp.MustCompile(`^[a-zA-Z0-9_.~-]+(/[a-zA-Z0-9_.~-]+)*$`)

// heartbeat passes output on, counts compiled packages instead of listing them, and says that a quiet command lives.
type heartbeat struct {
	name     string
	compiles bool
	began    time.Time
	done     chan struct{}
	ended    chan struct{}

	mu       sync.Mutex
	out      io.Writer
	partial  []byte // a line that has no end yet
	last     time.Time
	compiled int
}

func newHeartbeat(out io.Writer, name string, compiles bool) *heartbeat {
	now := time.Now()
	h := &heartbeat{name: name, compiles: compiles, began: now, last: now, out: out, done: make(chan struct{}), ended: make(chan struct{})}
	go h.beat()
	return h
}

func (h *heartbeat) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partial = append(h.partial, p...)
	for {
		end := bytes.IndexByte(h.partial, '\n')
		if end < 0 {
			return len(p), nil
		}
		line := h.partial[:end+1]
		h.partial = h.partial[end+1:]
		if h.compiles && packageLine.Match(bytes.TrimRight(line, "\r\n")) {
			h.compiled++
			continue
		}
		h.last = time.Now()
		if _, err := h.out.Write(line); err != nil {
			return 0, err
		}
	}
}

func (h *heartbeat) beat() {
	defer close(h.ended)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-h.done:
			return
		case now := <-ticker.C:
			h.mu.Lock()
			if now.Sub(h.last) >= quietFor {
				h.last = now
				compiled := ""
				if h.compiled > 0 {
					compiled = fmt.Sprintf(", %d packages compiled", h.compiled)
				}
				fmt.Fprintf(h.out, "  … %s: %s%s\n", h.name, seconds(now.Sub(h.began)), compiled)
			}
			h.mu.Unlock()
		}
	}
}

func (h *heartbeat) stop() {
	close(h.done)
	<-h.ended
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.partial) > 0 {
		_, _ = h.out.Write(append(h.partial, '\n'))
	}
}
