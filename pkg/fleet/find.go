package fleet

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// Offer is a node that was found and could be watched.
type Offer struct {
	Name   string `json:"name"`
	Log    string `json:"log"`
	API    string `json:"api"`
	NodeID string `json:"nodeID"`
	Why    string `json:"why"` // how it was found, and what is missing
}

// Offers are what a search found.
type Offers struct {
	Nodes []Offer  `json:"nodes"`
	Tried []string `json:"tried"` // where it was searched, and what failed
}

// consolePort is where a node's console listens inside its container.
const consolePort = 14002

// Find searches this machine, and a Docker daemon if one is given ("" is none, "default" the
// machine's own), for nodes that the fleet does not watch yet.
func (f *Fleet) Find(ctx context.Context, docker string) Offers {
	current := f.currentSettings()
	offers := Offers{Nodes: []Offer{}}
	hosts, _ := discoveryHosts(settings.Source{}, current.AllowRemoteAPI)
	ports := []int{current.APIPort}
	for port := firstPort; port <= lastPort; port++ {
		if port != current.APIPort {
			ports = append(ports, port)
		}
	}
	offers.Tried = append(offers.Tried, describeTried(hosts, ports))
	var containers []logsource.Container
	address := docker
	if docker != "" {
		if docker == "default" {
			address = ""
		}
		var err error
		containers, err = logsource.DockerContainers(ctx, address)
		if err != nil {
			offers.Tried = append(offers.Tried, "Docker: "+err.Error())
		} else {
			offers.Tried = append(offers.Tried, fmt.Sprintf("Docker: %d containers of storage nodes", len(containers)))
		}
	}
	answered := probe(ctx, hosts, ports)
	for _, container := range containers {
		offer := Offer{Name: container.Name, Log: dockerSource(container.Name, address), Why: "container " + container.Name + " of " + container.Image}
		for _, port := range container.Ports {
			if port.Inside != consolePort || port.UDP {
				continue
			}
			if at := slices.IndexFunc(answered, func(a found) bool { return portOf(a.endpoint) == int(port.Port) }); at >= 0 {
				offer.API, offer.NodeID = answered[at].endpoint, answered[at].nodeID
				answered = slices.Delete(answered, at, at+1)
			}
		}
		if offer.API == "" {
			offer.Why += "; its API does not answer here: publish port 14002 of the container on this machine, or write its address"
		}
		offers.Nodes = append(offers.Nodes, offer)
	}
	for _, api := range answered {
		offers.Nodes = append(offers.Nodes, Offer{
			Name: "node-" + strconv.Itoa(portOf(api.endpoint)), API: api.endpoint, NodeID: api.nodeID,
			Why: "its API answers; give its log too, for failed audits as they happen",
		})
	}
	f.mu.Lock()
	taken := f.takenLocked("")
	f.mu.Unlock()
	logs := map[string]bool{}
	names := map[string]bool{}
	for _, node := range current.Nodes {
		logs[node.Log.String()] = true
		names[node.Name] = true
	}
	offers.Nodes = slices.DeleteFunc(offers.Nodes, func(o Offer) bool {
		_, known := taken.by(found{endpoint: o.API, nodeID: o.NodeID})
		return o.NodeID != "" && known || o.Log != "" && logs[o.Log]
	})
	for i := range offers.Nodes {
		offers.Nodes[i].Name = freeName(offers.Nodes[i].Name, names)
		names[offers.Nodes[i].Name] = true
	}
	return offers
}

func dockerSource(container, address string) string {
	source := "docker://" + container
	if address != "" {
		source += "@" + address
	}
	return source
}

func portOf(endpoint string) int {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return 0
	}
	_, port, err := net.SplitHostPort(parsed.Host)
	if err != nil {
		return 0
	}
	number, _ := strconv.Atoi(port)
	return number
}

func freeName(name string, taken map[string]bool) string {
	name = strings.TrimPrefix(name, "/")
	for n, free := 2, name; ; n++ {
		if !taken[free] {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}
