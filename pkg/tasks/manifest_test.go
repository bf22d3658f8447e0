package tasks_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const top = "../.." // of the project

func pluginSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("testdata/plugin.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestPluginJSONMeetsGrafanasSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := pluginSchema(t).Validate(document); err != nil {
		t.Error(err)
	}
	var manifest struct {
		ID, Executable string
		Includes       []struct{ Path string }
		Info           struct {
			Logos       struct{ Small, Large string }
			Screenshots []struct{ Path string }
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.ID != "storagenode-monitor-datasource" || manifest.Executable != "gpx_storagenode_monitor" {
		t.Errorf("id %q, executable %q: an installed plugin is known by these", manifest.ID, manifest.Executable)
	}
	named := []string{manifest.Info.Logos.Small, manifest.Info.Logos.Large}
	for _, include := range manifest.Includes {
		named = append(named, include.Path)
	}
	for _, picture := range manifest.Info.Screenshots {
		named = append(named, picture.Path)
	}
	for _, file := range named {
		if _, err := os.Stat(filepath.Join(top, "src", file)); err != nil {
			t.Errorf("plugin.json names a file that src/ has not: %v", err)
		}
	}
}

// The front end's tools look in src/, Grafana's at the top: there must be one manifest only.
func TestPluginJSONStandsOnce(t *testing.T) {
	target, err := os.Readlink(filepath.Join(top, "src", "plugin.json"))
	if err != nil || filepath.ToSlash(target) != "../plugin.json" {
		t.Errorf("src/plugin.json links to %q (%v), want ../plugin.json", target, err)
	}
}

func TestPluginJSONSchemaRefuses(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "plugin.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema := pluginSchema(t)
	for name, change := range map[string]func(map[string]any){
		"a missing id":         func(m map[string]any) { delete(m, "id") },
		"an id without a type": func(m map[string]any) { m["id"] = "storagenode-monitor" },
		"an unknown key":       func(m map[string]any) { m["backends"] = true },
		"a wrong category":     func(m map[string]any) { m["category"] = "storage" },
		"no keywords":          func(m map[string]any) { m["info"].(map[string]any)["keywords"] = []any{} },
		"a version in words":   func(m map[string]any) { m["info"].(map[string]any)["version"] = "first" },
		"a PNG logo":           func(m map[string]any) { m["info"].(map[string]any)["logos"].(map[string]any)["small"] = "img/logo.png" },
		"no Grafana version":   func(m map[string]any) { m["dependencies"] = map[string]any{} },
		"a link that is no address": func(m map[string]any) {
			m["info"].(map[string]any)["links"] = []any{map[string]any{"name": "x", "url": "not an address"}}
		},
	} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		change(document.(map[string]any))
		if schema.Validate(document) == nil {
			t.Errorf("the schema takes %s", name)
		}
	}
}
