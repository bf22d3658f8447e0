package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// npm runs a script of package.json.
func npm(ctx context.Context, args ...string) error {
	// Its output passes through a pipe, where colours would be noise; webpack takes any FORCE_COLOR for a yes.
	env := []string{"npm_config_update_notifier=false", "npm_config_fund=false", "npm_config_audit=false", "NO_COLOR=1"}
	return command{name: "npm " + strings.Join(args, " "), env: env}.run(ctx, "npm", args...)
}

// installFrontend brings node_modules to what package-lock.json says, and leaves it alone where it is already so.
func installFrontend(ctx context.Context) error {
	why, err := outdatedModules(".")
	if err != nil {
		return err
	}
	if why == "" {
		fmt.Println("node_modules is what package-lock.json says")
		return nil
	}
	fmt.Printf("npm ci, because %s (on a new machine a minute or two)\n", why)
	// Its warnings are about how other packages were packed: nothing that anybody here could mend.
	return npm(ctx, "ci", "--loglevel=error")
}

// outdatedModules says what in node_modules is not as package-lock.json has it, or nothing. It reads the list that npm
// itself leaves in node_modules; packages for other platforms are missing from it, and are optional.
func outdatedModules(root string) (string, error) {
	type lock struct {
		Packages map[string]struct {
			Version  string
			Optional bool
			Link     bool
		}
	}
	read := func(file string) (lock, error) {
		var l lock
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return l, err
		}
		if err := json.Unmarshal(text, &l); err != nil {
			return l, fmt.Errorf("%s: %w", file, err)
		}
		return l, nil
	}
	wanted, err := read("package-lock.json")
	if err != nil {
		return "", err
	}
	installed, err := read(filepath.Join("node_modules", ".package-lock.json"))
	if err != nil {
		return "nothing is installed", nil
	}
	for path, want := range wanted.Packages {
		have, there := installed.Packages[path]
		switch {
		case path == "" || want.Optional && !there:
		case !there:
			return path + " is missing", nil
		case have.Version != want.Version:
			return fmt.Sprintf("%s is %s, not %s", path, have.Version, want.Version), nil
		}
	}
	for path := range installed.Packages {
		if _, there := wanted.Packages[path]; !there {
			return path + " is no longer wanted", nil
		}
	}
	return "", nil
}

// buildFrontend makes dist/module.js and what stands beside it.
func buildFrontend(ctx context.Context) error { return npm(ctx, "run", "build") }
