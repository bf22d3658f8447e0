package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build/buildinfo"
	"github.com/grafana/grafana-plugin-sdk-go/build/utils"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/provision"
)

const (
	executable = "gpx_storagenode_monitor"
	mainFolder = "./pkg"
	distFolder = "dist"
	// manifest lists the Go files that the binaries were made of; Grafana's plugin validator compares it with the source.
	manifest = "go_plugin_build_manifest"
)

// platform is an operating system and a processor that Grafana runs on.
type platform struct{ os, arch string }

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "arm"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"},
}

func thisPlatform() platform { return platform{runtime.GOOS, runtime.GOARCH} }

// binary is the file that Grafana looks for on this platform.
func (p platform) binary() string {
	name := executable + "_" + p.os + "_" + p.arch
	if p.os == "windows" {
		name += ".exe"
	}
	return name
}

// buildBackend compiles the plugin for each of the platforms into dist/.
func buildBackend(ctx context.Context, wanted ...platform) error {
	version, err := packageVersion(".")
	if err != nil {
		return err
	}
	for _, p := range wanted {
		start := time.Now()
		fmt.Printf("compiling the plugin for %s/%s …\n", p.os, p.arch)
		out := filepath.Join(distFolder, p.binary())
		err := command{name: "go build " + p.binary(), compiles: true, env: []string{"GOOS=" + p.os, "GOARCH=" + p.arch, "CGO_ENABLED=0"}}.run(ctx,
			"go", "build", "-v", "-trimpath", "-tags", "arrow_json_stdlib", "-ldflags", linkerFlags(version), "-o", out, mainFolder)
		if err != nil {
			return fmt.Errorf("compile the plugin for %s/%s: %w", p.os, p.arch, err)
		}
		fmt.Printf("%s (%s)\n", out, seconds(time.Since(start)))
	}
	listing, err := utils.GenerateManifest()
	if err != nil {
		return fmt.Errorf("list the Go files for %s: %w", manifest, err)
	}
	return os.WriteFile(filepath.Join(distFolder, manifest), []byte(listing), 0o644)
}

// buildTool compiles one of the project's other programs for this machine into a folder.
func buildTool(ctx context.Context, folder, name string) (string, error) {
	out := filepath.Join(folder, name)
	if runtime.GOOS == "windows" {
		out += ".exe"
	}
	fmt.Printf("compiling %s …\n", name)
	return out, command{name: "go build " + name, compiles: true}.run(ctx, "go", "build", "-v", "-o", out, "./pkg/cmd/"+name)
}

// linkerFlags drop the symbol tables and tell the SDK, and through it Grafana, what was built. The time is that of the
// source where SOURCE_DATE_EPOCH gives it, so that the same source gives the same binary.
func linkerFlags(version string) string {
	built := time.Now()
	var epoch int64
	if _, err := fmt.Sscan(os.Getenv("SOURCE_DATE_EPOCH"), &epoch); err == nil {
		built = time.Unix(epoch, 0)
	}
	flags := map[string]string{}
	buildinfo.Info{Time: built.UnixMilli(), PluginID: provision.PluginID, Version: version}.AppendFlags(flags)
	words := []string{"-s", "-w"}
	for _, name := range []string{"main.pluginID", "main.version", "github.com/grafana/grafana-plugin-sdk-go/build/buildinfo.buildInfoJSON"} {
		if value, set := flags[name]; set {
			words = append(words, fmt.Sprintf("-X '%s=%s'", name, value))
		}
	}
	return strings.Join(words, " ")
}

// packageVersion is the version in package.json, the one place where it stands.
func packageVersion(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "package.json"))
	if err != nil {
		return "", err
	}
	var document struct{ Version string }
	if err := json.Unmarshal(text, &document); err != nil {
		return "", fmt.Errorf("package.json: %w", err)
	}
	if document.Version == "" {
		return "", fmt.Errorf("package.json has no version")
	}
	return document.Version, nil
}
