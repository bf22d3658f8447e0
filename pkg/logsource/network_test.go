package logsource_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

// delivered is what a follower delivered, and the positions after it.
type delivered struct {
	mu        sync.Mutex
	lines     []string
	arrivals  []time.Time
	live      []bool // of each line
	blocks    int
	positions logsource.Positions
	refuse    error // what Deliver answers
}

func (d *delivered) take(b logsource.Block, p logsource.Positions) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		return d.refuse
	}
	lines := strings.SplitAfter(string(b.Lines), "\n")
	lines = lines[:len(lines)-1]
	for _, line := range lines {
		d.lines = append(d.lines, strings.TrimSuffix(line, "\n"))
		d.live = append(d.live, b.Live)
	}
	if len(b.Arrivals) != len(lines) {
		return errors.New("not every line has an arrival")
	}
	d.arrivals = append(d.arrivals, b.Arrivals...)
	d.positions = p
	d.blocks++
	return nil
}

func (d *delivered) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

func (d *delivered) at() logsource.Positions {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.positions
}

// followed is a follower that runs.
type followed struct {
	*logsource.Follower
	*delivered
	t    *testing.T
	end  context.CancelFunc
	done chan error
	once sync.Once
	err  error
}

// followNetwork runs a hastened follower until the test ends, or stop is called.
func followNetwork(t *testing.T, o logsource.Options, into *delivered) *followed {
	t.Helper()
	o.Deliver = into.take
	follower, err := logsource.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	f := &followed{Follower: logsource.Hasten(follower), delivered: into, t: t, end: end, done: make(chan error, 1)}
	go func() { f.done <- follower.Run(ctx) }()
	t.Cleanup(func() { _ = f.stop() })
	return f
}

// stop ends the follower, and fails where it leaves a goroutine.
func (f *followed) stop() error {
	f.t.Helper()
	f.once.Do(func() {
		f.end()
		select {
		case f.err = <-f.done:
		case <-time.After(20 * time.Second):
			f.t.Error("Run does not end")
			return
		}
		left := ""
		if !soon(func() bool { left = leftRunning(); return left == "" }) {
			f.t.Errorf("still running after Run:\n%s", left)
		}
	})
	return f.err
}

// leftRunning is the first goroutine that belongs to a follower.
func leftRunning() string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		for _, its := range []string{"logsource.(*Follower)", "logsource.(*docker", "net/http.(*persistConn)", "moby/client"} {
			if strings.Contains(stack, its) && !strings.Contains(stack, "leftRunning") {
				return stack
			}
		}
	}
	return ""
}

// soon waits until a condition holds.
func soon(holds func() bool) bool {
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			return holds()
		case <-tick.C:
		}
	}
	return true
}

// await fails where a condition never holds.
func (f *followed) await(what string, holds func() bool) {
	f.t.Helper()
	if !soon(holds) {
		f.t.Fatalf("never: %s; status %+v; %d lines", what, f.Status(), len(f.all()))
	}
}

func (f *followed) awaitLines(want ...string) {
	f.t.Helper()
	f.await("the lines "+strings.Join(want, ", "), func() bool { return len(f.all()) >= len(want) })
	got := f.all()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		f.t.Fatalf("lines %q, want %q", got, want)
	}
}

func (f *followed) awaitState(state logsource.State) {
	f.t.Helper()
	f.await("the state "+string(state), func() bool { return f.Status().State == state })
}

func (f *followed) awaitTrouble(part string) logsource.Status {
	f.t.Helper()
	f.await("the trouble "+part, func() bool { return strings.Contains(f.Status().Trouble, part) })
	return f.Status()
}
