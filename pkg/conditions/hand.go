package conditions

import (
	"fmt"
	"slices"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// TestPeriod is how long a test alert stays raised.
const TestPeriod = 5 * time.Minute

// A ByHandError is something that cannot be done to a condition, and why.
type ByHandError struct{ Reason string }

func (e *ByHandError) Error() string { return e.Reason }

func refused(format string, args ...any) error { return &ByHandError{fmt.Sprintf(format, args...)} }

// Clear clears an event condition, by hand. It stays so until something new happens. The node
// is named by its name or history, the satellite by its short name or id.
func (e *Engine) Clear(c Case, node, satellite, code string) error {
	return e.byHand(c, node, func(s *step, _ concern.Watched) error {
		definition, ok := e.table.definition(code)
		switch {
		case !ok:
			return refused("there is no condition %q", code)
		case !definition.Event:
			return refused("%s is not cleared by hand: it clears %s", code, definition.Clears)
		}
		at := slices.IndexFunc(s.record.States, func(state State) bool {
			return state.Code == code && state.Severity > OK && (state.Satellite == satellite || satelliteName(state.Satellite) == satellite)
		})
		if at < 0 {
			return refused("%s is not raised there", code)
		}
		state := s.record.States[at]
		severity := state.Severity
		s.apply(outcome{state: state, severity: OK, reason: "cleared by hand"})
		state, _ = s.record.state(state.place())
		state.Dismissed, state.DismissedAs = s.now, severity
		s.record.put(state)
		return nil
	})
}

// Test raises the condition "test" at a node until a time, so that it can be seen who is told
// of conditions.
func (e *Engine) Test(c Case, node string, until time.Time) error {
	return e.byHand(c, node, func(s *step, watched concern.Watched) error {
		until = moment(until)
		switch {
		case watched.Retired:
			return refused("%s is retired: nothing is told of it", watched.Name)
		case !until.After(s.now):
			return refused("a test alert until %s would be over already", until.Format(time.RFC3339))
		}
		s.record.TestUntil = until
		at := place{TestAlert, ""}
		state, _ := s.record.state(at)
		state.Code = at.code
		found := testFinding(watched, until)
		s.apply(outcome{state: state, finding: &found, severity: found.Severity})
		return nil
	})
}

func testFinding(node concern.Watched, until time.Time) Finding {
	return Finding{
		Code: TestAlert, History: node.History, Severity: Warning, Title: "Test alert",
		Message: fmt.Sprintf("This is a test for node %s. Nothing is wrong; it clears by itself at %s.", node.Name, until.UTC().Format("15:04 UTC")),
	}
}

// byHand changes the record of one node.
func (e *Engine) byHand(c Case, node string, change func(*step, concern.Watched) error) error {
	changes, err := func() ([]Change, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		c.Now = e.now(c)
		all := subjects(c)
		at := slices.IndexFunc(all, func(w concern.Watched) bool { return w.Name == node })
		if at < 0 {
			at = slices.IndexFunc(all, func(w concern.Watched) bool { return w.History == node })
		}
		if at < 0 {
			return nil, refused("there is no node %q", node)
		}
		s, err := e.begin(c, all[at])
		if err != nil {
			return nil, err
		}
		before := s.record
		before.States = slices.Clone(before.States)
		if err := change(s, all[at]); err != nil {
			return nil, err
		}
		batch := &store.Batch{}
		if err := s.write(batch, before); err != nil {
			return nil, err
		}
		if err := c.Store.Record(batch); err != nil {
			return nil, fmt.Errorf("record the conditions: %w", err)
		}
		return s.changes, nil
	}()
	e.tell(changes)
	return err
}
