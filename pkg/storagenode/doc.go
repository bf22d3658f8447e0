// Package storagenode knows what a Storj storage node says: the answers of its
// HTTP API, the lines of its log, the names of the satellites, and the rules by
// which satellites judge a node.
//
// It knows nothing of Grafana's queries and frames, of the store, of node specs
// or of how a log is followed: it turns bytes and answers into typed values, and
// values into verdicts. Every function without a context is pure.
package storagenode
