package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The file is BuntDB's: a list of commands in the Redis protocol. BuntDB refuses
// a file with a torn tail, miscounts one with zeroes in it, and takes a flipped
// bit for data. So the file is read here first, and what BuntDB gets is whole.

const (
	setCommand    = "*3\r\n$3\r\nset\r\n$"
	deleteCommand = "*2\r\n$3\r\ndel\r\n$"
)

// parseCommand reads one command from the start of b: its length and arguments.
func parseCommand(b []byte) (length int, arguments [3][]byte, ok bool) {
	var want int
	switch {
	case bytes.HasPrefix(b, []byte(setCommand)):
		want = 3
	case bytes.HasPrefix(b, []byte(deleteCommand)):
		want = 2
	default:
		return 0, arguments, false
	}
	at := len("*3\r\n")
	for i := 0; i < want; i++ {
		if at >= len(b) || b[at] != '$' {
			return 0, arguments, false
		}
		end := bytes.IndexByte(b[at:min(len(b), at+24)], '\n')
		if end < 2 || b[at+end-1] != '\r' {
			return 0, arguments, false
		}
		n, err := strconv.ParseUint(string(b[at+1:at+end-1]), 10, 31)
		at += end + 1
		if err != nil || at+int(n)+2 > len(b) || b[at+int(n)] != '\r' || b[at+int(n)+1] != '\n' {
			return 0, arguments, false
		}
		arguments[i] = b[at : at+int(n)]
		at += int(n) + 2
	}
	return at, arguments, true
}

// nextCommand is the offset of the next place that looks like a command.
func nextCommand(b []byte) int {
	next := len(b)
	for _, start := range []string{setCommand, deleteCommand} {
		if i := bytes.Index(b, []byte(start)); i >= 0 && i < next {
			next = i
		}
	}
	return next
}

type fileState struct {
	whole   []byte // every command that could be read
	damaged int    // bytes that could not
	format  string
}

func inspectFile(b []byte) fileState {
	state := fileState{whole: b}
	for at := 0; at < len(b); {
		n, arguments, ok := parseCommand(b[at:])
		if !ok {
			if state.damaged == 0 {
				state.whole = append([]byte{}, b[:at]...)
			}
			n = 1 + nextCommand(b[at+1:])
			state.damaged += n
			at += n
			continue
		}
		if string(arguments[1]) == formatKey {
			state.format = string(arguments[2])
		}
		if state.damaged > 0 {
			state.whole = append(state.whole, b[at:at+n]...)
		}
		at += n
	}
	return state
}

// NewerFormatError says that the file was written by a later version of the
// plugin. The file is left as it is.
type NewerFormatError struct{ Path, Format string }

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("the store %s has format %s, this version of the plugin reads up to %s: install the newer version again, or move the file away to start afresh", e.Path, e.Format, currentFormat)
}

// repairFile makes the file fit for BuntDB. If it was damaged, the original is
// kept aside and named in the answer.
func repairFile(path string, now time.Time) (kept string, damaged int, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return "", 0, err
		}
		return "", 0, f.Close()
	}
	if err != nil {
		return "", 0, err
	}
	state := inspectFile(b)
	if format, err := strconv.Atoi(state.format); state.format != "" && (err != nil || format > currentFormatNumber) {
		return "", 0, &NewerFormatError{Path: path, Format: state.format}
	}
	if state.damaged == 0 {
		return "", 0, nil
	}
	kept, err = keepAside(path, b, now)
	if err != nil {
		return "", state.damaged, err
	}
	return kept, state.damaged, ReplaceFile(path, state.whole)
}

func keepAside(path string, content []byte, now time.Time) (string, error) {
	kept := path + ".corrupt-" + now.UTC().Format("20060102T150405.000")
	return kept, ReplaceFile(kept, content)
}

// ReplaceFile writes a file so that a reader, also after a power cut, sees either
// the old or the new one, whole.
func ReplaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}
