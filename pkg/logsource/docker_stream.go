package logsource

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
)

// dockerStream makes lines of what the Docker Engine API answers where a container's
// log is asked for with times: without a terminal frames of two streams, with one the
// bare text.
type dockerStream struct {
	terminal bool
	emit     func(line []byte, stamp time.Time) // a line without its newline, and when it was ended

	header [8]byte // of the frame that begins
	have   int     // how much of the header came
	left   int     // what is to come of the frame
	kind   byte    // of the frame

	texts     [3]stampedText // by kind; without a terminal those of stdout and stderr
	complaint []byte         // what the daemon itself says in between

	longLines int64
}

// The kinds of frame.
const (
	stdoutFrame   = 1
	stderrFrame   = 2
	daemonsFrame  = 3
	longComplaint = 500
)

// errNoFrames says that an answer is not what the Engine API gives.
var errNoFrames = errors.New("the answer is not the log of a container")

// read takes what came next.
func (d *dockerStream) read(chunk []byte) error {
	if d.terminal {
		d.texts[stdoutFrame].read(chunk, d)
		return nil
	}
	for len(chunk) > 0 {
		if d.left == 0 {
			n := copy(d.header[d.have:], chunk)
			d.have, chunk = d.have+n, chunk[n:]
			if d.have < len(d.header) {
				return nil
			}
			d.have = 0
			d.kind, d.left = d.header[0], int(binary.BigEndian.Uint32(d.header[4:]))
			if d.kind > daemonsFrame || d.header[1]|d.header[2]|d.header[3] != 0 {
				return errNoFrames
			}
			if d.kind < daemonsFrame {
				d.texts[d.kind].beginMessage(d)
			}
		}
		part := chunk[:min(len(chunk), d.left)]
		d.left, chunk = d.left-len(part), chunk[len(part):]
		if d.kind == daemonsFrame {
			d.complaint = append(d.complaint, part[:min(len(part), longComplaint-len(d.complaint))]...)
		} else {
			d.texts[d.kind].read(part, d)
		}
	}
	return nil
}

// oldestUnfinished is when the first part of a line was written whose end did not come
// yet; zero: there is none.
func (d *dockerStream) oldestUnfinished() (oldest time.Time) {
	for i := range d.texts {
		if t := &d.texts[i]; t.begun && !t.first.IsZero() && (oldest.IsZero() || t.first.Before(oldest)) {
			oldest = t.first
		}
	}
	return oldest
}

// stampedText is text in which Docker put the time before each of its messages. A
// message is a line with its newline, or a part of a line of more than 16 KiB without:
// then the next message goes on with it.
type stampedText struct {
	field   []byte // what came of a message, while that may be a time
	inField bool
	opened  bool // a message began once: the first one of a terminal's text does so by itself
	run     int  // bytes of the message after its time

	line  []byte
	cut   bool      // more of the line came than is kept
	begun bool      // something of the line came
	first time.Time // of the line's first message
	stamp time.Time // of the latest message
}

// partOfLine is how much of a longer line Docker puts into one message.
const partOfLine = 16 << 10

// longestStamp is the most that a time and the space after it take.
const longestStamp = len("2026-11-23T00:00:00.000000000+00:00 ")

// beginMessage says that a message begins with the next byte.
func (t *stampedText) beginMessage(d *dockerStream) {
	if t.inField {
		t.noStamp(d)
	}
	t.inField, t.opened, t.run = true, true, 0
}

func (t *stampedText) read(text []byte, d *dockerStream) {
	if !t.opened {
		t.beginMessage(d)
	}
	for len(text) > 0 {
		if t.inField {
			text = t.readField(text, d)
			continue
		}
		// In a terminal's text nothing but its length ends a part of a line.
		part := text
		if d.terminal {
			part = text[:min(len(text), partOfLine-t.run)]
		}
		end := bytes.IndexByte(part, '\n')
		if end < 0 {
			t.keep(part)
			t.run += len(part)
			text = text[len(part):]
			if d.terminal && t.run == partOfLine {
				t.beginMessage(d)
			}
			continue
		}
		t.keep(part[:end])
		text = text[end+1:]
		t.endLine(d)
		t.beginMessage(d)
	}
}

// readField takes what may be a time, and answers the rest.
func (t *stampedText) readField(text []byte, d *dockerStream) []byte {
	part := text[:min(len(text), longestStamp-len(t.field))]
	end := bytes.IndexAny(part, " \n")
	if end < 0 {
		t.field = append(t.field, part...)
		if len(t.field) == longestStamp {
			t.noStamp(d)
		}
		return text[len(part):]
	}
	if part[end] == ' ' {
		t.field = append(t.field, part[:end]...)
		if stamp, err := time.Parse(time.RFC3339Nano, string(t.field)); err == nil {
			t.stamp, t.inField, t.field = stamp, false, t.field[:0]
			if !t.begun {
				t.begun, t.first = true, stamp
			}
			return text[end+1:]
		}
		t.noStamp(d)
		return text[end:]
	}
	t.field = append(t.field, part[:end]...)
	t.noStamp(d)
	return text[end:]
}

// noStamp makes text of what could have been a time.
func (t *stampedText) noStamp(d *dockerStream) {
	t.inField = false
	if !t.begun {
		t.first = t.stamp
	}
	t.run += len(t.field)
	t.keep(t.field)
	t.field = t.field[:0]
}

func (t *stampedText) keep(part []byte) {
	if len(part) == 0 {
		return
	}
	t.begun = true
	if room := longestLine - len(t.line); len(part) > room {
		part, t.cut = part[:room], true
	}
	t.line = append(t.line, part...)
}

func (t *stampedText) endLine(d *dockerStream) {
	if t.cut {
		d.longLines++
	}
	d.emit(t.line, t.stamp)
	t.line, t.cut, t.begun, t.first = t.line[:0], false, false, time.Time{}
}
