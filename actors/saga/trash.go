package saga

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"troupe/storage/sqlite"
)

// TrashName is the folder, beside those of accounts, of what waits to be removed.
const TrashName = ".trash"

// discard takes the account's folder out of the way and removes it. When it
// returns nil the folder's name is free, also after a power cut. The new name is
// never used twice: what is left of an earlier attempt does not matter.
//
// Rename first, so that there is no half of a folder under the account's name:
// removing takes many steps, any of which may be the last.
func (w *deletion) discard() error {
	trash := filepath.Join(w.o.Actors, TrashName)
	parent := filepath.Dir(w.dir())
	left, err := w.folderLeft()
	if err != nil {
		return fmt.Errorf("saga: account's folder: %w", err)
	}
	var name string
	if left {
		if err := os.MkdirAll(trash, 0o700); err != nil {
			return fmt.Errorf("saga: trash: %w", err)
		}
		name = filepath.Join(trash, rand.Text())
		if err := os.Rename(w.dir(), name); err != nil {
			return fmt.Errorf("saga: discard account's folder: %w", err)
		}
		w.o.probe("renamed")
		if err := errors.Join(sqlite.FsyncDir(trash), sqlite.FsyncDir(w.o.Actors)); err != nil {
			return err
		}
	}
	// Also where an earlier attempt renamed, and died before this.
	if err := sqlite.FsyncDir(parent); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if name == "" {
		return nil
	}
	if err := os.RemoveAll(name); err != nil { // the sweeper comes by
		w.o.Logger.Warn("remains of a deleted account", w.attrs(slog.Any("error", err))...)
	}
	return nil
}
