package latency

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	// openMinutes are counted side by side, so that a log whose lines are a little out
	// of order, or that is read beside the one it was rotated from, costs no more.
	openMinutes = 4
	// maxSatellites bounds the memory that a log of garbage can take. A node has fewer
	// than ten.
	maxSatellites = 64
	// otherSatellite stands for all beyond that.
	otherSatellite = "other"
)

// ear takes the durations of one node's transfers. A line costs it no memory: starts lie in
// a table, what is counted in arrays, one for each of the minutes that are open.
type ear struct {
	node concern.Node
	slow *slowEar

	satellites    []string // by their numbers
	lastSatellite int
	columns       []store.Column // by place, made when they are needed

	open    *open
	minutes [openMinutes]minute
	current int
	clock   uint64 // counts the changes of the current minute

	closed []row // finished minutes, for the next Flush
}

// minute is what was heard of one minute since the last Flush.
type minute struct {
	at       int64 // minutes since 1970
	lastUsed uint64
	numbers           // with a count of 0, the minute is not in use
	counted  []uint32 // the places that have something
	cells    []*cell  // by place: satellite and action
}

// numbers say of the durations of a time how many they are.
type numbers struct {
	count, slow, verySlow int64
	coarse                int64 // of whole seconds
}

func (n *numbers) add(other numbers) {
	n.count += other.count
	n.slow += other.slow
	n.verySlow += other.verySlow
	n.coarse += other.coarse
}

// note counts so many transfers of a duration.
func (n *numbers) note(took time.Duration, transfers int64, limits settings.Thresholds) {
	n.count += transfers
	if took >= limits.LatencyInfo {
		n.slow += transfers
		if took >= limits.LatencyWarning {
			n.verySlow += transfers
		}
	}
}

// samples are the numbers as they are stored.
func (n *numbers) samples(source string) (all []store.Sample) {
	for _, s := range []struct {
		column store.Column
		count  int64
	}{
		{sourceColumn(countColumn, source), n.count}, {sourceColumn(slowColumn, source), n.slow},
		{sourceColumn(verySlowColumn, source), n.verySlow}, {coarseColumn, n.coarse},
	} {
		if s.count > 0 {
			all = append(all, store.Sample{Column: s.column, Value: float64(s.count)})
		}
	}
	return all
}

func sourceColumn(metric, source string) store.Column {
	return store.NewColumn(metric, sourceLabel, source)
}

// row is a finished minute.
type row struct {
	at int64 // milliseconds UTC
	numbers
	histograms []store.HistogramSample
}

func newEar(node concern.Node, from *store.Store, now func() time.Time) *ear {
	return &ear{node: node, slow: newSlowEar(node, from, now), open: newOpen()}
}

// Hear takes one line.
func (e *ear) Hear(event *storagenode.Event) {
	switch event.Kind {
	case storagenode.UploadStarted, storagenode.DownloadStarted:
		e.open.begin(event)
	case storagenode.UploadEnded, storagenode.DownloadEnded:
		took, fine, ok := e.open.took(event)
		if !ok {
			return
		}
		if took >= slowThreshold {
			e.slow.hear(event, took, fine)
		}
		if event.Outcome == storagenode.OutcomeSuccess {
			e.count(event, took, fine)
		}
	case storagenode.TransferTwin:
		// Where the line that it says again does not name the transfer, this one does.
		if len(event.Peer) > 0 {
			_, _, _ = e.open.took(event)
		}
	case storagenode.NodeStart:
		e.open.clear()
	}
}

func (e *ear) count(event *storagenode.Event, took time.Duration, fine bool) {
	m := e.minuteOf(event.Time)
	m.note(took, 1, e.node.Thresholds)
	if !fine {
		m.coarse++
	}
	action := event.Action
	if int(action) >= actions {
		action = storagenode.OtherAction
	}
	m.cell(e.satellite(event.Satellite)*actions + int(action)).observe(took)
}

// satellite is the number of a satellite.
func (e *ear) satellite(id string) int {
	if e.lastSatellite < len(e.satellites) && e.satellites[e.lastSatellite] == id {
		return e.lastSatellite
	}
	for i, known := range e.satellites {
		if known == id {
			e.lastSatellite = i
			return i
		}
	}
	switch {
	case len(e.satellites) == maxSatellites:
		return maxSatellites - 1
	case len(e.satellites) == maxSatellites-1:
		id = otherSatellite
	}
	e.satellites = append(e.satellites, id) // the parser's own: the same text at the same place compares at once
	e.columns = append(e.columns, make([]store.Column, actions)...)
	e.lastSatellite = len(e.satellites) - 1
	return e.lastSatellite
}

// minuteOf is the open minute of a time. Where none is, the one that was not used for
// longest makes room.
func (e *ear) minuteOf(at time.Time) *minute {
	number := floorDiv(at.Unix(), 60)
	if m := &e.minutes[e.current]; m.at == number && m.numbers.count > 0 {
		return m
	}
	e.clock++
	oldest := 0
	for i := range e.minutes {
		m := &e.minutes[i]
		if m.at == number && m.numbers.count > 0 {
			m.lastUsed, e.current = e.clock, i
			return m
		}
		if m.numbers.count == 0 || e.minutes[oldest].numbers.count > 0 && m.lastUsed < e.minutes[oldest].lastUsed {
			oldest = i
		}
	}
	m := &e.minutes[oldest]
	e.close(m)
	m.at, m.lastUsed, e.current = number, e.clock, oldest
	return m
}

func (m *minute) cell(place int) *cell {
	if place >= len(m.cells) {
		m.cells = append(m.cells, make([]*cell, (place/actions+1)*actions-len(m.cells))...)
	}
	c := m.cells[place]
	if c == nil {
		c = &cell{}
		m.cells[place] = c
	}
	if c.count == 0 {
		m.counted = append(m.counted, uint32(place))
	}
	return c
}

// close makes a row of a minute, and the minute empty.
func (e *ear) close(m *minute) {
	if m.numbers.count == 0 {
		return
	}
	r := row{at: m.at * time.Minute.Milliseconds(), numbers: m.numbers, histograms: make([]store.HistogramSample, 0, len(m.counted))}
	for _, place := range m.counted {
		r.histograms = append(r.histograms, store.HistogramSample{Column: e.column(int(place)), Histogram: m.cells[place].take()})
	}
	e.closed = append(e.closed, r)
	*m = minute{counted: m.counted[:0], cells: m.cells}
}

// column is the name of a place's histogram.
func (e *ear) column(place int) store.Column {
	if e.columns[place] == "" {
		e.columns[place] = newColumn(loggedColumn, e.satellites[place/actions], actionNames[place%actions])
	}
	return e.columns[place]
}

func newColumn(metric, satellite, action string) store.Column {
	return store.NewColumn(metric, satelliteLabel, satellite, actionLabel, action)
}

// Flush adds what was heard since the last Flush.
func (e *ear) Flush(into *store.Batch) error {
	for i := range e.minutes {
		e.close(&e.minutes[i])
	}
	if at, ok := e.open.lastBegan(); ok && len(e.closed) == 0 && e.open.dropped > 0 {
		// Nothing but starts: that they were forgotten is told all the same.
		e.closed = append(e.closed, row{at: floorDiv(at, time.Minute.Nanoseconds()) * time.Minute.Milliseconds()})
	}
	if n := len(e.closed); n > 0 {
		dropped := e.open.dropped
		e.open.dropped = 0
		var merged quarters
		for i, r := range e.closed {
			if i < n-1 {
				addRow(into, e.node.StoredAs(name), r, 0)
			} else {
				addRow(into, e.node.StoredAs(name), r, dropped)
			}
			merged.add(r)
		}
		for i, r := range merged {
			if i > 0 {
				dropped = 0
			}
			addRow(into, e.node.StoredAs(later), r, dropped)
		}
		clear(e.closed)
		e.closed = e.closed[:0]
	}
	return e.slow.flush(into)
}

// addRow adds a row of the log to a family.
func addRow(into *store.Batch, group string, r row, dropped int64) {
	into.AddHistograms(group, r.at, r.histograms...)
	samples := r.samples(loggedColumn)
	if dropped > 0 {
		samples = append(samples, store.Sample{Column: droppedColumn, Value: float64(dropped)})
	}
	into.Add(group, r.at, samples...)
}

// quarters are rows of quarters of days.
type quarters []row

// add adds a minute to its quarter of a day.
func (q *quarters) add(r row) {
	at := floorDiv(r.at, quarterDay.Milliseconds()) * quarterDay.Milliseconds()
	var to *row
	for i := range *q {
		if (*q)[i].at == at {
			to = &(*q)[i]
		}
	}
	if to == nil {
		*q = append(*q, row{at: at})
		to = &(*q)[len(*q)-1]
	}
	to.numbers.add(r.numbers)
next:
	for _, h := range r.histograms {
		for _, known := range to.histograms {
			if known.Column == h.Column {
				known.Histogram.Merge(h.Histogram)
				continue next
			}
		}
		to.histograms = append(to.histograms, store.HistogramSample{Column: h.Column, Histogram: h.Histogram.Clone()})
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
