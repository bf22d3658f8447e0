//go:build !windows

package store

import (
	"os/signal"
	"syscall"
	"time"
)

const (
	canLimitFileSize = true
	writerLimit      = "STORE_TEST_FILE_LIMIT"
)

// limitFileSize makes writes beyond a size fail, as on a full disk.
func limitFileSize(bytes uint64) error {
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes})
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
