package fsck_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/cmd/pds/fsck"
	"troupe/sequencing"
	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/keys"
	"troupe/storage/logdb"
)

func store(dir string, d syntax.DID) string {
	return filepath.Join(keys.ActorDir(filepath.Join(dir, "actors"), d), "store.sqlite")
}

func remove(t testing.TB, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.RemoveAll(p); err != nil {
			t.Fatal(err)
		}
	}
}

func removeDB(t testing.TB, path string) { remove(t, path, path+"-wal", path+"-shm") }

// forget prunes bob's entries up to what his file has, as time does.
func forget(t testing.TB, dir string) {
	sql(t, filepath.Join(dir, "sequencer.sqlite"), `DELETE FROM log WHERE account = (SELECT id FROM head WHERE did = ?) AND kind = 1`, bob.String())
}

// flip changes one byte in the middle of a file.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0xff
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tear damages a page in the middle of a database, behind its WAL.
func tear(t testing.TB, path string) {
	t.Helper()
	pragma(t, path, `PRAGMA wal_checkpoint(TRUNCATE)`)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 512 {
		b[len(b)/2&^4095+i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A torn page may take anything with it. What counts is that it is found, and
// that the rest is looked at nevertheless.
func TestTornPagesAreFound(t *testing.T) {
	for _, c := range []struct {
		file string
		rule fsck.Rule
	}{{"sequencer.sqlite", fsck.RuleLog}, {"account.sqlite", fsck.RuleIndex}, {"did_cache.sqlite", fsck.RuleCache}, {"", fsck.RuleStore}} {
		t.Run(string(c.rule), func(t *testing.T) {
			t.Parallel()
			dir := sample(t)
			path := filepath.Join(dir, c.file)
			if c.file == "" {
				path = store(dir, alice)
			}
			tear(t, path)
			chmod(t, store(dir, bob), 0o644)
			_, found, noted := run(t, options(dir))
			of := func(r fsck.Rule) bool {
				return slices.ContainsFunc(found, func(f fsck.Finding) bool { return f.Rule == r })
			}
			if !of(c.rule) || !of(fsck.RuleMode) {
				t.Errorf("found\n%s", lines(found))
			}
			for _, f := range found {
				if f.Rule != c.rule && f.Rule != fsck.RuleMode {
					t.Logf("also %s", f)
				}
			}
			if len(noted) > 0 {
				t.Error(noted)
			}
		})
	}
}

// One damage at a time, and the finding that says so; nothing else is found.
func TestEachDamageIsOneFinding(t *testing.T) {
	var (
		log      = func(dir string) string { return filepath.Join(dir, "sequencer.sqlite") }
		accounts = func(dir string) string { return filepath.Join(dir, "account.sqlite") }
		ofBob    = ` WHERE did = '` + bob.String() + `'`
	)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		rule   fsck.Rule
		did    syntax.DID
		file   string // ending
		text   string // part
	}{
		{"the log is gone", func(t *testing.T, dir string) { removeDB(t, log(dir)) }, fsck.RuleLog, "", "sequencer.sqlite", "gone"},
		{"a row of the log is changed", func(t *testing.T, dir string) {
			sql(t, log(dir), `UPDATE log SET time = time + 1 WHERE seq = (SELECT max(seq) FROM log WHERE account = (SELECT id FROM head`+ofBob+`))`)
		}, fsck.RuleLog, bob, "sequencer.sqlite", "checksum"},
		{"a head is set back", func(t *testing.T, dir string) {
			sql(t, log(dir), `UPDATE head SET seq = seq - 1, applied_seq = 1`+ofBob)
		}, fsck.RuleLog, bob, "sequencer.sqlite", "newest entry"},
		{"a collection is not listed", func(t *testing.T, dir string) {
			sql(t, log(dir), `DELETE FROM collection WHERE account = (SELECT id FROM head`+ofBob+`)`)
		}, fsck.RuleListed, bob, "sequencer.sqlite", "app.bsky.feed.post"},
		{"a collection is listed that is not there", func(t *testing.T, dir string) {
			sql(t, log(dir), `INSERT INTO collection (nsid, account) SELECT 'com.example.none', id FROM head`+ofBob)
		}, fsck.RuleListed, bob, "sequencer.sqlite", "com.example.none"},
		{"the ceiling is gone", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "sequence.ceiling")) }, fsck.RuleCeiling, "", "sequence.ceiling", "gone"},
		{"the ceiling is damaged", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "sequence.ceiling"), 0) }, fsck.RuleCeiling, "", "sequence.ceiling", "damaged"},
		{"numbers above the ceiling", func(t *testing.T, dir string) {
			if err := logdb.WriteCeiling(filepath.Join(dir, "sequence.ceiling"), 7); err != nil {
				t.Fatal(err)
			}
		}, fsck.RuleCeiling, "", "sequence.ceiling", "ends at 7"},

		{"a commit that another key signed", func(t *testing.T, dir string) {
			forge(t, dir, forgery{key: func(*server) atcrypto.PrivateKey {
				k, err := atcrypto.GeneratePrivateKeyK256()
				if err != nil {
					t.Fatal(err)
				}
				return k
			}})
		}, fsck.RuleEvent, bob, "sequencer.sqlite", "signature"},
		{"an operation that did not happen", func(t *testing.T, dir string) {
			forge(t, dir, forgery{frame: func(f *sequencing.CommitFrame) {
				f.Ops = []sequencing.RepoOp{{Action: sequencing.ActionDelete, Path: "app.bsky.feed.post/zzz", Prev: dag.Sum([]byte("x"))}}
			}})
		}, fsck.RuleEvent, bob, "sequencer.sqlite", "undone"},
		{"an operation without its record", func(t *testing.T, dir string) {
			forge(t, dir, forgery{frame: func(f *sequencing.CommitFrame) {
				f.Ops = []sequencing.RepoOp{{Action: sequencing.ActionCreate, Path: "app.bsky.feed.post/zzz", CID: dag.Sum([]byte("x"))}}
			}})
		}, fsck.RuleEvent, bob, "sequencer.sqlite", "not among the blocks"},
		{"a sync of another commit", func(t *testing.T, dir string) {
			_, block := forge(t, dir, forgery{})
			s := start(t, dir)
			defer s.stop()
			s.write(bob, 4, 1)
			head, _, _ := s.log.Head(t.Context(), bob)
			frame := sequencing.SyncFrame{DID: bob, Rev: head.Rev, Blocks: car.AppendBlock(car.AppendHeader(nil, block.CID), block.CID, block.Data), Time: time.Now()}
			s.append(head, sequencing.Entry{Kind: sequencing.KindSync, Visibility: sequencing.Public, Frame: frame.Encode(), Time: time.Now()})
		}, fsck.RuleEvent, bob, "sequencer.sqlite", "shows"},
		{"an event of another status", func(t *testing.T, dir string) {
			s := start(t, dir)
			defer s.stop()
			head, _, _ := s.log.Head(t.Context(), bob)
			frame := sequencing.AccountFrame{DID: bob, Status: sequencing.StatusTakendown, Time: time.Now()}
			s.append(head, sequencing.Entry{
				Kind: sequencing.KindAccount, Visibility: sequencing.Public, Frame: frame.Encode(), Time: time.Now(),
				Next: sequencing.Change{Status: sequencing.StatusDeactivated},
			})
		}, fsck.RuleEvent, bob, "sequencer.sqlite", "deactivated"},

		{"effects without a block", func(t *testing.T, dir string) {
			forge(t, dir, forgery{entry: func(e *sequencing.Entry, _ *car.Block) { e.Effects.New = append(e.Effects.New, dag.Sum([]byte("x"))) }})
		}, fsck.RuleEffects, bob, "sequencer.sqlite", "not among the blocks"},
		{"effects take out what was not there", func(t *testing.T, dir string) {
			forge(t, dir, forgery{entry: func(e *sequencing.Entry, _ *car.Block) {
				e.Effects.Removed = append(e.Effects.Removed, dag.Sum([]byte("x")))
			}})
		}, fsck.RuleEffects, bob, "sequencer.sqlite", "go out"},
		{"effects that the file does not have", func(t *testing.T, dir string) {
			extra := car.Block{CID: dag.Sum([]byte{0xa0}), Data: []byte{0xa0}}
			head, block := forge(t, dir, forgery{extra: &extra, entry: func(e *sequencing.Entry, b *car.Block) { e.Effects.New = append(e.Effects.New, b.CID) }})
			sql(t, store(dir, bob), `UPDATE root SET seq = ?, rev = ?, commit_cid = ?, commit_block = ?`,
				int(head.Seq), int(head.Rev.Integer()), block.CID.Bytes(), block.Data)
		}, fsck.RuleEffects, bob, "sequencer.sqlite", "not in the file"},

		{"the accounts are gone", func(t *testing.T, dir string) { removeDB(t, accounts(dir)) }, fsck.RuleIndex, "", "account.sqlite", "gone"},
		{"an account without a row", func(t *testing.T, dir string) { sql(t, accounts(dir), `DELETE FROM actor`+ofBob) }, fsck.RuleIndex, bob, "account.sqlite", "no row"},
		{"an account in another state", func(t *testing.T, dir string) {
			sql(t, accounts(dir), `UPDATE actor SET status = 2, deactivated_at = 1`+ofBob)
		}, fsck.RuleIndex, bob, "account.sqlite", "deactivated"},
		{"an account against its own rules", func(t *testing.T, dir string) {
			sql(t, accounts(dir), `UPDATE actor SET delete_after = 1`+ofBob)
		}, fsck.RuleIndex, "", "account.sqlite", "active account"},
		{"an account that the log does not know", func(t *testing.T, dir string) {
			sql(t, accounts(dir), `INSERT INTO actor (did, created_at, status) VALUES (?, 1, 1)`, did(9).String())
		}, fsck.RuleIndex, did(9), "account.sqlite", "knows no such"},
		{"the accounts lag behind the log's mark", func(t *testing.T, dir string) {
			sql(t, accounts(dir), `UPDATE meta SET applied_seq = 1`)
		}, fsck.RuleMark, "", "account.sqlite", "believes"},
		{"the accounts are ahead of the log", func(t *testing.T, dir string) {
			sql(t, accounts(dir), `UPDATE meta SET applied_seq = 9000`)
		}, fsck.RuleAhead, "", "account.sqlite", "ends at"},

		{"a store that is no database", func(t *testing.T, dir string) {
			removeDB(t, store(dir, bob))
			if err := os.WriteFile(store(dir, bob), []byte(strings.Repeat("not a database ", 600)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, fsck.RuleStore, bob, "store.sqlite", ""},
		{"a store of another account", func(t *testing.T, dir string) { sql(t, store(dir, bob), `UPDATE root SET did = ?`, carol.String()) }, fsck.RuleStore, bob, "store.sqlite", "another account"},
		{"a record is lost", func(t *testing.T, dir string) { sql(t, store(dir, bob), `DELETE FROM record WHERE rkey = 'k0002'`) }, fsck.RuleStore, bob, "store.sqlite", "tree"},
		{"a record is changed", func(t *testing.T, dir string) {
			sql(t, store(dir, bob), `UPDATE record SET block = x'a0' WHERE rkey = 'k0002'`)
		}, fsck.RuleStore, bob, "store.sqlite", "CID"},
		{"a node too many", func(t *testing.T, dir string) {
			sql(t, store(dir, bob), `INSERT INTO node (cid, rev, block) VALUES (?, 1, x'a0')`, dag.Sum([]byte{0xa0}).Bytes())
		}, fsck.RuleStore, bob, "store.sqlite", "nodes are stored"},
		{"a reference without a blob", func(t *testing.T, dir string) {
			sql(t, store(dir, bob), `INSERT INTO record_blob (blob_cid, collection, rkey) VALUES ('bafk', 'app.bsky.feed.post', 'k0002')`)
		}, fsck.RuleStore, bob, "store.sqlite", "root counts"},
		{"a root row that its commit denies", func(t *testing.T, dir string) { sql(t, store(dir, bob), `UPDATE root SET rev = rev + 1`) }, fsck.RuleHead, bob, "store.sqlite", "rev"},
		{"a commit block that is damaged", func(t *testing.T, dir string) { sql(t, store(dir, bob), `UPDATE root SET commit_block = x'a0'`) }, fsck.RuleHead, bob, "store.sqlite", "hash"},

		{"the key of somebody else", func(t *testing.T, dir string) {
			remove(t, filepath.Join(filepath.Dir(store(dir, bob)), "key"))
			s := start(t, dir)
			defer s.stop()
			k, err := atcrypto.GeneratePrivateKeyK256()
			if err == nil {
				err = s.vault.WriteSigningKey(s.folder(bob), bob, k)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, fsck.RuleSignature, bob, "store.sqlite", "does not verify"},
		{"no key", func(t *testing.T, dir string) { remove(t, filepath.Join(filepath.Dir(store(dir, bob)), "key")) }, fsck.RuleKey, bob, "key", "no signing key"},
		{"a damaged key", func(t *testing.T, dir string) { flip(t, filepath.Join(filepath.Dir(store(dir, bob)), "key"), 60) }, fsck.RuleKey, bob, "key", "does not open"},
		{"no key-encryption key", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "keys", "kek")) }, fsck.RuleKey, "", "kek", "gone"},

		{"a file ahead of the log", func(t *testing.T, dir string) {
			older := t.TempDir()
			copyTree(t, dir, older)
			s := start(t, dir)
			s.write(bob, 4, 2)
			s.stop()
			for _, name := range []string{"sequencer.sqlite", "sequencer.sqlite-wal", "account.sqlite", "account.sqlite-wal"} {
				remove(t, filepath.Join(dir, name))
				b, err := os.ReadFile(filepath.Join(older, name))
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			remove(t, filepath.Join(dir, "sequencer.sqlite-shm"), filepath.Join(dir, "account.sqlite-shm"))
		}, fsck.RuleAhead, bob, "store.sqlite", "rev"},
		{"another commit of the same rev", func(t *testing.T, dir string) {
			replaceCommit(t, dir)
		}, fsck.RuleFork, bob, "store.sqlite", "both of rev"},
		{"another commit of a rev that the log has passed", func(t *testing.T, dir string) {
			replaceCommit(t, dir)
			older := t.TempDir()
			copyTree(t, filepath.Dir(store(dir, bob)), older)
			// The server would refuse such a file, so the log moves on without it.
			forge(t, dir, forgery{})
			removeDB(t, store(dir, bob))
			copyTree(t, older, filepath.Dir(store(dir, bob)))
		}, fsck.RuleFork, bob, "store.sqlite", "of the log"},
		{"another commit of a rev whose entry is gone", func(t *testing.T, dir string) {
			forget(t, dir)
			sql(t, log(dir), `UPDATE head SET commit_cid = ?`+ofBob, dag.Sum([]byte("x")).Bytes())
		}, fsck.RuleFork, bob, "store.sqlite", "both of rev"},
		{"a file set back, and the log has moved on", func(t *testing.T, dir string) {
			older := t.TempDir()
			copyTree(t, filepath.Dir(store(dir, bob)), older)
			s := start(t, dir)
			s.write(bob, 4, 2)
			s.stop()
			forget(t, dir)
			removeDB(t, store(dir, bob))
			copyTree(t, older, filepath.Dir(store(dir, bob)))
		}, fsck.RuleGap, bob, "store.sqlite", "leads to"},
		{"a file is gone, and the log has moved on", func(t *testing.T, dir string) {
			forget(t, dir)
			removeDB(t, store(dir, bob))
		}, fsck.RuleGap, bob, "store.sqlite", "leads to"},
		{"a file set back below its mark", func(t *testing.T, dir string) {
			older := t.TempDir()
			copyTree(t, filepath.Dir(store(dir, bob)), older)
			s := start(t, dir)
			s.write(bob, 4, 2)
			s.stop()
			removeDB(t, store(dir, bob))
			copyTree(t, older, filepath.Dir(store(dir, bob)))
		}, fsck.RuleMark, bob, "store.sqlite", "believes"},

		{"a damaged cache", func(t *testing.T, dir string) {
			sql(t, filepath.Join(dir, "did_cache.sqlite"), `INSERT INTO documents (did, json, fetched_at) VALUES ('did:plc:x', x'7b7d', 1)`)
		}, fsck.RuleCache, "", "did_cache.sqlite", "may be deleted"},

		{"a folder of nobody", func(t *testing.T, dir string) {
			copyTree(t, filepath.Dir(store(dir, bob)), filepath.Dir(store(dir, did(9))))
		}, fsck.RuleOrphan, did(9), did(9).String(), "knows no such"},
		{"a folder in the wrong place", func(t *testing.T, dir string) {
			copyTree(t, filepath.Dir(store(dir, bob)), filepath.Join(dir, "actors", "00", bob.String()))
		}, fsck.RuleOrphan, bob, "00/" + bob.String(), "the account's folder is"},
		{"a folder without a DID", func(t *testing.T, dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "actors", "00", "lost"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, fsck.RuleOrphan, "", "lost", "no account"},
		{"the folder of a deleted account", func(t *testing.T, dir string) {
			s := start(t, dir)
			defer s.stop()
			head, _, _ := s.log.Head(t.Context(), bob)
			frame := sequencing.AccountFrame{DID: bob, Status: sequencing.StatusDeleted, Time: time.Now()}
			s.append(head, sequencing.Entry{
				Kind: sequencing.KindAccount, Visibility: sequencing.Public, Frame: frame.Encode(), Time: time.Now(),
				Next: sequencing.Change{Status: sequencing.StatusDeleted},
			})
			s.follow()
		}, fsck.RuleOrphan, bob, bob.String(), "deleted"},

		{"a file that others may read", func(t *testing.T, dir string) { chmod(t, store(dir, bob), 0o644) }, fsck.RuleMode, "", "store.sqlite", "0644"},
		{"a folder that others may enter", func(t *testing.T, dir string) { chmod(t, filepath.Dir(store(dir, bob)), 0o750) }, fsck.RuleMode, "", bob.String(), "0750"},
		{"a key-encryption key that others may read", func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "keys", "kek"), 0o640) }, fsck.RuleMode, "", "kek", "0640"},
		{"a data directory that others may write", func(t *testing.T, dir string) { chmod(t, dir, 0o777) }, fsck.RuleMode, "", ".", "0777"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := sample(t)
			c.damage(t, dir)
			_, found, _ := run(t, options(dir))
			if len(found) != 1 {
				t.Fatalf("%d findings:\n%s", len(found), lines(found))
			}
			if f := found[0]; f.Rule != c.rule || f.DID != c.did || !strings.HasSuffix(f.File, c.file) || !strings.Contains(f.Text, c.text) {
				t.Errorf("found %s", f)
			}
		})
	}
}

func lines(found []fsck.Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.String())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func chmod(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// replaceCommit puts into bob's file another commit than the log's, of the same rev.
func replaceCommit(t testing.TB, dir string) {
	t.Helper()
	head, _ := forge(t, dir, forgery{})
	s := start(t, dir)
	key, err := s.vault.ReadSigningKey(s.folder(bob), bob)
	s.stop()
	if err != nil {
		t.Fatal(err)
	}
	other := sign(t, key, head, head.Rev, dag.Sum([]byte("x")))
	sql(t, store(dir, bob), `UPDATE root SET seq = ?, rev = ?, commit_cid = ?, commit_block = ?`,
		int(head.Seq), int(head.Rev.Integer()), other.CID.Bytes(), other.Data)
}
