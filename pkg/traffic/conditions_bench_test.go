package traffic_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
)

// BenchmarkJudging judges 100 nodes with the traffic of a week. Most have traffic; at worst all
// are quiet, or reject uploads.
func BenchmarkJudging(b *testing.B) {
	for _, kind := range []string{"busy", "quiet", "rejecting"} {
		b.Run(kind, func(b *testing.B) {
			s := newStore(b)
			c := conditions.Case{Store: s, Settings: settings.Default(), Now: noon}
			for n := range 100 {
				node := concern.Watched{Node: nodeNamed(fmt.Sprint("node", n)), State: concern.Connected, Evidence: seeing()}
				node.Evidence.Level = storagenode.Info
				ear := traffic.Concern{}.Listen(node.Node, s)
				hear := func(before time.Duration, outcome storagenode.Outcome, each bool) {
					for _, satellite := range []string{us1, eu1, "ap1", "saltlake"} {
						for _, action := range []storagenode.Action{storagenode.Put, storagenode.Get, storagenode.GetAudit, storagenode.GetRepair, storagenode.PutRepair} {
							for range 1 + n%3 {
								e := ended(before, satellite, action, outcome, 4096)
								ear.Hear(&e)
							}
							if !each {
								return
							}
						}
					}
				}
				end := time.Duration(0)
				if kind == "quiet" {
					end = 2*time.Hour + time.Minute
					node.Evidence.Last[concern.TransferLines] = noon.Add(-end)
				}
				for before := 7*day + 3*time.Hour; before > end; before -= 10 * time.Minute {
					hear(before, storagenode.OutcomeSuccess, true)
					hear(before, storagenode.OutcomeCanceled, true)
				}
				for before := 2 * time.Hour; before > 0; before -= time.Minute {
					e := other(before)
					ear.Hear(&e)
					if kind == "rejecting" {
						for range 10 {
							hear(before, storagenode.OutcomeRejected, false)
						}
					}
					if kind != "quiet" {
						hear(before, storagenode.OutcomeSuccess, true)
					}
				}
				batch := &store.Batch{}
				if err := ear.Flush(batch); err != nil {
					b.Fatal(err)
				}
				if err := s.Record(batch); err != nil {
					b.Fatal(err)
				}
				c.Nodes = append(c.Nodes, node)
			}
			if err := s.Flush(); err != nil {
				b.Fatal(err)
			}
			if err := s.Seal(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				verdict, err := traffic.Concern{}.Judge(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				want := map[string]int{"busy": 0, "quiet": 100, "rejecting": 100}[kind]
				if len(verdict.Findings) != want || len(verdict.Unseen) > 0 {
					b.Fatalf("%d findings, %d unseen: %+v", len(verdict.Findings), len(verdict.Unseen), verdict)
				}
			}
		})
	}
}
