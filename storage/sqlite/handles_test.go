package sqlite_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

func goexit() { runtime.Goexit() }

func TestMigrationsAreReadInNameOrder(t *testing.T) {
	got := sqlite.Migrations(fstest.MapFS{
		"schema/002_b.sql": {Data: []byte("b")}, "schema/001_a.sql": {Data: []byte("a")}, "schema/README": {Data: []byte("x")},
	}, "schema")
	if len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Errorf("%q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("an empty folder was accepted")
		}
	}()
	sqlite.Migrations(fstest.MapFS{}, "schema")
}

func TestAFailedMigrationLeavesTheOldVersion(t *testing.T) {
	path := temp(t)
	put(t, open(t, path, sqlite.Options{}), 1)
	bad := schema
	bad.Migrations = append(append([]string{}, schema.Migrations...), `CREATE TABLE more (x) STRICT`) // no type
	if _, err := sqlite.Open(bg, path, bad, sqlite.Options{}); err == nil {
		t.Fatal("accepted")
	}
	bad.Migrations[2] = `CREATE TABLE more (x INTEGER) STRICT; INSERT INTO item(id) VALUES (1)`
	if _, err := sqlite.Open(bg, path, bad, sqlite.Options{}); !errors.Is(err, sqlite.ErrConstraint) {
		t.Fatalf("got %v", err)
	}
	if n := count(t, open(t, path, sqlite.Options{})); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestAReadOnlyHandleDoesNotMigrate(t *testing.T) {
	path := temp(t)
	open(t, path, sqlite.Options{})
	later := schema
	later.Migrations = append(append([]string{}, schema.Migrations...), `CREATE TABLE more (x INTEGER) STRICT`)
	if _, err := sqlite.Open(bg, path, later, sqlite.Options{ReadOnly: true}); !errors.Is(err, sqlite.ErrReadOnly) {
		t.Errorf("got %v", err)
	}
}

func TestExclusiveShowsADoubleOpen(t *testing.T) {
	path := temp(t)
	db := open(t, path, sqlite.Options{Exclusive: true})
	put(t, db, 1)
	ctx, cancel := context.WithTimeoutCause(bg, 50*time.Millisecond, sqlite.ErrBusy)
	defer cancel()
	if _, err := sqlite.Open(ctx, path, schema, sqlite.Options{}); !errors.Is(err, sqlite.ErrBusy) {
		t.Errorf("got %v", err)
	}
	db.Close()
	open(t, path, sqlite.Options{})
}

func TestASnapshotOutlivesTheWriter(t *testing.T) {
	path := temp(t)
	db := open(t, path, sqlite.Options{})
	put(t, db, 1, 2)

	if _, err := db.BeginSnapshot(bg); !errors.Is(err, sqlite.ErrReadOnly) {
		t.Errorf("a snapshot on the writer's handle: %v", err)
	}
	ro := open(t, path, sqlite.Options{ReadOnly: true})
	snap, err := ro.BeginSnapshot(bg)
	if err != nil {
		t.Fatal(err)
	}
	see := func(want int64) {
		t.Helper()
		var n int64
		if err := countIn(snap.Reader(), &n); err != nil || n != want {
			t.Fatalf("the snapshot has %d rows, want %d; %v", n, want, err)
		}
	}
	see(2)
	put(t, db, 3)
	if err := db.Checkpoint(bg, true); !errors.Is(err, sqlite.ErrBusy) {
		t.Errorf("emptied the WAL under a reader: %v", err)
	}
	if err := db.Checkpoint(bg, false); err != nil {
		t.Errorf("a passive checkpoint beside a reader: %v", err)
	}
	see(2)
	if err := ro.Read(bg, nil); !errors.Is(err, sqlite.ErrNested) {
		t.Errorf("a second use of the handle: %v", err)
	}
	db.Close()
	see(2)
	db = open(t, path, sqlite.Options{}) // the next activation
	put(t, db, 4)
	see(2)
	for _, suffix := range []string{"", "-wal", "-shm"} { // the account is deleted
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	see(2)
	reader := snap.Reader()
	snap.Close()
	snap.Close()
	if err := reader.Each(`SELECT 1`, nil); !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestASnapshotEndsWithItsContext(t *testing.T) {
	path := temp(t)
	put(t, open(t, path, sqlite.Options{}), 1)
	ro := open(t, path, sqlite.Options{ReadOnly: true})
	ctx, cancel := context.WithCancelCause(bg)
	snap, err := ro.BeginSnapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	gone := errors.New("revoked")
	cancel(gone)
	if err := snap.Reader().Each(`SELECT id FROM item`, func(*sqlite.Row) error { return nil }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	snap.Close()
	if n := count(t, ro); n != 1 { // the handle serves the next one
		t.Errorf("%d rows", n)
	}
}

func TestASnapshotOutOfMemoryIsAnError(t *testing.T) {
	path := temp(t)
	put(t, open(t, path, sqlite.Options{}), 1)
	snap, err := open(t, path, sqlite.Options{ReadOnly: true, MaxMemory: 1}).BeginSnapshot(bg)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	const huge = `SELECT hex(zeroblob(5000000)) FROM item`
	none := func(row *sqlite.Row) error { _ = row.Text(0); return nil }
	_, one := snap.Reader().One(huge, none)
	for _, err := range []error{one, snap.Reader().Each(huge, none)} {
		if !errors.Is(err, sqlite.ErrMemory) {
			t.Errorf("got %v", err)
		}
	}
	var n int64
	if err := countIn(snap.Reader(), &n); err != nil || n != 1 {
		t.Errorf("afterwards %d rows, %v", n, err)
	}
}

func TestALongWALIsEmptiedOnClose(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		empty bool
	}{{"short", 1000, false}, {"long", 400_000, true}} {
		path := temp(t)
		db := open(t, path, sqlite.Options{})
		err := db.Transact(bg, func(tx *sqlite.Tx) error {
			_, err := tx.Exec(insertItem, 1, "one", make([]byte, c.bytes))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatalf("%s: the WAL is gone: %v", c.name, err)
		}
		if (info.Size() == 0) != c.empty {
			t.Errorf("%s: WAL of %d bytes after Close", c.name, info.Size())
		}
		if n := count(t, open(t, path, sqlite.Options{})); n != 1 {
			t.Errorf("%s: %d rows", c.name, n)
		}
	}
}

func TestErrorsKeepTheErrno(t *testing.T) {
	fs := faultvfs.New("errno")
	for _, c := range []struct {
		action faultvfs.Action
		errno  syscall.Errno
		class  error
	}{
		{faultvfs.EIO, syscall.EIO, sqlite.ErrIO},
		{faultvfs.ENOSPC, syscall.ENOSPC, sqlite.ErrFull},
		{faultvfs.EDQUOT, syscall.EDQUOT, sqlite.ErrFull},
		{faultvfs.EROFS, syscall.EROFS, sqlite.ErrIO},
	} {
		db := open(t, temp(t), sqlite.Options{VFS: "errno"})
		put(t, db, 1)
		fs.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write, Action: c.action, Sticky: true})
		err := db.Transact(bg, func(tx *sqlite.Tx) error { _, err := tx.Exec(insertItem, 2, "two", nil); return err })
		if errno, ok := sqlite.Errno(err); !ok || errno != c.errno || !errors.Is(err, c.errno) || !errors.Is(err, c.class) {
			t.Errorf("%v: %v", c.errno, err)
		}
		if n := count(t, db); n != 1 { // reads go on
			t.Errorf("%v: %d rows", c.errno, n)
		}
		fs.Clear()
		put(t, db, 2) // and so do writes, once there is room
	}
	if _, ok := sqlite.Errno(errors.New("other")); ok {
		t.Error("an errno in an error that has none")
	}
}

func TestABrokenPageIsCorruption(t *testing.T) {
	path := temp(t)
	db := open(t, path, sqlite.Options{})
	put(t, db, 1, 2, 3)
	if err := db.Checkpoint(bg, true); err != nil {
		t.Fatal(err)
	}
	db.Close()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(content); i++ { // all but the schema
		content[i] = 0xff
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, sqlite.Options{})
	err = db.Read(bg, func(r *sqlite.Reader) error {
		return r.Each(`SELECT name FROM item`, func(*sqlite.Row) error { return nil })
	})
	if !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
