// Package conditionstest compares what judges tell operators with files that people keep.
//
// It is for tests only. It knows how a verdict is written, and nothing of what is right.
package conditionstest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

// Golden fails the test where what is told differs from the file. The file is what operators
// read: nothing writes it but people.
func Golden(t testing.TB, path, told string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(told, "\n")); diff != "" {
		t.Errorf("%s and what is told differ (-file +told):\n%s", path, diff)
	}
}

// Whole is all that a verdict says, under the name of its case.
func Whole(name string, verdict conditions.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", name)
	if len(verdict.Findings)+len(verdict.Unseen) == 0 {
		b.WriteString("nothing\n")
	}
	for _, f := range verdict.Findings {
		fmt.Fprintf(&b, "%s, %s: %s (%.10g of %.10g %s)\n  %s\n", f.Code, f.Severity, f.Title, f.Value, f.Threshold, f.Unit, f.Message)
	}
	for _, u := range verdict.Unseen {
		fmt.Fprintf(&b, "%s, not watched: %s\n", u.Code, u.Why)
	}
	return b.String()
}
