package fleet

import "github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"

// recallLocked takes up what is stored of the node; the caller holds the fleet's mu.
func (w *worker) recallLocked() {
	known := identities(w.store)
	node := w.currentNode()
	history := historyFor(known, node.Name, node.Key, "", w.fleet.isConfiguredLocked, w.heldLocked)
	if _, ok := known[history]; !ok {
		w.claim(history, identity{Name: node.Name})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = history
	w.facts = readFacts(w.store, history)
}

// heldLocked says whether another node, which has said who it is, records in a
// history; the caller holds the fleet's mu.
func (w *worker) heldLocked(history string) bool {
	for _, other := range w.fleet.workers {
		if other != w && other.records(history) {
			return true
		}
	}
	return false
}

func (w *worker) records(history string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.identified && w.history == history
}

// waitsFor says whether the worker took up a history without knowing yet whether it
// is its node's.
func (w *worker) waitsFor(history string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.identified && w.history == history
}

// identify makes sure that the history is this node's, now that it said who it is.
func (w *worker) identify(nodeID string) {
	f := w.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	w.mu.Lock()
	name, key, before := w.node.Name, w.node.Key, w.history
	done := w.identified && w.facts.NodeID == nodeID
	w.mu.Unlock()
	if done || f.workers[name] != w { // the latter: it was told to stop
		return
	}
	known := identities(w.store)
	history := historyFor(known, name, key, nodeID, f.isConfiguredLocked, w.heldLocked)
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
	if history != before {
		if _, ok := known[history]; ok {
			w.log.Info("the node has a history from before, it goes on there", "history", history)
		} else {
			w.log.Info("this is another node than was known by this name, it begins its own history", "history", history)
		}
		w.facts = readFacts(w.store, history)
	}
	w.history, w.identified = history, true
	if history != before && w.stopListening != nil {
		w.stopListening()
	}
	w.mu.Unlock()
	// Who took it up for their name's sake look for another.
	for _, other := range f.workers {
		if other != w && other.waitsFor(history) {
			other.recallLocked()
		}
	}
}

func (w *worker) claim(history string, id identity) {
	batch := &store.Batch{}
	if err := id.put(batch, history); err != nil {
		w.log.Error("a node's identity could not be kept", "error", err)
		return
	}
	w.record(batch)
}
