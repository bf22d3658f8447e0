package reputation_test

import (
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// The satellites of the recordings, and their names here.
const (
	sat0 = "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF"
	sat1 = "1ds2WEsr2Frv8AFcPkdHfCdUjDrnGpb6y4rpADpX32TXzxg57k"
	us1  = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1  = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"

	name0, name1 = "1xTwTPLWfiqf", "1ds2WEsr2Frv"
)

const interval = 5 * time.Minute

// polled is a while after the recordings were made.
var polled = time.Date(2026, 11, 22, 23, 2, 30, 0, time.UTC)

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{FlushInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func nodeNamed(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name, Thresholds: settings.Default().Thresholds}, History: "history-of-" + name}
}

// record is what the fleet does with a poll.
func record(t *testing.T, into *store.Store, node concern.Node, at time.Time, scores *storagenode.Scores) {
	t.Helper()
	batch := &store.Batch{}
	poll := concern.Poll{At: at, Slot: at.Truncate(interval), Interval: interval, Scores: scores}
	if err := (reputation.Concern{}).Record(node, poll, into, batch); err != nil {
		t.Fatal(err)
	}
	if err := into.Record(batch); err != nil {
		t.Fatal(err)
	}
}

// recorded asks a recorded node for its scores, as the fleet does.
func recorded(t *testing.T, state, node string) *storagenode.Scores {
	t.Helper()
	for _, s := range replay.States() {
		if s.Name != state || s.Node != node {
			continue
		}
		server := httptest.NewServer(replay.Handler(s.FS))
		defer server.Close()
		client, err := storagenode.NewClient(server.URL, server.Client())
		if err != nil {
			t.Fatal(err)
		}
		status, err := client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		scores, err := client.Scores(t.Context(), status)
		if err != nil || len(scores.Errors) > 0 {
			t.Fatal(err, scores.Errors)
		}
		return &scores
	}
	t.Fatalf("no recording %s/%s", state, node)
	return nil
}

func latestOf(t *testing.T, from *store.Store, node concern.Node) reputation.Latest {
	t.Helper()
	latest, ok, err := reputation.Read(from, node)
	if err != nil || !ok {
		t.Fatalf("nothing is stored of %s: %v", node.Name, err)
	}
	return latest
}

// samplesOf is everything stored of a node: time, then "metric satellite".
func samplesOf(t *testing.T, from *store.Store, node concern.Node) map[int64]map[string]float64 {
	t.Helper()
	result, err := from.Read(t.Context(), store.Range{Group: node.StoredAs("reputation"), To: math.MaxInt64 / 2})
	if err != nil {
		t.Fatal(err)
	}
	samples := map[int64]map[string]float64{}
	for i, column := range result.Columns {
		for j, v := range result.Values[i] {
			if v != v {
				continue
			}
			at := result.Times[j]
			if samples[at] == nil {
				samples[at] = map[string]float64{}
			}
			key := column.Metric()
			if id := column.Label("satellite"); id != "" {
				key += " " + storagenode.SatelliteName(id)
			}
			samples[at][key] = v
		}
	}
	return samples
}

// failuresLeft counts failed audits until the satellite disqualifies, one by one.
func failuresLeft(score float64) float64 {
	n := 0.0
	for ; score > 0.96; n++ {
		score *= 0.999
	}
	return n
}

// wanted is what must be known of one satellite.
type wanted struct {
	satellite                                     string
	audit, suspension, online                     float64
	disqualifiedAt, suspendedAt, joined, vettedAt string
	offlineSuspended, recovering                  bool
	vetting, auditsLeft, downtimeLeft, health     float64
}

var close1e9 = cmpopts.EquateApprox(0, 1e-9)

const twelveDays = 12 * 24 * 3600.0

func TestRecordOfEachRecordedState(t *testing.T) {
	cases := []struct {
		state, node string
		want        []wanted
		health      float64
	}{
		{"02-healthy", "node0", []wanted{
			{sat0, 100, 100, 100, "", "", "2026-11-22T22:23:08.27425Z", "2026-11-22T22:27:00.994Z", false, false, 100, 41, twelveDays, 100},
			{sat1, 100, 100, 100, "", "", "2026-11-22T22:23:08.282521Z", "2026-11-22T22:27:06.809292Z", false, false, 100, 41, twelveDays, 100},
		}, 100},
		{"03-degraded-audit-unknownsuspended", "node2", []wanted{
			{sat0, 100, 54.17746465001458, 100, "", "2026-11-22T22:29:47.960254Z", "2026-11-22T22:23:08.367592Z", "2026-11-22T22:27:01.308111Z", false, false, 100, 41, twelveDays, 0},
			{sat1, 100, 100, 100, "", "", "2026-11-22T22:23:08.45695Z", "2026-11-22T22:27:05.832902Z", false, false, 100, 41, twelveDays, 100},
		}, 0},
		{"03-degraded-audit-unknownsuspended", "node4", []wanted{
			{sat0, 97.22331871641523, 100, 100, "", "", "2026-11-22T22:23:09.331322Z", "2026-11-22T22:27:01.100862Z", false, false, 100, failuresLeft(0.9722331871641523), twelveDays, 100 * (0.9722331871641523 - 0.96) / 0.04},
			{sat1, 100, 100, 100, "", "", "2026-11-22T22:23:09.365652Z", "2026-11-22T22:27:06.059278Z", false, false, 100, 41, twelveDays, 100},
		}, 100 * (0.9722331871641523 - 0.96) / 0.04},
		{"04-disqualified", "node3", []wanted{
			{sat0, 95.9809440525076, 100, 100, "2026-11-22T22:30:25.807653Z", "", "2026-11-22T22:23:08.750949Z", "2026-11-22T22:27:00.676956Z", false, false, 100, 0, 0, 0},
			{sat1, 100, 100, 100, "", "", "2026-11-22T22:23:08.682834Z", "2026-11-22T22:27:06.744484Z", false, false, 100, 41, twelveDays, 100},
		}, 0},
		{"05-overused-disk", "node4", []wanted{
			{sat0, 97.23633742935571, 100, 100, "", "", "2026-11-22T22:23:09.331322Z", "2026-11-22T22:27:01.100862Z", false, false, 100, failuresLeft(0.9723633742935571), twelveDays, 100 * (0.9723633742935571 - 0.96) / 0.04},
			{sat1, 100, 100, 100, "", "", "2026-11-22T22:23:09.365652Z", "2026-11-22T22:27:06.059278Z", false, false, 100, 41, twelveDays, 100},
		}, 100 * (0.9723633742935571 - 0.96) / 0.04},
		// Disqualified for 30 days' silence with full audit scores: nothing is left of
		// any budget. And not suspended for being offline: it joined minutes ago.
		{"06-offline-stray-dq", "node5", []wanted{
			{sat0, 100, 100, 17.647058823529413, "2026-11-22T22:33:06.1921Z", "", "2026-11-22T22:23:09.967258Z", "2026-11-22T22:27:00.741307Z", false, true, 100, 0, 0, 0},
			{sat1, 100, 100, 18.75, "2026-11-22T22:33:06.217451Z", "", "2026-11-22T22:23:09.990218Z", "2026-11-22T22:27:06.637898Z", false, true, 100, 0, 0, 0},
		}, 0},
		// The notifications say it, although it joined minutes ago.
		{"10-offline-suspended", "node6", []wanted{
			{sat0, 100, 100, 0, "", "", "2026-11-22T22:41:45.974364Z", "2026-11-22T22:43:06.497117Z", true, true, 100, 41, 0, 0},
			{sat1, 100, 100, 0, "", "", "2026-11-22T22:41:45.974104Z", "", true, true, 0, 41, 0, 0},
		}, 0},
	}
	for _, c := range cases {
		t.Run(c.state+"/"+c.node, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			record(t, s, node, polled, recorded(t, c.state, c.node))
			latest := latestOf(t, s, node)
			if !latest.At.Equal(polled) || latest.Interval != interval {
				t.Errorf("at %v, interval %v", latest.At, latest.Interval)
			}
			var got []wanted
			wantSamples := map[string]float64{"health_percent": c.health}
			for _, st := range latest.Standings {
				if !st.Timestamp.Equal(polled) {
					t.Errorf("%s: timestamp %v", st.SatelliteID, st.Timestamp)
				}
				if st.OfflineUnreadable || st.VettingUnreadable {
					t.Errorf("%s: something was unreadable: %+v", st.SatelliteID, st)
				}
				if recovers := !st.OnlineRecoversAt.IsZero(); recovers && (st.OnlineRecoversAt.Before(polled) || st.OnlineRecoversAt.After(polled.Add(32*24*time.Hour))) {
					t.Errorf("%s: above 95 %% again at %v", st.SatelliteID, st.OnlineRecoversAt)
				}
				text := func(at time.Time) string {
					if at.IsZero() {
						return ""
					}
					return at.UTC().Format(time.RFC3339Nano)
				}
				got = append(got, wanted{
					st.SatelliteID, st.Audit, st.Suspension, st.Online,
					text(st.DisqualifiedAt), text(st.SuspendedAt), text(st.JoinedAt), text(st.VettedAt),
					st.OfflineSuspended, !st.OnlineRecoversAt.IsZero(),
					st.VettingProgress, st.FailedAuditsLeft(), st.DowntimeLeft(), st.Health(),
				})
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(wanted{}), close1e9); diff != "" {
				t.Error(diff)
			}
			for _, w := range c.want {
				name := " " + storagenode.SatelliteName(w.satellite)
				wantSamples["audit_score_percent"+name] = w.audit
				wantSamples["suspension_score_percent"+name] = w.suspension
				wantSamples["online_score_percent"+name] = w.online
				wantSamples["disqualified"+name] = flag(w.disqualifiedAt != "")
				wantSamples["suspended"+name] = flag(w.suspendedAt != "")
				wantSamples["offline_suspended"+name] = flag(w.offlineSuspended)
				wantSamples["vetted"+name] = flag(w.vettedAt != "")
				wantSamples["vetting_progress_percent"+name] = w.vetting
			}
			want := map[int64]map[string]float64{polled.Truncate(interval).UnixMilli(): wantSamples}
			if diff := cmp.Diff(want, samplesOf(t, s, node), close1e9); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}

func TestASatelliteNeverContactedGivesNothing(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, recorded(t, "13-never-contacted-satellites", "node7"))
	latest := latestOf(t, s, node)
	if len(latest.Standings) != 0 || !latest.At.Equal(polled) {
		t.Errorf("%+v", latest)
	}
	if samples := samplesOf(t, s, node); len(samples) != 0 {
		t.Errorf("samples %v", samples)
	}
	if _, ok := latest.Health(func(string) bool { return false }); ok {
		t.Error("a health without evidence")
	}
}

func TestAPollWithoutScoresChangesNothing(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, recorded(t, "02-healthy", "node0"))
	before := latestOf(t, s, node)
	record(t, s, node, polled.Add(interval), nil)
	if diff := cmp.Diff(before, latestOf(t, s, node)); diff != "" {
		t.Error(diff)
	}
}

// scored is one satellite's full answer.
func scored(id string, audit, suspension, online float64, joined time.Time) storagenode.SatelliteScores {
	return storagenode.SatelliteScores{
		ID: id, Name: storagenode.SatelliteName(id), Contacted: true,
		Audit: audit, Suspension: suspension, Online: online, JoinedAt: joined, VettedAt: joined.Add(1000 * time.Hour),
		History: storagenode.AuditHistory{Windows: []storagenode.AuditWindowCount{{Start: joined, TotalCount: 10, OnlineCount: 10}}},
	}
}

func scores(satellites ...storagenode.SatelliteScores) *storagenode.Scores {
	return &storagenode.Scores{Satellites: satellites, NotificationsRead: true}
}

func TestOfflineSuspension(t *testing.T) {
	old, young := polled.Add(-31*24*time.Hour), polled.Add(-29*24*time.Hour)
	was := func(suspended bool) *storagenode.Scores {
		before := scored(us1, 1, 1, 0.58, old)
		before.OfflineNotified = suspended
		if !suspended {
			before.Online = 0.7
		}
		return scores(before)
	}
	cases := []struct {
		name       string
		online     float64
		joined     time.Time
		notified   bool
		unread     bool // the notifications could not be read
		detailGone bool // the satellite's own answer, with the join date, failed
		before     *storagenode.Scores
		suspended  bool
		unknown    bool
	}{
		{name: "joined long ago, below the limit", online: 0.59, joined: old, suspended: true},
		{name: "joined long ago, at the limit", online: 0.60, joined: old},
		{name: "in the first 30 days a low score suspends nothing", online: 0.18, joined: young},
		{name: "in the first 30 days, but notified", online: 0.59, joined: young, notified: true, suspended: true},
		{name: "notified once, and above the limit again", online: 0.61, joined: old, notified: true},
		{name: "long ago, whatever the notifications", online: 0.59, joined: old, unread: true, suspended: true},
		{name: "young without notifications is not guessed", online: 0.59, joined: young, unread: true, unknown: true},
		{name: "above the limit needs no notifications", online: 0.61, joined: young, unread: true},
		{name: "without a join date it is not guessed", online: 0.59, detailGone: true, unknown: true},
		{name: "without a join date, but notified", online: 0.59, detailGone: true, notified: true, suspended: true},
		{name: "the join date of an earlier answer counts", online: 0.59, detailGone: true, before: was(false), suspended: true},
		{name: "suspended before and still below the limit", online: 0.59, joined: young, unread: true, before: was(true), suspended: true},
		{name: "not suspended before is no proof", online: 0.59, joined: young, unread: true, before: was(false), unknown: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			if c.before != nil {
				record(t, s, node, polled.Add(-interval), c.before)
			}
			answer := scored(us1, 1, 1, c.online, c.joined)
			answer.OfflineNotified = c.notified
			if c.detailGone {
				answer.JoinedAt, answer.VettedAt, answer.History = time.Time{}, time.Time{}, storagenode.AuditHistory{}
				answer.Err = errors.New("HTTP 500")
			}
			poll := scores(answer)
			poll.NotificationsRead = !c.unread
			record(t, s, node, polled, poll)
			standing := latestOf(t, s, node).Standings[0]
			if standing.OfflineSuspended != c.suspended || standing.OfflineUnreadable != c.unknown {
				t.Errorf("suspended %v, unknown %v", standing.OfflineSuspended, standing.OfflineUnreadable)
			}
			value, stored := samplesOf(t, s, node)[polled.Truncate(interval).UnixMilli()]["offline_suspended us1"]
			if stored == c.unknown || stored && value != flag(c.suspended) {
				t.Errorf("sample %v, %v", value, stored)
			}
			if c.online < 0.6 && (standing.Health() != 0 || standing.DowntimeLeft() != 0) {
				t.Errorf("below the limit: health %v, downtime left %v", standing.Health(), standing.DowntimeLeft())
			}
		})
	}
}

// What a failed request leaves out stays as it was last known, with its time.
func TestPartialFailuresKeepWhatWasKnown(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-100 * time.Hour)
	young := scored(us1, 0.99, 1, 1, joined)
	young.VettedAt = time.Time{}
	young.History.Windows[0] = storagenode.AuditWindowCount{Start: joined, TotalCount: 10, OnlineCount: 10}
	other := scored(eu1, 0.98, 0.97, 0.96, joined)
	record(t, s, node, polled, scores(young, other))
	first := latestOf(t, s, node)
	if first.Standings[0].VettingProgress != 10 {
		t.Fatalf("vetting progress %v", first.Standings[0].VettingProgress)
	}

	// Us1's own answer fails and the summary has its scores; of eu1 nothing comes,
	// but the status says that it disqualified the node.
	later := polled.Add(interval)
	fromSummary := storagenode.SatelliteScores{ID: us1, Contacted: true, Audit: 0.97, Suspension: 1, Online: 0.9, Err: errors.New("HTTP 500")}
	gone := storagenode.SatelliteScores{ID: eu1, Err: errors.New("HTTP 500"), DisqualifiedAt: later.Add(-time.Minute)}
	record(t, s, node, later, scores(fromSummary, gone))
	latest := latestOf(t, s, node)
	if len(latest.Standings) != 2 {
		t.Fatalf("%d standings", len(latest.Standings))
	}
	summary, kept := latest.Standings[0], latest.Standings[1]
	if !summary.Timestamp.Equal(later) || summary.Audit != 97 || summary.Online != 90 || !summary.JoinedAt.Equal(joined) || summary.VettingProgress != 10 {
		t.Errorf("from the summary: %+v", summary)
	}
	if !kept.Timestamp.Equal(polled) || kept.Audit != 98 || kept.Suspension != 97 || kept.Online != 96 || !kept.Disqualified() || !kept.VettedAt.Equal(other.VettedAt) {
		t.Errorf("kept: %+v", kept)
	}
	want := map[string]float64{
		"audit_score_percent us1": 97, "suspension_score_percent us1": 100, "online_score_percent us1": 90,
		"disqualified us1": 0, "suspended us1": 0, "offline_suspended us1": 0, "vetted us1": 0, "vetting_progress_percent us1": 10,
		"disqualified eu1": 1, "suspended eu1": 0, "health_percent": 0,
	}
	if diff := cmp.Diff(want, samplesOf(t, s, node)[later.Truncate(interval).UnixMilli()], close1e9); diff != "" {
		t.Error(diff)
	}
}

// A vetted node does not become unvetted because one request failed.
func TestVettedSurvivesAFailedRequest(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, scores(scored(us1, 1, 1, 1, polled.Add(-2000*time.Hour))))
	failing := storagenode.SatelliteScores{ID: us1, Contacted: true, Audit: 1, Suspension: 1, Online: 1, Err: errors.New("HTTP 500")}
	record(t, s, node, polled.Add(interval), scores(failing))
	standing := latestOf(t, s, node).Standings[0]
	if standing.VettedAt.IsZero() || standing.VettingProgress != 100 {
		t.Errorf("%+v", standing)
	}
}

// On the very first poll there is nothing to keep: how far it is vetted is not
// known, which is not 0 %.
func TestVettingThatWasNeverReadIsNotZero(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	failing := storagenode.SatelliteScores{ID: us1, Contacted: true, Audit: 1, Suspension: 1, Online: 1, Err: errors.New("HTTP 500")}
	unreadable := storagenode.SatelliteScores{ID: eu1, Err: errors.New("HTTP 500")}
	record(t, s, node, polled, scores(failing, unreadable))
	latest := latestOf(t, s, node)
	if len(latest.Standings) != 1 || !latest.Standings[0].VettingUnreadable {
		t.Errorf("%+v", latest.Standings)
	}
	samples := samplesOf(t, s, node)[polled.Truncate(interval).UnixMilli()]
	for _, metric := range []string{"vetted us1", "vetting_progress_percent us1", "audit_score_percent eu1"} {
		if v, ok := samples[metric]; ok {
			t.Errorf("%s is %v", metric, v)
		}
	}
}

// A poll that read no score at all must not give a health of now.
func TestHealthNeedsAScoreThatWasRead(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	record(t, s, node, polled, scores(scored(us1, 1, 1, 1, polled.Add(-2000*time.Hour))))
	record(t, s, node, polled.Add(interval), scores(storagenode.SatelliteScores{ID: us1, Err: errors.New("HTTP 500")}))
	later := samplesOf(t, s, node)[polled.Add(interval).Truncate(interval).UnixMilli()]
	if diff := cmp.Diff(map[string]float64{"disqualified us1": 0, "suspended us1": 0}, later); diff != "" {
		t.Error(diff)
	}
}

// A known satellite whose answer has no scores keeps its row: the node is not free
// of it.
func TestAnAnswerWithoutScoresKeepsTheRow(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-2000 * time.Hour)
	record(t, s, node, polled, scores(scored(us1, 0.97, 1, 1, joined)))
	record(t, s, node, polled.Add(interval), scores(storagenode.SatelliteScores{ID: us1, JoinedAt: joined}))
	latest := latestOf(t, s, node)
	if len(latest.Standings) != 1 || latest.Standings[0].Audit != 97 || !latest.Standings[0].Timestamp.Equal(polled) {
		t.Errorf("%+v", latest.Standings)
	}
}

func TestHealthIsTheWorstOfWhatIsNotMuted(t *testing.T) {
	cases := []struct {
		name                      string
		audit, suspension, online float64
		want                      float64
	}{
		{"full", 1, 1, 1, 100},
		{"half way to the watch limit", 0.9975, 1, 1, 93.75},
		{"audits at the watch limit", 0.995, 1, 1, 87.5},
		{"suspension at the watch limit", 1, 0.95, 1, 87.5},
		{"online at the watch limit", 1, 1, 0.95, 87.5},
		{"audits at the danger limit", 0.98, 1, 1, 50},
		{"suspension at the danger limit", 1, 0.8, 1, 50},
		{"online at the danger limit", 1, 1, 0.7, 50},
		{"between the two limits", 1, 1, 0.8, 65},
		{"half of what is left at the danger limit", 1, 1, 0.65, 25},
		{"the worst counts", 0.99, 0.9, 0.65, 25},
		{"and not the mean", 0.97, 0.9, 0.9, 25},
		{"audits at the limit", 0.96, 1, 1, 0},
		{"suspension at the limit", 1, 0.6, 1, 0},
		{"online at the limit", 1, 1, 0.6, 0},
		{"below the limit", 0.9, 1, 1, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, node := newStore(t), nodeNamed("A")
			joined := polled.Add(-time.Hour)
			record(t, s, node, polled, scores(scored(us1, c.audit, c.suspension, c.online, joined), scored(eu1, 1, 1, 1, joined)))
			latest := latestOf(t, s, node)
			if got := latest.Standings[0].Health(); math.Abs(got-c.want) > 1e-9 {
				t.Errorf("health of one %v, want %v", got, c.want)
			}
			if got, ok := latest.Health(func(string) bool { return false }); !ok || math.Abs(got-c.want) > 1e-9 {
				t.Errorf("health of the node %v, %v, want %v", got, ok, c.want)
			}
			for _, muted := range []string{us1, "us1"} {
				node.MutedSatellites = map[string]string{muted: "left it"}
				if got, ok := latest.Health(func(id string) bool { return reputation.Muted(node, id) }); !ok || got != 100 {
					t.Errorf("health with %s muted %v, %v", muted, got, ok)
				}
			}
			node.MutedSatellites = map[string]string{"us1": "", "eu1": ""}
			if got, ok := latest.Health(func(id string) bool { return reputation.Muted(node, id) }); ok {
				t.Errorf("with all muted the health is %v", got)
			}
			record(t, s, node, polled.Add(interval), scores(scored(us1, c.audit, c.suspension, c.online, joined)))
			if v, ok := samplesOf(t, s, node)[polled.Add(interval).Truncate(interval).UnixMilli()]["health_percent"]; ok {
				t.Errorf("with all muted a health of %v is stored", v)
			}
		})
	}
}

func TestBudgets(t *testing.T) {
	for score := 0.955; score <= 1; score += 0.00037 {
		standing := reputation.Standing{Audit: 100 * score, Suspension: 100, Online: 100}
		if got, want := standing.FailedAuditsLeft(), failuresLeft(standing.Audit/100); got != want {
			t.Errorf("audit score %v: %v failures left, want %v", score, got, want)
		}
	}
	for online, want := range map[float64]float64{100: twelveDays, 80: twelveDays / 2, 60: 0, 10: 0} {
		if got := (reputation.Standing{Online: online}).DowntimeLeft(); math.Abs(got-want) > 1 {
			t.Errorf("online score %v: %v s left, want %v", online, got, want)
		}
	}
	gone := reputation.Standing{Audit: 100, Online: 100, DisqualifiedAt: polled}
	if gone.FailedAuditsLeft() != 0 || gone.DowntimeLeft() != 0 || gone.Health() != 0 {
		t.Errorf("disqualified: %v audits, %v s, health %v", gone.FailedAuditsLeft(), gone.DowntimeLeft(), gone.Health())
	}
	offline := reputation.Standing{Audit: 100, Online: 100, OfflineSuspended: true}
	if offline.DowntimeLeft() != 0 {
		t.Errorf("suspended: %v s", offline.DowntimeLeft())
	}
}

func TestADocumentThatCannotBeReadIsReplaced(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	batch := &store.Batch{}
	batch.Put(node.StoredAs("reputation"), []byte("{"))
	if err := s.Record(batch); err != nil {
		t.Fatal(err)
	}
	if _, _, err := reputation.Read(s, node); err == nil {
		t.Error("a damaged document is taken")
	}
	record(t, s, node, polled, scores(scored(us1, 1, 1, 1, polled.Add(-time.Hour))))
	if got := latestOf(t, s, node); len(got.Standings) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestPollsOfOneSlotAreOneSample(t *testing.T) {
	s, node := newStore(t), nodeNamed("A")
	joined := polled.Add(-time.Hour)
	for i, audit := range []float64{1, 0.99, 0.98} {
		record(t, s, node, polled.Add(time.Duration(i)*10*time.Second), scores(scored(us1, audit, 1, 1, joined)))
	}
	samples := samplesOf(t, s, node)
	if len(samples) != 1 || samples[polled.Truncate(interval).UnixMilli()]["audit_score_percent us1"] != 98 {
		t.Error(fmt.Sprint(samples))
	}
}
