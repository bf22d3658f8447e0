// Package latency is the concern of how long a node's uploads and downloads take: as
// percentiles that are true over any time, as heat maps, and the slowest of them.
//
// It pairs the lines that say that a transfer began and that it ended, or takes what the
// node's debug port says, and keeps histograms that merge without loss. Only successful
// transfers are in them, as in the node's own figures: a race that was lost says how fast
// others were. It does not know how a log is read or parsed, nor how much was transferred:
// that is another concern.
package latency

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The concern's names in the store. A histogram has some dozens of numbers, so that the
// hours of all satellites and actions over a year would take more than all else together:
// some 5 MiB a busy node. So what lies back further than two weeks is kept coarser than counts
// are, in a family of its own, whose steps need not be those of the first.
const (
	name  = "latency"
	later = "latency-later"
)

// The steps that are kept, and each for how long by default: minutes for 48 hours, hours
// for 14 days, quarters of days for 30 days, four days for 400.
const (
	hour       = time.Hour
	quarterDay = 6 * time.Hour
	day        = 24 * time.Hour
	fourDays   = 4 * day
)

// Concern is the latency concern; it has no state of its own.
type Concern struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Policies say how long latency is kept.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	policy := func(recorded, coarser tier) store.Policy {
		return store.Policy{
			Keep: recorded.keep, Rollups: []store.Rollup{{Step: coarser.step, Keep: coarser.keep}},
			Aggregates: []store.Aggregate{store.Sum}, Additive: true,
		}
	}
	all := tiers(retention)
	return map[string]store.Policy{name: policy(all[0], all[1]), later: policy(all[2], all[3])}
}

// Listen gives an ear for one node.
func (c Concern) Listen(node concern.Node, from *store.Store) concern.Ear {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	return newEar(node, from, now)
}

// The stored columns. The histograms have the labels of a satellite and an action. The
// numbers are of the node as a whole; those that begin with a source have it as label.
const (
	loggedColumn = "logged" // histogram: from the log
	polledColumn = "polled" // histogram: from the debug port

	countColumn    = "count"     // of a source: successful transfers
	slowColumn     = "slow"      // of a source: those of them that took as long as the limit of an info or longer
	verySlowColumn = "very_slow" // of a source: those that took as long as that of a warning

	coarseColumn  = "coarse"  // those of the log that are of whole seconds
	droppedColumn = "dropped" // starts that were forgotten before their end came
)

// The labels of the stored columns.
const (
	satelliteLabel = "satellite"
	actionLabel    = "action"
	sourceLabel    = "source"
)

// unit is what the histograms count in. Their sums are whole numbers of it, which take
// less than others.
const unit = 100 * time.Microsecond

// longest is how long a transfer can take. A node ends one after at most some minutes
// without a byte: what is longer is the end of another one.
const longest = time.Hour

// actionNames are the actions in the node's own words.
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

const actions = len(actionNames)

func actionName(action storagenode.Action) string {
	if int(action) >= actions {
		action = storagenode.OtherAction
	}
	return actionNames[action]
}
