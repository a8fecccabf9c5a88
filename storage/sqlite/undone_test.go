package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"troupe/storage/sqlite"
	"troupe/storage/sqlite/faultvfs"
)

// What would be written can be read on a full disk, and is then gone.
func TestUndoneNeedsNoRoom(t *testing.T) {
	disk := faultvfs.New("undone")
	path := filepath.Join(t.TempDir(), "db")
	db := open(t, path, sqlite.Options{VFS: "undone", CacheKiB: 64})
	defer db.Close()
	put(t, db, 1, 2, 3)
	disk.Set(faultvfs.Fault{At: 1, Action: faultvfs.ENOSPC, Sticky: true})
	rows := 0
	err := db.Undone(bg, func(tx *sqlite.Tx) error {
		for id := range 200 { // far more than the page cache holds
			if _, err := tx.Exec(insertItem, 100+id, fmt.Sprint("large ", id), make([]byte, 8_000)); err != nil {
				return err
			}
		}
		return tx.Each("SELECT id FROM item", func(*sqlite.Row) error { rows++; return nil })
	})
	if err != nil || rows != 203 {
		t.Errorf("%d rows, %v", rows, err)
	}
	if disk.Fired() != 0 {
		t.Error("it wrote to the disk")
	}
	disk.Clear()
	if n := count(t, db); n != 3 {
		t.Errorf("%d rows afterwards", n)
	}
	refused := errors.New("refused")
	if err := db.Undone(bg, func(*sqlite.Tx) error { return refused }); err != refused {
		t.Errorf("an error of its own: %v", err)
	}
	put(t, db, 4)
	if n := count(t, db); n != 4 {
		t.Errorf("%d rows after one more", n)
	}
}
