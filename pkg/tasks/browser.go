package tasks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// E2E builds the plugin and runs the browser tests against it in a Grafana; unlike Test it fails where it cannot.
func E2E(ctx context.Context) error {
	if err := installFrontend(ctx); err != nil {
		return err
	}
	if err := buildFrontend(ctx); err != nil {
		return err
	}
	err := browserTests(ctx)
	var why skipped
	if errors.As(err, &why) {
		return fmt.Errorf("the browser tests cannot run: %s", why)
	}
	return err
}

// browserTests runs Playwright against a Grafana of its own, which shows the demo's nodes. dist/module.js must be there.
func browserTests(ctx context.Context) error {
	if _, err := os.Stat("playwright.config.ts"); err != nil {
		return skipped("there is no playwright.config.ts")
	}
	found, err := findGrafana()
	if err != nil {
		return err
	}
	if found == nil {
		return skipped(noGrafana)
	}
	chromium := findChromium()
	if chromium == "" {
		return skipped("no Chromium found (install chromium, or set CHROMIUM to the browser's executable)")
	}
	if err := buildBackend(ctx, found.platform()); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "storagenode-monitor-e2e")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	nodes, err := startNodes(ctx, work)
	if err != nil {
		return err
	}
	defer nodes.stop()
	recorded, err := serveRecordings()
	if err != nil {
		return err
	}
	defer recorded.stop()
	running, err := startGrafana(ctx, found, grafanaSetup{work: work, specs: nodes.specs, recorded: recorded.specs, readOnly: true, bareHome: true})
	if err != nil {
		return err
	}
	defer running.stop()
	env := []string{"GRAFANA_URL=" + running.address, "CHROMIUM=" + chromium, "NO_COLOR=1"}
	err = command{name: "browser tests", env: env}.run(ctx, "npm", "run", "e2e")
	if err != nil {
		running.keepLog(os.Stdout)
	}
	return err
}

// findChromium finds a browser that Playwright can drive: the environment names it, or the system has one, or Playwright
// has downloaded one.
func findChromium() string {
	for _, name := range []string{"CHROMIUM", "CHROME_PATH"} {
		if file := os.Getenv(name); file != "" {
			if _, err := exec.LookPath(file); err == nil {
				return file
			}
		}
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if file, err := exec.LookPath(name); err == nil {
			return file
		}
	}
	candidates := []string{"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"}
	if cache, err := os.UserCacheDir(); err == nil {
		downloaded, _ := filepath.Glob(filepath.Join(cache, "ms-playwright", "chromium-*", "chrome-*", "chrome*"))
		candidates = append(candidates, downloaded...)
	}
	for _, file := range candidates {
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}
