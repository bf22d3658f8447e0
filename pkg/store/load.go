package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/buntdb"
)

// loading is what the opening learns from the file.
type loading struct {
	damaged    []string          // keys whose values are not what was written
	lost       []string          // what they were, in words
	mended     map[string]string // values to write, by key
	ends       map[string]int64  // up to where tiers are given up, because they lost a chunk
	superseded []string          // chunks that a merged one contains
	noted      bool              // whether there is the note of a repair
	former     []string          // keys of chunks that do not name them
	documents  map[string]*documentLoad
	chunks     map[place][]chunkRange
	contained  map[place]uint64   // up to which sequence chunks contain this place
	covered    map[string][]place // the places of a group that chunks contain
	newest     uint64             // the highest sequence that any chunk or document names
	newestRow  int64              // its time
	sealed     uint64
	commits    []loadedCommit // ascending
	format     string
	clock      string
}

type loadedCommit struct {
	key      string
	sequence uint64
	batch    *Batch
	err      error
}

type chunkRange struct {
	key      string
	from, to uint64
}

// documentLoad is what the copies of a document say.
type documentLoad struct {
	sequence uint64
	payload  []byte          // of the newest copy that is whole, nil if none is
	holders  map[string]bool // keys of copies that say so, and name them
}

// load verifies every value, drops what is damaged or superseded, and replays
// the commits that no chunk contains.
func (s *Store) load(file fileState) error {
	l := &loading{
		mended: map[string]string{}, ends: map[string]int64{}, documents: map[string]*documentLoad{},
		chunks: map[place][]chunkRange{}, contained: map[place]uint64{}, covered: map[string][]place{},
	}
	err := s.db.View(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			s.loadEntry(l, key, value)
			return true
		})
	})
	if err != nil {
		return err
	}
	s.loadDocuments(l)
	for _, key := range file.named {
		s.lostChunk(l, key)
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
	if len(l.damaged) > 0 || len(l.lost) > 0 {
		if err := s.keepDamaged(l); err != nil {
			return err
		}
	}
	outdated := &Batch{}
	for _, key := range file.outdated {
		if _, renewed := s.changed[key]; !renewed && !strings.HasPrefix(key, outdatedBegin) {
			outdated.Put(outdatedBegin+key, []byte{1})
		}
	}
	s.startClock(l.clock, l.newestRow)
	if err := s.mend(l, dropped, outdated); err != nil {
		return err
	}
	if file.sealedLost {
		if err := s.missCounts(); err != nil {
			return err
		}
	}
	if l.noted {
		if err := s.drop([]string{damageKey}); err != nil { // what follows from it is drawn
			return err
		}
	}
	if err := s.nameKeys(l.former); err != nil {
		s.options.Report(fmt.Sprintf("what a former version of the plugin wrote to the store %s stays as it is, it is tried again with the next start: %v", s.path, err))
	}
	return nil
}

// nameKeys writes chunks of former formats anew, so that they name their keys. They are read
// as they are, too: a disk that is full keeps no store closed.
func (s *Store) nameKeys(chunks []string) error {
	if len(chunks) == 0 {
		return nil // as at nearly every opening: there is nothing to make safe on the disk either
	}
	const together = 100 // of which BuntDB makes one write
	for keys := range slices.Chunk(chunks, together) {
		err := s.update(false, func(tx *buntdb.Tx) error {
			for _, key := range keys {
				value, err := tx.Get(key)
				if errors.Is(err, buntdb.ErrNotFound) {
					continue // it was superseded
				}
				if err != nil {
					return err
				}
				former, err := decodeChunk(key, value)
				if err != nil {
					return err
				}
				renewed := former.renewed(key)
				if c, err := decodeChunk(key, renewed); err != nil || c.grid.n != former.grid.n || len(c.histogramColumns) != len(former.histogramColumns) {
					continue // it goes only for one that can be read
				}
				if _, _, err := tx.Set(key, renewed, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.sync()
}

// mend writes what follows from damage, before what is damaged goes. Commits go first: what
// follows is one, and takes the number of the first that is lost.
func (s *Store) mend(l *loading, dropped []string, outdated *Batch) error {
	// The format first: a former version is to read nothing of what is written now.
	if l.format != withChecksum(formatKey, currentFormat) {
		err := s.update(true, func(tx *buntdb.Tx) error {
			_, _, err := tx.Set(formatKey, withChecksum(formatKey, currentFormat), nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	commits, others := []string{}, []string{}
	for _, key := range dropped {
		if strings.HasPrefix(key, "w:") {
			commits = append(commits, key)
		} else {
			others = append(others, key)
		}
	}
	if err := s.drop(commits); err != nil {
		return err
	}
	if err := s.giveUpNow(outdated, l.ends); err != nil {
		return err
	}
	if len(others) == 0 && len(l.mended) == 0 {
		return nil // also a full disk lets this be opened
	}
	return s.update(true, func(tx *buntdb.Tx) error {
		for key, value := range l.mended {
			if _, _, err := tx.Set(key, value, nil); err != nil {
				return err
			}
		}
		for _, key := range others {
			if _, mended := l.mended[key]; mended || key == formatKey {
				continue
			}
			if _, err := tx.Delete(key); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// giveUpNow records a batch and up to where tiers are given up, on the disk.
func (s *Store) giveUpNow(batch *Batch, ends map[string]int64) error {
	if len(ends) == 0 && batch.Empty() {
		return nil
	}
	if err := s.recordGivingUp(batch, ends); err != nil {
		return err
	}
	if err := s.commit(); err != nil {
		return err
	}
	return s.sync()
}

func (s *Store) loadEntry(l *loading, key, value string) {
	size := itemSize(key, value)
	s.stored += size
	document, isDocument := documentKey(key)
	switch {
	case strings.HasPrefix(key, "m:"):
		l.loadState(key, value)
	case isDocument:
		l.loadDocument(key, document, value)
	case strings.HasPrefix(key, "w:"):
		s.unsealed += size
		c := loadedCommit{key: key}
		var sealed uint64
		c.sequence, sealed, c.batch, c.err = decodeCommit(value)
		if c.err == nil && key != commitKey(c.sequence) {
			c.err = errDamaged
		}
		if c.err == nil {
			l.sealed = max(l.sealed, sealed)
		}
		l.commits = append(l.commits, c)
	case strings.HasPrefix(key, "c:"):
		s.loadChunk(l, key, value)
	default:
		l.damage(key, nil)
	}
}

// loadState takes what the store keeps of its own state.
func (l *loading) loadState(key, value string) {
	text, checked, err := checkedText(key, value)
	if err != nil {
		l.damage(key, nil)
		return
	}
	switch key {
	case formatKey:
		l.format = value
		return
	case clockKey:
		l.clock = text
	case damageKey:
		l.noted = true
		return
	case sealedKey:
		l.sealed = max(l.sealed, sealedUpTo(value))
	}
	if !checked {
		l.mended[key] = withChecksum(key, text)
	}
}

// damage notes that a key's value is not what was written.
func (l *loading) damage(key string, c *chunk) {
	l.damaged = append(l.damaged, key)
	l.lost = append(l.lost, describe(key, c))
}

func (s *Store) loadChunk(l *loading, key, value string) {
	at, ok := chunkPlace(key)
	c, err := parseChunk(key, value)
	if err != nil || !ok || !c.within(at) {
		l.damage(key, nil)
		s.lostChunk(l, key)
		return
	}
	if len(c.damaged) > 0 {
		l.damage(key, c)
		s.lostChunk(l, key)
		l.mended[key] = c.renewed(key)
	} else if c.version < chunkVersion {
		l.former = append(l.former, key)
	}
	s.status.Chunks++
	if l.contained[at] == 0 {
		l.covered[at.group] = append(l.covered[at.group], at)
	}
	l.chunks[at] = append(l.chunks[at], chunkRange{key, c.from, c.to})
	l.contained[at] = max(l.contained[at], c.to)
	l.newest = max(l.newest, c.to)
	if c.grid.n > 0 {
		l.newestRow = max(l.newestRow, c.grid.last())
	}
}

// lostChunk gives a tier of counts up to where it lost some, if a coarser one has them.
func (s *Store) lostChunk(l *loading, key string) {
	in, ok := chunkPlace(key)
	if !ok || !in.additive {
		return
	}
	step := rollupStep(in.group)
	rollups := s.policy(in.group).Rollups
	if len(rollups) > 0 && rollups[len(rollups)-1].Step > step {
		l.ends[in.group] = max(l.ends[in.group], in.end())
	}
}

func (l *loading) loadDocument(key, document, value string) {
	known := l.documents[document]
	if known == nil {
		known = &documentLoad{holders: map[string]bool{}}
		l.documents[document] = known
	}
	sequence, payload, named, err := decodeDocument(key, value)
	switch {
	case err != nil:
		l.damage(key, nil)
		return
	case known.payload == nil || sequence > known.sequence:
		known.sequence, known.payload = sequence, payload
		clear(known.holders)
	case sequence < known.sequence:
		return
	}
	if named {
		known.holders[key] = true
	}
}

// loadDocuments takes what the newest copy of each document says, for all of them.
func (s *Store) loadDocuments(l *loading) {
	for document, known := range l.documents {
		if known.payload == nil {
			l.lost = append(l.lost, "the document "+document+", both copies")
			continue
		}
		s.documents[document] = bytes.Clone(known.payload)
		l.newest = max(l.newest, known.sequence)
		for _, begin := range documentCopies {
			if key := begin + document; !known.holders[key] {
				l.mended[key] = encodeDocument(key, known.sequence, known.payload)
			}
		}
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
	// What no chunk and no document names is read back as long as it is there, whatever the
	// mark says: damage took its sealing, or the mark is a former one, which has no checksum.
	first := min(l.sealed, l.newest) + 1
	s.sealed = l.sealed
	s.sequence = max(l.sealed, l.newest)
	s.visible = s.sequence
	aside := 0
	lose := func(key string) {
		l.damage(key, nil)
		finished = append(finished, key)
	}
	for _, c := range l.commits {
		key, sequence, err := c.key, c.sequence, c.err
		switch {
		case err == nil && sequence < first:
			finished = append(finished, key)
		case aside > 0 || err != nil && key >= commitKey(next) || err == nil && sequence > next:
			aside++
			lose(key)
		case err != nil:
			lose(key)
		default:
			s.replayCommit(l, sequence, c.batch)
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
	for _, r := range batch.rows {
		l.newestRow = max(l.newestRow, r.time)
	}
	for _, doc := range batch.documents {
		if known := l.documents[doc.key]; known == nil || known.sequence < sequence {
			kept.documents = append(kept.documents, doc)
		}
	}
	s.change(sequence, kept.documents)
	s.apply(kept, func(group string, time int64) bool { return l.contains(group, time, sequence) })
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
		kept, err := keepAside(s.path, s.options.Now(), copied) // the file is open, and written to
		if err != nil {
			return err
		}
		s.status.CorruptCopies = []string{kept}
	}
	s.damage(fmt.Sprintf("%d values in %s were damaged: %s are left out; the original is kept as %s", len(l.damaged), s.path, listed(l.lost), s.status.CorruptCopies[0]))
	return nil
}
