// Package frames builds data frames that keep Grafana's data-plane contract:
// wide time series on one grid, long numeric instants, tables, and the frame that
// says "no data". It knows Grafana's frames; it knows no store, no node and no
// query.
package frames

import (
	"math"
	"sort"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// version is the version of the frame types, as the data-plane contract has it.
var version = data.FrameTypeVersion{0, 1}

func newFrame(name string, kind data.FrameType, fields ...*data.Field) *data.Frame {
	frame := data.NewFrame(name, fields...)
	frame.Meta = &data.FrameMeta{Type: kind, TypeVersion: version}
	return frame
}

// NoData is the answer to a query that has none: its type, and no fields.
func NoData(name string, kind data.FrameType) *data.Frame { return newFrame(name, kind) }

// Series is one value column of a wide frame. A NaN is a missing value.
type Series struct {
	Name   string
	Labels data.Labels
	Config *data.FieldConfig
	Values []float64
}

// Wide puts series that share their times (milliseconds UTC, ascending) into one
// frame, ordered by name and labels. Series without any value are left out.
func Wide(name string, times []int64, series []Series) *data.Frame {
	fields := make([]*data.Field, 0, len(series))
	for _, s := range series {
		if field := newValues(s); field != nil {
			fields = append(fields, field)
		}
	}
	if len(fields) == 0 {
		return NoData(name, data.FrameTypeTimeSeriesWide)
	}
	sort.SliceStable(fields, func(i, j int) bool {
		if fields[i].Name != fields[j].Name {
			return fields[i].Name < fields[j].Name
		}
		return fields[i].Labels.String() < fields[j].Labels.String()
	})
	stamps := make([]time.Time, len(times))
	for i, t := range times {
		stamps[i] = time.UnixMilli(t).UTC()
	}
	return newFrame(name, data.FrameTypeTimeSeriesWide, append([]*data.Field{data.NewField("time", nil, stamps)}, fields...)...)
}

// newValues is the field of a series, nil without any value. It is nullable only where a
// value is missing: pointers are what most of a long answer's time would go into.
func newValues(s Series) *data.Field {
	missing := 0
	for _, v := range s.Values {
		if v != v {
			missing++
		}
	}
	var field *data.Field
	switch missing {
	case len(s.Values):
		return nil
	case 0:
		field = data.NewField(s.Name, s.Labels, s.Values)
	default:
		field = data.NewFieldFromFieldType(data.FieldTypeNullableFloat64, len(s.Values))
		field.Name, field.Labels = s.Name, s.Labels
		for i := range s.Values {
			if v := &s.Values[i]; *v == *v {
				field.Set(i, v)
			}
		}
	}
	field.Config = s.Config
	return field
}

// Long builds a numeric frame of rows: string columns that say whose the value
// is, and one value column named as the metric.
type Long struct {
	name    string
	metric  string
	config  *data.FieldConfig
	columns []string
	strings [][]string
	values  []float64
}

// NewLong starts a frame whose rows have these string columns.
func NewLong(name, metric string, config *data.FieldConfig, columns ...string) *Long {
	return &Long{name: name, metric: metric, config: config, columns: columns, strings: make([][]string, len(columns))}
}

// Add appends a row; the dimensions come in the order of the columns.
func (l *Long) Add(value float64, dimensions ...string) {
	for i := range l.columns {
		l.strings[i] = append(l.strings[i], dimensions[i])
	}
	l.values = append(l.values, value)
}

// Frame is the finished frame.
func (l *Long) Frame() *data.Frame {
	if len(l.values) == 0 {
		return NoData(l.name, data.FrameTypeNumericLong)
	}
	fields := make([]*data.Field, 0, len(l.columns)+1)
	for i, column := range l.columns {
		fields = append(fields, data.NewField(column, nil, l.strings[i]))
	}
	value := data.NewField(l.metric, nil, l.values)
	value.Config = l.config
	return newFrame(l.name, data.FrameTypeNumericLong, append(fields, value)...)
}

// Table is a frame for people: any columns, no contract but equal lengths.
func Table(name string, fields ...*data.Field) *data.Frame {
	if len(fields) == 0 || fields[0].Len() == 0 {
		return NoData(name, data.FrameTypeTable)
	}
	return newFrame(name, data.FrameTypeTable, fields...)
}

// Column is a table column with its field config.
func Column[T any](name string, config *data.FieldConfig, values []T) *data.Field {
	field := data.NewField(name, nil, values)
	field.Config = config
	return field
}

// Each is what a function makes of each row: the values of a column.
func Each[R, V any](rows []R, of func(R) V) []V {
	values := make([]V, len(rows))
	for i, r := range rows {
		values[i] = of(r)
	}
	return values
}

// Optional is a pointer to the time, or nil for the zero time.
func Optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Thresholds colours a field: the base colour first, then a colour from each
// value on.
func Thresholds(base string, steps ...data.Threshold) *data.ThresholdsConfig {
	// The base begins at minus infinity, which the SDK writes as null, as Grafana does.
	first := From(math.Inf(-1), base)
	return &data.ThresholdsConfig{Mode: data.ThresholdsModeAbsolute, Steps: append([]data.Threshold{first}, steps...)}
}

// From is a step of Thresholds.
func From(value float64, color string) data.Threshold {
	return data.Threshold{Value: data.ConfFloat64(value), Color: color}
}
