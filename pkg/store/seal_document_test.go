package store

import (
	"fmt"
	"testing"
	"time"
)

// Whatever is put while a sealing goes on, a crash leaves the document that belongs to the
// rows: a position that is older would have them counted again, a newer one would lose some.
func TestASealingKeepsDocumentsAndRowsTogether(t *testing.T) {
	for _, moment := range []string{"heads frozen", "written", "committed", "chunks written", "marked as sealed"} {
		t.Run(moment, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			n := 0
			put := func() {
				n++
				batch := &Batch{}
				batch.Add("a", start.Add(time.Duration(n)*time.Minute).UnixMilli(), Sample{"x", float64(n)})
				batch.Put("position", fmt.Append(nil, n))
				check(t, s.Record(batch))
			}
			for range 3 {
				put()
				check(t, s.Flush())
			}
			put()
			asked := ""
			s.step = func(step string) {
				if step == moment && asked == "" {
					asked = step
					put()
				}
			}
			check(t, s.Seal())
			s.step = nil
			if asked == "" {
				t.Fatal("the step was not taken")
			}
			after := open(t, crash(t, dir))
			position, _ := after.Document("position")
			if rows := len(content(t, after, "a")["x"]); string(position) != fmt.Sprint(rows) {
				t.Errorf("there are %d rows, and the position is %q", rows, position)
			}
		})
	}
}
