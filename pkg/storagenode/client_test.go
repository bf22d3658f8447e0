package storagenode_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// The two satellites of the recordings.
const (
	satellite0 = "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF"
	satellite1 = "1ds2WEsr2Frv8AFcPkdHfCdUjDrnGpb6y4rpADpX32TXzxg57k"
)

// recordedAnswers are all recordings of one answer.
func recordedAnswers(file string) []string {
	var found []string
	for _, state := range replay.States() {
		if body, err := fs.ReadFile(state.FS, file); err == nil {
			found = append(found, string(body))
		}
	}
	return found
}

func state(t *testing.T, name string) replay.State {
	t.Helper()
	for _, state := range replay.States() {
		if state.Name == name {
			return state
		}
	}
	t.Fatalf("no recorded state %s", name)
	return replay.State{}
}

func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func newClient(t *testing.T, endpoint string, timeout time.Duration) *storagenode.Client {
	t.Helper()
	hc, err := storagenode.HTTPClient(timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hc.CloseIdleConnections)
	client, err := storagenode.NewClient(endpoint, hc)
	if err != nil {
		t.Fatal(err)
	}
	client.InsideContainer = false
	return client
}

func at(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return at
}

// seen is what a test compares of a satellite's scores.
type seen struct {
	ID                                  string
	Contacted                           bool
	Audit, Suspension, Online           float64
	Disqualified, Suspended, Vetted     bool
	Joined, OfflineNotified, HasHistory bool
}

func look(scores storagenode.Scores) []seen {
	var all []seen
	for _, s := range scores.Satellites {
		all = append(all, seen{
			s.ID, s.Contacted, s.Audit, s.Suspension, s.Online,
			!s.DisqualifiedAt.IsZero(), !s.SuspendedAt.IsZero(), !s.VettedAt.IsZero(),
			!s.JoinedAt.IsZero(), s.OfflineNotified, len(s.History.Windows) > 0,
		})
	}
	return all
}

func TestScoresOfEveryRecordedState(t *testing.T) {
	good := func(id string) seen {
		return seen{ID: id, Contacted: true, Audit: 1, Suspension: 1, Online: 1, Vetted: true, Joined: true, HasHistory: true}
	}
	with := func(s seen, change func(*seen)) seen { change(&s); return s }
	cases := map[string][]seen{
		"02-healthy/node0": {good(satellite0), good(satellite1)},
		"02-healthy/node1": {good(satellite0), good(satellite1)},
		"03-degraded-audit-unknownsuspended/node2": {
			with(good(satellite0), func(s *seen) { s.Suspension, s.Suspended = 0.5417746465001458, true }),
			good(satellite1),
		},
		"03-degraded-audit-unknownsuspended/node4": {
			with(good(satellite0), func(s *seen) { s.Audit = 0.9722331871641523 }), good(satellite1),
		},
		"04-disqualified/node3": {
			with(good(satellite0), func(s *seen) { s.Audit, s.Disqualified = 0.959809440525076, true }), good(satellite1),
		},
		"05-overused-disk/node4": {
			with(good(satellite0), func(s *seen) { s.Audit = 0.9723633742935571 }), good(satellite1),
		},
		"06-offline-stray-dq/node5": {
			with(good(satellite0), func(s *seen) { s.Online, s.Disqualified = 0.17647058823529413, true }),
			with(good(satellite1), func(s *seen) { s.Online, s.Disqualified = 0.1875, true }),
		},
		"10-offline-suspended/node6": {
			with(good(satellite0), func(s *seen) { s.Online, s.OfflineNotified = 0, true }),
			with(good(satellite1), func(s *seen) { s.Online, s.OfflineNotified, s.Vetted = 0, true, false }),
		},
		"13-never-contacted-satellites/node7": {{}, {}},
	}
	for _, state := range replay.States() {
		name := state.Name + "/" + state.Node
		t.Run(name, func(t *testing.T) {
			want, known := cases[name]
			if !known {
				t.Fatal("a recorded state without an expectation")
			}
			client := newClient(t, serve(t, replay.Handler(state.FS)).URL, 10*time.Second)
			status, err := client.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if status.NodeID == "" || status.Version != "1.162.3" || status.DiskSpace.Total() == 0 {
				t.Errorf("status %+v", status)
			}
			scores, err := client.Scores(t.Context(), status)
			if err != nil {
				t.Fatal(err)
			}
			if len(scores.Errors) > 0 || !scores.NotificationsRead {
				t.Errorf("errors %v, notifications read %v", scores.Errors, scores.NotificationsRead)
			}
			if diff := cmp.Diff(want, look(scores), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Error(diff)
			}
			if _, err := client.EstimatedPayout(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Scores of 0/0/0 from a satellite that the node was never in contact with are no
// scores: neither where its own answer has no join date, although the node lists it,
// nor where only the summary over all satellites answers.
func TestANeverContactedSatelliteGivesNoScores(t *testing.T) {
	const never = "0001-01-01T00:00:00Z"
	node := func(detail, summary string) fstest.MapFS {
		return fstest.MapFS{
			"sno.json":                {Data: []byte(`{"nodeID":"n","satellites":[{"id":"` + satellite0 + `","url":"sat:7777","disqualified":null,"suspended":null,"vettedAt":null}]}`)},
			"satellites.json":         {Data: []byte(`{"audits":[{"auditScore":` + summary + `,"suspensionScore":` + summary + `,"onlineScore":` + summary + `,"satelliteName":"sat:7777"}]}`)},
			"satellite_0.json":        {Data: []byte(detail)},
			"notifications_list.json": {Data: []byte(`{"page":{"notifications":null}}`)},
		}
	}
	detail := func(joined, score string) string {
		return `{"id":"` + satellite0 + `","audits":{"auditScore":` + score + `,"suspensionScore":` + score + `,"onlineScore":` + score + `,"satelliteName":"sat:7777"},"auditHistory":{"score":0,"windows":null},"nodeJoinedAt":"` + joined + `"}`
	}
	cases := []struct {
		name      string
		node      fs.FS
		broken    bool // the satellite's own answer is a 500
		contacted bool
	}{
		{"never joined", node(detail(never, "0"), "0"), false, false},
		{"never joined, and the summary has scores", node(detail(never, "0"), "1"), false, false},
		{"joined, and at zero", node(detail("2026-01-02T03:04:05Z", "0"), "0"), false, true},
		{"only the summary, at zero", node(detail(never, "0"), "0"), true, false},
		{"only the summary, with scores", node(detail(never, "0"), "1"), true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			handler := replay.Handler(c.node)
			if c.broken {
				handler = replay.FaultOn("/api/sno/satellite/"+satellite0, replay.FaultStatus(500), handler)
			}
			client := newClient(t, serve(t, handler).URL, 10*time.Second)
			status, err := client.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			scores, err := client.Scores(t.Context(), status)
			if err != nil {
				t.Fatal(err)
			}
			if len(scores.Satellites) != 1 {
				t.Fatalf("%d satellites: %+v", len(scores.Satellites), scores.Satellites)
			}
			got := scores.Satellites[0]
			if got.Contacted != c.contacted || (got.Err != nil) != c.broken {
				t.Errorf("contacted %v with the scores %v/%v/%v, error %v; want contacted %v", got.Contacted, got.Audit, got.Suspension, got.Online, got.Err, c.contacted)
			}
		})
	}
}

func TestANeverContactedSatelliteIsNamedByItsAddress(t *testing.T) {
	client := newClient(t, serve(t, replay.Handler(fstest.MapFS{
		"sno.json":                {Data: []byte(`{"nodeID":"n","satellites":null}`)},
		"satellites.json":         {Data: []byte(`{"audits":[{"auditScore":0,"suspensionScore":0,"onlineScore":0,"satelliteName":"us1.storj.io:7777"}]}`)},
		"notifications_list.json": {Data: []byte(`{"page":{"notifications":null}}`)},
	})).URL, 10*time.Second)
	scores, err := client.Scores(t.Context(), storagenode.Status{})
	if err != nil {
		t.Fatal(err)
	}
	want := []storagenode.SatelliteScores{{Name: "us1", URL: "us1.storj.io:7777"}}
	if diff := cmp.Diff(want, scores.Satellites); diff != "" {
		t.Error(diff)
	}
}

func TestStatusOfARecordedNode(t *testing.T) {
	client := newClient(t, serve(t, replay.Handler(state(t, "04-disqualified").FS)).URL+"/", 10*time.Second)
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := storagenode.Status{
		NodeID: "1qzk4ELvq8Szub2w2SqBRTkJ7QJXYSZJcRdkxD7qno8eDFnPnk",
		Satellites: []storagenode.SatelliteRef{
			{ID: satellite0, URL: "127.0.0.1:17010", Disqualified: at("2026-11-22T22:30:25.807653Z"), VettedAt: at("2026-11-22T22:27:00.676956Z")},
			{ID: satellite1, URL: "127.0.0.1:17011", VettedAt: at("2026-11-22T22:27:06.744484Z")},
		},
		DiskSpace:  storagenode.NewDiskSpace(2000000000, 205933568, 1768802304, 0, 143110912, 0),
		Bandwidth:  storagenode.Bandwidth{Used: 104916480},
		LastPinged: at("2026-11-22T22:30:59.32747201Z"),
		Version:    "1.162.3", AllowedVersion: "1.150.0", UpToDate: true,
		StartedAt:  at("2026-11-22T22:25:23.757566109Z"),
		QUICStatus: "OK", LastQUICPing: at("2026-11-22T22:30:53.822448531Z"),
	}
	if since := time.Since(status.ServerTime); since < -time.Minute || since > time.Minute {
		t.Errorf("the server's clock is %v", status.ServerTime)
	}
	status.ServerTime = time.Time{}
	if diff := cmp.Diff(want, status, cmp.Comparer(func(a, b storagenode.DiskSpace) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestOneFailingSatelliteLeavesTheOthers(t *testing.T) {
	recorded := replay.Handler(state(t, "04-disqualified").FS)
	client := newClient(t, serve(t, replay.FaultOn("/api/sno/satellite/"+satellite0, replay.FaultStatus(500), recorded)).URL, 10*time.Second)
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scores, err := client.Scores(t.Context(), status)
	if err != nil {
		t.Fatal(err)
	}
	want := []seen{
		// From the summary: no join date, no history.
		{ID: satellite0, Contacted: true, Audit: 0.959809440525076, Suspension: 1, Online: 1, Disqualified: true, Vetted: true},
		{ID: satellite1, Contacted: true, Audit: 1, Suspension: 1, Online: 1, Vetted: true, Joined: true, HasHistory: true},
	}
	if diff := cmp.Diff(want, look(scores)); diff != "" {
		t.Error(diff)
	}
	if len(scores.Errors) != 1 || scores.Satellites[0].Err == nil || scores.Satellites[1].Err != nil {
		t.Errorf("errors %v", scores.Errors)
	}
}

func TestScoresOutliveAFailingSummary(t *testing.T) {
	recorded := replay.Handler(state(t, "04-disqualified").FS)
	client := newClient(t, serve(t, replay.FaultOn("/api/sno/satellites", replay.FaultHTML(), recorded)).URL, 10*time.Second)
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scores, err := client.Scores(t.Context(), status)
	if err != nil {
		t.Fatal(err)
	}
	if got := look(scores); len(got) != 2 || !got[0].Contacted || !got[1].Contacted || len(scores.Errors) != 1 {
		t.Errorf("scores %+v, errors %v", got, scores.Errors)
	}
}

func TestWithoutNotificationsNobodyIsClearedOfSuspension(t *testing.T) {
	recorded := replay.Handler(state(t, "10-offline-suspended").FS)
	client := newClient(t, serve(t, replay.FaultOn("/api/notifications/", replay.FaultStatus(500), recorded)).URL, 10*time.Second)
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scores, err := client.Scores(t.Context(), status)
	if err != nil || scores.NotificationsRead || len(scores.Errors) != 1 {
		t.Errorf("err %v, read %v, errors %v", err, scores.NotificationsRead, scores.Errors)
	}
}

func TestASatelliteWithoutAnyAnswerHasNoScores(t *testing.T) {
	recorded := replay.Handler(state(t, "02-healthy").FS)
	broken := replay.FaultOn("/api/sno/satellite", replay.FaultGarbage(), recorded) // both forms
	client := newClient(t, serve(t, broken).URL, 10*time.Second)
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	scores, err := client.Scores(t.Context(), status)
	if err != nil {
		t.Fatal(err)
	}
	for _, satellite := range scores.Satellites {
		if satellite.Contacted || satellite.Err == nil {
			t.Errorf("%+v", satellite)
		}
	}
	if len(scores.Errors) != 3 {
		t.Errorf("errors %v", scores.Errors)
	}
}

func TestEveryPathIsAskedInItsRightForm(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	recorded := replay.Handler(state(t, "10-offline-suspended").FS)
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.String())
		mu.Unlock()
		recorded.ServeHTTP(w, r)
	}))
	client := newClient(t, server.URL, 10*time.Second)
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Scores(t.Context(), status); err != nil {
		t.Fatal(err)
	}
	if _, err := client.EstimatedPayout(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /api/sno/", "GET /api/sno/satellites", "GET /api/sno/satellite/" + satellite0, "GET /api/sno/satellite/" + satellite1,
		"GET /api/notifications/list?limit=50&page=1", "GET /api/sno/estimated-payout",
	}
	if diff := cmp.Diff(want, asked, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Error(diff)
	}
}

func TestNotificationsOfSeveralPages(t *testing.T) {
	pages := func(count int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"page":{"notifications":[{"type":3,"message":"on Satellite s%s"}],"pageCount":%d}}`, r.URL.Query().Get("page"), count)
		})
	}
	for count, want := range map[int]int{0: 1, 1: 1, 3: 3, 1000: 20} {
		client := newClient(t, serve(t, pages(count)).URL, 10*time.Second)
		all, err := client.Notifications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != want {
			t.Errorf("%d pages: %d notifications, want %d", count, len(all), want)
		}
	}
}

func TestEveryFailureSaysWhatAndWhatToDo(t *testing.T) {
	elsewhere := serve(t, replay.Handler(state(t, "02-healthy").FS))
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	unknownCA := httptest.NewUnstartedServer(replay.Handler(state(t, "02-healthy").FS))
	unknownCA.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknownCA.StartTLS()
	t.Cleanup(unknownCA.Close)

	// What is no HTTP at all, as the node's public port.
	notHTTP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = notHTTP.Close() })
	go func() {
		for {
			connection, err := notHTTP.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Read(make([]byte, 4096)) // the whole request must have come first
			_, _ = connection.Write([]byte("SECRET-IN-THE-BODY\r\n\r\n"))
			_ = connection.Close()
		}
	}()

	fault := func(handler http.Handler) string { return serve(t, handler).URL }
	cases := []struct {
		name     string
		endpoint string
		kind     storagenode.ErrorKind
		status   int
		says     []string
	}{
		{"web page", fault(replay.FaultHTML()), storagenode.NotJSON, 200, []string{"it answers a web page, not the storage node API", "port"}},
		{"500", fault(replay.FaultStatus(500)), storagenode.HTTPStatus, 500, []string{"HTTP 500", "node's log"}},
		{"401", fault(replay.FaultStatus(401)), storagenode.HTTPStatus, 401, []string{"HTTP 401", "log-in"}},
		{"404", fault(replay.FaultStatus(404)), storagenode.HTTPStatus, 404, []string{"HTTP 404", "14002"}},
		{"502", fault(replay.FaultStatus(502)), storagenode.HTTPStatus, 502, []string{"HTTP 502", "proxy"}},
		{"503", fault(replay.FaultStatus(503)), storagenode.HTTPStatus, 503, []string{"28967"}},
		{"418", fault(replay.FaultStatus(418)), storagenode.HTTPStatus, 418, []string{"HTTP 418"}},
		{"garbage", fault(replay.FaultGarbage()), storagenode.BadJSON, 200, []string{"broken at byte"}},
		{"other JSON", fault(replay.FaultOtherJSON()), storagenode.BadJSON, 200, []string{"without a nodeID", "28967"}},
		{"100 MB", fault(replay.FaultHuge(100 << 20)), storagenode.TooLarge, 200, []string{"larger than 8 MiB"}},
		{"redirect loop", fault(replay.FaultRedirectLoop()), storagenode.Redirect, 0, []string{"redirects more than 3 times"}},
		{"redirect to another host", fault(replay.FaultRedirectTo(elsewhere.URL)), storagenode.Redirect, 0, []string{"another address"}},
		{"stalled body", fault(replay.FaultStalledBody()), storagenode.TimedOut, 200, []string{"no complete answer after"}},
		{"slow", fault(replay.FaultSlow(time.Hour, replay.FaultHTML())), storagenode.TimedOut, 0, []string{"no complete answer after", "longer time-out"}},
		{"cut off", fault(replay.FaultCutBody()), storagenode.Other, 200, []string{"broke off"}},
		{"refused", refusing, storagenode.Refused, 0, []string{"refused", "console"}},
		{"unknown certificate", unknownCA.URL, storagenode.TLS, 0, []string{"unknown authority"}},
		{"TLS where there is none", strings.Replace(elsewhere.URL, "http://", "https://", 1), storagenode.TLS, 0, []string{"use http://"}},
		{"no HTTP", "http://" + notHTTP.Addr().String(), storagenode.NotJSON, 0, []string{"does not answer in HTTP"}},
		{"no such host", "http://no-such-host.invalid:14002", storagenode.NotFoundHost, 0, []string{"no-such-host.invalid"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			timeout := 20 * time.Second
			if c.kind == storagenode.TimedOut {
				timeout = 100 * time.Millisecond
			}
			client := newClient(t, c.endpoint, timeout)
			_, err := client.Status(t.Context())
			var failed *storagenode.APIError
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want an APIError", err)
			}
			if failed.Kind != c.kind || failed.Status != c.status || failed.Mend == "" || failed.Path != "/api/sno/" {
				t.Errorf("got %s, status %d, path %s, mend %q; want %s, %d", failed.Kind, failed.Status, failed.Path, failed.Mend, c.kind, c.status)
			}
			for _, text := range append(c.says, c.endpoint) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				if strings.Contains(cause.Error(), "SECRET") {
					t.Errorf("%q echoes the answer", cause)
				}
			}
		})
	}
}

func TestTheCallersOwnEndIsNotTheNodes(t *testing.T) {
	server := serve(t, replay.FaultStalledBody())
	client := newClient(t, server.URL, time.Minute)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Status(gone)
	var failed *storagenode.APIError
	if !errors.As(err, &failed) || failed.Kind != storagenode.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = client.Status(short); !errors.As(err, &failed) || failed.Kind != storagenode.TimedOut {
		t.Errorf("got %v", err)
	}
}

func TestContainersAreTold(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	_ = closed.Close()
	for inside, want := range map[bool]bool{true: true, false: false} {
		client := newClient(t, fmt.Sprintf("http://localhost:%d", port), 10*time.Second)
		client.InsideContainer = inside
		_, err := client.Status(t.Context())
		if err == nil || strings.Contains(err.Error(), "the container itself") != want {
			t.Errorf("inside %v: %v", inside, err)
		}
	}
}

func TestADeadNodeFailsAsAWhole(t *testing.T) {
	var asked atomic.Int64
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-r.Context().Done()
	}))
	client := newClient(t, server.URL, 100*time.Millisecond)
	_, err := client.Scores(t.Context(), storagenode.Status{Satellites: []storagenode.SatelliteRef{{ID: satellite0}, {ID: satellite1}}})
	var failed *storagenode.APIError
	if !errors.As(err, &failed) || failed.Kind != storagenode.TimedOut {
		t.Errorf("got %v", err)
	}
	if asked.Load() != 1 {
		t.Errorf("a node that does not answer was asked %d times", asked.Load())
	}
}

func TestAnIDFromAnAnswerIsNotEchoed(t *testing.T) {
	client := newClient(t, serve(t, replay.Handler(state(t, "02-healthy").FS)).URL, 10*time.Second)
	for _, id := range []string{"", "../../secret", "<script>", strings.Repeat("1", 65)} {
		_, err := client.Satellite(t.Context(), id)
		if err == nil || id != "" && strings.Contains(err.Error(), id) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestNewClientRefusesWhatIsNoAPIAddress(t *testing.T) {
	for endpoint, says := range map[string]string{
		"localhost:14002":            "scheme",
		"ftp://localhost:14002":      "scheme",
		"http://":                    "no host",
		"http://:14002":              "no host",
		"http://me:pw@host:14002":    "password",
		"http://host:14002/?a=b":     "nothing may follow",
		"http://host:14002/#x":       "nothing may follow",
		"http://ho st":               "not a URL",
		"http://host:port":           "not a URL",
		"":                           "scheme",
		"http://[::1":                "not a URL",
		"https://host:14002/\x7f":    "not a URL",
		"http://host:14002/%zz":      "not a URL",
		"javascript:alert('api')":    "scheme",
		"file:///var/log/secret.log": "scheme",
	} {
		_, err := storagenode.NewClient(endpoint, http.DefaultClient)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%q: %v, want %q", endpoint, err, says)
		}
	}
	for given, want := range map[string]string{
		"http://host:14002/":       "http://host:14002",
		" http://[::1]:14002 ":     "http://[::1]:14002",
		"https://host/nodes/one//": "https://host/nodes/one",
	} {
		client, err := storagenode.NewClient(given, http.DefaultClient)
		if err != nil || client.Endpoint() != want {
			t.Errorf("%q: %v, %v", given, client, err)
		}
	}
	if _, err := storagenode.NewClient("http://host:14002", nil); err == nil {
		t.Error("a nil HTTP client was taken")
	}
}

// Whoever brings a client of his own is held to the same rules.
func TestAForeignHTTPClientIsHeldToTheRules(t *testing.T) {
	for kind, fault := range map[storagenode.ErrorKind]http.Handler{
		storagenode.Redirect: replay.FaultRedirectLoop(),
		storagenode.TooLarge: replay.FaultHuge(9 << 20),
	} {
		foreign := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
		t.Cleanup(foreign.CloseIdleConnections)
		client, err := storagenode.NewClient(serve(t, fault).URL, foreign)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Status(t.Context())
		var failed *storagenode.APIError
		if !errors.As(err, &failed) || failed.Kind != kind {
			t.Errorf("got %v, want %s", err, kind)
		}
		if foreign.CheckRedirect != nil {
			t.Error("the caller's client was changed")
		}
	}
}

// Grafana's own response limit, where an operator has raised it, is not ours.
func TestTheLimitDoesNotDependOnGrafana(t *testing.T) {
	t.Setenv("GF_DATAPROXY_RESPONSE_LIMIT", "1000000000")
	client := newClient(t, serve(t, replay.FaultHuge(9<<20)).URL, 20*time.Second)
	_, err := client.Status(t.Context())
	var failed *storagenode.APIError
	if !errors.As(err, &failed) || failed.Kind != storagenode.TooLarge {
		t.Errorf("got %v", err)
	}
}

func TestAMissingSlashIsFollowed(t *testing.T) {
	recorded := replay.Handler(state(t, "02-healthy").FS)
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/sno/" && r.URL.RawQuery == "" {
			http.Redirect(w, r, "/api/sno/?again", http.StatusMovedPermanently)
			return
		}
		recorded.ServeHTTP(w, r)
	}))
	client := newClient(t, server.URL, 10*time.Second)
	if _, err := client.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// The same host and port over another scheme is another program, or somebody in the
// middle: it is not asked.
func TestARedirectToAnotherSchemeIsRefused(t *testing.T) {
	recorded := replay.Handler(state(t, "02-healthy").FS)
	answered := false
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered = true
		recorded.ServeHTTP(w, r)
	}))
	t.Cleanup(secure.Close)
	hc := secure.Client()
	// A transport that reaches the secure server by the plain one's name, and the plain
	// one for all else: only the scheme of the two addresses differs.
	plain := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusMovedPermanently)
	}))
	transport := hc.Transport.(*http.Transport)
	transport.DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&tls.Dialer{Config: transport.TLSClientConfig}).DialContext(ctx, network, secure.Listener.Addr().String())
	}
	client, err := storagenode.NewClient(plain.URL, hc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Status(t.Context())
	var failed *storagenode.APIError
	if !errors.As(err, &failed) || failed.Kind != storagenode.Redirect || answered {
		t.Errorf("got %v, the other scheme was asked: %v", err, answered)
	}
}

// A node says what it sends: JSON under another type is another program's.
func TestOnlyTheTypeOfJSONIsTaken(t *testing.T) {
	recorded := replay.Handler(state(t, "02-healthy").FS)
	for contentType, taken := range map[string]bool{
		"application/json":                true,
		"application/json; charset=utf-8": true,
		"text/plain":                      false,
		"text/plain; charset=utf-8":       false,
		"application/octet-stream":        false,
		"":                                false,
	} {
		client := newClient(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			recorded.ServeHTTP(answer, r)
			w.Header()["Content-Type"] = []string{contentType}
			_, _ = w.Write(answer.Body.Bytes())
		})).URL, 10*time.Second)
		_, err := client.Status(t.Context())
		var failed *storagenode.APIError
		if taken && err != nil || !taken && (!errors.As(err, &failed) || failed.Kind != storagenode.NotJSON) {
			t.Errorf("%q: %v, want it taken: %v", contentType, err, taken)
		}
	}
}
