package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// shownPanel is what a panel asks, and what it makes of the answers.
type shownPanel struct {
	Title           string
	Targets         []map[string]any
	Transformations []struct {
		ID      string
		Options struct {
			Include                           struct{ Names []string }
			IndexByName                       map[string]int
			ColumnField, RowField, ValueField string
		}
	}
}

// picked are the columns that a panel names before any has another name.
func (p shownPanel) picked() []string {
	for _, t := range p.Transformations {
		switch t.ID {
		case "filterFieldsByName":
			return t.Options.Include.Names
		case "groupingToMatrix":
			return []string{t.Options.ColumnField, t.Options.RowField, t.Options.ValueField}
		case "organize":
			return slices.Sorted(maps.Keys(t.Options.IndexByName))
		}
	}
	return nil
}

var variable = regexp.MustCompile(`^\$\w+$`)

// asAsked is a target as the front end sends it where everything is chosen.
func asAsked(t *testing.T, target map[string]any) string {
	t.Helper()
	query := map[string]any{}
	for key, value := range target {
		if list, ok := value.([]any); ok {
			value = slices.DeleteFunc(slices.Clone(list), func(entry any) bool { return variable.MatchString(fmt.Sprint(entry)) })
		}
		query[key] = value
	}
	text, err := json.Marshal(query)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func shownPanels(t *testing.T) map[string][]shownPanel {
	t.Helper()
	files, err := filepath.Glob("../../src/dashboards/*.json")
	if err != nil || len(files) < 6 {
		t.Fatal("dashboards are missing: ", files, err)
	}
	all := map[string][]shownPanel{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct{ Panels []shownPanel }
		if err := json.Unmarshal(text, &dashboard); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = dashboard.Panels
	}
	return all
}

// simulated is a fleet of one node in trouble, with a day behind it, once all of its log is read.
func simulated(t *testing.T) *fleet.Fleet {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log := filepath.Join(t.TempDir(), "A.log")
	runner, err := simnode.NewRunner(simnode.RunnerOptions{
		Node:    simnode.Options{Name: "A", Scenario: simnode.FailingAudits, Level: "debug", Rate: 60},
		History: 24 * time.Hour, LogPath: log, Listen: "127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-runner.Listening():
	case <-time.After(patience):
		t.Fatal("the simulated node does not begin")
	}
	s := often(settings.Node{
		Name: "A", API: "http://" + runner.Address(),
		Log: settings.Source{Kind: settings.LogFile, Path: log},
	})
	s.Backfill = 25 * time.Hour
	f := configure(t, newRegistry(t, "", nil), s)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		table := askDay(t, f, `{"queryType":"fleet"}`)[0]
		if cell(table, "status", 0) == "critical" && cell(table, "download_success_percent", 0) != "null" {
			return f
		}
		if time.Now().After(deadline) {
			t.Fatalf("the node is %s: %s, downloads %s", cell(table, "status", 0), cell(table, "problem", 0), cell(table, "download_success_percent", 0))
		}
	}
}

func askDay(t *testing.T, f *fleet.Fleet, query string) data.Frames {
	t.Helper()
	frames, err := f.Answer(t.Context(), []byte(query), time.Now().Add(-24*time.Hour), time.Now(), time.Minute, 1000)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return frames
}

// Every panel of the shipped dashboards asks what is answered, and shows columns that there are.
func TestDashboardsShowWhatIsAnswered(t *testing.T) {
	f := simulated(t)
	checked := 0
	for file, panels := range shownPanels(t) {
		for _, panel := range panels {
			columns := map[string]bool{}
			for _, target := range panel.Targets {
				for _, frame := range askDay(t, f, asAsked(t, target)) {
					for _, field := range frame.Fields {
						columns[field.Name] = true
					}
				}
			}
			if len(columns) == 0 {
				if len(panel.Targets) == 0 {
					continue // the heading of a row
				}
				t.Logf("%s, %s: nothing to show", file, panel.Title)
				continue
			}
			for _, name := range panel.picked() {
				checked++
				if !columns[name] {
					t.Errorf("%s, %s: shows the column %q, which the answer does not have: %v", file, panel.Title, name, slices.Sorted(maps.Keys(columns)))
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d columns were looked for", checked)
	}
}
