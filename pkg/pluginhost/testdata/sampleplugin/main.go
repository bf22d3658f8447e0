// Command sampleplugin is the smallest plugin that answers on every service: the tests of pluginhost build and drive it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

type sample struct {
	settings backend.DataSourceInstanceSettings
}

func (s *sample) QueryData(_ context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	answer := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		if q.QueryType == "bad" {
			answer.Responses[q.RefID] = backend.ErrDataResponse(backend.StatusBadRequest, "no such query type")
			continue
		}
		answer.Responses[q.RefID] = backend.DataResponse{Frames: data.Frames{data.NewFrame("echo",
			data.NewField("time", nil, []int64{q.TimeRange.To.UnixMilli()}),
			data.NewField("query", nil, []string{string(q.JSON)}),
			data.NewField("settings", nil, []string{string(s.settings.JSONData)}),
		)}}
	}
	return answer, nil
}

func (s *sample) CheckHealth(context.Context, *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: s.settings.Name, JSONDetails: []byte(`{"a":1}`)}, nil
}

func (s *sample) CallResource(ctx context.Context, req *backend.CallResourceRequest, out backend.CallResourceResponseSender) error {
	environment, err := json.Marshal(os.Environ())
	if err != nil {
		return err
	}
	user := backend.UserFromContext(ctx)
	role := "none"
	if user != nil {
		role = user.Role
	}
	half := len(environment) / 2 // in two parts, as a streamed answer arrives
	if err := out.Send(&backend.CallResourceResponse{Status: 200, Headers: map[string][]string{"Role": {role}}, Body: environment[:half]}); err != nil {
		return err
	}
	return out.Send(&backend.CallResourceResponse{Body: environment[half:]})
}

func (s *sample) SubscribeStream(_ context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	if req.Path != "count" {
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	}
	return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK}, nil
}

func (s *sample) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return nil, errors.New("nobody publishes here")
}

func (s *sample) RunStream(ctx context.Context, req *backend.RunStreamRequest, out *backend.StreamSender) error {
	for _, packet := range []string{`{"n":1}`, `{"n":2}`} {
		if err := out.SendJSON([]byte(packet)); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func main() {
	if os.Getenv("SAMPLE_REFUSES") != "" {
		_, _ = os.Stderr.WriteString("the sample refuses to start\n")
		os.Exit(3)
	}
	newSample := func(_ context.Context, settings backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		return &sample{settings: settings}, nil
	}
	if err := datasource.Manage("storagenode-monitor-datasource", newSample, datasource.ManageOpts{}); err != nil {
		os.Exit(1)
	}
}
