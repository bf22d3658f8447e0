package journal

import (
	"errors"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// ear writes the journal of one node.
type ear struct {
	node   concern.Node
	from   *store.Store
	events []store.Event
	counts map[hourly]float64
	errors *catalogue
	// What version the newest line that says one has.
	version   string
	versionAt time.Time
}

// hourly is what events of one kind, satellite and hour are counted as.
type hourly struct {
	hour            int64 // milliseconds UTC
	kind, satellite string
}

// maxPending bounds what is kept until the next flush. It is asked for when half of that came,
// so that only a block of far more lines than there can be would lose any.
const maxPending = 20_000

// Full says whether it is time for a flush.
func (e *ear) Full() bool {
	return len(e.events)+len(e.counts) >= maxPending/2 || len(e.errors.counts) >= maxPending/2
}

// Hear notes what a line tells.
func (e *ear) Hear(event *storagenode.Event) {
	if event.Level >= storagenode.Warn {
		e.errors.hear(event)
	}
	if k := kindOf(event); k != nil {
		e.tell(k, event)
	} else if event.Kind == storagenode.OtherLine {
		e.hearVersion(event)
	}
}

func (e *ear) tell(k *kind, event *storagenode.Event) {
	if len(e.events)+len(e.counts) >= maxPending {
		return
	}
	at := event.Time
	if k.hourly {
		at = event.Time.Truncate(time.Hour)
		counted := hourly{at.UnixMilli(), k.name, event.Satellite}
		if e.counts[counted]++; e.counts[counted] > 1 {
			return
		}
	}
	if text := k.of(event); text != "" {
		e.events = append(e.events, k.event(e.node, event.Satellite, at, text))
	}
}

// hearVersion takes the version of the lines that say it; all of them are DEBUG.
func (e *ear) hearVersion(event *storagenode.Event) {
	if event.Message != "Version info" && event.Message != "Running on allowed version." || event.Time.Before(e.versionAt) {
		return
	}
	if version, ok := event.Text("version"); ok {
		e.version, e.versionAt = cut(clean(version), maxVersion), event.Time
	}
}

const maxVersion = 60

const countColumn = "count"

// Flush adds the events and the counts.
func (e *ear) Flush(into *store.Batch) error {
	for _, event := range e.events {
		into.AppendEvent(event)
	}
	e.events = nil
	for counted, count := range e.counts {
		into.Add(e.node.StoredAs(name), counted.hour, store.Sample{
			Column: store.NewColumn(countColumn, "kind", counted.kind, satelliteLabel, strings.Clone(counted.satellite)), Value: count,
		})
	}
	clear(e.counts)
	var err error
	if e.version != "" {
		err = runs(e.node, e.version, e.versionAt, readRunning(e.from, e.node), into)
		e.version = ""
	}
	return errors.Join(err, e.errors.flush(into))
}
