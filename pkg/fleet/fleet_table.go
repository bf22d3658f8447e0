package fleet

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// fleetType puts what every concern says of a node into one row, the worst node first.
// It knows nothing of its own: each number is the answer of another query.
var fleetType = concern.Type{Name: "fleet", Formats: []concern.Format{concern.Table}}

// fleetPeriod is the time that success and traffic are of, whatever the range: what
// was a week ago says nothing of whether to worry.
const fleetPeriod = 24 * time.Hour

// member is a node with what is said of it.
type member struct {
	node     concern.Watched
	row      int // in the table of nodes
	judged   judged
	standing budgets
	moved    transferred
}

func (f *Fleet) fleetTable(ctx context.Context, request concern.Request) (data.Frames, error) {
	nodes, err := f.nodesTable(request)
	if err != nil {
		return nil, err
	}
	members, err := f.members(ctx, request, nodes[0])
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(members, func(a, b *member) int {
		return cmp.Or(a.rank()-b.rank(), trouble[a.node.State]-trouble[b.node.State], cmp.Compare(a.standing.health(), b.standing.health()))
	})
	// column is one of the table of nodes, in this one's order.
	column := func(name string) *data.Field {
		field, _ := nodes[0].FieldByName(name)
		if field == nil {
			return data.NewField(name, nil, make([]*string, len(members)))
		}
		sorted := data.NewFieldFromFieldType(field.Type(), len(members))
		sorted.Name, sorted.Config = field.Name, field.Config
		for i, m := range members {
			sorted.Set(i, field.At(m.row))
		}
		return sorted
	}
	text := func(name string, of func(*member) string) *data.Field {
		return frames.Column(name, nil, frames.Each(members, of))
	}
	number := func(name string, config *data.FieldConfig, of func(*member) float64) *data.Field {
		return frames.Column(name, config, frames.Each(members, func(m *member) *float64 { return orNull(of(m)) }))
	}
	bytes := func() *data.FieldConfig { return (&data.FieldConfig{Unit: "decbytes"}).SetDecimals(1) }
	percent := func() *data.FieldConfig {
		return (&data.FieldConfig{Unit: "percent"}).SetDecimals(1).SetMin(0).SetMax(100)
	}
	limits := request.Settings.Thresholds
	// What was well long ago is no reason to be content: it would be green. What was not is one to worry.
	left := func(metric string, of func(budgets) float64) func(*member) float64 {
		return func(m *member) float64 {
			v := of(m.standing)
			if oldScores(m.standing.at, request) != "" && reputation.Content(metric, v, limits) {
				return math.NaN()
			}
			return v
		}
	}
	table := frames.Table(fleetType.Name,
		column("node_name"),
		frames.Column("status", statusConfig, frames.Each(members, func(m *member) string { return m.judged.word() })),
		number("severity_number", nil, func(m *member) float64 { return m.judged.severity }),
		text("problem", func(m *member) string { return m.judged.title }),
		frames.Column("problems", nil, frames.Each(members, func(m *member) int64 { return int64(m.judged.problems) })),
		column("state"),
		column("state_since"),
		column("version"),
		column("up_to_date"),
		number("health_percent", reputation.ConfigOf("health_percent", limits), left("health_percent", func(b budgets) float64 { return b.worst.health })),
		text("worst_score", func(m *member) string {
			if m.standing.worst.text == "" {
				return ""
			}
			return m.standing.worst.text + oldScores(m.standing.at, request)
		}),
		number("failed_audits_left", reputation.ConfigOf("failed_audits_left", limits), left("failed_audits_left", func(b budgets) float64 { return b.audits.left })),
		text("failed_audits_left_of", func(m *member) string { return m.standing.audits.satellite }),
		number("downtime_left_seconds", reputation.ConfigOf("downtime_left_seconds", limits), left("downtime_left_seconds", func(b budgets) float64 { return b.downtime.left })),
		text("downtime_left_of", func(m *member) string { return m.standing.downtime.satellite }),
		frames.Column("scores_at", nil, frames.Each(members, func(m *member) *time.Time { return frames.Optional(m.standing.at) })),
		text("not_watched", func(m *member) string { return strings.Join(m.judged.reasons, "; ") }),
		column("disk_free_bytes"),
		column("disk_used_bytes"),
		column("disk_allocated_bytes"),
		number("download_success_percent", percent(), func(m *member) float64 { return m.moved.success("GET") }),
		number("upload_success_percent", percent(), func(m *member) float64 { return m.moved.success("PUT") }),
		number("audit_success_percent", percent(), func(m *member) float64 { return m.moved.success("GET_AUDIT") }),
		number("ingress_bytes", bytes(), func(m *member) float64 { return m.moved.bytes("PUT", "PUT_REPAIR", "PUT_GRACEFUL_EXIT") }),
		number("egress_bytes", bytes(), func(m *member) float64 { return m.moved.bytes("GET", "GET_REPAIR", "GET_AUDIT") }),
		column("estimated_payout_usd"),
		column("last_success"),
		column("log_last_line"),
		column("last_error"),
	)
	table.Meta.Notices = nodes[0].Meta.Notices
	return data.Frames{table}, nil
}

// members asks every concern about the nodes of a request, in the order of their table.
func (f *Fleet) members(ctx context.Context, request concern.Request, nodes *data.Frame) ([]*member, error) {
	judgements, err := f.judgements(ctx, request)
	if err != nil {
		return nil, err
	}
	moved, err := f.transferred(ctx, request)
	if err != nil {
		return nil, err
	}
	byName := map[string]concern.Watched{}
	for _, node := range request.Watched {
		byName[node.Name] = node
	}
	members := make([]*member, nodes.Rows())
	for i := range members {
		node := byName[textAt(nodes, "node_name", i)]
		m := &member{node: node, row: i, judged: judgements[node.Name], moved: moved[node.Name]}
		m.judged.retired = node.Retired
		if node.State == concern.Unreachable && m.judged.severity < float64(conditions.Warning) && !node.Retired {
			m.judged.title = "Unreachable" // it becomes a problem when it lasts
		}
		if m.standing, err = budgetsOf(request, node); err != nil {
			return nil, err
		}
		members[i] = m
	}
	return members, nil
}

// judged is what the conditions say of a node.
type judged struct {
	severity float64  // the gravest
	title    string   // of the gravest
	problems int      // warnings, and what is critical
	reasons  []string // why something is not watched
	retired  bool
}

// judgements are what the conditions say of each node, by its name. Of a node that is well
// they say nothing.
func (f *Fleet) judgements(ctx context.Context, request concern.Request) (map[string]judged, error) {
	request.Query = concern.Query{QueryType: "conditions", Format: concern.Table, Nodes: request.Query.Nodes, Satellites: request.Query.Satellites}
	answered, err := f.answer(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("the fleet's conditions: %w", err)
	}
	all := map[string]judged{}
	table := answered[0]
	for i := range table.Rows() {
		name := textAt(table, "node_name", i)
		j := all[name]
		severity := numberAt(table, "severity_number", i)
		switch {
		case severity == float64(conditions.NotWatched):
			j.reasons = append(j.reasons, shortReason(textAt(table, "message", i)))
		case severity > j.severity:
			j.severity, j.title = severity, textAt(table, "title", i)
		}
		if severity >= float64(conditions.Warning) {
			j.problems++
		}
		all[name] = j
	}
	for name, j := range all {
		// A problem says more than what is not watched beside it; what is well does not.
		if len(j.reasons) > 0 && j.severity < float64(conditions.Warning) {
			j.severity, j.title = float64(conditions.NotWatched), "Not watched: "+j.reasons[0]
			all[name] = j
		}
	}
	return all, nil
}

// shortReason is a reason without its details, which the table of conditions has.
func shortReason(reason string) string {
	reason, _, _ = strings.Cut(reason, ": ")
	return reason
}

// retiredWord stands where a node is not judged because its operator said so.
const retiredWord = "retired"

func (j judged) word() string {
	if j.retired {
		return retiredWord
	}
	return conditions.Severity(j.severity).String()
}

// rank orders the nodes, the worst first: what is not known is worse than what is only good
// to know.
func (m *member) rank() int {
	j := m.judged
	switch {
	case j.retired:
		return 6
	case m.node.State == concern.Unreachable && j.severity < float64(conditions.Critical):
		return 1 // it is not judged as a problem at once
	case j.severity == float64(conditions.NotWatched):
		return 2
	case j.severity >= float64(conditions.Warning):
		return int(float64(conditions.Critical) - j.severity)
	}
	return 5 - int(j.severity)
}

// statusConfig colours a node's status as its gravest condition.
var statusConfig = &data.FieldConfig{Mappings: data.ValueMappings{data.ValueMapper{
	conditions.Critical.String():   {Color: "red", Index: 0},
	conditions.Warning.String():    {Color: "orange", Index: 1},
	conditions.NotWatched.String(): {Color: "#808080", Index: 2},
	conditions.Info.String():       {Color: "blue", Index: 3},
	conditions.OK.String():         {Color: "green", Index: 4},
	retiredWord:                    {Color: "#808080", Index: 5},
}}}

// least is the smallest budget of a node, and with whom.
type least struct {
	left      float64 // NaN: nothing is known
	satellite string
}

func (l *least) take(left float64, satellite string) {
	if l.satellite == "" || left < l.left {
		l.left, l.satellite = left, satellite
	}
}

// budgets is what is left to a node, over the satellites that its operator has not muted.
type budgets struct {
	at               time.Time // when the scores were last said
	audits, downtime least
	worst            struct {
		health float64 // NaN: no score is known
		text   string
	}
}

func (b budgets) health() float64 {
	if b.worst.text == "" {
		return math.Inf(1)
	}
	return b.worst.health
}

func budgetsOf(request concern.Request, node concern.Watched) (budgets, error) {
	b := budgets{audits: least{left: math.NaN()}, downtime: least{left: math.NaN()}}
	b.worst.health = math.NaN()
	satellites, err := concern.NewSelector(request.Query.Satellites)
	if err != nil {
		return b, &QueryError{fmt.Errorf("satellites: %w", err)}
	}
	latest, _, err := reputation.ReadNow(request.Store, node.Node, request.Now)
	if err != nil {
		return b, err
	}
	b.at = latest.At
	if latest.Heard.After(b.at) {
		b.at = latest.Heard
	}
	for _, s := range latest.Standings {
		satellite := storagenode.SatelliteName(s.SatelliteID)
		if reputation.Muted(node.Node, s.SatelliteID) || !satellites.Matches(s.SatelliteID, satellite) {
			continue
		}
		if health := s.Health(); b.worst.text == "" || health < b.worst.health {
			b.worst.health, b.worst.text = health, s.Worst()+", "+satellite
		}
		if !s.Disqualified() { // nothing is left there, and what is left elsewhere counts
			b.audits.take(s.FailedAuditsLeft(), satellite)
			b.downtime.take(s.DowntimeLeft(), satellite)
		}
	}
	return b, nil
}

// transferred is what a node's log told of transfers, by action.
type transferred map[string]*transfers

type transfers struct{ success, bytes float64 }

func (t transferred) success(action string) float64 {
	if of := t[action]; of != nil {
		return of.success
	}
	return math.NaN()
}

func (t transferred) bytes(actions ...string) float64 {
	if len(t) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, action := range actions {
		if of := t[action]; of != nil && of.bytes == of.bytes {
			sum += of.bytes
		}
	}
	return sum
}

// transferred asks what was transferred in the last day, by the name of the node.
func (f *Fleet) transferred(ctx context.Context, request concern.Request) (map[string]transferred, error) {
	const success, bytes = "success_percent", "bytes"
	request.Query = concern.Query{
		QueryType: "traffic", Format: concern.Table, Nodes: request.Query.Nodes, Satellites: request.Query.Satellites,
		Metrics: []string{success, bytes}, GroupBy: []string{"node", "action"}, Outcomes: []string{"success"},
	}
	request.To = request.Now
	request.From = request.To.Add(-fleetPeriod)
	answered, err := f.answer(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("the fleet's traffic: %w", err)
	}
	all := map[string]transferred{}
	table := answered[0]
	for i := range table.Rows() {
		name := textAt(table, "node_name", i)
		if all[name] == nil {
			all[name] = transferred{}
		}
		all[name][textAt(table, "action", i)] = &transfers{success: numberAt(table, success, i), bytes: numberAt(table, bytes, i)}
	}
	return all, nil
}

// textAt is a text in a table that another query answered, "" if there is none.
func textAt(table *data.Frame, column string, row int) string {
	if field, _ := table.FieldByName(column); field != nil {
		if value, ok := field.ConcreteAt(row); ok {
			if text, ok := value.(string); ok {
				return text
			}
		}
	}
	return ""
}

// numberAt is a number in a table that another query answered, NaN if there is none.
func numberAt(table *data.Frame, column string, row int) float64 {
	if field, _ := table.FieldByName(column); field != nil {
		if value, err := field.NullableFloatAt(row); err == nil && value != nil {
			return *value
		}
	}
	return math.NaN()
}

// orNull is a pointer to a number, or nil if it is none.
func orNull(v float64) *float64 {
	if v != v {
		return nil
	}
	return &v
}

// fleetNames joins some names, so that a line stays one.
func fleetNames(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
}
