package simnode_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// messagesIn counts the lines of each message.
func messagesIn(truth simnode.Truth) map[string]int64 {
	counts := map[string]int64{}
	for _, m := range truth.Log.Messages {
		counts[m.Message] += m.Count
		counts[m.Level+" "+m.Message] += m.Count
	}
	return counts
}

// perfect says whether a satellite has nothing against the node.
func perfect(s simnode.SatelliteTruth) bool {
	return s.DisqualifiedAt == nil && s.SuspendedAt == nil && s.OfflineSuspendedAt == nil &&
		s.Scores.Audit == 1 && s.Scores.Suspension == 1 && s.Scores.Online > 0.99
}

func TestHealthyForThirtyDays(t *testing.T) {
	for seed := range uint64(3) {
		n, _ := run(t, 30*day, simnode.Options{Seed: seed, Rate: 50, JoinedAge: 200 * day})
		truth := n.Truth()
		for _, s := range truth.Satellites {
			if !perfect(s) {
				t.Errorf("seed %d: %s: %+v", seed, s.URL, s.Scores)
			}
		}
		if truth.Updates != 1 || truth.Version != "1.162.4" || truth.Stops < 3 || truth.Crashes != 0 {
			t.Errorf("seed %d: %d updates to %s, %d stops, %d crashes", seed, truth.Updates, truth.Version, truth.Stops, truth.Crashes)
		}
		if truth.PingsFailed == 0 {
			t.Errorf("seed %d: no satellite had its maintenance", seed)
		}
		if truth.GarbageCollections == 0 || truth.TrashDeletedPieces == 0 || len(truth.Compactions) == 0 || truth.UsedSpaceWalks == 0 || truth.ExpiredPieces == 0 {
			t.Errorf("seed %d: some chore was never done: %+v", seed, truth)
		}
		m := messagesIn(truth)
		for _, never := range []string{"ERROR upload failed", "FATAL Unrecoverable error", "error reading from piecereader", "sending amnesty batch to satellite", "upload rejected, too many requests"} {
			if m[never] > 0 {
				t.Errorf("seed %d: %d lines %q", seed, m[never], never)
			}
		}
	}
}

func TestGoodAuditsAreSometimesCanceledInTheLog(t *testing.T) {
	n, log := run(t, 20*day, simnode.Options{Rate: -1, AuditRate: 50, JoinedAge: 200 * day})
	canceled, all := 0, 0
	eachLine(t, log, readConsole, func(l plainLine) {
		if l.text("action") == "GET_AUDIT" {
			all++
			if l.message == "download canceled" {
				canceled++
			}
		}
	})
	if share := float64(canceled) / float64(all); share < 0.07 || share > 0.09 {
		t.Errorf("%.3f of the audits are canceled in the log, want about 0.08", share)
	}
	for _, s := range n.Truth().Satellites {
		if s.Scores.Audit != 1 {
			t.Errorf("%s: a canceled download counted as a failed audit: %v", s.URL, s.Scores)
		}
	}
}

func TestFailingAuditsEndInDisqualification(t *testing.T) {
	o := simnode.Options{Seed: 3, Scenario: simnode.FailingAudits, Rate: 200, JoinedAge: 200 * day, Start: testStart}
	n, err := simnode.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	advance := func(at time.Time) simnode.SatelliteTruth {
		if err := n.AdvanceTo(at, &log); err != nil {
			t.Fatal(err)
		}
		return n.Truth().Satellites[0]
	}
	if s := advance(testStart.Add(day)); !perfect(s) || s.FailuresLeft != 41 {
		t.Fatalf("before the trouble: %+v", s)
	}
	for at := testStart.Add(day); at.Before(testStart.Add(4 * day)); at = at.Add(time.Hour) {
		s := advance(at)
		if s.FailuresLeft != 41-int(s.FailedAudits) {
			t.Fatalf("at %v: %d failures, %d left", at, s.FailedAudits, s.FailuresLeft)
		}
		if (s.DisqualifiedAt != nil) != (s.FailedAudits == 41) {
			t.Fatalf("at %v: %d failures, disqualified at %v", at, s.FailedAudits, s.DisqualifiedAt)
		}
	}
	truth := n.Truth()
	if truth.Satellites[0].FailedAudits != 41 || truth.Satellites[0].Scores.Audit != 0.959809440525076 {
		t.Errorf("at the end: %+v", truth.Satellites[0])
	}
	for _, s := range truth.Satellites[1:] {
		if !perfect(s) && s.OfflineAudits == 0 {
			t.Errorf("%s suffers too: %+v", s.URL, s.Scores)
		}
	}
	// the log has one ERROR for each failed audit, and later nothing of that satellite
	failed, after := 0, 0
	eachLine(t, log.Bytes(), readConsole, func(l plainLine) {
		if l.text("satellite_id") != us1 {
			return
		}
		if l.message == "download failed" && l.text("action") == "GET_AUDIT" {
			failed++
			if !strings.Contains(l.text("error"), "file does not exist") {
				t.Errorf("a failed audit says %q", l.text("error"))
			}
		}
		at, _ := time.Parse(time.RFC3339, l.time)
		if at.After(truth.Satellites[0].DisqualifiedAt.Add(10*time.Minute)) && l.logger == "piecestore" {
			after++
		}
	})
	if failed != 41 || after != 0 {
		t.Errorf("%d failed audits in the log, want 41; %d transfers after the disqualification", failed, after)
	}
	if truth.AmnestyBatches == 0 || truth.AmnestyPieces < 41 {
		t.Errorf("%d lost pieces in %d reports", truth.AmnestyPieces, truth.AmnestyBatches)
	}
	if h := n.Truth().Satellites[0].ScoreHistory; len(h) != 41 {
		t.Errorf("the history has %d points, want one for each failure", len(h))
	}
	before, ok := n.ScoresAt(us1, testStart.Add(day))
	if after, ok2 := n.ScoresAt(us1, n.Now()); !ok || !ok2 || before.Audit != 1 || after.Audit != 0.959809440525076 {
		t.Errorf("scores at times: %v %v", before, after)
	}
}

func TestAuditTimeoutsFailSilently(t *testing.T) {
	n, log := run(t, 6*day, simnode.Options{Seed: 3, Scenario: simnode.AuditTimeouts, Rate: 100, AuditRate: 20, JoinedAge: 200 * day, Level: "debug"})
	s := n.Truth().Satellites[0]
	if s.FailedAudits == 0 || s.Scores.Audit >= 1 || s.ContainedAudits < 4*s.FailedAudits {
		t.Errorf("%d failed audits, %d contained: each failure is one time-out and three repeats: %+v", s.FailedAudits, s.ContainedAudits, s.Scores)
	}
	began := map[string]time.Time{}
	slow := int64(0)
	eachLine(t, log, readConsole, func(l plainLine) {
		if l.text("action") != "GET_AUDIT" || l.text("satellite_id") != us1 {
			return
		}
		at, _ := time.Parse(time.RFC3339, l.time)
		key := l.text("piece_id") + l.text("remote_address")
		switch l.message {
		case "download started":
			began[key] = at
		case "download failed":
			t.Errorf("an audit that timed out has an error in the log: %q", l.text("error"))
		default:
			if at.Sub(began[key]) >= 299*time.Second {
				slow++
			}
		}
	})
	if slow < s.ContainedAudits-8 || slow == 0 {
		t.Errorf("%d audits of five minutes in the log, the truth has %d", slow, s.ContainedAudits)
	}
}

func TestUnknownErrorsSuspendUntilTheyEnd(t *testing.T) {
	o := simnode.Options{
		Seed: 2, Scenario: simnode.UnknownErrors, Rate: 50, AuditRate: 20, JoinedAge: 200 * day, Start: testStart,
		TroubleAt: testStart.Add(10 * time.Hour), TroubleEnds: testStart.Add(14 * time.Hour), Updates: noUpdates,
	}
	n, log := run(t, 14*time.Hour, o)
	s := n.Truth().Satellites[0]
	if s.SuspendedAt == nil || s.Scores.Suspension > 0.6 || s.Scores.Audit != 1 || s.UnknownAudits < 10 {
		t.Errorf("in the trouble: %+v", s)
	}
	reader, failed := 0, 0
	eachLine(t, log, readConsole, func(l plainLine) {
		switch l.message {
		case "error reading from piecereader":
			reader++
		case "download failed":
			if strings.Contains(l.text("error"), "input/output error") {
				failed++
			}
		}
	})
	if reader != failed || reader == 0 {
		t.Errorf("%d errors of the reader before %d failed downloads, want one each", reader, failed)
	}
	if err := n.AdvanceTo(testStart.Add(40*time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	if s := n.Truth().Satellites[0]; s.SuspendedAt != nil || s.Scores.Suspension < 0.9 {
		t.Errorf("a day after the trouble: %+v", s.Scores)
	}
}

func TestFlakyUplinkIsSuspendedAfterThirtyFullDaysOnly(t *testing.T) {
	o := simnode.Options{Seed: 5, Scenario: simnode.FlakyUplink, FaultShare: 0.6, Rate: 20, AuditRate: 60, Start: testStart, TroubleAt: testStart.Add(time.Hour), Updates: noUpdates}
	n, err := simnode.New(o)
	if err != nil {
		t.Fatal(err)
	}
	bad := false
	for d := 1; d <= 30; d++ {
		if err := n.AdvanceTo(testStart.Add(time.Duration(d)*day), nil); err != nil {
			t.Fatal(err)
		}
		for _, s := range n.Truth().Satellites {
			if s.OfflineSuspendedAt != nil {
				t.Fatalf("day %d: suspended by %s though the 30 days are not full", d, s.URL)
			}
			bad = bad || s.Scores.Online < 0.6
		}
	}
	if !bad {
		t.Fatal("the online score never fell below 60 %")
	}
	if err := n.AdvanceTo(testStart.Add(32*day), nil); err != nil {
		t.Fatal(err)
	}
	truth := n.Truth()
	for _, s := range truth.Satellites {
		if s.OfflineSuspendedAt == nil || s.AuditHistory < 61 {
			t.Errorf("%s: not suspended with a score of %v and %d windows", s.URL, s.Scores.Online, s.AuditHistory)
		}
		if s.OfflineReviewAt == nil || s.OfflineSuspendedAt != nil && s.OfflineReviewAt.After(*s.OfflineSuspendedAt) {
			t.Errorf("%s: suspended at %v and under review since %v", s.URL, s.OfflineSuspendedAt, s.OfflineReviewAt)
		}
		if s.SuspendedAt != nil {
			t.Errorf("%s: an offline suspension shows as one for unknown errors", s.URL)
		}
	}
	if truth.OfflineNotification < 4 {
		t.Errorf("%d notifications for 4 satellites", truth.OfflineNotification)
	}
	if truth.PingsFailed == 0 {
		t.Error("no ping has failed")
	}
}

func TestFillingDiskRefusesSilently(t *testing.T) {
	n, _ := run(t, 2*day, simnode.Options{Seed: 2, Scenario: simnode.FillingDisk, Rate: 200, JoinedAge: 200 * day})
	if truth := n.Truth(); truth.Refused > 0 || truth.Disk.Free < truth.Disk.Allocated/10 {
		t.Fatalf("full too early: %+v", truth.Disk)
	}
	var log bytes.Buffer
	if err := n.AdvanceTo(testStart.Add(9*day), &log); err != nil {
		t.Fatal(err)
	}
	truth := n.Truth()
	if truth.Refused == 0 || truth.Disk.Free > truth.Disk.Allocated/20 {
		t.Errorf("not full after nine days: %+v, %d refused", truth.Disk, truth.Refused)
	}
	if truth.Disk.Overused > 0 {
		t.Errorf("over-used by %d though uploads are refused", truth.Disk.Overused)
	}
	if truth.Log.Rejected > 0 {
		t.Error("a full disk has lines of refusal")
	}
	for _, s := range truth.Satellites {
		if s.Scores.Audit != 1 {
			t.Errorf("%s: a full disk costs reputation: %+v", s.URL, s.Scores)
		}
	}
}

func TestRestartingStopsItselfAgainAndAgain(t *testing.T) {
	n, log := run(t, 8*time.Hour, simnode.Options{Seed: 2, Scenario: simnode.Restarting, TroubleAt: testStart.Add(time.Hour), Rate: 4000, JoinedAge: 200 * day})
	truth := n.Truth()
	if truth.Crashes < 15 || len(truth.Starts) < truth.Crashes {
		t.Errorf("%d crashes and %d starts in two bad hours", truth.Crashes, len(truth.Starts))
	}
	if truth.Unfinished == 0 {
		t.Error("no transfer went down with its process")
	}
	m := messagesIn(truth)
	for _, message := range []string{"FATAL Unrecoverable error", "ERROR failure during run", "ERROR unexpected shutdown of a runner"} {
		if m[message] != int64(truth.Crashes) {
			t.Errorf("%d lines %q for %d crashes", m[message], message, truth.Crashes)
		}
	}
	if m["Node <ID> started"] != int64(len(truth.Starts)) {
		t.Errorf("%d lines of a start for %d starts", m["Node <ID> started"], len(truth.Starts))
	}
	if !bytes.Contains(log, []byte("Node "+n.ID()+" started")) {
		t.Error("the start does not name the node")
	}
	// three starts within fifteen minutes
	loop := false
	for i := 2; i < len(truth.Starts); i++ {
		loop = loop || truth.Starts[i].Sub(truth.Starts[i-2]) < 15*time.Minute
	}
	if !loop {
		t.Error("never three starts in fifteen minutes")
	}
}

func TestSilencedLogShowsNoTransfer(t *testing.T) {
	n, _ := run(t, 3*day, simnode.Options{Seed: 2, Scenario: simnode.SilencedLog, Rate: 100, JoinedAge: 200 * day, Updates: noUpdates})
	before := n.Truth()
	var log bytes.Buffer
	if err := n.AdvanceTo(testStart.Add(4*day), &log); err != nil {
		t.Fatal(err)
	}
	after := n.Truth()
	happened := func(tr simnode.Truth) (sum int64) {
		for _, c := range tr.Transfers {
			sum += c.Count
		}
		return sum
	}
	if happened(after)-happened(before) < 1000 {
		t.Error("nothing is transferred any more")
	}
	if bytes.Contains(log.Bytes(), []byte("\tpiecestore\t")) {
		t.Error("the log shows transfers")
	}
	if log.Len() == 0 {
		t.Error("the log shows nothing at all")
	}
}

func TestDeadIsGone(t *testing.T) {
	n, _ := run(t, 25*time.Hour, simnode.Options{Seed: 2, Scenario: simnode.Dead, Rate: 100, JoinedAge: 200 * day})
	if n.Up() {
		t.Fatal("the dead run")
	}
	var log bytes.Buffer
	if err := n.AdvanceTo(testStart.Add(34*day), &log); err != nil {
		t.Fatal(err)
	}
	if log.Len() > 0 {
		t.Errorf("the dead speak: %q", log.String())
	}
	for _, s := range n.Truth().Satellites {
		if s.DisqualifiedAt == nil || s.DisqualifiedFor != "not seen for 30 days" {
			t.Errorf("%s: %v (%s)", s.URL, s.DisqualifiedAt, s.DisqualifiedFor)
		} else if silent := s.DisqualifiedAt.Sub(s.LastContact); silent < 30*day || silent > 30*day+2*time.Hour {
			t.Errorf("%s: disqualified after %v", s.URL, silent)
		}
	}
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("the API of the dead: %v", r)
		}
	}()
	ask(t, n.Handler(), "/api/sno/")
	t.Error("the dead answer")
}

func TestSlowAPIAnswersLate(t *testing.T) {
	const delay = 150 * time.Millisecond
	n, _ := run(t, time.Hour, simnode.Options{Scenario: simnode.SlowAPI, APIDelay: delay, TroubleAt: testStart.Add(time.Hour)})
	began := time.Now()
	if got := answer(t, n.Handler(), "/api/sno/")["nodeID"]; got != n.ID() {
		t.Errorf("nodeID %v", got)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("answered in %v, before its %v", took, delay)
	}
	// who does not wait gets nothing
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := httptest.NewRecorder()
	n.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/api/sno/", nil).WithContext(ctx))
	if w.Body.Len() > 0 {
		t.Errorf("an answer for nobody: %s", w.Body)
	}
}

func TestHTMLInsteadOfJSON(t *testing.T) {
	n, _ := run(t, time.Hour, simnode.Options{Scenario: simnode.HTMLInsteadOfJSON, TroubleAt: testStart.Add(time.Hour)})
	for _, path := range []string{"/api/sno/", "/api/sno", "/api/sno/satellites"} {
		w := ask(t, n.Handler(), path)
		if w.StatusCode != 200 || !strings.HasPrefix(w.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", path, w.StatusCode, w.Header.Get("Content-Type"))
		}
	}
}

func TestNewNodeIsVetted(t *testing.T) {
	n, _ := run(t, 20*day, simnode.Options{Seed: 3, Rate: 100, AuditRate: 20, Level: "error"})
	for _, s := range n.Truth().Satellites {
		if s.VettedAt != nil {
			t.Errorf("%s: vetted after %v", s.URL, s.VettedAt.Sub(s.JoinedAt))
		}
	}
	if err := n.AdvanceTo(testStart.Add(26*day), nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range n.Truth().Satellites {
		if s.VettedAt == nil || s.VettedAt.Sub(s.JoinedAt) < 504*time.Hour || s.TotalAudits < 100 {
			t.Errorf("%s: vetted at %v with %d audits", s.URL, s.VettedAt, s.TotalAudits)
		}
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		o    simnode.Options
		want string
	}{
		{"no start", simnode.Options{}, "Start"},
		{"version", simnode.Options{Version: "1.59.1"}, "1.60"},
		{"version text", simnode.Options{Version: "new"}, "1.162.3"},
		{"scenario", simnode.Options{Scenario: "bad"}, "failing-audits"},
		{"level", simnode.Options{Level: "loud"}, "debug"},
		{"custom level", simnode.Options{CustomLevel: "piecestore"}, "piecestore=FATAL"},
		{"encoding", simnode.Options{Encoding: "pretty"}, "docker-json"},
		{"satellite", simnode.Options{Satellites: []simnode.Satellite{{ID: "x", URL: "a:1"}}}, "node ID"},
		{"faulty satellite", simnode.Options{FaultySatellite: stranger}, "none of"},
		{"age", simnode.Options{JoinedAge: -1}, "negative"},
		{"name", simnode.Options{Name: "a/b"}, "folder"},
		{"share", simnode.Options{FaultShare: 2}, "between"},
	} {
		if c.name != "no start" {
			c.o.Start = testStart
		}
		if _, err := simnode.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a word about %s", c.name, err, c.want)
		}
	}
}

func TestCustomSatellites(t *testing.T) {
	o := simnode.Options{Satellites: []simnode.Satellite{
		{ID: stranger, URL: "127.0.0.1:17010"}, {ID: us1, URL: "us1.storj.io:7777", Share: 3},
	}, FaultySatellite: us1, Scenario: simnode.FailingAudits, AuditRate: 30, JoinedAge: 90 * day, Rate: 200}
	n, _ := run(t, 5*day, o)
	truth := n.Truth()
	if len(truth.Satellites) != 2 || truth.Satellites[0].DisqualifiedAt != nil || truth.Satellites[1].DisqualifiedAt == nil {
		t.Errorf("%+v", truth.Satellites)
	}
	if got := answer(t, n.Handler(), "/api/sno/")["satellites"].([]any); len(got) != 2 {
		t.Errorf("%d satellites in the API", len(got))
	}
}

func TestSatelliteOutage(t *testing.T) {
	from := testStart.Add(10 * time.Hour)
	n, log := run(t, day, simnode.Options{Rate: 300, JoinedAge: 90 * day, Level: "debug", Outages: []simnode.Outage{{Satellite: us1, From: from, Until: from.Add(3 * time.Hour)}}})
	failed, transfers, ended := 0, 0, 0
	eachLine(t, log, readConsole, func(l plainLine) {
		at, err := time.Parse(time.RFC3339, l.time)
		if err != nil {
			t.Fatal(err)
		}
		during := !at.Before(from) && at.Before(from.Add(3*time.Hour))
		switch {
		case l.message == "ping satellite failed ":
			failed++
			if !during || l.text("satellite_id") != us1 {
				t.Errorf("a failed ping at %v of %s", at, l.text("satellite_id"))
			}
		case l.message == "retries timed out for this cycle":
			ended++
		case during && strings.HasSuffix(l.message, " started") && l.logger == "piecestore" && l.text("satellite_id") == us1:
			transfers++
		}
	})
	// the pauses double from a second until they would be longer than an hour
	if failed < 20 || failed > 40 || ended != 2 && ended != 3 {
		t.Errorf("%d failed pings and %d cycles that ended in three hours", failed, ended)
	}
	if transfers > 0 {
		t.Errorf("%d transfers for a satellite that is away", transfers)
	}
	for _, s := range n.Truth().Satellites {
		if !perfect(s) {
			t.Errorf("%s holds its own outage against the node: %+v", s.URL, s.Scores)
		}
	}
}

func TestOutdatedNode(t *testing.T) {
	for allowed, want := range map[string]bool{"": true, "1.162.3": true, "1.162.4": false, "1.170.0": false} {
		n, _ := run(t, time.Hour, simnode.Options{AllowedVersion: allowed, Updates: noUpdates, QUICStatus: "Misconfigured"})
		status := answer(t, n.Handler(), "/api/sno/")
		if status["upToDate"] != want || status["quicStatus"] != "Misconfigured" {
			t.Errorf("allowed %q: upToDate %v, quicStatus %v", allowed, status["upToDate"], status["quicStatus"])
		}
	}
}

func TestAContainedAuditIsAskedForThreeTimesMore(t *testing.T) {
	type asked struct {
		outcomes []string
		times    []time.Time
		requests int
	}
	pieces := map[string]*asked{}
	of := func(id string) *asked {
		if pieces[id] == nil {
			pieces[id] = &asked{}
		}
		return pieces[id]
	}
	trouble := testStart.Add(2 * time.Hour)
	n, _ := run(t, 4*day, simnode.Options{
		Seed: 1, Scenario: simnode.AuditTimeouts, FaultShare: 1, TroubleAt: trouble,
		Rate: -1, AuditRate: 0.5, JoinedAge: 200 * day, Level: "error",
		Observe: func(e simnode.Event) {
			if e.Satellite != us1 || e.At.Before(trouble.Add(time.Hour)) {
				return
			}
			a := of(e.Piece)
			if e.Kind == simnode.EventTransfer {
				a.requests++
				return
			}
			a.outcomes = append(a.outcomes, e.Outcome)
			a.times = append(a.times, e.At)
		},
	})
	failed := int64(0)
	for id, a := range pieces {
		got := strings.Join(a.outcomes, " ")
		const want = "contained contained contained failed"
		if !strings.HasPrefix(want, got) {
			t.Errorf("piece %s: %s, want %s", id, got, want)
			continue
		}
		if a.requests != len(a.outcomes) {
			t.Errorf("piece %s: %d requests and %d outcomes", id, a.requests, len(a.outcomes))
		}
		if got == want {
			failed++
		} else if last := a.times[len(a.times)-1]; n.Now().Sub(last) > 6*time.Hour+5*time.Minute {
			t.Errorf("piece %s: %s, and not asked for again since %v", id, got, last)
		}
		for i := 1; i < len(a.times); i++ {
			if gap := a.times[i].Sub(a.times[i-1]); gap != 6*time.Hour+5*time.Minute {
				t.Errorf("piece %s: asked for again after %v, want six hours and five minutes", id, gap)
			}
		}
	}
	s := n.Truth().Satellites[0]
	if failed == 0 || s.FailedAudits != failed || s.FailuresLeft != 41-int(failed) {
		t.Errorf("%d pieces failed; the truth has %d failures and %d left", failed, s.FailedAudits, s.FailuresLeft)
	}
}

func TestQUICIsMisconfiguredWhileTheUplinkIsDown(t *testing.T) {
	trouble := testStart.Add(3 * time.Hour)
	n, _ := run(t, 3*time.Hour-time.Second, simnode.Options{
		Scenario: simnode.FlakyUplink, TroubleAt: trouble, TroubleEnds: trouble.Add(time.Minute),
		JoinedAge: 200 * day, Rate: 20,
	})
	quic := func() any { return answer(t, n.Handler(), "/api/sno/")["quicStatus"] }
	if got := quic(); got != "OK" {
		t.Errorf("before the uplink goes down: %v", got)
	}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "Misconfigured"}, {59 * time.Second, "Misconfigured"}, {2 * day, "OK"}} {
		if err := n.AdvanceTo(trouble.Add(c.after), nil); err != nil {
			t.Fatal(err)
		}
		if got := quic(); got != c.want {
			t.Errorf("%v after the uplink went down: %v, want %s", c.after, got, c.want)
		}
	}
}
