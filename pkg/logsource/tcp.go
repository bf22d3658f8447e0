package logsource

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"
)

// runTCP follows what a log forwarder sends. Nothing is ever sent to it: it closes the
// connection at the first byte. It repeats nothing either, so what the node writes while
// there is no connection is lost; how long that was is said in a notice.
func (f *Follower) runTCP(ctx context.Context) error {
	address, pace := f.o.Source.Address, f.pace.network
	dialer := net.Dialer{Timeout: pace.connect, KeepAliveConfig: keepAlive}
	retry := backoff{first: pace.firstRetry, last: pace.lastRetry}
	splitter := recordSplitter{timeOf: f.o.TimeOf}
	var missing outages
	state := Connecting
	for {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			connected := f.o.Now()
			if missing.end(connected) {
				f.update(func(s *Status) { s.Reconnects++ })
			}
			f.setState(Following, "", "")
			var failed error
			failed, err = f.readForwarder(ctx, connection, &splitter, &missing)
			if failed != nil {
				return failed
			}
			lost := f.o.Now()
			missing.begin(lost)
			if lost.Sub(connected) >= pace.good {
				retry.reset()
			}
			state = Disconnected
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		trouble, mend := notReached(address, "log forwarder", err)
		f.setState(state, trouble, mend)
		if err := pause(ctx, retry.next()); err != nil {
			return err
		}
	}
}

// readForwarder delivers what comes over a connection until it ends. The first error is
// Deliver's, the second one says why the connection ended.
func (f *Follower) readForwarder(ctx context.Context, connection net.Conn, splitter *recordSplitter, missing *outages) (failed, ended error) {
	defer func() { _ = connection.Close() }()
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	splitter.forget()
	buffer := make([]byte, 64<<10)
	for {
		f.tellForwarder(splitter, missing)
		n, err := connection.Read(buffer)
		now := f.o.Now()
		splitter.read(buffer[:n], now)
		if !splitter.batch.empty() {
			block := Block{Lines: splitter.batch.lines, Arrivals: splitter.batch.arrivals, Live: true, Read: now}
			if err := f.deliver(block); err != nil {
				return err, nil
			}
			splitter.batch.reset()
		}
		if err != nil {
			f.tellForwarder(splitter, missing)
			return nil, err
		}
	}
}

// tellForwarder brings the status up to date.
func (f *Follower) tellForwarder(splitter *recordSplitter, missing *outages) {
	f.update(func(s *Status) {
		s.BadStamps, s.LongLines = splitter.badStamps, splitter.longLines
		s.Notices = s.Notices[:0]
		if notice, is := missing.notice(f.o.Source.Address, f.o.Now()); is {
			s.Notices = append(s.Notices, notice)
		}
		if splitter.badStamps > 0 && splitter.good == 0 {
			s.Notices = append(s.Notices, Notice{
				Severity: Warning,
				Text:     fmt.Sprintf("what %s sends are no log lines", f.o.Source.Address),
				Mend:     "check that this is the port of the log forwarder",
			})
		}
	})
}

// outages are the times without a connection, after there was one. Those of a day are
// told as one.
type outages struct {
	lost        time.Time // since when there is no connection; zero: there is one, or never was
	count       int
	first, last time.Time // when the first one of this day began and the last one ended
	latest, all time.Duration
}

// outageMemory is how long an operator is told of lines that were lost.
const outageMemory = 24 * time.Hour

func (o *outages) begin(now time.Time) {
	if o.lost.IsZero() {
		o.lost = now
	}
}

// end says whether there was one.
func (o *outages) end(now time.Time) bool {
	if o.lost.IsZero() {
		return false
	}
	if now.Sub(o.last) > outageMemory {
		o.count, o.first, o.all = 0, o.lost, 0
	}
	o.latest = max(0, now.Sub(o.lost))
	o.count, o.last, o.all, o.lost = o.count+1, now, o.all+o.latest, time.Time{}
	return true
}

func (o *outages) notice(address string, now time.Time) (Notice, bool) {
	if o.count == 0 || now.Sub(o.last) > outageMemory {
		return Notice{}, false
	}
	n := Notice{
		Severity: Info,
		Text: fmt.Sprintf("the connection to %s was missing for %s until %s: what the node wrote meanwhile is lost",
			address, roughly(o.latest), o.last.UTC().Format("15:04:05 UTC")),
		Mend: "a log forwarder repeats nothing: where lines must not be lost, follow the log file or the container",
	}
	if o.count > 1 {
		n.Text += fmt.Sprintf("; since %s this was %d times, %s in all", o.first.UTC().Format("15:04:05 UTC"), o.count, roughly(o.all))
	}
	if o.all >= time.Minute {
		n.Severity = Warning
	}
	return n, true
}

// roughly is a duration as people say it.
func roughly(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	return d.Round(time.Second).String()
}

// recordSplitter makes lines of what a forwarder sends: records of the time of a line's
// coming, a space, and the line. Bare lines, as `tail -F | nc` sends them, are taken too.
type recordSplitter struct {
	timeOf func(line []byte) (time.Time, bool)
	batch  lineBatch

	begun []byte // of a record whose end did not come yet, at most longestRecord
	cut   bool   // more of it came than is kept

	good, badStamps, longLines int64
}

// longestRecord leaves room for the time before the longest line.
const longestRecord = longestLine + 64

// forget drops a record that will not be ended.
func (r *recordSplitter) forget() { r.begun, r.cut = r.begun[:0], false }

// read takes what came next.
func (r *recordSplitter) read(chunk []byte, now time.Time) {
	for {
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			r.keep(chunk)
			return
		}
		if len(r.begun) == 0 && end <= longestRecord {
			r.take(chunk[:end], false, now)
		} else {
			r.keep(chunk[:end])
			r.take(r.begun, r.cut, now)
			r.forget()
		}
		chunk = chunk[end+1:]
	}
}

func (r *recordSplitter) keep(part []byte) {
	if room := longestRecord - len(r.begun); len(part) > room {
		part, r.cut = part[:room], true
	}
	r.begun = append(r.begun, part...)
}

// take adds one record to the batch.
func (r *recordSplitter) take(record []byte, cut bool, now time.Time) {
	field, line, _ := bytes.Cut(record, []byte(" "))
	arrival, stamped := arrivalOf(field)
	if !stamped {
		line, arrival = record, now
		if len(bytes.TrimSpace(record)) == 0 {
			return
		}
		if !r.bare(line) {
			r.badStamps++
			return
		}
	}
	if len(line) > longestLine {
		line, cut = line[:longestLine], true
	}
	if cut {
		r.longLines++
	}
	r.good++
	r.batch.add(line, arrival)
}

// bare says whether a record without a good time is a log line itself.
func (r *recordSplitter) bare(line []byte) bool {
	if line[0] == '{' {
		return true
	}
	if r.timeOf == nil {
		return false
	}
	_, is := r.timeOf(line)
	return is
}

// The times that are believed: a number before a line that is not in this century is
// none.
const firstArrival, lastArrival = 1e9, 4e9

// arrivalOf reads a Unix time with a fraction. A float has not enough digits for
// nanoseconds, so they are read as they are written.
func arrivalOf(field []byte) (time.Time, bool) {
	if field = bytes.TrimSuffix(field, []byte("\r")); len(field) == 0 || len(field) > 40 {
		return time.Time{}, false
	}
	whole, fraction, _ := bytes.Cut(field, []byte("."))
	seconds, plain := digits(whole)
	nanoseconds, plainToo := digits(fraction[:min(len(fraction), 9)])
	if _, rest := digits(fraction[min(len(fraction), 9):]); plain && plainToo && rest && len(whole) > 0 {
		for i := len(fraction); i < 9; i++ {
			nanoseconds *= 10
		}
		return time.Unix(seconds, nanoseconds), seconds >= firstArrival && seconds < lastArrival
	}
	// Such as 1.795402987e9.
	float, err := strconv.ParseFloat(string(field), 64)
	if err != nil || !(float >= firstArrival && float < lastArrival) {
		return time.Time{}, false
	}
	integer, rest := math.Modf(float)
	return time.Unix(int64(integer), int64(rest*1e9)), true
}

// digits reads up to 18 of them, and says whether there is nothing else.
func digits(text []byte) (value int64, only bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int64(c-'0')
	}
	return value, len(text) <= 18
}
