package logsource

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// networkPace is how long the followers of logs that come over a connection wait for
// what. Tests shorten it.
type networkPace struct {
	firstRetry time.Duration // after a connection that was lost or could not be made
	lastRetry  time.Duration // what that doubles up to
	good       time.Duration // a connection that held so long begins it anew
	connect    time.Duration // until a connection is given up
	answer     time.Duration // until a request to a Docker daemon is given up
	look       time.Duration // between two looks at a container that is not there or does not run
	slowLook   time.Duration // what that grows to
	watch      time.Duration // between two looks at a container whose log is followed
	quiet      time.Duration // a log that gives nothing for so long has no older lines left
}

var defaultNetworkPace = networkPace{
	firstRetry: 2 * time.Second,
	lastRetry:  time.Minute,
	good:       time.Minute,
	connect:    10 * time.Second,
	answer:     15 * time.Second,
	look:       2 * time.Second,
	slowLook:   10 * time.Second,
	watch:      30 * time.Second,
	quiet:      250 * time.Millisecond,
}

// longestLine is how much is kept of a line that comes over a connection.
const longestLine = 64 << 10

// keepAlive finds a peer that died without a word within a minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// backoff is a wait that doubles.
type backoff struct{ first, last, now time.Duration }

func (b *backoff) next() time.Duration {
	b.now = min(max(b.first, 2*b.now), b.last)
	return b.now
}

func (b *backoff) reset() { b.now = 0 }

// lineBatch gathers lines for one Block.
type lineBatch struct {
	lines    []byte
	arrivals []time.Time
}

func (b *lineBatch) add(line []byte, arrival time.Time) {
	b.lines = append(b.lines, line...)
	b.lines = append(b.lines, '\n')
	b.arrivals = append(b.arrivals, arrival)
}

func (b *lineBatch) empty() bool { return len(b.arrivals) == 0 }

func (b *lineBatch) reset() { b.lines, b.arrivals = b.lines[:0], b.arrivals[:0] }

// notReached says why an address gives no connection, or gives none any more. What
// listens there, if all is well, is a forwarder or a daemon.
func notReached(address, listener string, err error) (trouble, mend string) {
	host, _, _ := net.SplitHostPort(address)
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("%s closed the connection", address),
			fmt.Sprintf("it is tried again by itself; if it lasts, check that the %s still runs", listener)
	case isErrno(err, syscall.ECONNREFUSED, 10061):
		return fmt.Sprintf("nothing listens at %s", address),
			fmt.Sprintf("start the %s, or correct the port", listener)
	case isErrno(err, syscall.ECONNRESET, 10054), isErrno(err, syscall.EPIPE, 10058):
		return fmt.Sprintf("%s broke the connection off", address),
			fmt.Sprintf("it is tried again by itself; if it lasts, check that the %s still runs", listener)
	case isErrno(err, syscall.EHOSTUNREACH, 10065), isErrno(err, syscall.ENETUNREACH, 10051):
		return fmt.Sprintf("there is no way to %s", host), "check the address and the network between the two machines"
	case errors.As(err, &dns):
		return fmt.Sprintf("the host name %s is not known", dns.Name), "correct the name, or write the IP address"
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("%s does not answer", address), "check the address, the firewall, and that the machine is on"
	}
	return fmt.Sprintf("%s cannot be read: %v", address, err), fmt.Sprintf("check that the %s is there", listener)
}

// isErrno says whether an error is this one of Unix, or the one of Windows with this
// number, which Go does not map.
func isErrno(err error, unix syscall.Errno, windows syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && (errno == unix || errno == windows)
}
