package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

const (
	// settleTime is how long check waits for the first answer, or for an API to be
	// found, of every node.
	settleTime = 15 * time.Second
	settlePoll = 50 * time.Millisecond
	checkTime  = 15 * time.Second
)

func newCheck(out io.Writer) *cobra.Command {
	var specs []string
	command := &cobra.Command{
		Use:     "check --node SPEC …",
		Short:   "Checks a node's log and API and says what to mend",
		Long:    "Checks a node's log and API and says what to mend. It ends with 1 if anything does not work.",
		Example: `  storj_monitor check --node "My-Node:/var/log/storagenode.log:http://localhost:14002"`,
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return checkNodes(c.Context(), out, specs) },
	}
	nodeFlag(command, &specs)
	return command
}

func checkNodes(ctx context.Context, out io.Writer, specs []string) error {
	configured, err := settingsOf(specs)
	if err != nil {
		return err
	}
	registry := fleet.NewRegistry(fleet.Options{Logger: log.NewNullLogger(), Now: clock})
	defer func() {
		ending, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		_ = registry.Close(ending) // nothing of it is kept
	}()
	running, err := registry.Configure(fleet.OwnKey, configured, settings.Report{})
	if err != nil {
		return err
	}
	settle(ctx, running)
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	checks := running.Check(ctx)
	failed := false
	for i, node := range configured.Nodes {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, node.Spec())
		for _, check := range checks {
			if check.Node != node.Name {
				continue
			}
			failed = failed || check.Verdict == fleet.Failure
			fmt.Fprintf(out, "  %s %s\n", marks[check.Verdict], strings.Map(printable, check.Message))
			if check.Mend != "" && check.Verdict != fleet.OK {
				fmt.Fprintf(out, "    → %s\n", strings.Map(printable, check.Mend))
			}
		}
	}
	if failed {
		return errQuiet
	}
	return nil
}

var marks = map[fleet.Verdict]string{fleet.OK: "✔", fleet.Info: "·", fleet.Warning: "▲", fleet.Failure: "✖"}

// settle waits until every node has answered or failed once, and every log is followed or cannot
// be.
func settle(ctx context.Context, running *fleet.Fleet) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	ticker := time.NewTicker(settlePoll)
	defer ticker.Stop()
	for {
		waiting := slices.ContainsFunc(running.Statuses(), func(s fleet.Status) bool {
			return s.State == concern.Connecting && s.LastError == "" || !s.LogSettled
		})
		if !waiting {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
