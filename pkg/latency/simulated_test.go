package latency_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/latency"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// What is heard of simulated nodes of many versions, with many transfers under way at
// once, is how long their successful transfers took.
func TestSimulatedNodes(t *testing.T) {
	for name, o := range map[string]simnode.Options{
		"1.60.3, without the peer":         {Version: "1.60.3"},
		"1.71.2, with milliseconds":        {Version: "1.71.2"},
		"1.86.2, lost races without names": {Version: "1.86.2"},
		"1.99.3":                           {Version: "1.99.3"},
		"1.113.5, starts at INFO":          {Version: "1.113.5", Level: "info"},
		"1.145.3":                          {Version: "1.145.3"},
		"1.162.3":                          {Encoding: simnode.DockerJSON},
		"1.162.3, INFO: no starts":         {Level: "info"},
		"1.162.3, a slow disk":             {Scenario: simnode.AuditTimeouts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Seed, o.Rate, o.JoinedAge, o.Start, o.Updates = 11, 6000, 90*24*time.Hour, noon.Add(-2*time.Hour), []simnode.VersionChange{}
			if o.Encoding == "" {
				o.Encoding = simnode.Docker // it says when each line came
			}
			o.TroubleAt = o.Start.Add(time.Hour)
			if o.Level == "" {
				o.Level = "debug"
			}
			// The truth of successes, in the order of their lines.
			type truth struct {
				took  []float64
				total float64
			}
			want := map[string]*truth{}
			o.Observe = func(e simnode.Event) {
				if e.Kind != simnode.EventTransfer || !e.Logged || e.Outcome != "success" || e.At.Add(-e.Duration).Before(o.Start) {
					return
				}
				key := e.Satellite + " " + e.Action
				if want[key] == nil {
					want[key] = &truth{}
				}
				want[key].took = append(want[key].took, e.Duration.Seconds())
				want[key].total += e.Duration.Seconds()
			}
			node, err := simnode.New(o)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			if err := node.AdvanceTo(noon, &log); err != nil {
				t.Fatal(err)
			}
			for _, live := range []bool{true, false} {
				s, a := newStore(t), nodeNamed("A")
				hearLog(t, s, a, log.Bytes(), live)
				request := asking(s, concern.Instant, nil, a)
				request.From, request.Query.GroupBy = o.Start, []string{"satellite", "action"}
				got := instantsOf(t, answered(t, request))
				if o.Level == "info" && o.Version == "" {
					if len(got) > 0 {
						t.Fatal("latency without starts")
					}
					continue
				}
				// What the log's lines say succeeded: the line of an audit can say that it was canceled.
				successes := map[string]float64{}
				for _, c := range node.Truth().Log.Transfers {
					if c.Outcome == "success" {
						successes[c.Satellite+" "+c.Action] = float64(c.Count)
					}
				}
				compared := 0
				for key, w := range want {
					satellite, action, _ := strings.Cut(key, " ")
					key := "{action=" + action + ", satellite=" + storagenode.SatelliteName(satellite) + "}"
					n := got["count"+key]
					if want := successes[satellite+" "+action]; n != want {
						t.Errorf("live %v: count%s is %v, want %v", live, key, n, want)
						continue
					}
					if n < 100 || n != float64(len(w.took)) {
						continue // too few, or not the same ones
					}
					compared++
					fine := live || o.Version == "1.60.3" || o.Version == "1.71.2"
					if mean, exactly := got["mean_seconds"+key], w.total/n; math.Abs(mean-exactly) > 0.001+b2f(!fine)*2/math.Sqrt(n) { // 4 standard errors of whole seconds
						t.Errorf("live %v: mean%s is %v, want %v", live, key, mean, exactly)
					}
					for metric, q := range map[string]float64{"p50_seconds": 0.5, "p90_seconds": 0.9, "p95_seconds": 0.95, "p99_seconds": 0.99, "max_seconds": 1} {
						if fine && o.Version == "1.60.3" && q > 0.9 {
							continue // two peers of one piece cannot be told apart
						}
						off := bound * exact(w.took, q)
						if !fine {
							off++ // by its own resolution
						}
						if v := got[metric+key]; !(math.Abs(v-exact(w.took, q)) <= off+0.001) {
							t.Errorf("live %v: %s%s is %v, exactly %v", live, metric, key, v, exact(w.took, q))
						}
					}
				}
				if compared < 6 {
					t.Errorf("only %d groups could be compared of %d", compared, len(want))
				}
			}
		})
	}
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// hearLog gives a log to an ear. Live lines have the time at which they were written.
func hearLog(t testing.TB, s *store.Store, node concern.Node, log []byte, live bool) {
	t.Helper()
	ear, parser := latency.Concern{Now: func() time.Time { return noon }}.Listen(node, s), storagenode.NewParser()
	n := 0
	for line := range bytes.Lines(log) {
		event, err := parser.Parse(line)
		if err != nil || event == nil {
			continue
		}
		if live {
			event.Arrived = dockerTime(t, line)
		}
		ear.Hear(event)
		if n++; n%977 == 0 {
			flush(t, s, ear)
		}
	}
	flush(t, s, ear)
}

// dockerTime is when Docker took a line.
func dockerTime(t testing.TB, line []byte) time.Time {
	t.Helper()
	const before = `"time":"`
	_, text, _ := bytes.Cut(line[bytes.LastIndex(line, []byte(before)):], []byte(before))
	text, _, _ = bytes.Cut(text, []byte(`"`))
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return at
}
