//go:build mage

// The tasks of this project. Run one as `go tool mage <task>`; on a machine that has Go and Node it brings the rest.
// The plugin's binaries carry the build information and the list of sources of grafana-plugin-sdk-go/build, as Grafana and its
// plugin validator expect of them.
package main

import (
	"context"
	"os"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/tasks"
)

// Demo shows storage nodes, those in the variable NODES and simulated ones, in Grafana or, without one, in the terminal.
func Demo(ctx context.Context) error { return tasks.Demo(ctx) }

// Test runs every check and ends with their numbers.
func Test(ctx context.Context) {
	if !tasks.Test(ctx) {
		os.Exit(1) // without a word from mage after the last line
	}
}

// Build makes dist/: the front end, and the back end for every platform that Grafana runs on.
func Build(ctx context.Context) error { return tasks.Build(ctx) }

// Backend compiles the plugin for this machine only.
func Backend(ctx context.Context) error { return tasks.Backend(ctx) }

// Package makes the zip that is unpacked into a Grafana's plugin folder.
func Package(ctx context.Context) error { return tasks.Package(ctx) }

// E2E runs the browser tests in a Grafana.
func E2E(ctx context.Context) error { return tasks.E2E(ctx) }

// Alerts lets the alert rules fire and resolve in a Grafana.
func Alerts(ctx context.Context) error { return tasks.Alerts(ctx) }

// Bench runs the benchmarks.
func Bench(ctx context.Context) error { return tasks.Bench(ctx) }

// Dev builds both ends again whenever their files change.
func Dev(ctx context.Context) error { return tasks.Dev(ctx) }
