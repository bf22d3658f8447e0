//go:build !windows

package logsource

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// nodeLine is about as long as a node's lines are.
var nodeLine = "2026-11-22T22:23:07Z\tINFO\tpiecestore\tuploaded\t{\"piece_id\": \"" + strings.Repeat("A", 52) + "\", \"satellite_id\": \"" + strings.Repeat("1", 50) + "\", \"action\": \"PUT\", \"remote_address\": \"172.17.0.1:48768\", \"size\": 2319360}\n"

// BenchmarkReading reads 100 MB of a followed log, and tells bytes for each second of
// processor time.
func BenchmarkReading(b *testing.B) {
	log := filepath.Join(b.TempDir(), "node.log")
	content := strings.Repeat(nodeLine, 100<<20/len(nodeLine))
	if err := os.WriteFile(log, []byte("first\n"+content), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(content)))
	before := cpuTime(b)
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		read := 0
		f, err := New(Options{
			Source: Source{Path: log},
			Resume: Positions{Files: []FilePosition{{Fingerprint: fingerprint([]byte("first\n")), Length: 6, Offset: 6}}},
			Deliver: func(block Block, _ Positions) error {
				if read += len(block.Lines); read == len(content) {
					cancel()
				}
				return nil
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Run(ctx)
		if read != len(content) {
			b.Fatalf("%d bytes", read)
		}
	}
	used := (cpuTime(b) - before).Seconds()
	b.ReportMetric(float64(b.N)*float64(len(content))/used/1e6, "MB/cpu-s")
}

// BenchmarkIdleFleet lets 100 followers wait for lines that do not come, and tells which
// part of a core that costs, in percent, and what each keeps in memory.
func BenchmarkIdleFleet(b *testing.B) {
	folder := b.TempDir()
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var looks atomic.Int64
	var all []*Follower
	ended := make(chan error)
	for i := range 100 {
		log := filepath.Join(folder, fmt.Sprintf("node%d.log", i))
		for rotated := range 5 {
			if err := os.WriteFile(fmt.Sprintf("%s.%d", log, rotated+1), fmt.Appendf(nil, "%d of %d\n%s", rotated, i, nodeLine), 0o600); err != nil {
				b.Fatal(err)
			}
			old := time.Now().Add(-time.Duration(rotated+1) * time.Hour)
			if err := os.Chtimes(fmt.Sprintf("%s.%d", log, rotated+1), old, old); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(log, fmt.Appendf(nil, "node %d\n", i), 0o600); err != nil {
			b.Fatal(err)
		}
		f, err := New(Options{
			Source: Source{Path: log}, Watcher: watcher,
			Deliver: func(Block, Positions) error { return nil },
			Now:     func() time.Time { looks.Add(1); return time.Now() },
		})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, f)
		go func() { ended <- f.Run(ctx) }()
	}
	for _, f := range all {
		for f.Status().State != Following {
			time.Sleep(time.Millisecond)
		}
	}
	time.Sleep(10 * time.Second) // until they look as seldom as they do
	runtime.GC()
	runtime.ReadMemStats(&after)
	const each = 30 * time.Second
	looks.Store(0)
	used, begun := cpuTime(b), time.Now()
	for b.Loop() {
		time.Sleep(each)
	}
	b.ReportMetric(100*float64(cpuTime(b)-used)/float64(time.Since(begun)), "%core")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/100, "B/follower")
	if looks.Load() == 0 {
		b.Error("nobody looked")
	}
	cancel()
	for range all {
		<-ended
	}
}

// A million lines that are written at once come, each once.
func TestBurst(t *testing.T) {
	lines := 1_000_000
	if testing.Short() {
		lines = 100_000
	}
	log := logIn(t)
	create(t, log, "before\n")
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	var sum, count, largest int
	var done atomic.Bool
	want := lines * (lines - 1) / 2
	g := follow(t, log, Positions{}, func(o *Options, _ *pace) {
		o.Watcher = watcher
		o.Deliver = func(b Block, _ Positions) error {
			largest = max(largest, len(b.Lines))
			number := 0
			for _, c := range b.Lines {
				switch {
				case c == '\n':
					sum, count, number = sum+number, count+1, 0
				case c >= '0' && c <= '9':
					number = 10*number + int(c-'0')
				}
			}
			done.Store(count >= lines)
			return nil
		}
	})
	g.atRest()
	file, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer func() { _ = file.Close() }()
	var b []byte
	for i := range lines {
		b = fmt.Appendf(b, "a line of a burst, number %d\n", i)
		if len(b) > 1<<20 || i == lines-1 {
			_, err := file.Write(b)
			must(t, err)
			b = b[:0]
		}
	}
	g.until("all lines", done.Load)
	g.stop()
	if count != lines || sum != want || largest > blockSize {
		t.Errorf("%d lines with sum %d, want %d with %d; the largest block has %d bytes", count, sum, lines, want, largest)
	}
}
