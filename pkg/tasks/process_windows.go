package tasks

import "os/exec"

// ownGroup does nothing on Windows, where killing the command itself has to do.
func ownGroup(*exec.Cmd) {}

func terminateGroup(cmd *exec.Cmd) error { return killGroup(cmd) }

func killGroup(cmd *exec.Cmd) error {
	if cmd.Process == nil {
		return nil
	}
	return cmd.Process.Kill()
}
