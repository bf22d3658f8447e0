package provision_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

var update = flag.Bool("update", false, "write provisioning/alerting anew, of the table of conditions")

const (
	shippedRules = "../../provisioning/alerting/storagenodes.yaml"
	// shippedUID is that of the data source in provisioning/datasources.
	shippedUID = "storagenodes"
)

// The rules that are shipped are those of the conditions that a fleet can raise.
func TestShippedRulesAreTheTables(t *testing.T) {
	want, err := provision.AlertRules(shippedUID, fleet.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(shippedRules, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(shippedRules)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), string(want)); diff != "" {
		t.Errorf("%s is not of the table of conditions (-file +table); write it anew with go test ./pkg/provision -run ShippedRules -update\n%s", shippedRules, diff)
	}
}

// Nothing but rules is loaded: a contact point that is not filled in ends Grafana's start, and
// a policy replaces all that there are.
func TestOnlyRulesAreLoaded(t *testing.T) {
	entries, err := os.ReadDir("../../provisioning/alerting")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, []string{"storagenodes.yaml"}) {
		t.Errorf("provisioning/alerting has %v", names)
	}
}
