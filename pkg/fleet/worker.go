package fleet

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	firstRetry = 5 * time.Second
	// discoveryRetry bounds the pause between two searches for an API.
	discoveryRetry = 5 * time.Minute
	// maxOffset bounds how far into its interval a node is polled.
	maxOffset = time.Minute
)

// worker watches one node: it finds its API and polls it, for ever.
type worker struct {
	fleet  *Fleet
	log    log.Logger
	cancel context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex // guards everything below
	node       settings.Node
	history    string
	facts      Facts
	identified bool // the history was confirmed by the node's id
	state      State
	since      time.Time
	started    time.Time
	endpoint   string
	asking     time.Time // when the request under way began, else zero
	success    time.Time
	failure    string
	failedAt   time.Time
	panics     int
}

func newWorker(f *Fleet, node settings.Node) *worker {
	now := f.now()
	return &worker{fleet: f, node: node, state: Connecting, since: now, started: now, done: make(chan struct{}), log: f.log.With("node", node.Name)}
}

func (w *worker) currentNode() settings.Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.node
}

// asConcern is the node as the concerns see it.
func (w *worker) asConcern() concern.Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return concern.Node{Node: w.node, History: w.history}
}

// status is the node's state; a request that is under way for longer than patience
// makes it slow.
func (w *worker) status(patience time.Duration) Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{
		Name: w.node.Name, Key: w.node.Key,
		State: w.state, Since: w.since, Started: w.started,
		Endpoint: w.endpoint, LastSuccess: w.success,
		LastError: w.failure, LastErrorAt: w.failedAt,
		Facts: w.facts,
	}
	if s.LastSuccess.IsZero() {
		s.LastSuccess = w.facts.At
	}
	// A request that nobody has answered for this long makes the node slow now, not
	// only when it is over.
	if late := w.asking.Add(patience); !w.asking.IsZero() && w.state != Unreachable && w.fleet.now().After(late) {
		if s.State != Slow {
			s.State, s.Since = Slow, late
		}
	}
	return s
}

func (w *worker) setState(state State, now time.Time) {
	if w.state != state {
		w.state, w.since = state, now
	}
}

// run is the worker's life. A panic is logged and counted, and the work starts
// again: one odd answer must not end the watch over a node.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	for pause := firstRetry; ctx.Err() == nil; pause = min(2*pause, discoveryRetry) {
		if w.guarded(ctx) {
			return
		}
		wait(ctx, pause)
	}
}

func (w *worker) guarded(ctx context.Context) (finished bool) {
	defer func() {
		if cause := recover(); cause != nil {
			w.mu.Lock()
			w.panics++
			w.failure, w.failedAt = fmt.Sprintf("an error in the plugin stopped the watch over this node, it starts again: %v", cause), w.fleet.now()
			w.setState(Unreachable, w.failedAt)
			w.mu.Unlock()
			w.log.Error("watching the node failed, it starts again", "cause", cause, "stack", stack())
		}
	}()
	w.recall()
	w.watch(ctx)
	return true
}

// wait pauses; it answers false when the context ended first.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// recall takes up what is stored of the node.
func (w *worker) recall() {
	f := w.fleet
	f.identifying.Lock()
	defer f.identifying.Unlock()
	known := identities(f.store)
	w.mu.Lock()
	name, key := w.node.Name, w.node.Key
	w.mu.Unlock()
	history := historyFor(known, name, key, "", f.isConfigured)
	if _, ok := known[history]; !ok {
		w.claim(history, identity{Name: name})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = history
	w.facts = readFacts(f.store, history)
}

// identify makes sure that the history is this node's, now that it said who it is.
func (w *worker) identify(nodeID string) {
	f := w.fleet
	f.identifying.Lock()
	defer f.identifying.Unlock()
	w.mu.Lock()
	name, key, before := w.node.Name, w.node.Key, w.history
	done := w.identified && w.facts.NodeID == nodeID
	w.mu.Unlock()
	if done {
		return
	}
	known := identities(f.store)
	history := historyFor(known, name, key, nodeID, f.isConfigured)
	if known[history] != (identity{Name: name, NodeID: nodeID}) {
		w.claim(history, identity{Name: name, NodeID: nodeID})
	}
	if history != before && known[before].NodeID == "" {
		// Nothing was recorded under it: a node is recorded once it is identified.
		batch := &store.Batch{}
		batch.Delete(identityPrefix + before)
		w.record(batch)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if history != before {
		w.log.Info("the node has a history under another name, it goes on there", "history", history)
		w.facts = readFacts(f.store, history)
	}
	w.history, w.identified = history, true
}

func (w *worker) claim(history string, id identity) {
	batch := &store.Batch{}
	if err := id.put(batch, history); err != nil {
		w.log.Error("a node's identity could not be kept", "error", err)
		return
	}
	w.record(batch)
}

func (w *worker) record(batch *store.Batch) {
	if err := w.fleet.store.Record(batch); err != nil {
		w.log.Error("what the node said could not be recorded", "error", err)
	}
}

// watch finds the node's API and polls it until the context ends.
func (w *worker) watch(ctx context.Context) {
	for ctx.Err() == nil {
		api, discovered, ok := w.connect(ctx)
		if !ok {
			return
		}
		if !w.poll(ctx, api, discovered) {
			return
		}
	}
}

// connect answers a client for the node's API: of the given address, or of one
// that is found. It looks until it finds one.
func (w *worker) connect(ctx context.Context) (api *storagenode.Client, discoveredID string, ok bool) {
	node := w.currentNode()
	current := w.fleet.currentSettings()
	for pause := firstRetry; ; pause = min(2*pause, discoveryRetry) {
		target := found{endpoint: node.API}
		var err error
		switch {
		case node.API == "":
			target, err = w.fleet.discover(ctx, node)
		case !current.AllowsAPI(node.API):
			err = fmt.Errorf("%s is not on this machine and remote APIs are not allowed; allow them in the data source's settings", node.API)
		}
		if ctx.Err() != nil {
			return nil, "", false
		}
		if err == nil {
			if api, err = w.client(target.endpoint, current.BackgroundTimeout); err == nil {
				w.mu.Lock()
				w.endpoint = target.endpoint
				w.mu.Unlock()
				return api, target.nodeID, true
			}
		}
		w.failed(err, Connecting)
		if !wait(ctx, pause) {
			return nil, "", false
		}
	}
}

func (w *worker) client(endpoint string, timeout time.Duration) (*storagenode.Client, error) {
	http, err := storagenode.HTTPClient(timeout)
	if err != nil {
		return nil, err
	}
	return storagenode.NewClient(endpoint, http)
}

func (w *worker) failed(err error, state State) {
	now := w.fleet.now()
	w.mu.Lock()
	repeated := w.failure == err.Error()
	w.failure, w.failedAt = err.Error(), now
	w.setState(state, now)
	w.mu.Unlock()
	if !repeated {
		w.log.Warn("the node's API cannot be read", "error", err)
	}
}

// poll asks the node on its schedule. It answers true when the API turned out to
// be another node's and has to be looked for again.
func (w *worker) poll(ctx context.Context, api *storagenode.Client, discoveredID string) (search bool) {
	current := w.fleet.currentSettings()
	key := w.currentNode().Key
	kinds := []*schedule{
		newSchedule(current.Poll.Status, key),
		newSchedule(current.Poll.Scores, key),
		newSchedule(current.Poll.Payouts, key),
	}
	for {
		now := w.fleet.now()
		status, scores, payouts := kinds[0].due(now), kinds[1].due(now), kinds[2].due(now)
		if status || scores || payouts {
			r := w.round(ctx, api, discoveredID, scores, payouts)
			if ctx.Err() != nil {
				return false
			}
			if r.otherNode {
				return true
			}
			now = w.fleet.now()
			kinds[0].done(now, r.status)
			if scores {
				kinds[1].done(now, r.scores)
			}
			if payouts {
				kinds[2].done(now, r.payouts)
			}
		}
		next := kinds[0].next
		for _, s := range kinds[1:] {
			if s.next.Before(next) {
				next = s.next
			}
		}
		if !wait(ctx, max(next.Sub(w.fleet.now()), time.Millisecond)) {
			return false
		}
	}
}

// outcome says which parts of a round of requests went well.
type outcome struct {
	status, scores, payouts bool
	otherNode               bool
}

// round asks the node for its status and, where they are due, for its scores and
// payouts, and records what came in one batch.
func (w *worker) round(ctx context.Context, api *storagenode.Client, discoveredID string, wantScores, wantPayouts bool) outcome {
	var result outcome
	asked := w.ask()
	status, err := api.Status(ctx)
	w.asked()
	if ctx.Err() != nil {
		return result
	}
	if err != nil {
		w.failed(err, Unreachable)
		return result
	}
	if discoveredID != "" && status.NodeID != discoveredID {
		w.failed(fmt.Errorf("%s was the API of node %s and is now that of node %s; it is looked for again", api.Endpoint(), short(discoveredID), short(status.NodeID)), Connecting)
		w.mu.Lock()
		w.endpoint = ""
		w.mu.Unlock()
		result.otherNode = true
		return result
	}
	result.status = true
	w.identify(status.NodeID)
	took := w.fleet.now().Sub(asked)

	var failures []error
	poll := concern.Poll{Status: &status}
	if wantScores {
		w.ask()
		scores, err := api.Scores(ctx, status)
		w.asked()
		if err != nil {
			failures = append(failures, err)
		} else {
			scores.At = w.fleet.now()
			poll.Scores = &scores
			result.scores = len(scores.Errors) == 0
			failures = append(failures, scores.Errors...)
		}
	}
	if wantPayouts && ctx.Err() == nil {
		w.ask()
		payout, err := api.EstimatedPayout(ctx)
		w.asked()
		if err != nil {
			failures = append(failures, err)
		} else {
			poll.Payout = &payout
			result.payouts = true
		}
	}
	if ctx.Err() != nil {
		return result
	}
	w.learn(poll, failures, took)
	return result
}

func (w *worker) ask() time.Time {
	now := w.fleet.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asking = now
	return now
}

func (w *worker) asked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asking = time.Time{}
}

// learn records a round that the node answered.
func (w *worker) learn(poll concern.Poll, failures []error, took time.Duration) {
	current := w.fleet.currentSettings()
	now := w.fleet.now()
	poll.At = now
	poll.Interval = current.Poll.Scores
	poll.Slot = now.Truncate(poll.Interval)

	w.mu.Lock()
	w.facts.learn(*poll.Status, now)
	if poll.Payout != nil {
		cents := poll.Payout.CurrentMonth.Payout
		w.facts.EstimatedCents = &cents
	}
	w.success = now
	w.failure = ""
	if err := errors.Join(failures...); err != nil {
		w.failure, w.failedAt = joined(failures), now
	}
	state := Connected
	if took > current.InteractiveTimeout {
		state = Slow
	}
	w.setState(state, now)
	facts := w.facts
	node := concern.Node{Node: w.node, History: w.history}
	w.mu.Unlock()

	batch := &store.Batch{}
	err := facts.put(batch, node.History)
	for _, c := range concerns {
		err = errors.Join(err, c.Record(node, poll, w.fleet.store, batch))
	}
	if err != nil {
		w.log.Error("a part of what the node said could not be recorded", "error", err)
	}
	w.record(batch)
}

func joined(failures []error) string {
	text := failures[0].Error()
	if n := len(failures) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// schedule says when one kind of poll is due: at once, then at the node's own
// offset in each interval, and sooner again while it fails.
type schedule struct {
	interval time.Duration
	offset   time.Duration
	next     time.Time // zero: at once
	retry    time.Duration
}

func newSchedule(interval time.Duration, key string) *schedule {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return &schedule{interval: interval, offset: time.Duration(h.Sum64() % uint64(min(interval/2, maxOffset))), retry: firstRetry}
}

func (s *schedule) due(now time.Time) bool { return !now.Before(s.next) }

func (s *schedule) done(now time.Time, ok bool) {
	regular := now.Truncate(s.interval).Add(s.offset)
	if !regular.After(now) {
		regular = regular.Add(s.interval)
	}
	if ok {
		s.next, s.retry = regular, firstRetry
		return
	}
	s.next = now.Add(s.retry)
	if s.retry = min(2*s.retry, s.interval); regular.Before(s.next) {
		s.next = regular
	}
}
