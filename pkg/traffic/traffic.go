// Package traffic is the concern of what a node uploads and downloads: how many
// transfers, how many bytes, how they ended, how large they were, and how many were
// under way at once.
//
// It counts what the log says, in minutes of the lines' own time, so that late and
// backfilled lines land where they belong. It does not know how a log is read or
// parsed, nor how long a single transfer took: that is another concern.
package traffic

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The concern's names in the store: of the group of its counts, and of that of its
// sizes, which are many and are kept for a shorter time.
const (
	name  = "traffic"
	sizes = "sizes"
)

// Concern is the traffic concern; it has no state of its own.
type Concern struct{}

// Policies say how long traffic is kept: minutes, then ten minutes, then hours. All
// of it are counts, which add up.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	policy := func(hours time.Duration) store.Policy {
		return store.Policy{
			Keep:       concern.Kept(retention.Minutes),
			Rollups:    []store.Rollup{{Step: tenMinutes, Keep: concern.Kept(retention.TenMinutes)}, {Step: time.Hour, Keep: concern.Kept(hours)}},
			Aggregates: []store.Aggregate{store.Sum},
			Additive:   true,
		}
	}
	return map[string]store.Policy{name: policy(retention.Hours), sizes: policy(retention.Sizes)}
}

const tenMinutes = 10 * time.Minute

// Record does nothing: a node's API says nothing of single transfers.
func (Concern) Record(concern.Node, concern.Poll, *store.Store, *store.Batch) error { return nil }

// Listen gives an ear for one node. It needs nothing of the past: what it hears adds
// up in the store.
func (Concern) Listen(node concern.Node, _ *store.Store) concern.Ear {
	return newEar(node)
}

// The stored columns. Those with labels are of one satellite and action, and but for
// busy of one outcome; the others are of all lines, and say what could be seen.
const (
	operationsColumn = "operations"
	bytesColumn      = "bytes"
	busyColumn       = "busy" // the transfers' durations, added up, in busyUnits; of all outcomes

	linesColumn         = "lines"          // of any kind
	startedColumn       = "started"        // transfers that begin; of former versions with labels
	transferLinesColumn = "transfer_lines" // finished transfers
	restartsColumn      = "restarts"

	// busyUnit is coarse because it changes every minute: what is finer costs memory, and a
	// log has whole seconds.
	busyUnit = 100 * time.Millisecond

	sizesColumn = "operations" // in the group of sizes: of one size class
)

// The labels of the stored columns.
const (
	satelliteLabel = "satellite"
	actionLabel    = "action"
	outcomeLabel   = "outcome"
	sizeLabel      = "size"
)

// actionNames are the actions in the node's own words. Old versions write how some
// transfers ended without saying what they were for.
var actionNames = [...]string{
	storagenode.NoAction:        "unknown",
	storagenode.Put:             "PUT",
	storagenode.Get:             "GET",
	storagenode.GetAudit:        "GET_AUDIT",
	storagenode.GetRepair:       "GET_REPAIR",
	storagenode.PutRepair:       "PUT_REPAIR",
	storagenode.Delete:          "DELETE",
	storagenode.PutGracefulExit: "PUT_GRACEFUL_EXIT",
	storagenode.OtherAction:     "OTHER",
}

const success = "success"

// outcomeNames are how transfers end; the first stands for those that only began.
var outcomeNames = [...]string{
	storagenode.NoOutcome:       "",
	storagenode.OutcomeSuccess:  success,
	storagenode.OutcomeCanceled: "canceled",
	storagenode.OutcomeFailed:   "failed",
	storagenode.OutcomeRejected: "rejected",
}

const (
	actions  = len(actionNames)
	outcomes = len(outcomeNames)
)

// sizeClass is a range of sizes: from its lowest number of bytes up to the next one's.
type sizeClass struct {
	from   int64
	stored string // in the columns' names
	shown  string
}

var sizeClasses = [...]sizeClass{
	{0, "0", "< 1 KiB"},
	{1 << 10, "1024", "1-4 KiB"},
	{4 << 10, "4096", "4-16 KiB"},
	{16 << 10, "16384", "16-64 KiB"},
	{64 << 10, "65536", "64-256 KiB"},
	{256 << 10, "262144", "256 KiB-1 MiB"},
	{1 << 20, "1048576", ">= 1 MiB"},
}

// classOf is the number of the class that a size is in.
func classOf(size int64) int {
	class := 0
	for class+1 < len(sizeClasses) && size >= sizeClasses[class+1].from {
		class++
	}
	return class
}
