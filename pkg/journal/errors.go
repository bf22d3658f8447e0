package journal

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

const (
	// maxErrors is how many different errors are told apart at a node; further ones are
	// counted together.
	maxErrors = 200
	// maxForgotten is how many errors a day, of those that were not seen for longest, make
	// room for new ones. It bounds what a log of garbage can make of the store.
	maxForgotten = 100
	// maxExample is how much of a line an example holds, in bytes.
	maxExample = 400
	// renewal is how often it is written when an error was last seen, if nothing is new.
	renewal = time.Hour
)

const (
	errorColumn = "errors"
	errorLabel  = "error"
	// otherErrors is the key of those that are counted together.
	otherErrors = "other"
)

// known is one kind of errors in a node's log.
type known struct {
	Key     string    `json:"key"` // in the store
	Level   string    `json:"level"`
	Message string    `json:"message"` // without what differs from one time to the next
	Example string    `json:"example"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// catalogue tells the errors of a node apart and counts them.
type catalogue struct {
	node  concern.Node
	from  *store.Store
	known []known
	byKey map[string]int

	counts    map[counted]float64
	changed   bool // something new is known
	renewed   time.Time
	forgotten []time.Time // when errors made room for others, in the last day
	now       func() time.Time
}

// counted is what is counted together: an error in a minute.
type counted struct {
	minute int64 // milliseconds UTC
	key    string
}

// readErrors is what was kept of a node's errors.
func readErrors(from *store.Store, node concern.Node) (all []known) {
	if document, ok := from.Document(node.StoredAs(errorsName)); ok {
		// What cannot be read is told apart anew; the counts stay.
		_ = json.Unmarshal(document, &all)
	}
	return all[:min(len(all), maxErrors)]
}

func newCatalogue(node concern.Node, from *store.Store) *catalogue {
	c := &catalogue{node: node, from: from, known: readErrors(from, node), byKey: map[string]int{}, counts: map[counted]float64{}, now: time.Now}
	for i, k := range c.known {
		c.byKey[k.Key] = i
	}
	return c
}

// hear counts a line of level WARN or above.
func (c *catalogue) hear(event *storagenode.Event) {
	minute := event.Time.Truncate(time.Minute).UnixMilli()
	key := otherErrors
	if i := c.find(event); i >= 0 {
		k := &c.known[i]
		key = k.Key
		if event.Time.After(k.Last) {
			k.Last = event.Time
		}
		if event.Time.Before(k.First) {
			k.First = event.Time
		}
	}
	at := counted{minute, key}
	if _, ok := c.counts[at]; !ok && len(c.counts) >= maxPending {
		at = counted{minute / time.Hour.Milliseconds() * time.Hour.Milliseconds(), otherErrors}
	}
	c.counts[at]++
}

// find is the number of the error that a line is of, made if it is new; -1 where there is
// no room for it.
func (c *catalogue) find(event *storagenode.Event) int {
	said := event.Message
	if reason := reasonOf(event); reason != "" {
		said += ": " + reason
	}
	message := normal(said)
	key := keyOf(event.Level, message)
	if i, ok := c.byKey[key]; ok {
		return i
	}
	i := len(c.known)
	switch {
	case i < maxErrors:
		c.known = append(c.known, known{})
	case c.mayForget():
		i = c.oldest()
		delete(c.byKey, c.known[i].Key)
	default:
		return -1
	}
	c.known[i] = known{
		Key: key, Level: event.Level.String(), Message: message,
		Example: strings.Clone(cut(clean(said), maxExample)), First: event.Time, Last: event.Time,
	}
	c.byKey[key] = i
	c.changed = true
	return i
}

func keyOf(level storagenode.Level, message string) string {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte{byte(level)})
	_, _ = hash.Write([]byte(message))
	return fmt.Sprintf("%016x", hash.Sum64())
}

func (c *catalogue) oldest() int {
	oldest := 0
	for i := range c.known {
		if c.known[i].Last.Before(c.known[oldest].Last) {
			oldest = i
		}
	}
	return oldest
}

// mayForget says whether an error may make room for another one, and notes that it does.
func (c *catalogue) mayForget() bool {
	now := c.now()
	for len(c.forgotten) > 0 && now.Sub(c.forgotten[0]) >= 24*time.Hour {
		c.forgotten = c.forgotten[1:]
	}
	if len(c.forgotten) >= maxForgotten {
		return false
	}
	c.forgotten = append(c.forgotten, now)
	return true
}

// merge takes over what another ear has found meanwhile: one that reads an old log of the
// node, beside the one that follows today's.
func (c *catalogue) merge() {
	for _, k := range readErrors(c.from, c.node) {
		i, ok := c.byKey[k.Key]
		switch {
		case !ok && len(c.known) < maxErrors:
			c.byKey[k.Key] = len(c.known)
			c.known = append(c.known, k)
		case !ok:
		default:
			if k.First.Before(c.known[i].First) {
				c.known[i].First = k.First
			}
			if k.Last.After(c.known[i].Last) {
				c.known[i].Last = k.Last
			}
		}
	}
}

// flush adds the counts, and what the errors are if that is news.
func (c *catalogue) flush(into *store.Batch) error {
	if len(c.counts) == 0 {
		return nil
	}
	for at, count := range c.counts {
		into.Add(c.node.StoredAs(errorsName), at.minute, store.Sample{Column: store.NewColumn(errorColumn, errorLabel, at.key), Value: count})
	}
	clear(c.counts)
	if now := c.now(); c.changed || now.Sub(c.renewed) >= renewal {
		c.merge()
		document, err := json.Marshal(c.known)
		if err != nil {
			return fmt.Errorf("write the errors of %s: %w", c.node.Name, err)
		}
		into.Put(c.node.StoredAs(errorsName), document)
		c.changed, c.renewed = false, now
	}
	return nil
}
