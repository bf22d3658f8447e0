package provision_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// environment is what a Grafana has: each of these would be seen in a value that
// is not escaped. Every other variable is empty there.
var environment = map[string]string{"HOME": "/root", "x": "EXPANDED", "1": "ONE", "PATH": "/bin"}

var grafanaVariable = regexp.MustCompile(`\$(|__\w+){([^}]+)}`)

// grafanaExpands does to a string value what Grafana does: between the $$, which
// become single ones, it first replaces ${NAME} and $__env{NAME}, then $NAME and
// once more ${NAME}. $__file{PATH} would be an error where the file is missing.
func grafanaExpands(t *testing.T, value string) string {
	t.Helper()
	parts := strings.Split(value, "$$")
	for i, part := range parts {
		part = grafanaVariable.ReplaceAllStringFunc(part, func(match string) string {
			groups := grafanaVariable.FindStringSubmatch(match)
			switch groups[1] {
			case "", "__env":
				return environment[groups[2]]
			case "__file":
				t.Fatalf("Grafana would read the file of %q", value)
			}
			return match
		})
		parts[i] = os.Expand(part, func(name string) string { return environment[name] })
	}
	return strings.Join(parts, "$")
}

// grafanaReads walks through jsonData as Grafana does: string values are
// expanded, keys are not, a key that is no string is dropped, and an empty list
// becomes null.
func grafanaReads(t *testing.T, node *yaml.Node) any {
	t.Helper()
	switch node.Kind {
	case yaml.MappingNode:
		read := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			if key := node.Content[i]; key.ShortTag() == "!!str" {
				read[key.Value] = grafanaReads(t, node.Content[i+1])
			}
		}
		return read
	case yaml.SequenceNode:
		var read []any
		for _, element := range node.Content {
			read = append(read, grafanaReads(t, element))
		}
		return read
	case yaml.ScalarNode:
		if node.ShortTag() == "!!str" {
			return grafanaExpands(t, node.Value)
		}
		var read any
		if err := node.Decode(&read); err != nil {
			t.Fatalf("%q: %v", node.Value, err)
		}
		return read
	default:
		t.Fatalf("line %d: Grafana reads no such thing", node.Line)
		return nil
	}
}

// dataSourceFile is a provisioning file up to what is to be expanded.
type dataSourceFile struct {
	APIVersion  int              `yaml:"apiVersion"`
	Datasources []map[string]any `yaml:"datasources"`
}

// provisioned reads a file as Grafana does and returns its one data source.
func provisioned(t *testing.T, file []byte) map[string]any {
	t.Helper()
	var whole dataSourceFile
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	decoder.KnownFields(true)
	if err := decoder.Decode(&whole); err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	if whole.APIVersion != 1 || len(whole.Datasources) != 1 {
		t.Fatalf("not version 1 with one data source:\n%s", file)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(file, &tree); err != nil {
		t.Fatal(err)
	}
	// In the document's mapping, the last value is the list of data sources.
	sources := tree.Content[0].Content
	return grafanaReads(t, sources[len(sources)-1].Content[0]).(map[string]any)
}

func loadProvisioned(t *testing.T, file []byte) (settings.Settings, settings.Report) {
	t.Helper()
	jsonData, err := json.Marshal(provisioned(t, file)["jsonData"])
	if err != nil {
		t.Fatal(err)
	}
	return settings.Load(jsonData)
}

// TestExpansionIsGrafanas guards the check itself: without the doubling, values
// with a $ do not survive.
func TestExpansionIsGrafanas(t *testing.T) {
	for value, want := range map[string]string{
		"/logs/$HOME/n.log":   "/logs//root/n.log",
		"/logs/${x}/n.log":    "/logs/EXPANDED/n.log",
		"/logs/$__env{x}":     "/logs/EXPANDED",
		"/logs/$$HOME/n.log":  "/logs/$HOME/n.log",
		"/logs/$${x}/n.log":   "/logs/${x}/n.log",
		"a$$$$b":              "a$$b",
		"a$$$x":               "a$EXPANDED",
		"costs $5":            "costs ",
		"$unknown":            "",
		"no variable":         "no variable",
		"/logs/$$__file{/no}": "/logs/$__file{/no}",
	} {
		if got := grafanaExpands(t, value); got != want {
			t.Errorf("%q becomes %q, wanted %q", value, got, want)
		}
	}
}

func TestDollarsSurviveGrafana(t *testing.T) {
	want, report := settings.Load([]byte(`{"nodes":[
		{"name":"Costs $5 $$ ${x}","log":"/logs/$HOME/${x}/$__file{/etc/passwd}/$1$$n$.log","api":"http://host:14002/$x/${HOME}/$$",
		 "mutedSatellites":{"$x":"$x","$$x":"$$x","${x}":"${x}","1e3":"1e3","yes":"yes","null":"null","12:30":"12:30","~":"~","us1":"tabs\tand \"quotes\" \\ and\nlines"}},
		{"name":"Share","log":"\\\\nas\\admin$\\n.log"},
		"Spec $x:/$x:http://h/$x"
	]}`))
	if len(report.Problems)+len(report.Warnings) > 0 || len(want.Nodes) != 3 || len(want.Nodes[0].MutedSatellites) != 9 {
		t.Fatalf("the settings of the test are not good: %+v", report)
	}
	file, err := provision.DataSource("Storj $x", "storj", want)
	if err != nil {
		t.Fatal(err)
	}
	if name := provisioned(t, file)["name"]; name != "Storj $x" {
		t.Errorf("the name became %q", name)
	}
	got, report := loadProvisioned(t, file)
	if diff := cmp.Diff(want, got); diff != "" || len(report.Problems)+len(report.Warnings) > 0 {
		t.Errorf("%+v\n-want +got:\n%s\n%s", report, diff, file)
	}
}

func TestEverySettingSurvivesGrafana(t *testing.T) {
	strange, stranger := settings.Default().Thresholds, settings.Default().Thresholds
	strange.AuditWarning, strange.AuditCritical, strange.SuspensionCritical, strange.OnlineWarning = 0.1, 0.05, 3, 4
	strange.NoTraffic, strange.AuditsFailedCritical = 3601*time.Second, 100
	stranger.AuditWarning, stranger.AuditCritical, stranger.SuspensionCritical, stranger.OnlineWarning = 1e-9, 0, 99.99999999, 100
	stranger.DowntimeLeft, stranger.DiskCritical = time.Second, 80
	odd := settings.Settings{
		Nodes: []settings.Node{{
			Name: "日本 🚀 #1", Key: "k", Log: settings.Source{Kind: settings.LogFile, Path: "/- : # ' \" \\n & * ! | > % @ `"},
			API: "https://[::1]:14002/p%20q", Retired: true, MaintenanceUntil: time.Date(2026, 12, 1, 0, 0, 0, 5e8, time.UTC),
			MutedSatellites: map[string]string{"us1": ""},
			Thresholds:      stranger, Debug: "http://[::1]:1/$x",
		}, {
			Name: "Docked", Key: "docked", Log: settings.Source{Kind: settings.LogDocker, Container: "0.1", Address: "unix:///$HOME/# d"}, Thresholds: strange,
		}},
		APIPort: 1, InteractiveTimeout: time.Second, BackgroundTimeout: 5 * time.Second, AllowRemoteAPI: true,
		Poll:       settings.PollIntervals{Status: 30 * time.Second, Scores: 31 * time.Second, Payouts: 300 * time.Second},
		Thresholds: strange,
		IdleStop:   24 * time.Hour, MemoryLimit: 64 << 20, Backfill: -time.Hour,
		Retention: settings.Retention{
			Raw: 24 * time.Hour, Rollup: 30 * 24 * time.Hour, Minutes: 6 * time.Hour, TenMinutes: 48 * time.Hour,
			Hours: 3650 * 24 * time.Hour, Sizes: 48 * time.Hour, Events: 30 * 24 * time.Hour,
		},
		Store:  settings.StoreLimits{MaxFuture: time.Minute, Flush: 101 * time.Millisecond, Seal: 5 * time.Minute},
		Alerts: settings.Alerts{Heartbeat: "https://hc.example/ping/$TOKEN?a=${b}&c=$$#d"},
	}
	withoutRemote := settings.Default()
	withoutRemote.AllowRemoteAPI = false
	for about, want := range map[string]settings.Settings{"default": settings.Default(), "odd": odd, "no remote APIs": withoutRemote} {
		file, err := provision.DataSource("Storj", "storj", want)
		if err != nil {
			t.Fatalf("%s: %v", about, err)
		}
		got, report := loadProvisioned(t, file)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || len(report.Problems)+len(report.Warnings) > 0 {
			t.Errorf("%s: %+v\n-want +got:\n%s\n%s", about, report, diff, file)
		}
	}
}

func TestFileForPeople(t *testing.T) {
	s, _ := settings.Load([]byte(`{"nodes":[{"name":"My-Node","log":"/logs/$a/n.log","mutedSatellites":{"us1":"left"}}]}`))
	file, err := provision.DataSource("Storj", "storj", s, provision.AsDefault(), provision.ReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	const want = `# Provisions Grafana. In values, Grafana reads $NAME and ${NAME} as environment
# variables and $$ as a single $.
apiVersion: 1
datasources:
  - name: "Storj"
    type: "storagenode-monitor-datasource"
    uid: "storj"
    access: "proxy"
    isDefault: true
    editable: false
    jsonData:
      nodes:
        - name: "My-Node"
          log: "/logs/$$a/n.log"
          key: "my-node"
          mutedSatellites:
            "us1": "left"
      apiPort: 14002
      interactiveTimeoutSeconds: 10
      backgroundTimeoutSeconds: 90
      allowRemoteApi: true
      pollIntervals:
        statusSeconds: 300
        scoresSeconds: 300
        payoutsSeconds: 3600
      thresholds:
        auditWarning: 85
        auditCritical: 70
        suspensionCritical: 60
        onlineWarning: 95
        auditRiskWarning: 99.5
        auditRiskFalling: 98
        auditRiskCritical: 97
        suspensionRiskWarning: 95
        suspensionRiskCritical: 80
        onlineRiskCritical: 70
        downtimeLeftDays: 3
        auditSlowSeconds: 60
        auditsFailedCritical: 3
        auditsCanceledPercent: 30
        auditsCanceledTimes: 3
        auditsCanceledLeast: 20
        unreachableWarningMinutes: 20
        unreachableCriticalMinutes: 60
        noContactWarningHours: 3
        noContactCriticalHours: 12
        nodeStoppedMinutes: 10
        restartLoopStarts: 3
        restartLoopMinutes: 15
        apiSlowInfoMinutes: 5
        apiSlowWarningMinutes: 360
        quicHours: 24
        versionBehindDays: 30
        logSilentMinutes: 30
        noTrafficHours: 2
        uploadRejectedPercent: 10
        uploadRejectedWarningPercent: 50
        uploadRejectedLeast: 100
        ordersWarningHours: 24
        ordersCriticalHours: 40
        latencyInfoSeconds: 5
        latencyWarningSeconds: 10
        clockSkewSeconds: 10
        diskWarningPercent: 80
        diskCriticalPercent: 95
        diskFreeGB: 5
        diskFreePercent: 1
        diskOverusedHours: 24
        diskTrashPercent: 20
        diskTrashDays: 8
      idleStopDays: 30
      memoryLimitMiB: 512
      backfillHours: 24
      retention:
        rawDays: 30
        rollupDays: 400
        minuteHours: 48
        tenMinuteDays: 14
        hourDays: 400
        sizeDays: 30
        eventDays: 400
      store:
        maxFutureMinutes: 60
        maxPastDays: 0
        flushMilliseconds: 1000
        sealMinutes: 60
      alerts:
        flappingMinutes: 5
`
	if diff := cmp.Diff(want, string(file)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOptions(t *testing.T) {
	file, err := provision.DataSource("Storj", "", settings.Default())
	if err != nil {
		t.Fatal(err)
	}
	got := provisioned(t, file)
	delete(got, "jsonData")
	want := map[string]any{"name": "Storj", "type": provision.PluginID, "access": "proxy", "editable": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct{ name, uid, want string }{
		{" ", "storj", `provisioning a data source: its name is empty; give it one, for example Storj`},
		{"Storj", "a b", `provisioning data source "Storj": the uid "a b" is not one for Grafana; use 1 to 40 letters, digits, - and _`},
		{"Storj", strings.Repeat("u", 41), fmt.Sprintf(`provisioning data source "Storj": the uid %q is not one for Grafana; use 1 to 40 letters, digits, - and _`, strings.Repeat("u", 41))},
	} {
		if _, err := provision.DataSource(test.name, test.uid, settings.Default()); err == nil || err.Error() != test.want {
			t.Errorf("DataSource(%q, %q): got  %v\nwanted %s", test.name, test.uid, err, test.want)
		}
	}
}

func TestDashboards(t *testing.T) {
	const want = `# Provisions Grafana. In values, Grafana reads $NAME and ${NAME} as environment
# variables and $$ as a single $.
apiVersion: 1
providers:
  - name: "Storj storage nodes"
    type: "file"
    disableDeletion: false
    allowUiUpdates: true
    updateIntervalSeconds: 30
    options:
      path: "/etc/grafana/$$dashboards"
      foldersFromFilesStructure: false
`
	if diff := cmp.Diff(want, string(provision.Dashboards("/etc/grafana/$dashboards"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A path that is no UTF-8 cannot be written, but must not stop the caller.
	if file := provision.Dashboards("/\xff"); !bytes.Contains(file, []byte("path:")) {
		t.Errorf("got\n%s", file)
	}
}

// FuzzDollars: whatever the texts are, Grafana reads what was meant.
func FuzzDollars(f *testing.F) {
	f.Add("N $x", "/logs/$HOME/${x}.log", "http://h/$x", "$x", "left $$ it")
	f.Add("yes", "./~", "", "1e3", "a\nb\u2028c\ufeff")
	f.Fuzz(func(t *testing.T, name, log, api, satellite, reason string) {
		jsonData, err := json.Marshal(map[string]any{"nodes": []any{map[string]any{
			"name": name, "log": log, "api": api, "mutedSatellites": map[string]string{satellite: reason},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := settings.Load(jsonData)
		file, err := provision.DataSource("Storj", "storj", want)
		if err != nil {
			t.Fatal(err)
		}
		got, report := loadProvisioned(t, file)
		if diff := cmp.Diff(want, got); diff != "" || len(report.Problems)+len(report.Warnings) > 0 {
			t.Errorf("%+v\n-want +got:\n%s\n%s", report, diff, file)
		}
	})
}
