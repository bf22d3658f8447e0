package upkeep

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

// ear hears of one node's upkeep. What it hears waits for the Flush, where it is put into
// the order of time and into the document.
type ear struct {
	node   concern.Node
	from   *store.Store
	heard  []fact
	orders []order
	moved  map[hour]float64
	noted  map[string]time.Time // when of each satellite a migrated piece was last a fact
}

// fact is what one line says.
type fact struct {
	at        time.Time
	kind      storagenode.Kind
	satellite string
	place     string // the store of a compaction, the filewalker of a walk
	duration  time.Duration
	failed    bool
	pieces    int64
	bytes     int64 // reclaimed, found or migrated
	rewritten int64
}

// hour is what the migration is counted by.
type hour struct {
	start             int64 // milliseconds UTC
	column, satellite string
}

const (
	piecesColumn   = "pieces"
	bytesColumn    = "bytes"
	satelliteLabel = "satellite"
)

// maxHeard bounds what is kept until the next flush. It is asked for when half of that came,
// so that only a block of far more lines than there can be would lose any.
const maxHeard = 20_000

// Full says whether it is time for a flush.
func (e *ear) Full() bool {
	return max(len(e.heard), len(e.orders), len(e.moved)) >= maxHeard/2
}

// Hear takes a line.
func (e *ear) Hear(event *storagenode.Event) {
	switch event.Kind {
	case storagenode.OrdersSettled, storagenode.OrdersFailed, storagenode.OtherLine:
		if o, ok := orderOf(event); ok && len(e.orders) < maxHeard {
			e.orders = append(e.orders, o)
		}
	case storagenode.NodeStart, storagenode.CompactionStarted, storagenode.MigrationStarted, storagenode.MigrationFinished,
		storagenode.TrashEmptyingStarted, storagenode.TrashEmptyingFailed, storagenode.RetainPrepared, storagenode.RetainFailed:
		e.note(event, fact{})
	case storagenode.CompactionFinished, storagenode.CompactionFailed:
		duration, _ := event.DurationOf("duration")
		_, failed := event.Text("error")
		e.note(event, fact{duration: duration, failed: failed || event.Kind == storagenode.CompactionFailed})
	case storagenode.CompactionRewritten:
		// Two lines tell of it; this is the one that says what it gave.
		if reclaimed, ok := event.Bytes("reclaimed_bytes"); ok {
			rewritten, _ := event.Bytes("rewritten_bytes")
			e.note(event, fact{bytes: max(reclaimed, 0), rewritten: max(rewritten, 0)})
		}
	case storagenode.WalkerStarted, storagenode.WalkerFinished, storagenode.WalkerFailed:
		duration, _ := event.DurationOf("duration")
		f := fact{duration: duration, pieces: -1}
		if pieces, ok := event.Int("total_pieces_count"); ok {
			f.pieces = pieces
			f.bytes, _ = event.Int("total_pieces_content_size")
		}
		e.note(event, f)
	case storagenode.TrashEmptied:
		duration, _ := event.DurationOf("elapsed")
		e.note(event, fact{duration: duration})
	case storagenode.RetainFinished:
		duration, _ := event.DurationOf("duration")
		e.note(event, fact{duration: duration})
	case storagenode.PieceMigrated:
		e.count(event.Time, event.Satellite, 1, max(event.Size, 0))
		// There can be hundreds a second: the document need not change with each.
		if noted := e.noted[event.Satellite]; event.Time.Sub(noted).Abs() >= time.Minute && len(e.noted) <= maxSatellites {
			e.noted[strings.Clone(event.Satellite)] = event.Time
			e.note(event, fact{})
		}
	case storagenode.PiecesMigrated:
		if pieces, ok := event.Int("successes"); ok {
			size, _ := event.Int("size")
			e.note(event, fact{pieces: max(pieces, 0), bytes: max(size, 0)})
		}
	}
}

func (e *ear) note(event *storagenode.Event, f fact) {
	f.at, f.kind = event.Time, event.Kind
	if len(e.heard) >= maxHeard {
		return
	}
	f.satellite = strings.Clone(event.Satellite)
	switch f.kind {
	case storagenode.WalkerStarted, storagenode.WalkerFinished, storagenode.WalkerFailed:
		f.place = walkerOf(event)
	default:
		place, _ := event.Text("store")
		f.place = place[:min(len(place), maxPlace)]
	}
	e.heard = append(e.heard, f)
}

// maxPlace is the longest name of a store.
const maxPlace = 20

// walkerOf is the filewalker that a line is of, in this concern's words.
func walkerOf(event *storagenode.Event) string {
	switch event.Walker() {
	case "gc":
		return garbage
	case "trash-cleanup":
		return trash
	case "used-space":
		return usedSpace
	}
	return ""
}

// count counts migrated pieces.
func (e *ear) count(at time.Time, satellite string, pieces, bytes int64) {
	if len(e.moved) >= maxHeard {
		return
	}
	start := at.Truncate(time.Hour).UnixMilli()
	e.moved[hour{start, piecesColumn, satellite}] += float64(pieces)
	e.moved[hour{start, bytesColumn, satellite}] += float64(bytes)
}

// Flush puts what was heard into the node's document, and the counts of the migration
// into their group.
func (e *ear) Flush(into *store.Batch) error {
	for at, count := range e.moved {
		if count > 0 {
			into.Add(e.node.StoredAs(migrationName), at.start, store.Sample{Column: store.NewColumn(at.column, satelliteLabel, at.satellite), Value: count})
		}
	}
	clear(e.moved)
	if err := e.flushOrders(into); err != nil {
		return err
	}
	if len(e.heard) == 0 {
		return nil
	}
	facts := e.heard
	e.heard = nil
	slices.SortStableFunc(facts, func(a, b fact) int { return a.at.Compare(b.at) })
	s := read(e.from, e.node)
	for _, f := range facts {
		if pieces, bytes := s.learn(f); pieces > 0 {
			into.Add(e.node.StoredAs(migrationName), f.at.Truncate(time.Hour).UnixMilli(),
				store.Sample{Column: store.NewColumn(piecesColumn, satelliteLabel, ""), Value: float64(pieces)},
				store.Sample{Column: store.NewColumn(bytesColumn, satelliteLabel, ""), Value: float64(bytes)})
		}
	}
	s.trim()
	document, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the upkeep of %s: %w", e.node.Name, err)
	}
	into.Put(e.node.StoredAs(name), document)
	return nil
}
