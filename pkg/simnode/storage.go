package simnode

import (
	"math/rand/v2"
	"time"
)

// storedPiece is a piece that the node is known to have.
type storedPiece struct {
	key  uint64
	size int64
}

// keptPieces is how many pieces per satellite are remembered one by one, to be
// downloaded and audited; of the others only number and size are known.
const keptPieces = 1024

// trashBucket is what one garbage collection has moved to the trash.
type trashBucket struct {
	at     int64
	pieces int64
	bytes  int64
}

// span is a time from one moment to just before another.
type span struct{ from, until int64 }

// satellite is the node's side and the satellite's side of one relation.
type satellite struct {
	Satellite
	index  uint8
	joined int64

	rep  reputation // what the satellite thinks
	view nodeView   // what the node last heard of it

	pieces, live        int64 // stored for the satellite's customers
	garbagePieces       int64 // deleted by customers, not collected yet
	garbage             int64
	trash               []trashBucket
	reclaimable         int64 // deleted in the hashstore, not compacted yet
	kept                []storedPiece
	months              map[int]*monthUsage
	touched             int64 // until when live is in the usage
	today               *dayUsage
	dayEnds             int64
	paystubs            []paystub
	outages             []span // the satellite cannot be reached
	lastContact         int64
	lostReported        int64 // lost pieces found since the last amnesty report
	compactions         [2]compactionState
	collecting          garbageRun
	walkFrom, walkUntil int64  // of the used-space filewalker
	trashFrom           int64  // of the running trash round
	lastScores          Scores // as last recorded
}

// nodeView is what the node knows of its reputation with a satellite: what the
// API shows. It is refreshed every four hours.
type nodeView struct {
	known                           bool
	at                              int64
	audit, suspension, online       float64
	total, passed                   int64
	windows                         []auditWindow
	vettedAt, disqualifiedAt        int64
	suspendedAt, offlineSuspendedAt int64
}

func (s *satellite) trashed() (pieces, bytes int64) {
	for _, b := range s.trash {
		pieces += b.pieces
		bytes += b.bytes
	}
	return pieces, bytes
}

// dayUsage is what one UTC day has brought.
type dayUsage struct {
	egress, egressRepair, egressAudit int64
	ingress, ingressRepair            int64
	byteHours                         float64
	hours                             float64 // for which byteHours was measured
}

// monthUsage holds the days of one month; their index is the day − 1.
type monthUsage [31]dayUsage

// monthOf numbers the months.
func monthOf(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }

// monthStart is the beginning of a numbered month.
func monthStart(month int) time.Time {
	return time.Date(month/12, time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// touch brings the usage up to a time; it must come before live changes.
func (s *satellite) touch(at int64) *dayUsage {
	for {
		until := min(at, s.dayEnds)
		hours := float64(until-s.touched) / float64(time.Hour)
		s.today.byteHours += float64(s.live) * hours
		s.today.hours += hours
		s.touched = until
		if at < s.dayEnds {
			return s.today
		}
		s.openDay(s.dayEnds)
	}
}

// openDay makes the day that begins or lies at a time the current one.
func (s *satellite) openDay(at int64) {
	t := time.Unix(0, at).UTC()
	month := s.months[monthOf(t)]
	if month == nil {
		month = new(monthUsage)
		s.months[monthOf(t)] = month
	}
	s.today = &month[t.Day()-1]
	s.touched = at
	s.dayEnds = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC).UnixNano()
}

// usage copies a satellite's usage of a month as it is at a time.
func (s *satellite) usage(month int, at int64) monthUsage {
	var u monthUsage
	if m := s.months[month]; m != nil {
		u = *m
	}
	// what has not been touched yet
	for from := s.touched; from < at; {
		t := time.Unix(0, from).UTC()
		end := min(at, time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC).UnixNano())
		if monthOf(t) == month {
			hours := float64(end-from) / float64(time.Hour)
			u[t.Day()-1].byteHours += float64(s.live) * hours
			u[t.Day()-1].hours += hours
		}
		from = end
	}
	return u
}

func (u *monthUsage) sum() (total dayUsage) {
	for i := range u {
		d := &u[i]
		total.egress += d.egress
		total.egressRepair += d.egressRepair
		total.egressAudit += d.egressAudit
		total.ingress += d.ingress
		total.ingressRepair += d.ingressRepair
		total.byteHours += d.byteHours
		total.hours += d.hours
	}
	return total
}

// keep remembers a new piece, and forgets an old one if there are too many.
func (s *satellite) keep(p storedPiece, r *rand.Rand) {
	if len(s.kept) < keptPieces {
		s.kept = append(s.kept, p)
		return
	}
	s.kept[r.IntN(keptPieces)] = p
}

// Disk space, as the API and the log say it.

func (n *Node) storedForPieces() int64 {
	sum := int64(0)
	for _, s := range n.satellites {
		sum += s.live + s.garbage
	}
	return sum
}

func (n *Node) storedInTrash() int64 {
	sum := int64(0)
	for _, s := range n.satellites {
		_, bytes := s.trashed()
		sum += bytes
	}
	return sum
}

func (n *Node) reclaimable() int64 {
	sum := int64(0)
	for _, s := range n.satellites {
		sum += s.reclaimable
	}
	return sum
}

func (n *Node) diskAvailable() int64 { return max(0, n.opt.Disk-n.used) }

// reservedSpace is what must be free for an upload to be taken: 500 MB, less on
// a small disk.
func (n *Node) reservedSpace() int64 { return min(500_000_000, n.opt.Disk/100) }

// uploadShare and deleteShare say how a node grows: how many of the transfers
// are uploads, and how many of the uploads replace something.
func uploadShare(s Scenario) float64 {
	if s == FillingDisk {
		return 0.75
	}
	return 0.45
}

func deleteShare(s Scenario) float64 {
	if s == FillingDisk {
		return 0.05
	}
	return 0.6
}

const uploadSuccess = 0.965

// growthPerHour is the bytes that a node gains in an hour, about.
func growthPerHour(rate float64, s Scenario) float64 {
	return rate * uploadShare(s) * uploadSuccess * averagePiece * (1 - deleteShare(s))
}

// storeUpload books a piece that has been uploaded.
func (n *Node) storeUpload(s *satellite, at int64, p storedPiece) {
	s.touch(at)
	s.pieces++
	s.live += p.size
	n.used += p.size
	s.keep(p, n.traffic)
	if n.traffic.Float64() >= deleteShare(n.opt.Scenario) || s.pieces < 2 {
		return
	}
	// a customer deletes something else
	i := n.traffic.IntN(len(s.kept))
	size := min(s.kept[i].size, s.live)
	s.kept[i] = s.kept[len(s.kept)-1]
	s.kept = s.kept[:len(s.kept)-1]
	s.pieces--
	s.live -= size
	s.garbagePieces++
	s.garbage += size
}

// free takes bytes off the disk.
func (n *Node) free(bytes int64) { n.used -= bytes }

// release hands deleted bytes to compaction, where there is a hashstore; else
// they are free at once.
func (n *Node) release(s *satellite, bytes int64) {
	if n.version.since(minorHashstore) {
		s.reclaimable += bytes
		return
	}
	n.free(bytes)
}
