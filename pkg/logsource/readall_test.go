package logsource_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

// ingest reads a log once, and gives what came and the positions after it.
func ingest(t *testing.T, path string, stdin io.Reader, resume logsource.Positions) (string, logsource.Positions) {
	t.Helper()
	var text strings.Builder
	var done, total int64
	err := logsource.ReadAll(t.Context(), logsource.ReadOptions{
		Path: path, Stdin: stdin, Resume: resume,
		Deliver: func(b logsource.Block, p logsource.Positions) error {
			if len(b.Lines) == 0 || b.Live || b.Read.IsZero() {
				t.Errorf("a block of %d bytes, live %v, read %s", len(b.Lines), b.Live, b.Read)
			}
			text.Write(b.Lines)
			resume = p
			return nil
		},
		Progress: func(d, n int64) {
			if d < done || n != 0 && d > n {
				t.Errorf("progress from %d to %d of %d", done, d, n)
			}
			done, total = d, n
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if path != "-" && done != total && text.Len() > 0 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	return text.String(), resume
}

func zipped(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		zip, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		_, err := zip.Write([]byte(part))
		if err := errors.Join(err, zip.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestReadAll(t *testing.T) {
	long := strings.Repeat(strings.Repeat("x", 300)+"\n", 3000)
	content := "one\ntwo\n" + long
	put := func(t *testing.T, content string) string {
		path := filepath.Join(t.TempDir(), "any name")
		write(t, path, content)
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		return path
	}
	type way struct {
		name string
		read func(t *testing.T, content string, resume logsource.Positions) (string, logsource.Positions)
	}
	ways := []way{
		{"a file", func(t *testing.T, content string, p logsource.Positions) (string, logsource.Positions) {
			return ingest(t, put(t, content), nil, p)
		}},
		{"a compressed file", func(t *testing.T, content string, p logsource.Positions) (string, logsource.Positions) {
			return ingest(t, put(t, zipped(t, content)), nil, p)
		}},
		{"a compressed file in parts", func(t *testing.T, content string, p logsource.Positions) (string, logsource.Positions) {
			return ingest(t, put(t, zipped(t, content[:len(content)/2], content[len(content)/2:])), nil, p)
		}},
		{"a pipe", func(t *testing.T, content string, p logsource.Positions) (string, logsource.Positions) {
			return ingest(t, "-", strings.NewReader(content), p)
		}},
		{"a compressed pipe", func(t *testing.T, content string, p logsource.Positions) (string, logsource.Positions) {
			return ingest(t, "-", strings.NewReader(zipped(t, content)), p)
		}},
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			got, after := w.read(t, content, logsource.Positions{})
			if got != content {
				t.Fatalf("%d bytes, want %d", len(got), len(content))
			}
			if len(after.Files) != 1 || after.Files[0].Offset != int64(len(content)) {
				t.Errorf("positions %+v", after)
			}
			for _, again := range ways {
				if got, _ := again.read(t, content, after); got != "" {
					t.Errorf("read again as %s, %d bytes came twice", again.name, len(got))
				}
				if got, _ := again.read(t, content+"three\nfour\n", after); got != "three\nfour\n" {
					t.Errorf("the tail, as %s: %.100q", again.name, got)
				}
				if got, _ := again.read(t, "another\n"+content, after); got != "another\n"+content {
					t.Errorf("another, as %s: %d bytes", again.name, len(got))
				}
				gapped := logsource.Positions{Files: []logsource.FilePosition{after.Files[0]}}
				gapped.Files[0].Gaps = []logsource.Gap{{From: 4, To: 8}, {From: 8 + 301, To: 8 + 602}}
				if got, p := again.read(t, content+"three\n", gapped); got != "two\n"+long[:301]+"three\n" || len(p.Files[0].Gaps) > 0 {
					t.Errorf("the gaps, as %s: %d bytes, %+v", again.name, len(got), p)
				}
			}
			if got, _ := w.read(t, "", logsource.Positions{}); got != "" {
				t.Errorf("of nothing came %q", got)
			}
			if got, _ := w.read(t, "one\ntw", logsource.Positions{}); got != "one\ntw" {
				t.Errorf("of an unfinished line came %q", got)
			}
		})
	}
}

// What may be half of a line is left for the next time.
func TestReadAllOfAFileThatIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	write(t, path, "one\ntw")
	got, after := ingest(t, path, nil, logsource.Positions{})
	if got != "one\n" {
		t.Errorf("%q", got)
	}
	write(t, path, "one\ntwo\n")
	if got, _ := ingest(t, path, nil, after); got != "two\n" {
		t.Errorf("%q", got)
	}
}

func TestReadAllSaysWhatIsWrong(t *testing.T) {
	whole := zipped(t, strings.Repeat("a line\n", 10000))
	folder := t.TempDir()
	cut := filepath.Join(folder, "cut.gz")
	write(t, cut, whole[:len(whole)/2])
	full := filepath.Join(folder, "full.log")
	write(t, full, "one\n")
	stop := errors.New("the disk is full")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	fine := func(logsource.Block, logsource.Positions) error { return nil }
	cases := []struct {
		name string
		ctx  context.Context
		r    logsource.ReadOptions
		is   error
		says string
	}{
		{"missing", t.Context(), logsource.ReadOptions{Path: filepath.Join(folder, "missing"), Deliver: fine}, os.ErrNotExist, "does not exist"},
		{"a folder", t.Context(), logsource.ReadOptions{Path: folder, Deliver: fine}, nil, "is a folder"},
		{"cut", t.Context(), logsource.ReadOptions{Path: cut, Deliver: fine}, io.ErrUnexpectedEOF, "cut.gz cannot be read on after"},
		{"a cut pipe", t.Context(), logsource.ReadOptions{Path: "-", Stdin: strings.NewReader(whole[:len(whole)/2]), Deliver: fine}, io.ErrUnexpectedEOF, "the input cannot be read"},
		{"a store that fails", t.Context(), logsource.ReadOptions{Path: full, Deliver: func(logsource.Block, logsource.Positions) error { return stop }}, stop, "the disk is full"},
		{"ended", ended, logsource.ReadOptions{Path: full, Deliver: fine}, context.Canceled, "canceled"},
		{"nobody to deliver to", t.Context(), logsource.ReadOptions{Path: full}, nil, "deliver"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := logsource.ReadAll(c.ctx, c.r)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}
