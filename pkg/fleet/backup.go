package fleet

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Backup writes a consistent copy of everything that is stored. Collection goes on
// meanwhile.
func (f *Fleet) Backup(ctx context.Context, w io.Writer) error {
	opened, err := f.openStore(ctx)
	if err != nil {
		return err
	}
	return opened.Backup(w)
}

// StoreOf is how a fleet's store does; Status is nil while it is not open.
type StoreOf struct {
	Key    Key
	Status *store.Status
	Panics int64 // of the watch over its nodes, since the process began
}

// Stores are those of all fleets, in the order of their keys.
func (r *Registry) Stores() []StoreOf {
	fleets := r.all()
	all := make([]StoreOf, len(fleets))
	for i, f := range fleets {
		f.mu.Lock()
		opened := f.store
		f.mu.Unlock()
		all[i].Key, all[i].Panics = f.key, f.panics.Load()
		if opened != nil {
			status := opened.Status()
			all[i].Status = &status
		}
	}
	slices.SortFunc(all, func(a, b StoreOf) int {
		return cmp.Or(cmp.Compare(a.Key.Org, b.Key.Org), cmp.Compare(a.Key.UID, b.Key.UID))
	})
	return all
}
