package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dayMin is the lowest value of a day.
func dayMin(t *testing.T, s *Store, day time.Time) float64 {
	t.Helper()
	got := values(t, s, day, day.Add(24*time.Hour-time.Millisecond), 24*time.Hour, Min)
	if len(got) != 1 {
		t.Fatalf("%v has %d values", day, len(got))
	}
	return got[day.UnixMilli()]
}

// Rows that went for want of memory leave the roll-ups as they are: a late row changes
// nothing, and a day that is not over stays whole.
func TestSheddingLeavesRollUpsRight(t *testing.T) {
	now, told := start, 0
	s := open(t, t.TempDir(), func(o *Options) {
		o.Limits = Limits{Policies: tiered}
		o.Now = func() time.Time { return now }
		o.Report = func(string) { told++ }
	})
	hour := func(v float64) {
		record(t, s, "scores/n", now, Sample{"x", v})
	}
	shed := func() (chunks int) {
		before := s.Status()
		s.SetLimits(Limits{Policies: tiered, MemoryLimit: before.MemoryBytes - recordedBytes(t, s)/2})
		check(t, s.Seal())
		s.SetLimits(Limits{Policies: tiered})
		return s.Status().Shed - before.Shed
	}
	sealed := func() {
		check(t, s.RollUp(t.Context()))
		check(t, s.Seal())
	}
	for n := range 25 * 24 {
		now = start.Add(time.Duration(n) * time.Hour)
		v := 100.0
		if n%24 == 6 {
			v = 90
		}
		hour(v)
	}
	now = now.Add(time.Hour)
	sealed()
	day := start.AddDate(0, 0, 3)
	if n := shed(); n == 0 {
		t.Fatal("nothing was shed")
	}
	if low := dayMin(t, s, day); low != 90 {
		t.Errorf("the lowest of a day is %v once its rows are shed", low)
	}
	record(t, s, "scores/n", day.Add(20*time.Hour), Sample{"x", 100})
	sealed()
	if low := dayMin(t, s, day); low != 90 {
		t.Errorf("the lowest of a day whose rows were shed is %v after a late row", low)
	}
	if status := s.Status(); status.LateRows != 1 || status.RefusedRows > 0 || told < 2 {
		t.Errorf("%d rows are too late, %d have wrong times, %d messages", status.LateRows, status.RefusedRows, told)
	}

	// A window that ends with today.
	today := time.UnixMilli(floorTo(now.AddDate(0, 0, 20).UnixMilli(), window.Milliseconds())).UTC().AddDate(0, 0, -1)
	for n := range 24 {
		now = today.Add(time.Duration(n) * time.Hour)
		v := 100.0
		if n == 3 {
			v = 50
		}
		hour(v)
	}
	sealed()
	now = today.Add(24*time.Hour + time.Minute) // its roll-up comes with the next sealing
	hour(100)
	shed()
	sealed()
	if low := dayMin(t, s, today); low != 50 {
		t.Errorf("the lowest of a day whose morning could be shed is %v", low)
	}
}

// Beside what is sealed, rows that wait, their commits and documents count.
func TestTheMemoryThatIsTakenIsWhatCounts(t *testing.T) {
	s := open(t, t.TempDir(), func(o *Options) { o.Limits = Limits{MemoryLimit: 64 << 20} })
	before := heap()
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		batch := &Batch{}
		var samples []Sample
		for c := range 100 {
			samples = append(samples, Sample{NewColumn("operations", "n", fmt.Sprint(c)), random.Float64()})
		}
		batch.Add(fmt.Sprintf("traffic/%d", n%10), start.Add(time.Duration(n)*time.Minute).UnixMilli(), samples...)
		batch.AddHistograms("traffic/h", start.Add(time.Duration(n)*time.Minute).UnixMilli(), HistogramSample{"took", observed(random.Float64(), random.Float64()*100)})
		batch.AppendEvent(Event{Time: start.UnixMilli() + int64(n), Kind: "error", Text: fmt.Sprint("failed ", random.Uint64()), Labels: map[string]string{"n": "1"}})
		batch.Put(fmt.Sprint("document/", n%100), make([]byte, 10_000))
		check(t, s.Record(batch))
		if n%2 == 0 {
			check(t, s.Flush())
		}
	}
	ratio := func() float64 { return float64(s.Status().MemoryBytes) / float64(heap()-before) }
	if got := ratio(); got < 0.6 || got > 1.7 {
		t.Errorf("unsealed, the store says that it takes %.2f of what it does", got)
	}
	if !s.due() {
		t.Error("what is unsealed takes an eighth of the memory limit, and no sealing is due")
	}
	check(t, s.Seal())
	if s.due() {
		t.Error("a sealing is due after the sealing")
	}
	if got := ratio(); got < 0.4 || got > 1.7 { // BuntDB keeps the buffer of its largest write
		t.Errorf("sealed, the store says that it takes %.2f of what it does", got)
	}
}

// Where there are no more rows as recorded, old events and roll-ups go.
func TestEventsAndRollUpsGoLast(t *testing.T) {
	now := start
	var told []string
	s := open(t, t.TempDir(), func(o *Options) {
		o.Limits = Limits{Policies: tiered}
		o.Now = func() time.Time { return now }
		o.Report = func(message string) { told = append(told, message) }
	})
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 30 {
		now = start.AddDate(0, 0, 10*n)
		batch := &Batch{}
		for k := range 200 {
			batch.AppendEvent(Event{Time: now.UnixMilli() - int64(k), Kind: "error", Text: fmt.Sprint(random.Uint64())})
		}
		check(t, s.Record(batch))
		for k := range 50 {
			record(t, s, "scores/n", now.Add(-time.Duration(k)*time.Minute), Sample{"x", random.Float64()})
		}
		check(t, s.RollUp(t.Context()))
		check(t, s.Seal())
	}
	limit := s.Status().MemoryBytes / 2
	s.SetLimits(Limits{Policies: tiered, MemoryLimit: limit})
	check(t, s.Seal())
	status := s.Status()
	if status.MemoryBytes > limit || status.ShedSpared == 0 || !strings.Contains(told[len(told)-1], "events, of roll-ups") {
		t.Errorf("%d of %d bytes are taken, %d chunks were shed, told %q", status.MemoryBytes, limit, status.ShedSpared, told)
	}
	events, err := s.Events(t.Context(), 0, forever, "")
	check(t, err)
	if len(events) == 0 || events[len(events)-1].Time != now.UnixMilli() {
		t.Errorf("%d events are left", len(events))
	}
	told = nil
	s.SetLimits(Limits{Policies: tiered, MemoryLimit: 1})
	check(t, s.Seal())
	check(t, s.Seal())
	if tight := told[len(told)-1]; !strings.Contains(tight, "raise the limit") || strings.Count(strings.Join(told, "\n"), "cannot be dropped") != 1 {
		t.Errorf("of a limit that cannot be kept it says %q", told)
	}
}

// A disk that cannot be written fills the memory up to its limit and not further.
func TestWhatCannotBeWrittenIsRefusedAtTheMemoryLimit(t *testing.T) {
	var told []string
	s := open(t, t.TempDir(), func(o *Options) {
		o.Limits = Limits{MemoryLimit: 1 << 20}
		o.Report = func(message string) { told = append(told, message) }
	})
	s.disk = func(string) error { return syscall.ENOSPC }
	refused, n := 0, 0
	for ; refused < 1000 && n < 100_000; n++ {
		batch := &Batch{}
		batch.Add("a", start.Add(time.Duration(n)*time.Second).UnixMilli(), Sample{"x", float64(n)}, Sample{"y", float64(n)})
		err := s.Record(batch)
		if err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		if err != nil {
			refused++
		}
		if n%500 == 0 {
			_ = s.Flush()
		}
	}
	status := s.Status()
	if refused != 1000 || status.MemoryBytes > status.MemoryLimit || status.UnwrittenRows != 1000 || status.RefusedRows > 0 {
		t.Fatalf("of %d batches %d are refused, %d bytes are taken", n, refused, status.MemoryBytes)
	}
	if full := strings.Count(strings.Join(told, "\n"), "nothing more is recorded"); full != 1 {
		t.Errorf("it says %q", told)
	}
	s.disk = nil
	check(t, s.Seal())
	record(t, s, "a", start.AddDate(0, 1, 0), Sample{"x", 1})
	if got := len(content(t, s, "a")["x"]); got != n-refused+1 {
		t.Errorf("%d rows are there, want %d", got, n-refused+1)
	}
}

// Of a document that is put again and again while the disk cannot be written, the last
// state waits and no other.
func TestDocumentsThatCannotBeWrittenWaitOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, func(o *Options) { o.Limits = Limits{MemoryLimit: 1 << 20} })
	s.disk = func(string) error { return syscall.ENOSPC }
	for n := range 20_000 {
		batch := &Batch{}
		batch.Put("log/a", fmt.Appendf(nil, "%400d", n))
		batch.Put("log/b", fmt.Appendf(nil, "%400d", n))
		if n%2 == 0 {
			batch.Delete("log/b")
		}
		check(t, s.Record(batch))
		if n%500 == 0 {
			_ = s.Flush()
		}
	}
	if status := s.Status(); status.MemoryBytes > 10_000 {
		t.Errorf("%d bytes are taken of %d", status.MemoryBytes, status.MemoryLimit)
	}
	s.disk = nil
	check(t, s.Flush())
	after := open(t, crash(t, dir))
	for _, key := range []string{"log/a", "log/b"} {
		if got, _ := after.Document(key); string(got) != fmt.Sprintf("%400d", 19_999) {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// Rows of which there are no roll-ups go after those of which there are, and are counted apart.
func TestRowsWithoutRollUpsGoAfterThoseWithThem(t *testing.T) {
	now := start
	s := open(t, t.TempDir(), func(o *Options) {
		o.Limits = Limits{Policies: tiered}
		o.Now = func() time.Time { return now }
	})
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 6 {
		now = start.AddDate(0, 0, 5*n)
		for k := range 100 {
			at := now.Add(-time.Duration(k) * time.Minute)
			record(t, s, "scores/n", at, Sample{"x", random.Float64()})
			record(t, s, "daily/n", at, Sample{"x", random.Float64()})
		}
		check(t, s.RollUp(t.Context()))
		check(t, s.Seal())
	}
	before := len(content(t, s, "daily/n")["x"])
	shed := func(limit int64) Status {
		s.SetLimits(Limits{Policies: tiered, MemoryLimit: limit})
		check(t, s.Seal())
		s.SetLimits(Limits{Policies: tiered})
		return s.Status()
	}
	status := shed(s.Status().MemoryBytes - recordedBytes(t, s)/4)
	if status.Shed == 0 || status.ShedSpared > 0 || len(content(t, s, "daily/n")["x"]) != before {
		t.Errorf("%d chunks were shed and %d of the spared ones, %d of %d rows without roll-ups are left", status.Shed, status.ShedSpared, len(content(t, s, "daily/n")["x"]), before)
	}
	rows := status.Shed
	status = shed(1)
	if status.ShedSpared == 0 || status.Shed < rows || len(content(t, s, "daily/n")["x"]) == before {
		t.Errorf("%d chunks were shed and %d of the spared ones", status.Shed, status.ShedSpared)
	}
}
