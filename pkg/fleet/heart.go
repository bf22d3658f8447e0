package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/heartbeat"
)

func (f *Fleet) newHeartbeat() *heartbeat.Heartbeat {
	return heartbeat.New(heartbeat.Options{
		URL:     func() string { return f.currentSettings().Alerts.Heartbeat },
		Healthy: f.watches,
		Now:     f.now,
	})
}

// beat sends heartbeats, for ever.
func (f *Fleet) beat(ctx context.Context) {
	for ctx.Err() == nil {
		func() {
			defer func() {
				if cause := recover(); cause != nil {
					f.panics.Add(1)
					f.log.Error("the heartbeat failed, it starts again", "cause", cause, "stack", stack())
				}
			}()
			f.heartbeat.Run(ctx)
		}()
		wait(ctx, firstRetry)
	}
}

// judgedWithin is how old the last look at the conditions may be.
const judgedWithin = 4 * judgeInterval

// watches says whether the fleet does what it is for: the store takes what is learnt, the
// conditions are judged, and at least one node is seen.
func (f *Fleet) watches() (ok bool, why string) {
	f.mu.Lock()
	opened, err := f.store, f.storeErr
	f.mu.Unlock()
	switch {
	case opened == nil && err != nil:
		return false, err.Error()
	case opened == nil:
		return false, "the store is not open"
	}
	if status := opened.Status(); status.CommitError != "" {
		return false, status.CommitError
	}
	if judged := time.Unix(0, f.judged.Load()); f.now().Sub(judged) > judgedWithin {
		return false, fmt.Sprintf("the conditions were not judged since %s", judged.UTC().Format("15:04:05 UTC"))
	}
	nodes := f.watched()
	for _, node := range nodes {
		if node.Answers() {
			return true, ""
		}
		if node.LogTrouble == "" && f.now().Sub(node.LogRead) < quietLog {
			return true, ""
		}
	}
	return false, fmt.Sprintf("none of the %d nodes can be seen", len(nodes))
}

// checkHeartbeat says whether somebody would be told of the end of all this.
func (f *Fleet) checkHeartbeat() []Check {
	check := Check{Name: "heartbeat", Verdict: OK}
	status := f.heartbeat.Status()
	switch status.State {
	case heartbeat.Off:
		return nil
	case heartbeat.Waiting:
		check.Verdict, check.Message = Info, fmt.Sprintf("the first heartbeat to %s is about to be sent", status.Host)
	case heartbeat.Held:
		check.Verdict, check.Message, check.Mend = Warning, fmt.Sprintf("no heartbeat is sent to %s: %s", status.Host, status.Why), "mend that: the service will tell that the heartbeat is missing, as it should"
	case heartbeat.Failing:
		check.Verdict, check.Message, check.Mend = Warning, fmt.Sprintf("the heartbeat does not reach %s: %s", status.Host, status.LastError), "check the address and this machine's way to it"
	default:
		check.Message = fmt.Sprintf("%s got a heartbeat at %s", status.Host, status.LastSuccess.UTC().Format("15:04:05 UTC"))
	}
	return []Check{check}
}
