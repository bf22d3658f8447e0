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
	err := s.view(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			size := int64(len(key) + len(value) + itemOverhead)
			total += size
			if group, start, ok := chunkPlace(key); ok {
				count++
				if rollupStep(group) == 0 && group != eventsGroup {
					chunks = append(chunks, sizedChunk{key, place{group, start}, size})
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
			total -= c.bytes
		}
		if err := s.drop(shed); err != nil {
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
