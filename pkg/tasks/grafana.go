package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	grafanaImage   = "grafana/grafana:12.4.10"
	grafanaReady   = 2 * time.Minute // the first start makes a database
	dataSourceName = "Storj nodes"
	dataSourceUID  = "storagenodes"
	// Recorded answers of real nodes are a data source of their own, beside the simulated ones. A dashboard opens on the
	// first of the alphabet, so its name sorts behind.
	recordedName = "Storj nodes, recorded"
	recordedUID  = "recordednodes"
	// demoRange is what the demo's first page shows: a day, the dashboard's own range, would put all that a demo
	// learns on its right edge. demoPoll lets points come as fast as the settings allow.
	demoRange    = "now-30m"
	demoRefresh  = "30s"
	demoPoll     = 30 * time.Second
	dashboardUID = "storagenode-monitor-fleet"
	noGrafana    = "no Grafana found (set GRAFANA_HOME to a folder with bin/grafana, conf/ and public/, install Grafana, or start Docker)"
)

// grafana is a Grafana that can be started: an installed one (home), or an image for a Docker engine.
type grafana struct {
	home   string
	binary string
}

func (g *grafana) String() string {
	if g.home == "" {
		return "the Docker image " + grafanaImage
	}
	return "the Grafana in " + g.home
}

// platform is what the plugin must be compiled for.
func (g *grafana) platform() platform {
	if g.home == "" {
		return platform{"linux", runtime.GOARCH}
	}
	return thisPlatform()
}

// findGrafana looks in GRAFANA_HOME, then where packages install it, then for a Docker engine. It returns nil where
// there is none, and an error only where GRAFANA_HOME is set and wrong.
func findGrafana() (*grafana, error) {
	if home := os.Getenv("GRAFANA_HOME"); home != "" {
		found, err := grafanaAt(home)
		if err != nil {
			return nil, fmt.Errorf("GRAFANA_HOME: %w", err)
		}
		return found, nil
	}
	for _, home := range []string{"/usr/share/grafana", "/opt/homebrew/opt/grafana/share/grafana", "/usr/local/opt/grafana/share/grafana"} {
		if found, err := grafanaAt(home); err == nil {
			return found, nil
		}
	}
	// On other systems a container cannot listen on this machine's own loopback address, where the demo's nodes are.
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "info", "--format", "{{.ServerVersion}}").Output(); err == nil && len(strings.TrimSpace(string(out))) > 0 {
		return &grafana{}, nil
	}
	return nil, nil
}

func grafanaAt(home string) (*grafana, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, err
	}
	for _, needed := range []string{filepath.Join("conf", "defaults.ini"), "public"} {
		if _, err := os.Stat(filepath.Join(home, needed)); err != nil {
			return nil, fmt.Errorf("%s is no Grafana: it has no %s", home, needed)
		}
	}
	candidates := []string{filepath.Join(home, "bin", "grafana"), filepath.Join(home, "bin", "grafana.exe")}
	if home == "/usr/share/grafana" {
		candidates = append(candidates, "/usr/sbin/grafana")
	}
	if strings.HasSuffix(home, "/share/grafana") {
		candidates = append(candidates, filepath.Join(filepath.Dir(filepath.Dir(home)), "bin", "grafana"))
	}
	for _, file := range candidates {
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return &grafana{home: home, binary: file}, nil
		}
	}
	return nil, fmt.Errorf("%s is no Grafana: it has no bin/grafana", home)
}

// runningGrafana is a Grafana that answers at its address.
type runningGrafana struct {
	address string
	log     string
	found   *grafana
	folders grafanaFolders
	cmd     *exec.Cmd
	ended   chan error
	remove  func()
}

// startGrafana starts a Grafana with the built plugin, its data source and dashboards, and returns when it is ready. All
// that it writes is under setup.work.
func startGrafana(ctx context.Context, found *grafana, setup grafanaSetup) (*runningGrafana, error) {
	folders, err := layOutGrafana(setup)
	if err != nil {
		return nil, fmt.Errorf("prepare Grafana's folders: %w", err)
	}
	port, err := freePort(3000)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(folders.ini, []byte(grafanaINI(folders, port)+setup.more), 0o644); err != nil {
		return nil, err
	}
	running := &runningGrafana{
		address: fmt.Sprintf("http://localhost:%d", port),
		log:     filepath.Join(setup.work, "grafana.log"),
		found:   found,
		folders: folders,
	}
	if err := running.launch(ctx); err != nil {
		return nil, err
	}
	return running, nil
}

// launch starts the process, also that of a Grafana that has ended, and returns when it is ready.
func (g *runningGrafana) launch(ctx context.Context) error {
	log, err := os.OpenFile(g.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()

	g.ended, g.remove = make(chan error, 1), func() {}
	if g.found.home != "" {
		g.cmd = exec.Command(g.found.binary, "server", "--homepath", g.found.home, "--config", g.folders.ini)
		g.cmd.Env = withoutGrafanaSettings(os.Environ())
		g.cmd.Dir = g.found.home
	} else {
		container := fmt.Sprintf("storagenode-monitor-%d", os.Getpid())
		args := []string{"run", "--rm", "--name", container, "--network", "host", "--user", fmt.Sprintf("%d:0", os.Getuid())}
		for _, folder := range []string{filepath.Dir(g.log), g.folders.dist, g.folders.sources} {
			args = append(args, "--volume", folder+":"+folder)
		}
		args = append(args, "--entrypoint", "grafana", grafanaImage, "server", "--homepath", "/usr/share/grafana", "--config", g.folders.ini)
		g.cmd = exec.Command("docker", args...)
		g.remove = func() { _ = exec.Command("docker", "rm", "--force", container).Run() }
	}
	g.cmd.Stdout, g.cmd.Stderr = log, log
	ownGroup(g.cmd)
	fmt.Printf("starting %s …\n", g.found)
	if err := g.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", g.found, err)
	}
	cmd, ended := g.cmd, g.ended
	go func() { ended <- cmd.Wait() }()
	if err := g.waitUntilReady(ctx); err != nil {
		g.stop()
		g.keepLog(os.Stdout)
		return err
	}
	return nil
}

// firstPage is the address to open.
func (g *runningGrafana) firstPage() string {
	return fmt.Sprintf("%s/d/%s?from=%s&to=now&refresh=%s", g.address, dashboardUID, demoRange, demoRefresh)
}

// waitUntilReady waits until the data source answers. Grafana serves pages before it has provisioned it.
func (g *runningGrafana) waitUntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, grafanaReady)
	defer cancel()
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		asleep := g.wakePlugin(ctx)
		if asleep == nil {
			return nil
		}
		select {
		case err := <-g.ended:
			g.ended <- err // for stop
			return fmt.Errorf("not ready: Grafana ended while it started: %w", orNil(err))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not ready after %s: %w", seconds(grafanaReady), asleep)
			}
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func orNil(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

// wakePlugin asks for the data source's health, so that the plugin collects before the first dashboard is opened, and so
// that a plugin that does not start is noticed now.
func (g *runningGrafana) wakePlugin(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.address+"/api/datasources/uid/"+dataSourceUID+"/health", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the data source's health: %w", err)
	}
	defer answer.Body.Close()
	// 400 is the health check's own "not well", which an unreachable node is enough for.
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusBadRequest {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 2000))
		return fmt.Errorf("the plugin does not answer in Grafana: status %d: %s", answer.StatusCode, body)
	}
	return nil
}

// stop ends Grafana and all that it started, and returns when they are gone. mage gives a target 5 s after a Ctrl-C, so
// Grafana gets 3 to end by itself.
func (g *runningGrafana) stop() { g.stopWithin(3 * time.Second) }

func (g *runningGrafana) stopWithin(patience time.Duration) {
	_ = terminateGroup(g.cmd)
	var err error
	select {
	case err = <-g.ended:
	case <-time.After(patience):
		_ = killGroup(g.cmd)
		err = <-g.ended
	}
	g.ended <- err       // for who stops it again
	_ = killGroup(g.cmd) // what a Grafana that ended badly has left
	g.remove()
}

// keepLog copies Grafana's log out of the temporary folder and says where it is.
func (g *runningGrafana) keepLog(out io.Writer) {
	text, err := os.ReadFile(g.log)
	if err != nil {
		return
	}
	kept, err := os.CreateTemp("", "storagenode-monitor-grafana-*.log")
	if err != nil {
		return
	}
	defer kept.Close()
	if _, err := kept.Write(text); err == nil {
		fmt.Fprintf(out, "Grafana's log is in %s\n", kept.Name())
	}
}

// freePort is the preferred port where it is free, else another.
func freePort(preferred int) (int, error) {
	for _, port := range []int{preferred, 0} {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer listener.Close()
		return listener.Addr().(*net.TCPAddr).Port, nil
	}
	return 0, errors.New("no free port on 127.0.0.1")
}
