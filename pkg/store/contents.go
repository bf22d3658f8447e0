package store

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"time"
)

// Contents is what a store's file holds.
type Contents struct {
	Format    string   // "" if the end is missing, where backups name it
	Foreign   bool     // whether it does not even begin as a store's file does
	Bytes     int64    // of the file
	Damaged   int64    // bytes that are no whole command
	Bad       []string // keys of values that are damaged, and of commits that are missing
	Commits   int      // not sealed yet
	Unsealed  int64    // samples in these commits
	Documents int
	Chunks    int
	Series    int // in commits and chunks
	Events    int // sealed ones
	Tiers     []TierContents
}

// TierContents is what a file holds of one tier: rows as recorded (step 0) or a
// roll-up.
type TierContents struct {
	Family      string
	Step        time.Duration
	Series      int
	Samples     int64
	Histograms  int64
	Bytes       int64 // of its chunks, keys included
	First, Last time.Time
}

// Unfit says why a file cannot be restored from, "" if it can.
func (c Contents) Unfit() string {
	switch {
	case c.Foreign:
		return "it is neither a backup nor a store's file"
	case c.Format == "":
		return "it ends before its end: the download broke off, take the backup again"
	case c.Damaged > 0 || len(c.Bad) > 0:
		return fmt.Sprintf("it is damaged: %d bytes cannot be read, %d values are damaged or missing; take another backup", c.Damaged, len(c.Bad))
	}
	return ""
}

// ReadContents reads and verifies a file without opening it as a store, and
// changes nothing. What is damaged is counted and named.
func ReadContents(path string) (Contents, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Contents{}, err
	}
	return contentsOf(path, content)
}

func contentsOf(path string, content []byte) (Contents, error) {
	state := inspectFile(content)
	c := Contents{Format: state.format, Bytes: int64(len(content)), Damaged: int64(state.damaged)}
	c.Bad = append(c.Bad, state.misnamed...)
	if err := state.newer(path); err != nil {
		return c, err
	}
	c.Foreign = len(state.whole) == 0 && len(content) > 0 && !bytes.HasPrefix(content, []byte(setCommand)[:min(len(content), len(setCommand))])
	latest := map[string]string{}
	for at := 0; at < len(state.whole); {
		n, arguments, ok := parseCommand(state.whole[at:])
		if !ok {
			return c, fmt.Errorf("%w: %s at byte %d", errDamaged, path, at)
		}
		if arguments[2] != nil {
			latest[string(arguments[1])] = string(arguments[2])
		} else {
			delete(latest, string(arguments[1]))
		}
		at += n
	}
	reading := reading{contents: &c, tiers: map[TierContents]*TierContents{}, sealed: seriesSet{}, all: seriesSet{}, documents: map[string]uint64{}}
	for key, value := range latest {
		if err := reading.add(key, value); err != nil {
			c.Bad = append(c.Bad, key)
		}
	}
	reading.finish()
	tiers, sealed, all := reading.tiers, reading.sealed, reading.all
	for group, columns := range sealed {
		tiers[TierContents{Family: family(group), Step: rollupStep(group)}].Series += len(columns)
	}
	for _, columns := range all {
		c.Series += len(columns)
	}
	for _, t := range tiers {
		c.Tiers = append(c.Tiers, *t)
	}
	sort.Strings(c.Bad)
	sort.Slice(c.Tiers, func(i, j int) bool {
		a, b := c.Tiers[i], c.Tiers[j]
		return a.Family < b.Family || a.Family == b.Family && a.Step < b.Step
	})
	return c, nil
}

// seriesSet is which columns there are of each group.
type seriesSet map[string]map[Column]bool

func (s seriesSet) add(group string, columns ...Column) {
	if s[group] == nil {
		s[group] = map[Column]bool{}
	}
	for _, column := range columns {
		s[group][column] = true
	}
}

// reading gathers what a file holds.
type reading struct {
	contents    *Contents
	tiers       map[TierContents]*TierContents
	sealed, all seriesSet
	documents   map[string]uint64 // the last sequence that set it
	batches     map[uint64]*Batch // of commits
	last        uint64            // that a chunk or a document names
	sealedUpTo  uint64
}

// finish looks at the commits, after everything else: one that is missing ends what an
// opening reads back.
func (r *reading) finish() {
	c := r.contents
	next := max(r.sealedUpTo, r.last) + 1
	for _, sequence := range slices.Sorted(maps.Keys(r.batches)) {
		for ; next < sequence; next++ {
			c.Bad = append(c.Bad, commitKey(next))
		}
		next = max(next, sequence+1)
		if sequence > min(r.sealedUpTo, r.last) { // see Store.replay
			r.addCommit(sequence, r.batches[sequence])
		}
	}
	c.Documents = len(r.documents)
}

func (r *reading) addCommit(sequence uint64, batch *Batch) {
	c := r.contents
	c.Commits++
	for _, doc := range batch.documents {
		switch {
		case sequence < r.documents[doc.key]:
		case doc.value == nil:
			delete(r.documents, doc.key)
		default:
			r.documents[doc.key] = sequence
		}
	}
	for _, row := range batch.rows {
		for _, s := range row.samples {
			r.all.add(row.group, s.Column)
		}
		for _, s := range row.histograms {
			r.all.add(row.group, s.Column)
		}
		c.Unsealed += int64(len(row.samples) + len(row.histograms))
	}
}

func (r *reading) add(key, value string) error {
	document, isDocument := documentKey(key)
	switch {
	case strings.HasPrefix(key, "m:"):
		if key == sealedKey {
			r.sealedUpTo = max(r.sealedUpTo, sealedUpTo(value))
		}
		_, _, err := checkedText(key, value)
		return err
	case isDocument:
		sequence, _, _, err := decodeDocument(key, value)
		if err != nil {
			return err
		}
		r.documents[document] = max(r.documents[document], sequence)
		r.last = max(r.last, sequence)
		return nil
	case strings.HasPrefix(key, "w:"):
		sequence, sealed, batch, err := decodeCommit(value)
		if err != nil {
			return err
		}
		if key != commitKey(sequence) {
			return errDamaged
		}
		if r.batches == nil {
			r.batches = map[uint64]*Batch{}
		}
		r.batches[sequence] = batch
		r.sealedUpTo = max(r.sealedUpTo, sealed)
		return nil
	case strings.HasPrefix(key, "c:"):
		return r.addChunk(key, value)
	}
	return errDamaged
}

func (r *reading) addChunk(key, value string) error {
	c := r.contents
	in, ok := chunkPlace(key)
	group := in.group
	decoded, err := decodeChunk(key, value)
	if err != nil || !ok || !decoded.within(in) {
		return errDamaged
	}
	r.last = max(r.last, decoded.to)
	c.Chunks++
	at := TierContents{Family: family(group), Step: rollupStep(group)}
	t := r.tiers[at]
	if t == nil {
		t = &TierContents{Family: at.Family, Step: at.Step}
		r.tiers[at] = t
	}
	for _, set := range []seriesSet{r.sealed, r.all} {
		set.add(group, decoded.columns...)
		set.add(group, decoded.histogramColumns...)
	}
	t.Bytes += int64(len(key) + len(value))
	for i := range decoded.columns {
		values, err := decoded.column(i)
		if err != nil {
			return err
		}
		for _, v := range values {
			if v == v {
				t.Samples++
			}
		}
	}
	for i := range decoded.histogramColumns {
		values, err := decoded.histograms(i)
		if err != nil {
			return err
		}
		for _, h := range values {
			if h != nil {
				t.Histograms++
			}
		}
	}
	events, err := decoded.events()
	if err != nil {
		return err
	}
	c.Events += len(events)
	if decoded.grid.n > 0 {
		first, last := time.UnixMilli(decoded.grid.first()).UTC(), time.UnixMilli(decoded.grid.last()).UTC()
		if t.First.IsZero() || first.Before(t.First) {
			t.First = first
		}
		if last.After(t.Last) {
			t.Last = last
		}
	}
	return nil
}
