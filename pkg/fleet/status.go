package fleet

import (
	"encoding/json"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Status is what the fleet knows of one node.
type Status struct {
	Name        string
	Key         string
	State       concern.State
	Since       time.Time // when the state began
	Started     time.Time // when collecting began
	Endpoint    string    // "" while it is being looked for
	LastSuccess time.Time
	LastError   string // of the last request that failed; "" once all went well again
	LogSettled  bool   // its log is followed, or it is known why not; also without a log
	Facts       concern.Facts
}

// Trouble is why the node gives nothing at the moment, or "".
func (s Status) Trouble() string {
	if s.LastError != "" {
		return s.LastError
	}
	if s.State == concern.Slow {
		return "the node has not answered yet, it is slow"
	}
	return ""
}

// learnFacts takes over what a node says of itself.
func learnFacts(f *concern.Facts, status storagenode.Status, at time.Time) {
	f.NodeID = status.NodeID
	f.Version = status.Version
	f.UpToDate = status.UpToDate
	f.StartedAt = status.StartedAt
	f.QUICStatus = status.QUICStatus
	if !status.LastPinged.IsZero() {
		f.LastPinged = status.LastPinged // zero after a restart: the last known one stays
	}
	if f.DiskKnown = status.DiskSpace.Known(); f.DiskKnown {
		f.DiskUsed, f.DiskFree = status.DiskSpace.Used(), status.DiskSpace.Free()
		f.DiskTrash, f.DiskAllocated = status.DiskSpace.Trash(), status.DiskSpace.Total()
	}
	f.At = at
	if !f.Unreachable.IsZero() {
		f.Back = at
	}
	f.Unreachable, f.Tried = time.Time{}, time.Time{}
}

const factsPrefix = "facts/"

func readFacts(from *store.Store, history string) concern.Facts {
	var facts concern.Facts
	if document, ok := from.Document(factsPrefix + history); ok {
		// Facts that cannot be read are learnt again at the next poll.
		_ = json.Unmarshal(document, &facts)
	}
	return facts
}

func putFacts(f concern.Facts, into *store.Batch, history string) error {
	document, err := json.Marshal(f)
	if err != nil {
		return err
	}
	into.Put(factsPrefix+history, document)
	return nil
}
