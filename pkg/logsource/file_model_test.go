package logsource

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// modelFile is a file as the model knows it.
type modelFile struct {
	lines []int // whole lines
	half  int   // a line that was begun; -1: none
}

// model plays a node, a rotation and an operator, and knows which lines have to come.
type model struct {
	t   testing.TB
	log string
	f   *fileFollower

	names    map[string]*modelFile
	writer   *os.File
	writes   *modelFile
	written  int
	gone     map[int]bool // may come, and may not: the file is gone
	seen     map[int]int
	last     Positions
	happened []string
}

func newModel(t testing.TB) *model {
	m := &model{
		t: t, log: filepath.Join(t.TempDir(), "node.log"),
		names: map[string]*modelFile{}, gone: map[int]bool{}, seen: map[int]int{},
	}
	m.open()
	m.append(false)
	m.gone[0] = true // it was there before the follower
	m.begin()
	return m
}

// base is a name beside the log.
func (m *model) file(ending string) string { return m.log + ending }

// open is the start of a node.
func (m *model) open() {
	if m.writer != nil {
		_ = m.writer.Close()
	}
	file, err := os.OpenFile(m.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	m.check(err)
	m.writer = file
	if m.names[""] == nil {
		m.names[""] = &modelFile{half: -1}
	}
	m.writes = m.names[""]
}

func (m *model) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("%v, after %q", err, m.happened)
	}
}

func (m *model) append(half bool) {
	file := m.writes
	text := fmt.Sprintf("%06d\n", m.written)
	switch {
	case half && file.half >= 0:
		return
	case half:
		text = strings.TrimSuffix(text, "\n")
		file.half = m.written
		m.written++
	case file.half >= 0:
		text = "\n"
		m.whole(file, file.half)
		file.half = -1
	default:
		m.whole(file, m.written)
		m.written++
	}
	_, err := m.writer.WriteString(text)
	m.check(err)
}

// whole notes that a file has one more line.
func (m *model) whole(file *modelFile, line int) {
	file.lines = append(slices.Clip(file.lines), line)
	if !m.isNamed(file) {
		m.gone[line] = true
	}
}

func (m *model) isNamed(file *modelFile) bool {
	for _, named := range m.names {
		if named == file {
			return true
		}
	}
	return false
}

// forget is told that a file's content is gone.
func (m *model) forget(file *modelFile) {
	if file == nil {
		return
	}
	kept := map[int]bool{}
	for _, other := range m.names {
		if other != file {
			for _, line := range other.lines {
				kept[line] = true
			}
		}
	}
	for _, line := range file.lines {
		if !kept[line] {
			m.gone[line] = true
		}
	}
	m.abandon(file)
}

// abandon gives up a line that was begun: what ends it is not the same line.
func (m *model) abandon(file *modelFile) {
	if file.half >= 0 {
		m.gone[file.half] = true
		file.half = -1
	}
}

// shift makes room for a rotated file.
func (m *model) shift() {
	for n := 8; n >= 1; n-- {
		for _, zip := range []string{"", ".gz"} {
			from, to := fmt.Sprintf(".%d%s", n, zip), fmt.Sprintf(".%d%s", n+1, zip)
			file := m.names[from]
			if file == nil {
				continue
			}
			delete(m.names, from)
			if n == 8 {
				m.check(os.Remove(m.file(from)))
				m.forget(file)
				continue
			}
			m.check(os.Rename(m.file(from), m.file(to)))
			m.names[to] = file
		}
	}
}

func (m *model) begin() {
	f, err := New(Options{
		Source: Source{Path: m.log},
		Resume: m.last,
		Deliver: func(b Block, p Positions) error {
			for line := range strings.Lines(string(b.Lines)) {
				n := -1
				if _, err := fmt.Sscanf(line, "%06d\n", &n); err == nil {
					m.seen[n]++
				}
			}
			m.last = p
			return nil
		},
	})
	m.check(err)
	f.pace = quick
	f.pace.fast, f.pace.survey = 0, 0 // every round looks at everything
	m.f = newFileFollower(f)
	m.look()
}

// look lets the follower read what there is.
func (m *model) look() {
	for range 100 {
		_, more, err := m.f.round(m.t.Context())
		m.check(err)
		busy, err := m.f.readBack(m.t.Context())
		m.check(err)
		if !more && !busy {
			return
		}
	}
	m.t.Errorf("it never rests, after %q", m.happened)
}

func (m *model) do(what byte) {
	log := m.names[""]
	name := "nothing"
	switch what % 14 {
	case 0, 1, 2:
		name = "append"
		m.append(false)
	case 3:
		name = "half a line"
		m.append(true)
	case 4:
		name = "look"
		m.look()
	case 5:
		name = "rename"
		if log != nil {
			m.shift()
			m.check(os.Rename(m.log, m.file(".1")))
			m.names[".1"] = log
			delete(m.names, "")
		}
	case 6:
		name = "restart the node"
		before := m.writes
		if m.open(); before != m.writes {
			m.abandon(before)
		}
	case 7:
		name = "copytruncate"
		if log != nil {
			m.shift()
			content, err := os.ReadFile(m.log)
			m.check(err)
			m.check(os.WriteFile(m.file(".1"), content, 0o600))
			m.names[".1"] = &modelFile{lines: log.lines, half: -1}
			m.forget(log)
			log.lines = nil
			m.check(os.Truncate(m.log, 0))
		}
	case 8:
		name = "truncate"
		if log != nil {
			m.forget(log)
			log.lines = nil
			m.check(os.Truncate(m.log, 0))
		}
	case 9:
		name = "replace"
		delete(m.names, "")
		m.forget(log)
		m.check(os.WriteFile(m.file("~"), fmt.Appendf(nil, "%06d\n", m.written), 0o600))
		m.names[""] = &modelFile{lines: []int{m.written}, half: -1}
		m.written++
		m.check(os.Rename(m.file("~"), m.log))
	case 10:
		name = "delete"
		if log != nil {
			delete(m.names, "")
			m.forget(log)
			m.check(os.Remove(m.log))
		}
	case 11:
		name = "compress"
		if file := m.names[".1"]; file != nil && m.names[".1.gz"] == nil && file != m.writes {
			m.check(compressTo(m.file(".1"), m.file(".1.gz")))
			m.check(os.Remove(m.file(".1")))
			delete(m.names, ".1")
			m.names[".1.gz"] = file
		}
	case 12:
		name = "restart the follower"
		m.f.close()
		m.begin()
	case 13:
		name = "copy and put in place"
		if log != nil && log != m.writes {
			content, err := os.ReadFile(m.log)
			m.check(err)
			m.check(os.WriteFile(m.file("~"), content, 0o600))
			m.check(os.Rename(m.file("~"), m.log))
			m.names[""] = &modelFile{lines: log.lines, half: -1}
		}
	}
	m.happened = append(m.happened, name)
}

// judge compares what came with what had to.
func (m *model) judge() {
	m.look()
	m.f.close()
	m.begin()
	m.f.close()
	_ = m.writer.Close()
	m.abandon(m.writes)
	for line := range m.written {
		switch n := m.seen[line]; {
		case n > 1:
			m.t.Fatalf("line %d came %d times, after %q", line, n, m.happened)
		case n == 0 && !m.gone[line]:
			m.t.Fatalf("line %d did not come, after %q; positions %+v", line, m.happened, m.last)
		}
	}
}

func FuzzFileFollower(f *testing.F) {
	f.Add([]byte{0, 4, 5, 0, 6, 0, 4, 7, 0, 4, 12})
	f.Add([]byte{0, 5, 6, 0, 5, 6, 0, 11, 4, 12, 0})
	f.Add([]byte{3, 4, 0, 7, 0, 12, 11, 0, 7, 11, 4})
	f.Add([]byte{0, 4, 5, 0, 12, 0, 6, 0, 9, 0, 10, 6, 0, 13, 8, 0})
	f.Fuzz(func(t *testing.T, what []byte) {
		m := newModel(t)
		for _, w := range what[:min(len(what), 60)] {
			m.do(w)
		}
		m.judge()
	})
}

func TestFileFollowerAgainstAModel(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	end := time.Now().Add(20 * time.Second)
	for seed := range rounds {
		random := rand.New(rand.NewPCG(uint64(seed), 7))
		m := newModel(t)
		for range random.IntN(60) {
			m.do(byte(random.IntN(14)))
		}
		m.judge()
		if t.Failed() || time.Now().After(end) {
			t.Logf("seed %d", seed)
			return
		}
	}
}
