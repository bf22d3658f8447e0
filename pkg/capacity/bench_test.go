package capacity_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// yearOfNodes are nodes with a disk each that was polled for a year: hourly, of which days and
// hours are made as of any poll.
func yearOfNodes(b *testing.B, nodes int) (*scene, []string) {
	b.Helper()
	s := newScene(b)
	end := s.now
	var names []string
	for n := range nodes {
		names = append(names, fmt.Sprintf("node%03d", n))
	}
	random := rand.New(rand.NewPCG(1, 2))
	used := make([]float64, nodes)
	for at := end.Add(-365 * day).Truncate(time.Hour); !at.After(end); at = at.Add(time.Hour) {
		s.now = at
		batch := &store.Batch{}
		for n, name := range names {
			used[n] += 1e9 * random.Float64()
			trash := 1e11 * random.Float64()
			batch.Add(named(name).StoredAs("capacity"), at.UnixMilli(),
				store.Sample{Column: "used_bytes", Value: used[n] + trash}, store.Sample{Column: "trash_bytes", Value: trash},
				store.Sample{Column: "reclaimable_bytes", Value: 0}, store.Sample{Column: "free_bytes", Value: 2e13 - used[n] - trash},
				store.Sample{Column: "allocated_bytes", Value: 2e13}, store.Sample{Column: "overused_bytes", Value: 0},
				store.Sample{Column: "growth_bytes_per_day", Value: 12e9})
		}
		if err := s.store.Record(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.store.RollUp(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := s.store.Seal(); err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		s.poll(name, disk(20000, 4000, 50, 0))
	}
	return s, names
}

// A year of 100 nodes, as a panel asks for it, up to what Grafana gets.
func BenchmarkYearOf100Nodes(b *testing.B) {
	s, names := yearOfNodes(b, 100)
	for name, r := range map[string]func(*concern.Request){
		"used of each": func(r *concern.Request) { r.Query.Metrics = []string{"used_bytes"} },
		"used and free, summed": func(r *concern.Request) {
			r.Query.Metrics, r.Query.GroupBy = []string{"used_bytes", "free_bytes"}, []string{"total"}
		},
		"everything now": func(r *concern.Request) { r.Query.Format = concern.Instant },
	} {
		b.Run(name, func(b *testing.B) {
			request := s.asking("capacity", concern.TimeSeries, nil, names...)
			request.From, request.Step, request.MaxPoints = s.now.Add(-365*day), 6*time.Hour, 1000
			r(&request)
			for b.Loop() {
				for _, frame := range s.answer(request) {
					if len(frame.Fields) == 0 {
						continue
					}
					if _, err := data.FrameToJSON(frame, data.IncludeAll); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// What a poll costs, of which one an hour measures growth anew.
func BenchmarkRecord(b *testing.B) {
	s := newScene(b)
	s.polls("A", 30*day, interval, growing(1000, 800, 10))
	for b.Loop() {
		s.now = s.now.Add(interval)
		s.poll("A", disk(1000, 800, 10, 0))
	}
}
