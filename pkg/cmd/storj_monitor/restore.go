package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// firstOrganisation is the one that every Grafana has.
const firstOrganisation = 1

func newRestore(out io.Writer) *cobra.Command {
	var dataDir, uid string
	command := &cobra.Command{
		Use:   "restore BACKUP --data-dir DIR",
		Short: "Puts a backup in the place of a data source's history",
		Long: `Puts a backup in the place of a data source's history. Stop Grafana first: it is
refused while a process uses the data folder. What was there is kept beside it. An
admin takes a backup of a running data source from Grafana's address
/api/datasources/uid/UID/resources/backup.`,
		Example: `  storj_monitor restore storagenode-monitor-20261101T000000Z.db --data-dir /var/lib/grafana/storagenode-monitor-datasource`,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return usageError{errors.New("one backup is wanted: the file that was downloaded")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, arguments []string) error { return restore(out, arguments[0], dataDir, uid) },
	}
	command.Flags().StringVar(&dataDir, "data-dir", "", "the data folder to restore into, a plugin's or this command's own")
	command.Flags().StringVar(&uid, "datasource-uid", "", "which data source, where there are several, or none yet")
	return command
}

func restore(out io.Writer, backup, dataDir, uid string) error {
	if dataDir == "" {
		return usageError{errors.New("no data folder is given: use --data-dir")}
	}
	key, err := restoreInto(dataDir, uid)
	if err != nil {
		return err
	}
	folder := fleet.StoreFolder(dataDir, key)
	kept, err := store.Restore(backup, folder, clock())
	if err != nil {
		var locked *store.LockedError
		if errors.As(err, &locked) {
			return fmt.Errorf("%w; stop it first", err)
		}
		return err
	}
	fmt.Fprintf(out, "The history of the data source %s is now that of %s.\n", key.UID, backup)
	if kept != "" {
		fmt.Fprintf(out, "What was there is kept as %s.\n", kept)
	}
	return nil
}

// restoreInto is the data source to restore. One that holds nothing yet must be named.
func restoreInto(dataDir, uid string) (fleet.Key, error) {
	keys, err := fleet.Kept(dataDir)
	if err != nil {
		return fleet.Key{}, err
	}
	if len(keys) > 0 {
		return chooseKept(dataDir, uid)
	}
	if uid == "" {
		return fleet.Key{}, usageError{fmt.Errorf("%s holds no data source yet: name the one to be with --datasource-uid", dataDir)}
	}
	return fleet.Key{Org: firstOrganisation, UID: uid}, nil
}
