package presence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/presence"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"
	ap1 = "121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6"
)

// noon is when a scene's trouble may begin.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// scene is some nodes, a store, and a clock.
type scene struct {
	t        testing.TB
	dir      string
	store    *store.Store
	now      time.Time
	started  time.Time
	settings settings.Settings
	nodes    []*actor
}

// actor is one node as it is seen.
type actor struct {
	concern.Watched
	scene  *scene
	parser *storagenode.Parser
	ear    concern.Ear
	levels [storagenode.Fatal + 1]time.Time
	status storagenode.Status
	// What it does as time goes by.
	api, log    bool
	pinged      bool // satellites reach it
	level, line string
	clock       time.Duration // ahead of ours
}

const transfer = "piecestore\tdownloaded\t{\"piece_id\": \"A\", \"satellite_id\": \"" + us1 + "\", \"action\": \"GET\", \"offset\": 0, \"size\": 4096, \"remote_address\": \"10.0.0.9:1\"}"

// newScene is of healthy nodes, each on a machine of its own, that were watched for a day.
func newScene(t testing.TB, names ...string) *scene {
	s := newbornScene(t, names...)
	s.advance(25*time.Hour, 5*time.Minute)
	if !s.now.Equal(noon) {
		t.Fatalf("it is %s", s.now)
	}
	return s
}

func newbornScene(t testing.TB, names ...string) *scene {
	t.Helper()
	if len(names) == 0 {
		names = []string{"Alpha"}
	}
	began := noon.Add(-25 * time.Hour)
	s := &scene{t: t, dir: t.TempDir(), now: began, started: began, settings: settings.Default()}
	s.open()
	for i, name := range names {
		a := &actor{scene: s, api: true, log: true, pinged: true, level: "INFO", line: transfer}
		host := fmt.Sprintf("10.0.0.%d", i+1)
		a.Watched = concern.Watched{
			Node: concern.Node{
				Node: settings.Node{
					Name: name, Key: strings.ToLower(name), API: "http://" + host + ":14002",
					Log: settings.Source{Kind: settings.LogTCP, Address: host + ":9999"}, Thresholds: s.settings.Thresholds,
				},
				History: "history-of-" + name,
			},
			Since: began, Endpoint: "http://" + host + ":14002", State: concern.Connected, StateSince: began,
			Evidence: concern.Evidence{HasLog: true},
		}
		a.status = storagenode.Status{
			NodeID: "1" + name, Version: "1.162.3", AllowedVersion: "1.150.1", UpToDate: true, QUICStatus: "OK",
			StartedAt:  began.Add(-48 * time.Hour),
			Satellites: []storagenode.SatelliteRef{{ID: us1}, {ID: eu1}, {ID: ap1}},
		}
		s.nodes = append(s.nodes, a)
	}
	s.listen()
	t.Cleanup(func() { _ = s.store.Close() })
	return s
}

func (s *scene) open() {
	opened, err := store.Open(store.Options{Dir: s.dir, FlushInterval: -1, Now: func() time.Time { return s.now }})
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = opened
}

func (s *scene) listen() {
	for _, a := range s.nodes {
		a.parser = storagenode.NewParser()
		a.ear = presence.Concern{Now: func() time.Time { return s.now }}.Listen(a.Node, s.store)
	}
}

// restart is an end and a start of the plugin.
func (s *scene) restart() {
	s.t.Helper()
	s.reopen()
	s.started = s.now
	for _, a := range s.nodes {
		a.State, a.StateSince, a.Since = concern.Connecting, s.now, s.now
		a.Trouble, a.LogTrouble = "", "the log is not followed yet"
	}
}

// reopen closes and opens the store, and loses what is not in it.
func (s *scene) reopen() {
	s.t.Helper()
	if err := s.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
	s.listen()
}

// advance lets time go by.
func (s *scene) advance(d, step time.Duration) {
	s.t.Helper()
	for until := s.now.Add(d); s.now.Before(until); {
		s.now = s.now.Add(min(step, until.Sub(s.now)))
		for _, a := range s.nodes {
			if a.log {
				a.say(a.level + "\t" + a.line)
			}
			if a.api && s.now.Sub(a.Answered) >= 5*time.Minute {
				a.poll()
			}
		}
	}
}

// pass is advance, minute by minute.
func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	s.advance(d, time.Minute)
}

// poll is an answer of the node.
func (a *actor) poll() {
	a.scene.t.Helper()
	if a.pinged {
		a.status.LastPinged = a.scene.now.Add(-30 * time.Second)
	}
	if a.log && a.line == transfer {
		a.status.Bandwidth.Used += 5 << 20
	}
	a.answer()
}

// answer is the status that an answer brings.
func (a *actor) answer() {
	a.scene.t.Helper()
	if a.State != concern.Connected {
		a.State, a.StateSince = concern.Connected, a.scene.now
	}
	a.Trouble, a.Answered = "", a.scene.now
	a.Facts.StartedAt, a.Facts.LastPinged = a.status.StartedAt, a.status.LastPinged
	batch := &store.Batch{}
	status := a.status
	if err := (presence.Concern{}).Record(a.Node, concern.Poll{At: a.scene.now, Interval: 5 * time.Minute, Status: &status}, a.scene.store, batch); err != nil {
		a.scene.t.Fatal(err)
	}
	a.scene.record(batch)
}

func (s *scene) record(batch *store.Batch) {
	s.t.Helper()
	if err := s.store.Record(batch); err != nil {
		s.t.Fatal(err)
	}
}

// say is a line that was just written: level, logger, message and fields.
func (a *actor) say(text string) { a.sayAt(a.scene.now.Add(a.clock), text, true) }

func (a *actor) sayAt(at time.Time, text string, live bool) {
	a.scene.t.Helper()
	var read func(time.Time) time.Time
	if live {
		read = func(time.Time) time.Time { return a.scene.now }
	}
	a.hear([]byte(at.Format(time.RFC3339)+"\t"+text), read)
	a.flush()
}

// hear takes a line. Where it was read just when it was written, read says when, of its time.
func (a *actor) hear(line []byte, read func(time.Time) time.Time) {
	a.scene.t.Helper()
	event, err := a.parser.Parse(line)
	if err != nil {
		a.scene.t.Fatal(err)
	}
	if read != nil {
		event.Read = read(event.Time)
		a.LogTrouble, a.LogRead = "", event.Read
	}
	note := func(kind concern.LineKind) { a.Evidence.Last[kind] = later(a.Evidence.Last[kind], event.Time) }
	note(concern.AnyLine)
	if event.Kind == storagenode.UploadEnded || event.Kind == storagenode.DownloadEnded {
		note(concern.TransferLines)
	}
	a.levels[event.Level] = later(a.levels[event.Level], event.Time)
	if a.Evidence.Since.IsZero() {
		a.Evidence.Since = event.Time
	}
	a.ear.Hear(event)
}

func (a *actor) flush() {
	a.scene.t.Helper()
	batch := &store.Batch{}
	if err := a.ear.Flush(batch); err != nil {
		a.scene.t.Fatal(err)
	}
	a.scene.record(batch)
}

// apiDown lets the API fail from now on.
func (a *actor) apiDown() {
	a.api = false
	a.State, a.StateSince = concern.Unreachable, a.scene.now
	a.Trouble = "http://10.0.0.1:14002/api/sno/: connection refused; check that the node runs"
}

// down lets the whole node go.
func (a *actor) down() {
	a.apiDown()
	a.log = false
}

// up brings it back as a new process.
func (a *actor) up() {
	a.api, a.log = true, true
	a.status.StartedAt, a.status.LastPinged = a.scene.now, time.Time{}
	a.say("INFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{}")
	a.poll()
}

func (a *actor) dies() {
	a.say("FATAL\tUnrecoverable error\t{\"error\": \"piecestore monitor: error verifying location and/or readability of storage directory: no such file or directory\"}")
	a.down()
}

// signal is what a node writes when it is told to stop.
const signal = "INFO\tGot a signal from the OS: \"terminated\"\t{}"

// begins writes the first words of a process.
func (a *actor) begins(process string) {
	a.say("INFO\tConfiguration loaded\t{\"process\": \"" + process + "\", \"location\": \"/app/config/config.yaml\"}")
}

func (a *actor) pingFails(satellites ...string) {
	for _, id := range satellites {
		a.say("ERROR\tcontact:service\tping satellite failed \t{\"satellite_id\": \"" + id + "\", \"attempts\": 1, \"error\": \"ping satellite: rpc: dial tcp: i/o timeout\"}")
	}
}

// withoutLog is a node that has no log.
func (a *actor) withoutLog() {
	a.log = false
	a.Log = settings.Source{}
	a.Evidence = concern.Evidence{}
}

// withoutAPI is a node whose API is nowhere.
func (a *actor) withoutAPI() {
	a.api = false
	a.API, a.Endpoint = "", ""
	a.State, a.Trouble = concern.Connecting, "no API answers on this machine"
}

func (s *scene) theCase() conditions.Case {
	c := conditions.Case{Store: s.store, Settings: s.settings, Now: s.now, Started: s.started}
	for _, a := range s.nodes {
		w := a.Watched
		for level := storagenode.Debug; level <= storagenode.Fatal; level++ {
			if at := a.levels[level]; w.Evidence.HasLog && !at.IsZero() && s.now.Sub(at) <= concern.EvidencePeriod {
				w.Evidence.Level = level
				break
			}
		}
		c.Nodes = append(c.Nodes, w)
	}
	return c
}

// judge answers the verdict, which must be the same after the store was opened anew.
func (s *scene) judge() conditions.Verdict {
	s.t.Helper()
	verdict := s.verdict()
	s.reopen()
	if diff := cmp.Diff(verdict, s.verdict()); diff != "" {
		s.t.Errorf("after opening the store anew: %s", diff)
	}
	return verdict
}

func (s *scene) verdict() conditions.Verdict {
	s.t.Helper()
	verdict, err := presence.Concern{}.Judge(s.t.Context(), s.theCase())
	if err != nil {
		s.t.Fatal(err)
	}
	return verdict
}

var severityNames = map[conditions.Severity]string{conditions.Info: "info", conditions.Warning: "warning", conditions.Critical: "critical"}

// told is what a verdict raises, in short.
func (s *scene) told(verdict conditions.Verdict) string {
	var all []string
	for _, f := range verdict.Findings {
		text := f.Code + " " + severityNames[f.Severity]
		if len(s.nodes) > 1 {
			text = strings.TrimPrefix(f.History, "history-of-") + " " + text
		}
		if f.Satellite != "" {
			text += " " + storagenode.SatelliteName(f.Satellite)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// unseen is why a condition of the first node cannot be judged, or "".
func unseen(verdict conditions.Verdict, code string) string {
	for _, u := range verdict.Unseen {
		if u.Code == code && u.History == "history-of-Alpha" {
			return u.Why
		}
	}
	return ""
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
