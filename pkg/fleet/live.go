package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// The live streams of a fleet. That of a node's log is liveLog and the node's key.
const (
	LiveAlerts     = "alerts"     // every change of a condition
	LiveReputation = "reputation" // a node's standings whenever it says them
	LiveTraffic    = "traffic"    // each node's rates, every second
	LiveStatus     = "status"     // the table of nodes, when a state changes
	liveLog        = "log/"
)

// LiveLog is the path of a node's log, line by line.
func LiveLog(key string) string { return liveLog + key }

// liveBacklog is how many frames wait for a listener that is slow. Then the oldest go.
const liveBacklog = 256

// hub hands what happens to those who listen. What nobody listens to is not made.
type hub struct {
	mu        sync.Mutex // guards everything below
	listeners map[string][]*LiveListener
	changed   chan struct{} // closed and made anew when somebody comes or goes
}

func newHub() *hub {
	return &hub{listeners: map[string][]*LiveListener{}, changed: make(chan struct{})}
}

// LiveListener gets the frames of one path, in order.
type LiveListener struct {
	hub  *hub
	path string

	mu      sync.Mutex // guards everything below
	waiting []*data.Frame
	dropped int
	ready   chan struct{} // holds one when something waits
}

// wanted says whether anybody listens to a path.
func (h *hub) wanted(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners[path]) > 0
}

// listens is closed when somebody comes or goes.
func (h *hub) listens() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *hub) listen(path string) *LiveListener {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &LiveListener{hub: h, path: path, ready: make(chan struct{}, 1)}
	h.listeners[path] = append(h.listeners[path], l)
	h.tellLocked()
	return l
}

func (h *hub) tellLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// publish gives a frame to all that listen to a path. It never waits.
func (h *hub) publish(path string, frame *data.Frame) {
	h.mu.Lock()
	listeners := slices.Clone(h.listeners[path])
	h.mu.Unlock()
	for _, l := range listeners {
		l.take(frame)
	}
}

func (l *LiveListener) take(frame *data.Frame) {
	l.mu.Lock()
	if len(l.waiting) >= liveBacklog {
		l.waiting = append(l.waiting[:0], l.waiting[1:]...)
		l.dropped++
	}
	l.waiting = append(l.waiting, frame)
	l.mu.Unlock()
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Next waits for the next frame. One that comes after some were dropped says so.
func (l *LiveListener) Next(ctx context.Context) (*data.Frame, error) {
	for {
		if frame := l.pop(); frame != nil {
			return frame, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.ready:
		}
	}
}

func (l *LiveListener) pop() *data.Frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil
	}
	frame := l.waiting[0]
	l.waiting = l.waiting[1:]
	if l.dropped == 0 {
		return frame
	}
	// The frame is everybody's: what is said to one is said in a copy.
	told := *frame
	meta := data.FrameMeta{}
	if frame.Meta != nil {
		meta = *frame.Meta
	}
	meta.Notices = append(slices.Clone(meta.Notices), data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf("%d updates were dropped: they came faster than they were read", l.dropped)})
	told.Meta = &meta
	l.dropped = 0
	return &told
}

// Close ends the listening.
func (l *LiveListener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(l.hub.listeners[l.path]), func(other *LiveListener) bool { return other == l })
	if len(left) == 0 {
		delete(l.hub.listeners, l.path)
	} else {
		l.hub.listeners[l.path] = left
	}
	l.hub.tellLocked()
}

// Listen subscribes to one of the fleet's live streams. The caller closes it.
func (f *Fleet) Listen(path string) (*LiveListener, error) {
	if err := f.CheckLive(path); err != nil {
		return nil, err
	}
	f.touch()
	return f.hub.listen(path), nil
}

// CheckLive says whether there is such a live stream.
func (f *Fleet) CheckLive(path string) error {
	fixed := []string{LiveAlerts, LiveReputation, LiveTraffic, LiveStatus}
	if slices.Contains(fixed, path) {
		return nil
	}
	keys := map[string]bool{}
	for _, s := range f.Statuses() {
		keys[s.Key] = true
	}
	if key, ok := strings.CutPrefix(path, liveLog); ok && keys[key] {
		return nil
	}
	return &QueryError{fmt.Errorf("there is no live stream %q; there are %s, and %s with the key of a node: %s",
		path, strings.Join(fixed, ", "), liveLog, strings.Join(slices.Sorted(maps.Keys(keys)), ", "))}
}

// liveType is the query type that leads a panel to a live stream: one of the kinds, and of a
// log the nodes.
var liveType = concern.Type{Name: "live", Formats: []concern.Format{concern.Table}, Filters: []concern.Filter{concern.Kinds}}

// liveFrames are empty: each names the channel that brings what happens from now on.
func (f *Fleet) liveFrames(request concern.Request) (data.Frames, error) {
	kinds := []string{LiveAlerts, LiveReputation, LiveTraffic, LiveStatus, "log"}
	if len(request.Query.Kinds) == 0 {
		return nil, &QueryError{fmt.Errorf("queryType %s wants kinds: one of %s", liveType.Name, strings.Join(kinds, ", "))}
	}
	var all data.Frames
	for _, kind := range request.Query.Kinds {
		switch {
		case !slices.Contains(kinds, kind):
			return nil, &QueryError{fmt.Errorf("unknown kind %q for queryType %s; allowed are %s", kind, liveType.Name, strings.Join(kinds, ", "))}
		case kind != "log":
			all = append(all, f.liveFrame(kind))
		default:
			for _, node := range request.Watched {
				all = append(all, f.liveFrame(LiveLog(node.Key)))
			}
		}
	}
	return all, nil
}

func (f *Fleet) liveFrame(path string) *data.Frame {
	frame := data.NewFrame(path)
	frame.Meta = &data.FrameMeta{Channel: "ds/" + f.key.UID + "/" + path}
	return frame
}
