package storagenode

import "time"

// Event is what one log line says. The line's header is always there; what else is,
// the Kind tells. Its byte slices are parts of the parsed line, and the event itself is
// the parser's: whoever keeps any of it longer than until the next line copies it.
type Event struct {
	Line
	Kind      Kind
	Satellite string // the satellite's id, "" where the line names none

	// Of transfers.
	Action   Action
	Outcome  Outcome
	Cause    Cause         // why a transfer failed
	Piece    []byte        // the piece's id
	Peer     []byte        // the other side's address and port
	Size     int64         // bytes; -1 where the line does not say
	Offset   int64         // bytes; -1 where the line does not say
	Free     int64         // bytes free for uploads, of starts; -1 where the line does not say
	Duration time.Duration // where the line has one, else 0
	Reason   []byte        // the line's error or reason, as it stands there

	// Arrived is when the line came, more precise than its own time; zero where it was
	// read later than it was written. The reader of the log sets it.
	Arrived time.Time
	// Read is when the line was read, of a line that was read just when it was written;
	// zero for all others. It is set however far the line's own time is from it, so that it
	// tells how far the node's clock is from ours.
	Read time.Time
}

// Kind is what a line is about.
type Kind uint8

// The kinds of lines. Every line that is none of the others is OtherLine.
const (
	OtherLine Kind = iota

	UploadStarted
	DownloadStarted
	UploadEnded     // its Outcome says how
	DownloadEnded   // its Outcome says how
	TransferTwin    // says again what another line says: not counted
	PieceReadFailed // says before a failed download what it failed of: not counted
	PieceSavedFromTrash

	ScoresUpdated
	ScoresWorsened

	Pinged
	PingFailed
	PingGivenUp
	ContactWarning
	LostPieces // the node tells a satellite which pieces it lost

	OrdersSettled
	OrdersFailed

	BloomFilterReceived
	RetainQueued
	RetainPrepared
	RetainFinished
	RetainFailed

	// One walk can have several lines of each of these: its own, and its subprocess's.
	// Walker names the walker.
	WalkerStarted
	WalkerFinished
	WalkerFailed

	TrashEmptyingStarted
	TrashEmptied
	TrashEmptyingFailed
	ExpiredCollectionStarted
	ExpiredCollected
	ExpiredCollectionFailed
	ExpiredPieceDeleted // one of them, in old versions

	CompactionStarted
	CompactionPassStarted
	CompactionComputed
	CompactionRewritten
	CompactionPassFinished
	CompactionFinished
	CompactionFailed
	StoreDamaged // hashstore: unclean shutdown, mismatched tail, invalid records, trashed record read

	MigrationReady    // the chore has begun
	MigrationStarted  // pieces of a satellite are queued for migration to the hashstore
	PieceMigrated     // one piece was
	PieceNotMigrated  // one piece could not be
	PiecesMigrated    // so many were since the last such line
	MigrationQueued   // all is queued, it sleeps
	MigrationCleaning // prefix folders were removed
	MigrationFinished // the satellite's folder was removed

	NodeStart
	NodeStopping // a signal came
	ServiceRestarted
	VersionOutdated
	RunnerStopped
	StorageUnusable // the storage folder cannot be read or written
	RunFailed
	NodeDied // a FATAL line

	DiskOverused
	DiskTooSmall
	ClockSkewed
	ClockInSync

	kinds // how many there are
)

// Action is what a transfer is for.
type Action uint8

// The actions.
const (
	NoAction Action = iota
	Put
	Get
	GetAudit
	GetRepair
	PutRepair
	Delete
	PutGracefulExit
	OtherAction
	actions // how many there are
)

// Outcome is how a transfer ended.
type Outcome uint8

// The outcomes.
const (
	NoOutcome Outcome = iota
	OutcomeSuccess
	OutcomeCanceled // the race was lost, or the client left
	OutcomeFailed
	OutcomeRejected // too many at once
	outcomes        // how many there are
)

// Cause is why a transfer failed.
type Cause uint8

// The causes.
const (
	NoCause      Cause = iota
	ClientLeft         // broken pipe, connection reset, use of closed connection, context canceled; not of a file
	PieceMissing       // does not exist, no such file
	StorageError       // input/output error, permission denied, EOF, more data than available, database locked, …
	OtherCause
)
