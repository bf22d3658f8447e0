package main

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
)

func TestWrongUse(t *testing.T) {
	for args, want := range map[string]string{
		"":                               "--plugin is missing",
		"--plugin x":                     "no --node",
		"--plugin x --node nothing":      "nothing",
		"--plugin x --node A:b:ftp://c":  "ftp",
		"--plugin x --colour":            "colour",
		"--plugin x --node A:/a --node=": "", // an empty spec is no spec; the plugin is then found missing
	} {
		t.Run(args, func(t *testing.T) {
			err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
			if err == nil {
				t.Fatal("it was taken")
			}
			var wrongUse usageError
			if errors.As(err, &wrongUse) != (want != "") || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want wrong use that says %q", err, want)
			}
		})
	}
}

func buildPlugin(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gpx_storagenode_monitor")
	if out, err := exec.Command("go", "build", "-o", file, "../..").CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	return file
}

// specOf serves a recorded node and is its spec.
func specOf(t *testing.T, state string) string {
	t.Helper()
	for _, recorded := range replay.States() {
		if recorded.Name == state {
			server := httptest.NewServer(replay.Handler(recorded.FS))
			t.Cleanup(server.Close)
			return state + "::" + server.URL
		}
	}
	t.Fatalf("no recording of %s", state)
	return ""
}

func TestOnceShowsTheNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the plugin")
	}
	plugin := buildPlugin(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var out strings.Builder
	err := run(t.Context(), []string{"--plugin", plugin, "--once",
		"--node", specOf(t, "02-healthy"), "--node", specOf(t, "04-disqualified"), "--node", "Gone::http://127.0.0.1:1"}, &out, io.Discard)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"3 nodes: 2 critical, 1 fine", "● 02-healthy  connected", "DISQUALIFIED", "✖ Gone  unreachable"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown:\n%s", want, out.String())
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPluginIsStartedAgainAfterACrash(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the plugin")
	}
	document, _, err := dataSource([]string{specOf(t, "02-healthy")})
	if err != nil {
		t.Fatal(err)
	}
	source, err := startPlugin(t.Context(), buildPlugin(t), t.TempDir(), io.Discard, document)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if _, err := source.Nodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := source.host.Pid()
	if err := source.host.Crash(); err != nil {
		t.Fatal(err)
	}
	frames, err := source.Nodes(t.Context())
	if err != nil || len(frames) == 0 || source.host.Pid() == first {
		t.Errorf("after a crash: %d frames, %v, process %d then %d", len(frames), err, first, source.host.Pid())
	}
	if health, err := source.Health(t.Context()); err != nil || len(health.Checks) == 0 {
		t.Errorf("health %+v, %v", health, err)
	}
	source.Close()
	if _, err := source.Nodes(t.Context()); err == nil {
		t.Error("a closed source still answers")
	}
}
