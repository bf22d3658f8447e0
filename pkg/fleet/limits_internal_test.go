package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestSettingsReachTheStoreAndTheProcess(t *testing.T) {
	var told []int64
	r := NewRegistry(Options{LimitMemory: func(bytes int64) { told = append(told, bytes) }})
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	s := settings.Default()
	f, err := r.Configure(Key{1, "a"}, s, settings.Report{})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := f.openStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := opened.Status().MemoryLimit; got != 512<<20 {
		t.Errorf("the store's limit is %d", got)
	}
	s.MemoryLimit = 64 << 20
	s.Retention.Raw = 7 * 24 * time.Hour
	if _, err := r.Configure(Key{1, "a"}, s, settings.Report{}); err != nil {
		t.Fatal(err)
	}
	if got := opened.Status().MemoryLimit; got != 64<<20 {
		t.Errorf("after a change the store's limit is %d", got)
	}
	if _, err := r.Configure(Key{1, "b"}, s, settings.Report{}); err != nil {
		t.Fatal(err)
	}
	own, each := int64(ownMemory), int64(96<<20)
	if len(told) != 3 || told[0] != own+768<<20 || told[1] != own+each || told[2] != own+2*each {
		t.Errorf("the process is told %d", told)
	}
	s.Store = settings.StoreLimits{MaxFuture: time.Hour, MaxPast: 2 * time.Hour, Flush: 3 * time.Hour, Seal: 4 * time.Hour}
	if l := limits(s); l.MaxFuture != time.Hour || l.MaxPast != 2*time.Hour || l.FlushInterval != 3*time.Hour || l.SealInterval != 4*time.Hour {
		t.Errorf("the limits are %+v", l)
	}
	if policy := limits(s).Policies["reputation"]; policy.Keep != s.Retention.Raw || policy.Rollups[0].Keep != s.Retention.Rollup {
		t.Errorf("the policy is %+v", policy)
	}
}
