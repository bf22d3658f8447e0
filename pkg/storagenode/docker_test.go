package storagenode_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// entry is an entry of Docker's json-file driver.
func entry(stream, text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"log":%s,"stream":"%s","time":"2030-01-01T00:00:00Z"}`, quoted, stream)
}

func TestPartsOfADockerLineAreJoined(t *testing.T) {
	const header = "2026-11-22T22:23:07Z\tINFO\tpiecestore\t"
	long := strings.Repeat("x", 16<<10)
	cases := []struct {
		name     string
		entries  []string
		want     []string // messages, "" where there is no event yet, and with ~ where the line is cut
		unparsed map[storagenode.LineReason]int64
	}{
		{"whole", []string{entry("stderr", header+"one\t{}\n")}, []string{"one"}, nil},
		{"two parts", []string{entry("stderr", header+"o"), entry("stderr", "ne\t{}\n")}, []string{"", "one"}, nil},
		{"three parts", []string{entry("stderr", header), entry("stderr", "one"), entry("stderr", "\n")}, []string{"", "", "one"}, nil},
		{"within the header", []string{entry("stderr", "2026-11-22T22"), entry("stderr", ":23:07Z\tINFO\tx\tone\n")}, []string{"", "one"}, nil},
		{
			"streams in turns",
			[]string{entry("stderr", header+"o"), entry("stdout", header+"t"), entry("stderr", "ne\n"), entry("stdout", "wo\n"), entry("stdout", header+"three\n")},
			[]string{"", "", "one", "two", "three"}, nil,
		},
		{
			"a whole line of the other stream between",
			[]string{entry("stderr", header+"o"), entry("stdout", header+"two\n"), entry("stderr", "ne\n")},
			[]string{"", "two", "one"}, nil,
		},
		{
			"parts of 16 KiB",
			[]string{entry("stderr", header+`one`+"\t"+`{"error": "`+long), entry("stderr", long), entry("stderr", `", "size": 5}`+"\n")},
			[]string{"", "", "one"}, nil,
		},
		{
			"more than is kept",
			[]string{entry("stderr", header+`one`+"\t"+`{"error": "`+long), entry("stderr", long), entry("stderr", long), entry("stderr", long), entry("stderr", long), entry("stderr", "\"}\n"), entry("stderr", header+"two\n")},
			[]string{"", "", "", "", "", "one~", "two"}, nil,
		},
		{
			"a container that ended within a line",
			[]string{entry("stderr", header+"o"), entry("stderr", header+"two\t{}\n"), entry("stderr", header+"three\n")},
			[]string{"", "two", "three"}, map[storagenode.LineReason]int64{storagenode.LostDockerPart: 1},
		},
		{
			"one that ended within a line of JSON",
			[]string{entry("stderr", `{"L":"INFO","T":"20`), entry("stderr", `{"L":"INFO","T":"2026-11-22T22:23:07Z","M":"two"}`+"\n")},
			[]string{"", "two"}, map[storagenode.LineReason]int64{storagenode.LostDockerPart: 1},
		},
		{"empty", []string{entry("stderr", "\n"), entry("stderr", header+"one\r\n")}, []string{"error", "one"}, map[storagenode.LineReason]int64{storagenode.EmptyLine: 1}},
		{"broken", []string{`{"log":"abc`, `{"log":5}`, entry("stderr", header+"one\n")}, []string{"error", "error", "one"}, map[storagenode.LineReason]int64{storagenode.BadDockerEntry: 2}},
		{"with spaces and attributes", []string{`{"log": "` + strings.ReplaceAll(header, "\t", `\t`) + `one\n","stream":"stderr","attrs":{"tag":"x"},"time":"2030-01-01T00:00:00Z"}`}, []string{"one"}, nil},
		{"letters as numbers", []string{`{"log":"` + strings.ReplaceAll(header, "\t", `\u0009`) + `\u006fne \ud83d\ude00 \ud83d \u003e\n","stream":"stderr"}`}, []string{"one \U0001F600 \uFFFD >"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			parser := storagenode.NewParser()
			var got []string
			for _, raw := range c.entries {
				event, err := parser.Parse([]byte(raw + "\n"))
				switch {
				case err != nil:
					got = append(got, "error")
				case event == nil:
					got = append(got, "")
				case event.Truncated:
					got = append(got, event.Message+"~")
				default:
					got = append(got, event.Message)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			var unparsed map[storagenode.LineReason]int64
			for _, u := range parser.Unparsed() {
				if unparsed == nil {
					unparsed = map[storagenode.LineReason]int64{}
				}
				unparsed[u.Reason] = u.Count
			}
			if diff := cmp.Diff(c.unparsed, unparsed); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAJoinedLineHasAllItsFields(t *testing.T) {
	parser := storagenode.NewParser()
	first := entry("stderr", "2026-11-22T22:23:07Z\tERROR\tpiecestore\tdownload failed\t"+`{"piece_id": "P", "error": "file does not`)
	second := entry("stderr", ` exist", "errorVerbose": "`+strings.Repeat(`\tx\n`, 3000)+`", "size": 7}`+"\n")
	if event, err := parser.Parse([]byte(first)); event != nil || err != nil {
		t.Fatal(event, err)
	}
	if parser.State().IsZero() {
		t.Error("the parser does not wait for the line's end")
	}
	event, err := parser.Parse([]byte(second))
	if err != nil || !parser.State().IsZero() {
		t.Fatal(err, parser.State())
	}
	if got, want := described(event), "download_ended failed piece_missing piece=P size=7 reason=file does not exist"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
