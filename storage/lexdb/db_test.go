package lexdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
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

func lexicon(nsid syntax.NSID, at int64, more ...string) Lexicon {
	l := Lexicon{
		NSID: nsid, DID: "did:web:example.com", Rev: "3jzfcijpj2z2a", FetchedAt: time.UnixMilli(at),
		Documents: [][]byte{fmt.Appendf(nil, `{"id":%q}`, nsid)},
	}
	for _, m := range more {
		l.Documents = append(l.Documents, []byte(m))
	}
	return l
}

func TestLexicons(t *testing.T) {
	ctx := t.Context()
	db, path := open(t)
	const nsid = syntax.NSID("com.example.thing")
	if _, found, err := db.Lexicon(ctx, nsid); found || err != nil {
		t.Fatalf("empty file: %v, %v", found, err)
	}
	later := lexicon(nsid, 500)
	later.DID, later.Rev = "did:web:other.example.com", "3jzfcijpj2z2b"
	for _, want := range []Lexicon{lexicon(nsid, 1000, `{"id":"com.example.defs"}`, `{"id":"com.example.more"}`), later} {
		if err := db.Put(ctx, want); err != nil {
			t.Fatal(err)
		}
		if got, found, err := db.Lexicon(ctx, nsid); err != nil || !found || !reflect.DeepEqual(got, want) {
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
	if got, found, err := db.Lexicon(ctx, nsid); !found || err != nil || !reflect.DeepEqual(got, later) {
		t.Errorf("after reopening: %+v, %v, %v", got, found, err)
	}
	for range 2 {
		if err := db.Delete(ctx, nsid); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, _ := db.Lexicon(ctx, nsid); found {
		t.Error("still there after the delete")
	}
}

func TestTrim(t *testing.T) {
	ctx := t.Context()
	row := int64(len(lexicon("com.example.t0", 0).Documents[0]))
	for _, c := range []struct {
		before int64
		keep   int64 // rows
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
			if err := db.Put(ctx, lexicon(syntax.NSID(fmt.Sprintf("com.example.t%d", i)), int64(i))); err != nil {
				t.Fatal(err)
			}
		}
		removed, err := db.Trim(ctx, time.UnixMilli(c.before), c.keep*row)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for i := range 10 {
			if _, found, _ := db.Lexicon(ctx, syntax.NSID(fmt.Sprintf("com.example.t%d", i))); found {
				left = append(left, fmt.Sprint(i))
			}
		}
		if got := strings.Join(left, " "); got != c.left || removed != 10-len(left) {
			t.Errorf("before %d keep %d: left %q, removed %d; want %q", c.before, c.keep, got, removed, c.left)
		}
	}
}

func TestCheckFindsDamage(t *testing.T) {
	ctx := t.Context()
	db, _ := open(t)
	nobody, unproven, other, broken := lexicon("com.example.a", 0), lexicon("com.example.b", 0), lexicon("com.example.c", 0), lexicon("com.example.d", 0)
	nobody.DID, unproven.Rev = "nonsense", "nonsense"
	other.Documents = lexicon("com.example.x", 0).Documents
	broken.Documents = [][]byte{[]byte("{")}
	damage := []Lexicon{nobody, unproven, other, broken}
	for _, d := range damage {
		if err := db.Put(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	problems, err := db.Check(ctx)
	if err != nil || len(problems) != len(damage) {
		t.Errorf("%d problems, want %d: %v, %v", len(problems), len(damage), problems, err)
	}
}

func TestRemove(t *testing.T) {
	db, path := open(t)
	if err := db.Put(t.Context(), lexicon("com.example.a", 0)); err != nil {
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
