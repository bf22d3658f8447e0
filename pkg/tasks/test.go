package tasks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Test runs every check there is, goes on after a failure, and reports whether all passed. It needs Go, Node and
// nothing else; what needs more (a Grafana, a browser, the vulnerability database) is skipped with the reason.
func Test(ctx context.Context) bool {
	s := &steps{out: os.Stdout}
	s.run(ctx, "gofmt", gofmt)
	s.run(ctx, "go vet", func(ctx context.Context) error {
		return errors.Join(
			command{}.run(ctx, "go", "vet", "./pkg/..."),
			command{}.run(ctx, "go", "vet", "-tags", "mage", "."))
	})
	s.run(ctx, "staticcheck", func(ctx context.Context) error {
		return errors.Join(
			command{name: "staticcheck"}.run(ctx, "go", "tool", "staticcheck", "./pkg/..."),
			command{name: "staticcheck"}.run(ctx, "go", "tool", "staticcheck", "-tags", "mage", "."))
	})
	s.run(ctx, "Go tests, with the race detector and the compiled plugin over gRPC", goTests)
	s.run(ctx, "plugin.json against Grafana's schema", func(ctx context.Context) error {
		return command{name: "schema test"}.run(ctx, "go", "test", "-run", "^TestPluginJSON", "-v", "./pkg/tasks")
	})
	s.run(ctx, "govulncheck", govulncheck)
	s.run(ctx, "docker compose config", composeConfig)

	frontend := []struct {
		name string
		do   func(context.Context) error
	}{
		{"TypeScript type check", func(ctx context.Context) error { return npm(ctx, "run", "typecheck") }},
		{"ESLint", func(ctx context.Context) error { return npm(ctx, "run", "lint") }},
		{"front-end tests", func(ctx context.Context) error { return npm(ctx, "run", "test:ci") }},
	}
	const build, bundle, browser, alerts = "front-end build", "bundle check", "browser tests", "alerts in Grafana"
	installed := s.run(ctx, "npm packages", installFrontend)
	built := false
	if installed {
		for _, step := range frontend {
			s.run(ctx, step.name, step.do)
		}
		built = s.run(ctx, build, buildFrontend)
	} else {
		for _, step := range frontend {
			s.skip(step.name, "the npm packages are not installed")
		}
		s.skip(build, "the npm packages are not installed")
	}
	if built {
		s.run(ctx, bundle, func(ctx context.Context) error { return npm(ctx, "run", "check:bundle") })
		s.run(ctx, browser, browserTests)
		s.run(ctx, alerts, alertTests)
	} else {
		s.skip(bundle, "there is no front end to look at")
		s.skip(browser, "there is no front end to look at")
		s.skip(alerts, "there is no front end to look at")
	}
	return s.summary()
}

// gofmt fails when a Go file is not formatted, and names it.
func gofmt(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "gofmt", "-l", "Magefile.go", "pkg").CombinedOutput()
	if err != nil {
		return fmt.Errorf("gofmt: %w\n%s", err, out)
	}
	if files := strings.Fields(string(out)); len(files) > 0 {
		return fmt.Errorf("not formatted (run gofmt -w): %s", strings.Join(files, ", "))
	}
	return nil
}

// goTests uses the race detector, which needs a C compiler; without one it tests without it, and says so.
func goTests(ctx context.Context) error {
	// Some tests compile the plugin in a process of their own: Go's cache would not see that it changed.
	args := []string{"test", "-count=1", "-timeout", "15m"}
	if why := noRaceDetector(ctx); why == "" {
		args = append(args, "-race")
	} else {
		fmt.Printf("  without the race detector: %s\n", why)
	}
	return command{name: "go test"}.run(ctx, "go", append(args, "./pkg/...")...)
}

func noRaceDetector(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED", "CC").Output()
	settings := strings.Fields(string(out))
	if err != nil || len(settings) < 2 {
		return "go env does not say whether there is a C compiler"
	}
	if settings[0] != "1" {
		return "CGO_ENABLED is 0"
	}
	if _, err := exec.LookPath(settings[1]); err != nil {
		return "no C compiler (" + settings[1] + ") is installed"
	}
	return ""
}

// govulncheck fails for a known vulnerability that the code can reach.
func govulncheck(ctx context.Context) error {
	var said bytes.Buffer
	err := command{name: "govulncheck", keep: &said}.run(ctx, "go", "tool", "govulncheck", "./pkg/...")
	if err != nil && databaseUnreachable(said.String()) {
		return skipped("the vulnerability database cannot be reached")
	}
	return err
}

// composeConfig lets Docker read docker-compose.yaml, which needs no engine.
func composeConfig(ctx context.Context) error {
	if exec.CommandContext(ctx, "docker", "compose", "version").Run() != nil {
		return skipped("docker compose is not installed")
	}
	return command{}.run(ctx, "docker", "compose", "config", "--quiet")
}

// databaseUnreachable tells the failure to fetch the database from a finding in it.
func databaseUnreachable(said string) bool {
	return strings.Contains(said, "fetching vulnerabilities") || strings.Contains(said, "vuln.go.dev") && !strings.Contains(said, "Vulnerability #")
}
