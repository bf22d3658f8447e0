package simnode

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// logWriter writes lines as the node's logger (zap) writes them, in the words
// of one release, and counts what it has written.
//
// A line is begin, fields, end; begin says false where the line is not written,
// and then nothing else may be called.
type logWriter struct {
	out  []byte // what waits for the next flush
	line []byte // Docker: the line inside the wrapping

	from     int64 // lines of earlier times are not written
	limit    int64 // at most so many lines; 0 = no limit
	level    level
	location *time.Location
	json     bool
	docker   bool

	// of the running process
	version      softwareVersion
	custom       string // logger with a level of its own, "" for none
	customLevel  level
	keys         [keyCount]string // with separator and colon
	processField string

	stampOf int64 // the second, or millisecond, that stamp says
	stamp   []byte
	at      int64

	counts    [messageCount][levels]int64
	lines     int64
	fileLines int64
	first     int64
	last      int64
}

func newLogWriter(o *Options) *logWriter {
	level, _ := parseLevel(o.Level) // checked by withDefaults
	return &logWriter{
		from:     o.LogFrom.UnixNano(),
		level:    level,
		location: o.Location,
		json:     o.Encoding == JSON || o.Encoding == DockerJSON,
		docker:   o.Encoding == Docker || o.Encoding == DockerJSON,
		stampOf:  -1,
	}
}

// speak sets the release whose words are used from now on, and the custom level
// that the process was started with.
func (l *logWriter) speak(version softwareVersion, custom string) {
	l.version = version
	logger, levelName, _ := strings.Cut(custom, "=")
	l.custom = logger
	l.customLevel, _ = parseLevel(levelName)
	colon, comma := `": `, `, "`
	if l.json {
		colon, comma = `":`, `,"`
	}
	for k, name := range keyNames {
		word := name.modern
		if !version.since(minorSnakeKeys) {
			word = name.old
		}
		l.keys[k] = comma + word + colon
	}
	if l.json {
		l.processField = l.keys[kProcess] + `"storagenode"`
	} else {
		l.processField = "\t{" + strings.TrimPrefix(l.keys[kProcess], ", ") + `"storagenode"`
	}
	l.stampOf = -1
}

// on says whether a line of this level and logger is written.
func (l *logWriter) on(at int64, lv level, logger string) bool {
	if at < l.from || l.limit > 0 && l.lines >= l.limit {
		return false
	}
	if l.custom != "" && logger == l.custom {
		return lv >= l.customLevel
	}
	return lv >= l.level
}

func (l *logWriter) begin(at int64, id messageID) bool {
	return l.beginText(at, messages[id].level, id, messages[id].text)
}

func (l *logWriter) beginAs(at int64, lv level, id messageID) bool {
	return l.beginText(at, lv, id, messages[id].text)
}

func (l *logWriter) beginText(at int64, lv level, id messageID, text string) bool {
	m := &messages[id]
	if !l.on(at, lv, m.logger) {
		return false
	}
	l.at = at
	l.counts[id][lv]++
	if l.lines == 0 {
		l.first = at
	}
	l.last = at
	l.lines++
	if l.docker {
		l.out, l.line = l.line[:0], l.out // write the inner line first
	}
	b := l.out
	if l.json {
		b = append(b, `{"L":"`...)
		b = append(b, levelNames[lv]...)
		b = append(b, `","T":"`...)
		b = l.appendStamp(b, at)
		if m.logger != "" {
			b = append(b, `","N":"`...)
			b = append(b, m.logger...)
		}
		b = append(b, `","M":"`...)
		b = appendEscaped(b, text, false)
		b = append(b, '"')
	} else {
		b = l.appendStamp(b, at)
		b = append(b, '\t')
		b = append(b, levelNames[lv]...)
		b = append(b, '\t')
		if m.logger != "" {
			b = append(b, m.logger...)
			b = append(b, '\t')
		}
		b = append(b, text...)
	}
	l.out = append(b, l.processField...)
	return true
}

func (l *logWriter) end() {
	l.out = append(l.out, '}', '\n')
	if l.docker {
		l.out, l.line = l.line, l.out
		l.wrap()
		return
	}
	l.fileLines++
}

// dockerChunk is the size at which Docker's json-file driver splits a line.
const dockerChunk = 16 << 10

// wrap writes the finished line as Docker's json-file driver does: in chunks of
// at most 16 KiB, each an object of its own; only the last ends in a newline.
func (l *logWriter) wrap() {
	rest := l.line
	for len(rest) > 0 {
		n := min(len(rest), dockerChunk)
		for n < len(rest) && !utf8.RuneStart(rest[n]) {
			n--
		}
		l.out = append(l.out, `{"log":"`...)
		l.out = appendEscaped(l.out, string(rest[:n]), true)
		l.out = append(l.out, `","stream":"stderr","time":"`...)
		l.out = time.Unix(0, l.at).UTC().AppendFormat(l.out, time.RFC3339Nano)
		l.out = append(l.out, '"', '}', '\n')
		l.fileLines++
		rest = rest[n:]
	}
}

// appendStamp appends the line's time: whole seconds since v1.83, before that
// milliseconds and a zone without a colon.
func (l *logWriter) appendStamp(b []byte, at int64) []byte {
	unit, layout := int64(time.Second), "2006-01-02T15:04:05Z07:00"
	if !l.version.since(minorShortTime) {
		unit, layout = int64(time.Millisecond), "2006-01-02T15:04:05.000Z0700"
	}
	if at/unit != l.stampOf {
		l.stampOf = at / unit
		l.stamp = time.Unix(0, at).In(l.location).AppendFormat(l.stamp[:0], layout)
	}
	return append(b, l.stamp...)
}

// The fields. str is for words that need no escaping.

func (l *logWriter) str(k keyID, v string) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '"')
	l.out = append(l.out, v...)
	l.out = append(l.out, '"')
}

func (l *logWriter) text(k keyID, v string) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '"')
	l.out = appendEscaped(l.out, v, false)
	l.out = append(l.out, '"')
}

func (l *logWriter) int(k keyID, v int64) {
	l.out = append(l.out, l.keys[k]...)
	l.out = strconv.AppendInt(l.out, v, 10)
}

func (l *logWriter) bool(k keyID, v bool) {
	l.out = append(l.out, l.keys[k]...)
	l.out = strconv.AppendBool(l.out, v)
}

// float writes a number as zap does: a ratio of nothing is the string NaN.
func (l *logWriter) float(k keyID, v float64) {
	l.out = append(l.out, l.keys[k]...)
	if v != v {
		l.out = append(l.out, `"NaN"`...)
		return
	}
	l.out = strconv.AppendFloat(l.out, v, 'f', -1, 64)
}

func (l *logWriter) duration(k keyID, d time.Duration) { l.str(k, d.String()) }

func (l *logWriter) time(k keyID, at int64) {
	layout := "2006-01-02T15:04:05Z07:00"
	if !l.version.since(minorShortTime) {
		layout = "2006-01-02T15:04:05.000Z0700"
	}
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '"')
	l.out = time.Unix(0, at).In(l.location).AppendFormat(l.out, layout)
	l.out = append(l.out, '"')
}

func (l *logWriter) piece(k keyID, key uint64) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '"')
	l.out = appendPieceID(l.out, key)
	l.out = append(l.out, '"')
}

func (l *logWriter) peer(k keyID, peer uint64) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '"')
	l.out = appendPeer(l.out, peer)
	l.out = append(l.out, '"')
}

// raw writes a value that is JSON already (zap.Any).
func (l *logWriter) raw(k keyID, json string) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, json...)
}

// names writes a list of names.
func (l *logWriter) names(k keyID, names []string) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '[')
	for i, name := range names {
		if i > 0 {
			l.out = append(l.out, ',')
			if !l.json {
				l.out = append(l.out, ' ')
			}
		}
		l.out = append(l.out, '"')
		l.out = append(l.out, name...)
		l.out = append(l.out, '"')
	}
	l.out = append(l.out, ']')
}

// flags writes an object of names and booleans.
func (l *logWriter) flags(k keyID, names []string, value bool) {
	l.out = append(l.out, l.keys[k]...)
	l.out = append(l.out, '{')
	for i, name := range names {
		if i > 0 {
			l.out = append(l.out, ',')
			if !l.json {
				l.out = append(l.out, ' ')
			}
		}
		l.out = append(l.out, '"')
		l.out = append(l.out, name...)
		l.out = append(l.out, '"', ':')
		if !l.json {
			l.out = append(l.out, ' ')
		}
		l.out = strconv.AppendBool(l.out, value)
	}
	l.out = append(l.out, '}')
}

// failure writes an error as zap does: its text, and with its stack.
func (l *logWriter) failure(text, stack string) {
	l.text(kError, text)
	if stack != "" {
		l.text(kErrorVerbose, text+stack)
	}
}

// appendEscaped appends s as the inside of a JSON string. Docker's driver
// escapes <, > and & as well, zap does not.
func appendEscaped(b []byte, s string, html bool) []byte {
	const digits = "0123456789abcdef"
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && !(html && (c == '<' || c == '>' || c == '&')) {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(b, s[from:]...)
}
