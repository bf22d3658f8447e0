package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fileOf is the file of a store that was closed.
func fileOf(t *testing.T, dir string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	return file
}

// setOf is where the last command that sets a key begins, and where its value does.
func setOf(t *testing.T, file []byte, key string) (command, value int) {
	t.Helper()
	command = -1
	for at := 0; at < len(file); {
		n, arguments, ok := parseCommand(file[at:])
		if !ok {
			t.Fatalf("at %d is no command", at)
		}
		if arguments[2] != nil && strings.HasPrefix(string(arguments[1]), key) {
			command, value = at, at+n-2-len(arguments[2])
		}
		at += n
	}
	if command < 0 {
		t.Fatalf("nothing sets %s", key)
	}
	return command, value
}

// openAgain opens a damaged file, and checks that the damage is told of in these words,
// and mended when it is opened once more.
func openAgain(t *testing.T, file []byte, words []string, change ...func(*Options)) *Store {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, FileName), file, 0o600))
	s := open(t, dir, change...)
	damage := strings.Join(s.Status().Damage, "\n")
	for _, word := range words {
		if !strings.Contains(damage, word) {
			t.Errorf("the damage is %q, want %q in it", damage, word)
		}
	}
	if len(words) > 0 == (damage == "") {
		t.Errorf("the damage is %q", damage)
	}
	check(t, s.Close())
	s = open(t, dir, change...)
	if damage := s.Status().Damage; len(damage) > 0 {
		t.Errorf("after the repair there is damage: %q", damage)
	}
	return s
}

func TestADamagedColumnCostsNoOther(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 300 {
		at := start.Add(time.Duration(n) * time.Minute)
		record(t, s, "scores/n", at, Sample{NewColumn("audit", "satellite", "1"), float64(n) / 7}, Sample{"health", float64(n) / 3})
		batch := &Batch{}
		batch.AddHistograms("scores/n", at.UnixMilli(), HistogramSample{"took", observed(float64(n))})
		check(t, s.Record(batch))
	}
	check(t, s.Close())
	s = open(t, dir)
	check(t, s.Seal())
	check(t, s.Close())
	file := fileOf(t, dir)
	command, value := setOf(t, file, "c:scores/n:")
	n, arguments, _ := parseCommand(file[command:])
	c, err := parseChunk(string(arguments[1]), string(arguments[2]))
	check(t, err)
	audit := value + bytes.Index(file[value:], c.data[0])

	harmed := bytes.Clone(file)
	harmed[audit+10] ^= 4
	s = openAgain(t, harmed, []string{"1 of 3 columns (audit) of 300 rows of scores/n as recorded from 2026-11-01 00:00 to 2026-11-01 04:59"})
	got := content(t, s, "scores/n")
	if len(got["health"]) != 300 || len(got) != 1 {
		t.Errorf("beside the damaged column there are %d columns, of health %d rows", len(got), len(got["health"]))
	}
	histograms, err := s.Histograms(t.Context(), Range{Group: "scores/n", To: forever - 1}, nil)
	check(t, err)
	if len(histograms.Times) != 300 {
		t.Errorf("%d histograms are left", len(histograms.Times))
	}

	harmed = bytes.Clone(file) // the head of the chunk
	harmed[value+5] ^= 4
	s = openAgain(t, harmed, []string{"all rows of scores/n as recorded from 2026-10-2"})
	if got := content(t, s, "scores/n"); len(got) > 0 {
		t.Errorf("of a chunk without its head %d columns are left", len(got))
	}
	check(t, s.Close())
	for at := command; at < command+n; at += 7 { // and anywhere: a value that nobody wrote is never read
		harmed := bytes.Clone(file)
		harmed[at] ^= 16
		s := openFile(t, harmed)
		for column, rows := range content(t, s, "scores/n") {
			for at, v := range rows {
				divisor := map[Column]float64{"health": 3, NewColumn("audit", "satellite", "1"): 7}[column]
				if minutes := float64(at-start.UnixMilli()) / 60e3; v != minutes/divisor {
					t.Fatalf("flipped at %d: at minute %v %s is %v", at, minutes, column, v)
				}
			}
		}
		check(t, s.Close())
	}
}

// Where counts of a fine tier are lost, a coarser one that holds them answers.
func TestLostCountsAreReadFromACoarserTier(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	for n := range 20 {
		count(t, s, model, now.Add(-time.Duration(n)*time.Hour), 1)
	}
	check(t, s.Seal())
	check(t, s.Close())
	file := fileOf(t, dir)
	command, value := setOf(t, file, "c:traffic/n:")
	for name, at := range map[string]int{"its value": value + 5, "its name's length": command + len(setCommand)} {
		t.Run(name, func(t *testing.T) {
			harmed := bytes.Clone(file)
			harmed[at] ^= 4
			after := openAgain(t, harmed, []string{"rows of traffic/n as recorded from 2026-1"}, func(o *Options) {
				o.Limits.Policies, o.Now = counted, func() time.Time { return now }
			})
			wholeTotals(t, after, model, now, "damaged")
		})
	}
}

// Where damage leaves no name of a chunk, the tiers tell by each other what is lost: the
// finer one is given up where it has less, and where the coarser one has, that is said.
func TestCountsThatAreLostWithTheirNamesAreMissed(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	for n := range 20 {
		count(t, s, model, now.Add(-time.Duration(n)*time.Hour), 1)
	}
	check(t, s.Seal())
	count(t, s, model, now, 1)
	check(t, s.Close())
	file := fileOf(t, dir)
	for _, test := range []struct{ key, words string }{
		{"c:traffic/n:", "rows of traffic/n as recorded"},
		{"c:traffic/n@600:", "rows of traffic/n in steps of 10 min"},
		{"c:traffic/n@3600:", "rows of traffic/n in steps of 1 h"},
	} {
		harmed := bytes.Clone(file)
		at, _ := setOf(t, file, test.key)
		length, _, _ := parseCommand(file[at:])
		clear(harmed[at : at+length])
		after := openAgain(t, harmed, []string{"could not be read", test.words}, func(o *Options) {
			o.Limits.Policies, o.Now = counted, func() time.Time { return now }
		})
		if test.key != "c:traffic/n@3600:" { // which no coarser tier has
			wholeTotals(t, after, model, now, "without "+test.key)
			continue
		}
		from := now.Add(-47 * time.Hour)
		if diff := cmp.Diff(model.in(time.Minute, from), summed(t, after, from, now, time.Minute)); diff != "" {
			t.Errorf("without the hours, the minutes are (-want +got)\n%s", diff)
		}
	}
}

// A sealing that a power cut tears has its commits still: no tier is given up for its chunks.
func TestATornSealingCostsNoTier(t *testing.T) {
	dir := t.TempDir()
	now := start.Add(37 * time.Minute)
	s := countingStore(t, dir, &now)
	model := counts{}
	for n := range 3 {
		count(t, s, model, now.Add(-time.Duration(n)*time.Hour), 1)
	}
	check(t, s.Flush())
	before := fileSize(t, dir)
	check(t, s.Seal())
	whole := fileOf(t, dir)
	for cut := before; cut < len(whole); cut += 97 {
		torn := t.TempDir()
		check(t, os.WriteFile(filepath.Join(torn, FileName), whole[:cut], 0o600))
		after := countingStore(t, torn, &now)
		wholeTiers(t, after, model, now, fmt.Sprintf("cut at %d", cut))
		if damage := after.Status().Damage; strings.Contains(strings.Join(damage, ""), "traffic") {
			t.Errorf("cut at %d, counts are said to be lost that are not: %q", cut, damage)
		}
		check(t, after.Close())
	}
}

// Where damage takes a sealing together with the mark that it was done, the commits behind it
// say that it was.
func TestALostSealingIsNotTakenForAnUnfinishedOne(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	begin, sealing, end := 0, 0, 0 // of the second commit and its sealing
	for n := range 3 {
		if n < 2 {
			begin = fileSize(t, dir)
		}
		batch := &Batch{}
		batch.Add("a", start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"x", float64(n)})
		if n < 2 {
			batch.Put("position", []byte{byte(n)})
		}
		check(t, s.Record(batch))
		check(t, s.Flush())
		if n < 2 {
			sealing = fileSize(t, dir)
			check(t, s.Seal())
			end = fileSize(t, dir)
		}
	}
	file := fileOf(t, dir)
	clear(file[sealing:end])
	s = openFile(t, file)
	if position, _ := s.Document("position"); string(position) != "\x01" || s.Outdated("position") || len(content(t, s, "a")["x"]) != 3 {
		t.Errorf("the sealed commit is there, and the position is %q, outdated %v, of rows there are %v", position, s.Outdated("position"), content(t, s, "a"))
	}

	clear(file[begin:end])
	if s = openFile(t, file); !s.Outdated("position") {
		t.Errorf("the position of before the sealing is taken for the last one; the damage is %q", s.Status().Damage)
	}

	// An opening that ends after the repair leaves all of that to the next one, which ends it.
	dir = t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, FileName), file, 0o600))
	kept, _, err := repairFile(filepath.Join(dir, FileName), start)
	check(t, err)
	s = open(t, dir)
	if damage := strings.Join(s.Status().Damage, ""); !s.Outdated("position") || !strings.Contains(damage, kept) {
		t.Errorf("after an opening that was cut short the position is taken for the last one; the damage is %q", damage)
	}
	check(t, s.Close())
	if s = open(t, dir); !s.Outdated("position") || len(s.Status().Damage) > 0 {
		t.Errorf("after the repair there is damage: %q", s.Status().Damage)
	}
}

// Of a document there are two copies; if both are lost, that is said, and if what is left
// is from before, it is known.
func TestAPositionIsNeitherLostNorOldUnnoticed(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	for _, position := range []string{"100", "200"} {
		batch := &Batch{}
		batch.Add("traffic/n", now.UnixMilli(), Sample{"ops", 100})
		batch.Put("log/n", []byte(position))
		check(t, s.Record(batch))
		check(t, s.Seal())
		now = now.Add(time.Hour)
	}
	check(t, s.Close())
	file := fileOf(t, dir)
	first, firstValue := setOf(t, file, documentCopies[0]+"log/n")
	second, secondValue := setOf(t, file, documentCopies[1]+"log/n")
	for name, test := range map[string]struct {
		harm     []int
		position string
		outdated bool
		words    []string
	}{
		"one copy":              {[]int{firstValue + 2}, "200", false, []string{"a copy of the document log/n"}},
		"the other":             {[]int{secondValue + 2}, "200", false, []string{"a copy of the document log/n"}},
		"one copy's name":       {[]int{first + len(setCommand)}, "200", false, []string{"a copy of the document log/n"}},
		"both":                  {[]int{firstValue + 2, secondValue + 2}, "", false, []string{"the document log/n, both copies"}},
		"both names":            {[]int{first + len(setCommand), second + len(setCommand)}, "100", true, []string{"a copy of the document log/n"}},
		"a name and a value":    {[]int{first + len(setCommand), secondValue + 2}, "100", true, []string{"a copy of the document log/n"}},
		"nothing of a document": {nil, "200", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			harmed := bytes.Clone(file)
			for _, at := range test.harm {
				harmed[at] ^= 1
			}
			s := openAgain(t, harmed, test.words)
			position, _ := s.Document("log/n")
			if string(position) != test.position || s.Outdated("log/n") != test.outdated {
				t.Errorf("the position is %q, outdated %v", position, s.Outdated("log/n"))
			}
			batch := &Batch{}
			batch.Put("log/n", []byte("300"))
			check(t, s.Record(batch))
			if s.Outdated("log/n") {
				t.Error("a position that is new is outdated")
			}
		})
	}
}

// A power cut that takes pages of what was not synced makes no document outdated: the
// commits are there.
func TestUnsyncedPagesMakeNoDocumentOutdated(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(n int) {
		batch := &Batch{}
		batch.Add("a", start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"x", 1})
		batch.Put("log/n", fmt.Append(nil, n))
		check(t, s.Record(batch))
		check(t, s.Flush())
	}
	put(1)
	check(t, s.Seal())
	for n := 2; n < 5; n++ {
		put(n)
	}
	check(t, s.Close())
	file := fileOf(t, dir)
	command, _ := setOf(t, file, commitKey(3))
	clear(file[command : command+40])
	s = openAgain(t, file, []string{"could not be read"})
	if position, _ := s.Document("log/n"); string(position) != "2" || s.Outdated("log/n") {
		t.Errorf("the position is %q, outdated %v", position, s.Outdated("log/n"))
	}
}

// Text inside of a value that looks like a command is none, also where the value's own
// command is damaged.
func TestTextInADamagedValueIsNoCommand(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Flush())
	batch := &Batch{}
	batch.AppendEvent(Event{Time: start.UnixMilli(), Kind: "error", Text: setCommand + "8\r\nm:format\r\n$1\r\n9\r\n"})
	check(t, s.Record(batch))
	check(t, s.Close())
	file := fileOf(t, dir)
	command, _ := setOf(t, file, commitKey(2))
	file[command+len(setCommand)] ^= 1
	s = openAgain(t, file, []string{"could not be read"})
	if got := len(content(t, s, "a")["x"]); got != 1 {
		t.Errorf("%d rows", got)
	}
}

func TestOnlyTheNewestDamagedCopiesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	for n := range keptCopies + 3 {
		check(t, ReplaceFile(path, fmt.Append(nil, n)))
		_, err := keepAside(path, start.Add(time.Duration(n)*time.Hour), linked)
		check(t, err)
	}
	copies, err := filepath.Glob(path + ".*")
	check(t, err)
	oldest, err := os.ReadFile(copies[0])
	check(t, err)
	if len(copies) != keptCopies || string(oldest) != "3" {
		t.Errorf("%q are kept, the oldest is number %s", copies, oldest)
	}
}

// A clock that was set back names the newest copy as the oldest. It is kept nevertheless.
func TestTheCopyJustMadeIsKeptWhateverTheClockSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	for n := range keptCopies + 3 {
		check(t, ReplaceFile(path, fmt.Append(nil, n)))
		kept, err := keepAside(path, start.AddDate(-n, 0, 0), linked)
		check(t, err)
		content, err := os.ReadFile(kept)
		if err != nil || string(content) != fmt.Sprint(n) {
			t.Errorf("copy %d is named %s, which is %q: %v", n, kept, content, err)
		}
	}
	copies, err := filepath.Glob(path + ".*")
	check(t, err)
	if len(copies) != keptCopies {
		t.Errorf("%q are kept", copies)
	}
}

// Where damage takes what is sealed and the mark that it is, the commits after it are
// still known to be all.
func TestALostMarkCostsNoCommits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 20 {
		record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", float64(n)})
		check(t, s.Flush())
		if n == 9 {
			check(t, s.Seal())
		}
	}
	check(t, s.Close())
	file := fileOf(t, dir)
	whole := bytes.Clone(file)
	for _, key := range []string{"c:a", sealedKey} {
		at, value := setOf(t, whole, key)
		clear(file[at : value+1])
	}
	s = openAgain(t, file, []string{"could not be read"})
	if got := content(t, s, "a")["x"]; len(got) != 10 {
		t.Errorf("of the 10 commits after the mark there are %d", len(got))
	}
}

// What follows from damage is a commit of its own, with the number of the first one that is
// lost. It stays when that one goes, and so do those after it.
func TestWhatFollowsFromDamageIsNotDroppedWithIt(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	for n := range 20 {
		count(t, s, model, now.Add(-time.Duration(n)*time.Hour), 1)
	}
	check(t, s.Seal())
	record(t, s, "a", start, Sample{"x", 1})
	check(t, s.Close())
	file := fileOf(t, dir)
	for _, key := range []string{"c:traffic/n:", "w:"} {
		_, value := setOf(t, file, key)
		file[value+5] ^= 4
	}
	dir = t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, FileName), file, 0o600))
	s = countingStore(t, dir, &now)
	record(t, s, "a", start, Sample{"x", 2})
	check(t, s.Flush())
	after := countingStore(t, crash(t, dir), &now)
	if damage := after.Status().Damage; len(damage) > 0 {
		t.Errorf("after the repair there is damage: %q", damage)
	}
	if got := content(t, after, "a")["x"]; len(got) != 1 || got[start.UnixMilli()] != 2 {
		t.Errorf("what was recorded after the repair is %v", got)
	}
	wholeTotals(t, after, model, now, "repaired")
}

// What is kept of a damaged file is the original, byte for byte, whatever is written after
// that and however it is damaged.
func TestTheOriginalOfADamagedFileIsKeptAsItIs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 20 {
		record(t, s, "a", start.Add(time.Duration(n)*time.Minute), Sample{"x", float64(n)})
		check(t, s.Seal())
	}
	check(t, s.Close())
	file := fileOf(t, dir)
	command, value := setOf(t, file, "c:a:")
	for name, harm := range map[string]func(file []byte) []byte{
		"a command": func(b []byte) []byte { b[command+1] ^= 1; return b },
		"a value":   func(b []byte) []byte { b[value+5] ^= 1; return b },
		"both":      func(b []byte) []byte { b[10] ^= 1; b[value+5] ^= 1; return b },
		"its end":   func(b []byte) []byte { return b[:len(b)-3] },
	} {
		t.Run(name, func(t *testing.T) {
			harmed := harm(bytes.Clone(file))
			dir := t.TempDir()
			check(t, os.WriteFile(filepath.Join(dir, FileName), harmed, 0o600))
			s := open(t, dir)
			record(t, s, "a", start.Add(time.Hour), Sample{"x", 1})
			check(t, s.Seal())
			check(t, s.Close())
			copies := s.Status().CorruptCopies
			if len(copies) != 1 {
				t.Fatalf("%q are kept", copies)
			}
			kept, err := os.ReadFile(copies[0])
			check(t, err)
			if !bytes.Equal(kept, harmed) {
				t.Errorf("%d bytes are kept of %d, and not the same ones", len(kept), len(harmed))
			}
		})
	}
}

// Where there is little memory, a damaged file is repaired as well: it is read once, and not
// copied in memory.
func TestARepairTakesTheMemoryOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	var file bytes.Buffer
	value := strings.Repeat("v", 1<<20)
	for n := range 16 {
		check(t, writeCommands(&file, []string{fmt.Sprintf("x:%d", n)}, []string{value}))
	}
	content := file.Bytes()
	content[0] = 0
	check(t, os.WriteFile(path, content, 0o600))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	kept, state, err := repairFile(path, start)
	runtime.ReadMemStats(&after)
	check(t, err)
	if kept == "" || state.damaged == 0 {
		t.Errorf("kept as %q, %d bytes are damaged", kept, state.damaged)
	}
	if took := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(content)); took > 1.7 { // a copy is one more
		t.Errorf("the repair took %.2f times the file", took)
	}
}
