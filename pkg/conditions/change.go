package conditions

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// EventKind is the kind of a store's events that are changes of conditions.
const EventKind = "condition"

// ChangeKind says in which way a condition changed.
type ChangeKind string

// The ways in which a condition changes. Another message or value is no change.
const (
	Raised  ChangeKind = "raised"
	Worse   ChangeKind = "worse"
	Better  ChangeKind = "better"
	Cleared ChangeKind = "cleared"
)

// Change is a condition that was raised, became worse or better, or cleared.
type Change struct {
	Kind        ChangeKind
	Time        time.Time
	History     string
	Node        string // its name at the time; "" for the monitor itself
	Maintenance bool
	Before      Severity
	Reason      string // why it cleared, where that is not because it is well; or ""
	State              // as it is now; of one that cleared with its last words
}

// SatelliteName is the satellite's short name, or "".
func (c Change) SatelliteName() string { return satelliteName(c.Satellite) }

// satelliteName is a satellite's short name; "" where there is none.
func satelliteName(id string) string {
	if id == "" {
		return ""
	}
	return storagenode.SatelliteName(id)
}

// Line is the change in one line, for a log.
func (c Change) Line() string {
	where := c.Node
	if where == "" {
		where = "the monitor"
	}
	if c.Satellite != "" {
		where += " (" + c.SatelliteName() + ")"
	}
	head := fmt.Sprintf("%s %s: %s: %s", c.Severity, c.Kind, c.Code, where)
	if c.Kind == Cleared {
		head = fmt.Sprintf("cleared: %s: %s", c.Code, where)
		if c.Reason != "" {
			head += ": " + c.Reason
		}
		return head + ": was: " + oneLine(c.Title)
	}
	return head + ": " + oneLine(c.Title) + ": " + oneLine(c.Message)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// The labels of a change's event. The node is named by its history: its name may change.
const (
	labelNode        = "node"
	labelSatellite   = "satellite"
	labelCode        = "condition"
	labelChange      = "change"
	labelSeverity    = "severity"
	labelBefore      = "before"
	labelTitle       = "title"
	labelValue       = "value"
	labelThreshold   = "threshold"
	labelUnit        = "unit"
	labelSince       = "since"
	labelRaised      = "raised"
	labelReason      = "reason"
	labelMaintenance = "maintenance"
)

// event is the change as the store keeps it. What is empty is left out.
func (c Change) event() store.Event {
	labels := map[string]string{
		labelNode: c.History, labelSatellite: c.Satellite, labelCode: c.Code, labelChange: string(c.Kind),
		labelSeverity: c.Severity.String(), labelBefore: c.Before.String(),
		labelTitle: c.Title, labelUnit: c.Unit, labelReason: c.Reason,
		labelValue: writeNumber(c.Value), labelThreshold: writeNumber(c.Threshold),
		labelSince: writeTime(c.Since), labelRaised: writeTime(c.RaisedAt),
	}
	if c.Maintenance {
		labels[labelMaintenance] = "true"
	}
	for label, value := range labels {
		if value == "" {
			delete(labels, label)
		}
	}
	return store.Event{Time: c.Time.UnixMilli(), Kind: EventKind, Labels: labels, Text: c.Message}
}

// changeOf is the change that an event keeps.
func changeOf(e store.Event) Change {
	severity := func(label string) Severity {
		for s := Info; s <= Critical; s++ {
			if s.String() == e.Labels[label] {
				return s
			}
		}
		return OK
	}
	return Change{
		Kind: ChangeKind(e.Labels[labelChange]), Time: time.UnixMilli(e.Time).UTC(), History: e.Labels[labelNode],
		Maintenance: e.Labels[labelMaintenance] == "true", Before: severity(labelBefore), Reason: e.Labels[labelReason],
		State: State{
			Code: e.Labels[labelCode], Satellite: e.Labels[labelSatellite], Severity: severity(labelSeverity),
			Since: readTime(e.Labels[labelSince]), RaisedAt: readTime(e.Labels[labelRaised]),
			Title: e.Labels[labelTitle], Message: e.Text, Unit: e.Labels[labelUnit],
			Value: readNumber(e.Labels[labelValue]), Threshold: readNumber(e.Labels[labelThreshold]),
		},
	}
}

func writeNumber(n number) string {
	if math.IsNaN(float64(n)) {
		return ""
	}
	return strconv.FormatFloat(float64(n), 'g', -1, 64)
}

func readNumber(text string) number {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return number(math.NaN())
	}
	return finite(v)
}

func writeTime(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func readTime(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// The columns of a node's history: how grave each condition is from a time on, and from
// when on it is watched (1) or not (0).
const (
	severityColumn = "severity"
	watchedColumn  = "watched"
)

func (c Change) sample() store.Sample {
	return store.Sample{
		Column: store.NewColumn(severityColumn, labelCode, c.Code, labelSatellite, c.Satellite),
		Value:  float64(c.Severity),
	}
}
