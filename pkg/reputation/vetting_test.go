package reputation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
)

// audited is a line that says how many audits the node has had with us1.
func (b *bench) audited(n int) {
	b.t.Helper()
	b.say(logged(b.now, us1, n, n, 1, 1, 1)[len("2026-11-20T12:00:00Z\t"):])
}

// unvetted is a node that joined us1 so long ago, and has so many audits for so many days.
func unvetted(b *bench, joined time.Duration, audits, days int) {
	b.vetted, b.joined = false, noon.Add(-joined)
	b.poll(us1, full)
	b.audited(audits)
	for range days {
		b.after(day).poll(us1, full)
		b.audited(audits)
		b.poll(us1, full)
	}
}

// The whole text, on both sides of each limit: 100 audits and 21 days of age, both for 14 days.
func TestTheTableOfVetting(t *testing.T) {
	const patience = 14
	var got strings.Builder
	for _, c := range []struct {
		name    string
		happens func(b *bench)
	}{
		{"no line says how many audits it has had", func(b *bench) {
			b.vetted, b.joined = false, noon.Add(-50*day)
			b.poll(us1, full)
		}},
		{"99 audits for 14 days", func(b *bench) { unvetted(b, 50*day, 99, patience) }},
		{"100 audits for 13 days", func(b *bench) { unvetted(b, 50*day, 100, patience-1) }},
		{"100 audits for 14 days", func(b *bench) { unvetted(b, 50*day, 100, patience) }},
		{"500 audits for 14 days, just less than 35 days old", func(b *bench) { unvetted(b, 21*day-time.Minute, 500, patience) }},
		{"500 audits for 14 days, 35 days old", func(b *bench) { unvetted(b, 21*day, 500, patience) }},
		{"and vetted at last", func(b *bench) {
			unvetted(b, 50*day, 100, patience)
			b.vetted = true
			b.after(5*time.Minute).poll(us1, full)
		}},
	} {
		b := newBench(t)
		c.happens(b)
		told := goldenOf(b)
		if why := unseen(b.judge(), "vetting_stuck"); why != "" {
			told += "vetting_stuck is not watched: " + why + "\n"
		}
		fmt.Fprintf(&got, "== %s\n%s\n", c.name, told)
	}
	conditionstest.Golden(t, "testdata/vetting.golden", got.String())
}
