package logsource

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watcher wakes the followers of files when something changes in a folder. It is only
// there to make them quick: they look on their own too, because network file systems,
// Docker Desktop and an overflow tell nothing. So its troubles are nobody's errors; what
// it cannot watch now it tries again later. There is one for a process, as the system
// grants few.
type Watcher struct {
	mu      sync.Mutex // guards everything below
	folders map[string]*watchedFolder
	lost    map[string]bool // folders that were deleted or renamed, or never watched
	closed  bool

	poke  chan struct{} // something is to be watched, or no longer
	end   chan struct{}
	ended chan struct{}
}

// watchedFolder is a folder with those who want to hear of it.
type watchedFolder struct {
	wakers map[*waker]string // with the name of the file that each cares for most
	byName map[string][]*waker
}

// waker is the bell of one follower.
type waker struct {
	bell   chan struct{}
	others atomic.Bool                    // something happened to another file than the own one
	kin    func(folder, base string) bool // whether it cares for this other file
}

func newWaker(kin func(folder, base string) bool) *waker {
	return &waker{bell: make(chan struct{}, 1), kin: kin}
}

func (k *waker) ring() {
	select {
	case k.bell <- struct{}{}:
	default: // it has not looked since the last time
	}
}

// How often the watcher looks after its folders: after those that it cannot watch, and
// after all of them, as a mount over a folder or a new folder above it is no event.
const (
	repairEvery  = time.Second
	inspectEvery = 30 * time.Second
)

// NewWatcher starts a watcher, which needs to be closed.
func NewWatcher() *Watcher {
	w := &Watcher{
		folders: map[string]*watchedFolder{},
		lost:    map[string]bool{},
		poke:    make(chan struct{}, 1),
		end:     make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go w.tend()
	return w
}

// Close ends the watcher. Followers that still use it go on without it.
func (w *Watcher) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.end)
	}
	w.mu.Unlock()
	<-w.ended
	return nil
}

// add makes the waker ring for what happens in a folder to the file called own, and to
// its kin. It rings once the system watches the folder: what happened before is unknown.
func (w *Watcher) add(k *waker, folder, own string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.folders[folder]
	if f == nil {
		f = &watchedFolder{wakers: map[*waker]string{}, byName: map[string][]*waker{}}
		w.folders[folder] = f
	}
	if _, again := f.wakers[k]; again {
		return
	}
	f.wakers[k] = own
	f.byName[own] = append(f.byName[own], k)
	w.tendSoon()
}

// drop undoes add.
func (w *Watcher) drop(k *waker, folder string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.folders[folder]
	if f == nil {
		return
	}
	own, there := f.wakers[k]
	if !there {
		return
	}
	delete(f.wakers, k)
	f.byName[own] = slices.DeleteFunc(f.byName[own], func(other *waker) bool { return other == k })
	if len(f.byName[own]) == 0 {
		delete(f.byName, own)
	}
	if len(f.wakers) == 0 {
		delete(w.folders, folder)
		w.tendSoon()
	}
}

func (w *Watcher) tendSoon() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// tend keeps the system's watches as they should be. It alone changes them, and without
// mu: the system's watcher may hold its own lock until its last message is heard.
func (w *Watcher) tend() {
	defer close(w.ended)
	var system *fsnotify.Watcher
	watched := map[string]os.FileInfo{} // what the system watches
	var gone chan struct{}              // closed when the system's watcher ends on its own
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.end:
			if system != nil {
				_ = system.Close() // nothing of it is needed any more
			}
			return
		case <-gone:
			system, gone = nil, nil
			clear(watched)
		case <-w.poke:
		case <-timer.C:
		}
		if system == nil {
			if s, err := fsnotify.NewWatcher(); err == nil { // else later
				system, gone = s, make(chan struct{})
				go w.listen(s, gone)
			}
		}
		next := inspectEvery
		if system != nil && !w.watchAll(system, watched) {
			next = repairEvery
		}
		timer.Reset(next)
	}
}

// watchAll watches what is not watched and should be, and the other way round. It
// answers whether all of that was possible.
func (w *Watcher) watchAll(system *fsnotify.Watcher, watched map[string]os.FileInfo) bool {
	w.mu.Lock()
	wanted := make(map[string]bool, len(w.folders))
	for folder := range w.folders {
		wanted[folder] = true
	}
	for folder := range w.lost {
		delete(watched, folder)
	}
	clear(w.lost)
	w.mu.Unlock()
	for folder := range watched {
		if !wanted[folder] {
			_ = system.Remove(folder) // it may be gone
			delete(watched, folder)
		}
	}
	all := true
	for folder := range wanted {
		now, err := os.Stat(folder)
		if before := watched[folder]; err == nil && before != nil && os.SameFile(before, now) {
			continue
		}
		_ = system.Remove(folder) // where another folder of this name was watched
		delete(watched, folder)
		if err != nil || system.Add(folder) != nil {
			all = false
			continue
		}
		watched[folder] = now
		w.ringFolder(folder)
	}
	return all
}

func (w *Watcher) ringFolder(folder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.folders[folder]; f != nil {
		f.ring()
	}
}

func (f *watchedFolder) ring() {
	for k := range f.wakers {
		k.others.Store(true)
		k.ring()
	}
}

// listen hears the system's events until it ends.
func (w *Watcher) listen(system *fsnotify.Watcher, gone chan<- struct{}) {
	defer close(gone)
	for {
		select {
		case event, open := <-system.Events:
			if !open {
				return
			}
			w.heard(event)
		case _, open := <-system.Errors:
			if !open {
				return
			}
			w.mu.Lock()
			for _, f := range w.folders {
				f.ring() // events were lost
			}
			w.mu.Unlock()
		}
	}
}

// heard wakes those whom an event concerns.
func (w *Watcher) heard(event fsnotify.Event) {
	if event.Name == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// A folder that is watched itself was deleted, renamed, or made again.
	if f := w.folders[event.Name]; f != nil && event.Op&(fsnotify.Remove|fsnotify.Rename|fsnotify.Create) != 0 {
		w.lost[event.Name] = true
		f.ring()
		w.tendSoon()
	}
	folder, base := filepath.Split(event.Name)
	folder = filepath.Clean(folder)
	f := w.folders[folder]
	if f == nil {
		return
	}
	own := f.byName[base]
	for _, k := range own {
		k.ring()
	}
	if len(own) > 0 && event.Op == fsnotify.Write {
		return // by far the most frequent event: nobody's kin is looked for
	}
	for k, name := range f.wakers {
		if name != base && k.kin(folder, base) {
			k.others.Store(true)
			k.ring()
		}
	}
}
