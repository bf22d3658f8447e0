package conditions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Options of an engine. Each may be left out.
type Options struct {
	Now func() time.Time // for cases that do not say when they are
	// Log and Publish are told of each change, once it is recorded.
	Log     func(Change)
	Publish func(Change)
	// Report is told of a judge that fails, once for each error.
	Report func(error)
}

// Engine asks the judges what is wrong, and keeps and tells what changed. Everything that it
// knows is in the store: one that is new goes on where the last one stopped. Its methods
// are safe for concurrent use.
type Engine struct {
	judges  []Judge
	table   table
	options Options

	mu       sync.Mutex        // one evaluation at a time
	reported map[string]string // by judge, its last error
}

// NewEngine makes an engine of judges. Of a condition that several of them define, the first
// definition counts.
func NewEngine(judges []Judge, options Options) *Engine {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = func(Change) {}
	}
	if options.Publish == nil {
		options.Publish = func(Change) {}
	}
	if options.Report == nil {
		options.Report = func(error) {}
	}
	return &Engine{judges: judges, table: newTable(Definitions(judges)), options: options, reported: map[string]string{}}
}

// Evaluate asks every judge and records what changed, all of it or nothing. Its error says
// that nothing was recorded, or that a record could not be read and began anew.
func (e *Engine) Evaluate(ctx context.Context, c Case) error {
	changes, err := e.evaluate(ctx, c)
	e.tell(changes)
	return err
}

func (e *Engine) tell(changes []Change) {
	for _, change := range changes {
		e.options.Log(change)
		e.options.Publish(change)
	}
}

func (e *Engine) evaluate(ctx context.Context, c Case) ([]Change, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.Now = e.now(c)
	heard := e.ask(ctx, c)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the conditions were not judged: %w", err)
	}
	var problems []error
	batch := &store.Batch{}
	var changes []Change
	nodes := subjects(c)
	steps := make([]*step, len(nodes))
	away := map[string]bool{}
	for i, node := range nodes {
		s, err := e.begin(c, node)
		if err != nil {
			problems = append(problems, err)
		}
		s.covered(heard.findings[node.History], away)
		steps[i] = s
	}
	for i, node := range nodes {
		s := steps[i]
		before := s.record
		before.States = slices.Clone(before.States)
		findings, unseen := heard.of(node.History)
		if away[node.History] {
			s.withoutNode(findings, unseen)
		}
		if node.Retired {
			unseen = e.nothingSeen()
		}
		if c.Now.Before(before.TestUntil) {
			findings[place{TestAlert, ""}] = testFinding(node, before.TestUntil)
		}
		s.judge(findings, unseen)
		for _, change := range s.changes {
			if e.callsForPostMortem(change, before) {
				if err := e.freeze(ctx, c, node, change, batch); err != nil {
					problems = append(problems, err)
				}
			}
		}
		if err := s.write(batch, before); err != nil {
			return nil, err
		}
		changes = append(changes, s.changes...)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the conditions were not judged: %w", err)
	}
	if err := tick(c, batch); err != nil {
		problems = append(problems, err)
	}
	if err := c.Store.Record(batch); err != nil {
		return nil, fmt.Errorf("record the conditions: %w", err)
	}
	return changes, errors.Join(problems...)
}

func (e *Engine) now(c Case) time.Time {
	if c.Now.IsZero() {
		return moment(e.options.Now())
	}
	return moment(c.Now)
}

// subjects are whose conditions are judged: every node, once for each history, and the
// monitor itself.
func subjects(c Case) []concern.Watched {
	nodes := make([]concern.Watched, 0, len(c.Nodes)+1)
	seen := map[string]bool{Monitor: true}
	for _, node := range c.Nodes {
		if !seen[node.History] {
			seen[node.History] = true
			nodes = append(nodes, node)
		}
	}
	return append(nodes, concern.Watched{Node: concern.Node{History: Monitor}})
}

// nothingSeen is what is seen of a retired node.
func (e *Engine) nothingSeen() map[place]missed {
	unseen := map[place]missed{}
	for _, d := range e.table.definitions {
		unseen[place{code: d.Code}] = missed{why: whyRetired}
	}
	return unseen
}

const whyRetired = "the node is retired"

// begin is the step of one node, with what is stored of it. With an error nothing is.
func (e *Engine) begin(c Case, node concern.Watched) (*step, error) {
	record, _, err := Recall(c.Store, node.History)
	if err != nil {
		record = Record{}
	}
	return &step{
		table: e.table, now: c.Now, flapping: c.Settings.Alerts.Flapping,
		history: node.History, node: node.Name, maintenance: inMaintenance(node.Node, c.Now),
		silenced: func(satelliteID string) string { return silence(node.Node, satelliteID) },
		record:   record,
	}, err
}

// silence is why nothing is to be told of a node or a satellite, or "".
func silence(node concern.Node, satelliteID string) string {
	if node.Retired {
		return whyRetired
	}
	if satelliteID == "" {
		return ""
	}
	for _, named := range []string{satelliteID, storagenode.SatelliteName(satelliteID)} {
		if why, ok := node.MutedSatellites[named]; ok {
			return strings.TrimSuffix("the satellite is muted: "+why, ": ")
		}
	}
	return ""
}

// write adds what changed of a record to a batch.
func (s *step) write(batch *store.Batch, before Record) error {
	document, err := s.record.document(before, s.now)
	if err != nil {
		return fmt.Errorf("write the conditions of %s: %w", s.node, err)
	}
	key, at := documentOf(s.history), s.now.UnixMilli()
	if document != nil {
		batch.Put(key, document)
	}
	var samples []store.Sample
	for _, change := range s.changes {
		batch.AppendEvent(change.event())
		samples = append(samples, change.sample())
	}
	for code := range s.record.Unseen {
		if _, was := before.Unseen[code]; !was {
			samples = append(samples, watchedSample(code, 0))
		}
	}
	for code := range before.Unseen {
		if _, is := s.record.Unseen[code]; !is {
			samples = append(samples, watchedSample(code, 1))
		}
	}
	if len(samples) > 0 {
		batch.Add(key, at, samples...)
	}
	return nil
}

func watchedSample(code string, watched float64) store.Sample {
	return store.Sample{Column: store.NewColumn(watchedColumn, labelCode, code), Value: watched}
}

// tick notes that the conditions were judged now, to a minute.
func tick(c Case, batch *store.Batch) error {
	last, err := recallClock(c.Store)
	if err == nil && isRecent(last.At, c.Now) {
		return nil
	}
	last.At = c.Now
	if last.Began.IsZero() {
		last.Began = c.Now
	}
	document, failed := json.Marshal(last)
	if failed != nil {
		return failed
	}
	batch.Put(name, document)
	return err
}

// heard is what all judges found, by history.
type heard struct {
	findings map[string]map[place]Finding
	unseen   map[string]map[place]missed // without a satellite: at all of them
}

// missed is why a condition cannot be judged at a node.
type missed struct {
	why    string
	gone   bool
	failed bool // its judge did: that it found nothing says nothing
}

func (h *heard) miss(history string, at place, m missed) {
	if h.unseen[history] == nil {
		h.unseen[history] = map[place]missed{}
	}
	if _, told := h.unseen[history][at]; !told {
		h.unseen[history][at] = m
	}
}

// of is what was found of one node, and what cannot be judged there; to be changed at will.
func (h *heard) of(history string) (map[place]Finding, map[place]missed) {
	findings, unseen := h.findings[history], h.unseen[history]
	if findings == nil {
		findings = map[place]Finding{}
	}
	if unseen == nil {
		unseen = map[place]missed{}
	}
	return findings, unseen
}

// add adds a finding. Of one that two judges have, the graver counts, with the words of both.
func (h *heard) add(f Finding) {
	if h.findings[f.History] == nil {
		h.findings[f.History] = map[place]Finding{}
	}
	at := place{f.Code, f.Satellite}
	if other, ok := h.findings[f.History][at]; ok {
		if f.Severity <= other.Severity {
			f, other = other, f
		}
		if other.Message != f.Message {
			f.Message += " " + other.Message
		}
	}
	h.findings[f.History][at] = f
}

// ask asks every judge. What one that fails would have judged is not seen, and that it fails
// is a finding.
func (e *Engine) ask(ctx context.Context, c Case) heard {
	all := heard{findings: map[string]map[place]Finding{}, unseen: map[string]map[place]missed{}}
	for _, judge := range e.judges {
		name := nameOf(judge)
		verdict, err := judgeSafely(ctx, judge, c)
		if ctx.Err() != nil {
			return heard{} // it was cut short, and says nothing of the judge
		}
		codes := judge.Conditions()
		if err != nil {
			verdict = Verdict{}
			for _, node := range subjects(c) {
				for _, d := range codes {
					all.miss(node.History, place{code: d.Code}, missed{why: fmt.Sprintf("the judge %s failed: %v", name, err), failed: true})
				}
			}
		}
		for _, f := range verdict.Findings {
			if !slices.ContainsFunc(codes, func(d Definition) bool { return d.Code == f.Code }) || f.Severity < Info || f.Severity > Critical {
				err = errors.Join(err, fmt.Errorf("it found %q with the severity %d, which it does not have", f.Code, int(f.Severity)))
				continue
			}
			all.add(f)
		}
		for _, u := range verdict.Unseen {
			all.miss(u.History, place{u.Code, u.Satellite}, missed{why: u.Why, gone: u.Gone})
		}
		if err != nil {
			all.add(Finding{
				Code: NotCollecting, History: Monitor, Severity: Critical, Title: "The monitor does not collect",
				Message: fmt.Sprintf("The judge %s failed, so that its conditions are not watched: %v. Look into Grafana's log; if it says nothing that you can change, report it.", name, err),
			})
		}
		e.report(name, err)
	}
	return all
}

// report tells of a judge that fails, once for each error.
func (e *Engine) report(name string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if e.reported[name] != text && err != nil {
		e.options.Report(fmt.Errorf("the judge %s failed: %w", name, err))
	}
	e.reported[name] = text
}

// PanicError is a panic in a judge.
type PanicError struct {
	Cause any
	Stack string
}

func (e *PanicError) Error() string { return fmt.Sprintf("an error in the plugin: %v", e.Cause) }

func judgeSafely(ctx context.Context, judge Judge, c Case) (verdict Verdict, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			verdict, err = Verdict{}, &PanicError{Cause: cause, Stack: string(debug.Stack())}
		}
	}()
	return judge.Judge(ctx, c)
}

// nameOf is a judge's name: its package's.
func nameOf(judge any) string {
	if named, ok := judge.(interface{ Name() string }); ok {
		return named.Name()
	}
	name, _, _ := strings.Cut(strings.TrimLeft(fmt.Sprintf("%T", judge), "*"), ".")
	return name
}
