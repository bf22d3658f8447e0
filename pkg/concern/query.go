package concern

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Format says in which shape an answer is wanted.
type Format string

// The formats. Which of them a query type has, its Type says.
const (
	TimeSeries Format = "timeseries" // values over time
	Instant    Format = "instant"    // the latest value of each
	Table      Format = "table"      // rows for people
	// Annotations are events as Grafana's annotations have them.
	Annotations Format = "annotations"
	// Severity and Text are of conditions: how grave each is, and what it says.
	Severity Format = "severity"
	Text     Format = "text"
)

// Query is what a panel, an alert rule, an annotation or the command line asks.
// An empty list means all.
type Query struct {
	QueryType  string   `json:"queryType"`
	Nodes      []string `json:"nodes,omitempty"`
	Satellites []string `json:"satellites,omitempty"`
	Metrics    []string `json:"metrics,omitempty"`
	GroupBy    []string `json:"groupBy,omitempty"`
	Actions    []string `json:"actions,omitempty"`
	Outcomes   []string `json:"outcomes,omitempty"`
	Kinds      []string `json:"kinds,omitempty"`
	Format     Format   `json:"format,omitempty"`
}

var queryFields = []string{"queryType", "nodes", "satellites", "metrics", "groupBy", "actions", "outcomes", "kinds", "format"}

// grafanaFields are what Grafana itself writes into every query.
var grafanaFields = []string{
	"refId", "datasource", "datasourceId", "hide", "key", "intervalMs", "maxDataPoints", "interval",
	"queryCachingTTL", "cacheDurationSeconds", "requestId", "timeRange", "resultAssertions",
}

// ParseQuery reads a query and checks it against the known types. Its errors name
// what is wrong and what is allowed instead.
func ParseQuery(raw []byte, types []Type) (Query, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Query{}, fmt.Errorf("the query is not a JSON object: %w", err)
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(queryFields, field) && !slices.Contains(grafanaFields, field) {
			return Query{}, fmt.Errorf("unknown field %q in the query; allowed are %s", field, list(queryFields))
		}
	}
	var query Query
	if err := json.Unmarshal(raw, &query); err != nil {
		return Query{}, fmt.Errorf("the query cannot be read: %w; every field is a string or a list of strings", err)
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	if query.QueryType == "" {
		return Query{}, fmt.Errorf("the query has no queryType; allowed are %s", list(names))
	}
	at := slices.Index(names, query.QueryType)
	if at < 0 {
		return Query{}, fmt.Errorf("unknown queryType %q; allowed are %s", query.QueryType, list(names))
	}
	return query, query.complete(types[at])
}

func (q *Query) complete(t Type) error {
	if q.Format == "" {
		q.Format = t.Formats[0]
	}
	if !slices.Contains(t.Formats, q.Format) {
		return fmt.Errorf("unknown format %q for queryType %s; allowed are %s", q.Format, q.QueryType, list(t.Formats))
	}
	for _, metric := range q.Metrics {
		switch {
		case len(t.Metrics) == 0:
			return fmt.Errorf("queryType %s has no metrics to choose from, but the query names %q: leave metrics empty", q.QueryType, metric)
		case !slices.Contains(t.Metrics, metric):
			return fmt.Errorf("unknown metric %q for queryType %s; allowed are %s", metric, q.QueryType, list(t.Metrics))
		}
	}
	for _, label := range q.GroupBy {
		switch {
		case len(t.GroupBy) == 0:
			return fmt.Errorf("queryType %s cannot be grouped, but the query says groupBy %s: leave groupBy empty", q.QueryType, list(q.GroupBy))
		case !slices.Contains(t.GroupBy, label):
			return fmt.Errorf("queryType %s cannot be grouped by %q; allowed are %s", q.QueryType, label, list(t.GroupBy))
		}
	}
	for _, filter := range []Filter{Actions, Outcomes, Kinds} {
		if entries := q.Selected(filter); len(entries) > 0 && !slices.Contains(t.Filters, filter) {
			return fmt.Errorf("queryType %s has no %s to choose from, but the query names %q: leave %s empty", q.QueryType, filter, entries[0], filter)
		}
	}
	return nil
}

// Selected are the entries of one of the query's optional lists; none means all.
func (q Query) Selected(filter Filter) []string {
	switch filter {
	case Actions:
		return q.Actions
	case Outcomes:
		return q.Outcomes
	default:
		return q.Kinds
	}
}

// WantsMetric says whether the query asks for a metric.
func (q Query) WantsMetric(metric string) bool {
	return len(q.Metrics) == 0 || slices.Contains(q.Metrics, metric)
}

func list[T ~string](names []T) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", string(name))
	}
	return strings.Join(quoted, ", ")
}

// Selector picks names out of many: exact ones, and /regular expressions/, which
// match a part of a name unless they say otherwise, as Grafana's own do.
type Selector struct {
	names    []string
	patterns []*regexp.Regexp
	all      bool
}

// everything is how Grafana writes the All of a variable.
const everything = "$__all"

// NewSelector reads the entries of a query's list. No entry selects all.
func NewSelector(entries []string) (Selector, error) {
	s := Selector{all: len(entries) == 0}
	for _, entry := range entries {
		switch {
		case entry == everything:
			s.all = true
		case len(entry) > 2 && strings.HasPrefix(entry, "/") && strings.HasSuffix(entry, "/"):
			pattern, err := regexp.Compile(entry[1 : len(entry)-1])
			if err != nil {
				return Selector{}, fmt.Errorf("%q is not a regular expression: %w", entry, err)
			}
			s.patterns = append(s.patterns, pattern)
		default:
			s.names = append(s.names, entry)
		}
	}
	return s, nil
}

// Matches says whether any of the names (of one thing) is selected.
func (s Selector) Matches(names ...string) bool {
	if s.all {
		return true
	}
	for _, name := range names {
		if slices.Contains(s.names, name) || slices.ContainsFunc(s.patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) }) {
			return true
		}
	}
	return false
}

// Names are the entries that are exact names.
func (s Selector) Names() []string { return s.names }
