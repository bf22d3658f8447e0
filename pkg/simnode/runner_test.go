package simnode_test

import (
	"context"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// handClock is a clock that is moved by hand.
type handClock struct{ now atomic.Int64 }

func newHandClock() *handClock {
	c := &handClock{}
	c.now.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *handClock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *handClock) Advance(d time.Duration) { c.now.Add(int64(d)) }

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		wait := time.NewTimer(5 * time.Millisecond)
		<-wait.C
	}
}

// startRunner runs a runner in the background; the returned function ends it.
func startRunner(t *testing.T, o simnode.RunnerOptions) (*simnode.Runner, func()) {
	t.Helper()
	r, err := simnode.NewRunner(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the runner ended with %v", err)
		}
	}
	t.Cleanup(end)
	select {
	case <-r.Listening():
	case err := <-done:
		done <- err
		t.Fatalf("the runner ended at once: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the runner never came to life")
	}
	return r, end
}

func TestRunnerWritesHistoryAndFollowsTheClock(t *testing.T) {
	clock := newHandClock()
	path := filepath.Join(t.TempDir(), "logs", "a.log")
	r, end := startRunner(t, simnode.RunnerOptions{
		Node:    simnode.Options{Name: "A", Rate: 200},
		History: 30 * time.Hour, LogHistory: 10 * time.Hour, Speed: 60,
		LogPath: path, Listen: "127.0.0.1:0", Clock: clock.Now,
	})
	if got := r.Node().Now(); !got.Equal(clock.Now()) {
		t.Errorf("after the history it is %v, the clock says %v", got, clock.Now())
	}
	truth := r.Node().Truth()
	if truth.Now.Sub(truth.Start) != 30*time.Hour || clock.Now().Sub(truth.Log.First) > 10*time.Hour {
		t.Errorf("history from %v, log from %v", truth.Start, truth.Log.First)
	}
	if spec := r.Spec(); spec != "A:"+path+":http://"+r.Address() || strings.HasSuffix(spec, ":0") {
		t.Errorf("spec %q", spec)
	}
	get := func() (version string, err error) {
		answer, err := http.Get("http://" + r.Address() + "/api/sno") // by way of the redirect
		if err != nil {
			return "", err
		}
		defer func() { _ = answer.Body.Close() }()
		var status struct{ Version string }
		return status.Version, json.NewDecoder(answer.Body).Decode(&status)
	}
	if version, err := get(); err != nil || version != recordedNow {
		t.Errorf("the API says %q, %v", version, err)
	}
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	clock.Advance(time.Minute) // an hour of the node
	eventually(t, "the node follows the clock", func() bool { return r.Node().Now().Sub(truth.Now) == time.Hour })
	if size() <= before {
		t.Error("an hour of life wrote nothing")
	}
	end()
	if _, err := get(); err == nil {
		t.Error("the API answers after the end")
	}
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	compareWithTruth(t, log, r.Node().Truth())
}

func TestRunnerClosesThePortOfANodeThatIsDown(t *testing.T) {
	clock := newHandClock()
	r, _ := startRunner(t, simnode.RunnerOptions{
		Node: simnode.Options{
			Name: "B", Rate: -1, Updates: []simnode.VersionChange{{At: clock.Now().Add(time.Hour), Version: "1.162.4"}},
		},
		History: time.Hour, Listen: "127.0.0.1:0", Clock: clock.Now,
	})
	address := r.Address()
	open := func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	if !open() {
		t.Fatal("the port of a running node is closed")
	}
	clock.Advance(time.Hour + time.Second)
	eventually(t, "the port closes while the node restarts", func() bool { return !open() })
	clock.Advance(time.Minute)
	eventually(t, "the port opens again", open)
	if got := r.Node().Truth(); got.Version != "1.162.4" || !got.Up {
		t.Errorf("version %s, up %v", got.Version, got.Up)
	}
}

func TestRunnerOfTheDead(t *testing.T) {
	clock := newHandClock()
	path := filepath.Join(t.TempDir(), "dead.log")
	r, _ := startRunner(t, simnode.RunnerOptions{
		Node: simnode.Options{Name: "C", Scenario: simnode.Dead}, History: day, LogPath: path, Listen: "127.0.0.1:0", Clock: clock.Now,
	})
	if r.Node().Up() {
		t.Error("the dead run")
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the dead had no life: %v", err)
	}
	if got, want := r.Node().Truth().Log.Last, clock.Now().Add(-simnode.TroubleLead(simnode.Dead)); got.After(want) || want.Sub(got) > time.Hour {
		t.Errorf("the last line is of %v, want just before %v", got, want)
	}
}

func TestRunnersThatCannotRun(t *testing.T) {
	if _, err := simnode.NewRunner(simnode.RunnerOptions{Speed: -1}); err == nil {
		t.Error("time runs backwards")
	}
	if _, err := simnode.NewRunner(simnode.RunnerOptions{Node: simnode.Options{Level: "loud"}}); err == nil {
		t.Error("bad options were taken")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, o := range []simnode.RunnerOptions{
		{Listen: taken.Addr().String()},
		{LogPath: filepath.Join(t.TempDir(), "no\x00folder", "a.log")},
	} {
		r, err := simnode.NewRunner(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "node") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestDemoNodes(t *testing.T) {
	nodes := simnode.DemoNodes("/tmp/demo", "127.0.0.1", 14002)
	want := []simnode.Scenario{simnode.Healthy, simnode.FailingAudits, simnode.FlakyUplink, simnode.FillingDisk, simnode.Dead}
	if len(nodes) != len(want) {
		t.Fatalf("%d nodes", len(nodes))
	}
	for i, o := range nodes {
		if o.Node.Scenario != want[i] {
			t.Errorf("node %d is %s, want %s", i, o.Node.Scenario, want[i])
		}
		if _, err := simnode.NewRunner(o); err != nil {
			t.Error(err)
		}
	}
	if nodes[4].Listen != "127.0.0.1:14006" || nodes[0].LogPath != filepath.Join("/tmp/demo", "healthy.log") {
		t.Errorf("%+v", nodes)
	}
}

// demoAnswer gets a path of a live node's API.
func demoAnswer(t *testing.T, r *simnode.Runner, path string) (value map[string]any) {
	t.Helper()
	answer, err := http.Get("http://" + r.Address() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if err := json.NewDecoder(answer.Body).Decode(&value); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value
}

func TestDemoNodesShowTheirScenarios(t *testing.T) {
	folder := t.TempDir()
	clock := newHandClock()
	for _, o := range simnode.DemoNodes(folder, "127.0.0.1", 14002) {
		t.Run(o.Node.Name, func(t *testing.T) {
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			o.Listen, o.Clock = free.Addr().String(), clock.Now
			_ = free.Close()
			o.Node.Rate = 30 // a tenth of the demo's transfers: quicker, and all else is the same
			r, _ := startRunner(t, o)
			truth := r.Node().Truth()
			if got := clock.Now().Sub(truth.Start); got != 30*day {
				t.Errorf("%v of history, want 30 days", got)
			}
			if got := clock.Now().Sub(truth.Log.First); got > 7*day || got < 7*day-time.Hour {
				t.Errorf("the log goes %v back, want 7 days", got)
			}
			if o.Node.Scenario == simnode.Dead {
				if c, err := net.Dial("tcp", o.Listen); err == nil || r.Node().Up() {
					t.Error("the dead answer")
					_ = c.Close()
				}
				if silent := clock.Now().Sub(truth.Log.Last); silent < 6*time.Hour || silent > 7*time.Hour {
					t.Errorf("dead for %v, want six hours", silent)
				}
				return
			}
			status := demoAnswer(t, r, "/api/sno/")
			space := status["diskSpace"].(map[string]any)
			free100 := 100 * space["available"].(float64) / space["allocated"].(float64)
			if o.Node.Scenario == simnode.FillingDisk {
				if free100 < 1 || free100 > 10 {
					t.Errorf("%.1f %% of the disk are free, want nearly none", free100)
				}
				if truth.Refused > 0 {
					t.Errorf("%d uploads were refused: it is full already", truth.Refused)
				}
			} else if free100 < 30 {
				t.Errorf("%.1f %% of the disk are free", free100)
			}
			for _, entry := range status["satellites"].([]any) {
				satellite := entry.(map[string]any)
				if satellite["disqualified"] != nil || satellite["suspended"] != nil {
					t.Errorf("it is over: %v", satellite)
				}
				id := satellite["id"].(string)
				scores := demoAnswer(t, r, "/api/sno/satellite/"+id)["audits"].(map[string]any)
				audit, online := scores["auditScore"].(float64), scores["onlineScore"].(float64)
				if o.Node.Scenario == simnode.FailingAudits && id == us1 {
					// each failure costs a thousandth; the 41st is the last
					if failures := math.Round(math.Log(audit) / math.Log(0.999)); failures < 5 || failures > 35 {
						t.Errorf("%v failures heard of, want some, with a budget left", failures)
					}
				} else if audit != 1 {
					t.Errorf("%s: audit score %v", id, audit)
				}
				if o.Node.Scenario == simnode.FlakyUplink {
					if online < 0.6 || online > 0.9 {
						t.Errorf("%s: online score %v, want a low one that suspends nothing yet", id, online)
					}
				} else if online < 0.98 {
					t.Errorf("%s: online score %v", id, online)
				}
				if scores["suspensionScore"] != 1.0 {
					t.Errorf("%s: suspension score %v", id, scores["suspensionScore"])
				}
				t.Logf("%s: audit %.4f online %.4f, %.1f %% free", id[:4], audit, online, free100)
			}
		})
	}
}
