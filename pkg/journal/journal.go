// Package journal is the concern of what happened to a node: its events, as restarts,
// lost pieces and failed pings, and the errors in its log, counted by what they say.
//
// It knows which lines are worth a sentence and how to say it. What is a state rather
// than an event, as what a node is busy with, is another concern's.
package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The concern's names in the store: of the group that counts events by the hour and of
// the document with the node's version, and of the group and the document of errors.
const (
	name       = "journal"
	errorsName = "errors"
)

// The query types.
const (
	eventsType = "events"
	errorsType = "errors"
)

// Concern is the journal; it has no state of its own.
type Concern struct{}

// Policies say how long errors are counted in minutes, ten minutes and hours, and for
// how long events are counted. The events themselves stay as long as the store keeps
// what has no policy.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	return map[string]store.Policy{
		name: {Keep: retention.Events, Additive: true},
		errorsName: {
			Keep:       concern.Kept(retention.Minutes),
			Rollups:    []store.Rollup{{Step: tenMinutes, Keep: concern.Kept(retention.TenMinutes)}, {Step: time.Hour, Keep: concern.Kept(retention.Hours)}},
			Aggregates: []store.Aggregate{store.Sum},
			Additive:   true,
		},
	}
}

const tenMinutes = 10 * time.Minute

// Types are the query types of this concern.
func (Concern) Types() []concern.Type {
	return []concern.Type{
		{Name: eventsType, Formats: []concern.Format{concern.Table, concern.Annotations}, Filters: []concern.Filter{concern.Kinds}},
		{Name: errorsType, Formats: []concern.Format{concern.Table}},
	}
}

// Answer answers a query for events or errors.
func (Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	var frame *data.Frame
	var err error
	if request.Query.QueryType == errorsType {
		frame, err = answerErrors(ctx, request)
	} else {
		frame, err = answerEvents(ctx, request)
	}
	if err != nil {
		return nil, err
	}
	if notices := notices(request); len(notices) > 0 {
		frame.AppendNotices(notices...)
	}
	return data.Frames{frame}, nil
}

// running is which version a node runs, kept to notice when it is another one.
type running struct {
	Version string    `json:"version"`
	Since   time.Time `json:"since"` // when it was first seen
}

func readRunning(from *store.Store, node concern.Node) (known running) {
	if document, ok := from.Document(node.StoredAs(name)); ok {
		// What cannot be read is learnt again, without an event.
		_ = json.Unmarshal(document, &known)
	}
	return known
}

// runs notes the version that a node runs at a time; where it ran another one before, as
// an event. What was written before the version was first seen says nothing new.
func runs(node concern.Node, version string, at time.Time, known running, into *store.Batch) error {
	version = strings.TrimPrefix(version, "v")
	if version == "" || version == known.Version || at.Before(known.Since) {
		return nil
	}
	if known.Version != "" {
		kind := updated
		into.AppendEvent(kind.event(node, "", at, fmt.Sprintf("The node was updated from v%s to v%s", known.Version, version)))
	}
	document, err := json.Marshal(running{Version: version, Since: at})
	if err != nil {
		return fmt.Errorf("write the version of %s: %w", node.Name, err)
	}
	into.Put(node.StoredAs(name), document)
	return nil
}

// Record notes a new version. Most logs do not say it.
func (Concern) Record(node concern.Node, poll concern.Poll, from *store.Store, into *store.Batch) error {
	if poll.Status == nil {
		return nil
	}
	known := readRunning(from, node)
	at := poll.At
	if started := poll.Status.StartedAt; started.After(known.Since) && started.Before(at) {
		at = started // the update was when the process began
	}
	return runs(node, poll.Status.Version, at, known, into)
}

// Listen gives an ear for one node.
func (Concern) Listen(node concern.Node, from *store.Store) concern.Ear {
	return &ear{node: node, from: from, errors: newCatalogue(node, from), counts: map[hourly]float64{}}
}

var _ concern.Listener = Concern{}
