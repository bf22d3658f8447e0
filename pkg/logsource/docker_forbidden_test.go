//go:build !windows

package logsource

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDockerSocketThatIsForbidden(t *testing.T) {
	if !asNobody(t) {
		return
	}
	folder, err := os.MkdirTemp("", "docker")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "docker.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err = DockerContainers(t.Context(), "unix://"+path)
	var trouble *Trouble
	if !errors.As(err, &trouble) || trouble.Kind != Forbidden || !strings.Contains(trouble.Reason, "user ") || !strings.Contains(trouble.Mend, "docker-socket-proxy") {
		t.Errorf("error %v", err)
	}
}
