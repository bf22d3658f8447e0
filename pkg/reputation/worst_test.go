package reputation_test

import (
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestWorstNamesWhatHealthIsMadeOf(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		standing reputation.Standing
		want     string
	}{
		{reputation.Standing{Audit: 100, Suspension: 100, Online: 100}, "audit 100.00 %"},
		// 97 % of audits is nearer to its end than 80 % of online is to its own.
		{reputation.Standing{Audit: 97, Suspension: 100, Online: 80}, "audit 97.00 %"},
		{reputation.Standing{Audit: 99.9, Suspension: 99, Online: 81.786}, "online 81.79 %"},
		{reputation.Standing{Audit: 100, Suspension: 61, Online: 70}, "suspension 61.00 %"},
		{reputation.Standing{Audit: 100, Suspension: 61, Online: 70, SuspendedAt: now}, "suspended"},
		{reputation.Standing{Audit: 100, Suspension: 100, Online: 55, OfflineSuspended: true}, "suspended for being offline"},
		{reputation.Standing{Audit: 95, SuspendedAt: now, DisqualifiedAt: now}, "disqualified"},
	} {
		if got := c.standing.Worst(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.standing, got, c.want)
		}
	}
}

func TestConfigOf(t *testing.T) {
	config := reputation.ConfigOf("failed_audits_left", settings.Default().Thresholds)
	if config == nil || config.Max == nil || *config.Max != 41 {
		t.Errorf("%+v", config)
	}
	if config := reputation.ConfigOf("weather", settings.Default().Thresholds); config != nil {
		t.Errorf("%+v", config)
	}
}
