package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// DB is one connection to one file. It belongs to one goroutine at a time, its
// owner's; nothing in it is locked.
type DB struct {
	path    string
	schema  Schema
	options Options

	// owned by the goroutine that uses the handle
	conn       *sqlite3.Conn
	state      *fileState // what the files of conn remember; shared with them
	statements statements
	open       *Reader // the running transaction, or nil
	unusable   error   // set when the connection can no longer be trusted
}

// Path returns the path given to Open.
func (db *DB) Path() string { return db.path }

// Read runs fn inside one read transaction: everything fn reads is of one
// moment. Errors of fn are returned as they are.
func (db *DB) Read(ctx context.Context, fn func(*Reader) error) error {
	r := &Reader{db: db, ctx: ctx}
	if err := db.enter(r, "read"); err != nil {
		return err
	}
	begin := beginDeferred
	if db.options.Exclusive {
		begin = "" // while the owner reads nobody writes, so all moments are one
	}
	return db.run(r, begin, func() error { return fn(r) })
}

// Transact runs fn inside BEGIN IMMEDIATE … COMMIT. An error of fn, or a panic
// in it, rolls back; the error is returned as it is and the panic goes on.
//
// When it returns nil the transaction is committed as durably as
// Options.Durability says. ErrFull (without ErrSync) and ErrBusy mean that it
// is not. After any other error of the commit itself only the file knows: the
// owner closes the handle and looks.
func (db *DB) Transact(ctx context.Context, fn func(*Tx) error) error {
	tx := &Tx{&Reader{db: db, ctx: ctx, write: true}}
	if err := db.enter(tx.Reader, "transact"); err != nil {
		return err
	}
	return db.run(tx.Reader, beginImmediate, func() error { return fn(tx) })
}

// TransactFull is Transact with a commit that is on the medium when it
// returns, whatever the durability of the handle. All earlier commits of the
// file are then on the medium too.
func (db *DB) TransactFull(ctx context.Context, fn func(*Tx) error) (err error) {
	if db.options.Durability == Full {
		return db.Transact(ctx, fn)
	}
	if db.conn == nil || db.open != nil || db.unusable != nil {
		return db.Transact(ctx, fn) // which says why not
	}
	defer db.catchOutOfMemory(&err) // of the two switches; Transact sees to its own
	if err := db.conn.Exec("PRAGMA synchronous=FULL"); err != nil {
		return db.fail(ctx, "set synchronous", err)
	}
	defer func() {
		// Not inside a transaction any more, so this can fail only with the
		// connection. Staying at FULL would be slow, not unsafe.
		if db.conn != nil && db.unusable == nil {
			_ = db.conn.Exec("PRAGMA synchronous=NORMAL")
		}
	}()
	return db.Transact(ctx, fn)
}

// Undone runs fn in a write transaction that is always rolled back: what fn
// reads behind its own changes is what a commit would have shown. What it
// changes stays in memory, however much that is, so it needs no room on the
// disk. Errors: as Transact.
func (db *DB) Undone(ctx context.Context, fn func(*Tx) error) (err error) {
	if db.conn != nil && db.open == nil && db.unusable == nil {
		defer db.catchOutOfMemory(&err) // of the two switches, as in TransactFull
		if err := db.conn.Exec("PRAGMA cache_spill=OFF"); err != nil {
			return db.fail(ctx, "set cache_spill", err)
		}
		defer func() {
			if db.conn != nil && db.unusable == nil {
				_ = db.conn.Exec("PRAGMA cache_spill=ON")
			}
		}()
	}
	undone := errors.New("undone")
	err = db.Transact(ctx, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return undone
	})
	if err == undone {
		return nil
	}
	return err
}

// SetBuffers changes the size of the page cache, and at how much WAL SQLite copies
// it back, between two transactions. Memory that a larger cache took is given back
// by Close and not before.
func (db *DB) SetBuffers(ctx context.Context, cacheKiB, walBytes int) (err error) {
	if db.conn == nil || db.open != nil || db.unusable != nil {
		return db.refuse("set buffers", ErrClosed, nil)
	}
	defer db.catchOutOfMemory(&err)
	if err := db.conn.WALAutoCheckpoint(walBytes / db.options.PageSize); err != nil {
		return db.fail(ctx, "set buffers", err)
	}
	return db.fail(ctx, "set buffers", db.conn.Exec(fmt.Sprintf("PRAGMA cache_size=-%d", cacheKiB)))
}

// Alone says that the handle shares the file with no other, as [Open] tells of
// a full disk: a second one would wait in vain.
func (db *DB) Alone() bool { return db.options.Exclusive }

// enter admits one transaction at a time.
func (db *DB) enter(r *Reader, op string) error {
	switch {
	case db.conn == nil:
		return db.refuse(op, ErrClosed, nil)
	case db.open != nil:
		return db.refuse(op, ErrNested, nil)
	case db.unusable != nil:
		return db.unusable
	case r.write && db.options.ReadOnly:
		return db.refuse(op, ErrReadOnly, nil)
	case r.write && db.state.broken != nil:
		return db.fail(r.ctx, op, db.state.broken)
	}
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	db.open = r
	db.state.first = 0
	db.conn.SetInterrupt(r.ctx)
	return nil
}

// run is the one place where a transaction begins and ends.
func (db *DB) run(r *Reader, begin string, body func() error) (err error) {
	committed := false
	defer func() {
		db.open, r.db = nil, nil // a Reader that escaped answers ErrClosed
		if committed {
			db.conn.SetInterrupt(context.Background())
			return
		}
		panicked := recover()
		db.rollback()
		if panicked == nil { // an error, or runtime.Goexit
			return
		}
		if !isOutOfMemory(panicked) {
			panic(panicked)
		}
		// The library panics where SQLite returned "out of memory". SQLite
		// itself is sound then, and the transaction is gone.
		err = db.refuse("transaction", ErrMemory, panicked.(error))
	}()
	if begin != "" {
		if err = db.command(begin); err != nil {
			return db.fail(r.ctx, "begin", err)
		}
	}
	if err = body(); err != nil {
		return err
	}
	if begin == "" {
		committed = true
		return nil
	}
	db.conn.SetInterrupt(context.Background()) // the decision is made: a late time-out must not undo it
	if err = db.command(commit); err != nil {
		return db.fail(nil, "commit", err)
	}
	committed = true
	return nil
}

const (
	beginDeferred  = "BEGIN"
	beginImmediate = "BEGIN IMMEDIATE"
	commit         = "COMMIT"
	rollback       = "ROLLBACK"
)

// command runs a kept statement that takes and returns nothing.
func (db *DB) command(sql string) error {
	s, err := db.statements.take(db.conn, sql)
	if err != nil {
		return err
	}
	err = s.stmt.Exec()
	db.statements.give(s)
	return err
}

// rollback ends the transaction if SQLite has not done so itself. If it cannot
// be ended, or fails in the library, the handle is good for Close only.
func (db *DB) rollback() {
	defer func() {
		if r := recover(); r != nil {
			db.unusable = db.refuse("rollback", ErrIO, sqlite3.ABORT)
		}
		db.state.rolledBack()
	}()
	db.conn.SetInterrupt(context.Background())
	if db.conn.GetAutocommit() {
		return
	}
	if err := db.conn.Exec(rollback); err != nil && !db.conn.GetAutocommit() {
		db.unusable = db.fail(nil, "rollback", err)
	}
}

// Sync makes every commit of this handle durable: it fsyncs the WAL, and the
// database if anything was written to it since. It costs nothing if nothing
// was. After ErrSync the handle refuses to write; see ErrSync.
func (db *DB) Sync() error {
	if db.conn == nil {
		return db.refuse("sync", ErrClosed, nil)
	}
	db.state.first = 0
	for _, f := range []*file{db.state.wal, db.state.main} {
		if err := db.state.broken; err != nil {
			return db.fail(nil, "sync", err)
		}
		if f == nil || !f.dirty {
			continue
		}
		if err := f.Sync(vfs.SYNC_NORMAL); err != nil {
			return db.fail(nil, "sync", err)
		}
	}
	return nil
}

// Checkpoint copies the WAL into the database. With truncate it also empties
// the WAL, which a reader that still needs it prevents: ErrBusy at once.
func (db *DB) Checkpoint(ctx context.Context, truncate bool) (err error) {
	r := &Reader{db: db, ctx: ctx, write: true}
	if err := db.enter(r, "checkpoint"); err != nil {
		return err
	}
	defer func() {
		db.open = nil
		db.conn.SetInterrupt(context.Background())
	}()
	mode := sqlite3.CHECKPOINT_PASSIVE
	if truncate {
		mode = sqlite3.CHECKPOINT_TRUNCATE
		_ = db.conn.BusyTimeout(0) // a snapshot may last minutes; waiting for it would stop the owner
		defer func() { _ = db.conn.BusyTimeout(busyTimeout) }()
	}
	_, _, err = db.conn.WALCheckpoint("main", mode)
	if err != nil {
		return db.fail(ctx, "checkpoint", err)
	}
	return nil
}
