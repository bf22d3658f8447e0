package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Key names a data source across all organisations of a Grafana.
type Key struct {
	Org int64
	UID string
}

// OwnKey is the fleet that the command line collects itself: no organisation of a
// Grafana has the number 0.
var OwnKey = Key{Org: 0, UID: "storj_monitor"}

// folder is the name of the fleet's folder. A UID of other characters than
// Grafana allows is written in hexadecimal.
func (k Key) folder() string {
	uid := k.UID
	if !plainUID.MatchString(uid) {
		uid = fmt.Sprintf("x%x", uid)
	}
	return fmt.Sprintf("org%d-%s", k.Org, uid)
}

var plainUID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Options of a registry.
type Options struct {
	// Dir is the folder in which every fleet has its own; "" keeps everything in
	// memory.
	Dir string
	// Warning says why Dir is not what the operator would expect; health shows it.
	Warning string
	Logger  log.Logger       // nil: none
	Now     func() time.Time // nil: time.Now
	// LimitMemory is told how many bytes the process should stay within, whenever
	// that changes. nil: nobody wants to know.
	LimitMemory func(bytes int64)
}

func (o Options) complete() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LimitMemory == nil {
		o.LimitMemory = func(int64) {}
	}
	if o.Logger == nil {
		o.Logger = log.NewNullLogger()
	}
	return o
}

// Registry owns every fleet of the process. Plugin instances come and go; the
// fleets stay, and those of the last run start collecting without being asked.
type Registry struct {
	options Options
	watcher *logsource.Watcher // wakes the followers of all log files

	mu     sync.Mutex // guards everything below
	fleets map[Key]*Fleet
	closed bool
	stop   chan struct{}
	done   chan struct{}
}

// idleCheck is how often fleets that nobody asks are looked for.
const idleCheck = time.Hour

// NewRegistry makes a registry without fleets.
func NewRegistry(options Options) *Registry {
	r := &Registry{options: options.complete(), watcher: logsource.NewWatcher(), fleets: map[Key]*Fleet{}, stop: make(chan struct{}), done: make(chan struct{})}
	go r.stopIdle()
	return r
}

// Dir is the folder of all fleets, "" when everything is in memory; warning says
// what is wrong with it.
func (r *Registry) Dir() (dir, warning string) { return r.options.Dir, r.options.Warning }

func (r *Registry) stopIdle() {
	defer close(r.done)
	ticker := time.NewTicker(idleCheck)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
		}
		r.stopUnasked()
	}
}

// stopUnasked stops the fleets that nobody has asked for longer than their settings
// allow.
func (r *Registry) stopUnasked() {
	defer func() {
		if cause := recover(); cause != nil {
			r.options.Logger.Error("looking for fleets that nobody asks failed, it is tried again", "cause", cause, "stack", stack())
		}
	}()
	for _, f := range r.all() {
		if !f.idle() {
			continue
		}
		f.log.Info("nobody has asked this data source for long: collecting stops, its data stays")
		if err := f.stop(); err != nil {
			f.log.Error("stopping the fleet failed", "error", err)
		}
	}
}

func (r *Registry) all() []*Fleet {
	r.mu.Lock()
	defer r.mu.Unlock()
	fleets := make([]*Fleet, 0, len(r.fleets))
	for _, f := range r.fleets {
		fleets = append(fleets, f)
	}
	return fleets
}

// get is the fleet with this key, made if it is not there.
func (r *Registry) get(key Key) (*Fleet, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the plugin is shutting down")
	}
	f, ok := r.fleets[key]
	if !ok {
		dir := ""
		if r.options.Dir != "" {
			dir = filepath.Join(r.options.Dir, key.folder())
		}
		f = newFleet(key, dir, r.options.Now, r.options.Logger, r.watcher)
		r.fleets[key] = f
	}
	return f, nil
}

// Configure gives a data source's fleet its settings and answers it, running.
func (r *Registry) Configure(key Key, s settings.Settings, report settings.Report) (*Fleet, error) {
	return r.ConfigureSaved(key, s, report, time.Time{})
}

// ConfigureSaved is Configure with settings of which is known when they were
// saved: those from before the ones that the fleet runs with change nothing.
func (r *Registry) ConfigureSaved(key Key, s settings.Settings, report settings.Report, saved time.Time) (*Fleet, error) {
	f, err := r.get(key)
	if err != nil {
		return nil, err
	}
	f.configure(s, report, saved)
	f.touch()
	r.limitMemory()
	return f, nil
}

// Resume starts the fleets of earlier runs, except those that nobody has asked
// for longer than their settings allow, and the command line's own: no data source
// would ask for those.
func (r *Registry) Resume() error {
	if r.options.Dir == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(r.options.Dir, "org*", keptFile))
	for _, file := range files {
		kept, failed := readKept(file)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		if kept.Org == OwnKey.Org {
			continue
		}
		s, report := settings.Load(kept.Settings)
		if r.options.Now().Sub(kept.Asked) > s.IdleStop {
			continue
		}
		f, failed := r.get(Key{Org: kept.Org, UID: kept.UID})
		if failed != nil {
			return errors.Join(err, failed)
		}
		f.resume(kept, s, report)
	}
	r.limitMemory()
	return err
}

// What the process may take: what it needs by itself, and of each fleet the limit
// of its history and room for the garbage that using it makes.
const (
	ownMemory     = 128 << 20
	memoryPerByte = 1.5
)

// limitMemory tells how much memory the fleets may take together. Stopped ones
// count too: they start again with a question.
func (r *Registry) limitMemory() {
	total := int64(ownMemory)
	for _, f := range r.all() {
		total += int64(memoryPerByte * float64(f.currentSettings().MemoryLimit))
	}
	r.options.LimitMemory(total)
}

// Close stops every fleet and commits what they recorded. It gives up when the
// context ends.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()
	close(r.stop)
	fleets := r.all()
	errs := make(chan error, len(fleets)+1) // and the watcher
	for _, f := range fleets {
		go func() { errs <- f.close() }()
	}
	var err error
	for range fleets {
		select {
		case stopped := <-errs:
			err = errors.Join(err, stopped)
		case <-ctx.Done():
			return errors.Join(err, fmt.Errorf("a fleet did not stop in time: %w", ctx.Err()))
		}
	}
	// No follower is left that it would wake. It may hang in a file system, too.
	go func() { errs <- r.watcher.Close() }()
	select {
	case closed := <-errs:
		err = errors.Join(err, closed)
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("the watcher of the logs' folders did not stop in time: %w", ctx.Err()))
	}
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	return err
}

// keptFile lies beside a fleet's store. It holds what is needed to go on
// collecting after a restart, and never a secret.
const keptFile = "fleet.json"

// keepInterval is how often the time of the last request is written.
const keepInterval = time.Hour

type kept struct {
	Org      int64           `json:"org"`
	UID      string          `json:"uid"`
	Asked    time.Time       `json:"asked"`
	Settings json.RawMessage `json:"settings"` // as the data source's jsonData
}

func readKept(file string) (kept, error) {
	var k kept
	b, err := os.ReadFile(file)
	if err != nil {
		return kept{}, err
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return kept{}, fmt.Errorf("%s cannot be read, its data source collects again after the first request: %w", file, err)
	}
	return k, nil
}

// keeper writes a fleet's kept configuration when it changes. It has locks of its
// own, so that a disk that hangs delays one question and nothing else.
type keeper struct {
	dir string

	stale   atomic.Bool // whether the settings may be others than those written
	writing sync.Mutex  // held while the file is written: guards written
	written kept

	mu     sync.Mutex // guards everything below
	asking time.Time
	failed string // why it could not be written, the last time
}

func newKeeper(dir string) *keeper { return &keeper{dir: dir} }

func (k *keeper) resume(last kept) {
	k.writing.Lock()
	k.written = last
	k.writing.Unlock()
	k.note(last.Asked)
}

// changed says that there may be other settings to write.
func (k *keeper) changed() { k.stale.Store(true) }

func (k *keeper) note(asked time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking = asked
}

func (k *keeper) lastAsked() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asking
}

// asked notes a question, and writes the configuration if it is not what was
// written. It answers an error once.
func (k *keeper) asked(key Key, s settings.Settings, now time.Time) error {
	k.note(now)
	// If somebody is just writing, the next question sees to what is left to write.
	if k.dir == "" || !k.writing.TryLock() {
		return nil
	}
	defer k.writing.Unlock()
	err := k.write(key, s, now)
	k.mu.Lock()
	defer k.mu.Unlock()
	failed := textOf(err)
	if failed == k.failed {
		return nil
	}
	k.failed = failed
	return err
}

func (k *keeper) write(key Key, s settings.Settings, now time.Time) (err error) {
	recent := now.Sub(k.written.Asked).Abs() < keepInterval
	if changed := k.stale.Swap(false); recent && !changed {
		return nil // as at nearly every question
	}
	defer func() {
		if err != nil {
			k.stale.Store(true)
		}
	}()
	encoded, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if recent && string(encoded) == string(k.written.Settings) {
		return nil
	}
	next := kept{Org: key.Org, UID: key.UID, Asked: now.UTC(), Settings: encoded}
	content, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	if err := store.ReplaceFile(filepath.Join(k.dir, keptFile), content); err != nil {
		return err
	}
	k.written = next
	return nil
}
