package simnode_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

const day = 24 * time.Hour

// run makes a node, lets it live for a time, and returns it with its log.
func run(t testing.TB, span time.Duration, o simnode.Options) (*simnode.Node, []byte) {
	t.Helper()
	if o.Start.IsZero() {
		o.Start = testStart
	}
	n, err := simnode.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := n.AdvanceTo(o.Start.Add(span), &log); err != nil {
		t.Fatal(err)
	}
	return n, log.Bytes()
}

// fixture opens a recorded file: the shared one where it is there, else the
// copy in testdata.
func fixture(t testing.TB, shared, kept string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "fixtures", shared))
	if err != nil {
		data, err = os.ReadFile(filepath.Join("testdata", kept))
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recordedMessages are the recorded messages: by logger and words, the levels
// and the key sets that were seen.
type recordedMessage struct {
	levels map[string]bool
	keys   []string // one string a set
}

func recordedMessages(t testing.TB) map[[2]string]*recordedMessage {
	t.Helper()
	recorded := map[[2]string]*recordedMessage{}
	for i, line := range strings.Split(strings.TrimRight(string(fixture(t, "logs/MESSAGES.tsv", "MESSAGES.tsv")), "\n"), "\n") {
		if i == 0 {
			continue
		}
		column := strings.Split(line, "\t")
		if len(column) != 5 {
			t.Fatalf("MESSAGES.tsv line %d has %d columns", i+1, len(column))
		}
		key := [2]string{column[2], column[3]}
		if recorded[key] == nil {
			recorded[key] = &recordedMessage{levels: map[string]bool{}}
		}
		recorded[key].levels[column[1]] = true
		recorded[key].keys = append(recorded[key].keys, column[4])
	}
	return recorded
}

// documentedLevels are levels that the notes on the log name beyond those that
// were recorded.
var documentedLevels = map[string][]string{
	"upload failed": {"DEBUG", "WARN", "ERROR"},
}

// recordedNow is the release of the recordings.
const recordedNow = "1.162.3"

var noUpdates = []simnode.VersionChange{}

// everyScenario runs each scenario long enough for all that it does.
func everyScenario(t *testing.T, do func(t *testing.T, o simnode.Options, span time.Duration)) {
	for i, s := range simnode.Scenarios() {
		t.Run(string(s), func(t *testing.T) {
			span := 50 * time.Hour
			o := simnode.Options{
				Seed: uint64(i) + 7, Name: "node1", Scenario: s, Version: recordedNow, Updates: noUpdates,
				Level: "debug", Rate: 80, JoinedAge: 200 * day,
			}
			switch {
			case s == simnode.Healthy: // with restarts, a satellite's maintenance, trash that gets old
				span, o.Rate = 22*day, 10
			case i%2 == 1:
				o.JoinedAge = 0
			}
			do(t, o, span)
		})
	}
}

func TestEveryLineIsLikeARecordedOne(t *testing.T) {
	t.Parallel()
	recorded := recordedMessages(t)
	order, kinds := recordedExamples(t)
	written := map[[2]string]bool{}
	everyScenario(t, func(t *testing.T, o simnode.Options, span time.Duration) {
		_, log := run(t, span, o)
		bad := map[string]bool{}
		last := ""
		eachLine(t, log, readConsole, func(l plainLine) {
			if l.time < last {
				bad[fmt.Sprintf("%s after %s", l.time, last)] = true
			}
			last = l.time
			key := [2]string{l.logger, l.shape()}
			written[key] = true
			r := recorded[key]
			if r == nil {
				bad[fmt.Sprintf("%q of %q was never recorded", key[1], key[0])] = true
				return
			}
			if !r.levels[l.level] && !slices.Contains(documentedLevels[key[1]], l.level) {
				bad[fmt.Sprintf("%q of %q at %s", key[1], key[0], l.level)] = true
			}
			set := slices.Compact(slices.Sorted(slices.Values(l.keys)))
			if keys := strings.Join(set, ","); !slices.Contains(r.keys, keys) {
				bad[fmt.Sprintf("%q of %q has %s, recorded %v", key[1], key[0], keys, r.keys)] = true
			}
			if want, ok := order[key]; ok && !strings.HasSuffix(l.logger, ".subprocess") && !slices.Equal(l.keys, want) {
				bad[fmt.Sprintf("%q of %q has its keys as %v, recorded as %v", key[1], key[0], l.keys, want)] = true
			}
			for i, k := range l.keys {
				if want, ok := kinds[key][k]; ok && kind(l.values[i]) != want && k != "reclaim_ratio" {
					bad[fmt.Sprintf("%q of %q: %s is a %s, recorded a %s", key[1], key[0], k, kind(l.values[i]), want)] = true
				}
				if !json.Valid([]byte(l.values[i])) {
					bad[fmt.Sprintf("%q of %q: %s is no JSON: %s", key[1], key[0], k, l.values[i])] = true
				}
			}
		})
		for problem := range bad {
			t.Error(problem)
		}
	})
	for _, o := range []simnode.Options{
		// less space than before: the operator has taken some back
		{Disk: 1e9, DiskUsed: 2e9, JoinedAge: 30 * day},
		// too old for the network
		{AllowedVersion: "1.170.0", Updates: noUpdates},
		// stopped while the satellites cannot be reached
		{
			Scenario: simnode.FlakyUplink, TroubleAt: testStart.Add(2 * time.Hour),
			Updates: []simnode.VersionChange{{At: testStart.Add(150 * time.Minute), Version: recordedNow}},
		},
	} {
		_, log := run(t, 3*time.Hour, o)
		eachLine(t, log, readConsole, func(l plainLine) { written[[2]string{l.logger, l.shape()}] = true })
	}
	for _, m := range simnode.EverySimulatedMessage() {
		// those that only an older release writes
		if slices.Contains([]string{"collect", "delete expired"}, m[1]) || strings.HasSuffix(m[1], "(race lost or node shutdown)") {
			continue
		}
		if !written[m] {
			t.Errorf("no scenario wrote %q of %q", m[1], m[0])
		}
	}
}

// recordedExamples reads one recorded line of each message: the order of its
// keys, and of what kind their values are. Lines that were cut are left out.
func recordedExamples(t testing.TB) (order map[[2]string][]string, kinds map[[2]string]map[string]string) {
	t.Helper()
	order, kinds = map[[2]string][]string{}, map[[2]string]map[string]string{}
	for line := range strings.Lines(string(fixture(t, "logs/EXAMPLES.txt", "EXAMPLES.txt"))) {
		line = strings.TrimRight(line, "\n")
		read := readConsole
		if strings.HasPrefix(line, "{") {
			read = readJSON
		}
		l, err := read(line)
		if err != nil {
			continue
		}
		key := [2]string{l.logger, l.shape()}
		order[key] = l.keys
		kinds[key] = map[string]string{}
		for i, k := range l.keys {
			kinds[key][k] = kind(l.values[i])
		}
	}
	if len(order) < 80 {
		t.Fatalf("only %d examples could be read", len(order))
	}
	return order, kinds
}

func TestJSONAndDockerSayTheSameAsTheConsole(t *testing.T) {
	t.Parallel()
	o := simnode.Options{Seed: 3, Name: "node1", Scenario: simnode.Restarting, Rate: 200, Level: "debug", JoinedAge: 100 * day}
	logs := map[simnode.Encoding][]byte{}
	truths := map[simnode.Encoding]simnode.Truth{}
	for _, e := range []simnode.Encoding{simnode.Console, simnode.JSON, simnode.Docker, simnode.DockerJSON} {
		o.Encoding = e
		n, log := run(t, 30*time.Hour, o)
		logs[e], truths[e] = log, n.Truth()
	}
	if !bytes.Equal(unwrapDocker(t, logs[simnode.Docker]), logs[simnode.Console]) {
		t.Error("the console log in Docker's wrapping is not the console log")
	}
	if !bytes.Equal(unwrapDocker(t, logs[simnode.DockerJSON]), logs[simnode.JSON]) {
		t.Error("the JSON log in Docker's wrapping is not the JSON log")
	}
	if tr := truths[simnode.Docker]; tr.Log.FileLines <= tr.Log.Lines {
		t.Errorf("%d lines in the file for %d of the node: no line was long enough to be split", tr.Log.FileLines, tr.Log.Lines)
	}
	if got, want := int64(bytes.Count(logs[simnode.Docker], []byte("\n"))), truths[simnode.Docker].Log.FileLines; got != want {
		t.Errorf("the file has %d lines, the truth says %d", got, want)
	}
	var console, asJSON []plainLine
	eachLine(t, logs[simnode.Console], readConsole, func(l plainLine) { console = append(console, l) })
	eachLine(t, logs[simnode.JSON], readJSON, func(l plainLine) { asJSON = append(asJSON, l) })
	for i := range console { // zap's console form has spaces in lists and objects
		for f, v := range console[i].values {
			var compact bytes.Buffer
			if json.Compact(&compact, []byte(v)) == nil {
				console[i].values[f] = compact.String()
			}
		}
	}
	if len(console) != len(asJSON) {
		t.Fatalf("%d lines in the console log, %d in the JSON log", len(console), len(asJSON))
	}
	for i := range console {
		if !reflect.DeepEqual(console[i], asJSON[i]) {
			t.Fatalf("line %d:\nconsole %v\nJSON    %v", i+1, console[i], asJSON[i])
		}
	}
	if bytes.Contains(logs[simnode.JSON], []byte(`": "`)) {
		t.Error("the JSON log has spaces after colons, which zap does not write")
	}
	if !bytes.Contains(logs[simnode.Docker], []byte(`-\u003e`)) {
		t.Error("the Docker log does not escape > as Docker does")
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	for _, s := range simnode.Scenarios() {
		sum := func(seed uint64, level string) [32]byte {
			_, log := run(t, 40*time.Hour, simnode.Options{Seed: seed, Scenario: s, Rate: 50, Level: level, JoinedAge: 60 * day})
			return sha256.Sum256(log)
		}
		if first, second := sum(1, "info"), sum(1, "info"); first != second {
			t.Errorf("%s: the same seed gave other bytes", s)
		}
		if sum(1, "info") == sum(2, "info") {
			t.Errorf("%s: another seed gave the same bytes", s)
		}
	}
}

func TestOneStepOrManyGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, s := range simnode.Scenarios() {
		o := simnode.Options{Seed: 5, Start: testStart, Scenario: s, Rate: 100, Level: "debug", Encoding: simnode.Docker, TroubleAt: testStart.Add(5 * time.Hour)}
		one, want := run(t, 20*time.Hour, o)
		n, err := simnode.New(o)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		handler := n.Handler()
		steps := 0
		for at := o.Start; at.Before(o.Start.Add(20 * time.Hour)); steps++ {
			at = at.Add(time.Duration(1+steps*7919%100) * 13 * time.Second)
			if at.After(o.Start.Add(20 * time.Hour)) {
				at = o.Start.Add(20 * time.Hour)
			}
			if err := n.AdvanceTo(at, &got); err != nil {
				t.Fatal(err)
			}
			if steps%50 == 0 { // looking changes nothing
				if s != simnode.SlowAPI && n.Up() {
					ask(t, handler, "/api/sno/satellites")
				}
				n.Truth()
			}
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d steps gave other bytes than one", s, steps)
		}
		if got, want := n.Truth(), one.Truth(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d steps gave another truth than one", s, steps)
		}
	}
}

func TestLevelsLeaveLinesOutAndNothingElse(t *testing.T) {
	o := simnode.Options{Seed: 9, Scenario: simnode.UnknownErrors, Rate: 200, JoinedAge: 60 * day}
	o.Level = "debug"
	_, debug := run(t, 50*time.Hour, o)
	for _, c := range []struct {
		level string
		want  []string
	}{
		{"info", []string{"INFO", "WARN", "ERROR", "FATAL"}},
		{"warn", []string{"WARN", "ERROR", "FATAL"}},
		{"error", []string{"ERROR", "FATAL"}},
	} {
		o.Level = c.level
		_, log := run(t, 50*time.Hour, o)
		var kept bytes.Buffer
		for line := range bytes.Lines(debug) {
			for _, level := range c.want {
				if bytes.Contains(line[:40], []byte("\t"+level+"\t")) {
					kept.Write(line)
				}
			}
		}
		if !bytes.Equal(kept.Bytes(), log) {
			t.Errorf("the log at %s is not the DEBUG log without its lower lines", c.level)
		}
	}
}

func TestLogFromBoundsTheLogNotTheHistory(t *testing.T) {
	o := simnode.Options{Seed: 2, Rate: 200, JoinedAge: 60 * day, Level: "debug"}
	whole, all := run(t, 5*day, o)
	o.LogFrom = testStart.Add(3 * day)
	bounded, part := run(t, 5*day, o)
	if !bytes.HasSuffix(all, part) || len(part) == 0 || len(part) == len(all) {
		t.Errorf("the bounded log (%d bytes) is not the end of the whole one (%d bytes)", len(part), len(all))
	}
	if got, want := bounded.Truth().Transfers, whole.Truth().Transfers; !reflect.DeepEqual(got, want) {
		t.Error("bounding the log changed what happened")
	}
	if first := bounded.Truth().Log.First; first.Before(o.LogFrom) {
		t.Errorf("the first line is of %v, before %v", first, o.LogFrom)
	}
}

func TestTimeFormats(t *testing.T) {
	kolkata := time.FixedZone("", 5*3600+1800)
	for _, c := range []struct {
		version  string
		location *time.Location
		layout   string
		example  string
	}{
		{"1.162.3", nil, "2006-01-02T15:04:05Z07:00", "2026-10-01T00:00:00Z"},
		{"1.162.3", kolkata, "2006-01-02T15:04:05Z07:00", "2026-10-01T05:30:00+05:30"},
		{"1.83.2", nil, "2006-01-02T15:04:05Z07:00", "2026-10-01T00:00:00Z"},
		{"1.82.1", nil, "2006-01-02T15:04:05.000Z0700", "2026-10-01T00:00:00.000Z"},
		{"1.60.3", kolkata, "2006-01-02T15:04:05.000Z0700", "2026-10-01T05:30:00.000+0530"},
	} {
		_, log := run(t, time.Hour, simnode.Options{Version: c.version, Location: c.location, Updates: noUpdates})
		first, _, _ := strings.Cut(string(log), "\t")
		if first != c.example {
			t.Errorf("%s: the first line begins with %s, want %s", c.version, first, c.example)
		}
		fractions := map[string]bool{}
		eachLine(t, log, readConsole, func(l plainLine) {
			if _, err := time.Parse(c.layout, l.time); err != nil || len(l.time) != len(c.example) {
				t.Fatalf("%s: %v: %q", c.version, err, l.time)
			}
			if len(l.time) > 20 {
				fractions[l.time[20:23]] = true
			}
		})
		if strings.Contains(c.layout, ".000") && len(fractions) < 10 {
			t.Errorf("%s: the milliseconds do not move", c.version)
		}
	}
}
