// Command console shows storage nodes in the terminal without a Grafana: it starts the compiled plugin as Grafana
// would, gives it the same data source that would be provisioned, and asks what the Reputation dashboard asks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/console"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var wrongUse usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &wrongUse):
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("console", flag.ContinueOnError)
	flags.SetOutput(errOut)
	plugin := flags.String("plugin", "", "the compiled plugin (dist/gpx_storagenode_monitor_<os>_<arch>)")
	dataDir := flags.String("data-dir", "", "where the plugin keeps what it learns (default: a temporary folder, gone at the end)")
	onceOnly := flags.Bool("once", false, "print one table when every node has answered or failed, and end")
	help := flags.String("help-line", "", "a line to show under the live screen")
	var specs []string
	flags.Func("node", "a node as Name:source[:api]; may be repeated", func(spec string) error {
		specs = append(specs, spec)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if *plugin == "" {
		return usageError{errors.New("--plugin is missing: name the compiled plugin (go tool mage build makes it in dist/)")}
	}
	if len(specs) == 0 {
		return usageError{errors.New("no --node: name at least one, as in --node \"My-Node:/var/log/storagenode.log\"")}
	}
	document, stale, err := dataSource(specs)
	if err != nil {
		return usageError{err}
	}

	if *dataDir == "" {
		dir, err := os.MkdirTemp("", "storagenode-monitor")
		if err != nil {
			return fmt.Errorf("make a temporary data folder: %w", err)
		}
		defer os.RemoveAll(dir)
		*dataDir = dir
	} else if err := os.MkdirAll(*dataDir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	logFile, err := os.Create(filepath.Join(*dataDir, "plugin.log"))
	if err != nil {
		return fmt.Errorf("make the plugin's log file: %w", err)
	}
	defer logFile.Close()

	source, err := startPlugin(ctx, *plugin, *dataDir, logFile, document)
	if err != nil {
		return err
	}
	defer source.Close()
	return console.Watch(ctx, console.Options{Source: source, Output: out, Once: *onceOnly, Help: *help, StaleAfter: stale})
}

// dataSource is the settings document of a data source with these nodes, as provisioning would give it to the plugin.
func dataSource(specs []string) (document json.RawMessage, stale time.Duration, err error) {
	nodes, problems := settings.ParseSpecs(strings.Join(specs, "\n"), nil)
	if len(problems) > 0 {
		all := make([]error, len(problems))
		for i, problem := range problems {
			all[i] = fmt.Errorf("--node %w", problem)
		}
		return nil, 0, errors.Join(all...)
	}
	configured := settings.Default()
	configured.Nodes = nodes
	document, err = json.Marshal(configured)
	return document, 2 * configured.Poll.Scores, err
}
