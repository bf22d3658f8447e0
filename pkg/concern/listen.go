package concern

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Listener is a concern that learns from a node's log, too.
type Listener interface {
	Concern
	// Listen gives an ear for one node. What it needs of the past it reads from the
	// store: after a crash that is exactly what the log's position stands for.
	Listen(node Node, from *store.Store) Ear
}

// Ear turns the lines of one node's log into what its concern records. It is called
// from one goroutine at a time. Lines come in the order of the log as a rule, but a
// rotated file or the log of yesterday may be read beside the one of today.
type Ear interface {
	// Hear takes one line. It is called for every line of every log: it should cost
	// next to nothing where the line does not matter, and no memory for transfers.
	Hear(event *storagenode.Event)
	// Flush adds what was heard since the last Flush to a batch that also holds the
	// log's position: both count, or neither.
	Flush(into *store.Batch) error
}

// LineKind is a group of lines that a concern depends on.
type LineKind uint8

// The kinds of lines that can be visible or not.
const (
	TransferLines   LineKind = iota // finished uploads and downloads
	StartLines                      // started ones: DEBUG, or an old version
	AuditLines                      // finished audits
	ScoreLines                      // scores that the node was told
	ContactLines                    // what the node says of its contact with satellites
	CompactionLines                 // of the hashstore
	AnyLine                         // any line at all
	LineKinds                       // how many kinds there are
)

// EvidencePeriod is how long a line proves that its kind can be seen.
const EvidencePeriod = 24 * time.Hour

// Evidence is what can be seen in a node's log. The zero value: nothing.
type Evidence struct {
	HasLog bool                 // a log is configured
	Level  storagenode.Level    // the lowest that was seen in the last day; 0: none
	Since  time.Time            // the first line that was ever seen
	Last   [LineKinds]time.Time // when a line of each kind was written last; zero: never
}

// Sees says whether lines of a kind can be seen: whether there was one in the last day.
func (e Evidence) Sees(kind LineKind, now time.Time) bool {
	return !e.Last[kind].IsZero() && now.Sub(e.Last[kind]) <= EvidencePeriod
}
