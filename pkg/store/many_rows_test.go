package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/buntdb"
)

// chunksOf are the rows of each chunk of a group, in the order of their keys.
func chunksOf(t *testing.T, s *Store, group string) (rows []int) {
	t.Helper()
	check(t, s.view(func(tx *buntdb.Tx) error {
		return tx.AscendKeys(chunkPrefix(group)+"*", func(key, value string) bool {
			c, err := decodeChunk(key, value)
			if err != nil {
				t.Errorf("%s cannot be read: %v", key, err)
				return true
			}
			rows = append(rows, c.grid.n)
			return true
		})
	}))
	return rows
}

// A window with more rows than a chunk may have, at once or after many sealings, is
// written as several chunks, all of them readable.
func TestAWindowOfManyRowsHasSeveralChunks(t *testing.T) {
	const rows = 2*chunkRows + chunkRows/2
	dir := t.TempDir()
	now := start.Add(23 * time.Hour)
	options := func(o *Options) { o.Limits.Policies, o.Now = counted, func() time.Time { return now } }
	s := open(t, dir, options)
	base := floorTo(start.UnixMilli(), window.Milliseconds())
	sealings := 0
	fill := func(from, to, step int) {
		batch := &Batch{}
		for n := from; n < to; n += step {
			batch.AppendEvent(Event{Time: base + int64(n)*700, Kind: "error"})
			batch.Add("plain", base+int64(n)*700, Sample{"x", float64(n)})
			batch.Add("traffic/n", start.UnixMilli()+int64(n)*50, Sample{"ops", 1})
		}
		check(t, s.Record(batch))
		check(t, s.Seal())
		sealings++
	}
	whole := func(when string, times int) {
		t.Helper()
		events, err := s.Events(t.Context(), 0, forever, "")
		check(t, err)
		plain, err := s.Read(t.Context(), Range{Group: "plain", To: forever})
		check(t, err)
		if len(events) != rows || len(plain.Times) != rows || plain.Values[0][rows-1] != rows-1 {
			t.Fatalf("%s: %d events and %d rows of %d", when, len(events), len(plain.Times), rows)
		}
		total := 0.0
		for _, v := range summed(t, s, start, now, time.Minute)["ops"] {
			total += v
		}
		if total != float64(times*rows) {
			t.Fatalf("%s: %v counts of %d", when, total, times*rows)
		}
		for _, group := range []string{eventsGroup, "plain", "traffic/n"} {
			for _, n := range chunksOf(t, s, group) {
				if n > chunkRows {
					t.Fatalf("%s: a chunk of %s has %d rows", when, group, n)
				}
			}
		}
	}
	fill(0, rows, 1)
	whole("sealed at once", 1)
	parts := mergeChunks + 2
	for n := range parts {
		fill(n, rows, parts)
		if n > 2 && n < parts-2 {
			continue
		}
	}
	whole("sealed in parts", 2)
	if most := 2*mergeChunks + 4; len(chunksOf(t, s, "plain")) > most {
		t.Errorf("%d chunks are left, want at most %d", len(chunksOf(t, s, "plain")), most)
	}
	check(t, s.Close())
	s = open(t, dir, options)
	whole("opened again", 2)
	if damage := s.Status().Damage; len(damage) > 0 {
		t.Errorf("there is damage: %q", damage)
	}
}

func TestAChunksKeyNamesItsPlace(t *testing.T) {
	hour := time.Hour.Milliseconds()
	for _, in := range []place{
		{group: "a", length: window.Milliseconds()},
		{group: "a", window: window.Milliseconds() / 2, length: window.Milliseconds() / 2},
		{group: "a/b:c@3600", window: 7, length: 1},
		{group: "traffic/n", window: 5 * hour, length: 6 * hour, additive: true},
		{group: "traffic/n", window: 5 * hour, length: 6*hour + 1, additive: true},
	} {
		if got, ok := chunkPlace(chunkKey(in, 77)); !ok || got != in {
			t.Errorf("%+v is read as %+v, %v", in, got, ok)
		}
	}
	in := place{length: 5}
	if diff := cmp.Diff([]place{{length: 2}, {window: 2, length: 3}}, []place{in.half(1), in.half(2)}, cmp.AllowUnexported(place{})); diff != "" {
		t.Errorf("halves (-want +got)\n%s", diff)
	}
}
