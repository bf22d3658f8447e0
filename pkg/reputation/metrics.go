package reputation

import (
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// metric is something that can be asked for: where it comes from, and how it looks.
type metric struct {
	name string
	// title is the metric for people.
	title string
	// column is the stored metric that it is computed from.
	column string
	// worst is what several values of one step become: the one to worry about.
	worst store.Aggregate
	// of computes the metric from a stored value; nil takes it as it is.
	of func(stored float64) float64
	// over is a stored 0/1 metric that makes this one 0 while it is 1.
	over string
	// latest is the metric in a node's latest standing, NaN if it cannot be told.
	latest func(Standing) float64
	config func(settings.Thresholds) *data.FieldConfig
}

const (
	failedAuditsLeftMetric = "failed_audits_left"
	downtimeLeftMetric     = "downtime_left_seconds"
)

const day = 24 * 3600.0

// An honest warning comes before a satellite acts, whatever the operator's own
// limits are: at 96 % audit score the node is disqualified.
const (
	auditWatch, auditDanger           = 99.5, 98
	suspensionWatch, suspensionDanger = 95, 80
	onlineWatch, onlineDanger         = 95, 70
	// What health is where any score is at that limit.
	healthWatch, healthDanger = 87.5, 50
)

var metrics = []metric{
	{
		name: auditScore, title: "audit score", column: auditScore, worst: store.Min,
		latest: func(s Standing) float64 { return s.Audit },
		config: func(t settings.Thresholds) *data.FieldConfig {
			return percentConfig(2, below(max(t.AuditCritical, auditDanger), max(t.AuditWarning, auditWatch)))
		},
	},
	{
		name: suspensionScore, title: "suspension score", column: suspensionScore, worst: store.Min,
		latest: func(s Standing) float64 { return s.Suspension },
		config: func(t settings.Thresholds) *data.FieldConfig {
			return percentConfig(2, below(max(t.SuspensionCritical, suspensionDanger), suspensionWatch))
		},
	},
	{
		name: onlineScore, title: "online score", column: onlineScore, worst: store.Min,
		latest: func(s Standing) float64 { return s.Online },
		config: func(t settings.Thresholds) *data.FieldConfig {
			return percentConfig(2, below(onlineDanger, max(t.OnlineWarning, onlineWatch)))
		},
	},
	windows,
	{
		name: failedAuditsLeftMetric, title: "failed audits left", column: auditScore, worst: store.Min, of: failedAuditsLeft, over: disqualified,
		latest: Standing.FailedAuditsLeft,
		config: func(settings.Thresholds) *data.FieldConfig {
			config := &data.FieldConfig{Unit: "short", Thresholds: below(failedAuditsLeft(auditDanger), failedAuditsLeft(auditWatch))}
			return config.SetDecimals(0).SetMin(0).SetMax(failedAuditsLeft(100))
		},
	},
	{
		name: downtimeLeftMetric, title: "downtime left", column: onlineScore, worst: store.Min, of: downtimeLeft, over: disqualified,
		latest: Standing.DowntimeLeft,
		config: func(settings.Thresholds) *data.FieldConfig {
			config := &data.FieldConfig{Unit: "s", Thresholds: below(3*day, downtimeLeft(onlineWatch))}
			return config.SetDecimals(1).SetMin(0).SetMax(downtimeLeft(100))
		},
	},
	{
		name: vettingProgress, title: "vetting progress", column: vettingProgress, worst: store.Min,
		latest: Standing.vettingPercent,
		config: func(settings.Thresholds) *data.FieldConfig {
			return percentConfig(0, frames.Thresholds("blue", frames.From(100, "green")))
		},
	},
	flagMetric(disqualified, "disqualified", func(s Standing) float64 { return flag(s.Disqualified()) }),
	flagMetric(suspended, "suspended", func(s Standing) float64 { return flag(s.Suspended()) }),
	flagMetric(offlineSuspended, "suspended for being offline", Standing.offlineFlag),
	{
		name: vetted, title: "vetted", column: vetted, worst: store.Min,
		latest: Standing.vettedFlag,
		config: func(settings.Thresholds) *data.FieldConfig {
			return flagConfig(frames.Thresholds("blue", frames.From(1, "green")))
		},
	},
}

// health is the one metric of a node as a whole.
var health = metric{
	name: healthPercent, title: "health", column: healthPercent, worst: store.Min,
	config: func(settings.Thresholds) *data.FieldConfig {
		return percentConfig(0, below(healthDanger, healthWatch))
	},
}

func flagMetric(name, title string, latest func(Standing) float64) metric {
	return metric{
		name: name, title: title, column: name, worst: store.Max,
		latest: latest,
		config: func(settings.Thresholds) *data.FieldConfig {
			return flagConfig(frames.Thresholds("green", frames.From(1, "red")))
		},
	}
}

// below colours what is below danger red, and what is below watch orange.
func below(danger, watch float64) *data.ThresholdsConfig {
	if watch <= danger {
		return frames.Thresholds("red", frames.From(danger, "green"))
	}
	return frames.Thresholds("red", frames.From(danger, "orange"), frames.From(watch, "green"))
}

func percentConfig(decimals uint16, thresholds *data.ThresholdsConfig) *data.FieldConfig {
	config := &data.FieldConfig{Unit: "percent", Thresholds: thresholds}
	return config.SetDecimals(decimals).SetMin(0).SetMax(100)
}

func flagConfig(thresholds *data.ThresholdsConfig) *data.FieldConfig {
	config := &data.FieldConfig{
		Thresholds: thresholds,
		Mappings: data.ValueMappings{data.ValueMapper{
			"0": {Text: "no"},
			"1": {Text: "yes"},
		}},
	}
	return config.SetDecimals(0).SetMin(0).SetMax(1)
}

// metricNames are the names that a query may ask for.
func metricNames() []string {
	names := make([]string, 0, len(metrics)+1)
	for _, m := range metrics {
		names = append(names, m.name)
	}
	return append(names, health.name)
}

// HealthConfig shows a node's health where it stands in another table.
func HealthConfig() *data.FieldConfig { return health.config(settings.Thresholds{}) }
