package store

import (
	"strings"
)

// Column names one series within its group: a metric and its labels.
// Its parts are joined by the ASCII unit separator, which no name contains.
type Column string

const columnSeparator = "\x1f"

// NewColumn joins a metric and its label values, as name, value, name, value …
func NewColumn(metric string, labels ...string) Column {
	if len(labels) == 0 {
		return Column(metric)
	}
	return Column(metric + columnSeparator + strings.Join(labels, columnSeparator))
}

// Metric is the column's metric name.
func (c Column) Metric() string {
	metric, _, _ := strings.Cut(string(c), columnSeparator)
	return metric
}

// Label is the value of the label with this name, or "".
func (c Column) Label(name string) string {
	_, rest, _ := strings.Cut(string(c), columnSeparator)
	for rest != "" {
		var key, value string
		key, rest, _ = strings.Cut(rest, columnSeparator)
		value, rest, _ = strings.Cut(rest, columnSeparator)
		if key == name {
			return value
		}
	}
	return ""
}

// Sample is one value of one column at one time.
type Sample struct {
	Column Column
	Value  float64
}

// row is all that a group said at one time. NaN and nil stand for "nothing said".
type row struct {
	time       int64 // milliseconds UTC
	values     []float64
	histograms []*Histogram
	events     []Event
}

// Batch is what one event or one poll adds. It is committed whole or not at all.
type Batch struct {
	rows      []batchRow
	documents []document
	bytes     int64          // of the rows and documents, once they wait for their commit
	waiting   map[string]int // where each document is, once they do
}

type batchRow struct {
	group      string
	time       int64
	samples    []Sample
	histograms []HistogramSample
	events     []Event
}

// document is the latest state of something; a nil value deletes it.
type document struct {
	key   string
	value []byte
}

// Add records what a group's columns said at a time (milliseconds UTC). A later
// row of the same time replaces the values it names and leaves the others; of an
// additive family it adds to them.
func (b *Batch) Add(group string, time int64, samples ...Sample) {
	b.rows = append(b.rows, batchRow{group: group, time: time, samples: samples})
}

// AddHistograms is Add for columns of histograms, which are a kind of their own: a
// column of numbers may have the same name. The histograms must not change later.
func (b *Batch) AddHistograms(group string, time int64, samples ...HistogramSample) {
	b.rows = append(b.rows, batchRow{group: group, time: time, histograms: samples})
}

// Put replaces the document with this key.
func (b *Batch) Put(key string, value []byte) {
	if value == nil {
		value = []byte{}
	}
	b.documents = append(b.documents, document{key: key, value: value})
}

// Delete removes the document with this key.
func (b *Batch) Delete(key string) {
	b.documents = append(b.documents, document{key: key})
}

// Empty says whether there is nothing to commit.
func (b *Batch) Empty() bool { return len(b.rows) == 0 && len(b.documents) == 0 }

// append adds another batch to one that waits for its commit. Of a document only the last
// state waits: it may be put again and again before the disk can be written.
func (b *Batch) append(other *Batch) {
	b.rows = append(b.rows, other.rows...)
	for _, r := range other.rows {
		b.bytes += r.size()
	}
	for _, doc := range other.documents {
		b.bytes += doc.size()
		if at, waits := b.waiting[doc.key]; waits {
			b.bytes -= b.documents[at].size()
			b.documents[at] = doc
			continue
		}
		if b.waiting == nil {
			b.waiting = map[string]int{}
		}
		b.waiting[doc.key] = len(b.documents)
		b.documents = append(b.documents, doc)
	}
}

// size is what a row takes in memory, about.
func (r batchRow) size() int64 {
	bytes := rowBytes + 24*int64(len(r.samples))
	for _, h := range r.histograms {
		bytes += histogramBytes + bucketBytes*int64(len(h.Histogram.Buckets))
	}
	for _, e := range r.events {
		bytes += e.bytes()
	}
	return bytes
}

func (d document) size() int64 { return itemOverhead + int64(len(d.key)+len(d.value)) }
