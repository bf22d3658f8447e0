package provision_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

// definition is a condition whose words do not matter.
func definition(group, code string, atOnce bool, severities ...conditions.Severity) conditions.Definition {
	return conditions.Definition{
		Code: code, Group: group, Severities: severities, AtOnce: atOnce,
		Title: "Title of " + code, When: "it is so", Clears: "it is not", Do: "Nothing.",
	}
}

// table has every kind of condition, one group with more than a rule holds, and one with a
// long name.
func table() []conditions.Definition {
	const info, warning, critical = conditions.Info, conditions.Warning, conditions.Critical
	all := []conditions.Definition{
		definition("audits", "failed", true, warning, critical),
		definition("audits", "slow", false, warning, critical),
		definition("audits", "disqualified", true, info, critical),
		definition("contact", "satellite_down", false, info),
		definition("The group: with an uncommonly long name", "long_a", false, warning),
		definition("monitor", conditions.NotCollecting, false, critical),
		definition("failures", "lost", true, critical),
	}
	for i := range 11 {
		all = append(all, definition("presence", fmt.Sprintf("presence_%d", i), false, critical))
	}
	return all
}

// alertRule is a rule of either form.
type alertRule struct {
	UID, Title, Condition, For               string
	NoDataState, ExecErrState, KeepFiringFor string
	Annotations, Labels                      map[string]string
	IsPaused                                 bool
	Data                                     []struct {
		RefID, DatasourceUID string
		RelativeTimeRange    map[string]int
		Model                map[string]any
	}
}

type alertFile struct {
	APIVersion int
	Groups     []struct {
		OrgID                  int64
		Name, Folder, Interval string
		Rules                  []alertRule
	}
}

// asGrafanaReads is a file of rules as Grafana reads it: in annotations and in queries nothing
// is expanded.
func asGrafanaReads(t *testing.T, file []byte) alertFile {
	t.Helper()
	var tree yaml.Node
	if err := yaml.Unmarshal(file, &tree); err != nil {
		t.Fatal(err)
	}
	var read func(node *yaml.Node, raw bool) any
	read = func(node *yaml.Node, raw bool) any {
		switch node.Kind {
		case yaml.DocumentNode:
			return read(node.Content[0], raw)
		case yaml.MappingNode:
			of := map[string]any{}
			for i := 0; i < len(node.Content); i += 2 {
				name := node.Content[i].Value
				of[name] = read(node.Content[i+1], raw || name == "annotations" || name == "model")
			}
			return of
		case yaml.SequenceNode:
			var all []any
			for _, element := range node.Content {
				all = append(all, read(element, raw))
			}
			return all
		}
		if raw {
			var value any
			if err := node.Decode(&value); err != nil {
				t.Fatal(err)
			}
			return value
		}
		return grafanaReads(t, node)
	}
	encoded, err := json.Marshal(read(&tree, false))
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, encoded)
}

func decoded(t *testing.T, encoded []byte) alertFile {
	t.Helper()
	var file alertFile
	if err := json.Unmarshal(encoded, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func alertRules(t *testing.T, uid string, definitions []conditions.Definition) []alertRule {
	t.Helper()
	encoded, err := provision.AlertRulesJSON(uid, definitions)
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, encoded).Groups[0].Rules
}

// The file and the JSON are the same rules, though a $ is not the same in all of the file.
func TestTheFileAndTheJSONAreTheSame(t *testing.T) {
	file, err := provision.AlertRules("my-uid", table(), provision.InOrg(7))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := provision.AlertRulesJSON("my-uid", table(), provision.InOrg(7))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, encoded), asGrafanaReads(t, file), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-JSON +file:\n%s\n%s", diff, file)
	}
	if !strings.Contains(string(file), `"{{ with $$values.`) || !strings.Contains(string(file), `"{{ $values.`) {
		t.Errorf("the labels' $ are not doubled, or the annotations' are:\n%s", file)
	}
	group := decoded(t, encoded).Groups[0]
	if group.OrgID != 7 || group.Interval != "1m" || group.Folder != provision.AlertFolder || !strings.Contains(group.Name, "my-uid") {
		t.Errorf("the group is %d %q %q %q", group.OrgID, group.Name, group.Folder, group.Interval)
	}
	// Grafana's API and its files have different names for one field.
	if strings.Contains(string(file), "keep_firing_for") || strings.Count(string(encoded), "keep_firing_for") != strings.Count(string(encoded), "keepFiringFor") {
		t.Error("how long a rule fires on is not said as Grafana reads it")
	}
}

// fires says whether a rule fires at a value.
func (r alertRule) fires(t *testing.T, value float64) bool {
	t.Helper()
	step := r.Data[len(r.Data)-1]
	condition := step.Model["conditions"].([]any)[0].(map[string]any)
	of := step.Model["expression"]
	if step.Model["type"] == "classic_conditions" {
		of = condition["query"].(map[string]any)["params"].([]any)[0]
	}
	if r.Condition != "C" || step.RefID != "C" || step.DatasourceUID != "__expr__" || of != "A" {
		t.Fatalf("%s has the condition %s over %v", r.Title, r.Condition, step)
	}
	evaluator := condition["evaluator"].(map[string]any)
	limits := evaluator["params"].([]any)
	switch first := limits[0].(float64); evaluator["type"] {
	case "gt":
		return value > first
	case "lt":
		return value < first
	case "within_range":
		return value > first && value < limits[1].(float64)
	}
	t.Fatalf("%s compares by %v", r.Title, evaluator)
	return false
}

// kinds are the conditions that a step of a rule asks for.
func kinds(model map[string]any) []string {
	var all []string
	for _, code := range model["kinds"].([]any) {
		all = append(all, code.(string))
	}
	return all
}

// Of each condition, exactly one rule fires at warning and one at critical, where it has
// that severity, and none at any other.
func TestEachConditionIsToldOfOnce(t *testing.T) {
	definitions := table()
	rules := alertRules(t, "my-uid", definitions)
	for _, d := range definitions {
		for severity := conditions.NotWatched; severity <= conditions.Critical; severity++ {
			var firing []alertRule
			for _, rule := range rules {
				if slices.Contains(kinds(rule.Data[0].Model), d.Code) && rule.fires(t, float64(severity)) {
					firing = append(firing, rule)
				}
			}
			want := 0
			if severity >= conditions.Warning && slices.Contains(d.Severities, severity) {
				want = 1
			}
			if len(firing) != want {
				t.Errorf("of %s, when it is %s, %d rules fire: %+v", d.Code, severity, len(firing), firing)
				continue
			}
			for _, rule := range firing {
				waits := [2]string{"2m", "3m"}
				if d.AtOnce {
					waits = [2]string{"0s", "1m"}
				}
				if rule.Labels["severity"] != severity.String() || [2]string{rule.For, rule.KeepFiringFor} != waits {
					t.Errorf("of %s, when it is %s, fires %+v", d.Code, severity, rule)
				}
			}
		}
	}
}

func TestRulesAskWhatIsAnswered(t *testing.T) {
	definitions := table()
	answers := conditions.NewConcern(nil).Types()
	silent := 0
	for _, rule := range alertRules(t, "my-uid", definitions) {
		asked := rule.Data[:len(rule.Data)-1]
		var codes []string
		for i, query := range asked {
			encoded, err := json.Marshal(query.Model)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := concern.ParseQuery(encoded, answers)
			if err != nil || query.DatasourceUID != "my-uid" || query.RefID != query.Model["refId"] {
				t.Errorf("%s asks %s of %s: %v", rule.Title, encoded, query.DatasourceUID, err)
			}
			if want := []concern.Format{concern.Severity, concern.Text}[i]; parsed.Format != want {
				t.Errorf("%s asks %s as %s", rule.Title, parsed.QueryType, parsed.Format)
			}
			if i > 0 && !slices.Equal(codes, parsed.Kinds) {
				t.Errorf("%s asks for the texts of %v and for the severities of %v", rule.Title, parsed.Kinds, codes)
			}
			codes = parsed.Kinds
		}
		if len(codes) == 0 || len(codes) > 5 {
			t.Errorf("%s is of the conditions %v", rule.Title, codes)
		}
		if rule.NoDataState != rule.ExecErrState || !slices.Contains([]string{"KeepLast", "Alerting"}, rule.NoDataState) {
			t.Errorf("%s resolves when nothing answers: %s, %s", rule.Title, rule.NoDataState, rule.ExecErrState)
		}
		if rule.NoDataState == "Alerting" {
			silent++
			if kind := rule.Data[1].Model["type"]; kind != "classic_conditions" {
				t.Errorf("%s is a %v, which is one alert for each node", rule.Title, kind)
			}
			if rule.For != "5m" || rule.KeepFiringFor != "" {
				t.Errorf("%s waits for %s", rule.Title, rule.For)
			}
		}
		if rule.Labels[provision.AlertLabel] != provision.AlertLabelValue || rule.IsPaused {
			t.Errorf("%s has the labels %v", rule.Title, rule.Labels)
		}
	}
	if silent != 1 {
		t.Errorf("%d rules fire when nothing answers, want one", silent)
	}
}

// expanded is what Grafana makes of a template.
func expanded(t *testing.T, text string, data any) string {
	t.Helper()
	const before = "{{- $labels := .Labels -}}{{- $values := .Values -}}{{- $value := .Value -}}{{ if false }}{{ $labels }}{{ $value }}{{ $values }}{{ end }}"
	functions := template.FuncMap{"externalURL": func() string { return "https://grafana.example/" }}
	parsed, err := template.New("").Funcs(functions).Option("missingkey=invalid").Parse(before + text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, data); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out.String()
}

func TestTemplates(t *testing.T) {
	type labels map[string]string
	type value struct {
		Labels labels
		Value  float64
	}
	type all struct {
		Labels labels
		Values map[string]value
		Value  any
	}
	for _, rule := range alertRules(t, "my-uid", table()) {
		if rule.NoDataState == "Alerting" {
			continue
		}
		for _, maintenance := range []string{"", "true"} {
			data := all{Values: map[string]value{"B": {Labels: labels{"title": "T", "message": "M", "maintenance": maintenance}}}}
			got := []string{expanded(t, rule.Annotations["summary"], data), expanded(t, rule.Annotations["description"], data), expanded(t, rule.Labels["maintenance"], data)}
			if want := []string{"T", "M", maintenance}; !slices.Equal(got, want) {
				t.Errorf("%s says %q, want %q", rule.Title, got, want)
			}
		}
		if got := expanded(t, rule.Labels["maintenance"], all{Values: map[string]value{}}); got != "" {
			t.Errorf("%s, without texts, is in maintenance %q", rule.Title, got)
		}
	}
}

// A rule keeps its uid when the text of a condition changes or another group is added, and
// shares it with no rule of another data source.
func TestUIDs(t *testing.T) {
	of := func(rules []alertRule) map[string]string {
		uids := map[string]string{}
		for _, rule := range rules {
			if len(rule.UID) > 40 || strings.Trim(rule.UID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(rule.Title) > 190 {
				t.Errorf("the uid %q of %q is none", rule.UID, rule.Title)
			}
			if other, taken := uids[rule.UID]; taken {
				t.Errorf("%s and %s have the uid %s", rule.Title, other, rule.UID)
			}
			uids[rule.UID] = rule.Title
		}
		return uids
	}
	want := map[string]string{
		"storj-1ec0000c-audits-at-once-critical":   "Storj nodes: audits, at once (critical)",
		"storj-1ec0000c-audits-at-once-warning":    "Storj nodes: audits, at once (warning)",
		"storj-1ec0000c-audits-critical":           "Storj nodes: audits (critical)",
		"storj-1ec0000c-audits-warning":            "Storj nodes: audits (warning)",
		"storj-1ec0000c-the-group-with-a-e227cb6a": "Storj nodes: The group: with an uncommonly long name (warning)",
		"storj-1ec0000c-failures-critical":         "Storj nodes: failures (critical)",
		"storj-1ec0000c-monitor-critical":          "Storj nodes: monitor (critical)",
		"storj-1ec0000c-presence-critical":         "Storj nodes: presence (critical)",
		"storj-1ec0000c-presence-2-critical":       "Storj nodes: presence 2 (critical)",
		"storj-1ec0000c-presence-3-critical":       "Storj nodes: presence 3 (critical)",
		"storj-1ec0000c-not-answering":             "Storj nodes: monitor not answering",
	}
	got := of(alertRules(t, "my-uid", table()))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	changed := append(table(), definition("new", "new", false, conditions.Critical))
	changed[0].Title = "Another"
	later := of(alertRules(t, "my-uid", changed))
	for uid := range got {
		if later[uid] == "" {
			t.Errorf("the rule %s is gone", uid)
		}
	}
	for uid := range maps.Keys(of(alertRules(t, "other-uid", table()))) {
		if got[uid] != "" {
			t.Errorf("the rule %s of one data source would be replaced by that of another", uid)
		}
	}
}

func TestNoRulesOfWhatIsWrong(t *testing.T) {
	for _, uid := range []string{"not a uid", "", "a/b", strings.Repeat("x", 41)} {
		if _, err := provision.AlertRules(uid, table()); err == nil {
			t.Errorf("the uid %q is taken", uid)
		}
		if _, err := provision.AlertRulesJSON(uid, table()); err == nil {
			t.Errorf("the uid %q is taken", uid)
		}
	}
	twice := append(table(), table()[0])
	if _, err := provision.AlertRules("my-uid", twice); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a table with a condition twice gives %v", err)
	}
}

// panels are what the panels with one query ask, by the uid of the dashboard and their id.
func panels(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../src/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	asks := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			UID    string
			Panels []struct {
				ID      int
				Targets []struct{ QueryType, Format string }
			}
		}
		if err := json.Unmarshal(content, &dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, panel := range dashboard.Panels {
			if len(panel.Targets) == 1 {
				asks[fmt.Sprint(dashboard.UID, " ", panel.ID)] = panel.Targets[0].QueryType + " " + panel.Targets[0].Format
			}
		}
	}
	return asks
}

// The panel that an alert leads to is there, and shows the conditions; where what led to it is
// frozen, it shows that.
func TestRulesLeadToADashboard(t *testing.T) {
	asks := panels(t)
	type labels map[string]string
	data := struct {
		Labels labels
		Values map[string]struct{ Labels labels }
		Value  any
	}{Labels: labels{"node": "My Node&Co", "satellite": "us1", "condition": "disqualified"}}
	const link = "https://grafana.example/d/storagenode-monitor-reputation?viewPanel=21&from=now-7d&to=now&var-datasource=my-uid&var-node=My+Node%26Co&var-satellite=us1"
	linked := 0
	for _, rule := range alertRules(t, "my-uid", fleet.Definitions()) {
		want := "conditions table"
		if slices.ContainsFunc(kinds(rule.Data[0].Model), conditions.HasPostMortem) {
			want = "post_mortems table"
			linked++
			if got := expanded(t, rule.Annotations["post_mortem"], data); got != link {
				t.Errorf("%s links to %s, want %s", rule.Title, got, link)
			}
		} else if rule.Annotations["post_mortem"] != "" {
			t.Errorf("%s, which has no post-mortem, links to one", rule.Title)
		}
		if to := rule.Annotations["__dashboardUid__"] + " " + rule.Annotations["__panelId__"]; asks[to] != want {
			t.Errorf("%s leads to the dashboard and panel %s, which asks %q, want %q", rule.Title, to, asks[to], want)
		}
	}
	if linked == 0 {
		t.Error("no rule is of what has a post-mortem")
	}
}
