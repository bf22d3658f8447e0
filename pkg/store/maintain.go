package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"github.com/tidwall/buntdb"
)

// maintain merges small chunks, drops what is past retention, and compacts the
// file when most of it is history; the caller holds writing.
func (s *Store) maintain() error {
	defer s.emptyCache() // of chunks that are merged or gone
	parts := map[place][]string{}
	var expired []string
	givenUp := map[string]int64{}
	clock, now, withheld := s.options.Now(), s.retentionTime(), 0
	live := int64(0)
	err := s.view(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			live += int64(len(key) + len(value) + 32)
			if in, ok := chunkPlace(key); ok && in.end() <= s.keptFrom(in.group, now) {
				expired = append(expired, key)
				if in.additive {
					givenUp[in.group] = max(givenUp[in.group], in.end())
				}
			} else if ok {
				parts[in] = append(parts[in], key)
				if clock.After(now) && in.end() <= s.keptFrom(in.group, clock) {
					withheld++
				}
			}
			return true
		})
	})
	if err != nil {
		return err
	}
	s.tellLeap(withheld)
	// What fails in one place keeps nothing from being done elsewhere.
	var failed error
	for at, keys := range parts {
		if len(keys) >= mergeChunks {
			if err := s.merge(at, keys); err != nil {
				failed = errors.Join(failed, fmt.Errorf("merge chunks of %s: %w", at.group, err))
			}
		}
	}
	if err := s.dropGivingUp(expired, givenUp); err != nil {
		failed = errors.Join(failed, fmt.Errorf("drop expired chunks: %w", err))
	}
	if err := s.boundMemory(); err != nil {
		failed = errors.Join(failed, fmt.Errorf("keep within the memory limit: %w", err))
	}
	if s.path == "" {
		return failed
	}
	info, err := os.Stat(s.path)
	if err == nil && info.Size() > compactionFloor && info.Size() > 2*live {
		err = s.compact()
	}
	return errors.Join(failed, err)
}

// dropGivingUp drops chunks, after it is on the disk up to where their tiers are given
// up; the caller holds writing.
func (s *Store) dropGivingUp(keys []string, ends map[string]int64) error {
	if len(ends) > 0 {
		if err := s.giveUpNow(&Batch{}, ends); err != nil {
			return err
		}
		s.at("given up")
	}
	return s.drop(keys)
}

func (s *Store) drop(keys []string) error {
	changes := make([]keyChange, 0, len(keys))
	for _, key := range keys {
		changes = append(changes, keyChange{key: key, goes: true})
	}
	if err := s.changeAll(changes, func(int) {}); err != nil || len(keys) == 0 {
		return err
	}
	return s.sync()
}

// merge makes one chunk of several of one window. The merged one is durable
// before the parts go; should the parts survive a crash, the range of sequences
// tells that they are contained.
func (s *Store) merge(at place, keys []string) error {
	var parts []placedChunk
	err := s.view(func(tx *buntdb.Tx) error {
		for _, key := range keys {
			value, err := tx.Get(key)
			if err != nil {
				return err
			}
			c, err := decodeChunk(key, value)
			if err != nil {
				return err
			}
			parts = append(parts, placedChunk{c, at, key})
		}
		return nil
	})
	if err != nil {
		return err
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i].to < parts[j].to })
	whole := withoutContained(parts)
	contained := slices.DeleteFunc(parts, func(c placedChunk) bool {
		return slices.ContainsFunc(whole, func(other placedChunk) bool { return other.key == c.key })
	})
	rest := make([]string, 0, len(keys)) // what goes
	for _, c := range contained {
		rest = append(rest, c.key)
	}
	parts = mergeable(whole)
	if len(parts) == 0 {
		return s.drop(rest)
	}
	head := &groupHead{additive: at.additive}
	from, to := parts[0].from, parts[0].to
	for _, c := range parts {
		if err := c.addTo(head); err != nil {
			return err
		}
		from, to = min(from, c.from), max(to, c.to)
	}
	merged := chunkKey(at, to)
	value, err := encodeReadable(merged, from, to, head.between(at.window, at.end()))
	if err != nil {
		return err
	}
	err = s.update(true, func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(merged, value, nil)
		return err
	})
	if err != nil {
		return err
	}
	s.at("merged")
	for _, c := range parts {
		if c.key != merged {
			rest = append(rest, c.key)
		}
	}
	return s.drop(rest)
}

// mergeable are the newest parts that fit into one chunk, or none where they are few.
func mergeable(parts []placedChunk) []placedChunk {
	rows, first := 0, len(parts)
	for first > 0 && rows+parts[first-1].grid.n <= chunkRows {
		first--
		rows += parts[first].grid.n
	}
	if len(parts)-first < mergeChunks {
		return nil
	}
	return parts[first:]
}
