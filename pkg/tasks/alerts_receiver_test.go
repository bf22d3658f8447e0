//go:build unix

package tasks

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// receiver is where the contact points of the samples write to.
type receiver struct {
	url  string
	mu   sync.Mutex
	told []notification
}

// notification is what a contact point sent: a webhook all of it, Discord and Slack texts.
type notification struct {
	path string
	text string // as it came

	Title, Message string
	Alerts         []struct {
		Status              string
		Labels, Annotations map[string]string
	}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		text, err := io.ReadAll(request.Body)
		if err != nil {
			return // the sender tries again
		}
		one := notification{path: request.URL.Path, text: string(text)}
		if one.path == webhookPath {
			if err := json.Unmarshal(text, &one); err != nil {
				t.Errorf("a webhook has %s: %v", text, err)
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, one)
		_, _ = io.WriteString(w, "ok") // as Slack answers
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// at are the notifications at a path, in the order in which they came.
func (r *receiver) at(path string) []notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.told), func(n notification) bool { return n.path != path })
}

// of are the webhook's notifications with a node's condition that is of a status.
func (r *receiver) of(node, condition, status string) []notification {
	return slices.DeleteFunc(r.at(webhookPath), func(n notification) bool {
		for _, alert := range n.Alerts {
			if alert.Status == status && alert.Labels["node"] == node && alert.Labels["condition"] == condition {
				return false
			}
		}
		return true
	})
}
