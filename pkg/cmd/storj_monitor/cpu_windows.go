package main

import (
	"syscall"
	"time"
)

// cpuTime is what this process has computed so far, 0 where the system does not tell.
func cpuTime() time.Duration {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0
	}
	var created, ended, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(process, &created, &ended, &kernel, &user) != nil {
		return 0
	}
	spent := func(t syscall.Filetime) time.Duration {
		const unit = 100 * time.Nanosecond
		return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * unit
	}
	return spent(kernel) + spent(user)
}
