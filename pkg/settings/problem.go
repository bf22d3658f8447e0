package settings

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// NoIndex is the Index of a problem that belongs to no node and no line.
const NoIndex = -1

// Problem is one thing in the configuration that cannot be used as written.
type Problem struct {
	// Spec is the node as the operator wrote it, with passwords and query
	// strings masked and shortened where it is long. Empty for a setting of
	// the data source.
	Spec string `json:"spec"`
	// Field is what is wrong in it: name, source or api of a spec string; else
	// the JSON key, with a dot where it is nested.
	Field string `json:"field"`
	// Reason says what is wrong with it, Mend what to do about it.
	Reason string `json:"reason"`
	Mend   string `json:"mend"`
	// Index is the element of "nodes" from 0 on in what Load reports, the line
	// from 1 on in what ParseSpecs reports, else NoIndex.
	Index int `json:"index"`
}

// Error says all of the problem in one line.
func (p Problem) Error() string {
	if p.Spec == "" {
		return fmt.Sprintf("%s: %s; %s", p.Field, p.Reason, p.Mend)
	}
	return fmt.Sprintf("%s: %s: %s; %s", quoted(p.Spec), p.Field, p.Reason, p.Mend)
}

// fault is a problem before it is known in which spec or node it lies.
type fault struct {
	field, reason, mend string
}

func (f *fault) in(spec string, index int) Problem {
	return Problem{Spec: showable(spec), Field: f.field, Reason: f.reason, Mend: f.mend, Index: index}
}

// underField renames the field: the source of a spec string is the "log" of a
// node object.
func (f *fault) underField(field string) *fault {
	return &fault{field: field, reason: f.reason, mend: f.mend}
}

// longestShown is how much of an operator's text a message repeats, in
// characters.
const longestShown = 200

var (
	// credentials are what stands before an @ and behind a scheme or a colon.
	credentials = regexp.MustCompile(`(?s)(://).*@|(:)[^:@]*@`)
	// container is what stands before the @ of a Docker daemon and is no
	// secret, at the beginning or behind a name.
	container = regexp.MustCompile(`^(?:[^:]*:)?\s*(?i:docker)://[a-zA-Z0-9][a-zA-Z0-9_.-]*\s*@`)
	urlQuery  = regexp.MustCompile(`(?s)(://[^?#]*[?#]).*`)
)

// showable makes an operator's text fit for a message: nothing in it that may
// be a secret, valid UTF-8, not too long. Messages are kept, logged and shown
// to people who may not see the settings, so it masks rather too much.
func showable(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), string(utf8.RuneError))
	shown := container.FindString(text)
	text = credentials.ReplaceAllString(text[len(shown):], "${1}${2}***@")
	text = shown + urlQuery.ReplaceAllString(text, "${1}***")
	if utf8.RuneCountInString(text) > longestShown {
		text = string([]rune(text)[:longestShown]) + "…"
	}
	return text
}

// quoted is showable in quotation marks. Backslashes stay single, as they are
// typed; only what would break the line is escaped.
func quoted(text string) string {
	text = showable(text)
	if strings.ContainsFunc(text, breaksLines) {
		return strconv.Quote(text)
	}
	return `"` + text + `"`
}

// quotedPart is quoted for a piece that was cut out of a longer text: there,
// all before an @ may be the rest of a password.
func quotedPart(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		text = "***" + text[at:]
	}
	return quoted(text)
}
