package reputation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// What the log tells of audits. A failed one is there hours before it is in a score.
const (
	// auditsName begins the names of what is stored of audits.
	auditsName = "audits"
	// auditsKept is how long single audits and their counts are remembered.
	auditsKept = 8 * 24 * time.Hour
	// auditSlot is the step of the counts.
	auditSlot = 10 * time.Minute
	// unfinishedAfter is when an audit that has no end in the log is slow.
	unfinishedAfter = 2 * time.Minute

	maxFailures = 500 // remembered, the newest
	maxSlow     = 200
	maxOpen     = 1000 // audits under way
	maxLost     = 100
)

// The counted audits: all that ended, and those that were canceled.
const (
	endedAudits    = "ended"
	canceledAudits = "canceled"
)

// Audit is one audit (or download for a repair) that went wrong.
type Audit struct {
	At        time.Time `json:"at"`
	Satellite string    `json:"satellite"`
	Action    string    `json:"action"`
	Piece     string    `json:"piece"`
	Reason    string    `json:"reason,omitempty"` // of one that failed
	Seconds   float64   `json:"seconds,omitempty"`
	Open      bool      `json:"open,omitempty"` // of a slow one: it had no end yet
}

// Loss is what a node told a satellite of pieces that it lost, in a day.
type Loss struct {
	At        time.Time `json:"at"` // of the last line of the day
	Satellite string    `json:"satellite"`
	Pieces    int64     `json:"pieces"`
}

// Audits is what is remembered of a node's audits, from its log.
type Audits struct {
	Failed []Audit         `json:"failed,omitempty"` // each piece once a day
	Slow   []Audit         `json:"slow,omitempty"`
	Open   map[string]Open `json:"open,omitempty"`
	Lost   []Loss          `json:"lost,omitempty"` // by day and satellite
	Line   time.Time       `json:"line"`           // the newest line's time
}

// Open is an audit under way.
type Open struct {
	At        time.Time `json:"at"`
	Satellite string    `json:"satellite"`
	Action    string    `json:"action"`
	Piece     string    `json:"piece"`
	Told      bool      `json:"told,omitempty"` // it is among the slow ones already
}

// ReadAudits is what is remembered of a node's audits.
func ReadAudits(from *store.Store, node concern.Node) (audits Audits, err error) {
	document, ok := from.Document(node.StoredAs(auditsName))
	if !ok {
		return Audits{}, nil
	}
	if err := json.Unmarshal(document, &audits); err != nil {
		return Audits{}, fmt.Errorf("read what is stored of the audits of %s: %w", node.Name, err)
	}
	return audits, nil
}

// auditEar hears audits.
type auditEar struct {
	node   concern.Node
	from   *store.Store
	slow   time.Duration // what an audit may take
	heard  []auditLine
	counts map[int64]*auditCount // by slot
	newest time.Time
}

// auditLine is one line of interest.
type auditLine struct {
	kind      storagenode.Kind
	at        time.Time
	duration  time.Duration
	satellite string
	action    string
	piece     string
	peer      string
	reason    string
	failed    bool
	pieces    int64
}

type auditCount struct{ ended, canceled int64 }

// longestReason bounds what is kept of an error.
const longestReason = 200

// Hear takes the lines of audits, starts of the node and lost pieces.
func (e *auditEar) Hear(event *storagenode.Event) {
	if event.Time.After(e.newest) {
		e.newest = event.Time
	}
	switch event.Kind {
	case storagenode.DownloadStarted, storagenode.DownloadEnded:
		if event.Action == storagenode.GetAudit || event.Action == storagenode.GetRepair {
			e.hearAudit(event)
		}
	case storagenode.NodeStart:
		e.heard = append(e.heard, auditLine{kind: event.Kind, at: event.Time})
	case storagenode.LostPieces:
		if pieces, ok := event.Int("piece_count"); ok && pieces > 0 {
			e.heard = append(e.heard, auditLine{kind: event.Kind, at: event.Time, satellite: strings.Clone(event.Satellite), pieces: pieces})
		}
	}
}

func (e *auditEar) hearAudit(event *storagenode.Event) {
	line := auditLine{
		kind: event.Kind, at: event.Time, duration: event.Duration,
		satellite: strings.Clone(event.Satellite), action: event.Action.String(),
		piece: string(event.Piece), peer: string(event.Peer),
	}
	if event.Kind == storagenode.DownloadEnded {
		line.failed = event.Outcome == storagenode.OutcomeFailed && event.Level >= storagenode.Error && event.Cause != storagenode.ClientLeft
		if line.failed {
			reason := strings.ToValidUTF8(string(event.Reason), "\uFFFD")
			line.reason = strings.ToValidUTF8(reason[:min(len(reason), longestReason)], "")
		}
		if event.Action == storagenode.GetAudit {
			slot := event.Time.Truncate(auditSlot).UnixMilli()
			if e.counts[slot] == nil {
				e.counts[slot] = &auditCount{}
			}
			e.counts[slot].ended++
			if event.Outcome == storagenode.OutcomeCanceled {
				e.counts[slot].canceled++
			}
		}
	}
	e.heard = append(e.heard, line)
}

// Flush stores what was heard.
func (e *auditEar) Flush(into *store.Batch) error {
	for slot, count := range e.counts {
		into.Add(e.node.StoredAs(auditsName), slot,
			store.Sample{Column: endedAudits, Value: float64(count.ended)},
			store.Sample{Column: canceledAudits, Value: float64(count.canceled)})
	}
	clear(e.counts)
	audits, err := ReadAudits(e.from, e.node)
	if err != nil {
		audits = Audits{} // it is replaced: what comes counts
	}
	changed := len(e.heard) > 0
	for _, line := range e.heard {
		audits.take(line, e.slow)
	}
	e.heard = e.heard[:0]
	if e.newest.After(audits.Line) {
		audits.Line = e.newest
	}
	changed = audits.findUnfinished() || changed
	if !changed {
		return nil
	}
	audits.forget()
	document, err := json.Marshal(audits)
	if err != nil {
		return fmt.Errorf("write the audits of %s: %w", e.node.Name, err)
	}
	into.Put(e.node.StoredAs(auditsName), document)
	return nil
}

// take adds one line to what is remembered.
func (a *Audits) take(line auditLine, slow time.Duration) {
	key := line.piece + " " + line.satellite + " " + line.action + " " + line.peer
	switch line.kind {
	case storagenode.NodeStart:
		clear(a.Open)
	case storagenode.LostPieces:
		a.lose(line)
	case storagenode.DownloadStarted:
		if a.Open == nil {
			a.Open = map[string]Open{}
		}
		if len(a.Open) < maxOpen {
			a.Open[key] = Open{At: line.at, Satellite: line.satellite, Action: line.action, Piece: line.piece}
		}
	case storagenode.DownloadEnded:
		took := line.duration
		open, started := a.Open[key]
		if started {
			delete(a.Open, key)
			took = max(took, line.at.Sub(open.At))
		}
		if took > slow && !open.Told {
			a.Slow = append(a.Slow, Audit{At: line.at, Satellite: line.satellite, Action: line.action, Piece: line.piece, Seconds: took.Seconds()})
		}
		if line.failed {
			a.fail(line)
		}
	}
}

// fail remembers a failed audit: a piece that is asked for again counts once a day.
func (a *Audits) fail(line auditLine) {
	known := slices.ContainsFunc(a.Failed, func(f Audit) bool {
		return f.Piece == line.piece && f.Satellite == line.satellite && line.at.Sub(f.At).Abs() < 24*time.Hour
	})
	if !known {
		a.Failed = append(a.Failed, Audit{At: line.at, Satellite: line.satellite, Action: line.action, Piece: line.piece, Reason: line.reason})
	}
}

func (a *Audits) lose(line auditLine) {
	day := line.at.Truncate(24 * time.Hour)
	for i := range a.Lost {
		if l := &a.Lost[i]; l.Satellite == line.satellite && l.At.Truncate(24*time.Hour).Equal(day) {
			l.Pieces += line.pieces
			if line.at.After(l.At) {
				l.At = line.at
			}
			return
		}
	}
	a.Lost = append(a.Lost, Loss{At: line.at, Satellite: line.satellite, Pieces: line.pieces})
}

// findUnfinished finds the audits that should have ended by the time of the newest line.
func (a *Audits) findUnfinished() (found bool) {
	for key, open := range a.Open {
		took := a.Line.Sub(open.At)
		if open.Told || took < unfinishedAfter {
			continue
		}
		open.Told, found = true, true
		a.Open[key] = open
		a.Slow = append(a.Slow, Audit{At: open.At.Add(unfinishedAfter), Satellite: open.Satellite, Action: open.Action, Piece: open.Piece, Seconds: took.Seconds(), Open: true})
	}
	return found
}

// forget drops what is too old or too much.
func (a *Audits) forget() {
	oldest := a.Line.Add(-auditsKept)
	keep := func(all []Audit, most int) []Audit {
		slices.SortStableFunc(all, func(x, y Audit) int { return x.At.Compare(y.At) })
		all = slices.DeleteFunc(all, func(x Audit) bool { return x.At.Before(oldest) })
		return all[max(0, len(all)-most):]
	}
	a.Failed, a.Slow = keep(a.Failed, maxFailures), keep(a.Slow, maxSlow)
	slices.SortStableFunc(a.Lost, func(x, y Loss) int { return x.At.Compare(y.At) })
	a.Lost = slices.DeleteFunc(a.Lost, func(l Loss) bool { return l.At.Before(oldest) })
	a.Lost = a.Lost[max(0, len(a.Lost)-maxLost):]
	for key, open := range a.Open {
		if a.Line.Sub(open.At) > 24*time.Hour {
			delete(a.Open, key)
		}
	}
}

// failedSince are the audits of a satellite that failed after a time, the newest last.
func (a Audits) failedSince(satellite string, since time.Time) []Audit {
	var failed []Audit
	for _, f := range a.Failed {
		if f.Satellite == satellite && f.At.After(since) {
			failed = append(failed, f)
		}
	}
	return failed
}
