package simnode

import (
	"net/http"
	"strconv"
	"time"
)

// notifySuspension is the only type of notification that nodes raise today: an
// offline suspension.
const notifySuspension = 3

// notification is a message to the operator.
type notification struct {
	ID        string     `json:"id"`
	SenderID  string     `json:"senderId"` // the node itself
	Type      int        `json:"type"`
	Title     string     `json:"title"`
	Message   string     `json:"message"`
	ReadAt    *time.Time `json:"readAt"`
	CreatedAt time.Time  `json:"createdAt"`
}

// mostNotifications is the longest page that the node gives.
const mostNotifications = 50

func (n *Node) apiNotifications(r *http.Request) (any, *apiError) {
	var numbers [2]uint64
	for i, name := range []string{"limit", "page"} {
		number, err := strconv.ParseUint(r.URL.Query().Get(name), 10, 32)
		if err != nil {
			return nil, badRequest("consoleapi notifications: %v", err)
		}
		numbers[i] = number
	}
	limit, page := min(numbers[0], mostNotifications), numbers[1]
	if page == 0 {
		return nil, &apiError{http.StatusInternalServerError, "consoleapi notifications: notificationsdb: page can not be 0"}
	}
	type pageAnswer struct {
		Notifications []notification `json:"notifications"`
		Offset        uint64         `json:"offset"`
		Limit         uint64         `json:"limit"`
		CurrentPage   uint64         `json:"currentPage"`
		PageCount     uint64         `json:"pageCount"`
	}
	a := struct {
		Page        pageAnswer `json:"page"`
		UnreadCount int        `json:"unreadCount"`
		TotalCount  int        `json:"totalCount"`
	}{Page: pageAnswer{Notifications: []notification{}}}
	total := uint64(len(n.notifications))
	if total == 0 {
		return a, nil
	}
	a.Page.Limit, a.Page.Offset, a.Page.CurrentPage = limit, (page-1)*limit, page
	if a.Page.Offset > total-1 {
		return nil, &apiError{http.StatusInternalServerError, "consoleapi notifications: notificationsdb: page is out of range"}
	}
	if limit > 0 {
		a.Page.PageCount = (total + limit - 1) / limit
	}
	a.TotalCount = int(total)
	for i := range n.notifications {
		if n.notifications[i].ReadAt == nil {
			a.UnreadCount++
		}
	}
	for i := a.Page.Offset; i < min(a.Page.Offset+limit, total); i++ { // the newest first
		a.Page.Notifications = append(a.Page.Notifications, n.notifications[total-1-i])
	}
	return a, nil
}

// readNotification marks one, or without an id all, as read.
func (n *Node) readNotification(w http.ResponseWriter, r *http.Request) {
	n.serveJSON(w, r, func(r *http.Request) (any, *apiError) {
		id := r.PathValue("id")
		for i := range n.notifications {
			if note := &n.notifications[i]; id == "" || note.ID == id {
				now := at64(n.now)
				note.ReadAt = &now
			}
		}
		return nil, nil
	})
}

// PublicHandler serves what a browser gets at the node's public port: its own
// view of its health.
func (n *Node) PublicHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		up, since := n.up, n.version.since(63)
		known, healthy := 0, true
		for _, s := range n.satellites {
			if !s.view.known {
				continue
			}
			known++
			healthy = healthy && s.view.disqualifiedAt == 0 && s.view.suspendedAt == 0 && s.view.online >= 0.9
		}
		n.mu.Unlock()
		if !up || !since {
			panic(http.ErrAbortHandler)
		}
		healthy = healthy && known > 0
		w.Header().Set("Content-Type", "application/json")
		if !healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("{\n  \"Statuses\": null,\n  \"Help\": \"To access Storagenode services, please use DRPC protocol!\",\n  \"AllHealthy\": " + strconv.FormatBool(healthy) + "\n}"))
	})
}
