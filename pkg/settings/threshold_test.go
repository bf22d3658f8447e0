package settings_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// Each key sets its own field and no other one, takes both of its bounds and
// nothing beyond them, at the data source and at a node.
func TestThresholds(t *testing.T) {
	limits := []struct {
		key             string
		lowest, highest float64
		unit            time.Duration // 0 where the field is a number
		field           string
	}{
		{"auditWarning", 0, 100, 0, "AuditWarning"},
		{"auditCritical", 0, 100, 0, "AuditCritical"},
		{"suspensionCritical", 0, 100, 0, "SuspensionCritical"},
		{"onlineWarning", 0, 100, 0, "OnlineWarning"},
		{"auditRiskWarning", 0, 100, 0, "AuditRiskWarning"},
		{"auditRiskFalling", 0, 100, 0, "AuditRiskFalling"},
		{"auditRiskCritical", 0, 100, 0, "AuditRiskCritical"},
		{"suspensionRiskWarning", 0, 100, 0, "SuspensionRiskWarning"},
		{"suspensionRiskCritical", 0, 100, 0, "SuspensionRiskCritical"},
		{"onlineRiskCritical", 0, 100, 0, "OnlineRiskCritical"},
		{"downtimeLeftDays", 0, 30, day, "DowntimeLeft"},
		{"auditSlowSeconds", 5, 600, time.Second, "AuditSlow"},
		{"auditsFailedCritical", 1, 100, 0, "AuditsFailedCritical"},
		{"auditsCanceledPercent", 0, 100, 0, "AuditsCanceled"},
		{"auditsCanceledTimes", 1, 100, 0, "AuditsCanceledTimes"},
		{"auditsCanceledLeast", 1, 10000, 0, "AuditsCanceledLeast"},
		{"unreachableWarningMinutes", 1, 10080, time.Minute, "UnreachableWarning"},
		{"unreachableCriticalMinutes", 1, 10080, time.Minute, "UnreachableCritical"},
		{"noContactWarningHours", 0.25, 720, time.Hour, "NoContactWarning"},
		{"noContactCriticalHours", 0.25, 720, time.Hour, "NoContactCritical"},
		{"nodeStoppedMinutes", 1, 10080, time.Minute, "NodeStopped"},
		{"restartLoopStarts", 2, 15, 0, "RestartLoopStarts"},
		{"restartLoopMinutes", 1, 60, time.Minute, "RestartLoop"},
		{"apiSlowInfoMinutes", 1, 10080, time.Minute, "APISlowInfo"},
		{"apiSlowWarningMinutes", 1, 10080, time.Minute, "APISlowWarning"},
		{"quicHours", 1, 720, time.Hour, "QUICBroken"},
		{"versionBehindDays", 1, 365, day, "VersionBehind"},
		{"logSilentMinutes", 1, 10080, time.Minute, "LogSilent"},
		{"noTrafficHours", 0.25, 720, time.Hour, "NoTraffic"},
		{"uploadRejectedPercent", 0, 100, 0, "UploadRejected"},
		{"uploadRejectedWarningPercent", 0, 100, 0, "UploadRejectedWarning"},
		{"uploadRejectedLeast", 0, 1000000, 0, "UploadRejectedLeast"},
		{"ordersWarningHours", 1, 240, time.Hour, "OrdersWarning"},
		{"ordersCriticalHours", 1, 240, time.Hour, "OrdersCritical"},
		{"latencyInfoSeconds", 1, 600, time.Second, "LatencyInfo"},
		{"latencyWarningSeconds", 1, 600, time.Second, "LatencyWarning"},
		{"clockSkewSeconds", 1, 3600, time.Second, "ClockSkew"},
		{"diskWarningPercent", 0, 100, 0, "DiskWarning"},
		{"diskCriticalPercent", 0, 100, 0, "DiskCritical"},
		{"diskFreeGB", 0, 1000, 0, "DiskFreeGB"},
		{"diskFreePercent", 0, 100, 0, "DiskFreePercent"},
		{"diskOverusedHours", 1, 720, time.Hour, "DiskOverused"},
		{"diskTrashPercent", 0, 100, 0, "DiskTrash"},
		{"diskTrashDays", 1, 90, day, "DiskTrashFor"},
	}
	if fields := reflect.TypeFor[settings.Thresholds]().NumField(); fields != len(limits) {
		t.Fatalf("there are %d thresholds, and %d are tested", fields, len(limits))
	}
	load := func(format string, of ...any) (settings.Settings, []settings.Problem) {
		loaded, report := settings.Load(fmt.Appendf(nil, format, of...))
		if len(report.Warnings) > 0 {
			t.Errorf("warnings: %q", report.Warnings)
		}
		return loaded, report.Problems
	}
	for _, limit := range limits {
		t.Run(limit.key, func(t *testing.T) {
			for _, value := range []float64{limit.lowest, limit.highest} {
				// The preset of its partner may be passed; then both are as they were.
				want := settings.Default().Thresholds
				field := reflect.ValueOf(&want).Elem().FieldByName(limit.field)
				switch {
				case limit.unit != 0:
					field.SetInt(int64(value * float64(limit.unit)))
				case field.CanInt():
					field.SetInt(int64(value))
				default:
					field.SetFloat(value)
				}
				passes := want.AuditCritical > want.AuditWarning || want.AuditRiskFalling > want.AuditRiskWarning || want.AuditRiskCritical > want.AuditRiskFalling ||
					want.SuspensionRiskCritical > want.SuspensionRiskWarning || want.UnreachableWarning > want.UnreachableCritical ||
					want.NoContactWarning > want.NoContactCritical || want.DiskWarning > want.DiskCritical ||
					want.APISlowInfo > want.APISlowWarning || want.OrdersWarning > want.OrdersCritical || want.LatencyInfo > want.LatencyWarning
				problems := 0
				if passes {
					want, problems = settings.Default().Thresholds, 1
				}
				loaded, got := load(`{"thresholds":{%q:%v},"nodes":["N:/n.log"]}`, limit.key, value)
				if diff := cmp.Diff(want, loaded.Thresholds); diff != "" || len(got) != problems {
					t.Errorf("%v: problems %v, -want +got:\n%s", value, got, diff)
				}
				if diff := cmp.Diff(want, loaded.Nodes[0].Thresholds); diff != "" {
					t.Errorf("%v: a node inherits, -want +got:\n%s", value, diff)
				}
				loaded, got = load(`{"nodes":[{"name":"N","log":"/n.log","thresholds":{%q:%v}}]}`, limit.key, value)
				if diff := cmp.Diff(want, loaded.Nodes[0].Thresholds); diff != "" || len(got) != problems {
					t.Errorf("%v at a node: problems %v, -want +got:\n%s", value, got, diff)
				}
				if loaded.Thresholds != settings.Default().Thresholds {
					t.Errorf("%v at a node changes the data source's: %+v", value, loaded.Thresholds)
				}
			}
			for _, value := range []float64{limit.lowest - 0.01, limit.highest + 0.01} {
				loaded, got := load(`{"thresholds":{%q:%v}}`, limit.key, value)
				if len(got) != 1 || got[0].Field != "thresholds."+limit.key || loaded.Thresholds != settings.Default().Thresholds {
					t.Errorf("%v: %v, %+v", value, got, loaded.Thresholds)
				}
			}
		})
	}
}

func TestThresholdsThatPassEachOther(t *testing.T) {
	for _, test := range []struct {
		given string
		want  []string
		holds func(*settings.Thresholds)
	}{
		{`{"auditRiskCritical":98.5}`, []string{
			`thresholds.auditRiskCritical: 98.5 is above auditRiskFalling, which is 98; write both so that auditRiskCritical is not above auditRiskFalling; until then the default 97 and 98 hold`,
		}, nil},
		{`{"unreachableWarningMinutes":90,"noTrafficHours":1}`, []string{
			`thresholds.unreachableWarningMinutes: 90 is above unreachableCriticalMinutes, which is 60; write both so that unreachableWarningMinutes is not above unreachableCriticalMinutes; until then the default 20 and 60 hold`,
		}, func(t *settings.Thresholds) { t.NoTraffic = time.Hour }},
		{`{"noContactWarningHours":2.5,"noContactCriticalHours":1.5}`, []string{
			`thresholds.noContactWarningHours: 2.5 is above noContactCriticalHours, which is 1.5; write both so that noContactWarningHours is not above noContactCriticalHours; until then the default 3 and 12 hold`,
		}, nil},
		{`{"diskWarningPercent":99}`, []string{
			`thresholds.diskWarningPercent: 99 is above diskCriticalPercent, which is 95; write both so that diskWarningPercent is not above diskCriticalPercent; until then the default 80 and 95 hold`,
		}, nil},
		{`{"suspensionRiskWarning":70}`, []string{
			`thresholds.suspensionRiskCritical: 80 is above suspensionRiskWarning, which is 70; write both so that suspensionRiskCritical is not above suspensionRiskWarning; until then the default 80 and 95 hold`,
		}, nil},
		// What stands in for one pair passes the third, which has to give way too.
		{`{"auditRiskWarning":90,"auditRiskFalling":85,"auditRiskCritical":86}`, []string{
			`thresholds.auditRiskCritical: 86 is above auditRiskFalling, which is 85; write both so that auditRiskCritical is not above auditRiskFalling; until then the default 97 and 98 hold`,
			`thresholds.auditRiskFalling: 98 is above auditRiskWarning, which is 90; write both so that auditRiskFalling is not above auditRiskWarning; until then the default 98 and 99.5 hold`,
		}, nil},
		{`{"auditRiskWarning":95,"auditRiskFalling":95,"auditRiskCritical":95,"diskWarningPercent":95}`, nil, func(t *settings.Thresholds) {
			t.AuditRiskWarning, t.AuditRiskFalling, t.AuditRiskCritical, t.DiskWarning = 95, 95, 95, 95
		}},
		{`{"auditsFailedCritical":2.5}`, []string{
			`thresholds.auditsFailedCritical: 2.5 is not a whole number; write a whole number from 1 to 100, or remove the key; until then the default 3 holds`,
		}, nil},
		// A part of a day that no number hits is kept to the second.
		{`{"downtimeLeftDays":0.3333333}`, nil, func(t *settings.Thresholds) { t.DowntimeLeft = 8 * time.Hour }},
	} {
		t.Run(test.given, func(t *testing.T) {
			loaded, report := settings.Load([]byte(`{"thresholds":` + test.given + `}`))
			var got []string
			for _, problem := range report.Problems {
				got = append(got, problem.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems, -want +got:\n%s", diff)
			}
			want := settings.Default().Thresholds
			if test.holds != nil {
				test.holds(&want)
			}
			if diff := cmp.Diff(want, loaded.Thresholds); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
