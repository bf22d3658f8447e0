package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/fleet"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

type queryCommand struct {
	out           io.Writer
	from, to      string
	maxDataPoints int64
	dataDir       string
	url, token    string
	uid           string
	table         bool
}

// refID is the query's name in the answer.
const refID = "A"

// tokenVariable keeps the token out of the list of processes.
const tokenVariable = "GRAFANA_TOKEN"

func newQuery(out io.Writer) *cobra.Command {
	q := queryCommand{out: out}
	command := &cobra.Command{
		Use:   "query QUERY",
		Short: "Answers a query as Grafana would get it",
		Long: `Answers a query, given as JSON, from a data folder or from a running Grafana. It
prints the data frames as Grafana gets them, as JSON.`,
		Example: `  storj_monitor query '{"queryType":"reputation","metrics":["audit_score_percent"]}' --from now-7d --to now
  storj_monitor query '{"queryType":"nodes"}' --table
  storj_monitor query '{"queryType":"reputation","format":"table"}' --url http://localhost:3000 --token "$TOKEN"`,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return usageError{errors.New(`one query is wanted, for example '{"queryType":"nodes"}'`)}
			}
			return nil
		},
		RunE: func(c *cobra.Command, arguments []string) error { return q.run(c.Context(), arguments[0]) },
	}
	flags := command.Flags()
	flags.StringVar(&q.from, "from", "now-1h", "start of the time range: RFC 3339, milliseconds, or as in now-6h")
	flags.StringVar(&q.to, "to", "now", "end of the time range")
	flags.Int64Var(&q.maxDataPoints, "max-data-points", 500, "how many points a series may have")
	flags.StringVar(&q.dataDir, "data-dir", "", "the data folder to read, a plugin's or this command's own (default "+shownDataDir+")")
	flags.StringVar(&q.url, "url", "", "a Grafana to ask instead of a data folder")
	flags.StringVar(&q.token, "token", "", "a service account token for --url (default $"+tokenVariable+")")
	flags.StringVar(&q.uid, "datasource-uid", "", "which data source, where there are several")
	flags.BoolVar(&q.table, "table", false, "print tables for people instead of JSON")
	return command
}

func (q queryCommand) run(ctx context.Context, query string) error {
	from, to, err := parseRange(q.from, q.to)
	if err != nil {
		return usageError{err}
	}
	if !json.Valid([]byte(query)) {
		return usageError{fmt.Errorf("the query is not JSON: %s", query)}
	}
	if q.url != "" && q.dataDir != "" {
		return usageError{errors.New("--url and --data-dir are two places: give one of them")}
	}
	if q.url == "" && q.token != "" {
		return usageError{errors.New("--token is for a Grafana: give its address with --url")}
	}
	if q.url != "" && !strings.HasPrefix(q.url, "http://") && !strings.HasPrefix(q.url, "https://") {
		return usageError{fmt.Errorf("--url %s is no address of a Grafana: write it as http://localhost:3000", q.url)}
	}
	if q.maxDataPoints < 1 {
		return usageError{errors.New("--max-data-points must be at least 1")}
	}
	var frames data.Frames
	if q.url != "" {
		frames, err = q.askGrafana(ctx, query, from, to)
	} else {
		frames, err = q.askStore(ctx, query, from, to)
	}
	if err != nil {
		return err
	}
	if q.table {
		return writeTables(q.out, frames)
	}
	encoded, err := json.MarshalIndent(frames, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(q.out, "%s\n", encoded)
	return err
}

func parseRange(from, to string) (start, end time.Time, err error) {
	both := gtime.TimeRange{From: from, To: to, Now: clock()}
	if start, err = both.ParseFrom(); err != nil {
		return start, end, fmt.Errorf("--from %s is no time: write RFC 3339, milliseconds, or as in now-6h", from)
	}
	if end, err = both.ParseTo(); err != nil {
		return start, end, fmt.Errorf("--to %s is no time: write RFC 3339, milliseconds, or now", to)
	}
	if !start.Before(end) {
		return start, end, fmt.Errorf("--from %s is not before --to %s", from, to)
	}
	return start, end, nil
}

func (q queryCommand) askStore(ctx context.Context, query string, from, to time.Time) (frames data.Frames, err error) {
	dir, err := dataDirOr(q.dataDir)
	if err != nil {
		return nil, err
	}
	key, err := chooseKept(dir, q.uid)
	if err != nil {
		return nil, err
	}
	stored, err := fleet.OpenStored(fleet.Options{Dir: dir, Logger: log.NewNullLogger(), Now: clock}, key)
	if err != nil {
		var locked *store.LockedError
		if errors.As(err, &locked) {
			return nil, fmt.Errorf("%w; ask it through Grafana with --url", locked)
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, stored.Close()) }()
	frames, err = stored.Answer(ctx, []byte(query), from, to, q.interval(from, to), q.maxDataPoints)
	for _, frame := range frames {
		frame.RefID = refID
	}
	return frames, err
}

// interval is the step between points that a panel so wide would ask for.
func (q queryCommand) interval(from, to time.Time) time.Duration {
	return max(time.Millisecond, to.Sub(from)/time.Duration(q.maxDataPoints))
}

// chooseKept is the data source with a UID that a data folder holds, or the only one.
func chooseKept(dir, uid string) (fleet.Key, error) {
	keys, err := fleet.Kept(dir)
	if err != nil {
		return fleet.Key{}, err
	}
	var names []string
	var chosen []fleet.Key
	for _, key := range keys {
		names = append(names, key.UID)
		if uid == "" || key.UID == uid {
			chosen = append(chosen, key)
		}
	}
	switch {
	case len(keys) == 0:
		return fleet.Key{}, fmt.Errorf("%s holds no data: watch nodes first, or give another folder with --data-dir", dir)
	case len(chosen) == 0:
		return fleet.Key{}, usageError{fmt.Errorf("%s holds no data source %s; it holds %s", dir, uid, strings.Join(names, ", "))}
	case len(chosen) > 1:
		return fleet.Key{}, usageError{fmt.Errorf("%s holds several data sources: choose one of %s with --datasource-uid", dir, strings.Join(names, ", "))}
	}
	return chosen[0], nil
}

func (q queryCommand) askGrafana(ctx context.Context, query string, from, to time.Time) (data.Frames, error) {
	g := grafana{url: strings.TrimRight(q.url, "/"), token: q.token}
	if g.token == "" {
		g.token = os.Getenv(tokenVariable)
	}
	uid, err := g.dataSource(ctx, q.uid)
	if err != nil {
		return nil, err
	}
	var asked map[string]any
	if err := json.NewDecoder(bytes.NewReader([]byte(query))).Decode(&asked); err != nil {
		return nil, usageError{fmt.Errorf("the query is not a JSON object: %w", err)}
	}
	asked["refId"] = refID
	asked["datasource"] = map[string]string{"uid": uid}
	asked["maxDataPoints"] = q.maxDataPoints
	asked["intervalMs"] = q.interval(from, to).Milliseconds()
	return g.query(ctx, asked, from, to)
}
