package console

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Ask puts the dashboard's two questions and gathers the answers; health, which is asked more rarely, is passed in. A
// question that fails becomes a remark, and the other's answer is still shown.
func Ask(ctx context.Context, source Source, health Health, now time.Time) Snapshot {
	snapshot := Snapshot{At: now}
	nodes, err := source.Nodes(ctx)
	if err != nil {
		snapshot.Remarks = append(snapshot.Remarks, Remark{Severity: Critical, Text: "The nodes' states cannot be asked: " + printable(err.Error())})
	}
	reputation, err2 := source.Reputation(ctx)
	if err2 != nil {
		snapshot.Remarks = append(snapshot.Remarks, Remark{Severity: Critical, Text: "The reputation cannot be asked: " + printable(err2.Error())})
	}
	snapshot.Answered = err == nil || err2 == nil
	read := Read(nodes, reputation, now)
	snapshot.Nodes = read.Nodes
	snapshot.Remarks = append(snapshot.Remarks, read.Remarks...)
	snapshot.Remarks = append(snapshot.Remarks, health.remarks(snapshot.Nodes)...)
	return snapshot
}

// Read gathers the rows of both tables by their fields' names; a field that is missing stays unknown.
func Read(nodes, reputation data.Frames, now time.Time) Snapshot {
	snapshot := Snapshot{At: now}
	place := map[string]int{}
	find := func(name string) *Node {
		i, known := place[name]
		if !known {
			i = len(snapshot.Nodes)
			place[name] = i
			snapshot.Nodes = append(snapshot.Nodes, Node{Name: name})
		}
		return &snapshot.Nodes[i]
	}
	for _, frame := range nodes {
		snapshot.Remarks = append(snapshot.Remarks, notices(frame)...)
		t := tableOf(frame)
		for i := range t.rows {
			name := t.text("node_name", i)
			if name == "" {
				continue
			}
			node := find(name)
			node.State = t.text("state", i)
			node.StateSince = t.time("state_since", i)
			node.LastSuccess = t.time("last_success", i)
			node.LastError = t.text("last_error", i)
			node.Version = t.text("version", i)
			node.UpToDate = t.flag("up_to_date", i)
			node.StartedAt = t.time("started_at", i)
			node.QUIC = t.text("quic_status", i)
			node.DiskUsed = t.number("disk_used_bytes", i)
			node.DiskTotal = t.number("disk_allocated_bytes", i)
			node.Payout = t.number("estimated_payout_usd", i)
			node.Health = t.number("health_percent", i)
		}
	}
	for _, frame := range reputation {
		snapshot.Remarks = append(snapshot.Remarks, notices(frame)...)
		t := tableOf(frame)
		for i := range t.rows {
			name := t.text("node_name", i)
			if name == "" {
				continue
			}
			satellite := Satellite{
				Name:             t.text("satellite", i),
				Audit:            t.score("audit_score_percent", i),
				Suspension:       t.score("suspension_score_percent", i),
				Online:           t.score("online_score_percent", i),
				FailedAuditsLeft: t.number("failed_audits_left", i),
				RecoversAt:       t.time("online_recovers_at", i),
				Disqualified:     t.flag("is_disqualified", i),
				Suspended:        t.flag("is_suspended", i),
				OfflineSuspended: t.flag("is_offline_suspended", i),
				Vetted:           t.flag("vetted", i),
				VettingProgress:  t.number("vetting_progress_percent", i),
				At:               t.time("timestamp", i),
			}
			if satellite.Name == "" {
				satellite.Name = t.text("satellite_id", i)
			}
			if seconds := t.number("downtime_left_seconds", i); seconds != nil {
				left := time.Duration(*seconds * float64(time.Second))
				satellite.DowntimeLeft = &left
			}
			node := find(name)
			node.Satellites = append(node.Satellites, satellite)
		}
	}
	return snapshot
}

func notices(frame *data.Frame) []Remark {
	if frame == nil || frame.Meta == nil {
		return nil
	}
	var remarks []Remark
	for _, notice := range frame.Meta.Notices {
		severity := Unknown
		switch notice.Severity {
		case data.NoticeSeverityError:
			severity = Critical
		case data.NoticeSeverityWarning:
			severity = Warning
		}
		remarks = append(remarks, Remark{Severity: severity, Text: printable(notice.Text)})
	}
	return remarks
}

// remarks are the checks that an operator should do something about. What a node's own line says already is left out.
func (h Health) remarks(nodes []Node) []Remark {
	said := map[string]bool{}
	for _, node := range nodes {
		if node.LastError != "" {
			said[node.LastError] = true
		}
	}
	var remarks []Remark
	for _, check := range h.Checks {
		severity := Unknown
		switch check.Status {
		case "error":
			severity = Critical
		case "warning":
			severity = Warning
		default:
			continue
		}
		if said[check.Message] && check.Mend == "" {
			continue
		}
		remarks = append(remarks, Remark{
			Severity: severity, Node: printable(check.Node), Text: printable(check.Message), Mend: printable(check.Mend),
		})
	}
	return remarks
}

// table reads a frame's cells by field name, whatever the cells' exact type is, null or missing being "not known".
type table struct {
	fields map[string]*data.Field
	rows   int
}

func tableOf(frame *data.Frame) table {
	t := table{fields: map[string]*data.Field{}}
	if frame == nil {
		return t
	}
	for _, field := range frame.Fields {
		t.fields[field.Name] = field
		if t.rows == 0 || field.Len() < t.rows {
			t.rows = field.Len()
		}
	}
	return t
}

func (t table) cell(name string, row int) (any, bool) {
	field := t.fields[name]
	if field == nil {
		return nil, false
	}
	return field.ConcreteAt(row)
}

func (t table) text(name string, row int) string {
	value, ok := t.cell(name, row)
	if !ok {
		return ""
	}
	if text, isText := value.(string); isText {
		return printable(text)
	}
	return fmt.Sprint(value)
}

// printable keeps a text on its line and keeps control sequences from the terminal: names and errors come from logs and
// from other people's servers.
func printable(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsControl(r) || r == ' ' || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}

func (t table) time(name string, row int) time.Time {
	value, ok := t.cell(name, row)
	if !ok {
		return time.Time{}
	}
	at, _ := value.(time.Time)
	if at.Year() <= 1 { // a node's "never"
		return time.Time{}
	}
	return at
}

func (t table) number(name string, row int) *float64 {
	field := t.fields[name]
	if field == nil || !field.Type().Numeric() {
		return nil
	}
	value, err := field.NullableFloatAt(row)
	if err != nil || value == nil || *value != *value { // NaN: not known
		return nil
	}
	return value
}

// flag takes true and false, and also 1 and 0.
func (t table) flag(name string, row int) *bool {
	value, ok := t.cell(name, row)
	if !ok {
		return nil
	}
	if flag, isFlag := value.(bool); isFlag {
		return &flag
	}
	number := t.number(name, row)
	if number == nil {
		return nil
	}
	flag := *number != 0
	return &flag
}

func (t table) score(name string, row int) Score {
	percent := t.number(name, row)
	if percent == nil {
		return Score{}
	}
	return Score{Percent: percent, Judged: judge(t.fields[name], *percent)}
}
