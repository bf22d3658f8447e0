package capacity

import (
	"errors"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// overusedMargin is which share of what is allocated may be used beyond it: a node that is
// full is a little over, with the last uploads and with what compactions need.
const overusedMargin = 0.001

// Record stores what a poll says of the disk, and what the satellites say that they store.
// What the node does not say gives nothing, never a zero.
func (Concern) Record(node concern.Node, poll concern.Poll, from *store.Store, into *store.Batch) error {
	err := recordSatellites(node, poll, from, into)
	if poll.Status == nil {
		return err
	}
	latest, ok := latestOf(poll.Status.DiskSpace)
	if !ok {
		return err
	}
	latest.Started = poll.Status.StartedAt.UTC()
	before := read(from, node)
	latest.keep(before.latest, before.polled, poll, node.Thresholds.DiskTrash)
	if latest.Outlook.stale(poll.At) {
		outlook, failed := look(from, node, polledPieces, poll.At, &point{at: poll.At.UnixMilli(), value: latest.pieces()}, float64(latest.Allocated))
		if failed == nil {
			latest.Outlook = outlook
		}
		err = errors.Join(err, failed)
	}
	into.Add(node.StoredAs(name), poll.Slot.UnixMilli(), latest.samples()...)
	return errors.Join(err, putDocument(into, node.StoredAs(name), latest))
}

// keep takes over what the polls before say: since when, and the forecast. muchTrash is in
// percent of what is used.
func (l *Latest) keep(before Latest, known bool, poll concern.Poll, muchTrash float64) {
	l.First, l.At, l.Interval = poll.At, poll.At, poll.Interval
	if known && !before.First.IsZero() && before.First.Before(poll.At) {
		l.First = before.First
	}
	// What was so before a silence, and is so after it, was so in between: over-used bytes and trash
	// do not go and come back.
	since := func(holds bool, began time.Time) time.Time {
		switch {
		case !holds:
			return time.Time{}
		case known && !began.IsZero() && began.Before(poll.At):
			return began
		}
		return poll.At
	}
	l.OverusedSince = since(float64(l.Overused) > overusedMargin*float64(l.Allocated), before.OverusedSince)
	l.TrashSince = since(l.trashPercent() > muchTrash, before.TrashSince)
	if known {
		l.Outlook = before.Outlook
	}
}

// pieces is what is stored without what waits to be deleted. A garbage collection moves bytes
// to the trash, an emptied trash and a compaction free them: none of that is growth, so growth
// is measured here.
func (l Latest) pieces() float64 {
	pieces := l.Used - l.Trash
	if l.Reclaimable != nil {
		pieces -= *l.Reclaimable
	}
	return float64(pieces)
}

// samples are what is known now.
func (l Latest) samples() []store.Sample {
	samples := []store.Sample{
		{Column: usedColumn, Value: float64(l.Used)},
		{Column: trashColumn, Value: float64(l.Trash)},
		{Column: freeColumn, Value: float64(l.Free)},
		{Column: allocatedColumn, Value: float64(l.Allocated)},
		{Column: overusedColumn, Value: float64(l.Overused)},
	}
	if l.Reclaimable != nil {
		samples = append(samples, store.Sample{Column: reclaimableColumn, Value: float64(*l.Reclaimable)})
	}
	return append(samples, l.Outlook.samples()...)
}

// samples are the growths that are known.
func (o Outlook) samples() []store.Sample {
	var samples []store.Sample
	if o.Week.Known {
		samples = append(samples,
			store.Sample{Column: growthColumn, Value: o.Week.PerDay},
			store.Sample{Column: growthLowerColumn, Value: o.Week.Lower},
			store.Sample{Column: growthUpperColumn, Value: o.Week.Upper},
			store.Sample{Column: reachColumn, Value: o.Week.reach()})
	}
	if o.Day.Known {
		samples = append(samples, store.Sample{Column: growthDayColumn, Value: o.Day.PerDay})
	}
	if o.Month.Known {
		samples = append(samples, store.Sample{Column: growthMonthColumn, Value: o.Month.PerDay})
	}
	return samples
}
