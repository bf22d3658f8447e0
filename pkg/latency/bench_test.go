package latency_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// computed is the CPU time of this process.
func computed(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkHearing parses and hears a log of which half the lines are starts, the rows of
// its minutes included.
func BenchmarkHearing(b *testing.B) {
	const lines = 400_000
	var log bytes.Buffer
	if _, err := simnode.WriteBigLog(&log, lines, simnode.Options{Start: noon.Add(-20 * time.Hour)}); err != nil {
		b.Fatal(err)
	}
	for _, with := range []bool{true, false} {
		b.Run(fmt.Sprintf("pairing=%v", with), func(b *testing.B) {
			var spent time.Duration
			for b.Loop() {
				parser := storagenode.NewParser()
				ear := latency.Concern{}.Listen(nodeNamed("A"), newStore(b))
				batch := &store.Batch{}
				runtime.GC()
				before := computed(b)
				n := 0
				for line := range bytes.Lines(log.Bytes()) {
					event, err := parser.Parse(line)
					if err != nil || event == nil || !with {
						continue
					}
					ear.Hear(event)
					if n++; n%50_000 == 0 {
						if err := ear.Flush(batch); err != nil {
							b.Fatal(err)
						}
						batch = &store.Batch{}
					}
				}
				spent += computed(b) - before
			}
			b.ReportMetric(float64(b.N)*lines/spent.Seconds(), "lines/CPU-s")
		})
	}
}

// flow are the transfers of one satellite and action.
type flow struct {
	column    store.Column
	perMinute float64
	typical   float64 // seconds: half of them take longer
}

// flows are those of a node with so many transfers a minute in all.
func flows(perMinute float64) (all []flow) {
	actions := []struct {
		name    string
		share   float64
		typical float64
	}{{"GET", 0.64, 0.2}, {"PUT", 0.32, 0.4}, {"GET_AUDIT", 0.002, 0.05}, {"GET_REPAIR", 0.022, 0.3}, {"PUT_REPAIR", 0.016, 0.5}}
	for satellite, share := range map[string]float64{us1: 0.7, eu1: 0.21, us1[:40] + "ap1": 0.07, us1[:40] + "salt": 0.02} {
		for _, action := range actions {
			all = append(all, flow{store.NewColumn("logged", "satellite", satellite, "action", action.name), perMinute * share * action.share, action.typical})
		}
	}
	return all
}

// histogramOf is what so many minutes of a flow come to.
func (f flow) histogramOf(random *rand.Rand, minutes float64) *store.Histogram {
	poisson := func(expected float64) uint64 {
		if expected > 30 {
			return uint64(max(0, math.Round(expected+math.Sqrt(expected)*random.NormFloat64())))
		}
		n, p := uint64(0), random.Float64()
		for limit := math.Exp(-expected); p > limit; n++ {
			p *= random.Float64()
		}
		return n
	}
	below := func(index int32) float64 {
		return 0.5 * math.Erfc(-math.Log(store.UpperBound(index)/10_000/f.typical)/math.Sqrt2)
	}
	h := &store.Histogram{}
	for index := int32(0); index < 180; index++ {
		if n := poisson(f.perMinute * minutes * (below(index) - below(index-1))); n > 0 {
			h.Buckets = append(h.Buckets, store.Bucket{Index: index, Count: n})
			// The values lie anywhere in their bucket.
			h.Sum += math.Round(store.UpperBound(index) * float64(n) * (0.958 + 0.024*random.NormFloat64()/math.Sqrt(float64(n))))
		}
	}
	if len(h.Buckets) == 0 {
		return nil
	}
	return h
}

// fill records so many days of a node, as it would be kept after that: what lies back
// further than a tier reaches is recorded in steps of the next.
func fill(b *testing.B, s *store.Store, now *time.Time, node concern.Node, days int, perMinute float64, of settings.Retention) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, uint64(days)))
	all := flows(perMinute)
	end := *now
	batch := &store.Batch{}
	add := func(group string, at time.Time, minutes float64) {
		var samples []store.HistogramSample
		count := 0.0
		for _, f := range all {
			if h := f.histogramOf(random, minutes); h != nil {
				samples = append(samples, store.HistogramSample{Column: f.column, Histogram: h})
				count += float64(h.Count())
			}
		}
		batch.AddHistograms(node.StoredAs(group), at.UnixMilli(), samples...)
		batch.Add(node.StoredAs(group), at.UnixMilli(), store.Sample{Column: store.NewColumn("count", "source", "logged"), Value: count})
	}
	flush := func() {
		if err := s.Record(batch); err != nil {
			b.Fatal(err)
		}
		batch = &store.Batch{}
		if err := s.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := s.Seal(); err != nil {
			b.Fatal(err)
		}
	}
	// A clock that leaps is not believed by the store: days pass one by one.
	until := func(at time.Time) {
		for ; now.Before(at); *now = now.Add(20 * time.Hour) {
			if err := s.Record(&store.Batch{}); err != nil {
				b.Fatal(err)
			}
		}
		*now = at
	}
	tier := func(group string, from, to time.Duration, step time.Duration) {
		for at := end.Add(-from).Truncate(step); at.Before(end.Add(-to)); at = at.Add(step) {
			until(at.Add(step))
			add(group, at, step.Minutes())
			if at.Unix()%(24*3600) == 0 || step == time.Minute && at.Unix()%3600 == 0 {
				flush()
			}
		}
		flush()
	}
	long := time.Duration(days) * 24 * time.Hour
	tier("latency-later", long, min(long, of.Sizes), 96*time.Hour)
	tier("latency-later", min(long, of.Sizes), 0, 6*time.Hour)
	tier("latency", min(long, of.TenMinutes), min(long, of.Minutes), time.Hour)
	tier("latency", min(long, of.Minutes), 0, time.Minute)
	*now = end
}

// BenchmarkLatencyOfANode is what a node's latency takes after 400 days at default
// retention.
func BenchmarkLatencyOfANode(b *testing.B) {
	for _, perMinute := range []float64{30, 60, 240} {
		b.Run(fmt.Sprintf("%.0f transfers a minute", perMinute), func(b *testing.B) {
			for b.Loop() {
				dir, now := b.TempDir(), noon
				retention := settings.Default().Retention
				open := func() *store.Store {
					s, err := store.Open(store.Options{
						Dir: dir, FlushInterval: -1, Now: func() time.Time { return now },
						Limits: store.Limits{Policies: latency.Concern{}.Policies(retention)},
					})
					if err != nil {
						b.Fatal(err)
					}
					return s
				}
				s := open()
				fill(b, s, &now, nodeNamed("A"), 400, perMinute, retention)
				path := s.Status().Path
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				contents, err := store.ReadContents(path)
				if err != nil {
					b.Fatal(err)
				}
				total := 0.0
				for _, tier := range contents.Tiers {
					total += float64(tier.Bytes)
					b.Logf("%s, steps of %v: %.2f MiB, %s to %s", tier.Family, tier.Step, float64(tier.Bytes)/(1<<20), tier.First.Format(time.DateTime), tier.Last.Format(time.DateTime))
				}
				heap := func() uint64 {
					runtime.GC()
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return m.HeapAlloc
				}
				before := heap()
				s = open()
				b.ReportMetric(float64(heap()-before)/(1<<20), "memory-MiB")
				b.ReportMetric(total/(1<<20), "chunks-MiB")
				if info, err := os.Stat(path); err == nil {
					b.Logf("the file: %.2f MiB", float64(info.Size())/(1<<20))
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAMonthOfTenNodes answers a panel, up to the Arrow that Grafana gets.
func BenchmarkAMonthOfTenNodes(b *testing.B) {
	now := noon
	s := newStoreAt(b, func() time.Time { return now })
	var nodes []concern.Node
	for i := range 10 {
		nodes = append(nodes, nodeNamed(fmt.Sprint("node", i)))
		fill(b, s, &now, nodes[i], 40, 60, settings.Default().Retention)
	}
	for name, change := range map[string]func(*concern.Request){
		"p99 by node":            func(r *concern.Request) { r.Query.GroupBy = []string{"node"} },
		"p99 by node and action": func(*concern.Request) {},
		"all metrics, total": func(r *concern.Request) {
			r.Query.GroupBy, r.Query.Metrics = []string{"total"}, nil
		},
		"heat map":  func(r *concern.Request) { r.Query.Format = latency.Heatmap },
		"histogram": func(r *concern.Request) { r.Query.Format = latency.Histogram },
		"a table":   func(r *concern.Request) { r.Query.Format, r.Query.Metrics = concern.Table, nil },
		"a day of them": func(r *concern.Request) {
			r.From, r.Query.GroupBy, r.MaxPoints = noon.Add(-24*time.Hour), []string{"node"}, 300
		},
	} {
		b.Run(name, func(b *testing.B) {
			request := asking(s, concern.TimeSeries, []string{"p99_seconds"}, nodes...)
			request.From, request.Step, request.MaxPoints = noon.AddDate(0, 0, -30), 30*time.Minute, 1500
			request.Now = noon.Add(200 * time.Millisecond) // a panel's range is a little old when it is answered
			change(&request)
			before := computed(b)
			for b.Loop() {
				if _, err := data.FrameToArrowTable(answered(b, request)[0]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((computed(b)-before).Microseconds())/1000/float64(b.N), "CPU-ms/op")
		})
	}
}
