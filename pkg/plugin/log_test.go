package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// us1 is a satellite that every operator knows.
const us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"

// startLine is what a node writes first: it says whose log it is.
func startLine(at time.Time) string {
	return at.UTC().Format(time.RFC3339) + "\tINFO\tNode 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started\t{\"process\": \"storagenode\"}\n"
}

func uploadLine(at time.Time, number int64) string {
	return fmt.Sprintf("%s\tINFO\tpiecestore\tuploaded\t{\"process\": \"storagenode\", \"piece_id\": \"PIECE%d\", \"satellite_id\": \"%s\", \"action\": \"PUT\", \"remote_address\": \"[2001:db8::1]:4711\", \"size\": 2048}\n",
		at.UTC().Format(time.RFC3339), number, us1)
}

// operations are the counted transfers of a time, by satellite, action and outcome.
func (g *grafana) operations(span time.Duration) map[string]int64 {
	g.t.Helper()
	response := g.askOver(`{"queryType":"traffic","metrics":["operations"],"groupBy":["satellite","action","outcome"],"format":"table"}`, span, 500)
	if response.Error != nil {
		g.t.Fatal(response.Error)
	}
	counted := map[string]int64{}
	for _, row := range rows(response.Frames[0]) {
		satellite, _ := row["satellite"].(string)
		counted[strings.Join([]string{satellite, row["action"].(string), row["outcome"].(string)}, " ")] += int64(row["operations"].(float64))
	}
	return counted
}

// truthOf is what a simulated node's log says, in the same form.
func truthOf(truth simnode.Truth) map[string]int64 {
	want := map[string]int64{}
	for _, transfers := range truth.Log.Transfers {
		if transfers.Outcome != "started" {
			want[strings.Join([]string{storagenode.SatelliteName(transfers.Satellite), transfers.Action, transfers.Outcome}, " ")] += transfers.Count
		}
	}
	if truth.Log.Rejected > 0 {
		want[" PUT rejected"] = truth.Log.Rejected
	}
	return want
}

// A log that was there before its node was added is read as far back as the settings say,
// and what is written meanwhile is counted once.
func TestALogFromBeforeIsCounted(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	s := simulate(t, simnode.Options{Name: "A", Scenario: simnode.Healthy, Seed: 3, Start: now.Add(-20 * time.Hour)})
	if err := s.AdvanceTo(now.Add(-time.Hour), s.log); err != nil {
		t.Fatal(err)
	}
	g := newGrafana(t)
	settings := nodes(node{Name: "A", Log: s.log.Name(), API: "http://127.0.0.1:1"})
	g.configure(settings)
	g.operations(30 * time.Hour) // it begins with the first question
	for at := now.Add(-time.Hour); !at.After(now); at = at.Add(5 * time.Minute) {
		if err := s.AdvanceTo(at, s.log); err != nil {
			t.Fatal(err)
		}
	}
	want := truthOf(s.Truth())
	var got map[string]int64
	if !holdsWithin(patience, func() bool { got = g.operations(30 * time.Hour); return cmp.Equal(want, got) }) {
		t.Fatal(cmp.Diff(want, got))
	}
	// Settings that ask for more of the past do not count what is counted.
	settings["backfillHours"] = -1
	g.configure(settings)
	g.host.Kill()
	g.start()
	if got := g.operations(30 * time.Hour); !cmp.Equal(want, got) {
		t.Fatalf("after a restart: %s", cmp.Diff(want, got))
	}
}

// writer appends lines to a log as fast as a very busy node, some of them in two parts.
type writer struct {
	path    string
	written atomic.Int64
	stop    context.CancelFunc
	done    chan error
}

func startWriter(t *testing.T) *writer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.log")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(startLine(time.Now())); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := &writer{path: path, stop: stop, done: make(chan error, 1)}
	go func() { w.done <- errors.Join(w.write(ctx, file), file.Close()) }()
	return w
}

func (w *writer) write(ctx context.Context, file *os.File) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for range 1 + rand.IntN(20) {
			line := uploadLine(time.Now(), w.written.Load())
			half := rand.IntN(len(line))
			for _, part := range []string{line[:half], line[half:]} {
				if _, err := file.WriteString(part); err != nil {
					return err
				}
			}
			w.written.Add(1)
		}
	}
}

// uploaded is where uploadLine's lines are counted.
const uploaded = "us1 PUT success"

// finish ends the writing and checks that each line was counted once.
func (w *writer) finish(t *testing.T, g *grafana, after string) {
	t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{uploaded: w.written.Load()}
	var got map[string]int64
	if !holdsWithin(patience, func() bool { got = g.operations(2 * time.Hour); return cmp.Equal(want, got) }) {
		t.Fatalf("after %s: %s", after, cmp.Diff(want, got))
	}
}

// Whenever the plugin is killed, each line is counted once.
func TestKillsUnderLoadCountEachLineOnce(t *testing.T) {
	t.Parallel()
	kills := 100
	if testing.Short() {
		kills = 5
	}
	w := startWriter(t)
	g := newGrafana(t)
	g.configure(nodes(node{Name: "A", Log: w.path, API: "http://127.0.0.1:1"}))
	eventually(t, "the log is followed", func() bool { return g.operations(2 * time.Hour)[uploaded] > 0 })
	for range kills {
		moment := time.NewTimer(time.Duration(rand.IntN(300)) * time.Millisecond) // any moment will do
		<-moment.C
		if err := g.host.Crash(); err != nil {
			t.Fatal(err)
		}
		g.start()
	}
	w.finish(t, g, fmt.Sprintf("%d kills", kills))
}

// Settings that make all nodes begin anew lose no line and double none.
func TestChangedSettingsUnderLoadCountEachLineOnce(t *testing.T) {
	t.Parallel()
	w := startWriter(t)
	g := newGrafana(t)
	settings := nodes(node{Name: "A", Log: w.path, API: "http://127.0.0.1:1"})
	const changes = 10
	for change := range changes {
		settings["pollIntervals"] = map[string]any{"statusSeconds": 300 + change}
		g.configure(settings)
		before := g.operations(2 * time.Hour)[uploaded]
		eventually(t, "the log is followed again", func() bool { return g.operations(2 * time.Hour)[uploaded] > before })
	}
	w.finish(t, g, fmt.Sprintf("%d changes", changes))
}

// Lines that come in an old log's wake are told apart from those that cannot be seen.
func TestWhatCannotBeSeenIsNotZero(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var warnings strings.Builder
	for i := range 50 {
		fmt.Fprintf(&warnings, "%s\tWARN\tcontact:service\tYour node is still considered to be online but encountered an error.\t{\"process\": \"storagenode\"}\n", now.Add(time.Duration(i-50)*time.Second).UTC().Format(time.RFC3339))
	}
	quiet := filepath.Join(t.TempDir(), "node.log")
	if err := os.WriteFile(quiet, []byte(warnings.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	g := newGrafana(t)
	g.configure(nodes(
		node{Name: "at warn", Log: quiet, API: "http://127.0.0.1:1"},
		node{Name: "no log", API: "http://127.0.0.1:1"},
	))
	says := func(query string, words ...string) func() bool {
		return func() bool {
			var text strings.Builder
			for _, frame := range g.frames(query) {
				if len(frame.Fields) > 0 {
					return false
				}
				for _, notice := range frame.Meta.Notices {
					text.WriteString(notice.Text)
				}
			}
			for _, word := range words {
				if !strings.Contains(text.String(), word) {
					return false
				}
			}
			return true
		}
	}
	eventually(t, "a notice that names the level", says(`{"queryType":"traffic","metrics":["success_percent"],"nodes":["at warn"]}`, "at warn", "log.level"))
	eventually(t, "a notice that there is no log", says(`{"queryType":"traffic","metrics":["operations_per_second"],"nodes":["no log"]}`, "no log"))
	eventually(t, "the table of nodes says so", func() bool {
		table := rows(g.frames(`{"queryType":"nodes"}`)[0])
		warn, _ := column(table, "at warn", "not_watched").(string)
		none, _ := column(table, "no log", "not_watched").(string)
		return strings.Contains(warn, "failed audits") && strings.Contains(none, "failed audits")
	})
}

// stream listens to a path until the test ends.
func (g *grafana) stream(path string) <-chan *data.Frame {
	g.t.Helper()
	subscribed, err := g.host.SubscribeStream(g.t.Context(), &backend.SubscribeStreamRequest{PluginContext: g.source.Context(), Path: path})
	if err != nil || subscribed.Status != backend.SubscribeStreamStatusOK {
		g.t.Fatalf("subscribe to %s: %+v, %v", path, subscribed, err)
	}
	frames := make(chan *data.Frame, 1000)
	ctx, cancel := context.WithCancel(g.t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- g.host.RunStream(ctx, &backend.RunStreamRequest{PluginContext: g.source.Context(), Path: path}, func(packet *backend.StreamPacket) error {
			frame := &data.Frame{}
			if err := json.Unmarshal(packet.Data, frame); err != nil {
				return err
			}
			frames <- frame
			return nil
		})
	}()
	g.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return frames
}

// next is the first frame of a stream that fits.
func next(t *testing.T, frames <-chan *data.Frame, what string, fits func(*data.Frame) bool) *data.Frame {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case frame := <-frames:
			if fits(frame) {
				return frame
			}
		case <-deadline.C:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// awaitFollowing waits until a node's log is followed.
func (g *grafana) awaitFollowing(node string) {
	g.t.Helper()
	eventually(g.t, node+"'s log is followed", func() bool {
		return column(rows(g.frames(`{"queryType":"nodes"}`)[0]), node, "log_state") == "following"
	})
}

func TestLiveStreamsTellWhatHappens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "node.log")
	appendTo(t, path, startLine(time.Now()))
	g := newGrafana(t)
	g.configure(nodes(node{Name: "My Node", Log: path, API: "http://127.0.0.1:1"},
		node{Name: "Mute", API: "http://127.0.0.1:1"}, node{Name: "Gone", Log: path + ".gone", API: "http://127.0.0.1:1"}))
	g.awaitFollowing("My Node")

	lines, rates, alerts := g.stream("log/my-node"), g.stream("traffic"), g.stream("alerts")
	status := g.stream("status")
	appendTo(t, path, uploadLine(time.Now(), 77))
	next(t, lines, "the line", func(frame *data.Frame) bool {
		body, _ := frame.FieldByName("body")
		return body != nil && body.Len() == 1 && strings.Contains(body.At(0).(string), "PIECE77")
	})
	next(t, rates, "a rate above zero", func(frame *data.Frame) bool {
		field, _ := frame.FieldByName("uploads_per_second")
		value, err := field.FloatAt(0)
		return err == nil && value > 0 && field.Labels["node"] == "My Node"
	})
	next(t, status, "the table of nodes", func(frame *data.Frame) bool {
		name, _ := frame.FieldByName("node_name")
		return name != nil && name.Len() == 3
	})
	appendTo(t, path, strings.Replace(uploadLine(time.Now(), 78), "INFO\tpiecestore\tuploaded", "ERROR\tpiecestore\tdownload failed", 1))
	missing := fmt.Sprintf("%s\tERROR\tpiecestore\tdownload failed\t{\"process\": \"storagenode\", \"piece_id\": \"PIECE79\", \"satellite_id\": \"%s\", \"action\": \"GET_AUDIT\", \"offset\": 0, \"size\": 256, \"remote_address\": \"127.0.0.1:1\", \"error\": \"file does not exist\"}\n", time.Now().UTC().Format(time.RFC3339), us1)
	appendTo(t, path, missing)
	next(t, alerts, "the failed audit", func(frame *data.Frame) bool {
		code, _ := frame.FieldByName("code")
		satellite, _ := frame.FieldByName("satellite")
		return code.At(0) == "audit_failed" && satellite.At(0) == "us1"
	})

	for path, want := range map[string]string{"log/my-node": "My Node's log from here on", "log/mute": "no log is given for Mute", "log/gone": "Gone's log cannot be read: ", "traffic": ""} {
		subscribed, err := g.host.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{PluginContext: g.source.Context(), Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if subscribed.InitialData == nil || len(subscribed.InitialData.Data()) == 0 {
			if want != "" {
				t.Errorf("%s begins with nothing", path)
			}
			continue
		}
		frame := &data.Frame{}
		if err := json.Unmarshal(subscribed.InitialData.Data(), frame); err != nil {
			t.Fatal(err)
		}
		if body, _ := frame.FieldByName("body"); body == nil || body.Len() != 1 || !strings.Contains(body.At(0).(string), want) || want == "" {
			t.Errorf("%s begins with %s, want %q", path, subscribed.InitialData.Data(), want)
		}
	}
	unknown, err := g.host.SubscribeStream(t.Context(), &backend.SubscribeStreamRequest{PluginContext: g.source.Context(), Path: "log/nobody"})
	if err != nil || unknown.Status != backend.SubscribeStreamStatusNotFound {
		t.Errorf("a stream that is not there: %+v, %v", unknown, err)
	}
	if channel := g.ask(`{"queryType":"live","kinds":["log"],"nodes":["My Node"]}`).Frames[0].Meta.Channel; !strings.HasSuffix(channel, "/log/my-node") || !strings.HasPrefix(channel, "ds/") {
		t.Errorf("the channel is %q", channel)
	}
}
