package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	// judgeInterval is how often conditions are looked at when nothing happens: some are
	// about things that do not.
	judgeInterval = 15 * time.Second
	// judgePause is between two looks when much happens.
	judgePause = 2 * time.Second
)

// judges are the concerns that raise conditions, and the fleet's own.
func judges() []conditions.Judge {
	all := []conditions.Judge{collecting{}}
	for _, c := range watching {
		if judge, ok := c.(conditions.Judge); ok {
			all = append(all, judge)
		}
	}
	return all
}

// Definitions are all conditions that a fleet can raise.
func Definitions() []conditions.Definition { return conditions.Definitions(judges()) }

func (f *Fleet) newEngine() *conditions.Engine {
	return conditions.NewEngine(judges(), conditions.Options{
		Now: f.now,
		Log: f.logChange,
		Publish: func(c conditions.Change) {
			if f.hub.wanted(LiveAlerts) {
				f.hub.publish(LiveAlerts, alertFrame(c))
			}
		},
		Report: func(err error) { f.log.Error("a part of the conditions cannot be judged", "error", err) },
	})
}

// logChange writes a change as one line of Grafana's log, as grave as it is.
func (f *Fleet) logChange(c conditions.Change) {
	write := f.log.Info
	switch {
	case c.Kind == conditions.Cleared:
	case c.Severity == conditions.Critical:
		write = f.log.Error
	case c.Severity == conditions.Warning:
		write = f.log.Warn
	}
	write(c.Line(), "condition", c.Code, "node", c.Node)
}

// alertFrame is a change with the fields of the original's alerts.
func alertFrame(c conditions.Change) *data.Frame {
	frame := data.NewFrame(LiveAlerts,
		data.NewField("time", nil, []time.Time{c.Time.UTC()}),
		data.NewField("change", nil, []string{string(c.Kind)}),
		data.NewField("severity", nil, []string{c.Severity.String()}),
		data.NewField("node_name", nil, []string{c.Node}),
		data.NewField("satellite", nil, []string{c.SatelliteName()}),
		data.NewField("title", nil, []string{c.Title}),
		data.NewField("message", nil, []string{c.Message}),
		data.NewField("code", nil, []string{c.Code}),
	)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: data.FrameTypeVersion{0, 1}}
	return frame
}

// judgeSoon says that something was recorded that may raise or clear a condition.
func (f *Fleet) judgeSoon() {
	select {
	case f.judgeWake <- struct{}{}:
	default:
	}
}

// judge looks at the conditions of all nodes, for ever.
func (f *Fleet) judge(ctx context.Context) {
	ticker := time.NewTicker(judgeInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		f.judgeOnce(ctx)
		if !wait(ctx, judgePause) {
			return
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-f.judgeWake:
		}
	}
}

func (f *Fleet) judgeOnce(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			f.panics.Add(1)
			f.log.Error("judging the nodes failed, it is tried again", "cause", cause, "stack", stack())
		}
	}()
	c, ok := f.judgeCase()
	if !ok {
		return
	}
	if err := f.engine.Evaluate(ctx, c); err != nil && ctx.Err() == nil {
		f.log.Error("the conditions could not be recorded, it is tried again", "error", err)
		return
	}
	f.judged.Store(f.now().UnixNano())
}

// judgeCase is what there is to judge; ok is false while the store is not open.
func (f *Fleet) judgeCase() (c conditions.Case, ok bool) {
	f.mu.Lock()
	opened, current, began := f.store, f.settings, f.began
	f.mu.Unlock()
	if opened == nil {
		return conditions.Case{}, false
	}
	return conditions.Case{Nodes: f.watched(), Store: opened, Settings: current, Now: f.now(), Started: began}, true
}

// errNotOpen is the answer to what needs the store before it is open.
var errNotOpen = errors.New("the store is not open yet: try again in a moment")

// ClearCondition clears an event condition by hand. The satellite may be "".
func (f *Fleet) ClearCondition(node, satellite, code string) error {
	c, ok := f.judgeCase()
	if !ok {
		return errNotOpen
	}
	return f.engine.Clear(c, node, satellite, code)
}

// testTime is for how long a test alert is raised.
const testTime = 5 * time.Minute

// TestAlert raises the condition "test" at a node for a while, and answers until when.
func (f *Fleet) TestAlert(node string) (until time.Time, err error) {
	c, ok := f.judgeCase()
	if !ok {
		return time.Time{}, errNotOpen
	}
	until = c.Now.Add(testTime)
	err = f.engine.Test(c, node, until)
	f.judgeSoon()
	return until, err
}

// collecting judges whether the monitor itself works at each node.
type collecting struct{}

const (
	// stuckAfter is for how long a log may not be readable before that is critical: what is
	// written meanwhile is read later, but a failed audit in it is not heard of.
	stuckAfter = 10 * time.Minute
	// unaskedFor is how long it may take until the node's API was asked since its log is lost.
	unaskedFor = 30 * time.Minute
	// farBehind is how much of a log may be left to read before the watch over it is late.
	farBehind = 256 << 20
)

// Conditions are those of the monitor.
func (collecting) Conditions() []conditions.Definition {
	return []conditions.Definition{{
		Code: conditions.NotCollecting, Group: "visibility", Severities: []conditions.Severity{conditions.Critical}, NeedsNode: true,
		Title:  "Not collecting from {node}",
		When:   "the store cannot be written, or a log cannot be read for 10 minutes while the node is there, or is more than 256 MiB behind for that long, or a part of the plugin fails",
		Clears: "when it works again",
		Do:     "Press Save & test in the data source's settings: it says what stands in the way. Grafana's log has more.",
	}}
}

// Judge looks at the store and at every log.
func (collecting) Judge(_ context.Context, c conditions.Case) (conditions.Verdict, error) {
	var verdict conditions.Verdict
	if f, ok := unwritable(c.Store.Status()); ok {
		verdict.Findings = append(verdict.Findings, f)
	}
	find := func(history, title, message string, since time.Time, value, threshold float64, unit string) {
		verdict.Findings = append(verdict.Findings, conditions.Finding{
			Code: conditions.NotCollecting, History: history, Severity: conditions.Critical,
			Title: title, Message: message, Since: since, Value: value, Threshold: threshold, Unit: unit,
		})
	}
	for _, node := range c.Nodes {
		since := node.LogSince
		if c.Started.After(since) {
			since = c.Started
		}
		stuck := c.Now.Sub(since) > stuckAfter
		switch {
		case node.LogTrouble != "" && !node.LogSince.IsZero() && stuck:
			if why := goneWithItsLog(node, c, since); why != "" {
				verdict.Unseen = append(verdict.Unseen, conditions.Unseen{Code: conditions.NotCollecting, History: node.History, Why: why})
				continue
			}
			find(node.History, "The log of "+node.Name+" cannot be read",
				fmt.Sprintf("The log of %s could not be read since %s: %s. Failed audits are not seen until it can.", node.Name, since.UTC().Format("2006-01-02 15:04 UTC"), node.LogTrouble),
				since, c.Now.Sub(since).Seconds(), stuckAfter.Seconds(), "s")
		case node.LogBehind > farBehind && stuck:
			find(node.History, "The log of "+node.Name+" is read too slowly",
				fmt.Sprintf("%d MiB of the log of %s are not read yet: what is in them is heard of late. The disk or the processor may be too slow, or the log too talkative: set log.level: info.", node.LogBehind>>20, node.Name),
				since, float64(node.LogBehind), farBehind, "bytes")
		}
	}
	return verdict, nil
}

// goneWithItsLog is why a log that cannot be read since a time may be the least of it, or "":
// a log forwarder and a container go and come with their node, and that the node is gone
// other conditions tell, in their time. Where no API could tell of the node, nothing excuses
// its log.
func goneWithItsLog(node concern.Watched, c conditions.Case, since time.Time) string {
	if !node.HasAPI() || node.API != "" && !c.Settings.AllowsAPI(node.API) {
		return ""
	}
	recent := func(at time.Time) bool { return !at.After(c.Now) && c.Now.Sub(at) <= stuckAfter }
	switch {
	case !node.Answers():
		return "the node's API does not answer either: it may be the node that is gone, and not only its log"
	case !node.Answered.After(since) && c.Now.Sub(since) <= unaskedFor:
		return "the node's API has not answered since its log cannot be read: it may be the node that is gone"
	case recent(node.Facts.Back), recent(node.Facts.StartedAt):
		return "the node has been back for less than 10 minutes: its log may take a moment longer"
	}
	return ""
}

// unwritable is what a store that cannot be written is told of with.
func unwritable(status store.Status) (f conditions.Finding, ok bool) {
	if status.CommitError == "" {
		return f, false
	}
	return conditions.Finding{
		Code: conditions.NotCollecting, History: conditions.Monitor, Severity: conditions.Critical, Title: "The store cannot be written",
		Message: fmt.Sprintf("What is collected cannot be kept: %s. %d rows wait in memory and are lost if the plugin ends. Free space on the disk of the data folder.", status.CommitError, status.PendingRows),
		Value:   float64(status.PendingRows), Unit: "short",
	}, true
}
