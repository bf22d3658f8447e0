package fleet

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// flip changes a bit of what the file of a store says under keys.
func flip(t *testing.T, dir string, name bool, keys ...string) {
	t.Helper()
	path := filepath.Join(StoreFolder(dir, OwnKey), store.FileName)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		at := bytes.LastIndex(file, []byte("\r\n"+key+"\r\n$"))
		if at < 0 {
			t.Fatalf("there is no %s", key)
		}
		if at += len(key) + 16; name {
			at -= len(key) + 18 // the last digit of its length
		}
		file[at] ^= 1
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A log is not counted once more where damage took up to where it was, or left what is from
// before that.
func TestALogIsNotCountedAgainWhenItsPositionIsLost(t *testing.T) {
	log, path, dir := log.NewNullLogger(), filepath.Join(t.TempDir(), "node.log"), t.TempDir()
	var lines bytes.Buffer
	if _, err := simnode.WriteBigLog(&lines, 2000, simnode.Options{Start: time.Now().Add(-time.Hour).Truncate(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	node, err := settings.ParseNode("A:" + path)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.IndexByte(lines.Bytes()[lines.Len()/2:], '\n') + lines.Len()/2 + 1
	opened := func() (*Fleet, *listening) {
		t.Helper()
		f, err := OpenStored(Options{Dir: dir, Logger: log}, OwnKey)
		if err != nil {
			t.Fatal(err)
		}
		w := f.workers["A"]
		l, err := w.newListening(w.history)
		if err != nil {
			t.Fatal(err)
		}
		return f, l
	}
	ingested := func() (int64, error) {
		result, err := IngestStored(t.Context(), Options{Dir: dir, Logger: log}, OwnKey, node, path, nil)
		return result.Lines, err
	}
	sealed := func() (history string) {
		f, l := opened()
		if l.lost != "" {
			t.Fatalf("a position that nothing happened to is lost: %s", l.lost)
		}
		if err := f.store.Seal(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return l.history
	}
	for part, end := range []int{half, lines.Len()} {
		if err := os.WriteFile(path, lines.Bytes()[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := ingested(); err != nil || n < 500 {
			t.Fatalf("part %d: %d lines, %v", part, n, err)
		}
		sealed()
	}
	history := sealed()
	whole, err := os.ReadFile(filepath.Join(StoreFolder(dir, OwnKey), store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]struct {
		names bool
		keys  []string
	}{
		"outdated":               {true, []string{"b:log/" + history, "d:log/" + history}},
		"gone":                   {false, []string{"b:log/" + history, "d:log/" + history}},
		"gone with the evidence": {false, []string{"b:log/" + history, "d:log/" + history, "b:evidence/" + history, "d:evidence/" + history}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(StoreFolder(dir, OwnKey), store.FileName), whole, 0o600); err != nil {
				t.Fatal(err)
			}
			flip(t, dir, damage.names, damage.keys...)
			if n, err := ingested(); err == nil {
				t.Fatalf("%d lines are counted again", n)
			}
			f, l := opened()
			defer func() { _ = f.Close() }()
			if l.lost == "" {
				t.Fatal("the position is taken for what it was")
			}
			f.watcher = logsource.NewWatcher()
			defer func() { _ = f.watcher.Close() }()
			if err := l.follow(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.run(ctx) }()
			until := func(what string, is func() bool) {
				t.Helper()
				for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("it never happened that ", what)
					}
				}
			}
			until("it is followed", func() bool { return l.follower.Status().State == logsource.Following })
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			last := lines.Bytes()[bytes.LastIndexByte(lines.Bytes()[:lines.Len()-1], '\n')+1:]
			if _, err := file.Write(last); err != nil || file.Close() != nil {
				t.Fatal(err)
			}
			until("the new line is heard", func() bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				return l.lines > 0
			})
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if l.lines != 1 {
				t.Errorf("%d lines are counted, want the new one", l.lines)
			}
			if err := f.store.Flush(); err != nil {
				t.Fatal(err)
			}
			if again, err := l.worker.newListening(history); err != nil || again.lost != "" {
				t.Errorf("after that the position is lost: %q %v", again.lost, err)
			}
		})
	}
}

// Lines that could not be recorded are not passed over: the position stays before them.
func TestWhatCouldNotBeRecordedIsHeardOnceMore(t *testing.T) {
	log, path, dir := log.NewNullLogger(), filepath.Join(t.TempDir(), "node.log"), t.TempDir()
	var lines bytes.Buffer
	if _, err := simnode.WriteBigLog(&lines, 2000, simnode.Options{Start: time.Now().Add(-time.Hour).Truncate(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	node, err := settings.ParseNode("A:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := keepNode(Options{Dir: dir, Logger: log}.complete(), OwnKey, node); err != nil {
		t.Fatal(err)
	}
	f, err := OpenStored(Options{Dir: dir, Logger: log}, OwnKey)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w := f.workers["A"]
	l, err := w.newListening(w.history)
	if err != nil {
		t.Fatal(err)
	}
	open := w.store
	closed, err := store.Open(store.Options{})
	if err != nil || closed.Close() != nil {
		t.Fatal(err)
	}
	half := bytes.IndexByte(lines.Bytes()[lines.Len()/2:], '\n') + lines.Len()/2 + 1
	w.store = closed
	if err := l.deliver(logsource.Block{Lines: lines.Bytes()[:half], Read: time.Now()}, logsource.Positions{Files: []logsource.FilePosition{{Offset: int64(half)}}}); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("recording in a closed store answers %v", err)
	}
	w.store = open
	if err := l.deliver(logsource.Block{Lines: lines.Bytes()[half:], Read: time.Now()}, logsource.Positions{Files: []logsource.FilePosition{{Offset: int64(lines.Len())}}}); err == nil {
		t.Error("what follows is recorded")
	}
	if _, ok := open.Document(positionsPrefix + w.history); ok {
		t.Error("the position is behind what was lost")
	}
	if again, err := w.newListening(w.history); err != nil || again.lost != "" || again.flush() != nil {
		t.Errorf("listening anew: %v", err)
	}
}
