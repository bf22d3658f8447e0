package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/buntdb"
)

// What BuntDB spends on an item beside its key and value.
const itemOverhead = 120

// The oldest rows as recorded go once the limit is passed, until shedTo of it is
// taken: roll-ups, documents and recent rows are what an operator needs.
const shedTo = 0.8

type sizedChunk struct {
	key string
	place
	bytes int64
}

// boundMemory measures what keys and values take, and drops the oldest chunks of
// rows as recorded when it is more than the limit; the caller holds writing. It
// does so loudly: health and the log say what went.
func (s *Store) boundMemory() error {
	var total int64
	var chunks []sizedChunk
	count := 0
	now := s.options.Now()
	err := s.view(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			size := int64(len(key) + len(value) + itemOverhead)
			total += size
			if in, ok := chunkPlace(key); ok {
				count++
				// Of counts that add up, the window that is still open stays: it would only
				// come back.
				open := in.additive && in.end() > now.UnixMilli()
				if rollupStep(in.group) == 0 && in.group != eventsGroup && !open {
					chunks = append(chunks, sizedChunk{key, in, size})
				}
			}
			return true
		})
	})
	if err != nil {
		return err
	}
	limit := s.limits.Load().MemoryLimit
	var shed []string
	givenUp := map[string]int64{}
	if limit > 0 && total > limit {
		slices.SortFunc(chunks, func(a, b sizedChunk) int {
			if a.window != b.window {
				return int(min(1, max(-1, a.window-b.window)))
			}
			return strings.Compare(a.key, b.key)
		})
		for i, c := range chunks {
			// A window of a group goes whole: what is left of it would hide its roll-ups.
			begun := i > 0 && c.place == chunks[i-1].place
			if total <= int64(shedTo*float64(limit)) && !begun {
				break
			}
			shed = append(shed, c.key)
			if c.additive {
				givenUp[c.group] = max(givenUp[c.group], c.end())
			}
			total -= c.bytes
		}
		if err := s.dropGivingUp(shed, givenUp); err != nil {
			return err
		}
		s.options.Report(fmt.Sprintf("the store %s passed its memory limit of %.1f MiB: the %d oldest chunks of rows as recorded were dropped, roll-ups stay; raise the limit to keep more", s.path, float64(limit)/(1<<20), len(shed)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.MemoryBytes, s.status.Chunks = total, count-len(shed)
	s.status.Shed += len(shed)
	return nil
}
