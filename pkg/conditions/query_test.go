package conditions_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func TestTypesAreWhatAnswerAnswers(t *testing.T) {
	w := newWorld(t, "A")
	w.evaluate()
	w.find(found("down", critical, "A", us1))
	w.after(time.Minute)
	kinds := map[concern.Format]data.FrameType{
		concern.Severity: data.FrameTypeNumericLong, concern.Text: data.FrameTypeNumericLong, concern.Table: data.FrameTypeTable,
		concern.TimeSeries: data.FrameTypeTimeSeriesWide, concern.Annotations: data.FrameTypeTable,
	}
	for _, kind := range conditions.NewConcern(nil).Types() {
		for _, format := range kind.Formats {
			frame := w.answer(w.request(concern.Query{QueryType: kind.Name, Format: format}))[0]
			if frame.Meta.Type != kinds[format] || frame.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
				t.Errorf("%s as %s: %s %v", kind.Name, format, frame.Meta.Type, frame.Meta.TypeVersion)
			}
		}
	}
	if got := conditions.NewConcern(nil).Types()[0].Formats[0]; got != concern.Severity {
		t.Errorf("the default format is %s", got)
	}
}

// One row with 0 for each node and condition, and no satellites.
func TestHealthyNodesHaveOneRowACondition(t *testing.T) {
	w := newWorld(t, "A", "B")
	w.evaluate()
	want := map[string]float64{}
	for _, node := range []string{"A", "B"} {
		for _, d := range conditions.Definitions(w.judges()) {
			want["condition="+d.Code+", node="+node+", satellite="] = 0
		}
	}
	frames := w.answer(w.request(concern.Query{Format: concern.Severity}))
	if diff := cmp.Diff(want, w.read(frames)); diff != "" {
		t.Error(diff)
	}
	for _, field := range frames[0].Fields {
		if field.Nullable() || field.Labels != nil {
			t.Errorf("column %s can be null or has labels", field.Name)
		}
	}
}

// An alert rule reads the severity in A and the text in B: for each row of A there is exactly
// one of B whose labels include its own.
func TestTextsMatchSeveritiesPairwise(t *testing.T) {
	w := newWorld(t, "A", "B", "C")
	w.nodes[1].MaintenanceUntil = noon.Add(time.Hour)
	w.nodes[2].Retired = true
	w.miss("hA", "audit_failed")
	w.find(found("down", critical, "A", ""), found("disqualified", critical, "A", us1), found("disqualified", warning, "B", eu1), found("disqualified", info, "B", us1))
	w.after(time.Minute)
	w.find(found("down", critical, "A", ""))
	w.after(10 * time.Minute)
	labelsOf := func(format concern.Format) []data.Labels {
		frame := w.answer(w.request(concern.Query{Format: format}))[0]
		var all []data.Labels
		for i := range frame.Rows() {
			labels := data.Labels{}
			for _, field := range frame.Fields[:len(frame.Fields)-1] {
				labels[field.Name] = field.At(i).(string)
			}
			all = append(all, labels)
		}
		return all
	}
	severity, text := labelsOf(concern.Severity), labelsOf(concern.Text)
	if len(severity) != 3*7+3 || len(text) != len(severity) {
		t.Fatalf("%d severities, %d texts", len(severity), len(text))
	}
	for _, labels := range severity {
		if len(labels) != 3 {
			t.Errorf("labels %v", labels)
		}
		matches := 0
		for _, other := range text {
			if other.Contains(labels) {
				matches++
			}
		}
		if matches != 1 {
			t.Errorf("%v has %d texts", labels, matches)
		}
	}
	got := map[string]float64{}
	for key, value := range w.read(w.answer(w.request(concern.Query{Format: concern.Text}))) {
		if !strings.Contains(key, "message=, ") {
			got[key] = value
		}
	}
	want := map[string]float64{
		"condition=down, maintenance=, message=down is critical, node=A, satellite=, threshold=70%, title=Title of down":                               68.5,
		"condition=disqualified, maintenance=, message=disqualified is critical, node=A, satellite=us1, threshold=70%, title=Title of disqualified":    68.5,
		"condition=disqualified, maintenance=true, message=disqualified is info, node=B, satellite=us1, threshold=70%, title=Title of disqualified":    68.5,
		"condition=disqualified, maintenance=true, message=disqualified is warning, node=B, satellite=eu1, threshold=70%, title=Title of disqualified": 68.5,
		"condition=audit_failed, maintenance=, message=no log, node=A, satellite=, threshold=, title=Not watched: Title of audit_failed":               0,
	}
	for _, code := range []string{"audit_critical", "audit_warning", "audit_failed", "disqualified", "down", "not_collecting", "test"} {
		title := "Title of " + code
		switch code {
		case "not_collecting":
			title = "The monitor does not collect"
		case "test":
			title = "Test alert"
		}
		want[fmt.Sprintf("condition=%s, maintenance=, message=the node is retired, node=C, satellite=, threshold=, title=Not watched: %s", code, title)] = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Nothing is shown as well before it was judged, nor when that is long ago.
func TestWhatIsNotJudgedIsNotWatched(t *testing.T) {
	w := newWorld(t, "A")
	all := len(conditions.Definitions(w.judges()))
	count := func(want int) {
		t.Helper()
		blind := 0
		for _, severity := range w.severities() {
			if severity == unseen {
				blind++
			}
		}
		if blind != want {
			t.Errorf("at %s %d conditions are not watched", w.now.Format("15:04"), blind)
		}
	}
	count(all)
	w.find(found("down", critical, "A", ""))
	w.evaluate()
	count(0)
	w.now = w.now.Add(10 * time.Minute)
	count(0)
	w.now = w.now.Add(time.Second)
	count(all - 1) // what is raised is raised
	if got := w.severities()["down@A"]; got != critical {
		t.Errorf("what was raised is %s", got)
	}
	w.now = w.now.Add(-time.Hour) // the clock was set back
	count(all - 1)
}

func TestSelections(t *testing.T) {
	w := newWorld(t, "A", "B")
	w.find(found("down", critical, "A", us1), found("down", critical, "B", eu1), found("disqualified", critical, "B", ""))
	w.others = []conditions.Judge{&judge{definitions: []conditions.Definition{definition("broken", "x")}, panics: "x"}}
	w.restart()
	w.evaluate()
	rows := func(q concern.Query) string {
		var all []string
		for _, row := range w.table(q) {
			if row["severity"] == "critical" {
				all = append(all, row["condition"]+"@"+row["node_name"]+"/"+row["satellite"])
			}
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		query concern.Query
		want  string
	}{
		{concern.Query{}, "down@A/us1 down@B/eu1 disqualified@B/ not_collecting@/"},
		{concern.Query{Nodes: []string{"$__all"}}, "down@A/us1 down@B/eu1 disqualified@B/ not_collecting@/"},
		{concern.Query{Nodes: []string{"A"}}, "down@A/us1"},
		{concern.Query{Satellites: []string{"us1"}}, "down@A/us1 disqualified@B/ not_collecting@/"},
		{concern.Query{Satellites: []string{eu1}}, "down@B/eu1 disqualified@B/ not_collecting@/"},
		{concern.Query{Kinds: []string{"down"}}, "down@A/us1 down@B/eu1"},
		{concern.Query{Kinds: []string{"/^dis/", "not_collecting"}}, "disqualified@B/ not_collecting@/"},
	} {
		if got := rows(c.query); got != c.want {
			t.Errorf("%+v: %s", c.query, got)
		}
	}
	for query, says := range map[string]string{
		`{"kinds":["dwon"]}`:      `there is no condition "dwon"; the conditions are audit_critical, audit_failed, audit_warning, broken, disqualified, down, not_collecting, test`,
		`{"kinds":["/(/"]}`:       "kinds: ",
		`{"satellites":["/(/"]}`:  "satellites: ",
		`{"kinds":["audit","x"]}`: `"audit"`,
	} {
		var q concern.Query
		if err := json.Unmarshal([]byte(query), &q); err != nil {
			t.Fatal(err)
		}
		if _, err := conditions.NewConcern(w.judges()).Answer(t.Context(), w.request(q)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestTableHasTheGravestFirstAndWhatIsWellNot(t *testing.T) {
	w := newWorld(t, "A", "B", "C")
	w.nodes[1].MaintenanceUntil = noon.Add(time.Hour)
	w.nodes[2].Retired = true
	early := found("down", warning, "B", "")
	early.Since = noon.Add(-time.Hour)
	odd := found("disqualified", info, "A", eu1)
	odd.Value, odd.Threshold = math.Inf(1), 0
	w.find(found("down", warning, "A", ""), early, found("disqualified", critical, "A", us1), odd, found("down", critical, "C", ""))
	w.miss("hB", "audit_failed", "audit_warning")
	for i := range w.judge.verdict.Unseen {
		w.judge.verdict.Unseen[i].Why = "no log; give one"
	}
	w.after(time.Minute)
	row := func(severity, number, node, satellite, code, since string) map[string]string {
		return map[string]string{
			"severity": severity, "severity_number": number, "node_name": node, "satellite": satellite, "condition": code,
			"title": "Title of " + code, "message": code + " is " + severity, "since": since, "value": "68.5", "threshold": "70",
			"unit": "percent", "what_to_do": "do " + code, "maintenance": "",
		}
	}
	late := row("warning", "2", "B", "", "down", "20 11:00")
	late["maintenance"] = "until 2026-11-20 13:00 UTC"
	note := row("info", "1", "A", "eu1", "disqualified", "20 12:01")
	delete(note, "value")
	delete(note, "threshold")
	want := []map[string]string{
		row("critical", "3", "A", "us1", "disqualified", "20 12:01"),
		late,
		row("warning", "2", "A", "", "down", "20 12:01"),
		note,
		{
			"severity": "not watched", "severity_number": "-1", "node_name": "B", "satellite": "", "condition": "audit_warning, audit_failed",
			"title": "Not watched: Title of audit_warning, Title of audit_failed", "message": "no log", "unit": "", "what_to_do": "Give one", "maintenance": "until 2026-11-20 13:00 UTC",
		},
	}
	got := w.table(concern.Query{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.judge.verdict = conditions.Verdict{}
	w.after(7 * time.Minute)
	if frame := w.answer(w.request(concern.Query{Format: concern.Table}))[0]; len(frame.Fields) != 0 {
		t.Errorf("a table of nothing: %v", rowsOf(frame))
	}
}

func TestSeveritiesHaveWordsAndColours(t *testing.T) {
	w := newWorld(t, "A")
	w.find(found("down", warning, "A", ""))
	w.evaluate()
	frame := w.answer(w.request(concern.Query{Format: concern.Table}))[0]
	for column, key := range map[string]string{"severity": "warning", "severity_number": "2"} {
		field, _ := frame.FieldByName(column)
		mapping := field.Config.Mappings[0].(data.ValueMapper)[key]
		if mapping.Text != "warning" || mapping.Color != "orange" || len(field.Config.Mappings[0].(data.ValueMapper)) != 5 {
			t.Errorf("%s: %+v", column, field.Config.Mappings)
		}
	}
}

func TestTheVerdictNamesFewerOfLongNames(t *testing.T) {
	var names []string
	for _, first := range []string{"A", "B", "C"} {
		names = append(names, first+strings.Repeat("x", 69))
	}
	cases := map[string]struct {
		does func(w *world, node string)
		want string
	}{
		"problems": {func(w *world, node string) {
			w.judge.verdict.Findings = append(w.judge.verdict.Findings, found("down", critical, node, ""))
		}, "3 problems: Title of down on " + names[0] + " and 2 more"},
		"gaps": {func(w *world, node string) {
			w.judge.verdict.Unseen = append(w.judge.verdict.Unseen, conditions.Unseen{Code: "down", History: "h" + node, Why: "no log"})
		}, "Not watching everything at 3 of 3: " + names[0] + " (no log) and 2 more"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, names...)
			for _, node := range names {
				c.does(w, node)
			}
			w.evaluate()
			if got := w.table(concern.Query{QueryType: "verdict"})[0]["text"]; got != c.want {
				t.Errorf("says %q", got)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	cases := []struct {
		name  string
		does  func(w *world)
		nodes string
		text  string
		// severity, critical, warning, info, not watched
		numbers string
	}{
		{"all fine", func(w *world) { w.evaluate() }, "AB", "All fine", "0 0 0 0 0"},
		{"no node", func(w *world) { w.evaluate() }, "", "Not watching: no node is configured", "-1 0 0 0 0"},
		{"retired", func(w *world) { w.nodes[0].Retired = true; w.evaluate() }, "A", "Not watching: 1 node is retired", "-1 0 0 0 0"},
		{"one retired, one fine", func(w *world) { w.nodes[0].Retired = true; w.evaluate() }, "AB", "All fine", "0 0 0 0 0"},
		{"not judged yet", func(*world) {}, "AB", "Not watching: collecting since 2026-11-20 11:59 UTC, not judged yet", "-1 0 0 0 2"},
		{"a new node", func(w *world) {
			w.evaluate()
			w.nodes = append(w.nodes, concern.Watched{Node: concern.Node{Node: settings.Node{Name: "C"}, History: "hC"}, Since: noon})
		}, "AB", "Not watching 1 of 3: C (collecting since 2026-11-20 12:00 UTC, not judged yet)", "-1 0 0 0 1"},
		{"judged long ago", func(w *world) { w.evaluate(); w.now = w.now.Add(time.Hour) }, "A", "1 problem: The monitor does not collect. Not watching: the conditions were last judged at 2026-11-20 12:00 UTC", "3 1 0 0 1"},
		{"a part is not watched", func(w *world) { w.miss("hB", "down"); w.evaluate() }, "ABC", "Not watching everything at 1 of 3: B (no log)", "-1 0 0 0 1"},
		{"a note", func(w *world) { w.find(found("down", info, "A", "")); w.evaluate() }, "A", "All fine, 1 note", "1 0 0 1 0"},
		{"a note, and a part is not watched", func(w *world) { w.find(found("down", info, "A", "")); w.miss("hA", "disqualified"); w.evaluate() }, "A", "Not watching everything at 1 of 1: A (no log)", "-1 0 0 1 1"},
		{"a problem", func(w *world) { w.find(found("down", warning, "A", us1)); w.evaluate() }, "A", "1 problem: Title of down on A (us1)", "2 0 1 0 0"},
		{"problems", func(w *world) {
			w.nodes[1].MaintenanceUntil = noon.Add(time.Hour)
			w.find(found("down", warning, "A", us1), found("down", critical, "B", ""), found("disqualified", info, "A", us1))
			w.miss("hA", "audit_failed")
			w.evaluate()
		}, "AB", "2 problems: Title of down on B, in maintenance, Title of down on A (us1). Not watching everything at 1 of 2: A", "3 1 1 1 1"},
		{"many problems", func(w *world) {
			var all []conditions.Finding
			for _, node := range w.nodes {
				all = append(all, found("down", critical, node.Name, ""))
			}
			w.find(all...)
			w.evaluate()
		}, "ABCDEFGH", "8 problems: Title of down on A, Title of down on B, Title of down on C and 5 more", "3 8 0 0 0"},
		{"one problem with several satellites", func(w *world) {
			w.find(found("down", critical, "A", us1), found("down", critical, "A", eu1), found("disqualified", warning, "A", us1))
			w.evaluate()
		}, "A", "3 problems: Title of down on A (us1, eu1), Title of disqualified on A (us1)", "3 2 1 0 0"},
		{"the monitor itself", func(w *world) { w.judge.panics = "oh"; w.evaluate() }, "A",
			"1 problem: The monitor does not collect. Not watching: the judge conditions_test failed: an error in the plugin: oh", "3 1 0 0 1"},
		{"muted", func(w *world) {
			w.nodes[0].MutedSatellites = map[string]string{"us1": ""}
			w.find(found("down", warning, "A", us1))
			w.evaluate()
		}, "A", "All fine", "0 0 0 0 0"},
		{"cleared", func(w *world) { w.find(found("audit_failed", warning, "A", us1)); w.evaluate(); w.find(); w.evaluate() }, "A", "All fine", "0 0 0 0 0"},
	}
	// The node to look at first.
	gravest := map[string]string{
		"a new node": "C", "not judged yet": "A", "a part is not watched": "B", "a note, and a part is not watched": "A",
		"a problem": "A", "problems": "B", "many problems": "A", "one problem with several satellites": "A",
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, strings.Split(c.nodes, "")...)
			c.does(w)
			rows := w.table(concern.Query{QueryType: "verdict"})
			if len(rows) != 1 {
				t.Fatalf("%d rows", len(rows))
			}
			r := rows[0]
			if r["text"] != c.text {
				t.Errorf("says %q", r["text"])
			}
			if got := strings.Join([]string{r["severity"], r["critical"], r["warning"], r["info"], r["not_watched"]}, " "); got != c.numbers {
				t.Errorf("is %s", got)
			}
			if r["node_name"] != gravest[c.name] {
				t.Errorf("the gravest is of node %q", r["node_name"])
			}
		})
	}
}

// seriesOf is the history as an alert rule reads it: labels to "12:01 0" where it changes.
func (w *world) seriesOf(request concern.Request) map[string]string {
	w.t.Helper()
	frames := w.answer(request)
	from, err := timeseries.CollectionReaderFromFrames(frames)
	if err != nil {
		w.t.Fatal(err)
	}
	collection, err := from.GetCollection(true)
	if err != nil || collection.Warning != nil {
		w.t.Fatal(err, collection.Warning)
	}
	all := map[string]string{}
	for _, ref := range collection.Refs {
		var words []string
		last := ""
		for i := range ref.ValueField.Len() {
			at, value, err := ref.NullableFloat64Point(i)
			if err != nil {
				w.t.Fatal(err)
			}
			word := "null"
			if value != nil {
				word = fmt.Sprint(*value)
			}
			if word != last {
				words = append(words, at.UTC().Format("15:04")+" "+word)
			}
			last = word
		}
		all[ref.GetMetricName()+"{"+ref.GetLabels().String()+"}"] = strings.Join(words, ", ")
	}
	return all
}

func TestHistoryIsAStepFunction(t *testing.T) {
	w := newWorld(t, "A", "B")
	w.evaluate()
	w.find(found("down", warning, "A", us1))
	w.after(10 * time.Minute) // raised at 12:01
	w.find(found("down", critical, "A", us1), found("audit_failed", warning, "B", ""))
	w.after(time.Minute) // 12:11
	w.find()
	w.miss("hA", "disqualified", "down")
	w.after(10 * time.Minute) // to 12:21
	w.miss("hA", "disqualified")
	w.after(20 * time.Minute) // down cleared at 12:27
	w.miss("hA", "down")
	w.after(time.Minute) // 12:42
	w.restart()
	w.nodes[0].Name = "Attic"
	request := w.request(concern.Query{Format: concern.TimeSeries})
	request.From, request.To = noon.Add(-5*time.Minute), noon.Add(3*time.Hour)
	want := map[string]string{
		"severity{condition=down, node=Attic, satellite=us1}":  "11:55 null, 12:00 0, 12:01 2, 12:11 3, 12:27 0, 12:42 -1",
		"severity{condition=audit_failed, node=B, satellite=}": "11:55 null, 12:00 0, 12:11 2, 12:12 0",
	}
	if diff := cmp.Diff(want, w.seriesOf(request)); diff != "" {
		t.Error(diff)
	}

	// A step has its gravest, and nothing that is over is in a later range.
	request.Step = 10 * time.Minute
	want = map[string]string{
		"severity{condition=down, node=Attic, satellite=us1}":  "11:50 null, 12:00 2, 12:10 3, 12:30 0, 12:40 -1",
		"severity{condition=audit_failed, node=B, satellite=}": "11:50 null, 12:00 0, 12:10 2, 12:20 0",
	}
	if diff := cmp.Diff(want, w.seriesOf(request)); diff != "" {
		t.Error(diff)
	}
	request.From, request.Step = noon.Add(20*time.Minute), time.Minute
	want = map[string]string{"severity{condition=down, node=Attic, satellite=us1}": "12:20 3, 12:27 0, 12:42 -1"}
	if diff := cmp.Diff(want, w.seriesOf(request)); diff != "" {
		t.Error(diff)
	}

	// Named conditions are there even where they were never raised.
	request.Query.Kinds = []string{"disqualified"}
	want = map[string]string{"severity{condition=disqualified, node=Attic, satellite=}": "12:20 -1, 12:42 0"}
	if diff := cmp.Diff(want, w.seriesOf(request)); diff != "" {
		t.Error(diff)
	}

	// A retired node is not well.
	w.nodes[1].Retired = true
	w.after(time.Minute)
	request = w.request(concern.Query{Format: concern.TimeSeries, Nodes: []string{"B"}, Kinds: []string{"down"}})
	request.From = noon.Add(30 * time.Minute)
	if diff := cmp.Diff(map[string]string{"severity{condition=down, node=B, satellite=}": "12:30 0, 12:43 -1"}, w.seriesOf(request)); diff != "" {
		t.Error(diff)
	}

	request = w.request(concern.Query{Format: concern.TimeSeries})
	request.From, request.MaxPoints, request.Step = noon.Add(-30*24*time.Hour), 100, time.Second
	if frame := w.answer(request)[0]; frame.Rows() > 100 || frame.Rows() < 50 {
		t.Errorf("%d points", frame.Rows())
	}
	request.From, request.To = w.now.Add(time.Hour), w.now.Add(2*time.Hour)
	if frame := w.answer(request)[0]; len(frame.Fields) != 0 {
		t.Error("the future has a history")
	}
}

// What was raised before the stored history is shown all the same.
func TestHistoryOfWhatWasRaisedLongAgo(t *testing.T) {
	w := newWorld(t, "A")
	w.find(found("down", critical, "A", ""))
	w.evaluate()
	w.store.SetLimits(store.Limits{Policies: conditions.NewConcern(nil).Policies(settings.Retention{Rollup: 24 * time.Hour})})
	w.now = w.now.Add(100 * 24 * time.Hour)
	w.evaluate()
	if err := w.store.Seal(); err != nil {
		t.Fatal(err)
	}
	request := w.request(concern.Query{Format: concern.TimeSeries})
	want := map[string]string{"severity{condition=down, node=A, satellite=}": w.now.Add(-time.Hour).Format("15:04") + " 3"}
	if diff := cmp.Diff(want, w.seriesOf(request)); diff != "" {
		t.Error(diff)
	}
}

func TestAnnotations(t *testing.T) {
	w := newWorld(t, "A", "B,C")
	w.evaluate()
	w.find(found("down", warning, "A", us1), found("disqualified", critical, "B,C", ""))
	w.after(2 * time.Minute) // 12:01
	w.find(found("down", critical, "A", us1))
	w.after(time.Minute) // worse at 12:03
	w.find()
	w.after(20 * time.Minute) // cleared at 12:09
	w.restart()
	notes := func(from, to time.Time, q concern.Query) string {
		q.Format = concern.Annotations
		request := w.request(q)
		request.From, request.To = from, to
		var lines []string
		for _, row := range rowsOf(w.answer(request)[0]) {
			lines = append(lines, fmt.Sprintf("%s-%s %s | %s | %s", row["time"], row["timeEnd"], row["title"], row["text"], row["tags"]))
		}
		return strings.Join(lines, "\n")
	}
	want := strings.Join([]string{
		"20 12:01-20 12:09 Title of down: A | down is warning | warning,down,A,us1",
		"20 12:01-20 12:08 Title of disqualified: B,C | disqualified is critical | critical,disqualified,B C",
		"20 12:03- Title of down: A: worse: critical | down is critical | critical,down,A,us1",
	}, "\n")
	if diff := cmp.Diff(want, notes(noon, w.now, concern.Query{})); diff != "" {
		t.Error(diff)
	}
	// What cleared in the range began before it; what began has no end yet.
	if diff := cmp.Diff("20 12:01-20 12:09 Title of down: A | down is critical | critical,down,A,us1", notes(noon.Add(9*time.Minute), w.now, concern.Query{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("20 12:01- Title of down: A | down is warning | warning,down,A,us1", notes(noon, noon.Add(2*time.Minute), concern.Query{Nodes: []string{"A"}})); diff != "" {
		t.Error(diff)
	}
	if got := notes(noon, w.now, concern.Query{Kinds: []string{"down"}, Satellites: []string{"eu1"}}); got != "" {
		t.Errorf("of another satellite: %s", got)
	}
}
