package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
)

// healthTime bounds a health check, whatever the nodes do: Grafana and the person
// who pressed Save & test wait for it.
const healthTime = 3500 * time.Millisecond

// healthDetails is the part of a health check that the config editor reads.
type healthDetails struct {
	Checks []fleet.Check `json:"checks"`
	Store  struct {
		Path string `json:"path"` // "" when in memory
	} `json:"store"`
	// VerboseMessage is what Grafana itself shows below the message.
	VerboseMessage string `json:"verboseMessage,omitempty"`
}

// CheckHealth looks at the store and at every node, and says for each what is
// wrong and what to do.
func (i *Instance) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (result *backend.CheckHealthResult, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			log.DefaultLogger.Error("the health check failed", "cause", cause, "stack", string(debug.Stack()))
			result, err = &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: fmt.Sprintf("The health check failed: %v; Grafana's log has more", cause)}, nil
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()

	details := healthDetails{Checks: i.fleet.Check(ctx)}
	dir, warning := i.registry.Dir()
	details.Store.Path = dir
	if warning != "" {
		details.Checks = append(details.Checks, fleet.Check{Name: "data_folder", Verdict: fleet.Warning, Message: warning, Mend: "the history is lost at every restart until then"})
	}
	details.VerboseMessage = verbose(details.Checks)
	encoded, err := json.Marshal(details)
	if err != nil {
		return nil, fmt.Errorf("write the health details: %w", err)
	}
	current, _ := i.fleet.Settings()
	status, message := summary(len(current.Nodes), details.Checks)
	return &backend.CheckHealthResult{Status: status, Message: message, JSONDetails: encoded}, nil
}

func summary(nodes int, checks []fleet.Check) (backend.HealthStatus, string) {
	failures, warnings := 0, 0
	first := ""
	for _, check := range checks {
		switch check.Verdict {
		case fleet.Failure:
			if failures++; failures == 1 {
				first = oneLine(check)
			}
		case fleet.Warning:
			warnings++
		}
	}
	switch {
	case failures > 1:
		return backend.HealthStatusError, fmt.Sprintf("%d things need mending. The first: %s", failures, first)
	case failures == 1:
		return backend.HealthStatusError, first
	}
	message := fmt.Sprintf("%d nodes are watched.", nodes)
	if nodes == 1 {
		message = "1 node is watched."
	}
	if warnings > 0 {
		message += fmt.Sprintf(" Warnings: %d, see the list of checks.", warnings)
	}
	return backend.HealthStatusOk, message
}

func oneLine(check fleet.Check) string {
	text := check.Message
	if check.Node != "" {
		text = check.Node + ": " + text
	}
	if check.Mend != "" {
		text += "; " + check.Mend
	}
	return text
}

// verbose lists everything that is not well.
func verbose(checks []fleet.Check) string {
	var lines []string
	for _, check := range checks {
		if check.Verdict == fleet.Failure || check.Verdict == fleet.Warning {
			lines = append(lines, oneLine(check))
		}
	}
	return strings.Join(lines, "\n")
}
