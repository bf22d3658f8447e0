package conditions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

// postMortems are the table's rows, as "12:01 code@node/satellite".
func (w *world) postMortems(query concern.Query) []string {
	w.t.Helper()
	query.QueryType = "post_mortems"
	all := []string{}
	for _, row := range w.table(query) {
		all = append(all, fmt.Sprintf("%s %s@%s/%s", row["time"][3:], row["condition"], row["node_name"], row["satellite"]))
	}
	return all
}

func TestAnEndThatWasSeenToComeIsFrozen(t *testing.T) {
	ended := func(severity conditions.Severity, since time.Time) conditions.Finding {
		f := found("disqualified", severity, "A", us1)
		f.Since = since
		return f
	}
	cases := []struct {
		name string
		does func(w *world)
		want []string
	}{
		{"while it is watched", func(w *world) { w.evaluate(); w.find(ended(critical, time.Time{})); w.after(time.Hour) }, []string{"12:01 disqualified@A/us1"}},
		{"after it was a note", func(w *world) {
			w.find(ended(info, noon))
			w.evaluate()
			w.find(ended(critical, time.Time{}))
			w.after(time.Hour)
		}, []string{"12:01 disqualified@A/us1"}},
		{"at first sight", func(w *world) { w.find(ended(critical, time.Time{})); w.after(time.Hour) }, []string{}},
		{"seen late, began before", func(w *world) {
			w.miss("hA", "disqualified")
			w.after(time.Hour)
			w.judge.verdict.Unseen = nil
			w.find(ended(critical, noon.Add(-time.Hour)))
			w.after(time.Hour)
		}, []string{}},
		{"seen late, began meanwhile", func(w *world) {
			w.evaluate()
			w.restart()
			w.now = w.now.Add(50 * time.Hour)
			w.find(ended(critical, noon.Add(time.Hour)))
			w.after(time.Minute)
		}, []string{"14:01 disqualified@A/us1"}},
		{"a note", func(w *world) { w.evaluate(); w.find(ended(info, time.Time{})); w.after(time.Hour) }, []string{}},
		{"another condition", func(w *world) { w.evaluate(); w.find(found("down", critical, "A", us1)); w.after(time.Hour) }, []string{}},
		{"twice", func(w *world) {
			w.evaluate()
			w.find(ended(critical, time.Time{}))
			w.after(time.Minute)
			w.find()
			w.after(10 * time.Minute)
			w.find(ended(critical, time.Time{}))
			w.after(time.Hour)
		}, []string{"12:12 disqualified@A/us1", "12:01 disqualified@A/us1"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "A")
			c.does(w)
			if diff := cmp.Diff(c.want, w.postMortems(concern.Query{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPostMortemTellsWhatLedToIt(t *testing.T) {
	w := newWorld(t, "A", "B")
	silent := &judge{definitions: []conditions.Definition{definition("silent", "x")}, testifies: "oh"}
	w.others = []conditions.Judge{named{silent, "walkers"}, named{&judge{exhibits: []conditions.Exhibit{{Title: "nothing at all"}}}, "one"}}
	w.restart()
	w.evaluate()
	w.find(found("audit_warning", warning, "A", us1), found("down", warning, "B", ""))
	w.after(time.Minute)
	w.judge.exhibits = []conditions.Exhibit{{Title: "Failed audits", Lines: []string{"a piece", "another"}}}
	w.find(found("disqualified", critical, "A", us1), found("audit_warning", warning, "A", us1))
	w.after(time.Minute)
	// It is frozen: what is said later changes nothing, and the node's name is its present one.
	w.judge.exhibits, silent.testifies = nil, nil
	w.nodes[0].Name = "Attic"
	w.restart()
	w.after(time.Hour)
	rows := w.table(concern.Query{QueryType: "post_mortems", Nodes: []string{"Attic"}, Satellites: []string{"us1"}})
	if len(rows) != 1 || rows[0]["node_name"] != "Attic" || rows[0]["title"] != "Title of disqualified" {
		t.Fatalf("%v", rows)
	}
	want := `Title of disqualified
disqualified is critical

Conditions of the 7 days before
  2026-11-20 12:01:00 UTC warning raised: audit_warning: A (us1): Title of audit_warning: audit_warning is warning

asked for
  A
  ` + us1 + `
  2026-11-13T12:02:00Z
  2026-11-20T12:02:00Z

Failed audits
  a piece
  another

walkers
  what it knows could not be read: an error in the plugin: oh

asked for
  A
  ` + us1 + `
  2026-11-13T12:02:00Z
  2026-11-20T12:02:00Z

nothing at all
  nothing
`
	if diff := cmp.Diff(want, rows[0]["text"]); diff != "" {
		t.Error(diff)
	}
	if got := w.postMortems(concern.Query{Nodes: []string{"B"}}); len(got) != 0 {
		t.Errorf("of another node: %v", got)
	}
	if got := w.postMortems(concern.Query{Satellites: []string{"eu1"}}); len(got) != 0 {
		t.Errorf("of another satellite: %v", got)
	}
	if len(w.reports) != 1 || !strings.Contains(w.reports[0].Error(), "walkers could not tell") {
		t.Errorf("reported %v", w.reports)
	}
}

// However much there is to tell, a post-mortem stays small, and so do all of a node.
func TestPostMortemsAreBounded(t *testing.T) {
	w := newWorld(t, "A")
	long := conditions.Exhibit{Title: strings.Repeat("é", 10000)}
	for i := range 5000 {
		long.Lines = append(long.Lines, fmt.Sprintf("%d %s", i, strings.Repeat("é", 10000)))
	}
	for range 40 {
		w.judge.exhibits = append(w.judge.exhibits, long)
	}
	w.set.Alerts.Flapping = 0
	w.evaluate()
	for range 25 {
		w.find(found("disqualified", critical, "A", us1))
		w.after(time.Minute)
		w.find()
		w.after(time.Minute)
	}
	largest, count := 0, 0
	w.store.Documents("post-mortem/hA/", func(_ string, document []byte) {
		largest, count = max(largest, len(document)), count+1
	})
	if count != 10 || largest > 160<<10 || largest < 60<<10 {
		t.Errorf("%d post-mortems, the largest of %d bytes", count, largest)
	}
	text := w.table(concern.Query{QueryType: "post_mortems"})[0]["text"]
	for _, words := range []string{"… 4988 earlier lines are left out", "\n  4999 éé"} {
		if !strings.Contains(text, words) {
			t.Errorf("it does not say %q", words)
		}
	}
	if strings.ContainsRune(text, '\uFFFD') {
		t.Error("a character was cut")
	}
}
