package settings_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestMarshalledForm(t *testing.T) {
	loaded, _ := settings.Load([]byte(`{"nodes":["N:/n.log",{"name":"R","api":"http://h:1","debug":"http://h:2","retired":true,"maintenanceUntil":"2026-12-01T00:00:00Z","mutedSatellites":{"us1":"left"},"thresholds":{"suspensionCritical":0,"onlineWarning":95,"noTrafficHours":1.5,"auditsFailedCritical":4}}]}`))
	loaded.Backfill, loaded.Alerts.Heartbeat = -time.Minute, "https://h"
	got, err := json.Marshal(loaded)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"nodes":[{"name":"N","log":"/n.log","key":"n"},` +
		`{"name":"R","api":"http://h:1","debug":"http://h:2","key":"r","retired":true,"maintenanceUntil":"2026-12-01T00:00:00Z","mutedSatellites":{"us1":"left"},"thresholds":{"suspensionCritical":0,"auditsFailedCritical":4,"noTrafficHours":1.5}}],` +
		`"apiPort":14002,"interactiveTimeoutSeconds":10,"backgroundTimeoutSeconds":90,"allowRemoteApi":true,` +
		`"pollIntervals":{"statusSeconds":300,"scoresSeconds":300,"payoutsSeconds":3600},` +
		`"thresholds":{"auditWarning":85,"auditCritical":70,"suspensionCritical":60,"onlineWarning":95,"auditRiskWarning":99.5,"auditRiskFalling":98,"auditRiskCritical":97,` +
		`"suspensionRiskWarning":95,"suspensionRiskCritical":80,"onlineRiskCritical":70,"downtimeLeftDays":3,"auditSlowSeconds":60,"auditsFailedCritical":3,` +
		`"auditsCanceledPercent":30,"auditsCanceledTimes":3,"auditsCanceledLeast":20,"unreachableWarningMinutes":20,"unreachableCriticalMinutes":60,` +
		`"noContactWarningHours":3,"noContactCriticalHours":12,"nodeStoppedMinutes":10,"restartLoopStarts":3,"restartLoopMinutes":15,"apiSlowInfoMinutes":5,` +
		`"apiSlowWarningMinutes":360,"quicHours":24,"versionBehindDays":30,"logSilentMinutes":30,"noTrafficHours":2,"uploadRejectedPercent":10,` +
		`"uploadRejectedWarningPercent":50,"uploadRejectedLeast":100,"ordersWarningHours":24,"ordersCriticalHours":40,"latencyInfoSeconds":5,` +
		`"latencyWarningSeconds":10,"clockSkewSeconds":10,"diskWarningPercent":80,"diskCriticalPercent":95,"diskFreeGB":5,"diskFreePercent":1,` +
		`"diskOverusedHours":24,"diskTrashPercent":20,"diskTrashDays":8},` +
		`"idleStopDays":30,"memoryLimitMiB":512,"backfillHours":-1,` +
		`"retention":{"rawDays":30,"rollupDays":400,"minuteHours":48,"tenMinuteDays":14,"hourDays":400,"sizeDays":30,"eventDays":400},` +
		`"store":{"maxFutureMinutes":60,"maxPastDays":0,"flushMilliseconds":1000,"sealMinutes":60},"alerts":{"flappingMinutes":5,"heartbeatUrl":"https://h"}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRoundTrip(t *testing.T) {
	property := func(seed int64) bool {
		want := randomSettings(rand.New(rand.NewSource(seed)))
		jsonData, err := json.Marshal(want)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			return false
		}
		got, report := settings.Load(jsonData)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || len(report.Problems) > 0 || len(report.Warnings) > 0 {
			t.Errorf("seed %d: %v\n%s\n-want +got:\n%s", seed, report, jsonData, diff)
			return false
		}
		return true
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// randomSettings makes any settings that an operator could have.
func randomSettings(r *rand.Rand) settings.Settings {
	between := func(lowest, highest int) int { return lowest + r.Intn(highest-lowest+1) }
	letters := []rune(`abcXYZ019 -_./\'"$<>&{}%äß日Ж🚀`)
	word := func(longest int) string {
		text := []rune{'w'} // so that it is neither empty nor trimmed
		for range r.Intn(longest) {
			text = append(text, letters[r.Intn(len(letters))])
		}
		return string(append(text, 'w'))
	}
	percent := func(lowest, highest float64) float64 { return lowest + r.Float64()*(highest-lowest) }
	thresholds := func() settings.Thresholds {
		upTo := func(highest float64) float64 { return percent(0, highest) }
		lasting := func(lowest, highest time.Duration) time.Duration {
			return time.Duration(between(int(lowest/time.Second), int(highest/time.Second))) * time.Second
		}
		t := settings.Thresholds{
			AuditWarning: upTo(100), SuspensionCritical: upTo(100), OnlineWarning: float64(r.Intn(101)),
			AuditRiskWarning: upTo(100), SuspensionRiskWarning: upTo(100), OnlineRiskCritical: upTo(100),
			DowntimeLeft: lasting(0, 30*day), AuditSlow: lasting(5*time.Second, 600*time.Second), AuditsFailedCritical: between(1, 100),
			UnreachableWarning: lasting(time.Minute, 7*day), NoContactWarning: lasting(time.Hour/4, 30*day),
			LogSilent: lasting(time.Minute, 7*day), NoTraffic: lasting(time.Hour/4, 30*day), UploadRejected: upTo(100),
			ClockSkew: lasting(time.Second, time.Hour), DiskWarning: upTo(100),
			AuditsCanceled: upTo(100), AuditsCanceledTimes: percent(1, 100), AuditsCanceledLeast: between(1, 10000),
			NodeStopped: lasting(time.Minute, 7*day), RestartLoopStarts: between(2, 15), RestartLoop: lasting(time.Minute, time.Hour),
			APISlowInfo: lasting(time.Minute, 7*day), QUICBroken: lasting(time.Hour, 30*day), VersionBehind: lasting(day, 365*day),
			UploadRejectedWarning: upTo(100), UploadRejectedLeast: between(0, 1000000),
			OrdersWarning: lasting(time.Hour, 10*day), LatencyInfo: lasting(time.Second, 600*time.Second),
			DiskFreeGB: upTo(1000), DiskFreePercent: upTo(100), DiskOverused: lasting(time.Hour, 30*day),
			DiskTrash: upTo(100), DiskTrashFor: lasting(day, 90*day),
		}
		t.APISlowWarning, t.OrdersCritical = lasting(t.APISlowInfo, 7*day), lasting(t.OrdersWarning, 10*day)
		t.LatencyWarning = lasting(t.LatencyInfo, 600*time.Second)
		t.AuditCritical, t.AuditRiskFalling = upTo(t.AuditWarning), upTo(t.AuditRiskWarning)
		t.AuditRiskCritical, t.SuspensionRiskCritical = upTo(t.AuditRiskFalling), upTo(t.SuspensionRiskWarning)
		t.UnreachableCritical, t.NoContactCritical = lasting(t.UnreachableWarning, 7*day), lasting(t.NoContactWarning, 30*day)
		t.DiskCritical = percent(t.DiskWarning, 100)
		return t
	}
	howMany := func(lowest, highest int, unit time.Duration) time.Duration {
		return time.Duration(between(lowest, highest)) * unit
	}
	s := settings.Settings{
		APIPort:            between(1, 65535),
		InteractiveTimeout: time.Duration(between(1, 60)) * time.Second,
		AllowRemoteAPI:     r.Intn(2) == 0,
		MemoryLimit:        int64(between(64, 65536)) << 20,
		Backfill:           howMany(-1, 9600, time.Hour),
		Retention: settings.Retention{
			Raw: howMany(1, 400, day), Rollup: howMany(30, 3650, day), Minutes: howMany(6, 720, time.Hour), TenMinutes: howMany(2, 400, day),
			Hours: howMany(30, 3650, day), Sizes: howMany(2, 400, day), Events: howMany(30, 3650, day),
		},
		Store: settings.StoreLimits{
			MaxFuture: howMany(1, 1440, time.Minute), MaxPast: howMany(0, 3650, day), Flush: howMany(100, 60000, time.Millisecond), Seal: howMany(5, 1440, time.Minute),
		},
		Alerts: settings.Alerts{Flapping: howMany(0, 120, time.Minute), FullDiskIsAProblem: r.Intn(2) == 0},
		Poll: settings.PollIntervals{
			Status:  time.Duration(between(30, 86400)) * time.Second,
			Scores:  time.Duration(between(30, 86400)) * time.Second,
			Payouts: time.Duration(between(300, 86400)) * time.Second,
		},
		Thresholds: thresholds(),
		IdleStop:   time.Duration(between(1, 3650)) * 24 * time.Hour,
	}
	s.BackgroundTimeout = time.Duration(between(max(5, int(s.InteractiveTimeout/time.Second)), 600)) * time.Second
	if r.Intn(2) == 0 {
		s.Alerts.Heartbeat = fmt.Sprintf("https://user:word@h/%d?q=%%20#%d", r.Int(), r.Int())
	}
	for i := range r.Intn(5) {
		node := settings.Node{
			Name:       fmt.Sprintf("%s %d", word(90), i),
			Key:        fmt.Sprintf("k-%d", i),
			Thresholds: s.Thresholds,
			Retired:    r.Intn(2) == 0,
		}
		if r.Intn(2) == 0 {
			node.Thresholds = thresholds()
		}
		if r.Intn(2) == 0 {
			node.MaintenanceUntil = time.Unix(r.Int63n(4e9), r.Int63n(1e9)).UTC()
		}
		for range r.Intn(3) {
			if node.MutedSatellites == nil {
				node.MutedSatellites = map[string]string{}
			}
			node.MutedSatellites[word(20)] = word(20)
		}
		switch r.Intn(6) {
		case 0:
			node.Log = file(fmt.Sprintf("/%s:%d", word(50), i))
		case 1:
			node.Log = file(fmt.Sprintf(`\\%s%d`, word(50), i))
		case 2:
			node.Log = tcp(fmt.Sprintf("[fd00::%d]:%d", i+1, between(1, 65535)))
		case 3:
			node.Log = docker(fmt.Sprintf("node_%d.a-b", i), "")
		case 4:
			node.Log = docker(fmt.Sprintf("0%d", i), fmt.Sprintf("unix:///%s:%d", word(50), i))
		}
		if node.Log.Kind == settings.NoLog || r.Intn(2) == 0 {
			node.API = fmt.Sprintf("http://localhost:%d/%d", between(1, 65535), i)
		}
		if r.Intn(2) == 0 {
			node.Debug = fmt.Sprintf("http://[::1]:%d", i+1)
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s
}
