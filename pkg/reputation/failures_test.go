package reputation_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// transfer is the fields of a download's line.
func transfer(piece, satellite, action, more string) string {
	return fmt.Sprintf("\t{\"piece_id\": %q, \"satellite_id\": %q, \"action\": %q, \"offset\": 0, \"size\": 256, \"remote_address\": \"10.0.0.9:1\"%s}", piece, satellite, action, more)
}

func failed(piece, satellite, action, reason string) string {
	return "ERROR\tpiecestore\tdownload failed" + transfer(piece, satellite, action, fmt.Sprintf(", \"error\": %q", reason))
}

const missing = "hashstore: file does not exist"

func TestAuditFailed(t *testing.T) {
	b := newBench(t)
	b.poll(us1, full)
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	b.expect("audit_failed warning us1")
	got := finding(t, b.judge(), "audit_failed")
	want := "1 audit of us1 failed on node Alpha in the last 24 hours, the last at 2026-11-20 12:00 UTC: GET_AUDIT of piece P1: hashstore: file does not exist. " +
		"40 failed audits left until disqualification, about 40.0 hours at the last hour's rate. Check the disk and the file system; never delete or move pieces."
	if got.Message != want || got.Title != "Failed Audit on us1" || got.Value != 1 || got.Threshold != 0 || !got.Since.Equal(noon) || !got.Last.Equal(noon) {
		t.Errorf("%+v", got)
	}
	// Other satellites have their own.
	b.after(10 * time.Minute).say(failed("P2", eu1, "GET_REPAIR", missing))
	b.expect("audit_failed warning eu1, audit_failed warning us1")
	if got := finding(t, conditions.Verdict{Findings: b.judge().Findings[1:]}, "audit_failed"); !strings.Contains(got.Message, "The score is not known") {
		t.Errorf("without a score: %s", got.Message)
	}
	// Critical from 3 within an hour, an hour that begins with the first of them.
	b.after(40 * time.Minute).say(failed("P3", us1, "GET_AUDIT", missing))
	b.expect("audit_failed warning eu1, audit_failed warning us1")
	b.after(10 * time.Minute)
	b.say(failed("P4", us1, "GET_AUDIT", missing))
	b.expect("audit_failed warning eu1, audit_failed warning us1")
	b.sayAt(b.now.Add(-time.Second), failed("P5", us1, "GET_AUDIT", missing))
	b.expect("audit_failed critical us1, audit_failed warning eu1")
	if got := finding(t, b.judge(), "audit_failed"); got.Value != 4 || got.Threshold != 3 || !strings.Contains(got.Message, "4 audits of us1 failed") || !strings.Contains(got.Message, "about 12.3 hours") {
		t.Errorf("%+v", got)
	}
	// It clears 24 hours after the last.
	last := b.now
	b.now = last.Add(24*time.Hour - time.Second)
	b.poll(us1, full)
	b.expect("audit_failed warning us1") // the hour with three of them is over
	b.now = last.Add(24 * time.Hour)
	b.expect("")
}

func TestOwnThresholdOfFailedAudits(t *testing.T) {
	b := newBench(t)
	b.node.Thresholds.AuditsFailedCritical = 1
	b.poll(us1, full)
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	b.expect("audit_failed critical us1")
}

// Which errors are the node's, which the client's, and which are no audit's.
func TestWhichFailuresCount(t *testing.T) {
	for _, c := range []struct {
		line string
		want bool
	}{
		{failed("P", us1, "GET_AUDIT", "file does not exist"), true},
		{failed("P", us1, "GET_AUDIT", "open /blobs/x.sj1: no such file or directory"), true},
		{failed("P", us1, "GET_AUDIT", "open C:\\x.sj1: The system cannot find the file specified."), true},
		{failed("P", us1, "GET_AUDIT", "pieces error: read /x.sj1: input/output error"), true},
		{failed("P", us1, "GET_AUDIT", "open /x.sj1: permission denied"), true},
		{failed("P", us1, "GET_AUDIT", "pieces error: EOF"), true},
		{failed("P", us1, "GET_AUDIT", "unexpected EOF"), true},
		{failed("P", us1, "GET_AUDIT", "piecestore: requested more data than available, requesting=256 available=0"), true},
		{failed("P", us1, "GET_AUDIT", "pieceexpirationdb: database is locked"), true},
		{failed("P", us1, "GET_AUDIT", "something that nobody has seen yet"), true},
		{failed("P", us1, "GET_AUDIT", "read /mnt/nfs/x.sj1: connection timed out"), true},
		{failed("P", us1, "GET_AUDIT", "read Z:\\x.sj1: The network connection was aborted by the local system."), true},
		{failed("P", us1, "GET_AUDIT", "read /mnt/blobs/x.sj1: use of closed file"), true},
		{failed("P", us1, "GET_REPAIR", "hashstore: file does not exist"), true},
		{strings.Replace(failed("P", us1, "GET_AUDIT", ""), ", \"error\": \"\"", "", 1), true},

		{failed("P", us1, "GET_AUDIT", "write tcp 172.17.0.3:28967->10.0.0.9:1: write: broken pipe"), false},
		{failed("P", us1, "GET_AUDIT", "write tcp 172.17.0.3:28967->10.0.0.9:1: write: connection reset by peer"), false},
		{failed("P", us1, "GET_AUDIT", "manager closed: read tcp 1->2: use of closed network connection"), false},
		{failed("P", us1, "GET_AUDIT", "context canceled"), false},
		{failed("P", us1, "GET_REPAIR", "write tcp 172.17.0.3:28967->10.0.0.9:1: write: broken pipe"), false},
		{failed("P", us1, "GET", "hashstore: file does not exist"), false},
		{strings.Replace(failed("P", us1, "GET_AUDIT", missing), "ERROR", "DEBUG", 1), false},
		{strings.Replace(failed("P", us1, "GET_AUDIT", missing), "download failed", "error reading from piecereader", 1), false},
		{"INFO\tpiecestore\tdownload canceled" + transfer("P", us1, "GET_AUDIT", `, "reason": "context canceled"`), false},
		{"INFO\tpiecestore\tdownloaded" + transfer("P", us1, "GET_AUDIT", ""), false},
		{strings.Replace(failed("P", us1, "PUT_REPAIR", missing), "download failed", "upload failed", 1), false},
	} {
		b := newBench(t)
		b.poll(us1, full)
		b.say(c.line)
		if got := b.told() != ""; got != c.want {
			t.Errorf("%s\n  counts: %v", c.line, got)
		}
	}
}

// One per piece and day, however often it is asked for and in whatever order lines are read.
func TestAPieceFailsOnceADay(t *testing.T) {
	b := newBench(t)
	b.poll(us1, full)
	for _, at := range []time.Duration{0, time.Minute, 2 * time.Minute, -time.Minute} {
		b.sayAt(noon.Add(at), failed("P1", us1, "GET_AUDIT", missing))
		b.sayAt(noon.Add(at), failed("P1", us1, "GET_REPAIR", missing))
	}
	b.after(2 * time.Minute)
	b.expect("audit_failed warning us1")
	if got := finding(t, b.judge(), "audit_failed"); got.Value != 1 {
		t.Errorf("%+v", got)
	}
	b.now = noon.Add(24 * time.Hour)
	b.poll(us1, full)
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	b.expect("audit_failed warning us1")
	if got := finding(t, b.judge(), "audit_failed"); got.Value != 1 || !got.Last.Equal(b.now) {
		t.Errorf("a day later: %+v", got)
	}
}

// A piece that fails again is one failure, and its time is over a day after it last failed.
func TestAPieceThatFailsAgainLastsLonger(t *testing.T) {
	b := newBench(t)
	b.poll(us1, full)
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	b.after(time.Hour).say(failed("P2", us1, "GET_AUDIT", missing))
	again := noon.Add(20 * time.Hour)
	b.now = again
	b.poll(us1, full)
	b.say(failed("P1", us1, "GET_REPAIR", missing))
	b.sayAt(again.Add(-time.Hour), failed("P1", us1, "GET_REPAIR", missing)) // read late
	for _, when := range []struct {
		after  time.Duration
		pieces float64
	}{{0, 2}, {5*time.Hour - time.Second, 2}, {5 * time.Hour, 1}, {day - time.Second, 1}} {
		b.now = again.Add(when.after)
		b.poll(us1, full)
		b.expect("audit_failed warning us1")
		got := finding(t, b.judge(), "audit_failed")
		if got.Value != when.pieces || !got.Last.Equal(again) || !got.Since.Equal(noon) || !strings.Contains(got.Message, "the last at 2026-11-21 08:00 UTC: GET_AUDIT of piece P1") {
			t.Errorf("%s after: %+v", when.after, got)
		}
	}
	b.now = again.Add(day)
	b.poll(us1, full)
	b.expect("")
}

// The score comes every four hours: failures that it cannot know yet are taken off.
func TestFailuresLeft(t *testing.T) {
	left := func(b *bench) string {
		b.t.Helper()
		message := finding(b.t, b.judge(), "audit_failed").Message
		_, after, _ := strings.Cut(message, missing+". ")
		number, _, _ := strings.Cut(after, " failed audit")
		return number
	}
	scores := func(b *bench, audit float64) {
		b.t.Helper()
		b.say(logged(b.now, us1, 100, 100, audit, 1, 1)[len("2026-11-20T12:00:00Z\t"):])
	}
	for _, c := range []struct {
		name    string
		happens func(*bench)
		want    string
	}{
		{"one that the score does not know", func(b *bench) {
			scores(b, 1)
			b.after(time.Minute).say(failed("P1", us1, "GET_AUDIT", missing))
		}, "40"},
		{"one that the score knows", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(2 * time.Hour)
			scores(b, 0.999)
		}, "40"},
		{"one that the score knows, and one that it does not", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(2 * time.Hour)
			scores(b, 0.999)
			b.after(time.Hour).say(failed("P2", us1, "GET_AUDIT", missing))
		}, "39"},
		{"a poll repeats the score, and does not know more", func(b *bench) {
			scores(b, 1)
			b.after(time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(2*time.Hour).poll(us1, full)
		}, "40"},
		{"without lines of scores a poll can be four hours late", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(4*time.Hour).poll(us1, full)
		}, "40"},
		{"without lines of scores a poll can be four hours late with what the satellite counted two hours late", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(6*time.Hour).poll(us1, full)
		}, "40"},
		{"without lines of scores a poll is not seven hours late", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(7*time.Hour).poll(us1, percents{99.9, 100, 100})
		}, "40"},
		{"one that the satellite had not counted an hour later", func(b *bench) {
			scores(b, 1)
			b.after(3 * time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(time.Hour)
			scores(b, 1)
		}, "40"},
		{"one that the satellite had counted an hour later", func(b *bench) {
			scores(b, 1)
			b.after(3 * time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(time.Hour)
			scores(b, 0.999)
		}, "40"},
		{"one that the satellite had counted, which the node is told again", func(b *bench) {
			scores(b, 1)
			b.after(3 * time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(time.Hour)
			scores(b, 0.999)
			b.after(30 * time.Minute)
			scores(b, 0.999)
		}, "40"},
		{"lines of scores that came no more since a week", func(b *bench) {
			scores(b, 1)
			b.after(5 * day)
			b.poll(us1, percents{99.8, 100, 100})
			b.after(12 * time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(7*time.Hour).poll(us1, percents{99.7, 100, 100})
		}, "38"},
		{"a piece that fails twice counts twice for the satellite", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(time.Hour)
			scores(b, 0.999)
			b.after(time.Hour).say(failed("P1", us1, "GET_REPAIR", missing))
		}, "39"},
		{"a failed audit of another satellite", func(b *bench) {
			scores(b, 1)
			b.after(time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.say(failed("P2", eu1, "GET_AUDIT", missing))
		}, "40"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.happens(b)
			if got := left(b); got != c.want {
				t.Errorf("%s left, want %s: %s", got, c.want, finding(t, b.judge(), "audit_failed").Message)
			}
		})
	}
	b := newBench(t)
	b.poll(us1, percents{96.05, 100, 100})
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	if got := finding(t, b.judge(), "audit_failed").Message; !strings.Contains(got, "No failed audit is left") {
		t.Error(got)
	}
}

// With a satellite that has disqualified the node nothing more can be lost.
func TestNoAuditFailsAfterTheEnd(t *testing.T) {
	b := newBench(t)
	b.earlier(day, us1, full)
	b.say(failed("P1", us1, "GET_AUDIT", missing))
	b.poll(us1, percents{95.9, 100, 100}, func(s *storagenode.SatelliteScores) { s.DisqualifiedAt = b.now })
	b.expect("disqualified critical us1")
}

const began = "DEBUG\tpiecestore\tdownload started"

// atDebug is a node whose log says when a transfer begins.
func atDebug(t *testing.T) *bench {
	b := newBench(t)
	b.node.Evidence.Level = storagenode.Debug
	b.node.Evidence.Last[concern.StartLines] = noon
	b.poll(us1, full)
	b.say(started)
	return b
}

const started = "INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}"

func TestAuditSlow(t *testing.T) {
	audit, repair := transfer("P1", us1, "GET_AUDIT", ""), transfer("P2", us1, "GET_REPAIR", "")
	const other = "INFO\tpiecestore\tuploaded\t{}"
	for _, c := range []struct {
		name    string
		happens func(*bench)
		want    string
	}{
		{"it took 60 seconds", func(b *bench) { b.say(began + audit); b.after(time.Minute).say("INFO\tpiecestore\tdownloaded" + audit) }, ""},
		{"it took 61 seconds", func(b *bench) {
			b.say(began + audit)
			b.after(61 * time.Second).say("INFO\tpiecestore\tdownloaded" + audit)
		}, "audit_slow warning us1"},
		{"a repair took 61 seconds", func(b *bench) {
			b.say(began + repair)
			b.after(61 * time.Second).say("INFO\tpiecestore\tdownloaded" + repair)
		}, "audit_slow warning us1"},
		{"a customer's download took an hour", func(b *bench) {
			get := transfer("P1", us1, "GET", "")
			b.say(began + get)
			b.after(time.Hour).say("INFO\tpiecestore\tdownloaded" + get)
		}, ""},
		{"it was canceled after 61 seconds", func(b *bench) {
			b.say(began + audit)
			b.after(61 * time.Second).say("INFO\tpiecestore\tdownload canceled" + audit)
		}, "audit_slow warning us1"},
		{"its line says that it took 61 seconds", func(b *bench) {
			b.say("INFO\tpiecestore\tdownloaded" + transfer("P1", us1, "GET_AUDIT", `, "duration": "61s"`))
		}, "audit_slow warning us1"},
		{"two in an hour", func(b *bench) {
			for _, line := range []string{audit, repair} {
				b.say(began + line)
				b.after(90 * time.Second).say("INFO\tpiecestore\tdownloaded" + line)
				b.after(50 * time.Minute)
			}
		}, "audit_slow critical us1"},
		{"two in two hours", func(b *bench) {
			for _, line := range []string{audit, repair} {
				b.say(began + line)
				b.after(90 * time.Second).say("INFO\tpiecestore\tdownloaded" + line)
				b.after(59 * time.Minute)
			}
		}, "audit_slow warning us1"},
		{"unfinished for just less than 2 minutes of the log", func(b *bench) {
			b.say(began + audit)
			b.after(2*time.Minute - time.Second).say(other)
			b.after(time.Hour) // the log says nothing more
		}, ""},
		{"unfinished for 2 minutes of the log", func(b *bench) {
			b.say(began + audit)
			b.after(2 * time.Minute).say(other)
		}, "audit_slow warning us1"},
		{"unfinished for 2 minutes of our clock, while the log is read", func(b *bench) {
			at := b.now.Add(-10 * time.Hour)
			b.sayAt(at, began+audit)
			b.after(3 * time.Minute)
			b.sayAt(at.Add(time.Second), other)
		}, ""},
		{"unfinished, and finished later", func(b *bench) {
			b.say(began + audit)
			b.after(2 * time.Minute).say(other)
			b.after(time.Minute).say("INFO\tpiecestore\tdownloaded" + audit)
		}, "audit_slow warning us1"},
		{"the node restarts in between", func(b *bench) {
			b.say(began + audit)
			b.after(time.Minute).say(started)
			b.after(5 * time.Minute).say(other)
		}, ""},
		{"the node dies in between, and looks after its disk for long when it is back", func(b *bench) {
			b.say(began + audit)
			b.after(10 * time.Minute).say("INFO\tConfiguration loaded\t{\"Location\": \"/config.yaml\"}")
			b.after(5 * time.Minute).say("INFO\thashstore\tmatched log tail\t{}")
			b.after(time.Minute).say(started)
			b.after(time.Minute).say(other)
		}, ""},
		{"the plugin restarts in between", func(b *bench) {
			b.say(began + audit)
			b.reopen()
			b.after(61 * time.Second).say("INFO\tpiecestore\tdownloaded" + audit)
		}, "audit_slow warning us1"},
		{"the plugin restarts in between, and it has no end", func(b *bench) {
			b.say(began + audit)
			b.reopen()
			b.after(2 * time.Minute).say(other)
			b.reopen()
			b.after(time.Minute).say(other)
		}, "audit_slow warning us1"},
		{"the same piece of another satellite ended", func(b *bench) {
			b.say(began + audit)
			b.after(90 * time.Second).say("INFO\tpiecestore\tdownloaded" + transfer("P1", eu1, "GET_AUDIT", ""))
			b.after(29 * time.Second).say(other)
		}, ""},
		{"by an own threshold", func(b *bench) {
			b.node.Thresholds.AuditSlow = 10 * time.Second
			b.reopen()
			b.say(began + audit)
			b.after(11 * time.Second).say("INFO\tpiecestore\tdownloaded" + audit)
		}, "audit_slow warning us1"},
		{"just less than 6 hours ago", func(b *bench) {
			b.say(began + audit)
			b.after(61 * time.Second).say("INFO\tpiecestore\tdownloaded" + audit)
			b.after(6*time.Hour - time.Second)
		}, "audit_slow warning us1"},
		{"6 hours ago", func(b *bench) {
			b.say(began + audit)
			b.after(61 * time.Second).say("INFO\tpiecestore\tdownloaded" + audit)
			b.after(6 * time.Hour)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := atDebug(t)
			c.happens(b)
			b.expect(c.want)
		})
	}
	b := atDebug(t)
	b.say(began + audit)
	b.after(2 * time.Minute).say(other)
	got := finding(t, b.judge(), "audit_slow")
	want := "1 slow audit of us1 in the last 6 hours on node Alpha: the last, a GET_AUDIT of piece P1, had no end after 2 minutes. After some minutes the satellite gives up, asks again up to three times, and then it is a failure. Check the load and the health of the disk."
	if got.Message != want || got.Value != 120 || got.Threshold != 60 || got.Unit != "s" {
		t.Errorf("%+v", got)
	}
	b.after(time.Minute).say("INFO\tpiecestore\tdownloaded" + transfer("P1", us1, "GET_AUDIT", ""))
	if got := finding(t, b.judge(), "audit_slow"); !strings.HasPrefix(got.Message, "1 slow audit ") {
		t.Errorf("it counts once: %s", got.Message)
	}
}

// The log of a node that hangs says nothing more, so our clock tells that an audit has no end.
func TestAnAuditWithoutAnEndInASilentLog(t *testing.T) {
	const patience = 2 * time.Minute
	skew := settings.Default().Thresholds.ClockSkew + time.Minute // on the way
	for _, c := range []struct {
		name    string
		happens func(*bench)
		want    string
	}{
		{"in time", func(b *bench) { b.after(patience + skew - time.Second); b.node.Answered = b.now }, ""},
		{"late", func(b *bench) { b.after(patience + skew); b.node.Answered = b.now }, "audit_slow warning us1"},
		{"late, by a clock that may be off further", func(b *bench) {
			b.node.Thresholds.ClockSkew = time.Hour
			b.after(patience + skew)
			b.node.Answered = b.now
		}, ""},
		{"told once more by the log", func(b *bench) {
			b.after(patience + skew).say("INFO\tpiecestore\tuploaded\t{}")
			b.node.Answered = b.now
		}, "audit_slow warning us1"},
		{"it ended", func(b *bench) {
			b.after(time.Minute).say("INFO\tpiecestore\tdownloaded" + transfer("P1", us1, "GET_AUDIT", ""))
			b.after(time.Hour)
			b.node.Answered = b.now
		}, ""},
		{"a node that does not answer since", func(b *bench) { b.node.Answered = b.now.Add(time.Minute); b.after(time.Hour) }, ""},
		{"a log that is behind", func(b *bench) { b.after(time.Hour); b.node.Answered, b.node.LogBehind = b.now, 1<<20 }, ""},
		{"a log that cannot be read", func(b *bench) { b.after(time.Hour); b.node.Answered, b.node.LogTrouble = b.now, "gone" }, ""},
		{"6 hours later", func(b *bench) { b.after(patience + 6*time.Hour); b.node.Answered = b.now }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := atDebug(t)
			b.say(began + transfer("P1", us1, "GET_AUDIT", ""))
			c.happens(b)
			b.expect(c.want)
			if c.want == "" {
				return
			}
			got := finding(t, b.judge(), "audit_slow")
			if !strings.HasPrefix(got.Message, "1 slow audit ") || !strings.Contains(got.Message, "piece P1, had no end after 2 minutes") || !got.Last.Equal(noon.Add(patience)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Where the log does not say when an audit begins, only a share tells.
func TestManyCanceledAudits(t *testing.T) {
	// usually lets a share of 20 audits an hour be canceled, for so long, until now.
	usually := func(b *bench, d time.Duration, canceled int) {
		for at := b.now.Add(-d); at.Before(b.now); at = at.Add(time.Hour) {
			audits(b, at, 20, canceled)
		}
		b.flush()
	}
	for _, c := range []struct {
		name    string
		happens func(*bench)
		want    string
	}{
		{"as usual", func(b *bench) { usually(b, 7*day, 2); audits(b, b.now, 20, 2) }, ""},
		{"just less than 30 %", func(b *bench) { usually(b, 7*day, 1); audits(b, b.now, 100, 29) }, ""},
		{"30 %", func(b *bench) { usually(b, 7*day, 1); audits(b, b.now, 20, 6) }, "audit_slow warning"},
		{"19 audits", func(b *bench) { usually(b, 7*day, 1); audits(b, b.now, 19, 19) }, ""},
		{"less than 3 times the usual", func(b *bench) { usually(b, 7*day, 5); audits(b, b.now, 20, 14) }, ""},
		{"3 times the usual", func(b *bench) { usually(b, 7*day, 5); audits(b, b.now, 20, 15) }, "audit_slow warning"},
		{"20 %, where the node's own settings take that for many", func(b *bench) {
			b.node.Thresholds.AuditsCanceled = 20
			usually(b, 7*day, 1)
			audits(b, b.now, 20, 4)
		}, "audit_slow warning"},
		{"twice the usual, where the node's own settings take that for many", func(b *bench) {
			b.node.Thresholds.AuditsCanceledTimes = 2
			usually(b, 7*day, 5)
			audits(b, b.now, 20, 10)
		}, "audit_slow warning"},
		{"10 audits, where the node's own settings take them for enough", func(b *bench) {
			b.node.Thresholds.AuditsCanceledLeast = 10
			usually(b, 7*day, 1)
			audits(b, b.now, 10, 10)
		}, "audit_slow warning"},
		{"what is usual is not known", func(b *bench) { audits(b, b.now, 20, 20) }, ""},
		{"just less than 6 hours ago", func(b *bench) {
			usually(b, 7*day, 1)
			audits(b, b.now, 20, 20)
			b.after(6 * time.Hour)
		}, "audit_slow warning"},
		{"6 hours ago", func(b *bench) {
			usually(b, 7*day, 1)
			audits(b, b.now, 20, 20)
			b.after(6*time.Hour + 10*time.Minute)
		}, ""},
		{"the log says when they begin", func(b *bench) {
			usually(b, 7*day, 1)
			audits(b, b.now, 20, 20)
			b.node.Evidence.Last[concern.StartLines] = noon
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.poll(us1, full)
			c.happens(b)
			b.flush()
			b.poll(us1, full)
			b.expect(c.want)
		})
	}
	b := newBench(t)
	b.poll(us1, full)
	audits(b, b.now, 20, 20)
	b.flush()
	if why := unseen(b.judge(), "audit_slow"); !strings.Contains(why, "not known yet") {
		t.Errorf("without a usual share: %q", why)
	}
	b = newBench(t)
	b.poll(us1, full)
	usually(b, 7*day, 2)
	audits(b, b.now, 30, 12)
	b.flush()
	got := finding(t, b.judge(), "audit_slow")
	want := "12 of 30 audits of node Alpha were canceled in the hour until 2026-11-20 12:00 UTC (40%, usually 10%): the satellites may be giving up on slow answers. Check the load and the health of the disk; log.level: debug would show which are slow."
	if got.Message != want || got.Value != 40 || got.Threshold != 30 || got.Title != "Audits Are Canceled on Alpha" {
		t.Errorf("%+v", got)
	}
}

// audits lets so many audits have ended at a time.
func audits(b *bench, at time.Time, ended, canceled int) {
	b.t.Helper()
	for i := range ended {
		line := "INFO\tpiecestore\tdownloaded"
		if i < canceled {
			line = "INFO\tpiecestore\tdownload canceled"
		}
		b.hear(at, line+transfer("P", us1, "GET_AUDIT", ""))
	}
}

func TestAuditScoreFellSilently(t *testing.T) {
	fell := percents{99.9, 100, 100}
	for _, c := range []struct {
		name    string
		happens func(*bench)
		want    string
	}{
		{"no fall", func(b *bench) { b.poll(us1, full) }, ""},
		{"a fall", func(b *bench) { b.poll(us1, fell) }, "audit_score_fell_silently critical us1"},
		{"a fall of another score", func(b *bench) { b.poll(us1, percents{100, 99, 99}) }, ""},
		{"a fall that the log tells", func(b *bench) {
			b.say(logged(b.now, us1, 10, 10, 0.999, 1, 1)[len("2026-11-20T12:00:00Z\t"):])
		}, "audit_score_fell_silently critical us1"},
		{"a failed audit in the log", func(b *bench) {
			b.say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(time.Hour).poll(us1, fell)
		}, "audit_failed warning us1"},
		{"a failed audit of 4 hours before the score was last known", func(b *bench) {
			b.sayAt(b.now.Add(-4*time.Hour-4*time.Minute), failed("P1", us1, "GET_AUDIT", missing))
			b.after(5*time.Minute).poll(us1, fell)
		}, "audit_failed warning us1"},
		{"a failed audit that the satellite counted 2 hours late, of 6 hours before the score was last known", func(b *bench) {
			b.sayAt(b.now.Add(-6*time.Hour-4*time.Minute), failed("P1", us1, "GET_AUDIT", missing))
			b.after(5*time.Minute).poll(us1, fell)
		}, "audit_failed warning us1"},
		{"a failed audit of 7 hours before the score was last known", func(b *bench) {
			b.sayAt(b.now.Add(-7*time.Hour), failed("P1", us1, "GET_AUDIT", missing))
			b.after(5*time.Minute).poll(us1, fell)
		}, "audit_failed warning us1, audit_score_fell_silently critical us1"},
		{"a failed audit of 8 hours before, since which the satellite gave no scores", func(b *bench) {
			b.sayAt(noon.Add(-9*time.Hour), logged(b.now, us1, 10, 10, 1, 1, 1)[len("2026-11-20T12:00:00Z\t"):])
			b.sayAt(noon.Add(-8*time.Hour), failed("P1", us1, "GET_AUDIT", missing))
			b.poll(us1, full)
			b.after(5*time.Minute).poll(us1, fell)
		}, "audit_failed warning us1"},
		{"a failed audit of another satellite", func(b *bench) {
			b.say(failed("P1", eu1, "GET_AUDIT", missing))
			b.after(time.Hour).transfers(noon, b.now)
			b.poll(us1, fell)
		}, "audit_failed warning eu1, audit_score_fell_silently critical us1"},
		{"a piece that failed the day before, and again", func(b *bench) {
			b.sayAt(noon.Add(-20*time.Hour), failed("P1", us1, "GET_AUDIT", missing))
			b.say(failed("P1", us1, "GET_REPAIR", missing))
			b.after(time.Hour).poll(us1, fell)
		}, "audit_failed warning us1"},
		{"a log that is behind", func(b *bench) {
			b.after(5*time.Minute).poll(us1, fell)
			b.node.Evidence.Last[concern.AnyLine] = b.now.Add(-time.Minute)
			b.node.LogBehind = 5 << 20
		}, ""},
		{"a log that is behind, but not of the fall", func(b *bench) {
			b.after(5*time.Minute).poll(us1, fell)
			b.node.LogBehind = 5 << 20
		}, "audit_score_fell_silently critical us1"},
		{"a log without transfers since", func(b *bench) {
			b.poll(us1, fell)
			b.node.Evidence.Last[concern.TransferLines], b.node.Evidence.Last[concern.AuditLines] = noon, noon
			b.after(23*time.Hour).poll(us1, fell)
		}, "audit_score_fell_silently critical us1"},
		{"a log without audits", func(b *bench) {
			b.poll(us1, fell)
			b.node.Evidence.Last[concern.AuditLines] = noon.Add(-2 * day)
		}, "audit_score_fell_silently critical us1"},
		{"no log", func(b *bench) { b.poll(us1, fell); b.node.Evidence = concern.Evidence{} }, ""},
		{"it recovers", func(b *bench) { b.poll(us1, fell); b.after(time.Hour).poll(us1, full) }, "audit_score_fell_silently critical us1"},
		{"just less than 24 hours ago", func(b *bench) { b.poll(us1, fell); b.after(day-time.Second).poll(us1, fell) }, "audit_score_fell_silently critical us1"},
		{"24 hours ago", func(b *bench) { b.poll(us1, fell); b.after(day).poll(us1, fell) }, ""},
		{"falls, one of which is explained", func(b *bench) {
			b.after(5*time.Minute).poll(us1, fell)
			b.after(6 * time.Hour).say(failed("P1", us1, "GET_AUDIT", missing))
			b.after(time.Hour).transfers(noon, b.now)
			b.poll(us1, percents{99.8, 100, 100})
		}, "audit_failed warning us1, audit_score_fell_silently critical us1"},
		{"suspended for being offline, too", func(b *bench) { b.poll(us1, percents{99.9, 100, 50}) }, "audit_score_fell_silently critical us1, suspended critical us1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.earlier(5*time.Minute, us1, full)
			c.happens(b)
			b.expect(c.want)
		})
	}
	b := newBench(t)
	b.earlier(5*time.Minute, us1, full)
	b.poll(us1, fell)
	got := finding(t, b.judge(), "audit_score_fell_silently")
	want := "The audit score of node Alpha on us1 fell from 100.00% to 99.90%, and its log has no failed audit. The satellite timed out or got wrong data. 40 failed audits left until disqualification. Check latency and load of the disk, SMART and the file system."
	if got.Message != want || got.Title != "Audit Score Fell Without a Failure in the Log on us1" || got.Threshold != 100 || !got.Since.Equal(noon) || !got.Last.Equal(noon) {
		t.Errorf("%+v", got)
	}
}

// That no audit failed is said only of a log that was seen all the time in which it would be.
func TestAFallIsSilentOnlyInALogThatWasSeen(t *testing.T) {
	fell := percents{99.9, 100, 100}
	// The score was known at noon, and 6 hours and 5 minutes before that a failure may have come.
	begins := noon.Add(-6*time.Hour - 5*time.Minute)
	for _, c := range []struct {
		name    string
		happens func(*bench)
		why     string // it cannot be told; "": it fell silently
	}{
		{"seen all the time", func(b *bench) { b.transfers(begins, noon) }, ""},
		{"seen but for a pause of less than an hour", func(b *bench) {
			b.transfers(begins, noon.Add(-3*time.Hour))
			b.transfers(noon.Add(-2*time.Hour-10*time.Minute), noon)
		}, ""},
		{"a log that was found an hour late", func(b *bench) { b.transfers(begins.Add(55*time.Minute), noon) }, ""},
		{"a log that was found two hours late", func(b *bench) { b.transfers(begins.Add(2*time.Hour), noon) }, "had no transfer from 2026-11-20 05:55 UTC to 2026-11-20 07:50 UTC"},
		{"never seen", func(*bench) {}, "had no transfer from 2026-11-20 05:55 UTC to 2026-11-20 12:05 UTC"},
		{"a forwarder that was away", func(b *bench) {
			b.transfers(begins, noon.Add(-5*time.Hour))
			b.transfers(noon.Add(-time.Hour), noon)
		}, "had no transfer from 2026-11-20 07:00 UTC to 2026-11-20 11:00 UTC"},
		{"transfers that were hidden, until an hour after the fall", func(b *bench) {
			b.after(time.Hour).transfers(noon.Add(time.Hour), noon.Add(2*time.Hour))
			b.after(time.Hour)
		}, "had no transfer from 2026-11-20 05:55 UTC to 2026-11-20 12:05 UTC"},
		{"a log that has ended before the fall", func(b *bench) {
			b.transfers(begins, noon)
			b.node.Evidence.Last[concern.AnyLine] = noon
		}, "is read up to 2026-11-20 12:00 UTC only"},
		{"never seen, 24 hours later", func(b *bench) { b.after(day).poll(us1, fell) }, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newQuietBench(t)
			b.poll(us1, full)
			b.after(5*time.Minute).poll(us1, fell)
			c.happens(b)
			want := ""
			if c.why == "" {
				want = "audit_score_fell_silently critical us1"
			}
			b.expect(want)
			why := unseen(b.judge(), "audit_score_fell_silently")
			if c.why == "-" && why == "" {
				return
			}
			if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
				t.Errorf("it cannot be told because: %q", why)
			}
		})
	}
}

// A failure in the part of the log that was seen explains the fall.
func TestAFallIsExplainedByWhatWasSeen(t *testing.T) {
	b := newQuietBench(t)
	b.sayAt(noon.Add(-time.Hour), failed("P1", us1, "GET_AUDIT", missing))
	b.poll(us1, full)
	b.after(5*time.Minute).poll(us1, percents{99.9, 100, 100})
	b.expect("audit_failed warning us1")
	if why := unseen(b.judge(), "audit_score_fell_silently"); why != "" {
		t.Error(why)
	}
}

// What happened stays until its time is over and clears then, though nothing more of it can be
// seen by that time: its own line was the last of an audit.
func TestWhatHappenedClearsUnseen(t *testing.T) {
	for _, level := range []storagenode.Level{storagenode.Info, storagenode.Error, storagenode.Fatal} {
		b := newBench(t)
		b.earlier(5*time.Minute, us1, full)
		b.poll(us1, percents{99.9, 100, 100})
		b.say(failed("P1", eu1, "GET_AUDIT", missing))
		b.say("INFO\tpiecestore\tdownloaded" + transfer("P2", us1, "GET_AUDIT", `, "duration": "61s"`))
		b.node.Evidence.Last[concern.AuditLines], b.node.Evidence.Last[concern.TransferLines] = noon, noon
		b.node.Evidence.Level = level
		b.expect("audit_failed warning eu1, audit_score_fell_silently critical us1, audit_slow warning us1")
		b.after(6*time.Hour - time.Second)
		b.expect("audit_failed warning eu1, audit_score_fell_silently critical us1, audit_slow warning us1")
		b.after(time.Second)
		b.expect("audit_failed warning eu1, audit_score_fell_silently critical us1")
		b.now = noon.Add(day - time.Second)
		b.poll(us1, percents{99.9, 100, 100})
		b.expect("audit_failed warning eu1, audit_score_fell_silently critical us1")
		b.now = noon.Add(day + time.Second)
		if why := unseen(b.judge(), "audit_score_fell_silently"); why == "" {
			t.Errorf("%s: audits are seen: this shows nothing", level)
		}
		b.expect("")
	}
}

// What was raised stays while the log is read in small bites.
func TestAFallDoesNotFlicker(t *testing.T) {
	b := newBench(t)
	b.earlier(5*time.Minute, us1, full)
	b.poll(us1, percents{99.9, 100, 100})
	for i := range 20 {
		b.after(15 * time.Second)
		b.node.LogBehind = int64(i % 2 * 100)
		if got := b.told(); got != "audit_score_fell_silently critical us1" {
			t.Fatalf("%d: %q", i, got)
		}
	}
}

func TestLostPieces(t *testing.T) {
	amnesty := func(satellite string, pieces int) string {
		return fmt.Sprintf("INFO\tcontact:amnesty\tsending amnesty batch to satellite\t{\"satellite\": %q, \"piece_count\": %d}", satellite, pieces)
	}
	b := newBench(t)
	b.poll(us1, full)
	b.say(amnesty(us1, 50))
	b.after(time.Hour).say(amnesty(us1, 7))
	b.say(amnesty(eu1, 1))
	b.say(amnesty(eu1, 0))
	b.expect("lost_pieces critical eu1, lost_pieces critical us1")
	got := finding(t, b.judge(), "lost_pieces")
	if got.Value != 57 || got.Title != "Pieces Lost, Reported to us1" ||
		got.Message != "Node Alpha reported 57 lost pieces to us1 in the last 7 days, all of them on 2026-11-20. Lost pieces fail their audits: check the disk and the file system." {
		t.Errorf("%+v", got)
	}
	if got := finding(t, conditions.Verdict{Findings: b.judge().Findings[1:]}, "lost_pieces"); !strings.HasPrefix(got.Message, "Node Alpha reported 1 lost piece to eu1 in the last 7 days, on 2026-11-20. Lost") {
		t.Error(got.Message)
	}
	b.after(2 * day).say(amnesty(us1, 3))
	b.poll(us1, full)
	if got := finding(t, b.judge(), "lost_pieces"); got.Value != 60 || !got.Last.Equal(b.now) || !strings.Contains(got.Message, "60 lost pieces to us1 in the last 7 days, 3 of them on 2026-11-22") {
		t.Errorf("%+v", got)
	}
	b.now = noon.Add(time.Hour + 7*day - time.Second)
	b.poll(us1, full)
	b.expect("lost_pieces critical eu1, lost_pieces critical us1")
	b.now = noon.Add(time.Hour + 7*day)
	b.poll(us1, full)
	b.expect("lost_pieces critical us1")
	b.now = noon.Add(time.Hour + 9*day)
	b.poll(us1, full)
	b.expect("")
}

// The log's clock is years ahead for a moment, as that of a machine without a battery is.
func TestAClockThatIsYearsAhead(t *testing.T) {
	b := newBench(t)
	b.poll(us1, full)
	b.sayAt(noon.AddDate(50, 0, 0), failed("P1", us1, "GET_AUDIT", missing))
	b.sayAt(noon.AddDate(50, 0, 0), logged(noon, us1, 9, 9, 1, 1, 1)[len("2026-11-20T12:00:00Z\t"):])
	b.sayAt(noon.AddDate(50, 0, 0), "INFO\tpiecestore\tuploaded\t{}")
	b.expect("audit_failed warning us1")
	b.after(time.Hour).say(failed("P2", us1, "GET_AUDIT", missing))
	b.say(logged(b.now, us1, 9, 9, 0.998, 1, 1)[len("2026-11-20T12:00:00Z\t"):])
	got := finding(t, b.judge(), "audit_failed")
	if got.Value != 2 || !strings.Contains(got.Message, "39 failed audits left") {
		t.Errorf("%+v", got)
	}
	b.after(day).poll(us1, percents{99.8, 100, 100})
	b.expect("")
}

// The lines of ordinary transfers cost no memory.
func TestOrdinaryLinesCostNoMemory(t *testing.T) {
	b := newBench(t)
	for _, text := range []string{
		"INFO\tpiecestore\tuploaded\t{\"piece_id\": \"P\", \"satellite_id\": \"" + us1 + "\", \"action\": \"PUT\", \"size\": 2048, \"remote_address\": \"10.0.0.9:1\"}",
		"INFO\tpiecestore\tdownloaded" + transfer("P", us1, "GET", ""),
		"INFO\tpiecestore\tdownload canceled" + transfer("P", us1, "GET", ""),
		"DEBUG\tpiecestore\tdownload started" + transfer("P", us1, "GET", ""),
		failed("P", us1, "GET", "write tcp 1->2: write: broken pipe"),
		"INFO\tpiecestore\tdownloaded" + transfer("P", us1, "GET_AUDIT", ""),
		"INFO\tpiecestore\tdownload canceled" + transfer("P", us1, "GET_AUDIT", ""),
		"DEBUG\tpiecestore\tdownload started" + transfer("P", us1, "GET_AUDIT", ""),
		"INFO\thashstore\tmatched log tail\t{}",
	} {
		event, err := b.parser.Parse([]byte("2026-11-20T12:00:00Z\t" + text))
		if err != nil {
			t.Fatal(err)
		}
		b.ear.Hear(event) // a first one may make room
		if allocated := testing.AllocsPerRun(100, func() { b.ear.Hear(event) }); allocated > 0 {
			t.Errorf("%v for %s", allocated, text)
		}
	}
}

// Whatever a log says of audits, what is kept of it stays small, and what is found is within
// what its definition allows.
func FuzzAuditsStayBounded(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, uint16(400), uint16(10))
	}
	f.Add(uint64(99), uint16(1500), uint16(3000))
	f.Fuzz(func(t *testing.T, seed uint64, lines, longest uint16) {
		draw := rand.New(rand.NewPCG(seed, 7))
		now := noon
		opened, err := store.Open(store.Options{FlushInterval: -1, Now: func() time.Time { return now }, Limits: store.Limits{Policies: (reputation.Concern{}).Policies(settings.Default().Retention)}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = opened.Close() }()
		node := concern.Node{Node: settings.Node{Name: "A", Thresholds: settings.Default().Thresholds}, History: "h"}
		listen := func() concern.Ear {
			return reputation.Concern{Now: func() time.Time { return now }}.Listen(node, opened)
		}
		ear, parser := listen(), storagenode.NewParser()
		pick := func(all ...string) string { return all[draw.IntN(len(all))] }
		flush := func() {
			batch := &store.Batch{}
			if err := ear.Flush(batch); err != nil {
				t.Fatal(err)
			}
			if err := opened.Record(batch); err != nil {
				t.Fatal(err)
			}
		}
		for range min(lines, 4000) {
			at := now
			switch draw.IntN(20) {
			case 0:
				at = now.Add(time.Duration(draw.Int64N(int64(80*365*day))) - 40*365*day)
			case 1:
				now = now.Add(time.Duration(draw.Int64N(int64(3 * time.Hour))))
			case 2:
				ear = listen() // what was heard and not stored is heard again, or lost
			case 3:
				flush()
			}
			satellite := pick(us1, eu1, sat0, "", "x", strings.Repeat("1", draw.IntN(80)))
			piece := fmt.Sprint("P", draw.IntN(2000)) + strings.Repeat("é\xff", draw.IntN(int(longest)/2+1))
			text := pick("INFO\tpiecestore\tdownloaded", "DEBUG\tpiecestore\tdownload started", "INFO\tpiecestore\tdownload canceled", "ERROR\tpiecestore\tdownload failed") +
				transfer(piece, satellite, pick("GET_AUDIT", "GET_REPAIR", "GET"), pick("", `, "error": "`+strings.Repeat("\u00e9", draw.IntN(300))+`"`, `, "duration": "500h"`))
			switch draw.IntN(30) {
			case 0:
				text = fmt.Sprintf("INFO\tcontact:amnesty\tsending amnesty batch to satellite\t{\"satellite\": %q, \"piece_count\": %d}", satellite, draw.Int64())
			case 1:
				text = started
			}
			if event, err := parser.Parse([]byte(at.Format(time.RFC3339) + "\t" + text)); err == nil && event != nil {
				ear.Hear(event)
			}
		}
		flush()
		document, _ := opened.Document(node.StoredAs("audits"))
		if len(document) > 1<<20 {
			t.Errorf("the document has %d bytes", len(document))
		}
		remembered, err := reputation.ReadAudits(opened, node)
		if err != nil {
			t.Fatal(err)
		}
		if len(remembered.Failed) > 500 || len(remembered.Slow) > 200 || len(remembered.Open) > 1000 || len(remembered.Lost) > 100 {
			t.Errorf("%d failed, %d slow, %d open, %d lost", len(remembered.Failed), len(remembered.Slow), len(remembered.Open), len(remembered.Lost))
		}
		if remembered.Line.After(now.Add(day)) {
			t.Errorf("at %s the newest line is of %s", now, remembered.Line)
		}
		var reported []error
		engine := conditions.NewEngine([]conditions.Judge{reputation.Concern{}}, conditions.Options{Report: func(err error) { reported = append(reported, err) }})
		c := conditions.Case{Nodes: []concern.Watched{{Node: node, Evidence: concern.Evidence{HasLog: true}}}, Store: opened, Settings: settings.Default(), Now: now}
		if err := engine.Evaluate(t.Context(), c); err != nil || len(reported) > 0 {
			t.Error(err, reported)
		}
	})
}
