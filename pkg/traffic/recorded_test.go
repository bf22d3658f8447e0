package traffic_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
)

// plainCount counts transfers without the parser: "action outcome" to how many and bytes.
func plainCount(t testing.TB, lines []string) (operations map[string]float64, bytes map[string]float64) {
	t.Helper()
	outcomes := map[string]string{
		"uploaded": "success", "downloaded": "success",
		"upload canceled": "canceled", "download canceled": "canceled",
		"upload failed": "failed", "download failed": "failed",
		"upload rejected, too many requests": "rejected",
	}
	operations, bytes = map[string]float64{}, map[string]float64{}
	for _, line := range lines {
		var level, message, object string
		if strings.HasPrefix(line, "{") {
			var header struct{ L, M string }
			if err := json.Unmarshal([]byte(line), &header); err != nil {
				t.Fatal(err)
			}
			level, message, object = header.L, header.M, line
		} else if columns := strings.Split(line, "\t"); len(columns) == 5 {
			level, message, object = columns[1], columns[3], columns[4]
		}
		outcome, ok := outcomes[message]
		if !ok {
			continue
		}
		var fields struct {
			Action string
			Size   float64
		}
		if err := json.Unmarshal([]byte(object), &fields); err != nil {
			t.Fatal(err)
		}
		switch {
		case outcome == "rejected":
			fields.Action = "PUT"
		case message == "upload failed" && level == "DEBUG":
			outcome = "canceled" // by the peer
		}
		operations[fields.Action+" "+outcome]++
		bytes[fields.Action+" "+outcome] += fields.Size
	}
	maps.DeleteFunc(bytes, func(_ string, n float64) bool { return n == 0 })
	return operations, bytes
}

// The counts of recorded logs are those of a plain count.
func TestRecordedTraffic(t *testing.T) {
	for _, file := range []string{"runA-node0.info.console.log", "runA-node2.debug.console.log", "runA-node4.info.json.log", "runB-node1.compaction.info.console.log", "runB-node7.info.console.log"} {
		raw, err := os.ReadFile(filepath.Join("..", "storagenode", "testdata", "logs", file))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		s, node, parser := newStoreAt(t, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)), nodeNamed("A"), storagenode.NewParser()
		ear := traffic.Concern{}.Listen(node, s)
		parsed := 0.0
		for i, line := range lines {
			if event, err := parser.Parse([]byte(line)); err == nil && event != nil {
				ear.Hear(event)
				parsed++
			}
			if i%97 == 0 || i == len(lines)-1 {
				batch := &store.Batch{}
				if err := ear.Flush(batch); err != nil {
					t.Fatal(err)
				}
				if err := s.Record(batch); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := map[string]map[string]float64{"operations": {}, "bytes": {}, "sizes": {}}
		heard := 0.0
		for _, group := range []string{"traffic", "sizes"} {
			result, err := s.Read(t.Context(), store.Range{Group: node.StoredAs(group), To: math.MaxInt64 / 4})
			if err != nil {
				t.Fatal(err)
			}
			for i, column := range result.Columns {
				sum := 0.0
				for _, v := range result.Values[i] {
					if v == v {
						sum += v
					}
				}
				metric := column.Metric()
				if group == "sizes" {
					metric = "sizes"
				}
				if metric == "lines" {
					heard += sum
				}
				if into := got[metric]; into != nil {
					into[column.Label("action")+" "+column.Label("outcome")] += sum
				}
			}
		}
		operations, bytes := plainCount(t, lines)
		if len(operations) == 0 {
			t.Errorf("%s: no transfers", file)
		}
		if diff := cmp.Diff(operations, got["operations"]); diff != "" {
			t.Errorf("%s: operations: %s", file, diff)
		}
		if diff := cmp.Diff(bytes, got["bytes"]); diff != "" {
			t.Errorf("%s: bytes: %s", file, diff)
		}
		maps.DeleteFunc(operations, func(key string, _ float64) bool { return strings.HasSuffix(key, "rejected") })
		if diff := cmp.Diff(operations, got["sizes"]); diff != "" {
			t.Errorf("%s: sizes: %s", file, diff)
		}
		if heard != parsed {
			t.Errorf("%s: %v lines of %v", file, heard, parsed)
		}
	}
}
