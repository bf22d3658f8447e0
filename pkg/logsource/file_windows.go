package logsource

import (
	"io/fs"
	"os"
	"syscall"
)

// openLog opens a file to read it, so that others may go on writing, renaming and
// deleting it: a rotation is never blocked by being watched.
func openLog(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ,
		syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE,
		nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// fileID is what the system knows a file by, and how many names it has: Windows says
// neither for a name alone.
func fileID(fs.FileInfo) (device, inode uint64, names int) { return 0, 0, 1 }
