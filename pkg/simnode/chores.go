package simnode

import (
	"time"
)

// hourly does what the node does each hour.
func (n *Node) hourly(at int64) {
	n.later(at+int64(time.Hour), evHourly, 0, 0)
	l := n.log
	if n.version.since(minorBandwidthCache) {
		n.plain(at, mBandwidthPersist)
	}
	n.collectExpired(at)
	n.plain(at, mOrdersSending)
	n.plain(at, mOrdersNone)
	if l.on(at, lvDebug, "orders") {
		n.plain(at, mOrdersCleaning)
		n.plain(at, mOrdersCleaned)
	}
}

// collectExpired deletes pieces whose time to live is over.
func (n *Node) collectExpired(at int64) {
	l := n.log
	lines := n.version.since(minorCollectorLines)
	if lines {
		n.plain(at, mCollectorStarted)
	}
	count := int64(0)
	for _, s := range n.satellites {
		expired := int64(n.opt.Rate * s.Share * 0.01 * n.chores.ExpFloat64())
		expired = min(expired, s.pieces/2)
		if expired == 0 {
			continue
		}
		s.touch(at)
		bytes := min(expired*int64(8<<10), s.live) // such pieces are small
		s.pieces -= expired
		s.live -= bytes
		n.release(s, bytes)
		count += expired
		if !n.version.since(minorRetainKeys) { // a line for each, in the oldest ones
			for i := range expired {
				if l.begin(at, mDeleteExpired) {
					l.str(kSatelliteID, s.ID)
					l.piece(kPieceID, uint64(at)+uint64(i))
					l.end()
				}
			}
		}
	}
	n.truth.expired += count
	switch {
	case lines:
		if l.begin(at, mCollectorCompleted) {
			l.int(kCount, count)
			l.end()
		}
	case count > 0:
		if l.begin(at, mCollect) {
			l.int(kCount, count)
			l.end()
		}
	}
}

// checkFolder is the monitor's look at the storage folder, each minute; each
// fifth writes. Only DEBUG shows it.
func (n *Node) checkFolder(at int64, count int32) {
	n.later(at+int64(time.Minute), evReadable, 0, count+1)
	took := time.Duration(30_000 + scramble(uint64(at))%200_000)
	if n.log.begin(at, mReadable) {
		n.log.duration(kTook, took)
		n.log.end()
	}
	if count%5 == 0 && n.log.begin(at, mWritable) {
		n.log.duration(kTook, took*2)
		n.log.end()
	}
}

// lookForMigration is the migration to the hashstore, which is done.
func (n *Node) lookForMigration(at int64) {
	n.later(at+int64(10*time.Minute), evMigration, 0, 0)
	if !n.version.since(minorBloomReceived) {
		return
	}
	if l := n.log; l.begin(at, mMigrationIdle) {
		ids := make([]string, len(n.satellites))
		for i, s := range n.satellites {
			ids[i] = s.ID
		}
		l.flags(kActive, ids, false)
		l.duration(kInterval, 10*time.Minute)
		l.end()
	}
}

// walkerSays writes lines of a filewalker in a process of its own that name only the
// satellite.
func (n *Node) walkerSays(at int64, s *satellite, ids ...messageID) {
	for _, id := range ids {
		if n.log.begin(at, id) {
			n.log.str(kWalkerSatellite, s.ID)
			n.log.end()
		}
	}
}

// walkerDatabase writes that such a filewalker has opened its database.
func (n *Node) walkerDatabase(at int64, s *satellite, id messageID) {
	if n.log.begin(at, id) {
		n.log.str(kWalkerSatellite, s.ID)
		n.log.str(kWalkerProcess, "storagenode")
		n.log.end()
	}
}

// Used space filewalkers: at each start, one satellite after the other.

func (n *Node) walkUsedSpace(at int64, s *satellite) {
	s.walkFrom = at
	s.walkUntil = at + int64(logNormal(n.chores, 1+float64(s.pieces)/15_000, 0.4)*float64(time.Second)*n.diskSlowness(at))
	n.later(s.walkUntil, evUsedSpaceEnd, s.index, 0)
	l := n.log
	if n.version.since(minorUsedSpaceLines) && l.begin(at, mUsedSpaceStarted) {
		l.str(kSatelliteID, s.ID)
		l.end()
	}
	if !n.version.since(minorLazyFilewalker) {
		return
	}
	n.walkerSays(at, s, mUsedSpaceStarting, mUsedSpaceSubprocess)
	n.walkerDatabase(at, s, mUsedSpaceDatabase)
}

func (n *Node) walkingUsedSpace(s *satellite, at int64) bool {
	return at >= s.walkFrom && at < s.walkUntil
}

func (n *Node) endUsedSpace(at int64, s *satellite) {
	l := n.log
	n.truth.usedSpaceWalks++
	if n.version.since(minorLazyFilewalker) && l.begin(at, mUsedSpaceFinished) {
		l.str(kWalkerSatellite, s.ID)
		l.end()
	}
	if n.version.since(minorUsedSpaceLines) && l.begin(at, mUsedSpaceCompleted) {
		l.str(kSatelliteID, s.ID)
		l.bool(kLazyFileWalker, true)
		l.int(kTotalPiecesSize, s.live+s.garbage+(s.pieces+s.garbagePieces)*512)
		l.int(kTotalPiecesContentSize, s.live+s.garbage)
		l.int(kTotalPiecesCount, s.pieces+s.garbagePieces)
		l.duration(kTook, time.Duration(at-s.walkFrom))
		l.end()
	}
	if int(s.index)+1 < len(n.satellites) {
		n.later(at, evUsedSpace, s.index+1, 0)
	}
}

// abortUsedSpace is what a filewalker says when its node goes down.
func (n *Node) abortUsedSpace(at int64, s *satellite) {
	s.walkUntil = at
	l := n.log
	if n.version.since(minorLazyFilewalker) && l.begin(at, mUsedSpaceExited) {
		l.str(kWalkerSatellite, s.ID)
		l.int(kStatus, -1)
		l.str(kError, "signal: killed")
		l.end()
	}
	if n.version.since(minorUsedSpaceLines) && l.begin(at, mUsedSpaceFailed) {
		l.str(kSatelliteID, s.ID)
		l.bool(kLazyFileWalker, true)
		l.failure("lazyfilewalker: signal: killed", "\n\tstorj.io/storj/storagenode/pieces/lazyfilewalker.(*process).run:85\n\tstorj.io/storj/storagenode/pieces/lazyfilewalker.(*Supervisor).WalkAndComputeSpaceUsedBySatellite:134")
		l.end()
	}
}

// Trash: once a day, one satellite after the other; what has been there for
// seven days goes.

const trashAge = 7 * day

func (n *Node) startTrashRound(at int64) {
	n.later(at+int64(day), evTrashStart, 0, 0)
	n.later(at, evTrashNext, 0, 0)
	n.plain(at, mTrashRound)
}

func (n *Node) emptyTrash(at int64, s *satellite) {
	s.trashFrom = at
	n.later(at+int64(logNormal(n.chores, 0.4, 0.6)*float64(time.Second)*n.diskSlowness(at))+int64(s.oldTrash(at).pieces)*int64(2*time.Millisecond), evTrashEnd, s.index, 0)
	l := n.log
	if n.version.since(minorTrashLines) && l.begin(at, mTrashStarted) {
		l.str(kSatelliteID, s.ID)
		l.end()
	}
	if !n.version.since(minorTrashFilewalker) {
		return
	}
	n.walkerSays(at, s, mTrashStarting, mTrashSubprocess)
	if l.begin(at, mTrashWalkStarted) {
		l.str(kWalkerSatellite, s.ID)
		n.anyOrder(at, 2, func(field int) {
			if field == 0 {
				l.str(kWalkerProcess, "storagenode")
			} else {
				l.time(kDateBefore, at-int64(trashAge))
			}
		})
		l.end()
	}
	n.walkerDatabase(at, s, mTrashDatabase)
}

// anyOrder writes fields in an order that changes from line to line, as a
// subprocess's lines have them.
func (n *Node) anyOrder(at int64, fields int, write func(field int)) {
	first := int(scramble(uint64(at)) % uint64(fields))
	for i := range fields {
		write((first + i) % fields)
	}
}

// oldTrash is what is to be deleted.
func (s *satellite) oldTrash(at int64) (old trashBucket) {
	for _, b := range s.trash {
		if b.at <= at-int64(trashAge) {
			old.pieces += b.pieces
			old.bytes += b.bytes
		}
	}
	return old
}

func (n *Node) endTrash(at int64, s *satellite) {
	old := s.oldTrash(s.trashFrom)
	kept := s.trash[:0]
	for _, b := range s.trash {
		if b.at > s.trashFrom-int64(trashAge) {
			kept = append(kept, b)
		}
	}
	s.trash = kept
	n.release(s, old.bytes)
	n.truth.trashEmptied++
	n.truth.trashDeleted += old.pieces
	n.truth.trashDeletedBytes += old.bytes
	l := n.log
	if n.version.since(minorTrashFilewalker) {
		if l.begin(at, mTrashWalkCompleted) {
			l.str(kWalkerSatellite, s.ID)
			n.anyOrder(at, 3, func(field int) {
				switch field {
				case 0:
					l.str(kWalkerProcess, "storagenode")
				case 1:
					l.int(kBytesDeleted, old.bytes)
				case 2:
					l.int(kKeysDeleted, old.pieces)
				}
			})
			l.end()
		}
		if l.begin(at, mTrashWalkFinished) {
			l.str(kWalkerSatellite, s.ID)
			l.end()
		}
	}
	if n.version.since(minorTrashLines) && l.begin(at, mTrashFinished) {
		l.str(kSatelliteID, s.ID)
		if n.version.since(minorTrashFilewalker) {
			l.duration(kElapsed, time.Duration(at-s.trashFrom))
		}
		l.end()
	}
	if int(s.index)+1 < len(n.satellites) {
		n.later(at, evTrashNext, s.index+1, 0)
	}
}

// reportLost tells the satellites of pieces that turned out to be lost.
func (n *Node) reportLost(at int64) {
	n.later(at+int64(time.Hour), evAmnesty, 0, 0)
	for _, s := range n.satellites {
		if s.lostReported == 0 || n.uplinkDown || s.away(at) {
			continue
		}
		count := s.lostReported
		s.lostReported = 0
		n.truth.amnestyBatches++
		n.truth.amnestyPieces += count
		for _, id := range []messageID{mAmnestySending, mAmnestySent} {
			if n.log.begin(at, id) {
				n.log.str(kSatellite, s.ID)
				n.log.int(kPieceCount, count)
				n.log.end()
			}
		}
	}
}
