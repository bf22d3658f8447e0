// Package concern is the one interface between the fleet and what it watches
// over: reputation, traffic and the others. A concern turns what a node says into
// samples and documents, and answers the query types it owns.
//
// It knows what a query is and what a poll is. It knows no concern, no fleet and
// no Grafana handler.
package concern

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Concern records one side of a node's life and answers queries about it.
// Adding one is adding its folder and one line in the fleet's registry.
type Concern interface {
	// Record turns a poll into samples and documents. It is called for one node at
	// a time; previous documents are read from the store.
	Record(node Node, poll Poll, from *store.Store, into *store.Batch) error
	// Policies say how long its families of series are kept, and in which steps.
	Policies(settings.Retention) map[string]store.Policy
	// Types are the query types that the concern answers.
	Types() []Type
	// Answer answers a query of one of its types.
	Answer(ctx context.Context, request Request) (data.Frames, error)
}

// Node is a node as a concern sees it.
type Node struct {
	settings.Node
	// History is the key under which the node's series and documents are stored.
	// It stays when the node is renamed.
	History string
}

// StoredAs is the name, in the store, of this node's part of a concern: of the group
// of its series and of its document.
func (n Node) StoredAs(concern string) string { return concern + "/" + n.History }

// Poll is what requests to a node's API gave. A nil answer was not asked for, or
// did not come.
type Poll struct {
	At       time.Time     // when the answers were there
	Slot     time.Time     // what samples are stamped with: the start of the interval
	Interval time.Duration // between polls of this kind
	Status   *storagenode.Status
	Scores   *storagenode.Scores
	Payout   *storagenode.EstimatedPayout
	// Debug is what the node's debug port says, where the settings have its address.
	Debug *storagenode.DebugMetrics
}

// Type describes a query type: what may be asked of it.
type Type struct {
	Name    string
	Formats []Format // the first is the default
	Metrics []string // empty: the type has no metrics to choose from
	GroupBy []string // by what its series may be grouped; empty: by nothing
	Filters []Filter // what else than nodes and satellites may select
}

// Filter is one of a query's optional lists.
type Filter string

// The filters. Which of them a query type has, its Type says.
const (
	Actions  Filter = "actions"
	Outcomes Filter = "outcomes"
	Kinds    Filter = "kinds"
)

// Watched is a node together with how well it can be seen now.
type Watched struct {
	Node
	Since   time.Time // when collecting began
	Trouble string    // why the node's API gives nothing at the moment, or ""
	// LogTrouble is why the node's log gives nothing at the moment, or "".
	LogTrouble string
	Evidence   Evidence
	// Of the node's API.
	State      State
	StateSince time.Time
	Endpoint   string    // "" while it is not known
	Answered   time.Time // when it last answered; zero: never
	Facts      Facts
	// WrongPair says that log and API are of different nodes; "" they are not, or it is not known.
	WrongPair string
	// Of the node's log.
	LogBehind int64     // bytes that are not read yet
	LogRead   time.Time // when the last line was read
	LogSince  time.Time // since when the log is read, or cannot be
}

const (
	// BehindBytes is more than the rest of a line that was not written to its end. It is little:
	// a node with little to do writes as much in a day.
	BehindBytes = 4 << 10
	// QuietLog is how long a log may pause and still count as moving.
	QuietLog = 5 * time.Minute
)

// Answers says whether the node's API answers, however late.
func (w *Watched) Answers() bool { return w.State == Connected || w.State == Slow }

// HasAPI says whether an address of its API is known, now or before.
func (w *Watched) HasAPI() bool { return w.Endpoint != "" || w.API != "" || !w.Answered.IsZero() }

// Unread is why the log does not tell of now, or "".
func (w *Watched) Unread(now time.Time) string {
	switch {
	case w.LogTrouble != "":
		return "the log cannot be read: " + w.LogTrouble
	case w.LogBehind > BehindBytes && w.Quiet(now):
		return "the log is still being read"
	}
	return ""
}

// Quiet says whether the newest line that was read is not of just now.
func (w *Watched) Quiet(now time.Time) bool { return now.Sub(w.Evidence.Last[AnyLine]) > QuietLog }

// Request is a query, ready to be answered.
type Request struct {
	Query     Query
	Watched   []Watched // the nodes that the query selects
	From, To  time.Time
	Step      time.Duration // between points that Grafana can draw
	MaxPoints int64
	Now       time.Time
	Settings  settings.Settings
	Store     *store.Store
}
