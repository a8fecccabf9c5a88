package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"troupe/storage/sqlite"
)

func TestStatementsMayBeUsedInsideTheirOwnLoop(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	put(t, db, 1, 2, 3)
	const above = `SELECT id FROM item WHERE id > ? ORDER BY id`
	for range 3 { // the copies are kept and used again
		var got []int64
		err := db.Read(bg, func(r *sqlite.Reader) error {
			return r.Each(above, func(outer *sqlite.Row) error {
				a := outer.Int64(0)
				return r.Each(above, func(middle *sqlite.Row) error {
					b := middle.Int64(0)
					err := r.Each(above, func(inner *sqlite.Row) error {
						got = append(got, a*100+b*10+inner.Int64(0))
						return nil
					}, b)
					if a != outer.Int64(0) || b != middle.Int64(0) {
						t.Error("an inner loop moved an outer one")
					}
					return err
				}, a)
			}, 0)
		})
		if err != nil || fmt.Sprint(got) != "[123]" {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

func TestStatementsAreCleanAfterEveryUse(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	put(t, db, 1, 2, 3)
	const echo = `SELECT ?, ? FROM item`
	stop := errors.New("stop")
	err := db.Read(bg, func(r *sqlite.Reader) error {
		if err := r.Each(echo, func(*sqlite.Row) error { return stop }, "secret", 1); err != stop {
			t.Errorf("got %v", err)
		}
		if err := r.Each(echo, nil, 1); err == nil {
			t.Error("a missing argument was not noticed")
		}
		if err := r.Each(echo, nil, 1, struct{}{}); err == nil {
			t.Error("a struct was bound")
		}
		n := 0
		err := r.Each(echo, func(row *sqlite.Row) error {
			if n++; !row.IsNull(0) || !row.IsNull(1) {
				t.Errorf("an argument of an earlier use is still there: %q", row.Text(0))
			}
			return nil
		}, nil, nil)
		if n != 3 {
			t.Errorf("%d rows, want 3: the loop that was left goes on", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// A constraint that failed leaves the statement usable in the same transaction.
	err = db.Transact(bg, func(tx *sqlite.Tx) error {
		if _, err := tx.Exec(insertItem, 1, "again", nil); !errors.Is(err, sqlite.ErrConstraint) {
			t.Errorf("got %v", err)
		}
		_, err := tx.Exec(insertItem, 4, "four", nil)
		return err
	})
	if err != nil || count(t, db) != 4 {
		t.Errorf("%v", err)
	}
}

func TestManyTextsOfSQL(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	err := db.Read(bg, func(r *sqlite.Reader) error {
		for i := range 700 { // more than are kept
			var got int64
			if _, err := r.One(fmt.Sprintf(`SELECT %d`, i), func(row *sqlite.Row) error { got = row.Int64(0); return nil }); err != nil || got != int64(i) {
				return fmt.Errorf("%d: %d, %w", i, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Read(bg, func(r *sqlite.Reader) error { _, err := r.One(`SELECT 1; SELECT 2`, nil); return err })
	if err == nil {
		t.Error("two statements in one were accepted")
	}
}

type (
	named  string
	number int64
	raw    []byte
	small  uint32
)

func TestValuesComeBackAsTheyWere(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	err := db.Read(bg, func(r *sqlite.Reader) error {
		found, err := r.One(`SELECT ?,?,?,?,?,?,?,?,?,?,?,?,?,?`, func(row *sqlite.Row) error {
			for i, ok := range []bool{
				row.IsNull(0), row.Bool(1), !row.Bool(2), row.Int64(3) == -5, row.Int64(4) == 1<<62,
				row.Text(5) == "añ\x00b", row.Text(6) == "", bytes.Equal(row.Blob(7), []byte{0, 1}),
				row.Blob(8) != nil && len(row.Blob(8)) == 0 && !row.IsNull(8), row.IsNull(9) && row.Blob(9) == nil,
				row.Text(10) == "n", row.Int64(11) == 7, bytes.Equal(row.RawBlob(12), []byte("r")), row.Int64(13) == 9,
			} {
				if !ok {
					t.Errorf("column %d: %q", i, row.Text(i))
				}
			}
			kept := row.Blob(7)
			kept[0] = 9 // a copy
			if row.RawBlob(7)[0] != 0 {
				t.Error("Blob shares memory with SQLite")
			}
			return nil
		}, nil, true, false, -5, int64(1<<62), "añ\x00b", "", []byte{0, 1}, []byte{}, []byte(nil), named("n"), number(7), raw("r"), small(9))
		if !found {
			t.Error("no row")
		}
		if found, err := r.One(`SELECT 1 WHERE 0`, nil); found || err != nil {
			t.Errorf("%v, %v", found, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChangedRowsAreCounted(t *testing.T) {
	db := open(t, temp(t), sqlite.Options{})
	put(t, db, 1, 2, 3)
	err := db.Transact(bg, func(tx *sqlite.Tx) error {
		n, err := tx.Exec(`DELETE FROM item WHERE id > ?`, 1)
		if n != 2 {
			t.Errorf("%d", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
