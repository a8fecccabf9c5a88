package sqlite

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// What went wrong, to be asked with errors.Is. Every error of this package
// answers to at most one of the first group, and to ErrSync besides where an
// fsync failed.
var (
	ErrFull       = errors.New("disk full")                     // no space or quota left: the transaction is rolled back, reads go on
	ErrIO         = errors.New("I/O error")                     // the medium or the file system failed; Errno has the reason
	ErrCorrupt    = errors.New("database is corrupt")           // the content is not a sound database
	ErrBusy       = errors.New("database is locked")            // another connection held the lock for the whole time-out
	ErrConstraint = errors.New("constraint failed")             // UNIQUE, CHECK, NOT NULL, foreign key, STRICT type
	ErrReadOnly   = errors.New("database is read-only")         // a write through a Reader, a read-only handle or a read-only file system
	ErrMemory     = errors.New("out of memory")                 // the connection reached Options.MaxMemory
	ErrNewer      = errors.New("database schema is newer")      // written by a later version of this program
	ErrForeign    = errors.New("not a database of this kind")   // another application_id, or tables without one
	ErrClosed     = errors.New("database is closed")            // the handle, or the transaction of the Reader, has ended
	ErrNested     = errors.New("a transaction is already open") // Read or Transact inside another on the same handle

	// ErrUnmade: a read-only handle met a file that was created and has no
	// schema yet: its maker died in between. It holds nothing. Reported together
	// with ErrReadOnly.
	ErrUnmade = errors.New("no schema yet")

	// ErrSync: an fsync failed, so the kernel may have dropped what it was
	// asked to keep, and a second fsync would report success without having
	// written it. The handle refuses every later write; what earlier Normal
	// commits wrote must be taken for lost. Reported together with ErrIO or
	// ErrFull.
	ErrSync = errors.New("fsync failed")
)

// Error is what the methods of this package return for everything that SQLite
// or the file system refused.
type Error struct {
	Kind  string        // Schema.Kind of the file
	Op    string        // "open", "commit", "query", …
	Class error         // one of the sentinels, nil for plain SQL errors
	Sync  bool          // an fsync failed
	Errno syscall.Errno // first errno of the file system during the operation, or 0
	Err   error         // as SQLite said it
}

func (e *Error) Error() string {
	text := "sqlite: " + e.Kind + ": " + e.Op
	if e.Class != nil {
		text += ": " + e.Class.Error()
	}
	if e.Sync {
		text += ": " + ErrSync.Error()
	}
	if e.Errno != 0 {
		text += ": " + e.Errno.Error()
	}
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Is(target error) bool {
	switch {
	case target == nil:
		return false
	case target == ErrSync:
		return e.Sync
	}
	if errno, ok := target.(syscall.Errno); ok {
		return e.Errno == errno
	}
	return target == e.Class
}

// Errno returns the first error number that the file system gave during the
// failed operation. It tells a full disk from a broken one, and both from a
// file system that became read-only.
func Errno(err error) (syscall.Errno, bool) {
	var e *Error
	if errors.As(err, &e) && e.Errno != 0 {
		return e.Errno, true
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno, true
	}
	return 0, false
}

// noSpace are the error numbers that mean "free some space and try again".
func noSpace(errno syscall.Errno) bool {
	return errno == syscall.ENOSPC || errno == syscall.EDQUOT
}

// classify maps what SQLite said, and what the file system said underneath, to
// a sentinel.
func classify(err error, errno syscall.Errno) error {
	if isOutOfMemory(err) {
		return ErrMemory
	}
	var code sqlite3.ErrorCode
	if !errors.As(err, &code) {
		switch { // a file system call of our own
		case errno == 0:
			return nil
		case noSpace(errno):
			return ErrFull
		}
		return ErrIO
	}
	switch code {
	case sqlite3.FULL:
		return ErrFull
	case sqlite3.IOERR, sqlite3.CANTOPEN, sqlite3.PROTOCOL, sqlite3.NOLFS, sqlite3.PERM:
		if errors.Is(err, sqlite3.IOERR_DATA) { // a page whose checksum is wrong
			return ErrCorrupt
		}
		if noSpace(errno) || errors.Is(err, sqlite3.IOERR_SHMSIZE) { // the wal-index could not grow; its errno is lost
			return ErrFull
		}
		return ErrIO
	case sqlite3.CORRUPT, sqlite3.NOTADB:
		return ErrCorrupt
	case sqlite3.BUSY, sqlite3.LOCKED:
		return ErrBusy
	case sqlite3.CONSTRAINT, sqlite3.MISMATCH:
		return ErrConstraint
	case sqlite3.READONLY:
		return ErrReadOnly
	case sqlite3.NOMEM:
		return ErrMemory
	}
	return nil
}

// fail wraps an error of SQLite once. An interrupt that our own context caused
// comes back as the cause of that context.
func (db *DB) fail(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) { // already told
		return err
	}
	if ctx != nil && ctx.Err() != nil {
		if errors.Is(err, sqlite3.INTERRUPT) || errors.Is(err, sqlite3.BUSY) {
			return fmt.Errorf("sqlite: %s: %s: %w", db.schema.Kind, op, context.Cause(ctx))
		}
	}
	errno := db.state.first
	if errno == 0 {
		_ = errors.As(err, &errno)
	}
	return &Error{
		Kind: db.schema.Kind, Op: op, Err: err, Errno: errno,
		Class: classify(err, errno), Sync: db.state.syncFailed(),
	}
}

// refuse makes an error that SQLite was not asked about.
func (db *DB) refuse(op string, class error, err error) error {
	return &Error{Kind: db.schema.Kind, Op: op, Class: class, Err: err}
}

// oomText is the only mark by which the library's out-of-memory panic can be
// told from others: its type is internal to the library.
const oomText = "sqlite3: out of memory"

func isOutOfMemory(v any) bool {
	err, ok := v.(error)
	return ok && err.Error() == oomText
}
