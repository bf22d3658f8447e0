package storagenode

import (
	"bytes"
	"time"
)

// transferMessage is the message and the kind of a transfer's line, or OtherLine. These
// are nearly all lines of a log.
func transferMessage(message []byte) (string, Kind) {
	switch string(message) {
	case "upload started":
		return "upload started", UploadStarted
	case "download started":
		return "download started", DownloadStarted
	case "uploaded":
		return "uploaded", UploadEnded
	case "downloaded":
		return "downloaded", DownloadEnded
	case "upload canceled":
		return "upload canceled", UploadEnded
	case "download canceled":
		return "download canceled", DownloadEnded
	case "upload canceled (race lost or node shutdown)":
		return "upload canceled (race lost or node shutdown)", UploadEnded
	case "download canceled (race lost or node shutdown)":
		return "download canceled (race lost or node shutdown)", DownloadEnded
	case "upload failed":
		return "upload failed", UploadEnded
	case "download failed":
		return "download failed", DownloadEnded
	case "upload rejected, too many requests":
		return "upload rejected, too many requests", UploadEnded
	}
	return "", OtherLine
}

// judge says how a transfer ended, and what a line is about where its message alone does
// not tell.
func (p *Parser) judge() {
	e := &p.event
	switch e.Kind {
	case UploadStarted, DownloadStarted, OtherLine:
	case UploadEnded, DownloadEnded:
		p.judgeEnd()
	case TransferTwin, PieceReadFailed:
		e.Cause = causeOf(e.Reason, true)
	case Pinged:
		if by, ok := e.value("by"); ok && e.Satellite == "" {
			e.Satellite = p.satellites.id(by.text())
		}
	case PieceMigrated, PieceNotMigrated:
		if id, ok := e.value("id"); ok && e.Piece == nil {
			e.Piece = id.text()
		}
	case OrdersSettled:
		// Others finish, too, and say less.
		if _, counted := e.Int("count"); e.Level != Info || !counted {
			e.Kind = OtherLine
		}
	}
}

func (p *Parser) judgeEnd() {
	e := &p.event
	switch e.Message {
	case "uploaded", "downloaded":
		e.Outcome = OutcomeSuccess
	case "upload canceled", "upload canceled (race lost or node shutdown)":
		e.Outcome = OutcomeCanceled
		if e.Level == Debug {
			e.twin()
			return
		}
		p.canceled.add(e.Piece)
	case "download canceled", "download canceled (race lost or node shutdown)":
		// Of an audit, too: the satellite has what it wanted, and hung up.
		e.Outcome = OutcomeCanceled
		if e.Level == Debug {
			e.twin()
		}
	case "upload failed":
		e.Cause = causeOf(e.Reason, true)
		e.Outcome = OutcomeFailed
		if e.Level == Debug {
			// The other side has canceled it. Some versions say so beside the line of
			// the lost race.
			e.Outcome = OutcomeCanceled
			if p.canceled.take(e.Piece) {
				e.twin()
			}
		}
	case "download failed":
		e.Cause = causeOf(e.Reason, false)
		e.Outcome = OutcomeFailed
	case "upload rejected, too many requests":
		e.Outcome = OutcomeRejected
	}
}

func (e *Event) twin() { e.Kind, e.Outcome, e.Cause = TransferTwin, NoOutcome, NoCause }

// maxPiece is the longest piece id that is remembered; they have 52 characters.
const maxPiece = 64

// recentPieces remembers some pieces. A twin follows at once, but for the lines that
// other transfers write at the same time.
type recentPieces struct {
	pieces [16]struct {
		id     [maxPiece]byte
		length int // 0: none
	}
	next int
}

func (r *recentPieces) add(piece []byte) {
	if len(piece) == 0 || len(piece) > maxPiece {
		return
	}
	slot := &r.pieces[r.next%len(r.pieces)]
	slot.length = copy(slot.id[:], piece)
	r.next++
}

// take says whether a piece is remembered, and forgets it.
func (r *recentPieces) take(piece []byte) bool {
	for i := range r.pieces {
		slot := &r.pieces[i]
		if slot.length > 0 && bytes.Equal(slot.id[:slot.length], piece) {
			slot.length = 0
			return true
		}
	}
	return false
}

// maxErrorText is how much of an error is looked at: the words that tell its cause are
// at its beginning or at its end.
const maxErrorText = 2 << 10

// The words that tell why a transfer failed, as Linux, Windows and Go write them.
var (
	missingWords = words("does not exist", "no such file", "cannot find the file", "cannot find the path")
	clientWords  = words(
		"broken pipe", "connection reset", "use of closed", "context canceled", "closed by peer", "stream closed", "manager closed",
		" tcp ", " udp ", "forcibly closed", "connection was aborted", "connection timed out",
	)
	storageWords = words(
		"input/output error", "permission denied", "Access is denied", "EOF", "more data than available", "database", "disk", "no space left",
		"read-only file system", "is a directory", "not a directory", "bad file descriptor", "stale", "structure needs cleaning", "too many open files",
		"checksum", "file already closed", "cyclic redundancy", "device", "hashstore:", "pieces error:", "filestore error:", "blobstore",
	)
)

func words(words ...string) [][]byte {
	all := make([][]byte, len(words))
	for i, word := range words {
		all[i] = []byte(word)
	}
	return all
}

// causeOf reads an error. An end of file is the client's where it sends, and the disk's
// where the node reads.
func causeOf(text []byte, upload bool) Cause {
	if len(text) > maxErrorText {
		head, tail := text[:maxErrorText/2], text[len(text)-maxErrorText/2:]
		if cause := causeOf(head, upload); cause != OtherCause {
			return cause
		}
		return causeOf(tail, upload)
	}
	contains := func(words [][]byte) bool {
		for _, word := range words {
			if bytes.Contains(text, word) {
				return true
			}
		}
		return false
	}
	switch {
	case len(text) == 0:
		return NoCause
	case contains(missingWords):
		return PieceMissing
	case contains(clientWords), upload && bytes.Contains(text, []byte("EOF")):
		return ClientLeft
	case contains(storageWords):
		return StorageError
	}
	return OtherCause
}

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
