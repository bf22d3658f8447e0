package simnode

import (
	"math"
	"time"
)

// action is what a transfer is for.
type action uint8

const (
	actPut action = iota
	actPutRepair
	actGet
	actGetRepair
	actGetAudit
	actions
)

var actionNames = [actions]string{"PUT", "PUT_REPAIR", "GET", "GET_REPAIR", "GET_AUDIT"}

func (a action) upload() bool { return a <= actPutRepair }

// outcome is how a transfer ends.
type outcome uint8

const (
	success outcome = iota
	canceled
	failed
	outcomes
)

var outcomeNames = [outcomes]string{"success", "canceled", "failed"}

// reason says why a transfer did not succeed; it decides the words of the log.
type reason uint8

const (
	noReason reason = iota
	peerCanceled
	peerClosed     // unexpected EOF, stream closed by peer
	peerGone       // broken pipe, connection reset
	sizeMismatch   // the client had enough
	pieceMissing   // the piece is lost
	readError      // the disk cannot read it
	timeLimit      // an audit that the satellite gave up
	nodeShutdown   // the node was stopped
	connectionLost // the uplink went down
)

// transfer is one upload or download that is under way.
type transfer struct {
	active  bool
	action  action
	sat     uint8
	outcome outcome
	reason  reason
	draw    uint8 // for the choice among words
	started int64
	piece   storedPiece
	offset  int64
	size    int64 // of the line: uploaded so far, or asked for
	peer    uint64
	audit   int32 // index+1 in contained for a repeated audit, -1 for a first one
	judged  auditOutcome

	planned     int64 // duration of a transfer that has not begun yet
	begun       bool
	startLogged bool
}

// repairShare is how many of the transfers are for repair.
const repairShare = 0.15

// arrive lets a customer's transfer begin, and plans the next.
func (n *Node) arrive(at int64) {
	if n.dead {
		return
	}
	gap := n.traffic.ExpFloat64() * float64(time.Hour) / (n.opt.Rate * daily(at))
	n.plan(event{at: at + int64(gap), kind: evArrival})
	sat, kind, repair := n.traffic.Float64(), n.traffic.Float64(), n.traffic.Float64()
	if !n.reachable() {
		return
	}
	i := 0
	for i < len(n.shares)-1 && sat >= n.shares[i] {
		i++
	}
	s := n.satellites[i]
	if s.rep.disqualifiedAt != 0 || s.away(at) {
		return
	}
	suspended := s.rep.suspendedAt != 0 || s.rep.offlineSuspendedAt != 0
	upload := kind < uploadShare(n.opt.Scenario) || len(s.kept) == 0
	switch {
	case upload && suspended:
		// a suspended node gets no new pieces
	case upload:
		a := actPut
		if repair < repairShare {
			a = actPutRepair
		}
		n.upload(at, s, a)
	case repair < repairShare:
		if n.faultOf(s.index, at, 0) == noFault { // nobody repairs from a node that fails audits
			n.download(at, s, actGetRepair)
		}
	default:
		n.download(at, s, actGet)
		// sometimes several customers read the same piece at once
		if n.traffic.Float64() < 0.02 {
			last := n.transfers[n.lastTransfer].piece
			for range 1 + n.traffic.IntN(2) {
				n.downloadPiece(at+int64(n.traffic.Float64()*50e6), s, actGet, last)
			}
		}
	}
}

// daily is how busy the time of day is; 1 on average.
func daily(at int64) float64 {
	hour := float64(mod(at, int64(day))) / float64(time.Hour)
	return 1 + 0.35*math.Sin(2*math.Pi*(hour-9)/24)
}

// open puts a transfer into a slot.
func (n *Node) open(t transfer) int32 {
	t.active = true
	if k := len(n.spare); k > 0 {
		i := n.spare[k-1]
		n.spare = n.spare[:k-1]
		n.transfers[i] = t
		n.lastTransfer = i
		return i
	}
	n.transfers = append(n.transfers, t)
	n.lastTransfer = int32(len(n.transfers) - 1)
	return n.lastTransfer
}

func (n *Node) close(i int32) {
	n.transfers[i].active = false
	n.spare = append(n.spare, i)
}

// upload begins an upload.
func (n *Node) upload(at int64, s *satellite, a action) {
	r := n.traffic
	size := pieceSize(r)
	u, cut, draw := r.Float64(), r.Float64(), uint8(r.Uint32())
	milliseconds := logNormal(r, 350, 0.9) + float64(size)/12e3
	if n.diskAvailable() < size+n.reservedSpace() {
		n.truth.refused++ // without a line
		return
	}
	if n.diskSlowness(at) > 1 && draw < 10 {
		n.reject(at)
		return
	}
	n.serial++
	t := transfer{
		action: a, sat: s.index, started: at, draw: draw,
		piece: storedPiece{key: scramble(n.serial), size: size}, size: size, peer: n.serial,
	}
	switch {
	case u < uploadSuccess:
	case u < uploadSuccess+0.028:
		t.outcome, t.reason = canceled, peerCanceled
	default:
		t.outcome, t.reason = failed, []reason{peerCanceled, peerClosed, peerGone}[draw%3]
	}
	if t.outcome != success {
		t.size = int64(float64(size)*cut) &^ 511
		milliseconds *= cut
	}
	n.begin(&t)
	i := n.open(t)
	n.later(at+n.took(milliseconds, at), evTransferEnd, s.index, i)
}

// took turns milliseconds into a duration of at least one, slowed by the disk.
func (n *Node) took(milliseconds float64, at int64) int64 {
	return max(int64(milliseconds*n.diskSlowness(at)*1e6), int64(time.Millisecond))
}

// reject refuses an upload because there are too many.
func (n *Node) reject(at int64) {
	n.truth.rejected++
	lv := lvInfo
	if !n.version.since(minorRejectedIsInfo) {
		lv = lvError
	}
	if l := n.log; l.beginAs(at, lv, mUploadRejected) {
		l.int(kLiveRequests, 21)
		l.int(kRequestLimit, 20)
		l.end()
		n.truth.logged.rejected++
	}
	n.observe(Event{At: at64(at), Kind: EventTransfer, Action: "PUT", Outcome: "rejected"})
}

// download begins a download of some piece.
func (n *Node) download(at int64, s *satellite, a action) {
	n.downloadPiece(at, s, a, s.kept[n.traffic.IntN(len(s.kept))])
}

func (n *Node) downloadPiece(at int64, s *satellite, a action, p storedPiece) {
	r := n.traffic
	u, cut, draw := r.Float64(), r.Float64(), uint8(r.Uint32())
	size, offset := p.size, int64(0)
	if a == actGet && draw < 80 && p.size > 4096 {
		offset = int64(float64(p.size)*cut*0.9) &^ 255
		size = max(256, (p.size-offset)/4&^255)
	}
	milliseconds := logNormal(r, 180, 1) + float64(size)/20e3
	n.serial++
	t := transfer{
		action: a, sat: s.index, started: at, draw: draw,
		piece: p, offset: offset, size: size, peer: n.serial,
	}
	switch f := n.faultOf(s.index, at, r.Float64()); {
	case f == pieceLost:
		t.outcome, t.reason = failed, pieceMissing
		milliseconds = 2 + 20*cut
	case f == pieceUnreadable:
		t.outcome, t.reason = failed, readError
	case a == actGetRepair && u < 0.99, a == actGet && u < 0.942:
	case u < 0.993:
		t.outcome, t.reason = canceled, []reason{peerCanceled, peerClosed, sizeMismatch}[draw%3]
		milliseconds *= cut
	default:
		t.outcome, t.reason = failed, peerGone
		milliseconds *= cut
	}
	if at > n.now { // one of several that read the same piece
		n.later(at, evTransferBegin, s.index, n.open(t))
		n.transfers[n.lastTransfer].planned = n.took(milliseconds, at)
		return
	}
	n.begin(&t)
	i := n.open(t)
	n.later(at+n.took(milliseconds, at), evTransferEnd, s.index, i)
}

// beginPlanned begins a transfer that was planned for now.
func (n *Node) beginPlanned(at int64, i int32) {
	t := &n.transfers[i]
	n.begin(t)
	n.later(at+t.planned, evTransferEnd, t.sat, i)
}

// begin writes that a transfer has started.
func (n *Node) begin(t *transfer) {
	t.begun = true
	n.truth.started[t.sat][t.action]++
	lv := lvDebug
	if !n.version.since(minorStartsAreDebug) {
		lv = lvInfo
	}
	l := n.log
	if t.action.upload() {
		if l.beginAs(t.started, lv, mUploadStarted) {
			n.pieceFields(t)
			if n.version.since(minorPeerBeforeSize) {
				l.peer(kRemoteAddress, t.peer)
			}
			l.int(kAvailableSpace, n.diskAvailable())
			if !n.version.since(minorPeerBeforeSize) && n.version.since(minorRemoteAddress) {
				l.peer(kRemoteAddress, t.peer)
			}
			l.end()
			t.startLogged = true
		}
	} else if l.beginAs(t.started, lv, mDownloadStarted) {
		n.downloadFields(t)
		l.end()
		t.startLogged = true
	}
	if t.startLogged {
		n.truth.logged.started[t.sat][t.action]++
	}
}

// endTransfer lets a transfer end as was decided, or as the uplink wants it.
func (n *Node) endTransfer(at int64, i int32) {
	t := n.transfers[i]
	n.close(i)
	if n.uplinkDown {
		t.outcome, t.reason, t.judged = failed, connectionLost, auditOffline
	}
	n.finish(at, &t)
}

// finish books and writes the end of a transfer.
func (n *Node) finish(at int64, t *transfer) {
	s := n.satellites[t.sat]
	day := s.touch(at)
	transferred := t.size
	if t.outcome == failed && t.reason != peerGone {
		transferred = 0
	}
	switch t.action {
	case actPut:
		day.ingress += transferred
	case actPutRepair:
		day.ingressRepair += transferred
	case actGet:
		day.egress += transferred
	case actGetRepair:
		day.egressRepair += transferred
	case actGetAudit:
		day.egressAudit += transferred
	}
	if t.outcome == success && t.action.upload() {
		n.storeUpload(s, at, t.piece)
	}
	if n.reachable() && t.reason != connectionLost {
		n.lastPinged = at
	}
	n.truth.finished[t.sat][t.action][t.outcome].add(t.size)

	var logged outcome
	var written bool
	if t.action.upload() {
		logged, written = t.outcome, n.writeUpload(at, t)
	} else {
		logged, written = n.writeDownload(at, t)
	}
	if written {
		counts := &n.truth.logged.finished[t.sat]
		if t.raceLostUnnamed(n.version) {
			counts = &n.truth.logged.unnamed
		}
		size := t.size
		if !t.action.upload() && !n.version.since(minorRemoteAddress) || t.action.upload() && t.raceLost(n.version) {
			size = 0 // the line does not say it
		}
		counts[t.action][logged].add(size)
		if t.startLogged {
			n.truth.logged.durations[t.sat][t.action] = append(n.truth.logged.durations[t.sat][t.action], float32(float64(at-t.started)/1e9))
		}
	}
	if n.opt.Observe != nil {
		n.observe(Event{
			At: at64(at), Kind: EventTransfer, Satellite: s.ID, Action: actionNames[t.action],
			Outcome: outcomeNames[t.outcome], Piece: pieceID(t.piece.key), Bytes: t.size,
			Duration: time.Duration(at - t.started), Logged: written,
		})
	}
	if t.action == actGetAudit {
		n.judge(at, s, t)
	}
}

// foundLost notes a lost piece for the next amnesty report.
func (n *Node) foundLost(at int64, t *transfer) {
	if !n.version.since(minorSnakeKeys) {
		return
	}
	s := n.satellites[t.sat]
	s.lostReported++
	if l := n.log; l.begin(at, mAmnestyAdding) {
		l.str(kSatellite, s.ID)
		l.piece(kPieceID, t.piece.key)
		l.end()
	}
}

// cancelTransfers ends all transfers because the node is stopped.
func (n *Node) cancelTransfers(at int64) {
	for i := range n.transfers {
		t := n.transfers[i]
		if !t.active {
			continue
		}
		n.close(int32(i))
		if !t.begun {
			continue
		}
		t.outcome, t.reason = canceled, nodeShutdown
		t.judged = auditOffline
		n.finish(at, &t)
	}
}

// abandonTransfers forgets all transfers because the process is gone.
func (n *Node) abandonTransfers(at int64) {
	for i := range n.transfers {
		t := n.transfers[i]
		if !t.active {
			continue
		}
		n.close(int32(i))
		if t.begun {
			n.truth.unfinished++
		}
		if t.action == actGetAudit {
			n.judgeOutcome(at, n.satellites[t.sat], auditOffline, t.piece, t.audit)
		}
	}
}
