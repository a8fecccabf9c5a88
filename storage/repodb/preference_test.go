package repodb_test

import (
	"fmt"
	"testing"

	"troupe/storage/repodb"
)

func preferences(t *testing.T, db *repodb.DB) (all []repodb.Preference) {
	t.Helper()
	err := db.Read(t.Context(), func(r *repodb.Reader) (err error) {
		all, err = r.Preferences()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPreferences(t *testing.T) {
	dir := t.TempDir()
	db := fill(t, dir, 3)
	if got := preferences(t, db); got != nil {
		t.Errorf("a new file has %v", got)
	}
	a := repodb.Preference{Name: "a.b.c#x", Value: []byte(`{"$type":"a.b.c#x","n":1}`)}
	b := repodb.Preference{Name: "a.b.c#x", Value: []byte(`{"$type":"a.b.c#x","n":2}`)}
	c := repodb.Preference{Name: "a.b.d", Value: []byte(`{"$type":"a.b.d","t":"ö\u0000"}`)}
	for _, all := range [][]repodb.Preference{{a, b, c}, {c, b, a, a}, {b}, nil, {a}} {
		if err := db.TransactFull(t.Context(), func(tx *repodb.Tx) error { return tx.SetPreferences(all) }); err != nil {
			t.Fatal(err)
		}
		if got := preferences(t, db); fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("%s, want %s", got, all)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := repodb.Open(t.Context(), dir, owner, repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := preferences(t, db); len(got) != 1 || got[0].Name != a.Name {
		t.Errorf("after closing: %s", got)
	}
	if got := check(t, db); got != "" {
		t.Error(got)
	}
}
