package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"
)

// rule is one alert rule: it fires while a metric of the reputation is beyond its
// limit. The limits come before a satellite acts, not after.
type rule struct {
	uid, title  string
	metric      string
	below       bool // fires below the limit (and above 0, which has rules of its own), else above it
	limit       float64
	severity    string
	pending     string // how long before it fires
	summary     string
	description string
}

const (
	onSatellite = "{{ $labels.node }} on {{ $labels.satellite }}"
	value       = "{{ $values.A }}"
)

var rules = []rule{
	{
		uid: "disqualified", title: "Node disqualified", metric: "disqualified", limit: 0, severity: "critical", pending: "0s",
		summary:     "Node Disqualified on {{ $labels.satellite }}",
		description: "Node {{ $labels.node }} has been DISQUALIFIED on {{ $labels.satellite }}. This is permanent and cannot be reversed.",
	},
	{
		uid: "suspended", title: "Node suspended", metric: "suspended", limit: 0, severity: "critical", pending: "0s",
		summary:     "Node Suspended on {{ $labels.satellite }}",
		description: "Node {{ $labels.node }} is currently SUSPENDED on {{ $labels.satellite }}, for unknown audit errors. Look for errors in its log and check the disk.",
	},
	{
		uid: "offline-suspended", title: "Node suspended for being offline", metric: "offline_suspended", limit: 0, severity: "critical", pending: "0s",
		summary:     "Node Suspended on {{ $labels.satellite }}",
		description: "Node {{ $labels.node }} is currently SUSPENDED on {{ $labels.satellite }} for being offline. It has 7 days to come back online.",
	},
	{
		uid: "audits-left-critical", title: "Few failed audits left", metric: "failed_audits_left", below: true, limit: 21, severity: "critical", pending: "0s",
		summary:     onSatellite + ": " + value + " failed audits left",
		description: "After " + value + " more failed audits {{ $labels.satellite }} disqualifies node {{ $labels.node }} for ever. Check the disk and the file system now.",
	},
	{
		uid: "audits-left-warning", title: "Audits have failed", metric: "failed_audits_left", below: true, limit: 36, severity: "warning", pending: "0s",
		summary:     onSatellite + ": " + value + " failed audits left",
		description: "Node {{ $labels.node }} has failed audits of {{ $labels.satellite }}; " + value + " more in a row disqualify it. Look for lost or unreadable pieces in its log.",
	},
	{
		uid: "suspension-critical", title: "Suspension score is near the limit", metric: "suspension_score_percent", below: true, limit: 80, severity: "critical", pending: "0s",
		summary:     onSatellite + ": suspension score {{ printf \"%.2f\" $values.A.Value }} %",
		description: "Below 60 % the satellite suspends the node. Look for errors of audits in its log.",
	},
	{
		uid: "suspension-warning", title: "Suspension score has fallen", metric: "suspension_score_percent", below: true, limit: 95, severity: "warning", pending: "2m",
		summary:     onSatellite + ": suspension score {{ printf \"%.2f\" $values.A.Value }} %",
		description: "Audits ended with unknown errors. Below 60 % the satellite suspends the node.",
	},
	{
		uid: "downtime-left-critical", title: "Little downtime left", metric: "downtime_left_seconds", below: true, limit: 3 * 86400, severity: "critical", pending: "2m",
		summary:     onSatellite + ": {{ humanizeDuration $values.A.Value }} of downtime left",
		description: "When it is used up, {{ $labels.satellite }} suspends node {{ $labels.node }} for being offline. Keep it online: the score recovers as offline days leave the last 30.",
	},
	{
		uid: "online-warning", title: "Online score is low", metric: "online_score_percent", below: true, limit: 95, severity: "warning", pending: "2m",
		summary:     "Low Online Score on {{ $labels.satellite }}",
		description: "Node {{ $labels.node }}: online score is {{ printf \"%.2f\" $values.A.Value }}% (threshold: 95.0%). Check network connectivity and uptime.",
	},
}

const alertingHeader = `Provisions Grafana's alert rules. Who is told of them is up to Grafana's contact
points and notification policies.`

// AlertRules returns the file that provisions the alert rules of the data source
// with this uid. A rule keeps its state while the data source does not answer; one
// more rule fires when it has not answered for five minutes.
func AlertRules(uid string) ([]byte, error) {
	if !grafanaUID.MatchString(uid) {
		return nil, fmt.Errorf("the data source's uid %q is not one of Grafana's; use 1 to 40 letters, digits, - and _", uid)
	}
	group := mapping(
		"orgId", number("1"),
		"name", text("Storj nodes: reputation ("+uid+")"),
		"folder", text("Storj nodes"),
		"interval", text("1m"),
		"rules", sequence(append(mapEach(rules, func(r rule) *yaml.Node { return r.document(uid) }), silence(uid))...),
	)
	return encode(alertingHeader, mapping("apiVersion", number("1"), "groups", sequence(group)))
}

// mark tells the rules of one data source from those of another: Grafana replaces a
// rule by the next one of the same uid.
func mark(uid string) string {
	sum := sha256.Sum256([]byte(uid))
	return hex.EncodeToString(sum[:4])
}

func mapEach[T any](all []T, of func(T) *yaml.Node) []*yaml.Node {
	documents := make([]*yaml.Node, len(all))
	for i, one := range all {
		documents[i] = of(one)
	}
	return documents
}

func (r rule) document(uid string) *yaml.Node {
	evaluator, limits := "gt", []float64{r.limit}
	if r.below {
		evaluator, limits = "within_range", []float64{0, r.limit}
	}
	return ruleDocument(uid, r, evaluator, limits, "KeepLast")
}

// silence fires when the plugin gives no answer at all: nothing else would then.
func silence(uid string) *yaml.Node {
	return ruleDocument(uid, rule{
		uid: "not-answering", title: "Monitor not answering", metric: "health_percent", below: true, limit: 0, severity: "critical", pending: "5m",
		summary:     "The storage nodes are not watched",
		description: "The data source has given no answer for five minutes, so no other rule can fire. Press Save & test in its settings, and look into Grafana's log.",
	}, "lt", []float64{0}, "Alerting")
}

func ruleDocument(uid string, r rule, evaluator string, limits []float64, without string) *yaml.Node {
	params := mapEach(limits, func(limit float64) *yaml.Node { return number(strconv.FormatFloat(limit, 'f', -1, 64)) })
	return mapping(
		"uid", text("storj-"+mark(uid)+"-"+r.uid),
		"title", text(r.title),
		"condition", text("C"),
		"data", sequence(
			query("A", uid, mapping(
				"refId", verbatim("A"),
				"queryType", verbatim("reputation"),
				"format", verbatim("instant"),
				"metrics", sequence(verbatim(r.metric)),
			)),
			query("C", "__expr__", mapping(
				"refId", verbatim("C"),
				"type", verbatim("threshold"),
				"expression", verbatim("A"),
				"conditions", sequence(mapping("evaluator", mapping(
					"type", verbatim(evaluator),
					"params", sequence(params...),
				))),
			)),
		),
		"dashboardUid", text("storagenode-monitor-reputation"),
		"noDataState", text(without),
		"execErrState", text(without),
		"for", text(r.pending),
		"annotations", mapping("summary", verbatim(r.summary), "description", verbatim(r.description)),
		"labels", mapping("severity", text(r.severity)),
		"isPaused", truth(false),
	)
}

// query is one step of a rule. Ten minutes are two polls: an instant is the latest
// known value whatever the range.
func query(refID, datasource string, model *yaml.Node) *yaml.Node {
	return mapping(
		"refId", text(refID),
		"relativeTimeRange", mapping("from", number("600"), "to", number("0")),
		"datasourceUid", text(datasource),
		"model", model,
	)
}
