package logsource_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

func TestInspectFindsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	write(t, path, "one\ntwo\n")
	file, err := logsource.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	if file.Path != path || file.Size != 8 || file.Modified.IsZero() {
		t.Errorf("%+v", file)
	}
}

func TestInspectSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "node.log"), "")
	if err := os.Symlink("/nowhere/node.log", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	cases := []struct {
		name, path string
		kind       logsource.TroubleKind
		says       []string
	}{
		{"missing", "missing.log", logsource.Missing, []string{"missing.log does not exist", "log.output"}},
		{"a folder is missing", "no/such/folder.log", logsource.Missing, []string{"does not exist"}},
		{"a file in the place of a folder", "node.log/node.log", logsource.Missing, []string{"does not exist"}},
		{"a link to nothing", "dangling", logsource.Missing, []string{"is a link to /nowhere/node.log, which does not exist"}},
		{"a folder", ".", logsource.NotAFile, []string{"is a folder", "log file in it"}},
		{"a socket", "socket", logsource.NotAFile, []string{"not a regular file"}},
		{"an impossible name", strings.Repeat("x", 300), logsource.Unreadable, []string{"cannot be read"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := logsource.Inspect(filepath.Join(dir, c.path))
			var trouble *logsource.Trouble
			if !errors.As(err, &trouble) {
				t.Fatalf("error %v", err)
			}
			if trouble.Kind != c.kind || trouble.Mend == "" {
				t.Errorf("kind %d, mend %q", trouble.Kind, trouble.Mend)
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
		})
	}
}

func TestLastLinesOfAMissingFile(t *testing.T) {
	err := logsource.LastLines(t.Context(), filepath.Join(t.TempDir(), "missing.log"), 100, func([]byte) bool { return true })
	var trouble *logsource.Trouble
	if !errors.As(err, &trouble) || trouble.Kind != logsource.Missing || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

const plenty = 64 << 20

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", 300<<10) // longer than a block
	cases := []struct {
		name    string
		content string
		limit   int64
		want    []string
	}{
		{"empty", "", plenty, nil},
		{"one line", "one\n", plenty, []string{"one"}},
		{"the last first", "one\ntwo\nthree\n", plenty, []string{"three", "two", "one"}},
		{"an unfinished line is left out", "one\ntwo\nthr", plenty, []string{"two", "one"}},
		{"nothing but an unfinished line", "one", plenty, nil},
		{"carriage returns stay", "one\r\ntwo\r\n", plenty, []string{"two\r", "one\r"}},
		{"empty lines", "\n\none\n\n", plenty, []string{"", "one", "", ""}},
		{"longer than a block", "one\n" + long + "\ntwo\n", plenty, []string{"two", long, "one"}},
		{"several longer than a block", long + "a\n" + long + "b\n" + long + long + "c\n", plenty, []string{long + long + "c", long + "b", long + "a"}},
		{"an unfinished line longer than a block", "one\n" + long, plenty, []string{"one"}},
		{"an end of line at the end of a block", "one\n" + strings.Repeat("y", 256<<10-1) + "\n", plenty, []string{strings.Repeat("y", 256<<10-1), "one"}},
		{"an end of line at the beginning of a block", "one\n" + strings.Repeat("y", 256<<10-5) + "\ntwo\n", plenty, []string{"two", strings.Repeat("y", 256<<10-5), "one"}},
		{"the limit cuts a line", "one\ntwo\nthree\n", 8, []string{"three"}},
		{"the limit is at a line's beginning", "one\ntwo\nthree\n", 6, nil},
		{"the limit takes the end of the line before", "one\ntwo\nthree\n", 7, []string{"three"}},
		{"the limit is the whole file", "one\ntwo\n", 8, []string{"two", "one"}},
		{"no limit at all", "one\n", 0, nil},
		{"the limit ends in a long line", long + "\ntwo\n", 280 << 10, []string{"two"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "node.log")
			write(t, path, c.content)
			if diff := cmp.Diff(c.want, lastLines(t, path, c.limit)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.want, plainLastLines(c.content, c.limit)); diff != "" {
				t.Errorf("the reference disagrees: %s", diff)
			}
		})
	}
}

func TestLastLinesEndsWhenToldTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	write(t, path, "one\ntwo\nthree\n")
	var got []string
	err := logsource.LastLines(t.Context(), path, plenty, func(line []byte) bool {
		got = append(got, string(line))
		return len(got) < 2
	})
	if err != nil || !slices.Equal(got, []string{"three", "two"}) {
		t.Errorf("%q, %v", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := logsource.LastLines(ended, path, plenty, func([]byte) bool { t.Error("a line after the end"); return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A log that the node's machine rotates while it is read must not give lines of
// zeroes.
func TestLastLinesOfAFileThatIsCutMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.log")
	write(t, path, strings.Repeat(strings.Repeat("x", 1023)+"\n", 600)) // more than two blocks
	seen := 0
	err := logsource.LastLines(t.Context(), path, plenty, func(line []byte) bool {
		if seen++; seen == 1 {
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		}
		if string(line) != strings.Repeat("x", 1023) {
			t.Errorf("line %d is %d bytes: %.20q", seen, len(line), line)
		}
		return true
	})
	if err != nil || seen < 200 || seen > 300 {
		t.Errorf("%d lines, %v", seen, err)
	}
}

func TestLastLinesAgainstAPlainOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "node.log")
	for range 60 {
		var content strings.Builder
		for range random.IntN(40) {
			length := random.IntN(50)
			if random.IntN(8) == 0 {
				length = random.IntN(600 << 10)
			}
			content.WriteString(strings.Repeat(string(rune('a'+random.IntN(26))), length))
			content.WriteString([]string{"\n", "\r\n", "\n\n"}[random.IntN(3)])
		}
		if random.IntN(2) == 0 {
			content.WriteString("unfinished")
		}
		limit := []int64{plenty, random.Int64N(1 << 20), int64(content.Len())}[random.IntN(3)]
		write(t, path, content.String())
		if !slices.Equal(lastLines(t, path, limit), plainLastLines(content.String(), limit)) {
			t.Fatalf("%d bytes with limit %d: other lines than the reference", content.Len(), limit)
		}
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), int64(100), uint8(0))
	f.Add([]byte("a\nb"), int64(2), uint8(3))
	f.Add([]byte("\n"), int64(1<<20), uint8(255))
	path := filepath.Join(f.TempDir(), "node.log")
	f.Fuzz(func(t *testing.T, content []byte, limit int64, stretch uint8) {
		// Stretched, so that lines run over blocks.
		content = bytes.ReplaceAll(content, []byte("x"), bytes.Repeat([]byte("x"), 1+int(stretch)<<11))
		if len(content) > 4<<20 {
			t.Skip()
		}
		limit = max(0, min(limit, 1<<40))
		write(t, path, string(content))
		if !slices.Equal(lastLines(t, path, limit), plainLastLines(string(content), limit)) {
			t.Errorf("%d bytes with limit %d: other lines than the reference", len(content), limit)
		}
	})
}

// plainLastLines is LastLines for those who have the whole file in their hands.
func plainLastLines(content string, limit int64) []string {
	if cut := int64(len(content)) - limit; cut > 0 {
		content = content[cut:]
		_, content, _ = strings.Cut(content, "\n")
	}
	lines := strings.Split(content, "\n")
	lines = lines[:len(lines)-1] // what follows the last end of line
	slices.Reverse(lines)
	if len(lines) == 0 {
		return nil
	}
	return lines
}

func lastLines(t *testing.T, path string, limit int64) (lines []string) {
	t.Helper()
	err := logsource.LastLines(t.Context(), path, limit, func(line []byte) bool {
		lines = append(lines, string(line))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDial(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	got := make(chan []byte, 1)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			got <- []byte(err.Error())
			return
		}
		buffer := make([]byte, 10)
		n, _ := connection.Read(buffer)
		_ = connection.Close()
		got <- buffer[:n]
	}()
	if err := logsource.Dial(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	if sent := <-got; len(sent) > 0 {
		t.Errorf("%q was sent: a forwarder closes the connection at the first byte", sent)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := logsource.Dial(t.Context(), address); err == nil {
		t.Error("nothing listens, and it is not said")
	}
}
