package traffic_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
)

const (
	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"
)

// noon is now, in the tests.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newStore(t testing.TB) *store.Store { return newStoreAt(t, noon) }

// newStoreAt is a store of which it is always this time.
func newStoreAt(t testing.TB, now time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{
		FlushInterval: -1,
		Now:           func() time.Time { return now },
		Limits:        store.Limits{Policies: traffic.Concern{}.Policies(settings.Default().Retention)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func nodeNamed(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name, Thresholds: settings.Default().Thresholds}, History: "history-of-" + name}
}

// line is any line at a time so long before noon.
func line(before time.Duration) storagenode.Event {
	return storagenode.Event{Line: storagenode.Line{Time: noon.Add(-before), Level: storagenode.Info}, Size: -1, Offset: -1, Free: -1}
}

// ended is the line of a transfer that ended.
func ended(before time.Duration, satellite string, action storagenode.Action, outcome storagenode.Outcome, size int64) storagenode.Event {
	event := line(before)
	event.Kind = storagenode.DownloadEnded
	if action == storagenode.Put || action == storagenode.PutRepair || outcome == storagenode.OutcomeRejected {
		event.Kind = storagenode.UploadEnded
	}
	event.Satellite, event.Action, event.Outcome, event.Size = satellite, action, outcome, size
	return event
}

// began is the line of a transfer that begins, and its end so much later.
func began(before, took time.Duration, piece string, outcome storagenode.Outcome) (start, end storagenode.Event) {
	end = ended(before-took, us1, storagenode.Get, outcome, 2048)
	end.Piece, end.Peer = []byte(piece), []byte("192.0.2.7:5000")
	start = end
	start.Time = noon.Add(-before)
	start.Kind, start.Outcome = storagenode.DownloadStarted, storagenode.NoOutcome
	return start, end
}

func of(kind storagenode.Kind, before time.Duration) storagenode.Event {
	event := line(before)
	event.Kind = kind
	return event
}

// hear gives lines to an ear, with a flush after each of those many.
func hear(t testing.TB, into *store.Store, node concern.Node, flushEvery int, events ...storagenode.Event) {
	t.Helper()
	ear := traffic.Concern{}.Listen(node, into)
	flush := func() {
		batch := &store.Batch{}
		if err := ear.Flush(batch); err != nil {
			t.Fatal(err)
		}
		if err := into.Record(batch); err != nil {
			t.Fatal(err)
		}
	}
	for i := range events {
		event := events[i]
		ear.Hear(&event)
		if (i+1)%flushEvery == 0 {
			flush()
		}
	}
	flush()
}

// stored is everything in a group: minutes before noon to column to value.
func stored(t testing.TB, from *store.Store, group string) map[int]map[string]float64 {
	t.Helper()
	result, err := from.Read(t.Context(), store.Range{Group: group, To: noon.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]map[string]float64{}
	for i, column := range result.Columns {
		for j, v := range result.Values[i] {
			if v != v {
				continue
			}
			minute := int((noon.UnixMilli() - result.Times[j]) / time.Minute.Milliseconds())
			if all[minute] == nil {
				all[minute] = map[string]float64{}
			}
			key := column.Metric()
			for _, label := range []string{"satellite", "action", "outcome", "size"} {
				if value := column.Label(label); value != "" {
					if label == "satellite" {
						value = storagenode.SatelliteName(value)
					}
					key += " " + value
				}
			}
			all[minute][key] = v
		}
	}
	return all
}

func TestLinesAreCountedInTheirOwnMinute(t *testing.T) {
	start, end := began(3*time.Minute-10*time.Second, 20*time.Second, "A", storagenode.OutcomeSuccess)
	events := []storagenode.Event{
		of(storagenode.NodeStart, 5*time.Minute),
		ended(4*time.Minute, us1, storagenode.Put, storagenode.OutcomeSuccess, 100),
		ended(4*time.Minute-time.Second, us1, storagenode.Put, storagenode.OutcomeSuccess, 1<<20),
		ended(4*time.Minute-2*time.Second, us1, storagenode.Put, storagenode.OutcomeCanceled, 1024),
		ended(4*time.Minute-3*time.Second, eu1, storagenode.GetAudit, storagenode.OutcomeFailed, 256),
		ended(4*time.Minute-4*time.Second, "", storagenode.NoAction, storagenode.OutcomeRejected, -1),
		of(storagenode.TransferTwin, 4*time.Minute-5*time.Second),
		start, end,
		// The log of before, read beside this one.
		ended(90*time.Minute, us1, storagenode.Get, storagenode.OutcomeSuccess, 4096),
		ended(time.Minute, us1, storagenode.Get, storagenode.OutcomeSuccess, 4095),
		ended(89*time.Minute, us1, storagenode.Get, storagenode.OutcomeSuccess, -1),
	}
	want := map[int]map[string]float64{
		5: {"lines": 1, "restarts": 1},
		4: {
			"lines": 6, "transfer_lines": 5,
			"operations us1 PUT success": 2, "bytes us1 PUT success": 100 + 1<<20,
			"operations us1 PUT canceled": 1, "bytes us1 PUT canceled": 1024,
			"operations eu1 GET_AUDIT failed": 1, "bytes eu1 GET_AUDIT failed": 256,
			"operations PUT rejected": 1,
		},
		3: {
			"lines": 2, "transfer_lines": 1, "started": 1,
			"operations us1 GET success": 1, "bytes us1 GET success": 2048, "busy us1 GET": 200,
		},
		90: {"lines": 1, "transfer_lines": 1, "operations us1 GET success": 1, "bytes us1 GET success": 4096},
		89: {"lines": 1, "transfer_lines": 1, "operations us1 GET success": 1},
		1:  {"lines": 1, "transfer_lines": 1, "operations us1 GET success": 1, "bytes us1 GET success": 4095},
	}
	wantSizes := map[int]map[string]float64{
		4:  {"operations us1 PUT success 0": 1, "operations us1 PUT success 1048576": 1, "operations us1 PUT canceled 1024": 1, "operations eu1 GET_AUDIT failed 0": 1},
		3:  {"operations us1 GET success 1024": 1},
		90: {"operations us1 GET success 4096": 1},
		1:  {"operations us1 GET success 1024": 1},
	}
	// Whenever the lines are flushed, the same is stored.
	for _, every := range []int{1, 2, 5, 100} {
		t.Run(fmt.Sprintf("flushed after %d", every), func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			hear(t, s, node, every, events...)
			if diff := cmp.Diff(want, stored(t, s, node.StoredAs("traffic"))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(wantSizes, stored(t, s, node.StoredAs("sizes"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALongTransferIsBusyInEachMinute(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	start, end := began(10*time.Minute-30*time.Second, 2*time.Minute, "A", storagenode.OutcomeCanceled)
	// One of which the start is older than any transfer, and two with the same piece.
	late, lateEnd := began(5*time.Hour, 4*time.Hour, "B", storagenode.OutcomeSuccess)
	other, otherEnd := began(30*time.Minute, 6*time.Second, "A", storagenode.OutcomeSuccess)
	other.Peer, otherEnd.Peer = []byte("192.0.2.8:1"), []byte("192.0.2.8:1")
	lost, lostEnd := began(20*time.Minute, 30*time.Second, "C", storagenode.OutcomeSuccess)
	hear(t, s, node, 1, late, other, start, lateEnd, otherEnd, end, lost, of(storagenode.NodeStart, 20*time.Minute-10*time.Second), lostEnd)
	got := map[int]float64{}
	for minute, columns := range stored(t, s, node.StoredAs("traffic")) {
		for column, v := range columns {
			if column == "busy us1 GET" {
				got[minute] += v
			}
		}
	}
	want := map[int]float64{10: 300, 9: 600, 8: 300, 30: 60}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConcurrentTransfers(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	var events []storagenode.Event
	for i := range 6 {
		start, end := began(5*time.Minute, 20*time.Second, fmt.Sprint(i), storagenode.OutcomeSuccess)
		events = append(events, start, end)
	}
	hear(t, s, node, 4, events...)
	request := asking(s, concern.TimeSeries, []string{"concurrent_transfers"}, node)
	want := map[string]map[int]float64{"concurrent_transfers{action=GET, node=A}": {5: 2}}
	if diff := cmp.Diff(want, seriesOf(t, answered(t, request))); diff != "" {
		t.Error(diff)
	}
	// What is under way has no outcome, and makes no group of its own.
	request = asking(s, concern.TimeSeries, []string{"operations"}, node)
	request.Query.GroupBy = []string{"outcome"}
	want = map[string]map[int]float64{"operations{outcome=success}": {5: 6}}
	if diff := cmp.Diff(want, seriesOf(t, answered(t, request))); diff != "" {
		t.Error(diff)
	}
	// Without the lines of starts: nothing, and what would show them.
	other := nodeNamed("B")
	hear(t, s, other, 100, someTraffic()...)
	request = asking(s, concern.TimeSeries, []string{"concurrent_transfers"}, other)
	request.Watched[0].Evidence.Level = storagenode.Info
	request.Watched[0].Evidence.Last[concern.StartLines] = time.Time{}
	frames := answered(t, request)
	if len(frames[0].Fields) > 0 || len(notices(frames)) != 1 || !strings.Contains(notices(frames)[0], "log.level: debug") {
		t.Errorf("%d fields, %q", len(frames[0].Fields), notices(frames))
	}
}

// A log of garbage has a new satellite in every line, and any time.
func TestMemoryIsBounded(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	var events []storagenode.Event
	for i := range 1000 {
		events = append(events, ended(time.Duration(i%7)*time.Minute, fmt.Sprintf("satellite %d", i), storagenode.Action(i), storagenode.Outcome(i%9), int64(i)))
	}
	hear(t, s, node, 10, events...)
	satellites, operations := map[string]bool{}, 0.0
	result, err := s.Read(t.Context(), store.Range{Group: node.StoredAs("traffic"), To: noon.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	for i, column := range result.Columns {
		if column.Metric() == "operations" || column.Metric() == "started" {
			satellites[column.Label("satellite")] = true
			for _, v := range result.Values[i] {
				if v == v {
					operations += v
				}
			}
		}
	}
	if len(satellites) > 64 || !satellites["other"] || operations != 1000 {
		t.Errorf("%d satellites, %v operations; other: %v", len(satellites), operations, maps.Keys(satellites))
	}
}

func TestHearingATransferCostsNoMemory(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	ear := traffic.Concern{}.Listen(node, s)
	var events []storagenode.Event
	for i := range 20 {
		satellite := []string{us1, eu1}[i%2]
		events = append(events, ended(time.Duration(i%3)*time.Minute, satellite, storagenode.Get, storagenode.OutcomeSuccess, int64(i)<<10))
	}
	start, end := began(30*time.Second, 3*time.Second, "A", storagenode.OutcomeSuccess)
	events = append(events, start, end, of(storagenode.OtherLine, time.Minute))
	all := func() {
		for i := range events {
			ear.Hear(&events[i])
		}
	}
	all()
	if allocations := testing.AllocsPerRun(100, all); allocations != 0 {
		t.Errorf("%v allocations for %d lines", allocations, len(events))
	}
}

func BenchmarkHear(b *testing.B) {
	ear := traffic.Concern{}.Listen(nodeNamed("A"), nil)
	var events []storagenode.Event
	for i := range 512 {
		start, end := began(time.Duration(i%60)*time.Second, 2*time.Second, fmt.Sprintf("%052d", i), storagenode.OutcomeSuccess)
		end.Satellite = []string{us1, eu1}[i%2]
		events = append(events, start, end)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		ear.Hear(&events[i%len(events)])
	}
}
