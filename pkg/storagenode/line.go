package storagenode

import (
	"bytes"
	"time"
)

// Level is how bad the node finds what it says.
type Level uint8

// The levels, in ascending order. The zero Level is none.
const (
	Debug Level = iota + 1
	Info
	Warn
	Error
	DPanic
	Panic
	Fatal
)

var levelNames = [...]string{"", "DEBUG", "INFO", "WARN", "ERROR", "DPANIC", "PANIC", "FATAL"}

// String is the level as the log has it.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return ""
}

// Line is the header of one log line, and its fields unparsed. The typed events
// are made of it.
type Line struct {
	Time    time.Time // UTC
	Level   Level
	Logger  string // empty for messages of the root logger
	Caller  string // only with log.caller
	Message string // as the node wrote it: some end in a space
	// Fields is the JSON object with the line's fields, or nil. In the JSON
	// encoding it is the whole line, with the header's one-letter keys L, T, N, C
	// and M (and S, a stack) among the fields. It may be a part of the parsed bytes:
	// whoever keeps it longer than these copies it.
	Fields []byte
	// Truncated says that Fields ends before its closing brace: the line was cut.
	Truncated bool
}

// LineReason says why a line could not be parsed.
type LineReason string

// The reasons. BadTime is what the second and further lines of a stack give, and
// lines of other programs.
const (
	EmptyLine      LineReason = "empty"
	BadTime        LineReason = "no_time"
	BadLevel       LineReason = "no_level"
	NoMessage      LineReason = "no_message"
	BadObject      LineReason = "broken_json"
	OtherEncoding  LineReason = "other_encoding"
	PrettyEncoding LineReason = "pretty_encoding"
	CloudEncoding  LineReason = "gcloudlogging_encoding"
	BadDockerEntry LineReason = "broken_docker_entry"
	LostDockerPart LineReason = "unfinished_docker_line"
)

var lineReasonTexts = map[LineReason]string{
	EmptyLine:      "the line is empty",
	BadTime:        "the line does not begin with a time: it continues another line, or is not a storage node's",
	BadLevel:       "the line has no log level after its time",
	NoMessage:      "the line has no message",
	BadObject:      "the line begins as JSON and is broken",
	OtherEncoding:  "the line is JSON without the keys L, T and M: set log.encoding to console or json",
	PrettyEncoding: "the line is in the encoding pretty, which has no date: set log.encoding to console or json",
	CloudEncoding:  "the line is in the encoding gcloudlogging, which is not read here: set log.encoding to console or json",
	BadDockerEntry: "the line is an entry of Docker's json-file driver and is broken",
	LostDockerPart: "the line was split by Docker's json-file driver, and its end never came",
}

// LineError is why a line could not be parsed. It holds nothing of the line.
type LineError struct{ Reason LineReason }

func (e *LineError) Error() string { return "log line: " + lineReasonTexts[e.Reason] }

// The errors are made once: a log of garbage should cost no memory.
var (
	errEmptyLine      = &LineError{EmptyLine}
	errBadTime        = &LineError{BadTime}
	errBadLevel       = &LineError{BadLevel}
	errNoMessage      = &LineError{NoMessage}
	errBadObject      = &LineError{BadObject}
	errOtherEncoding  = &LineError{OtherEncoding}
	errPrettyEncoding = &LineError{PrettyEncoding}
	errCloudEncoding  = &LineError{CloudEncoding}
	errBadDockerEntry = &LineError{BadDockerEntry}
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// ParseLine parses one line in the console or the JSON encoding, or either of them
// in an entry of Docker's json-file driver. An end of line at its end does not
// matter. Every error is a *LineError. What is common costs no allocation.
func ParseLine(raw []byte) (Line, error) {
	line, err := parseAny(raw)
	if err != nil {
		return Line{}, err
	}
	return line, nil
}

func parseAny(raw []byte) (Line, *LineError) {
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	raw = bytes.TrimRight(raw, "\r\n")
	if len(raw) == 0 {
		return Line{}, errEmptyLine
	}
	if raw[0] != '{' {
		return parseConsole(raw, nil)
	}
	if bytes.HasPrefix(raw, dockerEntry) {
		return parseDocker(raw)
	}
	return parseObject(raw, nil)
}

// parseConsole reads TIME ⇥ LEVEL ⇥ [LOGGER ⇥] [CALLER ⇥] MESSAGE [⇥ {JSON}].
func parseConsole(raw []byte, texts *textTable) (Line, *LineError) {
	column, rest, ok := bytes.Cut(raw, []byte{'\t'})
	if !ok {
		column, rest = raw, nil
	}
	var line Line
	if line.Time, ok = parseTime(column); !ok {
		if isPretty(column) {
			return Line{}, errPrettyEncoding
		}
		return Line{}, errBadTime
	}
	column, rest, ok = bytes.Cut(rest, []byte{'\t'})
	if line.Level = parseLevel(column); line.Level == 0 {
		return Line{}, errBadLevel
	}
	if !ok || len(rest) == 0 {
		return Line{}, errNoMessage
	}
	// A tab is escaped in JSON, so the object begins after the last one.
	if last := bytes.LastIndexByte(rest, '\t'); last >= 0 && last+1 < len(rest) && rest[last+1] == '{' {
		line.Fields = rest[last+1:]
		line.Truncated = line.Fields[len(line.Fields)-1] != '}'
		rest = rest[:last]
	}
	if column, message, more := bytes.Cut(rest, []byte{'\t'}); more && !isCaller(column) && isLogger(column) {
		line.Logger, rest = texts.text(column), message
	}
	if column, message, more := bytes.Cut(rest, []byte{'\t'}); more && isCaller(column) {
		line.Caller, rest = texts.text(column), message
	}
	line.Message = texts.text(rest)
	return line, nil
}

// isLogger says whether a column can be a logger's name. A message may hold a tab
// too, but hardly without a space before it.
func isLogger(column []byte) bool {
	if len(column) == 0 {
		return false
	}
	for _, c := range column {
		if !isAlphanumeric(c) && c != ':' && c != '.' && c != '_' && c != '-' && c != '/' {
			return false
		}
	}
	return true
}

// isCaller says whether a column is the place in the source: dir/file.go:123.
func isCaller(column []byte) bool {
	digits := len(column)
	for digits > 0 && isDigit(column[digits-1]) {
		digits--
	}
	return digits < len(column) && bytes.HasSuffix(column[:digits], []byte(".go:")) && bytes.IndexByte(column, ' ') < 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlphanumeric(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func parseLevel(column []byte) Level {
	for level := Debug; level <= Fatal; level++ {
		if string(column) == levelNames[level] {
			return level
		}
	}
	return 0
}

// parseTime reads RFC 3339 with or without a fraction, and ISO 8601, whose zone
// has no colon. It is in UTC.
func parseTime(column []byte) (time.Time, bool) {
	if len(column) < len("2006-01-02T15:04:05Z") ||
		column[4] != '-' || column[7] != '-' || column[10] != 'T' || column[13] != ':' || column[16] != ':' {
		return time.Time{}, false
	}
	year, ok1 := digits(column[0:4])
	month, ok2 := digits(column[5:7])
	day, ok3 := digits(column[8:10])
	hour, ok4 := digits(column[11:13])
	minute, ok5 := digits(column[14:16])
	second, ok6 := digits(column[17:19])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 ||
		month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	rest := column[19:]

	nanoseconds := 0
	if rest[0] == '.' {
		rest = rest[1:]
		unit := int(time.Second)
		for len(rest) > 0 && isDigit(rest[0]) {
			unit /= 10
			nanoseconds += int(rest[0]-'0') * unit
			rest = rest[1:]
		}
		if unit == int(time.Second) {
			return time.Time{}, false
		}
	}
	offset, ok := parseZone(rest)
	if !ok {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, nanoseconds, time.UTC)
	if at.Day() != day {
		return time.Time{}, false // a 31st of a shorter month
	}
	return at.Add(-offset), true
}

// parseZone reads Z, +02:00 or +0200.
func parseZone(zone []byte) (time.Duration, bool) {
	if len(zone) == 1 && zone[0] == 'Z' {
		return 0, true
	}
	withColon := len(zone) == 6 && zone[3] == ':'
	if len(zone) != 5 && !withColon || zone[0] != '+' && zone[0] != '-' {
		return 0, false
	}
	hours, ok1 := digits(zone[1:3])
	minutes, ok2 := digits(zone[len(zone)-2:])
	if !ok1 || !ok2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if zone[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// isPretty says whether a column is a time of day, as the encoding pretty has it.
func isPretty(column []byte) bool {
	if len(column) != len("15:04:05.000") || column[2] != ':' || column[5] != ':' || column[8] != '.' {
		return false
	}
	for i, c := range column {
		if i != 2 && i != 5 && i != 8 && !isDigit(c) {
			return false
		}
	}
	return true
}

func digits(column []byte) (int, bool) {
	number := 0
	for _, c := range column {
		if !isDigit(c) {
			return 0, false
		}
		number = number*10 + int(c-'0')
	}
	return number, true
}

// parseObject reads the JSON encoding: {"L":…,"T":…,"N":…,"C":…,"M":…, fields}.
// It stops at the first field after the header, so a line that was cut later is
// read all the same.
func parseObject(raw []byte, texts *textTable) (Line, *LineError) {
	var line Line
	var hasTime, hasLevel, hasMessage, hasSeverity, hasCloudMessage bool
	pairs := objectScanner{rest: raw[1:]}
	for pairs.next() {
		if len(pairs.key) != 1 {
			if hasTime && hasLevel && hasMessage {
				break
			}
			hasSeverity = hasSeverity || string(pairs.key) == "severity"
			hasCloudMessage = hasCloudMessage || string(pairs.key) == "message"
			continue
		}
		switch pairs.key[0] {
		case 'T':
			value, ok := pairs.text()
			if !ok {
				return Line{}, errBadTime
			}
			if line.Time, hasTime = parseTime(value); !hasTime {
				return Line{}, errBadTime
			}
		case 'L':
			value, _ := pairs.text()
			if line.Level = parseLevel(value); line.Level == 0 {
				return Line{}, errBadLevel
			}
			hasLevel = true
		case 'N':
			value, _ := pairs.text()
			line.Logger = texts.text(value)
		case 'C':
			value, _ := pairs.text()
			line.Caller = texts.text(value)
		case 'M':
			value, ok := pairs.text()
			if !ok {
				return Line{}, errNoMessage
			}
			line.Message, hasMessage = texts.text(value), true
		}
	}
	switch {
	case hasTime && hasLevel && hasMessage:
	case hasSeverity && hasCloudMessage:
		return Line{}, errCloudEncoding
	case pairs.broken:
		return Line{}, errBadObject
	default:
		return Line{}, errOtherEncoding
	}
	line.Fields = raw
	line.Truncated = raw[len(raw)-1] != '}'
	return line, nil
}

// dockerEntry is how an entry of Docker's json-file driver begins.
var dockerEntry = []byte(`{"log":`)

// parseDocker reads {"log":"…\n","stream":"stderr","time":"…"}. The time of the
// line within is the node's, and is the one that counts.
func parseDocker(raw []byte) (Line, *LineError) {
	pairs := objectScanner{rest: raw[1:]}
	if !pairs.next() {
		return Line{}, errBadDockerEntry
	}
	value, ok := pairs.text()
	if !ok {
		return Line{}, errBadDockerEntry
	}
	inner := bytes.TrimRight(value, "\r\n")
	if len(inner) == 0 {
		return Line{}, errEmptyLine
	}
	if inner[0] == '{' {
		return parseObject(inner, nil)
	}
	return parseConsole(inner, nil)
}

// NodeStarted gives the node's id of the line `Node <id> started`, which a node
// writes at each start.
func NodeStarted(line Line) (nodeID string, ok bool) {
	const before, after = "Node ", " started"
	message := line.Message
	if len(message) <= len(before)+len(after) || message[:len(before)] != before || message[len(message)-len(after):] != after {
		return "", false
	}
	nodeID = message[len(before) : len(message)-len(after)]
	const shortestID = 40
	if len(nodeID) < shortestID || !plausibleID(nodeID) {
		return "", false
	}
	return nodeID, true
}
