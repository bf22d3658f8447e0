package fleet

import (
	"slices"
	"testing"
)

func TestHistoryFor(t *testing.T) {
	none := map[string]identity{}
	x, y := "nodeX", "nodeY"
	cases := []struct {
		name       string
		known      map[string]identity
		node, key  string
		id         string
		configured []string // other names
		held       []string // by other nodes that have said who they are
		want       string
	}{
		{"nothing is known", none, "A", "a", "", nil, nil, "a"},
		{"nothing is known of this id", none, "A", "a", x, nil, nil, "a"},
		{"by name, before the node says who it is", map[string]identity{"old": {"A", x}}, "A", "a", "", nil, nil, "old"},
		{"by name, never identified", map[string]identity{"a": {"A", ""}}, "A", "a", x, nil, nil, "a"},
		{"by name and id", map[string]identity{"a": {"A", x}}, "A", "a", x, nil, nil, "a"},
		{"renamed", map[string]identity{"a": {"A", x}, "b": {"B", ""}}, "B", "b", x, nil, nil, "a"},
		{"renamed with its key kept, before it says who it is", map[string]identity{"k": {"A", x}}, "B", "k", "", nil, nil, "k"},
		{"another node under an old name", map[string]identity{"a": {"A", x}}, "A", "a", y, nil, nil, "a-2"},
		{"a third one", map[string]identity{"a": {"A", x}, "a-2": {"A", y}}, "A", "a", "nodeZ", nil, nil, "a-3"},
		{"the second one again", map[string]identity{"a": {"A", x}, "a-2": {"A", y}}, "A", "a", y, nil, nil, "a-2"},
		{"the first one again", map[string]identity{"a": {"A", x}, "a-2": {"A", y}}, "A", "a", x, nil, nil, "a"},
		{"before it says who it is, the newest of several", map[string]identity{"a": {"A", x}, "a-2": {"A", y}, "a-10": {"A", "nodeZ"}}, "A", "a", "", nil, nil, "a-10"},
		{"two names exchanged", map[string]identity{"a": {"A", x}, "b": {"B", y}}, "A", "a", y, []string{"B"}, nil, "b"},
		{"a key of a configured node is not adopted", map[string]identity{"k": {"A", ""}}, "B", "k", "", []string{"A"}, nil, "k-2"},
		{"a key of another node is not adopted", map[string]identity{"k": {"A", x}}, "B", "k", y, nil, nil, "k-2"},
		{"two nodes of one id: the second has its own", map[string]identity{"a": {"A", x}, "b": {"B", ""}}, "B", "b", x, []string{"A"}, []string{"a"}, "b"},
		{"two nodes of one id, after a restart", map[string]identity{"a": {"A", x}, "b": {"B", x}}, "B", "b", x, []string{"A"}, nil, "b"},
		{"a history that another has taken over", map[string]identity{"a": {"B", x}}, "A", "a", "", []string{"B"}, []string{"a"}, "a-2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			configured := func(name string) bool { return name == c.node || slices.Contains(c.configured, name) }
			held := func(history string) bool { return slices.Contains(c.held, history) }
			for range 8 { // whatever a map's order is
				if got := historyFor(c.known, c.node, c.key, c.id, configured, held); got != c.want {
					t.Fatalf("%s, want %s", got, c.want)
				}
			}
		})
	}
}
