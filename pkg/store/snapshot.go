package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/tidwall/buntdb"
)

// snapshot is every key and value at one moment, the format last: so a copy that
// breaks off has none, and is not taken for a whole one. BuntDB's strings do not change,
// so that only the taking of it holds a lock.
func (s *Store) snapshot() (keys, values []string, err error) {
	format := ""
	err = s.view(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			if key == formatKey {
				format = value
				return true
			}
			keys, values = append(keys, key), append(values, value)
			return true
		})
	})
	if format != "" {
		keys, values = append(keys, formatKey), append(values, format)
	}
	return keys, values, err
}

// writeCommands writes keys and values as BuntDB's file has them.
func writeCommands(w io.Writer, keys, values []string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	for i, key := range keys {
		out.WriteString(setCommand)
		for n, part := range []string{key, values[i]} {
			if n > 0 {
				out.WriteByte('$')
			}
			out.WriteString(strconv.Itoa(len(part)))
			out.WriteString("\r\n")
			out.WriteString(part)
			if _, err := out.WriteString("\r\n"); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// Backup writes a consistent copy of everything that was recorded up to now, in
// the form of the store's own file. Collection goes on meanwhile.
func (s *Store) Backup(w io.Writer) error {
	if err := s.Flush(); err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	// Between the two transactions of a sealing a copy would be whole too, but why.
	s.writing.Lock()
	keys, values, err := s.snapshot()
	s.writing.Unlock()
	if err == nil {
		err = writeCommands(w, keys, values)
	}
	if err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	return nil
}

// Contents is what a store's file holds.
type Contents struct {
	Format    string
	Bytes     int64 // of the file
	Damaged   int64 // bytes that are no whole command
	Bad       []string
	Commits   int   // not sealed yet
	Unsealed  int64 // samples in these commits
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

// ReadContents reads and verifies a file without opening it as a store, and
// changes nothing. What is damaged is counted and named.
func ReadContents(path string) (Contents, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Contents{}, err
	}
	state := inspectFile(content)
	c := Contents{Format: state.format, Bytes: int64(len(content)), Damaged: int64(state.damaged)}
	if format, err := strconv.Atoi(state.format); state.format != "" && (err != nil || format > currentFormatNumber) {
		return c, &NewerFormatError{Path: path, Format: state.format}
	}
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
	tiers := map[TierContents]*TierContents{}
	sealed, all := seriesSet{}, seriesSet{}
	for key, value := range latest {
		if err := c.add(key, value, tiers, sealed, all); err != nil {
			c.Bad = append(c.Bad, key)
		}
	}
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

func (c *Contents) addCommit(batch *Batch, all seriesSet) {
	c.Commits++
	for _, r := range batch.rows {
		for _, s := range r.samples {
			all.add(r.group, s.Column)
		}
		for _, s := range r.histograms {
			all.add(r.group, s.Column)
		}
		c.Unsealed += int64(len(r.samples) + len(r.histograms))
	}
}

func (c *Contents) add(key, value string, tiers map[TierContents]*TierContents, sealed, all seriesSet) error {
	if len(key) < 2 {
		return errDamaged
	}
	switch key[:2] {
	case "m:":
		return nil
	case "w:":
		_, batch, err := decodeCommit(value)
		if err != nil {
			return err
		}
		c.addCommit(batch, all)
		return nil
	case "d:":
		_, _, err := decodeDocument(value)
		c.Documents++
		return err
	case "c:":
	default:
		return errDamaged
	}
	in, ok := chunkPlace(key)
	group := in.group
	decoded, err := decodeChunk(value)
	if err != nil || !ok {
		return errDamaged
	}
	c.Chunks++
	at := TierContents{Family: family(group), Step: rollupStep(group)}
	t := tiers[at]
	if t == nil {
		t = &TierContents{Family: at.Family, Step: at.Step}
		tiers[at] = t
	}
	for _, set := range []seriesSet{sealed, all} {
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

// Restore puts a backup in the place of a folder's store. It refuses a backup that
// is damaged, and a folder that a process holds; what was there is kept, under the
// name that it answers ("" if there was nothing).
func Restore(backup, dir string, now time.Time) (kept string, err error) {
	contents, err := ReadContents(backup)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	if contents.Damaged > 0 || len(contents.Bad) > 0 || contents.Format == "" {
		return "", fmt.Errorf("restore: %s is not a whole backup: %d damaged bytes, %d damaged values", backup, contents.Damaged, len(contents.Bad))
	}
	content, err := os.ReadFile(backup)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	lock, err := lockFolder(dir, now)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	path := filepath.Join(dir, FileName)
	before, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("restore: %w", err)
	default:
		kept = path + ".before-restore-" + now.UTC().Format("20060102T150405.000")
		if err := ReplaceFile(kept, before); err != nil {
			return "", fmt.Errorf("restore: keep the store that is there: %w", err)
		}
	}
	if err := ReplaceFile(path, content); err != nil {
		return kept, fmt.Errorf("restore: %w", err)
	}
	return kept, nil
}
