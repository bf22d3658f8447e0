package latency

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
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

// longestPause is between two answers of the debug port that belong together, unless it is asked
// more rarely. What came in a longer one is not counted: nobody knows when it was.
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
	pause := max(longestPause, 3*poll.Interval)
	counts := !before.At.IsZero() && poll.At.After(before.At) && poll.At.Sub(before.At) <= pause
	if !now.Started.Equal(before.Started) {
		// Another process, which began to count at its start.
		counts = now.Started.After(before.At) && poll.At.Sub(now.Started) <= pause
		before.Figures = nil
	}
	var histograms []store.HistogramSample
	counted := &numbers{}
	for _, said := range poll.Debug.Durations {
		f := figures{said}
		known := polledFigures{Action: actionName(f.Action), Satellite: f.Satellite, Count: f.Count, Sum: f.Sum, Max: f.Max}
		now.Figures = append(now.Figures, known)
		last := before.figures(known.Action, known.Satellite)
		if f.Count < last.Count || f.Sum < last.Sum {
			last = polledFigures{} // it began anew, though its API did not say so
		}
		if f.Count == last.Count || !counts {
			continue
		}
		h := &store.Histogram{}
		for _, p := range f.since(last) {
			h.Merge(p.histogram())
			counted.note(p.took, p.n, node.Thresholds)
		}
		h.Sum = math.Round(float64(f.Sum-last.Sum) / float64(unit))
		histograms = append(histograms, store.HistogramSample{Column: newColumn(polledColumn, known.Satellite, known.Action), Histogram: h})
	}
	if len(histograms) > 0 {
		samples := counted.samples(polledColumn)
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

// part are some of the transfers since the last answer, all of about the same duration.
type part struct {
	took time.Duration
	n    int64
}

func (p part) histogram() *store.Histogram {
	if p.took <= 0 {
		return &store.Histogram{Zeros: uint64(p.n)}
	}
	return &store.Histogram{Buckets: []store.Bucket{{Index: int32(bucketOf(p.took)) + firstBucket, Count: uint64(p.n)}}}
}

// maxParts bounds how many parts are made of the fast transfers, and of the slow ones.
const maxParts = 500

// parts are so many transfers, the fastest first: a share of them (0 to 1) took up to so long.
func parts(count int64, upTo func(share float64) float64) []part {
	all := make([]part, min(count, maxParts))
	for i := range all {
		n, of := int64(i), int64(len(all))
		all[i] = part{time.Duration(upTo((float64(i) + 0.5) / float64(of))), count*(n+1)/of - count*n/of}
	}
	return all
}

// ordinaryTail is how many times as long as the fastest of them the slowest tenth of the transfers
// take on average, where none of them sticks out.
const ordinaryTail = 2

// since are the transfers since the last answer. How many they are and how long they took in all
// is exact. How nine tenths of them are distributed, the node's sample says. Of the slowest tenth
// it has six values only, and a single transfer that was slow is one of them until a thousand
// more have ended: how slow this tenth was follows from what the others leave of the sum.
func (f figures) since(last polledFigures) []part {
	count, sum := f.Count-last.Count, float64(f.Sum-last.Sum)
	slowest, least := (count+9)/10, float64(f.Sample.P90)
	all := parts(count-slowest, func(share float64) float64 { return float64(f.quantile(0.9 * share)) })
	left := sum
	for _, p := range all {
		left -= float64(p.took) * float64(p.n)
	}
	if short := least*float64(slowest) - left; short > 0 {
		// The sample is of a slower time.
		all = append(all, part{f.Sample.P90, slowest})
		for i := range all {
			all[i].took = time.Duration(float64(all[i].took) * sum / (sum + short))
		}
		return all
	}
	take := func(took time.Duration, n int64) {
		all = append(all, part{took, n})
		slowest -= n
		left -= float64(took) * float64(n)
	}
	if f.Max > last.Max {
		take(f.Max, 1) // it was among them
	}
	if over := left - ordinaryTail*least*float64(slowest); over > 0 {
		// Some stick out, as few as can be: each took as long as the slowest of the sample, or
		// of all where those would be so many that the sample had more of them.
		took := f.Sample.Max
		if over > (float64(took)-least)*float64(slowest)/2 {
			took = f.Max
		}
		if each := float64(took) - least; each > 0 {
			take(took, min(int64(math.Round(over/each)), slowest))
		}
	}
	if slowest > 0 {
		// The others are distributed as Pareto's law has it, with the mean that is left.
		power := 1 - min(1, least*float64(slowest)/max(left, 1))
		all = append(all, parts(slowest, func(share float64) float64 { return least * math.Pow(1-share, -power) })...)
	}
	return slices.DeleteFunc(all, func(p part) bool { return p.n == 0 })
}

// figures are storagenode's, with what is made of them here.
type figures struct{ storagenode.DurationFigures }

// quantile is the duration below which a part (0 to 0.9) of the sample lies. Between the
// quantiles that are known it grows by equal factors, as durations do.
func (f figures) quantile(q float64) time.Duration {
	known := [...]struct {
		q    float64
		took time.Duration
	}{{0, f.Sample.Min}, {0.1, f.Sample.P10}, {0.5, f.Sample.P50}, {0.9, f.Sample.P90}}
	for i := 1; i < len(known); i++ {
		low, high := known[i-1], known[i]
		if q > high.q {
			continue
		}
		if low.took <= 0 || high.took <= low.took {
			return high.took
		}
		between := (q - low.q) / (high.q - low.q)
		return time.Duration(float64(low.took) * math.Pow(float64(high.took)/float64(low.took), between))
	}
	return f.Sample.P90
}
