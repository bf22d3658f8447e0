package store

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var tiered = map[string]Policy{
	"scores": {
		Keep:       30 * 24 * time.Hour,
		Rollups:    []Rollup{{Step: time.Hour, Keep: 400 * 24 * time.Hour}, {Step: 24 * time.Hour, Keep: 800 * 24 * time.Hour}},
		Aggregates: []Aggregate{Min, Max, Last},
	},
}

// clockStore is a store whose clock the test moves.
func clockStore(t *testing.T, dir string, now *time.Time) *Store {
	return open(t, dir, func(o *Options) { o.Limits.Policies = tiered; o.Now = func() time.Time { return *now } })
}

// values reads one column in steps as time → value.
func values(t *testing.T, s *Store, from, to time.Time, step time.Duration, a Aggregate) map[int64]float64 {
	t.Helper()
	result, err := s.Read(context.Background(), Range{Group: "scores/n", From: from.UnixMilli(), To: to.UnixMilli(), Step: step.Milliseconds(), Aggregate: a})
	check(t, err)
	got := map[int64]float64{}
	for c, column := range result.Columns {
		if column != "x" && len(result.Columns) == 1 {
			t.Fatalf("a read answers the column %q", column)
		}
		for i, v := range result.Values[c] {
			if v == v {
				got[result.Times[i]] = v
			}
		}
	}
	return got
}

// aggregated is what a read must answer, worked out from all rows.
func aggregated(rows map[int64]float64, from, to time.Time, step time.Duration, a Aggregate) map[int64]float64 {
	want, latest := map[int64]float64{}, map[int64]int64{}
	first := floorTo(from.UnixMilli(), step.Milliseconds())
	for at, v := range rows {
		if at < first || at > to.UnixMilli() {
			continue
		}
		bucket := floorTo(at, step.Milliseconds())
		old, ok := want[bucket]
		switch {
		case !ok, a == Min && v < old, a == Max && v > old, a == Last && at > latest[bucket]:
			want[bucket], latest[bucket] = v, at
		}
	}
	return want
}

func TestRollUpsAnswerWhatTheRowsWould(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	now := start
	s := clockStore(t, dir, &now)
	rows := map[int64]float64{}
	put := func(at time.Time) {
		v := math.Round(random.Float64()*1000) / 10
		rows[at.UnixMilli()] = v
		record(t, s, "scores/n", at, Sample{"x", v})
	}
	for hour := range 120 * 24 {
		now = start.Add(time.Duration(hour) * time.Hour)
		for minute := 0; minute < 60; minute += 20 {
			if random.IntN(10) > 0 { // some polls are missing
				put(now.Add(time.Duration(minute-60) * time.Minute))
			}
		}
		if random.IntN(200) == 0 { // a late row, of a time that is rolled up already
			put(now.Add(-time.Duration(random.IntN(29*24)) * time.Hour).Add(7 * time.Minute))
		}
		switch random.IntN(40) {
		case 0, 1:
			check(t, s.RollUp(t.Context()))
		case 2:
			check(t, s.Seal())
		case 3:
			check(t, s.Flush())
			dir = crash(t, dir)
			s = clockStore(t, dir, &now)
		}
	}
	check(t, s.RollUp(t.Context()))
	check(t, s.Seal())
	check(t, s.Seal())
	for _, a := range []Aggregate{Min, Max, Last} {
		for _, step := range []time.Duration{time.Hour, 2 * time.Hour, 5 * time.Hour, 24 * time.Hour, 48 * time.Hour} {
			want := aggregated(rows, start, now, step, a)
			if diff := cmp.Diff(want, values(t, s, start, now, step, a)); diff != "" {
				t.Fatalf("aggregate %d in steps of %s (-want +got)\n%s", a, step, diff)
			}
		}
		recent := now.Add(-20 * 24 * time.Hour)
		if diff := cmp.Diff(aggregated(rows, recent, now, 20*time.Minute, a), values(t, s, recent, now, 20*time.Minute, a)); diff != "" {
			t.Fatalf("recent rows with aggregate %d (-want +got)\n%s", a, diff)
		}
	}
	// Rows as recorded go when they are past their time, roll-ups stay.
	old := start.Add(10 * 24 * time.Hour)
	if got := values(t, s, start, old, 20*time.Minute, Min); len(got) < 9*24 || len(got) > 10*24+1 {
		t.Errorf("rows past their time are answered in %d steps, want the hourly ones", len(got))
	}
	result, err := s.readRows(t.Context(), Range{Group: "scores/n", From: start.UnixMilli(), To: old.UnixMilli(), Aggregate: Last}, []segment{{group: "scores/n", from: start.UnixMilli(), to: old.UnixMilli()}})
	check(t, err)
	if len(result.Times) > 0 {
		t.Errorf("%d rows are kept past their time", len(result.Times))
	}
}

func TestRowsOfAWrongClockAreRefusedAndCounted(t *testing.T) {
	now := start.AddDate(1, 0, 0)
	var told []string
	s := open(t, "", func(o *Options) {
		o.Limits.Policies, o.Now = tiered, func() time.Time { return now }
		o.Report = func(message string) { told = append(told, message) }
	})
	record(t, s, "scores/n", now.Add(2*time.Hour), Sample{"x", 1})
	record(t, s, "scores/n", now.AddDate(0, 0, -31), Sample{"x", 2})
	record(t, s, "scores/n", time.UnixMilli(-5), Sample{"x", 3})
	record(t, s, "scores/n", now, Sample{"x", 4})
	if got := s.Status().RefusedRows; got != 3 || len(told) != 1 {
		t.Errorf("%d rows are refused, told %q", got, told)
	}
	now = now.AddDate(0, -1, 0) // the clock is set back
	record(t, s, "scores/n", now, Sample{"x", 5})
	check(t, s.Seal())
	if diff := cmp.Diff(map[int64]float64{now.UnixMilli(): 5, now.AddDate(0, 1, 0).UnixMilli(): 4}, content(t, s, "scores/n")["x"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A file of a former format, as that version wrote it, is read, gets its roll-ups,
// and is of the current format after that.
func TestFormerFormatsAreUpgraded(t *testing.T) {
	for _, format := range []string{"1", "2", "3", "4", "5", "6"} {
		t.Run(format, func(t *testing.T) { upgrade(t, "format"+format+".db") })
	}
}

func upgrade(t *testing.T, name string) {
	dir := t.TempDir()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, FileName), content, 0o600))
	now := start.Add(40 * time.Hour)
	s := clockStore(t, dir, &now)
	if status := s.Status(); len(status.Damage) > 0 {
		t.Fatalf("it is damaged: %q", status.Damage)
	}
	check(t, s.RollUp(t.Context()))
	want := map[int64]float64{}
	for n := range 30 {
		want[start.Add(time.Duration(n)*time.Hour).UnixMilli()] = float64(n)
	}
	result, err := s.Read(t.Context(), Range{Group: "scores/n", Columns: func(c Column) bool { return c == "x" }, From: start.UnixMilli(), To: now.UnixMilli(), Step: time.Hour.Milliseconds(), Aggregate: Min})
	check(t, err)
	got := map[int64]float64{}
	for i, v := range result.Values[0] {
		if v == v {
			got[result.Times[i]] = v
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if document, _ := s.Document("greeting"); string(document) != "hello" {
		t.Errorf("the document is %q", document)
	}
	if name >= "format5.db" {
		upgradedHistograms(t, s)
	}
	check(t, s.Close())
	after, err := os.ReadFile(filepath.Join(dir, FileName))
	check(t, err)
	if format := inspectFile(after).format; format != currentFormat {
		t.Errorf("the format is %q after the upgrade", format)
	}
}

// upgradedHistograms are those of a file whose histograms are not packed yet.
func upgradedHistograms(t *testing.T, s *Store) {
	t.Helper()
	result, err := s.Histograms(t.Context(), Range{Group: "sizes/n", From: start.UnixMilli(), To: start.Add(40 * time.Hour).UnixMilli()}, nil)
	check(t, err)
	want := &HistogramResult{Columns: []Column{"bytes"}, Values: [][]*Histogram{nil}}
	for n := range 30 {
		if n%3 != 1 {
			want.Times = append(want.Times, start.Add(time.Duration(n)*time.Hour).UnixMilli())
			want.Values[0] = append(want.Values[0], observed(0, float64(n)*0.25, float64(n), 1e6, 1e6))
		}
	}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func BenchmarkYearOfAHundredNodes(b *testing.B) {
	now := start.AddDate(1, 0, 0)
	s, err := Open(Options{Dir: b.TempDir(), FlushInterval: -1, Limits: Limits{Policies: map[string]Policy{"reputation": tiered["scores"]}}, Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	for node := range 100 {
		walk := newScoreWalk(uint64(node))
		batch := &Batch{}
		group := fmt.Sprintf("reputation/node-%d", node)
		for hour := range 365 * 24 {
			row := walk.poll(hour * 12)
			for i := range row {
				row[i].Column = rollupColumn(row[i].Column, Min)
			}
			batch.Add(rollupGroup(group, time.Hour), start.Add(time.Duration(hour)*time.Hour).UnixMilli(), row...)
		}
		for _, rollup := range tiered["scores"].Rollups[:1] {
			putRolledUpTo(batch, group, rollup.Step, now.UnixMilli())
		}
		if err := s.recordInternal(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Seal(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for node := range 100 {
			_, err := s.Read(b.Context(), Range{
				Group:   fmt.Sprintf("reputation/node-%d", node),
				Columns: func(c Column) bool { return c.Metric() == "audit_score_percent" },
				From:    start.UnixMilli(), To: now.UnixMilli(), Step: (8 * time.Hour).Milliseconds(), Aggregate: Min,
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// atErr is a context that calls f when it is asked for the n-th time whether it is done.
type atErr struct {
	context.Context
	left *int
	f    func()
}

func (a atErr) Err() error {
	if *a.left--; *a.left == 0 {
		a.f()
	}
	return nil
}

// A row that comes while its step is rolled up is in the roll-up, whenever it comes: with
// this roll-up or with the next.
func TestARowThatComesDuringARollUpIsNotMissed(t *testing.T) {
	const polls = 11
	for moment, more := 1, true; more; moment++ {
		now := start.Add(time.Hour + 10*time.Second)
		s := clockStore(t, "", &now)
		for n := range polls {
			record(t, s, "scores/n", start.Add(time.Duration(5*n)*time.Minute), Sample{"x", 50})
		}
		left := moment
		late := func() { record(t, s, "scores/n", start.Add(59*time.Minute), Sample{"x", 10}) }
		check(t, s.RollUp(atErr{t.Context(), &left, late}))
		if more = left <= 0; !more {
			if moment < 4 {
				t.Errorf("a roll-up has only %d moments", moment)
			}
			break
		}
		check(t, s.RollUp(t.Context()))
		hour := []segment{{group: rollupGroup("scores/n", time.Hour), from: start.UnixMilli(), to: now.UnixMilli(), rolledUp: true}}
		for a, want := range map[Aggregate]float64{Min: 10, Max: 50, Last: 10} {
			result, err := s.readSteps(t.Context(), Range{Group: "scores/n", From: start.UnixMilli(), To: start.UnixMilli(), Step: time.Hour.Milliseconds(), Aggregate: a}, hour)
			check(t, err)
			if len(result.Values) != 1 || result.Values[0][0] != want {
				t.Errorf("a row came at moment %d: aggregate %d of its hour is %v, want %v", moment, a, result.Values, want)
			}
		}
	}
}

// Rows that come late side by side, and while roll-ups are made, are all in them at the end.
func TestLateRowsSideBySideAreRolledUp(t *testing.T) {
	for range 100 { // because it is a matter of moments
		lateRowsSideBySide(t)
	}
}

func lateRowsSideBySide(t *testing.T) {
	const hours, writers = 48, 4
	now := start.Add(hours * time.Hour)
	s := clockStore(t, "", &now)
	for hour := range hours {
		record(t, s, "scores/n", start.Add(time.Duration(hour)*time.Hour), Sample{"x", 100})
	}
	check(t, s.RollUp(t.Context()))
	var late sync.WaitGroup
	for writer := range writers {
		late.Go(func() {
			for hour := writer; hour < hours; hour += writers {
				at := start.Add(time.Duration(hours-1-hour)*time.Hour + time.Minute)
				record(t, s, "scores/n", at, Sample{"x", 10})
			}
		})
	}
	over := make(chan struct{})
	go func() { late.Wait(); close(over) }()
	for done := false; !done; {
		check(t, s.RollUp(t.Context()))
		select {
		case <-over:
			done = true
		default:
		}
	}
	check(t, s.RollUp(t.Context()))
	group := rollupGroup("scores/n", time.Hour)
	result, err := s.readSteps(t.Context(), Range{Group: "scores/n", From: start.UnixMilli(), To: now.UnixMilli() - 1, Step: time.Hour.Milliseconds(), Aggregate: Min},
		[]segment{{group: group, from: start.UnixMilli(), to: now.UnixMilli(), rolledUp: true}})
	check(t, err)
	for hour, low := range result.Values[0] {
		if low != 10 {
			t.Fatalf("the lowest of hour %d is %v", hour, low)
		}
	}
	check(t, s.Close())
}
