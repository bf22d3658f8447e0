package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/schollz/progressbar/v3"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// ingestCommand reads a whole log into a node's history and ends.
type ingestCommand struct {
	out, errOut io.Writer
	spec        string
	dataDir     string
	uid         string
	json        bool
}

func (c ingestCommand) run(ctx context.Context) error {
	node, path, err := ingestTarget(c.spec)
	if err != nil {
		return usageError{err}
	}
	dir, err := dataDirOr(c.dataDir)
	if err != nil {
		return err
	}
	key, err := c.target(dir)
	if err != nil {
		return err
	}
	progress, done := c.progress()
	before := cpuTime()
	result, err := fleet.IngestStored(ctx, fleet.Options{Dir: dir, Logger: log.NewNullLogger(), Now: clock}, key, node, path, progress)
	result.CPU = (cpuTime() - before).Seconds()
	done()
	var locked *store.LockedError
	switch {
	case errors.As(err, &locked) && key != fleet.OwnKey:
		return fmt.Errorf(`%w; let it read the file itself, as an Admin: curl -H "Authorization: Bearer $%s" --json '{"node":%q,"path":%q}' http://localhost:3000/api/datasources/uid/%s/resources/ingest`, locked, tokenVariable, node.Name, path, key.UID)
	case err != nil:
		return fmt.Errorf("read %s into the history of %s: %w", path, node.Name, err)
	}
	if result.Lines == 0 {
		fmt.Fprintf(c.errOut, "%s holds nothing that was not read before: nothing was added\n", path)
	}
	if c.json {
		encoded, err := json.Marshal(result)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "%s\n", encoded)
		return err
	}
	return c.summary(path, node.Name, result)
}

// ingestTarget is the node and the file of a spec Name:/path/to.log. The file "-" is the
// standard input.
func ingestTarget(spec string) (settings.Node, string, error) {
	name, isInput := strings.CutSuffix(strings.TrimSpace(spec), ":-")
	if isInput {
		spec = name + ":/-"
	}
	node, err := settings.ParseNode(spec)
	switch {
	case err != nil:
		return settings.Node{}, "", fmt.Errorf(`--ingest-log wants "Name:/path/to.log": %w`, err)
	case node.Log.Kind != settings.LogFile || node.API != "":
		return settings.Node{}, "", fmt.Errorf(`--ingest-log %q names no file: write "Name:/path/to.log", or "Name:-" for the standard input`, spec)
	case isInput:
		node.Log = settings.Source{}
		return node, "-", nil
	}
	return node, node.Log.Path, nil
}

// target is the data source whose history the log goes into: the only one of the folder, or
// the command line's own in a new one.
func (c ingestCommand) target(dir string) (fleet.Key, error) {
	keys, err := fleet.Kept(dir)
	if err != nil {
		return fleet.Key{}, err
	}
	if len(keys) == 0 && c.uid == "" {
		return fleet.OwnKey, nil
	}
	return chooseKept(dir, c.uid)
}

// progress draws a bar where a person looks at it.
func (c ingestCommand) progress() (progress func(done, total int64), end func()) {
	file, ok := c.errOut.(*os.File)
	if !ok || !term.IsTerminal(file.Fd()) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(file), progressbar.OptionSetDescription("reading"), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	return func(done, total int64) {
		if total > 0 {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(done) // a bar that cannot be drawn is missed by nobody
	}, func() { _ = bar.Finish() }
}

func (c ingestCommand) summary(path, node string, r fleet.Ingested) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s → %s\n", path, node)
	fmt.Fprintf(&text, "  lines    %d, of which %d are a storage node's\n", r.Lines, r.Parsed)
	if r.First != nil {
		const layout = "2006-01-02 15:04:05 UTC"
		fmt.Fprintf(&text, "  time     %s to %s\n", r.First.UTC().Format(layout), r.Last.UTC().Format(layout))
	}
	fmt.Fprintf(&text, "  read     %.1f MB in %.2f s (%.2f s of CPU)\n", float64(r.Bytes)/1e6, r.Seconds, r.CPU)
	for _, name := range fleet.IngestedEvents() {
		if count := r.Events[name]; count > 0 {
			fmt.Fprintf(&text, "  %-20s %d\n", name, count)
		}
	}
	_, err := io.WriteString(c.out, text.String())
	return err
}
