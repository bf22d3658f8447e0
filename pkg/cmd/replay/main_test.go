package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/settings"
)

func TestNodesServeUntilStdinCloses(t *testing.T) {
	stdin, closeStdin := io.Pipe()
	stdout, output := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(t.Context(), []string{"--until-stdin-closes"}, stdin, output)
		output.Close()
		ended <- err
	}()
	names := map[string]bool{}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "" {
		node, err := settings.ParseNode(lines.Text())
		if err != nil {
			t.Fatalf("it printed a spec that is none: %v", err)
		}
		names[node.Name] = true
		answer, err := http.Get(node.API + "/api/sno/")
		if err != nil {
			t.Fatal(err)
		}
		var status struct{ NodeID string }
		if err := json.NewDecoder(answer.Body).Decode(&status); err != nil || status.NodeID == "" {
			t.Errorf("%s answers no node id: %v", node.Name, err)
		}
		answer.Body.Close()
	}
	for _, want := range []string{"Healthy", "Healthy 2", "Disqualified", "Never contacted satellites"} {
		if !names[want] {
			t.Errorf("no node %q among %v", want, names)
		}
	}
	closeStdin.Close()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestWrongUse(t *testing.T) {
	for args, want := range map[string]string{
		"--listen localhost":       "127.0.0.1:0",
		"--listen 127.0.0.1:http!": "not a number",
		"--listen 256.0.0.1:0":     "serve node",
	} {
		err := run(t.Context(), strings.Fields(args), strings.NewReader(""), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", args, err, want)
		}
	}
}
