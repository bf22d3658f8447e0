package fleet

import (
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// As soon as it is told that failed audits are not watched, they are not shown as well.
func TestWhatIsBlindIsNotWell(t *testing.T) {
	d := troubled(t, simnode.SilencedLog)
	blind := false
	for until := firstDay.Add(aDay + 6*time.Hour); d.now.Before(until); {
		d.until(d.now.Add(5*time.Minute), 5*time.Minute)
		record, _, err := conditions.Recall(d.store, d.nodes[0].watched.History)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range []string{"audit_failed", "audit_slow", "audit_score_fell_silently"} {
			if why, unseen := record.Unseen[code]; unseen != blind {
				t.Fatalf("%s: blind: %t, and %s is not watched: %t (%s)", d.now, blind, code, unseen, why)
			}
		}
		// The next look knows of it.
		for _, state := range record.States {
			blind = blind || state.Code == conditions.Blind && state.Severity > conditions.OK
		}
	}
	if !blind {
		t.Error("it never was blind")
	}
}
