package fleet

import (
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// What hears a log begins anew where it has to know other limits, and only there; the worker
// stays.
func TestOtherLimitsAreHeardWith(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*settings.Node)
		anew   bool
	}{
		{"nothing", func(*settings.Node) {}, false},
		{"an empty map of muted satellites", func(n *settings.Node) { n.MutedSatellites = map[string]string{} }, false},
		{"maintenance", func(n *settings.Node) { n.MaintenanceUntil = time.Now() }, false},
		{"slow audits", func(n *settings.Node) { n.Thresholds.AuditSlow = 10 * time.Second }, true},
		{"a muted satellite", func(n *settings.Node) { n.MutedSatellites = map[string]string{"us1": "left it"} }, true},
	} {
		node := settings.Node{Name: "A", Key: "a", Thresholds: settings.Default().Thresholds}
		stopped := 0
		w := &worker{node: node, stopListening: func() { stopped++ }, cancel: func() { t.Errorf("%s: the worker is stopped", c.name) }}
		c.change(&node)
		s := settings.Default()
		s.Nodes = []settings.Node{node}
		f := &Fleet{settings: s, workers: map[string]*worker{"A": w}}
		f.reconcileLocked(s)
		if (stopped == 1) != c.anew || stopped > 1 {
			t.Errorf("%s: listening ended %d times", c.name, stopped)
		}
		if got := w.currentNode(); !got.Equal(node) {
			t.Errorf("%s: the worker knows %+v", c.name, got)
		}
		w.stopListening = nil // it does not listen just now
		f.reconcileLocked(s)
	}
}
