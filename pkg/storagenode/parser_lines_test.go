package storagenode_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

const (
	us1   = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	piece = "U2FNGH2WKLT3MZZOJPSPSF4TJRQNEG5DLS6PKYLJIE74MGT4SFFA"
)

// parsed is the event of one line, with its parser.
func parsed(t *testing.T, raw string) *storagenode.Event {
	t.Helper()
	event, err := storagenode.NewParser().Parse([]byte(raw))
	if err != nil || event == nil {
		t.Fatalf("%v, %v: %s", event, err, raw)
	}
	return event
}

// TestLines has one line of every kind, as a version writes it whose keys are new or old.
func TestLines(t *testing.T) {
	const (
		transfer     = `"piece_id": "` + piece + `", "satellite_id": "` + us1 + `", "action": "%s", `
		oldTransfer  = `"Piece ID": "` + piece + `", "Satellite ID": "` + us1 + `", "Action": "%s"`
		satellite    = `"satellite_id": "` + us1 + `"`
		oldSatellite = `"Satellite ID": "` + us1 + `"`
	)
	put, get, audit := fmt.Sprintf(transfer, "PUT"), fmt.Sprintf(transfer, "GET"), fmt.Sprintf(transfer, "GET_AUDIT")
	oldPut, oldGet, oldRepair := fmt.Sprintf(oldTransfer, "PUT"), fmt.Sprintf(oldTransfer, "GET"), fmt.Sprintf(oldTransfer, "GET_REPAIR")
	cases := []struct{ line, want string }{ // tabs are | there, and the time and the process are left out
		{`DEBUG|piecestore|upload started|{` + put + `"remote_address": "[2001:db8::1]:28967", "available_space": 2000}`, "upload_started PUT us1 piece peer=[2001:db8::1]:28967 free=2000"},
		{`INFO|piecestore|upload started|{` + oldPut + `, "Available Space": 2000}`, "upload_started PUT us1 piece free=2000"},
		{`DEBUG|piecestore|download started|{` + get + `"offset": 0, "size": 10, "remote_address": "1.2.3.4:5"}`, "download_started GET us1 piece peer=1.2.3.4:5 size=10 offset=0"},
		{`INFO|piecestore|download started|{` + oldGet + `}`, "download_started GET us1 piece"},
		{`INFO|piecestore|uploaded|{` + put + `"remote_address": "1.2.3.4:5", "size": 10}`, "upload_ended success PUT us1 piece peer=1.2.3.4:5 size=10"},
		{`INFO|piecestore|uploaded|{` + oldPut + `, "Size": 10, "Remote Address": "1.2.3.4:5"}`, "upload_ended success PUT us1 piece peer=1.2.3.4:5 size=10"},
		{`INFO|piecestore|downloaded|{` + fmt.Sprintf(transfer, "GET_REPAIR") + `"offset": 512, "size": 10, "remote_address": "1.2.3.4:5"}`, "download_ended success GET_REPAIR us1 piece peer=1.2.3.4:5 size=10 offset=512"},
		{`INFO|piecestore|downloaded|{` + oldRepair + `, "Offset": 512, "Size": 10}`, "download_ended success GET_REPAIR us1 piece size=10 offset=512"},
		{`INFO|piecestore|uploaded|{` + fmt.Sprintf(transfer, "PUT_REPAIR") + `"size": 1}`, "upload_ended success PUT_REPAIR us1 piece size=1"},
		{`INFO|piecestore|uploaded|{` + fmt.Sprintf(transfer, "PUT_GRACEFUL_EXIT") + `"size": 1}`, "upload_ended success PUT_GRACEFUL_EXIT us1 piece size=1"},
		{`INFO|piecestore|downloaded|{` + fmt.Sprintf(transfer, "DELETE") + `"size": 1}`, "download_ended success DELETE us1 piece size=1"},
		{`INFO|piecestore|downloaded|{` + fmt.Sprintf(transfer, "GET_SOMETHING") + `"size": 1}`, "download_ended success OTHER us1 piece size=1"},
		// Loggers of a modular node, of none, and with a caller.
		{`INFO|storagenode/piecestore.Endpoint|uploaded|{` + put + `"size": 10}`, "upload_ended success PUT us1 piece size=10"},
		{`INFO|uploaded|{` + put + `"size": 10}`, "upload_ended success PUT us1 piece size=10"},
		{`INFO|piecestore|piecestore/endpoint.go:367|uploaded|{` + put + `"size": 10}`, "upload_ended success PUT us1 piece size=10"},
		{`INFO|piecestore/endpoint.go:367|uploaded|{` + put + `"size": 10}`, "upload_ended success PUT us1 piece size=10"},
		// Lost races.
		{`INFO|piecestore|upload canceled|{` + put + `"remote_address": "1.2.3.4:5", "size": 10}`, "upload_ended canceled PUT us1 piece peer=1.2.3.4:5 size=10"},
		{`INFO|piecestore|upload canceled (race lost or node shutdown)|{"Piece ID": "` + piece + `"}`, "upload_ended canceled piece"},
		{`INFO|piecestore|upload canceled (race lost or node shutdown)|{` + oldPut + `}`, "upload_ended canceled PUT us1 piece"},
		{`INFO|piecestore|download canceled|{` + get + `"offset": 0, "size": 10, "reason": "context canceled"}`, "download_ended canceled GET us1 piece size=10 offset=0 reason=context canceled"},
		{`INFO|piecestore|download canceled|{` + audit + `"offset": 0, "size": 10, "reason": "stream closed by peer"}`, "download_ended canceled GET_AUDIT us1 piece size=10 offset=0 reason=stream closed by peer"},
		{`INFO|piecestore|download canceled (race lost or node shutdown)|{` + oldGet + `}`, "download_ended canceled GET us1 piece"},
		{`DEBUG|piecestore|download canceled|{` + oldGet + `, "error": "context canceled"}`, "transfer_twin GET us1 piece reason=context canceled"},
		// Failures.
		{`DEBUG|piecestore|upload failed|{` + put + `"size": 10, "error": "context canceled"}`, "upload_ended canceled client_left PUT us1 piece size=10 reason=context canceled"},
		{`DEBUG|piecestore|upload failed|{` + oldPut + `, "error": "unexpected EOF", "errorVerbose": "unexpected EOF\n\tx:1", "Size": 10}`, "upload_ended canceled client_left PUT us1 piece size=10 reason=unexpected EOF"},
		{`WARN|piecestore|upload failed|{` + put + `"size": 10, "error": "write tcp 1.1.1.1:1->2.2.2.2:2: write: broken pipe"}`, "upload_ended failed client_left PUT us1 piece size=10 reason=write tcp 1.1.1.1:1->2.2.2.2:2: write: broken pipe"},
		{`ERROR|piecestore|upload failed|{` + put + `"size": 10, "error": "pieces error: write x: no space left on device"}`, "upload_ended failed storage_error PUT us1 piece size=10 reason=pieces error: write x: no space left on device"},
		{`ERROR|piecestore|download failed|{` + audit + `"size": 10, "error": "hashstore: file does not exist"}`, "download_ended failed piece_missing GET_AUDIT us1 piece size=10 reason=hashstore: file does not exist"},
		{`ERROR|piecestore|download failed|{` + oldRepair + `, "error": "pieces error: open x: no such file or directory"}`, "download_ended failed piece_missing GET_REPAIR us1 piece reason=pieces error: open x: no such file or directory"},
		{`ERROR|piecestore|download failed|{` + get + `"error": "write tcp 1.1.1.1:1->2.2.2.2:2: write: broken pipe"}`, "download_ended failed client_left GET us1 piece reason=write tcp 1.1.1.1:1->2.2.2.2:2: write: broken pipe"},
		{`ERROR|piecestore|download failed|{` + get + `"error": "read tcp [::1]:1->[::2]:2: use of closed network connection"}`, "download_ended failed client_left GET us1 piece reason=read tcp [::1]:1->[::2]:2: use of closed network connection"},
		{`ERROR|piecestore|download failed|{` + get + `"error": "unexpected EOF"}`, "download_ended failed storage_error GET us1 piece reason=unexpected EOF"},
		{`ERROR|piecestore|download failed|{` + get + `"error": "requested more data than available, requesting=5 available=4"}`, "download_ended failed storage_error GET us1 piece reason=requested more data than available, requesting=5 available=4"},
		{`ERROR|piecestore|download failed|{` + get + `"error": "pieces error: read x: input/output error"}`, "download_ended failed storage_error GET us1 piece reason=pieces error: read x: input/output error"},
		{`ERROR|piecestore|download failed|{` + get + `"error": "untrusted: \"no\""}`, `download_ended failed other GET us1 piece reason=untrusted: "no"`},
		{`ERROR|piecestore|error reading from piecereader|{` + audit + `"error": "pieces error: x"}`, "piece_read_failed storage_error GET_AUDIT us1 piece reason=pieces error: x"},
		{`WARN|piecestore|upload internal error|{"error": "broken pipe"}`, "transfer_twin client_left reason=broken pipe"},
		{`INFO|piecestore|upload rejected, too many requests|{"live_requests": 2, "request_limit": 1}`, "upload_ended rejected"},
		{`ERROR|piecestore|upload rejected, too many requests|{"live requests": 2, "requestLimit": 1}`, "upload_ended rejected"},
		{`WARN|piecestore|file found in trash|{` + get + `"size": 1}`, "piece_saved_from_trash GET us1 piece size=1"},
		// A name within another column is not that name.
		{`INFO|x|an ERROR: GET_AUDIT download failed|{"piece_id": "GETAUDITERRORFAILED", "note": "\"action\": \"GET_AUDIT\""}`, "other piece=GETAUDITERRORFAILED"},
		// Keys that come twice, and objects within.
		{`INFO|piecestore|uploaded|{"size": 1, "x": {"size": 5, "action": "GET"}, "y": ["size", 7], "action": "GET", ` + put + `"size": 2}`, "upload_ended success PUT us1 piece size=2"},

		{`INFO|reputation:service|node scores updated|{` + satellite + `, "total_audits": 5}`, "scores_updated us1"},
		{`WARN|reputation:service|node scores worsened|{` + oldSatellite + `, "Total Audits": 5}`, "scores_worsened us1"},
		{`DEBUG|contact:endpoint|pinged|{"by": "` + us1 + `", "src_addr": "1.2.3.4:5"}`, "pinged us1"},
		{`ERROR|contact:service|ping satellite failed |{` + oldSatellite + `, "attempts": 3, "error": "x"}`, "ping_failed us1 reason=x"},
		{`INFO|contact:service|retries timed out for this cycle|{` + oldSatellite + `}`, "ping_given_up us1"},
		{`WARN|contact:service|Your node is still considered to be online but encountered an error.|{` + oldSatellite + `, "Error": "quic"}`, "contact_warning us1 reason=quic"},
		{`INFO|contact:amnesty|sending amnesty batch to satellite|{"satellite": "` + us1 + `", "piece_count": 50}`, "lost_pieces us1"},
		{`INFO|orders|finished|{` + satellite + `, "count": 12}`, "orders_settled us1"},
		{`INFO|orders.` + us1 + `|finished`, "other"},
		{`DEBUG|gracefulexit:chore|finished|{}`, "other"},
		{`ERROR|orders|failed to settle orders for satellite|{"satellite ID": "` + us1 + `", "error": "x"}`, "orders_failed us1 reason=x"},
		{`INFO|piecestore|New bloomfilter is received|{"satellite": "` + us1 + `"}`, "bloom_filter_received us1"},
		{`INFO|retain|Retain job queued|{` + oldSatellite + `}`, "retain_queued us1"},
		{`INFO|retain|Prepared to run a Retain request.|{"Created Before": "2024-01-01T00:00:00Z", "Filter Size": 9, ` + oldSatellite + `}`, "retain_prepared us1"},
		{`INFO|retain|Moved pieces to trash during retain|{"num deleted": 7, "Retain Status": "enabled"}`, "retain_finished"},
		{`INFO|retain|Moved pieces to trash during retain|{"Deleted pieces": 7, "Duration": "1.5s", ` + oldSatellite + `}`, "retain_finished us1 duration=1.5s"},
		{`ERROR|retain|retain pieces failed|{"error": "x"}`, "retain_failed reason=x"},
		{`INFO|lazyfilewalker.gc-filewalker|starting subprocess|{"satelliteID": "` + us1 + `"}`, "walker_started us1 walker=gc"},
		{`INFO|lazyfilewalker.used-space-filewalker.subprocess|used-space-filewalker started|{"satelliteID": "` + us1 + `", "process": "x"}`, "walker_started us1 walker=used-space"},
		{`INFO|lazyfilewalker.trash-cleanup-filewalker.subprocess|trash-filewalker completed|{"satelliteID": "` + us1 + `", "bytesDeleted": 1}`, "walker_finished us1 walker=trash-cleanup"},
		{`INFO|lazyfilewalker.gc-filewalker|subprocess exited with status|{"satelliteID": "` + us1 + `", "status": 1, "error": "exit status 1"}`, "walker_failed us1 reason=exit status 1 walker=gc"},
		{`ERROR|pieces|used-space-filewalker failed|{"Lazy File Walker": true, ` + oldSatellite + `, "error": "x"}`, "walker_failed us1 reason=x walker=used-space"},
		{`INFO|pieces:trash|emptying trash started|{` + oldSatellite + `}`, "trash_emptying_started us1"},
		{`INFO|pieces:trash|emptying trash finished|{` + oldSatellite + `, "elapsed": "2m0.5s"}`, "trash_emptied us1 duration=2m0.5s"},
		{`ERROR|pieces:trash|emptying trash failed|{"error": "x"}`, "trash_emptying_failed reason=x"},
		{`INFO|collector|expired pieces collection started`, "expired_collection_started"},
		{`INFO|collector|expired pieces collection completed|{"count": 3}`, "expired_collected"},
		{`INFO|collector|collect|{"count": 3}`, "expired_collected"},
		{`INFO|collector|delete expired|{` + oldSatellite + `, "Piece ID": "P"}`, "expired_piece_deleted us1 piece=P"},
		{`INFO|collector|deleted expired piece|{"satelliteID": "` + us1 + `", "pieceID": "P"}`, "expired_piece_deleted us1 piece=P"},
		{`INFO|hashstore|beginning compaction|{"satellite": "` + us1 + `", "store": "s0", "stats": {"Size": 5}}`, "compaction_started us1"},
		{`INFO|hashstore|compact once started|{"satellite": "` + us1 + `", "today": 20779}`, "compaction_pass_started us1"},
		{`INFO|hashstore|compaction computed details|{"satellite": "` + us1 + `", "duration": "1ms"}`, "compaction_computed us1 duration=1ms"},
		{`INFO|hashstore|hashtbl rewritten|{"satellite": "` + us1 + `", "reclaimed bytes": "1 MiB"}`, "compaction_rewritten us1"},
		{`INFO|hashstore|compact once finished|{"satellite": "` + us1 + `", "duration": "1ms"}`, "compaction_pass_finished us1 duration=1ms"},
		{`INFO|hashstore|finished compaction|{"satellite": "` + us1 + `", "duration": "1h2m"}`, "compaction_finished us1 duration=1h2m0s"},
		{`ERROR|hashstore|compaction failed|{"satellite": "` + us1 + `", "error": "x"}`, "compaction_failed us1 reason=x"},
		{`WARN|hashstore|trashed record was read|{"satellite": "` + us1 + `", "record": "x"}`, "store_damaged us1"},
		{`INFO|piecemigrate:chore|enqueued for migration|{"sat": "` + us1 + `"}`, "migration_started us1"},
		{`DEBUG|piecemigrate:chore|migrated a piece|{"sat": "` + us1 + `", "id": "P", "size": 7680, "took": "175.5ms"}`, "piece_migrated us1 piece=P size=7680 duration=175.5ms"},
		{`INFO|piecemigrate:chore|couldn't migrate|{"error": "x", "sat": "` + us1 + `", "id": "P"}`, "piece_not_migrated us1 piece=P reason=x"},
		{`INFO|piecemigrate:chore|processed a bunch of pieces|{"successes": 10000, "size": 99}`, "pieces_migrated size=99"},
		{`INFO|piecemigrate:chore|removed empty satellite directory|{"dir": "/storage/blobs/ukfu6bhbboxilvt7jrwlqk7y2tapb5d2r2tsmj2sjxvw5qaaaaaa"}`, "migration_finished us1"},
		{`INFO|piecemigrate:chore|removed empty satellite directory|{"dir": "D:\\storage\\blobs\\ukfu6bhbboxilvt7jrwlqk7y2tapb5d2r2tsmj2sjxvw5qaaaaaa"}`, "migration_finished us1"},
		{`INFO|piecemigrate:chore|removed empty satellite directory|{"dir": "/storage/blobs"}`, "migration_finished"},
		{`INFO|Node ` + us1 + ` started|{}`, "node_started"},
		{`INFO|Got a signal from the OS: "interrupt"`, "node_stopping"},
		{`INFO|Service restarted successfully.|{"Process": "storagenode-updater", "Service": "storagenode"}`, "service_restarted"},
		{`WARN|version|version not allowed/outdated|{"current version": "v1.60.3"}`, "version_outdated"},
		{`ERROR|version|outdated software version|{"error": "x"}`, "version_outdated reason=x"},
		{`ERROR|services|unexpected shutdown of a runner|{"name": "piecestore:monitor", "error": "x"}`, "runner_stopped reason=x"},
		{`ERROR|piecestore:monitor|timed out while verifying writability of storage directory|{"timeout": "1m0s"}`, "storage_unusable"},
		{`ERROR|failure during run|{"error": "x"}`, "run_failed reason=x"},
		{`FATAL|Unrecoverable error|{"error": "x"}`, "node_died reason=x"},
		{`FATAL|Failed to load identity.|{"error": "x"}`, "node_died reason=x"},
		{`DEBUG|Unrecoverable error|{"error": "x"}`, "other reason=x"},
		{`WARN|piecestore:monitor|Used more space than allocated. Allocated space is|{"bytes": 1}`, "disk_overused"},
		{`WARN|piecestore:monitor|Disk space is less than requested. Allocated space is|{"bytes": 1}`, "disk_too_small"},
		{`ERROR|preflight:localtime|system clock is out of sync with satellite|{` + oldSatellite + `, "error": "x"}`, "clock_skewed us1 reason=x"},
		{`ERROR|nodestats:cache|payouts err|{"satellite": "` + us1 + `"}`, "other us1"},
		{`INFO|x|something new|{"satellite_id": "not an id!", "size": "221.7 MiB", "offset": -5}`, "other size=232469299 offset=-5"},
	}
	for _, stamp := range []string{"2026-11-22T22:23:07Z", "2022-01-01T12:00:00.000+0200"} {
		for _, c := range cases {
			raw := stamp + "\t" + strings.ReplaceAll(c.line, "|", "\t")
			want := strings.ReplaceAll(c.want, " piece ", " piece="+piece+" ")
			if strings.HasSuffix(want, " piece") {
				want += "=" + piece
			}
			want = strings.ReplaceAll(want, "us1", us1)
			for name, event := range map[string]*storagenode.Event{
				"console": parsed(t, raw),
				"Docker":  parsed(t, string(asDocker(t, []byte(raw)))),
				"JSON":    parsed(t, asJSON(t, raw)),
			} {
				if got := described(event); got != want {
					t.Errorf("%s, %s\n got %s\nwant %s", name, raw, got, want)
				}
			}
		}
	}
}

// described are an event's parts, as far as it has them.
func described(event *storagenode.Event) string {
	parts := []string{event.Kind.String()}
	add := func(format string, value any, have bool) {
		if have {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%s", event.Outcome, event.Outcome != 0)
	add("%s", event.Cause, event.Cause != 0)
	add("%s", event.Action, event.Action != 0)
	add("%s", event.Satellite, event.Satellite != "")
	add("piece=%s", event.Piece, event.Piece != nil)
	add("peer=%s", event.Peer, event.Peer != nil)
	add("size=%d", event.Size, event.Size != -1)
	add("offset=%d", event.Offset, event.Offset != -1)
	add("free=%d", event.Free, event.Free != -1)
	add("reason=%s", event.Reason, event.Reason != nil)
	add("duration=%s", event.Duration, event.Duration != 0)
	add("walker=%s", event.Walker(), event.Walker() != "")
	return strings.Join(parts, " ")
}

// asJSON is a console line in the JSON encoding, without spaces.
func asJSON(t *testing.T, raw string) string {
	t.Helper()
	line, err := storagenode.ParseLine([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	stamp, _, _ := strings.Cut(raw, "\t")
	object := fmt.Sprintf(`{"L":%q,"T":%q`, line.Level, stamp)
	if line.Logger != "" {
		object += fmt.Sprintf(`,"N":%q`, line.Logger)
	}
	if line.Caller != "" {
		object += fmt.Sprintf(`,"C":%q`, line.Caller)
	}
	object += fmt.Sprintf(`,"M":%q`, line.Message)
	fields := strings.Trim(string(line.Fields), "{} ")
	if fields != "" {
		object += "," + strings.TrimSuffix(strings.TrimPrefix(string(line.Fields), "{"), "}")
	}
	return object + "}"
}

// A lost race of v1.86 to v1.112 has a DEBUG line beside its INFO line, which is no
// transfer of its own; without that line it is one.
func TestTwinsAreNotCounted(t *testing.T) {
	const stamp = "2023-11-22T22:23:07Z\t"
	canceled := stamp + "INFO\tpiecestore\tupload canceled (race lost or node shutdown)\t" + `{"Piece ID": "%s"}`
	failed := stamp + "DEBUG\tpiecestore\tupload failed\t" + `{"Piece ID": "%s", "error": "manager closed"}`
	other := stamp + "INFO\tpiecestore\tuploaded\t" + `{"Piece ID": "%s", "Size": 1}`
	parser := storagenode.NewParser()
	var got []string
	for _, line := range []string{
		fmt.Sprintf(canceled, "A"), fmt.Sprintf(failed, "A"), fmt.Sprintf(failed, "A"),
		fmt.Sprintf(canceled, "B"), fmt.Sprintf(canceled, "C"), fmt.Sprintf(other, "D"), fmt.Sprintf(failed, "C"), fmt.Sprintf(failed, "B"),
		fmt.Sprintf(failed, "E"),
	} {
		event, err := parser.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(event.Piece)+" "+gotKind(event))
	}
	want := []string{
		"A upload_ended canceled", "A transfer_twin", "A upload_ended canceled",
		"B upload_ended canceled", "C upload_ended canceled", "D upload_ended success", "C transfer_twin", "B transfer_twin",
		"E upload_ended canceled",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTransfersCostNoMemory(t *testing.T) {
	for _, encoding := range []simnode.Encoding{simnode.Console, simnode.JSON, simnode.Docker, simnode.DockerJSON} {
		for _, version := range []string{"1.162.3", "1.145.3", "1.82.1"} {
			var log bytes.Buffer
			if _, err := simnode.WriteBigLog(&log, 3000, simnode.Options{Seed: 1, Encoding: encoding, Version: version}); err != nil {
				t.Fatal(err)
			}
			parser := storagenode.NewParser()
			var transfers [][]byte
			for line := range bytes.Lines(log.Bytes()) {
				if event, err := parser.Parse(line); err != nil {
					t.Fatal(err)
				} else if event != nil && event.Piece != nil {
					transfers = append(transfers, line)
				}
			}
			if len(transfers) < 2000 {
				t.Fatalf("%d transfers", len(transfers))
			}
			allocated := testing.AllocsPerRun(5, func() {
				for _, line := range transfers {
					_, _ = parser.Parse(line)
				}
			})
			if allocated > 0 {
				t.Errorf("%s of %s: %v allocations in %d lines", encoding, version, allocated, len(transfers))
			}
		}
	}
}

// What a log is full of must not fill the memory: more satellites and messages than a node
// can have are read, and not remembered.
func TestMemoryIsBounded(t *testing.T) {
	parser := storagenode.NewParser()
	read := func(i int) {
		id := fmt.Sprintf("satellite%d", i)
		event, err := parser.Parse(fmt.Appendf(nil, "2026-11-22T22:23:07Z\tINFO\tlogger%d\tmessage %d\t{\"satellite_id\": %q}", i, i, id))
		if err != nil || event.Satellite != id || event.Message != fmt.Sprintf("message %d", i) || event.Logger != fmt.Sprintf("logger%d", i) {
			t.Fatalf("%+v, %v", event, err)
		}
	}
	for i := range 3000 {
		read(i)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 100_000 {
		read(3000 + i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes more after 100,000 satellites and messages", grown)
	}
	runtime.KeepAlive(parser)
}

// The words that tell a cause are at an error's beginning or end, however long it is.
func TestCausesOfLongErrors(t *testing.T) {
	long := strings.Repeat("some wrapper: ", 1000)
	for text, want := range map[string]storagenode.Cause{
		"file does not exist; " + long: storagenode.PieceMissing,
		long + "broken pipe":           storagenode.ClientLeft,
		long + "input/output error":    storagenode.StorageError,
		long:                           storagenode.OtherCause,
		"":                             storagenode.NoCause,
	} {
		event := parsed(t, "2026-11-22T22:23:07Z\tERROR\tpiecestore\tdownload failed\t"+`{"error": "`+text+`"}`)
		if event.Cause != want || string(event.Reason) != text {
			t.Errorf("%.40q…: %v, want %v", text, event.Cause, want)
		}
	}
}

// A disk on a network fails in words that a connection has, too. It is told by the path, or by what
// no disk says.
func TestCausesOfNetworkDisks(t *testing.T) {
	for text, want := range map[string]storagenode.Cause{
		"read /mnt/nfs/x.sj1: connection timed out":                                       storagenode.StorageError,
		"hashstore: read /mnt/s0/log: connection timed out":                               storagenode.StorageError,
		"pieces error: open /mnt/nfs/x.sj1: connection reset by peer":                     storagenode.StorageError,
		"read /mnt/fuse/x.sj1: broken pipe":                                               storagenode.StorageError,
		"read /mnt/blobs/x: use of closed file":                                           storagenode.StorageError,
		"hashstore: use of closed file":                                                   storagenode.StorageError,
		`read Z:\storj\x.sj1: The network connection was aborted by the local system.`:    storagenode.StorageError,
		`read \\nas\storj\x.sj1: The network connection was aborted by the local system.`: storagenode.StorageError,
		"open /mnt/nfs/x.sj1: no such file or directory":                                  storagenode.PieceMissing,
		"connection timed out":                                                            storagenode.OtherCause,

		"read tcp 10.0.0.1:28967->10.0.0.9:1: read: connection timed out":                                                            storagenode.ClientLeft,
		"manager closed: closed: read tcp [::1]:28967->[fe80::1]:1: read: connection reset by peer":                                  storagenode.ClientLeft,
		"write tcp 10.0.0.1:28967->10.0.0.9:1: use of closed network connection":                                                     storagenode.ClientLeft,
		"write tcp 10.0.0.1:28967->10.0.0.9:1: wsasend: An established connection was aborted by the software in your host machine.": storagenode.ClientLeft,
		"filestore error: failed to walk: context canceled":                                                                          storagenode.ClientLeft,
		"write udp 10.0.0.1:28967->10.0.0.9:1: connection timed out":                                                                 storagenode.ClientLeft,
	} {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		event := parsed(t, "2026-11-22T22:23:07Z\tERROR\tpiecestore\tdownload failed\t"+`{"error": `+string(quoted)+`}`)
		if event.Cause != want {
			t.Errorf("%s: %v, want %v", text, event.Cause, want)
		}
	}
}
