package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// twoNodes is a small compacted file of two nodes whose names are a bit apart: of each a
// chunk, a document, and a commit that is not sealed.
func twoNodes(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 3 {
		for _, node := range []int{1, 3} { // node 3's document is always of a later commit
			batch := &Batch{}
			batch.Add(fmt.Sprintf("rep/node%d", node), start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"x", float64(10*node + n)})
			batch.Put(fmt.Sprintf("log/node%d", node), fmt.Append(nil, 10*node+n))
			check(t, s.Record(batch))
			check(t, s.Flush())
		}
		if n == 1 {
			check(t, s.Seal())
		}
	}
	s.writing.Lock()
	err := s.compact()
	s.writing.Unlock()
	check(t, err)
	check(t, s.Close())
	return fileOf(t, dir)
}

// Whatever bit of a file flips, keys included, each value that is answered belongs to its
// node and is right, and what is missing is told of, and the file kept.
func TestNoBitThatFlipsLetsAValuePassForAnother(t *testing.T) {
	file := twoNodes(t)
	ofFiles, ofFolders := syncFile, syncFolder
	t.Cleanup(func() { syncFile, syncFolder = ofFiles, ofFolders })
	// There are thousands of openings, and no power cut.
	syncFile, syncFolder = func(*os.File) error { return nil }, func(string) error { return nil }
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	failures := 0
	for bit := range 8 * len(file) {
		if testing.Short() && bit%13 > 0 {
			continue
		}
		harmed := bytes.Clone(file)
		harmed[bit/8] ^= 1 << (bit % 8)
		check(t, os.WriteFile(path, harmed, 0o600))
		for _, wrong := range wrongAfterDamage(t, dir, harmed) {
			failures++
			t.Errorf("byte %d, bit %d, %q: %s", bit/8, bit%8, around(harmed, bit/8), wrong)
		}
		if failures > 20 {
			t.Fatal("and so on")
		}
	}
}

func around(file []byte, at int) []byte { return file[max(0, at-20):min(len(file), at+20)] }

// wrongAfterDamage opens a damaged file of two nodes and says what is wrong with what it
// answers.
func wrongAfterDamage(t *testing.T, dir string, harmed []byte) (wrong []string) {
	t.Helper()
	complain := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	contents, err := ReadContents(filepath.Join(dir, FileName))
	if err == nil && contents.Damaged == 0 && len(contents.Bad) == 0 && contents.Format != "" {
		complain("a check finds no damage")
	}
	s, err := Open(Options{Dir: dir, FlushInterval: -1, Now: func() time.Time { return start.AddDate(1, 0, 0) }})
	if err != nil {
		return append(wrong, err.Error())
	}
	for _, node := range []int{1, 3} {
		group := content(t, s, fmt.Sprintf("rep/node%d", node))
		for column, rows := range group {
			for at, value := range rows {
				if minute := float64(at-start.UnixMilli()) / 60e3; column != "x" || value != float64(10*node)+minute {
					complain("at minute %v node %d has %s=%v", minute, node, column, value)
				}
			}
		}
		name := fmt.Sprintf("log/node%d", node)
		if document, there := s.Document(name); there && string(document) != fmt.Sprint(10*node+2) && !s.Outdated(name) && len(group["x"]) == 3 {
			complain("the document of node %d is %q", node, document)
		} else if there && !strings.HasPrefix(string(document), fmt.Sprint(node)) {
			complain("the document of node %d is %q, another's", node, document)
		}
	}
	groups, err := s.groups()
	check(t, err)
	for _, group := range groups {
		if group != "rep/node1" && group != "rep/node3" {
			complain("there is a group %q", group)
		}
	}
	status := s.Status()
	check(t, s.Close())
	if len(status.Damage) == 0 || len(status.CorruptCopies) == 0 {
		complain("nothing is told: %q, kept %q", status.Damage, status.CorruptCopies)
		return wrong
	}
	kept, err := os.ReadFile(status.CorruptCopies[0])
	check(t, err)
	if !bytes.Equal(kept, harmed) {
		complain("what is kept is not the damaged file")
	}
	check(t, os.Remove(status.CorruptCopies[0]))
	return wrong
}

// A bit that flips in the mark of what is sealed drops none of the commits after it.
func TestADamagedMarkDropsNoCommit(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 130 {
		record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", float64(n)})
		check(t, s.Flush())
		if n == 99 {
			check(t, s.Seal())
		}
	}
	check(t, s.Close())
	file := fileOf(t, dir)
	at, value := setOf(t, file, sealedKey)
	length, _, _ := parseCommand(file[at:])
	for ; value < at+length-2; value++ {
		harmed := bytes.Clone(file)
		harmed[value] ^= 8
		s := openAgain(t, harmed, []string{"the mark of what is sealed"})
		if got := content(t, s, "a")["x"]; len(got) != 130 {
			t.Fatalf("with %q there are %d rows of 130", around(harmed, value), len(got))
		}
		check(t, s.Close())
	}
}

// A mark of a former format has no checksum: what no chunk holds is not sealed, whatever it
// says.
func TestAFormerMarkThatIsTooHighDropsNoCommit(t *testing.T) {
	file, err := os.ReadFile("testdata/format6.db")
	check(t, err)
	_, value := setOf(t, file, sealedKey)
	file[value] = '9'
	s := openFile(t, file)
	if got := content(t, s, "scores/n")["x"]; len(got) != 30 {
		t.Fatalf("there are %d rows of 30", len(got))
	}
	check(t, s.Seal())
	check(t, s.Close())
	if got := content(t, open(t, s.options.Dir), "scores/n")["x"]; len(got) != 30 {
		t.Errorf("after a sealing there are %d rows of 30", len(got))
	}
}

// A bit that flips in the format keeps no store closed, and none is taken for a newer one.
func TestADamagedFormatKeepsNoStoreClosed(t *testing.T) {
	file := twoNodes(t)
	for name, file := range map[string][]byte{"now": file, "former": func() []byte {
		former, err := os.ReadFile("testdata/format6.db")
		check(t, err)
		return former
	}()} {
		at, value := setOf(t, file, formatKey)
		length, _, _ := parseCommand(file[at:])
		before := fileContents(t, file)
		for bit := 8 * value; bit < 8*(at+length-2); bit++ {
			harmed := bytes.Clone(file)
			harmed[bit/8] ^= 1 << (bit % 8)
			s := openFile(t, harmed)
			check(t, s.Seal())
			check(t, s.Close())
			after := fileContents(t, fileOf(t, s.options.Dir))
			if after.Format != currentFormat || after.Series != before.Series {
				t.Errorf("%s: with %q it holds %+v", name, around(harmed, bit/8), after)
			}
			// Of a former format, another former one is no damage.
			if number := harmed[value]; name == "now" || number < '1' || number > '6' {
				if len(s.status.Damage) == 0 || len(s.status.CorruptCopies) == 0 {
					t.Errorf("%s: with %q nothing is told", name, around(harmed, bit/8))
				}
			}
		}
	}
}

func fileContents(t *testing.T, file []byte) Contents {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	check(t, os.WriteFile(path, file, 0o600))
	contents, err := ReadContents(path)
	check(t, err)
	if diff := cmp.Diff([]string(nil), contents.Bad); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	return contents
}
