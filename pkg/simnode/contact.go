package simnode

import (
	"time"
)

// pingAttempts is how often a satellite is called in one cycle: the pauses
// double from one second until they would be longer than the hour of a cycle.
const pingAttempts = 12

// ping calls a satellite, which calls back. After the last attempt of a cycle,
// the next cycle begins at once, since its hour is over.
func (n *Node) ping(at int64, s *satellite, attempt int32) {
	l := n.log
	if attempt > pingAttempts {
		if l.begin(at, mPingRetriesOver) {
			l.str(kSatelliteID, s.ID)
			l.end()
		}
		attempt = 1
	}
	if n.uplinkDown || s.away(at) {
		n.truth.pingsFailed++
		if l.begin(at, mPingFailed) {
			l.str(kSatelliteID, s.ID)
			l.int(kAttempts, int64(attempt))
			text := "ping satellite: rpc: tcp connector failed: rpc: dial tcp " + satelliteAddress(s) + ": connect: connection refused"
			if n.uplinkDown {
				text = "ping satellite: rpc: tcp connector failed: rpc: dial tcp " + satelliteAddress(s) + ": i/o timeout"
			}
			l.failure(text, "\n\tstorj.io/common/rpc.HybridConnector.DialContext.func1:190")
			l.end()
		}
		pause := int64(time.Second) << (attempt - 1)
		n.later(at+pause, evPing, s.index, attempt+1)
		return
	}
	n.lastPinged, n.lastQUIC = at, at
	s.lastContact = at
	n.truth.pings++
	for connector := range uint64(2) { // TCP, then QUIC
		if l.begin(at, mPinged) {
			l.str(kBy, s.ID)
			l.peer(kSourceAddress, uint64(s.index)<<32|uint64(at/1e9)<<1|connector)
			l.end()
		}
	}
	n.later(at+int64(time.Hour), evPing, s.index, 1)
}

// satelliteAddress is an IP address for a satellite, always the same.
func satelliteAddress(s *satellite) string {
	var port []byte
	address := appendPeer(nil, uint64(s.index)*7+3)
	for i := len(s.URL) - 1; i >= 0; i-- {
		if s.URL[i] == ':' {
			port = []byte(s.URL[i:])
			break
		}
	}
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == ':' {
			address = address[:i]
			break
		}
	}
	return string(append(address, port...))
}

// reviewContact lets the satellites disqualify a node that they have not seen
// for thirty days.
func (n *Node) reviewContact(at int64) {
	for _, s := range n.satellites {
		if at-s.lastContact > int64(silenceLimit) {
			s.rep.disqualify(at, "not seen for 30 days")
		}
	}
	n.plan(event{at: at + int64(time.Hour), kind: evContactReview})
}

// refreshScores lets the node ask each satellite what it thinks of it.
func (n *Node) refreshScores(at int64) {
	n.later(at+int64(scoreInterval)+int64(n.chores.Float64()*float64(scoreJitter)), evScores, 0, 0)
	failed := ""
	for _, s := range n.satellites {
		if n.uplinkDown || s.away(at) {
			if failed != "" {
				failed += "; "
			}
			failed += "reputation: unable to connect to the satellite " + s.ID + ": rpc: tcp connector failed: rpc: dial tcp " + satelliteAddress(s) + ": i/o timeout"
			continue
		}
		n.hearScores(at, s)
	}
	if failed != "" && n.log.begin(at, mReputationFailed) {
		n.log.failure(failed, "\n\tstorj.io/storj/storagenode/reputation.(*Service).GetStats:101\n\tstorj.io/storj/storagenode/reputation.(*Chore).GetAndCacheStats:93\n\tstorj.io/storj/storagenode/reputation.(*Chore).RunOnce:81")
		n.log.end()
	}
}

// hearScores takes over what a satellite says, tells the log, and notifies of a
// new offline suspension.
func (n *Node) hearScores(at int64, s *satellite) {
	old := s.view
	s.look(&s.view, at)
	now := &s.view
	n.truth.refreshes++
	n.recordRefresh(at, s)
	if n.version.since(minorScoreLines) {
		id := mScoresUpdated
		if now.audit < old.audit || now.suspension < old.suspension || now.online < old.online {
			id = mScoresWorsened
		}
		if l := n.log; l.begin(at, id) {
			l.str(kSatelliteID, s.ID)
			l.int(kTotalAudits, now.total)
			l.int(kSuccessfulAudits, now.passed)
			l.float(kAuditScore, now.audit)
			l.float(kOnlineScore, now.online)
			l.float(kSuspensionScore, now.suspension)
			l.float(kAuditScoreDelta, now.audit-old.audit)
			l.float(kOnlineScoreDelta, now.online-old.online)
			l.float(kSuspensionScoreDelta, now.suspension-old.suspension)
			l.end()
		}
	}
	if now.disqualifiedAt == 0 && now.offlineSuspendedAt != 0 && now.offlineSuspendedAt != old.offlineSuspendedAt {
		since := time.Unix(0, now.offlineSuspendedAt).UTC().Truncate(time.Microsecond)
		n.notifications = append(n.notifications, notification{
			ID:        uuidFrom(uint64(at) ^ uint64(s.index)),
			SenderID:  n.id,
			Type:      notifySuspension,
			Title:     "Your Node is suspended since " + since.String(),
			Message:   "This is a reminder that your StorageNode is suspended on Satellite " + s.ID,
			CreatedAt: time.Unix(0, at).UTC(),
		})
	}
}
