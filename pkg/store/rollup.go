package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy says how long a family of groups is kept as it was recorded, and what
// is kept for longer in coarser steps.
type Policy struct {
	Keep       time.Duration // of rows as they were recorded
	Rollups    []Rollup      // ascending by step
	Aggregates []Aggregate   // what a step of a roll-up keeps of each column
	// Additive says that values of one column and time add up: they are counts, and
	// whoever records them says how many came since they last did. Histograms merge. A
	// row may be as old as the longest tier reaches. Each tier holds the sums of its
	// steps under the columns' own names, whatever Aggregates says, and reads with Sum
	// are served by them.
	Additive bool
}

// Rollup is one coarser tier.
type Rollup struct {
	Step, Keep time.Duration
}

// family is the part of a group's name that its policy goes by.
func family(group string) string {
	name, _, _ := strings.Cut(group, "/")
	return name
}

// policy is that of the group's family; a family without one is kept whole.
func (s *Store) policy(group string) Policy {
	limits := s.limits.Load()
	if group == eventsGroup {
		return Policy{Keep: limits.EventRetention}
	}
	if policy, ok := limits.Policies[family(group)]; ok {
		return policy
	}
	return Policy{Keep: limits.Retention}
}

// A roll-up is a group of its own, with a column for each column and aggregate of
// the group it comes from. It is recorded, committed and sealed as any other.
const (
	rollupMark      = "@"
	aggregateMark   = "\x1e"
	rolledUpToBegin = "rolled-up-to/"
)

func rollupGroup(group string, step time.Duration) string {
	return group + rollupMark + strconv.FormatInt(int64(step/time.Second), 10)
}

// rollupStep is the step of a roll-up's group, 0 for a group as recorded.
func rollupStep(group string) time.Duration {
	at := strings.LastIndex(group, rollupMark)
	if at < 0 {
		return 0
	}
	seconds, err := strconv.ParseInt(group[at+1:], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func rollupBase(group string) string {
	if rollupStep(group) == 0 {
		return group
	}
	return group[:strings.LastIndex(group, rollupMark)]
}

var aggregateNames = map[Aggregate]string{Last: "last", Min: "min", Max: "max", Sum: "sum", Mean: "mean"}

func rollupColumn(c Column, a Aggregate) Column { return c + Column(aggregateMark+aggregateNames[a]) }

// baseColumn is the column that a roll-up's column was made of, if it was made
// with this aggregate.
func baseColumn(c Column, a Aggregate) (Column, bool) {
	base, name, ok := strings.Cut(string(c), aggregateMark)
	return Column(base), ok && name == aggregateNames[a]
}

// keptFrom is the time (milliseconds UTC) from which on a group's rows are kept.
// Rows that no roll-up contains yet stay whatever their age.
func (s *Store) keptFrom(group string, now time.Time) int64 {
	policy := s.policy(group)
	if policy.Additive {
		from := now.Add(-policy.kept(rollupStep(group))).UnixMilli()
		s.mu.RLock()
		defer s.mu.RUnlock()
		return max(from, s.givenUp(group))
	}
	if step := rollupStep(group); step > 0 {
		for _, rollup := range policy.Rollups {
			if rollup.Step == step {
				return now.Add(-rollup.Keep).UnixMilli()
			}
		}
	}
	from := now.Add(-policy.Keep).UnixMilli()
	for _, rollup := range policy.Rollups {
		from = min(from, s.rolledUpTo(group, rollup.Step))
	}
	return from
}

// rolledUpTo is the time up to which a roll-up of a group is complete.
func (s *Store) rolledUpTo(group string, step time.Duration) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.position(rollupGroup(group, step))
}

// position is the time up to which a roll-up is complete; the caller holds mu.
func (s *Store) position(rollup string) int64 {
	return timeIn(s.documents[rolledUpToBegin+rollup])
}

func putRolledUpTo(batch *Batch, group string, step time.Duration, to int64) {
	batch.Put(rolledUpToBegin+rollupGroup(group, step), binary.BigEndian.AppendUint64(nil, uint64(to)))
}

// RollUp brings the roll-ups of every group up to the last step that is over.
func (s *Store) RollUp(ctx context.Context) error {
	s.rolling.Lock()
	defer s.rolling.Unlock()
	groups, err := s.groups()
	if err != nil {
		return err
	}
	now := s.options.Now().UnixMilli()
	for _, group := range groups {
		policy := s.policy(group)
		if policy.Additive {
			continue
		}
		for _, rollup := range policy.Rollups {
			from, to := s.rolledUpTo(group, rollup.Step), floorTo(now, rollup.Step.Milliseconds())
			if from >= to {
				continue
			}
			if err := s.rollUp(ctx, group, policy, rollup.Step, from, to); err != nil {
				return fmt.Errorf("roll up %s: %w", group, err)
			}
		}
	}
	return nil
}

// rollUpWindow bounds how much is rolled up, and kept in memory for it, at once.
const rollUpWindow = 50 * 24 * time.Hour

// makingRollup is what is read to roll it up just now. A row that comes for it meanwhile may
// have been read or not.
type makingRollup struct {
	group     string
	to        int64
	overtaken bool // by such a row
}

func (s *Store) setMaking(of makingRollup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making = of
}

func (s *Store) rollUp(ctx context.Context, group string, policy Policy, step time.Duration, from, to int64) error {
	s.setMaking(makingRollup{group: group, to: to})
	defer s.setMaking(makingRollup{})
	first, ok, err := s.firstTime(ctx, group, from)
	if err != nil {
		return err
	}
	if !ok {
		first = to
	}
	for at := floorTo(max(from, first), step.Milliseconds()); ; at += rollUpWindow.Milliseconds() {
		end := min(at+rollUpWindow.Milliseconds(), to)
		batch := &Batch{}
		if at < end {
			if err := s.rollUpInto(ctx, batch, group, policy, step, at, end); err != nil {
				return err
			}
		}
		// The position moves in the same commit as the steps it stands for.
		putRolledUpTo(batch, group, step, end)
		if moved, err := s.recordRollup(batch, rollupGroup(group, step), from); err != nil || !moved || end >= to {
			return err
		}
		from = end
	}
}

// recordRollup records steps of a roll-up if its position is still where they begin, and no
// row came for them since they were read. Otherwise the next RollUp makes them.
func (s *Store) recordRollup(batch *Batch, rollup string, from int64) (moved bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, ErrClosed
	}
	if s.making.overtaken || s.position(rollup) != from {
		return false, nil
	}
	s.renew(batch)
	s.pending.append(batch)
	s.apply(batch, nil)
	return true, nil
}

func (s *Store) rollUpInto(ctx context.Context, batch *Batch, group string, policy Policy, step time.Duration, from, to int64) error {
	whole := []segment{{group: group, from: from, to: to}}
	histograms, err := s.readHistograms(ctx, Range{Group: group, From: from, To: to - 1, Step: step.Milliseconds()}, whole, nil)
	if err != nil {
		return err
	}
	for i, at := range histograms.Times {
		var samples []HistogramSample
		for c, column := range histograms.Columns {
			if h := histograms.Values[c][i]; h != nil {
				samples = append(samples, HistogramSample{column, h})
			}
		}
		if len(samples) > 0 {
			batch.AddHistograms(rollupGroup(group, step), at, samples...)
		}
	}
	rows := map[int64][]Sample{}
	for _, aggregate := range policy.Aggregates {
		result, err := s.readSteps(ctx, Range{Group: group, From: from, To: to - 1, Step: step.Milliseconds(), Aggregate: aggregate}, whole)
		if err != nil {
			return err
		}
		for c, column := range result.Columns {
			name := rollupColumn(column, aggregate)
			for i, value := range result.Values[c] {
				if value == value {
					rows[result.Times[i]] = append(rows[result.Times[i]], Sample{name, value})
				}
			}
		}
	}
	times := make([]int64, 0, len(rows))
	for at := range rows {
		times = append(times, at)
	}
	slices.Sort(times)
	for _, at := range times {
		batch.Add(rollupGroup(group, step), at, rows[at]...)
	}
	return nil
}

// lowerRollups moves the roll-ups of a late row back to its step, in the batch
// that brings the row: so it is rolled up again whatever happens in between. The caller holds
// mu until the row is there, so that no roll-up that lacks it can pass it.
func (s *Store) lowerRollups(batch *Batch) {
	lowest := map[string]int64{}
	for _, r := range batch.rows {
		if at, ok := lowest[r.group]; !ok || r.time < at {
			lowest[r.group] = r.time
		}
	}
	for group, at := range lowest {
		if rollupStep(group) > 0 || s.policy(group).Additive {
			continue
		}
		if group == s.making.group && at < s.making.to {
			s.making.overtaken = true
		}
		givenUp := s.givenUp(group)
		for _, rollup := range s.policy(group).Rollups {
			// A step of which rows are given up is not made again from what is left of them.
			step := rollup.Step.Milliseconds()
			if start := max(floorTo(at, step), floorTo(givenUp+step-1, step)); start < s.position(rollupGroup(group, rollup.Step)) {
				putRolledUpTo(batch, group, rollup.Step, start)
			}
		}
	}
}

// tier is one way to read a group: its rows as recorded, or a roll-up of them.
type tier struct {
	group string
	step  int64 // 0: as recorded
	from  int64 // kept from here on
	to    int64 // complete up to here
}

// forever is the last time that a key can name.
const forever = int64(9_999_999_999_999)

func (s *Store) tiers(group string) []tier {
	policy := s.policy(group)
	if policy.Additive {
		return s.additiveTiers(group, policy)
	}
	now := s.options.Now()
	all := []tier{{group: group, from: now.Add(-policy.Keep).UnixMilli(), to: forever}}
	for _, rollup := range policy.Rollups {
		all = append(all, tier{
			group: rollupGroup(group, rollup.Step),
			step:  rollup.Step.Milliseconds(),
			from:  now.Add(-rollup.Keep).UnixMilli(),
			to:    s.rolledUpTo(group, rollup.Step),
		})
	}
	s.mu.RLock()
	for i := range all {
		all[i].from = max(all[i].from, s.givenUp(all[i].group))
	}
	s.mu.RUnlock()
	// Before the first row that is there, whatever the reason, a roll-up has more to say.
	if first, ok := s.firstKept(group); ok && len(all) > 1 {
		all[0].from = max(all[0].from, first)
	}
	// Rows as recorded are given up to the roll-ups at a step's edge.
	if len(all) > 1 {
		all[0].from = min(floorTo(all[0].from, all[1].step), all[1].to)
	}
	return all
}

// segment is a part of a range that is read from one group.
type segment struct {
	group    string
	from, to int64 // from inclusive, to exclusive
	rolledUp bool
	whole    bool // whether an additive tier is to hold everything here
}

// segments cuts a range so that each part is read from the coarsest tier whose step
// serves, or, where that one is not complete yet or no longer kept, from the next
// best.
func (s *Store) segments(r Range, from int64, serves func(step int64) bool) []segment {
	end := r.To + 1
	tiers := s.tiers(r.Group)
	additive := s.policy(r.Group).Additive
	best := 0
	for i, t := range tiers {
		if t.step > 0 && serves(t.step) {
			best = i
		}
	}
	cuts := []int64{from, end}
	for _, t := range tiers {
		cuts = append(cuts, t.from, t.to)
	}
	slices.Sort(cuts)
	var all []segment
	for i := 1; i < len(cuts); i++ {
		a, b := max(cuts[i-1], from), min(cuts[i], end)
		if a >= b {
			continue
		}
		t := tiers[choose(tiers, best, a)]
		if additive && (a < t.from || a >= t.to) {
			continue // no tier is whole there
		}
		if n := len(all); n > 0 && all[n-1].group == t.group {
			all[n-1].to = b
			continue
		}
		all = append(all, segment{group: t.group, from: a, to: b, rolledUp: t.step > 0 && !additive, whole: additive})
	}
	return all
}

// choose is the tier for a time: the best one, a finer one where that is not
// complete, a coarser one where none as fine is kept.
func choose(tiers []tier, best int, at int64) int {
	for i := best; i >= 0; i-- {
		if at >= tiers[i].from && at < tiers[i].to {
			return i
		}
	}
	for i := best + 1; i < len(tiers); i++ {
		if at >= tiers[i].from && at < tiers[i].to {
			return i
		}
	}
	return 0
}
