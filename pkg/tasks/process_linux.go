package tasks

import (
	"os/exec"
	"syscall"
)

// dieWithParent lets the kernel end the command when this process dies without having stopped it.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM }
