package upkeep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/upkeep"
)

// BenchmarkJudging judges 100 nodes with four satellites each.
func BenchmarkJudging(b *testing.B) {
	s := newSender(b)
	c := conditions.Case{Store: s.store, Settings: settings.Default(), Now: now}
	for n := range 100 {
		node := s.node
		node.Node = nodeNamed(fmt.Sprint(n))
		s.lines = nil
		for _, satellite := range []string{us1, eu1, "121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6", "1wFTAgs9DP5RSnCqKV1eLf6N9wtk4EAtmN5DpSxcs8EjT69tGE"} {
			s.fails(24*time.Hour, 0, satellite)
		}
		hear(b, s.store, node.Node, 1000, s.lines...)
		node.Evidence.Last[concern.AnyLine] = now
		c.Nodes = append(c.Nodes, node)
	}
	for b.Loop() {
		if verdict, err := (upkeep.Concern{}).Judge(b.Context(), c); err != nil || len(verdict.Findings) != 400 {
			b.Fatal(err, len(verdict.Findings))
		}
	}
}
