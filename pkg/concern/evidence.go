package concern

import (
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

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

// firstTransfer is how long the first transfer in a new log may take.
const firstTransfer = 4 * time.Hour

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

// Blind says why lines of a kind cannot be seen, and what to change; both are empty where
// they can. A kind that is rare by nature is not missed before a day is over.
func (e Evidence) Blind(kind LineKind, now time.Time) (why, mend string) {
	switch {
	case !e.HasLog:
		return "this node has no log here", "give the node's log in the data source's settings"
	case e.Since.IsZero():
		return "no line of the node's log was read yet", "check that the node writes to this log"
	case e.Sees(kind, now):
		return "", ""
	case !e.Sees(AnyLine, now):
		return fmt.Sprintf("the log has had no line since %s", e.Last[AnyLine].UTC().Format("2006-01-02 15:04 UTC")), "check that the node runs and writes to this log"
	case e.Level > storagenode.Info:
		return fmt.Sprintf("the log has no line below %s", e.Level), "set log.level: info in the node's config.yaml and restart the node"
	case kind == StartLines:
		return "the log does not say when a transfer begins", "set log.level: debug in the node's config.yaml, or log.custom-level: piecestore=DEBUG, and restart the node"
	case (kind == TransferLines || kind == AuditLines) && e.Last[TransferLines].IsZero() && now.Sub(e.Since) < firstTransfer:
		return fmt.Sprintf("no transfer is in the log yet, which begins at %s", e.Since.UTC().Format("15:04 UTC")), "wait for the first one"
	case kind == TransferLines, kind == AuditLines && !e.Sees(TransferLines, now):
		return "no transfer is in the log of the last 24 hours", "remove log.custom-level from the node's config.yaml and restart the node; a node without any traffic shows this too"
	}
	return "", ""
}
