package storagenode

import (
	"bytes"
	"encoding/json"
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
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
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

// unescape gives the text of a JSON string with escapes. The simple ones, of which
// each line in Docker's log has several, are done by hand.
func unescape(quoted []byte) ([]byte, bool) {
	plain := make([]byte, 0, len(quoted))
	inside := quoted[1 : len(quoted)-1]
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c != '\\' {
			plain = append(plain, c)
			continue
		}
		if i++; i == len(inside) {
			return nil, false
		}
		switch c = inside[i]; c {
		case '"', '\\', '/':
			plain = append(plain, c)
		case 'n':
			plain = append(plain, '\n')
		case 't':
			plain = append(plain, '\t')
		case 'r':
			plain = append(plain, '\r')
		case 'b':
			plain = append(plain, '\b')
		case 'f':
			plain = append(plain, '\f')
		default:
			// \u and its surrogate pairs, or garbage.
			var decoded string
			if json.Unmarshal(quoted, &decoded) != nil {
				return nil, false
			}
			return []byte(decoded), true
		}
	}
	return plain, true
}
