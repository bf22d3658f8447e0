package presence

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment is a time as messages have it.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// lasting is a duration as people say it, in its two largest units.
func lasting(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return counted(int(d.Seconds()), "second")
	case d < time.Hour:
		return counted(int(d.Minutes()), "minute")
	case d < day:
		return units(int(d.Hours()), "hour", int(d.Minutes())%60, "minute")
	}
	return units(int(d/day), "day", int((d % day).Hours()), "hour")
}

func units(n int, unit string, rest int, smaller string) string {
	if rest == 0 {
		return counted(n, unit)
	}
	return counted(n, unit) + " " + counted(rest, smaller)
}

func counted(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

// listed joins names: A, B and C.
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// sentence ends in a full stop, whatever text it is made of.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// version is a storage node's version.
type version [3]int

// parseVersion reads 1.162.3, with or without a v. One of noughts is none.
func parseVersion(text string) (v version, ok bool) {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) != len(v) {
		return version{}, false
	}
	for i, part := range parts {
		part, _, _ = strings.Cut(part, "-")
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return version{}, false
		}
		v[i] = n
	}
	return v, v != version{}
}

func (v version) olderThan(other version) bool {
	for i := range v {
		if v[i] != other[i] {
			return v[i] < other[i]
		}
	}
	return false
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
