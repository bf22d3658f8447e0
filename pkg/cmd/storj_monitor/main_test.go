package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func recorded(t *testing.T, state string) string {
	t.Helper()
	for _, s := range replay.States() {
		if s.Name == state {
			server := httptest.NewServer(replay.Handler(s.FS))
			t.Cleanup(server.Close)
			return server.URL
		}
	}
	t.Fatalf("there is no recording %s", state)
	return ""
}

// command runs a command line and answers its exit code and its two outputs.
func command(t *testing.T, arguments ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = run(ctx, arguments, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// steady replaces what differs from run to run: times, ages, ports, folders.
func steady(text string, folders ...string) string {
	for _, folder := range folders {
		text = strings.ReplaceAll(text, folder, "<folder>")
	}
	for pattern, replacement := range map[string]string{
		`127\.0\.0\.1:\d{4,5}`:                     "127.0.0.1:<port>",
		`\b\d+ s\b( ago|\n)`:                       "<age>$1",
		`\b\d+s old`:                               "<age> old",
		`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC`:      "<time>",
		`20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z`:   "<time>",
		`: \d+ KiB|, \d+ KiB`:                      ", <size>",
		`held by process \d+ \(\S+ on \S+\) since`: "held by process <pid> since",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, replacement)
	}
	// The padding of a table follows the length of what was replaced.
	text = regexp.MustCompile(` {2,}`).ReplaceAllString(text, "  ")
	return regexp.MustCompile(`─+`).ReplaceAllString(text, "──")
}

// golden compares with a file that only a person changes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
	if err != nil {
		t.Fatalf("%v; the output is:\n%s", err, got)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

func TestHelp(t *testing.T) {
	for _, arguments := range [][]string{{"--help"}, {"query", "--help"}, {"provision", "--help"}, {"check", "--help"}, {"restore", "--help"}, {"store", "--help"}, {"store", "check", "--help"}} {
		code, out, errOut := command(t, arguments...)
		if code != 0 || errOut != "" {
			t.Errorf("%v ends with %d and says %q", arguments, code, errOut)
		}
		golden(t, strings.Join(append([]string{"help"}, arguments[:len(arguments)-1]...), "-"), out)
	}
}

func TestWrongUse(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		says      string
	}{
		"nothing":              {nil, "no node is given"},
		"a word":               {[]string{"nonsense"}, "nonsense"},
		"an unknown flag":      {[]string{"--nodes", "x"}, "--nodes"},
		"a bad spec":           {[]string{"--node", "My-Node"}, "source"},
		"two bad specs":        {[]string{"--node", "A", "--node", "B:/x:ftp://h"}, "ftp"},
		"no query":             {[]string{"query"}, "one query"},
		"a query of no JSON":   {[]string{"query", "{", "--data-dir", "x"}, "not JSON"},
		"a range turned over":  {[]string{"query", "{}", "--from", "now", "--to", "now-1h"}, "not before"},
		"no time":              {[]string{"query", "{}", "--from", "yesterday"}, "yesterday"},
		"no points":            {[]string{"query", "{}", "--max-data-points", "0"}, "max-data-points"},
		"two places":           {[]string{"query", "{}", "--url", "http://x", "--data-dir", "y"}, "url"},
		"provision nothing":    {[]string{"provision"}, "no node is given"},
		"a bad uid":            {[]string{"provision", "--alerting", "--datasource-uid", "a b"}, "a b"},
		"rules as XML":         {[]string{"provision", "--alerting", "--format", "xml"}, "--format xml"},
		"nodes as JSON":        {[]string{"provision", "--node", "A:/a.log", "--format", "json"}, "--alerting"},
		"check nothing":        {[]string{"check"}, "no node is given"},
		"check an empty spec":  {[]string{"check", "--node", " "}, "names no node"},
		"a comment":            {[]string{"--once", "--node", "# A:/x"}, "names no node"},
		"a token for nobody":   {[]string{"query", "{}", "--token", "x"}, "--url"},
		"a url of no Grafana":  {[]string{"query", "{}", "--url", "ftp://x"}, "http://"},
		"rules and a bad spec": {[]string{"provision", "--alerting", "--node", "bad"}, "source"},
		"restore nothing":      {[]string{"restore"}, "one backup"},
		"restore nowhere":      {[]string{"restore", "x"}, "--data-dir"},
		"nothing of stores":    {[]string{"store"}, "check"},
		"a word for stores":    {[]string{"store", "nonsense"}, "nonsense"},
		"store check nothing":  {[]string{"store", "check"}, "one path"},
	} {
		code, out, errOut := command(t, test.arguments...)
		if code != 2 || !strings.Contains(errOut, test.says) || !strings.Contains(errOut, "Usage:") || out != "" {
			t.Errorf("%s: it ends with %d, prints %q and says:\n%s", name, code, out, errOut)
		}
	}
}

func TestProvision(t *testing.T) {
	code, out, _ := command(t, "provision", "--node", "My-Node:/var/log/$node.log", "--node", "Two:192.168.1.100:9999:http://192.168.1.100:14002")
	if code != 0 {
		t.Errorf("it ends with %d", code)
	}
	golden(t, "provision", out)
	code, out, _ = command(t, "provision", "--node", "A:/a.log", "--name", "Garage", "--datasource-uid", "mine")
	for _, want := range []string{`- name: "Garage"`, `uid: "mine"`} {
		if code != 0 || strings.Count(out, want) != 1 {
			t.Errorf("it ends with %d and does not say %s:\n%s", code, want, out)
		}
	}
}

// The rules are those that are shipped, and as JSON the same.
func TestProvisionAlerting(t *testing.T) {
	shipped, err := os.ReadFile("../../../provisioning/alerting/storagenodes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--datasource-uid", "--uid"} {
		code, out, _ := command(t, "provision", "--alerting", flag, "storagenodes")
		if diff := cmp.Diff(string(shipped), out); code != 0 || diff != "" {
			t.Errorf("%s ends with %d (-shipped +printed)\n%s", flag, code, diff)
		}
	}
	code, out, _ := command(t, "provision", "--alerting", "--uid", "storagenodes", "--format", "json")
	var file struct {
		Groups []struct{ Rules []struct{ UID string } }
	}
	if err := json.Unmarshal([]byte(out), &file); code != 0 || err != nil || len(file.Groups) != 1 {
		t.Fatalf("as JSON it ends with %d and prints %v:\n%s", code, err, out)
	}
	for _, rule := range file.Groups[0].Rules {
		if !strings.Contains(string(shipped), `uid: "`+rule.UID+`"`) {
			t.Errorf("the rule %s is in the JSON only", rule.UID)
		}
	}
	if rules := len(file.Groups[0].Rules); rules < 2 || rules != strings.Count(string(shipped), "- uid:") {
		t.Errorf("%d rules are in the JSON", rules)
	}
}

func TestCheckSaysWhatToMend(t *testing.T) {
	well := recorded(t, "02-healthy")
	folder := t.TempDir()
	logFile := filepath.Join(folder, "node.log")
	line := time.Now().UTC().Format(time.RFC3339) + "\tINFO\tpiecestore\tuploaded\t{\"process\": \"storagenode\"}\n"
	if err := os.WriteFile(logFile, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := command(t, "check", "--node", "Well:"+logFile+":"+well)
	if code != 0 || errOut != "" {
		t.Errorf("a well node ends with %d and says %q", code, errOut)
	}
	golden(t, "check-well", steady(out, folder))
	warned := filepath.Join(folder, "warned.log")
	if err := os.WriteFile(warned, []byte(strings.ReplaceAll(line, "INFO", "WARN")), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(folder, "empty.log")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(replay.FaultHTML())
	t.Cleanup(page.Close)
	code, out, errOut = command(t, "check", "--node", "Warned:"+warned+":"+well, "--node", "Ill:"+empty+":"+page.URL)
	if code != 1 || errOut != "" {
		t.Errorf("two nodes, one of them ill, end with %d and say %q", code, errOut)
	}
	golden(t, "check-ill", steady(out, folder))
	code, out, errOut = command(t, "check", "--node", "Ill:"+filepath.Join(folder, "missing.log")+":http://127.0.0.1:1")
	if code != 1 || errOut != "" {
		t.Errorf("an ill node ends with %d and says %q", code, errOut)
	}
	for _, want := range []string{"missing.log does not exist", "refused", "→"} {
		if !strings.Contains(out, want) {
			t.Errorf("the check of an ill node does not say %q:\n%s", want, out)
		}
	}
}

func TestWatchKeepsWhatQueriesAnswer(t *testing.T) {
	dir := t.TempDir()
	specs := []string{"--node", "Well::" + recorded(t, "02-healthy"), "--node", "Ill::" + recorded(t, "04-disqualified")}
	code, out, errOut := command(t, append([]string{"--once", "--debug", "--data-dir", dir}, specs...)...)
	if code != 0 || errOut != "" {
		t.Fatalf("watching ends with %d and says %q", code, errOut)
	}
	golden(t, "watch-once", steady(out, dir))
	if content, err := os.ReadFile(filepath.Join(dir, "storj_monitor.log")); err != nil || !bytes.Contains(content, []byte("level=DEBUG msg=\"polled the node\"")) {
		t.Errorf("the log file is %q, %v", content, err)
	}

	code, out, errOut = command(t, "query", `{"queryType":"reputation","format":"table"}`, "--table", "--data-dir", dir)
	if code != 0 {
		t.Fatalf("the query ends with %d and says %q", code, errOut)
	}
	golden(t, "query-table", steady(out))

	code, out, errOut = command(t, "query", `{"queryType":"reputation","metrics":["audit_score_percent"]}`, "--from", "now-1h", "--to", "now", "--max-data-points", "100", "--data-dir", dir)
	if code != 0 {
		t.Fatalf("the query ends with %d and says %q", code, errOut)
	}
	var frames data.Frames
	if err := json.Unmarshal([]byte(out), &frames); err != nil {
		t.Fatalf("the output is not frames: %v\n%s", err, out)
	}
	if len(frames) != 1 || len(frames[0].Fields) != 5 || frames[0].Meta.Type != data.FrameTypeTimeSeriesWide {
		t.Errorf("the frames are\n%s", out)
	}
	if code, _, errOut = command(t, "query", `{"queryType":"weather"}`, "--data-dir", dir); code != 1 || !strings.Contains(errOut, "reputation") {
		t.Errorf("a wrong query ends with %d and says %q", code, errOut)
	}
	if code, _, errOut = command(t, "query", `{"queryType":"nodes"}`, "--data-dir", t.TempDir()); code != 1 || !strings.Contains(errOut, "holds no data") {
		t.Errorf("an empty folder ends with %d and says %q", code, errOut)
	}
}

func TestALockedStoreNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	registry := fleet.NewRegistry(fleet.Options{Dir: dir, Logger: log.NewNullLogger()})
	t.Cleanup(func() { _ = registry.Close(context.Background()) })
	configured := settings.Default()
	running, err := registry.Configure(fleet.OwnKey, configured, settings.Report{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Satellites(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"query", `{"queryType":"nodes"}`, "--data-dir", dir},
		{"--node", "A:/var/log/a.log", "--data-dir", dir},
	} {
		code, _, errOut := command(t, arguments...)
		if code != 1 || !strings.Contains(errOut, "held by process") {
			t.Errorf("%v ends with %d and says %q", arguments, code, errOut)
		}
	}
}

// The data folder of a plugin, whether it runs or not, is not for the command line
// to watch in: its fleet would then collect beside the plugin's, for nobody.
func TestWatchKeepsOutOfAPluginsFolder(t *testing.T) {
	dir := t.TempDir()
	registry := fleet.NewRegistry(fleet.Options{Dir: dir, Logger: log.NewNullLogger()})
	running, err := registry.Configure(fleet.Key{Org: 1, UID: "of-grafana"}, settings.Default(), settings.Report{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Satellites(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, holder := range []string{"process", "no process"} {
		code, _, errOut := command(t, "--once", "--node", "A:/var/log/a.log", "--data-dir", dir)
		if code != 1 || !strings.Contains(errOut, "of-grafana") || !strings.Contains(errOut, "("+holder+" ") {
			t.Errorf("it ends with %d and says %q, want the data source and %q", code, errOut, holder)
		}
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) != 1 {
			t.Errorf("the folder holds %q", left)
		}
		if err := registry.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// A Grafana as far as query --url needs one: it checks the token and notes the requests.
type fakeGrafana struct {
	url     string
	sources string         // what it lists
	answer  string         // the frame
	asked   map[string]any // the last query, with from and to
}

func newFakeGrafana(t *testing.T) *fakeGrafana {
	t.Helper()
	g := &fakeGrafana{
		sources: `[{"uid":"other","type":"prometheus"},{"uid":"mine","type":"storagenode-monitor-datasource"}]`,
		answer:  `{"schema":{"name":"nodes","fields":[{"name":"node_name","type":"string","typeInfo":{"frame":"string"}}]},"data":{"values":[["Far"]]}}`,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/datasources", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(g.sources))
	})
	mux.HandleFunc("POST /api/ds/query", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Queries  []map[string]any
			From, To string
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || len(request.Queries) != 1 {
			t.Errorf("the request is %+v, %v", request, err)
			return
		}
		g.asked = request.Queries[0]
		if g.asked["queryType"] == "weather" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"results":{"A":{"error":"unknown queryType\u001b[2J","status":400}}}`))
			return
		}
		g.asked["from"], g.asked["to"] = request.From, request.To
		_, _ = w.Write([]byte(`{"results":{"A":{"frames":[` + g.answer + `]}}}`))
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func TestQueryAsksAGrafana(t *testing.T) {
	g := newFakeGrafana(t)
	code, out, errOut := command(t, "query", `{"queryType":"nodes"}`, "--table", "--url", g.url+"/", "--token", "secret")
	if code != 0 || !strings.Contains(out, "Far") {
		t.Errorf("it ends with %d, prints %q and says %q", code, out, errOut)
	}
	if g.asked["maxDataPoints"] != 500.0 || g.asked["intervalMs"] != 7200.0 { // an hour
		t.Errorf("the query is %v", g.asked)
	}
	ranged := []string{"--from", "2026-11-08T12:00:00Z", "--to", "2026-11-08T18:00:00Z", "--max-data-points", "36"}
	code, _, errOut = command(t, append([]string{"query", `{"queryType":"nodes","nodes":["A"]}`, "--url", g.url, "--token", "secret"}, ranged...)...)
	want := map[string]any{
		"queryType": "nodes", "nodes": []any{"A"}, "refId": "A", "datasource": map[string]any{"uid": "mine"},
		"from": "1794139200000", "to": "1794160800000", "maxDataPoints": 36.0, "intervalMs": 600000.0,
	}
	if diff := cmp.Diff(want, g.asked); code != 0 || diff != "" {
		t.Errorf("it ends with %d and says %q; the query (-want +got)\n%s", code, errOut, diff)
	}
	code, _, errOut = command(t, "query", `{"queryType":"weather"}`, "--url", g.url, "--token", "secret")
	if code != 1 || !strings.Contains(errOut, "unknown queryType") || strings.ContainsRune(errOut, '\x1b') {
		t.Errorf("a wrong query ends with %d and says %q", code, errOut)
	}
	if code, _, errOut = command(t, "query", `{"queryType":"nodes"}`, "--url", g.url, "--token", "wrong"); code != 1 || !strings.Contains(errOut, "--token") || strings.Contains(errOut, "wrong") {
		t.Errorf("a wrong token ends with %d and says %q", code, errOut)
	}
}

// Which of several data sources is meant is for a person to say.
func TestQueryAsksForTheDataSource(t *testing.T) {
	g := newFakeGrafana(t)
	ask := append([]string{"query", `{"queryType":"nodes"}`, "--token", "secret", "--url"}, g.url)
	g.sources = `[{"uid":"one","type":"storagenode-monitor-datasource"},{"uid":"two","type":"storagenode-monitor-datasource"}]`
	code, out, errOut := command(t, ask...)
	if code != 2 || out != "" || g.asked != nil || !strings.Contains(errOut, "choose one of one, two with --datasource-uid") {
		t.Errorf("two data sources end with %d, print %q and say %q", code, out, errOut)
	}
	code, _, errOut = command(t, append(ask, "--datasource-uid", "two")...)
	if diff := cmp.Diff(map[string]any{"uid": "two"}, g.asked["datasource"]); code != 0 || diff != "" {
		t.Errorf("it ends with %d and says %q; the data source (-want +got)\n%s", code, errOut, diff)
	}
	g.sources, g.asked = `[{"uid":"other","type":"prometheus"}]`, nil
	if code, _, errOut = command(t, ask...); code != 1 || g.asked != nil || !strings.Contains(errOut, "has no data source of this plugin") {
		t.Errorf("no data source ends with %d and says %q", code, errOut)
	}
}

// Whatever comes from afar steers no terminal: no word of a frame does, and its notices
// are shown.
func TestTablesKeepControlCharactersOut(t *testing.T) {
	g := newFakeGrafana(t)
	const escape = `\u001b[31m\u0007\u009b2J\u007f`
	g.answer = `{"schema":{"name":"nodes","meta":{"notices":[{"severity":"warning","text":"half of it` + escape + `is missing"}]},"fields":[{"name":"node_name` + escape + `","type":"string","typeInfo":{"frame":"string"}}]},"data":{"values":[["Far` + escape + `away"]]}},` +
		`{"schema":{"name":"empty` + escape + `","fields":[]},"data":{"values":[]}}`
	code, out, errOut := command(t, "query", `{"queryType":"nodes"}`, "--table", "--url", g.url, "--token", "secret")
	if code != 0 {
		t.Fatalf("it ends with %d and says %q", code, errOut)
	}
	for _, want := range []string{"node_name", "Far", "away", "warning: half of it", "is missing", "empty", "no data"} {
		if !strings.Contains(out, want) {
			t.Errorf("the tables do not say %q:\n%q", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\a\u009b\x7f") {
		t.Errorf("the tables hold control characters:\n%q", out)
	}
}

func TestCheckKeepsControlCharactersOut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"nodeID":"n","version":"1.2.3\u001b[2J"}`))
	}))
	t.Cleanup(server.Close)
	_, out, _ := command(t, "check", "--node", "A::"+server.URL)
	if !strings.Contains(out, "version 1.2.3") || strings.ContainsRune(out, '\x1b') {
		t.Errorf("the check prints %q", out)
	}
}
