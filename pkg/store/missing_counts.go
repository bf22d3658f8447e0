package store

import (
	"context"
	"fmt"
	"math"
)

// missCounts finds out what damage took of counts that add up where no name of a chunk is
// left. Each tier holds the sums of the same rows, so that one which holds less than another
// lost some. It is given up where a coarser one has more; where only a finer one has, that
// is said.
func (s *Store) missCounts() error {
	groups, err := s.groups()
	if err != nil {
		return err
	}
	ends := map[string]int64{}
	var lost []string
	for _, group := range groups {
		policy := s.policy(group)
		if !policy.Additive || len(policy.Rollups) == 0 {
			continue
		}
		tiers := s.additiveTiers(group, policy)
		coarsest := tiers[len(tiers)-1].step
		sums := make([]map[countedStep]float64, len(tiers))
		for i, t := range tiers {
			if sums[i], err = s.sums(t, coarsest); err != nil {
				return err
			}
		}
		for i, t := range tiers {
			first, end := forever, int64(0) // of what it lacks
			for j, other := range tiers {
				for step, sum := range sums[j] {
					// Of numbers that are not whole, sums depend a little on their order.
					if step.at < max(t.from, other.from) || sum-sums[i][step] <= 1e-9*math.Abs(sum) {
						continue
					}
					first, end = min(first, step.at), max(end, step.at+coarsest)
					if j > i {
						ends[t.group] = max(ends[t.group], step.at+coarsest)
					}
				}
			}
			if end > 0 {
				lost = append(lost, fmt.Sprintf("some %s from %s to %s", rowsOf(t.group), moment(first), moment(end)))
			}
		}
	}
	if len(lost) > 0 {
		s.damage(fmt.Sprintf("counts in %s were lost with that, which other steps still have: %s", s.path, listed(lost)))
	}
	return s.giveUpNow(&Batch{}, ends)
}

// countedStep is one column of counts in one step.
type countedStep struct {
	column     Column
	histograms bool
	at         int64
}

// sums is what a tier of counts holds in each step.
func (s *Store) sums(t tier, step int64) (map[countedStep]float64, error) {
	r := Range{Group: t.group, From: t.from, To: forever - 1}
	whole := []segment{{group: t.group, from: t.from, to: forever}}
	numbers, err := s.readRows(context.Background(), r, whole)
	if err != nil {
		return nil, err
	}
	histograms, err := s.readHistograms(context.Background(), r, whole, nil)
	if err != nil {
		return nil, err
	}
	sums := map[countedStep]float64{}
	for c, column := range numbers.Columns {
		for i, v := range numbers.Values[c] {
			if v == v {
				sums[countedStep{column, false, floorTo(numbers.Times[i], step)}] += v
			}
		}
	}
	for c, column := range histograms.Columns {
		for i, h := range histograms.Values[c] {
			if h != nil {
				sums[countedStep{column, true, floorTo(histograms.Times[i], step)}] += float64(h.Count())
			}
		}
	}
	return sums, nil
}
