// Package presence is the concern of whether a node is there: whether it runs, whether its
// satellites can reach it, and whether we can see it.
//
// It knows starts, stops and deaths, pings, versions and clocks, and what of a node cannot be
// watched. It does not know how a node is asked nor how its log is read, and it judges no score
// and no transfer.
package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Polls and lines come side by side, so that each side has a document of its own.
const (
	polledName = "presence"
	heardName  = "presence-log"
)

// Concern is the presence concern.
type Concern struct {
	Now func() time.Time // nil: time.Now
}

// Policies are none: what is known fits into documents.
func (Concern) Policies(settings.Retention) map[string]store.Policy { return nil }

// Types are none: what there is to see of a node's presence are its conditions.
func (Concern) Types() []concern.Type { return nil }

// Answer refuses every query.
func (Concern) Answer(_ context.Context, request concern.Request) (data.Frames, error) {
	return nil, fmt.Errorf("queryType %q is none of the presence's", request.Query.QueryType)
}

// readPolled is what a node's polls said; ok is false when there was none.
func readPolled(from *store.Store, node concern.Node) (p polled, ok bool) {
	return p, readDocument(from, node.StoredAs(polledName), &p)
}

// readHeard is what a node's log said.
func readHeard(from *store.Store, node concern.Node) (h heard) {
	if !readDocument(from, node.StoredAs(heardName), &h) {
		return heard{}
	}
	return h
}

// readDocument answers false also where a document cannot be read: what it said is learnt
// again.
func readDocument(from *store.Store, key string, into any) bool {
	document, ok := from.Document(key)
	return ok && json.Unmarshal(document, into) == nil
}

func putDocument(into *store.Batch, key string, what any) error {
	document, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	into.Put(key, document)
	return nil
}
