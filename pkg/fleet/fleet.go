// Package fleet runs what one data source watches: a worker for each node that
// finds its API and polls it, the store that keeps what they learn, and the
// registry that keeps all fleets of the process alive, whatever Grafana does to
// its plugin instances.
//
// It knows nodes, schedules and the concerns. It does not know how Grafana asks,
// nor what a score means.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// concerns is the registry: a new concern is one line here.
var concerns = []concern.Concern{
	reputation.Concern{},
}

// lockRetry is the pause between two tries to take a store that another process
// holds.
const lockRetry = 2 * time.Second

func stack() string { return string(debug.Stack()) }

// Fleet is the running watch of one data source. Its methods are safe for
// concurrent use, and it may be asked whatever state it is in.
type Fleet struct {
	key    Key
	dir    string // "" keeps everything in memory
	now    func() time.Time
	log    log.Logger
	keeper *keeper

	// identifying is held while a node's history is chosen, so that no two choose
	// the same.
	identifying sync.Mutex

	mu       sync.Mutex // guards everything below
	settings settings.Settings
	report   settings.Report
	running  bool
	ctx      context.Context
	cancel   context.CancelFunc
	workers  map[string]*worker // by node name
	opened   chan struct{}      // closed when the first try to open the store is over
	opening  chan struct{}      // closed when no more tries are made
	store    *store.Store
	storeErr error
}

func newFleet(key Key, dir string, now func() time.Time, logger log.Logger) *Fleet {
	return &Fleet{
		key: key, dir: dir, now: now,
		log:     logger.With("org", key.Org, "datasource", key.UID),
		keeper:  newKeeper(dir),
		workers: map[string]*worker{},
	}
}

func (f *Fleet) currentSettings() settings.Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings
}

// Settings are those that the fleet runs with, and what could not be used.
func (f *Fleet) Settings() (settings.Settings, settings.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings, f.report
}

func (f *Fleet) isConfigured(name string) bool {
	for _, node := range f.currentSettings().Nodes {
		if node.Name == name {
			return true
		}
	}
	return false
}

// configure gives the fleet new settings and starts it if it does not run. A node
// whose settings did not change is not interrupted.
func (f *Fleet) configure(s settings.Settings, report settings.Report) {
	f.mu.Lock()
	before := f.settings
	f.settings, f.report = s, report
	var ended []*worker
	if !f.running {
		f.startLocked()
	} else if f.store != nil {
		ended = f.reconcileLocked(before)
	}
	f.mu.Unlock()
	waitFor(ended)
}

// startLocked opens the store in the background and starts the workers when it
// is open.
func (f *Fleet) startLocked() {
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.running = true
	f.opened, f.opening = make(chan struct{}), make(chan struct{})
	go f.open(f.ctx, f.opened, f.opening)
}

func (f *Fleet) open(ctx context.Context, opened, opening chan struct{}) {
	defer close(opening)
	first := true
	for {
		opened, err := f.tryOpen(ctx, opened, first)
		if opened {
			return
		}
		if first && err != nil {
			f.log.Error("the store cannot be opened, it is tried again", "error", err)
		}
		first = false
		if !wait(ctx, lockRetry) {
			return
		}
	}
}

func (f *Fleet) tryOpen(ctx context.Context, opened chan struct{}, first bool) (done bool, err error) {
	if first {
		defer close(opened)
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("opening the store failed: %v", cause)
			f.log.Error("opening the store failed, it is tried again", "cause", cause, "stack", stack())
			f.mu.Lock()
			f.storeErr = err
			f.mu.Unlock()
		}
	}()
	opening, err := store.Open(store.Options{
		Dir: f.dir, Now: f.now,
		Report: func(message string) { f.log.Error(message) },
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.storeErr = err
	var newer *store.NewerFormatError
	switch {
	case errors.As(err, &newer):
		return true, err // waiting does not mend it
	case err != nil:
		return false, err
	case ctx.Err() != nil:
		return true, opening.Close()
	}
	f.store = opening
	f.reconcileLocked(f.settings)
	return true, nil
}

// reconcileLocked starts, changes and stops workers until they are those of the
// settings. It answers the workers that were told to stop.
func (f *Fleet) reconcileLocked(before settings.Settings) (ended []*worker) {
	restartAll := pollingChanged(before, f.settings)
	wanted := map[string]settings.Node{}
	for _, node := range f.settings.Nodes {
		wanted[node.Name] = node
	}
	for name, w := range f.workers {
		node, ok := wanted[name]
		current := w.currentNode()
		if ok && !restartAll && node.API == current.API && node.Log == current.Log && node.Key == current.Key {
			w.mu.Lock()
			w.node = node
			w.mu.Unlock()
			continue
		}
		w.cancel()
		ended = append(ended, w)
		delete(f.workers, name)
	}
	for name, node := range wanted {
		if f.workers[name] != nil {
			continue
		}
		w := newWorker(f, node)
		ctx, cancel := context.WithCancel(f.ctx)
		w.cancel = cancel
		f.workers[name] = w
		// A worker that takes another's place starts when that one has ended.
		go func(previous []*worker) {
			waitFor(previous)
			w.run(ctx)
		}(ended)
	}
	return ended
}

// pollingChanged says whether a change concerns every node's requests.
func pollingChanged(a, b settings.Settings) bool {
	return a.APIPort != b.APIPort || a.InteractiveTimeout != b.InteractiveTimeout || a.BackgroundTimeout != b.BackgroundTimeout ||
		a.AllowRemoteAPI != b.AllowRemoteAPI || a.Poll != b.Poll
}

func waitFor(workers []*worker) {
	for _, w := range workers {
		<-w.done
	}
}

// touch notes that somebody asks, and starts the fleet if it had stopped because
// nobody did.
func (f *Fleet) touch() {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.running {
		f.log.Info("somebody asks again: collecting starts")
		f.startLocked()
	}
	if err := f.keeper.asked(f.key, f.settings, now); err != nil {
		f.log.Error("the fleet's configuration could not be kept: after a restart it waits for the first request", "error", err)
	}
}

// idle says whether nobody has asked for longer than the settings allow.
func (f *Fleet) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running && f.now().Sub(f.keeper.lastAsked()) > f.settings.IdleStop
}

// stop ends all work. What was recorded is committed.
func (f *Fleet) stop() error {
	f.mu.Lock()
	if !f.running {
		f.mu.Unlock()
		return nil
	}
	f.cancel()
	var ended []*worker
	for name, w := range f.workers {
		ended = append(ended, w)
		delete(f.workers, name)
	}
	opening := f.opening
	f.mu.Unlock()

	<-opening
	waitFor(ended)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = false
	closing := f.store
	f.store = nil
	if closing == nil {
		return nil
	}
	return closing.Close()
}

// openStore waits until the store is open or cannot be opened, and answers it.
func (f *Fleet) openStore(ctx context.Context) (*store.Store, error) {
	f.touch()
	f.mu.Lock()
	opened := f.opened
	f.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("the store in %s is still being opened: %w", f.dir, ctx.Err())
	case <-opened:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store == nil {
		if f.storeErr == nil {
			return nil, errors.New("the store is closed")
		}
		return nil, f.storeErr
	}
	return f.store, nil
}

// Statuses are the fleet's nodes in the operator's order.
func (f *Fleet) Statuses() []Status {
	f.mu.Lock()
	nodes, patience := f.settings.Nodes, f.settings.InteractiveTimeout
	workers := make([]*worker, len(nodes))
	for i, node := range nodes {
		workers[i] = f.workers[node.Name]
	}
	f.mu.Unlock()
	statuses := make([]Status, len(nodes))
	for i, w := range workers {
		if w == nil { // the store is not open yet
			statuses[i] = Status{Name: nodes[i].Name, Key: nodes[i].Key, State: Connecting}
			continue
		}
		statuses[i] = w.status(patience)
	}
	return statuses
}

// watched are the fleet's nodes for the concerns, in the operator's order.
func (f *Fleet) watched() []concern.Watched {
	f.mu.Lock()
	nodes, patience := f.settings.Nodes, f.settings.InteractiveTimeout
	workers := make([]*worker, len(nodes))
	for i, node := range nodes {
		workers[i] = f.workers[node.Name]
	}
	f.mu.Unlock()
	var all []concern.Watched
	for _, w := range workers {
		if w == nil {
			continue
		}
		status := w.status(patience)
		all = append(all, concern.Watched{Node: w.asConcern(), Since: status.Started, Trouble: status.Trouble()})
	}
	return all
}
