package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Event is something that happened: a restart, a condition that changed, anything
// with a text. The events of a store are a set: one that is recorded again is
// there once, so that a log may be read twice.
type Event struct {
	Time   int64 // milliseconds UTC
	Kind   string
	Labels map[string]string
	Text   string
}

func (e Event) equal(other Event) bool {
	return e.Time == other.Time && e.Kind == other.Kind && e.Text == other.Text && maps.Equal(e.Labels, other.Labels)
}

// bytes is what an event takes in memory, about.
func (e Event) bytes() int64 {
	return eventBytes + int64(len(e.Text)) + labelBytes*int64(len(e.Labels))
}

// eventsGroup is the group that holds every event.
const eventsGroup = "events"

// AppendEvent records an event.
func (b *Batch) AppendEvent(event Event) {
	b.rows = append(b.rows, batchRow{group: eventsGroup, time: event.Time, events: []Event{event}})
}

// Events are those of one kind, or of all ("" as kind), from one time to another
// (milliseconds UTC, both inclusive), in the order of their times.
func (s *Store) Events(ctx context.Context, from, to int64, kind string) ([]Event, error) {
	if from > to {
		return nil, fmt.Errorf("read events: from %d to %d is not a range", from, to)
	}
	from = max(from, s.options.Now().Add(-s.limits.Load().EventRetention).UnixMilli())
	whole := segment{group: eventsGroup, from: from, to: to + 1}
	parts, err := s.parts(ctx, whole)
	if err != nil {
		return nil, err
	}
	head := &groupHead{}
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		events, err := p.events()
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		for _, e := range events {
			if e.Time >= from && e.Time <= to && (kind == "" || e.Kind == kind) {
				head.addEvent(e)
			}
		}
	}
	return head.between(from, to+1).events, nil
}

// Events are written each with its distance in rows from the one before. A word
// that was there before is written as its number.
func appendEvents(b []byte, times []int64, events []Event) []byte {
	words := map[string]uint64{}
	word := func(s string) {
		if n, ok := words[s]; ok {
			b = binary.AppendUvarint(b, n+1)
			return
		}
		words[s] = uint64(len(words))
		b = appendString(binary.AppendUvarint(b, 0), s)
	}
	previous := 0
	for _, e := range events {
		row, _ := slices.BinarySearch(times, e.Time)
		b = binary.AppendUvarint(b, uint64(row-previous))
		previous = row
		word(e.Kind)
		b = binary.AppendUvarint(b, uint64(len(e.Labels)))
		for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
			word(name)
			word(e.Labels[name])
		}
		word(e.Text)
	}
	return b
}

// events reads what appendEvents wrote for rows of these times.
func (d *decoder) events(times []int64) []Event {
	var words []string
	word := func() string {
		n := d.uvarint()
		switch {
		case n == 0:
			words = append(words, d.string())
			return words[len(words)-1]
		case n <= uint64(len(words)):
			return words[n-1]
		}
		d.fail()
		return ""
	}
	var events []Event
	row := uint64(0)
	for len(d.b) > 0 && d.err == nil {
		distance := d.uvarint()
		if d.err != nil || distance >= uint64(len(times))-row {
			d.fail()
			return nil
		}
		row += distance
		e := Event{Time: times[row], Kind: word()}
		for n := d.count(); n > 0 && d.err == nil; n-- {
			if e.Labels == nil {
				e.Labels = map[string]string{}
			}
			name := word()
			e.Labels[name] = word()
		}
		e.Text = word()
		events = append(events, e)
	}
	if d.err != nil {
		return nil
	}
	return events
}
