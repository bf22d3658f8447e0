package storagenode_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

func at2(t *testing.T, layout, text string) time.Time {
	t.Helper()
	at, err := time.Parse(layout, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestFieldsByTheirNormalKeys(t *testing.T) {
	// One way to write a key is as good as any other.
	for normal, keys := range map[string][]string{
		"piece_id":            {"piece_id", "Piece ID", "pieceID", "PieceID", "piece-id"},
		"satellite_id":        {"satellite_id", "Satellite ID", "satelliteID", "SatelliteID", "satellite", "sat", "satelliteid", "satellite ID"},
		"request_limit":       {"request_limit", "requestLimit", "Request Limit"},
		"error_verbose":       {"errorVerbose"},
		"curr_log_slots_size": {"curr logSlots size", "curr_log_slots_size"},
		"num_logs_ttl":        {"NumLogsTTL"},
		"ttl_percent":         {"TTLPercent"},
		"total_bytes":         {"total bytes", "Total Bytes", "total_bytes"},
		"src_addr":            {"srcAddr", "src_addr"},
		"sat_pieces_total":    {"satPiecesTotal"},
	} {
		for _, key := range keys {
			event := parsed(t, "2026-11-22T22:23:07Z\tINFO\tx y\t"+`{"other": 1, "`+key+`": "value", "next": 2}`)
			if got, ok := event.Text(normal); !ok || got != "value" {
				t.Errorf("%s as %s: %q, %v", key, normal, got, ok)
			}
		}
	}
}

func TestFieldsOfEveryType(t *testing.T) {
	event := parsed(t, "2026-11-22T22:23:07Z\tINFO\thashstore\tfinished compaction\t"+
		`{"process": "storagenode", "count": 12, "negative": -7, "score": 0.125, "small": 1e-3, "completed": true, "NaN": "NaN", "inf": "+Inf", "text": "a \"b\" \u003e \ud83d\ude00", `+
		`"duration": "1h2.5s", "nanoseconds": 1500, "created": "2026-11-22T22:23:07+01:00", "bytes": 1024, "human": "221.7 MiB", "none": "0 B", "decimal": "1.5 GB", "short": "12KiB", `+
		`"list": [1, 2], "null": null, "twice": 1, "twice": 2, "stats": {"NumLogs": 3, "LenLogs": "1.0 KiB", "SetPercent": 0.5, "Table": {"NumSlots": 16384, "LenSet": "2 B"}}}`)
	type result struct {
		Value any
		OK    bool
	}
	of := func(value any, ok bool) result { return result{value, ok} }
	text := func(key string) result { v, ok := event.Text(key); return of(v, ok) }
	integer := func(key string) result { v, ok := event.Int(key); return of(v, ok) }
	float := func(key string) result { v, ok := event.Float(key); return of(v, ok) }
	boolean := func(key string) result { v, ok := event.Bool(key); return of(v, ok) }
	duration := func(key string) result { v, ok := event.DurationOf(key); return of(v, ok) }
	size := func(key string) result { v, ok := event.Bytes(key); return of(v, ok) }
	moment := func(key string) result { v, ok := event.TimeOf(key); return of(v, ok) }
	for _, c := range []struct {
		name      string
		got, want result
	}{
		{"text", text("text"), of("a \"b\" > \U0001F600", true)},
		{"number as a text", text("count"), of("12", true)},
		{"list as a text", text("list"), of("[1, 2]", true)},
		{"no text", text("missing"), of("", false)},
		{"twice", integer("twice"), of(int64(2), true)},
		{"integer", integer("count"), of(int64(12), true)},
		{"negative", integer("negative"), of(int64(-7), true)},
		{"no integer", integer("score"), of(int64(0), false)},
		{"null", integer("null"), of(int64(0), false)},
		{"float", float("score"), of(0.125, true)},
		{"exponent", float("small"), of(0.001, true)},
		{"integer as a float", float("count"), of(12.0, true)},
		{"NaN", float("na_n"), of(0.0, false)},
		{"infinite", float("inf"), of(0.0, false)},
		{"true", boolean("completed"), of(true, true)},
		{"no boolean", boolean("count"), of(false, false)},
		{"duration", duration("duration"), of(time.Hour+2500*time.Millisecond, true)},
		{"nanoseconds", duration("nanoseconds"), of(1500*time.Nanosecond, true)},
		{"no duration", duration("text"), of(time.Duration(0), false)},
		{"time", moment("created"), of(time.Date(2026, 11, 22, 21, 23, 7, 0, time.UTC), true)},
		{"no time", moment("text"), of(time.Time{}, false)},
		{"bytes", size("bytes"), of(int64(1024), true)},
		{"MiB", size("human"), of(int64(232469299), true)},
		{"0 B", size("none"), of(int64(0), true)},
		{"GB", size("decimal"), of(int64(1_500_000_000), true)},
		{"KiB without a space", size("short"), of(int64(12<<10), true)},
		{"no bytes", size("text"), of(int64(0), false)},
		{"NaN bytes", size("na_n"), of(int64(0), false)},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	stats, ok := event.Nested("stats")
	if !ok {
		t.Fatal("no stats")
	}
	logs, _ := stats.Int("num_logs")
	length, _ := stats.Bytes("len_logs")
	table, ok := stats.Nested("table")
	if !ok {
		t.Fatal("no table")
	}
	slots, _ := table.Int("num_slots")
	set, _ := table.Bytes("len_set")
	if logs != 3 || length != 1024 || slots != 16384 || set != 2 {
		t.Errorf("%d logs of %d bytes, %d slots, %d set", logs, length, slots, set)
	}
	if _, ok := event.Nested("count"); ok {
		t.Error("a number is an object")
	}
	if _, ok := parsed(t, "2026-11-22T22:23:07Z\tINFO\tx y").Text("anything"); ok {
		t.Error("a line without fields has one")
	}
}

// In the JSON encoding the header is among the fields, but is none.
func TestTheHeaderIsNoField(t *testing.T) {
	event := parsed(t, `{"L":"INFO","T":"2026-11-22T22:23:07Z","M":"x","m":"mine"}`)
	if got, ok := event.Text("m"); !ok || got != "mine" {
		t.Errorf("%q, %v", got, ok)
	}
	if got, ok := event.Text("t"); ok {
		t.Errorf("the time is a field: %q", got)
	}
}

func TestScores(t *testing.T) {
	const header = "2026-11-22T22:32:24Z\tWARN\treputation:service\tnode scores worsened\t"
	want := storagenode.LoggedScores{Satellite: us1, Audit: 1, Online: 0.885, Suspension: 0.97, TotalAudits: 338, SuccessfulAudits: 322}
	for name, fields := range map[string]string{
		"new": `"satellite_id": "` + us1 + `", "total_audits": 338, "successful_audits": 322, "audit_score": 1, "online_score": 0.885, "suspension_score": 0.97, "audit_score_delta": 0, "online_score_delta": -0.1`,
		"old": `"Satellite ID": "` + us1 + `", "Total Audits": 338, "Successful Audits": 322, "Audit Score": 1, "Online Score": 0.885, "Suspension Score": 0.97, "Audit Score Delta": 0`,
	} {
		got, ok := parsed(t, header+"{"+fields+"}").Scores()
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %v %s", name, ok, diff)
		}
	}
	want.TotalAudits, want.SuccessfulAudits = -1, -1
	got, ok := parsed(t, header+`{"satellite_id": "`+us1+`", "audit_score": 1, "online_score": 0.885, "suspension_score": 0.97}`).Scores()
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("without audits: %v %s", ok, diff)
	}
	for name, fields := range map[string]string{
		"no satellite":         `{"audit_score": 1, "online_score": 1, "suspension_score": 1}`,
		"no suspension score":  `{"satellite_id": "` + us1 + `", "audit_score": 1, "online_score": 1}`,
		"a score that is none": `{"satellite_id": "` + us1 + `", "audit_score": "NaN", "online_score": 1, "suspension_score": 1}`,
		"a score over 1":       `{"satellite_id": "` + us1 + `", "audit_score": 100, "online_score": 1, "suspension_score": 1}`,
		"cut":                  `{"satellite_id": "` + us1 + `", "audit_score": 1, "online_score": 1, "suspension_sc`,
	} {
		if got, ok := parsed(t, header+fields).Scores(); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := parsed(t, "2026-11-22T22:32:24Z\tWARN\tx\tsomething else\t"+`{"satellite_id": "`+us1+`", "audit_score": 1, "online_score": 1, "suspension_score": 1}`).Scores(); ok {
		t.Error("another line has scores")
	}
}

func TestNamesOfEventParts(t *testing.T) {
	seen := map[string]bool{}
	for kind := storagenode.OtherLine; kind <= storagenode.ClockInSync; kind++ {
		if name := kind.String(); name == "" || seen[name] {
			t.Errorf("kind %d is %q", kind, name)
		} else {
			seen[name] = true
		}
	}
	if (storagenode.ClockInSync + 100).String() != "" {
		t.Error("a kind that is none has a name")
	}
	for action := storagenode.Put; action <= storagenode.OtherAction; action++ {
		if back, ok := storagenode.ParseAction(action.String()); !ok || back != action {
			t.Errorf("%v is read as %v, %v", action, back, ok)
		}
	}
	for outcome := storagenode.OutcomeSuccess; outcome <= storagenode.OutcomeRejected; outcome++ {
		if back, ok := storagenode.ParseOutcome(outcome.String()); !ok || back != outcome {
			t.Errorf("%v is read as %v, %v", outcome, back, ok)
		}
	}
	for _, name := range []string{"", "get", "GET_AUDITS"} {
		if action, ok := storagenode.ParseAction(name); ok {
			t.Errorf("%q is %v", name, action)
		}
		if outcome, ok := storagenode.ParseOutcome(name); ok {
			t.Errorf("%q is %v", name, outcome)
		}
	}
}
