package pluginhost

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
)

// PluginID is this plugin's id, which every request names.
const PluginID = "storagenode-monitor-datasource"

// DataSource is one data source of a Grafana, as a request tells the plugin of it.
type DataSource struct {
	OrgID int64  // default 1
	UID   string // default "storagenodes"
	Name  string // default "Storj nodes"
	// Role is the asking user's: Viewer, Editor or Admin (default). Alert rules ask without a user: NoUser.
	Role string
	// JSONData is the settings document.
	JSONData json.RawMessage
	Secrets  map[string]string
	// Updated is when the settings were last saved. The SDK takes a later time for changed settings and makes a new
	// instance of the data source; the same time keeps the instance.
	Updated time.Time
	// GrafanaConfig is what Grafana tells about itself: feature toggles, its address. A change also makes a new instance.
	GrafanaConfig map[string]string
}

// NoUser is the role of a request that no user made, such as an alert rule's.
const NoUser = "-"

// Context is what accompanies each request for this data source.
func (d DataSource) Context() backend.PluginContext {
	if d.OrgID == 0 {
		d.OrgID = 1
	}
	if d.UID == "" {
		d.UID = "storagenodes"
	}
	if d.Name == "" {
		d.Name = "Storj nodes"
	}
	if d.Role == "" {
		d.Role = "Admin"
	}
	if d.JSONData == nil {
		d.JSONData = json.RawMessage(`{}`)
	}
	namespace := "default"
	if d.OrgID != 1 {
		namespace = fmt.Sprintf("org-%d", d.OrgID)
	}
	var user *backend.User
	if d.Role != NoUser {
		user = &backend.User{Login: "operator", Name: "Operator", Email: "operator@localhost", Role: d.Role}
	}
	return backend.PluginContext{
		//lint:ignore SA1019 Grafana still sends the organisation's number, and the plugin must see what Grafana sends
		OrgID:         d.OrgID,
		PluginID:      PluginID,
		Namespace:     namespace,
		User:          user,
		GrafanaConfig: config.NewGrafanaCfg(d.GrafanaConfig),
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID:                      1,
			UID:                     d.UID,
			Type:                    PluginID,
			Name:                    d.Name,
			JSONData:                d.JSONData,
			DecryptedSecureJSONData: d.Secrets,
			Updated:                 d.Updated,
		},
	}
}

// Query is one query as a panel sends it: `document` is the query's JSON, over `span` until now. Grafana asks for about
// as many points as the panel is pixels wide.
func Query(refID string, document json.RawMessage, now time.Time, span time.Duration, maxDataPoints int64) backend.DataQuery {
	interval := time.Duration(0)
	if maxDataPoints > 0 {
		interval = span / time.Duration(maxDataPoints)
	}
	var kind struct {
		QueryType string `json:"queryType"`
	}
	_ = json.Unmarshal(document, &kind) // a document that does not parse is the plugin's to refuse
	return backend.DataQuery{
		RefID:         refID,
		QueryType:     kind.QueryType,
		JSON:          document,
		MaxDataPoints: maxDataPoints,
		Interval:      interval,
		TimeRange:     backend.TimeRange{From: now.Add(-span), To: now},
	}
}
