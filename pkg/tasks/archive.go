package tasks

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

// Package builds everything and makes the zip that operators unpack into their plugin folder.
func Package(ctx context.Context) error {
	if err := os.RemoveAll(distFolder); err != nil { // nothing of an earlier build may get in
		return err
	}
	if err := Build(ctx); err != nil {
		return err
	}
	version, err := packageVersion(".")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s.zip", provision.PluginID, version)
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	err = errors.Join(writeArchive(file, ".", version, time.Now()), file.Close())
	if err != nil {
		_ = os.Remove(name)
		return fmt.Errorf("make %s: %w", name, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	fmt.Printf("%s (%.1f MB)\n", name, float64(info.Size())/1e6)
	return nil
}

// repository is where the project's files are read by people who have the archive only.
const repository = "https://github.com/storagenode-monitor/storagenode-monitor-datasource"

// relativeLink is a link or a picture of a text in Markdown that names a file of the project.
var relativeLink = regexp.MustCompile(`(!?)(\[[^\[\]]*\])\(([^()\s:#][^()\s:]*)\)`)

// withAbsoluteLinks lets a text lead into the repository where it leads to a file beside it: in the archive, and in what
// Grafana shows of it, there is no such file.
func withAbsoluteLinks(text []byte) []byte {
	return relativeLink.ReplaceAllFunc(text, func(link []byte) []byte {
		parts := relativeLink.FindSubmatch(link)
		view := "blob"
		if len(parts[1]) > 0 {
			view = "raw"
		}
		return fmt.Appendf(nil, "%s%s(%s/%s/main/%s)", parts[1], parts[2], repository, view, parts[3])
	})
}

// texts stand beside the manifest in the archive. The README is the one for Grafana's page of the plugin.
var texts = map[string]string{"LICENSE": "LICENSE", "CHANGELOG.md": "CHANGELOG.md", "README.md": "src/README.md"}

// belongs are the files and folders of dist/ that the plugin consists of. Anything else is refused rather than shipped.
var belongs = []string{
	"plugin.json", "module.js", "module.js.map", "module.js.LICENSE.txt", manifest, "*.js", "*.js.map", "*.js.LICENSE.txt",
	executable + "_*", "img/*", "dashboards/*.json", "locales/*/*.json",
	"LICENSE", "CHANGELOG.md", "README.md",
}

// writeArchive makes the archive of the project at root: one folder named after the plugin, with all of dist/.
func writeArchive(out io.Writer, root, version string, now time.Time) error {
	dist := filepath.Join(root, distFolder)
	files := map[string]string{} // name in the archive → file
	var strays []string
	err := filepath.WalkDir(dist, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dist, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if !matchesAny(name, belongs) {
			strays = append(strays, name)
		}
		files[name] = file
		return nil
	})
	if err != nil {
		return err
	}
	if len(strays) > 0 {
		return fmt.Errorf("dist/ contains what is no part of the plugin: %s", strings.Join(strays, ", "))
	}
	for name, file := range texts {
		files[name] = filepath.Join(root, filepath.FromSlash(file))
	}
	for _, needed := range []string{"plugin.json", "module.js"} {
		if files[needed] == "" {
			return fmt.Errorf("dist/ has no %s; build the front end first", needed)
		}
	}
	for _, p := range platforms {
		if files[p.binary()] == "" {
			return fmt.Errorf("dist/ has no %s; build the back end for every platform first", p.binary())
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)

	archive := zip.NewWriter(out)
	for _, name := range names {
		content, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(name, executable+"_") {
			mode = 0o755
		}
		if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".md") {
			content = bytes.ReplaceAll(content, []byte("%VERSION%"), []byte(version))
			content = bytes.ReplaceAll(content, []byte("%TODAY%"), []byte(now.UTC().Format(time.DateOnly)))
		}
		if strings.HasSuffix(name, ".md") {
			content = withAbsoluteLinks(content)
		}
		header := &zip.FileHeader{Name: path.Join(provision.PluginID, name), Method: zip.Deflate, Modified: now.UTC()}
		header.SetMode(mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(content); err != nil {
			return err
		}
	}
	return archive.Close()
}

func matchesAny(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if matched, _ := path.Match(pattern, name); matched {
			return true
		}
	}
	return false
}
