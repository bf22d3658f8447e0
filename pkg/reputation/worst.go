package reputation

import (
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// Worst says what stands worst with the satellite: what it has decided, or else the score
// that its health is made of.
func (s Standing) Worst() string {
	switch {
	case s.Disqualified():
		return "disqualified"
	case s.Suspended():
		return "suspended"
	case s.OfflineSuspended:
		return "suspended for being offline"
	}
	worst, health := "", 0.0
	for _, score := range []struct {
		name                          string
		percent, limit, danger, watch float64
	}{
		{"audit", s.Audit, 100 * storagenode.AuditDisqualification, auditDanger, auditWatch},
		{"suspension", s.Suspension, 100 * storagenode.SuspensionLimit, suspensionDanger, suspensionWatch},
		{"online", s.Online, 100 * storagenode.OnlineLimit, onlineDanger, onlineWatch},
	} {
		if h := healthOf(score.percent, score.limit, score.danger, score.watch); worst == "" || h < health {
			worst, health = fmt.Sprintf("%s %.2f %%", score.name, score.percent), h
		}
	}
	return worst
}

// Content says whether a value of a metric is shown as well.
func Content(metric string, value float64, limits settings.Thresholds) bool {
	steps := ConfigOf(metric, limits).Thresholds.Steps
	return value >= float64(steps[len(steps)-1].Value)
}

// ConfigOf shows a metric where it stands in another table; nil: there is no such metric.
func ConfigOf(metric string, limits settings.Thresholds) *data.FieldConfig {
	for _, m := range append(metrics[:len(metrics):len(metrics)], health) {
		if m.name == metric {
			return m.config(limits)
		}
	}
	return nil
}
