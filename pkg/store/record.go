package store

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tidwall/buntdb"
)

// Record adds a batch: to the answers at once, to the disk with the next commit.
// A row that is older than its family is kept, or too far in the past or future for
// the limits, is refused and counted, and so is a value that is no number; the rest of the
// batch is recorded. The whole batch is refused with ErrFull when memory is full of what
// cannot be written.
func (s *Store) Record(batch *Batch) error {
	now, oldest := s.earlier()
	accepted := &Batch{documents: slices.Clone(batch.documents)}
	refused, noNumbers := 0, 0
	for _, r := range batch.rows {
		if !s.takes(r.group, r.time, now, oldest) {
			refused++
			continue
		}
		samples := s.numbersOf(r)
		if left := len(r.samples) - len(samples); left > 0 {
			noNumbers += left
			if r.samples = samples; len(samples) == 0 {
				continue // samples were all that it had
			}
		}
		accepted.rows = append(accepted.rows, r)
	}
	if s.full(accepted) {
		return ErrFull
	}
	if noNumbers > 0 {
		s.refuse(&s.status.RefusedSamples, &s.noNumberReported, noNumbers, "values that are no numbers were refused so far, which is an error in the plugin")
	}
	if refused > 0 {
		s.refuse(&s.status.RefusedRows, &s.refusalReported, refused, "rows with times too far in the past or the future were refused so far: is a clock wrong?")
	}
	return s.recordGivingUp(accepted, s.tooLate(accepted, oldest))
}

// numbersOf are the samples of a row that can be recorded: NaN stands for "nothing said", and
// what is infinite has no sum with others.
func (s *Store) numbersOf(r batchRow) []Sample {
	additive := s.policy(r.group).Additive
	isNone := func(sample Sample) bool {
		return math.IsNaN(sample.Value) || additive && math.IsInf(sample.Value, 0)
	}
	if !slices.ContainsFunc(r.samples, isNone) {
		return r.samples
	}
	return slices.DeleteFunc(slices.Clone(r.samples), isNone) // the caller's stay as they are
}

// Takes says whether a row of a group at a time (milliseconds UTC) would be recorded, and
// not refused for its time.
func (s *Store) Takes(group string, time int64) bool {
	now, oldest := s.earlier()
	return s.takes(group, time, now, oldest)
}

// earlier is the time now, and the one from which on the past is measured: an earlier one
// while the clock is not believed.
func (s *Store) earlier() (now, oldest time.Time) {
	now, retention := s.options.Now(), s.retentionTime()
	if retention.Before(now) {
		return now, retention
	}
	return now, now
}

func (s *Store) takes(group string, time int64, now, oldest time.Time) bool {
	limits := s.limits.Load()
	past := s.policy(group).longest()
	if limits.MaxPast > 0 {
		past = min(past, limits.MaxPast)
	}
	return time <= now.Add(limits.MaxFuture).UnixMilli() && time >= max(0, oldest.Add(-past).UnixMilli())
}

// refusalPause is between two reports of refused rows.
const refusalPause = time.Hour

// refuse counts what is refused for one reason, and says so if that was not told of lately.
func (s *Store) refuse(count *uint64, reported *time.Time, refused int, what string) {
	now := s.options.Now()
	s.mu.Lock()
	*count += uint64(refused)
	total, due := *count, now.Sub(*reported) >= refusalPause || now.Before(*reported)
	if due {
		*reported = now
	}
	s.mu.Unlock()
	if due {
		s.options.Report(fmt.Sprintf("%d %s", total, what))
	}
}

func (s *Store) recordInternal(batch *Batch) error { return s.recordGivingUp(batch, nil) }

// recordGivingUp records a batch and up to where additive tiers end with it.
func (s *Store) recordGivingUp(batch *Batch, ends map[string]int64) error {
	if batch.Empty() && len(ends) == 0 {
		return nil
	}
	leftOut := 0
	defer func() {
		if leftOut > 0 {
			s.refuse(&s.status.LateRows, &s.lateReported, leftOut, "rows came so late that what they belong to had been dropped to stay within the memory limit, and were refused so far: raise it to keep more")
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.lowerRollups(batch)
	s.giveUp(batch, ends)
	s.renew(batch)
	s.pending.append(batch)
	leftOut = s.apply(batch, nil)
	s.status.RecordedRows += uint64(len(batch.rows))
	for _, r := range batch.rows {
		s.status.RecordedSamples += uint64(len(r.samples) + len(r.histograms))
	}
	return nil
}

// apply puts what a batch says into memory; the caller holds mu, or is the only one.
// Rows that are contained in chunks already are left out. It answers how many rows no tier
// takes, because all are given up there.
func (s *Store) apply(batch *Batch, contained func(group string, time int64) bool) (leftOut int) {
	// Documents first: they may say that rows come too late for a tier.
	for _, doc := range batch.documents {
		s.documents[doc.key] = doc.value
	}
	for _, r := range batch.rows {
		taken := false
		s.eachTier(r.group, r.time, func(group string, time int64, _ time.Duration) {
			additive := s.policy(group).Additive
			if time < s.givenUp(group) {
				return
			}
			taken = true
			if contained != nil && contained(group, time) {
				return
			}
			head := s.heads[group]
			if head == nil {
				head = &groupHead{additive: additive}
				s.heads[group] = head
			}
			tiered := r
			tiered.group, tiered.time = group, time
			head.add(tiered)
		})
		if !taken {
			leftOut++
		}
	}
	return leftOut
}

// change notes what a commit made of documents; the caller holds writing, or is the only one.
func (s *Store) change(sequence uint64, documents []document) {
	for _, doc := range documents {
		s.changed[doc.key] = committedDocument{sequence, doc.value}
	}
}

// Flush commits what was recorded.
func (s *Store) Flush() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.commit()
}

func (s *Store) takePending() *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.pending
	s.pending = &Batch{}
	return batch
}

// putBack lets a batch that could not be committed wait in front of what came meanwhile.
func (s *Store) putBack(batch *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch.append(s.pending)
	s.pending = batch
}

// commit writes the pending batch; the caller holds writing.
func (s *Store) commit() error { return s.commitBatch(s.takePending()) }

func (s *Store) commitBatch(batch *Batch) error {
	if batch.Empty() {
		return nil
	}
	return s.writeCommit(batch)
}

func (s *Store) writeCommit(batch *Batch) error {
	began := time.Now()
	sequence := s.sequence + 1
	committed := false
	defer func() {
		if !committed { // after a panic, too
			s.putBack(batch)
		}
	}()
	value := encodeCommit(sequence, s.sealed, batch)
	err := s.update(false, func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(commitKey(sequence), value, nil)
		return err
	})
	committed = err == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		message := fmt.Sprintf("the store %s cannot be written: %v", s.path, err)
		if s.status.CommitError == "" {
			s.options.Report(message)
		}
		s.status.CommitError = message
		return err
	}
	s.sequence = sequence
	s.change(sequence, batch.documents)
	size := itemSize(commitKey(sequence), value)
	s.stored += size
	s.unsealed += size
	s.status.Commits++
	s.status.CommitTime += time.Since(began)
	s.status.CommitError = ""
	s.status.LastCommit = s.options.Now()
	return nil
}
