package storagenode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
)

const metricsPath = "/metrics"

// DebugMetrics is what a node's debug port says of how long its transfers take. It needs
// no DEBUG log.
type DebugMetrics struct {
	Durations []DurationFigures
}

// DurationFigures are how long successful transfers took since the node's process began.
type DurationFigures struct {
	// Action is Put where the node does not tell its uploads apart.
	Action    Action
	Satellite string // its id; "" where the node does not tell them apart
	Count     int64
	Sum       time.Duration
	Max       time.Duration
	// Sample is about the last thousand of them: the node keeps 64 by chance.
	Sample DurationSample
}

// DurationSample are quantiles of a sample.
type DurationSample struct {
	Min, P10, P50, P90, P99, Max time.Duration
}

// DebugClient asks one node's debug port. It is safe for concurrent use.
type DebugClient struct{ client *Client }

// NewDebugClient makes a client for the debug port at endpoint, http(s)://host:port. hc is
// as for NewClient.
func NewDebugClient(endpoint string, hc *http.Client) (*DebugClient, error) {
	client, err := NewClient(endpoint, hc)
	if err != nil {
		return nil, fmt.Errorf("debug port: %w", err)
	}
	return &DebugClient{client}, nil
}

// Metrics asks for the durations of transfers. Every error is an *APIError.
func (c *DebugClient) Metrics(ctx context.Context) (DebugMetrics, error) {
	const mend = "check that this is the node's debug port: debug.addr in its config.yaml"
	endpoint := c.client.endpoint
	ctx = httpclient.WithResponseLimit(ctx, ResponseLimit)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+metricsPath, nil)
	if err != nil {
		return DebugMetrics{}, &APIError{Endpoint: endpoint, Path: metricsPath, Kind: Other, Reason: "the address cannot be asked", Mend: mend}
	}
	request.Header.Set("Accept", "text/plain")
	asked := time.Now()
	response, err := c.client.http.Do(request)
	if err != nil {
		failed := c.client.transportError(metricsPath, err, time.Since(asked))
		if failed.Kind == Refused {
			failed.Mend = "set debug.addr in the node's config.yaml to an address that can be reached from here, and restart the node"
		}
		return DebugMetrics{}, failed
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		failed := c.client.statusError(metricsPath, response.StatusCode)
		failed.Mend = mend
		return DebugMetrics{}, failed
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, ResponseLimit+1))
	if err == nil && len(body) > ResponseLimit {
		err = errTooLarge
	}
	if err != nil {
		failed := c.client.transportError(metricsPath, err, time.Since(asked))
		failed.Status = response.StatusCode
		return DebugMetrics{}, failed
	}
	metrics, err := ParseDebugMetrics(body)
	if err != nil {
		return DebugMetrics{}, &APIError{Endpoint: endpoint, Path: metricsPath, Kind: BadJSON, Status: response.StatusCode, Reason: err.Error(), Mend: mend}
	}
	return metrics, nil
}

// errNoMetrics is of an answer that is no node's.
var errNoMetrics = errors.New("it answers something that is not a node's metrics")

// The metrics that are read, each with what its transfers are where it has no label that
// says so.
var durationMetrics = []struct {
	prefix string
	action Action
}{
	{"upload_success_duration_ns{", Put},
	{"download_success_duration_ns{", Get},
}

// maxDurationFigures bounds what an answer of garbage can make. A node has fewer than ten
// satellites and five actions.
const maxDurationFigures = 500

// ParseDebugMetrics reads the durations out of a node's metrics in Prometheus' text. Of the
// half megabyte that this is, it looks at the lines that it needs.
func ParseDebugMetrics(text []byte) (DebugMetrics, error) {
	var metrics DebugMetrics
	known := false
	for len(text) > 0 {
		line := text
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			line, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		if !known && (bytes.HasPrefix(line, []byte("# TYPE ")) || bytes.HasPrefix(line, []byte("# HELP "))) {
			known = true
		}
		for _, metric := range durationMetrics {
			if rest, ok := bytes.CutPrefix(line, []byte(metric.prefix)); ok {
				known = true
				metrics.take(rest, metric.action)
			}
		}
	}
	if !known {
		return DebugMetrics{}, errNoMetrics
	}
	metrics.Durations = slices.DeleteFunc(metrics.Durations, func(f DurationFigures) bool { return f.Count <= 0 })
	return metrics, nil
}

// take reads a line behind its metric's name. One that cannot be read is left out.
func (m *DebugMetrics) take(rest []byte, action Action) {
	var field, satellite string
	rest, ok := eachLabel(rest, func(name, value string) {
		switch name {
		case "field":
			field = value
		case "action":
			action = actionOf([]byte(value))
		case "satellite_id", "satellite":
			satellite = strings.TrimPrefix(value, "_")
		}
	})
	if !ok || satellite != "" && !plausibleID(satellite) {
		return
	}
	// A time may follow the value.
	number, _, _ := strings.Cut(strings.TrimSpace(string(rest)), " ")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !(value >= 0) || value > math.MaxInt64/2 {
		return
	}
	f := m.figures(action, satellite)
	if f == nil {
		return
	}
	duration := time.Duration(value)
	switch field {
	case "count":
		f.Count = int64(value)
	case "sum":
		f.Sum = duration
	case "max":
		f.Max = duration
	case "rmin":
		f.Sample.Min = duration
	case "r10":
		f.Sample.P10 = duration
	case "r50":
		f.Sample.P50 = duration
	case "r90":
		f.Sample.P90 = duration
	case "r99":
		f.Sample.P99 = duration
	case "rmax":
		f.Sample.Max = duration
	}
}

// figures are those of an action and satellite; nil where there are too many.
func (m *DebugMetrics) figures(action Action, satellite string) *DurationFigures {
	for i := range m.Durations {
		if f := &m.Durations[i]; f.Action == action && f.Satellite == satellite {
			return f
		}
	}
	if len(m.Durations) == maxDurationFigures {
		return nil
	}
	m.Durations = append(m.Durations, DurationFigures{Action: action, Satellite: satellite})
	return &m.Durations[len(m.Durations)-1]
}

// eachLabel calls f with each label up to the closing brace and answers what follows it.
func eachLabel(b []byte, f func(name, value string)) (rest []byte, ok bool) {
	for {
		b = bytes.TrimLeft(b, " ,")
		if len(b) > 0 && b[0] == '}' {
			return b[1:], true
		}
		name, after, found := bytes.Cut(b, []byte("="))
		if !found {
			return nil, false
		}
		after = bytes.TrimLeft(after, " ")
		if len(after) == 0 || after[0] != '"' {
			return nil, false
		}
		value, after, closed := quoted(after[1:])
		if !closed {
			return nil, false
		}
		f(string(bytes.TrimSpace(name)), value)
		b = after
	}
}

// quoted reads a label's value up to its closing quotation mark.
func quoted(b []byte) (value string, rest []byte, closed bool) {
	var text strings.Builder
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return text.String(), b[i+1:], true
		case c == '\\' && i+1 < len(b):
			i++
			if b[i] == 'n' {
				text.WriteByte('\n')
			} else {
				text.WriteByte(b[i])
			}
		default:
			text.WriteByte(c)
		}
	}
	return "", nil, false
}
