package latency

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

func startOf(at time.Time, piece, peer string) *storagenode.Event {
	return &storagenode.Event{
		Line: storagenode.Line{Time: at}, Kind: storagenode.DownloadStarted,
		Action: storagenode.Get, Piece: []byte(piece), Peer: []byte(peer),
	}
}

// The table of starts gives what a plain list of them gives, whatever happens, also where
// it is full.
func TestOpenAgainstAPlainList(t *testing.T) {
	for _, peers := range []bool{true, false} {
		random := rand.New(rand.NewPCG(7, 7))
		at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		o := newOpen()
		type known struct {
			name string
			at   time.Time
		}
		var list []known // in the order in which they began
		dropped := int64(0)
		for step := range 400_000 {
			at = at.Add(time.Millisecond)
			// Now and then a storm, in which more begins than ends.
			pieces, beginning := 3000, 0.5
			if step%100_000 > 50_000 {
				pieces, beginning = 60_000, 0.95
			}
			name := fmt.Sprint(random.IntN(pieces))
			peer := ""
			if peers {
				peer = "192.0.2.1:1"
			}
			find := func() int {
				for i, k := range list {
					if k.name == name {
						return i
					}
				}
				return -1
			}
			if len(list) > 3000 && step%50 != 0 {
				find = nil // the plain list is slow
			}
			if find == nil {
				continue
			}
			event := startOf(at, name, peer)
			i := find()
			if random.Float64() < beginning {
				if peers && i >= 0 {
					list = append(list[:i], list[i+1:]...)
					dropped++
				}
				list = append(list, known{name, at})
				o.begin(event)
			} else {
				took, _, ok := o.took(event)
				if ok != (i >= 0) {
					t.Fatalf("step %d: found %v, want %v", step, ok, i >= 0)
				}
				if ok {
					if want := at.Sub(list[i].at); took != want {
						t.Fatalf("step %d: took %v, want %v", step, took, want)
					}
					list = append(list[:i], list[i+1:]...)
				}
			}
			if o.count != len(list) || o.dropped != dropped {
				t.Fatalf("step %d: %d open and %d dropped, want %d and %d", step, o.count, o.dropped, len(list), dropped)
			}
		}
		o.clear()
		if o.count != 0 || o.oldest != none || o.newest != none {
			t.Fatal("something is left")
		}
		for _, slot := range o.slots {
			if slot != 0 {
				t.Fatal("a slot is left")
			}
		}
	}
}

// A million starts without an end take no more than the bound: the oldest go, are counted,
// and the newest are still there.
func TestAMillionOpenStartsAreBounded(t *testing.T) {
	const starts = 1_000_000
	o := newOpen()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	name := func(i int) string { return fmt.Sprintf("PIECE%d", i) }
	for i := range starts {
		o.begin(startOf(at, name(i), "192.0.2.1:1"))
	}
	if o.count != maxOpen || o.dropped != starts-maxOpen {
		t.Fatalf("%d are open, %d were dropped", o.count, o.dropped)
	}
	if size := len(o.starts)*int(unsafe.Sizeof(start{})) + 4*len(o.slots); size > 2<<20 {
		t.Errorf("%d bytes", size)
	}
	for i := range starts {
		_, _, ok := o.took(startOf(at.Add(time.Second), name(i), "192.0.2.1:1"))
		if want := i >= starts-maxOpen; ok != want {
			t.Fatalf("start %d: %v", i, ok)
		}
	}
}

// A quiet node takes next to nothing.
func TestAFewOpenStartsTakeLittle(t *testing.T) {
	o := newOpen()
	if size := len(o.starts)*int(unsafe.Sizeof(start{})) + 4*len(o.slots); size > 16<<10 {
		t.Errorf("%d bytes", size)
	}
}

// Once a log has been heard for a while, a line takes no memory.
func TestHearingTakesNoMemory(t *testing.T) {
	e := newEar(nodeOf("A"), nil, time.Now)
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	n := 0
	var piece [8]byte
	peer := []byte{1, 2, 3}
	var event storagenode.Event // the parser's, too, is used again
	lines := func() {
		n++
		at := began.Add(time.Duration(n) * 10 * time.Millisecond)
		for i := range piece {
			piece[i] = byte(n>>i) | 1
		}
		event = storagenode.Event{
			Line: storagenode.Line{Time: at}, Kind: storagenode.UploadStarted, Satellite: "1sat",
			Action: storagenode.Put, Piece: piece[:], Peer: peer,
		}
		e.Hear(&event)
		event.Time, event.Kind, event.Outcome = at.Add(time.Duration(n%3000)*time.Millisecond), storagenode.UploadEnded, storagenode.OutcomeSuccess
		e.Hear(&event)
		event.Kind, event.Piece = storagenode.OtherLine, nil
		e.Hear(&event)
		e.closed = e.closed[:0] // what a finished minute takes is no line's
	}
	for range 100_000 {
		lines()
	}
	// A minute that is over makes a row: rarer than one run in ten.
	if allocations := testing.AllocsPerRun(100_000, lines); allocations != 0 {
		t.Errorf("%v allocations a line", allocations)
	}
}
