package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/console"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

type watchCommand struct {
	out     io.Writer
	specs   []string
	debug   bool
	once    bool
	dataDir string
}

// shutdownTime bounds how long the end may take.
const shutdownTime = 5 * time.Second

func (w watchCommand) run(ctx context.Context) (err error) {
	configured, err := settingsOf(w.specs)
	if err != nil {
		return err
	}
	dir, err := dataDirOr(w.dataDir)
	if err != nil {
		return err
	}
	if err := refuseOthers(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	logger, closeLog, err := logTo(filepath.Join(dir, "storj_monitor.log"), w.debug)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	registry := fleet.NewRegistry(fleet.Options{Dir: dir, Logger: logger, Now: clock})
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		err = errors.Join(err, registry.Close(ending))
	}()
	running, err := registry.Configure(fleet.OwnKey, configured, settings.Report{})
	if err != nil {
		return err
	}
	if _, err := running.Satellites(ctx, nil); err != nil {
		var locked *store.LockedError
		if errors.As(err, &locked) {
			return fmt.Errorf("%w; end it, or give another folder with --data-dir", locked)
		}
		return err
	}
	return console.Watch(ctx, console.Options{
		Source: fleetSource{running}, Output: w.out, Once: w.once,
		StaleAfter: 2 * configured.Poll.Scores,
		Help:       "kept in " + dir,
	})
}

// refuseOthers keeps the command line out of a plugin's data folder, where it would
// watch beside the plugin and leave a fleet that belongs to no data source.
func refuseOthers(dir string) error {
	keys, err := fleet.Kept(dir)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key == fleet.OwnKey {
			continue
		}
		holder := "no process holds it now"
		if owner, held := store.Holder(fleet.StoreFolder(dir, key)); held {
			holder = fmt.Sprintf("process %d (%s) holds it", owner.PID, owner.Program)
		}
		return fmt.Errorf("%s is a plugin's data folder, with the data source %s (%s): ask it with \"storj_monitor query\", or give another folder with --data-dir", dir, key.UID, holder)
	}
	return nil
}

// fleetSource shows a fleet of this process on the console.
type fleetSource struct{ fleet *fleet.Fleet }

func (s fleetSource) Nodes(ctx context.Context) (data.Frames, error) {
	return s.ask(ctx, `{"queryType":"nodes"}`)
}

func (s fleetSource) Reputation(ctx context.Context) (data.Frames, error) {
	return s.ask(ctx, `{"queryType":"reputation","format":"table"}`)
}

func (s fleetSource) ask(ctx context.Context, query string) (data.Frames, error) {
	now := clock()
	return s.fleet.Answer(ctx, []byte(query), now.Add(-time.Hour), now, 0, 0)
}

func (s fleetSource) Health(ctx context.Context) (console.Health, error) {
	checks, err := convert(s.fleet.Check(ctx))
	return console.Health{Checks: checks}, err
}

// convert carries checks to the console by their JSON form, which is what a plugin
// sends too.
func convert(checks []fleet.Check) ([]console.Check, error) {
	encoded, err := json.Marshal(checks)
	if err != nil {
		return nil, err
	}
	var converted []console.Check
	err = json.Unmarshal(encoded, &converted)
	return converted, err
}
