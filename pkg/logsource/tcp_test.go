package logsource_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/logsource"
)

// forwarder is a log forwarder: it closes a connection that sends it anything.
type forwarder struct {
	t        *testing.T
	listener net.Listener
	accepted chan net.Conn
}

func listenAsForwarder(t *testing.T, address string) *forwarder {
	t.Helper()
	var listener net.Listener
	if !soon(func() (ok bool) { // the port of a forwarder before it may need a moment
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	}) {
		t.Fatalf("no listener at %s", address)
	}
	f := &forwarder{t: t, listener: listener, accepted: make(chan net.Conn, 100)}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				close(f.accepted)
				return
			}
			f.accepted <- connection
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return f
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

// accept gives the next connection, and fails where the client sends a byte on it.
func (f *forwarder) accept() net.Conn {
	f.t.Helper()
	select {
	case connection := <-f.accepted:
		go func() {
			if n, _ := connection.Read(make([]byte, 1)); n > 0 {
				f.t.Error("the client sent something")
				_ = connection.Close()
			}
		}()
		f.t.Cleanup(func() { _ = connection.Close() })
		return connection
	case <-time.After(20 * time.Second):
		f.t.Fatal("nobody connects")
		return nil
	}
}

func (f *forwarder) send(connection net.Conn, text string) {
	f.t.Helper()
	if _, err := connection.Write([]byte(text)); err != nil {
		f.t.Error(err)
	}
}

// timeOfTestLine knows lines that begin with a date.
func timeOfTestLine(line []byte) (time.Time, bool) {
	field, _, _ := bytes.Cut(line, []byte("\t"))
	at, err := time.Parse(time.RFC3339, string(field))
	return at, err == nil
}

func forwarderOptions(address string) logsource.Options {
	return logsource.Options{Source: logsource.Source{Kind: logsource.TCPSource, Address: address}, TimeOf: timeOfTestLine}
}

func TestForwarder(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	f := followNetwork(t, forwarderOptions(server.address()), &delivered{})
	connection := server.accept()
	f.awaitState(logsource.Following)
	server.send(connection, "1795402987.1234567 one\n1795402987.5 two words\r\n")
	f.awaitLines("one", "two words\r")
	want := []time.Time{time.Unix(1795402987, 123456700), time.Unix(1795402987, 500000000)}
	if diff := cmp.Diff(want, f.arrivals); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
	if !slices.Equal(f.live, []bool{true, true}) {
		t.Errorf("live %v", f.live)
	}
	s := f.Status()
	if s.Trouble != "" || s.LastRead.IsZero() || s.BadStamps+s.LongLines+s.Reconnects != 0 || len(s.Notices) > 0 {
		t.Errorf("status %+v", s)
	}
	if err := f.stop(); err == nil || !errors.Is(err, t.Context().Err()) && err.Error() != "context canceled" {
		t.Errorf("Run answers %v", err)
	}
}

func TestForwarderInPieces(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	f := followNetwork(t, forwarderOptions(server.address()), &delivered{})
	connection := server.accept()
	for _, b := range []byte("1795402987.5 one\n1795402988 two\n") {
		server.send(connection, string(b))
	}
	f.awaitLines("one", "two")
	server.send(connection, "1795402989.5 thr") // does not wait for its end to give what is before it
	server.send(connection, "ee\n1795402989.6 four\n17954")
	f.awaitLines("one", "two", "three", "four")
}

func TestForwarderThatComesAndGoes(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	address := server.address()
	f := followNetwork(t, forwarderOptions(address), &delivered{})
	connection := server.accept()
	server.send(connection, "1795402987.5 one\n1795402988.5 half a li")
	f.awaitLines("one")
	_ = server.listener.Close()
	_ = connection.Close()
	f.awaitState(logsource.Disconnected)
	s := f.awaitTrouble("nothing listens at " + address)
	if s.Mend == "" || s.Reconnects != 0 {
		t.Errorf("status %+v", s)
	}

	server = listenAsForwarder(t, address)
	connection = server.accept()
	f.awaitState(logsource.Following)
	server.send(connection, "1795402999.5 two\n")
	f.awaitLines("one", "two") // without the half one
	s = f.Status()
	if s.Trouble != "" || s.Mend != "" || s.Reconnects != 1 {
		t.Errorf("status %+v", s)
	}
	if len(s.Notices) != 1 || s.Notices[0].Severity != logsource.Info || !strings.Contains(s.Notices[0].Text, "is lost") {
		t.Errorf("notices %+v", s.Notices)
	}

	_ = connection.Close()
	connection = server.accept()
	server.send(connection, "1795403000.5 three\n")
	f.awaitLines("one", "two", "three")
	if s = f.Status(); s.Reconnects != 2 || len(s.Notices) != 1 || !strings.Contains(s.Notices[0].Text, "2 times") {
		t.Errorf("after two: %+v", s)
	}
}

func TestForwarderThatWasMissingForLong(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	o := forwarderOptions(server.address())
	clock := newTestClock()
	o.Now = clock.now
	f := followNetwork(t, o, &delivered{})
	connection := server.accept()
	f.awaitState(logsource.Following)
	_ = server.listener.Close()
	_ = connection.Close()
	f.awaitTrouble("nothing listens")
	clock.advance(90 * time.Minute)
	server = listenAsForwarder(t, server.address())
	connection = server.accept()
	f.await("the notice", func() bool { return len(f.Status().Notices) == 1 })
	if n := f.Status().Notices[0]; n.Severity != logsource.Warning || !strings.Contains(n.Text, "1h30m") || n.Mend == "" {
		t.Errorf("notice %+v", n)
	}
	clock.advance(25 * time.Hour)
	server.send(connection, "1795402987.5 one\n")
	f.await("the notice's end", func() bool { return len(f.Status().Notices) == 0 })
}

func TestForwarderThatWasNeverThere(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	_ = server.listener.Close()
	f := followNetwork(t, forwarderOptions(server.address()), &delivered{})
	s := f.awaitTrouble("nothing listens at " + server.address())
	if s.State != logsource.Connecting || s.Mend == "" {
		t.Errorf("status %+v", s)
	}
}

func TestForwarderOfGarbage(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	f := followNetwork(t, forwarderOptions(server.address()), &delivered{})
	connection := server.accept()
	server.send(connection, "HTTP/1.1 400 Bad Request\r\n\r\nnan 2026-11-23T00:00:00Z\tINFO\n")
	f.await("bad stamps", func() bool { return f.Status().BadStamps == 2 })
	if n := f.Status().Notices; len(n) != 1 || !strings.Contains(n[0].Text, "no log lines") || strings.Contains(n[0].Text, "HTTP") {
		t.Errorf("notices %+v", n)
	}
	server.send(connection, "1795402987.5 one\n")
	f.awaitLines("one")
	f.await("the notice's end", func() bool { return len(f.Status().Notices) == 0 })
}

func TestForwarderUntilDeliverFails(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	refused := errors.New("the store is full")
	f := followNetwork(t, forwarderOptions(server.address()), &delivered{refuse: refused})
	server.send(server.accept(), "1795402987.5 one\n")
	select {
	case err := <-f.done:
		if !errors.Is(err, refused) {
			t.Errorf("Run answers %v", err)
		}
		f.done <- err
	case <-time.After(20 * time.Second):
		t.Error("Run does not end")
	}
}

func TestForwarderAtFullSpeed(t *testing.T) {
	server := listenAsForwarder(t, "127.0.0.1:0")
	f := followNetwork(t, forwarderOptions(server.address()), &delivered{})
	connection := server.accept()
	const lines = 20000
	var want []string
	var text strings.Builder
	for i := range lines {
		line := fmt.Sprintf("line %d %s", i, strings.Repeat("x", i%300))
		want = append(want, line)
		fmt.Fprintf(&text, "%d.%06d %s\n", 1795402987+i, i, line)
	}
	server.send(connection, text.String())
	f.awaitLines(want...)
	if f.blocks > lines/10 {
		t.Errorf("%d blocks for %d lines that came together", f.blocks, lines)
	}
}

func TestRetries(t *testing.T) {
	waits, afterGood := logsource.Retries(7)
	want := []time.Duration{2, 4, 8, 16, 32, 60, 60}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(waits, want) || afterGood != 2*time.Second {
		t.Errorf("waits %v, after a good connection %v", waits, afterGood)
	}
}

func TestSplitRecords(t *testing.T) {
	now := time.Unix(1800000000, 0)
	long := strings.Repeat("x", 64<<10)
	for name, c := range map[string]struct {
		text      string
		lines     string
		arrivals  []time.Time
		bad, long int64
	}{
		"record":                   {"1795402987.25 a b\n", "a b\n", []time.Time{time.Unix(1795402987, 250000000)}, 0, 0},
		"nanoseconds and more":     {"1795402987.1234567899 a\n", "a\n", []time.Time{time.Unix(1795402987, 123456789)}, 0, 0},
		"whole seconds":            {"1795402987 a\n", "a\n", []time.Time{time.Unix(1795402987, 0)}, 0, 0},
		"exponent":                 {"1.795402987e9 a\n", "a\n", []time.Time{time.Unix(1795402987, 0)}, 0, 0},
		"empty line":               {"1795402987.5 \n1795402987.5\n", "\n\n", []time.Time{time.Unix(1795402987, 5e8), time.Unix(1795402987, 5e8)}, 0, 0},
		"two spaces":               {"1795402987.5  a\n", " a\n", []time.Time{time.Unix(1795402987, 5e8)}, 0, 0},
		"nothing":                  {"\n\r\n  \n", "", nil, 0, 0},
		"bare":                     {"2026-11-23T00:00:00Z\tINFO\ta\n", "2026-11-23T00:00:00Z\tINFO\ta\n", []time.Time{now}, 0, 0},
		"bare JSON":                {`{"L":"INFO"}` + "\n", `{"L":"INFO"}` + "\n", []time.Time{now}, 0, 0},
		"bad floats":               {"nan a\ninf a\n-5 a\n1e400 a\n0x1p3 a\n12.5.5 a\n1795402987,5 a\n", "", nil, 7, 0},
		"in no century":            {"17.5 a\n99999999999.5 a\n1795402987123 a\n", "", nil, 3, 0},
		"digits without end":       {strings.Repeat("1", 50) + " a\n", "", nil, 1, 0},
		"longest line":             {"1795402987.5 " + long + "\n", long + "\n", []time.Time{time.Unix(1795402987, 5e8)}, 0, 0},
		"longer line":              {"1795402987.5 " + long + "y\n1795402987.5 a\n", long + "\na\n", []time.Time{time.Unix(1795402987, 5e8), time.Unix(1795402987, 5e8)}, 0, 1},
		"much longer line":         {"1795402987.5 " + long + long + "\n1795402987.5 a\n", long + "\na\n", []time.Time{time.Unix(1795402987, 5e8), time.Unix(1795402987, 5e8)}, 0, 1},
		"longer bare line":         {"{" + long + "\n", "{" + long[:len(long)-1] + "\n", []time.Time{now}, 0, 1},
		"no end":                   {"1795402987.5 a", "", nil, 0, 0},
		"NULs and no UTF-8":        {"1795402987.5 a\x00\xff\n", "a\x00\xff\n", []time.Time{time.Unix(1795402987, 5e8)}, 0, 0},
		"bad among good":           {"1795402987.5 a\nx y\n1795402987.5 b\n", "a\nb\n", []time.Time{time.Unix(1795402987, 5e8), time.Unix(1795402987, 5e8)}, 1, 0},
		"line that begins a digit": {"1795402987.5 1795402987.5 b\n", "1795402987.5 b\n", []time.Time{time.Unix(1795402987, 5e8)}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, len(c.text)} {
				got := logsource.SplitRecords(slices.Collect(slices.Chunk([]byte(c.text), size)), timeOfTestLine, now)
				if got.Lines != c.lines || got.BadStamps != c.bad || got.LongLines != c.long {
					t.Errorf("in pieces of %d: %.100q, %d bad, %d long", size, got.Lines, got.BadStamps, got.LongLines)
				}
				if diff := cmp.Diff(c.arrivals, got.Arrivals); diff != "" {
					t.Errorf("in pieces of %d: arrivals (-want +got):\n%s", size, diff)
				}
			}
		})
	}
}

func FuzzSplitRecords(f *testing.F) {
	f.Add([]byte("1795402987.5 one\n1795402988 two\n"), uint64(1))
	f.Add([]byte("nan a\n{\n2026-11-23T00:00:00Z\ta\n\n1.7e9 \n1795402987.5"), uint64(2))
	f.Add([]byte(strings.Repeat("x", 1000)+"\n"), uint64(3))
	now := time.Unix(1800000000, 0)
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		text = bytes.ReplaceAll(text, []byte("xxx"), bytes.Repeat([]byte("x"), 3000))
		if len(text) > 1<<20 {
			t.Skip()
		}
		random := rand.New(rand.NewPCG(seed, 0))
		var chunks [][]byte
		for rest := text; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 1+random.IntN(70000)))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		got := logsource.SplitRecords(chunks, timeOfTestLine, now)
		lines, bad := plainRecords(string(text))
		if got.Lines != lines || got.BadStamps != bad {
			t.Errorf("%.200q, %d bad; want %.200q, %d bad", got.Lines, got.BadStamps, lines, bad)
		}
		if len(got.Arrivals) != strings.Count(got.Lines, "\n") || got.MostKept > got.Room {
			t.Errorf("%d arrivals for %d lines, %d bytes kept", len(got.Arrivals), strings.Count(got.Lines, "\n"), got.MostKept)
		}
	})
}

// plainRecords is the splitter for those who have all text in their hands.
func plainRecords(text string) (lines string, bad int64) {
	const longest = 64 << 10
	records := strings.Split(text, "\n")
	for _, record := range records[:len(records)-1] {
		field, line, _ := strings.Cut(record, " ")
		float, err := strconv.ParseFloat(strings.TrimSuffix(field, "\r"), 64)
		stamped := err == nil && float >= 1e9 && float < 4e9 && len(strings.TrimSuffix(field, "\r")) <= 40
		switch _, known := timeOfTestLine([]byte(record)); {
		case stamped:
		case strings.TrimSpace(record) == "":
			continue
		case known, record[0] == '{':
			line = record
		default:
			bad++
			continue
		}
		lines += line[:min(len(line), longest)] + "\n"
	}
	return lines, bad
}
