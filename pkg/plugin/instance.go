// Package plugin is what Grafana talks to: the instance of a data source, and one
// file for each kind of request. It translates between Grafana and the fleet; it
// knows no node and keeps nothing itself, because Grafana makes and disposes of
// instances as it likes.
package plugin

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// Instance answers the requests to one data source, as it is set up now.
type Instance struct {
	registry  *fleet.Registry
	fleet     *fleet.Fleet
	resources backend.CallResourceHandler
}

var (
	_ backend.QueryDataHandler      = (*Instance)(nil)
	_ backend.CheckHealthHandler    = (*Instance)(nil)
	_ backend.CallResourceHandler   = (*Instance)(nil)
	_ instancemgmt.InstanceDisposer = (*Instance)(nil)
)

// NewInstance makes the factory that the SDK calls for each new or changed data
// source. It never fails on bad settings: what they leave runs, and health and
// queries say what is wrong.
func NewInstance(registry *fleet.Registry) func(context.Context, backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	return func(ctx context.Context, source backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		loaded, report := settings.Load(source.JSONData)
		//lint:ignore SA1019 what is kept on disk is named by the number, and Grafana still sends it
		key := fleet.Key{Org: backend.PluginConfigFromContext(ctx).OrgID, UID: source.UID}
		running, err := registry.ConfigureSaved(key, loaded, report, source.Updated)
		if err != nil {
			return nil, err
		}
		i := &Instance{registry: registry, fleet: running}
		i.resources = i.routes()
		return i, nil
	}
}

// Dispose ends the instance. Its fleet goes on: it belongs to the data source.
func (*Instance) Dispose() {}

// shutdownTime bounds what the process does after Grafana has told it to end.
const shutdownTime = 2 * time.Second

// Run serves Grafana until it ends the process. The fleets of the last run start
// at once, without a request.
func Run(registry *fleet.Registry, serve func() error) error {
	if err := registry.Resume(); err != nil {
		log.DefaultLogger.Error("a data source of the last run cannot collect until it is asked", "error", err)
	}
	served := serve()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if err := registry.Close(ctx); err != nil {
		log.DefaultLogger.Error("the plugin did not end cleanly", "error", err)
	} else {
		log.DefaultLogger.Info("Storj Node Monitor has ended: everything is committed, every store is free")
	}
	return served
}
