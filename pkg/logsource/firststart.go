package logsource

import (
	"bytes"
	"slices"
	"time"
)

// foreground is how much of a file that appears under the log's name is read at once, and
// not in the background.
const foreground = 64 << 20

// begin decides where to begin, once the log's name leads to something that can be read.
func (t *fileFollower) begin() error {
	if t.current == nil {
		if t.trouble != nil && (t.trouble.Kind == Missing || t.trouble.Kind == NotAFile) {
			t.missing = true
		}
		return nil
	}
	resumed := len(t.known.texts) > 0
	if resumed && !t.isStrange() {
		t.first = false
		return nil
	}
	if _, err := t.current.look(); err != nil {
		t.lost(t.current, err)
		return nil
	}
	t.first = false
	// What is written from the start on is read in any case, also where the file came later.
	from := t.started.Add(-max(0, t.o.Backfill))
	if last := t.known.lastRead(); resumed && last.Before(from) {
		from = last.Add(-clockSlack)
	}
	from = from.Truncate(time.Second) // as lines tell it
	if t.o.Backfill < 0 {
		from = time.Time{}
	}
	t.plan(from, t.missing || resumed)
	// So that a restart goes on from here, though no line came.
	return t.handOver(run{}, false, t.o.Now())
}

// isStrange says whether nothing of what is known is to be found under the log's names: it
// is another log, or it led elsewhere before.
func (t *fileFollower) isStrange() bool {
	knows := func(file text) bool {
		head, err := readHead(file)
		return err != nil || len(head) == 0 || t.known.find(head) != nil
	}
	if knows(t.current.file) {
		return false
	}
	for _, c := range candidates(t.logs()) {
		file, _, err := openText(c.path)
		if err != nil {
			continue
		}
		found := knows(file)
		_ = file.Close()
		if found {
			return false
		}
	}
	return true
}

// plan remembers all that is there, as read from the end on, with a gap for what is to be
// read in the background: the lines since a time, of which the zero value is the beginning.
// Where the log appeared after the start, or takes up another, it is read in the
// foreground, and whole if its lines tell no time.
func (t *fileFollower) plan(from time.Time, appeared bool) {
	x := t.current
	rotated := candidates(t.logs())
	slices.Reverse(rotated)
	rotated = rotated[:min(len(rotated), maxKnown-1)] // the newest
	slices.Reverse(rotated)
	for _, c := range rotated {
		t.planRotated(c, from, appeared)
	}
	if len(x.head) == 0 {
		return // its first line is the first to be read
	}
	end := lastLineEnd(x.file, x.info.Size())
	start, timed := t.startOf(x.file, end, from)
	if x.pos = t.known.find(x.head); x.pos == nil {
		x.pos = t.known.add(x.head, t.o.Now(), t.inUse)
	}
	switch {
	case appeared && !timed:
		x.pos.Offset = 0
	case appeared && end-start <= foreground:
		x.pos.Offset = start
	default:
		x.pos.Offset = end
		if start < end {
			x.pos.Gaps = []Gap{{From: start, To: end}}
		}
		x.live = true
	}
	x.take(x.pos)
	t.describe(x)
}

// planRotated is plan for one file that the log was rotated to.
func (t *fileFollower) planRotated(c candidate, from time.Time, appeared bool) {
	file, info, err := openText(c.path)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	head, err := readHead(file)
	if err != nil || len(head) == 0 || t.known.find(head) != nil ||
		bytes.HasPrefix(head, t.current.head) && len(t.current.head) > 0 || bytes.HasPrefix(t.current.head, head) {
		return // a copy
	}
	p := t.known.add(head, t.o.Now(), t.inUse)
	p.Name = c.path
	p.Device, p.Inode, _ = fileID(info)
	old := info.ModTime().Before(from)
	if _, zip := file.(*gzipText); zip {
		p.Offset = everything
		if !old {
			p.Gaps = []Gap{{From: 0, To: everything}}
			t.back.from = from
		}
		return
	}
	if old {
		p.Offset = info.Size()
		return
	}
	p.Offset = lastLineEnd(file, info.Size())
	start, timed := t.startOf(file, p.Offset, from)
	if appeared && !timed {
		start = 0
	}
	if start < p.Offset {
		p.Gaps = []Gap{{From: start, To: p.Offset}}
	}
}

// startOf is where the lines since a time begin, and whether the lines tell a time.
func (t *fileFollower) startOf(file text, end int64, from time.Time) (start int64, timed bool) {
	if from.IsZero() {
		return 0, true
	}
	if t.o.TimeOf == nil {
		return end, false
	}
	buffer := blocks.Get().(*[]byte)
	defer blocks.Put(buffer)
	low, high := int64(0), end
	for high-low > maxLine {
		middle := low + (high-low)/2
		line, at, ok := t.timeAfter(file, *buffer, middle, high, middle > 0)
		if !ok {
			high = middle // nothing there tells a time
			continue
		}
		timed = true
		if line.Before(from) {
			low = at
		} else {
			high = middle
		}
	}
	// The first line from low on that is young enough; where nothing older is before it, the
	// lines without a time before it too.
	for low < end {
		line, at, ok := t.timeAfter(file, *buffer, low, end, false)
		if !ok {
			return end, timed
		}
		timed = true
		switch {
		case !line.Before(from) && low == 0:
			return 0, true
		case !line.Before(from):
			return at, true
		}
		low = at + t.lineLength(file, *buffer, at)
	}
	return end, timed
}

// timeAfter is the time of the first line that tells one, from an offset on, and where it
// begins. With inside set, the offset may be within a line, which does not count.
func (t *fileFollower) timeAfter(file text, buffer []byte, at, end int64, inside bool) (time.Time, int64, bool) {
	if end <= at {
		return time.Time{}, 0, false
	}
	n, err := readAt(file, buffer[:min(int64(len(buffer)), end-at)], at)
	if err != nil {
		return time.Time{}, 0, false
	}
	b := buffer[:n]
	for len(b) > 0 {
		newline := bytes.IndexByte(b, '\n')
		if newline < 0 {
			break
		}
		if !inside {
			if when, ok := t.o.TimeOf(b[:newline]); ok {
				return when, at, true
			}
		}
		inside = false
		b, at = b[newline+1:], at+int64(newline)+1
	}
	return time.Time{}, 0, false
}

// lineLength is how long the line at an offset is, with its newline.
func (t *fileFollower) lineLength(file text, buffer []byte, at int64) int64 {
	n, _ := readAt(file, buffer, at)
	if newline := bytes.IndexByte(buffer[:n], '\n'); newline >= 0 {
		return int64(newline) + 1
	}
	return int64(max(1, n))
}

// lastLineEnd is the end of the last whole line before an end.
func lastLineEnd(file text, end int64) int64 {
	buffer := blocks.Get().(*[]byte)
	defer blocks.Put(buffer)
	start := max(0, end-blockSize)
	n, err := readAt(file, (*buffer)[:end-start], start)
	if err != nil {
		return end
	}
	if newline := bytes.LastIndexByte((*buffer)[:n], '\n'); newline >= 0 {
		return start + int64(newline) + 1
	}
	if start == 0 {
		return 0
	}
	return end // within a line that is too long anyway
}
