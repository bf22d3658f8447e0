// Package heartbeat tells a service of the operator's choice, every minute, that the nodes
// are watched, so that somebody is told when that ends: the commonest outage takes Grafana
// and this plugin with it, and what is gone sends no alert.
//
// It knows one URL and when to ask it. What "watched" means the caller says. Whoever has the
// URL can pretend to be this monitor, so that nothing of it but its host is in any message.
package heartbeat

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// interval is between two heartbeats that arrive.
	interval = time.Minute
	// pause is before a second try, and before another look where nothing is sent.
	pause = 10 * time.Second
	// timeout bounds one request. Two of them and the pause are less than the interval.
	timeout = 10 * time.Second
	// maxRedirects on one host are followed.
	maxRedirects = 3
	// maxAnswer is read of an answer, so that its connection can be used again.
	maxAnswer = 64 << 10
)

// Options of a heartbeat. URL and Healthy are asked before each.
type Options struct {
	// URL is what is asked with GET, or "": nothing is.
	URL func() string
	// Healthy says whether the nodes are watched, and if not, why.
	Healthy func() (ok bool, why string)
	// Client may be left out. Its time-out and its redirects are this package's.
	Client *http.Client
	Now    func() time.Time
}

// State says what a heartbeat does.
type State string

// The states.
const (
	Off     State = "off"     // there is no URL
	Waiting State = "waiting" // nothing was sent yet
	Beating State = "beating" // the last one arrived
	Held    State = "held"    // nothing is sent, because the nodes are not watched
	Failing State = "failing" // the last one did not arrive
)

// Status is how a heartbeat is.
type Status struct {
	State State
	// Host is that of the URL; the rest of it is not told.
	Host string
	// Why nothing is sent, of Held.
	Why string
	// LastSuccess is when one arrived at this URL; zero: never since the start.
	LastSuccess time.Time
	// LastError is why the last one that failed did, and LastErrorAt when.
	LastError   string
	LastErrorAt time.Time
}

// Heartbeat asks a URL every minute. Its methods are safe for concurrent use.
type Heartbeat struct {
	options Options
	client  *http.Client

	mu     sync.Mutex
	url    string // what status is of
	status Status
}

// New makes a heartbeat that does nothing before Run.
func New(options Options) *Heartbeat {
	if options.Now == nil {
		options.Now = time.Now
	}
	client := &http.Client{}
	if options.Client != nil {
		*client = *options.Client
	}
	client.Timeout = timeout
	client.CheckRedirect = checkRedirect
	return &Heartbeat{options: options, client: client, status: Status{State: Off}}
}

// Status is how it is now.
func (h *Heartbeat) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

// Run sends heartbeats until the context ends. One that does not arrive is tried once more.
// While the nodes are not watched nothing is sent, also no word of that: a service tells of
// what it misses, and so it does not matter whether this part still runs.
func (h *Heartbeat) Run(ctx context.Context) {
	for {
		next := pause
		if h.due() {
			next = interval
			if !h.beat(ctx) && wait(ctx, pause) && h.due() {
				h.beat(ctx)
			}
		}
		if !wait(ctx, next) {
			return
		}
	}
}

// due says whether there is something to send, and notes why not.
func (h *Heartbeat) due() bool {
	target := h.options.URL()
	watched, why := false, ""
	if target != "" {
		watched, why = h.options.Healthy()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if target != h.url {
		h.url, h.status = target, Status{State: Waiting, Host: hostOf(target)}
	}
	switch {
	case target == "":
		h.status = Status{State: Off}
		return false
	case !watched:
		h.status.State, h.status.Why = Held, why
		return false
	}
	h.status.Why = ""
	return true
}

// beat asks the URL once.
func (h *Heartbeat) beat(ctx context.Context) bool {
	h.mu.Lock()
	target := h.url
	h.mu.Unlock()
	err := h.ask(ctx, target)
	if ctx.Err() != nil {
		return false // it was cut off, which says nothing of the service
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.status.State, h.status.LastError, h.status.LastErrorAt = Failing, reason(err, target), h.options.Now()
		return false
	}
	h.status.State, h.status.LastSuccess = Beating, h.options.Now()
	return true
}

func (h *Heartbeat) ask(ctx context.Context, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "storagenode-monitor")
	response, err := h.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // the status says it all
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return &statusError{response.StatusCode}
	}
	return nil
}

// statusError is an answer that is no success.
type statusError struct{ code int }

func (e *statusError) Error() string {
	text := fmt.Sprintf("it answers %d %s", e.code, http.StatusText(e.code))
	if e.code == http.StatusNotFound || e.code == http.StatusGone {
		text += ": look whether the service still has this check"
	}
	return text
}

// redirectError is a redirect that is not followed.
type redirectError struct{ reason string }

func (e *redirectError) Error() string { return e.reason }

// checkRedirect follows a service on its own host only, and never from https to http: the
// URL would be told to others.
func checkRedirect(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	sameHost := next.URL.Scheme == last.Scheme && next.URL.Host == last.Host
	nowSecure := last.Scheme == "http" && next.URL.Scheme == "https" && next.URL.Hostname() == last.Hostname()
	switch {
	case !sameHost && !nowSecure:
		return &redirectError{"it redirects to another address, which is not followed: write that address instead"}
	case len(via) > maxRedirects:
		return &redirectError{fmt.Sprintf("it redirects more than %d times", maxRedirects)}
	}
	return nil
}

func hostOf(target string) string {
	parsed, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return parsed.Host
}

// wait waits, and says whether the context still goes on.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
