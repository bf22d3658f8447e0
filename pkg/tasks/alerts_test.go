//go:build unix

package tasks

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestAlertsInGrafana takes the whole way of an alert: from simulated nodes, through the compiled plugin and a Grafana with
// the rules and the samples as they are shipped, to who is told.
func TestAlertsInGrafana(t *testing.T) {
	if os.Getenv(alertsVariable) == "" {
		t.Skip("it needs a built plugin and a Grafana: go tool mage alerts")
	}
	t.Chdir("../..")
	suspended := newRecovering(t)
	byHand := withFailedAudits(t, 4, byHandNode)
	s := newAlertsScene(t, []string{suspended.spec, withFailedAudits(t, 2, warnedNode), withFailedAudits(t, 3, mendedNode)})

	// A data source made by hand has no rules. The button gives it some, beside what follows.
	uid := s.byHand(byHand)
	chromium := findChromium()
	var pressed <-chan error
	if chromium != "" {
		pressed = s.inBrowser("the button", chromium, "ALERTING_DATA_SOURCE="+uid)
	}

	told := s.told(suspendedNode, "suspended", "firing")
	checkNotification(t, told)
	s.await("Discord is told of the warning, by the template", func() (bool, string) {
		for _, one := range s.receiver.at(discordPath) {
			if strings.Contains(one.text, "Warned: Failed Audit on us1") && strings.Contains(one.text, "failed audits left until disqualification") {
				return true, ""
			}
		}
		return false, "it was told " + saidIn(s.receiver.at(discordPath))
	})

	first := s.evaluated(1, suspendedNode, "suspended", "Alerting")
	if chromium == "" {
		t.Log("not pressed: the button Install or update alert rules (no Chromium found)")
	} else if err := <-pressed; err != nil {
		t.Error(err)
		chromium = ""
	}

	s.killPlugin()
	again := s.evaluated(3, suspendedNode, "suspended", "Alerting")
	s.unchanged("the plugin was killed", suspendedNode, "suspended", 1)
	if chromium != "" {
		// The rules of the button are evaluated each minute, as they are shipped.
		s.told(byHandNode, "audit_failed", "firing")
		if os.Getenv("UPDATE_PICTURES") != "" {
			if err := <-s.inBrowser("a picture", chromium); err != nil {
				t.Error(err)
			}
		}
	}

	s.restart()
	// Longer than a group of alerts waits before it is told of, so that what would be told again is.
	last := s.evaluated(4, suspendedNode, "suspended", "Alerting")
	s.unchanged("a restart of Grafana", suspendedNode, "suspended", 1)
	for when, one := range map[string]alert{"the plugin was killed": again, "Grafana started again": last} {
		if !one.ActiveAt.Equal(first.ActiveAt) {
			t.Errorf("after %s, the alert is one of %s; it was one of %s", when, one.ActiveAt, first.ActiveAt)
		}
	}
	if chromium != "" {
		if over := s.receiver.of(byHandNode, "audit_failed", "resolved"); len(over) > 0 {
			t.Errorf("the alert of the data source made by hand is over: %+v", over)
		}
	}

	var nodes any
	s.provisionedNodes(func(jsonData map[string]any) { nodes, jsonData["nodes"] = jsonData["nodes"], []any{} })
	s.evaluated(3, suspendedNode, "suspended", "Alerting (NoData, KeepLast)")
	s.unchanged("the answer was emptied", suspendedNode, "suspended", 1)

	suspended.recover()
	s.provisionedNodes(func(jsonData map[string]any) { jsonData["nodes"] = nodes })
	// What happened and is mended ends by an editor's hand.
	s.await("the warning is cleared by hand", func() (bool, string) {
		err := s.ask(http.MethodPost, "/api/datasources/uid/"+dataSourceUID+"/resources/clear-condition",
			map[string]string{"node": warnedNode, "satellite": "us1", "condition": "audit_failed"}, nil)
		return err == nil, fmt.Sprint(err)
	})
	over := s.told(suspendedNode, "suspended", "resolved")
	if over.Title != "No longer critical: Suspended: Node Suspended on us1" {
		t.Errorf("that it is over is told as %q", over.Title)
	}
	s.await("Discord is told that the warning is over", func() (bool, string) {
		return strings.Contains(saidIn(s.receiver.at(discordPath)), "No longer warning: Warned: Failed Audit on us1"), "it was told " + saidIn(s.receiver.at(discordPath))
	})

	// Of the node in maintenance there is an alert, but nobody was told in all this time.
	all, err := s.alerts(mendedNode, "audit_failed")
	if err != nil || len(all) != 1 || all[0].Labels["maintenance"] != "true" {
		t.Errorf("the alerts of the node in maintenance are %+v (%v)", all, err)
	}
	if muted := s.receiver.at(slackPath); len(muted) > 0 {
		t.Errorf("the node in maintenance was told of: %s", saidIn(muted))
	}
}

// checkNotification looks at what a person reads of a suspended node.
func checkNotification(t *testing.T, told notification) {
	t.Helper()
	if want := "Suspended: Node Suspended on us1"; told.Title != want {
		t.Errorf("the title is %q, want %q", told.Title, want)
	}
	for _, want := range []string{
		"[critical] Suspended: Node Suspended on us1\n",
		"Node Suspended is currently SUSPENDED on us1.",
		"/d/storagenode-monitor-reputation?viewPanel=21&from=now-7d&to=now&var-datasource=storagenodes&var-node=Suspended&var-satellite=us1\n",
		"Silence: http",
	} {
		if !strings.Contains(told.Message, want) {
			t.Errorf("the message does not have %q:\n%s", want, told.Message)
		}
	}
	if len(told.Alerts) != 1 {
		t.Fatalf("%d alerts are told of, want one: %+v", len(told.Alerts), told.Alerts)
	}
	one := told.Alerts[0]
	for name, want := range map[string]string{"node": "Suspended", "satellite": "us1", "condition": "suspended", "severity": "critical", "service": "storj-nodes"} {
		if one.Labels[name] != want {
			t.Errorf("the label %s is %q, want %q", name, one.Labels[name], want)
		}
	}
	if _, in := one.Labels["maintenance"]; in {
		t.Error("it is told as in maintenance")
	}
	if one.Annotations["summary"] != "Node Suspended on us1" || !strings.HasPrefix(one.Annotations["description"], "Node Suspended is currently SUSPENDED on us1.") {
		t.Errorf("the annotations are %q", one.Annotations)
	}
}

func saidIn(all []notification) string {
	var b strings.Builder
	for _, one := range all {
		b.WriteString(one.text + "\n")
	}
	return b.String()
}
