package storagenode_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

func TestWhatCannotBeReadIsCounted(t *testing.T) {
	parser := storagenode.NewParser()
	for _, raw := range []string{
		"", "\r\n",
		"goroutine 17 [running]:", "goroutine 9 [running]:", "goroutine 23 [running]:", "\tmain.go:12", "\x00\xff\x1b secret ü", "\tmain.go:34",
		"10:11:12.345\t\x1b[34mINFO\x1b[0m\tuploaded", "10:11:12.345\tINFO\tdownloaded",
		`{"severity":"INFO","message":"uploaded","size":5,"timestamp":{"seconds":1,"nanos":2}}`,
		`{"level":"info","msg":"x"}`, `{"level`,
		"2026-11-22T22:23:07Z\tLOUD\tx", "2026-11-22T22:23:07Z\tINFO\t",
	} {
		event, err := parser.Parse([]byte(raw))
		var failed *storagenode.LineError
		if event != nil || !errors.As(err, &failed) {
			t.Errorf("%q: %v, %v", raw, event, err)
		}
	}
	want := []storagenode.Unparsed{
		{Reason: storagenode.BadTime, Count: 6, Shapes: []string{"aaaaaaaaa 99 [aaaaaaa]:", "aaaaaaaaa 9 [aaaaaaa]:", "\taaaa.aa:99", "??? aaaaaa a"}},
		{Reason: storagenode.EmptyLine, Count: 2},
		{Reason: storagenode.PrettyEncoding, Count: 2, Shapes: []string{"99:99:99.999\t?[99aaaaa?[9a\taaaaaaaa", "99:99:99.999\taaaa\taaaaaaaaaa"}},
		{Reason: storagenode.CloudEncoding, Count: 1, Shapes: []string{`{"aaaaaaaa":"aaaa","aaaaaaa":"aaaaaaaa","aaaa":9,"aaaaaaaaa":{"aaaaaaa":9,"aaaaa":9}}`}},
		{Reason: storagenode.OtherEncoding, Count: 1, Shapes: []string{`{"aaaaa":"aaaa","aaa":"a"}`}},
		{Reason: storagenode.BadObject, Count: 1, Shapes: []string{`{"aaaaa`}},
		{Reason: storagenode.BadLevel, Count: 1, Shapes: []string{"9999-99-99a99:99:99a\taaaa\ta"}},
		{Reason: storagenode.NoMessage, Count: 1, Shapes: []string{"9999-99-99a99:99:99a\taaaa\t"}},
	}
	got := parser.Unparsed()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, u := range got {
		if u.Text() == "" {
			t.Errorf("%s has no text", u.Reason)
		}
		if encoding := u.Reason == storagenode.PrettyEncoding || u.Reason == storagenode.CloudEncoding; encoding && !strings.HasSuffix(u.Text(), "set log.encoding to console or json") {
			t.Errorf("%s does not say what to do: %s", u.Reason, u.Text())
		}
	}
	got[0].Shapes[0] = "changed"
	if parser.Unparsed()[0].Shapes[0] == "changed" {
		t.Error("the shapes are not the caller's own")
	}
}

func TestShapesAreBounded(t *testing.T) {
	parser := storagenode.NewParser()
	for i := range 1000 {
		_, _ = parser.Parse([]byte(strings.Repeat("!", i%10) + strings.Repeat("long ", 1000)))
	}
	unparsed := parser.Unparsed()
	if len(unparsed) != 1 || unparsed[0].Count != 1000 || len(unparsed[0].Shapes) != 5 {
		t.Fatalf("%+v", unparsed)
	}
	for _, shape := range unparsed[0].Shapes {
		if len(shape) > 120 || strings.ContainsAny(shape, "long") && strings.Contains(shape, "long") {
			t.Errorf("%q", shape)
		}
	}
	allocated := testing.AllocsPerRun(100, func() { _, _ = parser.Parse([]byte("\tstorj.io/x:1")) })
	if allocated > 1 {
		t.Errorf("a line of garbage costs %v allocations, want none but the copy made here", allocated)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	const size = 64 << 10
	for name, begin := range map[string]string{
		"console": "2026-11-22T22:23:07Z\tERROR\tpiecestore\tdownload failed\t" + `{"piece_id": "P", "size": 5, "error": "gone", "errorVerbose": "`,
		"JSON":    `{"L":"ERROR","T":"2026-11-22T22:23:07Z","N":"piecestore","M":"download failed","piece_id":"P","size":5,"error":"gone","errorVerbose":"`,
	} {
		for _, fill := range []string{"x", "}", `\\`, `\"`, "\x00", "\xff"} {
			parser := storagenode.NewParser()
			line := begin + strings.Repeat(fill, 3*size/len(fill)) + `"}`
			event, err := parser.Parse([]byte(line))
			if err != nil {
				t.Fatalf("%s of %q: %v", name, fill, err)
			}
			if got, want := described(event), "download_ended failed other piece=P size=5 reason=gone"; got != want || !event.Truncated || parser.Cut() != 1 || len(event.Fields) > size {
				t.Errorf("%s of %q: %s, truncated %v, %d cut, %d bytes of fields", name, fill, got, event.Truncated, parser.Cut(), len(event.Fields))
			}
			// The next line is not harmed.
			if next, err := parser.Parse([]byte("2026-11-22T22:23:08Z\tINFO\tx y")); err != nil || next.Message != "x y" || next.Truncated || next.Piece != nil || next.Fields != nil {
				t.Errorf("%s of %q, the next line: %+v, %v", name, fill, next, err)
			}
		}
	}
}

func TestOddLinesAreRead(t *testing.T) {
	const stamp = "2026-11-22T22:23:07Z\tINFO\tpiecestore\tuploaded\t"
	for _, c := range []struct{ name, raw, want string }{
		{"CRLF", stamp + "{\"piece_id\": \"P\", \"size\": 1}\r\n", "upload_ended success piece=P size=1"},
		{"not UTF-8", stamp + "{\"piece_id\": \"\xff\xfe\", \"size\": 1}", "upload_ended success piece=\xff\xfe size=1"},
		{"NULs", stamp + "{\"piece_id\": \"\x00\", \"size\": 1}", "upload_ended success piece=\x00 size=1"},
		{"cut within a key", stamp + `{"piece_id": "P", "si`, "upload_ended success piece=P"},
		{"cut within a number", stamp + `{"piece_id": "P", "size": 12`, "upload_ended success piece=P"},
		{"cut after a colon", stamp + `{"piece_id": "P", "size":`, "upload_ended success piece=P"},
		{"cut within an id", stamp + `{"size": 1, "piece_id": "PPP`, "upload_ended success size=1"},
		{"cut within an error", "2026-11-22T22:23:07Z\tERROR\tpiecestore\tdownload failed\t" + `{"size": 1, "error": "file does not exist, or`, "download_ended failed piece_missing size=1 reason=file does not exist, or"},
		{"no pairs", stamp + `{}`, "upload_ended success"},
		{"no fields", strings.TrimSuffix(stamp, "\t"), "upload_ended success"},
		{"garbage for fields", stamp + `{"piece_id" "P" size}`, "upload_ended success piece=P"},
		{"a number too large", stamp + `{"size": 99999999999999999999, "offset": 9223372036854775807}`, "upload_ended success offset=9223372036854775807"},
		{"no number", stamp + `{"size": 1.5, "offset": null, "available_space": true}`, "upload_ended success"},
		{"no strings", stamp + `{"piece_id": 5, "satellite_id": {}, "action": [], "remote_address": null}`, "upload_ended success"},
		{"brackets without end", stamp + `{"x": [[[{{{, "size": 1}`, "upload_ended success"},
		{"no space", stamp + `{"piece_id":"P","size":1}`, "upload_ended success piece=P size=1"},
		{"byte order mark", "\xef\xbb\xbf" + stamp + `{"size": 1}`, "upload_ended success size=1"},
		{"an escaped key", stamp + `{"\u0073ize": 1, "a\"b": "c", "offset": 2}`, "upload_ended success offset=2"},
		{"a key of any length", stamp + fmt.Sprintf(`{"%s": 1, "size": 2}`, strings.Repeat("k", 5000)), "upload_ended success size=2"},
	} {
		if got := described(parsed(t, c.raw)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// Times come one after the other, and some of what is read is kept for the next.
func TestTimesOneAfterTheOther(t *testing.T) {
	parser := storagenode.NewParser()
	stamps := []string{
		"2026-11-22T22:23:07Z", "2026-11-22T22:23:07Z", "2026-11-22T22:23:08Z", "2026-11-22T22:24:00Z", "2026-11-22T23:24:00Z", "2026-11-22T22:24:59Z",
		"2026-11-22T22:24:59-05:00", "2026-11-22T22:24:58-05:00", "2026-11-22T22:24:58+05:30", "2026-11-22T22:24:57+05:30",
		"2026-11-22T22:24:57.123Z", "2026-11-22T22:24:58.123Z", "2026-11-22T22:24:58.124Z", "2026-11-22T22:24:58.124+0200", "2026-11-22T22:24:01.124+0200",
		"2026-11-22T22:24:01Z", "2025-11-22T22:24:01Z", "2026-12-31T23:59:59.999999999+01:00", "2027-01-01T00:00:00Z",
	}
	bad := []string{"2026-11-22T22:23:60Z", "2026-11-22T22:23:0xZ", "2026-11-22T22:23:", "", "2026-02-30T22:23:07Z", "2026-11-22T22:23:6:Z"}
	for i, stamp := range stamps {
		for _, raw := range []string{stamp + "\tINFO\tpiecestore\tuploaded\t{}", `{"L":"INFO","T":"` + stamp + `","M":"uploaded","size":1}`} {
			event, err := parser.Parse([]byte(raw))
			if err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			layout := "2006-01-02T15:04:05Z07:00"
			if strings.HasSuffix(stamp, "+0200") {
				layout = "2006-01-02T15:04:05Z0700"
			}
			if want := at2(t, layout, stamp); !event.Time.Equal(want) {
				t.Errorf("%s: %s, want %s", stamp, event.Time, want)
			}
		}
		broken := bad[i%len(bad)]
		for _, raw := range []string{broken + "\tINFO\tpiecestore\tuploaded\t{}", `{"L":"INFO","T":"` + broken + `","M":"uploaded","size":1}`} {
			if event, err := parser.Parse([]byte(raw)); err == nil {
				t.Errorf("%s: %s", raw, event.Time)
			}
		}
	}
}
