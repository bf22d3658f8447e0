package fleet

import (
	"encoding/json"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// evidence is the ear that notes what can be seen in a log. Like every ear, it is called
// by one at a time.
type evidence struct {
	history string
	known   seen
	kept    time.Time // the newest line's time when it was last put into the store
}

// seen is when what was seen last, in the log's own time.
type seen struct {
	Since  time.Time                        `json:"since"`
	Kinds  [concern.LineKinds]time.Time     `json:"kinds"`
	Levels [storagenode.Fatal + 1]time.Time `json:"levels"`
}

const (
	evidencePrefix = "evidence/"
	// evidenceInterval is between two writings of what hardly changes.
	evidenceInterval = time.Minute
)

func newEvidence(from *store.Store, history string) *evidence {
	e := &evidence{history: history}
	if document, ok := from.Document(evidencePrefix + history); ok {
		// What cannot be read is seen again with the next lines.
		_ = json.Unmarshal(document, &e.known)
	}
	return e
}

// Hear notes a line.
func (e *evidence) Hear(event *storagenode.Event) {
	e.note(concern.AnyLine, event)
	if at := &e.known.Levels[event.Level]; event.Time.After(*at) {
		*at = event.Time
	}
	if e.known.Since.IsZero() || event.Time.Before(e.known.Since) {
		e.known.Since = event.Time
	}
	switch event.Kind {
	case storagenode.UploadStarted, storagenode.DownloadStarted:
		e.note(concern.StartLines, event)
	case storagenode.UploadEnded, storagenode.DownloadEnded:
		e.note(concern.TransferLines, event)
		if event.Action == storagenode.GetAudit {
			e.note(concern.AuditLines, event)
		}
	case storagenode.ScoresUpdated, storagenode.ScoresWorsened:
		e.note(concern.ScoreLines, event)
	case storagenode.Pinged, storagenode.PingFailed, storagenode.PingGivenUp, storagenode.ContactWarning:
		e.note(concern.ContactLines, event)
	case storagenode.CompactionStarted, storagenode.CompactionFinished:
		e.note(concern.CompactionLines, event)
	}
}

func (e *evidence) note(kind concern.LineKind, event *storagenode.Event) {
	if at := &e.known.Kinds[kind]; event.Time.After(*at) {
		*at = event.Time
	}
}

// Flush keeps what was seen, now and then.
func (e *evidence) Flush(into *store.Batch) error {
	newest := e.known.Kinds[concern.AnyLine]
	if newest.Sub(e.kept) < evidenceInterval {
		return nil
	}
	document, err := json.Marshal(e.known)
	if err != nil {
		return err
	}
	into.Put(evidencePrefix+e.history, document)
	e.kept = newest
	return nil
}

// evidence is what can be seen in a log now.
func (s seen) evidence(now time.Time) concern.Evidence {
	found := concern.Evidence{HasLog: true, Since: s.Since, Last: s.Kinds}
	for level := storagenode.Debug; level <= storagenode.Fatal; level++ {
		if at := s.Levels[level]; !at.IsZero() && now.Sub(at) <= concern.EvidencePeriod {
			found.Level = level
			break
		}
	}
	return found
}
