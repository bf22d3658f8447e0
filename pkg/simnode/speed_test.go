package simnode_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

func TestBigLog(t *testing.T) {
	const lines = 40_000
	write := func() ([]byte, simnode.Truth) {
		var log bytes.Buffer
		truth, err := simnode.WriteBigLog(&log, lines, simnode.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		return log.Bytes(), truth
	}
	log, truth := write()
	if got := bytes.Count(log, []byte("\n")); got != lines || truth.Log.Lines != lines {
		t.Errorf("%d lines, the truth says %d, want %d", got, truth.Log.Lines, lines)
	}
	if perLine := len(log) / lines; perLine < 295 || perLine > 325 {
		t.Errorf("%d bytes a line, want about 310", perLine)
	}
	starts := int64(0)
	for _, m := range truth.Log.Messages {
		if m.Level == "DEBUG" && (m.Message == "upload started" || m.Message == "download started") {
			starts += m.Count
		}
	}
	if starts < lines*48/100 || starts > lines*52/100 {
		t.Errorf("%d starts in %d lines, want half", starts, lines)
	}
	compareWithTruth(t, log, truth)
	again, _ := write()
	if sha256.Sum256(log) != sha256.Sum256(again) {
		t.Error("written twice, the big log is not the same")
	}
	if _, err := simnode.WriteBigLog(io.Discard, 0, simnode.Options{}); err == nil {
		t.Error("a log of no lines was written")
	}
	if _, err := simnode.WriteBigLog(io.Discard, 10, simnode.Options{Level: "loud"}); err == nil {
		t.Error("bad options were taken")
	}
}

// BenchmarkHistory is a day of a busy node's history with DEBUG on.
func BenchmarkHistory(b *testing.B) {
	lines := int64(0)
	for b.Loop() {
		n, err := simnode.New(simnode.Options{Start: testStart, Seed: 1, Rate: 2000, Level: "debug", JoinedAge: 90 * day})
		if err != nil {
			b.Fatal(err)
		}
		if err := n.AdvanceTo(testStart.Add(day), io.Discard); err != nil {
			b.Fatal(err)
		}
		lines += n.Truth().Log.Lines
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkSilentHistory is thirty days of which no line is written.
func BenchmarkSilentHistory(b *testing.B) {
	for b.Loop() {
		n, err := simnode.New(simnode.Options{Start: testStart, LogFrom: testStart.Add(time.Hour * 10000), Seed: 1, JoinedAge: 90 * day})
		if err != nil {
			b.Fatal(err)
		}
		if err := n.AdvanceTo(testStart.Add(30*day), nil); err != nil {
			b.Fatal(err)
		}
	}
}
