package latency

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func (d *durations) sorted() []group { return slices.SortedFunc(maps.Keys(d.groups), compareGroups) }

// series answers values over time, one wide frame.
func (a *answer) series(d *durations) *data.Frame {
	var series []frames.Series
	for _, g := range d.sorted() {
		for _, m := range a.metrics {
			values := make([]float64, len(d.times))
			for i, h := range d.groups[g] {
				values[i] = m.value(h)
			}
			config := m.config(thresholds(a.request))
			config.DisplayNameFromDS = g.title(a.groupBy)
			if len(a.metrics) > 1 {
				config.DisplayNameFromDS += " " + m.title
			}
			series = append(series, frames.Series{Name: m.name, Labels: g.labels(a.groupBy), Config: config, Values: values})
		}
	}
	return frames.Wide(latencyType, d.times, series)
}

// whole is a group over the whole range.
type whole struct {
	group
	*store.Histogram
}

// wholes are the groups, each merged over the range; those without a transfer are left out.
func (d *durations) wholes() []whole {
	var all []whole
	for _, g := range d.sorted() {
		w := whole{g, &store.Histogram{}}
		for _, h := range d.groups[g] {
			if h != nil {
				w.Merge(h)
			}
		}
		if w.Count() > 0 {
			all = append(all, w)
		}
	}
	return all
}

// instants answers each metric over the whole range, one frame a metric.
func (a *answer) instants(d *durations) data.Frames {
	var result data.Frames
	all := d.wholes()
	for _, m := range a.metrics {
		frame := frames.NewLong(latencyType, m.name, m.config(thresholds(a.request)), a.groupBy...)
		for _, w := range all {
			frame.Add(m.value(w.Histogram), w.dimensions(a.groupBy)...)
		}
		result = append(result, frame.Frame())
	}
	return result
}

// table answers one row a group over the whole range, the slowest first. Where each row is a
// node, those of which nothing is known are there too, behind the others, with what would
// change that.
func (a *answer) table(d *durations) *data.Frame {
	all := d.wholes()
	slices.SortStableFunc(all, func(x, y whole) int { return cmp.Compare(y.Quantile(judgedPart), x.Quantile(judgedPart)) })
	byNodes := slices.Equal(a.groupBy, []string{byNode})
	why := map[string]string{}
	if byNodes {
		for _, node := range a.request.Watched {
			if node.Retired {
				continue
			}
			why[node.Name] = a.because(node, d.seen[node.Name])
			if !slices.ContainsFunc(all, func(w whole) bool { return w.node == node.Name }) {
				all = append(all, whole{group{node: node.Name}, nil})
				if why[node.Name] == "" {
					why[node.Name] = "no such transfer succeeded in this time"
				}
			}
		}
	}
	var fields []*data.Field
	for _, label := range []string{byNode, bySatellite, byAction} {
		if !slices.Contains(a.groupBy, label) {
			continue
		}
		column := label
		if label == byNode {
			column = "node_name"
		}
		fields = append(fields, frames.Column(column, nil, frames.Each(all, func(w whole) string { return w.label(label) })))
	}
	for _, m := range a.metrics {
		fields = append(fields, frames.Column(m.name, m.config(thresholds(a.request)), frames.Each(all, func(w whole) *float64 {
			if v := m.value(w.Histogram); v == v {
				return &v
			}
			return nil
		})))
	}
	if byNodes {
		fields = append(fields,
			frames.Column("resolution", nil, frames.Each(all, func(w whole) string { return d.seen[w.node].resolution() })),
			frames.Column("no_latency_because", nil, frames.Each(all, func(w whole) string { return why[w.node] })))
	}
	return frames.Table(latencyType, fields...)
}

// The frame types that Grafana's heat map and histogram panels know, and the data-plane
// contract does not.
const (
	heatmapRows data.FrameType = "heatmap-rows"
	histogram   data.FrameType = "histogram"
)

// maxBuckets is how many buckets a picture has at most. More cannot be told apart.
const maxBuckets = 48

// buckets are the buckets of a picture: each is some of the store's, side by side.
type buckets struct {
	first, last int // the bucket with number n ends where the store's n × width ends
	width       int
	zeros       bool // one more below, for what took no time that could be measured
}

// bucketsOf are the finest buckets for all these histograms that are not too many.
func bucketsOf(all []*store.Histogram) (b buckets, ok bool) {
	low, high := math.MaxInt, math.MinInt
	for _, h := range all {
		if h == nil {
			continue
		}
		b.zeros = b.zeros || h.Zeros > 0
		if n := len(h.Buckets); n > 0 {
			low, high = min(low, int(h.Buckets[0].Index)), max(high, int(h.Buckets[n-1].Index))
		}
	}
	if low > high {
		if !b.zeros {
			return b, false
		}
		low = bucketOf(unit) + firstBucket // nothing but zeros
		high = low
	}
	for b.width = 1; ; b.width *= 2 {
		b.first, b.last = ceilDiv(low, b.width), ceilDiv(high, b.width)
		if b.last-b.first < maxBuckets {
			return b, true
		}
	}
}

func ceilDiv(a, b int) int { return -int(floorDiv(int64(-a), int64(b))) }

// count is how many there are, and end where each ends, in seconds.
func (b buckets) count() int {
	n := b.last - b.first + 1
	if b.zeros {
		n++
	}
	return n
}

func (b buckets) end(i int) float64 {
	if b.zeros {
		i--
	}
	return store.UpperBound(int32((b.first+i)*b.width)) * unit.Seconds()
}

// add calls f with the picture's bucket of each of a histogram's, and its count.
func (b buckets) each(h *store.Histogram, f func(bucket int, count float64)) {
	above := 0
	if b.zeros {
		above = 1
		if h.Zeros > 0 {
			f(0, float64(h.Zeros))
		}
	}
	for _, bucket := range h.Buckets {
		f(ceilDiv(int(bucket.Index), b.width)-b.first+above, float64(bucket.Count))
	}
}

// heatmap answers how many transfers took how long in each step: a row a bucket, whose
// label le is its end in seconds. A step of which nothing is known is a gap in all of them.
func (a *answer) heatmap(d *durations) *data.Frame {
	steps := d.groups[group{}]
	b, ok := bucketsOf(steps)
	if !ok {
		return frames.NoData(latencyType, heatmapRows)
	}
	rows := make([][]float64, b.count())
	for i := range rows {
		rows[i] = make([]float64, len(d.times))
	}
	for i, h := range steps {
		if h != nil {
			b.each(h, func(bucket int, count float64) { rows[bucket][i] += count })
		}
	}
	fields := []*data.Field{frames.Column("time", nil, frames.Each(d.times, moment))}
	for i, counts := range rows {
		end := formatSeconds(b.end(i))
		known := make([]*float64, len(counts))
		for step, h := range steps {
			if h != nil {
				known[step] = &counts[step]
			}
		}
		// Without a name of its own Grafana would show both, the column's and the label's.
		field := frames.Column(end, &data.FieldConfig{Unit: "short", DisplayNameFromDS: end}, known)
		field.Labels = data.Labels{"le": end}
		fields = append(fields, field)
	}
	frame := frames.Table(latencyType, fields...)
	frame.Meta.Type = heatmapRows
	return frame
}

// histogram answers how many transfers took how long over the whole range: a row a bucket,
// a column a group.
func (a *answer) histogram(d *durations) *data.Frame {
	all := d.wholes()
	b, ok := bucketsOf(frames.Each(all, func(w whole) *store.Histogram { return w.Histogram }))
	if !ok {
		return frames.NoData(latencyType, histogram)
	}
	from, to := make([]float64, b.count()), make([]float64, b.count())
	for i := range from {
		to[i] = b.end(i)
		if i > 0 || !b.zeros {
			from[i] = b.end(i - 1)
		}
	}
	seconds := &data.FieldConfig{Unit: "s"}
	fields := []*data.Field{frames.Column("xMin", seconds, from), frames.Column("xMax", seconds, to)}
	for _, w := range all {
		counts := make([]float64, b.count())
		b.each(w.Histogram, func(bucket int, count float64) { counts[bucket] += count })
		config := countConfig(thresholds(a.request))
		config.DisplayNameFromDS = w.title(a.groupBy)
		field := frames.Column("count", config, counts)
		field.Labels = w.labels(a.groupBy)
		fields = append(fields, field)
	}
	frame := frames.Table(latencyType, fields...)
	frame.Meta.Type = histogram
	return frame
}

var _ concern.Listener = Concern{}
