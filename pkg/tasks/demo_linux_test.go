package tasks

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestDemoLeavesNothing runs the demo as an operator does, ends it as they do, and looks for what is left.
func TestDemoLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the plugin")
	}
	for name, end := range map[string]func(pid int) error{
		// A terminal sends a Ctrl-C to all processes in the foreground at once.
		"Ctrl-C": func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) },
		// A supervisor, or a closed shell, may end the first one only.
		"the first process is killed": func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			// It may have to compile everything, on a machine that is busy: how long that takes says nothing of the demo.
			deadline := time.Now().Add(10 * time.Minute)
			if last, limited := t.Deadline(); limited {
				deadline = last.Add(-time.Minute)
			}
			temp := t.TempDir()
			cmd := exec.Command("go", "tool", "mage", "demo")
			cmd.Dir = filepath.Join("..", "..")
			cmd.Env = append(os.Environ(), "TMPDIR="+temp, "DEMO_IN=terminal", "NODES=")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			var said syncBuffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // for a test that failed
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			waitFor(t, deadline, "the demo shows its nodes", &said, func() bool {
				select {
				case <-ended:
					t.Fatalf("the demo ended by itself:\n%s", said.String())
				default:
				}
				return strings.Contains(said.String(), "● healthy")
			})

			if err := end(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			<-ended
			waitFor(t, time.Now().Add(10*time.Second), "every process has ended", &said, func() bool { return len(processesWith(temp)) == 0 })
			if strings.Contains(said.String(), "cleanup timeout exceeded") {
				t.Error("cleaning up took longer than mage allows")
			}
			left, err := filepath.Glob(filepath.Join(temp, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range left {
				if !strings.HasPrefix(filepath.Base(file), "go-build") { // Go's own, where it was killed
					t.Errorf("left behind: %s", file)
				}
			}
		})
	}
}

// processesWith are the processes in whose environment a text stands.
func processesWith(text string) []string {
	var found []string
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environments {
		environment, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(environment, []byte(text)) {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
	}
	return found
}

func waitFor(t *testing.T, deadline time.Time, what string, said *syncBuffer, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s; it said:\n%s", what, said.String())
		}
		<-tick.C
	}
}

// syncBuffer is a buffer that one goroutine fills while another reads it.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
