package fleet_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// checkNamed is the one check of a node (or "" for the data source) with a name.
func checkNamed(t *testing.T, checks []fleet.Check, node, name string) fleet.Check {
	t.Helper()
	var named []fleet.Check
	for _, check := range checks {
		if check.Node == node && check.Name == name {
			named = append(named, check)
		}
	}
	if len(named) != 1 {
		t.Fatalf("%d checks %q of %q in %+v", len(named), name, node, checks)
	}
	return named[0]
}

// closedPort is a port on which nothing listens.
func closedPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// wantedCheck is a check with what its message and its mend must say.
type wantedCheck struct {
	name    string
	verdict fleet.Verdict
	says    string
	mend    string
}

func verify(t *testing.T, checks []fleet.Check, node string, want []wantedCheck) {
	t.Helper()
	var got, names []string
	for _, check := range checks {
		if check.Node != node || slices.Contains(ofFollowing, check.Name) {
			continue
		}
		got = append(got, check.Name+" "+string(check.Verdict))
		if check.Verdict == fleet.Failure && check.Mend == "" {
			t.Errorf("no word on what to do: %+v", check)
		}
	}
	for _, w := range want {
		names = append(names, w.name+" "+string(w.verdict))
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("%s: %s\n%+v", node, diff, checks)
		return
	}
	for _, w := range want {
		check := checkNamed(t, checks, node, w.name)
		if !strings.Contains(check.Message, w.says) || !strings.Contains(check.Mend, w.mend) {
			t.Errorf("%+v\ndoes not say %q and %q", check, w.says, w.mend)
		}
	}
}

// ofFollowing are checks whose outcome depends on how far a log was read by now.
var ofFollowing = []string{"log_followed", "log_unparsed", "log_rotation", "not_watched"}

func line(at time.Time, level, message string) string {
	return at.UTC().Format(time.RFC3339) + "\t" + level + "\t" + message + "\t{\"Process\": \"storagenode\"}\n"
}

func TestCheckOfLogs(t *testing.T) {
	now := time.Now()
	fresh := line(now, "INFO", "downloaded")
	var warnings strings.Builder
	for range 9 {
		warnings.WriteString(line(now, "WARN", "orders"))
	}
	fine := []wantedCheck{
		{"log_readable", fleet.OK, "can be read, 1 KiB", ""},
		{"log_lines", fleet.OK, "1 of the last 1 lines", ""},
		{"log_age", fleet.OK, "s old", ""},
		{"log_level", fleet.OK, "INFO", ""},
	}
	changed := func(name string, to ...wantedCheck) []wantedCheck {
		var checks []wantedCheck
		for _, check := range fine {
			if check.name != name {
				checks = append(checks, check)
				continue
			}
			checks = append(checks, to...)
		}
		return checks
	}
	missing, mount := "does not exist", "log.output"
	if storagenode.InsideContainer() {
		missing, mount = "does not exist inside this container", "mount the log's folder into Grafana's container"
	}
	cases := []struct {
		name    string
		content string // "": see path
		path    string
		want    []wantedCheck
	}{
		{"fine", fresh, "", fine},
		{"with carriage returns", strings.ReplaceAll(fresh, "\n", "\r\n"), "", fine},
		{"missing", "", "/no/such.log", []wantedCheck{{"log_path", fleet.Failure, missing, mount}}},
		{"a folder", "", t.TempDir(), []wantedCheck{{"log_path", fleet.Failure, "is a folder", "path of the log file"}}},
		{"empty", "\n", "", []wantedCheck{fine[0], {"log_lines", fleet.Warning, "no line yet", "log.output"}}},
		{"something else", strings.Repeat("GET /index.html 200\n", 30), "", []wantedCheck{fine[0], {"log_lines", fleet.Failure, "none of the last 30 lines", "log.encoding"}}},
		{"mostly something else", strings.Repeat("x\n", 3) + fresh, "", changed("log_lines", wantedCheck{"log_lines", fleet.Warning, "1 of the last 4", ""})},
		{"quiet", line(now.Add(-3*time.Hour), "INFO", "downloaded"), "", changed("log_age", wantedCheck{"log_age", fleet.Warning, "3h0m0s ago", "writes to this file"})},
		{"of the future", line(now.Add(time.Hour), "INFO", "downloaded"), "", changed("log_age", wantedCheck{"log_age", fleet.Warning, "in the future", "NTP"})},
		{"only warnings", warnings.String(), "", []wantedCheck{
			fine[0], {"log_lines", fleet.OK, "9 of the last 9 lines", ""}, fine[2],
			{"log_level", fleet.Warning, "no line below WARN among the last 9", "log.level: info"},
		}},
	}
	s := seldom()
	paths := map[string]string{}
	for _, c := range cases {
		paths[c.name] = c.path
		if c.content != "" {
			paths[c.name] = filepath.Join(t.TempDir(), "node.log")
			if err := os.WriteFile(paths[c.name], []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// A refused API costs no time, and is not looked at here.
		s = with(s, []settings.Node{{Name: c.name, API: "http://127.0.0.1:1", Log: settings.Source{Kind: settings.LogFile, Path: paths[c.name]}}})
	}
	f := configure(t, newRegistry(t, "", nil), s)
	checks := f.Check(t.Context())
	var logs []fleet.Check
	for _, check := range checks {
		if check.Name != "api" {
			logs = append(logs, check)
		}
	}
	for _, c := range cases {
		verify(t, logs, c.name, c.want)
	}
}

func TestCheckOfForwarders(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	nobody := fmt.Sprintf("127.0.0.1:%d", closedPort(t))
	f := configure(t, newRegistry(t, "", nil), seldom(
		settings.Node{Name: "there", API: "http://127.0.0.1:1", Log: settings.Source{Kind: settings.LogTCP, Address: listener.Addr().String()}},
		settings.Node{Name: "not there", API: "http://127.0.0.1:1", Log: settings.Source{Kind: settings.LogTCP, Address: nobody}},
		settings.Node{Name: "none", API: "http://127.0.0.1:1"},
	))
	checks := f.Check(t.Context())
	api := wantedCheck{"api", fleet.Failure, "refused", "check that the node runs"}
	verify(t, checks, "there", []wantedCheck{{"log_path", fleet.OK, "takes connections", ""}, api})
	verify(t, checks, "not there", []wantedCheck{{"log_path", fleet.Failure, "nothing takes connections at " + nobody, "start the log forwarder"}, api})
	verify(t, checks, "none", []wantedCheck{{"log_path", fleet.Info, "no log", "give the node's log"}, api})
}

// dated answers as next does, at another time.
func dated(at time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", at.UTC().Format(http.TimeFormat))
		next.ServeHTTP(w, r)
	})
}

func TestCheckOfAPIs(t *testing.T) {
	noLog := wantedCheck{"log_path", fleet.Info, "no log", ""}
	clock := wantedCheck{"clock", fleet.OK, "agrees", ""}
	cases := []struct {
		name    string
		answers http.Handler
		want    []wantedCheck
	}{
		{"fine", healthy(t, idX), []wantedCheck{noLog, {"api", fleet.OK, "answers: node " + idX[:12] + "…, version 1.162.3", ""}, clock}},
		{"never contacted", recording(t, "13-never-contacted-satellites", "node7", ""), []wantedCheck{noLog, {"api", fleet.OK, "answers", ""}, {"satellites", fleet.Info, "no satellite has contacted", ""}, clock}},
		{"its clock is late", dated(time.Now().Add(-time.Hour), healthy(t, idX)), []wantedCheck{noLog, {"api", fleet.OK, "answers", ""}, {"clock", fleet.Warning, "behind this machine's", "NTP"}}},
		{"its clock is early", dated(time.Now().Add(time.Hour), healthy(t, idX)), []wantedCheck{noLog, {"api", fleet.OK, "answers", ""}, {"clock", fleet.Warning, "ahead of this machine's", "NTP"}}},
		{"html", replay.FaultHTML(), []wantedCheck{noLog, {"api", fleet.Failure, "a web page", "host and port"}}},
		{"500", replay.FaultStatus(500), []wantedCheck{noLog, {"api", fleet.Failure, "HTTP 500", "node's log"}}},
		{"garbage", replay.FaultGarbage(), []wantedCheck{noLog, {"api", fleet.Failure, "JSON is broken", "report it"}}},
		{"never answered", replay.FaultStalledBody(), []wantedCheck{noLog, {"api", fleet.Failure, "did not answer in the time of this check", "polls wait up to 5s"}}},
	}
	s := seldom()
	for _, c := range cases {
		s = with(s, []settings.Node{at(c.name, newNode(t, c.answers))})
	}
	f := configure(t, newRegistry(t, "", nil), s)
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	started := time.Now()
	checks := f.Check(ctx)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("the check took %v", took)
	}
	for _, c := range cases {
		verify(t, checks, c.name, c.want)
	}
	for _, check := range checks {
		if strings.Contains(check.Message+check.Mend, "SECRET") {
			t.Errorf("an answer's body is shown: %+v", check)
		}
	}
}

// A node that is busy now and answered before is not broken, and its log is checked
// all the same.
func TestCheckOfABusyNode(t *testing.T) {
	n := newNode(t, healthy(t, idX))
	log := logOf(t, idX)
	busy := at("A", n)
	busy.Log = log
	f := configure(t, newRegistry(t, "", nil), seldom(busy))
	hasState(t, f, "A", concern.Connected)
	n.serve(replay.FaultStalledBody())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	checks := f.Check(ctx)
	api := checkNamed(t, checks, "A", "api")
	if api.Verdict != fleet.Warning || !strings.Contains(api.Message, "last answered at") || !strings.Contains(api.Mend, "polls wait up to 5s") {
		t.Errorf("%+v", api)
	}
	for _, name := range []string{"log_readable", "log_lines", "log_level"} {
		if check := checkNamed(t, checks, "A", name); check.Verdict != fleet.OK {
			t.Errorf("%+v", check)
		}
	}
}

func TestCheckWhetherLogAndAPIAreOfOneNode(t *testing.T) {
	n := newNode(t, healthy(t, idX))
	node := func(name string, log settings.Source) settings.Node {
		return settings.Node{Name: name, API: n.URL, Log: log}
	}
	retired := node("retired", logOf(t, idY))
	retired.Retired = true
	f := configure(t, newRegistry(t, "", nil), seldom(node("same", logOf(t, idX)), node("other", logOf(t, idY)), node("unknown", logOf(t, "")), retired))
	checks := f.Check(t.Context())
	if check := checkNamed(t, checks, "same", "same_node"); check.Verdict != fleet.OK {
		t.Errorf("%+v", check)
	}
	check := checkNamed(t, checks, "other", "same_node")
	if check.Verdict != fleet.Failure || !strings.Contains(check.Message, idY[:12]) || !strings.Contains(check.Message, n.URL) || !strings.Contains(check.Message, idX[:12]) || !strings.Contains(check.Mend, "mixed up") {
		t.Errorf("%+v", check)
	}
	for _, check := range checks {
		if check.Node == "unknown" && check.Name == "same_node" {
			t.Errorf("a guess: %+v", check)
		}
	}
	if check := checkNamed(t, checks, "retired", "same_node"); check.Verdict != fleet.Info {
		t.Errorf("%+v", check)
	}
}

func TestCheckOfTheDataSource(t *testing.T) {
	r := newRegistry(t, "", nil)
	f, err := r.Configure(key, seldom(), settings.Report{
		Problems: []settings.Problem{{Spec: "Bad", Field: "source", Reason: "the source is missing", Mend: "write a log"}},
		Warnings: []string{`unknown key "colour"`},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []fleet.Check{
		{Name: "settings", Verdict: fleet.Failure, Message: `"Bad": source: the source is missing`, Mend: "write a log"},
		{Name: "settings", Verdict: fleet.Warning, Message: `unknown key "colour"`, Mend: "correct it in the data source's settings or its provisioning file; nothing is lost meanwhile"},
		{Name: "settings", Verdict: fleet.Failure, Message: "no node is configured", Mend: "add a node, for example My-Node:/var/log/storagenode.log:http://localhost:14002"},
		{Name: "store", Verdict: fleet.Warning, Message: "everything is kept in memory only: the history is lost at every restart", Mend: "make the data folder writable for Grafana, or set data_dir under [plugin.storagenode-monitor-datasource] in grafana.ini"},
	}
	if diff := cmp.Diff(want, f.Check(t.Context())); diff != "" {
		t.Error(diff)
	}
}
