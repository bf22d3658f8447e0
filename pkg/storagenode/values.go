package storagenode

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// The other fields of an event are read when somebody asks, by their normal key: in lower
// case, words joined by _, and satellite_id for every way to write that. So one key does
// for all versions: "Piece ID", pieceID and piece_id are piece_id.

// maxKey is the longest key that is looked at.
const maxKey = 64

// fieldValue is the value of one field as the line has it.
type fieldValue []byte

// value is the value of the field with a key. Where the key comes twice, the last counts.
func (e *Event) value(key string) (fieldValue, bool) {
	var found fieldValue
	if len(e.Fields) == 0 {
		return nil, false
	}
	pairs := objectScanner{rest: e.Fields[1:]}
	for pairs.next() {
		if isHeaderKey(pairs.key) {
			continue
		}
		var made [maxKey]byte
		if normal, ok := appendNormalKey(made[:0], pairs.key); ok && string(normal) == key {
			found = pairs.value
		}
	}
	return found, found != nil
}

// isHeaderKey says whether a key is one of the JSON encoding's header.
func isHeaderKey(key []byte) bool {
	return len(key) == 1 && strings.IndexByte("LTNCMS", key[0]) >= 0
}

// text is the value as a text: of a string without its quotes and escapes, else as it is
// written.
func (v fieldValue) text() []byte {
	if len(v) < 2 || v[0] != '"' {
		return v
	}
	inside := v[1 : len(v)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	if plain, ok := appendUnescaped(nil, inside); ok {
		return plain
	}
	return inside
}

// Text is a field as a text: a string's content, or a number, list or object as JSON.
func (e *Event) Text(key string) (string, bool) {
	value, ok := e.value(key)
	if !ok {
		return "", false
	}
	return strings.ToValidUTF8(string(value.text()), "\uFFFD"), true
}

// Int is a field as a whole number.
func (e *Event) Int(key string) (int64, bool) {
	value, ok := e.value(key)
	if !ok {
		return 0, false
	}
	return parseInt(value.text())
}

// Float is a field as a number. The strings NaN, +Inf and -Inf, which zap writes for what
// JSON has no number for, are none.
func (e *Event) Float(key string) (float64, bool) {
	value, ok := e.value(key)
	if !ok {
		return 0, false
	}
	return parseFloat(value.text())
}

// Bool is a field as true or false.
func (e *Event) Bool(key string) (value, ok bool) {
	text, _ := e.value(key)
	switch string(text) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// DurationOf is a field as a duration: Go's way to write them, or nanoseconds.
func (e *Event) DurationOf(key string) (time.Duration, bool) {
	value, ok := e.value(key)
	if !ok {
		return 0, false
	}
	if d, err := time.ParseDuration(string(value.text())); err == nil {
		return d, true
	}
	nanoseconds, ok := parseInt(value)
	return time.Duration(nanoseconds), ok
}

// TimeOf is a field as a time, in UTC.
func (e *Event) TimeOf(key string) (time.Time, bool) {
	value, ok := e.value(key)
	if !ok {
		return time.Time{}, false
	}
	return parseTime(value.text())
}

// Bytes is a field as a number of bytes: a number, or a size for people such as 221.7 MiB.
func (e *Event) Bytes(key string) (int64, bool) {
	value, ok := e.value(key)
	if !ok {
		return 0, false
	}
	return parseBytes(value.text())
}

// Nested is a field that is an object, whose own fields can be asked for in the same way:
// the statistics of the hashstore have LenLogs as len_logs, and so on.
func (e *Event) Nested(key string) (*Event, bool) {
	value, ok := e.value(key)
	if !ok || value[0] != '{' {
		return nil, false
	}
	return &Event{Line: Line{Time: e.Time, Level: e.Level, Logger: e.Logger, Message: e.Message, Fields: value}, Kind: e.Kind, Satellite: e.Satellite, Size: -1, Offset: -1, Free: -1}, true
}

// LoggedScores are the scores in a line, 0 to 1 as in the node's API.
type LoggedScores struct {
	Satellite                 string
	Audit, Suspension, Online float64
	// How many audits there were, and how many of them succeeded; -1 where the line does
	// not say.
	TotalAudits, SuccessfulAudits int64
}

// Scores are the scores of a line that says them all.
func (e *Event) Scores() (LoggedScores, bool) {
	if e.Kind != ScoresUpdated && e.Kind != ScoresWorsened || e.Satellite == "" {
		return LoggedScores{}, false
	}
	scores := LoggedScores{Satellite: e.Satellite, TotalAudits: -1, SuccessfulAudits: -1}
	for _, score := range []struct {
		key  string
		into *float64
	}{{"audit_score", &scores.Audit}, {"suspension_score", &scores.Suspension}, {"online_score", &scores.Online}} {
		value, ok := e.Float(score.key)
		if !ok || value < 0 || value > 1 {
			return LoggedScores{}, false
		}
		*score.into = value
	}
	if total, ok := e.Int("total_audits"); ok {
		scores.TotalAudits = total
	}
	if successful, ok := e.Int("successful_audits"); ok {
		scores.SuccessfulAudits = successful
	}
	return scores, true
}

// appendNormalKey appends a key in its normal form. It is false where it is too long to be
// one, or has escapes.
func appendNormalKey(normal, key []byte) ([]byte, bool) {
	for i, c := range key {
		switch {
		case c == '\\':
			return nil, false
		case c == ' ' || c == '-' || c == '_':
			if len(normal) > 0 && normal[len(normal)-1] != '_' {
				normal = append(normal, '_')
			}
			continue
		case 'A' <= c && c <= 'Z':
			// A word begins where a small letter or a digit was before, or where a
			// small letter follows the last of many capitals.
			if i > 0 && len(normal) > 0 && normal[len(normal)-1] != '_' &&
				(!isCapital(key[i-1]) || i+1 < len(key) && 'a' <= key[i+1] && key[i+1] <= 'z') {
				normal = append(normal, '_')
			}
			c += 'a' - 'A'
		}
		normal = append(normal, c)
		if len(normal) > maxKey-2 {
			return nil, false
		}
	}
	switch string(normal) {
	case "satellite", "sat", "satelliteid":
		return append(normal[:0], "satellite_id"...), true
	}
	return normal, true
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }

func parseInt(text []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

func parseFloat(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// byteUnits are the units in sizes for people.
var byteUnits = map[string]float64{
	"": 1, "B": 1,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50, "EiB": 1 << 60,
	"KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15, "EB": 1e18,
}

func parseBytes(text []byte) (int64, bool) {
	if n, ok := parseInt(text); ok {
		return n, true
	}
	text = bytes.TrimSpace(text)
	digits := 0
	for digits < len(text) && (isDigit(text[digits]) || text[digits] == '.' || text[digits] == '-') {
		digits++
	}
	number, ok := parseFloat(text[:digits])
	unit, known := byteUnits[string(bytes.TrimSpace(text[digits:]))]
	if size := math.Round(number * unit); ok && known && size > -1<<62 && size < 1<<62 {
		return int64(size), true
	}
	return 0, false
}
