package store

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The store against a plain map: random rows, commits, seals, merges,
// compactions, reopenings and kills.
func TestStoreBehavesAsAMap(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		s := open(t, dir)
		model := map[string]map[Column]map[int64]float64{}
		for range 400 {
			switch action := random.IntN(100); {
			case action < 80:
				group := string(rune('a' + random.IntN(3)))
				at := start.Add(time.Duration(random.IntN(40*24)) * time.Hour)
				column := Column(rune('x' + random.IntN(3)))
				value := float64(random.IntN(5))
				if random.IntN(4) == 0 {
					value = random.Float64()
				}
				record(t, s, group, at, Sample{column, value})
				if model[group] == nil {
					model[group] = map[Column]map[int64]float64{}
				}
				if model[group][column] == nil {
					model[group][column] = map[int64]float64{}
				}
				model[group][column][at.UnixMilli()] = value
			case action < 90:
				check(t, s.Flush())
			case action < 94:
				check(t, s.Seal())
			case action < 96:
				check(t, s.Flush())
				s.writing.Lock()
				err := s.compact()
				s.writing.Unlock()
				check(t, err)
			case action < 98:
				check(t, s.Close())
				s = open(t, dir)
			default:
				check(t, s.Flush())
				dir = crash(t, dir)
				s = open(t, dir)
			}
		}
		for group, want := range model {
			if diff := cmp.Diff(want, content(t, s, group)); diff != "" {
				t.Fatalf("seed %d, group %s: (-want +got)\n%s", seed, group, diff)
			}
			step := int64(5 * 3600 * 1000)
			for column, samples := range want {
				got, err := s.Read(context.Background(), Range{Group: group, Columns: func(c Column) bool { return c == column }, From: start.UnixMilli(), To: start.AddDate(0, 0, 40).UnixMilli(), Step: step, Aggregate: Min})
				check(t, err)
				expected := map[int64]float64{}
				for at, v := range samples {
					bucket := floorTo(at, step)
					if old, ok := expected[bucket]; !ok || v < old {
						expected[bucket] = v
					}
				}
				stepped := map[int64]float64{}
				for i, v := range got.Values[0] {
					if v == v {
						stepped[got.Times[i]] = v
					}
				}
				if diff := cmp.Diff(expected, stepped); diff != "" {
					t.Fatalf("seed %d, group %s, column %s in steps: (-want +got)\n%s", seed, group, column, diff)
				}
			}
		}
	}
}
