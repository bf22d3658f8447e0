package fleet_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// A node's debug port is polled where the settings have it, what it says is latency, and
// when it fails the node is watched on and its table says why.
func TestTheDebugPortIsPolled(t *testing.T) {
	var asked, broken atomic.Int64
	port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() > 0 || r.URL.Path != "/metrics" {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		n := asked.Add(1)
		for field, value := range map[string]int64{"count": 10 * n, "sum": 2e9 * n, "max": 1e9, "rmin": 1e8, "r10": 1e8, "r50": 2e8, "r90": 3e8, "r99": 4e8, "rmax": 5e8} {
			_, _ = fmt.Fprintf(w, "download_success_duration_ns{action=\"GET\",field=%q} %d\n", field, value)
		}
	}))
	t.Cleanup(port.Close)
	node := at("A", newNode(t, healthy(t, idX)))
	node.Debug = port.URL
	f := configure(t, newRegistry(t, "", nil), often(node))
	becomes(t, "the latency of A is known", func() (string, bool) {
		frame := ask(t, f, `{"queryType":"latency","format":"table","metrics":["count","mean_seconds"]}`)[0]
		if len(frame.Fields) != 4 {
			return fmt.Sprintf("but %d fields, %+v", len(frame.Fields), statusOf(f, "A")), false
		}
		mean, _ := frame.Fields[3].ConcreteAt(0)
		return fmt.Sprintf("but it is %v", mean), mean == 0.2
	})
	broken.Store(1)
	eventually(t, "the failure is said", func() bool {
		return strings.Contains(statusOf(f, "A").LastError, port.URL+"/metrics: ")
	})
	hasState(t, f, "A", concern.Connected)
	broken.Store(0)
	eventually(t, "the failure is over", func() bool { return statusOf(f, "A").LastError == "" })
}
