// Package simnode simulates a Storj storage node: one event-driven model of a
// node, from which come both the HTTP API that the node's console serves and
// the log that the node writes.
//
// It knows what a node stores and transfers, how satellites audit and judge it,
// what goes wrong in a [Scenario], and its own exact [Truth], so that a test can
// compare what a monitor says with what happened. Model time is its own: history
// of any span is generated as fast as the machine can, and a [Runner] then lets
// a node go on in real time or faster.
//
// Everything is decided by [Options]: the same options give the same bytes,
// however the time is cut into calls of [Node.AdvanceTo].
//
// It does not know the plugin, and imports nothing of it: what it serves and
// writes is taken from recordings of real nodes and from the node's documented
// behaviour, never from the parser that will read it.
package simnode
