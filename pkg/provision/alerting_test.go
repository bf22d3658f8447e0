package provision_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"text/template"

	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
)

type ruleFile struct {
	APIVersion int `yaml:"apiVersion"`
	Groups     []struct {
		Name, Folder, Interval string
		Rules                  []struct {
			UID, Title, Condition, For string
			NoDataState                string `yaml:"noDataState"`
			ExecErrState               string `yaml:"execErrState"`
			Annotations, Labels        map[string]string
			Data                       []struct {
				RefID         string `yaml:"refId"`
				DatasourceUID string `yaml:"datasourceUid"`
				Model         map[string]any
			}
		}
	}
}

// Each rule asks what the plugin answers, and its texts are templates of Grafana.
func TestAlertRulesAskWhatIsAnswered(t *testing.T) {
	content, err := provision.AlertRules("my-uid")
	if err != nil {
		t.Fatal(err)
	}
	var file ruleFile
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || file.Groups[0].Interval != "1m" || len(file.Groups[0].Rules) < 2 {
		t.Fatalf("the file has %+v", file)
	}
	var uids []string
	silent := 0
	for _, rule := range file.Groups[0].Rules {
		if slices.Contains(uids, rule.UID) || len(rule.UID) > 40 {
			t.Errorf("the uid %q is taken or too long", rule.UID)
		}
		uids = append(uids, rule.UID)
		query := rule.Data[0]
		encoded, err := json.Marshal(query.Model)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := concern.ParseQuery(encoded, reputation.Concern{}.Types()); err != nil || query.DatasourceUID != "my-uid" {
			t.Errorf("%s asks %s of %s: %v", rule.Title, encoded, query.DatasourceUID, err)
		}
		if rule.Condition != "C" || rule.Data[1].Model["expression"] != "A" || rule.Data[1].DatasourceUID != "__expr__" {
			t.Errorf("%s has the condition %s over %v", rule.Title, rule.Condition, rule.Data[1].Model)
		}
		if !slices.Contains([]string{"warning", "critical"}, rule.Labels["severity"]) {
			t.Errorf("%s has the severity %q", rule.Title, rule.Labels["severity"])
		}
		if rule.NoDataState != rule.ExecErrState || !slices.Contains([]string{"KeepLast", "Alerting"}, rule.NoDataState) {
			t.Errorf("%s resolves when nothing answers: %s, %s", rule.Title, rule.NoDataState, rule.ExecErrState)
		}
		if rule.NoDataState == "Alerting" {
			silent++
		}
		for name, text := range rule.Annotations {
			const before = "{{ $labels := .Labels }}{{ $values := .Values }}{{ if false }}{{ $labels }}{{ $values }}{{ end }}"
			parsed, err := template.New(name).Funcs(template.FuncMap{"humanizeDuration": func(float64) string { return "" }}).Parse(before + text)
			if err != nil {
				t.Errorf("%s: %s: %v", rule.Title, name, err)
				continue
			}
			var out strings.Builder
			value := struct{ Value float64 }{12.5}
			if err := parsed.Execute(&out, map[string]any{"Labels": map[string]string{"node": "N", "satellite": "us1"}, "Values": map[string]any{"A": value}}); err != nil || strings.Contains(out.String(), "no value") {
				t.Errorf("%s: %s gives %q: %v", rule.Title, name, out.String(), err)
			}
		}
	}
	other, err := provision.AlertRules("other-uid")
	if err != nil {
		t.Fatal(err)
	}
	for _, uid := range uids {
		if strings.Contains(string(other), uid) {
			t.Errorf("the rule %s of one data source would be replaced by that of another", uid)
		}
	}
	if silent != 1 {
		t.Errorf("%d rules fire when nothing answers, want one", silent)
	}
	if _, err := provision.AlertRules("not a uid"); err == nil {
		t.Error("a uid that Grafana refuses is taken")
	}
}
