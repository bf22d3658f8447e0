package simnode_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A plain reader of logs, which knows nothing of the simulator: columns between
// tabs, and the fields of a JSON object. It is written for speed, since the
// tests read some million lines.

type plainLine struct {
	time, level, logger, message string
	keys                         []string // in order, with repetitions
	values                       []string // as they are written
}

var (
	nodeStarted   = regexp.MustCompile(`^Node \S+ started$`)
	serverStarted = regexp.MustCompile(`^(Public|Private) server started on \S+$`)
)

// shape is the message with what changes in it taken out.
func (l plainLine) shape() string {
	switch {
	case strings.HasPrefix(l.message, "Node "):
		return nodeStarted.ReplaceAllString(l.message, "Node <ID> started")
	case strings.HasPrefix(l.message, "P"):
		return serverStarted.ReplaceAllString(l.message, "$1 server started on <ADDR>")
	}
	return l.message
}

// value is a field as it is written.
func (l plainLine) value(keys ...string) (string, bool) {
	for _, want := range keys {
		for i, k := range l.keys {
			if k == want {
				return l.values[i], true
			}
		}
	}
	return "", false
}

// text is a field that is a string, or "".
func (l plainLine) text(keys ...string) string {
	v, _ := l.value(keys...)
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	if !strings.Contains(v, `\`) {
		return v[1 : len(v)-1]
	}
	var s string
	if json.Unmarshal([]byte(v), &s) != nil {
		return ""
	}
	return s
}

// number is a field that is an integer, or 0.
func (l plainLine) number(keys ...string) int64 {
	v, _ := l.value(keys...)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// kind is what sort of value a field has.
func kind(value string) string {
	switch value[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "list"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// endOfString is where the string that begins at i ends.
func endOfString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// endOfValue is where the value that begins at i ends.
func endOfValue(s string, i int) int {
	switch s[i] {
	case '"':
		return endOfString(s, i)
	case '{', '[':
		for depth := 0; i < len(s); i++ {
			switch s[i] {
			case '"':
				if i = endOfString(s, i) - 1; i < 0 {
					return -1
				}
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return -1
	}
	for i < len(s) && s[i] != ',' && s[i] != '}' {
		i++
	}
	return i
}

// fieldsOf reads an object.
func (l *plainLine) fieldsOf(object string) error {
	wrong := fmt.Errorf("no object: %q", object)
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return wrong
	}
	l.keys, l.values = make([]string, 0, 12), make([]string, 0, 12)
	for i := 1; i < len(object)-1; {
		end := endOfString(object, i)
		if object[i] != '"' || end < 0 || end >= len(object) || object[end] != ':' {
			return wrong
		}
		l.keys = append(l.keys, object[i+1:end-1])
		if i = end + 1; object[i] == ' ' {
			i++
		}
		if end = endOfValue(object, i); end < 0 || end >= len(object) || end == i {
			return wrong
		}
		l.values = append(l.values, object[i:end])
		switch {
		case end == len(object)-1:
			return nil
		case object[end] != ',':
			return wrong
		}
		if i = end + 1; object[i] == ' ' {
			i++
		}
	}
	return nil
}

func readConsole(line string) (plainLine, error) {
	wrong := fmt.Errorf("not of the form of the recorded lines: %q", line)
	at := strings.Index(line, "\t{")
	if at < 0 {
		return plainLine{}, wrong
	}
	columns := strings.Split(line[:at], "\t")
	l := plainLine{}
	switch len(columns) {
	case 3:
		l = plainLine{time: columns[0], level: columns[1], message: columns[2]}
	case 4:
		l = plainLine{time: columns[0], level: columns[1], logger: columns[2], message: columns[3]}
		if l.logger == "" {
			return l, wrong
		}
	default:
		return l, wrong
	}
	switch l.level {
	case "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
	default:
		return l, wrong
	}
	return l, l.fieldsOf(line[at+1:])
}

func readJSON(line string) (plainLine, error) {
	l := plainLine{}
	if err := l.fieldsOf(line); err != nil {
		return l, err
	}
	l.level, l.time, l.logger, l.message = l.text("L"), l.text("T"), l.text("N"), l.text("M")
	keys, values := l.keys, l.values
	l.keys, l.values = nil, nil
	for i, k := range keys {
		if len(k) > 1 {
			l.keys, l.values = append(l.keys, k), append(l.values, values[i])
		}
	}
	return l, nil
}

// eachLine reads a whole log; a line that cannot be read fails the test.
func eachLine(t testing.TB, log []byte, read func(string) (plainLine, error), do func(plainLine)) {
	t.Helper()
	scan := bufio.NewScanner(bytes.NewReader(log))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		l, err := read(scan.Text())
		if err != nil {
			t.Fatal(err)
		}
		do(l)
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
}

// unwrapDocker joins what Docker's json-file driver has wrapped and split.
func unwrapDocker(t testing.TB, log []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	for line := range bytes.Lines(log) {
		var wrapped struct{ Log, Stream, Time string }
		if err := json.Unmarshal(line, &wrapped); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if wrapped.Stream != "stderr" || wrapped.Time == "" {
			t.Fatalf("stream %q, time %q in %q", wrapped.Stream, wrapped.Time, line)
		}
		if len(wrapped.Log) > 16<<10 {
			t.Fatalf("a piece of %d bytes, which Docker would have split", len(wrapped.Log))
		}
		out.WriteString(wrapped.Log)
	}
	return out.Bytes()
}
