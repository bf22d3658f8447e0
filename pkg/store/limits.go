package store

import "time"

// Limits are what may change while the store is open. The zero value of each means its
// default.
type Limits struct {
	Policies    map[string]Policy // of families of groups
	MemoryLimit int64             // bytes that keys and values may take; 0: no limit

	Retention      time.Duration // of rows of families without a policy
	EventRetention time.Duration
	MaxFuture      time.Duration // by how much a row may be ahead of the clock
	MaxPast        time.Duration // and behind it; 0: as long as its family is kept

	FlushInterval time.Duration // how long a recorded value may wait for its commit
	SealInterval  time.Duration // how long commits may wait until chunks replace them
}

// The limits' defaults.
const (
	DefaultRetention      = 400 * 24 * time.Hour
	DefaultEventRetention = 400 * 24 * time.Hour
	DefaultMaxFuture      = time.Hour
	DefaultFlushInterval  = time.Second
	DefaultSealInterval   = time.Hour
)

// SetLimits gives other limits. What they do not allow goes with the next sealing.
func (s *Store) SetLimits(limits Limits) {
	for _, limit := range []struct {
		of     *time.Duration
		preset time.Duration
	}{
		{&limits.Retention, DefaultRetention},
		{&limits.EventRetention, DefaultEventRetention},
		{&limits.MaxFuture, DefaultMaxFuture},
		{&limits.FlushInterval, DefaultFlushInterval},
		{&limits.SealInterval, DefaultSealInterval},
	} {
		if *limit.of <= 0 {
			*limit.of = limit.preset
		}
	}
	s.limits.Store(&limits)
	select {
	case s.limitsSet <- struct{}{}:
	default: // it is told already
	}
}
