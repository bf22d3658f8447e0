package settings

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	dockerScheme = "docker://"
	unixScheme   = "unix://"
	tcpScheme    = "tcp://"

	longestContainer = 255

	mendDocker = "write docker:// and the container's name, as in docker://storagenode"
	mendDaemon = "write the daemon's socket or its host and port, as in docker://storagenode@unix:///var/run/docker.sock or docker://storagenode@tcp://10.0.0.5:2375"
)

var (
	dockerStart   = regexp.MustCompile(`(?i)^docker://`)
	containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)
	// dockerSpec is a spec that begins with a container. A name of "docker"
	// with a path behind two slashes, docker://nas/n.log, is none.
	dockerSpec = regexp.MustCompile(`(?i)^docker\s*:\s*//\s*[a-z0-9][a-z0-9_.-]+\s*(?:[@:]|$)`)
)

// parseDocker reads docker://container[@daemon].
func parseDocker(text string) (Source, *fault) {
	rest := text[len(dockerScheme):]
	if at := apiAfterPath.FindStringIndex(rest); at != nil {
		return Source{}, badSource("the container is followed by an API address",
			"write the API address in its own field, and "+quoted(text[:len(dockerScheme)+at[0]])+" here")
	}
	container, daemon, found := strings.Cut(rest, "@")
	container, daemon = strings.TrimSpace(container), strings.TrimSpace(daemon)
	switch {
	case container == "":
		return Source{}, badSource("there is no container after docker://", mendDocker)
	case strings.Contains(container, ":"):
		// It is not repeated: with an @ behind it, it looks like a password.
		return Source{}, badSource("there is a colon in the name of the container", mendDocker)
	case len(container) > longestContainer:
		return Source{}, badSource(fmt.Sprintf("the name of the container has %d bytes, more than %d", len(container), longestContainer), mendDocker)
	case !containerName.MatchString(container):
		return Source{}, badSource(quoted(container)+" is not the name of a container: it has two or more of the characters a-z, A-Z, 0-9, _, . and -, and begins with a letter or a digit", mendDocker)
	case found && daemon == "":
		return Source{}, badSource("there is no address of a Docker daemon after the @", mendDaemon+", or leave the @ out")
	case !found:
		return Source{Kind: LogDocker, Container: container}, nil
	}
	address, bad := parseDaemon(daemon)
	if bad != nil {
		return Source{}, bad
	}
	return Source{Kind: LogDocker, Container: container, Address: address}, nil
}

// parseDaemon reads the address of a Docker daemon.
func parseDaemon(text string) (string, *fault) {
	scheme, rest, found := strings.Cut(text, "://")
	rest = strings.TrimSpace(rest)
	switch {
	case !found && text[0] == '/':
		return "", badSource("there is no unix:// before the path of the Docker socket", "write "+quoted(unixScheme+text))
	case !found:
		return "", badSource(quotedPart(text)+" is not the address of a Docker daemon: it begins with neither unix:// nor tcp://", mendDaemon)
	case strings.EqualFold(scheme, "unix"):
		if !strings.HasPrefix(rest, "/") {
			return "", badSource("the path of the Docker socket does not begin with a slash", "write three slashes, as in unix:///var/run/docker.sock")
		}
		if bad := checkPath(rest); bad != nil {
			return "", bad
		}
		return unixScheme + rest, nil
	case strings.EqualFold(scheme, "tcp"):
		address, bad := parseAddress(rest)
		if bad == nil {
			return tcpScheme + address, nil
		}
		if !strings.Contains(rest, ":") {
			bad = badSource("there is no port", "")
		}
		return "", badSource("the address of the Docker daemon is wrong: "+bad.reason, "write its host and port, as in tcp://10.0.0.5:2375")
	case strings.EqualFold(scheme, "ssh"):
		return "", badSource("a Docker daemon behind ssh:// is not supported",
			"let ssh -L forward the daemon's socket to this machine, and write docker://storagenode@unix:// and the path that it has here")
	default:
		return "", badSource("the scheme "+quotedPart(scheme)+" of the Docker daemon's address is not unix or tcp", mendDaemon)
	}
}

// splitDocker cuts what follows the name of a node into its container, with the
// daemon where there is one, and the API address behind it.
func splitDocker(rest string) (source, api string, bad *fault) {
	end := len(dockerScheme) + strings.IndexAny(rest[len(dockerScheme):], "@:")
	if end < len(dockerScheme) {
		return rest, "", nil
	}
	if rest[end] == ':' {
		return strings.TrimSpace(rest[:end]), rest[end+1:], nil
	}
	head, daemon := rest[:end+1], strings.TrimSpace(rest[end+1:])
	scheme, address, found := strings.Cut(daemon, "://")
	switch {
	case found && strings.EqualFold(scheme, "tcp"):
		address, api = splitForwarder(strings.TrimSpace(address))
		return head + tcpScheme + address, api, nil
	case found && strings.EqualFold(scheme, "unix"):
		path, api, bad := splitPath(daemon)
		return head + path, api, bad
	}
	if at := apiAfterPath.FindStringIndex(daemon); at != nil {
		return head + daemon[:at[0]], daemon[at[0]+1:], nil
	}
	return head + daemon, "", nil
}

// splitForwarder cuts host:port from the API address behind it.
func splitForwarder(rest string) (address, api string) {
	if isBareIPv6(rest) {
		return rest, ""
	}
	host, after := "", rest
	if strings.HasPrefix(rest, "[") {
		inside, outside, closed := strings.Cut(rest, "]")
		if !closed {
			return rest, ""
		}
		host, after = inside+"]", outside
	}
	parts := strings.SplitN(after, ":", 3)
	if len(parts) < 3 {
		return rest, ""
	}
	return host + parts[0] + ":" + parts[1], parts[2]
}
