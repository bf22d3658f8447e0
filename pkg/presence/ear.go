package presence

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// maxAhead is how far a line's time may be ahead of our clock to be believed.
const maxAhead = 24 * time.Hour

// ear hears one node's log.
type ear struct {
	key   string
	now   func() time.Time
	heard heard
	until time.Time // lines up to here were found to be no later than our clock allows
	slot  int64     // of the last line
	dirty bool      // something is to be kept
}

// Listen gives an ear for one node.
func (c Concern) Listen(node concern.Node, from *store.Store) concern.Ear {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return &ear{key: node.StoredAs(heardName), now: now, heard: readHeard(from, node)}
}

// Hear takes one line.
func (e *ear) Hear(event *storagenode.Event) {
	if event.Time.After(e.until) {
		limit := e.now().Add(maxAhead)
		if event.Time.After(limit) {
			return
		}
		e.until = earliest(event.Time.Add(time.Minute), limit)
	}
	h := &e.heard
	if slot := slotOf(event.Time); slot != e.slot {
		e.slot = slot
		if h.Slots.mark(slot) {
			e.dirty = true
		}
	}
	if event.Time.After(h.Last) {
		h.Last = event.Time
	}
	if event.Level <= storagenode.Info && event.Time.After(h.LastInfo) {
		h.LastInfo = event.Time
	}
	if !event.Read.IsZero() {
		// The first of a while is kept at once: until then the clock is not watched.
		e.dirty = h.late(event.Read, event.Read.Sub(event.Time)) || e.dirty
	}
	switch event.Kind {
	case storagenode.NodeStart:
		h.Starts = insertTime(h.Starts, event.Time, keptLogStarts)
	case storagenode.OtherLine:
		if !isBegin(event) {
			return
		}
		h.Begun = insertTime(h.Begun, event.Time, keptLogStarts)
	case storagenode.UploadEnded, storagenode.DownloadEnded:
		if !h.goesOn(event.Time) {
			return
		}
	case storagenode.NodeStopping:
		h.Stops = insertTime(h.Stops, event.Time, keptLogStarts)
	case storagenode.ServiceRestarted:
		h.Updates = insertTime(h.Updates, event.Time, keptLogStarts)
	case storagenode.NodeDied:
		h.died(event.Time, reasonOf(event))
	case storagenode.ClockSkewed:
		h.checked(event.Time, true)
	case storagenode.ClockInSync:
		h.checked(event.Time, false)
	case storagenode.VersionOutdated:
		if !event.Time.After(h.Refused) {
			return
		}
		h.Refused = event.Time.UTC()
	case storagenode.PingFailed, storagenode.PingGivenUp:
		if event.Satellite == "" {
			return
		}
		h.knows(event.Satellite)
		h.pingFailed(event.Satellite, event.Time, string(shortened(event.Reason)), event.Kind == storagenode.PingGivenUp)
	case storagenode.Pinged, storagenode.ScoresUpdated, storagenode.ScoresWorsened, storagenode.OrdersSettled:
		known := !h.knows(event.Satellite)
		if known && (event.Satellite == "" || !h.waits(event.Satellite)) {
			return
		}
		if !h.reached(event.Satellite, event.Time) && known {
			return
		}
	default:
		return
	}
	e.dirty = true
}

// firstWords are a node's when it begins to start; that it "started" it says minutes later
// where it has much to look after, and never where it ends before.
const firstWords = "Configuration loaded"

// isBegin says whether a line is a node's first. Its updater has the same words, and in a
// container the same log.
func isBegin(event *storagenode.Event) bool {
	if event.Message != firstWords || event.Logger != "" {
		return false
	}
	process, _ := event.Text("process")
	return !strings.HasSuffix(process, "updater")
}

// Flush keeps what was heard, where it is more than a line that changes nothing.
func (e *ear) Flush(into *store.Batch) error {
	if !e.dirty {
		return nil
	}
	if err := putDocument(into, e.key, e.heard); err != nil {
		return err
	}
	e.dirty = false
	return nil
}

// reasonOf is why a node died, in its own words.
func reasonOf(event *storagenode.Event) string {
	if len(event.Reason) > 0 {
		return string(shortened(event.Reason))
	}
	return string(shortened([]byte(event.Message)))
}

// shortened is an error's text without its stack, not too long.
func shortened(text []byte) []byte {
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	if len(text) > keptReason {
		text = text[:keptReason]
		for len(text) > 0 && !utf8.Valid(text) {
			text = text[:len(text)-1]
		}
	}
	return text
}
