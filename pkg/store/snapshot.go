package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tidwall/buntdb"
)

// snapshot is every key and value at one moment, the format last: so a copy that
// breaks off has none, and is not taken for a whole one. BuntDB's strings do not change,
// so that only the taking of it holds a lock.
func (s *Store) snapshot() (keys, values []string, err error) {
	format := ""
	err = s.view(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			if key == formatKey {
				format = value
				return true
			}
			keys, values = append(keys, key), append(values, value)
			return true
		})
	})
	if format != "" {
		keys, values = append(keys, formatKey), append(values, format)
	}
	return keys, values, err
}

// writeCommands writes keys and values as BuntDB's file has them.
func writeCommands(w io.Writer, keys, values []string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	for i, key := range keys {
		out.WriteString(setCommand)
		for n, part := range []string{key, values[i]} {
			if n > 0 {
				out.WriteByte('$')
			}
			out.WriteString(strconv.Itoa(len(part)))
			out.WriteString("\r\n")
			out.WriteString(part)
			if _, err := out.WriteString("\r\n"); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// Backup writes a consistent copy of everything that was recorded up to now, in
// the form of the store's own file. Collection goes on meanwhile.
func (s *Store) Backup(w io.Writer) error {
	if err := s.Flush(); err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	// Between the two transactions of a sealing a copy would be whole too, but why.
	s.writing.Lock()
	keys, values, err := s.snapshot()
	s.writing.Unlock()
	if err == nil {
		err = writeCommands(w, keys, values)
	}
	if err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	return nil
}

// Restore puts a backup in the place of a folder's store. It refuses a backup that
// is damaged, and a folder that a process holds; what was there is kept, under the
// name that it answers ("" if there was nothing).
func Restore(backup, dir string, now time.Time) (kept string, err error) {
	content, err := os.ReadFile(backup)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	contents, err := contentsOf(backup, content)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	if why := contents.Unfit(); why != "" {
		return "", fmt.Errorf("restore: %s is not a whole backup: %s", backup, why)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	lock, err := lockFolder(dir, now)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	path := filepath.Join(dir, FileName)
	switch _, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("restore: %w", err)
	default:
		kept = path + ".before-restore-" + now.UTC().Format("20060102T150405.000")
		if err := linked(path, kept); err != nil {
			return "", fmt.Errorf("restore: keep the store that is there: %w", err)
		}
	}
	if err := ReplaceFile(path, content); err != nil {
		return kept, fmt.Errorf("restore: %w", err)
	}
	return kept, nil
}
