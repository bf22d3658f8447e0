package traffic

import (
	"math"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// metric is something that can be asked for: how it is made of counts, and how it looks.
type metric struct {
	name  string
	title string // for people
	// of is the metric of what was counted in so many seconds; NaN: there is none.
	of func(counts counts, seconds float64) float64
	// needs is what must be visible in the log.
	needs visibility
	// ofOutcomes says that it is made of several outcomes, which none has alone.
	ofOutcomes bool
	config     func() *data.FieldConfig
}

// visibility is what can be seen in a part of a log.
type visibility int

const (
	transfers visibility = iota // how transfers end
	starts                      // that they begin, too
)

// counts are what was counted of a group of transfers in some time.
type counts struct {
	operations, bytes float64
	busy              float64 // in busyUnits
	ended, succeeded  float64 // of all outcomes, whichever are selected
	sizes             [len(sizeClasses)]float64
}

func (c *counts) add(other counts) {
	c.operations += other.operations
	c.bytes += other.bytes
	c.busy += other.busy
	c.ended += other.ended
	c.succeeded += other.succeeded
	for class := range c.sizes {
		c.sizes[class] += other.sizes[class]
	}
}

const (
	successPercent   = "success_percent"
	sizeSharePercent = "size_share_percent"
)

var metrics = []metric{
	{
		name: "operations_per_second", title: "operations/s",
		of:     func(c counts, seconds float64) float64 { return c.operations / seconds },
		config: func() *data.FieldConfig { return countConfig("ops", 2) },
	},
	{
		name: "bytes_per_second", title: "bytes/s",
		of:     func(c counts, seconds float64) float64 { return c.bytes / seconds },
		config: func() *data.FieldConfig { return countConfig("Bps", 1) },
	},
	{
		name: "operations", title: "operations",
		of:     func(c counts, _ float64) float64 { return c.operations },
		config: func() *data.FieldConfig { return countConfig("short", 0) },
	},
	{
		name: "bytes", title: "bytes",
		of:     func(c counts, _ float64) float64 { return c.bytes },
		config: func() *data.FieldConfig { return countConfig("decbytes", 1) },
	},
	{
		// Of all that ended: a lost race is no success, nor is an upload refused for too
		// many at once; a canceled audit counts neither way. The selected outcomes change nothing: of successes alone it
		// would always be 100.
		name: successPercent, title: "success",
		of:         func(c counts, _ float64) float64 { return 100 * c.succeeded / c.ended },
		ofOutcomes: true,
		config:     percentConfig,
	},
	{
		name: "concurrent_transfers", title: "concurrent transfers", needs: starts,
		of:         func(c counts, seconds float64) float64 { return c.busy * busyUnit.Seconds() / seconds },
		ofOutcomes: true,
		config:     func() *data.FieldConfig { return countConfig("short", 1) },
	},
}

// sizeShare is the share of one size class in all transfers whose size is known.
func sizeShare(class int) metric {
	return metric{
		name: sizeSharePercent, title: sizeClasses[class].shown,
		of: func(c counts, _ float64) float64 {
			all := 0.0
			for _, operations := range c.sizes {
				all += operations
			}
			return 100 * c.sizes[class] / all
		},
		config: percentConfig,
	}
}

// metricNames are the names that a query may ask for.
func metricNames() []string {
	names := make([]string, 0, len(metrics)+1)
	for _, m := range metrics {
		names = append(names, m.name)
	}
	return slices.Insert(names, slices.Index(names, successPercent)+1, sizeSharePercent)
}

// value is the metric of counts; where nothing can be said, NaN.
func (m metric) value(c counts, seconds float64) float64 {
	if v := m.of(c, seconds); !math.IsInf(v, 0) {
		return v
	}
	return math.NaN()
}

func countConfig(unit string, decimals uint16) *data.FieldConfig {
	config := &data.FieldConfig{Unit: unit}
	return config.SetDecimals(decimals).SetMin(0)
}

func percentConfig() *data.FieldConfig {
	config := &data.FieldConfig{Unit: "percent"}
	return config.SetDecimals(2).SetMin(0).SetMax(100)
}
