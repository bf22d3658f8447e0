package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// The compose file starts this program's demo on port 14002 of the host `nodes`, and provisions a data source for it.
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
	nodes, err := demoNodes("/logs", "0.0.0.0:14002")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, node := range nodes {
		spec := node.Node.Name + ":" + node.LogPath + ":http://" + node.Listen
		want = append(want, advertised(spec, node.Listen, "nodes"))
	}
	for _, node := range configured.Nodes {
		got = append(got, node.Spec())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
