package repodb_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

const owner syntax.DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"

// fill makes a file with n records in one commit.
func fill(t *testing.T, dir string, n int) *repodb.DB {
	t.Helper()
	db, err := repodb.Open(t.Context(), dir, owner, repodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	edit := mst.Empty().Edit()
	c := repodb.Change{Seq: 1, Rev: syntax.NewTID(1, 0)}
	for i := range n {
		body := dag.AppendInt(dag.AppendText(dag.AppendMap(nil, 1), "n"), int64(i))
		r := repodb.RecordChange{Collection: "com.example.item", RKey: syntax.RecordKey(syntax.NewTID(int64(i), 0)), CID: dag.Sum(body), Created: true, Bytes: body}
		if i == 0 {
			r.Subject = "did:plc:someone"
		}
		if err := edit.Create(r.Path(), r.CID); err != nil {
			t.Fatal(err)
		}
		c.Records = append(c.Records, r)
	}
	_, changed, err := edit.Finish()
	if err != nil {
		t.Fatal(err)
	}
	commit := []byte("any block")
	c.Nodes, c.Data, c.Commit = changed.New, changed.Root, car.Block{CID: dag.Sum(commit), Data: commit}
	if err := db.Transact(t.Context(), func(tx *repodb.Tx) error { return tx.Apply(owner, repodb.Merge([]repodb.Change{c})) }); err != nil {
		t.Fatal(err)
	}
	return db
}

func check(t *testing.T, db *repodb.DB) string {
	t.Helper()
	var found []string
	err := db.Read(t.Context(), func(r *repodb.Reader) error {
		problems, err := r.Check(t.Context())
		for _, p := range problems {
			found = append(found, p.String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, "; ")
}

// Every kind of damage is found, and an undamaged file is left in peace.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, damage, want string }{
		{"nothing", "", ""},
		{"a record lost", "DELETE FROM record WHERE rkey = (SELECT min(rkey) FROM record)", "tree"},
		{"a record changed", "UPDATE record SET block = x'a0' WHERE rkey = (SELECT max(rkey) FROM record)", "does not match its CID"},
		{"a record too many", "INSERT INTO record (collection, rkey, cid, rev, indexed_at, block) VALUES ('zz.example.item', 'x', x'00', 1, 1, x'a0')", "records are stored"},
		{"a node lost", "DELETE FROM node WHERE cid = (SELECT min(cid) FROM node)", "tree"},
		{"a node changed", "UPDATE node SET block = x'a0' WHERE cid = (SELECT min(cid) FROM node)", "tree"},
		{"a node too many", "INSERT INTO node VALUES (x'00', 1, x'a0')", "nodes are stored"},
		{"another commit", "UPDATE root SET commit_block = x'a0'", "commit"},
		{"a stray blob reference", "INSERT INTO record_blob VALUES ('bafk', 'com.example.item', 'gone')", "blob references"},
		{"a record miscounted", "UPDATE root SET records = records - 1", "root counts"},
		{"a blob uncounted", "INSERT INTO blob VALUES ('bafk', 'a/b', 1, 1, 1, NULL)", "root counts"},
		{"a blob nobody holds", "INSERT INTO blob VALUES ('bafk', 'a/b', 1, 0, 1, NULL)", "permanent blobs"},
		{"a preference of another name", "INSERT INTO preference VALUES (1, 'a.b.c#x', '{\"$type\":\"a.b.c#y\"}')", "preference 1 is named"},
		{"a preference that is no object", "INSERT INTO preference VALUES (1, 'a.b.c#x', '3')", "preference 1 is no JSON object"},
		{"a preference", "INSERT INTO preference VALUES (1, 'a.b.c#x', '{\"$type\":\"a.b.c#x\"}')", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			db := fill(t, dir, 300)
			if c.damage != "" {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				raw, err := sqlite3.Open("file:" + filepath.Join(dir, repodb.FileName))
				if err != nil {
					t.Fatal(err)
				}
				if err := raw.Exec(c.damage); err != nil {
					t.Fatal(err)
				}
				raw.Close()
				if db, err = repodb.Open(t.Context(), dir, owner, repodb.Options{}); err != nil {
					t.Fatal(err)
				}
			}
			defer db.Close()
			if got := check(t, db); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// A file that was copied to another account's place is refused.
func TestForeignFile(t *testing.T) {
	db := fill(t, t.TempDir(), 1)
	defer db.Close()
	c := repodb.Change{Seq: 2, Rev: syntax.NewTID(2, 0), Commit: car.Block{CID: dag.Sum(nil)}, Data: dag.Sum(nil)}
	err := db.Transact(t.Context(), func(tx *repodb.Tx) error {
		return tx.Apply("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", repodb.Merge([]repodb.Change{c}))
	})
	if err != repodb.ErrWrongAccount {
		t.Errorf("applied to a foreign file: %v", err)
	}
}
