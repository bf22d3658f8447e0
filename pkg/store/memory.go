package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/buntdb"
)

// ErrFull is the answer of Record when what is in memory cannot be written, and there is no
// room for more.
var ErrFull = errors.New("the store is full: what it was told cannot be written, and its memory limit is reached")

// What BuntDB spends on an item beside its key and value.
const itemOverhead = 120

func itemSize(key, value string) int64 { return int64(len(key) + len(value) + itemOverhead) }

// Of the memory limit, rows that are not sealed may take a part before they are sealed out of
// turn, and another one before no more are taken. The oldest rows as recorded go once all
// passes the limit, until shedTo of it is taken: roll-ups, documents and recent rows are what
// an operator needs. Should that not do, the oldest events, roll-ups and rows without any go, too.
const (
	shedTo       = 0.8
	sealAbove    = 1.0 / 8
	refusedAbove = 1.0 / 2
)

// memoryUsed is what everything takes, about; the caller holds mu.
func (s *Store) memoryUsed() int64 {
	return s.stored + s.waiting() + s.documentBytes()
}

// waiting is what rows that no chunk holds take, their commits left out; the caller holds mu.
func (s *Store) waiting() int64 {
	bytes := s.pending.bytes
	for _, heads := range []map[string]*groupHead{s.sealing, s.heads} {
		for _, head := range heads {
			bytes += head.bytes
		}
	}
	return bytes
}

// documentBytes is what documents take beside what BuntDB has of them; the caller holds mu.
func (s *Store) documentBytes() (bytes int64) {
	for key, value := range s.documents {
		bytes += int64(len(key)+len(value)) + itemOverhead
	}
	return bytes
}

// crowded says whether sealing is worth it for the memory that it frees.
func (s *Store) crowded() bool {
	limit := s.limits.Load().MemoryLimit
	s.mu.RLock()
	defer s.mu.RUnlock()
	return limit > 0 && s.waiting()+s.unsealed > int64(sealAbove*float64(limit))
}

// full says whether there is no room for a batch of rows, loudly.
func (s *Store) full(batch *Batch) bool {
	limit := s.limits.Load().MemoryLimit
	if limit <= 0 || len(batch.rows) == 0 {
		return false
	}
	now := s.options.Now()
	s.mu.Lock()
	full := (s.status.CommitError != "" || s.sealFailed) && s.waiting()+s.unsealed > int64(refusedAbove*float64(limit))
	if full {
		s.status.UnwrittenRows += uint64(len(batch.rows))
	}
	due := full && (now.Sub(s.fullReported) >= refusalPause || now.Before(s.fullReported))
	if due {
		s.fullReported = now
	}
	s.mu.Unlock()
	if due {
		s.options.Report(fmt.Sprintf("the store %s cannot be written, and what waits for that takes half of its memory limit of %.1f MiB: nothing more is recorded until it can be written", s.path, float64(limit)/(1<<20)))
	}
	return full
}

type sizedChunk struct {
	key string
	place
	bytes  int64
	spared bool // goes only if the others do not do
}

// sheddable says whether a chunk may go for want of memory, and whether only as a last
// resort. What is still open stays: of counts it would only come back. So do rows that no
// roll-up contains yet, because what is left of a step would be rolled up as if it were all.
func (s *Store) sheddable(in place, now int64) (may, spared bool) {
	if in.end() > now {
		return false, false
	}
	policy := s.policy(in.group)
	if in.group == eventsGroup || rollupStep(in.group) > 0 || len(policy.Rollups) == 0 {
		return true, true
	}
	if !policy.Additive {
		for _, rollup := range policy.Rollups {
			if s.rolledUpTo(in.group, rollup.Step) < in.end() {
				return false, false
			}
		}
	}
	return true, false
}

// boundMemory measures what is in memory, and drops the oldest chunks when it is more than
// the limit; the caller holds writing. It does so loudly: health and the log say what went.
func (s *Store) boundMemory() error {
	var stored int64
	var all []sizedChunk
	err := s.view(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			size := itemSize(key, value)
			stored += size
			if in, ok := chunkPlace(key); ok {
				all = append(all, sizedChunk{key: key, place: in, bytes: size})
			}
			return true
		})
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.stored = stored
	total := s.memoryUsed()
	s.status.Chunks = len(all)
	s.mu.Unlock()
	limit := s.limits.Load().MemoryLimit
	if limit <= 0 || total <= limit {
		return nil
	}
	return s.shed(all, total, limit)
}

func (s *Store) shed(all []sizedChunk, total, limit int64) error {
	now := s.retentionTime().UnixMilli()
	var chunks []sizedChunk
	for _, c := range all {
		may, spared := s.sheddable(c.place, now)
		if c.spared = spared; may {
			chunks = append(chunks, c)
		}
	}
	slices.SortFunc(chunks, func(a, b sizedChunk) int {
		if a.spared != b.spared {
			if a.spared {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.window, b.window), strings.Compare(a.key, b.key))
	})
	var shed []string
	spared, freed := 0, int64(0)
	givenUp := map[string]int64{}
	var last place // of what was shed
	for _, c := range chunks {
		// A window of a group goes whole: what is left of it would hide its roll-ups.
		begun := c.place == last
		enough := limit
		if !c.spared {
			enough = int64(shedTo * float64(limit))
		}
		if total <= enough && !begun {
			if c.spared {
				break
			}
			continue
		}
		shed = append(shed, c.key)
		if c.spared {
			spared++
		}
		if c.group != eventsGroup {
			givenUp[c.group] = max(givenUp[c.group], c.end())
		}
		last = c.place
		total -= c.bytes
		freed += c.bytes
	}
	if err := s.dropGivingUp(shed, givenUp); err != nil {
		return err
	}
	s.mu.Lock()
	s.stored -= freed
	s.status.Chunks -= len(shed)
	s.status.Shed += len(shed) - spared
	s.status.ShedSpared += spared
	s.mu.Unlock()
	s.tellShed(len(shed)-spared, spared, total, limit)
	return nil
}

// tellShed says what went, and whether that was enough.
func (s *Store) tellShed(rows, spared int, total, limit int64) {
	mib := float64(limit) / (1 << 20)
	if rows > 0 {
		s.options.Report(fmt.Sprintf("the store %s passed its memory limit of %.1f MiB: the %d oldest chunks of rows as recorded were dropped, roll-ups stay; raise the limit to keep more", s.path, mib, rows))
	}
	if spared > 0 {
		s.options.Report(fmt.Sprintf("the store %s passed its memory limit of %.1f MiB, and there were no more rows with roll-ups to drop: the %d oldest chunks of events, of roll-ups and of rows without any were dropped; raise the limit to keep more", s.path, mib, spared))
	}
	now := s.options.Now()
	if total <= limit || now.Sub(s.tightReported) < refusalPause && !now.Before(s.tightReported) {
		return
	}
	s.tightReported = now
	s.options.Report(fmt.Sprintf("the store %s takes %.1f MiB, which is more than its memory limit of %.1f MiB, and what is left cannot be dropped: raise the limit", s.path, float64(total)/(1<<20), mib))
}
