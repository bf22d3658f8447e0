package conditions

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
)

// stale is the age from which on the last judgement says nothing of now.
const stale = 10 * time.Minute

// row is one condition at one node, and a satellite where it has one, as it is now.
type row struct {
	node       *concern.Watched
	satellite  string // its id
	definition *Definition
	severity   Severity
	state      *State // nil: it is not raised, nor was it within a day
	why        string // it is not watched
}

// rows are the rows of the answer, the same for every format: for each node and condition one
// without a satellite, so that no answer is empty, and one for each satellite where it is
// raised or was within a day. Of the monitor itself only the latter.
func (a answer) rows() ([]row, error) {
	rows := make([]row, 0, len(a.nodes)*len(a.table.definitions))
	for i := range a.nodes {
		node := &a.nodes[i]
		monitor := isMonitor(node)
		record, judged, err := Recall(a.Store, node.History)
		if err != nil {
			return nil, err
		}
		if node.History == Monitor && !monitor {
			record, judged = Record{}, false // a node that has no history yet
		}
		states := map[string][]State{}
		for _, state := range record.States {
			if state.shown(a.Now) && a.wantsSatellite(state.Satellite) {
				states[state.Code] = append(states[state.Code], state)
			}
		}
		for j := range a.table.definitions {
			d := &a.table.definitions[j]
			if !a.kinds.Matches(d.Code) {
				continue
			}
			own := states[d.Code]
			if monitor && d.Code == NotCollecting && a.stale() && len(own) == 0 {
				own = append(own, a.notJudged())
			}
			if !monitor && (len(own) == 0 || own[0].Satellite != "") {
				own = slices.Insert(own, 0, State{Code: d.Code})
			}
			for _, state := range own {
				r := row{node: node, satellite: state.Satellite, definition: d, severity: state.Severity}
				if state.Severity > OK || !state.RaisedAt.IsZero() {
					r.state = &state
				}
				why, known := a.unseen(node, record, judged, d.Code, state.Satellite)
				switch {
				case why == "":
				case state.Severity == OK || known:
					r.severity, r.why = NotWatched, why
				}
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

// stale says whether the last judgement says nothing of now.
func (a answer) stale() bool {
	return !a.clock.At.IsZero() && a.Now.Sub(a.clock.At).Abs() > stale
}

// notJudged is raised by the answer itself: where nothing is judged, nobody else can.
func (a answer) notJudged() State {
	return State{
		Code: NotCollecting, Severity: Critical, Title: "The conditions are not judged", RaisedAt: a.clock.At, Since: a.clock.At,
		Message: "The conditions of all nodes were last judged at " + a.clock.At.UTC().Format("2006-01-02 15:04 UTC") + ": nothing is watched. Look into Grafana's log, and restart Grafana.",
	}
}

// isMonitor says whether rows are of the monitor itself.
func isMonitor(node *concern.Watched) bool { return node.History == Monitor && node.Name == "" }

// unseen is why a condition is not watched, or "". It is deliberate where nobody wants to be told.
func (a answer) unseen(node *concern.Watched, record Record, judged bool, code, satellite string) (why string, deliberate bool) {
	if why := silence(node.Node, satellite); why != "" {
		return why, true
	}
	switch {
	case a.clock.At.IsZero() || !judged:
		return collectingSince(node, a.clock), false
	case a.stale():
		return "the conditions were last judged at " + a.clock.At.UTC().Format("2006-01-02 15:04 UTC"), false
	}
	why, blind := record.blind(code, satellite)
	if blind && why == "" {
		why = "its evidence is missing"
	}
	return why, false
}

func collectingSince(node *concern.Watched, c clock) string {
	since := node.Since
	if since.IsZero() {
		since = c.Began
	}
	if since.IsZero() {
		return "nothing is collected yet"
	}
	return "collecting since " + since.UTC().Format("2006-01-02 15:04 UTC") + ", not judged yet"
}

func (r row) title() string {
	switch {
	case r.state != nil:
		return r.state.Title
	case r.severity == NotWatched:
		return "Not watched: " + r.definition.short()
	}
	return ""
}

func (r row) message() string {
	switch {
	case r.state != nil:
		return r.state.Message
	case r.severity == NotWatched:
		return r.why
	}
	return ""
}

func (r row) threshold() string {
	if r.state == nil || !r.state.hasThreshold() {
		return ""
	}
	return quantity(r.state.Threshold, r.state.Unit)
}

func (s State) hasThreshold() bool { return s.Threshold != 0 && !math.IsNaN(float64(s.Threshold)) }

// quantity is a number with its unit for people.
func quantity(n number, unit string) string {
	text := strconv.FormatFloat(float64(n), 'f', -1, 64)
	switch unit {
	case "", "short", "none":
		return text
	case "percent":
		return text + "%"
	case "bytes", "decbytes":
		return text + " B"
	}
	return text + " " + unit
}

// severities answers how grave each condition is.
func (a answer) severities() (data.Frames, error) {
	rows, err := a.rows()
	if err != nil {
		return nil, err
	}
	long := frames.NewLong(name, severityColumn, severityConfig(), "node", "satellite", "condition")
	for _, r := range rows {
		long.Add(float64(r.severity), r.node.Name, satelliteName(r.satellite), r.definition.Code)
	}
	return data.Frames{long.Frame()}, nil
}

// texts answers what each condition says: the same rows as severities, with more labels. An
// alert rule finds the text of a row by the labels that both have.
func (a answer) texts() (data.Frames, error) {
	rows, err := a.rows()
	if err != nil {
		return nil, err
	}
	long := frames.NewLong(name, "value", nil, "node", "satellite", "condition", "title", "message", "threshold", "maintenance")
	for _, r := range rows {
		value, maintenance := 0.0, ""
		if r.state != nil {
			value = float64(r.state.Value)
		}
		if math.IsNaN(value) {
			value = 0 // an alert rule would take it for an error
		}
		if inMaintenance(r.node.Node, a.Now) {
			maintenance = "true"
		}
		long.Add(value, r.node.Name, satelliteName(r.satellite), r.definition.Code, r.title(), r.message(), r.threshold(), maintenance)
	}
	return data.Frames{long.Frame()}, nil
}

// The colours of severities, the same everywhere.
var severityColors = map[Severity]string{NotWatched: "#808080", OK: "green", Info: "blue", Warning: "orange", Critical: "red"}

// severityConfig shows a severity as a word in its colour.
func severityConfig() *data.FieldConfig {
	words := data.ValueMapper{}
	for severity, color := range severityColors {
		words[strconv.Itoa(int(severity))] = data.ValueMappingResult{Text: severity.String(), Color: color, Index: int(severity - NotWatched)}
	}
	config := &data.FieldConfig{
		Mappings: data.ValueMappings{words},
		Thresholds: frames.Thresholds(severityColors[NotWatched],
			frames.From(float64(OK), severityColors[OK]), frames.From(float64(Info), severityColors[Info]),
			frames.From(float64(Warning), severityColors[Warning]), frames.From(float64(Critical), severityColors[Critical])),
	}
	return config.SetDecimals(0).SetMin(float64(NotWatched)).SetMax(float64(Critical))
}

// wordConfig colours a severity that is written as a word.
func wordConfig() *data.FieldConfig {
	words := data.ValueMapper{}
	for severity, color := range severityColors {
		words[severity.String()] = data.ValueMappingResult{Text: severity.String(), Color: color, Index: int(severity - NotWatched)}
	}
	return &data.FieldConfig{Mappings: data.ValueMappings{words}}
}

// listing is one line of the table.
type listing struct {
	row
	missing []*Definition // all that is not watched for the row's reason
	text    string
	do      string
}

// problems answers the table: what is raised, the gravest first, then what is not watched and
// why. What is well is left out.
func (a answer) problems() (data.Frames, error) {
	rows, err := a.rows()
	if err != nil {
		return nil, err
	}
	var raised, missing []listing
	for _, r := range rows {
		switch {
		case r.severity > OK:
			raised = append(raised, listing{row: r, text: r.message(), do: r.definition.Do})
		case r.severity == NotWatched && !r.node.Retired && silence(r.node.Node, r.satellite) == "" && r.satellite == "":
			// What a node lacks for one reason is one line.
			at := slices.IndexFunc(missing, func(l listing) bool { return l.node.History == r.node.History && l.why == r.why })
			if at < 0 {
				// A reason has what to do behind it.
				why, do, _ := strings.Cut(r.why, "; ")
				missing, at = append(missing, listing{row: r, text: why, do: upperFirst(do)}), len(missing)
			}
			missing[at].missing = append(missing[at].missing, r.definition)
		}
	}
	slices.SortStableFunc(raised, func(x, y listing) int {
		if x.severity != y.severity {
			return int(y.severity - x.severity)
		}
		return x.state.Since.Compare(y.state.Since)
	})
	return data.Frames{listingTable(append(raised, missing...), a.Now)}, nil
}

func listingTable(lines []listing, now time.Time) *data.Frame {
	text := func(name string, of func(listing) string) *data.Field {
		return frames.Column(name, nil, frames.Each(lines, of))
	}
	measured := func(name string, of func(State) *float64) *data.Field {
		return frames.Column(name, nil, frames.Each(lines, func(l listing) *float64 {
			if l.severity == NotWatched || l.state == nil {
				return nil
			}
			return of(*l.state)
		}))
	}
	return frames.Table(name,
		frames.Column("severity", wordConfig(), frames.Each(lines, func(l listing) string { return l.severity.String() })),
		frames.Column("severity_number", severityConfig(), frames.Each(lines, func(l listing) float64 { return float64(l.severity) })),
		text("node_name", func(l listing) string { return l.node.Name }),
		text("satellite", func(l listing) string { return satelliteName(l.satellite) }),
		text("condition", listing.codes),
		text("title", func(l listing) string {
			if l.severity == NotWatched {
				return "Not watched: " + l.names()
			}
			return l.title()
		}),
		text("message", func(l listing) string { return l.text }),
		frames.Column("since", nil, frames.Each(lines, func(l listing) *time.Time {
			if l.severity == NotWatched || l.state == nil {
				return nil
			}
			return frames.Optional(l.state.Since)
		})),
		measured("value", func(s State) *float64 { return known(s.Value) }),
		measured("threshold", func(s State) *float64 {
			if !s.hasThreshold() {
				return nil
			}
			return known(s.Threshold)
		}),
		text("unit", func(l listing) string {
			if l.state == nil || l.severity == NotWatched {
				return ""
			}
			return l.state.Unit
		}),
		text("what_to_do", func(l listing) string { return l.do }),
		text("maintenance", func(l listing) string {
			if inMaintenance(l.node.Node, now) {
				return "until " + l.node.MaintenanceUntil.UTC().Format("2006-01-02 15:04 UTC")
			}
			return ""
		}),
	)
}

// codes are those of the line's conditions.
func (l listing) codes() string {
	if l.missing == nil {
		return l.definition.Code
	}
	return joined(l.missing, func(d *Definition) string { return d.Code })
}

// names are those of what is not watched: all of a few, else two, and how many more there are.
func (l listing) names() string {
	if all := len(l.missing); all > 3 {
		return fmt.Sprintf("%s and %d more", joined(l.missing[:2], (*Definition).short), all-2)
	}
	return joined(l.missing, (*Definition).short)
}

func joined(definitions []*Definition, of func(*Definition) string) string {
	texts := make([]string, len(definitions))
	for i, d := range definitions {
		texts[i] = of(d)
	}
	return strings.Join(texts, ", ")
}

func upperFirst(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

// known is a pointer to the number, or nil if it is none.
func known(n number) *float64 {
	if v := float64(n); !math.IsNaN(v) {
		return &v
	}
	return nil
}

// postMortems answers every post-mortem of the nodes, the newest first, whatever the range:
// they are rare, and who is disqualified looks for it days later.
func (a answer) postMortems() (data.Frames, error) {
	type one struct {
		PostMortem
		node string
	}
	var all []one
	for _, node := range a.nodes {
		own, err := PostMortems(a.Store, node.History)
		if err != nil {
			return nil, err
		}
		for _, p := range own {
			if a.wantsSatellite(p.Satellite) {
				all = append(all, one{p, node.Name})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y one) int { return y.Time.Compare(x.Time) })
	text := func(name string, of func(one) string) *data.Field {
		return frames.Column(name, nil, frames.Each(all, of))
	}
	return data.Frames{frames.Table(postMortemsType,
		frames.Column("time", nil, frames.Each(all, func(p one) time.Time { return p.Time })),
		text("node_name", func(p one) string { return p.node }),
		text("satellite", func(p one) string { return satelliteName(p.Satellite) }),
		text("condition", func(p one) string { return p.Code }),
		text("title", func(p one) string { return p.Title }),
		text("text", func(p one) string { return p.Text() }),
	)}, nil
}

// plural is a number of things in words.
func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	return fmt.Sprintf("%d %s", n, many)
}

// some are the first of many words, and how many more there are.
func some(words []string, limit int) string {
	if extra := len(words) - limit; extra > 0 {
		return strings.Join(words[:limit], ", ") + fmt.Sprintf(" and %d more", extra)
	}
	return strings.Join(words, ", ")
}
