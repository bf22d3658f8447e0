package presence

import (
	"fmt"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const (
	quicLeastPolls = 3
	freshContact   = 2 * time.Hour // a satellite pings each hour

	// failedPings is how often a ping has to fail: one time is nothing.
	failedPings = 2
)

// judgeContact is of a node that no satellite reaches.
func (s *subject) judgeContact(*bench) (*conditions.Finding, string) {
	if why := s.unpolled(); why != "" {
		return nil, why
	}
	p := &s.polled
	if len(p.Satellites) == 0 && len(p.Left) > 0 {
		return nil, "" // all satellites have disqualified it
	}
	contact, what := p.LastPinged, "No satellite has reached node"
	if contact.IsZero() {
		contact, what = p.StartedAt, "No satellite has ever reached node"
		if contact.IsZero() {
			return nil, "the node does not say when it was last in contact"
		}
	}
	age := p.At.Sub(contact)
	if age < s.Thresholds.NoContactWarning {
		return nil, ""
	}
	if !s.settled() {
		return nil, fmt.Sprintf("the last contact is %s old, but the node or the watch over it began less than %s ago", lasting(age), lasting(startHold))
	}
	failed, shown := s.failedSince(contact)
	if shown && failed == nil {
		return nil, ""
	}
	found := &conditions.Finding{Severity: conditions.Warning, Value: age.Seconds(), Threshold: s.Thresholds.NoContactWarning.Seconds(), Unit: "s", Since: contact}
	if age >= s.Thresholds.NoContactCritical {
		found.Severity, found.Threshold = conditions.Critical, s.Thresholds.NoContactCritical.Seconds()
	}
	ping := ""
	if failed != nil {
		ping = fmt.Sprintf("The last ping of %s failed at %s", storagenode.SatelliteName(failed.Satellite), moment(failed.To))
		if failed.Reason != "" {
			ping += ": " + sentence(failed.Reason) + " "
		} else {
			ping += ". "
		}
	}
	end := fmt.Sprintf("After 30 days without contact satellites disqualify the node: in %s.", lasting(contactEnd-age))
	if age >= contactEnd {
		end = "After 30 days without contact satellites disqualify the node, and these are over."
	}
	found.Message = fmt.Sprintf("%s %s for %s, since %s (threshold: %s). %s%s Check the port forwarding (TCP and UDP), the firewall and the node's external address.",
		what, s.Name, lasting(age), moment(contact), lasting(seconds(found.Threshold)), ping, end)
	return found, ""
}

// failedSince is the last row of failed pings after a time; shown says whether the log would
// show one.
func (s *subject) failedSince(contact time.Time) (failed *spell, shown bool) {
	for i := range s.heard.Pings {
		if p := &s.heard.Pings[i]; p.To.After(contact) && (failed == nil || p.To.After(failed.To)) {
			failed = p
		}
	}
	level := s.Evidence.Level
	return failed, s.unreadLog() == "" && level != 0 && level <= storagenode.Error
}

// judgeQUIC is of QUIC that never works.
func (s *subject) judgeQUIC(*bench) (*conditions.Finding, string) {
	if why := s.unpolled(); why != "" {
		return nil, why
	}
	p := &s.polled
	lasted := p.At.Sub(p.QUICSince)
	if p.QUICSince.IsZero() || p.QUICPolls < quicLeastPolls || lasted < s.Thresholds.QUICBroken {
		return nil, ""
	}
	if p.At.Sub(p.LastPinged) > freshContact {
		return nil, "no satellite has reached the node for " + lasting(freshContact) + ", so that it may be more than QUIC"
	}
	return &conditions.Finding{
		Severity: conditions.Info, Value: lasted.Seconds(), Threshold: s.Thresholds.QUICBroken.Seconds(), Unit: "s", Since: p.QUICSince,
		Message: fmt.Sprintf("QUIC of node %s has been misconfigured at each of %d polls for %s (threshold: %s), while satellites reach it over TCP. Forward the node's port for UDP, too.",
			s.Name, p.QUICPolls, lasting(lasted), lasting(s.Thresholds.QUICBroken)),
	}, ""
}

// satellites finds satellites that fail for many nodes, so that it is not the nodes'.
func (b *bench) satellites(verdict *conditions.Verdict) {
	failing := map[string][]*subject{}
	knowing := map[string][]*subject{}
	var order []string
	for _, s := range b.nodes {
		switch {
		case s.State == concern.Stopped:
			continue
		case !s.hasLog():
			verdict.Unseen = append(verdict.Unseen, s.withoutLog(satelliteDown))
			continue
		case s.reach.lost: // it says nothing of satellites
			verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: satelliteDown, History: s.History, Why: "the node cannot be reached"})
			continue
		}
		if why := s.unreadLog(); why != "" {
			verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: satelliteDown, History: s.History, Why: why})
			continue
		}
		satellites, fails := s.working(), s.failing()
		// A node whose pings all fail has its own trouble and says nothing of satellites.
		if s.Retired || len(satellites) < 2 || len(fails) >= len(satellites) {
			continue
		}
		for _, satellite := range satellites {
			_, byID := s.MutedSatellites[satellite]
			if _, byName := s.MutedSatellites[storagenode.SatelliteName(satellite)]; byID || byName {
				continue // what is found of it here would be dropped
			}
			if len(knowing[satellite]) == 0 {
				order = append(order, satellite)
			}
			knowing[satellite] = append(knowing[satellite], s)
			if _, ok := fails[satellite]; ok {
				failing[satellite] = append(failing[satellite], s)
			}
		}
	}
	slices.Sort(order)
	for _, satellite := range order {
		down, all := failing[satellite], knowing[satellite]
		hosts := map[string]bool{}
		var names []string
		var since, final time.Time
		for _, s := range down {
			hosts[s.host] = true
			names = append(names, s.Name)
			p := s.failing()[satellite]
			if since.IsZero() || p.From.Before(since) {
				since = p.From
			}
			final = latest(final, p.To)
		}
		if len(down) == 0 || len(hosts) < 2 && len(down) < len(all) {
			continue
		}
		verdict.Findings = append(verdict.Findings, all[0].complete(satelliteDown, satellite, conditions.Finding{
			Severity: conditions.Info, Value: float64(len(down)), Threshold: float64(min(2, len(all))), Unit: "short", Since: since,
			Message: fmt.Sprintf("Satellite %s has not answered the pings of %d of %s since %s, the last at %s: %s. Other satellites answer them, so it is the satellite's, and nothing is to be done.",
				storagenode.SatelliteName(satellite), len(down), counted(len(all), "node"), moment(since), moment(final), listed(names)),
		}))
	}
}

// working are the satellites that the node works with.
func (s *subject) working() []string {
	known := s.heard.Satellites
	if s.polls {
		known = append(slices.Clone(s.polled.Satellites), known...)
	}
	known = slices.Clone(known)
	slices.Sort(known)
	return slices.DeleteFunc(slices.Compact(known), func(id string) bool { return slices.Contains(s.polled.Left, id) })
}

// failing are the satellites whose pings fail now.
func (s *subject) failing() map[string]spell {
	fails := map[string]spell{}
	for _, p := range s.heard.Pings {
		if p.Count >= failedPings && p.Back.IsZero() && s.now.Sub(p.To) < spellPause && !slices.Contains(s.polled.Left, p.Satellite) {
			fails[p.Satellite] = p
		}
	}
	return fails
}
