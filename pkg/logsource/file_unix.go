//go:build !windows

package logsource

import (
	"io/fs"
	"os"
	"syscall"
)

// openLog opens a file to read it. It does not wait for the other end of a pipe.
func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// fileID is what the system knows a file by, and how many names it has.
func fileID(info fs.FileInfo) (device, inode uint64, names int) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Dev), uint64(stat.Ino), int(stat.Nlink) //nolint:unconvert // other types elsewhere
	}
	return 0, 0, 1
}
