//go:build !windows

package reputation_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/reputation"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// These benchmarks measure whole queries as a panel asks them, up to the Arrow that
// Grafana gets, in CPU time of the process: a busy machine does not change it.

var benchSatellites = []string{
	"121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6",
	"12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S",
	"12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs",
	"1wFTAgs9DP5RSnCqKV1eLf6N9wtk4EAtmN5DpSxcs8EjT69tGE",
}

var benchScores = []string{"audit_score_percent", "suspension_score_percent", "online_score_percent", "vetting_progress_percent", "failed"}

var benchStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// walk gives a node's scores at one poll after the other. Satellites renew them
// every four hours; audits fail rarely, the online score moves with most windows.
type walk struct {
	random *rand.Rand
	scores [][]float64
	every  int // polls between two renewals
}

func newWalk(node int, step time.Duration) *walk {
	w := &walk{random: rand.New(rand.NewPCG(uint64(node), 3)), every: max(1, int(4*time.Hour/step))}
	for range benchSatellites {
		w.scores = append(w.scores, []float64{100, 100, 99.8, 100, 0})
	}
	return w
}

func (w *walk) poll(n int) []store.Sample {
	var samples []store.Sample
	for i, id := range benchSatellites {
		v := w.scores[i]
		if n%w.every == i%w.every {
			if w.random.IntN(50) == 0 {
				v[0] *= 0.999
			} else {
				v[0] = 100 - (100-v[0])*0.96
			}
			if w.random.IntN(2) == 0 {
				v[2] = max(90, min(100, v[2]+(w.random.Float64()-0.5)/10))
			}
		}
		for j, metric := range benchScores {
			samples = append(samples, store.Sample{Column: store.NewColumn(metric, "satellite", id), Value: v[j]})
		}
	}
	return samples
}

// halfDays adds the windows of a day, of each satellite: one in ten is not whole.
func (w *walk) halfDays(into *store.Batch, node concern.Node, day int) {
	for half := range 2 {
		var samples []store.Sample
		for _, id := range benchSatellites {
			percent := 100.0
			if audits := 10 + w.random.IntN(30); w.random.IntN(10) == 0 {
				percent = 100 * float64(w.random.IntN(audits)) / float64(audits)
			}
			samples = append(samples, store.Sample{Column: store.NewColumn("online_windows_percent", "satellite", id), Value: percent})
		}
		into.Add(node.StoredAs("online_windows"), benchStart.AddDate(0, 0, day).Add(time.Duration(half)*12*time.Hour).UnixMilli(), samples...)
	}
}

func benchNode(n int) concern.Node {
	name := fmt.Sprintf("node-%d", n)
	return concern.Node{Node: settings.Node{Name: name, Key: name}, History: name}
}

// filled is a store with so many nodes' polls over so many days, sealed and rolled up
// as if it had run all that time, and a request for all of them. each sees every row.
func filled(b *testing.B, nodes, days int, step time.Duration, each func(node concern.Node, at time.Time, row []store.Sample)) (*store.Store, concern.Request) {
	b.Helper()
	now := benchStart
	s, err := store.Open(store.Options{
		Dir: b.TempDir(), FlushInterval: -1, Now: func() time.Time { return now },
		Limits: store.Limits{Policies: (reputation.Concern{}).Policies(settings.Default().Retention)},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	perDay := int(24 * time.Hour / step)
	walks := make([]*walk, nodes)
	for n := range walks {
		walks[n] = newWalk(n, step)
	}
	try := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for day := range days {
		now = benchStart.AddDate(0, 0, day+1)
		for n, w := range walks {
			node := benchNode(n)
			batch := &store.Batch{}
			for i := day * perDay; i < (day+1)*perDay; i++ {
				at, row := benchStart.Add(time.Duration(i)*step), w.poll(i)
				batch.Add(node.StoredAs("reputation"), at.UnixMilli(), row...)
				if each != nil {
					each(node, at, row)
				}
			}
			w.halfDays(batch, node, day)
			try(s.Record(batch))
		}
		try(s.Flush())
		if day%10 == 9 || day == days-1 {
			try(s.RollUp(b.Context()))
			try(s.Seal())
		}
	}
	request := concern.Request{
		Query: concern.Query{QueryType: "reputation", Format: concern.TimeSeries, Metrics: []string{"audit_score_percent"}},
		From:  benchStart, To: now, Now: now, Settings: settings.Default(), Store: s, MaxPoints: 1500, Step: now.Sub(benchStart) / 1500,
	}
	batch := &store.Batch{}
	for n := range nodes {
		node := benchNode(n)
		latest := reputation.Latest{At: now, Interval: step}
		for _, id := range benchSatellites {
			latest.Standings = append(latest.Standings, reputation.Standing{SatelliteID: id, Timestamp: now, Audit: 100, Suspension: 100, Online: 99.9, JoinedAt: benchStart, VettedAt: benchStart})
		}
		document, err := json.Marshal(latest)
		try(err)
		batch.Put(node.StoredAs("reputation"), document)
		request.Watched = append(request.Watched, concern.Watched{Node: node, Since: benchStart})
	}
	try(s.Record(batch))
	try(s.Seal())
	return s, request
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// ask answers a request up to the Arrow that Grafana gets.
func ask(b *testing.B, request concern.Request, series, points int) {
	b.Helper()
	frames, err := (reputation.Concern{}).Answer(b.Context(), request)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := frames.MarshalArrow(); err != nil {
		b.Fatal(err)
	}
	fields, rows := 0, 0
	for _, frame := range frames {
		fields, rows = fields+len(frame.Fields), max(rows, frame.Rows())
	}
	if fields < series || rows < points {
		b.Fatalf("%d fields of up to %d rows, want %d of %d", fields, rows, series, points)
	}
}

func benchmarkRequest(b *testing.B, request concern.Request, series, points int) (perQuery time.Duration) {
	before := cpuTime()
	n := 0
	for b.Loop() {
		ask(b, request, series, points)
		n++
	}
	perQuery = (cpuTime() - before) / time.Duration(n)
	b.ReportMetric(float64(perQuery.Microseconds())/1000, "CPU-ms/query")
	return perQuery
}

func BenchmarkQueries(b *testing.B) {
	_, month := filled(b, 10, 30, 5*time.Minute, nil)
	b.Run("a month of one score of 10 nodes", func(b *testing.B) { benchmarkRequest(b, month, 40, 1400) })
	latest := month
	latest.Query.Format = concern.Instant
	b.Run("the latest of one score of 10 nodes", func(b *testing.B) { benchmarkRequest(b, latest, 1, 40) })
	everything := latest
	everything.Query.Metrics = nil
	b.Run("the latest of everything of 10 nodes", func(b *testing.B) { benchmarkRequest(b, everything, 5, 40) })
}

func BenchmarkYearOfAHundredNodes(b *testing.B) {
	_, year := filled(b, 100, 365, time.Hour, nil)
	b.Run("one score", func(b *testing.B) { benchmarkRequest(b, year, 400, 1400) })
}

// BenchmarkNodeAtDefaultRetention is what the reputation of one node takes after 400
// days: polls of 30 days, hours and days of all, and the half days of its online score.
func BenchmarkNodeAtDefaultRetention(b *testing.B) {
	for b.Loop() {
		s, _ := filled(b, 1, 400, 5*time.Minute, nil)
		b.ReportMetric(float64(s.Status().MemoryBytes)/1024, "KiB/node")
	}
}

// BenchmarkAgainstPrometheus asks a Prometheus that holds the same samples in compacted
// blocks the same question, and compares CPU time with CPU time.
func BenchmarkAgainstPrometheus(b *testing.B) {
	for _, program := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skip("there is no " + program)
		}
	}
	dir := b.TempDir()
	// Into files, so that this process' heap is that of the store and no more.
	rows := map[string]*os.File{}
	samples := 0
	lines := map[string]*bytes.Buffer{}
	spill := func(metric string, text *bytes.Buffer) {
		if rows[metric] == nil {
			f, err := os.Create(filepath.Join(dir, metric))
			if err != nil {
				b.Fatal(err)
			}
			rows[metric] = f
		}
		if _, err := text.WriteTo(rows[metric]); err != nil {
			b.Fatal(err)
		}
	}
	s, request := filled(b, 10, 30, 5*time.Minute, func(node concern.Node, at time.Time, row []store.Sample) {
		for _, sample := range row {
			metric := sample.Column.Metric()
			if lines[metric] == nil {
				lines[metric] = &bytes.Buffer{}
			}
			fmt.Fprintf(lines[metric], "%s{node=%q,satellite=%q} %s %d\n", metric, node.Name, sample.Column.Label("satellite"), strconv.FormatFloat(sample.Value, 'g', -1, 64), at.Unix())
			samples++
		}
		for metric, text := range lines {
			if text.Len() < 1<<16 {
				continue
			}
			spill(metric, text)
		}
	})
	for metric, text := range lines {
		spill(metric, text)
	}
	p := startPrometheus(b, dir, rows)
	bytesOf := 0.0
	if info, err := os.Stat(s.Status().Path); err == nil {
		bytesOf = float64(info.Size()) / float64(samples)
	}
	for name, expression := range map[string]string{
		"the worst of each step": "min_over_time(audit_score_percent[%ds])",
		"a value of each step":   "audit_score_percent",
	} {
		if strings.Contains(expression, "%") {
			expression = fmt.Sprintf(expression, int(request.Step.Seconds()))
		}
		b.Run(name, func(b *testing.B) {
			const theirQueries = 20
			p.ask(b, expression, request) // the first one reads the files
			before := p.cpuTime(b)
			for range theirQueries {
				p.ask(b, expression, request)
			}
			theirs := (p.cpuTime(b) - before) / theirQueries
			ours := benchmarkRequest(b, request, 40, 1400)
			b.ReportMetric(float64(theirs.Microseconds())/1000, "Prometheus-CPU-ms/query")
			b.ReportMetric(float64(theirs)/float64(ours), "times-as-fast")
			b.ReportMetric(p.bytes/float64(samples), "Prometheus-B/sample")
			b.ReportMetric(bytesOf, "B/sample")
		})
	}
}

type prometheus struct {
	address string
	pid     int
	bytes   float64 // of its blocks
}

func startPrometheus(b *testing.B, dir string, rows map[string]*os.File) prometheus {
	b.Helper()
	input, blocks := filepath.Join(dir, "samples"), filepath.Join(dir, "blocks")
	f, err := os.Create(input)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(f)
	for metric, lines := range rows {
		fmt.Fprintf(out, "# TYPE %s gauge\n", metric)
		if _, err := lines.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(out, lines) // Flush answers the error
		_ = lines.Close()
	}
	fmt.Fprintln(out, "# EOF")
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	load := exec.CommandContext(b.Context(), "promtool", "tsdb", "create-blocks-from", "--max-block-duration=2000h", "openmetrics", input, blocks)
	if said, err := load.CombinedOutput(); err != nil {
		b.Fatalf("load the samples: %v\n%s", err, said)
	}
	p := prometheus{}
	err = filepath.Walk(blocks, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			p.bytes += float64(info.Size())
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	configuration := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(configuration, []byte("scrape_configs: []\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	p.address = listener.Addr().String()
	_ = listener.Close()
	process := exec.Command("prometheus", "--config.file="+configuration, "--storage.tsdb.path="+blocks, "--storage.tsdb.retention.time=100y", "--web.listen-address="+p.address)
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	p.pid = process.Process.Pid
	for deadline := time.Now().Add(time.Minute); ; {
		if answer, err := http.Get("http://" + p.address + "/-/ready"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(deadline) {
			b.Fatal("Prometheus does not get ready")
		}
		time.Sleep(50 * time.Millisecond) // between two looks
	}
}

func (p prometheus) ask(b *testing.B, expression string, request concern.Request) {
	b.Helper()
	answer, err := http.PostForm("http://"+p.address+"/api/v1/query_range", url.Values{
		"query": {expression}, "start": {strconv.FormatInt(request.From.Unix(), 10)}, "end": {strconv.FormatInt(request.To.Unix(), 10)},
		"step": {strconv.Itoa(int(request.Step.Seconds()))},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("Prometheus answers %d: %v\n%.300s", answer.StatusCode, err, body)
	}
	if series := bytes.Count(body, []byte(`"metric":`)); series != 40 || bytes.Count(body, []byte("],[")) < 40*1400 {
		b.Fatalf("Prometheus answers %d series, %d bytes", series, len(body))
	}
}

// cpuTime is what Prometheus has used.
func (p prometheus) cpuTime(b *testing.B) time.Duration {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		b.Skip("this system has no /proc: ", err)
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] { // user and system time
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
