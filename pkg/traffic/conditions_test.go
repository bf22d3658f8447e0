package traffic_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/conditions/conditionstest"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/traffic"
)

const day = 24 * time.Hour

// watch is one node, its log, and a clock.
type watch struct {
	t     testing.TB
	dir   string
	now   time.Time
	store *store.Store
	node  concern.Watched
	ear   concern.Ear
}

func newWatch(t testing.TB) *watch {
	w := &watch{t: t, dir: t.TempDir(), now: noon}
	w.node = concern.Watched{
		Node: nodeNamed("Alpha"), State: concern.Connected,
		Evidence: concern.Evidence{HasLog: true, Level: storagenode.Info},
	}
	w.open()
	t.Cleanup(func() { _ = w.store.Close() })
	return w
}

func (w *watch) open() {
	opened, err := store.Open(store.Options{
		Dir: w.dir, FlushInterval: -1, Now: func() time.Time { return w.now },
		Limits: store.Limits{Policies: traffic.Concern{}.Policies(settings.Default().Retention)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.ear = opened, traffic.Concern{}.Listen(w.node.Node, opened)
}

// hears takes lines as the fleet does.
func (w *watch) hears(events ...storagenode.Event) {
	w.t.Helper()
	for i := range events {
		e := &events[i]
		kinds := []concern.LineKind{concern.AnyLine}
		if e.Kind == storagenode.UploadEnded || e.Kind == storagenode.DownloadEnded {
			kinds = append(kinds, concern.TransferLines)
		}
		for _, kind := range kinds {
			if e.Time.After(w.node.Evidence.Last[kind]) {
				w.node.Evidence.Last[kind] = e.Time
			}
		}
		if since := &w.node.Evidence.Since; since.IsZero() || e.Time.Before(*since) {
			*since = e.Time
		}
		w.ear.Hear(e)
	}
	batch := &store.Batch{}
	if err := w.ear.Flush(batch); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Record(batch); err != nil {
		w.t.Fatal(err)
	}
}

// each is an event at every so many minutes of a time before noon, from one on up to another.
func (w *watch) each(every, from, to time.Duration, of func(before time.Duration) storagenode.Event) {
	w.t.Helper()
	var events []storagenode.Event
	for before := from; before > to; before -= every {
		events = append(events, of(before))
	}
	w.hears(events...)
}

func download(before time.Duration) storagenode.Event {
	return ended(before, us1, storagenode.Get, storagenode.OutcomeSuccess, 1024)
}

func upload(before time.Duration) storagenode.Event {
	return ended(before, us1, storagenode.Put, storagenode.OutcomeSuccess, 1024)
}

func rejection(before time.Duration) storagenode.Event {
	return ended(before, "", storagenode.NoAction, storagenode.OutcomeRejected, -1)
}

func other(before time.Duration) storagenode.Event { return line(before) }

// usual is a week with 30 downloads in every 2 hours, the last of them at 10 o'clock, and two
// hours with other lines.
func (w *watch) usual() {
	w.t.Helper()
	w.each(4*time.Minute, 7*day+2*time.Hour, 2*time.Hour-1, download)
	w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
}

// goOn lets time go by, with a line each half hour.
func (w *watch) goOn(d time.Duration) {
	w.t.Helper()
	for until := w.now.Add(d); w.now.Before(until); {
		w.now = w.now.Add(min(30*time.Minute, until.Sub(w.now)))
		w.hears(other(noon.Sub(w.now)))
	}
}

// judge answers the verdict, which must be the same after the store was opened anew.
func (w *watch) judge() conditions.Verdict {
	w.t.Helper()
	verdict := w.verdict()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	if diff := cmp.Diff(verdict, w.verdict()); diff != "" {
		w.t.Errorf("after opening the store anew: %s", diff)
	}
	return verdict
}

func (w *watch) verdict() conditions.Verdict {
	w.t.Helper()
	c := conditions.Case{Nodes: []concern.Watched{w.node}, Store: w.store, Settings: settings.Default(), Now: w.now, Started: noon.Add(-10 * day)}
	verdict, err := traffic.Concern{}.Judge(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return verdict
}

// inWords is what is found and what cannot be judged.
func inWords(verdict conditions.Verdict) string {
	var all []string
	for _, f := range verdict.Findings {
		all = append(all, f.Code+" "+f.Severity.String())
	}
	for _, u := range verdict.Unseen {
		text := u.Code + " not watched"
		if u.Gone {
			text = u.Code + " gone"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestConditions(t *testing.T) {
	const (
		noTraffic = "no_traffic warning"
		unsure    = "no_traffic not watched"
		unseen    = "no_traffic not watched, upload_rejected not watched"
	)
	// week is the usual week without the day so long ago, but for some downloads then.
	without := func(w *watch, ago time.Duration, but int) {
		w.each(4*time.Minute, 7*day+2*time.Hour, ago, download)
		for i := range but {
			w.hears(download(ago - time.Duration(i+1)*time.Minute - time.Second))
		}
		w.each(4*time.Minute, ago-2*time.Hour, 2*time.Hour-1, download)
		w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
	}
	cases := []struct {
		name    string
		happens func(w *watch)
		want    string
		says    []string // the finding's message, or why it is not watched
	}{
		{"a healthy node", func(w *watch) { w.usual(); w.hears(download(time.Minute)) }, "", nil},
		{"no traffic for 2 hours", func(w *watch) { w.usual() }, noTraffic,
			[]string{"Node Alpha has had no upload, download or audit for 2 hours, since 2026-11-22 10:00 UTC (threshold: 2 hours), though each of the 7 days before had 30 downloads, repairs and audits or more from 10:00 to 12:00 UTC."}},
		{"no traffic for just less than 2 hours", func(w *watch) { w.usual(); w.now = noon.Add(-time.Second) }, "", nil},
		{"no traffic for a threshold of the node's own", func(w *watch) {
			w.node.Thresholds.NoTraffic = 3 * time.Hour
			w.usual()
			w.goOn(time.Hour - time.Second)
		}, "", nil},
		{"no traffic for all of a threshold of the node's own", func(w *watch) { w.node.Thresholds.NoTraffic = 3 * time.Hour; w.usual(); w.goOn(time.Hour) }, noTraffic,
			[]string{"for 3 hours, since", "threshold: 3 hours", "45 downloads", "from 10:00 to 13:00 UTC"}},
		{"30 downloads 3 days before", func(w *watch) { without(w, 3*day+2*time.Hour, 30) }, noTraffic, nil},
		{"29 downloads 3 days before", func(w *watch) { without(w, 3*day+2*time.Hour, 29) }, "", nil},
		{"29 downloads 7 days before", func(w *watch) { without(w, 7*day+2*time.Hour, 29) }, "", nil},
		{"29 downloads 8 days before", func(w *watch) {
			w.each(4*time.Minute, 8*day+2*time.Hour, 8*day, other)
			w.usual()
		}, noTraffic, nil},
		{"no line at all 3 days before", func(w *watch) { without(w, 3*day+2*time.Hour, 0) }, unsure, []string{"that takes 7 days"}},
		{"a log that is known for 6 days", func(w *watch) {
			w.each(4*time.Minute, 6*day+2*time.Hour, 2*time.Hour-1, download)
			w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
		}, unsure, []string{"that takes 7 days"}},
		{"audits and repairs count", func(w *watch) {
			w.each(8*time.Minute, 7*day+2*time.Hour, 2*time.Hour, func(before time.Duration) storagenode.Event {
				return ended(before, us1, storagenode.GetAudit, storagenode.OutcomeSuccess, 256)
			})
			w.each(8*time.Minute, 7*day+2*time.Hour-4*time.Minute, 2*time.Hour, func(before time.Duration) storagenode.Event {
				return ended(before, eu1, storagenode.GetRepair, storagenode.OutcomeCanceled, 256)
			})
			w.hears(download(2 * time.Hour))
			w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
		}, noTraffic, nil},
		// A full node has no uploads.
		{"only uploads stay away", func(w *watch) {
			w.each(4*time.Minute, 7*day+2*time.Hour, 2*time.Hour-1, upload)
			w.each(time.Hour, 7*day+2*time.Hour, 3*time.Hour, download)
			w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
		}, "", nil},
		{"only uploads come", func(w *watch) { w.usual(); w.hears(upload(time.Minute)) }, "", nil},
		{"traffic again", func(w *watch) { w.usual(); w.goOn(3 * time.Hour); w.hears(download(-3 * time.Hour)) }, "", nil},
		// It was busy when it began, and stays raised at a time that never has any.
		{"a day of no traffic", func(w *watch) {
			for d := 7; d > 0; d-- {
				from := time.Duration(d)*day + 2*time.Hour
				w.each(30*time.Minute, from+12*time.Hour, from, other)
				w.each(time.Minute, from, from-3*time.Hour, download)
			}
			w.hears(download(2 * time.Hour))
			w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
			w.goOn(21 * time.Hour)
		}, noTraffic, []string{"23 hours", "120 downloads", "from 10:00 to 12:00 UTC"}},
		// It was a quiet time when it began.
		{"no traffic into a busy time", func(w *watch) {
			for d := 7; d > 0; d-- {
				from := time.Duration(d)*day + 2*time.Hour
				w.each(30*time.Minute, from+9*time.Hour, from-4*time.Hour, other)
				w.each(time.Minute, from-4*time.Hour, from-9*time.Hour, download)
			}
			w.hears(download(2 * time.Hour))
			w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
			w.goOn(4*time.Hour + 30*time.Minute)
		}, noTraffic, []string{"6 hours 30 minutes", "from 14:00 to 16:00 UTC"}},
		{"no traffic until before a busy time", func(w *watch) {
			for d := 7; d > 0; d-- {
				from := time.Duration(d)*day + 2*time.Hour
				w.each(30*time.Minute, from+9*time.Hour, from-4*time.Hour, other)
				w.each(time.Minute, from-4*time.Hour, from-9*time.Hour, download)
			}
			w.hears(download(2 * time.Hour))
			w.each(30*time.Minute, 2*time.Hour-time.Minute, 0, other)
			w.goOn(2 * time.Hour)
		}, "", nil},
		{"no traffic for more than a day", func(w *watch) { w.usual(); w.goOn(30 * time.Hour) },
			"no_traffic warning, upload_rejected not watched", []string{"1 day 8 hours"}},
		{"no traffic for a threshold of 3 days", func(w *watch) {
			w.node.Thresholds.NoTraffic = 3 * day
			w.usual()
			w.goOn(3*day - 2*time.Hour)
		}, "no_traffic warning, upload_rejected not watched", []string{"3 days, since", "360 downloads"}},
		{"no traffic for a quarter of an hour", func(w *watch) {
			w.node.Thresholds.NoTraffic = 15 * time.Minute
			w.each(30*time.Second, 7*day+15*time.Minute, 15*time.Minute-1, download)
			w.each(5*time.Minute, 14*time.Minute, 0, other)
		}, noTraffic, []string{"15 minutes, since"}},
		// What cannot be seen is not missing.
		{"started again since", func(w *watch) { w.usual(); w.hears(of(storagenode.NodeStart, time.Hour)) }, unsure, []string{"another log level"}},
		{"started again since, by its API", func(w *watch) { w.usual(); w.node.Facts.StartedAt = noon.Add(-time.Hour) }, unsure, []string{"another log level"}},
		{"started again before", func(w *watch) {
			w.usual()
			w.hears(of(storagenode.NodeStart, 3*time.Hour))
			w.node.Facts.StartedAt = noon.Add(-3 * time.Hour)
		}, noTraffic, nil},
		{"no line since", func(w *watch) { w.each(4*time.Minute, 7*day+2*time.Hour, 2*time.Hour-1, download) }, unseen, []string{"not enough other lines"}},
		{"lines in the first hour only", func(w *watch) { w.usual(); w.now = noon.Add(3 * time.Hour) }, unseen, []string{"not enough other lines"}},
		{"lines in the second hour only", func(w *watch) {
			w.each(4*time.Minute, 7*day+2*time.Hour, 2*time.Hour-1, download)
			w.hears(other(time.Minute))
		}, unsure, []string{"not enough other lines"}},
		{"no log", func(w *watch) { w.usual(); w.node.Evidence = concern.Evidence{} }, "no_traffic gone, upload_rejected gone", []string{"no log here; give the node's log"}},
		{"a log without a line", func(w *watch) { w.node.Evidence = concern.Evidence{HasLog: true} }, unseen, []string{"no line"}},
		{"a log without a transfer", func(w *watch) { w.hears(other(time.Hour), other(time.Minute)) }, unseen, []string{"no transfer is in the log yet, which begins at 11:00 UTC; wait for the first one"}},
		{"a log without a transfer for long", func(w *watch) { w.hears(other(4*time.Hour), other(time.Minute)) }, unseen, []string{"no transfer is in the log of the last 24 hours; remove log.custom-level"}},
		{"a log of warnings", func(w *watch) { w.usual(); w.node.Evidence.Level = storagenode.Warn }, unseen, []string{"no line below WARN"}},
		{"a log that cannot be read", func(w *watch) { w.usual(); w.node.LogTrouble = "permission denied" }, unseen, []string{"permission denied"}},
		{"a log that is behind", func(w *watch) {
			w.usual()
			w.node.LogBehind = 4<<10 + 1
			w.node.Evidence.Last[concern.AnyLine] = noon.Add(-6 * time.Minute)
		}, unseen, []string{"still being read"}},
		{"a log that is nearly read", func(w *watch) {
			w.usual()
			w.node.LogBehind = 4 << 10
			w.node.Evidence.Last[concern.AnyLine] = noon.Add(-6 * time.Minute)
		}, noTraffic, nil},
		{"nothing collects", func(w *watch) { w.usual(); w.node.State = concern.Stopped }, unseen, []string{"collecting is stopped"}},
		{"a retired node", func(w *watch) { w.usual(); w.node.Retired = true }, "", nil},

		// upload_rejected
		{"101 of 1009 uploads rejected", func(w *watch) { w.reject(0, 101, 908) }, "upload_rejected info",
			[]string{"Node Alpha rejected 101 of 1009 uploads because it had too many at once: 10.01% in the last hour (threshold: 10.0%)."}},
		{"101 of 1010 uploads rejected", func(w *watch) { w.reject(0, 101, 909) }, "", nil},
		{"100 of 100 uploads rejected", func(w *watch) { w.reject(0, 100, 0) }, "", nil},
		{"101 rejected, one of them more than an hour ago", func(w *watch) { w.reject(0, 100, 0); w.hears(rejection(61 * time.Minute)) }, "", nil},
		{"20 % by a threshold of the node's own", func(w *watch) { w.node.Thresholds.UploadRejected = 20; w.reject(0, 200, 800) }, "", nil},
		{"more than 20 % by a threshold of the node's own", func(w *watch) { w.node.Thresholds.UploadRejected = 20; w.reject(0, 201, 800) }, "upload_rejected info", []string{"threshold: 20.0%"}},
		{"101 rejected, where the node's own settings take 101 for nothing", func(w *watch) { w.node.Thresholds.UploadRejectedLeast = 101; w.reject(0, 101, 0) }, "", nil},
		{"rejected for 6 hours, more than a share of the node's own", func(w *watch) { w.node.Thresholds.UploadRejectedWarning = 40; w.rejectFor(6, 150, 150) }, "upload_rejected warning",
			[]string{"threshold: 40.0%"}},
		{"rejected an hour ago", func(w *watch) { w.reject(1, 500, 100); w.hears(download(time.Minute)) }, "", nil},
		{"much rejected for 5 hours", func(w *watch) { w.rejectFor(5, 150, 100) }, "upload_rejected info", nil},
		{"much rejected for 6 hours", func(w *watch) { w.rejectFor(6, 150, 100) }, "upload_rejected warning",
			[]string{"60.00% in the last hour, and no less than 60.00% in each of the last 6 hours (threshold: 50.0%)."}},
		{"half rejected for 6 hours", func(w *watch) { w.rejectFor(6, 150, 150) }, "upload_rejected info", nil},
		{"much rejected for 6 hours, but by a threshold of 70 %", func(w *watch) { w.node.Thresholds.UploadRejected = 70; w.rejectFor(6, 150, 100) }, "", nil},
		{"much rejected for 6 hours, but not in the fourth", func(w *watch) {
			for hour := range 6 {
				if hour != 3 {
					w.reject(hour, 150, 100)
				}
			}
			w.reject(3, 100, 100)
		}, "upload_rejected info", nil},
		{"downloads do not count", func(w *watch) { w.reject(0, 101, 900); w.each(time.Second, 50*time.Minute, 0, download) }, "upload_rejected info", []string{"101 of 1001"}},
		{"a log of half an hour", func(w *watch) {
			w.each(time.Second, 30*time.Minute, 20*time.Minute, rejection)
			w.hears(other(time.Minute))
		}, "upload_rejected info", []string{"rejected 600 of 600 uploads"}},
		{"a log of half an hour in which all is well", func(w *watch) { w.each(time.Second, 30*time.Minute, 20*time.Minute, download) }, "", nil},
		{"a log whose last line is an hour old", func(w *watch) {
			w.reject(1, 500, 0)
			w.node.Evidence.Last[concern.AnyLine] = noon.Add(-61 * time.Minute)
		},
			"upload_rejected not watched", []string{"no line since 2026-11-22 10:59 UTC"}},
	}
	told := make([]string, len(cases))
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newWatch(t)
				c.happens(w)
				verdict := w.judge()
				told[i] = conditionstest.Whole(c.name, verdict)
				if got := inWords(verdict); got != c.want {
					t.Errorf("got %q, want %q: %+v", got, c.want, verdict)
				}
				text := ""
				for _, f := range verdict.Findings {
					text += f.Message
					if f.History != "history-of-Alpha" || f.Title == "" || f.Unit == "" || !(f.Value >= f.Threshold) {
						t.Errorf("%+v", f)
					}
				}
				for _, u := range verdict.Unseen {
					text += u.Why
					if u.History != "history-of-Alpha" || u.Why == "" {
						t.Errorf("%+v", u)
					}
				}
				for _, part := range c.says {
					if !strings.Contains(text, part) {
						t.Errorf("%q does not say %q", text, part)
					}
				}
			})
		}
	})
	conditionstest.Golden(t, filepath.Join("testdata", "conditions.golden"), strings.Join(told, ""))
}

// reject lets so many uploads be rejected in the hour that ended so many hours ago, and so many
// not. The hour before it has a line.
func (w *watch) reject(hour, rejected, others int) {
	w.t.Helper()
	begin := time.Duration(hour+1)*time.Hour - time.Minute
	events := []storagenode.Event{other(begin + time.Hour)}
	for i := range rejected {
		events = append(events, rejection(begin-time.Duration(i)*50*time.Minute/time.Duration(rejected)))
	}
	for i := range others {
		events = append(events, upload(begin-time.Duration(i)*50*time.Minute/time.Duration(others)))
	}
	w.hears(events...)
}

func (w *watch) rejectFor(hours, rejected, others int) {
	w.t.Helper()
	for hour := range hours {
		w.reject(hour, rejected, others)
	}
}

func TestConditionsAreDefined(t *testing.T) {
	for _, problem := range conditions.Check((traffic.Concern{}).Conditions()) {
		t.Error(problem)
	}
	for _, d := range (traffic.Concern{}).Conditions() {
		if !d.NeedsNode || d.Group != "traffic" {
			t.Errorf("%+v", d)
		}
	}
}
