// Package settings knows what an operator may configure for one data source:
// the node spec grammar, every setting with its default and its bounds, and how
// all of that is written as the data source's jsonData.
//
// It parses and validates, and it never fails as a whole: whatever is wrong is
// reported as a [Problem] that says what to do, and everything else is used. It
// opens no file, resolves no host and asks no node; whether a log exists or an
// API answers is found out by those who use the settings.
package settings

import (
	"maps"
	"time"
)

// Settings is one data source's configuration, complete: what the operator left
// out has its default.
type Settings struct {
	// Nodes are in the operator's order. Names and keys are unique.
	Nodes []Node
	// APIPort is tried where a node's API address has to be discovered.
	APIPort int
	// InteractiveTimeout bounds an API request that a person waits for,
	// BackgroundTimeout one that a poll makes. A busy node answers slowly; it
	// is not dead, so the second is long.
	InteractiveTimeout time.Duration
	BackgroundTimeout  time.Duration
	// AllowRemoteAPI false means that only this machine's APIs are asked,
	// explicit addresses included: see AllowsAPI.
	AllowRemoteAPI bool
	Poll           PollIntervals
	// Thresholds are those of the data source. A node's own are in the node.
	Thresholds Thresholds
	// IdleStop is how long collection goes on without any request.
	IdleStop time.Duration
	// MemoryLimit is how many bytes the stored history may take in memory.
	MemoryLimit int64
	// Backfill is how much of a log from before its node was added is read:
	// this long back, nothing at 0, everything where it is negative.
	Backfill  time.Duration
	Retention Retention
	Store     StoreLimits
	Alerts    Alerts
}

// Retention says how long the history is kept.
type Retention struct {
	Raw    time.Duration // values as they were polled
	Rollup time.Duration // their worst and last ones of each hour and day

	// What is counted from the log, by the length of time that one count covers.
	Minutes    time.Duration
	TenMinutes time.Duration
	Hours      time.Duration
	Sizes      time.Duration // how the sizes of the pieces are distributed
	Events     time.Duration // single events, as errors and restarts
}

// StoreLimits says how the history takes in what is written to it.
type StoreLimits struct {
	MaxFuture time.Duration // a time this far ahead of the clock is refused
	MaxPast   time.Duration // and one this far behind it; 0: none that is still kept
	Flush     time.Duration // how often what is new reaches the disk
	Seal      time.Duration // after this long, a block of rows is packed
}

// Alerts says when a condition is told of, and to whom that is so.
type Alerts struct {
	// Flapping is how long a condition has to be gone before it counts as gone.
	Flapping time.Duration
	// Heartbeat is a URL to be asked as long as the nodes are watched, or
	// empty. It may hold a token, so it belongs in no message.
	Heartbeat string
	// FullDiskIsAProblem says that a disk that fills is told of as a problem,
	// and not as the note that it is for who wants full nodes.
	FullDiskIsAProblem bool
}

// PollIntervals says how often a node's API is asked for what.
type PollIntervals struct {
	Status  time.Duration
	Scores  time.Duration
	Payouts time.Duration
}

// Shortest is how often a node is asked at all. Its status is asked with whatever is due, and so
// is its debug port.
func (p PollIntervals) Shortest() time.Duration { return min(p.Status, p.Scores, p.Payouts) }

// Node is one storage node to watch.
type Node struct {
	// Name is the operator's name for the node and its label everywhere.
	Name string
	// Key identifies the node in stream paths and file names: [a-z0-9-]{1,40}.
	Key string
	// Log is where its log comes from; Kind NoLog if from nowhere.
	Log Source
	// API is the address of its HTTP API without a trailing slash; empty means
	// that it has to be discovered.
	API string
	// Debug is the address of its debug port without a trailing slash, or
	// empty.
	Debug string
	// Thresholds are the limits that hold for this node, its overrides merged
	// into those of the data source.
	Thresholds Thresholds
	// Retired keeps the node's history and raises no conditions.
	Retired bool
	// MaintenanceUntil is zero or the end of the node's maintenance, in UTC.
	MaintenanceUntil time.Time
	// MutedSatellites maps a satellite's short name or id to the reason.
	MutedSatellites map[string]string
}

// Equal reports whether both nodes are configured alike, so that a running node
// need not be interrupted. A missing and an empty map of muted satellites are
// the same thing.
func (n Node) Equal(other Node) bool {
	return n.Name == other.Name &&
		n.Key == other.Key &&
		n.Log == other.Log &&
		n.API == other.API &&
		n.Debug == other.Debug &&
		n.Thresholds == other.Thresholds &&
		n.Retired == other.Retired &&
		n.MaintenanceUntil.Equal(other.MaintenanceUntil) &&
		maps.Equal(n.MutedSatellites, other.MutedSatellites)
}

// Default returns the settings of a data source for which nothing is
// configured. The thresholds are the numbers that operators know from the
// original monitor.
func Default() Settings {
	return Settings{
		APIPort:            apiPortBounds.preset,
		InteractiveTimeout: seconds(interactiveTimeoutBounds.preset),
		BackgroundTimeout:  seconds(backgroundTimeoutBounds.preset),
		AllowRemoteAPI:     true,
		Poll: PollIntervals{
			Status:  seconds(statusIntervalBounds.preset),
			Scores:  seconds(scoresIntervalBounds.preset),
			Payouts: seconds(payoutsIntervalBounds.preset),
		},
		Thresholds:  defaultThresholds(),
		IdleStop:    days(idleStopBounds.preset),
		MemoryLimit: mebibytes(memoryLimitBounds.preset),
		Backfill:    hours(backfillBounds.preset),
		Retention: Retention{
			Raw:        days(rawDaysBounds.preset),
			Rollup:     days(rollupDaysBounds.preset),
			Minutes:    hours(minuteHoursBounds.preset),
			TenMinutes: days(tenMinuteDaysBounds.preset),
			Hours:      days(hourDaysBounds.preset),
			Sizes:      days(sizeDaysBounds.preset),
			Events:     days(eventDaysBounds.preset),
		},
		Store: StoreLimits{
			MaxFuture: minutes(maxFutureBounds.preset),
			MaxPast:   days(maxPastBounds.preset),
			Flush:     milliseconds(flushBounds.preset),
			Seal:      minutes(sealBounds.preset),
		},
		Alerts: Alerts{Flapping: minutes(flappingBounds.preset)},
	}
}

// bounds are the lowest and the highest allowed whole number of a setting, and
// the number that holds where none is given.
type bounds struct {
	lowest, highest, preset int
}

var (
	apiPortBounds            = bounds{1, 65535, 14002}
	interactiveTimeoutBounds = bounds{1, 60, 10}
	// The preset is above every allowed interactive time-out, so that it can
	// stand in whatever the interactive one is.
	backgroundTimeoutBounds = bounds{5, 600, 90}
	statusIntervalBounds    = bounds{30, 86400, 300}
	scoresIntervalBounds    = bounds{30, 86400, 300}
	payoutsIntervalBounds   = bounds{300, 86400, 3600}
	idleStopBounds          = bounds{1, 3650, 30}
	memoryLimitBounds       = bounds{64, 65536, 512}
	rawDaysBounds           = bounds{1, 400, 30}
	rollupDaysBounds        = bounds{30, 3650, 400}
	backfillBounds          = bounds{-1, 9600, 24}
	minuteHoursBounds       = bounds{6, 720, 48}
	tenMinuteDaysBounds     = bounds{2, 400, 14}
	hourDaysBounds          = bounds{30, 3650, 400}
	sizeDaysBounds          = bounds{2, 400, 30}
	eventDaysBounds         = bounds{30, 3650, 400}
	maxFutureBounds         = bounds{1, 1440, 60}
	maxPastBounds           = bounds{0, 3650, 0}
	flushBounds             = bounds{100, 60000, 1000}
	sealBounds              = bounds{5, 1440, 60}
	flappingBounds          = bounds{0, 120, 5}
)

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

func mebibytes(n int) int64 { return int64(n) << 20 }

func days(n int) time.Duration { return time.Duration(n) * day }
