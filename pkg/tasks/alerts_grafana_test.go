//go:build unix

package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

const (
	webhookPath = "/webhook"
	discordPath = "/discord"
	slackPath   = "/slack"
	// patience is what a step may take on a machine that is busy, and longest what all of them may. None needs a minute
	// where there is room.
	patience = 4 * time.Minute
	longest  = 12 * time.Minute
)

// alertsScene is a Grafana with the alert rules, the samples that were filled in, and nodes with troubles.
type alertsScene struct {
	*testing.T
	*runningGrafana
	ctx      context.Context // until the test is over, is told to end, or takes too long
	receiver *receiver
}

// Context is in the place of the test's own, which a signal does not end.
func (s *alertsScene) Context() context.Context { return s.ctx }

// await waits until something is so; now says what is so instead.
func (s *alertsScene) await(what string, holds func() (ok bool, now string)) {
	s.Helper()
	began := time.Now()
	for deadline := began.Add(patience); ; {
		ok, now := holds()
		if ok {
			s.Logf("%5.1f s: %s", time.Since(began).Seconds(), what)
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("after %s not: %s; but %s", patience, what, now)
		}
		select {
		case <-s.Context().Done():
			s.Fatalf("%v, before: %s; %s", context.Cause(s.Context()), what, now)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// ask sends a request to Grafana, as an administrator, and reads the answer.
func (s *alertsScene) ask(method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(s.Context(), method, s.address+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// alert is one alert of a rule, as Grafana shows it.
type alert struct {
	State     string // with the reason why it is kept
	Labels    map[string]string
	ActiveAt  time.Time
	Evaluated time.Time // when its rule was the last time
}

// alerts are those of a node's condition.
func (s *alertsScene) alerts(node, condition string) ([]alert, error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					LastEvaluation time.Time
					Alerts         []alert
				}
			}
		}
	}
	if err := s.ask(http.MethodGet, "/api/prometheus/grafana/api/v1/rules", nil, &answer); err != nil {
		return nil, err
	}
	var found []alert
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			for _, one := range rule.Alerts {
				if one.Labels["node"] == node && one.Labels["condition"] == condition && !strings.HasPrefix(one.State, "Normal") {
					one.Evaluated = rule.LastEvaluation
					found = append(found, one)
				}
			}
		}
	}
	return found, nil
}

// evaluated waits until the rule of an alert was evaluated so often again, with the alert in a state each time.
func (s *alertsScene) evaluated(times int, node, condition, state string) (last alert) {
	s.Helper()
	from := time.Now()
	var seen time.Time
	s.await(fmt.Sprintf("%s of %s was %s at %d evaluations", condition, node, state, times), func() (bool, string) {
		all, err := s.alerts(node, condition)
		if err != nil || len(all) != 1 {
			return false, fmt.Sprintf("there are the alerts %+v (%v)", all, err)
		}
		last = all[0]
		if last.Evaluated.After(from) && last.Evaluated.After(seen) && last.State == state {
			seen, times = last.Evaluated, times-1
		}
		return times <= 0, fmt.Sprintf("it is %s at %s, %d evaluations are missing", last.State, last.Evaluated, times)
	})
	return last
}

// told waits for the webhook's first word of an alert, and looks at what it says.
func (s *alertsScene) told(node, condition, status string) notification {
	s.Helper()
	s.await(fmt.Sprintf("the webhook is told that %s of %s is %s", condition, node, status), func() (bool, string) {
		return len(s.receiver.of(node, condition, status)) > 0, fmt.Sprintf("it was told %+v", s.receiver.at(webhookPath))
	})
	return s.receiver.of(node, condition, status)[0]
}

// unchanged fails where an alert was told of again, or as over.
func (s *alertsScene) unchanged(after, node, condition string, times int) {
	s.Helper()
	if n := len(s.receiver.of(node, condition, "firing")); n != times {
		s.Fatalf("after %s, %s of %s was told %d times, want %d: %+v", after, condition, node, n, times, s.receiver.at(webhookPath))
	}
	if over := s.receiver.of(node, condition, "resolved"); len(over) > 0 {
		s.Fatalf("after %s, %s of %s was told as over: %+v", after, condition, node, over)
	}
}

// plugin is the process of the plugin, or 0.
func (s *alertsScene) plugin() int {
	out, err := exec.CommandContext(s.Context(), "ps", "-A", "-o", "pid=,ppid=,args=").Output()
	if err != nil {
		s.Fatal("look for the plugin's process:", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[1] == strconv.Itoa(s.cmd.Process.Pid) && strings.Contains(fields[2], "gpx_storagenode_monitor") {
			pid, _ := strconv.Atoi(fields[0])
			return pid
		}
	}
	return 0
}

// killPlugin ends the plugin as a crash does, and returns when Grafana has started it again.
func (s *alertsScene) killPlugin() {
	s.Helper()
	old := s.plugin()
	if old == 0 {
		s.Fatal("the plugin's process is not found")
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		s.Fatal(err)
	}
	s.await("Grafana has started the killed plugin again", func() (bool, string) {
		now := s.plugin()
		return now != 0 && now != old, fmt.Sprintf("its process is %d, as it was %d", now, old)
	})
}

// restart ends Grafana in order, and starts it again.
func (s *alertsScene) restart() {
	s.Helper()
	s.stopWithin(30 * time.Second)
	if err := s.launch(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// provisionedNodes puts other nodes into the provisioned data source, as a person does in its settings.
func (s *alertsScene) provisionedNodes(change func(jsonData map[string]any)) {
	s.Helper()
	path := "/api/datasources/uid/" + dataSourceUID
	var source map[string]any
	if err := s.ask(http.MethodGet, path, nil, &source); err != nil {
		s.Fatal(err)
	}
	change(source["jsonData"].(map[string]any))
	if err := s.ask(http.MethodPut, path, source, nil); err != nil {
		s.Fatal(err)
	}
}

// byHand makes a data source as a person does: Grafana chooses its uid.
func (s *alertsScene) byHand(spec string) (uid string) {
	s.Helper()
	var made struct {
		Datasource struct{ UID string }
	}
	err := s.ask(http.MethodPost, "/api/datasources", map[string]any{
		"name": "By hand", "type": "storagenode-monitor-datasource", "access": "proxy",
		"jsonData": map[string]any{"nodes": []string{spec}},
	}, &made)
	if err != nil {
		s.Fatal(err)
	}
	return made.Datasource.UID
}

// inBrowser begins a test of tests/alerting.spec.ts. When the scene ends, so has the browser.
func (s *alertsScene) inBrowser(title, chromium string, env ...string) (ended <-chan error) {
	answer, gone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		var said bytes.Buffer
		env = append(env, "GRAFANA_URL="+s.address, "CHROMIUM="+chromium, "NO_COLOR=1")
		err := command{out: &said, name: "in the browser", env: env}.run(s.Context(),
			filepath.Join("node_modules", ".bin", "playwright"), "test", "alerting.spec.ts", "--grep", title)
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, said.Bytes())
		}
		answer <- err
	}()
	s.Cleanup(func() { <-gone })
	return answer
}

func newAlertsScene(t *testing.T, specs []string) *alertsScene {
	t.Helper()
	// A signal is no way out past the cleaning up.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, longest)
	t.Cleanup(cancel)
	found, err := findGrafana()
	if err != nil || found == nil {
		t.Fatal("there is no Grafana:", err)
	}
	s := &alertsScene{T: t, ctx: ctx, receiver: newReceiver(t)}
	s.runningGrafana, err = startGrafana(ctx, found, grafanaSetup{
		work: t.TempDir(), specs: specs,
		alerting: provisionedAlerting(t, s.receiver.url),
		// Else the provisioned contact points are taken up a minute after the start.
		more: "\n[unified_alerting]\nalertmanager_config_poll_interval = 5s\n",
		configure: func(all *settings.Settings) {
			all.Alerts.Flapping = 0
			for i := range all.Nodes {
				switch node := &all.Nodes[i]; node.Name {
				case warnedNode:
					node.Thresholds.AuditsFailedCritical = 100
				case mendedNode:
					node.MaintenanceUntil = time.Now().Add(24 * time.Hour)
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			s.keepLog(os.Stdout)
		}
	})
	return s
}

// provisionedAlerting are the rules as they are shipped and the samples as they are filled in. Only what costs time is
// shortened: how often is evaluated, how long an alert fires on, and how long notifications of one group are apart.
func provisionedAlerting(t *testing.T, receiver string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	add := func(file string, changes ...string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(changes); i += 2 {
			if !bytes.Contains(text, []byte(changes[i])) {
				t.Fatalf("%s has no %q", file, changes[i])
			}
			text = bytes.ReplaceAll(text, []byte(changes[i]), []byte(changes[i+1]))
		}
		if bytes.Contains(text, []byte("fill-in")) {
			t.Fatalf("%s still has something to be filled in", file)
		}
		files[filepath.Base(file)] = text
	}
	add(shippedRules, `interval: "1m"`, `interval: "10s"`, `keepFiringFor: "1m"`, `keepFiringFor: "10s"`)
	samples := "provisioning/samples/alerting/"
	// Of each sample, the lines that take the message template are taken up, too.
	add(samples+"contact-point-discord.yaml", "https://discord.com/api/webhooks/000000000000000000/fill-in", receiver+discordPath, "# title:", "title:", "# message:", "message:")
	add(samples+"contact-point-slack.yaml", "https://hooks.slack.com/services/T00000000/B00000000/fill-in", receiver+slackPath, "# title:", "title:", "# text:", "text:")
	add(samples+"contact-point-telegram.yaml", "000000000:fill-in", "123456789:AAF0o-0000000000000000000000000_test", `chatid: "000000000"`, `chatid: "-1001234567890"`, "# message:", "message:")
	add(samples+"contact-point-webhook.yaml", "http://localhost:8080/fill-in", receiver+webhookPath, "# title:", "title:", "# message:", "message:",
		"# username: fill-in", "username: storj", "# password: $__env{STORJ_WEBHOOK_PASSWORD}", "password: secret")
	add(samples+"contact-point-email.yaml", "you@example.com", "operator@example.com", "# subject:", "subject:", "# message:", "message:")
	add(samples + "message-template.yaml")
	// Critical alerts go to the webhook, warnings to Discord, and what is muted would go to Slack.
	add(samples+"policy.yaml",
		"receiver: storj-email # fill in: a route needs one", "receiver: storj-slack",
		"receiver: storj-email # fill in\n        object_matchers:\n          - [service, \"=\", storj-nodes]\n          - [severity", "receiver: storj-webhook\n        object_matchers:\n          - [service, \"=\", storj-nodes]\n          - [severity",
		"receiver: storj-email # fill in\n", "receiver: storj-discord\n",
		"group_interval: 1m", "group_interval: 10s", "group_interval: 5m", "group_interval: 10s", "group_wait: 1m", "group_wait: 15s")
	shipped, err := filepath.Glob(samples + "*")
	if err != nil || len(files) != len(shipped)+1 {
		t.Fatalf("of the samples %v only %d are tested (%v)", shipped, len(files)-1, err)
	}
	return files
}
