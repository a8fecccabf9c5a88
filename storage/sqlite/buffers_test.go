package sqlite_test

import (
	"errors"
	"os"
	"testing"

	"troupe/storage/sqlite"
)

// With more room the WAL grows further before it is copied back; what is in it
// counts all the same, and a handle that is not free is left as it is.
func TestSetBuffers(t *testing.T) {
	walOf := func(db *sqlite.DB) int64 {
		for i := range 300 { // some 12 MB of pages
			err := db.Transact(bg, func(tx *sqlite.Tx) error {
				_, err := tx.Exec(insertItem, i, string(rune('a'+i)), make([]byte, 40_000))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		info, err := os.Stat(db.Path() + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	usual := walOf(open(t, temp(t), sqlite.Options{}))
	path := temp(t)
	db := open(t, path, sqlite.Options{})
	if err := db.SetBuffers(bg, 4<<10, 32<<20); err != nil {
		t.Fatal(err)
	}
	if large := walOf(db); large < 10<<20 || usual > 6<<20 {
		t.Errorf("the WAL has %d bytes, and usually %d", large, usual)
	}
	err := db.Transact(bg, func(*sqlite.Tx) error { return db.SetBuffers(bg, 1, 1) })
	if err == nil {
		t.Error("changed inside a transaction")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.SetBuffers(bg, 1, 1); !errors.Is(err, sqlite.ErrClosed) {
		t.Error(err)
	}
	if n := count(t, open(t, path, sqlite.Options{})); n != 300 {
		t.Errorf("%d rows", n)
	}
}
