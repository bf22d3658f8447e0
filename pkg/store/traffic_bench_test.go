package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// A node's traffic: for each satellite, action and outcome the operations, their bytes
// and the time that they took, and how many were of each size. It is kept as by default:
// minutes for 48 hours, ten minutes for 14 days, hours for 400 days, of sizes for 30.
var trafficPolicies = func() map[string]Policy {
	policy := func(hours int) Policy {
		return Policy{
			Keep:     48 * time.Hour,
			Rollups:  []Rollup{{Step: 10 * time.Minute, Keep: 14 * 24 * time.Hour}, {Step: time.Hour, Keep: time.Duration(hours) * 24 * time.Hour}},
			Additive: true,
		}
	}
	return map[string]Policy{"traffic": policy(400), "sizes": policy(30)}
}()

// trafficFlow is one satellite, action and outcome.
type trafficFlow struct {
	operations, bytes, busy Column
	sizes                   [7]Column
	perMinute               float64
	unit                    float64 // what its bytes are a multiple of
	seconds                 float64 // an operation takes
}

// trafficFlows are those of a large node: up to 60 uploads and 120 downloads a minute
// and satellite.
func trafficFlows() (flows []trafficFlow) {
	actions := []struct {
		name      string
		perMinute float64
	}{{"GET", 120}, {"PUT", 60}, {"GET_AUDIT", 0.3}, {"GET_REPAIR", 4}, {"PUT_REPAIR", 3}}
	outcomes := []struct {
		name        string
		share, unit float64
	}{{"success", 0.97, 256}, {"canceled", 0.028, 1}, {"failed", 0.002, 1}}
	for i, satellite := range satellites {
		of := []float64{1, 0.3, 0.1, 0.02}[i]
		for _, action := range actions {
			for _, outcome := range outcomes {
				labels := []string{"satellite", satellite, "action", action.name, "outcome", outcome.name}
				flow := trafficFlow{
					operations: NewColumn("operations", labels...), bytes: NewColumn("bytes", labels...),
					perMinute: of * outcome.share * action.perMinute, unit: outcome.unit, seconds: 1.5,
				}
				if outcome.name == "success" { // durations are those of all outcomes
					flow.busy = NewColumn("busy", labels[:4]...)
				}
				for class := range flow.sizes {
					flow.sizes[class] = NewColumn("sizes", append(labels[:len(labels):len(labels)], "size", fmt.Sprint(class))...)
				}
				flows = append(flows, flow)
			}
		}
	}
	return flows
}

// addTraffic adds what happens in so many minutes from a time on, as one row.
func addTraffic(batch *Batch, random *rand.Rand, flows []trafficFlow, at time.Time, minutes float64, durations, sizes bool) {
	// A day's course, and weeks that are not alike.
	hour := float64(at.Unix()) / 3600
	course := (1 + 0.4*math.Sin(hour/24*2*math.Pi)) * (1 + 0.3*math.Sin(hour/24/17*2*math.Pi))
	poisson := func(expected float64) float64 {
		if expected > 30 {
			return max(0, math.Round(expected+math.Sqrt(expected)*random.NormFloat64()))
		}
		n, p := 0.0, random.Float64()
		for limit := math.Exp(-expected); p > limit; n++ {
			p *= random.Float64()
		}
		return n
	}
	var counted, sized []Sample
	ended := 0.0
	for _, f := range flows {
		// And each minute differs by more than chance alone makes it.
		n := poisson(f.perMinute * minutes * course * (1 + 0.15*random.NormFloat64()/math.Sqrt(minutes)))
		if n == 0 {
			continue
		}
		ended += n
		bytes := n * 400_000 * (1 + random.NormFloat64()/math.Sqrt(n)/2)
		counted = append(counted, Sample{f.operations, n}, Sample{f.bytes, max(1, math.Round(bytes/f.unit)) * f.unit})
		if durations && f.busy != "" {
			busy := n * f.seconds * 10 * (1 + random.NormFloat64()/math.Sqrt(n)/2)
			counted = append(counted, Sample{f.busy, max(1, math.Round(busy))})
		}
		if sizes {
			for class, share := range []float64{0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.1} {
				if of := poisson(n * share); of > 0 {
					sized = append(sized, Sample{f.sizes[class], of})
				}
			}
		}
	}
	if durations {
		// Some that began end in the next minute, and the other way round.
		started := max(0, ended+poisson(ended/minutes/40)-poisson(ended/minutes/40))
		counted = append(counted, Sample{"lines", started + ended + poisson(20*minutes)}, Sample{"started", started}, Sample{"transfer_lines", ended})
	}
	if len(counted) > 0 {
		batch.Add("traffic/node", at.UnixMilli(), counted...)
	}
	if len(sized) > 0 {
		batch.Add("sizes/node", at.UnixMilli(), sized...)
	}
}

// BenchmarkTrafficOfANode is what a node's traffic takes after 400 days, without and with
// the durations, starts and lines. What lies back further than minutes are kept is recorded hour by hour:
// too late for the finer tiers, as they would have dropped it by now.
func BenchmarkTrafficOfANode(b *testing.B) {
	for name, durations := range map[string]bool{"operations bytes and sizes": false, "and durations starts and lines": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				benchmarkTraffic(b, durations)
			}
		})
	}
}

func benchmarkTraffic(b *testing.B, durations bool) {
	b.Helper()
	dir := b.TempDir()
	end := start.AddDate(0, 0, 400).Add(7 * time.Hour)
	now := start
	try := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	open := func() *Store {
		s, err := Open(Options{Dir: dir, FlushInterval: -1, Limits: Limits{Policies: trafficPolicies}, Now: func() time.Time { return now }})
		try(err)
		return s
	}
	s := open()
	random := rand.New(rand.NewPCG(1, 1))
	flows := trafficFlows()
	batch := &Batch{}
	flush := func() {
		try(s.Record(batch))
		try(s.Flush())
		batch = &Batch{}
	}
	// minutes is how much one row stands for: what a tier of that step will hold.
	for at, minutes := start, 60; at.Before(end); at = at.Add(time.Duration(minutes) * time.Minute) {
		before := end.Sub(at)
		switch {
		case before <= 60*time.Hour:
			minutes = 1
		case before <= 16*24*time.Hour:
			minutes = 10
		}
		now = at.Add(time.Duration(minutes) * time.Minute)
		addTraffic(batch, random, flows, at, float64(minutes), durations, before <= 34*24*time.Hour)
		switch since := at.Sub(start); {
		case before < 72*time.Hour && since%time.Hour == 0, since%(24*time.Hour) == 0:
			flush()
			try(s.Seal())
		}
	}
	flush()
	try(s.Seal())
	s.writing.Lock()
	err := s.compact()
	s.writing.Unlock()
	try(err)
	status := s.Status()
	try(s.Close())
	info, err := os.Stat(status.Path)
	try(err)
	before := heap()
	s = open()
	b.ReportMetric(float64(heap()-before)/(1<<20), "memory-MiB")
	b.ReportMetric(float64(info.Size())/(1<<20), "file-MiB")
	contents, err := ReadContents(status.Path)
	try(err)
	for _, tier := range contents.Tiers {
		b.Logf("%s, steps of %v: %d series, %d samples, %.2f MiB, %s to %s", tier.Family, tier.Step, tier.Series, tier.Samples,
			float64(tier.Bytes)/(1<<20), tier.First.Format(time.DateTime), tier.Last.Format(time.DateTime))
	}
	try(s.Close())
}

// BenchmarkRecordingCounts records what a minute's transfers of a large node come to, as
// it happens and as a log of weeks ago is read, and commits it.
func BenchmarkRecordingCounts(b *testing.B) {
	for name, age := range map[string]time.Duration{"now": 0, "of weeks ago": 40 * 24 * time.Hour} {
		b.Run(name, func(b *testing.B) {
			now := start.AddDate(1, 0, 0)
			s, err := Open(Options{Dir: b.TempDir(), FlushInterval: -1, Limits: Limits{Policies: trafficPolicies}, Now: func() time.Time { return now }})
			if err != nil {
				b.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 1))
			flows := trafficFlows()
			minutes := make([]*Batch, 100)
			for i := range minutes {
				minutes[i] = &Batch{}
				addTraffic(minutes[i], random, flows, now.Add(time.Duration(i)*time.Minute-age), 1, true, true)
			}
			samples, n := 0, 0
			for b.Loop() {
				batch := minutes[n%len(minutes)]
				n++
				if err := s.Record(batch); err != nil {
					b.Fatal(err)
				}
				if err := s.Flush(); err != nil {
					b.Fatal(err)
				}
				for _, r := range batch.rows {
					samples += len(r.samples)
				}
			}
			b.ReportMetric(float64(samples)/float64(n), "samples/commit")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
