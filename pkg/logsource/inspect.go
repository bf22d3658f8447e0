package logsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// File is what can be said of a log file without reading its lines.
type File struct {
	Path     string
	Size     int64
	Modified time.Time
}

// Trouble is why a log file cannot be read.
type Trouble struct {
	Kind   TroubleKind
	Path   string
	Reason string
	Mend   string
	Err    error
}

// TroubleKind sorts troubles by what mends them.
type TroubleKind int

// The kinds of trouble.
const (
	Missing TroubleKind = iota
	Forbidden
	NotAFile
	Unreadable
)

func (t *Trouble) Error() string { return t.Reason + "; " + t.Mend }

// Unwrap gives the cause.
func (t *Trouble) Unwrap() error { return t.Err }

// Inspect says whether a log file is there and can be read by this process. Its
// error is a *Trouble that says what to do.
func Inspect(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, troubleOf(path, err)
	}
	if info.IsDir() {
		return File{}, &Trouble{Kind: NotAFile, Path: path, Reason: fmt.Sprintf("%s is a folder", path), Mend: "write the path of the log file in it"}
	}
	if !info.Mode().IsRegular() {
		return File{}, &Trouble{Kind: NotAFile, Path: path, Reason: fmt.Sprintf("%s is not a regular file", path), Mend: "write the path of the file that the node logs to"}
	}
	f, err := os.Open(path)
	if err != nil {
		return File{}, troubleOf(path, err)
	}
	return File{Path: path, Size: info.Size(), Modified: info.ModTime()}, f.Close()
}

func troubleOf(path string, err error) *Trouble {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		t := &Trouble{Kind: Missing, Path: path, Err: err,
			Reason: fmt.Sprintf("%s does not exist", path),
			Mend:   "check the path and the node's log.output setting"}
		if target, err := os.Readlink(path); err == nil {
			t.Reason = fmt.Sprintf("%s is a link to %s, which does not exist", path, target)
		}
		return t
	case errors.Is(err, fs.ErrPermission):
		return forbidden(path, err)
	}
	return &Trouble{Kind: Unreadable, Path: path, Err: err, Reason: fmt.Sprintf("%s cannot be read: %v", path, err), Mend: "check the disk and the mount"}
}

// LastLines calls f with the lines in the file's last limit bytes, from the last
// one back, until f answers false. The slice is valid during the call. A line
// without an end, which may still be written, is skipped, and so is one that the
// limit cuts. Of a file that is cut while it is read, it gives what it can.
func LastLines(ctx context.Context, path string, limit int64, f func(line []byte) bool) error {
	file, err := os.Open(path)
	if err != nil {
		return troubleOf(path, err)
	}
	defer func() { _ = file.Close() }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return troubleOf(path, err)
	}
	const block = 256 << 10
	var rest []byte // the beginning of what was read so far, which is not a whole line
	ended := false  // whether rest ends at an end of line
	for end, first := size, max(0, size-limit); end > first; {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := max(first, end-block)
		b := make([]byte, end-start, int(end-start)+len(rest))
		_, err := file.ReadAt(b, start)
		switch {
		case errors.Is(err, io.EOF):
			return nil // cut meanwhile: what was here is gone
		case err != nil:
			return troubleOf(path, err)
		}
		b = append(b, rest...)
		for {
			at := bytes.LastIndexByte(b, '\n')
			if at < 0 {
				break
			}
			line := b[at+1:]
			b = b[:at]
			if ended && !f(line) {
				return nil
			}
			ended = true
		}
		rest, end = b, start
		if start == 0 && ended {
			f(rest)
		}
	}
	return nil
}

// Dial says whether something listens at a network source's address. Nothing is
// sent: a log forwarder closes the connection at the first byte.
func Dial(ctx context.Context, address string) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}
