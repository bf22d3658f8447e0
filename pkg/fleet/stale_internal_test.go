package fleet

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// Settings from before the last change come out of Grafana's cache for seconds;
// later, an earlier time is that of a clock that was ahead and is right again.
func TestOlderSettingsAreLeftAloneForAWhileOnly(t *testing.T) {
	saved := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var passed atomic.Int64 // since then; the fleet asks for the time while the test sets it
	pass := func(d time.Duration) { passed.Add(int64(d)) }
	r := NewRegistry(Options{Logger: log.NewNullLogger(), Now: func() time.Time { return saved.Add(time.Duration(passed.Load())) }})
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	configure := func(port int, saved time.Time) int {
		s := settings.Default()
		s.APIPort = port
		f, err := r.ConfigureSaved(Key{1, "a"}, s, settings.Report{}, saved)
		if err != nil {
			t.Fatal(err)
		}
		current, _ := f.Settings()
		return current.APIPort
	}
	if got := configure(1, saved); got != 1 {
		t.Fatalf("the first settings are %d", got)
	}
	if got := configure(2, saved.Add(time.Hour)); got != 2 {
		t.Errorf("newer settings are left alone: %d", got)
	}
	pass(5 * time.Second)
	if got := configure(1, saved); got != 2 {
		t.Errorf("settings from a cache took the place of newer ones: %d", got)
	}
	pass(time.Minute)
	if got := configure(3, saved.Add(time.Minute)); got != 3 {
		t.Errorf("a save after a clock was set right has no effect: %d", got)
	}
}
