// Command storj_monitor watches storage nodes without a Grafana: the same fleet,
// store and queries as the plugin, on the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes.
const (
	exitWell    = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a mistake in the command line; the usage is shown with it.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errQuiet ends with a failure of which all has been said.
var errQuiet = errors.New("")

func run(ctx context.Context, arguments []string, out, errOut io.Writer) int {
	root := newRoot(out)
	root.SetArgs(arguments)
	root.SetOut(out)
	root.SetErr(errOut)
	command, err := root.ExecuteContextC(ctx)
	var wrong usageError
	switch {
	case err == nil:
		return exitWell
	case errors.Is(err, errQuiet):
		return exitFailure
	case errors.As(err, &wrong) || strings.HasPrefix(err.Error(), "unknown command"):
		fmt.Fprintf(errOut, "%s: %v\n\n%s", root.Name(), err, command.UsageString())
		return exitUsage
	}
	fmt.Fprintf(errOut, "%s: %v\n", root.Name(), err)
	return exitFailure
}

const examples = `  # Single local node with auto-discovered API
  storj_monitor --node "My-Node:/var/log/storagenode.log"

  # Local node with explicit API endpoint
  storj_monitor --node "My-Node:/var/log/storagenode.log:http://localhost:14002"

  # Multiple local nodes with different API ports
  storj_monitor --node "Node1:/var/log/node1.log:http://localhost:14002" \
                --node "Node2:/var/log/node2.log:http://localhost:15002"

  # Remote log forwarder without API
  storj_monitor --node "Remote-Node:192.168.1.100:9999"

  # Remote log forwarder with API
  storj_monitor --node "Remote-Node:192.168.1.100:9999:http://192.168.1.100:14002"

  # What is wrong with a node's set-up, and what to do
  storj_monitor check --node "My-Node:/var/log/storagenode.log"

  # Read yesterday's log into a node's history
  storj_monitor --ingest-log "My-Node:/var/log/storagenode.log.1.gz"

  # The last day of what was stored
  storj_monitor query '{"queryType":"reputation"}' --from now-24h --to now --table`

func newRoot(out io.Writer) *cobra.Command {
	w := watchCommand{out: out}
	ingest := ingestCommand{out: out}
	root := &cobra.Command{
		Use:   "storj_monitor",
		Short: "Watches Storj storage nodes in the terminal",
		Long: `Watches Storj storage nodes in the terminal: their state, their scores with every
satellite, and how much is left before a satellite acts. What it learns is kept,
and can be asked for with "storj_monitor query".`,
		Example:           examples,
		Args:              noArguments,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(c *cobra.Command, _ []string) error {
			if ingest.spec != "" {
				if len(w.specs) > 0 {
					return usageError{errors.New("--ingest-log reads a log and ends, --node watches: give one of them")}
				}
				ingest.errOut, ingest.dataDir = c.ErrOrStderr(), w.dataDir
				return ingest.run(c.Context())
			}
			if ingest.json || ingest.uid != "" {
				return usageError{errors.New("--json and --datasource-uid belong to --ingest-log")}
			}
			return w.run(c.Context())
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	nodeFlag(root, &w.specs)
	root.Flags().BoolVar(&w.debug, "debug", false, "write every step to storj_monitor.log in the data folder")
	root.Flags().BoolVar(&w.once, "once", false, "print one table when every node has answered or failed, and end")
	root.Flags().StringVar(&w.dataDir, "data-dir", "", "where what is learnt is kept (default "+shownDataDir+")")
	root.Flags().StringVar(&ingest.spec, "ingest-log", "", "read a whole log into a node's history and end: `Name:/path/to.log`, a .gz, or Name:-\nfor the standard input; what was read before adds nothing")
	root.Flags().BoolVar(&ingest.json, "json", false, "with --ingest-log: print what was read as one JSON object")
	root.Flags().StringVar(&ingest.uid, "datasource-uid", "", "with --ingest-log: which data source, where the data folder has several")
	root.AddCommand(newQuery(out), newProvision(out), newCheck(out), newRestore(out), newStore(out))
	return root
}

func noArguments(_ *cobra.Command, arguments []string) error {
	if len(arguments) > 0 {
		return usageError{fmt.Errorf("unexpected %q; a node is given as --node %q", arguments[0], "Name:/path/to/log[:http://host:14002]")}
	}
	return nil
}

func nodeFlag(command *cobra.Command, specs *[]string) {
	command.Flags().StringArrayVar(specs, "node", nil, `a node as `+"`Name:source[:api]`"+`: source is a log file (/path/to/log) or the address of a
log forwarder (host:port), api is http://host:port and is looked for when it is not
given; may be repeated`)
}

// settingsOf are the settings of a data source with these nodes.
func settingsOf(specs []string) (settings.Settings, error) {
	if len(specs) == 0 {
		return settings.Settings{}, usageError{errors.New(`no node is given: use --node "Name:/path/to/log[:http://host:14002]"`)}
	}
	for _, spec := range specs {
		if spec = strings.TrimSpace(spec); spec == "" || strings.HasPrefix(spec, "#") {
			return settings.Settings{}, usageError{fmt.Errorf("--node %q names no node: write \"Name:/path/to/log[:http://host:14002]\"", spec)}
		}
	}
	nodes, problems := settings.ParseSpecs(strings.Join(specs, "\n"), nil)
	if len(problems) > 0 {
		all := make([]error, len(problems))
		for i, problem := range problems {
			all[i] = problem
		}
		return settings.Settings{}, usageError{errors.Join(all...)}
	}
	configured := settings.Default()
	configured.Nodes = nodes
	return configured, nil
}

// shownDataDir is how help names the default of --data-dir on every machine.
const shownDataDir = "the user's data folder, in storj_monitor"

// dataDirOr is the given folder, or the user's own for such data.
func dataDirOr(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if runtime.GOOS == "linux" {
		if data := os.Getenv("XDG_DATA_HOME"); data != "" {
			return filepath.Join(data, "storj_monitor"), nil
		}
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, ".local", "share", "storj_monitor"), nil
		}
	}
	data, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for data is known: give one with --data-dir: %w", err)
	}
	return filepath.Join(data, "storj_monitor"), nil
}

// clock is the time, in one place for all commands; tests stop it.
var clock = time.Now
