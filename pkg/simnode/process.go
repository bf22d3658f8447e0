package simnode

import (
	"fmt"
	"time"
)

// databases are the node's, in the order in which it creates them.
var databases = []string{
	"info", "bandwidth", "orders", "piece_expiration", "pieceinfo", "piece_spaced_used",
	"reputation", "storage_usage", "used_serial", "satellites", "notifications",
	"heldamount", "pricing", "secret", "garbage_collection_filewalker_progress",
	"used_space_per_prefix",
}

// services are those of the node, as it lists them.
var services = []string{
	"version:chore", "trust", "contact:chore", "bandwidth", "pieces:trash", "hashstore",
	"piecestore:cache", "piecestore:monitor", "retain", "ordersfilestore",
	"piecemigrate:chore", "orders", "reputation:chore", "nodestats:cache",
	"console:endpoint", "gracefulexit:blobscleaner", "gracefulexit:chore",
	"forgetsatellite:chore", "collector",
}

func (n *Node) home() string { return "/var/lib/storagenode/" + n.opt.Name }

// start lets the node's process start.
func (n *Node) start(at int64) {
	if n.dead || n.up {
		return
	}
	n.gen++
	n.up = true
	n.startedAt = at
	n.lastPinged, n.lastQUIC = 0, 0
	n.truth.starts = append(n.truth.starts, at)
	first := len(n.truth.starts) == 1
	l := n.log
	l.speak(n.version, n.customLevel(at))

	if l.begin(at, mConfigurationLoaded) {
		l.str(kLocation, n.home()+"/config.yaml")
		l.end()
	}
	n.plain(at, mTracingDisabled)
	if l.begin(at, mOperatorEmail) {
		l.str(kAddress, n.opt.Name+"@mail.test")
		l.end()
	}
	if l.begin(at, mOperatorWallet) {
		l.str(kAddress, n.wallet())
		l.end()
	}
	if first && n.opt.JoinedAge == 0 {
		for _, name := range databases {
			if l.begin(at, mDatabaseMissing) {
				l.str(kDatabase, name)
				l.end()
			}
		}
		n.schemaLine(at, mDatabaseCreated)
	} else {
		n.schemaLine(at, mDatabaseVersion)
	}
	n.schemaLine(at, mDatabaseUpToDate)
	if l.begin(at, mVersionInfo) {
		l.str(kVersionInfo, "v"+n.version.String())
		l.str(kCommitHash, fmt.Sprintf("%016x%016x%08x", scramble(uint64(n.version.minor)), scramble(uint64(n.version.patch)), n.version.minor))
		l.str(kBuildTimestamp, "2026-08-21 11:00:00 +0000 UTC")
		l.bool(kReleaseBuild, true)
		l.end()
	}
	n.plain(at, mFastOpen)
	if n.version.since(minorMigrationInit) && l.begin(at, mMigrationReady) {
		l.str(kOldBlobsPath, n.home()+"/storage/blobs")
		l.bool(kCleanupEnabled, true)
		l.end()
	}
	n.checkVersion(at)
	n.plain(at, mTelemetryDisabled)
	n.trustLines(at)
	n.plain(at, mClockCheck)
	n.plain(at, mClockInSync)
	if n.version.since(minorHashstore) {
		n.openHashstores(at)
	}
	if n.used > n.opt.Disk && l.begin(at, mUsedMoreThanAllocated) {
		l.int(kBytes, n.opt.Disk)
		l.end()
	}
	if l.beginText(at, lvInfo, mNodeStarted, "Node "+n.id+" started") {
		l.end()
	}
	if l.beginText(at, lvInfo, mPublicServer, fmt.Sprintf("Public server started on [::]:%d", n.opt.Port)) {
		l.end()
	}
	if l.beginText(at, lvInfo, mPrivateServer, "Private server started on 127.0.0.1:7778") {
		l.end()
	}
	if l.begin(at, mServersStarted) {
		l.names(kItems, []string{"server", "debug"})
		l.end()
	}
	if l.begin(at, mServicesStarted) {
		l.names(kItems, services)
		l.end()
	}
	for _, s := range n.satellites {
		if l.begin(at, mContactCycle) {
			l.str(kSatelliteID, s.ID)
			l.end()
		}
	}
	n.unclean = false
	n.beginChores(at)
}

// plain writes a line without fields of its own.
func (n *Node) plain(at int64, id messageID) {
	if n.log.begin(at, id) {
		n.log.end()
	}
}

func (n *Node) schemaLine(at int64, id messageID) {
	if n.log.begin(at, id) {
		n.log.int(kVersion, 62)
		n.log.end()
	}
}

func (n *Node) wallet() string {
	return fmt.Sprintf("0x%016x%016x%08x", scramble(n.opt.Seed), scramble(n.opt.Seed+1), uint32(scramble(n.opt.Seed+2)))
}

// beginChores plans what a running process does again and again.
func (n *Node) beginChores(at int64) {
	second := int64(time.Second)
	n.later(at+second, evHourly, 0, 0)
	n.later(at+second, evReadable, 0, 0)
	n.later(at+2*second, evMigration, 0, 0)
	n.later(at+2*second, evTrashStart, 0, 0)
	n.later(at+2*second, evUsedSpace, 0, 0)
	n.later(at+int64(15*time.Minute), evVersionCheck, 0, 0)
	n.planTrustRefresh(at)
	for _, s := range n.satellites {
		n.later(at+second+int64(n.chores.Float64()*2e9), evPing, s.index, 1)
		if n.version.since(minorHashstore) {
			for store := range s.compactions {
				s.compactions[store].running = false
				n.later(at+int64((0.02+n.chores.Float64())*float64(day)), evCompaction, s.index, int32(store))
			}
		}
		s.collecting.running = false
	}
	n.later(at+int64(n.chores.Float64()*float64(scoreJitter)), evScores, 0, 0)
	n.later(at+int64(time.Hour), evAmnesty, 0, 0)
	if n.opt.Scenario == Restarting && n.troubled(at) {
		n.later(n.nextCrash(at), evCrash, 0, 0)
	}
}

// stop ends the process as a service manager does, and lets it come back.
func (n *Node) stop(at int64) {
	if !n.up {
		return
	}
	n.plain(at, mSignal)
	for _, s := range n.satellites {
		if n.uplinkDown || s.away(at) {
			if n.log.begin(at, mPingCancelled) {
				n.log.str(kSatelliteID, s.ID)
				n.log.end()
			}
		}
	}
	n.cancelTransfers(at)
	n.processGone(at)
	n.truth.stops++
	n.plan(event{at: at + int64((8+20*n.chores.Float64())*float64(time.Second)), kind: evStart})
}

// update stops the process and lets another version start.
func (n *Node) update(at int64, version string) {
	v, err := parseVersion(version)
	if err != nil || n.dead {
		return
	}
	n.stop(at)
	n.version = v
	n.truth.updates++
}

// storageFolderStack is what follows the error in the recordings.
const storageFolderStack = "\n\tstorj.io/storj/storagenode/monitor.(*Service).verifyStorageDir:173\n\tstorj.io/common/sync2.(*Cycle).Run:163\n\tstorj.io/storj/storagenode/monitor.(*Service).Run.func1:121\n\tgolang.org/x/sync/errgroup.(*Group).Go.func1:93"

// crash lets the process stop itself because it cannot verify its storage
// folder. Its open transfers end without a word.
func (n *Node) crash(at int64) {
	if !n.up || !n.troubled(at) {
		return
	}
	text := "piecestore monitor: error verifying location and/or readability of storage directory: open " +
		n.home() + "/storage/storage-dir-verification: no such file or directory"
	l := n.log
	if l.begin(at, mRunnerShutdown) {
		l.str(kName, "piecestore:monitor")
		l.failure(text, storageFolderStack)
		l.end()
	}
	for _, s := range n.satellites {
		if s.view.known && n.walkingUsedSpace(s, at) {
			n.abortUsedSpace(at, s)
		}
	}
	for _, id := range []messageID{mFailureDuringRun, mUnrecoverable} {
		if l.begin(at, id) {
			l.failure(text, storageFolderStack)
			l.end()
		}
	}
	n.abandonTransfers(at)
	n.processGone(at)
	n.unclean = true
	n.truth.crashes++
	n.plan(event{at: at + int64((5+10*n.chores.Float64())*float64(time.Second)), kind: evStart})
}

// die ends it all, without a word.
func (n *Node) die(at int64) {
	if n.up {
		n.abandonTransfers(at)
		n.processGone(at)
	}
	n.dead = true
}

func (n *Node) processGone(at int64) {
	n.up = false
	n.truth.down = append(n.truth.down, at)
}

// allowedVersion is the minimum that the network asks for.
func (n *Node) allowedVersion() softwareVersion {
	if v, err := parseVersion(n.opt.AllowedVersion); err == nil {
		return v
	}
	return n.version.allowed()
}

func (n *Node) checkVersion(at int64) {
	l := n.log
	if l.begin(at, mMinimumVersion) {
		l.str(kMinimumVersion, "v"+n.allowedVersion().String())
		l.end()
	}
	if n.version.older(n.allowedVersion()) {
		if l.begin(at, mOutdated) {
			l.str(kCurrentVersion, "v"+n.version.String())
			l.str(kMinimumAllowed, "v"+n.allowedVersion().String())
			l.end()
		}
		return
	}
	if l.begin(at, mAllowedVersion) {
		l.str(kVersionInfo, "v"+n.version.String())
		l.end()
	}
}

func (n *Node) trustLines(at int64) {
	l := n.log
	for _, s := range n.satellites {
		if l.begin(at, mTrustFetched) {
			l.str(kSource, s.ID+"@"+s.URL)
			l.int(kCount, 1)
			l.end()
		}
	}
	for _, s := range n.satellites {
		if l.begin(at, mTrusted) {
			l.str(kID, s.ID)
			l.end()
		}
	}
}

func (n *Node) planTrustRefresh(at int64) {
	after := 4*time.Hour + time.Duration(n.chores.Int64N(int64(8*time.Hour)))
	n.later(at+int64(after), evTrust, 0, 0)
	if n.log.begin(at, mTrustRefresh) {
		n.log.duration(kAfter, after)
		n.log.end()
	}
}

func (n *Node) refreshTrust(at int64) {
	n.trustLines(at)
	n.planTrustRefresh(at)
}
