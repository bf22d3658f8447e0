package latency

import (
	"math"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// metric is something that can be asked for: what it is of a histogram, and how it looks.
type metric struct {
	name   string
	title  string // for people
	of     func(h *store.Histogram) float64
	config func(settings.Thresholds) *data.FieldConfig
}

var metrics = []metric{
	{"count", "transfers", func(h *store.Histogram) float64 { return float64(h.Count()) }, countConfig},
	{"mean_seconds", "mean", mean, secondsConfig},
	{"p50_seconds", "p50", quantile(0.5), secondsConfig},
	{"p90_seconds", "p90", quantile(0.9), secondsConfig},
	{"p95_seconds", "p95", quantile(0.95), secondsConfig},
	{"p99_seconds", "p99", quantile(0.99), slowConfig},
	{"max_seconds", "slowest", quantile(1), slowConfig},
}

// metricNames are the names that a query may ask for.
func metricNames() []string {
	return frames.Each(metrics, func(m metric) string { return m.name })
}

// mean is exact: it is made of the sum, and not of the buckets.
func mean(h *store.Histogram) float64 {
	return h.Sum / float64(h.Count()) * unit.Seconds()
}

func quantile(q float64) func(h *store.Histogram) float64 {
	return func(h *store.Histogram) float64 { return h.Quantile(q) * unit.Seconds() }
}

// value is the metric of a histogram; NaN where nothing was counted.
func (m metric) value(h *store.Histogram) float64 {
	if h == nil || h.Zeros == 0 && len(h.Buckets) == 0 {
		return math.NaN()
	}
	return m.of(h)
}

func countConfig(settings.Thresholds) *data.FieldConfig {
	config := &data.FieldConfig{Unit: "short"}
	return config.SetDecimals(0).SetMin(0)
}

func secondsConfig(settings.Thresholds) *data.FieldConfig {
	config := &data.FieldConfig{Unit: "s"}
	return config.SetMin(0)
}

// slowConfig has the limits of the condition.
func slowConfig(limits settings.Thresholds) *data.FieldConfig {
	config := secondsConfig(limits)
	config.Thresholds = frames.Thresholds("green", frames.From(limits.LatencyInfo.Seconds(), "yellow"), frames.From(limits.LatencyWarning.Seconds(), "red"))
	return config
}
