package tasks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// demoNodes is the program in pkg/cmd that plays the nodes of the demo: it prints their specs, one a line, and an empty
// line when all are ready, and serves until its standard input closes.
const demoNodes = "simnode"

// Demo shows storage nodes at work: those in the environment variable NODES (specs, one a line), and simulated ones. It
// shows them in a Grafana where one is found, else in the terminal. A Ctrl-C ends it and leaves nothing behind.
func Demo(ctx context.Context) error {
	ctx, stop := untilTold(ctx)
	defer stop()
	err := demo(ctx)
	if ctx.Err() != nil {
		return nil // the operator ended it
	}
	return err
}

func demo(ctx context.Context) error {
	given := nodesFromEnvironment()
	if _, problems := settings.ParseSpecs(strings.Join(given, "\n"), nil); len(problems) > 0 {
		return fmt.Errorf("NODES: %w", problems[0])
	}
	found, err := demoView()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "storagenode-monitor-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	target := thisPlatform()
	if found != nil {
		fmt.Printf("showing the nodes in %s\n", found)
		target = found.platform()
		if err := installFrontend(ctx); err != nil {
			return err
		}
		if err := buildFrontend(ctx); err != nil {
			return err
		}
	}
	if err := buildBackend(ctx, target); err != nil {
		return err
	}
	nodes, err := startNodes(ctx, work)
	if err != nil {
		return err
	}
	defer nodes.stop()
	specs := append(given, nodes.specs...)
	if _, problems := settings.ParseSpecs(strings.Join(specs, "\n"), nil); len(problems) > 0 {
		return fmt.Errorf("NODES beside the simulated nodes: %w", problems[0])
	}
	fmt.Println("the nodes (name your own in the variable NODES, one spec a line):")
	for _, spec := range specs {
		fmt.Println("  " + spec)
	}
	if found == nil {
		return showInTerminal(ctx, work, target, specs)
	}
	return showInGrafana(ctx, work, found, specs)
}

// demoView is the Grafana to show the nodes in, or nil for the terminal. The variable DEMO_IN decides where both can be.
func demoView() (*grafana, error) {
	switch where := os.Getenv("DEMO_IN"); where {
	case "terminal":
		return nil, nil
	case "", "grafana":
		found, err := findGrafana()
		if err != nil || found != nil {
			return found, err
		}
		if where == "grafana" {
			return nil, errors.New(noGrafana)
		}
		fmt.Println(noGrafana + ": showing the nodes in the terminal")
		return nil, nil
	default:
		return nil, fmt.Errorf("DEMO_IN is %q; set it to terminal or grafana, or leave it empty", where)
	}
}

func showInGrafana(ctx context.Context, work string, found *grafana, specs []string) error {
	running, err := startGrafana(ctx, found, grafanaSetup{work: work, specs: specs})
	if err != nil {
		return err
	}
	defer running.stop()
	fmt.Printf("\nGrafana is ready: %s\nIts log: %s\nCtrl-C ends it.\n", running.firstPage(), running.log)
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping Grafana and the nodes …")
		return nil
	case err := <-running.ended:
		running.ended <- err // for stop
		running.keepLog(os.Stdout)
		return fmt.Errorf("the demo ends: Grafana ended by itself: %w", orNil(err))
	}
}

// showInTerminal runs the console host. It belongs to this process's own group, because it reads the terminal's keys, and
// so it gets a Ctrl-C from the terminal as well as the context's end from here.
func showInTerminal(ctx context.Context, work string, target platform, specs []string) error {
	console, err := buildTool(ctx, work, "console")
	if err != nil {
		return err
	}
	args := []string{
		"--plugin", filepath.Join(distFolder, target.binary()),
		"--data-dir", filepath.Join(work, "plugin-data"),
		"--help-line", "the Reputation dashboard, without a Grafana",
	}
	for _, spec := range specs {
		args = append(args, "--node", spec)
	}
	cmd := exec.CommandContext(ctx, console, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 4 * time.Second
	return cmd.Run()
}

// nodesFromEnvironment are the specs in NODES: one a line, blank lines and comments left out.
func nodesFromEnvironment() []string {
	var specs []string
	for line := range strings.Lines(os.Getenv("NODES")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			specs = append(specs, line)
		}
	}
	return specs
}

// playedNodes are nodes that the demo's own program plays.
type playedNodes struct {
	specs []string
	cmd   *exec.Cmd
	stdin io.Closer
}

func startNodes(ctx context.Context, work string) (*playedNodes, error) {
	program, err := buildTool(ctx, work, demoNodes)
	if err != nil {
		return nil, err
	}
	fmt.Println("simulating five nodes with 30 days behind them …")
	cmd := exec.Command(program, "--demo", filepath.Join(work, "nodes"), "--demo-listen", "127.0.0.1:0", "--until-stdin-closes")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the demo's nodes: %w", err)
	}
	nodes := &playedNodes{cmd: cmd, stdin: stdin}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if lines.Text() == "" {
			return nodes, nil
		}
		nodes.specs = append(nodes.specs, lines.Text())
	}
	nodes.stop()
	return nil, errors.Join(errors.New("the demo's nodes ended while they started"), lines.Err())
}

// stop ends the nodes and returns when they are gone.
func (n *playedNodes) stop() {
	_ = n.stdin.Close()
	timer := time.AfterFunc(2*time.Second, func() { _ = killGroup(n.cmd) })
	defer timer.Stop()
	_ = n.cmd.Wait()
}

// untilTold ends the context at Ctrl-C, at SIGTERM or SIGHUP, and when the process that started this one is gone: mage
// passes no signal on when it is killed itself, and the demo must not outlive it.
func untilTold(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if os.Getppid() != parent {
					stop()
					return
				}
			}
		}
	}()
	return ctx, stop
}
