package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

func newStore(out io.Writer) *cobra.Command {
	parent := &cobra.Command{
		Use:   "store",
		Short: "Looks into stored histories",
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return usageError{errors.New("a command is wanted: check")}
			}
			return usageError{fmt.Errorf("unknown command %q; there is check", arguments[0])}
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // never reached
	}
	parent.AddCommand(&cobra.Command{
		Use:   "check PATH",
		Short: "Verifies a store's file and says what it holds",
		Long: `Verifies a store's file, a backup, or every store of a data folder, and says what
it holds. It changes nothing, and ends with 1 if anything is damaged. The file of a
running plugin may end in what is just being written: check a backup instead.`,
		Example: `  storj_monitor store check storagenode-monitor-20261101T000000Z.db
  storj_monitor store check /var/lib/grafana/storagenode-monitor-datasource`,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) != 1 {
				return usageError{errors.New("one path is wanted: a store's file, a backup, or a data folder")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, arguments []string) error { return checkStores(out, arguments[0]) },
	})
	return parent
}

func checkStores(out io.Writer, path string) error {
	files, err := storeFiles(path)
	if err != nil {
		return err
	}
	damaged := false
	for i, file := range files {
		if i > 0 {
			fmt.Fprintln(out)
		}
		contents, err := store.ReadContents(file)
		if err != nil {
			fmt.Fprintf(out, "%s\n  ✖ %v\n", file, err)
			damaged = true
			continue
		}
		well, err := describe(out, file, contents)
		if err != nil {
			return err
		}
		damaged = damaged || !well
	}
	if damaged {
		return errQuiet
	}
	return nil
}

// storeFiles are the stores' files at a path: itself, or those in a folder.
func storeFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	for _, pattern := range []string{store.FileName, filepath.Join("*", store.FileName)} {
		found, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no %s: give a data folder, or a store's file", path, store.FileName)
	}
	return files, nil
}

func describe(out io.Writer, file string, c store.Contents) (well bool, err error) {
	var samples, bytes int64
	for _, t := range c.Tiers {
		samples += t.Samples + t.Histograms
		bytes += t.Bytes
	}
	fmt.Fprintf(out, "%s\n  format %s, %d bytes\n", file, orNone(c.Format), c.Bytes)
	fmt.Fprintf(out, "  %d series, %d samples in %d chunks%s\n", c.Series, samples, c.Chunks, each(bytes, samples))
	fmt.Fprintf(out, "  %d samples in %d commits not sealed yet, %d sealed events, %d documents\n", c.Unsealed, c.Commits, c.Events, c.Documents)
	if len(c.Tiers) > 0 {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "  family\ttier\tseries\tsamples\tbytes\tbytes/sample\tfrom\tto")
		for _, t := range c.Tiers {
			n := t.Samples + t.Histograms
			ratio := "–"
			if n > 0 {
				ratio = fmt.Sprintf("%.2f", float64(t.Bytes)/float64(n))
			}
			fmt.Fprintf(table, "  %s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", t.Family, tierName(t.Step), t.Series, n, t.Bytes, ratio, shownTime(t.First), shownTime(t.Last))
		}
		if err := table.Flush(); err != nil {
			return false, err
		}
	}
	if c.Damaged > 0 {
		fmt.Fprintf(out, "  ✖ %d bytes cannot be read\n", c.Damaged)
	}
	for _, key := range c.Bad {
		fmt.Fprintf(out, "  ✖ the value of %q is damaged\n", key)
	}
	switch why := c.Unfit(); {
	case why == "":
		fmt.Fprintln(out, "  ✔ no damage")
		return true, nil
	case c.Foreign:
		fmt.Fprintf(out, "  ✖ %s\n", why)
	case c.Format == "":
		fmt.Fprintln(out, "  ✖ its end is missing, where the format is named")
		fmt.Fprintln(out, "    → a backup: its download broke off, and it cannot be restored: take it again; the plugin's own file: restore a backup, or go on with what can be read, which the plugin does by itself")
	default:
		fmt.Fprintln(out, "    → a backup: it cannot be restored, take another one; the plugin's own file: the plugin leaves out what is damaged when it opens it, and keeps the original; restore a backup to have it back")
	}
	return false, nil
}

func orNone(format string) string {
	if format == "" {
		return "none"
	}
	return format
}

func each(bytes, samples int64) string {
	if samples == 0 {
		return ""
	}
	return fmt.Sprintf(", %.2f bytes each", float64(bytes)/float64(samples))
}

func tierName(step time.Duration) string {
	switch {
	case step == 0:
		return "as recorded"
	case step%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", step/(24*time.Hour))
	case step%time.Hour == 0:
		return fmt.Sprintf("%d h", step/time.Hour)
	}
	return step.String()
}

func shownTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
