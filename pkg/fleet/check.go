package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Verdict is how a check ended.
type Verdict string

// The verdicts, from good to bad.
const (
	OK      Verdict = "ok"
	Info    Verdict = "info"
	Warning Verdict = "warning"
	Failure Verdict = "error"
)

// Check is one thing that was looked at, and what to do about it. A check of the
// data source itself names no node.
type Check struct {
	Node    string  `json:"node"`
	Name    string  `json:"check"`
	Verdict Verdict `json:"status"`
	Message string  `json:"message"`
	Mend    string  `json:"mend,omitempty"`
}

const (
	// tailBytes is how much of a log's end the checks of its lines read.
	tailBytes = 1 << 20
	// quietLog is after how long a log without a new line is worth a word.
	quietLog = time.Hour
	// tolerableSkew is how far two clocks may be apart; a satellite tolerates more,
	// but the order of events is then no longer to be told.
	tolerableSkew = 10 * time.Second
)

// Check looks at the store and at every node at once, and answers soon after the
// context ends, whatever hangs.
func (f *Fleet) Check(ctx context.Context) []Check {
	current, report := f.Settings()
	statuses := f.Statuses()
	results := make([][]Check, 1+len(current.Nodes))
	var group sync.WaitGroup
	group.Go(func() {
		results[0] = inTime(ctx, func() []Check { return f.checkStore(ctx) }, func(why string) []Check {
			return []Check{{Name: "store", Verdict: Failure, Message: "the store could not be checked: " + why, Mend: "check the disk of the data folder"}}
		})
	})
	for i, node := range current.Nodes {
		status := Status{Name: node.Name}
		for _, s := range statuses {
			if s.Name == node.Name {
				status = s
			}
		}
		group.Go(func() { results[1+i] = f.checkNode(ctx, node, status, current) })
	}
	group.Wait()
	return slices.Concat(checkSettings(current, report), f.checkHeartbeat(), slices.Concat(results...))
}

// checkGrace is how long a check that ends with its context may take to say so.
const checkGrace = 300 * time.Millisecond

// inTime runs a check that may hang in a file system, where nothing interrupts it,
// or fail. It then answers what otherwise makes of the reason.
func inTime[T any](ctx context.Context, check func() T, otherwise func(why string) T) T {
	result := make(chan T, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				result <- otherwise(fmt.Sprintf("an error in the plugin: %v", cause))
			}
		}()
		result <- check()
	}()
	select {
	case r := <-result:
		return r
	case <-ctx.Done():
	}
	timer := time.NewTimer(checkGrace)
	defer timer.Stop()
	select {
	case r := <-result:
		return r
	case <-timer.C:
		return otherwise("no answer in the time of this check")
	}
}

func checkSettings(current settings.Settings, report settings.Report) []Check {
	var checks []Check
	for _, problem := range report.Problems {
		message := problem.Field + ": " + problem.Reason
		if problem.Spec != "" {
			message = fmt.Sprintf("%q: %s", problem.Spec, message)
		}
		checks = append(checks, Check{Name: "settings", Verdict: Failure, Message: message, Mend: problem.Mend})
	}
	for _, warning := range report.Warnings {
		checks = append(checks, Check{Name: "settings", Verdict: Warning, Message: warning, Mend: "correct it in the data source's settings or its provisioning file; nothing is lost meanwhile"})
	}
	if len(current.Nodes) == 0 {
		checks = append(checks, Check{Name: "settings", Verdict: Failure, Message: "no node is configured", Mend: "add a node, for example My-Node:/var/log/storagenode.log:http://localhost:14002"})
	}
	return checks
}

func (f *Fleet) checkStore(ctx context.Context) []Check {
	opened, err := f.openStore(ctx)
	if err != nil {
		mend := "see Grafana's log"
		var locked *store.LockedError
		var newer *store.NewerFormatError
		switch {
		case errors.As(err, &locked):
			mend = "end the other process; this one takes over by itself"
		case errors.As(err, &newer):
			mend = "install the newer version of the plugin again"
		}
		return []Check{{Name: "store", Verdict: Failure, Message: err.Error(), Mend: mend}}
	}
	status := opened.Status()
	if status.Path == "" {
		return append(checkLimits(status), Check{Name: "store", Verdict: Warning, Message: "everything is kept in memory only: the history is lost at every restart", Mend: "make the data folder writable for Grafana, or set data_dir under [plugin.storagenode-monitor-datasource] in grafana.ini"})
	}
	if status.CommitError != "" {
		return []Check{{Name: "store", Verdict: Failure, Message: status.CommitError, Mend: fmt.Sprintf("free space on the disk; %d rows wait in memory", status.PendingRows)}}
	}
	checks := checkUpkeep(status)
	for _, damage := range status.Damage {
		checks = append(checks, Check{Name: "store", Verdict: Warning, Message: damage, Mend: "check the disk; the copy can be deleted once it is not needed"})
	}
	checks = append(checks, checkLimits(status)...)
	return append(checks, Check{Name: "store", Verdict: OK, Message: fmt.Sprintf("%s is open, %d KiB", status.Path, (status.FileBytes+1023)/1024)})
}

// checkUpkeep says what the store fails to do with what it has written.
func checkUpkeep(status store.Status) []Check {
	var checks []Check
	for _, message := range status.UpkeepErrors {
		checks = append(checks, Check{Name: "store", Verdict: Warning, Message: message, Mend: "check the disk and the space that is free on it; what was recorded is in the answers meanwhile"})
	}
	return checks
}

// nearLimit is the part of the memory limit from which on health warns.
const nearLimit = 0.8

// checkLimits says what the store drops, or soon will.
func checkLimits(status store.Status) []Check {
	var checks []Check
	taken := fmt.Sprintf("the history takes %d of the %d MiB that it may take in memory", status.MemoryBytes>>20, status.MemoryLimit>>20)
	const (
		raise     = "raise memoryLimitMiB, or keep values as polled for fewer days (retention.rawDays)"
		raiseMore = "raise memoryLimitMiB; what went is in an earlier backup only"
	)
	if status.Shed > 0 {
		checks = append(checks, Check{Name: "store_memory", Verdict: Warning, Message: fmt.Sprintf("%s; %d of its oldest blocks of values as polled and counted were dropped since the start, their hours and days are kept", taken, status.Shed), Mend: raise})
	}
	if status.ShedSpared > 0 {
		checks = append(checks, Check{Name: "store_memory", Verdict: Warning, Message: fmt.Sprintf("%s; %d of its oldest blocks of events, hours and days were dropped since the start, because nothing else was left to drop: that history is gone", taken, status.ShedSpared), Mend: raiseMore})
	}
	if near := status.MemoryLimit > 0 && float64(status.MemoryBytes) >= nearLimit*float64(status.MemoryLimit); near && status.Shed+status.ShedSpared == 0 {
		checks = append(checks, Check{Name: "store_memory", Verdict: Warning, Message: taken + "; past that the oldest values as polled and counted are dropped", Mend: raise})
	}
	if status.UnwrittenRows > 0 {
		checks = append(checks, Check{Name: "store_memory", Verdict: Warning, Message: fmt.Sprintf("%d rows were refused since the start, because the file could not be written and what waited for that filled the memory", status.UnwrittenRows), Mend: "keep space free on the disk; logs are read once more from where they were, polls of that time are missing"})
	}
	if status.LateRows > 0 {
		checks = append(checks, Check{Name: "store_memory", Verdict: Warning, Message: fmt.Sprintf("%d rows of polls and logs were refused since the start, because the values of their time had been dropped to stay within the memory limit", status.LateRows), Mend: raise})
	}
	if status.RefusedRows > 0 {
		checks = append(checks, Check{Name: "store_times", Verdict: Warning, Message: fmt.Sprintf("%d rows of polls and logs were refused since the start, because their times were too far in the past or the future", status.RefusedRows), Mend: "check the clocks of this machine and of the nodes' machines, and switch on time synchronisation (NTP); lines of an old log, from before what is kept (retention, store.maxPastDays), are rightly refused"})
	}
	return checks
}

// side is what was found out about a node's log or its API.
type side struct {
	nodeID string // "" if it does not say it
	checks []Check
}

func (f *Fleet) checkNode(ctx context.Context, node settings.Node, status Status, current settings.Settings) []Check {
	var api, log side
	var group sync.WaitGroup
	group.Go(func() {
		api = inTime(ctx, func() side {
			answer, checks := f.checkAPI(ctx, node, status, current)
			return side{answer.NodeID, checks}
		}, func(why string) side {
			return side{checks: []Check{{Name: "api", Verdict: Failure, Message: "the API could not be checked: " + why, Mend: "look at Grafana's log"}}}
		})
	})
	group.Go(func() {
		log = inTime(ctx, func() side {
			nodeID, checks := f.checkLog(ctx, node)
			return side{nodeID, checks}
		}, func(why string) side {
			return side{checks: []Check{{Name: "log_readable", Verdict: Failure, Message: fmt.Sprintf("%s could not be checked: %s", node.Log, why), Mend: "check the disk and the mount"}}}
		})
	})
	group.Wait()
	checks := append(log.checks, api.checks...)
	switch {
	case log.nodeID == "" || api.nodeID == "":
	case log.nodeID == api.nodeID:
		checks = append(checks, Check{Name: "same_node", Verdict: OK, Message: "log and API are of the same node"})
	default:
		checks = append(checks, Check{Name: "same_node", Verdict: Failure,
			Message: fmt.Sprintf("the log is of node %s, the API at %s of node %s", short(log.nodeID), endpointOf(node, status), short(api.nodeID)),
			Mend:    "correct the log's path or the API's address: two nodes are mixed up"})
	}
	for i := range checks {
		checks[i].Node = node.Name
		checks[i] = checks[i].excusedBy(node, f.now())
	}
	return checks
}

// excusedBy makes a failure that is expected a mere information: the operator has
// retired the node, or said that it is in maintenance.
func (c Check) excusedBy(node settings.Node, now time.Time) Check {
	if c.Verdict != Failure && c.Verdict != Warning {
		return c
	}
	switch {
	case node.Retired:
		c.Verdict, c.Message = Info, "retired; "+c.Message
	case now.Before(node.MaintenanceUntil):
		c.Verdict, c.Message = Info, fmt.Sprintf("in maintenance until %s; %s", node.MaintenanceUntil.UTC().Format("2006-01-02 15:04 UTC"), c.Message)
	}
	return c
}

// endpointOf is where the node's API is, as given or as found; "" if it is not known.
func endpointOf(node settings.Node, status Status) string {
	if node.API != "" {
		return node.API
	}
	return status.Endpoint
}

// mendAPI is for failures that name nothing better to do.
const mendAPI = "check the API address: the node's console is on port 14002 by default"

// checkAPI asks the API anew, if it is known where that is.
func (f *Fleet) checkAPI(ctx context.Context, node settings.Node, status Status, current settings.Settings) (storagenode.Status, []Check) {
	endpoint := endpointOf(node, status)
	switch {
	case endpoint == "" && status.LastError != "":
		return storagenode.Status{}, []Check{{Name: "api", Verdict: Failure, Message: status.LastError, Mend: "write the node's API address, for example http://localhost:14002"}}
	case endpoint == "":
		return storagenode.Status{}, []Check{{Name: "api", Verdict: Info, Message: "the node's API is being looked for", Mend: "save again in a moment, or write the API address"}}
	case node.API != "" && !current.AllowsAPI(endpoint):
		return storagenode.Status{}, []Check{{Name: "api", Verdict: Failure, Message: endpoint + " is not on this machine and remote APIs are not allowed", Mend: "allow remote APIs in the data source's settings"}}
	}
	http, err := storagenode.HTTPClient(current.InteractiveTimeout)
	if err != nil {
		return storagenode.Status{}, []Check{{Name: "api", Verdict: Failure, Message: err.Error(), Mend: mendAPI}}
	}
	defer http.CloseIdleConnections()
	client, err := storagenode.NewClient(endpoint, http)
	if err != nil {
		return storagenode.Status{}, []Check{{Name: "api", Verdict: Failure, Message: err.Error(), Mend: mendAPI}}
	}
	asked := f.now()
	answer, err := client.Status(ctx)
	if err != nil {
		return storagenode.Status{}, []Check{apiFailure(err, status, current)}
	}
	checks := []Check{{Name: "api", Verdict: OK, Message: fmt.Sprintf("%s answers: node %s, version %s", endpoint, short(answer.NodeID), answer.Version)}}
	if len(answer.Satellites) == 0 {
		checks = append(checks, Check{Name: "satellites", Verdict: Info, Message: "no satellite has contacted this node yet: scores follow once one has"})
	}
	return answer, append(checks, checkClock(answer.ServerTime, asked, f.now())...)
}

func apiFailure(err error, status Status, current settings.Settings) Check {
	var failed *storagenode.APIError
	if !errors.As(err, &failed) {
		return Check{Name: "api", Verdict: Failure, Message: err.Error(), Mend: mendAPI}
	}
	if failed.Kind == storagenode.TimedOut || failed.Kind == storagenode.Canceled {
		message := "the API did not answer in the time of this check"
		if !status.LastSuccess.IsZero() {
			return Check{Name: "api", Verdict: Warning, Message: message + fmt.Sprintf("; it last answered at %s", status.LastSuccess.UTC().Format("15:04 UTC")),
				Mend: fmt.Sprintf("a busy node answers slowly: polls wait up to %s", current.BackgroundTimeout)}
		}
		return Check{Name: "api", Verdict: Failure, Message: message, Mend: fmt.Sprintf("check that the node runs; polls wait up to %s for its answer", current.BackgroundTimeout)}
	}
	return Check{Name: "api", Verdict: Failure, Message: failed.Endpoint + failed.Path + ": " + failed.Reason, Mend: failed.Mend}
}

// checkClock compares the node's clock, which HTTP gives in whole seconds, with
// ours at the time of asking and of the answer.
func checkClock(theirs, asked, answered time.Time) []Check {
	if theirs.IsZero() {
		return nil
	}
	var skew time.Duration
	switch {
	case theirs.After(answered):
		skew = theirs.Sub(answered)
	case theirs.Add(time.Second).Before(asked):
		skew = theirs.Add(time.Second).Sub(asked)
	}
	if skew.Abs() <= tolerableSkew {
		return []Check{{Name: "clock", Verdict: OK, Message: "the node's clock agrees with this machine's"}}
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	return []Check{{Name: "clock", Verdict: Warning, Message: fmt.Sprintf("the node's clock is %s %s this machine's", skew.Abs().Round(time.Second), direction), Mend: "switch on time synchronisation (NTP) on both machines"}}
}

func (f *Fleet) checkLog(ctx context.Context, node settings.Node) (nodeID string, checks []Check) {
	switch node.Log.Kind {
	case settings.LogTCP:
		if err := logsource.Dial(ctx, node.Log.Address); err != nil {
			return "", []Check{{Name: "log_path", Verdict: Failure, Message: fmt.Sprintf("nothing takes connections at %s", node.Log.Address), Mend: "start the log forwarder on the node's machine and open its port"}}
		}
		checks = []Check{{Name: "log_path", Verdict: OK, Message: node.Log.Address + " takes connections"}}
		return "", append(checks, f.checkFollowing(node)...)
	case settings.LogDocker:
		return "", f.checkFollowing(node)
	case settings.LogFile:
		file, err := logsource.Inspect(node.Log.Path)
		if err != nil {
			return "", []Check{fileTrouble(err)}
		}
		checks = []Check{{Name: "log_readable", Verdict: OK, Message: fmt.Sprintf("%s can be read, %d KiB", file.Path, (file.Size+1023)/1024)}}
		lines := f.checkLines(ctx, node.Log.Path)
		blind := slices.ContainsFunc(lines, func(c Check) bool {
			return c.Verdict == Warning && (c.Name == "log_level" || c.Name == "log_transfers")
		})
		for _, check := range f.checkFollowing(node) {
			// What the last lines show by themselves is said once.
			if check.Name != "not_watched" || check.Verdict != Warning || !blind {
				lines = append(lines, check)
			}
		}
		return lastNodeID(ctx, node.Log), append(checks, lines...)
	}
	return "", []Check{{Name: "log_path", Verdict: Info, Message: "this node has no log: a failed audit shows only when its satellite lowers the score, hours later", Mend: "give the node's log too"}}
}

func fileTrouble(err error) Check {
	check := Check{Name: "log_readable", Verdict: Failure, Message: err.Error(), Mend: "check the path, the disk and the mount"}
	var trouble *logsource.Trouble
	if !errors.As(err, &trouble) {
		return check
	}
	check.Message, check.Mend = trouble.Reason, trouble.Mend
	if trouble.Kind != logsource.Forbidden {
		check.Name = "log_path"
	}
	if trouble.Kind == logsource.Missing && storagenode.InsideContainer() {
		check.Message += " inside this container"
		check.Mend = "mount the log's folder into Grafana's container, read-only, and write the path as it is in there"
	}
	return check
}

// checkLines reads the end of a log: do its lines parse, how old is the last, and
// which levels are there.
func (f *Fleet) checkLines(ctx context.Context, path string) []Check {
	var lines, parsed int
	var newest, oldest time.Time
	var why error
	transfers := false
	lowest := storagenode.Fatal + 1
	err := logsource.LastLines(ctx, path, tailBytes, func(raw []byte) bool {
		if len(bytes.TrimSpace(raw)) == 0 {
			return true
		}
		lines++
		line, err := storagenode.ParseLine(raw)
		if err != nil {
			why = err
			return true
		}
		parsed++
		if newest.IsZero() {
			newest = line.Time
		}
		oldest = line.Time
		transfers = transfers || isTransfer(line)
		lowest = min(lowest, line.Level)
		return true
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return []Check{{Name: "log_lines", Verdict: Warning, Message: "the log's end could not be read in the time of this check", Mend: "check the disk and the mount"}}
	case err != nil:
		return []Check{{Name: "log_lines", Verdict: Failure, Message: err.Error(), Mend: "check the path and the disk"}}
	case lines == 0:
		return []Check{{Name: "log_lines", Verdict: Warning, Message: "the log has no line yet", Mend: "check that the node writes to this file (log.output)"}}
	case parsed == 0:
		return []Check{{Name: "log_lines", Verdict: Failure, Message: fmt.Sprintf("none of the last %d lines is a storage node's: %v", lines, why), Mend: "check the path; log.encoding must be console or json"}}
	}
	checks := []Check{{Name: "log_lines", Verdict: OK, Message: fmt.Sprintf("%d of the last %d lines are a storage node's", parsed, lines)}}
	if parsed < lines/2 {
		checks[0].Verdict = Warning
		checks[0].Mend = "check that only the node writes to this file, and that log.encoding is console or json"
	}
	age := f.now().Sub(newest)
	switch {
	case age > quietLog:
		checks = append(checks, Check{Name: "log_age", Verdict: Warning, Message: fmt.Sprintf("the last line is of %s, %s ago", newest.UTC().Format("2006-01-02 15:04:05 UTC"), age.Round(time.Minute)), Mend: "check that the node runs and writes to this file"})
	case age < -tolerableSkew:
		checks = append(checks, Check{Name: "log_age", Verdict: Warning, Message: fmt.Sprintf("the last line is %s in the future", (-age).Round(time.Second)), Mend: "switch on time synchronisation (NTP) on both machines"})
	default:
		checks = append(checks, Check{Name: "log_age", Verdict: OK, Message: fmt.Sprintf("the last line is %s old", max(age, 0).Round(time.Second))})
	}
	if lowest > storagenode.Info {
		return append(checks, Check{Name: "log_level", Verdict: Warning, Message: fmt.Sprintf("no line below %s among the last %d: transfers cannot be seen in this log", lowest, lines), Mend: "set log.level: info in the node's config.yaml, and remove log.custom-level"})
	}
	checks = append(checks, Check{Name: "log_level", Verdict: OK, Message: fmt.Sprintf("lines from level %s on are there", lowest)})
	if span := newest.Sub(oldest); !transfers && span >= noTransfers {
		checks = append(checks, Check{Name: "log_transfers", Verdict: Warning,
			Message: fmt.Sprintf("no transfer among the last %d lines, which span %s: failed audits cannot be seen in this log", lines, span.Round(time.Minute)),
			Mend:    "remove log.custom-level from the node's config.yaml; a node that really has no traffic is a matter of its own"})
	}
	return checks
}

// noTransfers is for how long a node with traffic does not go without a transfer.
const noTransfers = 2 * time.Hour

// isTransfer says whether a line is of an upload or a download. The message tells:
// loggers differ between versions.
func isTransfer(line storagenode.Line) bool {
	return strings.HasPrefix(line.Message, "upload") || strings.HasPrefix(line.Message, "download")
}
