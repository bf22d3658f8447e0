package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
)

const (
	// AlertFolder is Grafana's folder of the rules.
	AlertFolder = "Storj nodes"
	// AlertLabel is what each alert of these rules has, with the value AlertLabelValue:
	// notification policies find them by it.
	AlertLabel      = "service"
	AlertLabelValue = "storj-nodes"
	// MaintenanceLabel is "true" of alerts of a node in maintenance, else empty.
	MaintenanceLabel = "maintenance"
)

const (
	// evaluated is how often, pending how long a condition holds before its rule fires
	// where time does not count.
	evaluated = "1m"
	pending   = "2m"
	// lingering is for how long such a rule fires on, and lingeringAtOnce any other. It is
	// longer than the other severity's rule waits, so that a condition that changes between
	// warning and critical is told of all the time: the alert of the one ends after that of
	// the other has begun.
	lingering       = "3m"
	lingeringAtOnce = "1m"
	// silent is how long the plugin gives no answer before that is an alert.
	silent = "5m"
	// codesInRule is how many conditions share a rule: Grafana matches the labels of
	// severities and texts pairwise.
	codesInRule = 5
	// window is the time range of a rule's query, which answers what is so now, whatever
	// the range.
	window = 600

	alertDashboard      = "storagenode-monitor-fleet"
	alertPanel          = 6
	postMortemDashboard = "storagenode-monitor-reputation"
	postMortemPanel     = 21
	// postMortemPeriod is what a post-mortem tells of.
	postMortemPeriod = "now-7d"
)

// These are templates of Grafana's. What they say comes from the texts' labels: labels of the
// severities make an alert's identity, and a message in them would make a new alert with each
// number in it.
const (
	summaryTemplate     = "{{ $values.B.Labels.title }}"
	descriptionTemplate = "{{ $values.B.Labels.message }}"
	// Not only the label itself: with no texts, as of an error, Grafana would write
	// "[no value]".
	maintenanceTemplate = "{{ with $values.B.Labels.maintenance }}{{ . }}{{ end }}"
)

const alertingHeader = `Generated from the table of conditions: storj_monitor provision --alerting

Provisions Grafana's alert rules. Who is told of them is up to Grafana's contact
points and notification policies. Who changes a rule here changes it for good;
in Grafana's pages these rules cannot be changed.`

// AlertOption changes for whom alert rules are.
type AlertOption func(*alertOptions)

type alertOptions struct{ org int64 }

// InOrg makes the rules those of another organisation than the first.
func InOrg(id int64) AlertOption { return func(o *alertOptions) { o.org = id } }

// alertFile is Grafana's format of provisioned and of exported alert rules.
type alertFile struct {
	APIVersion int          `json:"apiVersion"`
	Groups     []alertGroup `json:"groups"`
}

type alertGroup struct {
	OrgID    int64       `json:"orgId"`
	Name     string      `json:"name"`
	Folder   string      `json:"folder"`
	Interval string      `json:"interval"`
	Rules    []alertRule `json:"rules"`
}

type alertRule struct {
	UID           string       `json:"uid"`
	Title         string       `json:"title"`
	Condition     string       `json:"condition"`
	Data          []alertQuery `json:"data"`
	NoDataState   string       `json:"noDataState"`
	ExecErrState  string       `json:"execErrState"`
	For           string       `json:"for"`
	KeepFiringFor string       `json:"keepFiringFor,omitempty"`
	// KeepFiringForAPI is the same where rules are put through Grafana's API.
	KeepFiringForAPI string            `json:"keep_firing_for,omitempty"`
	Annotations      map[string]string `json:"annotations"`
	Labels           map[string]string `json:"labels"`
	IsPaused         bool              `json:"isPaused"`
}

type alertQuery struct {
	RefID             string     `json:"refId"`
	RelativeTimeRange alertRange `json:"relativeTimeRange"`
	DatasourceUID     string     `json:"datasourceUid"`
	Model             alertModel `json:"model"`
}

// alertRange is in seconds before now.
type alertRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// alertModel is a query of the plugin, or one of Grafana's expressions.
type alertModel struct {
	RefID string `json:"refId"`

	QueryType string   `json:"queryType,omitempty"`
	Format    string   `json:"format,omitempty"`
	Kinds     []string `json:"kinds,omitempty"`

	Type       string           `json:"type,omitempty"`
	Expression string           `json:"expression,omitempty"`
	Conditions []alertCondition `json:"conditions,omitempty"`
}

type alertCondition struct {
	Evaluator alertEvaluator `json:"evaluator"`

	Type     string         `json:"type,omitempty"`
	Operator *alertOperator `json:"operator,omitempty"`
	Query    *alertOperands `json:"query,omitempty"`
	Reducer  *alertReducer  `json:"reducer,omitempty"`
}

type alertOperator struct {
	Type string `json:"type"`
}

type alertOperands struct {
	Params []string `json:"params"`
}

type alertReducer struct {
	Type string `json:"type"`
}

type alertEvaluator struct {
	Type   string    `json:"type"`
	Params []float64 `json:"params"`
}

// AlertRules returns the file that provisions the alert rules of the data source with this
// uid: for each group of conditions one rule of warnings and one of what is critical, and one
// that fires when the data source gives no answer. The others keep their state then.
func AlertRules(uid string, definitions []conditions.Definition, options ...AlertOption) ([]byte, error) {
	file, err := newAlertFile(uid, definitions, options)
	if err != nil {
		return nil, err
	}
	for g := range file.Groups {
		for r := range file.Groups[g].Rules {
			file.Groups[g].Rules[r].KeepFiringForAPI = ""
		}
	}
	document, err := asYAML(file)
	if err != nil {
		return nil, err
	}
	for _, group := range member(document, "groups").Content {
		for _, rule := range member(group, "rules").Content {
			withoutExpansion(member(rule, "annotations"))
			for _, query := range member(rule, "data").Content {
				withoutExpansion(member(query, "model"))
			}
		}
	}
	return encode(alertingHeader, document)
}

// AlertRulesJSON returns the same rules as JSON, in the structure of Grafana's exports. Each
// rule is as the provisioning API takes it.
func AlertRulesJSON(uid string, definitions []conditions.Definition, options ...AlertOption) ([]byte, error) {
	file, err := newAlertFile(uid, definitions, options)
	if err != nil {
		return nil, err
	}
	document, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the alert rules: %w", err)
	}
	return append(document, '\n'), nil
}

func newAlertFile(uid string, definitions []conditions.Definition, options []AlertOption) (alertFile, error) {
	if !grafanaUID.MatchString(uid) {
		return alertFile{}, fmt.Errorf("the data source's uid %q is not one of Grafana's; use 1 to 40 letters, digits, - and _", uid)
	}
	if problems := conditions.Check(definitions); len(problems) > 0 {
		return alertFile{}, fmt.Errorf("the table of conditions: %s", strings.Join(problems, "; "))
	}
	chosen := alertOptions{org: 1}
	for _, option := range options {
		option(&chosen)
	}
	var rules []alertRule
	for _, b := range bundles(definitions) {
		rules = append(rules, b.rule(uid))
	}
	return alertFile{APIVersion: 1, Groups: []alertGroup{{
		OrgID: chosen.org, Name: "Storj nodes (" + uid + ")", Folder: AlertFolder, Interval: evaluated,
		Rules: append(rules, noAnswer(uid)),
	}}}, nil
}

// bundle is the conditions of one rule.
type bundle struct {
	group    string
	mixed    bool // in the group, time counts of some
	atOnce   bool // of these it does
	severity conditions.Severity
	part     int // of those too many for one rule, from 1 on
	codes    []string
}

// bundles puts conditions that can be told of into rules: those of a group and severity
// together, but not where time counts with where it does not.
func bundles(definitions []conditions.Definition) []bundle {
	var groups []string
	for _, d := range definitions {
		if !slices.Contains(groups, d.Group) {
			groups = append(groups, d.Group)
		}
	}
	var all []bundle
	for _, group := range groups {
		has := func(atOnce bool) bool {
			return slices.ContainsFunc(definitions, func(d conditions.Definition) bool { return d.Group == group && d.AtOnce == atOnce })
		}
		mixed := has(true) && has(false)
		for _, atOnce := range []bool{true, false} {
			for _, severity := range []conditions.Severity{conditions.Critical, conditions.Warning} {
				var codes []string
				for _, d := range definitions {
					if d.Group == group && d.AtOnce == atOnce && slices.Contains(d.Severities, severity) {
						codes = append(codes, d.Code)
					}
				}
				all = append(all, divide(bundle{group: group, mixed: mixed, atOnce: atOnce, severity: severity, codes: codes})...)
			}
		}
	}
	return all
}

// divide spreads codes evenly over as few rules as may be.
func divide(b bundle) []bundle {
	parts := (len(b.codes) + codesInRule - 1) / codesInRule
	var all []bundle
	for part := range parts {
		one := b
		one.part = part + 1
		one.codes = b.codes[part*len(b.codes)/parts : (part+1)*len(b.codes)/parts]
		all = append(all, one)
	}
	return all
}

func (b bundle) title() string {
	words := "Storj nodes: " + b.group
	if b.part > 1 {
		words += " " + strconv.Itoa(b.part)
	}
	if b.mixed && b.atOnce {
		words += ", at once"
	}
	return words + " (" + b.severity.String() + ")"
}

func (b bundle) uid(source string) string {
	name := b.group
	if b.mixed && b.atOnce {
		name += "-at-once"
	}
	if b.part > 1 {
		name += "-" + strconv.Itoa(b.part)
	}
	return ruleUID(source, name+"-"+b.severity.String())
}

// rule fires of a warning only while it is one: of what became critical the other rule tells.
func (b bundle) rule(source string) alertRule {
	threshold := alertEvaluator{"within_range", []float64{float64(conditions.Info), float64(conditions.Critical)}}
	if b.severity == conditions.Critical {
		threshold = alertEvaluator{"gt", []float64{float64(conditions.Warning)}}
	}
	rule := alertRule{
		UID: b.uid(source), Title: b.title(),
		Data: []alertQuery{
			ask("A", source, "severity", b.codes...),
			ask("B", source, "text", b.codes...),
			compare(threshold),
		},
		NoDataState: "KeepLast", ExecErrState: "KeepLast",
		For: pending, KeepFiringFor: lingering, KeepFiringForAPI: lingering,
		Annotations: map[string]string{"summary": summaryTemplate, "description": descriptionTemplate},
		Labels:      map[string]string{"severity": b.severity.String(), MaintenanceLabel: maintenanceTemplate},
	}
	if b.atOnce {
		rule.For, rule.KeepFiringFor, rule.KeepFiringForAPI = "0s", lingeringAtOnce, lingeringAtOnce
	}
	rule = rule.complete()
	if !slices.ContainsFunc(b.codes, func(code string) bool { return !conditions.HasPostMortem(code) }) {
		rule.Annotations["post_mortem"] = postMortemLink(source)
		rule.Annotations["__dashboardUid__"], rule.Annotations["__panelId__"] = postMortemDashboard, strconv.Itoa(postMortemPanel)
	}
	return rule
}

// postMortemLink is a template of the address of what led to an alert, at its node and
// satellite: Grafana's own link to a panel knows neither.
func postMortemLink(source string) string {
	return fmt.Sprintf("{{ externalURL }}d/%s?viewPanel=%d&from=%s&to=now&var-datasource=%s&var-node={{ $labels.node | urlquery }}&var-satellite={{ $labels.satellite | urlquery }}",
		postMortemDashboard, postMortemPanel, postMortemPeriod, source)
}

// noAnswer fires when the plugin gives no answer at all: no other rule would then. No value is
// below that of what is not watched. It has Grafana's older form of a condition, which makes one
// alert of all rows: the other would make one for each node.
func noAnswer(source string) alertRule {
	return alertRule{
		UID: ruleUID(source, "not-answering"), Title: "Storj nodes: monitor not answering",
		Data: []alertQuery{
			ask("A", source, "severity", conditions.NotCollecting),
			expression("classic_conditions", "", alertCondition{
				Type: "query", Evaluator: alertEvaluator{"lt", []float64{float64(conditions.NotWatched)}},
				Operator: &alertOperator{"and"}, Query: &alertOperands{[]string{"A"}}, Reducer: &alertReducer{"last"},
			}),
		},
		NoDataState: "Alerting", ExecErrState: "Alerting", For: silent,
		Annotations: map[string]string{
			"summary":     "Monitor not answering",
			"description": "The data source of the storage nodes has given no answer for five minutes, or has no nodes, so that no other alert of it can begin or end. Press Save & test in its settings, and look into Grafana's log.",
		},
		Labels: map[string]string{"severity": conditions.Critical.String()},
	}.complete()
}

// complete adds what all rules have.
func (r alertRule) complete() alertRule {
	r.Condition = "C"
	r.Labels[AlertLabel] = AlertLabelValue
	r.Annotations["__dashboardUid__"], r.Annotations["__panelId__"] = alertDashboard, strconv.Itoa(alertPanel)
	return r
}

func ask(refID, source, format string, codes ...string) alertQuery {
	return alertQuery{
		RefID: refID, RelativeTimeRange: alertRange{From: window}, DatasourceUID: source,
		Model: alertModel{RefID: refID, QueryType: "conditions", Format: format, Kinds: codes},
	}
}

func compare(threshold alertEvaluator) alertQuery {
	return expression("threshold", "A", alertCondition{Evaluator: threshold})
}

// expression is the condition of a rule.
func expression(kind, of string, condition alertCondition) alertQuery {
	return alertQuery{
		RefID: "C", RelativeTimeRange: alertRange{From: window}, DatasourceUID: "__expr__",
		Model: alertModel{RefID: "C", Type: kind, Expression: of, Conditions: []alertCondition{condition}},
	}
}

const longestRuleUID = 40

var notInUID = regexp.MustCompile(`[^a-z0-9]+`)

// ruleUID tells the rules of one data source from those of another: Grafana replaces a rule by
// the next one of the same uid.
func ruleUID(source, name string) string {
	uid := "storj-" + digest(source) + "-" + strings.Trim(notInUID.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(uid) > longestRuleUID {
		mark := "-" + digest(name)
		uid = uid[:longestRuleUID-len(mark)] + mark
	}
	return uid
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// member is the value of a key of a mapping, which must be there.
func member(node *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// withoutExpansion makes values such that Grafana reads them as they are: in annotations of
// alert rules and in the queries in them it expands nothing, though in their labels it does.
func withoutExpansion(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!str" {
		node.Value = strings.ReplaceAll(node.Value, "$$", "$")
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			withoutExpansion(child)
		}
	}
}
