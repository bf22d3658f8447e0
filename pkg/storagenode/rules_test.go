package storagenode_test

import (
	"encoding/json"
	"io/fs"
	"math"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestSatelliteName(t *testing.T) {
	for id, want := range map[string]string{
		"121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6": "ap1",
		"12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S": "us1",
		"12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs": "eu1",
		"1wFTAgs9DP5RSnCqKV1eLf6N9wtk4EAtmN5DpSxcs8EjT69tGE":  "saltlake",
		"1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF":   "1xTwTPLWfiqf",
		"short": "short",
		"":      "",
	} {
		if got := storagenode.SatelliteName(id); got != want {
			t.Errorf("SatelliteName(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestFailedAuditsLeft(t *testing.T) {
	cases := []struct {
		name  string
		score float64
		want  int
	}{
		{"full", 1, 41},
		{"above full", 1.5, 41},
		{"infinite", math.Inf(1), 41},
		{"after one failure", 0.999, 40},
		{"one hair above the limit", math.Nextafter(0.96, 1), 1},
		{"the limit", 0.96, 0},
		{"one hair below the limit", math.Nextafter(0.96, 0), 0},
		{"disqualified, as measured", 0.959809440525076, 0},
		{"one failure reaches the limit", 0.96 / 0.999, 1},
		{"and one more is needed", math.Nextafter(0.96/0.999, 1), 2},
		{"none", 0, 0},
		{"negative", -1, 0},
		{"no number", math.NaN(), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := storagenode.FailedAuditsLeft(c.score); got != c.want {
				t.Errorf("FailedAuditsLeft(%v) = %d, want %d", c.score, got, c.want)
			}
		})
	}
}

// The satellite's own arithmetic (α and β, λ 0.999, α₀ 1000) is the judge: at
// every score on the way down the failures left must be those that it takes.
func TestFailedAuditsLeftAgreesWithTheSatellite(t *testing.T) {
	alpha, beta := 1000.0, 0.0
	for failed := 0; ; failed++ {
		score := alpha / (alpha + beta)
		if want, got := 41-failed, storagenode.FailedAuditsLeft(score); got != want {
			t.Fatalf("after %d failures, score %v: %d left, want %d", failed, score, got, want)
		}
		if score <= storagenode.AuditDisqualification {
			if failed != 41 {
				t.Fatalf("disqualified after %d failures, want 41", failed)
			}
			return
		}
		alpha, beta = alpha*storagenode.AuditLambda, beta*storagenode.AuditLambda+1
	}
}

func TestDowntimeLeft(t *testing.T) {
	cases := []struct {
		name  string
		score float64
		want  time.Duration
	}{
		{"full", 1, 12 * day},
		{"above full", 2, 12 * day},
		{"half way", 0.8, 6 * day},
		{"the limit", 0.6, 0},
		{"below", 0.59, 0},
		{"none", 0, 0},
		{"no number", math.NaN(), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := storagenode.DowntimeLeft(c.score); got != c.want {
				t.Errorf("DowntimeLeft(%v) = %v, want %v", c.score, got, c.want)
			}
		})
	}
}

func TestOfflineSuspended(t *testing.T) {
	old, young := noon.Add(-31*day), noon.Add(-29*day)
	cases := []struct {
		name     string
		score    float64
		joined   time.Time
		notified bool
		want     bool
	}{
		{"old and offline", 0.59, old, false, true},
		{"old and at the limit", 0.6, old, true, false},
		{"old and online", 1, old, true, false},
		{"young and offline", 0, young, false, false},
		{"young, offline and notified", 0, young, true, true},
		{"exactly 30 days", 0, noon.Add(-30 * day), false, false},
		{"join date not known", 0, time.Time{}, false, false},
		{"join date not known, notified", 0, time.Time{}, true, true},
		{"no number", math.NaN(), old, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := storagenode.OfflineSuspended(c.score, c.joined, noon, c.notified); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestVettingProgress(t *testing.T) {
	ago := func(age time.Duration) time.Time { return noon.Add(-age) }
	cases := []struct {
		name     string
		audits   int64
		known    bool
		joined   time.Time
		vettedAt time.Time
		want     float64
	}{
		{"vetted", 0, false, ago(day), ago(time.Hour), 100},
		{"never contacted", 50, true, time.Time{}, time.Time{}, 0},
		{"few audits", 25, true, ago(504 * time.Hour), time.Time{}, 25},
		{"too young", 100, true, ago(252 * time.Hour), time.Time{}, 50},
		{"all there, not said yet", 500, true, ago(1000 * time.Hour), time.Time{}, 99},
		{"audits not known", 0, false, ago(252 * time.Hour), time.Time{}, 50},
		{"joined in the future", 10, true, ago(-time.Hour), time.Time{}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := storagenode.VettingProgress(c.audits, c.known, c.joined, c.vettedAt, noon); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// history makes windows that end with the running one at now: each number is the
// online part of one window in percent.
func history(now time.Time, percents ...int) storagenode.AuditHistory {
	running := now.Truncate(storagenode.AuditWindow)
	var windows []storagenode.AuditWindowCount
	for i, percent := range percents {
		back := time.Duration(len(percents)-1-i) * storagenode.AuditWindow
		windows = append(windows, storagenode.AuditWindowCount{
			Start: running.Add(-back), TotalCount: 100, OnlineCount: storagenode.Whole(percent),
		})
	}
	return storagenode.AuditHistory{Windows: windows}
}

func repeat(percent, times int) []int {
	percents := make([]int, times)
	for i := range percents {
		percents[i] = percent
	}
	return percents
}

func TestOnlineRecoversAt(t *testing.T) {
	now := noon.Add(90 * time.Minute)
	boundary := noon.Add(storagenode.AuditWindow) // the end of the running window
	after := func(windows int) time.Time { return boundary.Add(time.Duration(windows) * storagenode.AuditWindow) }

	cases := []struct {
		name    string
		history storagenode.AuditHistory
		target  float64
		want    time.Time
		ok      bool
	}{
		{"no history", storagenode.AuditHistory{}, 0.95, time.Time{}, false},
		{"already above", history(now, append(repeat(100, 60), 0)...), 0.95, now, true},
		{"one window is a full score", history(now, 0), 0.95, now, true},
		{"target that no score exceeds", history(now, repeat(0, 61)...), 1, time.Time{}, false},
		{"target that is no number", history(now, repeat(100, 61)...), math.NaN(), time.Time{}, false},
		// 0 then 9 × 100: 0.9 now. 19 good ones to a bad one are exactly 0.95, which
		// does not exceed it; the 20th does: the running window, good as well, and 10 more.
		{"new windows dilute", history(now, append([]int{0}, repeat(100, 10)...)...), 0.95, after(10), true},
		// Full 30 days, all bad: 60 windows in the mean. The score exceeds 0.5 when
		// 31 of 60 are good: the running one is bad, so 31 new ones must have ended.
		{"a full period of absence", history(now, repeat(0, 61)...), 0.5, after(31), true},
		// Three bad windows at the very beginning of 30 days: 57/60 = 0.95 is not above;
		// at the running window's end the oldest bad one leaves: 58/60.
		{"old ones leave", history(now, append(repeat(0, 3), repeat(100, 58)...)...), 0.95, after(0), true},
		// The satellite has not audited in the running window yet.
		{"running window without audits", history(now.Add(-storagenode.AuditWindow), append(repeat(0, 3), repeat(100, 58)...)...), 0.96, after(0), true},
		// It opens, fully online: 1 bad of 11 at its end. Without it there would be 1 of 10,
		// which is not above 0.9, and the score would recover a window later.
		{"running window not opened yet", history(now.Add(-storagenode.AuditWindow), append([]int{0}, repeat(100, 9)...)...), 0.9, after(0), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := storagenode.OnlineRecoversAt(c.history, now, c.target)
			if ok != c.ok || !got.Equal(c.want) {
				t.Errorf("got %v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestOnlineRecoversAtLeavesTheHistoryAlone(t *testing.T) {
	given := history(noon, append(repeat(0, 3), repeat(100, 58)...)...)
	before, _ := json.Marshal(given)
	storagenode.OnlineRecoversAt(given, noon, 0.96)
	if after, _ := json.Marshal(given); string(after) != string(before) {
		t.Error("the history was changed")
	}
}

// The recorded scores were computed by satellites: the windows must give the same.
func TestOnlineScoreAgreesWithTheSatellites(t *testing.T) {
	compared := 0
	for _, state := range replay.States() {
		files, err := fs.Glob(state.FS, "satellite_*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			body, err := fs.ReadFile(state.FS, file)
			if err != nil {
				t.Fatal(err)
			}
			var detail storagenode.SatelliteDetail
			if err := json.Unmarshal(body, &detail); err != nil {
				t.Fatal(err)
			}
			score, ok := detail.AuditHistory.OnlineScore()
			if !ok {
				continue
			}
			compared++
			if math.Abs(score-detail.AuditHistory.Score) > 1e-9 {
				t.Errorf("%s/%s %s: %v from the windows, the satellite says %v", state.Name, state.Node, file, score, detail.AuditHistory.Score)
			}
		}
	}
	if compared < 10 {
		t.Fatalf("only %d histories compared", compared)
	}
}

func TestOnlineAudits(t *testing.T) {
	if got := history(noon, 100, 50, 0).OnlineAudits(); got != 150 {
		t.Errorf("got %d, want 150", got)
	}
}
