package storagenode

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
)

// ErrorKind says in which way a request to a node's API failed.
type ErrorKind int

// The ways to fail.
const (
	Other        ErrorKind = iota
	Refused                // nothing listens there
	TimedOut               // no answer, or not all of it, in time
	NotFoundHost           // the name does not resolve
	Unreachable            // no route, or the network is down
	TLS                    // the certificate, or no TLS at all
	HTTPStatus             // an answer, but not 200
	NotJSON                // a web page or something else
	TooLarge               // more than the response limit
	BadJSON                // JSON that is broken or not what a node says
	Redirect               // to another host, or round and round
	Canceled               // by the caller: says nothing about the node
)

var kindNames = [...]string{
	"other", "refused", "timed_out", "host_not_found", "unreachable", "tls",
	"http_status", "not_json", "too_large", "bad_json", "redirect", "canceled",
}

// String is the kind in snake_case.
func (k ErrorKind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "other"
	}
	return kindNames[k]
}

// APIError is a failed request. Neither its text nor its cause holds anything of
// the body that was answered.
type APIError struct {
	Endpoint string // http://host:port
	Path     string // /api/sno/
	Kind     ErrorKind
	Status   int    // of the answer, 0 without one
	Reason   string // what happened
	Mend     string // what to do about it
	Err      error  // the cause, where it can be shown
}

// Error names the endpoint, what happened and what to do.
func (e *APIError) Error() string {
	text := e.Endpoint + e.Path + ": " + e.Reason
	if e.Mend != "" {
		text += "; " + e.Mend
	}
	return text
}

// Unwrap gives the cause.
func (e *APIError) Unwrap() error { return e.Err }

// reachedNode says whether something answered in HTTP, so that asking for the
// next path makes sense.
func (e *APIError) reachedNode() bool {
	switch e.Kind {
	case HTTPStatus, NotJSON, TooLarge, BadJSON:
		return true
	}
	return false
}

// containerMarks are the files by which container engines mark a container.
var containerMarks = []string{"/.dockerenv", "/run/.containerenv"}

// InsideContainer says whether this process runs in a container, where
// `localhost` and paths mean the container's own.
var InsideContainer = sync.OnceValue(func() bool {
	for _, mark := range containerMarks {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
})

const (
	mendListening = "check that the node runs and that its console listens where Grafana can reach it" +
		" (console.address :14002, or -p 14002:14002 for a node in Docker; by default it listens on its own machine only)"
	mendWrongAddress = "check the API address: the node's console is on port 14002 by default"
)

// mendContainer is what a refused connection to localhost mostly means in a container.
func (c *Client) mendContainer() string {
	return "check that the node runs; and this runs in a container, where localhost is the container itself: use " +
		c.onHost() + " (with extra_hosts: host.docker.internal:host-gateway) or the name of the node's container"
}

// onHost is the endpoint as a container reaches it on its host.
func (c *Client) onHost() string {
	endpoint, err := url.Parse(c.endpoint)
	if err != nil {
		return "http://host.docker.internal:14002"
	}
	endpoint.Host = net.JoinHostPort("host.docker.internal", cmp.Or(endpoint.Port(), "80"))
	return endpoint.String()
}

// isLoopbackHost says whether a host name means the machine itself.
func isLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hasErrno finds a system error by its Unix number or by Windows' socket number,
// which the syscall package does not map.
func hasErrno(err error, unix, windows syscall.Errno) bool {
	return errors.Is(err, unix) || errors.Is(err, windows)
}

// transportError classifies what the HTTP client returned in place of an answer.
func (c *Client) transportError(path string, err error, waited time.Duration) *APIError {
	failed := &APIError{Endpoint: c.endpoint, Path: path, Kind: Other, Err: err}
	set := func(kind ErrorKind, reason, mend string) *APIError {
		failed.Kind, failed.Reason, failed.Mend = kind, reason, mend
		return failed
	}

	var (
		redirect  *redirectError
		lookup    *net.DNSError
		netErr    net.Error
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
		operation *net.OpError
	)
	local := isLoopbackHost(c.host)
	switch {
	case errors.Is(err, context.Canceled):
		return set(Canceled, "the request was given up", "")
	case errors.As(err, &redirect):
		failed.Err = redirect
		return set(Redirect, redirect.reason, "give the address that it leads to, or take the redirecting proxy out of the way")
	case errors.Is(err, httpclient.ErrResponseBodyTooLarge), errors.Is(err, errTooLarge):
		failed.Err = errTooLarge
		return set(TooLarge, fmt.Sprintf("the answer is larger than %d MiB", ResponseLimit>>20), "this is hardly a storage node: "+mendWrongAddress)
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		mend := "check the host name in the API address"
		if c.InsideContainer && strings.EqualFold(c.host, "host.docker.internal") {
			mend = "start Grafana's container with extra_hosts: host.docker.internal:host-gateway"
		} else if c.InsideContainer {
			mend += "; this runs in a container: other containers are known by name only in a network that they share"
		}
		reason := "the host " + c.host + " was not found"
		if !lookup.IsNotFound {
			reason = "the host " + c.host + " could not be looked up"
		}
		return set(NotFoundHost, reason, mend)
	case hasErrno(err, syscall.ECONNREFUSED, 10061):
		mend := mendListening
		if c.InsideContainer && local {
			mend = c.mendContainer()
		}
		return set(Refused, "the connection was refused, nothing listens there", mend)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		mend := "a busy node can take half a minute: give it a longer time-out; or a firewall drops the connection"
		if c.InsideContainer && local {
			mend += "; " + c.mendContainer()
		}
		return set(TimedOut, "no complete answer after "+waited.Round(time.Millisecond).String(), mend)
	case hasErrno(err, syscall.EHOSTUNREACH, 10065), hasErrno(err, syscall.ENETUNREACH, 10051):
		return set(Unreachable, "there is no way to the host "+c.host, "check that the machine is on, and the network between")
	case errors.As(err, &authority):
		return set(TLS, "its certificate is from an unknown authority", "install the authority's certificate where Grafana runs, or use http:// within your own network")
	case errors.As(err, &hostname):
		return set(TLS, "its certificate is for another host name", "use the name in the certificate, or http:// within your own network")
	case errors.As(err, &invalid):
		reason := "its certificate is not valid"
		if invalid.Reason == x509.Expired {
			reason = "its certificate has expired or is not valid yet"
		}
		return set(TLS, reason, "renew the certificate, and check both clocks")
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		failed.Err = nil
		return set(TLS, "it does not speak TLS", "use http:// in the API address")
	case errors.As(err, &alert), errors.As(err, &verify):
		return set(TLS, "the TLS handshake failed", "check the certificate, or use http:// within your own network")
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "malformed MIME header"):
		// net/http quotes what it read: neither shown nor kept.
		failed.Err = nil
		return set(NotJSON, "it does not answer in HTTP", "this is perhaps the node's public port 28967; "+mendWrongAddress)
	case errors.As(err, &operation):
		return set(Other, "the connection failed: "+operation.Err.Error(), mendListening)
	default:
		failed.Err = nil
		return set(Other, "the connection broke off before the answer was complete", "look at the node's log for that moment")
	}
}

// statusError describes an answer that is not 200.
func (c *Client) statusError(path string, status int) *APIError {
	failed := &APIError{
		Endpoint: c.endpoint, Path: path, Kind: HTTPStatus, Status: status,
		Reason: strings.TrimSpace(fmt.Sprintf("it answers HTTP %d %s", status, http.StatusText(status))),
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		failed.Mend = "a proxy in front of the node wants a log-in: use an address without one"
	case status == http.StatusNotFound && strings.HasPrefix(path, satellitePath):
		failed.Mend = "the node does not trust this satellite any more"
	case status == http.StatusNotFound || status == http.StatusBadRequest:
		failed.Mend = mendWrongAddress
	case status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		failed.Mend = "a proxy answers for the node: check that the node behind it runs"
	case status == http.StatusServiceUnavailable:
		failed.Mend = "this is perhaps the node's public port 28967; " + mendWrongAddress
	case status >= 500:
		failed.Mend = "look at the node's log for that moment"
	default:
		failed.Mend = mendWrongAddress
	}
	return failed
}
