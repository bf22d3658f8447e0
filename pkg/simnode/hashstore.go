package simnode

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

var storeNames = [2]string{"s0", "s1"}

// compactionState is one of the two stores that each satellite has.
type compactionState struct {
	running bool
	from    int64
	reclaim int64 // bytes that the running compaction frees
	runs    int64
	last    int64 // day of the last one
}

// bytesALog is the size up to which a hashstore log grows.
const bytesALog = 1 << 30

// stats is what the hashstore says of a store.
func (n *Node) hashstoreStats(at int64, s *satellite, store int) string {
	c := &s.compactions[store]
	_, trash := s.trashed()
	set, dead := (s.live+s.garbage)/2, (s.reclaimable+trash)/2
	records := (s.pieces + s.garbagePieces) / 2
	slots := tableSlots(records)
	all := float64(max(set+dead, 1))
	type table struct {
		NumSet    int64
		LenSet    string
		AvgSet    float64
		NumTrash  int64
		LenTrash  string
		AvgTrash  float64
		NumTTL    int64
		LenTTL    string
		AvgTTL    float64
		NumSlots  int64
		TableSize string
		Load      float64
		Created   int64
		Kind      int
	}
	average := func(bytes, number int64) float64 {
		if number == 0 {
			return 0
		}
		return float64(bytes) / float64(number)
	}
	trashPieces, _ := s.trashed()
	answer, err := json.Marshal(struct {
		NumLogs, LenLogs                         any
		NumLogsTTL                               int64
		LenLogsTTL                               string
		SetPercent, TrashPercent, TTLPercent     float64
		Compacting                               bool
		Compactions, Today, LastCompact          int64
		LogsRewritten                            int64
		DataRewritten, DataReclaimed             string
		DataReclaimable                          string
		Table                                    table
		LogsSkipped, LogsMatched, LogsMismatched int64
		FreeRequired                             string
		Compaction                               struct{ Elapsed, Remaining, TotalRecords, ProcessedRecords float64 }
	}{
		NumLogs: (set+dead)/bytesALog + 1, LenLogs: humanBytes(set + dead),
		LenLogsTTL: humanBytes(0),
		SetPercent: float64(set) / all, TrashPercent: float64(trash/2) / all,
		Compacting: c.running, Compactions: c.runs, Today: daysSince1970(at), LastCompact: c.last,
		DataRewritten: humanBytes(0), DataReclaimed: humanBytes(0),
		DataReclaimable: humanBytes(s.reclaimable / 2),
		Table: table{
			NumSet: records, LenSet: humanBytes(set), AvgSet: average(set, records),
			NumTrash: trashPieces / 2, LenTrash: humanBytes(trash / 2), AvgTrash: average(trash/2, trashPieces/2),
			LenTTL: humanBytes(0), NumSlots: slots, TableSize: humanBytes(slots * 64),
			Load: float64(records) / float64(slots), Created: daysSince1970(n.opt.Start.UnixNano()),
		},
		LogsMatched:  0,
		FreeRequired: humanBytes(12 * slots * 64),
	})
	if err != nil { // numbers and strings only: cannot happen
		return "{}"
	}
	return string(answer)
}

func daysSince1970(at int64) int64 { return at / int64(day) }

// tableSlots is the size of a hash table that holds so many records.
func tableSlots(records int64) int64 {
	slots := int64(1 << 14)
	for slots < 2*records {
		slots *= 2
	}
	return slots
}

func slotsExponent(slots int64) int64 { return int64(math.Log2(float64(slots))) }

// humanBytes writes a size as the hashstore does.
func humanBytes(bytes int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 50, "PiB"}, {1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if bytes >= unit.size*2/3 {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", bytes)
}

// openHashstores is what the start says of each satellite's store. After a
// crash the tails of the logs are checked.
func (n *Node) openHashstores(at int64) {
	l := n.log
	for _, s := range n.satellites {
		for store, name := range storeNames {
			if n.version.since(minorSnakeKeys) && l.begin(at, mHintFile) {
				l.str(kSatellite, s.ID)
				l.str(kStore, name)
				l.str(kPath, fmt.Sprintf("%s/meta/hint-%016d", n.storePath(s, store), s.compactions[store].runs))
				l.raw(kWritable, "[]")
				l.int(kLargest, (s.live+s.garbage)/2/bytesALog+1)
				l.bool(kSkip, false)
				l.end()
			}
		}
		if n.unclean && n.version.since(minorSnakeKeys) {
			n.reconcile(at, s)
		}
		if n.version.since(minorBloomReceived) && l.begin(at, mHashstoreOpened) {
			l.str(kSatellite, s.ID)
			l.duration(kOpenTime, time.Duration(4_000_000+scramble(uint64(at)+uint64(s.index))%40_000_000))
			l.int(kLogsSkipped, (s.live+s.garbage)/bytesALog)
			l.int(kLogsMatched, 0)
			l.int(kLogsMismatched, 0)
			l.end()
		}
	}
}

func (n *Node) storePath(s *satellite, store int) string {
	return n.home() + "/storage/hashstore/" + s.ID + "/" + storeNames[store]
}

// reconcile is what a store says when its process before did not end cleanly.
// One satellite in four has a log whose tail does not match, which gives a line
// of more than 16 KiB.
func (n *Node) reconcile(at int64, s *satellite) {
	l := n.log
	if l.begin(at, mHashstoreUnclean) {
		l.str(kSatellite, s.ID)
		l.str(kStore, "s1")
		l.end()
	}
	if scramble(uint64(at)+uint64(s.index)*31)%4 != 0 {
		return
	}
	path := n.storePath(s, 1) + "/01/log-0000000000000001-00000000"
	if l.begin(at, mHashstoreTail) {
		type entry struct {
			Key                                   string
			Offset, Log, Length, Created, Expires int64
		}
		entries := make([]entry, 0, 150)
		offset := int64(46985920)
		for i := range uint64(cap(entries)) {
			length := int64(scramble(uint64(at)+i)%40000) &^ 511
			offset -= length
			entries = append(entries, entry{pieceID(uint64(at) + i), offset, 1, length, daysSince1970(at), 0})
		}
		table, _ := json.Marshal(entries) // cannot fail
		l.str(kSatellite, s.ID)
		l.str(kStore, "s1")
		l.int(kID, 1)
		l.str(kPath, path)
		l.raw(kTable, string(table))
		l.raw(kLog, "[]")
		l.end()
	}
	if l.begin(at, mHashstoreInvalid) {
		l.str(kSatellite, s.ID)
		l.str(kStore, "s1")
		l.int(kID, 1)
		l.str(kPath, path)
		l.int(kInvalidCount, int64(scramble(uint64(at))%300))
		l.end()
	}
}

// startCompaction begins the day's compaction of a store.
func (n *Node) startCompaction(at int64, s *satellite, store int) {
	n.later(at+int64((0.8+0.4*n.chores.Float64())*float64(day)), evCompaction, s.index, int32(store))
	share, took := 0.5+0.45*n.chores.Float64(), logNormal(n.chores, 1, 0.5)
	c := &s.compactions[store]
	if c.running || !n.version.since(minorHashstore) {
		return
	}
	*c = compactionState{running: true, from: at, reclaim: int64(float64(s.reclaimable/2) * share), runs: c.runs, last: c.last}
	seconds := took * (20 + float64(c.reclaim)/100e6 + float64(s.live+s.garbage)/2/20e9)
	n.later(at+int64(seconds*float64(time.Second)*n.diskSlowness(at)), evCompactionEnd, s.index, int32(store))

	l := n.log
	if l.begin(at, mCompactionBegin) {
		l.str(kSatellite, s.ID)
		l.str(kStore, storeNames[store])
		c.running = false // as the real one says it
		l.raw(kStats, n.hashstoreStats(at, s, store))
		c.running = true
		l.end()
	}
	if l.begin(at, mCompactOnceStarted) {
		l.str(kSatellite, s.ID)
		l.str(kStore, storeNames[store])
		l.int(kToday, daysSince1970(at))
		l.end()
	}
	records := (s.pieces + s.garbagePieces) / 2
	slots := tableSlots(records)
	if l.begin(at, mCompactionDetails) {
		l.str(kSatellite, s.ID)
		l.str(kStore, storeNames[store])
		l.int(kNSet, records)
		l.int(kNExist, records)
		l.bool(kModifications, c.reclaim > 0)
		l.int(kCurrSlots, slotsExponent(slots))
		l.str(kCurrSlotsSize, humanBytes(slots*64))
		l.int(kNextSlots, slotsExponent(slots))
		l.str(kNextSlotsSize, humanBytes(slots*64))
		l.raw(kCandidates, "[]")
		l.raw(kRewrite, "[]")
		l.duration(kDuration, time.Duration(500_000+scramble(uint64(at))%400_000_000))
		l.end()
	}
}

func (n *Node) endCompaction(at int64, s *satellite, store int) {
	c := &s.compactions[store]
	if !c.running {
		return
	}
	c.running = false
	c.runs++
	c.last = daysSince1970(at)
	reclaimed := min(c.reclaim, s.reclaimable)
	s.reclaimable -= reclaimed
	n.free(reclaimed)
	took := time.Duration(at - c.from)
	n.truth.compactions = append(n.truth.compactions, CompactionTruth{
		Satellite: s.ID, Store: storeNames[store],
		Started: time.Unix(0, c.from).UTC(), Finished: time.Unix(0, at).UTC(),
		ReclaimedBytes: reclaimed,
	})

	l := n.log
	if c.reclaim > 0 && l.begin(at, mTableRewritten) {
		records := (s.pieces + s.garbagePieces) / 2
		rewritten := reclaimed * 3 // to free a log, what is alive in it is rewritten
		ratio := math.NaN()
		if rewritten > 0 {
			ratio = float64(reclaimed) / float64(rewritten)
		}
		l.str(kSatellite, s.ID)
		l.str(kStore, storeNames[store])
		l.duration(kDuration, took)
		l.int(kTotalRecords, records)
		l.str(kTotalBytes, humanBytes((s.live+s.garbage)/2))
		l.int(kRewrittenRecords, rewritten/averagePiece)
		l.str(kRewrittenBytes, humanBytes(rewritten))
		l.int(kTrashedRecords, 0)
		l.str(kTrashedBytes, humanBytes(0))
		l.int(kRestoredRecords, 0)
		l.str(kRestoredBytes, humanBytes(0))
		l.int(kExpiredRecords, 0)
		l.str(kExpiredBytes, humanBytes(0))
		l.int(kReclaimedLogs, reclaimed/bytesALog+1)
		l.str(kReclaimedBytes, humanBytes(reclaimed))
		l.float(kReclaimRatio, ratio)
		l.end()
	}
	if l.begin(at, mCompactOnceFinished) {
		l.str(kSatellite, s.ID)
		l.str(kStore, storeNames[store])
		l.duration(kDuration, took)
		l.bool(kCompleted, true)
		l.end()
	}
	if l.begin(at, mCompactionFinished) {
		l.str(kSatellite, s.ID)
		l.str(kStore, storeNames[store])
		l.duration(kDuration, took)
		l.raw(kStats, n.hashstoreStats(at, s, store))
		l.end()
	}
}
