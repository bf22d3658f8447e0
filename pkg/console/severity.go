package console

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Severity orders what an operator must know. The zero value is Unknown: what nobody has judged is never shown as fine.
type Severity int

const (
	Unknown Severity = iota
	Fine
	Warning
	Critical
)

// rank orders severities by how much they need attention: not knowing is worse than fine, and less than a warning.
func (s Severity) rank() int {
	switch s {
	case Fine:
		return 0
	case Warning:
		return 2
	case Critical:
		return 3
	default:
		return 1
	}
}

func worst(severities ...Severity) Severity {
	found := Fine
	for _, s := range severities {
		if s.rank() > found.rank() {
			found = s
		}
	}
	return found
}

// The early warnings: each comes while something can still be done. A satellite disqualifies for audits at 96 %, and
// suspends at 60 % for unknown errors and for downtime, so warnings at the scores' usual display bands would come after
// the end.
const (
	auditWarning       = 99.5
	auditCritical      = 98.0
	suspensionWarning  = 95.0
	suspensionCritical = 80.0
	onlineWarning      = 95.0
	onlineCritical     = 70.0
)

func below(percent *float64, warning, critical float64) Severity {
	switch {
	case percent == nil:
		return Unknown
	case *percent < critical:
		return Critical
	case *percent < warning:
		return Warning
	default:
		return Fine
	}
}

func (s Score) severity(warning, critical float64) Severity {
	own := below(s.Percent, warning, critical)
	if s.Percent == nil || s.Judged == Unknown {
		return own
	}
	return worst(own, s.Judged) // the frame carries the operator's thresholds
}

func (s Satellite) audit() Severity { return s.Audit.severity(auditWarning, auditCritical) }
func (s Satellite) suspension() Severity {
	return s.Suspension.severity(suspensionWarning, suspensionCritical)
}
func (s Satellite) online() Severity { return s.Online.severity(onlineWarning, onlineCritical) }

// Severity is the worst of what this satellite says. A verdict (disqualified, suspended) outweighs every score.
func (s Satellite) Severity() Severity {
	if isTrue(s.Disqualified) || isTrue(s.Suspended) || isTrue(s.OfflineSuspended) {
		return Critical
	}
	return worst(s.audit(), s.suspension(), s.online())
}

// Severity is the worst of the node's state and of its satellites. A node without any score is Unknown, not fine; and
// what is stale cannot be fine either.
func (n Node) Severity(now time.Time, staleAfter time.Duration) Severity {
	found := n.stateSeverity()
	if n.UpToDate != nil && !*n.UpToDate {
		found = worst(found, Warning)
	}
	if strings.EqualFold(n.QUIC, "Misconfigured") {
		found = worst(found, Warning)
	}
	if len(n.Satellites) == 0 {
		found = worst(found, Unknown)
	}
	for _, satellite := range n.Satellites {
		found = worst(found, satellite.Severity())
		if satellite.stale(now, staleAfter) {
			found = worst(found, Unknown)
		}
	}
	return found
}

func (n Node) stateSeverity() Severity {
	switch n.State {
	case "connected":
		return Fine
	case "slow":
		return Warning
	case "unreachable":
		return Critical
	default:
		return Unknown
	}
}

func (s Satellite) stale(now time.Time, staleAfter time.Duration) bool {
	if staleAfter <= 0 {
		staleAfter = DefaultStaleAfter
	}
	return s.At.IsZero() || now.Sub(s.At) > staleAfter
}

// judge reads a value against the thresholds that the frame carries for a panel, by the colour a panel would take.
func judge(field *data.Field, value float64) Severity {
	if field.Config == nil || field.Config.Thresholds == nil || field.Config.Thresholds.Mode == data.ThresholdsModePercentage {
		return Unknown
	}
	colour := ""
	for _, step := range field.Config.Thresholds.Steps {
		if value >= float64(step.Value) {
			colour = step.Color
		}
	}
	switch {
	case strings.Contains(colour, "red"):
		return Critical
	case strings.Contains(colour, "yellow"), strings.Contains(colour, "orange"):
		return Warning
	case strings.Contains(colour, "green"):
		return Fine
	default:
		return Unknown
	}
}

func isTrue(flag *bool) bool { return flag != nil && *flag }
