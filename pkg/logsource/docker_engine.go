package logsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os/user"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/go-connections/sockets"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"go.opentelemetry.io/otel/trace/noop"
)

// dockerEngine asks a Docker daemon. It only ever asks: whatever is no GET or HEAD does
// not leave it.
type dockerEngine struct {
	api       *client.Client
	transport *engineTransport
	host      string // unix:///path, or tcp://host:port
	pace      networkPace
	agreed    atomic.Bool // on a version of the API
}

// openEngine makes an engine for a host; "" is where Docker listens by itself. Nothing
// is asked yet.
func openEngine(host string, pace networkPace) (*dockerEngine, error) {
	if host == "" {
		host = client.DefaultDockerHost
	}
	at, err := client.ParseHostURL(host)
	if err == nil && at.Scheme != "unix" && at.Scheme != "tcp" && host != client.DefaultDockerHost {
		err = fmt.Errorf("%s:// is not supported", at.Scheme)
	}
	base := &http.Transport{ReadBufferSize: 64 << 10, MaxResponseHeaderBytes: 64 << 10}
	if err == nil {
		err = sockets.ConfigureTransport(base, at.Scheme, at.Host)
	}
	if err != nil {
		return nil, &Trouble{Kind: Unreadable, Path: host, Err: err,
			Reason: fmt.Sprintf("%s is not the address of a Docker daemon: %v", host, err),
			Mend:   "write unix:// and the path of its socket, or tcp://host:port"}
	}
	base.DisableCompression, base.ResponseHeaderTimeout = true, pace.answer
	if at.Scheme == "tcp" {
		// No proxy of the environment is meant for a Docker daemon.
		base.Proxy = nil
		base.DialContext = (&net.Dialer{Timeout: pace.connect, KeepAliveConfig: keepAlive}).DialContext
	}
	transport := &engineTransport{base: base}
	api, err := client.New(
		client.WithHost(host),
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithUserAgent("storagenode-monitor"),
		client.WithTraceProvider(noop.NewTracerProvider()), // a log is followed for weeks
	)
	if err != nil {
		return nil, &Trouble{Kind: Unreadable, Path: host, Err: err, Reason: fmt.Sprintf("Docker's client does not take %s: %v", host, err), Mend: "correct the daemon's address"}
	}
	return &dockerEngine{api: api, transport: transport, host: host, pace: pace}, nil
}

func (e *dockerEngine) close() { e.transport.base.CloseIdleConnections() }

// engineTransport lets only questions pass, bounds the answers but for logs, and keeps
// what the client does not tell: why there was no answer, and the daemon's time.
type engineTransport struct {
	base   *http.Transport
	failed atomic.Pointer[error]
	ahead  atomic.Int64 // how much the daemon's clock is ahead of this one
	dated  atomic.Bool
}

// longestAnswer of the Engine API, but for logs.
const longestAnswer = 16 << 20

func (t *engineTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, fmt.Errorf("%s is not sent to Docker: this plugin only reads", r.Method)
	}
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		t.failed.Store(&err)
		return nil, err
	}
	t.failed.Store(nil)
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		// It is cut to whole seconds.
		t.ahead.Store(int64(time.Until(date.Add(time.Second / 2))))
		t.dated.Store(true)
	}
	if !strings.HasSuffix(r.URL.Path, "/logs") {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, longestAnswer), answer.Body}
	}
	return answer, nil
}

// now is the daemon's time, as far as it is known.
func (e *dockerEngine) now() time.Time {
	return time.Now().Add(time.Duration(e.transport.ahead.Load()))
}

// daemonsTime is the daemon's time; zero: it is not known.
func (e *dockerEngine) daemonsTime() time.Time {
	if !e.transport.dated.Load() {
		return time.Time{}
	}
	return e.now()
}

// negotiate finds the version of the API that both sides know, once.
func (e *dockerEngine) negotiate(ctx context.Context) error {
	if e.agreed.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.pace.answer)
	defer cancel()
	_, err := e.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	e.agreed.Store(err == nil)
	return err
}

// inspect finds a container by its name.
func (e *dockerEngine) inspect(ctx context.Context, name string) (container.InspectResponse, error) {
	if err := e.negotiate(ctx); err != nil {
		return container.InspectResponse{}, e.trouble(err, name)
	}
	ctx, cancel := context.WithTimeout(ctx, e.pace.answer)
	defer cancel()
	answer, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		if missing(err) {
			return container.InspectResponse{}, e.noContainer(ctx, name, err)
		}
		return container.InspectResponse{}, e.trouble(err, name)
	}
	found := answer.Container
	// Docker takes the beginning of an id for a name.
	if strings.TrimPrefix(found.Name, "/") != name && found.ID != name && (len(name) < 12 || !strings.HasPrefix(found.ID, name)) {
		return container.InspectResponse{}, e.noContainer(ctx, name, fs.ErrNotExist)
	}
	if found.ID == "" || found.State == nil {
		return container.InspectResponse{}, e.trouble(errNoFrames, name)
	}
	return found, nil
}

func missing(err error) bool {
	return errdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such container")
}

// noContainer names the containers that could have been meant.
func (e *dockerEngine) noContainer(ctx context.Context, name string, cause error) *Trouble {
	t := &Trouble{Kind: Missing, Path: name, Err: cause,
		Reason: fmt.Sprintf("there is no container %q", name),
		Mend:   "write the container's name as `docker ps -a` shows it"}
	if there, err := e.containers(ctx, true); err == nil {
		var names []string
		for _, c := range there {
			names = append(names, c.Name)
		}
		switch {
		case len(names) > 5:
			t.Mend += fmt.Sprintf("; of storage nodes there are %s, and %d more", strings.Join(names[:5], ", "), len(names)-5)
		case len(names) > 0:
			t.Mend += "; of storage nodes there are " + strings.Join(names, ", ")
		}
	}
	return t
}

// trouble says what an error means and what mends it.
func (e *dockerEngine) trouble(err error, name string) *Trouble {
	t := &Trouble{Kind: Unreadable, Path: e.host, Err: err}
	var known *Trouble
	if errors.As(err, &known) {
		return known
	}
	address, isTCP := strings.CutPrefix(e.host, "tcp://")
	cause := err
	if failed := e.transport.failed.Load(); failed != nil && client.IsErrConnectionFailed(err) {
		cause = *failed
	}
	text := err.Error()
	switch {
	case missing(err):
		t.Kind, t.Path = Missing, name
		t.Reason = fmt.Sprintf("there is no container %q any more", name)
		t.Mend = "a new one of this name is followed by itself"
	case errdefs.IsNotImplemented(err), strings.Contains(text, "does not support reading"):
		t.Path = name
		t.Reason = fmt.Sprintf("the log driver of container %s does not give its lines back", name)
		t.Mend = "create the container with --log-driver local (or json-file), or let the node write to a file and follow that"
	case errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		t.Kind = Forbidden
		t.Reason = fmt.Sprintf("what listens at %s does not let containers be read", e.host)
		t.Mend = "allow it in the socket proxy: CONTAINERS=1 (and PING=1), for GET alone"
	case strings.Contains(text, "is not supported by this client"), strings.Contains(text, "too new"):
		t.Reason = fmt.Sprintf("the Docker daemon at %s is too old", e.host)
		t.Mend = "install Docker 19.03 or newer, or follow the log file"
	case strings.Contains(text, "HTTP request to an HTTPS server"), strings.Contains(text, "TLS-enabled daemon"):
		t.Reason = fmt.Sprintf("the Docker daemon at %s wants TLS", e.host)
		t.Mend = "put a read-only socket proxy before its socket (such as tecnativa/docker-socket-proxy with CONTAINERS=1), in a network of its own, and write that one's address"
	case errors.Is(err, errNoFrames), errdefs.IsNotFound(err):
		t.Reason = fmt.Sprintf("what answers at %s is not a Docker daemon", e.host)
		t.Mend = "correct the daemon's address"
	case client.IsErrConnectionFailed(err), errors.Is(err, context.DeadlineExceeded), isNetwork(cause):
		switch {
		case errors.Is(cause, context.DeadlineExceeded):
			t.Reason = fmt.Sprintf("the Docker daemon at %s does not answer within %s", e.host, e.pace.answer)
			t.Mend = "check it with `docker ps`; it is asked again by itself"
		case isTCP:
			t.Reason, t.Mend = notReached(address, "Docker daemon or its socket proxy", cause)
		default:
			e.socketTrouble(t, cause)
		}
	default:
		t.Reason = fmt.Sprintf("the Docker daemon at %s answers: %s", e.host, shortened(strings.TrimPrefix(text, "Error response from daemon: ")))
		t.Mend = "check it with `docker logs " + name + "`; it is asked again by itself"
	}
	return t
}

// socketTrouble is why a local socket gives no connection.
func (e *dockerEngine) socketTrouble(t *Trouble, cause error) {
	const proxy = "a read-only socket proxy, such as tecnativa/docker-socket-proxy with CONTAINERS=1, and docker://name@tcp://its-host:2375"
	path := strings.TrimPrefix(e.host, "unix://")
	switch {
	case errors.Is(cause, fs.ErrPermission):
		t.Kind = Forbidden
		t.Reason = fmt.Sprintf("the Docker socket %s may not be opened by this process (%s)", path, ourUser())
		t.Mend = "use " + proxy + "; or put this user into the socket's group (mostly docker) and restart Grafana, which makes it as mighty as root"
	case errors.Is(cause, fs.ErrNotExist), errors.Is(cause, syscall.ENOTDIR):
		t.Kind = Missing
		t.Reason = fmt.Sprintf("there is no Docker socket %s", path)
		t.Mend = "start Docker; where Grafana runs in a container, use " + proxy + ", or mount the socket into it"
	case isErrno(cause, syscall.ECONNREFUSED, 10061):
		t.Reason = fmt.Sprintf("nobody answers at the Docker socket %s", path)
		t.Mend = "start the Docker daemon; it is tried again by itself"
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF), isErrno(cause, syscall.ECONNRESET, 10054), isErrno(cause, syscall.EPIPE, 10058):
		t.Reason = fmt.Sprintf("the Docker daemon at %s broke the connection off", path)
		t.Mend = "it is tried again by itself; if it lasts, look into the daemon's own log"
	default:
		t.Reason = fmt.Sprintf("the Docker socket %s gives no connection: %v", path, cause)
		t.Mend = "check it with `docker ps`"
	}
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// ourUser is whom this process runs as.
func ourUser() string {
	us, err := user.Current()
	if err != nil {
		return "of an unknown user"
	}
	return fmt.Sprintf("user %s (%s)", us.Uid, us.Username)
}

// shortened is the beginning of what somebody else wrote, in one line.
func shortened(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
