package simnode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// RunnerOptions say how a node is run as a live thing: with history behind it,
// a log file, and an API on a port.
type RunnerOptions struct {
	// Node is the node; Start, and where they are zero TroubleAt and LogFrom, are
	// set by the runner. A JoinedAge of 0 becomes fourteen months; give a
	// negative one for a new node.
	Node Options

	History    time.Duration // model time generated at once, up to now
	LogHistory time.Duration // how much of it goes to the log; 0 = all
	Trouble    time.Duration // how long before now the scenario's trouble began; 0 = TroubleLead of the scenario
	Speed      float64       // model seconds per second from now on (so faster ones write times to come); 0 = 1
	LogPath    string        // written anew; "" = no log
	Listen     string        // host:port of the API; port 0 = any; "" = no API

	// Clock is the time; nil = time.Now.
	Clock func() time.Time
}

// TroubleLead is how long the trouble of a scenario should have been going on
// for a viewer to see it and its end still to come.
func TroubleLead(s Scenario) time.Duration {
	switch s {
	case FailingAudits, UnknownErrors:
		return 5 * time.Hour
	case AuditTimeouts:
		return 30 * time.Hour
	case FlakyUplink:
		return 12 * day
	case FillingDisk:
		return 3 * day // so it is full in three days
	case Restarting:
		return 20 * time.Minute
	case SilencedLog, Dead:
		return 6 * time.Hour
	default:
		return time.Hour
	}
}

// Runner runs one node live.
type Runner struct {
	opt   RunnerOptions
	node  *Node
	begun time.Time // wall clock, and model time, at which history ends and life begins

	listening chan struct{} // closed once history is there and the API has been opened
	address   string
}

// NewRunner makes a runner; nothing is written before Run.
func NewRunner(o RunnerOptions) (*Runner, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.History < 0 || o.LogHistory < 0 || o.Trouble < 0 {
		return nil, fmt.Errorf("simnode: history, log history and trouble of %q must not be negative", o.Node.Name)
	}
	if !(o.Speed > 0) || math.IsInf(o.Speed, 1) {
		return nil, fmt.Errorf("simnode: the speed %v of %q is not above 0", o.Speed, o.Node.Name)
	}
	if o.LogPath != "" {
		// who is given the spec may run in another folder
		path, err := filepath.Abs(o.LogPath)
		if err != nil {
			return nil, fmt.Errorf("simnode: finding the folder of the log %s: %w", o.LogPath, err)
		}
		o.LogPath = path
	}
	begun := o.Clock().Truncate(time.Second)
	n := o.Node
	n.Start = begun.Add(-o.History)
	switch {
	case n.JoinedAge == 0:
		n.JoinedAge = 14 * 30 * day
	case n.JoinedAge < 0:
		n.JoinedAge = 0
	}
	if n.LogFrom.IsZero() && o.LogHistory > 0 {
		n.LogFrom = begun.Add(-o.LogHistory)
	}
	if n.TroubleAt.IsZero() {
		if o.Trouble == 0 {
			o.Trouble = TroubleLead(n.Scenario)
		}
		n.TroubleAt = begun.Add(-o.Trouble)
		if earliest := n.Start.Add(time.Minute); n.TroubleAt.Before(earliest) {
			n.TroubleAt = earliest
		}
	}
	node, err := New(n)
	if err != nil {
		return nil, err
	}
	return &Runner{opt: o, node: node, begun: begun, listening: make(chan struct{})}, nil
}

// Node is the node that is run.
func (r *Runner) Node() *Node { return r.node }

// Listening is closed when the history has been written and the API is open,
// or refused because the node is down.
func (r *Runner) Listening() <-chan struct{} { return r.listening }

// Address is the host:port of the API, once Listening is closed.
func (r *Runner) Address() string {
	select {
	case <-r.listening:
		return r.address
	default:
		return r.opt.Listen
	}
}

// Spec is the node as the plugin takes it: Name:/path/to.log:http://host:port,
// the path absolute.
func (r *Runner) Spec() string {
	spec := r.node.Name() + ":" + r.opt.LogPath
	if r.opt.Listen != "" {
		spec += ":http://" + r.Address()
	}
	return spec
}

// Now is the model time that the wall clock asks for.
func (r *Runner) Now() time.Time {
	life := r.opt.Clock().Sub(r.begun)
	return r.begun.Add(time.Duration(float64(life) * r.opt.Speed))
}

// tick is how often a live node moves on.
const tick = 100 * time.Millisecond

// Run writes the history, opens the API and goes on until ctx ends, which is no
// error.
func (r *Runner) Run(ctx context.Context) (err error) {
	var log *os.File
	if r.opt.LogPath != "" {
		if err := os.MkdirAll(filepath.Dir(r.opt.LogPath), 0o755); err != nil {
			return fmt.Errorf("simnode: making the log folder of %s: %w", r.node.Name(), err)
		}
		log, err = os.OpenFile(r.opt.LogPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("simnode: opening the log of %s: %w", r.node.Name(), err)
		}
		defer func() { err = errors.Join(err, log.Close()) }()
	}
	advance := func() error {
		if log == nil {
			return r.node.AdvanceTo(r.Now(), nil)
		}
		return r.node.AdvanceTo(r.Now(), log)
	}
	// history, in pieces so that it can be interrupted
	for at := r.node.Now(); at.Before(r.begun); {
		if ctx.Err() != nil {
			return nil
		}
		at = at.Add(6 * time.Hour)
		if at.After(r.begun) {
			at = r.begun
		}
		if log == nil {
			err = r.node.AdvanceTo(at, nil)
		} else {
			err = r.node.AdvanceTo(at, log)
		}
		if err != nil {
			return err
		}
	}

	port := apiPort{handler: r.node.Handler(), address: r.opt.Listen}
	defer port.close()
	opened := false
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for {
		if err := advance(); err != nil {
			return err
		}
		if r.opt.Listen != "" {
			if err := port.follow(r.node.Up()); err != nil {
				return fmt.Errorf("simnode: opening the API of %s: %w", r.node.Name(), err)
			}
		}
		if !opened {
			opened = true
			r.address = port.address
			close(r.listening)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
	}
}

// apiPort opens and closes the port as the process comes and goes.
type apiPort struct {
	handler http.Handler
	address string // with the port that was given, after the first opening
	server  *http.Server
	had     bool // the port has been open before
}

func (p *apiPort) follow(up bool) error {
	if !up {
		p.close()
		return nil
	}
	if p.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		if !p.had {
			return err // never had it
		}
		return nil // another process took it meanwhile: try again
	}
	p.had = true
	p.address = listener.Addr().String()
	p.server = &http.Server{Handler: p.handler, ReadHeaderTimeout: 10 * time.Second}
	go func(s *http.Server) { _ = s.Serve(listener) }(p.server) // ends with close
	return nil
}

func (p *apiPort) close() {
	if p.server != nil {
		_ = p.server.Close() // connections break, as they do
		p.server = nil
	}
}

// DemoNodes are the five nodes of the demo: their logs in a folder, their APIs
// on the ports from one on.
func DemoNodes(folder, host string, port int) []RunnerOptions {
	var nodes []RunnerOptions
	for i, s := range []Scenario{Healthy, FailingAudits, FlakyUplink, FillingDisk, Dead} {
		name, level := string(s), "debug" // which says how long transfers take
		if s == FlakyUplink {
			level = "info" // the default, so that the demo shows what is said of what it hides
		}
		nodes = append(nodes, RunnerOptions{
			Node:       Options{Name: name, Scenario: s, Seed: uint64(i + 1), Rate: 300, Level: level},
			History:    30 * day,
			LogHistory: 7 * day,
			LogPath:    filepath.Join(folder, name+".log"),
			Listen:     net.JoinHostPort(host, fmt.Sprint(port+i)),
		})
	}
	return nodes
}
