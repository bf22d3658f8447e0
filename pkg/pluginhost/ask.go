package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// QueryData asks what a panel or an alert rule asks.
func (h *Host) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	answer, err := h.data.QueryData(ctx, backend.ToProto().QueryDataRequest(req))
	if err != nil {
		return nil, fmt.Errorf("query data: %w", err)
	}
	return backend.FromProto().QueryDataResponse(answer)
}

// CheckHealth asks what "Save & test" asks.
func (h *Host) CheckHealth(ctx context.Context, req *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	answer, err := h.diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{
		PluginContext: backend.ToProto().PluginContext(req.PluginContext),
		Headers:       req.Headers,
	})
	if err != nil {
		return nil, fmt.Errorf("check health: %w", err)
	}
	return backend.FromProto().CheckHealthResponse(answer), nil
}

// CollectMetrics asks for the plugin's own metrics, in Prometheus text format.
func (h *Host) CollectMetrics(ctx context.Context, req *backend.CollectMetricsRequest) (*backend.CollectMetricsResult, error) {
	answer, err := h.diagnostics.CollectMetrics(ctx, backend.ToProto().CollectMetricsRequest(req))
	if err != nil {
		return nil, fmt.Errorf("collect metrics: %w", err)
	}
	return backend.FromProto().CollectMetricsResponse(answer), nil
}

// CallResource asks for a resource (`/api/datasources/uid/<uid>/resources/…`) and gathers the whole answer, which
// arrives in parts: the first carries status and headers, each carries some of the body.
func (h *Host) CallResource(ctx context.Context, req *backend.CallResourceRequest) (*backend.CallResourceResponse, error) {
	parts, err := h.resource.CallResource(ctx, backend.ToProto().CallResourceRequest(req))
	if err != nil {
		return nil, fmt.Errorf("call resource %s: %w", req.Path, err)
	}
	var whole *backend.CallResourceResponse
	for {
		part, err := parts.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("call resource %s: %w", req.Path, err)
		}
		answer := backend.FromProto().CallResourceResponse(part)
		if whole == nil {
			whole = answer
			continue
		}
		whole.Body = append(whole.Body, answer.Body...)
	}
	if whole == nil {
		return nil, fmt.Errorf("call resource %s: the plugin sent no answer", req.Path)
	}
	return whole, nil
}

// SubscribeStream asks whether a user may follow a channel, and what it starts with.
func (h *Host) SubscribeStream(ctx context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	answer, err := h.stream.SubscribeStream(ctx, backend.ToProto().SubscribeStreamRequest(req))
	if err != nil {
		return nil, fmt.Errorf("subscribe to stream %s: %w", req.Path, err)
	}
	return backend.FromProto().SubscribeStreamResponse(answer), nil
}

// RunStream follows a channel and hands each packet to `take`, until the plugin ends the stream (nil), `take` returns an
// error (that error), or the context ends (its error).
func (h *Host) RunStream(ctx context.Context, req *backend.RunStreamRequest, take func(*backend.StreamPacket) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	packets, err := h.stream.RunStream(ctx, backend.ToProto().RunStreamRequest(req))
	if err != nil {
		return fmt.Errorf("run stream %s: %w", req.Path, err)
	}
	for {
		packet, err := packets.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("run stream %s: %w", req.Path, err)
		}
		if err := take(backend.FromProto().StreamPacket(packet)); err != nil {
			return err
		}
	}
}
