package simnode

import (
	"fmt"
	"io"
	"time"
)

// WriteBigLog writes a log of exactly so many lines for benchmarks: a busy node
// with DEBUG on, so that half of the lines are starts of transfers. The same
// options give the same bytes. What o leaves open is chosen for such a log; the
// truth of what was written comes back.
func WriteBigLog(w io.Writer, lines int64, o Options) (Truth, error) {
	if lines <= 0 {
		return Truth{}, fmt.Errorf("simnode: a big log of %d lines is none", lines)
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Name == "" {
		o.Name = "big"
	}
	if o.Level == "" {
		o.Level = "debug"
	}
	if o.Rate == 0 {
		o.Rate = 30_000
	}
	if o.JoinedAge == 0 {
		o.JoinedAge = 400 * day
	}
	if o.Disk == 0 {
		o.Disk = 400_000_000_000_000 // never full
	}
	if o.Updates == nil {
		o.Updates = []VersionChange{}
	}
	n, err := New(o)
	if err != nil {
		return Truth{}, err
	}
	n.log.limit = lines
	// more lines come for ever, so that this ends as soon as there are enough
	for step := day; !n.full(); {
		if err := n.AdvanceTo(n.Now().Add(step), w); err != nil {
			return Truth{}, err
		}
		if n.Now().Sub(o.Start) > 100*365*day {
			return Truth{}, fmt.Errorf("simnode: a hundred years of %s gave only %d of %d lines: raise Options.Rate", o.Name, n.Truth().Log.Lines, lines)
		}
	}
	return n.Truth(), nil
}
