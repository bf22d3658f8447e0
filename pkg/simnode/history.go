package simnode

import (
	"math"
	"time"
)

// newSatellite makes the relation with a satellite as it is at the start: new,
// or with the past that Options.JoinedAge asks for.
func (n *Node) newSatellite(index uint8, sat Satellite) *satellite {
	start := n.opt.Start.UnixNano()
	s := &satellite{
		Satellite: sat, index: index,
		joined: start,
		rep:    newReputation(),
		months: map[int]*monthUsage{},
	}
	past := newStream(n.opt.Seed, n.opt.Name+sat.ID, streamHistory)
	s.live = int64(float64(n.opt.DiskUsed) * sat.Share)
	s.pieces = s.live / averagePiece
	if s.pieces > 0 {
		for range keptPieces {
			s.kept = append(s.kept, storedPiece{key: past.Uint64(), size: pieceSize(past)})
		}
	}
	n.used += s.live

	for _, outage := range n.opt.Outages {
		if outage.Satellite == sat.ID {
			s.outages = append(s.outages, span{outage.From.UnixNano(), outage.Until.UnixNano()})
		}
	}
	s.lastContact = start
	if n.opt.JoinedAge == 0 {
		s.openDay(start)
		s.lastScores = s.scores()
		return s
	}

	// it joined within the first minute of its life
	joined := n.opt.Start.Add(-n.opt.JoinedAge).Add(time.Duration(past.Float64() * float64(time.Minute)))
	s.joined = min(joined.UnixNano(), start)
	age := time.Duration(start - s.joined)
	perHour := n.opt.AuditRate * sat.Share

	// only good audits, and for a long time
	s.rep.total = int64(perHour * age.Hours())
	s.rep.passed = s.rep.total
	s.rep.unknownAlpha = (1 - math.Pow(unknownLambda, float64(s.rep.total)+1)) / (1 - unknownLambda)
	if vetted := max(vettingAge, time.Duration(vettingAudits/max(perHour, 1e-3)*float64(time.Hour))); vetted <= age {
		s.rep.vettedAt = s.joined + int64(vetted)
	}
	if perHour > 0 {
		size := int64(windowSize)
		first := max(s.joined, start-int64(trackingPeriod))
		for at := first - mod(first, size); at < start; at += size {
			audits := int32(max(1, perHour*windowSize.Hours()*(0.7+0.6*past.Float64())))
			s.rep.windows = append(s.rep.windows, auditWindow{start: at, total: audits, online: audits})
		}
	}
	s.look(&s.view, start)
	s.lastScores = s.scores()

	n.inventMonths(s)
	return s
}

// inventMonths makes up the usage of the time before the start, growing slowly,
// and the paystubs that have come by then.
func (n *Node) inventMonths(s *satellite) {
	start := n.opt.Start.UnixNano()
	past := newStream(n.opt.Seed, n.opt.Name+s.ID+"months", streamHistory)
	stored := s.live
	uploads := n.opt.Rate * s.Share * uploadShare(n.opt.Scenario) * 24 * averagePiece
	downloads := n.opt.Rate * s.Share * (1 - uploadShare(n.opt.Scenario)) * 24 * averagePiece
	span := float64(start - s.joined)
	s.openDay(s.joined)
	for s.touched < start {
		end := min(s.dayEnds, start)
		part := float64(end-s.touched) / float64(day)
		grown := float64(end-s.joined) / span // 0..1
		d := s.today
		d.ingress += int64(uploads * 0.85 * part * (0.8 + 0.4*past.Float64()))
		d.ingressRepair += int64(uploads * 0.15 * part * (0.8 + 0.4*past.Float64()))
		d.egress += int64(downloads * 0.85 * grown * part * (0.8 + 0.4*past.Float64()))
		d.egressRepair += int64(downloads * 0.15 * grown * part * (0.8 + 0.4*past.Float64()))
		d.egressAudit += int64(n.opt.AuditRate * s.Share * 24 * part * 256)
		s.live = int64(float64(stored) * grown)
		s.touch(end)
	}
	s.live = stored
	for month := monthOf(time.Unix(0, s.joined).UTC()); ; month++ {
		paid := monthStart(month + 1).Add(payDay).UnixNano()
		if paid > start {
			return
		}
		s.makePaystub(month, paid)
	}
}

// look brings a view of the node up to what the satellite says now.
func (s *satellite) look(v *nodeView, at int64) {
	r := &s.rep
	*v = nodeView{
		known: true, at: at,
		audit: r.auditScore(), suspension: r.suspensionScore(), online: r.online,
		total: r.total, passed: r.passed,
		windows:  append([]auditWindow(nil), r.windows...),
		vettedAt: r.vettedAt, disqualifiedAt: r.disqualifiedAt,
		suspendedAt: r.suspendedAt, offlineSuspendedAt: r.offlineSuspendedAt,
	}
}
