package console

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	// NarrowestWidth is the width below which the table is no longer made to fit.
	NarrowestWidth = 80
	// wide is the width from which there is room for more columns and longer names.
	wide = 110
)

var (
	heading = lipgloss.NewStyle().Bold(true)
	quiet   = lipgloss.NewStyle().Faint(true)
	styles  = map[Severity]lipgloss.Style{
		Unknown:  lipgloss.NewStyle().Foreground(lipgloss.BrightBlack),
		Fine:     lipgloss.NewStyle().Foreground(lipgloss.Green),
		Warning:  lipgloss.NewStyle().Foreground(lipgloss.Yellow),
		Critical: lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true),
	}
	// A sign beside each colour, for those who do not see the colour and for plain text.
	signs = map[Severity]string{Unknown: "?", Fine: "●", Warning: "▲", Critical: "✖"}
)

// column is one column of the table under a node.
type column struct {
	title string
	width int // including the gap before it
	from  int // shown from this width of the screen on
	cell  func(s Satellite, now time.Time) (string, Severity)
}

var columns = []column{
	{title: "AUDIT %", width: 9, cell: func(s Satellite, _ time.Time) (string, Severity) {
		return percent(s.Audit.Percent), s.audit()
	}},
	{title: "SUSPENSION %", width: 14, cell: func(s Satellite, _ time.Time) (string, Severity) {
		return percent(s.Suspension.Percent), s.suspension()
	}},
	{title: "ONLINE %", width: 10, cell: func(s Satellite, _ time.Time) (string, Severity) {
		return percent(s.Online.Percent), s.online()
	}},
	{title: "AUDITS LEFT", width: 13, cell: func(s Satellite, _ time.Time) (string, Severity) {
		if s.FailedAuditsLeft == nil {
			return notKnown, Unknown
		}
		return count(s.FailedAuditsLeft), s.audit()
	}},
	{title: "DOWNTIME LEFT", width: 15, cell: func(s Satellite, _ time.Time) (string, Severity) {
		if s.DowntimeLeft == nil {
			return notKnown, Unknown
		}
		return downtime(s.DowntimeLeft), s.online()
	}},
	{title: "VETTING", width: 10, from: wide, cell: func(s Satellite, _ time.Time) (string, Severity) {
		switch {
		case isTrue(s.Vetted):
			return "vetted", Fine
		case s.VettingProgress != nil:
			return count(s.VettingProgress) + " %", Unknown
		default:
			return notKnown, Unknown
		}
	}},
	{title: "AGE", width: 12, from: wide, cell: func(s Satellite, now time.Time) (string, Severity) {
		if s.At.IsZero() {
			return notKnown, Unknown
		}
		return span(now.Sub(s.At)), Unknown
	}},
}

// Render draws a snapshot for a screen of this width, coloured with ANSI sequences. It reads no clock and no terminal.
func Render(s Snapshot, width int) string {
	width = max(width, NarrowestWidth)
	var out strings.Builder
	line := func(text string) {
		out.WriteString(strings.TrimRight(text, " "))
		out.WriteByte('\n')
	}
	line(title(s, width))
	line(quiet.Render(strings.Repeat("─", width)))
	if len(s.Nodes) == 0 {
		if s.Answered {
			line("No nodes are set up.")
		} else {
			line("Waiting for the first answer …")
		}
	} else {
		line(heading.Render(tableHead(width)))
	}
	for i, node := range s.Nodes {
		if i > 0 {
			line("")
		}
		for _, text := range renderNode(node, s, width) {
			line(text)
		}
	}
	if len(s.Remarks) > 0 {
		line(quiet.Render(strings.Repeat("─", width)))
		for _, remark := range sortedRemarks(s.Remarks) {
			for _, text := range renderRemark(remark, width) {
				line(text)
			}
		}
	}
	return out.String()
}

func title(s Snapshot, width int) string {
	numbers := map[Severity]int{}
	for _, node := range s.Nodes {
		numbers[node.Severity(s.At, s.StaleAfter)]++
	}
	var parts []string
	for _, part := range []struct {
		severity Severity
		word     string
	}{{Critical, "critical"}, {Warning, "warning"}, {Unknown, "not known"}, {Fine, "fine"}} {
		if n := numbers[part.severity]; n > 0 {
			parts = append(parts, styles[part.severity].Render(fmt.Sprintf("%d %s", n, part.word)))
		}
	}
	left := heading.Render("Storj nodes")
	if len(parts) > 0 {
		left += "  " + plural(len(s.Nodes), "node", "nodes") + ": " + strings.Join(parts, ", ")
	}
	clock := "15:04:05 UTC"
	if width >= wide {
		clock = "2006-01-02 " + clock
	}
	right := quiet.Render(s.At.UTC().Format(clock))
	gap := max(1, width-ansi.StringWidth(left)-ansi.StringWidth(right))
	return left + strings.Repeat(" ", gap) + right
}

const indent = "    "

// nameWidth is what is left for names: the columns are fixed, and a wider screen gives names and remarks more room.
func nameWidth(width int) int {
	if width >= wide {
		return 22
	}
	return 16
}

func shownColumns(width int) []column {
	var shown []column
	for _, c := range columns {
		if width >= c.from {
			shown = append(shown, c)
		}
	}
	return shown
}

func tableHead(width int) string {
	head := pad("  NODE, SATELLITE", nameWidth(width)+2, true)
	for _, c := range shownColumns(width) {
		head += pad(c.title, c.width, false)
	}
	return head
}

func renderNode(node Node, s Snapshot, width int) []string {
	severity := node.Severity(s.At, s.StaleAfter)
	name := styles[severity].Render(signs[severity]) + " " + heading.Render(node.Name)
	state := []string{styles[node.stateSeverity()].Render(stateWords(node, s.At))}
	if !node.LastSuccess.IsZero() {
		state = append(state, "answered "+span(s.At.Sub(node.LastSuccess))+" ago")
	}
	state = append(state, facts(node)...)
	lines := flow(name+"  ", state, quiet.Render(" · "), width, indent)

	if node.LastError != "" && node.State != "connected" {
		lines = append(lines, wrap(indent+node.LastError, width, indent)...)
	}
	if len(node.Satellites) == 0 {
		lines = append(lines, indent+styles[Unknown].Render("no scores yet"))
	}
	for _, satellite := range node.Satellites {
		lines = append(lines, renderSatellite(satellite, s, width)...)
	}
	return lines
}

func stateWords(node Node, now time.Time) string {
	state := node.State
	if state == "" {
		state = "state not known"
	}
	if node.State == "connected" || node.StateSince.IsZero() {
		return state
	}
	return state + " for " + span(now.Sub(node.StateSince))
}

// facts are what the node says of itself; what it did not say is left out.
func facts(node Node) []string {
	var said []string
	if node.Version != "" {
		version := "v" + strings.TrimPrefix(node.Version, "v")
		if node.UpToDate != nil && !*node.UpToDate {
			version += styles[Warning].Render(" (out of date)")
		}
		said = append(said, version)
	}
	if strings.EqualFold(node.QUIC, "Misconfigured") {
		said = append(said, styles[Warning].Render("QUIC misconfigured"))
	}
	if node.DiskUsed != nil && node.DiskTotal != nil {
		disk := bytes(*node.DiskUsed) + " of " + bytes(*node.DiskTotal)
		if *node.DiskUsed > *node.DiskTotal {
			disk = styles[Warning].Render(disk)
		}
		said = append(said, disk)
	}
	if node.Payout != nil {
		said = append(said, fmt.Sprintf("$%.2f this month", *node.Payout))
	}
	if node.Health != nil {
		said = append(said, "health "+count(node.Health)+" %")
	}
	return said
}

func renderSatellite(satellite Satellite, s Snapshot, width int) []string {
	stale := satellite.stale(s.At, s.StaleAfter)
	text := pad(indent+satellite.Name, nameWidth(width)+2, true)
	for _, c := range shownColumns(width) {
		cell, severity := c.cell(satellite, s.At)
		if stale && severity == Fine {
			severity = Unknown // it was fine; nobody knows whether it is
		}
		text += styles[severity].Render(pad(cell, c.width, false))
	}
	verdict := verdicts(satellite, s, stale, width)
	if len(verdict) == 0 {
		return []string{text}
	}
	// Beside the numbers where there is room, else under them.
	joined := strings.Join(verdict, quiet.Render(", "))
	if ansi.StringWidth(text)+2+ansi.StringWidth(joined) <= width {
		return []string{text + "  " + joined}
	}
	return append([]string{text}, flow(indent+"  ", verdict, quiet.Render(", "), width, indent+"  ")...)
}

// verdicts are the words that belong to a satellite's numbers.
func verdicts(satellite Satellite, s Snapshot, stale bool, width int) []string {
	var said []string
	add := func(severity Severity, text string) { said = append(said, styles[severity].Render(text)) }
	if isTrue(satellite.Disqualified) {
		add(Critical, "DISQUALIFIED")
	}
	if isTrue(satellite.Suspended) {
		add(Critical, "SUSPENDED for unknown audit errors")
	}
	if isTrue(satellite.OfflineSuspended) {
		add(Critical, "SUSPENDED for being offline")
	}
	if satellite.RecoversAt.After(s.At) && !isTrue(satellite.Disqualified) {
		add(satellite.online(), "online ≥ 95 % again on "+satellite.RecoversAt.UTC().Format("Jan 2"))
	}
	if width < wide && satellite.Vetted != nil && !*satellite.Vetted {
		text := "in vetting"
		if satellite.VettingProgress != nil {
			text += " (" + count(satellite.VettingProgress) + " %)"
		}
		add(Unknown, text)
	}
	switch {
	case satellite.Audit.Percent == nil && satellite.Suspension.Percent == nil && satellite.Online.Percent == nil:
		add(Unknown, "no data")
	case satellite.At.IsZero():
		add(Unknown, "of unknown age")
	case stale:
		add(Unknown, "as of "+span(s.At.Sub(satellite.At))+" ago")
	}
	return said
}

func sortedRemarks(remarks []Remark) []Remark {
	sorted := append([]Remark(nil), remarks...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Severity.rank() > sorted[j].Severity.rank() })
	return sorted
}

func renderRemark(remark Remark, width int) []string {
	text := remark.Text
	if remark.Node != "" {
		text = remark.Node + ": " + text
	}
	lines := wrap(styles[remark.Severity].Render(signs[remark.Severity])+" "+text, width, "  ")
	if remark.Mend != "" {
		lines = append(lines, wrap(quiet.Render("  → "+remark.Mend), width, "    ")...)
	}
	return lines
}

// flow sets items one after the other, and begins a new line before one that does not fit.
func flow(start string, items []string, between string, width int, hang string) []string {
	lines := []string{start}
	for i, item := range items {
		last := &lines[len(lines)-1]
		switch {
		case i == 0:
			*last += item
		case ansi.StringWidth(*last)+ansi.StringWidth(between)+ansi.StringWidth(item) <= width:
			*last += between + item
		default:
			lines = append(lines, hang+item)
		}
	}
	var fitting []string
	for _, line := range lines { // an item may be wider than the screen by itself
		fitting = append(fitting, wrap(line, width, hang)...)
	}
	return fitting
}

// wrap breaks a line at spaces so that it fits, and sets what follows under `hang`.
func wrap(text string, width int, hang string) []string {
	if ansi.StringWidth(text) <= width {
		return []string{text}
	}
	lines := strings.Split(ansi.Wrap(text, width-len(hang), " /"), "\n")
	for i := 1; i < len(lines); i++ {
		lines[i] = hang + strings.TrimLeft(lines[i], " ")
	}
	return lines
}

// pad makes a cell exactly this wide; what is too long loses its end.
func pad(text string, width int, left bool) string {
	if ansi.StringWidth(text) > width-1 {
		text = ansi.Truncate(text, width-1, "…")
	}
	space := strings.Repeat(" ", width-ansi.StringWidth(text))
	if left {
		return text + space
	}
	return space + text
}
