package logsource_test

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

func TestDockerTroubles(t *testing.T) {
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listening.Addr().String()
	_ = listening.Close()
	dead := filepath.Join(t.TempDir(), "dead.sock")
	socket, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	socket.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = socket.Close()
	nodes := func(n int) func(*dockerDaemon) {
		return func(d *dockerDaemon) {
			for i := range n {
				d.add(&dockerContainer{id: fmt.Sprintf("%064d", i), name: fmt.Sprint("storj", i), image: nodeImage, stopped: i == 0})
			}
			d.add(&dockerContainer{id: strings.Repeat("n", 63), name: "other", image: "redis:7"})
		}
	}
	with := func(change func(*dockerContainer)) func(*dockerDaemon) {
		return func(d *dockerDaemon) {
			c := testContainer("node")
			change(c)
			d.add(c)
		}
	}
	status := func(code int) func(*dockerDaemon) { return func(d *dockerDaemon) { d.status = code } }
	for name, c := range map[string]struct {
		daemon  func(*dockerDaemon)
		host    string
		state   logsource.State
		trouble string
		mend    string
		never   string // in the mend
	}{
		"no socket":           {host: "unix:///nonexistent/docker.sock", state: logsource.Connecting, trouble: "there is no Docker socket /nonexistent/docker.sock", mend: "tecnativa/docker-socket-proxy with CONTAINERS=1"},
		"dead socket":         {host: "unix://" + dead, state: logsource.Connecting, trouble: "nobody answers at the Docker socket", mend: "start the Docker daemon"},
		"nothing listens":     {host: "tcp://" + closed, state: logsource.Connecting, trouble: "nothing listens at " + closed, mend: "start the Docker daemon or its socket proxy"},
		"unknown host":        {host: "tcp://no-such-host.invalid:2375", state: logsource.Connecting, trouble: "no-such-host.invalid", mend: "IP address"},
		"odd address":         {host: "ssh://somewhere", state: logsource.Connecting, trouble: "is not the address of a Docker daemon", mend: "tcp://host:port"},
		"no container":        {daemon: nodes(0), state: logsource.Waiting, trouble: `there is no container "node"`, mend: "docker ps -a", never: "other"},
		"two other nodes":     {daemon: nodes(2), state: logsource.Waiting, trouble: `there is no container "node"`, mend: "there are storj0, storj1", never: "other"},
		"many other nodes":    {daemon: nodes(7), state: logsource.Waiting, trouble: `there is no container "node"`, mend: "storj4, and 2 more", never: "storj5"},
		"beginning of an id":  {daemon: with(func(c *dockerContainer) { c.id, c.name = "node"+strings.Repeat("0", 60), "x" }), state: logsource.Waiting, trouble: `there is no container "node"`},
		"driver none":         {daemon: with(func(c *dockerContainer) { c.driver = "none" }), state: logsource.Waiting, trouble: "the log driver of container node", mend: "--log-driver local"},
		"an old daemon's":     {daemon: with(func(c *dockerContainer) { c.driver = "old-syslog" }), state: logsource.Waiting, trouble: "the log driver of container node", mend: "--log-driver local"},
		"proxy that forbids":  {daemon: status(403), state: logsource.Waiting, trouble: "does not let containers be read", mend: "CONTAINERS=1"},
		"another HTTP server": {daemon: status(404), state: logsource.Connecting, trouble: "is not a Docker daemon"},
		"broken daemon":       {daemon: status(500), state: logsource.Connecting, trouble: "answered so by the test"},
		"too old a daemon":    {daemon: func(d *dockerDaemon) { d.version = "1.39" }, state: logsource.Connecting, trouble: "is too old", mend: "19.03"},
	} {
		t.Run(name, func(t *testing.T) {
			o := logsource.Options{Source: logsource.Source{Kind: logsource.DockerSource, Container: "node", Address: c.host}}
			if c.daemon != nil {
				daemon := startDocker(t, "unix")
				c.daemon(daemon)
				o = dockerOptions(daemon)
				o.Backfill = 0
			}
			s := followNetwork(t, o, &delivered{}).awaitTrouble(c.trouble)
			if s.State != c.state || !strings.Contains(s.Mend, c.mend) || c.never != "" && strings.Contains(s.Mend, c.never) {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestDockerUntilDeliverFails(t *testing.T) {
	daemon := startDocker(t, "unix")
	daemon.write(daemon.add(testContainer("node")), "one")
	refused := errors.New("the store is full")
	f := followNetwork(t, dockerOptions(daemon), &delivered{refuse: refused})
	select {
	case err := <-f.done:
		if !errors.Is(err, refused) {
			t.Errorf("Run answers %v", err)
		}
		f.done <- err
	case <-time.After(20 * time.Second):
		t.Error("Run does not end")
	}
}

func TestDockerContainers(t *testing.T) {
	daemon := startDocker(t, "tcp")
	daemon.add(&dockerContainer{id: "2", name: "storj2", image: "storjlabs/storagenode@sha256:12"})
	daemon.add(&dockerContainer{id: "1", name: "storj1", image: nodeImage, ports: `[
		{"IP":"0.0.0.0","PrivatePort":28967,"PublicPort":28967,"Type":"tcp"},
		{"IP":"::","PrivatePort":28967,"PublicPort":28967,"Type":"tcp"},
		{"IP":"0.0.0.0","PrivatePort":28967,"PublicPort":28967,"Type":"udp"},
		{"IP":"127.0.0.1","PrivatePort":14002,"PublicPort":14003,"Type":"tcp"},
		{"PrivatePort":14002,"Type":"tcp"},
		{"IP":"0.0.0.0","PrivatePort":5999,"PublicPort":5999,"Type":"tcp"}]`})
	daemon.add(&dockerContainer{id: "3", name: "stopped", image: nodeImage, stopped: true})
	daemon.add(&dockerContainer{id: "4", name: "exporter", image: "anclrii/storj-exporter"})
	daemon.add(&dockerContainer{id: "5", name: "untagged", image: "sha256:1234", ports: `[{"PrivatePort":28967,"Type":"tcp"}]`})
	got, err := logsource.DockerContainers(t.Context(), daemon.host())
	if err != nil {
		t.Fatal(err)
	}
	want := []logsource.Container{
		{Name: "storj1", ID: "1", Image: nodeImage, Ports: []logsource.PublishedPort{
			{Inside: 14002, Host: "127.0.0.1", Port: 14003},
			{Inside: 28967, Host: "0.0.0.0", Port: 28967},
			{Inside: 28967, Host: "0.0.0.0", Port: 28967, UDP: true},
		}},
		{Name: "storj2", ID: "2", Image: "storjlabs/storagenode@sha256:12"},
		{Name: "untagged", ID: "5", Image: "sha256:1234"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}

func TestInspectContainer(t *testing.T) {
	daemon := startDocker(t, "unix")
	c := daemon.add(testContainer("node"))
	none := testContainer("silent")
	none.id, none.driver = strings.Repeat("e", 64), "none"
	daemon.add(none)
	got, err := logsource.InspectContainer(t.Context(), daemon.source("node"))
	if diff := cmp.Diff(logsource.Container{Name: "node", ID: c.id, Image: nodeImage}, got); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
	var trouble *logsource.Trouble
	for name, reason := range map[string]string{"silent": "log driver", "absent": "there is no container"} {
		if _, err := logsource.InspectContainer(t.Context(), daemon.source(name)); !errors.As(err, &trouble) || !strings.Contains(trouble.Reason, reason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	daemon.stop(c)
	if _, err := logsource.InspectContainer(t.Context(), daemon.source("node")); !errors.As(err, &trouble) || !strings.Contains(trouble.Reason, "does not run") {
		t.Errorf("stopped: %v", err)
	}
	if left := ""; !soon(func() bool { left = leftRunning(); return left == "" }) {
		t.Errorf("still running:\n%s", left)
	}
}
