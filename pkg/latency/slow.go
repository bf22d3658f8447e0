package latency

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	// slowName begins the names of the documents of slow transfers. Each is of a node and a
	// quarter of a day.
	slowName = "latency-slow"
	// slowThreshold is from when on a transfer is slow: a customer's has lost its race long
	// before.
	slowThreshold = 5 * time.Second
	// slowKept is how many of a quarter of a day are remembered: the slowest.
	slowKept = 40
	// slowFor is for how long.
	slowFor = 14 * day
	// maxSlowWindows bounds what one flush reads and writes.
	maxSlowWindows = 64
)

// slowOperation is a slow transfer, however it ended.
type slowOperation struct {
	At        time.Time     `json:"at"` // when it ended
	Satellite string        `json:"satellite,omitempty"`
	Action    string        `json:"action"`
	Outcome   string        `json:"outcome"`
	Size      int64         `json:"size"` // -1: not known
	Took      time.Duration `json:"took"`
	Fine      bool          `json:"fine,omitempty"` // finer than whole seconds
	Piece     string        `json:"piece"`
}

// slowEar collects the slowest transfers of one node.
type slowEar struct {
	node    concern.Node
	from    *store.Store
	now     func() time.Time
	windows map[int64]*slowest // by the quarter of a day, milliseconds UTC
	newest  int64              // of the quarters of days in which something was slow
}

// slowest are the slowest transfers of a quarter of a day, the slowest first.
type slowest struct {
	all   []slowOperation
	known bool // what the store has is among them
	news  bool
}

func newSlowEar(node concern.Node, from *store.Store, now func() time.Time) *slowEar {
	return &slowEar{node: node, from: from, now: now, windows: map[int64]*slowest{}}
}

func (e *slowEar) hear(event *storagenode.Event, took time.Duration, fine bool) {
	window := floorDiv(event.Time.UnixMilli(), quarterDay.Milliseconds()) * quarterDay.Milliseconds()
	s := e.windows[window]
	if s == nil && event.Time.Sub(e.now()) > day {
		return // nothing would ever drop it
	}
	if s == nil {
		if len(e.windows) >= maxSlowWindows {
			e.forgetOldest()
		}
		s = &slowest{}
		e.windows[window] = s
	}
	if len(s.all) >= slowKept && s.all[len(s.all)-1].Took >= took {
		return // as nearly always where a node is slow for long: it costs nothing
	}
	s.add(slowOperation{
		At: event.Time.UTC(), Satellite: strings.Clone(event.Satellite), Action: actionName(event.Action), Outcome: event.Outcome.String(),
		Size: event.Size, Took: took, Fine: fine, Piece: string(event.Piece),
	})
	s.news = true
}

// forgetOldest drops the oldest window of one flush: it is of a log that spans weeks.
func (e *slowEar) forgetOldest() {
	oldest := int64(0)
	for window := range e.windows {
		if oldest == 0 || window < oldest {
			oldest = window
		}
	}
	delete(e.windows, oldest)
}

// add puts a transfer where it belongs, unless it is there.
func (s *slowest) add(o slowOperation) {
	at, found := slices.BinarySearchFunc(s.all, o, compareSlow)
	if found {
		return
	}
	s.all = slices.Insert(s.all, at, o)
	if len(s.all) > slowKept {
		s.all = s.all[:slowKept]
	}
}

func compareSlow(a, b slowOperation) int {
	return cmp.Or(cmp.Compare(b.Took, a.Took), a.At.Compare(b.At), strings.Compare(a.Piece, b.Piece), strings.Compare(a.Satellite, b.Satellite))
}

func slowKey(node concern.Node, window int64) string {
	return fmt.Sprintf("%s/%013d", node.StoredAs(slowName), window)
}

// flush stores what is new.
func (e *slowEar) flush(into *store.Batch) error {
	var failed error
	for window, s := range e.windows {
		if !s.news {
			continue
		}
		if !s.known {
			// What cannot be read is begun anew.
			before, _ := readSlow(e.from, e.node, window)
			for _, o := range before {
				s.add(o)
			}
			s.known = true
		}
		document, err := json.Marshal(s.all)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("write the slow transfers of %s: %w", e.node.Name, err))
			continue
		}
		into.Put(slowKey(e.node, window), document)
		s.news = false
		if window > e.newest {
			e.newest = window
			e.dropOld(into)
		}
	}
	for window := range e.windows {
		if window < e.newest-day.Milliseconds() {
			delete(e.windows, window) // it is stored, and read again if more comes
		}
	}
	return failed
}

// dropOld drops the documents that are too old.
func (e *slowEar) dropOld(into *store.Batch) {
	oldest := e.now().Add(-slowFor - quarterDay).UnixMilli()
	prefix := e.node.StoredAs(slowName) + "/"
	var old []string
	e.from.Documents(prefix, func(key string, _ []byte) {
		window, err := strconv.ParseInt(strings.TrimPrefix(key, prefix), 10, 64)
		if err != nil || window < oldest {
			old = append(old, key)
		}
	})
	for _, key := range old {
		into.Delete(key)
	}
}

func readSlow(from *store.Store, node concern.Node, window int64) ([]slowOperation, error) {
	document, ok := from.Document(slowKey(node, window))
	if !ok {
		return nil, nil
	}
	var all []slowOperation
	if err := json.Unmarshal(document, &all); err != nil {
		return nil, fmt.Errorf("read the slow transfers of %s: %w", node.Name, err)
	}
	return all, nil
}
