package pluginhost

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the plugin when this process dies without having stopped it.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
