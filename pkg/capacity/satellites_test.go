package capacity_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// stored lets one satellite say what an API's answer says.
func (s *scene) stored(name, id, storageDaily string) {
	s.t.Helper()
	satellite := storagenode.SatelliteScores{ID: id, Contacted: true}
	if err := json.Unmarshal([]byte(storageDaily), &satellite.Storage); err != nil {
		s.t.Fatal(err)
	}
	s.record(name, concern.Poll{Scores: &storagenode.Scores{Satellites: []storagenode.SatelliteScores{satellite}}})
}

// days are the stored days of one node's satellites, by series.
func (s *scene) days(name string, metric string) map[string]map[time.Time]float64 {
	r := s.asking("satellite_storage", concern.TimeSeries, []string{metric}, name)
	r.From = s.now.Add(-40 * day)
	return seriesOf(s.t, s.answer(r))
}

func TestWhatSatellitesCount(t *testing.T) {
	november := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	cases := []struct {
		name, answer string
		want         map[time.Time]float64
	}{
		{
			"averages",
			`[{"atRestTotal":24000,"atRestTotalBytes":1000,"intervalInHours":24,"intervalStart":"2026-11-18T00:00:00Z"},
			  {"atRestTotal":13200,"atRestTotalBytes":1100,"intervalInHours":12,"intervalStart":"2026-11-20T00:00:00Z"}]`,
			map[time.Time]float64{november(18): 1000, november(20): 1100},
		},
		{
			"byte-hours alone, before v1.70: today is not over",
			`[{"atRestTotal":24000,"intervalStart":"2026-11-19T00:00:00Z"},{"atRestTotal":13200,"intervalStart":"2026-11-20T00:00:00Z"}]`,
			map[time.Time]float64{november(19): 1000},
		},
		{
			"byte-hours of two days in one",
			`[{"atRestTotal":48000,"intervalInHours":48,"intervalStart":"2026-11-19T00:00:00Z"}]`,
			map[time.Time]float64{november(19): 1000},
		},
		{
			"a day that was not counted",
			`[{"atRestTotalBytes":1000,"intervalStart":"2026-11-17T00:00:00Z"},{"atRestTotalBytes":0,"intervalStart":"2026-11-18T00:00:00Z"},{"atRestTotalBytes":1100,"intervalStart":"2026-11-19T00:00:00Z"}]`,
			map[time.Time]float64{november(17): 1000, november(19): 1100},
		},
		{
			"nothing stored", `[{"atRestTotal":0,"atRestTotalBytes":0,"intervalStart":"2026-11-19T00:00:00Z"}]`,
			map[time.Time]float64{november(19): 0},
		},
		{
			"odd days", `[{"atRestTotalBytes":-5,"intervalStart":"2026-11-19T00:00:00Z"},{"atRestTotalBytes":5,"intervalStart":"2027-01-01T00:00:00Z"},{"atRestTotalBytes":5}]`,
			nil,
		},
		{"none", `null`, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.stored("A", us1, c.answer)
			want := map[string]map[time.Time]float64{}
			if c.want != nil {
				want["paid_bytes{node=A, satellite=us1}"] = c.want
			}
			if diff := cmp.Diff(want, s.days("A", "paid_bytes"), nearly); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A day that is counted on replaces what was said of it, and what was said is kept when a new
// month begins and its days are gone from the answer.
func TestDaysAreKept(t *testing.T) {
	s := newScene(t)
	s.counted("A", map[string][]float64{us1: {100, 200, 250}, eu1: {10, 10, 10}})
	s.now = s.now.Add(12 * time.Hour)
	s.now = s.now.Add(-time.Minute)
	s.counted("A", map[string][]float64{us1: {100, 200, 300}})
	s.now = time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)
	s.record("A", concern.Poll{Scores: &storagenode.Scores{Satellites: []storagenode.SatelliteScores{{ID: us1}}}})
	s.counted("A", map[string][]float64{us1: {400}})
	at := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	want := map[string]map[time.Time]float64{
		"paid_bytes{node=A, satellite=us1}": {at(11, 18): 100e9, at(11, 19): 200e9, at(11, 20): 300e9, at(12, 1): 400e9},
		"paid_bytes{node=A, satellite=eu1}": {at(11, 18): 10e9, at(11, 19): 10e9, at(11, 20): 10e9},
	}
	if diff := cmp.Diff(want, s.days("A", "paid_bytes"), nearly); diff != "" {
		t.Error(diff)
	}
	// The average is that of the month so far.
	want = map[string]map[time.Time]float64{
		"paid_average_bytes{node=A, satellite=us1}": {at(11, 18): 100e9, at(11, 19): 150e9, at(11, 20): 200e9, at(12, 1): 400e9},
		"paid_average_bytes{node=A, satellite=eu1}": {at(11, 18): 10e9, at(11, 19): 10e9, at(11, 20): 10e9},
	}
	if diff := cmp.Diff(want, s.days("A", "paid_average_bytes"), nearly); diff != "" {
		t.Error(diff)
	}
	texts := notices(s.answer(s.asking("satellite_storage", concern.Table, nil, "A")))
	if len(texts) != 1 || texts[0] != "info: A: eu1 last counted 2026-11-20 and is not among what is paid for" {
		t.Errorf("notices %q", texts)
	}
}

func TestSatelliteSums(t *testing.T) {
	s := newScene(t)
	s.counted("A", map[string][]float64{us1: {100, 200, 300}, eu1: {10, 20, 30}})
	s.counted("B", map[string][]float64{us1: {1, 2, 3}})
	cases := []struct {
		groupBy, satellites []string
		want                map[string]float64
	}{
		{nil, nil, map[string]float64{"paid_bytes{node=A, satellite=us1}": 300e9, "paid_bytes{node=A, satellite=eu1}": 30e9, "paid_bytes{node=B, satellite=us1}": 3e9}},
		{[]string{"satellite"}, nil, map[string]float64{"paid_bytes{satellite=us1}": 303e9, "paid_bytes{satellite=eu1}": 30e9}},
		{[]string{"node"}, nil, map[string]float64{"paid_bytes{node=A}": 330e9, "paid_bytes{node=B}": 3e9}},
		{[]string{"total"}, nil, map[string]float64{"paid_bytes{}": 333e9}},
		{[]string{"total"}, []string{"eu1"}, map[string]float64{"paid_bytes{}": 30e9}},
		{[]string{"node"}, []string{us1}, map[string]float64{"paid_bytes{node=A}": 300e9, "paid_bytes{node=B}": 3e9}},
	}
	for _, c := range cases {
		name := strings.Join(c.groupBy, " ") + strings.Join(c.satellites, " ")
		r := s.asking("satellite_storage", concern.Instant, []string{"paid_bytes"}, "A", "B")
		r.Query.GroupBy, r.Query.Satellites = c.groupBy, c.satellites
		if diff := cmp.Diff(c.want, instantsOf(t, s.answer(r)), nearly); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		r.Query.Format, r.From = concern.TimeSeries, s.now.Add(-5*day)
		got := map[string]float64{}
		for key, values := range seriesOf(t, s.answer(r)) {
			got[key] = values[s.now.Truncate(day)]
		}
		if diff := cmp.Diff(c.want, got, nearly); diff != "" {
			t.Errorf("series of %s: %s", name, diff)
		}
	}
	rows := rowsOf(s.answer(s.asking("satellite_storage", concern.Table, nil, "A", "B"))[0], "node_name", "satellite", "paid_bytes", "paid_average_bytes", "day")
	want := []string{
		"A us1 300000000000.0 200000000000.0 2026-11-20T00:00:00Z",
		"A eu1 30000000000.0 20000000000.0 2026-11-20T00:00:00Z",
		"B us1 3000000000.0 2000000000.0 2026-11-20T00:00:00Z",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

// A day that one of two satellites did not count is no dent in their sum.
func TestAMissingDayIsNoDent(t *testing.T) {
	s := newScene(t)
	s.counted("A", map[string][]float64{us1: {100, 100, 100, 100}, eu1: {50, 0, 50, 50}})
	r := s.asking("satellite_storage", concern.TimeSeries, []string{"paid_bytes"}, "A")
	r.Query.GroupBy, r.From = []string{"total"}, s.now.Add(-5*day)
	for at, v := range seriesOf(t, s.answer(r))["paid_bytes{}"] {
		if v != 150e9 {
			t.Errorf("%s: %f", at, v)
		}
	}
}

// A satellite that was left, or that has disqualified the node, pays for nothing any more: what it
// counted last is its own, and in no sum.
func TestASatelliteThatWasLeftPaysNothing(t *testing.T) {
	s := newScene(t)
	end := s.now
	s.now = end.Add(-90 * day)
	s.counted("A", map[string][]float64{us1: {600}, eu1: {300}})
	s.counted("B", map[string][]float64{eu1: {50}})
	s.now = end
	s.counted("A", map[string][]float64{us1: {600}})
	s.poll("A", disk(2000, 1000, 0, 0))
	s.poll("B", disk(2000, 200, 0, 0))
	frames := s.answer(s.asking("storage_breakdown", concern.Table, nil, "A", "B"))
	rows := rowsOf(frames[0], "node_name", "paid_average_bytes", "paid_bytes", "uncollected_bytes", "paid_until", "because")
	want := []string{
		"A 600000000000.0 600000000000.0 400000000000.0 2026-11-20T12:00:00Z 400.0 GB are not paid for: 400.0 GB are garbage that is not collected yet, or not counted by the satellites yet",
		"B 0.0 0.0 200000000000.0 - 200.0 GB are not paid for: 200.0 GB are garbage that is not collected yet, or not counted by the satellites yet",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"info: A: eu1 last counted 2026-08-22 and is not among what is paid for", "info: B: eu1 last counted 2026-08-22 and is not among what is paid for"}, notices(frames)); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		groupBy []string
		want    map[string]float64
	}{
		{[]string{"total"}, map[string]float64{"paid_bytes{}": 600e9, "paid_average_bytes{}": 600e9}},
		{[]string{"node"}, map[string]float64{"paid_bytes{node=A}": 600e9, "paid_average_bytes{node=A}": 600e9, "paid_bytes{node=B}": 0, "paid_average_bytes{node=B}": 0}},
		{nil, map[string]float64{
			"paid_bytes{node=A, satellite=us1}": 600e9, "paid_average_bytes{node=A, satellite=us1}": 600e9, "paid_bytes{node=A, satellite=eu1}": 300e9, "paid_average_bytes{node=A, satellite=eu1}": 300e9,
			"paid_bytes{node=B, satellite=eu1}": 50e9, "paid_average_bytes{node=B, satellite=eu1}": 50e9,
		}},
	} {
		r := s.asking("satellite_storage", concern.Instant, nil, "A", "B")
		r.Query.GroupBy = c.groupBy
		if diff := cmp.Diff(c.want, instantsOf(t, s.answer(r)), nearly); diff != "" {
			t.Errorf("by %q: %s", c.groupBy, diff)
		}
	}
}

// What a node that is silent stored then, its satellites paid for then. Nobody pays for one that is
// retired.
func TestASilentNodeIsComparedAsOfItsLastWord(t *testing.T) {
	s := newScene(t)
	s.poll("A", disk(2000, 1000, 0, 0))
	s.counted("A", map[string][]float64{us1: {900}})
	s.now = s.now.Add(20 * day) // in the next month
	for _, kind := range []string{"storage_breakdown", "satellite_storage"} {
		r := s.asking(kind, concern.Instant, []string{"paid_bytes"}, "A")
		r.Query.GroupBy = []string{"total"}
		if diff := cmp.Diff(map[string]float64{"paid_bytes{}": 900e9}, instantsOf(t, s.answer(r))); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	r := s.asking("satellite_storage", concern.Instant, []string{"paid_bytes"}, "A")
	r.Query.GroupBy, r.Watched[0].Retired = []string{"total"}, true
	if diff := cmp.Diff(map[string]float64{"paid_bytes{}": 0}, instantsOf(t, s.answer(r))); diff != "" {
		t.Errorf("retired: %s", diff)
	}
}

// A day of which only some hours are counted weighs as many, now and in the series, and as a whole
// one once it is over.
func TestTheAverageOfAMonthCountsHours(t *testing.T) {
	s := newScene(t)
	days := func(hoursOfToday int) string {
		return fmt.Sprintf(`[{"atRestTotalBytes":100,"intervalInHours":24,"intervalStart":"2026-11-18T00:00:00Z"},
			{"atRestTotalBytes":100,"intervalInHours":24,"intervalStart":"2026-11-19T00:00:00Z"},
			{"atRestTotalBytes":400,"intervalInHours":%d,"intervalStart":"2026-11-20T00:00:00Z"}]`, hoursOfToday)
	}
	for _, c := range []struct {
		hours int
		want  float64
	}{{6, (2*2400 + 6*400) / 54.0}, {24, 200}} {
		s.stored("A", us1, days(c.hours))
		const key = "paid_average_bytes{node=A, satellite=us1}"
		series := s.days("A", "paid_average_bytes")[key][s.now.Truncate(day)]
		instant := instantsOf(t, s.answer(s.asking("satellite_storage", concern.Instant, []string{"paid_average_bytes"}, "A")))[key]
		if diff := cmp.Diff([]float64{c.want, c.want}, []float64{series, instant}, nearly); diff != "" {
			t.Errorf("%d hours, series and instant: %s", c.hours, diff)
		}
	}
}

// What satellites pay for, garbage, trash and what can be reclaimed add up to what is used.
func TestBreakdown(t *testing.T) {
	s := newScene(t)
	s.poll("A", disk(1000, 400, 50, 30))
	s.counted("A", map[string][]float64{us1: {200, 220, 240}, eu1: {80, 80, 80}})
	s.poll("B", diskOf(t, `{"used":100000000000,"available":500000000000,"trash":0,"overused":0}`))
	s.counted("B", map[string][]float64{us1: {100}})
	s.poll("C", disk(1000, 10, 0, 0))
	frames := s.answer(s.asking("storage_breakdown", concern.Table, nil, "A", "B", "C"))
	rows := rowsOf(frames[0], "node_name", "paid_average_bytes", "paid_bytes", "stored_bytes", "uncollected_bytes", "trash_bytes", "reclaimable_bytes", "used_bytes", "because")
	want := []string{
		"A 300000000000.0 320000000000.0 400000000000.0 80000000000.0 50000000000.0 30000000000.0 480000000000.0 160.0 GB are not paid for: 80.0 GB are garbage that is not collected yet, or not counted by the satellites yet, 50.0 GB are trash, deleted after a week, 30.0 GB wait for compactions",
		"B 100000000000.0 100000000000.0 100000000000.0 0.0 0.0 - 100000000000.0 what is used is paid for",
		"C - - 10000000000.0 - 0.0 0.0 10000000000.0 no satellite has counted yet",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if texts := notices(frames); len(texts) != 1 || !strings.HasPrefix(texts[0], "info: C: no satellite has said yet what it stores") {
		t.Errorf("notices %q", texts)
	}
	got := instantsOf(t, s.answer(s.asking("storage_breakdown", concern.Instant, []string{"paid_bytes", "uncollected_bytes", "trash_bytes", "reclaimable_bytes", "used_bytes"}, "A")))
	sum := got["paid_bytes{node=A}"] + got["uncollected_bytes{node=A}"] + got["trash_bytes{node=A}"] + got["reclaimable_bytes{node=A}"]
	if sum != got["used_bytes{node=A}"] || sum == 0 {
		t.Errorf("%v do not add up", got)
	}
	r := s.asking("storage_breakdown", concern.Instant, []string{"used_bytes", "paid_bytes"}, "A", "B")
	r.Query.GroupBy = []string{"total"}
	if diff := cmp.Diff(map[string]float64{"used_bytes{}": 580e9, "paid_bytes{}": 420e9}, instantsOf(t, s.answer(r)), nearly); diff != "" {
		t.Error(diff)
	}
	// A node that no satellite has counted yet, one that is too old to say what can be reclaimed, and
	// one that has not looked at its disk yet, hide nothing of what is known of the others.
	s.counted("D", map[string][]float64{us1: {7}})
	for _, nodes := range [][]string{{"A", "B", "C", "D"}, {"D", "C", "B", "A"}, {"C", "B", "D", "A"}} {
		r := s.asking("storage_breakdown", concern.Table, nil, nodes...)
		r.Query.GroupBy = []string{"total"}
		frames := s.answer(r)
		got := rowsOf(frames[0], "paid_bytes", "uncollected_bytes", "trash_bytes", "reclaimable_bytes", "used_bytes", "free_bytes", "paid_until")
		if diff := cmp.Diff([]string{"420000000000.0 90000000000.0 50000000000.0 30000000000.0 590000000000.0 1910000000000.0 2026-11-20T12:00:00Z"}, got); diff != "" {
			t.Errorf("%q: %s", nodes, diff)
		}
		if texts := strings.Join(notices(frames), "\n"); !strings.Contains(texts, "C: no satellite has said yet") || !strings.Contains(texts, "what all nodes are paid for is without it") {
			t.Errorf("%q: notices %s", nodes, texts)
		}
	}
	r = s.asking("storage_breakdown", concern.Instant, []string{"paid_bytes"}, "C")
	r.Query.GroupBy = []string{"total"}
	if got := instantsOf(t, s.answer(r)); len(got) > 0 {
		t.Errorf("no node was counted: %v", got)
	}
}
