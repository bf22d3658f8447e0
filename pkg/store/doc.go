// Package store keeps time series, events and documents in one BuntDB file.
//
// It knows series of numbers and of histograms, events, documents, commits and chunks. It knows nothing of
// Storj, of Grafana, nor of what a series means.
//
// # Layout
//
// A sample belongs to a group (series that move together, such as one node's
// reputation) and to a column of that group. What was recorded is in memory at
// once and on disk with the next commit:
//
//	w:<sequence>                   a commit: everything one flush adds, in one value
//	c:<group>:<window>:<sequence>  a sealed chunk: the rows of one group in one window,
//	                               with their numbers, histograms and events
//	                               (its length follows, where it is not the usual one)
//	b:<key>, d:<key>               a document: the latest state of something, twice
//	m:format, m:sealed, m:clock    the format version; the last sequence sealed; the time
//	                               by which history goes
//	m:damage                       what a repair found, while no opening has drawn what follows
//
// BuntDB writes a transaction of several keys as several commands, in a map's
// order, and checks none of them. So a commit is one key, carries a gap-free
// sequence number and ends in a CRC32C, as documents do; a chunk has one for its head
// and for each column. Sealing is three steps with an fsync before and after
// each: chunks and documents, each naming the sequence it contains; the mark that they
// are sealed; then the commits go. A step is as many small transactions as it needs, and
// may be cut short after any of them. Replay skips what a chunk or a document already
// contains. Whatever moment the power fails, a commit counts once or not at all.
//
// # Counts that add up
//
// Rows of a family with Policy.Additive are summed where they meet. They are not
// rolled up: each goes to all tiers when it is recorded or replayed, see additive.go.
//
// # Who waits for whom
//
// Record, Read, Events and the rest hold the store's own lock for moments only, and
// BuntDB's while a transaction changes memory and hands its bytes to the system: those of
// one key, or of at most 256 keys and 256 KiB.
// Nobody but the writer waits for a disk: fsyncs go through a handle of the store's
// own, and while a compaction swaps files, readers read a copy of the tree in memory.
package store
