package fleet_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// BenchmarkIngest reads a log of a million lines, half of them DEBUG starts of transfers,
// through every concern into a new store, commits included.
func BenchmarkIngest(b *testing.B) {
	const lines = 1_000_000
	path := filepath.Join(b.TempDir(), "big.log")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := simnode.WriteBigLog(file, lines, simnode.Options{Start: time.Now().Add(-30 * time.Hour).Truncate(time.Hour)}); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	node, err := settings.ParseNode("A:" + path)
	if err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	for b.Loop() {
		before := computed(b)
		result, err := fleet.IngestStored(b.Context(), fleet.Options{Dir: b.TempDir()}, fleet.OwnKey, node, path, nil)
		if err != nil {
			b.Fatal(err)
		}
		if result.Parsed != lines {
			b.Fatalf("%d lines of %d", result.Parsed, lines)
		}
		spent += computed(b) - before
	}
	b.ReportMetric(float64(b.N)*lines/spent.Seconds(), "lines/CPU-s")
}

// computed is the CPU time of this process.
func computed(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
