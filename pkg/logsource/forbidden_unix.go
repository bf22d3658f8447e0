//go:build !windows

package logsource

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// forbidden names who we are, whose the file is, and the command that mends it.
// Where a folder on the way is closed, it is that folder.
func forbidden(path string, cause error) *Trouble {
	t := &Trouble{Kind: Forbidden, Path: path, Err: cause}
	closed, info := firstClosed(path)
	us := fmt.Sprintf("user %s", account(os.Getuid()))
	if info == nil {
		t.Reason = fmt.Sprintf("%s may not be read by this process (%s)", path, us)
		t.Mend = "let this user read it"
		return t
	}
	kind, right := "file", "r"
	if info.IsDir() {
		kind, right = "folder", "x"
	}
	owner := "someone else"
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = account(int(stat.Uid))
	}
	t.Reason = fmt.Sprintf("%s may not be read by this process (%s): the %s %s belongs to user %s and has mode %04o", path, us, kind, closed, owner, info.Mode().Perm())
	t.Mend = fmt.Sprintf("run: sudo setfacl -m u:%d:%s %s (or: sudo chmod o+%s %s)", os.Getuid(), right, quoted(closed), right, quoted(closed))
	return t
}

// firstClosed is the first part of the path that this process may not pass. Where
// a link on the way leads behind a closed folder, it is that folder.
func firstClosed(path string) (string, os.FileInfo) {
	return closedPart(path, maxLinks, os.Stat, os.Readlink)
}

// maxLinks is how many links are followed, as in Linux.
const maxLinks = 40

// closedPart is firstClosed with the questions to the file system as arguments.
func closedPart(path string, links int, stat func(string) (os.FileInfo, error), readlink func(string) (string, error)) (string, os.FileInfo) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path, nil
	}
	parts := strings.Split(absolute, string(filepath.Separator))
	last, lastInfo := path, os.FileInfo(nil)
	for i := 1; i <= len(parts); i++ {
		part := strings.Join(parts[:i], string(filepath.Separator))
		if part == "" {
			part = string(filepath.Separator)
		}
		info, err := stat(part)
		if err != nil {
			// Either a link that leads through a closed folder, or the folder
			// before it does not let us through.
			if target, err := readlink(part); err == nil && links > 0 {
				if !filepath.IsAbs(target) {
					target = filepath.Join(filepath.Dir(part), target)
				}
				return closedPart(target, links-1, stat, readlink)
			}
			return last, lastInfo
		}
		last, lastInfo = part, info
	}
	return last, lastInfo
}

func account(uid int) string {
	number := strconv.Itoa(uid)
	if found, err := user.LookupId(number); err == nil && found.Username != number {
		return number + " (" + found.Username + ")"
	}
	return number
}

// quoted is the path as a shell takes it.
func quoted(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
