package logsource

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

const (
	headSize = 1 << 10 // of the beginning that a text is known by
	maxKnown = 64      // texts that are remembered
)

// known are the texts that a follower remembers, with where it is in each.
type known struct {
	texts []*FilePosition
}

func newKnown(files []FilePosition) *known {
	k := &known{}
	for _, p := range files {
		p.Gaps = slices.Clone(p.Gaps)
		k.texts = append(k.texts, &p)
	}
	return k
}

// find is the text that begins so, or nil. Where several do, it is the one of which most
// is known.
func (k *known) find(head []byte) *FilePosition {
	var found *FilePosition
	prints := map[int64]string{}
	for _, p := range k.texts {
		if p.Length <= 0 || p.Length > int64(len(head)) || found != nil && found.Length >= p.Length {
			continue
		}
		print, ok := prints[p.Length]
		if !ok {
			print = fingerprint(head[:p.Length])
			prints[p.Length] = print
		}
		if print == p.Fingerprint {
			found = p
		}
	}
	return found
}

// add remembers a text that begins so, of which nothing was read. What was not read for
// longest is forgotten for it, unless it is in use.
func (k *known) add(head []byte, now time.Time, used func(*FilePosition) bool) *FilePosition {
	p := &FilePosition{LastRead: now}
	setHead(p, head)
	k.texts = append(k.texts, p)
	for len(k.texts) > maxKnown {
		oldest := -1
		for i, q := range k.texts {
			if q != p && (used == nil || !used(q)) && (oldest < 0 || q.LastRead.Before(k.texts[oldest].LastRead)) {
				oldest = i
			}
		}
		if oldest < 0 {
			break
		}
		k.texts = slices.Delete(k.texts, oldest, oldest+1)
	}
	return p
}

// positions are the texts as they are kept.
func (k *known) positions() []FilePosition {
	files := make([]FilePosition, len(k.texts))
	for i, p := range k.texts {
		files[i] = *p
	}
	return files
}

// oldestRead is when the text was read that was not read for longest; zero: none is known.
func (k *known) oldestRead() time.Time {
	var oldest time.Time
	for i, p := range k.texts {
		if i == 0 || p.LastRead.Before(oldest) {
			oldest = p.LastRead
		}
	}
	return oldest
}

// lastRead is when anything was read last.
func (k *known) lastRead() time.Time {
	var last time.Time
	for _, p := range k.texts {
		if p.LastRead.After(last) {
			last = p.LastRead
		}
	}
	return last
}

// setHead makes a position one of a text that begins so.
func setHead(p *FilePosition, head []byte) {
	if int64(len(head)) != p.Length {
		p.Fingerprint, p.Length = fingerprint(head), int64(len(head))
	}
}

// fingerprint is what a beginning is known by.
func fingerprint(head []byte) string {
	sum := sha256.Sum256(head)
	return hex.EncodeToString(sum[:16])
}

// readHead reads how a text begins.
func readHead(t text) ([]byte, error) {
	head := make([]byte, headSize)
	n, err := readAt(t, head, 0)
	return bytes.Clone(head[:n]), err
}
