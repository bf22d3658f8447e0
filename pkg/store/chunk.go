package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
)

// chunk is the decoded head of a sealed block of rows: which commits it
// contains, its times, and where each column's bytes are. Columns are decoded
// only when they are asked for.
type chunk struct {
	version  byte
	from, to uint64 // the first and the last commit sequence it contains
	grid     grid
	columns  []Column
	data     [][]byte

	histogramColumns []Column
	histogramData    [][]byte
	eventData        []byte

	damaged []Column // those whose data is not what was written, and is nil
}

// Version 1 had no histograms and no events, version 2 no packed columns, version 3 one
// checksum instead of one for each column, version 4 histograms of whole bytes, version 5 did
// not name its key.
const chunkVersion = 6

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

// block is what a chunk holds of one column, as it is written.
type block struct {
	name Column
	data []byte
}

func encodeChunk(key string, from, to uint64, t *table) string {
	var numbers, histograms []block
	for i, name := range t.columns {
		numbers = append(numbers, block{name, appendColumn(nil, t.values[i])})
	}
	for i, name := range t.histogramColumns {
		histograms = append(histograms, block{name, appendHistogramColumn(nil, t.histograms[i])})
	}
	return encodeBlocks(key, from, to, t.times, numbers, histograms, appendEvents(nil, t.times, t.events))
}

// A chunk is a head, its checksum, and the columns' data. The head has a checksum of each
// column, so that what damages one costs no other; the short ones share one.
func encodeBlocks(key string, from, to uint64, times []int64, numbers, histograms []block, events []byte) string {
	b := append(appendName(nil, key), chunkVersion)
	b = binary.AppendUvarint(b, from)
	b = binary.AppendUvarint(b, to)
	b = appendTimes(b, times)
	var data []byte
	for _, blocks := range [][]block{numbers, histograms} {
		// Columns come sorted, so that a name shares its beginning with the one before.
		slices.SortFunc(blocks, func(a, b block) int { return strings.Compare(string(a.name), string(b.name)) })
		b = binary.AppendUvarint(b, uint64(len(blocks)))
		previous := ""
		for _, of := range blocks {
			shared := sharedPrefix(previous, string(of.name))
			b = binary.AppendUvarint(b, uint64(shared))
			b = appendString(b, string(of.name)[shared:])
			previous = string(of.name)
			b = appendExtent(b, of.data)
			data = append(data, of.data...)
		}
	}
	b = appendExtent(b, events)
	shared := uint32(0)
	for _, blocks := range [][]block{numbers, histograms, {{data: events}}} {
		for _, of := range blocks {
			if len(of.data) < ownChecksum {
				shared = crc32.Update(shared, castagnoli, of.data)
			}
		}
	}
	b = binary.LittleEndian.AppendUint32(b, shared)
	return string(append(append(appendChecksum(b), data...), events...))
}

// ownChecksum is the length from which on a column's data has a checksum of its own.
const ownChecksum = 64

// extent is how long a column's data is, and its checksum if it has one of its own.
type extent struct {
	length   int
	checksum uint32
}

func appendExtent(b, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(data)))
	if len(data) >= ownChecksum {
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(data, castagnoli))
	}
	return b
}

func (d *decoder) extent(version byte) extent {
	e := extent{length: int(min(d.uvarint(), math.MaxInt32))}
	if version >= 4 && e.length >= ownChecksum {
		e.checksum = d.checksum()
	}
	return e
}

// data is what an extent is of, and nil where it is not what was written.
func (d *decoder) data(e extent, version byte) []byte {
	data := d.bytes(e.length)
	if version >= 4 && e.length >= ownChecksum && crc32.Checksum(data, castagnoli) != e.checksum {
		return nil
	}
	return data
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// decodeChunk answers a chunk that is whole.
func decodeChunk(key, value string) (*chunk, error) {
	c, err := parseChunk(key, value)
	if err == nil && len(c.damaged) > 0 {
		err = fmt.Errorf("%w: the checksums of %d columns disagree", errDamaged, len(c.damaged))
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// parseChunk answers a chunk of which columns may be damaged.
func parseChunk(key, value string) (*chunk, error) {
	body := bytesOf(value)
	if len(body) > 0 && body[0] > 0 && body[0] < 4 {
		var err error
		if body, err = verified(value); err != nil {
			return nil, err
		}
	}
	d := &decoder{b: body}
	named := d.name(key)
	first := d.bytes(1)
	if first == nil || first[0] < 1 || first[0] > chunkVersion || named != (first[0] > 5) {
		return nil, fmt.Errorf("%w: unknown chunk version", errDamaged)
	}
	version := first[0]
	c := &chunk{version: version, from: d.uvarint(), to: d.uvarint(), grid: d.grid()}
	columns, extents := d.columns(version)
	c.columns = columns
	var events extent
	var histogramExtents []extent
	if version > 1 {
		c.histogramColumns, histogramExtents = d.columns(version)
		events = d.extent(version)
	}
	shared := d.shared(version)
	if version >= 4 {
		head := body[:len(body)-len(d.b)]
		if checksum := d.checksum(); d.err == nil && checksum != crc32.Checksum(head, castagnoli) {
			d.fail()
		}
	}
	c.data = make([][]byte, 0, len(extents))
	for i, e := range extents {
		c.data = append(c.data, d.data(e, version))
		c.check(columns[i], c.data[i], e)
	}
	for i, e := range histogramExtents {
		c.histogramData = append(c.histogramData, d.data(e, version))
		c.check(c.histogramColumns[i], c.histogramData[i], e)
	}
	c.eventData = d.data(events, version)
	c.check(eventsGroup, c.eventData, events)
	if version >= 4 {
		c.checkShort(shared)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return c, d.err
}

// shared is the checksum that short columns share.
func (d *decoder) shared(version byte) uint32 {
	if version < 4 {
		return 0
	}
	return d.checksum()
}

// checkShort finds out whether the columns without a checksum of their own are whole, and
// takes none of them if they are not.
func (c *chunk) checkShort(shared uint32) {
	short := func(each func(name Column, data *[]byte)) {
		for i := range c.data {
			each(c.columns[i], &c.data[i])
		}
		for i := range c.histogramData {
			each(c.histogramColumns[i], &c.histogramData[i])
		}
		each(eventsGroup, &c.eventData)
	}
	checksum := uint32(0)
	short(func(_ Column, data *[]byte) {
		if len(*data) < ownChecksum {
			checksum = crc32.Update(checksum, castagnoli, *data)
		}
	})
	if checksum == shared {
		return
	}
	short(func(name Column, data *[]byte) {
		if n := len(*data); n > 0 && n < ownChecksum {
			*data = nil
			c.damaged = append(c.damaged, name)
		}
	})
}

// within says whether the chunk's rows are where its key says.
func (c *chunk) within(p place) bool {
	return c.grid.n == 0 || c.grid.first() >= p.window && c.grid.last() < p.end()
}

func (c *chunk) check(name Column, data []byte, e extent) {
	if data == nil && e.length > 0 {
		c.damaged = append(c.damaged, name)
	}
}

// renewed is the chunk's value as it is written today, without the columns that are damaged.
// Only one whose columns have their own checksums loses some and not all.
func (c *chunk) renewed(key string) string {
	var numbers, histograms []block
	for i, name := range c.columns {
		if c.data[i] != nil {
			numbers = append(numbers, block{name, c.data[i]})
		}
	}
	for i, name := range c.histogramColumns {
		data := c.histogramData[i]
		if data != nil && c.version < 5 {
			values, err := c.histograms(i)
			if err != nil {
				continue
			}
			data = appendHistogramColumn(nil, values)
		}
		if data != nil {
			histograms = append(histograms, block{name, data})
		}
	}
	return encodeBlocks(key, c.from, c.to, c.grid.times(), numbers, histograms, c.eventData)
}

// columns reads the names of columns of one kind, and the extent of each one's data.
func (d *decoder) columns(version byte) (columns []Column, extents []extent) {
	n := d.count()
	if n == 0 {
		return nil, nil
	}
	columns, extents = make([]Column, 0, n), make([]extent, 0, n)
	var name []byte
	for ; n > 0 && d.err == nil; n-- {
		shared := d.uvarint()
		if shared > uint64(len(name)) {
			d.fail()
			break
		}
		name = append(name[:shared], d.bytes(d.count())...)
		columns = append(columns, Column(name))
		extents = append(extents, d.extent(version))
	}
	return columns, extents
}

// histograms expands one column of histograms: one for each of the chunk's rows, nil
// where there is none.
func (c *chunk) histograms(i int) ([]*Histogram, error) {
	values := make([]*Histogram, c.grid.n)
	err := c.eachHistogram(i, &histogramMemory{}, func(row int, h *Histogram) { values[row] = h })
	return values, err
}

// eachHistogram calls f with each histogram of one column, and its row. They may be in the
// memory.
func (c *chunk) eachHistogram(i int, memory *histogramMemory, f func(row int, h *Histogram)) error {
	d := &decoder{b: c.histogramData[i]}
	if c.version < 5 {
		d.formerHistogramColumn(c.grid.n, f)
	} else {
		d.histogramColumn(c.grid.n, memory, f)
	}
	return d.err
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
		n := h.numbers.number(name)
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
