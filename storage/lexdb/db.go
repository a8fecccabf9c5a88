package lexdb

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"troupe/storage/sqlite"
)

//go:embed schema/*.sql
var schemaFS embed.FS

// Schema is the kind of database that caches lexicons.
var Schema = sqlite.Schema{
	Kind:          "lexicon",
	ApplicationID: 0x5452584c, // "TRXL"
	Migrations:    sqlite.Migrations(schemaFS, "schema"),
}

// FileName is the name of the file in the data directory.
const FileName = "lexicon_cache.sqlite"

// DB is the handle of the cache file. One goroutine at a time.
type DB struct {
	sql *sqlite.DB // owned by the lexicons actor
}

// Options are what a caller may choose about the file.
type Options struct {
	ReadOnly bool   // never creates, migrates or writes
	VFS      string // the VFS to open with; "" is the product's own
}

// Open opens the file at path, creating and migrating it as needed.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	sql, err := sqlite.Open(ctx, path, Schema, sqlite.Options{
		Durability: sqlite.Normal, // a power cut costs cached rows, nothing else
		CacheKiB:   512,
		ReadOnly:   o.ReadOnly,
		VFS:        o.VFS,
	})
	if err != nil {
		return nil, fmt.Errorf("lexdb: open: %w", err)
	}
	return &DB{sql: sql}, nil
}

// Remove deletes the file at path with its write-ahead log. No handle may be open.
func Remove(path string) error {
	for _, suffix := range []string{"-shm", "-wal", ""} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("lexdb: remove: %w", err)
		}
	}
	return nil
}

// Close closes the handle.
func (db *DB) Close() error { return db.sql.Close() }
