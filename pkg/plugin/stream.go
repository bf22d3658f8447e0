package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
)

var _ backend.StreamHandler = (*Instance)(nil)

// SubscribeStream lets a reader into one of the fleet's live streams.
func (i *Instance) SubscribeStream(_ context.Context, request *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	err := i.fleet.CheckLive(request.Path)
	var wrong *fleet.QueryError
	switch {
	case errors.As(err, &wrong):
		log.DefaultLogger.Debug("a live stream was asked for that is not there", "error", err)
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	case err != nil:
		return nil, err
	}
	response := &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK}
	if beginning := i.fleet.LiveBeginning(request.Path); beginning != nil {
		if response.InitialData, err = backend.NewInitialFrame(beginning, data.IncludeAll); err != nil {
			return nil, fmt.Errorf("begin the live stream %s: %w", request.Path, err)
		}
	}
	return response, nil
}

// PublishStream refuses: the streams say what happens, and nobody else does.
func (*Instance) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends what happens as long as Grafana has readers for it.
func (i *Instance) RunStream(ctx context.Context, request *backend.RunStreamRequest, sender *backend.StreamSender) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			log.DefaultLogger.Error("a live stream failed", "path", request.Path, "cause", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("the live stream %s failed; Grafana's log has more", request.Path)
		}
	}()
	listener, err := i.fleet.Listen(request.Path)
	if err != nil {
		return err
	}
	defer listener.Close()
	for {
		frame, err := listener.Next(ctx)
		if err != nil {
			return nil // the last reader has gone
		}
		if err := sender.SendFrame(frame, data.IncludeAll); err != nil {
			return fmt.Errorf("send an update of %s: %w", request.Path, err)
		}
	}
}
