package conditions_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/reader"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"

	ok       = conditions.OK
	info     = conditions.Info
	warning  = conditions.Warning
	critical = conditions.Critical
	unseen   = conditions.NotWatched

	flapping = 5 * time.Minute
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// judge finds what a test tells it to find.
type judge struct {
	definitions []conditions.Definition
	verdict     conditions.Verdict
	err         error
	panics      any
	exhibits    []conditions.Exhibit
	testifies   any // panics with it
}

func (j *judge) Conditions() []conditions.Definition { return j.definitions }

func (j *judge) Judge(ctx context.Context, _ conditions.Case) (conditions.Verdict, error) {
	if j.panics != nil {
		panic(j.panics)
	}
	if err := ctx.Err(); err != nil {
		return conditions.Verdict{}, err
	}
	return j.verdict, j.err
}

func (j *judge) Testify(_ context.Context, _ conditions.Case, node concern.Node, satellite string, from, to time.Time) ([]conditions.Exhibit, error) {
	if j.testifies != nil {
		panic(j.testifies)
	}
	own := []conditions.Exhibit{{Title: "asked for", Lines: []string{node.Name, satellite, from.Format(time.RFC3339), to.Format(time.RFC3339)}}}
	return append(own, j.exhibits...), nil
}

func definition(code, group string, change ...func(*conditions.Definition)) conditions.Definition {
	d := conditions.Definition{
		Code: code, Group: group, Severities: []conditions.Severity{info, warning, critical},
		Title: "Title of " + code + " on {satellite}", When: "when " + code, Clears: "when it is over", Do: "do " + code,
	}
	for _, c := range change {
		c(&d)
	}
	return d
}

func event(d *conditions.Definition) { d.Event = true }

func ofAudit(d *conditions.Definition) { d.Score = "audit" }

// definitions are of every sort.
func definitions() []conditions.Definition {
	return []conditions.Definition{
		definition("audit_critical", "audits", ofAudit),
		definition("audit_warning", "audits", ofAudit),
		definition("audit_failed", "audits", event),
		definition("disqualified", "standing"),
		definition("down", "contact"),
	}
}

// world is one data source with an engine, a judge and a clock.
type world struct {
	t       testing.TB
	dir     string
	now     time.Time
	store   *store.Store
	judge   *judge
	others  []conditions.Judge
	engine  *conditions.Engine
	nodes   []concern.Watched
	set     settings.Settings
	told    []string // "12:05 raised critical down@A"
	changes []conditions.Change
	reports []error
}

func newWorld(t testing.TB, names ...string) *world {
	w := &world{t: t, dir: t.TempDir(), now: noon, judge: &judge{definitions: definitions()}, set: settings.Default()}
	w.set.Alerts.Flapping = flapping
	for _, name := range names {
		w.nodes = append(w.nodes, concern.Watched{Node: concern.Node{Node: settings.Node{Name: name}, History: "h" + name}, Since: noon.Add(-time.Minute)})
	}
	w.open()
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *world) judges() []conditions.Judge { return append([]conditions.Judge{w.judge}, w.others...) }

func (w *world) open() {
	opened, err := store.Open(store.Options{Dir: w.dir, FlushInterval: -1, Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = opened
	published := []conditions.Change{}
	w.engine = conditions.NewEngine(w.judges(), conditions.Options{
		Now: func() time.Time { return w.now },
		Log: func(c conditions.Change) {
			where := c.Node
			if c.Satellite != "" {
				where += "/" + c.SatelliteName()
			}
			w.told = append(w.told, fmt.Sprintf("%s %s %s %s@%s", c.Time.Format("15:04"), c.Kind, c.Severity, c.Code, where))
			w.changes = append(w.changes, c)
			published = append(published, c)
		},
		Publish: func(c conditions.Change) {
			if len(published) == 0 || published[0].Line() != c.Line() {
				w.t.Errorf("published %s, which was not logged before", c.Line())
				return
			}
			published = published[1:]
		},
		Report: func(err error) { w.reports = append(w.reports, err) },
	})
}

// restart closes the store and begins with nothing but what is in its file.
func (w *world) restart() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *world) toCase() conditions.Case {
	return conditions.Case{Nodes: w.nodes, Store: w.store, Settings: w.set, Now: w.now, Started: noon}
}

func (w *world) evaluate() {
	w.t.Helper()
	if err := w.engine.Evaluate(w.t.Context(), w.toCase()); err != nil {
		w.t.Fatal(err)
	}
}

// find sets what the judge finds from now on.
func (w *world) find(findings ...conditions.Finding) { w.judge.verdict.Findings = findings }

func (w *world) miss(history string, codes ...string) {
	w.judge.verdict.Unseen = nil
	for _, code := range codes {
		w.judge.verdict.Unseen = append(w.judge.verdict.Unseen, conditions.Unseen{Code: code, History: history, Why: "no log"})
	}
}

// missAt says of conditions that they cannot be judged at one satellite.
func (w *world) missAt(history, satellite string, codes ...string) {
	w.miss(history, codes...)
	for i := range w.judge.verdict.Unseen {
		w.judge.verdict.Unseen[i].Satellite = satellite
	}
}

// gone says of conditions that they cannot be any more.
func (w *world) gone(history string, codes ...string) {
	w.miss(history, codes...)
	for i := range w.judge.verdict.Unseen {
		w.judge.verdict.Unseen[i].Why, w.judge.verdict.Unseen[i].Gone = "no log any more", true
	}
}

// after lets time go by, a minute an evaluation, or more where it is long.
func (w *world) after(d time.Duration) {
	w.t.Helper()
	step := max(time.Minute, (d / 100).Truncate(time.Minute))
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(step, end.Sub(w.now)))
		w.evaluate()
	}
}

func found(code string, severity conditions.Severity, node, satellite string) conditions.Finding {
	return conditions.Finding{
		Code: code, History: "h" + node, Satellite: satellite, Severity: severity,
		Title: fmt.Sprintf("Title of %s", code), Message: fmt.Sprintf("%s is %s", code, severity),
		Value: 68.5, Threshold: 70, Unit: "percent",
	}
}

func (w *world) request(query concern.Query) concern.Request {
	if query.QueryType == "" {
		query.QueryType = "conditions"
	}
	selector, err := concern.NewSelector(query.Nodes)
	if err != nil {
		w.t.Fatal(err)
	}
	request := concern.Request{
		Query: query, From: w.now.Add(-time.Hour), To: w.now.Add(time.Second), Step: time.Minute, MaxPoints: 1000,
		Now: w.now, Settings: w.set, Store: w.store,
	}
	for _, node := range w.nodes {
		if selector.Matches(node.Name) {
			request.Watched = append(request.Watched, node)
		}
	}
	return request
}

func (w *world) answer(request concern.Request) data.Frames {
	w.t.Helper()
	frames, err := conditions.NewConcern(w.judges()).Answer(w.t.Context(), request)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(frames) != 1 || frames[0].Meta == nil {
		w.t.Fatalf("%d frames", len(frames))
	}
	return frames
}

// read is a numeric-long answer as an alert rule reads it: labels to value.
func (w *world) read(frames data.Frames) map[string]float64 {
	w.t.Helper()
	if kind, err := reader.CanReadBasedOnMeta(frames); err != nil || kind != data.FrameTypeNumericLong {
		w.t.Fatalf("kind %q, %v", kind, err)
	}
	from, err := numeric.CollectionReaderFromFrames(frames)
	if err != nil {
		w.t.Fatal(err)
	}
	collection, err := from.GetCollection(false)
	if err != nil || collection.Warning != nil || len(collection.RemainderIndices) > 0 {
		w.t.Fatalf("%v, %v, %v", err, collection.Warning, collection.RemainderIndices)
	}
	values := map[string]float64{}
	for _, ref := range collection.Refs {
		value, empty, err := ref.NullableFloat64Value()
		if err != nil || empty || value == nil {
			w.t.Fatalf("%v: value %v, empty %v, %v", ref.GetLabels(), value, empty, err)
		}
		key := ref.GetLabels().String()
		if _, twice := values[key]; twice {
			w.t.Errorf("%s is there twice", key)
		}
		values[key] = *value
	}
	return values
}

// severities is the severity answer without what is ok: "condition@node/satellite" to severity.
func (w *world) severities(all ...bool) map[string]conditions.Severity {
	w.t.Helper()
	frames := w.answer(w.request(concern.Query{Format: concern.Severity}))
	w.read(frames) // that alert rules can read it
	severities := map[string]conditions.Severity{}
	for i := range frames[0].Rows() {
		node, satellite, code := frames[0].At(0, i).(string), frames[0].At(1, i).(string), frames[0].At(2, i).(string)
		severity := conditions.Severity(frames[0].At(3, i).(float64))
		key := code + "@" + node
		if satellite != "" {
			key += "/" + satellite
		}
		if severity != ok || satellite != "" || len(all) > 0 {
			severities[key] = severity
		}
	}
	return severities
}

// recorded are the changes that the store keeps, in words.
func (w *world) recorded() []string {
	w.t.Helper()
	events, err := w.store.Events(w.t.Context(), 0, w.now.UnixMilli(), conditions.EventKind)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s %s@%s/%s=%s: %s", time.UnixMilli(e.Time).UTC().Format("02 15:04:05"),
			e.Labels["change"], e.Labels["condition"], e.Labels["node"], e.Labels["satellite"], e.Labels["severity"], e.Text))
	}
	return all
}

// table is a table answer: rows of columns as text.
func (w *world) table(query concern.Query) []map[string]string {
	w.t.Helper()
	if query.Format == "" {
		query.Format = concern.Table
	}
	return rowsOf(w.answer(w.request(query))[0])
}

func rowsOf(frame *data.Frame) []map[string]string {
	rows := make([]map[string]string, 0, frame.Rows())
	if len(frame.Fields) == 0 {
		return rows
	}
	for i := range frame.Rows() {
		row := map[string]string{}
		for _, field := range frame.Fields {
			if value, there := field.ConcreteAt(i); there {
				if at, isTime := value.(time.Time); isTime {
					value = at.Format("02 15:04")
				}
				row[field.Name] = fmt.Sprint(value)
			}
		}
		rows = append(rows, row)
	}
	return rows
}
