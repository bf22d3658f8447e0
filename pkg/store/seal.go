package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tidwall/buntdb"
)

// Seal replaces commits by chunks: first the chunks and documents, each naming
// the sequence it contains, fsynced; then the commits go. All of it is in small transactions,
// because readers wait while one is made.
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
	taken := false      // whether the batch is in the care of commitBatch
	var written []place // of which chunks hold the frozen rows, whatever fails after that
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
	if len(s.sealing) > 0 && s.sequence == s.visible {
		// A sealing that was cut short left rows without chunks. Theirs are to have a number that
		// no chunk has yet: a reader tells by it which ones are new.
		if err := s.writeCommit(&Batch{}); err != nil {
			return err
		}
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
	chunks, places, err := s.encodeHeads(to)
	if err != nil {
		return fmt.Errorf("write chunks: %w", err)
	}
	err = s.changeAll(append(chunks, s.documentChanges()...), func(made int) { written = places[:min(made, len(places))] })
	if err != nil {
		return fmt.Errorf("write chunks: %w", err)
	}
	if err := s.sync(); err != nil {
		return fmt.Errorf("write chunks: %w", err)
	}
	s.at("chunks written")
	if err := s.dropCommits(from, to); err != nil {
		return fmt.Errorf("drop sealed commits: %w", err)
	}
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

// thaw ends what freeze began: the frozen rows of these places go, because chunks hold them,
// and the others come back.
func (s *Store) thaw(written []place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range slices.Backward(written) { // from the end, so that few rows have to move
		s.sealing[in.group].drop(in.window, in.end())
	}
	maps.DeleteFunc(s.sealing, func(_ string, head *groupHead) bool { return len(head.rows) == 0 })
	if len(written) > 0 {
		s.visible = s.sequence
	}
	s.unfreeze()
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

// encodeHeads makes chunks of the frozen heads, and answers their places too, in the same order.
func (s *Store) encodeHeads(to uint64) (chunks []keyChange, places []place, err error) {
	for group, head := range s.sealing {
		for at := 0; at < len(head.rows); {
			in := s.place(group, head.rows[at].time)
			for head.count(in.window, in.end()) > chunkRows {
				in = in.half(head.rows[at].time)
			}
			t := head.between(in.window, in.end())
			key := chunkKey(in, to)
			value, err := encodeReadable(key, s.visible+1, to, t)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", group, err)
			}
			chunks = append(chunks, keyChange{key: key, value: value})
			places = append(places, in)
			at += len(t.times)
		}
	}
	return chunks, places, nil
}

// documentChanges are the documents as the commits have them that are sealed, and the clock.
func (s *Store) documentChanges() []keyChange {
	changes := []keyChange{{key: clockKey, value: withChecksum(clockKey, s.clockText())}}
	for key, doc := range s.changed {
		for _, begin := range documentCopies {
			change := keyChange{key: begin + key, goes: doc.value == nil}
			if !change.goes {
				change.value = encodeDocument(change.key, doc.sequence, doc.value)
			}
			changes = append(changes, change)
		}
	}
	return changes
}

// encodeReadable makes a chunk that is known to be readable: what it stands for goes.
func encodeReadable(key string, from, to uint64, t *table) (string, error) {
	value := encodeChunk(key, from, to, t)
	c, err := decodeChunk(key, value)
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
		_, _, err := tx.Set(sealedKey, withChecksum(sealedKey, strconv.FormatUint(to, 10)), nil)
		return err
	})
	if err != nil {
		return err
	}
	s.at("marked as sealed")
	commits := make([]string, 0, to-from+1)
	for sequence := from; sequence <= to; sequence++ {
		commits = append(commits, commitKey(sequence))
	}
	if err := s.drop(commits); err != nil {
		return err
	}
	s.sealed = to
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored -= s.unsealed
	s.unsealed = 0
	for key, doc := range s.changed {
		if doc.value == nil && s.documents[key] == nil {
			delete(s.documents, key)
		}
	}
	clear(s.changed)
	return nil
}
