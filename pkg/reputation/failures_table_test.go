package reputation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
)

// failureCases are what a log says of audits and pieces, on both sides of each limit.
var failureCases = []struct {
	name    string
	happens func(*bench)
}{
	{"no audit fails", func(b *bench) { b.say("INFO\tpiecestore\tdownloaded" + transfer("P1", us1, "GET_AUDIT", "")) }},
	{"an audit fails", func(b *bench) { b.say(failed("P1", us1, "GET_AUDIT", missing)) }},
	{"a repair's download fails", func(b *bench) { b.say(failed("P1", us1, "GET_REPAIR", "read /x.sj1: input/output error")) }},
	{"two audits fail in an hour", func(b *bench) {
		b.say(failed("P1", us1, "GET_AUDIT", missing))
		b.after(time.Minute).say(failed("P2", us1, "GET_AUDIT", missing))
	}},
	{"three audits fail in an hour", func(b *bench) {
		for _, piece := range []string{"P1", "P2", "P3"} {
			b.after(time.Minute).say(failed(piece, us1, "GET_AUDIT", missing))
		}
	}},
	{"an audit takes 60 seconds", func(b *bench) { b.takes(time.Minute) }},
	{"an audit takes 61 seconds", func(b *bench) { b.takes(61 * time.Second) }},
	{"two audits take 61 seconds in an hour", func(b *bench) { b.takes(61 * time.Second); b.after(time.Minute); b.takes(61 * time.Second) }},
	{"an audit has no end for just less than 2 minutes", func(b *bench) {
		b.say(began + transfer("P1", us1, "GET_AUDIT", ""))
		b.after(2*time.Minute - time.Second).say("INFO\tpiecestore\tuploaded\t{}")
	}},
	{"an audit has no end for 2 minutes", func(b *bench) {
		b.say(began + transfer("P1", us1, "GET_AUDIT", ""))
		b.after(2 * time.Minute).say("INFO\tpiecestore\tuploaded\t{}")
	}},
	{"the score falls, and an audit failed", func(b *bench) {
		b.earlier(time.Hour, us1, full)
		b.sayAt(b.now.Add(-30*time.Minute), failed("P1", us1, "GET_AUDIT", missing))
		b.poll(us1, percents{99.9, 100, 100})
	}},
	{"the score falls, and no audit failed", func(b *bench) {
		b.earlier(time.Hour, us1, full)
		b.poll(us1, percents{99.9, 100, 100})
	}},
	{"pieces are lost", func(b *bench) {
		b.say("INFO\tcontact:amnesty\tsending amnesty batch to satellite\t{\"satellite\": \"" + us1 + "\", \"piece_count\": 57}")
	}},
}

// takes is an audit that takes so long.
func (b *bench) takes(long time.Duration) {
	b.t.Helper()
	audit := transfer(fmt.Sprint("P", b.now.Unix()), us1, "GET_AUDIT", "")
	b.say(began + audit)
	b.after(long).say("INFO\tpiecestore\tdownloaded" + audit)
}

func TestTheTableOfFailures(t *testing.T) {
	var got strings.Builder
	for _, c := range failureCases {
		b := atDebug(t)
		c.happens(b)
		b.flush()
		fmt.Fprintf(&got, "== %s\n%s\n", c.name, goldenOf(b))
	}
	conditionstest.Golden(t, "testdata/failures.golden", got.String())
}
