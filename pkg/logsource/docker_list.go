package logsource

import (
	"cmp"
	"context"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Container is a container of a storage node.
type Container struct {
	Name  string          `json:"name"`
	ID    string          `json:"id"`
	Image string          `json:"image"`
	Ports []PublishedPort `json:"ports,omitempty"` // of the node's API and of its public port
}

// PublishedPort is a port of a container that its host gives to others.
type PublishedPort struct {
	Inside uint16 `json:"inside"`       // 14002, the API, or 28967
	Host   string `json:"host"`         // the host's address, such as 127.0.0.1, or 0.0.0.0 for all
	Port   uint16 `json:"port"`         // the host's port
	UDP    bool   `json:"udp,omitzero"` // for QUIC
}

// The ports of a storage node that say which one it is.
const (
	apiPort    = 14002
	publicPort = 28967
)

// DockerContainers are the running containers of a storage node's image that a Docker
// daemon knows, by name. Its host is unix:///path or tcp://host:port; "" is where Docker
// listens by itself. Its error is a *Trouble.
func DockerContainers(ctx context.Context, host string) ([]Container, error) {
	engine, err := openEngine(host, defaultNetworkPace)
	if err != nil {
		return nil, err
	}
	defer engine.close()
	if err := engine.negotiate(ctx); err != nil {
		return nil, engine.trouble(err, "")
	}
	found, err := engine.containers(ctx, false)
	if err != nil {
		return nil, engine.trouble(err, "")
	}
	return found, nil
}

// InspectContainer says whether a container is there and gives its log, as Inspect does
// for a file. Its error is a *Trouble.
func InspectContainer(ctx context.Context, source Source) (Container, error) {
	engine, err := openEngine(source.Address, defaultNetworkPace)
	if err != nil {
		return Container{}, err
	}
	defer engine.close()
	found, err := engine.inspect(ctx, source.Container)
	if err != nil {
		return Container{}, err
	}
	c := Container{Name: strings.TrimPrefix(found.Name, "/"), ID: found.ID}
	if found.Config != nil {
		c.Image = found.Config.Image
	}
	if !found.State.Running {
		return c, notRunning(source.Container, found)
	}
	ctx, cancel := context.WithTimeout(ctx, engine.pace.answer)
	defer cancel()
	log, err := engine.api.ContainerLogs(ctx, found.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "0"})
	if err != nil {
		return c, engine.trouble(err, source.Container)
	}
	return c, log.Close()
}

// containers lists those of storage nodes.
func (e *dockerEngine) containers(ctx context.Context, stoppedToo bool) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, e.pace.answer)
	defer cancel()
	answer, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: stoppedToo})
	if err != nil {
		return nil, err
	}
	var found []Container
	for _, c := range answer.Items {
		if len(c.Names) == 0 || !ofStorageNode(c) {
			continue
		}
		found = append(found, Container{
			// The other names are those under which linked containers know it.
			Name: strings.TrimPrefix(slices.MinFunc(c.Names, byDepth), "/"),
			ID:   c.ID, Image: c.Image, Ports: published(c.Ports),
		})
	}
	slices.SortFunc(found, func(a, b Container) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

func byDepth(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") }

// ofStorageNode goes by the image's name, and by the node's port where an image has
// another name, or has lost it to a newer one.
func ofStorageNode(c container.Summary) bool {
	name, _, _ := strings.Cut(c.Image, "@")
	if base := path.Base(name); base == "storagenode" || strings.HasPrefix(base, "storagenode:") {
		return true
	}
	return slices.ContainsFunc(c.Ports, func(p container.PortSummary) bool { return p.PrivatePort == publicPort })
}

func published(ports []container.PortSummary) []PublishedPort {
	var found []PublishedPort
	for _, p := range ports {
		if p.PublicPort == 0 || p.PrivatePort != apiPort && p.PrivatePort != publicPort {
			continue
		}
		host := p.IP
		if !host.IsValid() || host == netip.IPv6Unspecified() {
			host = netip.IPv4Unspecified()
		}
		port := PublishedPort{Inside: p.PrivatePort, Host: host.String(), Port: p.PublicPort, UDP: p.Type == "udp"}
		if !slices.Contains(found, port) {
			found = append(found, port)
		}
	}
	slices.SortFunc(found, func(a, b PublishedPort) int {
		return cmp.Or(cmp.Compare(a.Inside, b.Inside), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Host, b.Host))
	})
	return found
}
