package logdb

import (
	"context"
	"embed"
	"fmt"
	"os"

	"troupe/storage/sqlite"
)

//go:embed schema/*.sql
var schemaFS embed.FS

// Schema is the kind of database that holds the log.
var Schema = sqlite.Schema{
	Kind:          "log",
	ApplicationID: 0x54525051, // "TRPQ"
	Migrations:    sqlite.Migrations(schemaFS, "schema"),
}

// FileName is the log's name inside the data directory. The ceiling stands
// beside it, see CeilingPath.
const FileName = "sequencer.sqlite"

// Memory of the two kinds of connection. The writer keeps the hot pages of the
// head table and of the indexes; a reader only walks. More is not better: a
// transaction that splits an index page makes SQLite walk its whole page cache
// at the commit, 0.3 ms for 32 MiB.
const (
	writerCacheKiB = 8 << 10
	readerCacheKiB = 2 << 10
	writerMemory   = 256 << 20
	readerMemory   = 96 << 20
)

// DB is the read-write handle. It belongs to one goroutine.
type DB struct{ sql *sqlite.DB }

// Open opens or creates the log. vfs "" is the product's own.
func Open(ctx context.Context, path, vfs string) (*DB, error) {
	sql, err := sqlite.Open(ctx, path, Schema, sqlite.Options{
		Durability:       sqlite.Full, // the one fsync of the whole write path
		CacheKiB:         writerCacheKiB,
		PageSize:         pageSize,
		NoAutoCheckpoint: true, // inside a commit it would hold up the answers of a batch
		MaxMemory:        writerMemory,
		VFS:              vfs,
	})
	if err != nil {
		return nil, fmt.Errorf("logdb: open: %w", err)
	}
	return &DB{sql}, nil
}

// pageSize is small because most pages of a batch are there for one row of the
// head table or of an index, and travel whole into the WAL and back.
const pageSize = 4096

// Transact runs fn in a transaction that is durable when Transact returns nil.
func (db *DB) Transact(ctx context.Context, fn func(*Tx) error) error {
	return db.sql.Transact(ctx, func(t *sqlite.Tx) error { return fn(&Tx{Reader{t.Reader}, t}) })
}

// Read runs fn in a read transaction.
func (db *DB) Read(ctx context.Context, fn func(*Reader) error) error {
	return db.sql.Read(ctx, func(r *sqlite.Reader) error { return fn(&Reader{r}) })
}

// Checkpoint copies the WAL into the file, and lets it start over if nothing is
// left to copy. Beside a Copier at work it is sqlite.ErrBusy.
// With truncate the WAL is emptied as well; a reader in a transaction makes
// that sqlite.ErrBusy.
func (db *DB) Checkpoint(ctx context.Context, truncate bool) error {
	return db.sql.Checkpoint(ctx, truncate)
}

// WALSize is the size of the WAL on disk in bytes.
func (db *DB) WALSize() int64 {
	info, err := os.Stat(db.sql.Path() + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// Close closes the handle.
func (db *DB) Close() error { return db.sql.Close() }

// Copier is a handle that only copies the WAL into the file. It may do so while
// the writer goes on, and belongs to one goroutine at a time.
type Copier struct{ sql *sqlite.DB }

// OpenCopier opens an existing log for copying.
func OpenCopier(ctx context.Context, path, vfs string) (*Copier, error) {
	sql, err := sqlite.Open(ctx, path, Schema, sqlite.Options{
		Durability: sqlite.Full, NoAutoCheckpoint: true, MaxMemory: readerMemory, VFS: vfs,
	})
	if err != nil {
		return nil, fmt.Errorf("logdb: open copier: %w", err)
	}
	return &Copier{sql}, nil
}

// Copy copies what is committed, as far as no reader needs the older pages, and
// syncs the file. What the writer adds meanwhile is left for its own Checkpoint,
// which has little to do then.
func (c *Copier) Copy(ctx context.Context) error {
	if err := c.sql.Checkpoint(ctx, false); err != nil {
		return err
	}
	return c.sql.Sync() // a checkpoint that was overtaken has synced nothing
}

// Close closes the handle.
func (c *Copier) Close() error { return c.sql.Close() }

// View is a read-only handle: it never waits for the writer, nor the writer for
// it. It belongs to one goroutine at a time.
type View struct{ sql *sqlite.DB }

// OpenView opens an existing log for reading.
func OpenView(ctx context.Context, path, vfs string) (*View, error) {
	sql, err := sqlite.Open(ctx, path, Schema, sqlite.Options{
		ReadOnly:  true,
		CacheKiB:  readerCacheKiB,
		MaxMemory: readerMemory,
		VFS:       vfs,
	})
	if err != nil {
		return nil, fmt.Errorf("logdb: open view: %w", err)
	}
	return &View{sql}, nil
}

// Read runs fn in a read transaction.
func (v *View) Read(ctx context.Context, fn func(*Reader) error) error {
	return v.sql.Read(ctx, func(r *sqlite.Reader) error { return fn(&Reader{r}) })
}

// Close closes the handle.
func (v *View) Close() error { return v.sql.Close() }

// Reader reads the tables.
type Reader struct{ sql *sqlite.Reader }

// Tx changes them.
type Tx struct {
	Reader
	sql *sqlite.Tx
}
