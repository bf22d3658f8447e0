package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Ingested says what reading a whole log added. Of a log that was read before, it is only
// what is new in it.
type Ingested struct {
	Lines   int64            `json:"lines"`
	Parsed  int64            `json:"parsed"`
	Skipped int64            `json:"skipped"`
	First   *time.Time       `json:"first"` // the earliest line's time
	Last    *time.Time       `json:"last"`
	Bytes   int64            `json:"bytes"`
	Seconds float64          `json:"seconds"`
	CPU     float64          `json:"cpuSeconds"` // of the process; 0 where it is not told
	Events  map[string]int64 `json:"events"`     // lines with a message, by its name
}

// tally is the ear that counts what an Ingested tells.
type tally struct {
	parsed      int64
	first, last time.Time
	counts      [len(tallied)]int64
}

// tallied are the events of an Ingested. They count lines by their message, whatever the
// level makes of it.
var tallied = [...]string{
	"upload_started", "uploaded", "upload_canceled", "upload_failed", "upload_rejected",
	"download_started", "downloaded", "download_canceled", "download_failed",
	"compaction_started", "compaction_finished",
}

// IngestedEvents are the names in an Ingested's Events, in the order in which to show them.
func IngestedEvents() []string { return slices.Clone(tallied[:]) }

// tallyIndex is the place of a message's event, or -1. The starts of transfers are told by
// their kind.
func tallyIndex(message string) int {
	switch message {
	case "uploaded":
		return 1
	case "upload canceled", "upload canceled (race lost or node shutdown)":
		return 2
	case "upload failed":
		return 3
	case "upload rejected, too many requests":
		return 4
	case "downloaded":
		return 6
	case "download canceled", "download canceled (race lost or node shutdown)":
		return 7
	case "download failed":
		return 8
	case "beginning compaction":
		return 9
	case "finished compaction":
		return 10
	}
	return -1
}

// Hear counts a line.
func (t *tally) Hear(event *storagenode.Event) {
	t.parsed++
	if t.first.IsZero() || event.Time.Before(t.first) {
		t.first = event.Time
	}
	if event.Time.After(t.last) {
		t.last = event.Time
	}
	switch event.Kind {
	case storagenode.UploadStarted:
		t.counts[0]++
	case storagenode.DownloadStarted:
		t.counts[5]++
	case storagenode.OtherLine:
	default:
		if at := tallyIndex(event.Message); at >= 0 {
			t.counts[at]++
		}
	}
}

// Flush records nothing.
func (*tally) Flush(*store.Batch) error { return nil }

// IngestStored reads a whole log (a file, a .gz, or "-" for the standard input) into the
// history that a folder keeps of a node, without collecting. The fleet is made if it is not
// there, and the node is added to those that it keeps. What was read before of this log, under
// whatever name, adds nothing. The error is a *store.LockedError while a plugin holds the store.
func IngestStored(ctx context.Context, options Options, key Key, node settings.Node, path string, progress func(done, total int64)) (result Ingested, err error) {
	options = options.complete()
	if err := keepNode(options, key, node); err != nil {
		return Ingested{}, err
	}
	f, err := OpenStored(options, key)
	if err != nil {
		return Ingested{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := f.workers[node.Name]
	if path != "-" {
		if id := lastNodeIDWithin(ctx, path, ingestSearchBytes); id != "" {
			w.identify(id)
		}
	}
	return w.ingest(ctx, path, progress)
}

// ingestSearchBytes is how far back a log is searched for its node's start before it is read.
const ingestSearchBytes = 4 << 20

// keepNode makes sure that a folder's kept configuration has a node.
func keepNode(options Options, key Key, node settings.Node) error {
	dir := StoreFolder(options.Dir, key)
	keeper := newKeeper(dir)
	configured := settings.Default()
	last, err := readKept(filepath.Join(dir, keptFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		configured, _ = settings.Load(last.Settings)
		keeper.resume(last)
	}
	if slices.ContainsFunc(configured.Nodes, func(n settings.Node) bool { return n.Name == node.Name }) {
		return nil
	}
	configured.Nodes = append(configured.Nodes, node)
	keeper.changed()
	return keeper.asked(key, configured, options.Now())
}

// Ingest reads a whole log file into a node's history while the fleet collects. Following
// the node's own log waits meanwhile, and goes on where it was.
func (f *Fleet) Ingest(ctx context.Context, name, path string, progress func(done, total int64)) (Ingested, error) {
	if _, err := f.openStore(ctx); err != nil {
		return Ingested{}, err
	}
	f.mu.Lock()
	w := f.workers[name]
	f.mu.Unlock()
	if w == nil {
		return Ingested{}, &QueryError{fmt.Errorf("there is no node %q in this data source", name)}
	}
	resume, err := w.pauseListening(ctx)
	if err != nil {
		return Ingested{}, err
	}
	defer resume()
	return w.ingest(ctx, path, progress)
}

func (w *worker) ingest(ctx context.Context, path string, progress func(done, total int64)) (Ingested, error) {
	w.mu.Lock()
	history := w.history
	w.mu.Unlock()
	l, err := w.newListening(history)
	if err != nil {
		return Ingested{}, err
	}
	if l.lost != "" {
		return Ingested{}, fmt.Errorf("it is not known what of the log of %s is counted already: %s; follow its log first, then what is from before that can be told from what is new", l.name, l.lost)
	}
	l.resumeParser(ingestedParser)
	counted := &tally{}
	l.ears = append(l.ears, counted)
	began, size := w.fleet.now(), int64(0)
	err = logsource.ReadAll(ctx, logsource.ReadOptions{
		Path: path, Resume: l.positions, Progress: progress,
		Deliver: func(block logsource.Block, positions logsource.Positions) error {
			size += int64(len(block.Lines))
			return l.deliver(block, positions)
		},
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parser.GiveUp() // a line that Docker has split and whose end is in no file
	err = errors.Join(err, l.flush(), w.store.Flush())
	result := Ingested{Lines: l.lines, Parsed: counted.parsed, Skipped: l.lines - counted.parsed, Bytes: size, Seconds: w.fleet.now().Sub(began).Seconds(), Events: map[string]int64{}}
	if counted.parsed > 0 {
		result.First, result.Last = &counted.first, &counted.last
	}
	for i, name := range tallied {
		result.Events[name] = counted.counts[i]
	}
	return result, err
}
