package repodb

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

// View is a read-only handle: it never creates, migrates or writes a file. It
// belongs to one goroutine.
type View struct{ sql *sqlite.DB }

// OpenView opens an existing file for reading: fs.ErrNotExist if there is none.
func OpenView(ctx context.Context, dir string, did syntax.DID, o Options) (*View, error) {
	sql, err := sqlite.Open(ctx, filepath.Join(dir, FileName), Schema, sqlite.Options{ReadOnly: true, CacheKiB: 2048, VFS: o.VFS})
	if err != nil {
		return nil, fmt.Errorf("repodb: open view of %s: %w", did, err)
	}
	return &View{sql}, nil
}

// Read runs fn in a read transaction.
func (v *View) Read(ctx context.Context, fn func(*Reader) error) error {
	return v.sql.Read(ctx, func(r *sqlite.Reader) error { return fn(&Reader{r}) })
}

// Close closes the handle.
func (v *View) Close() error { return v.sql.Close() }

// Integrity is SQLite's own check of the whole file.
func (r *Reader) Integrity() ([]string, error) { return r.sql.Integrity() }
