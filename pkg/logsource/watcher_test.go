package logsource

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// rings says whether a bell rings before long.
func rings(k *waker) bool {
	select {
	case <-k.bell:
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}

// quiet waits until a bell has rung out.
func quiet(k *waker) {
	for {
		select {
		case <-k.bell:
		case <-time.After(50 * time.Millisecond):
			return
		}
	}
}

func TestWatcherWakes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "logs")
	must(t, os.Mkdir(folder, 0o755))
	w := NewWatcher()
	defer func() { _ = w.Close() }()
	isKin := func(base string) func(string, string) bool {
		return func(_, other string) bool { return isRotated(base, other) }
	}
	a, b := newWaker(isKin("a.log")), newWaker(isKin("b.log"))
	w.add(a, folder, "a.log")
	w.add(a, folder, "a.log")
	w.add(b, folder, "b.log")
	if !rings(a) || !rings(b) {
		t.Fatal("it does not ring when the watch begins")
	}
	quiet(a)
	quiet(b)
	a.others.Store(false)
	add(t, filepath.Join(folder, "a.log"), "one\n")
	if !rings(a) || a.others.Load() {
		t.Error("the own file does not ring, or as another")
	}
	add(t, filepath.Join(folder, "b.log.1"), "one\n")
	if !rings(b) || !b.others.Load() {
		t.Error("a rotated file does not ring")
	}
	quiet(a)
	quiet(b)
	add(t, filepath.Join(folder, "c.log"), "one\n")
	add(t, filepath.Join(folder, "b.log"), "one\n")
	if !rings(b) {
		t.Error("b.log does not ring")
	}
	select {
	case <-a.bell:
		t.Error("another's file rings")
	default:
	}

	w.drop(a, folder)
	w.drop(a, folder)
	quiet(b)
	add(t, filepath.Join(folder, "a.log"), "two\n")
	add(t, filepath.Join(folder, "b.log"), "two\n")
	if !rings(b) {
		t.Error("who stays is not woken")
	}
	select {
	case <-a.bell:
		t.Error("who left is woken")
	default:
	}

	// The folder vanishes and comes back.
	must(t, os.Rename(folder, folder+"-old"))
	if !rings(b) {
		t.Error("a folder that vanishes does not ring")
	}
	must(t, os.Mkdir(folder, 0o755))
	if !rings(b) {
		t.Error("a folder that comes back does not ring")
	}
	quiet(b)
	add(t, filepath.Join(folder, "b.log"), "three\n")
	if !rings(b) {
		t.Error("in a folder that came back nothing rings")
	}
	w.drop(b, folder)
	w.mu.Lock()
	if len(w.folders) > 0 {
		t.Error("a folder is kept for nobody")
	}
	w.mu.Unlock()
}

func TestWatcherSurvivesTrouble(t *testing.T) {
	folder := t.TempDir()
	w := NewWatcher()
	k := newWaker(func(string, string) bool { return false })
	w.add(k, folder, "node.log")
	if !rings(k) {
		t.Fatal("it does not ring")
	}
	quiet(k)
	// An overflow wakes everybody.
	system := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	gone := make(chan struct{})
	go w.listen(system, gone)
	system.Errors <- fsnotify.ErrEventOverflow
	if !rings(k) || !k.others.Load() {
		t.Error("an overflow does not ring")
	}
	close(system.Events)
	<-gone

	must(t, w.Close())
	must(t, w.Close())
	add(t, filepath.Join(folder, "node.log"), "one\n")
	w.add(k, t.TempDir(), "node.log") // of no use, and harmless
	w.drop(k, folder)
	var none *Watcher
	none.add(k, folder, "node.log")
	none.drop(k, folder)
}

// Without any watcher, a follower is slower, and that is all.
func TestFollowersShareAWatcher(t *testing.T) {
	folder := t.TempDir()
	w := NewWatcher()
	defer func() { _ = w.Close() }()
	var all []*following
	for i := range 20 {
		log := filepath.Join(folder, fmt.Sprintf("node%d.log", i))
		create(t, log, "before\n")
		all = append(all, follow(t, log, Positions{}, func(o *Options, p *pace) {
			o.Watcher = w
			p.fast, p.slow = time.Hour, time.Hour // the watcher alone wakes
		}))
	}
	for _, g := range all {
		g.atRest()
	}
	w.mu.Lock()
	if len(w.folders) != 1 {
		t.Errorf("%d folders are watched", len(w.folders))
	}
	w.mu.Unlock()
	for i := range all {
		add(t, filepath.Join(folder, fmt.Sprintf("node%d.log", i)), fmt.Sprintf("line %d\n", i))
	}
	for i, g := range all {
		g.sees(fmt.Sprintf("line %d\n", i))
	}
	for i, g := range all {
		log := filepath.Join(folder, fmt.Sprintf("node%d.log", i))
		must(t, os.Rename(log, log+".1"))
		create(t, log, "new\n")
		g.sees(fmt.Sprintf("line %d\nnew\n", i))
		g.stop()
	}
	w.mu.Lock()
	if len(w.folders) != 0 {
		t.Errorf("%d folders are still watched", len(w.folders))
	}
	w.mu.Unlock()
}
