package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

// A transaction of many pages is one write to the WAL. The first of a
// connection begins with a header of its own.
func TestTransactionIsOneWrite(t *testing.T) {
	for _, durability := range []sqlite.Durability{sqlite.Normal, sqlite.Full} {
		t.Run(durability.String(), func(t *testing.T) {
			disk := faultvfs.New("one-write")
			db := open(t, filepath.Join(t.TempDir(), "db"), sqlite.Options{VFS: "one-write", Durability: durability})
			put(t, db, 1)
			disk.Count(faultvfs.Write)
			err := db.Transact(bg, func(tx *sqlite.Tx) error {
				for id := range 20 {
					if _, err := tx.Exec(insertItem, 100+id, fmt.Sprint("large ", id), make([]byte, 8_000)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := disk.Counted(); n != 1 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// touchAgain writes more than the page cache holds and comes back to every page,
// so that frames have gone to the WAL already, are read again and overwritten.
func touchAgain(tx *sqlite.Tx) error { return errors.Join(touch(tx, "once"), touch(tx, "twice")) }

func touch(tx *sqlite.Tx, text string) error {
	for id := range 40 {
		if _, err := tx.Exec(`INSERT INTO item(id, name, body) VALUES (?1, ?2, ?3)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, body = excluded.body`,
			1000+id, fmt.Sprint(text, " ", id), bytes.Repeat([]byte(text), 1000)); err != nil {
			return err
		}
	}
	return nil
}

// What a reader sees and what a later process recovers from the WAL alone is
// all of a transaction that did not fit into the cache.
func TestTransactionLargerThanTheCache(t *testing.T) {
	for _, durability := range []sqlite.Durability{sqlite.Normal, sqlite.Full} {
		t.Run(durability.String(), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "db")
			db := open(t, path, sqlite.Options{Durability: durability, CacheKiB: 64, NoAutoCheckpoint: true})
			reader := open(t, path, sqlite.Options{ReadOnly: true})
			put(t, db, 1, 2)
			if err := db.Transact(bg, touchAgain); err != nil {
				t.Fatal(err)
			}
			want := "40 rows of twice"
			if got := twice(t, reader); got != want {
				t.Errorf("a reader sees %s", got)
			}
			later := filepath.Join(dir, "later") // without the shared index, as after a power cut
			for _, suffix := range []string{"", "-wal"} {
				b, err := os.ReadFile(path + suffix)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(later+suffix, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := twice(t, open(t, later, sqlite.Options{})); got != want {
				t.Errorf("the next process sees %s", got)
			}
		})
	}
}

func twice(t *testing.T, db *sqlite.DB) (text string) {
	t.Helper()
	err := db.Read(bg, func(r *sqlite.Reader) error {
		err := r.Each(`PRAGMA integrity_check`, func(row *sqlite.Row) error {
			if text := row.Text(0); text != "ok" {
				return errors.New(text)
			}
			return nil
		})
		if err != nil {
			return err
		}
		_, err = r.One(`SELECT count(*) FROM item WHERE id >= 1000 AND name LIKE 'twice %' AND body = CAST(? AS BLOB)`, func(row *sqlite.Row) error {
			text = fmt.Sprint(row.Int64(0), " rows of twice")
			return nil
		}, bytes.Repeat([]byte("twice"), 1000))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What a transaction wrote early is gone with it, and not written over what
// another connection commits in the same place afterwards.
func TestRolledBackFramesStayAway(t *testing.T) {
	disk := faultvfs.New("rolled-back")
	path := filepath.Join(t.TempDir(), "db")
	db := open(t, path, sqlite.Options{VFS: "rolled-back", CacheKiB: 64})
	other := open(t, path, sqlite.Options{})
	put(t, db, 1)
	refused := errors.New("refused")
	for i, end := range []func(error) error{
		func(error) error { return refused }, // after everything went well
		func(err error) error { return err }, // because the disk is full at the commit
	} {
		if i == 1 {
			disk.Set(faultvfs.Fault{At: 1, Ops: faultvfs.Write, Action: faultvfs.ENOSPC, Sticky: true})
		}
		err := db.Transact(bg, func(tx *sqlite.Tx) error { return end(touch(tx, "twice")) })
		if i == 0 && err != refused || i == 1 && !errors.Is(err, sqlite.ErrFull) {
			t.Fatalf("case %d: %v", i, err)
		}
		disk.Clear()
		put(t, other, 10+i)
		put(t, db, 20+i)
		if got := twice(t, other); got != "0 rows of twice" {
			t.Errorf("case %d: %s", i, got)
		}
		if n, want := count(t, other), int64(3+2*i); n != want {
			t.Errorf("case %d: %d rows, want %d", i, n, want)
		}
	}
}
