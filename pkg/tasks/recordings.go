package tasks

import (
	"fmt"
	"net"
	"net/http"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
)

// recordings are recorded nodes that answer on this machine, each under an address of its own.
type recordings struct {
	specs   []string
	servers []*http.Server
}

// serveRecordings serves the answers of all recorded nodes until stop.
func serveRecordings() (*recordings, error) {
	r := &recordings{}
	for _, state := range replay.States() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("serve the recorded node %s/%s: %w", state.Name, state.Node, err)
		}
		server := &http.Server{Handler: replay.Handler(state.FS)}
		go func() { _ = server.Serve(listener) }() // until it is closed
		r.servers = append(r.servers, server)
		r.specs = append(r.specs, fmt.Sprintf("%s-%s::http://%s", state.Node, state.Name[:2], listener.Addr()))
	}
	return r, nil
}

func (r *recordings) stop() {
	for _, server := range r.servers {
		_ = server.Close()
	}
}
