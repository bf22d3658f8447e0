package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
)

// liveInterval is between two frames of rates, and two looks at the nodes' states.
const liveInterval = time.Second

// stream makes what has to be made again and again for those who listen, while there are any.
func (f *Fleet) stream(ctx context.Context) {
	for ctx.Err() == nil {
		changed := f.hub.listens()
		if !f.hub.wanted(LiveTraffic) && !f.hub.wanted(LiveStatus) {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		f.streamOnce(ctx)
	}
}

// streamOnce streams until nobody listens any more, or after a panic.
func (f *Fleet) streamOnce(ctx context.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			f.panics.Add(1)
			f.log.Error("a live stream failed, it starts again", "cause", cause, "stack", stack())
			wait(ctx, firstRetry)
		}
	}()
	ticker := time.NewTicker(liveInterval)
	defer ticker.Stop()
	before, at := f.moved(), f.now()
	states := ""
	for f.hub.wanted(LiveTraffic) || f.hub.wanted(LiveStatus) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if f.hub.wanted(LiveTraffic) {
			now, moved := f.now(), f.moved()
			f.hub.publish(LiveTraffic, ratesFrame(now, now.Sub(at), before, moved))
			before, at = moved, now
		}
		if !f.hub.wanted(LiveStatus) {
			states = ""
			continue
		}
		if current := f.stateLine(); current != states {
			states = current
			f.publishAnswer(ctx, LiveStatus, concern.Query{QueryType: nodesType.Name, Format: concern.Table})
		}
	}
}

// stateLine changes when a node's state does.
func (f *Fleet) stateLine() string {
	var line strings.Builder
	for _, node := range f.watched() {
		fmt.Fprintf(&line, "%s %s %s %s\n", node.Name, node.State, node.Trouble, node.LogTrouble)
	}
	return line.String()
}

// publishAnswer publishes what a query answers now.
func (f *Fleet) publishAnswer(ctx context.Context, path string, query concern.Query) {
	f.mu.Lock()
	opened, current := f.store, f.settings
	f.mu.Unlock()
	if opened == nil {
		return
	}
	watched, err := selectNodes(query.Nodes, f.watched())
	if err != nil {
		return // the node has just gone
	}
	now := f.now()
	frames, err := f.answer(ctx, concern.Request{Query: query, Watched: watched, From: now, To: now, Now: now, Settings: current, Store: opened})
	if err != nil {
		f.log.Error("a live stream cannot be fed", "stream", path, "error", err)
		return
	}
	for _, frame := range frames {
		f.hub.publish(path, frame)
	}
}

// movement is what a node's log told of transfers since it is followed.
type movement struct {
	node                         string
	uploads, downloads, failures int64
	uploadBytes, downloadBytes   int64
}

func (m *movement) add(event *storagenode.Event) {
	switch {
	case event.Outcome == storagenode.OutcomeFailed:
		m.failures++
	case event.Outcome != storagenode.OutcomeSuccess:
	case event.Kind == storagenode.UploadEnded:
		m.uploads++
		m.uploadBytes += max(event.Size, 0)
	case event.Kind == storagenode.DownloadEnded:
		m.downloads++
		m.downloadBytes += max(event.Size, 0)
	}
}

// moved is the movement of every node whose log is followed, in the operator's order.
func (f *Fleet) moved() []movement {
	var all []movement
	for _, l := range f.listenings() {
		l.mu.Lock()
		m := l.moved
		l.mu.Unlock()
		m.node = l.worker.currentNode().Name
		all = append(all, m)
	}
	return all
}

func (f *Fleet) listenings() []*listening {
	f.mu.Lock()
	nodes := f.settings.Nodes
	workers := make([]*worker, len(nodes))
	for i, node := range nodes {
		workers[i] = f.workers[node.Name]
	}
	f.mu.Unlock()
	var all []*listening
	for _, w := range workers {
		if w == nil {
			continue
		}
		w.mu.Lock()
		l := w.listening
		w.mu.Unlock()
		if l != nil {
			all = append(all, l)
		}
	}
	return all
}

// ratesFrame is one row: how much moved each second between two looks.
func ratesFrame(at time.Time, took time.Duration, before, after []movement) *data.Frame {
	earlier := map[string]movement{}
	for _, m := range before {
		earlier[m.node] = m
	}
	frame := data.NewFrame("traffic", data.NewField("time", nil, []time.Time{at.UTC()}))
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesWide, TypeVersion: data.FrameTypeVersion{0, 1}}
	for _, m := range after {
		b, known := earlier[m.node]
		if !known || m.uploads < b.uploads {
			b = m // it began anew
		}
		for _, rate := range []struct {
			name, unit string
			moved      int64
		}{
			{"download_bytes_per_second", "Bps", m.downloadBytes - b.downloadBytes},
			{"upload_bytes_per_second", "Bps", m.uploadBytes - b.uploadBytes},
			{"downloads_per_second", "ops", m.downloads - b.downloads},
			{"uploads_per_second", "ops", m.uploads - b.uploads},
			{"failures_per_second", "ops", m.failures - b.failures},
		} {
			field := data.NewField(rate.name, data.Labels{"node": m.node}, []float64{float64(rate.moved) / took.Seconds()})
			field.Config = &data.FieldConfig{Unit: rate.unit}
			frame.Fields = append(frame.Fields, field)
		}
	}
	return frame
}

// liveLines bounds how many lines of a log one frame shows.
const liveLines = 500

// lineBuffer gathers the lines of one block for those who listen to the log.
type lineBuffer struct {
	times   []time.Time
	bodies  []string
	levels  []string
	skipped int
}

func (b *lineBuffer) add(event *storagenode.Event, raw []byte) {
	if len(b.times) >= liveLines {
		b.skipped++
		return
	}
	at := event.Time
	if !event.Arrived.IsZero() {
		at = event.Arrived
	}
	b.times = append(b.times, at.UTC())
	b.bodies = append(b.bodies, strings.ToValidUTF8(string(raw), "\uFFFD"))
	b.levels = append(b.levels, strings.ToLower(event.Level.String()))
}

// LiveBeginning is what a new reader of a live stream sees at once; nil: nothing. A log may be
// silent for long, and Grafana's panel cannot say why it is empty, so its first line is the
// monitor's own.
func (f *Fleet) LiveBeginning(path string) *data.Frame {
	if !strings.HasPrefix(path, liveLog) {
		return nil
	}
	for _, node := range f.watched() {
		if path != LiveLog(node.Key) {
			continue
		}
		text, level := node.Name+"'s log from here on, as it is written", "info"
		switch {
		case node.Log.Kind == settings.NoLog:
			text, level = "no log is given for "+node.Name+": give it in the data source's settings, and its lines are shown here", "warning"
		case node.LogTrouble != "":
			text, level = node.Name+"'s log cannot be read: "+node.LogTrouble, "warning"
		}
		line := lineBuffer{times: []time.Time{f.now().UTC()}, bodies: []string{text}, levels: []string{level}}
		return line.frame(node.Name)
	}
	return nil
}

// frame is the lines as Grafana's logs have them, nil if there are none.
func (b *lineBuffer) frame(node string) *data.Frame {
	if len(b.times) == 0 {
		return nil
	}
	frame := data.NewFrame("log",
		data.NewField("timestamp", nil, b.times),
		data.NewField("body", data.Labels{"node": node}, b.bodies),
		data.NewField("severity", nil, b.levels),
	)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeLogLines, TypeVersion: data.FrameTypeVersion{0, 0}, PreferredVisualization: data.VisTypeLogs}
	if b.skipped > 0 {
		frame.AppendNotices(data.Notice{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf("%d more lines came at once and are not shown", b.skipped)})
	}
	return frame
}
