package reputation

import (
	"cmp"
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

// The counted audits: all that ended, and those that were canceled. Beside them it is noted
// whether any transfer was in the log: where it has none, audits may be hidden, too.
const (
	endedAudits    = "ended"
	canceledAudits = "canceled"
	transfersSeen  = "transfers_seen"
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
	// Again is when the same piece last failed again, of one that failed.
	Again time.Time `json:"again,omitzero"`
}

// last is when it last went wrong.
func (a Audit) last() time.Time {
	if a.Again.After(a.At) {
		return a.Again
	}
	return a.At
}

// Loss is what a node told a satellite of pieces that it lost, in a day.
type Loss struct {
	At        time.Time `json:"at"` // of the last line of the day
	Satellite string    `json:"satellite"`
	Pieces    int64     `json:"pieces"`
}

// Audits is what is remembered of a node's audits, from its log.
type Audits struct {
	Failed []Audit   `json:"failed,omitempty"` // each piece once a day
	Slow   []Audit   `json:"slow,omitempty"`
	Open   []Open    `json:"open,omitempty"`
	Lost   []Loss    `json:"lost,omitempty"` // by day and satellite
	Line   time.Time `json:"line"`           // the newest line's time
}

// Open is an audit under way.
type Open struct {
	At        time.Time `json:"at"`
	Key       uint64    `json:"key"` // of piece, satellite, action and peer
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
	node    concern.Node
	from    *store.Store
	slow    time.Duration         // what an audit may take
	open    map[uint64]underWay   // by key
	counts  map[int64]*auditCount // by slot
	news    Audits                // since the last Flush
	seen    int64                 // the newest slot that is noted to have transfers
	newest  time.Time
	changed bool // what is open is not what is stored
}

// underWay is an audit that has begun. It holds no pointer of its own, so that thousands of
// audits that come and go cost no memory.
type underWay struct {
	at        time.Time
	satellite string // the parser's, which stays
	action    storagenode.Action
	piece     [longestPiece]byte
	length    uint8
	told      bool
}

type auditCount struct {
	ended, canceled int64
	seen            bool // transfers, first of all in this slot
}

// longestReason bounds what is kept of an error.
const longestReason = 200

// newAuditEar takes up what was under way when the log was read last.
func newAuditEar(node concern.Node, from *store.Store) *auditEar {
	e := &auditEar{node: node, from: from, slow: node.Thresholds.AuditSlow, open: map[uint64]underWay{}, counts: map[int64]*auditCount{}}
	stored, err := ReadAudits(from, node)
	if err != nil {
		return e // it is replaced with the next news
	}
	for _, o := range stored.Open {
		action, _ := storagenode.ParseAction(o.Action)
		u := underWay{at: o.At, satellite: o.Satellite, action: action, told: o.Told}
		u.length = uint8(copy(u.piece[:], o.Piece))
		e.open[o.Key] = u
	}
	return e
}

// firstWords are a node's when it starts; that it "started" it says minutes later where it
// has much to look after.
const firstWords = "Configuration loaded"

// hear takes the lines of audits, starts of the node and lost pieces.
func (e *auditEar) hear(event *storagenode.Event, at time.Time) {
	switch event.Kind {
	case storagenode.UploadEnded:
		e.see(at)
	case storagenode.DownloadStarted, storagenode.DownloadEnded:
		if event.Kind == storagenode.DownloadEnded {
			e.see(at)
		}
		if event.Action == storagenode.GetAudit || event.Action == storagenode.GetRepair {
			e.hearAudit(event, at)
		}
	case storagenode.NodeStart:
		e.abandon()
	case storagenode.LostPieces:
		if pieces, ok := event.Int("piece_count"); ok && pieces > 0 {
			e.news.lose(Loss{At: at, Satellite: event.Satellite, Pieces: pieces})
		}
	case storagenode.OtherLine:
		if event.Message == firstWords {
			e.abandon()
		}
	}
	if at.After(e.newest) {
		e.newest = at
	}
}

// abandon forgets what was under way: the process that did it is gone.
func (e *auditEar) abandon() {
	e.changed = e.changed || len(e.open) > 0
	clear(e.open)
}

// auditKey tells the audits under way apart. It is stored, so it must be the same after a
// restart.
func auditKey(event *storagenode.Event) uint64 {
	key := fold(fold(fnvOffset, event.Piece), event.Satellite)
	return fold((key^uint64(event.Action))*fnvPrime, event.Peer)
}

// FNV-1a, without the allocation of the library's.
const fnvOffset, fnvPrime = uint64(14695981039346656037), uint64(1099511628211)

func fold[T string | []byte](key uint64, text T) uint64 {
	for i := range len(text) {
		key = (key ^ uint64(text[i])) * fnvPrime
	}
	return key
}

func (e *auditEar) hearAudit(event *storagenode.Event, at time.Time) {
	key := auditKey(event)
	if event.Kind == storagenode.DownloadStarted {
		if len(e.open) < maxOpen {
			u := underWay{at: at, satellite: event.Satellite, action: event.Action}
			u.length = uint8(copy(u.piece[:], event.Piece))
			e.open[key] = u
			e.changed = true
		}
		return
	}
	if event.Action == storagenode.GetAudit {
		e.count(event, at)
	}
	took := event.Duration
	begun, started := e.open[key]
	if started {
		delete(e.open, key)
		e.changed = true
		took = max(took, at.Sub(begun.at))
	}
	if took > e.slow && !begun.told {
		e.news.Slow = append(e.news.Slow, Audit{At: at, Satellite: event.Satellite, Action: event.Action.String(), Piece: pieceOf(event), Seconds: took.Seconds()})
	}
	if event.Outcome == storagenode.OutcomeFailed && event.Level >= storagenode.Error && event.Cause != storagenode.ClientLeft {
		reason := strings.ToValidUTF8(string(event.Reason[:min(len(event.Reason), longestReason)]), "\uFFFD")
		e.news.Failed = append(e.news.Failed, Audit{At: at, Satellite: event.Satellite, Action: event.Action.String(), Piece: pieceOf(event), Reason: reason})
	}
}

// longestPiece bounds what is kept of a piece's id; they have 52 characters.
const longestPiece = 64

func pieceOf(event *storagenode.Event) string {
	return strings.ToValidUTF8(string(event.Piece[:min(len(event.Piece), longestPiece)]), "\uFFFD")
}

// see notes that there are transfers at a time, once in a slot: it is asked at every one.
func (e *auditEar) see(at time.Time) {
	if slot := at.Unix() / int64(auditSlot/time.Second); slot != e.seen {
		e.seen = slot
		e.countAt(at).seen = true
	}
}

// countAt is the count of a time's slot.
func (e *auditEar) countAt(at time.Time) *auditCount {
	slot := at.Truncate(auditSlot).UnixMilli()
	counted := e.counts[slot]
	if counted == nil {
		counted = &auditCount{}
		e.counts[slot] = counted
	}
	return counted
}

// count counts an audit that ended.
func (e *auditEar) count(event *storagenode.Event, at time.Time) {
	counted := e.countAt(at)
	counted.ended++
	if event.Outcome == storagenode.OutcomeCanceled {
		counted.canceled++
	}
}

// Flush stores what was heard.
func (e *auditEar) Flush(into *store.Batch) error {
	for slot, count := range e.counts {
		var samples []store.Sample
		if count.ended > 0 {
			samples = append(samples,
				store.Sample{Column: endedAudits, Value: float64(count.ended)},
				store.Sample{Column: canceledAudits, Value: float64(count.canceled)})
		}
		if count.seen {
			samples = append(samples, store.Sample{Column: transfersSeen, Value: 1})
		}
		into.Add(e.node.StoredAs(auditsName), slot, samples...)
	}
	clear(e.counts)
	unfinished := e.findUnfinished()
	if !e.changed && !unfinished && len(e.news.Failed)+len(e.news.Slow)+len(e.news.Lost) == 0 {
		return nil
	}
	audits, err := ReadAudits(e.from, e.node)
	if err != nil {
		audits = Audits{} // it is replaced: what comes counts
	}
	for _, failed := range e.news.Failed {
		audits.fail(failed)
	}
	for _, lost := range e.news.Lost {
		audits.lose(lost)
	}
	audits.Slow = append(audits.Slow, e.news.Slow...)
	e.news, e.changed = Audits{}, false
	if e.newest.After(audits.Line) {
		audits.Line = e.newest
	}
	audits.Open = audits.Open[:0]
	for key, u := range e.open {
		audits.Open = append(audits.Open, Open{At: u.at, Key: key, Satellite: u.satellite, Action: u.action.String(), Piece: string(u.piece[:u.length]), Told: u.told})
	}
	slices.SortFunc(audits.Open, func(a, b Open) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key)) })
	audits.forget()
	document, err := json.Marshal(audits)
	if err != nil {
		return fmt.Errorf("write the audits of %s: %w", e.node.Name, err)
	}
	into.Put(e.node.StoredAs(auditsName), document)
	return nil
}

// findUnfinished finds the audits that should have ended by the time of the newest line.
func (e *auditEar) findUnfinished() (found bool) {
	for key, u := range e.open {
		took := e.newest.Sub(u.at)
		if took > 24*time.Hour {
			delete(e.open, key) // its end was lost
			continue
		}
		if u.told || took < unfinishedAfter {
			continue
		}
		u.told, found = true, true
		e.open[key] = u
		e.news.Slow = append(e.news.Slow, Audit{At: u.at.Add(unfinishedAfter), Satellite: u.satellite, Action: u.action.String(), Piece: string(u.piece[:u.length]), Seconds: took.Seconds(), Open: true})
	}
	return found
}

// fail remembers a failed audit: a piece that is asked for again counts once a day.
func (a *Audits) fail(failed Audit) {
	for i := range a.Failed {
		f := &a.Failed[i]
		if f.Piece == failed.Piece && f.Satellite == failed.Satellite && failed.At.Sub(f.At).Abs() < 24*time.Hour {
			if failed.At.After(f.At) && failed.At.After(f.Again) {
				f.Again = failed.At
			}
			return
		}
	}
	a.Failed = append(a.Failed, failed)
}

// lose adds to what was lost in a day.
func (a *Audits) lose(lost Loss) {
	day := lost.At.Truncate(24 * time.Hour)
	for i := range a.Lost {
		if l := &a.Lost[i]; l.Satellite == lost.Satellite && l.At.Truncate(24*time.Hour).Equal(day) {
			l.Pieces += lost.Pieces
			if lost.At.After(l.At) {
				l.At = lost.At
			}
			return
		}
	}
	a.Lost = append(a.Lost, lost)
}

// forget drops what is too old or too much.
func (a *Audits) forget() {
	oldest := a.Line.Add(-auditsKept)
	keep := func(all []Audit, most int) []Audit {
		slices.SortStableFunc(all, func(x, y Audit) int { return x.At.Compare(y.At) })
		all = slices.DeleteFunc(all, func(x Audit) bool { return x.last().Before(oldest) })
		return all[max(0, len(all)-most):]
	}
	a.Failed, a.Slow = keep(a.Failed, maxFailures), keep(a.Slow, maxSlow)
	slices.SortStableFunc(a.Lost, func(x, y Loss) int { return x.At.Compare(y.At) })
	a.Lost = slices.DeleteFunc(a.Lost, func(l Loss) bool { return l.At.Before(oldest) })
	a.Lost = a.Lost[max(0, len(a.Lost)-maxLost):]
}

// countedBetween is how many audits a satellite can have counted as failed in a time. It
// counts a piece that fails again, too.
func (a Audits) countedBetween(satellite string, after, until time.Time) int {
	within := func(at time.Time) bool { return at.After(after) && !at.After(until) }
	n := 0
	for _, f := range a.Failed {
		if f.Satellite == satellite && (within(f.At) || within(f.Again)) {
			n++
		}
	}
	return n
}

const (
	// scoreDelay is how old a score can be when the node says it: it is told every 4 hours.
	scoreDelay = 4*time.Hour + 5*time.Minute
	// countDelay is how late a failure can be in the score that a satellite tells: it puts
	// together what it counts before it writes it down.
	countDelay = 2 * time.Hour
)

// unscored counts the failures that the log shows and the score cannot know yet.
func (a Audits) unscored(s Standing, now time.Time) int {
	since := s.HeardAt.Add(-countDelay)
	for _, fall := range s.Falls {
		if fall.At.After(since) {
			since = fall.At // a score that has fallen knows what it fell for
		}
	}
	if s.Timestamp.Sub(s.HeardAt) > 3*scoreDelay {
		// The log does not tell the scores, or not any more.
		since = s.Timestamp.Add(-scoreDelay - countDelay)
	}
	return a.countedBetween(s.SatelliteID, since, now.Add(maxAhead))
}

// failedSince are the audits of a satellite that failed, or failed again, after a time; the one
// that did so last is the last.
func (a Audits) failedSince(satellite string, since time.Time) []Audit {
	var failed []Audit
	for _, f := range a.Failed {
		if f.Satellite == satellite && f.last().After(since) {
			failed = append(failed, f)
		}
	}
	slices.SortStableFunc(failed, func(x, y Audit) int { return x.last().Compare(y.last()) })
	return failed
}
