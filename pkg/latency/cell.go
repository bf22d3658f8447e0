package latency

import (
	"math"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The buckets of a cell, as the store numbers them: from a microsecond to the longest
// duration that is taken. What is shorter counts as a microsecond.
const (
	bucketsADoubling = 8
	firstBucket      = -53
	lastBucket       = 202
)

// cell counts the durations of one satellite and action in one minute.
type cell struct {
	count       uint32
	zeros       uint32
	lowest, top int16 // the buckets in use, from lowest up to before top
	sum         time.Duration
	buckets     [lastBucket - firstBucket + 1]uint32
}

func (c *cell) observe(took time.Duration) {
	c.count++
	if took <= 0 {
		c.zeros++
		return
	}
	c.sum += took
	bucket := bucketOf(took)
	c.buckets[bucket]++
	if c.top == 0 || int16(bucket) < c.lowest {
		c.lowest = int16(bucket)
	}
	c.top = max(c.top, int16(bucket)+1)
}

// bucketOf is the number of a duration's bucket, from the first one on.
func bucketOf(took time.Duration) int {
	index := int(math.Ceil(math.Log2(float64(took)/float64(unit)) * bucketsADoubling))
	return min(max(index, firstBucket), lastBucket) - firstBucket
}

// take is what was counted, as the store has it. The cell is empty then.
func (c *cell) take() *store.Histogram {
	h := &store.Histogram{Sum: math.Round(float64(c.sum) / float64(unit)), Zeros: uint64(c.zeros)}
	used := 0
	for _, n := range c.buckets[c.lowest:c.top] {
		if n > 0 {
			used++
		}
	}
	h.Buckets = make([]store.Bucket, 0, used)
	for i := c.lowest; i < c.top; i++ {
		if n := c.buckets[i]; n > 0 {
			h.Buckets = append(h.Buckets, store.Bucket{Index: int32(i) + firstBucket, Count: uint64(n)})
			c.buckets[i] = 0
		}
	}
	c.count, c.zeros, c.lowest, c.top, c.sum = 0, 0, 0, 0, 0
	return h
}
