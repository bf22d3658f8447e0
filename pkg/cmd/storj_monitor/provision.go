package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

const (
	defaultName = "Storj nodes"
	defaultUID  = "storagenode-monitor"
)

func newProvision(out io.Writer) *cobra.Command {
	var specs []string
	var alerting bool
	uid := defaultUID
	name := defaultName
	command := &cobra.Command{
		Use:   "provision --node SPEC …",
		Short: "Prints provisioning files for Grafana",
		Long: `Prints a provisioning file for Grafana: the data source with these nodes, or with
--alerting the alert rules of a data source.`,
		Example: `  storj_monitor provision --node "My-Node:/var/log/storagenode.log" > provisioning/datasources/storj.yaml
  storj_monitor provision --alerting > provisioning/alerting/storj.yaml`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			file, err := provisioningFile(specs, name, uid, alerting)
			if err != nil {
				return err
			}
			_, err = out.Write(file)
			return err
		},
	}
	nodeFlag(command, &specs)
	command.Flags().BoolVar(&alerting, "alerting", false, "print the alert rules instead of the data source")
	command.Flags().StringVar(&uid, "datasource-uid", uid, "the data source's UID")
	command.Flags().StringVar(&name, "name", name, "the data source's name")
	return command
}

func provisioningFile(specs []string, name, uid string, alerting bool) ([]byte, error) {
	if alerting {
		if len(specs) > 0 {
			if _, err := settingsOf(specs); err != nil {
				return nil, err
			}
		}
		file, err := provision.AlertRules(uid)
		if err != nil {
			return nil, usageError{err}
		}
		return file, nil
	}
	configured, err := settingsOf(specs)
	if err != nil {
		return nil, err
	}
	file, err := provision.DataSource(name, uid, configured)
	if err != nil {
		return nil, usageError{fmt.Errorf("--name or --datasource-uid: %w", err)}
	}
	return file, nil
}
