package capacity

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Outlook is how fast a node's disk fills, as it was measured at a time.
type Outlook struct {
	At    time.Time `json:"at"`
	Day   Growth    `json:"day"`
	Week  Growth    `json:"week"`
	Month Growth    `json:"month"`
}

const (
	// remeasured is how often growth is measured anew once it is known; before, each time.
	remeasured = time.Hour
	// pointStep is the step of the points that growth is measured from.
	pointStep = 30 * time.Minute
	// lookBack is how far back they reach.
	lookBack = 30 * day
	// reach is how far ahead a forecast looks, in spans of what it was measured from.
	reach = 100
	// lookAhead is how far ahead it looks at most.
	lookAhead = 400 * day
)

// stale says whether growth is to be measured anew.
func (o Outlook) stale(now time.Time) bool {
	return o.At.IsZero() || !o.Week.Known || now.Sub(o.At).Abs() >= remeasured || now.Truncate(remeasured) != o.At.Truncate(remeasured)
}

// value makes a point of what is stored of one time, by column; NaN: it was not said.
type value func(of func(store.Column) float64) float64

// valuesOf makes a value of each time of a result.
func valuesOf(result *store.Result, of value) []float64 {
	columns := map[store.Column][]float64{}
	for i, column := range result.Columns {
		columns[column] = result.Values[i]
	}
	values := make([]float64, len(result.Times))
	for i := range values {
		values[i] = of(func(c store.Column) float64 {
			if values := columns[c]; values != nil {
				return values[i]
			}
			return math.NaN()
		})
	}
	return values
}

// polledPieces are the pieces on the disk. What can be reclaimed an older node does not say,
// and does not count among what it uses.
func polledPieces(of func(store.Column) float64) float64 {
	pieces := of(usedColumn) - of(trashColumn)
	if reclaimable := of(reclaimableColumn); reclaimable == reclaimable {
		pieces -= reclaimable
	}
	return pieces
}

// heardPieces fall where what is free rises.
func heardPieces(of func(store.Column) float64) float64 { return -of(heardFreeColumn) }

// look measures growth from what is stored up to now, and a newest point that is not yet.
func look(from *store.Store, node concern.Node, pieces value, now time.Time, newest *point, disk float64) (Outlook, error) {
	result, err := from.Read(context.Background(), store.Range{
		Group: node.StoredAs(name), Columns: isOfPieces,
		From: now.Add(-lookBack).UnixMilli(), To: now.UnixMilli(), Step: pointStep.Milliseconds(), Aggregate: store.Last,
	})
	if err != nil {
		return Outlook{}, fmt.Errorf("measure the growth of %s: %w", node.Name, err)
	}
	points := make([]point, 0, len(result.Times)+1)
	for i, v := range valuesOf(result, pieces) {
		if at := result.Times[i]; v == v && (newest == nil || at < newest.at) {
			points = append(points, point{at, v})
		}
	}
	if newest != nil {
		// It stands for its step, as the last value of each other step does.
		at := floorDiv(newest.at, pointStep.Milliseconds()) * pointStep.Milliseconds()
		if n := len(points); n > 0 && points[n-1].at == at {
			points = points[:n-1]
		}
		points = append(points, point{at, newest.value})
	}
	return outlookOf(points, disk, now), nil
}

func isOfPieces(c store.Column) bool {
	return c == usedColumn || c == trashColumn || c == reclaimableColumn || c == heardFreeColumn
}

// outlookOf measures growth over a day, a week and a month. Disk is how large the disk is, 0
// where nobody says it. That of a month needs more than a
// week: else it would be the same as the week's.
func outlookOf(points []point, disk float64, now time.Time) Outlook {
	if len(points) == 0 {
		return Outlook{At: now}
	}
	if disk <= 0 { // the log says what is free, not how large the disk is
		for _, p := range points {
			disk = max(disk, math.Abs(p.value))
		}
	}
	m := measure(points, disk)
	o := Outlook{At: now, Day: m.over(day), Week: m.over(7 * day), Month: m.over(lookBack)}
	if o.Month.Span <= 7*day {
		o.Month.Known = false
	}
	return o
}

// reason is why there is no day on which a disk will be full.
type reason int

// The reasons. Of those before notFilling nothing is known, the others are good to know.
const (
	forecastGiven reason = iota
	tooLittle            // known of it
	outdated             // the node has been silent
	unsure               // its ups and downs are larger than its growth, and full is near if it grows
	notFilling
	farAhead
	isFull
)

// forecast is when a disk will be full. Lower and upper are the days of the fastest and the
// slowest growth of the band; upper is NaN where that is none.
type forecast struct {
	days, lower, upper float64
	reason             reason
	why                string
}

// Reasons in words, of now and of the past.
const (
	lostInUpsAndDowns = "its growth cannot be told from its ups and downs: between %s and %s a day"
	doesNotGrow       = "it does not grow"
	itIsFull          = "it is full"
)

// unknown says that nothing is known of when the disk is full, which may be soon.
func (f forecast) unknown() bool {
	return f.reason == tooLittle || f.reason == outdated || f.reason == unsure
}

// silentFor is how long ago the last word may be for a forecast.
const silentFor = 12 * time.Hour

// until is when the disk of which so much is free is full. At is when the node last said so.
func (o Outlook) until(free int64, at, now time.Time) forecast {
	none := func(r reason, format string, args ...any) forecast {
		return forecast{days: math.NaN(), lower: math.NaN(), upper: math.NaN(), reason: r, why: fmt.Sprintf(format, args...)}
	}
	g := o.Week
	switch {
	case now.Sub(at) > silentFor:
		return none(outdated, "nothing was heard of its disk since %s", clock(at))
	case free <= 0:
		return forecast{reason: isFull, why: itIsFull}
	case !g.Known:
		return none(tooLittle, "a forecast needs %d values over %d hours, and there %s", leastPoints, int(leastSpan.Hours()), g.soFar())
	case !g.Sure && g.Upper > 0 && float64(free)/g.Upper < fullMonth:
		return none(unsure, lostInUpsAndDowns, signedBytes(g.Lower), signedBytes(g.Upper))
	case !g.Sure || g.PerDay <= 0:
		return none(notFilling, doesNotGrow)
	}
	f := forecast{days: float64(free) / g.PerDay, lower: float64(free) / g.Upper, upper: math.NaN()}
	if g.Lower > 0 {
		f.upper = float64(free) / g.Lower
	}
	if f.days > g.reach() {
		return none(farAhead, "at its growth of %s a day it is not full within %d days, which is as far ahead as the last %s tell", signedBytes(g.PerDay), int(g.reach()), span(g.Span))
	}
	return f
}

// reach is how many days ahead the growth tells anything; 0 where it is none that can be told
// from the ups and downs.
func (g Growth) reach() float64 {
	if !g.Known || !g.Sure {
		return 0
	}
	return inDays(min(lookAhead, reach*g.Span))
}

func (d disk) forecast(now time.Time) forecast { return d.outlook().until(d.free(), d.at(), now) }

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// soFar is how many values there are, behind "there".
func (g Growth) soFar() string {
	switch g.Points {
	case 0:
		return "is none"
	case 1:
		return "is one"
	}
	return fmt.Sprintf("are %d over %s", g.Points, span(g.Span))
}

// span is a time for people.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(12*time.Hour).Hours()/24))
}

// bytesText is a number of bytes for people, in decimal units, as Storj bills.
func bytesText(bytes float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if math.Abs(bytes) >= unit.size {
			return fmt.Sprintf("%.1f %s", bytes/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.0f B", bytes)
}

func signedBytes(bytes float64) string {
	if bytes > 0 {
		return "+" + bytesText(bytes)
	}
	return bytesText(bytes)
}
