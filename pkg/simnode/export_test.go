package simnode

import "time"

// What the tests need of the inside.

// Judge is a reputation on its own.
type Judge struct {
	rep    reputation
	joined time.Time
}

// NewJudge makes the reputation of a brand-new node, or of one that has been
// full for long.
func NewJudge(joined time.Time, full bool) *Judge {
	j := &Judge{rep: newReputation(), joined: joined}
	if full {
		j.rep.unknownAlpha = 1 / (1 - unknownLambda)
		j.rep.total, j.rep.passed = 1000, 1000
	}
	return j
}

// Audit records an outcome: passed, failed, unknown or offline.
func (j *Judge) Audit(outcome string, at time.Time) {
	for o, name := range auditOutcomeNames {
		if name == outcome {
			j.rep.judge(auditOutcome(o), j.joined.UnixNano(), at.UnixNano())
			return
		}
	}
	panic(outcome)
}

// Scores are the current ones.
func (j *Judge) Scores() Scores {
	return Scores{j.rep.auditScore(), j.rep.suspensionScore(), j.rep.online}
}

// State says what is decided: disqualified, suspended, offline suspended, vetted.
func (j *Judge) State() (disqualified, suspended, offline, vetted bool) {
	r := &j.rep
	return r.disqualifiedAt != 0, r.suspendedAt != 0, r.offlineSuspendedAt != 0, r.vettedAt != 0
}

// UnderReview says whether an offline suspension is still being reviewed.
func (j *Judge) UnderReview() bool { return j.rep.reviewFrom != 0 }

// FailuresLeft is the budget.
func (j *Judge) FailuresLeft() int { return failuresLeft(&j.rep) }

// HeldRate is heldRate with times.
func HeldRate(joined, month time.Time) int64 { return heldRate(joined, monthOf(month)) }

// The unexported functions that have a test of their own.
var (
	CheckNodeID = checkNodeID
	NodeIDFrom  = nodeIDFrom
	PieceID     = pieceID
	HumanBytes  = humanBytes
	UUIDFrom    = uuidFrom
)

// CheckVersion says whether a version is taken.
func CheckVersion(text string) error {
	_, err := parseVersion(text)
	return err
}

// EverySimulatedMessage lists logger and words of all messages.
func EverySimulatedMessage() (all [][2]string) {
	for _, m := range messages {
		all = append(all, [2]string{m.logger, m.text})
	}
	return all
}
