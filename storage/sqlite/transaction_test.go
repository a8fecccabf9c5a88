package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

var bg = context.Background()

func temp(t testing.TB) string { return filepath.Join(t.TempDir(), "db") }

func TestTransactRollsBackOnErrorAndOnPanic(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	put(t, db, 1)
	refusal := errors.New("no")
	err := db.Transact(bg, func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(insertItem, 2, "two", nil); err != nil {
			t.Error(err)
		}
		return refusal
	})
	if err != refusal {
		t.Errorf("got %v, want the error as it was", err)
	}
	func() {
		defer func() {
			if r := recover(); r != "boom" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = db.Transact(bg, func(tx *sqlite.Tx) error {
			_, err := tx.Exec(insertItem, 3, "three", nil)
			return errors.Join(err, tx.Each(`SELECT id FROM item`, func(*sqlite.Row) error { panic("boom") }))
		})
	}()
	done := make(chan struct{})
	go func() { // as t.FailNow does
		defer close(done)
		_ = db.Transact(bg, func(tx *sqlite.Tx) error {
			_, _ = tx.Exec(insertItem, 4, "four", nil)
			goexit()
			return nil
		})
	}()
	<-done
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	put(t, db, 5) // the handle is as good as before
}

func TestOneTransactionAtATime(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	inside := func() (errs []error) {
		for _, err := range []error{
			db.Read(bg, func(*sqlite.Reader) error { return nil }),
			db.Transact(bg, func(*sqlite.Tx) error { return nil }),
			db.TransactFull(bg, func(*sqlite.Tx) error { return nil }),
			db.Checkpoint(bg, false),
		} {
			if !errors.Is(err, sqlite.ErrNested) {
				errs = append(errs, fmt.Errorf("want ErrNested, got %w", err))
			}
		}
		return errs
	}
	if err := db.Read(bg, func(*sqlite.Reader) error { return errors.Join(inside()...) }); err != nil {
		t.Error(err)
	}
	if err := db.Transact(bg, func(*sqlite.Tx) error { return errors.Join(inside()...) }); err != nil {
		t.Error(err)
	}
}

func TestAReaderEndsWithItsTransaction(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	var escaped *sqlite.Tx
	if err := db.Transact(bg, func(tx *sqlite.Tx) error { escaped = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	_, one := escaped.One(`SELECT 1`, nil)
	_, exec := escaped.Exec(insertItem, 1, "one", nil)
	for _, err := range []error{one, exec, escaped.Each(`SELECT 1`, nil)} {
		if !errors.Is(err, sqlite.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAClosedHandleSaysSo(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	_, snap := db.BeginSnapshot(bg)
	for i, err := range []error{
		db.Read(bg, nil), db.Transact(bg, nil), db.TransactFull(bg, nil), db.Sync(), db.Checkpoint(bg, true), snap,
	} {
		if !errors.Is(err, sqlite.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestAReaderDoesNotWrite(t *testing.T) {
	path := temp(t)
	db := open(t, path, sqlite.Options{})
	put(t, db, 1)
	write := func(r *sqlite.Reader) error {
		return r.Each(`INSERT INTO item(id, name) VALUES (7, 'x') RETURNING id`, func(*sqlite.Row) error { return nil })
	}
	if err := db.Read(bg, write); !errors.Is(err, sqlite.ErrReadOnly) {
		t.Errorf("Each in Read: %v", err)
	}
	if err := db.Transact(bg, func(tx *sqlite.Tx) error { return write(tx.Reader) }); err != nil {
		t.Errorf("Each in Transact: %v", err)
	}
	ro := open(t, path, sqlite.Options{ReadOnly: true})
	for _, err := range []error{
		ro.Transact(bg, func(*sqlite.Tx) error { return nil }),
		ro.TransactFull(bg, func(*sqlite.Tx) error { return nil }),
		ro.Checkpoint(bg, false),
	} {
		if !errors.Is(err, sqlite.ErrReadOnly) {
			t.Errorf("read-only handle: %v", err)
		}
	}
	if n := count(t, ro); n != 2 {
		t.Errorf("%d rows", n)
	}
}

func TestForeignKeysHold(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	err := db.Transact(bg, func(tx *sqlite.Tx) error { _, err := tx.Exec(`INSERT INTO child(item) VALUES (9)`); return err })
	if !errors.Is(err, sqlite.ErrConstraint) {
		t.Errorf("got %v", err)
	}
}

const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n`

func TestALongQueryEndsWithItsContext(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
	defer cancel()
	err := db.Read(ctx, func(r *sqlite.Reader) error {
		_, err := r.One(endless, func(*sqlite.Row) error { return nil })
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	gone := errors.New("client gone")
	ctx2, cancel2 := context.WithCancelCause(bg)
	err = db.Transact(ctx2, func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(insertItem, 1, "one", nil); err != nil {
			t.Error(err)
		}
		cancel2(gone)
		_, err := tx.Exec(insertItem, 2, "two", nil)
		return err
	})
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if err := db.Read(ctx2, nil); !errors.Is(err, gone) {
		t.Errorf("started although the context had ended: %v", err)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows of a transaction that was interrupted", n)
	}
	put(t, db, 1)
}

func TestADecidedCommitIsNotInterrupted(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	ctx, cancel := context.WithCancel(bg)
	err := db.Transact(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(insertItem, 1, "one", nil)
		cancel()
		return err
	})
	if err != nil || count(t, db) != 1 {
		t.Errorf("%v, %d rows", err, count(t, db))
	}
}

// synced says whether fn made the disk sync.
func synced(fs *faultvfs.FS, fn func()) bool {
	fs.Count(faultvfs.Sync)
	fn()
	return fs.Counted() > 0
}

func TestOnlyFullTransactionsSync(t *testing.T) {
	fs := faultvfs.New("syncs")
	db := open(t, temp(t), sqlite.Options{VFS: "syncs"})
	put(t, db, 1) // a new WAL is synced once
	insert := func(transact func(context.Context, func(*sqlite.Tx) error) error, id int, fail error) {
		err := transact(bg, func(tx *sqlite.Tx) error {
			_, err := tx.Exec(insertItem, id, fmt.Sprint(id), nil)
			return errors.Join(err, fail)
		})
		if !errors.Is(err, fail) {
			t.Error(err)
		}
	}
	if synced(fs, func() { insert(db.Transact, 2, nil) }) {
		t.Error("Transact synced")
	}
	if !synced(fs, func() { insert(db.TransactFull, 3, nil) }) {
		t.Error("TransactFull did not sync")
	}
	if synced(fs, func() { insert(db.Transact, 4, nil) }) {
		t.Error("Transact after TransactFull synced")
	}
	if synced(fs, func() { insert(db.TransactFull, 5, errors.New("no")) }) {
		t.Error("a TransactFull that was refused synced")
	}
	if synced(fs, func() { insert(db.Transact, 6, nil) }) {
		t.Error("Transact after a refused TransactFull synced")
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.TransactFull(bg, func(*sqlite.Tx) error { panic("x") })
	}()
	if synced(fs, func() { insert(db.Transact, 7, nil) }) {
		t.Error("Transact after a panic in TransactFull synced")
	}
	for i, want := range []bool{true, false} { // the second has nothing to do
		if got := synced(fs, func() {
			if err := db.Sync(); err != nil {
				t.Error(err)
			}
		}); got != want {
			t.Errorf("Sync %d: synced=%v, want %v", i+1, got, want)
		}
	}
}

func TestHandlesOfManyOwnersDoNotMeet(t *testing.T) {
	dir := t.TempDir()
	var owners sync.WaitGroup
	for i := range 4 {
		owners.Go(func() {
			path := filepath.Join(dir, fmt.Sprint(i))
			for round := range 3 {
				db, err := sqlite.Open(bg, path, schema, sqlite.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				put(t, db, 2*round, 2*round+1)
				if n := count(t, db); n != int64(2*round+2) {
					t.Errorf("%d rows in round %d", n, round)
				}
				db.Close()
			}
		})
	}
	owners.Wait()
}

func TestAFailedFsyncInACheckpointIsNotForgotten(t *testing.T) {
	// SQLite does not report the errors of an automatic checkpoint.
	fs := faultvfs.New("swallowed")
	db := open(t, temp(t), sqlite.Options{VFS: "swallowed"})
	defer fs.Kill()
	put(t, db, 1)
	fs.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Sync, Action: faultvfs.EIO})
	id := 1
	for ; fs.Fired() == 0 && id < 10_000; id++ { // until the WAL is long enough
		err := db.Transact(bg, func(tx *sqlite.Tx) error {
			_, err := tx.Exec(insertItem, id+1, fmt.Sprint(id+1), bytes.Repeat([]byte("x"), 100_000))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if fs.Fired() == 0 {
		t.Fatal("no automatic checkpoint")
	}
	for i, err := range []error{db.Sync(), db.Transact(bg, nil), db.TransactFull(bg, nil), db.Checkpoint(bg, false)} {
		if !errors.Is(err, sqlite.ErrSync) || !errors.Is(err, sqlite.ErrIO) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := count(t, db); n != int64(id) {
		t.Errorf("reads: %d rows, want %d", n, id)
	}
}

func TestOutOfMemoryIsAnErrorAndRollsBack(t *testing.T) {
	path := temp(t)
	db := open(t, path, sqlite.Options{MaxMemory: 1})
	put(t, db, 1)
	for range 3 {
		err := db.Transact(bg, func(tx *sqlite.Tx) error {
			if _, err := tx.Exec(insertItem, 2, "two", nil); err != nil {
				return err
			}
			_, err := tx.Exec(insertItem, 3, "three", make([]byte, 8<<20))
			return err
		})
		if !errors.Is(err, sqlite.ErrMemory) {
			t.Fatalf("got %v", err)
		}
		err = db.Read(bg, func(r *sqlite.Reader) error {
			_, err := r.One(`SELECT length(group_concat(hex(zeroblob(100000)))) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 100) SELECT i FROM n)`, func(*sqlite.Row) error { return nil })
			return err
		})
		if !errors.Is(err, sqlite.ErrMemory) {
			t.Fatalf("in a read: %v", err)
		}
	}
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	put(t, db, 4)
	db.Close()
	if n := count(t, open(t, path, sqlite.Options{})); n != 2 {
		t.Errorf("after reopening %d rows, want 2", n)
	}
	open(t, path, sqlite.Options{MaxMemory: 1}) // raised to what a connection needs
}
