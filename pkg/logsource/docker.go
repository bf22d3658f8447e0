package logsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// containersKept is of how many containers of one name a follower keeps the position: a
// container that is made again has another id.
const containersKept = 3

// dockerFollower follows the log of the container that has a name.
type dockerFollower struct {
	*Follower
	name   string
	engine *dockerEngine // nil: there is none at the moment

	id    string // of the container that mark belongs to
	mark  *dockerMark
	first bool // no container of this name was read yet, nor is known from before
	// missed says that there was no container of this name while this follower ran: one
	// that comes is new, and read from its beginning.
	missed bool

	attached  bool   // there was a connection to a log
	drained   string // the end of a container's run, up to which all was read
	longLines int64  // of earlier connections
	retry     backoff
	look      backoff
}

// runDocker follows a container by its name, over stops and restarts of it and of the
// daemon, and goes on with the one that takes its place.
func (f *Follower) runDocker(ctx context.Context) error {
	pace := f.pace.network
	d := &dockerFollower{
		Follower: f, name: f.o.Source.Container, first: len(f.positions.Docker) == 0,
		retry: backoff{first: pace.firstRetry, last: pace.lastRetry},
		look:  backoff{first: pace.look, last: pace.slowLook},
	}
	defer d.closeEngine()
	for {
		wait, err := d.round(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (d *dockerFollower) closeEngine() {
	if d.engine != nil {
		d.engine.close()
		d.engine = nil
	}
}

// round looks for the container once and reads its log, if there is something to read.
// It answers how long to wait before the next one. Its error is Deliver's.
func (d *dockerFollower) round(ctx context.Context) (time.Duration, error) {
	if d.engine == nil {
		engine, err := openEngine(d.o.Source.Address, d.pace.network)
		if err != nil {
			return d.hindered(ctx, err), nil
		}
		d.engine = engine
	}
	found, err := d.engine.inspect(ctx, d.name)
	if err != nil {
		return d.hindered(ctx, err), nil
	}
	end := ""
	if !found.State.Running {
		if end = found.ID + found.State.StartedAt + found.State.FinishedAt; end == d.drained {
			d.notRunning(found)
			return d.look.next(), nil
		}
	}
	if err := d.choose(ctx, found); err != nil {
		if failed := (*deliveryError)(nil); errors.As(err, &failed) {
			return 0, failed.error
		}
		return d.hindered(ctx, err), nil
	}
	began := d.o.Now()
	lines, err := d.follow(ctx, found)
	if failed := (*deliveryError)(nil); errors.As(err, &failed) {
		return 0, failed.error
	}
	if d.o.Now().Sub(began) >= d.pace.network.good {
		d.retry.reset()
		d.look.reset()
	}
	if errors.Is(err, errAnother) {
		return 0, nil
	}
	if err != nil {
		return d.hindered(ctx, err), nil
	}
	if end != "" {
		d.drained = end
		d.notRunning(found)
		d.look.reset()
		return d.look.next(), nil
	}
	d.retry.reset()
	if lines > 0 {
		d.look.reset()
		return 0, nil // mostly it has stopped: what is left is read at once
	}
	return d.look.next(), nil
}

// deliveryError is what ends a follower.
type deliveryError struct{ error }

// hindered tells a trouble, and answers when to try again.
func (d *dockerFollower) hindered(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0 // the end is no trouble
	}
	var trouble *Trouble
	if !errors.As(err, &trouble) {
		trouble = d.engine.trouble(err, d.name)
	}
	if trouble.Kind == Missing && trouble.Path == d.name {
		d.missed = true
		d.retry.reset()
		d.setState(Waiting, trouble.Reason, trouble.Mend)
		return d.look.next()
	}
	// A daemon that was down may be another version when it comes back.
	d.closeEngine()
	state := Connecting
	switch {
	case trouble.Kind == Forbidden || trouble.Path == d.name:
		state = Waiting
	case d.attached:
		state = Disconnected
	}
	d.setState(state, trouble.Reason, trouble.Mend)
	return d.retry.next()
}

func (d *dockerFollower) notRunning(found container.InspectResponse) {
	t := notRunning(d.name, found)
	d.setState(Waiting, t.Reason, t.Mend)
}

func notRunning(name string, found container.InspectResponse) *Trouble {
	t := &Trouble{Kind: Missing, Path: name, Mend: "start it with `docker start " + name + "`"}
	t.Reason = fmt.Sprintf("the container %s does not run", name)
	if ended, err := time.Parse(time.RFC3339Nano, found.State.FinishedAt); err == nil && ended.Year() > 1 {
		t.Reason += fmt.Sprintf(" since %s (exit code %d)", ended.UTC().Format("2006-01-02 15:04:05 UTC"), found.State.ExitCode)
	}
	return t
}

// choose makes the mark that of the container that was found.
func (d *dockerFollower) choose(ctx context.Context, found container.InspectResponse) error {
	if d.id == found.ID {
		return nil
	}
	mark := &dockerMark{}
	at := slices.IndexFunc(d.positions.Docker, func(p DockerPosition) bool { return p.Container == found.ID })
	back := d.o.Backfill
	switch {
	case at >= 0:
		mark = markOf(d.positions.Docker[at])
	case !d.first || d.missed || back < 0:
		// From its beginning.
	case back > 0:
		mark.from = d.engine.now().Add(-back)
	default:
		last, err := d.engine.lastStamp(ctx, found)
		if err != nil {
			return err
		}
		if !last.IsZero() {
			mark.last = last.Add(1)
			mark.from = mark.last
		}
	}
	d.id, d.mark, d.first = found.ID, mark, false
	if at < 0 {
		// Kept before the first line comes: else a restart would begin elsewhere.
		return d.hand(Block{Live: true}, time.Time{})
	}
	return nil
}

// hand delivers lines and where they end.
func (d *dockerFollower) hand(b Block, unfinished time.Time) error {
	d.mark.advance(unfinished)
	kept := slices.DeleteFunc(slices.Clone(d.positions.Docker), func(p DockerPosition) bool { return p.Container == d.id })
	kept = append(kept, d.mark.position(d.id))
	d.positions.Docker = kept[max(0, len(kept)-containersKept):]
	if err := d.deliver(b); err != nil {
		return &deliveryError{err}
	}
	return nil
}

// lastStamp is the time of a log's last line; zero: it has none.
func (e *dockerEngine) lastStamp(ctx context.Context, found container.InspectResponse) (last time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.pace.answer)
	defer cancel()
	log, err := e.api.ContainerLogs(ctx, found.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: "1"})
	if err != nil {
		return last, err
	}
	defer func() { _ = log.Close() }()
	stream := dockerStream{terminal: hasTerminal(found), emit: func(_ []byte, stamp time.Time) { last = stamp }}
	text, err := io.ReadAll(io.LimitReader(log, 1<<20))
	if err != nil {
		return last, err
	}
	err = stream.read(text)
	if open := stream.oldestUnfinished(); open.After(last) {
		last = open
	}
	return last, err
}

func hasTerminal(found container.InspectResponse) bool {
	return found.Config != nil && found.Config.Tty
}

// live is how old a line may be when it comes, to have come as it was written.
const live = 5 * time.Second

// follow reads a container's log from the mark on until it ends, and answers how many
// lines were new. Without an error the log has ended by itself.
func (d *dockerFollower) follow(ctx context.Context, found container.InspectResponse) (lines int, err error) {
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: found.State.Running}
	again := resume(d.mark, d.engine.daemonsTime())
	if from := again.old.from; !from.IsZero() {
		// A little earlier, as not every engine gives a line of just this time.
		from = from.Add(-time.Millisecond)
		options.Since = fmt.Sprintf("%d.%09d", from.Unix(), from.Nanosecond())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	log, err := d.engine.api.ContainerLogs(ctx, found.ID, options)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	d.setState(CatchingUp, "", "")
	if d.attached && found.State.Running {
		d.update(func(s *Status) { s.Reconnects++ })
	}
	d.attached = true

	var reader pulse
	var watch sync.WaitGroup
	quiet := time.NewTicker(d.pace.network.quiet)
	defer quiet.Stop()
	if found.State.Running {
		watch.Go(func() { d.watch(ctx, cancel, found.ID, &reader, quiet) })
	}
	defer watch.Wait()
	defer cancel(nil)

	batch := lineBatch{}
	stream := dockerStream{terminal: hasTerminal(found)}
	stream.emit = func(line []byte, stamp time.Time) {
		daemons := d.engine.now()
		if stamp.IsZero() {
			stamp = daemons
		}
		if again.take(stamp, daemons) {
			batch.add(line, stamp)
		}
	}
	if again.done() {
		d.mark = again.mark
	}
	buffer := make([]byte, 64<<10)
	for {
		reader.waits.Store(true)
		n, failed := log.Read(buffer)
		reader.waits.Store(false)
		reader.came.Add(int64(n))
		if err := stream.read(buffer[:n]); err != nil {
			return lines, err
		}
		if again.done() {
			d.mark = again.mark
		}
		if cut := d.longLines + stream.longLines; stream.longLines > 0 {
			d.update(func(s *Status) { s.LongLines = cut })
		}
		if !batch.empty() {
			fresh := d.engine.now().Sub(batch.arrivals[0]) < live
			if fresh && found.State.Running {
				d.setState(Following, "", "")
			} else {
				d.setState(CatchingUp, "", "")
				quiet.Reset(d.pace.network.quiet)
			}
			lines += len(batch.arrivals)
			block := Block{Lines: batch.lines, Arrivals: batch.arrivals, Live: fresh}
			if err := d.hand(block, stream.oldestUnfinished()); err != nil {
				return lines, err
			}
			batch.reset()
		}
		if failed != nil {
			d.longLines += stream.longLines
			switch cause := context.Cause(ctx); {
			case cause != nil:
				return lines, cause
			case len(stream.complaint) > 0:
				return lines, fmt.Errorf("in the log: %s", stream.complaint)
			case errors.Is(failed, io.EOF):
				return lines, nil
			}
			return lines, failed
		}
	}
}

// errAnother says that another container has the name now.
var errAnother = errors.New("another container has taken the name")

// pulse shows one who watches a reader whether that is alive.
type pulse struct {
	came  atomic.Int64 // bytes
	waits atomic.Bool  // for more
}

// watch ends the reading of a log whose daemon is gone without a word, or whose container
// has lost its name. It also sees when no older lines are left.
func (d *dockerFollower) watch(ctx context.Context, cancel context.CancelCauseFunc, id string, reader *pulse, quiet *time.Ticker) {
	look := time.NewTicker(d.pace.network.watch)
	defer look.Stop()
	var atQuiet, atLook int64
	silent := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
			if now := reader.came.Load(); now != atQuiet || !reader.waits.Load() {
				atQuiet = now
				continue
			}
			quiet.Stop()
			if ctx.Err() == nil {
				d.setState(Following, "", "")
			}
		case <-look.C:
			found, err := d.engine.inspect(ctx, d.name)
			now := reader.came.Load()
			alive := now != atLook || !reader.waits.Load()
			atLook = now
			var trouble *Trouble
			switch {
			case err == nil && found.ID != id:
				cancel(errAnother)
				return
			case err == nil, alive:
				silent = 0
			case errors.As(err, &trouble) && trouble.Kind == Missing && trouble.Path == d.name:
				// It ends by itself.
			default:
				// One question may have been lost in a busy machine.
				if silent++; silent == 2 {
					cancel(err)
					return
				}
			}
		}
	}
}
