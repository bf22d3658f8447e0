package fleet

import (
	"fmt"
	"path/filepath"
	"sort"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Kept are the fleets that a data folder holds, by organisation and UID.
func Kept(dir string) ([]Key, error) {
	files, err := filepath.Glob(filepath.Join(dir, "org*", keptFile))
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, file := range files {
		kept, err := readKept(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, Key{Org: kept.Org, UID: kept.UID})
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].Org < keys[j].Org || keys[i].Org == keys[j].Org && keys[i].UID < keys[j].UID
	})
	return keys, nil
}

// StoreFolder is where a data folder has the store of a data source.
func StoreFolder(dir string, key Key) string { return filepath.Join(dir, key.folder()) }

// OpenStored opens a kept fleet to answer queries from what is stored; nothing is
// collected. The error is a *store.LockedError while a plugin holds the store.
func OpenStored(options Options, key Key) (*Fleet, error) {
	options = options.complete()
	dir := filepath.Join(options.Dir, key.folder())
	kept, err := readKept(filepath.Join(dir, keptFile))
	if err != nil {
		return nil, err
	}
	configured, report := settings.Load(kept.Settings)
	opened, err := store.Open(store.Options{Dir: dir, Now: options.Now, Limits: limits(configured), Report: func(message string) { options.Logger.Error(message) }})
	if err != nil {
		return nil, fmt.Errorf("open the stored data source %s: %w", key.UID, err)
	}
	f := newFleet(key, "", options.Now, options.Logger, nil)
	f.settings, f.report = configured, report
	f.store, f.running, f.cancel = opened, true, func() {}
	f.opened, f.opening = make(chan struct{}), make(chan struct{})
	close(f.opened)
	close(f.opening)
	known := identities(opened)
	for _, node := range f.settings.Nodes {
		w := newWorker(f, node)
		w.history = historyFor(known, node.Name, node.Key, "", f.isConfiguredLocked, w.heldLocked)
		w.facts = readFacts(opened, w.history)
		w.state, w.since, w.started = concern.Stopped, time.Time{}, w.facts.At
		w.troubles.status = "nothing collects, this is read from a data folder"
		f.workers[node.Name] = w
	}
	return f, nil
}

// Close ends all work of a fleet that no registry owns.
func (f *Fleet) Close() error { return f.close() }
