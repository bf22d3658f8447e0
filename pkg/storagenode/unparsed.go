package storagenode

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"
)

// Unparsed is how many lines could not be read for one reason. The shapes are of some of
// them: every digit is a 9 and every letter an a, so that nothing of their content is left.
type Unparsed struct {
	Reason LineReason
	Count  int64
	Shapes []string
}

// Text says what the reason means, and what to do where something can be done.
func (u Unparsed) Text() string { return lineReasonTexts[u.Reason] }

// How much is kept of lines that could not be read.
const (
	maxShapes      = 5
	maxShapeLength = 120
)

type unparsedLines struct{ byReason []Unparsed }

func (u *unparsedLines) add(reason LineReason, raw []byte) {
	i := slices.IndexFunc(u.byReason, func(known Unparsed) bool { return known.Reason == reason })
	if i < 0 {
		i = len(u.byReason)
		u.byReason = append(u.byReason, Unparsed{Reason: reason})
	}
	known := &u.byReason[i]
	known.Count++
	raw = bytes.TrimRight(raw, "\r\n")
	if len(raw) == 0 || len(known.Shapes) == maxShapes {
		return
	}
	var made [maxShapeLength]byte
	shape := appendShape(made[:0], raw)
	if !slices.ContainsFunc(known.Shapes, func(seen string) bool { return seen == string(shape) }) {
		known.Shapes = append(known.Shapes, string(shape))
	}
}

// all is a copy, the most frequent reason first.
func (u *unparsedLines) all() []Unparsed {
	all := slices.Clone(u.byReason)
	for i := range all {
		all[i].Shapes = slices.Clone(all[i].Shapes)
	}
	slices.SortStableFunc(all, func(a, b Unparsed) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

// appendShape appends a line's shape as far as there is room.
func appendShape(shape, raw []byte) []byte {
	for len(raw) > 0 && len(shape) < cap(shape) {
		c, width := raw[0], 1
		switch {
		case isDigit(c):
			c = '9'
		case isAlphanumeric(c):
			c = 'a'
		case c == '\t' || ' ' <= c && c <= '~':
		case c < utf8.RuneSelf:
			c = '?' // a control character
		default:
			var letter rune
			if letter, width = utf8.DecodeRune(raw); letter == utf8.RuneError {
				c = '?'
			} else {
				c = 'a'
			}
		}
		shape, raw = append(shape, c), raw[width:]
	}
	return shape
}
