package capacity_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

var nearly = cmpopts.EquateApprox(1e-6, 1e-6)

// Both shapes of the API's answer give the same numbers, but for what an older node does not say.
func TestBothShapes(t *testing.T) {
	metrics := []string{"used_bytes", "free_bytes", "trash_bytes", "reclaimable_bytes", "pieces_bytes", "allocated_bytes", "overused_bytes", "used_percent", "trash_percent"}
	cases := []struct {
		name, answer string
		want         map[string]float64
	}{
		{
			"from v1.143", `{"used":700,"available":300,"overused":0,"allocated":1000,"trash":70,"reclaimable":30}`,
			map[string]float64{"used_bytes": 700, "free_bytes": 300, "trash_bytes": 70, "reclaimable_bytes": 30, "pieces_bytes": 600, "allocated_bytes": 1000, "overused_bytes": 0, "used_percent": 70, "trash_percent": 10},
		},
		{
			"before v1.143", `{"used":630,"available":1000,"trash":70,"overused":0}`,
			map[string]float64{"used_bytes": 700, "free_bytes": 300, "trash_bytes": 70, "pieces_bytes": 630, "allocated_bytes": 1000, "overused_bytes": 0, "used_percent": 70, "trash_percent": 10},
		},
		{
			"over-used, from v1.143", `{"used":1200,"available":0,"overused":200,"allocated":1000,"trash":0,"reclaimable":0}`,
			map[string]float64{"used_bytes": 1200, "free_bytes": 0, "trash_bytes": 0, "reclaimable_bytes": 0, "pieces_bytes": 1200, "allocated_bytes": 1000, "overused_bytes": 200, "used_percent": 120, "trash_percent": 0},
		},
		{
			"over-used, and too old to say it", `{"used":1100,"available":1000,"trash":100}`,
			map[string]float64{"used_bytes": 1200, "free_bytes": 0, "trash_bytes": 100, "pieces_bytes": 1100, "allocated_bytes": 1000, "overused_bytes": 200, "used_percent": 120, "trash_percent": 100.0 / 12},
		},
		{
			"nothing stored yet", `{"used":0,"available":1000,"overused":0,"allocated":1000,"trash":0,"reclaimable":0}`,
			map[string]float64{"used_bytes": 0, "free_bytes": 1000, "trash_bytes": 0, "reclaimable_bytes": 0, "pieces_bytes": 0, "allocated_bytes": 1000, "overused_bytes": 0, "used_percent": 0},
		},
		{"nothing looked at yet", `{"used":0,"available":0,"overused":0,"allocated":0,"trash":0,"reclaimable":0}`, nil},
		{"zeros, before v1.143", `{"used":0,"available":0,"trash":0,"overused":0}`, nil},
		{"nothing", `{}`, nil},
		{
			"odd numbers", `{"used":500,"available":-7,"overused":-3,"allocated":1000,"trash":-20,"reclaimable":900}`,
			map[string]float64{"used_bytes": 500, "free_bytes": 0, "trash_bytes": 0, "reclaimable_bytes": 500, "pieces_bytes": 0, "allocated_bytes": 1000, "overused_bytes": 0, "used_percent": 50, "trash_percent": 0},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.poll("A", diskOf(t, c.answer))
			want := map[string]float64{}
			for metric, v := range c.want {
				want[metric+"{node=A}"] = v
			}
			if diff := cmp.Diff(want, instantsOf(t, s.answer(s.asking("capacity", concern.Instant, metrics, "A"))), nearly); diff != "" {
				t.Errorf("instants: %s", diff)
			}
			// A series says the same, in its step.
			r := s.asking("capacity", concern.TimeSeries, metrics, "A")
			got := map[string]float64{}
			for key, values := range seriesOf(t, s.answer(r)) {
				for _, v := range values {
					got[key] = v
				}
			}
			if diff := cmp.Diff(want, got, nearly, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("series: %s", diff)
			}
			if text := strings.Join(notices(s.answer(r)), "\n"); (c.want == nil) != strings.Contains(text, "A: nothing is known of the disk") {
				t.Errorf("notices %q", text)
			}
		})
	}
}

// A step shows the fullest that the disk was in it.
func TestSeriesAreTheFullestOfEachStep(t *testing.T) {
	s := newScene(t)
	start := s.now.Add(-time.Hour)
	for i, pieces := range []int64{500, 900, 600} {
		s.now = start.Add(time.Duration(i) * interval)
		s.poll("A", disk(1000, pieces, 10, 0))
	}
	s.now = start.Add(time.Hour)
	r := s.asking("capacity", concern.TimeSeries, []string{"used_bytes", "free_bytes", "used_percent"}, "A")
	want := map[string]map[time.Time]float64{
		"used_bytes{node=A}":   {start: float64(910 * gb)},
		"free_bytes{node=A}":   {start: float64(90 * gb)},
		"used_percent{node=A}": {start: 91},
	}
	if diff := cmp.Diff(want, seriesOf(t, s.answer(r)), nearly); diff != "" {
		t.Error(diff)
	}
}

// What goes from the trash to what can be reclaimed within a step takes nothing from the pieces.
func TestPiecesOfAStepAreOfOneMoment(t *testing.T) {
	s := newScene(t)
	start := s.now.Add(-time.Hour)
	s.now = start
	for _, d := range []storagenode.DiskSpace{disk(1000, 800, 100, 0), disk(1000, 800, 0, 100)} {
		s.poll("A", d)
		s.poll("B", d)
		s.now = s.now.Add(interval)
	}
	s.now = start.Add(time.Hour)
	r := s.asking("capacity", concern.TimeSeries, []string{"pieces_bytes"}, "A", "B")
	want := map[string]map[time.Time]float64{"pieces_bytes{node=A}": {start: 800e9}, "pieces_bytes{node=B}": {start: 800e9}}
	if diff := cmp.Diff(want, seriesOf(t, s.answer(r)), nearly); diff != "" {
		t.Error(diff)
	}
	r.Query.GroupBy = []string{"total"}
	if diff := cmp.Diff(map[string]map[time.Time]float64{"pieces_bytes{}": {start: 1600e9}}, seriesOf(t, s.answer(r)), nearly); diff != "" {
		t.Error(diff)
	}
}

func TestTypesAreWhatAnswerAnswers(t *testing.T) {
	s := newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 500, 10))
	s.counted("A", map[string][]float64{us1: {300, 310, 320}})
	for _, kind := range s.concern().Types() {
		for _, format := range kind.Formats {
			for _, metric := range kind.Metrics {
				for _, group := range append([]string{""}, kind.GroupBy...) {
					r := s.asking(kind.Name, format, []string{metric}, "A")
					r.From = s.now.Add(-3 * day)
					if group != "" {
						r.Query.GroupBy = []string{group}
					}
					if strings.HasPrefix(metric, "forecast_") && format != concern.TimeSeries {
						if _, err := s.concern().Answer(t.Context(), r); err == nil || !strings.Contains(err.Error(), `format "timeseries"`) {
							t.Errorf("%s as %s: %v", metric, format, err)
						}
						continue
					}
					frames := s.answer(r)
					if len(frames) != 1 || len(frames[0].Fields) == 0 {
						if metric == "growth_30d_bytes_per_day" {
							t.Errorf("%s as %s", metric, format)
						}
						t.Errorf("%s of %s by %q as %s: %d frames, %v", metric, kind.Name, group, format, len(frames), notices(frames))
					}
				}
			}
		}
	}
}

// A disk of 1000 GB that grows by 10 a day to 800 is full in 20 days.
func TestForecastToFull(t *testing.T) {
	s := newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 800, 10))
	want := map[string]float64{
		"days_until_full{node=A}": 20, "days_until_full_lower{node=A}": 20, "days_until_full_upper{node=A}": 20,
		"growth_bytes_per_day{node=A}": 1e10, "growth_1d_bytes_per_day{node=A}": 1e10, "growth_lower_bytes_per_day{node=A}": 1e10, "growth_upper_bytes_per_day{node=A}": 1e10,
	}
	metrics := []string{"days_until_full", "days_until_full_lower", "days_until_full_upper", "growth_bytes_per_day", "growth_1d_bytes_per_day", "growth_lower_bytes_per_day", "growth_upper_bytes_per_day"}
	if diff := cmp.Diff(want, instantsOf(t, s.answer(s.asking("capacity", concern.Instant, metrics, "A"))), nearly); diff != "" {
		t.Error(diff)
	}
	rows := rowsOf(s.answer(s.asking("capacity", concern.Table, nil, "A"))[0], "node_name", "used_percent", "days_until_full", "full_at", "no_forecast_because")
	if diff := cmp.Diff([]string{"A 80.0 20.0 2026-12-10T12:00:00Z "}, rows); diff != "" {
		t.Error(diff)
	}
	const key = "forecast_used_bytes{node=A}"
	// A panel without a future: the line goes on until the disk is full.
	line := seriesOf(t, s.answer(s.asking("capacity", concern.TimeSeries, []string{"forecast_used_bytes", "used_bytes"}, "A")))[key]
	times := ascending(line)
	if len(times) < 10 || len(times) > 110 {
		t.Fatalf("%d points", len(times))
	}
	last := times[len(times)-1]
	if off := last.Sub(s.now.Add(20 * day)).Abs(); off > time.Minute || math.Abs(line[last]-float64(tb)) > 1e6 {
		t.Errorf("ends at %s with %f", last, line[last])
	}
	for _, at := range times {
		if want := 8e11 + 1e10*at.Sub(s.now).Hours()/24; math.Abs(line[at]-want) > 1e6 || at.Before(s.now) {
			t.Errorf("at %s: %f, want %f", at, line[at], want)
		}
	}
	// A panel that shows ten days of the future: to its end.
	r := s.asking("capacity", concern.TimeSeries, nil, "A")
	r.To = s.now.Add(10 * day)
	all := seriesOf(t, s.answer(r))
	times = ascending(all[key])
	if last := times[len(times)-1]; !last.Equal(r.To) || math.Abs(all[key][last]-9e11) > 1e6 {
		t.Errorf("ends at %s with %f", last, all[key][last])
	}
	if free := all["forecast_free_bytes{node=A}"][r.To]; math.Abs(free-1e11) > 1e6 {
		t.Errorf("free %f", free)
	}
	used := ascending(all["used_bytes{node=A}"])
	if last := used[len(used)-1]; last.After(s.now) {
		t.Errorf("used at %s, which is to come", last)
	}
	// One that shows sixty: the line ends where the disk is full, and does not go on.
	r.To = s.now.Add(60 * day)
	r.Query.Metrics = []string{"forecast_used_bytes"}
	line = seriesOf(t, s.answer(r))[key]
	times = ascending(line)
	if last := times[len(times)-1]; last.Sub(s.now.Add(20*day)).Abs() > time.Minute {
		t.Errorf("ends at %s", last)
	}
	// All metrics of a panel without a future: none of it.
	r = s.asking("capacity", concern.TimeSeries, nil, "A")
	if values := seriesOf(t, s.answer(r))[key]; values != nil {
		t.Errorf("a forecast that nobody asked for: %v", values)
	}
}

// There is no forecast rather than a wrong one, and a notice says why.
func TestNoForecast(t *testing.T) {
	cases := []struct {
		name   string
		span   time.Duration
		of     func(age float64) storagenode.DiskSpace
		notice string // "" none
		days   map[string]float64
	}{
		{"five hours", 5 * time.Hour, growing(1000, 500, 10), "info: A: no forecast: a forecast needs 12 values over 6 hours, and there are 11 over 5 hours", nil},
		{"flat", 8 * day, growing(1000, 500, 0), "info: A: no forecast: it does not grow", nil},
		{"full", 8 * day, growing(1000, 1000, 0), "", map[string]float64{"days_until_full{node=A}": 0}},
		{"far ahead", 8 * day, growing(10000, 500, 1), "info: A: no forecast: at its growth of +1.0 GB a day it is not full within 400 days, which is as far ahead as the last 7 days tell", nil},
		{"only trash grows", 8 * day, func(age float64) storagenode.DiskSpace { return disk(1000, 500, 100-int64(10*age), 0) }, "info: A: no forecast: it does not grow", nil},
		{"only what can be reclaimed grows", 8 * day, func(age float64) storagenode.DiskSpace { return disk(1000, 500, 0, 100-int64(10*age)) }, "info: A: no forecast: it does not grow", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.polls("A", c.span, 30*time.Minute, c.of)
			frames := s.answer(s.asking("capacity", concern.Instant, []string{"days_until_full"}, "A"))
			if diff := cmp.Diff(c.days, instantsOf(t, frames), nearly, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if got := strings.Join(notices(frames), "\n"); got != c.notice {
				t.Errorf("notices %q, want %q", got, c.notice)
			}
		})
	}
}

// What all nodes come to: sums, also of the forecasts, each of which ends where its disk is full.
func TestTotal(t *testing.T) {
	s := newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 900, 10)) // full in 10 days
	s.polls("B", 8*day, time.Hour, growing(1000, 500, 20)) // in 25
	ask := func(format concern.Format, metrics ...string) concern.Request {
		r := s.asking("capacity", format, metrics, "A", "B")
		r.Query.GroupBy = []string{"total"}
		return r
	}
	want := map[string]float64{"used_bytes{}": 1.4e12, "free_bytes{}": 6e11, "used_percent{}": 70, "days_until_full{}": 20, "growth_bytes_per_day{}": 3e10}
	if diff := cmp.Diff(want, instantsOf(t, s.answer(ask(concern.Instant, "used_bytes", "free_bytes", "used_percent", "days_until_full", "growth_bytes_per_day"))), nearly); diff != "" {
		t.Error(diff)
	}
	r := ask(concern.TimeSeries, "used_bytes", "forecast_used_bytes")
	r.To = s.now.Add(30 * day)
	all := seriesOf(t, s.answer(r))
	// After ten days A is full and grows no more.
	for age, want := range map[time.Duration]float64{30 * day: 2e12} {
		if got := all["forecast_used_bytes{}"][s.now.Add(age)]; math.Abs(got-want) > 1e7 {
			t.Errorf("after %s: %f, want %f", age, got, want)
		}
	}
	line := all["forecast_used_bytes{}"]
	for _, at := range ascending(line) {
		days := at.Sub(s.now).Hours() / 24
		want := min(1e12, 9e11+1e10*days) + min(1e12, 5e11+2e10*days)
		if math.Abs(line[at]-want) > 1e7 {
			t.Errorf("after %f days: %f, want %f", days, line[at], want)
		}
	}
	used := all["used_bytes{}"]
	if got := used[ascending(used)[len(used)-1]]; math.Abs(got-1.4e12) > 1e7 {
		t.Errorf("used %f", got)
	}

	// A node that is silent counts with what it said last, and so does one that has been so for
	// longer than the range; and a notice names them.
	s.now = s.now.Add(2 * day)
	s.poll("B", disk(1000, 540, 0, 0))
	r = ask(concern.TimeSeries, "used_bytes")
	used = seriesOf(t, s.answer(r))["used_bytes{}"]
	if got := used[s.now]; math.Abs(got-1.44e12) > 1e7 {
		t.Errorf("used %f", got)
	}
	if texts := notices(s.answer(r)); len(texts) != 1 || texts[0] != "warning: A: what is known of the disk is 2 days old" {
		t.Errorf("notices %q", texts)
	}
	// When all is full nobody knows then.
	if got := instantsOf(t, s.answer(ask(concern.Instant, "days_until_full"))); len(got) > 0 {
		t.Errorf("%v", got)
	}
	if got := seriesOf(t, s.answer(ask(concern.TimeSeries, "days_until_full"))); len(got) > 0 {
		t.Errorf("%v", got)
	}
	// In a step where no node said anything, nothing is known.
	s.now = s.now.Add(3 * day)
	if got := seriesOf(t, s.answer(ask(concern.TimeSeries, "used_bytes"))); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// A node of which only the log tells does not hide what the others use: it counts with what is
// free, whatever the order of the nodes, and a notice says so.
func TestANodeWithoutAnAPIDoesNotHideTheTotal(t *testing.T) {
	s := newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 900, 10))
	s.polls("B", 8*day, time.Hour, growing(1000, 500, 20))
	s.upload("heard", 300*gb)
	s.flush("heard")
	for _, nodes := range [][]string{{"A", "heard", "B"}, {"heard", "A", "B"}, {"A", "B", "heard"}} {
		asked := func(queryType string, format concern.Format, metrics ...string) concern.Request {
			r := s.asking(queryType, format, metrics, nodes...)
			r.Query.GroupBy = []string{"total"}
			return r
		}
		want := map[string]float64{"used_bytes{}": 1.4e12, "free_bytes{}": 9e11, "used_percent{}": 70, "growth_bytes_per_day{}": 3e10}
		answer := s.answer(asked("capacity", concern.Instant, "used_bytes", "free_bytes", "used_percent", "growth_bytes_per_day", "days_until_full"))
		if diff := cmp.Diff(want, instantsOf(t, answer), nearly); diff != "" {
			t.Errorf("%q: %s", nodes, diff)
		}
		if texts := strings.Join(notices(answer), "\n"); !strings.Contains(texts, "heard: only what is free is known") || !strings.Contains(texts, "all nodes is without it") {
			t.Errorf("%q: notices %s", nodes, texts)
		}
		all := seriesOf(t, s.answer(asked("capacity", concern.TimeSeries, "used_bytes", "free_bytes", "forecast_used_bytes")))
		for name, want := range map[string]float64{"used_bytes{}": 1.4e12, "free_bytes{}": 9e11, "forecast_used_bytes{}": 2e12} {
			at := ascending(all[name])
			if len(at) == 0 || math.Abs(all[name][at[len(at)-1]]-want) > 1e9 {
				t.Errorf("%q: %s ends with %v, want %f", nodes, name, all[name], want)
			}
		}
		want = map[string]float64{"used_bytes{}": 1.4e12, "free_bytes{}": 9e11}
		answer = s.answer(asked("storage_breakdown", concern.Instant, "used_bytes", "free_bytes"))
		if diff := cmp.Diff(want, instantsOf(t, answer), nearly); diff != "" {
			t.Errorf("%q: %s", nodes, diff)
		}
		if texts := strings.Join(notices(answer), "\n"); !strings.Contains(texts, "all nodes is without it") {
			t.Errorf("%q: notices %s", nodes, texts)
		}
	}
}

// When all are full as one is counted with the growth of all whose free space is counted, and
// without that of those that are full: nothing grows there any more.
func TestWhenAllAreFull(t *testing.T) {
	s := newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 900, 10))
	end := s.now
	for s.now = end.Add(-8 * day); !s.now.After(end); s.now = s.now.Add(time.Hour) {
		s.upload("heard", int64(500e9+30e9*end.Sub(s.now).Hours()/24))
		s.flush("heard")
	}
	s.now = end
	s.polls("full", 8*day, time.Hour, func(age float64) storagenode.DiskSpace {
		return growing(1000, 1000, 20)(max(0, age-1)) // since yesterday
	})
	for _, c := range []struct {
		nodes        []string
		days, growth float64
	}{
		{[]string{"A", "heard"}, 600.0 / 40, 4e10},
		{[]string{"heard", "A"}, 600.0 / 40, 4e10},
		{[]string{"A", "full"}, 100.0 / 10, 3e10},
		{[]string{"full", "heard", "A"}, 600.0 / 40, 6e10},
		{[]string{"full"}, 0, 2e10},
	} {
		for _, format := range []concern.Format{concern.Instant, concern.TimeSeries} {
			r := s.asking("capacity", format, []string{"days_until_full", "growth_bytes_per_day"}, c.nodes...)
			r.Query.GroupBy = []string{"total"}
			got := map[string]float64{}
			if format == concern.Instant {
				got = instantsOf(t, s.answer(r))
			} else {
				for name, values := range seriesOf(t, s.answer(r)) {
					at := ascending(values)
					got[name] = values[at[len(at)-1]]
				}
			}
			if math.Abs(got["days_until_full{}"]-c.days) > 0.2 || math.Abs(got["growth_bytes_per_day{}"]-c.growth) > 3e9 {
				t.Errorf("%q as %s: %v, want %f and %f", c.nodes, format, got, c.days, c.growth)
			}
		}
	}
}

// A node whose API spoke late, or does not speak any more while its log goes on, does not hide what
// the others use.
func TestANodeWithAnAPIForAWhileDoesNotHideTheTotal(t *testing.T) {
	s := newScene(t)
	end := s.now
	s.polls("A", 2*day, time.Hour, growing(1000, 500, 0))
	for s.now = end.Add(-2 * day); !s.now.After(end); s.now = s.now.Add(time.Hour) {
		s.upload("B", 300*gb)
		s.flush("B")
		if age := end.Sub(s.now); age <= 20*time.Hour && age >= 10*time.Hour {
			s.poll("B", disk(1000, 700, 0, 0))
		}
	}
	s.now = end
	r := s.asking("capacity", concern.TimeSeries, []string{"used_bytes", "free_bytes"}, "A", "B")
	r.Query.GroupBy = []string{"total"}
	all := seriesOf(t, s.answer(r))
	for age, want := range map[time.Duration]float64{24 * time.Hour: 5e11, 15 * time.Hour: 1.2e12, 5 * time.Hour: 1.2e12, 0: 1.2e12} {
		at := end.Add(-age)
		if used, free := all["used_bytes{}"][at], all["free_bytes{}"][at]; used != want || free != 8e11 {
			t.Errorf("%s ago: %f are used and %f free, want %f and %f", age, used, free, want, 8e11)
		}
	}
	r.Query.Format, r.To = concern.Instant, end.Add(-30*time.Hour)
	r.From = r.To.Add(-time.Hour)
	if diff := cmp.Diff(map[string]float64{"used_bytes{}": 5e11, "free_bytes{}": 8e11}, instantsOf(t, s.answer(r))); diff != "" {
		t.Error(diff)
	}
}

// A retired node has no disk any more: it is part of the past, and neither of what is free now
// nor of the forecast, which it does not keep from the others.
func TestARetiredNodeIsNotInTheTotal(t *testing.T) {
	s := newScene(t)
	s.now = s.now.Add(-2 * day)
	s.polls("gone", 8*day, time.Hour, growing(1000, 900, 10))
	s.now = s.now.Add(2 * day)
	s.polls("B", 10*day, time.Hour, growing(1000, 500, 20))
	asked := func(queryType string, format concern.Format, metrics ...string) concern.Request {
		r := s.asking(queryType, format, metrics, "gone", "B")
		r.Query.GroupBy = []string{"total"}
		r.Watched[0].Retired = true
		return r
	}
	want := map[string]float64{"used_bytes{}": 5e11, "free_bytes{}": 5e11, "growth_bytes_per_day{}": 2e10, "days_until_full{}": 25}
	got := instantsOf(t, s.answer(asked("capacity", concern.Instant, "used_bytes", "free_bytes", "growth_bytes_per_day", "days_until_full")))
	if diff := cmp.Diff(want, got, nearly); diff != "" {
		t.Error(diff)
	}
	got = instantsOf(t, s.answer(asked("storage_breakdown", concern.Instant, "used_bytes")))
	if diff := cmp.Diff(map[string]float64{"used_bytes{}": 5e11}, got, nearly); diff != "" {
		t.Error(diff)
	}
	r := asked("capacity", concern.TimeSeries, "used_bytes", "forecast_used_bytes")
	r.From, r.To = s.now.Add(-4*day), s.now.Add(10*day)
	all := seriesOf(t, s.answer(r))
	used, ahead := all["used_bytes{}"], all["forecast_used_bytes{}"]
	for age, want := range map[time.Duration]float64{-3 * day: 8.9e11 + 4.4e11, -1 * day: 4.8e11} {
		if got := used[s.now.Add(age)]; math.Abs(got-want) > 1e9 {
			t.Errorf("used %s ago: %.0f, want %.0f", -age, got, want)
		}
	}
	if at := ascending(ahead); len(at) == 0 || math.Abs(ahead[at[len(at)-1]]-7e11) > 1e9 {
		t.Errorf("the forecast is %v", ahead)
	}
}

// An instant of a range in the past is of then.
func TestInstantsOfThePast(t *testing.T) {
	s := newScene(t)
	s.polls("A", 8*day, time.Hour, growing(1000, 800, 10))
	r := s.asking("capacity", concern.Instant, []string{"used_bytes", "days_until_full"}, "A")
	r.From, r.To = s.now.Add(-3*day), s.now.Add(-2*day)
	if diff := cmp.Diff(map[string]float64{"used_bytes{node=A}": 7.8e11, "days_until_full{node=A}": 22}, instantsOf(t, s.answer(r)), cmpopts.EquateApprox(1e-3, 0)); diff != "" {
		t.Error(diff)
	}
	r.Query.GroupBy = []string{"total"}
	if got := instantsOf(t, s.answer(r)); math.Abs(got["used_bytes{}"]-7.8e11) > 1e9 {
		t.Errorf("%v", got)
	}
}

// A panel that ends a moment before the last poll, as one does in a browser whose clock is slow, is
// about now. One that ends earlier is of the last poll before its end, with the reason why there is
// no forecast.
func TestAPanelThatEndsAMomentAgo(t *testing.T) {
	filling, flat := newScene(t), newScene(t)
	filling.polls("A", 8*day, 30*time.Minute, growing(1000, 800, 10))
	flat.polls("A", 8*day, 30*time.Minute, growing(1000, 500, 0))
	for _, c := range []struct {
		name   string
		scene  *scene
		before time.Duration
		want   string
	}{
		{"a second", filling, time.Second, "A 80.0 20.0 2026-12-10T12:00:00Z  2026-11-20T12:00:00Z"},
		{"a minute, and nothing grows", flat, time.Minute, "A 50.0 - - it does not grow 2026-11-20T12:00:00Z"},
		{"three hours", filling, 3*time.Hour - time.Minute, "A 79.9 20.1 2026-12-10T12:00:00Z  2026-11-20T09:00:00Z"},
		{"three hours, and nothing grows", flat, 3*time.Hour - time.Minute, "A 50.0 - - it does not grow 2026-11-20T09:00:00Z"},
	} {
		r := c.scene.asking("capacity", concern.Table, nil, "A")
		r.To = c.scene.now.Add(-c.before)
		r.From = r.To.Add(-30 * day)
		rows := rowsOf(c.scene.answer(r)[0], "node_name", "used_percent", "days_until_full", "full_at", "no_forecast_because", "timestamp")
		if diff := cmp.Diff([]string{c.want}, rows); diff != "" {
			t.Errorf("%s before the last poll: %s", c.name, diff)
		}
		r.Query.Metrics = []string{"used_percent"}
		rows = rowsOf(c.scene.answer(r)[0], "node_name", "used_percent", "full_at", "no_forecast_because", "timestamp")
		if want := strings.Fields(c.want); !slices.Equal(strings.Fields(rows[0]), slices.Delete(want, 2, 3)) {
			t.Errorf("%s before the last poll, asked for one metric: %q", c.name, rows)
		}
	}
}

// Without an API, what is free is known from the uploads that begin, and nothing else.
func TestFromTheLog(t *testing.T) {
	s := newScene(t)
	end := s.now
	for s.now = end.Add(-2 * day); !s.now.After(end); s.now = s.now.Add(10 * time.Minute) {
		// It grows by 24 GB a day, and 200 GB of trash are emptied a day ago.
		free := int64(500e9 + 24e9*end.Sub(s.now).Hours()/24)
		if s.now.Before(end.Add(-day)) {
			free -= 200 * gb
		}
		s.upload("A", free+gb)
		s.upload("A", free) // of one step the last
		s.flush("A")
	}
	s.now = end
	frames := s.answer(s.asking("capacity", concern.Instant, nil, "A"))
	got := instantsOf(t, frames)
	if math.Abs(got["growth_bytes_per_day{node=A}"]-24e9) > 1e9 || math.Abs(got["days_until_full{node=A}"]-500.0/24) > 1 {
		t.Errorf("%v", got)
	}
	for key := range got {
		for _, unknown := range []string{"used_", "trash_", "allocated_", "overused_", "pieces_", "reclaimable_"} {
			if strings.HasPrefix(key, unknown) {
				t.Errorf("%s is known", key)
			}
		}
	}
	if got["free_bytes{node=A}"] != 500e9 {
		t.Errorf("free %f", got["free_bytes{node=A}"])
	}
	want := []string{"info: A: only what is free is known, from the uploads in the log: how much is used and allocated, only the node's API says"}
	if diff := cmp.Diff(want, notices(frames)); diff != "" {
		t.Error(diff)
	}
	r := s.asking("capacity", concern.TimeSeries, []string{"free_bytes", "forecast_free_bytes", "forecast_used_bytes"}, "A")
	all := seriesOf(t, s.answer(r))
	if len(all["free_bytes{node=A}"]) != 25 || len(all["forecast_free_bytes{node=A}"]) < 5 || len(all["forecast_used_bytes{node=A}"]) > 0 {
		t.Errorf("%d of free, %d ahead, %d of used", len(all["free_bytes{node=A}"]), len(all["forecast_free_bytes{node=A}"]), len(all["forecast_used_bytes{node=A}"]))
	}

	// Where the API speaks, it counts.
	s.poll("A", disk(1000, 600, 0, 0))
	if got := instantsOf(t, s.answer(s.asking("capacity", concern.Instant, []string{"free_bytes"}, "A"))); got["free_bytes{node=A}"] != 400e9 {
		t.Errorf("%v", got)
	}
}

// Where nothing can be seen, nothing is answered, and a notice says why.
func TestUnseen(t *testing.T) {
	s := newScene(t)
	for _, kind := range s.concern().Types() {
		for _, format := range kind.Formats {
			r := s.asking(kind.Name, format, nil, "A")
			r.Watched[0].Trouble = "connection refused"
			frames := s.answer(r)
			for _, frame := range frames {
				if len(frame.Fields) > 0 {
					t.Errorf("%s as %s: %v", kind.Name, format, frame.Fields)
				}
			}
			texts := notices(frames)
			if len(texts) != 1 || !strings.HasPrefix(texts[0], "warning: A: ") || !strings.Contains(texts[0], "connection refused") {
				t.Errorf("%s as %s: notices %q", kind.Name, format, texts)
			}
			if kind.Name == "capacity" && !strings.Contains(texts[0], "this node has no log here") {
				t.Errorf("notices %q", texts)
			}
			r.Watched[0].Retired = true
			if texts := notices(s.answer(r)); len(texts) > 0 {
				t.Errorf("of a retired node: %q", texts)
			}
		}
	}
}

func TestWrongQueries(t *testing.T) {
	s := newScene(t)
	r := s.asking("capacity", concern.TimeSeries, nil, "A")
	r.Query.GroupBy = []string{"node", "total"}
	if _, err := s.concern().Answer(t.Context(), r); err == nil || !strings.Contains(err.Error(), "nothing can stand beside it") {
		t.Errorf("error %v", err)
	}
	r = s.asking("satellite_storage", concern.TimeSeries, nil, "A")
	r.Query.Satellites = []string{"/(/"}
	if _, err := s.concern().Answer(t.Context(), r); err == nil || !strings.Contains(err.Error(), "satellites") {
		t.Errorf("error %v", err)
	}
}
