package storagenode_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// fuzzParser seeds with the recorded examples as a function gives them, and checks what
// must hold for every line.
func fuzzParser(f *testing.F, seeds func(line []byte) []byte) {
	for _, raw := range logLines(f, "EXAMPLES.txt") {
		if seed := seeds(raw); seed != nil {
			f.Add(seed)
			f.Add(seed[:len(seed)*2/3])
		}
	}
	sane := []byte("2026-11-22T22:23:08Z\tINFO\tpiecestore\tuploaded\t" + `{"piece_id": "P", "size": 3}`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		given := bytes.Clone(raw)
		parser := storagenode.NewParser()
		event, err := parser.Parse(raw)
		if !bytes.Equal(given, raw) {
			t.Fatal("the line was changed")
		}
		line, lineErr := storagenode.ParseLine(raw)
		var failed *storagenode.LineError
		switch {
		case err != nil:
			unparsed := parser.Unparsed()
			if !errors.As(err, &failed) || event != nil || len(unparsed) != 1 || unparsed[0].Count != 1 || unparsed[0].Reason != failed.Reason {
				t.Fatalf("%v, %v, %v", event, err, unparsed)
			}
		case event == nil:
			if !bytes.Contains(raw, []byte(`"log":`)) {
				t.Fatal("a part of a line outside Docker's log")
			}
		default:
			check(t, event)
			// The general way to read a header comes to the same, where the fields are
			// as the node writes them: a tab is escaped.
			if lineErr == nil && len(raw) < 60<<10 && bytes.IndexByte(event.Fields, '\t') < 0 && !reflect.DeepEqual(event.Line, line) {
				t.Fatalf("as an event %+v\nas a line %+v", event.Line, line)
			}
		}
		// Whatever came before, the next line is read; in Docker it may end this one.
		for range 2 {
			if event, err = parser.Parse(sane); err != nil {
				t.Fatal(err)
			}
		}
		if event.Kind != storagenode.UploadEnded || event.Size != 3 || string(event.Piece) != "P" || event.Outcome != storagenode.OutcomeSuccess {
			t.Fatalf("the next line: %+v", event)
		}
	})
}

func check(t *testing.T, event *storagenode.Event) {
	t.Helper()
	if event.Level < storagenode.Debug || event.Level > storagenode.Fatal || event.Time.Location() != time.UTC {
		t.Fatalf("%+v", event)
	}
	if event.Kind.String() == "" || len(event.Satellite) > 100 || event.Outcome != 0 && event.Outcome.String() == "" {
		t.Fatalf("%+v", event)
	}
	if ended := event.Kind == storagenode.UploadEnded || event.Kind == storagenode.DownloadEnded; ended == (event.Outcome == storagenode.NoOutcome) {
		t.Fatalf("%s with the outcome %q", event.Kind, event.Outcome)
	}
	for _, key := range []string{"count", "satellite_id", "stats", "error"} {
		event.Text(key)
		event.Int(key)
		event.Float(key)
		event.Bytes(key)
		event.DurationOf(key)
		event.TimeOf(key)
		if nested, ok := event.Nested(key); ok {
			nested.Text(key)
		}
	}
	event.Scores()
	event.Walker()
}

func FuzzParserConsole(f *testing.F) {
	fuzzParser(f, func(line []byte) []byte {
		if line[0] == '{' {
			return nil
		}
		return line
	})
}

func FuzzParserJSON(f *testing.F) {
	f.Add([]byte(`{"L":"ERROR","T":"2022-01-01T12:00:00.000+0200","N":"piecestore","M":"download failed","Piece ID":"P","Action":"GET","error":"\u003e","Size":-1}`))
	f.Add([]byte(`{"severity":"INFO","message":"uploaded","timestamp":{"seconds":1,"nanos":2}}`))
	fuzzParser(f, func(line []byte) []byte {
		if line[0] != '{' {
			return nil
		}
		return line
	})
}

func FuzzParserDocker(f *testing.F) {
	f.Add([]byte(`{"log":"2026-11-22T22:23:07Z\tINFO\tpiec","stream":"stderr","time":"2030-01-01T00:00:00Z"}`))
	fuzzParser(f, func(line []byte) []byte { return asDocker(f, line) })
}
