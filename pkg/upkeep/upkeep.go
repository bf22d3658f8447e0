// Package upkeep is the concern of what a node does to its own storage: compactions of
// the hashstore, filewalkers, and the migration of pieces to the hashstore; and of the orders
// that it settles with its satellites.
//
// It knows what is going on now and how it went before, by the node's log. What of it is
// worth a sentence, another concern says.
package upkeep

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

// The concern's names in the store: of its document, and of the group that counts what
// was migrated.
const (
	name          = "upkeep"
	migrationName = "migration"
)

// The query types.
const (
	compactionsType = "compactions"
	filewalkersType = "filewalkers"
	migrationType   = "migration"
)

// Concern is the upkeep concern; it has no state of its own.
type Concern struct{}

// Policies say how long it is kept what was migrated in each hour.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	return map[string]store.Policy{migrationName: {Keep: retention.Hours, Additive: true}}
}

// Types are the query types of this concern.
func (Concern) Types() []concern.Type {
	table := []concern.Format{concern.Table}
	return []concern.Type{
		{Name: compactionsType, Formats: table},
		{Name: filewalkersType, Formats: table},
		{Name: migrationType, Formats: table},
	}
}

// Answer answers one of the concern's queries.
func (Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	satellites, err := concern.NewSelector(request.Query.Satellites)
	if err != nil {
		return nil, fmt.Errorf("satellites: %w", err)
	}
	a := answer{request: request, satellites: satellites}
	for _, node := range request.Watched {
		a.nodes = append(a.nodes, watched{node, read(request.Store, node.Node)})
	}
	var frame *data.Frame
	switch request.Query.QueryType {
	case compactionsType:
		frame = a.compactions()
	case filewalkersType:
		frame = a.filewalkers()
	default:
		if frame, err = a.migration(ctx); err != nil {
			return nil, err
		}
	}
	if notices := a.notices(); len(notices) > 0 {
		frame.AppendNotices(notices...)
	}
	return data.Frames{frame}, nil
}

// Record does nothing: a node's API does not say what it is busy with.
func (Concern) Record(concern.Node, concern.Poll, *store.Store, *store.Batch) error { return nil }

// Listen gives an ear for one node.
func (Concern) Listen(node concern.Node, from *store.Store) concern.Ear {
	return &ear{node: node, from: from, moved: map[hour]float64{}, noted: map[string]time.Time{}}
}

var _ concern.Listener = Concern{}

// state is what is known of a node's upkeep.
type state struct {
	Restarted   time.Time    `json:"restarted"` // when the node last started
	Compactions []compaction `json:"compactions"`
	Walks       []walk       `json:"walks"`
	Migrations  []migration  `json:"migrations"`
	// What the running process has migrated of all satellites, as it last said.
	MigratedPieces int64     `json:"migratedPieces"`
	MigratedBytes  int64     `json:"migratedBytes"`
	MigratedAt     time.Time `json:"migratedAt"`
}

// compaction is one of the hashstore's compactions.
type compaction struct {
	Satellite   string        `json:"satellite"`
	Store       string        `json:"store"`
	Started     time.Time     `json:"started"`
	Finished    time.Time     `json:"finished"` // zero: it runs, or was interrupted
	Duration    time.Duration `json:"duration"`
	Rewritten   int64         `json:"rewritten"` // bytes
	Reclaimed   int64         `json:"reclaimed"` // bytes
	Interrupted bool          `json:"interrupted,omitempty"`
	Failed      bool          `json:"failed,omitempty"`
}

// walk is what is known of one filewalker for one satellite.
type walk struct {
	Satellite string        `json:"satellite"`
	Walker    string        `json:"walker"`
	Started   time.Time     `json:"started"` // of the last one
	Finished  time.Time     `json:"finished"`
	Failed    time.Time     `json:"failed"`
	Duration  time.Duration `json:"duration"` // of the last one that finished
}

// The filewalkers.
const (
	usedSpace = "used-space"
	garbage   = "garbage"
	trash     = "trash"
)

// migration is what is known of the migration of one satellite's pieces.
type migration struct {
	Satellite string    `json:"satellite"`
	Queued    time.Time `json:"queued"`   // when its pieces last were
	Finished  time.Time `json:"finished"` // when its old folder was removed
	Moved     time.Time `json:"moved"`    // when a piece last was, to about a minute
	// What the used-space filewalker last found in the old folder.
	PiecesFound int64     `json:"piecesFound"`
	BytesFound  int64     `json:"bytesFound"`
	FoundAt     time.Time `json:"foundAt"`
}

// read is what was kept of a node.
func read(from *store.Store, node concern.Node) (s state) {
	if document, ok := from.Document(node.StoredAs(name)); ok && json.Unmarshal(document, &s) != nil {
		return state{} // what cannot be read is learnt again
	}
	return s
}
