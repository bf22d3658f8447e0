package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/buntdb"
)

// counted is a family of counts: minutes for 2 days, ten minutes for 14, hours for 60.
var counted = map[string]Policy{"traffic": {
	Keep:     48 * time.Hour,
	Rollups:  []Rollup{{Step: 10 * time.Minute, Keep: 14 * 24 * time.Hour}, {Step: time.Hour, Keep: 60 * 24 * time.Hour}},
	Additive: true,
}}

func countingStore(t *testing.T, dir string, now *time.Time) *Store {
	return open(t, dir, func(o *Options) { o.Limits.Policies = counted; o.Now = func() time.Time { return *now } })
}

// counts is the plain map that the store is to agree with: column → time → count.
type counts map[Column]map[int64]float64

func (c counts) add(column Column, at int64, value float64) {
	if c[column] == nil {
		c[column] = map[int64]float64{}
	}
	c[column][at] += value
}

// in sums a model up in steps, from one time on.
func (c counts) in(step time.Duration, from time.Time) counts {
	sums := counts{}
	for column, all := range c {
		for at, value := range all {
			if at >= from.UnixMilli() {
				sums.add(column, floorTo(at, step.Milliseconds()), value)
			}
		}
	}
	return sums
}

// summed reads traffic/n in steps; histograms count as column + "#", by what they count.
func summed(t *testing.T, s *Store, from, to time.Time, step time.Duration) counts {
	t.Helper()
	r := Range{Group: "traffic/n", From: from.UnixMilli(), To: to.UnixMilli(), Step: step.Milliseconds(), Aggregate: Sum}
	got := counts{}
	numbers, err := s.Read(t.Context(), r)
	check(t, err)
	for c, column := range numbers.Columns {
		for i, v := range numbers.Values[c] {
			if v == v {
				got.add(column, numbers.Times[i], v)
			}
		}
	}
	histograms, err := s.Histograms(t.Context(), r, nil)
	check(t, err)
	for c, column := range histograms.Columns {
		for i, h := range histograms.Values[c] {
			if h != nil {
				got.add(column+"#", histograms.Times[i], float64(h.Count()))
			}
		}
	}
	return got
}

func count(t *testing.T, s *Store, model counts, at time.Time, value float64) {
	t.Helper()
	batch := &Batch{}
	minute := floorTo(at.UnixMilli(), 60_000)
	batch.Add("traffic/n", minute, Sample{"uploads", value})
	batch.AddHistograms("traffic/n", minute, HistogramSample{"took", observed(value, 2*value)})
	check(t, s.Record(batch))
	model.add("uploads", minute, value)
	model.add("took#", minute, 2)
}

// wholeTiers checks every tier against the model, each in the time that it is kept for.
func wholeTiers(t *testing.T, s *Store, model counts, now time.Time, when string) {
	t.Helper()
	// A tier may be left for a coarser one up to an hour early, so that nothing counts twice.
	for _, tier := range []struct{ step, keep time.Duration }{
		{time.Minute, 47 * time.Hour}, {10 * time.Minute, 14*24*time.Hour - time.Hour}, {time.Hour, 60*24*time.Hour - time.Hour}, {24 * time.Hour, 58 * 24 * time.Hour},
	} {
		from := now.Add(-tier.keep).Truncate(max(tier.step, time.Hour)).Add(max(tier.step, time.Hour))
		if diff := cmp.Diff(model.in(tier.step, from), summed(t, s, from, now, tier.step)); diff != "" {
			t.Fatalf("%s: in steps of %v from %v on (-want +got)\n%s", when, tier.step, from, diff)
		}
	}
	wholeTotals(t, s, model, now, when)
}

// wholeTotals checks that every count is read once, however fine the steps that are
// asked for and whatever tiers there are for them.
func wholeTotals(t *testing.T, s *Store, model counts, now time.Time, when string) {
	t.Helper()
	from := now.AddDate(0, 0, -59).Truncate(24 * time.Hour)
	want := map[Column]float64{}
	for column, all := range model.in(time.Minute, from) {
		for _, v := range all {
			want[column] += v
		}
	}
	for _, step := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		got := map[Column]float64{}
		for column, all := range summed(t, s, from, now, step) {
			for _, v := range all {
				got[column] += v
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: in all, read in steps of %v (-want +got)\n%s", when, step, diff)
		}
	}
}

// Counts of the same minute add up, wherever they meet: in memory, in commits, in
// chunks, in merged ones, and in every tier, also when they come weeks too late.
func TestCountsAddUpWhereverTheyMeet(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	at := now.Add(-time.Hour)
	late := now.Add(-20 * 24 * time.Hour) // later than minutes and ten minutes are kept
	for n := range 3 * mergeChunks {
		count(t, s, model, at, float64(n+1))
		count(t, s, model, late, 1)
		wholeTiers(t, s, model, now, "recorded")
		if n%3 == 0 {
			check(t, s.Flush())
			wholeTiers(t, s, model, now, "committed")
			after := countingStore(t, crash(t, dir), &now)
			wholeTiers(t, after, model, now, "committed, then killed")
		}
		check(t, s.RollUp(t.Context()))
		check(t, s.Seal())
		wholeTiers(t, s, model, now, "sealed")
	}
	check(t, s.Close())
	s = countingStore(t, dir, &now)
	wholeTiers(t, s, model, now, "opened again")

	// Days later, when minutes are gone, what was written then comes once more.
	now = now.AddDate(0, 0, 5)
	check(t, s.Seal())
	count(t, s, model, at, 5)
	check(t, s.Seal())
	count(t, s, model, at, 5)
	wholeTiers(t, s, model, now, "late by five days")
	if refused := s.Status().RefusedRows; refused != 0 {
		t.Errorf("%d rows are refused", refused)
	}
	count(t, s, counts{}, now.AddDate(0, 0, -61), 1)
	if refused := s.Status().RefusedRows; refused != 2 {
		t.Errorf("%d rows are refused, want the two that are older than any tier", refused)
	}
}

// The store against a plain map: random counts, some weeks late, commits, seals, merges,
// drops, compactions, a memory limit, reopenings and kills.
func TestCountsAgreeWithAMap(t *testing.T) {
	shed := false
	for seed := range uint64(15) {
		random := rand.New(rand.NewPCG(seed, 5))
		dir := t.TempDir()
		now := start
		s := countingStore(t, dir, &now)
		model := counts{}
		shedding, changing := seed%3 == 2, seed%3 == 1
		for n := range 300 {
			switch action := random.IntN(100); {
			case action < 70:
				age := time.Duration(random.IntN(120)) * time.Minute
				switch random.IntN(6) {
				case 0:
					age = time.Duration(random.IntN(72*60)) * time.Minute
				case 1:
					age = time.Duration(random.IntN(57*24*60)) * time.Minute
				}
				count(t, s, model, now.Add(-age), float64(1+random.IntN(1000)))
			case action < 76:
				now = now.Add(time.Duration(random.IntN(8*60)) * time.Minute)
			case action < 80:
				check(t, s.Flush())
			case action < 88:
				check(t, s.RollUp(t.Context()))
				check(t, s.Seal())
			case action < 90:
				check(t, s.Flush())
				s.writing.Lock()
				err := s.compact()
				s.writing.Unlock()
				check(t, err)
			case action < 92 && shedding:
				check(t, s.Seal())
				s.SetLimits(Limits{Policies: counted, MemoryLimit: s.Status().MemoryBytes - recordedBytes(t, s)/2})
				check(t, s.Seal())
				shed = shed || s.Status().Shed > 0
				s.SetLimits(Limits{Policies: counted})
			case action < 95:
				check(t, s.Close())
				s = countingStore(t, dir, &now)
			case action < 97:
				check(t, s.Flush())
				dir = crash(t, dir)
				s = countingStore(t, dir, &now)
			case action < 98 && changing:
				policy := counted["traffic"]
				policy.Keep = time.Duration(1+random.IntN(8)) * 24 * time.Hour
				s.SetLimits(Limits{Policies: map[string]Policy{"traffic": policy}})
			case shedding, changing: // minutes may be gone
				wholeTotals(t, s, model, now, fmt.Sprintf("seed %d, %d", seed, n))
			default:
				wholeTiers(t, s, model, now, fmt.Sprintf("seed %d, %d", seed, n))
			}
		}
	}
	if !shed {
		t.Error("nothing was shed")
	}
}

// recordedBytes is what chunks of rows as recorded take that may go for want of memory.
func recordedBytes(t *testing.T, s *Store) (bytes int64) {
	t.Helper()
	check(t, s.view(func(tx *buntdb.Tx) error {
		return tx.AscendKeys("c:*", func(key, value string) bool {
			in, _ := chunkPlace(key)
			if may, spared := s.sheddable(in, s.options.Now().UnixMilli()); may && !spared {
				bytes += itemSize(key, value)
			}
			return true
		})
	}))
	return bytes
}

// A sealing or merging that is cut at any step, by a crash or by a disk that fails, counts
// each commit once, also while it goes on.
func TestCountsCountOnceInEveryStep(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	steps := map[string]int{}
	s.step = func(step string) {
		steps[step]++
		if step == "heads frozen" { // and committed only after it
			return
		}
		wholeTiers(t, s, model, now, step)
		if step == "written" {
			return // what is in the file is not told from what is not
		}
		after := countingStore(t, crash(t, dir), &now)
		wholeTiers(t, after, model, now, "killed after "+step)
		check(t, after.Seal())
		wholeTiers(t, after, model, now, "killed, then sealed, after "+step)
		check(t, after.Close())
	}
	for n := range 2*mergeChunks + 1 {
		count(t, s, model, now.Add(-time.Duration(n%3)*time.Hour), 1)
		count(t, s, model, now.Add(-5*24*time.Hour), 1)
		check(t, s.Seal())
		now = now.Add(7 * time.Hour)
	}
	for _, step := range []string{"chunks written", "merged", "given up"} {
		if steps[step] == 0 {
			t.Errorf("the step %q was not taken", step)
		}
	}
}

// A family's windows follow how long it is kept; another length after that changes
// nothing of what is there, not even in the middle of a sealing.
func TestAnotherWindowCountsNothingTwice(t *testing.T) {
	dir := t.TempDir()
	now := start
	s := countingStore(t, dir, &now)
	model := counts{}
	longer := map[string]Policy{"traffic": {Keep: 100 * 24 * time.Hour, Rollups: counted["traffic"].Rollups, Additive: true}}
	for n := range 40 {
		count(t, s, model, now.Add(-time.Duration(n)*time.Hour), 1)
	}
	check(t, s.Flush())
	s.step = func(step string) {
		if step != "chunks written" {
			return
		}
		after := open(t, crash(t, dir), func(o *Options) { o.Limits.Policies = longer; o.Now = func() time.Time { return now } })
		wholeTiers(t, after, model, now, "killed, then with longer windows")
		check(t, after.Seal())
		wholeTiers(t, after, model, now, "sealed with longer windows")
	}
	check(t, s.Seal())
	s.step = nil
	s.SetLimits(Limits{Policies: longer})
	count(t, s, model, now, 1)
	check(t, s.Seal())
	wholeTiers(t, s, model, now, "with longer windows")
}

// Readers see each count once while sealings and mergings go on.
func TestCountsAreReadOnceWhileTheyAreSealed(t *testing.T) {
	now := start
	s := countingStore(t, t.TempDir(), &now)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := s.Seal(); err != nil {
				stopped <- err
				return
			}
		}
	}()
	model := counts{}
	for n := range 150 {
		count(t, s, model, now.Add(-time.Duration(n%7)*7*time.Hour), 1)
		from := now.Add(-46 * time.Hour).Truncate(time.Hour)
		for _, step := range []time.Duration{time.Minute, time.Hour} {
			if diff := cmp.Diff(model.in(step, from), summed(t, s, from, now, step)); diff != "" {
				t.Fatalf("after %d counts, in steps of %v (-want +got)\n%s", n, step, diff)
			}
		}
	}
	close(stop)
	check(t, <-stopped)
}
