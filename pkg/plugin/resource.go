package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

// maxBody bounds the body of a request to a resource.
const maxBody = 1 << 20

// CallResource answers the editors and the original's JSON.
func (i *Instance) CallResource(ctx context.Context, request *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	return i.resources.CallResource(ctx, request, sender)
}

func (i *Instance) routes() backend.CallResourceHandler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /nodes", i.getNodes)
	mux.HandleFunc("GET /satellites", i.getSatellites)
	mux.HandleFunc("GET /reputation", i.getReputation)
	mux.HandleFunc("POST /parse-specs", postSpecs)
	mux.HandleFunc("GET /backup", i.getBackup)
	mux.HandleFunc("POST /ingest", i.postIngest)
	mux.HandleFunc("GET /alerting", i.getAlerting)
	mux.HandleFunc("POST /alert-test", i.postAlertTest)
	mux.HandleFunc("POST /clear-condition", i.postClearCondition)
	mux.HandleFunc("POST /discover", i.postDiscover)
	return httpadapter.New(guarded(mux))
}

// guarded answers a panic as an error: it would else end the process.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				log.DefaultLogger.Error("answering a resource failed", "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
				writeError(w, http.StatusInternalServerError, errors.New("answering failed; Grafana's log has more"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// isAdmin says whether an admin of the organisation asks. Grafana lets everybody through
// who may query.
func isAdmin(r *http.Request) bool {
	user := backend.UserFromContext(r.Context())
	return user != nil && user.Role == "Admin"
}

// isEditor says whether an editor of the organisation asks, or an admin.
func isEditor(r *http.Request) bool {
	user := backend.UserFromContext(r.Context())
	return user != nil && (user.Role == "Editor" || user.Role == "Admin")
}

func forbid(w http.ResponseWriter, what string) {
	writeError(w, http.StatusForbidden, fmt.Errorf("only an admin of the organisation may %s: ask as one", what))
}

func forbidViewer(w http.ResponseWriter, what string) {
	writeError(w, http.StatusForbidden, fmt.Errorf("only an editor or admin of the organisation may %s: ask as one", what))
}

type nodeEntry struct {
	Name  string        `json:"name"`
	Key   string        `json:"key"`
	State concern.State `json:"state"`
}

// getNodes answers the configured nodes, for pickers.
func (i *Instance) getNodes(w http.ResponseWriter, _ *http.Request) {
	nodes := []nodeEntry{}
	for _, s := range i.fleet.Statuses() {
		nodes = append(nodes, nodeEntry{Name: s.Name, Key: s.Key, State: s.State})
	}
	writeJSON(w, nodes)
}

// getSatellites answers the satellites of ?node=… (repeatable; none: all).
func (i *Instance) getSatellites(w http.ResponseWriter, r *http.Request) {
	satellites, err := i.fleet.Satellites(r.Context(), r.URL.Query()["node"])
	answer(w, satellites, err)
}

// getReputation answers the original's JSON for ?view=… (repeatable).
func (i *Instance) getReputation(w http.ResponseWriter, r *http.Request) {
	message, err := i.fleet.Reputation(r.Context(), r.URL.Query()["view"])
	answer(w, message, err)
}

type specNode struct {
	Name string `json:"name"`
	Log  string `json:"log"`
	API  string `json:"api"`
}

type specProblem struct {
	Line   int    `json:"line"` // from 1 on
	Spec   string `json:"spec"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Mend   string `json:"mend"`
}

type parsedSpecs struct {
	Nodes    []specNode    `json:"nodes"`
	Problems []specProblem `json:"problems"`
}

// postSpecs reads pasted node specs; nothing is stored.
func postSpecs(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Specs    string   `json:"specs"`
		Existing []string `json:"existing"`
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		writeError(w, http.StatusBadRequest, fmt.Errorf("the request cannot be read: %w", err))
		return
	case len(content) > maxBody:
		writeError(w, http.StatusRequestEntityTooLarge, fmt.Errorf("the specs are longer than %d bytes", maxBody))
		return
	}
	if err := json.Unmarshal(content, &body); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf(`the request is not {"specs": "…", "existing": […]}: %w`, err))
		return
	}
	nodes, problems := settings.ParseSpecs(body.Specs, body.Existing)
	result := parsedSpecs{Nodes: []specNode{}, Problems: []specProblem{}}
	for _, node := range nodes {
		result.Nodes = append(result.Nodes, specNode{Name: node.Name, Log: node.Log.String(), API: node.API})
	}
	for _, p := range problems {
		result.Problems = append(result.Problems, specProblem{Line: p.Index, Spec: p.Spec, Field: p.Field, Reason: p.Reason, Mend: p.Mend})
	}
	writeJSON(w, result)
}

// postDiscover searches for nodes that are not watched yet. The body may name a Docker daemon.
func (i *Instance) postDiscover(w http.ResponseWriter, r *http.Request) {
	if !isAdmin(r) {
		forbid(w, "search for nodes")
		return
	}
	var body struct {
		Docker string `json:"docker"` // "": none; "default": this machine's; or unix://… or tcp://…
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		writeError(w, http.StatusBadRequest, fmt.Errorf(`the request is not {"docker": "…"}: %w`, err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), discoverTime)
	defer cancel()
	writeJSON(w, i.fleet.Find(ctx, body.Docker))
}

// discoverTime bounds a search for nodes: a person waits for it.
const discoverTime = 10 * time.Second

func answer(w http.ResponseWriter, value any, err error) {
	var wrong *fleet.QueryError
	switch {
	case errors.As(err, &wrong):
		writeError(w, http.StatusNotFound, err)
	case err != nil:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		writeJSON(w, value)
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	encoded, err := json.Marshal(value)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encoded) // the reader may have gone
}

func writeError(w http.ResponseWriter, status int, err error) {
	encoded, _ := json.Marshal(map[string]string{"error": err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // the reader may have gone
}
