package traffic

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
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
	// longestTransfer is how long a start waits for its end. A node ends a transfer
	// after at most some minutes without a byte.
	longestTransfer = time.Hour
)

// ear counts the lines of one node's log by minute. A line costs it no memory: what
// is counted lies in arrays, one for each of the minutes that are open.
type ear struct {
	group, sizesGroup string

	satellites    []string // by their numbers
	lastSatellite int
	columns       [][cellsPerSatellite]cellColumns // by satellite; made when they are needed

	open     [openMinutes]minute
	current  int
	clock    uint64 // counts the changes of the current minute
	inFlight *inFlight

	closed []row // finished minutes, for the next Flush
}

// minute is what was heard of one minute since the last Flush.
type minute struct {
	at         int64 // minutes since 1970
	lastUsed   uint64
	lines      int64 // 0: the minute is not in use
	started    int64
	ended      int64
	restarts   int64
	counted    []uint32 // the cells that are not zero
	cells      []cell   // by satellite, action and outcome
	busyCounts int64
}

const cellsPerSatellite = actions * outcomes

// cell counts the transfers of one satellite, action and outcome in one minute.
type cell struct {
	operations uint32
	sizes      [len(sizeClasses)]uint32
	bytes      int64
	busy       time.Duration
	listed     bool // among the minute's counted cells
}

// cellColumns are the stored columns of a cell.
type cellColumns struct {
	operations, bytes, busy store.Column
	sizes                   [len(sizeClasses)]store.Column
}

// row is a finished minute.
type row struct {
	at            int64 // milliseconds UTC
	counts, sizes []store.Sample
}

func newEar(node concern.Node) *ear {
	return &ear{group: node.StoredAs(name), sizesGroup: node.StoredAs(sizes)}
}

// Hear counts a line.
func (e *ear) Hear(event *storagenode.Event) {
	m := e.minuteOf(event.Time)
	m.lines++
	switch event.Kind {
	case storagenode.UploadStarted, storagenode.DownloadStarted:
		m.started++
		if e.inFlight == nil {
			e.inFlight = newInFlight()
		}
		e.inFlight.begin(event)
	case storagenode.UploadEnded, storagenode.DownloadEnded:
		m.ended++
		outcome := event.Outcome
		if outcome == storagenode.NoOutcome {
			outcome = storagenode.OutcomeFailed
		}
		place := e.place(event, outcome)
		cell := m.cell(place)
		cell.operations++
		if event.Size >= 0 && event.Outcome != storagenode.OutcomeRejected {
			cell.bytes += event.Size
			cell.sizes[classOf(event.Size)]++
		}
		if e.inFlight != nil {
			if began, ok := e.inFlight.end(event); ok {
				e.busy(e.place(event, storagenode.NoOutcome), began, event.Time)
			}
		}
	case storagenode.NodeStart:
		m.restarts++
		if e.inFlight != nil {
			e.inFlight.clear() // none of them outlives the process
		}
	}
}

// busy adds the time that a transfer took to the minutes in which it was under way.
func (e *ear) busy(place int, began, ended time.Time) {
	for began.Before(ended) {
		next := began.Truncate(time.Minute).Add(time.Minute)
		if next.After(ended) {
			next = ended
		}
		m := e.minuteOf(began)
		m.cell(place).busy += next.Sub(began)
		m.busyCounts++
		began = next
	}
}

// place is the number of the cell that a transfer is counted in.
func (e *ear) place(event *storagenode.Event, outcome storagenode.Outcome) int {
	action := event.Action
	if outcome == storagenode.OutcomeRejected && action == storagenode.NoAction {
		action = storagenode.Put // the line says no more than that an upload was refused
	}
	if int(action) >= actions {
		action = storagenode.OtherAction
	}
	if int(outcome) >= outcomes {
		outcome = storagenode.OutcomeFailed
	}
	return e.satellite(event.Satellite)*cellsPerSatellite + int(action)*outcomes + int(outcome)
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
	e.columns = append(e.columns, [cellsPerSatellite]cellColumns{})
	e.lastSatellite = len(e.satellites) - 1
	return e.lastSatellite
}

// minuteOf is the open minute of a time. Where none is, the one that was not used
// for longest makes room.
func (e *ear) minuteOf(at time.Time) *minute {
	number := floorDiv(at.Unix(), 60)
	if m := &e.open[e.current]; m.at == number && m.inUse() {
		return m
	}
	e.clock++
	oldest := 0
	for i := range e.open {
		m := &e.open[i]
		if m.at == number && m.inUse() {
			m.lastUsed, e.current = e.clock, i
			return m
		}
		if !m.inUse() || e.open[oldest].inUse() && m.lastUsed < e.open[oldest].lastUsed {
			oldest = i
		}
	}
	m := &e.open[oldest]
	e.close(m)
	m.at, m.lastUsed, e.current = number, e.clock, oldest
	return m
}

func (m *minute) inUse() bool { return m.lines > 0 || m.busyCounts > 0 }

func (m *minute) cell(place int) *cell {
	if place >= len(m.cells) {
		m.cells = append(m.cells, make([]cell, (place/cellsPerSatellite+1)*cellsPerSatellite-len(m.cells))...)
	}
	c := &m.cells[place]
	if !c.listed {
		c.listed = true
		m.counted = append(m.counted, uint32(place))
	}
	return c
}

// close makes a row of a minute, and the minute empty.
func (e *ear) close(m *minute) {
	if !m.inUse() {
		return
	}
	r := row{at: m.at * time.Minute.Milliseconds(), counts: make([]store.Sample, 0, 4+2*len(m.counted))}
	add := func(column store.Column, count float64) {
		if count > 0 {
			r.counts = append(r.counts, store.Sample{Column: column, Value: count})
		}
	}
	add(linesColumn, float64(m.lines))
	add(startedColumn, float64(m.started))
	add(transferLinesColumn, float64(m.ended))
	add(restartsColumn, float64(m.restarts))
	for _, place := range m.counted {
		c, columns := &m.cells[place], e.columnsOf(int(place))
		if columns.operations != "" {
			add(columns.operations, float64(c.operations))
			add(columns.bytes, float64(c.bytes))
		}
		add(columns.busy, float64(c.busy.Round(busyUnit)/busyUnit))
		for class, count := range c.sizes {
			if count > 0 {
				r.sizes = append(r.sizes, store.Sample{Column: columns.sizes[class], Value: float64(count)})
			}
		}
		*c = cell{}
	}
	e.closed = append(e.closed, r)
	*m = minute{counted: m.counted[:0], cells: m.cells}
}

// columnsOf are the names of a cell's columns, made once.
func (e *ear) columnsOf(place int) *cellColumns {
	satellite, within := place/cellsPerSatellite, place%cellsPerSatellite
	columns := &e.columns[satellite][within]
	if columns.operations != "" || columns.busy != "" {
		return columns
	}
	labels := []string{satelliteLabel, e.satellites[satellite], actionLabel, actionNames[within/outcomes]}
	outcome := within % outcomes
	if outcome == int(storagenode.NoOutcome) {
		columns.busy = store.NewColumn(busyColumn, labels...)
		return columns
	}
	labels = append(labels, outcomeLabel, outcomeNames[outcome])
	columns.operations = store.NewColumn(operationsColumn, labels...)
	columns.bytes = store.NewColumn(bytesColumn, labels...)
	for class := range columns.sizes {
		columns.sizes[class] = store.NewColumn(sizesColumn, append(labels[:len(labels):len(labels)], sizeLabel, sizeClasses[class].stored)...)
	}
	return columns
}

// Flush adds what was counted since the last Flush.
func (e *ear) Flush(into *store.Batch) error {
	for i := range e.open {
		e.close(&e.open[i])
	}
	for _, r := range e.closed {
		if len(r.counts) > 0 {
			into.Add(e.group, r.at, r.counts...)
		}
		if len(r.sizes) > 0 {
			into.Add(e.sizesGroup, r.at, r.sizes...)
		}
	}
	clear(e.closed)
	e.closed = e.closed[:0]
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
