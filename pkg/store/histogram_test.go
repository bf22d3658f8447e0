package store

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func observed(values ...float64) *Histogram {
	h := &Histogram{}
	for _, v := range values {
		h.Observe(v)
	}
	return h
}

func TestQuantilesAreAtMostFivePercentOff(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, scale := range []float64{1e-9, 0.02, 1, 3600, 1e15} {
		var values []float64
		h := &Histogram{}
		for range 2000 {
			v := scale * math.Exp(3*random.NormFloat64())
			values = append(values, v)
			h.Observe(v)
		}
		sort.Float64s(values)
		for q := 0.0; q <= 1; q += 0.01 {
			want := values[max(0, int(math.Ceil(q*2000))-1)]
			if got := h.Quantile(q); math.Abs(got-want)/want > 0.05 {
				t.Fatalf("scale %v: quantile %v is %v, want %v", scale, q, got, want)
			}
		}
	}
	for _, v := range []float64{1, 2, 8, 1.0905077326652577, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		h := observed(v)
		index := h.Buckets[0].Index
		if UpperBound(index)*(1+1e-12) < v || UpperBound(index-1) > v*(1+1e-12) {
			t.Errorf("%v is in the bucket from %v to %v", v, UpperBound(index-1), UpperBound(index))
		}
	}
	if h := observed(0, -1, math.NaN(), math.Inf(1), 5); h.Count() != 3 || h.Zeros != 2 || h.Quantile(0.5) != 0 || h.Sum != 4 {
		t.Errorf("odd values give %+v", h)
	}
	if q := (&Histogram{}).Quantile(0.5); q == q {
		t.Errorf("nothing has the median %v", q)
	}
}

func TestMergingLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all, merged := &Histogram{}, &Histogram{}
	for range 50 {
		part := &Histogram{}
		for range random.IntN(20) {
			v := float64(random.IntN(5000)) - 100
			part.Observe(v)
			all.Observe(v)
		}
		before := part.Clone()
		merged.Merge(part)
		if diff := cmp.Diff(before, part); diff != "" {
			t.Fatalf("merging changed what was merged: %s", diff)
		}
	}
	if diff := cmp.Diff(all, merged); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Histograms over time, series, roll-ups, seals, merges, reopenings and kills
// against the values themselves.
func TestHistogramsAnswerWhatTheValuesWould(t *testing.T) {
	policies := map[string]Policy{"sizes": {
		Keep:    10 * 24 * time.Hour,
		Rollups: []Rollup{{Step: time.Hour, Keep: 400 * 24 * time.Hour}, {Step: 24 * time.Hour, Keep: 400 * 24 * time.Hour}},
	}}
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		now := start
		reopen := func() *Store {
			return open(t, dir, func(o *Options) { o.Limits.Policies, o.Now = policies, func() time.Time { return now } })
		}
		s := reopen()
		type at struct {
			time   int64
			column Column
		}
		model := map[at]*Histogram{}
		put := func(when time.Time, column Column) {
			h := &Histogram{}
			for range 1 + random.IntN(20) {
				h.Observe(float64(random.IntN(1 << 20)))
			}
			model[at{when.UnixMilli(), column}] = h
			batch := &Batch{}
			batch.AddHistograms("sizes/n", when.UnixMilli(), HistogramSample{column, h})
			batch.Add("sizes/n", when.UnixMilli(), Sample{column, 1}) // a number of the same name
			check(t, s.Record(batch))
		}
		columns := []Column{NewColumn("bytes", "satellite", "a"), NewColumn("bytes", "satellite", "b")}
		for hour := range 40 * 24 {
			now = start.Add(time.Duration(hour) * time.Hour)
			for minute := 0; minute < 60; minute += 20 {
				put(now.Add(time.Duration(minute-60)*time.Minute), columns[random.IntN(2)])
			}
			if random.IntN(50) == 0 { // late, and in the place of one that was there
				put(now.Add(-time.Duration(random.IntN(9*24))*time.Hour), columns[random.IntN(2)])
			}
			switch random.IntN(40) {
			case 0, 1:
				check(t, s.RollUp(t.Context()))
			case 2:
				check(t, s.Seal())
			case 3:
				check(t, s.Close())
				s = reopen()
			case 4:
				check(t, s.Flush())
				dir = crash(t, dir)
				s = reopen()
			case 5:
				check(t, s.Flush())
				s.writing.Lock()
				err := s.compact()
				s.writing.Unlock()
				check(t, err)
			}
		}
		check(t, s.RollUp(t.Context()))
		check(t, s.Seal())
		check(t, s.Seal())
		for _, step := range []time.Duration{time.Hour, 5 * time.Hour, 24 * time.Hour, 40 * 24 * time.Hour} {
			for name, into := range map[string]func(Column) Column{"apart": nil, "together": func(c Column) Column { return Column(c.Metric()) }} {
				first := start.AddDate(0, 0, -10)
				want := map[at]*Histogram{}
				for place, h := range model {
					key := at{floorTo(place.time, step.Milliseconds()), place.column}
					if into != nil {
						key.column = into(key.column)
					}
					if want[key] == nil {
						want[key] = &Histogram{}
					}
					want[key].Merge(h)
				}
				result, err := s.Histograms(t.Context(), Range{Group: "sizes/n", From: first.UnixMilli(), To: now.UnixMilli(), Step: step.Milliseconds()}, into)
				check(t, err)
				got := map[at]*Histogram{}
				for c, column := range result.Columns {
					for i, h := range result.Values[c] {
						if h != nil {
							got[at{result.Times[i], column}] = h
						}
					}
				}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(at{}), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("seed %d, steps of %s, %s (-want +got)\n%s", seed, step, name, diff)
				}
			}
		}
		recent := now.Add(-5 * 24 * time.Hour)
		result, err := s.Histograms(t.Context(), Range{Group: "sizes/n", From: recent.UnixMilli(), To: now.UnixMilli()}, nil)
		check(t, err)
		for c, column := range result.Columns {
			for i, h := range result.Values[c] {
				if diff := cmp.Diff(model[at{result.Times[i], column}], h, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("a row as recorded (-want +got)\n%s", diff)
				}
			}
		}
		if numbers := content(t, s, "sizes/n"); len(numbers[columns[0]]) == 0 {
			t.Error("the numbers beside the histograms are gone")
		}
	}
}

// Events against a plain list, over seals, merges, reopenings and kills.
func TestEventsAreKeptOnceAndInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	dir := t.TempDir()
	s := open(t, dir)
	var model []Event
	kinds := []string{"restart", "condition", ""}
	for n := range 600 {
		switch random.IntN(30) {
		case 0:
			check(t, s.Flush())
		case 1:
			check(t, s.Seal())
		case 2:
			check(t, s.Close())
			s = open(t, dir)
		case 3:
			check(t, s.Flush())
			dir = crash(t, dir)
			s = open(t, dir)
		}
		e := Event{
			Time: start.Add(time.Duration(random.IntN(30*24)) * time.Hour).UnixMilli(),
			Kind: kinds[random.IntN(3)], Text: string(rune('a' + n%26)),
		}
		if random.IntN(2) == 0 {
			e.Labels = map[string]string{"node": "n", "satellite": string(rune('0' + random.IntN(3)))}
		}
		batch := &Batch{}
		batch.AppendEvent(e)
		if random.IntN(5) == 0 {
			batch.AppendEvent(e) // the log is read twice
		}
		check(t, s.Record(batch))
		if !slices.ContainsFunc(model, e.equal) {
			model = append(model, e)
		}
	}
	order := cmpopts.SortSlices(func(a, b Event) bool {
		return a.Time < b.Time || a.Time == b.Time && a.Kind+a.Text+a.Labels["satellite"] < b.Kind+b.Text+b.Labels["satellite"]
	})
	from, to := start.AddDate(0, 0, 3).UnixMilli(), start.AddDate(0, 0, 20).UnixMilli()
	for _, kind := range []string{"restart", "condition", "", "other"} {
		var want []Event
		for _, e := range model {
			if e.Time >= from && e.Time <= to && (kind == "" || e.Kind == kind) {
				want = append(want, e)
			}
		}
		got, err := s.Events(t.Context(), from, to, kind)
		check(t, err)
		if diff := cmp.Diff(want, got, order); diff != "" {
			t.Errorf("kind %q (-want +got)\n%s", kind, diff)
		}
		if !slices.IsSortedFunc(got, func(a, b Event) int { return int(a.Time - b.Time) }) {
			t.Errorf("kind %q: not in order of time", kind)
		}
	}
	if _, err := s.Events(t.Context(), 2, 1, ""); err == nil {
		t.Error("a range turned over is answered")
	}
}

func TestEventsGoWhenTheirTimeIsOver(t *testing.T) {
	now := start
	s := open(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return now } })
	for day := range 3 {
		batch := &Batch{}
		batch.AppendEvent(Event{Time: start.AddDate(0, 0, -day*20).UnixMilli(), Kind: "restart"})
		check(t, s.Record(batch))
	}
	check(t, s.Seal())
	now = start.AddDate(0, 0, 375)
	batch := &Batch{}
	batch.AppendEvent(Event{Time: now.UnixMilli(), Kind: "restart"})
	check(t, s.Record(batch))
	check(t, s.Seal())
	got, err := s.Events(t.Context(), 0, forever, "")
	check(t, err)
	if len(got) != 3 {
		t.Errorf("%d events are left, want those of 400 days", len(got))
	}
}

func FuzzDecodeHistograms(f *testing.F) {
	f.Add(appendHistogramColumn(nil, []*Histogram{nil, observed(1, 2, 3.5, 0), nil, observed(1e9)}), uint16(4))
	f.Fuzz(func(t *testing.T, b []byte, rows uint16) {
		values := make([]*Histogram, rows)
		d := &decoder{b: b}
		d.histogramColumn(len(values), &histogramMemory{}, func(row int, h *Histogram) { values[row] = h })
		if d.err != nil {
			return
		}
		again := make([]*Histogram, rows)
		d = &decoder{b: appendHistogramColumn(nil, values)}
		d.histogramColumn(len(again), &histogramMemory{}, func(row int, h *Histogram) { again[row] = h })
		if diff := cmp.Diff(values, again, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d.err != nil || diff != "" {
			t.Fatalf("%v\n%s", d.err, diff)
		}
	})
}

func FuzzDecodeEvents(f *testing.F) {
	times := []int64{5, 9, 12}
	f.Add(appendEvents(nil, times, []Event{{Time: 5, Kind: "restart", Text: "x"}, {Time: 12, Kind: "restart", Labels: map[string]string{"node": "n"}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &decoder{b: b}
		events := d.events(times)
		if d.err != nil {
			return
		}
		d = &decoder{b: appendEvents(nil, times, events)}
		if diff := cmp.Diff(events, d.events(times), cmpopts.EquateEmpty()); d.err != nil || diff != "" {
			t.Fatalf("%v\n%s", d.err, diff)
		}
	})
}
