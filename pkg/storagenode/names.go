package storagenode

var eventKindNames = [kinds]string{
	OtherLine:                "other",
	UploadStarted:            "upload_started",
	DownloadStarted:          "download_started",
	UploadEnded:              "upload_ended",
	DownloadEnded:            "download_ended",
	TransferTwin:             "transfer_twin",
	PieceReadFailed:          "piece_read_failed",
	PieceSavedFromTrash:      "piece_saved_from_trash",
	ScoresUpdated:            "scores_updated",
	ScoresWorsened:           "scores_worsened",
	Pinged:                   "pinged",
	PingFailed:               "ping_failed",
	PingGivenUp:              "ping_given_up",
	ContactWarning:           "contact_warning",
	LostPieces:               "lost_pieces",
	OrdersSettled:            "orders_settled",
	OrdersFailed:             "orders_failed",
	BloomFilterReceived:      "bloom_filter_received",
	RetainQueued:             "retain_queued",
	RetainPrepared:           "retain_prepared",
	RetainFinished:           "retain_finished",
	RetainFailed:             "retain_failed",
	WalkerStarted:            "walker_started",
	WalkerFinished:           "walker_finished",
	WalkerFailed:             "walker_failed",
	TrashEmptyingStarted:     "trash_emptying_started",
	TrashEmptied:             "trash_emptied",
	TrashEmptyingFailed:      "trash_emptying_failed",
	ExpiredCollectionStarted: "expired_collection_started",
	ExpiredCollected:         "expired_collected",
	ExpiredCollectionFailed:  "expired_collection_failed",
	ExpiredPieceDeleted:      "expired_piece_deleted",
	CompactionStarted:        "compaction_started",
	CompactionPassStarted:    "compaction_pass_started",
	CompactionComputed:       "compaction_computed",
	CompactionRewritten:      "compaction_rewritten",
	CompactionPassFinished:   "compaction_pass_finished",
	CompactionFinished:       "compaction_finished",
	CompactionFailed:         "compaction_failed",
	StoreDamaged:             "store_damaged",
	MigrationReady:           "migration_ready",
	MigrationStarted:         "migration_started",
	PieceMigrated:            "piece_migrated",
	PieceNotMigrated:         "piece_not_migrated",
	PiecesMigrated:           "pieces_migrated",
	MigrationQueued:          "migration_queued",
	MigrationCleaning:        "migration_cleaning",
	MigrationFinished:        "migration_finished",
	NodeStart:                "node_started",
	NodeStopping:             "node_stopping",
	ServiceRestarted:         "service_restarted",
	VersionOutdated:          "version_outdated",
	RunnerStopped:            "runner_stopped",
	StorageUnusable:          "storage_unusable",
	RunFailed:                "run_failed",
	NodeDied:                 "node_died",
	DiskOverused:             "disk_overused",
	DiskTooSmall:             "disk_too_small",
	ClockSkewed:              "clock_skewed",
	ClockInSync:              "clock_in_sync",
}

// String is the kind in snake case.
func (k Kind) String() string {
	if k < kinds {
		return eventKindNames[k]
	}
	return ""
}

var actionNames = [actions]string{
	"", "PUT", "GET", "GET_AUDIT", "GET_REPAIR", "PUT_REPAIR", "DELETE", "PUT_GRACEFUL_EXIT", "OTHER",
}

// String is the action as the log has it; OTHER for one that is not known here, "" for none.
func (a Action) String() string {
	if a < actions {
		return actionNames[a]
	}
	return ""
}

// ParseAction is the action with a name that String gives, but for the empty one.
func ParseAction(name string) (Action, bool) {
	for action := Put; action < actions; action++ {
		if actionNames[action] == name {
			return action, true
		}
	}
	return NoAction, false
}

// actionOf is the action in a line.
func actionOf(value []byte) Action {
	switch string(value) {
	case "PUT":
		return Put
	case "GET":
		return Get
	case "GET_AUDIT":
		return GetAudit
	case "GET_REPAIR":
		return GetRepair
	case "PUT_REPAIR":
		return PutRepair
	case "DELETE":
		return Delete
	case "PUT_GRACEFUL_EXIT":
		return PutGracefulExit
	case "", "INVALID":
		return NoAction
	}
	return OtherAction
}

var outcomeNames = [outcomes]string{"", "success", "canceled", "failed", "rejected"}

// String is success, canceled, failed or rejected; "" for none.
func (o Outcome) String() string {
	if o < outcomes {
		return outcomeNames[o]
	}
	return ""
}

// ParseOutcome is the outcome with a name that String gives, but for the empty one.
func ParseOutcome(name string) (Outcome, bool) {
	for outcome := OutcomeSuccess; outcome < outcomes; outcome++ {
		if outcomeNames[outcome] == name {
			return outcome, true
		}
	}
	return NoOutcome, false
}

var causeNames = [...]string{"", "client_left", "piece_missing", "storage_error", "other"}

// String is the cause in snake case; "" for none.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return ""
}
