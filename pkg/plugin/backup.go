package plugin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// backupPart is how much of a backup goes to Grafana at once.
const backupPart = 1 << 20

// getBackup streams a copy of the store. Only an admin may have it: it holds every
// node's history, also of nodes that a viewer is not shown.
func (i *Instance) getBackup(w http.ResponseWriter, r *http.Request) {
	if !isAdmin(r) {
		forbid(w, "take a backup")
		return
	}
	name := fmt.Sprintf("storagenode-monitor-%s.db", time.Now().UTC().Format("20060102T150405Z"))
	out := &download{ctx: r.Context(), w: w, name: name}
	err := i.fleet.Backup(r.Context(), out)
	switch {
	case err == nil:
		out.flush()
	case !out.begun:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		// Grafana has told the reader that all is well. What was sent lacks its end,
		// which a restore refuses.
		log.DefaultLogger.Error("the backup broke off, what was sent of it is of no use", "error", err)
	}
}

// download sends what is written to it in parts, as a file.
type download struct {
	ctx   context.Context
	w     http.ResponseWriter
	name  string
	begun bool
	part  []byte
}

func (d *download) Write(b []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err // the reader has gone
	}
	d.part = append(d.part, b...)
	if len(d.part) >= backupPart {
		d.flush()
	}
	return len(b), nil
}

func (d *download) flush() {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "application/octet-stream")
		d.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.name))
	}
	_, _ = d.w.Write(d.part) // it cannot fail: it only buffers
	d.part = d.part[:0]
	if f, ok := d.w.(http.Flusher); ok {
		f.Flush()
	}
}
