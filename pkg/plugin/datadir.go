package plugin

import (
	"fmt"
	"os"
	"path/filepath"
)

// ID is the plugin's id in Grafana.
const ID = "storagenode-monitor-datasource"

// DataDir chooses the folder for everything that is kept. It is the data_dir of
// the plugin's section in grafana.ini (which comes as GF_PLUGIN_DATA_DIR); else a
// folder beside Grafana's own data; never one inside the plugin's folder, whose
// signature that would break and which an uninstall deletes. Where none can be
// written, dir is "" (everything in memory) and the warning says why.
func DataDir(getenv func(string) string, executable string) (dir, warning string) {
	dir = dataDirOf(getenv, executable)
	if dir == "" {
		return "", "the data folder is not known: set data_dir under [plugin." + ID + "] in grafana.ini"
	}
	if err := tryToWrite(dir); err != nil {
		return "", fmt.Sprintf("the data folder %s cannot be written (%v): make it writable for Grafana, or set data_dir under [plugin.%s] in grafana.ini", dir, err, ID)
	}
	return dir, ""
}

func dataDirOf(getenv func(string) string, executable string) string {
	if dir := getenv("GF_PLUGIN_DATA_DIR"); dir != "" {
		return dir
	}
	if data := getenv("GF_PATHS_DATA"); data != "" {
		return filepath.Join(data, ID)
	}
	// <data>/plugins/<id>/gpx_…, also where the folder <id> has a folder dist in it.
	for at := filepath.Dir(executable); at != filepath.Dir(at); at = filepath.Dir(at) {
		if filepath.Base(at) == "plugins" {
			return filepath.Join(filepath.Dir(at), ID)
		}
	}
	return ""
}

func tryToWrite(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "write-test-*")
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Remove(f.Name())
}
