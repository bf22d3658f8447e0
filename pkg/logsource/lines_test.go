package logsource

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// textOf is a text in memory.
type textOf struct{ *bytes.Reader }

func (textOf) Close() error { return nil }

// readRuns reads a text as a follower does, by the given buffer.
func readRuns(t *testing.T, r *lineReader, size int, final bool) (lines []string, cut int) {
	t.Helper()
	buffer := make([]byte, size)
	for range 1 << 20 {
		run, err := r.next(buffer, everything, final)
		if err != nil {
			t.Fatal(err)
		}
		if run.searching {
			continue
		}
		if len(run.lines) == 0 {
			return lines, cut
		}
		if run.cut {
			cut++
		}
		for line := range strings.Lines(string(run.lines)) {
			lines = append(lines, line)
		}
		r.at = run.end
	}
	t.Fatal("it does not end")
	return nil, 0
}

// plainRuns is what readRuns has to give.
func plainRuns(content string, final bool) (lines []string, cut int) {
	for line := range strings.Lines(content) {
		text, whole := strings.CutSuffix(line, "\n")
		if !whole && !final {
			break
		}
		if len(text) > maxLine {
			cut++
			line = text[:maxLine]
			if whole {
				line += "\n"
			}
		}
		lines = append(lines, line)
	}
	return lines, cut
}

func TestLines(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	cases := []struct {
		name, content string
		wantCut       int
	}{
		{"nothing", "", 0},
		{"whole lines", "one\ntwo\r\n\nthree\n", 0},
		{"half a line", "one\ntw", 0},
		{"binary", "\x00\xff\n\x00", 0},
		{"as long as allowed", x(maxLine) + "\none\n", 0},
		{"one byte too long", x(maxLine+1) + "\none\n", 1},
		{"too long in the middle", "one\n" + x(100<<10) + "\ntwo\n", 1},
		{"several", x(70<<10) + "\n" + x(70<<10) + "\ntwo\n" + x(70<<10) + "\n", 3},
		{"over many blocks", "one\n" + x(3<<20) + "\ntwo\n", 1},
		{"ends at the end of a block", x(blockSize-1) + "\n" + "one\n", 1},
		{"begins before the end of a block", x(60<<10) + "\n" + x(60<<10) + "\n" + x(60<<10) + "\n" + x(60<<10) + "\n" + x(60<<10) + "\n", 0},
		{"too long and unfinished", "one\n" + x(100<<10), 1},
		{"far too long and unfinished", "one\n" + x(1<<20), 1},
	}
	for _, c := range cases {
		for _, final := range []bool{false, true} {
			lines, cut := readRuns(t, &lineReader{text: textOf{bytes.NewReader([]byte(c.content))}}, blockSize, final)
			want, wantCut := plainRuns(c.content, final)
			if diff := cmp.Diff(want, lines); diff != "" || cut != wantCut {
				t.Errorf("%s, final %v: %d lines, %d cut, want %d and %d", c.name, final, len(lines), cut, len(want), wantCut)
			}
			if final && cut != c.wantCut {
				t.Errorf("%s: %d cut, want %d", c.name, cut, c.wantCut)
			}
		}
	}
}

// A text that grows while it is read, and a reader that is begun again anywhere, give what
// the whole text gives.
func TestLinesOfAGrowingText(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		var content strings.Builder
		for range random.IntN(30) {
			length := random.IntN(300)
			if random.IntN(5) == 0 {
				length = random.IntN(400 << 10)
			}
			content.WriteString(strings.Repeat(string(rune('a'+random.IntN(26))), length) + "\n")
		}
		whole := content.String()
		r := &lineReader{}
		var lines []string
		cut := 0
		for there := 0; there < len(whole); {
			there = min(len(whole), there+random.IntN(200<<10))
			if random.IntN(3) == 0 {
				*r = lineReader{at: r.at} // a restart
			}
			r.text = textOf{bytes.NewReader([]byte(whole[:there]))}
			more, n := readRuns(t, r, smallSize, false)
			lines, cut = append(lines, more...), cut+n
		}
		want, wantCut := plainRuns(whole, false)
		if diff := cmp.Diff(want, lines); diff != "" || cut != wantCut {
			t.Fatalf("%d lines, %d cut, want %d and %d", len(lines), cut, len(want), wantCut)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo"), uint16(0), true)
	f.Add([]byte("x\nxx\nxxx\n"), uint16(60000), false)
	f.Fuzz(func(t *testing.T, content []byte, stretch uint16, final bool) {
		content = bytes.ReplaceAll(content[:min(len(content), 200)], []byte("x"), bytes.Repeat([]byte("x"), 1+int(stretch)))
		lines, cut := readRuns(t, &lineReader{text: textOf{bytes.NewReader(content)}}, smallSize, final)
		want, wantCut := plainRuns(string(content), final)
		if !cmp.Equal(want, lines) || cut != wantCut {
			t.Errorf("%d lines, %d cut, want %d and %d", len(lines), cut, len(want), wantCut)
		}
	})
}
