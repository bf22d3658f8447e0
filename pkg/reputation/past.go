package reputation

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/frames"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Instants of a range that ends before the latest.

func (a answer) inThePast() bool {
	for _, node := range a.nodes {
		if a.request.To.Before(node.latest.newest()) {
			return true
		}
	}
	return false
}

// pastInstants reads the last value of each series in the range, or of the last two
// polls before its end where it is shorter.
func (a answer) pastInstants(ctx context.Context) (data.Frames, error) {
	wanted := a.wanted()
	if a.wantsHealth() {
		wanted = append(wanted, health)
	}
	long := map[string]*frames.Long{}
	for _, m := range wanted {
		long[m.name] = a.newInstant(m)
	}
	from := a.request.To.Add(-2 * a.request.Settings.Poll.Scores)
	if a.request.From.Before(from) {
		from = a.request.From
	}
	for _, node := range a.request.Watched {
		result, err := a.request.Store.Read(ctx, store.Range{
			Group: node.StoredAs(name),
			Columns: func(c store.Column) bool {
				id := c.Label(satelliteLabel)
				return id == "" || a.wantsSatellite(id)
			},
			From: from.UnixMilli(), To: a.request.To.UnixMilli(),
		})
		if err != nil {
			return nil, err
		}
		last := lastRow(result)
		var lastWindow *store.Result
		if slices.ContainsFunc(wanted, metric.isOfWindows) {
			if lastWindow, err = a.lastWindow(ctx, node); err != nil {
				return nil, err
			}
		}
		for _, m := range wanted {
			from := last
			if m.isOfWindows() {
				from = lastWindow
			}
			series := m.series(node, map[store.Aggregate]*store.Result{store.Min: from, store.Max: from}, false)
			slices.SortFunc(series, func(a, b frames.Series) int { return strings.Compare(a.Labels["satellite"], b.Labels["satellite"]) })
			for _, s := range series {
				if v := s.Values[0]; v == v {
					dimensions := []string{s.Labels["node"], s.Labels["satellite"]}
					if m.name == health.name {
						dimensions = dimensions[:1]
					}
					long[m.name].Add(v, dimensions...)
				}
			}
		}
	}
	var result data.Frames
	for _, m := range wanted {
		result = append(result, long[m.name].Frame())
	}
	return result, nil
}

// lastRow is the last value of each column.
func lastRow(result *store.Result) *store.Result {
	last := &store.Result{Columns: result.Columns}
	for _, values := range result.Values {
		last.Values = append(last.Values, []float64{lastOf(values)})
	}
	return last
}

func lastOf(values []float64) float64 {
	for i := len(values) - 1; i >= 0; i-- {
		if values[i] == values[i] {
			return values[i]
		}
	}
	return math.NaN()
}
