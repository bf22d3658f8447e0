package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Rows of an additive family are counts that add up. So a roll-up of them is not made
// from rows: whatever is recorded, late or not, is added to each tier at once, when it
// is recorded and again when its commit is replayed. A commit holds the rows alone.
//
// A tier stops short of what it may hold whole: given-up/<group> is the time before
// which it no longer takes rows and is no longer read. It only grows. It grows before
// chunks go, and with the commit of a row that comes too late for the tier, so that a
// tier is complete from there on, whatever clocks, limits and settings do. Of what does
// not add up, it says where chunks went for want of memory.
const givenUpBegin = "given-up/"

// kept is how long the tier of a step is kept, 0 for no step being rows as recorded.
func (p Policy) kept(step time.Duration) time.Duration {
	for _, rollup := range p.Rollups {
		if step > 0 && rollup.Step == step {
			return rollup.Keep
		}
	}
	return p.Keep
}

// longest is how long any tier keeps what a row brings.
func (p Policy) longest() time.Duration {
	keep := p.Keep
	if p.Additive {
		for _, rollup := range p.Rollups {
			keep = max(keep, rollup.Keep)
		}
	}
	return keep
}

// eachTier calls f with every group that a row of a group is added to, and the time
// that it has there.
func (s *Store) eachTier(group string, time int64, f func(group string, time int64, keep time.Duration)) {
	policy := s.policy(group)
	f(group, time, policy.kept(rollupStep(group)))
	if !policy.Additive || rollupStep(group) > 0 {
		return
	}
	for _, rollup := range policy.Rollups {
		f(rollupGroup(group, rollup.Step), floorTo(time, rollup.Step.Milliseconds()), rollup.Keep)
	}
}

// givenUp is the time before which a tier holds nothing; the caller holds mu.
func (s *Store) givenUp(group string) int64 {
	return timeIn(s.documents[givenUpBegin+group])
}

// giveUp adds to a batch that tiers end later from now on; the caller holds mu.
func (s *Store) giveUp(batch *Batch, ends map[string]int64) {
	for group, end := range ends {
		if end > s.givenUp(group) {
			batch.Put(givenUpBegin+group, binary.BigEndian.AppendUint64(nil, uint64(end)))
		}
	}
}

// tooLate is up to where tiers are given up, because a batch has rows in windows that
// are no longer kept there.
func (s *Store) tooLate(batch *Batch, now time.Time) map[string]int64 {
	var ends map[string]int64
	for _, r := range batch.rows {
		if !s.policy(r.group).Additive {
			continue
		}
		s.eachTier(r.group, r.time, func(group string, at int64, keep time.Duration) {
			end := s.place(group, at).end()
			if end <= now.Add(-keep).UnixMilli() && end > ends[group] {
				if ends == nil {
					ends = map[string]int64{}
				}
				ends[group] = end
			}
		})
	}
	return ends
}

// additiveTiers are the ways to read an additive group. Each is complete up to now. One
// is left for a coarser one at the edge of a step of the coarsest, and not before it is
// complete itself, so that nothing counts twice.
func (s *Store) additiveTiers(group string, policy Policy) []tier {
	now := s.options.Now()
	steps := []time.Duration{0}
	coarsest := int64(1)
	for _, rollup := range policy.Rollups {
		steps = append(steps, rollup.Step)
		coarsest = rollup.Step.Milliseconds()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []tier
	for _, step := range steps {
		t := tier{group: group, step: step.Milliseconds(), to: forever}
		if step > 0 {
			t.group = rollupGroup(group, step)
		}
		givenUp := s.givenUp(t.group)
		t.from = floorTo(now.Add(-policy.kept(step)).UnixMilli(), coarsest)
		if t.from < givenUp {
			t.from = floorTo(givenUp+coarsest-1, coarsest)
		}
		all = append(all, t)
	}
	return all
}

// withoutContained leaves out the chunks whose commits another chunk of the same place
// contains: a merged one whose parts are not dropped yet.
func withoutContained(chunks []placedChunk) []placedChunk {
	return slices.DeleteFunc(slices.Clone(chunks), func(a placedChunk) bool {
		return slices.ContainsFunc(chunks, func(b placedChunk) bool {
			return a.place == b.place && a.key != b.key && b.from <= a.from && a.to <= b.to
		})
	})
}

// errGivenUp ends a read that began before its tier was given up where it reads.
var errGivenUp = errors.New("a tier was given up during the read")

// stillWhole says whether a segment of an additive tier held everything until now.
func (s *Store) stillWhole(of segment) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if of.whole && s.givenUp(of.group) > of.from {
		return errGivenUp
	}
	return nil
}

// retried reads again as long as a tier is given up where it is read.
func retried[T any](read func() (T, error)) (T, error) {
	for {
		answer, err := read()
		if !errors.Is(err, errGivenUp) {
			return answer, err
		}
	}
}

type placedChunk struct {
	*chunk
	place
	key string
}
