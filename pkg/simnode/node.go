package simnode

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// Node is one simulated node. Its methods may be called from several
// goroutines.
type Node struct {
	opt Options
	id  string

	advancing sync.Mutex // held by AdvanceTo

	mu         sync.Mutex // guards all below
	now        int64
	schedule   schedule
	log        *logWriter
	traffic    *rand.Rand
	audits     *rand.Rand
	chores     *rand.Rand
	satellites []*satellite
	shares     []float64 // cumulative

	troubleAt, troubleEnds int64
	faulty                 uint8

	version    softwareVersion
	up         bool // the process runs
	dead       bool
	uplinkDown bool
	gen        uint32 // counts processes
	startedAt  int64
	lastPinged int64
	lastQUIC   int64
	unclean    bool // the process before did not end cleanly

	transfers    []transfer
	lastTransfer int32
	spare        []int32
	serial       uint64 // of transfers and pieces
	contained    []containedAudit
	used         int64 // bytes: pieces, trash, and what compaction will free

	notifications []notification
	truth         truthCounts
}

// New makes a node at the model time Options.Start; its first process starts
// with the first call of AdvanceTo.
func New(o Options) (*Node, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		opt:         o,
		id:          nodeIDFrom(newStream(o.Seed, o.Name, streamHistory).Uint64()),
		now:         o.Start.UnixNano(),
		log:         newLogWriter(&o),
		traffic:     newStream(o.Seed, o.Name, streamTraffic),
		audits:      newStream(o.Seed, o.Name, streamAudits),
		chores:      newStream(o.Seed, o.Name, streamChores),
		troubleAt:   o.TroubleAt.UnixNano(),
		troubleEnds: o.TroubleEnds.UnixNano(),
	}
	n.truth = newTruthCounts(len(o.Satellites))
	n.serial = scramble(o.Seed ^ n.traffic.Uint64())
	n.version, _ = parseVersion(o.Version) // checked
	found := o.FaultySatellite == ""
	share := 0.0
	for i, sat := range o.Satellites {
		if sat.ID == o.FaultySatellite {
			n.faulty, found = uint8(i), true
		}
		share += sat.Share
		n.shares = append(n.shares, share)
		n.satellites = append(n.satellites, n.newSatellite(uint8(i), sat))
	}
	if !found {
		return nil, fmt.Errorf("simnode: Options.FaultySatellite %q is none of the node's satellites", o.FaultySatellite)
	}
	n.planLife()
	return n, nil
}

// plan adds an event to the schedule.
func (n *Node) plan(e event) { n.schedule.add(e) }

// later plans something that the running process does.
func (n *Node) later(at int64, kind eventKind, sat uint8, ref int32) {
	n.plan(event{at: at, kind: kind, sat: sat, ref: ref, gen: n.gen})
}

// planLife plans what happens to the node from its start on.
func (n *Node) planLife() {
	start := n.now
	n.plan(event{at: start, kind: evStart})
	if n.opt.Rate > 0 {
		n.plan(event{at: start + int64(3*time.Second), kind: evArrival})
	}
	for _, s := range n.satellites {
		if n.opt.AuditRate > 0 {
			n.plan(event{at: start + n.auditGap(s), kind: evAudit, sat: s.index})
		}
		n.plan(event{at: start + int64((0.2+n.chores.Float64())*3*float64(day)), kind: evBloom, sat: s.index})
	}
	n.plan(event{at: start + int64((0.6+0.8*n.chores.Float64())*float64(restartEvery)), kind: evStop})
	for i, u := range n.opt.Updates {
		if at := u.At.UnixNano(); at > start {
			n.plan(event{at: at, kind: evUpdate, ref: int32(i)})
		}
	}
	month := monthOf(n.opt.Start)
	pay := monthStart(month).Add(payDay)
	if !pay.After(n.opt.Start) {
		pay = monthStart(month + 1).Add(payDay)
	}
	n.plan(event{at: pay.UnixNano(), kind: evPayouts})
	n.plan(event{at: start + int64(day), kind: evContactReview})
	n.planTrouble()
}

// Name is the node's name.
func (n *Node) Name() string { return n.opt.Name }

// ID is the node's id.
func (n *Node) ID() string { return n.id }

// Now is the model time up to which everything has happened.
func (n *Node) Now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return at64(n.now)
}

// Up says whether the node's process runs at the current model time; where it
// does not, a connection to its API is refused.
func (n *Node) Up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up
}

// errBackwards is what a call into the past gets.
var errBackwards = errors.New("simnode: model time runs forward only")

// AdvanceTo lets everything happen up to model time t and writes the log lines
// to w, in order; nil discards them. One call or many, the lines are the same.
// Other goroutines can use the API meanwhile. When w fails, the node stays
// where it is in time and the lines that w did not take are lost.
func (n *Node) AdvanceTo(t time.Time, w io.Writer) error {
	n.advancing.Lock()
	defer n.advancing.Unlock()
	if w == nil {
		w = io.Discard
	}
	until := t.UnixNano()
	n.mu.Lock()
	past := until < n.now
	n.mu.Unlock()
	if past {
		return errBackwards
	}
	for {
		out, done := n.advance(until)
		if len(out) > 0 {
			if _, err := w.Write(out); err != nil {
				return fmt.Errorf("simnode: writing the log of %s: %w", n.opt.Name, err)
			}
		}
		if done {
			return nil
		}
	}
}

// A step of AdvanceTo ends after so many events or bytes, so that the API gets
// its turn.
const (
	stepEvents = 2048
	stepBytes  = 256 << 10
)

func (n *Node) advance(until int64) (out []byte, done bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log.out = n.log.out[:0]
	for range stepEvents {
		at, ok := n.schedule.next()
		if !ok || at > until || n.full() {
			n.now = until
			return n.log.out, true
		}
		e := n.schedule.pop()
		n.now = at
		n.happen(e)
		if len(n.log.out) >= stepBytes {
			break
		}
	}
	return n.log.out, false
}

// full says that a log of a given number of lines is complete.
func (n *Node) full() bool { return n.log.limit > 0 && n.log.lines >= n.log.limit }

// happen lets one event happen.
func (n *Node) happen(e event) {
	if e.gen != 0 && (e.gen != n.gen || !n.up) {
		return // the process that planned it is gone
	}
	s := n.satellites[e.sat]
	switch e.kind {
	case evArrival:
		n.arrive(e.at)
	case evTransferBegin:
		n.beginPlanned(e.at, e.ref)
	case evTransferEnd:
		n.endTransfer(e.at, e.ref)
	case evAudit:
		n.audit(e.at, s)
	case evReverify:
		n.reverify(e.at, e.ref)
	case evScores:
		n.refreshScores(e.at)
	case evStop:
		n.stop(e.at)
		if e.ref == 0 {
			n.plan(event{at: e.at + int64((0.6+0.8*n.chores.Float64())*float64(restartEvery)), kind: evStop})
		}
	case evCrash:
		n.crash(e.at)
	case evStart:
		n.start(e.at)
	case evDie:
		n.die(e.at)
	case evUpdate:
		n.update(e.at, n.opt.Updates[e.ref].Version)
	case evUplink:
		n.switchUplink(e)
	case evPing:
		n.ping(e.at, s, e.ref)
	case evHourly:
		n.hourly(e.at)
	case evReadable:
		n.checkFolder(e.at, e.ref)
	case evTrust:
		n.refreshTrust(e.at)
	case evVersionCheck:
		n.checkVersion(e.at)
		n.later(e.at+int64(15*time.Minute), evVersionCheck, 0, 0)
	case evMigration:
		n.lookForMigration(e.at)
	case evTrashStart:
		n.startTrashRound(e.at)
	case evTrashNext:
		n.emptyTrash(e.at, s)
	case evTrashEnd:
		n.endTrash(e.at, s)
	case evUsedSpace:
		n.walkUsedSpace(e.at, s)
	case evUsedSpaceEnd:
		n.endUsedSpace(e.at, s)
	case evBloom:
		n.receiveBloom(e.at, s)
	case evGarbageEnd:
		n.endGarbage(e.at, s)
	case evCompaction:
		n.startCompaction(e.at, s, int(e.ref))
	case evCompactionEnd:
		n.endCompaction(e.at, s, int(e.ref))
	case evAmnesty:
		n.reportLost(e.at)
	case evPayouts:
		n.payMonthBefore(e.at)
	case evContactReview:
		n.reviewContact(e.at)
	}
}

// reachable says whether the world can talk to the node.
func (n *Node) reachable() bool { return n.up && !n.uplinkDown }

// away says whether a satellite cannot be reached at a time.
func (s *satellite) away(at int64) bool {
	for _, outage := range s.outages {
		if at >= outage.from && at < outage.until {
			return true
		}
	}
	return false
}
