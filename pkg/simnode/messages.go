package simnode

// level is a log level.
type level uint8

const (
	lvDebug level = iota
	lvInfo
	lvWarn
	lvError
	lvFatal
	levels
)

var levelNames = [levels]string{"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

func (l level) String() string { return levelNames[l] }

func parseLevel(text string) (level, bool) {
	for i, name := range levelNames {
		if equalFold(text, name) {
			return level(i), true
		}
	}
	return 0, false
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i]|0x20 != b[i]|0x20 {
			return false
		}
	}
	return true
}

// messageID names a message; messages has its words.
type messageID uint8

const (
	mConfigurationLoaded messageID = iota
	mTracingDisabled
	mTelemetryDisabled
	mVersionInfo
	mOperatorEmail
	mOperatorWallet
	mNodeStarted
	mPublicServer
	mPrivateServer
	mSignal
	mUsedMoreThanAllocated
	mFailureDuringRun
	mUnrecoverable
	mDatabaseMissing
	mDatabaseCreated
	mDatabaseVersion
	mDatabaseUpToDate
	mFastOpen
	mServicesStarted
	mServersStarted
	mRunnerShutdown
	mMinimumVersion
	mAllowedVersion
	mOutdated
	mTrustFetched
	mTrusted
	mTrustRefresh
	mClockCheck
	mClockInSync
	mCollectorStarted
	mCollectorCompleted
	mCollect
	mDeleteExpired
	mBandwidthPersist
	mOrdersSending
	mOrdersNone
	mOrdersCleaning
	mOrdersCleaned
	mReadable
	mWritable
	mContactCycle
	mPinged
	mPingFailed
	mPingRetriesOver
	mPingCancelled
	mScoresUpdated
	mScoresWorsened
	mReputationFailed
	mUploadStarted
	mUploaded
	mUploadCanceled
	mUploadRaceLost
	mUploadFailed
	mUploadRejected
	mUploadInternal
	mDownloadStarted
	mDownloaded
	mDownloadCanceled
	mDownloadRaceLost
	mDownloadFailed
	mPieceReader
	mBloomReceived
	mRetainQueued
	mRetainPrepared
	mRetainMoved
	mGarbageStarting
	mGarbageSubprocess
	mGarbageDatabase
	mGarbageStarted
	mGarbageCompleted
	mGarbageFinished
	mUsedSpaceStarted
	mUsedSpaceCompleted
	mUsedSpaceFailed
	mUsedSpaceStarting
	mUsedSpaceSubprocess
	mUsedSpaceDatabase
	mUsedSpaceFinished
	mUsedSpaceExited
	mTrashRound
	mTrashStarted
	mTrashFinished
	mTrashStarting
	mTrashSubprocess
	mTrashDatabase
	mTrashWalkStarted
	mTrashWalkCompleted
	mTrashWalkFinished
	mMigrationReady
	mMigrationIdle
	mHintFile
	mHashstoreOpened
	mHashstoreUnclean
	mHashstoreTail
	mHashstoreInvalid
	mCompactionBegin
	mCompactOnceStarted
	mCompactionDetails
	mTableRewritten
	mCompactOnceFinished
	mCompactionFinished
	mAmnestyAdding
	mAmnestySending
	mAmnestySent
	messageCount
)

// message is one of the node's messages: its usual level, its logger ("" for
// the root), its words. Two messages have a part that changes; Truth and the
// message table call them by the words here.
type message struct {
	level  level
	logger string
	text   string
}

const (
	lazyGarbage   = "lazyfilewalker.gc-filewalker"
	lazyUsedSpace = "lazyfilewalker.used-space-filewalker"
	lazyTrash     = "lazyfilewalker.trash-cleanup-filewalker"
	raceLostSufix = " (race lost or node shutdown)"
)

var messages = [messageCount]message{
	mConfigurationLoaded:   {lvInfo, "", "Configuration loaded"},
	mTracingDisabled:       {lvDebug, "", "Anonymized tracing disabled"},
	mTelemetryDisabled:     {lvDebug, "", "Telemetry disabled"},
	mVersionInfo:           {lvDebug, "", "Version info"},
	mOperatorEmail:         {lvInfo, "", "Operator email"},
	mOperatorWallet:        {lvInfo, "", "Operator wallet"},
	mNodeStarted:           {lvInfo, "", "Node <ID> started"},
	mPublicServer:          {lvInfo, "", "Public server started on <ADDR>"},
	mPrivateServer:         {lvInfo, "", "Private server started on <ADDR>"},
	mSignal:                {lvInfo, "", `Got a signal from the OS: "terminated"`},
	mUsedMoreThanAllocated: {lvWarn, "", "Used more space than allocated. Allocated space is"},
	mFailureDuringRun:      {lvError, "", "failure during run"},
	mUnrecoverable:         {lvFatal, "", "Unrecoverable error"},
	mDatabaseMissing:       {lvInfo, "db", "database does not exist"},
	mDatabaseCreated:       {lvInfo, "db.migration", "Database Created"},
	mDatabaseVersion:       {lvInfo, "db.migration", "Database Version"},
	mDatabaseUpToDate:      {lvDebug, "db", "Database version is up to date"},
	mFastOpen:              {lvInfo, "server", "existing kernel support for server-side tcp fast open detected"},
	mServicesStarted:       {lvDebug, "services", "started"},
	mServersStarted:        {lvDebug, "servers", "started"},
	mRunnerShutdown:        {lvError, "services", "unexpected shutdown of a runner"},
	mMinimumVersion:        {lvDebug, "version", "Allowed minimum version from control server."},
	mAllowedVersion:        {lvDebug, "version", "Running on allowed version."},
	mOutdated:              {lvWarn, "version", "version not allowed/outdated"},
	mTrustFetched:          {lvDebug, "trust", "Fetched URLs from source; updating cache"},
	mTrusted:               {lvDebug, "trust", "Satellite is trusted"},
	mTrustRefresh:          {lvInfo, "trust", "Scheduling next refresh"},
	mClockCheck:            {lvInfo, "preflight:localtime", "start checking local system clock with trusted satellites' system clock."},
	mClockInSync:           {lvInfo, "preflight:localtime", "local system clock is in sync with trusted satellites' system clock."},
	mCollectorStarted:      {lvInfo, "collector", "expired pieces collection started"},
	mCollectorCompleted:    {lvInfo, "collector", "expired pieces collection completed"},
	mCollect:               {lvInfo, "collector", "collect"},
	mDeleteExpired:         {lvInfo, "collector", "delete expired"},
	mBandwidthPersist:      {lvInfo, "bandwidth", "Persisting bandwidth usage cache to db"},
	mOrdersSending:         {lvDebug, "orders", "sending"},
	mOrdersNone:            {lvDebug, "orders", "no orders to send"},
	mOrdersCleaning:        {lvDebug, "orders", "cleaning"},
	mOrdersCleaned:         {lvDebug, "orders", "cleanup finished"},
	mReadable:              {lvDebug, "piecestore:monitor", "readability check done"},
	mWritable:              {lvDebug, "piecestore:monitor", "writability check done"},
	mContactCycle:          {lvDebug, "contact:chore", "Starting cycle"},
	mPinged:                {lvDebug, "contact:endpoint", "pinged"},
	mPingFailed:            {lvError, "contact:service", "ping satellite failed "},
	mPingRetriesOver:       {lvInfo, "contact:service", "retries timed out for this cycle"},
	mPingCancelled:         {lvInfo, "contact:service", "context cancelled"},
	mScoresUpdated:         {lvInfo, "reputation:service", "node scores updated"},
	mScoresWorsened:        {lvWarn, "reputation:service", "node scores worsened"},
	mReputationFailed:      {lvError, "reputation:chore", "reputation chore failed"},
	mUploadStarted:         {lvDebug, "piecestore", "upload started"},
	mUploaded:              {lvInfo, "piecestore", "uploaded"},
	mUploadCanceled:        {lvInfo, "piecestore", "upload canceled"},
	mUploadRaceLost:        {lvInfo, "piecestore", "upload canceled" + raceLostSufix},
	mUploadFailed:          {lvDebug, "piecestore", "upload failed"},
	mUploadRejected:        {lvInfo, "piecestore", "upload rejected, too many requests"},
	mUploadInternal:        {lvWarn, "piecestore", "upload internal error"},
	mDownloadStarted:       {lvDebug, "piecestore", "download started"},
	mDownloaded:            {lvInfo, "piecestore", "downloaded"},
	mDownloadCanceled:      {lvInfo, "piecestore", "download canceled"},
	mDownloadRaceLost:      {lvInfo, "piecestore", "download canceled" + raceLostSufix},
	mDownloadFailed:        {lvError, "piecestore", "download failed"},
	mPieceReader:           {lvError, "piecestore", "error reading from piecereader"},
	mBloomReceived:         {lvInfo, "piecestore", "New bloomfilter is received"},
	mRetainQueued:          {lvInfo, "retain", "Retain job queued"},
	mRetainPrepared:        {lvInfo, "retain", "Prepared to run a Retain request."},
	mRetainMoved:           {lvInfo, "retain", "Moved pieces to trash during retain"},
	mGarbageStarting:       {lvInfo, lazyGarbage, "starting subprocess"},
	mGarbageSubprocess:     {lvInfo, lazyGarbage, "subprocess started"},
	mGarbageDatabase:       {lvInfo, lazyGarbage + ".subprocess", "Database started"},
	mGarbageStarted:        {lvInfo, lazyGarbage + ".subprocess", "gc-filewalker started"},
	mGarbageCompleted:      {lvInfo, lazyGarbage + ".subprocess", "gc-filewalker completed"},
	mGarbageFinished:       {lvInfo, lazyGarbage, "subprocess finished successfully"},
	mUsedSpaceStarted:      {lvInfo, "pieces", "used-space-filewalker started"},
	mUsedSpaceCompleted:    {lvInfo, "pieces", "used-space-filewalker completed"},
	mUsedSpaceFailed:       {lvError, "pieces", "used-space-filewalker failed"},
	mUsedSpaceStarting:     {lvInfo, lazyUsedSpace, "starting subprocess"},
	mUsedSpaceSubprocess:   {lvInfo, lazyUsedSpace, "subprocess started"},
	mUsedSpaceDatabase:     {lvInfo, lazyUsedSpace + ".subprocess", "Database started"},
	mUsedSpaceFinished:     {lvInfo, lazyUsedSpace, "subprocess finished successfully"},
	mUsedSpaceExited:       {lvInfo, lazyUsedSpace, "subprocess exited with status"},
	mTrashRound:            {lvDebug, "pieces:trash", "starting to empty trash"},
	mTrashStarted:          {lvInfo, "pieces:trash", "emptying trash started"},
	mTrashFinished:         {lvInfo, "pieces:trash", "emptying trash finished"},
	mTrashStarting:         {lvInfo, lazyTrash, "starting subprocess"},
	mTrashSubprocess:       {lvInfo, lazyTrash, "subprocess started"},
	mTrashDatabase:         {lvInfo, lazyTrash + ".subprocess", "Database started"},
	mTrashWalkStarted:      {lvInfo, lazyTrash + ".subprocess", "trash-filewalker started"},
	mTrashWalkCompleted:    {lvInfo, lazyTrash + ".subprocess", "trash-filewalker completed"},
	mTrashWalkFinished:     {lvInfo, lazyTrash, "subprocess finished successfully"},
	mMigrationReady:        {lvInfo, "piecemigrate:chore", "piece migration chore initialized"},
	mMigrationIdle:         {lvInfo, "piecemigrate:chore", "all enqueued for migration; will sleep before next pooling"},
	mHintFile:              {lvInfo, "hashstore", "loaded hint file"},
	mHashstoreOpened:       {lvInfo, "hashstore", "hashstore opened successfully"},
	mHashstoreUnclean:      {lvInfo, "hashstore", "unclean shutdown detected: reconciling logs"},
	mHashstoreTail:         {lvWarn, "hashstore", "mismatched log tail"},
	mHashstoreInvalid:      {lvWarn, "hashstore", "reconciled log with invalid records"},
	mCompactionBegin:       {lvInfo, "hashstore", "beginning compaction"},
	mCompactOnceStarted:    {lvInfo, "hashstore", "compact once started"},
	mCompactionDetails:     {lvInfo, "hashstore", "compaction computed details"},
	mTableRewritten:        {lvInfo, "hashstore", "hashtbl rewritten"},
	mCompactOnceFinished:   {lvInfo, "hashstore", "compact once finished"},
	mCompactionFinished:    {lvInfo, "hashstore", "finished compaction"},
	mAmnestyAdding:         {lvDebug, "contact:amnesty", "adding bad piece to batch"},
	mAmnestySending:        {lvInfo, "contact:amnesty", "sending amnesty batch to satellite"},
	mAmnestySent:           {lvDebug, "contact:amnesty", "successfully sent amnesty batch"},
}

// keyID names a field's key.
type keyID uint8

const (
	kProcess keyID = iota
	kPieceID
	kSatelliteID
	kAction
	kOffset
	kSize
	kRemoteAddress
	kAvailableSpace
	kError
	kErrorVerbose
	kReason
	kLiveRequests
	kRequestLimit
	kTotalAudits
	kSuccessfulAudits
	kAuditScore
	kOnlineScore
	kSuspensionScore
	kAuditScoreDelta
	kOnlineScoreDelta
	kSuspensionScoreDelta
	kAttempts
	kBy
	kSourceAddress
	kLocation
	kAddress
	kDatabase
	kVersion
	kVersionInfo
	kCommitHash
	kBuildTimestamp
	kReleaseBuild
	kBytes
	kItems
	kName
	kMinimumVersion
	kCurrentVersion
	kMinimumAllowed
	kSource
	kCount
	kID
	kAfter
	kDuration
	kTook // a duration whose key was written Duration
	kSatellite
	kCreation
	kCachePath
	kRetainCreatedBefore
	kFilterSize
	kDeletedPieces
	kNumDeleted
	kFailedToDelete
	kFailedToRead
	kRetainPiecesCount
	kRetainStatus
	kWalkerSatellite
	kWalkerProcess
	kWalkerCreatedBefore
	kBloomFilterSize
	kWalkerPiecesCount
	kPiecesToTrash
	kTrashedPieces
	kPiecesSkipped
	kLazyFileWalker
	kTotalPiecesSize
	kTotalPiecesContentSize
	kTotalPiecesCount
	kStatus
	kElapsed
	kDateBefore
	kBytesDeleted
	kKeysDeleted
	kOldBlobsPath
	kCleanupEnabled
	kActive
	kInterval
	kStore
	kPath
	kWritable
	kLargest
	kSkip
	kOpenTime
	kLogsSkipped
	kLogsMatched
	kLogsMismatched
	kLog
	kTable
	kInvalidCount
	kStats
	kToday
	kNSet
	kNExist
	kModifications
	kCurrSlots
	kCurrSlotsSize
	kNextSlots
	kNextSlotsSize
	kCandidates
	kRewrite
	kCompleted
	kTotalRecords
	kTotalBytes
	kRewrittenRecords
	kRewrittenBytes
	kTrashedRecords
	kTrashedBytes
	kRestoredRecords
	kRestoredBytes
	kExpiredRecords
	kExpiredBytes
	kReclaimedLogs
	kReclaimedBytes
	kReclaimRatio
	kPieceCount
	keyCount
)

// keyName is a key as it is since v1.146 and as it was before.
type keyName struct{ modern, old string }

var keyNames = [keyCount]keyName{
	kProcess:                {"process", "Process"},
	kPieceID:                {"piece_id", "Piece ID"},
	kSatelliteID:            {"satellite_id", "Satellite ID"},
	kAction:                 {"action", "Action"},
	kOffset:                 {"offset", "Offset"},
	kSize:                   {"size", "Size"},
	kRemoteAddress:          {"remote_address", "Remote Address"},
	kAvailableSpace:         {"available_space", "Available Space"},
	kError:                  {"error", "error"},
	kErrorVerbose:           {"errorVerbose", "errorVerbose"},
	kReason:                 {"reason", "reason"},
	kLiveRequests:           {"live_requests", "live requests"},
	kRequestLimit:           {"request_limit", "requestLimit"},
	kTotalAudits:            {"total_audits", "Total Audits"},
	kSuccessfulAudits:       {"successful_audits", "Successful Audits"},
	kAuditScore:             {"audit_score", "Audit Score"},
	kOnlineScore:            {"online_score", "Online Score"},
	kSuspensionScore:        {"suspension_score", "Suspension Score"},
	kAuditScoreDelta:        {"audit_score_delta", "Audit Score Delta"},
	kOnlineScoreDelta:       {"online_score_delta", "Online Score Delta"},
	kSuspensionScoreDelta:   {"suspension_score_delta", "Suspension Score Delta"},
	kAttempts:               {"attempts", "attempts"},
	kBy:                     {"by", "by"},
	kSourceAddress:          {"src_addr", "srcAddr"},
	kLocation:               {"location", "Location"},
	kAddress:                {"address", "Address"},
	kDatabase:               {"database", "database"},
	kVersion:                {"version", "version"},
	kVersionInfo:            {"version", "Version"},
	kCommitHash:             {"commit_hash", "Commit Hash"},
	kBuildTimestamp:         {"build_timestamp", "Build Timestamp"},
	kReleaseBuild:           {"release_build", "Release Build"},
	kBytes:                  {"bytes", "bytes"},
	kItems:                  {"items", "items"},
	kName:                   {"name", "name"},
	kMinimumVersion:         {"minimum_version", "Minimum Version"},
	kCurrentVersion:         {"current_version", "current version"},
	kMinimumAllowed:         {"minimum_allowed_version", "minimum allowed version"},
	kSource:                 {"source", "source"},
	kCount:                  {"count", "count"},
	kID:                     {"id", "id"},
	kAfter:                  {"after", "after"},
	kDuration:               {"duration", "duration"},
	kTook:                   {"duration", "Duration"},
	kSatellite:              {"satellite", "satellite"},
	kCreation:               {"creation", "creation"},
	kCachePath:              {"cache_path", "cachePath"},
	kRetainCreatedBefore:    {"created_before", "Created Before"},
	kFilterSize:             {"filter_size", "Filter Size"},
	kDeletedPieces:          {"deleted_pieces", "Deleted pieces"},
	kNumDeleted:             {"num deleted", "num deleted"},
	kFailedToDelete:         {"failed_to_delete", "Failed to delete"},
	kFailedToRead:           {"pieces_failed_to_read", "Pieces failed to read"},
	kRetainPiecesCount:      {"pieces_count", "Pieces count"},
	kRetainStatus:           {"retain_status", "Retain Status"},
	kWalkerSatellite:        {"satellite_id", "satelliteID"},
	kWalkerProcess:          {"process", "Process"},
	kWalkerCreatedBefore:    {"created_before", "createdBefore"},
	kBloomFilterSize:        {"bloom_filter_size", "bloomFilterSize"},
	kWalkerPiecesCount:      {"pieces_count", "piecesCount"},
	kPiecesToTrash:          {"total_pieces_to_trash", "Total Pieces To Trash"},
	kTrashedPieces:          {"trashed_pieces", "Trashed Pieces"},
	kPiecesSkipped:          {"pieces_skipped", "Pieces Skipped"},
	kLazyFileWalker:         {"lazy_file_walker", "Lazy File Walker"},
	kTotalPiecesSize:        {"total_pieces_size", "Total Pieces Size"},
	kTotalPiecesContentSize: {"total_pieces_content_size", "Total Pieces Content Size"},
	kTotalPiecesCount:       {"total_pieces_count", "Total Pieces Count"},
	kStatus:                 {"status", "status"},
	kElapsed:                {"elapsed", "elapsed"},
	kDateBefore:             {"date_before", "dateBefore"},
	kBytesDeleted:           {"bytes_deleted", "bytesDeleted"},
	kKeysDeleted:            {"num_keys_deleted", "numKeysDeleted"},
	kOldBlobsPath:           {"old_blobs_path", "old_blobs_path"},
	kCleanupEnabled:         {"cleanup_enabled", "cleanup_enabled"},
	kActive:                 {"active", "active"},
	kInterval:               {"interval", "interval"},
	kStore:                  {"store", "store"},
	kPath:                   {"path", "path"},
	kWritable:               {"writable", "writable"},
	kLargest:                {"largest", "largest"},
	kSkip:                   {"skip", "skip"},
	kOpenTime:               {"open_time", "open_time"},
	kLogsSkipped:            {"logs_skipped", "logs_skipped"},
	kLogsMatched:            {"logs_matched", "logs_matched"},
	kLogsMismatched:         {"logs_mismatched", "logs_mismatched"},
	kLog:                    {"log", "log"},
	kTable:                  {"table", "table"},
	kInvalidCount:           {"invalid_count", "invalid_count"},
	kStats:                  {"stats", "stats"},
	kToday:                  {"today", "today"},
	kNSet:                   {"nset", "nset"},
	kNExist:                 {"nexist", "nexist"},
	kModifications:          {"modifications", "modifications"},
	kCurrSlots:              {"curr_log_slots", "curr logSlots"},
	kCurrSlotsSize:          {"curr logSlots size", "curr logSlots size"},
	kNextSlots:              {"next_log_slots", "next logSlots"},
	kNextSlotsSize:          {"next logSlots size", "next logSlots size"},
	kCandidates:             {"candidates", "candidates"},
	kRewrite:                {"rewrite", "rewrite"},
	kCompleted:              {"completed", "completed"},
	kTotalRecords:           {"total_records", "total records"},
	kTotalBytes:             {"total_bytes", "total bytes"},
	kRewrittenRecords:       {"rewritten_records", "rewritten records"},
	kRewrittenBytes:         {"rewritten_bytes", "rewritten bytes"},
	kTrashedRecords:         {"trashed_records", "trashed records"},
	kTrashedBytes:           {"trashed_bytes", "trashed bytes"},
	kRestoredRecords:        {"restored_records", "restored records"},
	kRestoredBytes:          {"restored_bytes", "restored bytes"},
	kExpiredRecords:         {"expired_records", "expired records"},
	kExpiredBytes:           {"expired_bytes", "expired bytes"},
	kReclaimedLogs:          {"reclaimed_logs", "reclaimed logs"},
	kReclaimedBytes:         {"reclaimed_bytes", "reclaimed bytes"},
	kReclaimRatio:           {"reclaim_ratio", "reclaim ratio"},
	kPieceCount:             {"piece_count", "piece_count"},
}
