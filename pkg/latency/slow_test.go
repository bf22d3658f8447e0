package latency_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func askingSlow(s *store.Store, nodes ...concern.Node) concern.Request {
	request := asking(s, concern.Table, nil, nodes...)
	request.Query.QueryType = "slow_operations"
	request.From = noon.Add(-24 * time.Hour)
	return request
}

// rowsOf are a table's rows, as texts.
func rowsOf(frame *data.Frame) []string {
	var rows []string
	for i := range frame.Rows() {
		var row []string
		for _, field := range frame.Fields {
			switch v, _ := field.ConcreteAt(i); v := v.(type) {
			case time.Time:
				row = append(row, v.Format("15:04:05"))
			default:
				if _, ok := field.ConcreteAt(i); !ok {
					v = "null"
				}
				row = append(row, fmt.Sprint(v))
			}
		}
		rows = append(rows, strings.Join(row, " "))
	}
	return rows
}

func TestSlowOperations(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	failed, other := get(3*time.Minute, 300*time.Second), get(2*time.Minute, 7*time.Second)
	failed.outcome, failed.size, failed.action = storagenode.OutcomeFailed, -1, storagenode.Put
	other.satellite, other.live = eu1, false
	hear(t, s, a, 1, eventsOf(get(time.Minute, 4999*time.Millisecond), get(90*time.Second, 5*time.Second), failed)...)
	hear(t, s, b, 100, eventsOf(other)...)
	frame := answered(t, askingSlow(s, a, b))[0]
	var names []string
	for _, field := range frame.Fields {
		names = append(names, field.Name)
	}
	if diff := cmp.Diff([]string{"time", "node_name", "satellite", "action", "outcome", "size_bytes", "duration_seconds", "piece_id", "whole_seconds"}, names); diff != "" {
		t.Error(diff)
	}
	all := []string{
		"11:57:00 A us1 PUT failed null 300 PIECE false",
		"11:58:00 B eu1 GET success 2048 7 PIECE true",
		"11:58:30 A us1 GET success 2048 5 PIECE false",
	}
	if diff := cmp.Diff(all, rowsOf(frame)); diff != "" {
		t.Error(diff)
	}
	for name, c := range map[string]struct {
		change func(*concern.Request)
		want   []string
	}{
		"an outcome":  {func(r *concern.Request) { r.Query.Outcomes = []string{"success"} }, all[1:]},
		"an action":   {func(r *concern.Request) { r.Query.Actions = []string{"PUT"} }, all[:1]},
		"a satellite": {func(r *concern.Request) { r.Query.Satellites = []string{"eu1"} }, all[1:2]},
		"a time":      {func(r *concern.Request) { r.From = noon.Add(-110 * time.Second) }, all[2:]},
		"a node":      {func(r *concern.Request) { r.Watched = r.Watched[1:] }, all[1:2]},
		"nothing":     {func(r *concern.Request) { r.To = noon.Add(-time.Hour) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			request := askingSlow(s, a, b)
			c.change(&request)
			if diff := cmp.Diff(c.want, rowsOf(answered(t, request)[0])); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Of many slow transfers the slowest are kept, however often what was heard was stored, and
// whether the log was read by one ear or, after a restart, by several.
func TestTheSlowestAreKept(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	var all []transfer
	for i := range 500 {
		x := get(time.Duration(1+random.IntN(5*3600))*time.Second, 5*time.Second+time.Duration(random.IntN(60_000))*time.Millisecond)
		x.piece = fmt.Sprint("P", i)
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b transfer) int { return int(b.took - a.took) })
	var want []string
	for _, x := range all[:40] {
		want = append(want, x.piece)
	}
	for _, ears := range []int{1, 7} {
		s, node := newStore(t), nodeNamed("A")
		byEar := make([][]transfer, ears)
		for i, x := range all {
			byEar[i%ears] = append(byEar[i%ears], x)
		}
		for _, part := range byEar {
			hear(t, s, node, 13, eventsOf(part...)...)
			hear(t, s, node, 1000, eventsOf(part...)...) // the same log again, as after a crash
		}
		frame := answered(t, askingSlow(s, node))[0]
		var got []string
		for i := range frame.Rows() {
			got = append(got, frame.Fields[7].At(i).(string))
		}
		// From 6:00 to 12:00 is one quarter of a day.
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d ears: %s", ears, diff)
		}
		if texts := notices(data.Frames{frame}); len(texts) != 1 || !strings.Contains(texts[0], "the 40 slowest") {
			t.Errorf("notices %q", texts)
		}
	}
}

// What is slow is forgotten after two weeks.
func TestSlowOperationsAreForgotten(t *testing.T) {
	now := noon.AddDate(0, -1, 0)
	s, node := newStoreAt(t, func() time.Time { return now }), nodeNamed("A")
	ear := latency.Concern{Now: func() time.Time { return now }}.Listen(node, s)
	for ; !now.After(noon); now = now.Add(3 * time.Hour) {
		start, end := get(0, 0).lines()
		start.Time, end.Time = now.Add(-10*time.Second), now
		start.Arrived, end.Arrived = start.Time, end.Time
		ear.Hear(&start)
		ear.Hear(&end)
		start.Time, end.Time = now.AddDate(5, 0, 0), now.AddDate(5, 0, 0).Add(10*time.Second) // of a clock that is years ahead
		ear.Hear(&start)
		ear.Hear(&end)
		flush(t, s, ear)
	}
	documents := 0
	s.Documents("latency-slow/", func(string, []byte) { documents++ })
	if documents < 4*14 || documents > 4*14+3 {
		t.Errorf("%d documents", documents)
	}
	request := askingSlow(s, node)
	request.From = noon.AddDate(0, -1, 0)
	frame := answered(t, request)[0]
	if n := frame.Rows(); n != 8*14+1 {
		t.Errorf("%d rows", n)
	}
	if texts := notices(data.Frames{frame}); len(texts) != 1 || !strings.Contains(texts[0], "kept for 14 days") {
		t.Errorf("notices %q", texts)
	}
}

func TestSlowOperationsNeedStarts(t *testing.T) {
	request := askingSlow(newStore(t), nodeNamed("A"))
	request.Watched[0].Evidence, request.Watched[0].Debug = blind(), "http://localhost:5999"
	frames := answered(t, request)
	if len(frames[0].Fields) != 0 {
		t.Error("rows")
	}
	if got := strings.Join(notices(frames), "\n"); !strings.Contains(got, "A: no slow transfers: the log does not say when a transfer begins") || !strings.Contains(got, "the debug port does not tell single transfers") {
		t.Errorf("%q", got)
	}
}
