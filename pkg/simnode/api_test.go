package simnode_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

var update = flag.Bool("update", false, "write testdata/api_keys.txt anew from the recorded answers")

const (
	us1        = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	stranger   = "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF" // a satellite of another network
	jsonAnswer = "application/json"
)

// body gets a path and reads the answer.
func body(t testing.TB, h http.Handler, path string, status int) string {
	t.Helper()
	answer := ask(t, h, path)
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != status {
		t.Errorf("%s: status %d, want %d: %.200s", path, answer.StatusCode, status, data)
	}
	return string(data)
}

// answer gets a path and decodes the JSON.
func answer(t testing.TB, h http.Handler, path string) map[string]any {
	t.Helper()
	var value map[string]any
	text := body(t, h, path, http.StatusOK)
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v: %.200s", path, err, text)
	}
	return value
}

// list gets a path whose answer is a list.
func list(t testing.TB, h http.Handler, path string) []map[string]any {
	t.Helper()
	var value []map[string]any
	text := body(t, h, path, http.StatusOK)
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v: %.200s", path, err, text)
	}
	return value
}

// paths lists the keys of an answer, nested ones as a.b, those in lists as a[].b.
func paths(prefix string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			into[prefix+k] = true
			paths(prefix+k+".", inner, into)
		}
	case []any:
		for _, inner := range v {
			paths(strings.TrimSuffix(prefix, ".")+"[].", inner, into)
		}
	}
}

// recordedKeys are the keys of the recorded answers, over all states of a node.
func recordedKeys(t *testing.T) map[string][]string {
	t.Helper()
	const kept = "testdata/api_keys.txt"
	root := filepath.Join("..", "..", "..", "shared", "fixtures", "api")
	files, _ := filepath.Glob(filepath.Join(root, "*", "*", "*.json")) // the pattern is good
	if len(files) > 0 {
		all := map[string]map[string]bool{}
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			name = strings.TrimRight(name, "01")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var value any
			if strings.HasPrefix(name, "err_") || json.Unmarshal(data, &value) != nil {
				continue
			}
			if m, ok := value.(map[string]any); ok && m["error"] != nil {
				continue
			}
			if all[name] == nil {
				all[name] = map[string]bool{}
			}
			paths("", value, all[name])
		}
		var text strings.Builder
		for _, name := range slices.Sorted(maps.Keys(all)) {
			for _, path := range slices.Sorted(maps.Keys(all[name])) {
				fmt.Fprintf(&text, "%s\t%s\n", name, path)
			}
		}
		if *update {
			if err := os.WriteFile(kept, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(kept); err != nil || string(have) != text.String() {
			t.Errorf("%s is not what the recorded answers say (run with -update): %v", kept, err)
		}
	}
	data, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		name, path, _ := strings.Cut(strings.TrimSpace(line), "\t")
		keys[name] = append(keys[name], path)
	}
	return keys
}

// suspended is a node that shows all there is in the API: two years old, and
// suspended because its uplink is down too often.
func suspended(t *testing.T, version string) *simnode.Node {
	t.Helper()
	n, _ := run(t, 36*day, simnode.Options{
		Seed: 1, Scenario: simnode.FlakyUplink, FaultShare: 0.75, Version: version, Updates: noUpdates,
		Rate: 20, AuditRate: 40, JoinedAge: 700 * day, Level: "error",
	})
	for !n.Up() {
		if err := n.AdvanceTo(n.Now().Add(time.Minute), nil); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestAnswersHaveTheRecordedKeys(t *testing.T) {
	recorded := recordedKeys(t)
	n := suspended(t, recordedNow)
	h := n.Handler()
	for name, path := range map[string]string{
		"sno":                  "/api/sno/",
		"satellites":           "/api/sno/satellites",
		"satellite_":           "/api/sno/satellite/" + us1,
		"pricing_":             "/api/sno/satellites/" + us1 + "/pricing",
		"estimated-payout":     "/api/sno/estimated-payout",
		"estimated-payout_sat": "/api/sno/estimated-payout?id=" + us1,
		"notifications_list":   "/api/notifications/list?limit=10&page=1",
	} {
		got := map[string]bool{}
		paths("", any(answer(t, h, path)), got)
		if diff := gocmp.Diff(recorded[name], slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s (recorded, simulated):\n%s", path, diff)
		}
		if len(got) == 0 {
			t.Errorf("%s has no keys", path)
		}
	}
	got := map[string]bool{}
	w := ask(t, n.PublicHandler(), "/")
	var health any
	if err := json.NewDecoder(w.Body).Decode(&health); err != nil {
		t.Fatal(err)
	}
	paths("", health, got)
	if diff := gocmp.Diff(recorded["health_publicport"], slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("public port (recorded, simulated):\n%s", diff)
	}
	if w.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a node with a low online score is healthy: %d", w.StatusCode)
	}
}

func TestErrorsAreTheRecordedOnes(t *testing.T) {
	n, _ := run(t, 40*time.Hour, simnode.Options{Scenario: simnode.FailingAudits, AuditRate: 60, JoinedAge: 90 * day, Level: "error"})
	h := n.Handler()
	for _, c := range []struct {
		path   string
		status int
		text   string
	}{
		{"/api/notifications/list", 400, `{"error":"consoleapi notifications: strconv.ParseUint: parsing \"\": invalid syntax"}`},
		{"/api/sno/satellite/notanid", 400, `{"error":"consoleapi storagenode: node ID: invalid format: version and/or checksum bytes missing"}`},
		{"/api/sno/satellite/" + stranger, 404, `{"error":"consoleapi storagenode: console: trust: satellite is untrusted"}`},
		{"/api/sno/satellites/" + stranger + "/pricing", 200, `{"satelliteID":"` + stranger + `","egressBandwidth":0,"repairBandwidth":0,"auditBandwidth":0,"diskSpace":0}`},
		{"/api/heldamount/paystubs/2026-11/2026-10", 400, `{"error":"consoleapi payouts: wrong period format: period has wrong format"}`},
		{"/api/sno/estimated-payout?id=" + us1, 500, `{"error":"consoleapi storagenode: console: estimationservice: node was disqualified on satellite"}`},
		{"/api/notifications/list?limit=10&page=1", 200, `{"page":{"notifications":[],"offset":0,"limit":0,"currentPage":0,"pageCount":0},"unreadCount":0,"totalCount":0}`},
		{"/api/notifications/list?limit=10&page=0", 500, `{"error":"consoleapi notifications: notificationsdb: page can not be 0"}`},
		{"/api/heldamount/paystubs/2020-01", 200, `null`},
		{"/api/heldamount/paystubs/2020-01?id=" + us1, 200, `null`},
		{"/api/heldamount/paystubs/nonsense", 200, `null`},
		{"/api/heldamount/paystubs/2026-13/2026-14", 400, `{"error":"consoleapi payouts: wrong period format: period start has wrong format"}`},
		{"/api/heldamount/payout-history/2020-01", 200, `null`},
	} {
		if got := body(t, h, c.path, c.status); got != c.text+"\n" {
			t.Errorf("%s:\ngot  %swant %s", c.path, got, c.text)
		}
		if got := ask(t, h, c.path).Header.Get("Content-Type"); got != jsonAnswer {
			t.Errorf("%s: Content-Type %q", c.path, got)
		}
	}
}

func TestPathsOutsideTheAPI(t *testing.T) {
	n, _ := run(t, time.Hour, simnode.Options{})
	h := n.Handler()
	for from, to := range map[string]string{
		"/api/sno":                             "/api/sno/",
		"/api/sno?x=1":                         "/api/sno/?x=1",
		"/api/sno/satellites/":                 "/api/sno/satellites",
		"/api/sno/satellite/" + us1 + "/":      "/api/sno/satellite/" + us1,
		"/api/sno/estimated-payout/?id=" + us1: "/api/sno/estimated-payout?id=" + us1,
		"/api/heldamount/periods/":             "/api/heldamount/periods",
	} {
		w := ask(t, h, from)
		if got := w.Header.Get("Location"); w.StatusCode != http.StatusMovedPermanently || got != to {
			t.Errorf("%s: %d to %q, want 301 to %q", from, w.StatusCode, got, to)
		}
	}
	for _, path := range []string{"/", "/index.html", "/api/sno/unknown", "/api/nothing"} {
		w := ask(t, h, path)
		if got := w.Header.Get("Content-Type"); w.StatusCode != http.StatusOK || !strings.HasPrefix(got, "text/html") {
			t.Errorf("%s: %d %q, want the web application", path, w.StatusCode, got)
		}
	}
}

func TestDiskSpaceChangedItsMeaning(t *testing.T) {
	for _, c := range []struct {
		version string
		now     bool
	}{{"1.60.3", false}, {"1.142.7", false}, {"1.143.2", true}, {"1.162.3", true}} {
		n, _ := run(t, 12*day, simnode.Options{Version: c.version, Updates: noUpdates, Rate: 100, JoinedAge: 90 * day, Level: "error"})
		truth := n.Truth().Disk
		space := answer(t, n.Handler(), "/api/sno/")["diskSpace"].(map[string]any)
		number := func(key string) int64 { return int64(space[key].(float64)) }
		if truth.Trash == 0 || truth.Used == 0 {
			t.Fatalf("%s: nothing in the trash to tell apart: %+v", c.version, truth)
		}
		if _, has := space["allocated"]; has != c.now {
			t.Errorf("%s: allocated is there: %v", c.version, has)
		}
		if number("trash") != truth.Trash || number("overused") != truth.Overused {
			t.Errorf("%s: %v, the truth is %+v", c.version, space, truth)
		}
		if c.now {
			// used is everything, available is what is free
			if number("used") != truth.Used || number("available") != truth.Free || number("allocated") != truth.Allocated || number("reclaimable") != truth.Reclaimable {
				t.Errorf("%s: %v, the truth is %+v", c.version, space, truth)
			}
			continue
		}
		// available is all that is allocated, used is pieces only,
		// free = available − used − trash
		if number("available") != truth.Allocated || number("available")-number("used")-number("trash") != truth.Free {
			t.Errorf("%s: %v, the truth is %+v", c.version, space, truth)
		}
	}
}

func TestKeysByRelease(t *testing.T) {
	for _, c := range []struct {
		version                           string
		vetted, average, calculated, quic bool
	}{
		{"1.60.3", false, false, false, false},
		{"1.70.2", false, true, false, true},
		{"1.130.2", false, true, false, true},
		{"1.131.7", true, true, false, true},
		{"1.162.3", true, true, true, true},
	} {
		n, _ := run(t, 2*day, simnode.Options{Version: c.version, Updates: noUpdates, JoinedAge: 90 * day, Level: "error"})
		h := n.Handler()
		status, one := map[string]bool{}, map[string]bool{}
		paths("", any(answer(t, h, "/api/sno/")), status)
		paths("", any(answer(t, h, "/api/sno/satellite/"+us1)), one)
		for _, k := range []struct {
			name      string
			has, want bool
		}{
			{"satellites[].vettedAt", status["satellites[].vettedAt"], c.vetted},
			{"vettedAt", one["vettedAt"], c.vetted},
			{"averageUsageBytes", one["averageUsageBytes"], c.average},
			{"storageDaily[].intervalInHours", one["storageDaily[].intervalInHours"], c.average},
			{"storageDaily[].calculated", one["storageDaily[].calculated"], c.calculated},
			{"storageDaily[].atRestTotal", one["storageDaily[].atRestTotal"], true},
			{"quicStatus", status["quicStatus"], c.quic},
		} {
			if k.has != k.want {
				t.Errorf("%s: %s is there: %v, want %v", c.version, k.name, k.has, k.want)
			}
		}
	}
}

func TestTheAPIShowsWhatTheNodeHasHeard(t *testing.T) {
	// on a satellite's side a node can be gone four hours before it knows
	o := simnode.Options{Seed: 4, Scenario: simnode.FailingAudits, AuditRate: 200, JoinedAge: 90 * day, Level: "error", Start: testStart}
	n, err := simnode.New(o)
	if err != nil {
		t.Fatal(err)
	}
	knewLater := false
	for at := testStart.Add(24 * time.Hour); at.Before(testStart.Add(32 * time.Hour)); at = at.Add(5 * time.Minute) {
		if err := n.AdvanceTo(at, nil); err != nil {
			t.Fatal(err)
		}
		if !n.Up() {
			continue
		}
		truth := n.Truth().Satellites[0]
		shown := answer(t, n.Handler(), "/api/sno/satellite/"+us1)["audits"].(map[string]any)
		if got := shown["auditScore"].(float64); got != truth.NodeScores.Audit {
			t.Fatalf("at %v the API says %v, the node has heard %v", at, got, truth.NodeScores.Audit)
		}
		inList := answer(t, n.Handler(), "/api/sno/")["satellites"].([]any)[0].(map[string]any)["disqualified"] != nil
		if truth.DisqualifiedAt != nil && !inList {
			knewLater = true
		}
		if inList && truth.DisqualifiedAt == nil {
			t.Fatal("the node knew before the satellite")
		}
		if age := at.Sub(truth.NodeAsked); age > 4*time.Hour+6*time.Minute {
			t.Fatalf("at %v the scores are %v old", at, age)
		}
	}
	if !knewLater {
		t.Error("the node has never known less than the satellite")
	}
}

func TestUsageAddsUp(t *testing.T) {
	n, _ := run(t, 20*day, simnode.Options{Rate: 100, JoinedAge: 400 * day, Level: "error"})
	h := n.Handler()
	all := answer(t, h, "/api/sno/satellites")
	var egress, ingress, stored, payout float64
	for _, s := range n.Truth().Satellites {
		one := answer(t, h, "/api/sno/satellite/"+s.ID)
		egress += one["egressSummary"].(float64)
		ingress += one["ingressSummary"].(float64)
		stored += one["storageSummary"].(float64)
		if got := int64(one["egressSummary"].(float64)); got != s.MonthEgress {
			t.Errorf("%s: egress %d, the truth is %d", s.URL, got, s.MonthEgress)
		}
		payout += answer(t, h, "/api/sno/estimated-payout?id="+s.ID)["currentMonth"].(map[string]any)["payout"].(float64)
		days := one["storageDaily"].([]any)
		if len(days) != 20 && len(days) != 21 {
			t.Errorf("%s: %d days of storage in a month that is 20 days old", s.URL, len(days))
		}
	}
	for key, want := range map[string]float64{"egressSummary": egress, "ingressSummary": ingress, "bandwidthSummary": egress + ingress, "storageSummary": stored} {
		if got := all[key].(float64); got < want*0.999999 || got > want*1.000001 || got == 0 {
			t.Errorf("%s is %v, its parts give %v", key, got, want)
		}
	}
	if got := answer(t, h, "/api/sno/")["bandwidth"].(map[string]any)["used"].(float64); got != egress+ingress {
		t.Errorf("bandwidth used is %v, its parts give %v", got, egress+ingress)
	}
	if got := answer(t, h, "/api/sno/estimated-payout")["currentMonth"].(map[string]any)["payout"].(float64); got < payout-0.01 || got > payout+0.01 || got == 0 {
		t.Errorf("the estimated payout is %v, its parts give %v", got, payout)
	}
}

func TestHeldAmountsByAge(t *testing.T) {
	n, _ := run(t, time.Hour, simnode.Options{JoinedAge: 700 * day, Level: "error"})
	h := n.Handler()
	var periods []string
	if err := json.Unmarshal([]byte(body(t, h, "/api/heldamount/periods", 200)), &periods); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(periods) || len(periods) < 20 {
		t.Fatalf("periods %v", periods)
	}
	stubs := list(t, h, "/api/heldamount/paystubs/"+periods[0]+"/"+periods[len(periods)-1]+"?id="+us1)
	if len(stubs) != len(periods) {
		t.Fatalf("%d paystubs of %d periods", len(stubs), len(periods))
	}
	held, disposed := 0.0, 0.0
	for month, stub := range stubs {
		number := func(key string) float64 { return stub[key].(float64) }
		earned := number("compAtRest") + number("compGet") + number("compGetRepair") + number("compGetAudit")
		rate := map[int]float64{0: 0.75, 1: 0.5, 2: 0.25}[month/3]
		if got := number("held"); got < earned*rate-1 || got > earned*rate {
			t.Errorf("month %d: %v held of %v, want %v of it", month, got, earned, rate)
		}
		if number("paid") != number("owed")+number("disposed") || number("owed") != earned-number("held") {
			t.Errorf("month %d does not add up: %v", month, stub)
		}
		if month < 15 {
			held += number("held")
		}
		disposed += number("disposed")
		if (number("disposed") > 0) != (month == 15) {
			t.Errorf("month %d: %v returned", month, number("disposed"))
		}
	}
	if disposed < held/2-1 || disposed > held/2 {
		t.Errorf("%v returned of %v held, want half", disposed, held)
	}
	history := list(t, h, "/api/heldamount/held-history")
	if got := history[0]["totalHeld"].(float64); got != held {
		t.Errorf("the held history says %v, the paystubs give %v", got, held)
	}
	payouts := list(t, h, "/api/heldamount/payout-history/"+periods[0])
	if len(payouts) != 4 || payouts[0]["heldPercent"].(float64) != 75 || payouts[0]["surgePercent"].(float64) != 100 {
		t.Errorf("payout history of the first month: %v", payouts)
	}
}

func TestNotificationPages(t *testing.T) {
	h := suspended(t, recordedNow).Handler()
	all := answer(t, h, "/api/notifications/list?limit=50&page=1")
	total := int(all["totalCount"].(float64))
	if total < 2 || int(all["unreadCount"].(float64)) != total {
		t.Fatalf("%d notifications, %v of them unread", total, all["unreadCount"])
	}
	seen := map[string]bool{}
	created := "9"
	for page := 1; page <= total; page++ {
		one := answer(t, h, fmt.Sprintf("/api/notifications/list?limit=1&page=%d", page))["page"].(map[string]any)
		notes := one["notifications"].([]any)
		if len(notes) != 1 || int(one["pageCount"].(float64)) != total {
			t.Fatalf("page %d: %v", page, one)
		}
		note := notes[0].(map[string]any)
		seen[note["id"].(string)] = true
		if at := note["createdAt"].(string); at > created {
			t.Errorf("page %d is newer than the one before", page)
		} else {
			created = at
		}
		words := strings.Fields(note["message"].(string))
		if note["type"].(float64) != 3 || len(words[len(words)-1]) < 50 || !strings.HasPrefix(note["title"].(string), "Your Node is suspended since 20") {
			t.Errorf("notification %v", note)
		}
	}
	if len(seen) != total {
		t.Errorf("%d different notifications on %d pages", len(seen), total)
	}
	body(t, h, fmt.Sprintf("/api/notifications/list?limit=1&page=%d", total+1), http.StatusInternalServerError)
}

func TestNewNodeHasNoScoresYet(t *testing.T) {
	n, _ := run(t, 0, simnode.Options{})
	h := n.Handler()
	status := answer(t, h, "/api/sno/")
	if status["satellites"] != nil || status["lastPinged"] != "0001-01-01T00:00:00Z" {
		t.Errorf("at the first moment: satellites %v, lastPinged %v", status["satellites"], status["lastPinged"])
	}
	one := answer(t, h, "/api/sno/satellite/"+us1)
	if one["nodeJoinedAt"] != "0001-01-01T00:00:00Z" || one["audits"].(map[string]any)["auditScore"].(float64) != 0 {
		t.Errorf("before any contact: %v", one)
	}
	if windows := one["auditHistory"].(map[string]any)["windows"]; windows != nil {
		t.Errorf("windows %v, want null", windows)
	}
}

func TestTheAPIAnswersWhileTheNodeAdvances(t *testing.T) {
	n, err := simnode.New(simnode.Options{Start: testStart, Rate: 500, JoinedAge: 90 * day, Level: "debug", Scenario: simnode.Restarting})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	answers := make([]int, 4)
	for i := range answers {
		group.Go(func() {
			h := n.Handler()
			for {
				select {
				case <-done:
					return
				default:
				}
				func() {
					defer func() {
						if r := recover(); r != nil && r != http.ErrAbortHandler {
							panic(r)
						}
					}()
					if ask(t, h, []string{"/api/sno/", "/api/sno/satellites", "/api/sno/satellite/" + us1, "/api/sno/estimated-payout"}[i]).StatusCode == 200 {
						answers[i]++
					}
				}()
				n.Truth()
			}
		})
	}
	for range 20 {
		if err := n.AdvanceTo(n.Now().Add(3*time.Hour), io.Discard); err != nil {
			t.Error(err)
		}
	}
	close(done)
	group.Wait()
	if err := n.AdvanceTo(testStart, nil); err == nil {
		t.Error("model time could be turned back")
	}
}

func TestLastPingedIsForgottenWithTheProcess(t *testing.T) {
	const never = "0001-01-01T00:00:00Z"
	o := simnode.Options{
		Start: testStart, Rate: 200, JoinedAge: 90 * day, Level: "error",
		Updates: []simnode.VersionChange{{At: testStart.Add(5 * time.Hour), Version: "1.162.4"}},
	}
	// the same node twice: the first tells when the second process starts
	first, _ := run(t, 6*time.Hour, o)
	starts := first.Truth().Starts
	if len(starts) != 2 {
		t.Fatalf("%d starts, want the first and that of the update", len(starts))
	}
	n, err := simnode.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(at time.Time) (pinged, quic, started string) {
		if err := n.AdvanceTo(at, nil); err != nil {
			t.Fatal(err)
		}
		a := answer(t, n.Handler(), "/api/sno/")
		return a["lastPinged"].(string), a["lastQuicPingedAt"].(string), a["startedAt"].(string)
	}
	if pinged, quic, _ := ask(testStart.Add(5*time.Hour - time.Second)); pinged == never || quic == never {
		t.Errorf("before the restart: pinged %s, by QUIC %s", pinged, quic)
	}
	for _, at := range []time.Time{starts[1], starts[1].Add(900 * time.Millisecond)} {
		if pinged, quic, started := ask(at); pinged != never || quic != never || started != starts[1].Format(time.RFC3339Nano) {
			t.Errorf("%v after the restart: pinged %s, by QUIC %s, started %s", at.Sub(starts[1]), pinged, quic, started)
		}
	}
	pinged, quic, _ := ask(starts[1].Add(time.Minute))
	for _, text := range []string{pinged, quic} {
		if at, err := time.Parse(time.RFC3339Nano, text); err != nil || !at.After(starts[1]) {
			t.Errorf("a minute after the restart: pinged %s, by QUIC %s", pinged, quic)
		}
	}
}
