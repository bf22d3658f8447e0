package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

// grafana is a running Grafana's HTTP API.
type grafana struct {
	url   string
	token string // "" asks as an anonymous user
}

// grafanaTime bounds one request.
const grafanaTime = 60 * time.Second

// dataSource is the UID to ask: the given one, or that of the only data source of
// this plugin.
func (g grafana) dataSource(ctx context.Context, uid string) (string, error) {
	if uid != "" {
		return uid, nil
	}
	var sources []struct{ UID, Type, Name string }
	if err := g.do(ctx, http.MethodGet, "/api/datasources", nil, &sources); err != nil {
		return "", fmt.Errorf("list the data sources: %w; name one with --datasource-uid", err)
	}
	var uids []string
	for _, source := range sources {
		if source.Type == provision.PluginID {
			uids = append(uids, source.UID)
		}
	}
	switch len(uids) {
	case 0:
		return "", fmt.Errorf("%s has no data source of this plugin", g.url)
	case 1:
		return uids[0], nil
	}
	return "", usageError{fmt.Errorf("%s has several data sources of this plugin: choose one of %s with --datasource-uid", g.url, strings.Join(uids, ", "))}
}

func (g grafana) query(ctx context.Context, query map[string]any, from, to time.Time) (data.Frames, error) {
	request := map[string]any{
		"queries": []any{query},
		"from":    strconv.FormatInt(from.UnixMilli(), 10),
		"to":      strconv.FormatInt(to.UnixMilli(), 10),
	}
	var answer struct {
		Results map[string]struct {
			Error  string
			Frames data.Frames
		}
	}
	err := g.do(ctx, http.MethodPost, "/api/ds/query", request, &answer)
	result, ok := answer.Results[refID]
	switch {
	case ok && result.Error != "":
		return nil, errors.New(strings.Map(printable, result.Error))
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("%s answered without the query's result", g.url)
	}
	return result.Frames, nil
}

func (g grafana) do(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, grafanaTime)
	defer cancel()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, g.url+path, content)
	if err != nil {
		return usageError{fmt.Errorf("--url %s: %w", g.url, err)}
	}
	request.Header.Set("Content-Type", "application/json")
	if g.token != "" {
		request.Header.Set("Authorization", "Bearer "+g.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask Grafana: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	// An answer to a failing query has both an error status and a result.
	decoded := json.NewDecoder(response.Body).Decode(into)
	switch {
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s refuses (%s): give the token of a service account with --token", g.url, response.Status)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s%s answers %s", g.url, path, response.Status)
	case decoded != nil:
		return fmt.Errorf("%s%s does not answer as Grafana does: %w", g.url, path, decoded)
	}
	return nil
}
