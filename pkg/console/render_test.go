package console_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/console"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// fleetFrames are the two tables of a fleet in which everything that a screen must show happens to some node.
func fleetFrames() (nodes, reputation data.Frames) {
	var zero *time.Time
	ago := func(d time.Duration) *time.Time { return ptr(now.Add(-d)) }
	nodes = data.Frames{data.NewFrame("nodes",
		data.NewField("node_name", nil, []string{"Attic", "Basement", "Cottage on the hill with a long name", "Dead", "Fresh"}),
		data.NewField("state", nil, []string{"connected", "connected", "slow", "unreachable", "connecting"}),
		data.NewField("state_since", nil, []*time.Time{ago(50 * time.Hour), ago(time.Hour), ago(7 * time.Minute), ago(26 * time.Hour), ago(5 * time.Second)}),
		data.NewField("last_success", nil, []*time.Time{ago(12 * time.Second), ago(70 * time.Second), ago(3 * time.Minute), ago(26 * time.Hour), zero}),
		data.NewField("last_error", nil, []string{"", "", "", "http://192.168.1.20:14002: connection refused: is the node running, and does its container publish port 14002?\nsecond line", ""}),
		data.NewField("version", nil, []string{"1.162.3", "1.139.6", "1.162.3", "1.162.3", ""}),
		data.NewField("up_to_date", nil, []*bool{ptr(true), ptr(false), ptr(true), ptr(true), nil}),
		data.NewField("quic_status", nil, []string{"OK", "Misconfigured", "OK", "OK", ""}),
		data.NewField("disk_used_bytes", nil, []*int64{ptr[int64](1_234_000_000_000), ptr[int64](2_100_000_000), nil, ptr[int64](10), nil}),
		data.NewField("disk_allocated_bytes", nil, []*int64{ptr[int64](8_000_000_000_000), ptr[int64](2_000_000_000), nil, ptr[int64](2_000_000_000), nil}),
		data.NewField("estimated_payout_usd", nil, []*float64{ptr(1.239), nil, nil, nil, nil}),
		data.NewField("health_percent", nil, []*float64{ptr(100.0), ptr(73.0), nil, nil, nil}),
	)}
	type row struct {
		node, satellite            string
		audit, suspension, online  *float64
		left, downtime             *float64
		recovers                   *time.Time
		disqualified, susp, offSus *bool
		vetted                     *bool
		vetting                    *float64
		at                         *time.Time
	}
	no, yes := ptr(false), ptr(true)
	rows := []row{
		{"Attic", "us1", ptr(100.0), ptr(100.0), ptr(99.999), ptr(41.0), ptr(0.39999 * 30 * 86400), zero, no, no, no, yes, ptr(100.0), ago(90 * time.Second)},
		{"Attic", "saltlake", ptr(100.0), ptr(100.0), ptr(97.2), ptr(41.0), ptr(0.372 * 30 * 86400), zero, no, no, no, no, ptr(37.5), ago(90 * time.Second)},
		{"Basement", "us1", ptr(99.1), ptr(100.0), ptr(91.0), ptr(32.0), ptr(0.31 * 30 * 86400), ptr(now.Add(100 * time.Hour)), no, no, no, yes, ptr(100.0), ago(time.Minute)},
		{"Basement", "eu1", ptr(95.98), ptr(58.0), ptr(55.0), ptr(0.0), ptr(0.0), zero, yes, yes, yes, yes, ptr(100.0), ago(time.Minute)},
		{"Cottage on the hill with a long name", "12EayRS2V1kEs", nil, nil, nil, nil, nil, zero, nil, nil, nil, nil, nil, zero},
		{"Dead", "us1", ptr(100.0), ptr(100.0), ptr(100.0), ptr(41.0), ptr(0.4 * 30 * 86400), zero, no, no, no, yes, ptr(100.0), ago(26 * time.Hour)},
	}
	f := data.NewFrame("reputation",
		data.NewField("node_name", nil, []string{}), data.NewField("satellite_id", nil, []string{}), data.NewField("satellite", nil, []string{}),
		data.NewField("audit_score_percent", nil, []*float64{}), data.NewField("suspension_score_percent", nil, []*float64{}),
		data.NewField("online_score_percent", nil, []*float64{}), data.NewField("failed_audits_left", nil, []*float64{}),
		data.NewField("downtime_left_seconds", nil, []*float64{}), data.NewField("online_recovers_at", nil, []*time.Time{}),
		data.NewField("is_disqualified", nil, []*bool{}), data.NewField("is_suspended", nil, []*bool{}),
		data.NewField("is_offline_suspended", nil, []*bool{}), data.NewField("vetted", nil, []*bool{}),
		data.NewField("vetting_progress_percent", nil, []*float64{}), data.NewField("timestamp", nil, []*time.Time{}),
	)
	for _, r := range rows {
		f.AppendRow(r.node, r.satellite, r.satellite, r.audit, r.suspension, r.online, r.left, r.downtime, r.recovers,
			r.disqualified, r.susp, r.offSus, r.vetted, r.vetting, r.at)
	}
	f.Meta = &data.FrameMeta{Notices: []data.Notice{{Severity: data.NoticeSeverityWarning, Text: "Dead: the scores are 26 h old"}}}
	return nodes, data.Frames{f}
}

func fleet() console.Snapshot {
	nodes, reputation := fleetFrames()
	snapshot := console.Read(nodes, reputation, now)
	snapshot.Answered = true
	snapshot.Remarks = append(snapshot.Remarks, console.Remark{
		Severity: console.Critical, Node: "Attic", Text: "The log /var/log/storagenode.log cannot be read: it belongs to uid 1000, mode 0600, and this plugin runs as uid 472.",
		Mend: "chmod o+r /var/log/storagenode.log",
	})
	return snapshot
}

func TestRenderGolden(t *testing.T) {
	for name, c := range map[string]struct {
		snapshot console.Snapshot
		width    int
	}{
		"fleet-80":  {fleet(), 80},
		"fleet-120": {fleet(), 120},
		"waiting":   {console.Snapshot{At: now}, 80},
		"no-nodes":  {console.Snapshot{At: now, Answered: true}, 80},
	} {
		t.Run(name, func(t *testing.T) {
			got := ansi.Strip(console.Render(c.snapshot, c.width))
			want, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s\nthe whole screen:\n%s", diff, got)
			}
		})
	}
}

func TestEveryLineFits(t *testing.T) {
	for _, width := range []int{20, 80, 81, 99, 109, 110, 120, 200} {
		for i, line := range strings.Split(console.Render(fleet(), width), "\n") {
			if got := ansi.StringWidth(line); got > max(width, console.NarrowestWidth) {
				t.Errorf("at %d columns line %d is %d wide: %s", width, i+1, got, ansi.Strip(line))
			}
		}
	}
}

const green, red, yellow = "\x1b[32m", "31m", "\x1b[33m"

func TestNothingUnknownIsGreen(t *testing.T) {
	nodes, reputation := fleetFrames()
	for name, c := range map[string]struct {
		snapshot console.Snapshot
		green    bool
	}{
		"a fine node":                    {pick(console.Read(nodes, reputation, now), "Attic"), true},
		"scores that are 26 hours old":   {pick(console.Read(nil, reputation, now), "Dead"), false},
		"a node that was never seen":     {pick(console.Read(nodes, nil, now), "Fresh"), false},
		"a satellite never heard of":     {pick(console.Read(nil, reputation, now), "Cottage on the hill with a long name"), false},
		"scores without a time":          {console.Snapshot{At: now, Nodes: []console.Node{{Name: "x", Satellites: []console.Satellite{{Name: "us1", Audit: console.Score{Percent: ptr(100.0), Judged: console.Fine}}}}}}, false},
		"nothing at all":                 {console.Snapshot{At: now}, false},
		"a state this program knows not": {console.Snapshot{At: now, Nodes: []console.Node{{Name: "x", State: "levitating"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			screen := console.Render(c.snapshot, 120)
			if got := strings.Contains(screen, green); got != c.green {
				t.Errorf("green appears: %v, want %v\n%s", got, c.green, screen)
			}
		})
	}
}

func pick(s console.Snapshot, name string) console.Snapshot {
	for _, node := range s.Nodes {
		if node.Name == name {
			s.Nodes = []console.Node{node}
			s.Remarks = nil
			return s
		}
	}
	panic("no node " + name)
}

func TestSeverity(t *testing.T) {
	fine := console.Satellite{
		Name: "us1", At: now,
		Audit: console.Score{Percent: ptr(100.0)}, Suspension: console.Score{Percent: ptr(100.0)}, Online: console.Score{Percent: ptr(100.0)},
	}
	with := func(change func(*console.Satellite)) console.Satellite { s := fine; change(&s); return s }
	for name, c := range map[string]struct {
		satellite console.Satellite
		want      console.Severity
	}{
		"full scores":                       {fine, console.Fine},
		"a few failed audits":               {with(func(s *console.Satellite) { s.Audit.Percent = ptr(99.4) }), console.Warning},
		"half of the audit budget gone":     {with(func(s *console.Satellite) { s.Audit.Percent = ptr(97.9) }), console.Critical},
		"one unknown error":                 {with(func(s *console.Satellite) { s.Suspension.Percent = ptr(95.0) }), console.Fine},
		"some unknown errors":               {with(func(s *console.Satellite) { s.Suspension.Percent = ptr(90.0) }), console.Warning},
		"offline for a day and a half":      {with(func(s *console.Satellite) { s.Online.Percent = ptr(94.9) }), console.Warning},
		"offline for ten days":              {with(func(s *console.Satellite) { s.Online.Percent = ptr(66.0) }), console.Critical},
		"disqualified with full scores":     {with(func(s *console.Satellite) { s.Disqualified = ptr(true) }), console.Critical},
		"offline-suspended":                 {with(func(s *console.Satellite) { s.OfflineSuspended = ptr(true) }), console.Critical},
		"a score that is missing":           {with(func(s *console.Satellite) { s.Online.Percent = nil }), console.Unknown},
		"the operator's threshold is wider": {with(func(s *console.Satellite) { s.Online = console.Score{Percent: ptr(99.0), Judged: console.Warning} }), console.Warning},
		"a warning outweighs not knowing": {with(func(s *console.Satellite) {
			s.Online.Percent, s.Audit.Percent = nil, ptr(99.0)
		}), console.Warning},
	} {
		if got := c.satellite.Severity(); got != c.want {
			t.Errorf("%s: severity %v, want %v", name, got, c.want)
		}
	}
}
