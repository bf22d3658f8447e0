package conditions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The query types.
const (
	conditionsType  = "conditions"
	verdictType     = "verdict"
	postMortemsType = "post_mortems"
)

// Concern answers queries about conditions. It reads what an engine stored, so that it
// answers the same before a first evaluation and without any.
type Concern struct{ table table }

// NewConcern answers queries about the conditions of these judges.
func NewConcern(judges []Judge) Concern { return Concern{newTable(Definitions(judges))} }

// Record records nothing: what is found is recorded by an engine, and not by a poll.
func (Concern) Record(concern.Node, concern.Poll, *store.Store, *store.Batch) error { return nil }

// Policies say how long the history of conditions is kept: for as long as the longest of the
// others. It is small.
func (Concern) Policies(retention settings.Retention) map[string]store.Policy {
	return map[string]store.Policy{name: {Keep: retention.Rollup}}
}

// Types are the query types of this package.
func (c Concern) Types() []concern.Type {
	return []concern.Type{
		{
			Name:    conditionsType,
			Formats: []concern.Format{concern.Severity, concern.Text, concern.Table, concern.TimeSeries, concern.Annotations},
			Filters: []concern.Filter{concern.Kinds},
		},
		{Name: verdictType, Formats: []concern.Format{concern.Table}},
		{Name: postMortemsType, Formats: []concern.Format{concern.Table}},
	}
}

// Answer answers a query of one of its types.
func (c Concern) Answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	a, err := c.newAnswer(request)
	if err != nil {
		return nil, err
	}
	switch {
	case request.Query.QueryType == verdictType:
		return a.verdict()
	case request.Query.QueryType == postMortemsType:
		return a.postMortems()
	case request.Query.Format == concern.TimeSeries:
		return a.history(ctx)
	case request.Query.Format == concern.Annotations:
		return a.annotations(ctx)
	case request.Query.Format == concern.Severity:
		return a.severities()
	case request.Query.Format == concern.Text:
		return a.texts()
	}
	return a.problems()
}

// answer is the answer to one query.
type answer struct {
	concern.Request
	table      table
	satellites concern.Selector
	kinds      concern.Selector
	clock      clock
	nodes      []concern.Watched // those selected, and the monitor itself if all are
}

func (c Concern) newAnswer(request concern.Request) (answer, error) {
	a := answer{Request: request, table: c.table}
	var err error
	if a.satellites, err = concern.NewSelector(request.Query.Satellites); err != nil {
		return answer{}, fmt.Errorf("satellites: %w", err)
	}
	if a.kinds, err = concern.NewSelector(request.Query.Kinds); err != nil {
		return answer{}, fmt.Errorf("kinds: %w", err)
	}
	for _, code := range a.kinds.Names() {
		if _, ok := c.table.definition(code); !ok && request.Query.QueryType == conditionsType {
			return answer{}, fmt.Errorf("there is no condition %q; the conditions are %s", code, c.codes())
		}
	}
	if a.clock, err = recallClock(request.Store); err != nil {
		return answer{}, err
	}
	a.nodes = slices.Clone(request.Watched)
	nodes, err := concern.NewSelector(request.Query.Nodes)
	if err != nil {
		return answer{}, fmt.Errorf("nodes: %w", err)
	}
	if nodes.Matches("") {
		a.nodes = append(a.nodes, concern.Watched{Node: concern.Node{History: Monitor}})
	}
	return a, nil
}

func (c Concern) codes() string {
	codes := make([]string, len(c.table.definitions))
	for i, d := range c.table.definitions {
		codes[i] = d.Code
	}
	slices.Sort(codes)
	return strings.Join(codes, ", ")
}

// wantsSatellite says whether the query selects a satellite. What is about a node as a whole
// is about all of them.
func (a answer) wantsSatellite(id string) bool {
	return id == "" || a.satellites.Matches(id, satelliteName(id))
}
