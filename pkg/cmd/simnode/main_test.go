package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/simnode"
)

// syncBuffer is a buffer that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestWrongUseSaysWhatIsWrong(t *testing.T) {
	over, end := context.WithCancel(context.Background())
	end() // what is taken by mistake ends at once
	for _, c := range []struct {
		args string
		want string
	}{
		{"", "--log"},
		{"extra --log x", "extra"},
		{"--scenario strange --log x", "failing-audits"},
		{"--history soon --log x", "soon"},
		{"--node name=A,log=x --node name=A,log=y", "two nodes"},
		{"--node name=A,colour=red", "colour=red"},
		{"--seed -1 --log x", "seed"},
		{"--nonsense", "nonsense"},
		{"--log x --version 1.59.0", "1.60"},
		{"--log x --version new", "1.162.3"},
		{"--log x --history -5h", "history"},
		{"--log x --log-history -1s", "log-history"},
		{"--log x --trouble -1m", "trouble"},
		{"--log x --api-delay -1s", "api-delay"},
		{"--log x --speed 0", "above 0"},
		{"--log x --speed -2", "above 0"},
		{"--log x --speed NaN", "finite"},
		{"--log x --rate Inf", "finite"},
		{"--log x --audit-rate NaN", "finite"},
		{"--log x --disk -1", "negative"},
		{"--log x --level loud", "debug"},
		{"--log x --custom-level piecestore", "piecestore=FATAL"},
		{"--log x --format pretty", "docker-json"},
		{"--log x --name a:b", "a:b"},
		{"--listen 14002", "127.0.0.1:14002"},
		{"--listen 127.0.0.1:99999", "65535"},
		{"--node name=A,log=x --node name=B,log=y,speed=0", "above 0"},
		{"--node name=A,log=x --node name=B,log=y,version=1.59.0", `node "B"`},
		{"--node name=A,log=x --node name=B,log=./x", "two nodes write"},
		{"--demo d --log x", "--log"},
		{"--demo d --version 1.59.0", "1.60"},
		{"--demo d --demo-listen 127.0.0.1", "demo-listen"},
		{"--big-log x --version 1.59.0", "1.60"},
		{"--big-log x --lines 0", "--lines"},
	} {
		t.Chdir(t.TempDir())
		var out, err bytes.Buffer
		if code := run(over, strings.Fields(c.args), nil, &out, &err); code != 2 || !strings.Contains(err.String(), c.want) {
			t.Errorf("simnode %s: exit %d, %q; want 2 and a word about %q", c.args, code, err.String(), c.want)
		}
		if written, _ := filepath.Glob("*"); len(written) > 0 || out.Len() > 0 {
			t.Errorf("simnode %s: refused, and yet wrote %q and said %q", c.args, written, out.String())
		}
	}
	var out, err bytes.Buffer
	if code := run(context.Background(), []string{"--help"}, nil, &out, &err); code != 0 || !strings.Contains(err.String(), "flaky-uplink") {
		t.Errorf("--help: exit %d, %q", code, err.String())
	}
}

// ready waits for the empty line behind the last spec and returns the specs.
func ready(t *testing.T, out, errOut *syncBuffer) []string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.HasSuffix(out.String(), "\n\n"); {
		if time.Now().After(deadline) {
			t.Fatalf("the nodes are not ready; output %q %q", out.String(), errOut.String())
		}
		wait := time.NewTimer(10 * time.Millisecond)
		<-wait.C
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func TestASpecOfARelativeLogIsTakenByThePlugin(t *testing.T) {
	t.Chdir(t.TempDir())
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range []string{"A.log", "./A.log", "logs/../A.log", filepath.Join(folder, "A.log")} {
		ctx, interrupt := context.WithCancel(context.Background())
		var out, errOut syncBuffer
		code := make(chan int, 1)
		go func() {
			code <- run(ctx, []string{"--log", log, "--listen", "127.0.0.1:0", "--history", "1h"}, nil, &out, &errOut)
		}()
		specs := ready(t, &out, &errOut)
		interrupt()
		if got := <-code; got != 0 {
			t.Errorf("--log %s: exit %d, %q", log, got, errOut.String())
		}
		node, problem := settings.ParseNode(specs[0])
		if problem != nil {
			t.Errorf("--log %s: the plugin refuses %q: %v", log, specs[0], problem)
			continue
		}
		if want := filepath.Join(folder, "A.log"); len(specs) != 1 || node.Name != "A" || node.Log.Path != want || node.API == "" {
			t.Errorf("--log %s: the plugin reads %q as %+v, want the log %s", log, specs, node, want)
		}
		if info, err := os.Stat(node.Log.Path); err != nil || info.Size() == 0 {
			t.Errorf("--log %s: no log where the spec says: %v", log, err)
		}
	}
}

func TestNodesTakeWhatTheyDoNotSayFromTheFlags(t *testing.T) {
	c, err := parse(strings.Fields("--history 48h --level debug --speed 5 --node name=A,log=a.log,listen=:1 --node name=B,scenario=dead,log=b.log,history=2h,seed=9"), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.nodes) != 2 {
		t.Fatalf("%d nodes", len(c.nodes))
	}
	a, b := c.nodes[0], c.nodes[1]
	if a.History != 48*time.Hour || b.History != 2*time.Hour || a.Speed != 5 || b.Speed != 5 || a.Node.Level != "debug" {
		t.Errorf("A %+v\nB %+v", a, b)
	}
	if b.Node.Scenario != simnode.Dead || b.Node.Seed != 9 || a.Node.Seed != 1 || b.Listen != "" {
		t.Errorf("A %+v\nB %+v", a, b)
	}
}

func TestServesUntilInterrupted(t *testing.T) {
	folder := t.TempDir()
	truthFile := filepath.Join(folder, "truth.json")
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	var out, errOut syncBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{
			"--history", "3h", "--truth", truthFile,
			"--node", "name=A,log=" + folder + "/a.log,listen=127.0.0.1:0",
			"--node", "name=B,scenario=html-instead-of-json,listen=127.0.0.1:0,format=json,log=" + folder + "/b.log",
		}, nil, &out, &errOut)
	}()
	var truths []simnode.Truth
	for deadline := time.Now().Add(30 * time.Second); ; {
		if data, err := os.ReadFile(truthFile); err == nil && json.Unmarshal(data, &truths) == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no truth; output %q %q", out.String(), errOut.String())
		}
		wait := time.NewTimer(10 * time.Millisecond)
		<-wait.C
	}
	specs := strings.Fields(out.String())
	if len(specs) != 2 || !strings.HasPrefix(specs[0], "A:"+folder+"/a.log:http://127.0.0.1:") {
		t.Fatalf("specs %q", specs)
	}
	for i, want := range []string{"application/json", "text/html"} {
		_, url, _ := strings.Cut(specs[i], ".log:")
		answer, err := http.Get(url + "/api/sno/")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("%s answers with %s", specs[i], got)
		}
	}
	interrupt()
	if got := <-code; got != 0 {
		t.Errorf("interrupted: exit %d, %q", got, errOut.String())
	}
	data, err := os.ReadFile(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &truths); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a.log", "b.log"} {
		log, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := int64(bytes.Count(log, []byte("\n"))); got != truths[i].Log.FileLines || got == 0 {
			t.Errorf("%s has %d lines, the truth says %d", name, got, truths[i].Log.FileLines)
		}
	}
}

func TestBigLogToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.log")
	var out, errOut bytes.Buffer
	if code := run(context.Background(), []string{"--big-log", path, "--lines", "5000", "--format", "json"}, nil, &out, &errOut); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(log, []byte("\n")); got != 5000 || log[0] != '{' || !strings.Contains(out.String(), "5000 lines") {
		t.Errorf("%d lines beginning with %q; said %q", got, log[:1], out.String())
	}
	if code := run(context.Background(), []string{"--big-log", filepath.Join(path, "x")}, nil, &out, &errOut); code != 1 {
		t.Errorf("an impossible file: exit %d", code)
	}
}

func TestTheDemosSpecs(t *testing.T) {
	folder := t.TempDir()
	stdin, closing := io.Pipe()
	var out, errOut syncBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(context.Background(), []string{"--demo", folder, "--demo-listen", "127.0.0.1:0", "--advertise", "nodes", "--history", "2h", "--until-stdin-closes"}, stdin, &out, &errOut)
	}()
	specs := ready(t, &out, &errOut)
	ports := map[string]bool{}
	for _, spec := range specs {
		_, port, ok := strings.Cut(spec, ":http://nodes:")
		if !ok || port == "0" || ports[port] || !strings.Contains(spec, folder) {
			t.Errorf("spec %q", spec)
		}
		ports[port] = true
	}
	if len(specs) != 5 {
		t.Errorf("%d nodes: %q", len(specs), specs)
	}
	_ = closing.Close()
	if got := <-code; got != 0 {
		t.Errorf("it ends with %d: %s", got, errOut.String())
	}
}
