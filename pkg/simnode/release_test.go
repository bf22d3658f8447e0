package simnode_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// said are the forms in which a release writes its messages: level, message
// and keys in order, as "INFO uploaded process,piece_id,…".
func said(t *testing.T, version string) map[string]bool {
	t.Helper()
	forms := map[string]bool{}
	for _, o := range []simnode.Options{
		{Scenario: simnode.AuditTimeouts}, // with rejected uploads
		{Scenario: simnode.FailingAudits}, // with lost pieces
		{Scenario: simnode.FlakyUplink},
	} {
		o.Seed, o.Version, o.Updates = 1, version, noUpdates
		o.Level, o.Rate, o.AuditRate, o.JoinedAge = "debug", 120, 20, 90*day
		o.TroubleAt = testStart.Add(4 * time.Hour)
		_, log := run(t, 30*time.Hour, o)
		eachLine(t, log, readConsole, func(l plainLine) {
			if strings.HasSuffix(l.logger, ".subprocess") {
				slices.Sort(l.keys)
			}
			forms[l.level+" "+l.shape()+" "+strings.Join(l.keys, ",")] = true
		})
	}
	return forms
}

func TestReleasesSayThingsTheirWay(t *testing.T) {
	t.Parallel()
	const (
		oldPiece    = "Process,Piece ID,Satellite ID,Action"
		oldPeer     = oldPiece + ",Remote Address"
		oldDownload = oldPiece + ",Offset,Size,Remote Address"
		newPeer     = "process,piece_id,satellite_id,action,remote_address"
		newDownload = "process,piece_id,satellite_id,action,offset,size,remote_address"
	)
	for _, c := range []struct {
		version string
		says    []string
		never   []string // beginnings
	}{
		{
			"1.60.3", []string{
				"INFO upload started " + oldPiece + ",Available Space",
				"INFO uploaded " + oldPiece + ",Size",
				"INFO upload canceled " + oldPiece + ",Size",
				"INFO download started " + oldPiece,
				"INFO downloaded " + oldPiece,
				"INFO download canceled " + oldPiece,
				"ERROR download failed " + oldPiece + ",error,errorVerbose",
				"ERROR upload rejected, too many requests Process,live requests,requestLimit",
				"ERROR ping satellite failed  Process,Satellite ID,attempts,error,errorVerbose",
				"INFO Moved pieces to trash during retain Process,num deleted,Retain Status",
				"INFO delete expired Process,Satellite ID,Piece ID",
				"INFO collect Process,count",
			},
			[]string{"INFO node scores", "WARN node scores", "INFO beginning compaction", "INFO starting subprocess", "INFO expired pieces", "INFO sending amnesty", "INFO loaded hint"},
		},
		{
			"1.79.4", []string{
				"INFO upload started " + oldPiece + ",Available Space,Remote Address",
				"INFO uploaded " + oldPiece + ",Size,Remote Address",
				"INFO download started " + oldDownload,
				"INFO downloaded " + oldDownload,
				"ERROR upload failed " + oldPiece + ",error,errorVerbose,Size,Remote Address",
				"INFO emptying trash finished Process,Satellite ID",
				"INFO starting subprocess Process,satelliteID",
			},
			[]string{"INFO node scores", "INFO upload canceled (race"},
		},
		{
			"1.86.2", []string{
				"INFO upload canceled (race lost or node shutdown) Process,Piece ID",
				"INFO download canceled (race lost or node shutdown) Process,Piece ID",
				"DEBUG upload failed " + oldPiece + ",error,errorVerbose,Size,Remote Address",
				"DEBUG download canceled " + oldDownload + ",error,errorVerbose",
				"INFO node scores updated Process,Satellite ID,Total Audits,Successful Audits,Audit Score,Online Score,Suspension Score,Audit Score Delta,Online Score Delta,Suspension Score Delta",
				"WARN node scores worsened Process,Satellite ID,Total Audits,Successful Audits,Audit Score,Online Score,Suspension Score,Audit Score Delta,Online Score Delta,Suspension Score Delta",
			},
			[]string{"INFO Retain job queued"},
		},
		{
			"1.104.5", []string{
				"INFO upload started " + oldPeer + ",Available Space",
				"INFO uploaded " + oldPeer + ",Size",
				"INFO upload canceled (race lost or node shutdown) " + oldPeer,
				"INFO download canceled (race lost or node shutdown) " + oldDownload,
				"INFO Moved pieces to trash during retain Process,cachePath,Deleted pieces,Failed to delete,Pieces failed to read,Pieces count,Satellite ID,Duration,Retain Status",
				"INFO emptying trash finished Process,Satellite ID,elapsed",
				"INFO Persisting bandwidth usage cache to db Process",
			},
			[]string{"INFO expired pieces", "INFO New bloomfilter"},
		},
		{
			"1.115.5", []string{
				"INFO upload started " + oldPeer + ",Available Space",
				"INFO upload canceled " + oldPeer + ",Size",
				"INFO download canceled " + oldDownload + ",reason",
				"INFO expired pieces collection completed Process,count",
				"ERROR upload rejected, too many requests Process,live requests,requestLimit",
			},
			[]string{"INFO upload canceled (race", "INFO download canceled (race", "DEBUG upload started"},
		},
		{
			"1.122.10", []string{
				"DEBUG upload started " + oldPeer + ",Available Space",
				"DEBUG download started " + oldDownload,
				"INFO upload rejected, too many requests Process,live requests,requestLimit",
				"INFO New bloomfilter is received Process,satellite,creation",
				"INFO beginning compaction Process,satellite,store,stats",
				"INFO used-space-filewalker completed Process,Satellite ID,Lazy File Walker,Total Pieces Size,Total Pieces Content Size,Total Pieces Count,Duration",
			},
			[]string{"INFO upload started", "WARN upload failed", "INFO sending amnesty", "INFO loaded hint"},
		},
		{
			"1.146.5", []string{
				"DEBUG upload started " + newPeer + ",available_space",
				"INFO uploaded " + newPeer + ",size",
				"INFO downloaded " + newDownload,
				"ERROR download failed " + newDownload + ",error,errorVerbose",
				"ERROR upload failed " + newPeer + ",size,error,errorVerbose",
				"INFO sending amnesty batch to satellite process,satellite,piece_count",
				"INFO starting subprocess process,satellite_id",
			},
			[]string{"WARN upload failed", "INFO piece migration chore initialized"},
		},
		{
			recordedNow, []string{
				"WARN upload failed " + newPeer + ",size,error,errorVerbose",
				"INFO download canceled " + newDownload + ",reason",
				"INFO piece migration chore initialized process,old_blobs_path,cleanup_enabled",
			},
			[]string{"ERROR upload failed"},
		},
	} {
		minor := 0
		if _, err := fmt.Sscanf(c.version, "1.%d.", &minor); err != nil {
			t.Fatal(err)
		}
		forms := said(t, c.version)
		for _, want := range c.says {
			if !forms[want] {
				t.Errorf("v%s never says %q", c.version, want)
				message, _, _ := strings.Cut(want, " process")
				message, _, _ = strings.Cut(message, " Process")
				for form := range forms {
					if strings.HasPrefix(form, message) {
						t.Logf("but %q", form)
					}
				}
			}
		}
		for form := range forms {
			for _, never := range c.never {
				if strings.HasPrefix(form, never) {
					t.Errorf("v%s says %q", c.version, form)
				}
			}
			if old := strings.Contains(form, "Process"); old != (minor < 146) {
				t.Errorf("v%s mixes the keys of before and after v1.146: %q", c.version, form)
			}
		}
	}
}

func TestAnUpdateChangesTheWords(t *testing.T) {
	n, log := run(t, 2*day, simnode.Options{
		Version: "1.145.3", Rate: 100, JoinedAge: 90 * day,
		Updates: []simnode.VersionChange{{At: testStart.Add(day), Version: "1.146.5"}},
	})
	old, now := 0, 0
	eachLine(t, log, readConsole, func(l plainLine) {
		if l.message != "uploaded" {
			return
		}
		if _, is := l.value("Piece ID"); is {
			old++
			if now > 0 {
				t.Fatal("old keys after new ones")
			}
		} else {
			now++
		}
	})
	if old < 100 || now < 100 {
		t.Errorf("%d lines with old keys, %d with new ones", old, now)
	}
	if got := answer(t, n.Handler(), "/api/sno/")["version"]; got != "1.146.5" {
		t.Errorf("the API says version %v", got)
	}
}

func TestNodeIDs(t *testing.T) {
	for _, s := range simnode.KnownSatellites() {
		if err := simnode.CheckNodeID(s.ID); err != nil {
			t.Errorf("%s: %v", s.URL, err)
		}
	}
	for seed := range uint64(50) {
		id := simnode.NodeIDFrom(seed)
		if err := simnode.CheckNodeID(id); err != nil || len(id) < 49 || len(id) > 52 || id[0] != '1' {
			t.Errorf("made %q: %v", id, err)
		}
	}
	for _, bad := range []string{"", "x", us1[:50], us1[1:] + "1", us1 + us1, "0OIl", strings.Repeat("1", 5000)} {
		if simnode.CheckNodeID(bad) == nil {
			t.Errorf("%.60q is taken for an id", bad)
		}
	}
}

func TestPieceIDsLookReal(t *testing.T) {
	seen := map[string]bool{}
	for key := range uint64(1000) {
		id := simnode.PieceID(key)
		if len(id) != 52 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			t.Fatalf("%q is no piece id", id)
		}
		if last := id[51]; last != 'A' && last != 'Q' { // one bit is left for it
			t.Fatalf("%q cannot end so", id)
		}
		seen[id] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different ids of 1000", len(seen))
	}
	first := map[byte]int{}
	for key := range uint64(3200) {
		first[simnode.PieceID(key)[0]]++
	}
	for letter, count := range first {
		if count < 50 || count > 150 {
			t.Errorf("%d of 3200 begin with %c", count, letter)
		}
	}
}

func TestHumanBytes(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B", 600: "600 B", 700: "0.7 KiB", 802067: "0.8 MiB", 64 << 20: "64.0 MiB",
		232469299: "221.7 MiB", 12 << 20: "12.0 MiB", 3 << 40: "3.0 TiB",
	} {
		if got := simnode.HumanBytes(bytes); got != want {
			t.Errorf("%d bytes are %q, want %q", bytes, got, want)
		}
	}
}

func TestUUIDs(t *testing.T) {
	for seed := range uint64(20) {
		id := simnode.UUIDFrom(seed)
		if len(id) != 36 || id[14] != '4' || !strings.Contains("89ab", id[19:20]) || strings.Count(id, "-") != 4 {
			t.Errorf("%q is no UUID of version 4", id)
		}
	}
}

func TestTrafficLooksReal(t *testing.T) {
	sizes := map[string]int{}
	var durations []float64
	total := 0
	n, _ := run(t, 10*day, simnode.Options{Rate: 500, JoinedAge: 300 * day, Level: "error", Observe: func(e simnode.Event) {
		if e.Kind != simnode.EventTransfer || e.Outcome != "success" {
			return
		}
		total++
		sizes[fmt.Sprint(e.Bytes < 16<<10)]++
		durations = append(durations, e.Duration.Seconds())
	}})
	slices.Sort(durations)
	if p50, p99 := durations[len(durations)/2], durations[len(durations)*99/100]; p50 < 0.1 || p50 > 0.6 || p99 < 1 || p99 > 6 {
		t.Errorf("half of the transfers take %.3f s, one in a hundred %.3f s", p50, p99)
	}
	if small := float64(sizes["true"]) / float64(total); small < 0.2 || small > 0.45 {
		t.Errorf("%.2f of the transfers are small", small)
	}
	if perHour := float64(total) / 240; math.Abs(perHour-475) > 40 {
		t.Errorf("%.0f successful transfers an hour at a rate of 500", perHour)
	}
	for _, c := range n.Truth().Transfers {
		if c.Outcome == "failed" && c.Count > 400 {
			t.Errorf("too many failures for a healthy node: %+v", c)
		}
	}
}
