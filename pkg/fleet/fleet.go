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
	"maps"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/capacity"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/heartbeat"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/journal"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/presence"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/upkeep"
)

// watching is the registry: a new concern is one line here.
var watching = []concern.Concern{
	reputation.Concern{},
	presence.Concern{},
	traffic.Concern{},
	journal.Concern{},
	upkeep.Concern{},
	latency.Concern{},
	capacity.Concern{},
}

// concerns are those, and what answers for the conditions that they raise.
var concerns = append(watching[:len(watching):len(watching)], conditions.NewConcern(judges()))

// limits of a store: the policies of every concern's families, and its memory.
func limits(s settings.Settings) store.Limits {
	all := map[string]store.Policy{}
	for _, c := range concerns {
		maps.Copy(all, c.Policies(s.Retention))
	}
	return store.Limits{
		Policies: all, EventRetention: s.Retention.Events, MemoryLimit: s.MemoryLimit,
		MaxFuture: s.Store.MaxFuture, MaxPast: s.Store.MaxPast, FlushInterval: s.Store.Flush, SealInterval: s.Store.Seal,
	}
}

// lockRetry is the pause between two tries to take a store that another process
// holds. Only tests change it.
var lockRetry = 2 * time.Second

func stack() string { return string(debug.Stack()) }

// Fleet is the running watch of one data source. Its methods are safe for
// concurrent use, and it may be asked whatever state it is in.
type Fleet struct {
	key     Key
	dir     string // "" keeps everything in memory
	now     func() time.Time
	log     log.Logger
	keeper  *keeper
	watcher *logsource.Watcher // of the process
	hub     *hub
	// judgeWake is told when something was recorded that conditions may depend on.
	judgeWake chan struct{}
	engine    *conditions.Engine
	judged    atomic.Int64 // when the conditions were last judged, in nanoseconds
	heartbeat *heartbeat.Heartbeat
	panics    atomic.Int64 // of the watch over its nodes

	guarding sync.Mutex // guards guards
	guards   map[string]*guard

	working sync.WaitGroup // the workers, those that were told to stop included

	mu       sync.Mutex // guards everything below, and the choice of histories
	settings settings.Settings
	report   settings.Report
	saved    time.Time // when the settings were saved; zero: not known
	// configured is when they came here.
	configured time.Time
	running    bool
	began      time.Time     // when collecting last began
	stopping   chan struct{} // while it stops: closed when that is over
	again      bool          // somebody asked while it stopped: start again
	closed     bool          // for good
	ctx        context.Context
	cancel     context.CancelFunc
	workers    map[string]*worker // by node name
	opened     chan struct{}      // closed when the first try to open the store is over
	opening    chan struct{}      // closed when no more tries are made
	store      *store.Store
	storeErr   error
}

func newFleet(key Key, dir string, now func() time.Time, logger log.Logger, watcher *logsource.Watcher) *Fleet {
	f := &Fleet{
		key: key, dir: dir, now: now,
		log:       logger.With("org", key.Org, "datasource", key.UID),
		keeper:    newKeeper(dir),
		watcher:   watcher,
		hub:       newHub(),
		judgeWake: make(chan struct{}, 1),
		guards:    map[string]*guard{},
		workers:   map[string]*worker{},
	}
	f.engine = f.newEngine()
	f.heartbeat = f.newHeartbeat()
	return f
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

func (f *Fleet) isConfiguredLocked(name string) bool {
	for _, node := range f.settings.Nodes {
		if node.Name == name {
			return true
		}
	}
	return false
}

// staleSettings is for how long after a change Grafana's cache may still give the
// settings from before. Later, an older time means that a clock was set right.
const staleSettings = 30 * time.Second

// configure gives the fleet new settings and starts it if it does not run. A node
// whose settings did not change is not interrupted.
func (f *Fleet) configure(s settings.Settings, report settings.Report, saved time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if since := now.Sub(f.configured); saved.Before(f.saved) && since >= 0 && since < staleSettings {
		f.log.Debug("settings from before the last change were left alone", "saved", saved)
		return
	}
	f.saved, f.configured = saved, now
	before := f.settings
	f.settings, f.report = s, report
	f.keeper.changed()
	switch {
	case !f.running:
		f.beginLocked()
	case f.store != nil:
		f.store.SetLimits(limits(s))
		f.reconcileLocked(before)
	}
}

// resume is configure with what an earlier run kept.
func (f *Fleet) resume(last kept, s settings.Settings, report settings.Report) {
	f.keeper.resume(last)
	f.configure(s, report, time.Time{})
}

// beginLocked starts a fleet that does not run, once it has stopped.
func (f *Fleet) beginLocked() {
	switch {
	case f.closed:
	case f.stopping != nil:
		f.again = true
	default:
		f.startLocked()
	}
}

// startLocked opens the store in the background and starts the workers when it
// is open.
func (f *Fleet) startLocked() {
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.running, f.again, f.began = true, false, f.now()
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
		Dir: f.dir, Now: f.now, Limits: limits(f.currentSettings()),
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
	f.store.SetLimits(limits(f.settings)) // they may have changed meanwhile
	f.reconcileLocked(f.settings)
	f.working.Go(func() { f.stream(ctx) })
	f.working.Go(func() { f.judge(ctx) })
	f.working.Go(func() { f.beat(ctx) })
	return true, nil
}

// reconcileLocked starts, changes and stops workers until they are those of the
// settings. It does not wait for those that it stops: one may hang in a file
// system, and their requests are given up.
func (f *Fleet) reconcileLocked(before settings.Settings) {
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
			if w.stopListening != nil && (node.Thresholds != current.Thresholds || !maps.Equal(node.MutedSatellites, current.MutedSatellites)) {
				w.stopListening() // what hears the log knew the old ones: it begins anew
			}
			w.mu.Unlock()
			continue
		}
		w.cancel()
		delete(f.workers, name)
	}
	for _, node := range f.settings.Nodes {
		if f.workers[node.Name] == nil {
			f.launchLocked(node)
		}
	}
}

// launchLocked starts a worker. What is stored of its node is there at once, so
// that a question after a restart finds it.
func (f *Fleet) launchLocked(node settings.Node) {
	w := newWorker(f, node)
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(f.ctx)
	f.workers[node.Name] = w
	w.recallLocked()
	f.working.Go(func() { w.run(ctx) })
	if node.Log.Kind != settings.NoLog {
		f.working.Go(func() { w.listen(ctx) })
	}
}

// pollingChanged says whether a change concerns every node's requests.
func pollingChanged(a, b settings.Settings) bool {
	return a.APIPort != b.APIPort || a.InteractiveTimeout != b.InteractiveTimeout || a.BackgroundTimeout != b.BackgroundTimeout ||
		a.AllowRemoteAPI != b.AllowRemoteAPI || a.Poll != b.Poll
}

// touch notes that somebody asks, and starts the fleet if it had stopped because
// nobody did.
func (f *Fleet) touch() {
	f.mu.Lock()
	closed, current := f.closed, f.settings
	if !closed && !f.running {
		f.log.Info("somebody asks again: collecting starts")
		f.beginLocked()
	}
	f.mu.Unlock()
	if closed {
		return
	}
	if err := f.keeper.asked(f.key, current, f.now()); err != nil {
		f.log.Error("the fleet's configuration could not be kept: after a restart it waits for the first request", "error", err)
	}
}

// idle says whether nobody has asked for longer than the settings allow.
func (f *Fleet) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running && f.now().Sub(f.keeper.lastAsked()) > f.settings.IdleStop
}

// stop ends all work. What was recorded is committed. Somebody who asks meanwhile
// starts it again when it is over.
func (f *Fleet) stop() error {
	f.mu.Lock()
	for f.stopping != nil {
		other := f.stopping
		f.mu.Unlock()
		<-other
		f.mu.Lock()
	}
	if !f.running {
		f.mu.Unlock()
		return nil
	}
	f.running = false
	f.stopping = make(chan struct{})
	f.cancel()
	f.workers = map[string]*worker{}
	opening := f.opening
	f.mu.Unlock()

	<-opening
	f.working.Wait()
	f.mu.Lock()
	closing := f.store
	f.store = nil
	f.mu.Unlock()
	var err error
	if closing != nil {
		err = closing.Close()
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.stopping)
	f.stopping = nil
	if f.again {
		f.beginLocked()
	}
	return err
}

// close ends all work for good.
func (f *Fleet) close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	return f.stop()
}

// openStore waits until the store is open or cannot be opened, and answers it.
func (f *Fleet) openStore(ctx context.Context) (*store.Store, error) {
	f.touch()
	for {
		f.mu.Lock()
		ready, stopping := f.opened, f.stopping
		f.mu.Unlock()
		if stopping != nil {
			ready = stopping
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the store in %s is still being opened: %w", f.dir, ctx.Err())
		case <-ready:
		}
		if opened, err, ok := f.storeAfter(ready); ok {
			return opened, err
		}
	}
}

// storeAfter is the store, once ready was waited for; ok is false if there is
// something else to wait for by now.
func (f *Fleet) storeAfter(ready chan struct{}) (opened *store.Store, err error, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.store != nil:
		return f.store, nil, true
	case f.closed:
		return nil, errors.New("the plugin is shutting down: the store is closed"), true
	case f.stopping != nil || f.running && f.opened != ready:
		return nil, nil, false
	case !f.running: // it stopped after this question had been noted
		f.beginLocked()
		return nil, nil, false
	}
	return nil, f.storeErr, true
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
			statuses[i] = Status{Name: nodes[i].Name, Key: nodes[i].Key, State: concern.Connecting}
			continue
		}
		statuses[i] = w.status(patience)
		statuses[i].LogSettled = w.logSettled()
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
		watched := concern.Watched{
			Node: w.asConcern(), Since: status.Started, Trouble: status.Trouble(),
			State: status.State, StateSince: status.Since, Endpoint: status.Endpoint, Answered: status.LastSuccess, Facts: status.Facts,
			WrongPair: w.wrongPair(),
		}
		w.describeLog(&watched)
		all = append(all, watched)
	}
	return all
}
