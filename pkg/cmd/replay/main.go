// Command replay serves the recorded answers of real storage nodes, one HTTP server for each recorded node, so that the
// demo has nodes to look at. It prints each node's spec on a line of its own and an empty line when all are ready, and
// serves until it is interrupted.
//
// It is one of the programs that can stand behind `go tool mage demo` and the compose file's `nodes` service: whatever
// prints specs, an empty line, and goes on serving can take its place.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/replay"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "replay:", err)
		}
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address of the first node; the next ones take the following ports, or free ones after port 0")
	advertise := flags.String("advertise", "", "host name to print in the specs (default: the listening address)")
	untilEOF := flags.Bool("until-stdin-closes", false, "end when standard input ends: whoever started this and dies takes it along")
	if err := flags.Parse(args); err != nil {
		return err
	}
	host, portText, err := net.SplitHostPort(*listen)
	if err != nil {
		return fmt.Errorf("--listen %q: %w; write it as 127.0.0.1:0", *listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("--listen %q: the port is not a number", *listen)
	}
	if *advertise == "" {
		*advertise = host
	}
	if *untilEOF {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go func() { _, _ = io.Copy(io.Discard, in); cancel() }()
	}

	failed := make(chan error, 1)
	for i, node := range nodes() {
		address := net.JoinHostPort(host, strconv.Itoa(port))
		if port != 0 {
			address = net.JoinHostPort(host, strconv.Itoa(port+i))
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("serve node %s: %w", node.name, err)
		}
		server := &http.Server{Handler: node.handler, ReadHeaderTimeout: 10 * time.Second}
		defer server.Close()
		go func() { failed <- server.Serve(listener) }()
		at := net.JoinHostPort(*advertise, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
		if _, err := fmt.Fprintf(out, "%s::http://%s\n", node.name, at); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

type node struct {
	name    string
	handler http.Handler
}

// nodes gives every recording a name that says what to see: "04-disqualified" is the node "Disqualified", and a second
// node in the same state is numbered.
func nodes() []node {
	seen := map[string]int{}
	var all []node
	for _, state := range replay.States() {
		_, words, _ := strings.Cut(state.Name, "-")
		words = strings.ReplaceAll(words, "-", " ")
		name := strings.ToUpper(words[:1]) + words[1:]
		if seen[name]++; seen[name] > 1 {
			name += " " + strconv.Itoa(seen[name])
		}
		all = append(all, node{name: name, handler: replay.Handler(state.FS)})
	}
	return all
}
