package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// ingested is what --json prints, as another program reads it.
type ingested struct {
	Lines, Parsed, Skipped, Bytes int64
	First, Last                   *string
	Seconds                       float64
	CPU                           *float64 `json:"cpuSeconds"`
	Events                        map[string]int64
}

func ingest(t *testing.T, dir, spec string) (ingested, string) {
	t.Helper()
	code, out, errOut := command(t, "--ingest-log", spec, "--data-dir", dir, "--json")
	if code != 0 {
		t.Fatalf("%d: %s", code, errOut)
	}
	var result ingested
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&result); err != nil || decoder.More() {
		t.Fatalf("%v: %s", err, out)
	}
	return result, errOut
}

func TestIngestReadsAWholeLogOnce(t *testing.T) {
	var log bytes.Buffer
	truth, err := simnode.WriteBigLog(&log, 20_000, simnode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	content := append(log.Bytes(), "GET /index.html 200\n"...)
	folder, dir := t.TempDir(), t.TempDir()
	path := filepath.Join(folder, "node.log")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ := ingest(t, dir, "My Node:"+path)
	if got.Lines != 20_001 || got.Parsed != 20_000 || got.Skipped != 1 || got.Bytes != int64(len(content)) || got.First == nil || got.Last == nil || got.CPU == nil {
		t.Errorf("%+v", got)
	}
	want := map[string]int64{}
	for _, name := range []string{"uploaded", "upload_canceled", "upload_failed", "upload_rejected", "upload_started", "downloaded", "download_canceled", "download_failed", "download_started", "compaction_started", "compaction_finished"} {
		want[name] = 0
	}
	names := map[string]string{
		"uploaded": "uploaded", "upload canceled": "upload_canceled", "upload failed": "upload_failed", "upload rejected, too many requests": "upload_rejected",
		"upload started": "upload_started", "downloaded": "downloaded", "download canceled": "download_canceled", "download failed": "download_failed",
		"download started": "download_started", "beginning compaction": "compaction_started", "finished compaction": "compaction_finished",
	}
	for _, message := range truth.Log.Messages {
		if name := names[message.Message]; name != "" {
			want[name] += message.Count
		}
	}
	if diff := cmp.Diff(want, got.Events); diff != "" {
		t.Error(diff)
	}

	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write(content); err != nil || writer.Close() != nil {
		t.Fatal(err)
	}
	copied, longer := filepath.Join(folder, "node.log.1.gz"), filepath.Join(folder, "longer.log")
	tail := content[bytes.LastIndexByte(content[:len(content)-21], '\n')+1:]
	for path, content := range map[string][]byte{copied: compressed.Bytes(), longer: append(slices.Clone(content), tail...)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, again := range []string{path, copied} {
		got, says := ingest(t, dir, "My Node:"+again)
		if got.Lines != 0 || got.Parsed != 0 || slices.Max(slices.Collect(maps.Values(got.Events))) != 0 || !strings.Contains(says, "nothing was added") {
			t.Errorf("%s once more: %+v %q", again, got, says)
		}
	}
	if got, _ := ingest(t, dir, "My Node:"+longer); got.Lines != int64(bytes.Count(tail, []byte{'\n'})) {
		t.Errorf("of a longer version its new tail of %d lines counts: %+v", bytes.Count(tail, []byte{'\n'}), got)
	}

	code, out, errOut := command(t, "query", `{"queryType":"traffic","metrics":["operations"],"groupBy":["total"],"format":"table"}`, "--data-dir", dir, "--from", *got.First, "--to", "now", "--table")
	if code != 0 || !strings.Contains(out, "operations") {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
}

func TestIngestRefusesWhatIsNoFile(t *testing.T) {
	for spec, says := range map[string]string{
		"My-Node:192.168.1.100:9999":                  "names no file",
		"My-Node:/no/such.log:http://localhost:14002": "names no file",
		"/var/log/node.log":                           "name",
		"My-Node:/no/such.log":                        "/no/such.log",
	} {
		code, _, errOut := command(t, "--ingest-log", spec, "--data-dir", t.TempDir())
		if code == 0 || !strings.Contains(errOut, says) {
			t.Errorf("%s: %d %s", spec, code, errOut)
		}
	}
}

// counted is one number of a table that a query of the folder answers.
func counted(t *testing.T, dir, query, column, from, to string) []string {
	t.Helper()
	code, out, errOut := command(t, "query", query, "--data-dir", dir, "--from", from, "--to", to)
	if code != 0 {
		t.Fatal(errOut)
	}
	var frames []struct {
		Schema struct{ Fields []struct{ Name string } }
		Data   struct{ Values [][]any }
	}
	if err := json.Unmarshal([]byte(out), &frames); err != nil {
		t.Fatal(err)
	}
	var values []string
	for i, field := range frames[0].Schema.Fields {
		if field.Name == column {
			for _, v := range frames[0].Data.Values[i] {
				values = append(values, fmt.Sprint(v))
			}
		}
	}
	return values
}

const operations = `{"queryType":"traffic","metrics":["operations"],"groupBy":["total"],"format":"table"}`

// at is a line's time, n seconds after a time that is a while ago.
func at(n int) string {
	return time.Now().Add(-10 * 24 * time.Hour).Truncate(time.Hour).Add(time.Duration(n) * time.Second).UTC().Format(time.RFC3339)
}

func uploaded(n int) string {
	return fmt.Sprintf("%s\tINFO\tpiecestore\tuploaded\t{\"piece_id\": \"P%d\", \"satellite_id\": \"12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S\", \"action\": \"PUT\", \"size\": 1}\n", at(n), n)
}

func docker(text, stream string) string {
	escaped, _ := json.Marshal(text)
	return fmt.Sprintf("{\"log\":%s,\"stream\":%q,\"time\":\"2026-11-22T22:23:07Z\"}\n", escaped, stream)
}

// What is odd in a log costs none of its other lines.
func TestIngestCountsAroundWhatIsOdd(t *testing.T) {
	var many, wrapped strings.Builder
	for n := range 1000 {
		many.WriteString(uploaded(n))
		wrapped.WriteString(docker(uploaded(n), "stderr"))
	}
	for name, log := range map[string]string{
		"a line that Docker split and whose end is in no file": wrapped.String() + docker("2026-11-22T22:23:07Z\tERROR\tord", "stderr"),
		"a line of the other stream without an end":            docker("no newline here", "stdout") + wrapped.String(),
		"a line of the far future":                             "2099-01-01T00:00:00Z\tINFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}\n" + many.String(),
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := t.TempDir(), filepath.Join(t.TempDir(), "node.log")
			if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
				t.Fatal(err)
			}
			ingest(t, dir, "A:"+path)
			if got := counted(t, dir, operations, "operations", "now-10y", "now"); !slices.Equal(got, []string{"1000"}) {
				t.Errorf("%v operations", got)
			}
			if again, _ := ingest(t, dir, "A:"+path); again.Parsed != 0 {
				t.Errorf("a second time adds %d lines", again.Parsed)
			}
		})
	}
}

// However much there is to tell of in a log, all of it is told.
func TestIngestLosesNoEvent(t *testing.T) {
	var log strings.Builder
	const many = 30_000
	for n := range many {
		fmt.Fprintf(&log, "%s\tERROR\torders\tfailed %d\t{}\n", at(60*n/10), n%3)
		fmt.Fprintf(&log, "%s\tINFO\thashstore\tfinished compaction\t{\"satellite\": \"12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S\", \"store\": \"s0\", \"duration\": \"1s\"}\n", at(6*n))
	}
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "node.log")
	if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ingest(t, dir, "A:"+path)
	// A table shows the newest 2,000: the beginning, the middle and the end are looked at.
	for _, first := range []int{0, many / 2, many - 600} {
		if got := counted(t, dir, `{"queryType":"events","kinds":["compaction_finished"]}`, "text", at(6*first), at(6*(first+600)-1)); len(got) != 600 {
			t.Errorf("%d of 600 events from %s on", len(got), at(6*first))
		}
	}
	if got := counted(t, dir, `{"queryType":"errors"}`, "count", "now-10y", "now"); !slices.Equal(got, []string{fmt.Sprint(many)}) {
		t.Errorf("errors %v", got)
	}
}
