package fleet

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// identity says whose a stored history is. A node's history is found by its name
// and, once the node has said who it is, by its id: so it stays when the operator
// renames the node, and another node under an old name begins its own.
type identity struct {
	Name   string `json:"name"`
	NodeID string `json:"nodeId"` // "" until the node has said it
}

const identityPrefix = "identity/"

func identities(from *store.Store) map[string]identity {
	all := map[string]identity{}
	from.Documents(identityPrefix, func(key string, value []byte) {
		var id identity
		if json.Unmarshal(value, &id) == nil {
			all[strings.TrimPrefix(key, identityPrefix)] = id
		}
	})
	return all
}

func (id identity) put(into *store.Batch, history string) error {
	document, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("write the identity of %s: %w", id.Name, err)
	}
	into.Put(identityPrefix+history, document)
	return nil
}

// historyFor chooses the key of a node's history. nodeID is "" before the node
// has said it. A history of the node's id is the node's, whatever its name was: an
// operator may have renamed the node, or exchanged two names. configured says
// whether a name is one of the fleet's nodes: the histories of those are not found
// by their key alone. held says whether another node, which is known to have this
// id too, records there.
func historyFor(known map[string]identity, name, key, nodeID string, configured func(name string) bool, held func(history string) bool) string {
	find := func(matches func(history string, id identity) bool) (string, bool) {
		return choose(known, func(h string, id identity) bool { return matches(h, id) && !held(h) })
	}
	if nodeID != "" {
		if history, ok := find(func(_ string, id identity) bool { return id.NodeID == nodeID && id.Name == name }); ok {
			return history
		}
		if history, ok := find(func(_ string, id identity) bool { return id.NodeID == nodeID }); ok {
			return history
		}
	}
	fits := func(id identity) bool { return nodeID == "" || id.NodeID == "" || id.NodeID == nodeID }
	if history, ok := find(func(_ string, id identity) bool { return id.Name == name && fits(id) }); ok {
		return history
	}
	adoptable := func(id identity) bool { return id.Name == name || !configured(id.Name) }
	if history, ok := find(func(h string, id identity) bool { return h == key && adoptable(id) && fits(id) }); ok {
		return history
	}
	history := key
	for n := 2; ; n++ {
		if _, taken := known[history]; !taken {
			return history
		}
		history = fmt.Sprintf("%s-%d", key, n)
	}
}

// choose is the matching history with the greatest key: the newest, where a name
// had several.
func choose(known map[string]identity, matches func(history string, id identity) bool) (string, bool) {
	best, found := "", false
	for history, id := range known {
		if matches(history, id) && (!found || len(history) > len(best) || len(history) == len(best) && history > best) {
			best, found = history, true
		}
	}
	return best, found
}
