package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long files must have been left alone before they are compiled: an editor writes several at once.
const settle = 300 * time.Millisecond

// Dev builds both ends and builds them again whenever their files change, until it is interrupted.
func Dev(ctx context.Context) error {
	ctx, stop := untilTold(ctx)
	defer stop()
	if err := installFrontend(ctx); err != nil {
		return err
	}
	frontend := make(chan error, 1)
	go func() {
		err := npm(ctx, "run", "dev")
		stop() // without a front end there is nothing to develop
		frontend <- err
	}()
	err := rebuildBackend(ctx)
	stop()
	err = errors.Join(err, <-frontend)
	if ctx.Err() != nil && strings.Contains(fmt.Sprint(err), "interrupted") {
		return nil
	}
	return err
}

// rebuildBackend compiles the plugin for this machine at each change of a Go file. A compile error is printed, and the
// next change tries again.
func rebuildBackend(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the Go files: %w", err)
	}
	defer watcher.Close()
	watch := func(folder string) error {
		return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return err
			}
			return watcher.Add(path)
		})
	}
	if err := watch(mainFolder); err != nil {
		return fmt.Errorf("watch the Go files: %w", err)
	}
	changed := time.NewTimer(0) // the first build
	defer changed.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.Events:
			if event.Has(fsnotify.Create) {
				_ = watch(event.Name) // a new folder; a file is refused without harm
			}
			if strings.HasSuffix(event.Name, ".go") && !strings.HasSuffix(event.Name, "_test.go") {
				changed.Reset(settle)
			}
		case err := <-watcher.Errors:
			return fmt.Errorf("watch the Go files: %w", err)
		case <-changed.C:
			if err := buildBackend(ctx, thisPlatform()); err != nil && ctx.Err() == nil {
				fmt.Println(err)
			}
		}
	}
}
