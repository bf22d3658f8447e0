package fleet_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.uber.org/goleak"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// patience bounds every wait: on a busy machine, things take long.
const patience = 15 * time.Second

func TestMain(m *testing.M) {
	fleet.SetRetries(20*time.Millisecond, 20*time.Millisecond)
	os.Exit(m.Run())
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	becomes(t, what, func() (string, bool) { return "", holds() })
}

// becomes is eventually for what can say how far it is.
func becomes(t *testing.T, what string, holds func() (last string, ok bool)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		last, ok := holds()
		switch {
		case ok:
			return
		case time.Now().After(deadline):
			t.Fatalf("not within %v: %s %s", patience, what, last)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// node is a node's API whose answers can be exchanged while it runs.
type node struct {
	*httptest.Server
	answers  atomic.Value // http.Handler
	statuses atomic.Int64 // requests for /api/sno/
	scores   atomic.Int64 // requests for /api/sno/satellites
}

func newNode(t *testing.T, answers http.Handler) *node {
	t.Helper()
	n := &node{}
	n.serve(answers)
	n.Server = httptest.NewServer(n)
	t.Cleanup(func() {
		n.CloseClientConnections()
		n.Close()
	})
	return n
}

type handler struct{ http.Handler }

func (n *node) serve(answers http.Handler) { n.answers.Store(handler{answers}) }

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/sno/":
		n.statuses.Add(1)
	case "/api/sno/satellites":
		n.scores.Add(1)
	}
	n.answers.Load().(handler).ServeHTTP(w, r)
}

func (n *node) port(t *testing.T) int {
	t.Helper()
	return n.Listener.Addr().(*net.TCPAddr).Port
}

// recording is a recorded node, under another node id if one is given.
func recording(t *testing.T, state, name, nodeID string) http.Handler {
	t.Helper()
	for _, s := range replay.States() {
		if s.Name != state || s.Node != name {
			continue
		}
		if nodeID == "" {
			return replay.Handler(s.FS)
		}
		answers := fstest.MapFS{}
		files, err := fs.Glob(s.FS, "*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := fs.ReadFile(s.FS, file)
			if err != nil {
				t.Fatal(err)
			}
			if file == "sno.json" {
				var status map[string]json.RawMessage
				if err := json.Unmarshal(content, &status); err != nil {
					t.Fatal(err)
				}
				status["nodeID"], _ = json.Marshal(nodeID)
				content, _ = json.Marshal(status)
			}
			answers[file] = &fstest.MapFile{Data: content}
		}
		return replay.Handler(answers)
	}
	t.Fatalf("no recording %s/%s", state, name)
	return nil
}

func healthy(t *testing.T, nodeID string) http.Handler {
	return recording(t, "02-healthy", "node0", nodeID)
}

func degraded(t *testing.T, nodeID string) http.Handler {
	return recording(t, "03-degraded-audit-unknownsuspended", "node4", nodeID)
}

const idX, idY, idZ = "1XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", "1YYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYY", "1ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ"

// clock is the time, which a test can set.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(by time.Duration) { c.offset.Add(int64(by)) }

func newRegistry(t *testing.T, dir string, now func() time.Time) *fleet.Registry {
	t.Helper()
	r := fleet.NewRegistry(fleet.Options{Dir: dir, Now: now})
	t.Cleanup(func() { closeRegistry(t, r) })
	return r
}

func closeRegistry(t *testing.T, r *fleet.Registry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

var key = fleet.Key{Org: 1, UID: "fleet"}

// often are settings that poll many times a second; seldom, once an hour.
func often(nodes ...settings.Node) settings.Settings {
	s := settings.Default()
	s.InteractiveTimeout, s.BackgroundTimeout = 2*time.Second, 5*time.Second
	s.Poll = settings.PollIntervals{Status: 40 * time.Millisecond, Scores: 40 * time.Millisecond, Payouts: 200 * time.Millisecond}
	return with(s, nodes)
}

func seldom(nodes ...settings.Node) settings.Settings {
	s := often()
	s.Poll = settings.PollIntervals{Status: time.Hour, Scores: time.Hour, Payouts: time.Hour}
	return with(s, nodes)
}

func with(s settings.Settings, nodes []settings.Node) settings.Settings {
	for _, n := range nodes {
		if n.Key == "" {
			n.Key = strings.ToLower(n.Name)
		}
		if n.Thresholds == (settings.Thresholds{}) {
			n.Thresholds = s.Thresholds
		}
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

func at(name string, n *node) settings.Node { return settings.Node{Name: name, API: n.URL} }

func configure(t *testing.T, r *fleet.Registry, s settings.Settings) *fleet.Fleet {
	t.Helper()
	f, err := r.Configure(key, s, settings.Report{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func statusOf(f *fleet.Fleet, name string) fleet.Status {
	for _, s := range f.Statuses() {
		if s.Name == name {
			return s
		}
	}
	return fleet.Status{}
}

func hasState(t *testing.T, f *fleet.Fleet, name string, state concern.State) {
	t.Helper()
	becomes(t, fmt.Sprintf("%s is %s", name, state), func() (string, bool) {
		status := statusOf(f, name)
		return fmt.Sprintf("but %+v", status), status.State == state
	})
}

// auditOf is the worst audit score known of a node, or -1.
func auditOf(t *testing.T, f *fleet.Fleet, name string) float64 {
	t.Helper()
	message, err := f.Reputation(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	worst := -1.0
	for _, record := range message.Data {
		if worst < 0 || record.AuditScore < worst {
			worst = record.AuditScore
		}
	}
	return worst
}

const healthyAudit, degradedAudit = 100, 97.22331871641524

func hasAudit(t *testing.T, f *fleet.Fleet, name string, want float64) {
	t.Helper()
	becomes(t, fmt.Sprintf("the audit score of %s is %v", name, want), func() (string, bool) {
		audit := auditOf(t, f, name)
		return fmt.Sprintf("but %v; %+v", audit, statusOf(f, name)), audit == want
	})
}

func ask(t *testing.T, f *fleet.Fleet, query string) data.Frames {
	t.Helper()
	frames, err := f.Answer(t.Context(), []byte(query), time.Now().Add(-6*time.Hour), time.Now().Add(time.Minute), time.Minute, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// points counts the values of a node's audit scores that are stored.
func points(t *testing.T, f *fleet.Fleet, name string) int {
	t.Helper()
	query := fmt.Sprintf(`{"queryType":"reputation","nodes":[%q],"metrics":["audit_score_percent"]}`, name)
	n := 0
	for _, frame := range ask(t, f, query) {
		for _, field := range frame.Fields[min(1, len(frame.Fields)):] {
			for i := range field.Len() {
				if _, ok := field.ConcreteAt(i); ok {
					n++
				}
			}
		}
	}
	return n
}

func TestNodesDoNotHarmEachOther(t *testing.T) {
	good := newNode(t, healthy(t, ""))
	stalled := newNode(t, replay.FaultStalledBody())
	secure := httptest.NewUnstartedServer(healthy(t, ""))
	secure.TLS = &tls.Config{}
	secure.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()

	nodes := []settings.Node{at("good", good)}
	says := map[string]string{}
	add := func(name, url, text string) {
		nodes = append(nodes, settings.Node{Name: name, API: url})
		says[name] = text
	}
	add("html", newNode(t, replay.FaultHTML()).URL, "a web page, not the storage node API")
	add("500", newNode(t, replay.FaultStatus(500)).URL, "HTTP 500")
	add("garbage", newNode(t, replay.FaultGarbage()).URL, "JSON is broken")
	add("other", newNode(t, replay.FaultOtherJSON()).URL, "without a nodeID")
	add("huge", newNode(t, replay.FaultHuge(100<<20)).URL, "larger than 8 MiB")
	add("loop", newNode(t, replay.FaultRedirectLoop()).URL, "redirects more than")
	add("elsewhere", newNode(t, replay.FaultRedirectTo(good.URL)).URL, "redirects to another address")
	add("cut", newNode(t, replay.FaultCutBody()).URL, "broke off")
	add("stalled", stalled.URL, "no complete answer after")
	add("refused", gone.URL, "refused")
	add("tls", secure.URL, "certificate")
	add("nowhere", "http://no-such-host.invalid:14002", "no-such-host.invalid")

	s := often(nodes...)
	s.InteractiveTimeout, s.BackgroundTimeout = 2*time.Second, 2*time.Second
	f := configure(t, newRegistry(t, "", nil), s)
	hasState(t, f, "good", concern.Connected)
	for name, text := range says {
		var status fleet.Status
		becomes(t, name+" says "+text, func() (string, bool) {
			status = statusOf(f, name)
			return fmt.Sprintf("but %+v", status), status.State == concern.Unreachable && strings.Contains(status.LastError, text)
		})
		if !status.LastSuccess.IsZero() || status.Trouble() != status.LastError {
			t.Errorf("%s: %+v", name, status)
		}
		if strings.Contains(status.LastError, "SECRET") {
			t.Errorf("%s: the answer's body is shown: %s", name, status.LastError)
		}
	}
	// The good one is polled all the while, and the others are not hammered.
	before := good.statuses.Load()
	eventually(t, "the good node is polled on", func() bool { return good.statuses.Load() > before+5 })
	if status := statusOf(f, "good"); status.State != concern.Connected || status.LastError != "" {
		t.Errorf("%+v", status)
	}
}

func TestANodeComesAndGoes(t *testing.T) {
	n := newNode(t, replay.FaultStatus(500))
	f := configure(t, newRegistry(t, "", nil), often(at("A", n)))
	hasState(t, f, "A", concern.Unreachable)
	if points(t, f, "A") != 0 {
		t.Error("scores of a node that never answered")
	}
	n.serve(healthy(t, idX))
	hasState(t, f, "A", concern.Connected)
	status := statusOf(f, "A")
	if status.LastError != "" || status.Facts.NodeID != idX || status.Facts.Version != "1.162.3" || status.LastSuccess.IsZero() || status.Since.IsZero() {
		t.Errorf("%+v", status)
	}
	hasAudit(t, f, "A", healthyAudit)
	n.serve(replay.FaultHTML())
	hasState(t, f, "A", concern.Unreachable)
	if status := statusOf(f, "A"); status.Facts.NodeID != idX || status.LastSuccess.IsZero() {
		t.Errorf("what is known is gone: %+v", status)
	}
	if audit := auditOf(t, f, "A"); audit != healthyAudit {
		t.Errorf("the last scores are gone: %v", audit)
	}
	n.serve(healthy(t, idX))
	hasState(t, f, "A", concern.Connected)
}

// A slow node is slow while it lets us wait, and after it answered late.
func TestSlowNodes(t *testing.T) {
	late := newNode(t, replay.FaultSlow(400*time.Millisecond, healthy(t, idX)))
	never := newNode(t, replay.FaultSlow(time.Hour, healthy(t, idY)))
	s := seldom(at("late", late), at("never", never))
	s.InteractiveTimeout, s.BackgroundTimeout = 100*time.Millisecond, time.Minute
	f := configure(t, newRegistry(t, "", nil), s)
	hasState(t, f, "never", concern.Slow)
	if status := statusOf(f, "never"); status.Trouble() == "" || !status.LastSuccess.IsZero() || status.Since.Before(status.Started.Add(s.InteractiveTimeout)) {
		t.Errorf("%+v", status)
	}
	eventually(t, "the late node has answered", func() bool { return !statusOf(f, "late").LastSuccess.IsZero() })
	if status := statusOf(f, "late"); status.State != concern.Slow || status.LastError != "" {
		t.Errorf("%+v", status)
	}
}

// A part that fails is said until that very part goes well again.
func TestAPartThatFails(t *testing.T) {
	n := newNode(t, replay.FaultOn("/api/sno/satellite", replay.FaultStatus(500), healthy(t, idX)))
	s := often(at("A", n))
	s.Poll.Scores = 10 * time.Second // retried with backoff, the status meanwhile polled often
	f := configure(t, newRegistry(t, "", nil), s)
	hasState(t, f, "A", concern.Connected)
	eventually(t, "the failure is said", func() bool { return strings.Contains(statusOf(f, "A").LastError, "HTTP 500") })
	before := n.statuses.Load()
	eventually(t, "the status is polled on", func() bool {
		if statusOf(f, "A").LastError == "" {
			t.Fatal("a status that came made the failing scores forgotten")
		}
		return n.statuses.Load() > before+5
	})
	n.serve(healthy(t, idX))
	eventually(t, "the failure is over", func() bool { return statusOf(f, "A").LastError == "" })
	hasAudit(t, f, "A", healthyAudit)
}

// One satellite that always fails is tried with backoff, and does not make the node
// be asked without end.
func TestOneFailingSatelliteIsBackedOff(t *testing.T) {
	n := newNode(t, replay.FaultOn("/api/sno/satellite/1x", replay.FaultStatus(404), healthy(t, idX)))
	f := configure(t, newRegistry(t, "", nil), seldom(at("A", n)))
	hasAudit(t, f, "A", healthyAudit)
	eventually(t, "it is tried again", func() bool { return n.scores.Load() >= 5 })
	// With doubled pauses from 20 ms on, the n-th try is not before (2ⁿ⁻¹-1)×20 ms.
	started := statusOf(f, "A").Started
	if tries, after := n.scores.Load(), time.Since(started); after < (1<<(tries-1)-1)*20*time.Millisecond {
		t.Errorf("%d tries in %v", tries, after)
	}
	if statuses, scores := n.statuses.Load(), n.scores.Load(); statuses > scores+1 {
		t.Errorf("%d requests for the status, %d for scores", statuses, scores)
	}
}

// After a long outage the scores come with the first answer, not at the end of
// their own backoff.
func TestScoresComeWithTheFirstAnswer(t *testing.T) {
	n := newNode(t, replay.FaultStatus(500))
	s := often(at("A", n))
	s.Poll.Scores, s.Poll.Payouts = time.Hour, time.Hour
	f := configure(t, newRegistry(t, "", nil), s)
	eventually(t, "many failures", func() bool { return n.statuses.Load() > 20 })
	n.serve(healthy(t, idX))
	hasAudit(t, f, "A", healthyAudit)
	if status := statusOf(f, "A"); status.Facts.EstimatedCents == nil {
		t.Error("the payout did not come")
	}
	if n.scores.Load() != 1 {
		t.Errorf("%d requests for scores", n.scores.Load())
	}
}

func TestReconfigure(t *testing.T) {
	a, b, c := newNode(t, healthy(t, idX)), newNode(t, healthy(t, idY)), newNode(t, degraded(t, idZ))
	r := newRegistry(t, t.TempDir(), nil)
	f := configure(t, r, seldom(at("A", a), at("B", b)))
	hasAudit(t, f, "A", healthyAudit)
	hasAudit(t, f, "B", healthyAudit)
	started := statusOf(f, "A").Started
	untouched := func(what string) {
		t.Helper()
		if got := statusOf(f, "A"); !got.Started.Equal(started) || a.statuses.Load() != 1 {
			t.Errorf("%s: A was interrupted: started %v, was %v; %d requests", what, got.Started, started, a.statuses.Load())
		}
	}

	same := configure(t, r, seldom(at("A", a), at("B", b)))
	if same != f {
		t.Error("another fleet for the same data source")
	}
	untouched("the same settings")

	configure(t, r, seldom(at("A", a), at("B", b), at("C", c)))
	hasAudit(t, f, "C", degradedAudit)
	untouched("a node more")
	if b.statuses.Load() != 1 {
		t.Error("B was interrupted")
	}

	configure(t, r, seldom(at("C", c), at("A", a)))
	untouched("another order and a node less")
	if names := []string{f.Statuses()[0].Name, f.Statuses()[1].Name}; !slices.Equal(names, []string{"C", "A"}) {
		t.Errorf("nodes %q", names)
	}
	if _, err := f.Answer(t.Context(), []byte(`{"queryType":"nodes","nodes":["B"]}`), time.Now(), time.Now(), 0, 0); err == nil || !strings.Contains(err.Error(), `there is no node "B"; the nodes are C, A`) {
		t.Errorf("error %v", err)
	}

	// Limits, muting and maintenance hold at once, without a new poll.
	stricter := at("A", a)
	stricter.Thresholds = settings.Thresholds{AuditWarning: 99.9, AuditCritical: 99, OnlineWarning: 95, SuspensionCritical: 60}
	configure(t, r, seldom(stricter, at("C", c)))
	untouched("other limits")
	frames := ask(t, f, `{"queryType":"reputation","nodes":["A"],"metrics":["audit_score_percent"],"format":"instant"}`)
	if steps := frames[0].Fields[2].Config.Thresholds.Steps; float64(steps[2].Value) != 99.9 || float64(steps[1].Value) != 99 {
		t.Errorf("thresholds %+v", steps)
	}

	// Another address is another worker.
	moved := at("A", newNode(t, degraded(t, idX)))
	configure(t, r, seldom(moved, at("C", c)))
	hasAudit(t, f, "A", degradedAudit)
	if c.statuses.Load() != 1 {
		t.Error("C was interrupted")
	}

	// What concerns all requests restarts all.
	faster := seldom(moved, at("C", c))
	faster.Poll.Status = 50 * time.Millisecond
	configure(t, r, faster)
	eventually(t, "C is polled anew", func() bool { return c.statuses.Load() > 3 })
	if a.statuses.Load() != 1 {
		t.Error("the old address of A is asked on")
	}
}

func TestARenamedNodeKeepsItsHistory(t *testing.T) {
	x, y := newNode(t, degraded(t, idX)), newNode(t, healthy(t, idY))
	r := newRegistry(t, t.TempDir(), nil)
	f := configure(t, r, seldom(at("A", x)))
	hasAudit(t, f, "A", degradedAudit)
	before := points(t, f, "A")

	// Renamed, while its node hangs for the time of the scores: the history is there
	// as soon as it said who it is.
	x.serve(replay.FaultOn("/api/sno/satellite", replay.FaultSlow(time.Hour, http.NotFoundHandler()), degraded(t, idX)))
	configure(t, r, seldom(at("B", x)))
	hasAudit(t, f, "B", degradedAudit)
	if after := points(t, f, "B"); after < before || before == 0 {
		t.Errorf("%d points, there were %d", after, before)
	}

	// Another node under the old name begins its own.
	y.serve(replay.FaultStatus(500))
	configure(t, r, seldom(at("B", x), at("A", y)))
	hasState(t, f, "A", concern.Unreachable)
	if audit := auditOf(t, f, "A"); audit != -1 {
		t.Errorf("A has the audit score %v before its node said anything", audit)
	}
	y.serve(healthy(t, idY))
	hasAudit(t, f, "A", healthyAudit)
	hasAudit(t, f, "B", degradedAudit)
}

// In one go: a node is renamed, and another one takes its name.
func TestANameThatAnotherNodeTakes(t *testing.T) {
	x, y := newNode(t, degraded(t, idX)), newNode(t, healthy(t, idY))
	dir := t.TempDir()
	r := newRegistry(t, dir, nil)
	f := configure(t, r, seldom(at("A", x)))
	hasAudit(t, f, "A", degradedAudit)
	configure(t, r, seldom(at("A", y), at("B", x)))
	hasAudit(t, f, "A", healthyAudit)
	hasAudit(t, f, "B", degradedAudit)
	hasState(t, f, "A", concern.Connected)
	hasState(t, f, "B", concern.Connected)
	closeRegistry(t, r)

	// After a restart, before any answer, each has what is its own.
	x.serve(replay.FaultStatus(500))
	y.serve(replay.FaultStatus(500))
	again := newRegistry(t, dir, nil)
	f = configure(t, again, seldom(at("A", y), at("B", x)))
	if a, b := auditOf(t, f, "A"), auditOf(t, f, "B"); a != healthyAudit || b != degradedAudit {
		t.Errorf("A %v, B %v", a, b)
	}
	if a, b := statusOf(f, "A").Facts.NodeID, statusOf(f, "B").Facts.NodeID; a != idY || b != idX {
		t.Errorf("A is %s, B is %s", a, b)
	}
}

// The same, while the other node does not answer: until it says who it is, it must
// not be shown with the history that its name once had.
func TestANameOfANodeThatIsNotThereYet(t *testing.T) {
	x, y := newNode(t, degraded(t, idX)), newNode(t, replay.FaultStatus(500))
	r := newRegistry(t, t.TempDir(), nil)
	f := configure(t, r, seldom(at("A", x)))
	hasAudit(t, f, "A", degradedAudit)
	configure(t, r, seldom(at("A", y), at("B", x)))
	hasAudit(t, f, "B", degradedAudit)
	hasState(t, f, "B", concern.Connected)
	if audit, id := auditOf(t, f, "A"), statusOf(f, "A").Facts.NodeID; audit != -1 || id != "" {
		t.Errorf("A is shown with B's scores (%v) and id (%q)", audit, id)
	}
	y.serve(healthy(t, idY))
	hasAudit(t, f, "A", healthyAudit)
	hasAudit(t, f, "B", degradedAudit)
}

func TestTwoNamesThatAreExchanged(t *testing.T) {
	x, y := newNode(t, degraded(t, idX)), newNode(t, healthy(t, idY))
	r := newRegistry(t, t.TempDir(), nil)
	f := configure(t, r, seldom(at("A", x), at("B", y)))
	hasAudit(t, f, "A", degradedAudit)
	hasAudit(t, f, "B", healthyAudit)
	// No scores come any more: what is shown is the histories.
	for n, id := range map[*node]string{x: idX, y: idY} {
		n.serve(replay.FaultOn("/api/sno/satellite", replay.FaultStatus(500), healthy(t, id)))
	}
	configure(t, r, seldom(at("A", y), at("B", x)))
	hasAudit(t, f, "A", healthyAudit)
	hasAudit(t, f, "B", degradedAudit)
	hasState(t, f, "A", concern.Connected)
	hasState(t, f, "B", concern.Connected)
	if a, b := statusOf(f, "A").Facts.NodeID, statusOf(f, "B").Facts.NodeID; a != idY || b != idX {
		t.Errorf("A is %s, B is %s", a, b)
	}
}

// The same node given twice: two histories, and no fight over one.
func TestTwoNodesOfOneID(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	r := newRegistry(t, t.TempDir(), nil)
	f := configure(t, r, seldom(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)
	configure(t, r, seldom(at("A", n), at("B", n)))
	hasAudit(t, f, "B", degradedAudit)
	n.serve(replay.FaultStatus(500))
	configure(t, r, seldom(at("A", n), at("B", n)))
	if a, b := auditOf(t, f, "A"), auditOf(t, f, "B"); a != degradedAudit || b != degradedAudit {
		t.Errorf("A %v, B %v", a, b)
	}
}

// The machine behind an address is exchanged: the new node does not go on in the
// old one's history.
func TestAnotherNodeBehindTheAddress(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	f := configure(t, newRegistry(t, "", nil), often(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)
	n.serve(replay.FaultOn("/api/sno/satellite", replay.FaultStatus(500), healthy(t, idY)))
	hasAudit(t, f, "A", -1)
	n.serve(degraded(t, idX))
	hasAudit(t, f, "A", degradedAudit)
}

func TestResumeCollectsWithoutARequest(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	dir := t.TempDir()
	r := newRegistry(t, dir, nil)
	f := configure(t, r, often(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)
	closeRegistry(t, r)
	before := n.statuses.Load()

	again := newRegistry(t, dir, nil)
	if err := again.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is polled", func() bool { return n.statuses.Load() > before })

	// And what was stored is there for the first question, though the node is down.
	closeRegistry(t, again)
	n.serve(replay.FaultStatus(500))
	third := newRegistry(t, dir, nil)
	if err := third.Resume(); err != nil {
		t.Fatal(err)
	}
	f = configure(t, third, seldom(at("A", n)))
	if audit := auditOf(t, f, "A"); audit != degradedAudit || points(t, f, "A") == 0 {
		t.Errorf("audit %v, %d points", audit, points(t, f, "A"))
	}
	if status := statusOf(f, "A"); status.Facts.NodeID != idX || status.LastSuccess.IsZero() {
		t.Errorf("%+v", status)
	}
}

// The first request after a restart makes an instance with the same settings: what
// was resumed goes on.
func TestAResumedFleetIsNotInterrupted(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	dir := t.TempDir()
	s := seldom(at("A", n))
	r := newRegistry(t, dir, nil)
	hasAudit(t, configure(t, r, s), "A", degradedAudit)
	closeRegistry(t, r)

	again := newRegistry(t, dir, nil)
	if err := again.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is polled", func() bool { return n.statuses.Load() == 2 })
	f := configure(t, again, s)
	hasState(t, f, "A", concern.Connected)
	if n.statuses.Load() != 2 {
		t.Errorf("%d requests, want one each run", n.statuses.Load())
	}
}

func TestResumeSaysWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	n := newNode(t, healthy(t, idX))
	r := newRegistry(t, dir, nil)
	hasAudit(t, configure(t, r, seldom(at("A", n))), "A", healthyAudit)
	closeRegistry(t, r)
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "org1-bad"), 0o700), os.WriteFile(filepath.Join(dir, "org1-bad", "fleet.json"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	before := n.statuses.Load()
	again := newRegistry(t, dir, nil)
	if err := again.Resume(); err == nil || !strings.Contains(err.Error(), "org1-bad") {
		t.Errorf("error %v", err)
	}
	eventually(t, "the other fleet runs", func() bool { return n.statuses.Load() > before })
}

func TestWhatIsKept(t *testing.T) {
	dir := t.TempDir()
	n := newNode(t, healthy(t, idX))
	configure(t, newRegistry(t, dir, nil), seldom(at("A", n)))
	file := filepath.Join(dir, "org1-fleet", "fleet.json")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Org      int64
		UID      string
		Asked    time.Time
		Settings json.RawMessage
	}
	if err := json.Unmarshal(content, &kept); err != nil {
		t.Fatal(err)
	}
	loaded, _ := settings.Load(kept.Settings)
	if kept.Org != 1 || kept.UID != "fleet" || time.Since(kept.Asked) > time.Minute || len(loaded.Nodes) != 1 || loaded.Nodes[0].API != n.URL {
		t.Errorf("%s", content)
	}
	for path, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if left, _ := filepath.Glob(file + ".tmp*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestKeysBecomeFolders(t *testing.T) {
	dir := t.TempDir()
	r := newRegistry(t, dir, nil)
	for _, k := range []fleet.Key{{Org: 1, UID: "a_B-9"}, {Org: 2, UID: "a_B-9"}, {Org: 1, UID: "../../evil"}, {Org: 1, UID: ""}} {
		if _, err := r.Configure(k, seldom(), settings.Report{}); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	if diff := cmp.Diff([]string{"org1-a_B-9", "org1-x", "org1-x2e2e2f2e2e2f6576696c", "org2-a_B-9"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestAFleetThatNobodyAsksStops(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	dir, c := t.TempDir(), &clock{}
	r := newRegistry(t, dir, c.now)
	f := configure(t, r, often(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)

	c.advance(29 * 24 * time.Hour)
	r.StopUnasked()
	before := n.statuses.Load()
	eventually(t, "it still runs after 29 days", func() bool { return n.statuses.Load() > before+2 })

	c.advance(2 * 24 * time.Hour)
	r.StopUnasked()
	stopped := n.statuses.Load()
	if status := statusOf(f, "A"); status.State != concern.Connecting || status.Endpoint != "" {
		t.Errorf("after 31 days: %+v", status)
	}
	lock, err := store.Open(store.Options{Dir: filepath.Join(dir, "org1-fleet")})
	if err != nil {
		t.Fatalf("the store is still held: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if now := n.statuses.Load(); now != stopped {
		t.Errorf("%d requests after it stopped", now-stopped)
	}

	// After a restart it is not resumed.
	closeRegistry(t, r)
	again := newRegistry(t, dir, c.now)
	if err := again.Resume(); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Open(store.Options{Dir: filepath.Join(dir, "org1-fleet")}); err != nil {
		t.Errorf("resumed after 31 days: %v", err)
	} else if err := got.Close(); err != nil {
		t.Fatal(err)
	}

	// Somebody asks: the history is there, and collecting goes on.
	f = configure(t, again, often(at("A", n)))
	if audit := auditOf(t, f, "A"); audit != degradedAudit {
		t.Errorf("audit %v", audit)
	}
	eventually(t, "it is polled again", func() bool { return n.statuses.Load() > stopped+2 })
}

// The same fleet, stopped and asked again without a new instance.
func TestAQuestionStartsAStoppedFleet(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	c := &clock{}
	r := newRegistry(t, t.TempDir(), c.now)
	f := configure(t, r, often(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)
	for range 3 {
		c.advance(31 * 24 * time.Hour)
		r.StopUnasked()
		if audit := auditOf(t, f, "A"); audit != degradedAudit {
			t.Errorf("audit %v", audit)
		}
		before := n.statuses.Load()
		eventually(t, "it is polled again", func() bool { return n.statuses.Load() > before+2 })
	}
}

// Stops, questions and new settings at the same time: nothing fails, nothing is
// left without workers, and nothing runs twice.
func TestStopsAndQuestionsAtOnce(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	c := &clock{}
	r := newRegistry(t, t.TempDir(), c.now)
	f := configure(t, r, often(at("A", n)))
	hasAudit(t, f, "A", degradedAudit)
	var group sync.WaitGroup
	end := time.Now().Add(time.Second)
	repeat := func(what func(i int)) {
		group.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				what(i)
			}
		})
	}
	repeat(func(int) {
		c.advance(31 * 24 * time.Hour)
		r.StopUnasked()
	})
	for range 2 {
		repeat(func(int) {
			if _, err := f.Reputation(t.Context(), nil); err != nil && !errors.Is(err, store.ErrClosed) {
				t.Errorf("a question failed: %v", err)
			}
		})
	}
	repeat(func(i int) {
		nodes := []settings.Node{at("A", n)}
		if i%2 == 0 {
			nodes = append(nodes, at("B", n))
		}
		if _, err := r.Configure(key, often(nodes...), settings.Report{}); err != nil {
			t.Error(err)
		}
	})
	repeat(func(int) { f.Statuses() })
	group.Wait()
	configure(t, r, often(at("A", n)))
	before := n.statuses.Load()
	eventually(t, "it is polled on", func() bool { return n.statuses.Load() > before+2 })
	hasState(t, f, "A", concern.Connected)
}

func TestCloseLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	good, hanging := newNode(t, healthy(t, idX)), newNode(t, replay.FaultStalledBody())
	s := often(at("A", good), at("B", hanging), settings.Node{Name: "C", Log: settings.Source{Kind: settings.LogFile, Path: "/no/such.log"}})
	s.BackgroundTimeout = time.Minute
	s.APIPort = closedPort(t)
	dir := t.TempDir()
	r := fleet.NewRegistry(fleet.Options{Dir: dir})
	f := configure(t, r, s)
	hasAudit(t, f, "A", healthyAudit)
	eventually(t, "a request hangs", func() bool { return hanging.statuses.Load() > 0 })
	started := time.Now()
	closeRegistry(t, r)
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("closing took %v", took)
	}
	closeRegistry(t, r) // again is nothing

	// Who asks now gets an answer, and starts nothing.
	if _, err := f.Reputation(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("error %v", err)
	}
	if _, err := r.Configure(key, s, settings.Report{}); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("error %v", err)
	}
	f.Statuses()
	f.Check(t.Context())
	polled := good.statuses.Load()

	// The connections end with their servers; everything else ends by itself.
	good.CloseClientConnections()
	hanging.CloseClientConnections()
	good.Close()
	hanging.Close()
	becomes(t, "every goroutine ends", func() (string, bool) {
		left := goleak.Find(before)
		return fmt.Sprint(left), left == nil
	})
	if good.statuses.Load() != polled {
		t.Error("the node is asked after the end")
	}
	opened, err := store.Open(store.Options{Dir: filepath.Join(dir, "org1-fleet")})
	if err != nil {
		t.Fatalf("the store is still held: %v", err)
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

// odd panics in whatever way it is told to, and records in the other cases.
type odd struct {
	concern.Concern // whatever else a concern has to say

	panics  *atomic.Bool
	records *atomic.Int64
}

func (o odd) Record(concern.Node, concern.Poll, *store.Store, *store.Batch) error {
	if o.panics != nil && o.panics.Load() {
		panic("an odd answer")
	}
	o.records.Add(1)
	return nil
}
func (odd) Policies(settings.Retention) map[string]store.Policy { return nil }

func (odd) Types() []concern.Type { return nil }

func TestAPanicInAConcern(t *testing.T) {
	var panics atomic.Bool
	var badly, well atomic.Int64
	panics.Store(true)
	defer fleet.SetConcerns(odd{reputation.Concern{}, &panics, &badly}, odd{reputation.Concern{}, nil, &well})()
	n := newNode(t, healthy(t, idX))
	r := fleet.NewRegistry(fleet.Options{})
	defer closeRegistry(t, r)
	f := configure(t, r, often(at("A", n)))
	eventually(t, "the other concern records on", func() bool { return well.Load() > 3 })
	status := statusOf(f, "A")
	if status.State != concern.Connected || !strings.Contains(status.LastError, "an error in the plugin: an odd answer") || status.Facts.NodeID != idX {
		t.Errorf("%+v", status)
	}
	if counted := r.Stores()[0].Panics; counted == 0 {
		t.Error("no panic was counted")
	}
	panics.Store(false)
	eventually(t, "it records again", func() bool { return badly.Load() > 0 && statusOf(f, "A").LastError == "" })
}

func TestASecondProcessWaitsForTheStore(t *testing.T) {
	n := newNode(t, degraded(t, idX))
	dir := t.TempDir()
	first := newRegistry(t, dir, nil)
	hasAudit(t, configure(t, first, often(at("A", n))), "A", degradedAudit)

	second := newRegistry(t, dir, nil)
	f := configure(t, second, often(at("A", n)))
	_, err := f.Reputation(t.Context(), nil)
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.Owner.PID != os.Getpid() {
		t.Fatalf("error %v", err)
	}
	check := checkNamed(t, f.Check(t.Context()), "", "store")
	if check.Verdict != fleet.Failure || !strings.Contains(check.Message, fmt.Sprintf("process %d", os.Getpid())) || !strings.Contains(check.Mend, "takes over by itself") {
		t.Errorf("%+v", check)
	}
	if status := statusOf(f, "A"); status.State != concern.Connecting {
		t.Errorf("%+v", status)
	}
	closeRegistry(t, first)
	eventually(t, "the second takes over", func() bool {
		_, err := f.Reputation(t.Context(), nil)
		return err == nil
	})
	hasAudit(t, f, "A", degradedAudit)
	if check := checkNamed(t, f.Check(t.Context()), "", "store"); check.Verdict != fleet.OK {
		t.Errorf("%+v", check)
	}
}

func TestAStoreOfANewerVersionIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "org1-fleet")
	content := "*3\r\n$3\r\nset\r\n$8\r\nm:format\r\n$18\r\n99 crc32c:5a83b949\r\n"
	file := filepath.Join(folder, store.FileName)
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, healthy(t, idX))
	f := configure(t, newRegistry(t, dir, nil), often(at("A", n)))
	var newer *store.NewerFormatError
	if _, err := f.Reputation(t.Context(), nil); !errors.As(err, &newer) {
		t.Fatalf("error %v", err)
	}
	check := checkNamed(t, f.Check(t.Context()), "", "store")
	if check.Verdict != fleet.Failure || !strings.Contains(check.Mend, "newer version") {
		t.Errorf("%+v", check)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != content {
		t.Errorf("the file is now %q, %v", got, err)
	}
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	logger := &countingLogger{Logger: log.NewNullLogger()}
	r := fleet.NewRegistry(fleet.Options{Dir: file, Logger: logger})
	defer closeRegistry(t, r)
	f := configure(t, r, often())
	for range 20 {
		if _, err := f.Reputation(t.Context(), nil); err == nil {
			t.Fatal("a store without a folder")
		}
	}
	if n := logger.errors.Load(); n < 1 || n > 4 {
		t.Errorf("%d errors are logged for one thing that is wrong", n)
	}
}

// countingLogger counts the errors that are logged.
type countingLogger struct {
	log.Logger
	errors atomic.Int64
}

func (l *countingLogger) Error(string, ...any)   { l.errors.Add(1) }
func (l *countingLogger) With(...any) log.Logger { return l }
