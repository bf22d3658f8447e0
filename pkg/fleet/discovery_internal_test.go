package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

func TestChoosePair(t *testing.T) {
	x := found{"http://localhost:14002", "1XXXXXXXXXXXXXXXXX"}
	y := found{"http://localhost:14003", "1YYYYYYYYYYYYYYYYY"}
	z := found{"http://localhost:14004", "1ZZZZZZZZZZZZZZZZZ"}
	cases := []struct {
		name     string
		answered []found
		taken    takenBy
		logID    string
		want     found
		says     string
	}{
		{name: "one API, one node", answered: []found{x}, want: x},
		{name: "the log names it", answered: []found{x, y, z}, logID: y.nodeID, want: y},
		{name: "the log names it, though others look for theirs", answered: []found{x, y}, taken: takenBy{others: []string{"B"}}, logID: y.nodeID, want: y},
		{name: "the log names another", answered: []found{x}, logID: y.nodeID, says: "the log is of node 1YYYYYYYYYYY…, and none of the APIs"},
		{name: "several, and the log says nothing", answered: []found{x, y}, says: "2 APIs answer"},
		{name: "one, but another node looks too", answered: []found{x}, taken: takenBy{others: []string{"B"}}, says: "1 APIs answer"},
		{name: "the last one left, by id", answered: []found{x, y}, taken: takenBy{nodeIDs: map[string]string{x.nodeID: "B"}}, want: y},
		{name: "the last one left, by address", answered: []found{x, y}, taken: takenBy{endpoints: map[string]string{x.endpoint: "B"}}, want: y},
		{name: "none left", answered: []found{x}, taken: takenBy{nodeIDs: map[string]string{x.nodeID: "B"}}, says: "belongs to another node"},
		{name: "the log names one that another has", answered: []found{x, y}, taken: takenBy{nodeIDs: map[string]string{x.nodeID: "B"}}, logID: x.nodeID, says: "none of the APIs"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := choosePair(settings.Node{Name: "A"}, c.answered, c.taken, c.logID, "localhost port 14002")
			switch {
			case c.says == "" && (err != nil || got != c.want):
				t.Errorf("%v, %v, want %v", got, err, c.want)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "PI address")):
				t.Errorf("%v, error %v does not say %q and what to do", got, err, c.says)
			}
		})
	}
}

// What another node of the fleet has, or may have, is not free.
func TestTaken(t *testing.T) {
	cases := []struct {
		name  string
		other *worker
		want  takenBy
	}{
		{"looks for its API", &worker{}, takenBy{others: []string{"B"}}},
		{"found it, nothing recorded yet", &worker{api: found{"http://localhost:14003", "1Y"}}, takenBy{
			nodeIDs: map[string]string{"1Y": "B"}, endpoints: map[string]string{"http://localhost:14003": "B"},
		}},
		{"given, not asked yet", &worker{node: settings.Node{API: "http://10.0.0.1:14002"}}, takenBy{
			endpoints: map[string]string{"http://10.0.0.1:14002": "B"}, others: []string{"B"},
		}},
		{"given, being asked", &worker{node: settings.Node{API: "http://10.0.0.1:14002"}, api: found{endpoint: "http://10.0.0.1:14002"}}, takenBy{
			endpoints: map[string]string{"http://10.0.0.1:14002": "B"}, others: []string{"B"},
		}},
		{"given, and it said who it is", &worker{node: settings.Node{API: "http://10.0.0.1:14002"}, api: found{endpoint: "http://10.0.0.1:14002"}, facts: concern.Facts{NodeID: "1Y"}}, takenBy{
			endpoints: map[string]string{"http://10.0.0.1:14002": "B"}, nodeIDs: map[string]string{"1Y": "B"},
		}},
		{"given, and down", &worker{node: settings.Node{API: "http://10.0.0.1:14002"}, api: found{endpoint: "http://10.0.0.1:14002"}, troubles: troubles{status: "refused"}}, takenBy{
			endpoints: map[string]string{"http://10.0.0.1:14002": "B"},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &Fleet{workers: map[string]*worker{"A": {}, "B": c.other}}
			got := f.takenLocked("A")
			if c.want.nodeIDs == nil {
				c.want.nodeIDs = map[string]string{}
			}
			if c.want.endpoints == nil {
				c.want.endpoints = map[string]string{}
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(takenBy{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiscoveryHosts(t *testing.T) {
	tcp := func(address string) settings.Source {
		return settings.Source{Kind: settings.LogTCP, Address: address}
	}
	docker := func(daemon string) settings.Source {
		return settings.Source{Kind: settings.LogDocker, Container: "storagenode", Address: daemon}
	}
	cases := []struct {
		name   string
		source settings.Source
		remote bool
		want   []string
		says   string
	}{
		{"a forwarder's machine", tcp("192.168.1.100:9999"), true, []string{"192.168.1.100"}, ""},
		{"a forwarder's machine, not allowed", tcp("192.168.1.100:9999"), false, nil, "remote APIs are not allowed"},
		{"a forwarder on this machine", tcp("127.0.0.1:9999"), false, []string{"127.0.0.1"}, ""},
		{"IPv6", tcp("[::1]:9999"), false, []string{"::1"}, ""},
		{"a container's machine", docker("tcp://192.168.1.100:2375"), true, []string{"192.168.1.100"}, ""},
		{"a container's machine, not allowed", docker("tcp://192.168.1.100:2375"), false, nil, "remote APIs are not allowed"},
		{"no address", tcp("nonsense"), true, nil, "cannot be read"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := discoveryHosts(c.source, c.remote)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v", err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	for _, source := range []settings.Source{{Kind: settings.LogFile, Path: "/x"}, docker(""), docker("unix:///run/docker.sock")} {
		hosts, err := discoveryHosts(source, false)
		if err != nil || len(hosts) < 2 || hosts[0] != "localhost" || hosts[1] != "127.0.0.1" {
			t.Errorf("%s: hosts %q, %v", source, hosts, err)
		}
		if (len(hosts) > 2) != storagenode.InsideContainer() {
			t.Errorf("%s: in a container %v, hosts %q", source, storagenode.InsideContainer(), hosts)
		}
	}
}
