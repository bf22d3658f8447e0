package fleet

import (
	"context"
	"sync"
)

// guard keeps apart those who add to one history. When a node's settings change, its old worker
// may still be at work while the new one begins.
type guard struct {
	// recording is held while a concern reads what is stored and adds to it: a poll and the log
	// do so side by side.
	recording sync.Mutex
	// hearing holds one thing while nobody reads lines into the history. Who does has it until
	// the last line's position is recorded, so that the next begins there.
	hearing chan struct{}
}

// guardOf is the guard of a history.
func (f *Fleet) guardOf(history string) *guard {
	f.guarding.Lock()
	defer f.guarding.Unlock()
	g := f.guards[history]
	if g == nil {
		g = &guard{hearing: make(chan struct{}, 1)}
		g.hearing <- struct{}{}
		f.guards[history] = g
	}
	return g
}

// hear waits until nobody else reads lines into the history; false: the context ended before.
func (g *guard) hear(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-g.hearing:
		return true
	}
}

func (g *guard) heard() { g.hearing <- struct{}{} }
