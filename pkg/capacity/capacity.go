// Package capacity is the concern of a node's disk: how full it is, with what, how fast it
// fills and until when, and what the satellites pay for of it.
//
// It knows what the node says of its disk and how that is stored, extrapolated and shown. It
// does not know how it is fetched, nor what the file system of the node's machine says.
package capacity

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The concern's names in the store: of the group of the disk's series and of its latest state,
// of what the log last said of it, and of what the satellites say that they store.
const (
	name       = "capacity"
	heardName  = "capacity-log"
	storedName = "capacity-satellites"
)

// Concern is the capacity concern; it has no state of its own.
type Concern struct {
	Now func() time.Time // nil: time.Now
}

// The stored columns of a node's disk. The growths are those of the moment: how the forecast
// changed can be looked at later.
const (
	usedColumn        = "used_bytes" // everything: pieces, trash and what can be reclaimed
	trashColumn       = "trash_bytes"
	reclaimableColumn = "reclaimable_bytes"
	freeColumn        = "free_bytes" // what is left for uploads
	allocatedColumn   = "allocated_bytes"
	overusedColumn    = "overused_bytes"
	heardFreeColumn   = "heard_free_bytes" // the same as free, from the log
	growthColumn      = "growth_bytes_per_day"
	growthLowerColumn = "growth_lower_bytes_per_day"
	growthUpperColumn = "growth_upper_bytes_per_day"
	growthDayColumn   = "growth_1d_bytes_per_day"
	growthMonthColumn = "growth_30d_bytes_per_day"
	reachColumn       = "forecast_reach_days" // how far ahead the growth tells; 0: not at all
)

// paidColumn is what a satellite stored on the average of a day, and hoursColumn of how many hours it
// is the average; both are stamped with the day's begin.
const (
	paidColumn  = "paid_bytes"
	hoursColumn = "paid_hours"
)

const satelliteLabel = "satellite"

const day = 24 * time.Hour

// Policies say how long capacity is kept: polls, then hours and days for their least, largest
// and last values. What the satellites say is one value a day, which needs no roll-up.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	return map[string]store.Policy{
		name: {
			Keep:       retention.Raw,
			Rollups:    []store.Rollup{{Step: time.Hour, Keep: retention.Rollup}, {Step: day, Keep: retention.Rollup}},
			Aggregates: []store.Aggregate{store.Min, store.Max, store.Last},
		},
		storedName: {Keep: retention.Rollup},
	}
}

// Latest is what a node's API last said of its disk, in bytes.
type Latest struct {
	First       time.Time     `json:"first"` // when it first said so
	At          time.Time     `json:"at"`
	Interval    time.Duration `json:"interval"`         // between polls
	Started     time.Time     `json:"started,omitzero"` // the node's process
	Used        int64         `json:"used"`
	Trash       int64         `json:"trash"`
	Reclaimable *int64        `json:"reclaimable,omitempty"` // nil where the node does not say it
	Free        int64         `json:"free"`
	Allocated   int64         `json:"allocated"`
	Overused    int64         `json:"overused"`
	// Since when it has been so at every poll; zero: it is not so.
	OverusedSince time.Time `json:"overusedSince,omitzero"`
	TrashSince    time.Time `json:"trashSince,omitzero"` // much of what is used is trash
	Outlook       Outlook   `json:"outlook"`
}

// Heard is what a node's log last said of its disk.
type Heard struct {
	First   time.Time `json:"first"`
	At      time.Time `json:"at"`
	Free    int64     `json:"free"`
	Outlook Outlook   `json:"outlook"`
	// TooSmall is when the node last said that the disk has less than what is allocated.
	TooSmall time.Time `json:"tooSmall,omitzero"`
}

// usedPercent is how much of what is allocated is used.
func (l Latest) usedPercent() float64 { return percentOf(l.Used, l.Allocated) }

// trashPercent is how much of what is used is trash.
func (l Latest) trashPercent() float64 { return percentOf(l.Trash, l.Used) }

func percentOf(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// latestOf is a poll's answer; ok is false where it says nothing of the disk.
func latestOf(disk storagenode.DiskSpace) (l Latest, ok bool) {
	if !disk.Known() || disk.Total() <= 0 {
		return Latest{}, false // a node that has not looked at its disk yet says zeros
	}
	l = Latest{
		Used: max(0, disk.Used()), Trash: max(0, disk.Trash()), Free: disk.Free(), Allocated: disk.Total(),
		Overused: max(0, disk.Overused(), disk.Used()-disk.Total()),
	}
	l.Trash = min(l.Trash, l.Used)
	if disk.SaysReclaimable() {
		reclaimable := max(0, min(disk.Reclaimable(), l.Used-l.Trash))
		l.Reclaimable = &reclaimable
	}
	return l, true
}

func readDocument(from *store.Store, key string, into any) (ok bool, err error) {
	document, ok := from.Document(key)
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(document, into); err != nil {
		return false, fmt.Errorf("read the stored %s: %w", key, err)
	}
	return true, nil
}

func putDocument(into *store.Batch, key string, value any) error {
	document, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	into.Put(key, document)
	return nil
}

// disk is all that is known of a node's disk.
type disk struct {
	latest Latest
	heard  Heard
	polled bool // whether its API ever said anything
	listed bool // whether its log ever said what is free
}

// read is what is known of a node's disk. What is stored and cannot be read is as if it had
// never been said.
func read(from *store.Store, node concern.Node) disk {
	var d disk
	var err error
	if d.polled, err = readDocument(from, node.StoredAs(name), &d.latest); err != nil {
		d.latest = Latest{}
	}
	if _, err = readDocument(from, node.StoredAs(heardName), &d.heard); err != nil {
		d.heard = Heard{}
	}
	d.listed = !d.heard.At.IsZero()
	return d
}

// outlook is the forecast that counts: the API knows more than the log.
func (d disk) outlook() Outlook {
	if d.polled {
		return d.latest.Outlook
	}
	return d.heard.Outlook
}

// at is when the disk was last spoken of, by what counts.
func (d disk) at() time.Time {
	if d.polled {
		return d.latest.At
	}
	return d.heard.At
}

// lastHeard is when what is known of the disk was so: now, unless the node is silent.
func (d disk) lastHeard(now time.Time) time.Time {
	if at := d.at(); !at.IsZero() && at.Before(now) {
		return at
	}
	return now
}

func (d disk) free() int64 {
	if d.polled {
		return d.latest.Free
	}
	return d.heard.Free
}

func (c Concern) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}
