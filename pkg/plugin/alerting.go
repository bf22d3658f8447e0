package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

// getAlerting answers the alert rules of this data source: as a file that Grafana reads at its
// start, or with ?format=json for Grafana's provisioning API. Nothing in them is secret.
func (i *Instance) getAlerting(w http.ResponseWriter, r *http.Request) {
	write, content := provision.AlertRules, "application/yaml"
	switch format := r.URL.Query().Get("format"); format {
	case "", "yaml":
		w.Header().Set("Content-Disposition", `attachment; filename="storj-alerts.yaml"`)
	case "json":
		write, content = provision.AlertRulesJSON, "application/json"
	default:
		writeError(w, http.StatusBadRequest, fmt.Errorf("there is no format %q: ask for yaml or json", format))
		return
	}
	asked := backend.PluginConfigFromContext(r.Context())
	if asked.DataSourceInstanceSettings == nil {
		writeError(w, http.StatusBadRequest, errors.New("the request names no data source to make rules for"))
		return
	}
	//lint:ignore SA1019 rules belong to an organisation by its number
	file, err := write(asked.DataSourceInstanceSettings.UID, fleet.Definitions(), provision.InOrg(asked.OrgID))
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", content)
	_, _ = w.Write(file) // the reader may have gone
}

// postAlertTest raises the condition "test" at a node for some minutes, so that the way from
// here to a person can be seen, and answers until when.
func (i *Instance) postAlertTest(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Node string `json:"node"`
	}
	if !isEditor(r) {
		forbidViewer(w, "send a test alert")
		return
	}
	if !readBody(w, r, &body, `{"node": "…"}`) {
		return
	}
	if body.Node == "" {
		writeError(w, http.StatusBadRequest, errors.New("no node is named: a test alert is one of a node"))
		return
	}
	until, err := i.fleet.TestAlert(body.Node)
	answerByHand(w, struct {
		Until time.Time `json:"until"`
	}{until}, err)
}

// postClearCondition clears a condition of something that happened, before it does by itself.
func (i *Instance) postClearCondition(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Node      string `json:"node"`
		Satellite string `json:"satellite,omitempty"`
		Condition string `json:"condition"`
	}
	if !isEditor(r) {
		forbidViewer(w, "clear a condition")
		return
	}
	if !readBody(w, r, &body, `{"node": "…", "satellite": "…", "condition": "…"}`) {
		return
	}
	err := i.fleet.ClearCondition(body.Node, body.Satellite, body.Condition)
	answerByHand(w, body, err)
}

// readBody reads a request's JSON, and says otherwise what it has to be.
func readBody(w http.ResponseWriter, r *http.Request, into any, form string) bool {
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("the request is not %s: %w", form, err))
		return false
	}
	return true
}

// answerByHand answers what somebody did to a condition, or why it could not be done.
func answerByHand(w http.ResponseWriter, value any, err error) {
	var refused *conditions.ByHandError
	if errors.As(err, &refused) {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	answer(w, value, err)
}
