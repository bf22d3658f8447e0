package reputation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// asking is a request for these nodes, over the last hour.
func asking(s *store.Store, format concern.Format, nodes ...concern.Node) concern.Request {
	request := concern.Request{
		Query: concern.Query{QueryType: "reputation", Format: format},
		From:  polled.Add(-time.Hour), To: polled.Add(time.Minute), Now: polled.Add(time.Minute),
		Settings: settings.Default(), Store: s,
	}
	for _, node := range nodes {
		request.Watched = append(request.Watched, concern.Watched{Node: node, Since: polled.Add(-time.Minute)})
	}
	return request
}

func answered(t *testing.T, request concern.Request) data.Frames {
	t.Helper()
	frames, err := (reputation.Concern{}).Answer(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) == 0 {
		t.Fatal("no frame: not even one without data")
	}
	return frames
}

// seriesOf is a time series answer as an alert rule reads it: "metric{labels}" to
// time to value, without nulls.
func seriesOf(t *testing.T, frames data.Frames) map[string]map[int64]float64 {
	t.Helper()
	from, err := timeseries.CollectionReaderFromFrames(frames)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := from.GetCollection(true)
	if err != nil {
		t.Fatal(err)
	}
	if collection.Warning != nil || len(collection.RemainderIndices) > 0 {
		t.Errorf("warning %v, remainders %v", collection.Warning, collection.RemainderIndices)
	}
	all := map[string]map[int64]float64{}
	for _, ref := range collection.Refs {
		key := ref.GetMetricName() + "{" + ref.GetLabels().String() + "}"
		all[key] = map[int64]float64{}
		for i := range ref.ValueField.Len() {
			at, v, err := ref.NullableFloat64Point(i)
			if err != nil {
				t.Fatal(err)
			}
			if v != nil {
				all[key][at.UnixMilli()] = *v
			}
		}
	}
	return all
}

// instantsOf is an instant answer as alert rules read it, frame by frame.
func instantsOf(t *testing.T, frames data.Frames) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, frame := range frames {
		from, err := numeric.CollectionReaderFromFrames(data.Frames{frame})
		if err != nil {
			t.Fatal(err)
		}
		collection, err := from.GetCollection(false)
		if err != nil {
			t.Fatal(err)
		}
		if collection.Warning != nil || len(collection.RemainderIndices) > 0 {
			t.Errorf("warning %v, remainders %v", collection.Warning, collection.RemainderIndices)
		}
		for _, ref := range collection.Refs {
			v, empty, err := ref.NullableFloat64Value()
			if err != nil || empty || v == nil {
				t.Fatalf("%v: value %v, %v", ref, v, err)
			}
			all[ref.GetMetricName()+"{"+ref.GetLabels().String()+"}"] = *v
		}
	}
	return all
}

func keys[V any](m map[string]V) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

func notices(frames data.Frames) []string {
	var texts []string
	for _, frame := range frames {
		for _, notice := range frame.Meta.Notices {
			texts = append(texts, notice.Severity.String()+": "+notice.Text)
		}
	}
	return texts
}

func TestTypesAreWhatAnswerAnswers(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, recorded(t, "02-healthy", "node0"))
	types := (reputation.Concern{}).Types()
	if len(types) != 1 {
		t.Fatalf("%d types", len(types))
	}
	for _, format := range types[0].Formats {
		for _, metric := range types[0].Metrics {
			request := asking(s, format, node)
			request.Query.Metrics = []string{metric}
			frames := answered(t, request)
			if len(frames) != 1 || len(frames[0].Fields) == 0 {
				t.Errorf("%s as %s: %d frames", metric, format, len(frames))
			}
		}
	}
}

// Three scores in one step become the worst of them: the lowest score and the
// highest flag.
func TestSeriesAreTheWorstOfEachStep(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-2000 * time.Hour)
	start := time.Date(2026, 11, 22, 22, 0, 0, 0, time.UTC)
	poll := func(slot int, audit, online float64, suspended bool) {
		answer := scored(us1, audit, 1, online, joined)
		if suspended {
			answer.SuspendedAt = polled
		}
		record(t, s, node, start.Add(time.Duration(slot)*interval), scores(answer))
	}
	poll(0, 1, 1, false)
	poll(1, 0.98, 0.9, true)
	poll(2, 0.99, 0.95, false)
	poll(3, 1, 1, false)
	// The slots 4 and 5 are missing: the node did not answer.
	poll(6, 0.97, 0.59, false)

	request := asking(s, concern.TimeSeries, node)
	request.From, request.To = start, start.Add(39*time.Minute)
	request.Step = 15 * time.Minute
	at := func(minutes int) int64 { return start.Add(time.Duration(minutes) * time.Minute).UnixMilli() }
	all := seriesOf(t, answered(t, request))
	half := func(audit float64) float64 { return 100 * (audit - 0.96) / 0.04 }
	for metric, want := range map[string]map[int64]float64{
		"audit_score_percent{node=A, satellite=us1}":      {at(0): 98, at(15): 100, at(30): 97},
		"online_score_percent{node=A, satellite=us1}":     {at(0): 90, at(15): 100, at(30): 59},
		"failed_audits_left{node=A, satellite=us1}":       {at(0): failuresLeft(0.98), at(15): 41, at(30): failuresLeft(0.97)},
		"downtime_left_seconds{node=A, satellite=us1}":    {at(0): 30 * 24 * 3600 * 0.3, at(15): twelveDays, at(30): 0},
		"suspended{node=A, satellite=us1}":                {at(0): 1, at(15): 0, at(30): 0},
		"offline_suspended{node=A, satellite=us1}":        {at(0): 0, at(15): 0, at(30): 1},
		"disqualified{node=A, satellite=us1}":             {at(0): 0, at(15): 0, at(30): 0},
		"vetted{node=A, satellite=us1}":                   {at(0): 1, at(15): 1, at(30): 1},
		"vetting_progress_percent{node=A, satellite=us1}": {at(0): 100, at(15): 100, at(30): 100},
		"health_percent{node=A}":                          {at(0): 0, at(15): half(1), at(30): 0},
	} {
		if diff := cmp.Diff(want, all[metric], close1e9); diff != "" {
			t.Errorf("%s: %s", metric, diff)
		}
	}

	// In the polls' own step a gap is a gap.
	request.Step = interval
	request.Query.Metrics = []string{"audit_score_percent"}
	want := map[string]map[int64]float64{
		"audit_score_percent{node=A, satellite=us1}": {at(0): 100, at(5): 98, at(10): 99, at(15): 100, at(30): 97},
	}
	if diff := cmp.Diff(want, seriesOf(t, answered(t, request)), close1e9); diff != "" {
		t.Error(diff)
	}
}

func TestBudgetsAreZeroWhereDisqualified(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-2000 * time.Hour)
	fine := scored(us1, 1, 1, 1, joined)
	gone := fine
	gone.DisqualifiedAt = polled
	record(t, s, node, polled.Add(-2*interval), scores(fine))
	record(t, s, node, polled.Add(-interval), scores(gone))
	request := asking(s, concern.TimeSeries, node)
	request.Query.Metrics = []string{"failed_audits_left", "downtime_left_seconds"}
	first, second := polled.Add(-2*interval).Truncate(interval).UnixMilli(), polled.Add(-interval).Truncate(interval).UnixMilli()
	want := map[string]map[int64]float64{
		"failed_audits_left{node=A, satellite=us1}":    {first: 41, second: 0},
		"downtime_left_seconds{node=A, satellite=us1}": {first: twelveDays, second: 0},
	}
	if diff := cmp.Diff(want, seriesOf(t, answered(t, request)), close1e9); diff != "" {
		t.Error(diff)
	}
	request = asking(s, concern.Instant, node)
	request.Query.Metrics = []string{"failed_audits_left", "downtime_left_seconds"}
	now := map[string]float64{"failed_audits_left{node=A, satellite=us1}": 0, "downtime_left_seconds{node=A, satellite=us1}": 0}
	if diff := cmp.Diff(now, instantsOf(t, answered(t, request))); diff != "" {
		t.Error(diff)
	}
}

func TestSeriesHaveAtMostSoManyPoints(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-2000 * time.Hour)
	for i := range 300 {
		record(t, s, node, polled.Add(time.Duration(i-300)*interval), scores(scored(us1, 1, 1, 1, joined)))
	}
	for _, points := range []int64{2, 3, 4, 7, 50, 100, 300, 1000, 43200} {
		for _, length := range []time.Duration{time.Minute, time.Hour, 3*time.Hour + 17*time.Second, 25 * time.Hour, 300 * 24 * time.Hour} {
			for _, shift := range []time.Duration{0, 13 * time.Second, 151 * time.Second, 7 * time.Hour} {
				request := asking(s, concern.TimeSeries, node)
				request.Query.Metrics = []string{"audit_score_percent"}
				request.MaxPoints = points
				request.To = polled.Add(-shift)
				request.From = request.To.Add(-length)
				frame := answered(t, request)[0]
				if len(frame.Fields) > 0 && int64(frame.Rows()) > points {
					t.Errorf("%d points over %v, shifted by %v: %d", points, length, shift, frame.Rows())
				}
			}
		}
	}
}

// Whatever the panel's step is, a line without missing polls has no gaps.
func TestSeriesHaveNoGapsWithoutMissingPolls(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-2000 * time.Hour)
	for i := range 200 {
		record(t, s, node, polled.Add(time.Duration(i-200)*interval), scores(scored(us1, 1, 1, 1, joined)))
	}
	for _, step := range []time.Duration{0, time.Second, 20 * time.Second, 7 * time.Minute, 11*time.Minute + 300*time.Millisecond, time.Hour} {
		request := asking(s, concern.TimeSeries, node)
		request.Query.Metrics = []string{"audit_score_percent"}
		request.From, request.To = polled.Add(-10*time.Hour), polled.Add(-interval)
		request.Step = step
		frame := answered(t, request)[0]
		missing := 0
		for i := range frame.Rows() - 1 { // the last step may not have been polled yet
			if _, ok := frame.Fields[1].ConcreteAt(i); !ok {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("step %v: %d of %d points are missing", step, missing, frame.Rows())
		}
	}
}

func TestSelections(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	joined := polled.Add(-2000 * time.Hour)
	record(t, s, a, polled, scores(scored(us1, 0.99, 1, 1, joined), scored(eu1, 1, 1, 1, joined), scored(sat0, 1, 1, 1, joined)))
	record(t, s, b, polled, scores(scored(us1, 0.98, 1, 1, joined)))
	cases := []struct {
		name       string
		nodes      []concern.Node
		satellites []string
		want       []string
	}{
		{"all", []concern.Node{a, b}, nil, []string{"A, satellite=" + name0, "A, satellite=eu1", "A, satellite=us1", "B, satellite=us1"}},
		{"All of a variable", []concern.Node{a, b}, []string{"$__all"}, []string{"A, satellite=" + name0, "A, satellite=eu1", "A, satellite=us1", "B, satellite=us1"}},
		{"by short name", []concern.Node{a, b}, []string{"us1"}, []string{"A, satellite=us1", "B, satellite=us1"}},
		{"by id", []concern.Node{a, b}, []string{sat0, eu1}, []string{"A, satellite=" + name0, "A, satellite=eu1"}},
		{"by the beginning of an id", []concern.Node{a, b}, []string{name0}, []string{"A, satellite=" + name0}},
		{"by a regular expression", []concern.Node{a, b}, []string{"/(us|eu)1/"}, []string{"A, satellite=eu1", "A, satellite=us1", "B, satellite=us1"}},
		{"one node", []concern.Node{b}, nil, []string{"B, satellite=us1"}},
		{"no node", nil, nil, nil},
		{"an unknown satellite", []concern.Node{a, b}, []string{"ap1"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			for _, labels := range c.want {
				want = append(want, "audit_score_percent{node="+labels+"}")
			}
			for _, format := range []concern.Format{concern.TimeSeries, concern.Instant} {
				request := asking(s, format, c.nodes...)
				request.Query.Metrics = []string{"audit_score_percent"}
				request.Query.Satellites = c.satellites
				var got []string
				if format == concern.TimeSeries {
					got = keys(seriesOf(t, answered(t, request)))
				} else {
					got = keys(instantsOf(t, answered(t, request)))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", format, diff)
				}
			}
			request := asking(s, concern.Table, c.nodes...)
			request.Query.Satellites = c.satellites
			table := answered(t, request)[0]
			if len(table.Fields) > 0 && table.Rows() != len(c.want) || len(table.Fields) == 0 && len(c.want) > 0 {
				t.Errorf("table: %d fields, want %d rows", len(table.Fields), len(c.want))
			}
		})
	}
	request := asking(s, concern.Table, a)
	request.Query.Satellites = []string{"/(/"}
	if _, err := (reputation.Concern{}).Answer(t.Context(), request); err == nil || !strings.Contains(err.Error(), "satellites: ") {
		t.Errorf("error %v", err)
	}
}

// A node's health does not depend on which of its satellites are looked at.
func TestHealthIsTheWholeNodes(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-2000 * time.Hour)
	record(t, s, node, polled, scores(scored(us1, 1, 1, 1, joined), scored(eu1, 0.98, 1, 1, joined)))
	for _, format := range []concern.Format{concern.TimeSeries, concern.Instant} {
		request := asking(s, format, node)
		request.Query.Satellites = []string{"us1"}
		request.Query.Metrics = []string{"health_percent"}
		frames := answered(t, request)
		var health float64
		if format == concern.TimeSeries {
			health = seriesOf(t, frames)["health_percent{node=A}"][polled.Truncate(interval).UnixMilli()]
		} else {
			health = instantsOf(t, frames)["health_percent{node=A}"]
		}
		if math.Abs(health-50) > 1e-9 {
			t.Errorf("%s: health %v", format, health)
		}
	}
	node.MutedSatellites = map[string]string{"eu1": "left it"}
	request := asking(s, concern.Instant, node)
	request.Query.Metrics = []string{"health_percent"}
	if diff := cmp.Diff(map[string]float64{"health_percent{node=A}": 100}, instantsOf(t, answered(t, request))); diff != "" {
		t.Error(diff)
	}
}

// colorAt is the colour that a number field shows a value in.
func colorAt(t *testing.T, field *data.Field, value float64) string {
	t.Helper()
	if field.Config == nil || field.Config.Thresholds == nil {
		t.Fatalf("%s has no thresholds", field.Name)
	}
	color := ""
	for _, step := range field.Config.Thresholds.Steps {
		if math.IsInf(float64(step.Value), -1) || value >= float64(step.Value) {
			color = step.Color
		}
	}
	return color
}

// A node's health has the colour of its worst score: neither is it red where no score
// is, nor green where one is not.
func TestHealthHasTheColourOfTheWorstScore(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, recorded(t, "02-healthy", "node0"))
	field := func(metric string) *data.Field {
		request := asking(s, concern.Instant, node)
		request.Query.Metrics = []string{metric}
		fields := answered(t, request)[0].Fields
		return fields[slices.IndexFunc(fields, func(f *data.Field) bool { return f.Type().Numeric() })]
	}
	health := field("health_percent")
	seen := map[string]bool{}
	for metric, of := range map[string]func(float64) reputation.Standing{
		"audit_score_percent": func(v float64) reputation.Standing {
			return reputation.Standing{Audit: v, Suspension: 100, Online: 100}
		},
		"suspension_score_percent": func(v float64) reputation.Standing {
			return reputation.Standing{Audit: 100, Suspension: v, Online: 100}
		},
		"online_score_percent": func(v float64) reputation.Standing {
			return reputation.Standing{Audit: 100, Suspension: 100, Online: v}
		},
	} {
		score := field(metric)
		before := -1.0
		for hundredths := range 10001 {
			percent := float64(hundredths) / 100
			got := of(percent).Health()
			if want, shown := colorAt(t, score, percent), colorAt(t, health, got); shown != want {
				t.Errorf("%s of %v is %s, its health of %v is %s", metric, percent, want, got, shown)
			}
			if got < before || got < 0 || got > 100 {
				t.Errorf("%s of %v gives a health of %v after %v", metric, percent, got, before)
			}
			before = got
			seen[colorAt(t, health, got)] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("the colours were only %v", seen)
	}
}

// A node with limits of its own is coloured by them, beside a node without.
func TestEachNodesOwnLimitsColourItsSeries(t *testing.T) {
	s, plain, strict := newStore(t), nodeNamed("plain"), nodeNamed("strict")
	strict.Thresholds = settings.Thresholds{AuditWarning: 99.9, AuditCritical: 99.6, SuspensionCritical: 97, OnlineWarning: 99}
	for _, node := range []concern.Node{plain, strict} {
		record(t, s, node, polled, scores(scored(us1, 1, 1, 1, polled.Add(-2000*time.Hour))))
	}
	own := map[string]map[string]string{ // metric → node → the colours of 99.7, 98.5, 96
		"audit_score_percent":      {"plain": "green orange red", "strict": "orange red red"},
		"suspension_score_percent": {"plain": "green green green", "strict": "green green red"},
		"online_score_percent":     {"plain": "green green green", "strict": "green orange orange"},
	}
	colors := func(field *data.Field) string {
		return colorAt(t, field, 99.7) + " " + colorAt(t, field, 98.5) + " " + colorAt(t, field, 96)
	}
	for metric, want := range own {
		request := asking(s, concern.TimeSeries, plain, strict)
		request.Query.Metrics = []string{metric}
		got := map[string]string{}
		for _, field := range answered(t, request)[0].Fields[1:] {
			got[field.Labels["node"]] = colors(field)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("series of %s: %s", metric, diff)
		}
		// A field of several nodes can have one node's limits only: the data source's.
		for _, format := range []concern.Format{concern.Instant, concern.Table} {
			for node, nodes := range map[string][]concern.Node{"plain": {plain, strict}, "strict": {strict}} {
				request := asking(s, format, nodes...)
				if format == concern.Instant {
					request.Query.Metrics = []string{metric}
				}
				field, _ := answered(t, request)[0].FieldByName(metric)
				if field == nil || colors(field) != want[node] {
					t.Errorf("%s of %d nodes: %s is not coloured %q", format, len(nodes), metric, want[node])
				}
			}
		}
	}
}

func TestInstantsOfARangeInThePast(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	joined := polled.Add(-2000 * time.Hour)
	gone := scored(us1, 0.95, 1, 1, joined)
	gone.DisqualifiedAt = polled
	record(t, s, a, polled.Add(-4*time.Hour), scores(scored(us1, 0.99, 1, 1, joined), scored(eu1, 1, 0.9, 1, joined)))
	record(t, s, a, polled.Add(-2*time.Hour), scores(scored(us1, 0.98, 1, 1, joined)))
	record(t, s, a, polled, scores(gone))
	record(t, s, b, polled.Add(-4*time.Hour), scores(scored(us1, 0.97, 1, 1, joined)))

	ask := func(from, to time.Duration) map[string]float64 {
		request := asking(s, concern.Instant, a, b)
		request.From, request.To = polled.Add(from), polled.Add(to)
		request.Query.Metrics = []string{"audit_score_percent", "failed_audits_left", "disqualified", "health_percent"}
		return instantsOf(t, answered(t, request))
	}
	cases := []struct {
		name     string
		from, to time.Duration
		want     map[string]float64
	}{
		{"now", -5 * time.Hour, time.Minute, map[string]float64{
			"audit_score_percent{node=A, satellite=us1}": 95, "failed_audits_left{node=A, satellite=us1}": 0, "disqualified{node=A, satellite=us1}": 1, "health_percent{node=A}": 0,
			"audit_score_percent{node=B, satellite=us1}": 97, "failed_audits_left{node=B, satellite=us1}": failuresLeft(0.97), "disqualified{node=B, satellite=us1}": 0, "health_percent{node=B}": 25,
		}},
		{"an hour ago", -5 * time.Hour, -time.Hour, map[string]float64{
			"audit_score_percent{node=A, satellite=us1}": 98, "failed_audits_left{node=A, satellite=us1}": failuresLeft(0.98), "disqualified{node=A, satellite=us1}": 0, "health_percent{node=A}": 50,
			"audit_score_percent{node=A, satellite=eu1}": 100, "failed_audits_left{node=A, satellite=eu1}": 41, "disqualified{node=A, satellite=eu1}": 0,
			"audit_score_percent{node=B, satellite=us1}": 97, "failed_audits_left{node=B, satellite=us1}": failuresLeft(0.97), "disqualified{node=B, satellite=us1}": 0, "health_percent{node=B}": 25,
		}},
		{"only the range counts", -150 * time.Minute, -time.Hour, map[string]float64{
			"audit_score_percent{node=A, satellite=us1}": 98, "failed_audits_left{node=A, satellite=us1}": failuresLeft(0.98), "disqualified{node=A, satellite=us1}": 0, "health_percent{node=A}": 50,
		}},
		{"before everything", -10 * time.Hour, -9 * time.Hour, map[string]float64{}},
		// An alert rule's range may be shorter than the polls' interval, and its end a
		// moment before the poll that is just being recorded.
		{"shorter than an interval", -10 * time.Second, -time.Second, map[string]float64{
			"audit_score_percent{node=A, satellite=us1}": 95, "failed_audits_left{node=A, satellite=us1}": 0, "disqualified{node=A, satellite=us1}": 1, "health_percent{node=A}": 0,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ask(c.from, c.to), close1e9); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("in the order of the satellites' names", func(t *testing.T) {
		request := asking(s, concern.Instant, a)
		request.From, request.To = polled.Add(-5*time.Hour), polled.Add(-time.Hour)
		request.Query.Metrics = []string{"audit_score_percent"}
		for range 20 {
			satellites := answered(t, request)[0].Fields[1]
			if got := []string{satellites.At(0).(string), satellites.At(1).(string)}; !slices.Equal(got, []string{"eu1", "us1"}) {
				t.Fatalf("order %q", got)
			}
		}
	})
}

func TestWhatCannotBeToldIsLeftOut(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	low := storagenode.SatelliteScores{ID: us1, Contacted: true, Audit: 1, Suspension: 1, Online: 0.5, Err: errors.New("HTTP 500")}
	poll := scores(low)
	poll.NotificationsRead = false
	record(t, s, node, polled, poll)

	request := asking(s, concern.Instant, node)
	unknown := []string{"offline_suspended", "vetted", "vetting_progress_percent"}
	request.Query.Metrics = unknown
	if got := instantsOf(t, answered(t, request)); len(got) > 0 {
		t.Errorf("instants %v", got)
	}
	request.Query.Format = concern.TimeSeries
	if got := seriesOf(t, answered(t, request)); len(got) > 0 {
		t.Errorf("series %v", got)
	}
	request.Query.Format = concern.Table
	table := answered(t, request)[0]
	for _, column := range []string{"is_offline_suspended", "vetted", "vetting_progress_percent", "joined_at"} {
		field, _ := table.FieldByName(column)
		if v, ok := field.ConcreteAt(0); ok {
			t.Errorf("%s is %v", column, v)
		}
	}
	message, err := reputation.MessageOf(s, request.Watched, request.Now)
	if err != nil || len(message.Data) != 1 || message.Data[0].OfflineSuspended != nil {
		t.Errorf("%+v, %v", message, err)
	}
}

func TestTableHasTheWorstFirst(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	record(t, s, a, polled, recorded(t, "02-healthy", "node0"))
	record(t, s, b, polled, recorded(t, "04-disqualified", "node3"))
	table := answered(t, asking(s, concern.Table, a, b))[0]
	columns := []string{}
	for _, field := range table.Fields {
		columns = append(columns, field.Name)
	}
	want := []string{
		"node_name", "satellite_id", "satellite", "audit_score_percent", "suspension_score_percent", "online_score_percent",
		"failed_audits_left", "downtime_left_seconds", "online_recovers_at", "is_disqualified", "is_suspended", "is_offline_suspended",
		"vetted", "vetting_progress_percent", "joined_at", "timestamp",
	}
	if diff := cmp.Diff(want, columns); diff != "" {
		t.Error(diff)
	}
	var rows []string
	for i := range table.Rows() {
		rows = append(rows, table.Fields[0].At(i).(string)+" "+table.Fields[2].At(i).(string))
	}
	if diff := cmp.Diff([]string{"B " + name0, "A " + name1, "A " + name0, "B " + name1}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestNotices(t *testing.T) {
	joined := polled.Add(-2000 * time.Hour)
	fine := scores(scored(us1, 1, 1, 1, joined))
	partly := scores(scored(us1, 1, 1, 1, joined), storagenode.SatelliteScores{ID: eu1, Err: errors.New("HTTP 500")})
	type poll struct {
		at     time.Time
		scores *storagenode.Scores
	}
	cases := []struct {
		name    string
		polls   []poll
		now     time.Time
		trouble string
		want    []string
	}{
		{"fresh", []poll{{polled, fine}}, polled.Add(9 * time.Minute), "", nil},
		{"fresh, and in trouble since", []poll{{polled, fine}}, polled.Add(9 * time.Minute), "refused", nil},
		{"two intervals old", []poll{{polled, fine}}, polled.Add(10 * time.Minute), "", nil},
		{"older than two intervals", []poll{{polled, fine}}, polled.Add(11 * time.Minute), "", []string{"warning: A: the scores are 11 min old"}},
		{"older, with the reason", []poll{{polled, fine}}, polled.Add(3 * time.Hour), "it was refused", []string{"warning: A: the scores are 3 h old: it was refused"}},
		{"days old", []poll{{polled, fine}}, polled.Add(73 * time.Hour), "", []string{"warning: A: the scores are 3 days old"}},
		{"the clock was set back", []poll{{polled.Add(24 * time.Hour), fine}}, polled, "", []string{"warning: A: the scores are of 2026-11-23 23:02 UTC, later than now: the clock was set back"}},
		{"nothing yet", nil, polled, "", []string{"info: A: collecting since 23:01 UTC, scores follow at the next poll"}},
		{"nothing yet, and why", nil, polled, "it was refused", []string{"warning: A: no scores yet: it was refused"}},
		{"never contacted", []poll{{polled, scores()}}, polled, "", []string{"info: A: no satellite has contacted this node yet"}},
		{"the first scores failed", []poll{{polled, scores(storagenode.SatelliteScores{ID: us1, Err: errors.New("x")})}}, polled, "HTTP 500", []string{"warning: A: no scores yet: HTTP 500"}},
		{
			"one satellite did not come",
			[]poll{{polled.Add(-interval), scores(scored(us1, 1, 1, 1, joined), scored(eu1, 1, 1, 1, joined))}, {polled, partly}},
			polled.Add(time.Minute), "", []string{"warning: A: the node did not answer for eu1 (6 min old)"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			for _, p := range c.polls {
				record(t, s, node, p.at, p.scores)
			}
			for _, format := range []concern.Format{concern.TimeSeries, concern.Instant, concern.Table} {
				request := asking(s, format, node)
				request.Now = c.now
				request.Watched[0].Trouble = c.trouble
				if diff := cmp.Diff(c.want, notices(answered(t, request))); diff != "" {
					t.Errorf("%s: %s", format, diff)
				}
			}
		})
	}
}

func TestAnswerEndsWithItsContext(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, recorded(t, "02-healthy", "node0"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (reputation.Concern{}).Answer(ended, asking(s, concern.TimeSeries, node)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestMessage(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	record(t, s, a, polled, recorded(t, "10-offline-suspended", "node6"))
	message, err := reputation.MessageOf(s, asking(s, concern.Table, a, b).Watched, polled)
	if err != nil {
		t.Fatal(err)
	}
	recovers := latestOf(t, s, a).Standings[0].OnlineRecoversAt
	encoded, err := json.MarshalIndent(reputation.Message{Type: message.Type, Data: message.Data[:1]}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{
 "type": "reputation_data",
 "data": [
  {
   "node_name": "A",
   "satellite": "%s",
   "satellite_name": "%s",
   "timestamp": "2026-11-22T23:02:30Z",
   "audit_score": 100,
   "suspension_score": 100,
   "online_score": 0,
   "is_disqualified": false,
   "is_suspended": true,
   "is_offline_suspended": true,
   "health_score": 0,
   "failed_audits_left": 41,
   "downtime_left_seconds": 0,
   "online_recovers_at": "%s",
   "vetted": true
  }
 ]
}`, sat0, name0, recovers.Format(time.RFC3339))
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Error(diff)
	}
	if len(message.Data) != 2 || message.Data[1].Satellite != sat1 {
		t.Errorf("%+v", message.Data)
	}
	empty, err := reputation.MessageOf(s, nil, polled)
	if encoded, _ := json.Marshal(empty); err != nil || string(encoded) != `{"type":"reputation_data","data":[]}` {
		t.Errorf("%s, %v", encoded, err)
	}
}

// The frames as Grafana gets them. The files are written by hand, never by a test:
// a difference is either an error or a change that Grafana's users will see.
func TestFramesAreTheKnownOnes(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	record(t, s, a, polled, recorded(t, "03-degraded-audit-unknownsuspended", "node4"))
	record(t, s, b, polled.Add(-interval), recorded(t, "02-healthy", "node0"))
	record(t, s, b, polled, recorded(t, "06-offline-stray-dq", "node5"))
	c := nodeNamed("C")
	record(t, s, c, polled, scores(withHistory(us1, halfDays(counts{4, 8}, counts{}, counts{9, 9}))))
	cases := []struct {
		golden  string
		format  concern.Format
		metrics []string
		nodes   []concern.Node
		length  time.Duration
	}{
		{"wide.json", concern.TimeSeries, []string{"audit_score_percent", "failed_audits_left", "disqualified", "health_percent"}, []concern.Node{a, b}, 10 * time.Minute},
		{"windows.json", concern.TimeSeries, []string{"online_windows_percent"}, []concern.Node{b, c}, 36 * time.Hour},
		{"instant.json", concern.Instant, []string{"failed_audits_left"}, []concern.Node{a, b}, time.Hour},
		{"table.json", concern.Table, nil, []concern.Node{a, b}, time.Hour},
	}
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			request := asking(s, c.format, c.nodes...)
			request.Query.Metrics = c.metrics
			request.From = request.To.Add(-c.length)
			frames := answered(t, request)
			if len(frames) != 1 {
				t.Fatalf("%d frames", len(frames))
			}
			encoded, err := json.Marshal(frames[0])
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", c.golden)
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; the frame is\n%s", err, indented(t, encoded))
			}
			if diff := cmp.Diff(indented(t, content), indented(t, encoded)); diff != "" {
				t.Errorf("the frame is not that of %s (-file +frame):\n%s", file, diff)
			}
		})
	}
}

// indented brings JSON into one form: sorted keys, one value a line.
func indented(t *testing.T, content []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
