package diddb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/storage/sqlite"
)

func open(t *testing.T) (*DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	db, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, path
}

// sound fails the test unless the file's invariants hold.
func sound(t *testing.T, db *DB) {
	t.Helper()
	problems, err := db.Check(context.Background())
	if err != nil || len(problems) > 0 {
		t.Errorf("check: %v, %v", problems, err)
	}
}

func doc(did syntax.DID, extra string, at int64) Document {
	return Document{DID: did, JSON: fmt.Appendf(nil, `{"id":%q,"x":%q}`, did, extra), FetchedAt: time.UnixMilli(at)}
}

func TestDocuments(t *testing.T) {
	ctx := t.Context()
	db, path := open(t)
	const did = syntax.DID("did:web:example.com")
	if _, found, err := db.Document(ctx, did); found || err != nil {
		t.Fatalf("empty file: %v, %v", found, err)
	}
	for _, want := range []Document{doc(did, "one", 1000), doc(did, "two", 500)} {
		if err := db.PutDocument(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, found, err := db.Document(ctx, did)
		if err != nil || !found || got.DID != did || string(got.JSON) != string(want.JSON) || !got.FetchedAt.Equal(want.FetchedAt) {
			t.Errorf("got %+v %v %v, want %+v", got, found, err, want)
		}
	}
	sound(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, found, err := db.Document(ctx, did); !found || err != nil {
		t.Errorf("after reopening: %v, %v", found, err)
	}
	for range 2 {
		if err := db.DeleteDocument(ctx, did); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, _ := db.Document(ctx, did); found {
		t.Error("still there after the delete")
	}
}

func TestHandles(t *testing.T) {
	ctx := t.Context()
	db, _ := open(t)
	for _, want := range []Handle{
		{"a.example.com", "did:web:one.example.com", time.UnixMilli(1)},
		{"a.example.com", "did:web:two.example.com", time.UnixMilli(2)},
	} {
		if err := db.PutHandle(ctx, want); err != nil {
			t.Fatal(err)
		}
		if got, found, err := db.Handle(ctx, want.Handle); !found || err != nil || got != want {
			t.Errorf("got %+v %v %v, want %+v", got, found, err, want)
		}
	}
	sound(t, db)
	if err := db.DeleteHandle(ctx, "a.example.com"); err != nil {
		t.Fatal(err)
	}
	if _, found, err := db.Handle(ctx, "a.example.com"); found || err != nil {
		t.Errorf("after the delete: %v, %v", found, err)
	}
}

func TestTrim(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		before int64
		keep   int
		left   string
	}{
		{0, 100, "0 1 2 3 4 5 6 7 8 9"},
		{4, 100, "4 5 6 7 8 9"},
		{0, 3, "7 8 9"},
		{8, 3, "8 9"},
		{100, 3, ""},
	} {
		db, _ := open(t)
		for i := range 10 {
			did := syntax.DID(fmt.Sprintf("did:web:h%d.example.com", i))
			if err := db.PutDocument(ctx, doc(did, "", int64(i))); err != nil {
				t.Fatal(err)
			}
			if err := db.PutHandle(ctx, Handle{syntax.Handle(did[8:]), did, time.UnixMilli(int64(i))}); err != nil {
				t.Fatal(err)
			}
		}
		removed, err := db.Trim(ctx, time.UnixMilli(c.before), c.keep)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for i := range 10 {
			did := syntax.DID(fmt.Sprintf("did:web:h%d.example.com", i))
			_, d, _ := db.Document(ctx, did)
			_, h, _ := db.Handle(ctx, syntax.Handle(did[8:]))
			if d != h {
				t.Errorf("row %d: document %v, handle %v", i, d, h)
			}
			if d {
				left = append(left, fmt.Sprint(i))
			}
		}
		if got := strings.Join(left, " "); got != c.left || removed != 2*(10-len(left)) {
			t.Errorf("before %d keep %d: left %q, removed %d; want %q", c.before, c.keep, got, removed, c.left)
		}
	}
}

func TestCheckFindsDamage(t *testing.T) {
	ctx := t.Context()
	db, _ := open(t)
	damage := []error{
		db.PutDocument(ctx, Document{DID: "did:web:a.example.com", JSON: []byte("{")}),
		db.PutDocument(ctx, Document{DID: "did:web:b.example.com", JSON: []byte(`{"id":"did:web:c.example.com"}`)}),
		db.PutHandle(ctx, Handle{Handle: "UPPER.example.com", DID: "did:web:a.example.com"}),
		db.PutHandle(ctx, Handle{Handle: "ok.example.com", DID: "nonsense"}),
	}
	if err := errors.Join(damage...); err != nil {
		t.Fatal(err)
	}
	problems, err := db.Check(ctx)
	if err != nil || len(problems) != len(damage) {
		t.Errorf("%d problems, want %d: %v, %v", len(problems), len(damage), problems, err)
	}
}

func TestRemove(t *testing.T) {
	db, path := open(t)
	if err := db.PutDocument(t.Context(), doc("did:web:a.example.com", "", 0)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for range 2 {
		if err := Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	other := sqlite.Schema{Kind: "other", ApplicationID: 1, Migrations: []string{"CREATE TABLE t (x) "}}
	sql, err := sqlite.Open(t.Context(), path, other, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sql.Close()
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, sqlite.ErrForeign) {
		t.Errorf("%v, want ErrForeign", err)
	}
}
