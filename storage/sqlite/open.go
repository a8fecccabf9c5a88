package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// busyTimeout is how long a connection waits for another one's lock before
// ErrBusy. Every file has one writer, so it is met only by tools beside the
// server.
const busyTimeout = 5 * time.Second

// Open opens the file at path, creates it (mode 0600; its directory must
// exist) and brings its schema up to date. A read-only handle does neither.
//
// Errors: ErrNewer, ErrForeign, ErrCorrupt, ErrFull, ErrIO, ErrBusy; also
// fs.ErrNotExist where the directory, or for a read-only handle the file, is
// missing.
//
// Where the shared index of the WAL cannot be written, on a full disk or a
// read-only file system, the handle keeps that index in memory: reads go on,
// writes are ErrFull or ErrReadOnly, and on a full disk a second handle may be
// ErrBusy. Such a handle is best closed when its owner learns of either error:
// the next one is an ordinary one again if the cause is gone. (A read-only file
// system has to hold an index of some age, as every file that was in use does.)
func Open(ctx context.Context, path string, s Schema, o Options) (*DB, error) {
	db, err := open(ctx, path, s, o)
	if o.Exclusive || !errors.Is(err, ErrFull) && !errors.Is(err, syscall.EROFS) {
		return db, err
	}
	o.Exclusive = true // which is SQLite's way to need no shared index
	if alone, err2 := open(ctx, path, s, o); err2 == nil {
		return alone, nil
	}
	return nil, err
}

func open(ctx context.Context, path string, s Schema, o Options) (_ *DB, err error) {
	o = o.withDefaults()
	db := &DB{path: path, schema: s, options: o, state: &fileState{alone: o.Exclusive}}
	name, err := vfsName(o.VFS)
	if err != nil {
		return nil, db.refuse("open", ErrIO, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, db.refuse("open", ErrIO, err)
	}
	defer func() {
		if r := recover(); r != nil {
			db.abandon()
			if !isOutOfMemory(r) {
				panic(r)
			}
			err = db.refuse("open", ErrMemory, r.(error))
		}
	}()
	mode := "rwc"
	if o.ReadOnly {
		mode = "rw" // not "ro": a reader of a WAL file takes part in its shared index
	}
	id, forget := lend(db.state)
	defer forget()
	uri := "file:" + uriPath.Replace(abs) + "?mode=" + mode + "&vfs=" + name + "&" + stateParameter + "=" + id
	db.conn, err = sqlite3.OpenContext(sqlite3.WithMaxMemory(ctx, o.MaxMemory), uri)
	if err != nil {
		return nil, db.fail(ctx, "open", err)
	}
	if err = db.setUp(ctx); err != nil {
		err = db.fail(ctx, "open", err)
		db.abandon()
		return nil, err
	}
	return db, nil
}

// uriPath escapes what has a meaning in a file: URI.
var uriPath = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// setUp leaves a connection that answers queries, with a current schema.
func (db *DB) setUp(ctx context.Context) error {
	db.conn.SetInterrupt(ctx)
	defer db.conn.SetInterrupt(context.Background())
	o := db.options
	if o.Exclusive {
		// Before the file is first read: no shared index is made then. And no
		// waiting: whoever has the file open has it for as long as it likes.
		if err := db.conn.Exec("PRAGMA locking_mode=EXCLUSIVE"); err != nil {
			return err
		}
	} else if err := db.conn.BusyTimeout(busyTimeout); err != nil {
		return err
	}
	for _, c := range configuration {
		if _, err := db.conn.Config(c.option, c.on); err != nil {
			return err
		}
	}
	version, err := db.identify() // the first read
	if err != nil {
		return err
	}
	var b strings.Builder
	switch {
	case o.ReadOnly:
		b.WriteString("PRAGMA query_only=ON;")
	case db.state.wal == nil:
		// A new file, or one that was made without us. The page size counts
		// only while it is empty.
		fmt.Fprintf(&b, "PRAGMA page_size=%d;PRAGMA journal_mode=WAL;", o.PageSize)
	}
	fmt.Fprintf(&b, "PRAGMA synchronous=%s;PRAGMA cache_size=-%d;PRAGMA temp_store=MEMORY", o.Durability, o.CacheKiB)
	if err := db.conn.Exec(b.String()); err != nil {
		return err
	}
	pages := 0
	if !o.NoAutoCheckpoint && !o.ReadOnly {
		pages = walTarget / o.PageSize
	}
	if err := db.conn.WALAutoCheckpoint(pages); err != nil {
		return err
	}
	return db.checkSchema(ctx, version)
}

// configuration is what takes no parsing to be set.
var configuration = []struct {
	option sqlite3.DBConfig
	on     bool
}{
	{sqlite3.DBCONFIG_ENABLE_FKEY, true},
	{sqlite3.DBCONFIG_TRUSTED_SCHEMA, false},
	{sqlite3.DBCONFIG_DEFENSIVE, true},
}

// String is the value of PRAGMA synchronous.
func (d Durability) String() string {
	if d == Full {
		return "FULL"
	}
	return "NORMAL"
}
