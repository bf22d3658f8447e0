package logsource

import "time"

// pace is how long a follower waits for what. Tests shorten it.
type pace struct {
	settle    time.Duration // between two looks at a file that is being written
	fast      time.Duration // between two looks when the folder says nothing
	slow      time.Duration // what fast grows to while nothing comes
	survey    time.Duration // between two looks at all the rotated files
	finish    time.Duration // a rotated file that did not grow for so long has ended
	still     time.Duration // a file that grows so long after its rotation is still written
	letGo     time.Duration // how long a rotated file that does not grow is kept open
	staleGzip time.Duration // a .gz that was not changed for so long is complete

	network networkPace // of the followers of other sources
}

var defaultPace = pace{
	settle:    50 * time.Millisecond,
	fast:      time.Second,
	slow:      5 * time.Second,
	survey:    time.Minute,
	finish:    10 * time.Second,
	still:     5 * time.Second,
	letGo:     5 * time.Minute,
	staleGzip: 2 * time.Second,
	network:   defaultNetworkPace,
}
