package logsource

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
)

// text is what is written in a file, decompressed. It is read at offsets of its own, so
// that nothing depends on where a shared handle stands.
type text interface {
	io.ReaderAt
	io.Closer
}

// everything is the end of a text whose length nobody knows yet.
const everything = math.MaxInt64

// openText opens a file, compressed or not: its first bytes say which.
func openText(path string) (text, os.FileInfo, error) {
	file, err := openLog(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	if !compressed(file) {
		return file, info, nil
	}
	return &gzipText{file: file}, info, nil
}

// compressed says whether a file begins as gzip does.
func compressed(file io.ReaderAt) bool {
	var magic [3]byte
	n, _ := file.ReadAt(magic[:], 0)
	return n == len(magic) && magic == [3]byte{0x1f, 0x8b, 8}
}

// gzipText is the text of a compressed file. It can be read forward; each step back behind
// what was read last begins anew.
type gzipText struct {
	file    *os.File
	forward *forwardText
}

func (t *gzipText) ReadAt(p []byte, at int64) (int, error) {
	if t.forward == nil || at < t.forward.first() {
		raw := bufio.NewReaderSize(io.NewSectionReader(t.file, 0, everything), 64<<10)
		zip, err := gzip.NewReader(raw)
		if err != nil {
			return 0, notTheEnd(err)
		}
		t.forward = &forwardText{from: zip}
	}
	n, err := t.forward.ReadAt(p, at)
	if err != nil && err != io.EOF {
		t.forward = nil // the next one begins anew
	}
	return n, err
}

// notTheEnd is an error that nobody takes for the end of a text.
func notTheEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (t *gzipText) Close() error { return t.file.Close() }

// saidLength is the length of its text that a compressed file gives at its end, modulo
// 4 GiB; of one in several parts, it is the last one's.
func (t *gzipText) saidLength() (uint32, bool) {
	info, err := t.file.Stat()
	if err != nil || info.Size() < 18 {
		return 0, false
	}
	var last [4]byte
	if _, err := t.file.ReadAt(last[:], info.Size()-4); err != nil {
		return 0, false
	}
	return binary.LittleEndian.Uint32(last[:]), true
}

// forwardText is a text that comes once, as from a pipe. Only what was read last can be
// read again, which is the line that a block ended within.
type forwardText struct {
	from io.Reader
	at   int64  // what comes next
	kept []byte // what came last
}

// newForwardText reads from a pipe, compressed or not, and tells how the text begins.
func newForwardText(from io.Reader) (*forwardText, []byte, error) {
	buffered := bufio.NewReaderSize(from, 64<<10)
	if magic, _ := buffered.Peek(3); compressed(bytes.NewReader(magic)) {
		zip, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, notTheEnd(err)
		}
		buffered = bufio.NewReaderSize(zip, 64<<10)
	}
	head, err := buffered.Peek(headSize)
	if err == io.EOF {
		err = nil
	}
	return &forwardText{from: buffered}, bytes.Clone(head), err
}

// first is the first byte that can still be read.
func (t *forwardText) first() int64 { return t.at - int64(len(t.kept)) }

func (t *forwardText) ReadAt(p []byte, at int64) (int, error) {
	if at < t.first() {
		return 0, errors.New("what was read from a pipe cannot be read again")
	}
	if at > t.at {
		t.kept = t.kept[:0]
		skipped, err := io.CopyN(io.Discard, t.from, at-t.at)
		if t.at += skipped; err != nil {
			return 0, err
		}
	}
	n := copy(p, t.kept[at-t.first():])
	if n == len(p) {
		return n, nil
	}
	for n < len(p) {
		more, err := t.from.Read(p[n:])
		n += more
		t.at += int64(more)
		if err != nil {
			t.kept = append(t.kept[:0], p[:n]...)
			return n, err
		}
	}
	t.kept = append(t.kept[:0], p[:n]...)
	return n, nil
}

func (*forwardText) Close() error { return nil }
