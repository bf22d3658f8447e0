package storagenode

import (
	"bytes"
	"time"
)

// maxLine is how much of a line is read. Lines are longer where hashstore writes tables
// or an error holds a whole stack: all that counts comes before.
const maxLine = 64 << 10

// Parser makes events of the lines of one log, one after the other. It is not for
// concurrent use. It remembers little: the satellites and messages that came, the parts of
// a line that Docker has split, and the last canceled uploads, whose line may come twice.
type Parser struct {
	event      Event
	clock      clock
	satellites satelliteTable
	texts      textTable
	canceled   recentPieces

	plain []byte // an entry of Docker's without its escapes
	parts [2]linePart
	text  []byte // the last error's text without its escapes

	cut      int64
	unparsed unparsedLines
}

// NewParser makes a parser for one log.
func NewParser() *Parser { return &Parser{} }

// Parse reads one line, with or without its end, in the console or the JSON encoding, or
// either of them in an entry of Docker's json-file driver. The event is the parser's, and
// valid until the next call; so is the line.
//
// It is nil without an error where an entry of Docker's holds a part of a line only: the
// line comes with its last part. Every error is a *LineError, and counted.
func (p *Parser) Parse(raw []byte) (*Event, error) {
	event, err := p.parse(raw)
	if err != nil {
		p.unparsed.add(err.Reason, raw)
		return nil, err
	}
	return event, nil
}

func (p *Parser) parse(raw []byte) (*Event, *LineError) {
	for len(raw) > 0 && (raw[len(raw)-1] == '\n' || raw[len(raw)-1] == '\r') {
		raw = raw[:len(raw)-1]
	}
	if len(raw) == 0 {
		return nil, errEmptyLine
	}
	if raw[0] == byteOrderMark[0] {
		raw = bytes.TrimPrefix(raw, byteOrderMark)
	}
	if bytes.HasPrefix(raw, dockerEntry) {
		line, cut, err := p.unwrap(raw)
		if line == nil || err != nil {
			return nil, err
		}
		return p.parseLine(line, cut)
	}
	return p.parseLine(raw, false)
}

// Cut is how many lines were longer than what is read of one. They count all the same.
func (p *Parser) Cut() int64 { return p.cut }

// Unparsed is what could not be read, and why.
func (p *Parser) Unparsed() []Unparsed { return p.unparsed.all() }

// parseLine reads a line that is in no entry of Docker's any more; cut says that its end
// is missing.
func (p *Parser) parseLine(raw []byte, cut bool) (*Event, *LineError) {
	if len(raw) > maxLine {
		raw, cut = raw[:maxLine], true
	}
	if cut {
		p.cut++
	}
	if len(raw) == 0 {
		return nil, errEmptyLine
	}
	p.event = Event{Size: -1, Offset: -1, Free: -1}
	var rest []byte // the fields, after the header
	var err *LineError
	if raw[0] == '{' {
		rest, err = p.objectHeader(raw)
	} else {
		rest, err = p.consoleHeader(raw)
	}
	if err != nil {
		return nil, err
	}
	e := &p.event
	if cut && e.Fields != nil {
		e.Truncated = true
	}
	p.fields(rest)
	p.judge()
	return e, nil
}

// consoleHeader reads TIME ⇥ LEVEL ⇥ [LOGGER ⇥] MESSAGE ⇥ {JSON} of a transfer's line
// straight, and every other line's header in the general way.
func (p *Parser) consoleHeader(raw []byte) ([]byte, *LineError) {
	e := &p.event
	if len(raw) > len("2006-01-02T15:04:05Z\tINFO\t") {
		width := len("2006-01-02T15:04:05Z")
		if raw[width] != '\t' {
			width = bytes.IndexByte(raw[:min(len(raw), maxTimeColumn)], '\t')
		}
		if width > 0 && p.transferHeader(raw, width) {
			return e.Fields, nil
		}
	}
	line, err := parseConsole(raw, &p.texts)
	if err != nil {
		return nil, err
	}
	e.Line = line
	e.Kind = kindOf(&line)
	return line.Fields, nil
}

// transferHeader reads the header of a transfer's line; it is false, and has done
// nothing that lasts, where the line is any other. The time is width bytes long.
func (p *Parser) transferHeader(raw []byte, width int) bool {
	e := &p.event
	rest := raw[width+1:]
	level, taken := levelColumn(rest)
	if level == 0 {
		return false
	}
	rest = rest[taken:]
	logger := ""
	const usual = "piecestore\t"
	if len(rest) > len(usual) && string(rest[:len(usual)]) == usual {
		logger, rest = usual[:len(usual)-1], rest[len(usual):]
	}
	end := bytes.IndexByte(rest, '\t')
	if end < 0 {
		return false
	}
	message, kind := transferMessage(rest[:end])
	if kind == OtherLine && logger == "" {
		// The first column was another logger.
		column := rest[:end]
		rest = rest[end+1:]
		if end = bytes.IndexByte(rest, '\t'); end < 0 {
			return false
		}
		message, kind = transferMessage(rest[:end])
		if kind == OtherLine || isCaller(column) || !isLogger(column) {
			return false
		}
		logger = p.texts.text(column)
	}
	rest = rest[end+1:]
	if kind == OtherLine || len(rest) == 0 || rest[0] != '{' {
		return false
	}
	at, ok := p.clock.read(raw[:width])
	if !ok {
		return false
	}
	e.Time, e.Level, e.Logger, e.Message = at, level, logger, message
	e.Fields, e.Truncated = rest, rest[len(rest)-1] != '}'
	e.Kind = kind
	return true
}

// levelColumn is the level in the first column, and the column's width with its tab.
func levelColumn(rest []byte) (Level, int) {
	switch {
	case len(rest) < 6:
	case string(rest[:5]) == "INFO\t":
		return Info, 5
	case string(rest[:6]) == "DEBUG\t":
		return Debug, 6
	case string(rest[:6]) == "ERROR\t":
		return Error, 6
	case string(rest[:5]) == "WARN\t":
		return Warn, 5
	}
	return 0, 0
}

// objectHeader reads {"L":…,"T":…,"N":…,"M":… of a transfer's line straight, and every
// other line's header in the general way.
func (p *Parser) objectHeader(raw []byte) ([]byte, *LineError) {
	if rest, ok := p.transferObject(raw); ok {
		return rest, nil
	}
	line, err := parseObject(raw, &p.texts)
	if err != nil {
		return nil, err
	}
	p.event.Line = line
	p.event.Kind = kindOf(&line)
	return raw[1:], nil
}

// transferObject is transferHeader for the JSON encoding.
func (p *Parser) transferObject(raw []byte) (fields []byte, ok bool) {
	e := &p.event
	level, rest, ok := member(raw[1:], `"L":"`)
	if !ok {
		return nil, false
	}
	stamp, rest, ok := member(rest, `"T":"`)
	if !ok {
		return nil, false
	}
	logger, rest, named := member(rest, `"N":"`)
	message, rest, ok := member(rest, `"M":"`)
	if !ok {
		return nil, false
	}
	text, kind := transferMessage(message)
	if kind == OtherLine {
		return nil, false
	}
	if e.Level = parseLevel(level); e.Level == 0 {
		return nil, false
	}
	if e.Time, ok = p.clock.read(stamp); !ok {
		return nil, false
	}
	if named {
		if string(logger) == "piecestore" {
			e.Logger = "piecestore"
		} else {
			e.Logger = p.texts.text(logger)
		}
	}
	e.Message, e.Kind = text, kind
	e.Fields, e.Truncated = raw, raw[len(raw)-1] != '}'
	return rest, true
}

// member reads one pair of an object, whose value has no escapes, with the comma after it.
func member(raw []byte, key string) (value, rest []byte, ok bool) {
	if len(raw) <= len(key) || string(raw[:len(key)]) != key {
		return nil, raw, false
	}
	end := bytes.IndexByte(raw[len(key):], '"')
	if end < 0 {
		return nil, raw, false
	}
	value, rest = raw[len(key):len(key)+end], raw[len(key)+end+1:]
	if len(rest) == 0 || rest[0] != ',' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, raw, false
	}
	return value, rest[1:], true
}

// maxTimeColumn is more than the width of any time with its tab.
const maxTimeColumn = 40

// clock reads times. One after the other they are equal, or differ in the seconds.
type clock struct {
	column [len("2006-01-02T15:04:05.000000000+01:00")]byte
	length int
	at     time.Time
	minute time.Time // the begin of its minute
}

const wholeMinute = len("2006-01-02T15:04:")

func (c *clock) read(column []byte) (time.Time, bool) {
	if c.length > 0 && c.length == len(column) && string(column[:wholeMinute]) == string(c.column[:wholeMinute]) &&
		string(column[wholeMinute+2:]) == string(c.column[wholeMinute+2:c.length]) {
		tens, ones := column[wholeMinute], column[wholeMinute+1]
		if tens == c.column[wholeMinute] && ones == c.column[wholeMinute+1] {
			return c.at, true
		}
		if '0' <= tens && tens <= '5' && isDigit(ones) {
			c.column[wholeMinute], c.column[wholeMinute+1] = tens, ones
			c.at = c.minute.Add(time.Duration((tens-'0')*10+ones-'0') * time.Second)
			return c.at, true
		}
	}
	at, ok := parseTime(column)
	if ok && len(column) <= len(c.column) {
		c.length = copy(c.column[:], column)
		c.at = at
		seconds := time.Duration((column[wholeMinute]-'0')*10+column[wholeMinute+1]-'0') * time.Second
		c.minute = at.Add(-seconds)
	}
	return at, ok
}
