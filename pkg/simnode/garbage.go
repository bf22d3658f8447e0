package simnode

import (
	"time"
)

// garbageRun is one garbage collection for a satellite, from the bloom filter
// to the last piece moved to the trash.
type garbageRun struct {
	running       bool
	from          int64
	createdBefore int64
	filterSize    int64
	pieces, bytes int64 // to be moved
	walked        int64
}

// receiveBloom is a satellite's bloom filter: what it does not know any more
// goes to the trash.
func (n *Node) receiveBloom(at int64, s *satellite) {
	n.plan(event{at: at + int64((2.5+2*n.chores.Float64())*float64(day)), kind: evBloom, sat: s.index})
	share, spread := 0.9+0.1*n.chores.Float64(), logNormal(n.chores, 1, 0.4)
	if !n.reachable() || s.away(at) || s.rep.disqualifiedAt != 0 || s.collecting.running || s.pieces == 0 {
		return
	}
	g := garbageRun{
		running:       true,
		from:          at,
		createdBefore: at - int64(3*day),
		pieces:        int64(float64(s.garbagePieces) * share),
		bytes:         int64(float64(s.garbage) * share),
		walked:        s.pieces + s.garbagePieces,
	}
	g.filterSize = max(9, g.walked*10/8)
	s.collecting = g
	took := spread * (2 + float64(g.walked)/4000)
	n.later(at+int64(took*float64(time.Second)*n.diskSlowness(at)), evGarbageEnd, s.index, 0)

	l := n.log
	if n.version.since(minorBloomReceived) && l.begin(at, mBloomReceived) {
		l.str(kSatellite, s.ID)
		l.time(kCreation, g.createdBefore)
		l.end()
	}
	if n.version.since(minorPeerBeforeSize) && l.begin(at, mRetainQueued) {
		n.retainPath()
		l.str(kSatelliteID, s.ID)
		l.end()
	}
	if l.begin(at, mRetainPrepared) {
		n.retainPath()
		l.time(kRetainCreatedBefore, g.createdBefore)
		l.int(kFilterSize, g.filterSize)
		l.str(kSatelliteID, s.ID)
		l.end()
	}
	if !n.version.since(minorLazyFilewalker) {
		return
	}
	n.walkerSays(at, s, mGarbageStarting, mGarbageSubprocess)
	n.walkerDatabase(at, s, mGarbageDatabase)
	if l.begin(at, mGarbageStarted) {
		l.str(kWalkerSatellite, s.ID)
		n.anyOrder(at, 3, func(field int) {
			switch field {
			case 0:
				l.str(kWalkerProcess, "storagenode")
			case 1:
				l.time(kWalkerCreatedBefore, g.createdBefore)
			case 2:
				l.int(kBloomFilterSize, g.filterSize)
			}
		})
		l.end()
	}
}

func (n *Node) retainPath() {
	if n.version.since(minorRetainCachePath) {
		n.log.str(kCachePath, n.home()+"/retain")
	}
}

func (n *Node) endGarbage(at int64, s *satellite) {
	g := &s.collecting
	if !g.running {
		return
	}
	g.running = false
	pieces, bytes := min(g.pieces, s.garbagePieces), min(g.bytes, s.garbage)
	if pieces == 0 {
		bytes = 0
	}
	s.garbagePieces -= pieces
	s.garbage -= bytes
	if pieces > 0 {
		s.trash = append(s.trash, trashBucket{at: at, pieces: pieces, bytes: bytes})
	}
	n.truth.collections++
	n.truth.collectedPieces += pieces
	n.truth.collectedBytes += bytes

	l := n.log
	if n.version.since(minorLazyFilewalker) {
		if l.begin(at, mGarbageCompleted) {
			l.str(kWalkerSatellite, s.ID)
			n.anyOrder(at, 5, func(field int) {
				switch field {
				case 0:
					l.int(kPiecesToTrash, pieces)
				case 1:
					l.int(kTrashedPieces, pieces)
				case 2:
					l.int(kPiecesSkipped, 0)
				case 3:
					l.str(kWalkerProcess, "storagenode")
				case 4:
					l.int(kWalkerPiecesCount, g.walked)
				}
			})
			l.end()
		}
		if l.begin(at, mGarbageFinished) {
			l.str(kWalkerSatellite, s.ID)
			l.end()
		}
	}
	if !l.begin(at, mRetainMoved) {
		return
	}
	if !n.version.since(minorRetainKeys) {
		l.int(kNumDeleted, pieces)
		l.str(kRetainStatus, "enabled")
		l.end()
		return
	}
	n.retainPath()
	l.int(kDeletedPieces, pieces)
	l.int(kFailedToDelete, 0)
	l.int(kFailedToRead, 0)
	l.int(kRetainPiecesCount, g.walked)
	l.str(kSatelliteID, s.ID)
	l.duration(kTook, time.Duration(at-g.from))
	l.str(kRetainStatus, "enabled")
	l.end()
}
