package simnode

// eventKind says which handler an event wakes.
type eventKind uint8

const (
	evArrival       eventKind = iota // the next customer's transfer begins
	evTransferBegin                  // ref: the transfer
	evTransferEnd                    // ref: the transfer
	evAudit                          // sat: the satellite audits
	evReverify                       // ref: the contained audit
	evOfflineAudit                   // sat: an audit that found nobody is recorded
	evScores                         // gen: the node asks the satellites for its scores
	evStop                           // the process is asked to stop, and comes back; ref 0: by its operator, now and then
	evCrash                          // the process dies, and comes back
	evStart                          // the process starts
	evDie                            // the process dies for good
	evUpdate                         // ref: the planned version change
	evUplink                         // the uplink goes down or comes back
	evPing                           // gen, sat, ref: attempt; the node calls a satellite
	evHourly                         // gen: collector, bandwidth, orders
	evReadable                       // gen: the storage folder is checked
	evTrust                          // gen
	evVersionCheck                   // gen
	evMigration                      // gen
	evTrashStart                     // gen: the daily round begins
	evTrashNext                      // gen, sat: one satellite's trash
	evTrashEnd                       // gen, sat
	evUsedSpace                      // gen, sat: the filewalker at the start
	evUsedSpaceEnd                   // gen, sat
	evBloom                          // sat: the satellite sends a bloom filter
	evGarbageEnd                     // gen, sat
	evCompaction                     // gen, sat, ref: store
	evCompactionEnd                  // gen, sat, ref: store
	evAmnesty                        // gen
	evPayouts                        // the satellites pay the month before
	evContactReview                  // satellites look who has been away for 30 days
)

// event is one entry of the schedule.
type event struct {
	at   int64  // model time, Unix nanoseconds
	seq  uint64 // events at one time happen in the order in which they were planned
	ref  int32
	gen  uint32 // the process that planned it; 0 for what outlives a process
	kind eventKind
	sat  uint8
}

// schedule is a heap of events, earliest first, four children a node.
type schedule struct {
	events []event
	seq    uint64
}

func (s *schedule) add(e event) {
	s.seq++
	e.seq = s.seq
	s.events = append(s.events, e)
	i := len(s.events) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !before(&e, &s.events[parent]) {
			break
		}
		s.events[i] = s.events[parent]
		i = parent
	}
	s.events[i] = e
}

func (s *schedule) next() (at int64, ok bool) {
	if len(s.events) == 0 {
		return 0, false
	}
	return s.events[0].at, true
}

func (s *schedule) pop() event {
	first := s.events[0]
	last := s.events[len(s.events)-1]
	s.events = s.events[:len(s.events)-1]
	n := len(s.events)
	if n == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		best := child
		for c := child + 1; c < min(child+4, n); c++ {
			if before(&s.events[c], &s.events[best]) {
				best = c
			}
		}
		if !before(&s.events[best], &last) {
			break
		}
		s.events[i] = s.events[best]
		i = best
	}
	s.events[i] = last
	return first
}

func before(a, b *event) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return a.seq < b.seq
}
