package fleet

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// editorTable is where the query editor has what it offers.
const editorTable = "../../src/queryTypes.json"

type editorChoice struct {
	Value       string `json:"value"`
	Label       string `json:"label"`
	Description string `json:"description"`
}

type editorType struct {
	editorChoice
	Formats    []concern.Format `json:"formats"`
	Metrics    []string         `json:"metrics"`
	GroupBy    []string         `json:"groupBy"`
	Filters    []concern.Filter `json:"filters"`
	Satellites bool             `json:"satellites"`
}

type editorChoices struct {
	Types      []editorType   `json:"types"`
	Formats    []editorChoice `json:"formats"`
	Metrics    []editorChoice `json:"metrics"`
	GroupBy    []editorChoice `json:"groupBy"`
	Actions    []editorChoice `json:"actions"`
	Outcomes   []editorChoice `json:"outcomes"`
	Live       []editorChoice `json:"live"`
	Conditions []editorChoice `json:"conditions"`
	Events     []editorChoice `json:"events"`
}

func readEditorChoices(t *testing.T) editorChoices {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(editorTable))
	if err != nil {
		t.Fatal(err)
	}
	var choices editorChoices
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&choices); err != nil {
		t.Fatalf("%s: %v", editorTable, err)
	}
	return choices
}

func TestTheQueryEditorOffersWhatTheFleetAnswers(t *testing.T) {
	offered := map[string]editorType{}
	for _, one := range readEditorChoices(t).Types {
		offered[one.Value] = one
	}
	for _, want := range types() {
		got, ok := offered[want.Name]
		if !ok {
			t.Errorf("the query editor does not offer the query type %s: add it to %s", want.Name, editorTable)
			continue
		}
		delete(offered, want.Name)
		as := concern.Type{Name: got.Value, Formats: got.Formats, Metrics: got.Metrics, GroupBy: got.GroupBy, Filters: got.Filters}
		for _, list := range []*[]string{&as.Metrics, &as.GroupBy} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if len(as.Filters) == 0 {
			as.Filters = nil
		}
		if diff := cmp.Diff(want, as); diff != "" {
			t.Errorf("%s: the query type %s is another one there (-fleet +editor):\n%s", editorTable, want.Name, diff)
		}
	}
	for name := range offered {
		t.Errorf("the query editor offers the query type %s, which nothing answers: take it out of %s", name, editorTable)
	}
}

func TestTheQueryEditorNamesWhatTheFleetKnows(t *testing.T) {
	choices := readEditorChoices(t)
	var formats, metrics, groupBy, codes []string
	for _, one := range types() {
		for _, format := range one.Formats {
			formats = append(formats, string(format))
		}
		metrics = append(metrics, one.Metrics...)
		groupBy = append(groupBy, one.GroupBy...)
	}
	for _, definition := range Definitions() {
		codes = append(codes, definition.Code)
	}
	for name, list := range map[string]struct {
		offered []editorChoice
		known   []string
	}{
		"formats":    {choices.Formats, formats},
		"metrics":    {choices.Metrics, metrics},
		"groupBy":    {choices.GroupBy, groupBy},
		"conditions": {choices.Conditions, codes},
		"actions":    {choices.Actions, allowed(t, concern.Query{QueryType: "traffic", Actions: []string{"?"}})},
		"outcomes":   {choices.Outcomes, allowed(t, concern.Query{QueryType: "traffic", Outcomes: []string{"?"}})},
		"events":     {choices.Events, allowed(t, concern.Query{QueryType: "events", Kinds: []string{"?"}})},
		"live":       {choices.Live, allowed(t, concern.Query{QueryType: "live", Kinds: []string{"?"}})},
	} {
		var offered []string
		for _, choice := range list.offered {
			offered = append(offered, choice.Value)
			if choice.Label == "" {
				t.Errorf("%s: %s in the list %q has no label", editorTable, choice.Value, name)
			}
		}
		slices.Sort(offered)
		slices.Sort(list.known)
		if diff := cmp.Diff(slices.Compact(list.known), offered); diff != "" {
			t.Errorf("%s: the list %q is another one there (-fleet +editor):\n%s", editorTable, name, diff)
		}
	}
}

// allowed are the names that the answer to a wrong query says are allowed.
func allowed(t *testing.T, wrong concern.Query) []string {
	t.Helper()
	_, err := (&Fleet{}).answer(context.Background(), concern.Request{Query: wrong})
	if err == nil {
		t.Fatalf("the query %+v is answered", wrong)
	}
	_, names, ok := strings.Cut(err.Error(), "allowed are ")
	if !ok {
		t.Fatalf("the error of the query %+v does not say what is allowed: %v", wrong, err)
	}
	return strings.Split(names, ", ")
}
