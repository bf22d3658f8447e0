package presence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

const (
	// startHold is how long after a start or an update silence is to be expected: the API
	// waits for the node's first look at its version and its disk.
	startHold = 30 * time.Minute
	// contactEnd is after how long without contact satellites disqualify a node.
	contactEnd = 30 * 24 * time.Hour
)

// reach is whether a node can be reached.
type reach struct {
	why     string        // it cannot be said
	pending bool          // it will be said in a moment
	failing bool          // its API does not answer
	since   time.Time     // neither API nor log said anything since
	out     time.Duration // for so long
	lost    bool          // for too long
}

// reached judges whether the node can be reached. It never says so by the log alone.
func (s *subject) reached(c conditions.Case) (r reach) {
	switch {
	case !s.HasAPI():
		return reach{why: whyNoAPI}
	case s.API != "" && !c.Settings.AllowsAPI(s.API):
		return reach{why: s.API + " is not on this machine and remote APIs are not allowed: allow them in the data source's settings"}
	case s.State == concern.Connecting && s.Trouble == "":
		return reach{why: "the node's API has not been asked yet since the start", pending: true}
	case s.Answers(), s.State == concern.Stopped:
		return reach{}
	}
	r.failing = true
	r.since = s.StateSince
	if r.since.IsZero() {
		r.since = c.Started
	}
	line := s.lastLine()
	if s.hasLog() {
		r.since = latest(r.since, line)
	}
	r.out = s.now.Sub(r.since)
	moves := s.hasLog() && !line.IsZero() && s.now.Sub(line) < concern.QuietLog
	held := s.now.Sub(s.lastStart()) < startHold
	long := r.out >= s.Thresholds.UnreachableWarning
	r.lost = !moves && !held && long
	if !moves && !long && !s.Answered.After(c.Started) {
		// It may have been away for long before: what was raised then is not over.
		r.why, r.pending = "the node has not answered since the watch began at "+moment(c.Started), true
	}
	return r
}

func (s *subject) judgeUnreachable(*bench) (*conditions.Finding, string) {
	r := s.reach
	if r.why != "" || !r.lost {
		return nil, r.why
	}
	found := &conditions.Finding{Severity: conditions.Warning, Value: r.out.Seconds(), Threshold: s.Thresholds.UnreachableWarning.Seconds(), Unit: "s", Since: r.since, Covers: []string{s.History}}
	if r.out >= s.Thresholds.UnreachableCritical {
		found.Severity, found.Threshold = conditions.Critical, s.Thresholds.UnreachableCritical.Seconds()
	}
	silent := ""
	if s.hasLog() {
		silent = ", and its log has no line since then"
	}
	found.Message = fmt.Sprintf("Node %s has not answered for %s, since %s%s (threshold: %s). %sCheck that the machine, its network and the node run. "+
		"Downtime lowers the online score; after 30 days without contact satellites disqualify a node.",
		s.Name, lasting(r.out), moment(r.since), silent, lasting(seconds(found.Threshold)), s.lastError())
	return found, ""
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// lastError is a sentence with what went wrong the last time.
func (s *subject) lastError() string {
	if s.Trouble == "" {
		return ""
	}
	return "Last error: " + sentence(s.Trouble) + " "
}

// standIn is what stands for a node's own node_unreachable.
type standIn uint8

const (
	nothing     standIn = iota
	aHost               // host_unreachable is raised
	anUndecided         // whether it is to be raised will be known in a moment
)

const whyHostUndecided = "another node on the same machine has not been asked yet since the start"

// hosts finds machines all of whose nodes cannot be reached, and says whose nodes they are.
func (b *bench) hosts(verdict *conditions.Verdict) (stoodFor map[*subject]standIn) {
	byHost := map[string][]*subject{}
	var order []string
	for _, s := range b.nodes {
		if s.Retired || s.reach.why != "" && !s.reach.pending || s.State == concern.Stopped {
			continue
		}
		if len(byHost[s.host]) == 0 {
			order = append(order, s.host)
		}
		byHost[s.host] = append(byHost[s.host], s)
	}
	stoodFor = map[*subject]standIn{}
	for _, host := range order {
		nodes := byHost[host]
		var names, histories []string
		var since time.Time
		pending := 0
		for _, s := range nodes {
			if s.reach.pending {
				pending++
			}
			if s.reach.lost {
				names, histories = append(names, s.Name), append(histories, s.History)
				since = latest(since, s.reach.since)
			}
		}
		if len(nodes) < 2 || len(names) == 0 || len(names)+pending < len(nodes) {
			continue
		}
		by := aHost
		if pending > 0 {
			by = anUndecided
		}
		for _, s := range nodes {
			stoodFor[s] = by
		}
		if pending > 0 {
			for _, s := range nodes {
				verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: hostUnreachable, History: s.History, Why: whyHostUndecided})
			}
			continue
		}
		out := b.Now.Sub(since)
		teller := b.teller(nodes)
		verdict.Findings = append(verdict.Findings, teller.complete(hostUnreachable, "", conditions.Finding{
			Severity: conditions.Critical, Value: float64(len(names)), Threshold: float64(len(nodes)), Unit: "short", Since: since, Covers: histories,
			Message: fmt.Sprintf("None of the %d nodes on %s has answered for %s, since %s: %s. %sCheck the machine's power and network, and the way to it from here. "+
				"After 30 days without contact satellites disqualify a node.",
				len(names), hostName(host), lasting(out), moment(since), listed(names), teller.lastError()),
		}))
	}
	return stoodFor
}

// teller is the node at which is told what is of all of them: one of which somebody is told,
// which those in maintenance may not be, and the same one whatever the order of the settings.
func (b *bench) teller(nodes []*subject) *subject {
	return slices.MinFunc(nodes, func(x, y *subject) int {
		if inX, inY := b.Now.Before(x.MaintenanceUntil), b.Now.Before(y.MaintenanceUntil); inX != inY {
			if inX {
				return 1
			}
			return -1
		}
		return strings.Compare(x.History, y.History)
	})
}

// judgeAPI is of an API that fails while the node runs.
func (s *subject) judgeAPI(*bench) (*conditions.Finding, string) {
	switch {
	case s.reach.why != "":
		return nil, s.reach.why
	case !s.reach.failing, s.reach.lost: // lost is graver, and stands for it
		return nil, ""
	case !s.hasLog():
		return nil, "whether the node runs cannot be told while its API does not answer: give its log in the data source's settings"
	case s.LogTrouble != "":
		return nil, "whether the node runs cannot be told while its API does not answer and its log cannot be read: " + s.LogTrouble
	}
	since, line := s.StateSince, s.lastLine()
	failing := s.now.Sub(since)
	// It moves where it moved since, and not so long ago that the node may be gone.
	moves := line.After(since) && s.now.Sub(line) < s.Thresholds.UnreachableWarning
	if !moves || failing < s.Thresholds.APISlowInfo {
		return nil, ""
	}
	if s.now.Sub(s.lastStart()) < startHold {
		// It has not answered: what was raised before the start is not over.
		return nil, fmt.Sprintf("the node started less than %s ago, and its API has not answered since", lasting(startHold))
	}
	found := &conditions.Finding{Severity: conditions.Info, Value: failing.Seconds(), Threshold: s.Thresholds.APISlowInfo.Seconds(), Unit: "s", Since: since}
	if failing >= s.Thresholds.APISlowWarning {
		found.Severity, found.Threshold = conditions.Warning, s.Thresholds.APISlowWarning.Seconds()
	}
	// Only a node that has started has transfers. Other lines may be the last that it writes.
	but := "its log moves: it"
	if s.Evidence.Last[transferLines].After(since) {
		but = "the node runs: its log"
	}
	found.Message = fmt.Sprintf("The API of node %s has not answered for %s, since %s (threshold: %s), but %s had a line at %s. %sScores, contact and disk are not seen meanwhile. "+
		"Look at the load of the disk; where the connection is refused, at console.address and the API address in the settings.",
		s.Name, lasting(failing), moment(since), lasting(seconds(found.Threshold)), but, moment(line), s.lastError())
	return found, ""
}

// judgeWrongPair is of a log and an API that are not of one node.
func (s *subject) judgeWrongPair(*bench) (*conditions.Finding, string) {
	if s.WrongPair != "" {
		return &conditions.Finding{
			Severity: conditions.Critical, Value: 2, Threshold: 1, Unit: "short",
			Message: fmt.Sprintf("Log and API of node %s are 2 different nodes, not 1: %s. Neither node is watched rightly. "+
				"Correct the log (%s) or the API address of this node in the data source's settings.", s.Name, strings.TrimSuffix(s.WrongPair, "."), s.Log),
		}, ""
	}
	// Where one of them is not given, it is the other's node. Where the log has not named its
	// node yet, it is what the settings say: a forwarder repeats no line, and it may be weeks
	// until the next start, for which nobody is to wait with a node that is not wholly watched.
	return nil, ""
}
