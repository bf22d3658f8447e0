package logsource_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

// dockerDaemon speaks the part of the Docker Engine API that only reads.
type dockerDaemon struct {
	t       *testing.T
	network string // unix or tcp
	address string
	server  *httptest.Server

	mu         sync.Mutex
	changed    chan struct{} // closed and made anew with every change
	containers []*dockerContainer
	version    string
	ahead      time.Duration  // of its clock
	status     int            // what it answers instead, if not 0
	hangs      bool           // it answers nothing, and writes nothing more into logs
	cutAfter   func() int     // of a log: how many messages until the connection breaks; nil: never
	asked      map[string]int // how often for which path
}

// dockerContainer is a container with its log.
type dockerContainer struct {
	id, name, image, driver string
	terminal, stopped       bool
	log                     []dockerMessage
	ports                   string // JSON
	runs                    int
}

// dockerMessage is what a log driver keeps: a line, or without a newline a part of one.
type dockerMessage struct {
	stream byte
	stamp  time.Time
	text   string
}

// startDocker makes a daemon that listens at a Unix socket or at a TCP port.
func startDocker(t *testing.T, network string) *dockerDaemon {
	t.Helper()
	d := &dockerDaemon{t: t, network: network, version: "1.44", changed: make(chan struct{}), asked: map[string]int{}}
	if network == "unix" {
		folder, err := os.MkdirTemp("", "docker") // a socket's path may not be long
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(folder) })
		d.address = filepath.Join(folder, "docker.sock")
	} else {
		d.address = "127.0.0.1:0"
	}
	d.start()
	t.Cleanup(func() { d.vanish() })
	return d
}

func (d *dockerDaemon) start() {
	d.t.Helper()
	var listener net.Listener
	if !soon(func() (ok bool) {
		var err error
		listener, err = net.Listen(d.network, d.address)
		return err == nil
	}) {
		d.t.Fatalf("no listener at %s", d.address)
	}
	d.address = listener.Addr().String()
	d.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(d.serve)}}
	d.server.Start()
}

// vanish ends the daemon, with all its connections.
func (d *dockerDaemon) vanish() {
	d.server.CloseClientConnections()
	d.change(func() { d.hangs = false })
	d.server.Close()
}

func (d *dockerDaemon) host() string { return d.network + "://" + d.address }

func (d *dockerDaemon) source(name string) logsource.Source {
	return logsource.Source{Kind: logsource.DockerSource, Container: name, Address: d.host()}
}

// change changes the daemon and wakes all that follow a log.
func (d *dockerDaemon) change(how func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how()
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *dockerDaemon) add(c *dockerContainer) *dockerContainer {
	d.change(func() { d.containers = append(d.containers, c) })
	return c
}

func (d *dockerDaemon) remove(c *dockerContainer) {
	d.change(func() {
		c.stopped = true
		for i, other := range d.containers {
			if other == c {
				d.containers = append(d.containers[:i:i], d.containers[i+1:]...)
			}
		}
	})
}

// write lets a container write lines to stderr, each at its own nanosecond.
func (d *dockerDaemon) write(c *dockerContainer, lines ...string) {
	for _, line := range lines {
		d.change(func() {
			c.log = append(c.log, dockerMessage{stream: 2, stamp: time.Now().Add(d.ahead), text: line + "\n"})
		})
	}
}

func (d *dockerDaemon) stop(c *dockerContainer) { d.change(func() { c.stopped = true }) }

func (d *dockerDaemon) run(c *dockerContainer) {
	d.change(func() { c.stopped, c.runs = false, c.runs+1 })
}

func (d *dockerDaemon) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	version, status, hangs := d.version, d.status, d.hangs
	w.Header().Set("Date", time.Now().Add(d.ahead).UTC().Format(http.TimeFormat))
	d.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		d.t.Errorf("the daemon was sent %s %s", r.Method, r.URL)
	}
	w.Header().Set("Api-Version", version)
	if status != 0 {
		d.fail(w, status, "answered so by the test")
		return
	}
	if r.URL.Path == "/_ping" {
		_, _ = w.Write([]byte("OK"))
		return
	}
	used, path, versioned := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v"), "/")
	if !versioned || used != version {
		d.fail(w, http.StatusBadRequest, "client version "+used+" is too new. Maximum supported API version is "+version)
		return
	}
	d.mu.Lock()
	d.asked[path]++
	d.mu.Unlock()
	parts := strings.Split(path, "/")
	switch {
	case path == "containers/json":
		d.list(w, r)
	case len(parts) == 3 && parts[0] == "containers" && parts[2] == "json":
		d.inspect(w, parts[1])
	case len(parts) == 3 && parts[0] == "containers" && parts[2] == "logs":
		d.logs(w, r, parts[1])
	default:
		d.fail(w, http.StatusNotFound, "page not found")
	}
}

func (d *dockerDaemon) fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// find goes by id, name and the beginning of an id, as Docker does.
func (d *dockerDaemon) find(name string) *dockerContainer {
	for _, is := range []func(c *dockerContainer) bool{
		func(c *dockerContainer) bool { return c.id == name },
		func(c *dockerContainer) bool { return c.name == name },
		func(c *dockerContainer) bool { return strings.HasPrefix(c.id, name) },
	} {
		for _, c := range d.containers {
			if is(c) {
				return c
			}
		}
	}
	return nil
}

func (d *dockerDaemon) list(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := []map[string]any{}
	for _, c := range d.containers {
		if c.stopped && r.FormValue("all") != "1" {
			continue
		}
		ports := c.ports
		if ports == "" {
			ports = "[]"
		}
		all = append(all, map[string]any{"Id": c.id, "Names": []string{"/other/link", "/" + c.name}, "Image": c.image, "Ports": json.RawMessage(ports)})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}

func (d *dockerDaemon) inspect(w http.ResponseWriter, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(name)
	if c == nil {
		d.fail(w, http.StatusNotFound, "No such container: "+name)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"Id": c.id, "Name": "/" + c.name, "Image": "sha256:1234",
		"State": map[string]any{
			"Running": !c.stopped, "ExitCode": 3,
			"StartedAt": fmt.Sprintf("2026-11-23T00:00:%02dZ", c.runs), "FinishedAt": fmt.Sprintf("2026-11-22T00:00:%02dZ", c.runs),
		},
		"Config":     map[string]any{"Tty": c.terminal, "Image": c.image},
		"HostConfig": map[string]any{"LogConfig": map[string]any{"Type": c.driver}},
	})
}

func (d *dockerDaemon) logs(w http.ResponseWriter, r *http.Request, id string) {
	d.mu.Lock()
	c := d.find(id)
	switch {
	case c == nil:
		d.fail(w, http.StatusNotFound, "No such container: "+id)
	case c.driver == "none":
		d.fail(w, http.StatusNotImplemented, "configured logging driver does not support reading")
	case c.driver == "old-syslog":
		d.fail(w, http.StatusInternalServerError, "configured logging driver does not support reading")
	case r.FormValue("stdout") != "1" && r.FormValue("stderr") != "1":
		d.fail(w, http.StatusBadRequest, "Bad parameters: you must choose at least one stream")
	default:
		defer d.follow(w, r, c)
	}
	d.mu.Unlock()
}

func (d *dockerDaemon) follow(w http.ResponseWriter, r *http.Request, c *dockerContainer) {
	var since time.Time
	if text := r.FormValue("since"); text != "" {
		whole, fraction, _ := strings.Cut(text, ".")
		seconds, err := strconv.ParseInt(whole, 10, 64)
		nanoseconds, err2 := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		if err != nil || err2 != nil {
			d.t.Errorf("since %q", text)
		}
		since = time.Unix(seconds, nanoseconds)
	}
	d.mu.Lock()
	next, left := 0, -1
	if tail, err := strconv.Atoi(r.FormValue("tail")); err == nil {
		next = max(0, len(c.log)-tail)
	}
	if d.cutAfter != nil {
		left = d.cutAfter()
	}
	kind := "application/vnd.docker.multiplexed-stream"
	if c.terminal {
		kind = "application/vnd.docker.raw-stream"
	}
	d.mu.Unlock()
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	flush := w.(http.Flusher).Flush
	flush()
	for {
		d.mu.Lock()
		changed, stopped, hangs := d.changed, c.stopped, d.hangs
		var messages []dockerMessage
		if !hangs {
			messages = append(messages, c.log[min(next, len(c.log)):]...)
			next += len(messages)
		}
		d.mu.Unlock()
		for _, m := range messages {
			if m.stamp.Before(since) {
				continue
			}
			if left == 0 {
				flush()
				panic(http.ErrAbortHandler)
			}
			left--
			text := m.text
			if r.FormValue("timestamps") == "1" {
				text = m.stamp.UTC().Format(dockerTime) + " " + text
			}
			if c.terminal {
				_, _ = w.Write([]byte(text))
			} else {
				_, _ = w.Write(frame(m.stream, text))
			}
		}
		flush()
		if (stopped || r.FormValue("follow") != "1") && !hangs {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		}
	}
}
