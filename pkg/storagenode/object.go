package storagenode

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// objectScanner goes over the pairs of one JSON object, as far as it is whole. It
// copies nothing, and does not check what it does not need.
type objectScanner struct {
	rest    []byte
	key     []byte // as written, escapes and all
	value   []byte // as written
	started bool
	broken  bool
}

// next finds the next pair. It is false at the object's end, and with broken set
// where there is no such end.
func (s *objectScanner) next() bool {
	s.skipSpace()
	if len(s.rest) > 0 && s.rest[0] == '}' {
		return false
	}
	if s.started {
		if len(s.rest) == 0 || s.rest[0] != ',' {
			s.broken = true
			return false
		}
		s.rest = s.rest[1:]
		s.skipSpace()
	}
	s.started = true
	key := stringEnd(s.rest)
	if key < 0 {
		s.broken = true
		return false
	}
	s.key, s.rest = s.rest[1:key-1], s.rest[key:]
	s.skipSpace()
	if len(s.rest) == 0 || s.rest[0] != ':' {
		s.broken = true
		return false
	}
	s.rest = s.rest[1:]
	s.skipSpace()
	value := valueEnd(s.rest)
	if value <= 0 {
		s.broken = true
		return false
	}
	s.value, s.rest = s.rest[:value], s.rest[value:]
	return true
}

func (s *objectScanner) skipSpace() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t') {
		s.rest = s.rest[1:]
	}
}

// text is the value where it is a string, unescaped.
func (s *objectScanner) text() ([]byte, bool) {
	if len(s.value) < 2 || s.value[0] != '"' {
		return nil, false
	}
	inside := s.value[1 : len(s.value)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside, true
	}
	return unescape(s.value)
}

// stringEnd is the length of the JSON string at the beginning, quotes included,
// or -1.
func stringEnd(raw []byte) int {
	if len(raw) == 0 || raw[0] != '"' {
		return -1
	}
	end := closingQuote(raw, 1)
	if end < 0 {
		return -1
	}
	return end + 1
}

// closingQuote is where the string ends whose inside begins at from, or -1. It jumps from
// quote to quote: the long stacks in errorVerbose have next to none.
func closingQuote(raw []byte, from int) int {
	for at := from; ; at++ {
		jump := bytes.IndexByte(raw[at:], '"')
		if jump < 0 {
			return -1
		}
		at += jump
		first := at
		for first > from && raw[first-1] == '\\' {
			first--
		}
		if (at-first)%2 == 0 {
			return at
		}
	}
}

// valueEnd is the length of the JSON value at the beginning, or -1. It looks for
// the end only: whether a number is one does not matter here.
func valueEnd(raw []byte) int {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			end := stringEnd(raw[i:])
			if end < 0 {
				return -1
			}
			if i += end - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// unescape gives the text of a JSON string with escapes.
func unescape(quoted []byte) ([]byte, bool) {
	return appendUnescaped(make([]byte, 0, len(quoted)), quoted[1:len(quoted)-1])
}

// appendUnescaped appends the text of the inside of a JSON string. It is false where an
// escape is none.
func appendUnescaped(plain, inside []byte) ([]byte, bool) {
	for {
		run := bytes.IndexByte(inside, '\\')
		if run < 0 {
			return append(plain, inside...), true
		}
		plain, inside = append(plain, inside[:run]...), inside[run:]
		var width int
		if plain, width = appendEscape(plain, inside); width == 0 {
			return nil, false
		}
		inside = inside[width:]
	}
}

// appendEscape appends what the escape at the beginning stands for, and gives its width;
// 0 where it is none.
func appendEscape(plain, escape []byte) ([]byte, int) {
	if len(escape) < 2 {
		return plain, 0
	}
	switch c := escape[1]; c {
	case '"', '\\', '/':
		return append(plain, c), 2
	case 'n':
		return append(plain, '\n'), 2
	case 't':
		return append(plain, '\t'), 2
	case 'r':
		return append(plain, '\r'), 2
	case 'b':
		return append(plain, '\b'), 2
	case 'f':
		return append(plain, '\f'), 2
	}
	first := unicodeEscape(escape)
	if first < 0 {
		return plain, 0
	}
	if utf16.IsSurrogate(first) {
		if both := utf16.DecodeRune(first, unicodeEscape(escape[6:])); both != utf8.RuneError {
			return utf8.AppendRune(plain, both), 12
		}
	}
	return utf8.AppendRune(plain, first), 6 // half a pair becomes U+FFFD
}

// unicodeEscape is the number in the escape \uXXXX at the beginning, or -1.
func unicodeEscape(escape []byte) rune {
	if len(escape) < 6 || escape[0] != '\\' || escape[1] != 'u' {
		return -1
	}
	number := rune(0)
	for _, c := range escape[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		number = number<<4 | rune(c)
	}
	return number
}
