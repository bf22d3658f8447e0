package settings

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

const longestAPI = 2048

// endpoint is one of a node's HTTP servers, as messages speak of its address.
type endpoint struct {
	field, name, example, mend string
}

var (
	apiEndpoint   = endpoint{"api", "the API address", "http://localhost:14002", "write the address of the node's API, as in http://localhost:14002"}
	debugEndpoint = endpoint{"debug", "the debug address", "http://localhost:5999", "write the address of the node's debug port, as in http://localhost:5999"}
)

// parseAPI reads the address of a node's API.
func parseAPI(text string) (string, *fault) { return apiEndpoint.parse(text) }

// parse reads the address of a node's HTTP server and returns it in its one usual
// form, without a trailing slash. A path prefix, as behind a reverse proxy, is
// allowed; what may be a secret is not.
func (e endpoint) parse(text string) (string, *fault) {
	refuse := func(reason, mend string) (string, *fault) {
		return "", &fault{field: e.field, reason: reason, mend: mend}
	}
	text = strings.TrimSpace(text)
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case text == "":
		return refuse(e.name+" is empty", e.mend)
	case !utf8.ValidString(text):
		return refuse(e.name+" is not valid UTF-8", e.mend)
	case len(text) > longestAPI:
		return refuse(fmt.Sprintf("%s has %d bytes, more than %d", e.name, len(text), longestAPI), e.mend)
	case !found:
		if _, bad := parseAddress(text); bad == nil {
			return refuse(e.name+" "+quotedPart(text)+" does not begin with http:// or https://", "write http://"+text)
		}
		return refuse(e.name+" "+quotedPart(text)+" does not begin with http:// or https://", e.mend)
	case !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"):
		return refuse("the scheme "+quoted(scheme)+" of "+e.name+" is not http or https", e.mend)
	case strings.Contains(authority(rest), "@"):
		return refuse(e.name+" contains a user name or password, which would be stored unprotected",
			"write the address without what stands before the @")
	case isBareIPv6(authority(rest)):
		return refuse("the IPv6 address in "+e.name+" has no brackets", "write it in brackets, as in "+strings.Replace(e.example, "localhost", "[::1]", 1))
	case strings.ContainsAny(rest, "?#"):
		return refuse(e.name+" has a query or a fragment", "write the address only up to the ? or #")
	}

	address, err := url.Parse(text)
	if err != nil {
		return refuse(e.name+" cannot be read: "+withoutURL(err), e.mend)
	}
	if address.Host == "" || address.Hostname() == "" {
		return refuse(e.name+" has no host", e.mend)
	}
	if reason := checkHost(address.Hostname()); reason != "" {
		return refuse(e.name+" is wrong: "+reason, e.mend)
	}
	if _, port, found := strings.Cut(afterHost(address.Host), ":"); found {
		if _, reason := parsePort(port); reason != "" {
			return refuse(e.name+" is wrong: "+reason, "write a port from 1 to 65535, as in "+e.example)
		}
	}
	// URL.String knows how an IPv6 zone is escaped.
	server := (&url.URL{Scheme: address.Scheme, Host: address.Host}).String()
	prefix := strings.TrimRight(address.EscapedPath(), "/")
	if e != apiEndpoint {
		return server + prefix, nil
	}
	if bare, _, found := strings.Cut(prefix+"/", "/api/sno/"); found {
		return refuse(e.name+" ends in /api/sno, which the plugin adds by itself", "write "+server+bare)
	}
	return server + prefix, nil
}

// authority is the part of an address in which a user name and a password can
// stand. A password may hold a slash although it must not, so everything up to
// the last @ counts, unless it is clear that the path has begun before.
func authority(rest string) string {
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(path, '@'); at >= 0 && strings.Contains(host, ":") {
		if _, port, _ := strings.Cut(afterHost(host), ":"); !digits.MatchString(port) {
			return rest
		}
	}
	return host
}

// afterHost cuts a bracketed IPv6 host off, so that the first colon of what is
// left is that of the port.
func afterHost(host string) string {
	if end := strings.LastIndexByte(host, ']'); end >= 0 {
		return host[end+1:]
	}
	return host
}

// withoutURL is the core of an error of net/url, which else repeats the whole
// address.
func withoutURL(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return showable(err.Error())
}

// AllowsAPI reports whether the API at this address may be asked: any where
// remote APIs are allowed, else only one of this machine. What cannot be read
// is not allowed.
func (s Settings) AllowsAPI(endpoint string) bool {
	address, err := url.Parse(endpoint)
	if err != nil || address.Hostname() == "" {
		return false
	}
	return s.AllowRemoteAPI || IsLocalHost(address.Hostname())
}

// IsLocalHost reports whether a host is this machine by its name: localhost, a
// loopback address, or one of the names by which a container calls the machine
// that it runs on.
func IsLocalHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	switch host {
	case "localhost", "host.docker.internal", "host.containers.internal":
		return true
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback() || address.Unmap().IsLoopback() || address.IsUnspecified()
	}
	return strings.HasSuffix(host, ".localhost")
}
