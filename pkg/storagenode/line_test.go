package storagenode_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// logLines are the lines of a recorded log, without their ends.
func logLines(t testing.TB, file string) [][]byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "logs", file))
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]byte
	scanner := bufio.NewScanner(bytes.NewReader(content))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, bytes.Clone(scanner.Bytes()))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// plain reads a line's header in the simplest way there is, for comparison.
func plain(t *testing.T, line []byte) (at time.Time, level, logger, message string) {
	t.Helper()
	stamp := ""
	if line[0] == '{' {
		var object struct{ L, T, N, M string }
		if err := json.Unmarshal(line, &object); err != nil {
			t.Fatal(err)
		}
		stamp, level, logger, message = object.T, object.L, object.N, object.M
	} else {
		columns := strings.Split(string(line), "\t")
		stamp, level, message = columns[0], columns[1], columns[len(columns)-2]
		if len(columns) == 5 {
			logger = columns[2]
		}
	}
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		t.Fatal(err)
	}
	return at, level, logger, message
}

// asDocker wraps a line as Docker's json-file driver does.
func asDocker(t testing.TB, line []byte) []byte {
	t.Helper()
	var wrapped bytes.Buffer
	encoder := json.NewEncoder(&wrapped)
	err := encoder.Encode(struct {
		Log    string `json:"log"`
		Stream string `json:"stream"`
		Time   string `json:"time"`
	}{string(line) + "\n", "stderr", "2030-01-01T00:00:00.123456789Z"})
	if err != nil {
		t.Fatal(err)
	}
	return wrapped.Bytes()
}

func TestEveryRecordedLineIsParsed(t *testing.T) {
	files, err := filepath.Glob("testdata/logs/*.log")
	if err != nil || len(files) != 9 {
		t.Fatalf("%d logs, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			levels, wantLevels := make(map[string]int), make(map[string]int)
			messages, wantMessages := make(map[string]int), make(map[string]int)
			lines := logLines(t, filepath.Base(path))
			for number, raw := range lines {
				line, err := storagenode.ParseLine(raw)
				if err != nil {
					t.Fatalf("line %d: %v: %s", number+1, err, raw)
				}
				at, level, logger, message := plain(t, raw)
				if !line.Time.Equal(at) || line.Time.Location() != time.UTC || line.Logger != logger || line.Caller != "" || line.Truncated || !json.Valid(line.Fields) {
					t.Fatalf("line %d: %+v: %s", number+1, line, raw)
				}
				levels[line.Level.String()]++
				wantLevels[level]++
				messages[line.Message]++
				wantMessages[message]++

				inDocker, err := storagenode.ParseLine(asDocker(t, raw))
				if err != nil {
					t.Fatalf("line %d in Docker: %v: %s", number+1, err, raw)
				}
				if !reflect.DeepEqual(line, inDocker) {
					t.Fatalf("line %d in Docker: %s", number+1, cmp.Diff(line, inDocker))
				}
			}
			if diff := cmp.Diff(wantLevels, levels); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(wantMessages, messages); diff != "" {
				t.Error(diff)
			}
			t.Logf("%d lines, %d messages, levels %v", len(lines), len(messages), slices.Sorted(maps.Keys(levels)))
		})
	}
}

// Some of the examples were cut when they were collected, in their errorVerbose.
func TestEveryExampleIsParsed(t *testing.T) {
	lines := logLines(t, "EXAMPLES.txt")
	cut := 0
	for number, raw := range lines {
		line, err := storagenode.ParseLine(raw)
		if err != nil {
			t.Fatalf("line %d: %v: %s", number+1, err, raw)
		}
		if line.Time.IsZero() || line.Level == 0 || line.Message == "" {
			t.Errorf("line %d: %+v", number+1, line)
		}
		if line.Truncated {
			cut++
		}
		if line.Truncated == json.Valid(line.Fields) {
			t.Errorf("line %d: truncated %v: %s", number+1, line.Truncated, line.Fields)
		}
	}
	if len(lines) != 129 || cut != 6 {
		t.Errorf("%d examples, %d of them cut; want 129 and 6", len(lines), cut)
	}
}

func TestParseLine(t *testing.T) {
	utc := func(text string) time.Time { return at(text).UTC() }
	second := utc("2026-11-22T22:23:07Z")
	cases := []struct {
		name, raw string
		want      storagenode.Line
	}{
		{
			"console", "2026-11-22T22:23:07Z\tINFO\tpiecestore\tuploaded\t{\"size\": 1}",
			storagenode.Line{Time: second, Level: storagenode.Info, Logger: "piecestore", Message: "uploaded", Fields: []byte(`{"size": 1}`)},
		},
		{
			"root logger", "2026-11-22T22:23:07Z\tFATAL\tUnrecoverable error\t{\"error\": \"x\"}",
			storagenode.Line{Time: second, Level: storagenode.Fatal, Message: "Unrecoverable error", Fields: []byte(`{"error": "x"}`)},
		},
		{
			"root logger without fields", "2026-11-22T22:23:07Z\tINFO\tNode 1B2K started",
			storagenode.Line{Time: second, Level: storagenode.Info, Message: "Node 1B2K started"},
		},
		{
			"logger without fields", "2026-11-22T22:23:07Z\tINFO\tbandwidth\tPerforming bandwidth usage rollups",
			storagenode.Line{Time: second, Level: storagenode.Info, Logger: "bandwidth", Message: "Performing bandwidth usage rollups"},
		},
		{
			"logger and caller", "2026-11-22T22:23:07Z\tDEBUG\tdb.migration\tmigrate/migration.go:123\tDatabase Version\t{}",
			storagenode.Line{Time: second, Level: storagenode.Debug, Logger: "db.migration", Caller: "migrate/migration.go:123", Message: "Database Version", Fields: []byte(`{}`)},
		},
		{
			"caller alone", "2026-11-22T22:23:07Z\tINFO\tstoragenode/cmd_run.go:60\tOperator email\t{\"Address\": \"a\"}",
			storagenode.Line{Time: second, Level: storagenode.Info, Caller: "storagenode/cmd_run.go:60", Message: "Operator email", Fields: []byte(`{"Address": "a"}`)},
		},
		{
			"message that ends in a space", "2026-11-22T22:23:07Z\tERROR\tcontact:service\tping satellite failed \t{\"attempts\": 1}",
			storagenode.Line{Time: second, Level: storagenode.Error, Logger: "contact:service", Message: "ping satellite failed ", Fields: []byte(`{"attempts": 1}`)},
		},
		{
			"message that ends in a space, without fields", "2026-11-22T22:23:07Z\tERROR\tcontact:service\tping satellite failed ",
			storagenode.Line{Time: second, Level: storagenode.Error, Logger: "contact:service", Message: "ping satellite failed "},
		},
		{
			"message with a tab", "2026-11-22T22:23:07Z\tINFO\tone thing\tand another\t{\"a\": 1}",
			storagenode.Line{Time: second, Level: storagenode.Info, Message: "one thing\tand another", Fields: []byte(`{"a": 1}`)},
		},
		{
			"message like an object", "2026-11-22T22:23:07Z\tINFO\t{\"a\": 1}",
			storagenode.Line{Time: second, Level: storagenode.Info, Message: `{"a": 1}`},
		},
		{
			"Windows' line end", "2026-11-22T22:23:07Z\tWARN\torders\tfinished\t{}\r\n",
			storagenode.Line{Time: second, Level: storagenode.Warn, Logger: "orders", Message: "finished", Fields: []byte(`{}`)},
		},
		{
			"byte order mark", "\xef\xbb\xbf2026-11-22T22:23:07Z\tWARN\tx y",
			storagenode.Line{Time: second, Level: storagenode.Warn, Message: "x y"},
		},
		{
			"not UTF-8", "2026-11-22T22:23:07Z\tWARN\tx \xff y",
			storagenode.Line{Time: second, Level: storagenode.Warn, Message: "x \uFFFD y"},
		},
		{
			"cut in the fields", "2026-11-22T22:23:07Z\tINFO\tpiecestore\tuploaded\t{\"size\": 1, \"acti",
			storagenode.Line{Time: second, Level: storagenode.Info, Logger: "piecestore", Message: "uploaded", Fields: []byte(`{"size": 1, "acti`), Truncated: true},
		},
		{
			"zone with a colon", "2026-11-22T17:23:07-05:00\tINFO\tx y",
			storagenode.Line{Time: second, Level: storagenode.Info, Message: "x y"},
		},
		{
			"zone of half an hour", "2026-11-23T03:53:07+05:30\tINFO\tx y",
			storagenode.Line{Time: second, Level: storagenode.Info, Message: "x y"},
		},
		{
			"milliseconds before v1.83", "2022-01-01T12:00:00.123Z\tINFO\tx y",
			storagenode.Line{Time: utc("2022-01-01T12:00:00.123Z"), Level: storagenode.Info, Message: "x y"},
		},
		{
			"milliseconds, zone without a colon", "2022-01-01T12:00:00.000+0200\tINFO\tpiecestore\tupload started\t{\"Piece ID\": \"P\"}",
			storagenode.Line{Time: utc("2022-01-01T10:00:00Z"), Level: storagenode.Info, Logger: "piecestore", Message: "upload started", Fields: []byte(`{"Piece ID": "P"}`)},
		},
		{
			"nanoseconds", "2022-01-01T12:00:00.123456789Z\tINFO\tx y",
			storagenode.Line{Time: utc("2022-01-01T12:00:00.123456789Z"), Level: storagenode.Info, Message: "x y"},
		},
		{
			"leap day", "2028-02-29T00:00:00Z\tINFO\tx y",
			storagenode.Line{Time: utc("2028-02-29T00:00:00Z"), Level: storagenode.Info, Message: "x y"},
		},
		{
			"JSON", `{"L":"INFO","T":"2026-11-22T22:23:07Z","N":"orders","M":"finished","a":{"M":"no"}}`,
			storagenode.Line{Time: second, Level: storagenode.Info, Logger: "orders", Message: "finished", Fields: []byte(`{"L":"INFO","T":"2026-11-22T22:23:07Z","N":"orders","M":"finished","a":{"M":"no"}}`)},
		},
		{
			"JSON of the root logger with a caller", `{"L":"PANIC","T":"2022-01-01T12:00:00.000+0200","C":"a/b.go:1","M":"Got a signal from the OS: \"terminated\""}`,
			storagenode.Line{
				Time: utc("2022-01-01T10:00:00Z"), Level: storagenode.Panic, Caller: "a/b.go:1", Message: `Got a signal from the OS: "terminated"`,
				Fields: []byte(`{"L":"PANIC","T":"2022-01-01T12:00:00.000+0200","C":"a/b.go:1","M":"Got a signal from the OS: \"terminated\""}`),
			},
		},
		{
			"JSON in another order, with spaces and escapes", `{ "M" : "44.4\u00b5s\n\/" , "N" : "x" , "a" : [1,{"b":"}"}] , "T" : "2026-11-22T22:23:07Z" , "L" : "DPANIC" }`,
			storagenode.Line{
				Time: second, Level: storagenode.DPanic, Logger: "x", Message: "44.4µs\n/",
				Fields: []byte(`{ "M" : "44.4\u00b5s\n\/" , "N" : "x" , "a" : [1,{"b":"}"}] , "T" : "2026-11-22T22:23:07Z" , "L" : "DPANIC" }`),
			},
		},
		{
			"JSON cut in a field", `{"L":"INFO","T":"2026-11-22T22:23:07Z","M":"x","error":"abc`,
			storagenode.Line{Time: second, Level: storagenode.Info, Message: "x", Fields: []byte(`{"L":"INFO","T":"2026-11-22T22:23:07Z","M":"x","error":"abc`), Truncated: true},
		},
		{
			"Docker, console", `{"log":"2026-11-22T22:23:07Z\u0009INFO\torders\tfinished\t{\"a\": \"b\\n\"}\n","stream":"stderr","time":"2030-01-01T00:00:00Z"}`,
			storagenode.Line{Time: second, Level: storagenode.Info, Logger: "orders", Message: "finished", Fields: []byte(`{"a": "b\n"}`)},
		},
		{
			"Docker, cut at 16 KiB", `{"log":"2026-11-22T22:23:07Z\tINFO\torders\tfinished\t{\"a\": \"b","stream":"stderr","time":"2030-01-01T00:00:00Z"}`,
			storagenode.Line{Time: second, Level: storagenode.Info, Logger: "orders", Message: "finished", Fields: []byte(`{"a": "b`), Truncated: true},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := storagenode.ParseLine([]byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseLineGivesTheReason(t *testing.T) {
	cases := []struct {
		name, raw string
		want      storagenode.LineReason
	}{
		{"nothing", "", storagenode.EmptyLine},
		{"end of line alone", "\r\n", storagenode.EmptyLine},
		{"stack", "\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload:515", storagenode.BadTime},
		{"panic", "goroutine 1 [running]:", storagenode.BadTime},
		{"binary", "\x00\x00\x00\x00", storagenode.BadTime},
		{"month 13", "2026-13-22T22:23:07Z\tINFO\tx", storagenode.BadTime},
		{"30 February", "2026-02-30T22:23:07Z\tINFO\tx", storagenode.BadTime},
		{"29 February", "2026-02-29T22:23:07Z\tINFO\tx", storagenode.BadTime},
		{"hour 24", "2026-11-22T24:00:00Z\tINFO\tx", storagenode.BadTime},
		{"no zone", "2026-11-22T22:23:07\tINFO\tx y", storagenode.BadTime},
		{"no zone, with a fraction", "2026-11-22T22:23:07.123\tINFO\tx", storagenode.BadTime},
		{"empty fraction", "2026-11-22T22:23:07.Z\tINFO\tx", storagenode.BadTime},
		{"broken zone", "2026-11-22T22:23:07+2x:00\tINFO\tx", storagenode.BadTime},
		{"letters", "abcd-ef-ghTij:kl:mnZ\tINFO\tx", storagenode.BadTime},
		{"no level", "2026-11-22T22:23:07Z\tpiecestore\tuploaded", storagenode.BadLevel},
		{"time alone", "2026-11-22T22:23:07Z", storagenode.BadLevel},
		{"level within a word", "2026-11-22T22:23:07Z\tINFORMATION\tx", storagenode.BadLevel},
		{"level alone", "2026-11-22T22:23:07Z\tINFO", storagenode.NoMessage},
		{"level and tab", "2026-11-22T22:23:07Z\tINFO\t", storagenode.NoMessage},
		{"pretty encoding", "22:23:07 INFO x", storagenode.BadTime},
		{"gcloudlogging encoding", `{"severity":"INFO","timestamp":"2026-11-22T22:23:07Z","message":"x"}`, storagenode.CloudEncoding},
		{"empty object", `{}`, storagenode.OtherEncoding},
		{"JSON without a message", `{"L":"INFO","T":"2026-11-22T22:23:07Z","a":1}`, storagenode.OtherEncoding},
		{"JSON, bad time", `{"L":"INFO","T":"yesterday","M":"x"}`, storagenode.BadTime},
		{"JSON, time as a number", `{"L":"INFO","T":1732314187.1,"M":"x"}`, storagenode.BadTime},
		{"JSON, bad level", `{"L":"LOUD","T":"2026-11-22T22:23:07Z","M":"x"}`, storagenode.BadLevel},
		{"JSON, message is no text", `{"L":"INFO","T":"2026-11-22T22:23:07Z","M":["x"]}`, storagenode.NoMessage},
		{"JSON, cut in the header", `{"L":"INFO","T":"2026-11-22T22:23:07Z","M":"x`, storagenode.BadObject},
		{"brace", `{`, storagenode.BadObject},
		{"no quotes", `{L:INFO}`, storagenode.BadObject},
		{"Docker, cut", `{"log":"2026-11-22T22:23:07Z\tINFO\tx`, storagenode.BadDockerEntry},
		{"Docker, no text", `{"log":5,"stream":"stderr"}`, storagenode.BadDockerEntry},
		{"Docker, bad escape", `{"log":"\x"}`, storagenode.BadDockerEntry},
		{"Docker, empty line", `{"log":"\n","stream":"stderr"}`, storagenode.EmptyLine},
		{"Docker, stack", `{"log":"\tstorj.io/x:1\n","stream":"stderr"}`, storagenode.BadTime},
		{"Docker in Docker", `{"log":"{\"log\":\"x\"}","stream":"stderr"}`, storagenode.OtherEncoding},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			line, err := storagenode.ParseLine([]byte(c.raw))
			var failed *storagenode.LineError
			if !errors.As(err, &failed) {
				t.Fatalf("got %+v, %v", line, err)
			}
			if failed.Reason != c.want || !strings.HasPrefix(err.Error(), "log line: the line ") {
				t.Errorf("got %s (%v), want %s", failed.Reason, err, c.want)
			}
			if diff := cmp.Diff(storagenode.Line{}, line); diff != "" {
				t.Errorf("a line besides the error: %s", diff)
			}
		})
	}
}

func TestNodeStarted(t *testing.T) {
	found := make(map[string]string)
	for _, file := range []string{"runA-node0.info.console.log", "runA-node4.tz-kolkata.info.json.log", "runB-node7.never-contacted.info.console.log"} {
		for _, raw := range logLines(t, file) {
			line, err := storagenode.ParseLine(raw)
			if err != nil {
				t.Fatal(err)
			}
			if id, ok := storagenode.NodeStarted(line); ok {
				found[file] = id
			}
		}
	}
	want := map[string]string{
		"runA-node0.info.console.log":                 "1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ",
		"runA-node4.tz-kolkata.info.json.log":         "12Shi1Bpp6evbnfteTHgFuTzyoTGu8ainuhzjqj51b5wXtdToBC",
		"runB-node7.never-contacted.info.console.log": "1272SczBFk1oic4o1QnofwvCd4vAUFXQE8U32priJYX5GgwieHG",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	for _, message := range []string{
		"", "Node  started", "Node x started", "subprocess started", "Node 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ starting",
		"Node 1B2KToDVQqHB4wM4YbFy88 WkNgkXgnv52k7k5881CzeDB4uaiQ started", "Private server started on 127.0.0.1:7778",
	} {
		if id, ok := storagenode.NodeStarted(storagenode.Line{Message: message}); ok {
			t.Errorf("%q: %s", message, id)
		}
	}
}

func TestCommonLinesCostNoMemory(t *testing.T) {
	for name, raw := range benchmarkLines {
		if name == "docker" {
			continue // unescaped once
		}
		if allocated := testing.AllocsPerRun(100, func() { _, _ = storagenode.ParseLine([]byte(raw)) }); allocated > 1 {
			t.Errorf("%s: %v allocations, want none but the copy made here", name, allocated)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, raw := range logLines(f, "EXAMPLES.txt") {
		f.Add(raw)
		f.Add(asDocker(f, raw))
	}
	f.Add([]byte("2022-01-01T12:00:00.000+0200\tINFO\tpiecestore\ta/b.go:12\tupload started"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := bytes.Clone(raw)
		line, err := storagenode.ParseLine(raw)
		if !bytes.Equal(given, raw) {
			t.Fatal("the line was changed")
		}
		if err != nil {
			var failed *storagenode.LineError
			if !errors.As(err, &failed) || failed.Reason == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		if line.Level < storagenode.Debug || line.Level > storagenode.Fatal || line.Time.Location() != time.UTC {
			t.Fatalf("%+v", line)
		}
		if line.Fields != nil && line.Fields[0] != '{' {
			t.Fatalf("fields %q", line.Fields)
		}
		if raw[0] == '{' || bytes.ContainsAny(raw, "\ufffd") {
			return
		}
		// What was read from the console encoding can be written and read again.
		columns := []string{line.Time.Format("2006-01-02T15:04:05.999999999Z07:00"), line.Level.String()}
		for _, column := range []string{line.Logger, line.Caller} {
			if column != "" {
				columns = append(columns, column)
			}
		}
		columns = append(columns, line.Message)
		if line.Fields != nil {
			columns = append(columns, string(line.Fields))
		}
		if line.Time.Year() < 0 || line.Time.Year() > 9999 {
			return
		}
		again, err := storagenode.ParseLine([]byte(strings.Join(columns, "\t")))
		if err != nil {
			t.Fatalf("%q: %v", columns, err)
		}
		if diff := cmp.Diff(line, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

var benchmarkLines = map[string]string{
	"console": "2026-11-22T22:24:40Z\tINFO\tpiecestore\tdownloaded\t" +
		`{"process": "storagenode", "piece_id": "U2FNGH2WKLT3MZZOJPSPSF4TJRQNEG5DLS6PKYLJIE74MGT4SFFA", "satellite_id": "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF", "action": "GET", "offset": 0, "size": 37120, "remote_address": "127.0.0.1:36620"}`,
	"json": `{"L":"INFO","T":"2026-11-23T04:07:47+05:30","N":"piecestore","M":"downloaded","process":"storagenode","piece_id":"U2FNGH2WKLT3MZZOJPSPSF4TJRQNEG5DLS6PKYLJIE74MGT4SFFA","satellite_id":"1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF","action":"GET","offset":0,"size":37120,"remote_address":"127.0.0.1:36620"}`,
	"docker": `{"log":"2026-11-22T22:24:40Z\tINFO\tpiecestore\tdownloaded\t` +
		`{\"process\": \"storagenode\", \"piece_id\": \"U2FNGH2WKLT3MZZOJPSPSF4TJRQNEG5DLS6PKYLJIE74MGT4SFFA\", \"satellite_id\": \"1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF\", \"action\": \"GET\", \"offset\": 0, \"size\": 37120, \"remote_address\": \"127.0.0.1:36620\"}\n","stream":"stderr","time":"2026-11-22T22:24:40.1Z"}`,
	"garbage": "\tstorj.io/storj/storagenode/piecestore.(*Endpoint).Upload:515",
}

func BenchmarkParseLine(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(benchmarkLines)) {
		raw := []byte(benchmarkLines[name])
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = storagenode.ParseLine(raw)
			}
		})
	}
}
