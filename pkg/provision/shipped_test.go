package provision_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

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

// The samples are YAML of the contact points that the policy can name, and match the labels
// that the rules' alerts have. That Grafana takes them, only Grafana can say.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("../../provisioning/samples/alerting/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatal("there are samples missing:", files, err)
	}
	receivers := map[string]bool{}
	var used []string
	routes := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), "restart Grafana. Here it is never read.") {
			t.Errorf("%s does not say what to do with it", file)
		}
		type route struct {
			Receiver string
			Matchers [][3]string `yaml:"object_matchers"`
			Mute     []string    `yaml:"mute_time_intervals"`
		}
		var sample struct {
			ContactPoints []struct{ Name string } `yaml:"contactPoints"`
			MuteTimes     []struct{ Name string } `yaml:"muteTimes"`
			Templates     []struct{ Template string }
			Policies      []struct {
				Receiver string
				Routes   []route
			}
		}
		if err := yaml.Unmarshal(content, &sample); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, point := range sample.ContactPoints {
			receivers[point.Name] = true
		}
		for _, one := range sample.Templates {
			// With "{{- define" Grafana takes the whole for the text of one template.
			if _, err := template.New("").Parse(one.Template); err != nil || strings.Contains(one.Template, "{{- define") {
				t.Errorf("%s: %v", file, err)
			}
		}
		for _, policy := range sample.Policies {
			used = append(used, policy.Receiver)
			for _, route := range policy.Routes {
				used = append(used, route.Receiver)
				mutes := len(route.Mute) == 1 && route.Mute[0] == sample.MuteTimes[0].Name
				if of := slices.Contains(route.Matchers, [3]string{provision.MaintenanceLabel, "=", "true"}); of != mutes {
					t.Errorf("%s: of maintenance is %t, muted %t: %v", file, of, mutes, route)
				}
				if !slices.Contains(route.Matchers, [3]string{provision.AlertLabel, "=", provision.AlertLabelValue}) {
					t.Errorf("%s: a route is not of these alerts only: %v", file, route)
				}
				routes++
			}
		}
	}
	for _, name := range used {
		if !receivers[name] {
			t.Errorf("the policy names the contact point %q, of which there is no sample", name)
		}
	}
	if routes < 3 {
		t.Errorf("the policy has %d routes", routes)
	}
}
