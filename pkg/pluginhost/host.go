// Package pluginhost drives a compiled plugin over its gRPC protocol, as Grafana does: it starts the executable,
// shakes hands, asks, and stops it cleanly or kills it.
//
// It knows the protocol of a backend plugin and the life of its process. It knows nothing of storage nodes, of this
// plugin's settings or queries, and it needs no Grafana: tests and the console host of the demo ask a plugin with it
// exactly what a panel would ask.
package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// DefaultStartTimeout is how long a plugin may take until it answers. A plugin that is already in the page cache needs
// some 20 ms; a cold disk and a busy machine need more.
const DefaultStartTimeout = 20 * time.Second

// Options says which plugin to start, and what it finds around it.
type Options struct {
	// Executable is the compiled plugin, for example dist/gpx_storagenode_monitor_linux_amd64.
	Executable string
	// DataDir is where the plugin keeps its state: Grafana passes its setting `data_dir` as GF_PLUGIN_DATA_DIR.
	// When empty the variable is not set, and the plugin decides for itself.
	DataDir string
	// Env adds variables, each "NAME=value". Nothing is inherited from this process: since version 12.4 Grafana gives
	// a plugin no host environment either.
	Env []string
	// Stderr receives the plugin's log lines (JSON, one a line), as Grafana's own log would.
	Stderr io.Writer
	// Logger receives what the protocol library says about the connection. Default: nothing.
	Logger hclog.Logger
	// StartTimeout replaces DefaultStartTimeout.
	StartTimeout time.Duration
}

// Host is one running plugin process. Its methods may be called side by side.
type Host struct {
	cmd       *exec.Cmd
	client    *plugin.Client
	socketDir string
	stopOnce  sync.Once

	data        grpcplugin.DataClient
	diagnostics grpcplugin.DiagnosticsClient
	resource    grpcplugin.ResourceClient
	stream      grpcplugin.StreamClient
}

// Host answers as the SDK's own handlers do, so that code written against one runs against the other.
var (
	_ backend.QueryDataHandler      = (*Host)(nil)
	_ backend.CheckHealthHandler    = (*Host)(nil)
	_ backend.CollectMetricsHandler = (*Host)(nil)
)

// Start runs the plugin and returns when it is ready to answer. The context limits the start only: the plugin runs
// until Kill or Crash, one of which must be called.
func Start(ctx context.Context, opts Options) (*Host, error) {
	executable, err := filepath.Abs(opts.Executable)
	if err != nil {
		return nil, fmt.Errorf("plugin executable %q: %w", opts.Executable, err)
	}
	if info, err := os.Stat(executable); err != nil {
		return nil, fmt.Errorf("plugin executable: %w; build it first (go tool mage build)", err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("plugin executable %s is a folder; name the compiled plugin inside it", executable)
	}

	socketDir, err := makeSocketDir()
	if err != nil {
		return nil, err
	}

	cmd := exec.Command(executable)
	cmd.Env = append(cmd.Env, plugin.EnvUnixSocketDir+"="+socketDir, "TMPDIR="+socketDir)
	if opts.DataDir != "" {
		cmd.Env = append(cmd.Env, "GF_PLUGIN_DATA_DIR="+opts.DataDir)
	}
	cmd.Env = append(cmd.Env, opts.Env...)
	endWithParent(cmd)

	h := &Host{cmd: cmd, socketDir: socketDir}
	if err := h.connect(ctx, opts); err != nil {
		h.Kill()
		return nil, err
	}
	return h, nil
}

// makeSocketDir makes a folder for the plugin's socket alone, so that a killed plugin leaves nothing in the temp folder. A
// socket's path may be 103 bytes long, 107 on Linux: where the temp folder's own path is too long for that, /tmp has to do.
func makeSocketDir() (string, error) {
	const longest, socketName = 103, "/plugin1234567890"
	dir, err := os.MkdirTemp("", "gpx")
	if err == nil && len(dir)+len(socketName) > longest && runtime.GOOS != "windows" {
		_ = os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "gpx")
	}
	if err != nil {
		return "", fmt.Errorf("make a folder for the plugin's socket: %w", err)
	}
	return dir, nil
}

func (h *Host) connect(ctx context.Context, opts Options) error {
	logger := opts.Logger
	if logger == nil {
		logger = hclog.NewNullLogger()
	}
	timeout := opts.StartTimeout
	if timeout <= 0 {
		timeout = DefaultStartTimeout
	}
	lastWords := &tail{limit: 4096, next: opts.Stderr}
	h.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data":        &grpcplugin.DataGRPCPlugin{},
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
			"stream":      &grpcplugin.StreamGRPCPlugin{},
		}},
		Cmd:              h.cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		SkipHostEnv:      true,
		StartTimeout:     timeout,
		Stderr:           lastWords,
		Logger:           logger,
	})

	// The library's start knows no context. When ours ends first, the process is killed and the start fails by itself.
	started := make(chan error, 1)
	go func() { started <- h.dispense() }()
	var err error
	select {
	case err = <-started:
	case <-ctx.Done():
		h.client.Kill()
		<-started
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	if said := lastWords.String(); said != "" {
		return fmt.Errorf("start plugin %s: %w; it said:\n%s", h.cmd.Path, err, said)
	}
	return fmt.Errorf("start plugin %s: %w", h.cmd.Path, err)
}

// dispense waits for the handshake and takes one client for each service that Grafana uses.
func (h *Host) dispense() error {
	protocol, err := h.client.Client()
	if err != nil {
		return err
	}
	for name, take := range map[string]func(any) bool{
		"data":        func(c any) (ok bool) { h.data, ok = c.(grpcplugin.DataClient); return },
		"diagnostics": func(c any) (ok bool) { h.diagnostics, ok = c.(grpcplugin.DiagnosticsClient); return },
		"resource":    func(c any) (ok bool) { h.resource, ok = c.(grpcplugin.ResourceClient); return },
		"stream":      func(c any) (ok bool) { h.stream, ok = c.(grpcplugin.StreamClient); return },
	} {
		client, err := protocol.Dispense(name)
		if err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
		if !take(client) {
			return fmt.Errorf("service %s: the SDK gave an unexpected client %T", name, client)
		}
	}
	return protocol.Ping()
}

// Pid is the plugin's process id.
func (h *Host) Pid() int {
	if h.cmd.Process == nil {
		return 0
	}
	return h.cmd.Process.Pid
}

// Exited reports whether the process has ended, whoever ended it.
func (h *Host) Exited() bool { return h.client.Exited() }

// Kill stops the plugin as Grafana does: it asks it to end, waits up to 2 s, and only then kills it. It returns when the
// process is gone; a second call does nothing.
func (h *Host) Kill() {
	h.stopOnce.Do(func() {
		if h.client != nil {
			h.client.Kill()
		}
		_ = os.RemoveAll(h.socketDir)
	})
}

// Crash ends the process at once (SIGKILL), as a power cut or the kernel's out-of-memory killer would, and returns when
// it is gone.
func (h *Host) Crash() error {
	if err := h.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill plugin process %d: %w", h.Pid(), err)
	}
	h.Kill() // waits, closes the connection and removes the socket
	return nil
}

// EndedCleanly reports, after Kill, whether the plugin ended by itself with exit code 0 rather than being killed.
func (h *Host) EndedCleanly() bool {
	return h.client.Exited() && h.cmd.ProcessState != nil && h.cmd.ProcessState.Success()
}

// tail passes what it is given on, and remembers the last bytes for an error message.
type tail struct {
	limit int
	next  io.Writer

	mu   sync.Mutex
	last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.last = append(t.last, p...)
	if over := len(t.last) - t.limit; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	t.mu.Unlock()
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}
