package storagenode_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// recordedKinds are the kinds of all recorded messages that are not other, with what comes
// of transfers. It is written down here once more: the parser's table is what is tested.
var recordedKinds = map[string]string{
	"upload started":                     "upload_started",
	"download started":                   "download_started",
	"uploaded":                           "upload_ended success",
	"downloaded":                         "download_ended success",
	"upload canceled":                    "upload_ended canceled",
	"download canceled":                  "download_ended canceled",
	"DEBUG upload failed":                "upload_ended canceled",
	"upload failed":                      "upload_ended failed",
	"download failed":                    "download_ended failed",
	"upload rejected, too many requests": "upload_ended rejected",
	"upload internal error":              "transfer_twin",
	"error reading from piecereader":     "piece_read_failed",

	"node scores updated":                      "scores_updated",
	"node scores worsened":                     "scores_worsened",
	"pinged":                                   "pinged",
	"ping satellite failed ":                   "ping_failed",
	"retries timed out for this cycle":         "ping_given_up",
	"sending amnesty batch to satellite":       "lost_pieces",
	"New bloomfilter is received":              "bloom_filter_received",
	"Retain job queued":                        "retain_queued",
	"Prepared to run a Retain request.":        "retain_prepared",
	"Moved pieces to trash during retain":      "retain_finished",
	"starting subprocess":                      "walker_started",
	"trash-filewalker started":                 "walker_started",
	"gc-filewalker started":                    "walker_started",
	"used-space-filewalker started":            "walker_started",
	"trash-filewalker completed":               "walker_finished",
	"gc-filewalker completed":                  "walker_finished",
	"used-space-filewalker completed":          "walker_finished",
	"subprocess finished successfully":         "walker_finished",
	"used-space-filewalker failed":             "walker_failed",
	"subprocess exited with status":            "walker_failed",
	"failed to start subprocess":               "walker_failed",
	"emptying trash started":                   "trash_emptying_started",
	"emptying trash finished":                  "trash_emptied",
	"emptying trash failed":                    "trash_emptying_failed",
	"expired pieces collection started":        "expired_collection_started",
	"expired pieces collection completed":      "expired_collected",
	"beginning compaction":                     "compaction_started",
	"compact once started":                     "compaction_pass_started",
	"compaction computed details":              "compaction_computed",
	"hashtbl rewritten":                        "compaction_rewritten",
	"compact once finished":                    "compaction_pass_finished",
	"finished compaction":                      "compaction_finished",
	"mismatched log tail":                      "store_damaged",
	"reconciled log with invalid records":      "store_damaged",
	"piece migration chore initialized":        "migration_ready",
	"enqueued for migration":                   "migration_started",
	"migrated a piece":                         "piece_migrated",
	"removed empty satellite directory":        "migration_finished",
	"Node <ID> started":                        "node_started",
	"version not allowed/outdated":             "version_outdated",
	"unexpected shutdown of a runner":          "runner_stopped",
	"failure during run":                       "run_failed",
	"Unrecoverable error":                      "node_died",
	"Got a signal from the OS: \"terminated\"": "node_stopping",

	"unclean shutdown detected: reconciling logs":                          "store_damaged",
	"cleanup removed empty prefix directories":                             "migration_cleaning",
	"all enqueued for migration; will sleep before next pooling":           "migration_queued",
	"Used more space than allocated. Allocated space is":                   "disk_overused",
	"Total disk space is less than required minimum":                       "disk_too_small",
	"local system clock is in sync with trusted satellites' system clock.": "clock_in_sync",
}

// notesOnly are recorded messages that say nothing an operator needs; they are other.
var notesOnly = []string{
	"trashing piece", "About to move piece to trash", "blob not found; will not trash", "adding bad piece to batch", "Persisting bandwidth usage cache to db",
	"satPiecesTotal < 0", "satPiecesContentSize < 0", "piecesTotal < 0", "piecesContentSize < 0", "subprocess started", "Database started", "database does not exist",
	"file not found; nothing to remove", "deleted piece", "readability check done", "writability check done", "sending", "no orders to send", "failed to determine mtime of blob",
	"loaded hint file", "reputation chore failed", "starting to empty trash", "Configuration loaded", "Operator email", "Operator wallet",
	"existing kernel support for server-side tcp fast open detected", "Public server started on <ADDR>", "Private server started on <ADDR>", "Scheduling next refresh",
	"start checking local system clock with trusted satellites' system clock.", "hashstore opened successfully", "Database Version", "payouts err", "cleaning", "cleanup finished",
	"Allowed minimum version from control server.", "Running on allowed version.", "Fetched URLs from source; updating cache", "Satellite is trusted", "Starting cycle",
	"Database Created", "context cancelled", "Get disk space usage query failed", "Get held amount query failed", "Anonymized tracing disabled", "Database version is up to date",
	"Version info", "Telemetry disabled", "started", "directory not found", "failed to get satellite URL for amnesty report", "number of subdirs", "matched log tail",
	"Get pricing-model/join date failed", "encountered error while computing space used by satellite", "failed to get process version info", "successfully sent amnesty batch",
	"error getting current used space for trash: ",
}

func TestEveryRecordedMessageHasItsKind(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("testdata", "logs", "MESSAGES.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for number, row := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] {
		message := strings.Split(row, "\t")[3]
		_, known := recordedKinds[message]
		if other := slices.Contains(notesOnly, message); known == other {
			t.Errorf("row %d: %q is of some kind: %v, is a note only: %v", number+2, message, known, other)
		}
	}
}

// wantKind is the kind of a line with this header, and its outcome.
func wantKind(level, message string) string {
	if strings.HasPrefix(message, "Node ") && strings.HasSuffix(message, " started") {
		message = "Node <ID> started"
	}
	if kind, ok := recordedKinds[level+" "+message]; ok {
		return kind
	}
	return cmp.Or(recordedKinds[message], "other")
}

func gotKind(event *storagenode.Event) string {
	return strings.TrimSpace(event.Kind.String() + " " + event.Outcome.String())
}

// plainFields are a line's fields in the simplest way there is.
func plainFields(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line[bytes.IndexByte(line, '{'):]))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// satelliteFolders are the folders of the recordings' satellites.
var satelliteFolders = map[string]string{
	"aiv54nw3lbm2gdffi5vvzgctxs7ekf4k65phtgwybmcx32bk2aaa": "1xTwTPLWfiqffa5VbA9c7ZZgkhZuAqdp4aphJ6udVWU2LadQF",
	"kozwwdrktb25rbcwnos56if7bkenpzalfazdjltx34sts3qmqaaa": "1ds2WEsr2Frv8AFcPkdHfCdUjDrnGpb6y4rpADpX32TXzxg57k",
}

// sameFields compares what an event says with a line's fields.
func sameFields(t *testing.T, event *storagenode.Event, fields map[string]any) {
	t.Helper()
	text := func(keys ...string) string {
		for _, key := range keys {
			if value, ok := fields[key].(string); ok {
				return value
			}
		}
		return ""
	}
	number := func(key string) string {
		if value, ok := fields[key].(json.Number); ok {
			return value.String()
		}
		return "-1"
	}
	want := []string{
		text("satellite_id", "satellite", "sat"), text("action"), text("piece_id"), text("remote_address"),
		number("size"), number("offset"), number("available_space"), text("error", "reason"), text("duration", "took", "elapsed"),
	}
	switch {
	case event.Kind == storagenode.Pinged:
		want[0] = text("by")
	case event.Kind == storagenode.PieceMigrated:
		want[2] = text("id")
	case event.Kind == storagenode.MigrationFinished:
		want[0] = satelliteFolders[filepath.Base(text("dir"))]
	}
	if want[8] != "" {
		if d, err := time.ParseDuration(want[8]); err == nil {
			want[8] = d.String()
		}
	} else {
		want[8] = "0s"
	}
	got := []string{
		event.Satellite, event.Action.String(), string(event.Piece), string(event.Peer),
		fmt.Sprint(event.Size), fmt.Sprint(event.Offset), fmt.Sprint(event.Free), string(event.Reason), event.Duration.String(),
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: %s\n%s", event.Message, diff, event.Fields)
	}
}

func TestEventsOfEveryRecordedLine(t *testing.T) {
	files, err := filepath.Glob("testdata/logs/*.log")
	if err != nil || len(files) != 9 {
		t.Fatalf("%d logs, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			parsers := map[string]*storagenode.Parser{"as it is": storagenode.NewParser(), "in Docker": storagenode.NewParser()}
			kinds := map[string]map[string]int{"as it is": {}, "in Docker": {}}
			messages := map[string]map[string]int{"as it is": {}, "in Docker": {}}
			wantKinds, wantMessages := map[string]int{}, map[string]int{}
			for number, raw := range logLines(t, filepath.Base(path)) {
				at, level, logger, message := plain(t, raw)
				wantKinds[wantKind(level, message)]++
				wantMessages[message]++
				fields := plainFields(t, raw)
				for name, line := range map[string][]byte{"as it is": raw, "in Docker": asDocker(t, raw)} {
					given := bytes.Clone(line)
					event, err := parsers[name].Parse(line)
					if err != nil {
						t.Fatalf("line %d %s: %v: %s", number+1, name, err, raw)
					}
					if !bytes.Equal(line, given) {
						t.Fatalf("line %d %s was changed", number+1, name)
					}
					if !event.Time.Equal(at) || event.Time.Location() != time.UTC || event.Level.String() != level || event.Logger != logger || event.Message != message || event.Truncated {
						t.Fatalf("line %d %s: %+v: %s", number+1, name, event.Line, raw)
					}
					if !json.Valid(event.Fields) {
						t.Fatalf("line %d %s: %s", number+1, name, event.Fields)
					}
					sameFields(t, event, fields)
					kinds[name][gotKind(event)]++
					messages[name][event.Message]++
				}
			}
			for name := range parsers {
				if diff := gocmp.Diff(wantKinds, kinds[name]); diff != "" {
					t.Errorf("kinds %s: %s", name, diff)
				}
				if diff := gocmp.Diff(wantMessages, messages[name]); diff != "" {
					t.Errorf("messages %s: %s", name, diff)
				}
				if unparsed := parsers[name].Unparsed(); len(unparsed) > 0 {
					t.Errorf("unparsed %s: %v", name, unparsed)
				}
			}
		})
	}
}

// transfersOf counts the transfers in a log as the simulator does.
func transfersOf(t *testing.T, log []byte) (transfers []simnode.TransferCount, rejected, lines int64, parser *storagenode.Parser) {
	t.Helper()
	parser = storagenode.NewParser()
	counts := map[simnode.TransferCount]simnode.TransferCount{}
	for line := range bytes.Lines(log) {
		event, err := parser.Parse(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if event == nil {
			continue
		}
		lines++
		key := simnode.TransferCount{Satellite: event.Satellite, Action: event.Action.String(), Outcome: event.Outcome.String()}
		direction := "download"
		switch event.Kind {
		case storagenode.UploadStarted, storagenode.DownloadStarted:
			key.Outcome = "started"
		case storagenode.UploadEnded:
			direction = "upload"
			if event.Outcome == storagenode.OutcomeRejected {
				rejected++
				continue
			}
			if event.Message == "upload failed" {
				key.Outcome = "failed" // the simulator asks the message only
			}
		case storagenode.DownloadEnded:
		default:
			continue
		}
		if key.Satellite == "" {
			key.Action = direction
		}
		sum := counts[key]
		sum.Count++
		if key.Outcome != "started" {
			sum.Bytes += max(event.Size, 0)
		}
		counts[key] = sum
	}
	for key, sum := range counts {
		key.Count, key.Bytes = sum.Count, sum.Bytes
		transfers = append(transfers, key)
	}
	return transfers, rejected, lines, parser
}

func compareWithTruth(t *testing.T, log []byte, truth simnode.Truth) {
	t.Helper()
	got, rejected, lines, parser := transfersOf(t, log)
	order := func(a, b simnode.TransferCount) int {
		return cmp.Or(cmp.Compare(a.Satellite, b.Satellite), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Outcome, b.Outcome))
	}
	want := slices.Clone(truth.Log.Transfers)
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("transfers (-truth +parsed):\n%s", diff)
	}
	if rejected != truth.Log.Rejected || lines != truth.Log.Lines {
		t.Errorf("%d rejected uploads in %d lines, the truth says %d in %d", rejected, lines, truth.Log.Rejected, truth.Log.Lines)
	}
	if unparsed := parser.Unparsed(); len(unparsed) > 0 || parser.Cut() > 0 {
		t.Errorf("unparsed %v, cut %d", unparsed, parser.Cut())
	}
}

func TestTransfersOfEveryVersion(t *testing.T) {
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for _, version := range []string{
		"1.60.3", "1.71.2", "1.79.4", "1.86.2", "1.99.3", "1.104.5", "1.113.5", "1.116.7", "1.122.10", "1.145.3", "1.146.5", "1.150.0", "1.162.3",
	} {
		for _, encoding := range []simnode.Encoding{simnode.Console, simnode.JSON, simnode.Docker, simnode.DockerJSON} {
			for _, level := range []string{"debug", "info"} {
				t.Run(version+" "+string(encoding)+" "+level, func(t *testing.T) {
					t.Parallel()
					node, err := simnode.New(simnode.Options{
						Seed: 11, Start: start, Version: version, Updates: []simnode.VersionChange{}, Level: level, Encoding: encoding,
						Rate: 100, JoinedAge: 90 * 24 * time.Hour, Location: time.FixedZone("", 5*3600+1800),
					})
					if err != nil {
						t.Fatal(err)
					}
					var log bytes.Buffer
					if err := node.AdvanceTo(start.Add(15*time.Hour), &log); err != nil {
						t.Fatal(err)
					}
					compareWithTruth(t, log.Bytes(), node.Truth())
				})
			}
		}
	}
}

func TestTransfersOfEveryScenario(t *testing.T) {
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for i, scenario := range simnode.Scenarios() {
		t.Run(string(scenario), func(t *testing.T) {
			t.Parallel()
			node, err := simnode.New(simnode.Options{Seed: uint64(i), Start: start, Scenario: scenario, Level: "debug", Rate: 60, JoinedAge: 200 * 24 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			if err := node.AdvanceTo(start.Add(40*time.Hour), &log); err != nil {
				t.Fatal(err)
			}
			truth := node.Truth()
			compareWithTruth(t, log.Bytes(), truth)

			// The other kinds are counted by the messages that were written.
			want := map[string]int64{}
			for _, m := range truth.Log.Messages {
				kind, _, _ := strings.Cut(wantKind(m.Level, m.Message), " ")
				want[kind] += m.Count
			}
			got := map[string]int64{}
			parser := storagenode.NewParser()
			for line := range bytes.Lines(log.Bytes()) {
				event, err := parser.Parse(line)
				if err != nil {
					t.Fatal(err)
				}
				got[event.Kind.String()]++
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			t.Logf("%d lines, kinds %v", truth.Log.Lines, slices.Sorted(maps.Keys(got)))
		})
	}
}

func TestTransfersOfABigLog(t *testing.T) {
	for _, encoding := range []simnode.Encoding{simnode.Console, simnode.JSON, simnode.Docker, simnode.DockerJSON} {
		t.Run(string(encoding), func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			truth, err := simnode.WriteBigLog(&log, 40_000, simnode.Options{Seed: 3, Encoding: encoding})
			if err != nil {
				t.Fatal(err)
			}
			compareWithTruth(t, log.Bytes(), truth)
		})
	}
}
