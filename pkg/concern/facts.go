package concern

import "time"

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
	// Unreachable is since when it does not, and Tried when that was last seen; zero: it does.
	Unreachable time.Time `json:"unreachable,omitzero"`
	Tried       time.Time `json:"tried,omitzero"`
	// Back is when it last answered after it had not.
	Back time.Time `json:"back,omitzero"`
}

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
