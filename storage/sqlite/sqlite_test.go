package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"troupe/storage/sqlite"
)

var schema = sqlite.Schema{
	Kind:          "test",
	ApplicationID: 0x54455354,
	Migrations: []string{
		`CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB) STRICT;`,
		`CREATE TABLE child (item INTEGER NOT NULL REFERENCES item(id)) STRICT;
		 CREATE INDEX child_item ON child(item);`,
	},
}

const insertItem = `INSERT INTO item(id, name, body) VALUES (?, ?, ?)`

func open(t testing.TB, path string, o sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func put(t testing.TB, db *sqlite.DB, ids ...int) {
	t.Helper()
	err := db.Transact(context.Background(), func(tx *sqlite.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(insertItem, id, fmt.Sprint("name ", id), []byte{byte(id)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, db *sqlite.DB) int64 {
	t.Helper()
	var n int64
	err := db.Read(context.Background(), func(r *sqlite.Reader) error { return countIn(r, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func countIn(r *sqlite.Reader, n *int64) error {
	_, err := r.One(`SELECT count(*) FROM item`, func(row *sqlite.Row) error { *n = row.Int64(0); return nil })
	return err
}

func TestCommittedRowsAreThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a%b#c?d.sqlite")
	db := open(t, path, sqlite.Options{PageSize: 8192})
	put(t, db, 1, 2, 3)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, sqlite.Options{})
	if n := count(t, db); n != 3 {
		t.Fatalf("%d rows, want 3", n)
	}
	err := db.Read(context.Background(), func(r *sqlite.Reader) error {
		_, err := r.One("PRAGMA page_size", func(row *sqlite.Row) error {
			if got := row.Int64(0); got != 8192 {
				t.Errorf("page size %d, want 8192", got)
			}
			return nil
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	put(t, open(t, path, sqlite.Options{}), 1)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%q has mode %v, want 0600", suffix, mode)
		}
	}
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	open(t, path, sqlite.Options{}).Close()

	older := schema
	older.Migrations = schema.Migrations[:1]
	if _, err := sqlite.Open(ctx, path, older, sqlite.Options{}); !errors.Is(err, sqlite.ErrNewer) {
		t.Errorf("newer schema: %v", err)
	}
	other := schema
	other.ApplicationID = 7
	if _, err := sqlite.Open(ctx, path, other, sqlite.Options{}); !errors.Is(err, sqlite.ErrForeign) {
		t.Errorf("other application_id: %v", err)
	}
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("this is not a database, however long one reads it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(ctx, junk, schema, sqlite.Options{}); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("junk: %v", err)
	}
	if _, err := sqlite.Open(ctx, filepath.Join(dir, "no", "db"), schema, sqlite.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := sqlite.Open(ctx, filepath.Join(dir, "none"), schema, sqlite.Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read-only, no file: %v", err)
	}
}
