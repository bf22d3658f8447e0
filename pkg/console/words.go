package console

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// notKnown stands where a value would be. It is a word of its own, so that it cannot be taken for a zero.
const notKnown = "–"

// percent is cut, not rounded: 99.999 % must not read as a full score.
func percent(value *float64) string {
	if value == nil {
		return notKnown
	}
	return strconv.FormatFloat(math.Floor(*value*100+1e-6)/100, 'f', 2, 64)
}

func count(value *float64) string {
	if value == nil {
		return notKnown
	}
	return strconv.FormatFloat(math.Floor(*value), 'f', 0, 64)
}

// span says a duration in its two largest units.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return twoUnits(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	default:
		return twoUnits(int(d/day), "d", int(d%day/time.Hour), "h")
	}
}

func twoUnits(big int, bigName string, small int, smallName string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", big, bigName)
	}
	return fmt.Sprintf("%d %s %d %s", big, bigName, small, smallName)
}

func downtime(left *time.Duration) string {
	if left == nil {
		return notKnown
	}
	return span(*left)
}

// bytes counts in decimal units, as the network bills.
func bytes(value float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if value >= unit.size {
			return strconv.FormatFloat(value/unit.size, 'f', 1, 64) + " " + unit.name
		}
	}
	return strconv.FormatFloat(value, 'f', 0, 64) + " B"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
