//go:build !windows

package storagenode_test

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// cpuTime is what the process has used: a busy machine does not change it.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkParser parses the log of a simulated node that writes its DEBUG lines, too,
// from its bytes to events.
func BenchmarkParser(b *testing.B) {
	const lines = 200_000
	for _, encoding := range []simnode.Encoding{simnode.Console, simnode.JSON, simnode.Docker, simnode.DockerJSON} {
		b.Run(string(encoding), func(b *testing.B) {
			var log bytes.Buffer
			if _, err := simnode.WriteBigLog(&log, lines, simnode.Options{Seed: 1, Encoding: encoding}); err != nil {
				b.Fatal(err)
			}
			parser := storagenode.NewParser()
			b.SetBytes(int64(log.Len()))
			b.ReportAllocs()
			before, rounds := cpuTime(), 0
			for b.Loop() {
				rounds++
				for rest := log.Bytes(); len(rest) > 0; {
					end := bytes.IndexByte(rest, '\n') + 1
					if _, err := parser.Parse(rest[:end]); err != nil {
						b.Fatal(err)
					}
					rest = rest[end:]
				}
			}
			b.ReportMetric(float64(lines*rounds)/(cpuTime()-before).Seconds(), "lines/CPU-s")
		})
	}
}
