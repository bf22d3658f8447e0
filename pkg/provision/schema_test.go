package provision_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// meetsSchema says what Grafana would not take of a file with rules, or nil.
func meetsSchema(t *testing.T, file []byte) error {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("testdata/alert-rules.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(file, &tree); err != nil {
		return err
	}
	encoded, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

func TestRulesMeetGrafanasSchema(t *testing.T) {
	shipped, err := os.ReadFile(shippedRules)
	if err != nil {
		t.Fatal(err)
	}
	if err := meetsSchema(t, shipped); err != nil {
		t.Error(err)
	}
	// What Grafana would refuse, or read as nothing.
	for _, broken := range [][2]string{
		{`noDataState: "KeepLast"`, `noDataState: "Keep"`},
		{`execErrState: "KeepLast"`, `execErrState: "NoData"`},
		{`keepFiringFor: "1m"`, `keep_firing_for: "1m"`},
		{`for: "2m"`, `for: "2"`},
		{`interval: "1m"`, `interval: 60`},
		{`uid: "storj-`, `uid: "storj nodes-`},
		{`type: "threshold"`, `type: "limit"`},
		{`severity: "critical"`, `severity: 3`},
		{`apiVersion: 1`, `apiVersion: 2`},
		{`relativeTimeRange:`, `timeRange:`},
	} {
		text := strings.ReplaceAll(string(shipped), broken[0], broken[1])
		if text == string(shipped) {
			t.Errorf("the rules have no %s", broken[0])
		}
		if meetsSchema(t, []byte(text)) == nil {
			t.Errorf("%s meets the schema", broken[1])
		}
	}
}
