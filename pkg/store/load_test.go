package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sealedCommits writes commits and seals them. Commit n holds row n, writes n into one
// row that all of them write, sets the document "latest" to n and "only n", and deletes
// that of the commit before. It answers the file
// when the chunks are written and what dropping the commits then appends to it.
func sealedCommits(t *testing.T, commits int) (chunks, drops []byte) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	for n := range commits {
		batch := &Batch{}
		batch.Add("a", start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"x", float64(n)})
		batch.Add("b", start.UnixMilli(), Sample{"latest", float64(n)})
		batch.Put("latest", fmt.Append(nil, n))
		batch.Put(fmt.Sprintf("only %d", n), []byte("there"))
		if n > 0 {
			batch.Delete(fmt.Sprintf("only %d", n-1))
		}
		check(t, s.Record(batch))
		check(t, s.Flush())
	}
	s.step = func(step string) {
		content, err := os.ReadFile(filepath.Join(dir, FileName))
		check(t, err)
		switch step {
		case "chunks written":
			chunks = content
		case "sealed":
			drops = content[len(chunks):]
		}
	}
	check(t, s.Seal())
	s.step = nil
	check(t, s.Close())
	if len(chunks) == 0 || len(drops) == 0 {
		t.Fatal("nothing was sealed")
	}
	return chunks, drops
}

// openFile opens a store of this content.
func openFile(t *testing.T, content []byte) *Store {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, FileName), content, 0o600))
	return open(t, dir)
}

// holdsAll checks that a store has every row, the newest values and the newest document.
func holdsAll(t *testing.T, s *Store, commits int) {
	t.Helper()
	if got := content(t, s, "a")["x"]; len(got) != commits {
		t.Errorf("%d rows, want %d", len(got), commits)
	}
	if got := content(t, s, "b")["latest"][start.UnixMilli()]; got != float64(commits-1) {
		t.Errorf("the row that all write is of commit %v, want %d", got, commits-1)
	}
	if document, _ := s.Document("latest"); string(document) != fmt.Sprint(commits-1) {
		t.Errorf("the document is of commit %q, want %d", document, commits-1)
	}
}

// A crash may leave any part of the commits that sealing drops: their documents are
// neither set back to what they were nor, once deleted, there again.
func TestAFileCutWhileCommitsAreDroppedKeepsTheNewestDocuments(t *testing.T) {
	const commits = 12
	chunks, drops := sealedCommits(t, commits)
	if n, first, ok := parseCommand(drops); !ok || string(first[1]) != sealedKey || n == len(drops) {
		t.Errorf("the first thing written is %q, want that all commits are sealed: what is cut after the first dropped one is else replayed in part", first)
	}
	cuts := []int{0, 1}
	for at := 0; at < len(drops); {
		n, _, ok := parseCommand(drops[at:])
		if !ok {
			t.Fatalf("at %d of %d is no command", at, len(drops))
		}
		at += n
		cuts = append(cuts, at, min(at+1, len(drops)), min(at+20, len(drops)))
	}
	for _, cut := range cuts {
		s := openFile(t, append(bytes.Clone(chunks), drops[:cut]...))
		holdsAll(t, s, commits)
		for n := range commits {
			if _, there := s.Document(fmt.Sprintf("only %d", n)); there != (n == commits-1) {
				t.Errorf("the document of commit %d is there: %v", n, there)
			}
		}
		check(t, s.Close())
		if t.Failed() {
			t.Fatalf("cut at %d of %d", cut, len(drops))
		}
	}
}

// Whichever commit is missing or damaged when the chunks are written, an older one that
// is replayed sets no row and no document back: the sealed ones are newer.
func TestAnOlderCommitOverwritesNothingThatIsSealed(t *testing.T) {
	const commits = 5
	chunks, _ := sealedCommits(t, commits)
	for n := uint64(1); n <= commits; n++ {
		key := commitKey(n)
		missing := fmt.Appendf(bytes.Clone(chunks), "%s%d\r\n%s\r\n", deleteCommand, len(key), key)
		s := openFile(t, missing)
		holdsAll(t, s, commits)
		if replayed := s.Status().Replayed; replayed != commits-1 {
			t.Errorf("%d commits were replayed, want %d", replayed, commits-1)
		}
		check(t, s.Close())

		damaged := bytes.Clone(chunks)
		at := bytes.Index(damaged, []byte(key)) + len(key)
		damaged[at+bytes.Index(damaged[at:], []byte("latest"))] ^= 1
		s = openFile(t, damaged)
		holdsAll(t, s, commits)
		check(t, s.Close())
		if t.Failed() {
			t.Fatalf("without commit %d", n)
		}
	}
}

// BuntDB reads the file after it was looked at: nothing has it in memory then.
func TestWhatWasReadOfAFileIsLetGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	for _, content := range []string{setCommand + "1\r\na\r\n$1\r\nb\r\n", "torn"} {
		check(t, os.WriteFile(path, []byte(content), 0o600))
		if _, file, err := repairFile(path, start); err != nil || file.whole != nil {
			t.Errorf("of %q %d bytes are kept (error: %v)", content, len(file.whole), err)
		}
	}
}
