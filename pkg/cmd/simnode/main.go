// Command simnode runs simulated storage nodes: each writes a log and serves
// the console API of a node, with history behind it and in real time, or
// faster, from then on. It knows nothing of the plugin; see package simnode.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	config, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var runners []*simnode.Runner
	if err == nil {
		runners, err = config.runners()
	}
	if err != nil {
		fmt.Fprintln(stderr, "simnode:", strings.TrimPrefix(err.Error(), "simnode: "))
		return 2
	}
	if config.bigLog != "" {
		err = writeBigLog(config, stdout)
	} else {
		if config.untilEOF {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
			go func() { _, _ = io.Copy(io.Discard, stdin); cancel() }()
		}
		err = serve(ctx, config, runners, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// configuration is what the command line says.
type configuration struct {
	nodes     []simnode.RunnerOptions
	advertise string
	untilEOF  bool
	truth     string
	bigLog    string
	lines     int64
	big       simnode.Options
}

// runners makes the nodes, which are the last to refuse a setting. Nothing is
// written yet.
func (c configuration) runners() ([]*simnode.Runner, error) {
	if c.bigLog != "" {
		if c.lines < 1 {
			return nil, fmt.Errorf("--lines %d: a log has at least one line", c.lines)
		}
		_, err := simnode.NewRunner(simnode.RunnerOptions{Node: c.big})
		return nil, err
	}
	var runners []*simnode.Runner
	for _, o := range c.nodes {
		r, err := simnode.NewRunner(o)
		if err != nil {
			return nil, fmt.Errorf("node %q: %w", o.Node.Name, err)
		}
		runners = append(runners, r)
	}
	return runners, nil
}

const usage = `Runs simulated storage nodes: log and API, with history, live.

  simnode --scenario healthy --name A --log A.log --listen 127.0.0.1:14002
  simnode --history 720h --speed 60 --node name=A,log=A.log,listen=:14002 --node name=B,scenario=dead,log=B.log,listen=:14003
  simnode --demo /tmp/nodes            the five nodes of the demo
  simnode --big-log big.log --lines 1000000

A --node takes the settings below by their names (name, scenario, log, listen,
seed, version, format, level, custom-level, rate, audit-rate, disk, age, trouble,
history, log-history, speed); what it leaves out is taken from the others.

Scenarios: %s

`

func parse(args []string, stderr io.Writer) (configuration, error) {
	var c configuration
	common := map[string]string{}
	flags := flag.NewFlagSet("simnode", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		var names []string
		for _, s := range simnode.Scenarios() {
			names = append(names, string(s))
		}
		fmt.Fprintf(stderr, usage, strings.Join(names, " "))
		flags.PrintDefaults()
	}
	for _, s := range nodeSettings {
		flags.Func(s.name, s.help, func(value string) error {
			common[s.name] = value
			return nil
		})
	}
	var nodes []string
	flags.Func("node", "one node as `key=value,…`; can be given several times", func(value string) error {
		nodes = append(nodes, value)
		return nil
	})
	demo := flags.String("demo", "", "run the five nodes of the demo, with their logs in this `folder`")
	demoListen := flags.String("demo-listen", "127.0.0.1:14002", "`host:port` of the demo's first API; the others take the next ports, or all take free ones after port 0")
	flags.StringVar(&c.advertise, "advertise", "", "`host` to print in the specs in place of the listening one")
	flags.BoolVar(&c.untilEOF, "until-stdin-closes", false, "end when standard input ends: whoever started this and dies takes it along")
	flags.StringVar(&c.truth, "truth", "", "write what really happened as JSON to this `file`: when history is there, and at the end")
	flags.StringVar(&c.bigLog, "big-log", "", "write a big log for benchmarks to this `file` (- for standard output) and end")
	flags.Int64Var(&c.lines, "lines", 1_000_000, "lines of the big log")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is no flag; see --help", flags.Arg(0))
	}
	if c.bigLog != "" {
		o, err := options(common)
		c.big = o.Node
		return c, err
	}
	if *demo != "" {
		for _, own := range []string{"name", "log", "listen"} {
			if _, given := common[own]; given {
				return c, fmt.Errorf("--%s is for one node, and --demo runs five: give it in a --node", own)
			}
		}
		var err error
		if c.nodes, err = demoNodes(*demo, *demoListen); err != nil {
			return c, err
		}
		for i := range c.nodes {
			if err := apply(&c.nodes[i], common); err != nil {
				return c, err
			}
		}
	}
	if len(nodes) == 0 && *demo == "" {
		nodes = []string{""}
	}
	for i, text := range nodes {
		own := map[string]string{}
		for key, value := range common {
			own[key] = value
		}
		if len(nodes) > 1 {
			// several nodes with one seed would be too much alike
			own["seed"] = strconv.Itoa(i + 1)
			delete(own, "log")
			delete(own, "listen")
		}
		for _, part := range strings.Split(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			key, value, ok := strings.Cut(part, "=")
			if !ok || setting(key) == nil {
				return c, fmt.Errorf("--node %q: %q is not key=value with one of the keys that --help names", text, part)
			}
			own[key] = value
		}
		o, err := options(own)
		if err != nil {
			return c, fmt.Errorf("--node %q: %w", text, err)
		}
		if o.LogPath == "" && o.Listen == "" {
			return c, errors.New("a node needs a --log, a --listen, or both; see --help")
		}
		c.nodes = append(c.nodes, o)
	}
	names, logs := map[string]bool{}, map[string]bool{}
	for _, o := range c.nodes {
		if names[o.Node.Name] {
			return c, fmt.Errorf("two nodes are called %q: give each a name", o.Node.Name)
		}
		names[o.Node.Name] = true
		if o.LogPath == "" {
			continue
		}
		if path := filepath.Clean(o.LogPath); logs[path] {
			return c, fmt.Errorf("two nodes write to the log %s: give each its own", o.LogPath)
		} else {
			logs[path] = true
		}
	}
	return c, nil
}

// demoNodes are the nodes of the demo with their addresses.
func demoNodes(folder, listen string) ([]simnode.RunnerOptions, error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("--demo-listen %q: %w; write it as 127.0.0.1:0", listen, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("--demo-listen %q: the port is not a number from 0 to 65535", listen)
	}
	nodes := simnode.DemoNodes(folder, host, int(port))
	if port > 0 {
		return nodes, nil
	}
	// A node that is dead from the start never opens a port, and still needs one to
	// be looked for at. They are taken together, so that all differ.
	for i := range nodes {
		free, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = free.Close() }()
		nodes[i].Listen = free.Addr().String()
	}
	return nodes, nil
}

// oneSetting is a setting of a node.
type oneSetting struct {
	name, help string
	set        func(o *simnode.RunnerOptions, value string) error
}

var nodeSettings = []oneSetting{
	{"name", "the node's `name` (default A)", func(o *simnode.RunnerOptions, v string) error { o.Node.Name = v; return nil }},
	{"scenario", "what goes wrong (default healthy)", func(o *simnode.RunnerOptions, v string) (err error) {
		o.Node.Scenario, err = simnode.ParseScenario(v)
		return err
	}},
	{"log", "log `file`, written anew", func(o *simnode.RunnerOptions, v string) error { o.LogPath = v; return nil }},
	{"listen", "`host:port` of the API", func(o *simnode.RunnerOptions, v string) error { o.Listen = v; return checkListen(v) }},
	{"history", "model time that lies behind, as 720h (default 24h)", spanOf(func(o *simnode.RunnerOptions) *time.Duration { return &o.History })},
	{"log-history", "how much of it the log has (default all)", spanOf(func(o *simnode.RunnerOptions) *time.Duration { return &o.LogHistory })},
	{"trouble", "how long ago the scenario's trouble began (default: as the scenario needs)", spanOf(func(o *simnode.RunnerOptions) *time.Duration { return &o.Trouble })},
	{"age", "how long before the history the node joined (default fourteen months; negative: new)", durationOf(func(o *simnode.RunnerOptions) *time.Duration { return &o.Node.JoinedAge })},
	{"api-delay", "how slow the slow API is (default 28s)", spanOf(func(o *simnode.RunnerOptions) *time.Duration { return &o.Node.APIDelay })},
	{"speed", "model seconds per second, above 0 (default 1)", func(o *simnode.RunnerOptions, v string) error {
		if err := floatOf(func(o *simnode.RunnerOptions) *float64 { return &o.Speed })(o, v); err != nil {
			return err
		}
		if o.Speed <= 0 {
			return errors.New("time goes on: give a speed above 0")
		}
		return nil
	}},
	{"rate", "transfers an hour (default 600)", floatOf(func(o *simnode.RunnerOptions) *float64 { return &o.Node.Rate })},
	{"audit-rate", "audits an hour (default 8)", floatOf(func(o *simnode.RunnerOptions) *float64 { return &o.Node.AuditRate })},
	{"seed", "`number` that decides all chance (default 1)", func(o *simnode.RunnerOptions, v string) (err error) {
		o.Node.Seed, err = strconv.ParseUint(v, 10, 64)
		return err
	}},
	{"disk", "allocated `bytes` (default 4 TB)", func(o *simnode.RunnerOptions, v string) (err error) {
		o.Node.Disk, err = strconv.ParseInt(v, 10, 64)
		return err
	}},
	{"version", "of the node's software, from 1.60.0 on (default 1.162.3)", func(o *simnode.RunnerOptions, v string) error { o.Node.Version = v; return nil }},
	{"format", "of the log: console, json, docker or docker-json", func(o *simnode.RunnerOptions, v string) error {
		o.Node.Encoding = simnode.Encoding(v)
		return nil
	}},
	{"level", "of the log: debug, info, warn, error or fatal", func(o *simnode.RunnerOptions, v string) error { o.Node.Level = v; return nil }},
	{"custom-level", "log.custom-level, as piecestore=FATAL", func(o *simnode.RunnerOptions, v string) error { o.Node.CustomLevel = v; return nil }},
}

func setting(name string) *oneSetting {
	for i := range nodeSettings {
		if nodeSettings[i].name == name {
			return &nodeSettings[i]
		}
	}
	return nil
}

func durationOf(field func(*simnode.RunnerOptions) *time.Duration) func(*simnode.RunnerOptions, string) error {
	return func(o *simnode.RunnerOptions, value string) (err error) {
		*field(o), err = time.ParseDuration(value)
		return err
	}
}

func floatOf(field func(*simnode.RunnerOptions) *float64) func(*simnode.RunnerOptions, string) error {
	return func(o *simnode.RunnerOptions, value string) (err error) {
		*field(o), err = strconv.ParseFloat(value, 64)
		if err == nil && (math.IsNaN(*field(o)) || math.IsInf(*field(o), 0)) {
			err = errors.New("give a finite number")
		}
		return err
	}
}

// spanOf is a duration that is not negative.
func spanOf(field func(*simnode.RunnerOptions) *time.Duration) func(*simnode.RunnerOptions, string) error {
	set := durationOf(field)
	return func(o *simnode.RunnerOptions, value string) error {
		if err := set(o, value); err != nil {
			return err
		}
		if *field(o) < 0 {
			return errors.New("it must not be negative")
		}
		return nil
	}
}

// checkListen refuses what no port can be opened with.
func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w; write it as 127.0.0.1:14002", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("the port is not a number from 0 to 65535")
	}
	return nil
}

// options makes a node of settings.
func options(values map[string]string) (simnode.RunnerOptions, error) {
	o := simnode.RunnerOptions{Node: simnode.Options{Name: "A", Seed: 1}, History: 24 * time.Hour}
	return o, apply(&o, values)
}

func apply(o *simnode.RunnerOptions, values map[string]string) error {
	for _, s := range nodeSettings {
		if value, ok := values[s.name]; ok {
			if err := s.set(o, value); err != nil {
				return fmt.Errorf("%s %q: %w", s.name, value, err)
			}
		}
	}
	return nil
}

// serve runs the nodes until ctx ends or one of them fails.
func serve(ctx context.Context, c configuration, runners []*simnode.Runner, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	failures := make([]error, len(runners))
	for i, r := range runners {
		group.Go(func() {
			if failures[i] = r.Run(ctx); failures[i] != nil {
				cancel()
			}
		})
	}
	for _, r := range runners {
		select {
		case <-r.Listening():
			fmt.Fprintln(stdout, advertised(r.Spec(), r.Address(), c.advertise))
		case <-ctx.Done():
		}
	}
	fmt.Fprintln(stdout) // all are ready
	var truthFailure error
	if ctx.Err() == nil {
		truthFailure = writeTruth(c.truth, runners)
	}
	if truthFailure != nil {
		cancel()
	}
	group.Wait()
	if truthFailure == nil {
		truthFailure = writeTruth(c.truth, runners)
	}
	return errors.Join(append(failures, truthFailure)...)
}

// advertised is a spec with another host in the place of the listening one.
func advertised(spec, address, host string) string {
	_, port, err := net.SplitHostPort(address)
	if host == "" || err != nil {
		return spec
	}
	return strings.TrimSuffix(spec, address) + net.JoinHostPort(host, port)
}

// writeTruth writes what has really happened to all nodes, in one step.
func writeTruth(path string, runners []*simnode.Runner) error {
	if path == "" {
		return nil
	}
	truths := make([]simnode.Truth, len(runners))
	for i, r := range runners {
		truths[i] = r.Node().Truth()
	}
	data, err := json.MarshalIndent(truths, "", "  ")
	if err == nil {
		err = os.WriteFile(path+".new", append(data, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("simnode: writing the truth: %w", err)
	}
	return nil
}

// writeBigLog writes the big log and prints how it came out.
func writeBigLog(c configuration, stdout io.Writer) (err error) {
	out := stdout
	if c.bigLog != "-" {
		file, failure := os.Create(c.bigLog)
		if failure != nil {
			return fmt.Errorf("simnode: creating the big log: %w", failure)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	truth, err := simnode.WriteBigLog(out, c.lines, c.big)
	if err != nil {
		return err
	}
	if c.bigLog != "-" {
		fmt.Fprintf(stdout, "%s: %d lines, %d of them DEBUG\n", c.bigLog, truth.Log.Lines, truth.Log.Levels["DEBUG"])
	}
	if c.truth == "" {
		return nil
	}
	data, err := json.MarshalIndent(truth, "", "  ")
	if err == nil {
		err = os.WriteFile(c.truth, append(data, '\n'), 0o644)
	}
	return err
}
