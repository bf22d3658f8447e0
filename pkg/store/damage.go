package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// damage tells of damage that the opening found.
func (s *Store) damage(message string) {
	s.status.Damage = append(s.status.Damage, message)
	s.options.Report(message)
}

// tellRepair tells what of the file itself could not be read.
func (s *Store) tellRepair(kept string, file fileState) {
	if !file.repaired() {
		return
	}
	var messages []string
	if file.damaged > 0 {
		message := fmt.Sprintf("%d bytes of %s could not be read and were left out", file.damaged, s.path)
		if len(file.named) > 0 {
			message += ", of " + described(file.named)
		}
		messages = append(messages, message)
	}
	if len(file.misnamed) > 0 {
		messages = append(messages, fmt.Sprintf("the names of %d values in %s were damaged and have been put right: %s", len(file.misnamed), s.path, described(file.misnamed)))
	}
	message := strings.Join(messages, "; ")
	if kept == "" {
		s.damage(message + "; they are its end, which was cut off, as there was no space to keep it")
		return
	}
	s.damage(message + "; the original is kept as " + kept)
	s.status.CorruptCopies = append(s.status.CorruptCopies, kept)
}

func described(keys []string) string {
	var all []string
	for _, key := range keys {
		all = append(all, describe(key, nil))
	}
	return listed(all)
}

// listed names at most some of what is lost.
func listed(lost []string) string {
	const most = 8
	slices.Sort(lost)
	lost = slices.Compact(lost)
	if more := len(lost) - most; more > 0 {
		lost = append(lost[:most:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(lost, "; ")
}

// describe says what a key's value was, in an operator's words; of a chunk that could be
// parsed, only what is damaged of it.
func describe(key string, c *chunk) string {
	if in, ok := chunkPlace(key); ok {
		of := rowsOf(in.group)
		from, to := in.window, in.end()
		if c == nil || c.grid.n == 0 {
			return fmt.Sprintf("all %s from %s to %s that were sealed together", of, moment(from), moment(to))
		}
		from, to = c.grid.first(), c.grid.last()
		return fmt.Sprintf("%d of %d columns (%s) of %d %s from %s to %s", len(c.damaged), len(c.columns)+len(c.histogramColumns),
			metrics(c.damaged), c.grid.n, of, moment(from), moment(to))
	}
	if document, ok := documentKey(key); ok {
		return "a copy of the document " + document
	}
	if strings.HasPrefix(key, "w:") {
		return "a commit that was not sealed"
	}
	switch key {
	case sealedKey:
		return "the mark of what is sealed"
	case formatKey:
		return "the file's format"
	case clockKey:
		return "the time that was believed"
	case damageKey:
		return "what an earlier repair noted"
	}
	return fmt.Sprintf("the value %q", key)
}

func rowsOf(group string) string {
	switch step := rollupStep(group); {
	case group == eventsGroup:
		return "events"
	case step > 0:
		return fmt.Sprintf("rows of %s in steps of %s", rollupBase(group), spoken(step))
	}
	return "rows of " + group + " as recorded"
}

// metrics are the first of the metrics that columns are of.
func metrics(columns []Column) string {
	var names []string
	for _, c := range columns {
		if name := strings.ReplaceAll(c.Metric(), aggregateMark, " "); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 3 {
		names = append(names[:3:3], "…")
	}
	return strings.Join(names, ", ")
}

func moment(time_ int64) string {
	return time.UnixMilli(time_).UTC().Format("2006-01-02 15:04")
}

func spoken(step time.Duration) string {
	switch {
	case step%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", step/(24*time.Hour))
	case step%time.Hour == 0:
		return fmt.Sprintf("%d h", step/time.Hour)
	}
	return fmt.Sprintf("%d min", step/time.Minute)
}
