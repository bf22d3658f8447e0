package tasks

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// builtProject is a project whose dist/ holds what a build leaves.
func builtProject(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"LICENSE": "Apache", "CHANGELOG.md": "# Changes", "README.md": "# The repository", "src/README.md": "# Storj, version %VERSION%, [licence](LICENSE)", "secret.env": "TOKEN=1",
		"dist/plugin.json": `{"info":{"version":"%VERSION%","updated":"%TODAY%"}}`,
		"dist/module.js":   "%VERSION% stays in code", "dist/module.js.map": "{}", "dist/135.js": "",
		"dist/img/logo.svg": "<svg/>", "dist/dashboards/reputation.json": "{}", "dist/" + manifest: "abc:pkg/main.go",
	}
	for _, p := range platforms {
		files["dist/"+p.binary()] = "binary for " + p.os
	}
	for name, content := range files {
		write(t, filepath.Join(root, name), content)
	}
	return root
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestArchive(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	if err := writeArchive(&out, builtProject(t), "1.2.3", now); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	content := map[string]string{}
	for _, file := range archive.File {
		modes[file.Name] = file.Mode()
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		content[file.Name] = string(text)
	}
	const root = "storagenode-monitor-datasource/"
	want := map[string]fs.FileMode{
		root + "LICENSE": 0o644, root + "CHANGELOG.md": 0o644, root + "README.md": 0o644, root + "plugin.json": 0o644,
		root + "module.js": 0o644, root + "module.js.map": 0o644, root + "135.js": 0o644, root + "img/logo.svg": 0o644,
		root + "dashboards/reputation.json": 0o644, root + "go_plugin_build_manifest": 0o644,
		root + "gpx_storagenode_monitor_linux_amd64": 0o755, root + "gpx_storagenode_monitor_linux_arm64": 0o755,
		root + "gpx_storagenode_monitor_linux_arm": 0o755, root + "gpx_storagenode_monitor_darwin_amd64": 0o755,
		root + "gpx_storagenode_monitor_darwin_arm64": 0o755, root + "gpx_storagenode_monitor_windows_amd64.exe": 0o755,
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for file, want := range map[string]string{
		"plugin.json": `{"info":{"version":"1.2.3","updated":"2026-11-23"}}`,
		"README.md":   "# Storj, version 1.2.3, [licence](" + repository + "/blob/main/LICENSE)",
		"module.js":   "%VERSION% stays in code",
	} {
		if got := content[root+file]; got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
}

func TestArchivedTextsLeadIntoTheRepository(t *testing.T) {
	for text, want := range map[string]string{
		"[queries](docs/queries.md#health), [L](LICENSE)": "[queries](" + repository + "/blob/main/docs/queries.md#health), [L](" + repository + "/blob/main/LICENSE)",
		"![The dashboard](src/img/reputation.png)":        "![The dashboard](" + repository + "/raw/main/src/img/reputation.png)",
		"[here](#try-it) [there](https://go.dev/dl/)":     "[here](#try-it) [there](https://go.dev/dl/)",
		"`name(s)` [spec](#a) (docs/queries.md)":          "`name(s)` [spec](#a) (docs/queries.md)",
	} {
		if got := string(withAbsoluteLinks([]byte(text))); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", text, got, want)
		}
	}
}

// Every link of the archived texts is one that the rule above knows.
func TestNoLinkOfTheTextsStaysRelative(t *testing.T) {
	for _, name := range texts {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllSubmatch(withAbsoluteLinks(text), -1) {
			if to := string(link[1]); !strings.HasPrefix(to, "https://") && !strings.HasPrefix(to, "#") {
				t.Errorf("%s: a link to %s", name, to)
			}
		}
	}
}

func TestArchiveRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(root string)
		want  string
	}{
		"a stray file":       {func(root string) { write(t, filepath.Join(root, "dist", "notes.txt"), "") }, "notes.txt"},
		"a stray folder":     {func(root string) { write(t, filepath.Join(root, "dist", ".cache", "x.js"), "") }, ".cache/x.js"},
		"a missing platform": {func(root string) { os.Remove(filepath.Join(root, "dist", "gpx_storagenode_monitor_linux_arm")) }, "linux_arm"},
		"a missing front end": {func(root string) {
			os.Remove(filepath.Join(root, "dist", "module.js"))
		}, "build the front end first"},
		"a missing licence": {func(root string) { os.Remove(filepath.Join(root, "LICENSE")) }, "LICENSE"},
		"no build at all":   {func(root string) { os.RemoveAll(filepath.Join(root, "dist")) }, "dist"},
	} {
		t.Run(name, func(t *testing.T) {
			root := builtProject(t)
			c.spoil(root)
			err := writeArchive(io.Discard, root, "1.2.3", time.Now())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not name %q", err, c.want)
			}
		})
	}
}
