//go:build !windows

package store

import "os"

// syncFolder makes a rename in the folder durable. Tests leave it out.
var syncFolder = func(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
