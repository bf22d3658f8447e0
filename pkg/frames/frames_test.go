package frames_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/reader"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
)

var nan = math.NaN()

// read is what an alert rule makes of a wide frame: "metric{labels}" and its
// values, NaN for null, in the reader's order.
func readWide(t *testing.T, frame *data.Frame) (names []string, values [][]float64, times []time.Time) {
	t.Helper()
	if kind, err := reader.CanReadBasedOnMeta(data.Frames{frame}); err != nil || kind != data.FrameTypeTimeSeriesWide {
		t.Fatalf("kind %q, %v", kind, err)
	}
	from, err := timeseries.CollectionReaderFromFrames(data.Frames{frame})
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
	for _, ref := range collection.Refs {
		names = append(names, ref.GetMetricName()+"{"+ref.GetLabels().String()+"}")
		var own []float64
		times = nil
		for i := range ref.ValueField.Len() {
			at, value, err := ref.NullableFloat64Point(i)
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, at)
			if value == nil {
				own = append(own, nan)
				continue
			}
			own = append(own, *value)
		}
		values = append(values, own)
	}
	if collection.NoData() != (len(names) == 0) {
		t.Errorf("no data: %v with %d series", collection.NoData(), len(names))
	}
	return names, values, times
}

var sameFloat = cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })

func TestWideIsReadBackByAlertRules(t *testing.T) {
	ours := []int64{1_700_000_000_000, 1_700_000_300_000, 1_700_000_600_000}
	labels := func(node, satellite string) data.Labels { return data.Labels{"node": node, "satellite": satellite} }
	cases := []struct {
		name   string
		series []frames.Series
		names  []string
		values [][]float64
	}{
		{"nothing", nil, nil, nil},
		{"only missing values", []frames.Series{{Name: "online", Labels: labels("A", "us1"), Values: []float64{nan, nan, nan}}}, nil, nil},
		{
			"missing values are null",
			[]frames.Series{{Name: "online", Labels: labels("A", "us1"), Values: []float64{nan, 99.5, nan}}},
			[]string{"online{node=A, satellite=us1}"},
			[][]float64{{nan, 99.5, nan}},
		},
		{
			"ordered by name, then labels; empty ones left out",
			[]frames.Series{
				{Name: "online", Labels: labels("B", "eu1"), Values: []float64{1, 2, 3}},
				{Name: "online", Labels: labels("A", "us1"), Values: []float64{4, 5, 6}},
				{Name: "audit", Labels: labels("B", "us1"), Values: []float64{7, 8, 9}},
				{Name: "audit", Labels: labels("A", "eu1"), Values: []float64{nan, nan, nan}},
				{Name: "online", Labels: labels("A", "eu1"), Values: []float64{0, 0, 0}},
			},
			[]string{"audit{node=B, satellite=us1}", "online{node=A, satellite=eu1}", "online{node=A, satellite=us1}", "online{node=B, satellite=eu1}"},
			[][]float64{{7, 8, 9}, {0, 0, 0}, {4, 5, 6}, {1, 2, 3}},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			frame := frames.Wide("reputation", ours, c.series)
			names, values, times := readWide(t, frame)
			if diff := cmp.Diff(c.names, names); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.values, values, sameFloat); diff != "" {
				t.Error(diff)
			}
			if len(names) == 0 {
				if len(frame.Fields) != 0 {
					t.Errorf("%d fields in a frame without data", len(frame.Fields))
				}
				return
			}
			for i, at := range times {
				if !at.Equal(time.UnixMilli(ours[i])) || at.Location() != time.UTC {
					t.Errorf("time %d is %v", i, at)
				}
			}
			// The fields are in the reader's order already, so that a panel shows it.
			for i, field := range frame.Fields[1:] {
				if got := field.Name + "{" + field.Labels.String() + "}"; got != names[i] {
					t.Errorf("field %d is %s", i, got)
				}
			}
		})
	}
}

func TestWideKeepsEachSeriesConfig(t *testing.T) {
	config := &data.FieldConfig{Unit: "percent"}
	frame := frames.Wide("x", []int64{1}, []frames.Series{
		{Name: "b", Values: []float64{1}},
		{Name: "a", Config: config, Values: []float64{2}},
	})
	if frame.Fields[1].Config != config || frame.Fields[2].Config != nil {
		t.Errorf("configs went to other fields: %+v, %+v", frame.Fields[1].Config, frame.Fields[2].Config)
	}
}

func readLong(t *testing.T, frame *data.Frame) map[string]float64 {
	t.Helper()
	if kind, err := reader.CanReadBasedOnMeta(data.Frames{frame}); err != nil || kind != data.FrameTypeNumericLong {
		t.Fatalf("kind %q, %v", kind, err)
	}
	from, err := numeric.CollectionReaderFromFrames(data.Frames{frame})
	if err != nil {
		t.Fatal(err)
	}
	collection, err := from.GetCollection(false) // the library cannot validate this type
	if err != nil {
		t.Fatal(err)
	}
	if collection.Warning != nil || len(collection.RemainderIndices) > 0 {
		t.Errorf("warning %v, remainders %v", collection.Warning, collection.RemainderIndices)
	}
	read := map[string]float64{}
	for _, ref := range collection.Refs {
		value, empty, err := ref.NullableFloat64Value()
		if err != nil || empty || value == nil {
			t.Fatalf("value %v, empty %v, %v", value, empty, err)
		}
		key := ref.GetMetricName() + "{" + ref.GetLabels().String() + "}"
		if _, twice := read[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		read[key] = *value
	}
	if collection.NoData() != (len(read) == 0) {
		t.Errorf("no data: %v with %d values", collection.NoData(), len(read))
	}
	return read
}

func TestLongIsReadBackByAlertRules(t *testing.T) {
	config := &data.FieldConfig{Unit: "short"}
	long := frames.NewLong("reputation", "failed_audits_left", config, "node", "satellite")
	if got := readLong(t, long.Frame()); len(got) != 0 || len(long.Frame().Fields) != 0 {
		t.Errorf("without rows: %v, %d fields", got, len(long.Frame().Fields))
	}
	long.Add(13, "A", "us1")
	long.Add(41, "A", "eu1")
	long.Add(0, "B", "us1")
	frame := long.Frame()
	want := map[string]float64{
		"failed_audits_left{node=A, satellite=us1}": 13,
		"failed_audits_left{node=A, satellite=eu1}": 41,
		"failed_audits_left{node=B, satellite=us1}": 0,
	}
	if diff := cmp.Diff(want, readLong(t, frame)); diff != "" {
		t.Error(diff)
	}
	if got := frame.Fields[2].Config; got != config {
		t.Errorf("config %+v", got)
	}
	for i, kind := range []data.FieldType{data.FieldTypeString, data.FieldTypeString, data.FieldTypeFloat64} {
		if frame.Fields[i].Type() != kind {
			t.Errorf("field %d is of type %s", i, frame.Fields[i].Type())
		}
	}
}

func TestNoDataKeepsItsType(t *testing.T) {
	for _, kind := range []data.FrameType{data.FrameTypeTimeSeriesWide, data.FrameTypeNumericLong, data.FrameTypeTable} {
		frame := frames.NoData("x", kind)
		if frame.Meta.Type != kind || frame.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) || len(frame.Fields) != 0 {
			t.Errorf("%s: %+v, %d fields", kind, frame.Meta, len(frame.Fields))
		}
	}
}

func TestTable(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	config := &data.FieldConfig{Unit: "percent"}
	table := frames.Table("nodes",
		frames.Column("node", nil, []string{"A", "B"}),
		frames.Column("health", config, []float64{1, 2}),
		frames.Column("seen", nil, []*time.Time{frames.Optional(at), frames.Optional(time.Time{})}),
	)
	if table.Meta.Type != data.FrameTypeTable || table.Rows() != 2 {
		t.Fatalf("%+v, %d rows", table.Meta, table.Rows())
	}
	if table.Fields[1].Config != config {
		t.Error("the config is lost")
	}
	if seen, ok := table.Fields[2].ConcreteAt(0); !ok || !seen.(time.Time).Equal(at) {
		t.Errorf("seen %v, %v", seen, ok)
	}
	if seen, ok := table.Fields[2].ConcreteAt(1); ok {
		t.Errorf("the zero time is shown as %v", seen)
	}
	for _, empty := range []*data.Frame{frames.Table("nodes"), frames.Table("nodes", frames.Column("node", nil, []string{}))} {
		if empty.Meta.Type != data.FrameTypeTable || len(empty.Fields) != 0 {
			t.Errorf("empty table: %+v, %d fields", empty.Meta, len(empty.Fields))
		}
	}
}

func TestThresholdsBeginAtMinusInfinity(t *testing.T) {
	config := &data.FieldConfig{Thresholds: frames.Thresholds("red", frames.From(95, "orange"), frames.From(99.5, "green"))}
	encoded, err := json.Marshal(frames.Table("x", frames.Column("v", config, []float64{1})))
	if err != nil {
		t.Fatal(err)
	}
	want := `"thresholds":{"mode":"absolute","steps":[{"value":null,"color":"red"},{"value":95,"color":"orange"},{"value":99.5,"color":"green"}]}`
	if !strings.Contains(string(encoded), want) {
		t.Errorf("encoded %s", encoded)
	}
}
