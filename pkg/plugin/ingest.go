package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
)

// ingestBody is what a request to read a whole log says.
type ingestBody struct {
	Node string `json:"node"`
	Path string `json:"path"` // of a file on Grafana's machine, plain or .gz
}

// postIngest reads a whole log file into a node's history and answers what it added. A
// request that breaks off has lost nothing: the next one goes on where it was.
func (i *Instance) postIngest(w http.ResponseWriter, r *http.Request) {
	if !isAdmin(r) {
		forbid(w, "read a file on Grafana's machine")
		return
	}
	var body ingestBody
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	switch {
	case err != nil:
		writeError(w, http.StatusBadRequest, fmt.Errorf(`the request is not {"node": "…", "path": "…"}: %w`, err))
		return
	case !filepath.IsAbs(body.Path):
		writeError(w, http.StatusBadRequest, fmt.Errorf("the path %q is not a full one: write it as it is on Grafana's machine", body.Path))
		return
	}
	result, err := i.fleet.Ingest(r.Context(), body.Node, body.Path, nil)
	answer(w, result, err)
}
