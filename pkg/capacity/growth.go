package capacity

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"
)

// How growth is measured. What a disk holds rises with uploads and falls with deletions, which
// a node learns in lumps: a garbage collection takes days' worth of them at once. So the lumps
// are cut out, the slope of what is left is measured with Theil and Sen's median of all slopes,
// which a tenth of odd points does not move, and of the lumps only those count that come back
// week after week. A single one, as after a clean-up of a satellite, says nothing of tomorrow.
//
// What goes on is no lump, but another pace: a node that is vetted or was enlarged fills
// faster from one day to the next. Then what was before it says nothing of tomorrow.

// point is a value at a time (milliseconds UTC).
type point struct {
	at    int64
	value float64
}

// jump is a sudden change between two points.
type jump struct {
	from, to int64
	size     float64
}

// Growth is a slope in bytes a day, with a band in which it is with about 95 %.
type Growth struct {
	Known  bool    `json:"known,omitempty"`
	PerDay float64 `json:"perDay,omitempty"`
	Lower  float64 `json:"lower,omitempty"`
	Upper  float64 `json:"upper,omitempty"`
	// Sure says that it is another one than zero.
	Sure bool `json:"sure,omitempty"`
	// Points and Span are what it was measured from.
	Points int           `json:"points,omitempty"`
	Span   time.Duration `json:"span,omitempty"`
}

const (
	// leastPoints and leastSpan are what a slope needs.
	leastPoints = 12
	leastSpan   = 6 * time.Hour
	// mostPoints bounds the work: all pairs of points are compared.
	mostPoints = 120
	// jumpShare is how large a jump is at least, as a share of the disk.
	jumpShare = 0.001
	// jumpSpread is how far from the usual changes it is, in their standard deviations.
	jumpSpread = 8
	// deviation makes a standard deviation of a median absolute deviation.
	deviation = 1.4826
	// sureness is how many standard errors the band is wide to either side.
	sureness = 1.96
	// parts is in how many parts a window is cut to see how much its slope varies; varies is
	// sureness for so few.
	parts  = 7
	varies = 2.6
	// collects is how often garbage is collected, at about.
	collects = 7 * day
	// A lump of uploads, as of a trash that was restored, is over soon; what follows it within a
	// day belongs to it. One of deletions may last for days, as garbage is collected piece by piece.
	longestGain, gainsApart  = 12 * time.Hour, 24 * time.Hour
	longestLoss, lossesApart = 3 * day, 6 * time.Hour
	// settled is after how long another pace is taken for the one that goes on. Before that, it
	// is one that may.
	settled = 2 * day
	// fromPace is the longest window that begins with the pace. A longer one is of what was.
	fromPace = 7 * day
)

// measured is what points say of growth.
type measured struct {
	smooth []point // without lumps
	jumps  []jump  // of the lumps
	// paced is since when the pace is another one than before, which lasts until now; 0: there is
	// no such time.
	paced int64
	// What jumps come to in bytes a day: what they are likely to go on with, and the range.
	rate, rateLower, rateUpper float64
}

// measure cuts the lumps out of points, which are ascending in time. Disk is how large the disk
// is, or what comes nearest to it.
func measure(points []point, disk float64) measured {
	m := measured{smooth: points}
	if len(points) < 3 {
		return m
	}
	span := between(points[0].at, points[len(points)-1].at)
	every := 30 * time.Minute
	if span >= 2*day {
		every = 3 * time.Hour
	}
	m.jumps, m.paced = lumpsOf(jumpsOf(thinned(points, every), disk), points)
	m.smooth = without(points, m.jumps)
	m.rates(points[0].at, points[len(points)-1].at)
	return m
}

// thinned keeps the last point of each step, and the first of all.
func thinned(points []point, every time.Duration) []point {
	step := every.Milliseconds()
	kept := []point{points[0]}
	for i := 1; i < len(points); i++ {
		last := i+1 == len(points) || floorDiv(points[i+1].at, step) != floorDiv(points[i].at, step)
		if last && points[i].at > kept[len(kept)-1].at {
			kept = append(kept, points[i])
		}
	}
	return kept
}

// jumpsOf are the changes that are far from the usual ones.
func jumpsOf(points []point, disk float64) []jump {
	if len(points) < 4 {
		return nil
	}
	rates, lengths := make([]float64, 0, len(points)-1), make([]float64, 0, len(points)-1)
	for i := 1; i < len(points); i++ {
		length := float64(points[i].at - points[i-1].at)
		lengths = append(lengths, length)
		rates = append(rates, (points[i].value-points[i-1].value)/length)
	}
	usual, usualLength := median(rates), median(lengths)
	odd := make([]float64, len(rates))
	for i := range rates {
		odd[i] = math.Abs(rates[i]-usual) * lengths[i]
	}
	limit := max(jumpSpread*deviation*median(odd), jumpShare*disk)
	var jumps []jump
	for i := range rates {
		// Over a gap, more of the usual adds up.
		if odd[i] > limit*max(1, lengths[i]/usualLength) {
			jumps = append(jumps, jump{from: points[i].at, to: points[i+1].at, size: (rates[i] - usual) * lengths[i]})
		}
	}
	return jumps
}

// lumpsOf are the jumps of points that are lumps. Rows of them that last are another pace: the
// one until now, which began at paced, or the one with which the points begin. A pace that came
// and went is lumps as well: that node is busy now and then.
func lumpsOf(jumps []jump, points []point) (lumps []jump, paced int64) {
	begin, now := points[0].at, points[len(points)-1].at
	for _, gain := range []bool{true, false} {
		longest, apart := longestLoss, lossesApart
		if gain {
			longest, apart = longestGain, gainsApart
		}
		for i, row := range rowsOf(jumps, gain, apart) {
			from, to := row[0].from, row[len(row)-1].to
			switch {
			case between(from, to) <= longest:
				lumps = append(lumps, row...)
			case between(begin, from) <= apart: // the former pace, seen from the one since
			case i == 0 && between(to, now) <= apart:
				paced = max(paced, from)
			default:
				lumps = append(lumps, row...)
			}
		}
	}
	slices.SortFunc(lumps, func(a, b jump) int { return cmp.Compare(a.from, b.from) })
	return lumps, paced
}

// rowsOf are the rows of jumps up, or down, that follow one another.
func rowsOf(jumps []jump, up bool, apart time.Duration) (rows [][]jump) {
	for _, j := range jumps {
		if (j.size > 0) != up {
			continue
		}
		if n := len(rows); n > 0 && between(rows[n-1][len(rows[n-1])-1].to, j.from) <= apart {
			rows[n-1] = append(rows[n-1], j)
			continue
		}
		rows = append(rows, []jump{j})
	}
	return rows
}

// without is points less what the jumps brought; those amid a jump are left out.
func without(points []point, jumps []jump) []point {
	if len(jumps) == 0 {
		return points
	}
	smooth := make([]point, 0, len(points))
	brought, next := 0.0, 0
	for _, p := range points {
		for next < len(jumps) && p.at >= jumps[next].to {
			brought += jumps[next].size
			next++
		}
		if next < len(jumps) && p.at > jumps[next].from {
			continue
		}
		smooth = append(smooth, point{p.at, p.value - brought})
	}
	return smooth
}

// rates says what the jumps come to. Whether they come back is seen in whole weeks: the usual
// week counts, the nearer to none of two. Before there are two, a single jump is taken for one
// that does not come back, and the range has both.
func (m *measured) rates(from, to int64) {
	if len(m.jumps) == 0 {
		return
	}
	span := between(from, to)
	if weeks := min(4, int(span/collects)); weeks >= 2 {
		rates := make([]float64, weeks)
		for _, j := range m.jumps {
			if week := int(between(j.to, to) / collects); week < weeks {
				rates[week] += j.size / inDays(collects)
			}
		}
		byValue := slices.Sorted(slices.Values(rates))
		m.rateLower, m.rateUpper = byValue[0], byValue[weeks-1]
		if weeks == 4 {
			m.rateLower, m.rateUpper = byValue[1], byValue[2]
		}
		slices.SortFunc(rates, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
		m.rate = rates[(weeks-1)/2]
		m.rateLower, m.rateUpper = min(m.rateLower, m.rate), max(m.rateUpper, m.rate)
		return
	}
	all := 0.0
	for _, j := range m.jumps {
		all += j.size / max(1, inDays(span))
	}
	if len(m.jumps) >= 3 && span >= 2*day {
		m.rate = all
	}
	m.rateLower, m.rateUpper = min(0, all, m.rate), max(0, all, m.rate)
}

// over is the growth over the last part of the points.
func (m measured) over(window time.Duration) Growth {
	if len(m.smooth) == 0 {
		return Growth{}
	}
	end := m.smooth[len(m.smooth)-1].at
	begin := end - window.Milliseconds()
	since := func(begin int64) []point {
		first := sort.Search(len(m.smooth), func(i int) bool { return m.smooth[i].at >= begin })
		return m.smooth[first:]
	}
	another := m.paced > begin && window <= fromPace
	if another && between(m.paced, end) >= settled {
		begin, another = m.paced, false
	}
	points := since(begin)
	g := Growth{Points: len(points), Span: between(points[0].at, end)}
	if g.Points < leastPoints || g.Span < leastSpan {
		return g
	}
	points = thinned(points, max(g.Span/(mostPoints-2), time.Minute))
	slope, lower, upper := theilSen(points)
	if wider := varying(points); wider > 0 {
		lower, upper = min(lower, slope-wider), max(upper, slope+wider)
	}
	if another {
		pace, _, _ := theilSen(thinned(since(m.paced), time.Hour))
		lower, upper = min(lower, pace), max(upper, pace)
	}
	g.Known = true
	g.PerDay = slope + m.rate
	g.Lower, g.Upper = lower+m.rateLower, upper+m.rateUpper
	g.Sure = lower+m.rate > 0 || upper+m.rate < 0
	return g
}

// theilSen is the median slope of all pairs of points, in bytes a day, and the band of its
// ranks: the slopes between which the true one is, were the points independent of each other.
func theilSen(points []point) (slope, lower, upper float64) {
	n := len(points)
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range points {
		for j := i + 1; j < n; j++ {
			slopes = append(slopes, (points[j].value-points[i].value)/inDays(between(points[i].at, points[j].at)))
		}
	}
	slices.Sort(slopes)
	pairs := float64(len(slopes))
	ranks := sureness * math.Sqrt(float64(n)*float64(n-1)*float64(2*n+5)/18)
	low := int(math.Floor((pairs - ranks) / 2))
	high := int(math.Ceil((pairs+ranks)/2)) - 1
	return sortedMedian(slopes), slopes[max(0, low)], slopes[min(len(slopes)-1, high)]
}

// varying is by how much the slope may be off because it varies within the points: from day to
// day over a week. Points that add up are not independent of each other, which ranks alone would
// take them for.
func varying(points []point) float64 {
	begin, end := points[0].at, points[len(points)-1].at
	length := float64(end-begin+1) / parts
	var levels [parts][]float64
	var times [parts][]float64
	for _, p := range points {
		part := min(parts-1, int(float64(p.at-begin)/length))
		levels[part] = append(levels[part], p.value)
		times[part] = append(times[part], float64(p.at))
	}
	var slopes []float64
	last := -1
	for i := range levels {
		if len(levels[i]) == 0 {
			continue
		}
		if last >= 0 {
			slopes = append(slopes, (mean(levels[i])-mean(levels[last]))/inDays(time.Duration(mean(times[i])-mean(times[last]))*time.Millisecond))
		}
		last = i
	}
	if len(slopes) < 3 {
		return 0
	}
	average, squares := mean(slopes), 0.0
	for _, s := range slopes {
		squares += (s - average) * (s - average)
	}
	return varies * math.Sqrt(squares/float64(len(slopes)-1)/float64(len(slopes)))
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func median(values []float64) float64 { return sortedMedian(slices.Sorted(slices.Values(values))) }

func sortedMedian(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func between(from, to int64) time.Duration { return time.Duration(to-from) * time.Millisecond }

func inDays(d time.Duration) float64 { return float64(d) / float64(day) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
