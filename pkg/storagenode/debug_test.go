package storagenode_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

func recordedMetrics(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "debug", "healthy.prom"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var recordedFigures = []storagenode.DurationFigures{
	{
		Action: storagenode.Get, Count: 136, Sum: 1313704789, Max: 199615383,
		Sample: storagenode.DurationSample{Min: 1714831, P10: 2634833, P50: 5898930, P90: 15200416, P99: 144609496, Max: 199615376},
	},
	{
		Action: storagenode.GetAudit, Count: 304, Sum: 1056808913, Max: 50501283,
		Sample: storagenode.DurationSample{Min: 757867, P10: 1035898, P50: 1905575, P90: 6942106, P99: 14288647, Max: 21461176},
	},
	{
		Action: storagenode.Put, Count: 368, Sum: 4899397612, Max: 191796892,
		Sample: storagenode.DurationSample{Min: 945176, P10: 1239930, P50: 7271687, P90: 23978916, P99: 64329814, Max: 107946272},
	},
}

// What a real node's debug port says, and only that: not what was canceled, not the sizes.
func TestDebugMetricsOfANode(t *testing.T) {
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, recordedMetrics(t))
	}))
	hc, err := storagenode.HTTPClient(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	client, err := storagenode.NewDebugClient(server.URL, hc)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := client.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(recordedFigures, metrics.Durations); diff != "" {
		t.Error(diff)
	}
}

func TestParseDebugMetrics(t *testing.T) {
	const us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	get := func(change func(*storagenode.DurationFigures)) []storagenode.DurationFigures {
		f := storagenode.DurationFigures{Action: storagenode.Get, Count: 2}
		if change != nil {
			change(&f)
		}
		return []storagenode.DurationFigures{f}
	}
	const count = `download_success_duration_ns{field="count"} 2` + "\n"
	for name, c := range map[string]struct {
		text string
		want []storagenode.DurationFigures
	}{
		"no action is a plain download":             {count, get(nil)},
		"no upload or download yet":                 {"# TYPE goroutines gauge\ngoroutines 7\n", nil},
		"a satellite's label begins with _":         {`download_success_duration_ns{satellite_id="_` + us1 + `",field="count"} 2`, get(func(f *storagenode.DurationFigures) { f.Satellite = us1 })},
		"labels in any order, with spaces and time": {`download_success_duration_ns{ field = "count" , scope="a\"},\\b\n", action="GET_REPAIR" }  2e0 1700000000` + "\r\n", get(func(f *storagenode.DurationFigures) { f.Action = storagenode.GetRepair })},
		"an action nobody knows":                    {`download_success_duration_ns{action="LOOK",field="count"} 2`, get(func(f *storagenode.DurationFigures) { f.Action = storagenode.OtherAction })},
		"a field nobody knows":                      {count + `download_success_duration_ns{field="r42"} 9`, get(nil)},
		"numbers that are none":                     {count + "download_success_duration_ns{field=\"sum\"} NaN\ndownload_success_duration_ns{field=\"max\"} -1\ndownload_success_duration_ns{field=\"r50\"} 1e300\ndownload_success_duration_ns{field=\"r90\"} +Inf\n", get(nil)},
		"a line that is cut":                        {count + `download_success_duration_ns{field="su`, get(nil)},
		"a satellite that is none":                  {count + `download_success_duration_ns{satellite="<b>",field="count"} 9`, get(nil)},
		"none has succeeded yet":                    {`download_success_duration_ns{field="count"} 0`, nil},
		"the last line without an end":              {strings.TrimSuffix(count, "\n"), get(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			metrics, err := storagenode.ParseDebugMetrics([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, append([]storagenode.DurationFigures(nil), metrics.Durations...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoDebugPort(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		kind    storagenode.ErrorKind
	}{
		"a web page":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>secret</html>") }, storagenode.BadJSON},
		"nothing there": {http.NotFound, storagenode.HTTPStatus},
		"more than enough": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "# TYPE x gauge\n"+strings.Repeat("x 1\n", 3<<20))
		}, storagenode.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			hc, err := storagenode.HTTPClient(5 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			client, err := storagenode.NewDebugClient(serve(t, c.handler).URL, hc)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Metrics(t.Context())
			var failed *storagenode.APIError
			if !errors.As(err, &failed) || failed.Kind != c.kind || failed.Mend == "" {
				t.Fatalf("%v", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows what was answered: %v", err)
			}
		})
	}
	if _, err := storagenode.NewDebugClient("localhost:5999", http.DefaultClient); err == nil {
		t.Error("an address without a scheme is taken")
	}
}

// Whatever comes, what is read makes sense and is bounded.
func FuzzParseDebugMetrics(f *testing.F) {
	recorded := recordedMetrics(f)
	f.Add([]byte(recorded[strings.Index(recorded, "download_success_duration_ns{"):][:900]))
	f.Add([]byte(`download_success_duration_ns{satellite="_1",action="GET\"",field="count"} 2 3`))
	f.Add([]byte(`upload_success_duration_ns{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		metrics, err := storagenode.ParseDebugMetrics(text)
		if err != nil && len(metrics.Durations) > 0 {
			t.Fatal("an error, and figures")
		}
		if len(metrics.Durations) > 500 {
			t.Fatalf("%d figures", len(metrics.Durations))
		}
		for _, figures := range metrics.Durations {
			if figures.Count <= 0 || figures.Sum < 0 || figures.Max < 0 || figures.Sample.P50 < 0 || figures.Action.String() == "" && figures.Action != storagenode.NoAction {
				t.Fatalf("%+v", figures)
			}
		}
	})
}
