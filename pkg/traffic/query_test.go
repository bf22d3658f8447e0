package traffic_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
)

// seeing is all that can be seen in a log, now.
func seeing() concern.Evidence {
	seen := concern.Evidence{HasLog: true, Level: storagenode.Debug, Since: noon.Add(-240 * time.Hour)}
	for kind := range seen.Last {
		seen.Last[kind] = noon.Add(-time.Minute)
	}
	return seen
}

// asking is a request for these nodes, over the last ten minutes.
func asking(s *store.Store, format concern.Format, metrics []string, nodes ...concern.Node) concern.Request {
	request := concern.Request{
		Query: concern.Query{QueryType: "traffic", Format: format, Metrics: metrics},
		From:  noon.Add(-10 * time.Minute), To: noon, Now: noon, Step: time.Minute,
		Settings: settings.Default(), Store: s,
	}
	for _, node := range nodes {
		request.Watched = append(request.Watched, concern.Watched{Node: node, Evidence: seeing()})
	}
	return request
}

func answered(t testing.TB, request concern.Request) data.Frames {
	t.Helper()
	frames, err := traffic.Concern{}.Answer(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) == 0 {
		t.Fatal("no frame: not even one without data")
	}
	return frames
}

// seriesOf is a time series answer as an alert rule reads it: "metric{labels}" to minutes
// before noon to value, without nulls.
func seriesOf(t testing.TB, frames data.Frames) map[string]map[int]float64 {
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
	all := map[string]map[int]float64{}
	for _, ref := range collection.Refs {
		key := ref.GetMetricName() + "{" + ref.GetLabels().String() + "}"
		all[key] = map[int]float64{}
		for i := range ref.ValueField.Len() {
			at, v, err := ref.NullableFloat64Point(i)
			if err != nil {
				t.Fatal(err)
			}
			if v != nil {
				all[key][int(noon.Sub(at)/time.Minute)] = *v
			}
		}
	}
	return all
}

// instantsOf is an instant answer as alert rules read it, frame by frame.
func instantsOf(t testing.TB, frames data.Frames) map[string]float64 {
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

func notices(frames data.Frames) []string {
	var texts []string
	for _, frame := range frames {
		if frame.Meta != nil {
			for _, notice := range frame.Meta.Notices {
				texts = append(texts, notice.Severity.String()+": "+notice.Text)
			}
		}
	}
	return texts
}

var close1e9 = cmpopts.EquateApprox(0, 1e-9)

// someTraffic is, in minutes before noon: 5 two uploads of us1, one of them canceled, and
// one that was refused; 4 nothing but other lines; 3 no line at all; 2 an upload and a
// download.
func someTraffic() []storagenode.Event {
	return []storagenode.Event{
		ended(5*time.Minute, us1, storagenode.Put, storagenode.OutcomeSuccess, 6000),
		ended(5*time.Minute, us1, storagenode.Put, storagenode.OutcomeCanceled, 600),
		ended(5*time.Minute, "", storagenode.NoAction, storagenode.OutcomeRejected, -1),
		of(storagenode.OtherLine, 4*time.Minute),
		ended(2*time.Minute, eu1, storagenode.Put, storagenode.OutcomeSuccess, 1200),
		ended(2*time.Minute, us1, storagenode.Get, storagenode.OutcomeFailed, 60),
	}
}

func TestSeries(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	hear(t, s, a, 100, someTraffic()...)
	hear(t, s, b, 100, ended(5*time.Minute, us1, storagenode.Put, storagenode.OutcomeSuccess, 30), of(storagenode.OtherLine, 3*time.Minute))
	for _, c := range []struct {
		name   string
		metric string
		change func(*concern.Query)
		want   map[string]map[int]float64
	}{
		{"by node and action", "operations", nil, map[string]map[int]float64{
			"operations{action=GET, node=A}": {5: 0, 4: 0, 2: 1},
			"operations{action=PUT, node=A}": {5: 3, 4: 0, 2: 1},
			"operations{action=PUT, node=B}": {5: 1, 3: 0},
		}},
		{"by node", "operations_per_second", func(q *concern.Query) { q.GroupBy = []string{"node"} }, map[string]map[int]float64{
			"operations_per_second{node=A}": {5: 3. / 60, 4: 0, 2: 2. / 60},
			"operations_per_second{node=B}": {5: 1. / 60, 3: 0},
		}},
		{"together", "bytes", func(q *concern.Query) { q.GroupBy = []string{"total"} }, map[string]map[int]float64{
			"bytes{}": {5: 6630, 4: 0, 3: 0, 2: 1260},
		}},
		{"by satellite", "bytes_per_second", func(q *concern.Query) { q.GroupBy = []string{"satellite"} }, map[string]map[int]float64{
			"bytes_per_second{satellite=}":    {5: 0, 4: 0, 2: 0},
			"bytes_per_second{satellite=eu1}": {5: 0, 4: 0, 2: 20},
			"bytes_per_second{satellite=us1}": {5: 110.5, 4: 0, 3: 0, 2: 1},
		}},
		{"by outcome", "operations", func(q *concern.Query) { q.GroupBy = []string{"outcome"}; q.Nodes = []string{"A"} }, map[string]map[int]float64{
			"operations{outcome=success}":  {5: 2, 4: 0, 3: 0, 2: 1},
			"operations{outcome=canceled}": {5: 1, 4: 0, 2: 0},
			"operations{outcome=failed}":   {5: 0, 4: 0, 2: 1},
			"operations{outcome=rejected}": {5: 1, 4: 0, 2: 0},
		}},
		{"the success rate, null where nothing ended", "success_percent", func(q *concern.Query) { q.GroupBy = []string{"node"} }, map[string]map[int]float64{
			"success_percent{node=A}": {5: 100. / 3, 2: 50},
			"success_percent{node=B}": {5: 100},
		}},
		{"the success rate does not depend on the outcomes", "success_percent", func(q *concern.Query) { q.GroupBy = []string{"node"}; q.Outcomes = []string{"success"} }, map[string]map[int]float64{
			"success_percent{node=A}": {5: 100. / 3, 2: 50},
			"success_percent{node=B}": {5: 100},
		}},
		{"one satellite", "operations", func(q *concern.Query) { q.Satellites = []string{"us1"}; q.GroupBy = []string{"node"} }, map[string]map[int]float64{
			"operations{node=A}": {5: 2, 4: 0, 2: 1},
			"operations{node=B}": {5: 1, 3: 0},
		}},
		{"actions, one of which never was", "operations", func(q *concern.Query) { q.Actions = []string{"GET", "GET_AUDIT"} }, map[string]map[int]float64{
			"operations{action=GET, node=A}":       {5: 0, 4: 0, 2: 1},
			"operations{action=GET_AUDIT, node=A}": {5: 0, 4: 0, 2: 0},
			"operations{action=GET, node=B}":       {5: 0, 3: 0},
			"operations{action=GET_AUDIT, node=B}": {5: 0, 3: 0},
		}},
		{"a pattern of actions", "operations", func(q *concern.Query) { q.Actions = []string{"/^GET/"} }, map[string]map[int]float64{
			"operations{action=GET, node=A}": {5: 0, 4: 0, 2: 1},
		}},
		{"outcomes", "operations", func(q *concern.Query) {
			q.Outcomes = []string{"failed", "rejected"}
			q.GroupBy = []string{"node", "outcome"}
		}, map[string]map[int]float64{
			"operations{node=A, outcome=failed}":   {5: 0, 4: 0, 2: 1},
			"operations{node=A, outcome=rejected}": {5: 1, 4: 0, 2: 0},
			"operations{node=B, outcome=failed}":   {5: 0, 3: 0},
			"operations{node=B, outcome=rejected}": {5: 0, 3: 0},
		}},
		{"sizes", "size_share_percent", func(q *concern.Query) { q.GroupBy = []string{"total"} }, map[string]map[int]float64{
			"size_share_percent{size=< 1 KiB}":       {5: 200. / 3, 2: 50},
			"size_share_percent{size=1-4 KiB}":       {5: 0, 2: 50},
			"size_share_percent{size=4-16 KiB}":      {5: 100. / 3, 2: 0},
			"size_share_percent{size=16-64 KiB}":     {5: 0, 2: 0},
			"size_share_percent{size=64-256 KiB}":    {5: 0, 2: 0},
			"size_share_percent{size=256 KiB-1 MiB}": {5: 0, 2: 0},
			"size_share_percent{size=>= 1 MiB}":      {5: 0, 2: 0},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := asking(s, concern.TimeSeries, []string{c.metric}, a, b)
			if c.change != nil {
				c.change(&request.Query)
			}
			if diff := cmp.Diff(c.want, seriesOf(t, answered(t, request)), close1e9); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A canceled download is a race that was lost; a canceled audit is no failed one.
func TestACanceledAuditIsNeitherSuccessNorFailure(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	var heard []storagenode.Event
	for _, action := range []storagenode.Action{storagenode.Get, storagenode.GetAudit} {
		for _, outcome := range []storagenode.Outcome{storagenode.OutcomeSuccess, storagenode.OutcomeSuccess, storagenode.OutcomeSuccess, storagenode.OutcomeFailed, storagenode.OutcomeCanceled} {
			heard = append(heard, ended(5*time.Minute, us1, action, outcome, 256))
		}
	}
	hear(t, s, a, 100, heard...)
	hear(t, s, b, 100, ended(5*time.Minute, us1, storagenode.GetAudit, storagenode.OutcomeCanceled, 256))
	request := asking(s, concern.Instant, []string{"success_percent"}, a, b)
	request.Query.GroupBy = []string{"node", "action"}
	want := map[string]float64{"success_percent{action=GET, node=A}": 60, "success_percent{action=GET_AUDIT, node=A}": 75}
	if diff := cmp.Diff(want, instantsOf(t, answered(t, request)), close1e9); diff != "" {
		t.Error(diff)
	}
}

func TestInstantsAndTablesAreOfTheWholeRange(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 100, someTraffic()...)
	request := asking(s, concern.Instant, []string{"operations", "operations_per_second", "success_percent"}, node)
	request.Query.GroupBy = []string{"node"}
	want := map[string]float64{
		"operations{node=A}":            5,
		"operations_per_second{node=A}": 5. / 180, // only three minutes were seen
		"success_percent{node=A}":       40,
	}
	if diff := cmp.Diff(want, instantsOf(t, answered(t, request)), close1e9); diff != "" {
		t.Error(diff)
	}
	request.Query.Metrics = []string{"size_share_percent"}
	request.Query.GroupBy = []string{"total"}
	if got := instantsOf(t, answered(t, request)); len(got) != 7 || got["size_share_percent{size=4-16 KiB}"] != 25 {
		t.Error(got)
	}
	request = asking(s, concern.Table, []string{"operations", "bytes"}, node)
	request.Query.GroupBy = []string{"node", "action"}
	frame := answered(t, request)[0]
	var rows []string
	for i := range frame.Rows() {
		var row []string
		for _, field := range frame.Fields {
			v, _ := field.ConcreteAt(i)
			row = append(row, fmt.Sprint(field.Name, "=", v))
		}
		rows = append(rows, strings.Join(row, " "))
	}
	wantRows := []string{"action=PUT node_name=A operations=4 bytes=7800", "action=GET node_name=A operations=1 bytes=60"}
	if diff := cmp.Diff(wantRows, rows); diff != "" {
		t.Error(diff)
	}
}

// What cannot be seen is no zero, and the notice says what to change.
func TestBlindness(t *testing.T) {
	quiet := []storagenode.Event{of(storagenode.OtherLine, 5*time.Minute), of(storagenode.OtherLine, 4*time.Minute)}
	for _, c := range []struct {
		name   string
		events []storagenode.Event
		change func(*concern.Watched)
		want   string // in the notice; "": none
	}{
		{"no log", nil, func(w *concern.Watched) { w.Evidence = concern.Evidence{} }, "give the node's log"},
		{"no line yet", nil, func(w *concern.Watched) {
			w.Evidence = concern.Evidence{HasLog: true}
			w.LogTrouble = "permission denied"
		}, "permission denied"},
		{"silent for long", nil, func(w *concern.Watched) { w.Evidence.Last = [concern.LineKinds]time.Time{} }, "has had no line"},
		{"only warnings", quiet, func(w *concern.Watched) {
			w.Evidence.Level = storagenode.Warn
			w.Evidence.Last[concern.TransferLines] = time.Time{}
		}, "log.level: info"},
		{"only errors", quiet, func(w *concern.Watched) {
			w.Evidence.Level = storagenode.Error
			w.Evidence.Last[concern.TransferLines] = noon.Add(-25 * time.Hour)
		}, "log.level: info"},
		{"transfers hidden", quiet, func(w *concern.Watched) {
			w.Evidence.Level = storagenode.Info
			w.Evidence.Last[concern.TransferLines] = time.Time{}
		}, "log.custom-level"},
		{"retired", nil, func(w *concern.Watched) { w.Evidence, w.Retired = concern.Evidence{}, true }, ""},
	} {
		for _, format := range []concern.Format{concern.TimeSeries, concern.Instant, concern.Table} {
			s, node := newStore(t), nodeNamed("A")
			hear(t, s, node, 100, c.events...)
			request := asking(s, format, []string{"operations", "success_percent"}, node)
			request.Query.GroupBy = []string{"node"}
			c.change(&request.Watched[0])
			frames := answered(t, request)
			texts := notices(frames)
			if c.want == "" && len(texts) > 0 || c.want != "" && (len(texts) != 1 || !strings.Contains(texts[0], c.want)) {
				t.Errorf("%s, %s: %q", c.name, format, texts)
			}
			for _, frame := range frames {
				if len(frame.Fields) > 0 {
					t.Errorf("%s, %s: there is data", c.name, format)
				}
			}
		}
	}
}

// A minute with lines but without transfers is a zero only where transfers could be seen.
func TestZerosAreProven(t *testing.T) {
	transfer := func(hours int) storagenode.Event {
		return ended(time.Duration(hours)*time.Hour, us1, storagenode.Get, storagenode.OutcomeSuccess, 1)
	}
	other := func(hours int) storagenode.Event { return of(storagenode.OtherLine, time.Duration(hours)*time.Hour) }
	restart := func(hours int) storagenode.Event { return of(storagenode.NodeStart, time.Duration(hours)*time.Hour) }
	for _, c := range []struct {
		name   string
		events []storagenode.Event
		want   map[int]float64 // hours before noon
	}{
		{"a transfer before", []storagenode.Event{transfer(30), other(20), other(7), other(5)}, map[int]float64{30: 1, 20: 0, 7: 0}},
		{"a transfer after", []storagenode.Event{other(40), other(30), transfer(10)}, map[int]float64{30: 0, 10: 1}},
		{"a restart between them", []storagenode.Event{other(30), restart(20), other(19), transfer(10)}, map[int]float64{20: 0, 19: 0, 10: 1}},
		{"no transfer at all", []storagenode.Event{other(30), restart(20), other(10)}, map[int]float64{}},
	} {
		s, node := newStore(t), nodeNamed("A")
		hear(t, s, node, 100, c.events...)
		request := asking(s, concern.TimeSeries, []string{"operations"}, node)
		request.From, request.Step = noon.Add(-47*time.Hour), time.Hour
		request.Query.GroupBy = []string{"node"}
		got := map[int]float64{}
		for minutes, v := range seriesOf(t, answered(t, request))["operations{node=A}"] {
			got[minutes/60] = v
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// Whatever the range, the step and the number of points, every transfer is in the answer
// once, and no step is finer than what is kept.
func TestEveryStepAddsUp(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	var events []storagenode.Event
	at := map[time.Duration]int{}
	for i := range 3000 {
		before := time.Duration(i) * 13 * time.Minute // 27 days
		events = append(events, ended(before+time.Second, us1, storagenode.Get, storagenode.OutcomeSuccess, 1))
		at[before+time.Second]++
	}
	slices.Reverse(events)
	hear(t, s, node, 50, events...)
	for _, length := range []time.Duration{30 * time.Minute, 6 * time.Hour, 40 * time.Hour, 5 * 24 * time.Hour, 20 * 24 * time.Hour} {
		for _, step := range []time.Duration{time.Second, time.Minute, 7 * time.Minute, 90 * time.Minute, 26 * time.Hour} {
			for _, points := range []int64{0, 11, 500} {
				request := asking(s, concern.TimeSeries, []string{"operations"}, node)
				request.From, request.Step, request.MaxPoints = noon.Add(-length), step, points
				request.Query.GroupBy = []string{"node"}
				frame := answered(t, request)[0]
				times := frame.Fields[0]
				if points > 0 && int64(frame.Rows()) > points {
					t.Errorf("%v in steps of %v: %d points, at most %d are wanted", length, step, frame.Rows(), points)
				}
				first := times.At(0).(time.Time)
				if frame.Rows() > 1 {
					finest := time.Minute
					if length > 48*time.Hour {
						finest = 10 * time.Minute
					}
					if length > 14*24*time.Hour {
						finest = time.Hour
					}
					got := times.At(1).(time.Time).Sub(first)
					if got < max(step, finest) || got%finest != 0 {
						t.Errorf("%v in steps of %v: steps of %v", length, step, got)
					}
				}
				want, got := 0.0, 0.0
				for before, n := range at {
					if !noon.Add(-before).Before(first) {
						want += float64(n)
					}
				}
				for i := range frame.Rows() {
					if v, err := frame.Fields[1].FloatAt(i); err == nil && v == v {
						got += v
					}
				}
				if got != want {
					t.Errorf("%v in steps of %v, %d points: %v operations, want %v", length, step, points, got, want)
				}
			}
		}
		request := asking(s, concern.Instant, []string{"operations"}, node)
		request.From = noon.Add(-length)
		request.Query.GroupBy = []string{"node"}
		got := instantsOf(t, answered(t, request))["operations{node=A}"]
		if want := length.Minutes() / 13; math.Abs(got-want) > 60./13+1 {
			t.Errorf("%v: %v operations, want about %v", length, got, want)
		}
	}
}

// A range such as "Last 2 days" begins a moment more than 2 days before it is answered. It is
// answered by the minute all the same, and its first minute is no more than a minute.
func TestRangesAsLongAsMinutesAreKept(t *testing.T) {
	for _, late := range []time.Duration{200 * time.Millisecond, 50 * time.Minute} {
		s, node := newStoreAt(t, noon.Add(late)), nodeNamed("A")
		var events []storagenode.Event
		for before := 15 * 24 * time.Hour; before > 0; before -= 2 * time.Minute {
			events = append(events, ended(before-time.Second, us1, storagenode.Get, storagenode.OutcomeSuccess, 1))
		}
		hear(t, s, node, 1000, events...)
		for back, step := range map[time.Duration]time.Duration{48 * time.Hour: 2 * time.Minute, 14 * 24 * time.Hour: 10 * time.Minute} {
			request := asking(s, concern.TimeSeries, []string{"operations"}, node)
			request.From, request.Now, request.Step, request.Query.GroupBy = noon.Add(-back), noon.Add(late), step, []string{"node"}
			frame := answered(t, request)[0]
			if got := frame.Fields[0].At(1).(time.Time).Sub(frame.Fields[0].At(0).(time.Time)); got != step {
				t.Errorf("%v, %v later: steps of %v, want %v", back, late, got, step)
			}
			if got, err := frame.Fields[1].FloatAt(0); err != nil || got != step.Minutes()/2 {
				t.Errorf("%v, %v later: %v operations in the first step of %v", back, late, got, step)
			}
		}
	}
}

// The step that is not over yet has the rate of what is past of it.
func TestTheRunningStepHasItsRate(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	var events []storagenode.Event
	for i := range 60 {
		events = append(events, ended(30*time.Minute-time.Duration(i)*30*time.Second, us1, storagenode.Get, storagenode.OutcomeSuccess, 1))
	}
	hear(t, s, node, 100, events...)
	request := asking(s, concern.TimeSeries, []string{"operations_per_second"}, node)
	request.From, request.Step = noon.Add(-2*time.Hour), time.Hour
	request.Now = noon.Add(-time.Second)
	request.To = request.Now
	got := seriesOf(t, answered(t, request))["operations_per_second{action=GET, node=A}"]
	if v := got[60]; math.Abs(v-60./3599) > 1e-9 {
		t.Errorf("%v", got)
	}
}

func TestWrongQueriesAreNamed(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	for _, c := range []struct {
		change func(*concern.Query)
		want   string
	}{
		{func(q *concern.Query) { q.Actions = []string{"UPLOAD"} }, "GET_AUDIT"},
		{func(q *concern.Query) { q.Outcomes = []string{"lost"} }, "canceled"},
		{func(q *concern.Query) { q.GroupBy = []string{"total", "node"} }, "total"},
		{func(q *concern.Query) { q.GroupBy = []string{"outcome"}; q.Metrics = []string{"success_percent"} }, "success_percent"},
		{func(q *concern.Query) { q.Satellites = []string{"/(/"} }, "regular expression"},
		{func(q *concern.Query) { q.Actions = []string{"/(/"} }, "regular expression"},
	} {
		request := asking(s, concern.TimeSeries, nil, node)
		c.change(&request.Query)
		if _, err := (traffic.Concern{}).Answer(t.Context(), request); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", request.Query, err)
		}
	}
}

func TestTypesAreWhatAnswerAnswers(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	start, end := began(4*time.Minute, 10*time.Second, "A", storagenode.OutcomeSuccess)
	hear(t, s, node, 100, append(someTraffic(), start, end)...)
	known := traffic.Concern{}.Types()[0]
	for _, format := range known.Formats {
		for _, metric := range known.Metrics {
			for _, by := range known.GroupBy {
				if (metric == "success_percent" || metric == "concurrent_transfers") && by == "outcome" {
					continue
				}
				request := asking(s, format, []string{metric}, node)
				request.Query.GroupBy = []string{by}
				frames := answered(t, request)
				if len(frames) != 1 || len(frames[0].Fields) == 0 {
					t.Errorf("%s by %s as %s: %d frames", metric, by, format, len(frames))
					continue
				}
				value := frames[0].Fields[len(frames[0].Fields)-1]
				if value.Config == nil || value.Config.Unit == "" {
					t.Errorf("%s by %s as %s has no unit", metric, by, format)
				}
				if format == concern.TimeSeries && value.Config.DisplayNameFromDS == "" {
					t.Errorf("%s by %s has no name", metric, by)
				}
			}
		}
	}
}
