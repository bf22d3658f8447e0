package main

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// The compose file starts this program on port 14002 of the host `nodes`, and provisions a data source for it.
func TestProvisioningNamesTheseNodes(t *testing.T) {
	text, err := os.ReadFile("../../../provisioning/datasources/storagenodes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Datasources []struct {
			Type, UID string
			JSONData  map[string]any `yaml:"jsonData"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Datasources) != 1 || file.Datasources[0].Type != "storagenode-monitor-datasource" || file.Datasources[0].UID != "storagenodes" {
		t.Fatalf("data sources: %+v", file.Datasources)
	}
	document, err := json.Marshal(file.Datasources[0].JSONData)
	if err != nil {
		t.Fatal(err)
	}
	configured, report := settings.Load(document)
	if len(report.Problems) > 0 || len(report.Warnings) > 0 {
		t.Errorf("problems %v, warnings %v", report.Problems, report.Warnings)
	}
	var want, got []string
	for i, node := range nodes() {
		want = append(want, fmt.Sprintf("%s at http://nodes:%d", node.name, 14002+i))
	}
	for _, node := range configured.Nodes {
		got = append(got, node.Name+" at "+node.API)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
