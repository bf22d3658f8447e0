package conditions_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// named is a judge with a name of its own.
type named struct {
	*judge
	name string
}

func (n named) Name() string { return n.name }

// One judge that fails stops no other; that it fails is a condition that names it, told and
// reported once.
func TestOneJudgeThatFailsStopsNoOther(t *testing.T) {
	broken := &judge{definitions: []conditions.Definition{definition("broken", "x")}}
	for name, fails := range map[string]func(){
		"an error in the plugin: oh": func() { broken.panics, broken.err = "oh", nil },
		"no disk":                    func() { broken.panics, broken.err = nil, errors.New("no disk") },
	} {
		w := newWorld(t, "A", "B")
		w.others = []conditions.Judge{named{broken, "walkers"}}
		w.restart()
		fails()
		w.find(found("down", warning, "A", ""))
		w.after(3 * time.Minute)
		if diff := cmp.Diff(severities{"down@A": warning, "broken@A": unseen, "broken@B": unseen, "not_collecting@": critical}, w.severities()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"12:01 raised warning down@A", "12:01 raised critical not_collecting@"}, w.told); diff != "" {
			t.Error(diff)
		}
		var message string
		for _, row := range w.table(concern.Query{Kinds: []string{"not_collecting"}}) {
			message = row["message"]
		}
		if !strings.Contains(message, "walkers") || !strings.Contains(message, name) {
			t.Errorf("it says %q", message)
		}
		if len(w.reports) != 1 || !strings.Contains(w.reports[0].Error(), "walkers failed: "+name) {
			t.Errorf("reported: %v", w.reports)
		}
		var panicked *conditions.PanicError
		if errors.As(w.reports[0], &panicked) != (broken.panics != nil) || panicked != nil && !strings.Contains(panicked.Stack, "world_test.go") {
			t.Errorf("the report has no stack: %v", panicked)
		}
	}
}

func TestTwoJudgesThatFailAreOneCondition(t *testing.T) {
	w := newWorld(t, "A")
	w.others = []conditions.Judge{named{&judge{err: errors.New("e1")}, "one"}, named{&judge{err: errors.New("e2")}, "two"}}
	w.restart()
	w.evaluate()
	rows := w.table(concern.Query{})
	if len(rows) != 1 || !strings.Contains(rows[0]["message"], "judge one") || !strings.Contains(rows[0]["message"], "judge two") {
		t.Errorf("%v", rows)
	}
}

// A judge can take over a condition of the engine's own.
func TestAJudgeMayDefineNotCollecting(t *testing.T) {
	w := newWorld(t, "A")
	own := &judge{definitions: []conditions.Definition{definition("not_collecting", "x")}}
	w.others = []conditions.Judge{own}
	w.restart()
	own.verdict.Findings = []conditions.Finding{found("not_collecting", critical, "A", "")}
	w.judge.err = errors.New("oh")
	w.evaluate()
	got := w.severities()
	if got["not_collecting@A"] != critical || got["not_collecting@"] != critical {
		t.Errorf("%v", got)
	}
}

// A finding that its judge may not have is an error of the judge; its others count.
func TestFindingsThatCannotBe(t *testing.T) {
	w := newWorld(t, "A")
	w.find(found("other", critical, "A", ""), found("down", 7, "A", ""), found("down", ok, "A", ""), found("disqualified", warning, "A", ""), found("down", critical, "Z", ""))
	w.evaluate()
	if diff := cmp.Diff(severities{"disqualified@A": warning, "not_collecting@": critical}, w.severities()); diff != "" {
		t.Error(diff)
	}
	for _, words := range []string{`"other"`, "severity 7", "severity 0"} {
		if !strings.Contains(w.reports[0].Error(), words) {
			t.Errorf("the report does not say %s: %v", words, w.reports[0])
		}
	}
}

func TestOfOneFoundTwiceTheGraverCounts(t *testing.T) {
	w := newWorld(t, "A")
	lesser, graver := found("down", warning, "A", ""), found("down", critical, "A", "")
	lesser.Message, graver.Message = "less", "more"
	for _, both := range [][]conditions.Finding{{lesser, graver}, {graver, lesser}} {
		w.find(both...)
		w.after(time.Minute)
		rows := w.table(concern.Query{})
		if len(rows) != 1 || rows[0]["severity"] != "critical" || rows[0]["message"] != "more less" {
			t.Errorf("%v", rows)
		}
	}
	if len(w.told) != 1 {
		t.Errorf("told %q", w.told)
	}
}

// An evaluation that is cut short, or cannot be written, changes and tells nothing.
func TestAnEvaluationCountsWholeOrNotAtAll(t *testing.T) {
	w := newWorld(t, "A")
	w.evaluate()
	before := w.shown()
	w.find(found("down", critical, "A", ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.engine.Evaluate(ctx, w.toCase()); !errors.Is(err, context.Canceled) {
		t.Errorf("cut short: %v", err)
	}
	if len(w.told) > 0 || w.shown() != before || len(w.reports) > 0 {
		t.Errorf("told %q, reported %v", w.told, w.reports)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.engine.Evaluate(t.Context(), w.toCase()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := w.engine.Test(w.toCase(), "A", w.now.Add(time.Minute)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if len(w.told) > 0 {
		t.Errorf("told %q", w.told)
	}
	w.open()
	if w.shown() != before {
		t.Error("something was written")
	}
}

func TestSinceIsTheJudgesWhereItKnows(t *testing.T) {
	w := newWorld(t, "A")
	w.now = noon.Add(500*time.Microsecond + time.Hour)
	early, late := found("down", warning, "A", ""), found("disqualified", warning, "A", "")
	early.Since, late.Since = noon.Add(-time.Hour), w.now.Add(time.Hour)
	w.find(early, late, found("audit_failed", warning, "A", ""))
	w.evaluate()
	since := map[string]string{}
	for _, row := range w.table(concern.Query{}) {
		since[row["condition"]] = row["since"]
	}
	want := map[string]string{"down": "20 11:00", "disqualified": "20 13:00", "audit_failed": "20 13:00"}
	if diff := cmp.Diff(want, since); diff != "" {
		t.Error(diff)
	}
}

// What is no number is left out, and breaks nothing.
func TestValuesThatAreNoNumbers(t *testing.T) {
	for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		w := newWorld(t, "A")
		f := found("down", warning, "A", "")
		f.Value, f.Threshold = odd, odd
		w.find(f)
		w.evaluate()
		w.restart()
		w.after(time.Minute)
		row := w.table(concern.Query{})[0]
		if _, there := row["value"]; there || len(w.told) != 1 {
			t.Errorf("%v, told %q", row, w.told)
		}
		for labels, value := range w.read(w.answer(w.request(concern.Query{Format: concern.Text, Kinds: []string{"down"}}))) {
			if value != 0 || !strings.Contains(labels, "threshold=, ") {
				t.Errorf("%s: %v", labels, value)
			}
		}
	}
}

// A record that cannot be read begins anew: what is raised is told again, which is better than
// not at all.
func TestADamagedRecordBeginsAnew(t *testing.T) {
	w := newWorld(t, "A", "B")
	w.find(found("down", warning, "A", ""), found("down", warning, "B", ""))
	w.evaluate()
	batch := &store.Batch{}
	batch.Put("conditions/hA", []byte("{"))
	batch.Put("conditions", []byte("["))
	if err := w.store.Record(batch); err != nil {
		t.Fatal(err)
	}
	w.told = nil
	w.now = w.now.Add(time.Minute)
	if err := w.engine.Evaluate(t.Context(), w.toCase()); err == nil || !strings.Contains(err.Error(), `"hA"`) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"12:01 raised warning down@A"}, w.told); diff != "" {
		t.Error(diff)
	}
	w.after(time.Minute)
	if len(w.told) != 1 {
		t.Errorf("told %q", w.told)
	}
}

func TestByHandRefuses(t *testing.T) {
	w := newWorld(t, "A", "R")
	w.nodes[1].Retired = true
	w.find(found("down", warning, "A", ""), found("audit_failed", warning, "A", us1))
	w.evaluate()
	w.told = nil
	later := w.now.Add(time.Minute)
	for says, err := range map[string]error{
		`no node "X"`:                      w.engine.Clear(w.toCase(), "X", "", "audit_failed"),
		`no condition "x"`:                 w.engine.Clear(w.toCase(), "A", "", "x"),
		"clears when it is over":           w.engine.Clear(w.toCase(), "A", "", "down"),
		"audit_failed is not raised there": w.engine.Clear(w.toCase(), "A", "eu1", "audit_failed"),
		`no node "Y"`:                      w.engine.Test(w.toCase(), "Y", later),
		"R is retired":                     w.engine.Test(w.toCase(), "R", later),
		"over already":                     w.engine.Test(w.toCase(), "A", w.now),
	} {
		var refused *conditions.ByHandError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if len(w.told) > 0 {
		t.Errorf("told %q", w.told)
	}
	w.clear("A", "us1", "audit_failed")
	if got := w.changes[len(w.changes)-1].Line(); got != "cleared: audit_failed: A (us1): cleared by hand: was: Title of audit_failed" {
		t.Errorf("logged %s", got)
	}
}

func TestLines(t *testing.T) {
	w := newWorld(t, "A")
	f := found("down", critical, "A", us1)
	f.Message = "two\nlines"
	w.find(f)
	w.after(time.Minute)
	w.judge.err = errors.New("e")
	w.after(time.Minute)
	w.nodes[0].MutedSatellites = map[string]string{"us1": "left it"}
	w.after(time.Minute)
	var lines []string
	for _, c := range w.changes {
		lines = append(lines, c.Line())
	}
	want := []string{
		"critical raised: down: A (us1): Title of down: two lines",
		"critical raised: not_collecting: the monitor: The monitor does not collect: The judge conditions_test failed, so that its conditions are not watched: e. Look into Grafana's log; if it says nothing that you can change, report it.",
		"cleared: down: A (us1): the satellite is muted: left it: was: Title of down",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// What was cleared by hand is forgotten a day after it is gone, also where nobody looks any more.
func TestWhatWasClearedByHandIsForgotten(t *testing.T) {
	for name, gone := range map[string]func(w *world){
		"not found": findNothing,
		"retired":   func(w *world) { w.nodes[0].Retired = true },
		"muted":     func(w *world) { w.nodes[0].MutedSatellites = map[string]string{"us1": ""} },
	} {
		w := newWorld(t, "A")
		w.findEvent(warning, noon, time.Time{})
		w.evaluate()
		w.clear("A", "us1", "audit_failed")
		w.after(48 * time.Hour)
		if record, _, err := conditions.Recall(w.store, "hA"); err != nil || len(record.States) != 1 {
			t.Errorf("%s: %v, %v", name, record, err)
		}
		gone(w)
		w.after(25 * time.Hour)
		if record, _, err := conditions.Recall(w.store, "hA"); err != nil || len(record.States) != 0 {
			t.Errorf("%s: %v, %v", name, record, err)
		}
	}
}

// What the operator does not want to be told counts from the moment it is said.
func TestRetiredAndMutedAtOnce(t *testing.T) {
	w := newWorld(t, "A")
	w.find(found("down", critical, "A", us1))
	w.evaluate()
	w.nodes[0].MutedSatellites = map[string]string{"us1": ""}
	if got := w.severities()["down@A/us1"]; got != unseen {
		t.Errorf("muted: %s", got)
	}
	w.nodes[0].MutedSatellites, w.nodes[0].Retired = nil, true
	if got := w.severities()["down@A/us1"]; got != unseen {
		t.Errorf("retired: %s", got)
	}
}

// A node that has no place in the store yet is not watched, and does not vanish.
func TestANodeWithoutAHistory(t *testing.T) {
	w := newWorld(t, "A")
	w.nodes[0].History = ""
	w.judge.err = errors.New("e")
	w.evaluate()
	want := severities{"not_collecting@": critical}
	for code := range retired {
		want[code] = unseen
	}
	if diff := cmp.Diff(want, w.severities()); diff != "" {
		t.Error(diff)
	}
}

// Of one that two cannot judge, the first reason counts.
func TestTheFirstReasonCounts(t *testing.T) {
	w := newWorld(t, "A")
	w.judge.verdict.Unseen = []conditions.Unseen{{Code: "down", History: "hA", Why: "first"}, {Code: "down", History: "hA", Why: "second"}, {Code: "disqualified", History: "hA"}}
	w.evaluate()
	reasons := map[string]string{}
	for _, row := range w.table(concern.Query{}) {
		reasons[row["condition"]] = row["message"]
	}
	if diff := cmp.Diff(map[string]string{"down": "first", "disqualified": "its evidence is missing"}, reasons); diff != "" {
		t.Error(diff)
	}
}

// While nothing changes, one small document an evaluation is all that is written.
func TestNothingIsWrittenWhileNothingChanges(t *testing.T) {
	w := newWorld(t, "A")
	w.miss("hA", "audit_failed")
	w.find(found("down", critical, "A", ""))
	w.after(time.Minute)
	before, _ := w.store.Document("conditions/hA")
	rows := w.store.Status().RecordedRows
	w.after(time.Hour)
	after, _ := w.store.Document("conditions/hA")
	if string(before) != string(after) || w.store.Status().RecordedRows != rows {
		t.Errorf("%s became %s, %d rows %d", before, after, rows, w.store.Status().RecordedRows)
	}
}

// Whatever the store holds, nothing breaks, and the next record can be read.
func FuzzRecords(f *testing.F) {
	w := newWorld(f, "A")
	w.find(found("down", warning, "A", us1), found("audit_failed", critical, "A", us1))
	w.miss("hA", "disqualified")
	w.evaluate()
	w.clear("A", "us1", "audit_failed")
	for _, key := range []string{"conditions/hA", "conditions"} {
		document, _ := w.store.Document(key)
		f.Add(string(document))
	}
	f.Add(`{"states":[{"code":"down","severity":1000000000,"below":{"9":"2026-11-20T12:00:00Z"}},{"code":"down"},{"code":"a","severity":-5}]}`)
	f.Add(`{"time":"2026-11-20T12:00:00Z","exhibits":[{"lines":null}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		w.t = t
		batch := &store.Batch{}
		for _, key := range []string{"conditions/hA", "conditions/", "conditions", "post-mortem/hA/1"} {
			batch.Put(key, []byte(document))
		}
		if err := w.store.Record(batch); err != nil {
			t.Fatal(err)
		}
		answers := conditions.NewConcern(w.judges())
		for _, kind := range answers.Types() {
			for _, format := range kind.Formats {
				_, _ = answers.Answer(t.Context(), w.request(concern.Query{QueryType: kind.Name, Format: format}))
			}
		}
		_ = w.engine.Evaluate(t.Context(), w.toCase())
		w.evaluate()
		if _, ok, err := conditions.Recall(w.store, "hA"); err != nil || !ok {
			t.Errorf("after an evaluation: %v, %v", ok, err)
		}
		w.severities()
	})
}

// Where only words and numbers change, and be it at every look, they are written once a minute.
func TestWordsAreWrittenOnceAMinute(t *testing.T) {
	w := newWorld(t, "A")
	look := func(word string) {
		w.now = w.now.Add(15 * time.Second)
		f := found("down", warning, "A", "")
		f.Message, f.Value = word, float64(w.now.Unix())
		w.judge.verdict = conditions.Verdict{Findings: []conditions.Finding{f}, Unseen: []conditions.Unseen{{Code: "disqualified", History: "hA", Why: word}}}
		w.evaluate()
	}
	writes, last := 0, ""
	for i := range 40 {
		look(fmt.Sprint("word ", i))
		document, _ := w.store.Document("conditions/hA")
		clock, _ := w.store.Document("conditions")
		if is := string(document) + string(clock); is != last {
			writes, last = writes+1, is
		}
	}
	if writes != 10 {
		t.Errorf("written %d times in 10 minutes", writes)
	}
	if got := w.table(concern.Query{})[0]["message"]; got != "word 36" {
		t.Errorf("it says %s", got)
	}
	// A change is written at once, and its words with it.
	w.find(found("down", critical, "A", ""))
	w.now = w.now.Add(time.Second)
	w.evaluate()
	if got := w.table(concern.Query{})[0]["message"]; got != "down is critical" {
		t.Errorf("it says %s", got)
	}
}

// manyNodes are a hundred nodes and a judge of thirty conditions.
func manyNodes(t testing.TB, healthy bool) *world {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("node%d", i))
	}
	w := newWorld(t, names...)
	w.judge.definitions = nil
	for i := range 30 {
		w.judge.definitions = append(w.judge.definitions, definition(fmt.Sprintf("code_%d", i), "x"))
		for _, node := range names {
			if !healthy && i%3 == 0 {
				w.judge.verdict.Findings = append(w.judge.verdict.Findings, found(fmt.Sprintf("code_%d", i), warning, node, us1))
			}
		}
	}
	w.restart()
	return w
}

func TestAHundredHealthyNodes(t *testing.T) {
	w := manyNodes(t, true)
	w.evaluate()
	codes := len(conditions.Definitions(w.judges()))
	for _, format := range []concern.Format{concern.Severity, concern.Text} {
		frame := w.answer(w.request(concern.Query{Format: format}))[0]
		if frame.Rows() != 100*codes {
			t.Errorf("%d rows", frame.Rows())
		}
		for i := range frame.Rows() {
			if satellite := frame.At(1, i); satellite != "" {
				t.Fatalf("row %d has the satellite %s", i, satellite)
			}
		}
	}
}

func benchmarkEvaluate(b *testing.B, healthy bool) {
	w := manyNodes(b, healthy)
	w.evaluate()
	for b.Loop() {
		w.now = w.now.Add(time.Second)
		w.evaluate()
	}
}

func BenchmarkEvaluateHealthy(b *testing.B) { benchmarkEvaluate(b, true) }
func BenchmarkEvaluateIll(b *testing.B)     { benchmarkEvaluate(b, false) }

func BenchmarkSeverities(b *testing.B) {
	w := manyNodes(b, false)
	w.evaluate()
	answers := conditions.NewConcern(w.judges())
	request := w.request(concern.Query{Format: concern.Severity})
	for b.Loop() {
		if _, err := answers.Answer(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}

// Histories that two nodes share for a moment are judged once.
func TestASharedHistoryIsJudgedOnce(t *testing.T) {
	w := newWorld(t, "A")
	w.nodes = append(w.nodes, concern.Watched{Node: concern.Node{Node: settings.Node{Name: "B"}, History: "hA"}})
	w.find(found("down", critical, "A", ""))
	w.after(2 * time.Minute)
	if diff := cmp.Diff([]string{"12:01 raised critical down@A"}, w.told); diff != "" {
		t.Error(diff)
	}
}
