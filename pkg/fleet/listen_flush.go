package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Recording what was heard of a log, and up to where, and what the next parser of it must know.

// flush records what was heard, and up to where, in one batch. The caller holds mu.
func (l *listening) flush() error {
	if l.broken != nil {
		return l.broken
	}
	if !l.dirty {
		return nil
	}
	w := l.worker
	guard := w.fleet.guardOf(l.history)
	guard.recording.Lock()
	defer guard.recording.Unlock()
	batch := &store.Batch{}
	var err error
	for _, ear := range l.ears {
		err = errors.Join(err, w.flushEar(ear, batch))
	}
	document, failed := json.Marshal(l.positions)
	if failed != nil {
		return failed
	}
	batch.Put(positionsPrefix+l.history, document)
	if failed := l.keepParser(batch); failed != nil {
		return failed
	}
	if err != nil && (l.failed == nil || l.failed.Error() != err.Error()) {
		w.log.Error("a part of what the log said could not be recorded", "error", err)
	}
	l.failed = err
	if err := w.store.Record(batch); err != nil {
		l.broken = fmt.Errorf("record what the log said: %w", err)
		return l.broken
	}
	l.dirty, l.flushed = false, w.fleet.now()
	w.fleet.judgeSoon()
	return nil
}

// full says whether an ear cannot keep much more.
func (l *listening) full() bool {
	return slices.ContainsFunc(l.ears, func(ear concern.Ear) bool {
		bounded, ok := ear.(concern.Bounded)
		return ok && bounded.Full()
	})
}

// What begins the names of the documents of what the next parser of a log must know: of the
// node's own log, and of those that are read whole beside it.
const (
	followedParser = "parser/"
	ingestedParser = "parser-ingested/"
)

// keepParser adds what the parser knows of lines that are not over to a batch: the position is
// behind them.
func (l *listening) keepParser(batch *store.Batch) error {
	state := l.parser.State()
	stored, known := l.worker.store.Document(l.parserKey)
	if state.IsZero() {
		if known {
			batch.Delete(l.parserKey)
		}
		return nil
	}
	document, err := json.Marshal(state)
	if err == nil && string(document) != string(stored) {
		batch.Put(l.parserKey, document)
	}
	return err
}

// resumeParser gives the parser what the last one knew.
func (l *listening) resumeParser(prefix string) {
	l.parserKey = prefix + l.history
	var state storagenode.ParserState
	if document, ok := l.worker.store.Document(l.parserKey); ok && json.Unmarshal(document, &state) == nil {
		l.parser.Resume(state)
	}
}

// flushEar is one concern's part. A panic in it must not keep the others from recording.
func (w *worker) flushEar(ear concern.Ear, into *store.Batch) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			w.fleet.panics.Add(1)
			w.log.Error("recording what the log said failed", "cause", cause, "stack", stack())
			err = fmt.Errorf("an error in the plugin: %v", cause)
		}
	}()
	return ear.Flush(into)
}
