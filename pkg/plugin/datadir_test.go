package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/plugin"
)

func TestDataDir(t *testing.T) {
	root := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	if err := os.WriteFile(in("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		environment map[string]string
		executable  string
		want        string
		warning     string
	}{
		"set in grafana.ini":         {map[string]string{"GF_PLUGIN_DATA_DIR": in("own"), "GF_PATHS_DATA": in("data")}, "/x/gpx", in("own"), ""},
		"beside Grafana's":           {map[string]string{"GF_PATHS_DATA": in("data")}, "/x/gpx", in("data", plugin.ID), ""},
		"from the executable":        {nil, in("lib", "plugins", plugin.ID, "gpx"), in("lib", plugin.ID), ""},
		"from an executable in dist": {nil, in("lib", "plugins", plugin.ID, "dist", "gpx"), in("lib", plugin.ID), ""},
		"not known":                  {nil, "/x/gpx", "", "data_dir"},
		"not writable":               {map[string]string{"GF_PLUGIN_DATA_DIR": in("file", "below")}, "/x/gpx", "", in("file", "below")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir, warning := plugin.DataDir(func(key string) string { return test.environment[key] }, test.executable)
			if dir != test.want || !strings.Contains(warning, test.warning) || (warning == "") != (test.warning == "") {
				t.Errorf("DataDir is %q with warning %q, want %q with %q", dir, warning, test.want, test.warning)
			}
			if strings.Contains(dir, filepath.Join("plugins", plugin.ID)) {
				t.Errorf("%s lies in the plugin's own folder", dir)
			}
			if dir != "" {
				if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("the folder is not there with mode 0700: %v %v", info, err)
				}
			}
		})
	}
}
