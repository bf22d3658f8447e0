package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/tidwall/buntdb"
)

const (
	// FileName is the database's name in its folder.
	FileName = "store.db"

	// sealCommits bounds the commits that an opening has to replay.
	sealCommits = 4096
	// mergeChunks is how many chunks of one window are merged into one.
	mergeChunks = 8
	// compactionFloor is the file size below which compaction is not worth it.
	compactionFloor = 4 << 20

	// Format 2 has roll-ups, format 3 histograms and events, format 4 counts that add up
	// and packed columns, format 5 checksums of columns, two copies of each document, and
	// windows of several chunks, format 6 packed histograms, format 7 values that name their
	// keys.
	currentFormat       = "7"
	currentFormatNumber = 7
	formatKey           = "m:format"
	sealedKey           = "m:sealed"
	damageKey           = "m:damage"
)

// ErrClosed is the answer of every method after Close.
var ErrClosed = errors.New("the store is closed")

// Options of a store. The zero value of each means its default.
type Options struct {
	Dir           string        // "" keeps everything in memory
	FlushInterval time.Duration // negative: only Flush commits, whatever the limits say
	Limits        Limits        // as long as SetLimits gives no others
	Now           func() time.Time
	// Report is told once of each damage found and each write that failed. It
	// must not call the store.
	Report func(message string)
}

// Store is the one owner of one BuntDB file. Its methods are safe for concurrent
// use. A recorded value is in the answers at once, and on disk with the next
// commit.
type Store struct {
	options Options
	path    string
	lock    *flock.Flock
	limits  atomic.Pointer[Limits]

	rolling sync.Mutex // held by RollUp

	writing  sync.Mutex // held by commit, seal and compaction: guards those below
	sequence uint64     // of the last commit
	sealed   uint64     // the last sequence that chunks contain
	sealedAt time.Time
	// changed are the documents of commits that are not sealed, as the last of these has
	// them: whoever puts them again meanwhile brings rows that are not to be sealed yet.
	changed map[string]committedDocument
	// file is a handle of its own on the database's file, for its fsync: BuntDB would
	// let every reader wait for it, and hide its errors.
	file     *os.File
	unsynced bool // whether something was written since the last fsync
	doubted  bool // whether the last fsync failed
	adrift   bool // whether db is a copy in memory, because the file could not be opened

	mu        sync.RWMutex // guards the fields below
	db        *buntdb.DB
	heads     map[string]*groupHead // rows of commits after the last sealing, and of pending
	sealing   map[string]*groupHead // rows that are being sealed right now
	visible   uint64                // what chunks contain up to here is in no head
	documents map[string][]byte     // nil: deleted, of which the commit is not sealed yet
	pending   *Batch
	stored    int64 // bytes of keys and values in memory
	unsealed  int64 // of them, those of commits that are not sealed
	clock     retentionClock
	making    makingRollup
	// sealFailed says whether the last sealing did.
	sealFailed bool
	status     Status
	closed     bool

	refusalReported, noNumberReported, lateReported, fullReported, tightReported time.Time

	caching sync.Mutex // guards the cache
	cache   chunkCache

	// step is told of each step of sealing and compaction, and disk asked before each use
	// of the disk whether it fails. Only tests set them.
	step func(name string)
	disk func(use string) error

	limitsSet chan struct{} // told when limits change
	// Only the upkeep uses these, but for what they say.
	syncing, rollingUp, sealingUp trouble
	stop                          context.CancelFunc
	stopped                       chan struct{}
}

// Status describes a store, for health and metrics.
type Status struct {
	Path                          string // "" when in memory
	Commits                       uint64 // since the store was opened
	LastCommit                    time.Time
	CommitError                   string   // of the last commit, "" when it went well
	UpkeepErrors                  []string // what of syncing, rolling up and sealing went wrong the last time
	PendingRows                   int      // recorded, not yet committed
	RecordedRows, RecordedSamples uint64   // since the store was opened
	RefusedRows                   uint64   // for their times, since the store was opened
	RefusedSamples                uint64   // because they are no numbers, since the store was opened
	LateRows                      uint64   // refused because what they belong to went to stay within the limit
	UnwrittenRows                 uint64   // refused with ErrFull, since the store was opened
	Replayed                      int      // commits read back at the opening
	Damage                        []string // what the opening found damaged, in words
	CorruptCopies                 []string // where the damaged originals were kept
	FileBytes                     int64
	Chunks                        int   // as of the opening or the last sealing
	MemoryBytes                   int64 // of everything that the store holds in memory, about
	MemoryLimit                   int64
	Shed                          int           // chunks of rows as recorded that went to stay within the limit; their roll-ups stay
	ShedSpared                    int           // and others, which went last: of events, roll-ups and rows without any
	CommitTime                    time.Duration // spent in commits, since the store was opened
	Compactions                   int
	CompactTime                   time.Duration
}

// Open opens the store in a folder, makes it if it is not there, repairs what a
// crash or a bad disk left, and reads back what was not sealed. It answers a
// *LockedError if another process holds the folder and a *NewerFormatError if a
// later version wrote the file.
func Open(options Options) (*Store, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Report == nil {
		options.Report = func(string) {}
	}
	s := &Store{
		options:   options,
		heads:     map[string]*groupHead{},
		documents: map[string][]byte{},
		changed:   map[string]committedDocument{},
		pending:   &Batch{},
		sealedAt:  options.Now(),
		limitsSet: make(chan struct{}, 1),
		stopped:   make(chan struct{}),
	}
	s.SetLimits(options.Limits)
	if err := s.open(); err != nil {
		if s.lock != nil {
			err = errors.Join(err, s.lock.Unlock())
		}
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.run(ctx)
	return s, nil
}

func (s *Store) open() error {
	if s.options.Dir == "" {
		db, err := buntdb.Open(":memory:")
		s.db = db
		s.startClock("", 0)
		return err
	}
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return fmt.Errorf("make the store's folder: %w", err)
	}
	lock, err := lockFolder(s.options.Dir, s.options.Now())
	if err != nil {
		return err
	}
	s.lock = lock
	s.path = filepath.Join(s.options.Dir, FileName)
	s.status.Path = s.path
	if err := removeUnfinished(s.options.Dir); err != nil {
		return err
	}
	kept, file, err := repairFile(s.path, s.options.Now())
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	s.tellRepair(kept, file)
	if err := s.reopen(); err != nil {
		return fmt.Errorf("open the store %s: %w", s.path, err)
	}
	if err := s.load(file); err != nil {
		return errors.Join(fmt.Errorf("read the store %s: %w", s.path, err), s.db.Close(), s.file.Close())
	}
	return nil
}

// removeUnfinished deletes what a crash in ReplaceFile or a compaction left.
func removeUnfinished(dir string) error {
	var err error
	for _, of := range []string{FileName + "*.new-*", ownerFile + ".new-*"} {
		names, failed := filepath.Glob(filepath.Join(dir, of))
		err = errors.Join(err, failed)
		for _, name := range names {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

func openDatabase(path string) (*buntdb.DB, error) {
	db, err := buntdb.Open(path)
	if err != nil {
		return nil, err
	}
	// Its own shrinking renames without an fsync, and its fsyncs block readers: compact
	// and sync do it instead.
	if err := db.SetConfig(buntdb.Config{SyncPolicy: buntdb.Never, AutoShrinkDisabled: true}); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// reopen opens the file and puts it in the place of what is read now. The caller
// holds writing, or is the only one.
func (s *Store) reopen() error {
	if err := s.using("open"); err != nil {
		return err
	}
	db, err := openDatabase(s.path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	before := s.swap(db)
	s.file, s.adrift = file, false
	if before != nil {
		return before.Close()
	}
	return nil
}

// swap gives readers another database and answers the one that they had.
func (s *Store) swap(db *buntdb.DB) (before *buntdb.DB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, s.db = s.db, db
	return before
}

// at tells a test that a step is done.
func (s *Store) at(step string) {
	if s.step != nil {
		s.step(step)
	}
}

// using says whether a test lets a use of the disk fail.
func (s *Store) using(use string) error {
	if s.disk == nil {
		return nil
	}
	return s.disk(use)
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

// update runs a transaction; durable ones are on the disk when it returns.
func (s *Store) update(durable bool, f func(tx *buntdb.Tx) error) error {
	if s.adrift {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	db := s.database()
	if db == nil {
		return ErrClosed
	}
	if err := s.using("write"); err != nil {
		return err
	}
	if err := db.Update(f); err != nil {
		return err
	}
	s.unsynced = true
	if durable {
		return s.sync()
	}
	return nil
}

// keyChange is what becomes of a key: it gets a value, or goes.
type keyChange struct {
	key, value string
	goes       bool
}

func (c keyChange) apply(tx *buntdb.Tx) error {
	if !c.goes {
		_, _, err := tx.Set(c.key, c.value, nil)
		return err
	}
	if _, err := tx.Delete(c.key); err != nil && !errors.Is(err, buntdb.ErrNotFound) {
		return err
	}
	return nil
}

// Readers wait while a transaction is made and handed to the system. One of several changes
// is within these bounds.
const (
	transactionKeys  = 256
	transactionBytes = 256 << 10 // of keys and values
)

// changeAll makes changes in as many transactions as are needed for readers to wait for none
// of them long. made is told after each how many changes are made so far: the next may fail.
func (s *Store) changeAll(changes []keyChange, made func(n int)) error {
	for first := 0; first < len(changes); {
		next, bytes := first, 0
		for ; next < len(changes) && next-first < transactionKeys; next++ {
			bytes += len(changes[next].key) + len(changes[next].value)
			if bytes > transactionBytes && next > first {
				break
			}
		}
		err := s.update(false, func(tx *buntdb.Tx) error {
			for _, c := range changes[first:next] {
				if err := c.apply(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		made(next)
		first = next
	}
	return nil
}

// syncFile is the fsync of a file. Tests watch it.
var syncFile = (*os.File).Sync

// sync brings what was written onto the disk. No reader waits for it. After one that failed
// the system may have dropped what it could not write, and tell of success the next time: then
// everything is written anew.
func (s *Store) sync() error {
	if !s.unsynced || s.file == nil {
		return nil
	}
	s.at("written")
	if s.adrift {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	if s.doubted {
		return s.compact()
	}
	err := s.using("sync")
	if err == nil {
		err = syncFile(s.file)
	}
	s.unsynced, s.doubted = err != nil, err != nil
	return err
}

func (s *Store) database() *buntdb.DB {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db
}

// statFile asks for a file's size. Tests watch it.
var statFile = os.Stat

// Status is the store's state now. No lock is held while the disk is asked.
func (s *Store) Status() Status {
	status := s.statusInMemory()
	if s.path != "" {
		if info, err := statFile(s.path); err == nil {
			status.FileBytes = info.Size()
		}
	}
	return status
}

func (s *Store) statusInMemory() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	status := s.status
	for _, t := range []*trouble{&s.syncing, &s.rollingUp, &s.sealingUp} {
		if t.message != "" {
			status.UpkeepErrors = append(status.UpkeepErrors, t.message)
		}
	}
	status.PendingRows = len(s.pending.rows)
	status.MemoryBytes = s.memoryUsed()
	status.MemoryLimit = s.limits.Load().MemoryLimit
	return status
}

// Close commits what is pending, ends all work and gives the folder free.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	<-s.stopped
	err := s.Flush()
	s.writing.Lock()
	defer s.writing.Unlock()
	err = errors.Join(err, s.sync(), s.swap(nil).Close())
	if s.file != nil && !s.adrift {
		err = errors.Join(err, s.file.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Unlock())
	}
	return err
}
