package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
)

// parallelQueries bounds how many queries of one request are answered at once.
const parallelQueries = 4

// alertHeader is how Grafana says that an alert rule asks.
const alertHeader = "FromAlert"

// QueryData answers panels and alert rules. One wrong query does not harm the
// others of its request.
func (i *Instance) QueryData(ctx context.Context, request *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	response := backend.NewQueryDataResponse()
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, parallelQueries)
	for _, query := range request.Queries {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			answer := i.query(ctx, query, request.Headers[alertHeader] == "true")
			mu.Lock()
			defer mu.Unlock()
			response.Responses[query.RefID] = answer
		})
	}
	group.Wait()
	return response, nil
}

func (i *Instance) query(ctx context.Context, query backend.DataQuery, fromAlert bool) (response backend.DataResponse) {
	defer func() {
		if cause := recover(); cause != nil {
			log.DefaultLogger.Error("answering a query failed", "refId", query.RefID, "cause", cause, "stack", string(debug.Stack()))
			response = backend.ErrDataResponse(backend.StatusInternal, fmt.Sprintf("answering the query failed: %v; Grafana's log has more", cause))
		}
	}()
	raw, err := withQueryType(query)
	if err != nil {
		return backend.ErrDataResponse(backend.StatusBadRequest, err.Error())
	}
	frames, err := i.fleet.Answer(ctx, raw, query.TimeRange.From, query.TimeRange.To, query.Interval, query.MaxDataPoints)
	var wrong *fleet.QueryError
	switch {
	case errors.As(err, &wrong):
		return backend.ErrDataResponse(backend.StatusBadRequest, err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return backend.ErrDataResponse(backend.StatusTimeout, err.Error())
	case err != nil:
		return backend.ErrDataResponse(backend.StatusInternal, err.Error())
	}
	if fromAlert && len(frames) > 1 {
		// The others would be silently left out: the rule would watch less than it says.
		return backend.ErrDataResponse(backend.StatusBadRequest, "an alert rule reads one metric at a time: choose one in the query")
	}
	for _, frame := range frames {
		frame.RefID = query.RefID
	}
	if notice, ok := i.problems(); ok && len(frames) > 0 {
		frames[0].AppendNotices(notice)
	}
	return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
}

// withQueryType is the query's JSON, with the type that Grafana may keep beside it.
func withQueryType(query backend.DataQuery) ([]byte, error) {
	if query.QueryType == "" {
		return query.JSON, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(query.JSON, &fields); err != nil {
		return nil, fmt.Errorf("the query is not a JSON object: %w", err)
	}
	if _, ok := fields["queryType"]; ok {
		return query.JSON, nil
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	kind, err := json.Marshal(query.QueryType)
	if err != nil {
		return nil, err
	}
	fields["queryType"] = kind
	return json.Marshal(fields)
}

// problems is what the answer misses because the settings are wrong.
func (i *Instance) problems() (data.Notice, bool) {
	_, report := i.fleet.Settings()
	if len(report.Problems) == 0 {
		return data.Notice{}, false
	}
	texts := make([]string, len(report.Problems))
	for n, problem := range report.Problems {
		texts[n] = problem.Error()
	}
	return data.Notice{Severity: data.NoticeSeverityError, Text: "the data source's settings have errors: " + strings.Join(texts, "; ")}, true
}
