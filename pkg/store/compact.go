package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tidwall/buntdb"
)

// compact writes a new file with what lives, and swaps. The caller holds writing.
//
// While files are swapped, readers read a copy in memory that shares its strings
// with the database: nobody waits for a disk, and no file is renamed that is open,
// which Windows does not allow. Nothing is written meanwhile. Should the new file
// not open, readers keep the copy, and each write tries to open the file again.
func (s *Store) compact() error {
	began := time.Now()
	keys, values, err := s.snapshot()
	if err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	name, err := s.writeCompacted(keys, values)
	if err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	s.at("compacted file synced")
	standIn, err := memoryDatabase(keys, values)
	if err != nil {
		return fmt.Errorf("compact the store: %w", errors.Join(err, os.Remove(name)))
	}
	before := s.swap(standIn)
	s.adrift = true
	s.at("reading from memory")
	closed := errors.Join(before.Close(), s.file.Close())
	s.at("old file closed")
	renamed := s.using("rename")
	if renamed == nil {
		renamed = os.Rename(name, s.path)
	}
	if renamed == nil {
		s.at("renamed")
		if renamed = s.using("sync folder"); renamed == nil {
			renamed = syncFolder(s.options.Dir)
		}
		// After a power cut, the former file may be there again.
		s.unsynced, s.doubted = true, renamed != nil
	} else {
		renamed = errors.Join(renamed, os.Remove(name))
	}
	if err := errors.Join(closed, renamed, s.reopen()); err != nil {
		return fmt.Errorf("compact the store: %w", err)
	}
	s.unsynced, s.doubted = false, false
	s.emptyCache()
	s.at("compacted")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Compactions++
	s.status.CompactTime += time.Since(began)
	return nil
}

// writeCompacted writes keys and values to a new file, which is on the disk then.
func (s *Store) writeCompacted(keys, values []string) (name string, err error) {
	if err := s.using("create new file"); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(s.options.Dir, FileName+".new-*")
	if err != nil {
		return "", err
	}
	half := len(keys) / 2
	for i, part := range [][2]int{{0, half}, {half, len(keys)}} {
		if err = s.using("write new file"); err == nil {
			err = writeCommands(f, keys[part[0]:part[1]], values[part[0]:part[1]])
		}
		if err != nil {
			break
		}
		if i == 0 {
			s.at("compacted file half written")
		}
	}
	if err == nil {
		err = s.using("sync new file")
	}
	if err == nil {
		err = syncFile(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func memoryDatabase(keys, values []string) (*buntdb.DB, error) {
	db, err := buntdb.Open(":memory:")
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *buntdb.Tx) error {
		for i, key := range keys {
			if _, _, err := tx.Set(key, values[i], nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
