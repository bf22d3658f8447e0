//go:build !windows

package main

import (
	"syscall"
	"time"
)

// cpuTime is what this process has computed so far, 0 where the system does not tell.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
