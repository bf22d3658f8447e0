package journal

import (
	"fmt"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// kind is a kind of events.
type kind struct {
	name     string // in queries and in the store
	title    string
	severity string
	// hourly kinds can come many times a minute: an hour's are one event, at its
	// beginning, and a count.
	hourly bool
	// of says what a line tells, as a sentence; "" is no event. Of an hourly kind it
	// must not depend on the line, but for the satellite.
	of func(event *storagenode.Event) string
}

// The severities of events.
const (
	info     = "info"
	warning  = "warning"
	critical = "critical"
)

// always is a sentence that needs nothing of the line; %s stands for the satellite.
func always(sentence string) func(*storagenode.Event) string {
	if !strings.Contains(sentence, "%s") {
		return func(*storagenode.Event) string { return sentence }
	}
	return func(e *storagenode.Event) string { return fmt.Sprintf(sentence, satelliteOf(e)) }
}

var updated = kind{name: "node_updated", title: "Node updated", severity: info}

var kinds = map[storagenode.Kind]kind{
	storagenode.NodeStart:        {name: "node_started", title: "Node started", severity: info, of: always("The node started")},
	storagenode.NodeStopping:     {name: "node_stopping", title: "Node stopping", severity: info, of: stopping},
	storagenode.ServiceRestarted: {name: "service_restarted", title: "Updater restarted the node", severity: info, of: always("The updater restarted the node's service")},
	storagenode.NodeDied:         {name: "node_died", title: "Node stopped itself", severity: critical, of: withError("The node stopped itself")},
	storagenode.RunnerStopped:    {name: "runner_stopped", title: "Part of the node stopped", severity: critical, of: runnerStopped},
	storagenode.StorageUnusable:  {name: "storage_unusable", title: "Storage unusable", severity: critical, hourly: true, of: always("The node could not use its storage folder")},
	storagenode.VersionOutdated:  {name: "version_outdated", title: "Version outdated", severity: warning, hourly: true, of: always("The node found its version outdated")},

	storagenode.LostPieces:     {name: "lost_pieces", title: "Lost pieces", severity: critical, of: lostPieces},
	storagenode.ScoresWorsened: {name: "scores_worsened", title: "Scores worsened", severity: warning, of: scoresWorsened},
	storagenode.PingFailed:     {name: "ping_failed", title: "Ping failed", severity: warning, hourly: true, of: always("The node could not check in with %s")},
	storagenode.OrdersFailed:   {name: "orders_failed", title: "Orders not settled", severity: warning, hourly: true, of: always("The node could not settle its orders with %s")},

	storagenode.CompactionFinished: {name: "compaction_finished", title: "Compaction finished", severity: info, of: compactionFinished},
	storagenode.CompactionFailed:   {name: "compaction_failed", title: "Compaction failed", severity: warning, of: withError("A compaction for %s failed")},
	storagenode.StoreDamaged:       {name: "hashstore_damaged", title: "Hashstore damaged", severity: warning, of: storeDamaged},

	storagenode.WalkerFinished:      {name: "filewalker_finished", title: "Filewalker finished", severity: info, of: walkerFinished},
	storagenode.WalkerFailed:        {name: "filewalker_failed", title: "Filewalker failed", severity: warning, of: walkerFailed},
	storagenode.TrashEmptied:        {name: "trash_emptied", title: "Trash emptied", severity: info, of: always("The trash of %s was emptied")},
	storagenode.TrashEmptyingFailed: {name: "trash_emptying_failed", title: "Trash not emptied", severity: warning, of: withError("Emptying the trash failed")},
	storagenode.RetainFinished:      {name: "garbage_collected", title: "Garbage collected", severity: info, of: garbageCollected},
	storagenode.RetainFailed:        {name: "garbage_collection_failed", title: "Garbage collection failed", severity: warning, of: withError("The garbage collection for %s failed")},
	storagenode.MigrationStarted:    {name: "migration_started", title: "Migration started", severity: info, of: always("The pieces of %s are queued for migration to the hashstore")},
	storagenode.MigrationFinished:   {name: "migration_finished", title: "Migration finished", severity: info, of: always("All pieces of %s are migrated to the hashstore: its old folder was removed")},

	storagenode.DiskOverused: {name: "disk_overused", title: "Disk overused", severity: warning, hourly: true, of: always("The node uses more space than is allocated to it")},
	storagenode.DiskTooSmall: {name: "disk_too_small", title: "Disk too small", severity: warning, hourly: true, of: always("The disk has less space than the node is configured for")},
	storagenode.ClockSkewed:  {name: "clock_skewed", title: "Clock out of sync", severity: warning, hourly: true, of: always("The node's clock is out of sync with %s")},
}

// Of transfers only these are events.
var (
	uploadRejected = kind{name: "uploads_rejected", title: "Uploads rejected", severity: warning, hourly: true, of: always("The node refused uploads, because too many were under way")}
	pieceMissing   = kind{name: "pieces_missing", title: "Pieces missing", severity: critical, hourly: true, of: always("Pieces that %s asked for in an audit or a repair were not there")}
)

// kindsByNumber is kinds without the cost of a map: it is asked of every line.
var kindsByNumber = func() (all [256]*kind) {
	for number, k := range kinds {
		all[number] = &k
	}
	return all
}()

// kindNames are all names, for queries, and what stands behind each.
var kindsByName = func() map[string]kind {
	all := map[string]kind{updated.name: updated, uploadRejected.name: uploadRejected, pieceMissing.name: pieceMissing}
	for _, k := range kinds {
		all[k.name] = k
	}
	return all
}()

// kindOf is the kind of the event that a line tells, or nil.
func kindOf(event *storagenode.Event) *kind {
	switch event.Kind {
	case storagenode.UploadEnded:
		if event.Outcome == storagenode.OutcomeRejected {
			return &uploadRejected
		}
	case storagenode.DownloadEnded:
		if event.Cause == storagenode.PieceMissing && (event.Action == storagenode.GetAudit || event.Action == storagenode.GetRepair) {
			return &pieceMissing
		}
	default:
		return kindsByNumber[event.Kind]
	}
	return nil
}

// The labels of events in the store. The node is its history: names change.
const (
	nodeLabel      = "node"
	satelliteLabel = "satellite"
	severityLabel  = "severity"
)

func (k kind) event(node concern.Node, satelliteID string, at time.Time, text string) store.Event {
	labels := map[string]string{nodeLabel: node.History, severityLabel: k.severity}
	if satelliteID != "" {
		labels[satelliteLabel] = strings.Clone(satelliteID)
	}
	return store.Event{Time: at.UnixMilli(), Kind: k.name, Labels: labels, Text: text}
}

func satelliteOf(e *storagenode.Event) string {
	if e.Satellite == "" {
		return "a satellite"
	}
	return storagenode.SatelliteName(e.Satellite)
}

// maxReason is how much of an error a sentence holds.
const maxReason = 200

// reasonOf is the first line of what a line gives as its error, or "".
func reasonOf(e *storagenode.Event) string {
	reason := string(e.Reason)
	if reason == "" {
		reason, _ = e.Text("error")
	}
	return cut(clean(firstLine(reason)), maxReason)
}

func withError(sentence string) func(*storagenode.Event) string {
	plain := always(sentence)
	return func(e *storagenode.Event) string {
		text := plain(e)
		if reason := reasonOf(e); reason != "" {
			text += ": " + reason
		}
		return text
	}
}

func stopping(e *storagenode.Event) string {
	if _, signal, ok := strings.Cut(e.Message, `"`); ok {
		if signal, _, ok := strings.Cut(signal, `"`); ok {
			return "The node was told to stop: " + cut(clean(signal), maxReason)
		}
	}
	return "The node was told to stop"
}

func runnerStopped(e *storagenode.Event) string {
	part, ok := e.Text("name")
	if !ok {
		part = "a part of the node"
	}
	return withError(cut(clean(part), maxReason) + " stopped unexpectedly")(e)
}

func lostPieces(e *storagenode.Event) string {
	if pieces, ok := e.Int("piece_count"); ok {
		return fmt.Sprintf("The node told %s that it lost %d pieces", satelliteOf(e), pieces)
	}
	return fmt.Sprintf("The node told %s that it lost pieces", satelliteOf(e))
}

func scoresWorsened(e *storagenode.Event) string {
	scores, ok := e.Scores()
	if !ok {
		return ""
	}
	text := fmt.Sprintf("The scores with %s got worse: audit %s %%, suspension %s %%, online %s %%", satelliteOf(e),
		percent(scores.Audit), percent(scores.Suspension), percent(scores.Online))
	if scores.TotalAudits > 0 && scores.SuccessfulAudits >= 0 {
		text += fmt.Sprintf("; %d of %d audits succeeded", scores.SuccessfulAudits, scores.TotalAudits)
	}
	return text
}

func percent(score float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", 100*score), "0"), ".")
}

func compactionFinished(e *storagenode.Event) string {
	return fmt.Sprintf("A compaction for %s finished%s%s", satelliteOf(e), ofStore(e), took(e))
}

func storeDamaged(e *storagenode.Event) string {
	return fmt.Sprintf("The hashstore of %s is to be looked at: %s%s", satelliteOf(e), cut(clean(e.Message), maxReason), ofStore(e))
}

func ofStore(e *storagenode.Event) string {
	if store, ok := e.Text("store"); ok {
		return " (" + cut(clean(store), maxReason) + ")"
	}
	return ""
}

func took(e *storagenode.Event) string {
	duration, ok := e.DurationOf("duration")
	if !ok || duration <= 0 {
		return ""
	}
	for _, unit := range []time.Duration{time.Hour, time.Minute, time.Second, time.Millisecond} {
		if duration >= 100*unit {
			return " after " + duration.Round(unit).String()
		}
	}
	return " after " + duration.Round(time.Millisecond).String()
}

// A walk is told of by several lines. These are the ones of which there is one.
func walkerFinished(e *storagenode.Event) string {
	if !strings.HasSuffix(e.Message, "completed") {
		return ""
	}
	return fmt.Sprintf("The %s filewalker for %s finished%s", walker(e), satelliteOf(e), took(e))
}

func walkerFailed(e *storagenode.Event) string {
	return fmt.Sprintf("The %s filewalker for %s failed", walker(e), satelliteOf(e))
}

func walker(e *storagenode.Event) string {
	switch e.Walker() {
	case "gc":
		return "garbage"
	case "trash-cleanup":
		return "trash"
	case "used-space":
		return "used-space"
	}
	return "unknown"
}

func garbageCollected(e *storagenode.Event) string {
	if pieces, ok := e.Int("deleted_pieces"); ok {
		return fmt.Sprintf("The garbage collection for %s moved %d pieces to the trash%s", satelliteOf(e), pieces, took(e))
	}
	return fmt.Sprintf("The garbage collection for %s finished%s", satelliteOf(e), took(e))
}
