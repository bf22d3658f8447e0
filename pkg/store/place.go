package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A chunk holds the rows of one group in one window. Roll-ups have fewer rows,
// so their windows are longer: a chunk's fixed cost is then spread over as many.
const (
	window       = 10 * 24 * time.Hour
	hourlyWindow = 10 * window
	dailyWindow  = 100 * window
)

// additiveWindows are the lengths that windows of additive families may have.
var additiveWindows = []time.Duration{
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour, 4 * 24 * time.Hour,
	10 * 24 * time.Hour, 20 * 24 * time.Hour, 50 * 24 * time.Hour, 100 * 24 * time.Hour,
}

// additiveWindow is the window of an additive tier that is kept for so long: about a
// quarter of that, because only whole windows go.
func additiveWindow(step, keep time.Duration) time.Duration {
	length := additiveWindows[0]
	for _, longer := range additiveWindows {
		if longer <= keep/4 {
			length = longer
		}
	}
	if step > 0 && length%step != 0 {
		length += step - length%step
	}
	return length
}

// place is where a chunk belongs: a group and one of its windows.
type place struct {
	group  string
	window int64 // its start, milliseconds UTC
	length int64 // milliseconds
	// additive says that rows of several chunks add up. Only these say their length in
	// their key, because it follows the policy, which may change.
	additive bool
}

func (p place) end() int64 { return p.window + p.length }

// windowLength is the length of the windows of a group that is not additive.
func windowLength(group string) int64 {
	switch step := rollupStep(group); {
	case step >= 24*time.Hour:
		return dailyWindow.Milliseconds()
	case step >= time.Hour:
		return hourlyWindow.Milliseconds()
	}
	return window.Milliseconds()
}

// place is where the group's row of a time goes.
func (s *Store) place(group string, time int64) place {
	policy := s.policy(group)
	p := place{group: group, additive: policy.Additive, length: windowLength(group)}
	if p.additive {
		step := rollupStep(group)
		p.length = additiveWindow(step, policy.kept(step)).Milliseconds()
	}
	p.window = floorTo(time, p.length)
	return p
}

// chunkRows bounds the rows of one chunk, so that whoever reads it needs little memory. A
// window with more of them has several chunks.
const chunkRows = 1 << 16

// half is that half of a window which has a time.
func (p place) half(time int64) place {
	middle := p.window + p.length/2
	if time < middle {
		p.length /= 2
		return p
	}
	p.window, p.length = middle, p.end()-middle
	return p
}

// A chunk's key is c:<group>:<window>:<sequence>, of an additive family
// c:<group>:<window>:<sequence>:<length in hours>. Where the length is another one, because
// a window was too full, it ends in its milliseconds and whether values add up.
const (
	replacingLength = 'r'
	additiveLength  = 'a'
)

func chunkKey(p place, to uint64) string {
	key := chunkPrefix(p.group) + fmt.Sprintf("%013d:%016x", p.window, to)
	hour := time.Hour.Milliseconds()
	switch {
	case p.additive && p.length%hour == 0:
		key += fmt.Sprintf(":%04x", p.length/hour)
	case p.additive:
		key += fmt.Sprintf(":%c%011x", additiveLength, p.length)
	case p.length != windowLength(p.group):
		key += fmt.Sprintf(":%c%011x", replacingLength, p.length)
	}
	return key
}

func chunkPrefix(group string) string { return "c:" + group + ":" }

// chunkPlace reads a chunk's place from its key.
func chunkPlace(key string) (p place, ok bool) {
	rest, found := strings.CutPrefix(key, "c:")
	if !found {
		return place{}, false
	}
	if n := len(rest); n > 5 && rest[n-5] == ':' {
		hours, err := strconv.ParseUint(rest[n-4:], 16, 16)
		if err != nil || hours == 0 {
			return place{}, false
		}
		p.additive, p.length = true, int64(hours)*time.Hour.Milliseconds()
		rest = rest[:n-5]
	} else if n > 13 && rest[n-13] == ':' {
		kind := rest[n-12]
		length, err := strconv.ParseInt(rest[n-11:], 16, 64)
		if err != nil || length <= 0 || kind != additiveLength && kind != replacingLength {
			return place{}, false
		}
		p.additive, p.length = kind == additiveLength, length
		rest = rest[:n-13]
	}
	at := len(rest) - 31 // ":<13 digits>:<16 digits>"
	if at < 0 || rest[at] != ':' || rest[at+14] != ':' {
		return place{}, false
	}
	var err error
	p.group = rest[:at]
	p.window, err = strconv.ParseInt(rest[at+1:at+14], 10, 64)
	if p.length == 0 {
		p.length = windowLength(p.group)
	}
	return p, err == nil
}
