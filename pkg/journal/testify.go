package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// How much is told of a time: the events that were last, and the errors that came most often.
const (
	toldEvents = 100
	toldErrors = 50
)

// Conditions are none: the journal raises nothing, and tells what led to what others raise.
func (Concern) Conditions() []conditions.Definition { return nil }

// Judge finds nothing.
func (Concern) Judge(context.Context, conditions.Case) (conditions.Verdict, error) {
	return conditions.Verdict{}, nil
}

// Testify tells of the events of a node in a time, those of other satellites left out, and of
// the errors in its log. An error is the node's: few name a satellite.
func (Concern) Testify(ctx context.Context, c conditions.Case, node concern.Node, satellite string, from, to time.Time) ([]conditions.Exhibit, error) {
	events, err := testifyEvents(ctx, c, node, satellite, from, to)
	if err != nil {
		return nil, err
	}
	errors, err := testifyErrors(ctx, c, node, from, to)
	if err != nil {
		return nil, err
	}
	return []conditions.Exhibit{events, errors}, nil
}

func testifyEvents(ctx context.Context, c conditions.Case, node concern.Node, satellite string, from, to time.Time) (conditions.Exhibit, error) {
	exhibit := conditions.Exhibit{Title: "Events"}
	// The event of an hour stands at its beginning.
	stored, err := c.Store.Events(ctx, from.Truncate(time.Hour).UnixMilli(), to.UnixMilli(), "")
	if err != nil {
		return exhibit, fmt.Errorf("read the events of %s: %w", node.Name, err)
	}
	var lines []string
	for _, event := range stored {
		k, ok := kindsByName[event.Kind]
		of := event.Labels[satelliteLabel]
		if !ok || event.Labels[nodeLabel] != node.History || satellite != "" && of != "" && of != satellite {
			continue
		}
		if at := time.UnixMilli(event.Time); at.Before(from) && (!k.hourly || !at.Add(time.Hour).After(from)) {
			continue
		}
		line := utc(time.UnixMilli(event.Time)) + "  " + event.Text
		if of != "" {
			line += " (" + storagenode.SatelliteName(of) + ")"
		}
		lines = append(lines, line)
	}
	exhibit.Lines = lines
	if extra := len(lines) - toldEvents; extra > 0 {
		exhibit.Lines = append([]string{fmt.Sprintf("%d earlier events are left out", extra)}, lines[extra:]...)
	}
	if len(lines) == 0 {
		exhibit.Lines = []string{"no event is known of this time"}
	}
	return exhibit, nil
}

// testifyErrors tells the errors, those that came most often last: the end of an exhibit is
// what is kept of it.
func testifyErrors(ctx context.Context, c conditions.Case, node concern.Node, from, to time.Time) (conditions.Exhibit, error) {
	exhibit := conditions.Exhibit{Title: "Errors in the log"}
	counts, last, err := countErrors(ctx, concern.Request{
		Store: c.Store, Settings: c.Settings, Now: c.Now, From: from, To: to,
	}, concern.Watched{Node: node})
	if err != nil {
		return exhibit, fmt.Errorf("read the errors of %s: %w", node.Name, err)
	}
	byKey := map[string]known{}
	for _, k := range readErrors(c.Store, node) {
		byKey[k.Key] = k
	}
	type counted struct {
		count float64
		line  string
	}
	var all []counted
	for key, count := range counts {
		k, ok := byKey[key]
		if !ok {
			k = known{Message: "messages that are not told apart"}
		}
		all = append(all, counted{count, fmt.Sprintf("%.0f×, last at about %s: %s", count, utc(last[key]), strings.TrimSpace(k.Level+" "+k.Message))})
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.line, b.line))
	})
	if extra := len(all) - toldErrors; extra > 0 {
		exhibit.Lines = append(exhibit.Lines, fmt.Sprintf("%d rarer errors are left out", extra))
		all = all[extra:]
	}
	for _, e := range all {
		exhibit.Lines = append(exhibit.Lines, e.line)
	}
	if len(all) == 0 {
		exhibit.Lines = []string{"no error is known of this time"}
	}
	return exhibit, nil
}

func utc(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

var (
	_ conditions.Judge   = Concern{}
	_ conditions.Witness = Concern{}
)
