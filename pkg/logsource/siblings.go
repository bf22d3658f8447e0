package logsource

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// candidate is a file that may hold what was rotated away from a log.
type candidate struct {
	path string
	info fs.FileInfo
	zip  bool // by its name
	// It does not have the name of a rotated file, but a known text was in it.
	known bool
}

// candidates are the rotated files of a log in its folders, the oldest first.
func candidates(logs []string) []candidate {
	var found []candidate
	seen := map[string]bool{}
	for _, log := range logs {
		folder, base := filepath.Split(log)
		entries, _ := os.ReadDir(filepath.Clean(folder)) // none: the log itself says what is wrong
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			if !isRotated(base, entry.Name()) || seen[path] {
				continue
			}
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			seen[path] = true
			found = append(found, candidate{path: path, info: info, zip: strings.HasSuffix(path, ".gz")})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(
			a.info.ModTime().Compare(b.info.ModTime()),
			cmp.Compare(rotation(b.path), rotation(a.path)),
			strings.Compare(a.path, b.path),
		)
	})
	return found
}

// isRotated says whether a file is what a rotation makes of a log called base: base.1,
// base-20261122, base.2026-11-22T10, base.old, or with the date before its extension, each
// also with .gz. A number before the extension is none: node-2.log is another node's.
func isRotated(base, name string) bool {
	if base == "" || name == base {
		return false
	}
	name = strings.TrimSuffix(name, ".gz")
	if rest, ok := strings.CutPrefix(name, base); ok {
		return rest == "" || rest == ".old" || isNumber(rest) || isDate(rest)
	}
	extension := filepath.Ext(base)
	stem := strings.TrimSuffix(base, extension)
	if extension == "" || stem == "" {
		return false
	}
	rest, ok := strings.CutPrefix(name, stem)
	if !ok {
		return false
	}
	rest, ok = strings.CutSuffix(rest, extension)
	return ok && isDate(rest)
}

// isNumber says whether it is a dot and a number, as .1 is.
func isNumber(s string) bool {
	if len(s) < 2 || s[0] != '.' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// isDate says whether it is a separator and a date, whatever its form.
func isDate(s string) bool {
	if len(s) < 7 || !strings.ContainsRune("-._", rune(s[0])) {
		return false
	}
	digits := 0
	for _, c := range s[1:] {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case strings.ContainsRune("-._:+TZ", c):
		default:
			return false
		}
	}
	return digits >= 6
}

// rotation is the number of a rotated file: the higher, the older.
func rotation(path string) int {
	name := strings.TrimSuffix(path, ".gz")
	n, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(name), "."))
	if err != nil || n > 1e6 { // a date
		return 0
	}
	return n
}

// fileStamp is how a file was when it was looked at last.
type fileStamp struct {
	info     fs.FileInfo
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) fileStamp {
	return fileStamp{info, info.Size(), info.ModTime()}
}

// still says whether a file is as it was.
func (s fileStamp) still(info fs.FileInfo) bool {
	return s.info != nil && s.size == info.Size() && s.modified.Equal(info.ModTime()) && os.SameFile(s.info, info)
}
