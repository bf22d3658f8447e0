package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/journal"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func testified(t *testing.T, satellite string, happened time.Duration, times int) map[string]string {
	t.Helper()
	s, node, other := newStore(t), nodeNamed("A"), nodeNamed("B")
	for i := range times {
		hear(t, s, node, line(happened-time.Duration(i)*time.Second, "ERROR", "blobscache", fmt.Sprintf("kind %s of trouble", string([]rune{rune('g' + i%20), rune('g' + i/20)})), ""))
	}
	hear(t, s, node, line(happened, "INFO", "root", "Node 1B2KToDVQqHB4wM4YbFy88WkNgkXgnv52k7k5881CzeDB4uaiQ started", ""))
	hear(t, s, other, line(happened, "ERROR", "blobscache", "trouble of another node", ""))
	exhibits, err := journal.Concern{}.Testify(t.Context(), conditions.Case{Store: s, Settings: settings.Default(), Now: now}, node, satellite, now.Add(-7*24*time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, e := range exhibits {
		if len(e.Lines) > 101 {
			t.Errorf("%d lines of %s", len(e.Lines), e.Title)
		}
		told[e.Title] = strings.Join(e.Lines, "\n")
	}
	return told
}

// A post-mortem holds the errors and events of its node in its time, and no more than is read.
func TestErrorsAreTestified(t *testing.T) {
	for _, c := range []struct {
		name           string
		happened       time.Duration
		times          int
		errors, events string
		without        string
	}{
		{"in the time", 26 * time.Hour, 2, "1×, last at about", "started", "another node"},
		{"before it", 8 * 24 * time.Hour, 2, "no error is known", "no event is known", "trouble"},
		{"too many", 26 * time.Hour, 60, "10 rarer errors are left out", "started", "another node"},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := testified(t, us1, c.happened, c.times)
			if !strings.Contains(told["Errors in the log"], c.errors) || !strings.Contains(told["Events"], c.events) || strings.Contains(told["Errors in the log"], c.without) {
				t.Errorf("%+v", told)
			}
		})
	}
}
