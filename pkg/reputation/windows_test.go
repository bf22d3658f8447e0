package reputation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// running is when the half day of polled began.
var running = polled.Truncate(storagenode.AuditWindow)

type counts [2]storagenode.Whole

// halfDays is a history: audits that the node answered, of all, of so many half days; the
// last is the running one. A half day without audits is not in it, as satellites have it.
func halfDays(all ...counts) storagenode.AuditHistory {
	var h storagenode.AuditHistory
	for i, c := range all {
		if c[1] == 0 {
			continue
		}
		start := running.Add(time.Duration(i+1-len(all)) * storagenode.AuditWindow)
		h.Windows = append(h.Windows, storagenode.AuditWindowCount{Start: start, OnlineCount: c[0], TotalCount: c[1]})
	}
	return h
}

func withHistory(id string, history storagenode.AuditHistory) storagenode.SatelliteScores {
	s := scored(id, 1, 1, 1, polled.AddDate(-1, 0, 0))
	s.History = history
	return s
}

// storedWindows is what is stored of the windows: half days before the running one, then
// the satellite.
func storedWindows(t *testing.T, from *store.Store, node concern.Node) map[int]map[string]float64 {
	t.Helper()
	result, err := from.Read(t.Context(), store.Range{Group: node.StoredAs("online_windows"), To: math.MaxInt64 / 2})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[int]map[string]float64{}
	for i, column := range result.Columns {
		for j, v := range result.Values[i] {
			if v != v {
				continue
			}
			at := int(running.Sub(time.UnixMilli(result.Times[j])) / storagenode.AuditWindow)
			if stored[at] == nil {
				stored[at] = map[string]float64{}
			}
			stored[at][storagenode.SatelliteName(column.Label("satellite"))] = v
		}
	}
	return stored
}

func TestWindowsAreStoredOnceAndAsTheyAreLastSaid(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	failed := withHistory(us1, storagenode.AuditHistory{})
	failed.Err = errors.New("HTTP 500")
	polls := []struct {
		name   string
		scores *storagenode.Scores
		rows   uint64 // that are new
		want   map[int]map[string]float64
	}{
		{"the first poll brings the past", scores(
			withHistory(us1, halfDays(counts{8, 8}, counts{0, 5}, counts{}, counts{3, 4})), withHistory(eu1, halfDays(counts{2, 2}, counts{1, 2}))),
			5, map[int]map[string]float64{3: {"us1": 100}, 2: {"us1": 0}, 1: {"eu1": 100}, 0: {"us1": 75, "eu1": 50}}},
		{"the next one nothing", scores(
			withHistory(us1, halfDays(counts{8, 8}, counts{0, 5}, counts{}, counts{3, 4})), withHistory(eu1, halfDays(counts{2, 2}, counts{1, 2}))),
			1, map[int]map[string]float64{3: {"us1": 100}, 2: {"us1": 0}, 1: {"eu1": 100}, 0: {"us1": 75, "eu1": 50}}},
		{"the running one goes on, and one is told late", scores(
			withHistory(us1, halfDays(counts{}, counts{0, 5}, counts{6, 6}, counts{9, 10})), withHistory(eu1, halfDays(counts{2, 2}, counts{1, 2}))),
			3, map[int]map[string]float64{3: {"us1": 100}, 2: {"us1": 0}, 1: {"us1": 100, "eu1": 100}, 0: {"us1": 90, "eu1": 50}}},
		{"what did not come stays", scores(failed), 1,
			map[int]map[string]float64{3: {"us1": 100}, 2: {"us1": 0}, 1: {"us1": 100, "eu1": 100}, 0: {"us1": 90, "eu1": 50}}},
		{"nonsense is no window", scores(withHistory(us1, storagenode.AuditHistory{Windows: []storagenode.AuditWindowCount{
			{Start: running, TotalCount: -3, OnlineCount: -3}, {TotalCount: 2, OnlineCount: 2}, {Start: running, TotalCount: 4, OnlineCount: 9},
			{Start: time.Now().AddDate(0, 0, 40), TotalCount: 1}, {Start: running.AddDate(-40, 0, 0), TotalCount: 1},
		}})), 2, map[int]map[string]float64{3: {"us1": 100}, 2: {"us1": 0}, 1: {"us1": 100, "eu1": 100}, 0: {"us1": 100, "eu1": 50}}},
	}
	for i, poll := range polls {
		t.Run(poll.name, func(t *testing.T) {
			before := s.Status()
			record(t, s, node, polled.Add(time.Duration(i)*interval), poll.scores)
			if diff := cmp.Diff(poll.want, storedWindows(t, s, node)); diff != "" {
				t.Error(diff)
			}
			// One of the rows is that of the scores.
			if got := s.Status().RecordedRows - before.RecordedRows; got != poll.rows {
				t.Errorf("%d new rows", got)
			}
			if refused := s.Status().RefusedRows; refused > 0 {
				t.Errorf("%d rows are refused", refused)
			}
		})
	}
}

func TestWindowsOverTime(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, scores(withHistory(us1, halfDays(counts{8, 8}, counts{0, 5}, counts{}, counts{3, 4}))))
	at := func(half int) int64 { return running.Add(-time.Duration(half) * storagenode.AuditWindow).UnixMilli() }
	const series = "online_windows_percent{node=A, satellite=us1}"

	t.Run("each at its own start", func(t *testing.T) {
		request := asking(s, concern.TimeSeries, node)
		request.Query.Metrics = []string{"online_windows_percent"}
		request.From = request.To.Add(-48 * time.Hour)
		frames := answered(t, request)
		if diff := cmp.Diff(map[string]map[int64]float64{series: {at(3): 100, at(2): 0, at(0): 75}}, seriesOf(t, frames)); diff != "" {
			t.Error(diff)
		}
		// The half day without audits is there, and empty.
		if rows := frames[0].Rows(); rows != 5 {
			t.Errorf("%d rows", rows)
		}
	})
	t.Run("the worst of longer steps", func(t *testing.T) {
		request := asking(s, concern.TimeSeries, node)
		request.Query.Metrics = []string{"online_windows_percent"}
		request.From, request.Step = request.To.Add(-96*time.Hour), 13*time.Hour
		day := func(days int) int64 { return running.Truncate(24*time.Hour).AddDate(0, 0, -days).UnixMilli() }
		if diff := cmp.Diff(map[string]map[int64]float64{series: {day(1): 0, day(0): 75}}, seriesOf(t, answered(t, request))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("for as long as it is, beside another metric", func(t *testing.T) {
		request := asking(s, concern.TimeSeries, node)
		request.Query.Metrics = []string{"online_windows_percent", "online_score_percent"}
		request.From, request.Step = request.To.Add(-48*time.Hour), 6*time.Hour
		six := 6 * time.Hour.Milliseconds()
		want := map[int64]float64{at(3): 100, at(3) + six: 100, at(2): 0, at(2) + six: 0, at(0): 75, at(0) + six: 75}
		got := seriesOf(t, answered(t, request))
		if diff := cmp.Diff(want, got[series]); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[int64]float64{at(0) + six: 100}, got["online_score_percent{node=A, satellite=us1}"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("of the satellites that are asked for", func(t *testing.T) {
		request := asking(s, concern.TimeSeries, node)
		request.Query.Metrics, request.Query.Satellites = []string{"online_windows_percent"}, []string{"eu1"}
		if got := seriesOf(t, answered(t, request)); len(got) > 0 {
			t.Errorf("%v", got)
		}
	})
}

func TestTheLatestWindow(t *testing.T) {
	cases := []struct {
		name    string
		history storagenode.AuditHistory
		now     map[string]float64
		past    map[string]float64 // a day and a half before
	}{
		{"the running one", halfDays(counts{0, 5}, counts{6, 6}, counts{4, 4}, counts{3, 4}), map[string]float64{"us1": 75}, map[string]float64{"us1": 0}},
		{"the one before, as long as it has no audit", halfDays(counts{1, 4}, counts{6, 6}, counts{4, 4}, counts{}), map[string]float64{"us1": 100}, map[string]float64{"us1": 25}},
		{"none, without an audit for longer", halfDays(counts{2, 4}, counts{6, 6}, counts{}, counts{}), map[string]float64{}, map[string]float64{"us1": 50}},
		{"none at all", storagenode.AuditHistory{}, map[string]float64{}, map[string]float64{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			record(t, s, node, polled, scores(withHistory(us1, c.history)))
			for name, one := range map[string]struct {
				to   time.Time
				want map[string]float64
			}{"now": {polled.Add(time.Minute), c.now}, "in the past": {running.Add(-25 * time.Hour), c.past}} {
				request := asking(s, concern.Instant, node)
				request.Query.Metrics = []string{"online_windows_percent"}
				request.From, request.To = one.to.Add(-time.Hour), one.to
				got := map[string]float64{}
				for key, v := range instantsOf(t, answered(t, request)) {
					var satellite string
					if _, err := fmt.Sscanf(key, "online_windows_percent{node=A, satellite=%3s}", &satellite); err != nil {
						t.Fatalf("%s: %v", key, err)
					}
					got[satellite] = v
				}
				if diff := cmp.Diff(one.want, got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

// What an operator lets be no older is not recorded at every poll anew.
func TestWindowsThatAreTooOldForTheStore(t *testing.T) {
	now := polled
	s, err := store.Open(store.Options{FlushInterval: -1, Now: func() time.Time { return now }, Limits: store.Limits{
		Policies: (reputation.Concern{}).Policies(settings.Default().Retention), MaxPast: 20 * time.Hour,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	node := nodeNamed("A")
	record(t, s, node, polled, scores(withHistory(us1, halfDays(counts{8, 8}, counts{0, 5}, counts{3, 4}))))
	if diff := cmp.Diff(map[int]map[string]float64{0: {"us1": 75}}, storedWindows(t, s, node)); diff != "" {
		t.Error(diff)
	}
	if refused := s.Status().RefusedRows; refused > 0 {
		t.Errorf("%d rows are refused", refused)
	}
}

// A simulated node's windows make the online score that it says, and show the half days
// in which it was away.
func TestWindowsOfASimulatedNode(t *testing.T) {
	const day = 24 * time.Hour
	start := running.AddDate(0, 0, -35)
	trouble := start.Add(10 * day)
	sim, err := simnode.New(simnode.Options{
		Seed: 3, Start: start, JoinedAge: 90 * day, Rate: 20, AuditRate: 12, Scenario: simnode.FlakyUplink,
		TroubleAt: trouble, TroubleEnds: trouble.Add(4 * day), Outages: []simnode.Outage{}, Updates: []simnode.VersionChange{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.AdvanceTo(polled, io.Discard); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	defer server.Close()
	client, err := storagenode.NewClient(server.URL, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said, err := client.Scores(t.Context(), status)
	if err != nil || len(said.Errors) > 0 {
		t.Fatal(err, said.Errors)
	}
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, &said)
	request := asking(s, concern.TimeSeries, node)
	request.Query.Metrics, request.From = []string{"online_windows_percent"}, start
	series := seriesOf(t, answered(t, request))
	for _, satellite := range said.Satellites {
		shown := series["online_windows_percent{node=A, satellite="+satellite.Name+"}"]
		if len(shown) < 50 {
			t.Fatalf("%s: %d windows", satellite.Name, len(shown))
		}
		newest := int64(0)
		for at := range shown {
			newest = max(newest, at)
		}
		sum, away := 0.0, 0
		for at, v := range shown {
			if at == newest {
				continue // it is not in the score yet
			}
			sum += v
			when := time.UnixMilli(at)
			if v < 100 {
				away++
				if when.Before(trouble.Add(-storagenode.AuditWindow)) || when.After(trouble.Add(4*day)) {
					t.Errorf("%s: %v %% at %s, when nothing was wrong", satellite.Name, v, when)
				}
			}
		}
		if away < 3 {
			t.Errorf("%s: %d windows show that it was away", satellite.Name, away)
		}
		if got := sum / float64(len(shown)-1); math.Abs(got-100*satellite.Online) > 1e-6 {
			t.Errorf("%s: the windows make %v %%, the node says %v %%", satellite.Name, got, 100*satellite.Online)
		}
	}
}

func TestWindowsWithoutAuditsHaveAColourOfTheirOwn(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, scores(withHistory(us1, halfDays(counts{3, 4}, counts{}, counts{3, 4}))))
	request := asking(s, concern.TimeSeries, node)
	request.Query.Metrics, request.From = []string{"online_windows_percent"}, request.To.Add(-36*time.Hour)
	encoded, err := json.Marshal(answered(t, request)[0].Fields[1].Config.Mappings)
	if err != nil || string(encoded) != `[{"type":"special","options":{"match":"null","result":{"text":"no audit known","color":"#808080"}}}]` {
		t.Errorf("%s, %v", encoded, err)
	}
}
