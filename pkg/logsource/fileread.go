package logsource

import (
	"context"
	"os"
	"slices"
	"time"
)

// readNew reads what is new in every file, the oldest first.
func (t *fileFollower) readNew(ctx context.Context) (did, more bool, err error) {
	for len(t.pending) > 0 && t.roomForTail() {
		if x := t.openRotated(t.pending[0]); x != nil {
			t.old = append(t.old, x)
		}
		t.pending = t.pending[1:]
	}
	now := t.o.Now()
	for _, x := range slices.Clone(t.old) {
		x.refresh(now)
		d, m, err := t.read(ctx, x)
		if err != nil {
			return did, more, err
		}
		did, more = did || d, more || m
		if more {
			break // its successors come after it
		}
	}
	if t.current != nil && (!more || t.current.live) {
		d, m, err := t.read(ctx, t.current)
		if err != nil {
			return did, more, err
		}
		did, more = did || d, more || m
	}
	return did, more || len(t.pending) > 0, nil
}

// roomForTail makes room for one more rotated file, if it can.
func (t *fileFollower) roomForTail() bool {
	if len(t.old) < maxTails {
		return true
	}
	var quiet *tail
	for _, x := range t.old {
		if x.live && x.behind == 0 && (quiet == nil || x.grew.Before(quiet.grew)) {
			quiet = x
		}
	}
	if quiet != nil {
		t.remove(quiet)
	}
	return quiet != nil
}

// openRotated opens a file that the log was rotated to.
func (t *fileFollower) openRotated(c candidate) *tail {
	file, info, err := openText(c.path)
	if err != nil {
		t.survey = true // it was renamed meanwhile, or cannot be read yet
		return nil
	}
	for _, x := range t.tails() {
		if os.SameFile(x.info, info) {
			_ = file.Close()
			return nil
		}
	}
	x := newTail(c.path, file, info)
	x.rotated, x.grew = info.ModTime(), info.ModTime()
	return x
}

// isFinished says whether nothing is expected to be added to a file any more.
func (t *fileFollower) isFinished(x *tail) bool {
	if x.zip {
		return true
	}
	now := t.o.Now()
	return !x.rotated.IsZero() && now.Sub(x.rotated) >= t.pace.finish && now.Sub(x.grew) >= t.pace.finish
}

// read delivers what is new in one file.
func (t *fileFollower) read(ctx context.Context, x *tail) (did, more bool, err error) {
	final := t.isFinished(x)
	if x.done.still(x.info) && x.pos != nil && x.shorter.IsZero() && (!final || x.lines.at >= x.info.Size()) {
		return false, false, nil // it is as it was when it was read to its end
	}
	same, err := t.recognise(x)
	if err != nil {
		t.lost(x, err)
		return false, false, nil
	}
	if !same {
		return false, false, nil
	}
	if size := x.info.Size(); !x.zip && size < x.lines.at {
		t.isShorter(x)
		return false, false, nil
	}
	x.shorter = time.Time{}
	if !x.zip && x.info.Size() <= x.lines.at && x.lines.long == nil {
		t.atEnd(x)
		return false, false, nil
	}
	buffer := blocks.Get().(*[]byte)
	defer blocks.Put(buffer)
	for amount := int64(0); amount < fairAmount; {
		if err := ctx.Err(); err != nil {
			return did, false, err
		}
		run, err := x.lines.next(*buffer, everything, final)
		if err != nil {
			t.lost(x, err)
			return did, false, nil
		}
		if run.searching {
			amount += blockSize
			continue
		}
		if len(run.lines) == 0 {
			t.atEnd(x)
			return did, false, nil
		}
		// Was it the same file until after it was read?
		if same, err := t.recognise(x); err != nil || !same {
			if err != nil {
				t.lost(x, err)
			}
			return did, false, nil
		}
		if err := t.hand(x, run); err != nil {
			return did, false, err
		}
		did, amount = true, amount+run.end-x.lines.at
		x.lines.at = run.end
	}
	x.behind = max(1, x.info.Size()-x.lines.at)
	return did, true, nil
}

// atEnd notes that a file was read to its end.
func (t *fileFollower) atEnd(x *tail) {
	x.live, x.behind, x.done = true, 0, stampOf(x.info)
	if x.zip && x.pos != nil {
		x.pos.Offset = x.lines.at
		t.stamps[x.name] = stampOf(x.info)
		t.remove(x)
	}
}

// recognise looks whether a file still holds the text that it did, and finds out which one
// it holds. Where it answers false, there is nothing to be read in it now.
func (t *fileFollower) recognise(x *tail) (bool, error) {
	is, err := x.look()
	if err != nil {
		return false, err
	}
	switch is {
	case emptyText:
		x.live, x.behind = true, 0
		return false, nil
	case shorterText:
		t.isShorter(x)
		return false, nil
	case otherText:
		// It was cut. A copy may have what was not read of it, and comes first.
		x.restart()
		x.grew = t.o.Now()
		t.surveySoon()
		return false, nil
	}
	if x.pos != nil {
		return true, nil
	}
	p := t.known.find(x.head)
	if p == nil {
		if t.beginsLikeAnother(x.head, x) {
			return false, nil // a copy that has only begun
		}
		x.pos = t.known.add(x.head, t.o.Now(), t.inUse)
		t.describe(x)
		return true, nil
	}
	if other := t.tailOf(p); other != nil && other != x {
		if x != t.current {
			t.remove(x)
			return false, nil
		}
		t.remove(other) // the same text: it goes on under its own name
	}
	x.take(p)
	t.describe(x)
	return true, nil
}

// isShorter is told of a file that ends before what was read of it, and begins alike. It
// may be a copy that is still being written, so nothing is read. Where it stays so, it was
// shortened, and goes on from its end.
func (t *fileFollower) isShorter(x *tail) {
	now := t.o.Now()
	x.behind = 0
	if x.shorter.IsZero() || x.grew.After(x.shorter) {
		x.shorter = now
		return
	}
	if now.Sub(x.shorter) < t.pace.finish || x.pos == nil {
		return
	}
	x.shorter = time.Time{}
	size := x.info.Size()
	x.head = x.head[:min(int64(len(x.head)), size)]
	setHead(x.pos, x.head)
	x.pos.Offset = min(x.pos.Offset, size)
	x.pos.Gaps = clip(x.pos.Gaps, size)
	x.lines = lineReader{text: x.file, at: x.pos.Offset}
}

// clip leaves of gaps what is before an end.
func clip(gaps []Gap, end int64) []Gap {
	var rest []Gap
	for _, g := range gaps {
		if g.To = min(g.To, end); g.From < g.To {
			rest = append(rest, g)
		}
	}
	return rest
}

// describe notes how to find a tail's text again.
func (t *fileFollower) describe(x *tail) {
	x.pos.Name = x.name
	x.pos.Device, x.pos.Inode, _ = fileID(x.info)
}

// hand delivers lines of a tail.
func (t *fileFollower) hand(x *tail, r run) error {
	x.pos.Offset = r.end
	x.pos.LastRead = t.o.Now()
	return t.handOver(r, x.live, x.pos.LastRead)
}

// handOver delivers lines with the positions as they are.
func (t *fileFollower) handOver(r run, live bool, read time.Time) error {
	if r.cut {
		t.update(func(s *Status) { s.LongLines++ })
	}
	t.positions.Files = t.known.positions()
	return t.deliver(Block{Lines: r.lines, Live: live, Prompt: live && t.rung, Read: read})
}

// lost closes a file that cannot be read any more. Its name, or a survey, finds it again.
func (t *fileFollower) lost(x *tail, err error) {
	if x.zip { // half written, or damaged: it is looked at again when it changes
		t.stamps[x.name] = stampOf(x.info)
	} else {
		t.trouble = troubleAt(x.name, err)
	}
	t.remove(x)
}

// remove closes a file.
func (t *fileFollower) remove(x *tail) {
	_ = x.file.Close()
	if t.current == x {
		t.current = nil
	}
	t.old = slices.DeleteFunc(t.old, func(y *tail) bool { return x == y })
}
