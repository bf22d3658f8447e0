package console_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/console"
)

func TestReadTakesOtherFieldTypes(t *testing.T) {
	reputation := data.NewFrame("",
		data.NewField("node_name", nil, []string{"A"}),
		data.NewField("satellite_id", nil, []string{"12EayRS2"}), // no short name
		data.NewField("audit_score_percent", nil, []float64{98.5}).SetConfig(&data.FieldConfig{Thresholds: &data.ThresholdsConfig{
			Mode:  data.ThresholdsModeAbsolute,
			Steps: []data.Threshold{{Value: data.ConfFloat64(math.Inf(-1)), Color: "red"}, {Value: 98, Color: "yellow"}, {Value: 99.5, Color: "green"}},
		}}),
		data.NewField("online_score_percent", nil, []float64{math.NaN()}),
		data.NewField("failed_audits_left", nil, []int64{26}),
		data.NewField("is_disqualified", nil, []int64{1}),
		data.NewField("vetted", nil, []bool{true}),
		data.NewField("timestamp", nil, []time.Time{now}),
		data.NewField("online_recovers_at", nil, []time.Time{{}}),
	)
	got := console.Read(nil, data.Frames{nil, data.NewFrame("empty"), reputation}, now)
	want := []console.Node{{Name: "A", Satellites: []console.Satellite{{
		Name: "12EayRS2", Audit: console.Score{Percent: ptr(98.5), Judged: console.Warning}, FailedAuditsLeft: ptr(26.0),
		Disqualified: ptr(true), Vetted: ptr(true), At: now,
	}}}}
	if diff := cmp.Diff(want, got.Nodes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadKeepsControlSequencesFromTheTerminal(t *testing.T) {
	nodes := data.NewFrame("",
		data.NewField("node_name", nil, []string{"evil\x1b[2J\u009bname"}),
		data.NewField("state", nil, []string{"unreachable"}),
		data.NewField("last_error", nil, []string{"first\r\nsecond\x07\u202e"}),
	)
	node := console.Read(data.Frames{nodes}, nil, now).Nodes[0]
	if node.Name != "evil [2J name" || node.LastError != "first second" {
		t.Errorf("name %q, error %q", node.Name, node.LastError)
	}
}

// fakeSource answers from fields that a test changes between two questions.
type fakeSource struct {
	nodes, reputation       data.Frames
	nodesErr, reputationErr error
	health                  console.Health
	healthErr               error
	asked, askedHealth      int
	onAsk                   func(n int)
}

func (f *fakeSource) Nodes(context.Context) (data.Frames, error) {
	f.asked++
	if f.onAsk != nil {
		f.onAsk(f.asked)
	}
	return f.nodes, f.nodesErr
}

func (f *fakeSource) Reputation(context.Context) (data.Frames, error) {
	return f.reputation, f.reputationErr
}

func (f *fakeSource) Health(context.Context) (console.Health, error) {
	f.askedHealth++
	return f.health, f.healthErr
}

func TestAskShowsWhatItHasWhenOneQuestionFails(t *testing.T) {
	source := &fakeSource{}
	source.nodes, _ = fleetFrames()
	source.reputationErr = errors.New("the store is locked by process 12")
	health := console.Health{Checks: []console.Check{
		{Node: "Attic", Check: "log_age", Status: "warning", Message: "the last line is 3 h old", Mend: "is the node running?"},
		{Node: "Attic", Check: "api", Status: "ok", Message: "answers"},
	}}
	got := console.Ask(t.Context(), source, health, now)
	if len(got.Nodes) != 5 || !got.Answered {
		t.Errorf("%d nodes, answered %v", len(got.Nodes), got.Answered)
	}
	want := []console.Remark{
		{Severity: console.Critical, Text: "The reputation cannot be asked: the store is locked by process 12"},
		{Severity: console.Warning, Node: "Attic", Text: "the last line is 3 h old", Mend: "is the node running?"},
	}
	if diff := cmp.Diff(want, got.Remarks); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	source.nodesErr = errors.New("gone")
	if console.Ask(t.Context(), source, health, now).Answered {
		t.Error("it says that it was answered, and both questions failed")
	}
}

func TestPlainShowsEachChangeOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	source := &fakeSource{}
	source.nodes, source.reputation = fleetFrames()
	clock := now
	source.onAsk = func(n int) {
		clock = clock.Add(time.Second) // ages grow with every question: no reason to print
		switch n {
		case 4:
			source.nodes[0].Fields[1].Set(4, "unreachable")
		case 7:
			stop()
		}
	}
	var out strings.Builder
	err := console.Watch(ctx, console.Options{
		Source: source, Output: &out, Interval: time.Millisecond, HealthInterval: 3 * time.Second, Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "Storj nodes  5 nodes"); got != 2 {
		t.Errorf("printed %d times, want 2:\n%s", got, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("plain text contains an escape sequence")
	}
	if source.askedHealth < 2 || source.askedHealth > 3 {
		t.Errorf("health was asked %d times in 7 s at an interval of 3 s", source.askedHealth)
	}
}

func TestOnceWaitsForEveryNode(t *testing.T) {
	source := &fakeSource{}
	source.nodes, source.reputation = fleetFrames()
	source.onAsk = func(n int) {
		if n == 3 {
			source.nodes[0].Fields[1].Set(4, "connected")
		}
	}
	var out strings.Builder
	if err := console.Watch(t.Context(), console.Options{Source: source, Output: &out, Once: true, Interval: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "Fresh  connected"); got != 1 || source.asked < 4 {
		t.Errorf("after %d questions it printed\n%s", source.asked, out.String())
	}
}

func TestOnceSaysWhenItWaitedInVain(t *testing.T) {
	source := &fakeSource{}
	source.nodes, source.reputation = fleetFrames() // one node connects for ever
	var out strings.Builder
	err := console.Watch(t.Context(), console.Options{
		Source: source, Output: &out, Once: true, Interval: time.Millisecond, SettleTime: 20 * time.Millisecond,
	})
	if err == nil || !strings.Contains(err.Error(), "not every node") || !strings.Contains(out.String(), "Fresh") {
		t.Errorf("error %v; printed\n%s", err, out.String())
	}
}
