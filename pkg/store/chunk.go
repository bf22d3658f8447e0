package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
)

// chunk is the decoded head of a sealed block of rows: which commits it
// contains, its times, and where each column's bytes are. Columns are decoded
// only when they are asked for.
type chunk struct {
	from, to uint64 // the first and the last commit sequence it contains
	grid     grid
	columns  []Column
	data     [][]byte

	histogramColumns []Column
	histogramData    [][]byte
	eventData        []byte
}

// Version 1 had no histograms and no events, version 2 no packed columns.
const chunkVersion = 3

// table is rows on their way into or out of chunks: ascending times, one slice
// of values a column, NaN where a row said nothing of it.
type table struct {
	times   []int64
	columns []Column
	values  [][]float64

	histogramColumns []Column
	histograms       [][]*Histogram
	events           []Event // in order of time; each at the time of a row
}

func encodeChunk(from, to uint64, t *table) string {
	b := []byte{chunkVersion}
	b = binary.AppendUvarint(b, from)
	b = binary.AppendUvarint(b, to)
	b = appendTimes(b, t.times)
	var data []byte
	b, data = appendColumns(b, data, t.columns, func(data []byte, i int) []byte { return appendColumn(data, t.values[i]) })
	b, data = appendColumns(b, data, t.histogramColumns, func(data []byte, i int) []byte { return appendHistogramColumn(data, t.histograms[i]) })
	start := len(data)
	data = appendEvents(data, t.times, t.events)
	b = binary.AppendUvarint(b, uint64(len(data)-start))
	return string(appendChecksum(append(b, data...)))
}

// appendColumns writes names and lengths to b, and what the columns hold to data.
func appendColumns(b, data []byte, columns []Column, appendData func(data []byte, column int) []byte) (names, all []byte) {
	b = binary.AppendUvarint(b, uint64(len(columns)))
	order := make([]int, len(columns))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return columns[order[i]] < columns[order[j]] })
	previous := ""
	for _, i := range order {
		// Columns come sorted, so that a name shares its beginning with the one before.
		shared := sharedPrefix(previous, string(columns[i]))
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendString(b, string(columns[i])[shared:])
		previous = string(columns[i])
		start := len(data)
		data = appendData(data, i)
		b = binary.AppendUvarint(b, uint64(len(data)-start))
	}
	return b, data
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func decodeChunk(value string) (*chunk, error) {
	body, err := verified(value)
	if err != nil {
		return nil, err
	}
	d := &decoder{b: body}
	v := d.bytes(1)
	if v == nil || v[0] < 1 || v[0] > chunkVersion {
		return nil, fmt.Errorf("%w: unknown chunk version", errDamaged)
	}
	c := &chunk{from: d.uvarint(), to: d.uvarint(), grid: d.grid()}
	columns, lengths := d.columns()
	c.columns = columns
	events := 0
	var histogramLengths []int
	if v[0] > 1 {
		c.histogramColumns, histogramLengths = d.columns()
		events = d.count()
	}
	c.data = make([][]byte, 0, len(lengths))
	for _, length := range lengths {
		c.data = append(c.data, d.bytes(length))
	}
	for _, length := range histogramLengths {
		c.histogramData = append(c.histogramData, d.bytes(length))
	}
	c.eventData = d.bytes(events)
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return c, d.err
}

// columns reads the names of columns of one kind, and how long each one's data is.
func (d *decoder) columns() (columns []Column, lengths []int) {
	n := d.count()
	if n == 0 {
		return nil, nil
	}
	columns, lengths = make([]Column, 0, n), make([]int, 0, n)
	var name []byte
	for ; n > 0 && d.err == nil; n-- {
		shared := d.uvarint()
		if shared > uint64(len(name)) {
			d.fail()
			break
		}
		name = append(name[:shared], d.bytes(d.count())...)
		columns = append(columns, Column(name))
		lengths = append(lengths, int(min(d.uvarint(), math.MaxInt32)))
	}
	return columns, lengths
}

// histograms expands one column of histograms: one for each of the chunk's rows, nil
// where there is none.
func (c *chunk) histograms(i int) ([]*Histogram, error) {
	values := make([]*Histogram, c.grid.n)
	d := &decoder{b: c.histogramData[i]}
	d.histogramColumn(len(values), func(row int, h *Histogram) { values[row] = h })
	return values, d.err
}

func (c *chunk) events() ([]Event, error) {
	d := &decoder{b: c.eventData}
	if len(d.b) == 0 {
		return nil, nil
	}
	events := d.events(c.grid.times())
	return events, d.err
}

// column expands one column into a value for each of the chunk's rows.
func (c *chunk) column(i int) ([]float64, error) {
	values := make([]float64, c.grid.n)
	d := &decoder{b: c.data[i]}
	d.runs(len(values), func(from, to int, value float64) {
		for j := from; j < to; j++ {
			values[j] = value
		}
	})
	return values, d.err
}

// addTo puts the chunk's rows into a head, where later rows of the same time win.
func (c *chunk) addTo(h *groupHead) error {
	times := c.grid.times()
	for i, name := range c.columns {
		values, err := c.column(i)
		if err != nil {
			return err
		}
		n := h.columnIndex(name)
		for j, t := range times {
			if values[j] == values[j] {
				h.set(t, n, values[j])
			}
		}
	}
	for i, name := range c.histogramColumns {
		values, err := c.histograms(i)
		if err != nil {
			return err
		}
		n := h.histograms.number(name)
		for j, value := range values {
			if value != nil {
				h.setHistogram(times[j], n, value)
			}
		}
	}
	events, err := c.events()
	for _, e := range events {
		h.addEvent(e)
	}
	return err
}
