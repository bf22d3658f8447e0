package concern

import (
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Listener is a concern that learns from a node's log, too.
type Listener interface {
	Concern
	// Listen gives an ear for one node. What it needs of the past it reads from the
	// store: after a crash that is exactly what the log's position stands for.
	Listen(node Node, from *store.Store) Ear
}

// Ear turns the lines of one node's log into what its concern records. It is called
// from one goroutine at a time. Lines come in the order of the log as a rule, but a
// rotated file or the log of yesterday may be read beside the one of today.
type Ear interface {
	// Hear takes one line. It is called for every line of every log: it should cost
	// next to nothing where the line does not matter, and no memory for transfers.
	Hear(event *storagenode.Event)
	// Flush adds what was heard since the last Flush to a batch that also holds the
	// log's position: both count, or neither.
	Flush(into *store.Batch) error
}

// Bounded is an ear that keeps what it heard, up to a bound. One that is full is flushed before
// it hears the next lines, so that the bound costs nothing of them.
type Bounded interface {
	Full() bool
}
