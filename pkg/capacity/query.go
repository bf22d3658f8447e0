package capacity

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Types are the query types of this concern.
func (Concern) Types() []concern.Type {
	formats := []concern.Format{concern.TimeSeries, concern.Instant, concern.Table}
	return []concern.Type{
		{Name: name, Formats: formats, Metrics: metricNames(), GroupBy: []string{byNode, byTotal}},
		{Name: satelliteType, Formats: formats, Metrics: []string{paidMetric, paidAverageMetric}, GroupBy: []string{byNode, bySatellite, byTotal}},
		{Name: breakdownType, Formats: []concern.Format{concern.Table, concern.Instant}, Metrics: partNames(), GroupBy: []string{byNode, byTotal}},
	}
}

// Answer answers a query. Time series are the fullest of each step; instants and tables are
// what is known last.
func (Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	switch request.Query.QueryType {
	case satelliteType:
		return answerSatellites(ctx, request)
	case breakdownType:
		return answerBreakdown(request)
	}
	a, err := newAnswer(request)
	if err != nil {
		return nil, err
	}
	var result data.Frames
	switch request.Query.Format {
	case concern.TimeSeries:
		result, err = a.series(ctx)
	case concern.Instant:
		result, err = a.instants(ctx)
	default:
		result, err = a.table(ctx)
	}
	if err != nil {
		return nil, err
	}
	if notices := a.notices(); len(notices) > 0 {
		result[0].AppendNotices(notices...)
	}
	return result, nil
}

type answer struct {
	request concern.Request
	metrics []metric
	total   bool // everything is added up
	nodes   []knownNode
}

// knownNode is a node with what is known of its disk.
type knownNode struct {
	concern.Watched
	disk
	forecast forecast
}

func (n knownNode) ever() bool { return n.polled || n.listed }

// polledBy says whether a node's API had spoken when a step ended. Before, only its log told of it.
func (n knownNode) polledBy(at int64, step time.Duration) bool {
	return n.polled && n.latest.First.Before(time.UnixMilli(at).Add(step))
}

// counts says whether a node's disk is part of what all nodes have now.
func (n knownNode) counts() bool { return n.ever() && !n.Retired }

func newAnswer(request concern.Request) (*answer, error) {
	groups, err := groupsOf(request.Query.GroupBy, []string{byNode})
	if err != nil {
		return nil, err
	}
	a := &answer{request: request, total: len(groups) == 0}
	named := len(request.Query.Metrics) > 0
	for _, m := range metrics {
		switch {
		case !request.Query.WantsMetric(m.name):
		case m.ahead && request.Query.Format != concern.TimeSeries:
			if named {
				return nil, fmt.Errorf("%s is a line into the future, which is a time series: ask for format %q", m.name, concern.TimeSeries)
			}
		case m.ahead && !named && !request.To.After(request.Now):
			// Without being asked for, it is drawn where the panel shows the future.
		default:
			a.metrics = append(a.metrics, m)
		}
	}
	for _, node := range request.Watched {
		k := knownNode{Watched: node, disk: read(request.Store, node.Node)}
		if k.ever() {
			k.forecast = k.disk.forecast(request.Now)
		}
		a.nodes = append(a.nodes, k)
	}
	return a, nil
}

// now are the sums of what is known last.
func (n knownNode) now() sums {
	s := unknown()
	if !n.ever() {
		return s
	}
	s.free = float64(n.disk.free())
	if n.polled {
		l := n.latest
		s.used, s.trash, s.allocated, s.overused = float64(l.Used), float64(l.Trash), float64(l.Allocated), float64(l.Overused)
		s.pieces = l.pieces()
		if l.Reclaimable != nil {
			s.reclaimable = float64(*l.Reclaimable)
		}
	}
	o := n.outlook()
	if o.Week.Known {
		s.growth, s.growthLower, s.growthUpper, s.reach = o.Week.PerDay, o.Week.Lower, o.Week.Upper, o.Week.reach()
	}
	if o.Day.Known {
		s.growthDay = o.Day.PerDay
	}
	if o.Month.Known {
		s.growthMonth = o.Month.PerDay
	}
	return s
}

// value is a metric of what is known. When it will be full, the forecast says.
func (m metric) value(s sums, f forecast) float64 {
	if m.needs {
		switch m.name {
		case untilFullMetric:
			return f.days
		case "days_until_full_lower":
			return f.lower
		default:
			return f.upper
		}
	}
	return m.of(s)
}

// fleetSum adds nodes up. Of a node that only its log tells of, it is known what is free and how fast
// that falls: the sum has that of it and nothing else, which a notice says, so that one node without
// an API does not hide what all others use.
type fleetSum struct {
	polled, heard nodeSums
	filling       nodeSums // those that are not full, for when all are
}

// nodeSums are nodes that are added up.
type nodeSums struct {
	sums
	nodes int
}

func (a *nodeSums) add(s sums) {
	if a.nodes > 0 {
		s = a.plus(s)
	}
	a.sums = s
	a.nodes++
}

// add adds a node. Of one that was silent for long there is no forecast, and so there is none of all.
func (t *fleetSum) add(s sums, polled, silent bool) {
	if polled {
		t.polled.add(s)
	} else {
		t.heard.add(s)
	}
	switch {
	case silent:
		t.filling.add(unknown())
	case !(s.free <= 0):
		t.filling.add(s)
	}
}

func (t *fleetSum) nodes() int { return t.polled.nodes + t.heard.nodes }

// all is what the nodes come to.
func (t *fleetSum) all() sums {
	switch {
	case t.nodes() == 0:
		return unknown()
	case t.polled.nodes == 0:
		return t.heard.sums
	case t.heard.nodes == 0:
		return t.polled.sums
	}
	s := t.polled.sums
	s.free += t.heard.free
	growths, heard := s.growths(), t.heard.growths()
	for i, v := range heard {
		if *v == *v {
			*growths[i] += *v
		}
	}
	return s
}

// until is when the nodes are full as one. Those that are full already have no room for what grew on
// them in the last week.
func (t *fleetSum) until() forecast {
	if t.nodes() > 0 && t.filling.nodes == 0 {
		return forecast{reason: isFull}
	}
	return t.filling.until()
}

// because is when the nodes are full as one, or why nobody knows.
func (t *fleetSum) because() forecast { return t.filling.because(t.until()) }

// plus adds what is known of another node. What of one node is not known is not known of all,
// but for what can be reclaimed, which old nodes do not say. A forecast reaches as far as any.
func (s sums) plus(other sums) sums {
	a, b := s.each(), other.each()
	for i := range a {
		switch {
		case a[i] == &s.reach:
			*a[i] = max(*a[i], *b[i])
		case a[i] == &s.reclaimable && *b[i] != *b[i]:
		case a[i] == &s.reclaimable && *a[i] != *a[i]:
			*a[i] = *b[i]
		default:
			*a[i] += *b[i]
		}
	}
	return s
}

// all adds up what is known of the nodes that ever said anything, and when they are full as
// one. A node that never did is named in a notice; one that is retired has no disk any more.
func (a *answer) all() (sums, forecast, bool) {
	var sum fleetSum
	for _, n := range a.nodes {
		if n.counts() {
			sum.add(n.now(), n.polled, n.forecast.unknown())
		}
	}
	return sum.all(), sum.because(), sum.nodes() > 0
}

// instants answers the latest value of each metric and node, one frame a metric. For a range
// that ends in the past it is the latest of that range.
func (a *answer) instants(ctx context.Context) (data.Frames, error) {
	rows, err := a.rows(ctx)
	if err != nil {
		return nil, err
	}
	var result data.Frames
	for _, m := range a.metrics {
		var dimensions []string
		if !a.total {
			dimensions = []string{byNode}
		}
		frame := frames.NewLong(name, m.name, m.config(a.request.Settings.Thresholds), dimensions...)
		if len(a.request.Watched) == 1 {
			frame = frames.NewLong(name, m.name, m.config(a.request.Watched[0].Thresholds), dimensions...)
		}
		for _, r := range rows {
			if v := m.value(r.sums, r.forecast); v == v {
				frame.Add(v, []string{r.node}[:len(dimensions)]...)
			}
		}
		result = append(result, frame.Frame())
	}
	return result, nil
}

// row is a node, or all of them, at one time.
type row struct {
	node string
	sums
	forecast
	at time.Time
}

// rows are the nodes as they are now, or were at the end of a range in the past.
func (a *answer) rows(ctx context.Context) ([]row, error) {
	if a.inThePast() {
		return a.pastRows(ctx)
	}
	if a.total {
		sum, f, known := a.all()
		if !known {
			return nil, nil
		}
		var at time.Time
		for _, n := range a.nodes {
			if n.counts() && n.disk.at().After(at) {
				at = n.disk.at()
			}
		}
		return []row{{node: "all nodes", sums: sum, forecast: f, at: at}}, nil
	}
	var rows []row
	for _, n := range a.nodes {
		if n.ever() {
			rows = append(rows, row{node: n.Name, sums: n.now(), forecast: n.forecast, at: n.disk.at()})
		}
	}
	return rows, nil
}

// inThePast says whether the range ends so long before a node's last word that an earlier one is
// asked for. The clock of a browser may be slow: its panels of now end a little before it.
func (a *answer) inThePast() bool {
	for _, n := range a.nodes {
		if n.ever() && n.disk.at().Sub(a.request.To) > 2*max(n.latest.Interval, heardStep) {
			return true
		}
	}
	return false
}

// pastRows are the last values of the range, or of the last hours before its end.
func (a *answer) pastRows(ctx context.Context) ([]row, error) {
	from := a.request.To.Add(-silentFor)
	if a.request.From.After(from) {
		from = a.request.From
	}
	if least := a.request.To.Add(-2 * max(a.request.Settings.Poll.Scores, time.Hour)); from.After(least) {
		from = least
	}
	past := *a
	past.request.From = from
	past.metrics = metrics // when it is full takes more than what is asked for
	step := heardStep      // so short that each is of one poll, and of its time
	read, err := past.readAll(ctx, step)
	if err != nil {
		return nil, err
	}
	var rows []row
	var sum fleetSum
	for _, r := range read {
		last, at := unknown(), int64(0)
		for i, s := range r.steps {
			if s.said() {
				last, at = s.since(last), r.times[i]
			}
		}
		if last.said() {
			rows = append(rows, row{node: r.node.Name, sums: last, forecast: last.because(last.until()), at: time.UnixMilli(at)})
			sum.add(last, r.node.polledBy(at, step), false)
		}
	}
	if a.total && len(rows) > 0 {
		newest := slices.MaxFunc(rows, func(x, y row) int { return x.at.Compare(y.at) }).at
		rows = []row{{node: "all nodes", sums: sum.all(), forecast: sum.because(), at: newest}}
	}
	return rows, nil
}

// table answers one row a node, the fullest first.
func (a *answer) table(ctx context.Context) (data.Frames, error) {
	rows, err := a.rows(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return cmp.Compare(share(y.used, y.allocated), share(x.used, x.allocated))
	})
	thresholds := a.request.Settings.Thresholds
	if len(a.request.Watched) == 1 {
		thresholds = a.request.Watched[0].Thresholds
	}
	fields := []*data.Field{frames.Column("node_name", nil, frames.Each(rows, func(r row) string { return r.node }))}
	for _, m := range a.metrics {
		fields = append(fields, frames.Column(m.name, m.config(thresholds), frames.Each(rows, func(r row) *float64 {
			if v := m.value(r.sums, r.forecast); v == v {
				return &v
			}
			return nil
		})))
	}
	fields = append(fields,
		frames.Column("full_at", nil, frames.Each(rows, func(r row) *time.Time {
			if r.days != r.days || r.days == 0 {
				return nil
			}
			at := r.at.Add(time.Duration(r.days * float64(day))).UTC().Truncate(time.Hour)
			return &at
		})),
		frames.Column("no_forecast_because", nil, frames.Each(rows, func(r row) string { return r.why })),
		frames.Column("timestamp", nil, frames.Each(rows, func(r row) *time.Time { return frames.Optional(r.at.UTC()) })),
	)
	return data.Frames{frames.Table(name, fields...)}, nil
}

// step is at least the interval of the polls and of what the log says, so that a line has no
// gaps where none are, and long enough for the panel.
func (a *answer) step() time.Duration {
	step := max(a.request.Step, a.request.Settings.Poll.Scores, heardStep)
	if points := a.request.MaxPoints; points > 0 {
		// Steps are aligned, so that both ends of the range can cut one.
		step = max(step, a.request.To.Sub(a.request.From)/time.Duration(max(points-2, 1)))
	}
	return (step + time.Second - 1).Truncate(time.Second)
}

// readNode is a node's sums over time.
type readNode struct {
	node  knownNode
	times []int64
	steps []sums
	until []forecast // of several that are added up, by step; nil: what a step's own sums say
}

// readAll reads every node's sums in steps. What is free where the API did not say it, the log
// says.
func (a *answer) readAll(ctx context.Context, step time.Duration) ([]readNode, error) {
	var all []readNode
	for _, n := range a.nodes {
		r := readNode{node: n}
		to := a.request.To
		if to.After(a.request.Now) {
			to = a.request.Now // nothing is stored of the future but by a wrong clock
		}
		read := func(wanted func(store.Column) bool, aggregate store.Aggregate) (*store.Result, error) {
			return a.request.Store.Read(ctx, store.Range{
				Group: n.StoredAs(name), Columns: wanted,
				From: a.request.From.UnixMilli(), To: to.UnixMilli(), Step: step.Milliseconds(), Aggregate: aggregate,
			})
		}
		for _, aggregate := range []store.Aggregate{store.Last, store.Max, store.Min} {
			if !a.readsAny(aggregate) || to.Before(a.request.From) {
				continue
			}
			result, err := read(func(c store.Column) bool { return a.reads(c, aggregate) }, aggregate)
			if err != nil {
				return nil, err
			}
			r.take(result, aggregate)
		}
		if a.wantsPieces() && !to.Before(a.request.From) {
			result, err := read(isOfPieces, store.Last)
			if err != nil {
				return nil, err
			}
			r.takePieces(result)
		}
		all = append(all, r)
	}
	return all, nil
}

func (a *answer) wantsPieces() bool {
	return slices.ContainsFunc(a.metrics, func(m metric) bool { return m.name == piecesMetric })
}

// reads says whether a column is read with this aggregate: whether a metric is made of it.
func (a *answer) reads(c store.Column, aggregate store.Aggregate) bool {
	if c == heardFreeColumn {
		c = freeColumn
	}
	for _, known := range columns {
		if known.stored == c {
			return known.of == aggregate && slices.ContainsFunc(a.metrics, func(m metric) bool { return slices.Contains(m.from, c) })
		}
	}
	return false
}

func (a *answer) readsAny(aggregate store.Aggregate) bool {
	return slices.ContainsFunc(columns[:], func(c column) bool { return a.reads(c.stored, aggregate) })
}

// begin makes room for what is read of each step.
func (r *readNode) begin(result *store.Result) {
	if r.steps != nil {
		return
	}
	r.times = result.Times
	r.steps = make([]sums, len(result.Times))
	for i := range r.steps {
		r.steps[i] = unknown()
	}
}

// takePieces takes the pieces at the end of each step. The most of each column would be of
// different moments: what goes from the trash to what can be reclaimed would be in both, and
// be missing from the pieces.
func (r *readNode) takePieces(result *store.Result) {
	r.begin(result)
	for i, v := range valuesOf(result, polledPieces) {
		r.steps[i].pieces = max(0, v)
	}
}

func (r *readNode) take(result *store.Result, aggregate store.Aggregate) {
	r.begin(result)
	for i, known := range columns {
		at := slices.Index(result.Columns, known.stored)
		if at < 0 || known.of != aggregate {
			continue
		}
		for j, v := range result.Values[at] {
			*r.steps[j].each()[i] = v
		}
	}
	if at := slices.Index(result.Columns, store.Column(heardFreeColumn)); at >= 0 {
		for j, v := range result.Values[at] {
			if s := &r.steps[j]; s.free != s.free {
				s.free = v
			}
		}
	}
}
