package settings

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SourceKind is how a node's log is reached.
type SourceKind int

// The kinds of source.
const (
	// NoLog: the node is watched through its API alone.
	NoLog SourceKind = iota
	// LogFile: the log is a file that can be read here.
	LogFile
	// LogTCP: the log comes from a log forwarder over TCP.
	LogTCP
	// LogDocker: the log is that of a Docker container, asked of its daemon.
	LogDocker
)

// String names the kind.
func (k SourceKind) String() string {
	switch k {
	case NoLog:
		return "none"
	case LogFile:
		return "file"
	case LogTCP:
		return "tcp"
	case LogDocker:
		return "docker"
	default:
		return "SourceKind(" + strconv.Itoa(int(k)) + ")"
	}
}

// Source is where a node's log comes from.
type Source struct {
	Kind SourceKind
	// Path is the log file's path, as written.
	Path string
	// Address is the log forwarder's host:port, an IPv6 host in brackets; of a
	// container it is that of the Docker daemon, unix:///path or
	// tcp://host:port, and empty for the daemon that Docker takes by default.
	Address string
	// Container is the container's name or id.
	Container string
}

// Host is the machine that the log comes from, where it comes over TCP; empty
// means this one.
func (s Source) Host() string {
	address := s.Address
	if s.Kind == LogDocker {
		address, _ = strings.CutPrefix(s.Address, tcpScheme)
		if address == s.Address {
			return ""
		}
	}
	host, _, _ := net.SplitHostPort(address)
	return host
}

// String gives the source as it stands in a node spec.
func (s Source) String() string {
	switch s.Kind {
	case LogFile:
		return s.Path
	case LogTCP:
		return s.Address
	case LogDocker:
		if s.Address == "" {
			return dockerScheme + s.Container
		}
		return dockerScheme + s.Container + "@" + s.Address
	default:
		return ""
	}
}

const (
	longestPath = 4096
	longestHost = 253
	mendSource  = "write a path that begins with / or ./ or a drive (C:\\), the host:port of a log forwarder, or docker:// and a container's name"
)

var (
	drive = regexp.MustCompile(`^[A-Za-z]:[\\/]`)
	// At least two letters before the colon: one is a drive.
	urlStart = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+://`)
	// apiAfterPath is where an API address begins behind a path, even one
	// that is mistyped as http:/host or http//host.
	apiAfterPath  = regexp.MustCompile(`(?i):\s*(?:https?(?::|//)|[a-z][a-z0-9+.-]+://)`)
	digits        = regexp.MustCompile(`^[0-9]+$`)
	digitsAndDots = regexp.MustCompile(`^[0-9.]+$`)
	hostLabel     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)
	ipv6Zone      = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)
)

func badSource(reason, mend string) *fault {
	return &fault{field: "source", reason: reason, mend: mend}
}

func parseSource(text string) (Source, *fault) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Source{}, nil
	case isPath(text):
		if bad := checkPath(text); bad != nil {
			return Source{}, bad
		}
		return Source{Kind: LogFile, Path: text}, nil
	case dockerStart.MatchString(text):
		return parseDocker(text)
	case urlStart.MatchString(text):
		return Source{}, badSource(quoted(text)+" is a URL, not a log", mendSource)
	}
	address, bad := parseAddress(text)
	if bad != nil {
		return Source{}, bad
	}
	return Source{Kind: LogTCP, Address: address}, nil
}

// isPath reports whether a source is meant as a file: it begins with a slash, a
// dot, a drive letter, or the two backslashes of a network share.
func isPath(text string) bool {
	return text != "" && (text[0] == '/' || text[0] == '.' || strings.HasPrefix(text, `\\`) || drive.MatchString(text))
}

func checkPath(path string) *fault {
	switch {
	case !utf8.ValidString(path):
		return badSource("the path is not valid UTF-8", "rename the file or its folder, or follow it through a link with a plain name")
	case len(path) > longestPath:
		return badSource(fmt.Sprintf("the path has %d bytes, more than %d", len(path), longestPath), "write a shorter path")
	case strings.ContainsFunc(path, unicode.IsControl):
		return badSource("the path contains a control character", "remove the control character")
	}
	if at := apiAfterPath.FindStringIndex(path); at != nil {
		return badSource("the path is followed by an API address", "write the API address in its own field, and "+quoted(path[:at[0]])+" here")
	}
	return nil
}

// parseAddress reads host:port and returns it in its one usual form.
func parseAddress(text string) (string, *fault) {
	host, port, bad := splitAddress(text)
	if bad != nil {
		return "", bad
	}
	if reason := checkHost(host); reason != "" {
		return "", badSource(reason, mendSource)
	}
	number, reason := parsePort(port)
	if reason != "" {
		return "", badSource(reason, "write the log forwarder's port, a number from 1 to 65535, behind the host")
	}
	return net.JoinHostPort(host, strconv.Itoa(number)), nil
}

func splitAddress(text string) (host, port string, bad *fault) {
	if strings.HasPrefix(text, "[") {
		host, after, closed := strings.Cut(text[1:], "]")
		after = strings.TrimSpace(after)
		if !closed {
			return "", "", badSource("the bracket of the IPv6 address "+quoted(text)+" is not closed", "write it in brackets, as in [::1]:9999")
		}
		if address, err := netip.ParseAddr(host); err != nil || !address.Is6() || !ipv6Zone.MatchString(address.Zone()) {
			return "", "", badSource(quoted(host)+" is not an IPv6 address", "write only an IPv6 address in brackets, as in [::1]:9999")
		}
		port, found := strings.CutPrefix(after, ":")
		if !found {
			return "", "", badSource("there is no port after "+quoted("["+host+"]"), "write the log forwarder's port behind it, as in ["+host+"]:9999")
		}
		return host, strings.TrimSpace(port), nil
	}
	if isBareIPv6(text) {
		return "", "", badSource("the IPv6 address in "+quoted(text)+" has no brackets", "write it in brackets, as in [::1]:9999")
	}
	host, port, found := strings.Cut(text, ":")
	host, port = strings.TrimSpace(host), strings.TrimSpace(port)
	switch {
	case found && host == "":
		return "", "", badSource("there is no host before the port", "write the log forwarder's host and port, as in 192.168.1.100:9999")
	case found:
		return host, port, nil
	case strings.HasPrefix(text, "~"):
		return "", "", badSource("the ~ in "+quoted(text)+" means nothing to the plugin", "write the full path, which begins with /")
	case strings.HasPrefix(text, `\`):
		return "", "", badSource("the path "+quoted(text)+" has no drive", `write the drive too, as in C:\logs\node.log`)
	case digits.MatchString(text):
		return "", "", badSource(quoted(text)+" is a port without a host", "write name, host and port, as in My-Node:192.168.1.100:9999")
	default:
		return "", "", badSource(quoted(text)+" is neither a file path nor host:port", mendSource)
	}
}

// isBareIPv6 recognises an IPv6 address without brackets, with a port or not.
func isBareIPv6(text string) bool {
	isIPv6 := func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && address.Is6()
	}
	colon := strings.LastIndexByte(text, ':')
	return isIPv6(text) || (colon > 0 && isIPv6(text[:colon]) && digits.MatchString(text[colon+1:]))
}

// checkHost says why a text is not a host: a name, an IPv4 address, or an IPv6
// address without its brackets. Underscores are allowed because containers have
// them in their names.
func checkHost(host string) (reason string) {
	if address, err := netip.ParseAddr(host); err == nil {
		if ipv6Zone.MatchString(address.Zone()) {
			return ""
		}
		return quotedPart(host) + " is not an IPv6 address"
	}
	if host == "" {
		return "there is no host"
	}
	if digitsAndDots.MatchString(host) {
		return quotedPart(host) + " is not an IPv4 address"
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if !hostLabel.MatchString(label) || len(host) > longestHost {
			return quotedPart(host) + " is not a host name"
		}
	}
	return ""
}

func parsePort(text string) (port int, reason string) {
	if text == "" {
		return 0, "there is no port"
	}
	if !digits.MatchString(text) {
		return 0, "the port " + quotedPart(text) + " is not a number"
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, "the port " + showable(text) + " is outside 1-65535"
	}
	return port, ""
}
