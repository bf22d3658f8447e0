package conditions

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// How much of the past a post-mortem freezes, and how large it may become.
const (
	postMortemPeriod    = 7 * 24 * time.Hour
	postMortemLines     = 200 // of each exhibit
	postMortemLineBytes = 500
	postMortemExhibits  = 20
	postMortemBytes     = 128 << 10 // of all its lines
	postMortemsKept     = 10        // of each node
)

// endings are the conditions whose raising calls for a post-mortem.
var endings = []string{"disqualified", "suspended"}

// PostMortem is what led to a disqualification or a suspension, frozen when it was seen.
type PostMortem struct {
	Time      time.Time `json:"time"`
	History   string    `json:"history"`
	Satellite string    `json:"satellite"`
	Code      string    `json:"code"`
	Title     string    `json:"title"`
	Message   string    `json:"message"`
	Exhibits  []Exhibit `json:"exhibits"`
}

const postMortemPrefix = "post-mortem/"

func (p PostMortem) key() string {
	return fmt.Sprintf("%s%s/%015d-%s-%s", postMortemPrefix, p.History, p.Time.UnixMilli(), p.Code, p.Satellite)
}

// Text is the post-mortem for people.
func (p PostMortem) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", p.Title, p.Message)
	for _, exhibit := range p.Exhibits {
		fmt.Fprintf(&b, "\n%s\n", exhibit.Title)
		for _, line := range exhibit.Lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
		if len(exhibit.Lines) == 0 {
			b.WriteString("  nothing\n")
		}
	}
	return b.String()
}

// HasPostMortem says whether what led to a condition is frozen when it is raised.
func HasPostMortem(code string) bool { return slices.Contains(endings, code) }

// callsForPostMortem says whether a change is an end that was seen to come: what was so when
// the node was first judged, or began before, was not.
func (e *Engine) callsForPostMortem(change Change, before Record) bool {
	if !HasPostMortem(change.Code) || change.Severity < Critical || change.Kind != Raised && change.Kind != Worse {
		return false
	}
	return !before.Began.IsZero() && !change.Since.Before(before.Began)
}

// freeze adds the post-mortem of a change to a batch.
func (e *Engine) freeze(ctx context.Context, c Case, node concern.Watched, change Change, batch *store.Batch) error {
	p := PostMortem{
		Time: change.Time, History: change.History, Satellite: change.Satellite, Code: change.Code,
		Title: change.Title, Message: change.Message,
	}
	from := c.Now.Add(-postMortemPeriod)
	p.Exhibits = append(p.Exhibits, changesExhibit(ctx, c, node.Node, from))
	for _, judge := range e.judges {
		witness, ok := judge.(Witness)
		if !ok {
			continue
		}
		exhibits, err := testifySafely(ctx, witness, c, node.Node, change.Satellite, from)
		if err != nil {
			e.options.Report(fmt.Errorf("%s could not tell what led to %s: %w", nameOf(judge), change.Line(), err))
			exhibits = append(exhibits, Exhibit{Title: nameOf(judge), Lines: []string{fmt.Sprintf("what it knows could not be read: %v", err)}})
		}
		p.Exhibits = append(p.Exhibits, exhibits...)
	}
	p.bound()
	document, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the post-mortem of %s: %w", node.Name, err)
	}
	var keys []string
	c.Store.Documents(postMortemPrefix+p.History+"/", func(key string, _ []byte) { keys = append(keys, key) })
	slices.Sort(keys)
	for len(keys) >= postMortemsKept {
		batch.Delete(keys[0])
		keys = keys[1:]
	}
	batch.Put(p.key(), document)
	return nil
}

// bound keeps a post-mortem small. The latest lines of an exhibit say most.
func (p *PostMortem) bound() {
	if extra := len(p.Exhibits) - postMortemExhibits; extra > 0 {
		p.Exhibits = append(p.Exhibits[:postMortemExhibits:postMortemExhibits], Exhibit{Title: fmt.Sprintf("%d more exhibits were left out", extra)})
	}
	for lines := postMortemLines; ; lines /= 2 {
		bounded := make([]Exhibit, len(p.Exhibits))
		size := 0
		for i, exhibit := range p.Exhibits {
			bounded[i] = exhibit.latest(lines)
			for _, line := range bounded[i].Lines {
				size += len(line)
			}
		}
		if size <= postMortemBytes || lines == 0 {
			p.Exhibits = bounded
			return
		}
	}
}

// latest is the exhibit with so many of its lines.
func (e Exhibit) latest(lines int) Exhibit {
	cut := Exhibit{Title: shorten(e.Title, postMortemLineBytes)}
	extra := max(len(e.Lines)-lines, 0)
	if extra > 0 {
		cut.Lines = append(cut.Lines, fmt.Sprintf("… %d earlier lines are left out", extra))
	}
	for _, line := range e.Lines[extra:] {
		cut.Lines = append(cut.Lines, shorten(line, postMortemLineBytes))
	}
	return cut
}

// shorten cuts a text to some bytes, never inside a character.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

func testifySafely(ctx context.Context, witness Witness, c Case, node concern.Node, satellite string, from time.Time) (exhibits []Exhibit, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			exhibits, err = nil, &PanicError{Cause: cause, Stack: string(debug.Stack())}
		}
	}()
	return witness.Testify(ctx, c, node, satellite, from, c.Now)
}

// changesExhibit is which conditions changed at a node.
func changesExhibit(ctx context.Context, c Case, node concern.Node, from time.Time) Exhibit {
	exhibit := Exhibit{Title: "Conditions of the 7 days before"}
	events, err := c.Store.Events(ctx, from.UnixMilli(), c.Now.UnixMilli(), EventKind)
	if err != nil {
		exhibit.Lines = []string{fmt.Sprintf("they could not be read: %v", err)}
		return exhibit
	}
	for _, event := range events {
		change := changeOf(event)
		if change.History != node.History {
			continue
		}
		change.Node = node.Name
		exhibit.Lines = append(exhibit.Lines, change.Time.Format("2006-01-02 15:04:05 UTC")+" "+change.Line())
	}
	return exhibit
}

// PostMortems are those of a node, the newest first.
func PostMortems(from *store.Store, history string) ([]PostMortem, error) {
	var all []PostMortem
	var failed error
	from.Documents(postMortemPrefix+history+"/", func(key string, document []byte) {
		var p PostMortem
		if err := json.Unmarshal(document, &p); err != nil {
			failed = fmt.Errorf("read the post-mortem %s: %w", key, err)
			return
		}
		all = append(all, p)
	})
	slices.SortFunc(all, func(a, b PostMortem) int { return strings.Compare(b.key(), a.key()) })
	return all, failed
}
