package fleet

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const (
	probeTimeout = 2 * time.Second
	// Where several nodes share a machine, their operators number these ports.
	firstPort, lastPort = 14000, 14020
	// startSearchBytes bounds how far back a log is searched for its node's start.
	startSearchBytes = 64 << 20
)

// found is an API that answered as a storage node.
type found struct {
	endpoint string
	nodeID   string
}

// discover looks for the API of a node that was given without one. It never
// guesses: with several nodes, an API belongs to a log only if the log names its
// node, or if exactly one log and one API are left.
func (f *Fleet) discover(ctx context.Context, node settings.Node) (found, error) {
	f.mu.Lock()
	current := f.settings
	taken := f.takenLocked(node.Name)
	f.mu.Unlock()

	hosts, err := discoveryHosts(node.Log, current.AllowRemoteAPI)
	if err != nil {
		return found{}, err
	}
	ports := []int{current.APIPort}
	if len(current.Nodes) > 1 {
		for port := firstPort; port <= lastPort; port++ {
			if port != current.APIPort {
				ports = append(ports, port)
			}
		}
	}
	answered := probe(ctx, hosts, ports)
	if err := ctx.Err(); err != nil {
		return found{}, err
	}
	tried := describeTried(hosts, ports)
	if len(answered) == 0 {
		return found{}, fmt.Errorf("no storage node API answers at %s; check that the node runs, or write its API address%s", tried, containerHint())
	}
	return choosePair(node, answered, taken, lastNodeID(ctx, node.Log), tried)
}

// takenBy is what other nodes of the fleet have already.
type takenBy struct {
	nodeIDs   map[string]string // node id → name
	endpoints map[string]string // address → name
	others    []string          // names of other nodes whose API is not known yet
}

// takenLocked is called with the fleet's mu held.
func (f *Fleet) takenLocked(name string) takenBy {
	taken := takenBy{nodeIDs: map[string]string{}, endpoints: map[string]string{}}
	for otherName, w := range f.workers {
		if otherName == name {
			continue
		}
		w.mu.Lock()
		api, given, failing := w.api, w.node.API, w.troubles.status != ""
		if api.nodeID == "" && api.endpoint != "" {
			api.nodeID = w.facts.NodeID
		}
		w.mu.Unlock()
		if api.nodeID != "" {
			taken.nodeIDs[api.nodeID] = otherName
		}
		for _, endpoint := range []string{api.endpoint, given} {
			if endpoint != "" {
				taken.endpoints[endpoint] = otherName
			}
		}
		// A given address may be another name of one that answers here, until its node
		// has said who it is. One that does not answer is not among those that do.
		if given == "" && api.endpoint == "" || given != "" && api.nodeID == "" && !failing {
			taken.others = append(taken.others, otherName)
		}
	}
	return taken
}

func (t takenBy) by(api found) (name string, ok bool) {
	if name, ok := t.nodeIDs[api.nodeID]; ok {
		return name, true
	}
	name, ok = t.endpoints[api.endpoint]
	return name, ok
}

// choosePair decides which of the APIs that answered is the node's.
func choosePair(node settings.Node, answered []found, taken takenBy, logID, tried string) (found, error) {
	var free []found
	for _, api := range answered {
		if _, ok := taken.by(api); !ok {
			free = append(free, api)
		}
	}
	if logID != "" {
		for _, api := range free {
			if api.nodeID == logID {
				return api, nil
			}
		}
		return found{}, fmt.Errorf("the log is of node %s, and none of the APIs at %s is that node's; write its API address", short(logID), tried)
	}
	if len(free) == 1 && len(taken.others) == 0 {
		return free[0], nil
	}
	if len(free) == 0 {
		return found{}, fmt.Errorf("every API at %s belongs to another node of this list; write this node's API address", tried)
	}
	return found{}, fmt.Errorf("%d APIs answer at %s and the log does not say which is its own; write the API address of each node", len(free), tried)
}

func short(id string) string { return id[:min(12, len(id))] + "…" }

// discoveryHosts are the machines on which the node's API may be.
func discoveryHosts(source settings.Source, allowRemote bool) ([]string, error) {
	host := source.Host()
	if host == "" && source.Kind == settings.LogTCP {
		return nil, fmt.Errorf("the log's address %s cannot be read", source.Address)
	}
	if host != "" {
		if !allowRemote && !settings.IsLocalHost(host) {
			return nil, fmt.Errorf("the node is on %s and remote APIs are not allowed; allow them, or accept that its scores are not watched", host)
		}
		return []string{host}, nil
	}
	hosts := []string{"localhost", "127.0.0.1"}
	if storagenode.InsideContainer() {
		hosts = append(hosts, "host.docker.internal")
		if gateway := defaultGateway(); gateway != "" {
			hosts = append(hosts, gateway)
		}
	}
	return hosts, nil
}

func containerHint() string {
	if !storagenode.InsideContainer() {
		return ""
	}
	return " (this runs in a container, where localhost is the container itself)"
}

func describeTried(hosts []string, ports []int) string {
	text := strings.Join(hosts, ", ")
	if len(ports) == 1 {
		return fmt.Sprintf("%s port %d", text, ports[0])
	}
	return fmt.Sprintf("%s ports %d and %d-%d", text, ports[0], firstPort, lastPort)
}

// probe asks all hosts and ports at once. An API that answers at several
// addresses is answered once, at the first of them.
func probe(ctx context.Context, hosts []string, ports []int) []found {
	client, err := storagenode.HTTPClient(probeTimeout)
	if err != nil {
		return nil
	}
	defer client.CloseIdleConnections()
	answers := make([]found, len(hosts)*len(ports))
	var group sync.WaitGroup
	for i, host := range hosts {
		for j, port := range ports {
			group.Go(func() {
				// A panic here would end the process, and there is nothing found then.
				defer func() { _ = recover() }()
				endpoint := "http://" + net.JoinHostPort(host, strconv.Itoa(port))
				api, err := storagenode.NewClient(endpoint, client)
				if err != nil {
					return
				}
				if status, err := api.Status(ctx); err == nil && status.NodeID != "" {
					answers[i*len(ports)+j] = found{endpoint: endpoint, nodeID: status.NodeID}
				}
			})
		}
	}
	group.Wait()
	var all []found
	seen := map[string]bool{}
	for _, api := range answers {
		if api.nodeID != "" && !seen[api.nodeID] {
			seen[api.nodeID] = true
			all = append(all, api)
		}
	}
	return all
}

var startedWord = []byte(" started")

// lastNodeID is the id in a file's last line of a node's start, or "".
func lastNodeID(ctx context.Context, source settings.Source) string {
	if source.Kind != settings.LogFile {
		return ""
	}
	return lastNodeIDWithin(ctx, source.Path, startSearchBytes)
}

// lastNodeIDWithin is that of the file's last bytes.
func lastNodeIDWithin(ctx context.Context, path string, limit int64) string {
	id := ""
	// A log that cannot be read names no node; health says why it cannot.
	_ = logsource.LastLines(ctx, path, limit, func(raw []byte) bool {
		if !bytes.Contains(raw, startedWord) {
			return true // most lines by far: they are not worth parsing
		}
		line, err := storagenode.ParseLine(raw)
		if err == nil {
			if started, ok := storagenode.NodeStarted(line); ok {
				id = started
			}
		}
		return id == ""
	})
	return id
}
