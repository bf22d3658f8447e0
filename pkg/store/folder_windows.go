package store

// syncFolder does nothing: Windows makes a rename durable by itself, and has no
// way to sync a folder.
var syncFolder = func(string) error { return nil }
