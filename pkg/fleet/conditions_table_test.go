package fleet_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
)

var update = flag.Bool("update", false, "write the table of conditions in docs/alerting.md anew")

func TestConditionsAreDefinedWhole(t *testing.T) {
	for _, problem := range conditions.Check(fleet.Definitions()) {
		t.Error(problem)
	}
}

// The documentation has exactly the conditions that can be raised.
func TestDocumentationHasTheConditions(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "alerting.md")
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := conditions.InDocument(string(written), fleet.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(written)); diff != "" {
		t.Errorf("run go test ./pkg/fleet -run Documentation -update: %s", diff)
	}
}
