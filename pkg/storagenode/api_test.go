package storagenode_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

func TestDiskSpaceKnowsBothShapes(t *testing.T) {
	type disk struct {
		Total, Used, Free, Trash, Reclaimable, Overused int64
		Known                                           bool
	}
	cases := []struct {
		name, json string
		want       disk
	}{
		{
			"from v1.143", `{"used":205933568,"available":1768802304,"overused":0,"allocated":2000000000,"trash":7,"reclaimable":143110912}`,
			disk{2000000000, 205933568, 1768802304, 7, 143110912, 0, true},
		},
		{
			"over-used", `{"used":61615872,"available":0,"overused":54247936,"allocated":20000000,"trash":17865472,"reclaimable":0}`,
			disk{20000000, 61615872, 0, 17865472, 0, 54247936, true},
		},
		{
			"before v1.143", `{"used":600,"available":1000,"trash":100,"overused":0}`,
			disk{1000, 700, 300, 100, 0, 0, true},
		},
		{
			"before v1.143, over-used", `{"used":1200,"available":1000,"trash":100,"overused":300}`,
			disk{1000, 1300, 0, 100, 0, 300, true},
		},
		{
			"numbers as floats", `{"used":6e2,"available":1000.0,"trash":100.5}`,
			disk{1000, 700, 300, 100, 0, 0, true},
		},
		{"allocated of zero is the new shape", `{"allocated":0,"used":5,"available":9}`, disk{0, 5, 9, 0, 0, 0, true}},
		{"nulls", `{"used":null,"available":null,"allocated":null,"trash":null}`, disk{}},
		{"nothing", `null`, disk{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var status storagenode.Status
			if err := json.Unmarshal([]byte(`{"diskSpace":`+c.json+`}`), &status); err != nil {
				t.Fatal(err)
			}
			d := status.DiskSpace
			got := disk{d.Total(), d.Used(), d.Free(), d.Trash(), d.Reclaimable(), d.Overused(), d.Known()}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswersTakeNullsAndUnknownFields(t *testing.T) {
	var status storagenode.Status
	err := json.Unmarshal([]byte(`{"nodeID":"n","new":{"deep":[1]},"satellites":null,"lastPinged":null,"startedAt":"0001-01-01T00:00:00Z","bandwidth":null}`), &status)
	if err != nil {
		t.Fatal(err)
	}
	if status.Satellites != nil || !status.LastPinged.IsZero() || !status.StartedAt.IsZero() {
		t.Errorf("got %+v", status)
	}
	var detail storagenode.SatelliteDetail
	err = json.Unmarshal([]byte(`{"audits":null,"auditHistory":{"score":1,"windows":null},"nodeJoinedAt":"0001-01-01T00:00:00Z","vettedAt":null,"storageDaily":null}`), &detail)
	if err != nil {
		t.Fatal(err)
	}
	if detail.Audits != nil || detail.AuditHistory.Windows != nil || !detail.JoinedAt.IsZero() || !detail.VettedAt.IsZero() {
		t.Errorf("got %+v", detail)
	}
}

func TestAMissingScoreIsNotZero(t *testing.T) {
	for body, complete := range map[string]bool{
		`{"auditScore":1,"suspensionScore":1,"onlineScore":0}`:    true,
		`{"auditScore":1,"suspensionScore":1}`:                    false,
		`{"auditScore":1,"suspensionScore":1,"onlineScore":null}`: false,
		`{}`: false,
	} {
		var audits storagenode.SatelliteAudits
		if err := json.Unmarshal([]byte(body), &audits); err != nil {
			t.Fatal(err)
		}
		if audits.Complete != complete {
			t.Errorf("%s: Complete = %v, want %v", body, audits.Complete, complete)
		}
	}
}

func TestWhole(t *testing.T) {
	for text, want := range map[string]storagenode.Whole{
		"12": 12, "12.0": 12, "1.2e1": 12, "-3": -3, "null": 0, "9007199254740993": 9007199254740993,
	} {
		var got storagenode.Whole
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{`"12"`, "1e300", "true", "[]"} {
		var got storagenode.Whole
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: got %d and no error", text, got)
		}
	}
}

func TestNotificationNamesItsSatellite(t *testing.T) {
	for message, want := range map[string]string{
		"This is a reminder that your StorageNode is suspended on Satellite 1ds2WEsr2Frv": "1ds2WEsr2Frv",
		"... on Satellite 1ds2WEsr2Frv.": "1ds2WEsr2Frv",
		"1ds2WEsr2Frv ":                  "1ds2WEsr2Frv",
		"":                               "",
	} {
		if got := (storagenode.Notification{Message: message}).SatelliteID(); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

func TestMonthPayoutTakesByteMonths(t *testing.T) {
	var payout storagenode.EstimatedPayout
	err := json.Unmarshal([]byte(`{"currentMonth":{"egressBandwidth":13516032,"diskSpace":0.12038583518688922,"payout":12.5,"heldRate":75},"currentMonthExpectations":31.25}`), &payout)
	if err != nil {
		t.Fatal(err)
	}
	want := storagenode.EstimatedPayout{
		CurrentMonth:             storagenode.MonthPayout{EgressBandwidth: 13516032, DiskSpace: 0.12038583518688922, Payout: 12.5, HeldRate: 75},
		CurrentMonthExpectations: 31.25,
	}
	if diff := cmp.Diff(want, payout); diff != "" {
		t.Error(diff)
	}
}

// fuzzAnswer holds the decoding of one answer to: no panic, and whatever was taken
// gives sane results in the rules.
func fuzzAnswer[Answer any](f *testing.F, seeds ...string) {
	for _, seed := range append(seeds, "null", "{}", "[]", `{"satellites":[null]}`) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer Answer
		if json.Unmarshal(body, &answer) != nil {
			return
		}
		switch read := any(answer).(type) {
		case storagenode.Status:
			if read.DiskSpace.Free() < 0 {
				t.Errorf("free space of %d", read.DiskSpace.Free())
			}
		case storagenode.SatelliteDetail:
			if score, ok := read.AuditHistory.OnlineScore(); ok && !(score >= 0 && score <= 1) {
				t.Errorf("online score of %v", score)
			}
			now := noon
			if at, ok := storagenode.OnlineRecoversAt(read.AuditHistory, now, 0.95); ok && (at.Before(now) || at.Sub(now) > 32*24*time.Hour) {
				t.Errorf("recovers at %v", at)
			}
		}
	})
}

func FuzzStatus(f *testing.F) {
	fuzzAnswer[storagenode.Status](f, recordedAnswers("sno.json")...)
}

func FuzzSatellites(f *testing.F) {
	fuzzAnswer[storagenode.Satellites](f, recordedAnswers("satellites.json")...)
}

func FuzzSatelliteDetail(f *testing.F) {
	fuzzAnswer[storagenode.SatelliteDetail](f, recordedAnswers("satellite_0.json")...)
}

func FuzzEstimatedPayout(f *testing.F) {
	fuzzAnswer[storagenode.EstimatedPayout](f, recordedAnswers("estimated-payout.json")...)
}

func FuzzNotification(f *testing.F) {
	fuzzAnswer[storagenode.Notification](f, `{"type":3,"message":"on Satellite x","readAt":null,"createdAt":"2026-11-22T22:45:24.9476051Z"}`)
}
