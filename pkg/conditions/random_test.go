package conditions_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

// shake lets something happen to a world, the same in two worlds of one seed.
func shake(w *world, r *rand.Rand) {
	w.judge.verdict = conditions.Verdict{}
	for _, node := range []string{"A", "B", "gone"} {
		for _, d := range w.judge.definitions {
			if r.IntN(8) == 0 {
				w.judge.verdict.Unseen = append(w.judge.verdict.Unseen, conditions.Unseen{Code: d.Code, History: "h" + node, Why: "why " + strconv.Itoa(r.IntN(2)), Gone: r.IntN(4) == 0})
			}
			for _, satellite := range []string{"", us1, eu1} {
				if r.IntN(3) > 0 {
					continue
				}
				f := found(d.Code, conditions.Severity(1+r.IntN(3)), node, satellite)
				f.Message, f.Value = fmt.Sprint("message ", r.IntN(3)), float64(r.IntN(5))
				if r.IntN(2) == 0 {
					f.Since = w.now.Add(-time.Duration(r.IntN(1000)) * time.Second)
				}
				if f.Code == "down" && r.IntN(3) == 0 {
					f.Covers = []string{"h" + node, "hB"}[:1+r.IntN(2)]
				}
				w.judge.verdict.Findings = append(w.judge.verdict.Findings, f)
			}
		}
	}
	w.judge.err = nil
	node := &w.nodes[r.IntN(2)]
	switch r.IntN(30) {
	case 0:
		w.judge.err = fmt.Errorf("error %d", r.IntN(2))
	case 1:
		node.Retired = !node.Retired
	case 2:
		node.MutedSatellites = map[string]string{"us1": "why"}
	case 3:
		node.MutedSatellites = nil
	case 4:
		node.Name += "'"
	case 5:
		node.MaintenanceUntil = w.now.Add(10 * time.Minute)
	case 6, 7, 8:
		_ = w.engine.Clear(w.toCase(), node.Name, "us1", "audit_failed")
	case 9:
		_ = w.engine.Test(w.toCase(), node.Name, w.now.Add(5*time.Minute))
	case 10:
		w.now = w.now.Add(26 * time.Hour)
	}
	w.now = w.now.Add(time.Duration(1+r.IntN(300)) * time.Second)
	w.evaluate()
}

// shown is everything that can be asked of a world.
func (w *world) shown() string {
	w.t.Helper()
	text := ""
	for _, query := range []concern.Query{
		{Format: concern.Severity}, {Format: concern.Text}, {Format: concern.Table}, {Format: concern.TimeSeries}, {Format: concern.Annotations},
		{QueryType: "verdict"}, {QueryType: "post_mortems"},
	} {
		request := w.request(query)
		request.From = noon
		frame := w.answer(request)[0]
		encoded, err := data.FrameToJSON(frame, data.IncludeAll)
		if err != nil {
			w.t.Fatal(err)
		}
		text += string(encoded) + "\n"
	}
	return text
}

// A restart at any moment changes nothing that is told or shown, and what is recorded is what
// was told.
func TestRestartsChangeNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			steady, restarted := newWorld(t, "A", "B"), newWorld(t, "A", "B")
			steady.define(definition("silent", "contact", needsNode))
			restarted.define(definition("silent", "contact", needsNode))
			one, two, when := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
			for i := range 30 {
				shake(steady, one)
				shake(restarted, two)
				restarts := when.IntN(3) == 0
				if restarts {
					if when.IntN(2) == 0 {
						if err := restarted.store.Seal(); err != nil {
							t.Fatal(err)
						}
					}
					restarted.restart()
				}
				if diff := cmp.Diff(steady.told, restarted.told); diff != "" {
					t.Fatalf("after %d evaluations: %s", i, diff)
				}
				if !restarts {
					continue
				}
				if diff := cmp.Diff(steady.shown(), restarted.shown()); diff != "" {
					t.Fatalf("after %d evaluations: %s", i, diff)
				}
			}
			if len(steady.told) < 50 {
				t.Errorf("only %d changes: this shows nothing", len(steady.told))
			}
			told := map[string]int{}
			for _, c := range steady.changes {
				told[fmt.Sprintf("%s %s %s@%s/%s=%s: %s", c.Time.Format("02 15:04:05"), c.Kind, c.Code, c.History, c.Satellite, c.Severity, c.Message)]++
			}
			for _, line := range restarted.recorded() {
				told[line]--
			}
			for line, times := range told {
				if times != 0 {
					t.Errorf("told %+d times more than recorded: %s", times, line)
				}
			}
		})
	}
}

// observation is what was found at one moment.
type observation struct {
	at    time.Time
	level conditions.Severity
	blind bool
}

// naive is how grave a condition is, said in another way: as grave as it was found since the
// first look that found less was the flapping time ago.
func naive(seen []observation) conditions.Severity {
	severity := ok
	for n := range seen {
		now := seen[n]
		if now.blind {
			continue // it stays as it was
		}
		severity = now.level
		for _, s := range []conditions.Severity{info, warning, critical} {
			last := -1
			for i := range n + 1 {
				if !seen[i].blind && seen[i].level >= s {
					last = i
				}
			}
			if last < 0 {
				continue
			}
			lost := slices.IndexFunc(seen[last+1:n+1], func(o observation) bool { return !o.blind })
			if lost < 0 || now.at.Sub(seen[last+1+lost].at) < flapping {
				severity = max(severity, s)
			}
		}
	}
	return severity
}

// Whatever is found, a condition is as grave as a naive model says, and each of its changes is
// told once.
func TestEngineIsAsGraveAsANaiveModel(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(t, "A")
		var seen []observation
		last := ok
		for i := range 60 {
			w.now = w.now.Add(time.Duration(30+r.IntN(150)) * time.Second)
			o := observation{at: w.now, level: conditions.Severity(r.IntN(4)), blind: r.IntN(6) == 0}
			if r.IntN(2) == 0 {
				o.level = ok
			}
			w.judge.verdict = conditions.Verdict{}
			if o.blind {
				w.miss("hA", "down")
				o.level = ok
			} else if o.level > ok {
				w.find(found("down", o.level, "A", us1))
			}
			seen = append(seen, o)
			w.told = nil
			w.evaluate()
			want := naive(seen)
			got := w.severities()["down@A/us1"]
			if got == unseen {
				got = ok
				if !o.blind {
					t.Fatalf("seed %d, look %d: not watched", seed, i)
				}
			}
			if got != want {
				t.Fatalf("seed %d, look %d: %s, not %s, of %+v", seed, i, got, want, seen)
			}
			changes := 0
			if want != last {
				changes = 1
			}
			if len(w.told) != changes {
				t.Fatalf("seed %d, look %d: from %s to %s tells %q", seed, i, last, want, w.told)
			}
			last = want
		}
	}
}
