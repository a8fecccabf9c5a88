package logdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
	"troupe/storage/sqlite"
)

var ctx = context.Background()

const (
	alice = syntax.DID("did:plc:alice")
	bob   = syntax.DID("did:plc:bob")
)

func sum(parts ...any) cid.Cid { return dag.Sum(fmt.Append(nil, parts...)) }

func rev(n int) syntax.TID { return syntax.NewTID(int64(n)*1_000_000, 0) }

// commitFrame is as much of a #commit as the checker reads.
func commitFrame(seq int64, did syntax.DID, rev, since syntax.TID, commit, prevData cid.Cid) []byte {
	b := dag.AppendMap(nil, 1)
	b = dag.AppendText(b, "t")
	b = dag.AppendText(b, "#commit")
	fields := 5
	if prevData.Defined() {
		fields++
	}
	b = dag.AppendMap(b, fields)
	b = dag.AppendText(dag.AppendText(b, "rev"), string(rev))
	b = dag.AppendInt(dag.AppendText(b, "seq"), seq)
	b = dag.AppendText(dag.AppendText(b, "repo"), string(did))
	b = dag.AppendText(b, "since")
	if since == "" {
		b = dag.AppendNull(b)
	} else {
		b = dag.AppendText(b, string(since))
	}
	b = dag.AppendCID(dag.AppendText(b, "commit"), commit)
	if prevData.Defined() {
		b = dag.AppendCID(dag.AppendText(b, "prevData"), prevData)
	}
	return b
}

func commitRow(seq, account int64, did syntax.DID, n int) Entry {
	e := Entry{Seq: seq, Account: account, DID: did, Kind: 1, Public: true, Time: seq, Rev: rev(n), Commit: sum("c", did, n), Data: sum("d", did, n), Effects: []byte{0x80}}
	if n == 1 {
		e.Status = 1
		e.Frame = commitFrame(seq, did, rev(1), "", e.Commit, cid.Undef)
	} else {
		e.Frame = commitFrame(seq, did, rev(n), rev(n-1), e.Commit, sum("d", did, n-1))
	}
	return e
}

func headRow(id int64, did syntax.DID, seq int64, n int) Head {
	return Head{ID: id, DID: did, Seq: seq, Rev: rev(n), Commit: sum("c", did, n), Data: sum("d", did, n), Status: 1, Incarnation: 1, CreatedAt: 1}
}

// good is a log of two accounts: alice with numbers 1, 3, 4 and bob with 2.
func good(t *testing.T) *DB {
	t.Helper()
	db, err := Open(ctx, filepath.Join(t.TempDir(), FileName), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	err = db.Transact(ctx, func(tx *Tx) error {
		for _, h := range []Head{headRow(1, alice, 4, 3), headRow(2, bob, 2, 1)} {
			if err := tx.InsertHead(h); err != nil {
				return err
			}
		}
		for _, e := range []Entry{commitRow(1, 1, alice, 1), commitRow(2, 2, bob, 1), commitRow(3, 1, alice, 2), commitRow(4, 1, alice, 3)} {
			if err := tx.Insert(&e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func check(t *testing.T, db *DB, ceiling int64) (found []Violation) {
	t.Helper()
	err := db.Read(ctx, func(r *Reader) (err error) {
		found, err = r.Check(ceiling)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// replace swaps a row for another with a checksum of its own.
func replace(e Entry) func(*Tx) error {
	return func(tx *Tx) error {
		if _, err := tx.sql.Exec(`DELETE FROM log WHERE seq = ?`, e.Seq); err != nil {
			return err
		}
		return tx.Insert(&e)
	}
}

func exec(sql string) func(*Tx) error {
	return func(tx *Tx) error { _, err := tx.sql.Exec(sql); return err }
}

func TestCheck(t *testing.T) {
	row := func(seq int64, n int, change func(*Entry)) func(*Tx) error {
		e := commitRow(seq, 1, alice, n)
		change(&e)
		return replace(e)
	}
	tests := []struct {
		name   string
		damage func(*Tx) error
		want   string // "": nothing to find
	}{
		{"nothing", exec(`UPDATE head SET applied_seq = seq`), ""},
		{"oldest rows pruned", exec(`DELETE FROM log WHERE seq = 1`), ""},
		{"all rows of an applied account pruned", func(tx *Tx) error {
			if err := tx.MarkApplied(bob, 2); err != nil {
				return err
			}
			_, err := tx.Purge(2)
			return err
		}, ""},
		{"flipped byte in a frame", exec(`UPDATE log SET frame = CAST(replace(CAST(frame AS TEXT), 'rev', 'reV') AS BLOB) WHERE seq = 3`), "checksum"},
		{"another time", exec(`UPDATE log SET time = time + 1 WHERE seq = 2`), "checksum"},
		{"row of another account", exec(`UPDATE log SET account = 2 WHERE seq = 3`), "checksum"},
		{"row of no account", exec(`UPDATE log SET account = 7 WHERE seq = 3`), "belong to no head"},
		{"newest row lost", exec(`DELETE FROM log WHERE seq = 4`), "newest entry is 3"},
		{"only row lost", exec(`DELETE FROM log WHERE seq = 2`), "entries are gone"},
		{"middle row lost", exec(`DELETE FROM log WHERE seq = 3`), "since is"},
		{"head behind", exec(`UPDATE head SET seq = 3 WHERE id = 1`), "newest entry is 4"},
		{"head with another rev", exec(`UPDATE head SET rev = '3l4aaaaaaaa22' WHERE id = 1`), "its entries say"},
		{"head with another status", exec(`UPDATE head SET status = 3 WHERE id = 2`), "status 3, its entries say 1"},
		{"head without a status", exec(`UPDATE head SET status = 0 WHERE id = 2`), "status 0"},
		{"mark above the head", exec(`UPDATE head SET applied_seq = 9 WHERE id = 1`), "applied up to 9"},
		{"no incarnation", exec(`UPDATE head SET incarnation = 0 WHERE id = 1`), "incarnation"},
		{"number above the ceiling", exec(`UPDATE head SET seq = 11 WHERE id = 1`), "above the ceiling"},
		{"public without a frame", row(3, 2, func(e *Entry) { e.Frame = nil }), "without a frame"},
		{"frame that is none", row(3, 2, func(e *Entry) { e.Frame = []byte("x") }), "frame:"},
		{"bytes behind a frame", row(3, 2, func(e *Entry) { e.Frame = append(e.Frame, 0) }), "bytes behind"},
		{"frame with another number", row(3, 2, func(e *Entry) { e.Frame = commitRow(33, 1, alice, 2).Frame }), "carries number 33"},
		{"frame about another DID", row(3, 2, func(e *Entry) { e.Frame = commitRow(3, 2, bob, 2).Frame }), "is about"},
		{"frame with another rev", row(3, 2, func(e *Entry) {
			e.Frame = commitFrame(3, alice, rev(9), rev(1), e.Commit, sum("d", alice, 1))
		}), "carries rev"},
		{"frame with another commit", row(3, 2, func(e *Entry) { e.Commit = sum("other") }), "carries commit"},
		{"rev that falls", row(3, 2, func(e *Entry) {
			e.Rev = rev(1)
			e.Frame = commitFrame(3, alice, rev(1), rev(1), e.Commit, sum("d", alice, 1))
		}), "does not rise"},
		{"broken prevData", row(3, 2, func(e *Entry) { e.Frame = commitFrame(3, alice, rev(2), rev(1), e.Commit, sum("other")) }), "prevData is"},
		{"a first commit in the middle", row(3, 2, func(e *Entry) { e.Frame = commitFrame(3, alice, rev(2), "", e.Commit, cid.Undef) }), "since is"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := good(t)
			if found := check(t, db, 10); len(found) > 0 {
				t.Fatalf("before the damage: %v", found)
			}
			if err := db.Transact(ctx, tt.damage); err != nil {
				t.Fatal(err)
			}
			found := check(t, db, 10)
			if tt.want == "" {
				if len(found) > 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			for _, v := range found {
				if strings.Contains(v.String(), tt.want) {
					return
				}
			}
			t.Errorf("found %v, want something with %q", found, tt.want)
		})
	}
}

// A damaged row is never handed out, and those in front of it are.
func TestDamagedRowEndsAWalk(t *testing.T) {
	db := good(t)
	if err := db.Transact(ctx, exec(`UPDATE log SET frame = zeroblob(length(frame)) WHERE seq = 3`)); err != nil {
		t.Fatal(err)
	}
	walks := map[string]func(*Reader, func(*Entry) error) error{
		"public":     func(r *Reader, fn func(*Entry) error) error { return r.Public(0, 100, 100, fn) },
		"of account": func(r *Reader, fn func(*Entry) error) error { return r.OfAccount(1, 0, 100, fn) },
		"all":        func(r *Reader, fn func(*Entry) error) error { return r.All(0, 100, fn) },
	}
	for name, walk := range walks {
		var last int64
		err := db.Read(ctx, func(r *Reader) error {
			return walk(r, func(e *Entry) error { last = e.Seq; return nil })
		})
		if !errors.Is(err, ErrChecksum) || last > 2 || last == 0 {
			t.Errorf("%s: ended at %d with %v", name, last, err)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	db := good(t)
	want := Entry{Seq: 9, Account: 2, DID: bob, Kind: 7, Time: -5}
	if err := db.Transact(ctx, func(tx *Tx) error { return tx.Insert(&want) }); err != nil {
		t.Fatal(err)
	}
	err := db.Read(ctx, func(r *Reader) error {
		return r.OfAccount(2, 2, 10, func(e *Entry) error {
			if e.Effects != nil || e.Frame != nil {
				t.Errorf("NULL came back as %v, %v", e.Effects, e.Frame)
			}
			if e.Seq != want.Seq || e.DID != bob || e.Kind != 7 || e.Public || e.Time != -5 || e.Rev != "" || e.Commit.Defined() || e.Data.Defined() || e.Status != 0 {
				t.Errorf("got %+v", e)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Transact(ctx, func(tx *Tx) error { return tx.Insert(&want) })
	if !errors.Is(err, sqlite.ErrConstraint) {
		t.Errorf("the same number twice: %v", err)
	}
}

// The queries of the hot and of the long paths use the index made for them.
func TestQueryPlans(t *testing.T) {
	db := good(t)
	for sql, want := range map[string]string{
		selectHead:         "SEARCH head USING INDEX sqlite_autoindex_head_1 (did=?)",
		selectHeads:        "SEARCH head USING INDEX head_created",
		selectBehind:       "SEARCH head USING INDEX sqlite_autoindex_head_1 (did>?)",
		selectPublic:       "SEARCH log USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		selectOfAccount:    "SEARCH log USING INDEX log_account (account=? AND seq>?)",
		selectAccountKinds: "SEARCH log USING INDEX log_accounts",
		selectEarliest:     "SEARCH log USING INDEX log_time (time>?)",
		deleteOfAccount:    "SEARCH log USING INDEX log_account (account=?)",
		prune:              "SEARCH log USING INDEX log_time (time<?)",
	} {
		var plan []string
		err := db.Transact(ctx, func(tx *Tx) error {
			args := make([]any, strings.Count(sql, "?"))
			if sql == prune {
				args = make([]any, 3)
			}
			return tx.sql.Each("EXPLAIN QUERY PLAN "+sql, func(row *sqlite.Row) error {
				plan = append(plan, row.Text(3))
				return nil
			}, args...)
		})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(strings.ReplaceAll(text, "COVERING ", ""), want) || strings.Contains(text, "TEMP B-TREE") {
			t.Errorf("%s\nruns as\n%s\nwant %s", sql, text, want)
		}
	}
}
