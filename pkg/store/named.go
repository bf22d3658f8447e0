package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A checksum of a value says nothing of its key: a bit that flips there lets one node's
// rows pass for another's. So a chunk and a document begin with a zero and the key that they
// were written under, and what has a wrong key gets its own back. A commit says its sequence,
// which is its key. Before format 7 neither chunk nor document named its key; they begin
// with a version or a sequence, which is never zero.

func appendName(b []byte, key string) []byte { return appendString(append(b, 0), key) }

// name reads the key that a value says it was written under, and fails if that is another
// one. It answers whether the value says any.
func (d *decoder) name(key string) (named bool) {
	if len(d.b) == 0 || d.b[0] != 0 {
		return false
	}
	d.b = d.b[1:]
	if name := d.bytes(d.count()); string(name) != key {
		d.fail()
	}
	return true
}

// ownKey is the key that a value was written under, where it is another one than it has, as
// long, and the value is whole.
func ownKey(key, value []byte) (own string, misnamed bool) {
	if len(value) == 0 || value[0] != 0 {
		return "", false
	}
	d := &decoder{b: value[1:]}
	name := d.bytes(d.count())
	if d.err != nil || len(name) != len(key) || bytes.Equal(name, key) || intact(string(name), string(value)) != nil {
		return "", false
	}
	return string(name), true
}

// What the store keeps of its own state (m:…) is text, and since format 7 followed by a
// checksum of key and text. No flipped bit makes a text without a checksum of one that has it.
const (
	checksumMark = " crc32c:"

	lastUncheckedFormat = 6
)

func withChecksum(key, text string) string {
	return fmt.Sprintf("%s%s%08x", text, checksumMark, crc32.Checksum([]byte(key+text), castagnoli))
}

// checkedText is the text of a key of the store's own state, and whether it had a checksum.
func checkedText(key, value string) (text string, checked bool, err error) {
	text = value
	if at := strings.LastIndex(value, checksumMark); at >= 0 {
		text, checked = value[:at], true
		if withChecksum(key, text) != value {
			return "", true, fmt.Errorf("%w: its checksum disagrees", errDamaged)
		}
	}
	valid := false
	switch key {
	case formatKey:
		format, err := strconv.ParseUint(text, 10, 31)
		valid = err == nil && format > 0 && (checked || format <= lastUncheckedFormat)
	case sealedKey:
		_, err := strconv.ParseUint(text, 10, 64)
		valid = err == nil
	case clockKey:
		_, err := strconv.ParseInt(text, 10, 64)
		valid = err == nil
	case damageKey:
		valid = json.Valid([]byte(text))
	}
	if !valid {
		return "", checked, fmt.Errorf("%w: %q", errDamaged, text)
	}
	return text, checked, nil
}

// sealedUpTo is what the mark says that all is sealed up to, 0 if it is damaged.
func sealedUpTo(mark string) uint64 {
	text, _, _ := checkedText(sealedKey, mark)
	sealed, _ := strconv.ParseUint(text, 10, 64)
	return sealed
}
