//go:build !windows

package logsource

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// meddled is a text that something happens to just before lines are read from it.
type meddled struct {
	*os.File
	meddle func()
}

func (m *meddled) ReadAt(p []byte, at int64) (int, error) {
	if at > 0 && m.meddle != nil {
		meddle := m.meddle
		m.meddle = nil
		meddle()
	}
	return m.File.ReadAt(p, at)
}

// Between the look at a file's beginning and the reading of its lines it is rotated and
// grows beyond where it was read to: what is read there belongs to another text.
func TestFileIsCutWhileItIsRead(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	s := step(t, log)
	add(t, log, "one\n")
	s.sees("one\n")
	add(t, log, "two\n")
	x := s.f.current
	m := &meddled{File: x.file.(*os.File), meddle: func() {
		duplicate(t, log, log+".1")
		must(t, os.Truncate(log, 0))
		add(t, log, "three, and more than there was\nfour\n")
	}}
	x.file, x.lines.text = m, m
	s.sees("one\ntwo\nthree, and more than there was\nfour\n")
}

// A fingerprint grows with the file, up to 1 KiB.
func TestFingerprintGrows(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	s := step(t, log)
	content := "before\n"
	for _, line := range []string{"one\n", strings.Repeat("x", 600) + "\n", strings.Repeat("y", 600) + "\n", "last\n"} {
		add(t, log, line)
		content += line
		s.sees(strings.TrimPrefix(content, "before\n"))
		head := content[:min(len(content), headSize)]
		p := s.f.positions.Files
		if len(p) != 1 || p[0].Length != int64(len(head)) || p[0].Fingerprint != fingerprint([]byte(head)) {
			t.Fatalf("after %d bytes the positions are %+v", len(content), p)
		}
	}
}

// Of two texts of which one begins as the other, the longer one is recognised by more.
func TestKnownTextIsFoundByMostOfIt(t *testing.T) {
	k := newKnown(nil)
	text := func(head string) *FilePosition { return k.add([]byte(head), noon, nil) }
	short, long, middle := text("one\n"), text("one\ntwo\nthree\n"), text("one\ntwo\n")
	for head, want := range map[string]*FilePosition{
		"one\ntwo\nthree\nfour\n": long, "one\ntwo\nfour\n": middle, "one\n2\n": short, "one": nil, "two\n": nil, "": nil,
	} {
		if got := k.find([]byte(head)); got != want {
			t.Errorf("%q is found as %+v", head, got)
		}
	}
}

func TestKnownTextsAreBounded(t *testing.T) {
	k := newKnown(nil)
	used := k.add([]byte("in use"), noon.Add(-time.Hour), nil)
	for i := range 3 * maxKnown {
		k.add([]byte{byte(i), 'x'}, noon.Add(time.Duration(i)*time.Second), func(p *FilePosition) bool { return p == used })
	}
	if n := len(k.positions()); n != maxKnown {
		t.Errorf("%d texts are known", n)
	}
	if k.find([]byte("in use")) == nil || k.find([]byte{3*maxKnown - 1, 'x'}) == nil || k.find([]byte{0, 'x'}) != nil {
		t.Error("not the oldest were forgotten")
	}
	if want := noon.Add((3*maxKnown - 1) * time.Second); !k.lastRead().Equal(want) || !k.oldestRead().Equal(noon.Add(-time.Hour)) {
		t.Errorf("read last %s, first %s", k.lastRead(), k.oldestRead())
	}
}

// Where the log is replaced by a copy of itself, it is followed in its new place alone.
func TestFileIsReplacedByACopyOfItself(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	s := step(t, log)
	add(t, log, "one\n")
	s.sees("one\n")
	duplicate(t, log, log+"~")
	must(t, os.Rename(log, log+".1"))
	must(t, os.Rename(log+"~", log))
	s.sees("one\n")
	add(t, log, "two\n")
	s.sees("one\ntwo\n")
	if n := openFiles(t, filepath.Dir(log)); n != 1 {
		t.Errorf("%d files are open", n)
	}
}

// A rotated file that comes to its name late is looked at when it does, and not only with
// the next survey.
func TestRotatedFileThatComesLate(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	watcher := NewWatcher()
	defer func() { _ = watcher.Close() }()
	g := follow(t, log, Positions{}, func(o *Options, p *pace) { o.Watcher, p.survey = watcher, time.Hour })
	g.atRest()
	add(t, log, "one\n")
	g.sees("one\n")
	resume := g.stop()
	add(t, log, "two\n")
	duplicate(t, log, log+"~")
	create(t, log, "three\n")
	g = follow(t, log, resume, func(o *Options, p *pace) { o.Watcher, p.survey = watcher, time.Hour })
	g.sees("three\n")
	compress(t, log+"~", log+"~~")
	must(t, os.Rename(log+"~~", log+".1.gz"))
	g.sees("three\ntwo\n")
}

// A compressed file that is still being written is left until it is whole.
func TestCompressedFileThatIsHalfWritten(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	s := step(t, log)
	content := "before\n" + strings.Repeat(nodeLine, 3000)
	create(t, log+"~", content)
	compress(t, log+"~", log+"~~")
	whole, err := os.ReadFile(log + "~~")
	must(t, err)
	must(t, os.Truncate(log, 0))
	create(t, log+".1.gz", string(whole[:len(whole)/2]))
	s.f.pace = quick
	s.f.pace.survey = 0
	s.now = s.now.Add(time.Hour)
	for range 3 {
		_, _, err = s.f.round(t.Context())
		must(t, err)
	}
	create(t, log+".1.gz", string(whole))
	s.f.surveySoon()
	s.sees(strings.TrimPrefix(content, "before\n"))
	if n := openFiles(t, filepath.Dir(log)); n != 1 {
		t.Errorf("%d files are open", n)
	}
}

// What was beside the log before it was followed, and could not be read then, is nothing
// new; nor is a copy of the log that has only begun.
func TestFilesThatAreNotNew(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	s := step(t, log)
	s.f.pace.survey = 0
	create(t, log+".7", "years ago\n")
	setModified(t, log+".7", s.now.Add(-time.Hour))
	create(t, log+".1", "bef")
	s.now = s.now.Add(24 * time.Hour) // long enough for half a line to be finished
	s.sees("")
	create(t, log+".1", "before\nno")
	s.sees("")
	create(t, log+".2", "but this is new\n")
	s.sees("but this is new\n")
}

// A node that goes on writing to a rotated file is heard at once after a restart of the
// follower too, though the file had been read to its end.
func TestRotatedFileGrowsAfterARestart(t *testing.T) {
	log := logIn(t)
	create(t, log, "before\n")
	g := follow(t, log, Positions{}, nil)
	g.atRest()
	add(t, log, "one\n")
	g.sees("one\n")
	must(t, os.Rename(log, log+".1"))
	create(t, log, "two\n")
	g.sees("one\ntwo\n")
	resume := g.stop()
	g = follow(t, log, resume, func(_ *Options, p *pace) { p.survey = time.Hour })
	g.atRest()
	add(t, log+".1", "three\n")
	g.sees("three\n")
}
