package upkeep

import (
	"cmp"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const (
	// maxCompactions is how many are kept of a node: some weeks of four satellites.
	maxCompactions = 300
	// maxSatellites bounds what a log of garbage can make of the document.
	maxSatellites = 64
	// sameWalk is within which a filewalker's lines tell of one and the same start.
	sameWalk = 10 * time.Minute
)

// learn puts a fact into the state. Facts come in the order of time as a rule; an old one
// changes only what nothing newer is known of. It answers how many pieces and bytes of all
// satellites together were migrated since that was last said.
func (s *state) learn(f fact) (pieces, bytes int64) {
	switch f.kind {
	case storagenode.NodeStart:
		s.restart(f.at)
	case storagenode.CompactionStarted:
		s.compactionStarted(f)
	case storagenode.CompactionRewritten:
		if c := s.compactionAt(f); c != nil {
			c.Rewritten += f.rewritten
			c.Reclaimed += f.bytes
		}
	case storagenode.CompactionFinished, storagenode.CompactionFailed:
		s.compactionFinished(f)

	case storagenode.WalkerStarted:
		s.walk(f.satellite, f.place).start(f.at, s.Restarted)
	case storagenode.WalkerFinished:
		s.walk(f.satellite, f.place).finish(f)
		if f.place == usedSpace && f.pieces >= 0 {
			s.found(f)
		}
	case storagenode.WalkerFailed:
		s.walk(f.satellite, f.place).fail(f.at)
	case storagenode.RetainPrepared:
		s.walk(f.satellite, garbage).start(f.at, s.Restarted)
	case storagenode.RetainFinished:
		s.walk(f.satellite, garbage).finish(f)
	case storagenode.RetainFailed:
		s.walk(f.satellite, garbage).fail(f.at)
	case storagenode.TrashEmptyingStarted:
		s.walk(f.satellite, trash).start(f.at, s.Restarted)
	case storagenode.TrashEmptied:
		s.walk(f.satellite, trash).finish(f)
	case storagenode.TrashEmptyingFailed:
		s.trashFailed(f)

	case storagenode.MigrationStarted:
		if m := s.migration(f.satellite); m != nil && f.at.After(m.Queued) {
			m.Queued = f.at
		}
	case storagenode.MigrationFinished:
		if m := s.migration(f.satellite); m != nil && f.at.After(m.Finished) {
			m.Finished = f.at
		}
	case storagenode.PieceMigrated:
		if m := s.migration(f.satellite); m != nil && f.at.After(m.Moved) {
			m.Moved = f.at
		}
	case storagenode.PiecesMigrated:
		return s.migrated(f)
	}
	return 0, 0
}

// restart ends everything that ran before.
func (s *state) restart(at time.Time) {
	for i := range s.Compactions {
		if c := &s.Compactions[i]; c.Finished.IsZero() && !c.Started.After(at) {
			c.Interrupted = true
		}
	}
	if at.After(s.Restarted) {
		s.Restarted = at
	}
	if !at.Before(s.MigratedAt) {
		s.MigratedPieces, s.MigratedBytes, s.MigratedAt = 0, 0, at
	}
}

func (s *state) compactionStarted(f fact) {
	same := func(c compaction) bool { return c.Satellite == f.satellite && c.Store == f.place }
	next := len(s.Compactions) // where it belongs by its start
	for i := range s.Compactions {
		c := &s.Compactions[i]
		if c.Started.After(f.at) {
			next = min(next, i)
		}
		if !same(*c) {
			continue
		}
		if c.Started.Equal(f.at) {
			return
		}
		if c.Started.Before(f.at) && c.Finished.IsZero() {
			c.Interrupted = true // a store has one at a time
		}
	}
	// One that another one of its store has followed is over, whatever its end was.
	over := slices.ContainsFunc(s.Compactions[next:], same) || !s.Restarted.Before(f.at) && !s.Restarted.Equal(f.at)
	s.Compactions = slices.Insert(s.Compactions, next, compaction{Satellite: f.satellite, Store: f.place, Started: f.at, Interrupted: over})
}

// compactionAt is the compaction that a line of this time is about.
func (s *state) compactionAt(f fact) *compaction {
	for i := len(s.Compactions) - 1; i >= 0; i-- {
		c := &s.Compactions[i]
		if c.Satellite != f.satellite || c.Store != f.place || c.Started.After(f.at) {
			continue
		}
		if c.Finished.IsZero() || !c.Finished.Before(f.at) {
			return c
		}
		return nil
	}
	return nil
}

func (s *state) compactionFinished(f fact) {
	c := s.compactionAt(f)
	if c == nil {
		// Its start was not seen, or its end was: then this is it again.
		started := f.at.Add(-f.duration)
		i, _ := slices.BinarySearchFunc(s.Compactions, started, func(c compaction, at time.Time) int { return c.Started.Compare(at) })
		s.Compactions = slices.Insert(s.Compactions, i, compaction{Satellite: f.satellite, Store: f.place, Started: started})
		c = &s.Compactions[i]
	}
	c.Finished, c.Interrupted, c.Failed = f.at, false, f.failed || c.Failed
	if c.Duration = f.duration; c.Duration <= 0 {
		c.Duration = f.at.Sub(c.Started)
	}
}

// walk is what is known of a filewalker for a satellite, made if it is not there.
func (s *state) walk(satellite, walker string) *walk {
	if satellite == "" || walker == "" {
		return &walk{} // nobody's
	}
	for i := range s.Walks {
		if w := &s.Walks[i]; w.Satellite == satellite && w.Walker == walker {
			return w
		}
	}
	if len(s.Walks) >= 3*maxSatellites {
		return &walk{}
	}
	s.Walks = append(s.Walks, walk{Satellite: satellite, Walker: walker})
	return &s.Walks[len(s.Walks)-1]
}

// running says whether the last walk is not over yet. A restart ends it.
func (w *walk) running(restarted time.Time) bool {
	return !w.Started.IsZero() && w.Started.After(w.Finished) && w.Started.After(w.Failed) && !w.Started.Before(restarted)
}

func (w *walk) start(at, restarted time.Time) {
	if !at.After(w.Started) || w.running(restarted) && at.Sub(w.Started) < sameWalk {
		return
	}
	if at.Equal(w.Finished) && !w.Started.IsZero() {
		return // a walk of less than a second, told of by a second line
	}
	w.Started = at
}

func (w *walk) finish(f fact) {
	if f.at.Before(w.Finished) {
		return
	}
	w.Finished = f.at
	switch {
	case f.duration > 0:
		w.Duration = f.duration
	case !w.Started.IsZero() && !w.Started.After(f.at):
		w.Duration = f.at.Sub(w.Started)
	}
}

func (w *walk) fail(at time.Time) {
	if at.After(w.Failed) {
		w.Failed = at
	}
}

// trashFailed is told without a satellite: it is the one whose trash is being emptied.
func (s *state) trashFailed(f fact) {
	for i := range s.Walks {
		w := &s.Walks[i]
		if w.Walker == trash && (w.Satellite == f.satellite || f.satellite == "" && w.running(s.Restarted)) {
			w.fail(f.at)
		}
	}
}

// migration is what is known of a satellite's, made if it is not there; nil where there is
// no room.
func (s *state) migration(satellite string) *migration {
	if satellite == "" {
		return nil
	}
	for i := range s.Migrations {
		if m := &s.Migrations[i]; m.Satellite == satellite {
			return m
		}
	}
	if len(s.Migrations) >= maxSatellites {
		return nil
	}
	s.Migrations = append(s.Migrations, migration{Satellite: satellite})
	return &s.Migrations[len(s.Migrations)-1]
}

// found notes how many pieces are left in a satellite's old folder. It is no sign of a
// migration by itself.
func (s *state) found(f fact) {
	m := s.migration(f.satellite)
	if m == nil || !f.at.After(m.FoundAt) {
		return
	}
	m.PiecesFound, m.BytesFound, m.FoundAt = f.pieces, f.bytes, f.at
}

// migrated is what came since the process last said how much it has migrated.
func (s *state) migrated(f fact) (pieces, bytes int64) {
	if f.at.Before(s.MigratedAt) {
		return 0, 0
	}
	pieces, bytes = f.pieces-s.MigratedPieces, f.bytes-s.MigratedBytes
	if pieces < 0 || bytes < 0 {
		pieces, bytes = f.pieces, f.bytes // another process
	}
	s.MigratedPieces, s.MigratedBytes, s.MigratedAt = f.pieces, f.bytes, f.at
	return pieces, bytes
}

// trim drops the oldest compactions.
func (s *state) trim() {
	if extra := len(s.Compactions) - maxCompactions; extra > 0 {
		s.Compactions = slices.Delete(s.Compactions, 0, extra)
	}
	slices.SortStableFunc(s.Walks, func(a, b walk) int {
		return cmp.Or(cmp.Compare(a.Satellite, b.Satellite), cmp.Compare(a.Walker, b.Walker))
	})
}
