package conditions

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
)

// summary is what all conditions come to.
type summary struct {
	text     string
	severity Severity
	// Of conditions that are raised.
	critical, warning, info int
	unwatched               int    // nodes of which something is not watched
	gravest                 string // the node of the gravest, "" if there is none, or it is of no node
}

// verdict answers one line for a dashboard's top. What is not watched is never well.
func (a answer) verdict() (data.Frames, error) {
	rows, err := a.rows()
	if err != nil {
		return nil, err
	}
	s := a.summarize(rows)
	count := func(name string, n int) *data.Field { return data.NewField(name, nil, []int64{int64(n)}) }
	return data.Frames{frames.Table(verdictType,
		data.NewField("text", nil, []string{s.text}),
		frames.Column("severity", severityConfig(), []float64{float64(s.severity)}),
		count("critical", s.critical),
		count("warning", s.warning),
		count("info", s.info),
		count("not_watched", s.unwatched),
		data.NewField("node_name", nil, []string{s.gravest}),
	)}, nil
}

// gap is what is not watched of a node.
type gap struct {
	node    string
	missing int // conditions
	why     string
}

func (a answer) summarize(rows []row) summary {
	var s summary
	var problems []row
	gaps, active := a.gaps(rows)
	s.unwatched = len(gaps)
	for _, r := range rows {
		switch r.severity {
		case Critical:
			s.critical++
		case Warning:
			s.warning++
		case Info:
			s.info++
		}
		if r.severity >= Warning {
			problems = append(problems, r)
		}
	}
	slices.SortStableFunc(problems, func(x, y row) int { return int(y.severity - x.severity) })
	conditions := len(a.table.definitions) - len(ownDefinitions)
	blind := describe(gaps, active, conditions, true)
	switch {
	case len(problems) > 0:
		s.severity, s.gravest = problems[0].severity, problems[0].node.Name
		s.text = plural(len(problems), "problem", "problems") + ": " + a.name(problems)
		if blind := describe(gaps, active, conditions, false); blind != "" {
			s.text += ". " + blind
		}
	case active == 0:
		s.severity = NotWatched
		s.text = "Not watching: no node is configured"
		if len(a.Watched) > 0 {
			s.text = "Not watching: " + plural(len(a.Watched), "node is", "nodes are") + " retired"
		}
	case blind != "":
		s.severity, s.text, s.gravest = NotWatched, blind, gaps[0].node
	case s.info > 0:
		s.severity, s.text = Info, "All fine, "+plural(s.info, "note", "notes")
	default:
		s.severity, s.text = OK, "All fine"
	}
	return s
}

// The verdict is to be read at a glance, and a dashboard's panel cuts off what does not fit: it names so many problems, or
// nodes, and of those with long names fewer.
const (
	namedProblems = 3
	namedLength   = 125 // in all, in characters
)

// named is how many of the first words the verdict names, one at least.
func named(words []string) int {
	length := 0
	for i, word := range words[:min(len(words), namedProblems)] {
		if length += utf8.RuneCountInString(word); i > 0 && length > namedLength {
			return i
		}
	}
	return min(len(words), namedProblems)
}

// name names the first problems, those of one node with several satellites as one: "Low
// Online Score on node3 (us1, eu1)".
func (a answer) name(problems []row) string {
	type of struct {
		node *concern.Watched
		code string
	}
	var found []of
	satellites := map[of][]string{}
	first := map[of]row{}
	for _, r := range problems {
		at := of{r.node, r.definition.Code}
		if _, ok := first[at]; !ok {
			first[at], found = r, append(found, at)
		}
		if r.satellite != "" {
			satellites[at] = append(satellites[at], satelliteName(r.satellite))
		}
	}
	var words []string
	for _, at := range found {
		words = append(words, a.where(first[at], satellites[at]))
	}
	words = words[:named(words)]
	left := len(problems)
	for i := range words {
		left -= max(len(satellites[found[i]]), 1)
	}
	text := strings.Join(words, ", ")
	if left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	return text
}

// where names a problem: "Node Suspended on node3 (us1)".
func (a answer) where(r row, satellites []string) string {
	text := r.definition.short()
	if r.node.Name != "" {
		text += " on " + r.node.Name
	}
	switch {
	case len(satellites) > 2:
		text += fmt.Sprintf(" (%d satellites)", len(satellites))
	case len(satellites) > 0:
		text += " (" + strings.Join(satellites, ", ") + ")"
	}
	if inMaintenance(r.node.Node, a.Now) {
		text += ", in maintenance"
	}
	return text
}

// gaps are the nodes of which something is not watched, and how many nodes are not retired.
func (a answer) gaps(rows []row) (gaps []gap, active int) {
	at := map[string]int{}
	for _, node := range a.Watched {
		if !node.Retired {
			active++
		}
	}
	for _, r := range rows {
		if r.severity != NotWatched || silence(r.node.Node, r.satellite) != "" || r.satellite != "" {
			continue
		}
		i, ok := at[r.node.History]
		if !ok {
			i = len(gaps)
			at[r.node.History] = i
			gaps = append(gaps, gap{node: r.node.Name, why: r.why})
		}
		gaps[i].missing++
	}
	return gaps, active
}

// brief names the node and the reason, without the reason's details: the table has them.
func (g gap) brief(reasons bool) string {
	if !reasons {
		return g.node
	}
	why, _, _ := strings.Cut(g.why, ": ")
	return g.node + " (" + why + ")"
}

// describe says what is not watched: nodes of which none of so many conditions is, and nodes of
// which only a part is, and explains it.
func describe(gaps []gap, active, conditions int, explain bool) string {
	var whole, part []string
	reasons := map[string]bool{}
	for _, g := range gaps {
		reasons[g.why] = true
		if g.missing >= conditions {
			whole = append(whole, g.brief(explain))
		} else {
			part = append(part, g.brief(explain))
		}
	}
	if len(whole) == active && len(reasons) == 1 && active > 0 {
		return "Not watching: " + gaps[0].why
	}
	var texts []string
	if len(whole) > 0 {
		texts = append(texts, fmt.Sprintf("Not watching %d of %d: %s", len(whole), active, some(whole, named(whole))))
	}
	if len(part) > 0 {
		texts = append(texts, fmt.Sprintf("Not watching everything at %d of %d: %s", len(part), active, some(part, named(part))))
	}
	return strings.Join(texts, ". ")
}
