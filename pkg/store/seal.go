package store

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/tidwall/buntdb"
)

// Seal replaces commits by chunks: first the chunks and documents, each naming
// the sequence it contains, fsynced; then the commits go.
func (s *Store) Seal() error {
	s.writing.Lock()
	defer s.writing.Unlock()

	// From here on new rows go to new heads, so that the old ones stand still.
	s.mu.Lock()
	batch := s.pending
	s.pending = &Batch{}
	s.sealing, s.heads = s.heads, map[string]*groupHead{}
	s.mu.Unlock()
	s.at("heads frozen")

	written := false
	err := s.commitBatch(batch)
	if err == nil {
		s.at("committed")
		written, err = s.sealHeads()
	}
	s.mu.Lock()
	if written {
		s.visible = s.sequence
	} else {
		s.unfreeze()
	}
	s.sealing = nil
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.sealedAt = s.options.Now()
	s.at("sealed")
	return s.maintain()
}

// unfreeze puts the heads back as if no sealing had begun; the caller holds mu.
func (s *Store) unfreeze() {
	for group, newer := range s.heads {
		older := s.sealing[group]
		if older == nil {
			s.sealing[group] = newer
			continue
		}
		older.addHead(newer)
	}
	s.heads = s.sealing
}

// sealHeads writes the frozen heads; the caller holds writing. It says whether chunks
// hold them now, which may be so after an error, too.
func (s *Store) sealHeads() (written bool, err error) {
	from, to := s.sealed+1, s.sequence
	if from > to {
		return false, nil
	}
	chunks := map[string]string{}
	var places []place
	for group, head := range s.sealing {
		for at := 0; at < len(head.rows); {
			in := s.place(group, head.rows[at].time)
			t := head.between(in.window, in.end())
			chunks[chunkKey(in, to)] = encodeChunk(max(from, s.contained[in]+1), to, t)
			places = append(places, in)
			at += len(t.times)
		}
	}
	changed, deleted := map[string]string{}, []string{}
	s.mu.RLock()
	for key, doc := range s.documents {
		switch {
		case doc.sequence < from: // sealed before, or still pending (0)
		case doc.value == nil:
			deleted = append(deleted, key)
		default:
			changed["d:"+key] = encodeDocument(doc.sequence, doc.value)
		}
	}
	s.mu.RUnlock()

	err = s.update(false, func(tx *buntdb.Tx) error {
		for _, values := range []map[string]string{chunks, changed} {
			for key, value := range values {
				if _, _, err := tx.Set(key, value, nil); err != nil {
					return err
				}
			}
		}
		for _, key := range deleted {
			if _, err := tx.Delete("d:" + key); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("write chunks: %w", err)
	}
	// From here on chunks hold the rows, whatever fails: the heads must not come back,
	// and the next sealing's chunks begin after these.
	for _, in := range places {
		s.contained[in] = to
	}
	if err := s.sync(); err != nil {
		return true, fmt.Errorf("write chunks: %w", err)
	}
	s.at("chunks written")
	// That they are sealed comes first: a transaction is written in no order, and a crash
	// in the middle must not leave some commits to be replayed without the later ones.
	err = s.update(false, func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(sealedKey, strconv.FormatUint(to, 10), nil)
		return err
	})
	if err == nil {
		err = s.update(true, func(tx *buntdb.Tx) error {
			for sequence := from; sequence <= to; sequence++ {
				if _, err := tx.Delete(commitKey(sequence)); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return true, fmt.Errorf("drop sealed commits: %w", err)
	}
	s.sealed = to
	clear(s.contained)
	s.mu.Lock()
	for _, key := range deleted {
		if doc := s.documents[key]; doc.value == nil && doc.sequence <= to && doc.sequence > 0 {
			delete(s.documents, key)
		}
	}
	s.mu.Unlock()
	return true, nil
}

// maintain merges small chunks, drops what is past retention, and compacts the
// file when most of it is history; the caller holds writing.
func (s *Store) maintain() error {
	defer s.emptyCache() // of chunks that are merged or gone
	parts := map[place][]string{}
	var expired []string
	givenUp := map[string]int64{}
	now := s.options.Now()
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
			}
			return true
		})
	})
	if err != nil {
		return err
	}
	for at, keys := range parts {
		if len(keys) >= mergeChunks {
			if err := s.merge(at, keys); err != nil {
				return fmt.Errorf("merge chunks of %s: %w", at.group, err)
			}
		}
	}
	if err := s.dropGivingUp(expired, givenUp); err != nil {
		return fmt.Errorf("drop expired chunks: %w", err)
	}
	if err := s.boundMemory(); err != nil {
		return fmt.Errorf("keep within the memory limit: %w", err)
	}
	if s.path == "" {
		return nil
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.Size() > compactionFloor && info.Size() > 2*live {
		return s.compact()
	}
	return nil
}

// dropGivingUp drops chunks, after it is on the disk up to where their tiers are given
// up; the caller holds writing.
func (s *Store) dropGivingUp(keys []string, ends map[string]int64) error {
	if len(ends) > 0 {
		if err := s.recordGivingUp(&Batch{}, ends); err != nil {
			return err
		}
		if err := s.commit(); err != nil {
			return err
		}
		if err := s.sync(); err != nil {
			return err
		}
		s.at("given up")
	}
	return s.drop(keys)
}

func (s *Store) drop(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.update(true, func(tx *buntdb.Tx) error {
		for _, key := range keys {
			if _, err := tx.Delete(key); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
				return err
			}
		}
		return nil
	})
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
			c, err := decodeChunk(value)
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
	parts = withoutContained(parts)
	sort.Slice(parts, func(i, j int) bool { return parts[i].to < parts[j].to })
	head := &groupHead{additive: at.additive}
	from, to := parts[0].from, parts[0].to
	for _, c := range parts {
		if err := c.addTo(head); err != nil {
			return err
		}
		from, to = min(from, c.from), max(to, c.to)
	}
	merged := chunkKey(at, to)
	value := encodeChunk(from, to, head.between(at.window, at.end()))
	err = s.update(true, func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(merged, value, nil)
		return err
	})
	if err != nil {
		return err
	}
	s.at("merged")
	var rest []string
	for _, key := range keys {
		if key != merged {
			rest = append(rest, key)
		}
	}
	return s.drop(rest)
}

// compact writes a new file with what lives, and swaps. The caller holds writing.
//
// While files are swapped, readers read a copy in memory that shares its strings
// with the database: nobody waits for a disk, and no file is renamed that is open,
// which Windows does not allow. Nothing is written meanwhile. Should the new file
// not open, readers keep the copy, and each write tries to open the file again.
func (s *Store) compact() error {
	began := time.Now()
	keys, values, err := s.snapshot()
	if err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	name, err := s.writeCompacted(keys, values)
	if err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	s.at("compacted file synced")
	standIn, err := memoryDatabase(keys, values)
	if err != nil {
		return fmt.Errorf("compact the store: %w", errors.Join(err, os.Remove(name)))
	}
	before := s.swap(standIn)
	s.adrift = true
	s.at("reading from memory")
	closed := errors.Join(before.Close(), s.file.Close())
	s.at("old file closed")
	renamed := s.using("rename")
	if renamed == nil {
		renamed = os.Rename(name, s.path)
	}
	if renamed == nil {
		s.at("renamed")
		if renamed = s.using("sync folder"); renamed == nil {
			renamed = syncFolder(s.options.Dir)
		}
	} else {
		renamed = errors.Join(renamed, os.Remove(name))
	}
	if err := errors.Join(closed, renamed, s.reopen()); err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	s.emptyCache()
	s.at("compacted")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Compactions++
	s.status.CompactTime += time.Since(began)
	return nil
}

// writeCompacted writes keys and values to a new file, which is on the disk then.
func (s *Store) writeCompacted(keys, values []string) (name string, err error) {
	if err := s.using("create new file"); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(s.options.Dir, FileName+".new-*")
	if err != nil {
		return "", err
	}
	half := len(keys) / 2
	for i, part := range [][2]int{{0, half}, {half, len(keys)}} {
		if err = s.using("write new file"); err == nil {
			err = writeCommands(f, keys[part[0]:part[1]], values[part[0]:part[1]])
		}
		if err != nil {
			break
		}
		if i == 0 {
			s.at("compacted file half written")
		}
	}
	if err == nil {
		err = s.using("sync new file")
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func memoryDatabase(keys, values []string) (*buntdb.DB, error) {
	db, err := buntdb.Open(":memory:")
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *buntdb.Tx) error {
		for i, key := range keys {
			if _, _, err := tx.Set(key, values[i], nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// view runs a short reading transaction: whatever takes time is done after it,
// because a long one with a waiting write blocks all other readers. It holds no
// lock of the store, so that f may ask the store.
func (s *Store) view(f func(tx *buntdb.Tx) error) error {
	for {
		db := s.database()
		if db == nil {
			return ErrClosed
		}
		err := db.View(f)
		if errors.Is(err, buntdb.ErrDatabaseClosed) && s.database() != db {
			continue // another one has taken its place
		}
		return err
	}
}
