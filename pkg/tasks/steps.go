// Package tasks is what stands behind the targets of Magefile.go: building, testing, packaging and demonstrating this
// project on a machine that has Go and Node.
//
// It knows the project's tools and how to call them, which folders they fill, and how to find a Grafana and a browser.
// It is no part of the plugin, and imports nothing that takes long to compile: mage compiles it before anything can be
// shown.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// skipped says why a step did not run. A step that returns it has neither passed nor failed.
type skipped string

func (s skipped) Error() string { return string(s) }

type outcome struct {
	step string
	took time.Duration
	err  error
}

func (o outcome) word() string {
	var why skipped
	switch {
	case o.err == nil:
		return "passed"
	case errors.As(o.err, &why):
		return "skipped"
	default:
		return "FAILED"
	}
}

// steps runs one step after the other, goes on after a failure, and sums up at the end.
type steps struct {
	out      io.Writer
	outcomes []outcome
}

// run runs a step and reports whether it passed, for the steps that need what it makes.
func (s *steps) run(ctx context.Context, name string, do func(context.Context) error) bool {
	if ctx.Err() != nil {
		s.outcomes = append(s.outcomes, outcome{step: name, err: skipped("interrupted")})
		return false
	}
	fmt.Fprintf(s.out, "\n▶ %s\n", name)
	start := time.Now()
	err := do(ctx)
	done := outcome{step: name, took: time.Since(start), err: err}
	s.outcomes = append(s.outcomes, done)
	switch done.word() {
	case "passed":
		fmt.Fprintf(s.out, "  passed (%s)\n", seconds(done.took))
	case "skipped":
		fmt.Fprintf(s.out, "  %s skipped: %s\n", name, err)
	default:
		fmt.Fprintf(s.out, "  FAILED: %s (%s)\n", err, seconds(done.took))
	}
	return err == nil
}

// skip records a step that cannot run.
func (s *steps) skip(name, why string) {
	fmt.Fprintf(s.out, "\n▶ %s\n  %s skipped: %s\n", name, name, why)
	s.outcomes = append(s.outcomes, outcome{step: name, err: skipped(why)})
}

// summary prints every step with its outcome, and the numbers alone on the last line. It reports whether nothing failed.
func (s *steps) summary() bool {
	numbers := map[string]int{}
	longest := 0
	for _, o := range s.outcomes {
		longest = max(longest, len([]rune(o.step)))
	}
	fmt.Fprintf(s.out, "\nSummary\n")
	for _, o := range s.outcomes {
		numbers[o.word()]++
		remark := seconds(o.took)
		if o.word() == "skipped" {
			remark = o.err.Error()
		}
		gap := strings.Repeat(" ", longest-len([]rune(o.step)))
		fmt.Fprintf(s.out, "  %-7s  %s%s  %s\n", o.word(), o.step, gap, remark)
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped\n", numbers["passed"], numbers["FAILED"], numbers["skipped"])
	return numbers["FAILED"] == 0
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
