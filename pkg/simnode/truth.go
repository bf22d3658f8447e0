package simnode

import (
	"math"
	"slices"
	"time"
)

// EventKind is what an [Event] is about.
type EventKind string

// The kinds of events.
const (
	EventTransfer EventKind = "transfer" // a transfer has ended
	EventAudit    EventKind = "audit"    // a satellite has judged an audit
)

// Event is one thing that has happened, for Options.Observe.
type Event struct {
	At        time.Time
	Kind      EventKind
	Satellite string // id; empty for a rejected upload
	Action    string // of a transfer
	// Outcome is success, canceled, failed or rejected for a transfer; passed,
	// failed, unknown, offline or contained for an audit.
	Outcome  string
	Piece    string
	Bytes    int64
	Duration time.Duration
	Logged   bool // the line of its end has been written
}

func (n *Node) observe(e Event) {
	if n.opt.Observe != nil {
		n.opt.Observe(e)
	}
}

func at64(at int64) time.Time { return time.Unix(0, at).UTC() }

var auditOutcomeNames = [...]string{"passed", "failed", "unknown", "offline", "contained"}

// tally counts things and their bytes.
type tally struct{ count, bytes int64 }

func (t *tally) add(bytes int64) {
	t.count++
	t.bytes += bytes
}

// finishedCounts are transfers by action and outcome.
type finishedCounts [actions][outcomes]tally

// truthCounts is what is counted while things happen.
type truthCounts struct {
	started  [][actions]int64
	finished []finishedCounts
	logged   struct {
		started   [][actions]int64
		finished  []finishedCounts
		unnamed   finishedCounts // lines that do not say which satellite
		durations [][actions][]float32
		rejected  int64
	}
	rejected, refused, unfinished int64

	starts, down            []int64
	stops, crashes, updates int

	pings, pingsFailed, refreshes int64
	expired                       int64
	usedSpaceWalks                int64
	trashEmptied                  int64
	trashDeleted                  int64
	trashDeletedBytes             int64
	collections                   int64
	collectedPieces               int64
	collectedBytes                int64
	amnestyBatches, amnestyPieces int64
	compactions                   []CompactionTruth
	scores, refreshed             [][]ScorePoint
}

func newTruthCounts(satellites int) truthCounts {
	var t truthCounts
	t.started = make([][actions]int64, satellites)
	t.finished = make([]finishedCounts, satellites)
	t.logged.started = make([][actions]int64, satellites)
	t.logged.finished = make([]finishedCounts, satellites)
	t.logged.durations = make([][actions][]float32, satellites)
	t.scores = make([][]ScorePoint, satellites)
	t.refreshed = make([][]ScorePoint, satellites)
	return t
}

// Scores are the three scores, 0 to 1.
type Scores struct {
	Audit      float64 `json:"audit"`
	Suspension float64 `json:"suspension"`
	Online     float64 `json:"online"`
}

// ScorePoint is the scores from a time on.
type ScorePoint struct {
	At     time.Time `json:"at"`
	Scores `json:"scores"`
}

func (s *satellite) scores() Scores {
	return Scores{s.rep.auditScore(), s.rep.suspensionScore(), s.rep.online}
}

// recordScores remembers the scores after an audit, where they changed.
func (n *Node) recordScores(at int64, s *satellite, _ auditOutcome) {
	if now := s.scores(); now != s.lastScores {
		s.lastScores = now
		n.truth.scores[s.index] = append(n.truth.scores[s.index], ScorePoint{at64(at), now})
	}
}

// recordRefresh remembers what the node has heard, where it changed.
func (n *Node) recordRefresh(at int64, s *satellite) {
	now := Scores{s.view.audit, s.view.suspension, s.view.online}
	points := n.truth.refreshed[s.index]
	if len(points) == 0 || points[len(points)-1].Scores != now {
		n.truth.refreshed[s.index] = append(points, ScorePoint{at64(at), now})
	}
}

// Truth is what has happened to a node since Options.Start, exactly.
type Truth struct {
	Name     string    `json:"name"`
	NodeID   string    `json:"nodeID"`
	Scenario Scenario  `json:"scenario"`
	Seed     uint64    `json:"seed"`
	Version  string    `json:"version"`
	Start    time.Time `json:"start"`
	Now      time.Time `json:"now"`

	Up        bool        `json:"up"`
	StartedAt time.Time   `json:"startedAt"` // of the process that runs or ran last
	Starts    []time.Time `json:"starts"`
	Downs     []time.Time `json:"downs"`   // ends of processes
	Stops     int         `json:"stops"`   // clean ends
	Crashes   int         `json:"crashes"` // the others but the last breath of a dead node
	Updates   int         `json:"updates"`

	// Transfers counts what has happened, whether the log shows it or not.
	Transfers []TransferCount `json:"transfers"`
	// Rejected uploads have a line, Refused ones (disk full) have none.
	// Unfinished transfers started and went down with their process.
	Rejected   int64 `json:"rejected"`
	Refused    int64 `json:"refused"`
	Unfinished int64 `json:"unfinished"`
	Running    int64 `json:"running"` // transfers under way now

	Log LogTruth `json:"log"`

	Satellites []SatelliteTruth `json:"satellites"`
	Disk       DiskTruth        `json:"disk"`

	Pings               int64             `json:"pings"`
	PingsFailed         int64             `json:"pingsFailed"`
	ExpiredPieces       int64             `json:"expiredPieces"`
	GarbageCollections  int64             `json:"garbageCollections"`
	CollectedPieces     int64             `json:"collectedPieces"`
	CollectedBytes      int64             `json:"collectedBytes"`
	TrashRounds         int64             `json:"trashRounds"` // per satellite
	TrashDeletedPieces  int64             `json:"trashDeletedPieces"`
	TrashDeletedBytes   int64             `json:"trashDeletedBytes"`
	UsedSpaceWalks      int64             `json:"usedSpaceWalks"` // completed
	AmnestyBatches      int64             `json:"amnestyBatches"`
	AmnestyPieces       int64             `json:"amnestyPieces"`
	Compactions         []CompactionTruth `json:"compactions"` // completed
	OfflineNotification int               `json:"offlineNotifications"`
}

// TransferCount is the transfers of one satellite, action and outcome.
type TransferCount struct {
	// Satellite is an id. The log of v1.86 to v1.98 does not say it where a race
	// was lost: such lines have none, and the action upload or download.
	Satellite string `json:"satellite"`
	Action    string `json:"action"`
	Outcome   string `json:"outcome"` // started, success, canceled, failed
	Count     int64  `json:"count"`
	Bytes     int64  `json:"bytes"` // sum of the sizes in the lines; 0 for started
}

// LogTruth is what has been written to the log.
type LogTruth struct {
	Lines     int64            `json:"lines"`     // of the node
	FileLines int64            `json:"fileLines"` // of the file: Docker splits long lines
	First     time.Time        `json:"first"`
	Last      time.Time        `json:"last"`
	Levels    map[string]int64 `json:"levels"`
	Messages  []MessageCount   `json:"messages"`
	// Transfers counts the transfers that the written lines stand for. A lost
	// race has one line here, not its DEBUG twin too.
	Transfers []TransferCount `json:"transfers"`
	Rejected  int64           `json:"rejected"`
	// Durations are of the transfers whose start and end are both written.
	Durations []DurationTruth `json:"durations"`
}

// MessageCount is how often a message has been written at a level. The two
// messages with a changing part are named as in "Node <ID> started".
type MessageCount struct {
	Level   string `json:"level"`
	Logger  string `json:"logger"`
	Message string `json:"message"`
	Count   int64  `json:"count"`
}

// DurationTruth is how long transfers took, exactly; nearest-rank percentiles.
type DurationTruth struct {
	Satellite string  `json:"satellite"`
	Action    string  `json:"action"`
	Count     int64   `json:"count"`
	Mean      float64 `json:"meanSeconds"`
	P50       float64 `json:"p50Seconds"`
	P90       float64 `json:"p90Seconds"`
	P95       float64 `json:"p95Seconds"`
	P99       float64 `json:"p99Seconds"`
	Max       float64 `json:"maxSeconds"`
}

// SatelliteTruth is one satellite's relation with the node.
type SatelliteTruth struct {
	ID       string     `json:"id"`
	URL      string     `json:"url"`
	JoinedAt time.Time  `json:"joinedAt"`
	VettedAt *time.Time `json:"vettedAt"`

	// What the satellite has decided; the node hears of it within four hours.
	DisqualifiedAt     *time.Time   `json:"disqualifiedAt"`
	DisqualifiedFor    string       `json:"disqualifiedFor,omitempty"`
	SuspendedAt        *time.Time   `json:"suspendedAt"`
	OfflineSuspendedAt *time.Time   `json:"offlineSuspendedAt"`
	OfflineReviewAt    *time.Time   `json:"offlineReviewAt"` // when the review began that a first offline suspension starts
	Scores             Scores       `json:"scores"`
	AuditHistory       int          `json:"auditHistoryWindows"`
	FailuresLeft       int          `json:"failedAuditsLeft"`
	TotalAudits        int64        `json:"totalAudits"`
	PassedAudits       int64        `json:"passedAudits"`
	FailedAudits       int64        `json:"failedAudits"`    // since Options.Start, as are the next three
	UnknownAudits      int64        `json:"unknownAudits"`   //
	OfflineAudits      int64        `json:"offlineAudits"`   //
	ContainedAudits    int64        `json:"containedAudits"` // timed out, repeats included
	ScoreHistory       []ScorePoint `json:"scoreHistory"`    // after each audit that changed one

	// What the node has heard last, and so what its API shows.
	NodeKnows   bool         `json:"nodeKnows"`
	NodeScores  Scores       `json:"nodeScores"`
	NodeAsked   time.Time    `json:"nodeAskedAt"`
	NodeHistory []ScorePoint `json:"nodeScoreHistory"`

	Pieces        int64     `json:"pieces"`
	PieceBytes    int64     `json:"pieceBytes"`
	GarbageBytes  int64     `json:"garbageBytes"` // deleted by customers, not collected
	TrashBytes    int64     `json:"trashBytes"`
	Reclaimable   int64     `json:"reclaimableBytes"`
	LastContact   time.Time `json:"lastContact"`
	PaidMicroUSD  int64     `json:"paidMicroUSD"`
	HeldMicroUSD  int64     `json:"heldMicroUSD"` // without what has been returned
	MonthsPaid    int       `json:"monthsPaid"`
	MonthEgress   int64     `json:"monthEgressBytes"`
	MonthIngress  int64     `json:"monthIngressBytes"`
	MonthByteHour float64   `json:"monthByteHours"`
}

// DiskTruth is the node's disk.
type DiskTruth struct {
	Allocated   int64 `json:"allocated"`
	Used        int64 `json:"used"` // pieces, trash and reclaimable
	Pieces      int64 `json:"pieces"`
	Trash       int64 `json:"trash"`
	Reclaimable int64 `json:"reclaimable"`
	Free        int64 `json:"free"`
	Overused    int64 `json:"overused"`
}

// CompactionTruth is one completed compaction.
type CompactionTruth struct {
	Satellite      string    `json:"satellite"`
	Store          string    `json:"store"`
	Started        time.Time `json:"started"`
	Finished       time.Time `json:"finished"`
	ReclaimedBytes int64     `json:"reclaimedBytes"`
}

// Truth tells what has happened up to now.
func (n *Node) Truth() Truth {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &n.truth
	t := Truth{
		Name: n.opt.Name, NodeID: n.id, Scenario: n.opt.Scenario, Seed: n.opt.Seed,
		Version: n.version.String(), Start: n.opt.Start, Now: at64(n.now),
		Up: n.up, Stops: c.stops, Crashes: c.crashes, Updates: c.updates,
		Starts: times(c.starts), Downs: times(c.down),
		Transfers: n.transferCounts(c.started, c.finished),
		Rejected:  c.rejected, Refused: c.refused, Unfinished: c.unfinished,
		Log:   n.logTruth(),
		Pings: c.pings, PingsFailed: c.pingsFailed, ExpiredPieces: c.expired,
		GarbageCollections: c.collections, CollectedPieces: c.collectedPieces, CollectedBytes: c.collectedBytes,
		TrashRounds: c.trashEmptied, TrashDeletedPieces: c.trashDeleted, TrashDeletedBytes: c.trashDeletedBytes,
		UsedSpaceWalks: c.usedSpaceWalks,
		AmnestyBatches: c.amnestyBatches, AmnestyPieces: c.amnestyPieces,
		Compactions:         slices.Clone(c.compactions),
		OfflineNotification: len(n.notifications),
		Disk: DiskTruth{
			Allocated: n.opt.Disk, Used: n.used, Pieces: n.storedForPieces(), Trash: n.storedInTrash(),
			Reclaimable: n.reclaimable(), Free: n.diskAvailable(), Overused: max(0, n.used-n.opt.Disk),
		},
	}
	if len(c.starts) > 0 {
		t.StartedAt = at64(n.startedAt)
	}
	for i := range n.transfers {
		if n.transfers[i].active && n.transfers[i].begun {
			t.Running++
		}
	}
	for _, s := range n.satellites {
		t.Satellites = append(t.Satellites, n.satelliteTruth(s))
	}
	return t
}

func times(all []int64) []time.Time {
	result := make([]time.Time, len(all))
	for i, at := range all {
		result[i] = at64(at)
	}
	return result
}

// maybe is a time that may not have come.
func maybe(at int64) *time.Time {
	if at == 0 {
		return nil
	}
	t := at64(at)
	return &t
}

func (n *Node) satelliteTruth(s *satellite) SatelliteTruth {
	r := &s.rep
	_, trash := s.trashed()
	month := monthOf(at64(n.now))
	usage := s.usage(month, n.now)
	sum := usage.sum()
	t := SatelliteTruth{
		ID: s.ID, URL: s.URL, JoinedAt: at64(s.joined), VettedAt: maybe(r.vettedAt),
		DisqualifiedAt: maybe(r.disqualifiedAt), DisqualifiedFor: r.reason,
		SuspendedAt: maybe(r.suspendedAt), OfflineSuspendedAt: maybe(r.offlineSuspendedAt), OfflineReviewAt: maybe(r.reviewFrom),
		Scores: s.scores(), AuditHistory: len(r.windows), FailuresLeft: failuresLeft(r),
		TotalAudits: r.total, PassedAudits: r.passed, FailedAudits: r.failed,
		UnknownAudits: r.unknown, OfflineAudits: r.offline, ContainedAudits: r.contained,
		ScoreHistory: slices.Clone(n.truth.scores[s.index]),
		NodeKnows:    s.view.known,
		NodeScores:   Scores{s.view.audit, s.view.suspension, s.view.online},
		NodeHistory:  slices.Clone(n.truth.refreshed[s.index]),
		Pieces:       s.pieces, PieceBytes: s.live, GarbageBytes: s.garbage,
		TrashBytes: trash, Reclaimable: s.reclaimable,
		LastContact: at64(s.lastContact),
		MonthsPaid:  len(s.paystubs),
		MonthEgress: sum.egress + sum.egressRepair + sum.egressAudit, MonthIngress: sum.ingress + sum.ingressRepair,
		MonthByteHour: sum.byteHours,
	}
	if s.view.known {
		t.NodeAsked = at64(s.view.at)
	}
	for i := range s.paystubs {
		t.PaidMicroUSD += s.paystubs[i].paid
		t.HeldMicroUSD += s.paystubs[i].held - s.paystubs[i].disposed
	}
	return t
}

// failuresLeft counts the straight failures that disqualify, by trying.
func failuresLeft(r *reputation) int {
	if r.disqualifiedAt != 0 {
		return 0
	}
	trial := *r
	for left := 0; ; left++ {
		if trial.auditScore() <= auditLimit {
			return left
		}
		trial.alpha, trial.beta = auditLambda*trial.alpha, auditLambda*trial.beta+1
	}
}

func (n *Node) transferCounts(started [][actions]int64, finished []finishedCounts) []TransferCount {
	var counts []TransferCount
	for i, s := range n.satellites {
		for a := range actions {
			if c := started[i][a]; c > 0 {
				counts = append(counts, TransferCount{s.ID, actionNames[a], "started", c, 0})
			}
			for o, t := range finished[i][a] {
				if t.count > 0 {
					counts = append(counts, TransferCount{s.ID, actionNames[a], outcomeNames[o], t.count, t.bytes})
				}
			}
		}
	}
	return counts
}

func (n *Node) logTruth() LogTruth {
	c, l := &n.truth.logged, n.log
	t := LogTruth{
		Lines: l.lines, FileLines: l.fileLines,
		Levels:    map[string]int64{},
		Transfers: n.transferCounts(c.started, c.finished),
		Rejected:  c.rejected,
	}
	if l.lines > 0 {
		t.First, t.Last = at64(l.first), at64(l.last)
	}
	for _, direction := range []string{"upload", "download"} {
		count := int64(0)
		for a := range actions {
			if a.upload() == (direction == "upload") {
				count += c.unnamed[a][canceled].count
			}
		}
		if count > 0 {
			t.Transfers = append(t.Transfers, TransferCount{"", direction, outcomeNames[canceled], count, 0})
		}
	}
	for id, byLevel := range l.counts {
		for lv, count := range byLevel {
			if count == 0 {
				continue
			}
			t.Levels[levelNames[lv]] += count
			t.Messages = append(t.Messages, MessageCount{levelNames[lv], messages[id].logger, messages[id].text, count})
		}
	}
	for i, s := range n.satellites {
		for a, all := range c.durations[i] {
			if len(all) > 0 {
				t.Durations = append(t.Durations, durationTruth(s.ID, actionNames[a], all))
			}
		}
	}
	return t
}

func durationTruth(satellite, action string, all []float32) DurationTruth {
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	rank := func(q float64) float64 {
		return float64(sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)])
	}
	sum := 0.0
	for _, d := range sorted {
		sum += float64(d)
	}
	return DurationTruth{
		Satellite: satellite, Action: action, Count: int64(len(sorted)),
		Mean: sum / float64(len(sorted)), P50: rank(0.5), P90: rank(0.9), P95: rank(0.95), P99: rank(0.99),
		Max: float64(sorted[len(sorted)-1]),
	}
}

// ScoresAt is what a satellite thought at a time between the start and now, or
// false for a satellite that the node does not have.
func (n *Node) ScoresAt(satelliteID string, t time.Time) (Scores, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.satellites {
		if s.ID != satelliteID {
			continue
		}
		scores := Scores{1, 1, 1}
		for _, p := range n.truth.scores[s.index] {
			if p.At.After(t) {
				break
			}
			scores = p.Scores
		}
		return scores, true
	}
	return Scores{}, false
}
