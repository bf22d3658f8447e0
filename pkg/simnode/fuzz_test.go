package simnode_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// FuzzNode lets a node of any kind live for some hours: its lines must be
// readable, in order and as many as it says, its disk must add up.
func FuzzNode(f *testing.F) {
	for i := range simnode.Scenarios() {
		f.Add(uint64(i), uint8(i), uint8(i*9), uint16(i*1000), uint8(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, scenario, minor uint8, ageDays uint16, hours uint8) {
		all := simnode.Scenarios()
		o := simnode.Options{
			Seed: seed, Start: testStart.Add(time.Duration(seed%100_000) * time.Minute),
			Scenario: all[int(scenario)%len(all)], Level: "debug", Rate: 300, AuditRate: 50,
			Version:   "1." + string([]byte{'1', '0' + minor%7, '0' + minor%10}) + ".3",
			JoinedAge: time.Duration(ageDays%2000) * day, Encoding: simnode.Docker,
		}
		if minor%3 == 0 {
			o.Version = "1." + string([]byte{'6' + minor%4, '0' + minor%10}) + ".1"
		}
		o.TroubleAt = o.Start.Add(time.Duration(hours%24) * time.Hour)
		n, err := simnode.New(o)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if err := n.AdvanceTo(o.Start.Add(time.Duration(hours%48)*time.Hour), &log); err != nil {
			t.Fatal(err)
		}
		truth := n.Truth()
		lines := int64(0)
		eachLine(t, unwrapDocker(t, log.Bytes()), readConsole, func(plainLine) { lines++ })
		if lines != truth.Log.Lines {
			t.Errorf("%d lines, the truth says %d", lines, truth.Log.Lines)
		}
		if d := truth.Disk; d.Used != d.Pieces+d.Trash+d.Reclaimable || d.Pieces < 0 || d.Trash < 0 || d.Reclaimable < 0 {
			t.Errorf("the disk does not add up: %+v", d)
		}
		for _, s := range truth.Satellites {
			for _, score := range []float64{s.Scores.Audit, s.Scores.Suspension, s.Scores.Online} {
				if !(score >= 0 && score <= 1) {
					t.Errorf("scores %+v", s.Scores)
				}
			}
		}
	})
}

// FuzzAPIPath asks for any path: never a panic, always a known kind of answer.
func FuzzAPIPath(f *testing.F) {
	for _, path := range []string{
		"/api/sno/", "/api/sno", "/api/sno/satellites", "/api/sno/satellite/" + us1, "/api/sno/satellites/" + us1 + "/pricing",
		"/api/sno/estimated-payout?id=" + us1, "/api/notifications/list?limit=10&page=1", "/api/heldamount/paystubs/2026-01/2026-10",
		"/api/heldamount/paystubs/2026-09?id=x", "/api/heldamount/payout-history/2026-09", "/api/heldamount/periods?id=" + us1,
		"/api/notifications/list?limit=18446744073709551615&page=4294967295", "/api/heldamount/paystubs/0-1/99999999-12", "//x", "/..",
	} {
		f.Add(path)
	}
	n, err := simnode.New(simnode.Options{Start: testStart, JoinedAge: 300 * day, Rate: 50})
	if err != nil {
		f.Fatal(err)
	}
	if err := n.AdvanceTo(testStart.Add(2*day), io.Discard); err != nil {
		f.Fatal(err)
	}
	h := n.Handler()
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: u, Host: "node", Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1})
		switch w.Code {
		case 200, 301, 307, 400, 404, 500:
		default:
			t.Errorf("%q: status %d", path, w.Code)
		}
	})
}

func FuzzCheckNodeID(f *testing.F) {
	f.Add(us1)
	f.Add(stranger)
	f.Add("")
	f.Fuzz(func(t *testing.T, id string) {
		if simnode.CheckNodeID(id) == nil && (len(id) < 40 || len(id) > 60) {
			t.Errorf("%q is taken for an id", id)
		}
	})
}

func FuzzCheckVersion(f *testing.F) {
	f.Add("1.162.3")
	f.Add("v1.60.0")
	f.Fuzz(func(t *testing.T, version string) {
		if simnode.CheckVersion(version) == nil && !strings.HasPrefix(strings.TrimPrefix(version, "v"), "1.") && !strings.Contains(version, "1.") {
			t.Errorf("%q is taken for a version", version)
		}
	})
}
