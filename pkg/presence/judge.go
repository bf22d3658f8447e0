package presence

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// bench is all that is judged at one time.
type bench struct {
	conditions.Case
	nodes []*subject
}

// subject is one node, and all that is known of it.
type subject struct {
	concern.Watched
	now    time.Time
	polls  bool // there was a poll
	polled polled
	heard  heard
	host   string // "" is the machine that this runs on
	reach  reach
}

// judges say of one node whether a condition holds. Without a finding, why is the reason
// where it cannot be judged; neither means that all is well.
var judges = []struct {
	code string
	// ofLog says that it is about the log, and cannot be where none is given any more.
	ofLog bool
	judge func(*subject, *bench) (found *conditions.Finding, why string)
}{
	{nodeUnreachable, false, (*subject).judgeUnreachable},
	{nodeStopped, true, (*subject).judgeStopped},
	{restartLoop, false, (*subject).judgeRestartLoop}, // its API tells of starts, too
	{wrongPair, false, (*subject).judgeWrongPair},
	{noContact, false, (*subject).judgeContact},
	{apiSlow, false, (*subject).judgeAPI},
	{quicBroken, false, (*subject).judgeQUIC},
	{versionOutdated, false, (*subject).judgeVersion},
	{blind, false, (*subject).judgeBlind},
	{logSilent, true, (*subject).judgeSilence},
	{clockSkew, true, (*subject).judgeClock},
}

// Judge says what holds now.
func (Concern) Judge(ctx context.Context, c conditions.Case) (conditions.Verdict, error) {
	b := newBench(c)
	var verdict conditions.Verdict
	stoodFor := b.hosts(&verdict)
	for _, s := range b.nodes {
		if err := ctx.Err(); err != nil {
			return conditions.Verdict{}, err
		}
		if s.State == concern.Stopped {
			for _, d := range definitions {
				verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: d.Code, History: s.History, Why: "this node is not watched: collecting is stopped"})
			}
			continue
		}
		for _, j := range judges {
			if j.ofLog && !s.hasLog() {
				verdict.Unseen = append(verdict.Unseen, s.withoutLog(j.code))
				continue
			}
			found, why := j.judge(s, b)
			if by := stoodFor[s]; j.code == nodeUnreachable && found != nil && by != nothing {
				found = nil
				if by == anUndecided {
					why = whyHostUndecided
				}
			}
			switch {
			case found != nil:
				verdict.Findings = append(verdict.Findings, s.complete(j.code, "", *found))
			case why != "":
				verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: j.code, History: s.History, Why: why})
			}
			if j.code == nodeUnreachable && why != "" && stoodFor[s] != anUndecided {
				verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: hostUnreachable, History: s.History, Why: why})
			}
		}
	}
	b.satellites(&verdict)
	return verdict, nil
}

func newBench(c conditions.Case) *bench {
	b := &bench{Case: c}
	for _, node := range c.Nodes {
		s := &subject{Watched: node, now: c.Now, host: hostOf(node)}
		s.polled, s.polls = readPolled(c.Store, node.Node)
		s.heard = readHeard(c.Store, node.Node)
		s.reach = s.reached(c)
		b.nodes = append(b.nodes, s)
	}
	return b
}

// complete adds to a finding what is the same for all of them.
func (s *subject) complete(code, satellite string, found conditions.Finding) conditions.Finding {
	found.Code, found.History, found.Satellite = code, s.History, satellite
	found.Title = strings.ReplaceAll(titles[code], "{satellite}", storagenode.SatelliteName(satellite))
	return found
}

// hostOf is the machine that a node runs on, as far as its addresses tell; "" is this one.
func hostOf(node concern.Watched) string {
	endpoint := node.Endpoint
	if endpoint == "" {
		endpoint = node.API
	}
	logHost := strings.ToLower(node.Log.Host())
	address, err := url.Parse(endpoint)
	if endpoint == "" || err != nil {
		return named(logHost)
	}
	host := strings.ToLower(address.Hostname())
	// A name without a dot is that of a container, where the log is of this machine.
	bare := !strings.ContainsAny(host, ".:")
	if bare && logHost == "" && (node.Log.Kind == settings.LogFile || node.Log.Kind == settings.LogDocker) {
		return ""
	}
	return named(host)
}

func named(host string) string {
	if settings.IsLocalHost(host) {
		return ""
	}
	return host
}

func hostName(host string) string {
	if host == "" {
		return "this machine"
	}
	return host
}

// lastLine is when the log had its last line, never later than it was read; zero: never.
func (s *subject) lastLine() time.Time {
	at := latest(s.Evidence.Last[concern.AnyLine], s.heard.Last)
	if at.IsZero() {
		return at
	}
	if !s.LogRead.IsZero() {
		at = earliest(at, s.LogRead)
	}
	return earliest(at, s.now)
}

// lastStart is when the node last started or began to, or its updater started it. A start in the future,
// of a clock that was ahead, is none that anything is held for.
func (s *subject) lastStart() time.Time {
	var at time.Time
	for _, start := range []time.Time{s.polled.StartedAt, s.Facts.StartedAt, last(s.heard.Starts), last(s.heard.Begun), last(s.heard.Updates)} {
		if !start.After(s.now) {
			at = latest(at, start)
		}
	}
	return at
}

// hasLog says whether a log is given.
func (s *subject) hasLog() bool { return s.Evidence.HasLog || s.Log.Kind != settings.NoLog }

// withoutLog is that a condition cannot be, because the node has no log here.
func (s *subject) withoutLog(code string) conditions.Unseen {
	return conditions.Unseen{Code: code, History: s.History, Why: whyNoLog, Gone: true}
}

const (
	whyNoLog = "this node has no log here: give its log in the data source's settings"
	whyNoAPI = "the address of this node's API is not known: give it as api in the data source's settings"
)

// behind says that old lines are being read: what they say may be over already.
func (s *subject) behind() bool {
	return s.LogBehind > concern.BehindBytes && s.now.Sub(s.lastLine()) > concern.QuietLog
}

// unreadLog is why the log cannot be judged now, or "".
func (s *subject) unreadLog() string {
	switch {
	case !s.hasLog():
		return whyNoLog
	case s.LogTrouble != "":
		return "the log cannot be read: " + s.LogTrouble
	case s.behind():
		return "the log is still being read"
	}
	return ""
}

// unpolled is why the last poll says nothing of now, or "".
func (s *subject) unpolled() string {
	switch {
	case !s.HasAPI():
		return whyNoAPI
	case !s.polls:
		return "the node's API has not answered yet; see the check of the API under Save & test"
	case s.now.Sub(s.polled.At) > max(2*brokenWatch, 3*s.polled.Interval):
		return "the node's API has not answered since " + moment(s.polled.At)
	}
	return ""
}

// settled says whether it was watched without a pause for long enough for what comes and
// goes with a start, a sleep of the machine, or a pause of the watch.
func (s *subject) settled() bool {
	return s.polled.At.Sub(s.polled.Since) >= startHold && s.polled.At.Sub(s.polled.StartedAt) >= startHold
}
