package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// types are all query types that a fleet answers.
func types() []concern.Type {
	all := []concern.Type{nodesType, fleetType, overviewType, liveType}
	for _, c := range concerns {
		all = append(all, c.Types()...)
	}
	return all
}

// Answer answers a query, given in its JSON form. The error of a wrong query names
// what is wrong and what is allowed.
func (f *Fleet) Answer(ctx context.Context, raw []byte, from, to time.Time, step time.Duration, maxPoints int64) (data.Frames, error) {
	query, err := concern.ParseQuery(raw, types())
	if err != nil {
		return nil, &QueryError{err}
	}
	opened, err := f.openStore(ctx)
	if err != nil {
		return nil, err
	}
	current := f.currentSettings()
	watched, err := selectNodes(query.Nodes, f.watched())
	if err != nil {
		return nil, &QueryError{err}
	}
	request := concern.Request{
		Query: query, Watched: watched,
		From: from, To: to, Step: step, MaxPoints: maxPoints,
		Now: f.now(), Settings: current, Store: opened,
	}
	answered, err := f.answer(ctx, request)
	if err != nil {
		return nil, err
	}
	executed, err := json.Marshal(query)
	if err != nil {
		return nil, err
	}
	for _, frame := range answered {
		frame.Meta.ExecutedQueryString = string(executed)
		if len(frame.Meta.Notices) > 1 {
			frame.Meta.Notices = toldOnce(frame.Meta.Notices, watched)
		}
	}
	return answered, nil
}

func (f *Fleet) answer(ctx context.Context, request concern.Request) (data.Frames, error) {
	switch request.Query.QueryType {
	case nodesType.Name:
		return f.nodesTable(request)
	case fleetType.Name:
		return f.fleetTable(ctx, request)
	case overviewType.Name:
		return f.overview(request)
	case liveType.Name:
		return f.liveFrames(request)
	}
	for _, c := range concerns {
		for _, t := range c.Types() {
			if t.Name == request.Query.QueryType {
				return c.Answer(ctx, request)
			}
		}
	}
	return nil, fmt.Errorf("nothing answers queryType %q", request.Query.QueryType)
}

// QueryError is what is wrong with a query itself.
type QueryError struct{ err error }

func (e *QueryError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *QueryError) Unwrap() error { return e.err }

func selectNodes(entries []string, all []concern.Watched) ([]concern.Watched, error) {
	selector, err := concern.NewSelector(entries)
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	names := make([]string, len(all))
	for i, node := range all {
		names[i] = node.Name
	}
	for _, name := range selector.Names() {
		switch {
		case len(names) == 0:
			return nil, fmt.Errorf("there is no node %q: none is configured", name)
		case !slices.Contains(names, name):
			return nil, fmt.Errorf("there is no node %q; the nodes are %s", name, strings.Join(names, ", "))
		}
	}
	var selected []concern.Watched
	for _, node := range all {
		if selector.Matches(node.Name) {
			selected = append(selected, node)
		}
	}
	return selected, nil
}

// Reputation is the latest standing of the named nodes in the original's JSON
// form. No name, or the name Aggregate, means all.
func (f *Fleet) Reputation(ctx context.Context, names []string) (reputation.Message, error) {
	opened, err := f.openStore(ctx)
	if err != nil {
		return reputation.Message{}, err
	}
	if slices.Contains(names, Aggregate) {
		names = nil
	}
	watched, err := selectNodes(names, f.watched())
	if err != nil {
		return reputation.Message{}, &QueryError{err}
	}
	return reputation.MessageOf(opened, watched, f.now())
}

// Aggregate is the original's name for all nodes together.
const Aggregate = "Aggregate"

// Satellite is a satellite that nodes of the fleet know.
type Satellite struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Satellites are those that the named nodes (none: all) have scores of, by name.
func (f *Fleet) Satellites(ctx context.Context, names []string) ([]Satellite, error) {
	opened, err := f.openStore(ctx)
	if err != nil {
		return nil, err
	}
	watched, err := selectNodes(names, f.watched())
	if err != nil {
		return nil, &QueryError{err}
	}
	satellites := []Satellite{}
	for _, node := range watched {
		latest, _, err := reputation.Read(opened, node.Node)
		if err != nil {
			return nil, err
		}
		for _, s := range latest.Standings {
			satellite := Satellite{ID: s.SatelliteID, Name: storagenode.SatelliteName(s.SatelliteID)}
			if !slices.Contains(satellites, satellite) {
				satellites = append(satellites, satellite)
			}
		}
	}
	slices.SortFunc(satellites, func(a, b Satellite) int { return strings.Compare(a.Name, b.Name) })
	return satellites, nil
}
