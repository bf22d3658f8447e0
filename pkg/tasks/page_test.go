package tasks_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What Grafana's plugin validator wants of a plugin's page, as far as that can be seen without its catalogue.

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const ownRepository = "https://github.com/storagenode-monitor/storagenode-monitor-datasource"

var markdownLink = regexp.MustCompile(`!?\[[^\]]*\]\(([^)\s]+)\)`)

func TestThePageOfThePlugin(t *testing.T) {
	text := read(t, "src/README.md")
	if !strings.HasPrefix(text, "# Storj Node Monitor\n") || len(text) < 1000 {
		t.Errorf("it begins with %.40q and has %d bytes", text, len(text))
	}
	for _, template := range []string{"<!--", "TODO", "Lorem", "FIXME", "%VERSION%", "This is a template"} {
		if strings.Contains(text, template) {
			t.Errorf("it has %q", template)
		}
	}
	// Nothing stands beside it on Grafana's page: each link is whole, and what it says of the repository is there.
	views := regexp.MustCompile(`^(?:` + ownRepository + `/(?:blob|tree)/main/|https://raw\.githubusercontent\.com/storagenode-monitor/storagenode-monitor-datasource/main/)(.+?)(?:#(.+))?$`)
	for _, link := range markdownLink.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(link[1], "https://") {
			t.Errorf("the link %s is not whole", link[1])
		}
		if inside := views.FindStringSubmatch(link[1]); inside != nil {
			if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(inside[1]))); err != nil {
				t.Errorf("the link %s leads nowhere: %v", link[1], err)
			}
		}
	}
}

// Links within the repository's texts lead to files, and to headings in them.
func TestLinksOfTheDocumentation(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		files = append(files, filepath.Join(top, name))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range markdownLink.FindAllStringSubmatch(withoutCode(string(text)), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			path, heading, _ := strings.Cut(link[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", filepath.Base(file), link[1])
				continue
			}
			if heading != "" && !info.IsDir() && !anchors(t, target)[heading] {
				t.Errorf("%s: the link %s leads to no heading", filepath.Base(file), link[1])
			}
		}
	}
}

var (
	codeBlock = regexp.MustCompile("(?s)```.*?```")
	inline    = regexp.MustCompile("`[^`\n]*`")
	headline  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func withoutCode(text string) string {
	return inline.ReplaceAllString(codeBlock.ReplaceAllString(text, ""), "")
}

// anchors are the names of a text's headings, as GitHub makes them.
func anchors(t *testing.T, file string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, heading := range headline.FindAllStringSubmatch(codeBlock.ReplaceAllString(string(text), ""), -1) {
		name := noAnchor.ReplaceAllString(strings.ToLower(heading[1]), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

func TestWhatThePageShows(t *testing.T) {
	var manifest struct {
		Info struct {
			Description string
			Keywords    []string
			Links       []struct{ URL string }
			Screenshots []struct{ Name, Path string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "plugin.json")), &manifest); err != nil {
		t.Fatal(err)
	}
	info := manifest.Info
	if len(info.Description) < 20 || len(info.Keywords) < 3 || len(info.Links) < 2 || len(info.Screenshots) == 0 {
		t.Errorf("%+v", info)
	}
	for _, link := range info.Links {
		if !strings.HasPrefix(link.URL, "https://") {
			t.Errorf("the link %s is not safe", link.URL)
		}
	}
	names := map[string]bool{}
	for _, picture := range info.Screenshots {
		stat, err := os.Stat(filepath.Join(top, "src", picture.Path))
		if err != nil {
			t.Errorf("%s: %v", picture.Path, err)
			continue
		}
		if stat.Size() > 150_000 || picture.Name == "" || names[picture.Name] {
			t.Errorf("%s, %q: %d bytes", picture.Path, picture.Name, stat.Size())
		}
		names[picture.Name] = true
	}
	if license := read(t, "LICENSE"); !strings.Contains(license, "Apache License") || strings.Contains(license, "{yyyy}") {
		t.Error("the licence is not filled in")
	}
	if changes := read(t, "CHANGELOG.md"); !regexp.MustCompile(`(?m)^## \d+\.\d+\.\d+`).MatchString(changes) {
		t.Error("the changelog has no version")
	}
}
