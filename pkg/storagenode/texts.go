package storagenode

import (
	"bytes"
	"unicode/utf8"
)

// commonTexts are the messages and loggers of nearly every line: found here, they
// need no memory of their own.
var commonTexts = func() map[string]string {
	common := make(map[string]string)
	for _, text := range []string{
		"piecestore", "reputation:service", "contact:service", "contact:endpoint", "orders", "retain", "hashstore",
		"collector", "bandwidth", "pieces", "pieces:trash", "blobscache", "db", "lazyfilewalker.gc-filewalker.trash-handler",
		"uploaded", "downloaded", "upload started", "download started",
		"upload canceled", "download canceled", "upload failed", "download failed",
		"upload canceled (race lost or node shutdown)", "download canceled (race lost or node shutdown)",
		"upload rejected, too many requests", "upload internal error",
		"node scores updated", "node scores worsened", "ping satellite failed ", "pinged",
		"trashing piece", "About to move piece to trash", "blob not found; will not trash", "file found in trash",
		"Persisting bandwidth usage cache to db", "expired pieces collection started", "expired pieces collection completed",
		"delete expired", "deleted expired piece", "delete piece sent to trash", "deleted",
	} {
		common[text] = text
	}
	return common
}()

// text makes a string of a column, without an allocation for a common one, and
// always valid UTF-8.
func text(column []byte) string {
	if known, ok := commonTexts[string(column)]; ok {
		return known
	}
	if !utf8.Valid(column) {
		return string(bytes.ToValidUTF8(column, []byte("\uFFFD")))
	}
	return string(column)
}

// How much a textTable keeps. A node has some hundred messages; what comes beyond
// that is not worth memory.
const (
	maxTexts      = 1024
	maxTextLength = 128
)

// textTable keeps the loggers and messages that came before, so that they need no new
// memory. The nil table knows the common ones only.
type textTable struct{ known map[string]string }

// text is what the function text gives.
func (t *textTable) text(column []byte) string {
	if t == nil {
		return text(column)
	}
	if known, ok := t.known[string(column)]; ok {
		return known
	}
	made := text(column)
	if len(column) <= maxTextLength && len(t.known) < maxTexts {
		if t.known == nil {
			t.known = make(map[string]string)
		}
		t.known[string(column)] = made
	}
	return made
}

// maxKnownSatellites is how many satellites a satelliteTable keeps. There are four; who
// writes more into a log costs memory for each line, but none that stays.
const maxKnownSatellites = 256

// satelliteTable makes strings of satellites' ids, for known ones without memory.
type satelliteTable struct {
	first [8]string // the first ones that came: a node has few
	used  int
	known map[string]string
}

// id is the id as a string, "" where it cannot be one.
func (t *satelliteTable) id(column []byte) string {
	for _, id := range t.first[:t.used] {
		if string(column) == id {
			return id
		}
	}
	if known, ok := t.known[string(column)]; ok {
		return known
	}
	id := string(column)
	if !plausibleID(id) {
		return ""
	}
	for _, satellite := range knownSatellites {
		if satellite.id == id {
			id = satellite.id // all parsers share it
		}
	}
	if t.used < len(t.first) {
		t.first[t.used] = id
		t.used++
		return id
	}
	if t.known == nil {
		t.known = make(map[string]string)
	}
	if len(t.known) < maxKnownSatellites {
		t.known[id] = id
	}
	return id
}
