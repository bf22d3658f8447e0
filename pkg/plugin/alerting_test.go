package plugin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/pluginhost"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

// resourceAs asks for a resource in a role.
func (g *grafana) resourceAs(role, method, path, body string) *backend.CallResourceResponse {
	g.t.Helper()
	source := g.source
	source.Role = role
	route, _, _ := strings.Cut(path, "?")
	response, err := g.host.CallResource(g.t.Context(), &backend.CallResourceRequest{PluginContext: source.Context(), Path: route, URL: path, Method: method, Body: []byte(body)})
	if err != nil {
		g.t.Fatal(err)
	}
	return response
}

// The rules are those of the data source that is asked, and everybody who may look at it may
// read them.
func TestRulesOfThisDataSource(t *testing.T) {
	g := newGrafana(t)
	g.source.UID, g.source.OrgID = "by-hand_7", 3
	g.configure(nodes())
	for path, write := range map[string]func() ([]byte, error){
		"alerting": func() ([]byte, error) {
			return provision.AlertRules("by-hand_7", fleet.Definitions(), provision.InOrg(3))
		},
		"alerting?format=yaml": func() ([]byte, error) {
			return provision.AlertRules("by-hand_7", fleet.Definitions(), provision.InOrg(3))
		},
		"alerting?format=json": func() ([]byte, error) {
			return provision.AlertRulesJSON("by-hand_7", fleet.Definitions(), provision.InOrg(3))
		},
	} {
		want, err := write()
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []string{"Viewer", "Admin"} {
			got := g.resourceAs(role, http.MethodGet, path, "")
			if diff := cmp.Diff(string(want), string(got.Body)); got.Status != http.StatusOK || diff != "" {
				t.Errorf("%s answers %s with %d (-want +got)\n%s", path, role, got.Status, diff)
			}
		}
	}
	if got := g.resourceAs("Admin", http.MethodGet, "alerting?format=xml", ""); got.Status != http.StatusBadRequest || !strings.Contains(string(got.Body), "json") {
		t.Errorf("as XML it answers %d: %s", got.Status, got.Body)
	}
}

// severityOf is how grave a condition is at a node now; -2: there is no such row.
func severityOf(g *grafana, node, code string) float64 {
	for _, row := range rows(g.frames(`{"queryType":"conditions","format":"severity","kinds":["` + code + `"]}`)[0]) {
		if row["node"] == node && row["satellite"] == "" {
			return row["severity"].(float64)
		}
	}
	return -2
}

func TestATestAlertIsRaisedAndCleared(t *testing.T) {
	server, _ := recorded(t, "02-healthy", "node0")
	g := newGrafana(t)
	g.configure(nodes(node{Name: "My Node", API: server.URL}))
	g.awaitState(map[string]string{"My Node": "connected"})
	for _, role := range []string{"Viewer", pluginhost.NoUser} {
		for path, body := range map[string]string{"alert-test": `{"node":"My Node"}`, "clear-condition": `{"node":"My Node","condition":"test"}`} {
			if got := g.resourceAs(role, http.MethodPost, path, body); got.Status != http.StatusForbidden || !strings.Contains(string(got.Body), "editor") {
				t.Errorf("%s, %s: it answers %d: %s", path, role, got.Status, got.Body)
			}
		}
	}
	for _, wrong := range []struct{ path, body, says string }{
		{"alert-test", `{`, "the request is not"},
		{"alert-test", `{"nodes":"My Node"}`, "nodes"},
		{"alert-test", `{}`, "no node is named"},
		{"alert-test", `{"node":"nobody"}`, "nobody"},
		{"clear-condition", `{"node":"My Node","condition":"test"}`, "not raised"},
		{"clear-condition", `{"node":"My Node","condition":"disqualified"}`, "not cleared by hand"},
		{"clear-condition", `{"node":"My Node","condition":"nonsense"}`, "nonsense"},
	} {
		eventually(t, "the store is open", func() bool {
			return g.resourceAs("Editor", http.MethodPost, wrong.path, wrong.body).Status != http.StatusServiceUnavailable
		})
		if got := g.resourceAs("Editor", http.MethodPost, wrong.path, wrong.body); got.Status != http.StatusBadRequest || !strings.Contains(string(got.Body), wrong.says) {
			t.Errorf("%s %s: it answers %d: %s, want %q in it", wrong.path, wrong.body, got.Status, got.Body, wrong.says)
		}
	}
	before := time.Now()
	got := g.resourceAs("Editor", http.MethodPost, "alert-test", `{"node":"My Node"}`)
	var raised struct{ Until time.Time }
	if err := json.Unmarshal(got.Body, &raised); err != nil || got.Status != http.StatusOK {
		t.Fatalf("it answers %d: %s", got.Status, got.Body)
	}
	if lasts := raised.Until.Sub(before).Round(time.Minute); lasts != 5*time.Minute {
		t.Errorf("it lasts until %s, for %s", raised.Until, lasts)
	}
	eventually(t, "the test alert is raised", func() bool { return severityOf(g, "My Node", "test") == 2 })
	if got := g.resourceAs("Editor", http.MethodPost, "clear-condition", `{"node":"My Node","satellite":"","condition":"test"}`); got.Status != http.StatusOK {
		t.Errorf("clearing answers %d: %s", got.Status, got.Body)
	}
	eventually(t, "the test alert is over", func() bool { return severityOf(g, "My Node", "test") == 0 })
}
