package logsource

import "time"

// Hasten makes a follower of a log that comes over a connection wait as little as a
// test can bear.
func Hasten(f *Follower) *Follower {
	f.pace.network = networkPace{
		firstRetry: 2 * time.Millisecond,
		lastRetry:  10 * time.Millisecond,
		good:       time.Hour,
		connect:    5 * time.Second,
		answer:     time.Second,
		look:       2 * time.Millisecond,
		slowLook:   10 * time.Millisecond,
		watch:      10 * time.Millisecond,
		quiet:      10 * time.Millisecond,
	}
	return f
}

// Retries are the first waits between attempts to connect, and the one after a good
// connection.
func Retries(n int) (waits []time.Duration, afterGood time.Duration) {
	b := backoff{first: defaultNetworkPace.firstRetry, last: defaultNetworkPace.lastRetry}
	for range n {
		waits = append(waits, b.next())
	}
	b.reset()
	return waits, b.next()
}

// Records is what the splitter of a forwarder's records makes of chunks.
type Records struct {
	Lines          string
	Arrivals       []time.Time
	BadStamps      int64
	LongLines      int64
	MostKept, Room int // bytes of an unfinished record
}

// SplitRecords gives a forwarder's chunks to its splitter.
func SplitRecords(chunks [][]byte, timeOf func([]byte) (time.Time, bool), now time.Time) Records {
	r := recordSplitter{timeOf: timeOf}
	most := 0
	for _, chunk := range chunks {
		r.read(chunk, now)
		most = max(most, len(r.begun))
	}
	return Records{
		Lines: string(r.batch.lines), Arrivals: r.batch.arrivals,
		BadStamps: r.badStamps, LongLines: r.longLines,
		MostKept: most, Room: longestRecord,
	}
}

// StreamLine is a line of a container's log.
type StreamLine struct {
	Text  string
	Stamp time.Time
}

// StreamLines gives the chunks of an answer to the stream's reader.
func StreamLines(chunks [][]byte, terminal bool) (lines []StreamLine, long int64, err error) {
	d := dockerStream{terminal: terminal, emit: func(line []byte, stamp time.Time) {
		lines = append(lines, StreamLine{string(line), stamp})
	}}
	for _, chunk := range chunks {
		if err = d.read(chunk); err != nil {
			break
		}
	}
	return lines, d.longLines, err
}
