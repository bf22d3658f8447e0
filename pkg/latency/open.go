package latency

import (
	"hash/maphash"
	"math/bits"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// open remembers the transfers that began and did not end yet, in the order in which they
// began. It grows with them up to a bound; then the oldest is forgotten for each that
// begins, and counted.
type open struct {
	seed    maphash.Seed
	starts  []start
	slots   []uint32 // a table of the starts by key: their numbers, plus one
	free    uint32   // the first start that is not in use
	oldest  uint32
	newest  uint32
	count   int
	dropped int64 // since it was last asked
}

// start is a transfer that began. Its neighbours are those that began before and after it.
type start struct {
	key           uint64
	at            int64 // the line's time, nanoseconds since 1970
	arrived       int64 // when the line came; 0: it was read later than it was written
	before, after uint32
}

const (
	none       = ^uint32(0)
	firstOpen  = 1 << 8
	maxOpen    = 1 << 15 // a node has some hundreds; what is more never ends
	slotsADoor = 2       // slots for each start: half of them are empty
)

func newOpen() *open {
	o := &open{seed: maphash.MakeSeed(), oldest: none, newest: none, free: none}
	o.grow(firstOpen)
	return o
}

// grow makes room for so many.
func (o *open) grow(room int) {
	before := len(o.starts)
	o.starts = append(make([]start, 0, room), o.starts...)[:room]
	for i := before; i < room; i++ {
		o.starts[i].after = o.free
		o.free = uint32(i)
	}
	o.slots = make([]uint32, slotsADoor*room)
	for i := o.oldest; i != none; i = o.starts[i].after {
		o.enter(i)
	}
}

// key is that of a transfer: the same piece can be downloaded several times at once, but
// hardly by the same peer, whose address has a port.
func (o *open) key(event *storagenode.Event) uint64 {
	key := maphash.Bytes(o.seed, event.Piece)
	key = bits.RotateLeft64(key, 17)*0x9E3779B97F4A7C15 ^ maphash.Bytes(o.seed, event.Peer)
	key = bits.RotateLeft64(key, 17)*0x9E3779B97F4A7C15 ^ maphash.String(o.seed, event.Satellite)
	return bits.RotateLeft64(key, 17)*0x9E3779B97F4A7C15 ^ uint64(event.Action)*0xD1342543DE82EF95
}

func (o *open) home(key uint64) int { return int(key>>32) & (len(o.slots) - 1) }

// enter puts a start into the table, behind the others with its key.
func (o *open) enter(number uint32) {
	slot := o.home(o.starts[number].key)
	for o.slots[slot] != 0 {
		slot = (slot + 1) & (len(o.slots) - 1)
	}
	o.slots[slot] = number + 1
}

// find is the slot of the first start with a key.
func (o *open) find(key uint64) (slot int, ok bool) {
	for slot = o.home(key); o.slots[slot] != 0; slot = (slot + 1) & (len(o.slots) - 1) {
		if o.starts[o.slots[slot]-1].key == key {
			return slot, true
		}
	}
	return 0, false
}

// leave empties a slot, and moves what stands behind it to where it is looked for.
func (o *open) leave(slot int) {
	last := len(o.slots) - 1
	for next := (slot + 1) & last; o.slots[next] != 0; next = (next + 1) & last {
		home := o.home(o.starts[o.slots[next]-1].key)
		if (next-home)&last >= (next-slot)&last {
			o.slots[slot] = o.slots[next]
			slot = next
		}
	}
	o.slots[slot] = 0
}

// begin remembers that a transfer began.
func (o *open) begin(event *storagenode.Event) {
	if len(event.Piece) == 0 {
		return
	}
	key := o.key(event)
	if len(event.Peer) > 0 {
		// The same peer asks for a piece again: the end of the first was not written. Lines
		// of old versions do not say the peer: there several are under way.
		if slot, ok := o.find(key); ok {
			o.remove(slot)
			o.dropped++
		}
	}
	if o.free == none {
		if len(o.starts) < maxOpen {
			o.grow(2 * len(o.starts))
		} else {
			o.forgetOldest()
		}
	}
	number := o.free
	s := &o.starts[number]
	o.free = s.after
	*s = start{key: key, at: event.Time.UnixNano(), before: o.newest, after: none}
	if !event.Arrived.IsZero() {
		s.arrived = event.Arrived.UnixNano()
	}
	if o.newest == none {
		o.oldest = number
	} else {
		o.starts[o.newest].after = number
	}
	o.newest = number
	o.count++
	o.enter(number)
}

func (o *open) forgetOldest() {
	number := o.oldest
	slot := o.home(o.starts[number].key)
	for o.slots[slot] != number+1 {
		slot = (slot + 1) & (len(o.slots) - 1)
	}
	o.remove(slot)
	o.dropped++
}

// lastBegan is when the last of those that are remembered began, in nanoseconds since 1970.
func (o *open) lastBegan() (at int64, ok bool) {
	if o.newest == none {
		return 0, false
	}
	return o.starts[o.newest].at, true
}

// remove takes out the start in a slot.
func (o *open) remove(slot int) start {
	number := o.slots[slot] - 1
	s := o.starts[number]
	if s.before == none {
		o.oldest = s.after
	} else {
		o.starts[s.before].after = s.after
	}
	if s.after == none {
		o.newest = s.before
	} else {
		o.starts[s.after].before = s.before
	}
	o.leave(slot)
	o.starts[number] = start{after: o.free}
	o.free = number
	o.count--
	return s
}

// took is how long the transfer took whose end an event is, and whether that is finer than
// whole seconds. It forgets its start.
func (o *open) took(event *storagenode.Event) (took time.Duration, fine, ok bool) {
	var s start
	if o.count > 0 && len(event.Piece) > 0 {
		if slot, found := o.find(o.key(event)); found {
			s, ok = o.remove(slot), true
		}
	}
	if event.Duration > 0 {
		return event.Duration, true, event.Duration <= longest
	}
	if !ok {
		return 0, false, false
	}
	at := event.Time.UnixNano()
	took = time.Duration(at - s.at)
	switch {
	case s.at%int64(time.Second) != 0 || at%int64(time.Second) != 0:
		fine = true // the log of an old version has milliseconds
	case s.arrived != 0 && !event.Arrived.IsZero():
		arrived := time.Duration(event.Arrived.UnixNano() - s.arrived)
		if (arrived - took).Abs() <= time.Second {
			took, fine = max(arrived, 0), true
		}
	}
	return took, fine, took >= 0 && took <= longest
}

// clear forgets all: none of them outlives the node's process.
func (o *open) clear() {
	for o.count > 0 {
		o.forgetOldest()
		o.dropped--
	}
}
