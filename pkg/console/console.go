// Package console shows a fleet of storage nodes in a terminal: each node's state, its scores per satellite, and what is
// left of its budgets, from the same frames that the panels of the Reputation dashboard read.
//
// It knows the names of the frames' fields and how to draw them. It does not know where the frames come from: a Source
// may be a compiled plugin, a fleet in the same process, or a test. Drawing is pure: Render turns a Snapshot into text,
// and only Watch touches the terminal and the clock.
package console

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Source answers what the Reputation dashboard asks.
type Source interface {
	// Nodes is the answer to {"queryType":"nodes","format":"table"}.
	Nodes(ctx context.Context) (data.Frames, error)
	// Reputation is the answer to {"queryType":"reputation","format":"table"}.
	Reputation(ctx context.Context) (data.Frames, error)
	// Health is what "Save & test" says. It reaches out to the nodes, so it is asked far less often than the other two.
	Health(ctx context.Context) (Health, error)
}

// Health is the data source's health check with its list of checks.
type Health struct {
	Message string  `json:"-"`
	Checks  []Check `json:"checks"`
}

// Check is one thing that was checked. Node is empty for what belongs to the data source itself.
type Check struct {
	Node    string `json:"node"`
	Check   string `json:"check"`
	Status  string `json:"status"` // ok, info, warning, error
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

// Snapshot is everything that one round of questions brought.
type Snapshot struct {
	// At is when the questions were asked.
	At time.Time
	// StaleAfter is the age from which a value says nothing of the present. Zero means DefaultStaleAfter.
	StaleAfter time.Duration
	Nodes      []Node
	// Remarks are the frames' notices, failed questions, and what the health check wants mended.
	Remarks []Remark
	// Answered is false until the source has answered for the first time.
	Answered bool
}

// DefaultStaleAfter is two polls at the default interval.
const DefaultStaleAfter = 10 * time.Minute

// Node is one node's line of the `nodes` table and its satellites of the `reputation` table. A nil pointer or a zero
// time means: not known.
type Node struct {
	Name        string
	State       string // connecting, connected, slow, unreachable
	StateSince  time.Time
	LastSuccess time.Time
	LastError   string
	Version     string
	UpToDate    *bool
	StartedAt   time.Time
	QUIC        string
	DiskUsed    *float64
	DiskTotal   *float64
	Payout      *float64 // USD, this month
	Health      *float64 // percent
	Satellites  []Satellite
}

// Satellite is what one satellite thinks of one node.
type Satellite struct {
	Name             string
	Audit            Score
	Suspension       Score
	Online           Score
	FailedAuditsLeft *float64
	DowntimeLeft     *time.Duration
	RecoversAt       time.Time
	Disqualified     *bool
	Suspended        *bool
	OfflineSuspended *bool
	Vetted           *bool
	VettingProgress  *float64
	At               time.Time // when the node last said so
}

// Score is a percentage, and what the frame's own thresholds make of it.
type Score struct {
	Percent *float64
	Judged  Severity
}

// Remark is a sentence for the operator.
type Remark struct {
	Severity Severity
	Node     string
	Text     string
	Mend     string
}
