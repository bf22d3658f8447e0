package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	// discoveryRetry bounds the pause between two searches for an API.
	discoveryRetry = 5 * time.Minute
	// maxOffset bounds how far into its interval a node is polled.
	maxOffset = time.Minute
)

// firstRetry is the pause after a first failure. Only tests change it.
var firstRetry = 5 * time.Second

// worker watches one node: it finds its API and polls it, for ever.
type worker struct {
	fleet  *Fleet
	store  *store.Store
	log    log.Logger
	cancel context.CancelFunc

	mu         sync.Mutex // guards everything below
	node       settings.Node
	history    string
	facts      concern.Facts
	identified bool // the history was confirmed by the node's id
	state      concern.State
	since      time.Time
	started    time.Time
	api        found     // whom it asks; its endpoint is "" while it is being looked for
	asking     time.Time // when the request under way began, else zero
	success    time.Time
	troubles   troubles
	// What each side says which node it is of; "" until it does.
	apiID, logID string

	listening     *listening         // nil until its log is followed
	stopListening context.CancelFunc // it begins anew then
}

// troubles are what went wrong the last time, by what was asked for; "" is nothing.
type troubles struct {
	status  string // nothing else was asked for then
	scores  string
	payouts string
	debug   string
	record  string // what was answered could not be recorded
}

func (t troubles) String() string {
	if t.status != "" {
		return t.status
	}
	parts := slices.DeleteFunc([]string{t.scores, t.payouts, t.debug, t.record}, func(part string) bool { return part == "" })
	return strings.Join(parts, "; ")
}

func newWorker(f *Fleet, node settings.Node) *worker {
	now := f.now()
	return &worker{fleet: f, store: f.store, node: node, state: concern.Connecting, since: now, started: now, log: f.log.With("node", node.Name)}
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
		Endpoint: w.api.endpoint, LastSuccess: w.success,
		LastError: w.troubles.String(),
		Facts:     w.facts,
	}
	if s.LastSuccess.IsZero() {
		s.LastSuccess = w.facts.At
	}
	// A request that nobody has answered for this long makes the node slow now, not
	// only when it is over.
	if late := w.asking.Add(patience); !w.asking.IsZero() && w.state != concern.Unreachable && w.fleet.now().After(late) {
		if s.State != concern.Slow {
			s.State, s.Since = concern.Slow, late
		}
	}
	return s
}

func (w *worker) setState(state concern.State, now time.Time) {
	if w.state != state {
		w.state, w.since = state, now
	}
}

// run is the worker's life. A panic is logged and counted, and the work starts
// again: one odd answer must not end the watch over a node.
func (w *worker) run(ctx context.Context) {
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
			w.fleet.panics.Add(1)
			w.mu.Lock()
			w.troubles.status = fmt.Sprintf("an error in the plugin stopped the watch over this node, it starts again: %v", cause)
			w.asking = time.Time{}
			w.setState(concern.Unreachable, w.fleet.now())
			w.mu.Unlock()
			w.log.Error("watching the node failed, it starts again", "cause", cause, "stack", stack())
		}
	}()
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

func (w *worker) record(batch *store.Batch) {
	if err := w.store.Record(batch); err != nil {
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
				w.log.Debug("the node's API is known", "api", target.endpoint, "discovered", node.API == "")
				w.mu.Lock()
				w.api = target
				w.mu.Unlock()
				return api, target.nodeID, true
			}
		}
		w.failed(err, concern.Connecting)
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

func (w *worker) failed(err error, state concern.State) {
	now, interval := w.fleet.now(), w.fleet.currentSettings().Poll.Status
	w.mu.Lock()
	repeated := w.troubles.status == err.Error()
	w.troubles.status = err.Error()
	w.setState(state, now)
	if state == concern.Unreachable {
		w.missLocked(now, interval)
	}
	facts, history := w.facts, w.history
	w.mu.Unlock()
	if state == concern.Unreachable {
		w.keep(facts, history)
	}
	if !repeated {
		w.log.Warn("the node's API cannot be read", "error", err)
	}
}

// unseen is after which time without a try nobody can say that a node was unreachable all the
// time: this machine slept, or nothing collected.
const unseen = 15 * time.Minute

// missLocked notes that the node did not answer. It is unreachable since it first did not, also
// where the plugin was started again meanwhile.
func (w *worker) missLocked(now time.Time, interval time.Duration) {
	if w.facts.Unreachable.IsZero() || now.Sub(w.facts.Tried) > max(unseen, 2*interval) || w.facts.Unreachable.Before(w.facts.At) {
		w.facts.Unreachable = now
	}
	w.facts.Tried = now
	w.since = w.facts.Unreachable
}

// keep stores what is known of the node.
func (w *worker) keep(facts concern.Facts, history string) {
	batch := &store.Batch{}
	if err := putFacts(facts, batch, history); err != nil {
		w.log.Error("what is known of the node could not be kept", "error", err)
		return
	}
	w.record(batch)
}

// poll asks the node on its schedule. It answers true when the API turned out to
// be another node's and has to be looked for again.
func (w *worker) poll(ctx context.Context, api *storagenode.Client, discoveredID string) (search bool) {
	current := w.fleet.currentSettings()
	key := w.currentNode().Key
	status := newSchedule(current.Poll.Status, key)
	scores := newSchedule(current.Poll.Scores, key)
	payouts := newSchedule(current.Poll.Payouts, key)
	for {
		now := w.fleet.now()
		wantScores, wantPayouts := scores.due(now), payouts.due(now)
		if status.due(now) || wantScores || wantPayouts {
			r := w.round(ctx, api, discoveredID, wantScores, wantPayouts)
			if ctx.Err() != nil {
				return false
			}
			if r.otherNode {
				return true
			}
			now = w.fleet.now()
			status.done(now, r.answered)
			if wantScores && r.answered {
				scores.done(now, r.scores == nil)
			}
			if wantPayouts && r.answered {
				payouts.done(now, r.payouts == nil)
			}
		}
		next := status.next
		// What is still due now waits for the node to answer again, and comes with it.
		for _, s := range []*schedule{scores, payouts} {
			if !s.due(now) && s.next.Before(next) {
				next = s.next
			}
		}
		if !wait(ctx, max(next.Sub(now), time.Millisecond)) {
			return false
		}
	}
}

// outcome says how a round of requests went.
type outcome struct {
	answered        bool // the status came
	otherNode       bool
	scores, payouts error // nil also where they were not asked for
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
		w.failed(err, concern.Unreachable)
		return result
	}
	if discoveredID != "" && status.NodeID != discoveredID {
		w.failed(fmt.Errorf("%s was the API of node %s and is now that of node %s; it is looked for again", api.Endpoint(), short(discoveredID), short(status.NodeID)), concern.Connecting)
		w.mu.Lock()
		w.api = found{}
		w.mu.Unlock()
		result.otherNode = true
		return result
	}
	result.answered = true
	w.mu.Lock()
	w.apiID = status.NodeID
	w.mu.Unlock()
	w.identify(status.NodeID)
	took := w.fleet.now().Sub(asked)

	poll := concern.Poll{Status: &status}
	if wantScores {
		w.ask()
		scores, err := api.Scores(ctx, status)
		w.asked()
		result.scores = err
		if err == nil {
			poll.Scores = &scores
			result.scores = joined(scores.Errors)
		}
	}
	if wantPayouts && ctx.Err() == nil {
		w.ask()
		payout, err := api.EstimatedPayout(ctx)
		w.asked()
		result.payouts = err
		if err == nil {
			poll.Payout = &payout
		}
	}
	poll.Debug = w.askDebugPort(ctx)
	if ctx.Err() != nil {
		return result
	}
	w.learn(poll, took)
	if poll.Scores != nil {
		w.publishReputation(ctx)
	}
	w.note(result, wantScores, wantPayouts)
	return result
}

// askDebugPort asks the node's debug port, where the settings have one; nil is no answer.
func (w *worker) askDebugPort(ctx context.Context) *storagenode.DebugMetrics {
	current, endpoint := w.fleet.currentSettings(), w.currentNode().Debug
	if endpoint == "" || !current.AllowsAPI(endpoint) || ctx.Err() != nil {
		return nil
	}
	// What else is known of the node waits for this.
	hc, err := storagenode.HTTPClient(current.InteractiveTimeout)
	var metrics storagenode.DebugMetrics
	if err == nil {
		var port *storagenode.DebugClient
		if port, err = storagenode.NewDebugClient(endpoint, hc); err == nil {
			metrics, err = port.Metrics(ctx)
			hc.CloseIdleConnections()
		}
	}
	w.mu.Lock()
	w.troubles.debug = textOf(err)
	w.mu.Unlock()
	if err != nil {
		return nil
	}
	return &metrics
}

// note remembers what went wrong in a round that the node answered. What was not
// asked for is as it was.
func (w *worker) note(result outcome, askedScores, askedPayouts bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if askedScores {
		w.troubles.scores = textOf(result.scores)
	}
	if askedPayouts {
		w.troubles.payouts = textOf(result.payouts)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
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

// learn records what a node answered.
func (w *worker) learn(poll concern.Poll, took time.Duration) {
	current := w.fleet.currentSettings()
	now := w.fleet.now()
	poll.At = now
	poll.Interval = current.Poll.Scores
	poll.Slot = now.Truncate(poll.Interval)

	w.mu.Lock()
	learnFacts(&w.facts, *poll.Status, now)
	if poll.Payout != nil {
		cents := poll.Payout.CurrentMonth.Payout
		w.facts.EstimatedCents = &cents
	}
	w.success = now
	w.troubles.status = ""
	state := concern.Connected
	if took > current.InteractiveTimeout {
		state = concern.Slow
	}
	w.setState(state, now)
	facts := w.facts
	node := concern.Node{Node: w.node, History: w.history}
	w.mu.Unlock()

	guard := w.fleet.guardOf(node.History)
	guard.recording.Lock()
	defer guard.recording.Unlock()
	batch := &store.Batch{}
	err := putFacts(facts, batch, node.History)
	for _, c := range concerns {
		err = errors.Join(err, w.recordConcern(c, node, poll, batch))
	}
	if err != nil {
		w.log.Error("a part of what the node said could not be recorded", "error", err)
	}
	w.record(batch)
	w.fleet.judgeSoon()
	w.log.Debug("polled the node", "took", took, "scores", poll.Scores != nil, "payout", poll.Payout != nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.troubles.record = textOf(err)
}

// recordConcern is one concern's part. A panic in it must not keep the others from
// recording.
func (w *worker) recordConcern(c concern.Concern, node concern.Node, poll concern.Poll, into *store.Batch) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			w.fleet.panics.Add(1)
			w.log.Error("recording failed", "cause", cause, "stack", stack())
			err = fmt.Errorf("an error in the plugin: %v", cause)
		}
	}()
	return c.Record(node, poll, w.store, into)
}

// joined is the first of several errors and how many more there are.
func joined(failures []error) error {
	switch len(failures) {
	case 0:
		return nil
	case 1:
		return failures[0]
	}
	return fmt.Errorf("%w (and %d more)", failures[0], len(failures)-1)
}
