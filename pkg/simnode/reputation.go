package simnode

import "time"

// What the satellites decide, with the network's release defaults.
const (
	auditLambda      = 0.999
	auditLimit       = 0.96
	unknownLambda    = 0.95
	unknownLimit     = 0.6
	onlineLimit      = 0.6
	initialAlpha     = 1000.0
	windowSize       = 12 * time.Hour
	trackingPeriod   = 30 * day
	windowsTracked   = int(trackingPeriod / windowSize)
	reviewPeriod     = 7*day + trackingPeriod // grace, then one tracking period
	vettingAudits    = 100
	vettingAge       = 504 * time.Hour
	silenceLimit     = 30 * day // without contact
	auditTimeLimit   = 5 * time.Minute
	reverifyInterval = 6 * time.Hour
	reverifyTimes    = 3
	scoreInterval    = 4 * time.Hour
	scoreJitter      = 5 * time.Minute
)

// auditOutcome is what a satellite makes of one audit.
type auditOutcome uint8

const (
	auditPassed auditOutcome = iota
	auditFailed
	auditUnknown
	auditOffline
	auditContained // timed out: asked again, judged later
)

// auditWindow is twelve hours of audits.
type auditWindow struct {
	start         int64
	total, online int32
}

// reputation is what one satellite thinks of the node.
type reputation struct {
	alpha, beta               float64
	unknownAlpha, unknownBeta float64
	total, passed             int64
	failed, unknown, offline  int64 // since the simulation's start, as is contained
	contained                 int64
	windows                   []auditWindow
	online                    float64

	// times, 0 = not
	vettedAt           int64
	disqualifiedAt     int64
	suspendedAt        int64 // unknown errors
	offlineSuspendedAt int64
	reviewFrom         int64
	reason             string // of the disqualification
}

func newReputation() reputation {
	return reputation{alpha: initialAlpha, unknownAlpha: 1, online: 1}
}

func (r *reputation) auditScore() float64 { return r.alpha / (r.alpha + r.beta) }

func (r *reputation) suspensionScore() float64 {
	return r.unknownAlpha / (r.unknownAlpha + r.unknownBeta)
}

// judge records an audit's outcome at a time.
func (r *reputation) judge(outcome auditOutcome, joined, at int64) {
	r.addToHistory(outcome != auditOffline, at)
	r.total++
	switch outcome {
	case auditPassed:
		r.passed++
		r.alpha = auditLambda*r.alpha + 1
		r.beta = auditLambda * r.beta
		r.unknownAlpha = unknownLambda*r.unknownAlpha + 1
		r.unknownBeta = unknownLambda * r.unknownBeta
	case auditFailed:
		r.failed++
		r.alpha = auditLambda * r.alpha
		r.beta = auditLambda*r.beta + 1
	case auditUnknown:
		r.unknown++
		r.unknownAlpha = unknownLambda * r.unknownAlpha
		r.unknownBeta = unknownLambda*r.unknownBeta + 1
	case auditOffline:
		r.offline++
	}
	if r.vettedAt == 0 && r.total >= vettingAudits && at-joined >= int64(vettingAge) {
		r.vettedAt = at
	}
	if r.auditScore() <= auditLimit {
		r.disqualify(at, "audit failures")
	}
	if r.suspensionScore() <= unknownLimit {
		if r.suspendedAt == 0 {
			r.suspendedAt = at
		}
	} else {
		r.suspendedAt = 0
	}
	r.judgeOnline(at)
}

func (r *reputation) disqualify(at int64, reason string) {
	if r.disqualifiedAt == 0 {
		r.disqualifiedAt, r.reason = at, reason
	}
}

// addToHistory counts the audit in its window, drops what is older than the
// tracking period, and takes the mean of all windows but the running one.
func (r *reputation) addToHistory(online bool, at int64) {
	start := at - mod(at, int64(windowSize))
	n := len(r.windows)
	if n == 0 || r.windows[n-1].start < start {
		r.windows = append(r.windows, auditWindow{start: start})
		n++
	}
	window := &r.windows[n-1]
	window.total++
	if online {
		window.online++
	}
	oldest := 0
	for r.windows[oldest].start < start-int64(trackingPeriod) {
		oldest++
	}
	r.windows = r.windows[oldest:]
	r.online = onlineScore(r.windows)
}

func onlineScore(windows []auditWindow) float64 {
	if len(windows) <= 1 {
		return 1
	}
	sum := 0.0
	for _, w := range windows[:len(windows)-1] {
		sum += float64(w.online) / float64(w.total)
	}
	return sum / float64(len(windows)-1)
}

// judgeOnline suspends a node whose online score is too low once its tracking
// period is full, and lifts the suspension when the score has recovered.
func (r *reputation) judgeOnline(at int64) {
	full := len(r.windows)-1 >= windowsTracked
	bad := r.online < onlineLimit && full
	if r.reviewFrom == 0 {
		if bad {
			r.reviewFrom, r.offlineSuspendedAt = at, at
		}
		return
	}
	switch {
	case !bad:
		r.offlineSuspendedAt = 0
	case r.offlineSuspendedAt == 0:
		r.offlineSuspendedAt = at
	}
	if at > r.reviewFrom+int64(reviewPeriod) && !bad {
		r.reviewFrom = 0
	}
}

func mod(a, b int64) int64 {
	if m := a % b; m < 0 {
		return m + b
	} else {
		return m
	}
}
