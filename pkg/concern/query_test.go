package concern_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

var types = []concern.Type{
	{Name: "nodes", Formats: []concern.Format{concern.Table}},
	{Name: "traffic", Formats: []concern.Format{concern.TimeSeries}, GroupBy: []string{"node", "action"}, Filters: []concern.Filter{concern.Actions}},
	{Name: "reputation", Formats: []concern.Format{concern.TimeSeries, concern.Instant, concern.Table}, Metrics: []string{"audit_score_percent", "disqualified"}},
}

func TestParseQuery(t *testing.T) {
	cases := []struct {
		name, raw string
		want      concern.Query
	}{
		{"the least", `{"queryType":"reputation"}`, concern.Query{QueryType: "reputation", Format: concern.TimeSeries}},
		{"the default format is the type's first", `{"queryType":"nodes"}`, concern.Query{QueryType: "nodes", Format: concern.Table}},
		{
			"everything",
			`{"queryType":"reputation","nodes":["A","/B.*/"],"satellites":["us1"],"metrics":["disqualified"],"groupBy":[],"format":"instant"}`,
			concern.Query{QueryType: "reputation", Nodes: []string{"A", "/B.*/"}, Satellites: []string{"us1"}, Metrics: []string{"disqualified"}, GroupBy: []string{}, Format: concern.Instant},
		},
		{
			"what Grafana writes itself",
			`{"refId":"A","datasource":{"type":"x","uid":"y"},"datasourceId":1,"hide":false,"key":"Q","intervalMs":1000,"maxDataPoints":43200,"queryType":"nodes"}`,
			concern.Query{QueryType: "nodes", Format: concern.Table},
		},
		{"grouped and filtered", `{"queryType":"traffic","groupBy":["action"],"actions":["GET"]}`, concern.Query{QueryType: "traffic", GroupBy: []string{"action"}, Actions: []string{"GET"}, Format: concern.TimeSeries}},
		{"null lists are empty ones", `{"queryType":"nodes","nodes":null,"metrics":null}`, concern.Query{QueryType: "nodes", Format: concern.Table}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := concern.ParseQuery([]byte(c.raw), types)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A wrong query is refused with what is wrong and what is allowed.
func TestParseQueryNamesWhatIsAllowed(t *testing.T) {
	cases := []struct {
		name, raw string
		says      []string
	}{
		{"no JSON", `{"queryType":`, []string{"not a JSON object"}},
		{"a list", `["nodes"]`, []string{"not a JSON object"}},
		{"null", `null`, []string{"no queryType", `"nodes", "traffic", "reputation"`}},
		{"no type", `{}`, []string{"no queryType", `"nodes", "traffic", "reputation"`}},
		{"unknown type", `{"queryType":"weather"}`, []string{`unknown queryType "weather"`, `"nodes", "traffic", "reputation"`}},
		{"unknown field", `{"queryType":"nodes","node":"A"}`, []string{`unknown field "node"`, `"queryType", "nodes", "satellites", "metrics", "groupBy", "actions", "outcomes", "kinds", "format"`}},
		{"a field in other letters", `{"queryType":"nodes","Nodes":["A"]}`, []string{`unknown field "Nodes"`}},
		{"the first of several unknown fields", `{"queryType":"nodes","z":1,"b":1,"m":1}`, []string{`unknown field "b"`}},
		{"a text for a list", `{"queryType":"nodes","nodes":"A"}`, []string{"nodes", "list of strings"}},
		{"a number for a text", `{"queryType":7}`, []string{"queryType", "list of strings"}},
		{"unknown format", `{"queryType":"reputation","format":"heatmap"}`, []string{`unknown format "heatmap"`, "reputation", `"timeseries", "instant", "table"`}},
		{"a format of another type", `{"queryType":"nodes","format":"instant"}`, []string{`unknown format "instant"`, "nodes", `"table"`}},
		{"unknown metric", `{"queryType":"reputation","metrics":["disqualified","audit"]}`, []string{`unknown metric "audit"`, `"audit_score_percent", "disqualified"`}},
		{"a metric for a type without", `{"queryType":"nodes","metrics":["audit"]}`, []string{"nodes has no metrics", `"audit"`, "leave metrics empty"}},
		{"a group of another type", `{"queryType":"traffic","groupBy":["node","walker"]}`, []string{"traffic", `cannot be grouped by "walker"`, `"node", "action"`}},
		{"a filter of another type", `{"queryType":"traffic","outcomes":["failed"]}`, []string{"traffic has no outcomes", `"failed"`, "leave outcomes empty"}},
		{"groupBy", `{"queryType":"reputation","groupBy":["node"]}`, []string{"reputation", `groupBy "node"`, "leave groupBy empty"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for range 8 { // the message is the same each time, whatever a map's order is
				query, err := concern.ParseQuery([]byte(c.raw), types)
				if err == nil {
					t.Fatalf("taken as %+v", query)
				}
				for _, words := range c.says {
					if !strings.Contains(err.Error(), words) {
						t.Fatalf("%q does not say %q", err, words)
					}
				}
			}
		})
	}
}

func TestWantsMetric(t *testing.T) {
	if all := (concern.Query{}); !all.WantsMetric("disqualified") {
		t.Error("no metrics must mean all")
	}
	some := concern.Query{Metrics: []string{"disqualified"}}
	if !some.WantsMetric("disqualified") || some.WantsMetric("audit_score_percent") {
		t.Error("metrics are not those that were named")
	}
}

func TestSelector(t *testing.T) {
	cases := []struct {
		name    string
		entries []string
		matches []string
		spares  []string
		names   []string
	}{
		{"no entry is all", nil, []string{"A", ""}, nil, nil},
		{"All of a variable", []string{"$__all"}, []string{"A"}, nil, nil},
		{"All beside a name", []string{"B", "$__all"}, []string{"A", "B"}, nil, []string{"B"}},
		{"an exact name", []string{"A"}, []string{"A"}, []string{"AA", "a", ""}, []string{"A"}},
		{"several names", []string{"A", "B"}, []string{"A", "B"}, []string{"C"}, []string{"A", "B"}},
		{"a regular expression matches a part", []string{"/node-[0-9]/"}, []string{"node-1", "node-12", "my-node-1"}, []string{"node-x"}, nil},
		{"an anchored one matches whole names", []string{"/^(a|b)$/"}, []string{"a", "b"}, []string{"ax", "xb"}, nil},
		{"a regular expression beside a name", []string{"/^a/", "B"}, []string{"attic", "B"}, []string{"Battic"}, []string{"B"}},
		{"what is not a regular expression is a name", []string{".*", "/", "//", "/x"}, []string{".*", "/", "//", "/x"}, []string{"A", ""}, []string{".*", "/", "//", "/x"}},
		{"an empty name selects nothing", []string{""}, nil, []string{"A"}, []string{""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := concern.NewSelector(c.entries)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range c.matches {
				if !s.Matches(name) {
					t.Errorf("%q is not selected", name)
				}
			}
			for _, name := range c.spares {
				if s.Matches(name) {
					t.Errorf("%q is selected", name)
				}
			}
			if !slices.Equal(s.Names(), c.names) {
				t.Errorf("names %q", s.Names())
			}
		})
	}
}

func TestSelectorKnowsOneThingByAllItsNames(t *testing.T) {
	s, err := concern.NewSelector([]string{"us1"})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Matches("12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S", "us1") || s.Matches("other", "eu1") {
		t.Error("the second name does not count")
	}
}

func TestSelectorRefusesABrokenExpression(t *testing.T) {
	_, err := concern.NewSelector([]string{"A", "/(/"})
	if err == nil || !strings.Contains(err.Error(), `"/(/"`) {
		t.Errorf("error %v", err)
	}
}

// Whatever comes, ParseQuery answers an error or a query that it would itself
// accept again.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{
		`{"queryType":"reputation","nodes":["A"],"metrics":["disqualified"],"format":"table","refId":"A"}`,
		`{"queryType":"nodes"}`, `{"queryType":"nodes","queryType":"reputation"}`, `null`, `[]`, ``, `{"format":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		query, err := concern.ParseQuery(raw, types)
		if err != nil {
			return
		}
		if query.Format == "" || query.QueryType == "" {
			t.Fatalf("%q gives the incomplete %+v", raw, query)
		}
		written, err := json.Marshal(query)
		if err != nil {
			t.Fatal(err)
		}
		again, err := concern.ParseQuery(written, types)
		if err != nil {
			t.Fatalf("%q is taken, %q is not: %v", raw, written, err)
		}
		if diff := cmp.Diff(query, again, cmp.Comparer(func(a, b []string) bool { return slices.Equal(a, b) })); diff != "" {
			t.Error(diff)
		}
	})
}
