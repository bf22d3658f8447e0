package tasks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// shippedRules is the file of the alert rules for the demo's data source.
const shippedRules = "provisioning/alerting/storagenodes.yaml"

// grafanaSetup is what a Grafana shows that is started here.
type grafanaSetup struct {
	work     string // a temporary folder for all that Grafana writes
	specs    []string
	recorded []string // of nodes of a data source of their own; none: there is no such data source
	readOnly bool     // whether people are kept from changing the data source
	bareHome bool     // whether the first page is empty rather than Fleet: a test that starts there need not wait for it
	// configure changes the data source's settings; nil leaves them.
	configure func(*settings.Settings)
	// alerting are the files that provision Grafana's alerting, by their names; nil: the rules as they are shipped.
	alerting map[string][]byte
	// more is added to Grafana's configuration.
	more string
}

type grafanaFolders struct {
	ini, data, plugins, provisioning, pluginData string
	dist, sources, home                          string
}

// layOutGrafana writes the folders that Grafana reads: the plugin (a link to dist/), the data source, the dashboards and
// the alert rules.
func layOutGrafana(setup grafanaSetup) (grafanaFolders, error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return grafanaFolders{}, err
	}
	f := grafanaFolders{
		ini:          filepath.Join(setup.work, "grafana.ini"),
		data:         filepath.Join(setup.work, "data"),
		plugins:      filepath.Join(setup.work, "plugins"),
		provisioning: filepath.Join(setup.work, "provisioning"),
		pluginData:   filepath.Join(setup.work, "plugin-data"),
		dist:         filepath.Join(root, distFolder),
		sources:      filepath.Join(root, "src", "dashboards"),
	}
	f.home = filepath.Join(setup.work, "home.json")
	for _, folder := range []string{f.data, f.plugins, f.pluginData, filepath.Join(f.provisioning, "datasources"), filepath.Join(f.provisioning, "dashboards"),
		filepath.Join(f.provisioning, "plugins"), filepath.Join(f.provisioning, "alerting")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return f, err
		}
	}
	if err := os.Symlink(f.dist, filepath.Join(f.plugins, provision.PluginID)); err != nil {
		return f, err
	}
	options := []provision.Option{provision.AsDefault()}
	if setup.readOnly {
		options = append(options, provision.ReadOnly())
	}
	if err := writeDataSource(f, dataSourceName, dataSourceUID, setup.specs, setup.configure, options...); err != nil {
		return f, err
	}
	if len(setup.recorded) > 0 {
		if err := writeDataSource(f, recordedName, recordedUID, setup.recorded, setup.configure, provision.ReadOnly()); err != nil {
			return f, err
		}
	}
	if err := os.WriteFile(filepath.Join(f.provisioning, "dashboards", "storagenodes.yaml"), provision.Dashboards(f.sources), 0o644); err != nil {
		return f, err
	}
	alerting := setup.alerting
	if alerting == nil {
		rules, err := os.ReadFile(filepath.Join(root, shippedRules))
		if err != nil {
			return f, err
		}
		alerting = map[string][]byte{filepath.Base(shippedRules): rules}
	}
	for name, text := range alerting {
		if err := os.WriteFile(filepath.Join(f.provisioning, "alerting", name), text, 0o644); err != nil {
			return f, err
		}
	}
	return f, writeHome(f, setup.bareHome)
}

// writeDataSource provisions a data source with the nodes of some specs.
func writeDataSource(f grafanaFolders, name, uid string, specs []string, configure func(*settings.Settings), options ...provision.Option) error {
	nodes, problems := settings.ParseSpecs(strings.Join(specs, "\n"), nil)
	if len(problems) > 0 {
		return problems[0]
	}
	configured := settings.Default()
	configured.Nodes = nodes
	configured.Poll.Status, configured.Poll.Scores = demoPoll, demoPoll
	if configure != nil {
		configure(&configured)
	}
	source, err := provision.DataSource(name, uid, configured, options...)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.provisioning, "datasources", uid+".yaml"), source, 0o644)
}

// writeHome makes Grafana's first page: the Fleet dashboard over the short time that a demo has run, or an empty one.
func writeHome(f grafanaFolders, bare bool) error {
	if bare {
		return os.WriteFile(f.home, []byte(`{"title": "Home", "schemaVersion": 42, "panels": []}`), 0o644)
	}
	text, err := os.ReadFile(filepath.Join(f.sources, "fleet.json"))
	if err != nil {
		return err
	}
	var dashboard map[string]any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return fmt.Errorf("read the Fleet dashboard: %w", err)
	}
	dashboard["time"] = map[string]string{"from": demoRange, "to": "now"}
	dashboard["refresh"] = demoRefresh
	if text, err = json.Marshal(dashboard); err != nil {
		return err
	}
	return os.WriteFile(f.home, text, 0o644)
}

// grafanaINI is the whole configuration: this Grafana is for looking at, on this machine only, so everyone on it is an
// administrator, and nothing is sent to or fetched from the network.
func grafanaINI(f grafanaFolders, port int) string {
	return fmt.Sprintf(`[paths]
data = %s
logs = %s
plugins = %s
provisioning = %s

[server]
http_addr = 127.0.0.1
http_port = %d

[plugins]
allow_loading_unsigned_plugins = %s
preinstall_disabled = true
public_key_retrieval_disabled = true

[plugin.%s]
data_dir = %s

[auth.anonymous]
enabled = true
org_role = Admin

[dashboards]
default_home_dashboard_path = %s

[analytics]
enabled = false
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false

[news]
news_feed_enabled = false

[log]
mode = console
level = info

[unified_alerting.state_history]
enabled = false
`, f.data, filepath.Join(f.data, "log"), f.plugins, f.provisioning, port, provision.PluginID, provision.PluginID, f.pluginData, f.home)
}

// withoutGrafanaSettings drops GF_ variables, which would overrule the configuration file.
func withoutGrafanaSettings(environment []string) []string {
	var kept []string
	for _, variable := range environment {
		if !strings.HasPrefix(variable, "GF_") {
			kept = append(kept, variable)
		}
	}
	return kept
}
