package storagenode

import (
	"bytes"
	"time"
)

// fields reads the pairs of a line's object that an Event has a place for, in one pass.
// rest begins with the object's brace or, in the JSON encoding, with the first key after
// the header. Where a key comes twice, the last counts, as nearly every reader of JSON has
// it: the logger's own fields come first, and the message's after them.
func (p *Parser) fields(rest []byte) {
	at := 0
	for at < len(rest) {
		switch rest[at] {
		case '{', ',', ' ', '\t':
			at++
			continue
		case '"':
		default:
			return // the object's end, or garbage
		}
		field, colon := fieldAt(rest[at:])
		if field == unknownField {
			end := closingQuote(rest, at+1)
			if end < 0 {
				return
			}
			field, colon = fieldOf(rest[at+1:end]), end+1-at
		}
		for at += colon; at < len(rest) && (rest[at] == ':' || rest[at] == ' ' || rest[at] == '\t'); {
			at++
		}
		if at == len(rest) {
			return
		}
		if rest[at] == '"' {
			from := at + 1
			end := bytes.IndexByte(rest[from:], '"')
			if end < 0 {
				p.cutText(field, rest[from:])
				return
			}
			if end += from; rest[end-1] == '\\' && end > from {
				if end = closingQuote(rest, from); end < 0 {
					p.cutText(field, rest[from:])
					return
				}
			}
			if field != skippedField {
				p.setText(field, rest[from:end])
			}
			at = end + 1
			continue
		}
		from := at
		number, plain := int64(0), true
		for ; at < len(rest) && isDigit(rest[at]); at++ {
			if number = number*10 + int64(rest[at]-'0'); at-from > 17 {
				plain = false // 19 digits may be too many
			}
		}
		if plain && at > from && at < len(rest) && (rest[at] == ',' || rest[at] == '}') {
			p.setNumber(field, number)
			continue
		}
		length := valueEnd(rest[from:])
		if length <= 0 {
			return
		}
		at = from + length
		if negative, ok := parseInt(rest[from:at]); ok {
			p.setNumber(field, negative)
		}
	}
}

// field is a pair that an Event has a place for.
type field uint8

const (
	unknownField field = iota
	skippedField
	pieceField
	satelliteField
	actionField
	sizeField
	offsetField
	peerField
	freeField
	reasonField
	durationField
)

// fieldAt is the field of the key at the beginning, as transfers write it, and where the
// key ends; unknownField for every other key.
func fieldAt(b []byte) (field, int) {
	if len(b) < 4 {
		return unknownField, 0
	}
	switch b[1] {
	case 'p':
		if has(b, `"process"`) {
			return skippedField, 9
		}
		if has(b, `"piece_id"`) {
			return pieceField, 10
		}
	case 's':
		if has(b, `"satellite_id"`) {
			return satelliteField, 14
		}
		if has(b, `"size"`) {
			return sizeField, 6
		}
	case 'a':
		if has(b, `"action"`) {
			return actionField, 8
		}
		if has(b, `"available_space"`) {
			return freeField, 17
		}
	case 'o':
		if has(b, `"offset"`) {
			return offsetField, 8
		}
	case 'r':
		if has(b, `"remote_address"`) {
			return peerField, 16
		}
	case 'e':
		if has(b, `"error"`) {
			return reasonField, 7
		}
		if has(b, `"errorVerbose"`) {
			return skippedField, 14
		}
	}
	return unknownField, 0
}

func has(b []byte, key string) bool { return len(b) >= len(key) && string(b[:len(key)]) == key }

// fieldOf is the field of any key.
func fieldOf(key []byte) field {
	switch string(key) {
	case "Process":
		return skippedField
	case "Piece ID":
		return pieceField
	case "Satellite ID", "satellite":
		return satelliteField
	case "Action":
		return actionField
	case "Size":
		return sizeField
	case "Offset":
		return offsetField
	case "Remote Address":
		return peerField
	case "Available Space":
		return freeField
	case "error", "reason":
		return reasonField
	}
	var made [maxKey]byte
	normal, ok := appendNormalKey(made[:0], key)
	if !ok {
		return skippedField
	}
	switch string(normal) {
	case "piece_id":
		return pieceField
	case "satellite_id":
		return satelliteField
	case "action":
		return actionField
	case "size":
		return sizeField
	case "offset":
		return offsetField
	case "remote_address":
		return peerField
	case "available_space":
		return freeField
	case "error", "reason":
		return reasonField
	case "duration", "took", "elapsed":
		return durationField
	}
	return skippedField
}

func (p *Parser) setText(field field, value []byte) {
	e := &p.event
	switch field {
	case pieceField:
		e.Piece = value
	case satelliteField:
		if id := p.satellites.id(value); id != "" {
			e.Satellite = id
		}
	case actionField:
		e.Action = actionOf(value)
	case peerField:
		e.Peer = value
	case reasonField:
		e.Reason = p.plainText(value)
	case durationField:
		if d, err := time.ParseDuration(string(value)); err == nil {
			e.Duration = d
		}
	case sizeField:
		if n, ok := parseBytes(value); ok {
			e.Size = n
		}
	}
}

// plainText is a text without its escapes. It is the parser's own where it has any.
func (p *Parser) plainText(value []byte) []byte {
	if bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	plain, ok := appendUnescaped(p.text[:0], value)
	if !ok {
		return value
	}
	p.text = plain
	return plain
}

// cutText takes a text whose end is missing. Only of an error is its beginning of use.
func (p *Parser) cutText(field field, value []byte) {
	if field == reasonField {
		p.event.Reason = value
	}
}

func (p *Parser) setNumber(field field, n int64) {
	e := &p.event
	switch field {
	case sizeField:
		e.Size = n
	case offsetField:
		e.Offset = n
	case freeField:
		e.Free = n
	}
}
