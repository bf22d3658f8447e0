package conditions_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

func TestDefinitionsAreByGroup(t *testing.T) {
	one := &judge{definitions: []conditions.Definition{definition("z", "b"), definition("a", "b"), definition("test", "c")}}
	two := &judge{definitions: []conditions.Definition{definition("m", "a")}}
	all := conditions.Definitions([]conditions.Judge{one, two})
	var codes []string
	for _, d := range all {
		codes = append(codes, d.Group+"/"+d.Code)
	}
	if diff := cmp.Diff([]string{"a/m", "b/z", "b/a", "c/test", "monitor/not_collecting"}, codes); diff != "" {
		t.Error(diff)
	}
	if problems := conditions.Check(conditions.Definitions(nil)); len(problems) > 0 {
		t.Errorf("the engine's own: %q", problems)
	}
	if problems := conditions.Check(definitions()); len(problems) > 0 {
		t.Errorf("the tests': %q", problems)
	}
}

// The verdict names a problem by its title, and where it is after that.
func TestTitlesWithoutAPlace(t *testing.T) {
	for title, want := range map[string]string{
		"Node Suspended on {satellite}":       "Node Suspended on A (us1)",
		"Not collecting from {node}":          "Not collecting on A (us1)",
		"Satellite {satellite} Is Down":       "Satellite Is Down on A (us1)",
		"{node} is Down":                      "is Down on A (us1)",
		"On Fire of {node} with {satellite}!": "On Fire! on A (us1)",
	} {
		w := newWorld(t, "A")
		w.judge.definitions[4].Title = title
		w.restart()
		w.find(found("down", critical, "A", us1))
		w.evaluate()
		if got := w.table(concern.Query{QueryType: "verdict"})[0]["text"]; got != "1 problem: "+want {
			t.Errorf("%s: %s", title, got)
		}
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	with := func(change func(*conditions.Definition)) []conditions.Definition {
		return []conditions.Definition{definition("code", "group", change)}
	}
	for says, definitions := range map[string][]conditions.Definition{
		`"code": is defined twice`: {definition("code", "a"), definition("code", "b")},
		`"Code": its code`:         {definition("Code", "a")},
		`"": its code`:             {definition("", "a")},
		`has no group`:             {definition("code", "")},
		`has no title`:             with(func(d *conditions.Definition) { d.Title = " " }),
		`has no when`:              with(func(d *conditions.Definition) { d.When = "" }),
		`has no clears`:            with(func(d *conditions.Definition) { d.Clears = "" }),
		`has no do`:                with(func(d *conditions.Definition) { d.Do = "" }),
		`severities []`:            with(func(d *conditions.Definition) { d.Severities = nil }),
		`severities [critical`:     with(func(d *conditions.Definition) { d.Severities = []conditions.Severity{critical, warning} }),
		`severities [ok]`:          with(func(d *conditions.Definition) { d.Severities = []conditions.Severity{ok} }),
	} {
		problems := conditions.Check(definitions)
		if len(problems) != 1 || !strings.Contains(problems[0], says) {
			t.Errorf("%s: %q", says, problems)
		}
	}
}

func TestMarkdown(t *testing.T) {
	odd := definition("odd", "b")
	odd.When, odd.Severities = "a | b\n  c", []conditions.Severity{warning}
	table := []conditions.Definition{definition("one", "a"), definition("two", "a", needsNode), odd}
	want := `### a

| condition | severity | raised | clears | what to do |
|---|---|---|---|---|
| ` + "`one`" + `: Title of one on {satellite} | info, warning, critical | when one | when it is over | do one |
| ` + "`two`" + `: Title of two on {satellite} | info, warning, critical | when two; not while the node is unreachable | when it is over | do two |

### b

| condition | severity | raised | clears | what to do |
|---|---|---|---|---|
| ` + "`odd`" + `: Title of odd on {satellite} | warning | a \| b c | when it is over | do odd |
`
	if diff := cmp.Diff(want, conditions.Markdown(table)); diff != "" {
		t.Error(diff)
	}
	document := "before\n" + conditions.TableBegin + "\nold\n" + conditions.TableEnd + "\nafter\n"
	got, err := conditions.InDocument(document, table)
	if err != nil || got != "before\n"+conditions.TableBegin+"\n\n"+want+"\n"+conditions.TableEnd+"\nafter\n" {
		t.Errorf("%v\n%s", err, got)
	}
	if again, err := conditions.InDocument(got, table); err != nil || again != got {
		t.Errorf("again: %v\n%s", err, again)
	}
	for _, without := range []string{"", "x " + conditions.TableBegin, conditions.TableEnd + conditions.TableBegin} {
		if _, err := conditions.InDocument(without, table); err == nil {
			t.Errorf("%q has a place for the table", without)
		}
	}
}
