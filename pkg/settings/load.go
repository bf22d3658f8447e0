package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Report is what Load could not use.
type Report struct {
	// Problems were left out or replaced by a default.
	Problems []Problem
	// Warnings are oddities that change nothing: unknown keys, nodes that
	// share a log or an API.
	Warnings []string
}

// Load reads a data source's jsonData. It never fails: a node that cannot be
// used is left out, another value that cannot be used is replaced by its
// default, both are reported, and all the rest is loaded. No jsonData at all
// gives the defaults.
func Load(jsonData []byte) (Settings, Report) {
	loaded := Default()
	report := &Report{}
	if len(bytes.TrimSpace(jsonData)) == 0 {
		return loaded, *report
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(jsonData, &members); err != nil {
		report.Problems = append(report.Problems, Problem{
			Field:  "jsonData",
			Reason: "the settings are " + unreadable(jsonData, err),
			Mend:   "save the data source again, or mend its provisioning file; until then it has no nodes and the defaults hold",
			Index:  NoIndex,
		})
		return loaded, *report
	}

	top := object{members: members, report: report, index: NoIndex}
	loaded.APIPort = top.wholeNumber("apiPort", apiPortBounds)
	loaded.InteractiveTimeout = seconds(top.wholeNumber("interactiveTimeoutSeconds", interactiveTimeoutBounds))
	loaded.BackgroundTimeout = seconds(top.wholeNumber("backgroundTimeoutSeconds", backgroundTimeoutBounds))
	if loaded.BackgroundTimeout < loaded.InteractiveTimeout {
		top.refuse("backgroundTimeoutSeconds",
			fmt.Sprintf("%d is below interactiveTimeoutSeconds, which is %d", wholeSeconds(loaded.BackgroundTimeout), wholeSeconds(loaded.InteractiveTimeout)),
			fmt.Sprintf("write a number from %d to %d; until then the default %d holds",
				max(backgroundTimeoutBounds.lowest, wholeSeconds(loaded.InteractiveTimeout)), backgroundTimeoutBounds.highest, backgroundTimeoutBounds.preset))
		loaded.BackgroundTimeout = seconds(backgroundTimeoutBounds.preset)
	}
	loaded.AllowRemoteAPI = top.boolean("allowRemoteApi", loaded.AllowRemoteAPI)
	if poll, ok := top.object("pollIntervals"); ok {
		loaded.Poll = PollIntervals{
			Status:  seconds(poll.wholeNumber("statusSeconds", statusIntervalBounds)),
			Scores:  seconds(poll.wholeNumber("scoresSeconds", scoresIntervalBounds)),
			Payouts: seconds(poll.wholeNumber("payoutsSeconds", payoutsIntervalBounds)),
		}
		poll.warnOfOthers()
	}
	loaded.Thresholds = top.thresholds(loaded.Thresholds, "the default")
	loaded.IdleStop = days(top.wholeNumber("idleStopDays", idleStopBounds))
	loaded.MemoryLimit = mebibytes(top.wholeNumber("memoryLimitMiB", memoryLimitBounds))
	loaded.Backfill = hours(top.wholeNumber("backfillHours", backfillBounds))
	if retention, ok := top.object("retention"); ok {
		loaded.Retention = Retention{
			Raw:        days(retention.wholeNumber("rawDays", rawDaysBounds)),
			Rollup:     days(retention.wholeNumber("rollupDays", rollupDaysBounds)),
			Minutes:    hours(retention.wholeNumber("minuteHours", minuteHoursBounds)),
			TenMinutes: days(retention.wholeNumber("tenMinuteDays", tenMinuteDaysBounds)),
			Hours:      days(retention.wholeNumber("hourDays", hourDaysBounds)),
			Sizes:      days(retention.wholeNumber("sizeDays", sizeDaysBounds)),
			Events:     days(retention.wholeNumber("eventDays", eventDaysBounds)),
		}
		retention.warnOfOthers()
	}
	if store, ok := top.object("store"); ok {
		loaded.Store = StoreLimits{
			MaxFuture: minutes(store.wholeNumber("maxFutureMinutes", maxFutureBounds)),
			MaxPast:   days(store.wholeNumber("maxPastDays", maxPastBounds)),
			Flush:     milliseconds(store.wholeNumber("flushMilliseconds", flushBounds)),
			Seal:      minutes(store.wholeNumber("sealMinutes", sealBounds)),
		}
		store.warnOfOthers()
	}
	loaded.Alerts = top.alerts(loaded.Alerts)
	loaded.Nodes = top.nodes(loaded)
	top.warnOfOthers()
	return loaded, *report
}

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }

// unreadable says why jsonData is not a JSON object.
func unreadable(jsonData []byte, err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("not valid JSON at byte %d of %d", syntax.Offset, len(jsonData))
	}
	return "not a JSON object"
}

// object is one JSON object of the settings while it is read. It remembers
// which keys were asked for, so that the others are the unknown ones.
type object struct {
	members map[string]json.RawMessage
	report  *Report
	// path stands before the object's keys in messages, as in "thresholds."; of
	// what belongs to a node it is the path within the node.
	path string
	// spec and index are those of the node that the object belongs to.
	spec  string
	index int
	known []string
}

// take returns the value of a key and whether there is one; null is none.
func (o *object) take(key string) (json.RawMessage, bool) {
	o.known = append(o.known, key)
	value, found := o.members[key]
	return value, found && string(value) != "null"
}

func (o *object) refuse(key, reason, mend string) {
	o.report.Problems = append(o.report.Problems,
		(&fault{field: o.path + key, reason: reason, mend: mend}).in(o.spec, o.index))
}

// wrongType refuses a value of the wrong type. The value is not repeated: a
// wrong one may be anything, also a secret.
func (o *object) wrongType(key string, value json.RawMessage, wanted, mend string) {
	o.refuse(key, fmt.Sprintf("it must be %s and is %s", wanted, jsonType(value)), mend)
}

func jsonType(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "a text"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// decode reads a value whose type its first character tells.
func decode[T any](value json.RawMessage) (T, bool) {
	var decoded T
	err := json.Unmarshal(value, &decoded)
	return decoded, err == nil
}

// number returns a number within its limits, else what stands in for it, which
// the message calls by its name.
func (o *object) number(key string, lowest, highest, standIn float64, standInName string, whole bool) float64 {
	value, found := o.take(key)
	if !found {
		return standIn
	}
	kind := "a number"
	if whole {
		kind = "a whole number"
	}
	mend := fmt.Sprintf("write %s from %v to %v, or remove the key; until then %s %v holds", kind, lowest, highest, standInName, standIn)
	text, ok := decode[json.Number](value)
	if !ok || value[0] == '"' {
		o.wrongType(key, value, kind, mend)
		return standIn
	}
	// A number that is too large to be read is infinite, and so out of bounds.
	number, _ := strconv.ParseFloat(text.String(), 64)
	switch {
	case number < lowest || number > highest:
		o.refuse(key, fmt.Sprintf("%s is outside %v-%v", showable(text.String()), lowest, highest), mend)
		return standIn
	case whole && number != math.Trunc(number):
		o.refuse(key, showable(text.String())+" is not a whole number", mend)
		return standIn
	case number == 0:
		return 0 // and not the minus zero that JSON also knows
	}
	return number
}

func (o *object) wholeNumber(key string, b bounds) int {
	return int(o.number(key, float64(b.lowest), float64(b.highest), float64(b.preset), "the default", true))
}

func (o *object) boolean(key string, standIn bool) bool {
	value, found := o.take(key)
	if !found {
		return standIn
	}
	decoded, ok := decode[bool](value)
	if !ok {
		o.wrongType(key, value, "true or false", fmt.Sprintf("write true or false without quotes, or remove the key; until then %t holds", standIn))
		return standIn
	}
	return decoded
}

// text returns a trimmed text; ok is false if there is something else.
func (o *object) text(key, mend string) (text string, ok bool) {
	value, found := o.take(key)
	if !found {
		return "", true
	}
	text, ok = decode[string](value)
	if !ok {
		o.wrongType(key, value, "a text", mend)
	}
	return strings.TrimSpace(text), ok
}

// object returns the object under a key, or false where none can be used.
func (o *object) object(key string) (*object, bool) {
	value, found := o.take(key)
	if !found {
		return nil, false
	}
	members, ok := decode[map[string]json.RawMessage](value)
	if !ok {
		o.wrongType(key, value, "an object", `write an object {…}, or remove the key; until then it counts as empty`)
		return nil, false
	}
	return &object{members: members, report: o.report, path: o.path + key + ".", spec: o.spec, index: o.index}, true
}

// nodes reads the list of nodes. The settings already hold everything else.
func (o *object) nodes(loaded Settings) []Node {
	value, found := o.take("nodes")
	if !found {
		return nil
	}
	elements, ok := decode[[]json.RawMessage](value)
	if !ok {
		o.wrongType("nodes", value, "a list", `write a list of nodes, as in [{"name": "My-Node", "log": "/var/log/storagenode.log"}]`)
		return nil
	}

	var nodes []*Node
	names := map[string]int{}
	keyOwners := map[string]string{}
	for index, element := range elements {
		node, spec, ok := o.node(index, element, loaded.Thresholds)
		if !ok {
			continue
		}
		report := func(f *fault) { o.report.Problems = append(o.report.Problems, f.in(spec, index)) }
		if first, twice := names[node.Name]; twice {
			report(duplicateName(fmt.Sprintf("node %d of the list has the name %q already", first+1, node.Name)))
			continue
		}
		names[node.Name] = index
		if owner, twice := keyOwners[node.Key]; twice && node.Key != "" {
			report(&fault{
				field:  "key",
				reason: fmt.Sprintf("the key %q is already that of the node %q", node.Key, owner),
				mend:   "give the node a key of its own, or remove the key; until then one is made from the name",
			})
			node.Key = ""
		}
		keyOwners[node.Key] = node.Name
		if node.API != "" && !loaded.AllowsAPI(node.API) {
			report(&fault{
				field:  "api",
				reason: "the API is on another machine, and remote APIs are not allowed",
				mend:   "allow remote APIs (allowRemoteApi), or remove the address; until then the API is not asked",
			})
		}
		if node.Debug != "" && !loaded.AllowsAPI(node.Debug) {
			report(&fault{
				field:  "debug",
				reason: "the debug port is on another machine, and remote APIs are not allowed",
				mend:   "allow remote APIs (allowRemoteApi), or remove the address; until then the debug port is not asked",
			})
		}
		nodes = append(nodes, node)
	}
	assignKeys(nodes, nil)
	o.warnOfShared(nodes)
	return values(nodes)
}

// node reads one element of the list: a spec string or an object. It also
// returns the text by which messages name the node.
func (o *object) node(index int, element json.RawMessage, inherited Thresholds) (node *Node, spec string, ok bool) {
	if spec, isText := decode[string](element); isText && element[0] == '"' {
		parsed, bad := parseNode(spec)
		if bad != nil {
			o.report.Problems = append(o.report.Problems, bad.in(spec, index))
			return nil, "", false
		}
		parsed.Thresholds = inherited
		return &parsed, spec, true
	}
	position := fmt.Sprintf("nodes[%d]", index)
	members, isObject := decode[map[string]json.RawMessage](element)
	if !isObject || members == nil {
		o.report.Problems = append(o.report.Problems, (&fault{
			field:  "nodes",
			reason: fmt.Sprintf("node %d of the list must be an object or a spec and is %s", index+1, jsonType(element)),
			mend:   `write {"name": "My-Node", "log": "/var/log/storagenode.log"} or "My-Node:/var/log/storagenode.log"`,
		}).in(position, index))
		return nil, "", false
	}
	given := &object{members: members, report: o.report, spec: specOf(members, position), index: index}
	node, ok = given.asNode(inherited)
	given.warnOfOthers()
	return node, given.spec, ok
}

// specOf names a node object in messages, by the spec that it amounts to.
func specOf(members map[string]json.RawMessage, position string) string {
	name, _ := decode[string](members["name"])
	log, _ := decode[string](members["log"])
	api, _ := decode[string](members["api"])
	if strings.TrimSpace(name) == "" {
		name = position
	}
	return joinSpec(strings.TrimSpace(name), strings.TrimSpace(log), strings.TrimSpace(api))
}

// asNode reads a node object. Without a good name, log and API it is not known
// what to watch, so that one of them leaves the node out; anything else has a
// stand-in.
func (o *object) asNode(inherited Thresholds) (*Node, bool) {
	before := len(o.report.Problems)
	fail := func(bad *fault, field string) {
		if bad != nil {
			bad = bad.underField(field)
			o.refuse(bad.field, bad.reason, bad.mend)
		}
	}
	node := &Node{}
	if name, ok := o.text("name", "write the node's name in quotes"); ok {
		node.Name = name
		fail(checkName(name), "name")
	}
	log, logIsText := o.text("log", "write the path of the log, the host:port of a log forwarder, or docker:// and a container's name, in quotes")
	api, apiIsText := o.text("api", "write the address of the node's API in quotes, as in http://localhost:14002, or remove the key")
	if logIsText {
		source, bad := parseSource(log)
		fail(bad, "log")
		node.Log = source
	}
	if apiIsText && api != "" {
		address, bad := parseAPI(api)
		fail(bad, "api")
		node.API = address
	}
	if logIsText && apiIsText && log == "" && api == "" {
		o.refuse("log", "the node has neither a log nor an API address",
			"write a log (a path, the host:port of a log forwarder, or docker:// and a container's name), an API address, or both")
	}
	usable := len(o.report.Problems) == before

	node.Debug = o.debug()
	node.Key = o.key()
	node.Retired = o.boolean("retired", false)
	node.MaintenanceUntil = o.maintenanceUntil()
	node.MutedSatellites = o.mutedSatellites()
	node.Thresholds = o.thresholds(inherited, "the data source's")
	return node, usable
}

// debug reads the address of the debug port. The node is watched without it too.
func (o *object) debug() string {
	const otherwise = ", or remove the key; until then the debug port is not asked"
	text, ok := o.text("debug", debugEndpoint.mend+otherwise)
	if !ok || text == "" {
		return ""
	}
	address, bad := debugEndpoint.parse(text)
	if bad != nil {
		o.refuse("debug", bad.reason, bad.mend+otherwise)
	}
	return address
}

func (o *object) key() string {
	const mend = "write 1 to 40 of the characters a-z, 0-9 and -, or remove the key; until then one is made from the name"
	key, ok := o.text("key", mend)
	if ok && key != "" && !validKey.MatchString(key) {
		o.refuse("key", quoted(key)+" is not a key", mend)
		return ""
	}
	return key
}

func (o *object) maintenanceUntil() time.Time {
	const mend = "write a time as in 2026-12-01T00:00:00Z, or remove the key; until then the node is not in maintenance"
	text, ok := o.text("maintenanceUntil", mend)
	if !ok || text == "" {
		return time.Time{}
	}
	until, err := time.Parse(time.RFC3339, text)
	until = until.UTC()
	// In UTC it can be a year that RFC 3339 cannot say.
	if err != nil || until.Year() < 1 || until.Year() > 9999 {
		o.refuse("maintenanceUntil", quoted(text)+" is not a time", mend)
		return time.Time{}
	}
	return until
}

func (o *object) mutedSatellites() map[string]string {
	given, ok := o.object("mutedSatellites")
	if !ok || len(given.members) == 0 {
		return nil
	}
	muted := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(given.members)) {
		satellite := strings.TrimSpace(key)
		const mend = `write the satellite's short name or its id and the reason, as in {"us1": "left it"}; until then it is not muted`
		_, twice := muted[satellite]
		switch {
		case satellite == "" || utf8.RuneCountInString(satellite) > longestName || strings.ContainsFunc(satellite, unicode.IsControl):
			given.refuse(showable(key), "it is not a satellite's name", mend)
			continue
		case twice:
			given.refuse(showable(satellite), "the satellite is there twice", "remove one of the two; until then the first holds")
			continue
		}
		if reason, ok := given.text(key, mend); ok {
			muted[satellite] = reason
		}
	}
	if len(muted) == 0 {
		return nil
	}
	return muted
}

// warnOfShared warns where several nodes have one log or one API: one of them
// has probably been copied and not changed.
func (o *object) warnOfShared(nodes []*Node) {
	owners := map[string]string{}
	check := func(what, address, name string) {
		if address == "" {
			return
		}
		if owner, shared := owners[what+address]; shared {
			o.report.Warnings = append(o.report.Warnings,
				fmt.Sprintf("the nodes %q and %q have the same %s %s", owner, name, what, quoted(address)))
			return
		}
		owners[what+address] = name
	}
	for _, node := range nodes {
		check("log", node.Log.String(), node.Name)
		check("API address", node.API, node.Name)
		check("debug address", node.Debug, node.Name)
	}
}

// grafanasOwn are keys that Grafana itself puts into any data source's
// jsonData.
var grafanasOwn = []string{
	"allowAsRecordingRulesTarget", "alertmanagerUid", "disableGrafanaCache", "enableSecureSocksProxy",
	"manageAlerts", "oauthPassThru", "pdcInjected", "secureSocksProxyUsername",
}

// warnOfOthers warns of the keys that nothing has asked for.
func (o *object) warnOfOthers() {
	path := o.path
	if o.index != NoIndex {
		path = fmt.Sprintf("nodes[%d].", o.index) + path
	}
	for _, key := range slices.Sorted(maps.Keys(o.members)) {
		if slices.Contains(o.known, key) || (path == "" && slices.Contains(grafanasOwn, key)) {
			continue
		}
		warning := "unknown key " + quoted(path+key)
		if nearest := nearestKey(key, o.known); nearest != "" {
			warning += fmt.Sprintf(": did you mean %q?", nearest)
		} else {
			warning += ": the known ones are " + strings.Join(o.known, ", ")
		}
		o.report.Warnings = append(o.report.Warnings, warning)
	}
}
