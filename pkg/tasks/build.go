package tasks

import "context"

// Build makes dist/: the front end, and the back end for every platform that Grafana runs on.
func Build(ctx context.Context) error {
	if err := installFrontend(ctx); err != nil {
		return err
	}
	if err := buildFrontend(ctx); err != nil {
		return err
	}
	return buildBackend(ctx, platforms...)
}

// Backend compiles the plugin for this machine only.
func Backend(ctx context.Context) error { return buildBackend(ctx, thisPlatform()) }

// Bench runs every benchmark of the Go packages, with memory.
func Bench(ctx context.Context) error {
	return command{name: "benchmarks"}.run(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-timeout", "60m", "./pkg/...")
}
