package latency

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// polled is what the debug port said last: figures since the node's process began. What
// came since is the difference to the next ones.
type polled struct {
	At      time.Time       `json:"at"`
	Started time.Time       `json:"started"` // the node's process, by its API
	Figures []polledFigures `json:"figures,omitempty"`
}

type polledFigures struct {
	Action    string        `json:"action"`
	Satellite string        `json:"satellite,omitempty"`
	Count     int64         `json:"count"`
	Sum       time.Duration `json:"sum"`
	Max       time.Duration `json:"max"`
}

// longestPause is between two answers of the debug port that belong together. What came in
// a longer one is not counted: nobody knows when it was.
const longestPause = 2 * time.Hour

// readPolled is what the debug port said last; its zero value is nothing.
func readPolled(from *store.Store, node concern.Node) (before polled) {
	if document, ok := from.Document(node.StoredAs(name)); ok {
		// What cannot be read is begun anew with the next answer.
		_ = json.Unmarshal(document, &before)
	}
	return before
}

func (p polled) figures(action, satellite string) polledFigures {
	for _, f := range p.Figures {
		if f.Action == action && f.Satellite == satellite {
			return f
		}
	}
	return polledFigures{}
}

// Record takes what the debug port says.
func (Concern) Record(node concern.Node, poll concern.Poll, from *store.Store, into *store.Batch) error {
	if poll.Debug == nil {
		return nil
	}
	before := readPolled(from, node)
	now := polled{At: poll.At, Started: before.Started}
	if poll.Status != nil {
		now.Started = poll.Status.StartedAt
	}
	counts := !before.At.IsZero() && poll.At.After(before.At) && poll.At.Sub(before.At) <= longestPause
	if !now.Started.Equal(before.Started) {
		// Another process, which began to count at its start.
		counts = now.Started.After(before.At) && poll.At.Sub(now.Started) <= longestPause
		before.Figures = nil
	}
	var histograms []store.HistogramSample
	for _, said := range poll.Debug.Durations {
		f := figures{said}
		known := polledFigures{Action: actionName(f.Action), Satellite: f.Satellite, Count: f.Count, Sum: f.Sum, Max: f.Max}
		now.Figures = append(now.Figures, known)
		last := before.figures(known.Action, known.Satellite)
		if f.Count < last.Count || f.Sum < last.Sum {
			last = polledFigures{} // it began anew, though its API did not say so
		}
		if h := f.since(last); counts && h != nil {
			histograms = append(histograms, store.HistogramSample{Column: newColumn(polledColumn, known.Satellite, known.Action), Histogram: h})
		}
	}
	if len(histograms) > 0 {
		samples := numbersOf(histograms, node.Thresholds).samples(polledColumn)
		at := poll.At.Truncate(time.Minute).UnixMilli()
		into.AddHistograms(node.StoredAs(name), at, histograms...)
		into.Add(node.StoredAs(name), at, samples...)
		at = floorDiv(at, quarterDay.Milliseconds()) * quarterDay.Milliseconds()
		into.AddHistograms(node.StoredAs(later), at, histograms...)
		into.Add(node.StoredAs(later), at, samples...)
	}
	document, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("write the figures of the debug port of %s: %w", node.Name, err)
	}
	into.Put(node.StoredAs(name), document)
	return nil
}

// numbersOf counts what histograms hold.
func numbersOf(all []store.HistogramSample, limits settings.Thresholds) *numbers {
	n := &numbers{}
	for _, h := range all {
		n.count += int64(h.Histogram.Count())
		n.slow += atLeast(h.Histogram, limits.LatencyInfo)
		n.verySlow += atLeast(h.Histogram, limits.LatencyWarning)
	}
	return n
}

// atLeast is how many durations lie in the buckets of a limit and above.
func atLeast(h *store.Histogram, limit time.Duration) int64 {
	n, from := int64(0), int32(bucketOf(limit))+firstBucket
	for _, b := range h.Buckets {
		if b.Index >= from {
			n += int64(b.Count)
		}
	}
	return n
}

// maxRanks bounds how many values stand for those since the last answer.
const maxRanks = 1000

// since are the durations since the last answer; nil is none. How many they are and their
// sum is exact. How they are distributed the sample says: the node keeps it of about its
// last thousand transfers, so that it is an estimate.
func (f figures) since(last polledFigures) *store.Histogram {
	count, sum := f.Count-last.Count, f.Sum-last.Sum
	if count <= 0 || sum < 0 {
		return nil
	}
	h := &store.Histogram{}
	ranks := min(count, maxRanks)
	for i := range ranks {
		// Each rank stands for as many, and the first for what is left over.
		n := count / ranks
		if i < count%ranks {
			n++
		}
		q := (float64(i) + 0.5) / float64(ranks)
		took := f.quantile(q)
		if i == ranks-1 && f.Max > last.Max {
			took = f.Max // it was among them
			n = 1
			if spare := count/ranks - 1; spare > 0 {
				h.Merge(several(f.quantile(q), spare))
			}
		}
		h.Merge(several(took, n))
	}
	h.Sum = math.Round(float64(sum) / float64(unit))
	return h
}

// several is a histogram of equal durations.
func several(took time.Duration, n int64) *store.Histogram {
	if took <= 0 {
		return &store.Histogram{Zeros: uint64(n)}
	}
	return &store.Histogram{Buckets: []store.Bucket{{Index: int32(bucketOf(took)) + firstBucket, Count: uint64(n)}}}
}

// figures are storagenode's, with what is made of them here.
type figures struct{ storagenode.DurationFigures }

// quantile is the duration below which a part (0 to 1) of the sample lies. Between the
// quantiles that are known it grows by equal factors, as durations do.
func (f figures) quantile(q float64) time.Duration {
	known := [...]struct {
		q    float64
		took time.Duration
	}{{0, f.Sample.Min}, {0.1, f.Sample.P10}, {0.5, f.Sample.P50}, {0.9, f.Sample.P90}, {0.99, f.Sample.P99}, {1, f.Sample.Max}}
	for i := 1; i < len(known); i++ {
		low, high := known[i-1], known[i]
		if q > high.q {
			continue
		}
		if low.took <= 0 || high.took <= low.took {
			return high.took
		}
		part := (q - low.q) / (high.q - low.q)
		return time.Duration(float64(low.took) * math.Pow(float64(high.took)/float64(low.took), part))
	}
	return f.Sample.Max
}
