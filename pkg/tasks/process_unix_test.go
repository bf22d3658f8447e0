//go:build unix

package tasks

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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

// A Grafana that ended while it started again is stopped by who started it, and once more when all is cleaned up.
func TestAGrafanaIsStoppedTwice(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // for the log that is kept
	ends, err := exec.LookPath("false")
	if err != nil {
		t.Skip(err)
	}
	g := &runningGrafana{found: &grafana{home: t.TempDir(), binary: ends}, log: filepath.Join(t.TempDir(), "grafana.log"), address: "http://127.0.0.1:1"}
	if err := g.launch(t.Context()); err == nil || !strings.Contains(err.Error(), "ended while it started") {
		t.Errorf("ended with %v", err)
	}
	stopped := make(chan struct{})
	go func() { g.stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(time.Minute):
		t.Error("it waits for a process that has ended")
	}
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
