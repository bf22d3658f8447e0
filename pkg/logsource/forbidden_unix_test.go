//go:build !windows

package logsource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is the user that permission tests run as where they would run as root,
// for whom every file is open.
const nobody = 65534

// asNobody runs the test again in a process without rights, if this one has all.
// It answers true in the process that is to do the testing.
func asNobody(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		return true
	}
	dir, err := os.MkdirTemp("", "as-nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for part := dir; part != filepath.Dir(part); part = filepath.Dir(part) {
		if info, err := os.Stat(part); err == nil && info.Mode()&0o001 == 0 && part != dir {
			t.Skipf("%s is closed to others", part)
		}
	}
	program := filepath.Join(dir, "test")
	if err := errors.Join(os.Chmod(dir, 0o755), copyFile("/proc/self/exe", program)); err != nil {
		t.Skipf("the test cannot be run as another user: %v", err)
	}
	home := filepath.Join(dir, "tmp")
	if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	again := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v")
	again.Dir = home
	again.Env = []string{"TMPDIR=" + home}
	again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	output, err := again.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("as user %d: %v\n%s", nobody, err, output)
	case !strings.Contains(string(output), "--- PASS: "+t.Name()):
		t.Errorf("as user %d it did not run:\n%s", nobody, output)
	}
	return false
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close(), os.Chmod(to, 0o755))
}

func TestInspectSaysWhoMayNotReadWhat(t *testing.T) {
	if !asNobody(t) {
		return
	}
	dir := t.TempDir()
	closedFile := filepath.Join(dir, "it's closed.log")
	closedFolder := filepath.Join(dir, "private")
	behind := filepath.Join(closedFolder, "deep", "node.log")
	link := filepath.Join(dir, "link.log")
	err := errors.Join(
		os.WriteFile(closedFile, []byte("x\n"), 0o200),
		os.MkdirAll(filepath.Dir(behind), 0o700),
		os.WriteFile(behind, []byte("x\n"), 0o600),
		os.Symlink("private/deep/node.log", link),
		os.Chmod(closedFolder, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(closedFolder, 0o700) }()
	uid := os.Getuid()
	us := account(uid)
	cases := []struct{ name, path, reason, mend string }{
		{
			"the file", closedFile,
			fmt.Sprintf("%s may not be read by this process (user %s): the file %s belongs to user %s and has mode 0200", closedFile, us, closedFile, us),
			fmt.Sprintf(`run: sudo setfacl -m u:%d:r '%s/it'\''s closed.log' (or: sudo chmod o+r '%s/it'\''s closed.log')`, uid, dir, dir),
		},
		{
			"a folder on the way", behind,
			fmt.Sprintf("%s may not be read by this process (user %s): the folder %s belongs to user %s and has mode 0600", behind, us, closedFolder, us),
			fmt.Sprintf("run: sudo setfacl -m u:%d:x '%s' (or: sudo chmod o+x '%s')", uid, closedFolder, closedFolder),
		},
		{
			"a folder on the way of a link", link,
			fmt.Sprintf("%s may not be read by this process (user %s): the folder %s belongs to user %s and has mode 0600", link, us, closedFolder, us),
			fmt.Sprintf("run: sudo setfacl -m u:%d:x '%s' (or: sudo chmod o+x '%s')", uid, closedFolder, closedFolder),
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Inspect(c.path)
			var trouble *Trouble
			if !errors.As(err, &trouble) {
				t.Fatalf("error %v", err)
			}
			if trouble.Kind != Forbidden || !errors.Is(err, fs.ErrPermission) {
				t.Errorf("kind %d, cause %v", trouble.Kind, trouble.Err)
			}
			if trouble.Reason != c.reason {
				t.Errorf("reason\n%s\nwant\n%s", trouble.Reason, c.reason)
			}
			if trouble.Mend != c.mend {
				t.Errorf("mend\n%s\nwant\n%s", trouble.Mend, c.mend)
			}
		})
	}
}

// fakeInfo is a part of a path that is there.
type fakeInfo string

func (i fakeInfo) Name() string     { return path.Base(string(i)) }
func (fakeInfo) Size() int64        { return 0 }
func (fakeInfo) Mode() fs.FileMode  { return 0 }
func (fakeInfo) ModTime() time.Time { return time.Time{} }
func (fakeInfo) IsDir() bool        { return false }
func (fakeInfo) Sys() any           { return nil }

func TestClosedPart(t *testing.T) {
	cases := []struct {
		name  string
		path  string
		open  []string          // what can be asked for, apart from its own content
		links map[string]string // where links lead
		want  string
	}{
		{"the file itself", "/var/log/node.log", []string{"/", "/var", "/var/log", "/var/log/node.log"}, nil, "/var/log/node.log"},
		{"its folder", "/var/log/node.log", []string{"/", "/var", "/var/log"}, nil, "/var/log"},
		{"a folder far above", "/a/b/c/node.log", []string{"/", "/a"}, nil, "/a"},
		{"an unclean path", "/a/../a/./b/node.log", []string{"/", "/a", "/a/b"}, nil, "/a/b"},
		{"behind a link", "/var/log/node.log", []string{"/", "/var", "/var/log", "/srv", "/srv/private"}, map[string]string{"/var/log/node.log": "/srv/private/node.log"}, "/srv/private"},
		{"behind a relative link", "/var/log/node.log", []string{"/", "/var", "/var/log", "/var/private"}, map[string]string{"/var/log/node.log": "../private/node.log"}, "/var/private"},
		{"behind a link to a folder", "/logs/node.log", []string{"/", "/logs", "/srv"}, map[string]string{"/logs/node.log": "/more/node.log", "/more": "/srv/closed/x"}, "/srv"},
		{"a link to itself", "/a/loop/node.log", []string{"/", "/a"}, map[string]string{"/a/loop": "/a/loop"}, "/a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			stat := func(name string) (os.FileInfo, error) {
				for _, open := range c.open {
					if open == name {
						return fakeInfo(name), nil
					}
				}
				return nil, fs.ErrPermission
			}
			readlink := func(name string) (string, error) {
				if target, ok := c.links[name]; ok {
					return target, nil
				}
				return "", fs.ErrPermission
			}
			got, info := closedPart(c.path, maxLinks, stat, readlink)
			if got != c.want || info != fakeInfo(c.want) {
				t.Errorf("%s (%v), want %s", got, info, c.want)
			}
		})
	}
}

func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{
		"/var/log/node.log": "'/var/log/node.log'",
		"/a b/$HOME/`x`":    "'/a b/$HOME/`x`'",
		"/it's":             `'/it'\''s'`,
	} {
		if got := quoted(path); got != want {
			t.Errorf("%s becomes %s", path, got)
		}
	}
}
