package saga

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"

	"troupe/storage/sqlite"
)

// writeKey makes the account's folder and seals the key in it. When it returns
// nil both survive a power cut.
func (w *signup) writeKey(key atcrypto.PrivateKeyExportable) error {
	dir := w.dir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saga: account's folder: %w", err)
	}
	w.o.probe("folder")
	if err := w.o.Vault.WriteSigningKey(dir, w.row.DID, key); err != nil {
		return err
	}
	return errors.Join(sqlite.FsyncDir(filepath.Dir(dir)), sqlite.FsyncDir(w.o.Actors))
}

// removeKey removes the folder of a story that came to nothing. It must hold
// nothing but keys: a repository is never deleted here.
func (w *signup) removeKey() error {
	dir := w.dir()
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("saga: undo: %w", err)
	}
	for _, f := range files { // the key, or what a crash left of writing it
		if !strings.HasPrefix(f.Name(), "key") {
			return fmt.Errorf("saga: undo: %s holds more than a key", dir)
		}
	}
	for _, f := range files {
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			return fmt.Errorf("saga: undo: %w", err)
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("saga: undo: %w", err)
	}
	err = sqlite.FsyncDir(filepath.Dir(dir))
	if errors.Is(err, fs.ErrNotExist) { // not even the parent was made
		return nil
	}
	return err
}
