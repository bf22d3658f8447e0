package capacity_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func (s *scene) free(name string) map[time.Time]float64 {
	r := s.asking("capacity", concern.TimeSeries, []string{"free_bytes"}, name)
	r.Step = interval
	return seriesOf(s.t, s.answer(r))["free_bytes{node="+name+"}"]
}

// Of each step the last line counts, whenever it is read: a log of yesterday beside the one of
// today, or twice.
func TestEarKeepsTheLastOfEachStep(t *testing.T) {
	s := newScene(t)
	at := func(minutes int, free int64) {
		s.now = noon.Add(time.Duration(minutes) * time.Minute)
		s.upload("A", free)
	}
	at(-60, 100)
	at(-61, 99) // of another step
	at(-59, 110)
	at(-58, 120)
	at(-60, 90) // again
	s.flush("A")
	at(-57, 130)
	at(-10, 140)
	s.flush("A")
	s.flush("A") // nothing new
	s.now = noon
	want := map[time.Time]float64{noon.Add(-65 * time.Minute): 99, noon.Add(-60 * time.Minute): 130, noon.Add(-10 * time.Minute): 140}
	if diff := cmp.Diff(want, s.free("A")); diff != "" {
		t.Error(diff)
	}
}

// Lines that say nothing of the disk, and a line of a wrong clock, change nothing.
func TestEarHearsNothingElse(t *testing.T) {
	s := newScene(t)
	s.line("A", "INFO\tpiecestore\tuploaded\t{\"piece_id\": \"P\", \"satellite_id\": \""+us1+"\", \"action\": \"PUT\", \"size\": 100}")
	s.line("A", "DEBUG\tpiecestore\tupload started\t{\"piece_id\": \"P\", \"satellite_id\": \""+us1+"\", \"action\": \"PUT\"}")
	s.now = noon.Add(48 * time.Hour)
	event, err := s.parser.Parse([]byte(s.now.Format(time.RFC3339) + "\tDEBUG\tpiecestore\tupload started\t{\"piece_id\": \"P\", \"satellite_id\": \"" + us1 + "\", \"action\": \"PUT\", \"available_space\": 7}"))
	if err != nil {
		t.Fatal(err)
	}
	s.now = noon
	s.ears["A"].Hear(event)
	batch := &store.Batch{}
	if err := s.ears["A"].Flush(batch); err != nil || !batch.Empty() {
		t.Errorf("%v, something to record: %t", err, !batch.Empty())
	}
}

func TestEarCostsNoMemory(t *testing.T) {
	s := newScene(t)
	ear := s.concern().Listen(named("A"), s.store)
	event := &storagenode.Event{Kind: storagenode.UploadStarted, Free: 7}
	event.Time = noon
	ear.Hear(event)
	if n := testing.AllocsPerRun(100, func() { event.Free++; ear.Hear(event) }); n > 0 {
		t.Errorf("%f allocations", n)
	}
}
