package store

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tidwall/buntdb"
)

// Seal replaces commits by chunks: first the chunks and documents, each naming
// the sequence it contains, fsynced; then the commits go.
func (s *Store) Seal() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.sealRows()
	s.mu.Lock()
	s.sealFailed = err != nil
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.sealedAt = s.options.Now()
	s.at("sealed")
	return s.maintain()
}

// sealRows seals everything that was recorded; the caller holds writing. Every way that
// it ends, a panic included, leaves each row either in chunks or in the heads.
func (s *Store) sealRows() error {
	batch := s.freeze()
	taken := false   // whether the batch is in the care of commitBatch
	written := false // whether chunks hold the frozen heads, whatever fails after that
	defer func() {
		if !taken {
			s.putBack(batch)
		}
		s.thaw(written)
	}()
	s.at("heads frozen")
	taken = true
	if err := s.commitBatch(batch); err != nil {
		return err
	}
	s.at("committed")
	from, to := s.sealed+1, s.sequence
	if from > to {
		return nil
	}
	// The commits are on the disk before chunks that contain them: a power cut that keeps
	// only some of the chunks finds the rest in the commits.
	if err := s.sync(); err != nil {
		return fmt.Errorf("write commits: %w", err)
	}
	deleted, err := s.writeChunks(from, to)
	if err != nil {
		return fmt.Errorf("write chunks: %w", err)
	}
	written = true
	if err := s.sync(); err != nil {
		return fmt.Errorf("write chunks: %w", err)
	}
	s.at("chunks written")
	if err := s.dropCommits(from, to); err != nil {
		return fmt.Errorf("drop sealed commits: %w", err)
	}
	s.forgetDeleted(deleted)
	return nil
}

// freeze puts new rows into new heads from here on, so that the old ones stand still. It
// answers what is not committed yet.
func (s *Store) freeze() *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.pending
	s.pending = &Batch{}
	s.sealing, s.heads = s.heads, map[string]*groupHead{}
	return batch
}

// thaw ends what freeze began: the frozen heads go if chunks hold them, or it is as if no
// sealing had begun.
func (s *Store) thaw(written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if written {
		s.visible = s.sequence
	} else {
		s.unfreeze()
	}
	s.sealing = nil
}

// unfreeze puts the heads back; the caller holds mu.
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

// writeChunks writes the frozen heads, and the documents as these commits have them.
// It answers the keys of documents that are deleted.
func (s *Store) writeChunks(from, to uint64) (deleted []string, err error) {
	chunks := map[string]string{}
	var places []place
	for group, head := range s.sealing {
		for at := 0; at < len(head.rows); {
			in := s.place(group, head.rows[at].time)
			for head.count(in.window, in.end()) > chunkRows {
				in = in.half(head.rows[at].time)
			}
			t := head.between(in.window, in.end())
			value, err := encodeReadable(max(from, s.contained[in]+1), to, t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", group, err)
			}
			chunks[chunkKey(in, to)] = value
			places = append(places, in)
			at += len(t.times)
		}
	}
	changed := map[string]string{clockKey: s.clockValue()}
	for key, doc := range s.changed {
		if doc.value == nil {
			deleted = append(deleted, key)
			continue
		}
		value := encodeDocument(doc.sequence, doc.value)
		for _, begin := range documentCopies {
			changed[begin+key] = value
		}
	}
	err = s.update(false, func(tx *buntdb.Tx) error {
		for _, values := range []map[string]string{chunks, changed} {
			for key, value := range values {
				if _, _, err := tx.Set(key, value, nil); err != nil {
					return err
				}
			}
		}
		for _, key := range deleted {
			for _, begin := range documentCopies {
				if _, err := tx.Delete(begin + key); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// From here on chunks hold the rows, whatever fails: the heads must not come back,
	// and the next sealing's chunks begin after these.
	for _, in := range places {
		s.contained[in] = to
	}
	return deleted, nil
}

// encodeReadable makes a chunk that is known to be readable: what it stands for goes.
func encodeReadable(from, to uint64, t *table) (string, error) {
	value := encodeChunk(from, to, t)
	c, err := decodeChunk(value)
	if err == nil && (c.grid.n != len(t.times) || len(c.columns) != len(t.columns) || len(c.histogramColumns) != len(t.histogramColumns)) {
		err = fmt.Errorf("%w: of %d rows it holds %d", errDamaged, len(t.times), c.grid.n)
	}
	return value, err
}

// dropCommits drops what is sealed. That it is sealed comes first, and is on the disk
// before anything goes: a transaction is written in no order, and a power cut in the
// middle must not leave some commits to be replayed without the later ones.
func (s *Store) dropCommits(from, to uint64) error {
	err := s.update(true, func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(sealedKey, strconv.FormatUint(to, 10), nil)
		return err
	})
	if err != nil {
		return err
	}
	s.at("marked as sealed")
	err = s.update(true, func(tx *buntdb.Tx) error {
		for sequence := from; sequence <= to; sequence++ {
			if _, err := tx.Delete(commitKey(sequence)); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.sealed = to
	clear(s.contained)
	clear(s.changed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored -= s.unsealed
	s.unsealed = 0
	return nil
}

// forgetDeleted forgets documents whose deletion is sealed.
func (s *Store) forgetDeleted(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if s.documents[key] == nil {
			delete(s.documents, key)
		}
	}
}
