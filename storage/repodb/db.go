package repodb

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/sqlite"
)

//go:embed schema/*.sql
var schemaFS embed.FS

// Schema is the kind of database that holds one account.
var Schema = sqlite.Schema{
	Kind:          "repo",
	ApplicationID: 0x54525052, // "TRPR"
	Migrations:    sqlite.Migrations(schemaFS, "schema"),
}

// FileName is the name of an account's database inside the account's folder.
const FileName = "store.sqlite"

// ErrWrongAccount says that a file names another DID than the one it was
// opened for: it was copied or moved by hand.
var ErrWrongAccount = errors.New("repodb: the file belongs to another account")

// DB is the read-write handle of one account's file.
type DB struct {
	sql *sqlite.DB // owned by the account's actor
	did syntax.DID
}

// Options are what a caller may choose about a file.
type Options struct {
	VFS    string // the VFS to open with; "" is the product's own
	Shared bool   // of Open: other handles will be opened beside this one
}

// Open opens the file in dir, creating and migrating it as needed. It is this
// handle's alone, unless Shared was asked for or somebody has it open already,
// such as a snapshot that an earlier owner lent.
func Open(ctx context.Context, dir string, did syntax.DID, o Options) (*DB, error) {
	db, err := open(ctx, dir, did, o)
	if o.Shared || !errors.Is(err, sqlite.ErrBusy) {
		return db, err
	}
	o.Shared = true
	return open(ctx, dir, did, o)
}

func open(ctx context.Context, dir string, did syntax.DID, o Options) (*DB, error) {
	sql, err := sqlite.Open(ctx, filepath.Join(dir, FileName), Schema, sqlite.Options{
		Durability: sqlite.Normal, // the log repeats what a power cut takes
		CacheKiB:   512,
		PageSize:   4096,
		Exclusive:  !o.Shared,
		VFS:        o.VFS,
	})
	if err != nil {
		return nil, fmt.Errorf("repodb: open %s: %w", did, err)
	}
	return &DB{sql: sql, did: did}, nil
}

// Close closes the handle. Nothing is lost that was committed.
func (db *DB) Close() error { return db.sql.Close() }

// Sync makes every committed transaction durable.
func (db *DB) Sync() error { return db.sql.Sync() }

// WALSize is how many bytes lie in the file's write-ahead log, or were once
// needed there.
func (db *DB) WALSize() (int64, error) {
	info, err := os.Stat(db.sql.Path() + "-wal")
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Path is the file's path.
func (db *DB) Path() string { return db.sql.Path() }

// Read runs fn in a read transaction.
func (db *DB) Read(ctx context.Context, fn func(*Reader) error) error {
	return db.sql.Read(ctx, func(r *sqlite.Reader) error { return fn(&Reader{r}) })
}

// Transact runs fn in a write transaction that a power cut may undo.
func (db *DB) Transact(ctx context.Context, fn func(*Tx) error) error {
	return db.sql.Transact(ctx, counting(fn))
}

// TransactFull runs fn in a write transaction that is durable when it returns.
func (db *DB) TransactFull(ctx context.Context, fn func(*Tx) error) error {
	return db.sql.TransactFull(ctx, counting(fn))
}

// counting ends a transaction with the counts of what it changed.
func counting(fn func(*Tx) error) func(*sqlite.Tx) error {
	return func(t *sqlite.Tx) error {
		tx := newTx(t)
		if err := fn(tx); err != nil {
			return err
		}
		return tx.count()
	}
}

// SetBuffers changes the size of the page cache, and how far the WAL grows before
// it is copied back, until the handle is closed.
func (db *DB) SetBuffers(ctx context.Context, cacheKiB, walBytes int) error {
	return db.sql.SetBuffers(ctx, cacheKiB, walBytes)
}

// Alone says that no snapshot can be opened beside this handle: it was not
// opened as Shared, or when the disk was full.
func (db *DB) Alone() bool { return db.sql.Alone() }

// Preview runs read on what the file would show after apply, and leaves the
// file as it is. It needs no room on the disk.
func (db *DB) Preview(ctx context.Context, apply func(*Tx) error, read func(*Reader) error) error {
	return db.sql.Undone(ctx, func(t *sqlite.Tx) error {
		tx := newTx(t)
		if err := apply(tx); err != nil {
			return err
		}
		if err := tx.count(); err != nil {
			return err
		}
		return read(&tx.Reader)
	})
}

// Reader reads the tables of one account.
type Reader struct{ sql *sqlite.Reader }

// Tx changes the tables of one account.
type Tx struct {
	Reader
	sql     *sqlite.Tx
	dropped bool   // see Dropped
	delta   Counts // changes that the root row does not have yet
}

func newTx(t *sqlite.Tx) *Tx { return &Tx{Reader: Reader{t.Reader}, sql: t} }

// revInt is the stored form of a rev; "" is 0.
func revInt(rev syntax.TID) int64 {
	if rev == "" {
		return 0
	}
	return int64(rev.Integer())
}

func revText(v int64) syntax.TID {
	if v == 0 {
		return ""
	}
	return syntax.NewTIDFromInteger(uint64(v))
}

// columnCID reads a CID column; NULL is Undef.
func columnCID(row *sqlite.Row, i int) (cid.Cid, error) {
	if row.IsNull(i) {
		return cid.Undef, nil
	}
	c, err := cid.Cast(row.Blob(i))
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: stored CID: %w", sqlite.ErrCorrupt, err)
	}
	return c, nil
}
