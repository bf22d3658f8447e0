package logsource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Follower reads one log as it is written, from whatever source. It is used once: New,
// Run, and meanwhile Status.
type Follower struct {
	o    Options
	pace pace

	// positions is where this follower is. It belongs to Run's goroutine alone, which
	// brings it up to date before each call of deliver.
	positions Positions

	mu sync.Mutex // guards everything below
	s  Status
}

// New makes a follower. Its error says which option is wrong.
func New(o Options) (*Follower, error) {
	switch {
	case o.Deliver == nil:
		return nil, errors.New("a follower needs somebody to deliver lines to")
	case o.Source.Kind == FileSource && o.Source.Path == "":
		return nil, errors.New("a log file needs a path")
	case o.Source.Kind == TCPSource && o.Source.Address == "":
		return nil, errors.New("a log forwarder needs an address, host:port")
	case o.Source.Kind == DockerSource && o.Source.Container == "":
		return nil, errors.New("a container's log needs the name of the container")
	case o.Source.Kind > DockerSource:
		return nil, fmt.Errorf("there is no source of kind %d", o.Source.Kind)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Follower{o: o, pace: defaultPace, positions: clonePositions(o.Resume)}
	f.s = Status{State: Connecting, Since: o.Now()}
	if o.Source.Kind == FileSource {
		f.s.State = Waiting
	}
	return f, nil
}

// Run follows the log until the context ends, whose error it returns, or Deliver fails.
// No trouble of the source ends it.
func (f *Follower) Run(ctx context.Context) error {
	switch f.o.Source.Kind {
	case TCPSource:
		return f.runTCP(ctx)
	case DockerSource:
		return f.runDocker(ctx)
	default:
		return f.runFile(ctx)
	}
}

// Status says how the follower is. It may be called at any time.
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.s
	s.Notices = slices.Clone(s.Notices)
	return s
}

// deliver hands over the next lines, with the positions as they are after them. A block
// without lines is delivered where a position has to be kept though nothing was read.
func (f *Follower) deliver(b Block) error {
	if b.Read.IsZero() {
		b.Read = f.o.Now()
	}
	if err := f.o.Deliver(b, clonePositions(f.positions)); err != nil {
		return err
	}
	if len(b.Lines) > 0 {
		f.mu.Lock()
		f.s.LastRead = b.Read
		f.mu.Unlock()
	}
	return nil
}

// setState says what the follower does now, and what hinders it and mends that, or "".
func (f *Follower) setState(state State, trouble, mend string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.s.State != state {
		f.s.State, f.s.Since = state, f.o.Now()
	}
	f.s.Trouble, f.s.Mend = trouble, mend
}

// update changes the status' other fields.
func (f *Follower) update(change func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.s)
}

// pause waits, or less long where the context ends, which it answers.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// clonePositions is a copy that its receiver may keep.
func clonePositions(p Positions) Positions {
	p.Docker = slices.Clone(p.Docker)
	p.Files = slices.Clone(p.Files)
	for i := range p.Files {
		p.Files[i].Gaps = slices.Clone(p.Files[i].Gaps)
	}
	return p
}
