package simnode_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// count reads a log with plain means and says what its truth should be.
type counted struct {
	lines     int64
	levels    map[string]int64
	messages  map[simnode.MessageCount]int64
	transfers map[simnode.TransferCount]simnode.TransferCount
	rejected  int64
}

func count(t testing.TB, log []byte) counted {
	t.Helper()
	c := counted{
		levels:    map[string]int64{},
		messages:  map[simnode.MessageCount]int64{},
		transfers: map[simnode.TransferCount]simnode.TransferCount{},
	}
	twin := "" // the piece whose lost race was just told: a DEBUG twin follows
	eachLine(t, log, readConsole, func(l plainLine) {
		c.lines++
		c.levels[l.level]++
		c.messages[simnode.MessageCount{Level: l.level, Logger: l.logger, Message: l.shape()}]++
		if l.logger != "piecestore" {
			return
		}
		piece := l.text("piece_id", "Piece ID")
		if l.level == "DEBUG" && piece == twin {
			twin = ""
			return
		}
		twin = ""
		outcome := ""
		switch l.message {
		case "upload started", "download started":
			outcome = "started"
		case "uploaded", "downloaded":
			outcome = "success"
		case "upload canceled", "download canceled":
			outcome = "canceled"
		case "upload canceled (race lost or node shutdown)", "download canceled (race lost or node shutdown)":
			outcome, twin = "canceled", piece
		case "upload failed", "download failed":
			outcome = "failed"
		case "upload rejected, too many requests":
			c.rejected++
		}
		if outcome == "" {
			return
		}
		key := simnode.TransferCount{
			Satellite: l.text("satellite_id", "Satellite ID"), Action: l.text("action", "Action"), Outcome: outcome,
		}
		if key.Satellite == "" {
			key.Action, _, _ = strings.Cut(l.message, " ")
		}
		sum := c.transfers[key]
		sum.Count++
		if outcome != "started" {
			sum.Bytes += l.number("size", "Size")
		}
		c.transfers[key] = sum
	})
	return c
}

func (c counted) sorted() []simnode.TransferCount {
	var all []simnode.TransferCount
	for key, sum := range c.transfers {
		key.Count, key.Bytes = sum.Count, sum.Bytes
		all = append(all, key)
	}
	sortTransfers(all)
	return all
}

func sortTransfers(all []simnode.TransferCount) {
	slices.SortFunc(all, func(a, b simnode.TransferCount) int {
		return cmp.Or(cmp.Compare(a.Satellite, b.Satellite), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Outcome, b.Outcome))
	})
}

func compareWithTruth(t *testing.T, log []byte, truth simnode.Truth) {
	t.Helper()
	c := count(t, log)
	if c.lines != truth.Log.Lines {
		t.Errorf("the log has %d lines, the truth says %d", c.lines, truth.Log.Lines)
	}
	if diff := gocmp.Diff(c.levels, truth.Log.Levels); diff != "" {
		t.Errorf("levels (counted, truth):\n%s", diff)
	}
	messages := map[simnode.MessageCount]int64{}
	for _, m := range truth.Log.Messages {
		number := m.Count
		m.Count = 0
		messages[m] = number
	}
	if diff := gocmp.Diff(c.messages, messages); diff != "" {
		t.Errorf("messages (counted, truth):\n%s", diff)
	}
	got, want := c.sorted(), slices.Clone(truth.Log.Transfers)
	sortTransfers(want)
	if diff := gocmp.Diff(got, want); diff != "" {
		t.Errorf("transfers (counted, truth):\n%s", diff)
	}
	if c.rejected != truth.Log.Rejected {
		t.Errorf("%d rejected uploads in the log, the truth says %d", c.rejected, truth.Log.Rejected)
	}
}

func TestTruthIsWhatTheLogSays(t *testing.T) {
	t.Parallel()
	everyScenario(t, func(t *testing.T, o simnode.Options, span time.Duration) {
		n, log := run(t, span, o)
		compareWithTruth(t, log, n.Truth())
		checkSums(t, n.Truth())
		o.Level = "warn"
		n, log = run(t, span/2, o)
		compareWithTruth(t, log, n.Truth())
	})
	for _, version := range []string{"1.60.3", "1.71.2", "1.79.4", "1.86.2", "1.99.3", "1.104.5", "1.113.5", "1.116.7", "1.122.10", "1.145.3", "1.146.5", "1.150.0"} {
		t.Run(version, func(t *testing.T) {
			for _, level := range []string{"debug", "info"} {
				n, log := run(t, 20*time.Hour, simnode.Options{Seed: 11, Version: version, Updates: noUpdates, Level: level, Rate: 100, JoinedAge: 90 * day})
				compareWithTruth(t, log, n.Truth())
			}
		})
	}
}

// checkSums checks what must add up in every truth.
func checkSums(t *testing.T, truth simnode.Truth) {
	t.Helper()
	started, ended := int64(0), int64(0)
	for _, c := range truth.Transfers {
		if c.Outcome == "started" {
			started += c.Count
		} else {
			ended += c.Count
		}
	}
	if started != ended+truth.Unfinished+truth.Running || started == 0 {
		t.Errorf("%d transfers started; %d ended, %d went down with their process, %d are running", started, ended, truth.Unfinished, truth.Running)
	}
	d := truth.Disk
	if d.Used != d.Pieces+d.Trash+d.Reclaimable {
		t.Errorf("used %d is not pieces %d + trash %d + reclaimable %d", d.Used, d.Pieces, d.Trash, d.Reclaimable)
	}
	if d.Allocated != d.Used+d.Free-d.Overused {
		t.Errorf("allocated %d is not used %d + free %d − overused %d", d.Allocated, d.Used, d.Free, d.Overused)
	}
}

func TestDurationsAreThoseOfTheLog(t *testing.T) {
	// with milliseconds in the log the durations can be checked from it
	n, log := run(t, 2*day, simnode.Options{Seed: 6, Version: "1.82.1", Updates: noUpdates, Rate: 300, JoinedAge: 90 * day})
	type side struct{ piece, peer string }
	started := map[side]time.Time{}
	sums := map[[2]string]float64{}
	counts := map[[2]string]int64{}
	eachLine(t, log, readConsole, func(l plainLine) {
		if l.logger != "piecestore" {
			return
		}
		at, err := time.Parse("2006-01-02T15:04:05.000Z0700", l.time)
		if err != nil {
			t.Fatal(err)
		}
		key := side{l.text("Piece ID"), l.text("Remote Address")}
		if strings.HasSuffix(l.message, " started") {
			started[key] = at
			return
		}
		if from, ok := started[key]; ok {
			who := [2]string{l.text("Satellite ID"), l.text("Action")}
			sums[who] += at.Sub(from).Seconds()
			counts[who]++
			delete(started, key)
		}
	})
	durations := n.Truth().Log.Durations
	if len(durations) == 0 {
		t.Fatal("no durations")
	}
	for _, d := range durations {
		who := [2]string{d.Satellite, d.Action}
		if mean := sums[who] / float64(counts[who]); counts[who] != d.Count || mean < d.Mean-0.001 || mean > d.Mean+0.001 {
			t.Errorf("%v: %d of %.4f s in the log, the truth says %d of %.4f s", who, counts[who], mean, d.Count, d.Mean)
		}
		if d.P50 > d.P90 || d.P90 > d.P95 || d.P95 > d.P99 || d.P99 > d.Max {
			t.Errorf("%v: percentiles are out of order: %+v", who, d)
		}
	}
}

func TestObserveTellsTheTruth(t *testing.T) {
	transfers := map[[3]string]int64{}
	audits := map[[2]string]int64{}
	last := time.Time{}
	n, _ := run(t, 6*day, simnode.Options{Seed: 8, Scenario: simnode.AuditTimeouts, Rate: 200, JoinedAge: 90 * day, Observe: func(e simnode.Event) {
		if e.At.Before(last) {
			t.Fatalf("an event of %v after one of %v", e.At, last)
		}
		last = e.At
		switch e.Kind {
		case simnode.EventTransfer:
			transfers[[3]string{e.Satellite, e.Action, e.Outcome}]++
		case simnode.EventAudit:
			audits[[2]string{e.Satellite, e.Outcome}]++
		}
	}})
	truth := n.Truth()
	for _, c := range truth.Transfers {
		if c.Outcome == "started" {
			continue
		}
		if got := transfers[[3]string{c.Satellite, c.Action, c.Outcome}]; got != c.Count {
			t.Errorf("%+v: %d observed", c, got)
		}
	}
	if got := transfers[[3]string{"", "PUT", "rejected"}]; got != truth.Rejected || got == 0 {
		t.Errorf("%d rejected uploads observed, the truth says %d", got, truth.Rejected)
	}
	for _, s := range truth.Satellites {
		if got := audits[[2]string{s.ID, "failed"}]; got != s.FailedAudits {
			t.Errorf("%s: %d failed audits observed, the truth says %d", s.URL, got, s.FailedAudits)
		}
	}
}

func TestEveryByteIsAccountedFor(t *testing.T) {
	const stored = 2_000_000_000_000
	uploaded := int64(0)
	n, log := run(t, 25*day, simnode.Options{
		Rate: 40, JoinedAge: 200 * day, DiskUsed: stored, Satellites: []simnode.Satellite{{ID: us1, URL: "us1.storj.io:7777"}},
		Observe: func(e simnode.Event) {
			if e.Kind == simnode.EventTransfer && e.Outcome == "success" && strings.HasPrefix(e.Action, "PUT") {
				uploaded += e.Bytes
			}
		},
	})
	truth := n.Truth()
	var movedPieces, deletedPieces, deletedBytes int64
	eachLine(t, log, readConsole, func(l plainLine) {
		switch l.message {
		case "Moved pieces to trash during retain":
			movedPieces += l.number("deleted_pieces", "Deleted pieces")
		case "trash-filewalker completed":
			deletedBytes += l.number("bytes_deleted", "bytesDeleted")
			deletedPieces += l.number("num_keys_deleted", "numKeysDeleted")
		}
	})
	s := truth.Satellites[0]
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"collected is what is in the trash and what has left it", truth.CollectedBytes, s.TrashBytes + truth.TrashDeletedBytes},
		{"pieces collected, in the log", truth.CollectedPieces, movedPieces},
		{"pieces deleted from the trash, in the log", truth.TrashDeletedPieces, deletedPieces},
		{"bytes deleted from the trash, in the log", truth.TrashDeletedBytes, deletedBytes},
		{"the disk's pieces are kept or garbage", truth.Disk.Pieces, s.PieceBytes + s.GarbageBytes},
		{"the disk's trash", truth.Disk.Trash, s.TrashBytes},
		{"what came is there or has been compacted away", stored + uploaded, truth.Disk.Used + reclaimed(truth)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d and %d", c.what, c.got, c.want)
		}
	}
	if s.TrashBytes == 0 || truth.TrashDeletedBytes == 0 || s.GarbageBytes == 0 || reclaimed(truth) == 0 || uploaded == 0 {
		t.Errorf("something never happened: %+v", truth.Disk)
	}
	if truth.CollectedPieces == 0 || truth.CollectedBytes < truth.CollectedPieces {
		t.Errorf("%d bytes in %d collected pieces", truth.CollectedBytes, truth.CollectedPieces)
	}
}

// reclaimed is what all compactions have freed.
func reclaimed(truth simnode.Truth) (bytes int64) {
	for _, c := range truth.Compactions {
		bytes += c.ReclaimedBytes
	}
	return bytes
}
