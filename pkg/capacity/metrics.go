package capacity

import (
	"fmt"
	"math"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// bytesUnit is decimal, as the network bills.
const bytesUnit = "decbytes"

// sums are what is known of a node, or of several added up, at one time or in one step. NaN:
// not known.
type sums struct {
	used, trash, reclaimable, free, allocated, overused float64
	growth, growthLower, growthUpper                    float64
	growthDay, growthMonth, reach                       float64
	// What is made of several columns at one moment, and so has none.
	pieces float64
}

func unknown() sums {
	n := math.NaN()
	return sums{n, n, n, n, n, n, n, n, n, n, n, n, n}
}

// each are the sums' numbers, in the order of columns, and what has none.
func (s *sums) each() [len(columns) + 1]*float64 {
	return [...]*float64{&s.used, &s.trash, &s.reclaimable, &s.free, &s.allocated, &s.overused, &s.growth, &s.growthLower, &s.growthUpper, &s.growthDay, &s.growthMonth, &s.reach, &s.pieces}
}

// growths are those of each that are numbers of bytes a day.
func (s *sums) growths() [5]*float64 {
	return [...]*float64{&s.growth, &s.growthLower, &s.growthUpper, &s.growthDay, &s.growthMonth}
}

// since is the sums with what was known before of that which is not said any more.
func (s sums) since(before sums) sums {
	a, b := s.each(), before.each()
	for i := range a {
		if *a[i] != *a[i] {
			*a[i] = *b[i]
		}
	}
	return s
}

// said says whether anything is known.
func (s sums) said() bool {
	for _, v := range s.each() {
		if *v == *v {
			return true
		}
	}
	return false
}

// column is where a number is stored, and what several of one step become.
type column struct {
	stored store.Column
	of     store.Aggregate
}

// columns say where the sums' numbers are stored, and what several of one step become: the
// fullest that the disk was.
var columns = [...]column{
	{usedColumn, store.Max},
	{trashColumn, store.Max},
	{reclaimableColumn, store.Max},
	{freeColumn, store.Min},
	{allocatedColumn, store.Last},
	{overusedColumn, store.Max},
	{growthColumn, store.Last},
	{growthLowerColumn, store.Last},
	{growthUpperColumn, store.Last},
	{growthDayColumn, store.Last},
	{growthMonthColumn, store.Last},
	{reachColumn, store.Last},
}

// metric is something that can be asked for.
type metric struct {
	name, title string
	of          func(sums) float64
	from        []store.Column // what it is made of
	config      func(settings.Thresholds) *data.FieldConfig
	// ahead says that it is drawn into the future.
	ahead bool
	// needs says that there has to be a forecast.
	needs bool
}

// Metrics that are looked up by name.
const (
	usedMetric          = "used_bytes"
	piecesMetric        = "pieces_bytes"
	usedPercentMetric   = "used_percent"
	growthMetric        = "growth_bytes_per_day"
	untilFullMetric     = "days_until_full"
	forecastMetric      = "forecast_used_bytes"
	forecastLowerMetric = "forecast_used_lower_bytes"
	forecastUpperMetric = "forecast_used_upper_bytes"
	forecastFreeMetric  = "forecast_free_bytes"
)

var metrics = []metric{
	{name: usedMetric, title: "used", of: func(s sums) float64 { return s.used }, from: []store.Column{usedColumn}, config: bytesConfig("everything that the node has on the disk: pieces, trash and what can be reclaimed")},
	{name: "free_bytes", title: "free", of: func(s sums) float64 { return s.free }, from: []store.Column{freeColumn}, config: bytesConfig("what is left for uploads")},
	{name: "trash_bytes", title: "trash", of: func(s sums) float64 { return s.trash }, from: []store.Column{trashColumn}, config: bytesConfig("what waits for its deletion")},
	{name: "reclaimable_bytes", title: "reclaimable", of: func(s sums) float64 { return s.reclaimable }, from: []store.Column{reclaimableColumn}, config: bytesConfig("what compactions would free")},
	{name: piecesMetric, title: "pieces", of: func(s sums) float64 { return s.pieces }, config: bytesConfig("used, without trash and what can be reclaimed")},
	{name: "allocated_bytes", title: "allocated", of: func(s sums) float64 { return s.allocated }, from: []store.Column{allocatedColumn}, config: bytesConfig("what the operator gives")},
	{name: "overused_bytes", title: "over-used", of: func(s sums) float64 { return s.overused }, from: []store.Column{overusedColumn}, config: bytesConfig("used beyond what is allocated")},
	{name: usedPercentMetric, title: "used", of: func(s sums) float64 { return share(s.used, s.allocated) }, from: []store.Column{usedColumn, allocatedColumn}, config: usedPercentConfig},
	{name: "trash_percent", title: "trash", of: func(s sums) float64 { return share(s.trash, s.used) }, from: []store.Column{trashColumn, usedColumn}, config: func(limits settings.Thresholds) *data.FieldConfig {
		config := &data.FieldConfig{Unit: "percent", Description: "of what is used", Thresholds: frames.Thresholds("green", frames.From(limits.DiskTrash, "orange"))}
		return config.SetDecimals(1).SetMin(0).SetMax(100)
	}},
	{name: growthMetric, title: "growth", of: func(s sums) float64 { return s.growth }, from: []store.Column{growthColumn}, config: growthConfig("of the last 7 days")},
	{name: "growth_lower_bytes_per_day", title: "growth, at least", of: func(s sums) float64 { return s.growthLower }, from: []store.Column{growthLowerColumn}, config: growthConfig("of the last 7 days, lower end of the band")},
	{name: "growth_upper_bytes_per_day", title: "growth, at most", of: func(s sums) float64 { return s.growthUpper }, from: []store.Column{growthUpperColumn}, config: growthConfig("of the last 7 days, upper end of the band")},
	{name: "growth_1d_bytes_per_day", title: "growth of a day", of: func(s sums) float64 { return s.growthDay }, from: []store.Column{growthDayColumn}, config: growthConfig("of the last day")},
	{name: "growth_30d_bytes_per_day", title: "growth of a month", of: func(s sums) float64 { return s.growthMonth }, from: []store.Column{growthMonthColumn}, config: growthConfig("of the last 30 days")},
	{name: untilFullMetric, title: "days until full", from: []store.Column{freeColumn, growthColumn, growthLowerColumn, growthUpperColumn, reachColumn}, config: daysConfig, needs: true},
	{name: "days_until_full_lower", title: "days until full, at least", from: []store.Column{freeColumn, growthColumn, growthLowerColumn, growthUpperColumn, reachColumn}, config: daysConfig, needs: true},
	{name: "days_until_full_upper", title: "days until full, at most", from: []store.Column{freeColumn, growthColumn, growthLowerColumn, growthUpperColumn, reachColumn}, config: daysConfig, needs: true},
	{name: forecastMetric, title: "used, forecast", config: bytesConfig("used, if it goes on as in the last 7 days"), ahead: true, needs: true},
	{name: forecastLowerMetric, title: "used, forecast, at least", config: bytesConfig("used, if it goes on as slowly as the band allows"), ahead: true, needs: true},
	{name: forecastUpperMetric, title: "used, forecast, at most", config: bytesConfig("used, if it goes on as fast as the band allows"), ahead: true, needs: true},
	{name: forecastFreeMetric, title: "free, forecast", config: bytesConfig("free, if it goes on as in the last 7 days"), ahead: true, needs: true},
}

func metricNames() []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.name
	}
	return names
}

// until is when it is full, of what was stored with the growth that was known then.
func (s sums) until() forecast {
	none := forecast{days: math.NaN(), lower: math.NaN(), upper: math.NaN()}
	switch {
	case s.free <= 0:
		return forecast{reason: isFull}
	case !(s.free > 0) || s.growth != s.growth:
		none.reason = tooLittle
		return none
	case s.reach == 0 && s.growthUpper > 0 && s.free/s.growthUpper < fullMonth:
		none.reason = unsure
		return none
	case !(s.growth > 0) || !(s.reach > 0):
		none.reason = notFilling
		return none
	case s.free/s.growth > s.reach:
		none.reason = farAhead
		return none
	}
	f := forecast{days: s.free / s.growth, lower: s.free / s.growthUpper, upper: math.NaN()}
	if s.growthLower > 0 {
		f.upper = s.free / s.growthLower
	}
	return f
}

// because is a forecast of these sums with its reason in words, which a series does not need.
func (s sums) because(f forecast) forecast {
	switch f.reason {
	case tooLittle:
		f.why = "how fast it fills is not known"
	case unsure:
		f.why = fmt.Sprintf(lostInUpsAndDowns, signedBytes(s.growthLower), signedBytes(s.growthUpper))
	case notFilling:
		f.why = doesNotGrow
	case farAhead:
		f.why = fmt.Sprintf("at its growth of %s a day it is not full within %d days, which is as far ahead as that tells", signedBytes(s.growth), int(s.reach))
	case isFull:
		f.why = itIsFull
	}
	return f
}

func share(part, whole float64) float64 {
	if !(whole > 0) {
		return math.NaN()
	}
	return 100 * part / whole
}

func bytesConfig(description string) func(settings.Thresholds) *data.FieldConfig {
	return func(settings.Thresholds) *data.FieldConfig {
		config := &data.FieldConfig{Unit: bytesUnit, Description: description}
		return config.SetDecimals(2).SetMin(0)
	}
}

func growthConfig(description string) func(settings.Thresholds) *data.FieldConfig {
	return func(settings.Thresholds) *data.FieldConfig {
		config := &data.FieldConfig{Unit: bytesUnit, Description: "a day, of the pieces, " + description}
		return config.SetDecimals(1)
	}
}

// usedPercentConfig has the operator's limits. A full disk is the goal and not a fault, so they
// are blue and not red.
func usedPercentConfig(t settings.Thresholds) *data.FieldConfig {
	steps := frames.Thresholds("green", frames.From(t.DiskWarning, "blue"), frames.From(t.DiskCritical, "purple"))
	if t.DiskWarning >= t.DiskCritical {
		steps = frames.Thresholds("green", frames.From(t.DiskCritical, "purple"))
	}
	config := &data.FieldConfig{Unit: "percent", Description: "of what is allocated", Thresholds: steps}
	return config.SetDecimals(1).SetMin(0).SetMax(100)
}

func daysConfig(settings.Thresholds) *data.FieldConfig {
	config := &data.FieldConfig{Unit: "d", Description: "from the growth of the last 7 days", Thresholds: frames.Thresholds("purple", frames.From(fullWeek, "blue"), frames.From(fullMonth, "green"))}
	return config.SetDecimals(1).SetMin(0)
}
