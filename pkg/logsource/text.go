package logsource

import (
	"bufio"
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

// gzipText is the text of a compressed file. It can be read forward; each step back
// begins anew.
type gzipText struct {
	file *os.File
	zip  *gzip.Reader
	at   int64
}

func (t *gzipText) ReadAt(p []byte, at int64) (int, error) {
	if t.zip == nil || at < t.at {
		raw := bufio.NewReaderSize(io.NewSectionReader(t.file, 0, everything), 64<<10)
		zip, err := gzip.NewReader(raw)
		if err != nil {
			return 0, notTheEnd(err)
		}
		t.zip, t.at = zip, 0
	}
	if at > t.at {
		skipped, err := io.CopyN(io.Discard, t.zip, at-t.at)
		if t.at += skipped; err != nil {
			return 0, t.failed(err)
		}
	}
	done := 0
	for done < len(p) {
		n, err := t.zip.Read(p[done:])
		done += n
		t.at += int64(n)
		if err != nil {
			return done, t.failed(err)
		}
	}
	return done, nil
}

// failed makes the next read begin anew, unless it was the end.
func (t *gzipText) failed(err error) error {
	if err != io.EOF {
		t.zip = nil
	}
	return err
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

// streamText is a text that comes once, from a pipe. What was read before is gone.
type streamText struct {
	from *bufio.Reader
	at   int64
}

// newStreamText reads from a pipe, compressed or not.
func newStreamText(from io.Reader) (*streamText, error) {
	buffered := bufio.NewReaderSize(from, 64<<10)
	if magic, _ := buffered.Peek(3); len(magic) == 3 && [3]byte(magic) == [3]byte{0x1f, 0x8b, 8} {
		zip, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		buffered = bufio.NewReaderSize(zip, 64<<10)
	}
	return &streamText{from: buffered}, nil
}

// head is how the text begins. It has to be asked for before anything is read.
func (t *streamText) head() ([]byte, error) {
	head, err := t.from.Peek(headSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return append([]byte(nil), head...), nil
}

func (t *streamText) ReadAt(p []byte, at int64) (int, error) {
	if at < t.at {
		return 0, errors.New("what was read from a pipe cannot be read again")
	}
	skipped, err := io.CopyN(io.Discard, t.from, at-t.at)
	if t.at += skipped; err != nil {
		return 0, err
	}
	n, err := io.ReadFull(t.from, p)
	t.at += int64(n)
	if err == io.ErrUnexpectedEOF && n < len(p) {
		if _, more := t.from.Peek(1); more != nil && more != io.EOF {
			return n, more // a compressed stream that was cut
		}
		err = io.EOF
	}
	return n, err
}

func (*streamText) Close() error { return nil }
