// Command gpx_storagenode_monitor is the backend of the Grafana data source
// plugin. It starts the plugin; everything else is in the packages beside it.
package main

import (
	"os"
	"runtime/debug"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/plugin"
)

func main() {
	executable, err := os.Executable()
	if err != nil {
		log.DefaultLogger.Warn("the plugin's own place is not known", "error", err)
	}
	dir, warning := plugin.DataDir(os.Getenv, executable)
	if warning != "" {
		log.DefaultLogger.Warn(warning)
	}
	log.DefaultLogger.Info("Storj Node Monitor is starting", "data", dir)
	options := fleet.Options{Dir: dir, Warning: warning, Logger: log.DefaultLogger}
	if os.Getenv("GOMEMLIMIT") == "" { // what the operator says holds
		options.LimitMemory = func(bytes int64) { debug.SetMemoryLimit(bytes) }
	}
	registry := fleet.NewRegistry(options)
	if err := prometheus.Register(plugin.Metrics(registry)); err != nil {
		log.DefaultLogger.Error("the stores' metrics are not collected", "error", err)
	}
	err = plugin.Run(registry, func() error {
		return datasource.Manage(plugin.ID, plugin.NewInstance(registry), datasource.ManageOpts{})
	})
	if err != nil {
		log.DefaultLogger.Error("the plugin ended", "error", err)
		os.Exit(1)
	}
}
