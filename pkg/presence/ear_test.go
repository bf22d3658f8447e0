package presence_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/presence"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The order in which lines are read does not matter, nor does a line that is read twice after
// what was read first is lost.
func TestLinesInAnyOrder(t *testing.T) {
	var lines []string
	at := func(m int, text string) {
		lines = append(lines, noon.Add(time.Duration(m)*minute).Format(time.RFC3339)+"\t"+text)
	}
	for m := range 300 {
		at(m, "INFO\t"+transfer)
	}
	for _, m := range []int{3, 60, 61, 62, 200} {
		at(m, "INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}")
	}
	for _, m := range []int{58, 59, 199} {
		at(m, "FATAL\tUnrecoverable error\t{\"error\": \"at "+fmt.Sprint(m)+"\"}")
	}
	for _, m := range []int{100, 101, 103, 107, 115, 131, 163} {
		at(m, "ERROR\tcontact:service\tping satellite failed \t{\"satellite_id\": \""+eu1+"\", \"error\": \"at "+fmt.Sprint(m)+"\"}")
	}
	testify := func(order []string) []conditions.Exhibit {
		s := newbornScene(t)
		s.now = noon.Add(400 * minute)
		for _, line := range order {
			event, err := first(s).parser.Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			first(s).ear.Hear(event)
		}
		batch := &store.Batch{}
		if err := first(s).ear.Flush(batch); err != nil {
			t.Fatal(err)
		}
		s.record(batch)
		s.reopen()
		exhibits, err := presence.Concern{}.Testify(t.Context(), s.theCase(), first(s).Node, "", noon, s.now)
		if err != nil {
			t.Fatal(err)
		}
		return exhibits
	}
	want := testify(lines)
	if got := strings.Join(want[0].Lines, "\n"); !strings.Contains(got, "12:58 UTC  the node stopped itself: at 59. (2 times until 2026-11-22 12:59 UTC)") {
		t.Error(got)
	}
	if got := strings.Join(want[1].Lines, "\n"); got != "2026-11-22 13:40 UTC  7 pings of eu1 failed until 2026-11-22 14:43 UTC: at 163" {
		t.Error(got)
	}
	// Older parts of a log are read after newer ones.
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		cut := random.IntN(len(lines))
		if diff := cmp.Diff(want, testify(slices.Concat(lines[cut:], lines[:cut]))); diff != "" {
			t.Errorf("from line %d on first: %s", cut, diff)
		}
	}
}

func TestTestify(t *testing.T) {
	s := newScene(t)
	a := first(s)
	a.say("INFO\tGot a signal from the OS: \"terminated\"\t{}")
	s.pass(minute)
	a.status.Version = "1.163.1"
	a.up()
	s.pass(10 * minute)
	a.pingFails(eu1, us1)
	a.dies()
	s.pass(20 * minute)
	testify := func(satellite string, from, to time.Time) string {
		exhibits, err := presence.Concern{}.Testify(t.Context(), s.theCase(), a.Node, satellite, from, to)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, e := range exhibits {
			lines = append(append(lines, e.Title), e.Lines...)
		}
		return strings.Join(lines, "\n")
	}
	if diff := cmp.Diff(`Starts and stops
2026-11-22 12:00 UTC  the node was told to stop
2026-11-22 12:01 UTC  the node started
2026-11-22 12:01 UTC  version 1.163.1 was seen for the first time
2026-11-22 12:11 UTC  the node stopped itself: piecestore monitor: error verifying location and/or readability of storage directory: no such file or directory.
Failed pings
2026-11-22 12:11 UTC  1 ping of eu1 failed until 2026-11-22 12:11 UTC: ping satellite: rpc: dial tcp: i/o timeout
2026-11-22 12:11 UTC  at the last poll: the node was last reached at 2026-11-22 12:10 UTC`, testify(eu1, noon, s.now)); diff != "" {
		t.Error(diff)
	}
	if got := testify(eu1, noon.Add(-2*hour), noon.Add(-hour)); !strings.Contains(got, "no start and no stop is known") || !strings.Contains(got, "no failed ping is known") {
		t.Error(got)
	}
}

// A node that has trouble for weeks does not fill the store.
func TestDocumentsAreBounded(t *testing.T) {
	s := newScene(t)
	a := first(s)
	long := strings.Repeat("é", 4000)
	for i := range 300 {
		s.now = s.now.Add(10 * minute)
		a.say("INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}")
		a.say("INFO\tService restarted successfully.\t{}")
		a.say("INFO\tGot a signal from the OS: \"terminated\"\t{}")
		a.say("FATAL\tUnrecoverable error\t{\"error\": \"" + long + "\"}")
		a.say("ERROR\tpreflight:localtime\tsystem clock is out of sync with satellite\t{}")
		satellite := fmt.Sprintf("12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHe%07d", i)
		satellite = strings.ReplaceAll(satellite, "0", "z")
		a.say("ERROR\tcontact:service\tping satellite failed \t{\"satellite_id\": \"" + satellite + "\", \"error\": \"" + long + "\"}")
		a.status.Version, a.status.StartedAt = fmt.Sprintf("1.%d.1", i+1), s.now
		a.poll()
	}
	s.store.Documents("presence", func(key string, value []byte) {
		if len(value) > 48<<10 {
			t.Errorf("%s has %d bytes", key, len(value))
		}
	})
}

// A line that is far ahead of the clock must not hide those that come.
func TestALineFromTheFuture(t *testing.T) {
	s := newScene(t)
	a := first(s)
	a.sayAt(s.now.Add(400*24*time.Hour), "INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}", false)
	a.Evidence.Last[concern.AnyLine] = s.now
	s.silentAfterPause(100 * minute)
	if got := s.told(s.judge()); got != "" {
		t.Errorf("raised %q, though the pause before was of 40 minutes", got)
	}
	s.pass(21 * minute)
	if got := s.told(s.judge()); got != "log_silent warning" {
		t.Errorf("raised %q", got)
	}
}

// A healthy node's document is written now and then, and not with each line.
func TestLinesThatChangeNothing(t *testing.T) {
	s := newScene(t)
	a := first(s)
	written := 0
	for range 300 {
		s.now = s.now.Add(time.Second)
		event, err := a.parser.Parse([]byte(s.now.Format(time.RFC3339) + "\tINFO\t" + transfer))
		if err != nil {
			t.Fatal(err)
		}
		a.ear.Hear(event)
		batch := &store.Batch{}
		if err := a.ear.Flush(batch); err != nil {
			t.Fatal(err)
		}
		if !batch.Empty() {
			written++
		}
	}
	if written > 2 {
		t.Errorf("written %d times in 5 minutes", written)
	}
}

func TestHearingTransfersCostsNoMemory(t *testing.T) {
	s := newScene(t)
	ear := first(s).ear
	event := &storagenode.Event{Line: storagenode.Line{Time: s.now, Level: storagenode.Info}, Kind: storagenode.DownloadEnded, Satellite: us1}
	if n := testing.AllocsPerRun(1000, func() { ear.Hear(event) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

func BenchmarkJudge(b *testing.B) {
	s := newScene(b)
	for i := range 60 {
		first(s).pingFails(eu1)
		first(s).say("INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}")
		s.pass(time.Duration(i%3) * hour)
	}
	c := s.theCase()
	for b.Loop() {
		if _, err := (presence.Concern{}).Judge(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHear(b *testing.B) {
	opened, err := store.Open(store.Options{FlushInterval: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	ear := presence.Concern{}.Listen(concern.Node{History: "a"}, opened)
	now := time.Now()
	event := &storagenode.Event{Line: storagenode.Line{Time: now, Level: storagenode.Info}, Kind: storagenode.DownloadEnded, Satellite: us1, Read: now}
	for b.Loop() {
		ear.Hear(event)
	}
}
