package fleet_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// logOf is a log file that says whose it is, or one that does not.
func logOf(t *testing.T, nodeID string) settings.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node.log")
	lines := "2026-11-22T22:23:07Z\tINFO\tpiecestore\tuploaded\t{\"Process\": \"storagenode\", \"Piece ID\": \"X\"}\n"
	if nodeID != "" {
		lines = "2026-11-22T22:00:00Z\tINFO\tNode " + idZ + " started\t{\"Process\": \"storagenode\"}\n" +
			"2026-11-22T22:23:06Z\tINFO\tNode " + nodeID + " started\t{\"Process\": \"storagenode\"}\n" + lines
	}
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings.Source{Kind: settings.LogFile, Path: path}
}

// nodeOnAFreePort is a node on one of the ports on which nodes of one machine are looked for.
func nodeOnAFreePort(t *testing.T, answers http.Handler) {
	t.Helper()
	for port := 14020; port >= 14000; port-- {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		n := &node{}
		n.serve(answers)
		n.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: n}}
		n.Start()
		t.Cleanup(func() {
			n.CloseClientConnections()
			n.Close()
		})
		return
	}
	t.Skip("every port from 14000 to 14020 is taken on this machine")
}

func TestOneNodeFindsItsAPI(t *testing.T) {
	t.Parallel() // asking every address takes its time
	n := newNode(t, degraded(t, idX))
	for name, source := range map[string]settings.Source{"the log says nothing": logOf(t, ""), "the log says who it is": logOf(t, idX), "the log is not there": {Kind: settings.LogFile, Path: "/no/such.log"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := seldom(settings.Node{Name: "A", Log: source})
			s.APIPort = n.port(t)
			f := configure(t, newRegistry(t, "", nil), s)
			hasAudit(t, f, "A", degradedAudit)
			if status := statusOf(f, "A"); !strings.HasSuffix(status.Endpoint, fmt.Sprint(":", n.port(t))) || status.State != concern.Connected {
				t.Errorf("%+v", status)
			}
		})
	}
	t.Run("a forwarder's machine", func(t *testing.T) {
		t.Parallel()
		s := seldom(settings.Node{Name: "A", Log: settings.Source{Kind: settings.LogTCP, Address: "127.0.0.1:9"}})
		s.APIPort = n.port(t)
		f := configure(t, newRegistry(t, "", nil), s)
		hasAudit(t, f, "A", degradedAudit)
	})
}

func TestANodeIsFoundWhenItComes(t *testing.T) {
	t.Parallel() // asking every address takes its time
	n := newNode(t, replay.FaultStatus(503))
	s := seldom(settings.Node{Name: "A", Log: settings.Source{Kind: settings.LogTCP, Address: "127.0.0.1:9"}})
	s.APIPort = n.port(t)
	f := configure(t, newRegistry(t, "", nil), s)
	eventually(t, "it is not found", func() bool {
		return strings.Contains(statusOf(f, "A").LastError, fmt.Sprintf("no storage node API answers at 127.0.0.1 port %d", n.port(t)))
	})
	if status := statusOf(f, "A"); status.State != concern.Connecting || status.Endpoint != "" {
		t.Errorf("%+v", status)
	}
	n.serve(degraded(t, idX))
	hasAudit(t, f, "A", degradedAudit)
}

// An API that was found and is another node's by now is looked for again.
func TestAFoundAPIThatBecomesAnotherNodes(t *testing.T) {
	t.Parallel() // asking every address takes its time
	n := newNode(t, degraded(t, idX))
	s := often(settings.Node{Name: "A", Log: logOf(t, idX)})
	s.APIPort = n.port(t)
	f := configure(t, newRegistry(t, "", nil), s)
	hasAudit(t, f, "A", degradedAudit)
	n.serve(replay.FaultStatus(503)) // no other begins before this one has ended
	hasState(t, f, "A", concern.Unreachable)
	n.serve(healthy(t, idY))
	eventually(t, "it is noticed", func() bool {
		status := statusOf(f, "A")
		return status.State == concern.Connecting && status.Endpoint == "" && strings.Contains(status.LastError, idX[:12])
	})
	if audit := auditOf(t, f, "A"); audit != degradedAudit {
		t.Errorf("the other node's scores are taken: %v", audit)
	}
	n.serve(degraded(t, idX))
	hasState(t, f, "A", concern.Connected)
}

func TestAnAPIThatIsNotTheLogsIsNotTaken(t *testing.T) {
	t.Parallel() // asking every address takes its time
	n := newNode(t, healthy(t, idY))
	s := seldom(settings.Node{Name: "A", Log: logOf(t, idX)})
	s.APIPort = n.port(t)
	f := configure(t, newRegistry(t, "", nil), s)
	eventually(t, "it is said", func() bool {
		return strings.Contains(statusOf(f, "A").LastError, "the log is of node "+idX[:12])
	})
	if auditOf(t, f, "A") != -1 {
		t.Error("the other node's scores are taken")
	}
}

func TestSeveralNodesAreKnownByTheirLogs(t *testing.T) {
	t.Parallel() // asking every address takes its time
	x := newNode(t, degraded(t, idX))
	nodeOnAFreePort(t, healthy(t, idY))
	s := seldom(settings.Node{Name: "B", Log: logOf(t, idY)}, settings.Node{Name: "A", Log: logOf(t, idX)})
	s.APIPort = x.port(t)
	f := configure(t, newRegistry(t, "", nil), s)
	hasAudit(t, f, "A", degradedAudit)
	hasAudit(t, f, "B", healthyAudit)
}

func TestNothingIsGuessed(t *testing.T) {
	t.Parallel() // asking every address takes its time
	t.Run("two logs that say nothing", func(t *testing.T) {
		t.Parallel()
		x := newNode(t, degraded(t, idX))
		s := seldom(settings.Node{Name: "A", Log: logOf(t, "")}, settings.Node{Name: "B", Log: logOf(t, "")})
		s.APIPort = x.port(t)
		f := configure(t, newRegistry(t, "", nil), s)
		for _, name := range []string{"A", "B"} {
			becomes(t, name+" says that it cannot tell", func() (string, bool) {
				status := statusOf(f, name)
				return status.LastError, strings.Contains(status.LastError, "the log does not say which is its own")
			})
			if auditOf(t, f, name) != -1 {
				t.Errorf("%s has scores", name)
			}
		}
	})
	// The API of the one with an address is known by another host name, and its node
	// lets us wait: it may be the only one that answers.
	t.Run("one that has an address and does not answer", func(t *testing.T) {
		t.Parallel()
		x := newNode(t, degraded(t, idX))
		x.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Host, "127.0.0.2") {
				<-r.Context().Done() // the worker of A waits
				return
			}
			degraded(t, idX).ServeHTTP(w, r)
		}))
		mirror, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", x.port(t)))
		if err != nil {
			t.Skip("only one loopback address on this machine")
		}
		second := &httptest.Server{Listener: mirror, Config: &http.Server{Handler: x}}
		second.Start()
		defer func() {
			second.CloseClientConnections()
			second.Close()
		}()
		s := seldom(settings.Node{Name: "A", API: second.URL}, settings.Node{Name: "B", Log: logOf(t, "")})
		s.APIPort = x.port(t)
		f := configure(t, newRegistry(t, "", nil), s)
		becomes(t, "B does not take it", func() (string, bool) {
			status := statusOf(f, "B")
			return status.LastError, strings.Contains(status.LastError, "the log does not say which is its own")
		})
		if auditOf(t, f, "B") != -1 {
			t.Error("B has the scores of A")
		}
	})
}

func TestRemoteAPIsThatAreNotAllowed(t *testing.T) {
	t.Parallel() // asking every address takes its time
	s := seldom(
		settings.Node{Name: "given", API: "http://192.0.2.1:14002"},
		settings.Node{Name: "looked for", Log: settings.Source{Kind: settings.LogTCP, Address: "192.0.2.1:9999"}},
	)
	s.AllowRemoteAPI = false
	f := configure(t, newRegistry(t, "", nil), s)
	for _, name := range []string{"given", "looked for"} {
		becomes(t, name+" is refused", func() (string, bool) {
			status := statusOf(f, name)
			return fmt.Sprint(status), status.State == concern.Connecting && strings.Contains(status.LastError, "remote APIs are not allowed")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		check := checkNamed(t, f.Check(ctx), name, "api")
		cancel()
		if check.Verdict != fleet.Failure || check.Mend == "" || !strings.Contains(check.Message, "not allowed") {
			t.Errorf("%+v", check)
		}
	}
}
