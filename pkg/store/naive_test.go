package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tidwall/buntdb"
)

// BenchmarkAgainstAKeyPerSample compares with how BuntDB is used at first: one key
// for each sample of each series.
func BenchmarkAgainstAKeyPerSample(b *testing.B) {
	const nodes, days = 2, 30
	for b.Loop() {
		dir := b.TempDir()
		naivePath := filepath.Join(dir, "naive.db")
		samples := float64(fillNaively(b, naivePath, nodes, days))
		s := openBench(b, dir)
		fill(b, s, nodes, days)
		s.writing.Lock()
		err := s.compact()
		s.writing.Unlock()
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}

		before, cpu := heap(), cpuTime()
		naive, err := buntdb.Open(naivePath)
		if err != nil {
			b.Fatal(err)
		}
		naiveOpening := cpuTime() - cpu
		naiveMemory := float64(heap() - before)
		if err := naive.Close(); err != nil {
			b.Fatal(err)
		}
		before, cpu = heap(), cpuTime()
		s = openBench(b, dir)
		opening := cpuTime() - cpu
		memory := float64(heap() - before)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		naiveFile, file := size(b, naivePath), size(b, filepath.Join(dir, FileName))
		b.ReportMetric(naiveMemory/samples, "naive-memory-B/sample")
		b.ReportMetric(naiveFile/samples, "naive-file-B/sample")
		b.ReportMetric(naiveMemory/memory, "times-the-memory")
		b.ReportMetric(naiveFile/file, "times-the-file")
		b.ReportMetric(float64(naiveOpening)/float64(max(opening, time.Microsecond)), "times-the-opening")
	}
}

func size(tb testing.TB, path string) float64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return float64(info.Size())
}

func fillNaively(tb testing.TB, path string, nodes, days int) (samples int) {
	tb.Helper()
	db, err := buntdb.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	for node := range nodes {
		walk := newScoreWalk(uint64(node))
		for day := range days {
			err := db.Update(func(tx *buntdb.Tx) error {
				for n := day * 288; n < (day+1)*288; n++ {
					at := start.Add(time.Duration(n) * pollStep).UnixMilli()
					for _, s := range walk.poll(n) {
						key := fmt.Sprintf("node-%d:%s:%s:%013d", node, s.Column.Metric(), s.Column.Label("satellite"), at)
						if _, _, err := tx.Set(key, strconv.FormatFloat(s.Value, 'g', -1, 64), nil); err != nil {
							return err
						}
						samples++
					}
				}
				return nil
			})
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	return samples
}

// BenchmarkOpeningAHundredNodes opens 400 days of 100 nodes, every row of them as it
// was recorded, which is more than default retention keeps.
func BenchmarkOpeningAHundredNodes(b *testing.B) {
	dir := b.TempDir()
	s := openBench(b, dir)
	const filled, copies = 10, 10
	samples := fill(b, s, filled, 400) * copies
	keys, values, err := s.snapshot()
	if err != nil {
		b.Fatal(err)
	}
	for n := 1; n < copies; n++ {
		err := s.update(false, func(tx *buntdb.Tx) error {
			for i, key := range keys {
				if in, ok := chunkPlace(key); ok {
					in.group = fmt.Sprintf("%s-%d", in.group, n)
					c, err := decodeChunk(key, values[i])
					if err != nil {
						return err
					}
					copied := chunkKey(in, s.sealed)
					if _, _, err := tx.Set(copied, c.renewed(copied), nil); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	s.writing.Lock()
	err = s.compact()
	s.writing.Unlock()
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	before := cpuTime()
	n := 0
	for b.Loop() {
		s := openBench(b, dir)
		if status := s.Status(); len(status.Damage) > 0 || status.Chunks < 4000 {
			b.Fatalf("%+v", status)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric((cpuTime()-before).Seconds()/float64(n), "CPU-s/open")
	b.ReportMetric(float64(samples)/1e6, "million-samples")
}
