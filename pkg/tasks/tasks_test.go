package tasks

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStepsGoOnAndCount(t *testing.T) {
	var out strings.Builder
	s := &steps{out: &out}
	ran := 0
	step := func(err error) func(context.Context) error {
		return func(context.Context) error { ran++; return err }
	}
	if !s.run(t.Context(), "one", step(nil)) {
		t.Error("a step that passed is reported as not passed")
	}
	if s.run(t.Context(), "two", step(errors.New("broken"))) {
		t.Error("a step that failed is reported as passed")
	}
	if s.run(t.Context(), "three", step(skipped("no Grafana"))) {
		t.Error("a skipped step is reported as passed")
	}
	s.skip("four", "three was skipped")
	s.run(t.Context(), "five", step(nil))
	if s.summary() {
		t.Error("a run with a failure is reported as good")
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if last := lines[len(lines)-1]; last != "2 passed, 1 failed, 2 skipped" {
		t.Errorf("the last line is %q", last)
	}
	if ran != 4 || !strings.Contains(out.String(), "broken") || !strings.Contains(out.String(), "skipped  three  no Grafana") {
		t.Errorf("%d steps ran:\n%s", ran, out.String())
	}
}

func TestStepsStopWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &steps{out: &strings.Builder{}}
	s.run(ctx, "one", func(context.Context) error { t.Error("it ran"); return nil })
	if s.outcomes[0].word() != "skipped" {
		t.Errorf("an interrupted step is %s", s.outcomes[0].word())
	}
}

func TestCommandsErrors(t *testing.T) {
	err := command{out: &strings.Builder{}}.run(t.Context(), "no-such-tool")
	if err == nil || !strings.Contains(err.Error(), "no-such-tool is not installed") {
		t.Errorf("a missing tool: %v", err)
	}
}

func TestHeartbeatCountsPackagesAndKeepsLines(t *testing.T) {
	var out strings.Builder
	h := newHeartbeat(&out, "go build", true)
	for _, part := range []string{"net/http\ngithub.com/tid", "wall/buntdb\n", "pkg/x.go:1:2: undefined: y\n", "no end"} {
		if _, err := h.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	h.stop()
	if got := out.String(); got != "pkg/x.go:1:2: undefined: y\nno end\n" || h.compiled != 2 {
		t.Errorf("counted %d packages and showed %q", h.compiled, got)
	}
}

func TestBinaryNames(t *testing.T) {
	if got := (platform{"windows", "amd64"}).binary(); got != "gpx_storagenode_monitor_windows_amd64.exe" {
		t.Error(got)
	}
	if got := (platform{"linux", "arm"}).binary(); got != "gpx_storagenode_monitor_linux_arm" {
		t.Error(got)
	}
}

func TestLinkerFlagsNameTheBuild(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	flags := linkerFlags("1.2.3")
	for _, want := range []string{"-s -w", "'main.version=1.2.3'", `buildInfoJSON={"time":1700000000000,"pluginID":"storagenode-monitor-datasource","version":"1.2.3"}`} {
		if !strings.Contains(flags, want) {
			t.Errorf("%q is not in %q", want, flags)
		}
	}
}

func TestOutdatedModules(t *testing.T) {
	const lockFile = `{"packages":{"":{"version":"0.1.0"},"node_modules/a":{"version":"1.0.0"},"node_modules/other-system":{"version":"2.0.0","optional":true}}}`
	for name, c := range map[string]struct{ installed, want string }{
		"as locked":          {`{"packages":{"node_modules/a":{"version":"1.0.0"}}}`, ""},
		"nothing":            {"", "nothing is installed"},
		"unreadable":         {"{", "nothing is installed"},
		"an older version":   {`{"packages":{"node_modules/a":{"version":"0.9.0"}}}`, "node_modules/a is 0.9.0, not 1.0.0"},
		"a package too few":  {`{"packages":{}}`, "node_modules/a is missing"},
		"a package too many": {`{"packages":{"node_modules/a":{"version":"1.0.0"},"node_modules/b":{"version":"1.0.0"}}}`, "node_modules/b is no longer wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "package-lock.json"), lockFile)
			if c.installed != "" {
				write(t, filepath.Join(root, "node_modules", ".package-lock.json"), c.installed)
			}
			got, err := outdatedModules(root)
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
	if _, err := outdatedModules(t.TempDir()); err == nil {
		t.Error("a project without a lock file is taken")
	}
}

func TestVulnerabilityDatabaseUnreachable(t *testing.T) {
	for said, want := range map[string]bool{
		`govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": dial tcp: lookup vuln.go.dev: no such host`: true,
		"Vulnerability #1: GO-2026-0001\n  More info: https://pkg.go.dev/vuln/GO-2026-0001":                                                  false,
		"govulncheck: loading packages: there are errors with the provided package patterns":                                                 false,
	} {
		if got := databaseUnreachable(said); got != want {
			t.Errorf("%q: %v", said, got)
		}
	}
}

func TestGrafanaAt(t *testing.T) {
	home := t.TempDir()
	expect := func(what string) {
		t.Helper()
		_, err := grafanaAt(home)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v does not name %s", err, what)
		}
	}
	expect("conf")
	write(t, filepath.Join(home, "conf", "defaults.ini"), "")
	expect("public")
	write(t, filepath.Join(home, "public", "index.html"), "")
	expect("bin/grafana")
	write(t, filepath.Join(home, "bin", "grafana"), "")
	found, err := grafanaAt(home)
	if err != nil || found.home != home || found.platform() != thisPlatform() {
		t.Errorf("%+v, %v", found, err)
	}
	t.Setenv("GRAFANA_HOME", filepath.Join(home, "wrong"))
	if _, err := findGrafana(); err == nil || !strings.Contains(err.Error(), "GRAFANA_HOME") {
		t.Errorf("a wrong GRAFANA_HOME: %v", err)
	}
	t.Setenv("GRAFANA_HOME", home)
	if found, err := findGrafana(); err != nil || found == nil || found.home != home {
		t.Errorf("GRAFANA_HOME gives %v, %v", found, err)
	}
}

func TestGrafanaIsLaidOut(t *testing.T) {
	t.Chdir(t.TempDir())
	work := t.TempDir()
	write(t, filepath.Join("src", "dashboards", "fleet.json"), `{"uid":"storagenode-monitor-fleet","title":"Fleet","time":{"from":"now-7d"}}`)
	write(t, filepath.Join("provisioning", "alerting", "storagenodes.yaml"), "apiVersion: 1\n")
	folders, err := layOutGrafana(grafanaSetup{work: work, specs: []string{"A:/var/log/a$b.log:http://localhost:14002"}})
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(work, "provisioning", "datasources", "storagenodes.yaml"))
	if err != nil || !bytes.Contains(source, []byte("a$$b.log")) || !bytes.Contains(source, []byte(`uid: "storagenodes"`)) {
		t.Errorf("%v\n%s", err, source)
	}
	if !bytes.Contains(source, []byte("scoresSeconds: 30")) || !bytes.Contains(source, []byte("statusSeconds: 30")) {
		t.Errorf("the demo does not poll every 30 s:\n%s", source)
	}
	home, err := os.ReadFile(folders.home)
	if err != nil || !bytes.Contains(home, []byte(`"from":"now-30m"`)) || !bytes.Contains(home, []byte(`"title":"Fleet"`)) {
		t.Errorf("%v\n%s", err, home)
	}
	dashboards, err := os.ReadFile(filepath.Join(work, "provisioning", "dashboards", "storagenodes.yaml"))
	if err != nil || !bytes.Contains(dashboards, []byte(filepath.Join("src", "dashboards"))) {
		t.Errorf("%v\n%s", err, dashboards)
	}
	if rules, err := os.ReadFile(filepath.Join(work, "provisioning", "alerting", "storagenodes.yaml")); err != nil || string(rules) != "apiVersion: 1\n" {
		t.Errorf("the alert rules: %v\n%s", err, rules)
	}
	ini := grafanaINI(folders, 3123)
	for _, want := range []string{"http_port = 3123", "http_addr = 127.0.0.1", "data_dir = " + filepath.Join(work, "plugin-data"), "default_home_dashboard_path = " + folders.home + "\n", "allow_loading_unsigned_plugins = storagenode-monitor-datasource"} {
		if !strings.Contains(ini, want) {
			t.Errorf("%q is not in\n%s", want, ini)
		}
	}
	if _, err := layOutGrafana(grafanaSetup{work: t.TempDir(), specs: []string{"nothing"}}); err == nil {
		t.Error("a wrong spec is taken")
	}
	got := withoutGrafanaSettings([]string{"PATH=/bin", "GF_SERVER_HTTP_PORT=1", "HOME=/"})
	if strings.Join(got, " ") != "PATH=/bin HOME=/" {
		t.Errorf("environment %v", got)
	}
}

func TestFreePortTakesAnotherThanABusyOne(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := busy.Addr().(*net.TCPAddr).Port
	port, err := freePort(taken)
	if err != nil || port == taken || port == 0 {
		t.Errorf("port %d, %v", port, err)
	}
}

func TestNodesFromEnvironment(t *testing.T) {
	t.Setenv("NODES", "\n  A:/var/log/a.log \r\n# a comment\nB::http://localhost:14002\n")
	if got := strings.Join(nodesFromEnvironment(), "|"); got != "A:/var/log/a.log|B::http://localhost:14002" {
		t.Error(got)
	}
}

func TestFindChromiumTakesTheNamedOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "browser")
	write(t, file, "")
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHROMIUM", file)
	if got := findChromium(); got != file {
		t.Errorf("found %q", got)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within 10 s: %s", what)
		case <-tick.C:
		}
	}
}
