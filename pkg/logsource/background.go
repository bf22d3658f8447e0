package logsource

import (
	"bytes"
	"context"
	"io/fs"
	"time"
)

// background reads what was written before the first start, while nothing else is to be
// done.
type background struct {
	pos    *FilePosition // the text that is read; nil: none
	file   text
	info   fs.FileInfo
	shared bool // the file is a tail's, which closes it
	head   []byte
	lines  lineReader
	skip   bool // what is older than from is left out

	from        time.Time                   // since when lines are read, of files that cannot be searched
	done, total int64                       // in bytes
	guess       map[*FilePosition]int64     // how long texts are whose end is not known
	missed      map[*FilePosition]time.Time // since when the file of a text is not found
	again       time.Time                   // when to look for them again
}

func (b *background) init(k *known) {
	b.guess, b.missed = map[*FilePosition]int64{}, map[*FilePosition]time.Time{}
	b.count(k)
}

// count adds up what is to be read.
func (b *background) count(k *known) {
	left := int64(0)
	for _, p := range k.texts {
		for _, g := range p.Gaps {
			if g.To == everything {
				g.To = max(g.From, b.guess[p])
			}
			left += g.To - g.From
		}
	}
	b.total = b.done + left
}

func (b *background) close() {
	if b.file != nil && !b.shared {
		_ = b.file.Close()
	}
	b.pos, b.file, b.info = nil, nil, nil
}

// readBack delivers the next lines of the background. It answers whether there is more.
func (t *fileFollower) readBack(ctx context.Context) (busy bool, err error) {
	if t.first || ctx.Err() != nil {
		return false, ctx.Err()
	}
	b := &t.back
	if b.pos == nil && !t.nextBack() {
		return false, nil
	}
	if len(b.pos.Gaps) == 0 {
		b.close()
		return true, nil
	}
	gap := b.pos.Gaps[0]
	b.lines.at = gap.From
	buffer := blocks.Get().(*[]byte)
	defer blocks.Put(buffer)
	run, err := b.lines.next((*buffer)[:smallSize], gap.To, gap.To == everything)
	if err == nil && b.info != nil && !t.isBackSame() {
		err = fs.ErrClosed // it was cut: what was read may be another text
	}
	if err != nil {
		b.missed[b.pos] = t.o.Now()
		b.again = t.o.Now().Add(t.pace.fast)
		b.close()
		return false, nil
	}
	if run.searching {
		return true, nil
	}
	b.done += run.end - gap.From
	gap.From = run.end
	if len(run.lines) == 0 { // the end
		if gap.To == everything {
			b.pos.Offset = run.end
		}
		gap.From = gap.To
	}
	rest := b.pos.Gaps[1:]
	b.pos.Gaps = nil
	if gap.From < gap.To {
		b.pos.Gaps = append(b.pos.Gaps, gap)
	}
	b.pos.Gaps = append(b.pos.Gaps, rest...)
	if b.skip {
		run.lines, b.skip = t.youngEnough(run.lines)
	}
	b.count(t.known)
	t.update(func(s *Status) { s.BackfillDone, s.BackfillTotal = b.done, b.total })
	if len(run.lines) == 0 && gap.From < gap.To {
		return true, nil
	}
	b.pos.LastRead = t.o.Now()
	return true, t.handOver(run, false, b.pos.LastRead)
}

// nextBack opens the file of the oldest text that has a gap.
func (t *fileFollower) nextBack() bool {
	b := &t.back
	now := t.o.Now()
	for _, p := range t.known.texts {
		if len(p.Gaps) == 0 {
			continue
		}
		since, missed := b.missed[p]
		if missed && now.Before(b.again) {
			continue
		}
		if t.openBack(p) {
			delete(b.missed, p)
			return true
		}
		b.again = now.Add(10 * t.pace.fast)
		switch {
		case !missed:
			b.missed[p] = now
		case now.Sub(since) > t.pace.letGo && t.current != nil:
			p.Gaps = nil // the file is gone
			delete(b.missed, p)
			b.count(t.known)
		}
	}
	return false
}

// openBack opens a file that holds a text.
func (t *fileFollower) openBack(p *FilePosition) bool {
	b := &t.back
	if x := t.tailOf(p); x != nil && !x.zip {
		b.pos, b.file, b.info, b.shared, b.head = p, x.file, x.info, true, x.head
		b.lines, b.skip = lineReader{text: x.file}, false
		return true
	}
	for _, c := range t.rotated() {
		file, info, err := openText(c.path)
		if err != nil {
			continue
		}
		head, err := readHead(file)
		if err != nil || t.known.find(head) != p {
			_ = file.Close()
			continue
		}
		b.pos, b.file, b.info, b.shared, b.head = p, file, info, false, head
		b.lines, b.skip = lineReader{text: file}, false
		if zip, ok := file.(*gzipText); ok {
			b.info = nil // nobody writes into it
			length, _ := zip.saidLength()
			b.guess[p] = max(int64(length), info.Size())
			b.count(t.known)
			if b.from.IsZero() && t.o.Backfill > 0 {
				b.from = t.started.Add(-t.o.Backfill)
			}
			b.skip = p.Gaps[0].From == 0 && t.o.Backfill >= 0
		}
		return true
	}
	return false
}

// isBackSame says whether the file begins as it did.
func (t *fileFollower) isBackSame() bool {
	var head [headSize]byte
	n, err := readAt(t.back.file, head[:len(t.back.head)], 0)
	return err == nil && bytes.Equal(head[:n], t.back.head)
}

// youngEnough leaves out the lines before the first that is young enough, and answers
// whether all were too old.
func (t *fileFollower) youngEnough(lines []byte) ([]byte, bool) {
	if t.o.TimeOf == nil {
		return lines, false
	}
	rest := lines
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if when, ok := t.o.TimeOf(line); ok && !when.Before(t.back.from) {
			return rest, false
		}
		rest = after
	}
	return nil, true
}
