package store

import (
	"context"
	"fmt"
	"time"
)

// run commits, seals and compacts until Close.
func (s *Store) run(ctx context.Context) {
	defer close(s.stopped)
	if s.options.FlushInterval < 0 {
		return
	}
	last := time.Now()
	timer := time.NewTimer(s.limits.Load().FlushInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.limitsSet:
		case <-timer.C:
			s.guardedTick(ctx)
			last = time.Now()
		}
		timer.Reset(time.Until(last.Add(s.limits.Load().FlushInterval)))
	}
}

// guardedTick keeps a panic from ending the process; the next tick tries again.
func (s *Store) guardedTick(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			s.options.Report(fmt.Sprintf("an error in the plugin interrupted the upkeep of the store %s, it is tried again: %v", s.path, cause))
		}
	}()
	s.tick(ctx)
}

func (s *Store) tick(ctx context.Context) {
	if err := s.Flush(); err != nil {
		return // Flush has reported it, and tries again with the next tick
	}
	s.try(&s.syncing, fmt.Sprintf("the store %s is written, but not safely on its disk", s.path), s.syncWritten)
	if !s.due() {
		return
	}
	s.try(&s.rollingUp, fmt.Sprintf("rolling up the store %s failed", s.path), func() error { return s.RollUp(ctx) })
	s.try(&s.sealingUp, fmt.Sprintf("sealing the store %s failed", s.path), s.Seal)
}

func (s *Store) syncWritten() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.sync()
}

// due says whether commits wait for their sealing long enough, or are many, or take much
// memory: sealed, they take a small part of it.
func (s *Store) due() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.crowded() {
		return true
	}
	return s.sequence > s.sealed && (s.options.Now().Sub(s.sealedAt) >= s.limits.Load().SealInterval || s.sequence-s.sealed >= sealCommits)
}

// trouble is what upkeep failed to do. It is told once, and tried again after pauses that
// grow: a disk that is full or broken is not to be kept busy, nor the log.
type trouble struct {
	pause   time.Duration // 0: the last time went well
	until   time.Time
	message string // for health, guarded by the store's mu; "": the last time went well
}

const (
	shortestPause = 2 * time.Second
	longestPause  = 10 * time.Minute
)

func (s *Store) try(t *trouble, what string, do func() error) {
	if t.pause > 0 && time.Now().Before(t.until) {
		return
	}
	err := do()
	message := ""
	if err != nil {
		message = fmt.Sprintf("%s, it is tried again: %v", what, err)
	}
	s.mu.Lock()
	t.message = message
	s.mu.Unlock()
	if err == nil {
		t.pause = 0
		return
	}
	if t.pause == 0 {
		s.options.Report(message)
	}
	t.pause = min(max(shortestPause, 2*t.pause), longestPause)
	t.until = time.Now().Add(t.pause)
}
