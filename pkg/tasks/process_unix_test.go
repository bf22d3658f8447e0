//go:build unix

package tasks

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestCommandStopsWithAllThatItStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines := make(chan string, 10)
	ended := make(chan error, 1)
	go func() {
		// The child of the shell holds the pipe open: only the whole group's end closes it.
		ended <- command{out: lineWriter(lines)}.run(ctx, "sh", "-c", "sleep 600 & echo child $!; wait")
	}()
	child := strings.TrimPrefix(strings.TrimSpace(<-lines), "child ")
	pid, err := strconv.Atoi(child)
	if err != nil {
		t.Fatalf("no child: %v", err)
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("ended with %v", err)
	}
	eventually(t, "the child is gone", func() bool { return !processRuns(pid) })
}

type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) { w <- string(p); return len(p), nil }

// processRuns reports whether a process is there and not merely waiting to be reaped by a parent that has gone.
func processRuns(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // no /proc here: the signal has to do
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
