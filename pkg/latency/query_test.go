package latency_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// seeing is all that can be seen in a log, now.
func seeing() concern.Evidence {
	seen := concern.Evidence{HasLog: true, Level: storagenode.Debug, Since: noon.Add(-240 * time.Hour)}
	for kind := range seen.Last {
		seen.Last[kind] = noon.Add(-time.Minute)
	}
	return seen
}

// blind is a log with INFO only.
func blind() concern.Evidence {
	seen := seeing()
	seen.Level, seen.Last[concern.StartLines] = storagenode.Info, time.Time{}
	return seen
}

// asking is a request for these nodes, over the last ten minutes.
func asking(s *store.Store, format concern.Format, metrics []string, nodes ...concern.Node) concern.Request {
	request := concern.Request{
		Query: concern.Query{QueryType: "latency", Format: format, Metrics: metrics},
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
	frames, err := latency.Concern{}.Answer(t.Context(), request)
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

var withinBound = cmpopts.EquateApprox(bound, 0)

// someLatency is, in minutes before noon, of node A: 5 a download of us1 in 1 s and one of
// eu1 in 2 s; 2 an upload of us1 in 8 s.
func someLatency(t testing.TB, s *store.Store, node concern.Node) {
	t.Helper()
	b, c := get(5*time.Minute-2*time.Second, 2*time.Second), get(2*time.Minute-9*time.Second, 8*time.Second)
	b.satellite, c.action = eu1, storagenode.Put
	hear(t, s, node, 1, eventsOf(get(5*time.Minute-2*time.Second, time.Second), b, c)...)
}

func TestSeries(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	someLatency(t, s, a)
	x := get(5*time.Minute-2*time.Second, 4*time.Second)
	hear(t, s, b, 1, eventsOf(x)...)
	for name, c := range map[string]struct {
		change func(*concern.Request)
		want   map[string]map[int]float64
	}{
		"by node and action, as by default": {
			func(r *concern.Request) {},
			map[string]map[int]float64{"max_seconds{action=GET, node=A}": {5: 2}, "max_seconds{action=PUT, node=A}": {2: 8}, "max_seconds{action=GET, node=B}": {5: 4}},
		},
		"by satellite": {
			func(r *concern.Request) { r.Query.GroupBy = []string{"satellite"} },
			map[string]map[int]float64{"max_seconds{satellite=us1}": {5: 4, 2: 8}, "max_seconds{satellite=eu1}": {5: 2}},
		},
		"all of it": {
			func(r *concern.Request) {
				r.Query.GroupBy, r.Query.Metrics = []string{"total"}, []string{"count", "mean_seconds", "p50_seconds"}
			},
			map[string]map[int]float64{"count{}": {5: 3, 2: 1}, "mean_seconds{}": {5: 7.0 / 3, 2: 8}, "p50_seconds{}": {5: 2, 2: 8}},
		},
		"of one satellite and action": {
			func(r *concern.Request) {
				r.Query.Satellites, r.Query.Actions, r.Query.GroupBy = []string{"us1"}, []string{"GET"}, []string{"node"}
			},
			map[string]map[int]float64{"max_seconds{node=A}": {5: 1}, "max_seconds{node=B}": {5: 4}},
		},
		"in longer steps": {
			func(r *concern.Request) {
				r.Step, r.Query.GroupBy, r.Query.Metrics = 10*time.Minute, []string{"total"}, []string{"count"}
			},
			map[string]map[int]float64{"count{}": {10: 4}},
		},
		"a year, in four days": {
			func(r *concern.Request) {
				r.From, r.Query.GroupBy, r.Query.Metrics = noon.AddDate(-1, 0, 0), []string{"total"}, []string{"count"}
			},
			map[string]map[int]float64{"count{}": {3*24*60 + 12*60: 4}},
		},
		"a month, in quarters of days": {
			func(r *concern.Request) {
				r.From, r.Query.GroupBy, r.Query.Metrics = noon.AddDate(0, 0, -30), []string{"total"}, []string{"count"}
			},
			map[string]map[int]float64{"count{}": {6 * 60: 4}},
		},
		"a week, in hours": {
			func(r *concern.Request) {
				r.From, r.Query.GroupBy, r.Query.Metrics = noon.AddDate(0, 0, -7), []string{"total"}, []string{"count"}
			},
			map[string]map[int]float64{"count{}": {60: 4}},
		},
		"no more points than there is room for": {
			func(r *concern.Request) {
				r.MaxPoints, r.Query.GroupBy, r.Query.Metrics = 4, []string{"total"}, []string{"count"}
			},
			map[string]map[int]float64{"count{}": {5: 4}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := asking(s, concern.TimeSeries, []string{"max_seconds"}, a, b)
			c.change(&request)
			frames := answered(t, request)
			if diff := cmp.Diff(c.want, seriesOf(t, frames), withinBound); diff != "" {
				t.Error(diff)
			}
			if got := frames[0].Meta.Custom; !cmp.Equal(got, map[string]any{"resolution": "milliseconds"}) || len(notices(frames)) > 0 {
				t.Errorf("resolution %v, notices %q", got, notices(frames))
			}
		})
	}
}

func TestTable(t *testing.T) {
	s, a := newStore(t), nodeNamed("A")
	someLatency(t, s, a)
	frame := answered(t, asking(s, concern.Table, []string{"count", "p99_seconds"}, a))[0]
	var names []string
	for _, field := range frame.Fields {
		names = append(names, field.Name)
	}
	if diff := cmp.Diff([]string{"node_name", "action", "count", "p99_seconds"}, names); diff != "" {
		t.Error(diff)
	}
	if got := frame.Fields[1].At(0); got != "PUT" || frame.Rows() != 2 {
		t.Errorf("%d rows, the slowest is %v", frame.Rows(), got)
	}
}

// A table of nodes has those too of which nothing is known, and what to set for it.
func TestTableOfNodes(t *testing.T) {
	s := newStore(t)
	a, idle, unset, gone := nodeNamed("A"), nodeNamed("idle"), nodeNamed("unset"), nodeNamed("gone")
	late := get(time.Minute, 3*time.Second)
	late.live = false
	hear(t, s, a, 1, eventsOf(late)...)
	request := asking(s, concern.Table, []string{"count", "max_seconds"}, unset, gone, idle, a)
	request.Query.GroupBy = []string{"node"}
	request.Watched[0].Evidence = blind()
	request.Watched[1].Evidence, request.Watched[1].Retired = blind(), true
	frame := answered(t, request)[0]
	var rows []string
	for i := range frame.Rows() {
		row := ""
		for _, field := range frame.Fields {
			switch v := field.At(i).(type) {
			case *float64:
				if v == nil {
					row += "–|"
				} else {
					row += strconv.FormatFloat(*v, 'f', 0, 64) + "|"
				}
			case string:
				row += v + "|"
			default:
				t.Fatalf("%T", v)
			}
		}
		rows = append(rows, row)
	}
	if diff := cmp.Diff([]string{
		"A|1|3|seconds||",
		"unset|–|–||the log does not say when a transfer begins; set log.level: debug in the node's config.yaml, or log.custom-level: piecestore=DEBUG, and restart the node; or set debug.addr there, and give its address as the node's debug port in the data source's settings|",
		"idle|–|–||no such transfer succeeded in this time|",
	}, rows); diff != "" {
		t.Error(diff)
	}
	request.Query.GroupBy = []string{"action", "node"}
	if frame := answered(t, request)[0]; frame.Rows() != 1 || len(frame.Fields) != 4 {
		t.Errorf("by action too: %d rows, %d columns", frame.Rows(), len(frame.Fields))
	}
}

func TestHeatmap(t *testing.T) {
	s, a := newStore(t), nodeNamed("A")
	someLatency(t, s, a)
	frame := answered(t, asking(s, latency.Heatmap, nil, a))[0]
	if frame.Meta.Type != "heatmap-rows" || frame.Fields[0].Name != "time" {
		t.Fatalf("%+v", frame.Meta)
	}
	last, sum := 0.0, 0.0
	var full []string
	for _, field := range frame.Fields[1:] {
		var end float64
		if err := jsonNumber(field.Labels["le"], &end); err != nil || end <= last || field.Config.DisplayNameFromDS != field.Labels["le"] {
			t.Fatalf("le %q after %v", field.Labels["le"], last)
		}
		last = end
		for i := range field.Len() {
			at := frame.Fields[0].At(i).(time.Time).Format("15:04")
			v := field.At(i).(*float64)
			// A step of which nothing is known is none without transfers: it is a gap.
			if (v != nil) != (at == "11:55" || at == "11:58") {
				t.Errorf("%s le %s: %v", at, field.Name, v)
			}
			if v != nil && *v > 0 {
				sum += *v
				full = append(full, at+" le "+field.Name)
			}
		}
	}
	// The bounds are 2^(n/8) tenths of milliseconds.
	if diff := cmp.Diff([]string{"11:55 le 1.062", "11:55 le 2.125", "11:58 le 8.499"}, full); diff != "" || sum != 3 {
		t.Errorf("%v transfers: %s", sum, diff)
	}
	request := asking(s, latency.Heatmap, nil, a)
	request.Query.GroupBy = []string{"node"}
	if _, err := (latency.Concern{}).Answer(t.Context(), request); err == nil || !strings.Contains(err.Error(), `groupBy "total"`) {
		t.Errorf("a heat map of groups: %v", err)
	}
}

func TestHistogram(t *testing.T) {
	s, a := newStore(t), nodeNamed("A")
	someLatency(t, s, a)
	zero := get(3*time.Minute, 0)
	hear(t, s, a, 1, eventsOf(zero)...)
	frame := answered(t, asking(s, latency.Histogram, nil, a))[0]
	if frame.Meta.Type != "histogram" || len(frame.Fields) != 4 {
		t.Fatalf("%d fields, %+v", len(frame.Fields), frame.Meta)
	}
	sums := map[string]float64{}
	for i := range frame.Rows() {
		from, to := frame.Fields[0].At(i).(float64), frame.Fields[1].At(i).(float64)
		if to <= from || i > 0 && from != frame.Fields[1].At(i-1).(float64) {
			t.Fatalf("bucket %d from %v to %v", i, from, to)
		}
		for _, field := range frame.Fields[2:] {
			sums[field.Labels.String()] += field.At(i).(float64)
		}
	}
	if diff := cmp.Diff(map[string]float64{"action=GET, node=A": 3, "action=PUT, node=A": 1}, sums); diff != "" {
		t.Error(diff)
	}
	if frame.Fields[0].At(0) != 0.0 || frame.Fields[2].At(0) != 1.0 {
		t.Error("what took no time is not in the first bucket, from 0 on")
	}
}

// No data is one frame with its type and no fields, and says why.
func TestNoData(t *testing.T) {
	for format, kind := range map[concern.Format]data.FrameType{
		concern.TimeSeries: data.FrameTypeTimeSeriesWide, concern.Table: data.FrameTypeTable,
		latency.Heatmap: "heatmap-rows", latency.Histogram: "histogram", concern.Instant: data.FrameTypeNumericLong,
	} {
		request := asking(newStore(t), format, []string{"count"}, nodeNamed("A"))
		request.Watched[0].Evidence = blind()
		frames := answered(t, request)
		if len(frames) != 1 || len(frames[0].Fields) != 0 || frames[0].Meta.Type != kind {
			t.Errorf("%s: %d frames, the first with %d fields, %+v", format, len(frames), len(frames[0].Fields), frames[0].Meta)
		}
		got := strings.Join(notices(frames), "\n")
		for _, says := range []string{"warning: A: no latency", "does not say when a transfer begins", "log.level: debug", "debug.addr", "settings"} {
			if !strings.Contains(got, says) {
				t.Errorf("%s: %q does not say %q", format, got, says)
			}
		}
	}
}

// maxOpen is how many starts are remembered.
const maxOpen = 1 << 15

// onlyStarts are so many downloads that begin.
func onlyStarts(n int) []storagenode.Event {
	var all []storagenode.Event
	for i := range n {
		x := get(time.Minute, time.Second)
		x.piece = strconv.Itoa(i)
		start, _ := x.lines()
		all = append(all, start)
	}
	return all
}

func TestNotices(t *testing.T) {
	late := func(before, took time.Duration) transfer {
		x := get(before, took)
		x.live = false
		return x
	}
	for name, c := range map[string]struct {
		events     []storagenode.Event
		change     func(*concern.Watched)
		resolution string
		want       []string
	}{
		"all whole seconds":                        {eventsOf(late(time.Minute, time.Second)), nil, "seconds", []string{"info: A: 100 % of the durations are of whole seconds, 1 s more or less: these lines were read later than they were written"}},
		"some of them":                             {eventsOf(late(time.Minute, time.Second), get(2*time.Minute, time.Second), get(3*time.Minute, time.Second)), nil, "mixed", []string{"info: A: 33 % of the durations are of whole seconds, 1 s more or less: these lines were read later than they were written"}},
		"a start without end":                      {append(eventsOf(get(5*time.Minute, time.Second))[:1], eventsOf(get(time.Minute, time.Second))...), nil, "milliseconds", []string{"info: A: 1 transfer began without an end in the log"}},
		"a file, of which lines are read together": {eventsOf(get(time.Minute, time.Second)), func(w *concern.Watched) { w.Log.Kind = settings.LogFile }, "50 milliseconds", nil},
		"a file that was read later":               {eventsOf(late(time.Minute, time.Second)), func(w *concern.Watched) { w.Log.Kind = settings.LogFile }, "seconds", []string{"info: A: 100 % of the durations are of whole seconds, 1 s more or less: these lines were read later than they were written"}},
		"starts, and never an end":                 {onlyStarts(maxOpen + 7), nil, "", []string{"info: A: 7 transfers began without an end in the log"}},
		"no log":                                   {nil, func(w *concern.Watched) { w.Evidence = concern.Evidence{} }, "", []string{"warning: A: no latency: this node has no log here; give the node's log in the data source's settings; or set debug.addr there, and give its address as the node's debug port in the data source's settings"}},
		"a retired node":                           {nil, func(w *concern.Watched) { w.Evidence, w.Retired = concern.Evidence{}, true }, "", nil},
		"a debug port that never answered": {nil, func(w *concern.Watched) { w.Evidence, w.Debug = blind(), "http://localhost:5999" }, "",
			[]string{"warning: A: no latency: the debug port http://localhost:5999 has not answered yet; check debug.addr in the node's config.yaml, and that the node's API answers"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			hear(t, s, node, 1, c.events...)
			request := asking(s, concern.TimeSeries, nil, node)
			if c.change != nil {
				c.change(&request.Watched[0])
			}
			frames := answered(t, request)
			if diff := cmp.Diff(c.want, notices(frames)); diff != "" {
				t.Error(diff)
			}
			if got := frames[0].Meta.Custom; !cmp.Equal(got, map[string]any{"resolution": c.resolution}) {
				t.Errorf("resolution %v", got)
			}
		})
	}
}

func TestWrongQueries(t *testing.T) {
	for says, change := range map[string]func(*concern.Query){
		`unknown entry "LOOK" in actions; allowed are unknown, PUT`: func(q *concern.Query) { q.Actions = []string{"LOOK"} },
		`nothing can stand beside it`:                               func(q *concern.Query) { q.GroupBy = []string{"total", "node"} },
		`not a regular expression`:                                  func(q *concern.Query) { q.Satellites = []string{"/(/"} },
		`unknown entry "lost" in outcomes; allowed are success`:     func(q *concern.Query) { q.QueryType, q.Outcomes = "slow_operations", []string{"lost"} },
	} {
		request := asking(newStore(t), concern.TimeSeries, nil, nodeNamed("A"))
		change(&request.Query)
		if _, err := (latency.Concern{}).Answer(t.Context(), request); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// monthsOfLatency are three months of a node with a transfer every six hours, up to noon.
func monthsOfLatency(t testing.TB) (*store.Store, concern.Node, *time.Time) {
	t.Helper()
	now := noon.AddDate(0, -3, 0)
	s, node := newStoreAt(t, func() time.Time { return now }), nodeNamed("A")
	for ; !now.After(noon); now = now.Add(6 * time.Hour) {
		ear := latency.Concern{Now: func() time.Time { return now }}.Listen(node, s)
		start, end := get(0, time.Second).lines()
		start.Time, end.Time = now.Add(-2*time.Second), now.Add(-time.Second)
		start.Arrived, end.Arrived = start.Time, end.Time
		ear.Hear(&start)
		ear.Hear(&end)
		flush(t, s, ear)
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := s.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	now = noon
	return s, node, &now
}

// A node's history over months is answered from what is still kept of it, each transfer
// once, whichever range is asked for.
func TestMonthsLater(t *testing.T) {
	s, node, _ := monthsOfLatency(t)
	for back, most := range map[int]int{1: 10 * 24 * 60, 7: 24*7 + 2, 13: 24*13 + 2, 29: 4*29 + 2, 60: 17, 89: 24} {
		request := asking(s, concern.TimeSeries, []string{"count"}, node)
		request.From, request.Query.GroupBy = noon.AddDate(0, 0, -back).Add(time.Minute), []string{"total"}
		frames := answered(t, request)
		sum := 0.0
		points := seriesOf(t, frames)["count{}"]
		for _, v := range points {
			sum += v
		}
		// Four a day; the first step may begin before the range, by four days at most.
		if sum < float64(4*back) || sum > float64(4*back+16) || len(points) > most {
			t.Errorf("%d days: %v transfers in %d points", back, sum, len(points))
		}
	}
}

// A range such as "Last 30 days" begins a moment more than 30 days before it is answered. It
// is answered as fine as what is kept for 30 days, all of it.
func TestRangesAsLongAsATier(t *testing.T) {
	s, node, now := monthsOfLatency(t)
	for _, late := range []time.Duration{200 * time.Millisecond, 50 * time.Minute} {
		*now = noon.Add(late)
		for back, step := range map[int]time.Duration{2: time.Minute, 14: time.Hour, 30: 6 * time.Hour} {
			request := asking(s, concern.TimeSeries, []string{"count"}, node)
			request.From, request.Now, request.Query.GroupBy = noon.AddDate(0, 0, -back), *now, []string{"total"}
			times := answered(t, request)[0].Fields[0]
			if got := times.At(1).(time.Time).Sub(times.At(0).(time.Time)); got != step {
				t.Errorf("%d days, %s later: steps of %s, want %s", back, late, got, step)
			}
			request.Query.Format = concern.Instant
			// Four a day, and at most one more in the step that the range begins in.
			if got := instantsOf(t, answered(t, request))["count{}"]; got < float64(4*back) || got > float64(4*back+1) {
				t.Errorf("%d days, %s later: %v transfers", back, late, got)
			}
		}
	}
}

// A number over a range that is long over is of whole steps, which may be much more than the
// range: that is told, with the time that it is of.
func TestRangesThatAreCutByLongSteps(t *testing.T) {
	s, node, _ := monthsOfLatency(t)
	for name, c := range map[string]struct {
		from, to time.Duration // before noon
		want     []string
	}{
		"a day, 40 days ago":   {40*24*time.Hour + 12*time.Hour, 39*24*time.Hour + 12*time.Hour, []string{"info: this is of whole steps of 4 days, from 2026-10-10 00:00 UTC to 2026-10-14 00:00 UTC"}},
		"a day, 20 days ago":   {20*24*time.Hour - 2*time.Hour, 19*24*time.Hour - 2*time.Hour, []string{"info: this is of whole steps of 6 hours, from 2026-11-02 12:00 UTC to 2026-11-03 18:00 UTC"}},
		"three hours, a week":  {7*24*time.Hour + 90*time.Minute, 7*24*time.Hour - 90*time.Minute, []string{"info: this is of whole steps of 1 hour, from 2026-11-15 10:00 UTC to 2026-11-15 14:00 UTC"}},
		"a day, to the minute": {26*time.Hour + 30*time.Minute, 2*time.Hour + 30*time.Minute, nil},
		"30 days up to now":    {30 * 24 * time.Hour, 0, nil},
		"half an hour, by now": {30 * time.Minute, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, format := range []concern.Format{concern.Instant, concern.Table, latency.Histogram, latency.Heatmap, concern.TimeSeries} {
				request := asking(s, format, []string{"count"}, node)
				request.From, request.To, request.Query.GroupBy = noon.Add(-c.from), noon.Add(-c.to), []string{"total"}
				request.MaxPoints = 500
				if diff := cmp.Diff(c.want, notices(answered(t, request))); diff != "" {
					t.Errorf("%s: %s", format, diff)
				}
			}
		})
	}
}

func jsonNumber(text string, into *float64) (err error) {
	*into, err = strconv.ParseFloat(text, 64)
	return err
}
