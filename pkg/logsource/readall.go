package logsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ReadOptions say what is read once, from its beginning to its end.
type ReadOptions struct {
	Path  string    // of a file, compressed or not; "-": Stdin
	Stdin io.Reader // nil: the process' own
	// Resume is what was read before: of a text that is known, only the rest is read.
	Resume Positions
	// Deliver takes the next lines, as that of a follower. Where all is known, it is not
	// called.
	Deliver func(Block, Positions) error
	// Progress, where it is set, is told now and then how far the text was read, in bytes;
	// a total of 0 is not known.
	Progress func(done, total int64)
	Now      func() time.Time // nil: time.Now
}

// ReadAll reads a whole log once. A text is known by how it begins, as with a follower:
// what was read of it under another name, in a copy or compressed, does not come again.
// What a plain file ends in without a newline is a line where nothing was added for ten
// seconds; else it may be half of one, and is left for the next time.
func ReadAll(ctx context.Context, r ReadOptions) error {
	if r.Deliver == nil {
		return errors.New("reading a log needs somebody to deliver lines to")
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	reading, err := openReading(r)
	if err != nil || len(reading.head) == 0 {
		return err
	}
	defer func() { _ = reading.file.Close() }()
	known := newKnown(r.Resume.Files)
	p := known.find(reading.head)
	if p == nil {
		p = known.add(reading.head, r.Now(), nil)
	} else if int64(len(reading.head)) > p.Length {
		setHead(p, reading.head)
	}
	if reading.info != nil {
		p.Name = r.Path
		p.Device, p.Inode, _ = fileID(reading.info)
	}
	hand := func(run run) error {
		p.LastRead = r.Now()
		after := r.Resume
		after.Files = known.positions()
		return r.Deliver(Block{Lines: run.lines, Read: p.LastRead}, clonePositions(after))
	}
	for len(p.Gaps) > 0 {
		gap := p.Gaps[0]
		end, err := reading.from(ctx, gap.From, gap.To, func(run run) error {
			if p.Gaps[0].From = run.end; run.end >= gap.To {
				p.Gaps = p.Gaps[1:]
			}
			return hand(run)
		})
		if err != nil {
			return err
		}
		if gap.To == everything {
			p.Offset = end
		}
		if len(p.Gaps) > 0 && p.Gaps[0].To == gap.To {
			p.Gaps = p.Gaps[1:] // the text ends before it
		}
	}
	_, err = reading.from(ctx, p.Offset, everything, func(run run) error {
		p.Offset = run.end
		return hand(run)
	})
	return err
}

// reading is a text that is read once.
type reading struct {
	path     string
	file     text
	info     os.FileInfo // nil: of a pipe
	head     []byte
	plain    bool
	final    bool // nothing is added to it
	total    int64
	progress func(done, total int64)
}

func openReading(r ReadOptions) (*reading, error) {
	if r.Path == "-" {
		from := r.Stdin
		if from == nil {
			from = os.Stdin
		}
		stream, head, err := newForwardText(from)
		if err != nil {
			return nil, fmt.Errorf("the input cannot be read: %w", err)
		}
		return &reading{path: "the input", file: stream, head: head, final: true, progress: r.Progress}, nil
	}
	if _, err := Inspect(r.Path); err != nil {
		return nil, err
	}
	file, info, err := openText(r.Path)
	if err != nil {
		return nil, troubleOf(r.Path, err)
	}
	a := &reading{path: r.Path, file: file, info: info, plain: true, total: info.Size(), progress: r.Progress}
	a.final = r.Now().Sub(info.ModTime()) >= defaultPace.finish
	if zip, ok := file.(*gzipText); ok {
		length, _ := zip.saidLength()
		a.plain, a.final, a.total = false, true, max(int64(length), info.Size())
	}
	if a.head, err = readHead(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be read: %w", r.Path, err), file.Close())
	}
	return a, nil
}

// totalAfter is how long the text is, where it is known.
func (a *reading) totalAfter(end int64) int64 {
	if a.info == nil {
		return 0
	}
	return max(a.total, end)
}

// from gives the lines between two offsets, and answers where they ended.
func (a *reading) from(ctx context.Context, at, limit int64, hand func(run) error) (int64, error) {
	if at == everything {
		return at, nil
	}
	buffer := blocks.Get().(*[]byte)
	defer blocks.Put(buffer)
	lines := lineReader{text: a.file, at: at}
	for {
		if err := ctx.Err(); err != nil {
			return lines.at, err
		}
		run, err := lines.next(*buffer, limit, a.final)
		if err != nil {
			return lines.at, fmt.Errorf("%s cannot be read on after %d bytes: %w", a.path, lines.at, err)
		}
		if a.plain && len(run.lines) > 0 {
			head := make([]byte, len(a.head))
			if n, err := readAt(a.file, head, 0); err != nil || !bytes.Equal(head[:n], a.head) {
				return lines.at, fmt.Errorf("%s was cut while it was read: read the rotated file too", a.path)
			}
		}
		if a.progress != nil {
			a.progress(max(run.end, lines.seen), a.totalAfter(run.end))
		}
		if run.searching {
			continue
		}
		if len(run.lines) == 0 {
			if a.progress != nil && a.info != nil && limit == everything {
				a.progress(run.end, run.end) // the length of a compressed text was a guess
			}
			return lines.at, nil
		}
		if err := hand(run); err != nil {
			return lines.at, err
		}
		lines.at = run.end
	}
}
