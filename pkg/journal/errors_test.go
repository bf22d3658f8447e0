package journal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func TestErrorsAreCountedByWhatTheySay(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	pingFailed := func(before time.Duration, port, attempts int) string {
		return line(before, "ERROR", "contact:service", "ping satellite failed ", fmt.Sprintf(
			`"satellite_id": %q, "attempts": %d, "error": "ping satellite: rpc: dial tcp 127.0.0.1:%d: connect: connection refused", "errorVerbose": "x"`, us1, attempts, port))
	}
	hear(t, s, node,
		pingFailed(90*time.Minute, 17010, 1),
		pingFailed(30*time.Minute, 17011, 2),
		line(20*time.Minute, "ERROR", "blobscache", "piecesTotal < 0", `"piecesTotal": -37376`),
		line(10*time.Minute, "INFO", "blobscache", "all is well", ""))
	hear(t, s, node, pingFailed(5*time.Minute, 17012, 3))
	want := []string{
		"A | ERROR | ping satellite failed : ping satellite: rpc: dial tcp <address>: connect: connection refused | 3 | 22:00:00 | 23:25:00 | ping satellite failed : ping satellite: rpc: dial tcp 127.0.0.1:17010: connect: connection refused",
		"A | ERROR | piecesTotal < <n> | 1 | 23:10:00 | 23:10:00 | piecesTotal < 0",
	}
	frame := answered(t, asking(s, "errors", node))
	if diff := cmp.Diff(want, rows(frame, "node_name", "level", "message", "count", "first_seen", "last_seen", "example")); diff != "" {
		t.Error(diff)
	}
	// Of a shorter time, what came in it.
	request := asking(s, "errors", node)
	request.From = now.Add(-15 * time.Minute)
	if diff := cmp.Diff([]string{"1"}, column(answered(t, request), "count")); diff != "" {
		t.Error(diff)
	}
}

// A range such as "Last 14 days" begins a moment more than 14 days before it is answered. It is
// counted by ten minutes all the same, and not by hours.
func TestErrorsOfARangeAsLongAsTenMinutesAreKept(t *testing.T) {
	const back = 14 * 24 * time.Hour
	s, node := newStore(t), nodeNamed("A")
	hear(t, s, node,
		line(back+20*time.Minute, "ERROR", "blobscache", "before", ""),
		line(back-time.Minute, "ERROR", "blobscache", "since", ""))
	request := asking(s, "errors", node)
	request.From, request.Now = now.Add(-back), now.Add(200*time.Millisecond)
	if diff := cmp.Diff([]string{"since"}, column(answered(t, request), "message")); diff != "" {
		t.Error(diff)
	}
}

// The counts of a recorded log are those of its lines, by a count without the parser.
func TestErrorsOfRecordedLogs(t *testing.T) {
	for _, file := range []string{"runA-node0.info.console.log", "runA-node2.debug.console.log", "runA-node4.info.json.log", "runB-node7.info.console.log"} {
		s, node := newStore(t), nodeNamed("A")
		lines := recordedLog(t, file)
		hear(t, s, node, lines...)
		want := 0
		for _, text := range lines {
			var header struct{ L string }
			if strings.HasPrefix(text, "{") {
				_ = json.Unmarshal([]byte(text), &header)
			} else if columns := strings.Split(text, "\t"); len(columns) > 1 {
				header.L = columns[1]
			}
			switch header.L {
			case "WARN", "ERROR", "FATAL", "PANIC", "DPANIC":
				want++
			}
		}
		got, frame := 0, answered(t, asking(s, "errors", node))
		for _, text := range column(frame, "count") {
			n := 0
			_, _ = fmt.Sscan(text, &n)
			got += n
		}
		distinct := len(column(frame, "message"))
		if want == 0 || got != want || distinct > 60 {
			t.Errorf("%s: %d errors of %d kinds, want %d", file, got, distinct, want)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	l := listen(t, s, node)
	const garbage = 5000
	for i := range garbage {
		word := strings.Map(func(r rune) rune { return 'g' + (r-'0')%20 }, fmt.Sprint(i))
		l.hear(line(time.Duration(i)*time.Second, "ERROR", "", "garbage "+strings.Repeat(word+" ", 200), ""))
		if i%500 == 0 {
			l.flush()
		}
	}
	l.flush()
	frame := answered(t, asking(s, "errors", node))
	total := 0
	for _, text := range column(frame, "count") {
		n := 0
		_, _ = fmt.Sscan(text, &n)
		total += n
	}
	messages := column(frame, "message")
	if len(messages) > 201 || total != garbage {
		t.Errorf("%d messages, %d errors", len(messages), total)
	}
	if !strings.Contains(strings.Join(messages[:1], ""), "other") {
		t.Errorf("the first is %q", messages[0])
	}
	document, ok := s.Document(node.StoredAs("errors"))
	if !ok || len(document) > 250<<10 {
		t.Errorf("the document has %d bytes", len(document))
	}
}

// An old log is read beside the one of today: the errors of both are known.
func TestErrorsOfTwoEars(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	today, before := listen(t, s, node), listen(t, s, node)
	today.hear(line(time.Minute, "ERROR", "", "it failed", ""))
	today.flush()
	before.hear(line(10*time.Hour, "ERROR", "", "it burned", ""), line(11*time.Hour, "ERROR", "", "it failed", ""))
	before.flush()
	today.hear(line(0, "ERROR", "", "it sank", ""))
	today.flush()
	want := []string{"it failed | 2 | 12:30:00 | 23:29:00", "it burned | 1 | 13:30:00 | 13:30:00", "it sank | 1 | 23:30:00 | 23:30:00"}
	if diff := cmp.Diff(want, rows(answered(t, asking(s, "errors", node)), "message", "count", "first_seen", "last_seen")); diff != "" {
		t.Error(diff)
	}
}

// A document that cannot be read costs the texts, not the counts.
func TestADamagedDocumentOfErrors(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	failed := line(time.Minute, "ERROR", "", "it failed", "")
	hear(t, s, node, failed)
	for _, document := range []string{"", "{", "null", `[{"key": 3}]`} {
		putDocument(t, s, node, document)
		hear(t, s, node, failed)
	}
	if got := column(answered(t, asking(s, "errors", node)), "count"); len(got) != 1 || got[0] != "5" {
		t.Errorf("counts %v", got)
	}
}

func putDocument(t *testing.T, s *store.Store, node concern.Node, document string) {
	t.Helper()
	batch := &store.Batch{}
	batch.Put(node.StoredAs("errors"), []byte(document))
	if err := s.Record(batch); err != nil {
		t.Fatal(err)
	}
}
