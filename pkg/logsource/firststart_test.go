package logsource

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// stampedLines are lines, one a minute, that begin with their time.
func stampedLines(from time.Time, count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "%s %s\n", from.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), strings.Repeat("x", i%200))
	}
	return b.String()
}

func stampOfLine(line []byte) (time.Time, bool) {
	stamp, _, _ := strings.Cut(string(line), " ")
	when, err := time.Parse(time.RFC3339, stamp)
	return when, err == nil
}

// since leaves the lines from a time on.
func since(text string, from time.Time) string {
	at := 0
	for line := range strings.Lines(text) {
		if when, ok := stampOfLine([]byte(line)); ok && !when.Before(from) {
			break
		}
		at += len(line)
	}
	return text[at:]
}

func setModified(t *testing.T, path string, when time.Time) {
	t.Helper()
	must(t, os.Chtimes(path, when, when))
}

func TestFirstStart(t *testing.T) {
	const day = 24 * time.Hour
	// Four days in four files of different kinds; the last one is the log.
	days := []string{
		stampedLines(noon.Add(-4*day), 1440), stampedLines(noon.Add(-3*day), 1440),
		"a line without a time\n" + stampedLines(noon.Add(-2*day), 1440) + "another\n", stampedLines(noon.Add(-day), 1440),
	}
	all := strings.Join(days, "")
	cases := []struct {
		name     string
		backfill time.Duration
		want     string
	}{
		{"from the end", 0, ""},
		{"an hour", time.Hour, since(days[3], noon.Add(-time.Hour))},
		{"a minute", time.Minute, since(days[3], noon.Add(-time.Minute))},
		{"a day", day, days[3]},
		{"a day and a half", day + day/2, since(days[2], noon.Add(-day-day/2)) + days[3]},
		{"from within a compressed file", 3*day - time.Hour, since(days[1], noon.Add(-3*day+time.Hour)) + days[2] + days[3]},
		{"more than there is", 30 * day, all},
		{"all", -1, all},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := logIn(t)
			create(t, log, days[3]+"half")
			setModified(t, log, noon)
			create(t, log+".1", days[2])
			setModified(t, log+".1", noon.Add(-day))
			create(t, log+"~", days[1])
			compress(t, log+"~", log+".2.gz")
			setModified(t, log+".2.gz", noon.Add(-2*day))
			create(t, log+"~", days[0])
			compress(t, log+"~", log+".3.gz")
			setModified(t, log+".3.gz", noon.Add(-3*day))
			duplicate(t, log+".1", log+".9") // a copy is not read again
			setModified(t, log+".9", noon.Add(-day))

			var live, back strings.Builder
			begun := time.Now()
			g := follow(t, log, Positions{}, func(o *Options, p *pace) {
				o.Backfill, o.TimeOf = c.backfill, stampOfLine
				o.Now = func() time.Time { return noon.Add(time.Since(begun) / 1000) }
				keep := o.Deliver
				o.Deliver = func(b Block, p Positions) error {
					if b.Live {
						live.Write(b.Lines)
					} else {
						back.Write(b.Lines)
					}
					return keep(b, p)
				}
			})
			g.until("the positions are kept", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.blocks > 0 })
			add(t, log, " a line\n")
			want := len(c.want) + len("half a line\n")
			g.until("all", func() bool { return len(g.got()) >= want })
			g.until("progress", func() bool { s := g.f.Status(); return s.BackfillDone == s.BackfillTotal })
			resume := g.stop()
			if live.String() != "half a line\n" {
				t.Errorf("live came %.100q", live.String())
			}
			if got := back.String(); got != c.want {
				t.Errorf("%d bytes came in the background, want %d: from %.40q, want %.40q", len(got), len(c.want), got, c.want)
			}
			for _, p := range resume.Files {
				if len(p.Gaps) > 0 {
					t.Errorf("gaps are left: %+v", p)
				}
			}
			if s := g.f.Status(); c.backfill != 0 && s.BackfillTotal < int64(len(c.want)) {
				t.Errorf("status %+v", s)
			}
			// A second start reads nothing again.
			g = follow(t, log, resume, func(o *Options, _ *pace) { o.Backfill, o.TimeOf = c.backfill, stampOfLine })
			g.atRest()
			add(t, log, "one more\n")
			g.sees("one more\n")
		})
	}
}

// What was to be read in the background is so after any number of restarts, each line
// once, while the log is rotated and written.
func TestBackfillIsTakenUpAgain(t *testing.T) {
	log := logIn(t)
	var text strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&text, "%d %s\n", i, strings.Repeat("x", 40))
		if i == 9999 {
			create(t, log+"~", text.String())
			compress(t, log+"~", log+".1.gz")
			text.Reset()
		}
	}
	create(t, log, text.String())
	written := 20000
	var c tally
	resume := Positions{}
	restarts := 0
	for c.total() < written {
		blocks := 0
		g := follow(t, log, resume, func(o *Options, _ *pace) {
			o.Backfill = -1
			keep := o.Deliver
			o.Deliver = func(b Block, p Positions) error {
				c.hear(b.Lines)
				blocks++
				return keep(b, p)
			}
		})
		before := c.total()
		g.until("some lines", func() bool { return c.total() > before || c.total() >= written })
		resume = g.stop()
		restarts++
		switch restarts {
		case 2:
			add(t, log, fmt.Sprintf("%d\n", written))
			written++
		case 3: // as logrotate does
			must(t, os.Rename(log+".1.gz", log+".2.gz"))
			duplicate(t, log, log+".1")
			must(t, os.Truncate(log, 0))
		case 4:
			add(t, log, fmt.Sprintf("%d\n", written))
			written++
		}
	}
	if restarts < 5 {
		t.Errorf("only %d restarts", restarts)
	}
	if n := c.missing(t, written); n > 0 {
		t.Errorf("%d lines are missing", n)
	}
}

// The live end does not wait for what is read in the background.
func TestBackfillGivesWay(t *testing.T) {
	log := logIn(t)
	create(t, log, strings.Repeat(strings.Repeat("x", 99)+"\n", 100_000))
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	sawLive := make(chan int64, 1)
	var back int64
	g := follow(t, log, Positions{}, func(o *Options, p *pace) {
		o.Backfill, o.Watcher = -1, watcher
		keep := o.Deliver
		o.Deliver = func(b Block, p Positions) error {
			if b.Live {
				select {
				case sawLive <- back:
				default:
				}
			} else if back += int64(len(b.Lines)); back > 0 && back < 1<<20 {
				add(t, log, "now\n") // and it has to come before the rest
			}
			return keep(b, p)
		}
	})
	select {
	case n := <-sawLive:
		if n > 5<<20 {
			t.Errorf("%d bytes came before the live line", n)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no live line")
	}
	g.until("all", func() bool { s := g.f.Status(); return s.BackfillTotal > 0 && s.BackfillDone == s.BackfillTotal })
	if len(g.got()) < 10_000_000 {
		t.Errorf("%d bytes", len(g.got()))
	}
}

// A log that comes after the start is read from its first line; one that was there, behind
// a closed door or on a disk that was not mounted, as at a first start.
func TestFirstStartBeforeTheFile(t *testing.T) {
	cases := []struct {
		name, text string
		want       func(string) string
	}{
		{"new", stampedLines(noon, 3), func(s string) string { return s }},
		{"old", stampedLines(noon.Add(-100*time.Hour), 101*60), func(s string) string { return since(s, noon.Add(-time.Hour)) }},
		{"without times", "one\ntwo\n", func(s string) string { return s }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			log := logIn(t)
			begun := time.Now()
			g := follow(t, log, Positions{}, func(o *Options, _ *pace) {
				o.Backfill, o.TimeOf = time.Hour, stampOfLine
				o.Now = func() time.Time { return noon.Add(time.Since(begun) / 1000) }
			})
			g.until("waiting", func() bool { return g.f.Status().Trouble != "" })
			create(t, log+"~", c.text)
			must(t, os.Rename(log+"~", log))
			g.sees(c.want(c.text))
		})
	}
}

// Another log under the same name, or another path for the same node, is not read from its
// first line on: only what is younger than the last time that anything was read.
func TestAnotherLog(t *testing.T) {
	log := logIn(t)
	create(t, log, stampedLines(noon.Add(-time.Hour), 60))
	now := func() time.Time { return noon }
	set := func(o *Options, _ *pace) { o.Backfill, o.TimeOf, o.Now = time.Hour, stampOfLine, now }
	g := follow(t, log, Positions{}, set)
	g.until("lines", func() bool { return len(g.got()) > 0 })
	resume := g.stop()
	other := filepath.Join(t.TempDir(), "other.log")
	text := "the other log\n" + stampedLines(noon.Add(-100*time.Hour), 101*60)
	create(t, other, text)
	g = follow(t, other, resume, set)
	g.sees(since(text, noon.Add(-time.Hour)))
}
