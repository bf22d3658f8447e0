package store

import (
	"bytes"
	"math"
	"os"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEncodingsAnswerWhatTheyWereGiven(t *testing.T) {
	columns := map[string][]float64{
		"constant":    {7, 7, 7, 7, 7},
		"missing":     {math.NaN(), math.NaN(), 1, math.NaN(), 0},
		"whole":       {0, 1, -5, 1 << 53, -(1 << 53), 3},
		"extremes":    {math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1)},
		"scores":      {100, 100, 99.90000000000001, 99.8001, 99.8001},
		"one":         {0.1},
		"zeroes":      {0, 0, 0},
		"nothing yet": {math.NaN()},
		"counts":      countsOf(func(i int) float64 { return float64(i * i % 97) }),
		"sizes":       countsOf(func(i int) float64 { return float64((1000*i + i*i%17) * 256) }),
		"some counts": countsOf(func(i int) float64 {
			if i%3 == 0 {
				return math.NaN()
			}
			return float64(i % 3)
		}),
		"huge counts": countsOf(func(i int) float64 { return float64(i%2) * (1<<53 - 1) }),
	}
	for name, values := range columns {
		times := make([]int64, len(values))
		for i := range times {
			times[i] = start.UnixMilli() + int64(i*i)*1000
		}
		c, err := decodeChunk("c:a", encodeChunk("c:a", 3, 9, &table{times: times, columns: []Column{"b", "a"}, values: [][]float64{values, values}}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.from != 3 || c.to != 9 || !sort.SliceIsSorted(c.columns, func(i, j int) bool { return c.columns[i] < c.columns[j] }) {
			t.Errorf("%s: it names commits %d to %d, columns %q", name, c.from, c.to, c.columns)
		}
		got, err := c.column(0)
		check(t, err)
		for i := range values {
			if !sameValue(values[i], got[i]) {
				t.Errorf("%s: value %d is %v, want %v", name, i, got[i], values[i])
			}
		}
		if diff := cmp.Diff(times, c.grid.times()); diff != "" {
			t.Errorf("%s: times (-want +got)\n%s", name, diff)
		}
	}
}

func countsOf(f func(i int) float64) []float64 {
	values := make([]float64, 200)
	for i := range values {
		values[i] = f(i)
	}
	return values
}

func FuzzPackedColumn(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 200, 3, 255, 255}, uint64(256))
	f.Fuzz(func(t *testing.T, b []byte, unit uint64) {
		var values []float64
		for i := 0; i+1 < len(b); i += 2 {
			v := float64(uint64(b[i]) << (b[i+1] % 40) * max(unit%5000, 1))
			if b[i+1] > 250 {
				v = math.NaN()
			}
			values = append(values, v)
		}
		packed, ok := appendColumnPacked(nil, values)
		if !ok {
			return
		}
		got := make([]float64, 0, len(values))
		d := &decoder{b: packed}
		d.packed(len(values), func(from, to int, value float64) {
			for range to - from {
				got = append(got, value)
			}
		})
		if d.err != nil || len(d.b) > 0 || len(got) != len(values) {
			t.Fatalf("%v is read back as %v: %v, %d bytes left", values, got, d.err, len(d.b))
		}
		for i := range values {
			if !sameValue(values[i], got[i]) {
				t.Fatalf("%v is read back as %v", values, got)
			}
		}
	})
}

func FuzzDecodeCommit(f *testing.F) {
	batch := &Batch{}
	batch.Add("group", 5, Sample{"x", 1}, Sample{"x", 2})
	batch.AddHistograms("group", 6, HistogramSample{"x", observed(1, 2)})
	batch.AppendEvent(Event{Time: 7, Kind: "restart", Labels: map[string]string{"node": "n"}, Text: "again"})
	batch.Put("key", []byte("value"))
	batch.Delete("gone")
	f.Add([]byte(encodeCommit(7, 3, batch)))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _, _ = decodeCommit(string(b))
		if len(b) > 4 { // and with a checksum that agrees
			_, _, _, _ = decodeCommit(string(appendChecksum(b[:len(b)-4])))
		}
	})
}

func FuzzDecodeChunk(f *testing.F) {
	f.Add([]byte(encodeChunk("c:a", 1, 2, &table{times: []int64{1, 2}, columns: []Column{"x"}, values: [][]float64{{1, 2.5}}})))
	f.Add([]byte(encodeChunk("c:a", 1, 2, &table{times: []int64{1, 2}, histogramColumns: []Column{"x"}, histograms: [][]*Histogram{{nil, observed(3)}}, events: []Event{{Time: 2, Kind: "restart"}}})))
	for _, format := range []string{"5", "6"} {
		former, err := os.ReadFile("testdata/format" + format + ".db")
		if err != nil {
			f.Fatal(err)
		}
		for at := 0; at < len(former); {
			n, arguments, _ := parseCommand(former[at:])
			if bytes.HasPrefix(arguments[1], []byte("c:")) {
				f.Add(arguments[2])
			}
			at += n
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 4 {
			return
		}
		if c, err := parseChunk("c:a", string(b)); err == nil && len(c.damaged) > 0 {
			if _, err := decodeChunk("c:a", c.renewed("c:a")); err != nil {
				t.Fatalf("what is left of a chunk is damaged: %v", err)
			}
		}
		c, err := decodeChunk("c:a", string(appendChecksum(b[:len(b)-4])))
		if err != nil {
			return
		}
		_, _ = c.events()
		for i := range c.histogramColumns {
			_, _ = c.histograms(i)
		}
		for i := range c.columns {
			if values, err := c.column(i); err == nil && len(values) != c.grid.n {
				t.Fatalf("column %d has %d values for %d times", i, len(values), c.grid.n)
			}
		}
	})
}

// Columns have checksums, which fuzzing does not get past.
func FuzzDecodeColumns(f *testing.F) {
	f.Add(appendColumn(nil, []float64{1, 2.5, math.NaN()}), uint16(3))
	f.Add(appendColumn(nil, countsOf(func(i int) float64 { return float64(1000 + i*i%17) })), uint16(200))
	f.Add(appendHistogramColumn(nil, []*Histogram{nil, observed(3)}), uint16(2))
	f.Add(appendHistogram([]byte{1}, observed(0, 3, 3, 5)), uint16(2)) // of chunks before version 5
	f.Add(appendEvents(nil, []int64{0, 1}, []Event{{Time: 1, Kind: "restart", Labels: map[string]string{"a": "b"}}}), uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, rows uint16) {
		end := 0
		d := &decoder{b: b}
		d.runs(int(rows), func(from, to int, _ float64) {
			if from != end || to <= from || to > int(rows) {
				t.Fatalf("a run from %d to %d after %d of %d", from, to, end, rows)
			}
			end = to
		})
		if len(b) > 0 && d.err == nil && end != int(rows) {
			t.Fatalf("runs of %d rows of %d", end, rows)
		}
		within := func(row int, _ *Histogram) {
			if row >= int(rows) {
				t.Fatalf("a histogram in row %d of %d", row, rows)
			}
		}
		(&decoder{b: b}).histogramColumn(int(rows), &histogramMemory{}, within)
		(&decoder{b: b}).formerHistogramColumn(int(rows), within)
		times := make([]int64, rows)
		for i := range times {
			times[i] = int64(i)
		}
		_ = (&decoder{b: b}).events(times)
	})
}

func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(encodeDocument("b:a", 300, []byte("value"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, value := range []string{string(b), string(appendChecksum(bytes.Clone(b)))} {
			sequence, payload, _, err := decodeDocument("b:a", value)
			if err != nil {
				continue
			}
			again, content, named, err := decodeDocument("b:a", encodeDocument("b:a", sequence, payload))
			if err != nil || !named || again != sequence || !bytes.Equal(content, payload) {
				t.Fatalf("%d %q is read back as %d %q, %v", sequence, payload, again, content, err)
			}
		}
	})
}

func FuzzChunkPlace(f *testing.F) {
	for _, in := range []place{{group: "a/b:c@3600", length: windowLength("a@3600")}, {group: "a", window: 7, length: 5}, {group: "t", length: 3600e3, additive: true}, {group: "t", length: 3, additive: true}} {
		f.Add(chunkKey(in, 77))
	}
	f.Fuzz(func(t *testing.T, key string) {
		in, ok := chunkPlace(key)
		if !ok {
			return
		}
		if again, ok := chunkPlace(chunkKey(in, 1)); !ok || again != in {
			t.Fatalf("%q is %+v, which is read back as %+v", key, in, again)
		}
	})
}

func FuzzInspectFile(f *testing.F) {
	f.Add([]byte("*3\r\n$3\r\nset\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$3\r\ndel\r\n$1\r\na\r\n"))
	f.Add(setting("b:a", encodeDocument("b:b", 1, []byte("value"))))
	f.Add([]byte("*3\r\n$3\r\nset\r\n$2147483647\r\na\r\n")) // the greatest int of 32 bits
	f.Fuzz(func(t *testing.T, b []byte) {
		state := inspectFile(bytes.Clone(b))
		if again := inspectFile(state.whole); again.repaired() || !bytes.Equal(again.whole, state.whole) {
			t.Fatalf("what was salvaged is damaged: %d bytes", again.damaged)
		}
		if len(state.misnamed) == 0 && state.damaged+len(state.whole) != len(b) {
			t.Fatalf("%d bytes whole and %d damaged are not the %d given", len(state.whole), state.damaged, len(b))
		}
	})
}
