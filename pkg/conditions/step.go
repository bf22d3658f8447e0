package conditions

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// table is the table of conditions, to look up.
type table struct {
	definitions []Definition
	order       map[string]int
}

func newTable(definitions []Definition) table {
	t := table{definitions: definitions, order: map[string]int{}}
	for i, d := range definitions {
		t.order[d.Code] = i
	}
	return t
}

func (t table) definition(code string) (Definition, bool) {
	at, ok := t.order[code]
	if !ok {
		return Definition{}, false
	}
	return t.definitions[at], true
}

// isEvent says whether a condition is about something that happened.
func (t table) isEvent(code string) bool {
	d, _ := t.definition(code)
	return d.Event
}

// hold is for how long a condition is held that is not found any more. What happened clears
// with time as it is.
func (t table) hold(code string, flapping time.Duration) time.Duration {
	if t.isEvent(code) {
		return 0
	}
	return flapping
}

// step takes the record of one node from one evaluation to the next.
type step struct {
	table    table
	now      time.Time
	flapping time.Duration
	history  string
	node     string // its present name
	// maintenance is of the node, and goes with the changes.
	maintenance bool
	// silenced says why nothing is raised at a satellite, "" if something can be.
	silenced func(satelliteID string) string

	record  Record
	changes []Change
}

// whyUnreachable is why nothing is raised that needs a node.
const whyUnreachable = "the node is unreachable"

// covered adds the nodes that cannot be reached, by what is found now and by what is raised.
func (s *step) covered(findings map[place]Finding, away map[string]bool) {
	for _, f := range findings {
		for _, history := range f.Covers {
			away[history] = true
		}
	}
	for _, state := range s.record.States {
		for _, history := range state.Covers {
			away[history] = true
		}
	}
}

// withoutNode leaves out of what was found what needs the node and is not raised yet. What is
// raised stays until the node is back.
func (s *step) withoutNode(findings map[place]Finding, unseen map[place]missed) {
	for _, d := range s.table.definitions {
		at := place{code: d.Code}
		if _, told := unseen[at]; d.NeedsNode && !told {
			unseen[at] = missed{why: whyUnreachable}
		}
	}
	maps.DeleteFunc(findings, func(p place, _ Finding) bool {
		d, _ := s.table.definition(p.code)
		state, _ := s.record.state(p)
		return d.NeedsNode && state.Severity == OK
	})
}

// outcome is what is to become of a state.
type outcome struct {
	state    State
	finding  *Finding // nil: not found
	missed   *missed  // nil: it can be judged
	severity Severity
	reason   string // why it clears, where that is not because it is not found any more
}

// judge takes the record to what was found now.
func (s *step) judge(findings map[place]Finding, unseen map[place]missed) {
	if s.record.Began.IsZero() {
		s.record.Began = s.now
	}
	places := map[place]bool{}
	for _, state := range s.record.States {
		places[state.place()] = true
	}
	for p := range findings {
		places[p] = true
	}
	var outcomes []outcome
	for p := range places {
		state, _ := s.record.state(p)
		state.Below = maps.Clone(state.Below)
		state.Code, state.Satellite = p.code, p.satellite
		o := outcome{state: state}
		if f, ok := findings[p]; ok {
			o.finding = &f
		}
		if m, ok := unseen[place{code: p.code}]; ok {
			o.missed = &m
		} else if m, ok := unseen[p]; ok {
			o.missed = &m
		}
		s.decide(&o)
		outcomes = append(outcomes, o)
	}
	slices.SortFunc(outcomes, func(a, b outcome) int { return s.compare(a.state.place(), b.state.place()) })
	s.leaveGravest(outcomes)
	for _, o := range outcomes {
		s.apply(o)
	}
	s.record.noteUnseen(unseen)
	s.record.States = slices.DeleteFunc(s.record.States, func(state State) bool { return !state.worth(s.now) })
	if len(s.record.States) == 0 {
		s.record.States = nil
	}
}

// compare orders places as the table of conditions has them.
func (s *step) compare(a, b place) int {
	return cmp.Or(s.table.order[a.code]-s.table.order[b.code], a.compare(b))
}

// decide says how grave a condition is to be, whatever others are.
func (s *step) decide(o *outcome) {
	state := &o.state
	why := s.silenced(state.Satellite)
	if _, known := s.table.definition(state.Code); !known {
		why = "this is not watched for any more"
	}
	if why != "" {
		o.finding, o.reason = nil, why
		if !state.Dismissed.IsZero() {
			setBelow(state, Info, s.now)
		}
		return
	}
	level := OK
	switch {
	case o.finding != nil:
		if !state.Dismissed.IsZero() && !isNews(*state, *o.finding) {
			delete(state.Below, Info)
			o.finding = nil
			return
		}
		level = o.finding.Severity
	case o.missed != nil && o.missed.gone:
		o.reason = o.missed.why
		if !state.Dismissed.IsZero() {
			setBelow(state, Info, s.now)
		}
		return
	case o.missed != nil && (o.missed.failed || !s.table.isEvent(state.Code)):
		// What cannot be seen is not cleared.
		o.severity = state.Severity
		return
	}
	// What happened is known to have happened, whether or not more of it would be seen now: a
	// judge that does not find it any more says that its time is over.
	if !state.Dismissed.IsZero() && level == OK {
		setBelow(state, Info, s.now)
	}
	o.severity = level
	hold := s.table.hold(state.Code, s.flapping)
	for severity := Info; severity <= state.Severity; severity++ {
		if level >= severity {
			delete(state.Below, severity)
			continue
		}
		setBelow(state, severity, s.now)
		if s.now.Sub(state.Below[severity]) < hold {
			o.severity = severity
		}
	}
}

// setBelow notes since when what is found is less grave. A clock that was set back begins anew.
func setBelow(state *State, severity Severity, now time.Time) {
	if since, ok := state.Below[severity]; ok && !since.After(now) {
		return
	}
	if state.Below == nil {
		state.Below = map[Severity]time.Time{}
	}
	state.Below[severity] = now
}

// isNews says whether something happened that was not known yet when an Editor cleared a
// condition: what was known then is in the state. Our time of that is not compared with: lines
// come late, and their times are of the node's clock.
func isNews(state State, found Finding) bool {
	switch {
	case found.Severity > state.DismissedAs:
		return true
	case found.Last.IsZero():
		_, wasGone := state.Below[Info]
		return wasGone
	}
	oneMore := found.Unit == ofCounts && finite(found.Value) > state.Value
	return oneMore || found.Last.After(state.Last)
}

// leaveGravest clears, of the conditions that are about one score of one satellite, all but
// the gravest. Of equally grave ones the one stays that is raised, or else comes first.
func (s *step) leaveGravest(outcomes []outcome) {
	type score struct{ name, satellite string }
	gravest := map[score]int{}
	scoreOf := func(o outcome) (score, bool) {
		d, _ := s.table.definition(o.state.Code)
		return score{d.Score, o.state.Satellite}, d.Score != "" && o.severity > OK
	}
	for i, o := range outcomes {
		key, rivals := scoreOf(o)
		if !rivals {
			continue
		}
		best, ok := gravest[key]
		if !ok || o.severity > outcomes[best].severity ||
			o.severity == outcomes[best].severity && o.state.Severity > OK && outcomes[best].state.Severity == OK {
			gravest[key] = i
		}
	}
	for i := range outcomes {
		if key, rivals := scoreOf(outcomes[i]); rivals && gravest[key] != i {
			outcomes[i].severity = OK
			outcomes[i].reason = outcomes[gravest[key]].state.Code + " stands in its place"
		}
	}
}

// apply writes what becomes of a state, and the change if it is one.
func (s *step) apply(o outcome) {
	state, before := o.state, o.state.Severity
	if o.severity > OK && o.finding != nil && o.finding.Severity == o.severity {
		f := o.finding
		state.Title, state.Message, state.Unit = f.Title, f.Message, f.Unit
		state.Last = f.Last
		state.Value, state.Threshold = finite(f.Value), finite(f.Threshold)
	}
	if state.Severity = o.severity; o.severity == OK {
		state.Covers = nil
	} else if o.finding != nil {
		state.Covers = o.finding.Covers
	}
	kind := ChangeKind("")
	switch {
	case o.severity == before && before == OK && state.RaisedAt.IsZero():
		return // it was never raised
	case o.severity == before:
	case before == OK:
		kind = Raised
		state.RaisedAt, state.Since = s.now, s.now
		if since := moment(o.finding.Since); !since.IsZero() && since.Before(s.now) {
			state.Since = since
		}
		state.ClearedAt, state.Dismissed, state.DismissedAs = time.Time{}, time.Time{}, OK
		state.Below = nil
	case o.severity == OK:
		kind = Cleared
		state.ClearedAt, state.Below = s.now, nil
	case o.severity > before:
		kind = Worse
	default:
		kind = Better
	}
	for severity := range state.Below {
		if severity > max(state.Severity, Info) || state.Severity == OK && state.Dismissed.IsZero() {
			delete(state.Below, severity)
		}
	}
	if len(state.Below) == 0 {
		state.Below = nil
	}
	s.record.put(state)
	if kind != "" {
		s.changes = append(s.changes, Change{
			Kind: kind, Time: s.now, History: s.history, Node: s.node, Maintenance: s.maintenance,
			Before: before, Reason: o.reason, State: state,
		})
	}
}

// moment is a time as it is stored: what is compared before a restart is the same after it.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// inMaintenance says whether the operator works on a node.
func inMaintenance(node concern.Node, now time.Time) bool { return now.Before(node.MaintenanceUntil) }
