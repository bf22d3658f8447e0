package tasks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// alertsVariable says to the test of the alerts that there is a built plugin, and a Grafana to show it in. Among the other
// tests, which need neither, it is left out.
const alertsVariable = "ALERTS_IN_GRAFANA"

// Alerts builds the plugin and tests the alerts in a Grafana; unlike Test it fails where it cannot.
func Alerts(ctx context.Context) error {
	ctx, stop := untilTold(ctx)
	defer stop()
	if err := installFrontend(ctx); err != nil {
		return err
	}
	if err := buildFrontend(ctx); err != nil {
		return err
	}
	err := alertTests(ctx)
	var why skipped
	if errors.As(err, &why) {
		return fmt.Errorf("the alerts cannot be tested: %s", why)
	}
	return err
}

// alertTests lets the rules fire and resolve in a Grafana of their own. dist/module.js must be there.
func alertTests(ctx context.Context) error {
	found, err := findGrafana()
	switch {
	case err != nil:
		return err
	case found == nil:
		return skipped(noGrafana)
	case runtime.GOOS == "windows":
		return skipped("on Windows the plugin cannot be found and killed")
	case found.home == "":
		return skipped("there is only a Docker image of Grafana, in which the plugin cannot be killed (set GRAFANA_HOME to an installed one)")
	}
	if err := buildBackend(ctx, found.platform()); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "storagenode-monitor-alerts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	// Started by itself, and not by go test: that passes no signal on, and the test could not end what it started.
	test := filepath.Join(work, "alerts.test")
	if err := (command{name: "compile the test"}).run(ctx, "go", "test", "-c", "-o", test, "./pkg/tasks"); err != nil {
		return err
	}
	return command{name: "alerts in Grafana", dir: filepath.Join("pkg", "tasks"), env: []string{alertsVariable + "=1"}}.run(ctx,
		test, "-test.v", "-test.timeout=15m", "-test.run=^TestAlertsInGrafana$")
}
