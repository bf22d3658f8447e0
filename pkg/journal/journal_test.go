package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/journal"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"

// now is a while after the recorded logs end.
var now = time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{
		FlushInterval: -1,
		Now:           func() time.Time { return now },
		Limits:        store.Limits{Policies: journal.Concern{}.Policies(settings.Default().Retention)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func nodeNamed(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name}, History: "history-of-" + name}
}

// listener is what the fleet does with a log.
type listener struct {
	t      testing.TB
	ear    concern.Ear
	into   *store.Store
	parser *storagenode.Parser
}

func listen(t testing.TB, into *store.Store, node concern.Node) *listener {
	return &listener{t, journal.Concern{}.Listen(node, into), into, storagenode.NewParser()}
}

func (l *listener) hear(lines ...string) {
	for _, line := range lines {
		event, err := l.parser.Parse([]byte(line))
		if err == nil && event != nil {
			l.ear.Hear(event)
		}
	}
}

func (l *listener) flush() {
	l.t.Helper()
	batch := &store.Batch{}
	if err := l.ear.Flush(batch); err != nil {
		l.t.Fatal(err)
	}
	if err := l.into.Record(batch); err != nil {
		l.t.Fatal(err)
	}
}

func hear(t testing.TB, into *store.Store, node concern.Node, lines ...string) {
	t.Helper()
	l := listen(t, into, node)
	l.hear(lines...)
	l.flush()
}

// line is a line of a log, so long before now.
func line(before time.Duration, level, logger, message, fields string) string {
	if logger != "" {
		logger += "\t"
	}
	return fmt.Sprintf("%s\t%s\t%s%s\t{%s}", now.Add(-before).Format(time.RFC3339), level, logger, message, fields)
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
	frames, err := journal.Concern{}.Answer(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) != 1 || frames[0].Meta == nil {
		t.Fatalf("%d frames", len(frames))
	}
	return frames[0]
}

// column is a column's values as text.
func column(frame *data.Frame, name string) []string {
	field, _ := frame.FieldByName(name)
	if field == nil {
		return nil
	}
	texts := []string{}
	for i := range field.Len() {
		v, ok := field.ConcreteAt(i)
		if !ok {
			v = "-"
		} else if at, isTime := v.(time.Time); isTime {
			v = at.UTC().Format("15:04:05")
		}
		texts = append(texts, fmt.Sprint(v))
	}
	return texts
}

func rows(frame *data.Frame, columns ...string) []string {
	var all []string
	for i, name := range columns {
		for j, text := range column(frame, name) {
			if i == 0 {
				all = append(all, text)
			} else {
				all[j] += " | " + text
			}
		}
	}
	return all
}

func notices(frame *data.Frame) []string {
	var texts []string
	for _, notice := range frame.Meta.Notices {
		texts = append(texts, notice.Text)
	}
	return texts
}

// eventLines are one line of each kind of events, the oldest first.
var eventLines = []string{
	line(60*time.Minute, "INFO", "", "Node 12FkW9VYFaQTdS3ZWgz7EzP5pH5vYtQXi1Y3GmpyEAXvBpsBK2r started", ""),
	line(59*time.Minute, "DEBUG", "", "Version info", `"version": "v1.162.3"`),
	line(58*time.Minute, "DEBUG", "", "Version info", `"version": "v1.163.0"`),
	line(57*time.Minute, "INFO", "contact:amnesty", "sending amnesty batch to satellite", `"satellite": "`+us1+`", "piece_count": 37`),
	line(56*time.Minute, "WARN", "reputation:service", "node scores worsened", `"satellite_id": "`+us1+`", "total_audits": 338, "successful_audits": 322, "audit_score": 0.998, "online_score": 0.8857, "suspension_score": 1`),
	line(55*time.Minute, "INFO", "hashstore", "finished compaction", `"satellite": "`+us1+`", "store": "s0", "duration": "2m4.5s", "stats": {}`),
	line(54*time.Minute, "INFO", "lazyfilewalker.gc-filewalker", "subprocess finished successfully", `"satellite_id": "`+us1+`"`),
	line(54*time.Minute, "INFO", "lazyfilewalker.gc-filewalker.subprocess", "gc-filewalker completed", `"satellite_id": "`+us1+`", "pieces_count": 9`),
	line(53*time.Minute, "INFO", "pieces", "used-space-filewalker completed", `"satellite_id": "`+us1+`", "duration": "163ms"`),
	line(52*time.Minute, "ERROR", "pieces", "used-space-filewalker failed", `"satellite_id": "`+us1+`", "error": "signal: killed"`),
	line(51*time.Minute, "INFO", "pieces:trash", "emptying trash finished", `"satellite_id": "`+us1+`", "elapsed": "66ms"`),
	line(50*time.Minute, "INFO", "retain", "Moved pieces to trash during retain", `"satellite_id": "`+us1+`", "deleted_pieces": 12, "duration": "99ms"`),
	line(49*time.Minute, "INFO", "piecemigrate:chore", "enqueued for migration", `"sat": "`+us1+`"`),
	line(48*time.Minute, "INFO", "piecemigrate:chore", "removed empty satellite directory", `"dir": "/a/b"`),
	line(47*time.Minute, "ERROR", "services", "unexpected shutdown of a runner", `"name": "piecestore:monitor", "error": "disk gone\n\tstack"`),
	line(46*time.Minute, "FATAL", "", "Unrecoverable error", `"error": "piecestore monitor: disk gone\n\tstack"`),
	line(45*time.Minute, "INFO", "hashstore", "unclean shutdown detected: reconciling logs", `"satellite": "`+us1+`", "store": "s1"`),
	line(44*time.Minute, "INFO", "", `Got a signal from the OS: "terminated"`, ""),
	// These are one event an hour: 22:xx and 23:xx.
	line(43*time.Minute, "ERROR", "contact:service", "ping satellite failed ", `"satellite_id": "`+us1+`", "attempts": 1, "error": "refused"`),
	line(42*time.Minute, "ERROR", "contact:service", "ping satellite failed ", `"satellite_id": "`+us1+`", "attempts": 2, "error": "refused"`),
	line(10*time.Minute, "ERROR", "contact:service", "ping satellite failed ", `"satellite_id": "`+us1+`", "attempts": 1, "error": "refused"`),
	line(9*time.Minute, "INFO", "piecestore", "upload rejected, too many requests", `"live_requests": 2, "request_limit": 1`),
	line(9*time.Minute, "INFO", "piecestore", "upload rejected, too many requests", `"live_requests": 2, "request_limit": 1`),
	line(8*time.Minute, "WARN", "", "Used more space than allocated. Allocated space is", `"bytes": 20000000`),
	line(7*time.Minute, "ERROR", "preflight:localtime", "system clock is out of sync with satellite", `"satellite_id": "`+us1+`"`),
	line(6*time.Minute, "ERROR", "piecestore", "download failed", `"piece_id": "X", "satellite_id": "`+us1+`", "action": "GET_AUDIT", "offset": 0, "size": 256, "error": "file does not exist"`),
	line(5*time.Minute, "INFO", "piecestore", "downloaded", `"piece_id": "X", "satellite_id": "`+us1+`", "action": "GET", "offset": 0, "size": 256`),
}

var wantedEvents = []string{
	"23:00:00 |  | uploads_rejected | warning | The node refused uploads, because too many were under way (2 times in this hour)",
	"23:00:00 | us1 | ping_failed | warning | The node could not check in with us1",
	"23:00:00 |  | disk_overused | warning | The node uses more space than is allocated to it",
	"23:00:00 | us1 | clock_skewed | warning | The node's clock is out of sync with us1",
	"23:00:00 | us1 | pieces_missing | critical | Pieces that us1 asked for in an audit or a repair were not there",
	"22:46:00 |  | node_stopping | info | The node was told to stop: terminated",
	"22:45:00 | us1 | hashstore_damaged | warning | The hashstore of us1 is to be looked at: unclean shutdown detected: reconciling logs (s1)",
	"22:44:00 |  | node_died | critical | The node stopped itself: piecestore monitor: disk gone",
	"22:43:00 |  | runner_stopped | critical | piecestore:monitor stopped unexpectedly: disk gone",
	"22:42:00 |  | migration_finished | info | All pieces of a satellite are migrated to the hashstore: its old folder was removed",
	"22:41:00 | us1 | migration_started | info | The pieces of us1 are queued for migration to the hashstore",
	"22:40:00 | us1 | garbage_collected | info | The garbage collection for us1 moved 12 pieces to the trash after 99ms",
	"22:39:00 | us1 | trash_emptied | info | The trash of us1 was emptied",
	"22:38:00 | us1 | filewalker_failed | warning | The used-space filewalker for us1 failed",
	"22:37:00 | us1 | filewalker_finished | info | The used-space filewalker for us1 finished after 163ms",
	"22:36:00 | us1 | filewalker_finished | info | The garbage filewalker for us1 finished",
	"22:35:00 | us1 | compaction_finished | info | A compaction for us1 finished (s0) after 2m5s",
	"22:34:00 | us1 | scores_worsened | warning | The scores with us1 got worse: audit 99.8 %, suspension 100 %, online 88.57 %; 322 of 338 audits succeeded",
	"22:33:00 | us1 | lost_pieces | critical | The node told us1 that it lost 37 pieces",
	"22:32:00 |  | node_updated | info | The node was updated from v1.162.3 to v1.163.0",
	"22:30:00 |  | node_started | info | The node started",
	"22:00:00 | us1 | ping_failed | warning | The node could not check in with us1 (2 times in this hour)",
}

func sortedBy(lines []string) map[string]int {
	set := map[string]int{}
	for _, line := range lines {
		set[line]++
	}
	return set
}

// Each kind of lines is its event, however the lines are flushed, and when they are read
// a second time there is no event more.
func TestEventsOfEachKind(t *testing.T) {
	eventColumns := []string{"time", "satellite", "kind", "severity", "text"}
	for _, every := range []int{1, 3, len(eventLines)} {
		s, node := newStore(t), nodeNamed("A")
		hear(t, s, node, line(61*time.Minute, "DEBUG", "", "Version info", `"version": "v1.162.3"`))
		l := listen(t, s, node)
		for i, text := range eventLines {
			l.hear(text)
			if (i+1)%every == 0 {
				l.flush()
			}
		}
		l.flush()
		got := rows(answered(t, asking(s, "events", node)), eventColumns...)
		if diff := cmp.Diff(sortedBy(wantedEvents), sortedBy(got)); diff != "" {
			t.Fatalf("flushed after %d lines: %s", every, diff)
		}
		for i := 1; i < len(got); i++ {
			if got[i][:8] > got[i-1][:8] {
				t.Errorf("the newest is not first: %s, then %s", got[i-1], got[i])
			}
		}

		// Read again, only the counts of an hour grow: the fleet never counts a line twice.
		l.hear(eventLines...)
		l.flush()
		if again := column(answered(t, asking(s, "events", node)), "kind"); len(again) != len(wantedEvents) {
			t.Errorf("read again, there are %d events instead of %d", len(again), len(wantedEvents))
		}
	}
}

func TestEventsAreSelected(t *testing.T) {
	s, a, b := newStore(t), nodeNamed("A"), nodeNamed("B")
	hear(t, s, a, eventLines...)
	hear(t, s, b, eventLines[0])
	count := func(change func(*concern.Request)) int {
		request := asking(s, "events", a, b)
		change(&request)
		return len(column(answered(t, request), "kind"))
	}
	for _, c := range []struct {
		name   string
		change func(*concern.Request)
		want   int
	}{
		{"all", func(*concern.Request) {}, len(wantedEvents)}, // no version is known before: no update
		{"one kind", func(r *concern.Request) { r.Query.Kinds = []string{"node_started"} }, 2},
		{"a pattern of kinds", func(r *concern.Request) { r.Query.Kinds = []string{"/^node_/"} }, 4},
		{"one node", func(r *concern.Request) { r.Watched = r.Watched[1:] }, 1},
		{"one satellite", func(r *concern.Request) { r.Query.Satellites = []string{"us1"} }, 14},
		{"half an hour, with the events of its hour", func(r *concern.Request) { r.From, r.To = now.Add(-20*time.Minute), now }, 5},
		{"the hour before", func(r *concern.Request) { r.From, r.To = now.Add(-50*time.Minute), now.Add(-40*time.Minute) }, 8},
	} {
		if got := count(c.change); got != c.want {
			t.Errorf("%s: %d events, want %d", c.name, got, c.want)
		}
	}
	request := asking(s, "events", a)
	request.Query.Kinds = []string{"restart"}
	if _, err := (journal.Concern{}).Answer(t.Context(), request); err == nil || !strings.Contains(err.Error(), "node_started") {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestAnnotationsAreWhatGrafanaReads(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, eventLines...)
	request := asking(s, "events", node)
	request.Query.Format = concern.Annotations
	request.Query.Kinds = []string{"ping_failed", "node_died"}
	want := []string{
		"22:00:00 | 23:00:00 | A: Ping failed | The node could not check in with us1 (2 times in this hour) | ping_failed,warning,A,us1",
		"22:44:00 | - | A: Node stopped itself | The node stopped itself: piecestore monitor: disk gone | node_died,critical,A",
		"23:00:00 | 23:30:00 | A: Ping failed | The node could not check in with us1 | ping_failed,warning,A,us1",
	}
	if diff := cmp.Diff(want, rows(answered(t, request), "time", "timeEnd", "title", "text", "tags")); diff != "" {
		t.Error(diff)
	}
}

// Without a log that says so, the API tells of an update.
func TestUpdatesAreSeenInPolls(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	poll := func(at time.Time, version string, started time.Time) {
		batch := &store.Batch{}
		status := &storagenode.Status{Version: version, StartedAt: started}
		if err := (journal.Concern{}).Record(node, concern.Poll{At: at, Status: status}, s, batch); err != nil {
			t.Fatal(err)
		}
		if err := s.Record(batch); err != nil {
			t.Fatal(err)
		}
	}
	poll(now.Add(-time.Hour), "1.162.3", now.Add(-100*time.Hour))
	poll(now.Add(-50*time.Minute), "1.162.3", now.Add(-100*time.Hour))
	poll(now.Add(-20*time.Minute), "1.163.0", now.Add(-30*time.Minute))
	// The log says the same, and what was long ago.
	hear(t, s, node,
		line(90*time.Minute, "DEBUG", "", "Version info", `"version": "v1.161.0"`),
		line(29*time.Minute, "DEBUG", "", "Version info", `"version": "v1.163.0"`))
	want := []string{"23:00:00 | node_updated | The node was updated from v1.162.3 to v1.163.0"}
	if diff := cmp.Diff(want, rows(answered(t, asking(s, "events", node)), "time", "kind", "text")); diff != "" {
		t.Error(diff)
	}
}

func TestBlindnessIsSaid(t *testing.T) {
	for _, queryType := range []string{"events", "errors"} {
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
			{"silent", func(w *concern.Watched) { w.Evidence.Last[concern.AnyLine] = now.Add(-48 * time.Hour) }, "no line since 2026-11-20 23:30 UTC"},
			{"only errors", func(w *concern.Watched) { w.Evidence.Level = storagenode.Error }, "set log.level: info"},
			{"retired", func(w *concern.Watched) { w.Evidence, w.Retired = concern.Evidence{}, true }, ""},
		} {
			s, node := newStore(t), nodeNamed("A")
			request := asking(s, queryType, node)
			c.change(&request.Watched[0])
			frame := answered(t, request)
			texts := notices(frame)
			if c.want == "" && len(texts) > 0 || c.want != "" && (len(texts) != 1 || !strings.Contains(texts[0], c.want)) {
				t.Errorf("%s of a log, %s: %q", queryType, c.name, texts)
			}
			if len(frame.Fields) > 0 {
				t.Errorf("%s of a log, %s: there is data", queryType, c.name)
			}
		}
	}
}

func TestTypesAreWhatAnswerAnswers(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node, recordedLog(t, "runA-node2.debug.console.log")...)
	for _, queryType := range (journal.Concern{}).Types() {
		for _, format := range queryType.Formats {
			request := asking(s, queryType.Name, node)
			request.Query.Format = format
			if frame := answered(t, request); len(frame.Fields) == 0 {
				t.Errorf("%s as %s: no data", queryType.Name, format)
			}
		}
	}
}
