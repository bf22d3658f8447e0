package logsource

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	blockSize = 256 << 10 // of what is read at once
	smallSize = 128 << 10 // of what is read at once in the background; more than a line
	maxLine   = 64 << 10  // what is longer is cut
)

// blocks are the buffers that all followers of a process read into: an idle one has none.
var blocks = sync.Pool{New: func() any { b := make([]byte, blockSize); return &b }}

// lineReader cuts a text into runs of whole lines. Where a line is too long, its first
// 64 KiB are given and the rest is left out. It moves on only over whole lines, however
// long, so that the same text gives the same lines wherever it was interrupted.
type lineReader struct {
	text text
	at   int64 // where the next line begins
	// A line that is too long, while its end is not found.
	long []byte
	seen int64 // up to here it was searched
}

// run is some whole lines.
type run struct {
	lines     []byte
	end       int64 // where the next line begins
	cut       bool  // it is one line, which was too long
	searching bool  // no line yet, but there is more to read
}

// next reads the next lines into the buffer; none, where there are none yet. Nothing at or
// after limit is read. With final set, nothing will be added to the text, and what stands
// behind the last newline is a line too. The reader stands where it was, until the caller
// sets at to the run's end.
func (r *lineReader) next(buffer []byte, limit int64, final bool) (run, error) {
	if r.long != nil {
		return r.endOfLong(buffer, limit, final)
	}
	if limit <= r.at {
		return run{end: r.at}, nil
	}
	n, err := readAt(r.text, buffer[:min(int64(len(buffer)), limit-r.at)], r.at)
	if err != nil {
		return run{}, err
	}
	b := buffer[:n]
	whole := 0
	for whole < n {
		// The last newline that a line from here on may reach: all before are near enough.
		window := b[whole:min(n, whole+maxLine+1)]
		if last := bytes.LastIndexByte(window, '\n'); last >= 0 {
			whole += last + 1
			continue
		}
		if len(window) <= maxLine {
			break // not yet whole
		}
		if whole == 0 {
			r.long, r.seen = bytes.Clone(b[:maxLine]), r.at+maxLine
			return run{end: r.at, searching: true}, nil
		}
		break
	}
	if whole == 0 && final {
		whole = n
	}
	return run{lines: b[:whole], end: r.at + int64(whole)}, nil
}

// endOfLong looks for the end of a line that is too long.
func (r *lineReader) endOfLong(buffer []byte, limit int64, final bool) (run, error) {
	n, err := readAt(r.text, buffer[:min(int64(len(buffer)), max(0, limit-r.seen))], r.seen)
	if err != nil {
		return run{}, err
	}
	at := bytes.IndexByte(buffer[:n], '\n')
	if at < 0 {
		r.seen += int64(n)
		if n > 0 || !final {
			return run{end: r.at, searching: n > 0}, nil
		}
		line := r.long
		r.long = nil
		return run{lines: line, end: r.seen, cut: true}, nil
	}
	line := append(r.long, '\n')
	r.long = nil
	return run{lines: line, end: r.seen + int64(at) + 1, cut: true}, nil
}

// readAt reads what is there: the end of the text is no error.
func readAt(t text, p []byte, at int64) (int, error) {
	n, err := t.ReadAt(p, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
