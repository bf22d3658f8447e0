package logsource

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// tail is a file that is held open and read as it grows.
type tail struct {
	file   text
	info   fs.FileInfo // as of the last look
	name   string      // under which it was seen last
	zip    bool
	lines  lineReader
	head   []byte        // how the text begins, as far as it is known
	pos    *FilePosition // where the follower is in the text; nil while the file is empty
	live   bool          // it was read to its end
	behind int64         // what is there and was not read
	grew   time.Time     // when it was seen to grow last
	// Since when it is not under the log's name any more, or zero.
	rotated time.Time
	done    fileStamp // how the file was when it was read to its end
	shorter time.Time // since when its text ends before what was read, or zero
}

func newTail(name string, file text, info fs.FileInfo) *tail {
	_, zip := file.(*gzipText)
	return &tail{file: file, info: info, name: name, zip: zip, lines: lineReader{text: file}}
}

// identity is what a look at the beginning of a tail's file says.
type identity int

const (
	sameText    identity = iota
	emptyText            // nothing is in it
	shorterText          // it begins alike, but less of it is there than was
	otherText            // it was cut and written anew
)

// look compares how the file begins now with how it did, and learns more of it where it
// was short.
func (x *tail) look() (identity, error) {
	if x.zip && len(x.head) > 0 {
		return sameText, nil // nobody writes into it
	}
	var buffer [headSize]byte
	n, err := readAt(x.file, buffer[:], 0)
	if err != nil {
		return sameText, err
	}
	head := buffer[:n]
	switch {
	case n == 0 && len(x.head) == 0:
		return emptyText, nil
	case n == 0:
		return otherText, nil
	case bytes.HasPrefix(head, x.head):
		if n > len(x.head) {
			x.head = bytes.Clone(head)
			if x.pos != nil {
				setHead(x.pos, head)
			}
		}
		return sameText, nil
	case bytes.HasPrefix(x.head, head):
		return shorterText, nil
	}
	return otherText, nil
}

// restart takes the file for one that was never read.
func (x *tail) restart() {
	x.head, x.pos, x.behind = nil, nil, 0
	x.done, x.shorter = fileStamp{}, time.Time{}
	x.lines = lineReader{text: x.file}
}

// take makes a known text the tail's.
func (x *tail) take(p *FilePosition) {
	x.pos = p
	x.lines = lineReader{text: x.file, at: p.Offset}
	if int64(len(x.head)) > p.Length {
		setHead(p, x.head)
	}
}

// refresh asks the system how the file is now.
func (x *tail) refresh(now time.Time) {
	file, ok := x.file.(*os.File)
	if !ok {
		return // a compressed file stays as it is
	}
	if info, err := file.Stat(); err == nil {
		if info.Size() > x.info.Size() {
			x.grew = now
		}
		x.info = info
	}
}

// deleted says whether the file has no name any more.
func (x *tail) deleted() bool {
	_, _, names := fileID(x.info)
	return names == 0
}

// notice says what is wrong with a file that is still written after its rotation, or
// answers false.
func (x *tail) notice(log string, still time.Duration) (Notice, bool) {
	if x.rotated.IsZero() || x.grew.Sub(x.rotated) < still {
		return Notice{}, false
	}
	if x.deleted() {
		return Notice{
			Severity: Critical,
			Text:     fmt.Sprintf("%s was deleted and the node still writes to it: only this process can still read it, and the disk stays as full", log),
			Mend:     "restart the node; let the rotation use copytruncate, as the node never opens its log again",
		}, true
	}
	return Notice{
		Severity: Warning,
		Text:     fmt.Sprintf("the node still writes to %s", x.name),
		Mend:     "use copytruncate in the rotation, or restart the node after it: it never opens its log again",
	}, true
}
