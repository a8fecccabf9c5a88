package accountdb

import (
	"context"
	"embed"
	"fmt"
	"time"

	"troupe/storage/sqlite"
)

//go:embed schema/*.sql
var schemaFS embed.FS

// Schema is the kind of database that account.sqlite is.
var Schema = sqlite.Schema{
	Kind:          "account",
	ApplicationID: 0x54525041, // "TRPA"
	Migrations:    sqlite.Migrations(schemaFS, "schema"),
}

// FileName is the name of the file inside the data directory.
const FileName = "account.sqlite"

// DB is a handle of the file.
type DB struct{ sql *sqlite.DB }

// Options are what a caller may choose about a handle.
type Options struct {
	ReadOnly bool
	VFS      string // the VFS to open with; "" is the product's own
}

// Open opens the file at path. The read-write handle creates and migrates it.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	sql, err := sqlite.Open(ctx, path, Schema, sqlite.Options{
		Durability: sqlite.Full, // nothing in here can be had back from the log
		CacheKiB:   2048,
		ReadOnly:   o.ReadOnly,
		VFS:        o.VFS,
	})
	if err != nil {
		return nil, fmt.Errorf("accountdb: open: %w", err)
	}
	return &DB{sql}, nil
}

// Close closes the handle. Nothing is lost that was committed.
func (db *DB) Close() error { return db.sql.Close() }

// Read runs fn in a read transaction.
func (db *DB) Read(ctx context.Context, fn func(*Reader) error) error {
	return db.sql.Read(ctx, func(r *sqlite.Reader) error { return fn(&Reader{r}) })
}

// Transact runs fn in a write transaction that is on the medium when Transact
// returns nil. After an error other than [sqlite.ErrFull] and [sqlite.ErrBusy]
// of the commit itself only the file knows; the owner opens it anew.
func (db *DB) Transact(ctx context.Context, fn func(*Tx) error) error {
	return db.sql.Transact(ctx, func(t *sqlite.Tx) error { return fn(&Tx{Reader{t.Reader}, t}) })
}

// Reader reads the tables.
type Reader struct{ sql *sqlite.Reader }

// Tx changes the tables.
type Tx struct {
	Reader
	sql *sqlite.Tx
}

const (
	savepoint  = `SAVEPOINT one`
	release    = `RELEASE one`
	rollbackTo = `ROLLBACK TO one`
)

// Nested runs fn so that its error takes back what fn wrote, and nothing else
// of the transaction. It is what lets several requests share one commit. fn's
// error comes back in refused; failed means that the transaction is broken.
func (t *Tx) Nested(fn func(*Tx) error) (refused, failed error) {
	if _, err := t.sql.Exec(savepoint); err != nil {
		return nil, err
	}
	refused = fn(t)
	if refused != nil {
		if _, err := t.sql.Exec(rollbackTo); err != nil {
			return refused, err
		}
	}
	_, failed = t.sql.Exec(release)
	return refused, failed
}

// micros is the stored form of a time; the zero time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// null is NULL for "".
func null[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// when reads a time column.
func when(row *sqlite.Row, i int) time.Time {
	if row.IsNull(i) {
		return time.Time{}
	}
	return time.UnixMicro(row.Int64(i)).UTC()
}
