package replay_test

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
)

const (
	satellite0 = "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF"
	satellite1 = "1ds2WEsr2Frv8AFcPkdHfCdUjDrnGpb6y4rpADpX32TXzxg57k"
	untrusted  = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
)

func TestStates(t *testing.T) {
	var names []string
	for _, state := range replay.States() {
		names = append(names, state.Name+"/"+state.Node)
		for _, answer := range []string{"sno.json", "satellites.json", "satellite_0.json", "satellite_1.json", "estimated-payout.json", "notifications_list.json"} {
			if _, err := fs.Stat(state.FS, answer); err != nil {
				t.Errorf("%s/%s: %v", state.Name, state.Node, err)
			}
		}
	}
	want := []string{
		"02-healthy/node0", "02-healthy/node1", "03-degraded-audit-unknownsuspended/node2", "03-degraded-audit-unknownsuspended/node4",
		"04-disqualified/node3", "05-overused-disk/node4", "06-offline-stray-dq/node5", "10-offline-suspended/node6",
		"13-never-contacted-satellites/node7",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestHandlerAnswersAsTheNodeDid(t *testing.T) {
	var disqualified replay.State
	for _, state := range replay.States() {
		if state.Name == "06-offline-stray-dq" {
			disqualified = state
		}
	}
	server := httptest.NewServer(replay.Handler(disqualified.FS))
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	const jsonType, webType = "application/json", "text/html; charset=UTF-8"
	cases := []struct {
		path        string
		status      int
		contentType string
		file        string // whose content is answered, or
		location    string // where a redirect leads
	}{
		{"/api/sno/", 200, jsonType, "sno.json", ""},
		{"/api/sno", 301, "", "", "/api/sno/"},
		{"/api/sno/satellites", 200, jsonType, "satellites.json", ""},
		{"/api/sno/satellites/?a=b", 301, "", "", "/api/sno/satellites?a=b"},
		{"/api/sno/satellite/" + satellite0, 200, jsonType, "satellite_0.json", ""},
		{"/api/sno/satellite/" + satellite1, 200, jsonType, "satellite_1.json", ""},
		{"/api/sno/satellite/" + untrusted, 404, jsonType, "err_satellite_untrusted.json", ""},
		{"/api/sno/satellite/nonsense", 400, jsonType, "err_satellite_badid.json", ""},
		{"/api/sno/satellites/" + satellite1 + "/pricing", 200, jsonType, "pricing_1.json", ""},
		{"/api/sno/satellites/" + untrusted + "/pricing", 200, jsonType, "err_pricing_untrusted.json", ""},
		{"/api/sno/estimated-payout", 200, jsonType, "estimated-payout.json", ""},
		{"/api/sno/estimated-payout?id=" + satellite0, 500, jsonType, "estimated-payout_sat0.json", ""},
		{"/api/sno/estimated-payout?id=" + untrusted, 404, jsonType, "err_satellite_untrusted.json", ""},
		{"/api/notifications/list?limit=50&page=1", 200, jsonType, "notifications_list.json", ""},
		{"/api/notifications/list", 400, jsonType, "err_notifications_noparams.json", ""},
		{"/api/notifications/list?limit=50", 400, jsonType, "err_notifications_noparams.json", ""},
		{"/api/notifications/list?limit=x&page=1", 400, jsonType, "err_notifications_noparams.json", ""},
		{"/api/heldamount/periods", 200, jsonType, "heldamount_periods.json", ""},
		{"/api/heldamount/held-history", 200, jsonType, "heldamount_held-history.json", ""},
		{"/api/heldamount/payout-history/2026-10", 200, jsonType, "heldamount_payout-history.json", ""},
		{"/api/heldamount/paystubs/2026-10", 200, jsonType, "heldamount_paystubs_period.json", ""},
		{"/api/heldamount/paystubs/2026-01/2026-10", 200, jsonType, "heldamount_paystubs_range.json", ""},
		{"/api/heldamount/paystubs/2026-10/2026-01", 400, jsonType, "heldamount_paystubs_badrange.json", ""},
		{"/", 200, webType, "", ""},
		{"/api/sno/nothing", 200, webType, "", ""},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			answer, err := client.Get(server.URL + c.path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != c.status {
				t.Errorf("status %d, want %d", answer.StatusCode, c.status)
			}
			if got := answer.Header.Get("Content-Type"); c.contentType != "" && got != c.contentType {
				t.Errorf("content type %q, want %q", got, c.contentType)
			}
			if got := answer.Header.Get("Location"); got != c.location {
				t.Errorf("location %q, want %q", got, c.location)
			}
			if c.file == "" {
				return
			}
			want, err := fs.ReadFile(disqualified.FS, c.file)
			if err != nil {
				t.Fatal(err)
			}
			if string(body) != string(want) {
				t.Errorf("answered %s", body)
			}
		})
	}
}

func TestFaultOnSparesTheOtherPaths(t *testing.T) {
	server := httptest.NewServer(replay.FaultOn("/api/sno/satellites", replay.FaultStatus(503), replay.FaultSlow(time.Millisecond, replay.FaultHTML())))
	defer server.Close()
	for path, want := range map[string]int{"/api/sno/satellites": 503, "/api/sno/": 200} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
}

func ExampleHandler() {
	for _, state := range replay.States() {
		if state.Name == "04-disqualified" {
			node := httptest.NewServer(replay.Handler(state.FS))
			defer node.Close()
			answer, err := http.Get(node.URL + "/api/sno/")
			if err != nil {
				panic(err)
			}
			defer func() { _ = answer.Body.Close() }()
			fmt.Println(state.Node, answer.Status, answer.Header.Get("Content-Type"))
		}
	}
	// Output: node3 200 OK application/json
}
