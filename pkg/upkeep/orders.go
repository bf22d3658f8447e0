package upkeep

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// ordersName is the name of the document about a node's orders.
const ordersName = "orders"

// Each hour a node sends its satellites the orders by which it is paid. It writes that an
// attempt is over whether or not it succeeded, and if not, at once after that, that it failed.
// So an end counts as settled when no failure follows it.
const (
	// sameAttempt is within which a failure belongs to the end before it.
	sameAttempt = 5 * time.Second
	// maxReason is the longest reason of a failure that is kept.
	maxReason = 300
)

// settling is how the settlement with one satellite goes.
type settling struct {
	Satellite string    `json:"satellite"`
	Ended     time.Time `json:"ended,omitzero"`   // the newest attempt that is not known to have failed
	Settled   time.Time `json:"settled,omitzero"` // the newest that is known to have not
	Since     time.Time `json:"since,omitzero"`   // the first failure after the last settlement before it
	Failed    time.Time `json:"failed,omitzero"`  // the last failure
	Failures  int       `json:"failures,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of the last failure
}

// readOrders is what was kept of a node's orders, by satellite.
func readOrders(from *store.Store, node concern.Node) (all []settling) {
	if document, ok := from.Document(node.StoredAs(ordersName)); ok && json.Unmarshal(document, &all) != nil {
		return nil // what cannot be read is learnt again
	}
	return all
}

// order is what one line says of a settlement.
type order struct {
	at        time.Time
	satellite string
	failed    bool
	reason    string
}

// orderOf is what a line says of a settlement; ok is false for other lines, and where it does
// not say of which satellite: then it says nothing that counts.
func orderOf(event *storagenode.Event) (o order, ok bool) {
	switch {
	case event.Kind == storagenode.OrdersFailed:
		reason := event.Reason[:min(len(event.Reason), maxReason)]
		o = order{failed: true, reason: strings.TrimRight(strings.ToValidUTF8(string(reason), ""), ". ")}
	case event.Kind == storagenode.OrdersSettled:
	// Before v1.99 it has no count, and is told from what else finishes by its logger.
	case event.Kind == storagenode.OtherLine && event.Message == "finished" && event.Level == storagenode.Info && ordersOf(event.Logger) != "":
	default:
		return order{}, false
	}
	o.at, o.satellite = event.Time, strings.Clone(event.Satellite)
	if o.satellite == "" {
		o.satellite = strings.Clone(ordersOf(event.Logger)) // before v1.113
	}
	return o, o.satellite != ""
}

// ordersOf is the satellite in the name of a logger, or "".
func ordersOf(logger string) string {
	_, satellite, found := strings.Cut(logger, "orders.")
	if !found || len(satellite) < shortestID || len(satellite) > longestID {
		return ""
	}
	return satellite
}

// A satellite's id is of about 50 characters.
const shortestID, longestID = 40, 60

// learn takes a line. Lines come in the order of time; one that was heard before, or is older
// than what is known, changes nothing.
func (s *settling) learn(o order) {
	switch {
	case !o.at.After(s.Failed) || o.at.Before(s.Ended):
	case !o.failed:
		s.settle()
		s.Ended = o.at
	default:
		if o.at.Sub(s.Ended) > sameAttempt {
			s.settle()
		}
		s.Ended = time.Time{}
		if !s.Failed.After(s.Settled) {
			s.Since, s.Failures = o.at, 0
		}
		s.Failed, s.Reason = o.at, o.reason
		s.Failures++
	}
}

// settle notes that the newest end was no failure's.
func (s *settling) settle() {
	if s.Ended.After(s.Settled) {
		s.Settled = s.Ended
	}
}

// learnOrders puts lines into what is known, in the order of time.
func learnOrders(all []settling, lines []order) []settling {
	slices.SortStableFunc(lines, func(a, b order) int { return a.at.Compare(b.at) })
	for _, o := range lines {
		at, found := slices.BinarySearchFunc(all, o.satellite, func(s settling, id string) int { return strings.Compare(s.Satellite, id) })
		if !found {
			if len(all) >= maxSatellites {
				continue
			}
			all = slices.Insert(all, at, settling{Satellite: o.satellite})
		}
		all[at].learn(o)
	}
	return all
}

// flushOrders puts what was heard of orders into their document.
func (e *ear) flushOrders(into *store.Batch) error {
	if len(e.orders) == 0 {
		return nil
	}
	lines := e.orders
	e.orders = nil
	document, err := json.Marshal(learnOrders(readOrders(e.from, e.node), lines))
	if err != nil {
		return fmt.Errorf("write the orders of %s: %w", e.node.Name, err)
	}
	into.Put(e.node.StoredAs(ordersName), document)
	return nil
}
