package capacity

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	// heardStep is the step of what the log says: an upload can begin each millisecond.
	heardStep = 5 * time.Minute
	// maxAhead is how far a line's time may be ahead of our clock to be believed.
	maxAhead = 24 * time.Hour
	// live is how old a line may be for growth to be measured with it: not while a whole log
	// is read.
	live = time.Hour
)

// ear hears what is free on the disk from the uploads that begin: where there is no API, that
// is all that is known of it.
type ear struct {
	node  concern.Node
	from  *store.Store
	now   func() time.Time
	until time.Time // lines up to here were found to be no later than our clock allows

	measured int64 // the last step that the growth was recorded with
	current  int64 // step of the last line
	newest   heardFree
	finished map[int64]heardFree // other steps that were heard since the last Flush
	news     bool

	tooSmall time.Time // when the node said that the disk is too small, since the last Flush
}

// heardFree is what was free when the last upload of a step began.
type heardFree struct {
	at   time.Time
	free int64
}

// Listen gives an ear for one node.
func (c Concern) Listen(node concern.Node, from *store.Store) concern.Ear {
	return &ear{node: node, from: from, now: c.now, finished: map[int64]heardFree{}}
}

// Hear takes a line.
func (e *ear) Hear(event *storagenode.Event) {
	tooSmall := event.Kind == storagenode.DiskTooSmall
	if !tooSmall && (event.Kind != storagenode.UploadStarted || event.Free < 0) {
		return
	}
	if event.Time.After(e.until) {
		limit := e.now().Add(maxAhead)
		if event.Time.After(limit) {
			return
		}
		e.until = event.Time.Add(time.Minute)
	}
	if tooSmall {
		if event.Time.After(e.tooSmall) {
			e.tooSmall = event.Time
		}
		return
	}
	step := floorDiv(event.Time.UnixMilli(), heardStep.Milliseconds())
	if step != e.current {
		if e.news {
			e.finish()
		}
		e.current = step
		e.newest = e.finished[step]
		delete(e.finished, step)
	}
	if event.Time.Before(e.newest.at) {
		return // of a rotated file that is read beside this one
	}
	e.newest, e.news = heardFree{event.Time, event.Free}, true
}

func (e *ear) finish() { e.finished[e.current] = e.newest }

// Flush adds what was heard since the last Flush.
func (e *ear) Flush(into *store.Batch) error {
	if !e.news && e.tooSmall.IsZero() {
		return nil
	}
	if e.news {
		e.finish()
	}
	var heard Heard
	if _, err := readDocument(e.from, e.node.StoredAs(heardName), &heard); err != nil {
		heard = Heard{} // it is written anew
	}
	latest := false
	for step, h := range e.finished {
		into.Add(e.node.StoredAs(name), step*heardStep.Milliseconds(), store.Sample{Column: heardFreeColumn, Value: float64(h.free)})
		if heard.First.IsZero() || h.at.Before(heard.First) {
			heard.First = h.at.UTC()
		}
		if !h.at.Before(heard.At) {
			heard.At, heard.Free, latest = h.at.UTC(), h.free, true
		}
	}
	found := e.tooSmall.After(heard.TooSmall)
	if found {
		heard.TooSmall = e.tooSmall.UTC()
	}
	clear(e.finished)
	e.news, e.tooSmall = false, time.Time{}
	// The newest line of this step goes on to count.
	if !latest && !found {
		return nil
	}
	if now := e.now(); latest && now.Sub(heard.At) < live {
		if err := e.measure(&heard, into, now); err != nil {
			return err
		}
	}
	return putDocument(into, e.node.StoredAs(heardName), heard)
}

// measure measures growth from what the log says, where the API says nothing.
func (e *ear) measure(heard *Heard, into *store.Batch, now time.Time) error {
	if _, polled := e.from.Document(e.node.StoredAs(name)); polled {
		return nil
	}
	step := floorDiv(heard.At.UnixMilli(), heardStep.Milliseconds())
	if now.Sub(heard.Outlook.At).Abs() >= measuredHeard && heard.Outlook.stale(now) {
		newest := point{heard.At.UnixMilli(), -float64(heard.Free)}
		outlook, err := look(e.from, e.node, heardPieces, now, &newest, 0)
		if err != nil {
			return err
		}
		heard.Outlook = outlook
	}
	if samples := heard.Outlook.samples(); len(samples) > 0 && step != e.measured {
		into.Add(e.node.StoredAs(name), step*heardStep.Milliseconds(), samples...)
		e.measured = step
	}
	return nil
}

// measuredHeard is between two measurements at least: lines come all the time.
const measuredHeard = heardStep

var _ concern.Listener = Concern{}
