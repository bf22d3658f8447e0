package capacity

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
)

// futurePoints is how many points a forecast has at most.
const futurePoints = 100

// level is how far a line is drawn that never ends, where the panel does not say it.
const level = 30 * day

// series answers values over time, one wide frame, and behind the last of them the forecast.
func (a *answer) series(ctx context.Context) (data.Frames, error) {
	step := a.step()
	read, err := a.readAll(ctx, step)
	if err != nil {
		return nil, err
	}
	var times []int64
	for _, r := range read {
		if len(r.times) > len(times) {
			times = r.times
		}
	}
	if a.total {
		read = a.summed(read, times, step)
	}
	future := a.future()
	history := len(times)
	times = append(slices.Clone(times), future...)
	if history > 0 && len(future) > 0 && future[0] <= times[history-1] {
		// The running step and the moment from which is foretold: the forecast begins at its end.
		for len(future) > 0 && future[0] <= times[history-1] {
			future = future[1:]
		}
		times = append(times[:history:history], future...)
	}
	named := len(a.metrics) > 1
	var series []frames.Series
	for _, r := range read {
		for _, m := range a.metrics {
			values := make([]float64, len(times))
			for i := range values {
				values[i] = math.NaN()
			}
			if m.ahead {
				a.foretell(m, r.node, times, values, history)
			} else {
				for i, s := range r.steps {
					until := s.until()
					if r.until != nil {
						until = r.until[i]
					}
					values[i] = m.value(s, until)
				}
			}
			config := m.config(r.node.Thresholds)
			labels, title := data.Labels{}, "all nodes"
			if !a.total {
				labels, title = data.Labels{byNode: r.node.Name}, r.node.Name
			}
			if named {
				title += " " + m.title
			}
			config.DisplayNameFromDS = title
			series = append(series, frames.Series{Name: m.name, Labels: labels, Config: config, Values: values})
		}
	}
	return data.Frames{frames.Wide(name, times, series)}, nil
}

// summed adds the nodes up. A node that is silent counts with what it said last, for the bytes
// are there still; before it first said anything it counts nothing. A step in which no node said
// anything has no sum. A retired node counts up to its last word.
func (a *answer) summed(read []readNode, times []int64, step time.Duration) []readNode {
	totals := make([]fleetSum, len(times))
	said := make([]bool, len(times))
	for _, r := range read {
		last, ever, grown := unknown(), false, int64(0)
		if n := r.node; n.counts() && n.disk.at().Before(a.request.From) {
			last, ever, grown = n.now(), true, n.disk.at().UnixMilli()
		}
		end := len(r.steps)
		for r.node.Retired && end > 0 && !r.steps[end-1].said() {
			end--
		}
		for i := range end {
			if s := r.steps[i]; s.said() {
				last, ever, said[i] = s.since(last), true, true
				if s.growth == s.growth || s.free <= 0 {
					grown = times[i]
				}
			}
			if ever {
				totals[i].add(last, r.node.polledBy(times[i], step), between(grown, times[i]) > silentFor)
			}
		}
	}
	sum := readNode{times: times, steps: make([]sums, len(times)), until: make([]forecast, len(times))}
	sum.node.Thresholds = a.request.Settings.Thresholds
	for i := range sum.steps {
		sum.steps[i], sum.until[i] = unknown(), unknown().until()
		if said[i] {
			sum.steps[i], sum.until[i] = totals[i].all(), totals[i].until()
		}
	}
	return []readNode{sum}
}

// future are the times of the forecast: up to the end of the panel where it shows the future,
// else as far as the forecast looks or all is full.
func (a *answer) future() []int64 {
	if !slices.ContainsFunc(a.metrics, func(m metric) bool { return m.ahead }) {
		return nil
	}
	now := a.request.Now
	var full []time.Time // where lines end
	ahead := time.Duration(0)
	for _, n := range a.nodes {
		switch f := n.forecast; {
		case !n.ever() || f.unknown() || a.total && n.Retired:
		case f.reason != forecastGiven:
			ahead = max(ahead, level)
		default:
			for _, days := range []float64{f.lower, f.days, f.upper} {
				if !(days <= inDays(lookAhead)) { // the slowest may never end
					ahead = lookAhead
					continue
				}
				ends := n.disk.at().Add(time.Duration(days * float64(day)))
				ahead = max(ahead, ends.Sub(now))
				full = append(full, ends)
			}
		}
	}
	if ahead <= 0 {
		return nil
	}
	end := now.Add(ahead)
	if a.request.To.After(now) {
		end = a.request.To
	}
	step := max(a.step(), end.Sub(now)/futurePoints)
	step = (step + time.Minute - 1).Truncate(time.Minute)
	var times []int64
	for at := now; at.Before(end); at = at.Add(step) {
		times = append(times, at.UnixMilli())
	}
	times = append(times, end.UnixMilli())
	for _, at := range full {
		if at.After(now) && at.Before(end) {
			times = append(times, at.UnixMilli()) // where lines end, they end exactly
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// foretell draws the line of a node, or of all, behind the history. A line ends where the disk
// is full; of all nodes it goes on with those that are not.
func (a *answer) foretell(m metric, of knownNode, times []int64, values []float64, history int) {
	nodes := []knownNode{of}
	if a.total {
		nodes = slices.DeleteFunc(slices.Clone(a.nodes), func(n knownNode) bool {
			return !n.counts() || m.name != forecastFreeMetric && !n.polled // as the sum has it
		})
	}
	if len(nodes) == 0 {
		return
	}
	for _, n := range nodes {
		if n.ever() && n.forecast.unknown() || !n.ever() {
			return
		}
		if m.name != forecastFreeMetric && !n.polled {
			return // how much is used, the log does not say
		}
	}
	ended := false
	for i := history; i < len(times) && !ended; i++ {
		sum := 0.0
		ended = !a.total
		for _, n := range nodes {
			growth := n.outlook().Week
			slope := growth.PerDay
			switch m.name {
			case forecastLowerMetric:
				slope = growth.Lower
			case forecastUpperMetric:
				slope = growth.Upper
			}
			if n.forecast.reason == notFilling {
				slope = min(slope, 0) // its growth is none that can be told from its ups and downs
				if m.name == forecastMetric || m.name == forecastFreeMetric {
					slope = 0
				}
			}
			if n.forecast.reason == isFull {
				slope = 0
			}
			more := slope * inDays(between(n.disk.at().UnixMilli(), times[i]))
			free := float64(n.disk.free())
			if more < free-math.Abs(slope)*inDays(time.Second) { // times are rounded
				ended = false
			}
			more = min(more, free)
			if m.name == forecastFreeMetric {
				sum += free - more
			} else {
				sum += max(0, float64(n.latest.Used)+more)
			}
		}
		values[i] = sum
	}
}

// notices say what the answer does not show: nodes without data, old data, and why there is no
// forecast.
func (a *answer) notices() []data.Notice {
	var notices []data.Notice
	add := func(severity data.NoticeSeverity, format string, args ...any) {
		notices = append(notices, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
	ahead := slices.ContainsFunc(a.metrics, func(m metric) bool { return m.needs })
	for _, n := range a.nodes {
		if n.Retired {
			continue // it is not expected to say anything
		}
		if text, severity := silence(n, a.request); text != "" {
			if a.total && n.ever() && !n.polled {
				text += withoutIt
			}
			add(severity, "%s", text)
		}
		if ahead && n.ever() && n.forecast.reason != forecastGiven && n.forecast.reason != isFull {
			add(data.NoticeSeverityInfo, "%s: no forecast: %s", n.Name, n.forecast.why)
		}
	}
	return notices
}

// withoutIt is said of a node without an API where nodes are added up.
const withoutIt = "; what is added up of all nodes is without it, but for what is free and how fast that falls"

// silence says what is not known of a node, and what would change that; "": all is.
func silence(n knownNode, request concern.Request) (string, data.NoticeSeverity) {
	why := n.Trouble
	switch {
	case !n.ever():
		blind, mend := n.Evidence.Blind(concern.StartLines, request.Now)
		if blind == "" {
			blind, mend = "no upload has begun in the log", "a node that is full takes none"
		}
		if why == "" {
			why = fmt.Sprintf("collecting since %s, the API's word follows at the next poll", n.Since.UTC().Format("15:04 UTC"))
		}
		return fmt.Sprintf("%s: nothing is known of the disk: %s; and from the log: %s; %s", n.Name, why, blind, mend), data.NoticeSeverityWarning
	case !n.polled:
		text := n.Name + ": only what is free is known, from the uploads in the log: how much is used and allocated, only the node's API says"
		if why != "" {
			text += ": " + why
		}
		if old := request.Now.Sub(n.heard.At); old > silentFor {
			return fmt.Sprintf("%s; the last upload began %s ago", text, span(old)), data.NoticeSeverityWarning
		}
		return text, data.NoticeSeverityInfo
	}
	old := request.Now.Sub(n.latest.At)
	if old.Abs() <= 2*max(n.latest.Interval, request.Settings.Poll.Status, request.Settings.Poll.Scores) {
		return "", data.NoticeSeverityInfo
	}
	text := fmt.Sprintf("%s: what is known of the disk is %s old", n.Name, span(old))
	if old < 0 {
		text = fmt.Sprintf("%s: what is known of the disk is of %s, later than now: the clock was set back", n.Name, clock(n.latest.At))
	}
	return strings.TrimSuffix(text+": "+why, ": "), data.NoticeSeverityWarning
}
