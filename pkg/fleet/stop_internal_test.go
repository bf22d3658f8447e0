package fleet

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// New settings or a question that come while a fleet stops start it again once it
// has stopped, unless it is closed for good.
func TestWhatComesWhileAFleetStops(t *testing.T) {
	cases := []struct {
		name  string
		stop  func(*Fleet) error
		comes func(*Fleet)
		runs  bool
	}{
		{"nothing", (*Fleet).stop, func(*Fleet) {}, false},
		{"new settings", (*Fleet).stop, func(f *Fleet) { f.configure(settings.Default(), settings.Report{}, time.Time{}) }, true},
		{"a question", (*Fleet).stop, (*Fleet).touch, true},
		{"new settings after the end", (*Fleet).close, func(f *Fleet) { f.configure(settings.Default(), settings.Report{}, time.Time{}) }, false},
		{"a question after the end", (*Fleet).close, (*Fleet).touch, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFleet(Key{Org: 1, UID: "x"}, t.TempDir(), time.Now, log.NewNullLogger(), nil)
			f.configure(settings.Default(), settings.Report{}, time.Time{})
			if _, err := f.openStore(t.Context()); err != nil {
				t.Fatal(err)
			}
			hangs := make(chan struct{})
			f.working.Go(func() { <-hangs }) // as a worker in a file system that does not answer
			stopped := make(chan error, 1)
			go func() { stopped <- c.stop(f) }()
			deadline := time.Now().Add(10 * time.Second)
			for stopping := false; !stopping; {
				if time.Now().After(deadline) {
					t.Fatal("it does not begin to stop")
				}
				f.mu.Lock()
				stopping = f.stopping != nil
				f.mu.Unlock()
			}
			c.comes(f)
			f.mu.Lock()
			if f.running {
				t.Error("it runs before it has stopped")
			}
			f.mu.Unlock()
			close(hangs)
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			f.mu.Lock()
			if f.running != c.runs {
				t.Errorf("running is %v", f.running)
			}
			f.mu.Unlock()
			if err := f.close(); err != nil {
				t.Error(err)
			}
		})
	}
}
