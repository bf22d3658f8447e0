package capacity_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/capacity"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	gb       = int64(1e9)
	tb       = int64(1e12)
	day      = 24 * time.Hour
	interval = 5 * time.Minute

	us1 = "12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S"
	eu1 = "12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// scene is nodes that are polled and heard, a store and a clock.
type scene struct {
	t        testing.TB
	now      time.Time
	store    *store.Store
	settings settings.Settings
	parser   *storagenode.Parser
	ears     map[string]concern.Ear
	own      func(*settings.Thresholds) // the nodes' thresholds; nil leaves them
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{t: t, now: noon, settings: settings.Default(), parser: storagenode.NewParser(), ears: map[string]concern.Ear{}}
	opened, err := store.Open(store.Options{FlushInterval: -1, Now: func() time.Time { return s.now }, Limits: store.Limits{Policies: s.concern().Policies(s.settings.Retention)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	s.store = opened
	return s
}

func (s *scene) concern() capacity.Concern {
	return capacity.Concern{Now: func() time.Time { return s.now }}
}

func named(name string) concern.Node {
	return concern.Node{Node: settings.Node{Name: name, Thresholds: settings.Default().Thresholds}, History: "history-of-" + name}
}

func (s *scene) named(name string) concern.Node {
	node := named(name)
	if s.own != nil {
		s.own(&node.Thresholds)
	}
	return node
}

func (s *scene) watched(name string) concern.Watched {
	return concern.Watched{Node: s.named(name), Since: noon.Add(-30 * day), State: concern.Connected}
}

// disk is a node's disk as the API of today says it: pieces, trash and what can be reclaimed of
// what is allocated, in GB.
func disk(allocated, pieces, trash, reclaimable int64) storagenode.DiskSpace {
	used := pieces + trash + reclaimable
	return storagenode.NewDiskSpace(allocated*gb, used*gb, max(0, allocated-used)*gb, trash*gb, reclaimable*gb, max(0, used-allocated)*gb)
}

// diskOf is what an API answers.
func diskOf(t testing.TB, text string) storagenode.DiskSpace {
	t.Helper()
	var d storagenode.DiskSpace
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *scene) record(name string, poll concern.Poll) {
	s.t.Helper()
	poll.At, poll.Interval = s.now, interval
	poll.Slot = s.now.Truncate(interval)
	batch := &store.Batch{}
	if err := s.concern().Record(s.named(name), poll, s.store, batch); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.Record(batch); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) poll(name string, d storagenode.DiskSpace) {
	s.t.Helper()
	s.record(name, concern.Poll{Status: &storagenode.Status{DiskSpace: d}})
}

// polls lets a node be polled for so long, up to now, with a disk that depends on its age in days.
func (s *scene) polls(name string, span, every time.Duration, of func(age float64) storagenode.DiskSpace) {
	s.t.Helper()
	end := s.now
	for s.now = end.Add(-span); s.now.Before(end); s.now = s.now.Add(every) {
		s.poll(name, of(end.Sub(s.now).Hours()/24))
	}
	s.now = end
	s.poll(name, of(0))
}

// growing is a disk that grows by so many GB a day to so many now.
func growing(allocated, now, perDay int64) func(age float64) storagenode.DiskSpace {
	return func(age float64) storagenode.DiskSpace {
		used := now*gb - int64(float64(perDay*gb)*age)
		return storagenode.NewDiskSpace(allocated*gb, used, max(0, allocated*gb-used), 0, 0, max(0, used-allocated*gb))
	}
}

// counted lets satellites say what they store: GB by satellite on the days up to now, the last of
// which is not over.
func (s *scene) counted(name string, days map[string][]float64) {
	s.t.Helper()
	scores := &storagenode.Scores{}
	for id, values := range days {
		satellite := storagenode.SatelliteScores{ID: id, Contacted: true}
		first := s.now.Truncate(day).Add(-time.Duration(len(values)-1) * day)
		for i, v := range values {
			d := storagenode.StorageDay{IntervalStart: first.Add(time.Duration(i) * day), IntervalInHours: 24, AtRestTotalBytes: v * float64(gb), AtRestTotal: v * float64(gb) * 24}
			satellite.Storage = append(satellite.Storage, d)
		}
		scores.Satellites = append(scores.Satellites, satellite)
	}
	s.record(name, concern.Poll{Scores: scores})
}

// upload is a line of an upload that begins now, with so much free.
func (s *scene) upload(name string, free int64) {
	s.t.Helper()
	s.line(name, fmt.Sprintf("DEBUG\tpiecestore\tupload started\t{\"piece_id\": \"P\", \"satellite_id\": \"%s\", \"action\": \"PUT\", \"remote_address\": \"1.2.3.4:5\", \"available_space\": %d}", us1, free))
}

func (s *scene) line(name, text string) {
	s.t.Helper()
	event, err := s.parser.Parse([]byte(s.now.UTC().Format(time.RFC3339) + "\t" + text))
	if err != nil || event == nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	if s.ears[name] == nil {
		s.ears[name] = s.concern().Listen(named(name), s.store)
	}
	s.ears[name].Hear(event)
}

func (s *scene) flush(name string) {
	s.t.Helper()
	batch := &store.Batch{}
	if err := s.ears[name].Flush(batch); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.Record(batch); err != nil {
		s.t.Fatal(err)
	}
}

// asking is a request over the last day, in steps of an hour.
func (s *scene) asking(queryType string, format concern.Format, metrics []string, nodes ...string) concern.Request {
	r := concern.Request{
		Query: concern.Query{QueryType: queryType, Format: format, Metrics: metrics},
		From:  s.now.Add(-day), To: s.now, Now: s.now, Step: time.Hour, Settings: s.settings, Store: s.store,
	}
	for _, name := range nodes {
		r.Watched = append(r.Watched, s.watched(name))
	}
	return r
}

func (s *scene) answer(r concern.Request) data.Frames {
	s.t.Helper()
	frames, err := s.concern().Answer(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(frames) == 0 {
		s.t.Fatal("no frame: not even one without data")
	}
	return frames
}

// seriesOf is a time series answer as an alert rule reads it: "metric{labels}" to time to value.
func seriesOf(t testing.TB, frames data.Frames) map[string]map[time.Time]float64 {
	t.Helper()
	from, err := timeseries.CollectionReaderFromFrames(frames)
	if err != nil {
		t.Fatal(err)
	}
	collection, err := from.GetCollection(true)
	if err != nil {
		t.Fatal(err)
	}
	if collection.Warning != nil || len(collection.RemainderIndices) > 0 {
		t.Errorf("warning %v, remainders %v", collection.Warning, collection.RemainderIndices)
	}
	all := map[string]map[time.Time]float64{}
	for _, ref := range collection.Refs {
		key := ref.GetMetricName() + "{" + ref.GetLabels().String() + "}"
		all[key] = map[time.Time]float64{}
		for i := range ref.ValueField.Len() {
			at, v, err := ref.NullableFloat64Point(i)
			if err != nil {
				t.Fatal(err)
			}
			if v != nil {
				all[key][at.UTC()] = *v
			}
		}
	}
	return all
}

// instantsOf is an instant answer as alert rules read it, frame by frame.
func instantsOf(t testing.TB, frames data.Frames) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, frame := range frames {
		from, err := numeric.CollectionReaderFromFrames(data.Frames{frame})
		if err != nil {
			t.Fatal(err)
		}
		collection, err := from.GetCollection(false)
		if err != nil {
			t.Fatal(err)
		}
		if collection.Warning != nil || len(collection.RemainderIndices) > 0 {
			t.Errorf("warning %v, remainders %v", collection.Warning, collection.RemainderIndices)
		}
		for _, ref := range collection.Refs {
			v, empty, err := ref.NullableFloat64Value()
			if err != nil || empty || v == nil {
				t.Fatalf("%v: value %v, %v", ref, v, err)
			}
			all[ref.GetMetricName()+"{"+ref.GetLabels().String()+"}"] = *v
		}
	}
	return all
}

func notices(frames data.Frames) []string {
	var texts []string
	for _, frame := range frames {
		for _, notice := range frame.Meta.Notices {
			texts = append(texts, notice.Severity.String()+": "+notice.Text)
		}
	}
	return texts
}

// rowsOf are a table's rows, column by name; a missing value is "-".
func rowsOf(frame *data.Frame, columns ...string) []string {
	var rows []string
	for i := range frame.Rows() {
		text := ""
		for _, column := range columns {
			field, _ := frame.FieldByName(column)
			value := "-"
			switch v := field.At(i).(type) {
			case *float64:
				if v != nil {
					value = fmt.Sprintf("%.1f", *v)
				}
			case float64:
				value = fmt.Sprintf("%.1f", v)
			case *time.Time:
				if v != nil {
					value = v.Format(time.RFC3339)
				}
			case time.Time:
				value = v.Format(time.RFC3339)
			default:
				value = fmt.Sprint(v)
			}
			text += value + " "
		}
		rows = append(rows, text[:len(text)-1])
	}
	return rows
}

func ascending(times map[time.Time]float64) []time.Time {
	var all []time.Time
	for at := range times {
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}
