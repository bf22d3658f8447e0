//go:build !linux

package pluginhost

import "os/exec"

// endWithParent does nothing here: only Linux can tie a process's life to its parent's.
func endWithParent(*exec.Cmd) {}
