// Package replay serves the recorded answers of real storage nodes as a node's
// API does: its paths, content types, redirects and errors. And it fails in the
// ways in which an address in an operator's settings can fail.
//
// It knows files and HTTP. It does not know what the answers mean: tests and the
// demo put it in the place of a node.
package replay

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The recordings: testdata/api/<state>/<node>/<answer>.json.
//
//go:embed testdata/api
var recordings embed.FS

// State is the recording of one node in one state.
type State struct {
	Name string // the state's folder: 04-disqualified
	Node string // the node's folder: node3
	FS   fs.FS  // the node's answers
}

// States are all recordings, in the order of their names.
func States() []State {
	nodes, err := fs.Glob(recordings, "testdata/api/*/*")
	if err != nil {
		panic(err) // only for a malformed pattern
	}
	states := make([]State, 0, len(nodes))
	for _, folder := range nodes {
		answers, err := fs.Sub(recordings, folder)
		if err != nil {
			panic(err) // only for a path that Glob would not give
		}
		states = append(states, State{
			Name: path.Base(path.Dir(folder)),
			Node: path.Base(folder),
			FS:   answers,
		})
	}
	return states
}

// Handler answers as the node whose answers are in fsys.
func Handler(fsys fs.FS) http.Handler {
	node := recordedNode{answers: fsys, satellites: satelliteIDs(fsys)}
	mux := http.NewServeMux()
	node.serve(mux, "/api/sno/{$}", recorded("sno.json"))
	node.serve(mux, "/api/sno/satellites", recorded("satellites.json"))
	node.serve(mux, "/api/sno/satellite/{id}", node.satellite)
	node.serve(mux, "/api/sno/satellites/{id}/pricing", node.pricing)
	node.serve(mux, "/api/sno/estimated-payout", node.payout)
	node.serve(mux, "/api/notifications/list", notifications)
	node.serve(mux, "/api/heldamount/periods", recorded("heldamount_periods.json"))
	node.serve(mux, "/api/heldamount/held-history", recorded("heldamount_held-history.json"))
	node.serve(mux, "/api/heldamount/payout-history/{period}", recorded("heldamount_payout-history.json"))
	node.serve(mux, "/api/heldamount/paystubs/{period}", recorded("heldamount_paystubs_period.json"))
	node.serve(mux, "/api/heldamount/paystubs/{start}/{end}", paystubRange)
	mux.Handle("/api/sno", http.RedirectHandler("/api/sno/", http.StatusMovedPermanently))
	mux.HandleFunc("/", webApplication)
	return mux
}

// recordedNode is a folder of answers and the satellites in it.
type recordedNode struct {
	answers    fs.FS
	satellites map[string]string // satellite_0.json's id → 0
}

// choose says which file answers a request, and with which status.
type choose func(*http.Request) (file string, status int)

func recorded(file string) choose {
	return func(*http.Request) (string, int) { return file, http.StatusOK }
}

// serve answers a path, and redirects from the same path with a slash at its end,
// as the node's router does.
func (n recordedNode) serve(mux *http.ServeMux, pattern string, choose choose) {
	mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		file, status := choose(r)
		body, err := fs.ReadFile(n.answers, file)
		if err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"error":"nothing recorded"}`+"\n")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
	if !strings.HasSuffix(pattern, "/{$}") {
		mux.HandleFunc("GET "+pattern+"/{$}", func(w http.ResponseWriter, r *http.Request) {
			target := *r.URL
			target.Path = strings.TrimSuffix(target.Path, "/")
			http.Redirect(w, r, target.RequestURI(), http.StatusMovedPermanently)
		})
	}
}

func (n recordedNode) satellite(r *http.Request) (string, int) {
	id := r.PathValue("id")
	if number, known := n.satellites[id]; known {
		return "satellite_" + number + ".json", http.StatusOK
	}
	if !looksLikeID(id) {
		return "err_satellite_badid.json", http.StatusBadRequest
	}
	return "err_satellite_untrusted.json", http.StatusNotFound
}

func (n recordedNode) pricing(r *http.Request) (string, int) {
	if number, known := n.satellites[r.PathValue("id")]; known {
		return "pricing_" + number + ".json", http.StatusOK
	}
	return "err_pricing_untrusted.json", http.StatusOK
}

func (n recordedNode) payout(r *http.Request) (string, int) {
	id := r.URL.Query().Get("id")
	if id == "" {
		return "estimated-payout.json", http.StatusOK
	}
	number, known := n.satellites[id]
	if !known {
		return "err_satellite_untrusted.json", http.StatusNotFound
	}
	file := "estimated-payout_sat" + number + ".json"
	var failed struct{ Error string }
	if body, err := fs.ReadFile(n.answers, file); err == nil && json.Unmarshal(body, &failed) == nil && failed.Error != "" {
		return file, http.StatusInternalServerError
	}
	return file, http.StatusOK
}

func notifications(r *http.Request) (string, int) {
	for _, parameter := range []string{"limit", "page"} {
		if _, err := strconv.ParseUint(r.URL.Query().Get(parameter), 10, 32); err != nil {
			return "err_notifications_noparams.json", http.StatusBadRequest
		}
	}
	return "notifications_list.json", http.StatusOK
}

func paystubRange(r *http.Request) (string, int) {
	if r.PathValue("start") > r.PathValue("end") {
		return "heldamount_paystubs_badrange.json", http.StatusBadRequest
	}
	return "heldamount_paystubs_range.json", http.StatusOK
}

// webApplication is what a release build answers on every other path.
func webApplication(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = w.Write([]byte(webPage))
}

const webPage = `<!DOCTYPE html><html lang="en"><head><title>Node Operator Dashboard</title></head><body><div id="app"></div></body></html>`

// satelliteIDs finds the number of each recorded satellite.
func satelliteIDs(answers fs.FS) map[string]string {
	found := make(map[string]string)
	files, _ := fs.Glob(answers, "satellite_*.json")
	for _, file := range files {
		var satellite struct {
			ID string `json:"id"`
		}
		body, err := fs.ReadFile(answers, file)
		if err != nil || json.Unmarshal(body, &satellite) != nil || satellite.ID == "" {
			continue
		}
		found[satellite.ID] = strings.TrimSuffix(strings.TrimPrefix(file, "satellite_"), ".json")
	}
	return found
}

// looksLikeID tells an id that the node does not know from one that is none.
func looksLikeID(id string) bool {
	const shortest, longest = 40, 60
	if len(id) < shortest || len(id) > longest {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return !strings.ContainsRune("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", r)
	})
}
