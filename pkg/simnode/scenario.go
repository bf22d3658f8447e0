package simnode

import (
	"fmt"
	"strings"
	"time"
)

// Scenario is what goes wrong with a node, from [Options].TroubleAt on. Until
// then every node is healthy.
type Scenario string

// The scenarios.
const (
	// Healthy has what every node has: lost races, clients that hang up,
	// restarts, updates, garbage collection, a satellite's maintenance.
	Healthy Scenario = "healthy"
	// FailingAudits has lost all the pieces of one satellite: every audit of
	// that satellite fails, 41 in a row disqualify the node there.
	FailingAudits Scenario = "failing-audits"
	// AuditTimeouts has a disk so slow that audits run into the satellite's
	// time limit: contained, asked again three times, then failed, without one
	// error in the log.
	AuditTimeouts Scenario = "audit-timeouts"
	// UnknownErrors cannot read its pieces: unknown audit errors, suspension.
	UnknownErrors Scenario = "unknown-errors"
	// FlakyUplink loses its Internet connection for about half of the time:
	// the online score falls for 30 days until the offline suspension.
	FlakyUplink Scenario = "flaky-uplink"
	// FillingDisk fills up until uploads are refused, silently.
	FillingDisk Scenario = "filling-disk"
	// Restarting cannot verify its storage folder: it stops itself and is
	// started again every few minutes, for an hour out of six.
	Restarting Scenario = "restarting"
	// SilencedLog runs with log.custom-level piecestore=FATAL: no transfer and
	// no failed audit can be seen in its log.
	SilencedLog Scenario = "silenced-log"
	// Dead is gone: no line, no answer, no contact; after 30 days disqualified.
	Dead Scenario = "dead"
	// SlowAPI answers correctly, but only after [Options].APIDelay.
	SlowAPI Scenario = "slow-api"
	// HTMLInsteadOfJSON answers every request with a web page and 200, as a
	// wrong port or a proxy does.
	HTMLInsteadOfJSON Scenario = "html-instead-of-json"
)

// Scenarios lists all scenarios.
func Scenarios() []Scenario {
	return []Scenario{
		Healthy, FailingAudits, AuditTimeouts, UnknownErrors, FlakyUplink, FillingDisk,
		Restarting, SilencedLog, Dead, SlowAPI, HTMLInsteadOfJSON,
	}
}

// ParseScenario finds a scenario by its name; empty means healthy.
func ParseScenario(name string) (Scenario, error) {
	if name == "" {
		return Healthy, nil
	}
	var names []string
	for _, s := range Scenarios() {
		if string(s) == name {
			return s, nil
		}
		names = append(names, string(s))
	}
	return "", fmt.Errorf("simnode: no scenario %q: give one of %s", name, strings.Join(names, ", "))
}

// fault is what an audit, or a customer's download, meets.
type fault uint8

const (
	noFault fault = iota
	pieceLost
	pieceTimesOut
	pieceUnreadable
)

// troubled says whether the scenario's trouble is on at a time.
func (n *Node) troubled(at int64) bool {
	return at >= n.troubleAt && at < n.troubleEnds
}

// faultOf draws what the next read of a satellite's piece meets.
func (n *Node) faultOf(sat uint8, at int64, draw float64) fault {
	if sat != n.faulty || !n.troubled(at) || draw >= n.opt.FaultShare {
		return noFault
	}
	switch n.opt.Scenario {
	case FailingAudits:
		return pieceLost
	case AuditTimeouts:
		return pieceTimesOut
	case UnknownErrors:
		return pieceUnreadable
	}
	return noFault
}

// diskSlowness is the factor by which reads and writes take longer.
func (n *Node) diskSlowness(at int64) float64 {
	if n.opt.Scenario == AuditTimeouts && n.troubled(at) {
		return 8
	}
	return 1
}

const (
	uplinkCycle  = 6 * time.Hour      // flaky-uplink: one time down and one time up, on average
	crashEvery   = 4 * time.Minute    // restarting: between the crashes of a bad hour
	crashBurst   = time.Hour          // restarting: how long a bad time lasts
	crashCycle   = 6 * time.Hour      // restarting: from one bad time to the next
	fillTime     = 6 * 24 * time.Hour // filling-disk: from the trouble's start until full
	restartEvery = 9 * 24 * time.Hour // the operator's own restarts
	updateAfter  = 16 * 24 * time.Hour
)

// planTrouble plans what the scenario does on its own.
func (n *Node) planTrouble() {
	switch n.opt.Scenario {
	case FlakyUplink:
		n.plan(event{at: n.troubleAt, kind: evUplink})
	case Restarting:
		n.plan(event{at: n.troubleAt, kind: evCrash})
	case SilencedLog:
		// the configuration changes with a restart
		if n.troubleAt > n.now {
			n.plan(event{at: n.troubleAt, kind: evStop, ref: 1})
		}
		n.plan(event{at: n.troubleEnds, kind: evStop, ref: 1})
	case Dead:
		n.plan(event{at: n.troubleAt, kind: evDie})
	}
}

// switchUplink takes the uplink down or brings it back, and plans the next time.
func (n *Node) switchUplink(e event) {
	if !n.troubled(e.at) {
		n.uplinkDown = false
		return
	}
	n.uplinkDown = !n.uplinkDown
	share := n.opt.FaultShare
	if !n.uplinkDown {
		share = 1 - share
	}
	// never shorter than a third of the mean, so that every window sees some
	hours := uplinkCycle.Hours() * share * (1.0/3 + 2.0/3*n.chores.ExpFloat64())
	n.plan(event{at: e.at + int64(hours*float64(time.Hour)), kind: evUplink})
}

// nextCrash is when the restarting node dies again after a start.
func (n *Node) nextCrash(at int64) int64 {
	next := at + int64(crashEvery) + int64(n.chores.Float64()*float64(time.Minute))
	if into := (next - n.troubleAt) % int64(crashCycle); into > int64(crashBurst) {
		next += int64(crashCycle) - into
	}
	return next
}

// customLevel is the node's log.custom-level at a time.
func (n *Node) customLevel(at int64) string {
	if n.opt.Scenario == SilencedLog && n.troubled(at) {
		return "piecestore=FATAL"
	}
	return n.opt.CustomLevel
}
