package capacity

import (
	"context"
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

// The codes of the conditions.
const (
	codeUsageHigh     = "disk_usage_high"
	codeUsageCritical = "disk_usage_critical"
	codeFullMonth     = "disk_full_within_month"
	codeFullWeek      = "disk_full_within_week"
	codeOverused      = "disk_overused"
	codeTrash         = "disk_trash"
	codeOutOfSpace    = "disk_out_of_space"

	groupFull, groupDisk = "capacity", "disk"
	aboutUsage           = "disk usage"
	aboutForecast        = "disk forecast"
)

const (
	// fullMonth and fullWeek are in how many days a disk is full soon.
	fullMonth = 30.0
	fullWeek  = 7.0
	// setAside is how much less may be free than is left of what is allocated before it is the disk
	// that has no more, in bytes and in percent: a hashstore keeps room for its compactions, which
	// counts as used up though it is free. How much, the node does not say: it grows with the pieces.
	setAside        = 10_000_000_000
	setAsidePercent = 2.0
	// nothing is less than what a node leaves that stops at what is allocated: satellites choose
	// none with less than 5 GB. Where not even that is free, it is the disk from leastMissing on.
	nothing      = 100_000_000
	leastMissing = 1_000_000_000
	// beforeStart is how long before the time that it says a node may have started.
	beforeStart = time.Minute
	// staleDisk is after which time without any word the disk is not watched any more.
	staleDisk = 2 * time.Hour
)

// Conditions are what this concern raises. A full disk is what an operator wants, so that the
// first four are told as notes, and as problems only where the settings say so.
func (Concern) Conditions() []conditions.Definition {
	asProblem := func(severity string) string {
		return ": info; " + severity + " where `alerts.fullDiskIsAProblem` is set"
	}
	infoOrCritical := []conditions.Severity{conditions.Info, conditions.Critical}
	infoOrWarning := []conditions.Severity{conditions.Info, conditions.Warning}
	return []conditions.Definition{
		{
			Code: codeUsageCritical, Group: groupFull, Score: aboutUsage, Severities: infoOrCritical,
			Title: "Critical Disk Usage on {node}", When: "used ≥ 95 % of what is allocated" + asProblem("critical"), Clears: "below again",
			Do: "Nothing, if you want the node to be full: it is paid for what it stores. To let it grow, allocate more space, or start another node.",
		},
		{
			Code: codeUsageHigh, Group: groupFull, Score: aboutUsage, Severities: infoOrWarning,
			Title: "High Disk Usage on {node}", When: "used ≥ 80 % of what is allocated" + asProblem("warning"), Clears: "below again",
			Do: "Nothing, if you want the node to be full. To let it grow, think of more space or another node.",
		},
		{
			Code: codeFullWeek, Group: groupFull, Score: aboutForecast, Severities: infoOrCritical,
			Title: "Disk Will Be Full Soon on {node}", When: "full within 7 days at the growth of the last 7 days" + asProblem("critical"), Clears: "longer again; full, or up and down near it while `disk_usage_critical` is raised",
			Do: "Nothing, if you want the node to be full. Another node takes some weeks to be vetted: start it now.",
		},
		{
			Code: codeFullMonth, Group: groupFull, Score: aboutForecast, Severities: infoOrWarning,
			Title: "Disk Capacity Warning on {node}", When: "full within 30 days at the growth of the last 7 days" + asProblem("warning"), Clears: "longer again; full, or up and down near it while `disk_usage_critical` is raised",
			Do: "Nothing, if you want the node to be full. Another node takes some weeks to be vetted.",
		},
		{
			Code: codeOutOfSpace, Group: groupDisk, Severities: []conditions.Severity{conditions.Critical},
			Title:  "Disk Out of Space on {node}",
			When:   "less than 5 GB or 1 % is free because the disk has no more, though more is allocated: by over 10 GB and 2 %, as a hashstore sets some aside for compactions, or by over 1 GB where nothing at all is free; or the node said at its start, in its log, that the disk is too small",
			Clears: "more is free again, or less is allocated",
			Do:     "Something else fills the disk, or more is allocated than it has: compactions and databases need room, and uploads are refused without a word. Free space, or lower storage.allocated-disk-space.",
		},
		{
			Code: codeOverused, Group: groupDisk, Severities: []conditions.Severity{conditions.Warning},
			Title: "More Used Than Allocated on {node}", When: "the node uses more than is allocated for 24 hours (by more than 0.1 %), a silence of the node in between included", Clears: "no longer over",
			Do: "It takes no uploads. If that is not what you want, allocate more; else wait for garbage collection. Where its own count is wrong, let the used-space filewalker run at its next start.",
		},
		{
			Code: codeTrash, Group: groupDisk, Severities: []conditions.Severity{conditions.Warning},
			Title: "Much Trash on {node}", When: "more than 20 % of what is used is trash for 8 days, a silence of the node in between included: it is kept for 7", Clears: "20 % or less again",
			Do: "Look for the lines \"emptying trash\" in the node's log, and for filewalkers that fail or never end. Trash takes space and earns nothing.",
		},
	}
}

// Judge looks at what is known of every node's disk.
func (Concern) Judge(_ context.Context, c conditions.Case) (conditions.Verdict, error) {
	var verdict conditions.Verdict
	for _, node := range c.Nodes {
		j := judging{c: c, node: node, disk: read(c.Store, node.Node), into: &verdict}
		j.all()
	}
	return verdict, nil
}

// judging is one node's judgement.
type judging struct {
	c    conditions.Case
	node concern.Watched
	disk
	into *conditions.Verdict
}

func (j *judging) unseen(why string, codes ...string) {
	for _, code := range codes {
		j.into.Unseen = append(j.into.Unseen, conditions.Unseen{Code: code, History: j.node.History, Why: why})
	}
}

func (j *judging) find(f conditions.Finding) {
	f.History = j.node.History
	j.into.Findings = append(j.into.Findings, f)
}

func (j *judging) all() {
	if why := j.onlyInTheAPI(); why != "" {
		j.unseen(why, codeUsageHigh, codeUsageCritical, codeOverused, codeTrash, codeOutOfSpace)
	} else {
		j.usage()
		j.outOfSpace()
		j.overused()
		j.trash()
	}
	j.full()
}

// onlyInTheAPI is why what no line of the log says cannot be judged, or "".
func (j *judging) onlyInTheAPI() string {
	why := ""
	switch {
	case !j.polled:
		why = "the node's API has not said yet how full the disk is"
	case j.old(j.latest.At):
		why = "the node's API has not said how full the disk is since " + clock(j.latest.At)
	default:
		return ""
	}
	if j.node.Trouble != "" {
		why += ": " + j.node.Trouble
	}
	return why
}

func (j *judging) old(at time.Time) bool {
	return j.c.Now.Sub(at) > max(staleDisk, 3*j.latest.Interval)
}

// asProblem is a severity where a full disk is a problem, else info.
func (j *judging) asProblem(severity conditions.Severity) conditions.Severity {
	if j.c.Settings.Alerts.FullDiskIsAProblem {
		return severity
	}
	return conditions.Info
}

func (j *judging) usage() {
	percent, limits := j.latest.usedPercent(), j.node.Thresholds
	left := fmt.Sprintf("%s of %s are used, %s are free", bytesText(float64(j.latest.Used)), bytesText(float64(j.latest.Allocated)), bytesText(float64(j.latest.Free)))
	if percent >= limits.DiskCritical {
		j.find(conditions.Finding{
			Code: codeUsageCritical, Severity: j.asProblem(conditions.Critical), Title: "Critical Disk Usage on " + j.node.Name,
			Message: fmt.Sprintf("Disk usage is %.1f%% (threshold: %.1f%%): %s. Once it is full the node takes no uploads, and is paid for what it stores.", percent, limits.DiskCritical, left),
			Value:   percent, Threshold: limits.DiskCritical, Unit: "percent",
		})
	}
	if percent >= limits.DiskWarning {
		j.find(conditions.Finding{
			Code: codeUsageHigh, Severity: j.asProblem(conditions.Warning), Title: "High Disk Usage on " + j.node.Name,
			Message: fmt.Sprintf("Disk usage is %.1f%% (threshold: %.1f%%): %s.", percent, limits.DiskWarning, left),
			Value:   percent, Threshold: limits.DiskWarning, Unit: "percent",
		})
	}
}

// full judges the forecast. In the first hours there is none: that is told where it matters.
func (j *judging) full() {
	at := j.disk.at()
	if !j.polled && !j.listed || j.old(at) && (j.polled || j.c.Now.Sub(at) > silentFor) {
		why := j.onlyInTheAPI()
		if !j.polled {
			blind, mend := j.node.Evidence.Blind(concern.StartLines, j.c.Now)
			if blind != "" {
				why += "; and from the log: " + blind + "; " + mend
			} else {
				why += "; and no upload has begun in the log"
			}
		}
		j.unseen(why, codeFullMonth, codeFullWeek)
		return
	}
	f := j.disk.forecast(j.c.Now)
	if f.unknown() {
		if !j.warmingUp(f) && !j.nearlyFull() {
			j.unseen("when the disk is full cannot be told: "+f.why, codeFullMonth, codeFullWeek)
		}
		return
	}
	if f.reason != forecastGiven {
		return
	}
	g := j.outlook().Week
	within := fmt.Sprintf("At the growth of the last %s, %s a day, the disk is full in %.1f days (%s): %s are free.",
		span(g.Span), signedBytes(g.PerDay), f.days, f.band(), bytesText(float64(j.disk.free())))
	finding := conditions.Finding{Message: within, Value: f.days, Unit: "d"}
	if f.days <= fullWeek {
		week := finding
		week.Code, week.Severity, week.Title, week.Threshold = codeFullWeek, j.asProblem(conditions.Critical), "Disk Will Be Full Soon on "+j.node.Name, fullWeek
		j.find(week)
	}
	if f.days <= fullMonth {
		month := finding
		month.Code, month.Severity, month.Title, month.Threshold = codeFullMonth, j.asProblem(conditions.Warning), "Disk Capacity Warning on "+j.node.Name, fullMonth
		j.find(month)
	}
}

// nearlyFull says that the disk is as good as full, which disk_usage_critical tells of: what is free
// goes up and down with what is deleted, so that most of the time there is no day on which it is full.
func (j *judging) nearlyFull() bool {
	return j.polled && j.latest.usedPercent() >= j.node.Thresholds.DiskCritical
}

// warmingUp says that a forecast is not there because it cannot be yet.
func (j *judging) warmingUp(f forecast) bool {
	first := j.latest.First
	if !j.polled {
		first = j.heard.First
	}
	return f.reason == tooLittle && j.c.Now.Sub(first) < leastSpan+remeasured && !j.c.Settings.Alerts.FullDiskIsAProblem
}

// band is the range of a forecast in words.
func (f forecast) band() string {
	if f.upper != f.upper {
		return fmt.Sprintf("%.1f at least", f.lower)
	}
	return fmt.Sprintf("%.1f to %.1f", f.lower, f.upper)
}

// outOfSpace is about the disk, not about what is allocated: where less is free than is left of
// that, it is the disk that has no more. How much a disk has beyond that the node does not say. At
// its start, it lowers what is allocated to what the disk has, and then nothing is missing any more:
// its log tells of that. One that says that it is over is at the end of what is allocated.
func (j *judging) outOfSpace() {
	free, at := j.latest.Free, j.latest.At
	if j.listed && j.heard.At.After(at.Add(-heardStep)) && j.c.Now.Sub(j.heard.At) < staleDisk {
		free = min(free, j.heard.Free) // an old node's API knows only what is allocated
	}
	allocated := float64(j.latest.Allocated)
	missing := float64(j.latest.Allocated-j.latest.Used) - float64(free)
	// What a disk needs for compactions and databases.
	least := max(j.node.Thresholds.DiskFreeGB*1e9, j.node.Thresholds.DiskFreePercent/100*allocated)
	margin := max(setAside, setAsidePercent/100*allocated)
	if free < nothing {
		margin = leastMissing
	}
	why := ""
	switch {
	case float64(free) >= least:
		return
	case j.tooSmallAtStart():
		why = "and the node found at its start that the disk has less than what is allocated"
	case j.latest.Overused == 0 && missing > margin:
		why = fmt.Sprintf("and the node may use %s more: the disk has %s less than what is allocated", bytesText(float64(j.latest.Allocated-j.latest.Used)), bytesText(missing))
	default:
		return
	}
	j.find(conditions.Finding{
		Code: codeOutOfSpace, Severity: conditions.Critical, Title: "Disk Out of Space on " + j.node.Name,
		Message: fmt.Sprintf("%s are free on the disk (threshold: %s), %s. Compactions and databases need room, and uploads are refused without a word. Free space, or lower storage.allocated-disk-space.",
			bytesText(float64(free)), bytesText(least), why),
		Value: float64(free), Threshold: least, Unit: bytesUnit,
	})
}

// tooSmallAtStart says whether the node said at its last start that the disk is too small.
func (j *judging) tooSmallAtStart() bool {
	return !j.latest.Started.IsZero() && !j.heard.TooSmall.Before(j.latest.Started.Add(-beforeStart))
}

func (j *judging) overused() {
	since := j.latest.OverusedSince
	if since.IsZero() || j.c.Now.Sub(since) < j.node.Thresholds.DiskOverused {
		return
	}
	with := ""
	if j.latest.Overused > max(0, j.latest.Used-j.latest.Allocated) {
		with = ", with what it sets aside for compactions"
	}
	j.find(conditions.Finding{
		Code: codeOverused, Severity: conditions.Warning, Title: "More Used Than Allocated on " + j.node.Name,
		Message: fmt.Sprintf("The node uses %s more than the %s that are allocated%s, since %s. It takes no uploads. Allocate more, or wait for garbage collection.",
			bytesText(float64(j.latest.Overused)), bytesText(float64(j.latest.Allocated)), with, clock(since)),
		Value: float64(j.latest.Overused), Threshold: 0, Unit: bytesUnit, Since: since,
	})
}

func (j *judging) trash() {
	since, limits := j.latest.TrashSince, j.node.Thresholds
	if since.IsZero() || j.c.Now.Sub(since) < limits.DiskTrashFor {
		return
	}
	percent := j.latest.trashPercent()
	j.find(conditions.Finding{
		Code: codeTrash, Severity: conditions.Warning, Title: "Much Trash on " + j.node.Name,
		Message: fmt.Sprintf("%.1f%% of what is used is trash (threshold: %.4g%%), %s, since %s. It is kept for 7 days: look whether it is emptied.",
			percent, limits.DiskTrash, bytesText(float64(j.latest.Trash)), clock(since)),
		Value: percent, Threshold: limits.DiskTrash, Unit: "percent", Since: since,
	})
}

var _ conditions.Judge = Concern{}
