package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// The benchmarks' input is what a fleet's polls give: scores of 4 satellites,
// asked every five minutes, which a satellite renews every four hours.

const (
	pollStep = 5 * time.Minute
	renewal  = 48 // polls
	scores   = 5
)

var satellites = []string{
	"121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6",
	"12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S",
	"12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs",
	"1wFTAgs9DP5RSnCqKV1eLf6N9wtk4EAtmN5DpSxcs8EjT69tGE",
}

// scoreWalk gives one node's samples at one poll after the other. Audit and
// suspension score stand at 100 % but for rare failures from which they recover,
// the online score moves a little with every window.
type scoreWalk struct {
	random *rand.Rand
	values [][scores]float64
}

func newScoreWalk(seed uint64) *scoreWalk {
	w := &scoreWalk{random: rand.New(rand.NewPCG(seed, 9)), values: make([][scores]float64, len(satellites))}
	for i := range w.values {
		w.values[i] = [scores]float64{100, 100, 99.8, 100, 99.9}
	}
	return w
}

var scoreColumns = func() [][scores]Column {
	columns := make([][scores]Column, len(satellites))
	for i, satellite := range satellites {
		for j, metric := range [scores]string{"audit_score_percent", "suspension_score_percent", "online_score_percent", "vetting_progress_percent", "health_percent"} {
			columns[i][j] = NewColumn(metric, "satellite", satellite)
		}
	}
	return columns
}()

func (w *scoreWalk) poll(n int) []Sample {
	samples := make([]Sample, 0, len(satellites)*scores)
	for i := range w.values {
		v := &w.values[i]
		if n%renewal == i {
			switch {
			case w.random.IntN(200) == 0:
				v[0] *= 0.999
			case v[0] < 100:
				v[0] = 100 - (100-v[0])*0.96
			}
			if w.random.IntN(3) == 0 {
				v[2] = max(90, min(100, v[2]+(w.random.Float64()-0.5)/10))
			}
			v[4] = min(v[0], v[2])
		}
		for j := range v {
			samples = append(samples, Sample{scoreColumns[i][j], v[j]})
		}
	}
	return samples
}

// fill records the polls of so many nodes over so many days, and seals.
func fill(tb testing.TB, s *Store, nodes, days int) (samples int) {
	tb.Helper()
	polls := days * int(24*time.Hour/pollStep)
	for node := range nodes {
		walk := newScoreWalk(uint64(node))
		group := fmt.Sprintf("reputation/node-%d", node)
		for n := 0; n < polls; {
			batch := &Batch{}
			for range 288 {
				if n == polls {
					break
				}
				row := walk.poll(n)
				samples += len(row)
				batch.Add(group, start.Add(time.Duration(n)*pollStep).UnixMilli(), row...)
				n++
			}
			if err := s.Record(batch); err != nil {
				tb.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				tb.Fatal(err)
			}
			if n%(288*8) == 0 || n == polls {
				if err := s.Seal(); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
	return samples
}

func openBench(tb testing.TB, dir string) *Store {
	tb.Helper()
	s, err := Open(Options{Dir: dir, FlushInterval: -1, Now: func() time.Time { return start.AddDate(0, 0, 400) }})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkBytesPerSample is what 400 days of 10 nodes cost in the file, after
// compaction, and in memory, index included.
func BenchmarkBytesPerSample(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		s := openBench(b, dir)
		samples := float64(fill(b, s, 10, 400))
		s.writing.Lock()
		err := s.compact()
		s.writing.Unlock()
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, FileName))
		if err != nil {
			b.Fatal(err)
		}
		before := heap()
		s = openBench(b, dir)
		after := heap()
		b.ReportMetric(float64(info.Size())/samples, "file-B/sample")
		b.ReportMetric(float64(after-before)/samples, "memory-B/sample")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMonthOfOneScore reads one score of 10 nodes × 4 satellites over 30
// days at 1,500 points a series.
func BenchmarkMonthOfOneScore(b *testing.B) {
	s := openBench(b, b.TempDir())
	fill(b, s, 10, 30)
	for b.Loop() {
		for node := range 10 {
			_, err := s.Read(context.Background(), Range{
				Group:   fmt.Sprintf("reputation/node-%d", node),
				Columns: func(c Column) bool { return c.Metric() == "audit_score_percent" },
				From:    start.UnixMilli(), To: start.AddDate(0, 0, 30).UnixMilli(),
				Step: (30 * 24 * time.Hour / 1500).Milliseconds(), Aggregate: Min,
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCommit commits 1,000 samples.
func BenchmarkCommit(b *testing.B) {
	s := openBench(b, b.TempDir())
	walk := newScoreWalk(1)
	n := 0
	for b.Loop() {
		batch := &Batch{}
		for range 1000 / (len(satellites) * scores) {
			batch.Add("reputation/node", start.Add(time.Duration(n)*pollStep).UnixMilli(), walk.poll(n)...)
			n++
		}
		if err := s.Record(batch); err != nil {
			b.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
