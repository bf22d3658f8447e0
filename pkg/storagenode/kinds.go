package storagenode

import "strings"

// kindsOfMessages are the kinds of lines by their messages, in all versions' words. The
// loggers do not matter: they have other names where the node is built of modules.
// Transfers are in transferMessage.
var kindsOfMessages = map[string]Kind{
	"upload internal error":          TransferTwin, // the line "upload failed" follows, where the upload had begun
	"error reading from piecereader": PieceReadFailed,
	"error seeking on piecereader":   PieceReadFailed,
	"file found in trash":            PieceSavedFromTrash,

	"node scores updated":  ScoresUpdated,
	"node scores worsened": ScoresWorsened,

	"pinged":                           Pinged,
	"ping satellite failed ":           PingFailed,
	"ping satellite failed":            PingFailed,
	"retries timed out for this cycle": PingGivenUp,
	"Your node is still considered to be online but encountered an error.": ContactWarning,
	"failed PingMe request to satellite":                                   ContactWarning,
	"sending amnesty batch to satellite":                                   LostPieces,

	"finished":                              OrdersSettled, // where it has a count
	"failed to settle orders for satellite": OrdersFailed,

	"New bloomfilter is received":         BloomFilterReceived,
	"Retain job queued":                   RetainQueued,
	"Prepared to run a Retain request.":   RetainPrepared,
	"Moved pieces to trash during retain": RetainFinished,
	"retain pieces failed":                RetainFailed,

	"starting subprocess":              WalkerStarted,
	"used-space-filewalker started":    WalkerStarted,
	"gc-filewalker started":            WalkerStarted,
	"trash-filewalker started":         WalkerStarted,
	"subprocess finished successfully": WalkerFinished,
	"used-space-filewalker completed":  WalkerFinished,
	"gc-filewalker completed":          WalkerFinished,
	"trash-filewalker completed":       WalkerFinished,
	"failed to start subprocess":       WalkerFailed,
	"subprocess exited with status":    WalkerFailed,
	"subprocess exited with error":     WalkerFailed,
	"used-space-filewalker failed":     WalkerFailed,
	"gc-filewalker failed":             WalkerFailed,
	"gc-filewalker did not complete":   WalkerFailed,
	"trash-filewalker failed":          WalkerFailed,
	"lazyfilewalker failed":            WalkerFailed,

	"emptying trash started":                 TrashEmptyingStarted,
	"emptying trash finished":                TrashEmptied,
	"emptying trash failed":                  TrashEmptyingFailed,
	"expired pieces collection started":      ExpiredCollectionStarted,
	"expired pieces collection completed":    ExpiredCollected,
	"collect":                                ExpiredCollected, // before v1.110
	"error during expired pieces collection": ExpiredCollectionFailed,
	"error during collecting pieces: ":       ExpiredCollectionFailed,
	"delete expired":                         ExpiredPieceDeleted,
	"deleted expired piece":                  ExpiredPieceDeleted,

	"beginning compaction":                        CompactionStarted,
	"compact once started":                        CompactionPassStarted,
	"compaction computed details":                 CompactionComputed,
	"records rewritten":                           CompactionRewritten,
	"hashtbl rewritten":                           CompactionRewritten,
	"compact once finished":                       CompactionPassFinished,
	"finished compaction":                         CompactionFinished,
	"compaction failed":                           CompactionFailed,
	"unclean shutdown detected: reconciling logs": StoreDamaged,
	"mismatched log tail":                         StoreDamaged,
	"reconciled log with invalid records":         StoreDamaged,
	"trashed record was read":                     StoreDamaged,

	"piece migration chore initialized": MigrationReady,
	"enqueued for migration":            MigrationStarted,
	"migrated a piece":                  PieceMigrated,
	"couldn't migrate":                  PieceNotMigrated,
	"processed a bunch of pieces":       PiecesMigrated,
	"all enqueued for migration; will sleep before next pooling": MigrationQueued,
	"cleanup removed empty prefix directories":                   MigrationCleaning,
	"removed empty satellite directory":                          MigrationFinished,

	"Service restarted successfully.":                                  ServiceRestarted,
	"version not allowed/outdated":                                     VersionOutdated,
	"outdated software version":                                        VersionOutdated,
	"unexpected shutdown of a runner":                                  RunnerStopped,
	"failure during run":                                               RunFailed,
	"error verifying location and/or readability of storage directory": StorageUnusable,
	"timed out while verifying readability of storage directory":       StorageUnusable,
	"error verifying writability of storage directory":                 StorageUnusable,
	"timed out while verifying writability of storage directory":       StorageUnusable,

	"Used more space than allocated. Allocated space is":                    DiskOverused,
	"Disk space is less than requested. Allocated space is":                 DiskTooSmall,
	"Total disk space is less than required minimum":                        DiskTooSmall,
	"Total disk space (minus reserved bytes) is less than required minimum": DiskTooSmall,
	"system clock is out of sync with satellite":                            ClockSkewed,
	"local system clock is in sync with trusted satellites' system clock.":  ClockInSync,
}

// kindOf is what a line is about by its header.
func kindOf(line *Line) Kind {
	if line.Level == Fatal {
		return NodeDied
	}
	if kind, ok := kindsOfMessages[line.Message]; ok {
		return kind
	}
	if _, kind := transferMessage([]byte(line.Message)); kind != OtherLine {
		return kind
	}
	if strings.HasPrefix(line.Message, "Got a signal from the OS") {
		return NodeStopping
	}
	if _, ok := NodeStarted(*line); ok {
		return NodeStart
	}
	return OtherLine
}

// walkers are the filewalkers by what their loggers and messages have of their names.
var walkers = []struct{ part, name string }{
	{"used-space-filewalker", "used-space"},
	{"gc-filewalker", "gc"},
	{"trash-cleanup-filewalker", "trash-cleanup"},
	{"trash-filewalker", "trash-cleanup"},
}

// Walker is which filewalker a line is of: used-space, gc or trash-cleanup; "" where it is
// of none.
func (e *Event) Walker() string {
	for _, text := range [...]string{e.Message, e.Logger} {
		for _, walker := range walkers {
			if strings.Contains(text, walker.part) {
				return walker.name
			}
		}
	}
	return ""
}
