package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
)

const (
	// flushLive is how long a line that was just written waits until it is in the answers.
	flushLive = 200 * time.Millisecond
	// flushBulk is that of a line from before; many of them share a flush.
	flushBulk = time.Second
	// settleTime is how long a log waits for its node to say who it is, so that its lines
	// go into the right history.
	settleTime = 5 * time.Second
	// arrivalSlack is how far a line's own time, in whole seconds, and its arrival may be
	// apart for the arrival to be the more precise one.
	arrivalSlack = time.Second
)

// positionsPrefix begins the names of the documents that say up to where a log is read.
const positionsPrefix = "log/"

// listening hears one node's log into one history.
type listening struct {
	worker    *worker
	history   string
	name, key string // the node's
	follower  *logsource.Follower
	wake      chan struct{} // told when something waits for a flush
	lost      string        // why it is not known up to where the log was counted, or ""
	parserKey string        // of the document of what the next parser of the log must know

	mu        sync.Mutex // guards everything below
	parser    *storagenode.Parser
	evidence  *evidence
	ears      []concern.Ear // of the concerns, and the evidence
	positions logsource.Positions
	dirty     bool
	flushed   time.Time
	failed    error // of the last flush
	// broken is why what was heard is lost: nothing more is recorded, so that the position
	// stays before it and it is heard once more.
	broken error
	nodeID string
	lines  int64 // that were heard
	future int64 // of these, left out because their times are too far ahead
	moved  movement
	shown  *lineBuffer // nil while nobody listens to the log
	scored bool        // scores came since the last flush
}

// listen is the watch over the node's log, for ever. It begins anew when it turns out that
// the lines belong into another history.
func (w *worker) listen(ctx context.Context) {
	for pause := firstRetry; ctx.Err() == nil; pause = min(2*pause, discoveryRetry) {
		began := w.fleet.now()
		w.hear(ctx)
		if w.fleet.now().Sub(began) > discoveryRetry {
			pause = firstRetry
		}
		wait(ctx, pause)
	}
}

// hear listens until the context ends or the history is another one.
func (w *worker) hear(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			w.fleet.panics.Add(1)
			w.log.Error("following the log failed, it starts again", "cause", cause, "stack", stack())
		}
	}()
	history, ok := w.settle(ctx)
	if !ok || w.wrongPair() != "" { // a wrong pair may be right again when this is tried next
		return
	}
	guard := w.fleet.guardOf(history)
	if !guard.hear(ctx) {
		return
	}
	defer guard.heard()
	l, err := w.newListening(history)
	if err == nil {
		err = l.follow()
	}
	if err != nil {
		w.log.Error("the log cannot be followed", "error", err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	if w.history != history { // it changed just now
		w.mu.Unlock()
		return
	}
	w.listening, w.stopListening = l, cancel
	w.mu.Unlock()
	if err := l.run(ctx); err != nil && ctx.Err() == nil {
		w.log.Error("following the log ended, it starts again", "error", err)
	}
}

// settle waits until it is known into which history the log's lines belong: the node said
// who it is, through its API or in its log, or it does not say so in time.
func (w *worker) settle(ctx context.Context) (history string, ok bool) {
	node := w.currentNode()
	if id := lastNodeID(ctx, node.Log); id != "" {
		w.heardOf(id)
	}
	ticker := time.NewTicker(flushLive)
	defer ticker.Stop()
	for until := w.fleet.now().Add(settleTime); ; {
		w.mu.Lock()
		identified, history := w.identified, w.history
		w.mu.Unlock()
		if identified || w.fleet.now().After(until) {
			return history, true
		}
		select {
		case <-ctx.Done():
			return "", false
		case <-ticker.C:
		}
	}
}

// heardOf takes the id that the log says its node has. Where the API said another, the two
// are a wrong pair.
func (w *worker) heardOf(id string) {
	w.mu.Lock()
	before := w.logID
	w.logID = id
	apiID := w.apiID
	w.mu.Unlock()
	if apiID == "" && before != id {
		w.identify(id)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrongPairLocked() != "" && w.stopListening != nil {
		w.stopListening()
	}
}

func (w *worker) wrongPair() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrongPairLocked()
}

// wrongPairLocked says that log and API are of different nodes, or "".
func (w *worker) wrongPairLocked() string {
	if w.logID == "" || w.apiID == "" || w.logID == w.apiID {
		return ""
	}
	return fmt.Sprintf("the log is of node %s, the API at %s of node %s", short(w.logID), w.api.endpoint, short(w.apiID))
}

func (w *worker) newListening(history string) (*listening, error) {
	node := w.currentNode()
	l := &listening{worker: w, history: history, name: node.Name, key: node.Key, wake: make(chan struct{}, 1), parser: storagenode.NewParser(), evidence: newEvidence(w.store, history)}
	asConcern := concern.Node{Node: node, History: history}
	for _, c := range concerns {
		if listener, ok := c.(concern.Listener); ok {
			l.ears = append(l.ears, listener.Listen(asConcern, w.store))
		}
	}
	l.ears = append(l.ears, l.evidence)
	l.resume(asConcern)
	return l, nil
}

// resume finds out up to where the log was counted. Where damage to the store took that, or
// left what is older than the counts, the log must not be counted again.
func (l *listening) resume(node concern.Node) {
	w := l.worker
	key := positionsPrefix + l.history
	document, ok := w.store.Document(key)
	switch {
	case w.store.Outdated(key):
		l.lost = "the store was damaged, and what it says of that may be old"
	case ok:
		if err := json.Unmarshal(document, &l.positions); err != nil {
			l.lost = err.Error()
		}
	case !l.evidence.known.Since.IsZero() || w.store.Holds(node.StoredAs(traffic.Concern{}.Types()[0].Name)):
		l.lost = "the store was damaged, and does not say it any more"
	}
	if l.lost != "" {
		l.positions = logsource.Positions{}
		w.log.Error("it is not known up to where the log was counted: so that nothing counts twice, it is followed from its end on; what was written since it was last read is not counted", "cause", l.lost)
	}
}

// follow makes the follower of the node's own log.
func (l *listening) follow() (err error) {
	w := l.worker
	l.resumeParser(followedParser)
	backfill := w.fleet.currentSettings().Backfill
	if l.lost != "" {
		backfill = 0 // from the end on
	}
	l.follower, err = logsource.New(logsource.Options{
		Source: source(w.currentNode().Log), Resume: l.positions, Backfill: backfill,
		TimeOf: timeOf, Deliver: l.deliver, Watcher: w.fleet.watcher, Now: w.fleet.now,
	})
	return err
}

// pauseListening ends the following of the log until resume is called.
func (w *worker) pauseListening(ctx context.Context) (resume func(), err error) {
	ticker := time.NewTicker(flushLive)
	defer ticker.Stop()
	for {
		w.mu.Lock()
		history := w.history
		if w.stopListening != nil {
			w.stopListening()
		}
		w.mu.Unlock()
		guard := w.fleet.guardOf(history)
		select {
		case <-guard.hearing:
			return guard.heard, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("the log of %s could not be paused: %w", w.currentNode().Name, ctx.Err())
		case <-ticker.C: // it may have begun anew
		}
	}
}

// source is where a log comes from, as the followers know it.
func source(log settings.Source) logsource.Source {
	switch log.Kind {
	case settings.LogTCP:
		return logsource.Source{Kind: logsource.TCPSource, Address: log.Address}
	case settings.LogDocker:
		return logsource.Source{Kind: logsource.DockerSource, Container: log.Container, Address: log.Address}
	default:
		return logsource.Source{Kind: logsource.FileSource, Path: log.Path}
	}
}

func timeOf(line []byte) (time.Time, bool) {
	parsed, err := storagenode.ParseLine(line)
	return parsed.Time, err == nil
}

// run follows the log until the context ends, and records what it says.
func (l *listening) run(ctx context.Context) error {
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		defer func() {
			if cause := recover(); cause != nil {
				l.worker.fleet.panics.Add(1)
				l.worker.log.Error("reading the log failed, it starts again", "cause", cause, "stack", stack())
				ended <- fmt.Errorf("an error in the plugin: %v", cause)
			}
		}()
		ended <- l.follower.Run(ctx)
	}()
	for {
		select {
		case <-ctx.Done():
			// The follower first: what it delivers last must be flushed, too.
			err := <-ended
			l.mu.Lock()
			defer l.mu.Unlock()
			return errors.Join(err, l.flush())
		case <-l.wake:
		}
		if !wait(ctx, flushLive) {
			continue
		}
		l.mu.Lock()
		err := l.flush()
		id, scored := l.nodeID, l.scored
		l.nodeID, l.scored = "", false
		l.mu.Unlock()
		if scored {
			l.worker.publishReputation(ctx)
		}
		if err != nil {
			// What the ears heard since the last flush is gone: it is heard once more.
			cancel()
			<-ended
			return err
		}
		if id != "" {
			l.worker.heardOf(id)
		}
	}
}

// deliver hears the lines of a block.
func (l *listening) deliver(block logsource.Block, positions logsource.Positions) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	hub, live := l.worker.fleet.hub, LiveLog(l.key)
	if l.shown = nil; block.Live && hub.wanted(live) {
		l.shown = &lineBuffer{}
	}
	current := l.worker.fleet.currentSettings()
	latest := l.worker.fleet.now().Add(current.Store.MaxFuture)
	rest, number := block.Lines, 0
	for len(rest) > 0 {
		rest, number = l.hearLines(rest, number, &block, latest)
	}
	l.lines += int64(number)
	if l.shown != nil {
		if frame := l.shown.frame(l.name); frame != nil {
			hub.publish(live, frame)
		}
	}
	l.positions, l.dirty = positions, true
	if l.worker.fleet.now().Sub(l.flushed) >= flushBulk || l.full() {
		return l.flush()
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// hearLines hears lines until there are none left. After a panic it answers those behind the
// line that caused it.
func (l *listening) hearLines(rest []byte, number int, block *logsource.Block, latest time.Time) (left []byte, next int) {
	defer func() {
		if cause := recover(); cause != nil {
			l.worker.fleet.panics.Add(1)
			l.worker.log.Error("a line of the log could not be heard, it is left out", "cause", cause, "stack", stack())
			left, next = rest, number
		}
	}()
	for len(rest) > 0 {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		arrived := block.Read
		if number < len(block.Arrivals) {
			arrived = block.Arrivals[number]
		}
		number++
		event, err := l.parser.Parse(line)
		if err != nil || event == nil {
			continue // the parser counts what it cannot read
		}
		if event.Time.After(latest) {
			l.future++ // one wrong clock must not decide what the newest line is
			continue
		}
		if block.Live {
			event.Read = block.Read
		}
		if block.Live && (block.Prompt || len(block.Arrivals) > 0) && arrived.Sub(event.Time) < arrivalSlack+time.Second && arrived.Sub(event.Time) > -arrivalSlack {
			event.Arrived = arrived
		}
		for _, ear := range l.ears {
			ear.Hear(event)
		}
		switch event.Kind {
		case storagenode.UploadEnded, storagenode.DownloadEnded:
			l.moved.add(event)
		case storagenode.NodeStart:
			if id, ok := storagenode.NodeStarted(event.Line); ok {
				l.nodeID = id
			}
		case storagenode.ScoresUpdated, storagenode.ScoresWorsened:
			l.scored = true
		}
		if l.shown != nil {
			l.shown.add(event, line)
		}
	}
	return nil, number
}

// publishReputation tells those who listen what is now known of the node's scores.
func (w *worker) publishReputation(ctx context.Context) {
	if w.fleet.hub.wanted(LiveReputation) {
		w.fleet.publishAnswer(ctx, LiveReputation, concern.Query{QueryType: reputation.Concern{}.Types()[0].Name, Nodes: []string{w.currentNode().Name}, Format: concern.Table})
	}
}

// logSettled says whether the log is followed, or it is known why not.
func (w *worker) logSettled() bool {
	w.mu.Lock()
	source, l, wrong := w.node.Log.Kind, w.listening, w.wrongPairLocked()
	w.mu.Unlock()
	if l == nil {
		return source == settings.NoLog || wrong != ""
	}
	status := l.follower.Status()
	return status.State == logsource.Following || status.Trouble != ""
}

// describeLog adds what is known of a node's log.
func (w *worker) describeLog(watched *concern.Watched) {
	now := w.fleet.now()
	w.mu.Lock()
	l := w.listening
	w.mu.Unlock()
	if watched.Log.Kind == settings.NoLog {
		return
	}
	if l == nil {
		watched.Evidence = newEvidence(w.store, watched.History).known.evidence(now)
		watched.LogTrouble = "the log is not followed yet"
		return
	}
	status, evidence := l.state(now)
	watched.Evidence, watched.LogTrouble = evidence, status.Trouble
	watched.LogBehind, watched.LogRead, watched.LogSince = status.Behind, status.LastRead, status.Since
}

// state is what is known of the log now.
func (l *listening) state(now time.Time) (logsource.Status, concern.Evidence) {
	status := l.follower.Status()
	l.mu.Lock()
	defer l.mu.Unlock()
	return status, l.evidence.known.evidence(now)
}

// leftOut is what was not heard of the lines, or not wholly.
type leftOut struct {
	unparsed    []storagenode.Unparsed
	future, cut int64
}

func (l *listening) leftOut() leftOut {
	l.mu.Lock()
	defer l.mu.Unlock()
	return leftOut{unparsed: l.parser.Unparsed(), future: l.future, cut: l.parser.Cut()}
}
