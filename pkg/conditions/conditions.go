// Package conditions is what an operator is told: what a condition is, which of them
// hold, when that changed, and what was so at the moment of a disqualification.
//
// It knows severities, findings, states and their history. What is wrong with a node the
// judges know, which are the concerns; who is told, Grafana knows.
package conditions

import (
	"context"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Severity says how grave a condition is. Who is notified begins at Warning.
type Severity int

// The severities. NotWatched is below all others, so that it is above no limit of an alert
// rule, and it is not OK, so that nothing shows it as well.
const (
	NotWatched Severity = -1 // the evidence is missing: neither well nor raised
	OK         Severity = 0
	Info       Severity = 1
	Warning    Severity = 2
	Critical   Severity = 3
)

// String is the severity in a word or two, as tables have it.
func (s Severity) String() string {
	switch s {
	case NotWatched:
		return "not watched"
	case OK:
		return "ok"
	case Info:
		return "info"
	case Warning:
		return "warning"
	}
	return "critical"
}

// Definition is one row of the table of conditions: what can be raised, and what is to be
// known of it before it is. The alert rules and the documentation are made of it.
type Definition struct {
	Code  string
	Group string // of alert rules; about five codes share one
	// Severities are those that it can have, ascending; one that is never above Info
	// has no alert rule.
	Severities []Severity
	Title      string // as in "Node Suspended on {satellite}"
	When       string // it is raised
	Clears     string // when
	Do         string // what the operator does about it
	// AtOnce says that time counts: its rules do not wait before they fire.
	AtOnce bool
	// Event says that it is about something that happened, and not a state: it clears
	// with time, and an Editor can clear it before.
	Event bool
	// Score is what it is about where several conditions are about the same, such as
	// "audit": of those only the gravest is raised at a node and satellite. "": it stands
	// for itself.
	Score string
	// NeedsNode says that it is about what a node does while it can be reached: while it
	// cannot, it is not raised anew. What is raised stays.
	NeedsNode bool
}

// Monitor is the history of what is found of the monitor itself and not of a node. Its rows
// have an empty node.
const Monitor = ""

// Finding is a condition that holds now.
type Finding struct {
	Code      string
	History   string // of the node, or Monitor
	Satellite string // its id; "" where it is about the node as a whole
	Severity  Severity
	Title     string
	Message   string // what happened, how far it is from the end, what to do
	Value     float64
	Threshold float64
	Unit      string // of both, as Grafana names units
	// Since is when it began, where the judge knows better than that it holds now.
	Since time.Time
	// Last is when it last happened, of an Event condition that can happen again while it
	// is raised. What an Editor cleared is raised again by a later one, or by a higher number
	// where the Value is one of things (its Unit is "short").
	Last time.Time
	// Covers are the histories of the nodes that cannot be reached, by this finding: what
	// needs these nodes is not raised beside it.
	Covers []string
}

// ofCounts is the Unit of a Value that says how many.
const ofCounts = "short"

// Unseen is a condition that nobody can judge at a node now.
type Unseen struct {
	Code    string
	History string
	// Satellite is the id of the one at which it cannot be judged; "": at none of them. What
	// is raised at another clears as ever.
	Satellite string
	Why       string // and what to change
	// Gone says that it cannot be any more, because what it is about is no longer
	// configured: what is raised and not found clears, for this reason. What merely cannot
	// be seen stays as it is, except where it is of an Event condition: that is known to have
	// happened, so a judge goes on finding it until its time is over, seen or not.
	Gone bool
}

// Verdict is what a judge found at all nodes.
type Verdict struct {
	Findings []Finding
	Unseen   []Unseen
}

// Case is what a judge looks at. Retired nodes and muted satellites are in it; what is found
// of them is dropped later.
type Case struct {
	Nodes    []concern.Watched
	Store    *store.Store
	Settings settings.Settings
	Now      time.Time
	// Started is when the plugin began to collect.
	Started time.Time
}

// Judge is a concern that raises conditions. It looks at what is stored, so that it finds the
// same after a restart.
type Judge interface {
	Conditions() []Definition
	Judge(ctx context.Context, c Case) (Verdict, error)
}

// Witness is a judge that remembers what led to a condition. What it says is frozen when a
// node is disqualified or suspended.
type Witness interface {
	// Testify tells what happened to a node and a satellite in a time, as lines for people.
	Testify(ctx context.Context, c Case, node concern.Node, satellite string, from, to time.Time) ([]Exhibit, error)
}

// Exhibit is one part of a post-mortem.
type Exhibit struct {
	Title string   `json:"title"`
	Lines []string `json:"lines"`
}
