package logsource

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// clockSlack is how far a file server's clock, and the time of a line in whole seconds,
// may be away from ours.
const clockSlack = 10 * time.Minute

// lookThrough looks for text that was not read in the files that the log was rotated to.
func (t *fileFollower) lookThrough() {
	if t.current != nil && t.current.pos == nil {
		_, _ = t.recognise(t.current) // so that no copy of it is taken for another text
	}
	now := t.o.Now()
	t.surveyed, t.survey = now, false
	stamps := map[string]fileStamp{}
	var pending []candidate
	var texts []*FilePosition // of pending, each once
	for _, c := range t.rotated() {
		if t.current != nil && os.SameFile(t.current.info, c.info) {
			continue
		}
		if i := slices.IndexFunc(t.old, func(x *tail) bool { return os.SameFile(x.info, c.info) }); i >= 0 {
			if x := t.old[i]; x.name != c.path {
				x.name = c.path
				if x.pos != nil {
					t.describe(x)
				}
			}
			continue
		}
		if before, ok := t.stamps[c.path]; ok && before.still(c.info) {
			stamps[c.path] = before
			continue
		}
		if c.zip && now.Sub(c.info.ModTime()) < t.pace.staleGzip {
			t.survey = true // it may still be written
			continue
		}
		p, nothing := t.unread(c)
		if nothing {
			stamps[c.path] = stampOf(c.info)
		}
		if p == nil {
			continue
		}
		if i := slices.Index(texts, p); i < 0 {
			pending, texts = append(pending, c), append(texts, p)
		} else if better(c, pending[i]) {
			pending[i] = c
		}
	}
	t.stamps, t.pending = stamps, pending
}

// better says which of two files with the same text is read: a plain one, a longer one.
func better(a, b candidate) bool {
	if a.zip != b.zip {
		return b.zip
	}
	return a.info.Size() > b.info.Size()
}

// rotated are the files that may hold what was rotated away, the oldest first: those that
// have such a name, and those in which known texts were seen.
func (t *fileFollower) rotated() []candidate {
	found := candidates(t.logs())
	seen := map[string]bool{t.log: true}
	for _, c := range found {
		seen[c.path] = true
	}
	for _, p := range t.known.texts {
		if p.Name == "" || seen[p.Name] {
			continue
		}
		seen[p.Name] = true
		if info, err := os.Stat(p.Name); err == nil && info.Mode().IsRegular() {
			found = append(found, candidate{path: p.Name, info: info, known: true, zip: filepath.Ext(p.Name) == ".gz"})
		}
	}
	return found
}

// logs are the paths of the log: the one that was given, and where it leads to.
func (t *fileFollower) logs() []string {
	if real, err := filepath.EvalSymlinks(t.log); err == nil && real != t.log {
		return []string{t.log, real}
	}
	return []string{t.log}
}

// unread finds out whether a rotated file has text that was not read, and of which text it
// is. With nothing set, it need not be opened again until it changes.
func (t *fileFollower) unread(c candidate) (p *FilePosition, nothing bool) {
	file, info, err := openText(c.path)
	if err != nil {
		return nil, false
	}
	defer func() { _ = file.Close() }()
	head, err := readHead(file)
	if err != nil || len(head) == 0 {
		return nil, false
	}
	p = t.known.find(head)
	if p == nil {
		switch {
		case t.beginsLikeAnother(head, nil):
			t.survey = true // a copy that has only begun
			return nil, false
		case c.known || !t.isNew(info.ModTime()):
			return nil, true
		}
		return t.known.add(head, t.o.Now(), t.inUse), false
	}
	if t.tailOf(p) != nil {
		return nil, false
	}
	if zip, ok := file.(*gzipText); ok {
		length, said := zip.saidLength()
		if p.Offset == everything || said && length == uint32(p.Offset) { //nolint:gosec // modulo 4 GiB, as it is said
			return nil, true
		}
		return p, false
	}
	if info.Size() > p.Offset || t.o.Now().Sub(info.ModTime()) < t.pace.letGo {
		return p, false // the node may still write to it
	}
	return nil, true
}

// isNew says whether a file of which nothing is known was written after the follower came
// to know the log. What is older was there before, and was not to be read.
func (t *fileFollower) isNew(modified time.Time) bool {
	oldest := t.known.oldestRead()
	return oldest.IsZero() || modified.After(oldest.Add(-clockSlack))
}
