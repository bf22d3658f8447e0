package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
