package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/tidwall/buntdb"
)

// loading is what the opening learns from the file.
type loading struct {
	damaged    []string // keys whose values are not what was written
	superseded []string // chunks that a merged one contains
	chunks     map[place][]chunkRange
	contained  map[place]uint64   // up to which sequence chunks contain this place
	covered    map[string][]place // the places of a group that chunks contain
	newest     uint64             // the highest sequence that any chunk or document names
	sealed     uint64
	commits    []string // keys, ascending
	values     []string
	format     string
}

type chunkRange struct {
	key      string
	from, to uint64
}

// load verifies every value, drops what is damaged or superseded, and replays
// the commits that no chunk contains.
func (s *Store) load() error {
	l := &loading{chunks: map[place][]chunkRange{}, contained: map[place]uint64{}, covered: map[string][]place{}}
	err := s.db.View(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			s.loadEntry(l, key, value)
			return true
		})
	})
	if err != nil {
		return err
	}
	for _, ranges := range l.chunks {
		for _, a := range ranges {
			for _, b := range ranges {
				if a.key != b.key && b.from <= a.from && a.to <= b.to {
					l.superseded = append(l.superseded, a.key)
					break
				}
			}
		}
	}
	dropped := append(l.damaged, l.superseded...)
	dropped = append(dropped, s.replay(l)...)
	if len(l.damaged) > 0 {
		if err := s.keepDamaged(l); err != nil {
			return err
		}
	}
	return s.update(true, func(tx *buntdb.Tx) error {
		for _, key := range dropped {
			if _, err := tx.Delete(key); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
				return err
			}
		}
		_, _, err := tx.Set(formatKey, currentFormat, nil)
		return err
	})
}

func (s *Store) loadEntry(l *loading, key, value string) {
	s.status.MemoryBytes += int64(len(key) + len(value) + itemOverhead)
	switch {
	case key == formatKey:
		l.format = value
	case key == sealedKey:
		l.sealed, _ = strconv.ParseUint(value, 10, 64)
	case len(key) < 2:
		l.damaged = append(l.damaged, key)
	case key[:2] == "w:":
		l.commits = append(l.commits, key)
		l.values = append(l.values, value)
	case key[:2] == "d:":
		sequence, payload, err := decodeDocument(value)
		if err != nil {
			l.damaged = append(l.damaged, key)
			return
		}
		s.documents[key[2:]] = storedDocument{sequence: sequence, value: append([]byte{}, payload...)}
		l.newest = max(l.newest, sequence)
	case key[:2] == "c:":
		at, ok := chunkPlace(key)
		c, err := decodeChunk(value)
		if err != nil || !ok {
			l.damaged = append(l.damaged, key)
			return
		}
		s.status.Chunks++
		if l.contained[at] == 0 {
			l.covered[at.group] = append(l.covered[at.group], at)
		}
		l.chunks[at] = append(l.chunks[at], chunkRange{key, c.from, c.to})
		l.contained[at] = max(l.contained[at], c.to)
		l.newest = max(l.newest, c.to)
	default:
		l.damaged = append(l.damaged, key)
	}
}

// replay puts the commits after the last sealing back into memory. It answers
// the keys of commits that are no longer needed.
//
// Up to the sealed sequence a commit may be missing: its deletion had begun, so
// every chunk was there. After it, a missing or damaged commit ends the replay:
// what follows could rest on what is lost, and is read again from its source.
func (s *Store) replay(l *loading) (finished []string) {
	next := max(l.sealed, l.newest) + 1
	first := l.sealed + 1
	s.sealed = l.sealed
	s.contained = l.contained
	s.sequence = max(l.sealed, l.newest)
	s.visible = s.sequence
	aside := 0
	for i, key := range l.commits {
		sequence, batch, err := decodeCommit(l.values[i])
		if err == nil && key != commitKey(sequence) {
			err = errDamaged
		}
		switch {
		case err == nil && sequence < first:
			finished = append(finished, key)
		case aside > 0 || err != nil && key >= commitKey(next) || err == nil && sequence > next:
			aside++
			l.damaged = append(l.damaged, key)
			finished = append(finished, key)
		case err != nil:
			l.damaged = append(l.damaged, key)
			finished = append(finished, key)
		default:
			s.replayCommit(l, sequence, batch)
			s.status.Replayed++
			s.sequence = max(s.sequence, sequence)
			next = max(next, sequence+1)
		}
	}
	if aside > 0 {
		s.damage(fmt.Sprintf("%d commits after number %d could not be read back whole", aside, s.sequence))
	}
	return finished
}

func (s *Store) replayCommit(l *loading, sequence uint64, batch *Batch) {
	kept := &Batch{rows: batch.rows}
	for _, doc := range batch.documents {
		if s.documents[doc.key].sequence < sequence {
			kept.documents = append(kept.documents, doc)
		}
	}
	s.apply(kept, sequence, func(group string, time int64) bool { return l.contains(group, time, sequence) })
}

// contains says whether a chunk contains what a commit said of a group at a time. It
// goes by the chunks' windows: what is given to rows now may be of another length.
func (l *loading) contains(group string, time int64, sequence uint64) bool {
	return slices.ContainsFunc(l.covered[group], func(p place) bool {
		return p.window <= time && time < p.end() && l.contained[p] >= sequence
	})
}

// keepDamaged copies the file before damaged values are dropped from it.
func (s *Store) keepDamaged(l *loading) error {
	if len(s.status.CorruptCopies) == 0 {
		content, err := os.ReadFile(s.path)
		if err != nil {
			return err
		}
		kept, err := keepAside(s.path, content, s.options.Now())
		if err != nil {
			return err
		}
		s.status.CorruptCopies = []string{kept}
	}
	s.damage(fmt.Sprintf("%d values in %s were damaged and left out (the first: %q); the original is kept as %s", len(l.damaged), s.path, l.damaged[0], s.status.CorruptCopies[0]))
	return nil
}
