package upkeep_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/upkeep"
)

const (
	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"
)

// now is a while after the recorded logs end.
var now = time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{
		FlushInterval: -1,
		Now:           func() time.Time { return now },
		Limits:        store.Limits{Policies: upkeep.Concern{}.Policies(settings.Default().Retention)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func nodeNamed(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name, Thresholds: settings.Default().Thresholds}, History: "history-of-" + name}
}

// hear is what the fleet does with a log, flushed after so many lines.
func hear(t testing.TB, into *store.Store, node concern.Node, every int, lines ...string) {
	t.Helper()
	ear, parser := upkeep.Concern{}.Listen(node, into), storagenode.NewParser()
	for i, line := range lines {
		if event, err := parser.Parse([]byte(line)); err == nil && event != nil {
			ear.Hear(event)
		}
		if (i+1)%every > 0 && i+1 < len(lines) {
			continue
		}
		batch := &store.Batch{}
		if err := ear.Flush(batch); err != nil {
			t.Fatal(err)
		}
		if err := into.Record(batch); err != nil {
			t.Fatal(err)
		}
	}
}

// line is an INFO line so long before now.
func line(before time.Duration, logger, message, fields string) string {
	if logger != "" {
		logger += "\t"
	}
	return fmt.Sprintf("%s\tINFO\t%s%s\t{%s}", now.Add(-before).Format(time.RFC3339), logger, message, fields)
}

func started(before time.Duration) string {
	return line(before, "", "Node 12FkW9VYFaQTdS3ZWgz7EzP5pH5vYtQXi1Y3GmpyEAXvBpsBK2r started", "")
}

func compaction(before time.Duration, message, store, more string) string {
	return line(before, "hashstore", message, fmt.Sprintf(`"satellite": %q, "store": %q%s`, us1, store, more))
}

func recordedLog(t testing.TB, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "storagenode", "testdata", "logs", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n")
}

func asking(s *store.Store, queryType string, nodes ...concern.Node) concern.Request {
	request := concern.Request{
		Query: concern.Query{QueryType: queryType, Format: concern.Table},
		From:  now.Add(-24 * time.Hour), To: now, Now: now,
		Settings: settings.Default(), Store: s,
	}
	for _, node := range nodes {
		seen := concern.Evidence{HasLog: true, Level: storagenode.Info, Since: now.Add(-24 * time.Hour)}
		for kind := range seen.Last {
			seen.Last[kind] = now.Add(-time.Minute)
		}
		request.Watched = append(request.Watched, concern.Watched{Node: node, Evidence: seen})
	}
	return request
}

func answered(t testing.TB, request concern.Request) *data.Frame {
	t.Helper()
	frames, err := upkeep.Concern{}.Answer(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) != 1 || frames[0].Meta == nil {
		t.Fatalf("%d frames", len(frames))
	}
	return frames[0]
}

// rows are the rows of a table: what these columns hold, "-" for null.
func rows(frame *data.Frame, columns ...string) []string {
	var all []string
	for i, name := range columns {
		field, _ := frame.FieldByName(name)
		if field == nil {
			continue
		}
		for j := range field.Len() {
			v, ok := field.ConcreteAt(j)
			if !ok {
				v = "-"
			} else if at, isTime := v.(time.Time); isTime {
				v = at.UTC().Format("15:04:05")
			}
			if i == 0 {
				all = append(all, fmt.Sprint(v))
			} else {
				all[j] += fmt.Sprint(" | ", v)
			}
		}
	}
	return all
}

func TestCompactions(t *testing.T) {
	lines := []string{
		started(10 * time.Hour),
		compaction(9*time.Hour, "beginning compaction", "s0", ""),
		compaction(8*time.Hour, "hashtbl rewritten", "s0", `, "rewritten_bytes": "2.0 MiB", "reclaimed_bytes": "1.0 MiB", "reclaim_ratio": 0.5`),
		compaction(7*time.Hour, "hashtbl rewritten", "s0", `, "rewritten_bytes": "0 B", "reclaimed_bytes": "1.0 MiB", "reclaim_ratio": "NaN"`),
		compaction(7*time.Hour, "finished compaction", "s0", `, "duration": "2h0m0.5s", "stats": {}`),
		// Two stores at once; of the second one the end is not written, because the node is restarted.
		compaction(6*time.Hour, "beginning compaction", "s0", ""),
		compaction(6*time.Hour, "beginning compaction", "s1", ""),
		compaction(5*time.Hour, "finished compaction", "s0", `, "duration": "1h0m0s", "error": "disk", "stats": {}`),
		started(4 * time.Hour),
		compaction(3*time.Hour, "beginning compaction", "s1", ""),
		// Of this one the start was not read.
		compaction(2*time.Hour, "finished compaction", "s2", `, "duration": "30m0s"`),
	}
	want := []string{
		"s1 | running | 20:30:00 | - | 10800 | - | - | -",
		"s2 | finished | 21:00:00 | 21:30:00 | - | 1800 | 0 | -",
		"s0 | failed | 17:30:00 | 18:30:00 | - | 3600 | 0 | -",
		"s1 | interrupted | 17:30:00 | - | - | - | - | -",
		"s0 | finished | 14:30:00 | 16:30:00 | - | 7200.5 | 2.097152e+06 | 1",
	}
	shown := []string{"store", "state", "started_at", "finished_at", "running_seconds", "duration_seconds", "reclaimed_bytes", "reclaim_ratio"}
	for _, every := range []int{1, 2, 100} {
		s, node := newStore(t), nodeNamed("A")
		hear(t, s, node, every, lines...)
		if diff := cmp.Diff(want, rows(answered(t, asking(s, "compactions", node)), shown...)); diff != "" {
			t.Errorf("flushed after %d lines: %s", every, diff)
		}
		request := asking(s, "compactions", node)
		request.From = now.Add(-150 * time.Minute)
		if got := rows(answered(t, request), "store", "state"); len(got) != 2 {
			t.Errorf("of the last hours: %v", got)
		}
		request.Query.Satellites = []string{"eu1"}
		if got := answered(t, request); len(got.Fields) > 0 {
			t.Error("compactions of another satellite")
		}
	}
	// A restart ends what runs.
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 100, lines...)
	hear(t, s, node, 1, started(time.Hour))
	if got := strings.Join(rows(answered(t, asking(s, "compactions", node)), "state"), " "); strings.Contains(got, "running") {
		t.Error(got)
	}
}

// The log of yesterday, read after that of today, changes nothing that is newer.
func TestLateLines(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 1,
		started(4*time.Hour),
		compaction(3*time.Hour, "beginning compaction", "s1", ""),
		line(2*time.Hour, "pieces", "used-space-filewalker completed", fmt.Sprintf(`"satellite_id": %q, "duration": "10s"`, us1)))
	hear(t, s, node, 1,
		started(20*time.Hour),
		compaction(10*time.Hour, "beginning compaction", "s1", ""),
		compaction(9*time.Hour, "beginning compaction", "s0", ""),
		compaction(8*time.Hour, "finished compaction", "s0", `, "duration": "1h0m0s"`),
		line(7*time.Hour, "pieces", "used-space-filewalker completed", fmt.Sprintf(`"satellite_id": %q, "duration": "20s"`, us1)))
	want := []string{"s1 | running", "s0 | finished", "s1 | interrupted"}
	if diff := cmp.Diff(want, rows(answered(t, asking(s, "compactions", node)), "store", "state")); diff != "" {
		t.Error(diff)
	}
	wantWalks := []string{"used-space | 21:30:00 | 10 | true"}
	if diff := cmp.Diff(wantWalks, rows(answered(t, asking(s, "filewalkers", node)), "walker", "last_finished", "duration_seconds", "finished_since_restart")); diff != "" {
		t.Error(diff)
	}
}

func walkLine(before time.Duration, logger, message, satellite, more string) string {
	return line(before, logger, message, fmt.Sprintf(`"satellite_id": %q%s`, satellite, more))
}

func TestFilewalkers(t *testing.T) {
	lazy := "lazyfilewalker."
	lines := []string{
		started(10 * time.Hour),
		walkLine(9*time.Hour, "pieces", "used-space-filewalker started", us1, ""),
		walkLine(9*time.Hour-time.Second, lazy+"used-space-filewalker", "starting subprocess", us1, ""),
		walkLine(7*time.Hour, lazy+"used-space-filewalker", "subprocess finished successfully", us1, ""),
		walkLine(7*time.Hour, "pieces", "used-space-filewalker completed", us1, `, "duration": "1h59m59s", "total_pieces_count": 7`),
		walkLine(6*time.Hour, "retain", "Prepared to run a Retain request.", us1, ""),
		walkLine(6*time.Hour, lazy+"gc-filewalker", "starting subprocess", us1, ""),
		walkLine(5*time.Hour, lazy+"gc-filewalker.subprocess", "gc-filewalker completed", us1, ""),
		walkLine(5*time.Hour, "retain", "Moved pieces to trash during retain", us1, `, "deleted_pieces": 1, "duration": "1h0m1s"`),
		// The restart ends this one, and this one has failed.
		walkLine(4*time.Hour, "pieces", "used-space-filewalker started", eu1, ""),
		started(3 * time.Hour),
		walkLine(2*time.Hour, "pieces:trash", "emptying trash started", eu1, ""),
		line(time.Hour, "pieces:trash", "emptying trash failed", `"error": "killed"`),
		walkLine(30*time.Minute, "pieces:trash", "emptying trash started", us1, ""),
	}
	want := []string{
		"eu1 | trash | failed | 21:30:00 | - | - | - | - | 22:30:00 | false",
		"eu1 | used-space | interrupted | 19:30:00 | - | - | - | - | - | false",
		"us1 | garbage | finished | 17:30:00 | 18:30:00 | 18000 | - | 3601 | - | false",
		"us1 | trash | running | 23:00:00 | - | - | 1800 | - | - | false",
		"us1 | used-space | finished | 14:30:00 | 16:30:00 | 25200 | - | 7199 | - | false",
	}
	shown := []string{"satellite", "walker", "state", "last_started", "last_finished", "age_seconds", "running_seconds", "duration_seconds", "last_failed", "finished_since_restart"}
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 1, lines...)
	if diff := cmp.Diff(want, rows(answered(t, asking(s, "filewalkers", node)), shown...)); diff != "" {
		t.Error(diff)
	}
	// The API knows of a restart that the log does not tell.
	request := asking(s, "filewalkers", node)
	request.Watched[0].Facts.StartedAt = now.Add(-time.Minute)
	if got := strings.Join(rows(answered(t, request), "state"), " "); strings.Contains(got, "running") {
		t.Error(got)
	}
	// Nothing is said of a restart that nobody saw.
	s = newStore(t)
	hear(t, s, node, 1, lines[1:4]...)
	if got := rows(answered(t, asking(s, "filewalkers", node)), "finished_since_restart", "node_started"); len(got) != 1 || got[0] != "- | -" {
		t.Error(got)
	}
}

func TestMigration(t *testing.T) {
	moved := func(before time.Duration, satellite string, size int) string {
		return strings.Replace(line(before, "piecemigrate:chore", "migrated a piece", fmt.Sprintf(`"sat": %q, "id": "P", "size": %d, "took": "2ms"`, satellite, size)), "INFO", "DEBUG", 1)
	}
	counted := func(before time.Duration, satellite string, pieces, bytes int) string {
		return walkLine(before, "pieces", "used-space-filewalker completed", satellite, fmt.Sprintf(`, "total_pieces_count": %d, "total_pieces_content_size": %d`, pieces, bytes))
	}
	queued := func(before time.Duration, satellite string) string {
		return line(before, "piecemigrate:chore", "enqueued for migration", fmt.Sprintf(`"sat": %q`, satellite))
	}
	lines := []string{
		counted(40*time.Hour, us1, 1000, 100_000), counted(40*time.Hour, eu1, 5, 500),
		queued(39*time.Hour, us1), queued(39*time.Hour, eu1),
		moved(38*time.Hour, us1, 100),
		moved(37*time.Hour, eu1, 100),
	}
	for i := range 9 {
		lines = append(lines, moved(time.Duration(30-i)*time.Minute, us1, 200))
	}
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, 4, lines...)
	want := []string{
		"us1 | migrating | 9 | 1800 | 990 | 98100 | 9.504e+06 | 2",
		"eu1 | queued | 0 | 0 | 4 | 400 | - | 2",
	}
	shown := []string{"satellite", "state", "pieces_per_day", "bytes_per_day", "pieces_left", "bytes_left", "time_to_go_seconds", "satellites_left"}
	want[1] = "eu1 | queued | - | - | 4 | 400 | - | 2"
	if diff := cmp.Diff(want, rows(answered(t, asking(s, "migration", node)), shown...)); diff != "" {
		t.Error(diff)
	}

	// At INFO there is a line for every 10,000 pieces of all satellites; its counts are of
	// the process.
	bunch := func(before time.Duration, pieces, bytes int) string {
		return line(before, "piecemigrate:chore", "processed a bunch of pieces", fmt.Sprintf(`"successes": %d, "size": %d`, pieces, bytes))
	}
	s = newStore(t)
	hear(t, s, node, 2,
		counted(9*time.Hour, us1, 70_000, 9_000_000), queued(8*time.Hour, us1),
		bunch(7*time.Hour, 10_000, 1_000_000), bunch(6*time.Hour, 20_000, 2_000_000),
		started(5*time.Hour), bunch(4*time.Hour, 10_000, 500_000), bunch(4*time.Hour, 10_000, 500_000))
	want = []string{
		"us1 | queued | - | - | 70000 | 9e+06 | - | 1",
		" | queued | 30000 | 2.5e+06 | - | - | - | 1",
	}
	if diff := cmp.Diff(want, rows(answered(t, asking(s, "migration", node)), shown...)); diff != "" {
		t.Error(diff)
	}
}

// The recorded node compacts sixteen times and migrates two satellites.
func TestRecordedUpkeep(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	lines := recordedLog(t, "runB-node1.compaction.info.console.log")
	hear(t, s, node, 7, lines...)
	// Lines of the start with their satellite and store, each second once.
	starts, ends := map[string]bool{}, 0
	pattern := regexp.MustCompile(`^(\S+)\tINFO\thashstore\tbeginning compaction\t.*"satellite": "(\w+)", "store": "(\w+)"`)
	for _, text := range lines {
		if found := pattern.FindString(text); found != "" {
			starts[found] = true
		}
		if strings.Contains(text, "\tfinished compaction\t") {
			ends++
		}
	}
	got := rows(answered(t, asking(s, "compactions", node)), "state")
	if len(starts) == 0 || len(got) != len(starts) || ends != len(got) || strings.Contains(strings.Join(got, " "), "running") {
		t.Errorf("%d compactions of %d, %d ended: %v", len(got), len(starts), ends, got)
	}
	if got := rows(answered(t, asking(s, "migration", node)), "satellite", "state", "satellites_left"); len(got) != 2 {
		t.Errorf("migration: %v", got)
	}
	for _, row := range rows(answered(t, asking(s, "filewalkers", node)), "satellite", "walker", "state", "finished_since_restart") {
		// After its second start the old folders are gone: nobody walks them any more.
		want := "| finished | true"
		if strings.Contains(row, "| used-space |") {
			want = "| finished | false"
		}
		if !strings.HasSuffix(row, want) {
			t.Error(row)
		}
	}
}

func TestBlindnessIsSaid(t *testing.T) {
	for _, queryType := range (upkeep.Concern{}).Types() {
		for _, c := range []struct {
			name   string
			change func(*concern.Watched)
			want   string // in the notice; "": none
		}{
			{"seen", func(*concern.Watched) {}, ""},
			{"no log", func(w *concern.Watched) { w.Evidence = concern.Evidence{} }, "give the node's log"},
			{"nothing yet", func(w *concern.Watched) {
				w.Evidence = concern.Evidence{HasLog: true}
				w.LogTrouble = "permission denied"
			}, "permission denied"},
			{"silent", func(w *concern.Watched) { w.Evidence.Last = [concern.LineKinds]time.Time{} }, "has had no line"},
			{"only errors", func(w *concern.Watched) { w.Evidence.Level = storagenode.Error }, "set log.level: info"},
			{"retired", func(w *concern.Watched) { w.Evidence, w.Retired = concern.Evidence{}, true }, ""},
		} {
			s, node := newStore(t), nodeNamed("A")
			request := asking(s, queryType.Name, node)
			c.change(&request.Watched[0])
			frame := answered(t, request)
			var texts []string
			for _, notice := range frame.Meta.Notices {
				texts = append(texts, notice.Text)
			}
			if c.want == "" && len(texts) > 0 || c.want != "" && (len(texts) != 1 || !strings.Contains(texts[0], c.want)) {
				t.Errorf("%s, %s: %q", queryType.Name, c.name, texts)
			}
			if len(frame.Fields) > 0 {
				t.Errorf("%s, %s: there is data", queryType.Name, c.name)
			}
		}
	}
}

func TestGarbageIsBounded(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	var lines []string
	for i := range 3000 {
		before, satellite := time.Duration(i)*time.Second, fmt.Sprintf("1%050d", i)
		lines = append(lines,
			line(before, "hashstore", "beginning compaction", fmt.Sprintf(`"satellite": %q, "store": "%0100d"`, satellite, i)),
			walkLine(before, "pieces", "used-space-filewalker started", satellite, ""),
			line(before, "piecemigrate:chore", "enqueued for migration", fmt.Sprintf(`"sat": %q`, satellite)))
	}
	hear(t, s, node, 1000, lines...)
	if document, ok := s.Document(node.StoredAs("upkeep")); !ok || len(document) > 200<<10 {
		t.Errorf("the document has %d bytes", len(document))
	}
}
