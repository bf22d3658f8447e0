package simnode

import (
	"time"
)

// containedAudit is an audit that timed out and is to be repeated.
type containedAudit struct {
	sat   uint8
	piece storedPiece
	tries int
}

// canceledAudits is how many of the good audits the log shows as canceled,
// because the satellite hangs up as soon as it has what it wants.
const canceledAudits = 0.08

// auditGap draws the time to a satellite's next audit.
func (n *Node) auditGap(s *satellite) int64 {
	return max(1, int64(n.audits.ExpFloat64()*float64(time.Hour)/(n.opt.AuditRate*s.Share)))
}

// audit lets a satellite audit a piece, and plans its next audit.
func (n *Node) audit(at int64, s *satellite) {
	if s.rep.disqualifiedAt != 0 {
		return // for ever
	}
	n.plan(event{at: at + n.auditGap(s), kind: evAudit, sat: s.index})
	if len(s.kept) == 0 || s.away(at) {
		n.drawAudit()
		return
	}
	draw := n.drawAudit()
	piece := s.kept[int(draw.piece*float64(len(s.kept)))]
	n.askFor(at, s, piece, draw, -1)
}

// auditDraw is all the chance of one audit, drawn whatever comes of it.
type auditDraw struct {
	piece, offset, fault, canceled, latency float64
}

func (n *Node) drawAudit() auditDraw {
	r := n.audits
	return auditDraw{r.Float64(), r.Float64(), r.Float64(), r.Float64(), logNormal(r, 45, 0.8)}
}

// askFor sends an audit's request to the node: the first for a piece where
// contained is -1, or a repeated one.
func (n *Node) askFor(at int64, s *satellite, piece storedPiece, draw auditDraw, contained int32) {
	if !n.reachable() {
		n.judgeOutcome(at, s, auditOffline, piece, contained)
		return
	}
	n.serial++
	t := transfer{
		action: actGetAudit, sat: s.index, started: at,
		piece: piece, size: 256, offset: int64(draw.offset*float64(max(piece.size-256, 0))) &^ 255,
		peer: uint64(s.index)<<40 | n.serial, audit: contained,
	}
	milliseconds := draw.latency
	switch n.faultOf(s.index, at, draw.fault) {
	case pieceLost:
		t.outcome, t.reason, t.judged = failed, pieceMissing, auditFailed
	case pieceUnreadable:
		t.outcome, t.reason, t.judged = failed, readError, auditUnknown
	case pieceTimesOut:
		t.outcome, t.reason, t.judged = canceled, timeLimit, auditContained
	default:
		if draw.canceled < canceledAudits {
			t.outcome, t.reason = canceled, peerCanceled
		}
	}
	n.begin(&t)
	i := n.open(t)
	took := n.took(milliseconds, at)
	if t.judged == auditContained {
		took = int64(auditTimeLimit)
	}
	n.later(at+took, evTransferEnd, s.index, i)
}

// judge lets the satellite judge the audit that has just ended.
func (n *Node) judge(at int64, s *satellite, t *transfer) {
	if t.reason == nodeShutdown {
		// the satellite could not finish it: the node was not there
		t.judged = auditOffline
	}
	n.judgeOutcome(at, s, t.judged, t.piece, t.audit)
}

func (n *Node) judgeOutcome(at int64, s *satellite, o auditOutcome, piece storedPiece, contained int32) {
	if s.rep.disqualifiedAt != 0 {
		return
	}
	if o == auditContained {
		s.rep.contained++
		tries := 0
		if contained >= 0 {
			tries = n.contained[contained].tries + 1
		}
		if tries < reverifyTimes {
			if contained < 0 {
				n.contained = append(n.contained, containedAudit{sat: s.index, piece: piece})
				contained = int32(len(n.contained) - 1)
			}
			n.contained[contained].tries = tries
			n.plan(event{at: at + int64(reverifyInterval), kind: evReverify, sat: s.index, ref: contained})
			n.observe(Event{At: at64(at), Kind: EventAudit, Satellite: s.ID, Outcome: "contained", Piece: pieceID(piece.key)})
			return
		}
		o = auditFailed // asked three times more, and never an answer
	}
	if contained >= 0 && o == auditOffline {
		// not there: asked again later, the attempt does not count
		n.plan(event{at: at + int64(reverifyInterval), kind: evReverify, sat: s.index, ref: contained})
		return
	}
	s.rep.judge(o, s.joined, at)
	n.recordScores(at, s, o)
	n.observe(Event{At: at64(at), Kind: EventAudit, Satellite: s.ID, Outcome: auditOutcomeNames[o], Piece: pieceID(piece.key)})
}

// reverify asks for a contained piece again.
func (n *Node) reverify(at int64, contained int32) {
	c := &n.contained[contained]
	s := n.satellites[c.sat]
	draw := n.drawAudit()
	if s.rep.disqualifiedAt != 0 {
		return
	}
	n.askFor(at, s, c.piece, draw, contained)
}
