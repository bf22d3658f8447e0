package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

const (
	defaultName = "Storj nodes"
	defaultUID  = "storagenode-monitor"

	formatYAML = "yaml"
	formatJSON = "json"
)

func newProvision(out io.Writer) *cobra.Command {
	var specs []string
	var alerting bool
	format := formatYAML
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
			file, err := provisioningFile(specs, name, uid, alerting, format)
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
	command.Flags().StringVar(&format, "format", format, "of the alert rules: yaml, as Grafana reads it at its start, or json, as its provisioning\nAPI takes it")
	command.Flags().StringVar(&uid, "uid", uid, "the same as --datasource-uid: there is no other UID here")
	_ = command.Flags().MarkHidden("uid") // fails for an unknown flag only
	return command
}

func provisioningFile(specs []string, name, uid string, alerting bool, format string) ([]byte, error) {
	switch {
	case format != formatYAML && format != formatJSON:
		return nil, usageError{fmt.Errorf("--format %s: there are yaml and json", format)}
	case alerting:
		return alertRules(specs, uid, format)
	case format != formatYAML:
		return nil, usageError{errors.New("--format is of the alert rules: add --alerting")}
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

func alertRules(specs []string, uid, format string) ([]byte, error) {
	if len(specs) > 0 {
		if _, err := settingsOf(specs); err != nil {
			return nil, err
		}
	}
	write := provision.AlertRules
	if format == formatJSON {
		write = provision.AlertRulesJSON
	}
	file, err := write(uid, fleet.Definitions())
	if err != nil {
		return nil, usageError{err}
	}
	return file, nil
}
