package replay

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultHTML answers every path with a web page, as another program on the port or
// a log-in page does.
func FaultHTML() http.Handler { return http.HandlerFunc(webApplication) }

// FaultStatus answers every path with an HTTP status and a node's kind of error.
func FaultStatus(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":"SECRET-IN-THE-BODY"}` + "\n"))
	})
}

// FaultGarbage says JSON and answers something else.
func FaultGarbage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{\"nodeID\":\x00\x01SECRET-IN-THE-BODY}"))
	})
}

// FaultOtherJSON answers JSON that is no storage node's.
func FaultOtherJSON() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"Statuses":null,"Help":"SECRET-IN-THE-BODY","AllHealthy":true}`))
	})
}

// FaultHuge answers JSON of that many bytes, or until the client has enough.
func FaultHuge(size int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for written := int64(0); written < size; written += int64(len(chunk)) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte("{}"))
	})
}

// FaultRedirectLoop redirects every path to itself, for ever.
func FaultRedirectLoop() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn, _ := strconv.Atoi(r.URL.Query().Get("turn"))
		http.Redirect(w, r, r.URL.Path+"?turn="+strconv.Itoa(turn+1), http.StatusFound)
	})
}

// FaultRedirectTo redirects every path to the same path at another address.
func FaultRedirectTo(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.TrimRight(address, "/")+r.URL.Path, http.StatusFound)
	})
}

// FaultStalledBody begins an answer and never ends it.
func FaultStalledBody() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"nodeID":"`))
		flush(w)
		<-r.Context().Done()
	})
}

// FaultSlow answers as next does, after a delay, or not at all where the client
// gives up before.
func FaultSlow(delay time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// FaultCutBody announces more than it sends and closes the connection.
func FaultCutBody() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"nodeID":"SECRET-IN-THE-BODY`))
		flush(w)
		panic(http.ErrAbortHandler)
	})
}

// flush sends what was written so far.
func flush(w http.ResponseWriter) {
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
}

// FaultOn answers with fault where the path begins with prefix, else as next does.
func FaultOn(prefix string, fault, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix) {
			fault.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
