package fleet

import (
	"encoding/json"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// State is how well a node's API can be reached.
type State string

// The states of a node.
const (
	Connecting  State = "connecting"  // no answer yet, or its address is being looked for
	Connected   State = "connected"   // answers
	Slow        State = "slow"        // answers later than a person would wait
	Unreachable State = "unreachable" // does not answer, or not as a node does
	Stopped     State = "stopped"     // nothing collects: what is stored is read
)

// Status is what the fleet knows of one node.
type Status struct {
	Name        string
	Key         string
	State       State
	Since       time.Time // when the state began
	Started     time.Time // when collecting began
	Endpoint    string    // "" while it is being looked for
	LastSuccess time.Time
	LastError   string // of the last request that failed; "" once all went well again
	Facts       Facts
}

// Trouble is why the node gives nothing at the moment, or "".
func (s Status) Trouble() string {
	if s.LastError != "" {
		return s.LastError
	}
	if s.State == Slow {
		return "the node has not answered yet, it is slow"
	}
	return ""
}

// Facts is what a node last said of itself, kept over restarts.
type Facts struct {
	NodeID         string    `json:"nodeId"`
	Version        string    `json:"version"`
	UpToDate       bool      `json:"upToDate"`
	StartedAt      time.Time `json:"startedAt"`
	LastPinged     time.Time `json:"lastPinged"`
	QUICStatus     string    `json:"quicStatus"`
	DiskKnown      bool      `json:"diskKnown"`
	DiskUsed       int64     `json:"diskUsed"`
	DiskFree       int64     `json:"diskFree"`
	DiskTrash      int64     `json:"diskTrash"`
	DiskAllocated  int64     `json:"diskAllocated"`
	EstimatedCents *float64  `json:"estimatedCents,omitempty"` // this month's payout
	At             time.Time `json:"at"`                       // when the node last answered
}

func (f *Facts) learn(status storagenode.Status, at time.Time) {
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
}

const factsPrefix = "facts/"

func readFacts(from *store.Store, history string) Facts {
	var facts Facts
	if document, ok := from.Document(factsPrefix + history); ok {
		// Facts that cannot be read are learnt again at the next poll.
		_ = json.Unmarshal(document, &facts)
	}
	return facts
}

func (f Facts) put(into *store.Batch, history string) error {
	document, err := json.Marshal(f)
	if err != nil {
		return err
	}
	into.Put(factsPrefix+history, document)
	return nil
}
