package settings

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// ParseNode reads a node spec, Name:source[:api]:
//
//	My-Node:/var/log/storagenode.log                        a log file, the API is discovered
//	My-Node:/var/log/storagenode.log:http://localhost:14002 a log file and the API
//	Remote:192.168.1.100:9999                               a TCP log forwarder
//	Remote:[fd00::5]:9999:http://[fd00::5]:14002            an IPv6 host stands in brackets
//	Win:C:\logs\node.log                                    a drive or \\server\share
//	Docked:docker://storagenode                             the log of a Docker container
//	Docked:docker://storagenode@tcp://10.0.0.5:2375         one of another Docker daemon, or @unix:///path
//	Name::http://host:14002                                 the API alone
//
// The name ends at the first colon. A path may contain colons: it goes on to
// the end or to an API address. An API that is there but empty is discovered as
// if it were not there. Spaces around each part do not count. The node has its
// key and the default thresholds. The error is a [Problem].
func ParseNode(spec string) (Node, error) {
	node, bad := parseNode(spec)
	if bad != nil {
		return Node{}, bad.in(spec, NoIndex)
	}
	assignKeys([]*Node{&node}, nil)
	return node, nil
}

// ParseSpecs reads node specs, one a line. Blank lines and lines that begin with
// # are skipped; quotation marks around a line and the --node of the original's
// command line are taken off. A name must not be there twice, nor be among the
// existing ones. Good lines are returned whatever the others are like, and each
// problem has the number of its line.
func ParseSpecs(text string, existing []string) ([]Node, []Problem) {
	var nodes []*Node
	var problems []Problem
	lineOf := map[string]int{}
	taken := make([]string, 0, len(existing))
	for _, name := range existing {
		name = strings.TrimSpace(name)
		lineOf[name] = 0
		taken = append(taken, name)
	}
	number := 0
	for line := range strings.SplitSeq(lineEndings.Replace(text), "\n") {
		number++
		spec := unwrap(line)
		if spec == "" || spec[0] == '#' {
			continue
		}
		node, bad := parseNode(spec)
		if bad != nil {
			problems = append(problems, bad.in(spec, number))
			continue
		}
		if first, twice := lineOf[node.Name]; twice {
			where := fmt.Sprintf("line %d has the name %q already", first, node.Name)
			if first == 0 {
				where = fmt.Sprintf("there is already a node named %q", node.Name)
			}
			problems = append(problems, duplicateName(where).in(spec, number))
			continue
		}
		lineOf[node.Name] = number
		nodes = append(nodes, &node)
	}
	assignKeys(nodes, taken)
	return values(nodes), problems
}

func values(nodes []*Node) []Node {
	var list []Node
	for _, node := range nodes {
		list = append(list, *node)
	}
	return list
}

func duplicateName(where string) *fault {
	return &fault{field: "name", reason: where, mend: "give each node a name of its own"}
}

var (
	lineEndings  = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	nodeFlag     = regexp.MustCompile(`^--?node(?:\s+|=)`)
	continuation = regexp.MustCompile(`\s+\\$`)
)

// unwrap takes off what a spec brings along when it is copied from a command
// line or a file.
func unwrap(line string) string {
	spec := strings.TrimSpace(strings.TrimPrefix(line, "\uFEFF"))
	if flag := nodeFlag.FindString(spec); flag != "" {
		spec = strings.TrimSpace(continuation.ReplaceAllLiteralString(spec[len(flag):], ""))
	}
	if last := len(spec) - 1; last > 0 && spec[0] == spec[last] && (spec[0] == '"' || spec[0] == '\'') {
		spec = strings.TrimSpace(spec[1:last])
	}
	return spec
}

// Spec gives the node's name, log and API as a node spec.
func (n Node) Spec() string {
	spec := joinSpec(n.Name, n.Log.String(), n.API)
	if n.API != "" {
		return spec
	}
	split := splitPath
	switch n.Log.Kind {
	case LogFile:
	case LogDocker:
		split = splitDocker
	default:
		return spec
	}
	if source, _, bad := split(n.Log.String()); bad != nil || source != n.Log.String() {
		spec += ":" // the end of the path would else be taken for an API
	}
	return spec
}

func joinSpec(name, source, api string) string {
	spec := name + ":" + source
	if api != "" {
		spec += ":" + api
	}
	return spec
}

// parseNode reads all but the key, which depends on the other nodes.
func parseNode(spec string) (Node, *fault) {
	name, sourceText, apiText, bad := splitSpec(strings.TrimSpace(spec))
	if bad != nil {
		return Node{}, bad
	}
	if bad := checkName(name); bad != nil {
		return Node{}, bad
	}
	source, bad := parseSource(sourceText)
	if bad != nil {
		return Node{}, bad
	}
	api := ""
	if apiText != "" {
		if api, bad = parseAPI(apiText); bad != nil {
			return Node{}, bad
		}
	}
	return Node{Name: name, Log: source, API: api, Thresholds: Default().Thresholds}, nil
}

var (
	webAddress = regexp.MustCompile(`(?i)^https?://`)
	// barePort is a host and a port, or a port alone, where behind a path an
	// API address is meant but its http:// is missing. Where a path really ends
	// so, one more colon says that no API follows.
	barePort = regexp.MustCompile(`:\s*((?:(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])\s*:\s*)?[1-9][0-9]{1,4})$`)
)

// splitSpec cuts a trimmed spec into its three trimmed parts. Source or API is
// empty where it is left out, never both.
func splitSpec(spec string) (name, source, api string, bad *fault) {
	if bad := missingName(spec); bad != nil {
		return "", "", "", bad
	}
	name, rest, found := strings.Cut(spec, ":")
	name, rest = strings.TrimSpace(name), strings.TrimSpace(rest)
	switch {
	case name == "":
		return "", "", "", checkName(name)
	case !found, rest == "":
		return "", "", "", badSource("there is no source after the name", "write "+quoted(name+":/var/log/storagenode.log"))
	case rest[0] == ':' && !isBareIPv6(rest): // ::1 begins with a colon as well
		if api = strings.TrimSpace(rest[1:]); api == "" {
			return "", "", "", badSource("there is neither a source nor an API address after the name",
				"write "+quoted(name+":/var/log/storagenode.log")+" or "+quoted(name+"::http://localhost:14002"))
		}
	case isPath(rest):
		source, api, bad = splitPath(rest)
	case dockerStart.MatchString(rest):
		source, api, bad = splitDocker(rest)
	case urlStart.MatchString(rest):
		bad = badSource("there is an API address where the source should be",
			"write two colons before an API address without a log: "+quoted(name+"::"+rest))
	default:
		source, api = splitForwarder(rest)
	}
	return name, source, strings.TrimSpace(api), bad
}

// splitPath cuts what follows the name into a path, which may contain colons,
// and the API address behind it.
func splitPath(rest string) (path, api string, bad *fault) {
	if at := apiAfterPath.FindStringIndex(rest); at != nil {
		return strings.TrimSpace(rest[:at[0]]), rest[at[0]+1:], nil
	}
	if path, found := strings.CutSuffix(rest, ":"); found {
		return strings.TrimSpace(path), "", nil
	}
	if at := barePort.FindStringSubmatch(rest); at != nil {
		address := at[1]
		if digits.MatchString(address) {
			address = "localhost:" + address
		}
		return "", "", &fault{
			field:  "api",
			reason: "the API address " + quoted(at[1]) + " does not begin with http:// or https://",
			mend:   "write http://" + address + "; if it is the end of the path, end the spec with a colon",
		}
	}
	return rest, "", nil
}

// missingName finds the specs that begin with their source or API, and that
// would else be cut in a place that nobody meant.
func missingName(spec string) *fault {
	refuse := func(example string) *fault {
		return &fault{
			field:  "name",
			reason: "the spec begins with a source or an API address instead of the node's name",
			mend:   "write a name and a colon before it: " + quoted(example),
		}
	}
	before, after, colon := strings.Cut(spec, ":")
	address, _, bracket := strings.Cut(strings.TrimPrefix(spec, "["), "]")
	switch {
	case spec == "":
		return &fault{field: "name", reason: "the spec is empty", mend: "write " + quoted("My-Node:/var/log/storagenode.log")}
	case webAddress.MatchString(spec):
		return refuse("My-Node::" + spec)
	case drivePath.MatchString(spec), isBareIPv6(spec), dockerSpec.MatchString(spec):
		return refuse("My-Node:" + spec)
	case spec[0] == '[' && bracket && isIP(address):
		return refuse("My-Node:" + spec)
	case isPath(spec) && (!colon || urlStart.MatchString(strings.TrimSpace(after))):
		return refuse("My-Node:" + spec)
	case isIP(strings.TrimSpace(before)) && startsWithPort.MatchString(after):
		return refuse("My-Node:" + spec)
	}
	return nil
}

// drivePath is a path with a drive and backslashes, single or all doubled. A
// name of one letter with a share, N:\\server\share, is none, and neither is
// one with a path, N:/n.log.
var drivePath = regexp.MustCompile(`^[A-Za-z]:\\(?:[^\\]|\\.*\\\\)`)

var startsWithPort = regexp.MustCompile(`^\s*[0-9]+\s*(?::|$)`)

func isIP(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}
