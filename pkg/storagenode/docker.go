package storagenode

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// linePart is what came of a line that Docker's json-file driver has split.
type linePart struct {
	text    []byte
	waiting bool
	cut     bool // there was more than is kept
}

// unwrap takes the line out of an entry of Docker's json-file driver. It is nil where the
// entry holds a part of a line only, and where the line is broken. cut says that a part of
// the line is missing.
//
// Docker splits lines over 16 KiB; the last part alone ends in a newline. It does so for
// each stream: parts of stdout and stderr can come in turns.
func (p *Parser) unwrap(raw []byte) (line []byte, cut bool, err *LineError) {
	text, after, ok := p.entryText(raw)
	if !ok {
		return nil, false, errBadDockerEntry
	}
	whole := len(text) > 0 && text[len(text)-1] == '\n'
	if whole && !p.parts[0].waiting && !p.parts[1].waiting {
		text = bytes.TrimRight(text, "\r\n")
		if len(text) == 0 {
			return nil, false, errEmptyLine
		}
		return text, false, nil
	}
	part := &p.parts[streamOf(after)]
	if part.waiting && beginsLine(text) {
		// The container ended within a line.
		p.unparsed.add(LostDockerPart, part.text)
		*part = linePart{text: part.text[:0]}
	}
	if !part.waiting {
		part.text, part.cut = part.text[:0], false
	}
	room := maxLine - len(part.text)
	if len(text) > room {
		text, part.cut = text[:room], true
	}
	part.text = append(part.text, text...)
	part.waiting = !whole
	if !whole {
		return nil, false, nil
	}
	line = bytes.TrimRight(part.text, "\r\n")
	if len(line) == 0 {
		return nil, false, errEmptyLine
	}
	return line, part.cut, nil
}

// beginsLine says whether a text begins as a line does: within a line neither a tab nor a
// quote stands as such.
func beginsLine(text []byte) bool {
	if bytes.HasPrefix(text, []byte(`{"L":"`)) {
		return true
	}
	stamp, rest, ok := bytes.Cut(text, []byte{'\t'})
	if !ok {
		return false
	}
	level, _, ok := bytes.Cut(rest, []byte{'\t'})
	if !ok || parseLevel(level) == 0 {
		return false
	}
	_, ok = parseTime(stamp)
	return ok
}

// streamOf is which stream an entry is of, from what follows its text.
func streamOf(after []byte) int {
	if bytes.HasPrefix(after, []byte(`,"stream":"stdout"`)) {
		return 1
	}
	return 0
}

// entryText is the text of an entry, without its escapes, and what follows it.
func (p *Parser) entryText(raw []byte) (text, after []byte, ok bool) {
	at := len(dockerEntry)
	for at < len(raw) && raw[at] == ' ' {
		at++
	}
	if at == len(raw) || raw[at] != '"' {
		return nil, nil, false
	}
	at++
	if need := len(raw) + 16; cap(p.plain) < need {
		p.plain = make([]byte, need+need/2)
	}
	// Nothing becomes longer by taking its escapes away, so that there is always room.
	plain, n := p.plain[:cap(p.plain)], 0
	for {
		// Eight bytes at a time, up to the next backslash or quote.
		for at+8 <= len(raw) {
			word := binary.LittleEndian.Uint64(raw[at:])
			binary.LittleEndian.PutUint64(plain[n:], word)
			if found := bytesEqual(word, '\\') | bytesEqual(word, '"'); found != 0 {
				skip := bits.TrailingZeros64(found) / 8
				at, n = at+skip, n+skip
				break
			}
			at, n = at+8, n+8
		}
		if at == len(raw) {
			return nil, nil, false
		}
		switch c := raw[at]; c {
		case '"':
			return plain[:n], raw[at+1:], true
		case '\\':
			if at+8 <= len(raw) {
				// Most quotes end one string and lead to the next one's.
				switch word := binary.LittleEndian.Uint64(raw[at:]); {
				case word&spacedMask == spacedColon || word&spacedMask == spacedComma:
					plain[n], plain[n+1], plain[n+2], plain[n+3] = '"', byte(word>>16), ' ', '"'
					at, n = at+6, n+4
					continue
				case word&closeMask == closeColon || word&closeMask == closeComma:
					plain[n], plain[n+1], plain[n+2] = '"', byte(word>>16), '"'
					at, n = at+5, n+3
					continue
				}
			}
			simple := byte(0)
			if at+1 < len(raw) {
				simple = simpleEscapes[raw[at+1]]
			}
			if simple != 0 {
				plain[n] = simple
				at, n = at+2, n+1
				continue
			}
			longer, width := appendEscape(plain[:n], raw[at:])
			if width == 0 {
				return nil, nil, false
			}
			at, n = at+width, len(longer)
		default:
			plain[n] = c
			at, n = at+1, n+1
		}
	}
}

// What stands between two strings of an object, as Docker's log has it: `\": \"` and
// `\", \"` in the console encoding, without the space in the JSON encoding; as numbers,
// the first byte the lowest.
const (
	spacedMask  = 1<<48 - 1
	spacedColon = '\\' | '"'<<8 | ':'<<16 | ' '<<24 | '\\'<<32 | '"'<<40
	spacedComma = '\\' | '"'<<8 | ','<<16 | ' '<<24 | '\\'<<32 | '"'<<40
	closeMask   = 1<<40 - 1
	closeColon  = '\\' | '"'<<8 | ':'<<16 | '\\'<<24 | '"'<<32
	closeComma  = '\\' | '"'<<8 | ','<<16 | '\\'<<24 | '"'<<32
)

// simpleEscapes are the escapes of one letter that Docker's lines are full of.
var simpleEscapes = [256]byte{'"': '"', '\\': '\\', 'n': '\n', 't': '\t'}

// bytesEqual has the highest bit set of the first byte of a word that is c. Bytes after
// it may have theirs set by a carry.
func bytesEqual(word uint64, c byte) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	word ^= ones * uint64(c)
	return (word - ones) &^ word & highs
}
