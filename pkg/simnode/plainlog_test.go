package simnode_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A plain reader of logs, which knows nothing of the simulator: the form that
// all recorded lines have, and encoding/json.

var consoleLine = regexp.MustCompile(`^(\S+)\t(DEBUG|INFO|WARN|ERROR|FATAL)\t(?:([^\t]+)\t)?([^\t]*)\t(\{.*\})$`)

var (
	nodeStarted   = regexp.MustCompile(`^Node \S+ started$`)
	serverStarted = regexp.MustCompile(`^(Public|Private) server started on \S+$`)
)

type plainLine struct {
	time, level, logger, message string
	keys                         []string // in order, with repetitions
	values                       map[string]any
}

// shape is the message with what changes in it taken out.
func (l plainLine) shape() string {
	if strings.HasPrefix(l.message, "Node ") {
		return nodeStarted.ReplaceAllString(l.message, "Node <ID> started")
	}
	return serverStarted.ReplaceAllString(l.message, "$1 server started on <ADDR>")
}

func (l plainLine) text(keys ...string) string {
	for _, k := range keys {
		if v, ok := l.values[k].(string); ok {
			return v
		}
	}
	return ""
}

func (l plainLine) number(keys ...string) int64 {
	for _, k := range keys {
		if v, ok := l.values[k].(json.Number); ok {
			n, err := v.Int64()
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// fieldsOf reads an object: its keys in order, its values as encoding/json has
// them.
func fieldsOf(object string) (keys []string, values map[string]any, err error) {
	d := json.NewDecoder(strings.NewReader(object))
	d.UseNumber()
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, nil, fmt.Errorf("no object: %v %v", token, err)
	}
	values = map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		key := token.(string)
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		keys = append(keys, key)
		values[key] = value
	}
	_, err = d.Token()
	return keys, values, err
}

func readConsole(line string) (plainLine, error) {
	m := consoleLine.FindStringSubmatch(line)
	if m == nil {
		return plainLine{}, fmt.Errorf("not of the form of the recorded lines: %q", line)
	}
	l := plainLine{time: m[1], level: m[2], logger: m[3], message: m[4]}
	var err error
	l.keys, l.values, err = fieldsOf(m[5])
	if err != nil {
		return l, fmt.Errorf("%q: %w", line, err)
	}
	return l, nil
}

func readJSON(line string) (plainLine, error) {
	keys, values, err := fieldsOf(line)
	if err != nil {
		return plainLine{}, fmt.Errorf("%q: %w", line, err)
	}
	l := plainLine{values: values}
	l.level, _ = values["L"].(string)
	l.time, _ = values["T"].(string)
	l.logger, _ = values["N"].(string)
	l.message, _ = values["M"].(string)
	for _, k := range keys {
		if len(k) > 1 {
			l.keys = append(l.keys, k)
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
