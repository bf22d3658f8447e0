package settings_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

var defaultThresholds = settings.Thresholds{
	AuditWarning: 85, AuditCritical: 70, SuspensionCritical: 60, OnlineWarning: 95,
	AuditRiskWarning: 99.5, AuditRiskFalling: 98, AuditRiskCritical: 97,
	SuspensionRiskWarning: 95, SuspensionRiskCritical: 80, OnlineRiskCritical: 70,
	DowntimeLeft: 72 * time.Hour, AuditSlow: time.Minute, AuditsFailedCritical: 3,
	UnreachableWarning: 20 * time.Minute, UnreachableCritical: time.Hour,
	NoContactWarning: 3 * time.Hour, NoContactCritical: 12 * time.Hour,
	AuditsCanceled: 30, AuditsCanceledTimes: 3, AuditsCanceledLeast: 20,
	NodeStopped: 10 * time.Minute, RestartLoopStarts: 3, RestartLoop: 15 * time.Minute,
	APISlowInfo: 5 * time.Minute, APISlowWarning: 6 * time.Hour, QUICBroken: day, VersionBehind: 30 * day,
	LogSilent: 30 * time.Minute, NoTraffic: 2 * time.Hour, ClockSkew: 10 * time.Second,
	UploadRejected: 10, UploadRejectedWarning: 50, UploadRejectedLeast: 100,
	OrdersWarning: day, OrdersCritical: 40 * time.Hour, LatencyInfo: 5 * time.Second, LatencyWarning: 10 * time.Second,
	DiskWarning: 80, DiskCritical: 95, DiskFreeGB: 5, DiskFreePercent: 1, DiskOverused: day, DiskTrash: 20, DiskTrashFor: 8 * day,
}

const day = 24 * time.Hour

func TestDefaults(t *testing.T) {
	want := settings.Settings{
		APIPort:            14002,
		InteractiveTimeout: 10 * time.Second,
		BackgroundTimeout:  90 * time.Second,
		AllowRemoteAPI:     true,
		Poll:               settings.PollIntervals{Status: 5 * time.Minute, Scores: 5 * time.Minute, Payouts: time.Hour},
		Thresholds:         defaultThresholds,
		IdleStop:           30 * 24 * time.Hour,
		MemoryLimit:        512 << 20,
		Backfill:           day,
		Retention: settings.Retention{
			Raw: 30 * day, Rollup: 400 * day, Minutes: 2 * day, TenMinutes: 14 * day, Hours: 400 * day, Sizes: 30 * day, Events: 400 * day,
		},
		Store:  settings.StoreLimits{MaxFuture: time.Hour, Flush: time.Second, Seal: time.Hour},
		Alerts: settings.Alerts{Flapping: 5 * time.Minute},
	}
	for _, jsonData := range []string{"", "  \n", "null", "{}", `{"nodes":null,"thresholds":null,"apiPort":null}`, `{"nodes":[],"thresholds":{},"pollIntervals":{},"retention":{},"store":{},"alerts":{}}`,
		`{"nodes":null,"store":null,"alerts":{"heartbeatUrl":""},"backfillHours":null}`} {
		got, report := settings.Load([]byte(jsonData))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Load(%q), -want +got:\n%s", jsonData, diff)
		}
		if len(report.Problems)+len(report.Warnings) > 0 {
			t.Errorf("Load(%q) reports %+v", jsonData, report)
		}
	}
	if diff := cmp.Diff(want, settings.Default()); diff != "" {
		t.Errorf("Default(), -want +got:\n%s", diff)
	}
}

func TestLoadEverything(t *testing.T) {
	got, report := settings.Load([]byte(`{
		"nodes": [
			{"name": " My-Node ", "log": "/var/log/storagenode.log", "api": "http://localhost:14002/",
			 "debug": "http://127.0.0.1:5999/", "key": "first", "retired": true, "maintenanceUntil": "2026-12-01T02:00:00+02:00",
			 "mutedSatellites": {"us1": "left it", " eu1 ": ""},
			 "thresholds": {"auditWarning": 99.5, "auditCritical": 98}},
			"Spec:192.168.1.100:9999:http://192.168.1.100:14002",
			{"name": "Docked", "log": "docker://storagenode@unix:///run/docker.sock"},
			{"name": "Only API", "api": "https://node.example/one"},
			{"name": "Only: log", "log": "x"},
			{"name": "Only log", "log": "C:\\logs\\n.log", "api": ""}
		],
		"apiPort": 15002,
		"interactiveTimeoutSeconds": 20, "backgroundTimeoutSeconds": 1.2e2,
		"allowRemoteApi": true,
		"pollIntervals": {"statusSeconds": 30, "scoresSeconds": 86400, "payoutsSeconds": 300},
		"thresholds": {"auditWarning": 90, "auditCritical": 80.5, "suspensionCritical": 0, "onlineWarning": 100},
		"idleStopDays": 3650, "memoryLimitMiB": 64,
		"backfillHours": -1,
		"retention": {"rawDays": 400, "rollupDays": 3650, "minuteHours": 6, "tenMinuteDays": 400, "hourDays": 30, "sizeDays": 2, "eventDays": 3650},
		"store": {"maxFutureMinutes": 1440, "maxPastDays": 7, "flushMilliseconds": 100, "sealMinutes": 5},
		"alerts": {"flappingMinutes": 0, "heartbeatUrl": " https://hc.example/ping/token?a=b#c ", "fullDiskIsAProblem": true}
	}`))
	inherited := defaultThresholds
	inherited.AuditWarning, inherited.AuditCritical, inherited.SuspensionCritical, inherited.OnlineWarning = 90, 80.5, 0, 100
	own := inherited
	own.AuditWarning, own.AuditCritical = 99.5, 98
	want := settings.Settings{
		Nodes: []settings.Node{
			{
				Name: "My-Node", Key: "first", Log: file("/var/log/storagenode.log"), API: "http://localhost:14002", Debug: "http://127.0.0.1:5999", Retired: true,
				MaintenanceUntil: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
				MutedSatellites:  map[string]string{"us1": "left it", "eu1": ""},
				Thresholds:       own,
			},
			{Name: "Spec", Key: "spec", Log: tcp("192.168.1.100:9999"), API: "http://192.168.1.100:14002", Thresholds: inherited},
			{Name: "Docked", Key: "docked", Log: docker("storagenode", "unix:///run/docker.sock"), Thresholds: inherited},
			{Name: "Only API", Key: "only-api", API: "https://node.example/one", Thresholds: inherited},
			{Name: "Only log", Key: "only-log", Log: file(`C:\logs\n.log`), Thresholds: inherited},
		},
		APIPort:            15002,
		InteractiveTimeout: 20 * time.Second,
		BackgroundTimeout:  2 * time.Minute,
		AllowRemoteAPI:     true,
		Poll:               settings.PollIntervals{Status: 30 * time.Second, Scores: 24 * time.Hour, Payouts: 5 * time.Minute},
		Thresholds:         inherited,
		IdleStop:           3650 * 24 * time.Hour,
		MemoryLimit:        64 << 20,
		Backfill:           -time.Hour,
		Retention: settings.Retention{
			Raw: 400 * day, Rollup: 3650 * day, Minutes: 6 * time.Hour, TenMinutes: 400 * day, Hours: 30 * day, Sizes: 2 * day, Events: 3650 * day,
		},
		Store:  settings.StoreLimits{MaxFuture: day, MaxPast: 7 * day, Flush: 100 * time.Millisecond, Seal: 5 * time.Minute},
		Alerts: settings.Alerts{Heartbeat: "https://hc.example/ping/token?a=b#c", FullDiskIsAProblem: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings, -want +got:\n%s", diff)
	}
	wantProblems := []settings.Problem{
		{Index: 4, Spec: "Only: log:x", Field: "name", Reason: "the name contains a colon, which ends a name in a node spec", Mend: "choose a name without a colon"},
		{Index: 4, Spec: "Only: log:x", Field: "log", Reason: `"x" is neither a file path nor host:port`, Mend: `write a path that begins with / or ./ or a drive (C:\), the host:port of a log forwarder, or docker:// and a container's name`},
	}
	if diff := cmp.Diff(wantProblems, report.Problems); diff != "" {
		t.Errorf("problems, -want +got:\n%s", diff)
	}
	if len(report.Warnings) > 0 {
		t.Errorf("warnings: %q", report.Warnings)
	}
}

// Every bad value is reported by its key with what holds instead, and the good
// node beside it is loaded all the same.
func TestLoadReportsBadValues(t *testing.T) {
	const good = `{"name":"Good","log":"/good.log"}`
	const mendHeartbeat = `write the URL that is to be asked in quotes, beginning with http:// or https://, or remove the key; until then there is no heartbeat`
	inNode := func(members string) string {
		return `{"nodes":[{"name":"N","log":"/n.log",` + members + `},` + good + `]}`
	}
	for _, test := range []struct {
		jsonData string
		want     []string
	}{
		{`{"apiPort":0}`, []string{`apiPort: 0 is outside 1-65535; write a whole number from 1 to 65535, or remove the key; until then the default 14002 holds`}},
		{`{"apiPort":65536}`, []string{`apiPort: 65536 is outside 1-65535; write a whole number from 1 to 65535, or remove the key; until then the default 14002 holds`}},
		{`{"apiPort":1e999}`, []string{`apiPort: 1e999 is outside 1-65535; write a whole number from 1 to 65535, or remove the key; until then the default 14002 holds`}},
		{`{"apiPort":14002.5}`, []string{`apiPort: 14002.5 is not a whole number; write a whole number from 1 to 65535, or remove the key; until then the default 14002 holds`}},
		{`{"apiPort":"14002"}`, []string{`apiPort: it must be a whole number and is a text; write a whole number from 1 to 65535, or remove the key; until then the default 14002 holds`}},
		{`{"apiPort":[ ]}`, []string{`apiPort: it must be a whole number and is a list; write a whole number from 1 to 65535, or remove the key; until then the default 14002 holds`}},
		{`{"interactiveTimeoutSeconds":61}`, []string{`interactiveTimeoutSeconds: 61 is outside 1-60; write a whole number from 1 to 60, or remove the key; until then the default 10 holds`}},
		{`{"interactiveTimeoutSeconds":0}`, []string{`interactiveTimeoutSeconds: 0 is outside 1-60; write a whole number from 1 to 60, or remove the key; until then the default 10 holds`}},
		{`{"backgroundTimeoutSeconds":4}`, []string{`backgroundTimeoutSeconds: 4 is outside 5-600; write a whole number from 5 to 600, or remove the key; until then the default 90 holds`}},
		{`{"backgroundTimeoutSeconds":601}`, []string{`backgroundTimeoutSeconds: 601 is outside 5-600; write a whole number from 5 to 600, or remove the key; until then the default 90 holds`}},
		{`{"backgroundTimeoutSeconds":9}`, []string{`backgroundTimeoutSeconds: 9 is below interactiveTimeoutSeconds, which is 10; write a number from 10 to 600; until then the default 90 holds`}},
		{`{"allowRemoteApi":"false"}`, []string{`allowRemoteApi: it must be true or false and is a text; write true or false without quotes, or remove the key; until then true holds`}},
		{`{"allowRemoteApi":0}`, []string{`allowRemoteApi: it must be true or false and is a number; write true or false without quotes, or remove the key; until then true holds`}},
		{`{"pollIntervals":{"statusSeconds":29,"scoresSeconds":86401,"payoutsSeconds":299}}`, []string{
			`pollIntervals.statusSeconds: 29 is outside 30-86400; write a whole number from 30 to 86400, or remove the key; until then the default 300 holds`,
			`pollIntervals.scoresSeconds: 86401 is outside 30-86400; write a whole number from 30 to 86400, or remove the key; until then the default 300 holds`,
			`pollIntervals.payoutsSeconds: 299 is outside 300-86400; write a whole number from 300 to 86400, or remove the key; until then the default 3600 holds`,
		}},
		{`{"pollIntervals":300}`, []string{`pollIntervals: it must be an object and is a number; write an object {…}, or remove the key; until then it counts as empty`}},
		{`{"thresholds":{"auditWarning":100.1,"suspensionCritical":-1,"onlineWarning":true}}`, []string{
			`thresholds.auditWarning: 100.1 is outside 0-100; write a number from 0 to 100, or remove the key; until then the default 85 holds`,
			`thresholds.suspensionCritical: -1 is outside 0-100; write a number from 0 to 100, or remove the key; until then the default 60 holds`,
			`thresholds.onlineWarning: it must be a number and is true or false; write a number from 0 to 100, or remove the key; until then the default 95 holds`,
		}},
		{`{"thresholds":{"auditCritical":86}}`, []string{`thresholds.auditCritical: 86 is above auditWarning, which is 85; write both so that auditCritical is not above auditWarning; until then the default 70 and 85 hold`}},
		{`{"idleStopDays":3651}`, []string{`idleStopDays: 3651 is outside 1-3650; write a whole number from 1 to 3650, or remove the key; until then the default 30 holds`}},
		{`{"memoryLimitMiB":63}`, []string{`memoryLimitMiB: 63 is outside 64-65536; write a whole number from 64 to 65536, or remove the key; until then the default 512 holds`}},
		{`{"memoryLimitMiB":65537}`, []string{`memoryLimitMiB: 65537 is outside 64-65536; write a whole number from 64 to 65536, or remove the key; until then the default 512 holds`}},
		{`{"retention":{"rawDays":0,"rollupDays":29}}`, []string{
			`retention.rawDays: 0 is outside 1-400; write a whole number from 1 to 400, or remove the key; until then the default 30 holds`,
			`retention.rollupDays: 29 is outside 30-3650; write a whole number from 30 to 3650, or remove the key; until then the default 400 holds`,
		}},
		{`{"retention":{"rawDays":401,"rollupDays":3651}}`, []string{
			`retention.rawDays: 401 is outside 1-400; write a whole number from 1 to 400, or remove the key; until then the default 30 holds`,
			`retention.rollupDays: 3651 is outside 30-3650; write a whole number from 30 to 3650, or remove the key; until then the default 400 holds`,
		}},
		{`{"retention":{"minuteHours":5,"tenMinuteDays":1,"hourDays":29,"sizeDays":1,"eventDays":29}}`, []string{
			`retention.minuteHours: 5 is outside 6-720; write a whole number from 6 to 720, or remove the key; until then the default 48 holds`,
			`retention.tenMinuteDays: 1 is outside 2-400; write a whole number from 2 to 400, or remove the key; until then the default 14 holds`,
			`retention.hourDays: 29 is outside 30-3650; write a whole number from 30 to 3650, or remove the key; until then the default 400 holds`,
			`retention.sizeDays: 1 is outside 2-400; write a whole number from 2 to 400, or remove the key; until then the default 30 holds`,
			`retention.eventDays: 29 is outside 30-3650; write a whole number from 30 to 3650, or remove the key; until then the default 400 holds`,
		}},
		{`{"retention":{"minuteHours":721,"tenMinuteDays":401,"hourDays":3651,"sizeDays":401,"eventDays":3651}}`, []string{
			`retention.minuteHours: 721 is outside 6-720; write a whole number from 6 to 720, or remove the key; until then the default 48 holds`,
			`retention.tenMinuteDays: 401 is outside 2-400; write a whole number from 2 to 400, or remove the key; until then the default 14 holds`,
			`retention.hourDays: 3651 is outside 30-3650; write a whole number from 30 to 3650, or remove the key; until then the default 400 holds`,
			`retention.sizeDays: 401 is outside 2-400; write a whole number from 2 to 400, or remove the key; until then the default 30 holds`,
			`retention.eventDays: 3651 is outside 30-3650; write a whole number from 30 to 3650, or remove the key; until then the default 400 holds`,
		}},
		{`{"backfillHours":-2}`, []string{`backfillHours: -2 is outside -1-9600; write a whole number from -1 to 9600, or remove the key; until then the default 24 holds`}},
		{`{"backfillHours":9601}`, []string{`backfillHours: 9601 is outside -1-9600; write a whole number from -1 to 9600, or remove the key; until then the default 24 holds`}},
		{`{"backfillHours":-0.5}`, []string{`backfillHours: -0.5 is not a whole number; write a whole number from -1 to 9600, or remove the key; until then the default 24 holds`}},
		{`{"store":{"maxFutureMinutes":0,"flushMilliseconds":99,"sealMinutes":4}}`, []string{
			`store.maxFutureMinutes: 0 is outside 1-1440; write a whole number from 1 to 1440, or remove the key; until then the default 60 holds`,
			`store.flushMilliseconds: 99 is outside 100-60000; write a whole number from 100 to 60000, or remove the key; until then the default 1000 holds`,
			`store.sealMinutes: 4 is outside 5-1440; write a whole number from 5 to 1440, or remove the key; until then the default 60 holds`,
		}},
		{`{"store":{"maxFutureMinutes":1441,"flushMilliseconds":60001,"sealMinutes":1441}}`, []string{
			`store.maxFutureMinutes: 1441 is outside 1-1440; write a whole number from 1 to 1440, or remove the key; until then the default 60 holds`,
			`store.flushMilliseconds: 60001 is outside 100-60000; write a whole number from 100 to 60000, or remove the key; until then the default 1000 holds`,
			`store.sealMinutes: 1441 is outside 5-1440; write a whole number from 5 to 1440, or remove the key; until then the default 60 holds`,
		}},
		{`{"alerts":{"flappingMinutes":121,"heartbeatUrl":"secret"}}`, []string{
			`alerts.flappingMinutes: 121 is outside 0-120; write a whole number from 0 to 120, or remove the key; until then the default 5 holds`,
			`alerts.heartbeatUrl: the URL does not begin with http:// or https://; ` + mendHeartbeat,
		}},
		{`{"alerts":{"flappingMinutes":-1,"heartbeatUrl":["https://secret"]}}`, []string{
			`alerts.flappingMinutes: -1 is outside 0-120; write a whole number from 0 to 120, or remove the key; until then the default 5 holds`,
			`alerts.heartbeatUrl: it must be a text and is a list; ` + mendHeartbeat,
		}},
		{`{"alerts":{"fullDiskIsAProblem":"yes"}}`, []string{`alerts.fullDiskIsAProblem: it must be true or false and is a text; write true or false without quotes, or remove the key; until then false holds`}},
		{`{"alerts":{"heartbeatUrl":"ftp://secret/secret"}}`, []string{`alerts.heartbeatUrl: the URL does not begin with http:// or https://; ` + mendHeartbeat}},
		{`{"alerts":{"heartbeatUrl":"https:///secret"}}`, []string{`alerts.heartbeatUrl: the URL has no host; ` + mendHeartbeat}},
		{`{"alerts":{"heartbeatUrl":"https:secret"}}`, []string{`alerts.heartbeatUrl: the URL has no host; ` + mendHeartbeat}},
		{`{"alerts":{"heartbeatUrl":"https://secret!/"}}`, []string{`alerts.heartbeatUrl: the host of the URL is neither a name nor an address; ` + mendHeartbeat}},
		{`{"alerts":{"heartbeatUrl":"https://secret:0/"}}`, []string{`alerts.heartbeatUrl: the port of the URL is outside 1-65535; ` + mendHeartbeat}},
		{`{"alerts":{"heartbeatUrl":"https://h/%secret"}}`, []string{`alerts.heartbeatUrl: the URL cannot be read; ` + mendHeartbeat}},
		{`{"alerts":{"heartbeatUrl":"https://h/` + strings.Repeat("secret", 350) + `"}}`, []string{`alerts.heartbeatUrl: the URL has 2110 bytes, more than 2048; ` + mendHeartbeat}},
		{`{"alerts":5}`, []string{`alerts: it must be an object and is a number; write an object {…}, or remove the key; until then it counts as empty`}},
		{inNode(`"debug":"localhost:5999"`), []string{`"N:/n.log": debug: the debug address "localhost:5999" does not begin with http:// or https://; write http://localhost:5999, or remove the key; until then the debug port is not asked`}},
		{inNode(`"debug":"http://me:secret@h:5999"`), []string{`"N:/n.log": debug: the debug address contains a user name or password, which would be stored unprotected; write the address without what stands before the @, or remove the key; until then the debug port is not asked`}},
		{inNode(`"debug":5999`), []string{`"N:/n.log": debug: it must be a text and is a number; write the address of the node's debug port, as in http://localhost:5999, or remove the key; until then the debug port is not asked`}},
		{`{"allowRemoteApi":false,"nodes":[{"name":"N","log":"/n.log","debug":"http://10.0.0.1:5999"},` + good + `]}`, []string{
			`"N:/n.log": debug: the debug port is on another machine, and remote APIs are not allowed; allow remote APIs (allowRemoteApi), or remove the address; until then the debug port is not asked`,
		}},
		{`{"retention":30}`, []string{`retention: it must be an object and is a number; write an object {…}, or remove the key; until then it counts as empty`}},
		{`{"nodes":{"name":"N"}}`, []string{`nodes: it must be a list and is an object; write a list of nodes, as in [{"name": "My-Node", "log": "/var/log/storagenode.log"}]`}},
		{`{"nodes":[7, null ,` + good + `]}`, []string{
			`"nodes[0]": nodes: node 1 of the list must be an object or a spec and is a number; write {"name": "My-Node", "log": "/var/log/storagenode.log"} or "My-Node:/var/log/storagenode.log"`,
			`"nodes[1]": nodes: node 2 of the list must be an object or a spec and is null; write {"name": "My-Node", "log": "/var/log/storagenode.log"} or "My-Node:/var/log/storagenode.log"`,
		}},
		{`{"nodes":[{},` + good + `]}`, []string{
			`"nodes[0]:": name: the name is empty; give the node a name, for example My-Node`,
			`"nodes[0]:": log: the node has neither a log nor an API address; write a log (a path, the host:port of a log forwarder, or docker:// and a container's name), an API address, or both`,
		}},
		{`{"nodes":[{"name":5,"log":["/n.log"],"api":false},` + good + `]}`, []string{
			`"nodes[0]:": name: it must be a text and is a number; write the node's name in quotes`,
			`"nodes[0]:": log: it must be a text and is a list; write the path of the log, the host:port of a log forwarder, or docker:// and a container's name, in quotes`,
			`"nodes[0]:": api: it must be a text and is true or false; write the address of the node's API in quotes, as in http://localhost:14002, or remove the key`,
		}},
		{`{"nodes":[{"name":"N","log":"/n.log","api":"http://u:secret@h"},` + good + `]}`, []string{
			`"N:/n.log:http://***@h": api: the API address contains a user name or password, which would be stored unprotected; write the address without what stands before the @`,
		}},
		{`{"nodes":["N:host:0",` + good + `]}`, []string{`"N:host:0": source: the port 0 is outside 1-65535; write the log forwarder's port, a number from 1 to 65535, behind the host`}},
		{`{"nodes":[` + good + `,{"name":"Good","log":"/other.log"}]}`, []string{`"Good:/other.log": name: node 1 of the list has the name "Good" already; give each node a name of its own`}},
		{`{"nodes":[` + good + `,"Good :/other.log"]}`, []string{`"Good :/other.log": name: node 1 of the list has the name "Good" already; give each node a name of its own`}},
		{inNode(`"key":"Not A Key"`), []string{`"N:/n.log": key: "Not A Key" is not a key; write 1 to 40 of the characters a-z, 0-9 and -, or remove the key; until then one is made from the name`}},
		{inNode(`"key":"` + strings.Repeat("k", 41) + `"`), []string{`"N:/n.log": key: "` + strings.Repeat("k", 41) + `" is not a key; write 1 to 40 of the characters a-z, 0-9 and -, or remove the key; until then one is made from the name`}},
		{inNode(`"retired":"yes"`), []string{`"N:/n.log": retired: it must be true or false and is a text; write true or false without quotes, or remove the key; until then false holds`}},
		{inNode(`"maintenanceUntil":"tomorrow"`), []string{`"N:/n.log": maintenanceUntil: "tomorrow" is not a time; write a time as in 2026-12-01T00:00:00Z, or remove the key; until then the node is not in maintenance`}},
		{inNode(`"maintenanceUntil":"9999-12-31T23:59:59-10:00"`), []string{`"N:/n.log": maintenanceUntil: "9999-12-31T23:59:59-10:00" is not a time; write a time as in 2026-12-01T00:00:00Z, or remove the key; until then the node is not in maintenance`}},
		{inNode(`"maintenanceUntil":1796083200`), []string{`"N:/n.log": maintenanceUntil: it must be a text and is a number; write a time as in 2026-12-01T00:00:00Z, or remove the key; until then the node is not in maintenance`}},
		{inNode(`"mutedSatellites":["us1"]`), []string{`"N:/n.log": mutedSatellites: it must be an object and is a list; write an object {…}, or remove the key; until then it counts as empty`}},
		{inNode(`"mutedSatellites":{"us1":true,"":"x"," eu1":"a","eu1":"b"}`), []string{
			`"N:/n.log": mutedSatellites.: it is not a satellite's name; write the satellite's short name or its id and the reason, as in {"us1": "left it"}; until then it is not muted`,
			`"N:/n.log": mutedSatellites.eu1: the satellite is there twice; remove one of the two; until then the first holds`,
			`"N:/n.log": mutedSatellites.us1: it must be a text and is true or false; write the satellite's short name or its id and the reason, as in {"us1": "left it"}; until then it is not muted`,
		}},
		{inNode(`"thresholds":{"auditWarning":60,"onlineWarning":"90"}`), []string{
			`"N:/n.log": thresholds.onlineWarning: it must be a number and is a text; write a number from 0 to 100, or remove the key; until then the data source's 95 holds`,
			`"N:/n.log": thresholds.auditCritical: 70 is above auditWarning, which is 60; write both so that auditCritical is not above auditWarning; until then the data source's 70 and 85 hold`,
		}},
		{`{"allowRemoteApi":false,"nodes":[{"name":"N","log":"/n.log","api":"http://10.0.0.1:14002"},` + good + `]}`, []string{
			`"N:/n.log:http://10.0.0.1:14002": api: the API is on another machine, and remote APIs are not allowed; allow remote APIs (allowRemoteApi), or remove the address; until then the API is not asked`,
		}},
		{`[]`, []string{`jsonData: the settings are not a JSON object; save the data source again, or mend its provisioning file; until then it has no nodes and the defaults hold`}},
		{`{"apiPort":1`, []string{`jsonData: the settings are not valid JSON at byte 12 of 12; save the data source again, or mend its provisioning file; until then it has no nodes and the defaults hold`}},
	} {
		t.Run(test.jsonData, func(t *testing.T) {
			loaded, report := settings.Load([]byte(test.jsonData))
			var got []string
			for _, problem := range report.Problems {
				got = append(got, problem.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problems, -want +got:\n%s", diff)
			}
			if len(report.Warnings) > 0 {
				t.Errorf("warnings: %q", report.Warnings)
			}
			withoutNodes := loaded
			withoutNodes.Nodes = nil
			withoutNodes.AllowRemoteAPI = true
			if diff := cmp.Diff(settings.Default(), withoutNodes); diff != "" {
				t.Errorf("the default is not used, -default +got:\n%s", diff)
			}
			for _, node := range loaded.Nodes {
				checkNode(t, node)
				if node.Thresholds != defaultThresholds {
					t.Errorf("%s has the thresholds %+v", node.Name, node.Thresholds)
				}
			}
			if strings.Contains(test.jsonData, good) {
				if len(loaded.Nodes) == 0 || (loaded.Nodes[0].Name != "Good" && loaded.Nodes[len(loaded.Nodes)-1].Name != "Good") {
					t.Errorf("the good node is not there: %+v", loaded.Nodes)
				}
			}
			if strings.Contains(fmt.Sprint(report), "secret") {
				t.Errorf("the report repeats a secret: %+v", report)
			}
		})
	}
}

func TestProblemsOfNodesHaveTheirIndex(t *testing.T) {
	_, report := settings.Load([]byte(`{"apiPort":0,"nodes":["A:/a.log","B:",{"name":"C","log":"/c.log","thresholds":{"onlineWarning":101}}]}`))
	var got []int
	for _, problem := range report.Problems {
		got = append(got, problem.Index)
	}
	if diff := cmp.Diff([]int{settings.NoIndex, 1, 2}, got); diff != "" {
		t.Errorf("-want +got:\n%s\n%v", diff, report.Problems)
	}
}

func TestUnknownKeysAreWarnings(t *testing.T) {
	loaded, report := settings.Load([]byte(`{
		"apiport": 1, "API_PORT": 2, "zzz": 3, "thresholds": {"auditWarn": 1, "AuditCritical": 2},
		"pollIntervals": {"status": 30},
		"nodes": [{"name": "N", "log": "/n.log", "logs": "/x.log", "thresholds": {"onlinewarning": 1}, "manageAlerts": true}],
		"manageAlerts": true, "alertmanagerUid": "x", "enableSecureSocksProxy": false, "secureSocksProxyUsername": "x",
		"pdcInjected": false, "oauthPassThru": false, "disableGrafanaCache": false, "allowAsRecordingRulesTarget": true
	}`))
	want := []string{
		`unknown key "pollIntervals.status": the known ones are statusSeconds, scoresSeconds, payoutsSeconds`,
		`unknown key "thresholds.AuditCritical": did you mean "auditCritical"?`,
		`unknown key "thresholds.auditWarn": did you mean "auditWarning"?`,
		`unknown key "nodes[0].thresholds.onlinewarning": did you mean "onlineWarning"?`,
		`unknown key "nodes[0].logs": did you mean "log"?`,
		`unknown key "nodes[0].manageAlerts": the known ones are name, log, api, debug, key, retired, maintenanceUntil, mutedSatellites, thresholds`,
		`unknown key "API_PORT": did you mean "apiPort"?`,
		`unknown key "apiport": did you mean "apiPort"?`,
		`unknown key "zzz": the known ones are apiPort, interactiveTimeoutSeconds, backgroundTimeoutSeconds, allowRemoteApi, pollIntervals, thresholds, idleStopDays, memoryLimitMiB, backfillHours, retention, store, alerts, nodes`,
	}
	if diff := cmp.Diff(want, report.Warnings); diff != "" {
		t.Errorf("warnings, -want +got:\n%s", diff)
	}
	if len(report.Problems) > 0 {
		t.Errorf("problems: %v", report.Problems)
	}
	if loaded.APIPort != 14002 || loaded.Thresholds != defaultThresholds || len(loaded.Nodes) != 1 || loaded.Nodes[0].Log != file("/n.log") {
		t.Errorf("an unknown key has changed something: %+v", loaded)
	}
}

func TestSharedAddressesAreWarnings(t *testing.T) {
	_, report := settings.Load([]byte(`{"nodes":["A:/n.log:http://h:1","B:/n.log:http://h:2","C::http://h:1",{"name":"D","log":"docker://n1","debug":"http://h:5"},{"name":"E","log":"docker://n1","debug":"http://h:5"},"F:docker://n2"]}`))
	want := []string{
		`the nodes "A" and "B" have the same log "/n.log"`,
		`the nodes "A" and "C" have the same API address "http://h:1"`,
		`the nodes "D" and "E" have the same log "docker://n1"`,
		`the nodes "D" and "E" have the same debug address "http://h:5"`,
	}
	if diff := cmp.Diff(want, report.Warnings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestKeys(t *testing.T) {
	long := strings.Repeat("long ", 18) + "end"
	for _, test := range []struct {
		about string
		nodes string
		want  map[string]string
	}{
		{"slugs", `["My-Node:/a","Kölner Keller:/b","Łódź æß:/c","  a -- B_c!:/d","` + long + `:/e","Ｆｕｌｌ:/f"]`, map[string]string{
			"My-Node": "my-node", "Kölner Keller": "kolner-keller", "Łódź æß": "lodz-aess", "a -- B_c!": "a-b-c", long: "long-long-long-long-long-long-long-long", "Ｆｕｌｌ": "full",
		}},
		{"names without a Latin form", `["Узел 1:/a","日本:/b","🚀:/c","---:/d"]`, map[string]string{
			"Узел 1": "node-ac31f1d8", "日本": "node-cf2abf0c", "🚀": "node-ebbc0b28", "---": "node-cb3f91d5",
		}},
		{"a collision: none gets the bare slug", `["My Node:/a","my-node:/b","Other:/c"]`, map[string]string{
			"My Node": "my-node-65fd2b16", "my-node": "my-node-ea7b0bca", "Other": "other",
		}},
		{"the same in another order", `["Other:/c","my-node:/b","My Node:/a"]`, map[string]string{
			"My Node": "my-node-65fd2b16", "my-node": "my-node-ea7b0bca", "Other": "other",
		}},
		{"a given key beats a slug, wherever it stands", `["My Node:/a",{"name":"X","log":"/x","key":"my-node"}]`, map[string]string{
			"My Node": "my-node-65fd2b16", "X": "my-node",
		}},
		{"a given key that is a suffixed one", `["My Node:/a","my-node:/b",{"name":"X","log":"/x","key":"my-node-65fd2b16"}]`, map[string]string{
			"My Node": "my-node-05520f25", "my-node": "my-node-ea7b0bca", "X": "my-node-65fd2b16",
		}},
		{"long names that begin alike", `["` + long + ` one:/a","` + strings.ToUpper(long) + `:/b"]`, map[string]string{
			long + " one": "long-long-long-long-long-long-l-cd949192", strings.ToUpper(long): "long-long-long-long-long-long-l-9ab93441",
		}},
	} {
		t.Run(test.about, func(t *testing.T) {
			loaded, report := settings.Load([]byte(`{"nodes":` + test.nodes + `}`))
			if len(report.Problems) > 0 {
				t.Fatal(report.Problems)
			}
			got := map[string]string{}
			for _, node := range loaded.Nodes {
				checkNode(t, node)
				got[node.Name] = node.Key
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestGivenKeyTwice(t *testing.T) {
	loaded, report := settings.Load([]byte(`{"nodes":[{"name":"A","log":"/a","key":"k"},{"name":"B","log":"/b","key":"k"}]}`))
	if len(loaded.Nodes) != 2 || loaded.Nodes[0].Key != "k" || loaded.Nodes[1].Key != "b" {
		t.Errorf("got %+v", loaded.Nodes)
	}
	want := []settings.Problem{{
		Index: 1, Spec: "B:/b", Field: "key", Reason: `the key "k" is already that of the node "A"`,
		Mend: "give the node a key of its own, or remove the key; until then one is made from the name",
	}}
	if diff := cmp.Diff(want, report.Problems); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNodeEqual(t *testing.T) {
	whole := settings.Node{
		Name: "N", Key: "n", Log: file("/n.log"), API: "http://h", Thresholds: defaultThresholds, Retired: true,
		MaintenanceUntil: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), MutedSatellites: map[string]string{"us1": "left"},
	}
	same := whole
	same.MaintenanceUntil = whole.MaintenanceUntil.In(time.FixedZone("", 3600))
	if !whole.Equal(same) {
		t.Error("the same time in another zone makes a difference")
	}
	if a, b := (settings.Node{}), (settings.Node{MutedSatellites: map[string]string{}}); !a.Equal(b) {
		t.Error("an empty map makes a difference")
	}
	for about, change := range map[string]func(*settings.Node){
		"name":        func(n *settings.Node) { n.Name = "M" },
		"key":         func(n *settings.Node) { n.Key = "m" },
		"log":         func(n *settings.Node) { n.Log = tcp("h:1") },
		"container":   func(n *settings.Node) { n.Log = docker("c1", "") },
		"debug port":  func(n *settings.Node) { n.Debug = "http://h:5999" },
		"API":         func(n *settings.Node) { n.API = "" },
		"thresholds":  func(n *settings.Node) { n.Thresholds.OnlineWarning = 1 },
		"retired":     func(n *settings.Node) { n.Retired = false },
		"maintenance": func(n *settings.Node) { n.MaintenanceUntil = time.Time{} },
		"muted":       func(n *settings.Node) { n.MutedSatellites = map[string]string{"us1": "other"} },
	} {
		changed := whole
		change(&changed)
		if whole.Equal(changed) {
			t.Errorf("a changed %s makes no difference", about)
		}
	}
}

var validKey = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// checkNode checks what holds for every node that was taken.
func checkNode(t *testing.T, node settings.Node) {
	t.Helper()
	if node.Name == "" || node.Name != strings.TrimSpace(node.Name) || strings.ContainsAny(node.Name, ":\n\x00") ||
		!utf8.ValidString(node.Name) || utf8.RuneCountInString(node.Name) > 100 || strings.EqualFold(node.Name, settings.AggregateName) {
		t.Fatalf("a bad name: %+v", node)
	}
	if !validKey.MatchString(node.Key) {
		t.Fatalf("a bad key: %+v", node)
	}
	if node.Log.Kind == settings.NoLog && node.API == "" {
		t.Fatalf("neither a log nor an API: %+v", node)
	}
	if node.Log.String() == "" != (node.Log.Kind == settings.NoLog) {
		t.Fatalf("a bad source: %+v", node)
	}
	limits := node.Thresholds
	if limits.AuditCritical > limits.AuditWarning || limits.AuditRiskFalling > limits.AuditRiskWarning || limits.AuditRiskCritical > limits.AuditRiskFalling ||
		limits.SuspensionRiskCritical > limits.SuspensionRiskWarning || limits.UnreachableWarning > limits.UnreachableCritical ||
		limits.NoContactWarning > limits.NoContactCritical || limits.DiskWarning > limits.DiskCritical {
		t.Fatalf("bad thresholds: %+v", node)
	}
}

func FuzzLoad(f *testing.F) {
	for _, jsonData := range []string{
		`{"nodes":["N:/n.log",{"name":"M","api":"http://h","key":"n","thresholds":{"auditWarning":1},"mutedSatellites":{"us1":""}}],"apiPort":1}`,
		`{"nodes":[{"name":"a","log":"/a"},{"name":"A","log":"/a","maintenanceUntil":"2026-12-01T00:00:00.5+01:00","retired":true}],"allowRemoteApi":false}`,
		`{"interactiveTimeoutSeconds":60,"backgroundTimeoutSeconds":5,"pollIntervals":{"statusSeconds":-0},"thresholds":{"auditCritical":-0.0},"idleStopDays":1e3,"memoryLimitMiB":64,"retention":{"rawDays":1,"x":2},"x":{}}`,
		`{"nodes":[{"name":"a","log":"docker://a1@tcp://h:1","debug":"http://h/x","thresholds":{"noTrafficHours":0.3333,"downtimeLeftDays":1e-9}}],"backfillHours":-1,"alerts":{"heartbeatUrl":"http://h"},"store":{"sealMinutes":5}}`,
		`{"thresholds":{"auditRiskWarning":90,"auditRiskFalling":85,"auditRiskCritical":86,"unreachableWarningMinutes":61,"diskCriticalPercent":79.9}}`,
		`null`, `[]`, `{`,
	} {
		f.Add([]byte(jsonData))
	}
	f.Fuzz(func(t *testing.T, jsonData []byte) {
		loaded, report := settings.Load(jsonData)
		names, keys := map[string]bool{}, map[string]bool{}
		for _, node := range loaded.Nodes {
			checkNode(t, node)
			if names[node.Name] || keys[node.Key] {
				t.Fatalf("the name %q or the key %q is there twice", node.Name, node.Key)
			}
			names[node.Name], keys[node.Key] = true, true
		}
		if loaded.BackgroundTimeout < loaded.InteractiveTimeout || loaded.APIPort < 1 || loaded.APIPort > 65535 ||
			loaded.Poll.Status < 30*time.Second || loaded.Poll.Payouts < 300*time.Second || loaded.IdleStop < 24*time.Hour ||
			loaded.MemoryLimit < 64<<20 || loaded.Retention.Raw < 24*time.Hour || loaded.Retention.Rollup < 30*24*time.Hour ||
			loaded.Backfill > 9600*time.Hour || loaded.Store.Flush < 100*time.Millisecond || loaded.Alerts.Flapping < 0 {
			t.Fatalf("out of bounds: %+v", loaded)
		}
		for _, problem := range report.Problems {
			if problem.Field == "" || problem.Reason == "" || problem.Mend == "" || !utf8.ValidString(problem.Error()) {
				t.Fatalf("an incomplete problem: %#v", problem)
			}
		}
		again, err := json.Marshal(loaded)
		if err != nil {
			t.Fatal(err)
		}
		second, secondReport := settings.Load(again)
		if diff := cmp.Diff(loaded, second); diff != "" {
			t.Fatalf("loaded again, -first +second:\n%s", diff)
		}
		for _, problem := range secondReport.Problems {
			// Only what is said about settings that are valid but have no effect.
			if loaded.AllowRemoteAPI || (problem.Field != "api" && problem.Field != "debug") {
				t.Fatalf("a problem with what was loaded: %v", problem)
			}
		}
	})
}
