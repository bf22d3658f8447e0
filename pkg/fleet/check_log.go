package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// checkFollowing says how far the log of a node is read, what stands in the way, and what
// cannot be seen in it.
func (f *Fleet) checkFollowing(node settings.Node) []Check {
	f.mu.Lock()
	w := f.workers[node.Name]
	f.mu.Unlock()
	if w == nil {
		return nil
	}
	if wrong := w.wrongPair(); wrong != "" {
		return []Check{{Name: "log_followed", Verdict: Info, Message: "the log is not followed: " + wrong}} // same_node is the failure
	}
	w.mu.Lock()
	l := w.listening
	w.mu.Unlock()
	if l == nil {
		return []Check{{Name: "log_followed", Verdict: Info, Message: "the log is about to be followed"}}
	}
	now := f.now()
	status, evidence := l.state(now)
	checks := []Check{following(node, status)}
	if l.lost != "" {
		checks = append(checks, Check{Name: "log_followed", Verdict: Warning, Message: "it was not known up to where the log was counted, so it is followed from its end on, and what was written before that is not counted: " + l.lost, Mend: "restore a backup of the store if you have one; look after the disk that it is on"})
	}
	for _, notice := range status.Notices {
		verdict := map[logsource.Severity]Verdict{logsource.Info: Info, logsource.Warning: Warning, logsource.Critical: Failure}[notice.Severity]
		checks = append(checks, Check{Name: "log_rotation", Verdict: verdict, Message: notice.Text, Mend: notice.Mend})
	}
	checks = append(checks, checkLeftOut(l.leftOut(), status)...)
	if status.State == logsource.Following {
		checks = append(checks, notWatched(evidence, f)...)
	}
	return checks
}

func following(node settings.Node, status logsource.Status) Check {
	check := Check{Name: "log_followed", Verdict: OK}
	switch {
	case status.Trouble != "":
		check.Verdict, check.Message, check.Mend = Failure, status.Trouble, status.Mend
	case status.State == logsource.Following && status.BackfillDone < status.BackfillTotal:
		check.Message = fmt.Sprintf("%s is followed; of what it had before, %d %% are read", node.Log, 100*status.BackfillDone/status.BackfillTotal)
	case status.State == logsource.Following:
		check.Message = fmt.Sprintf("%s is followed", node.Log)
	case status.State == logsource.CatchingUp:
		check.Verdict, check.Message = Info, fmt.Sprintf("%s is being read, %d MiB are left", node.Log, status.Behind>>20)
	default:
		check.Verdict, check.Message, check.Mend = Info, fmt.Sprintf("%s: %s", node.Log, status.State), "this takes a moment"
	}
	return check
}

// checkLeftOut says which lines could not be read, by their shapes and never by what they say,
// and which were left out or cut.
func checkLeftOut(out leftOut, status logsource.Status) []Check {
	var parts []string
	count := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, u := range out.unparsed {
		what := string(u.Reason)
		if len(u.Shapes) > 0 {
			what += fmt.Sprintf(" (such as %q)", u.Shapes)
		}
		count(u.Count, what)
	}
	count(out.future, "with a time that is too far ahead")
	count(out.cut+status.LongLines, "longer than 64 KiB, of which the rest was left out")
	count(status.BadStamps, "without a good time of the log forwarder")
	if len(parts) == 0 {
		return nil
	}
	return []Check{{Name: "log_unparsed", Verdict: Info, Message: "lines that were left out, or not read wholly, since the start: " + strings.Join(parts, ", "), Mend: "check that only the node writes to this log, and the node's clock; all other lines count"}}
}

// watchedBy says what depends on which lines.
var watchedBy = []struct {
	kind    concern.LineKind
	what    string
	verdict Verdict
}{
	{concern.TransferLines, "traffic and success rates", Warning},
	{concern.AuditLines, "failed audits as they happen", Warning},
	{concern.StartLines, "latency and slow audits", Info},
}

// notWatched lists what a log does not let see, what changes that once for all that one
// change mends.
func notWatched(evidence concern.Evidence, f *Fleet) []Check {
	var checks []Check
	for _, w := range watchedBy {
		why, mend := evidence.Blind(w.kind, f.now())
		if why == "" {
			continue
		}
		at := slices.IndexFunc(checks, func(c Check) bool { return c.Mend == mend })
		if at >= 0 {
			checks[at].Message = strings.Replace(checks[at].Message, ": ", ", "+w.what+": ", 1)
			continue
		}
		if w.verdict == Info {
			mend = "if you want to see these, too: " + mend // else it is well as it is
		}
		checks = append(checks, Check{Name: "not_watched", Verdict: w.verdict, Message: "not watched, " + w.what + ": " + why, Mend: mend})
	}
	return checks
}

// blindList names what a log does not let see, in a line.
func blindList(evidence concern.Evidence, now time.Time) string {
	var blind []string
	for _, w := range watchedBy {
		if why, _ := evidence.Blind(w.kind, now); why != "" {
			blind = append(blind, w.what)
		}
	}
	return strings.Join(blind, ", ")
}
