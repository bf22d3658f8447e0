package plugin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// metric is one number of a store's status.
type metric struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
	value       func(store.Status) float64
}

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("storagenode_monitor_store_"+name, help, []string{"org", "datasource"}, nil)
}

func counter(name, help string, value func(store.Status) float64) metric {
	return metric{describe(name, help), prometheus.CounterValue, value}
}

func gauge(name, help string, value func(store.Status) float64) metric {
	return metric{describe(name, help), prometheus.GaugeValue, value}
}

// The counters begin with the opening of a store.
var storeMetrics = []metric{
	counter("recorded_rows_total", "Rows recorded.", func(s store.Status) float64 { return float64(s.RecordedRows) }),
	counter("recorded_samples_total", "Samples recorded in these rows.", func(s store.Status) float64 { return float64(s.RecordedSamples) }),
	counter("refused_rows_total", "Rows refused because their times were too far in the past or the future.", func(s store.Status) float64 { return float64(s.RefusedRows) }),
	counter("refused_samples_total", "Samples refused because they are no numbers.", func(s store.Status) float64 { return float64(s.RefusedSamples) }),
	counter("late_rows_total", "Rows refused because what they belong to had been dropped to stay within the memory limit.", func(s store.Status) float64 { return float64(s.LateRows) }),
	counter("unwritten_rows_total", "Rows refused because the file could not be written and memory was full.", func(s store.Status) float64 { return float64(s.UnwrittenRows) }),
	gauge("pending_rows", "Rows recorded and not yet committed.", func(s store.Status) float64 { return float64(s.PendingRows) }),
	gauge("chunks", "Sealed chunks, as of the opening or the last sealing.", func(s store.Status) float64 { return float64(s.Chunks) }),
	counter("shed_chunks_total", "Chunks of rows as recorded dropped before their time to stay within the memory limit; their roll-ups stay.", func(s store.Status) float64 { return float64(s.Shed) }),
	counter("shed_spared_chunks_total", "Chunks of events, roll-ups and rows without any dropped before their time, because the others did not do.", func(s store.Status) float64 { return float64(s.ShedSpared) }),
	gauge("file_bytes", "Size of the file.", func(s store.Status) float64 { return float64(s.FileBytes) }),
	gauge("memory_bytes", "What the history takes in memory, with what waits for its commit, about.", func(s store.Status) float64 { return float64(s.MemoryBytes) }),
	gauge("memory_limit_bytes", "What the history may take in memory.", func(s store.Status) float64 { return float64(s.MemoryLimit) }),
	gauge("replayed_commits", "Commits read back at the opening.", func(s store.Status) float64 { return float64(s.Replayed) }),
	gauge("corruptions", "Damages found at the opening.", func(s store.Status) float64 { return float64(len(s.Damage)) }),
}

var (
	openMetric       = describe("open", "Whether the store is open (1) or not (0).")
	panicMetric      = prometheus.NewDesc("storagenode_monitor_watch_panics_total", "Panics in the watch over the nodes; each was logged, and the watch began again.", []string{"org", "datasource"}, nil)
	commitMetric     = describe("commit_duration_seconds", "Time spent in commits.")
	compactionMetric = describe("compaction_duration_seconds", "Time spent in compactions.")
)

// Metrics collects what the stores of all fleets say of themselves.
func Metrics(registry *fleet.Registry) prometheus.Collector { return collector{registry} }

type collector struct{ registry *fleet.Registry }

func (collector) Describe(into chan<- *prometheus.Desc) {
	for _, m := range storeMetrics {
		into <- m.description
	}
	into <- openMetric
	into <- panicMetric
	into <- commitMetric
	into <- compactionMetric
}

func (c collector) Collect(into chan<- prometheus.Metric) {
	for _, s := range c.registry.Stores() {
		org, uid := strconv.FormatInt(s.Key.Org, 10), s.Key.UID
		into <- prometheus.MustNewConstMetric(panicMetric, prometheus.CounterValue, float64(s.Panics), org, uid)
		if s.Status == nil {
			into <- prometheus.MustNewConstMetric(openMetric, prometheus.GaugeValue, 0, org, uid)
			continue
		}
		into <- prometheus.MustNewConstMetric(openMetric, prometheus.GaugeValue, 1, org, uid)
		for _, m := range storeMetrics {
			into <- prometheus.MustNewConstMetric(m.description, m.kind, m.value(*s.Status), org, uid)
		}
		into <- prometheus.MustNewConstSummary(commitMetric, s.Status.Commits, s.Status.CommitTime.Seconds(), nil, org, uid)
		into <- prometheus.MustNewConstSummary(compactionMetric, uint64(s.Status.Compactions), s.Status.CompactTime.Seconds(), nil, org, uid)
	}
}
