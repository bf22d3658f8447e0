package capacity

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const (
	gb = 1e9
	tb = 1e12
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// constructed is a disk over the last days, each half hour: what is on it is made of the age of a
// moment in days, which ends at 0.
func constructed(days float64, of func(age float64) float64) []point {
	var points []point
	for at := noon.Add(-time.Duration(days * float64(day))); !at.After(noon); at = at.Add(pointStep) {
		points = append(points, point{at.UnixMilli(), of(inDays(noon.Sub(at)))})
	}
	return points
}

// Each series is of a disk of 10 TB, with a growth that is known: of the pieces on it, which is
// what the outlook is made of.
func TestGrowthOfConstructedSeries(t *testing.T) {
	noise := func(gigabytes float64, of func(age float64) float64) func(age float64) float64 {
		r := rand.New(rand.NewPCG(1, 2))
		return func(age float64) float64 { return of(age) + r.NormFloat64()*gigabytes*gb }
	}
	linear := func(perDay float64) func(age float64) float64 {
		return func(age float64) float64 { return 6*tb - perDay*gb*age }
	}
	// sawtooth falls by so much every so many days, which its rise makes up for but for a part.
	sawtooth := func(perDay, drop, every, phase float64) func(age float64) float64 {
		return func(age float64) float64 {
			return 6*tb - perDay*gb*age + drop*gb*math.Floor((age+phase)/every)
		}
	}
	step := func(size, age float64) func(float64) float64 {
		return func(a float64) float64 {
			if a > age {
				return size * gb
			}
			return 0
		}
	}
	sum := func(all ...func(float64) float64) func(float64) float64 {
		return func(age float64) float64 {
			total := 0.0
			for _, f := range all {
				total += f(age)
			}
			return total
		}
	}
	walk := func(perDay, gigabytes float64) func(float64) float64 {
		r := rand.New(rand.NewPCG(3, 4))
		value := 4 * tb
		return func(float64) float64 {
			value += perDay*gb/48 + r.NormFloat64()*gigabytes*gb
			return value
		}
	}
	cases := []struct {
		name      string
		days      float64
		of        func(age float64) float64
		want      float64 // GB a day
		within    float64 // of it
		unsure    bool
		openEnded bool // the slowest growth of the band is none
	}{
		{name: "linear", days: 30, of: linear(20), want: 20, within: 1e-6},
		{name: "linear, six hours of it", days: 0.25, of: linear(20), want: 20, within: 1e-6},
		{name: "shrinking", days: 30, of: linear(-20), want: -20, within: 1e-6},
		{name: "flat", days: 30, of: linear(0), want: 0, within: 1e-6, unsure: true},
		{name: "flat and noisy", days: 30, of: noise(5, linear(0)), want: 0, within: 2, unsure: true},
		{name: "linear and noisy", days: 30, of: noise(5, linear(20)), want: 20, within: 2},
		{name: "a walk that grows", days: 30, of: walk(20, 0.2), want: 20, within: 4},
		{name: "one clean-up of a terabyte", days: 30, of: sum(linear(20), step(1000, 3)), want: 20, within: 0.1},
		{name: "one clean-up of a terabyte in the first week", days: 6, of: sum(linear(20), step(1000, 3)), want: 20, within: 0.1, openEnded: true},
		{name: "one disk of pieces moved here", days: 30, of: sum(linear(20), step(-2000, 5)), want: 20, within: 0.1},
		// Customers delete 10 GB a day, which the node learns once a week: it grows by 10.
		{name: "garbage collected weekly, large", days: 30, of: sawtooth(20, 70, 7, 2), want: 10, within: 0.5},
		{name: "garbage collected weekly, just now", days: 30, of: sawtooth(20, 70, 7, 6.9), want: 10, within: 0.5},
		{name: "garbage collected weekly, small", days: 30, of: sawtooth(20, 35, 7, 3), want: 15, within: 0.5},
		{name: "garbage collected weekly, and noisy", days: 30, of: noise(0.5, sawtooth(20, 70, 7, 2)), want: 10, within: 1},
		{name: "garbage collected daily", days: 30, of: sawtooth(20, 10, 1, 0.4), want: 10, within: 1},
		{name: "garbage collected daily, large", days: 30, of: sawtooth(200, 150, 1, 0.4), want: 50, within: 8},
		{name: "garbage collected daily, the first four days", days: 4, of: sawtooth(200, 150, 1, 0.4), want: 50, within: 20},
		{name: "a day faster than the night", days: 30, of: func(age float64) float64 { return 6*tb - 20*gb*age + 4*gb*math.Sin(2*math.Pi*age) }, want: 20, within: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			points := constructed(c.days, c.of)
			g := outlookOf(points, 10*tb, noon).Week
			if !g.Known {
				t.Fatalf("no growth of %d points", len(points))
			}
			if math.Abs(g.PerDay/gb-c.want) > c.within {
				t.Errorf("grows by %.3f GB a day, want %.3f", g.PerDay/gb, c.want)
			}
			if !(g.Lower <= g.PerDay && g.PerDay <= g.Upper) {
				t.Errorf("%.3f is not within %.3f and %.3f", g.PerDay/gb, g.Lower/gb, g.Upper/gb)
			}
			const rounding = 1e-3
			if g.Lower/gb > c.want+rounding || g.Upper/gb < c.want-rounding {
				t.Errorf("%.3f is not within %.3f and %.3f", c.want, g.Lower/gb, g.Upper/gb)
			}
			if g.Sure == c.unsure {
				t.Errorf("sure %t: %+v", g.Sure, g)
			}
			if c.openEnded == (g.Lower > 0) && c.want > 0 {
				t.Errorf("at least %.3f GB a day", g.Lower/gb)
			}
			t.Logf("%.2f (%.2f to %.2f) GB a day", g.PerDay/gb, g.Lower/gb, g.Upper/gb)
		})
	}
}

// A node fills faster or slower from one day to the next: soon, that is the growth, and before
// that the band has it.
func TestAnotherPace(t *testing.T) {
	for name, c := range map[string]struct {
		before, after float64 // GB a day
		begun         []float64
		known         float64 // days after which it is the growth
		banded        float64 // and within the band
	}{
		"faster":   {5, 200, []float64{0.3, 0.9, 1.9, 2.1, 3, 5, 7, 10, 14, 16, 20}, 2, 0.8},
		"enlarged": {0, 100, []float64{0.3, 0.9, 1.9, 2.1, 3, 5, 7, 10, 14, 16, 20}, 2, 0.8},
		"slower":   {200, 5, []float64{0.3, 1, 2.9, 3.1, 4, 5, 7, 10, 14, 16, 20}, 3, 3},
		"deleting": {100, -100, []float64{0.3, 1, 2.9, 3.1, 4, 5, 7, 10, 14, 16, 20}, 3, 3},
	} {
		for _, noise := range []float64{0, 0.2} {
			for _, age := range c.begun {
				r := rand.New(rand.NewPCG(1, 2))
				points := constructed(30, func(a float64) float64 {
					value := 6*tb - gb*c.after*a
					if a > age {
						value = 6*tb - gb*(c.after*age+c.before*(a-age))
					}
					return value + r.NormFloat64()*noise*gb
				})
				o := outlookOf(points, 10*tb, noon)
				says := func(what string, of Growth) {
					t.Errorf("%s %.1f days ago, noise %.1f: %s: %.2f (%.2f to %.2f) GB a day", name, age, noise, what, of.PerDay/gb, of.Lower/gb, of.Upper/gb)
				}
				if near := max(2, math.Abs(c.after)/20); age > c.known && math.Abs(o.Week.PerDay/gb-c.after) > near {
					says("it is not known", o.Week)
				} else if age > c.known && math.Abs(o.Day.PerDay/gb-c.after) > near {
					says("the last day does not know it", o.Day)
				}
				if age > c.banded && (o.Week.Upper < (c.after-2)*gb || o.Week.Lower > (c.after+2)*gb) {
					says("it is not within the band", o.Week)
				}
			}
		}
	}
}

// A pace that comes and goes is no other one: two busy days a week.
func TestAPaceThatComesAndGoes(t *testing.T) {
	for end := range 7 {
		value := 4 * tb
		points := constructed(30, func(age float64) float64 {
			if d := int(math.Floor(40-age)) + end; d%7 < 2 {
				value += 140 * gb / 48
			}
			return value
		})
		g := outlookOf(points, 10*tb, noon).Week
		if g.Upper < 39.9*gb || g.Lower > 40.1*gb || math.Abs(g.PerDay-40*gb) > 4*gb {
			t.Errorf("ending on day %d: %.2f (%.2f to %.2f) GB a day, want 40", end, g.PerDay/gb, g.Lower/gb, g.Upper/gb)
		}
	}
}

// The trash rises and is emptied, and a disk is used by pieces and trash: the pieces alone count.
func TestTrashIsNotGrowth(t *testing.T) {
	var latest Latest
	points := constructed(30, func(age float64) float64 {
		trash := 15 * math.Mod(40-age, 7) * gb // emptied each week
		pieces := 6*tb - 20*gb*age
		latest = Latest{Used: int64(pieces + trash), Trash: int64(trash), Free: int64(9*tb - pieces - trash), Allocated: 9 * tb}
		return latest.pieces()
	})
	o := outlookOf(points, 9*tb, noon)
	for window, g := range map[string]Growth{"day": o.Day, "week": o.Week, "month": o.Month} {
		if !g.Known || math.Abs(g.PerDay-20*gb) > 1e-3*gb {
			t.Errorf("in a %s: %+v", window, g)
		}
	}
	f := o.until(latest.Free, noon, noon)
	if want := float64(latest.Free) / (20 * gb); math.Abs(f.days-want) > 0.1 || f.reason != forecastGiven {
		t.Errorf("full in %+v, want %f days", f, want)
	}
}

// Of many noisy disks, the band has the true growth in nearly all.
func TestTheBandHoldsTheGrowth(t *testing.T) {
	for name, of := range map[string]func(r *rand.Rand, perDay float64) func(float64) float64{
		"noise": func(r *rand.Rand, perDay float64) func(float64) float64 {
			return func(age float64) float64 { return 6*tb - perDay*age + r.NormFloat64()*4*gb }
		},
		"walk": func(r *rand.Rand, perDay float64) func(float64) float64 {
			value := 4 * tb
			return func(float64) float64 { value += perDay/48 + r.NormFloat64()*0.5*gb; return value }
		},
	} {
		missed, all := 0, 150
		for seed := range all {
			r := rand.New(rand.NewPCG(uint64(seed), 5))
			perDay := (r.Float64()*60 - 10) * gb
			g := outlookOf(constructed(7, of(r, perDay)), 10*tb, noon).Week
			if perDay < g.Lower || perDay > g.Upper {
				missed++
			}
		}
		t.Logf("%s: %d of %d are outside", name, missed, all)
		if missed > all*9/100 {
			t.Errorf("%s: of %d, %d are outside", name, all, missed)
		}
	}
}

func TestForecast(t *testing.T) {
	growing := func(days, perDay float64) Outlook {
		return outlookOf(constructed(days, func(age float64) float64 { return 6*tb - perDay*gb*age }), 10*tb, noon)
	}
	noisy := func(gigabytes float64) Outlook {
		r := rand.New(rand.NewPCG(1, 2))
		return outlookOf(constructed(7, func(float64) float64 { return 6*tb + r.NormFloat64()*gigabytes*gb }), 10*tb, noon)
	}
	cases := []struct {
		name    string
		outlook Outlook
		free    float64 // GB
		silent  time.Duration
		days    float64
		reason  reason
		why     string
	}{
		{name: "linear", outlook: growing(7, 20), free: 600, days: 30},
		{name: "nearly full", outlook: growing(7, 20), free: 1, days: 0.05},
		{name: "full", outlook: growing(7, 20), free: 0, days: 0, reason: isFull, why: "it is full"},
		{name: "full, and nothing known", outlook: Outlook{}, free: 0, days: 0, reason: isFull, why: "it is full"},
		{name: "six hours", outlook: growing(0.25, 20), free: 400, days: 20},
		{name: "less than six hours", outlook: growing(0.24, 20), free: 400, days: math.NaN(), reason: tooLittle, why: "12 values over 6 hours, and there are 12 over 5 hours"},
		{name: "nothing", outlook: outlookOf(nil, 10*tb, noon), free: 400, days: math.NaN(), reason: tooLittle, why: "6 hours, and there is none"},
		{name: "one value", outlook: Outlook{Week: Growth{Points: 1}}, free: 400, days: math.NaN(), reason: tooLittle, why: "6 hours, and there is one"},
		{name: "shrinking", outlook: growing(7, -20), free: 400, days: math.NaN(), reason: notFilling, why: "it does not grow"},
		{name: "flat", outlook: growing(7, 0), free: 400, days: math.NaN(), reason: notFilling, why: "it does not grow"},
		{name: "flat and noisy, and far from full", outlook: noisy(20), free: 4000, days: math.NaN(), reason: notFilling, why: "it does not grow"},
		{name: "flat and noisy, and nearly full", outlook: noisy(20), free: 1, days: math.NaN(), reason: unsure, why: "cannot be told from its ups and downs"},
		{name: "silent for 12 hours", outlook: growing(7, 20), free: 600, silent: 12 * time.Hour, days: 30},
		{name: "silent for longer", outlook: growing(7, 20), free: 600, silent: 12*time.Hour + time.Second, days: math.NaN(), reason: outdated, why: "nothing was heard of its disk since 2026-11-19 23:59 UTC"},
		{name: "in a year", outlook: growing(7, 20), free: 7900, days: 395},
		{name: "in two years", outlook: growing(7, 20), free: 15000, days: math.NaN(), reason: farAhead, why: "not full within 400 days"},
		{name: "in a month, after six hours", outlook: growing(0.25, 20), free: 600, days: math.NaN(), reason: farAhead, why: "not full within 25 days, which is as far ahead as the last 6 hours tell"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := c.outlook.until(int64(c.free*gb), noon.Add(-c.silent), noon)
			if f.reason != c.reason || !strings.Contains(f.why, c.why) {
				t.Errorf("reason %d %q, want %d %q", f.reason, f.why, c.reason, c.why)
			}
			if math.IsNaN(f.days) != math.IsNaN(c.days) || math.Abs(f.days-c.days) > 1e-3 {
				t.Errorf("%f days, want %f", f.days, c.days)
			}
			if f.lower > f.days || f.upper < f.days {
				t.Errorf("%+v: not within its band", f)
			}
		})
	}
}

// What is odd does not break the measurement.
func TestGrowthOfOddPoints(t *testing.T) {
	gap := constructed(7, func(age float64) float64 { return 6*tb - 20*gb*age })
	gap = append(gap[:100:100], gap[250:]...)
	if g := outlookOf(gap, 10*tb, noon).Week; math.Abs(g.PerDay-20*gb) > 1e-3*gb {
		t.Errorf("over a gap: %+v", g)
	}
	sparse := constructed(28, func(age float64) float64 { return 6*tb - 20*gb*age })
	var daily []point
	for i := 0; i < len(sparse); i += 48 {
		daily = append(daily, sparse[i])
	}
	o := outlookOf(daily, 10*tb, noon)
	if o.Week.Known || !o.Month.Known {
		t.Errorf("eight points of a week: %+v, month %+v", o.Week, o.Month)
	}
	if o := outlookOf([]point{{noon.UnixMilli(), 1}}, 0, noon); o.Week.Known || o.Day.Known {
		t.Errorf("one point: %+v", o)
	}
	if o := outlookOf(constructed(6.9, func(float64) float64 { return 0 }), 0, noon); o.Month.Known || !o.Week.Known || o.Week.Sure {
		t.Errorf("nothing on the disk: %+v", o)
	}
}

func BenchmarkOutlook(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	points := constructed(30, func(age float64) float64 { return 6*tb - 20*gb*age + r.NormFloat64()*gb })
	for b.Loop() {
		outlookOf(points, 10*tb, noon)
	}
}
