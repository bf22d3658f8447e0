package logsource_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/pkg/stdcopy"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

// frame is what the Engine API sends for one message of a container without a terminal.
func frame(kind byte, payload string) []byte {
	header := make([]byte, 8, 8+len(payload))
	header[0] = kind
	binary.BigEndian.PutUint32(header[4:], uint32(len(payload)))
	return append(header, payload...)
}

// dockerTime is how Docker writes times.
const dockerTime = "2006-01-02T15:04:05.000000000Z07:00"

func TestStreamLines(t *testing.T) {
	first, second := time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC), time.Date(2026, 11, 23, 1, 2, 4, 5, time.UTC)
	a, b := first.Format(dockerTime)+" ", second.Format(dockerTime)+" "
	part := strings.Repeat("x", 16<<10)
	line := func(text string, stamp time.Time) logsource.StreamLine {
		return logsource.StreamLine{Text: text, Stamp: stamp}
	}
	join := func(frames ...[]byte) string { return string(bytes.Join(frames, nil)) }
	for name, c := range map[string]struct {
		text     string
		terminal bool
		want     []logsource.StreamLine
		long     int64
		bad      bool
	}{
		"lines of two streams": {
			text: join(frame(2, a+"one\n"), frame(1, b+"two\n")),
			want: []logsource.StreamLine{line("one", first), line("two", second)},
		},
		"empty line": {
			text: join(frame(2, a+"\n"), frame(2, b+"two\n")),
			want: []logsource.StreamLine{line("", first), line("two", second)},
		},
		"parts of a line, and another stream's line between": {
			text: join(frame(2, a+part), frame(1, b+"other\n"), frame(2, a+part), frame(2, a+"end\n")),
			want: []logsource.StreamLine{line("other", second), line(part+part+"end", first)},
		},
		"parts with times of their own": {
			text: join(frame(2, a+part), frame(2, b+"end\n")),
			want: []logsource.StreamLine{line(part+"end", second)},
		},
		"a line that is a part and nothing": {
			text: join(frame(2, a+part), frame(2, a+"\n"), frame(2, b+"two\n")),
			want: []logsource.StreamLine{line(part, first), line("two", second)},
		},
		"too long": {
			text: join(frame(2, a+part), frame(2, a+part), frame(2, a+part), frame(2, a+part), frame(2, a+"y\n"), frame(2, b+"two\n")),
			want: []logsource.StreamLine{line(strings.Repeat(part, 4), first), line("two", second)}, long: 1,
		},
		"no end": {text: join(frame(2, a+"one"))},
		"no time": {
			text: join(frame(2, "one two\n"), frame(2, a+"two\n"), frame(2, "three\n"), frame(2, "2026-11-23T01:02:03Z\tINFO\n")),
			want: []logsource.StreamLine{line("one two", time.Time{}), line("two", first), line("three", first), line("2026-11-23T01:02:03Z\tINFO", first)},
		},
		"another zone, fewer digits": {
			text: join(frame(1, "2026-11-23T02:02:03.5+01:00 one\n")),
			want: []logsource.StreamLine{line("one", time.Date(2026, 11, 23, 1, 2, 3, 5e8, time.UTC))},
		},
		"empty frame":     {text: join(frame(2, ""), frame(2, a+"one\n")), want: []logsource.StreamLine{line("one", first)}},
		"daemon's words":  {text: join(frame(3, "Error grabbing logs: EOF\n"), frame(2, a+"one\n")), want: []logsource.StreamLine{line("one", first)}},
		"not frames":      {text: "<html><body>no", bad: true},
		"unknown stream":  {text: join(frame(4, a+"one\n")), bad: true},
		"a terminal's":    {text: a + "one\r\n" + b + "two\r\n", terminal: true, want: []logsource.StreamLine{line("one\r", first), line("two\r", second)}},
		"terminal, empty": {text: a + "\n" + b + "two\n", terminal: true, want: []logsource.StreamLine{line("", first), line("two", second)}},
		"terminal, parts": {
			text: a + part + a + part + a + "end\n" + b + "two\n", terminal: true,
			want: []logsource.StreamLine{line(part+part+"end", first), line("two", second)},
		},
		"terminal, a time that ends no part": {
			text: a + "x" + part + b + "\n" + b + part + "2026 no time\n", terminal: true,
			want: []logsource.StreamLine{line("x"+part+b, first), line(part+"2026 no time", second)},
		},
		"terminal, no times": {
			text: "one\n" + part + part + "\n", terminal: true,
			want: []logsource.StreamLine{line("one", time.Time{}), line(part+part, time.Time{})},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 13, max(1, len(c.text))} {
				got, long, err := logsource.StreamLines(slices.Collect(slices.Chunk([]byte(c.text), size)), c.terminal)
				if (err != nil) != c.bad || long != c.long {
					t.Errorf("in pieces of %d: %d long, %v", size, long, err)
				}
				if diff := cmp.Diff(c.want, got); !c.bad && diff != "" {
					t.Errorf("in pieces of %d (-want +got):\n%.2000s", size, diff)
				}
			}
		})
	}
}

// FuzzStreamLines reads frames as Docker's own demultiplexer does.
func FuzzStreamLines(f *testing.F) {
	stamp := time.Date(2026, 11, 23, 1, 2, 3, 4, time.UTC).Format(dockerTime)
	f.Add(append(frame(2, stamp+" one\n"), frame(1, stamp+" two\n")...), false, uint64(1))
	f.Add(append(frame(2, stamp+" one"), frame(2, stamp+" two\n")...), false, uint64(2))
	f.Add([]byte(stamp+" one\r\n"+stamp+" two\n"), true, uint64(3))
	f.Add(append(frame(3, "Error"), frame(0, "x\n")...), false, uint64(4))
	f.Fuzz(func(t *testing.T, text []byte, terminal bool, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		var chunks [][]byte
		for rest := text; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		whole, _, wholeErr := logsource.StreamLines([][]byte{text}, terminal)
		lines, _, err := logsource.StreamLines(chunks, terminal)
		if diff := cmp.Diff(whole, lines); diff != "" || fmt.Sprint(wholeErr) != fmt.Sprint(err) {
			t.Errorf("in pieces other lines than in one (-one +pieces): %s; %v, %v", diff, wholeErr, err)
		}
		if terminal || err != nil || !tame(text) {
			return
		}
		var outs, errs bytes.Buffer
		if _, err := stdcopy.StdCopy(&outs, &errs, bytes.NewReader(text)); err != nil {
			t.Fatalf("Docker's own: %v", err)
		}
		if want := bytes.Count(outs.Bytes(), []byte("\n")) + bytes.Count(errs.Bytes(), []byte("\n")); len(lines) != want {
			t.Errorf("%d lines, Docker's own has %d", len(lines), want)
		}
	})
}

// tame says whether text is of whole frames of stdout and stderr, which Docker's own
// demultiplexer keeps apart as we do.
func tame(text []byte) bool {
	for len(text) > 0 {
		if len(text) < 8 || text[0] == 0 || text[0] > 2 || text[1]|text[2]|text[3] != 0 {
			return false
		}
		size := int(binary.BigEndian.Uint32(text[4:]))
		if len(text)-8 < size {
			return false
		}
		text = text[8+size:]
	}
	return true
}
