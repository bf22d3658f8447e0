package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/console"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/pluginhost"
)

// pluginSource asks a plugin process, and starts it again when it has ended, as Grafana does.
type pluginSource struct {
	options    pluginhost.Options
	dataSource backend.PluginContext

	mu     sync.Mutex
	host   *pluginhost.Host
	closed bool
}

var _ console.Source = (*pluginSource)(nil)

const (
	nodesQuery      = `{"refId":"A","queryType":"nodes","format":"table"}`
	reputationQuery = `{"refId":"A","queryType":"reputation","format":"table"}`
	// span and points are those of a dashboard that shows the last six hours on a screen.
	span   = 6 * time.Hour
	points = 1000
)

func startPlugin(ctx context.Context, executable, dataDir string, log io.Writer, jsonData json.RawMessage) (*pluginSource, error) {
	s := &pluginSource{
		options: pluginhost.Options{Executable: executable, DataDir: dataDir, Stderr: log},
		dataSource: pluginhost.DataSource{
			Name: "Storj nodes", JSONData: jsonData, Updated: time.Now(),
		}.Context(),
	}
	_, err := s.running(ctx)
	return s, err
}

// running is the plugin, started again if it is needed.
func (s *pluginSource) running(ctx context.Context) (*pluginhost.Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errors.New("the plugin was stopped")
	case s.host != nil && !s.host.Exited():
		return s.host, nil
	case s.host != nil:
		s.host.Kill() // gathers what a crashed plugin leaves
	}
	host, err := pluginhost.Start(ctx, s.options)
	if err != nil {
		return nil, err
	}
	s.host = host
	return host, nil
}

// Close stops the plugin and returns when it has ended.
func (s *pluginSource) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.host != nil {
		s.host.Kill()
	}
}

func (s *pluginSource) Nodes(ctx context.Context) (data.Frames, error) {
	return s.query(ctx, nodesQuery)
}

func (s *pluginSource) Reputation(ctx context.Context) (data.Frames, error) {
	return s.query(ctx, reputationQuery)
}

func (s *pluginSource) query(ctx context.Context, document string) (data.Frames, error) {
	host, err := s.running(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := host.QueryData(ctx, &backend.QueryDataRequest{
		PluginContext: s.dataSource,
		Queries:       []backend.DataQuery{pluginhost.Query("A", json.RawMessage(document), time.Now(), span, points)},
	})
	if err != nil {
		return nil, err
	}
	frames := answer.Responses["A"]
	return frames.Frames, frames.Error
}

func (s *pluginSource) Health(ctx context.Context) (console.Health, error) {
	host, err := s.running(ctx)
	if err != nil {
		return console.Health{}, err
	}
	answer, err := host.CheckHealth(ctx, &backend.CheckHealthRequest{PluginContext: s.dataSource})
	if err != nil {
		return console.Health{}, err
	}
	health := console.Health{Message: answer.Message}
	if len(answer.JSONDetails) > 0 {
		if err := json.Unmarshal(answer.JSONDetails, &health); err != nil {
			return health, fmt.Errorf("the health check's details are not as agreed: %w", err)
		}
	}
	return health, nil
}
