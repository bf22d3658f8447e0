package fleet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestWrongQuestionsAreRefused(t *testing.T) {
	n := newNode(t, healthy(t, idX))
	f := configure(t, newRegistry(t, "", nil), seldom(at("A", n)))
	empty, err := newRegistry(t, "", nil).Configure(key, seldom(), settings.Report{})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		fleet *fleet.Fleet
		query string
		says  string
	}{
		{f, `{`, "not a JSON object"},
		{f, `{"queryType":"weather"}`, `allowed are "nodes", "fleet", "overview", "live", "reputation"`},
		{f, `{"queryType":"nodes","format":"instant"}`, `allowed are "table"`},
		{f, `{"queryType":"reputation","metrics":["x"]}`, `"audit_score_percent"`},
		{f, `{"queryType":"reputation","nodes":["B"]}`, `there is no node "B"; the nodes are A`},
		{f, `{"queryType":"reputation","nodes":["/(/"]}`, "nodes: "},
		{empty, `{"queryType":"reputation","nodes":["B"]}`, `there is no node "B": none is configured`},
	}
	for _, c := range cases {
		t.Run(c.query, func(t *testing.T) {
			_, err := c.fleet.Answer(t.Context(), []byte(c.query), time.Now().Add(-time.Hour), time.Now(), time.Minute, 100)
			var wrong *fleet.QueryError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
	for _, query := range []string{`{"queryType":"nodes"}`, `{"queryType":"reputation"}`, `{"queryType":"reputation","format":"table"}`} {
		frames, err := empty.Answer(t.Context(), []byte(query), time.Now().Add(-time.Hour), time.Now(), time.Minute, 100)
		if err != nil || len(frames) != 1 || len(frames[0].Fields) != 0 || frames[0].Meta.Type == "" {
			t.Errorf("%s without nodes: %+v, %v", query, frames, err)
		}
	}
}

func TestAnswersSayWhatWasExecuted(t *testing.T) {
	n := newNode(t, healthy(t, idX))
	f := configure(t, newRegistry(t, "", nil), seldom(at("A", n)))
	hasAudit(t, f, "A", healthyAudit)
	for query, want := range map[string]string{
		`{"queryType":"nodes","refId":"A","hide":false}`:                                    `{"queryType":"nodes","format":"table"}`,
		`{"queryType":"reputation","nodes":["$__all"],"metrics":["vetted"]}`:                `{"queryType":"reputation","nodes":["$__all"],"metrics":["vetted"],"format":"timeseries"}`,
		`{"queryType":"reputation","nodes":["/a|A/"],"format":"instant","satellites":null}`: `{"queryType":"reputation","nodes":["/a|A/"],"format":"instant"}`,
	} {
		frames := ask(t, f, query)
		if len(frames) == 0 || len(frames[0].Fields) == 0 {
			t.Fatalf("%s: no data", query)
		}
		for _, frame := range frames {
			if frame.Meta.ExecutedQueryString != want {
				t.Errorf("executed %s, want %s", frame.Meta.ExecutedQueryString, want)
			}
		}
	}
}

// cell is a table's value as a person sees it; "null" if there is none.
func cell(frame *data.Frame, name string, row int) string {
	field, _ := frame.FieldByName(name)
	if field == nil {
		return "no such column"
	}
	v, ok := field.ConcreteAt(row)
	if !ok {
		return "null"
	}
	return fmt.Sprint(v)
}

func TestNodesTable(t *testing.T) {
	good := newNode(t, recording(t, "05-overused-disk", "node4", idX))
	bad := newNode(t, replay.FaultHTML())
	muted := settings.Node{Name: "good", API: good.URL, Log: logOf(t, idX), MutedSatellites: map[string]string{"1xTwTPLWfiqf": "left it"}}
	f := configure(t, newRegistry(t, "", nil), seldom(muted, at("bad", bad)))
	hasState(t, f, "good", concern.Connected)
	hasState(t, f, "bad", concern.Unreachable)
	frames := ask(t, f, `{"queryType":"nodes"}`)
	// Its scores are asked for after what it says of itself.
	eventually(t, "good's scores", func() bool {
		frames = ask(t, f, `{"queryType":"nodes"}`)
		return cell(frames[0], "health_percent", 1) != "null"
	})
	if len(frames) != 1 || frames[0].Meta.Type != data.FrameTypeTable || frames[0].Rows() != 2 {
		t.Fatalf("%+v", frames)
	}
	table := frames[0]
	var columns []string
	for _, field := range table.Fields {
		columns = append(columns, field.Name)
	}
	want := []string{
		"node_name", "state", "state_since", "last_success", "last_error", "node_id", "version", "up_to_date", "started_at", "last_pinged",
		"quic_status", "disk_used_bytes", "disk_free_bytes", "disk_trash_bytes", "disk_allocated_bytes", "estimated_payout_usd", "health_percent", "api", "log", "log_state", "log_progress_percent", "log_behind_bytes", "log_last_line", "log_trouble", "not_watched",
	}
	if diff := cmp.Diff(want, columns); diff != "" {
		t.Error(diff)
	}
	// The one in trouble comes first, and what is not known of it is null.
	rows := []map[string]string{
		{
			"node_name": "bad", "state": "unreachable", "last_success": "null", "node_id": "", "version": "", "up_to_date": "null", "started_at": "null", "last_pinged": "null",
			"quic_status": "", "disk_used_bytes": "null", "disk_free_bytes": "null", "disk_trash_bytes": "null", "disk_allocated_bytes": "null",
			"estimated_payout_usd": "null", "health_percent": "null", "api": bad.URL, "log": "",
		},
		{
			"node_name": "good", "state": "connected", "last_error": "", "node_id": idX, "version": "1.162.3", "up_to_date": "true",
			"started_at": "2026-11-22 22:34:25.147217725 +0000 UTC", "last_pinged": "2026-11-22 22:34:34.514350592 +0000 UTC",
			"quic_status": "OK", "disk_used_bytes": "6.1615872e+07", "disk_free_bytes": "0", "disk_trash_bytes": "1.7865472e+07", "disk_allocated_bytes": "2e+07",
			"estimated_payout_usd": "0", "health_percent": "100", "api": good.URL, "log": muted.Log.Path,
		},
	}
	for i, row := range rows {
		for column, value := range row {
			if got := cell(table, column, i); got != value {
				t.Errorf("%s of row %d is %s, want %s", column, i, got, value)
			}
		}
	}
	if got := cell(table, "last_error", 0); !strings.Contains(got, "a web page") {
		t.Errorf("last error %s", got)
	}
	if len(table.Meta.Notices) != 0 {
		t.Errorf("notices %+v", table.Meta.Notices)
	}
	if got := ask(t, f, `{"queryType":"nodes","nodes":["good"]}`)[0]; got.Rows() != 1 || cell(got, "node_name", 0) != "good" {
		t.Errorf("%d rows", got.Rows())
	}
}

func TestNodesTableSaysWhatIsOld(t *testing.T) {
	n := newNode(t, healthy(t, idX))
	c := &clock{}
	f := configure(t, newRegistry(t, "", c.now), seldom(at("A", n)))
	hasState(t, f, "A", concern.Connected)
	n.serve(replay.FaultStatus(500))
	c.advance(3 * time.Hour) // two intervals are two hours
	notices := ask(t, f, `{"queryType":"nodes"}`)[0].Meta.Notices
	if len(notices) != 1 || !strings.Contains(notices[0].Text, "A: what is shown of it is of ") {
		t.Errorf("%+v", notices)
	}
}

func TestResources(t *testing.T) {
	a, b := newNode(t, degraded(t, idX)), newNode(t, recording(t, "13-never-contacted-satellites", "node7", idY))
	f := configure(t, newRegistry(t, "", nil), seldom(at("A", a), at("B", b)))
	hasAudit(t, f, "A", degradedAudit)
	hasState(t, f, "B", concern.Connected)
	for _, views := range [][]string{nil, {"Aggregate"}, {"A"}, {"B", "Aggregate"}, {"A", "B"}, {"/A|B/"}} {
		message, err := f.Reputation(t.Context(), views)
		if err != nil || message.Type != "reputation_data" || len(message.Data) != 2 || message.Data[0].NodeName != "A" {
			t.Errorf("%q: %+v, %v", views, message, err)
		}
	}
	message, err := f.Reputation(t.Context(), []string{"B"})
	if encoded, _ := json.Marshal(message); err != nil || string(encoded) != `{"type":"reputation_data","data":[]}` {
		t.Errorf("%s, %v", encoded, err)
	}
	var wrong *fleet.QueryError
	if _, err := f.Reputation(t.Context(), []string{"C"}); !errors.As(err, &wrong) {
		t.Errorf("error %v", err)
	}

	satellites, err := f.Satellites(t.Context(), nil)
	want := []fleet.Satellite{
		{ID: "1ds2WEsr2Frv8AFcPkdHfCdUjDrnGpb6y4rpADpX32TXzxg57k", Name: "1ds2WEsr2Frv"},
		{ID: "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF", Name: "1xTwTPLWfiqf"},
	}
	if diff := cmp.Diff(want, satellites); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if satellites, err := f.Satellites(t.Context(), []string{"B"}); err != nil || satellites == nil || len(satellites) != 0 {
		t.Errorf("%v, %v", satellites, err)
	}
	if _, err := f.Satellites(t.Context(), []string{"C"}); !errors.As(err, &wrong) {
		t.Errorf("error %v", err)
	}
}
