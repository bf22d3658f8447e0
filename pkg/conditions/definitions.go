package conditions

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The conditions that the engine raises itself.
const (
	NotCollecting = "not_collecting"
	TestAlert     = "test"
)

// Blind is the condition that a node's log does not show transfers, or failed audits; its value
// says how many of the two it shows. Who judges what a log would tell asks whether it is raised.
const Blind = "blind"

// ownDefinitions are of the engine itself. A judge that defines one of them takes it over.
var ownDefinitions = []Definition{
	{
		Code: NotCollecting, Group: "monitor", Severities: []Severity{Critical},
		Title:  "The monitor does not collect",
		When:   "a part of the monitor itself fails or falls behind: what it watches for is not seen",
		Clears: "when it works again",
		Do:     "Press Save & test in the data source's settings, and look into Grafana's log.",
	},
	{
		Code: TestAlert, Group: "monitor", Severities: []Severity{Warning},
		Title:  "Test alert",
		When:   "Send test alert was pressed in the data source's settings",
		Clears: "after 5 minutes",
		Do:     "Nothing: who reads this is told of conditions.",
		AtOnce: true, Event: true,
	},
}

// Definitions is the table of all conditions: those of the judges and the engine's own, by
// group and within a group as the judges have them.
func Definitions(judges []Judge) []Definition {
	var all []Definition
	for _, judge := range judges {
		all = append(all, judge.Conditions()...)
	}
	for _, own := range ownDefinitions {
		if !slices.ContainsFunc(all, func(d Definition) bool { return d.Code == own.Code }) {
			all = append(all, own)
		}
	}
	slices.SortStableFunc(all, func(a, b Definition) int { return strings.Compare(a.Group, b.Group) })
	return all
}

// Check says what is wrong with a table of conditions.
func Check(definitions []Definition) []string {
	var problems []string
	complain := func(d Definition, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("condition %q: ", d.Code)+fmt.Sprintf(format, args...))
	}
	seen := map[string]bool{}
	for _, d := range definitions {
		if seen[d.Code] {
			complain(d, "is defined twice")
		}
		seen[d.Code] = true
		if d.Code == "" || strings.Trim(d.Code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			complain(d, "its code is not of small letters, digits and _")
		}
		for what, text := range map[string]string{"group": d.Group, "title": d.Title, "when": d.When, "clears": d.Clears, "do": d.Do} {
			if strings.TrimSpace(text) == "" {
				complain(d, "has no %s", what)
			}
		}
		if len(d.Severities) == 0 || !slices.IsSorted(d.Severities) || d.Severities[0] < Info || d.Severities[len(d.Severities)-1] > Critical {
			complain(d, "its severities %v are not some of info, warning and critical, ascending", d.Severities)
		}
	}
	slices.Sort(problems)
	return problems
}

// short is the title without a node or a satellite: "Node Suspended".
func (d Definition) short() string {
	return strings.Join(strings.Fields(whereItIs.ReplaceAllString(d.Title, "")), " ")
}

// whereItIs are the parts of a title that name a node or a satellite.
var whereItIs = regexp.MustCompile(`(?:\s(?:on|of|from|at|for|with|to))?\s*\{(?:satellite|node)\}`)

// The table of conditions in the documentation stands between these.
const (
	TableBegin = "<!-- conditions: begin -->"
	TableEnd   = "<!-- conditions: end -->"
)

// Markdown is the table of conditions as the documentation has it.
func Markdown(definitions []Definition) string {
	var b strings.Builder
	group := ""
	for _, d := range definitions {
		if d.Group != group {
			if group != "" {
				b.WriteByte('\n')
			}
			group = d.Group
			fmt.Fprintf(&b, "### %s\n\n| condition | severity | raised | clears | what to do |\n|---|---|---|---|---|\n", cell(group))
		}
		severities := make([]string, len(d.Severities))
		for i, s := range d.Severities {
			severities[i] = s.String()
		}
		fmt.Fprintf(&b, "| `%s`: %s | %s | %s | %s | %s |\n", d.Code, cell(d.Title), strings.Join(severities, ", "), cell(d.when()), cell(d.Clears), cell(d.Do))
	}
	return b.String()
}

// when is the condition's When, with what holds for all that need a node.
func (d Definition) when() string {
	if d.NeedsNode {
		return d.When + "; not while the node is unreachable"
	}
	return d.When
}

func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// InDocument is a document with this table in the place of the one it has.
func InDocument(document string, definitions []Definition) (string, error) {
	before, rest, begun := strings.Cut(document, TableBegin)
	_, after, ended := strings.Cut(rest, TableEnd)
	if !begun || !ended {
		return "", fmt.Errorf("the document has no place for the table of conditions: write the lines %s and %s where it belongs", TableBegin, TableEnd)
	}
	return before + TableBegin + "\n\n" + Markdown(definitions) + "\n" + TableEnd + after, nil
}
