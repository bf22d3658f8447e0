package store

import (
	"encoding/binary"
	"strings"
)

// Of each document there are two copies, far from each other in a compacted file: counts
// are added up as far as a document says, and one that is lost, or older than the counts,
// would have them counted again.
var documentCopies = [2]string{"b:", "d:"}

// committedDocument is what the commit with a sequence made of a document.
type committedDocument struct {
	sequence uint64
	value    []byte // nil: deleted
}

// documentKey is the document of which a key holds a copy.
func documentKey(key string) (document string, ok bool) {
	for _, begin := range documentCopies {
		if document, ok := strings.CutPrefix(key, begin); ok {
			return document, true
		}
	}
	return "", false
}

func encodeDocument(key string, sequence uint64, value []byte) string {
	b := binary.AppendUvarint(appendName(nil, key), sequence)
	return string(appendChecksum(append(b, value...)))
}

// decodeDocument answers a copy of a document, and whether it names its key.
func decodeDocument(key, value string) (sequence uint64, payload []byte, named bool, err error) {
	body, err := verified(value)
	if err != nil {
		return 0, nil, false, err
	}
	d := &decoder{b: body}
	named = d.name(key)
	sequence = d.uvarint()
	return sequence, d.b, named, d.err
}

// outdatedBegin begins the names of the documents that say of others that they may be old.
const outdatedBegin = "outdated/"

// Outdated says whether damage to the file may have taken a later state of a document, so
// that what Document answers is from before. It is so until the document is put again.
func (s *Store) Outdated(key string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.documents[outdatedBegin+key] != nil
}

// renew adds to a batch that the documents it brings are no longer outdated; the caller
// holds mu.
func (s *Store) renew(batch *Batch) {
	for _, doc := range batch.documents {
		if s.documents[outdatedBegin+doc.key] != nil {
			batch.Delete(outdatedBegin + doc.key)
		}
	}
}

// Document is the value last put under a key. The caller must not change it.
func (s *Store) Document(key string) ([]byte, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	value := s.documents[key]
	return value, value != nil
}

// Documents calls f with each document whose key begins so, in no order.
func (s *Store) Documents(prefix string, f func(key string, value []byte)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for key, value := range s.documents {
		if value != nil && strings.HasPrefix(key, prefix) {
			f(key, value)
		}
	}
}
