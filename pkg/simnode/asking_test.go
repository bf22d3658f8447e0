package simnode_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// ask gets a path from a handler.
func ask(t testing.TB, h http.Handler, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result()
}
