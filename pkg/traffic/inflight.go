package traffic

import (
	"hash/maphash"
	"math/bits"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// inFlight remembers when the transfers that are under way began, in a table of a
// fixed size: where too many are, or where ends are never written, the oldest are
// forgotten. It looks at a few slots for each, so it costs the same however full it is.
type inFlight struct {
	seed  maphash.Seed
	slots []begun
}

type begun struct {
	key uint64
	at  int64 // nanoseconds since 1970; 0: the slot is empty
}

const (
	inFlightSlots = 1 << 12
	probes        = 8
)

func newInFlight() *inFlight {
	return &inFlight{seed: maphash.MakeSeed(), slots: make([]begun, inFlightSlots)}
}

// key is that of a transfer: the same piece can be downloaded several times at once,
// but hardly by the same peer, whose address has a port.
func (f *inFlight) key(event *storagenode.Event) uint64 {
	key := maphash.Bytes(f.seed, event.Piece) ^ bits.RotateLeft64(maphash.Bytes(f.seed, event.Peer), 1)
	switch event.Kind {
	case storagenode.UploadStarted, storagenode.UploadEnded:
		return key &^ 1
	default:
		return key | 1
	}
}

// window are the slots in which a key can be.
func (f *inFlight) window(key uint64) []begun {
	first := (key >> 1) % (inFlightSlots - probes + 1)
	return f.slots[first : first+probes]
}

func (f *inFlight) begin(event *storagenode.Event) {
	if len(event.Piece) == 0 {
		return
	}
	key := f.key(event)
	slots := f.window(key)
	oldest := 0
	for i := range slots {
		if slots[i].key == key || slots[i].at == 0 {
			oldest = i
			break
		}
		if slots[i].at < slots[oldest].at {
			oldest = i
		}
	}
	slots[oldest] = begun{key, event.Time.UnixNano()}
}

// end is when the transfer began that the event ends, and forgets it.
func (f *inFlight) end(event *storagenode.Event) (began time.Time, ok bool) {
	if len(event.Piece) == 0 {
		return time.Time{}, false
	}
	key := f.key(event)
	slots := f.window(key)
	for i := range slots {
		if slots[i].key != key || slots[i].at == 0 {
			continue
		}
		began := time.Unix(0, slots[i].at).UTC()
		slots[i] = begun{}
		took := event.Time.Sub(began)
		return began, took >= 0 && took <= longestTransfer
	}
	return time.Time{}, false
}

func (f *inFlight) clear() { clear(f.slots) }
