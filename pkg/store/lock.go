package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Owner says which process holds a store.
type Owner struct {
	PID     int       `json:"pid"`
	Program string    `json:"program"`
	Host    string    `json:"host"`
	Since   time.Time `json:"since"`
}

// LockedError says that another process holds the store's folder.
type LockedError struct {
	Dir   string
	Owner Owner
}

func (e *LockedError) Error() string {
	if e.Owner.PID == 0 {
		return fmt.Sprintf("the store in %s is held by another process", e.Dir)
	}
	return fmt.Sprintf("the store in %s is held by process %d (%s on %s) since %s", e.Dir, e.Owner.PID, e.Owner.Program, e.Owner.Host, e.Owner.Since.Format(time.RFC3339))
}

const ownerFile = "owner.json"

// lockFolder takes the folder for this process. BuntDB takes no lock of its own,
// and two handles on one file destroy it.
func lockFolder(dir string, now time.Time) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the store's folder %s: %w", dir, err)
	}
	if !ok {
		locked := &LockedError{Dir: dir}
		if b, err := os.ReadFile(filepath.Join(dir, ownerFile)); err == nil {
			// A holder that cannot be named is still a holder.
			_ = json.Unmarshal(b, &locked.Owner)
		}
		return nil, locked
	}
	host, _ := os.Hostname()
	owner, err := json.Marshal(Owner{PID: os.Getpid(), Program: filepath.Base(os.Args[0]), Host: host, Since: now.UTC().Truncate(time.Second)})
	if err == nil {
		err = ReplaceFile(filepath.Join(dir, ownerFile), owner)
	}
	if err != nil {
		// Who holds it is only to be shown: a full disk must not keep the store closed. But
		// nobody else is to be named.
		_ = os.Remove(filepath.Join(dir, ownerFile))
	}
	return lock, nil
}

// Holder says which process holds a store's folder. It takes nothing: the answer
// may be old when it is read.
func Holder(dir string) (owner Owner, held bool) {
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	if _, err := os.Stat(lock.Path()); err != nil {
		return Owner{}, false
	}
	if free, err := lock.TryLock(); err != nil || free {
		_ = lock.Unlock() // it held for a moment only
		return Owner{}, false
	}
	if b, err := os.ReadFile(filepath.Join(dir, ownerFile)); err == nil {
		// A holder that cannot be named is still a holder.
		_ = json.Unmarshal(b, &owner)
	}
	return owner, true
}
