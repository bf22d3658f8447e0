package latency

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// How fine the durations of an answer are.
const (
	milliseconds = "milliseconds"    // from the log, by when lines came
	twentieths   = "50 milliseconds" // from a file, whose lines come together
	wholeSeconds = "seconds"         // from the log's own times
	mixed        = "mixed"           // of both kinds
	estimated    = "estimated"       // from the debug port, some of them at least
)

// resolution is how fine the durations of all nodes are; "" where there are none.
func (d *durations) resolution() string {
	var all seenDurations
	for _, seen := range d.seen {
		all.logged, all.polled = all.logged || seen.logged, all.polled || seen.polled
		all.file = all.file || seen.logged && seen.file
		all.count += seen.count
		all.coarse += seen.coarse
	}
	return all.resolution()
}

// resolution is how fine the durations of a node are; "" where there are none.
func (s seenDurations) resolution() string {
	switch {
	case s.polled:
		return estimated
	case !s.logged:
		return ""
	case s.coarse == 0 && s.file:
		return twentieths
	case s.coarse == 0:
		return milliseconds
	case s.coarse >= s.count:
		return wholeSeconds
	}
	return mixed
}

// notices say which nodes cannot be seen, what would change that, and how well the
// others are.
func (a *answer) notices(d *durations) []data.Notice {
	var notices []data.Notice
	say := func(severity data.NoticeSeverity, node concern.Watched, format string, args ...any) {
		notices = append(notices, data.Notice{Severity: severity, Text: node.Name + ": " + fmt.Sprintf(format, args...)})
	}
	if a.outside(d) {
		notices = append(notices, data.Notice{
			Severity: data.NoticeSeverityInfo,
			Text:     fmt.Sprintf("this is of whole steps of %s, from %s to %s", lasting(d.step), clock(d.begin), clock(d.end)),
		})
	}
	for _, node := range a.request.Watched {
		seen := d.seen[node.Name]
		if !node.Retired { // it is not expected to say anything
			if why := a.because(node, seen); why != "" {
				say(data.NoticeSeverityWarning, node, "no latency: %s", why)
			}
		}
		if seen == nil {
			continue
		}
		if seen.logged && seen.coarse > 0 {
			share := max(1, math.Round(100*seen.coarse/max(seen.count, seen.coarse)))
			say(data.NoticeSeverityInfo, node, "%.0f %% of the durations are of whole seconds, 1 s more or less: these lines were read later than they were written", share)
		}
		if seen.polled {
			say(data.NoticeSeverityInfo, node, "from the debug port: counts and means are exact, percentiles are estimated from them and from the 64 values that the node keeps of its last thousand transfers; satellites are not told apart, nor repairs among uploads")
		}
		if seen.dropped > 0 {
			say(data.NoticeSeverityInfo, node, "%s began without an end in the log", counted(int64(seen.dropped), "transfer"))
		}
	}
	return notices
}

// outsideLeast is which part of a range may lie outside of it and count all the same, because
// steps are whole, without a word.
const outsideLeast = 0.05

// outside says whether much of what was read lies outside of the range. Minutes are as fine as
// anything is; and of a series that has the steps that were asked for, everybody sees it.
func (a *answer) outside(d *durations) bool {
	switch a.request.Query.Format {
	case concern.TimeSeries, Heatmap:
		if !d.coarser {
			return false
		}
	}
	outside := max(0, a.request.From.Sub(d.begin)) + max(0, d.end.Sub(a.request.To))
	return d.step > time.Minute && outside.Seconds() > outsideLeast*a.request.To.Sub(a.request.From).Seconds()
}

// because is why what is asked for of a node cannot be seen and what would change that, or "".
func (a *answer) because(node concern.Watched, seen *seenDurations) string {
	if seen != nil && seen.hidden && !seen.logged && !seen.polled {
		return "the debug port tells neither satellites apart nor repairs among uploads"
	}
	return unseen(node, a.request)
}

// unseen is why a node's durations cannot be seen now and what would change that, or "".
func unseen(node concern.Watched, request concern.Request) string {
	why, mend := node.Evidence.Blind(concern.StartLines, request.Now)
	if why == "" {
		return ""
	}
	if node.Debug != "" {
		interval := request.Settings.Poll.Shortest()
		why := silent(node, request.Store, interval, request.Now)
		if at := readPolled(request.Store, node.Node).At; why == "" && at.Before(request.From) {
			why = fmt.Sprintf("the debug port was last asked at %s, before this time; it is asked every %s", clock(at), lasting(interval))
		}
		return why
	}
	if node.LogTrouble != "" {
		why += ": " + node.LogTrouble
	}
	return why + "; " + mend + "; or set debug.addr there, and give its address as the node's debug port in the data source's settings"
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// lasting is a time for people, in its two largest units.
func lasting(d time.Duration) string {
	units := []struct {
		length time.Duration
		name   string
	}{{day, "day"}, {hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	var parts []string
	for _, unit := range units {
		if n := d / unit.length; n > 0 && len(parts) < 2 {
			parts = append(parts, counted(int64(n), unit.name))
			d %= unit.length
		}
	}
	return strings.Join(parts, " ")
}

func counted(n int64, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
